//! The jobs in hand: which wait for which next hop, and who works for it.
//!
//! A destination is a queue of the spool that has work in memory or a failure to remember. While it
//! is known to be dead, one worker probes it when its pause is over, and every other job that falls
//! due meanwhile takes the failure that is known instead of dialling again.
//!
//! No destination is in the way of another. Each may have half as many jobs in hand as there is room
//! for others ([`JOBS`]), so that however many are slow, there is room left; and of one destination
//! no sender may have more in hand than there is room left for other senders. What finds no room
//! waits in the spool and is claimed, earliest first, as room comes about.

mod destination;
mod job;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::{Mutex, RwLock};
use queue::reason::Reason;
use queue::schedule::crowd::Went;
use queue::schedule::limits::LimitTable;
use queue::schedule::line::{Lane, Ticket};
use queue::schedule::{Gate, Hint, Schedule};
use spool::JobId;
use tokio::sync::Notify;

use crate::doors::Clock;
use destination::Destination;
pub(crate) use job::{Ending, HotBody, Job};

/// Jobs in memory at most, over all destinations.
const JOBS: usize = 10_000;
/// Jobs of one destination in memory at most; what is claimed from the spool fills half of it, so
/// that a letter which comes just now finds room beside a backlog.
const JOBS_EACH: usize = 4_000;
const CLAIMED_EACH: usize = 2_000;
/// Destinations remembered without work, so that a spray of dead domains has a bound.
const REMEMBERED: usize = 50_000;

/// What a worker does next.
pub(crate) enum Work {
    /// Try this job.
    Try(Job),
    /// The destination is known to be dead until that moment: this job takes the failure as its own.
    Adopt(Job, Box<Ending>, SystemTime),
    /// Nothing may be tried now; this wakes when something may.
    Idle(Arc<Notify>),
    /// Fewer workers are wanted, or another one probes a dead destination and sees to what waits:
    /// this one says goodbye, and that it has [`left`](Dispatcher::left).
    Leave,
}

/// The queues that want another worker. Counted as workers already.
#[derive(Default)]
struct Hiring {
    queues: Vec<Arc<str>>,
    closed: bool,
}

struct Destinations {
    known: BTreeMap<Arc<str>, Destination>,
    /// How many there must be before those without work are swept.
    sweep_at: usize,
}

/// The jobs in hand.
pub(crate) struct Dispatcher {
    destinations: Mutex<Destinations>,
    /// Queues whose host has called for its mail, and by how many connections.
    reserved: Mutex<BTreeMap<String, usize>>,
    hiring: Mutex<Hiring>,
    /// Queues whose rate is used up, and until when.
    resting: Mutex<BTreeSet<(Instant, Arc<str>)>>,
    /// Told when a queue wants another worker, or begins to rest.
    pub(crate) work: Notify,
    jobs: AtomicU64,
    limits: RwLock<Arc<LimitTable>>,
    clock: Arc<dyn Clock>,
    /// Told when room for more jobs came about.
    pub(crate) room: Notify,
}

impl Dispatcher {
    /// A dispatcher that keeps to `limits`.
    pub(crate) fn new(limits: LimitTable, clock: Arc<dyn Clock>) -> Self {
        Self {
            destinations: Mutex::new(Destinations { known: BTreeMap::new(), sweep_at: REMEMBERED }),
            reserved: Mutex::default(),
            hiring: Mutex::default(),
            resting: Mutex::default(),
            work: Notify::new(),
            jobs: AtomicU64::new(0),
            limits: RwLock::new(Arc::new(limits)),
            clock,
            room: Notify::new(),
        }
    }

    /// Other options have come. A worker that is one too many leaves after its job; a destination
    /// that rests does so to the end of its old time.
    pub(crate) fn set_limits(&self, limits: LimitTable) {
        let limits = Arc::new(limits);
        *self.limits.write() = limits.clone();
        for (queue, destination) in &mut self.destinations.lock().known {
            destination.limits = limits.of_queue(queue).clone();
        }
    }

    /// How many jobs there is room for.
    pub(crate) fn room_left(&self) -> usize {
        JOBS.saturating_sub(self.jobs.load(Ordering::Relaxed) as usize)
    }

    /// How many of the jobs in hand one destination may have, with what is left.
    fn share(&self) -> usize {
        match self.room_left() {
            0 => 0,
            left => (left / 2).max(1),
        }
    }

