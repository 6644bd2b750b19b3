//! Which addresses belong to a login.

use std::collections::BTreeSet;

use mail::address::{Domain, LocalPart, Mailbox, fold};

use super::{Grant, Identity};
use crate::access::Access;
use crate::expansion::Target;
use crate::reason::Reason;

/// What begins a tag: `ann+lists@example.net` is `ann@example.net`.
const TAG: char = '+';
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
    if let Some(grant) = identity.grants.iter().find(|grant| grant.covers(mailbox)) {
        return Ok(Reason::new(format!("{grant} is granted to {login}")));
    }
    if is_named(access, login, mailbox) {
        return Ok(Reason::new(format!("{mailbox} is {login}'s own address")));
    }
    let mut names = Names { access, identity, seen: BTreeSet::new() };
    if access.is_local(&mailbox.domain) && names.lead_home(&mailbox.local, &mailbox.domain) {
        return Ok(Reason::new(format!("{mailbox} is an alias of {login}")));
    }
    Err(Reason::new(format!("{mailbox} does not belong to {login}")))
}

impl Grant {
    fn covers(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Any => true,
            Self::Domain(domain) => matches!(&mailbox.domain, Domain::Name(name) if name == domain),
            Self::Mailbox(granted) => is_same(granted, mailbox),
        }
    }
}

/// The same mailbox but for case and tag.
fn is_same(granted: &Mailbox, mailbox: &Mailbox) -> bool {
    granted.domain == mailbox.domain && is_same_name(granted.local.as_str(), mailbox.local.as_str())
}

fn is_same_name(granted: &str, name: &str) -> bool {
    let name = fold(name);
    let granted = fold(granted);
    name == granted || name.strip_prefix(&granted).is_some_and(|rest| rest.starts_with(TAG))
}

/// Whether `mailbox` is the address that follows from the name of an account.
fn is_named(access: &Access, login: &str, mailbox: &Mailbox) -> bool {
    match Mailbox::parse_utf8(login) {
        Ok(own) => is_same(&own, mailbox),
        Err(_) => access.is_local(&mailbox.domain) && is_same_name(login, mailbox.local.as_str()),
    }
}

/// A walk through the aliases.
struct Names<'a> {
    access: &'a Access,
    identity: &'a Identity,
    seen: BTreeSet<String>,
}

impl Names<'_> {
    /// Whether the alias `name` in the local `domain` leads to an address of the login.
    fn lead_home(&mut self, name: &LocalPart, domain: &Domain) -> bool {
        let aliases = &self.access.aliases;
        let untagged = name.as_str().split(TAG).next().unwrap_or_default();
        let alias =
            aliases.find(name).or_else(|| aliases.find(&LocalPart::from_unquoted(untagged).ok()?));
        let Some(alias) = alias.filter(|alias| aliases.owner(&alias.name).is_none()) else {
            return false;
        };
        if self.seen.len() >= ALIASES_MAX || !self.seen.insert(alias.name.folded()) {
            return false;
        }
        alias.targets.iter().any(|target| {
            let mailbox = match target {
                Target::Mailbox(mailbox) => mailbox.clone(),
                Target::Name(local) => Mailbox { local: local.clone(), domain: domain.clone() },
            };
            let granted = self.identity.grants.iter().any(|grant| match grant {
                Grant::Mailbox(granted) => is_same(granted, &mailbox),
                // Who may send as a whole domain does not own what leads into it.
                Grant::Domain(_) | Grant::Any => false,
            });
            granted
                || is_named(self.access, &self.identity.login, &mailbox)
                || (self.access.is_local(&mailbox.domain)
                    && self.lead_home(&mailbox.local, &mailbox.domain))
        })
    }
}
