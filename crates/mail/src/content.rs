//! The content of a message: what a relay sees of it, and what a reader does.
//!
//! A relay looks at the header section only (RFC 5322 §2.2). [`HeaderScanner`] follows content that
//! streams past, in a few hundred octets of memory; [`Fields`] and [`split_head`] are for tools that
//! hold a header section. All take what they are given: odd fields are no reason to refuse mail
//! (RFC 5321 §3.7.2).
//!
//! A reader sees all of it. [`Letter`] is a tree of [`Part`]s over the octets, read charitably; what
//! had to be guessed is told by [`Defects`]. [`Structure`](structure::Structure) finds the same
//! tree in octets that stream past, [`transfer`] decodes and encodes bodies. A writer begins with
//! [`compose`].

mod address_list;
mod address_spans;
pub mod charset;
pub mod compose;
mod date_time;
mod defect;
pub mod edit;
pub mod encoded_word;
mod enriched;
mod external;
mod file_name;
pub mod flowed;
mod head;
mod letter;
mod lex;
mod media;
mod message_id;
mod parameters;
pub mod partial;
mod reply;
mod richtext;
mod scanner;
pub mod structure;
pub mod transfer;
mod view;

use std::borrow::Cow;

pub use address_list::{ADDRESSES_MAX, AddrSpec, Address, AddressList, NamedMailbox};
pub use address_spans::{AddressSpan, address_spans};
pub use date_time::DateTime;
pub use defect::{Defect, Defects, Text};
pub use external::{Access, External, Protocol};
pub use file_name::safe_file_name;
pub use head::{Head, VALUE_MAX};
pub use letter::{Letter, Part};
pub use media::{Disposition, DispositionKind, Kind, MediaType};
pub use message_id::{ID_MAX, IDS_MAX, MessageId, references_of_reply};
pub use parameters::{Parameter, Parameters};
pub use reply::{Reply, subject_of_reply};
pub use scanner::{DELIVERED_TO_MAX, HeaderScanner};
pub use structure::Shape;
pub use view::{Item, Role, view};

/// Splits content into its header section, line ends included, and its body, without the blank line
/// between. Where a line is neither a field nor the continuation of one, the body begins there.
pub fn split_head(content: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = content;
    while !rest.is_empty() {
        let (line, after) = take_line(rest);
        if without_end(line).is_empty() {
            return (head_before(content, rest), after);
        }
        if !is_continuation(line) && field_name(line).is_none() {
            return (head_before(content, rest), rest);
        }
        rest = after;
    }
    (content, &[])
}

/// The part of `content` before `rest`, which is its end.
fn head_before<'a>(content: &'a [u8], rest: &[u8]) -> &'a [u8] {
    content.get(..content.len() - rest.len()).unwrap_or_default()
}

/// The first line with its line end, and what follows.
fn take_line(octets: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', octets) {
        Some(at) => octets.split_at_checked(at + 1).unwrap_or((octets, &[])),
        None => (octets, &[]),
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_continuation(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// An octet of a field name (RFC 5322 §2.2).
fn is_name(octet: u8) -> bool {
    matches!(octet, 33..=126) && octet != b':'
}

/// The name of the field that starts on this line, blanks before the colon left out
/// (RFC 5322 §4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    let mut name = line.get(..colon)?;
    while let Some(shorter) = name.strip_suffix(b" ").or(name.strip_suffix(b"\t")) {
        name = shorter;
    }
    (!name.is_empty() && name.iter().all(|&octet| is_name(octet))).then_some(name)
}

/// One field of a header section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field<'a> {
    /// As it is written.
    pub name: &'a [u8],
    /// What follows the colon, folds included, without the last line end.
    pub raw: &'a [u8],
    /// Where `raw` begins in the octets that were given to [`Fields::new`].
    pub raw_at: usize,
    /// Where the field begins in them.
    pub at: usize,
    /// Its octets in them, the last line end included.
    pub len: usize,
}

impl<'a> Field<'a> {
    /// Whether this is the field `name`; case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line: line ends taken out, white space kept (RFC 5322 §2.2.3), blanks around
    /// it dropped.
    pub fn value(&self) -> Cow<'a, [u8]> {
        if memchr::memchr(b'\n', self.raw).is_none() {
            return Cow::Borrowed(self.raw.trim_ascii());
        }
        let mut value = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while !rest.is_empty() {
            let (line, after) = take_line(rest);
            value.extend_from_slice(without_end(line));
            rest = after;
        }
        Cow::Owned(value.trim_ascii().to_vec())
    }
}

