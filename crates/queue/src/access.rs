//! Who may send what to whom through this host (RFC 5321 §3.6.2, §7.9; RFC 1123 §5.2.7).
//!
//! Never an open relay: a stranger reaches our own mailboxes and the domains we relay for, nothing
//! else. What is decided here is decided once, in the session, with the reply the peer gets and the
//! reason the operator sees.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use mail::address::{
    Domain, DomainName, ForwardPath, Literal, LocalPart, Mailbox, ReversePath, fold,
};
use mail::reply::{Reply, Topic};

use crate::directory::{self, Entry, Virtual, Wait};
use crate::domains::DomainTable;
use crate::expansion::{Aliases, Answers, Question};
use crate::reason::{Reason, Source};

/// Received fields a message may have before it is taken for a loop (RFC 5321 §6.3 asks for 100).
pub const MAX_HOPS: usize = 100;

/// The local-part every host must take mail for (RFC 5321 §4.5.1).
pub(crate) const POSTMASTER: &str = "postmaster";

/// Who has a mailbox here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Users {
    /// Everyone with a name that is safe as the name of a file: letters, digits, `.`, `_`, `-`, `+`
    /// and `=`, not starting with a dot or hyphen.
    Any,
    /// These. Compared without regard to case, letters beyond ASCII composed.
    Listed(BTreeSet<String>),
    /// Those that the table of this name has a row of: by their name, or in a virtual domain by their
    /// address. Their names are safe, as of [`Any`](Self::Any).
    Table(Arc<str>),
}

impl Users {
    /// The users of a list.
    pub fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Listed(names.into_iter().map(|name| fold(name.as_ref())).collect())
    }

    /// The user whose mailbox `local` names: in lower case, never octets that could leave the
    /// directory of the mailboxes. None where only a table knows.
    pub(crate) fn find(&self, local: &LocalPart) -> Option<String> {
        let name = local.folded();
        match self {
            Self::Any => is_safe(&name).then_some(name),
            Self::Listed(names) => names.contains(&name).then_some(name),
            Self::Table(_) => None,
        }
    }
}

/// Who may have something.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Allowed {
    /// Nobody.
    #[default]
    Nobody,
    /// These users.
    Users(BTreeSet<String>),
    /// All users.
    Everyone,
}

impl Allowed {
    /// Whether `user` may.
    pub fn has(&self, user: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Users(users) => users.contains(user),
            Self::Everyone => true,
        }
    }
}

/// What a `.forward` may say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forwarding {
    /// Whose commands are followed.
    pub commands: Allowed,
    /// Whose files.
    pub files: Allowed,
}

pub(crate) fn is_safe(name: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+=".contains(&byte);
    name.bytes().all(safe) && !name.starts_with(['.', '-']) && !name.is_empty()
}

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct Access {
    /// The name of this host.
    pub hostname: DomainName,
    /// The domains whose final destination is here.
    pub local_domains: BTreeSet<DomainName>,
    /// Who has a mailbox in them.
    pub users: Users,
    /// Names in these domains that stand for others.
    pub aliases: Arc<Aliases>,
    /// Tables that have more of them, by their name.
    pub alias_tables: Vec<Arc<str>>,
    /// Domains with addresses and mailboxes of their own.
    pub virtuals: BTreeMap<DomainName, Virtual>,
    /// What begins a tag: `ann+lists` is `ann` where nobody is called so.
    pub tag: Option<char>,
    /// Names that every domain has, as it has a postmaster, who reads their mail; in lower case.
    pub roles: BTreeSet<String>,
    /// What a `.forward` may say; none: nobody's is read.
    pub forwarding: Option<Forwarding>,
    /// The user who reads the postmaster's mail. Taken as it is, in `users` or not.
    pub postmaster: String,
    /// Clients that may send anywhere.
    pub relay_networks: Vec<IpNet>,
    /// Domains that anyone may send to through us; the value is the line that says so.
    pub relay_domains: DomainTable<Option<Source>>,
    /// Our own addresses: `user@[address]` is local (RFC 1123 §5.2.17).
    pub own_literals: Vec<IpAddr>,
    /// Received fields before a message is taken for a loop.
    pub max_hops: usize,
}

impl Access {
    /// Nobody but this host itself, no domain but its own name.
    pub fn new(hostname: DomainName) -> Self {
        Self {
            local_domains: BTreeSet::from([hostname.clone()]),
            hostname,
            users: Users::Any,
            aliases: Arc::default(),
            alias_tables: Vec::new(),
            virtuals: BTreeMap::new(),
            tag: Some('+'),
            roles: BTreeSet::new(),
            forwarding: None,
            postmaster: POSTMASTER.to_owned(),
            relay_networks: Vec::new(),
            relay_domains: DomainTable::default(),
            own_literals: Vec::new(),
            max_hops: MAX_HOPS,
        }
    }

    /// Whether `domain` is one of those that share the users of this host.
    pub fn is_local(&self, domain: &Domain) -> bool {
        match domain {
            Domain::Name(name) => self.local_domains.contains(name),
            Domain::Literal(Literal::Ip(address)) => {
                let address = address.to_canonical();
                self.own_literals.iter().any(|own| own.to_canonical() == address)
            }
            Domain::Literal(Literal::Other(_)) => false,
        }
    }

