//! What a database said a moment ago.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use queue::table::Row;

/// Rows kept of one table: with 100 octets each some megabytes.
const ROWS_MAX: usize = 50_000;

/// Rows with the moment until which they count.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<BTreeMap<String, (Instant, Row)>>);

impl Cache {
    /// What is still known.
    pub(super) fn get(&self, key: &str, now: Instant) -> Option<Row> {
        let rows = self.0.lock();
        rows.get(key).filter(|(until, _)| *until > now).map(|(_, row)| row.clone())
    }

    /// Keeps `row` for so long. Over the bound what is over goes, and all if nothing is: the table is
    /// asked again.
    pub(super) fn put(&self, key: &str, row: &Row, keep: Duration, now: Instant) {
        if keep.is_zero() {
            return;
        }
        let Some(until) = now.checked_add(keep) else { return };
        let mut rows = self.0.lock();
        if rows.len() >= ROWS_MAX {
            rows.retain(|_, (until, _)| *until > now);
        }
        if rows.len() >= ROWS_MAX {
            rows.clear();
        }
        rows.insert(key.to_owned(), (until, row.clone()));
    }
}
