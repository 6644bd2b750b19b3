//! Hosts that do not answer, remembered over all destinations and letters (RFC 5321 §4.5.4.1: "keep a
//! list of hosts it cannot reach").
//!
//! A destination that does not answer at all is known by its [`Destination`](super::Destination). This
//! is about one host of several: a first exchanger or smarthost that swallows what it is sent costs
//! each new connection the whole time that a call may take, although the second one works. Here it
//! costs one call a pause; all others ask the host last, after those that may answer at once, so nothing
//! is ever left untried.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::words;
use crate::reason::Reason;

/// How long a silent host is asked last, at first and at most. Longer than a host takes to start
/// again would keep its mail from it in vain.
const PAUSE: Duration = Duration::from_secs(5 * 60);
const PAUSE_MAX: Duration = Duration::from_secs(30 * 60);
/// A call that asks whether it is there again, until it is taken for lost: to connect and to be
/// greeted takes less.
const CALL: Duration = Duration::from_secs(6 * 60);
/// What is known so long after its pause is over tells nothing any more.
const STALE: Duration = Duration::from_secs(3600);
/// Hosts remembered, so that a spray of dead ones has a bound; one forgotten costs one call.
const HOSTS_MAX: usize = 10_000;

/// An address that is called, and from where: what one of our addresses cannot reach another may.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Line {
    /// Ours; none: the system's choice.
    pub from: Option<IpAddr>,
    /// Theirs.
    pub to: SocketAddr,
}

/// The silent hosts. A plain value that may be forgotten at any time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SilentHosts {
    known: BTreeMap<Line, Silence>,
    /// When those that are over were last looked for.
    swept: Option<Instant>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Silence {
    since: Instant,
    until: Instant,
    calls: u32,
    /// One call is under way to see whether it is there again.
    is_called: bool,
    what: String,
}

impl SilentHosts {
    /// Whether it may be called in its turn at `now`. Where its pause is over the first who asks may,
    /// and is expected to say what came of it.
    ///
    /// # Errors
    /// Why it is to be asked last.
    pub fn call(&mut self, line: Line, now: Instant) -> Result<(), Reason> {
        let Some(silence) = self.known.get_mut(&line) else { return Ok(()) };
        if now < silence.until {
            return Err(silence.reason(now));
        }
        if now.duration_since(silence.until) >= STALE {
            self.known.remove(&line);
            return Ok(());
        }
        silence.until = now + CALL;
        silence.is_called = true;
        Ok(())
    }

    /// It did not answer a call; `what` says how. Calls that end together are one event.
    pub fn silent(&mut self, line: Line, what: &str, now: Instant) {
        if let Some(silence) = self.known.get_mut(&line) {
            if silence.is_called || now >= silence.until {
                silence.calls = silence.calls.saturating_add(1);
                silence.rest(what, now);
            }
            return;
        }
        if self.known.len() >= HOSTS_MAX {
            self.make_room(now);
        }
        let mut silence =
            Silence { since: now, until: now, calls: 1, is_called: false, what: String::new() };
        silence.rest(what, now);
        self.known.insert(line, silence);
    }

    /// Makes room for one more. All are looked at once a pause at most.
    fn make_room(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= PAUSE) {
            self.known.retain(|_, silence| now < silence.until);
            self.swept = Some(now);
        }
        if self.known.len() >= HOSTS_MAX {
            self.known.pop_first();
        }
    }

    /// It answered, whatever it said.
    pub fn answered(&mut self, line: Line) {
        // Nearly always there is nothing to forget.
        if !self.known.is_empty() {
            self.known.remove(&line);
        }
    }

    /// Somebody who should know says that hosts may be there again: all are called in their turn.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// Those that are asked last now, each with why.
    pub fn reasons(&self, now: Instant) -> Vec<(Line, Reason)> {
        let silent = self.known.iter().filter(|(_, silence)| now < silence.until);
        silent.map(|(line, silence)| (*line, silence.reason(now))).collect()
    }
}

impl Silence {
    fn rest(&mut self, what: &str, now: Instant) {
        let doubled = 1_u32.checked_shl(self.calls.saturating_sub(1)).unwrap_or(u32::MAX);
        self.until = now + PAUSE.saturating_mul(doubled.max(1)).min(PAUSE_MAX);
        self.is_called = false;
        self.what = crate::record::cut(what, 200).to_owned();
    }

    fn reason(&self, now: Instant) -> Reason {
        let since = words(now.saturating_duration_since(self.since));
        let calls = if self.calls == 1 { "call" } else { "calls" };
        let then = match self.is_called {
            true => "it is being called again".to_owned(),
            false => format!("it is called again in {}", words(self.until - now)),
        };
        let Self { calls: count, what, .. } = self;
        Reason::new(format!("silent for {since} ({count} {calls}, last: {what}); {then}"))
    }
}
