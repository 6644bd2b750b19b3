//! The jobs in hand: which wait for which next hop, and who works for it.
//!
//! A destination is a queue of the spool that has work in memory or a failure to remember. While it
//! is known to be dead, one worker probes it when its pause is over, and every other job that falls
//! due meanwhile takes the failure that is known instead of dialling again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use mail::TlsFacts;
use parking_lot::Mutex;
use queue::fate::Said;
use queue::record::{HeadEdits, Stored};
use queue::schedule::{Destination as BackOff, Gate, Schedule};
use spool::{Fence, JobId};
use tokio::sync::Notify;

/// Jobs in memory at most, over all destinations.
const JOBS: usize = 10_000;
/// Jobs in memory at most for one destination, so that a big list leaves room for others.
const JOBS_EACH: usize = 2_000;
/// Destinations remembered without work, so that a spray of dead domains has a bound.
const REMEMBERED: usize = 50_000;

/// Content of a letter kept from reception to its first attempt, counted against a budget.
pub(crate) struct HotBody {
    pub(crate) octets: Bytes,
    budget: Arc<AtomicU64>,
}

impl HotBody {
    /// Keeps `octets` if the budget (octets) has room for them.
    pub(crate) fn keep(octets: Bytes, budget: &Arc<AtomicU64>) -> Option<Arc<Self>> {
        let len = octets.len() as u64;
        let taken =
            budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(len));
        taken.is_ok().then(|| Arc::new(Self { octets, budget: budget.clone() }))
    }
}

impl Drop for HotBody {
    fn drop(&mut self) {
        self.budget.fetch_add(self.octets.len() as u64, Ordering::Relaxed);
    }
}

/// How an attempt ended for a recipient, and with whom.
#[derive(Clone)]
pub(crate) struct Ending {
    pub(crate) said: Said,
    /// `host [address]:port`, where somebody was talked to.
    pub(crate) remote: Option<String>,
    /// How the connection was secured.
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// Why it was secured so, or was to be.
    pub(crate) policy: Option<Arc<str>>,
}

impl Ending {
    /// An ending that no other host had a part in.
    pub(crate) fn here(said: Said) -> Self {
        Self { said, remote: None, tls: None, policy: None }
    }
}

/// A claimed job with all that an attempt needs.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) fence: Fence,
    pub(crate) queue: Arc<str>,
    pub(crate) attempts: u32,
    pub(crate) stored: Arc<Stored>,
    pub(crate) head: Arc<HeadEdits>,
    pub(crate) body_len: u64,
    pub(crate) hot: Option<Arc<HotBody>>,
    /// An operator has chosen its next hop: no rule is asked again.
    pub(crate) forced: bool,
    /// Recipients not finished yet, each with the record of its last attempt.
    pub(crate) open: Vec<(u32, Bytes)>,
}

impl Job {
    /// The same result for every open recipient.
    pub(crate) fn everyone(&self, ending: &Ending) -> Vec<(u32, Ending)> {
        self.open.iter().map(|(number, _)| (*number, ending.clone())).collect()
    }
}

/// How many jobs that came before one more step of priority overtakes (RFC 6710). So urgent mail goes
/// first, and what has waited long enough is not overtaken any more.
const OVERTAKES: i64 = 100;

/// A job in line.
struct Waiting {
    /// The lowest is next.
    turn: i64,
    job: Job,
}

#[derive(Default)]
struct Destination {
    /// In the order of their turns.
    waiting: VecDeque<Waiting>,
    /// The turn of the next job that comes.
    next_turn: i64,
    workers: usize,
    idle: usize,
    wake: Arc<Notify>,
    back_off: BackOff,
    failure: Option<Ending>,
    /// One worker tries whether it is still dead; the others leave it the field.
    probing: bool,
    /// Sessions that are open.
    sessions: usize,
    /// Workers at most, where the destination takes fewer connections than we would make.
    limit: Option<usize>,
}

impl Destination {
    /// Puts `job` in line. Nearly all mail is of one priority, and goes to the end of it.
    fn queue_up(&mut self, job: Job) {
        let priority = job.stored.parameters.priority.unwrap_or(0);
        let turn = self.next_turn - i64::from(priority) * OVERTAKES;
        self.next_turn += 1;
        let at = match self.waiting.back() {
            Some(last) if last.turn > turn => {
                self.waiting.partition_point(|before| before.turn <= turn)
            }
            _ => self.waiting.len(),
        };
        self.waiting.insert(at, Waiting { turn, job });
    }

    fn is_healthy(&self) -> bool {
        self.back_off.fails() == 0
    }

    fn is_forgettable(&self) -> bool {
        self.waiting.is_empty() && self.workers == 0 && self.sessions == 0
    }

