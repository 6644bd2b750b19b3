//! What VRFY and EXPN are answered (RFC 5321 §3.5, §7.3).
//!
//! VRFY tells of one mailbox and expands nothing; EXPN shows who stands behind a name. 250 is never
//! said of what was not looked up.

#[cfg(test)]
mod tests;

use mail::address::{Domain, ForwardPath, LocalPart, Mailbox};
use mail::{Reply, Topic};

use crate::access::Access;
use crate::directory::{self, Entry, Wait};
use crate::expansion::{self, Answers, Question};
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
///
/// # Errors
/// What must be known first.
pub fn verify(
    access: &Access,
    text: &str,
    silence: Option<Silence>,
    answers: &Answers,
) -> Result<Found, Question> {
    let Some(path) = read(access, text) else {
        return Ok(said(553, Topic(1, 3), "That is not a mailbox or a user name"));
    };
    if let Some(silence) = silence {
        return Ok(Found::Said(silence.reply()));
    }
    let mailbox = match &path {
        ForwardPath::Postmaster => postmaster(access),
        ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
    };
    let Some(mailbox) = mailbox else { return Ok(Found::Said(Silence::Unverified.reply())) };
    if let Some(user) = access.user(&path) {
        return Ok(Found::Mailboxes(vec![(mailbox, Some(user))]));
    }
    match directory::find(access, &mailbox, answers) {
        Err(Wait::Ask(question)) => Err(question),
        // Only its own host knows (RFC 5321 §3.5.3), or a table that does not answer.
        Err(Wait::NotNow(_)) | Ok(Entry::Elsewhere) => Ok(Found::Said(Silence::Unverified.reply())),
        // Who has a mailbox in a virtual domain is no account whose name could be shown.
        Ok(Entry::User { user, domain, .. }) => {
            Ok(Found::Mailboxes(vec![(mailbox, Some(user).filter(|_| domain.is_none()))]))
        }
        Ok(Entry::Members(_)) => Ok(Found::Mailboxes(vec![(mailbox, None)])),
        Ok(Entry::Nobody) => Ok(said(550, Topic(1, 1), "There is no such mailbox here")),
    }
}

/// What `EXPN text` is answered.
///
/// # Errors
/// What must be known first.
pub fn expand(
    access: &Access,
    text: &str,
    silence: Option<Silence>,
    answers: &Answers,
) -> Result<Found, Question> {
    if let Some(silence) = silence {
        return Ok(Found::Said(silence.reply()));
    }
    let mailbox = match read(access, text) {
        Some(ForwardPath::Mailbox(mailbox)) => Some(mailbox),
        Some(ForwardPath::Postmaster) => postmaster(access),
        None => return Ok(said(553, Topic(1, 3), "That is not the name of a list")),
    };
    let Some(mailbox) = mailbox else { return Ok(Found::Said(Silence::Unverified.reply())) };
    let members = match expansion::shown(access, &mailbox.local, &mailbox.domain, answers) {
        Err(Wait::Ask(question)) => return Err(question),
        Err(Wait::NotNow(_)) => return Ok(Found::Said(Silence::Unverified.reply())),
        Ok(members) => members,
    };
    if members.is_empty() {
        return Ok(said(550, Topic(1, 1), "There is no such list here"));
    }
    let user = |member: Mailbox| {
        let user = access.user(&ForwardPath::Mailbox(member.clone()));
        (member, user)
    };
    Ok(Found::Mailboxes(members.into_iter().map(user).collect()))
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
    let domain = Domain::Name(access.home().clone());
    Some(ForwardPath::Mailbox(Mailbox { local, domain }))
}
