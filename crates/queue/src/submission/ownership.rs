//! Which addresses belong to a login.

use std::collections::BTreeSet;

use mail::address::{Domain, Mailbox, fold};

use super::{Grant, Identity};
use crate::access::Access;
use crate::directory::{self, Entry};
use crate::expansion::{Answers, Member};
use crate::reason::Reason;

/// Names looked at on the way through aliases.
const ALIASES_MAX: usize = 1000;

/// Whether `identity` may send as `mailbox`, and why or why not.
///
/// Its own addresses are its login, where that is an address or the name of a user of the local
/// domains, what is granted to it, each of these with any tag, and the aliases that lead to one of
/// them; not the lists, whose members do not speak for them.
///
/// # Errors
/// The reason why not.
pub fn owns(access: &Access, identity: &Identity, mailbox: &Mailbox) -> Result<Reason, Reason> {
    let login = &identity.login;
    if let Some(grant) = identity.grants.iter().find(|grant| grant.covers(access.tag, mailbox)) {
        return Ok(Reason::new(format!("{grant} is granted to {login}")));
    }
    if is_named(access, login, mailbox) {
        return Ok(Reason::new(format!("{mailbox} is {login}'s own address")));
    }
    let mut names = Names { access, identity, seen: BTreeSet::new() };
    if names.lead_home(mailbox) {
        return Ok(Reason::new(format!("{mailbox} is an alias of {login}")));
    }
    Err(Reason::new(format!("{mailbox} does not belong to {login}")))
}

impl Grant {
    fn covers(&self, tag: Option<char>, mailbox: &Mailbox) -> bool {
        match self {
            Self::Any => true,
            Self::Domain(domain) => matches!(&mailbox.domain, Domain::Name(name) if name == domain),
            Self::Mailbox(granted) => is_same(tag, granted, mailbox),
        }
    }
}

/// The same mailbox but for case and tag.
fn is_same(tag: Option<char>, granted: &Mailbox, mailbox: &Mailbox) -> bool {
    granted.domain == mailbox.domain
        && is_same_name(tag, granted.local.as_str(), mailbox.local.as_str())
}

fn is_same_name(tag: Option<char>, granted: &str, name: &str) -> bool {
    let (name, granted) = (fold(name), fold(granted));
    let is_tag = |rest: &str| tag.is_some_and(|tag| rest.starts_with(tag));
    name == granted || name.strip_prefix(&granted).is_some_and(is_tag)
}

/// Whether `mailbox` is the address that follows from the name of an account.
fn is_named(access: &Access, login: &str, mailbox: &Mailbox) -> bool {
    match Mailbox::parse_utf8(login) {
        Ok(own) => is_same(access.tag, &own, mailbox),
        Err(_) => {
            let name = mailbox.local.as_str();
            access.is_local(&mailbox.domain) && is_same_name(access.tag, login, name)
        }
    }
}

/// A walk through the aliases.
struct Names<'a> {
    access: &'a Access,
    identity: &'a Identity,
    seen: BTreeSet<String>,
}

impl Names<'_> {
    /// Whether `mailbox` is an alias here that leads to an address of the login, as far as is known
    /// without a table.
    fn lead_home(&mut self, mailbox: &Mailbox) -> bool {
        let Ok(Entry::Members(group)) = directory::find(self.access, mailbox, &Answers::new())
        else {
            return false;
        };
        let is_new = self.seen.len() < ALIASES_MAX && self.seen.insert(group.key);
        if !is_new || group.owner.is_some() {
            return false;
        }
        group.members.iter().any(|listed| {
            let mailbox = match &listed.member {
                Member::Mailbox(mailbox) => mailbox.clone(),
                Member::Name(local) | Member::Own(local) => {
                    Mailbox { local: local.clone(), domain: group.domain.clone() }
                }
                Member::End(_) => return false,
            };
            let granted = self.identity.grants.iter().any(|grant| match grant {
                Grant::Mailbox(granted) => is_same(self.access.tag, granted, &mailbox),
                // Who may send as a whole domain does not own what leads into it.
                Grant::Domain(_) | Grant::Any => false,
            });
            granted
                || is_named(self.access, &self.identity.login, &mailbox)
                || self.lead_home(&mailbox)
        })
    }
}
