//! Delivery: jobs are claimed when they are due, workers try them, and what came of it is settled
//! in one transaction.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use queue::fate::Said;
use queue::record::{HeadEdits, RecordError, Stored};
use queue::route::{self, NextHop};
use spool::{ClaimRequest, Claimed, Durability, Filter, JobId, Op, SpoolError, Txn};
use tokio::time::{sleep_until, timeout};
use tracing::{debug, error, warn};

use crate::dispatch::{Ending, Job, Work};
use crate::relay::{Crowded, Relay};
use crate::{Shared, local, settle};

/// How long a connection waits for another job before it says QUIT.
const KEEP_OPEN: Duration = Duration::from_secs(5);
/// Pause between two looks at a queue whose due jobs there is no room for.
const CROWDED: Duration = Duration::from_secs(1);
/// Jobs claimed at once.
const CLAIM: usize = 500;
/// Results ride with the next durable commit, or go by themselves after this long.
pub(crate) const RELAXED: Durability = Durability::Relaxed(Duration::from_millis(50));
/// Pause between two rounds of housekeeping, and its length.
const MAINTAIN_EVERY: Duration = Duration::from_secs(10);
const MAINTAIN: Duration = Duration::from_millis(100);

/// Hands `job` to the workers of its queue.
pub(crate) fn hand_over(shared: &Arc<Shared>, job: Job) {
    let queue = job.queue.clone();
    if shared.dispatcher.push(job) {
        shared.world.tasks.spawn(Box::pin(work(shared.clone(), queue)));
    }
}

/// Lets the spool keep house, until the host goes down.
pub(crate) async fn maintain(shared: Arc<Shared>) {
    let mut stop = pin!(shared.stopping());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(MAINTAIN_EVERY) => {}
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
        let due = shared.world.spool.next_due();
        let pause =
            due.map(|due| due.duration_since(now).unwrap_or(CROWDED).max(Duration::from_millis(1)));
        tokio::select! {
            biased;
            () = &mut stop => return,
            _ = shared.world.spool.changed() => {}
            () = shared.dispatcher.room.notified() => {}
            () = sleep_for(&shared, pause) => {}
        }
    }
}

async fn sleep_for(shared: &Shared, pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep_until((shared.world.clock.now() + pause).into()).await,
        None => std::future::pending().await,
    }
}

/// Makes a claimed job ready for a worker.
async fn take_up(shared: &Arc<Shared>, claimed: Claimed) {
    match ready(claimed) {
        Ok(job) => hand_over(shared, job),
        Err((job, error)) => {
            // Our own record does not read: an operator must look, nobody is told a fate.
            error!(event = "record.unreadable", %job, error);
            let hold = Txn { ops: vec![Op::Hold { job, on: true }], durability: RELAXED };
            if let Err(error) = shared.world.spool.commit(hold).await {
                warn!(event = "spool.hold", %job, %error);
            }
        }
    }
}

fn ready(claimed: Claimed) -> Result<Job, (JobId, String)> {
    let failed = |error: RecordError| (claimed.job, error.to_string());
    let stored = Stored::decode(&claimed.envelope).map_err(failed)?;
    let head = HeadEdits::decode(&claimed.head_edits).map_err(failed)?;
    Ok(Job {
        id: claimed.job,
        fence: claimed.fence,
        queue: claimed.queue.into(),
        attempts: claimed.attempts,
        stored: Arc::new(stored),
        head: Arc::new(head),
        body_len: claimed.body_len,
        hot: None,
        open: claimed.open,
    })
}

/// A worker of one queue: tries job after job, over one connection while that lasts.
async fn work(shared: Arc<Shared>, queue: Arc<str>) {
    let hop = NextHop::parse(&queue).ok();
    let mut relay = Relay::new(&shared, queue.clone());
    loop {
        if shared.is_stopping() {
            relay.quit().await;
            shared.dispatcher.abandon(&queue);
            shared.session_ended.notify_one();
            return;
        }
        match shared.dispatcher.next(&queue, shared.world.clock.wall()) {
            Work::Try(job) => {
                if is_rerouted(&shared, &job).await {
                    continue;
                }
                let results = match &hop {
                    Some(NextHop::Local) => local::attempt(&shared, &job).await,
                    Some(hop) => match relay.attempt(hop, &job).await {
                        Ok(results) => results,
                        Err(Crowded(ending)) => {
                            match shared.dispatcher.leave_to_others(&queue, job) {
                                None => break,
                                Some(alone) => {
                                    let results = alone.everyone(&ending);
                                    settle::settle(&shared, alone, results, None).await;
                                    continue;
                                }
                            }
                        }
                    },
                    None => {
                        job.everyone(&Ending::here(Said::Ours(format!("no transport for {queue}"))))
                    }
                };
                settle::settle(&shared, job, results, None).await;
            }
            Work::Adopt(job, ending, until) => {
                let results = job.everyone(&ending);
                settle::settle(&shared, job, results, Some(until)).await;
            }
            Work::Idle(wake) => {
                let woken = timeout(KEEP_OPEN, wake.notified()).await.is_ok();
                shared.dispatcher.woke(&queue);
                if !woken && shared.dispatcher.retire(&queue) {
                    break;
                }
            }
        }
    }
    relay.quit().await;
    shared.session_ended.notify_one();
}

/// The configuration may have changed since the job got its queue: then it moves to the queue that
/// is right today, and is tried there.
async fn is_rerouted(shared: &Arc<Shared>, job: &Job) -> bool {
    // A letter still in memory was accepted moments ago: its route is today's.
    if job.hot.is_some() {
        return false;
    }
    let mut queues = job.open.iter().filter_map(|(number, _)| {
        let recipient = job.stored.recipients.get(*number as usize)?;
        let options = &shared.options;
        let routed = route::route_path(&options.routes, &options.access, &recipient.path);
        Some(routed.next_hop.queue_name())
    });
    let Some(first) = queues.next() else { return false };
    if *first == *job.queue || !queues.all(|queue| queue == first) {
        return false;
    }
    debug!(event = "job.rerouted", job = %job.id, from = %job.queue, to = first);
    let ops = vec![Op::Requeue { job: job.id, queue: first }];
    shared.world.spool.commit(Txn { ops, durability: RELAXED }).await.is_ok()
}

/// Makes deferred jobs due now: those of `queue`, or all. Gives their number.
pub(crate) async fn release(shared: &Shared, queue: Option<&str>) -> Result<u64, SpoolError> {
    let spool = &shared.world.spool;
    let filter = Filter { queue: queue.map(str::to_owned), held: Some(false), ..Filter::default() };
    let due = shared.world.clock.wall();
    let (mut after, mut released) = (None, 0);
    loop {
        let page = spool.list(&filter, after, CLAIM).await?;
        let deferred = page.rows.iter().filter(|row| !row.claimed && row.due > due);
        let ops: Vec<Op> = deferred.map(|row| Op::SetDue { job: row.job, due }).collect();
        if !ops.is_empty() {
            released += ops.len() as u64;
            spool.commit(Txn { ops, durability: RELAXED }).await?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(released),
        }
    }
}
