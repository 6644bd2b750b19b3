//! What a commit waits for: a place for one answer and the one who wants it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use spool::SpoolError;

/// The claims given to the jobs of a transaction, or why it was not done.
pub(crate) type Outcome = Result<Vec<u64>, SpoolError>;

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
    abandoned: bool,
}

/// The answer to one request, when it is there.
#[derive(Default)]
pub(crate) struct Receipt(Mutex<State>);

/// The other end of a [`Receipt`]: dropped without an answer, it says that nobody knows.
pub(crate) struct Promise(Option<Arc<Receipt>>);

impl Promise {
    /// Gives the answer. False: nobody wants it any more.
    pub fn give(mut self, outcome: Outcome) -> bool {
        self.0.take().is_some_and(|receipt| receipt.give(outcome))
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(receipt) = self.0.take() {
            receipt.give(Err(SpoolError::Unknown("the spool has ended".into())));
        }
    }
}

impl Receipt {
    /// A receipt and the promise to fill it.
    pub fn new() -> (Arc<Self>, Promise) {
        let receipt = Arc::new(Self::default());
        (Arc::clone(&receipt), Promise(Some(receipt)))
    }

    fn give(&self, outcome: Outcome) -> bool {
        let mut state = self.0.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        let wanted = !state.abandoned;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        wanted
    }

    pub fn poll(&self, context: &Context<'_>) -> Poll<Outcome> {
        let mut state = self.0.lock();
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Nobody waits from now on; an answer that was there already comes back.
    pub fn abandon(&self) -> Option<Outcome> {
        let mut state = self.0.lock();
        state.abandoned = true;
        state.outcome.take()
    }
}
