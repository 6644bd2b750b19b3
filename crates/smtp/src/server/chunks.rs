//! BDAT (RFC 3030): content in chunks of announced size, without dots and without an end mark.
//!
//! The octets of a chunk are read whatever becomes of them, so that none is ever taken for a
//! command. A command whose size cannot be read therefore ends the session: nobody knows where the
//! next one begins.
//!
//! A bare CR or LF is an octet like others with `BODY=BINARYMIME`. Without it content is lines, and
//! such content is refused as it is after DATA: were it passed on with DATA, some host might take
//! the mark for a line end, and what follows for another message.

use std::time::Instant;

use mail::BodyType;

use super::content::Flaw;
use super::replies;
use super::{Asked, CONTENT_BLOCK, Kind, Notice, Output, Phase, Session};
use crate::grammar;

/// The content that came in chunks so far.
#[derive(Default)]
pub(super) struct Chunks {
    size: u64,
    /// The last octet was a CR, which may be half of a line end.
    after_cr: bool,
    flaw: Option<Flaw>,
    /// Some of it has been given and not been taken back.
    given: bool,
    /// A chunk was refused: only RSET helps (RFC 3030 §2).
    pub(super) failed: bool,
}

impl Chunks {
    /// Looks at octets after which so many are announced. A last CR is left open until the next
    /// octet or the end.
    fn look(&mut self, octets: &[u8], announced: u64, limit: u64, binary: bool) {
        self.size = self.size.saturating_add(octets.len() as u64);
        if limit != 0 && self.size.saturating_add(announced) > limit {
            self.flaw = self.flaw.or(Some(Flaw::TooLarge));
        }
        if !binary && self.has_bare(octets) {
            self.flaw = self.flaw.or(Some(Flaw::Bare));
        }
    }

    /// Whether a CR or LF stands alone; a last CR is left open.
    fn has_bare(&mut self, octets: &[u8]) -> bool {
        let Some(&last) = octets.last() else { return false };
        let bare_at_seam = self.after_cr != (octets.first() == Some(&b'\n'));
        self.after_cr = last == b'\r';
        bare_at_seam
            || memchr::memchr2_iter(b'\r', b'\n', octets).any(|place| {
                let next = octets.get(place + 1);
                let before = place.checked_sub(1).and_then(|before| octets.get(before));
                match octets.get(place) {
                    Some(b'\r') => next.is_some_and(|&next| next != b'\n'),
                    _ => before.is_some_and(|&before| before != b'\r'),
                }
            })
    }

    /// The content is complete. True: only now something is found to be wrong.
    fn finish(&mut self, binary: bool) -> bool {
        let bare = self.after_cr && !binary && self.flaw.is_none();
        if bare {
            self.flaw = Some(Flaw::Bare);
        }
        bare
    }
}

/// A chunk on its way in.
pub(super) struct Chunk {
    /// Octets of the chunk, and those still to come.
    size: u64,
    left: u64,
    last: bool,
    /// What is said at its end, where that is known already.
    refusal: Option<&'static str>,
    /// Octets since the clock was set.
    since: u64,
}

impl Session {
    /// Takes BDAT. `refusal`: it is not in order, whatever it says.
    pub(super) fn chunk(&mut self, rest: &[u8], refusal: Option<&'static str>, now: Instant) {
        let Ok((size, last)) = grammar::chunk(rest) else {
            self.connection.give(Output::Notice(Notice::ChunkWithoutSize));
            return self.end(replies::CHUNK_SIZE);
        };
        let refusal = refusal.or_else(|| self.chunk_refusal());
        self.connection.deadline = now + self.options.data_timeout;
        self.phase = Phase::Chunk(Chunk { size, left: size, last, refusal, since: 0 });
    }

