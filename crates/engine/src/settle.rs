//! After an attempt: the fate of each recipient, the reports that are due, and one transaction that
//! makes all of it true together.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::report::Action;
use queue::fate::{self, Case, Decision, Fate};
use queue::record::Attempt;
use spool::{Next, Op, RecipientOutcome, RecipientUpdate, SpoolError, Txn};
use tracing::{info, warn};

use crate::Shared;
use crate::deliver::RELAXED;
use crate::dispatch::{Ending, Job};
use crate::report::{self, Due};

/// Pause before a job is tried again whose result could not be recorded.
const AGAIN: Duration = Duration::from_secs(600);
/// Pause between two tries to put a job back while the spool fails.
const PUT_BACK: Duration = Duration::from_secs(10);

/// Books `results` of `job`. `not_before`: the destination is dead until then.
pub(crate) async fn settle(
    shared: &Arc<Shared>,
    job: Job,
    results: Vec<(u32, Ending)>,
    not_before: Option<SystemTime>,
) {
    let now = shared.world.clock.wall();
    let chance = shared.world.random.next();
    let mut updates = Vec::with_capacity(results.len());
    let (mut failed, mut delayed, mut again) = (Vec::new(), Vec::new(), None);
    for (number, Ending { said, remote }) in results {
        let known = job.open.iter().find(|(open, _)| *open == number);
        let previous = known.and_then(|(_, record)| Attempt::decode(record).ok().flatten());
        let case = Case {
            schedule: &shared.options.schedule,
            arrival: job.stored.arrival,
            expire: job.stored.expire,
            attempts: job.attempts + 1,
            now,
            chance,
            null_sender: job.stored.reverse_path.is_null(),
            remote,
            previous: previous.as_ref(),
        };
        let decision = fate::decide(&said, &case);
        show(&job, number, &decision);
        let record = decision.attempt.encode();
        let outcome = decision.fate.outcome();
        updates.push(RecipientUpdate { recipient: number, outcome, record });
        if let Fate::Retry { at } = decision.fate {
            let at = not_before.map_or(at, |until| at.max(until.min(job.stored.expire)));
            again = Some(again.map_or(at, |other: SystemTime| other.min(at)));
        }
        let path = job.stored.recipients.get(number as usize).map(|recipient| &recipient.path);
        let told = path.and_then(|path| decision.reported(path, job.stored.expire));
        match told {
            Some(told) if told.action == Action::Failed => failed.push(told),
            Some(told) => delayed.push(told),
            None => {}
        }
    }
    let next = again.map_or(Next::Done, Next::Retry);
    let recipients = updates.clone();
    let update = Op::Update { job: job.id, fence: job.fence, recipients, next };
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
        put_back(shared, &job, updates, &error).await;
    }
}

/// One line for the operator about each recipient.
fn show(job: &Job, number: u32, decision: &Decision) {
    let recipient = job.stored.recipients.get(number as usize).map(|recipient| &recipient.path);
    let Some(recipient) = recipient else { return };
    let (id, queue, why, remote) =
        (job.id.message, &job.queue, &decision.reason, &decision.attempt.remote);
    match decision.fate {
        Fate::Delivered => {
            info!(event = "recipient.delivered", %id, %recipient, %queue, remote, %why)
        }
        Fate::Return { .. } => {
            info!(event = "recipient.returned", %id, %recipient, %queue, remote, %why)
        }
        Fate::Retry { .. } => {
            info!(event = "recipient.deferred", %id, %recipient, %queue, remote, %why)
        }
    }
}

/// The result could not be booked, for want of room for a report perhaps: what was delivered is
/// booked alone, so that it is not delivered twice, and the rest is tried again. While even that
/// fails the job stays with this worker, since nobody else can give its claim back.
async fn put_back(
    shared: &Arc<Shared>,
    job: &Job,
    mut updates: Vec<RecipientUpdate>,
    error: &SpoolError,
) {
    warn!(event = "result.not-recorded", job = %job.id, %error);
    updates.retain(|update| update.outcome == RecipientOutcome::Delivered);
    let mut stop = pin!(shared.stopping());
    loop {
        let next = Next::Retry(shared.world.clock.wall() + AGAIN);
        let recipients = updates.clone();
        let update = Op::Update { job: job.id, fence: job.fence, recipients, next };
        let txn = Txn { ops: vec![update], durability: RELAXED };
        match shared.world.spool.commit(txn).await {
            Ok(_) => return,
            Err(SpoolError::Fenced | SpoolError::NotFound) => {
                info!(event = "job.taken-away", job = %job.id, %error);
                return;
            }
            Err(error) => {
                warn!(event = "job.not-put-back", job = %job.id, %error);
                if matches!(error, SpoolError::Invalid(_)) {
                    updates.clear();
                }
            }
        }
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(PUT_BACK) => {}
        }
    }
}
