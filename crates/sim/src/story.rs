//! What happened in a world, in order: every delivery, commit, crash and fault with its moment. Two
//! lives of one seed must tell the same story, so its digest is all that a test compares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Where the digest begins, and what each octet multiplies it with (FNV-1a).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

struct Told {
    start: Instant,
    digest: u64,
    events: u64,
    /// The events in words, where somebody wants to read them.
    lines: Option<Vec<String>>,
}

/// The story of a world. Clones tell the same one.
#[derive(Clone)]
pub struct Story(Arc<Mutex<Told>>);

impl Story {
    /// A story that begins now; with `keep` its events can be read afterwards.
    pub fn new(keep: bool) -> Self {
        let lines = keep.then(Vec::new);
        Self(Arc::new(Mutex::new(Told { start: Instant::now(), digest: BASIS, events: 0, lines })))
    }

    /// The time since it began.
    pub fn now(&self) -> Duration {
        Instant::now() - self.0.lock().start
    }

    /// Something happened now.
    pub fn tell(&self, event: fmt::Arguments<'_>) {
        let now = self.now();
        let line = format!("{:>12.6} {event}", now.as_secs_f64());
        let mut told = self.0.lock();
        told.events += 1;
        for octet in line.bytes() {
            told.digest = (told.digest ^ u64::from(octet)).wrapping_mul(PRIME);
        }
        if let Some(lines) = &mut told.lines {
            lines.push(line);
        }
    }

    /// A number that stands for all events so far, and how many they were.
    pub fn digest(&self) -> (u64, u64) {
        let told = self.0.lock();
        (told.digest, told.events)
    }

    /// The events in words: seconds of the world's time, then what happened.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().lines.clone().unwrap_or_default()
    }
}