    /// Why a chunk is not taken now.
    fn chunk_refusal(&mut self) -> Option<&'static str> {
        if !self.offered().chunking {
            return Some(replies::NOT_IMPLEMENTED);
        }
        let Some(open) = &mut self.transaction else { return Some(replies::MAIL_FIRST) };
        if open.recipients.is_empty() {
            return Some(replies::RECIPIENT_FIRST);
        }
        let chunks = open.chunks.get_or_insert_default();
        chunks.failed.then_some(replies::CHUNK_FAILED)
    }

    /// Reads a chunk as far as it has come.
    pub(super) fn read_chunk(&mut self, now: Instant) -> bool {
        let Phase::Chunk(chunk) = &mut self.phase else { return false };
        let here = self.connection.inbox.len();
        if here == 0 && chunk.left > 0 {
            return false;
        }
        let length = usize::try_from(chunk.left).map_or(here, |left| left.min(here));
        let octets = self.connection.inbox.split_to(length);
        chunk.left -= length as u64;
        chunk.since += length as u64;
        if chunk.since >= CONTENT_BLOCK {
            chunk.since %= CONTENT_BLOCK;
            self.connection.deadline = now + self.options.data_timeout;
        }
        let (refused, ended) = (chunk.refusal.is_some(), chunk.left == 0);
        if !refused && let Some(open) = &mut self.transaction {
            let binary = open.parameters.body == BodyType::Binary;
            let chunks = open.chunks.get_or_insert_default();
            let sound = chunks.flaw.is_none();
            chunks.look(&octets, chunk.left, self.options.message_size, binary);
            match chunks.flaw {
                None if !octets.is_empty() => {
                    chunks.given = true;
                    self.connection.give(Output::Content(octets.freeze()));
                }
                Some(_) if sound => {
                    chunks.given = false;
                    self.connection.give(Output::Discard);
                }
                _ => {}
            }
        }
        if ended {
            self.chunk_ended(now);
        }
        true
    }

    /// The last octet of a chunk has come: only now is anything said about it (RFC 3030 §2).
    fn chunk_ended(&mut self, now: Instant) {
        let Phase::Chunk(chunk) = std::mem::replace(&mut self.phase, Phase::Command) else {
            return;
        };
        self.connection.deadline = now + self.options.command_timeout;
        if let Some(line) = chunk.refusal {
            return self.chunk_refused(&chunk, line);
        }
        let Some(open) = &mut self.transaction else { return self.error(replies::MAIL_FIRST) };
        let replies = if self.options.kind == Kind::Lmtp { open.recipients.len() } else { 1 };
        let binary = open.parameters.body == BodyType::Binary;
        let chunks = open.chunks.get_or_insert_default();
        if chunk.last && chunks.finish(binary) {
            chunks.given = false;
            self.connection.give(Output::Discard);
        }
        let (flaw, size) = (chunks.flaw, chunks.size);
        if flaw.is_some() {
            chunks.failed = true;
            let replies = if chunk.last { replies } else { 1 };
            return self.flawed(flaw, replies);
        }
        if chunk.last {
            return self.complete(size, Asked::Message { replies });
        }
        self.connection.say(&format!("250 2.0.0 {} octets taken", chunk.size));
    }

    /// By LMTP there is a reply for each recipient of the last chunk, and for none is none
    /// (RFC 2033 §4.3).
    fn chunk_refused(&mut self, chunk: &Chunk, line: &str) {
        let count = self.transaction.as_ref().map(|open| open.recipients.len());
        match count {
            Some(count) if chunk.last && self.options.kind == Kind::Lmtp => {
                (0..count).for_each(|_| self.connection.say(line));
            }
            _ => self.error(line),
        }
    }

    /// Lets go of the transaction and of what came of its content.
    pub(super) fn drop_transaction(&mut self) {
        self.forwarded = None;
        let Some(open) = self.transaction.take() else { return };
        if open.chunks.is_some_and(|chunks| chunks.given) {
            self.connection.give(Output::Discard);
        }
    }
}
