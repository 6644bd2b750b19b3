//! The line ends of a text typed or piped in, made those of the wire: every line ends in CR LF and
//! no CR or LF stands alone (RFC 5321 §2.3.8, RFC 5322 §2.3).

/// Turns LF, CR LF and lone CR into CR LF, piece by piece.
#[derive(Debug, Default)]
pub struct Canonical {
    /// The last octet was a CR whose line end is already written.
    after_cr: bool,
    /// The last line has octets and no end.
    open: bool,
}

impl Canonical {
    /// Appends the canonical form of the next `octets`, cut anywhere.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
            let (line, tail) = rest.split_at(end);
            out.extend_from_slice(line);
            self.open |= !line.is_empty();
            let byte = tail.first().copied().unwrap_or(b'\n');
            let second_half = byte == b'\n' && self.after_cr && line.is_empty();
            if !second_half {
                out.extend_from_slice(b"\r\n");
                self.open = false;
            }
            self.after_cr = byte == b'\r';
            rest = tail.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            out.extend_from_slice(rest);
            (self.open, self.after_cr) = (true, false);
        }
    }

    /// Ends the last line if it has no end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            out.extend_from_slice(b"\r\n");
        }
        self.after_cr = false;
    }
}

/// What a text needs of its transport, learnt while it passes by in canonical form.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// An octet above 127 was seen.
    pub eight_bit: bool,
    /// Octets of the longest line, CR LF not counted.
    pub longest_line: usize,
    /// A NUL was seen, which no line of text may hold (RFC 5322 §2.1).
    pub nul: bool,
    line: usize,
    utf8: Utf8,
}

impl Survey {
    /// Looks at the next octets.
    pub fn push(&mut self, octets: &[u8]) {
        for &byte in octets {
            match byte {
                b'\n' => self.line = 0,
                b'\r' => {}
                _ => self.line += 1,
            }
            self.longest_line = self.longest_line.max(self.line);
            self.eight_bit |= byte >= 0x80;
            self.nul |= byte == 0;
            self.utf8.push(byte);
        }
    }

    /// Whether all octets together are UTF-8.
    pub fn is_utf8(&self) -> bool {
        !self.utf8.broken && self.utf8.missing == 0
    }
}

/// Checks UTF-8 octet by octet (RFC 3629 §4).
#[derive(Clone, Debug, Default)]
struct Utf8 {
    missing: u8,
    /// Bounds of the next octet, narrower after some first octets.
    next: (u8, u8),
    broken: bool,
}

impl Utf8 {
    fn push(&mut self, byte: u8) {
        if self.missing > 0 {
            self.broken |= !(self.next.0..=self.next.1).contains(&byte);
            self.missing -= 1;
            self.next = (0x80, 0xbf);
            return;
        }
        (self.missing, self.next) = match byte {
            0xc2..=0xdf => (1, (0x80, 0xbf)),
            0xe0 => (2, (0xa0, 0xbf)),
            0xed => (2, (0x80, 0x9f)),
            0xe1..=0xef => (2, (0x80, 0xbf)),
            0xf0 => (3, (0x90, 0xbf)),
            0xf1..=0xf3 => (3, (0x80, 0xbf)),
            0xf4 => (3, (0x80, 0x8f)),
            _ => (0, (0, 0)),
        };
        self.broken |= byte >= 0x80 && self.missing == 0;
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
