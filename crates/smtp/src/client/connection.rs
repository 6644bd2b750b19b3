//! What lives as long as the socket: octets not yet read, things not yet done, the clock.

use std::collections::VecDeque;
use std::time::Instant;

use super::Output;
use super::replies::Replies;

/// The wire, seen from the session.
pub(super) struct Connection {
    pub(super) replies: Replies,
    outputs: VecDeque<Output>,
    /// Until when the peer may take its time.
    pub(super) deadline: Instant,
    closed: bool,
}

impl Connection {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { replies: Replies::default(), outputs: VecDeque::new(), deadline, closed: false }
    }

    /// Gives `output` after all that was given before.
    pub(super) fn give(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Reads no more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.replies = Replies::default();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The next thing to do.
    pub(super) fn poll(&mut self) -> Output {
        match self.outputs.pop_front() {
            Some(output) => output,
            None if self.closed => Output::Close,
            None => Output::Wait(self.deadline),
        }
    }
}
