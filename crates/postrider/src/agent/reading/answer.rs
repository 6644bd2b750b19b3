//! Letters that answer, pass on or repeat others (RFC 5322 §3.6.2 to §3.6.6), by the rules of
//! [`mail::content`].

use std::io;

use mail::content::compose::Resent;
use mail::content::edit::{Edit, edited};
use mail::content::{Head, NamedMailbox, Reply};
use mail::{DomainName, Mailbox};

use crate::agent::addresses::Entry;
use crate::agent::fields::{address, not_written};
use crate::agent::letter::Stamp;
use crate::agent::mail::draft::Draft;

/// Who the person is.
pub struct Selves<'a> {
    /// Addresses that are the person's.
    pub own: &'a [Mailbox],
}

impl Selves<'_> {
    fn is_own(&self, mailbox: &Mailbox) -> bool {
        self.own.contains(mailbox)
    }
}

/// Fills `draft` as an answer to the letter of `head`; to `all` who had it, or to who wrote it.
/// Gives what the person should know.
pub fn answer(head: &Head<'_>, all: bool, selves: &Selves<'_>, draft: &mut Draft) -> Vec<String> {
    let mut warnings = Vec::new();
    let reply = Reply::new(head, all, |address| {
        address.mailbox().is_ok_and(|mailbox| selves.is_own(&mailbox))
    });
    draft.to = entries(reply.to.iter(), &mut warnings);
    draft.cc = entries(reply.cc.iter(), &mut warnings);
    if all && reply.was_blind {
        warnings.push(
            "your address is not among its recipients: an answer to all shows them that you \
             have this letter"
                .into(),
        );
    }
    draft.subject = reply.subject;
    draft.in_reply_to = reply.in_reply_to;
    draft.references = reply.references;
    if draft.to.is_empty() {
        warnings.push("the letter names nobody to answer to".into());
    }
    warnings
}

/// Addresses to which mail can go.
fn entries<'a>(
    mailboxes: impl Iterator<Item = &'a NamedMailbox>,
    warnings: &mut Vec<String>,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for named in mailboxes {
        match named.address.mailbox() {
            Ok(mailbox) => {
                let mailbox = mailbox.to_ascii().unwrap_or(mailbox);
                entries.push(Entry { name: named.name.clone(), mailbox, completed: false });
            }
            Err(error) => warnings.push(format!("{named} is left out: {error}")),
        }
    }
    entries
}

/// The subject, decoded.
pub fn subject(head: &Head<'_>) -> String {
    head.subject().map(|subject| subject.text.trim().to_owned()).unwrap_or_default()
}

/// Fills `draft` as a letter that passes another on.
pub fn forward(head: &Head<'_>, draft: &mut Draft) {
    const MARK: &str = "Fwd:";
    let subject = subject(head);
    let begin = subject.get(..MARK.len());
    let has_mark = begin.is_some_and(|begin| begin.eq_ignore_ascii_case(MARK));
    draft.subject = if has_mark { subject } else { format!("{MARK} {subject}") };
    draft.references.extend(head.message_id());
}

/// The fields of a repetition, to stand above the letter as it is (RFC 5322 §3.6.6).
///
/// # Errors
/// An address that no field can hold.
pub fn resent_fields(
    from: &Entry,
    to: &[Entry],
    stamp: &Stamp,
    host: &DomainName,
) -> io::Result<Vec<u8>> {
    let resent = Resent {
        from: vec![address(from)],
        sender: None,
        date: stamp.date(),
        to: to.iter().map(|entry| address(entry).into()).collect(),
        cc: Vec::new(),
        message_id: stamp.message_id(host),
    };
    let utf8 = to.iter().chain([from]).any(|entry| !entry.mailbox.is_ascii());
    resent.fields(utf8).map_err(not_written)
}

/// The letter without what the mailbox it lay in has added: a Return-Path, marks.
pub fn as_received(begin: &[u8]) -> Vec<u8> {
    edited(begin, &["Return-Path", "Status", "X-Status", "Delivered-To"].map(Edit::Remove))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
