//! Content for a hop that takes fewer octets than it has: 8-bit or binary content becomes lines of
//! ASCII, or binary content lines of 8 bits (RFC 6152 §3, RFC 3030 §3).
//!
//! The leaves that need it are encoded as quoted-printable or base64, by what they are; multiparts and
//! messages are never encoded, only their labels follow (RFC 2045 §6.4); all else passes octet for
//! octet. What decodes the result gets the octets that came in.
//!
//! It takes two readings, since the label of a part stands before its body: [`Survey`] watches the
//! content pass and gives a [`Plan`], which knows the size of the result, or says why there is none;
//! [`Conversion`] follows the plan. Octets may be cut anywhere, memory is bounded, time is linear.

mod framing;
mod survey;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::content::structure::{Event, Structure};
use crate::content::transfer::{Base64Encoder, QuotedPrintableEncoder, Source, TransferEncoding};
use crate::content::{Kind, MediaType};
use crate::reply::Topic;
use framing::Framing;

pub use survey::Survey;

/// What the hop takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// Lines of ASCII.
    SevenBit,
    /// Lines of any octets (`8BITMIME`).
    EightBit,
}

impl Target {
    /// The widest label that content for it may bear.
    fn widest(self) -> TransferEncoding {
        match self {
            Self::SevenBit => TransferEncoding::SevenBit,
            Self::EightBit => TransferEncoding::EightBit,
        }
    }
}

/// What is not converted although it could be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Content whose signature would not hold any more is refused.
    pub keep_signatures: bool,
    /// No header section may be beyond ASCII, in any part, whatever the lines may have: the hop has
    /// `8BITMIME` and not `SMTPUTF8` (RFC 6531 §3.2).
    pub ascii_headers: bool,
}

/// Why content cannot go to a hop.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Header fields beyond ASCII have no other form (RFC 6532 §3.7).
    #[error("header fields have octets beyond ASCII, which the next host does not take")]
    Header,
    /// A part that may not be encoded has octets that need it.
    #[error("a part that may not be encoded has octets that the next host does not take")]
    Composite,
    /// A part is labelled as encoded and is not.
    #[error("a part is not encoded as it says, and the next host does not take its octets")]
    Mislabelled,
    /// Signatures are to be kept.
    #[error("the message is signed, and would have to be changed for the next host")]
    Signed,
}

impl Refusal {
    /// Its enhanced status (RFC 3463 §3.7).
    pub fn topic(self) -> Topic {
        match self {
            Self::Header | Self::Composite | Self::Mislabelled => Topic(6, 3),
            Self::Signed => Topic(6, 2),
        }
    }
}

/// The signature that the conversion breaks, for the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Broken {
    /// The message has a DKIM-Signature.
    pub dkim: bool,
    /// A signed part has changed (RFC 1847 §2.1).
    pub part: bool,
}

impl Broken {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self.dkim || self.part
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.dkim, self.part) {
            (true, true) => "DKIM-Signature and multipart/signed",
            (true, false) => "DKIM-Signature",
            (false, true) => "multipart/signed",
            (false, false) => "none",
        })
    }
}

/// What is done to one entity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Step {
    /// Its Content-Transfer-Encoding from now on.
    label: Option<TransferEncoding>,
    /// Its body, or all that is in it, is encoded so.
    source: Option<Source>,
    /// It gets a MIME-Version field.
    version: bool,
    /// It gets a Content-Type field: text with this charset.
    charset: Option<&'static str>,
    /// It gets the blank line that it lacks: fields of ours begin what is in it.
    blank: bool,
}

impl Step {
    fn is_change(&self) -> bool {
        self.label.is_some() || self.version || self.blank
    }

    /// The label field, if it changes.
    fn label_field(&self) -> String {
        self.label
            .map_or_else(String::new, |label| format!("Content-Transfer-Encoding: {label}\r\n"))
    }

    /// The fields that are added at the end of a header section. `labelled`: the label stands there
    /// already.
    fn added_fields(&self, labelled: bool) -> String {
        let mut fields = String::new();
        if self.version {
            fields.push_str("MIME-Version: 1.0\r\n");
        }
        if let Some(charset) = self.charset {
            fields.push_str(&format!("Content-Type: text/plain; charset={charset}\r\n"));
        }
        if !labelled {
            fields.push_str(&self.label_field());
        }
        fields
    }
}

