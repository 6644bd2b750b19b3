//! What stands before the `@` (RFC 5321 §4.1.2, RFC 6531 §3.3).

use std::fmt;
use std::str::FromStr;

use super::{AddressError, LOCAL_PART_MAX, Letters, fold};

/// What stands before the `@`, unquoted. Only the final host reads it, so its case is kept.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocalPart(Box<str>);

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Characters beyond ASCII that a local-part may have (RFC 6531 §3.3): none that controls a line or
/// a terminal, nor one that some hosts take for a line end (RFC 6532 §3.1 with RFC 5198 §2).
fn is_letter(character: char) -> bool {
    !character.is_ascii()
        && !character.is_control()
        && !matches!(character, '\u{2028}' | '\u{2029}')
}

fn is_dot_string(text: &str) -> bool {
    let atext = |character: char| match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => is_atext(byte),
        _ => is_letter(character),
    };
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

impl LocalPart {
    /// Without quotes and backslashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is in ASCII.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The form in which the final host compares its own local-parts: lower case, letters composed
    /// (NFC). On the way it is never touched, since what it means is the final host's business.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// From its unquoted octets: printable ASCII characters and blanks, 1 to 64 in the form they
    /// are printed in, so that what is printed can always be read.
    ///
    /// # Errors
    /// [`AddressError`] for anything else.
    pub fn from_unquoted(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        Self::from_unquoted_utf8(text)
    }

    /// As [`from_unquoted`](Self::from_unquoted), with characters beyond ASCII.
    ///
    /// # Errors
    /// [`AddressError`]; control characters are refused.
    pub fn from_unquoted_utf8(text: &str) -> Result<Self, AddressError> {
        let allowed = |character| matches!(character, ' '..='~') || is_letter(character);
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(AddressError::LocalPart);
        }
        let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        let quoting = if is_dot_string(text) { 0 } else { 2 + escapes };
        if text.len() + quoting > LOCAL_PART_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(Self(text.into()))
    }
}

impl LocalPart {
    /// Reads a dot-string or a quoted string that may have characters beyond ASCII.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Utf8)
    }

    pub(super) fn read(text: &str, letters: Letters) -> Result<Self, AddressError> {
        // The bound is on the octets as they came (RFC 5321 §4.5.3.1.1).
        if text.len() > LOCAL_PART_MAX {
            return Err(AddressError::TooLong);
        }
        if letters == Letters::Ascii && !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        let Some(inner) = text.strip_prefix('"') else {
            return match is_dot_string(text) {
                true => Self::from_unquoted_utf8(text),
                false => Err(AddressError::LocalPart),
            };
        };
        let inner = inner.strip_suffix('"').ok_or(AddressError::LocalPart)?;
        let mut unquoted = String::with_capacity(inner.len());
        let mut octets = inner.chars();
        while let Some(octet) = octets.next() {
            match octet {
                '\\' => {
                    // Only ASCII is ever quoted so (RFC 6531 §3.3).
                    let next = octets.next().filter(char::is_ascii);
                    unquoted.push(next.ok_or(AddressError::LocalPart)?);
                }
                '"' => return Err(AddressError::LocalPart),
                _ => unquoted.push(octet),
            }
        }
        Self::from_unquoted_utf8(&unquoted)
    }
}

impl FromStr for LocalPart {
    type Err = AddressError;

    /// Reads a dot-string or a quoted string.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Ascii)
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.0) {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for octet in self.0.chars() {
            if matches!(octet, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{octet}")?;
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
