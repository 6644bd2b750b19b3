//! One recipient becoming others: by an alias, which changes only the recipient, or by a list, which
//! is an alias with an owner and changes the reverse-path as well (RFC 5321 §3.9).
//!
//! Done once, when the message is taken, as a pure function: what each recipient became stands in a
//! tree with its reasons, what is to be delivered in envelopes that know nothing of it any more.
//! Loops are cut where they close, and each address gets the message once.

mod aliases;
mod asking;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use mail::Xtext;
use mail::address::{Domain, ForwardPath, LocalPart, Mailbox, ReversePath};
use mail::envelope::{
    Envelope, MailParameters, Notify, OriginalRecipient, Recipient, RecipientParameters,
};

use crate::access::Access;
use crate::reason::Reason;

pub use aliases::{Alias, AliasProblem, Aliases, TARGETS_MAX, Target};
pub use asking::{Answer, Answers, ForwardFile, Question};

/// Aliases that lead to aliases, at most.
pub const DEPTH_MAX: usize = 20;
/// Addresses that one message may come to.
pub const EXPANDED_MAX: usize = 10_000;

/// What a path turned out to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A mailbox of this host, or none: delivery finds out.
    Here,
    /// Another host's business.
    Elsewhere,
    /// Others stand for it.
    Alias,
    /// The same, and failures go to this owner.
    List(Mailbox),
    /// Left out: it has the message already.
    Again,
    /// Left out: the alias leads back to itself.
    Loop,
    /// Left out: a bound was reached. The sender is told that it failed.
    TooMany,
}

/// What became of one path, and of those that stand for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// The path.
    pub path: ForwardPath,
    /// What it is.
    pub kind: Kind,
    /// Why.
    pub reason: Reason,
    /// Those it became.
    pub members: Vec<Node>,
}

/// A recipient of the original envelope that is finished by being expanded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// As it came.
    pub recipient: Recipient,
    /// It is a list: what came to it is delivered (RFC 3461 §5.2.7.1). Otherwise it went to several
    /// others (§5.2.7.3).
    pub is_list: bool,
}

/// What an envelope comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expansion {
    /// One for each recipient, in order.
    pub trees: Vec<Node>,
    /// What is to be delivered: the first has the reverse-path that came, unless nobody is left in
    /// it; then one for each owner.
    pub envelopes: Vec<Envelope>,
    /// Whose sender asked to hear of success and must hear of it now.
    pub finished: Vec<Finished>,
    /// Paths that are dropped because a bound was reached.
    pub failed: Vec<Recipient>,
}

/// Expands `envelope`. `None`: no recipient of it is an alias.
pub fn expand(access: &Access, envelope: &Envelope) -> Option<Expansion> {
    let any = |recipient: &Recipient| find(access, &recipient.path).is_some();
    if access.aliases.is_empty() || !envelope.recipients.iter().any(any) {
        return None;
    }
    let mut work = Work { access, envelope, groups: Vec::new(), expansion: Expansion::default() };
    // Who is named in the envelope gets it as such, not as a member of something else.
    let named = envelope.recipients.iter().filter(|recipient| !any(recipient));
    let named: BTreeSet<ForwardPath> = named.map(|recipient| recipient.path.clone()).collect();
    work.groups.push(Group { owner: None, recipients: Vec::new(), seen: named });
    for recipient in &envelope.recipients {
        let tree = match any(recipient) {
            true => work.path(recipient.clone(), 0, &mut Vec::new()),
            false => work.keep(recipient.clone()),
        };
        work.expansion.trees.push(tree);
    }
    Some(work.finish())
}

/// The alias that `path` is, and the domain it stands in.
fn find<'a>(access: &'a Access, path: &ForwardPath) -> Option<(&'a Alias, Domain)> {
    let (local, domain) = match path {
        ForwardPath::Postmaster => {
            (LocalPart::from_unquoted("postmaster").ok()?, Domain::Name(access.hostname.clone()))
        }
        ForwardPath::Mailbox(mailbox) => (mailbox.local.clone(), mailbox.domain.clone()),
    };
    let ours = match path {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => {
            access.is_local(&domain) || access.is_our_postmaster(mailbox)
        }
    };
    access.aliases.find(&local).filter(|_| ours).map(|alias| (alias, domain))
}

