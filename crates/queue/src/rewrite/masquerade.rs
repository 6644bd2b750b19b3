//! Hosts that are hidden behind another name.

use std::collections::BTreeSet;

use mail::DomainName;
use mail::address::{Domain, Mailbox};

use super::{Place, Scope};
use crate::domains::DomainPattern;
use crate::reason::{Reason, Source};

/// `[masquerade]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Masquerade {
    /// The name that is seen.
    pub domain: DomainName,
    /// Hosts that are hidden: by their name, or all below a name.
    pub hosts: Vec<DomainPattern>,
    /// Names that keep their host, in lower case: `root` of each host stays apart.
    pub except: BTreeSet<String>,
    /// Hosts that are not hidden, though all below a name are.
    pub except_hosts: Vec<DomainPattern>,
    /// What it is applied to.
    pub scope: Scope,
    /// Where it is written.
    pub source: Option<Source>,
}

impl Masquerade {
    /// Hides `hosts` behind `domain` wherever their names are seen: what is said of who gets a letter in
    /// its envelope must still lead to the host.
    pub fn new(domain: DomainName, hosts: Vec<DomainPattern>) -> Self {
        let scope = Scope {
            places: vec![Place::EnvelopeSender, Place::HeaderSender, Place::HeaderRecipient],
            strangers: false,
        };
        let (except, except_hosts) = Default::default();
        Self { domain, hosts, except, except_hosts, scope, source: None }
    }

    /// `mailbox` behind the mask, if its host has one.
    pub(super) fn apply(&self, mailbox: &Mailbox) -> Option<(Mailbox, Reason)> {
        let Domain::Name(name) = &mailbox.domain else { return None };
        let hidden = self.hosts.iter().find(|hidden| hidden.matches(name))?;
        let is_exception = self.except.contains(&mailbox.local.folded())
            || self.except_hosts.iter().any(|seen| seen.matches(name));
        if *name == self.domain || is_exception {
            return None;
        }
        let domain = Domain::Name(self.domain.clone());
        let other = Mailbox { local: mailbox.local.clone(), domain };
        let text = format!("{hidden} is hidden");
        Some((other, Reason::new(text).from_rule(self.source.clone())))
    }
}
