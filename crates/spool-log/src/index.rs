//! Everything about the mail held, in memory: where each message lies, how its jobs stand, and which
//! segments are still needed. Envelopes, edits, records of attempts and bodies stay on disk.
//!
//! The same [`Index::apply`] serves a commit and a start, so a restart rebuilds what was there.
//!
//! A message whose jobs have all ended, but whose body serves another one, stays as a *ghost*.

use std::collections::{BTreeMap, HashMap};

use spool::MessageId;

use crate::ledger::Ledger;
use crate::meta::{BodyRef, JobState};
use crate::queues::{JobSlot, Queues, Standing};
use crate::record::{Entry, Fact, record_len};
use crate::table::Table;

pub(crate) type Slot = u32;
const NONE: u32 = u32::MAX;
/// What a record of a job counts for when the worth of a segment is weighed.
const JOB_OCTETS: u64 = 192;

/// A place in the log. Segments count from 1; 0 is nowhere.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    pub segment: u32,
    pub offset: u32,
}

/// Where the body of a message is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyAt {
    Inline(u32),
    Big { token: u64, len: u64 },
    Of(Slot),
}

pub(crate) struct Message {
    pub id: MessageId,
    pub place: Place,
    pub meta_len: u32,
    pub body: BodyAt,
    /// Messages that share its body.
    pub refs: u32,
    first_job: JobSlot,
}

pub(crate) struct Job {
    pub message: Slot,
    next: JobSlot,
    pub n: u32,
    queue: u32,
    pub due: u64,
    /// 0 is nobody's.
    pub claim: u64,
    /// Its last record; nowhere while that is the one of the message.
    pub place: Place,
    pub attempts: u32,
    pub held: bool,
    /// Ended, while the message goes on.
    pub ended: bool,
}

impl Job {
    fn standing(&self) -> Standing {
        Standing { queue: self.queue, due: self.due, held: self.held, claimed: self.claim != 0 }
    }
}

/// The index.
pub(crate) struct Index {
    messages: Table<Message>,
    jobs: Table<Job>,
    by_id: BTreeMap<MessageId, Slot>,
    ghosts: BTreeMap<MessageId, Slot>,
    /// Segments with outdated copies of messages that live on.
    stale: HashMap<MessageId, Vec<u32>>,
    pub queues: Queues,
    pub ledger: Ledger,
    pub last_id: Option<MessageId>,
    /// Octets of envelopes and bodies held.
    pub octets: u64,
    claims: u64,
    /// While the log is read at a start: bodies may come after those that share them.
    pub replaying: bool,
    /// Files of bodies that nobody needs any more.
    pub freed: Vec<u64>,
    /// The largest name of such a file that any record has: none is used twice.
    pub last_token: u64,
}

