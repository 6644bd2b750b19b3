//! What an author may send, and as whom (RFC 6409): the rights of a login, the bounds of its use,
//! and what a letter lacks before it can go on.

mod completion;
mod ownership;
mod quota;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, Domain, DomainName, ForwardPath, Mailbox, ReversePath};
use mail::reply::Topic;

use crate::access::{self, Accepted, Access, Verdict};
use crate::expansion::{Answers, Question};
use crate::reason::Reason;

pub use completion::{Completed, Facts, complete};
pub use ownership::owns;
pub use quota::{LOGINS_MAX, Quota, Rates};

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
            None => Mailbox::parse_utf8(text).map(Self::Mailbox),
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

/// What becomes of a letter whose From names an address that the login may not use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForeignFrom {
    /// It is refused.
    #[default]
    Refuse,
    /// Its Sender field says who sent it (RFC 6409 §8.1).
    Mark,
    /// It is taken as it is.
    Pass,
}

/// What is done to what authors send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// From fields of others.
    pub foreign_from: ForeignFrom,
    /// Bcc fields are taken out.
    pub remove_bcc: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { foreign_from: ForeignFrom::Refuse, remove_bcc: true }
    }
}

/// Whether the domain of `mailbox` says where it is for everyone (RFC 6409 §4.2): it has a dot, or
/// we know it.
fn is_qualified(access: &Access, domain: &Domain) -> bool {
    match domain {
        Domain::Literal(_) => true,
        Domain::Name(name) => {
            name.as_str().contains('.')
                || *name == access.hostname
                || access.is_local(domain)
                || access.relay_domains.get(name).is_some()
        }
    }
}

fn unqualified<T>(domain: &Domain, topic: Topic) -> Verdict<T> {
    let reason = format!("{domain} is no fully qualified domain, and not one of ours");
    Verdict::refuse(554, topic, "That domain is not fully qualified", reason)
}

/// Whether an author may send from `path` (RFC 6409 §3.2, §4.2, §6.1). None: the author is not
/// logged in, but at an address from which anyone may send.
pub fn sender(access: &Access, identity: Option<&Identity>, path: &ReversePath) -> Verdict<()> {
    let ReversePath::Mailbox(mailbox) = path else {
        return Verdict::accept((), "the null reverse-path is always accepted");
    };
    if !is_qualified(access, &mailbox.domain) {
        return unqualified(&mailbox.domain, Topic(1, 8));
    }
    let Some(identity) = identity else {
        return Verdict::accept((), "the client may send anywhere");
    };
    match owns(access, identity, mailbox) {
        Err(reason) => {
            Verdict::refuse(550, Topic(7, 1), "This login may not send as that address", reason)
        }
        Ok(_) if !is_reachable(access, mailbox) => {
            let reason = format!("{mailbox} is local and nobody: reports could not reach it");
            Verdict::refuse(550, Topic(1, 8), "There is no such sender here", reason)
        }
        Ok(reason) => Verdict::accept((), reason),
    }
}

/// Whether reports can reach `mailbox`: elsewhere they may, here there is somebody.
fn is_reachable(access: &Access, mailbox: &Mailbox) -> bool {
    let path = ForwardPath::Mailbox(mailbox.clone());
    matches!(access::recipient(access, None, &path), Verdict::Accept { .. })
}

/// Whether an author may send to `path` (RFC 6409 §4.2). The caller knows that it may send
/// anywhere: it has logged in, or its address says so.
///
/// # Errors
/// What must be known first.
pub fn recipient(
    access: &Access,
    identity: Option<&Identity>,
    path: &ForwardPath,
    answers: &Answers,
) -> Result<Verdict<Accepted>, Question> {
    if let ForwardPath::Mailbox(mailbox) = path
        && !is_qualified(access, &mailbox.domain)
    {
        return Ok(unqualified(&mailbox.domain, Topic(1, 2)));
    }
    let verdict = access::recipient_knowing(access, None, path, answers)?;
    Ok(match (verdict, identity) {
        (Verdict::Accept { accepted, .. }, Some(identity)) if accepted.user.is_none() => {
            Verdict::Accept {
                accepted,
                reason: Reason::new(format!("{} may send anywhere", identity.login)),
            }
        }
        (verdict, _) => verdict,
    })
}
