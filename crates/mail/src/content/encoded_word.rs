//! Encoded words: text beyond ASCII in header fields (RFC 2047, RFC 2231 §5).
//!
//! Read in exactly the places where they may stand: a word of an unstructured field, of a phrase, or
//! of a comment, with white space around. A quoted string, an address and a parameter have none.
//! Words that are not quite right are shown as they came (RFC 2047 §6.3). Characters cut in two by
//! a writer that splits octets are put together again where both words have the same charset.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::charset;
use super::defect::{Defects, Text};
use super::lex::is_space;
use super::transfer::TransferEncoding;

/// Octets of an encoded word (RFC 2047 §2).
pub const WORD_MAX: usize = 75;

/// Octets of one that we write: a line of 76 has room for a blank before it and four characters
/// after.
const WRITTEN_MAX: usize = 71;

/// The parts of a word `=?charset*language?encoding?text?=`.
struct Word<'a> {
    charset: &'a str,
    encoding: u8,
    text: &'a str,
}

/// Reads `word`, which is all of a word or none.
fn parse(word: &str) -> Option<Word<'_>> {
    let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.split('?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    // The language says nothing about the octets (RFC 2231 §5).
    let charset = charset.split_once('*').map_or(charset, |(charset, _)| charset);
    let graphic = |text: &str| text.bytes().all(|octet| octet.is_ascii_graphic());
    let token = |text: &str| !text.is_empty() && text.chars().all(is_word_token);
    let encoding = match encoding {
        "B" | "b" => b'B',
        "Q" | "q" => b'Q',
        _ => return None,
    };
    (parts.next().is_none() && token(charset) && graphic(text)).then_some(Word {
        charset,
        encoding,
        text,
    })
}

/// A character of a token (RFC 2047 §2).
fn is_word_token(one: char) -> bool {
    one.is_ascii_graphic() && !"()<>@,;:\"/[]?.=".contains(one)
}

/// Whether `word` reads as an encoded word: text that does must not be written as it is
/// (RFC 2047 §7).
pub fn is_word(word: &str) -> bool {
    parse(word).is_some()
}

/// The length of the encoded word that `text` begins with, if a delimiter follows it.
pub(super) fn prefix(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("=?")?;
    let mut marks = inner.match_indices('?');
    let (_, _) = (marks.next()?, marks.next()?);
    let (third, _) = marks.next()?;
    let len = 2 + third + 2;
    let word = text.get(..len)?;
    let follows = text.get(len..)?.chars().next();
    let delimited = follows.is_none_or(|one| is_space(one) || "()<>,;:\"@[".contains(one));
    (delimited && is_word(word)).then_some(len)
}

impl Word<'_> {
    /// The octets it stands for.
    fn octets(&self) -> (Vec<u8>, Defects) {
        if self.encoding == b'B' {
            let (octets, defects) = TransferEncoding::Base64.decode(self.text.as_bytes());
            return (octets.into_owned(), defects);
        }
        // `_` is 0x20 whatever the charset (RFC 2047 §4.2).
        let spaced: Vec<u8> =
            self.text.bytes().map(|octet| if octet == b'_' { b' ' } else { octet }).collect();
        // The end of a word is not the end of a line: its blanks count.
        let mut guarded = spaced;
        guarded.push(b'!');
        let (octets, defects) = TransferEncoding::QuotedPrintable.decode(&guarded);
        let mut octets = octets.into_owned();
        octets.pop();
        (octets, defects)
    }
}

/// Puts pieces of text together: words are decoded, the white space between two of them is dropped.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    out: Text,
    /// White space that came after a word, and is text unless another word follows.
    space: String,
    /// Octets of words in one charset that are not decoded yet.
    charset: String,
    octets: Vec<u8>,
    after_word: bool,
}

impl Joiner {
    /// White space before the next piece.
    pub(super) fn space(&mut self, space: &str) {
        if self.after_word {
            self.space.push_str(space);
        } else {
            self.out.text.push_str(space);
        }
    }

    /// A piece that may be an encoded word.
    pub(super) fn piece(&mut self, piece: &str) {
        match parse(piece) {
            Some(word) => {
                self.space.clear();
                if !self.charset.eq_ignore_ascii_case(word.charset) {
                    self.flush();
                    self.charset.push_str(word.charset);
                }
                let (mut octets, defects) = word.octets();
                self.out.defects |= defects;
                self.octets.append(&mut octets);
                self.after_word = true;
            }
            None => self.text(piece),
        }
    }

    /// A piece that is none, whatever it looks like.
    pub(super) fn text(&mut self, text: &str) {
        self.flush();
        let space = std::mem::take(&mut self.space);
        self.out.text.push_str(&space);
        self.out.text.push_str(text);
        self.after_word = false;
    }

    fn flush(&mut self) {
        if !self.charset.is_empty() {
            let (text, defect) = charset::decode(&self.charset, &self.octets);
            self.out.text.push_str(&text);
            self.out.defects |= defect.into();
            self.charset.clear();
            self.octets.clear();
        }
    }

    pub(super) fn finish(mut self) -> Text {
        self.flush();
        self.out.text.push_str(&self.space);
        self.out
    }
}

