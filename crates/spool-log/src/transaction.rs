//! From operations to records: what a transaction means, checked against the index.
//!
//! The caller prepares ([`prepare`]: all that costs time, the checksum of a body above all); the
//! committer decides ([`plan`]), one transaction after the other.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;
use spool::{
    Body, Fence, JobId, MAX_RECORD, MessageId, NewMessage, Next, Op, RecipientOutcome,
    RecipientUpdate, Spilled, SpoolError,
};

use crate::index::{BodyAt, Index, Slot};
use crate::meta::{BaseMeta, BodyRef, JobMeta, JobState};
use crate::queues::JobSlot;
use crate::read::locate_job;
use crate::record::{Entry, Fact, Kind, MAX_META, append, delete_meta, done_meta, record_len};

/// Nanoseconds since 1970, as far as 64 bits go.
pub(crate) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The moment so many nanoseconds after 1970.
pub(crate) fn moment(nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos)
}

/// An insert, ready but for its stamp.
pub(crate) struct Insertion {
    id: MessageId,
    record: Vec<u8>,
    fact: Fact,
    /// The message whose body it shares, as the caller named it.
    shares: Option<MessageId>,
    spilled: Option<Spilled>,
    claim: bool,
    problem: Option<&'static str>,
}

/// A change of a job.
pub(crate) enum Change {
    Update { fence: Fence, recipients: Vec<RecipientUpdate>, next: Next },
    Hold(bool),
    SetDue(u64),
    Remove,
    Requeue(String),
}

/// A prepared operation.
pub(crate) enum Step {
    Insert(Box<Insertion>),
    Change(JobId, Change),
}

impl Step {
    /// The messages that it reads or changes.
    pub fn touches(&self) -> impl Iterator<Item = MessageId> + use<> {
        let ids = match self {
            Self::Insert(insertion) => {
                let root = match insertion.fact {
                    Fact::Base { body: BodyRef::Of(root), .. } => Some(root),
                    _ => None,
                };
                [Some(insertion.id), insertion.shares, root]
            }
            Self::Change(job, _) => [Some(job.message), None, None],
        };
        ids.into_iter().flatten()
    }
}

/// Prepares `op`. `roots` finds the message that has the body of another one; it knows those that
/// came earlier in this transaction too.
pub(crate) fn prepare(op: Op, roots: &mut dyn FnMut(MessageId) -> MessageId) -> Step {
    match op {
        Op::Insert(message) => Step::Insert(Box::new(prepare_insert(message, roots))),
        Op::Update { job, fence, recipients, next } => {
            Step::Change(job, Change::Update { fence, recipients, next })
        }
        Op::Hold { job, on } => Step::Change(job, Change::Hold(on)),
        Op::SetDue { job, due } => Step::Change(job, Change::SetDue(nanos(due))),
        Op::Remove { job } => Step::Change(job, Change::Remove),
        Op::Requeue { job, queue } => Step::Change(job, Change::Requeue(queue)),
    }
}

fn prepare_insert(message: NewMessage, roots: &mut dyn FnMut(MessageId) -> MessageId) -> Insertion {
    let NewMessage { id, envelope, head_edits, body, jobs, claim } = message;
    let mut problem = (jobs.is_empty() || jobs.iter().any(|job| job.recipients.is_empty()))
        .then_some("a message needs jobs and a job needs recipients");
    let jobs = (0..).zip(jobs).map(|(n, job)| JobMeta {
        state: JobState { n, queue: job.queue, due: nanos(job.due), held: job.hold, attempts: 0 },
        open: job.recipients.into_iter().map(|number| (number, Bytes::new())).collect(),
        unknown: Vec::new(),
    });
    let (body, octets, shares, spilled) = match body {
        Body::Inline(octets) => (BodyRef::Inline, octets, None, None),
        Body::Spilled(spilled) => {
            let Spilled { token, len, crc, .. } = spilled;
            (BodyRef::Big { token, len, crc }, Bytes::new(), None, Some(spilled))
        }
        Body::Of(other) => (BodyRef::Of(roots(other)), Bytes::new(), Some(other), None),
    };
    let base = BaseMeta { envelope, head_edits, body, jobs: jobs.collect(), unknown: Vec::new() };
    let mut meta = Vec::with_capacity(256 + base.envelope.len() + base.head_edits.len());
    base.encode(&mut meta);
    let mut record = Vec::new();
    if meta.len() > MAX_META || octets.len() > u32::MAX as usize {
        problem = problem.or(Some("the message is too large"));
    } else {
        append(&mut record, Kind::Message, id, &meta, &octets);
    }
    let fact = Fact::Base {
        meta_len: meta.len() as u32,
        body_len: octets.len() as u32,
        body,
        jobs: base.jobs.into_iter().map(|job| job.state).collect(),
    };
    Insertion { id, record, fact, shares, spilled, claim, problem }
}

