//! Letters that answer, pass on or repeat others (RFC 5322 §3.6.2 to §3.6.6).

use mail::content::{Head, NamedMailbox};
use mail::{DomainName, Mailbox};

use crate::agent::addresses::Entry;
use crate::agent::fields::{write_addresses, write_text};
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
///
/// Trace fields and the fields of a repetition have no say (RFC 5322 §3.6.6, §3.6.7).
pub fn answer(head: &Head<'_>, all: bool, selves: &Selves<'_>, draft: &mut Draft) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut list = |name: &str| entries(head.addresses(name).mailboxes(), &mut warnings);
    let (from, to, cc) = (list("From"), list("To"), list("Cc"));
    let (reply_to, followup) = (list("Reply-To"), list("Mail-Followup-To"));
    let is_ours = !from.is_empty() && from.iter().all(|entry| selves.is_own(&entry.mailbox));
    let author = match () {
        () if !reply_to.is_empty() => reply_to,
        // An answer to an own letter goes on to those who had it.
        () if is_ours => to.clone(),
        () => from,
    };
    if all && !followup.is_empty() {
        draft.to = followup;
    } else if all {
        draft.to = author;
        draft.cc = to.iter().chain(&cc).cloned().collect();
    } else {
        draft.to = author;
    }
    if all {
        let had = to.iter().chain(&cc).any(|entry| selves.is_own(&entry.mailbox));
        if !had && !is_ours {
            warnings.push(
                "your address is not among its recipients: an answer to all shows them that you \
                 have this letter"
                    .into(),
            );
        }
        leave_out(draft, selves);
    }
    draft.subject = prefixed("Re: ", &subject(head));
    let ids = |ids: Vec<mail::content::MessageId>| -> Vec<String> {
        ids.iter().map(|id| id.as_str().to_owned()).collect()
    };
    draft.in_reply_to = ids(head.message_id().into_iter().collect());
    draft.references = ids(head.references_of_reply());
    if draft.to.is_empty() {
        warnings.push("the letter names nobody to answer to".into());
    }
    warnings
}

/// Takes the person and those named twice out of an answer to all.
fn leave_out(draft: &mut Draft, selves: &Selves<'_>) {
    let to = draft.to.clone();
    let mut seen: Vec<Mailbox> = Vec::new();
    for list in [&mut draft.to, &mut draft.cc] {
        list.retain(|entry| {
            let fresh = !seen.contains(&entry.mailbox) && !selves.is_own(&entry.mailbox);
            if fresh {
                seen.push(entry.mailbox.clone());
            }
            fresh
        });
    }
    if draft.to.is_empty() {
        draft.to = std::mem::take(&mut draft.cc);
    }
    // Who writes to nobody else answers the own letter.
    if draft.to.is_empty() {
        draft.to = to;
    }
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

/// `Re: ` before a subject that has not got it yet (RFC 5322 §3.6.5).
fn prefixed(prefix: &str, subject: &str) -> String {
    let begins = |prefix: &str| {
        subject.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if begins(prefix.trim_end()) { subject.to_owned() } else { format!("{prefix}{subject}") }
}

/// Fills `draft` as a letter that passes another on.
pub fn forward(head: &Head<'_>, draft: &mut Draft) {
    draft.subject = prefixed("Fwd: ", &subject(head));
    let id = head.message_id().map(|id| id.as_str().to_owned());
    draft.references.extend(id);
}

/// The fields of a repetition, to stand above the letter as it is (RFC 5322 §3.6.6).
pub fn resent_fields(from: &Entry, to: &[Entry], stamp: &Stamp, host: &DomainName) -> Vec<u8> {
    let mut head = Vec::new();
    write_text(&mut head, "Resent-Date", &stamp.date());
    write_addresses(&mut head, "Resent-From", std::slice::from_ref(from));
    write_addresses(&mut head, "Resent-To", to);
    write_text(&mut head, "Resent-Message-ID", &stamp.message_id(host));
    head
}

/// The letter without what the mailbox it lay in has added: a Return-Path, marks.
pub fn as_received(octets: &[u8]) -> Vec<u8> {
    let (head, _) = mail::content::split_head(octets);
    let mut kept = Vec::with_capacity(octets.len());
    let mut from = 0;
    for field in mail::content::Fields::new(head) {
        let local = ["Return-Path", "Status", "X-Status", "Delivered-To"];
        if local.iter().any(|name| field.is(name)) {
            let before = octets.get(..field.raw_at).unwrap_or_default();
            let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
            kept.extend_from_slice(octets.get(from..start).unwrap_or_default());
            let end = field.raw_at + field.raw.len();
            let tail = octets.get(end..).unwrap_or_default();
            from = end + memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
        }
    }
    kept.extend_from_slice(octets.get(from..).unwrap_or_default());
    kept
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
