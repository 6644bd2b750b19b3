//! After an attempt: the fate of each recipient, the reports that are due, and one transaction that
//! makes all of it true together.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::report::Action;
use queue::fate::{self, Case, Decision, Fate};
use queue::notify;
use queue::record::{Attempt, Class};
use queue::schedule::Rank;
use spool::{MessageId, Next, Op, RecipientOutcome, RecipientUpdate, SpoolError, Txn};
use tracing::{error, info, warn};

use crate::admit::Pending;
use crate::dispatch::{Ending, Job};
use crate::history::Story;
use crate::report::{self, Due};
use crate::{RELAXED, Shared};

/// Pause before a job is tried again whose report found no room.
const AGAIN: Duration = Duration::from_secs(600);
/// Pauses between tries to book a result, the first and the longest. Meanwhile the worker tries
/// nothing else: what it did could not be booked either.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What an attempt has changed.
pub(crate) struct Settled {
    pub(crate) updates: Vec<RecipientUpdate>,
    /// The earliest next try; none: the job is done, but for the recipients that are left.
    again: Option<SystemTime>,
    /// Recipients are left whose turn has not come.
    some_left: bool,
    pub(crate) told: Due,
    /// Who is told of a failure: they stay open as long as the report is not written.
    failed: Vec<u32>,
    /// Who is told of success, and of what: they are done with, but the report is owed.
    done: Vec<(u32, Action)>,
}

