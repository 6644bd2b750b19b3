//! Hosts that are hidden behind another name.

use std::collections::BTreeSet;

use mail::DomainName;
use mail::address::{Domain, Mailbox};

use super::Scope;
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
    /// What it is applied to.
    pub scope: Scope,
    /// Where it is written.
    pub source: Option<Source>,
}

impl Masquerade {
    /// `mailbox` behind the mask, if its host has one.
    pub(super) fn apply(&self, mailbox: &Mailbox) -> Option<(Mailbox, Reason)> {
        let Domain::Name(name) = &mailbox.domain else { return None };
        let hidden = self.hosts.iter().find(|hidden| hidden.matches(name))?;
        if *name == self.domain || self.except.contains(&mailbox.local.folded()) {
            return None;
        }
        let domain = Domain::Name(self.domain.clone());
        let other = Mailbox { local: mailbox.local.clone(), domain };
        let text = format!("{mailbox} becomes {other}: {hidden} is hidden");
        Some((other, Reason::new(text).from_rule(self.source.clone())))
    }
}
