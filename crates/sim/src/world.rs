//! The world: one runtime with a paused clock, one seed, and the doors that open on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use engine::doors::{Clock, Doing, Random, Tasks};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

/// The moment every world begins: 2026-01-05 08:00 UTC, a Monday.
pub const BEGINNING: u64 = 1_767_600_000;

/// A source of chance that gives the same numbers for the same seed (SplitMix64).
#[derive(Clone)]
pub struct Chance(Arc<Mutex<u64>>);

impl Chance {
    /// Chance from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A source of its own, so that what one part of the world draws does not move another.
    pub fn branch(&self) -> Self {
        Self::new(self.next())
    }

    /// A number below `bound`, 0 for a bound of 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True once in `n` on the average; never for 0.
    pub fn once_in(&self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }
}

impl Random for Chance {
    fn next(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The paused clock of the runtime, and a wall clock that began at [`BEGINNING`] and may be set back.
pub struct SimClock {
    start: Instant,
    /// What it read then, since 1970.
    beginning: Duration,
    /// How far the wall clock was set back.
    behind: Mutex<Duration>,
}

impl SimClock {
    /// A clock that reads [`BEGINNING`] now.
    pub fn new() -> Self {
        Self::at(Duration::from_secs(BEGINNING))
    }

    /// A clock that reads this long after 1970 now.
    pub fn at(beginning: Duration) -> Self {
        let start = tokio::time::Instant::now().into_std();
        Self { start, beginning, behind: Mutex::default() }
    }

    /// Sets the wall clock back, as an operator or a time server does.
    pub fn set_back(&self, by: Duration) {
        *self.behind.lock() += by;
    }

    /// How far the wall clock was set back in all.
    pub fn behind(&self) -> Duration {
        *self.behind.lock()
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        let passed = self.now().duration_since(self.start);
        SystemTime::UNIX_EPOCH + self.beginning + passed - self.behind()
    }
}

/// The tasks of one host, held so that a crash can end them between two of their steps.
#[derive(Default)]
pub struct HostTasks {
    running: Mutex<BTreeMap<u64, AbortHandle>>,
    started: Mutex<u64>,
}

impl HostTasks {
    /// Ends every task where it stands.
    pub fn crash(&self) {
        for task in std::mem::take(&mut *self.running.lock()).into_values() {
            task.abort();
        }
    }
}

impl Tasks for HostTasks {
    fn spawn(&self, task: Doing<'static, ()>) {
        let number = {
            let mut started = self.started.lock();
            *started += 1;
            *started
        };
        let mut running = self.running.lock();
        running.retain(|_, task| !task.is_finished());
        running.insert(number, tokio::spawn(task).abort_handle());
    }
}
