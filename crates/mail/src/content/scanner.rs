//! Watches content stream past, cut anywhere.

use super::is_name;
use crate::address::Mailbox;

/// Values of Delivered-To kept; a message that came through more mailboxes is in a loop anyway.
pub const DELIVERED_TO_MAX: usize = 32;
/// Octets kept of each: a mailbox has at most 254.
const VALUE_MAX: usize = 320;
/// Octets kept of a field name: more than any of those known here has.
const NAME_KEPT: usize = 16;

/// Where in the header section the next octet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// At the start of a line.
    Start,
    /// After a CR that may end an empty line.
    StartCr,
    /// In a name of so many octets.
    Name(usize),
    /// After the name, before the colon.
    Colon(usize),
    /// In a value, to the end of the line.
    Value,
    /// Past the header section.
    Body,
}

/// The fields that are looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Received,
    DeliveredTo,
    Date,
    From,
    MessageId,
    TlsRequired,
    Other,
}

/// Follows the content of a message: the hops it has made, the mailboxes it has been in, whether
/// octets above 127 occur. Memory is bounded whatever the content is, and the octets may be cut
/// anywhere.
#[derive(Clone, Debug)]
pub struct HeaderScanner {
    place: Place,
    name: [u8; NAME_KEPT],
    field: Known,
    value: Vec<u8>,
    hops: usize,
    delivered_to: Vec<Box<str>>,
    has_date: bool,
    has_from: bool,
    has_message_id: bool,
    tls_optional: bool,
    head_len: u64,
    line_start: u64,
    eight_bit_head: bool,
    eight_bit_body: bool,
}

impl Default for HeaderScanner {
    fn default() -> Self {
        Self {
            place: Place::Start,
            name: [0; NAME_KEPT],
            field: Known::Other,
            value: Vec::new(),
            hops: 0,
            delivered_to: Vec::new(),
            has_date: false,
            has_from: false,
            has_message_id: false,
            tls_optional: false,
            head_len: 0,
            line_start: 0,
            eight_bit_head: false,
            eight_bit_body: false,
        }
    }
}

impl HeaderScanner {
    /// Before the first octet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next octets.
    pub fn feed(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while self.place != Place::Body {
            let Some((&octet, after)) = rest.split_first() else { break };
            if self.place == Place::Value {
                rest = self.skip_value(rest);
                continue;
            }
            if self.step(octet) {
                rest = after;
                self.head_len += 1;
                self.eight_bit_head |= !octet.is_ascii();
            }
        }
        self.eight_bit_body |= !rest.is_ascii();
    }

    /// No octets follow: closes the last field.
    pub fn finish(&mut self) {
        self.end_field();
    }

    /// One octet outside a value. False: it belongs to the body already and was not taken.
    fn step(&mut self, octet: u8) -> bool {
        if self.place == Place::Start {
            self.line_start = self.head_len;
        }
        self.place = match (self.place, octet) {
            (Place::Start, b' ' | b'\t') => Place::Value,
            (Place::Start, b'\r') => Place::StartCr,
            (Place::Start | Place::StartCr, b'\n') => {
                self.end_field();
                Place::Body
            }
            (Place::Start, _) => {
                self.end_field();
                if !is_name(octet) {
                    self.place = Place::Body;
                    return false;
                }
                self.keep(0, octet);
                Place::Name(1)
            }
            (Place::Name(len), b':') | (Place::Colon(len), b':') => {
                self.begin_field(len);
                Place::Value
            }
            (Place::Name(len) | Place::Colon(len), b' ' | b'\t') => Place::Colon(len),
            (Place::Name(len), _) if is_name(octet) => {
                self.keep(len, octet);
                Place::Name(len.saturating_add(1))
            }
            // Not a field: this line is the body's, without the blank line before it.
            _ => {
                self.head_len = self.line_start;
                self.place = Place::Body;
                return false;
            }
        };
        true
    }

    fn keep(&mut self, place: usize, octet: u8) {
        if let Some(kept) = self.name.get_mut(place) {
            *kept = octet.to_ascii_lowercase();
        }
    }

