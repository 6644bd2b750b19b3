//! The queue as people look at it: the spool's rows with their records read.

use std::time::SystemTime;

use queue::notify;
pub use queue::selector::State;
use queue::selector::{Selector, bare};
use spool::{JobId, Spool, SpoolError};

use crate::suspension::Suspension;
use crate::walk::{Bounds, Seen, walk};
use crate::{Engine, reroute};

/// One recipient that is not finished yet.
#[derive(Clone, Debug)]
pub struct ListedRecipient {
    /// Without brackets.
    pub address: String,
    /// What came of the last attempt, or why there is none now.
    pub reason: Option<String>,
    /// The transport policy that its connection was held to, and why.
    pub policy: Option<String>,
}

/// One job of the queue.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The job; the text of its message is the queue id.
    pub job: JobId,
    /// Octets.
    pub size: u64,
    /// When we took it.
    pub arrival: SystemTime,
    /// Without brackets; empty for the null reverse-path.
    pub sender: String,
    /// Those not finished yet.
    pub recipients: Vec<ListedRecipient>,
    /// Where it stands.
    pub state: State,
    /// The next attempt.
    pub due: SystemTime,
    /// When it is given up; none where its record does not read.
    pub expire: Option<SystemTime>,
    /// Its author wants it held until then (RFC 4865); none once that has passed.
    pub held_until: Option<SystemTime>,
    /// The attempts so far.
    pub attempts: u32,
    /// Its queue, named for the next hop.
    pub queue: String,
    /// An operator has sent it there, whatever the configuration says.
    pub forced: bool,
}

/// `zone`: minutes east of Greenwich, for dates in words.
pub(crate) fn listed(seen: &Seen, suspended: &[Suspension], zone: i32) -> Listed {
    let (row, stored) = (&seen.row, seen.stored.as_ref());
    let queue = reroute::bare(&row.queue);
    let held_until = stored
        .and_then(|stored| notify::release(&stored.parameters, stored.arrival))
        .filter(|_| row.attempts == 0);
    let waits = held_until.map(|moment| {
        format!("held at its author's wish until {}", mail::date::rfc5322(moment, zone))
    });
    let recipient = |(number, attempt): &(u32, Option<queue::Attempt>)| {
        let known = stored.and_then(|stored| stored.recipients.get(*number as usize));
        let suspension = known.and_then(|known| {
            suspended.iter().find(|suspension| suspension.is_about(queue, &known.path))
        });
        let reason = attempt.as_ref().map(|attempt| attempt.explanation.clone());
        let reason = match suspension {
            Some(suspension) => Some(put_off(suspension, zone)),
            None => reason.or_else(|| waits.clone()),
        };
        ListedRecipient {
            address: known.map_or_else(|| format!("recipient {number}"), |known| bare(&known.path)),
            reason,
            policy: attempt.as_ref().and_then(|attempt| attempt.policy.clone()),
        }
    };
    Listed {
        job: row.job,
        size: row.body_len,
        arrival: stored.map_or(row.job.message.time(), |stored| stored.arrival),
        sender: stored.map_or_else(String::new, |stored| bare(&stored.reverse_path)),
        recipients: seen.open.iter().map(recipient).collect(),
        state: seen.state(),
        due: row.due,
        expire: stored.map(|stored| stored.expire),
        held_until,
        attempts: row.attempts,
        queue: queue.to_owned(),
        forced: reroute::is_forced(&row.queue),
    }
}

/// Why nothing is tried, for people.
fn put_off(suspension: &Suspension, zone: i32) -> String {
    let Suspension { what, since, operator } = suspension;
    let since = mail::date::rfc5322(*since, zone);
    let why = if operator.why.is_empty() { String::new() } else { format!(": {}", operator.why) };
    format!("mail for {what} is suspended by {} since {since}{why}", operator.by)
}

/// A page of what `selector` means in `spool`: at most `limit` jobs after `after`, and where the next
/// page starts. `suspended` is what is not tried, `zone` the minutes east of Greenwich of dates.
///
/// # Errors
/// What the spool says.
pub async fn list_spool(
    spool: &dyn Spool,
    selector: &Selector,
    after: Option<JobId>,
    limit: usize,
    suspended: &[Suspension],
    zone: i32,
) -> Result<(Vec<Listed>, Option<JobId>), SpoolError> {
    let mut rows = Vec::new();
    let bounds = Bounds { rows: limit, attempts: true };
    let visit = |seen: Seen| rows.push(listed(&seen, suspended, zone));
    let next = walk(spool, selector, after, bounds, visit).await?;
    Ok((rows, next))
}

impl Engine {
    /// A page of the queue: at most `limit` jobs after `after`, and where the next page starts.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn list(
        &self,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<JobId>), SpoolError> {
        self.select(&Selector::default(), after, limit).await
    }

    /// The same of what `selector` means. A page may be empty and have another behind it.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn select(
        &self,
        selector: &Selector,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<JobId>), SpoolError> {
        let (spool, zone) = (&*self.shared.world.spool, self.shared.options().zone);
        list_spool(spool, selector, after, limit, &self.suspensions(), zone).await
    }
}
