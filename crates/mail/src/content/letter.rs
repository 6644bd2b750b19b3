//! A letter as a tree of parts over its octets (RFC 5322 §2.1, RFC 2046 §5).
//!
//! Reading copies nothing and changes nothing: a part is a range of the octets that were given, so
//! what is shown can be saved, forwarded or relayed as it was received. Values are decoded when they
//! are asked for.

use std::borrow::Cow;
use std::ops::Range;

use super::charset;
use super::defect::{Defect, Defects, Text};
use super::flowed;
use super::head::Head;
use super::media::{DispositionKind, Kind, MediaType};
use super::structure::{Event, Shape, Structure};
use super::transfer::TransferEncoding;

/// One entity; ranges count from the start of the letter.
#[derive(Clone, Debug)]
struct Node {
    start: usize,
    fields: usize,
    body: usize,
    end: usize,
    parent: Option<u32>,
    first_child: Option<u32>,
    next: Option<u32>,
    /// Its place among the parts of its parent, from 1.
    place: u32,
    in_digest: bool,
    class: Kind,
    encoding: TransferEncoding,
    shape: Shape,
    defects: Defects,
}

/// A letter that was read.
///
/// ```
/// use mail::content::Letter;
///
/// let letter = Letter::read(
///     b"From: Ada <ada@example.net>\r\n\
///       Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
///       Content-Type: multipart/mixed; boundary=b\r\n\
///       \r\n\
///       --b\r\n\
///       Content-Transfer-Encoding: base64\r\n\
///       \r\n\
///       SGVsbG8=\r\n\
///       --b--\r\n",
/// );
/// assert_eq!(letter.head().subject().unwrap(), "Grüße");
/// let part = letter.root().children().next().unwrap();
/// assert_eq!(part.text(), "Hello");
/// assert!(part.defects().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    octets: &'a [u8],
    nodes: Vec<Node>,
}

impl<'a> Letter<'a> {
    /// Reads a letter. Anything is a letter; what is wrong with it its parts tell.
    pub fn read(octets: &'a [u8]) -> Self {
        let mut builder = Builder::default();
        let mut structure = Structure::new();
        structure.feed(octets, &mut |event| builder.event(event));
        structure.finish(&mut |event| builder.event(event));
        Self { octets, nodes: builder.nodes }
    }

    /// All of its octets.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Its own header section.
    pub fn head(&self) -> Head<'a> {
        self.root().head()
    }

    /// The letter itself as an entity.
    pub fn root(&self) -> Part<'_, 'a> {
        Part { letter: self, index: 0 }
    }

    /// All entities, each before its parts.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_, 'a>> {
        (0..self.nodes.len()).map(|index| Part { letter: self, index })
    }

    /// The entity with this number, as [`Part::number`] tells it.
    pub fn part(&self, number: usize) -> Option<Part<'_, 'a>> {
        (number < self.nodes.len()).then_some(Part { letter: self, index: number })
    }

    /// What is wrong with the structure of any of them.
    pub fn defects(&self) -> Defects {
        self.nodes.iter().fold(Defects::NONE, |all, node| all | node.defects)
    }
}

