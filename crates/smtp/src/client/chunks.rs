//! Content by BDAT (RFC 3030): in chunks of known size, without dots, several under way at once.
//!
//! A small message waits until it is complete and goes out with its envelope, so that it takes one
//! write and one read; a larger one begins only when somebody may get it. Text has CR LF line ends
//! only, as by DATA (RFC 3030 §2); binary content goes as it is.

use std::time::Instant;

use super::progress::Progress;
use super::session::{Phase, Session};
use super::stuffing::Stuffing;
use super::{Lack, Output, RecipientResult};

/// Octets of content that are sent before anybody has been accepted: what is lost when nobody is.
pub(super) const EAGER_MAX: u64 = 64 * 1024;
/// Octets of a chunk, more or less: large enough that waiting for replies costs little.
const CHUNK: usize = 128 * 1024;
/// Chunks under way at once: what may still come when the host has said no.
pub(super) const WINDOW: usize = 4;

/// Octets on their way into chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Makes lines of text; none for binary content.
    text: Option<Stuffing>,
    buffer: Vec<u8>,
}

impl Chunks {
    pub(super) fn new(is_binary: bool, size: u64) -> Self {
        let room = usize::try_from(size).unwrap_or(CHUNK).min(CHUNK);
        Self {
            text: (!is_binary).then(Stuffing::without_dots),
            buffer: Vec::with_capacity(room + 64),
        }
    }

    fn write(&mut self, octets: &[u8]) {
        match &mut self.text {
            Some(text) => text.write(octets, &mut self.buffer),
            None => self.buffer.extend_from_slice(octets),
        }
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= CHUNK
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn finish(&mut self) -> Vec<u8> {
        if let Some(text) = self.text.take() {
            text.finish(&mut self.buffer);
        }
        self.take()
    }
}

impl Session {
    /// Content for a message that has not begun to go out.
    pub(super) fn gather(&mut self, mut progress: Progress, octets: &[u8], now: Instant) {
        for octets in octets.chunks(Stuffing::INPUT_MAX) {
            progress.chunks.write(octets);
        }
        if progress.chunks.is_full() {
            // More than was said: the envelope goes first.
            return self.send_group(progress, now);
        }
        self.enter(Phase::Gather(progress), now);
        self.connection.give(Output::WantContent);
    }

    /// The message is complete: envelope and content go out together.
    pub(super) fn send_whole(&mut self, mut progress: Progress, now: Instant) {
        let mut group = progress.next_group(&self.extensions, self.standing());
        self.give_chunk(&mut progress, true, &mut group);
        self.enter(Phase::Envelope(progress), now);
    }

    /// Content for a message with recipients.
    pub(super) fn chunk(&mut self, mut progress: Progress, octets: &[u8], now: Instant) {
        for octets in octets.chunks(Stuffing::INPUT_MAX) {
            progress.chunks.write(octets);
            if progress.chunks.is_full() {
                self.give_chunk(&mut progress, false, &mut Vec::new());
            }
        }
        self.more_chunks(progress, now);
    }

    /// Asks for content as long as few chunks are under way; else for replies.
    pub(super) fn more_chunks(&mut self, progress: Progress, now: Instant) {
        let wanted = progress.wants_chunk();
        self.enter(Phase::Chunks(progress), now);
        if wanted {
            self.connection.give(Output::WantContent);
        }
    }

    pub(super) fn last_chunk(&mut self, mut progress: Progress, now: Instant) {
        self.give_chunk(&mut progress, true, &mut Vec::new());
        self.enter(Phase::Chunks(progress), now);
    }

    /// One chunk, behind the commands of `group`.
    fn give_chunk(&mut self, progress: &mut Progress, last: bool, group: &mut Vec<u8>) {
        let chunk = if last { progress.chunks.finish() } else { progress.chunks.take() };
        let mark = if last { " LAST" } else { "" };
        group.extend_from_slice(format!("BDAT {}{mark}\r\n", chunk.len()).as_bytes());
        self.send(std::mem::take(group));
        if !chunk.is_empty() {
            self.connection.give(Output::SendContent(chunk));
        }
        progress.chunk_sent(last);
    }

    /// Content that the host does not take, whatever was said of it: none of it goes out
    /// (RFC 6152 §3).
    pub(super) fn withhold(&mut self, mut progress: Progress, now: Instant) {
        let begun = progress.has_spoken();
        progress.settle_open(&RecipientResult::Unsuitable(Lack::EightBitMime));
        if begun {
            return self.cut(progress);
        }
        self.done(progress.into_outcome(), now);
    }
}
