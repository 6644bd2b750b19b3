//! What an author who has logged in may send, and as whom (RFC 6409 §6).

use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, DomainName, Mailbox};

/// Who has logged in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The name of the account.
    pub login: String,
    /// The name of its owner, for people.
    pub full_name: Option<String>,
    /// The addresses it may send as, besides those that follow from its name.
    pub grants: Vec<Grant>,
}

/// Addresses that an account may send as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Grant {
    /// `ann@example.net`: this one, and `ann+tag@example.net`.
    Mailbox(Mailbox),
    /// `*@example.net`: all of this domain.
    Domain(DomainName),
    /// `*`: any address at all, for gateways and lists.
    Any,
}

impl FromStr for Grant {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix("*@") {
            _ if text == "*" => Ok(Self::Any),
            Some(domain) => domain.parse().map(Self::Domain),
            None => text.parse().map(Self::Mailbox),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "{mailbox}"),
            Self::Domain(domain) => write!(f, "*@{domain}"),
            Self::Any => f.write_str("*"),
        }
    }
}
