//! Reads content octet by octet up to its true end (RFC 5321 §4.1.1.4, §4.5.2).
//!
//! Only CR LF, dot, CR LF ends it. A CR or LF that stands alone is no line end, so no near miss of
//! the end is an end; content that holds one is read on to its end and refused, because a host
//! after us might take it for one. Nothing is ever held back between two calls.

use bytes::{Bytes, BytesMut};

/// What is wrong with content; it is read to its end nevertheless.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// A bare CR or LF.
    Bare,
    /// More octets than the limit.
    TooLarge,
}

/// Where in a line the next octet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// After CR LF, or at the very beginning.
    Start,
    /// After a dot that stood at the start.
    Dot,
    /// After such a dot and a CR.
    DotCr,
    /// Anywhere else.
    Within,
    /// After a CR anywhere else.
    Cr,
}

/// The content of one message under way.
#[derive(Debug)]
pub(super) struct Content {
    place: Place,
    limit: u64,
    size: u64,
    flaw: Option<Flaw>,
}

/// What one call of [`Content::take`] brought.
#[derive(Debug)]
pub(super) struct Taken {
    /// Content, dots unstuffed; empty from the first flaw on.
    pub(super) octets: Bytes,
    /// Whether the end has come.
    pub(super) ended: bool,
}

impl Content {
    /// For content of at most `limit` octets; 0 is no limit, as in SIZE (RFC 1870 §3).
    pub(super) fn new(limit: u64) -> Self {
        Self { place: Place::Start, limit, size: 0, flaw: None }
    }

    /// Octets so far, without stuffed dots and the final one (RFC 1870 §5).
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What is wrong so far.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Takes all octets of the content out of `inbox`; what follows its end stays there.
    pub(super) fn take(&mut self, inbox: &mut BytesMut) -> Taken {
        let scan = self.scan(inbox);
        let mut octets = inbox.split_to(scan.read);
        octets.truncate(scan.written);
        self.size = self.size.saturating_add(scan.written as u64);
        if self.limit != 0 && self.size > self.limit {
            // A bare CR or LF is the graver word: it stays wrong in a smaller letter.
            self.flaw = self.flaw.or(Some(Flaw::TooLarge));
        }
        if self.flaw.is_some() {
            octets.clear();
        }
        Taken { octets: octets.freeze(), ended: scan.ended }
    }

    /// Runs over `octets` and moves what is content to their front.
    fn scan(&mut self, octets: &mut [u8]) -> Scan {
        let mut scan = Scan { read: 0, kept: 0, written: 0, ended: false };
        while let Some(&octet) = octets.get(scan.read) {
            match (self.place, octet) {
                (Place::Start, b'.') => {
                    scan.drop_octet(octets);
                    self.place = Place::Dot;
                }
                (Place::Dot, b'\r') => {
                    // Half of the end: no content. If it is not the end, the content is refused.
                    scan.drop_octet(octets);
                    self.place = Place::DotCr;
                }
                (Place::DotCr, b'\n') => {
                    scan.drop_octet(octets);
                    scan.ended = true;
                    break;
                }
                (Place::Cr, b'\n') => {
                    scan.read += 1;
                    self.place = Place::Start;
                }
                (Place::Cr | Place::DotCr, _) => {
                    // This octet is looked at again in its new place.
                    self.flaw = Some(Flaw::Bare);
                    self.place = Place::Within;
                }
                (Place::Start | Place::Dot | Place::Within, _) => self.run(octets, &mut scan),
            }
        }
        scan.finish(octets);
        scan
    }

    /// Runs to the next CR or LF, and over a whole CR LF: nearly all octets pass here.
    fn run(&mut self, octets: &[u8], scan: &mut Scan) {
        let rest = octets.get(scan.read..).unwrap_or_default();
        let Some(length) = memchr::memchr2(b'\r', b'\n', rest) else {
            scan.read = octets.len();
            self.place = Place::Within;
            return;
        };
        let (octet, next) = (rest.get(length), rest.get(length + 1));
        scan.read += length + 1;
        if octet == Some(&b'\n') {
            self.flaw = Some(Flaw::Bare);
            self.place = Place::Within;
        } else if next == Some(&b'\n') {
            scan.read += 1;
            self.place = Place::Start;
        } else {
            self.place = Place::Cr;
        }
    }
}

/// One run over a buffer: `written <= kept <= read` cut it into content in its final place, a gap,
/// content that has yet to move, and what was not looked at.
struct Scan {
    read: usize,
    kept: usize,
    written: usize,
    ended: bool,
}

impl Scan {
    /// Leaves out the octet at `read`.
    fn drop_octet(&mut self, octets: &mut [u8]) {
        self.finish(octets);
        self.read += 1;
        self.kept = self.read;
    }

    /// Moves what was kept since the last gap.
    fn finish(&mut self, octets: &mut [u8]) {
        if self.kept != self.written {
            octets.copy_within(self.kept..self.read, self.written);
        }
        self.written += self.read - self.kept;
        self.kept = self.read;
    }
}
