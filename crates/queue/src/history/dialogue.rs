//! What was said and done in one attempt or one session, chunk by chunk, in a buffer that is used
//! again for the next one: it costs a copy of the octets, and is thrown away where nothing went wrong.
//!
//! Content is counted, never kept; nor is anything of an exchange of AUTH.

use std::fmt;
use std::time::{Duration, Instant};

use crate::record::RecordError;
use crate::record::codec::{Reader, varint};

/// Octets kept of one dialogue. Over it the oldest go that are not the beginning.
pub const DIALOGUE_MAX: usize = 16 * 1024;
/// Octets of the beginning that never go.
const HEAD: usize = 6 * 1024;
/// Octets kept of one chunk: a hundred recipients at once.
const CHUNK_MAX: usize = 4 * 1024;

/// Who or what a chunk is from. Its number is its tag; never reuse one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// We said it.
    Ours,
    /// The other side said it.
    Theirs,
    /// So many octets of content went from us, or came.
    Content,
    /// The name system was asked.
    Names,
    /// A connection, its securing, a mailbox: what was done.
    Done,
    /// So many octets were left out here.
    LeftOut,
}

impl Part {
    fn tag(self) -> u64 {
        match self {
            Self::Ours => 1,
            Self::Theirs => 2,
            Self::Content => 3,
            Self::Names => 4,
            Self::Done => 5,
            Self::LeftOut => 6,
        }
    }

    fn from_tag(tag: u64) -> Option<Self> {
        let all = [Self::Ours, Self::Theirs, Self::Content, Self::Names, Self::Done, Self::LeftOut];
        all.into_iter().find(|part| part.tag() == tag)
    }
}

/// A dialogue while it goes on. The default one listens to nothing.
#[derive(Debug, Default)]
pub struct Dialogue {
    begun: Option<Instant>,
    octets: Vec<u8>,
    /// Where the beginning that stays ends: whole chunks.
    head: usize,
    left_out: u64,
    /// Content under way: since when, and how many octets.
    content: Option<(u64, u64)>,
}

impl Dialogue {
    /// Begins anew.
    pub fn begin(&mut self, now: Instant) {
        self.octets.clear();
        self.begun = Some(now);
        (self.head, self.left_out, self.content) = (0, 0, None);
    }

    /// When it began; none: it listens to nothing.
    pub fn begun(&self) -> Option<Instant> {
        self.begun
    }

    /// We said this.
    pub fn ours(&mut self, now: Instant, octets: &[u8]) {
        self.chunk(Part::Ours, now, octets);
    }

    /// We said something that nobody may read.
    pub fn secret(&mut self, now: Instant) {
        self.chunk(Part::Ours, now, b"(a line of AUTH, not kept)");
    }

    /// The other side said this. A challenge of AUTH is left out.
    pub fn theirs(&mut self, now: Instant, octets: &[u8]) {
        match octets.starts_with(b"334") {
            true => self.chunk(Part::Theirs, now, b"334 (a challenge of AUTH, not kept)"),
            false => self.chunk(Part::Theirs, now, octets),
        }
    }

    /// So many octets of content went by.
    pub fn content(&mut self, now: Instant, count: usize) {
        let Some(begun) = self.begun else { return };
        let at = since(begun, now);
        let (_, sum) = self.content.get_or_insert((at, 0));
        *sum = sum.saturating_add(count as u64);
    }

    /// What was done, or what the name system said, in words.
    pub fn tell(&mut self, part: Part, now: Instant, what: fmt::Arguments<'_>) {
        if self.begun.is_some() {
            // Rare beside lines of a dialogue: a connection, a look-up.
            self.chunk(part, now, what.to_string().as_bytes());
        }
    }

    fn chunk(&mut self, part: Part, now: Instant, octets: &[u8]) {
        let Some(begun) = self.begun else { return };
        if let Some((at, sum)) = self.content.take() {
            self.append(Part::Content, at, &[], sum);
        }
        let kept = octets.get(..CHUNK_MAX).unwrap_or(octets);
        self.append(part, since(begun, now), kept, 0);
        self.left_out += (octets.len() - kept.len()) as u64;
    }

    fn append(&mut self, part: Part, at: u64, octets: &[u8], sum: u64) {
        varint(&mut self.octets, part.tag());
        varint(&mut self.octets, at);
        match part {
            Part::Content | Part::LeftOut => varint(&mut self.octets, sum),
            _ => {
                varint(&mut self.octets, octets.len() as u64);
                self.octets.extend_from_slice(octets);
            }
        }
        if self.octets.len() <= HEAD {
            self.head = self.octets.len();
        }
        if self.octets.len() > DIALOGUE_MAX {
            self.shorten(DIALOGUE_MAX - CHUNK_MAX);
        }
    }

    /// Takes out whole chunks after the beginning until `max` octets are left.
    fn shorten(&mut self, max: usize) {
        let tail = self.octets.get(self.head..).unwrap_or_default();
        let mut chunks = Chunks::over(tail);
        let mut gone = 0;
        while self.octets.len() - gone > max {
            match chunks.next() {
                Some(Ok(_)) => gone = tail.len() - chunks.rest(),
                _ => break,
            }
        }
        self.left_out += gone as u64;
        self.octets.drain(self.head..self.head + gone);
    }

    /// All of it as one field of a record, in at most about `max` octets.
    pub fn finish(&mut self, max: usize) -> Vec<u8> {
        if let Some((at, sum)) = self.content.take() {
            self.append(Part::Content, at, &[], sum);
        }
        if self.octets.len() > max {
            self.head = self.head.min(max / 3);
            let mut chunks = Chunks::over(&self.octets);
            let mut end = 0;
            while let Some(Ok(_)) = chunks.next() {
                let here = self.octets.len() - chunks.rest();
                if here > self.head {
                    break;
                }
                end = here;
            }
            self.head = end;
            self.shorten(max);
        }
        let (head, tail) = self.octets.split_at_checked(self.head).unwrap_or_default();
        let mut whole = Vec::with_capacity(self.octets.len() + 12);
        whole.extend_from_slice(head);
        if self.left_out > 0 {
            varint(&mut whole, Part::LeftOut.tag());
            varint(&mut whole, 0);
            varint(&mut whole, self.left_out);
        }
        whole.extend_from_slice(tail);
        whole
    }
}

fn since(begun: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(begun).as_micros()).unwrap_or(u64::MAX)
}

/// One chunk of a dialogue that was kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk<'a> {
    /// Who or what.
    pub part: Part,
    /// How long after the beginning.
    pub at: Duration,
    /// What was said; lines end with CR LF.
    pub octets: &'a [u8],
    /// Octets of content, or of what was left out.
    pub count: u64,
}

/// The chunks of a dialogue that was kept, in order.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a>(Reader<'a>);

impl<'a> Chunks<'a> {
    /// Over what [`Dialogue::finish`] gave.
    pub fn over(octets: &'a [u8]) -> Self {
        Self(Reader::nested(octets))
    }

    fn rest(&self) -> usize {
        self.0.left()
    }

    fn read(&mut self) -> Result<Chunk<'a>, RecordError> {
        let part = Part::from_tag(self.0.varint()?).ok_or(RecordError::Malformed("dialogue"))?;
        let at = Duration::from_micros(self.0.varint()?);
        let count = self.0.varint()?;
        match part {
            Part::Content | Part::LeftOut => Ok(Chunk { part, at, octets: &[], count }),
            _ => Ok(Chunk { part, at, octets: self.0.take(count)?, count: 0 }),
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.rest() > 0).then(|| self.read())
    }
}
