//! A job in hand, and how an attempt ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mail::TlsFacts;
use queue::fate::Said;
use queue::record::{HeadEdits, Stored};
use spool::{Fence, JobId};

/// Content of a letter kept from reception to its first attempt, counted against a budget.
pub(crate) struct HotBody {
    pub(crate) octets: Bytes,
    budget: Arc<AtomicU64>,
}

impl HotBody {
    /// Keeps `octets` if the budget (octets) has room for them.
    pub(crate) fn keep(octets: Bytes, budget: &Arc<AtomicU64>) -> Option<Arc<Self>> {
        let len = octets.len() as u64;
        let taken =
            budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(len));
        taken.is_ok().then(|| Arc::new(Self { octets, budget: budget.clone() }))
    }
}

impl Drop for HotBody {
    fn drop(&mut self) {
        self.budget.fetch_add(self.octets.len() as u64, Ordering::Relaxed);
    }
}

/// How an attempt ended for a recipient, and with whom.
#[derive(Clone)]
pub(crate) struct Ending {
    pub(crate) said: Said,
    /// `host [address]:port`, where somebody was talked to.
    pub(crate) remote: Option<String>,
    /// How the connection was secured.
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// Why it was secured so, or was to be.
    pub(crate) policy: Option<Arc<str>>,
}

impl Ending {
    /// An ending that no other host had a part in.
    pub(crate) fn here(said: Said) -> Self {
        Self { said, remote: None, tls: None, policy: None }
    }
}

/// A claimed job with all that an attempt needs.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) fence: Fence,
    pub(crate) queue: Arc<str>,
    pub(crate) attempts: u32,
    pub(crate) stored: Arc<Stored>,
    pub(crate) head: Arc<HeadEdits>,
    pub(crate) body_len: u64,
    pub(crate) hot: Option<Arc<HotBody>>,
    /// An operator has chosen its next hop: no rule is asked again.
    pub(crate) forced: bool,
    /// Recipients not finished yet, each with the record of its last attempt.
    pub(crate) open: Vec<(u32, Bytes)>,
}

impl Job {
    /// The same result for every open recipient.
    pub(crate) fn everyone(&self, ending: &Ending) -> Vec<(u32, Ending)> {
        self.open.iter().map(|(number, _)| (*number, ending.clone())).collect()
    }
}