    /// The probe is over; what it found is told by `alive` or `dead`, or it found nothing.
    fn end_probe(&mut self) {
        if std::mem::take(&mut self.probing) {
            self.back_off.forget_probe();
        }
    }

    fn leave(&mut self) {
        self.workers = self.workers.saturating_sub(1);
        if self.workers == 0 {
            self.limit = None;
        }
    }
}

/// What a worker does next.
pub(crate) enum Work {
    /// Try this job.
    Try(Job),
    /// The destination is known to be dead until that moment: this job takes the failure as its own.
    Adopt(Job, Box<Ending>, SystemTime),
    /// Nothing waits; this wakes when something does.
    Idle(Arc<Notify>),
    /// Another worker probes a dead destination and sees to what waits: this one has ended.
    Leave,
}

/// The queues that want another worker. Counted as workers already.
#[derive(Default)]
struct Hiring {
    queues: Vec<Arc<str>>,
    closed: bool,
}

/// The jobs in hand.
pub(crate) struct Dispatcher {
    destinations: Mutex<BTreeMap<Arc<str>, Destination>>,
    /// Queues whose host has called for its mail, and by how many connections.
    reserved: Mutex<BTreeMap<String, usize>>,
    hiring: Mutex<Hiring>,
    /// Told when a queue wants another worker.
    pub(crate) work: Notify,
    jobs: AtomicU64,
    connections: AtomicUsize,
    /// Told when room for more jobs came about.
    pub(crate) room: Notify,
}

impl Dispatcher {
    /// A dispatcher with at most `connections` workers for each destination.
    pub(crate) fn new(connections: usize) -> Self {
        Self {
            destinations: Mutex::default(),
            reserved: Mutex::default(),
            hiring: Mutex::default(),
            work: Notify::new(),
            jobs: AtomicU64::new(0),
            connections: AtomicUsize::new(connections.max(1)),
            room: Notify::new(),
        }
    }

    /// Whether new jobs may be kept in hand at all.
    pub(crate) fn has_room(&self) -> bool {
        (self.jobs.load(Ordering::Relaxed) as usize) < JOBS
    }

