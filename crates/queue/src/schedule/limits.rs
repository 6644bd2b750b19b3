//! What a destination may be asked to bear, as the operator says it (`[destination]`).

use crate::domains::DomainTable;
use crate::reason::{Reason, Source};
use crate::route::{Host, NextHop};

use super::rate::Rate;

/// A value, and the line that says it; none where nobody has said anything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub source: Option<Source>,
}

impl<T> Told<T> {
    /// A value that nobody has said.
    pub fn plain(value: T) -> Self {
        Self { value, source: None }
    }
}

/// The limits of one destination.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at once.
    pub connections: Told<usize>,
    /// Letters over one connection; none: as many as there are.
    pub letters: Told<Option<u32>>,
    /// Recipients of one transaction.
    pub recipients: Told<usize>,
    /// Letters in a time; none: as fast as it goes.
    pub rate: Told<Option<Rate>>,
}

impl Default for Limits {
    /// 20 connections, 100 recipients, which every server takes (RFC 5321 §4.5.3.1.8), no others.
    fn default() -> Self {
        Self {
            connections: Told::plain(20),
            letters: Told::plain(None),
            recipients: Told::plain(100),
            rate: Told::plain(None),
        }
    }
}

impl Limits {
    /// What holds, a sentence for each limit.
    pub fn reasons(&self) -> Vec<Reason> {
        let letters = match self.letters.value {
            Some(letters) => format!("at most {letters} letters over one connection"),
            None => "any number of letters over one connection".to_owned(),
        };
        let rate = match &self.rate.value {
            Some(rate) => format!("at most {rate} letters"),
            None => "no limit of the rate".to_owned(),
        };
        vec![
            Reason::new(format!("at most {} connections at once", self.connections.value))
                .from_rule(self.connections.source.clone()),
            Reason::new(letters).from_rule(self.letters.source.clone()),
            Reason::new(format!("at most {} recipients a transaction", self.recipients.value))
                .from_rule(self.recipients.source.clone()),
            Reason::new(rate).from_rule(self.rate.source.clone()),
        ]
    }
}

/// Letters that are written to mailboxes at once: the more, the fewer syncs each of them costs.
pub const MAILBOXES: usize = 100;

/// The limits of all destinations.
#[derive(Clone, Debug)]
pub struct LimitTable {
    /// Where no rule fits.
    pub default: Limits,
    /// Of mailboxes, which are no connections: [`MAILBOXES`].
    pub mailboxes: Limits,
    /// The rules, each complete, by domain or by the name of a configured host.
    pub table: DomainTable<Limits>,
}

impl Default for LimitTable {
    fn default() -> Self {
        let mailboxes = Limits { connections: Told::plain(MAILBOXES), ..Limits::default() };
        Self { default: Limits::default(), mailboxes, table: DomainTable::default() }
    }
}

impl LimitTable {
    /// The limits of a next hop. A fixed host that is no name has the default.
    pub fn of(&self, hop: &NextHop) -> &Limits {
        let name = match hop {
            NextHop::Exchangers(domain) => Some(domain),
            NextHop::Host { host: Host::Name(name), .. } => Some(name),
            NextHop::Local | NextHop::Mailbox(_) => return &self.mailboxes,
            _ => None,
        };
        name.and_then(|name| self.table.get(name)).unwrap_or(&self.default)
    }

    /// The limits of a queue of that name.
    pub fn of_queue(&self, queue: &str) -> &Limits {
        NextHop::parse(queue).map_or(&self.default, |hop| self.of(&hop))
    }
}