/// Recipients under one reverse-path.
struct Group {
    /// None: the reverse-path that came.
    owner: Option<Mailbox>,
    recipients: Vec<Recipient>,
    /// Who is among them, or will be.
    seen: BTreeSet<ForwardPath>,
}

struct Work<'a> {
    access: &'a Access,
    envelope: &'a Envelope,
    /// The first is that of the reverse-path that came.
    groups: Vec<Group>,
    expansion: Expansion,
}

/// An alias that is being followed: its name, and the group its members belong to.
struct Way {
    name: String,
    group: usize,
}

impl Work<'_> {
    /// A recipient that no alias stands for.
    fn keep(&mut self, recipient: Recipient) -> Node {
        let (kind, reason) = self.leaf(&recipient.path);
        let path = recipient.path.clone();
        if let Some(group) = self.groups.first_mut() {
            group.recipients.push(recipient);
        }
        Node { path, kind, reason, members: Vec::new() }
    }

    fn leaf(&self, path: &ForwardPath) -> (Kind, Reason) {
        match path {
            ForwardPath::Mailbox(mailbox) if !self.access.is_local(&mailbox.domain) => {
                (Kind::Elsewhere, Reason::new("the domain is not ours"))
            }
            _ => (Kind::Here, Reason::new("no alias stands for it")),
        }
    }

    /// Follows one path; `way` are the aliases above it.
    fn path(&mut self, recipient: Recipient, depth: usize, way: &mut Vec<Way>) -> Node {
        let group = way.last().map_or(0, |above| above.group);
        let path = recipient.path.clone();
        let node = |kind, reason: Reason| Node { path, kind, reason, members: Vec::new() };
        let Some((alias, domain)) = find(self.access, &recipient.path) else {
            return self.take(recipient, group);
        };
        let name = alias.name.folded();
        if way.iter().any(|above| above.name == name) {
            // `ann: ann, bob` means the mailbox of ann.
            if self.access.user(&recipient.path).is_some() {
                return self.take(recipient, group);
            }
            let reason = Reason::new(format!("{} leads back to itself", alias.name));
            return node(Kind::Loop, reason.from_rule(Some(alias.source.clone())));
        }
        if depth >= DEPTH_MAX {
            self.expansion.failed.push(recipient);
            let reason = Reason::new(format!("more than {DEPTH_MAX} aliases lead to each other"));
            return node(Kind::TooMany, reason.from_rule(Some(alias.source.clone())));
        }
        self.follow(alias, &domain, &recipient, depth, way)
    }

    /// Those who stand for `recipient`.
    fn follow(
        &mut self,
        alias: &Alias,
        domain: &Domain,
        recipient: &Recipient,
        depth: usize,
        way: &mut Vec<Way>,
    ) -> Node {
        let above = way.last().map_or(0, |above| above.group);
        let owner = self.access.aliases.owner(&alias.name);
        // The null reverse-path stays null, whatever the list (RFC 5321 §4.5.5).
        let owner = owner.map(|local| Mailbox { local, domain: domain.clone() });
        let group = match &owner {
            Some(owner) if !self.envelope.reverse_path.is_null() => self.group_of(owner),
            _ => above,
        };
        let is_list = owner.is_some();
        let asked = recipient.parameters.notify.is_some_and(|notify| notify.success);
        let several = alias.targets.len() > 1;
        if asked && (is_list || several) {
            let finished = Finished { recipient: recipient.clone(), is_list };
            self.expansion.finished.push(finished);
        }
        way.push(Way { name: alias.name.folded(), group });
        let members = alias.targets.iter().map(|target| {
            let path = ForwardPath::Mailbox(match target {
                Target::Mailbox(mailbox) => mailbox.clone(),
                Target::Name(local) => Mailbox { local: local.clone(), domain: domain.clone() },
            });
            let parameters = match is_list {
                true => of_member(&path),
                false => passed_on(&recipient.parameters, several),
            };
            self.path(Recipient { path, parameters }, depth + 1, way)
        });
        let members = members.collect();
        way.pop();
        let (kind, what) = match owner {
            Some(owner) => {
                let what = format!("a list; failures go to {owner}");
                (Kind::List(owner), what)
            }
            None => (Kind::Alias, "an alias".to_owned()),
        };
        let reason = Reason::new(what).from_rule(Some(alias.source.clone()));
        Node { path: recipient.path.clone(), kind, reason, members }
    }

    fn group_of(&mut self, owner: &Mailbox) -> usize {
        let known = self.groups.iter().position(|group| group.owner.as_ref() == Some(owner));
        known.unwrap_or_else(|| {
            let (owner, seen) = (Some(owner.clone()), BTreeSet::new());
            self.groups.push(Group { owner, recipients: Vec::new(), seen });
            self.groups.len() - 1
        })
    }

    /// Puts an address that nothing stands for into its group, once.
    fn take(&mut self, recipient: Recipient, group: usize) -> Node {
        let (mut kind, mut reason) = self.leaf(&recipient.path);
        let path = recipient.path.clone();
        let taken: usize = self.groups.iter().map(|group| group.recipients.len()).sum();
        if let Some(group) = self.groups.get_mut(group) {
            if !group.seen.insert(path.clone()) {
                kind = Kind::Again;
                reason = Reason::new("it gets the message already");
            } else if taken >= EXPANDED_MAX {
                kind = Kind::TooMany;
                reason =
                    Reason::new(format!("one message goes to {EXPANDED_MAX} addresses at most"));
                self.expansion.failed.push(recipient);
            } else {
                group.recipients.push(recipient);
            }
        }
        Node { path, kind, reason, members: Vec::new() }
    }

    fn finish(self) -> Expansion {
        let Self { envelope, groups, mut expansion, .. } = self;
        let envelopes = groups.into_iter().filter(|group| !group.recipients.is_empty());
        expansion.envelopes = envelopes
            .map(|Group { owner, recipients, .. }| match owner {
                None => Envelope { recipients, ..envelope.clone() },
                Some(owner) => Envelope {
                    reverse_path: ReversePath::Mailbox(owner),
                    parameters: of_list(&envelope.parameters),
                    recipients,
                },
            })
            .collect();
        expansion
    }
}

