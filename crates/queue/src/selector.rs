//! Which letters of the queue an operator means: by domain, sender, recipient, age, reason, id,
//! queue and state. Everything that is said must fit; nothing said means all.
//!
//! What is about recipients (domain, recipient, reason) is asked of each of them, and gives those
//! for whom all of it holds: to remove the mail for one address leaves the letter to the others.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use mail::address::{Domain, ForwardPath, ReversePath, fold};
use spool::MessageId;

use crate::domains::DomainPattern;
use crate::record::{Attempt, Stored};

/// Octets of a pattern: as long as a path may be (RFC 5321 §4.5.3.1.3), and some stars.
const PATTERN_MAX: usize = 320;

/// Where a job stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is in hand: being tried, or in line for it.
    Active,
    /// It waits for its next attempt.
    Deferred,
    /// It waits for an administrator.
    Held,
}

impl State {
    /// The state of a job that is held or not, claimed or not.
    pub fn of(held: bool, claimed: bool) -> Self {
        match (held, claimed) {
            (true, _) => Self::Held,
            (false, true) => Self::Active,
            (false, false) => Self::Deferred,
        }
    }
}

/// What is not a pattern of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an address, `@domain`, `name@`, a pattern with `*`, or `<>`")]
pub struct PatternError;

/// Addresses: `ann@example.org`, `@example.org` (all of a domain), `ann@` (in any domain),
/// `news-*@example.org`, or `<>`, the null reverse-path. Case does not matter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressPattern {
    /// Folded; empty for `<>`.
    text: String,
}

impl AddressPattern {
    /// Whether it means `address`, written without brackets; empty: the null reverse-path.
    pub fn matches(&self, address: &str) -> bool {
        match (self.text.is_empty(), address.is_empty()) {
            (true, empty) | (false, empty @ true) => self.text.is_empty() && empty,
            (false, false) => fits(self.text.as_bytes(), fold(address).as_bytes()),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "<>" {
            return Ok(Self { text: String::new() });
        }
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let is_pattern = bare.contains('@') || bare.contains('*') || bare == "postmaster";
        if !is_pattern || bare.len() > PATTERN_MAX || bare.chars().any(char::is_control) {
            return Err(PatternError);
        }
        let (before, after) = (bare.starts_with('@'), bare.ends_with('@'));
        let star = |there| if there { "*" } else { "" };
        Ok(Self { text: format!("{}{}{}", star(before), fold(bare), star(after)) })
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "<>" } else { &self.text })
    }
}

/// Whether `pattern`, in which `*` is anything, fits the whole of `text`. One star is tried again at
/// most for each octet, so there is no pattern that takes for ever.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, place));
                at += 1;
            }
            Some(octet) if text.get(place) == Some(octet) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, tried)) = last_star else { return false };
                last_star = Some((star, tried + 1));
                at = star + 1;
                place = tried + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|octet| *octet == b'*')
}

/// Which letters are meant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    /// One of these; none: any.
    pub ids: Vec<MessageId>,
    /// For this domain.
    pub domain: Option<DomainPattern>,
    /// From this address.
    pub sender: Option<AddressPattern>,
    /// For this address.
    pub recipient: Option<AddressPattern>,
    /// Came before this moment.
    pub before: Option<SystemTime>,
    /// Came at this moment or after it.
    pub since: Option<SystemTime>,
    /// The last attempt failed with words that hold these, in any case.
    pub reason: Option<String>,
    /// In this queue.
    pub queue: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Not younger than this: what came after somebody had looked is not meant.
    pub until: Option<MessageId>,
}

/// What is known of one job.
pub struct Facts<'a> {
    /// Its message.
    pub message: MessageId,
    /// The name of its next hop.
    pub queue: &'a str,
    /// Where it stands.
    pub state: State,
    /// Its envelope.
    pub stored: &'a Stored,
    /// The recipients not finished yet, each with its last attempt.
    pub open: &'a [(u32, Option<Attempt>)],
}

impl Selector {
    /// The open recipients that are meant, by their number; none: the job is not.
    pub fn select(&self, facts: &Facts<'_>) -> Vec<u32> {
        if !self.is_about(facts) {
            return Vec::new();
        }
        let meant = |(number, attempt): &&(u32, Option<Attempt>)| {
            let recipient = facts.stored.recipients.get(*number as usize);
            recipient.is_some_and(|recipient| {
                self.is_for(&recipient.path) && self.failed_so(attempt.as_ref())
            })
        };
        facts.open.iter().filter(meant).map(|(number, _)| *number).collect()
    }

    /// What concerns the letter as a whole.
    fn is_about(&self, facts: &Facts<'_>) -> bool {
        let arrival = facts.stored.arrival;
        (self.ids.is_empty() || self.ids.contains(&facts.message))
            && self.until.is_none_or(|until| facts.message <= until)
            && self.before.is_none_or(|before| arrival < before)
            && self.since.is_none_or(|since| arrival >= since)
            && self.state.is_none_or(|state| state == facts.state)
            && self.queue.as_deref().is_none_or(|queue| queue.eq_ignore_ascii_case(facts.queue))
            && self.sender.as_ref().is_none_or(|sender| is_from(sender, &facts.stored.reverse_path))
    }

    fn is_for(&self, path: &ForwardPath) -> bool {
        let in_domain = |pattern: &DomainPattern| match path {
            ForwardPath::Mailbox(mailbox) => match &mailbox.domain {
                Domain::Name(name) => pattern.matches(name),
                Domain::Literal(_) => false,
            },
            ForwardPath::Postmaster => false,
        };
        let ascii = || path.to_ascii().map(|path| bare(&path));
        self.domain.as_ref().is_none_or(in_domain)
            && self.recipient.as_ref().is_none_or(|pattern| {
                pattern.matches(&bare(path)) || ascii().is_some_and(|path| pattern.matches(&path))
            })
    }

    fn failed_so(&self, attempt: Option<&Attempt>) -> bool {
        let Some(wanted) = &self.reason else { return true };
        let Some(attempt) = attempt else { return false };
        let reply = attempt.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        let said = fold(&format!("{}\n{reply}", attempt.explanation));
        said.contains(&fold(wanted))
    }
}

fn is_from(pattern: &AddressPattern, path: &ReversePath) -> bool {
    let ascii = || path.to_ascii().map(|path| bare(&path));
    pattern.matches(&bare(path)) || ascii().is_some_and(|path| pattern.matches(&path))
}

/// A path without its brackets.
pub fn bare(path: &dyn fmt::Display) -> String {
    let path = path.to_string();
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(&path).to_owned()
}
