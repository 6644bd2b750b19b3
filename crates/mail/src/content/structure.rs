//! The entities of a letter, found while it streams past: where each header section, body and
//! boundary line is (RFC 2046 §5.1).
//!
//! [`Structure`] is a machine: octets go in, cut anywhere; events come out. The octets of all events
//! in order are the octets that went in. Memory is bounded whatever the letter is: a held line, the
//! fields that matter, and the entities that are open. Time is linear.
//!
//! A boundary line is `--`, the boundary, perhaps `--`, and blanks; nothing else may be on it, so
//! that a boundary that begins another is no trouble. Lines of outer multiparts count at any depth
//! (RFC 2046 §5.1.2).

use super::defect::{Defect, Defects};
use super::media::{Kind, MediaType, single_word};
use super::transfer::TransferEncoding;
use super::{field_name, is_name};

/// Entities that may be open at once: real letters have fewer than ten. What is nested deeper is the
/// body of the last.
pub const DEPTH_MAX: usize = 100;
/// Entities of a letter; what follows is part of the last.
pub const PARTS_MAX: usize = 100_000;
/// Octets of a line that are looked at before it is decided what it is: a boundary line has 74
/// (RFC 2046 §5.1.1), a field name is far shorter than a line.
const LINE_HELD_MAX: usize = 1000;
/// Octets kept of a Content-Type field.
const FIELD_KEPT_MAX: usize = 64 * 1024;