/// Makes the tree from the events.
#[derive(Default)]
struct Builder {
    at: usize,
    nodes: Vec<Node>,
    open: Vec<u32>,
    /// The last child of each open entity.
    last: Vec<Option<u32>>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Begin => self.begin(),
            Event::MailboxLine(octets) => {
                self.at += octets.len();
                let at = self.at;
                if let Some(node) = self.nodes.last_mut() {
                    node.fields = at;
                }
            }
            Event::HeadEnd(entity) => {
                let at = self.at;
                if let Some(node) = self.nodes.last_mut() {
                    (node.body, node.shape) = (at, entity.shape);
                    (node.class, node.encoding) = (entity.media.class(), entity.encoding);
                }
            }
            Event::Head(octets)
            | Event::Body(octets)
            | Event::Around(octets)
            | Event::Boundary(octets) => self.at += octets.len(),
            Event::End(defects) => {
                self.last.pop();
                let index = self.open.pop().and_then(|index| usize::try_from(index).ok());
                let at = self.at;
                if let Some(node) = index.and_then(|index| self.nodes.get_mut(index)) {
                    (node.end, node.defects) = (at, defects);
                }
            }
        }
    }

    fn node(&mut self, index: u32) -> Option<&mut Node> {
        usize::try_from(index).ok().and_then(|index| self.nodes.get_mut(index))
    }

    fn begin(&mut self) {
        // Entities are bounded far below.
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let parent = self.open.last().copied();
        let before = self.last.last_mut().and_then(|last| last.replace(index));
        let (mut place, mut in_digest) = (1, false);
        if let Some(parent) = parent.and_then(|parent| self.node(parent)) {
            in_digest = parent.class == Kind::Digest;
            parent.first_child = parent.first_child.or(Some(index));
        }
        if let Some(before) = before.and_then(|before| self.node(before)) {
            before.next = Some(index);
            place = before.place.saturating_add(1);
        }
        self.nodes.push(Node {
            start: self.at,
            fields: self.at,
            body: self.at,
            end: self.at,
            parent,
            first_child: None,
            next: None,
            place,
            in_digest,
            class: Kind::Plain,
            encoding: TransferEncoding::SevenBit,
            shape: Shape::Leaf,
            defects: Defects::NONE,
        });
        self.open.push(index);
        self.last.push(None);
    }
}

/// An entity of a letter: the letter itself or a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Part<'l, 'a> {
    letter: &'l Letter<'a>,
    index: usize,
}

