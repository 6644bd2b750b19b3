//! The encoding under the records: a version octet, then fields of `tag length octets`, tag and
//! length as varints (seven bits an octet, lowest first). A reader skips tags it does not know, so
//! a newer writer may add fields; a field that changes its meaning gets a new tag.

use super::RecordError;

/// The version all records are written in.
pub(super) const VERSION: u8 = 1;

/// Appends fields to a buffer.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A record of its own, with the version octet.
    pub(super) fn record(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(VERSION);
        Self(out)
    }

    /// The inside of a field that has fields itself.
    pub(super) fn nested() -> Self {
        Self(Vec::new())
    }

    pub(super) fn octets(&mut self, tag: u64, octets: &[u8]) {
        self.varint(tag);
        self.varint(octets.len() as u64);
        self.0.extend_from_slice(octets);
    }

    pub(super) fn text(&mut self, tag: u64, text: &str) {
        self.octets(tag, text.as_bytes());
    }

    pub(super) fn number(&mut self, tag: u64, number: u64) {
        let mut inner = Self::nested();
        inner.varint(number);
        self.octets(tag, &inner.0);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields in the order they were written.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over a record with its version octet.
    pub(super) fn record(octets: &'a [u8]) -> Result<Self, RecordError> {
        match octets.split_first() {
            None => Err(RecordError::Truncated),
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((&version, _)) => Err(RecordError::Version(version)),
        }
    }

    /// Over the inside of a field.
    pub(super) fn nested(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The next field, `None` at the end.
    pub(super) fn field(&mut self) -> Result<Option<(u64, &'a [u8])>, RecordError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let len = usize::try_from(self.varint()?).map_err(|_| RecordError::Truncated)?;
        let (field, rest) = self.0.split_at_checked(len).ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(Some((tag, field)))
    }

    fn varint(&mut self) -> Result<u64, RecordError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&octet, rest) = self.0.split_first().ok_or(RecordError::Truncated)?;
            self.0 = rest;
            let bits = u64::from(octet & 0x7f);
            // The tenth octet has room for one bit only.
            if shift == 63 && octet > 1 {
                return Err(RecordError::Malformed("number"));
            }
            number |= bits << shift;
            if octet < 0x80 {
                return Ok(number);
            }
        }
        Err(RecordError::Malformed("number"))
    }
}

/// The number in a field.
pub(super) fn number(octets: &[u8], what: &'static str) -> Result<u64, RecordError> {
    let mut reader = Reader(octets);
    let number = reader.varint().map_err(|_| RecordError::Malformed(what))?;
    if reader.0.is_empty() { Ok(number) } else { Err(RecordError::Malformed(what)) }
}

/// The text in a field.
pub(super) fn text(octets: &[u8], what: &'static str) -> Result<String, RecordError> {
    let text = std::str::from_utf8(octets).map_err(|_| RecordError::Malformed(what))?;
    Ok(text.to_owned())
}

/// The value in a field that `read` reads from text.
pub(super) fn read_as<T, E>(
    octets: &[u8],
    what: &'static str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, RecordError> {
    let text = std::str::from_utf8(octets).map_err(|_| RecordError::Malformed(what))?;
    read(text).map_err(|_| RecordError::Malformed(what))
}

/// The value in a field that reads itself from text.
pub(super) fn parsed<T: std::str::FromStr>(
    octets: &[u8],
    what: &'static str,
) -> Result<T, RecordError> {
    read_as(octets, what, str::parse)
}
