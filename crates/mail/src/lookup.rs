//! Questions to the domain name system and their answers, as mail needs them. Names are absolute:
//! no search list is ever applied.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The record types mail asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Text: the announcements of MTA-STS, TLSRPT and their like.
    Txt,
    /// Which certificates a service may show (RFC 6698).
    Tlsa,
    /// The alias itself, to learn whether it is signed (RFC 7672 §2.1.3).
    Cname,
}

/// One question.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Question {
    /// The name in lower case, without the root's dot.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// Whether the answer must be checked against its signatures (RFC 4035 §5). That costs further
    /// questions, so it is asked for only where something hangs on it.
    pub checked: bool,
}

impl Question {
    /// A question for `name`, with or without final dot, in any case.
    pub fn new(name: &str, kind: Kind) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Self { name, kind, checked: false }
    }

    /// The same question, whose answer is to be checked.
    #[must_use]
    pub fn checked(mut self) -> Self {
        self.checked = true;
        self
    }
}

/// `MX example.org`, as people ask it.
impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Mx => "MX",
            Kind::Txt => "TXT",
            Kind::Tlsa => "TLSA",
            Kind::Cname => "CNAME",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// How far an answer is proved (RFC 4033 §5, RFC 7672 §2.1.1). Answers that are bogus or whose state
/// cannot be known are no answers: [`Answer::Bogus`] and [`Answer::Failed`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Security {
    /// Nobody has looked: it was not asked for, or nobody here can. Counts as insecure.
    #[default]
    Unchecked,
    /// It is proved that the zone, or one on the way, is not signed.
    Insecure,
    /// Signed from the trust anchor down, every alias on the way included.
    Secure,
}

impl Security {
    /// Whether it is proved.
    pub fn is_secure(self) -> bool {
        self == Self::Secure
    }
}

/// A TLSA record: how the certificate of a service is known (RFC 6698 §2.1). The numbers are as they
/// came.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tlsa {
    /// 2: a trust anchor, 3: the certificate of the host itself; 0 and 1 are not usable for mail.
    pub usage: u8,
    /// 0: the whole certificate, 1: its public key.
    pub selector: u8,
    /// 0: as it is, 1: SHA-256, 2: SHA-512.
    pub matching: u8,
    /// The octets or their digest.
    pub data: Vec<u8>,
}

/// As a zone file shows it (RFC 6698 §2.2).
impl std::fmt::Display for Tlsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// One record of an answer. Names are in lower case, without the root's dot; the root is "".
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A mail exchanger: preference (lower is tried first) and host.
    Mx(u16, String),
    /// The name asked for is an alias of this one. Where the server followed the chain, its
    /// records of the asked type come too, and `Found` holds both.
    Cname(String),
    /// A text, its strings joined.
    Txt(Vec<u8>),
    /// A certificate association.
    Tlsa(Tlsa),
}

/// As a zone file shows it, without name and type where they are those of the question.
impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::A(address) => write!(f, "{address}"),
            Self::Aaaa(address) => write!(f, "{address}"),
            Self::Mx(preference, host) => write!(f, "{preference} {host}"),
            Self::Cname(name) => write!(f, "alias of {name}"),
            Self::Txt(text) => write!(f, "\"{}\"", text.escape_ascii()),
            Self::Tlsa(tlsa) => write!(f, "{tlsa}"),
        }
    }
}

/// Records of an answer that are shown.
const SHOWN: usize = 10;

/// In one line, for people.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found { records, .. } => {
                for (n, record) in records.iter().take(SHOWN).enumerate() {
                    let comma = if n == 0 { "" } else { ", " };
                    write!(f, "{comma}{record}")?;
                }
                match records.len().saturating_sub(SHOWN) {
                    0 => {}
                    more => write!(f, " and {more} more")?,
                }
            }
            Self::NoData { .. } => f.write_str("none")?,
            Self::NoName { .. } => f.write_str("there is no such name")?,
            Self::Failed(what) => write!(f, "no answer, {what}")?,
            Self::Bogus(what) => write!(f, "bogus, {what}")?,
        }
        match self.security() {
            Security::Secure => f.write_str(" (signed)"),
            Security::Insecure | Security::Unchecked => Ok(()),
        }
    }
}

/// What the name system said, or that it said nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The name exists and has records of the type (or an alias).
    Found {
        /// In the order of the answer.
        records: Vec<Record>,
        /// How long it may be kept: the least of the records.
        ttl: Duration,
        /// How far it is proved: the least of the records.
        security: Security,
    },
    /// The name exists and has no records of the type.
    NoData {
        /// How long that may be kept (RFC 2308).
        ttl: Duration,
        /// How far it is proved.
        security: Security,
    },
    /// The name does not exist: a permanent failure.
    NoName {
        /// How long that may be kept (RFC 2308).
        ttl: Duration,
        /// How far it is proved.
        security: Security,
    },
    /// No answer, SERVFAIL, REFUSED, nonsense: a temporary failure, with what happened.
    Failed(String),
    /// The answer contradicts its signatures, or lacks those it must have: a temporary failure
    /// (RFC 7672 §2.1.2), with what is wrong.
    Bogus(String),
}

impl Answer {
    /// How far it is proved; a failure proves nothing.
    pub fn security(&self) -> Security {
        match self {
            Self::Found { security, .. }
            | Self::NoData { security, .. }
            | Self::NoName { security, .. } => *security,
            Self::Failed(_) | Self::Bogus(_) => Security::Unchecked,
        }
    }

    /// How long it may be kept; failures never.
    pub fn ttl(&self) -> Duration {
        match self {
            Self::Found { ttl, .. } | Self::NoData { ttl, .. } | Self::NoName { ttl, .. } => *ttl,
            Self::Failed(_) | Self::Bogus(_) => Duration::ZERO,
        }
    }

    /// Why there is none, if there is none.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(what) | Self::Bogus(what) => Some(what),
            _ => None,
        }
    }
}