    /// How many jobs there is room for.
    pub(crate) fn room_left(&self) -> usize {
        JOBS.saturating_sub(self.jobs.load(Ordering::Relaxed) as usize)
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

    /// Other options have come. Workers that are at work stay.
    pub(crate) fn set_connections(&self, connections: usize) {
        self.connections.store(connections.max(1), Ordering::Relaxed);
    }

    /// Takes `job` out of the line at `queue`, where it waits there: nobody tries it then.
    pub(crate) fn take_out(&self, job: JobId, queue: &str) -> Option<Job> {
        let mut destinations = self.destinations.lock();
        let waiting = &mut destinations.get_mut(queue)?.waiting;
        let place = waiting.iter().position(|waiting| waiting.job.id == job)?;
        let taken = waiting.remove(place)?;
        self.jobs.fetch_sub(1, Ordering::Relaxed);
        self.room.notify_one();
        Some(taken.job)
    }

    /// How many more jobs of `queue`, a name in the spool, may be taken in hand.
    pub(crate) fn quota(&self, queue: &str) -> usize {
        let queue = crate::reroute::bare(queue);
        if self.reserved.lock().contains_key(queue) {
            return 0;
        }
        let destinations = self.destinations.lock();
        let waiting = destinations.get(queue).map_or(0, |destination| destination.waiting.len());
        JOBS_EACH.saturating_sub(waiting)
    }

    /// Takes `job` in hand, and asks for a worker where there are too few.
    pub(crate) fn push(&self, job: Job) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        let queue = job.queue.clone();
        let mut destinations = self.destinations.lock();
        if destinations.len() >= REMEMBERED && !destinations.contains_key(&job.queue) {
            destinations.retain(|_, destination| !destination.is_forgettable());
        }
        let destination = destinations.entry(job.queue.clone()).or_default();
        destination.queue_up(job);
        if destination.idle > 0 {
            destination.wake.notify_one();
        }
        let most = match destination.is_healthy() {
            true => destination.limit.unwrap_or(self.connections.load(Ordering::Relaxed)),
            false => 1,
        };
        if destination.waiting.len() > destination.idle && destination.workers < most {
            let mut hiring = self.hiring.lock();
            if !hiring.closed {
                destination.workers += 1;
                hiring.queues.push(queue);
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

    /// The next thing to do for `queue`, asked by one of its workers.
    pub(crate) fn next(&self, queue: &str, now: SystemTime) -> Work {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.get_mut(queue) else {
            return Work::Idle(Arc::new(Notify::new()));
        };
        if destination.probing {
            destination.leave();
            return Work::Leave;
        }
        let Some(Waiting { job, .. }) = destination.waiting.pop_front() else {
            destination.idle += 1;
            return Work::Idle(destination.wake.clone());
        };
        let left = self.jobs.fetch_sub(1, Ordering::Relaxed) as usize;
        if destination.waiting.len() == JOBS_EACH / 2 || left == JOBS / 2 {
            self.room.notify_one();
        }
        match (destination.back_off.gate(now), &destination.failure) {
            (Gate::Closed { until, .. }, Some(failure)) => {
                Work::Adopt(job, Box::new(failure.clone()), until)
            }
            (Gate::Probe, _) => {
                destination.back_off.probe(now);
                destination.probing = true;
                Work::Try(job)
            }
            (Gate::Open | Gate::Closed { .. }, _) => Work::Try(job),
        }
    }

    /// A worker is no longer idle.
    pub(crate) fn woke(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().get_mut(queue) {
            destination.idle = destination.idle.saturating_sub(1);
        }
    }

    /// The job that [`next`](Self::next) gave has been tried, or was not tried at all.
    pub(crate) fn tried(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().get_mut(queue) {
            destination.end_probe();
        }
    }

    /// An awake worker wants to end. False: there is work again, it must stay.
    pub(crate) fn retire(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.get_mut(queue) else { return true };
        if !destination.waiting.is_empty() {
            return false;
        }
        destination.leave();
        forget(&mut destinations, queue);
        true
    }

    /// A worker ends although work may wait: the host is going down.
    pub(crate) fn abandon(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().get_mut(queue) {
            destination.leave();
        }
    }

    /// A worker has panicked. True: the caller must start another in its place.
    pub(crate) fn fell(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.get_mut(queue) else { return false };
        destination.end_probe();
        if destination.waiting.is_empty() {
            destination.leave();
            return false;
        }
        true
    }

    /// A session was opened.
    pub(crate) fn session_opened(&self, queue: &str) {
        if let Some(destination) = self.destinations.lock().get_mut(queue) {
            destination.sessions += 1;
        }
    }

    /// A session has ended.
    pub(crate) fn session_closed(&self, queue: &str) {
        let mut destinations = self.destinations.lock();
        if let Some(destination) = destinations.get_mut(queue) {
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
        destinations.get(queue).is_some_and(crowded)
    }

    /// A worker found no place at a crowded destination: its job goes back to the head of the line,
    /// and one worker less is kept from here on. False: it is the last one, and must stay.
    pub(crate) fn give_back(&self, job: Job) -> bool {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        let mut destinations = self.destinations.lock();
        let destination = destinations.entry(job.queue.clone()).or_default();
        let turn = destination.waiting.front().map_or(destination.next_turn, |first| first.turn);
        destination.waiting.push_front(Waiting { turn, job });
        if destination.idle > 0 {
            destination.wake.notify_one();
        }
        let others = destination.workers.saturating_sub(1);
        if others > 0 {
            destination.limit = Some(others);
            destination.leave();
        }
        others > 0
    }

    /// The destination answered. True: it was thought dead, so its deferred jobs may go now.
    pub(crate) fn alive(&self, queue: &str) -> bool {
        let mut destinations = self.destinations.lock();
        let Some(destination) = destinations.get_mut(queue) else { return false };
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
        let mut destinations = self.destinations.lock();
        match queue {
            Some(queue) => {
                destinations.get_mut(queue).into_iter().for_each(|it| it.back_off.wake(now));
            }
            None => destinations.values_mut().for_each(|it| it.back_off.wake(now)),
        }
    }

    /// The destination did not answer; `failure` says how.
    pub(crate) fn dead(
        &self,
        queue: &str,
        failure: Ending,
        what: &str,
        schedule: &Schedule,
        now: SystemTime,
        chance: u64,
    ) {
        let mut destinations = self.destinations.lock();
        let destination = destinations.entry(queue.into()).or_default();
        destination.back_off.failure(schedule, what, now, chance);
        destination.probing = false;
        destination.failure = Some(failure);
    }

    /// Jobs that wait for a worker.
    pub(crate) fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed)
    }

    /// Whether workers are at work.
    pub(crate) fn workers(&self) -> usize {
        self.destinations.lock().values().map(|destination| destination.workers).sum()
    }
}

/// Forgets a destination of which nothing is left to know.
fn forget(destinations: &mut BTreeMap<Arc<str>, Destination>, queue: &str) {
    let known = destinations.get(queue);
    if known.is_some_and(|known| known.is_forgettable() && known.is_healthy()) {
        destinations.remove(queue);
    }
}
