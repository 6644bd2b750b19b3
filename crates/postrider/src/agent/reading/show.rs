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

/// The whole letter as text.
///
/// # Errors
/// It cannot be read.
pub fn render(source: &mut Source, style: &Style<'_>) -> io::Result<String> {
    let outline = Outline::of(source)?;
    let mut page = Page { outline: &outline, style, out: String::new(), shown: 0 };
    page.fields(0, source)?;
    page.out.push('\n');
    page.part(0, source)?;
    Ok(page.out)
}

/// The text alone, as a quotation needs it.
///
/// # Errors
/// It cannot be read.
pub fn body(source: &mut Source, columns: usize) -> io::Result<String> {
    let outline = Outline::of(source)?;
    let style = Style { fields: None, columns, notes: false };
    let mut page = Page { outline: &outline, style: &style, out: String::new(), shown: 0 };
    page.part(0, source)?;
    Ok(page.out)
}

/// One part as text, whatever it says of being shown apart.
///
/// # Errors
/// It cannot be read.
pub fn one_part(
    outline: &Outline,
    index: usize,
    source: &mut Source,
    style: &Style<'_>,
) -> io::Result<String> {
    let mut page = Page { outline, style, out: String::new(), shown: 0 };
    match outline.parts.get(index) {
        Some(part) if part.shape == Shape::Leaf && part.kind.is_text() => {
            page.text(part, index, source)?;
        }
        Some(part) if part.kind == Kind::Status => page.text(part, index, source)?,
        _ => page.part(index, source)?,
    }
    Ok(page.out)
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
    out: String,
    shown: usize,
}

impl Page<'_> {
    fn note(&mut self, text: &str) {
        if self.style.notes {
            self.begin_line();
            self.out += &format!("[{text}]\n");
        }
    }

    fn begin_line(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
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
                    self.out += &format!("{name}: {value}\n");
                }
            }
            Some(names) => {
                for name in names {
                    for field in head.all(name) {
                        let value = shown_value(&head, name, &field.value());
                        self.out += &format!("{name}: {value}\n");
                    }
                }
            }
        }
        self.broken(head.defects());
        Ok(())
    }

    fn broken(&mut self, defects: Defects) {
        if !defects.is_empty() {
            self.note(&format!("broken: {defects}"));
        }
    }

    fn part(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let Some(part) = self.outline.parts.get(index) else { return Ok(()) };
        self.shown += 1;
        if self.shown == SHOWN_PARTS {
            self.note("there are more parts; the command parts lists them");
        }
        if self.shown >= SHOWN_PARTS {
            return Ok(());
        }
        self.broken(part.defects);
        match (part.shape, part.kind) {
            (Shape::Multipart, Kind::Alternative) => self.alternative(index, source),
            (Shape::Multipart, kind) => self.multipart(index, kind, source),
            (Shape::Message, Kind::External) => self.external(index, source),
            (Shape::Message, _) => self.message(index, part, source),
            (Shape::Leaf, Kind::Message) if part.encoded_message => {
                self.encoded_message(index, source)
            }
            (Shape::Leaf, Kind::Partial) => {
                self.partial(part);
                Ok(())
            }
            (Shape::Leaf, kind) if shows_inline(part, kind) => {
                let named = part.name.is_some() || self.shown > 2;
                if named && !part.path.is_empty() {
                    self.note(&describe(part));
                }
                self.text(part, index, source)
            }
            (Shape::Leaf, _) => {
                self.note(&format!("{}: not shown", describe(part)));
                Ok(())
            }
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
                self.note(&format!("{}: a signature, which is not checked here", describe(part)));
                continue;
            }
            self.begin_line();
            self.part(child, source)?;
        }
        Ok(())
    }

    /// A letter within.
    fn message(&mut self, index: usize, part: &PartAt, source: &mut Source) -> io::Result<()> {
        if part.kind == Kind::Headers {
            return self.text(part, index, source);
        }
        self.note(&describe(part));
        let children: Vec<usize> = self.outline.children(index).collect();
        for child in children {
            self.begin_line();
            self.fields(child, source)?;
            self.out.push('\n');
            self.part(child, source)?;
        }
        Ok(())
    }

    fn encoded_message(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let (octets, defects) = self.outline.decoded(index, source)?;
        self.broken(defects);
        let letter = Letter::read(&octets);
        for name in ["From", "To", "Subject", "Date"] {
            if let Some(value) = letter.head().text(name) {
                self.out += &format!("{name}: {value}\n");
            }
        }
        self.out.push('\n');
        let texts = letter.parts().filter(|part| part.kind().is_text() && !part.is_attachment());
        for part in texts.take(SHOWN_PARTS) {
            self.out += &part.text();
        }
        Ok(())
    }

    /// A piece of a letter that came in parts (RFC 2046 §5.2.2).
    fn partial(&mut self, part: &PartAt) {
        let get = |name: &str| part.media.parameters.get(name).unwrap_or("?").to_owned();
        let of = part.media.parameters.get("total").map(|total| format!(" of {total}"));
        self.note(&format!(
            "piece {}{} of a letter that was sent in pieces; the command join puts it together",
            get("number"),
            of.unwrap_or_default()
        ));
    }

    /// A body that is elsewhere (RFC 2046 §5.2.3).
    fn external(&mut self, index: usize, source: &mut Source) -> io::Result<()> {
        let Some(part) = self.outline.parts.get(index) else { return Ok(()) };
        self.note(&format!("{}: {}", describe(part), external::explain(&part.media)));
        for child in self.outline.children(index).collect::<Vec<_>>() {
            let octets = self.outline.head(child, source)?;
            let head = Head::new(&octets);
            for name in ["Content-Type", "Content-Description", "Content-ID"] {
                if let Some(value) = head.text(name) {
                    self.note(&format!("{name}: {value}"));
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, part: &PartAt, index: usize, source: &mut Source) -> io::Result<()> {
        let text = self.outline.text(index, source)?;
        self.broken(text.defects);
        let flows =
            part.media.parameters.get("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed"));
        let shown = match part.kind {
            Kind::Html => html(&text.text, self.style.columns),
            Kind::Enriched | Kind::Richtext => wrapped(&text.text, self.style.columns),
            _ if flows => wrapped(&text.text, self.style.columns),
            _ => text.text,
        };
        self.out += &shown;
        self.begin_line();
        Ok(())
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
