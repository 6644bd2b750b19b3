//! Octets that are written, given on as text: in whole lines and whole characters, whatever the
//! pieces in which they came. Of a line without end a piece at a time is held.

use std::io::{self, Write};

/// Octets of a line that are held until its end comes.
const LINE_HELD_MAX: usize = 64 << 10;

/// Gives text to `give`: what is no UTF-8 is marked as such, lines end in `\n`.
pub struct AsText<F> {
    held: Vec<u8>,
    give: F,
}

impl<F: FnMut(&str) -> io::Result<()>> AsText<F> {
    /// Nothing is held yet.
    pub fn new(give: F) -> Self {
        Self { held: Vec::new(), give }
    }

    /// Gives the last line, which has no end.
    ///
    /// # Errors
    /// What `give` says.
    pub fn finish(mut self) -> io::Result<()> {
        let all = self.held.len();
        self.give(all)
    }

    fn give(&mut self, end: usize) -> io::Result<()> {
        if end == 0 {
            return Ok(());
        }
        let octets: Vec<u8> = self.held.drain(..end).collect();
        (self.give)(&String::from_utf8_lossy(&octets).replace("\r\n", "\n"))
    }
}

impl<F: FnMut(&str) -> io::Result<()>> Write for AsText<F> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(octets);
        let end = match memchr::memrchr(b'\n', &self.held) {
            Some(at) => at + 1,
            None if self.held.len() < LINE_HELD_MAX => 0,
            None => whole(&self.held),
        };
        self.give(end)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of `octets` ends neither within a character nor between CR and LF.
fn whole(octets: &[u8]) -> usize {
    let len = octets.len();
    for (back, octet) in (1..=3).zip(octets.iter().rev()) {
        let needed = match octet {
            b'\r' if back == 1 => 2,
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            0x80.. => continue,
            _ => 1,
        };
        return if needed > back { len - back } else { len };
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the octets are cut, the same text comes out.
    #[test]
    fn whole_lines_and_characters() {
        let long = "x漢é".repeat(LINE_HELD_MAX);
        let rows: [(&[u8], &str); 7] = [
            (b"", ""),
            (b"a\r\nb\n", "a\nb\n"),
            (b"\x1b[2J\r\n\xff\n", "\u{1b}[2J\n\u{fffd}\n"),
            ("Grüße".as_bytes(), "Grüße"),
            (b"cut \xc3", "cut \u{fffd}"),
            (b"\r\r\n", "\r\n"),
            (long.as_bytes(), &long),
        ];
        for (octets, want) in rows {
            for piece in [1, 3, 4096] {
                // Octet by octet a long line would take long.
                let piece = if octets.len() > 1000 { piece.max(1000) } else { piece };
                let (mut got, mut largest) = (String::new(), 0);
                let mut text = AsText::new(|text: &str| {
                    got += text;
                    largest = largest.max(text.len());
                    Ok(())
                });
                octets.chunks(piece).for_each(|piece| text.write_all(piece).unwrap());
                text.finish().unwrap();
                assert_eq!(got, want);
                assert!(largest <= LINE_HELD_MAX + 4096);
            }
        }
    }
}
