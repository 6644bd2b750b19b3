//! The queue as people look at it: the spool's rows with their records read.

use std::time::SystemTime;

use queue::notify;
use queue::record::{Attempt, Stored};
use spool::{Filter, JobId, JobInfo, SpoolError};

use crate::Engine;

/// Where a listed job stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is in hand: being tried, or in line for it.
    Active,
    /// It waits for its next attempt.
    Deferred,
    /// It waits for an administrator.
    Held,
}

/// One recipient that is not finished yet.
#[derive(Clone, Debug)]
pub struct ListedRecipient {
    /// Without brackets.
    pub address: String,
    /// What came of the last attempt.
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
    /// Its author wants it held until then (RFC 4865); none once that has passed.
    pub held_until: Option<SystemTime>,
    /// The attempts so far.
    pub attempts: u32,
    /// Its queue.
    pub queue: String,
}

fn bare(path: &dyn std::fmt::Display) -> String {
    let path = path.to_string();
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(&path).to_owned()
}

/// `zone`: minutes east of Greenwich, for dates in words.
fn listed(row: JobInfo, zone: i32) -> Listed {
    let stored = Stored::decode(&row.envelope).ok();
    let held_until = stored
        .as_ref()
        .and_then(|stored| notify::release(&stored.parameters, stored.arrival))
        .filter(|_| row.attempts == 0);
    let waits = held_until.map(|moment| {
        format!("held at its author's wish until {}", mail::date::rfc5322(moment, zone))
    });
    let recipient = |(number, record): &(u32, bytes::Bytes)| {
        let known = stored.as_ref().and_then(|stored| stored.recipients.get(*number as usize));
        let attempt = Attempt::decode(record).ok().flatten();
        let (reason, policy) =
            attempt.map_or((None, None), |attempt| (Some(attempt.explanation), attempt.policy));
        ListedRecipient {
            address: known.map_or_else(|| format!("recipient {number}"), |known| bare(&known.path)),
            reason: reason.or_else(|| waits.clone()),
            policy,
        }
    };
    let state = match (row.held, row.claimed) {
        (true, _) => State::Held,
        (false, true) => State::Active,
        (false, false) => State::Deferred,
    };
    Listed {
        job: row.job,
        size: row.body_len,
        arrival: stored.as_ref().map_or(row.job.message.time(), |stored| stored.arrival),
        sender: stored.as_ref().map_or_else(String::new, |stored| bare(&stored.reverse_path)),
        recipients: row.open.iter().map(recipient).collect(),
        state,
        due: row.due,
        held_until,
        attempts: row.attempts,
        queue: row.queue,
    }
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
        let world = &self.shared.world;
        let page = world.spool.list(&Filter::default(), after, limit).await?;
        let zone = self.shared.options().zone;
        Ok((page.rows.into_iter().map(|row| listed(row, zone)).collect(), page.next))
    }
}
