//! The encoding under the records: a version octet, then fields of `tag length octets`, tag and
//! length as varints (seven bits an octet, lowest first). A reader skips tags it does not know, so
//! a newer writer may add fields; a field that changes its meaning gets a new tag.

use super::RecordError;

/// The version all records are written in.
pub(crate) const VERSION: u8 = 1;

/// Appends fields to a buffer.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// A record of its own, with the version octet.
    pub(crate) fn record(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(VERSION);
        Self(out)
    }

    /// The inside of a field that has fields itself.
    pub(crate) fn nested() -> Self {
        Self(Vec::new())
    }

    /// Appends a record, with its version octet, to what `buffer` holds.
    pub(crate) fn onto(mut buffer: Vec<u8>) -> Self {
        buffer.push(VERSION);
        Self(buffer)
    }

    pub(crate) fn octets(&mut self, tag: u64, octets: &[u8]) {
        self.varint(tag);
        self.varint(octets.len() as u64);
        self.0.extend_from_slice(octets);
    }

    pub(crate) fn text(&mut self, tag: u64, text: &str) {
        self.octets(tag, text.as_bytes());
    }

    pub(crate) fn number(&mut self, tag: u64, number: u64) {
        self.varint(tag);
        self.varint(varint_len(number));
        self.varint(number);
    }

    /// Numbers one after the other.
    pub(crate) fn numbers(&mut self, tag: u64, numbers: impl Iterator<Item = u64> + Clone) {
        self.varint(tag);
        self.varint(numbers.clone().map(varint_len).sum());
        numbers.for_each(|number| self.varint(number));
    }

    fn varint(&mut self, number: u64) {
        varint(&mut self.0, number);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Appends `number`.
pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Octets of `number` as a varint.
fn varint_len(number: u64) -> u64 {
    u64::from(64 - number.leading_zeros()).div_ceil(7).max(1)
}

/// Reads fields in the order they were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over a record with its version octet.
    pub(crate) fn record(octets: &'a [u8]) -> Result<Self, RecordError> {
        match octets.split_first() {
            None => Err(RecordError::Truncated),
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((&version, _)) => Err(RecordError::Version(version)),
        }
    }

    /// Over the inside of a field.
    pub(crate) fn nested(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The next field, `None` at the end.
    pub(crate) fn field(&mut self) -> Result<Option<(u64, &'a [u8])>, RecordError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let len = self.varint()?;
        Ok(Some((tag, self.take(len)?)))
    }

    /// The next octets as they are.
    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8], RecordError> {
        let len = usize::try_from(len).map_err(|_| RecordError::Truncated)?;
        let (field, rest) = self.0.split_at_checked(len).ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(field)
    }

    /// Octets that are still to be read.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn varint(&mut self) -> Result<u64, RecordError> {
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
pub(crate) fn number(octets: &[u8], what: &'static str) -> Result<u64, RecordError> {
    let mut reader = Reader(octets);
    let number = reader.varint().map_err(|_| RecordError::Malformed(what))?;
    if reader.0.is_empty() { Ok(number) } else { Err(RecordError::Malformed(what)) }
}

/// The numbers in a field.
pub(crate) fn numbers(octets: &[u8], what: &'static str) -> Result<Vec<u64>, RecordError> {
    let mut reader = Reader(octets);
    let mut numbers = Vec::new();
    while !reader.0.is_empty() {
        numbers.push(reader.varint().map_err(|_| RecordError::Malformed(what))?);
    }
    Ok(numbers)
}

/// The text in a field.
pub(crate) fn text(octets: &[u8], what: &'static str) -> Result<String, RecordError> {
    let text = std::str::from_utf8(octets).map_err(|_| RecordError::Malformed(what))?;
    Ok(text.to_owned())
}

/// The value in a field that `read` reads from text.
pub(crate) fn read_as<T, E>(
    octets: &[u8],
    what: &'static str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, RecordError> {
    let text = std::str::from_utf8(octets).map_err(|_| RecordError::Malformed(what))?;
    read(text).map_err(|_| RecordError::Malformed(what))
}

/// The value in a field that reads itself from text.
pub(crate) fn parsed<T: std::str::FromStr>(
    octets: &[u8],
    what: &'static str,
) -> Result<T, RecordError> {
    read_as(octets, what, str::parse)
}
