//! What became of each letter of a run: written by the generator and the sink, read by the judge.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::letter::Number;

/// The moments of one letter in nanoseconds since the start of the run; 0 is "never".
#[derive(Default)]
struct Entry {
    sent: AtomicU64,
    accepted: AtomicU64,
    arrived: AtomicU64,
}

/// A run's letters and their moments.
pub struct Ledger {
    run: u32,
    start: Instant,
    entries: Vec<Entry>,
    again: Mutex<Vec<(u32, Duration)>>,
    arrived: AtomicU64,
    strays: AtomicU64,
    reached: AtomicU64,
    last_reached: AtomicU64,
}

/// What the ledger says at the end.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    /// End of data was sent.
    pub sent: usize,
    /// `250` came after it.
    pub accepted: usize,
    /// Came to the sink at least once.
    pub arrived: usize,
    /// Accepted, yet never at the sink.
    pub lost: Vec<u32>,
    /// Arrivals of a letter after its first.
    pub repeated: usize,
    /// Sent, not accepted, yet at the sink: the reply was lost.
    pub unanswered: usize,
}

impl Ledger {
    /// For a run of `letters`.
    #[must_use]
    pub fn new(letters: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            run: (now.as_nanos() >> 10) as u32,
            start: Instant::now(),
            entries: (0..letters).map(|_| Entry::default()).collect(),
            again: Mutex::default(),
            arrived: AtomicU64::new(0),
            strays: AtomicU64::new(0),
            reached: AtomicU64::new(0),
            last_reached: AtomicU64::new(0),
        }
    }

    /// The number of the letter at `sequence`.
    #[must_use]
    pub fn number(&self, sequence: u32) -> Number {
        Number { run: self.run, sequence }
    }

    /// Since the start of the run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Letters at the sink, each counted once.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Letters at the sink that are not of this run.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    /// Its end of data goes out now.
    pub fn sent(&self, sequence: u32) {
        self.note(sequence, |entry| &entry.sent);
    }

    /// Its `250` came now.
    pub fn accepted(&self, sequence: u32) {
        self.note(sequence, |entry| &entry.accepted);
    }

    /// It is at the sink now.
    pub fn arrive(&self, number: Option<Number>) {
        let mine = number.filter(|number| number.run == self.run);
        let Some(number) = mine.filter(|n| (n.sequence as usize) < self.entries.len()) else {
            self.strays.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if self.note(number.sequence, |entry| &entry.arrived) {
            self.arrived.fetch_add(1, Ordering::Relaxed);
        } else if let Ok(mut again) = self.again.lock() {
            again.push((number.sequence, self.elapsed()));
        }
    }

    /// So many recipients got something now.
    pub fn reach(&self, recipients: u64) {
        self.reached.fetch_add(recipients, Ordering::Relaxed);
        self.last_reached.store(self.start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// Recipients that got something, and when the last of them did.
    #[must_use]
    pub fn reached(&self) -> (u64, Duration) {
        let last = Duration::from_nanos(self.last_reached.load(Ordering::Relaxed));
        (self.reached.load(Ordering::Relaxed), last)
    }

    /// When each letter was accepted, in the order of time.
    #[must_use]
    pub fn acceptances(&self) -> Vec<Duration> {
        let mut times: Vec<_> =
            self.entries.iter().filter_map(|entry| moment(&entry.accepted)).collect();
        times.sort_unstable();
        times
    }

    /// True: it was the first time.
    fn note(&self, sequence: u32, moment: impl Fn(&Entry) -> &AtomicU64) -> bool {
        let now = (self.start.elapsed().as_nanos() as u64).max(1);
        self.entries.get(sequence as usize).is_some_and(|entry| {
            moment(entry).compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }

    /// Arrivals after the first, in order.
    #[must_use]
    pub fn repetitions(&self) -> Vec<(u32, Duration)> {
        self.again.lock().map(|again| again.clone()).unwrap_or_default()
    }

    /// When it came to the sink first.
    #[must_use]
    pub fn first_arrival(&self, sequence: u32) -> Option<Duration> {
        let entry = self.entries.get(sequence as usize)?;
        moment(&entry.arrived)
    }

    /// From end of data to `250`, of each accepted letter.
    #[must_use]
    pub fn reply_times(&self) -> Vec<Duration> {
        self.times(|entry| &entry.sent, |entry| &entry.accepted)
    }

    /// From end of data to the sink, of each arrived letter.
    #[must_use]
    pub fn transit_times(&self) -> Vec<Duration> {
        self.times(|entry| &entry.sent, |entry| &entry.arrived)
    }

    /// From `250` to the sink; nothing where the letter was faster than its reply.
    #[must_use]
    pub fn onward_times(&self) -> Vec<Duration> {
        self.times(|entry| &entry.accepted, |entry| &entry.arrived)
    }

    fn times(
        &self,
        from: impl Fn(&Entry) -> &AtomicU64,
        to: impl Fn(&Entry) -> &AtomicU64,
    ) -> Vec<Duration> {
        let both = |entry: &Entry| Some((moment(from(entry))?, moment(to(entry))?));
        self.entries.iter().filter_map(both).map(|(from, to)| to.saturating_sub(from)).collect()
    }

    /// First end of data and last `250`.
    #[must_use]
    pub fn acceptance_span(&self) -> Range<Duration> {
        self.span(|entry| &entry.accepted)
    }

    /// First end of data and last first arrival.
    #[must_use]
    pub fn arrival_span(&self) -> Range<Duration> {
        self.span(|entry| &entry.arrived)
    }

    fn span(&self, last: impl Fn(&Entry) -> &AtomicU64) -> Range<Duration> {
        let start = self.entries.iter().filter_map(|entry| moment(&entry.sent)).min();
        let end = self.entries.iter().filter_map(|entry| moment(last(entry))).max();
        start.unwrap_or_default()..end.unwrap_or_default()
    }

    /// True when nothing accepted is missing at the sink.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.entries
            .iter()
            .all(|entry| moment(&entry.accepted).is_none() || moment(&entry.arrived).is_some())
    }

    /// Everything counted.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let mut balance = Balance { repeated: self.repetitions().len(), ..Balance::default() };
        for (sequence, entry) in (0_u32..).zip(&self.entries) {
            let accepted = moment(&entry.accepted).is_some();
            let arrived = moment(&entry.arrived).is_some();
            balance.sent += usize::from(moment(&entry.sent).is_some());
            balance.accepted += usize::from(accepted);
            balance.arrived += usize::from(arrived);
            balance.unanswered += usize::from(arrived && !accepted);
            if accepted && !arrived {
                balance.lost.push(sequence);
            }
        }
        balance
    }
}

fn moment(cell: &AtomicU64) -> Option<Duration> {
    match cell.load(Ordering::Relaxed) {
        0 => None,
        nanoseconds => Some(Duration::from_nanos(nanoseconds)),
    }
}

/// The value below which `share` (0.5 for the median) of `times` lie; zero if there are none.
#[must_use]
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    if times.is_empty() {
        return Duration::ZERO;
    }
    let place = ((times.len() - 1) as f64 * share).round() as usize;
    let (_, value, _) = times.select_nth_unstable(place.min(times.len() - 1));
    *value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_one_fate() {
        let ledger = Ledger::new(5);
        let other = Number { run: ledger.run.wrapping_add(1), sequence: 0 };
        for sequence in 0..4 {
            ledger.sent(sequence);
        }
        for sequence in 0..3 {
            ledger.accepted(sequence);
        }
        for sequence in [0, 1, 1, 3] {
            ledger.arrive(Some(ledger.number(sequence)));
        }
        ledger.arrive(Some(other));
        ledger.arrive(Some(ledger.number(5)));
        ledger.arrive(None);
        let balance = ledger.balance();
        assert_eq!((balance.sent, balance.accepted, balance.arrived), (4, 3, 3));
        assert_eq!((balance.lost, balance.repeated, balance.unanswered), (vec![2], 1, 1));
        assert_eq!(ledger.strays(), 3);
        assert!(!ledger.settled());
    }

    #[test]
    fn quantiles() {
        let mut times: Vec<_> = (1..=101).rev().map(Duration::from_millis).collect();
        for (share, milliseconds) in [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 101)] {
            assert_eq!(quantile(&mut times, share), Duration::from_millis(milliseconds));
        }
        assert_eq!(quantile(&mut [], 0.5), Duration::ZERO);
    }
}
