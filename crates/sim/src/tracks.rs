//! Which letter was in motion where, and which host was in trouble when: the only excuse for a
//! letter that arrives twice is that it was in motion when trouble came.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::story::Story;

/// How long after the octets of a letter have moved its result may still be open or not durable:
/// the reply has to come, and a relaxed commit waits for the next round of housekeeping.
const OPEN: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Known {
    /// By letter: at which host it was in motion, and when.
    motions: BTreeMap<u64, Vec<(IpAddr, Duration)>>,
    /// Troubles of each host: when they began and ended.
    troubles: BTreeMap<IpAddr, Vec<(Duration, Duration)>>,
    /// Letters whose connection broke under them, or whose reply was withheld.
    broken: BTreeSet<u64>,
}

/// The tracks of all letters. Clones share them.
#[derive(Clone)]
pub struct Tracks {
    story: Story,
    known: Arc<Mutex<Known>>,
}

impl Tracks {
    /// No tracks.
    pub fn new(story: Story) -> Self {
        Self { story, known: Arc::default() }
    }

    /// The letter `number` moves at `host` now.
    pub fn moved(&self, number: u64, host: IpAddr) {
        let now = self.story.now();
        self.known.lock().motions.entry(number).or_default().push((host, now));
    }

    /// The connection that carried the letter broke, or its reply was never given.
    pub fn broke(&self, number: u64) {
        self.known.lock().broken.insert(number);
    }

    /// `host` was in trouble from `since` until now.
    pub fn trouble(&self, host: IpAddr, since: Duration) {
        let now = self.story.now();
        self.known.lock().troubles.entry(host).or_default().push((since, now));
    }

    /// Whether a fault may have made this letter arrive twice.
    pub fn is_excused(&self, number: u64) -> bool {
        let known = self.known.lock();
        let met = |(host, at): &(IpAddr, Duration)| {
            let troubles = known.troubles.get(host).map(Vec::as_slice).unwrap_or_default();
            troubles.iter().any(|(since, until)| *since <= *at + OPEN && at <= until)
        };
        known.broken.contains(&number)
            || known.motions.get(&number).is_some_and(|motions| motions.iter().any(met))
    }
}
