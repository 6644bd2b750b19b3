//! The spool of a host, watched: each commit is an event of the story. It is also where faults are
//! planted that a spool could have.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use engine::doors::Clock;
use mail::ReversePath;
use queue::record::{Class, Stored};
use spool::{
    BodyReader, BodySink, BoxFut, ClaimRequest, Claimed, Committed, Filter, JobId, JobInfo,
    MessageId, Next, Op, Page, QueueStat, RecipientOutcome, Spool, SpoolError, Txn,
};
use spool_log::Log;

use crate::plant::Plant;
use crate::story::Story;
use crate::world::{Chance, SimClock};

/// Where nothing was committed since the last round of housekeeping, one round in so many is real:
/// worlds are quiet for most of their week.
const QUIET: u64 = 60;
/// One commit in so many is touched by a plant.
const PLANTED_ONE_IN: u64 = 8;

/// A spool that tells what it is asked.
pub struct Watched {
    /// The spool itself.
    pub log: Arc<Log>,
    /// Whose it is.
    pub host: String,
    /// Where its commits are told.
    pub story: Story,
    /// The host's clock, and chance, for plants.
    pub clock: Arc<SimClock>,
    /// Chance.
    pub chance: Chance,
    /// The fault planted here.
    pub plant: Option<Plant>,
    /// Rounds of housekeeping since the last commit.
    pub idle: AtomicU64,
}

impl Watched {
    fn strikes(&self, plant: Plant) -> bool {
        self.plant == Some(plant) && self.chance.once_in(PLANTED_ONE_IN)
    }

    async fn planted(&self, mut txn: Txn) -> Result<Committed, SpoolError> {
        let inserts = txn.ops.iter().any(|op| matches!(op, Op::Insert(_)));
        if inserts && self.strikes(Plant::CommitIsEmpty) {
            return Ok(Committed { claimed: Vec::new() });
        }
        if self.strikes(Plant::ResultForgotten) {
            forget(&mut txn, self.clock.wall());
        }
        if self.plant == Some(Plant::NullIsForgotten) {
            txn.ops.iter_mut().for_each(name_nobody);
        }
        let committed = self.log.commit(txn).await?;
        if inserts && self.strikes(Plant::CommitIsDenied) {
            return Err(SpoolError::Unavailable("a lie".to_owned()));
        }
        Ok(committed)
    }
}

/// Whoever got the letter is told to wait for it.
fn forget(txn: &mut Txn, now: SystemTime) {
    for op in &mut txn.ops {
        let Op::Update { recipients, next, .. } = op else { continue };
        for update in recipients.iter_mut() {
            if update.outcome == RecipientOutcome::Delivered {
                update.outcome = RecipientOutcome::Deferred;
                *next = Next::Retry(now + Duration::from_secs(3600));
            }
        }
    }
}

fn name_nobody(op: &mut Op) {
    let Op::Insert(message) = op else { return };
    let Ok(mut stored) = Stored::decode(&message.envelope) else { return };
    if stored.reverse_path.is_null() && stored.class == Class::Ordinary {
        stored.reverse_path = "<bob@a.example>".parse().unwrap_or(ReversePath::Null);
        message.envelope = stored.encode();
    }
}

fn word(op: &Op) -> String {
    match op {
        Op::Insert(message) => format!("insert {} in {} jobs", message.id, message.jobs.len()),
        Op::Update { job, recipients, next, .. } => {
            let outcomes: Vec<_> = recipients.iter().map(|update| update.outcome).collect();
            let next = match next {
                Next::Done => "done",
                Next::Retry(_) => "retry",
                Next::Release => "release",
            };
            format!("update {job} {outcomes:?} {next}")
        }
        Op::Hold { job, .. } => format!("hold {job}"),
        Op::SetDue { job, .. } => format!("set due {job}"),
        Op::Remove { job } => format!("remove {job}"),
        Op::Requeue { job, queue } => format!("requeue {job} to {queue}"),
    }
}

impl Spool for Watched {
    fn begin_body(&self, size_hint: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>> {
        self.log.begin_body(size_hint)
    }

    fn commit(&self, txn: Txn) -> BoxFut<'_, Committed> {
        Box::pin(async move {
            let words = txn.ops.iter().map(word).collect::<Vec<_>>().join(", ");
            let done = self.planted(txn).await;
            self.idle.store(0, Ordering::Relaxed);
            match &done {
                Ok(_) => self.story.tell(format_args!("{} commits: {words}", self.host)),
                Err(error) => {
                    self.story.tell(format_args!("{} commits not: {words}: {error}", self.host));
                }
            }
            done
        })
    }

    fn claim_due<'a>(&'a self, request: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>> {
        self.log.claim_due(request)
    }

    fn claim(&self, job: JobId) -> BoxFut<'_, Option<Claimed>> {
        self.log.claim(job)
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.log.next_due()
    }

    fn changed(&self) -> BoxFut<'_, ()> {
        self.log.changed()
    }

    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>> {
        self.log.open_body(message, range)
    }

    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>> {
        self.log.get(job)
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page> {
        self.log.list(filter, after, limit)
    }

    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>> {
        self.log.queues(after, limit)
    }

    fn maintain(&self, budget: Duration) -> BoxFut<'_, ()> {
        let idle = self.idle.fetch_add(1, Ordering::Relaxed);
        if idle.is_multiple_of(QUIET) {
            self.log.maintain(budget)
        } else {
            Box::pin(async { Ok(()) })
        }
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        self.log.healthy()
    }

    fn last_id(&self) -> Option<MessageId> {
        self.log.last_id()
    }
}
