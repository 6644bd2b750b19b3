//! Answers: to whom they go, what they are about, which letters they follow (RFC 5322 §3.6).
//!
//! Only the author's own fields count. What was added when a letter was sent on again, and the trace
//! of its way, say nothing about where an answer goes (RFC 5322 §3.6.6, §3.6.7).

use super::address_list::{AddrSpec, Address, NamedMailbox};
use super::head::Head;
use super::message_id::MessageId;

/// The fields of an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reply {
    /// Those of Reply-To, or else of From; to all, those whom Mail-Followup-To names, where it does.
    pub to: Vec<NamedMailbox>,
    /// The others who got the letter, where all are to be answered.
    pub cc: Vec<NamedMailbox>,
    /// `Re: ` and the subject.
    pub subject: String,
    /// The letter that is answered.
    pub in_reply_to: Vec<MessageId>,
    /// Its thread.
    pub references: Vec<MessageId>,
    /// The reader is none of those whom the letter of another names: it came blind, and an answer to
    /// all would tell so (RFC 5322 §5).
    pub was_blind: bool,
}

impl Reply {
    /// An answer to the letter with this header section; to `all`, or to its author alone. `is_own`
    /// tells the reader's own addresses, which are left out unless there is nobody else.
    ///
    /// Mail-Followup-To is of no standard, but what many lists and their members write.
    pub fn new(head: &Head<'_>, all: bool, is_own: impl Fn(&AddrSpec) -> bool) -> Self {
        let named = [head.addresses("To"), head.addresses("Cc")];
        let authors: Vec<NamedMailbox> = head.reply_to().mailboxes().cloned().collect();
        // Whoever answers an own letter goes on to those who got it.
        let own_letter = !authors.is_empty() && authors.iter().all(|one| is_own(&one.address));
        let was_blind = !own_letter
            && !named.iter().flat_map(|list| list.mailboxes()).any(|one| is_own(&one.address))
            && named.iter().any(|list| !list.is_empty());
        let mut to = if own_letter {
            head.addresses("To").mailboxes().cloned().collect()
        } else {
            authors.clone()
        };
        if to.is_empty() {
            to = authors;
        }
        let mut cc = Vec::new();
        if all {
            let followup: Vec<_> =
                head.addresses("Mail-Followup-To").mailboxes().cloned().collect();
            let others = named.iter().flat_map(|list| list.mailboxes());
            if followup.is_empty() {
                others.for_each(|mailbox| add(&mut cc, mailbox, &to));
            } else {
                to = followup;
            }
            leave_out(&mut to, &mut cc, is_own);
        }
        let subject = head.subject().map(|text| text.text).unwrap_or_default();
        Self {
            to,
            cc,
            subject: subject_of_reply(&subject),
            in_reply_to: head.message_id().into_iter().collect(),
            references: head.references_of_reply(),
            was_blind,
        }
    }

    /// The recipients as a draft takes them.
    pub fn to_addresses(&self) -> Vec<Address> {
        self.to.iter().cloned().map(Address::Mailbox).collect()
    }
}

/// Takes the reader and those who are named twice out of an answer to all, unless nobody remained.
fn leave_out(
    to: &mut Vec<NamedMailbox>,
    cc: &mut Vec<NamedMailbox>,
    is_own: impl Fn(&AddrSpec) -> bool,
) {
    let mut others = Vec::new();
    to.iter().filter(|one| !is_own(&one.address)).for_each(|one| add(&mut others, one, &[]));
    cc.retain(|one| !is_own(&one.address));
    match (others.is_empty(), cc.is_empty()) {
        (false, _) => *to = others,
        (true, false) => *to = std::mem::take(cc),
        // Who writes to nobody else answers the own letter.
        (true, true) => {}
    }
}

/// Adds a mailbox that is in none of the lists.
fn add(list: &mut Vec<NamedMailbox>, mailbox: &NamedMailbox, other: &[NamedMailbox]) {
    let same = |one: &NamedMailbox| {
        one.address.local() == mailbox.address.local()
            && one.address.domain().eq_ignore_ascii_case(mailbox.address.domain())
    };
    if !list.iter().any(same) && !other.iter().any(same) {
        list.push(mailbox.clone());
    }
}

/// The subject with one `Re: ` before it (RFC 5322 §3.6.5).
///
/// ```
/// use mail::content::subject_of_reply;
///
/// assert_eq!(subject_of_reply("Lunch"), "Re: Lunch");
/// assert_eq!(subject_of_reply("RE: re: Lunch"), "Re: Lunch");
/// ```
pub fn subject_of_reply(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some(after) = rest.get(..3).filter(|start| start.eq_ignore_ascii_case("re:")) {
        rest = rest.get(after.len()..).unwrap_or_default().trim_start();
    }
    format!("Re: {rest}")
}

#[cfg(test)]
mod tests;