/// What a transaction will do.
#[derive(Default)]
pub(crate) struct Plan {
    /// The records, without stamps.
    pub records: Vec<Vec<u8>>,
    /// Their facts; offsets count from the first record, transactions are still missing.
    pub entries: Vec<Entry>,
    /// Octets of the records.
    pub len: usize,
    /// Jobs given back without a record.
    pub released: Vec<JobSlot>,
    /// Messages whose jobs the caller keeps.
    pub claimed: Vec<MessageId>,
    /// Bodies that the transaction adopts.
    pub adopted: Vec<Spilled>,
    pub inserts: usize,
}

impl Plan {
    fn push(&mut self, id: MessageId, record: Vec<u8>, fact: Fact) {
        self.entries.push(Entry { id, txn: 0, offset: self.len as u32, fact });
        self.len += record.len();
        self.records.push(record);
    }

    fn push_meta(&mut self, kind: Kind, id: MessageId, meta: &[u8], fact: Fact) {
        let mut record = Vec::with_capacity(record_len(meta.len() as u32, 0) as usize);
        append(&mut record, kind, id, meta, &[]);
        self.push(id, record, fact);
    }
}

/// A job as the transaction leaves it.
struct Draft {
    slot: JobSlot,
    message: Slot,
    state: JobState,
    /// `None` while nobody needed it.
    stored: Option<JobMeta>,
    claim: u64,
    changed: bool,
    ended: bool,
}

/// What the committer knows besides.
pub(crate) struct Rules<'a> {
    pub index: &'a Mutex<Index>,
    pub node: u32,
    pub epoch: u64,
    /// Why no message more is taken.
    pub full: &'a dyn Fn(&Index) -> Option<String>,
}

struct Planner<'a> {
    rules: &'a Rules<'a>,
    plan: Plan,
    inserted: Vec<MessageId>,
    drafts: BTreeMap<JobId, Draft>,
}

/// Decides what `steps` do.
///
/// # Errors
/// As [`Spool::commit`](spool::Spool::commit); nothing is changed.
pub(crate) fn plan(rules: &Rules<'_>, steps: Vec<Step>) -> Result<Plan, SpoolError> {
    let mut planner =
        Planner { rules, plan: Plan::default(), inserted: Vec::new(), drafts: BTreeMap::new() };
    for step in steps {
        match step {
            Step::Insert(insertion) => planner.insert(*insertion)?,
            Step::Change(job, change) => planner.change(job, change)?,
        }
    }
    planner.finish()
}

