//! A random walk: the same operations on the model and on another spool, which must agree about
//! everything, also after restarts.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Subject, at, block_on, body, id, job, octets, read, to};
use crate::model::Model;
use crate::{
    Body, ClaimRequest, Claimed, Durability, Fence, Filter, JobId, JobInfo, NewMessage, Next, Op,
    RecipientOutcome, RecipientUpdate, Spool, SpoolError, Txn,
};

const QUEUES: [&str; 5] = ["a", "b", "c", "d.example", "e"];
const SIZES: [usize; 8] = [0, 5, 100, 700, 3_000, 9_000, 40_000, 300_000];

/// Takes steps as `tape` says, in `subject` and beside it in the model, and panics where they
/// differ. Every tape means something, so a test may make it at random and shorten it.
pub fn walk(tape: &[u32], subject: &mut dyn Subject) {
    let mut walk = Walk {
        tape: tape.iter(),
        model: Model::new(),
        clock: 0,
        next_id: 0,
        claims: BTreeMap::new(),
    };
    while let Some(&choice) = walk.tape.next() {
        walk.clock += 1;
        match choice % 32 {
            0 => {
                subject.restart();
                walk.model.restart();
                walk.agree(subject.spool());
            }
            1 => walk.agree(subject.spool()),
            2 | 3 => {
                let budget = std::time::Duration::from_secs(1);
                block_on(subject.spool().maintain(budget)).expect("housekeeping");
            }
            4..=9 => walk.claim(subject.spool()),
            _ => walk.commit(subject.spool()),
        }
    }
    walk.agree(subject.spool());
    subject.restart();
    walk.model.restart();
    walk.agree(subject.spool());
}

struct Walk<'a> {
    tape: std::slice::Iter<'a, u32>,
    model: Model,
    clock: u64,
    next_id: u64,
    /// The last fences given for a job, of the model and of the subject; they may be old.
    claims: BTreeMap<JobId, (Fence, Fence)>,
}

/// A step, still without the fences and bodies that each spool has of its own.
enum Step {
    Insert { n: u64, size: usize, of: Option<u64>, parts: u32, hold: bool, claim: bool, dues: u64 },
    Update { job: JobId, recipients: Vec<RecipientUpdate>, next: Next },
    Hold(JobId, bool),
    SetDue(JobId, u64),
    Remove(JobId),
    Requeue(JobId, &'static str),
}

impl Walk<'_> {
    /// A number under `limit`; 0 when the tape has ended.
    fn pick(&mut self, limit: usize) -> usize {
        self.tape.next().map_or(0, |&choice| choice as usize % limit.max(1))
    }

    fn held(&self, n: u64) -> bool {
        (0..3).any(|part| block_on(self.model.get(job(n, part))).is_ok_and(|found| found.is_some()))
    }

    fn some_job(&mut self) -> JobId {
        let back = self.pick(12) as u64;
        job(self.next_id.saturating_sub(back), self.pick(3) as u32)
    }

    fn some_claim(&mut self) -> JobId {
        let at = self.pick(self.claims.len());
        self.claims.keys().nth(at).copied().unwrap_or(job(0, 0))
    }

    fn step(&mut self, first: bool) -> Step {
        match self.pick(12) {
            0..=4 => {
                // Now and then an id that is in use; one that was is the caller's fault.
                let old = self.next_id.saturating_sub(self.pick(20) as u64);
                let again = first && self.pick(6) == 0 && self.held(old);
                let n = if again { old } else { self.next_id + 1 };
                self.next_id = self.next_id.max(n);
                Step::Insert {
                    n,
                    size: SIZES[self.pick(SIZES.len())],
                    of: (self.pick(5) == 0).then(|| n.saturating_sub(self.pick(9) as u64)),
                    parts: 1 + self.pick(3) as u32,
                    hold: self.pick(8) == 0,
                    claim: self.pick(2) == 0,
                    dues: self.clock * 16 + self.pick(9) as u64 * 160,
                }
            }
            5..=8 => Step::Update {
                job: self.some_claim(),
                recipients: self.outcomes(),
                next: match self.pick(4) {
                    0 | 1 => Next::Done,
                    2 => Next::Release,
                    _ => Next::Retry(at(self.clock * 16 + 8 + self.pick(9) as u64 * 160)),
                },
            },
            9 => Step::Remove(self.some_job()),
            10 => Step::Hold(self.some_job(), self.pick(3) == 0),
            _ if self.pick(2) == 0 => Step::SetDue(self.some_job(), self.clock * 16 + 9),
            _ => Step::Requeue(self.some_job(), QUEUES[self.pick(QUEUES.len())]),
        }
    }

    fn outcomes(&mut self) -> Vec<RecipientUpdate> {
        let count = self.pick(3);
        let mut updates = Vec::new();
        for _ in 0..count {
            let outcome = match self.pick(3) {
                0 => RecipientOutcome::Delivered,
                1 => RecipientOutcome::Failed,
                _ => RecipientOutcome::Deferred,
            };
            let record = Bytes::from(octets(self.pick(300), self.clock));
            updates.push(RecipientUpdate { recipient: self.pick(5) as u32, outcome, record });
        }
        updates
    }

