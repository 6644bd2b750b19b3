//! Content as octets: where the header section ends, which fields it has, and what a stream of
//! content shows while it passes. Nothing here decodes: fields are places in the octets as they came.

/// Octets of a header section that a [`HeaderScanner`] keeps at most.
pub const HEADER_KEPT_MAX: usize = 256 * 1024;

/// Where the header section ends: the place after the blank line, `None` while it has not come.
pub fn header_end(content: &[u8]) -> Option<usize> {
    if content.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(content, b"\r\n\r\n").map(|place| place + 4)
}

/// One header field, as a place in the header section.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    name: &'a [u8],
    value: &'a [u8],
    value_at: usize,
}

impl<'a> Field<'a> {
    /// The name as it came, without blanks before the colon.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Whether the field has this name, in any case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What follows the colon, folds included, without the last CR LF.
    pub fn raw_value(&self) -> &'a [u8] {
        self.value
    }

    /// Where [`raw_value`](Self::raw_value) begins in the header section.
    pub fn value_at(&self) -> usize {
        self.value_at
    }

    /// The value unfolded: each CR LF before white space removed, nothing else (RFC 5322 §2.2.3).
    pub fn unfolded(&self) -> Vec<u8> {
        let mut value = self.value.to_vec();
        value.retain(|octet| !matches!(octet, b'\r' | b'\n'));
        value
    }
}

/// The fields of a header section in order. Lines that are no field (no colon) are passed over.
pub fn fields(header: &[u8]) -> Fields<'_> {
    Fields { header, at: 0 }
}

/// See [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    header: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let start = self.at;
            let rest = self.header.get(start..)?;
            if rest.is_empty() || rest.starts_with(b"\r\n") {
                return None;
            }
            let len = field_len(rest);
            self.at = start + len;
            let line = rest.get(..len)?;
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
            if memchr::memchr(b'\n', name).is_some() {
                continue;
            }
            return Some(Field { name: name.trim_ascii_end(), value, value_at: start + colon + 1 });
        }
    }
}

/// The octets of the first field of `rest` with its folded lines and its last CR LF.
fn field_len(rest: &[u8]) -> usize {
    for end in memchr::memmem::find_iter(rest, b"\r\n") {
        if !matches!(rest.get(end + 2), Some(b' ' | b'\t')) {
            return end + 2;
        }
    }
    rest.len()
}

/// Looks at content as it streams past: hops, 8-bit octets, and where asked the header section.
#[derive(Debug)]
pub struct HeaderScanner {
    keep: bool,
    header: Vec<u8>,
    state: State,
    matched: usize,
    hops: usize,
    eight_bit: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// At the first octet of a line.
    LineStart,
    /// The line may be a `Received` field: so many octets of its name fit.
    Name,
    /// The rest of a line is of no interest.
    Rest,
    /// A CR at the start of a line: the blank line that ends the header, if LF follows.
    BlankCr,
    /// In the body.
    Body,
}

const RECEIVED: &[u8] = b"received";

impl HeaderScanner {
    /// A scanner at the start of content. `keep`: keep the header section for
    /// [`header`](Self::header), up to [`HEADER_KEPT_MAX`].
    pub fn new(keep: bool) -> Self {
        Self { keep, header: Vec::new(), state: State::LineStart, matched: 0, hops: 0, eight_bit: false }
    }

    /// The next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        self.eight_bit = self.eight_bit || !octets.is_ascii();
        let mut at = 0;
        while self.state != State::Body {
            let Some(&octet) = octets.get(at) else { break };
            at += 1;
            match self.state {
                State::Rest => match memchr::memchr(b'\n', octets.get(at - 1..).unwrap_or_default()) {
                    Some(place) => {
                        at += place;
                        self.state = State::LineStart;
                    }
                    None => at = octets.len(),
                },
                State::LineStart if octet == b'\r' => self.state = State::BlankCr,
                State::LineStart => {
                    self.matched = 0;
                    self.state = State::Name;
                    self.name(octet);
                }
                State::Name => self.name(octet),
                State::BlankCr if octet == b'\n' => self.state = State::Body,
                State::BlankCr | State::Body => self.state = State::Rest,
            }
        }
        if self.keep && at > 0 && self.header.len() < HEADER_KEPT_MAX {
            let room = HEADER_KEPT_MAX - self.header.len();
            self.header.extend_from_slice(octets.get(..at.min(room)).unwrap_or_default());
        }
    }

    fn name(&mut self, octet: u8) {
        match RECEIVED.get(self.matched) {
            Some(want) if octet.to_ascii_lowercase() == *want => self.matched += 1,
            None if octet == b':' => {
                self.hops += 1;
                self.state = State::Rest;
            }
            None if matches!(octet, b' ' | b'\t') => {}
            _ if octet == b'\n' => self.state = State::LineStart,
            _ => self.state = State::Rest,
        }
    }

    /// `Received` fields so far.
    pub fn hops(&self) -> usize {
        self.hops
    }

    /// Whether an octet above 127 came.
    pub fn has_eight_bit(&self) -> bool {
        self.eight_bit
    }

    /// The header section with its blank line, where it was kept and came whole; else nothing.
    pub fn header(&self) -> &[u8] {
        if self.state == State::Body && self.header.len() < HEADER_KEPT_MAX { &self.header } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 5321-6.3-a.
    #[test]
    fn hops_are_counted_in_the_header_only() {
        let rows: &[(&[u8], usize, &[u8])] = &[
            (b"Received: a\r\nReceived: b\r\n\r\nReceived: body\r\n", 2, b"Received: a\r\nReceived: b\r\n\r\n"),
            (b"received : x\r\n\treceived: folded\r\nX-Received: y\r\n\r\n", 1, b"received : x\r\n\treceived: folded\r\nX-Received: y\r\n\r\n"),
            (b"\r\nReceived: body\r\n", 0, b"\r\n"),
            (b"Receive: a\r\nReceivedX: b\r\n", 0, b""),
            (b"", 0, b""),
        ];
        for (content, hops, header) in rows {
            for piece in [usize::MAX, 7, 1] {
                let mut scanner = HeaderScanner::new(true);
                content.chunks(piece.min(content.len().max(1))).for_each(|piece| scanner.feed(piece));
                assert_eq!((scanner.hops(), scanner.header()), (*hops, *header), "{content:?}");
            }
        }
    }

    #[test]
    fn fields_are_places_in_the_header() {
        let header = b"From: a@b.example\r\nno field\r\nSubject : one\r\n two\r\n\r\nTo: body\r\n";
        let found: Vec<(Vec<u8>, Vec<u8>)> =
            fields(header).map(|field| (field.name().to_vec(), field.unfolded())).collect();
        let want: [(&[u8], &[u8]); 2] = [(b"From", b" a@b.example"), (b"Subject", b" one two")];
        assert_eq!(found, want.map(|(name, value)| (name.to_vec(), value.to_vec())));
        for field in fields(header) {
            assert!(header[field.value_at()..].starts_with(field.raw_value()));
        }
        assert_eq!(header_end(header), Some(header.len() - 10));
    }
}
