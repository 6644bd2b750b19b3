//! Addresses as `MAIL` and `RCPT` carry them (RFC 5321 §4.1.2, §4.1.3).
//!
//! Values here are parsed once, at the edge, and cannot be malformed. A local-part is kept unquoted
//! and printed with the least quoting that is right: `"joe"@x`, `joe@x` and `"j\oe"@x` are one.
//!
//! `parse` reads ASCII only, which is what a transaction without `SMTPUTF8` may say; `parse_utf8`
//! reads the letters of all languages (RFC 6531 §3.3). All bounds count octets.

mod domain;
mod local;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use icu_normalizer::ComposingNormalizerBorrowed;

pub use domain::{Domain, DomainName, Literal};
pub use local::LocalPart;

/// Octets of a local-part (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_MAX: usize = 64;
/// Octets of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_MAX: usize = 255;
/// Octets of a path with its brackets (RFC 5321 §4.5.3.1.3).
pub const PATH_MAX: usize = 256;

/// What is wrong with the text of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// Not `<…>`.
    #[error("a path stands in angle brackets")]
    Brackets,
    /// No `@` with a domain after it.
    #[error("the domain is missing")]
    NoDomain,
    /// Not a domain name or address literal.
    #[error("the domain is not a name or an address literal")]
    Domain,
    /// Not a dot-string or quoted string.
    #[error("the local-part is not a dot-string or a quoted string")]
    LocalPart,
    /// Over 64, 255 or 256 octets.
    #[error("the address is too long")]
    TooLong,
    /// Not ASCII, and `SMTPUTF8` was not asked for.
    #[error("the address is not in ASCII")]
    NotAscii,
}

/// Which letters an address may have.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Letters {
    /// Those of RFC 5321.
    Ascii,
    /// Those of RFC 6531: `SMTPUTF8` was said.
    Utf8,
}

/// Letters composed (NFC): the form in which equal texts are equal octets (RFC 6532 §3.1).
pub(crate) fn normalized(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// `text` in lower case, its letters composed: how names of people are compared.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    normalized(&text.to_lowercase()).into_owned()
}

/// `local-part@domain`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mailbox {
    /// Who, there.
    pub local: LocalPart,
    /// Where.
    pub domain: Domain,
}

/// The place of the last `@` outside quotes.
fn at_sign(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut found) = (false, false, None);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'@' if !quoted => found = Some(place),
            _ => {}
        }
    }
    found
}

impl Mailbox {
    /// Reads a mailbox that may have letters beyond ASCII on both sides.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Utf8)
    }

    /// Whether it is written in ASCII.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }

    /// The same mailbox written in ASCII; none where the local-part is not, since there is no other
    /// way to write that (RFC 6530 §9).
    pub fn to_ascii(&self) -> Option<Self> {
        let ascii = || Self { local: self.local.clone(), domain: self.domain.to_ascii() };
        self.local.is_ascii().then(ascii)
    }

    fn read(text: &str, letters: Letters) -> Result<Self, AddressError> {
        let at = at_sign(text).ok_or(AddressError::NoDomain)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        let (local, domain) = (LocalPart::read(local, letters)?, Domain::read(domain, letters)?);
        if text.len() > PATH_MAX - 2 {
            return Err(AddressError::TooLong);
        }
        Ok(Self { local, domain })
    }
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Ascii)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// The inside of `<…>`, a source route before it read and dropped (RFC 5321 §4.1.2, §C).
fn inside(text: &str, letters: Letters) -> Result<&str, AddressError> {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let inner = inner.ok_or(AddressError::Brackets)?;
    let Some(route) = inner.strip_prefix('@') else { return Ok(inner) };
    let colon = route_end(route).ok_or(AddressError::LocalPart)?;
    for hop in route[..colon].split(',') {
        let hop = hop.strip_prefix('@').unwrap_or(hop);
        Domain::read(hop, letters)?;
    }
    Ok(&route[colon + 1..])
}

/// The colon that ends a source route: the first one outside an address literal.
fn route_end(route: &str) -> Option<usize> {
    let mut literal = false;
    for (place, byte) in route.bytes().enumerate() {
        match byte {
            b'[' => literal = true,
            b']' => literal = false,
            b':' if !literal => return Some(place),
            _ => {}
        }
    }
    None
}

/// The address of `MAIL`: where reports go.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ReversePath {
    /// `<>`: no report is ever sent about this message (RFC 5321 §4.5.5).
    Null,
    /// `<mailbox>`.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// The mailbox, unless null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Whether this is `<>`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl ReversePath {
    /// Reads the path with its brackets; its mailbox may have letters beyond ASCII.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Utf8)
    }

    /// Whether it is written in ASCII.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }

    /// The same path written in ASCII, if there is a way; see [`Mailbox::to_ascii`].
    pub fn to_ascii(&self) -> Option<Self> {
        match self {
            Self::Null => Some(Self::Null),
            Self::Mailbox(mailbox) => mailbox.to_ascii().map(Self::Mailbox),
        }
    }

    fn read(text: &str, letters: Letters) -> Result<Self, AddressError> {
        match inside(text, letters)? {
            "" => Ok(Self::Null),
            inner => Mailbox::read(inner, letters).map(Self::Mailbox),
        }
    }
}

impl FromStr for ReversePath {
    type Err = AddressError;

    /// Reads the path with its brackets.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Ascii)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// The address of `RCPT`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ForwardPath {
    /// `<postmaster>` in any case: the postmaster of this host (RFC 5321 §4.5.1).
    Postmaster,
    /// `<mailbox>`.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// Reads the path with its brackets; its mailbox may have letters beyond ASCII.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Utf8)
    }

    /// Whether it is written in ASCII.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Postmaster => true,
            Self::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }

    /// The same path written in ASCII, if there is a way; see [`Mailbox::to_ascii`].
    pub fn to_ascii(&self) -> Option<Self> {
        match self {
            Self::Postmaster => Some(Self::Postmaster),
            Self::Mailbox(mailbox) => mailbox.to_ascii().map(Self::Mailbox),
        }
    }

    fn read(text: &str, letters: Letters) -> Result<Self, AddressError> {
        match inside(text, letters)? {
            inner if inner.eq_ignore_ascii_case("postmaster") => Ok(Self::Postmaster),
            inner => Mailbox::read(inner, letters).map(Self::Mailbox),
        }
    }
}

impl FromStr for ForwardPath {
    type Err = AddressError;

    /// Reads the path with its brackets.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Ascii)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<postmaster>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}
