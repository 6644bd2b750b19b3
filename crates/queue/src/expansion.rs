//! One recipient becoming others: by an alias or a `.forward`, which change only the recipient, or by
//! a list, which is an alias with an owner and changes the reverse-path as well (RFC 5321 §3.9).
//!
//! Done once, when the message is taken, as a pure function over the [answers](Answers) that are there:
//! what each recipient became stands in a tree with its reasons, what is to be delivered in envelopes
//! that know nothing of it any more. Loops are cut where they close, within this host by the names on
//! the way, between hosts by the mark of a copy that left: its `Delivered-To`. Each address gets the
//! message once.

mod aliases;
mod asking;
mod forward;
mod show;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use std::collections::BTreeMap;

use mail::Xtext;
use mail::address::{Domain, ForwardPath, LocalPart, Mailbox};
use mail::envelope::{
    Envelope, MailParameters, Notify, OriginalRecipient, Recipient, RecipientParameters,
};

use crate::access::{Access, Users};
use crate::directory::{self, Entry, Wait};
use crate::reason::Reason;
use crate::target::Target;

pub(crate) use aliases::owner_of;
pub use aliases::{
    Alias, AliasFile, AliasProblem, AliasRules, Aliases, Include, Listed, TARGETS_MAX, members,
};
pub use asking::{Answer, Answers, ForwardFile, Question};
pub use show::draw;
pub use words::{Member, NOWHERE, Trust};

/// Aliases that lead to aliases, at most.
pub const DEPTH_MAX: usize = 20;
/// Addresses that one message may come to.
pub const EXPANDED_MAX: usize = 10_000;
/// Names that are looked at for one message, those that come to nothing counted: a bomb ends here.
pub const LOOKED_MAX: usize = 100_000;
/// Questions that are asked for one message.
pub const QUESTIONS_MAX: usize = 20_000;
/// Addresses in one `.forward`.
pub const FORWARD_MEMBERS_MAX: usize = 100;

/// What a path turned out to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A mailbox of this host, or none: delivery finds out.
    Here,
    /// A mailbox of this host whose owner has a `.forward` that is not followed.
    Unfollowed,
    /// A command or a file; it is in the reason.
    End,
    /// Another host's business.
    Elsewhere,
    /// Others stand for it.
    Alias,
    /// The same, and failures go to this owner.
    List(Mailbox),
    /// Its owner has a `.forward`.
    Forward,
    /// It gets a copy of the letter for an archive.
    Copy,
    /// Left out: it has the message already.
    Again,
    /// Left out: it leads back to itself.
    Loop,
    /// Left out: a bound was reached. The sender is told that it failed.
    TooMany,
    /// It is not known yet.
    Asked,
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

impl Node {
    /// Whether somebody gets the message by it.
    pub fn leads_somewhere(&self) -> bool {
        match self.kind {
            Kind::Here
            | Kind::Unfollowed
            | Kind::End
            | Kind::Elsewhere
            | Kind::Again
            | Kind::Asked
            | Kind::Copy => true,
            Kind::Loop | Kind::TooMany => false,
            Kind::Alias | Kind::List(_) | Kind::Forward => {
                self.members.iter().any(Self::leads_somewhere)
            }
        }
    }
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

/// Recipients that share a reverse-path and a way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expanded {
    /// Who gets it, and from whom.
    pub envelope: Envelope,
    /// Where they end, by number, for those whose address does not say so.
    pub targets: BTreeMap<u32, Target>,
    /// They are elsewhere, and the message came to them by this address of ours: the copy says so in
    /// a `Delivered-To`, so that a loop between hosts is seen in its first round.
    pub via: Option<Mailbox>,
}

/// What an envelope comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expansion {
    /// One for each recipient, in order.
    pub trees: Vec<Node>,
    /// What is to be delivered: the first has the reverse-path that came, unless nobody is left in
    /// it; then others by owner and way.
    pub envelopes: Vec<Expanded>,
    /// Whose sender asked to hear of success and must hear of it now.
    pub finished: Vec<Finished>,
    /// Paths that are dropped because a bound was reached.
    pub failed: Vec<Recipient>,
}

/// How far the expansion has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// No recipient stands for others: the envelope is what it was.
    Plain,
    /// These must be answered first; then it is done again with the answers.
    Ask(Vec<Question>),
    /// Something cannot be known now: the message is to come again.
    NotNow(Reason),
    /// It is done.
    Done(Expansion),
}

/// Expands `envelope`. `marks`: the values of the `Delivered-To` fields that the message has.
pub fn expand<S: AsRef<str>>(
    access: &Access,
    envelope: &Envelope,
    marks: &[S],
    answers: &Answers,
) -> Progress {
    if envelope.recipients.iter().all(|recipient| is_plain(access, &recipient.path)) {
        return Progress::Plain;
    }
    walk::walk(access, envelope, marks, answers)
}

/// Whether nothing can stand for `path`: the question of the hot path.
fn is_plain(access: &Access, path: &ForwardPath) -> bool {
    let mailbox = match path {
        ForwardPath::Postmaster if access.aliases.is_empty() && access.alias_tables.is_empty() => {
            return access.forwarding.is_none();
        }
        ForwardPath::Postmaster => return false,
        ForwardPath::Mailbox(mailbox) => mailbox,
    };
    if !access.ends_here(&mailbox.domain) && !access.is_our_postmaster(mailbox) {
        return true;
    }
    let asks = access.forwarding.is_some()
        || !access.alias_tables.is_empty()
        || matches!(access.users, Users::Table(_));
    let is_virtual = || match &mailbox.domain {
        Domain::Name(name) => access.virtual_of(name).is_some(),
        Domain::Literal(_) => false,
    };
    let stands =
        || matches!(directory::find(access, mailbox, &Answers::new()), Ok(Entry::Members(_)));
    !asks && !is_virtual() && (access.aliases.is_empty() && access.roles.is_empty() || !stands())
}

/// The mailbox that `path` names.
fn mailbox_of(access: &Access, path: &ForwardPath) -> Option<Mailbox> {
    match path {
        ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
        ForwardPath::Postmaster => {
            let local = LocalPart::from_unquoted("postmaster").ok()?;
            Some(Mailbox { local, domain: Domain::Name(access.hostname.clone()) })
        }
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
/// user of that name; none where there is neither (RFC 5321 §3.5.1). Commands and files are nobody's
/// business, and neither is what a user says in a `.forward`.
///
/// # Errors
/// What must be known first, or that it cannot be known now.
pub fn shown(
    access: &Access,
    name: &LocalPart,
    domain: &Domain,
    answers: &Answers,
) -> Result<Vec<Mailbox>, Wait> {
    let own = Mailbox { local: name.clone(), domain: domain.clone() };
    match directory::find(access, &own, answers)? {
        Entry::Elsewhere | Entry::Nobody => Ok(Vec::new()),
        Entry::User { .. } => Ok(vec![own]),
        Entry::Members(group) => {
            let mut shown = Vec::new();
            for listed in group.members.iter() {
                match &listed.member {
                    Member::Mailbox(mailbox) => shown.push(mailbox.clone()),
                    Member::Name(local) | Member::Own(local) => {
                        shown.push(directory::named(access, local, &group.domain, answers)?);
                    }
                    Member::End(_) => {}
                }
            }
            Ok(if shown.is_empty() { vec![own] } else { shown })
        }
    }
}
