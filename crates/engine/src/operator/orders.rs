//! What operators want done to jobs that are being tried just now: kept in memory until the attempt
//! has ended, at most as many as there are jobs in hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use spool::JobId;

use super::{Action, Operator};

/// One of them.
pub(crate) struct Order {
    pub(crate) action: Action,
    pub(crate) operator: Operator,
    /// The recipients that are meant.
    pub(crate) chosen: Vec<u32>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Orders {
    waiting: Mutex<BTreeMap<JobId, Order>>,
    /// So that the end of an attempt costs one look where nobody wants anything.
    count: AtomicUsize,
}

impl Orders {
    /// The last one counts.
    pub(crate) fn put(&self, job: JobId, action: Action, operator: Operator, chosen: Vec<u32>) {
        let mut waiting = self.waiting.lock();
        waiting.insert(job, Order { action, operator, chosen });
        self.count.store(waiting.len(), Ordering::SeqCst);
    }

    /// It is not to be done after all.
    pub(crate) fn forget(&self, job: JobId) {
        self.take(job);
    }

    /// What is wanted of `job`.
    pub(crate) fn take(&self, job: JobId) -> Option<Order> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut waiting = self.waiting.lock();
        let order = waiting.remove(&job);
        self.count.store(waiting.len(), Ordering::SeqCst);
        order
    }
}
