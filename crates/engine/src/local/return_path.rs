//! Takes the `Return-Path` fields out of a header section on its way into a mailbox, so that exactly
//! one stands there: the one that final delivery writes (RFC 5321 §4.4).

use bytes::Bytes;
use spool::{BodyReader, BoxFut, SpoolError};

const NAME: &[u8] = b"return-path";

/// A body without the `Return-Path` fields of its header section.
pub(super) struct WithoutReturnPath<R> {
    body: R,
    sieve: Sieve,
    ended: bool,
}

impl<R: BodyReader> WithoutReturnPath<R> {
    /// Nothing of `body` has been read yet.
    pub(super) fn new(body: R) -> Self {
        Self { body, sieve: Sieve::default(), ended: false }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        while !self.ended {
            let Some(chunk) = self.body.next().await? else {
                self.ended = true;
                return Ok(Some(self.sieve.end()).filter(|rest| !rest.is_empty()));
            };
            let kept = self.sieve.feed(chunk);
            if !kept.is_empty() {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }
}

impl<R: BodyReader> BodyReader for WithoutReturnPath<R> {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        Box::pin(self.read())
    }
}

/// Where in the header section the next octet stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// At the start of a line; `after_ours` when the line before belongs to a field that goes.
    #[default]
    Start,
    StartAfterOurs,
    /// In the name of a field that may still be the one that goes; its octets are held.
    OurName,
    /// In the name of another field.
    Name,
    /// In the value of another field.
    Value,
    /// In the value of a field that goes.
    OurValue,
    /// Behind the header section.
    Body,
}

#[derive(Default)]
struct Sieve {
    place: Place,
    /// The beginning of a line of which it is not known yet whether it goes. At most a name, and
    /// blanks before its colon.
    held: Vec<u8>,
}

/// Blanks before a colon that are waited for.
const HELD_MAX: usize = 64;

impl Sieve {
    fn feed(&mut self, chunk: Bytes) -> Bytes {
        let mut kept = Vec::new();
        for (at, octet) in chunk.iter().enumerate() {
            if self.place == Place::Body {
                if kept.is_empty() && self.held.is_empty() {
                    return chunk.slice(at..);
                }
                kept.append(&mut self.held);
                kept.extend_from_slice(chunk.get(at..).unwrap_or_default());
                return kept.into();
            }
            self.step(*octet, &mut kept);
        }
        kept.into()
    }

    /// What is still held at the end.
    fn end(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    fn step(&mut self, octet: u8, kept: &mut Vec<u8>) {
        let is_blank = matches!(octet, b' ' | b'\t');
        match self.place {
            Place::StartAfterOurs if is_blank => self.place = Place::OurValue,
            Place::Start if is_blank => self.keep(octet, kept, Place::Value),
            Place::Start | Place::StartAfterOurs => {
                self.place = Place::OurName;
                self.name(octet, kept);
            }
            Place::OurName => self.name(octet, kept),
            // A line without a colon is no field: the body has begun.
            Place::Name if octet == b'\n' => self.keep(octet, kept, Place::Body),
            Place::Name if octet == b':' => self.keep(octet, kept, Place::Value),
            Place::Value if octet == b'\n' => self.keep(octet, kept, Place::Start),
            Place::OurValue if octet == b'\n' => self.place = Place::StartAfterOurs,
            Place::OurValue => {}
            Place::Name | Place::Value | Place::Body => self.keep(octet, kept, self.place),
        }
    }

    /// One more octet of a name that may be ours.
    fn name(&mut self, octet: u8, kept: &mut Vec<u8>) {
        let so_far = self.held.len();
        let fits = match NAME.get(so_far) {
            Some(wanted) => octet.eq_ignore_ascii_case(wanted),
            None => matches!(octet, b' ' | b'\t') && so_far < HELD_MAX,
        };
        if fits {
            self.held.push(octet);
        } else if so_far >= NAME.len() && octet == b':' {
            self.held.clear();
            self.place = Place::OurValue;
        } else {
            kept.append(&mut self.held);
            self.place = Place::Name;
            self.step(octet, kept);
        }
    }

    fn keep(&mut self, octet: u8, kept: &mut Vec<u8>, place: Place) {
        kept.push(octet);
        self.place = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieved(text: &str, piece: usize) -> String {
        let mut sieve = Sieve::default();
        let mut kept = Vec::new();
        for chunk in text.as_bytes().chunks(piece) {
            kept.extend_from_slice(&sieve.feed(Bytes::copy_from_slice(chunk)));
        }
        kept.extend_from_slice(&sieve.end());
        String::from_utf8(kept).unwrap()
    }

    /// Register: 5321-4.4-q, 5321-4.4-r.
    #[test]
    fn rows() {
        let rows = [
            ("", ""),
            ("\r\n", "\r\n"),
            ("Return-Path: <a@b>\r\n", ""),
            ("Return-Path", "Return-Path"),
            ("return-PATH:\r\nA: 1\r\n", "A: 1\r\n"),
            ("Return-Path \t:<>\r\nA: 1\r\n\r\nx", "A: 1\r\n\r\nx"),
            ("A: 1\r\nReturn-Path:\r\n <a@b>\r\n\t(c)\r\nB: 2\r\n 3\r\n", "A: 1\r\nB: 2\r\n 3\r\n"),
            (
                "Return-Path: a\r\nReturn-Path: b\r\n\r\nReturn-Path: c\r\n",
                "\r\nReturn-Path: c\r\n",
            ),
            ("X-Return-Path: a\r\nReturn-Paths: b\r\n", "X-Return-Path: a\r\nReturn-Paths: b\r\n"),
            ("A: 1\r\n Return-Path: a\r\n", "A: 1\r\n Return-Path: a\r\n"),
            ("no field\r\nReturn-Path: a\r\n", "no field\r\nReturn-Path: a\r\n"),
            ("Return-Path a\r\nB: 1\r\n", "Return-Path a\r\nB: 1\r\n"),
            ("A: Return-Path: a\r\n", "A: Return-Path: a\r\n"),
        ];
        for (text, want) in rows {
            for piece in [1, 2, 7, 1000] {
                assert_eq!(sieved(text, piece), want, "{text:?} by {piece}");
            }
        }
    }
}
