//! The parts of a letter and where they are, found while it is read through once. Memory holds what
//! is said of the parts, never their bodies; a body is read when it is shown or saved.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use mail::content::compose::HeadWriter;
use mail::content::structure::{Event, Shape, Structure};
use mail::content::transfer::{Decoder, TransferEncoding};
use mail::content::{Defect, Defects, Head, Kind, Letter, MediaType};

use crate::agent::folder::Source;

/// Octets read at once.
const PIECE: usize = 64 << 10;
/// Octets of one part's header section that are kept to learn its name.
const HEAD_MAX: usize = 64 << 10;
/// Octets of a header section that are read to be shown: more than any mail system writes.
const HEAD_READ_MAX: u64 = 1 << 20;
/// Octets of a part that is read whole, to be shown: more than any mail system passes on.
const PART_MAX: u64 = 512 << 20;

/// One entity of a letter.
#[derive(Clone, Debug)]
pub struct PartAt {
    /// Its type, or what its place says.
    pub media: MediaType,
    /// What a reader does with it.
    pub kind: Kind,
    /// How its body goes on.
    pub shape: Shape,
    /// The entity around it.
    pub parent: Option<usize>,
    /// `2.1`: its place in its parents; empty for the letter itself.
    pub path: String,
    /// The name of its file, as it was written.
    pub name: Option<String>,
    /// To be shown apart.
    pub attached: bool,
    /// What its description says.
    pub description: Option<String>,
    /// A message in a transfer encoding, which it may not have.
    pub encoded_message: bool,
    /// What is wrong with it.
    pub defects: Defects,
    encoding: TransferEncoding,
    fields: Range<u64>,
    body: Range<u64>,
}

impl PartAt {
    /// Octets of its body as it travelled.
    pub fn size(&self) -> u64 {
        self.body.end.saturating_sub(self.body.start)
    }

    /// Whether its header section is longer than what is read of one.
    pub fn has_long_head(&self) -> bool {
        self.body.start.saturating_sub(self.fields.start) > HEAD_READ_MAX
    }
}

/// The parts of a letter, each before its own parts.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The letter itself is the first.
    pub parts: Vec<PartAt>,
}

impl Outline {
    /// Reads the letter through.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(source: &mut Source) -> io::Result<Self> {
        let mut builder = Builder::default();
        let mut structure = Structure::new();
        let mut buffer = vec![0; PIECE];
        source.seek(SeekFrom::Start(0))?;
        loop {
            let n = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                n => n?,
            };
            if n == 0 {
                break;
            }
            let octets = buffer.get(..n).unwrap_or_default();
            structure.feed(octets, &mut |event| builder.event(event));
        }
        structure.finish(&mut |event| builder.event(event));
        Ok(Self { parts: builder.parts })
    }

    /// The parts of part `index`.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let of = self.parts.iter().enumerate().skip(index + 1);
        of.filter(move |(_, part)| part.parent == Some(index)).map(|(child, _)| child)
    }

    /// The part with this path.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.parts.iter().position(|part| part.path == path)
    }

    /// Header section and body of part `index`.
    fn octets(&self, index: usize, source: &mut Source) -> io::Result<Vec<u8>> {
        let Some(part) = self.parts.get(index) else { return Ok(Vec::new()) };
        if part.size() > PART_MAX {
            return Err(too_large());
        }
        let mut octets = if part.has_long_head() {
            // What the body needs of it was seen when the letter was read through.
            let mut writer = HeadWriter::new(true);
            writer.parameters("Content-Type", &part.media.to_string(), &part.media.parameters);
            writer.raw("Content-Transfer-Encoding", part.encoding.name());
            writer.blank();
            writer.finish()
        } else {
            self.head(index, source)?
        };
        source.range(part.body.clone()).read_to_end(&mut octets)?;
        Ok(octets)
    }

    /// The header section of part `index`, or its beginning where it [is long](PartAt::has_long_head).
    ///
    /// # Errors
    /// It cannot be read.
    pub fn head(&self, index: usize, source: &mut Source) -> io::Result<Vec<u8>> {
        let Some(part) = self.parts.get(index) else { return Ok(Vec::new()) };
        let end = part.body.start.min(part.fields.start + HEAD_READ_MAX);
        source.read_range(part.fields.start..end)
    }

    /// Gives the body of part `index` to `out` piece by piece, decoded where it has no parts, and
    /// tells what was wrong with it.
    ///
    /// # Errors
    /// It cannot be read, or `out` fails.
    pub fn decode(
        &self,
        index: usize,
        source: &mut Source,
        out: &mut dyn Write,
    ) -> io::Result<Defects> {
        let Some(part) = self.parts.get(index) else { return Ok(Defects::NONE) };
        let encoding = match part.shape {
            Shape::Leaf => part.encoding,
            // A letter within is as it is.
            _ => TransferEncoding::Binary,
        };
        let mut decoder = Decoder::new(encoding);
        let (mut from, mut buffer) = (source.range(part.body.clone()), vec![0; PIECE]);
        let mut decoded = Vec::new();
        loop {
            let n = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                n => n?,
            };
            if n == 0 {
                break;
            }
            decoder.feed(buffer.get(..n).unwrap_or_default(), &mut decoded);
            out.write_all(&decoded)?;
            decoded.clear();
        }
        let defects = decoder.finish(&mut decoded);
        out.write_all(&decoded)?;
        Ok(defects)
    }

    /// The same for a part that is read whole, to be shown.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn decoded(&self, index: usize, source: &mut Source) -> io::Result<(Vec<u8>, Defects)> {
        let mut octets = Vec::new();
        if self.parts.get(index).is_some_and(|part| part.size() > PART_MAX) {
            return Err(too_large());
        }
        let defects = self.decode(index, source, &mut octets)?;
        Ok((octets, defects))
    }

    /// The text of the body of part `index`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self, index: usize, source: &mut Source) -> io::Result<mail::content::Text> {
        let octets = self.octets(index, source)?;
        let letter = Letter::read(&octets);
        Ok(letter.root().text())
    }
}

