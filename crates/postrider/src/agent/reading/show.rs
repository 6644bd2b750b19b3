//! A letter as text for people: chosen fields, decoded text, a line for each part that is no text.
//!
//! The text may hold anything its author wrote; it is made harmless where it meets a terminal.

use std::io;
use std::panic::AssertUnwindSafe;
use std::thread;

use mail::content::structure::Shape;
use mail::content::{Defects, Head, Kind, Letter};

use super::external;
use super::outline::{Outline, PartAt};
use crate::agent::folder::Source;

/// Octets of HTML that are rendered; a page longer than a book is cut.
const HTML_MAX: usize = 4 << 20;
/// The stack of the thread that renders HTML: pages nest deep.
const HTML_STACK: usize = 256 << 20;
/// Parts of one letter that are shown.
const SHOWN_PARTS: usize = 2000;

/// How a letter is shown.
#[derive(Clone, Debug)]
pub struct Style<'a> {
    /// The fields shown, in this order; none: all, as they are.
    pub fields: Option<&'a [String]>,
    /// Columns of rendered HTML and of text that flows.
    pub columns: usize,
    /// Lines that tell of parts.
    pub notes: bool,
}

/// Where text goes while it is made, each time a part or a few lines; of a letter no more than the
/// part that is shown is in memory.
pub type Out<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// The whole letter as text.
///
/// # Errors
/// It cannot be read, or `out` fails.
pub fn render(source: &mut Source, style: &Style<'_>, out: Out<'_>) -> io::Result<()> {
    let outline = Outline::of(source)?;
    let mut page = Page::new(&outline, style, out);
    page.fields(0, source)?;
    page.put("\n")?;
    page.part(0, source)
}

/// The text alone, as a quotation needs it.
///
/// # Errors
/// It cannot be read, or `out` fails.
pub fn body(source: &mut Source, columns: usize, out: Out<'_>) -> io::Result<()> {
    let outline = Outline::of(source)?;
    let style = Style { fields: None, columns, notes: false };
    Page::new(&outline, &style, out).part(0, source)
}

/// One part as text, whatever it says of being shown apart.
///
/// # Errors
/// It cannot be read, or `out` fails.
pub fn one_part(
    outline: &Outline,
    index: usize,
    source: &mut Source,
    style: &Style<'_>,
    out: Out<'_>,
) -> io::Result<()> {
    let mut page = Page::new(outline, style, out);
    match outline.parts.get(index) {
        Some(part) if part.shape == Shape::Leaf && part.kind.is_text() => {
            page.text(part, index, source)
        }
        Some(part) if part.kind == Kind::Status => page.text(part, index, source),
        _ => page.part(index, source),
    }
}

/// `2: image/png, photo.png, 12 KiB`.
pub fn describe(part: &PartAt) -> String {
    let place = if part.path.is_empty() { "letter" } else { part.path.as_str() };
    let mut text = format!("{place}: {}", part.media);
    for more in [&part.name, &part.description].into_iter().flatten() {
        text += &format!(", {more}");
    }
    text + &format!(", {}", size(part.size()))
}

/// Octets as people say them.
pub fn size(octets: u64) -> String {
    match octets {
        0..1000 => format!("{octets}"),
        1000..1_000_000 => format!("{:.1}K", octets as f64 / 1000.0),
        1_000_000..1_000_000_000 => format!("{:.1}M", octets as f64 / 1e6),
        _ => format!("{:.1}G", octets as f64 / 1e9),
    }
}

struct Page<'a> {
    outline: &'a Outline,
    style: &'a Style<'a>,
    out: Out<'a>,
    /// The last line has no end yet.
    open: bool,
    shown: usize,
}

impl<'a> Page<'a> {
    fn new(outline: &'a Outline, style: &'a Style<'a>, out: Out<'a>) -> Self {
        Self { outline, style, out, open: false, shown: 0 }
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.open = !text.ends_with('\n');
        (self.out)(text)
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        if !self.style.notes {
            return Ok(());
        }
        self.begin_line()?;
        self.put(&format!("[{text}]\n"))
    }

    fn begin_line(&mut self) -> io::Result<()> {
        if self.open { self.put("\n") } else { Ok(()) }
    }

