//! The spool in memory: what the others must agree with, and a spool for tests of those above.
//!
//! It keeps nothing over the end of the process. [`Model::restart`] plays the return of a process
//! that found everything again: the mail is there, every claim is broken.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};

use crate::{
    Body, BodyReader, BodySink, BoxFut, ClaimRequest, Claimed, Committed, Fence, Filter, JobId,
    JobInfo, MAX_RECORD, MessageId, NewMessage, Next, Op, Page, QueueStat, RecipientOutcome,
    RecipientUpdate, Spilled, Spool, SpoolError, Txn,
};

/// Bodies longer than this become [`Body::Spilled`], so that callers meet both kinds.
const INLINE: usize = 64 * 1024;
const CHUNK: u64 = 64 * 1024;

#[derive(Clone)]
struct Job {
    queue: String,
    due: SystemTime,
    held: bool,
    attempts: u32,
    claim: Option<Fence>,
    open: Vec<(u32, Bytes)>,
}

#[derive(Clone)]
struct Message {
    envelope: Bytes,
    head_edits: Bytes,
    body: Bytes,
    jobs: BTreeMap<u32, Job>,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<MessageId, Message>,
    tokens: u64,
    last: Option<MessageId>,
    claims: u64,
    epoch: u64,
    limit: Option<usize>,
    down: Option<String>,
    moved: bool,
    wakers: Vec<Waker>,
}

/// A spool in memory. Clones are the same spool.
#[derive(Clone, Default)]
pub struct Model {
    state: Arc<Mutex<State>>,
    spilled: Arc<Aside>,
}

/// Bodies put aside, under a lock of its own: a body may be dropped while the state is locked.
#[derive(Default)]
struct Aside(Mutex<BTreeMap<u64, Bytes>>);

impl Aside {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// As after the end and the return of the process: every claim is broken, bodies that no commit
    /// adopted are gone.
    pub fn restart(&self) {
        let mut state = self.lock();
        state.epoch += 1;
        self.spilled.lock().clear();
        for message in state.messages.values_mut() {
            for job in message.jobs.values_mut() {
                job.claim = None;
            }
        }
        state.front_moved();
    }

    /// From now on this many messages fill it; `None` lifts the limit.
    pub fn set_limit(&self, messages: Option<usize>) {
        self.lock().limit = messages;
    }

    /// From now on it is not available for this reason; `None` mends it.
    pub fn set_down(&self, reason: Option<&str>) {
        self.lock().down = reason.map(str::to_owned);
    }

