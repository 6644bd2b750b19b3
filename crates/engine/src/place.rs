//! The sessions of a destination, counted as long as their connections live, beside their places among
//! all outgoing connections.

use std::sync::Arc;

use crate::Shared;
use crate::outgoing::Outlet;

/// A place among the sessions of a destination, as long as the connection lives.
pub(crate) struct Place {
    shared: Arc<Shared>,
    queue: Arc<str>,
    /// Given back after the count of the destination.
    _outlet: Outlet,
}

impl Place {
    /// Takes a place for a session of `queue`.
    pub(crate) fn new(shared: &Arc<Shared>, queue: &Arc<str>, outlet: Outlet) -> Self {
        shared.dispatcher.session_opened(queue);
        Self { shared: shared.clone(), queue: queue.clone(), _outlet: outlet }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.dispatcher.session_closed(&self.queue);
    }
}
