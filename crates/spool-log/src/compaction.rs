//! Compaction: what is still needed in a segment that is mostly garbage is written again in the cold
//! lane, and the segment is free.
//!
//! What was unsynced in the hot lane is synced first and the copies are synced before the index
//! hears of them, so a crash at any point leaves at least one whole copy. Tombstones that other
//! segments need are written again before theirs goes. Large bodies stay where they are.

use std::sync::Arc;

use spool::{MessageId, SpoolError};

use crate::committer::Committer;
use crate::index::{Index, Place, Slot};
use crate::lane::Active;
use crate::meta::BaseMeta;
use crate::queues::JobSlot;
use crate::read::{At, io_error, locate};
use crate::record::{Entry, Fact, Kind, append, delete_meta, done_meta};
use crate::scan::{Wish, scan};
use crate::segment::{Lane, Life, START, Segment};
use crate::side_index::{self, Entries};
use crate::spares;

/// Octets copied between two syncs: a few milliseconds for those who wait.
const BATCH: usize = 1 << 20;

/// A segment that is being emptied.
pub(crate) struct Evacuation {
    seq: u32,
    entries: Entries,
}

/// What a copy means for the index once it is durable.
enum Copy {
    Message { slot: Slot, id: MessageId, meta_len: u32 },
    Job(JobSlot),
    Tombstone(Vec<u32>),
}

/// A copy with its place in the cold segment.
type Copied = (u32, Copy);

impl Committer {
    /// Copies one batch, if that is worth it: the octets, `None` when there is nothing to do.
    pub(crate) fn compact(&mut self) -> Result<Option<u64>, SpoolError> {
        if self.shared.down().is_some() {
            return Ok(None);
        }
        if self.evacuation.is_none() {
            let Some(victim) = self.victim() else { return Ok(None) };
            self.evacuation = self.evacuate(victim)?;
        }
        // Reading costs as well, so a batch counts for something even when it is empty.
        let octets = self.evacuate_some()?.max(4096) as u64;
        self.recycle();
        Ok(Some(octets))
    }

    fn victim(&self) -> Option<u32> {
        let index = self.shared.index.lock();
        let (garbage, live) = index.ledger.balance();
        let least = 4 * u64::from(self.shared.options.segment_size);
        let worth = garbage > 2 * live && garbage > least;
        if worth { index.ledger.best_victim(self.next_seq) } else { None }
    }

    /// Begins to empty a segment.
    pub(crate) fn evacuate(&self, seq: u32) -> Result<Option<Evacuation>, SpoolError> {
        let index = self.shared.index.lock();
        let Some(account) = index.ledger.get(seq) else { return Ok(None) };
        let (segment, end, damaged) = (Arc::clone(&account.segment), account.end, account.damaged);
        drop(index);
        let entries = match side_index::read(&*self.shared.disk, &segment) {
            Some((_, entries)) => entries,
            None => {
                let limit = (!damaged).then_some(end);
                let wish = Wish { limit, tail: false, bodies: false, lenient: damaged };
                Entries::new(scan(&segment, wish).map_err(io_error)?.entries)
            }
        };
        Ok(Some(Evacuation { seq, entries }))
    }

    /// Empties a whole segment.
    pub(crate) fn evacuate_all(&mut self, seq: u32) -> Result<(), SpoolError> {
        self.evacuation = self.evacuate(seq)?;
        while self.evacuation.is_some() {
            self.evacuate_some()?;
        }
        Ok(())
    }

    /// Copies one batch; the octets of it.
    fn evacuate_some(&mut self) -> Result<usize, SpoolError> {
        let Some(mut evacuation) = self.evacuation.take() else { return Ok(0) };
        let mut copied = Vec::new();
        let batch = self.copy_batch(&mut evacuation, &mut copied);
        // What was copied before an error is as good as any.
        self.sync_cold(&mut copied)?;
        let mut index = self.shared.index.lock();
        match batch {
            Ok(octets) if octets >= BATCH => {
                self.evacuation = Some(evacuation);
                Ok(octets)
            }
            Ok(octets) => {
                index.ledger.clear_tombstones(evacuation.seq);
                Ok(octets)
            }
            Err(error) => {
                // A segment that cannot be read is never chosen again; its mail stays where it is.
                if let Some(account) = index.ledger.get_mut(evacuation.seq)
                    && matches!(error, SpoolError::Corrupt(_))
                {
                    account.damaged = true;
                }
                Err(error)
            }
        }
    }

    fn copy_batch(
        &mut self,
        evacuation: &mut Evacuation,
        copied: &mut Vec<Copied>,
    ) -> Result<usize, SpoolError> {
        let mut octets = 0;
        while octets < BATCH
            && let Some(entry) = evacuation.entries.next()
        {
            let Some((record, fact, copy)) = self.copy_of(evacuation.seq, &entry)? else {
                continue;
            };
            if !self.cold.as_ref().is_some_and(|active| active.has_room(record.len())) {
                self.sync_cold(copied)?;
                self.next_cold_segment()?;
            }
            let Some(active) = &mut self.cold else { break };
            octets += record.len();
            let mut entries = [Entry { id: entry.id, txn: 0, offset: 0, fact }];
            active.append(self.next_txn, &[record], &mut entries);
            self.next_txn += 1;
            let [entry] = entries;
            copied.push((entry.offset, copy));
        }
        Ok(octets)
    }