/// The fields of a header section in order; ends where [`split_head`] says it does.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Over a header section, or content that begins with one.
    pub fn new(head: &'a [u8]) -> Self {
        Self { rest: head, at: 0 }
    }

    /// Takes the next line.
    fn line(&mut self) -> &'a [u8] {
        let (line, rest) = take_line(self.rest);
        self.rest = rest;
        self.at += line.len();
        line
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        // Continuations without a field before them belong to nothing.
        while is_continuation(self.rest) {
            self.line();
        }
        let (start, at) = (self.rest, self.at);
        let name = field_name(take_line(start).0)?;
        self.line();
        while is_continuation(self.rest) {
            self.line();
        }
        let whole = start.get(..self.at - at)?;
        let colon = memchr::memchr(b':', whole)?;
        let raw = without_end(whole.get(colon + 1..)?);
        Some(Field { name, raw, raw_at: at + colon + 1, at, len: whole.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets).into_owned()
    }

    #[test]
    fn heads_and_bodies() {
        let rows: &[(&str, &str, &str)] = &[
            ("A: 1\r\nB: 2\r\n\r\nbody\r\n", "A: 1\r\nB: 2\r\n", "body\r\n"),
            ("A: 1\r\n 2\r\n\r\n", "A: 1\r\n 2\r\n", ""),
            ("A: 1\r\n \r\nB: 2\r\n\r\nx", "A: 1\r\n \r\nB: 2\r\n", "x"),
            ("A: 1\nB : 2\n\nbody", "A: 1\nB : 2\n", "body"),
            ("\r\nbody", "", "body"),
            ("no field\r\n\r\nx", "", "no field\r\n\r\nx"),
            ("A: 1\r\nno field\r\n", "A: 1\r\n", "no field\r\n"),
            ("A: 1", "A: 1", ""),
            ("", "", ""),
        ];
        for (content, head, body) in rows {
            let got = split_head(content.as_bytes());
            assert_eq!(
                (text(got.0), text(got.1)),
                (head.to_string(), body.to_string()),
                "{content}"
            );
        }
    }

    /// Register: 5321-3.7.2-d.
    #[test]
    fn fields() {
        let rows: &[(&str, &[(&str, &str)])] = &[
            ("A: 1\r\nB:2\r\n\r\nC: 3\r\n", &[("A", "1"), ("B", "2")]),
            ("A: one\r\n  two\r\n\tthree\r\nB:\r\n", &[("A", "one  two\tthree"), ("B", "")]),
            (" lost\r\nA: 1\r\n", &[("A", "1")]),
            ("A : 1: 2\r\n", &[("A", "1: 2")]),
            ("A: 1\nB: 2", &[("A", "1"), ("B", "2")]),
            (": 1\r\n", &[]),
            ("A\u{e9}: 1\r\n", &[]),
        ];
        for (head, want) in rows {
            let got: Vec<_> = Fields::new(head.as_bytes())
                .map(|field| (text(field.name), text(&field.value())))
                .collect();
            let want: Vec<_> =
                want.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            assert_eq!(got, want, "{head}");
        }
        let head = b"A: 1\r\nB : 2\r\n 3\r\n\r\n";
        for field in Fields::new(head) {
            assert!(head[field.raw_at..].starts_with(field.raw) && head[field.raw_at - 1] == b':');
        }
        let field = Fields::new(b"Subject: x\r\n").next().unwrap();
        assert!(field.is("subject") && !field.is("subjec"));
    }

    proptest::proptest! {
        /// The scanner that sees octets stream past and the functions that hold them all agree.
        #[test]
        fn scanner_agrees(
            content in "(Received:|Date|:|[ab]|[ \t\u{c}]|\r\n|\n|\r|\u{e9}){0,40}",
            piece in 1_usize..9,
        ) {
            let content = content.as_bytes();
            let mut scanner = HeaderScanner::new();
            content.chunks(piece).for_each(|chunk| scanner.feed(chunk));
            scanner.finish();
            let (head, body) = split_head(content);
            let hops = Fields::new(head).filter(|field| field.is("received")).count();
            proptest::prop_assert_eq!(scanner.hops(), hops);
            // A name cut off by the end of the content is not known to be none.
            if scanner.in_body() {
                proptest::prop_assert_eq!(scanner.eight_bit_body(), !body.is_ascii());
                proptest::prop_assert_eq!(scanner.eight_bit_head(), !head.is_ascii());
            }
        }
    }
}
