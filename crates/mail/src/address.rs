//! Addresses as `MAIL` and `RCPT` carry them (RFC 5321 §4.1.2, §4.1.3).
//!
//! Values here are parsed once, at the edge, and cannot be malformed. A local-part is kept unquoted
//! and printed with the least quoting that is right: `"joe"@x`, `joe@x` and `"j\oe"@x` are one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

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

/// A domain name: letters, digits and hyphens in labels of at most 63 octets, no final dot.
/// Compared without regard to case, printed as it came.
#[derive(Clone)]
pub struct DomainName(Box<str>);

impl DomainName {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or a name below it, label by label.
    pub fn is_within(&self, other: &DomainName) -> bool {
        let (name, parent) = (self.0.as_bytes(), other.0.as_bytes());
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
            bytes.len() <= 63
                && ends(bytes.first())
                && ends(bytes.last())
                && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if text.split('.').all(label) { Ok(Self(text.into())) } else { Err(AddressError::Domain) }
    }
}

impl PartialEq for DomainName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for DomainName {}

impl Hash for DomainName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.bytes().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
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
        lower_octets(&self.0).cmp(lower_octets(&other.0))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with('[') {
            text.parse().map(Self::Literal)
        } else {
            text.parse().map(Self::Name)
        }
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

/// What stands before the `@`, unquoted. Only the final host reads it, so its case is kept.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocalPart(Box<str>);

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