    /// The record that must be written again when `entry` goes, if any.
    fn copy_of(
        &self,
        seq: u32,
        entry: &Entry,
    ) -> Result<Option<(Vec<u8>, Fact, Copy)>, SpoolError> {
        let here = Place { segment: seq, offset: entry.offset };
        let mut index = self.shared.index.lock();
        match &entry.fact {
            Fact::Base { .. } => {
                let Some(slot) = index.find_any(entry.id) else { return Ok(None) };
                if index.message(slot).is_none_or(|message| message.place != here) {
                    return Ok(None);
                }
                drop(index);
                self.copy_of_message(slot).map(Some)
            }
            Fact::Job(state) => {
                let Some(job) = job_at(&index, entry.id, state.n, here) else { return Ok(None) };
                let Some(segment) = index.ledger.segment(seq) else { return Ok(None) };
                drop(index);
                let at = At { segment, offset: entry.offset, id: entry.id };
                let (_, meta) = at.record()?;
                let record = record(Kind::Job, entry.id, &meta, &[]);
                Ok(Some((record, entry.fact.clone(), Copy::Job(job))))
            }
            Fact::Done(n) => {
                let Some(job) = job_at(&index, entry.id, *n, here) else { return Ok(None) };
                let record = record(Kind::Done, entry.id, &done_meta(*n), &[]);
                Ok(Some((record, entry.fact.clone(), Copy::Job(job))))
            }
            Fact::Delete(copies) => {
                let mut needed = copies.clone();
                needed.retain(|copy| *copy != seq && index.ledger.exists(*copy));
                if needed.is_empty() {
                    return Ok(None);
                }
                if index.find(entry.id).is_some() {
                    needed.into_iter().for_each(|copy| index.inherit(entry.id, copy));
                    return Ok(None);
                }
                let record = record(Kind::Delete, entry.id, &delete_meta(&needed), &[]);
                Ok(Some((record, Fact::Delete(needed.clone()), Copy::Tombstone(needed))))
            }
        }
    }

    /// The message again, with the present state of its jobs.
    fn copy_of_message(&self, slot: Slot) -> Result<(Vec<u8>, Fact, Copy), SpoolError> {
        let gone = || SpoolError::Corrupt("a message to be moved is not there".into());
        let at = locate(&self.shared.index.lock(), slot).ok_or_else(gone)?;
        let (header, mut base) = at.base()?;
        let body = at.inline_body(&header)?;
        let index = self.shared.index.lock();
        let mut places = Vec::new();
        for (job_slot, job) in index.jobs_of(slot).filter(|(_, job)| !job.ended) {
            let apart = job.place.segment != 0;
            let at = if apart { crate::read::locate_job(&index, job_slot) } else { None };
            places.push((job.n, at));
        }
        drop(index);
        let mut jobs = Vec::new();
        for (n, at) in places {
            match at {
                Some(at) => jobs.push(at.job(n)?),
                None => jobs.extend(base.jobs.iter().find(|job| job.state.n == n).cloned()),
            }
        }
        base.jobs = jobs;
        let mut meta = Vec::new();
        base.encode(&mut meta);
        let BaseMeta { body: body_ref, jobs, .. } = base;
        let meta_len = meta.len() as u32;
        let fact = Fact::Base {
            meta_len,
            body_len: body.len() as u32,
            body: body_ref,
            jobs: jobs.into_iter().map(|job| job.state).collect(),
        };
        let copy = Copy::Message { slot, id: at.id, meta_len };
        Ok((record(Kind::Move, at.id, &meta, &body), fact, copy))
    }

    /// Makes the copies durable and tells the index.
    fn sync_cold(&mut self, copied: &mut Vec<Copied>) -> Result<(), SpoolError> {
        let Some(active) = &mut self.cold else { return Ok(()) };
        if active.is_synced() {
            return Ok(());
        }
        let result = active.sync();
        let seq = active.seq();
        let mut index = self.shared.index.lock();
        if let Err(error) = result {
            // The copies may be there after a crash: the end of each message must bury them too.
            for (_, copy) in copied.drain(..) {
                if let Copy::Message { id, .. } = copy {
                    index.inherit(id, seq);
                }
            }
            drop(index);
            active.give_up();
            self.cold_cut = Some((seq, active.synced));
            if let Some(active) = self.cold.take() {
                self.retire(&active);
            }
            return Err(io_error(error));
        }
        for (offset, copy) in copied.drain(..) {
            let place = Place { segment: seq, offset };
            match copy {
                Copy::Message { slot, meta_len, .. } => index.moved(slot, place, meta_len),
                Copy::Job(slot) => index.job_moved(slot, place),
                Copy::Tombstone(copies) => index.ledger.add_tombstone(seq, &copies),
            }
        }
        Ok(())
    }

    fn next_cold_segment(&mut self) -> Result<(), SpoolError> {
        let life = spares::life(&self.shared, self.next_seq, Lane::Cold, self.next_txn);
        self.next_seq += 1;
        if let Some(active) = self.cold.take() {
            if active.seal().is_err() {
                self.cold_cut = Some((active.seq(), active.synced));
            }
            self.retire(&active);
        }
        let life = Life { cut: self.cold_cut, ..life };
        let begun: Arc<Segment> = spares::begin(&self.shared, life, false).map_err(io_error)?;
        self.cold_cut = None;
        self.shared.index.lock().ledger.add(Arc::clone(&begun), START, false);
        self.cold = Some(Active::new(begun));
        Ok(())
    }
}

fn job_at(index: &Index, id: MessageId, n: u32, place: Place) -> Option<JobSlot> {
    let slot = index.find(id)?;
    let mut jobs = index.jobs_of(slot);
    jobs.find(|(_, job)| job.n == n && job.place == place).map(|(slot, _)| slot)
}

fn record(kind: Kind, id: MessageId, meta: &[u8], body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    append(&mut octets, kind, id, meta, body);
    octets
}