    /// Whether mail for `domain` ends here: it is local or virtual.
    pub fn ends_here(&self, domain: &Domain) -> bool {
        let is_virtual = || matches!(domain, Domain::Name(name) if self.virtual_of(name).is_some());
        self.is_local(domain) || is_virtual()
    }

    /// The virtual domain of this name.
    pub fn virtual_of(&self, name: &DomainName) -> Option<(&DomainName, &Virtual)> {
        self.virtuals.get_key_value(name)
    }

    /// The domain of names without one.
    pub fn home(&self) -> &DomainName {
        match self.local_domains.contains(&self.hostname) {
            true => &self.hostname,
            false => self.local_domains.first().unwrap_or(&self.hostname),
        }
    }

    /// Whether every domain here has this name.
    pub fn is_role(&self, local: &LocalPart) -> bool {
        !self.roles.is_empty() && self.roles.contains(&local.folded())
    }

    /// Whether this is the postmaster of a local domain or of the host itself.
    pub fn is_our_postmaster(&self, mailbox: &Mailbox) -> bool {
        let host = matches!(&mailbox.domain, Domain::Name(name) if *name == self.hostname);
        mailbox.local.as_str().eq_ignore_ascii_case(POSTMASTER)
            && (host || self.is_local(&mailbox.domain))
    }

    /// The user whose mailbox `path` names, if its domain is ours and there is such a user.
    pub fn user(&self, path: &ForwardPath) -> Option<String> {
        match path {
            ForwardPath::Postmaster => Some(self.postmaster.clone()),
            ForwardPath::Mailbox(mailbox) if self.is_our_postmaster(mailbox) => {
                Some(self.postmaster.clone())
            }
            ForwardPath::Mailbox(mailbox) if self.is_local(&mailbox.domain) => {
                self.user_named(&mailbox.local)
            }
            ForwardPath::Mailbox(_) => None,
        }
    }

    /// The user that `local` names in the local domains, with or without a tag; none where only a
    /// table knows.
    fn user_named(&self, local: &LocalPart) -> Option<String> {
        self.users.find(local).or_else(|| {
            let (untagged, _) = local.as_str().split_once(self.tag?)?;
            self.users.find(&LocalPart::from_unquoted_utf8(untagged).ok()?)
        })
    }

    /// Whether `client` may send anywhere. None is a submitter on this host.
    pub fn trusts(&self, client: Option<IpAddr>) -> bool {
        client.is_none_or(|client| {
            let client = client.to_canonical();
            self.relay_networks.iter().any(|network| network.contains(&client))
        })
    }
}

/// A decision about one path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict<T> {
    /// Yes.
    Accept {
        /// What was accepted.
        accepted: T,
        /// Why.
        reason: Reason,
    },
    /// No.
    Refuse {
        /// What the peer is told.
        reply: Reply,
        /// Why.
        reason: Reason,
    },
}

impl<T> Verdict<T> {
    pub(crate) fn accept(accepted: T, reason: impl Into<Reason>) -> Self {
        Self::Accept { accepted, reason: reason.into() }
    }

    pub(crate) fn refuse(
        code: u16,
        topic: Topic,
        text: &'static str,
        reason: impl Into<Reason>,
    ) -> Self {
        Self::Refuse { reply: Reply::new(code, topic, text), reason: reason.into() }
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Accept { reason, .. } | Self::Refuse { reason, .. } => reason,
        }
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Whether mail from `path` is taken. Every well-formed reverse-path is: the null one always
/// (RFC 5321 §4.5.5), and what a sender says of itself proves nothing without the checks of other
/// rooms.
pub fn sender(access: &Access, client: Option<IpAddr>, path: &ReversePath) -> Verdict<()> {
    let reason = match path {
        ReversePath::Null => "the null reverse-path is always accepted",
        ReversePath::Mailbox(_) if access.trusts(client) => "the client may send anywhere",
        ReversePath::Mailbox(_) => "reverse-paths are not checked",
    };
    Verdict::accept((), reason)
}

/// A recipient that is accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// The mailbox, for `<postmaster>` the one of this host.
    pub mailbox: Mailbox,
    /// The user here whose mail it is; none where it goes on.
    pub user: Option<String>,
}

/// Whether mail to `path` is taken from `client` (none: a submitter on this host), as far as can be
/// said without asking: what only a table knows is taken for right.
pub fn recipient(access: &Access, client: Option<IpAddr>, path: &ForwardPath) -> Verdict<Accepted> {
    recipient_knowing(access, client, path, &Answers::new()).unwrap_or_else(|_| match path {
        ForwardPath::Mailbox(mailbox) => {
            let accepted = Accepted { mailbox: mailbox.clone(), user: None };
            Verdict::accept(accepted, "a table would know")
        }
        ForwardPath::Postmaster => here_postmaster(access),
    })
}