impl Planner<'_> {
    fn insert(&mut self, insertion: Insertion) -> Result<(), SpoolError> {
        let Insertion { id, record, fact, shares, spilled, claim, problem } = insertion;
        if let Some(problem) = problem {
            return Err(SpoolError::Invalid(problem));
        }
        let index = self.rules.index.lock();
        if let Some(reason) = (self.rules.full)(&index) {
            return Err(SpoolError::Full(reason));
        }
        if index.knows(id) || self.inserted.contains(&id) {
            return Err(SpoolError::Exists);
        }
        if let Some(other) = shares {
            let found = index.find(other).is_some_and(|slot| !self.is_ended(&index, slot));
            if !found && !self.inserted.contains(&other) {
                return Err(SpoolError::NotFound);
            }
        }
        drop(index);
        self.plan.inserts += 1;
        self.plan.adopted.extend(spilled);
        if claim {
            self.plan.claimed.push(id);
        }
        self.inserted.push(id);
        self.plan.push(id, record, fact);
        Ok(())
    }

    /// Whether this transaction has ended every job of the message.
    fn is_ended(&self, index: &Index, message: Slot) -> bool {
        let ended = self.drafts.values().filter(|draft| draft.message == message && draft.ended);
        index.jobs_of(message).filter(|(_, job)| !job.ended).count() == ended.count()
    }

    fn draft(&mut self, id: JobId) -> Result<&mut Draft, SpoolError> {
        if self.inserted.contains(&id.message) {
            return Err(SpoolError::Invalid("the message is inserted by the same transaction"));
        }
        if !self.drafts.contains_key(&id) {
            let index = self.rules.index.lock();
            let slot = index.find_job(id.message, id.n).ok_or(SpoolError::NotFound)?;
            let job = index.job(slot).ok_or(SpoolError::NotFound)?;
            let draft = Draft {
                slot,
                message: job.message,
                state: index.state_of(job),
                stored: None,
                claim: job.claim,
                changed: false,
                ended: false,
            };
            self.drafts.insert(id, draft);
        }
        let draft = self.drafts.get_mut(&id).filter(|draft| !draft.ended);
        draft.ok_or(SpoolError::NotFound)
    }

    fn change(&mut self, id: JobId, change: Change) -> Result<(), SpoolError> {
        let (index, node, epoch) = (self.rules.index, self.rules.node, self.rules.epoch);
        let draft = self.draft(id)?;
        match change {
            Change::Update { fence, recipients, next } => {
                let ours = Fence { node, epoch, claim: draft.claim };
                if draft.claim == 0 || fence != ours {
                    return Err(SpoolError::Fenced);
                }
                update(draft, index, &recipients, next)?;
            }
            other => {
                match other {
                    Change::Hold(on) => draft.state.held = on,
                    Change::SetDue(due) => draft.state.due = due,
                    Change::Requeue(queue) => draft.state.queue = queue,
                    Change::Remove | Change::Update { .. } => draft.ended = true,
                }
                draft.changed = true;
            }
        }
        draft.claim = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Plan, SpoolError> {
        let mut ended: BTreeMap<MessageId, Vec<u32>> = BTreeMap::new();
        let index = self.rules.index.lock();
        for (id, draft) in &self.drafts {
            if !ended.contains_key(&id.message) && self.is_ended(&index, draft.message) {
                ended.insert(id.message, index.copies(draft.message));
            }
        }
        drop(index);
        for (id, draft) in std::mem::take(&mut self.drafts) {
            if !ended.contains_key(&id.message) {
                self.record(id, draft)?;
            }
        }
        for (id, copies) in ended {
            let meta = delete_meta(&copies);
            self.plan.push_meta(Kind::Delete, id, &meta, Fact::Delete(copies));
        }
        Ok(self.plan)
    }

    fn record(&mut self, id: JobId, mut draft: Draft) -> Result<(), SpoolError> {
        if draft.ended {
            let meta = done_meta(id.n);
            self.plan.push_meta(Kind::Done, id.message, &meta, Fact::Done(id.n));
        } else if draft.changed {
            let mut stored = stored(&mut draft, self.rules.index)?.clone();
            stored.state = draft.state;
            let mut meta = Vec::new();
            stored.encode(&mut meta);
            if meta.len() > MAX_META {
                return Err(SpoolError::Invalid("the records of the job are too large"));
            }
            self.plan.push_meta(Kind::Job, id.message, &meta, Fact::Job(stored.state));
        } else {
            self.plan.released.push(draft.slot);
        }
        Ok(())
    }
}

/// The job as it is stored, read when it is needed.
fn stored<'a>(draft: &'a mut Draft, index: &Mutex<Index>) -> Result<&'a mut JobMeta, SpoolError> {
    let stored = match draft.stored.take() {
        Some(stored) => stored,
        None => {
            let at = locate_job(&index.lock(), draft.slot).ok_or(SpoolError::NotFound)?;
            at.job(draft.state.n)?
        }
    };
    Ok(draft.stored.insert(stored))
}

fn update(
    draft: &mut Draft,
    index: &Mutex<Index>,
    recipients: &[RecipientUpdate],
    next: Next,
) -> Result<(), SpoolError> {
    if next == Next::Done {
        draft.ended = true;
        return Ok(());
    }
    for update in recipients {
        if update.record.len() > MAX_RECORD {
            return Err(SpoolError::Invalid("the record of an attempt is too long"));
        }
        let open = &mut stored(draft, index)?.open;
        let at = open.iter().position(|(number, _)| *number == update.recipient);
        let at = at.ok_or(SpoolError::Invalid("the recipient is not open in the job"))?;
        match update.outcome {
            RecipientOutcome::Delivered | RecipientOutcome::Failed => drop(open.remove(at)),
            RecipientOutcome::Deferred => {
                if let Some(place) = open.get_mut(at) {
                    place.1 = update.record.clone();
                }
            }
        }
    }
    draft.ended = draft.stored.as_ref().is_some_and(|stored| stored.open.is_empty());
    match next {
        Next::Retry(due) => {
            draft.state.due = nanos(due);
            draft.state.attempts = draft.state.attempts.saturating_add(1);
            draft.changed = true;
        }
        // Without news of a recipient there is nothing to write down.
        _ => draft.changed |= !recipients.is_empty(),
    }
    Ok(())
}

/// The message that has the body which `id` names, for [`prepare`].
pub(crate) fn root_of(index: &Index, id: MessageId) -> MessageId {
    let Some(message) = index.find(id).and_then(|slot| index.message(slot)) else { return id };
    match message.body {
        BodyAt::Of(root) => index.message(root).map_or(id, |root| root.id),
        _ => id,
    }
}
