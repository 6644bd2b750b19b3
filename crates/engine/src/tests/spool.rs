//! The spool in memory, with failures on demand.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use spool::model::Model;
use spool::{
    BodyReader, BodySink, BoxFut, ClaimRequest, Claimed, Committed, Filter, JobId, JobInfo,
    MessageId, Page, QueueStat, Spool, SpoolError, Txn,
};

/// What happens to a commit instead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It is done, and its outcome is not told.
    UnknownDone,
    /// It is not done, and its outcome is not told.
    UnknownLost,
    /// It is refused.
    Unavailable,
    /// There is no room.
    Full,
}

/// A spool in memory.
#[derive(Clone, Default)]
pub(crate) struct TestSpool {
    /// The spool itself.
    pub(crate) model: Model,
    faults: Arc<Mutex<VecDeque<Option<Fault>>>>,
    unreadable: Arc<Mutex<bool>>,
    /// Rounds of housekeeping until there is room again, and those so far.
    full: Arc<Mutex<(u32, u32)>>,
}

impl TestSpool {
    /// The next commits go so, one after the other; `None`: well.
    pub(crate) fn fail(&self, faults: &[Option<Fault>]) {
        self.faults.lock().extend(faults);
    }

    /// It is full for so many rounds of housekeeping.
    pub(crate) fn fill(&self, rounds: u32) {
        self.full.lock().0 = rounds;
    }

    /// No content can be read, or it can again.
    pub(crate) fn break_bodies(&self, broken: bool) {
        *self.unreadable.lock() = broken;
    }
}

impl Spool for TestSpool {
    fn begin_body(&self, size_hint: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>> {
        self.model.begin_body(size_hint)
    }

    fn commit(&self, txn: Txn) -> BoxFut<'_, Committed> {
        let fault = self.faults.lock().pop_front().flatten();
        Box::pin(async move {
            match fault {
                None => self.model.commit(txn).await,
                Some(Fault::UnknownDone) => {
                    self.model.commit(txn).await?;
                    Err(SpoolError::Unknown("so the test wants".to_owned()))
                }
                Some(Fault::UnknownLost) => {
                    Err(SpoolError::Unknown("so the test wants".to_owned()))
                }
                Some(Fault::Full) => Err(SpoolError::Full("so the test wants".to_owned())),
                Some(Fault::Unavailable) => {
                    Err(SpoolError::Unavailable("so the test wants".to_owned()))
                }
            }
        })
    }

    fn claim_due<'a>(&'a self, request: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>> {
        self.model.claim_due(request)
    }

    fn claim(&self, job: JobId) -> BoxFut<'_, Option<Claimed>> {
        self.model.claim(job)
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.model.next_due()
    }

    fn changed(&self) -> BoxFut<'_, ()> {
        self.model.changed()
    }

    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>> {
        if *self.unreadable.lock() {
            return Box::pin(async { Err(SpoolError::Corrupt("so the test wants".to_owned())) });
        }
        self.model.open_body(message, range)
    }

    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>> {
        self.model.get(job)
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page> {
        self.model.list(filter, after, limit)
    }

    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>> {
        self.model.queues(after, limit)
    }

    fn maintain(&self, budget: Duration) -> BoxFut<'_, ()> {
        let mut full = self.full.lock();
        *full = (full.0.saturating_sub(1), full.1 + 1);
        drop(full);
        self.model.maintain(budget)
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        match self.full.lock().0 {
            0 => self.model.healthy(),
            _ => Err(SpoolError::Full("so the test wants".to_owned())),
        }
    }

    fn last_id(&self) -> Option<MessageId> {
        self.model.last_id()
    }
}
