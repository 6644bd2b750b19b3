//! Delivery: jobs are claimed when they are due, workers try them, and what came of it is settled
//! in one transaction.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use queue::fate::{self, Said};
use queue::record::{Attempt, HeadEdits, RecordError, Stored};
use queue::route::NextHop;
use queue::schedule::crowd::Went;
use spool::{ClaimRequest, Claimed, JobId, Op, SpoolError, Txn};
use tokio::time::timeout;
use tracing::{error, warn};

use crate::dispatch::{Ending, Job, Work};
use crate::history::Story;
use crate::relay::{Attempted, Relay};
use crate::{RELAXED, Shared, local, operator, reroute, settle};

/// How long a connection waits for another job before it says QUIT.
const KEEP_OPEN: Duration = Duration::from_secs(5);
/// Pause between two looks at a queue whose due jobs there is no room for.
const CROWDED: Duration = Duration::from_secs(1);
/// The longest pause between two looks: the clock on the wall may have been set, or the machine been
/// asleep, and then due times have come that no timer knows of.
const LOOK: Duration = Duration::from_secs(300);
/// Jobs claimed at once.
const CLAIM: usize = 500;
/// Pause between two rounds of housekeeping, and its length.
const MAINTAIN_EVERY: Duration = Duration::from_secs(10);
const MAINTAIN: Duration = Duration::from_millis(100);
/// The same pause while the spool has no room: mail is refused until it is seen that there is some.
const MAINTAIN_FULL: Duration = Duration::from_secs(1);

