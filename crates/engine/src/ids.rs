//! New message ids: never given twice, not even when the wall clock is set back.

use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use spool::MessageId;

/// Bits of an id's sequence that count; the bits above are drawn anew at each start.
const COUNTER_BITS: u32 = 20;
/// Bits drawn at each start, so that two lives of a node do not meet in one millisecond.
const LIFE_BITS: u32 = 16;

/// Makes ids.
pub(crate) struct Ids {
    node: u16,
    life: u64,
    last: Mutex<(SystemTime, u64)>,
}

impl Ids {
    /// Ids of `node` above `known`, the highest id its spool has seen. `chance` is random.
    pub(crate) fn new(node: u16, known: Option<MessageId>, chance: u64) -> Self {
        let above = |id: MessageId| id.time() + Duration::from_millis(1);
        let start = known.map_or(SystemTime::UNIX_EPOCH, above);
        Self { node, life: chance >> (64 - LIFE_BITS), last: Mutex::new((start, 0)) }
    }

    /// The next id.
    pub(crate) fn next(&self, wall: SystemTime) -> MessageId {
        let mut last = self.last.lock();
        last.0 = last.0.max(wall);
        last.1 = (last.1 + 1) & ((1 << COUNTER_BITS) - 1);
        if last.1 == 0 {
            // A clock that was set back stands still here, for hours perhaps: the count must not
            // come round within one moment.
            last.0 += Duration::from_millis(1);
        }
        MessageId::new(last.0, self.node, self.life << COUNTER_BITS | last.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_new_however_long_the_clock_stands() {
        let ids = Ids::new(0, None, 0);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let mut last = ids.next(now);
        for _ in 0..(2 << COUNTER_BITS) {
            let next = ids.next(now);
            assert!(last < next);
            last = next;
        }
    }

    #[test]
    fn ids_rise_although_the_clock_falls() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let ids = Ids::new(0, None, u64::MAX);
        let first = ids.next(at(1_000));
        let second = ids.next(at(10));
        assert!(first < second);
        let later = Ids::new(0, Some(second), 0);
        assert!(second < later.next(at(5)));
    }
}
