//! The law of the history: whatever a host took has its beginning there, and each recipient an end.
//!
//! A crash between the commit and the telling loses an entry and no mail; hosts that crashed or whose
//! disk failed are excused.

use std::collections::{BTreeMap, BTreeSet};

use queue::Stored;
use queue::history::{Entry, Event};
use spool::{MessageId, RecipientOutcome};

use crate::host::Host;

/// What the history of a host tells of one letter.
#[derive(Default)]
struct Tale {
    /// How many recipients it had; none: it was never taken.
    recipients: Option<u32>,
    ended: BTreeSet<u32>,
    /// It was lost on purpose of nobody: more happened to it than its beginning.
    moved: bool,
}

/// Gives each law that was broken, in words. The spool of the host is empty by now.
pub(crate) fn broken(host: &Host) -> Vec<String> {
    if host.crashes > 0 || host.disk_faults > 0 {
        return Vec::new();
    }
    let (tales, mut broken) = tales(host);
    let law = |what: String| format!("the history of {} {what}", host.name());
    for (id, tale) in &tales {
        match tale.recipients {
            None if tale.moved => broken.push(law(format!("has no beginning of {id}"))),
            None => {}
            Some(count) => {
                let open = (0..count).filter(|number| !tale.ended.contains(number));
                broken.extend(open.map(|number| law(format!("has no end of {id} for {number}"))));
            }
        }
    }
    for (user, letter) in host.boxes.all() {
        let taken = id_in(&letter.text());
        let known = taken.and_then(|id| tales.get(&id)).is_some_and(|it| it.recipients.is_some());
        // What this host wrote itself has no Received of its own.
        if let (Some(id), false) = (taken, known) {
            broken.push(law(format!("does not know {id}, which {user} has")));
        }
    }
    broken
}

fn tales(host: &Host) -> (BTreeMap<MessageId, Tale>, Vec<String>) {
    let (mut tales, mut broken) = (BTreeMap::<MessageId, Tale>::new(), Vec::new());
    let mut told = |octets: &[u8]| {
        let entry = match Entry::decode(octets) {
            Ok(Some(entry)) => entry,
            other => return broken.push(format!("the history does not read: {other:?}")),
        };
        match entry.event {
            Event::Accepted(accepted) => {
                let stored = Stored::decode(&accepted.envelope);
                let count = stored.map_or(0, |stored| stored.recipients.len());
                let tale = tales.entry(accepted.id.unwrap_or(MessageId(0))).or_default();
                tale.recipients = Some(u32::try_from(count).unwrap_or(u32::MAX));
            }
            Event::Attempted(attempted) => {
                let tale = tales.entry(attempted.job.message).or_default();
                tale.moved = true;
                let ended = attempted
                    .results
                    .iter()
                    .filter(|result| result.outcome != RecipientOutcome::Deferred);
                tale.ended.extend(ended.map(|result| result.recipient));
            }
            Event::Moved(moved) if !moved.into.is_empty() => {
                tales.entry(moved.job.message).or_default().ended.extend(moved.recipients);
            }
            Event::Ended(ended) => {
                tales.entry(ended.id).or_default().ended.extend(ended.recipients);
            }
            _ => {}
        }
    };
    host.history.all().iter().for_each(|octets| told(octets));
    (tales, broken)
}

/// The id that the last host wrote into the first `Received` field.
fn id_in(text: &str) -> Option<MessageId> {
    let (_, received) = text.split_once("Received:")?;
    let (_, id) = received.split_once(" id ").or_else(|| received.split_once("\tid "))?;
    let end = id.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
    id.get(..end)?.parse().ok()
}