/// Starts workers where they are wanted, until the host goes down.
pub(crate) async fn hire(shared: Arc<Shared>) {
    // Nothing is tried before it is known what must not be.
    shared.suspensions.read(&*shared.world.shelf).await;
    let mut stop = pin!(shared.stopping());
    loop {
        let rest = shared.dispatcher.end_rests();
        for queue in shared.dispatcher.hire() {
            shared.world.tasks.spawn(Box::pin(work(shared.clone(), queue)));
        }
        let rested = async {
            match rest {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = shared.dispatcher.work.notified() => {}
            () = rested => {}
        }
    }
}

/// Lets the spool keep house, until the host goes down.
pub(crate) async fn maintain(shared: Arc<Shared>) {
    let mut stop = pin!(shared.stopping());
    loop {
        let pause = match shared.world.spool.healthy() {
            Err(SpoolError::Full(_)) => MAINTAIN_FULL,
            _ => MAINTAIN_EVERY,
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
        if let Err(error) = shared.world.spool.maintain(MAINTAIN).await {
            warn!(event = "spool.maintain", %error);
        }
    }
}

/// Claims due jobs as room for them comes about, until the host goes down.
pub(crate) async fn claim(shared: Arc<Shared>) {
    let mut stop = pin!(shared.stopping());
    loop {
        let mut reloaded = pin!(shared.reloaded.notified());
        reloaded.as_mut().enable();
        if shared.options().paused {
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = reloaded => continue,
            }
        }
        let now = shared.world.clock.wall();
        let quota = |queue: &str| shared.dispatcher.quota(queue);
        let max = CLAIM.min(shared.dispatcher.room_left());
        let request = ClaimRequest { max, per_queue: CLAIM, quota: &quota, now };
        let claimed = match shared.world.spool.claim_due(request).await {
            Ok(claimed) => claimed,
            Err(error) => {
                warn!(event = "spool.claim", %error);
                Vec::new()
            }
        };
        if !claimed.is_empty() {
            for claimed in claimed {
                take_up(&shared, claimed).await;
            }
            continue;
        }
        // A job that is due and was not given waits for room: look again soon, not at once.
        let pause = match shared.world.spool.next_due() {
            Some(due) => due.duration_since(now).unwrap_or(CROWDED).max(Duration::from_millis(1)),
            None => LOOK,
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            changed = shared.world.spool.changed() => if changed.is_err() {
                tokio::time::sleep(CROWDED).await;
            },
            () = shared.dispatcher.room.notified() => {}
            () = tokio::time::sleep(pause.min(LOOK)) => {}
        }
    }
}

/// Makes a claimed job ready for a worker.
async fn take_up(shared: &Arc<Shared>, claimed: Claimed) {
    match ready(claimed) {
        Ok(job) => shared.dispatcher.push(job),
        Err((job, error)) => {
            hold(shared, job, &error).await;
        }
    }
}

/// Our own record does not read: an operator must look, nobody is told a fate.
pub(crate) async fn hold(shared: &Shared, job: JobId, error: &str) {
    error!(event = "record.unreadable", %job, error);
    let hold = Txn { ops: vec![Op::Hold { job, on: true }], durability: RELAXED };
    if let Err(error) = shared.world.spool.commit(hold).await {
        warn!(event = "spool.hold", %job, %error);
    }
}

/// A claimed job with all that an attempt needs.
pub(crate) fn ready(claimed: Claimed) -> Result<Job, (JobId, String)> {
    let failed = |error: RecordError| (claimed.job, error.to_string());
    let stored = Stored::decode(&claimed.envelope).map_err(failed)?;
    let head = HeadEdits::decode(&claimed.head_edits).map_err(failed)?;
    let known = |number: u32| stored.recipients.get(number as usize).is_some();
    if let Some((number, _)) = claimed.open.iter().find(|(number, _)| !known(*number)) {
        return Err((claimed.job, format!("the envelope has no recipient {number}")));
    }
    Ok(Job {
        id: claimed.job,
        fence: claimed.fence,
        forced: reroute::is_forced(&claimed.queue),
        queue: reroute::bare(&claimed.queue).into(),
        attempts: claimed.attempts,
        stored: Arc::new(stored),
        head: Arc::new(head),
        body_len: claimed.body_len,
        hot: None,
        open: claimed.open,
    })
}

/// A worker that is counted: it is never missing from the count when its task ends, nor does what
/// waits for it stay without a worker.
struct Working {
    shared: Arc<Shared>,
    queue: Arc<str>,
    counted: bool,
}

impl Drop for Working {
    fn drop(&mut self) {
        let dispatcher = &self.shared.dispatcher;
        if self.counted && std::thread::panicking() {
            error!(event = "worker.panicked", queue = %self.queue);
            if dispatcher.fell(&self.queue) {
                let next = work(self.shared.clone(), self.queue.clone());
                self.shared.world.tasks.spawn(Box::pin(next));
            }
        } else if self.counted {
            dispatcher.abandon(&self.queue);
        }
        self.shared.ended.notify_waiters();
    }
}

/// A worker of one queue: tries job after job, over one connection while that lasts.
async fn work(shared: Arc<Shared>, queue: Arc<str>) {
    let mut working = Working { shared: shared.clone(), queue: queue.clone(), counted: true };
    let hop = NextHop::parse(&queue).ok();
    let mut relay = Relay::new(&shared, queue.clone());
    while !shared.is_stopping() {
        match shared.dispatcher.next(&queue, shared.world.clock.wall()) {
            // It was claimed before the queue was told to pause: it waits for its turn in the spool.
            Work::Try(job) if shared.options().paused => {
                settle::give_back(&shared, &job).await;
                shared.dispatcher.tried(&queue, Went::Neither);
            }
            Work::Try(job) => match attempt(&shared, &mut relay, hop.as_ref(), job).await {
                Tried::Went(went) => shared.dispatcher.tried(&queue, went),
                Tried::NoPlace(job) => {
                    shared.dispatcher.tried(&queue, Went::Neither);
                    if shared.dispatcher.give_back(job) {
                        working.counted = false;
                        break;
                    }
                }
            },
            Work::Adopt(job, ending, until) => {
                let result = |(number, record): &(u32, Bytes)| match is_owed(record) {
                    true => (*number, Ending::here(Said::Settled)),
                    false => (*number, (*ending).clone()),
                };
                let (id, results) = (job.id, job.open.iter().map(result).collect());
                let begun = shared.world.clock.now();
                let story = Story { begun, dialogue: None, is_adopted: true };
                settle::settle(&shared, job, results, Some(until), story).await;
                operator::after_attempt(&shared, id).await;
            }
            Work::Idle(wake) => {
                // A connection that is kept for nothing is in the way of who wants one.
                let is_wanted = relay.is_open() && shared.outgoing.is_wanted();
                let patience = if is_wanted { Duration::ZERO } else { KEEP_OPEN };
                let woken = tokio::select! {
                    biased;
                    () = shared.stopping() => true,
                    woken = timeout(patience, wake.notified()) => woken.is_ok(),
                };
                shared.dispatcher.woke(&queue);
                if !woken {
                    // First the connection, so that there is never one too many.
                    relay.hang_up().await;
                    if shared.dispatcher.retire(&queue) {
                        working.counted = false;
                        break;
                    }
                }
            }
            Work::Leave => {
                relay.hang_up().await;
                working.counted = false;
                shared.dispatcher.left(&queue);
                break;
            }
        }
    }
    relay.hang_up().await;
}

/// What came of trying a job.
pub(crate) enum Tried {
    /// It is settled, and the destination bore it like this.
    Went(Went),
    /// There was no place to try it.
    NoPlace(Job),
}

/// Tries `job` and settles what came of it.
pub(crate) async fn attempt(
    shared: &Arc<Shared>,
    relay: &mut Relay<'_>,
    hop: Option<&NextHop>,
    job: Job,
) -> Tried {
    let id = job.id;
    let tried = try_job(shared, relay, hop, job).await;
    if matches!(tried, Tried::Went(_)) {
        operator::after_attempt(shared, id).await;
    }
    tried
}

async fn try_job(
    shared: &Arc<Shared>,
    relay: &mut Relay<'_>,
    hop: Option<&NextHop>,
    mut job: Job,
) -> Tried {
    let (owed, open) = job.open.into_iter().partition(|(_, record)| is_owed(record));
    job.open = open;
    if !job.open.is_empty() && reroute::moved(shared, &job).await {
        return Tried::Went(Went::Neither);
    }
    let (suspended, why) = shared.suspensions.set_apart(&mut job);
    let now = shared.world.clock.wall();
    let begun = shared.world.clock.now();
    relay.begin(begun);
    let mut results = match hop {
        _ if job.open.is_empty() => Vec::new(),
        _ if fate::is_overdue(&job.stored.parameters, job.stored.arrival, now) => {
            job.everyone(&Ending::here(Said::Overdue))
        }
        Some(hop) if !hop.is_remote() => local::attempt(shared, hop, &job).await,
        Some(hop) => match relay.attempt(hop, &job).await {
            Attempted::Ended(results) => results,
            Attempted::Crowded => {
                job.open.extend(owed);
                job.open.extend(suspended);
                return Tried::NoPlace(job);
            }
        },
        None => {
            let what = format!("no transport for {}", job.queue);
            job.everyone(&Ending::here(Said::Ours(what)))
        }
    };
    let went = went(&results);
    results.extend(owed.iter().map(|(number, _)| (*number, Ending::here(Said::Settled))));
    job.open.extend(owed);
    results.extend(why);
    job.open.extend(suspended);
    let dialogue = Some(relay.dialogue());
    let story = Story { begun, dialogue, is_adopted: false };
    settle::settle(shared, job, results, None, story).await;
    Tried::Went(went)
}

/// One word for all recipients: what was too much counts more than what was taken.
fn went(results: &[(u32, Ending)]) -> Went {
    results.iter().fold(Went::Neither, |before, (_, ending)| match (before, ending.said.went()) {
        (Went::Strained, _) | (_, Went::Strained) => Went::Strained,
        (Went::Well, _) | (_, Went::Well) => Went::Well,
        _ => Went::Neither,
    })
}

/// Whether a recipient is done with, and only the report of it is missing.
fn is_owed(record: &[u8]) -> bool {
    // Nearly every first attempt has no record.
    !record.is_empty() && matches!(Attempt::decode(record), Ok(Some(last)) if last.owed.is_some())
}
