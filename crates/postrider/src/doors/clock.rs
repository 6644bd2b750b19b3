//! The host's clock.

use std::time::{Instant, SystemTime};

use engine::doors::Clock;

/// Tells the host's time, and agrees with tokio's timers, which the engine waits with.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
