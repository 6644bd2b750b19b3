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
}

/// One question.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Question {
    /// The name in lower case, without the root's dot.
    pub name: String,
    /// The type.
    pub kind: Kind,
}

impl Question {
    /// A question for `name`, with or without final dot, in any case.
    pub fn new(name: &str, kind: Kind) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Self { name, kind }
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
    },
    /// The name exists and has no records of the type.
    NoData {
        /// How long that may be kept (RFC 2308).
        ttl: Duration,
    },
    /// The name does not exist: a permanent failure.
    NoName {
        /// How long that may be kept (RFC 2308).
        ttl: Duration,
    },
    /// No answer, SERVFAIL, REFUSED, nonsense: a temporary failure, with what happened.
    Failed(String),
}