    fn begin_field(&mut self, len: usize) {
        self.field = match self.name.get(..len).unwrap_or_default() {
            b"received" => Known::Received,
            b"delivered-to" => Known::DeliveredTo,
            b"date" => Known::Date,
            b"from" => Known::From,
            b"message-id" => Known::MessageId,
            b"tls-required" => Known::TlsRequired,
            _ => Known::Other,
        };
        match self.field {
            Known::Received => self.hops = self.hops.saturating_add(1),
            Known::Date => self.has_date = true,
            Known::From => self.has_from = true,
            Known::MessageId => self.has_message_id = true,
            Known::DeliveredTo | Known::TlsRequired => self.value.clear(),
            Known::Other => {}
        }
    }

    /// Takes octets of a value up to the end of the line.
    fn skip_value<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
        let (line, rest) = octets.split_at_checked(end).unwrap_or((octets, &[]));
        if line.ends_with(b"\n") {
            self.place = Place::Start;
        }
        if matches!(self.field, Known::DeliveredTo | Known::TlsRequired) {
            let room = VALUE_MAX.saturating_sub(self.value.len());
            self.value.extend(line.iter().filter(|octet| !b"\r\n".contains(octet)).take(room));
        }
        self.eight_bit_head |= !line.is_ascii();
        self.head_len += line.len() as u64;
        rest
    }

    fn end_field(&mut self) {
        if self.field == Known::DeliveredTo && self.delivered_to.len() < DELIVERED_TO_MAX {
            let value = String::from_utf8_lossy(self.value.trim_ascii()).into();
            self.delivered_to.push(value);
        }
        if self.field == Known::TlsRequired {
            self.tls_optional |= self.value.trim_ascii().eq_ignore_ascii_case(b"no");
        }
        self.field = Known::Other;
    }

    /// The Received fields: hosts it has passed through (RFC 5321 §6.3).
    pub fn hops(&self) -> usize {
        self.hops
    }

    /// The values of the Delivered-To fields seen, the first [`DELIVERED_TO_MAX`] of them.
    pub fn delivered_to(&self) -> &[Box<str>] {
        &self.delivered_to
    }

    /// Whether it has been in `mailbox` before: then delivery there again would be a loop.
    pub fn was_in(&self, mailbox: &Mailbox) -> bool {
        let same = |value: &str| {
            value.parse::<Mailbox>().is_ok_and(|seen| {
                seen.domain == mailbox.domain
                    && seen.local.as_str().eq_ignore_ascii_case(mailbox.local.as_str())
            })
        };
        self.delivered_to.iter().any(|value| same(value))
    }

    /// Whether a Date field was seen.
    pub fn has_date(&self) -> bool {
        self.has_date
    }

    /// Whether a From field was seen.
    pub fn has_from(&self) -> bool {
        self.has_from
    }

    /// Whether a Message-ID field was seen.
    pub fn has_message_id(&self) -> bool {
        self.has_message_id
    }

    /// Whether a field `TLS-Required: No` was seen (RFC 8689 §3).
    pub fn tls_optional(&self) -> bool {
        self.tls_optional
    }

    /// Whether the body has begun.
    pub fn in_body(&self) -> bool {
        self.place == Place::Body
    }

    /// Octets of the header section so far, the blank line that ends it included.
    pub fn head_len(&self) -> u64 {
        self.head_len
    }

    /// Whether an octet above 127 was in the header section.
    pub fn eight_bit_head(&self) -> bool {
        self.eight_bit_head
    }

    /// Whether an octet above 127 was in the body.
    pub fn eight_bit_body(&self) -> bool {
        self.eight_bit_body
    }

    /// Whether an octet above 127 was anywhere.
    pub fn eight_bit(&self) -> bool {
        self.eight_bit_head || self.eight_bit_body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row {
        content: &'static [u8],
        hops: usize,
        delivered_to: &'static [&'static str],
        head: u64,
        eight_bit: (bool, bool),
    }

    const fn row(
        content: &'static [u8],
        hops: usize,
        delivered_to: &'static [&'static str],
        head: u64,
        eight_bit: (bool, bool),
    ) -> Row {
        Row { content, hops, delivered_to, head, eight_bit }
    }

    const ROWS: &[Row] = &[
        row(b"", 0, &[], 0, (false, false)),
        row(b"\r\nReceived: x\r\n", 0, &[], 2, (false, false)),
        row(b"Received: a\r\nRECEIVED:b\r\n c\r\n\r\nReceived: x", 2, &[], 31, (false, false)),
        row(b"Received : a\nReceived\t: b\n\nx", 2, &[], 27, (false, false)),
        row(b"X-Received: a\r\nReceived-SPF: b\r\nReceive: c\r\n\r\n", 0, &[], 46, (false, false)),
        row(b"X: a\r\n Received: b\r\n\r\n", 0, &[], 22, (false, false)),
        row(
            b"Delivered-To: a@b.example\r\ndelivered-to:\r\n  c@d.example \r\n\r\n",
            0,
            &["a@b.example", "c@d.example"],
            60,
            (false, false),
        ),
        row(b"Delivered-To: a@b.example", 0, &["a@b.example"], 25, (false, false)),
        row(b"Subject: \xe9\r\n\r\nx", 0, &[], 14, (true, false)),
        row(b"Subject: e\r\n\r\n\xe9", 0, &[], 14, (false, true)),
        row(b"\xe9", 0, &[], 0, (false, true)),
        row(b"Received: a\r\nno field here\r\nReceived: b\r\n", 1, &[], 13, (false, false)),
        row(b"Received: a\r\n\rReceived: b\r\n\r\n", 1, &[], 13, (false, false)),
    ];

    /// Each row whole, in pieces of 3 and octet by octet. Register: 5321-6.3-a, 5321-3.7.2-d.
    #[test]
    fn rows() {
        for row in ROWS {
            for piece in [usize::MAX, 3, 1] {
                let mut scanner = HeaderScanner::new();
                row.content.chunks(piece.min(row.content.len().max(1))).for_each(|chunk| {
                    scanner.feed(chunk);
                });
                scanner.finish();
                let shown = String::from_utf8_lossy(row.content);
                assert_eq!(scanner.hops(), row.hops, "{shown}");
                let values: Vec<_> = scanner.delivered_to().iter().map(|one| &**one).collect();
                assert_eq!(values, row.delivered_to, "{shown}");
                assert_eq!(scanner.head_len(), row.head, "{shown}");
                let eight_bit = (scanner.eight_bit_head(), scanner.eight_bit_body());
                assert_eq!(eight_bit, row.eight_bit, "{shown}");
            }
        }
    }

    #[test]
    fn bounds() {
        let mut scanner = HeaderScanner::new();
        for _ in 0..10_000 {
            scanner.feed(b"Delivered-To: ");
            scanner.feed(&[b'x'; 1000]);
            scanner.feed(b"\r\nReceived: x\r\n");
        }
        scanner.feed(&[b'n'; 100_000]);
        scanner.finish();
        assert_eq!(scanner.hops(), 10_000);
        assert_eq!(scanner.delivered_to().len(), DELIVERED_TO_MAX);
        assert!(scanner.delivered_to().iter().all(|value| value.len() <= VALUE_MAX));
    }

    #[test]
    fn comes_round() {
        let mut scanner = HeaderScanner::new();
        scanner.feed(b"Delivered-To: Ada@MX.example\r\n\r\n");
        assert!(scanner.was_in(&"ada@mx.Example".parse().unwrap()));
        assert!(!scanner.was_in(&"bob@mx.example".parse().unwrap()));
    }

    /// Register: 8689-4.1-c.
    #[test]
    fn tls_required() {
        let rows: &[(&[u8], bool)] = &[
            (b"TLS-Required: No\r\n\r\nx\r\n", true),
            (b"A: 1\r\ntls-required:\r\n\tNO \r\n\r\n", true),
            (b"TLS-Required: No\r\n", true),
            (b"TLS-Required: Yes\r\n\r\n", false),
            (b"TLS-Required:\r\n\r\n", false),
            (b"X-TLS-Required: No\r\n\r\n", false),
            (b"A: 1\r\n TLS-Required: No\r\n\r\n", false),
            (b"A: 1\r\n\r\nTLS-Required: No\r\n", false),
        ];
        for (content, want) in rows {
            for piece in [1, 3, 1000] {
                let mut scanner = HeaderScanner::new();
                content.chunks(piece).for_each(|chunk| scanner.feed(chunk));
                scanner.finish();
                assert_eq!(scanner.tls_optional(), *want, "{}", content.escape_ascii());
            }
        }
    }
}