    /// The fields of an entity that is a letter.
    fn fields(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let octets = self.outline.head(index, source)?;
        let head = Head::new(&octets);
        match self.style.fields {
            None => {
                for field in head.fields() {
                    let name = String::from_utf8_lossy(field.name);
                    let value = shown_value(&head, &name, &field.value());
                    self.put(&format!("{name}: {value}\n"))?;
                }
            }
            Some(names) => {
                for name in names {
                    for field in head.all(name) {
                        let value = shown_value(&head, name, &field.value());
                        self.put(&format!("{name}: {value}\n"))?;
                    }
                }
            }
        }
        if self.outline.parts.get(index).is_some_and(PartAt::has_long_head) {
            self.note("the header section is longer; the command raw shows all of it")?;
        }
        self.broken(head.defects())
    }

    fn broken(&mut self, defects: Defects) -> io::Result<()> {
        if defects.is_empty() { Ok(()) } else { self.note(&format!("broken: {defects}")) }
    }

    fn part(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let Some(part) = self.outline.parts.get(index) else { return Ok(()) };
        self.shown += 1;
        if self.shown == SHOWN_PARTS {
            self.note("there are more parts; the command parts lists them")?;
        }
        if self.shown >= SHOWN_PARTS {
            return Ok(());
        }
        self.broken(part.defects)?;
        match (part.shape, part.kind) {
            (Shape::Multipart, Kind::Alternative) => self.alternative(index, source),
            (Shape::Multipart, kind) => self.multipart(index, kind, source),
            (Shape::Message, Kind::External) => self.external(index, source),
            (Shape::Message, _) => self.message(index, part, source),
            (Shape::Leaf, Kind::Message) if part.encoded_message => {
                self.encoded_message(index, source)
            }
            (Shape::Leaf, Kind::Partial) => self.partial(part),
            (Shape::Leaf, kind) if shows_inline(part, kind) => {
                let named = part.name.is_some() || self.shown > 2;
                if named && !part.path.is_empty() {
                    self.note(&describe(part))?;
                }
                self.text(part, index, source)
            }
            (Shape::Leaf, _) => self.note(&format!("{}: not shown", describe(part))),
        }
    }

    /// The last part that can be shown is the richest (RFC 2046 §5.1.4).
    fn alternative(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let children: Vec<usize> = self.outline.children(index).collect();
        let best = children.iter().rev().find(|child| self.can_show(**child));
        match best.or(children.last()) {
            Some(child) => self.part(*child, source),
            None => Ok(()),
        }
    }

    fn can_show(&self, index: usize) -> bool {
        let Some(part) = self.outline.parts.get(index) else { return false };
        match (part.shape, part.kind) {
            (Shape::Leaf, kind) => shows_inline(part, kind),
            (Shape::Message, _) => true,
            (Shape::Multipart, Kind::Alternative) => {
                self.outline.children(index).any(|child| self.can_show(child))
            }
            (Shape::Multipart, _) => {
                let first = self.outline.children(index).next();
                first.is_some_and(|child| self.can_show(child))
            }
        }
    }

    fn multipart(&mut self, index: usize, kind: Kind, source: &mut Source) -> io::Result<()> {
        let children: Vec<usize> = self.outline.children(index).collect();
        for (place, child) in children.into_iter().enumerate() {
            let is_signature = kind == Kind::Signed && place > 0;
            if is_signature && let Some(part) = self.outline.parts.get(child) {
                self.note(&format!("{}: a signature, which is not checked here", describe(part)))?;
                continue;
            }
            self.begin_line()?;
            self.part(child, source)?;
        }
        Ok(())
    }

    /// A letter within.
    fn message(&mut self, index: usize, part: &PartAt, source: &mut Source) -> io::Result<()> {
        if part.kind == Kind::Headers {
            return self.text(part, index, source);
        }
        self.note(&describe(part))?;
        let children: Vec<usize> = self.outline.children(index).collect();
        for child in children {
            self.begin_line()?;
            self.fields(child, source)?;
            self.put("\n")?;
            self.part(child, source)?;
        }
        Ok(())
    }

