//! The log as a [`Spool`].

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use spool::{
    Body, BodyReader, BodySink, BoxFut, ClaimRequest, Claimed, Committed, Durability, Fence,
    Filter, JobId, JobInfo, MessageId, Op, Page, QueueStat, Spool, SpoolError, Txn,
};

use crate::body::{self, Sink};
use crate::committer::Committer;
use crate::disk::{Disk, Lock};
use crate::drive;
use crate::index::Index;
use crate::meta::JobMeta;
use crate::options::{Drive, OpenError, Options};
use crate::queues::JobSlot;
use crate::read::{At, locate, locate_job};
use crate::receipt::{Outcome, Receipt};
use crate::recovery::{self, Recovery};
use crate::shared::{MAX_WAITING, MAX_WAITING_OCTETS, Request, Shared, Work};
use crate::transaction::{Step, moment, nanos, prepare, root_of};

/// Octets that the compaction may copy in a second.
const COMPACTION_RATE: u64 = 32 << 20;
/// Messages looked at for one page, while the index is locked.
const LOOKED_AT: usize = 4096;

/// The spool on one machine.
pub struct Log {
    shared: Arc<Shared>,
    /// With [`Drive::Inline`]: whoever waits leads it.
    committer: Option<Mutex<Committer>>,
    threads: Vec<JoinHandle<()>>,
    /// Last of all: another process may come when everything is written.
    _lock: Box<dyn Lock>,
}

impl Log {
    /// Opens the log on `disk`, which may be empty.
    ///
    /// # Errors
    /// See [`OpenError`]; a damaged log is left as it is.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovery), OpenError> {
        let lock = recovery::lock(&*disk)?;
        let drive = options.drive;
        let (shared, committer, report) = recovery::open(disk, options.checked())?;
        let mut log = Self { shared, committer: None, threads: Vec::new(), _lock: lock };
        match drive {
            Drive::Inline => log.committer = Some(Mutex::new(committer)),
            Drive::Thread => {
                let shared = Arc::clone(&log.shared);
                let trouble = recovery::Trouble(&*shared.disk).at("starting its threads");
                log.threads = drive::start(&log.shared, committer).map_err(trouble)?;
            }
        }
        crate::spares::refill(&log.shared);
        Ok((log, report))
    }

    /// Segments in the log now.
    pub fn segments(&self) -> usize {
        self.shared.index.lock().ledger.len()
    }

    /// Messages held now.
    pub fn messages(&self) -> usize {
        self.shared.index.lock().len()
    }

    async fn request(&self, work: Work, octets: usize) -> Outcome {
        let (receipt, promise) = Receipt::new();
        let mut request = Some(Request { work, octets, promise });
        poll_fn(|context| enqueue(&self.shared, &mut request, context)).await?;
        Waiting { log: self, receipt, polled: false, done: false }.await
    }
}

/// The jobs that fit and come after `after`, at most `limit`, and where those begin that were not
/// looked at.
pub(crate) fn rows(
    index: &Mutex<Index>,
    filter: &Filter,
    after: Option<JobId>,
    limit: usize,
) -> (Vec<Row>, Option<JobId>) {
    let mut rows: Vec<Row> = Vec::new();
    let index = index.lock();
    let queue = match &filter.queue {
        None => None,
        Some(name) => match index.queues.find(name) {
            None => return (rows, None),
            queue => queue,
        },
    };
    let from = after.map_or(MessageId(0), |after| after.message);
    let mut messages = index.from(from).filter_map(|slot| Some((slot, index.message(slot)?)));
    let mut last = None;
    for (slot, message) in messages.by_ref().take(LOOKED_AT) {
        last = Some(JobId { message: message.id, n: u32::MAX });
        if filter.older_than.is_some_and(|time| message.id.time() >= time) {
            continue;
        }
        for (job_slot, job) in index.jobs_of(slot).filter(|(_, job)| !job.ended) {
            let id = JobId { message: message.id, n: job.n };
            let fits = after.is_none_or(|after| id > after)
                && queue.is_none_or(|queue| index.is_in_queue(job, queue))
                && filter.held.is_none_or(|held| held == job.held);
            if fits && rows.len() == limit {
                let next = rows.last().map(|row| row.id);
                return (rows, next);
            }
            if fits {
                rows.extend(Row::of(&index, job_slot));
            }
        }
    }
    let more = messages.next().is_some();
    (rows, last.filter(|_| more))
}

