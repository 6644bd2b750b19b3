//! Who is behind an address that ends here: a mailbox, others who stand for it, or nobody.
//!
//! The sources are asked in this order, first for the whole local-part, then without its tag
//! (`ann+lists` is `ann`): the aliases, the tables of aliases, the users. Domains are of two kinds.
//! The local ones share the users of this host and its aliases. A virtual one has addresses, tables and
//! mailboxes of its own; what else it gets goes to its catch-all. The postmaster of each of them is
//! always somebody, even while a table is down (RFC 5321 §4.5.1).

#[cfg(test)]
mod tests;
mod virtuals;

use std::borrow::Cow;
use std::sync::Arc;

use mail::address::{Domain, DomainName, LocalPart, Mailbox};

use crate::access::{Access, POSTMASTER, Users, is_safe};
use crate::expansion::{
    Alias, Answer, Answers, Listed, Member, Question, Trust, members, owner_of,
};
use crate::reason::{Reason, Source};

pub use virtuals::{Addresses, Virtual};

/// Who is behind an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry<'a> {
    /// Its domain does not end here.
    Elsewhere,
    /// Nobody of that name.
    Nobody,
    /// The mailbox of a user.
    User {
        /// A safe name.
        user: String,
        /// The virtual domain it belongs to; none for users of this host.
        domain: Option<DomainName>,
        /// The address alone does not say so: where it ends must be stored.
        is_looked_up: bool,
    },
    /// Others stand for it.
    Members(Group<'a>),
}

/// Those who stand for an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group<'a> {
    /// What a loop is known by.
    pub key: String,
    /// Who they are.
    pub members: Cow<'a, [Listed]>,
    /// Where names among them stand.
    pub domain: Domain,
    /// Who answers for it, where it is a list.
    pub owner: Option<Mailbox>,
    /// What it is, and where that is written.
    pub reason: Reason,
}

/// Why there is no entry yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wait {
    /// This must be known first.
    Ask(Question),
    /// It cannot be known now.
    NotNow(Reason),
}

/// Who is behind `mailbox`, as far as `answers` tell.
///
/// # Errors
/// [`Wait`].
pub fn find<'a>(
    access: &'a Access,
    mailbox: &Mailbox,
    answers: &Answers,
) -> Result<Entry<'a>, Wait> {
    let seeking = Seeking { access, answers };
    let entry = match &mailbox.domain {
        Domain::Name(name) if !access.virtuals.is_empty() => match access.virtual_of(name) {
            Some((name, own)) => return seeking.in_virtual(mailbox, name, own),
            None => seeking.in_local(mailbox),
        },
        _ => seeking.in_local(mailbox),
    };
    match entry {
        // It is the postmaster of this host that is always somebody, whatever the tables say.
        Ok(Entry::Nobody) | Err(Wait::NotNow(_)) if access.is_our_postmaster(mailbox) => {
            Ok(seeking.postmaster())
        }
        Ok(Entry::Nobody) if access.is_role(&mailbox.local) => seeking.role(mailbox),
        entry => entry,
    }
}

/// The address that the name `local` among those who stand for something in `domain` means: in a
/// virtual domain that has nobody of that name, it is a user or an alias of this host.
///
/// # Errors
/// [`Wait`].
pub fn named(
    access: &Access,
    local: &LocalPart,
    domain: &Domain,
    answers: &Answers,
) -> Result<Mailbox, Wait> {
    let there = Mailbox { local: local.clone(), domain: domain.clone() };
    let Domain::Name(name) = domain else { return Ok(there) };
    let Some((name, own)) = access.virtual_of(name) else { return Ok(there) };
    let seeking = Seeking { access, answers };
    if seeking.named_in_virtual(&there, name, own)? != Entry::Nobody {
        return Ok(there);
    }
    let here = Mailbox { local: local.clone(), domain: Domain::Name(access.home().clone()) };
    match seeking.in_local(&here)? {
        Entry::Nobody | Entry::Elsewhere => Ok(there),
        Entry::User { .. } | Entry::Members(_) => Ok(here),
    }
}

/// The user whose mailbox `mailbox` names, with the virtual domain it belongs to; aliases do not count.
///
/// # Errors
/// [`Wait`].
pub fn user_of(
    access: &Access,
    mailbox: &Mailbox,
    answers: &Answers,
) -> Result<Option<(String, Option<DomainName>)>, Wait> {
    let seeking = Seeking { access, answers };
    let (users, domain) = match &mailbox.domain {
        Domain::Name(name) => match access.virtual_of(name) {
            Some((name, own)) => (&own.users, Some(name)),
            None if access.is_local(&mailbox.domain) => (&access.users, None),
            None => return Ok(None),
        },
        domain if access.is_local(domain) => (&access.users, None),
        Domain::Literal(_) => return Ok(None),
    };
    for local in seeking.readings(&mailbox.local) {
        if let Some(Entry::User { user, domain, .. }) = seeking.user(users, &local, domain)? {
            return Ok(Some((user, domain)));
        }
    }
    Ok(None)
}