impl Index {
    pub fn new() -> Self {
        Self {
            messages: Table::new(),
            jobs: Table::new(),
            by_id: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            stale: HashMap::new(),
            queues: Queues::default(),
            ledger: Ledger::default(),
            last_id: None,
            octets: 0,
            claims: 0,
            replaying: true,
            freed: Vec::new(),
            last_token: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn job_count(&self) -> usize {
        self.jobs.iter().filter(|(_, job)| !job.ended).count()
    }

    pub fn message(&self, slot: Slot) -> Option<&Message> {
        self.messages.get(slot)
    }

    pub fn job(&self, slot: JobSlot) -> Option<&Job> {
        self.jobs.get(slot)
    }

    /// The message held under `id`.
    pub fn find(&self, id: MessageId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    /// Whether `id` names a message or a body here.
    pub fn knows(&self, id: MessageId) -> bool {
        self.by_id.contains_key(&id) || self.ghosts.contains_key(&id)
    }

    /// A message or ghost.
    pub fn find_any(&self, id: MessageId) -> Option<Slot> {
        self.find(id).or_else(|| self.ghosts.get(&id).copied())
    }

    /// The job, when it has not ended.
    pub fn find_job(&self, message: MessageId, n: u32) -> Option<JobSlot> {
        let slot = self.find(message)?;
        self.jobs_of(slot).find(|(_, job)| job.n == n && !job.ended).map(|(slot, _)| slot)
    }

    /// The jobs of a message, the ended ones too, by number.
    pub fn jobs_of(&self, slot: Slot) -> impl Iterator<Item = (JobSlot, &Job)> {
        let mut next = self.messages.get(slot).map_or(NONE, |message| message.first_job);
        std::iter::from_fn(move || {
            let slot = next;
            let job = self.jobs.get(slot)?;
            next = job.next;
            Some((slot, job))
        })
    }

    /// The messages from `from` on.
    pub fn from(&self, from: MessageId) -> impl Iterator<Item = Slot> {
        self.by_id.range(from..).map(|(_, &slot)| slot)
    }

    pub fn state_of(&self, job: &Job) -> JobState {
        JobState {
            n: job.n,
            queue: self.queues.name(job.queue).as_ref().into(),
            due: job.due,
            held: job.held,
            attempts: job.attempts,
        }
    }

    pub fn is_in_queue(&self, job: &Job, queue: u32) -> bool {
        job.queue == queue
    }

    /// The one that has the body of the message: itself or the one it is shared with.
    pub fn body_of(&self, slot: Slot) -> Option<&Message> {
        let message = self.messages.get(slot)?;
        match message.body {
            BodyAt::Of(root) => self.messages.get(root),
            _ => Some(message),
        }
    }

    pub fn body_len(&self, slot: Slot) -> u64 {
        match self.body_of(slot).map(|message| message.body) {
            Some(BodyAt::Inline(len)) => len.into(),
            Some(BodyAt::Big { len, .. }) => len,
            _ => 0,
        }
    }

    /// The segments that hold a copy of the message.
    pub fn copies(&self, slot: Slot) -> Vec<u32> {
        let Some(message) = self.messages.get(slot) else { return Vec::new() };
        let mut copies = vec![message.place.segment];
        copies.extend(self.stale.get(&message.id).into_iter().flatten());
        copies
    }

    /// A later life of `id` exists: the copy of the former one in `segment` is an outdated one of it.
    pub fn inherit(&mut self, id: MessageId, segment: u32) {
        let stale = self.stale.entry(id).or_default();
        if !stale.contains(&segment) {
            stale.push(segment);
        }
    }

    /// Takes note of a record in `segment`.
    pub fn apply(&mut self, segment: u32, entry: &Entry) {
        let place = Place { segment, offset: entry.offset };
        match &entry.fact {
            Fact::Base { meta_len, body_len, body, jobs } => {
                self.base(entry.id, place, *meta_len, *body_len, *body, jobs);
            }
            Fact::Job(state) => self.set_job(entry.id, state, place),
            Fact::Done(n) => self.end_job(entry.id, *n, place),
            Fact::Delete(copies) => {
                self.ledger.add_tombstone(segment, copies);
                self.delete(entry.id);
            }
        }
    }

    fn base(
        &mut self,
        id: MessageId,
        place: Place,
        meta_len: u32,
        body_len: u32,
        body: BodyRef,
        jobs: &[JobState],
    ) {
        self.last_id = self.last_id.max(Some(id));
        let body = match body {
            BodyRef::Inline => BodyAt::Inline(body_len),
            BodyRef::Big { token, len, .. } => {
                self.last_token = self.last_token.max(token);
                BodyAt::Big { token, len }
            }
            BodyRef::Of(root) => BodyAt::Of(self.share(root)),
        };
        let slot = match self.find_any(id) {
            Some(slot) => {
                self.uproot(slot);
                slot
            }
            None => self.messages.add(Message {
                id,
                place: Place::default(),
                meta_len: 0,
                body: BodyAt::Inline(0),
                refs: 0,
                first_job: NONE,
            }),
        };
        let Some(message) = self.messages.get_mut(slot) else { return };
        (message.place, message.meta_len, message.body) = (place, meta_len, body);
        let weight = weight(message);
        let held = held_octets(message);
        self.ledger.count(place.segment, weight);
        self.octets += held;
        for state in jobs.iter().rev() {
            let queue = self.queues.number(&state.queue);
            let first = self.messages.get(slot).map_or(NONE, |message| message.first_job);
            let job = Job {
                message: slot,
                next: first,
                n: state.n,
                queue,
                due: state.due,
                claim: 0,
                place: Place::default(),
                attempts: state.attempts,
                held: state.held,
                ended: false,
            };
            let standing = job.standing();
            let job = self.jobs.add(job);
            self.queues.enter(job, standing);
            if let Some(message) = self.messages.get_mut(slot) {
                message.first_job = job;
            }
        }
        let (to, from) = if jobs.is_empty() {
            (&mut self.ghosts, &mut self.by_id)
        } else {
            (&mut self.by_id, &mut self.ghosts)
        };
        from.remove(&id);
        to.insert(id, slot);
    }

    /// The body of `root` serves one message more.
    fn share(&mut self, root: MessageId) -> Slot {
        let slot = self.find_any(root);
        let slot = slot.unwrap_or_else(|| {
            // It was moved behind those that share it, and comes later.
            let slot = self.messages.add(Message {
                id: root,
                place: Place::default(),
                meta_len: 0,
                body: BodyAt::Inline(0),
                refs: 0,
                first_job: NONE,
            });
            self.ghosts.insert(root, slot);
            slot
        });
        if let Some(message) = self.messages.get_mut(slot) {
            message.refs += 1;
        }
        slot
    }

    /// Takes a message out of its place and its queues; its copy there is outdated from now on.
    fn uproot(&mut self, slot: Slot) {
        let Some(message) = self.messages.get(slot) else { return };
        let (id, place, body) = (message.id, message.place, message.body);
        let (weight, held) = (weight(message), held_octets(message));
        self.drop_jobs(slot);
        if place.segment != 0 {
            self.ledger.discount(place.segment, weight);
            self.octets -= held;
            self.inherit(id, place.segment);
        }
        if let BodyAt::Of(root) = body {
            self.unshare(root);
        }
    }

    fn unshare(&mut self, root: Slot) {
        let Some(message) = self.messages.get_mut(root) else { return };
        message.refs -= 1;
        if message.refs == 0 && !self.replaying && self.ghosts.get(&message.id) == Some(&root) {
            self.forget(root);
        }
    }

    fn drop_jobs(&mut self, slot: Slot) {
        let Some(message) = self.messages.get_mut(slot) else { return };
        let mut next = std::mem::replace(&mut message.first_job, NONE);
        while let Some(job) = self.jobs.take(next) {
            if !job.ended {
                self.queues.leave(next, job.standing());
                self.queues.tidy(job.queue);
            }
            if job.place.segment != 0 {
                self.ledger.discount(job.place.segment, JOB_OCTETS);
            }
            next = job.next;
        }
    }

    fn set_job(&mut self, id: MessageId, state: &JobState, place: Place) {
        let Some(slot) = self.find_job(id, state.n) else { return };
        let queue = self.queues.number(&state.queue);
        let Some(job) = self.jobs.get_mut(slot) else { return };
        let (before, old) = (job.standing(), job.place);
        self.queues.leave(slot, before);
        job.queue = queue;
        job.due = state.due;
        job.held = state.held;
        job.attempts = state.attempts;
        job.claim = 0;
        job.place = place;
        self.queues.enter(slot, job.standing());
        self.queues.tidy(before.queue);
        self.ledger.count(place.segment, JOB_OCTETS);
        if old.segment != 0 {
            self.ledger.discount(old.segment, JOB_OCTETS);
        }
    }

    fn end_job(&mut self, id: MessageId, n: u32, place: Place) {
        let Some(message) = self.find(id) else { return };
        let Some(slot) = self.jobs_of(message).find(|(_, job)| job.n == n).map(|(slot, _)| slot)
        else {
            return;
        };
        let Some(job) = self.jobs.get_mut(slot) else { return };
        let old = job.place;
        if !job.ended {
            let standing = job.standing();
            job.ended = true;
            self.queues.leave(slot, standing);
            self.queues.tidy(standing.queue);
        }
        job.place = place;
        self.ledger.count(place.segment, JOB_OCTETS);
        if old.segment != 0 {
            self.ledger.discount(old.segment, JOB_OCTETS);
        }
    }

    fn delete(&mut self, id: MessageId) {
        let Some(slot) = self.by_id.remove(&id) else { return };
        self.drop_jobs(slot);
        // The message that kept its body may have gone from the log, while those that came to share
        // it through that one are still to be read: nothing is forgotten before the end.
        let needed = self.messages.get(slot).is_some_and(|message| message.refs > 0);
        if needed || self.replaying {
            self.ghosts.insert(id, slot);
        } else {
            self.forget(slot);
        }
    }

    /// The last of a message or ghost that nothing needs.
    fn forget(&mut self, slot: Slot) {
        let Some(message) = self.messages.take(slot) else { return };
        self.ghosts.remove(&message.id);
        self.stale.remove(&message.id);
        if message.place.segment != 0 {
            self.ledger.discount(message.place.segment, weight(&message));
            self.octets -= held_octets(&message);
        }
        match message.body {
            BodyAt::Inline(_) => {}
            BodyAt::Big { token, .. } => self.freed.push(token),
            BodyAt::Of(root) => self.unshare(root),
        }
    }

    /// The compaction has written the message again, with the present state of its jobs.
    pub fn moved(&mut self, slot: Slot, place: Place, meta_len: u32) {
        let Some(message) = self.messages.get_mut(slot) else { return };
        let (id, old, before) = (message.id, message.place, weight(message));
        let held = held_octets(message);
        (message.place, message.meta_len) = (place, meta_len);
        let (after, held_now) = (weight(message), held_octets(message));
        self.octets = self.octets - held + held_now;
        self.ledger.discount(old.segment, before);
        self.ledger.count(place.segment, after);
        let mut link = NONE;
        let mut next = message.first_job;
        self.inherit(id, old.segment);
        while let Some(job) = self.jobs.get_mut(next) {
            let this = next;
            next = job.next;
            if job.place.segment != 0 {
                self.ledger.discount(job.place.segment, JOB_OCTETS);
                job.place = Place::default();
            }
            // An ended job is not part of the new copy, so nothing needs to remember its end.
            if !job.ended {
                link = this;
                continue;
            }
            self.jobs.take(this);
            match self.jobs.get_mut(link) {
                Some(before) => before.next = next,
                None => {
                    if let Some(message) = self.messages.get_mut(slot) {
                        message.first_job = next;
                    }
                }
            }
        }
    }

    /// The record of a job, or of its end, is written again elsewhere.
    pub fn job_moved(&mut self, slot: JobSlot, place: Place) {
        let Some(job) = self.jobs.get_mut(slot) else { return };
        self.ledger.discount(job.place.segment, JOB_OCTETS);
        job.place = place;
        self.ledger.count(place.segment, JOB_OCTETS);
    }

    /// The group that began at `from` in the segment `old` is now in `new`, where it begins at `to`.
    pub fn relocate(&mut self, old: u32, from: u32, new: u32, to: u32) {
        let ledger = &mut self.ledger;
        let mut shift = |place: &mut Place, weight: u64| {
            if place.segment == old && place.offset >= from {
                ledger.discount(old, weight);
                ledger.count(new, weight);
                *place = Place { segment: new, offset: place.offset - from + to };
            }
        };
        for message in self.messages.iter_mut() {
            let weight = weight(message);
            shift(&mut message.place, weight);
        }
        self.jobs.iter_mut().for_each(|job| shift(&mut job.place, JOB_OCTETS));
        // Outdated copies and tombstones of the group: whatever was there may now be in both.
        for copies in self.stale.values_mut().filter(|copies| copies.contains(&old)) {
            if !copies.contains(&new) {
                copies.push(new);
            }
        }
        self.ledger.copy_tombstones(old, new);
    }

    /// Gives the job to a claimant; the number is the claim.
    pub fn claim(&mut self, slot: JobSlot) -> u64 {
        self.claims += 1;
        let claim = self.claims;
        self.set_claim(slot, claim);
        claim
    }

    /// The job is nobody's again.
    pub fn unclaim(&mut self, slot: JobSlot) {
        self.set_claim(slot, 0);
    }

    fn set_claim(&mut self, slot: JobSlot, claim: u64) {
        if let Some(job) = self.jobs.get_mut(slot) {
            self.queues.leave(slot, job.standing());
            job.claim = claim;
            self.queues.enter(slot, job.standing());
        }
    }

    /// Takes these claims back, where they still stand.
    pub fn unclaim_all(&mut self, claims: &[u64]) {
        let stands = |(_, job): &(JobSlot, &Job)| job.claim != 0 && claims.contains(&job.claim);
        let slots: Vec<_> = self.jobs.iter().filter(stands).map(|(slot, _)| slot).collect();
        slots.into_iter().for_each(|slot| self.unclaim(slot));
    }

    /// Keeps a claimed job whose record cannot be read from being tried, until the next start.
    pub fn hold_damaged(&mut self, slot: JobSlot, claim: u64) {
        if let Some(job) = self.jobs.get_mut(slot).filter(|job| job.claim == claim) {
            self.queues.leave(slot, job.standing());
            (job.claim, job.held) = (0, true);
            self.queues.enter(slot, job.standing());
        }
    }

    /// A segment is gone for good.
    pub fn segment_gone(&mut self, segment: u32) {
        self.ledger.remove(segment);
        self.stale.retain(|_, copies| {
            copies.retain(|copy| *copy != segment);
            !copies.is_empty()
        });
    }

    /// The log is read. Gives the messages whose bodies were nowhere in it.
    pub fn end_replay(&mut self) -> Vec<MessageId> {
        self.replaying = false;
        let idle = |slot: &&Slot| self.messages.get(**slot).is_some_and(|found| found.refs == 0);
        let idle: Vec<_> = self.ghosts.values().filter(idle).copied().collect();
        idle.into_iter().for_each(|slot| self.forget(slot));
        // Those files went in the life that freed them, or go as orphans.
        self.freed.clear();
        let lost =
            |slot: &Slot| self.messages.get(*slot).filter(|message| message.place.segment == 0);
        self.ghosts.values().filter_map(lost).map(|message| message.id).collect()
    }

    /// Who has a large body, and its file.
    pub fn big_bodies(&self) -> impl Iterator<Item = (Slot, u64)> {
        self.messages.iter().filter_map(|(slot, message)| match message.body {
            BodyAt::Big { token, .. } => Some((slot, token)),
            _ => None,
        })
    }

    /// The files of large bodies that are needed.
    pub fn tokens(&self) -> std::collections::BTreeSet<u64> {
        self.big_bodies().map(|(_, token)| token).collect()
    }
}

/// Octets of the message's record.
fn weight(message: &Message) -> u64 {
    let inline = if let BodyAt::Inline(len) = message.body { len } else { 0 };
    record_len(message.meta_len, inline)
}

/// Octets that the message takes from the limit.
fn held_octets(message: &Message) -> u64 {
    match message.body {
        BodyAt::Big { len, .. } => weight(message) + len,
        _ => weight(message),
    }
}