/// Whether mail to `path` is taken from `client` (none: a submitter on this host).
///
/// The source route is gone already, and what `%` or `!` mean in a local-part is left to the host
/// that is responsible (RFC 1123 §5.2.16); from strangers such a local-part is not passed on at all,
/// since that host may trust us and route it further.
///
/// # Errors
/// What must be known first.
pub fn recipient_knowing(
    access: &Access,
    client: Option<IpAddr>,
    path: &ForwardPath,
    answers: &Answers,
) -> Result<Verdict<Accepted>, Question> {
    let mailbox = match path {
        ForwardPath::Mailbox(mailbox) => mailbox.clone(),
        ForwardPath::Postmaster => return Ok(here_postmaster(access)),
    };
    let ours = access.is_our_postmaster(&mailbox);
    // What is known without a table is not asked of one.
    if let Some(user) = access.user(path) {
        let reason = match ours {
            true => "the postmaster is always accepted",
            false => "a mailbox of this host",
        };
        return Ok(Verdict::accept(Accepted { mailbox, user: Some(user) }, reason));
    }
    Ok(match directory::find(access, &mailbox, answers) {
        Err(Wait::Ask(question)) => return Err(question),
        Err(Wait::NotNow(reason)) => {
            Verdict::refuse(451, Topic(4, 3), "That address cannot be looked up now", reason)
        }
        Ok(Entry::Elsewhere) => elsewhere(access, client, mailbox),
        Ok(Entry::Nobody) => {
            let reason = match access.is_local(&mailbox.domain) {
                true => format!("{} is local and has no mailbox {}", mailbox.domain, mailbox.local),
                false => format!("{} is virtual and has no {}", mailbox.domain, mailbox.local),
            };
            Verdict::refuse(550, Topic(1, 1), "There is no such mailbox here", reason)
        }
        Ok(Entry::User { user, domain, .. }) => {
            let reason = match &domain {
                Some(domain) => format!("a mailbox of {domain}"),
                None => "a mailbox of this host, by a table".to_owned(),
            };
            let rule = domain.and_then(|domain| access.virtuals.get(&domain)?.source.clone());
            let reason = Reason::new(reason).from_rule(rule);
            Verdict::accept(Accepted { mailbox, user: Some(user) }, reason)
        }
        Ok(Entry::Members(group)) => {
            let text = match group.reason.text.is_empty() {
                true if access.is_local(&mailbox.domain) => "an alias of this host".into(),
                true => format!("an address of {}", mailbox.domain).into(),
                false => group.reason.text,
            };
            let reason = Reason { text, source: group.reason.source };
            Verdict::accept(Accepted { mailbox, user: None }, reason)
        }
    })
}

fn here_postmaster(access: &Access) -> Verdict<Accepted> {
    let domain = Domain::Name(access.hostname.clone());
    match LocalPart::from_unquoted(POSTMASTER) {
        Ok(local) => Verdict::accept(
            Accepted { mailbox: Mailbox { local, domain }, user: Some(access.postmaster.clone()) },
            "the postmaster of this host is always accepted",
        ),
        Err(_) => Verdict::refuse(451, Topic(3, 0), "Try again later", "no postmaster"),
    }
}

/// A mailbox of another host.
fn elsewhere(access: &Access, client: Option<IpAddr>, mailbox: Mailbox) -> Verdict<Accepted> {
    if let Domain::Literal(literal @ Literal::Other(_)) = &mailbox.domain {
        let reason = format!("{literal} is an address of an unknown kind");
        return Verdict::refuse(550, Topic(1, 2), "There is no way to that domain", reason);
    }
    if access.trusts(client) {
        let reason = match client {
            Some(_) => "the client is in relay.networks",
            None => "submitted on this host",
        };
        return Verdict::accept(Accepted { mailbox, user: None }, reason);
    }
    let rule = match &mailbox.domain {
        Domain::Name(name) => access.relay_domains.get(name),
        Domain::Literal(_) => None,
    };
    let Some(source) = rule else {
        let reason =
            format!("{} is not ours, and the client is not in relay.networks", mailbox.domain);
        return Verdict::refuse(550, Topic(7, 1), "Relaying to that domain is denied", reason);
    };
    if mailbox.local.as_str().contains(['%', '!', '@']) {
        let reason = format!("{} has a second route in its local-part", mailbox.local);
        let reason = Reason::new(reason).from_rule(source.clone());
        return Verdict::refuse(550, Topic(7, 1), "Relaying through an address is denied", reason);
    }
    let reason = Reason::new("the domain is in relay.domains").from_rule(source.clone());
    Verdict::accept(Accepted { mailbox, user: None }, reason)
}

/// Whether content with so many Received fields is taken (RFC 5321 §6.3): said after its end.
pub fn hops(access: &Access, hops: usize) -> Verdict<()> {
    if hops <= access.max_hops {
        return Verdict::accept((), "the message has not been passed on too often");
    }
    let reason = format!("{hops} Received fields, {} are allowed: a loop", access.max_hops);
    Verdict::refuse(554, Topic(4, 6), "The message has been passed on too often: a loop", reason)
}
