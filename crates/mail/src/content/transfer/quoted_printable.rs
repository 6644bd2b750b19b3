//! Quoted-printable (RFC 2045 §6.7).

use super::LINE_MAX;
use crate::content::defect::{Defect, Defects};

/// What the octets are that are to be encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Lines of text: CR LF is a line break and stays one; a lone CR or LF is encoded.
    Text,
    /// Octets without lines: CR and LF are encoded always (RFC 2045 §6.7, rule 4).
    Binary,
}

/// Encodes octets into lines of at most 76.
///
/// A blank or tab at the end of a line is encoded, and so are `From ` and a dot at the start of one,
/// which hosts on the way like to change (RFC 2049 §3).
#[derive(Clone, Debug)]
pub struct QuotedPrintableEncoder {
    source: Source,
    column: usize,
    /// The last octets, which cannot be written before the next is seen: a blank, or a CR.
    held: Option<u8>,
}

impl QuotedPrintableEncoder {
    /// Before the first octet.
    pub fn new(source: Source) -> Self {
        Self { source, column: 0, held: None }
    }

    /// The next octets; their encoding is appended to `out`.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for &octet in octets {
            self.octet(octet, out);
        }
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        let text = self.source == Source::Text;
        match (self.held.take(), octet) {
            (Some(b'\r'), b'\n') => {
                out.extend_from_slice(b"\r\n");
                self.column = 0;
                return;
            }
            (Some(b'\r'), _) => self.encoded(b'\r', out),
            // Before a line break a blank would be lost.
            (Some(blank), b'\r') if text => {
                self.encoded(blank, out);
            }
            (Some(blank), _) => self.literal(blank, out),
            (None, _) => {}
        }
        match octet {
            b'\r' if text => self.held = Some(octet),
            b' ' | b'\t' => self.held = Some(octet),
            b'.' | b'F' if self.column == 0 => self.encoded(octet, out),
            33..=60 | 62..=126 => self.literal(octet, out),
            _ => self.encoded(octet, out),
        }
    }

    /// No octets follow.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if let Some(octet) = self.held.take() {
            self.encoded(octet, out);
        }
    }

    /// A soft line break, where `more` octets would go past column 75; the last is for the `=`.
    fn room(&mut self, more: usize, out: &mut Vec<u8>) {
        if self.column + more > LINE_MAX - 1 {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
    }

    fn literal(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.room(1, out);
        if self.column == 0 && matches!(octet, b'.' | b'F') {
            return self.encoded(octet, out);
        }
        out.push(octet);
        self.column += 1;
    }

    fn encoded(&mut self, octet: u8, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        self.room(3, out);
        out.extend_from_slice(&[b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
        self.column += 3;
    }
}

/// Octets of a line's end held until it is known whether it is a line's end.
const HELD_MAX: usize = 1000;

/// Takes blanks at line ends away, and leaves and reports what stands for nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    /// Blanks and CRs that may end a line, or a `=` and what follows it up to two octets.
    held: Vec<u8>,
    bad: bool,
}

impl Decoder {
    pub(super) fn feed(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        let mut rest = encoded;
        while let Some((&octet, after)) = rest.split_first() {
            if self.held.is_empty() {
                rest = self.line(rest, out);
                continue;
            }
            rest = after;
            if self.held.first() == Some(&b'=') {
                self.escape(octet, out);
            } else {
                self.blank(octet, out);
            }
        }
    }

    /// Takes text up to the end of the line or the next `=`, or all of it; nothing is held before.
    fn line<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let at = memchr::memchr2(b'=', b'\n', rest);
        let (text, after) = rest.split_at_checked(at.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        self.bad |= !text.is_ascii();
        let ending = after.first();
        if ending == Some(&b'=') {
            out.extend_from_slice(text);
            self.held.push(b'=');
            return after.get(1..).unwrap_or_default();
        }
        let blanks = text.iter().rev().take(HELD_MAX).take_while(|one| b" \t\r".contains(one));
        let (text, blanks) =
            text.split_at_checked(text.len() - blanks.count()).unwrap_or((text, &[]));
        out.extend_from_slice(text);
        match ending {
            Some(_) => out.extend_from_slice(if blanks.ends_with(b"\r") { b"\r\n" } else { b"\n" }),
            None => self.held.extend_from_slice(blanks),
        }
        after.get(1..).unwrap_or_default()
    }

    /// After blanks that may end a line.
    fn blank(&mut self, octet: u8, out: &mut Vec<u8>) {
        match octet {
            b'\n' => {
                let cr = self.held.last() == Some(&b'\r');
                self.held.clear();
                out.extend_from_slice(if cr { b"\r\n" } else { b"\n" });
            }
            b' ' | b'\t' | b'\r' if self.held.len() < HELD_MAX => self.held.push(octet),
            b'=' => {
                out.append(&mut self.held);
                self.held.push(octet);
            }
            _ => {
                out.append(&mut self.held);
                self.bad |= !octet.is_ascii();
                out.push(octet);
            }
        }
    }

    /// After `=`.
    fn escape(&mut self, octet: u8, out: &mut Vec<u8>) {
        match (self.held.as_slice(), octet) {
            // A soft line break, padding before it allowed.
            ([b'=', ..], b'\n') if self.held.iter().skip(1).all(|one| b" \t\r".contains(one)) => {
                self.held.clear();
            }
            ([b'='], _) if octet.is_ascii_hexdigit() => self.held.push(octet),
            ([b'=', high], _) if high.is_ascii_hexdigit() && octet.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(octet));
                self.held.clear();
            }
            ([b'=', rest @ ..], b' ' | b'\t' | b'\r')
                if self.held.len() < HELD_MAX && rest.iter().all(|one| b" \t\r".contains(one)) =>
            {
                self.held.push(octet);
            }
            // It stands for nothing: shown as it is (RFC 2045 §6.7, note on robustness).
            _ => {
                self.bad = true;
                out.append(&mut self.held);
                match octet {
                    b'=' | b' ' | b'\t' | b'\r' => self.held.push(octet),
                    _ => out.push(octet),
                }
            }
        }
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Defects {
        match self.held.as_slice() {
            // A soft line break at the very end, cut off or not.
            [b'=', rest @ ..] if rest.iter().all(|octet| b" \t\r".contains(octet)) => {}
            [b'=', ..] => {
                self.bad = true;
                out.append(&mut self.held);
            }
            // Blanks at the end of the last line.
            _ => {}
        }
        if self.bad { Defect::BadQuotedPrintable.into() } else { Defects::NONE }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
