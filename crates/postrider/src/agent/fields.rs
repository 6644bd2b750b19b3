//! Writes header fields: folding (RFC 5322 §2.2.3), names of people (§3.2.5), encoded-words for
//! what is not ASCII (RFC 2047).
//!
//! No text given here can add a line to the header section: controls, CR and LF among them, become
//! blanks before anything is written.

use mail::Mailbox;
use mail::content::Parameters;

use super::addresses::Entry;

/// Columns a line should keep to, CR LF not counted (RFC 5322 §2.1.1).
const COLUMNS: usize = 78;
/// Columns of a line with an encoded-word (RFC 2047 §2).
const ENCODED_COLUMNS: usize = 76;
/// Characters of one encoded-word (RFC 2047 §2).
const ENCODED_WORD_MAX: usize = 75;
/// Characters of the name of a field: with its colon it leaves room on the line.
const FIELD_NAME_MAX: usize = 70;
/// A word in plain ASCII longer than this is encoded, so that lines end before 998.
const WORD_MAX: usize = 900;

/// Writes `Name: text` for a field of free text: `Subject` and the like.
///
/// Text that is not ASCII, looks like an encoded-word without being meant as one (RFC 2047 §7), or
/// has a word too long for a line, is encoded.
pub fn write_text(out: &mut Vec<u8>, name: &str, text: &str) {
    let text = one_line(text);
    let mut line = Line::new(out, name);
    let plain = text.is_ascii()
        && !text.contains("=?")
        && text.split(' ').all(|word| word.len() <= WORD_MAX);
    if plain {
        text.split(' ').for_each(|word| line.word(word));
    } else {
        encoded_words(&text, line.column + 1).iter().for_each(|word| line.encoded(word));
    }
    line.end();
}

/// Fields that letters have by themselves, or that others write on their way.
const OWN_FIELDS: [&str; 19] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "Return-Path",
    "Received",
    "MIME-Version",
    "User-Agent",
    "Status",
    "X-Status",
    "Delivered-To",
    // A person writes: the letter is no program's (RFC 3834 §5).
    "Auto-Submitted",
];

/// Whether a person may add the field to a letter (RFC 5322 §3.6.8).
///
/// # Errors
/// Why not.
pub fn is_extra_field(name: &str, value: &str) -> Result<(), &'static str> {
    let is_own = OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, 33..=126) && byte != b':') {
        return Err("the name of a field is printable ASCII without blanks and colons");
    }
    if name.len() > FIELD_NAME_MAX {
        return Err("the name of the field is too long");
    }
    if is_own || lower.starts_with("resent-") || lower.starts_with("content-") {
        return Err("this field has a meaning of its own and cannot be added");
    }
    if value.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err("the value of a field is one line of text");
    }
    Ok(())
}

/// Writes `Name: value; parameter=value…`, folded between the parameters (RFC 2045 §5.1).
pub fn write_parameters(out: &mut Vec<u8>, name: &str, value: &str, parameters: &Parameters) {
    let written = parameters.written();
    let mut line = Line::new(out, name);
    let mut left = written.len();
    let semicolon = |left: usize| if left > 0 { ";" } else { "" };
    line.word(&format!("{value}{}", semicolon(left)));
    for parameter in written {
        left -= 1;
        line.word(&format!("{parameter}{}", semicolon(left)));
    }
    line.end();
}

/// Writes `Name: <id> <id>…`, folded between the ids, which come without brackets.
pub fn write_ids(out: &mut Vec<u8>, name: &str, ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    let mut line = Line::new(out, name);
    ids.iter().for_each(|id| line.word(&format!("<{id}>")));
    line.end();
}

/// Writes `Name: address, address…`, folded between addresses. Writes nothing for none.
pub fn write_addresses(out: &mut Vec<u8>, name: &str, entries: &[Entry]) {
    let Some(last) = entries.len().checked_sub(1) else { return };
    let mut line = Line::new(out, name);
    for (n, entry) in entries.iter().enumerate() {
        let comma = if n == last { "" } else { "," };
        match &entry.name {
            None => line.word(&format!("{}{comma}", entry.mailbox)),
            Some(name) => write_named(&mut line, name, &entry.mailbox, comma),
        }
    }
    line.end();
}

/// One address with its name: an atom, a quoted string or encoded-words, never a mixture.
fn write_named(line: &mut Line<'_>, name: &str, mailbox: &Mailbox, comma: &str) {
    let name = one_line(name);
    let words: Vec<&str> = name.split(' ').filter(|word| !word.is_empty()).collect();
    let atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let address = format!("<{mailbox}>{comma}");
    if name.is_ascii() && !name.contains("=?") && name.len() <= WORD_MAX {
        let atoms = words.iter().all(|word| word.bytes().all(atext));
        let name = if atoms { words.join(" ") } else { quoted(&name) };
        // Kept together while a line has room for both.
        line.word(&format!("{name} {address}"));
    } else if is_encoded(&words) {
        words.iter().for_each(|word| line.encoded(word));
        line.word(&address);
    } else {
        encoded_words(&name, line.column + 1).iter().for_each(|word| line.encoded(word));
        line.word(&address);
    }
}