/// What was met in a letter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// An entity begins: the letter itself first, then its parts.
    Begin,
    /// The line of an mbox file before the fields.
    MailboxLine(&'a [u8]),
    /// Octets of the header section of the entity that began last. The piece that ends it holds the
    /// blank line.
    Head(&'a [u8]),
    /// The header section is over.
    HeadEnd(&'a Entity),
    /// Octets of the body of an entity that has no parts.
    Body(&'a [u8]),
    /// Octets before the first part of a multipart or after the last.
    Around(&'a [u8]),
    /// A boundary line, with the line ends before and after it. After the one that closes a
    /// multipart come octets [`Around`](Event::Around) its parts.
    Boundary(&'a [u8]),
    /// The innermost open entity ends, with what was found wrong with its structure.
    End(Defects),
}

/// What an entity says of itself in the fields that decide its structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its Content-Type, or the default where it has none.
    pub media: MediaType,
    /// Its Content-Transfer-Encoding.
    pub encoding: TransferEncoding,
    /// What its structure is.
    pub shape: Shape,
    /// Entities around it.
    pub depth: usize,
}

/// How the body of an entity goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Octets.
    Leaf,
    /// Parts between boundary lines.
    Multipart,
    /// Another entity: a message, or the fields of a body that is elsewhere.
    Message,
}

/// Where the next octet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// At the start of a line of a header section.
    HeadLine,
    /// In a field, to the end of the line.
    Value,
    /// At the start of a line of a body.
    BodyLine,
    /// Within one.
    Body,
}

/// A field whose value is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Type,
    Encoding,
    Other,
}

/// An entity that is open.
#[derive(Debug)]
struct Open {
    shape: Shape,
    boundary: Vec<u8>,
    digest: bool,
    /// The fields of a body that is elsewhere follow.
    external: bool,
    closed: bool,
    parts: usize,
    defects: Defects,
}

/// Follows a letter; see the module.
#[derive(Debug)]
pub struct Structure {
    place: Place,
    /// The start of a line that is not decided, or a line end that may belong to a boundary.
    held: Vec<u8>,
    open: Vec<Open>,
    entities: usize,
    field: Known,
    content_type: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
    head_lines: usize,
    defects: Defects,
    full: bool,
}

impl Default for Structure {
    fn default() -> Self {
        Self::new()
    }
}

impl Structure {
    /// Before the first octet.
    pub fn new() -> Self {
        Self {
            place: Place::HeadLine,
            held: Vec::new(),
            open: Vec::new(),
            entities: 0,
            field: Known::Other,
            content_type: None,
            encoding: None,
            head_lines: 0,
            defects: Defects::NONE,
            full: false,
        }
    }

    /// The next octets.
    pub fn feed(&mut self, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) {
        self.begin_letter(on);
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = match self.place {
                Place::HeadLine => self.head_line(rest, on),
                Place::Value => self.value(rest, on),
                Place::BodyLine => self.body_line(rest, on),
                Place::Body => self.body(rest, on),
            };
        }
    }

    /// No octets follow: everything that is open ends.
    pub fn finish(mut self, on: &mut impl FnMut(Event<'_>)) {
        self.begin_letter(on);
        if self.place == Place::HeadLine && !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let line = self.decide_head(&held, true).unwrap_or(Line::Bad);
            self.take_head(line, &held, on);
        }
        self.end_heads(on);
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.end_body_line(&held, on);
            self.end_heads(on);
        }
        while !self.open.is_empty() {
            self.close(on);
        }
    }

    /// Ends the header section that is open, and that of the entity within a message, which has not
    /// so much as a blank line.
    fn end_heads(&mut self, on: &mut impl FnMut(Event<'_>)) {
        while matches!(self.place, Place::HeadLine | Place::Value) {
            self.end_head(on);
        }
    }

    fn begin_letter(&mut self, on: &mut impl FnMut(Event<'_>)) {
        if self.entities == 0 {
            self.begin(on);
        }
    }

    fn begin(&mut self, on: &mut impl FnMut(Event<'_>)) {
        self.entities += 1;
        self.place = Place::HeadLine;
        self.field = Known::Other;
        (self.content_type, self.encoding) = (None, None);
        self.head_lines = 0;
        self.defects = Defects::NONE;
        on(Event::Begin);
    }

    // ---- header sections

    /// At the start of a line of a header section.
    fn head_line<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        if self.held.is_empty() {
            let (line, after) = super::take_line(rest);
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
        let (more, _) = super::take_line(near);
        self.held.extend_from_slice(more);
        let held = std::mem::take(&mut self.held);
        match self.decide_head(&held, held.ends_with(b"\n")) {
            Some(kind) => self.take_head(kind, &held, on),
            None => self.held = held,
        }
        rest.get(more.len()..).unwrap_or_default()
    }

    /// What a line of a header section is, if the octets seen of it tell.
    fn decide_head(&self, line: &[u8], whole: bool) -> Option<Line> {
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
    fn take_head(&mut self, line: Line, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
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
                self.head_lines += 1;
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
    fn hold_or_pass(&mut self, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
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
    fn begin_field<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if super::is_continuation(line) {
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
    fn first(&mut self, known: Known) -> Known {
        let kept = if known == Known::Type { &mut self.content_type } else { &mut self.encoding };
        if kept.is_some() {
            self.defects.add(Defect::Repeated);
            return Known::Other;
        }
        *kept = Some(Vec::new());
        known
    }

    fn keep(&mut self, octets: &[u8]) {
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

    fn value<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        let (line, after) = super::take_line(rest);
        self.keep(line);
        on(Event::Head(line));
        if line.ends_with(b"\n") {
            self.place = Place::HeadLine;
        }
        after
    }

    /// The header section is over: what is the body?
    fn end_head(&mut self, on: &mut impl FnMut(Event<'_>)) {
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

    fn shape(&self, media: &MediaType, encoding: TransferEncoding, defects: &mut Defects) -> Shape {
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

    // ---- bodies

    /// Octets of a body that are no boundary.
    fn pass(&mut self, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
        if octets.is_empty() {
            return;
        }
        match self.open.last().map(|open| open.shape) {
            Some(Shape::Multipart) => on(Event::Around(octets)),
            _ => on(Event::Body(octets)),
        }
    }

    /// Within a line of a body.
    fn body<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        if self.full || self.open.iter().all(|open| open.shape != Shape::Multipart) {
            self.pass(rest, on);
            return &[];
        }
        if !self.held.is_empty() {
            return self.after_held_end(rest, on);
        }
        let found = memchr::memmem::find(rest, b"\n--");
        let end = match found {
            Some(at) => at,
            None => {
                // What may be the start of `\r\n--` at the end of the chunk is held.
                let tail = [&b"\r\n-"[..], b"\n-", b"\r\n", b"\n", b"\r"];
                let held = tail.iter().find(|tail| rest.ends_with(tail)).map_or(0, |t| t.len());
                let (text, held) = rest.split_at_checked(rest.len() - held).unwrap_or((rest, &[]));
                self.pass(text, on);
                self.held.extend_from_slice(held);
                if held.contains(&b'\n') {
                    self.place = Place::BodyLine;
                }
                return &[];
            }
        };
        let before = rest.get(..end).unwrap_or_default();
        let text = before.strip_suffix(b"\r").unwrap_or(before);
        self.pass(text, on);
        let (line_end, after) = rest
            .get(text.len()..)
            .and_then(|rest| rest.split_at_checked(end + 1 - text.len()))
            .unwrap_or_default();
        // The whole line is often here: then nothing is copied.
        let (line, follows) = super::take_line(after);
        if line.ends_with(b"\n") {
            match self.boundary_line(line) {
                Some((level, closes)) => {
                    let whole = rest.get(text.len()..text.len() + line_end.len() + line.len());
                    self.at_boundary(level, closes, whole.unwrap_or_default(), on);
                    return follows;
                }
                None => {
                    self.pass(line_end, on);
                    let (dash, _) = after.split_at_checked(1).unwrap_or_default();
                    self.pass(dash, on);
                    return after.get(1..).unwrap_or_default();
                }
            }
        }
        self.held.extend_from_slice(line_end);
        self.place = Place::BodyLine;
        after
    }

    /// After a CR that ended a chunk.
    fn after_held_end<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        if let Some(after) = rest.strip_prefix(b"\n") {
            self.held.push(b'\n');
            self.place = Place::BodyLine;
            return after;
        }
        let held = std::mem::take(&mut self.held);
        self.pass(&held, on);
        rest
    }

    /// At the start of a line of a body; `held` has the line end before it and what was seen of it.
    fn body_line<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        let dashes = self.line_held();
        let want = b"--".get(dashes.len().min(2)..).unwrap_or_default();
        let near = rest.get(..want.len()).unwrap_or(rest);
        if !want.starts_with(near) || self.full {
            // No boundary: the line end was text.
            let held = std::mem::take(&mut self.held);
            self.pass(&held, on);
            self.place = Place::Body;
            return rest;
        }
        let room = LINE_HELD_MAX.saturating_sub(self.held.len()).max(1);
        let (more, _) = super::take_line(rest.get(..room).unwrap_or(rest));
        self.held.extend_from_slice(more);
        if more.ends_with(b"\n") || self.held.len() >= LINE_HELD_MAX {
            let held = std::mem::take(&mut self.held);
            self.end_body_line(&held, on);
        }
        rest.get(more.len()..).unwrap_or_default()
    }

    /// The part of `held` after the line end.
    fn line_held(&self) -> &[u8] {
        let held = self.held.as_slice();
        let held = held.strip_prefix(b"\r").unwrap_or(held);
        held.strip_prefix(b"\n").unwrap_or(held)
    }

    /// A line that begins with `--`, with the line end before it, is whole.
    fn end_body_line(&mut self, held: &[u8], on: &mut impl FnMut(Event<'_>)) {
        let line = held.strip_prefix(b"\r").unwrap_or(held);
        let line = line.strip_prefix(b"\n").unwrap_or(line);
        match self.boundary_line(line) {
            Some((level, closes)) => self.at_boundary(level, closes, held, on),
            None => {
                // Its own line end may belong to a boundary in turn.
                let text = match held.strip_suffix(b"\n") {
                    Some(text) if held.len() > 2 => text.strip_suffix(b"\r").unwrap_or(text),
                    _ => held,
                };
                self.pass(text, on);
                let end = held.get(text.len()..).unwrap_or_default();
                self.held.extend_from_slice(end);
                self.place = if end.is_empty() { Place::Body } else { Place::BodyLine };
            }
        }
    }

    /// The open multipart whose boundary line this is, and whether it closes it.
    fn boundary_line(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        let closing = line.strip_suffix(b"--");
        // The innermost first: an outer boundary that is the same is hidden by it.
        let mut levels = self.open.iter().enumerate().rev();
        levels.find_map(|(level, open)| {
            if open.shape != Shape::Multipart || open.closed {
                None
            } else if open.boundary == line {
                Some((level, false))
            } else {
                (closing == Some(open.boundary.as_slice())).then_some((level, true))
            }
        })
    }

    fn at_boundary(
        &mut self,
        level: usize,
        closes: bool,
        octets: &[u8],
        on: &mut impl FnMut(Event<'_>),
    ) {
        if !closes && self.entities >= PARTS_MAX {
            self.full = true;
            if let Some(open) = self.open.get_mut(level) {
                open.defects.add(Defect::TooManyParts);
                // The rest is not looked at, so nothing is known of its end.
                open.closed = true;
            }
            self.place = Place::Body;
            self.pass(octets, on);
            return;
        }
        while self.open.len() > level + 1 {
            self.close(on);
        }
        on(Event::Boundary(octets));
        let Some(open) = self.open.last_mut() else { return };
        if closes {
            open.closed = true;
            self.place = Place::BodyLine;
        } else {
            open.parts += 1;
            self.begin(on);
        }
    }

    fn close(&mut self, on: &mut impl FnMut(Event<'_>)) {
        let Some(mut open) = self.open.pop() else { return };
        if open.shape == Shape::Multipart {
            if open.parts == 0 {
                open.defects.add(Defect::NoPart);
            } else if !open.closed && !self.full {
                open.defects.add(Defect::Unclosed);
            }
        }
        on(Event::End(open.defects));
    }
}

/// What a line of a header section is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
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

#[cfg(test)]
mod tests;
