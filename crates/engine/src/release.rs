//! Letting deferred jobs go before their time.

use std::time::{Duration, SystemTime};

use queue::notify;
use queue::record::Stored;
use spool::{Filter, JobInfo, Op, Page, SpoolError, Txn};

use crate::{RELAXED, Shared};

/// Jobs looked at together.
const PAGE: usize = 500;
/// Jobs due within this time are left alone when others are released.
const SOON: Duration = Duration::from_secs(5);

/// Makes deferred jobs due now: those of `queue`, or all. Gives their number.
///
/// What is due within [`SOON`] goes by itself. To make it due now would take the claim away from a
/// worker that has got it meanwhile, and the letter would go twice.
pub(crate) async fn release(shared: &Shared, queue: Option<&str>) -> Result<u64, SpoolError> {
    let spool = &shared.world.spool;
    let filter = Filter { queue: queue.map(str::to_owned), held: Some(false), ..Filter::default() };
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
