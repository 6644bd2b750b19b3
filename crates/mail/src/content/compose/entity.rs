//! Writes entities: fields of their content, and bodies in the encoding they need.

use super::field::HeadWriter;
use super::{ComposeError, Options};
use crate::content::charset;
use crate::content::flowed;
use crate::content::media::{Disposition, DispositionKind, MediaType};
use crate::content::message_id::MessageId;
use crate::content::transfer::{
    Base64Encoder, Measure, QuotedPrintableEncoder, Source, TransferEncoding,
};

/// Multiparts in each other that we write.
const DEPTH_MAX: usize = 50;
/// Characters of a boundary (RFC 2046 §5.1.1).
const BOUNDARY_SEED_MAX: usize = 32;

/// What an entity says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Text; its charset is chosen when it is written.
    Text(String),
    /// Octets that go as they are.
    Octets(Vec<u8>),
    /// A message, which is never encoded (RFC 2046 §5.2.1).
    Message(Vec<u8>),
    /// Parts.
    Parts(Vec<Entity>),
    /// Nothing: the fields describe a body that is elsewhere (RFC 2046 §5.2.3).
    External(Box<Entity>),
}

/// An entity to be written: the body of a letter, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its type; charset and boundary are set when it is written.
    pub media: MediaType,
    /// How it is to be shown.
    pub disposition: Option<Disposition>,
    /// Its Content-ID (RFC 2045 §7).
    pub id: Option<MessageId>,
    /// Its Content-Description.
    pub description: Option<String>,
    /// What it says.
    pub body: Body,
}

/// An entity that was written, and the least label that is true of it.
pub(super) struct Written {
    pub(super) octets: Vec<u8>,
    pub(super) domain: TransferEncoding,
    pub(super) utf8: bool,
}

impl Entity {
    fn new(media: MediaType, body: Body) -> Self {
        Self { media, disposition: None, id: None, description: None, body }
    }

    /// Plain text; line ends of any kind.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(MediaType::plain(), Body::Text(text.into()))
    }

    /// Plain text whose paragraphs, one a line, may be broken by readers as they like (RFC 3676).
    pub fn flowed(text: &str) -> Self {
        let media = MediaType::plain().with("format", "flowed");
        Self::new(media, Body::Text(flowed::split(text)))
    }

    /// Text of another kind, such as HTML.
    pub fn text_of(media: MediaType, text: impl Into<String>) -> Self {
        Self::new(media, Body::Text(text.into()))
    }

    /// Octets to be shown with the letter.
    pub fn octets(media: MediaType, octets: Vec<u8>) -> Self {
        Self::new(media, Body::Octets(octets))
    }

    /// A file; application/octet-stream where nothing better is known.
    pub fn attachment(name: &str, media: Option<MediaType>, octets: Vec<u8>) -> Self {
        let media = media.unwrap_or_else(MediaType::octets);
        Self::new(media, Body::Octets(octets)).named(name)
    }

    /// A message to be forwarded whole. Where its lines end in LF, as in mailboxes on disk, they
    /// are given the line ends of mail.
    pub fn message(octets: Vec<u8>) -> Self {
        let octets =
            if Measure::of(&octets).has_bare_line_ends() { canonical(&octets) } else { octets };
        Self::new(MediaType::message(), Body::Message(octets))
    }

    /// A body that is elsewhere: `access` are the parameters that lead to it, `phantom` has its
    /// type, its Content-ID, and no body (RFC 2046 §5.2.3).
    pub fn external(access: &[(&str, &str)], phantom: Entity) -> Self {
        let mut media = MediaType::external();
        for (name, value) in access {
            media.parameters.set(name, value);
        }
        Self::new(media, Body::External(Box::new(phantom)))
    }

    /// `multipart/subtype` of parts. For `alternative` the plainest comes first
    /// (RFC 2046 §5.1.4).
    ///
    /// None where `subtype` is no token.
    pub fn multipart(subtype: &str, parts: Vec<Entity>) -> Option<Self> {
        Some(Self::new(MediaType::new("multipart", subtype)?, Body::Parts(parts)))
    }

    /// The same text plain and rich.
    pub fn alternative(plain: Entity, rich: Entity) -> Self {
        let media = MediaType::multipart("alternative");
        Self::new(media, Body::Parts(vec![plain, rich]))
    }

    /// With `part` behind it, in a multipart/mixed.
    #[must_use]
    pub fn attach(mut self, part: Entity) -> Self {
        if let (true, Body::Parts(parts)) = (self.media.is("multipart", "mixed"), &mut self.body) {
            parts.push(part);
            return self;
        }
        Self::new(MediaType::multipart("mixed"), Body::Parts(vec![self, part]))
    }

    /// As an attachment with the name of a file.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        let mut disposition = self.disposition.take().unwrap_or_default();
        if !name.is_empty() {
            disposition.parameters.set("filename", name);
        }
        self.disposition = Some(disposition);
        self
    }

    /// Shown with the letter.
    #[must_use]
    pub fn inline(mut self) -> Self {
        let mut disposition = self.disposition.take().unwrap_or_default();
        disposition.kind = DispositionKind::Inline;
        self.disposition = Some(disposition);
        self
    }

    /// With a Content-Description.
    #[must_use]
    pub fn described(mut self, text: &str) -> Self {
        self.description = Some(text.to_owned());
        self
    }

    /// With a Content-ID.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// The fields and the body. `seed` goes into the boundaries.
    pub(super) fn write(&self, options: &Options, seed: &str) -> Result<Written, ComposeError> {
        let seed: String =
            seed.chars().filter(char::is_ascii_alphanumeric).take(BOUNDARY_SEED_MAX).collect();
        let mut job = Job { options, seed, boundaries: 0 };
        job.entity(self, 0)
    }
}

