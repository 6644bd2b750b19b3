//! When a deferred recipient is tried again, and when not any more (RFC 5321 §4.5.4.1). The
//! moment comes from the caller, chance too.

pub mod crowd;
mod destination;
pub mod hint;
pub mod limits;
pub mod line;
pub mod rank;
pub mod rate;
pub mod silent;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use crate::reason::Reason;

pub use destination::{Destination, Gate, PROBE_MAX};
pub use hint::Hint;
pub use rank::Rank;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The pauses between tries and the ends of patience (`[queue]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// The pauses; the last repeats. Default 10m, 30m, 1h, 2h, 3h. The first is below the 30 minutes
    /// RFC 5321 §4.5.4.1 advises in general, because greylisting hosts want an early second try.
    pub retry: Vec<Duration>,
    /// How far a pause may be longer or shorter, in hundredths. Default 10.
    pub jitter_percent: u8,
    /// The life of a message. Default 5 days, the most RFC 5321 §4.5.4.1 advises.
    pub expire: Duration,
    /// The life of a message with null reverse-path: nobody waits for it. Default 1 day.
    pub expire_null: Duration,
    /// The life of an urgent message. Default 5 days.
    pub expire_urgent: Duration,
    /// The life of a message to many. Default 5 days.
    pub expire_bulk: Duration,
    /// When the sender is told of a delay; none: never. Default 4 hours.
    pub delay_notice: Option<Duration>,
    /// The same for an urgent message.
    pub delay_notice_urgent: Option<Duration>,
    /// The same for a message to many.
    pub delay_notice_bulk: Option<Duration>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            retry: vec![10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR],
            jitter_percent: 10,
            expire: 5 * DAY,
            expire_null: DAY,
            expire_urgent: 5 * DAY,
            expire_bulk: 5 * DAY,
            delay_notice: Some(4 * HOUR),
            delay_notice_urgent: Some(4 * HOUR),
            delay_notice_bulk: Some(4 * HOUR),
        }
    }
}

impl Schedule {
    /// When a message that arrives now is given up.
    pub fn expiry(&self, arrival: SystemTime, rank: Rank) -> SystemTime {
        later(arrival, self.life(rank))
    }

    /// How long a message lives.
    pub fn life(&self, rank: Rank) -> Duration {
        match rank {
            Rank::Report => self.expire_null.min(self.expire),
            Rank::Urgent => self.expire_urgent,
            Rank::Ordinary => self.expire,
            Rank::Bulk => self.expire_bulk,
        }
    }

    /// After what time the sender is told of a delay, if ever.
    pub fn notice(&self, rank: Rank) -> Option<Duration> {
        match rank {
            Rank::Report => None,
            Rank::Urgent => self.delay_notice_urgent,
            Rank::Ordinary => self.delay_notice,
            Rank::Bulk => self.delay_notice_bulk,
        }
    }

    /// When a message that arrives now is tried as long as every try fails, jitter and what hosts
    /// ask for aside; the first is `arrival` itself, and after the last it is given up. At most
    /// `most` moments.
    pub fn tries(&self, arrival: SystemTime, rank: Rank, most: usize) -> Vec<SystemTime> {
        let steady = Self { jitter_percent: 0, ..self.clone() };
        let expire = steady.expiry(arrival, rank);
        let (mut tries, mut now) = (vec![arrival], arrival);
        for attempts in 1.. {
            match next(&steady, arrival, expire, attempts, now, 0, None) {
                Next::Retry { at, .. } if tries.len() < most => {
                    tries.push(at);
                    now = at;
                }
                _ => break,
            }
        }
        tries
    }

    /// The pause after the `n`-th failed try, without jitter.
    pub fn pause(&self, n: u32) -> Duration {
        let place = usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
        let pause = self.retry.get(place).or(self.retry.last());
        // Never at once, whatever was configured (RFC 5321 §4.5.4.1: "MUST delay").
        pause.copied().unwrap_or(HOUR).max(Duration::from_secs(1))
    }

    /// The same with jitter: so that what failed together does not come back together.
    fn pause_with(&self, n: u32, chance: u64) -> Duration {
        jittered(self.pause(n), self.jitter_percent, chance)
    }
}

/// What follows a failed try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// Another one.
    Retry {
        /// When.
        at: SystemTime,
        /// Why then.
        reason: Reason,
    },
    /// None: the time is up.
    Expired {
        /// Since when, and so on.
        reason: Reason,
    },
}

/// What follows the `attempts`-th try (counting the one that just failed) of a message that came at
/// `arrival` and is given up at `expire`.
///
/// The last try is at the expiry itself rather than a whole pause after it, unless that is so near
/// that the host would not get its rest.
///
/// A host that has said how long to wait is believed: with a longer wait than ours always, with a
/// shorter one for the first [`HINTS`] tries, since some say "five minutes" for days.
pub fn next(
    schedule: &Schedule,
    arrival: SystemTime,
    expire: SystemTime,
    attempts: u32,
    now: SystemTime,
    chance: u64,
    hint: Option<&Hint>,
) -> Next {
    let age = now.duration_since(arrival).unwrap_or_default();
    if now >= expire {
        let text = format!("given up after {} and {attempts} tries", words(age));
        return Next::Expired { reason: Reason::new(text) };
    }
    let planned = schedule.pause_with(attempts, chance);
    let hint = hint.filter(|hint| hint.wait > planned || attempts <= HINTS);
    let pause = hint.map_or(planned, |hint| hinted(hint, chance));
    let rest = schedule.pause_with(1, chance).min(pause);
    let at = later(now, pause).min(expire).max(later(now, rest));
    let wait = words(at.duration_since(now).unwrap_or_default());
    let text = match hint {
        Some(hint) => format!(
            "try {attempts} failed, the host says \"{}\": the next one comes after {wait}",
            hint.words
        ),
        None => format!("try {attempts} failed, the next one comes after {wait}"),
    };
    Next::Retry { at, reason: Reason::new(text) }
}

/// Tries whose wait may be shorter than ours because a host says so.
pub const HINTS: u32 = 6;
/// How much later than asked we come at least: clocks differ, and who comes too early waits again.
const LATER: Duration = Duration::from_secs(5);

/// The wait that a host asks for and up to a tenth more, so that what was put off together does not
/// come back together.
fn hinted(hint: &Hint, chance: u64) -> Duration {
    let more = u32::try_from(chance % 101).unwrap_or_default();
    hint.wait + LATER + hint.wait / 1000 * more
}

fn jittered(pause: Duration, percent: u8, chance: u64) -> Duration {
    let percent = u32::from(percent.min(50));
    if percent == 0 {
        return pause;
    }
    // A whole number of thousandths from -10*percent to +10*percent.
    let span = u64::from(percent) * 20 + 1;
    let step = u32::try_from(chance % span).unwrap_or_default();
    let shortest = 1000 - percent * 10;
    pause / 1000 * (shortest + step)
}

/// `time + pause`, or the furthest time there is.
fn later(time: SystemTime, pause: Duration) -> SystemTime {
    time.checked_add(pause).unwrap_or(time)
}

/// A duration as people say it: `5 days`, `3 h 20 min`, `40 s`.
pub fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3600);
    let (minutes, rest) = (seconds % 3600 / 60, seconds % 60);
    let plural = if days == 1 { "" } else { "s" };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} day{plural}"),
        _ => format!("{days} day{plural} {hours} h"),
    }
}