/// Books `results` of `job`. `not_before`: the destination is dead until then.
///
/// It does not give up while the spool is out of order: a delivery that is not booked would be made
/// again, and a claim that is not given back keeps its job until the next start.
pub(crate) async fn settle(
    shared: &Arc<Shared>,
    job: Job,
    results: Vec<(u32, Ending)>,
    not_before: Option<SystemTime>,
    mut story: Story<'_>,
) {
    let settled = decide(shared, &job, results, not_before);
    let mut pause = PAUSE;
    loop {
        let error = match book(shared, &job, &settled).await {
            Ok(()) => {
                return shared.tell_attempt(&job, &settled.updates, settled.again, &mut story);
            }
            // Also what follows an outcome that was not known, and was a success.
            Err(error @ (SpoolError::Fenced | SpoolError::NotFound)) => {
                info!(event = "job.taken-away", job = %job.id, %error);
                return;
            }
            Err(error @ SpoolError::Invalid(_)) => return put_off(shared, &job, &error).await,
            Err(error) => error,
        };
        warn!(event = "result.not-recorded", job = %job.id, %error);
        tokio::select! {
            biased;
            () = shared.stopping() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A fault of ours, that would be the same the next time: the job goes back as it was.
async fn put_off(shared: &Shared, job: &Job, error: &SpoolError) {
    error!(event = "result.invalid", job = %job.id, %error);
    let next = Next::Retry(shared.world.clock.wall() + AGAIN);
    let update = Op::Update { job: job.id, fence: job.fence, recipients: Vec::new(), next };
    if let Err(error) = commit(shared, vec![update]).await {
        warn!(event = "job.not-put-off", job = %job.id, %error);
    }
}

/// Gives `job` back untried.
pub(crate) async fn give_back(shared: &Shared, job: &Job) {
    let (fence, next) = (job.fence, Next::Release);
    let update = Op::Update { job: job.id, fence, recipients: Vec::new(), next };
    if let Err(error) = commit(shared, vec![update]).await {
        info!(event = "job.not-given-back", job = %job.id, %error);
    }
}

/// What `results` make of the recipients of `job`.
pub(crate) fn decide(
    shared: &Shared,
    job: &Job,
    results: Vec<(u32, Ending)>,
    not_before: Option<SystemTime>,
) -> Settled {
    let (options, now) = (shared.options(), shared.world.clock.wall());
    let chance = shared.world.random.next();
    let mut settled = Settled {
        updates: Vec::with_capacity(results.len()),
        again: None,
        some_left: results.len() < job.open.len(),
        told: Due::default(),
        failed: Vec::new(),
        done: Vec::new(),
    };
    let stored = &job.stored;
    let deadline = stored.parameters.deliver_by.map(|by| notify::deadline(by, stored.arrival));
    // A dead destination is no reason to let these moments pass in silence.
    let last = deadline.filter(|moment| *moment > now).unwrap_or(stored.expire).min(stored.expire);
    for (number, Ending { said, remote, tls, policy }) in results {
        let known = job.open.iter().find(|(open, _)| *open == number);
        let previous = known.and_then(|(_, record)| Attempt::decode(record).ok().flatten());
        let recipient = stored.recipients.get(number as usize);
        let case = Case {
            schedule: &options.schedule,
            arrival: stored.arrival,
            expire: stored.expire,
            attempts: job.attempts + 1,
            now,
            chance,
            null_sender: stored.reverse_path.is_null(),
            rank: Rank::of_stored(stored),
            is_last_resort: match stored.class {
                Class::Report => options.double_bounces,
                Class::Copy => true,
                _ => false,
            },
            notify: recipient.and_then(|recipient| recipient.parameters.notify),
            deliver_by: stored.parameters.deliver_by,
            remote,
            tls: tls.as_deref().cloned(),
            policy: policy.as_deref().map(str::to_owned),
            previous: previous.as_ref(),
        };
        let decision = fate::decide(&said, &case);
        shared.counts.fate(&decision.fate);
        show(job, number, &decision);
        let record = decision.attempt.encode();
        let outcome = decision.fate.outcome();
        settled.updates.push(RecipientUpdate { recipient: number, outcome, record });
        if let Fate::Retry { at } = decision.fate {
            let at = not_before.map_or(at, |until| at.max(until.min(last)));
            settled.again = Some(settled.again.map_or(at, |other: SystemTime| other.min(at)));
        }
        let told = recipient.and_then(|recipient| decision.reported(recipient, stored.expire));
        let Some(told) = told else { continue };
        match told.action {
            Action::Failed => {
                settled.failed.push(number);
                settled.told.failed.push(told);
            }
            Action::Delayed => settled.told.delayed.push(told),
            action @ (Action::Delivered | Action::Relayed | Action::Expanded) => {
                settled.done.push((number, action));
                settled.told.done.push(told);
            }
        }
    }
    settled
}

/// Makes `settled` true, with the reports that are due; without them where there is no room.
async fn book(shared: &Arc<Shared>, job: &Job, settled: &Settled) -> Result<(), SpoolError> {
    let reports = report::write(shared, job, &settled.told, shared.world.clock.wall()).await;
    let told = reports.as_ref().map(|reports| reported(reports, &settled.told));
    let told = told.unwrap_or_default();
    let booked = match reports {
        Ok(reports) if reports.is_empty() => commit(shared, vec![update(job, settled)]).await,
        Ok(reports) => {
            shared.insert(&shared.options(), reports, vec![update(job, settled)]).await.map(drop)
        }
        Err(error) => Err(error),
    };
    match booked {
        Ok(()) => {
            for (report, to, kind) in told {
                shared.tell_report(job.id.message, report, &to, kind);
            }
            Ok(())
        }
        Err(SpoolError::Full(why)) => {
            warn!(event = "report.no-room", job = %job.id, why);
            let update = without_reports(job, settled, shared.world.clock.wall());
            commit(shared, vec![update]).await
        }
        booked => booked,
    }
}

/// Each report with its reader and its kind.
pub(crate) fn reported(reports: &[Pending], due: &Due) -> Vec<(MessageId, String, &'static str)> {
    let told = |(report, kind): (&Pending, &'static str)| {
        let to = report.stored.recipients.first().map(|to| to.path.to_string());
        (report.id, to.unwrap_or_default(), kind)
    };
    reports.iter().zip(due.kinds()).map(told).collect()
}

async fn commit(shared: &Shared, ops: Vec<Op>) -> Result<(), SpoolError> {
    shared.world.spool.commit(Txn { ops, durability: RELAXED }).await.map(drop)
}

fn update(job: &Job, settled: &Settled) -> Op {
    let next = match settled.again {
        // They are next in the spool, and come to the end of the line again.
        _ if settled.some_left => Next::Release,
        Some(at) => Next::Retry(at),
        None => Next::Done,
    };
    Op::Update { job: job.id, fence: job.fence, recipients: settled.updates.clone(), next }
}

/// The report cannot be kept now. Whoever is to be told of stays open; what failed is tried again,
/// what was delivered is booked, so that it is not delivered twice.
fn without_reports(job: &Job, settled: &Settled, now: SystemTime) -> Op {
    let told = |update: &RecipientUpdate| settled.failed.contains(&update.recipient);
    let booked = |update: &RecipientUpdate| match update.outcome {
        // Its record says that the sender knows of the delay, which is not so.
        RecipientOutcome::Deferred if !settled.told.delayed.is_empty() => None,
        _ if told(update) => None,
        _ => Some(owing(settled, update)),
    };
    let recipients = settled.updates.iter().filter_map(booked).collect();
    let again = settled.again.map_or(now + AGAIN, |at| at.min(now + AGAIN));
    Op::Update { job: job.id, fence: job.fence, recipients, next: Next::Retry(again) }
}

/// `update`, with what the sender is still to be told of a recipient that is done with.
fn owing(settled: &Settled, update: &RecipientUpdate) -> RecipientUpdate {
    let mut update = update.clone();
    let owed = settled.done.iter().find(|(number, _)| *number == update.recipient);
    if let (Some((_, action)), Ok(Some(attempt))) = (owed, Attempt::decode(&update.record)) {
        update.record = Attempt { owed: Some(*action), ..attempt }.encode();
        update.outcome = RecipientOutcome::Deferred;
    }
    update
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
