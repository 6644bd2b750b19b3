//! The one that writes: takes what waits, writes it behind the log, syncs once, tells the index and
//! wakes those who wait. There is no timer in this: while one flush runs the next group collects.
//!
//! A write or a sync that failed is never tried again on the same file, since the system may have
//! dropped what it should have written. The group is written to a fresh segment, whose header tells
//! where the failed one ends. When that fails too, the log stays down until the next start.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use spool::{MessageId, Spilled, SpoolError};

use crate::compaction::Evacuation;
use crate::lane::{Active, capacity};
use crate::queues::JobSlot;
use crate::read::io_error;
use crate::receipt::Promise;
use crate::record::Entry;
use crate::segment::{Lane, START};
use crate::shared::{Request, Shared, Work};
use crate::spares;
use crate::transaction::{Plan, Rules, Step, plan};

/// Relaxed commits are durable after this long at the latest.
pub(crate) const RELAXED: Duration = Duration::from_millis(50);

/// A transaction in the log whose effect nobody sees yet.
struct Staged {
    entries: Vec<Entry>,
    released: Vec<JobSlot>,
    claimed: Vec<MessageId>,
    adopted: Vec<Spilled>,
    promise: Promise,
    relaxed: Option<Duration>,
}

/// A transaction that waits for the sync.
struct Written {
    promise: Promise,
    claims: Vec<(JobSlot, u64)>,
}

/// Writes the log.
pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    hot: Option<Active>,
    pub(crate) cold: Option<Active>,
    /// Where the last segment of the hot lane was given up, until a header tells it.
    hot_cut: Option<(u32, u32)>,
    /// The same of the cold lane.
    pub(crate) cold_cut: Option<(u32, u32)>,
    pub(crate) next_txn: u64,
    pub(crate) next_seq: u32,
    staged: Vec<Staged>,
    touched: HashSet<MessageId>,
    /// Messages inserted by what is staged.
    inserts: usize,
    written: Vec<Written>,
    /// What is unsynced and nobody waits for must be synced after this long.
    pub(crate) linger: Option<Duration>,
    pub(crate) evacuation: Option<Evacuation>,
    /// Maintenance asked for: octets to copy, and who waits.
    maintaining: VecDeque<(u64, Promise)>,
}

impl Committer {
    pub fn new(shared: Arc<Shared>, next_txn: u64, next_seq: u32) -> Self {
        Self {
            shared,
            hot: None,
            cold: None,
            hot_cut: None,
            cold_cut: None,
            next_txn,
            next_seq,
            staged: Vec::new(),
            touched: HashSet::new(),
            inserts: 0,
            written: Vec::new(),
            linger: None,
            evacuation: None,
            maintaining: VecDeque::new(),
        }
    }

    /// Does all of `requests`; maintenance is only taken note of.
    pub fn run(&mut self, requests: Vec<Request>) {
        for request in requests {
            match request.work {
                Work::Commit { steps, relaxed } => self.stage(steps, relaxed, request.promise),
                Work::Maintain(octets) => self.maintaining.push_back((octets, request.promise)),
            }
        }
        self.publish();
        if !self.written.is_empty() {
            self.flush();
        }
        self.recycle();
    }

    /// Whether maintenance is under way.
    pub fn is_maintaining(&self) -> bool {
        !self.maintaining.is_empty()
    }

    /// One step of the maintenance that was asked for; false when there is none.
    pub fn maintain(&mut self) -> bool {
        let Some((left, promise)) = self.maintaining.pop_front() else { return false };
        self.flush();
        self.shared.index.lock().ledger.look_again();
        self.recycle();
        match self.compact() {
            Ok(Some(octets)) if octets < left => {
                self.maintaining.push_front((left - octets, promise));
                return true;
            }
            Ok(_) => promise.give(Ok(Vec::new())),
            Err(error) => promise.give(Err(error)),
        };
        self.recycle();
        self.shared.look_at_room();
        spares::refill(&self.shared);
        true
    }