    fn commit(&mut self, spool: &dyn Spool) {
        let count = 1 + self.pick(3);
        let steps: Vec<_> = (0..count).map(|n| self.step(n == 0)).collect();
        let durability = match self.pick(3) {
            0 => Durability::Relaxed(std::time::Duration::from_millis(20)),
            _ => Durability::Durable,
        };
        let ours = Txn { ops: self.ops(&steps, &self.model, |fences| fences.0), durability };
        let theirs = Txn { ops: self.ops(&steps, spool, |fences| fences.1), durability };
        let text = format!("{:?}", ours.ops);
        let ours = block_on(self.model.commit(ours));
        let theirs = block_on(spool.commit(theirs));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => self.keep(ours.claimed, theirs.claimed),
            (Err(ours), Err(theirs)) => {
                assert_eq!(kind(&ours), kind(&theirs), "{text}: {ours} or {theirs}");
            }
            (ours, theirs) => panic!("{text}: the model says {ours:?}, the spool {theirs:?}"),
        }
    }

    fn ops(&self, steps: &[Step], spool: &dyn Spool, pick: fn((Fence, Fence)) -> Fence) -> Vec<Op> {
        let nobody = Fence { node: 9, epoch: u64::MAX, claim: u64::MAX };
        let op = |step: &Step| match step {
            Step::Insert { n, size, of, parts, hold, claim, dues } => {
                let jobs = (0..*parts).map(|part| {
                    let queue = QUEUES[(*n as usize + part as usize) % QUEUES.len()];
                    let mut new =
                        to(queue, &[part, part + 1], dues + u64::from(part) + (*n % 4) * 3);
                    new.hold = *hold && part == 0;
                    new
                });
                Op::Insert(NewMessage {
                    id: id(*n),
                    envelope: Bytes::from(octets(20 + size % 300, *n)),
                    head_edits: Bytes::from(octets(size % 50, *n)),
                    body: match of {
                        Some(of) => Body::Of(id(*of)),
                        None => body(spool, &octets(*size, *n), None),
                    },
                    jobs: jobs.collect(),
                    claim: *claim,
                })
            }
            Step::Update { job, recipients, next } => Op::Update {
                job: *job,
                fence: self.claims.get(job).map_or(nobody, |&fences| pick(fences)),
                recipients: recipients.clone(),
                next: *next,
            },
            Step::Hold(job, on) => Op::Hold { job: *job, on: *on },
            Step::SetDue(job, due) => Op::SetDue { job: *job, due: at(*due) },
            Step::Remove(job) => Op::Remove { job: *job },
            Step::Requeue(job, queue) => Op::Requeue { job: *job, queue: (*queue).into() },
        };
        steps.iter().map(op).collect()
    }

    fn keep(&mut self, ours: Vec<Claimed>, theirs: Vec<Claimed>) {
        let row = |claimed: &Claimed| {
            let Claimed { job, queue, due, attempts, envelope, head_edits, body_len, open, .. } =
                claimed.clone();
            (due, job, queue, attempts, envelope, head_edits, body_len, open)
        };
        let mut left: Vec<_> = ours.iter().map(row).collect();
        let mut right: Vec<_> = theirs.iter().map(row).collect();
        left.sort();
        right.sort();
        assert_eq!(left, right, "what was claimed");
        for claimed in ours {
            let other = theirs.iter().find(|other| other.job == claimed.job);
            let fence = other.map_or(claimed.fence, |other| other.fence);
            self.claims.insert(claimed.job, (claimed.fence, fence));
        }
        while self.claims.len() > 24 {
            self.claims.pop_first();
        }
    }

    fn claim(&mut self, spool: &dyn Spool) {
        // Two jobs may be due at one moment, so only whole moments are claimed: no maximum.
        let none = QUEUES[self.pick(QUEUES.len())];
        let quota = |queue: &str| if queue == none { 0 } else { usize::MAX };
        let now = at(self.clock * 16 + self.pick(4) as u64 * 300);
        let request = || ClaimRequest { max: 1000, per_queue: 1000, quota: &quota, now };
        let ours = block_on(self.model.claim_due(request())).expect("the model claims");
        let theirs = block_on(spool.claim_due(request())).expect("a claim");
        assert!(theirs.is_sorted_by_key(|claimed| claimed.due));
        self.keep(ours, theirs);
    }

    fn agree(&self, spool: &dyn Spool) {
        let filter = Filter::default();
        let mut after = None;
        loop {
            let ours = block_on(self.model.list(&filter, after, 7)).expect("a page");
            let theirs = block_on(spool.list(&filter, after, 7)).expect("a page");
            let left: Vec<_> = ours.rows.iter().map(row).collect();
            let right: Vec<_> = theirs.rows.iter().map(row).collect();
            assert_eq!(left, right, "after {after:?}");
            assert_eq!(ours.next, theirs.next);
            for info in &theirs.rows {
                let ours = read(&self.model, info.job.message, 0..u64::MAX).expect("a body");
                let theirs = read(spool, info.job.message, 0..u64::MAX).expect("a body");
                assert!(ours == theirs, "the body of {}", info.job);
            }
            after = ours.next;
            if after.is_none() {
                break;
            }
        }
        let ours = block_on(self.model.queues(None, 99)).expect("queues");
        let theirs = block_on(spool.queues(None, 99)).expect("queues");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        assert_eq!(self.model.next_due(), spool.next_due());
        assert_eq!(self.model.last_id(), spool.last_id());
    }
}

fn row(info: &JobInfo) -> impl PartialEq + std::fmt::Debug + use<> {
    let JobInfo { job, queue, due, held, claimed, attempts, envelope, head_edits, body_len, open } =
        info.clone();
    (job, queue, due, held, claimed, attempts, (envelope, head_edits), body_len, open)
}

fn kind(error: &SpoolError) -> std::mem::Discriminant<SpoolError> {
    std::mem::discriminant(error)
}