    /// The messages it holds.
    pub fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bodies put aside that no commit has adopted yet.
    pub fn waiting_bodies(&self) -> usize {
        self.spilled.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn front_moved(&mut self) {
        self.moved = true;
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        if let Some(reason) = &self.down {
            return Err(SpoolError::Unavailable(reason.clone()));
        }
        match self.limit {
            Some(limit) if self.messages.len() >= limit => {
                Err(SpoolError::Full(format!("{limit} messages")))
            }
            _ => Ok(()),
        }
    }

    fn next_fence(&mut self) -> Fence {
        self.claims += 1;
        Fence { node: 0, epoch: self.epoch, claim: self.claims }
    }

    fn apply(&mut self, txn: Txn, aside: &Aside, undo: &mut Undo) -> Result<Committed, SpoolError> {
        if let Some(reason) = &self.down {
            return Err(SpoolError::Unavailable(reason.clone()));
        }
        let mut claimed = Vec::new();
        for op in txn.ops {
            match op {
                Op::Insert(message) => self.insert(message, aside, undo, &mut claimed)?,
                Op::Update { job, fence, recipients, next } => {
                    self.update(job, fence, &recipients, next, undo)?;
                }
                Op::Hold { job, on } => self.change(job, undo, |job| job.held = on)?,
                Op::SetDue { job, due } => self.change(job, undo, |job| job.due = due)?,
                Op::Requeue { job, queue } => self.change(job, undo, |job| job.queue = queue)?,
                Op::Remove { job } => {
                    self.job(job, undo)?;
                    self.finish(job);
                }
            }
        }
        Ok(Committed { claimed })
    }

    fn insert(
        &mut self,
        new: NewMessage,
        aside: &Aside,
        undo: &mut Undo,
        claimed: &mut Vec<Claimed>,
    ) -> Result<(), SpoolError> {
        if new.jobs.is_empty() || new.jobs.iter().any(|job| job.recipients.is_empty()) {
            return Err(SpoolError::Invalid("a message needs jobs and a job needs recipients"));
        }
        self.healthy()?;
        if self.messages.contains_key(&new.id) {
            return Err(SpoolError::Exists);
        }
        let body = match new.body {
            Body::Inline(octets) => octets,
            Body::Spilled(spilled) => {
                let octets = aside.lock().get(&spilled.token).cloned();
                undo.spilled.push(spilled);
                octets.ok_or(SpoolError::NotFound)?
            }
            Body::Of(id) => self.messages.get(&id).ok_or(SpoolError::NotFound)?.body.clone(),
        };
        let mut jobs = BTreeMap::new();
        for (n, job) in (0..).zip(new.jobs) {
            let open = job.recipients.into_iter().map(|number| (number, Bytes::new())).collect();
            let mut job = Job {
                queue: job.queue,
                due: job.due,
                held: job.hold,
                attempts: 0,
                claim: None,
                open,
            };
            if new.claim && !job.held {
                let fence = self.next_fence();
                job.claim = Some(fence);
                claimed.push(Claimed {
                    job: JobId { message: new.id, n },
                    fence,
                    queue: job.queue.clone(),
                    due: job.due,
                    attempts: 0,
                    envelope: new.envelope.clone(),
                    head_edits: new.head_edits.clone(),
                    body_len: body.len() as u64,
                    open: job.open.clone(),
                });
            }
            jobs.insert(n, job);
        }
        undo.inserted.push(new.id);
        let message = Message { envelope: new.envelope, head_edits: new.head_edits, body, jobs };
        self.messages.insert(new.id, message);
        Ok(())
    }

    /// The job, after its message was put into `undo`.
    fn job(&mut self, id: JobId, undo: &mut Undo) -> Result<&mut Job, SpoolError> {
        if undo.inserted.contains(&id.message) {
            return Err(SpoolError::Invalid("the message is inserted by the same transaction"));
        }
        let message = self.messages.get_mut(&id.message).ok_or(SpoolError::NotFound)?;
        undo.before.entry(id.message).or_insert_with(|| message.clone());
        message.jobs.get_mut(&id.n).ok_or(SpoolError::NotFound)
    }

    fn change(
        &mut self,
        id: JobId,
        undo: &mut Undo,
        how: impl FnOnce(&mut Job),
    ) -> Result<(), SpoolError> {
        let job = self.job(id, undo)?;
        job.claim = None;
        how(job);
        Ok(())
    }

    fn update(
        &mut self,
        id: JobId,
        fence: Fence,
        recipients: &[RecipientUpdate],
        next: Next,
        undo: &mut Undo,
    ) -> Result<(), SpoolError> {
        let job = self.job(id, undo)?;
        if job.claim != Some(fence) {
            return Err(SpoolError::Fenced);
        }
        if next == Next::Done {
            self.finish(id);
            return Ok(());
        }
        for update in recipients {
            if update.record.len() > MAX_RECORD {
                return Err(SpoolError::Invalid("the record of an attempt is too long"));
            }
            let at = job.open.iter().position(|(number, _)| *number == update.recipient);
            let at = at.ok_or(SpoolError::Invalid("the recipient is not open in the job"))?;
            match update.outcome {
                RecipientOutcome::Deferred => job.open[at].1 = update.record.clone(),
                RecipientOutcome::Delivered | RecipientOutcome::Failed => {
                    job.open.remove(at);
                }
            }
        }
        job.claim = None;
        if let Next::Retry(due) = next {
            job.due = due;
            job.attempts = job.attempts.saturating_add(1);
        }
        if job.open.is_empty() {
            self.finish(id);
        }
        Ok(())
    }

    fn finish(&mut self, id: JobId) {
        if let Some(message) = self.messages.get_mut(&id.message) {
            message.jobs.remove(&id.n);
            if message.jobs.is_empty() {
                self.messages.remove(&id.message);
            }
        }
    }

    fn roll_back(&mut self, undo: Undo) {
        for id in undo.inserted {
            self.messages.remove(&id);
        }
        self.messages.extend(undo.before);
    }

    fn info(&self, id: JobId) -> Option<JobInfo> {
        let message = self.messages.get(&id.message)?;
        let job = message.jobs.get(&id.n)?;
        Some(JobInfo {
            job: id,
            queue: job.queue.clone(),
            due: job.due,
            held: job.held,
            claimed: job.claim.is_some(),
            attempts: job.attempts,
            envelope: message.envelope.clone(),
            head_edits: message.head_edits.clone(),
            body_len: message.body.len() as u64,
            open: job.open.clone(),
        })
    }

    fn jobs(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.messages.iter().flat_map(|(&message, held)| {
            held.jobs.iter().map(move |(&n, job)| (JobId { message, n }, job))
        })
    }

    fn claim_due(&mut self, request: &ClaimRequest<'_>) -> Vec<Claimed> {
        let mut due: Vec<_> = self
            .jobs()
            .filter(|(_, job)| job.claim.is_none() && !job.held && job.due <= request.now)
            .map(|(id, job)| (job.due, id, job.queue.clone()))
            .collect();
        due.sort();
        let mut left = BTreeMap::new();
        let mut claimed = Vec::new();
        for (_, id, queue) in due {
            if claimed.len() >= request.max {
                break;
            }
            let left = left
                .entry(queue)
                .or_insert_with_key(|queue| (request.quota)(queue).min(request.per_queue));
            if *left > 0 {
                *left -= 1;
                claimed.extend(self.claim(id));
            }
        }
        claimed
    }

    fn claim(&mut self, id: JobId) -> Option<Claimed> {
        let fence = self.next_fence();
        let message = self.messages.get_mut(&id.message)?;
        let job = message.jobs.get_mut(&id.n)?;
        job.claim = Some(fence);
        Some(Claimed {
            job: id,
            fence,
            queue: job.queue.clone(),
            due: job.due,
            attempts: job.attempts,
            envelope: message.envelope.clone(),
            head_edits: message.head_edits.clone(),
            body_len: message.body.len() as u64,
            open: job.open.clone(),
        })
    }
}

/// What a transaction has changed so far.
#[derive(Default)]
struct Undo {
    before: BTreeMap<MessageId, Message>,
    inserted: Vec<MessageId>,
    spilled: Vec<Spilled>,
}

fn now<T: Send + 'static>(value: Result<T, SpoolError>) -> BoxFut<'static, T> {
    Box::pin(std::future::ready(value))
}

impl Spool for Model {
    fn begin_body(&self, _size_hint: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>> {
        now(Ok(Box::new(Sink { model: self.clone(), octets: BytesMut::new() })))
    }

    fn commit(&self, txn: Txn) -> BoxFut<'_, Committed> {
        Box::pin(async move {
            let mut undo = Undo::default();
            let mut state = self.lock();
            let result = state.apply(txn, &self.spilled, &mut undo);
            let spilled = std::mem::take(&mut undo.spilled);
            match result {
                Ok(committed) => {
                    for spilled in spilled {
                        self.spilled.lock().remove(&spilled.token);
                        spilled.adopt();
                    }
                    state.last = state.last.max(undo.inserted.into_iter().max());
                    state.front_moved();
                    Ok(committed)
                }
                Err(error) => {
                    state.roll_back(undo);
                    drop(state);
                    drop(spilled);
                    Err(error)
                }
            }
        })
    }

