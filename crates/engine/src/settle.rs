//! After an attempt: the fate of each recipient, the reports that are due, and one transaction that
//! makes all of it true together.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use queue::fate::{self, Decided, Fate, Said};
use queue::record::Attempt;
use spool::{Next, Op, RecipientOutcome, RecipientUpdate, SpoolError, Txn};
use tracing::{info, warn};

use crate::Shared;
use crate::deliver::RELAXED;
use crate::dispatch::Job;
use crate::report::{self, Due, Told};

/// Pause before a job is tried again whose result could not be recorded.
const AGAIN: Duration = Duration::from_secs(600);

/// Books `results` of `job`. `not_before`: the destination is dead until then.
pub(crate) async fn settle(
    shared: &Arc<Shared>,
    job: Job,
    results: Vec<(u32, Said)>,
    not_before: Option<SystemTime>,
) {
    let now = shared.world.clock.wall();
    let facts = fate::Facts {
        schedule: &shared.options.schedule,
        arrival: job.stored.arrival,
        expire: job.stored.expire,
        attempts: job.attempts,
        null_sender: job.stored.reverse_path.is_null(),
        now,
        not_before,
        chance: shared.world.random.next(),
    };
    let mut updates = Vec::with_capacity(results.len());
    let (mut failed, mut delayed, mut again) = (Vec::new(), Vec::new(), None);
    for (number, said) in results {
        let known = job.open.iter().find(|(open, _)| *open == number);
        let known = known.and_then(|(_, record)| Attempt::decode(record).ok());
        let Decided { fate, attempt } = fate::decide(&said, &facts, known.as_ref());
        tell(&job, number, &fate, &attempt);
        let outcome = match fate {
            Fate::Delivered => RecipientOutcome::Delivered,
            Fate::Return { .. } => RecipientOutcome::Failed,
            Fate::Retry { .. } => RecipientOutcome::Deferred,
        };
        updates.push(RecipientUpdate { recipient: number, outcome, record: attempt.encode() });
        match fate {
            Fate::Delivered => {}
            Fate::Return { .. } => failed.push(Told { number, attempt, until: None }),
            Fate::Retry { at, notice, .. } => {
                again = Some(again.map_or(at, |other: SystemTime| other.min(at)));
                if notice {
                    delayed.push(Told { number, attempt, until: Some(job.stored.expire) });
                }
            }
        }
    }
    let next = again.map_or(Next::Done, Next::Retry);
    let update = Op::Update { job: job.id, fence: job.fence, recipients: updates, next };
    let told = Due { failed, delayed };
    let booked = match report::write(shared, &job, told, now).await {
        Ok(reports) if reports.is_empty() => {
            let txn = Txn { ops: vec![update], durability: RELAXED };
            shared.world.spool.commit(txn).await.map(drop)
        }
        Ok(reports) => shared.insert(reports, vec![update]).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = booked {
        put_back(shared, &job, &error, now).await;
    }
}

/// One line for the operator about each recipient.
fn tell(job: &Job, number: u32, fate: &Fate, attempt: &Attempt) {
    let recipient = job.stored.recipients.get(number as usize).map(|recipient| &recipient.path);
    let Some(recipient) = recipient else { return };
    let id = job.id.message;
    match fate {
        Fate::Delivered => {
            info!(event = "recipient.delivered", %id, %recipient, queue = %job.queue, what = %attempt);
        }
        Fate::Return { reason, .. } => {
            info!(event = "recipient.returned", %id, %recipient, queue = %job.queue, what = %attempt, %reason);
        }
        Fate::Retry { reason, .. } => {
            info!(event = "recipient.deferred", %id, %recipient, queue = %job.queue, what = %attempt, %reason);
        }
    }
}

/// The result could not be booked: the job goes back, so that it is tried again. What was delivered
/// already may be delivered twice; what was not is not lost.
async fn put_back(shared: &Arc<Shared>, job: &Job, error: &SpoolError, now: SystemTime) {
    if matches!(error, SpoolError::Fenced | SpoolError::NotFound) {
        info!(event = "job.taken-away", job = %job.id, %error);
        return;
    }
    warn!(event = "result.not-recorded", job = %job.id, %error);
    let next = Next::Retry(now + AGAIN);
    let update = Op::Update { job: job.id, fence: job.fence, recipients: Vec::new(), next };
    if let Err(error) = shared.world.spool.commit(Txn { ops: vec![update], durability: RELAXED }).await {
        warn!(event = "job.not-put-back", job = %job.id, %error);
    }
}
