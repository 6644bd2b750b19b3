//! Parameters of the MIME fields: `; name=value` (RFC 2045 §5.1) and their extensions for long
//! values and other charsets (RFC 2231), both ways.

use std::collections::BTreeMap;

use super::charset;
use super::defect::{Defect, Defects};
use super::encoded_word;
use super::lex::{Lexer, Token, is_token, quote, unescape};

/// Sections of one value that are put together; a name of a file needs three.
const SECTIONS_MAX: usize = 10_000;
/// Parameters of a field.
const PARAMETERS_MAX: usize = 10_000;
/// Characters of a value above which it is split (RFC 2183 §2, RFC 2231 §3).
const VALUE_LINE_MAX: usize = 60;

/// The parameters of a field: names in lower case, decoded values, in the order of the field.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters {
    list: Vec<Parameter>,
}

/// One parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// In lower case.
    pub name: String,
    /// Without quotes, put together, decoded.
    pub value: String,
    /// The language, where the value says it (RFC 2231 §4).
    pub language: Option<String>,
}

/// One piece of a value as it stands in the field.
struct Section {
    number: usize,
    encoded: bool,
    text: String,
}

impl Parameters {
    /// The value of `name`, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|one| one.name == name).map(|one| one.value.as_str())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sets `name`, in the place it has if it is there.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match self.list.iter_mut().find(|one| one.name == name) {
            Some(one) => value.clone_into(&mut one.value),
            None => self.list.push(Parameter { name, value: value.to_owned(), language: None }),
        }
    }

    /// Reads what follows the value of a field, from its first semicolon.
    pub(super) fn read(lexer: &mut Lexer<'_>, defects: &mut Defects) -> Self {
        let mut gathered = Gathered::default();
        loop {
            match lexer.next_solid() {
                None => break,
                Some((_, Token::Special(';'))) => {}
                Some((_, Token::Atom(name))) => match lexer.next_solid() {
                    Some((_, Token::Special('='))) => {
                        let value = value(lexer, defects);
                        gathered.take(name, value);
                    }
                    Some((_, Token::Special(';'))) | None => defects.add(Defect::BadSyntax),
                    Some(_) => {
                        defects.add(Defect::BadSyntax);
                        lexer.raw_until(&[';']);
                    }
                },
                Some(_) => {
                    defects.add(Defect::BadSyntax);
                    lexer.raw_until(&[';']);
                }
            }
        }
        if lexer.bad {
            defects.add(Defect::BadSyntax);
        }
        gathered.finish(defects)
    }
}

/// A value: a quoted string, a token, or, with writers that forget the quotes, anything up to the
/// next semicolon.
fn value(lexer: &mut Lexer<'_>, defects: &mut Defects) -> String {
    let before = lexer.clone();
    match lexer.next_solid() {
        Some((_, Token::Quoted(raw))) => unescape(raw).into_owned(),
        None => {
            defects.add(Defect::BadSyntax);
            String::new()
        }
        first => {
            let plain = match first {
                Some((_, Token::Atom(token))) => Some(token),
                _ => None,
            };
            let after = lexer.clone();
            match (plain, lexer.next_solid()) {
                (Some(token), None) => token.to_owned(),
                (Some(token), Some((_, Token::Special(';')))) => {
                    *lexer = after;
                    token.to_owned()
                }
                // A semicolon that was forgotten, as the standards do in their own examples.
                (Some(token), Some((true, Token::Atom(_))))
                    if matches!(lexer.next_solid(), Some((_, Token::Special('=')))) =>
                {
                    defects.add(Defect::BadSyntax);
                    *lexer = after;
                    token.to_owned()
                }
                _ => {
                    defects.add(Defect::BadSyntax);
                    *lexer = before;
                    lexer.raw_until(&[';']).trim().to_owned()
                }
            }
        }
    }
}

/// Collects the sections of each name.
#[derive(Default)]
struct Gathered {
    order: Vec<String>,
    plain: BTreeMap<String, String>,
    sections: BTreeMap<String, Vec<Section>>,
}

impl Gathered {
    fn take(&mut self, name: &str, value: String) {
        if self.order.len() >= PARAMETERS_MAX {
            return;
        }
        let name = name.to_ascii_lowercase();
        let (base, number, encoded) = match split_name(&name) {
            Some(found) => found,
            None => {
                if !self.plain.contains_key(&name) {
                    self.order.push(name.clone());
                    self.plain.insert(name, value);
                }
                return;
            }
        };
        let known = self.sections.contains_key(base);
        let list = self.sections.entry(base.to_owned()).or_default();
        if list.len() < SECTIONS_MAX {
            list.push(Section { number, encoded, text: value });
        }
        if !known {
            self.order.push(base.to_owned());
        }
    }

    fn finish(mut self, defects: &mut Defects) -> Parameters {
        let mut list: Vec<Parameter> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for name in std::mem::take(&mut self.order) {
            if !seen.insert(name.clone()) {
                continue;
            }
            // Where a writer gives both forms, the extended one says more (RFC 2231 §4).
            let parameter = match self.sections.remove(&name) {
                Some(sections) => join(name, sections, defects),
                None => {
                    let value = self.plain.remove(&name).unwrap_or_default();
                    Parameter { name, value, language: None }
                }
            };
            list.push(parameter);
        }
        Parameters { list }
    }
}