struct Job<'a> {
    options: &'a Options,
    seed: String,
    boundaries: usize,
}

impl Job<'_> {
    fn entity(&mut self, entity: &Entity, depth: usize) -> Result<Written, ComposeError> {
        if depth > DEPTH_MAX {
            return Err(ComposeError::TooDeep);
        }
        let mut media = entity.media.clone();
        let (body, encoding, domain, inner_utf8) = match &entity.body {
            Body::Text(text) => self.text(text, &mut media, depth),
            Body::Octets(octets) => {
                let measure = Measure::of(octets);
                let mut encoding = measure.choose(self.options.path, false);
                // The last line of a letter ends, whether or not that of the file does.
                let ended = octets.is_empty() || octets.ends_with(b"\r\n");
                let lines = encoding.is_identity() && encoding != TransferEncoding::Binary;
                if depth == 0 && lines && !ended {
                    encoding = match measure.choose(TransferEncoding::SevenBit, false) {
                        TransferEncoding::SevenBit => TransferEncoding::QuotedPrintable,
                        other => other,
                    };
                }
                let (body, domain) = encoded(octets, encoding, Source::Binary);
                (body, encoding, domain, false)
            }
            Body::Message(octets) => {
                let domain = Measure::of(octets).domain();
                (octets.clone(), domain, domain, false)
            }
            Body::Parts(parts) => self.parts(parts, &mut media, depth)?,
            Body::External(phantom) => {
                if phantom.id.is_none() {
                    return Err(ComposeError::NoContentId);
                }
                // 7bit always (RFC 2046 §5.2.3).
                let seven = TransferEncoding::SevenBit;
                let mut writer = HeadWriter::new(false);
                fields(&mut writer, phantom, &phantom.media, seven);
                writer.blank();
                (writer.finish(), seven, seven, false)
            }
        };
        let mut writer = HeadWriter::new(self.options.utf8);
        fields(&mut writer, entity, &media, encoding);
        let utf8 = writer.is_utf8() || inner_utf8;
        // The fields of a part are octets of the multipart around it.
        let domain = if writer.is_utf8() && depth > 0 {
            wider(domain, TransferEncoding::EightBit)
        } else {
            domain
        };
        writer.blank();
        let mut octets = writer.finish();
        octets.extend_from_slice(&body);
        Ok(Written { octets, domain, utf8 })
    }

    fn text(
        &self,
        text: &str,
        media: &mut MediaType,
        depth: usize,
    ) -> (Vec<u8>, TransferEncoding, TransferEncoding, bool) {
        media.parameters.set("charset", charset::smallest(text));
        let mut lines = canonical(text.as_bytes());
        if depth == 0 && !lines.is_empty() && !lines.ends_with(b"\r\n") {
            lines.extend_from_slice(b"\r\n");
        }
        let measure = Measure::of(&lines);
        let mut encoding = measure.choose(self.options.path, true);
        let long = measure.longest_line() > self.options.line_max.clamp(78, 998);
        if encoding.is_identity() && long {
            encoding = TransferEncoding::QuotedPrintable;
        }
        let (body, domain) = encoded(&lines, encoding, Source::Text);
        (body, encoding, domain, false)
    }

    fn parts(
        &mut self,
        parts: &[Entity],
        media: &mut MediaType,
        depth: usize,
    ) -> Result<(Vec<u8>, TransferEncoding, TransferEncoding, bool), ComposeError> {
        if parts.is_empty() {
            return Err(ComposeError::NoPart);
        }
        let number = self.boundaries;
        self.boundaries += 1;
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            written.push(self.entity(part, depth + 1)?);
        }
        let boundary = self.boundary(number, &written);
        media.parameters.set("boundary", &boundary);
        let total: usize = written.iter().map(|part| part.octets.len() + boundary.len() + 8).sum();
        let mut body = Vec::with_capacity(total + boundary.len() + 8);
        let (mut domain, mut utf8) = (TransferEncoding::SevenBit, false);
        for (place, part) in written.iter().enumerate() {
            // The line end before a boundary belongs to it.
            body.extend_from_slice(if place == 0 { b"--" } else { b"\r\n--" });
            body.extend_from_slice(boundary.as_bytes());
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(&part.octets);
            domain = wider(domain, part.domain);
            utf8 |= part.utf8;
        }
        body.extend_from_slice(b"\r\n--");
        body.extend_from_slice(boundary.as_bytes());
        body.extend_from_slice(b"--\r\n");
        Ok((body, domain, domain, utf8))
    }

    /// A boundary that stands nowhere in the parts. Those of one letter differ in their number and
    /// none begins another; `=_` is in no line of quoted-printable or base64 (RFC 2045 §6.7).
    fn boundary(&self, number: usize, parts: &[Written]) -> String {
        let mut try_number = 0_usize;
        loop {
            let boundary = format!("=_{number}_{try_number}_{}", self.seed);
            let line = format!("--{boundary}");
            let finder = memchr::memmem::Finder::new(line.as_bytes());
            if parts.iter().all(|part| finder.find(&part.octets).is_none()) {
                return boundary;
            }
            try_number += 1;
        }
    }
}

