//! Places for outgoing connections, over all destinations: what this host can bear, beside what each
//! destination can.
//!
//! Who wants a connection while all places are taken waits in line, first come, first served. A
//! connection that has lasted gives its place up between two letters when others wait, so a busy
//! destination keeps nobody out. Asked once a connection, never once a letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use queue::reason::Reason;
use queue::schedule::limits::Told;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection is used while others wait for its place.
pub(crate) const TURN: Duration = Duration::from_secs(10);

/// The places.
pub(crate) struct Outgoing {
    places: Arc<Semaphore>,
    most: RwLock<Told<usize>>,
    /// Places that are taken and no longer there: they go when they are given back.
    surplus: AtomicUsize,
    waiting: AtomicUsize,
}

/// A place among all connections, as long as the connection lives.
pub(crate) struct Outlet {
    outgoing: Arc<Outgoing>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Outgoing {
    /// As many places as `most` says.
    pub(crate) fn new(most: Told<usize>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.value)),
            most: RwLock::new(most),
            surplus: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// A place, when there is one.
    pub(crate) async fn enter(self: &Arc<Self>) -> Outlet {
        let outlet = |permit| Outlet { outgoing: self.clone(), permit };
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return outlet(Some(permit));
        }
        let _waits = Waits::begin(&self.waiting);
        // It is never closed.
        outlet(self.places.clone().acquire_owned().await.ok())
    }

    /// Whether somebody waits for a place.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// There are more places from now on, or fewer: then those that are too many go as they are given
    /// back.
    pub(crate) fn set_most(&self, most: Told<usize>) {
        let mut before = self.most.write();
        let (old, new) = (before.value, most.value);
        *before = most;
        if new >= old {
            let mut more = new - old;
            while more > 0 && self.take_surplus() {
                more -= 1;
            }
            self.places.add_permits(more);
        } else {
            let fewer = old - new;
            let gone = self.places.forget_permits(fewer);
            self.surplus.fetch_add(fewer - gone, Ordering::AcqRel);
        }
    }

    /// One place less is too many. False: none is.
    fn take_surplus(&self) -> bool {
        let less = |surplus: usize| surplus.checked_sub(1);
        self.surplus.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// Why mail waits, where places are what it waits for.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let most = self.most.read();
        let text = format!(
            "all {} outgoing connections are in use, {waiting} more are wanted ([outbound] connections)",
            most.value
        );
        (waiting > 0).then(|| Reason::new(text).from_rule(most.source.clone()))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.outgoing.take_surplus()
        {
            permit.forget();
        }
    }
}

/// Somebody waits, as long as this lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(most: usize) -> Arc<Outgoing> {
        Arc::new(Outgoing::new(Told::plain(most)))
    }

    async fn is_full(outgoing: &Arc<Outgoing>) -> bool {
        tokio::time::timeout(Duration::from_secs(1), outgoing.enter()).await.is_err()
    }

    /// The bound changes under connections that are open, and no place is lost or won.
    #[tokio::test(start_paused = true)]
    async fn bounds_that_change() {
        let outgoing = wide(3);
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(outgoing.enter().await);
        }
        assert!(is_full(&outgoing).await && outgoing.reason().is_none());
        outgoing.set_most(Told::plain(1));
        open.truncate(1);
        assert!(is_full(&outgoing).await, "two of the three are gone for good");
        outgoing.set_most(Told::plain(2));
        open.push(outgoing.enter().await);
        assert!(is_full(&outgoing).await);
        // Fewer, and as many again before any was given back.
        outgoing.set_most(Told::plain(1));
        outgoing.set_most(Told::plain(2));
        open.truncate(1);
        open.push(outgoing.enter().await);
        assert!(is_full(&outgoing).await);
    }

    /// Those who wait are told of, and no more when they have given up.
    #[tokio::test(start_paused = true)]
    async fn who_waits() {
        let outgoing = wide(1);
        let first = outgoing.enter().await;
        let (other, told) = (outgoing.clone(), outgoing.clone());
        let waiting = tokio::spawn(async move { drop(other.enter().await) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(told.is_wanted());
        let why = told.reason().unwrap().to_string();
        assert_eq!(
            why,
            "all 1 outgoing connections are in use, 1 more are wanted ([outbound] connections)"
        );
        drop(first);
        waiting.await.unwrap();
        assert!(!told.is_wanted() && told.reason().is_none());
    }
}