    /// These queues are somebody else's business until [`open_up`](Self::open_up).
    pub(crate) fn reserve(&self, queues: &[String]) {
        let mut reserved = self.reserved.lock();
        for queue in queues {
            *reserved.entry(queue.clone()).or_default() += 1;
        }
    }

    /// They are ours again.
    pub(crate) fn open_up(&self, queues: &[String]) {
        let mut reserved = self.reserved.lock();
        for queue in queues {
            let count = reserved.get(queue).copied().unwrap_or_default();
            match count {
                0 | 1 => drop(reserved.remove(queue)),
                _ => drop(reserved.insert(queue.clone(), count - 1)),
            }
        }
        drop(reserved);
        self.room.notify_one();
    }

    /// Takes `job` out of the line at `queue`, where it waits there: nobody tries it then.
    pub(crate) fn take_out(&self, job: JobId, queue: &str) -> Option<Job> {
        let mut destinations = self.destinations.lock();
        let taken = destinations.known.get_mut(queue)?.line.take_out(|other| other.id == job)?;
        self.jobs.fetch_sub(1, Ordering::Relaxed);
        self.room.notify_one();
        Some(taken)
    }

    /// How many more jobs of `queue`, a name in the spool, may be claimed from there. When half of
    /// them have gone, [`room`](Self::room) is told.
    pub(crate) fn quota(&self, queue: &str) -> usize {
        let queue = crate::reroute::bare(queue);
        if self.reserved.lock().contains_key(queue) {
            return 0;
        }
        let share = self.share().min(CLAIMED_EACH);
        match self.destinations.lock().known.get_mut(queue) {
            Some(destination) => {
                destination.low = Some(share / 2);
                share.saturating_sub(destination.line.len())
            }
            None => share,
        }
    }

    /// Whether a new message of that sender for `queue` may be tried at once, without its turn in
    /// the spool.
    pub(crate) fn takes(&self, queue: &str, lane: Lane) -> bool {
        if self.reserved.lock().contains_key(queue) {
            return false;
        }
        let share = self.share().min(JOBS_EACH);
        let destinations = self.destinations.lock();
        let Some(destination) = destinations.known.get(queue) else { return share > 0 };
        let left = share.saturating_sub(destination.line.len());
        destination.line.of_lane(lane) < left
    }

    /// Takes `job` in hand, and asks for a worker where there are too few.
    pub(crate) fn push(&self, job: Job) {
        let ticket = Ticket::of(&job.stored, job.open.len());
        self.jobs.fetch_add(1, Ordering::Relaxed);
        let queue = job.queue.clone();
        let mut destinations = self.destinations.lock();
        let destination = self.destination(&mut destinations, &queue);
        destination.queue_up(job, ticket);
        self.man(&queue, destination);
    }

