//! Header sections: lines as they come, and what the fields make of the body.

use super::{
    DEPTH_MAX, Entity, Event, FIELD_KEPT_MAX, LINE_HELD_MAX, Open, PARTS_MAX, Place, Shape,
    Structure,
};
use crate::content::defect::{Defect, Defects};
use crate::content::media::{Kind, MediaType, single_word};
use crate::content::transfer::TransferEncoding;
use crate::content::{field_name, is_continuation, is_name, take_line};

/// A field whose value is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    Type,
    Encoding,
    Other,
}

/// What a line of a header section is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Line {
    Blank,
    /// A field, or the continuation of one.
    Field,
    /// `From ` of an mbox file.
    Mailbox,
    /// The boundary line of an open multipart, and whether it closes it.
    Boundary(usize, bool),
    /// None: the body has begun.
    Bad,
}

impl Structure {
    /// At the start of a line of a header section.
    pub(super) fn head_line<'a>(
        &mut self,
        rest: &'a [u8],
        on: &mut impl FnMut(Event<'_>),
    ) -> &'a [u8] {
        if self.held.is_empty() {
            let (line, after) = take_line(rest);
            match self.decide_head(line, line.ends_with(b"\n")) {
                Some(Line::Bad) => {
                    self.take_head(Line::Bad, &[], on);
                    return rest;
                }
                Some(kind) => {
                    self.take_head(kind, line, on);
                    return after;
                }
                None => {
                    self.held.extend_from_slice(line);
                    return after;
                }
            }
        }
        let room = LINE_HELD_MAX.saturating_sub(self.held.len()).max(1);
        let near = rest.get(..room).unwrap_or(rest);
        let (more, _) = take_line(near);
        self.held.extend_from_slice(more);
        let held = std::mem::take(&mut self.held);
        match self.decide_head(&held, held.ends_with(b"\n")) {
            Some(kind) => self.take_head(kind, &held, on),
            None => self.held = held,
        }
        rest.get(more.len()..).unwrap_or_default()
    }

    /// What a line of a header section is, if the octets seen of it tell.
    pub(super) fn decide_head(&self, line: &[u8], whole: bool) -> Option<Line> {
        let long = line.len() >= LINE_HELD_MAX;
        match line {
            b"\n" | b"\r\n" => return Some(Line::Blank),
            [] | [b'\r'] if !whole => return None,
            [b' ' | b'\t', ..] => return Some(Line::Field),
            [b'-', b'-', ..] => {
                if !whole && !long {
                    return None;
                }
                if let Some((level, closes)) = self.boundary_line(line) {
                    return Some(Line::Boundary(level, closes));
                }
            }
            [b'-'] if !whole => return None,
            _ => {}
        }
        let near = line.get(..LINE_HELD_MAX).unwrap_or(line);
        if field_name(near).is_some() {
            return Some(Line::Field);
        }
        if self.head_lines == 0
            && self.open.last().is_none_or(|open| open.shape != Shape::Multipart)
        {
            let quoted = line.strip_prefix(b">").unwrap_or(line);
            if quoted.starts_with(b"From ") {
                return (whole || long).then_some(Line::Mailbox);
            }
            if !whole && !long && b"From ".starts_with(quoted.get(..5).unwrap_or(quoted)) {
                return None;
            }
        }
        let may_be = !whole && !long && !near.contains(&b':');
        let mut blank = false;
        let good = near.iter().all(|&octet| {
            let space = octet == b' ' || octet == b'\t';
            let fits = space || (is_name(octet) && !blank);
            blank |= space;
            fits
        });
        if may_be && good { None } else { Some(Line::Bad) }
    }

    /// Does what `line` asks for; `octets` are those of it that were seen.
    pub(super) fn take_head(&mut self, line: Line, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
        match line {
            Line::Blank => {
                on(Event::Head(octets));
                self.end_head(on);
            }
            Line::Field => {
                self.head_lines += 1;
                let after = self.begin_field(octets);
                self.keep(after);
                self.place = if octets.ends_with(b"\n") { Place::HeadLine } else { Place::Value };
                on(Event::Head(octets));
            }
            Line::Mailbox => {
                self.field = Known::Other;
                self.defects.add(Defect::MailboxLine);
                self.place = if octets.ends_with(b"\n") { Place::HeadLine } else { Place::Value };
                on(Event::MailboxLine(octets));
            }
            Line::Boundary(level, closes) => {
                self.end_head(on);
                if self.place == Place::HeadLine {
                    self.end_head(on);
                }
                self.at_boundary(level, closes, octets, on);
            }
            Line::Bad => {
                self.defects.add(Defect::BadHeaderLine);
                self.end_head(on);
                if !octets.is_empty() {
                    self.hold_or_pass(octets, on);
                }
            }
        }
    }

    /// Octets of a line that turned out to be the body's.
    pub(super) fn hold_or_pass(&mut self, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match self.place {
                Place::HeadLine => self.head_line(rest, on),
                Place::Value => self.value(rest, on),
                Place::BodyLine => self.body_line(rest, on),
                Place::Body => self.body(rest, on),
            };
        }
    }

    /// Which field begins on this line, if one does; gives what is to be kept of the line.
    pub(super) fn begin_field<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if is_continuation(line) {
            return line;
        }
        let Some(name) = field_name(line) else { return line };
        let value = memchr::memchr(b':', line).and_then(|colon| line.get(colon + 1..));
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        self.field = if is("content-type") {
            self.first(Known::Type)
        } else if is("content-transfer-encoding") {
            self.first(Known::Encoding)
        } else {
            Known::Other
        };
        value.unwrap_or_default()
    }

    /// The first of several fields counts.
    pub(super) fn first(&mut self, known: Known) -> Known {
        let kept = if known == Known::Type { &mut self.content_type } else { &mut self.encoding };
        if kept.is_some() {
            self.defects.add(Defect::Repeated);
            return Known::Other;
        }
        *kept = Some(Vec::new());
        known
    }

    pub(super) fn keep(&mut self, octets: &[u8]) {
        let kept = match self.field {
            Known::Type => &mut self.content_type,
            Known::Encoding => &mut self.encoding,
            Known::Other => return,
        };
        if let Some(kept) = kept {
            let room = FIELD_KEPT_MAX.saturating_sub(kept.len());
            kept.extend(octets.iter().filter(|octet| !b"\r\n".contains(octet)).take(room));
            if octets.len() > room {
                self.defects.add(Defect::ValueCut);
            }
        }
    }

    pub(super) fn value<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        let (line, after) = take_line(rest);
        self.keep(line);
        on(Event::Head(line));
        if line.ends_with(b"\n") {
            self.place = Place::HeadLine;
        }
        after
    }

    /// The header section is over: what is the body?
    pub(super) fn end_head(&mut self, on: &mut impl FnMut(Event<'_>)) {
        let digest = self.open.last().is_some_and(|open| open.digest);
        let text = |kept: &Option<Vec<u8>>| {
            kept.as_ref().map(|kept| String::from_utf8_lossy(kept).into_owned())
        };
        let media = match text(&self.content_type) {
            Some(value) => MediaType::read(&value),
            None if digest => MediaType::message(),
            None => MediaType::plain(),
        };
        let encoding = match text(&self.encoding) {
            None => TransferEncoding::SevenBit,
            // An empty field says nothing.
            Some(value) if value.trim().is_empty() => TransferEncoding::SevenBit,
            Some(value) => single_word(&value).map_or(TransferEncoding::Unknown, |word| {
                TransferEncoding::from_name(word.as_bytes())
            }),
        };
        let mut defects = std::mem::take(&mut self.defects) | media.defects;
        let shape = self.shape(&media, encoding, &mut defects);
        let boundary = match shape {
            Shape::Multipart => media.boundary().unwrap_or_default().as_bytes().to_vec(),
            _ => Vec::new(),
        };
        let digest = media.class() == Kind::Digest;
        let external = media.class() == Kind::External;
        let entity = Entity { media, encoding, shape, depth: self.open.len() };
        on(Event::HeadEnd(&entity));
        let open = Open { shape, boundary, digest, external, closed: false, parts: 0, defects };
        self.open.push(open);
        if shape == Shape::Message {
            self.begin(on);
        } else {
            self.place = Place::BodyLine;
        }
    }

    pub(super) fn shape(
        &self,
        media: &MediaType,
        encoding: TransferEncoding,
        defects: &mut Defects,
    ) -> Shape {
        let class = media.class();
        let shape = match class {
            // What it describes is not here.
            _ if self.open.last().is_some_and(|open| open.external) => return Shape::Leaf,
            Kind::Message if encoding.is_identity() => Shape::Message,
            Kind::External => Shape::Message,
            _ if class.is_multipart() => Shape::Multipart,
            _ => Shape::Leaf,
        };
        if encoding == TransferEncoding::Unknown {
            defects.add(Defect::UnknownEncoding);
        }
        let composite = shape != Shape::Leaf || class == Kind::Message;
        if composite && !encoding.is_identity() {
            defects.add(Defect::EncodedComposite);
        }
        if shape == Shape::Multipart && media.boundary().is_none() {
            defects.add(Defect::NoBoundary);
            return Shape::Leaf;
        }
        if shape != Shape::Leaf && self.open.len() + 1 >= DEPTH_MAX {
            defects.add(Defect::TooDeep);
            return Shape::Leaf;
        }
        if shape == Shape::Message && self.entities >= PARTS_MAX {
            defects.add(Defect::TooManyParts);
            return Shape::Leaf;
        }
        shape
    }
}
