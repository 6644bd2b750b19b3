//! A table as a text file: `key value`, one row to a line. A line that begins with a blank goes on with
//! the one before, `#` begins a comment, several values stand between commas.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mail::address::fold;

use super::Row;
use crate::reason::Source;

/// Values of one row at most, as many as an alias may have.
pub const VALUES_MAX: usize = 10_000;

/// A table that was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TableText {
    file: Arc<str>,
    rows: BTreeMap<String, (u32, Vec<String>)>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableProblem {
    /// The file and the line.
    pub source: Source,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for TableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.source, self.what, self.remedy)
    }
}

impl TableText {
    /// Reads the text of `file`.
    ///
    /// # Errors
    /// Every line that cannot be read, in order.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<TableProblem>> {
        let mut rows = Vec::new();
        let mut problems = Vec::new();
        for (line, entry) in entries(text) {
            match split(&entry) {
                Some((key, value)) => rows.push((line, key, values(value))),
                None => problems.push((line, format!("{entry:?} is no row"), "write key value")),
            }
        }
        Self::gathered(file, rows, problems)
    }

    /// The same from rows that were read already: line, key, values.
    ///
    /// # Errors
    /// Every row that cannot be used, with `problems`, in order.
    pub fn gathered(
        file: &str,
        rows: Vec<(u32, String, Vec<String>)>,
        problems: Vec<(u32, String, &'static str)>,
    ) -> Result<Self, Vec<TableProblem>> {
        let mut problems = problems;
        let mut table = Self { file: file.into(), rows: BTreeMap::new() };
        for (line, key, values) in rows {
            let folded = super::key(&key);
            if values.is_empty() {
                problems.push((
                    line,
                    format!("{key} has no value"),
                    "write one, or remove the line",
                ));
            } else if values.len() > VALUES_MAX {
                let what = format!("{key} has {} values", values.len());
                problems.push((line, what, "10000 at most: use a list server"));
            } else if let Some((first, _)) = table.rows.get(&folded) {
                let what = format!("{key} stands in line {first} already");
                problems.push((
                    line,
                    what,
                    "upper and lower case are one here; join the two lines",
                ));
            } else {
                table.rows.insert(folded, (line, values));
            }
        }
        if problems.is_empty() {
            return Ok(table);
        }
        problems.sort_by_key(|(line, ..)| *line);
        let problem = |(line, what, remedy)| {
            let source = Source { file: table.file.clone(), line };
            TableProblem { source, what, remedy }
        };
        Err(problems.into_iter().map(problem).collect())
    }

    /// What stands under `key`.
    pub fn get(&self, key: &str) -> Row {
        let found = self.rows.get(key).or_else(|| self.rows.get(&fold(key)));
        match found {
            None => Row::Nothing,
            Some((line, values)) => Row::Values {
                values: values.clone(),
                source: Some(Source { file: self.file.clone(), line: *line }),
            },
        }
    }

    /// The rows by key, for those who show them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.rows.iter().map(|(key, (_, values))| (key.as_str(), values.as_slice()))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The values between commas outside quotes.
pub fn values(text: &str) -> Vec<String> {
    let (mut quoted, mut escaped) = (false, false);
    let at_comma = |letter: char| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return true,
            _ => {}
        }
        false
    };
    let words = text.split(at_comma).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The entries of a file with the line each begins in, continuations joined.
fn entries(text: &str) -> Vec<(u32, String)> {
    let mut entries: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_more = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match entries.last_mut().filter(|_| is_more) {
            Some((_, entry)) => {
                entry.push(' ');
                entry.push_str(line);
            }
            None => entries.push((number, line.to_owned())),
        }
    }
    entries
}

/// Key and value. The key may stand in quotes, and may end in a colon, as in files of aliases.
fn split(entry: &str) -> Option<(String, &str)> {
    if let Some(inner) = entry.strip_prefix('"')
        && let Some((key, rest)) = inner.split_once('"')
        && rest.starts_with([' ', '\t', ':'])
    {
        let value = rest.strip_prefix(':').unwrap_or(rest).trim();
        return (!value.is_empty()).then(|| (key.to_owned(), value));
    }
    let (key, value) = entry.split_once([' ', '\t'])?;
    let key = key.strip_suffix(':').unwrap_or(key);
    (!key.is_empty()).then(|| (key.to_owned(), value.trim()))
}