impl LocalPart {
    /// Without quotes and backslashes.
    pub fn as_str(&self) -> &str {
        &self.0
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
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, 32..=126)) {
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

impl FromStr for LocalPart {
    type Err = AddressError;

    /// Reads a dot-string or a quoted string.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        // The bound is on the octets as they came (RFC 5321 §4.5.3.1.1).
        if text.len() > LOCAL_PART_MAX {
            return Err(AddressError::TooLong);
        }
        let Some(inner) = text.strip_prefix('"') else {
            return match text {
                _ if !text.is_ascii() => Err(AddressError::NotAscii),
                _ if is_dot_string(text) => Self::from_unquoted(text),
                _ => Err(AddressError::LocalPart),
            };
        };
        let inner = inner.strip_suffix('"').ok_or(AddressError::LocalPart)?;
        let mut unquoted = String::with_capacity(inner.len());
        let mut octets = inner.chars();
        while let Some(octet) = octets.next() {
            match octet {
                '\\' => unquoted.push(octets.next().ok_or(AddressError::LocalPart)?),
                '"' => return Err(AddressError::LocalPart),
                _ => unquoted.push(octet),
            }
        }
        Self::from_unquoted(&unquoted)
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

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let at = at_sign(text).ok_or(AddressError::NoDomain)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        let mailbox = Self { local: local.parse()?, domain: domain.parse()? };
        if text.len() > PATH_MAX - 2 { Err(AddressError::TooLong) } else { Ok(mailbox) }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// The inside of `<…>`, a source route before it read and dropped (RFC 5321 §4.1.2, §C).
fn inside(text: &str) -> Result<&str, AddressError> {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let inner = inner.ok_or(AddressError::Brackets)?;
    let Some(route) = inner.strip_prefix('@') else { return Ok(inner) };
    let colon = route_end(route).ok_or(AddressError::LocalPart)?;
    for hop in route[..colon].split(',') {
        let hop = hop.strip_prefix('@').unwrap_or(hop);
        hop.parse::<Domain>()?;
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

impl FromStr for ReversePath {
    type Err = AddressError;

    /// Reads the path with its brackets.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        match inside(text)? {
            "" => Ok(Self::Null),
            inner => inner.parse().map(Self::Mailbox),
        }
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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ForwardPath {
    /// `<postmaster>` in any case: the postmaster of this host (RFC 5321 §4.5.1).
    Postmaster,
    /// `<mailbox>`.
    Mailbox(Mailbox),
}

impl FromStr for ForwardPath {
    type Err = AddressError;

    /// Reads the path with its brackets.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        match inside(text)? {
            inner if inner.eq_ignore_ascii_case("postmaster") => Ok(Self::Postmaster),
            inner => inner.parse().map(Self::Mailbox),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and how it is printed. Register: 5321-3.3-g, 5321-4.1.2-f, 5321-4.1.2-j.
    #[test]
    fn forward_paths() {
        let long = format!("<{}@x.example>", "a".repeat(65));
        let label = format!("<a@{}.example>", "b".repeat(64));
        let rows: &[(&str, Result<&str, AddressError>)] = &[
            ("<ada@mx.example>", Ok("<ada@mx.example>")),
            ("<Ada@MX.Example>", Ok("<Ada@MX.Example>")),
            ("<POSTmaster>", Ok("<postmaster>")),
            ("<@a.example,@b.example:u@c.example>", Ok("<u@c.example>")),
            ("<@[IPv6:::1]:u@c.example>", Ok("<u@c.example>")),
            ("<\"joe\"@x.example>", Ok("<joe@x.example>")),
            ("<\"j\\oe\"@x.example>", Ok("<joe@x.example>")),
            ("<\"a b\"@x.example>", Ok("<\"a b\"@x.example>")),
            ("<\"a@b\"@c.example>", Ok("<\"a@b\"@c.example>")),
            ("<\"a\\\"b\\\\\"@c.example>", Ok("<\"a\\\"b\\\\\"@c.example>")),
            ("<u@[192.0.2.1]>", Ok("<u@[192.0.2.1]>")),
            ("<u@[IPv6:2001:DB8::1]>", Ok("<u@[IPv6:2001:db8::1]>")),
            ("<u@[x-tag:content]>", Ok("<u@[x-tag:content]>")),
            ("ada@mx.example", Err(AddressError::Brackets)),
            ("<>", Err(AddressError::NoDomain)),
            ("<ada>", Err(AddressError::NoDomain)),
            ("<ada@>", Err(AddressError::NoDomain)),
            ("<@mx.example>", Err(AddressError::LocalPart)),
            ("<a..b@mx.example>", Err(AddressError::LocalPart)),
            ("<.a@mx.example>", Err(AddressError::LocalPart)),
            ("<a b@mx.example>", Err(AddressError::LocalPart)),
            ("<\"a@mx.example>", Err(AddressError::NoDomain)),
            ("<\"\"@mx.example>", Err(AddressError::LocalPart)),
            ("<a@mx.example.>", Err(AddressError::Domain)),
            ("<a@mx_1.example>", Err(AddressError::Domain)),
            ("<a@-mx.example>", Err(AddressError::Domain)),
            ("<a@[192.0.2.300]>", Err(AddressError::Domain)),
            ("<a@[192.0.2.1>", Err(AddressError::Domain)),
            ("<a@dömäne.example>", Err(AddressError::NotAscii)),
            (&long, Err(AddressError::TooLong)),
            (&label, Err(AddressError::Domain)),
        ];
        for (text, want) in rows {
            let got = text.parse::<ForwardPath>().map(|path| path.to_string());
            assert_eq!(got.as_deref(), want.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn reverse_paths() {
        assert_eq!("<>".parse(), Ok(ReversePath::Null));
        assert!("<postmaster>".parse::<ReversePath>().is_err());
        assert_eq!("<a@b.example>".parse::<ReversePath>().unwrap().to_string(), "<a@b.example>");
    }

    /// The bound holds for the printed form.
    #[test]
    fn long_local_parts() {
        let rows = [
            ("a".repeat(64), true),
            (" ".repeat(62), true),
            (" ".repeat(63), false),
            ("\"".repeat(31), true),
            ("\"".repeat(32), false),
        ];
        for (text, want) in rows {
            let local = LocalPart::from_unquoted(&text);
            assert_eq!(local.is_ok(), want, "{text}");
            if let Ok(local) = local {
                assert_eq!(local.to_string().parse(), Ok(local));
            }
        }
    }

    #[test]
    fn domains_compare_without_case() {
        let name = |text: &str| text.parse::<DomainName>().unwrap();
        assert_eq!(name("MX.Example"), name("mx.example"));
        assert!(name("a.MX.example").is_within(&name("mx.example")));
        assert!(!name("amx.example").is_within(&name("mx.example")));
    }
}
