//! What sessions, the committer and the helpers of one log have in common.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use spool::SpoolError;

use crate::disk::Disk;
use crate::index::Index;
use crate::options::Options;
use crate::receipt::Promise;
use crate::segment::BIG;
use crate::transaction::Step;

/// Requests that may wait for the committer: beyond it callers wait for a place.
pub(crate) const MAX_WAITING: usize = 4096;
/// Octets of transactions that may wait for the committer.
pub(crate) const MAX_WAITING_OCTETS: usize = 64 << 20;

/// What is asked of the committer.
pub(crate) enum Work {
    Commit {
        steps: Vec<Step>,
        relaxed: Option<Duration>,
    },
    /// Compaction of so many octets.
    Maintain(u64),
}

pub(crate) struct Request {
    pub work: Work,
    pub octets: usize,
    pub promise: Promise,
}

/// What waits for the committer.
#[derive(Default)]
pub(crate) struct Inbox {
    pub waiting: VecDeque<Request>,
    pub octets: usize,
    pub blocked: Vec<Waker>,
    pub closed: bool,
}

/// A task for a helper thread.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Tasks for the helper threads.
#[derive(Default)]
pub(crate) struct Tasks {
    pub waiting: VecDeque<Task>,
    pub closed: bool,
}

/// The state of health.
#[derive(Default)]
pub(crate) struct Health {
    /// Nothing is written any more.
    pub down: Option<String>,
    /// The disk has no room for new mail.
    pub no_room: Option<String>,
    /// The reserve of empty segments cannot be filled.
    pub no_segment: Option<String>,
}

pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub options: Options,
    pub uuid: u128,
    /// This life, for fences.
    pub epoch: u64,
    pub index: Mutex<Index>,
    pub inbox: Mutex<Inbox>,
    pub news: Condvar,
    pub tasks: Mutex<Tasks>,
    pub task_news: Condvar,
    pub health: Mutex<Health>,
    pub next_token: AtomicU64,
    pub next_name: AtomicU64,
    /// Empty segments ready for use: names in `log/free`, durable.
    pub free: Mutex<Vec<String>>,
    /// Helper threads are there.
    pub threads: AtomicBool,
}

/// The file of the large body `token`.
pub(crate) fn big_path(token: u64) -> String {
    format!("{BIG}/{:02x}/{token:016x}", token & 0xff)
}

impl Shared {
    /// Does `task` beside the mail path where there are threads, else at once.
    pub fn aside(&self, task: Task) {
        if !self.threads.load(Ordering::Acquire) {
            return task();
        }
        self.tasks.lock().waiting.push_back(task);
        self.task_news.notify_one();
    }

    /// Why no message more is taken; `index` is the index.
    pub fn full(&self, index: &Index, staged: usize) -> Option<String> {
        let options = &self.options;
        if index.len() + staged >= options.max_messages {
            return Some(format!("{} messages are held", options.max_messages));
        }
        if index.octets >= options.max_octets {
            return Some(format!("{} octets are held", options.max_octets));
        }
        let health = self.health.lock();
        health.no_room.clone().or_else(|| health.no_segment.clone())
    }

    pub fn down(&self) -> Option<String> {
        self.health.lock().down.clone()
    }

    /// Looks how much room the disk has.
    pub fn look_at_room(&self) {
        let no_room = match self.disk.space() {
            Err(error) => Some(format!("the free space is not known: {error}")),
            Ok(space) if space.octets < self.options.min_free_octets => {
                Some(format!("{} octets are free on the disk", space.octets))
            }
            Ok(space) if space.files < self.options.min_free_files => {
                Some(format!("{} files can be made on the disk", space.files))
            }
            Ok(_) => None,
        };
        self.health.lock().no_room = no_room;
    }

    pub fn healthy(&self) -> Result<(), SpoolError> {
        if let Some(reason) = self.down() {
            return Err(SpoolError::Unavailable(reason));
        }
        match self.full(&self.index.lock(), 0) {
            Some(reason) => Err(SpoolError::Full(reason)),
            None => Ok(()),
        }
    }

    /// Removes the files of large bodies that nobody needs; one that stays is swept at the next start.
    pub fn remove_bodies(self: &Arc<Self>, tokens: Vec<u64>) {
        if tokens.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        self.aside(Box::new(move || {
            for token in tokens {
                let _ = shared.disk.remove(&big_path(token));
            }
        }));
    }
}