fn too_large() -> io::Error {
    io::Error::other("the part is too large to be shown; it can be saved")
}

#[derive(Default)]
struct Builder {
    at: u64,
    parts: Vec<PartAt>,
    open: Vec<usize>,
    children: Vec<usize>,
    head: Vec<u8>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Begin => self.begin(),
            Event::MailboxLine(octets) => {
                self.at += octets.len() as u64;
                let at = self.at;
                if let Some(part) = self.parts.last_mut() {
                    part.fields = at..at;
                }
            }
            Event::Head(octets) => {
                self.at += octets.len() as u64;
                let room = HEAD_MAX.saturating_sub(self.head.len());
                self.head.extend(octets.iter().take(room));
            }
            Event::HeadEnd(entity) => {
                let at = self.at;
                let Some(part) = self.parts.last_mut() else { return };
                part.fields.end = at;
                part.body = at..at;
                part.shape = entity.shape;
                part.media = entity.media.clone();
                part.encoding = entity.encoding;
                // What a part says of itself, read once more by those who know how.
                let read = Letter::read(&self.head);
                let root = read.root();
                part.kind = match entity.shape {
                    Shape::Leaf if self.head.is_empty() => entity.media.class(),
                    Shape::Leaf if entity.media.class() == Kind::Message => Kind::Message,
                    Shape::Leaf => root.kind(),
                    _ => entity.media.class(),
                };
                part.name = root.file_name();
                part.attached = root.is_attachment();
                let description = Head::new(&self.head).text("Content-Description");
                part.description = description.map(|text| text.text);
            }
            Event::Body(octets) | Event::Around(octets) | Event::Boundary(octets) => {
                self.at += octets.len() as u64;
            }
            Event::End(defects) => {
                let at = self.at;
                self.children.pop();
                let ended = self.open.pop();
                if let Some(part) = ended.and_then(|index| self.parts.get_mut(index)) {
                    part.body.end = at.max(part.body.start);
                    part.defects = defects;
                    part.encoded_message =
                        defects.has(Defect::EncodedComposite) && part.shape == Shape::Leaf;
                }
            }
        }
    }

    fn begin(&mut self) {
        let parent = self.open.last().copied();
        let place = self.children.last_mut().map(|count| {
            *count += 1;
            *count
        });
        let above = parent.and_then(|parent| self.parts.get(parent));
        let path = match (above, place) {
            (Some(above), Some(place)) if above.path.is_empty() => place.to_string(),
            (Some(above), Some(place)) => format!("{}.{place}", above.path),
            _ => String::new(),
        };
        self.head.clear();
        self.open.push(self.parts.len());
        self.children.push(0);
        self.parts.push(PartAt {
            media: MediaType::plain(),
            kind: Kind::Plain,
            shape: Shape::Leaf,
            parent,
            path,
            name: None,
            attached: false,
            description: None,
            encoded_message: false,
            defects: Defects::NONE,
            encoding: TransferEncoding::SevenBit,
            fields: self.at..self.at,
            body: self.at..self.at,
        });
    }
}