/// `name*3*` as `name`, 3 and encoded; `name*` as `name`, 0 and encoded. None: a plain name.
fn split_name(name: &str) -> Option<(&str, usize, bool)> {
    let (base, rest) = name.split_once('*')?;
    if rest.is_empty() {
        return Some((base, 0, true));
    }
    let (digits, encoded) = match rest.strip_suffix('*') {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let number =
        digits.parse::<usize>().ok().filter(|_| digits.bytes().all(|d| d.is_ascii_digit()));
    number.map(|number| (base, number, encoded))
}

/// Puts sections together in the order of their numbers (RFC 2231 §3); a gap ends the value.
fn join(name: String, mut sections: Vec<Section>, defects: &mut Defects) -> Parameter {
    sections.sort_by_key(|section| section.number);
    let (mut octets, mut charset, mut language) = (Vec::new(), None, None);
    for (want, section) in sections.iter().enumerate() {
        if section.number != want {
            defects.add(Defect::BadSyntax);
            break;
        }
        let mut text = section.text.as_str();
        if want == 0 && section.encoded {
            let mut parts = text.splitn(3, '\'');
            if let (Some(first), Some(second), Some(third)) =
                (parts.next(), parts.next(), parts.next())
            {
                charset = Some(first.to_owned());
                language = Some(second.to_owned()).filter(|language| !language.is_empty());
                text = third;
            } else {
                defects.add(Defect::BadSyntax);
            }
        }
        if section.encoded {
            percent_decode(text, &mut octets, defects);
        } else {
            octets.extend_from_slice(text.as_bytes());
        }
    }
    let charset = charset.filter(|charset| !charset.is_empty());
    let (value, defect) = match charset {
        Some(charset) => charset::decode(&charset, &octets),
        None => charset::guess(&octets, None),
    };
    *defects |= defect.into();
    Parameter { name, value: value.into_owned(), language }
}

fn percent_decode(text: &str, out: &mut Vec<u8>, defects: &mut Defects) {
    let mut rest = text.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (octet, value.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'%', None) => {
                defects.add(Defect::BadSyntax);
                out.push(octet);
            }
            _ => out.push(octet),
        }
    }
}

impl Parameters {
    /// The name of a file, which many writers put into an encoded word although none may stand here
    /// (RFC 2047 §5): decoded, and reported.
    pub(super) fn file_name(&self, key: &str, defects: &mut Defects) -> Option<String> {
        let value = self.get(key)?;
        match encoded_word::decode_misplaced(value) {
            Some(text) => {
                *defects |= text.defects;
                defects.add(Defect::MisplacedWord);
                Some(text.text)
            }
            None => Some(value.to_owned()),
        }
    }

    /// The parameters as tokens of a field, each without its semicolon: `name=value`, quoted where
    /// it must be, encoded and split where it is not ASCII or too long for a line (RFC 2231).
    pub fn written(&self) -> Vec<String> {
        self.list.iter().flat_map(|one| written(&one.name, &one.value)).collect()
    }
}

fn written(name: &str, value: &str) -> Vec<String> {
    // What was read from a letter may have a name that is none.
    let name: String = name.chars().filter(|one| is_attribute(*one)).collect();
    let plain = value.bytes().all(|octet| matches!(octet, 32..=126));
    let room = VALUE_LINE_MAX.saturating_sub(name.len()).max(20);
    if plain && value.len() <= room {
        let bare = !value.is_empty() && value.chars().all(is_token);
        return vec![format!("{name}={}", if bare { value.to_owned() } else { quote(value) })];
    }
    if plain {
        let pieces = pieces(value, room, |_| 1);
        let numbered = (0..).zip(pieces);
        return numbered.map(|(at, piece)| format!("{name}*{at}={}", quote(piece))).collect();
    }
    // Controls are encoded too, so that no value can break a line.
    let cost = |one: char| if is_attribute(one) { 1 } else { 3 * one.len_utf8() };
    let total: usize = value.chars().map(cost).sum();
    if total + "utf-8''".len() <= room {
        return vec![format!("{name}*=utf-8''{}", percent_encode(value))];
    }
    let numbered = (0..).zip(pieces(value, room - "utf-8''".len(), cost));
    numbered
        .map(|(at, piece)| {
            let charset = if at == 0 { "utf-8''" } else { "" };
            format!("{name}*{at}*={charset}{}", percent_encode(piece))
        })
        .collect()
}

/// `value` in pieces of whole characters that cost at most `room`.
fn pieces(value: &str, room: usize, cost: impl Fn(char) -> usize) -> Vec<&str> {
    let (mut pieces, mut start, mut spent) = (Vec::new(), 0, 0);
    for (at, one) in value.char_indices() {
        let more = cost(one);
        if spent + more > room && at > start {
            pieces.extend(value.get(start..at));
            (start, spent) = (at, 0);
        }
        spent += more;
    }
    pieces.extend(value.get(start..));
    pieces
}

/// A character that is itself in an encoded value (RFC 2231 §7).
fn is_attribute(one: char) -> bool {
    is_token(one) && !"*'%".contains(one)
}

fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() * 3);
    for octet in text.bytes() {
        if is_attribute(char::from(octet)) {
            out.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{octet:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