/// The values of a row, and where they stand.
type RowOf<'q> = (&'q [String], &'q Option<Source>);

struct Seeking<'a, 'q> {
    access: &'a Access,
    answers: &'q Answers,
}

impl<'a> Seeking<'a, '_> {
    fn in_local(&self, mailbox: &Mailbox) -> Result<Entry<'a>, Wait> {
        let access = self.access;
        if !access.is_local(&mailbox.domain) && !access.is_our_postmaster(mailbox) {
            return Ok(Entry::Elsewhere);
        }
        for local in self.readings(&mailbox.local) {
            let local = local.as_ref();
            if let Some(alias) = access.aliases.find(local) {
                let owner = access.aliases.owner(&alias.name);
                return Ok(Entry::Members(group(alias, owner, &mailbox.domain, String::new())));
            }
            for table in &access.alias_tables {
                let key = |local: &LocalPart| Some(local.folded());
                if let Some(found) = self.row(table, local, &mailbox.domain, &key)? {
                    return Ok(Entry::Members(found));
                }
            }
            if access.is_our_postmaster(mailbox) {
                return Ok(self.postmaster());
            }
            if let Some(entry) = self.user(&access.users, local, None)? {
                return Ok(entry);
            }
        }
        Ok(Entry::Nobody)
    }

    fn in_virtual(
        &self,
        mailbox: &Mailbox,
        name: &DomainName,
        own: &'a Virtual,
    ) -> Result<Entry<'a>, Wait> {
        let is_postmaster = access_is_postmaster(&mailbox.local);
        match self.named_in_virtual(mailbox, name, own) {
            Ok(Entry::Nobody) | Err(Wait::NotNow(_)) if is_postmaster => return self.role(mailbox),
            Ok(Entry::Nobody) if self.access.is_role(&mailbox.local) => return self.role(mailbox),
            Ok(Entry::Nobody) => {}
            entry => return entry,
        }
        if let Some(alias) = &own.catch_all {
            let key = format!("@{}", name.as_str());
            let found = group(alias, None, &mailbox.domain, key.clone());
            let reason = Reason::new(format!("what else {name} gets"));
            let reason = reason.from_rule(Some(alias.source.clone()));
            return Ok(Entry::Members(Group { key, reason, ..found }));
        }
        for table in &own.tables {
            let key = |_: &LocalPart| Some(format!("@{}", lower(name)));
            if let Some(found) = self.row(table, &mailbox.local, &mailbox.domain, &key)? {
                let what = format!("what else {name} gets, by the table {table}");
                let reason = Reason { text: what.into(), ..found.reason };
                return Ok(Entry::Members(Group { reason, ..found }));
            }
        }
        Ok(Entry::Nobody)
    }

    /// As [`in_virtual`](Self::in_virtual), without the catch-all and what holds for every domain.
    fn named_in_virtual(
        &self,
        mailbox: &Mailbox,
        name: &DomainName,
        own: &'a Virtual,
    ) -> Result<Entry<'a>, Wait> {
        for local in self.readings(&mailbox.local) {
            let local = local.as_ref();
            if let Some(alias) = own.addresses.find(local) {
                let owner = own.addresses.owner(&alias.name);
                return Ok(Entry::Members(group(alias, owner, &mailbox.domain, lower(name))));
            }
            for table in &own.tables {
                let key = |local: &LocalPart| Some(format!("{}@{}", local.folded(), lower(name)));
                if let Some(found) = self.row(table, local, &mailbox.domain, &key)? {
                    return Ok(Entry::Members(found));
                }
            }
            if let Some(entry) = self.user(&own.users, local, Some(name))? {
                return Ok(entry);
            }
        }
        Ok(Entry::Nobody)
    }

    /// The local-part, and what it is without its tag.
    fn readings<'l>(
        &self,
        local: &'l LocalPart,
    ) -> impl Iterator<Item = Cow<'l, LocalPart>> + use<'l> {
        let tag = self.access.tag.and_then(|tag| local.as_str().split_once(tag));
        let untagged = tag.and_then(|(untagged, _)| LocalPart::from_unquoted_utf8(untagged).ok());
        [Some(Cow::Borrowed(local)), untagged.map(Cow::Owned)].into_iter().flatten()
    }

    /// The mailbox that `local` names.
    fn user(
        &self,
        users: &Users,
        local: &LocalPart,
        domain: Option<&DomainName>,
    ) -> Result<Option<Entry<'a>>, Wait> {
        let is_looked_up = domain.is_some() || matches!(users, Users::Table(_));
        let entry = |user| Entry::User { user, domain: domain.cloned(), is_looked_up };
        let Users::Table(table) = users else { return Ok(users.find(local).map(entry)) };
        let user = local.folded();
        if !is_safe(&user) {
            return Ok(None);
        }
        let key = match domain {
            Some(domain) => format!("{user}@{}", lower(domain)),
            None => user.clone(),
        };
        Ok(self.values(table, key)?.map(|_| entry(user)))
    }

    /// Who stands for `local` in `domain` by a row of `table`; `key` is what it is asked by.
    fn row(
        &self,
        table: &Arc<str>,
        local: &LocalPart,
        domain: &Domain,
        key: &dyn Fn(&LocalPart) -> Option<String>,
    ) -> Result<Option<Group<'a>>, Wait> {
        let Some(asked) = key(local).filter(|key| !key.chars().any(char::is_control)) else {
            return Ok(None);
        };
        let Some((values, source)) = self.values(table, asked.clone())? else { return Ok(None) };
        let trust = Trust::none("a table may not have any");
        let mut found = Vec::new();
        for value in values {
            match members(value, &trust, source.as_ref()) {
                Ok(members) => found.extend(members),
                Err((what, _)) => {
                    let what = format!("the table {table} has a wrong row for {asked}: {what}");
                    return Err(Wait::NotNow(Reason::new(what)));
                }
            }
        }
        let owner = match owner_of(local).and_then(|owner| Some((key(&owner)?, owner))) {
            Some((key, owner)) if !asked.starts_with('@') => {
                self.values(table, key)?.map(|_| Mailbox { local: owner, domain: domain.clone() })
            }
            _ => None,
        };
        let reason = Reason::new(format!("by the table {table}")).from_rule(source.clone());
        let members = Cow::Owned(found);
        Ok(Some(Group {
            key: format!("{table}:{asked}"),
            members,
            domain: domain.clone(),
            owner,
            reason,
        }))
    }

    /// The row under `key`.
    fn values(&self, table: &Arc<str>, key: String) -> Result<Option<RowOf<'_>>, Wait> {
        let question = Question::Table { table: table.clone(), key };
        match self.answers.get(&question) {
            None => Err(Wait::Ask(question)),
            Some(Answer::Values { values, source }) => Ok(Some((values, source))),
            Some(Answer::NotNow { why }) => {
                let what = format!("the table {table} does not answer: {why}");
                Err(Wait::NotNow(Reason::new(what)))
            }
            Some(Answer::Nothing | Answer::Forward(_) | Answer::Unsafe { .. }) => Ok(None),
        }
    }

    /// The user who reads the postmaster's mail.
    fn postmaster(&self) -> Entry<'a> {
        Entry::User { user: self.access.postmaster.clone(), domain: None, is_looked_up: false }
    }

    /// A name that every domain has: the postmaster of this host stands for it.
    fn role(&self, mailbox: &Mailbox) -> Result<Entry<'a>, Wait> {
        let Ok(local) = LocalPart::from_unquoted(POSTMASTER) else { return Ok(self.postmaster()) };
        let domain = Domain::Name(self.access.hostname.clone());
        let postmaster = Mailbox { local, domain: domain.clone() };
        let listed = Listed { member: Member::Mailbox(postmaster), source: None };
        Ok(Entry::Members(Group {
            key: format!("role:{}@{}", mailbox.local.folded(), mailbox.domain),
            members: Cow::Owned(vec![listed]),
            domain,
            owner: None,
            reason: Reason::new("every domain has it; the postmaster of this host reads it"),
        }))
    }
}

fn group<'a>(
    alias: &'a Alias,
    owner: Option<LocalPart>,
    domain: &Domain,
    within: String,
) -> Group<'a> {
    Group {
        key: format!("{}@{within}", alias.name.folded()),
        members: Cow::Borrowed(&alias.members),
        owner: owner.map(|local| Mailbox { local, domain: domain.clone() }),
        domain: domain.clone(),
        reason: Reason::new("").from_rule(Some(alias.source.clone())),
    }
}

fn access_is_postmaster(local: &LocalPart) -> bool {
    local.as_str().eq_ignore_ascii_case(POSTMASTER)
}

/// A domain as tables know it.
fn lower(name: &DomainName) -> String {
    name.ascii().to_ascii_lowercase()
}
