//! The octets of one letter in its folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::unquoted::Unquoted;

/// Octets read at once.
const PIECE: usize = 64 << 10;

/// A letter to be read: a file, or a part of one.
#[derive(Debug)]
pub struct Source {
    file: File,
    start: u64,
    len: u64,
    at: u64,
    quoted: bool,
}

impl Source {
    /// The octets of `file` from `start` to `start + len`. `quoted`: lines like `>From ` have one `>`
    /// too many, as letters in an mbox do.
    pub(super) fn new(file: File, start: u64, len: u64, quoted: bool) -> Self {
        Self { file, start, len, at: 0, quoted }
    }

    /// Octets in the folder; the letter has as many, or a few less where lines are quoted.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// The whole letter as it was, piece by piece.
    pub fn reader(mut self) -> Box<dyn BufRead> {
        self.at = 0;
        let quoted = self.quoted;
        let plain = BufReader::with_capacity(PIECE, self);
        if quoted {
            Box::new(BufReader::with_capacity(PIECE, Unquoted::new(plain)))
        } else {
            Box::new(plain)
        }
    }

    /// A part of it as it was, piece by piece; it begins at the beginning of a line.
    pub fn range(&mut self, range: Range<u64>) -> Box<dyn Read + '_> {
        let len = range.end.min(self.len).saturating_sub(range.start);
        self.at = range.start;
        let quoted = self.quoted;
        let plain = BufReader::with_capacity(PIECE, Read::take(self, len));
        if quoted { Box::new(Unquoted::new(plain)) } else { Box::new(plain) }
    }

    /// The octets of a part of it.
    ///
    /// # Errors
    /// It cannot be read, or is shorter now.
    pub fn read_range(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let len = range.end.min(self.len).saturating_sub(range.start);
        let mut octets = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        self.range(range).read_to_end(&mut octets)?;
        Ok(octets)
    }

    /// The first octets, `max` at most.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.read_range(0..u64::try_from(max).unwrap_or(u64::MAX))
    }
}

fn cut_off() -> io::Error {
    io::Error::other("the letter was cut off by another program")
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        // The letters of an mbox share one file: none may rely on where another has left it.
        let place = self.start + self.at;
        let n = self.file.read_at(buffer.get_mut(..room).unwrap_or_default(), place)?;
        if n == 0 {
            return Err(cut_off());
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(back) => self.len.checked_add_signed(back),
            SeekFrom::Current(on) => self.at.checked_add_signed(on),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::mailbox::text::LocalText;

    fn source(octets: &[u8], quoted: bool) -> Source {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        Source::new(file, 0, octets.len() as u64, quoted)
    }

    /// Register: 5321-4.5.2-d
    #[test]
    fn quoting_is_undone() {
        for text in ["", "From a\n", ">From a\n>>From b\nx >From c\n", "a\n>From \n", ">From"] {
            let (mut quoting, mut quoted) = (LocalText::quoted(), Vec::new());
            quoting.push(text.as_bytes(), &mut quoted);
            quoting.finish(&mut quoted);
            let mut read = Vec::new();
            source(&quoted, true).reader().read_to_end(&mut read).unwrap();
            assert_eq!(source(&quoted, true).read_range(0..u64::MAX).unwrap(), read);
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            assert_eq!(String::from_utf8_lossy(&read), format!("{text}{end}"));
        }
    }

    /// Another program cuts a letter off while it is read: said, never taken for its end.
    #[test]
    fn a_letter_that_shrinks() {
        let mut letter = source(&[b'x'; 1000], false);
        letter.file.set_len(10).unwrap();
        assert_eq!(letter.read_range(0..10).unwrap().len(), 10);
        let told = letter.reader().read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert!(told.contains("cut off"), "{told}");
    }
}
