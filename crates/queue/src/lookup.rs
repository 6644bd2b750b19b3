//! What VRFY and EXPN are answered (RFC 5321 §3.5, §7.3).
//!
//! VRFY tells of one mailbox and expands nothing; EXPN shows who stands behind a name. 250 is never
//! said of what was not looked up.

#[cfg(test)]
mod tests;

use mail::address::{Domain, ForwardPath, LocalPart, Mailbox};
use mail::{Reply, Topic};

use crate::access::Access;
use crate::expansion;
use crate::trust::Silence;

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// These, each with the user whose mailbox it is, if it is one of ours: 250.
    Mailboxes(Vec<(Mailbox, Option<String>)>),
    /// This is to be said.
    Said(Reply),
}

impl Found {
    /// The reply, each mailbox as `name` calls its owner (RFC 5321 §3.5.2).
    pub fn reply(self, name: impl Fn(&str) -> Option<String>) -> Reply {
        match self {
            Self::Said(reply) => reply,
            Self::Mailboxes(mailboxes) => {
                let line = |(mailbox, user): &(Mailbox, Option<String>)| {
                    let name = user.as_deref().and_then(&name).map(|name| phrase(&name));
                    match name.filter(|name| !name.is_empty()) {
                        Some(name) => format!("{name} <{mailbox}>"),
                        None => format!("<{mailbox}>"),
                    }
                };
                let lines: Vec<String> = mailboxes.iter().map(line).collect();
                Reply::new(250, Topic(1, 5), lines.join("\n"))
            }
        }
    }

    /// The users whose names are shown.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        let mailboxes = match self {
            Self::Mailboxes(mailboxes) => mailboxes.as_slice(),
            Self::Said(_) => &[],
        };
        mailboxes.iter().filter_map(|(_, user)| user.as_deref())
    }
}

/// A name without what would be read as something else beside an address.
fn phrase(name: &str) -> String {
    let kept = |character: &char| !character.is_control() && !"<>\"\\".contains(*character);
    name.chars().filter(kept).collect::<String>().trim().to_owned()
}

/// What `VRFY text` is answered; `silence`: the client is not told.
pub fn verify(access: &Access, text: &str, silence: Option<Silence>) -> Found {
    let Some(path) = read(access, text) else {
        return said(553, Topic(1, 3), "That is not a mailbox or a user name");
    };
    if let Some(silence) = silence {
        return Found::Said(silence.reply());
    }
    let mailbox = match &path {
        ForwardPath::Postmaster => postmaster(access),
        ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
    };
    let Some(mailbox) = mailbox else { return Found::Said(Silence::Unverified.reply()) };
    if let Some(user) = access.user(&path) {
        return Found::Mailboxes(vec![(mailbox, Some(user))]);
    }
    if !access.is_local(&mailbox.domain) {
        // Only its own host knows (RFC 5321 §3.5.3).
        return Found::Said(Silence::Unverified.reply());
    }
    match access.aliases.find(&mailbox.local) {
        Some(_) => Found::Mailboxes(vec![(mailbox, None)]),
        None => said(550, Topic(1, 1), "There is no such mailbox here"),
    }
}

/// What `EXPN text` is answered.
pub fn expand(access: &Access, text: &str, silence: Option<Silence>) -> Found {
    if let Some(silence) = silence {
        return Found::Said(silence.reply());
    }
    let mailbox = match read(access, text) {
        Some(ForwardPath::Mailbox(mailbox)) => Some(mailbox),
        Some(ForwardPath::Postmaster) => postmaster(access),
        None => return said(553, Topic(1, 3), "That is not the name of a list"),
    };
    let Some(mailbox) = mailbox else { return Found::Said(Silence::Unverified.reply()) };
    let members = expansion::members(access, &mailbox.local, &mailbox.domain);
    if members.is_empty() {
        return said(550, Topic(1, 1), "There is no such list here");
    }
    let user = |member: Mailbox| {
        let user = access.user(&ForwardPath::Mailbox(member.clone()));
        (member, user)
    };
    Found::Mailboxes(members.into_iter().map(user).collect())
}

fn said(code: u16, topic: Topic, text: &'static str) -> Found {
    Found::Said(Reply::new(code, topic, text))
}

fn postmaster(access: &Access) -> Option<Mailbox> {
    let local = LocalPart::from_unquoted("postmaster").ok()?;
    Some(Mailbox { local, domain: Domain::Name(access.hostname.clone()) })
}

/// `<local-part@domain>`, the same without brackets, or a name of this host.
fn read(access: &Access, text: &str) -> Option<ForwardPath> {
    let text = text.trim_matches([' ', '\t']);
    let path = if text.starts_with('<') { text.to_owned() } else { format!("<{text}>") };
    if let Ok(path) = ForwardPath::parse_utf8(&path) {
        return Some(path);
    }
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let local = LocalPart::parse_utf8(text).ok()?;
    let domain = access.local_domains.first().unwrap_or(&access.hostname);
    Some(ForwardPath::Mailbox(Mailbox { local, domain: Domain::Name(domain.clone()) }))
}