/// How content is converted; made by a [`Survey`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What the hop takes.
    target: Target,
    /// By entity, in the order they begin; those after the last change are not in it.
    steps: Vec<Step>,
    size: u64,
    broken: Broken,
}

impl Plan {
    /// Octets of the result, exactly.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Entities that get another label or encoding.
    pub fn changes(&self) -> usize {
        self.steps.iter().filter(|step| step.is_change()).count()
    }

    /// The signatures that do not hold any more.
    pub fn broken(&self) -> Broken {
        self.broken
    }
}

/// A body on its way through an encoder.
#[derive(Debug)]
enum Encoder {
    Quoted(QuotedPrintableEncoder),
    Base64(Base64Encoder),
}

impl Encoder {
    fn new(label: TransferEncoding, source: Source) -> Self {
        match label {
            TransferEncoding::QuotedPrintable => Self::Quoted(QuotedPrintableEncoder::new(source)),
            _ => Self::Base64(Base64Encoder::new()),
        }
    }

    fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Quoted(encoder) => encoder.feed(octets, out),
            Self::Base64(encoder) => encoder.feed(octets, out),
        }
    }

    /// True: what was written last may want a soft line break, if nothing follows it.
    fn finish(self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Quoted(encoder) => {
                encoder.finish(out);
                true
            }
            Self::Base64(encoder) => {
                encoder.finish(out);
                false
            }
        }
    }
}

/// The soft line break at the end of a quoted-printable body that does not end with a line end: the
/// wire gives it one, and it is not to count.
const SOFT_BREAK: &[u8] = b"=\r\n";

/// Converts content that streams past, by a plan.
#[derive(Debug)]
pub struct Conversion {
    structure: Structure,
    writer: Writer,
}

impl Conversion {
    /// Before the first octet.
    pub fn new(plan: Plan) -> Self {
        Self { structure: Structure::new(), writer: Writer::new(plan) }
    }

    /// The next octets; what they become is appended to `out`.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let Self { structure, writer } = self;
        structure.feed(octets, &mut |event| writer.event(event, out));
    }

    /// No octets follow.
    pub fn finish(self, out: &mut Vec<u8>) {
        let Self { structure, mut writer } = self;
        structure.finish(&mut |event| writer.event(event, out));
        writer.framing.end(out);
        if writer.open_line {
            out.extend_from_slice(SOFT_BREAK);
        }
    }
}

#[derive(Debug)]
struct Writer {
    plan: Plan,
    /// The entity that began last.
    entity: Option<usize>,
    /// Entities that are open.
    depth: usize,
    head: HeadLines,
    step: Step,
    labelled: bool,
    /// The encoder at work, and the depth of the entity whose body it takes.
    encoder: Option<(Encoder, usize)>,
    framing: Framing,
    /// The last octets are quoted-printable without a line end.
    open_line: bool,
}

impl Writer {
    fn new(plan: Plan) -> Self {
        let framing = Framing::new(plan.target);
        Self {
            plan,
            entity: None,
            depth: 0,
            head: HeadLines::default(),
            step: Step::default(),
            labelled: false,
            encoder: None,
            framing,
            open_line: false,
        }
    }

    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if let Event::Begin = event {
            let next = self.entity.map_or(0, |last| last + 1);
            self.entity = Some(next);
            self.step = self.plan.steps.get(next).copied().unwrap_or_default();
            self.head = HeadLines::default();
            self.labelled = false;
            self.depth += 1;
            return;
        }
        if self.encoder.is_some() {
            return self.inside(event, out);
        }
        match event {
            Event::Begin => {}
            Event::MailboxLine(line) => self.framing.line(line, out),
            Event::Head(piece) => self.head(piece, out),
            Event::HeadEnd(_) => self.head_end(out),
            Event::Body(octets) => {
                self.open_line = false;
                out.extend_from_slice(octets);
            }
            Event::Around(octets) => {
                self.open_line = false;
                self.framing.text(octets, out);
            }
            Event::Boundary(octets) => {
                self.open_line = false;
                self.framing.line(octets, out);
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
        }
    }