    fn claim_due<'a>(&'a self, request: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>> {
        Box::pin(async move { Ok(self.lock().claim_due(&request)) })
    }

    fn claim(&self, job: JobId) -> BoxFut<'_, Option<Claimed>> {
        let mut state = self.lock();
        let Some(found) = state.messages.get(&job.message).and_then(|held| held.jobs.get(&job.n))
        else {
            return now(Err(SpoolError::NotFound));
        };
        let claimed = if found.claim.is_some() { None } else { state.claim(job) };
        now(Ok(claimed))
    }

    fn next_due(&self) -> Option<SystemTime> {
        let mut state = self.lock();
        state.moved = false;
        let ready = state.jobs().filter(|(_, job)| job.claim.is_none() && !job.held);
        ready.map(|(_, job)| job.due).min()
    }

    fn changed(&self) -> BoxFut<'_, ()> {
        Box::pin(poll_fn(|context| {
            let mut state = self.lock();
            if state.moved {
                return Poll::Ready(Ok(()));
            }
            state.wakers.retain(|waker| !waker.will_wake(context.waker()));
            state.wakers.push(context.waker().clone());
            Poll::Pending
        }))
    }

    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>> {
        let state = self.lock();
        let Some(message) = state.messages.get(&message) else {
            return now(Err(SpoolError::NotFound));
        };
        let len = message.body.len() as u64;
        let (start, end) = (range.start.min(len), range.end.min(len));
        let octets = message.body.slice(start as usize..end.max(start) as usize);
        now(Ok(Box::new(Reader { octets })))
    }

    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>> {
        now(Ok(self.lock().info(job)))
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page> {
        let state = self.lock();
        let fits = |id: &JobId, job: &Job| {
            after.is_none_or(|after| *id > after)
                && filter.queue.as_ref().is_none_or(|queue| *queue == job.queue)
                && filter.held.is_none_or(|held| held == job.held)
                && filter.older_than.is_none_or(|time| id.message.time() < time)
        };
        let mut found = state.jobs().filter(|(id, job)| fits(id, job)).map(|(id, _)| id);
        let ids: Vec<_> = found.by_ref().take(limit).collect();
        let next = found.next().and(ids.last().copied());
        let rows = ids.into_iter().filter_map(|id| state.info(id)).collect();
        now(Ok(Page { rows, next }))
    }

    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>> {
        let state = self.lock();
        let mut queues: BTreeMap<&str, QueueStat> = BTreeMap::new();
        for (_, job) in
            state.jobs().filter(|(_, job)| after.is_none_or(|after| *job.queue > *after))
        {
            let stat = queues.entry(&job.queue).or_insert_with(|| QueueStat {
                queue: job.queue.clone(),
                jobs: 0,
                held: 0,
                claimed: 0,
                next_due: None,
            });
            stat.jobs += 1;
            stat.held += u64::from(job.held);
            stat.claimed += u64::from(job.claim.is_some());
            if !job.held && job.claim.is_none() {
                stat.next_due = Some(stat.next_due.map_or(job.due, |due| due.min(job.due)));
            }
        }
        now(Ok(queues.into_values().take(limit).collect()))
    }

    fn maintain(&self, _budget: Duration) -> BoxFut<'_, ()> {
        now(Ok(()))
    }

    fn healthy(&self) -> Result<(), SpoolError> {
        self.lock().healthy()
    }

    fn last_id(&self) -> Option<MessageId> {
        self.lock().last
    }
}

struct Sink {
    model: Model,
    octets: BytesMut,
}

impl BodySink for Sink {
    fn write(&mut self, chunk: Bytes) -> BoxFut<'_, ()> {
        self.octets.extend_from_slice(&chunk);
        now(Ok(()))
    }

    fn len(&self) -> u64 {
        self.octets.len() as u64
    }

    fn finish(self: Box<Self>) -> BoxFut<'static, Body> {
        let octets = self.octets.freeze();
        if octets.len() <= INLINE {
            return now(Ok(Body::Inline(octets)));
        }
        let len = octets.len() as u64;
        let mut state = self.model.lock();
        state.tokens += 1;
        let token = state.tokens;
        drop(state);
        let aside = self.model.spilled;
        aside.lock().insert(token, octets);
        let discard = move |token| {
            aside.lock().remove(&token);
        };
        now(Ok(Body::Spilled(Spilled::new(token, len, 0, discard))))
    }
}

struct Reader {
    octets: Bytes,
}

impl BodyReader for Reader {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let len = self.octets.len().min(CHUNK as usize);
        let chunk = (len > 0).then(|| self.octets.split_to(len));
        now(Ok(chunk))
    }
}