/// The queues by name, those after `after`, at most `limit`.
pub(crate) fn numbers(index: &Mutex<Index>, after: Option<&str>, limit: usize) -> Vec<QueueStat> {
    let numbers = index.lock().queues.list(after, limit);
    let row = |numbers: crate::queues::Numbers| QueueStat {
        queue: numbers.name.as_ref().into(),
        jobs: numbers.jobs,
        held: numbers.held,
        claimed: numbers.claimed,
        next_due: numbers.next_due.map(moment),
    };
    numbers.into_iter().map(row).collect()
}

impl Drop for Log {
    fn drop(&mut self) {
        match &self.committer {
            Some(committer) => committer.lock().close(),
            None => drive::stop(&self.shared, std::mem::take(&mut self.threads)),
        }
    }
}

/// What the index says of a job, and where the rest is.
pub(crate) struct Row {
    id: JobId,
    state: crate::meta::JobState,
    held: bool,
    claim: u64,
    body_len: u64,
    message: At,
    /// Its own record, where it has one.
    own: Option<At>,
}

impl Row {
    fn of(index: &Index, slot: JobSlot) -> Option<Self> {
        let job = index.job(slot)?;
        let message = index.message(job.message)?;
        let own = if job.place.segment == 0 { None } else { Some(locate_job(index, slot)?) };
        Some(Self {
            id: JobId { message: message.id, n: job.n },
            state: index.state_of(job),
            held: job.held,
            claim: job.claim,
            body_len: index.body_len(job.message),
            message: locate(index, job.message)?,
            own,
        })
    }

    /// The job as the index knows it, with its recipients, and its message.
    fn read(&self) -> Result<(JobMeta, crate::meta::BaseMeta), SpoolError> {
        let (_, base) = self.message.base()?;
        let job = match &self.own {
            Some(at) => at.job(self.id.n)?,
            None => {
                let job = base.jobs.iter().find(|job| job.state.n == self.id.n);
                let lost = || SpoolError::Corrupt(format!("the job {} is lost", self.id));
                job.cloned().ok_or_else(lost)?
            }
        };
        Ok((JobMeta { state: self.state.clone(), ..job }, base))
    }

    /// A job that has not ended.
    pub(crate) fn find(index: &Index, job: JobId) -> Option<Self> {
        index.find_job(job.message, job.n).and_then(|slot| Self::of(index, slot))
    }

    /// What a listing shows of it.
    pub(crate) fn info(self) -> Result<JobInfo, SpoolError> {
        let (job, base) = self.read()?;
        Ok(JobInfo {
            job: self.id,
            queue: job.state.queue,
            due: moment(job.state.due),
            held: self.held,
            claimed: self.claim != 0,
            attempts: job.state.attempts,
            envelope: base.envelope,
            head_edits: base.head_edits,
            body_len: self.body_len,
            open: job.open,
        })
    }

    fn claimed(self, fence: Fence) -> Result<Claimed, SpoolError> {
        let (job, base) = self.read()?;
        Ok(Claimed {
            job: self.id,
            fence,
            queue: job.state.queue,
            due: moment(job.state.due),
            attempts: job.state.attempts,
            envelope: base.envelope,
            head_edits: base.head_edits,
            body_len: self.body_len,
            open: job.open,
        })
    }
}

/// Puts the request where the committer finds it, when there is a place.
fn enqueue(
    shared: &Shared,
    request: &mut Option<Request>,
    context: &Context<'_>,
) -> Poll<Result<(), SpoolError>> {
    let mut inbox = shared.inbox.lock();
    if inbox.closed {
        return Poll::Ready(Err(SpoolError::Unavailable("the spool is closed".into())));
    }
    let full = inbox.waiting.len() >= MAX_WAITING || inbox.octets >= MAX_WAITING_OCTETS;
    if full {
        inbox.blocked.push(context.waker().clone());
        return Poll::Pending;
    }
    if let Some(request) = request.take() {
        inbox.octets += request.octets;
        inbox.waiting.push_back(request);
        drop(inbox);
        shared.news.notify_one();
    }
    Poll::Ready(Ok(()))
}

