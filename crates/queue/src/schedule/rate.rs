//! How many letters a destination gets in a given time.
//!
//! What counts is the last period, not an average: at no moment have more letters begun within one
//! period than the rate says. A bucket that fills up while nothing is sent would let nearly twice as
//! many through in one period, and hosts that count do not forgive that.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Moments kept for one destination at most: 16 KiB. A rate of more letters is kept in shorter
/// periods of fewer letters, which is stricter.
const KEPT: u32 = 1000;

/// So many letters in such a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    letters: u32,
    per: Duration,
    /// How often the period is parted, see [`KEPT`].
    parts: u32,
}

impl Rate {
    /// `letters` in each `per`; both at least one (letter, second).
    pub fn new(letters: u32, per: Duration) -> Self {
        let letters = letters.max(1);
        Self { letters, per: per.max(Duration::from_secs(1)), parts: letters.div_ceil(KEPT) }
    }

    /// How many letters.
    pub fn letters(&self) -> u32 {
        self.letters
    }

    /// In what time.
    pub fn per(&self) -> Duration {
        self.per
    }

    /// The letters of one part of the period, and that part.
    fn part(&self) -> (usize, Duration) {
        let letters = usize::try_from(self.letters / self.parts).unwrap_or(usize::MAX);
        (letters.max(1), self.per / self.parts)
    }
}

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a number of letters and a time, like 100/min or 20/10s")]
pub struct RateError;

/// Units as they are shown, and other names for them.
const SHOWN: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3600), ("day", 86_400)];
const OTHERS: [(&str, u64); 5] =
    [("sec", 1), ("second", 1), ("m", 60), ("hour", 3600), ("d", 86_400)];

impl FromStr for Rate {
    type Err = RateError;

    /// `100/min`, `20/10s`, `5000/h`.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (letters, per) = text.split_once('/').ok_or(RateError)?;
        let digits = per.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = per.split_at_checked(digits).ok_or(RateError)?;
        let count = if count.is_empty() { 1 } else { number(count).ok_or(RateError)? };
        let (_, seconds) =
            SHOWN.iter().chain(&OTHERS).find(|(name, _)| *name == unit).ok_or(RateError)?;
        let per = Duration::from_secs(seconds * u64::from(count));
        let letters = number(letters).ok_or(RateError)?;
        let fits = letters > 0 && count > 0 && per <= Duration::from_secs(7 * 86_400);
        if fits { Ok(Self::new(letters, per)) } else { Err(RateError) }
    }
}

fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        let whole = SHOWN.iter().rev().find(|(_, unit)| seconds.is_multiple_of(*unit));
        let (name, unit) = whole.unwrap_or(&("s", 1));
        match seconds / unit {
            1 => write!(f, "{}/{name}", self.letters),
            count => write!(f, "{}/{count}{name}", self.letters),
        }
    }
}

/// When the last letters to one destination began.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    begun: VecDeque<Instant>,
}

impl Pace {
    /// When the next letter may begin; none: now.
    pub fn waits_until(&self, rate: &Rate, now: Instant) -> Option<Instant> {
        let (letters, part) = rate.part();
        let oldest = self.begun.len().checked_sub(letters).and_then(|at| self.begun.get(at))?;
        oldest.checked_add(part).filter(|free| *free > now)
    }

    /// Whether nothing of the last period is left to know.
    pub fn is_over(&self, rate: &Rate, now: Instant) -> bool {
        let (_, part) = rate.part();
        self.begun.back().is_none_or(|last| last.checked_add(part).is_some_and(|free| free <= now))
    }

    /// A letter begins that takes so many transactions; those that go beyond the rate are counted as
    /// if they began as soon as they may, so that the next letter waits for all of them.
    pub fn begin(&mut self, rate: &Rate, transactions: usize, now: Instant) {
        let (letters, part) = rate.part();
        for _ in 0..transactions.max(1) {
            let moment = self.waits_until(rate, now).unwrap_or(now);
            self.begun.push_back(moment);
            while self.begun.len() > letters {
                self.begun.pop_front();
            }
        }
        let old = |moment: &Instant| moment.checked_add(part).is_some_and(|free| free <= now);
        while self.begun.front().is_some_and(old) {
            self.begun.pop_front();
        }
    }
}
