//! What is known of one destination, over all the messages that wait for it: a host that is down is
//! not asked once per message (RFC 5321 §4.5.4.1).

use std::time::{Duration, SystemTime};

use super::{Hint, Schedule, hinted, later, words};
use crate::reason::Reason;

/// A probe that has not come back after this time is taken for lost: longer than all the waits of
/// one session together in practice.
pub const PROBE_MAX: Duration = Duration::from_secs(3600);

/// The state of one next hop. A plain value; the caller keeps one per queue that has failed, and
/// may forget it at any time, at the price of one try.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Destination {
    fails: u32,
    dead_since: Option<SystemTime>,
    blocked_until: Option<SystemTime>,
    probe_since: Option<SystemTime>,
    last: String,
}

/// Whether a destination may be tried now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Gate {
    /// By all.
    Open,
    /// By one, which calls [`Destination::probe`] first and reports back.
    Probe,
    /// By nobody.
    Closed {
        /// Ask again then.
        until: SystemTime,
        /// Why.
        reason: Reason,
    },
}

impl Destination {
    /// Failures in a row.
    pub fn fails(&self) -> u32 {
        self.fails
    }

    /// The first of them.
    pub fn dead_since(&self) -> Option<SystemTime> {
        self.dead_since
    }

    /// Whether it may be tried at `now`.
    pub fn gate(&self, now: SystemTime) -> Gate {
        let Some(blocked_until) = self.blocked_until else { return Gate::Open };
        if now < blocked_until {
            return self.closed(blocked_until, now);
        }
        match self.probe_since.map(|since| later(since, PROBE_MAX)) {
            Some(lost) if now < lost => self.closed(lost, now),
            _ => Gate::Probe,
        }
    }

    fn closed(&self, until: SystemTime, now: SystemTime) -> Gate {
        let dead = self.dead_since.and_then(|since| now.duration_since(since).ok());
        let text = format!(
            "the destination has not worked for {} ({} tries), last: {}",
            words(dead.unwrap_or_default()),
            self.fails,
            self.last
        );
        Gate::Closed { until, reason: Reason::new(text) }
    }

    /// Somebody who should know says that it may be there again: its pause is over. A probe under
    /// way is left to end.
    pub fn wake(&mut self, now: SystemTime) {
        if let Some(until) = &mut self.blocked_until {
            *until = now.min(*until);
        }
    }

    /// The one try that [`Gate::Probe`] allows begins.
    pub fn probe(&mut self, now: SystemTime) {
        self.probe_since = Some(now);
    }

    /// That try came to nothing that speaks of the destination: the next one may probe.
    pub fn forget_probe(&mut self) {
        self.probe_since = None;
    }

    /// A session was opened: open for all.
    pub fn success(&mut self) {
        *self = Self::default();
    }

    /// No session could be opened, for the reason `what`. Failures of tries that began before the
    /// last one was counted, while the destination is closed already, change nothing: twenty
    /// connections that die together are one event. A host that says how long it will be away is
    /// believed.
    pub fn failure(
        &mut self,
        schedule: &Schedule,
        what: &str,
        hint: Option<&Hint>,
        now: SystemTime,
        chance: u64,
    ) {
        let probing = self.probe_since.take().is_some();
        if !probing && self.blocked_until.is_some_and(|until| now < until) {
            return;
        }
        self.fails = self.fails.saturating_add(1);
        self.dead_since.get_or_insert(now);
        let planned = schedule.pause_with(self.fails, chance);
        let hint = hint.filter(|hint| hint.wait > planned || self.fails <= super::HINTS);
        let pause = hint.map_or(planned, |hint| hinted(hint, chance));
        self.blocked_until = Some(later(now, pause));
        self.last = crate::record::cut(what, 200).to_owned();
    }
}
