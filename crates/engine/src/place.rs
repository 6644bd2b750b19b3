//! The sessions of a destination, counted as long as their connections live.

use std::sync::Arc;

use crate::Shared;

/// A place among the sessions of a destination, as long as the connection lives.
pub(crate) struct Place {
    shared: Arc<Shared>,
    queue: Arc<str>,
}

impl Place {
    /// Takes a place for a session of `queue`.
    pub(crate) fn new(shared: &Arc<Shared>, queue: &Arc<str>) -> Self {
        shared.dispatcher.session_opened(queue);
        Self { shared: shared.clone(), queue: queue.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.dispatcher.session_closed(&self.queue);
    }
}
