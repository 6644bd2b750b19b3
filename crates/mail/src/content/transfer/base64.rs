//! Base64 (RFC 2045 §6.8).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::LINE_MAX;
use crate::content::defect::{Defect, Defects};

/// Octets that one line of 76 stands for.
const LINE_OCTETS: usize = LINE_MAX / 4 * 3;

/// Encodes octets into lines of 76, each with its CR LF.
///
/// Text is to come with CR LF as its line ends (RFC 2045 §6.8).
#[derive(Clone, Debug, Default)]
pub struct Base64Encoder {
    held: Vec<u8>,
}

impl Base64Encoder {
    /// Before the first octet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next octets; whole lines are appended to `out`.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let need = if self.held.is_empty() { 0 } else { LINE_OCTETS - self.held.len() };
        let (first, rest) = octets.split_at_checked(need).unwrap_or((octets, &[]));
        self.held.extend_from_slice(first);
        if self.held.len() == LINE_OCTETS {
            line(&self.held, out);
            self.held.clear();
        }
        let lines = rest.chunks_exact(LINE_OCTETS);
        self.held.extend_from_slice(lines.remainder());
        lines.for_each(|octets| line(octets, out));
    }

    /// No octets follow: the last line, with its padding and CR LF, unless there is none.
    pub fn finish(self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            line(&self.held, out);
        }
    }
}

fn line(octets: &[u8], out: &mut Vec<u8>) {
    let mut encoded = [0; LINE_MAX];
    // A line's octets fit a line.
    let len = STANDARD.encode_slice(octets, &mut encoded).unwrap_or(0);
    out.extend_from_slice(encoded.get(..len).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

/// The digit of an octet, or what else it is.
const TABLE: [u8; 256] = table();
const FOREIGN: u8 = 0xff;
const BLANK: u8 = 0xfe;
const PAD: u8 = 0xfd;

const fn table() -> [u8; 256] {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [FOREIGN; 256];
    let mut digit = 0;
    while digit < 64 {
        table[digits[digit] as usize] = digit as u8;
        digit += 1;
    }
    table[b' ' as usize] = BLANK;
    table[b'\t' as usize] = BLANK;
    table[b'\r' as usize] = BLANK;
    table[b'\n' as usize] = BLANK;
    table[b'=' as usize] = PAD;
    table
}

/// Takes digits, leaves out line ends and blanks, and leaves out and reports all else. After
/// padding a new group may begin: pieces encoded one by one were put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    /// Digits of a group that is not complete, as one number.
    held: u32,
    digits: u8,
    pads: u8,
    bad: bool,
}

impl Decoder {
    pub(super) fn feed(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        let mut rest = encoded;
        while let Some((&octet, after)) = rest.split_first() {
            if self.digits == 0 && self.pads == 0 {
                let quick = Self::groups(rest, out);
                if !quick.is_empty() {
                    rest = rest.get(quick.len()..).unwrap_or_default();
                    continue;
                }
            }
            self.step(octet, out);
            rest = after;
        }
    }

    /// Decodes the whole groups of four digits that `encoded` begins with, and gives them.
    fn groups<'a>(encoded: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (groups, _) = encoded.as_chunks::<4>();
        let mut taken = 0;
        for group in groups {
            let [a, b, c, d] = group.map(|octet| TABLE[usize::from(octet)]);
            if (a | b | c | d) & 0xc0 != 0 {
                break;
            }
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            taken += 4;
        }
        encoded.get(..taken).unwrap_or_default()
    }

    fn step(&mut self, octet: u8, out: &mut Vec<u8>) {
        match TABLE[usize::from(octet)] {
            BLANK => {}
            FOREIGN => self.bad = true,
            PAD => self.pad(out),
            digit => {
                // A group that was padded once only is over when the next begins.
                self.bad |= self.pads > 0;
                self.pads = 0;
                self.held = self.held << 6 | u32::from(digit);
                self.digits += 1;
                if self.digits == 4 {
                    let [_, a, b, c] = self.held.to_be_bytes();
                    out.extend_from_slice(&[a, b, c]);
                    (self.held, self.digits) = (0, 0);
                }
            }
        }
    }

    fn pad(&mut self, out: &mut Vec<u8>) {
        match self.digits {
            2 | 3 => {
                self.pads = if self.digits == 2 { 1 } else { 0 };
                self.flush(out);
            }
            _ if self.pads == 1 => self.pads = 0,
            _ => self.bad = true,
        }
    }

    /// The octets of a group that is not complete.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let [_, a, b, _] = (self.held << (6 * (4 - u32::from(self.digits.min(4))))).to_be_bytes();
        match self.digits {
            2 => out.push(a),
            3 => out.extend_from_slice(&[a, b]),
            _ => {}
        }
        (self.held, self.digits) = (0, 0);
    }

    /// A group without its padding is taken, and reported.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Defects {
        self.bad |= self.digits != 0 || self.pads != 0;
        self.flush(out);
        if self.bad { Defect::BadBase64.into() } else { Defects::NONE }
    }
}