/// The fields of an entity, those it has.
fn fields(writer: &mut HeadWriter, entity: &Entity, media: &MediaType, encoding: TransferEncoding) {
    writer.parameters("Content-Type", &media.to_string(), &media.parameters);
    if encoding != TransferEncoding::SevenBit {
        writer.raw("Content-Transfer-Encoding", encoding.name());
    }
    if let Some(id) = &entity.id {
        writer.ids("Content-ID", std::slice::from_ref(id));
    }
    if let Some(description) = entity.description.as_ref().filter(|text| !text.is_empty()) {
        writer.text("Content-Description", description);
    }
    if let Some(disposition) = &entity.disposition {
        let parameters = &disposition.parameters;
        writer.parameters("Content-Disposition", disposition.name(), parameters);
    }
}

/// The octets in an encoding, and the label that is true of what comes out.
fn encoded(
    octets: &[u8],
    encoding: TransferEncoding,
    source: Source,
) -> (Vec<u8>, TransferEncoding) {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 2);
    match encoding {
        TransferEncoding::QuotedPrintable => {
            let mut encoder = QuotedPrintableEncoder::new(source);
            encoder.feed(octets, &mut out);
            encoder.finish(&mut out);
            // A line end that comes after octets without lines is none of theirs.
            if source == Source::Binary && !out.is_empty() {
                out.extend_from_slice(b"=\r\n");
            }
        }
        TransferEncoding::Base64 => {
            let mut encoder = Base64Encoder::new();
            encoder.feed(octets, &mut out);
            encoder.finish(&mut out);
        }
        other => {
            out.extend_from_slice(octets);
            return (out, other);
        }
    }
    (out, TransferEncoding::SevenBit)
}

/// The one of two labels that is true of both.
fn wider(one: TransferEncoding, other: TransferEncoding) -> TransferEncoding {
    use TransferEncoding::{Binary, EightBit, SevenBit};
    match (one, other) {
        (Binary, _) | (_, Binary) => Binary,
        (EightBit, _) | (_, EightBit) => EightBit,
        _ => SevenBit,
    }
}

/// Text with CR LF as its only line end (RFC 2046 §4.1.1).
fn canonical(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 40);
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (line, end) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        rest = end.strip_prefix(b"\r\n").or(end.get(1..)).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
