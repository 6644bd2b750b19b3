//! One manual page on its way to roff, and how the text of `--help` becomes its sections.

use std::io;

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// A page that is being written, from its head to its end.
#[derive(Default)]
pub(super) struct Page {
    pieces: Vec<String>,
    roff: Roff,
}

impl Page {
    /// The head and the name.
    pub(super) fn new(name: &str, section: &str, about: &str) -> Self {
        let mut roff = Roff::new();
        let source = concat!("postrider ", env!("CARGO_PKG_VERSION"));
        // No date: a page says the same whenever it is made.
        roff.control("TH", [name, section, "\"\"", source, "Postrider"]);
        // Code and addresses are neither hyphenated nor stretched.
        roff.control("nh", []).control("ad", ["l"]);
        roff.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
        Self { pieces: Vec::new(), roff }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, title: &str) {
        self.roff.control("SH", [title]);
    }

    /// Begins a part of a section.
    pub(super) fn part(&mut self, title: &str) {
        self.roff.control("SS", [title]);
    }

    /// A paragraph, filled.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.roff.control("PP", []);
        self.text(text);
    }

    /// What follows begins a line.
    pub(super) fn new_line(&mut self) {
        self.roff.control("br", []);
    }

    /// Text, filled; what stands between backquotes is bold.
    pub(super) fn text(&mut self, text: &str) {
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let style = |(n, piece): (usize, &str)| if n % 2 == 1 { bold(piece) } else { roman(piece) };
        self.roff.text(text.split('`').enumerate().map(style).collect::<Vec<Inline>>());
    }

    /// Words in their own styles.
    pub(super) fn line(&mut self, line: Vec<Inline>) {
        self.roff.text(line);
    }

    /// A term and what it means.
    pub(super) fn item(&mut self, term: Vec<Inline>, meaning: &str) {
        self.roff.control("TP", []).text(term);
        self.text(meaning);
    }

    /// Lines as they are.
    pub(super) fn verbatim(&mut self, lines: &str) {
        self.roff.control("PP", []).control("nf", []).control("RS", ["4"]);
        for line in lines.lines() {
            self.roff.text([roman(line)]);
        }
        self.roff.control("RE", []).control("fi", []);
    }

    /// References to other pages, `mail(1)`.
    pub(super) fn see_also(&mut self, pages: &[&str]) {
        self.section("SEE ALSO");
        let mut line = Vec::new();
        for (n, page) in pages.iter().enumerate() {
            let (name, section) = page.split_once('(').unwrap_or((page, ""));
            let end = if n + 1 == pages.len() { "" } else { ", " };
            line.extend([bold(name), roman(format!("({section}{end}"))]);
        }
        self.roff.text(line);
    }

    /// A section that another writer of roff makes.
    pub(super) fn raw(&mut self, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) {
        self.pieces.push(std::mem::take(&mut self.roff).render());
        let mut octets = Vec::new();
        // Writing to memory does not fail.
        let _ = write(&mut octets);
        self.pieces.push(String::from_utf8_lossy(&octets).into_owned());
    }

    /// The finished page.
    pub(super) fn finish(self) -> String {
        let mut text = self.pieces.concat();
        text += &self.roff.render();
        text
    }
}

/// What `--help` teaches after the options.
#[derive(Default)]
pub(super) struct Teaching<'a> {
    /// Paragraphs.
    pub(super) notes: Vec<&'a str>,
    /// Lines, to be shown as they are.
    pub(super) examples: Vec<&'a str>,
    /// `0 done, 64 wrong usage`.
    pub(super) exit_codes: Vec<&'a str>,
}

impl<'a> Teaching<'a> {
    /// Reads paragraphs, which are told apart by their first words.
    pub(super) fn read(text: &'a str) -> Self {
        let mut teaching = Self::default();
        for paragraph in text.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')) {
            if let Some(lines) = paragraph.strip_prefix("Examples:\n") {
                teaching.examples.push(lines);
            } else if paragraph.starts_with("Exit code") {
                teaching.exit_codes.push(paragraph);
            } else if !paragraph.is_empty() {
                teaching.notes.push(paragraph);
            }
        }
        teaching
    }

    /// Notes as part of the section that is open.
    pub(super) fn write_notes(&self, page: &mut Page) {
        self.notes.iter().for_each(|note| page.paragraph(note));
    }

    /// Examples and exit codes as sections of their own.
    pub(super) fn write_sections(&self, page: &mut Page) {
        if !self.examples.is_empty() {
            page.section("EXAMPLES");
            for lines in &self.examples {
                page.verbatim(&unindented(lines));
            }
        }
        if !self.exit_codes.is_empty() {
            page.section("EXIT STATUS");
            for codes in &self.exit_codes {
                page.text("The codes are those of `sysexits.h`:");
                for (code, meaning) in numbered(codes) {
                    page.item(vec![bold(code)], &meaning);
                }
            }
        }
    }
}

/// The items of `Exit codes: 0 done, 64 wrong usage.`: each begins with its number.
fn numbered(codes: &str) -> Vec<(String, String)> {
    let codes = codes.split_once(": ").map_or(codes, |(_, codes)| codes);
    let mut items: Vec<(String, String)> = Vec::new();
    for word in codes.split_whitespace() {
        match items.last_mut() {
            _ if word.bytes().all(|octet| octet.is_ascii_digit()) => {
                items.push((word.to_owned(), String::new()));
            }
            Some((_, meaning)) if meaning.is_empty() => *meaning += word,
            Some((_, meaning)) => *meaning += &format!(" {word}"),
            None => {}
        }
    }
    for (_, meaning) in &mut items {
        meaning.truncate(meaning.trim_end_matches([',', '.']).len());
    }
    items
}

/// The lines without what all of them begin with.
fn unindented(lines: &str) -> String {
    let lines: Vec<&str> =
        lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    lines.join("\n")
}

/// The lines of a table `  term    meaning`; a line that begins deeper goes on with the meaning.
pub(super) fn table(lines: &str) -> Vec<(&str, String)> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in lines.lines() {
        let Some(row) = line.strip_prefix("  ") else { continue };
        match (row.split_once("  "), rows.last_mut()) {
            (Some((term, meaning)), _) if !term.is_empty() => {
                rows.push((term, meaning.trim().to_owned()));
            }
            (_, Some((_, meaning))) => *meaning += &format!(" {}", row.trim()),
            (_, None) => {}
        }
    }
    rows
}
