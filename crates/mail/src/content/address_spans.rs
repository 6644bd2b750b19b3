//! Where addresses stand in the octets of a field (RFC 5322 §3.4, §4.4), so that one can give way to
//! another while names, comments, folds and encoded words around it stay as they are.

use std::ops::Range;

use crate::address::Mailbox;

/// One address of a field, as far as it is one of an envelope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressSpan {
    /// What it names.
    pub mailbox: Mailbox,
    /// Where its local-part is in the octets.
    pub local: Range<usize>,
    /// Where its domain is.
    pub domain: Range<usize>,
}

/// A piece of a local-part or domain.
struct Word {
    at: Range<usize>,
    /// Behind an `@`, or it ends with a dot: what follows belongs to it.
    open: bool,
}

/// The addresses in `value`, in order. Routes before them (`<@a:b@c>`), names of groups and comments are
/// none; what cannot be read is passed over.
pub fn address_spans(value: &[u8]) -> Vec<AddressSpan> {
    let mut found = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut place = 0;
    while let Some(&octet) = value.get(place) {
        match octet {
            b' ' | b'\t' | b'\r' | b'\n' => place += 1,
            b'(' => place = after_comment(value, place),
            b'"' => push(value, &mut words, after_quoted(value, place), &mut place),
            b'@' => {
                let start = after_space(value, place + 1);
                let end = after_domain(value, start);
                if let Some(span) = span(value, &words, start..end) {
                    found.push(span);
                }
                words.clear();
                place = end.max(place + 1);
            }
            octet if is_word(octet) => {
                let rest = value.get(place..).unwrap_or_default();
                let len = rest.iter().take_while(|&&octet| is_word(octet)).count();
                push(value, &mut words, place + len, &mut place);
            }
            _ => {
                words.clear();
                place += 1;
            }
        }
    }
    found
}

/// Takes the word from `place` to `end`; it begins a new local-part unless a dot joins the two.
fn push(value: &[u8], words: &mut Vec<Word>, end: usize, place: &mut usize) {
    let word = value.get(*place..end).unwrap_or_default();
    let joined = word.starts_with(b".") || words.last().is_some_and(|last| last.open);
    if !joined {
        words.clear();
    }
    words.push(Word { at: *place..end, open: word.ends_with(b".") });
    *place = end;
}

fn span(value: &[u8], words: &[Word], domain: Range<usize>) -> Option<AddressSpan> {
    let local = words.first()?.at.start..words.last()?.at.end;
    let mut text = Vec::new();
    for word in words {
        text.extend_from_slice(value.get(word.at.clone())?);
    }
    text.push(b'@');
    text.extend(value.get(domain.clone())?.iter().filter(|octet| !octet.is_ascii_whitespace()));
    let mailbox = Mailbox::parse_utf8(std::str::from_utf8(&text).ok()?).ok()?;
    Some(AddressSpan { mailbox, local, domain })
}

/// An octet of an atom, a dot, or a letter beyond ASCII.
fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet)
}

/// Behind blanks and comments.
fn after_space(value: &[u8], mut place: usize) -> usize {
    loop {
        match value.get(place) {
            Some(b' ' | b'\t' | b'\r' | b'\n') => place += 1,
            Some(b'(') => place = after_comment(value, place),
            _ => return place,
        }
    }
}

/// Behind a domain; blanks may stand around its dots (RFC 5322 §4.4).
fn after_domain(value: &[u8], start: usize) -> usize {
    if value.get(start) == Some(&b'[') {
        let rest = value.get(start..).unwrap_or_default();
        let inside = rest.iter().position(|&octet| octet == b']' || octet == b'\n');
        return inside.map_or(value.len(), |len| start + len + 1);
    }
    let mut end = start;
    loop {
        let rest = value.get(end..).unwrap_or_default();
        end += rest.iter().take_while(|&&octet| is_word(octet)).count();
        let blanks = value.get(end..).unwrap_or_default();
        let blanks = blanks.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let before = value.get(..end).is_some_and(|before| end > start && before.ends_with(b"."));
        let after = value.get(end + blanks) == Some(&b'.');
        if blanks == 0 || !(before || after) {
            return end;
        }
        end += blanks;
    }
}

