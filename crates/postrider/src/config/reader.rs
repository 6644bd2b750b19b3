//! Walks through the tables of a file and gathers every problem on the way, so that all of them
//! are told at once. A value that is wrong is told and then taken for absent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use mail::address::{AddressError, DomainName};

use super::options::SectionDoc;
use super::problem::{Problem, Severity, Source, Sourced, Text};
use super::units;

/// What is gathered while reading one file.
pub(crate) struct Reader {
    text: Text,
    /// What relative paths start from.
    base: PathBuf,
    problems: RefCell<Vec<Problem>>,
    spans: RefCell<BTreeMap<String, Range<usize>>>,
}

/// The problems of a file, and where each of its keys is.
pub(crate) struct Gathered {
    pub(crate) problems: Vec<Problem>,
    pub(crate) spans: BTreeMap<String, Range<usize>>,
}

/// One table.
#[derive(Clone)]
pub(crate) struct Section<'r> {
    reader: &'r Reader,
    /// `queue`, `listen.mx`, empty for the top.
    name: String,
    table: Option<&'r DeTable<'r>>,
}

/// One value.
#[derive(Clone)]
pub(crate) struct Value<'r> {
    reader: &'r Reader,
    key: String,
    value: &'r DeValue<'r>,
    span: Range<usize>,
}

impl Reader {
    pub(crate) fn new(text: Text, base: PathBuf) -> Self {
        Self { text, base, problems: RefCell::default(), spans: RefCell::default() }
    }

    pub(crate) fn top<'r>(&'r self, table: &'r DeTable<'r>) -> Section<'r> {
        Section { reader: self, name: String::new(), table: Some(table) }
    }

    /// Ends the reading: all problems in the order of the file.
    pub(crate) fn finish(self) -> Gathered {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.place.as_ref().map(|(_, span)| span.start));
        Gathered { problems, spans: self.spans.into_inner() }
    }

    fn tell(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

pub(crate) fn join(section: &str, key: &str) -> String {
    let bare = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    let key =
        if !key.is_empty() && key.bytes().all(bare) { key.into() } else { format!("\"{key}\"") };
    if section.is_empty() { key } else { format!("{section}.{key}") }
}

impl<'r> Section<'r> {
    /// The value of `key`, if the file has it.
    pub(crate) fn get(&self, key: &str) -> Option<Value<'r>> {
        let value = self.table?.get(key)?;
        Some(self.value_of(key, value))
    }

    fn value_of(&self, key: &str, value: &'r Spanned<DeValue<'r>>) -> Value<'r> {
        let key = join(&self.name, key);
        self.reader.spans.borrow_mut().insert(key.clone(), value.span());
        Value { reader: self.reader, key, value: value.get_ref(), span: value.span() }
    }

    /// The table `name` below this one; an absent one reads as empty.
    pub(crate) fn table(&self, name: &str) -> Section<'r> {
        let value = self.get(name);
        let table = value.and_then(|value| value.table());
        table.unwrap_or(Section { reader: self.reader, name: join(&self.name, name), table: None })
    }

    /// The entries in the order of the file.
    pub(crate) fn entries(&self) -> Vec<(&'r str, Value<'r>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        let mut entries: Vec<_> = entries
            .map(|(key, value)| (key.get_ref().as_ref(), self.value_of(key.get_ref(), value)))
            .collect();
        entries.sort_by_key(|(_, value)| value.span.start);
        entries
    }

    /// Tells every key that `doc` does not have.
    pub(crate) fn only(&self, doc: &SectionDoc, tables: &[&str]) {
        let known: Vec<&str> =
            doc.options.iter().map(|option| option.key).chain(tables.iter().copied()).collect();
        for (key, value) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                self.unknown(
                    name,
                    key.span(),
                    &known,
                    matches!(value.get_ref(), DeValue::Table(_)),
                );
            }
        }
    }

    fn unknown(&self, name: &str, span: Range<usize>, known: &[&str], is_table: bool) {
        let remedy = match near(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("remove it; known here: {}", known.join(", ")),
        };
        let full = join(&self.name, name);
        let what = if is_table { "table" } else { "key" };
        let problem = Problem::new(Severity::Error, &full, format!("unknown {what} `{full}`"));
        self.reader
            .tell(problem.at(&self.reader.text, span).found(format!("`{name}`")).remedy(remedy));
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        match value.value {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => value.wrong("true or false", ""),
        }
    }

    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.get(key)?.duration()
    }

    pub(crate) fn size(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        let remedy = match value.value {
            DeValue::Integer(number) => format!("write \"{number}B\" for octets"),
            _ => "units: B, KB, MB, GB, TB of 1000; KiB, MiB, GiB, TiB of 1024".into(),
        };
        let size = match value.value {
            DeValue::String(text) => units::parse_size(text),
            _ => None,
        };
        size.or_else(|| value.wrong(units::SIZE, &remedy))
    }

    /// A whole number within `range`.
    pub(crate) fn number(&self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let number = match value.value {
            DeValue::Integer(number) => {
                u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
            }
            _ => None,
        };
        let (least, most) = (range.start(), range.end());
        let expected = if *most == u64::MAX {
            format!("a whole number of at least {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        number.filter(|number| range.contains(number)).or_else(|| value.wrong(&expected, ""))
    }

    /// A value of a type that can be read from text.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        key: &str,
        expected: &str,
        remedy: &str,
    ) -> Option<Sourced<T>> {
        self.get(key)?.parsed(expected, remedy)
    }

    /// A list of such values; one alone may stand without brackets.
    pub(crate) fn list<T: FromStr>(
        &self,
        key: &str,
        expected: &str,
        remedy: &str,
    ) -> Option<Vec<Sourced<T>>> {
        let items = self.get(key)?.items();
        Some(items.iter().filter_map(|item| item.parsed(expected, remedy)).collect())
    }

    /// A list of domain names, in the letters of any language (RFC 6531 §3.3): one with A-labels is the
    /// same as one with U-labels.
    pub(crate) fn domains(&self, key: &str) -> Option<Vec<Sourced<DomainName>>> {
        struct Any(DomainName);
        impl FromStr for Any {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self, AddressError> {
                DomainName::parse_utf8(text).map(Self)
            }
        }
        let expected = "a domain name, like \"example.net\"";
        let names = self.list::<Any>(key, expected, "no @, no final dot")?;
        let plain = |name: Sourced<Any>| Sourced { value: name.value.0, source: name.source };
        Some(names.into_iter().map(plain).collect())
    }

    /// A path; a relative one starts from the file's directory.
    pub(crate) fn path(&self, key: &str) -> Option<Sourced<PathBuf>> {
        self.get(key)?.path()
    }

    /// What relative paths start from.
    pub(crate) fn base(&self) -> &Path {
        &self.reader.base
    }
}

