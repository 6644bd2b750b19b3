//! How many connections one destination gets at once: few at first, more while all goes well, fewer
//! when it is too much for it.
//!
//! Until the first trouble each letter that is taken allows one connection more, so a host that can
//! has all it may have within a few round trips. Trouble lowers the number; then it stands for a
//! minute, and grows by one for each round of letters. When that is too much again, it stands twice
//! as long: a host that takes one connection and no more is asked for a second one every half hour.

use std::time::{Duration, Instant};

use crate::reason::Reason;

/// Connections at first.
pub const FIRST: usize = 5;
/// How long the number stands after trouble, at first and at last.
const STAND: Duration = Duration::from_secs(60);
const STAND_MAX: Duration = Duration::from_secs(1800);
/// Connections that fail together are one event.
const TOGETHER: Duration = Duration::from_secs(5);

/// How an attempt went, as far as it speaks of what the destination can bear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Went {
    /// A letter was taken.
    Well,
    /// It was too much for the destination: it said so, fell silent or hung up.
    Strained,
    /// It says nothing of that.
    Neither,
}

/// The connections of one destination.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Crowd {
    limit: usize,
    trouble: Option<Trouble>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Trouble {
    /// When it was last.
    at: Instant,
    /// How many connections were too many.
    above: usize,
    /// How long the number stands.
    stand: Duration,
    /// Letters taken since the last step.
    taken: usize,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { limit: FIRST, trouble: None }
    }
}

impl Crowd {
    /// Connections now, where `most` is the operator's bound.
    pub fn limit(&self, most: usize) -> usize {
        self.limit.min(most).max(1)
    }

    /// Whether there was trouble that is worth remembering.
    pub fn is_troubled(&self) -> bool {
        self.trouble.is_some()
    }

    /// A letter was taken.
    pub fn well(&mut self, most: usize, now: Instant) {
        if self.limit >= most {
            return;
        }
        let Some(trouble) = &mut self.trouble else {
            self.limit += 1;
            return;
        };
        if now.saturating_duration_since(trouble.at) < trouble.stand {
            return;
        }
        trouble.taken += 1;
        if trouble.taken >= self.limit {
            trouble.taken = 0;
            self.limit += 1;
            if self.limit > trouble.above + 1 {
                trouble.stand = STAND;
            }
        }
    }

    /// It was too much for the destination: half as many from here on.
    pub fn strained(&mut self, most: usize, now: Instant) {
        let recent = |trouble: &Trouble| now.saturating_duration_since(trouble.at) < TOGETHER;
        if !self.trouble.as_ref().is_some_and(recent) {
            let before = self.limit(most);
            self.lower(before / 2, before, now);
        }
    }

    /// It takes no connection beyond these `open` ones.
    pub fn full(&mut self, open: usize, most: usize, now: Instant) {
        let before = self.limit(most);
        self.lower(open.min(before), open + 1, now);
    }

    fn lower(&mut self, limit: usize, above: usize, now: Instant) {
        self.limit = limit.max(1);
        let stand = match &self.trouble {
            None => STAND,
            Some(last) if now.saturating_duration_since(last.at) < TOGETHER => last.stand,
            Some(last) => (last.stand * 2).min(STAND_MAX),
        };
        self.trouble = Some(Trouble { at: now, above, stand, taken: 0 });
    }

    /// Why it is that many.
    pub fn reason(&self, most: usize, now: Instant) -> Reason {
        let limit = self.limit(most);
        let text = match &self.trouble {
            _ if limit == most => format!("{limit} connections, the most that are allowed"),
            None => format!("{limit} of {most} connections, one more for each letter taken"),
            Some(trouble) => {
                let stands =
                    trouble.stand.saturating_sub(now.saturating_duration_since(trouble.at));
                let next = match stands.is_zero() {
                    true => "one more for each round of letters".to_owned(),
                    false => format!("none more for {}", super::words(stands)),
                };
                format!("{limit} of {most} connections, {} were too many; {next}", trouble.above)
            }
        };
        Reason::new(text)
    }
}