    /// The destination of that name, which may be new.
    fn destination<'a>(
        &self,
        destinations: &'a mut Destinations,
        queue: &Arc<str>,
    ) -> &'a mut Destination {
        let Destinations { known, sweep_at } = destinations;
        if known.len() >= *sweep_at && !known.contains_key(queue) {
            let now = self.clock.now();
            known.retain(|_, destination| !destination.is_spare(now));
            *sweep_at = REMEMBERED.max(known.len() * 2);
        }
        let new = || Destination::new(self.limits.read().of_queue(queue).clone());
        known.entry(queue.clone()).or_insert_with(new)
    }

    /// Asks for a worker where there are too few.
    fn man(&self, queue: &Arc<str>, destination: &mut Destination) {
        if destination.wants_worker() {
            let mut hiring = self.hiring.lock();
            if !hiring.closed {
                destination.workers += 1;
                hiring.queues.push(queue.clone());
                self.work.notify_one();
            }
        }
    }

    /// The queues that want another worker; the caller starts them all.
    pub(crate) fn hire(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.hiring.lock().queues)
    }

    /// No worker is wanted any more: the host is going down.
    pub(crate) fn close(&self) {
        let queues = {
            let mut hiring = self.hiring.lock();
            hiring.closed = true;
            std::mem::take(&mut hiring.queues)
        };
        queues.iter().for_each(|queue| self.abandon(queue));
    }

    /// Lets the queues go on that have rested long enough. Gives the moment when the next one has.
    pub(crate) fn end_rests(&self) -> Option<Instant> {
        // Nearly always nothing rests.
        self.resting.lock().first()?;
        let now = self.clock.now();
        loop {
            let queue = {
                let mut resting = self.resting.lock();
                match resting.first()? {
                    (until, _) if *until > now => return Some(*until),
                    _ => resting.pop_first()?.1,
                }
            };
            let mut destinations = self.destinations.lock();
            let Some(destination) = destinations.known.get_mut(&queue) else { continue };
            destination.resting = false;
            for _ in 0..destination.idle.min(destination.line.len()) {
                destination.wake.notify_one();
            }
            self.man(&queue, destination);
        }
    }

    /// The next thing to do for `queue`, asked by one of its workers.
    pub(crate) fn next(&self, queue: &Arc<str>, now: SystemTime) -> Work {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.known.get_mut(queue) else {
            return Work::Idle(Arc::new(Notify::new()));
        };
        if destination.probing || destination.is_crowded() {
            destination.leaving += 1;
            return Work::Leave;
        }
        let gate = destination.back_off.gate(now);
        let known = match &gate {
            Gate::Closed { until, .. } => destination.failure.clone().zip(Some(*until)),
            Gate::Open | Gate::Probe => None,
        };
        if known.is_none()
            && !destination.line.is_empty()
            && let Some(until) = destination.rests_until(|| self.clock.now())
        {
            if !std::mem::replace(&mut destination.resting, true) {
                self.resting.lock().insert((until, queue.clone()));
                self.work.notify_one();
            }
            destination.idle += 1;
            return Work::Idle(destination.wake.clone());
        }
        let Some(job) = destination.line.pop() else {
            destination.idle += 1;
            return Work::Idle(destination.wake.clone());
        };
        let left = self.jobs.fetch_sub(1, Ordering::Relaxed) as usize;
        if destination.low.is_some_and(|low| destination.line.len() <= low) || left == JOBS / 2 {
            destination.low = None;
            self.room.notify_one();
        }
        if let Some((failure, until)) = known {
            return Work::Adopt(job, Box::new(failure), until);
        }
        destination.begin(&job, || self.clock.now());
        if gate == Gate::Probe {
            destination.back_off.probe(now);
            destination.probing = true;
        }
        Work::Try(job)
    }

    /// A worker is no longer idle.
    pub(crate) fn woke(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().known.get_mut(queue) {
            destination.idle = destination.idle.saturating_sub(1);
        }
    }

    /// The job that [`next`](Self::next) gave has been tried, and it went like this.
    pub(crate) fn tried(&self, queue: &Arc<str>, went: Went) {
        if let Some(destination) = self.destinations.lock().known.get_mut(queue) {
            destination.end_probe();
            destination.learn(went, || self.clock.now());
            self.man(queue, destination);
        }
    }

    /// An awake worker wants to end. False: there is work again, it must stay.
    pub(crate) fn retire(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.known.get_mut(queue) else { return true };
        if !destination.line.is_empty() && !destination.resting {
            return false;
        }
        destination.leave();
        forget(&mut destinations, queue);
        true
    }

    /// A worker that was told to leave has done so.
    pub(crate) fn left(&self, queue: &Arc<str>) {
        let mut destinations = self.destinations.lock();
        if let Some(destination) = destinations.known.get_mut(queue) {
            destination.leaving = destination.leaving.saturating_sub(1);
            destination.leave();
            if !destination.probing {
                self.man(queue, destination);
            }
        }
        forget(&mut destinations, queue);
    }

    /// A worker ends although work may wait: the host is going down.
    pub(crate) fn abandon(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().known.get_mut(queue) {
            destination.leave();
        }
    }

    /// A worker has panicked. True: the caller must start another in its place.
    pub(crate) fn fell(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.known.get_mut(queue) else { return false };
        destination.end_probe();
        if destination.line.is_empty() {
            destination.leave();
            return false;
        }
        true
    }

    /// A session was opened.
    pub(crate) fn session_opened(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().known.get_mut(queue) {
            destination.sessions += 1;
        }
    }

    /// A session has ended.
    pub(crate) fn session_closed(&self, queue: &str) {
        let mut destinations = self.destinations.lock();
        if let Some(destination) = destinations.known.get_mut(queue) {
            destination.sessions = destination.sessions.saturating_sub(1);
        }
        forget(&mut destinations, queue);
    }

    /// Whether other workers have sessions with the destination: then it is not dead when it takes
    /// no further one.
    pub(crate) fn is_crowded(&self, queue: &str) -> bool {
        let destinations = self.destinations.lock();
        let crowded =
            |destination: &Destination| destination.sessions > 0 && destination.workers > 1;
        destinations.known.get(queue).is_some_and(crowded)
    }

    /// Whether others wait for the destination.
    pub(crate) fn others_wait(&self, queue: &str) -> bool {
        let destinations = self.destinations.lock();
        destinations.known.get(queue).is_some_and(|destination| !destination.line.is_empty())
    }

    /// How many recipients the destination has taken at once when it was offered more.
    pub(crate) fn recipients(&self, queue: &str) -> Option<usize> {
        self.destinations.lock().known.get(queue)?.recipients
    }

    /// It has put off recipients beyond so many (RFC 5321 §4.5.3.1.10).
    pub(crate) fn learn_recipients(&self, queue: &str, taken: usize) {
        if let Some(destination) = self.destinations.lock().known.get_mut(queue) {
            destination.recipients = Some(taken.max(1));
        }
    }

    /// A worker found no place at a crowded destination: its job goes back to the head of the line,
    /// and one worker less is kept for a while. False: it is the last one, and must stay.
    pub(crate) fn give_back(&self, job: Job) -> bool {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        let lane = Ticket::of(&job.stored, job.open.len()).lane;
        let queue = job.queue.clone();
        let mut destinations = self.destinations.lock();
        let destination = self.destination(&mut destinations, &queue);
        destination.line.give_back(job, lane);
        if destination.idle > 0 {
            destination.wake.notify_one();
        }
        let others = destination.workers.saturating_sub(1);
        if others > 0 {
            let most = destination.limits.connections.value;
            destination.crowd.full(others, most, self.clock.now());
            destination.leave();
        }
        others > 0
    }

    /// The destination answered. True: it was thought dead, so its deferred jobs may go now.
    pub(crate) fn alive(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.known.get_mut(queue) else { return false };
        let was_dead = !destination.is_healthy();
        destination.probing = false;
        if was_dead {
            destination.back_off.success();
            destination.failure = None;
        }
        was_dead
    }

    /// The destinations that are thought dead may be tried now: that of `queue`, or all.
    pub(crate) fn wake(&self, queue: Option<&str>, now: SystemTime) {
        let known = &mut self.destinations.lock().known;
        match queue {
            Some(queue) => {
                known.get_mut(queue).into_iter().for_each(|it| it.back_off.wake(now));
            }
            None => known.values_mut().for_each(|it| it.back_off.wake(now)),
        }
    }

    /// The destination did not answer; `failure` says how.
    pub(crate) fn dead(
        &self,
        queue: &Arc<str>,
        failure: Ending,
        schedule: &Schedule,
        now: SystemTime,
        chance: u64,
    ) {
        let what = failure.said.to_string();
        let hint: Option<Hint> = failure.said.hint();
        let mut destinations = self.destinations.lock();
        let destination = self.destination(&mut destinations, queue);
        destination.back_off.failure(schedule, &what, hint.as_ref(), now, chance);
        destination.probing = false;
        destination.failure = Some(failure);
    }

    /// What holds for `queue` just now: the bounds of the operator, and what was learnt.
    pub(crate) fn bears(&self, queue: &str, now: SystemTime) -> Vec<Reason> {
        let moment = self.clock.now();
        match self.destinations.lock().known.get(queue) {
            Some(destination) => destination.reasons(now, moment),
            None => self.limits.read().of_queue(queue).reasons(),
        }
    }

    /// What keeps the jobs of `queue` waiting just now.
    pub(crate) fn waits(&self, queue: &str, now: SystemTime) -> Vec<Reason> {
        let moment = self.clock.now();
        let destinations = self.destinations.lock();
        destinations.known.get(queue).map(|known| known.waits(now, moment)).unwrap_or_default()
    }

    /// Jobs that wait for a worker.
    pub(crate) fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed)
    }

    /// Whether workers are at work.
    pub(crate) fn workers(&self) -> usize {
        self.destinations.lock().known.values().map(|destination| destination.workers).sum()
    }
}

/// Forgets a destination of which nothing is left to know.
fn forget(destinations: &mut Destinations, queue: &str) {
    if destinations.known.get(queue).is_some_and(Destination::is_forgettable) {
        destinations.known.remove(queue);
    }
}
