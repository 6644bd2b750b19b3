//! Queues by name, and what is due in each: the part of the index that the scheduler asks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;
use std::task::Waker;

/// A job in the index.
pub(crate) type JobSlot = u32;

struct Queue {
    name: Arc<str>,
    jobs: u64,
    held: u64,
    claimed: u64,
    /// Neither held nor claimed, by due time.
    ready: BTreeSet<(u64, JobSlot)>,
}

/// How a job stands in its queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    pub queue: u32,
    pub due: u64,
    pub held: bool,
    pub claimed: bool,
}

/// All queues that have jobs.
#[derive(Default)]
pub(crate) struct Queues {
    queues: Vec<Option<Queue>>,
    free: Vec<u32>,
    names: BTreeMap<Arc<str>, u32>,
    /// The first ready job of each queue that has one.
    fronts: BTreeSet<(u64, u32)>,
    moved: bool,
    wakers: Vec<Waker>,
}

/// One queue in numbers.
pub(crate) struct Numbers {
    pub name: Arc<str>,
    pub jobs: u64,
    pub held: u64,
    pub claimed: u64,
    pub next_due: Option<u64>,
}

impl Queues {
    /// The number of the queue `name`, which may be new.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let name: Arc<str> = name.into();
        let queue =
            Queue { name: Arc::clone(&name), jobs: 0, held: 0, claimed: 0, ready: BTreeSet::new() };
        let number = self.free.pop().unwrap_or(self.queues.len() as u32);
        match self.queues.get_mut(number as usize) {
            Some(place) => *place = Some(queue),
            None => self.queues.push(Some(queue)),
        }
        self.names.insert(name, number);
        number
    }

    pub fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub fn name(&self, number: u32) -> Arc<str> {
        let queue = self.queues.get(number as usize).and_then(Option::as_ref);
        queue.map_or_else(|| "".into(), |queue| Arc::clone(&queue.name))
    }

    /// A job enters with this standing.
    pub fn enter(&mut self, job: JobSlot, standing: Standing) {
        let Some(queue) = self.queues.get_mut(standing.queue as usize).and_then(Option::as_mut)
        else {
            return;
        };
        queue.jobs += 1;
        queue.held += u64::from(standing.held);
        queue.claimed += u64::from(standing.claimed);
        if standing.held || standing.claimed {
            return;
        }
        let before = queue.ready.first().copied();
        queue.ready.insert((standing.due, job));
        if before.is_none_or(|(due, _)| standing.due < due) {
            if let Some((due, _)) = before {
                self.fronts.remove(&(due, standing.queue));
            }
            self.fronts.insert((standing.due, standing.queue));
            self.moved = true;
            self.wakers.drain(..).for_each(Waker::wake);
        }
    }

    /// The job leaves, whose standing was this.
    pub fn leave(&mut self, job: JobSlot, standing: Standing) {
        let Some(place) = self.queues.get_mut(standing.queue as usize) else { return };
        let Some(queue) = place.as_mut() else { return };
        queue.jobs -= 1;
        queue.held -= u64::from(standing.held);
        queue.claimed -= u64::from(standing.claimed);
        if !standing.held && !standing.claimed {
            let before = queue.ready.first().copied();
            queue.ready.remove(&(standing.due, job));
            let after = queue.ready.first().copied();
            if before.map(|(due, _)| due) != after.map(|(due, _)| due) {
                if let Some((due, _)) = before {
                    self.fronts.remove(&(due, standing.queue));
                }
                if let Some((due, _)) = after {
                    self.fronts.insert((due, standing.queue));
                }
            }
        }
    }

    /// Forgets the queue when it is empty. Not part of [`leave`](Self::leave): a job may come back
    /// at once.
    pub fn tidy(&mut self, number: u32) {
        let Some(place) = self.queues.get_mut(number as usize) else { return };
        if let Some(queue) = place.take_if(|queue| queue.jobs == 0) {
            self.names.remove(&queue.name);
            self.free.push(number);
        }
    }

    /// The jobs due at `now`, earliest first, at most `max` and of each queue what `quota` says.
    pub fn due(&self, now: u64, max: usize, quota: impl Fn(&str) -> usize) -> Vec<JobSlot> {
        let mut found = Vec::new();
        let mut fronts = self.fronts.range(..=(now, u32::MAX)).peekable();
        // The next job of each queue that was asked for, with what is left of its quota.
        let mut open: BinaryHeap<Reverse<(u64, JobSlot, u32, usize)>> = BinaryHeap::new();
        while found.len() < max {
            let next_open = open.peek().map(|Reverse((due, ..))| *due);
            let next_front = fronts.peek().map(|(due, _)| *due);
            match (next_open, next_front) {
                (None, None) => break,
                (Some(due), Some(front)) if due <= front => {}
                (Some(_), None) => {}
                _ => {
                    if let Some(&(_, number)) = fronts.next()
                        && let Some(queue) =
                            self.queues.get(number as usize).and_then(Option::as_ref)
                        && let left @ 1.. = quota(&queue.name)
                        && let Some(&(due, job)) = queue.ready.first()
                    {
                        open.push(Reverse((due, job, number, left)));
                    }
                    continue;
                }
            }
            let Some(Reverse((due, job, number, left))) = open.pop() else { break };
            found.push(job);
            let queue = self.queues.get(number as usize).and_then(Option::as_ref);
            let behind = (Bound::Excluded((due, job)), Bound::Included((now, JobSlot::MAX)));
            if left > 1
                && let Some(queue) = queue
                && (due, job) < (now, JobSlot::MAX)
                && let Some(&(due, job)) = queue.ready.range(behind).next()
            {
                open.push(Reverse((due, job, number, left - 1)));
            }
        }
        found
    }

    /// The earliest due time; takes the sign of [`poll_moved`](Self::poll_moved) away.
    pub fn next_due(&mut self) -> Option<u64> {
        self.moved = false;
        self.fronts.first().map(|(due, _)| *due)
    }

    /// Whether a front has moved since; if not, `waker` is woken when one does.
    pub fn poll_moved(&mut self, waker: &Waker) -> bool {
        if !self.moved {
            self.wakers.retain(|known| !known.will_wake(waker));
            self.wakers.push(waker.clone());
        }
        self.moved
    }

    /// The queues behind `after` by name.
    pub fn list(&self, after: Option<&str>, limit: usize) -> Vec<Numbers> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let numbers = self.names.range::<str, _>((from, Bound::Unbounded));
        let queues = numbers.filter_map(|(_, &number)| self.queues.get(number as usize)?.as_ref());
        let used = queues.filter(|queue| queue.jobs > 0);
        let row = |queue: &Queue| Numbers {
            name: Arc::clone(&queue.name),
            jobs: queue.jobs,
            held: queue.held,
            claimed: queue.claimed,
            next_due: queue.ready.first().map(|(due, _)| *due),
        };
        used.take(limit).map(row).collect()
    }
}