    fn stage(&mut self, steps: Vec<Step>, relaxed: Option<Duration>, promise: Promise) {
        if steps.iter().flat_map(Step::touches).any(|id| self.touched.contains(&id)) {
            self.publish();
        }
        if let Some(reason) = self.shared.down() {
            promise.give(Err(SpoolError::Unavailable(reason)));
            return;
        }
        let touched: Vec<_> = steps.iter().flat_map(Step::touches).collect();
        match self.plan(steps) {
            Ok(plan) => {
                self.touched.extend(touched);
                self.append(plan, relaxed, promise);
            }
            Err(error) => {
                promise.give(Err(error));
            }
        }
    }

    /// Checks a transaction and makes sure that there is room for it.
    fn plan(&mut self, steps: Vec<Step>) -> Result<Plan, SpoolError> {
        let shared = &self.shared;
        let staged = self.inserts;
        let rules = Rules {
            index: &shared.index,
            node: shared.options.node,
            epoch: shared.epoch,
            full: &|index| shared.full(index, staged),
        };
        let plan = plan(&rules, steps)?;
        if plan.len > capacity(shared.options.segment_size) {
            return Err(SpoolError::Invalid("the transaction is larger than a segment"));
        }
        if !self.hot.as_ref().is_some_and(|active| active.has_room(plan.len)) {
            self.publish();
            self.flush();
            self.next_segment(plan.inserts > 0).map_err(io_error)?;
        }
        Ok(plan)
    }

    fn append(&mut self, plan: Plan, relaxed: Option<Duration>, promise: Promise) {
        let Plan { records, mut entries, released, claimed, adopted, inserts, .. } = plan;
        self.inserts += inserts;
        if let Some(active) = &mut self.hot
            && !records.is_empty()
        {
            active.append(self.next_txn, &records, &mut entries);
            self.next_txn += 1;
        }
        self.staged.push(Staged { entries, released, claimed, adopted, promise, relaxed });
    }

    /// Seals the active segment and begins another. Everything is published and synced.
    fn next_segment(&mut self, insert: bool) -> io::Result<()> {
        if let Some(reason) = self.shared.down() {
            return Err(io::Error::other(reason));
        }
        let mut life = spares::life(&self.shared, self.next_seq, Lane::Hot, self.next_txn);
        self.next_seq += 1;
        if let Some(active) = self.hot.take() {
            if active.seal().is_err() {
                self.hot_cut = Some((active.seq(), active.synced));
            }
            self.retire(&active);
        }
        life.cut = self.hot_cut;
        let begun = spares::begin(&self.shared, life, insert)?;
        self.hot_cut = None;
        self.shared.index.lock().ledger.add(Arc::clone(&begun), START, false);
        self.hot = Some(Active::new(begun));
        Ok(())
    }

    /// A segment gets no record more.
    pub(crate) fn retire(&self, active: &Active) {
        active.write_index(&*self.shared.disk);
        if let Some(account) = self.shared.index.lock().ledger.get_mut(active.seq()) {
            account.sealed = true;
            account.end = active.synced;
        }
    }

    /// Writes what is staged, and makes it visible.
    fn publish(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        self.touched.clear();
        self.inserts = 0;
        if let Some(active) = &mut self.hot
            && active.write().is_err()
            && let Err(error) = self.rescue()
        {
            return self.go_down(&error);
        }
        let segment = self.hot.as_ref().map_or(0, Active::seq);
        let mut relaxed = Vec::new();
        let mut index = self.shared.index.lock();
        for staged in self.staged.drain(..) {
            for entry in &staged.entries {
                index.apply(segment, entry);
            }
            for slot in staged.released {
                index.unclaim(slot);
            }
            staged.adopted.into_iter().for_each(Spilled::adopt);
            let mut claims = Vec::new();
            for id in staged.claimed {
                let Some(slot) = index.find(id) else { continue };
                let jobs: Vec<_> = index
                    .jobs_of(slot)
                    .filter(|(_, job)| !job.held)
                    .map(|(slot, _)| slot)
                    .collect();
                claims.extend(jobs.into_iter().map(|job| (job, index.claim(job))));
            }
            let written = Written { promise: staged.promise, claims };
            match staged.relaxed {
                Some(after) if !self.shared.options.strict_results => {
                    let after = after.min(RELAXED);
                    self.linger = Some(self.linger.map_or(after, |linger| linger.min(after)));
                    relaxed.push(written);
                }
                _ => self.written.push(written),
            }
        }
        drop(index);
        for written in relaxed {
            self.answer(written);
        }
    }