/// Waits for the committer, or leads it.
struct Waiting<'a> {
    log: &'a Log,
    receipt: Arc<Receipt>,
    polled: bool,
    done: bool,
}

impl Future for Waiting<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        if let (Some(committer), true) = (&this.log.committer, this.polled) {
            let mut committer = committer.lock();
            loop {
                let batch = drive::take_batch(&mut this.log.shared.inbox.lock());
                if batch.is_empty() {
                    break;
                }
                committer.run(batch);
            }
            while committer.maintain() {}
        }
        let outcome = this.receipt.poll(context);
        if outcome.is_ready() {
            this.done = true;
        } else if this.log.committer.is_some() && !this.polled {
            // Others may have something to commit too: they get their turn first.
            this.polled = true;
            context.waker().wake_by_ref();
        }
        outcome
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A claim that nobody took must not lie there until the next start. When the answer comes
        // only later the committer takes it back.
        if !self.done
            && let Some(Ok(claims)) = self.receipt.abandon()
            && !claims.is_empty()
        {
            self.log.shared.index.lock().unclaim_all(&claims);
        }
    }
}

/// What a commit gives back for each inserted message that the caller keeps.
fn templates(ops: &[Op]) -> Vec<(Claimed, Option<MessageId>)> {
    let mut templates = Vec::new();
    for op in ops {
        let Op::Insert(message) = op else { continue };
        if !message.claim {
            continue;
        }
        let (body_len, of) = match &message.body {
            Body::Inline(octets) => (octets.len() as u64, None),
            Body::Spilled(spilled) => (spilled.len, None),
            Body::Of(_) => (0, Some(message.id)),
        };
        for (n, job) in (0..).zip(&message.jobs).filter(|(_, job)| !job.hold) {
            let claimed = Claimed {
                job: JobId { message: message.id, n },
                fence: Fence { node: 0, epoch: 0, claim: 0 },
                queue: job.queue.clone(),
                due: moment(nanos(job.due)),
                attempts: 0,
                envelope: message.envelope.clone(),
                head_edits: message.head_edits.clone(),
                body_len,
                open: job.recipients.iter().map(|&number| (number, Default::default())).collect(),
            };
            templates.push((claimed, of));
        }
    }
    templates
}

/// Prepares the operations, all that needs no order.
fn prepare_all(shared: &Shared, ops: Vec<Op>) -> (Vec<Step>, usize) {
    let mut octets = 256;
    // Shared bodies of messages that this transaction itself inserts.
    let mut earlier: BTreeMap<MessageId, MessageId> = BTreeMap::new();
    let mut steps = Vec::with_capacity(ops.len());
    for op in ops {
        if let Op::Insert(message) = &op {
            octets += message.envelope.len();
            if let Body::Inline(body) = &message.body {
                octets += body.len();
            }
        }
        let own = if let Op::Insert(message) = &op { Some(message.id) } else { None };
        let mut root = None;
        let mut roots = |other| {
            let found = earlier.get(&other).copied();
            let found = found.unwrap_or_else(|| root_of(&shared.index.lock(), other));
            *root.insert(found)
        };
        steps.push(prepare(op, &mut roots));
        if let Some(own) = own {
            earlier.insert(own, root.unwrap_or(own));
        }
    }
    (steps, octets)
}

impl Spool for Log {
    fn begin_body(&self, size_hint: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>> {
        let sink = Sink::new(Arc::clone(&self.shared), size_hint);
        Box::pin(async move { Ok(Box::new(sink) as Box<dyn BodySink>) })
    }

    fn commit(&self, txn: Txn) -> BoxFut<'_, Committed> {
        Box::pin(async move {
            let templates = templates(&txn.ops);
            let (steps, octets) = prepare_all(&self.shared, txn.ops);
            let relaxed = match txn.durability {
                Durability::Durable => None,
                Durability::Relaxed(after) => Some(after),
            };
            let claims = self.request(Work::Commit { steps, relaxed }, octets).await?;
            let mut claimed = Vec::with_capacity(claims.len());
            for ((mut template, of), claim) in templates.into_iter().zip(claims) {
                let Shared { epoch, options, .. } = &*self.shared;
                template.fence = Fence { node: options.node, epoch: *epoch, claim };
                if let Some(id) = of {
                    let index = self.shared.index.lock();
                    template.body_len = index.find(id).map_or(0, |slot| index.body_len(slot));
                }
                claimed.push(template);
            }
            Ok(Committed { claimed })
        })
    }

