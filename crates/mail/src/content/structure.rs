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

mod body;
mod head;

use super::defect::Defects;
use super::media::MediaType;
use super::transfer::TransferEncoding;
use head::{Known, Line};

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
}

#[cfg(test)]
mod tests;
