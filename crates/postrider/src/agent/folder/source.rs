//! The octets of one letter in its folder.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A letter to be read: a file, or a part of one.
#[derive(Debug)]
pub struct Source {
    file: File,
    start: u64,
    len: u64,
    at: u64,
    quoted: bool,
    /// The file stands where the next octet is.
    placed: bool,
}

impl Source {
    /// The octets of `file` from `start` to `start + len`. `quoted`: lines like `>From ` have one `>`
    /// too many, as letters in an mbox do.
    pub(super) fn new(file: File, start: u64, len: u64, quoted: bool) -> Self {
        Self { file, start, len, at: 0, quoted, placed: false }
    }

    /// Octets in the folder; the letter has as many, or a few less where lines are quoted.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// The whole letter.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_all(mut self) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(0))?;
        let mut octets = Vec::with_capacity(usize::try_from(self.len).unwrap_or_default());
        self.read_to_end(&mut octets)?;
        if self.quoted {
            unquote(&mut octets);
        }
        Ok(octets)
    }

    /// The octets of a part of it.
    ///
    /// # Errors
    /// It cannot be read, or is shorter now.
    pub fn read_range(&mut self, range: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
        let len = range.end.min(self.len).saturating_sub(range.start);
        self.seek(SeekFrom::Start(range.start))?;
        let mut octets = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        (&mut *self).take(len).read_to_end(&mut octets)?;
        if octets.len() as u64 != len {
            return Err(io::Error::other("the letter was cut off by another program"));
        }
        if self.quoted {
            unquote(&mut octets);
        }
        Ok(octets)
    }

    /// The first octets, `max` at most.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        (&mut *self).take(u64::try_from(max).unwrap_or(u64::MAX)).read_to_end(&mut octets)?;
        Ok(octets)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        if !self.placed {
            self.file.seek(SeekFrom::Start(self.start + self.at))?;
            self.placed = true;
        }
        let n = self.file.read(buffer.get_mut(..room).unwrap_or_default())?;
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
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        (self.at, self.placed) = (place, false);
        Ok(place)
    }
}

/// Takes one `>` from each line `>From `, `>>From ` and so on: what [`LocalText`] put there.
///
/// [`LocalText`]: crate::mailbox::text::LocalText
pub(super) fn unquote(octets: &mut Vec<u8>) {
    let mut cuts = Vec::new();
    for at in memchr::memmem::find_iter(octets, b">From ") {
        let before = octets.get(..at).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        if before.get(line..).is_some_and(|arrows| arrows.iter().all(|octet| *octet == b'>')) {
            cuts.push(line);
        }
    }
    if cuts.is_empty() {
        return;
    }
    let mut kept = Vec::with_capacity(octets.len());
    let mut from = 0;
    for cut in cuts {
        kept.extend_from_slice(octets.get(from..cut).unwrap_or_default());
        from = cut + 1;
    }
    kept.extend_from_slice(octets.get(from..).unwrap_or_default());
    *octets = kept;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::text::LocalText;

    /// Register: 5321-4.5.2-d
    #[test]
    fn quoting_is_undone() {
        for text in ["", "From a\n", ">From a\n>>From b\nx >From c\n", "a\n>From \n", ">From"] {
            let (mut quoting, mut quoted) = (LocalText::quoted(), Vec::new());
            quoting.push(text.as_bytes(), &mut quoted);
            quoting.finish(&mut quoted);
            unquote(&mut quoted);
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            assert_eq!(String::from_utf8_lossy(&quoted), format!("{text}{end}"));
        }
    }
}
