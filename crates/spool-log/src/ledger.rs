//! Which segments exist, what in them is still needed, and which may go.
//!
//! **The tombstone rule**: the end of a message may be forgotten only when no segment with a copy of
//! it is left. Else the message comes back at the next start and is sent twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::segment::Segment;

/// What a tombstone counts for when the worth of a segment is weighed.
const TOMBSTONE_OCTETS: u64 = 56;

/// A segment in the books.
pub(crate) struct Account {
    pub segment: Arc<Segment>,
    /// Records that are needed.
    live: u64,
    live_octets: u64,
    /// Where the valid part ends.
    pub end: u32,
    pub sealed: bool,
    /// Found damaged: never used again.
    pub damaged: bool,
    /// By segment: tombstones of messages with copies there.
    tombstones: BTreeMap<u32, u64>,
    /// It tells where that other segment was cut, so it must stay as long.
    keeps_cut_of: Option<u32>,
}

/// All segments.
#[derive(Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<u32, Account>,
    look: bool,
}

impl Ledger {
    pub fn add(&mut self, segment: Arc<Segment>, end: u32, sealed: bool) {
        let keeps_cut_of = segment.life.cut.map(|(seq, _)| seq);
        let account = Account {
            live: 0,
            live_octets: 0,
            end,
            sealed,
            damaged: false,
            tombstones: BTreeMap::new(),
            keeps_cut_of,
            segment,
        };
        self.accounts.insert(account.segment.seq(), account);
    }

    pub fn get(&self, segment: u32) -> Option<&Account> {
        self.accounts.get(&segment)
    }

    pub fn get_mut(&mut self, segment: u32) -> Option<&mut Account> {
        self.look = true;
        self.accounts.get_mut(&segment)
    }

    pub fn segment(&self, segment: u32) -> Option<Arc<Segment>> {
        self.accounts.get(&segment).map(|account| Arc::clone(&account.segment))
    }

    pub fn exists(&self, segment: u32) -> bool {
        self.accounts.contains_key(&segment)
    }

    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    pub fn count(&mut self, segment: u32, octets: u64) {
        if let Some(account) = self.accounts.get_mut(&segment) {
            account.live += 1;
            account.live_octets += octets;
        }
    }

    pub fn discount(&mut self, segment: u32, octets: u64) {
        if let Some(account) = self.accounts.get_mut(&segment) {
            account.live -= 1;
            account.live_octets -= octets;
            self.look |= account.live == 0;
        }
    }

    pub fn add_tombstone(&mut self, segment: u32, copies: &[u32]) {
        for copy in copies.iter().filter(|copy| **copy != segment) {
            if self.accounts.contains_key(copy)
                && let Some(account) = self.accounts.get_mut(&segment)
            {
                *account.tombstones.entry(*copy).or_default() += 1;
            }
        }
    }

    /// Part of what is in `old` is now in `new` as well.
    pub fn copy_tombstones(&mut self, old: u32, new: u32) {
        let Some(tombstones) = self.accounts.get(&old).map(|account| account.tombstones.clone())
        else {
            return;
        };
        let Some(account) = self.accounts.get_mut(&new) else { return };
        for (segment, count) in tombstones {
            *account.tombstones.entry(segment).or_default() += count;
        }
    }

    /// The segment has no tombstone any more that another one needs.
    pub fn clear_tombstones(&mut self, segment: u32) {
        if let Some(account) = self.accounts.get_mut(&segment) {
            account.tombstones.clear();
            self.look = true;
        }
    }

    pub fn remove(&mut self, segment: u32) {
        self.accounts.remove(&segment);
        self.look = true;
        for account in self.accounts.values_mut() {
            account.tombstones.remove(&segment);
            account.keeps_cut_of.take_if(|cut| *cut == segment);
        }
    }

    fn is_idle(account: &Account) -> bool {
        // The ledger's own handle is the only one: nobody reads from it.
        account.sealed
            && !account.damaged
            && account.live == 0
            && account.keeps_cut_of.is_none()
            && Arc::strong_count(&account.segment) == 1
    }

    /// A segment that nothing needs: no record, no tombstone, no reader. Looks only when something
    /// has happened that may have made one.
    pub fn take_empty(&mut self) -> Option<Arc<Segment>> {
        if !self.look {
            return None;
        }
        let empty = |account: &&Account| Self::is_idle(account) && account.tombstones.is_empty();
        let found = self.accounts.values().find(empty);
        self.look = found.is_some();
        found.map(|account| Arc::clone(&account.segment))
    }

    /// Readers may have left meanwhile.
    pub fn look_again(&mut self) {
        self.look = true;
    }

    /// Octets in sealed segments that nothing needs, and octets that something does.
    pub fn balance(&self) -> (u64, u64) {
        let mut sums = (0, 0);
        for account in self.accounts.values().filter(|account| account.sealed) {
            let live = needed(account);
            sums.0 += u64::from(account.segment.life.size).saturating_sub(live);
            sums.1 += live;
        }
        sums
    }

    /// The segment whose compaction gains most, by (1 - u) * age / (1 + u).
    pub fn best_victim(&self, newest: u32) -> Option<u32> {
        let worth = |account: &Account| {
            let used = needed(account) as f64 / f64::from(account.segment.life.size.max(1));
            let age = f64::from(newest.saturating_sub(account.segment.seq())) + 1.0;
            (1.0 - used.min(1.0)) * age / (1.0 + used)
        };
        let able = self
            .accounts
            .values()
            .filter(|account| account.sealed && !account.damaged && account.keeps_cut_of.is_none());
        let best = able.max_by(|a, b| worth(a).total_cmp(&worth(b)));
        best.map(|account| account.segment.seq())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }
}

fn needed(account: &Account) -> u64 {
    account.live_octets + account.tombstones.values().sum::<u64>() * TOMBSTONE_OCTETS
}