    fn answer(&self, written: Written) {
        let claims = written.claims.iter().map(|(_, claim)| *claim).collect();
        if !written.promise.give(Ok(claims)) {
            let mut index = self.shared.index.lock();
            for (slot, claim) in written.claims {
                if index.job(slot).is_some_and(|job| job.claim == claim) {
                    index.unclaim(slot);
                }
            }
        }
    }

    /// Makes everything that was published durable.
    pub(crate) fn flush(&mut self) {
        if let Some(active) = &mut self.hot
            && !active.is_synced()
            && active.sync().is_err()
            && let Err(error) = self.rescue()
        {
            return self.go_down(&error);
        }
        self.linger = None;
        for written in std::mem::take(&mut self.written) {
            self.answer(written);
        }
        let freed = std::mem::take(&mut self.shared.index.lock().freed);
        self.shared.remove_bodies(freed);
    }

    /// The active segment has failed: what is not synced goes to a fresh one, at once.
    fn rescue(&mut self) -> io::Result<()> {
        let Some(mut old) = self.hot.take() else { return Ok(()) };
        let mut life = spares::life(&self.shared, self.next_seq, Lane::Hot, self.next_txn);
        life.cut = Some((old.seq(), old.synced));
        self.next_seq += 1;
        let fresh = spares::begin(&self.shared, life, false)?;
        let rescued = old.rescue(fresh)?;
        let (from, to) = (old.seq(), rescued.seq());
        let mut index = self.shared.index.lock();
        index.ledger.add(Arc::clone(&rescued.segment), START, false);
        index.relocate(from, old.synced, to, START);
        drop(index);
        for entry in self.staged.iter_mut().flat_map(|staged| &mut staged.entries) {
            entry.offset = entry.offset - old.synced + START;
        }
        old.give_up();
        self.retire(&old);
        self.hot = Some(rescued);
        Ok(())
    }

    /// Nothing is written any more. What was handed to the system may be there after a restart.
    fn go_down(&mut self, error: &io::Error) {
        let reason = format!("the log cannot be written: {error}");
        self.shared.health.lock().down = Some(reason.clone());
        self.hot = None;
        self.linger = None;
        let staged = self.staged.drain(..).map(|staged| {
            staged.adopted.into_iter().for_each(Spilled::adopt);
            staged.promise
        });
        let written = self.written.drain(..).map(|written| written.promise);
        for promise in staged.chain(written) {
            promise.give(Err(SpoolError::Unknown(reason.clone())));
        }
    }

    /// Gives every segment back that nothing needs.
    ///
    /// Only with all published work synced: the end of a message may stand in the unsynced group,
    /// together with the report that takes its place. One after the other, each durably gone before
    /// the next is looked at: a tombstone must not go before the copy that it buries.
    pub(crate) fn recycle(&mut self) {
        if self.hot.as_ref().is_some_and(|active| !active.is_synced()) {
            return;
        }
        loop {
            let empty = self.shared.index.lock().ledger.take_empty();
            let Some(segment) = empty else { break };
            if spares::give_back(&self.shared, &segment).is_err() {
                break;
            }
            self.shared.index.lock().segment_gone(segment.seq());
            spares::refill(&self.shared);
        }
    }

    /// Ends in good order: everything durable, the active segments sealed.
    pub fn close(&mut self) {
        self.publish();
        self.flush();
        for active in [self.hot.take(), self.cold.take()].into_iter().flatten() {
            if !active.is_empty() && active.is_synced() && active.seal().is_ok() {
                self.retire(&active);
            }
        }
    }

    /// Begins the first segment, so that a disk that takes none is known at once.
    pub fn begin(&mut self) -> io::Result<()> {
        self.next_segment(false)
    }
}
