//! The spool as it lies on the disk, to be looked at while no server runs: nothing is locked and
//! nothing written. What cannot be read is left out, as is the torn end of the log.

use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use spool::{
    BodyReader, BodySink, BoxFut, ClaimRequest, Claimed, Committed, Filter, JobId, JobInfo,
    MessageId, Page, QueueStat, Spool, SpoolError, Txn,
};

use crate::body;
use crate::disk::Disk;
use crate::index::Index;
use crate::log::{Row, numbers, rows};
use crate::options::{Damage, OpenError};
use crate::recovery::{Reading, Trouble, read_format};

/// What the disk holds.
pub struct Snapshot {
    index: Mutex<Index>,
    disk: Arc<dyn Disk>,
    damage: Vec<Damage>,
}

impl Snapshot {
    /// Reads the log on `disk`; where there is none yet it is empty.
    ///
    /// # Errors
    /// When it cannot be read at all, or has a format of another version.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let mut index = Index::new();
        let mut damage = Vec::new();
        if let Some(uuid) = read_format(&*disk)? {
            let mut reading = Reading::new(&*disk, true);
            let replayed = reading.replay(uuid, &mut index);
            replayed.map_err(Trouble(&*disk).at("reading the log"))?;
            damage = reading.damage;
        }
        Ok(Self { index: Mutex::new(index), disk, damage })
    }

    /// What does not read back as it was written.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

fn read_only<T: Send + 'static>() -> BoxFut<'static, T> {
    let error = SpoolError::Unavailable("it is only looked at".to_owned());
    Box::pin(std::future::ready(Err(error)))
}

impl Spool for Snapshot {
    fn begin_body(&self, _: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>> {
        read_only()
    }

    fn commit(&self, _: Txn) -> BoxFut<'_, Committed> {
        read_only()
    }

    fn claim_due<'a>(&'a self, _: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>> {
        read_only()
    }

    fn claim(&self, _: JobId) -> BoxFut<'_, Option<Claimed>> {
        read_only()
    }

    fn next_due(&self) -> Option<SystemTime> {
        None
    }

    fn changed(&self) -> BoxFut<'_, ()> {
        Box::pin(pending())
    }

    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>> {
        Box::pin(async move {
            let reader = body::open(&self.index, &*self.disk, message, range)?;
            Ok(Box::new(reader) as Box<dyn BodyReader>)
        })
    }

    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>> {
        let row = Row::find(&self.index.lock(), job);
        Box::pin(async move { row.map(Row::info).transpose() })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page> {
        Box::pin(async move {
            let (rows, next) = rows(&self.index, filter, after, limit);
            // One that is damaged hides no other.
            let rows = rows.into_iter().filter_map(|row| row.info().ok()).collect();
            Ok(Page { rows, next })
        })
    }

    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>> {
        let found = numbers(&self.index, after, limit);
        Box::pin(async move { Ok(found) })
    }

    fn maintain(&self, _: Duration) -> BoxFut<'_, ()> {
        read_only()
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        Err(SpoolError::Unavailable("it is only looked at".to_owned()))
    }

    fn last_id(&self) -> Option<MessageId> {
        self.index.lock().last_id
    }
}

#[cfg(test)]
mod tests {
    use spool::contract::block_on;
    use spool::{Body, Durability, NewJob, NewMessage, Op};

    use super::*;
    use crate::{Drive, Log, MemoryDisk, Options};

    #[test]
    fn it_shows_what_the_log_holds_and_changes_nothing() {
        let disk = MemoryDisk::new();
        let open = || Snapshot::open(Arc::new(disk.clone())).unwrap();
        let listed = |snapshot: &Snapshot| {
            let page = block_on(snapshot.list(&Filter::default(), None, 10)).unwrap();
            page.rows.iter().map(|row| row.job.message).collect::<Vec<_>>()
        };
        assert_eq!(listed(&open()), []);
        let options = Options { drive: Drive::Inline, ..Options::new(Arc::new(|| 7)) };
        let (log, _) = Log::open(Arc::new(disk.clone()), options).unwrap();
        let id = MessageId::new(SystemTime::UNIX_EPOCH, 0, 7);
        let due = SystemTime::UNIX_EPOCH;
        let part = NewJob { queue: "local".into(), recipients: vec![0], due, hold: false };
        let message = NewMessage {
            id,
            envelope: "envelope".into(),
            head_edits: "edits".into(),
            body: Body::Inline("hello".into()),
            jobs: vec![part],
            claim: true,
        };
        let (ops, durability) = (vec![Op::Insert(message)], Durability::Durable);
        block_on(log.commit(Txn { ops, durability })).unwrap();
        // Beside the log, and after its end.
        for log in [Some(log), None] {
            let calls = disk.calls();
            let snapshot = open();
            assert_eq!(listed(&snapshot), [id]);
            assert!(snapshot.damage().is_empty());
            let row = block_on(snapshot.get(JobId { message: id, n: 0 })).unwrap().unwrap();
            assert_eq!((&row.envelope[..], row.claimed), (&b"envelope"[..], false));
            let mut body = block_on(snapshot.open_body(id, 0..9)).unwrap();
            assert_eq!(block_on(body.next()).unwrap().unwrap(), "hello");
            assert_eq!(block_on(snapshot.queues(None, 9)).unwrap()[0].jobs, 1);
            let refused = block_on(snapshot.claim(JobId { message: id, n: 0 }));
            assert!(matches!(refused, Err(SpoolError::Unavailable(_))));
            assert_eq!(disk.calls(), calls, "nothing is written");
            drop(log);
        }
    }
}
