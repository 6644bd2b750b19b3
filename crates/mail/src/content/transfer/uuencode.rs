//! Uuencode, which is older than MIME and was never standardized: a line `begin 644 name`, lines
//! whose first character tells how many octets follow, a line `end`.

use crate::content::defect::{Defect, Defects};

/// Octets of a line that are looked at: a length of 63 takes 84 characters.
const LINE_KEPT: usize = 200;

#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    place: Place,
    bad: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Before,
    Inside,
    After,
}

impl Decoder {
    pub(super) fn feed(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        for piece in encoded.split_inclusive(|&octet| octet == b'\n') {
            let room = LINE_KEPT.saturating_sub(self.line.len());
            self.line.extend(piece.iter().filter(|octet| !b"\r\n".contains(octet)).take(room));
            if piece.ends_with(b"\n") {
                self.end_line(out);
            }
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        match self.place {
            Place::Before if line.starts_with(b"begin ") => self.place = Place::Inside,
            Place::Inside if line == b"end" => self.place = Place::After,
            Place::Inside => self.data(&line, out),
            Place::Before | Place::After => {}
        }
    }

    fn data(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let Some((&first, digits)) = line.split_first() else { return };
        let len = usize::from(value(first));
        let mut octets = Vec::with_capacity(len + 3);
        for group in digits.chunks(4) {
            let mut number = 0_u32;
            for place in 0..4 {
                let digit = group.get(place).copied().unwrap_or(b' ');
                self.bad |= !matches!(digit, 0x20..=0x60);
                number = number << 6 | u32::from(value(digit));
            }
            let [_, a, b, c] = number.to_be_bytes();
            octets.extend_from_slice(&[a, b, c]);
        }
        self.bad |= octets.len() < len;
        octets.resize(len, 0);
        out.append(&mut octets);
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Defects {
        if !self.line.is_empty() {
            self.end_line(out);
        }
        self.bad |= self.place != Place::After;
        if self.bad { Defect::BadUuencode.into() } else { Defects::NONE }
    }
}

fn value(digit: u8) -> u8 {
    digit.wrapping_sub(0x20) & 0x3f
}