/// Behind a comment, which may hold others; at the end where it has none.
fn after_comment(value: &[u8], start: usize) -> usize {
    let (mut place, mut depth) = (start, 0_usize);
    while let Some(&octet) = value.get(place) {
        place += 1;
        match octet {
            b'\\' => place += 1,
            b'(' => depth += 1,
            b')' if depth <= 1 => return place,
            b')' => depth -= 1,
            _ => {}
        }
    }
    value.len()
}

/// Behind a quoted string.
fn after_quoted(value: &[u8], start: usize) -> usize {
    let mut place = start + 1;
    while let Some(&octet) = value.get(place) {
        place += 1;
        match octet {
            b'\\' => place += 1,
            b'"' => return place,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address with the octets that each half has.
    type Span = (&'static str, &'static str, &'static str);

    /// Values, and the addresses in them.
    const ROWS: &[(&str, &[Span])] = &[
        ("joe@sun.example", &[("joe@sun.example", "joe", "sun.example")]),
        (
            " Joe User <joe.user@sun.example>",
            &[("joe.user@sun.example", "joe.user", "sun.example")],
        ),
        (
            "a@x.example,\r\n b@y.example",
            &[("a@x.example", "a", "x.example"), ("b@y.example", "b", "y.example")],
        ),
        ("\"joe@sun.example\" <a@b.example>", &[("a@b.example", "a", "b.example")]),
        ("joe@sun.example (me@moon.example)", &[("joe@sun.example", "joe", "sun.example")]),
        ("joe (x) @ (y (z\\)) ) sun.example", &[("joe@sun.example", "joe", "sun.example")]),
        ("\"a b\"@x.example", &[("\"a b\"@x.example", "\"a b\"", "x.example")]),
        ("\"a\\\"@x\" <j@x.example>", &[("j@x.example", "j", "x.example")]),
        ("<@a.example,@b.example:joe@c.example>", &[("joe@c.example", "joe", "c.example")]),
        (
            "Staff: ann@x.example, Bob <bob@x.example>;",
            &[("ann@x.example", "ann", "x.example"), ("bob@x.example", "bob", "x.example")],
        ),
        ("joe . user @ sun . example", &[("joe.user@sun.example", "joe . user", "sun . example")]),
        ("=?utf-8?q?J=C3=B6rg?= <j@x.example>", &[("j@x.example", "j", "x.example")]),
        ("j@[192.0.2.1]", &[("j@[192.0.2.1]", "j", "[192.0.2.1]")]),
        (
            "\u{e4}@b\u{fc}cher.example",
            &[("\u{e4}@b\u{fc}cher.example", "\u{e4}", "b\u{fc}cher.example")],
        ),
        ("joe, ann@x.example", &[("ann@x.example", "ann", "x.example")]),
        ("undisclosed-recipients:;", &[]),
        ("joe@", &[]),
        ("@x.example", &[]),
        ("@", &[]),
        ("(", &[]),
        ("\"", &[]),
        ("a@b@c.example", &[("a@b", "a", "b")]),
        ("j@[", &[]),
        ("j@-x-", &[]),
        ("", &[]),
    ];

    #[test]
    fn spans() {
        for (value, want) in ROWS {
            let got = address_spans(value.as_bytes());
            let got: Vec<_> = got
                .into_iter()
                .map(|AddressSpan { mailbox, local, domain }| {
                    (mailbox.to_string(), &value[local], &value[domain])
                })
                .collect();
            let want: Vec<_> = want
                .iter()
                .map(|(mailbox, local, domain)| ((*mailbox).to_owned(), *local, *domain))
                .collect();
            assert_eq!(got, want, "{value:?}");
        }
    }

    proptest::proptest! {
        /// Whatever stands there: spans are in order, within the octets, and do not overlap.
        #[test]
        fn spans_are_in_order(value in "[a-c@.<>,:;()\"\\\\ \r\n\\[\\]\u{e4}]{0,40}") {
            let mut end = 0;
            for span in address_spans(value.as_bytes()) {
                proptest::prop_assert!(span.local.start >= end && span.local.end <= span.domain.start);
                proptest::prop_assert!(span.local.start < span.local.end && span.domain.start < span.domain.end);
                end = span.domain.end;
            }
            proptest::prop_assert!(end <= value.len());
        }
    }
}
