//! What stands after the `@`: names and address literals (RFC 5321 §4.1.2, §4.1.3), names in the
//! letters of any language where `SMTPUTF8` was said (RFC 6531 §3.3).
//!
//! A name keeps the octets it came in. What is compared and what the name system is asked for is its
//! form in ASCII, each U-label an A-label (RFC 5890 §2.3.2.1), computed once when the name is read.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::{AddressError, DOMAIN_MAX, Letters, normalized};

/// Octets of a label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// A domain name: letters, digits and hyphens in labels of at most 63 octets, no final dot.
/// Compared by its A-labels without regard to case, printed as it came.
#[derive(Clone)]
pub struct DomainName {
    text: Box<str>,
    /// The A-labels, where `text` has others.
    ascii: Option<Box<str>>,
}

impl DomainName {
    /// Reads a name that may have U-labels.
    ///
    /// # Errors
    /// [`AddressError`]; also for what is a U-label only after characters were exchanged for others
    /// (wide letters, the ideographic full stop): two hosts might exchange them differently. Upper
    /// case and letters in decomposed form are read.
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        if text.is_ascii() {
            return text.parse();
        }
        if text.len() > DOMAIN_MAX {
            return Err(AddressError::TooLong);
        }
        let rules = Uts46::new();
        let hyphens = Hyphens::CheckFirstLast;
        let ascii =
            rules.to_ascii(text.as_bytes(), AsciiDenyList::STD3, hyphens, DnsLength::Verify);
        let ascii = ascii.map_err(|_| AddressError::Domain)?;
        let (back, told) = rules.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, hyphens);
        if told.is_err() || *back != *normalized(&text.to_lowercase()) {
            return Err(AddressError::Domain);
        }
        Ok(Self { text: text.into(), ascii: Some(ascii.into()) })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// With A-labels only: what the name system is asked for (RFC 6531 §3.2).
    pub fn ascii(&self) -> &str {
        self.ascii.as_deref().unwrap_or(&self.text)
    }

    /// Whether it is written in ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii.is_none()
    }

    /// The same name written with A-labels: for hosts without `SMTPUTF8` (RFC 6531 §3.2).
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        Self { text: self.ascii().into(), ascii: None }
    }

    /// With U-labels where it has A-labels: for people, and for the fields that a transaction with
    /// `SMTPUTF8` adds (RFC 6531 §3.7.3).
    pub fn unicode(&self) -> Cow<'_, str> {
        let hyphens = Hyphens::CheckFirstLast;
        if !lower_octets(self.ascii()).collect::<Vec<_>>().windows(4).any(|four| four == b"xn--") {
            return Cow::Borrowed(&self.text);
        }
        match Uts46::new().to_unicode(self.ascii().as_bytes(), AsciiDenyList::STD3, hyphens) {
            (unicode, Ok(())) => unicode,
            (_, Err(_)) => Cow::Borrowed(&self.text),
        }
    }

    /// Whether this is `other` or a name below it, label by label.
    pub fn is_within(&self, other: &DomainName) -> bool {
        let (name, parent) = (self.ascii().as_bytes(), other.ascii().as_bytes());
        match name.len().checked_sub(parent.len()) {
            None => false,
            Some(0) => self == other,
            Some(at) => name[at - 1] == b'.' && name[at..].eq_ignore_ascii_case(parent),
        }
    }
}

impl FromStr for DomainName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        if text.len() > DOMAIN_MAX {
            return Err(AddressError::TooLong);
        }
        let label = |label: &str| {
            let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = label.as_bytes();
            bytes.len() <= LABEL_MAX
                && ends(bytes.first())
                && ends(bytes.last())
                && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !text.split('.').all(label) {
            return Err(AddressError::Domain);
        }
        Ok(Self { text: text.into(), ascii: None })
    }
}

impl PartialEq for DomainName {
    fn eq(&self, other: &Self) -> bool {
        self.ascii().eq_ignore_ascii_case(other.ascii())
    }
}

impl Eq for DomainName {}

impl Hash for DomainName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        lower_octets(self.ascii()).for_each(|octet| state.write_u8(octet));
    }
}

fn lower_octets(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

impl PartialOrd for DomainName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DomainName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        lower_octets(self.ascii()).cmp(lower_octets(other.ascii()))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address literal, printed in its brackets (RFC 5321 §4.1.3).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Literal {
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Ip(IpAddr),
    /// `[tag:content]` of a kind we know no way to.
    Other(Box<str>),
}

impl FromStr for Literal {
    type Err = AddressError;

    /// Reads the literal with its brackets.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner = inner.ok_or(AddressError::Domain)?;
        if text.len() > DOMAIN_MAX {
            return Err(AddressError::TooLong);
        }
        if let Ok(v4) = inner.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(v4.into()));
        }
        let (tag, content) = inner.split_once(':').ok_or(AddressError::Domain)?;
        if tag.eq_ignore_ascii_case("IPv6") {
            let v6: Ipv6Addr = content.parse().map_err(|_| AddressError::Domain)?;
            return Ok(Self::Ip(v6.into()));
        }
        let tag_is_word = tag.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let content_is_dcontent =
            !content.is_empty() && content.bytes().all(|byte| matches!(byte, 33..=90 | 94..=126));
        if tag_is_word && content_is_dcontent {
            Ok(Self::Other(inner.into()))
        } else {
            Err(AddressError::Domain)
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(v4)) => write!(f, "[{v4}]"),
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[IPv6:{v6}]"),
            Self::Other(inner) => write!(f, "[{inner}]"),
        }
    }
}

/// What stands after the `@`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Domain {
    /// A name to ask the name system about.
    Name(DomainName),
    /// An address to go to.
    Literal(Literal),
}

impl Domain {
    /// Reads a name that may have U-labels, or a literal.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse_utf8(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Utf8)
    }

    pub(super) fn read(text: &str, letters: Letters) -> Result<Self, AddressError> {
        match letters {
            _ if text.starts_with('[') => text.parse().map(Self::Literal),
            Letters::Ascii => text.parse().map(Self::Name),
            Letters::Utf8 => DomainName::parse_utf8(text).map(Self::Name),
        }
    }

    /// Whether it is written in ASCII.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Name(name) => name.is_ascii(),
            Self::Literal(_) => true,
        }
    }

    /// The same domain written with A-labels.
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        match self {
            Self::Name(name) => Self::Name(name.to_ascii()),
            Self::Literal(_) => self.clone(),
        }
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Letters::Ascii)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
        }
    }
}