    /// Within an entity that is encoded as a whole.
    fn inside(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin | Event::HeadEnd(_) => {}
            Event::MailboxLine(octets)
            | Event::Head(octets)
            | Event::Body(octets)
            | Event::Around(octets)
            | Event::Boundary(octets) => {
                let before = out.len();
                if let Some((encoder, _)) = &mut self.encoder {
                    encoder.feed(octets, out);
                }
                self.written(before, out);
            }
            Event::End(_) => {
                let ends = self.encoder.as_ref().is_some_and(|(_, depth)| *depth == self.depth);
                self.depth = self.depth.saturating_sub(1);
                if ends && let Some((encoder, _)) = self.encoder.take() {
                    let before = out.len();
                    let quoted = encoder.finish(out);
                    self.written(before, out);
                    self.open_line &= quoted;
                }
            }
        }
    }

    /// An encoder has written behind `before`; it writes line ends whole.
    fn written(&mut self, before: usize, out: &[u8]) {
        if out.len() > before {
            self.open_line = !out.ends_with(b"\r\n");
        }
    }

    fn head(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match self.head.next(piece) {
            // Held until the fields before it are complete.
            HeadPiece::Blank => {}
            HeadPiece::Label if self.step.label.is_some() => {
                if !std::mem::replace(&mut self.labelled, true) {
                    out.extend_from_slice(self.step.label_field().as_bytes());
                }
            }
            HeadPiece::Label | HeadPiece::Other => self.framing.line(piece, out),
        }
    }

    fn head_end(&mut self, out: &mut Vec<u8>) {
        self.framing.end(out);
        let added = self.step.added_fields(self.labelled);
        if !added.is_empty() && self.head.wants_line_end(&self.step) {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(added.as_bytes());
        // Where no blank line came, fields of ours must not run into the body.
        if self.head.blank || self.step.is_change() {
            out.extend_from_slice(b"\r\n");
        }
        if let (Some(label), Some(source)) = (self.step.label, self.step.source) {
            self.encoder = Some((Encoder::new(label, source), self.depth));
            self.open_line = false;
        }
    }
}

/// What a piece of a header section is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HeadPiece {
    /// The blank line at its end.
    Blank,
    /// Part of a Content-Transfer-Encoding field.
    Label,
    /// Part of another one.
    Other,
}

/// Follows the lines of a header section.
#[derive(Clone, Copy, Debug, Default)]
struct HeadLines {
    /// Within a line.
    inside: bool,
    /// The last line has no end, not even a CR.
    unended: bool,
    label: bool,
    has_label: bool,
    has_type: bool,
    has_version: bool,
    is_signed: bool,
    blank: bool,
}

impl HeadLines {
    /// The next piece: at most one line, its name whole.
    fn next(&mut self, piece: &[u8]) -> HeadPiece {
        self.unended = !piece.ends_with(b"\n") && !piece.ends_with(b"\r");
        if !std::mem::replace(&mut self.inside, !piece.ends_with(b"\n")) {
            match piece {
                b"\n" | b"\r\n" => {
                    self.blank = true;
                    return HeadPiece::Blank;
                }
                [b' ' | b'\t', ..] => {}
                _ => self.begin(piece),
            }
        }
        if self.label { HeadPiece::Label } else { HeadPiece::Other }
    }

    fn begin(&mut self, line: &[u8]) {
        let name = line.split(|&octet| octet == b':').next().unwrap_or_default().trim_ascii_end();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        self.label = is("Content-Transfer-Encoding");
        self.has_label |= self.label;
        self.has_type |= is("Content-Type");
        self.has_version |= is("MIME-Version");
        self.is_signed |= is("DKIM-Signature");
    }

    /// Whether the last line must get an end before another is put behind it: it has none, and does
    /// not give way itself.
    fn wants_line_end(&self, step: &Step) -> bool {
        self.unended && !(self.label && step.label.is_some())
    }
}

/// Whether an entity of this type may be encoded if it must (RFC 2045 §6.4, RFC 2046 §5.2,
/// RFC 6532 §3.7).
fn is_encodable(media: &MediaType) -> bool {
    match media.kind() {
        "multipart" => false,
        "message" => media.subtype().starts_with("global"),
        _ => true,
    }
}

/// Whether what is in an entity may be encoded as a whole although it has a structure of its own.
fn is_global(media: &MediaType) -> bool {
    media.is("message", "global")
}

fn is_signed_part(media: &MediaType) -> bool {
    media.class() == Kind::Signed
}