impl<'l, 'a> Part<'l, 'a> {
    fn node(&self) -> &'l Node {
        // Parts are made from existing nodes only.
        &self.letter.nodes[self.index]
    }

    fn at(&self, index: Option<u32>) -> Option<Self> {
        let index = usize::try_from(index?).ok()?;
        Some(Self { letter: self.letter, index })
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.letter.octets.get(range).unwrap_or_default()
    }

    /// Its place in the order of [`Letter::parts`]; the letter itself has 0.
    pub fn number(&self) -> usize {
        self.index
    }

    /// The path of places that leads to it, each counted from 1; empty for the letter itself. Parts
    /// of a message within count on.
    pub fn path(&self) -> Vec<usize> {
        let mut path = Vec::new();
        let mut part = *self;
        while let Some(parent) = part.parent() {
            path.push(usize::try_from(part.node().place).unwrap_or(usize::MAX));
            part = parent;
        }
        path.reverse();
        path
    }

    /// Where it is in the letter: header section, blank line and body.
    pub fn range(&self) -> Range<usize> {
        self.node().start..self.node().end
    }

    /// All of its octets.
    pub fn octets(&self) -> &'a [u8] {
        self.slice(self.range())
    }

    /// Its header section, the blank line at its end included.
    pub fn head(&self) -> Head<'a> {
        Head::new(self.slice(self.node().fields..self.node().body))
    }

    /// Where its body is in the letter.
    pub fn body_range(&self) -> Range<usize> {
        self.node().body..self.node().end
    }

    /// Its body as it is in the letter, in its transfer encoding. The line end before a boundary
    /// belongs to the boundary (RFC 2046 §5.1.1).
    pub fn raw_body(&self) -> &'a [u8] {
        self.slice(self.body_range())
    }

    /// The entity around it.
    pub fn parent(&self) -> Option<Self> {
        self.at(self.node().parent)
    }

    /// Its parts, or the message within.
    pub fn children(&self) -> impl Iterator<Item = Part<'l, 'a>> + use<'l, 'a> {
        let first = self.at(self.node().first_child);
        std::iter::successors(first, |part| part.at(part.node().next))
    }

    /// How its body goes on.
    pub fn shape(&self) -> Shape {
        self.node().shape
    }

    /// Its media type; where it does not say, that of its place: text/plain, or message/rfc822 in a
    /// digest (RFC 2045 §5.2, RFC 2046 §5.1.5).
    pub fn media_type(&self) -> MediaType {
        match self.head().content_type() {
            Some(media) => media,
            None if self.node().in_digest => MediaType::message(),
            None => MediaType::plain(),
        }
    }

    /// What a reader does with it. Octets in a transfer encoding that nobody knows are octets
    /// (RFC 2045 §6.4), and so is text in a charset that nobody knows unless it is plain text
    /// (RFC 2046 §4.1.4).
    pub fn kind(&self) -> Kind {
        let Node { class, encoding, .. } = *self.node();
        if encoding == TransferEncoding::Unknown && self.shape() == Shape::Leaf {
            return Kind::Octets;
        }
        if class == Kind::Plain {
            let media = self.media_type();
            if media.subtype() != "plain" && !charset::is_known(media.charset()) {
                return Kind::Octets;
            }
        }
        class
    }

    /// Its transfer encoding.
    pub fn encoding(&self) -> TransferEncoding {
        self.node().encoding
    }

    /// Whether it says that it is to be shown apart (RFC 2183 §2.2).
    pub fn is_attachment(&self) -> bool {
        self.head().disposition().is_some_and(|one| one.kind == DispositionKind::Attachment)
    }

    /// The name of its file: that of its disposition, or else the one of its type (RFC 2183 §2.3).
    /// As it was written: see [`safe_file_name`](super::safe_file_name) before a file is made.
    pub fn file_name(&self) -> Option<String> {
        let mut defects = Defects::NONE;
        let disposition = self.head().disposition();
        let named = disposition.and_then(|one| one.parameters.file_name("filename", &mut defects));
        named.or_else(|| self.media_type().parameters.file_name("name", &mut defects))
    }

    /// The octets of its body, decoded; where they stand for themselves nothing is copied.
    pub fn body(&self) -> (Cow<'a, [u8]>, Defects) {
        self.encoding().decode(self.raw_body())
    }

    /// The message within, where it is in a transfer encoding, which the standard forbids and some
    /// do: decode [`body`](Self::body) and read it with [`Letter::read`].
    pub fn is_encoded_message(&self) -> bool {
        let encoded = self.node().defects.has(Defect::EncodedComposite);
        encoded && self.node().class == Kind::Message
    }

    /// Its body as text: decoded, in Unicode, its lines ending in `\n`, flowed lines joined
    /// (RFC 3676). HTML comes as it is written.
    pub fn text(&self) -> Text {
        let media = self.media_type();
        let (octets, mut defects) = self.body();
        let (text, defect) = charset::decode(media.charset(), &octets);
        defects |= defect.into();
        // The charset says more than the label of the encoding.
        if text.contains('\0') {
            defects.add(Defect::Nul);
        }
        let text = lines(text);
        let text = match media.class() {
            Kind::Plain if flowed::is_flowed(&media) => {
                flowed::join(&text, flowed::deletes_spaces(&media))
            }
            Kind::Enriched => super::enriched::plain(&text),
            Kind::Richtext => super::richtext::plain(&text),
            _ => text,
        };
        Text { text, defects }
    }

    /// What is wrong with its structure and its own fields; what is wrong within its values the
    /// values tell, and [`examine`](Self::examine) tells all.
    pub fn defects(&self) -> Defects {
        self.node().defects
    }

    /// Everything that is wrong with it, its parts aside: this reads its whole body.
    pub fn examine(&self) -> Defects {
        let head = self.head();
        let mut defects = self.defects() | head.defects();
        if let Some(disposition) = head.disposition() {
            defects |= disposition.defects;
            disposition.parameters.file_name("filename", &mut defects);
        }
        if self.shape() != Shape::Leaf {
            return defects;
        }
        if self.kind().is_text() {
            return defects | self.text().defects;
        }
        let (octets, found) = self.body();
        if self.encoding() != TransferEncoding::Binary
            && self.encoding().is_identity()
            && memchr::memchr(0, &octets).is_some()
        {
            defects.add(Defect::Nul);
        }
        defects | found
    }
}

/// Text with `\n` as its only line end.
fn lines(text: Cow<'_, str>) -> String {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = memchr::memchr(b'\r', rest.as_bytes()) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        out.push('\n');
        let after = after.strip_prefix('\r').unwrap_or(after);
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
