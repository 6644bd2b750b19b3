//! How much one login may send: letters and recipients an hour, sessions at once.
//!
//! Each rate is a bucket that is full at first and fills again evenly, so that an hour's worth may
//! go at once and no more than that in any hour after.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mail::reply::{Reply, Topic};

use crate::access::Verdict;
use crate::reason::Reason;

/// Logins whose use is remembered; those that have used nothing of late are forgotten first.
pub const LOGINS_MAX: usize = 100_000;

const HOUR: Duration = Duration::from_secs(3600);

/// The bounds; none: no bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rates {
    /// Letters in an hour.
    pub letters: Option<u32>,
    /// Recipients in an hour.
    pub recipients: Option<u32>,
    /// Sessions at once.
    pub sessions: Option<u32>,
}

/// What one login has used.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// When all letters are forgiven.
    letters: Instant,
    /// When all recipients are.
    recipients: Instant,
    sessions: u32,
}

/// What all logins have used.
#[derive(Debug)]
pub struct Quota {
    rates: Rates,
    uses: BTreeMap<String, Use>,
}

/// What is to be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Of {
    Letters,
    Recipients,
}

impl Quota {
    /// Nothing is used yet.
    pub fn new(rates: Rates) -> Self {
        Self { rates, uses: BTreeMap::new() }
    }

    /// Measures by other bounds from now on. What was used counts.
    pub fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
    }

    /// A login has come about in one more session. Where it is accepted [`close`](Self::close) must
    /// follow.
    pub fn open(&mut self, login: &str, now: Instant) -> Verdict<()> {
        let most = self.rates.sessions;
        let used = self.entry(login, now);
        match most {
            Some(most) if used.sessions >= most => {
                let reason = format!("{login} has {most} sessions already");
                let reply = Reply::new(421, Topic(7, 0), "Too many sessions of this login");
                Verdict::Refuse { reply, reason: Reason::new(reason) }
            }
            _ => {
                used.sessions += 1;
                Verdict::Accept { accepted: (), reason: Reason::new("within the sessions allowed") }
            }
        }
    }

    /// A session of this login has ended.
    pub fn close(&mut self, login: &str) {
        if let Some(used) = self.uses.get_mut(&login.to_lowercase()) {
            used.sessions = used.sessions.saturating_sub(1);
        }
    }

    /// One more letter.
    pub fn letter(&mut self, login: &str, now: Instant) -> Verdict<()> {
        self.take(login, Of::Letters, now)
    }

    /// One more recipient.
    pub fn recipient(&mut self, login: &str, now: Instant) -> Verdict<()> {
        self.take(login, Of::Recipients, now)
    }

    fn take(&mut self, login: &str, of: Of, now: Instant) -> Verdict<()> {
        let (rate, what) = match of {
            Of::Letters => (self.rates.letters, "letters"),
            Of::Recipients => (self.rates.recipients, "recipients"),
        };
        let accept = |text| Verdict::Accept { accepted: (), reason: Reason::new(text) };
        let Some(rate) = rate else { return accept("there is no bound") };
        let used = self.entry(login, now);
        let forgiven = match of {
            Of::Letters => &mut used.letters,
            Of::Recipients => &mut used.recipients,
        };
        let next = (*forgiven).max(now) + HOUR / rate.max(1);
        let over = next.saturating_duration_since(now + HOUR);
        if over.is_zero() {
            *forgiven = next;
            return accept("within the rate allowed");
        }
        let wait = over.as_secs().max(1);
        let reason = format!("{login} has sent {rate} {what} in an hour; the next in {wait} s");
        let (code, text) = match of {
            Of::Letters => (450, "Too many letters of this login, try again later"),
            Of::Recipients => (452, "Too many recipients of this login, try again later"),
        };
        Verdict::Refuse { reply: Reply::new(code, Topic(7, 1), text), reason: Reason::new(reason) }
    }

    fn entry(&mut self, login: &str, now: Instant) -> &mut Use {
        if self.uses.len() >= LOGINS_MAX {
            self.uses
                .retain(|_, used| used.sessions > 0 || used.letters > now || used.recipients > now);
        }
        let fresh = Use { letters: now, recipients: now, sessions: 0 };
        self.uses.entry(login.to_lowercase()).or_insert(fresh)
    }
}