    fn encoded_message(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let (octets, defects) = self.outline.decoded(index, source)?;
        self.broken(defects)?;
        let letter = Letter::read(&octets);
        for name in ["From", "To", "Subject", "Date"] {
            if let Some(value) = letter.head().text(name) {
                self.put(&format!("{name}: {value}\n"))?;
            }
        }
        self.put("\n")?;
        let texts = letter.parts().filter(|part| part.kind().is_text() && !part.is_attachment());
        for part in texts.take(SHOWN_PARTS) {
            self.put(&part.text().text)?;
        }
        Ok(())
    }

    /// A piece of a letter that came in parts (RFC 2046 §5.2.2).
    fn partial(&mut self, part: &PartAt) -> io::Result<()> {
        let get = |name: &str| part.media.parameters.get(name).unwrap_or("?").to_owned();
        let of = part.media.parameters.get("total").map(|total| format!(" of {total}"));
        self.note(&format!(
            "piece {}{} of a letter that was sent in pieces; the command join puts it together",
            get("number"),
            of.unwrap_or_default()
        ))
    }

    /// A body that is elsewhere (RFC 2046 §5.2.3).
    fn external(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let Some(part) = self.outline.parts.get(index) else { return Ok(()) };
        self.note(&format!("{}: {}", describe(part), external::explain(&part.media)))?;
        for child in self.outline.children(index).collect::<Vec<_>>() {
            let octets = self.outline.head(child, source)?;
            let head = Head::new(&octets);
            for name in ["Content-Type", "Content-Description", "Content-ID"] {
                if let Some(value) = head.text(name) {
                    self.note(&format!("{name}: {value}"))?;
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, part: &PartAt, index: usize, source: &mut Source) -> io::Result<()> {
        let text = self.outline.text(index, source)?;
        self.broken(text.defects)?;
        let flows =
            part.media.parameters.get("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed"));
        let shown = match part.kind {
            Kind::Html => html(&text.text, self.style.columns),
            Kind::Enriched | Kind::Richtext => wrapped(&text.text, self.style.columns),
            _ if flows => wrapped(&text.text, self.style.columns),
            _ => text.text,
        };
        self.put(&shown)?;
        self.begin_line()
    }
}

/// Whether a part that has no parts is shown with the letter.
fn shows_inline(part: &PartAt, kind: Kind) -> bool {
    let is_text = kind.is_text() || kind == Kind::Status;
    is_text && (!part.attached || part.path.is_empty())
}

/// The value of a field as people read it.
pub fn shown_value(head: &Head<'_>, name: &str, raw: &[u8]) -> String {
    const ADDRESSES: [&str; 9] = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "Resent-From",
        "Resent-To",
        "Mail-Followup-To",
    ];
    if ADDRESSES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return super::words::addresses(raw);
    }
    if name.eq_ignore_ascii_case("Date")
        && let Some(date) = head.date("Date")
    {
        return date.to_string();
    }
    super::words::text(raw)
}

/// HTML as text. A page that the renderer cannot take is shown as it is written.
pub fn html(page: &str, columns: usize) -> String {
    let end = page.char_indices().nth(HTML_MAX).map_or(page.len(), |(end, _)| end);
    let page = page.get(..end).unwrap_or_default().to_owned();
    let fallback = page.clone();
    let render = move || {
        let rendered = std::panic::catch_unwind(AssertUnwindSafe(|| {
            html2text::from_read(page.as_bytes(), columns.max(20))
        }));
        rendered.ok().and_then(Result::ok)
    };
    let thread = thread::Builder::new().stack_size(HTML_STACK).spawn(render);
    let rendered = thread.ok().and_then(|thread| thread.join().ok()).flatten();
    rendered.unwrap_or(fallback)
}

/// Lines no longer than `columns`, broken between words.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 40);
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let mut column = 0;
        for (n, word) in line.split(' ').enumerate() {
            let width = word.chars().count();
            if n > 0 {
                if column + 1 + width > columns && column > 0 {
                    out.push('\n');
                    column = 0;
                } else {
                    out.push(' ');
                    column += 1;
                }
            }
            out += word;
            column += width;
        }
        out += end;
    }
    out
}
