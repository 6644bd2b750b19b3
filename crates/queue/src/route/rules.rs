//! The rules of the operator: by domain, by recipient and by sender.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mail::address::{AddressError, Domain, Mailbox};

use super::{Transport, Via};
use crate::domains::{DomainPattern, DomainTable};
use crate::reason::{Reason, Source};

/// A transport and the line of the configuration that chose it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// How mail goes on.
    pub transport: Transport,
    /// From which of our addresses, and as whom.
    pub via: Via,
    /// Where that is written.
    pub source: Option<Source>,
}

impl Rule {
    /// A rule that nobody wrote down.
    pub fn new(transport: Transport) -> Self {
        Self { transport, via: Via::default(), source: None }
    }

    /// `text`, with what the rule says, and where it is written.
    pub(super) fn reason(&self, text: String) -> Reason {
        let Self { transport, via, source } = self;
        Reason::new(format!("{text}: {transport}{via}")).from_rule(source.clone())
    }
}

/// The routes of the operator (`[route]`).
#[derive(Clone, Debug)]
pub struct Routes {
    /// What holds where no rule does.
    pub default: Rule,
    /// The rules, by domain of the recipient.
    pub table: DomainTable<Rule>,
    /// The rules, by recipient.
    pub recipients: AddressTable<Rule>,
    /// The rules, by sender.
    pub senders: AddressTable<Rule>,
    /// Tables that have more of them.
    pub sender_tables: Vec<Arc<str>>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            default: Rule::new(Transport::Mx),
            table: DomainTable::default(),
            recipients: AddressTable::default(),
            senders: AddressTable::default(),
            sender_tables: Vec::new(),
        }
    }
}

impl Routes {
    /// Whether a recipient can be told something by a rule before its mail is taken.
    pub(super) fn can_answer(&self) -> bool {
        !self.table.is_empty()
            || !self.recipients.is_empty()
            || matches!(self.default.transport, Transport::Error(_))
    }
}

/// Which addresses a line of the configuration means. Upper and lower case are one, in the local-part
/// too: what differs only in case is nearly never two people, and the operator means one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AddressPattern {
    /// `ann@example.net`: this one.
    Address(String),
    /// `@example.net`, `@.example.net`: all of the domain, or of those below it.
    Domain(DomainPattern),
}

impl FromStr for AddressPattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix('@') {
            Some(domain) => domain.parse().map(Self::Domain),
            None => Mailbox::parse_utf8(text).map(|mailbox| Self::Address(key(&mailbox))),
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

/// The form in which addresses are compared.
fn key(mailbox: &Mailbox) -> String {
    let local = mailbox.local.as_str().to_lowercase();
    match &mailbox.domain {
        Domain::Name(name) => format!("{local}@{}", name.ascii().to_ascii_lowercase()),
        Domain::Literal(literal) => format!("{local}@{}", literal.to_string().to_ascii_lowercase()),
    }
}

/// Values by address. An address comes before its domain, the domain before any suffix.
#[derive(Clone, Debug)]
pub struct AddressTable<T> {
    addresses: BTreeMap<String, T>,
    domains: DomainTable<T>,
}

impl<T> Default for AddressTable<T> {
    fn default() -> Self {
        Self { addresses: BTreeMap::new(), domains: DomainTable::default() }
    }
}

impl<T> AddressTable<T> {
    /// Adds a line; gives back the value it replaced.
    pub fn insert(&mut self, pattern: AddressPattern, value: T) -> Option<T> {
        match pattern {
            AddressPattern::Address(address) => self.addresses.insert(address, value),
            AddressPattern::Domain(domain) => self.domains.insert(domain, value),
        }
    }

    /// Whether no line is in it.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.domains.is_empty()
    }

    /// The value that holds for this address, and the pattern that brought it.
    pub fn get(&self, mailbox: &Mailbox) -> Option<(AddressPattern, &T)> {
        if self.is_empty() {
            return None;
        }
        let key = key(mailbox);
        if let Some(value) = self.addresses.get(&key) {
            return Some((AddressPattern::Address(key), value));
        }
        let Domain::Name(name) = &mailbox.domain else { return None };
        if let Some(value) = self.domains.exact(name) {
            return Some((AddressPattern::Domain(DomainPattern::Exact(name.clone())), value));
        }
        let (suffix, value) = self.domains.below(name)?;
        Some((AddressPattern::Domain(DomainPattern::Below(suffix.clone())), value))
    }
}