/// A name that came as encoded-words stays as it is.
fn is_encoded(words: &[&str]) -> bool {
    words.iter().all(|word| {
        let inner = word.strip_prefix("=?").and_then(|word| word.strip_suffix("?="));
        word.len() <= ENCODED_WORD_MAX
            && word
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"(),.:;<>@[\\]".contains(&byte))
            && inner.is_some_and(|inner| {
                let mut parts = inner.split('?');
                let charset = parts.next().is_some_and(|charset| !charset.is_empty());
                let encoding = matches!(parts.next(), Some("B" | "b" | "Q" | "q"));
                charset && encoding && parts.next().is_some() && parts.next().is_none()
            })
    })
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

/// Blanks for controls: a header field cannot hold them, and a line end would begin another.
fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.trim().to_owned()
}

/// A field under way, folded before it grows too long.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    /// Whether a line end may come here: not between the name and the first word, and never where
    /// only blanks would stand on a line (RFC 5322 §3.2.2).
    foldable: bool,
    blanks: usize,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, foldable: false, blanks: 0 }
    }

    /// A word and the blank before it. Empty words are runs of blanks, kept with the next word.
    fn word(&mut self, word: &str) {
        self.put(word, COLUMNS);
    }

    fn encoded(&mut self, word: &str) {
        self.put(word, ENCODED_COLUMNS);
    }

    fn put(&mut self, word: &str, columns: usize) {
        self.blanks += 1;
        if word.is_empty() {
            return;
        }
        if self.foldable && self.column + self.blanks + word.len() > columns {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.out.extend(std::iter::repeat_n(b' ', self.blanks));
        self.out.extend_from_slice(word.as_bytes());
        self.column += self.blanks + word.len();
        self.blanks = 0;
        self.foldable = true;
    }

    fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// `text` as encoded-words in UTF-8, each of whole characters (RFC 2047 §5), in the one of the two
/// encodings that suits it. `column` is where the first one will stand.
fn encoded_words(text: &str, column: usize) -> Vec<String> {
    let quoted_len = |text: &str| -> usize {
        let one = |byte: u8| if is_q_literal(byte) || byte == b' ' { 1 } else { 3 };
        text.bytes().map(one).sum()
    };
    let base64_len = |text: &str| text.len().div_ceil(3) * 4;
    // Mostly ASCII stays legible to people who see it raw.
    let odd = text.bytes().filter(|&byte| byte != b' ' && !is_q_literal(byte)).count();
    let base64 = odd * 3 > text.len();
    let open = if base64 { "=?UTF-8?B?" } else { "=?UTF-8?Q?" };
    let cost = |piece: &str| if base64 { base64_len(piece) } else { quoted_len(piece) };
    let room_on = |column: usize| {
        ENCODED_COLUMNS.saturating_sub(column).min(ENCODED_WORD_MAX).saturating_sub(open.len() + 2)
    };
    // A first line with hardly any room is left to the fold before the word.
    let mut room = if room_on(column) < 16 { room_on(1) } else { room_on(column) };
    let mut words = Vec::new();
    let mut piece = String::new();
    for letter in text.chars() {
        piece.push(letter);
        if cost(&piece) > room && piece.len() > letter.len_utf8() {
            piece.pop();
            words.push(encoded_word(open, &piece, base64));
            piece.clear();
            piece.push(letter);
            room = room_on(1);
        }
    }
    if !piece.is_empty() || words.is_empty() {
        words.push(encoded_word(open, &piece, base64));
    }
    words
}

fn encoded_word(open: &str, piece: &str, base64: bool) -> String {
    use std::fmt::Write;
    let mut word = String::from(open);
    if base64 {
        base64_into(&mut word, piece.as_bytes());
    } else {
        for byte in piece.bytes() {
            match byte {
                b' ' => word.push('_'),
                byte if is_q_literal(byte) => word.push(char::from(byte)),
                // Writing to a String cannot fail.
                byte => drop(write!(word, "={byte:02X}")),
            }
        }
    }
    word.push_str("?=");
    word
}

/// What may stand for itself in a phrase, the strictest place (RFC 2047 §5 (3)).
fn is_q_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

/// RFC 4648 §4, with padding.
fn base64_into(out: &mut String, octets: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= group.len() { char::from(digit) } else { '=' });
        }
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
