//! A letter of an mbox as it was, read piece by piece: each line like `>From ` loses one `>`.

use std::io::{self, BufRead, Read};

const FROM: &[u8] = b"From ";

/// Takes the marks away while it is read.
pub(super) struct Unquoted<R> {
    from: R,
    place: Place,
    /// Marks to be given out, then `ready` from `given` on.
    marks: u64,
    ready: Vec<u8>,
    given: usize,
}

/// Where in its line the next octet stands.
#[derive(Clone, Copy)]
enum Place {
    /// After so many marks and so much of `From `.
    Begin(u64, usize),
    Inside,
}

impl<R: BufRead> Unquoted<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, place: Place::Begin(0, 0), marks: 0, ready: Vec::new(), given: 0 }
    }

    /// Makes something ready; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.ready.clear();
        self.given = 0;
        let octets = self.from.fill_buf()?;
        let Some(&first) = octets.first() else {
            // What looked like a mark is the end of the letter.
            let Place::Begin(marks, some) = self.place else { return Ok(false) };
            self.place = Place::Inside;
            self.marks = marks;
            self.ready.extend_from_slice(FROM.get(..some).unwrap_or_default());
            return Ok(marks > 0 || some > 0);
        };
        let used = match self.place {
            Place::Inside => {
                let end = memchr::memchr(b'\n', octets);
                let used = end.map_or(octets.len(), |end| end + 1);
                self.ready.extend_from_slice(octets.get(..used).unwrap_or_default());
                if end.is_some() {
                    self.place = Place::Begin(0, 0);
                }
                used
            }
            Place::Begin(marks, 0) if first == b'>' => {
                self.place = Place::Begin(marks + 1, 0);
                1
            }
            Place::Begin(marks, some) if FROM.get(some) == Some(&first) => {
                self.place = Place::Begin(marks, some + 1);
                if some + 1 == FROM.len() {
                    self.place = Place::Inside;
                    self.marks = marks.saturating_sub(1);
                    self.ready.extend_from_slice(FROM);
                }
                1
            }
            Place::Begin(marks, some) => {
                self.place = Place::Inside;
                self.marks = marks;
                self.ready.extend_from_slice(FROM.get(..some).unwrap_or_default());
                0
            }
        };
        self.from.consume(used);
        Ok(true)
    }
}

impl<R: BufRead> Read for Unquoted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while let Some(room) = buffer.get_mut(written..).filter(|room| !room.is_empty()) {
            if self.marks > 0 {
                let many = usize::try_from(self.marks).unwrap_or(usize::MAX).min(room.len());
                room.iter_mut().take(many).for_each(|octet| *octet = b'>');
                self.marks -= many as u64;
                written += many;
                continue;
            }
            let mut rest = self.ready.get(self.given..).unwrap_or_default();
            if !rest.is_empty() {
                let n = rest.read(room)?;
                self.given += n;
                written += n;
            } else if !self.advance()? {
                break;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// However the octets are cut, the same comes out as from the whole.
    #[test]
    fn as_the_whole() {
        let many = |marks: usize| format!("{}From x\n", ">".repeat(marks));
        let (quoted, unquoted) = (many(300), many(299));
        let rows = [
            ("", ""),
            ("From a\n", "From a\n"),
            (">From a\n>>From b\nx >From c\n", "From a\n>From b\nx >From c\n"),
            ("a\n>From", "a\n>From"),
            ("a\n>>", "a\n>>"),
            ("\n>From \n>Fro\n>> From \n", "\nFrom \n>Fro\n>> From \n"),
            (">\n\n>F\nFrom", ">\n\n>F\nFrom"),
            (quoted.as_str(), unquoted.as_str()),
        ];
        for (text, want) in rows {
            for piece in [1, 2, 7, 4096] {
                let from = BufReader::with_capacity(piece, text.as_bytes());
                let (mut unquoted, mut got) = (Unquoted::new(from), Vec::new());
                unquoted.read_to_end(&mut got).unwrap();
                assert_eq!(got, want.as_bytes(), "{text:?} by {piece}");
            }
        }
    }
}