    fn claim_due<'a>(&'a self, request: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>> {
        Box::pin(async move {
            if let Some(reason) = self.shared.down() {
                return Err(SpoolError::Unavailable(reason));
            }
            let mut index = self.shared.index.lock();
            let quota = |queue: &str| (request.quota)(queue).min(request.per_queue);
            let slots = index.queues.due(nanos(request.now), request.max, quota);
            let mut rows = Vec::with_capacity(slots.len());
            for slot in slots {
                let claim = index.claim(slot);
                rows.push((slot, claim, Row::of(&index, slot)));
            }
            drop(index);
            let (node, epoch) = (self.shared.options.node, self.shared.epoch);
            let mut claimed = Vec::with_capacity(rows.len());
            for (slot, claim, row) in rows {
                let read = row.map(|row| row.claimed(Fence { node, epoch, claim }));
                match read {
                    Some(Ok(job)) => claimed.push(job),
                    // Damaged mail is not sent: it is held until somebody has looked at it.
                    _ => self.shared.index.lock().hold_damaged(slot, claim),
                }
            }
            Ok(claimed)
        })
    }

    fn claim(&self, job: JobId) -> BoxFut<'_, Option<Claimed>> {
        Box::pin(async move {
            if let Some(reason) = self.shared.down() {
                return Err(SpoolError::Unavailable(reason));
            }
            let mut index = self.shared.index.lock();
            let slot = index.find_job(job.message, job.n).ok_or(SpoolError::NotFound)?;
            if index.job(slot).is_none_or(|found| found.claim != 0) {
                return Ok(None);
            }
            let claim = index.claim(slot);
            let row = Row::of(&index, slot);
            drop(index);
            let fence = Fence { node: self.shared.options.node, epoch: self.shared.epoch, claim };
            let lost = || SpoolError::Corrupt(format!("the job {job} is lost"));
            let claimed = row.ok_or_else(lost).and_then(|row| row.claimed(fence));
            if claimed.is_err() {
                self.shared.index.lock().unclaim_all(&[claim]);
            }
            claimed.map(Some)
        })
    }

    fn next_due(&self) -> Option<SystemTime> {
        self.shared.index.lock().queues.next_due().map(moment)
    }

    fn changed(&self) -> BoxFut<'_, ()> {
        Box::pin(poll_fn(|context| {
            let moved = self.shared.index.lock().queues.poll_moved(context.waker());
            if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
        }))
    }

    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>> {
        Box::pin(async move {
            let reader = body::open(&self.shared.index, &*self.shared.disk, message, range)?;
            Ok(Box::new(reader) as Box<dyn BodyReader>)
        })
    }

    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>> {
        Box::pin(async move {
            // Whoever reads again after `Unknown` must not take what is only in memory for kept.
            if let Some(reason) = self.shared.down() {
                return Err(SpoolError::Unavailable(reason));
            }
            let row = Row::find(&self.shared.index.lock(), job);
            row.map(Row::info).transpose()
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page> {
        Box::pin(async move {
            let (rows, next) = rows(&self.shared.index, filter, after, limit);
            // One that is damaged hides no other: it is told of when it is due, and by `verify`.
            let sound = |row: Row| match row.info() {
                Err(SpoolError::Corrupt(_)) => None,
                info => Some(info),
            };
            let rows: Result<Vec<_>, _> = rows.into_iter().filter_map(sound).collect();
            Ok(Page { rows: rows?, next })
        })
    }

    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>> {
        Box::pin(async move { Ok(numbers(&self.shared.index, after, limit)) })
    }

    fn maintain(&self, budget: Duration) -> BoxFut<'_, ()> {
        let millis = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
        let octets = (COMPACTION_RATE / 1000).saturating_mul(millis).max(1 << 20);
        Box::pin(async move { self.request(Work::Maintain(octets), 0).await.map(drop) })
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        let closed = self.shared.inbox.lock().closed;
        if closed || (self.committer.is_none() && !self.shared.threads.load(Ordering::Acquire)) {
            return Err(SpoolError::Unavailable("the spool is closed".into()));
        }
        self.shared.healthy()
    }

    fn last_id(&self) -> Option<MessageId> {
        self.shared.index.lock().last_id
    }
}
