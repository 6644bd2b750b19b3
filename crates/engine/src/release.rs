//! Letting deferred jobs go before their time.

use std::time::{Duration, SystemTime};

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use mail::{Domain, DomainName, Reply, Topic};
use queue::notify;
use queue::record::Stored;
use queue::route::{self, NextHop};
use spool::{Filter, JobInfo, Op, Page, SpoolError, Txn};

use smtp::grammar::Release;
use tracing::{info, warn};

use crate::{RELAXED, Shared, reroute};

/// Jobs looked at together.
const PAGE: usize = 500;
/// Jobs due within this time are left alone when others are released.
const SOON: Duration = Duration::from_secs(5);

/// Makes deferred jobs due now: those of `queue`, or all. Gives their number.
///
/// What is due within [`SOON`] goes by itself. To make it due now would take the claim away from a
/// worker that has got it meanwhile, and the letter would go twice.
pub(crate) async fn release(shared: &Shared, queue: Option<&str>) -> Result<u64, SpoolError> {
    // Otherwise they would take the failure that is known of their destination as their own.
    shared.dispatcher.wake(queue, shared.world.clock.wall());
    shared.silent.lock().forget();
    let Some(queue) = queue else { return release_in(shared, None).await };
    let forced = release_in(shared, Some(reroute::forced(queue))).await?;
    Ok(forced + release_in(shared, Some(queue.to_owned())).await?)
}

/// The same for the queue that the spool calls so.
async fn release_in(shared: &Shared, queue: Option<String>) -> Result<u64, SpoolError> {
    let spool = &shared.world.spool;
    let filter = Filter { queue, held: Some(false), ..Filter::default() };
    let (mut after, mut released) = (None, 0);
    while !shared.is_stopping() {
        let page = spool.list(&filter, after, PAGE).await?;
        let due = shared.world.clock.wall();
        let deferred = page.rows.iter().filter(|row| may_go(row, due));
        let ops: Vec<Op> = deferred.map(|row| Op::SetDue { job: row.job, due }).collect();
        let count = ops.len() as u64;
        if count > 0 {
            // One that has been finished meanwhile spoils the transaction: the others go singly.
            match spool.commit(Txn { ops, durability: RELAXED }).await {
                Ok(_) => released += count,
                Err(SpoolError::NotFound) => released += release_singly(shared, &page, due).await?,
                Err(error) => return Err(error),
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(released)
}

/// Whether `row` is deferred, and not because its author wants it held (RFC 4865 §4.2).
fn may_go(row: &JobInfo, now: SystemTime) -> bool {
    if row.claimed || row.due <= now + SOON {
        return false;
    }
    // A record that does not read is left to the worker that takes it up.
    let Ok(stored) = Stored::decode(&row.envelope) else { return true };
    notify::release(&stored.parameters, stored.arrival).is_none_or(|moment| moment <= now)
}

async fn release_singly(shared: &Shared, page: &Page, due: SystemTime) -> Result<u64, SpoolError> {
    let mut released = 0;
    for row in page.rows.iter().filter(|row| may_go(row, due)) {
        let ops = vec![Op::SetDue { job: row.job, due }];
        match shared.world.spool.commit(Txn { ops, durability: RELAXED }).await {
            Ok(_) => released += 1,
            Err(SpoolError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(released)
}

/// Queues looked at together.
const QUEUES: usize = 1000;

/// What ETRN is answered (RFC 1985 §5.1): how much waits, while it is set going.
pub(crate) async fn requested(shared: &Arc<Shared>, client: IpAddr, request: Release) -> Reply {
    let (names, whom) = match &request {
        Release::Node(node) => {
            (queues_of(shared, |domain| domain == node, node).await, node.to_string())
        }
        Release::Below(node) => {
            (queues_of(shared, |domain| domain.is_within(node), node).await, format!("@{node}"))
        }
        Release::Queue(queue) => (queue_named(shared, queue).await, format!("#{queue}")),
    };
    let names = match names {
        Ok(names) => names,
        Err(error) => {
            warn!(event = "queue.not-released", %client, whom, %error);
            return Reply::new(458, Topic(3, 0), format!("Unable to queue messages for {whom}"));
        }
    };
    let jobs: u64 = names.iter().map(|(_, jobs)| jobs).sum();
    info!(event = "queue.requested", %client, whom, jobs);
    if jobs == 0 {
        return Reply::new(251, Topic(0, 0), format!("No messages are waiting for {whom}"));
    }
    let shared_then = shared.clone();
    shared.world.tasks.spawn(Box::pin(async move {
        for (queue, _) in names {
            if let Err(error) = release(&shared_then, Some(&queue)).await {
                warn!(event = "queue.not-released", queue, %error);
            }
        }
    }));
    Reply::new(253, Topic(0, 0), format!("{jobs} pending messages for {whom} started"))
}

/// The queues of the domains that `wanted` means, with their jobs, and that of `node` itself
/// wherever its mail goes.
pub(crate) async fn queues_of(
    shared: &Shared,
    wanted: impl Fn(&DomainName) -> bool,
    node: &DomainName,
) -> Result<Vec<(String, u64)>, SpoolError> {
    let options = shared.options();
    let routed = route::route(&options.routes, &options.access, &Domain::Name(node.clone()));
    let own = routed.queue_name();
    queues(shared, |queue| {
        // Where several hosts are named, the first says whose mail it is.
        let of_domain = NextHop::parse(queue).is_ok_and(|hop| match hop.each().first() {
            Some(NextHop::Exchangers(domain)) => wanted(domain),
            _ => false,
        });
        of_domain || queue == own
    })
    .await
}

/// The queue of that name, with or without what stands before its colon.
async fn queue_named(shared: &Shared, name: &str) -> Result<Vec<(String, u64)>, SpoolError> {
    let short = |queue: &str| queue.split_once(':').is_some_and(|(_, rest)| rest == name);
    queues(shared, |queue| queue.eq_ignore_ascii_case(name) || short(queue)).await
}

async fn queues(
    shared: &Shared,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, u64)>, SpoolError> {
    let (mut found, mut after): (BTreeSet<(String, u64)>, Option<String>) = Default::default();
    loop {
        let page = shared.world.spool.queues(after.as_deref(), QUEUES).await?;
        after = page.last().map(|last| last.queue.clone());
        let full = page.len() == QUEUES;
        let right = page.into_iter().filter(|stat| wanted(&stat.queue));
        found.extend(right.map(|stat| (stat.queue, stat.jobs.saturating_sub(stat.held))));
        if !full {
            return Ok(found.into_iter().collect());
        }
    }
}
