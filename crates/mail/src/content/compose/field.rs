//! Writes the fields of a header section.

use std::fmt;
use std::str::FromStr;

use super::ComposeError;
use super::fold::Folder;
use crate::address::normalized;
use crate::content::address_list::{AddrSpec, Address, NamedMailbox, is_phrase};
use crate::content::encoded_word::{self, Place};
use crate::content::lex::{is_token, quote};
use crate::content::message_id::MessageId;
use crate::content::parameters::Parameters;

/// Octets of a field name that we write.
const NAME_MAX: usize = 76;
/// Octets of a word that stands as it is: a longer one is encoded, and so can be broken.
const PLAIN_WORD_MAX: usize = 200;

/// The name of a field beyond those that a [`Draft`](super::Draft) has (RFC 5322 §3.6.8).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FieldName(String);

/// Why a text is no name of such a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FieldNameError {
    /// Not of printable ASCII without colon and blank, or too long (RFC 5322 §2.2).
    #[error("a field name is 1 to 76 printable ASCII characters without colon and blank")]
    Syntax,
    /// A field that the standard defines (RFC 5322 §3.6.8).
    #[error("this field is written by the mail system")]
    Reserved,
}

impl FieldName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same field; case does not matter.
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for FieldName {
    type Err = FieldNameError;

    fn from_str(text: &str) -> Result<Self, FieldNameError> {
        let name = text.bytes().all(|octet| matches!(octet, 33..=126) && octet != b':');
        if text.is_empty() || text.len() > NAME_MAX || !name {
            return Err(FieldNameError::Syntax);
        }
        if is_reserved(&text.to_ascii_lowercase()) {
            return Err(FieldNameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Fields with a meaning and a syntax of their own. Comments and Keywords are free text.
fn is_reserved(lower: &str) -> bool {
    const FIELDS: [&str; 14] = [
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "return-path",
        "received",
        "mime-version",
    ];
    FIELDS.contains(&lower) || lower.starts_with("resent-") || lower.starts_with("content-")
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Control characters have no place in a field: each is a blank. Letters are composed
/// (RFC 6532 §3.1).
fn clean(text: &str) -> String {
    normalized(text).chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// Writes a header section field by field: folded, encoded where it must be, and never broken open by
/// what is in a text.
///
/// ```
/// use mail::content::compose::HeadWriter;
///
/// let mut head = HeadWriter::new(false);
/// head.text("Subject", "naïve\r\nBcc: everybody");
/// assert_eq!(head.finish(), b"Subject: =?utf-8?Q?na=C3=AFve?=  Bcc: everybody\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct HeadWriter {
    out: String,
    utf8: bool,
}

impl HeadWriter {
    /// Before the first field; `utf8` where fields may hold UTF-8 (RFC 6532).
    pub fn new(utf8: bool) -> Self {
        Self { out: String::new(), utf8 }
    }

    /// Whether anything beyond ASCII was written.
    pub fn is_utf8(&self) -> bool {
        !self.out.is_ascii()
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// A short value of our own making.
    pub fn raw(&mut self, name: &str, value: &str) {
        let mut folder = Folder::new(name);
        folder.token(&clean(value));
        self.out.push_str(&folder.finish());
    }

    /// An unstructured field.
    pub fn text(&mut self, name: &str, text: &str) {
        let mut folder = Folder::new(name);
        write_text(&clean(text), self.utf8, &mut folder);
        self.out.push_str(&folder.finish());
    }

    /// Identifiers; nothing where there are none.
    pub fn ids(&mut self, name: &str, ids: &[MessageId]) {
        if ids.is_empty() {
            return;
        }
        let mut folder = Folder::new(name);
        ids.iter().for_each(|id| folder.token(&id.to_string()));
        self.out.push_str(&folder.finish());
    }

    /// Addresses, folded between them first (RFC 5322 §2.2.3); nothing where there are none.
    ///
    /// # Errors
    /// [`ComposeError`] for an address that cannot be written.
    pub fn addresses(&mut self, name: &str, list: &[Address]) -> Result<(), ComposeError> {
        if list.is_empty() {
            return Ok(());
        }
        let mut folder = Folder::new(name);
        for (place, address) in list.iter().enumerate() {
            if place > 0 {
                folder.glued(",");
            }
            match address {
                Address::Mailbox(mailbox) => self.mailbox(mailbox, &mut folder)?,
                Address::Group { name, members } => {
                    write_phrase(&clean(name), self.utf8, ":", &mut folder);
                    for (place, member) in members.iter().enumerate() {
                        if place > 0 {
                            folder.glued(",");
                        }
                        self.mailbox(member, &mut folder)?;
                    }
                    folder.glued(";");
                }
            }
        }
        self.out.push_str(&folder.finish());
        Ok(())
    }

    fn mailbox(&self, mailbox: &NamedMailbox, folder: &mut Folder) -> Result<(), ComposeError> {
        let address = self.address(&mailbox.address)?;
        let name = mailbox.name.as_deref().map(clean);
        match name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            None => folder.token(&address),
            Some(name) => {
                write_phrase(name, self.utf8, "", folder);
                folder.token(&format!("<{address}>"));
            }
        }
        Ok(())
    }

    /// The address as it is written: strict, and ASCII unless UTF-8 is allowed.
    fn address(&self, address: &AddrSpec) -> Result<String, ComposeError> {
        let known = AddrSpec::new(address.local(), address.domain())
            .map_err(|_| ComposeError::Address(address.clone()))?;
        if self.utf8 {
            return Ok(known.to_string());
        }
        let ascii = known.to_ascii().ok_or_else(|| ComposeError::NeedsUtf8(address.clone()))?;
        Ok(ascii.to_string())
    }

    /// A field of MIME: a value and its parameters, folded between them.
    pub fn parameters(&mut self, name: &str, value: &str, parameters: &Parameters) {
        let mut folder = Folder::new(name);
        let value: String = value.chars().filter(|one| is_token(*one) || *one == '/').collect();
        folder.token(&value);
        for parameter in parameters.written() {
            folder.glued(";");
            folder.token(&parameter);
        }
        self.out.push_str(&folder.finish());
    }

    /// The blank line that ends the section.
    pub fn blank(&mut self) {
        self.out.push_str("\r\n");
    }
}

/// Whether a word of unstructured text has to be encoded.
fn must_encode(word: &str, utf8: bool) -> bool {
    let reads_as_word = word.contains("=?") && word.contains("?=");
    reads_as_word || word.len() > PLAIN_WORD_MAX || (!utf8 && !word.is_ascii())
}

/// Unstructured text: words that need it become encoded words, and so do the blanks between two of
/// them and at the ends, which readers would drop (RFC 2047 §5, rule 1).
fn write_text(text: &str, utf8: bool, folder: &mut Folder) {
    let mut rest = text;
    let (mut first, mut after_word) = (true, false);
    while !rest.is_empty() {
        let (space, word, after) = next_word(rest);
        let at_end = word.is_empty();
        let odd_start = first && !space.is_empty();
        let odd_end = !after.is_empty() && after.trim_start_matches(' ').is_empty();
        if !at_end && !odd_start && !odd_end && !must_encode(word, utf8) {
            // Between the colon and the text stands one blank.
            folder.spaced(if first { " " } else { space }, word, false);
            (rest, first, after_word) = (after, false, false);
            continue;
        }
        // As many words as need it, with what is between them. The blank before is written as it
        // is, but not between two encoded words, where no reader would see it.
        let written = if first || after_word { 0 } else { space.len().min(1) };
        let inner = rest.get(written..).unwrap_or(rest);
        let len = encoded_run(inner, utf8);
        let (run, after) = inner.split_at_checked(len).unwrap_or((inner, ""));
        for word in encoded_word::encode(run, Place::Text, folder.room_for_word()) {
            folder.word(&word);
        }
        (rest, first, after_word) = (after, false, true);
    }
}

/// White space, a word, and what follows.
fn next_word(text: &str) -> (&str, &str, &str) {
    let start = text.find(|one| one != ' ').unwrap_or(text.len());
    let (space, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    let end = rest.find(' ').unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    (space, word, after)
}

/// Octets of `text` up to the end of the last of the words at its start that must be encoded.
fn encoded_run(text: &str, utf8: bool) -> usize {
    let mut rest = text;
    let mut end = 0;
    loop {
        let (space, word, after) = next_word(rest);
        let first = end == 0;
        if word.is_empty() {
            // Blanks at the end would be lost.
            return text.len();
        }
        if !first && !must_encode(word, utf8) {
            return end;
        }
        end += space.len() + word.len();
        // One word that is in here for its blanks only does not take the next ones along.
        rest = after;
    }
}

/// A phrase: atoms, or a quoted string, or encoded words (RFC 5322 §3.2.5, RFC 2047 §5, rule 3).
fn write_phrase(name: &str, utf8: bool, after: &str, folder: &mut Folder) {
    let long = name.split(' ').any(|word| word.len() > PLAIN_WORD_MAX);
    // Many readers would take such a name for an encoded word, quoted or not.
    let looks_encoded = name.contains("=?");
    let plain = !long && !looks_encoded && (utf8 || name.is_ascii());
    if plain && is_phrase(name) {
        for word in name.split(' ') {
            folder.token(word);
        }
    } else if plain {
        // Folded at its blanks too; they are part of it.
        let mut rest: &str = &quote(name);
        let mut first = true;
        while !rest.is_empty() {
            let (space, word, follows) = next_word(rest);
            if word.is_empty() {
                folder.glued(space);
            } else {
                folder.spaced(if first { " " } else { space }, word, false);
            }
            (rest, first) = (follows, false);
        }
    } else {
        for word in encoded_word::encode(name, Place::Phrase, folder.room_for_word()) {
            folder.word(&word);
        }
        // White space parts it from whatever follows.
        if !after.is_empty() {
            folder.glued(" ");
        }
    }
    folder.glued(after);
}