impl<'r> Value<'r> {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn source(&self) -> Source {
        self.reader.text.source_at(&self.span)
    }

    pub(crate) fn sourced<T>(&self, value: T) -> Sourced<T> {
        Sourced { value, source: self.source() }
    }

    pub(crate) fn text(&self) -> Option<&'r str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong("a text in quotes", ""),
        }
    }

    /// The text, where it is one; its absence was or will be told elsewhere.
    pub(crate) fn text_quietly(&self) -> Option<&'r str> {
        self.value.as_str()
    }

    pub(crate) fn table(&self) -> Option<Section<'r>> {
        let remedy = || format!("write its keys under [{}]", self.key);
        self.table_quietly().or_else(|| self.wrong("a table", &remedy()))
    }

    /// The table, where it is one.
    pub(crate) fn table_quietly(&self) -> Option<Section<'r>> {
        let table = self.value.as_table()?;
        Some(Section { reader: self.reader, name: self.key.clone(), table: Some(table) })
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// The items of a list; one value alone is a list of one.
    pub(crate) fn items(&self) -> Vec<Value<'r>> {
        match self.value {
            DeValue::Array(items) => items
                .iter()
                .map(|item| Self {
                    reader: self.reader,
                    key: self.key.clone(),
                    value: item.get_ref(),
                    span: item.span(),
                })
                .collect(),
            _ => vec![self.clone()],
        }
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        let remedy = match self.value {
            DeValue::Integer(number) => format!("write \"{number}s\" for seconds"),
            _ => "units: ms, s, m, h, d, w".into(),
        };
        let duration = match self.value {
            DeValue::String(text) => units::parse_duration(text),
            _ => None,
        };
        duration.or_else(|| self.wrong(units::DURATION, &remedy))
    }

    pub(crate) fn parsed<T: FromStr>(&self, expected: &str, remedy: &str) -> Option<Sourced<T>> {
        match self.value {
            DeValue::String(text) => match text.parse() {
                Ok(value) => Some(self.sourced(value)),
                Err(_) => self.wrong(expected, remedy),
            },
            _ => self.wrong(expected, remedy),
        }
    }

    pub(crate) fn path(&self) -> Option<Sourced<PathBuf>> {
        match self.text()? {
            "" => self.wrong("a path", ""),
            text if text.contains('\0') => self.wrong("a path", ""),
            text => Some(self.sourced(self.reader.base.join(text))),
        }
    }

    /// Tells that the value is not what is `expected`.
    pub(crate) fn wrong<T>(&self, expected: &str, remedy: &str) -> Option<T> {
        let title = match self.value {
            DeValue::String(_) => format!("`{}` has a value it cannot have", self.key),
            _ => format!("`{}` has a value of the wrong kind", self.key),
        };
        self.tell(&title, expected, remedy);
        None
    }

    /// Tells something about the value.
    pub(crate) fn tell(&self, title: &str, expected: &str, remedy: &str) {
        let problem = Problem::new(Severity::Error, &self.key, title);
        let problem = problem.at(&self.reader.text, self.span.clone());
        self.reader.tell(problem.expected(expected).found(self.shown()).remedy(remedy));
    }

    /// The value in a few words.
    fn shown(&self) -> String {
        const LONG: usize = 60;
        match self.value {
            DeValue::String(text) if text.chars().count() <= LONG => format!("{text:?}"),
            DeValue::String(_) => "a long text".into(),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(boolean) => format!("{boolean}"),
            DeValue::Datetime(_) => "a date".into(),
            DeValue::Array(_) => "a list".into(),
            DeValue::Table(_) => "a table".into(),
        }
    }
}

/// The known name that `name` was probably meant to be.
pub(crate) fn near<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let distances = known.iter().map(|&known| (distance(&name, known), known));
    let (distance, near) = distances.min()?;
    (distance <= (near.len() / 3).max(1)).then_some(near)
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    const LONG: usize = 100;
    let to: Vec<char> = to.chars().take(LONG).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (taken, letter) in from.chars().take(LONG).enumerate() {
        let mut next = vec![taken + 1];
        for (&other, pair) in to.iter().zip(row.windows(2)) {
            let &[left, above] = pair else { continue };
            let before = next.last().copied().unwrap_or(taken + 1);
            next.push((left + usize::from(letter != other)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let known = ["expire", "retry", "destination-connections", "paused"];
        let rows = [
            ("expires", Some("expire")),
            ("exprie", Some("expire")),
            ("Retry", Some("retry")),
            ("destination_connections", Some("destination-connections")),
            ("pause", Some("paused")),
            ("colour", None),
            ("", None),
        ];
        for (name, want) in rows {
            assert_eq!(near(name, &known), want, "{name}");
        }
    }
}