/// What an alias passes on (RFC 3461 §5.2.7.2, §5.2.7.3 (c)).
fn passed_on(parameters: &RecipientParameters, several: bool) -> RecipientParameters {
    let mut parameters = parameters.clone();
    if several {
        let less = |notify: Notify| Notify { success: false, ..notify };
        parameters.notify = parameters.notify.map(less);
    }
    parameters
}

/// What a member of a list gets: nothing of what came (RFC 3461 §5.2.7.1).
fn of_member(path: &ForwardPath) -> RecipientParameters {
    let original = match path {
        ForwardPath::Mailbox(mailbox) if mailbox.is_ascii() => Some(OriginalRecipient {
            address_type: "rfc822".to_owned(),
            address: Xtext::encode(mailbox.to_string().as_bytes()).to_string(),
        }),
        _ => None,
    };
    RecipientParameters { notify: None, original }
}

/// What a list says of the message: what is needed to carry it, not what its author asked for.
fn of_list(parameters: &MailParameters) -> MailParameters {
    MailParameters {
        size: parameters.size,
        body: parameters.body,
        utf8: parameters.utf8,
        priority: parameters.priority,
        require_tls: parameters.require_tls,
        ..MailParameters::default()
    }
}

/// The members that `EXPN` shows: those who stand for the alias or list `name` in `domain`, or the
/// user of that name; none where there is neither (RFC 5321 §3.5.1).
pub fn members(access: &Access, name: &LocalPart, domain: &Domain) -> Vec<Mailbox> {
    let own = Mailbox { local: name.clone(), domain: domain.clone() };
    let path = ForwardPath::Mailbox(own.clone());
    match find(access, &path) {
        Some((alias, domain)) => {
            let shown = |target: &Target| match target {
                Target::Mailbox(mailbox) => mailbox.clone(),
                Target::Name(local) => Mailbox { local: local.clone(), domain: domain.clone() },
            };
            alias.targets.iter().map(shown).collect()
        }
        None => access.user(&path).map(|_| own).into_iter().collect(),
    }
}