/// Decodes the text of an unstructured field, unfolded (RFC 2047 §5, rule 1): words with white space
/// around them are decoded, and only those.
///
/// ```
/// use mail::content::encoded_word;
///
/// let subject = "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= \
///                =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=";
/// assert_eq!(encoded_word::decode(subject), "If you can read this you understand the example.");
/// ```
pub fn decode(text: &str) -> Text {
    join(text)
}

/// Decodes the inside of a comment: parentheses delimit words too (RFC 2047 §5, rule 2). Quoted
/// pairs lose their backslash.
pub(super) fn decode_comment(raw: &str) -> Text {
    let mut joiner = Joiner::default();
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let len = if is_space(first) {
            rest.find(|one| !is_space(one)).unwrap_or(rest.len())
        } else if "()".contains(first) {
            1
        } else {
            piece_of_comment(rest)
        };
        let (piece, after) = rest.split_at_checked(len).unwrap_or((rest, ""));
        rest = after;
        match first {
            _ if is_space(first) => joiner.space(piece),
            '(' | ')' => joiner.text(piece),
            _ if piece.contains('\\') => joiner.text(&super::lex::unescape(piece)),
            _ => joiner.piece(piece),
        }
    }
    joiner.finish()
}

fn piece_of_comment(rest: &str) -> usize {
    let mut escaped = false;
    for (at, one) in rest.char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if is_space(one) || "()".contains(one) => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Text whose words have white space between.
fn join(text: &str) -> Text {
    let mut joiner = Joiner::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|one| !is_space(one)).unwrap_or(rest.len());
        let (space, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        joiner.space(space);
        let end = after.find(is_space).unwrap_or(after.len());
        let (piece, after) = after.split_at_checked(end).unwrap_or((after, ""));
        if !piece.is_empty() {
            joiner.piece(piece);
        }
        rest = after;
    }
    joiner.finish()
}

/// Where an encoded word is to stand; it decides what may be in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In an unstructured field.
    Text,
    /// In a phrase or comment: only letters, digits and `!*+-/` may be literal (RFC 2047 §5, rule
    /// 3); that is good in comments too.
    Phrase,
}

/// Encodes `text` as words in `charset` (the one that [`charset::smallest`] gives), each of whole
/// characters and of at most 75 octets, the first of at most `first`.
///
/// Q is taken where most of the text can be read in it, B where Q would be half as long again.
pub(super) fn encode(text: &str, place: Place, first: usize) -> Vec<String> {
    let charset = charset::smallest(text);
    let quoted: usize = text.chars().map(|one| quoted_len(one, place)).sum();
    let base64 = quoted > text.len().div_ceil(3) * 6;
    let overhead = charset.len() + "=??Q??=".len();
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let max = if words.is_empty() { first.min(WRITTEN_MAX) } else { WRITTEN_MAX };
        let room = max.saturating_sub(overhead).max(12);
        let len = fitting(rest, place, base64, room);
        let (piece, after) = rest.split_at_checked(len).unwrap_or((rest, ""));
        words.push(if base64 {
            format!("=?{charset}?B?{}?=", STANDARD.encode(piece))
        } else {
            format!("=?{charset}?Q?{}?=", quoted_text(piece, place))
        });
        rest = after;
    }
    words
}

/// Octets of whole characters of `text` whose encoding takes at most `room`; one character at least.
fn fitting(text: &str, place: Place, base64: bool, room: usize) -> usize {
    let (mut taken, mut cost) = (0, 0);
    for one in text.chars() {
        cost = if base64 {
            (taken + one.len_utf8()).div_ceil(3) * 4
        } else {
            cost + quoted_len(one, place)
        };
        if cost > room && taken > 0 {
            break;
        }
        taken += one.len_utf8();
    }
    taken
}

fn is_literal(octet: u8, place: Place) -> bool {
    match place {
        _ if octet.is_ascii_alphanumeric() => true,
        Place::Phrase => b"!*+-/".contains(&octet),
        Place::Text => octet.is_ascii_graphic() && !b"=?_".contains(&octet),
    }
}

fn quoted_len(one: char, place: Place) -> usize {
    match u8::try_from(one) {
        Ok(octet) if one == ' ' || is_literal(octet, place) => 1,
        _ => 3 * one.len_utf8(),
    }
}

fn quoted_text(text: &str, place: Place) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() * 2);
    for octet in text.bytes() {
        if octet == b' ' {
            out.push('_');
        } else if is_literal(octet, place) {
            out.push(char::from(octet));
        } else {
            out.push('=');
            out.push(char::from(HEX[usize::from(octet >> 4)]));
            out.push(char::from(HEX[usize::from(octet & 15)]));
        }
    }
    out
}

/// Decodes a value that should hold no words and yet, with many writers, does: the name of a file.
/// None where there is none.
pub(super) fn decode_misplaced(text: &str) -> Option<Text> {
    let text = text.trim();
    let all = !text.is_empty() && text.split(is_space).all(|word| word.is_empty() || is_word(word));
    all.then(|| decode(text))
}

#[cfg(test)]
mod tests;
