//! What octets are like, and which encoding they need (RFC 2045 §2.7 to §2.9).

use super::TransferEncoding;

/// The longest line without its line end (RFC 5322 §2.1.1).
pub const LINE_OCTETS_MAX: usize = 998;

/// Watches octets stream past and tells what they need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measure {
    total: u64,
    high: u64,
    controls: u64,
    line: usize,
    longest: usize,
    last: Option<u8>,
    nul: bool,
    bare: bool,
    blank_end: bool,
}

impl Measure {
    /// Before the first octet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of octets held whole.
    pub fn of(octets: &[u8]) -> Self {
        let mut measure = Self::new();
        measure.feed(octets);
        measure
    }

    /// The next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.octet(octet);
        }
    }

    fn octet(&mut self, octet: u8) {
        self.total += 1;
        let after_cr = self.last == Some(b'\r');
        match octet {
            b'\n' if after_cr => self.line = 0,
            _ => {
                self.bare |= after_cr || octet == b'\n';
                if octet != b'\r' {
                    self.line += 1;
                    self.longest = self.longest.max(self.line);
                }
            }
        }
        if octet == b'\r' && matches!(self.last, Some(b' ' | b'\t')) {
            self.blank_end = true;
        }
        match octet {
            0 => self.nul = true,
            128.. => self.high += 1,
            1..=8 | 11..=31 | 127 if octet != b'\r' => self.controls += 1,
            _ => {}
        }
        self.last = Some(octet);
    }

    /// Whether there are CRs or LFs that are not CR LF.
    pub fn has_bare_line_ends(&self) -> bool {
        self.bare || self.last == Some(b'\r')
    }

    /// Octets of the longest line, without its line end.
    pub fn longest_line(&self) -> usize {
        self.longest
    }

    /// The least label that is true of these octets: 7bit, 8bit or binary (RFC 2045 §6.2).
    pub fn domain(&self) -> TransferEncoding {
        let lines = !self.nul && !self.has_bare_line_ends() && self.longest <= LINE_OCTETS_MAX;
        match lines {
            false => TransferEncoding::Binary,
            true if self.high > 0 => TransferEncoding::EightBit,
            true => TransferEncoding::SevenBit,
        }
    }

    /// The encoding for a path that takes no more than `path`: the octets as they are where that
    /// carries them, else quoted-printable where most of it can be read, else base64.
    ///
    /// `text`: the octets are lines of text; others may not be changed on the way, and so must not
    /// depend on hosts that keep blanks at line ends.
    pub fn choose(&self, path: TransferEncoding, text: bool) -> TransferEncoding {
        let carried = matches!(
            (self.domain(), path),
            (TransferEncoding::SevenBit, _)
                | (TransferEncoding::EightBit, TransferEncoding::EightBit)
                | (_, TransferEncoding::Binary)
        );
        if carried && (text || !self.blank_end) {
            return self.domain();
        }
        // Each encoded octet takes three; base64 takes four for three of all.
        let quoted = self.high + self.controls;
        let readable = text || !self.has_bare_line_ends();
        if readable && quoted * 6 <= self.total {
            TransferEncoding::QuotedPrintable
        } else {
            TransferEncoding::Base64
        }
    }
}
