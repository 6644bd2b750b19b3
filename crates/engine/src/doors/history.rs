//! Where the history of letters is kept: written beside the mail, never in its way.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use queue::history::{Entry, Key, keys_of};

use super::Doing;

/// How much of what was said is kept.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Detail {
    /// There is no history.
    Off,
    /// What came of each attempt; no dialogue.
    None,
    /// And the dialogues of attempts that failed.
    #[default]
    Failures,
    /// And all others.
    All,
}

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The octets of entries, the oldest first; of many, the newest.
    pub entries: Vec<Vec<u8>>,
    /// There are more, which are older.
    pub more: bool,
}

/// The history of letters.
pub trait History: Send + Sync {
    /// How much is wanted.
    fn detail(&self) -> Detail;
    /// Takes an entry. It never waits: what finds no room is counted, and the count is told.
    fn append(&self, entry: &Entry<'_>);
    /// The last `limit` entries that have one of `keys`, with all that was appended before.
    fn search<'a>(&'a self, keys: &'a [Key], limit: usize) -> Doing<'a, io::Result<Told>>;
}

/// A history that keeps nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl History for NoHistory {
    fn detail(&self) -> Detail {
        Detail::Off
    }

    fn append(&self, _: &Entry<'_>) {}

    fn search<'a>(&'a self, _: &'a [Key], _: usize) -> Doing<'a, io::Result<Told>> {
        Box::pin(async { Ok(Told::default()) })
    }
}

/// A history in memory, for worlds that end with their process.
#[derive(Debug)]
pub struct MemoryHistory {
    detail: Detail,
    entries: Mutex<Vec<Vec<u8>>>,
    /// Every so many-th entry is lost, for a test of those who read.
    loses: usize,
    appended: AtomicUsize,
}

impl MemoryHistory {
    /// An empty one.
    pub fn new(detail: Detail) -> Self {
        Self { detail, entries: Mutex::default(), loses: 0, appended: AtomicUsize::new(0) }
    }

    /// One that loses every `nth` entry and does not tell.
    pub fn leaky(detail: Detail, nth: usize) -> Self {
        Self { loses: nth, ..Self::new(detail) }
    }

    /// All entries, the oldest first.
    pub fn all(&self) -> Vec<Vec<u8>> {
        self.entries.lock().clone()
    }
}

impl History for MemoryHistory {
    fn detail(&self) -> Detail {
        self.detail
    }

    fn append(&self, entry: &Entry<'_>) {
        let count = self.appended.fetch_add(1, Ordering::Relaxed) + 1;
        if self.loses > 0 && count.is_multiple_of(self.loses) {
            return;
        }
        let mut octets = Vec::new();
        entry.encode(&mut octets);
        self.entries.lock().push(octets);
    }

    fn search<'a>(&'a self, keys: &'a [Key], limit: usize) -> Doing<'a, io::Result<Told>> {
        let has = |entry: &&Vec<u8>| {
            let mut found = false;
            keys_of(entry, |key| found |= keys.contains(&key));
            found
        };
        let entries = self.entries.lock();
        let mut found: Vec<_> = entries.iter().rev().filter(has).take(limit + 1).cloned().collect();
        drop(entries);
        let more = found.len() > limit;
        found.truncate(limit);
        found.reverse();
        Box::pin(async move { Ok(Told { entries: found, more }) })
    }
}
