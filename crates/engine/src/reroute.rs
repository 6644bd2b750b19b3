//! Routes of yesterday: the configuration may have changed since a job got its queue. Then its
//! recipients move to the queues that are right today, and are tried there.

use std::collections::BTreeMap;
use std::sync::Arc;

use queue::record::Stored;
use queue::route::SenderRule;
use spool::{Body, Next, Op, RecipientOutcome, RecipientUpdate, SpoolError, Txn};
use tracing::{info, warn};

use crate::admit::{self, Pending};
use crate::dispatch::Job;
use crate::{Options, RELAXED, Shared, settle};

/// What stands before the name of a queue in the spool whose jobs an operator sends there: their
/// routes are not computed again. A version that does not know the mark finds no such next hop,
/// computes the route, and moves the job where the configuration says.
const FORCED: &str = "forced:";

/// The name in the spool of the queue `name` for jobs that are sent there by an operator.
pub(crate) fn forced(name: &str) -> String {
    format!("{FORCED}{name}")
}

/// Whether the queue of this name in the spool is one of those.
pub(crate) fn is_forced(name: &str) -> bool {
    name.starts_with(FORCED)
}

/// The name of the next hop alone, as everybody but the spool calls the queue.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix(FORCED).unwrap_or(name)
}

/// Why mail is moved, for its history.
const CHANGED: &str = "the configuration or a table gives another route than before";

/// Moves what has another route today. True: the job is not in hand any more.
pub(crate) async fn moved(shared: &Arc<Shared>, job: &Job) -> bool {
    // A letter still in memory was accepted moments ago: its route is today's.
    if job.hot.is_some() || job.forced {
        return false;
    }
    let options = shared.options();
    // Where no table can say it now, the mail keeps the way it has.
    let Ok(by_sender) = admit::by_sender(&shared.world, &options, &job.stored.reverse_path).await
    else {
        return false;
    };
    let mut groups = groups(&options, job, by_sender.as_ref());
    let stay = groups.remove(&*job.queue);
    let moved = match (stay, groups.len()) {
        (_, 0) => return false,
        (None, 1) => requeue(shared, job, groups).await,
        (stay, _) => split(shared, &options, job, by_sender, stay.is_some(), groups).await,
    };
    match moved {
        Ok(()) | Err(SpoolError::Fenced | SpoolError::NotFound) => true,
        // Where it is now is not known: who tries it all the same may not be the only one. The
        // claim is given back if it is still ours.
        Err(SpoolError::Unknown(why)) => {
            warn!(event = "job.move-unknown", job = %job.id, why);
            settle::give_back(shared, job).await;
            true
        }
        Err(error) => {
            // It goes the old way once more, and moves another time.
            warn!(event = "job.not-moved", job = %job.id, %error);
            false
        }
    }
}

/// The open recipients by the queue that is right today.
fn groups(
    options: &Options,
    job: &Job,
    by_sender: Option<&SenderRule>,
) -> BTreeMap<String, Vec<u32>> {
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (number, _) in &job.open {
        let Some(recipient) = job.stored.recipients.get(*number as usize) else { continue };
        let queue = admit::queue_of(options, &job.stored, by_sender, *number, recipient);
        groups.entry(queue).or_default().push(*number);
    }
    groups
}

/// All go to one other queue: the job goes there as it is.
async fn requeue(
    shared: &Arc<Shared>,
    job: &Job,
    groups: BTreeMap<String, Vec<u32>>,
) -> Result<(), SpoolError> {
    let told: Vec<_> = groups.iter().map(|(to, who)| (to.clone(), who.clone())).collect();
    let ops = groups.into_keys().map(|queue| Op::Requeue { job: job.id, queue });
    let ops = ops.inspect(|op| info!(event = "job.moved", job = %job.id, ?op)).collect();
    shared.world.spool.commit(Txn { ops, durability: RELAXED }).await?;
    for (queue, recipients) in told {
        shared.tell_moved(job, Some(&queue), Vec::new(), recipients, CHANGED);
    }
    Ok(())
}

/// They part: those who move become messages of their own that share the content.
async fn split(
    shared: &Arc<Shared>,
    options: &Options,
    job: &Job,
    by_sender: Option<SenderRule>,
    some_stay: bool,
    groups: BTreeMap<String, Vec<u32>>,
) -> Result<(), SpoolError> {
    let now = shared.world.clock.wall();
    let (mut pending, mut updates) = (Vec::new(), Vec::new());
    for (queue, numbers) in groups {
        let id = shared.ids.next(now);
        info!(event = "job.parted", job = %job.id, into = %id, queue, recipients = numbers.len());
        let known = |number: &u32| job.stored.recipients.get(*number as usize).cloned();
        let recipients = numbers.iter().filter_map(known).collect();
        let target =
            |(new, number): (u32, &u32)| Some((new, job.stored.targets.get(number)?.clone()));
        let targets = (0..).zip(&numbers).filter_map(target).collect();
        let stored = Stored { recipients, targets, ..Stored::clone(&job.stored) };
        let head = (*job.head).clone();
        let (body, by_sender) = (Body::Of(job.id.message), by_sender.clone());
        pending.push(Pending { id, stored, head, body, by_sender });
        updates.extend(numbers.into_iter().map(|recipient| RecipientUpdate {
            recipient,
            outcome: RecipientOutcome::Delivered,
            record: bytes::Bytes::new(),
        }));
    }
    let moved = updates.iter().map(|update: &RecipientUpdate| update.recipient).collect();
    let next = if some_stay { Next::Release } else { Next::Done };
    let update = Op::Update { job: job.id, fence: job.fence, recipients: updates, next };
    let into: Vec<_> = pending.iter().map(|pending| pending.id).collect();
    shared.insert(options, pending, vec![update]).await?;
    shared.tell_moved(job, None, into, moved, CHANGED);
    Ok(())
}
