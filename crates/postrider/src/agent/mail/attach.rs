//! What goes with a letter: files and other letters, each with its type, its name and the encoding
//! that its octets need (RFC 2045 §6, RFC 2183).
//!
//! Octets come back as they were. A text in lines travels as lines, like the text of the letter; one
//! whose line ends are not ours would not come back, so it travels as octets.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use mail::content::MediaType;
use mail::content::compose::HeadWriter;
use mail::content::transfer::{Base64Encoder, QuotedPrintableEncoder, Source as Of};
use tempfile::SpooledTempFile;

use super::sniff;
use crate::agent::letter::{LINE_MAX, PIECE};
use crate::agent::lines::{Canonical, Survey};

/// Files of one letter.
pub const ATTACHMENTS_MAX: usize = 1000;

/// Something that goes with a letter.
#[derive(Debug)]
pub struct Attachment {
    source: Source,
    /// The name its receiver sees.
    pub name: Option<String>,
    /// What it is.
    media: MediaType,
    travel: Travel,
    /// Octets.
    pub size: u64,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Octets(SpooledTempFile),
}

/// How its octets travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Travel {
    /// As lines of ASCII.
    Lines,
    /// As lines with octets above 127.
    EightBitLines,
    /// As lines too long for the wire.
    QuotedLines,
    /// As octets in lines of ASCII.
    Base64,
    /// As octets.
    Binary,
}

impl Travel {
    fn word(self) -> &'static str {
        match self {
            Self::Lines => "7bit",
            Self::EightBitLines => "8bit",
            Self::QuotedLines => "quoted-printable",
            Self::Base64 => "base64",
            Self::Binary => "binary",
        }
    }
}

impl Attachment {
    /// The file at `path`, which must be readable now and when the letter is finished.
    ///
    /// # Errors
    /// It cannot be read, or is no file.
    pub fn file(path: &Path) -> io::Result<Self> {
        let facts = fs::metadata(path)?;
        if !facts.is_file() {
            return Err(io::Error::other("not a file"));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let seen = Seen::of(&mut File::open(path)?)?;
        let kind = sniff::kind_of(name.as_deref().unwrap_or_default(), &seen.begin, seen.is_text());
        let (media, travel) = seen.media(kind);
        Ok(Self { source: Source::File(path.into()), name, media, travel, size: seen.size })
    }

    /// A letter, whole (RFC 2046 §5.2.1). One that no line of the wire can hold travels as octets,
    /// since a letter in a letter may not be encoded.
    ///
    /// # Errors
    /// It cannot be read, or the temporary file fails.
    pub fn letter(letter: &mut dyn Read, subject: &str) -> io::Result<Self> {
        let (stored, seen) = keep(&mut |out| io::copy(letter, out).map(|_| ()))?;
        let message = || MediaType::new("message", "rfc822").unwrap_or_else(MediaType::octets);
        let (media, travel, name) = match seen.lines() {
            Some(travel @ (Travel::Lines | Travel::EightBitLines)) => (message(), travel, None),
            _ => (MediaType::octets(), Travel::Base64, Some(format!("{subject}.eml"))),
        };
        Ok(Self { source: Source::Octets(stored), name, media, travel, size: seen.size })
    }

    /// A part of another letter: the octets that `give` writes, decoded.
    ///
    /// # Errors
    /// `give` or the temporary file fails.
    pub fn part(
        give: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
        name: &str,
        media: &MediaType,
    ) -> io::Result<Self> {
        let (stored, seen) = keep(give)?;
        let (media, travel) = match media.kind() {
            // Text in a charset of its own stays in it.
            "text" if !seen.is_text() => (media.clone(), Travel::Base64),
            "message" | "multipart" => (MediaType::octets(), Travel::Base64),
            _ => seen.media(&media.to_string()),
        };
        let name = Some(name.to_owned());
        Ok(Self { source: Source::Octets(stored), name, media, travel, size: seen.size })
    }

    /// `text/plain, 12 octets`, for the person.
    pub fn describe(&self) -> String {
        let name = self.name.as_deref().unwrap_or("a letter");
        format!("{name} ({}, {} octets)", self.media, self.size)
    }

    /// Whether octets above 127 go out as they are.
    pub fn is_eight_bit(&self) -> bool {
        self.travel == Travel::EightBitLines
    }

    /// Makes it travel as ASCII.
    pub fn make_seven_bit(&mut self) {
        if self.travel != Travel::EightBitLines {
            return;
        }
        if self.media.kind() == "message" {
            // A letter may not be encoded, so it goes as a file.
            self.media = MediaType::octets();
            self.name.get_or_insert_with(|| "letter.eml".into());
            self.travel = Travel::Base64;
        } else {
            self.travel = Travel::QuotedLines;
        }
    }

    /// Makes octets travel as they are.
    pub fn make_binary(&mut self) {
        if self.travel == Travel::Base64 {
            self.travel = Travel::Binary;
        }
    }

    /// Whether it goes out as octets that are in no lines.
    pub fn is_binary(&self) -> bool {
        self.travel == Travel::Binary
    }

    /// The fields of its part.
    pub fn write_fields(&self, out: &mut HeadWriter) {
        out.parameters("Content-Type", &self.media.to_string(), &self.media.parameters);
        out.raw("Content-Transfer-Encoding", self.travel.word());
        let mut disposition = mail::content::Disposition::default();
        if let Some(name) = &self.name {
            disposition.parameters.set("filename", name);
        }
        out.parameters("Content-Disposition", disposition.name(), &disposition.parameters);
    }

    /// Its body in the form of the wire, given to `out` piece by piece.
    ///
    /// # Errors
    /// It cannot be read any more, or is another one than it was.
    pub fn write_body(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let named = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"))
        };
        match &mut self.source {
            Source::File(path) => {
                let fail = named(path);
                let file = File::open(&*path).map_err(&fail)?;
                // A file that grows meanwhile is as long as it was.
                let mut file = file.take(self.size);
                let read = write_travelling(&mut file, self.travel, out).map_err(&fail)?;
                if read != self.size {
                    return Err(fail(io::Error::other("it became shorter")));
                }
                Ok(())
            }
            Source::Octets(octets) => {
                octets.rewind()?;
                write_travelling(octets, self.travel, out).map(|_| ())
            }
        }
    }
}

/// Keeps what `give` writes, in a file when it is large, and looks at it.
fn keep(
    give: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(SpooledTempFile, Seen)> {
    let mut stored = tempfile::spooled_tempfile(PIECE);
    give(&mut stored)?;
    stored.rewind()?;
    let seen = Seen::of(&mut stored)?;
    Ok((stored, seen))
}

fn write_travelling(
    from: &mut dyn Read,
    travel: Travel,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut canonical = Canonical::default();
    let (mut quoted, mut base64) = (QuotedPrintableEncoder::new(Of::Text), Base64Encoder::new());
    let mut buffer = vec![0; PIECE];
    let (mut lines, mut wire, mut read) = (Vec::new(), Vec::new(), 0);
    loop {
        let n = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            n => n?,
        };
        let octets = buffer.get(..n).unwrap_or_default();
        read += n as u64;
        match travel {
            Travel::Base64 => base64.feed(octets, &mut wire),
            Travel::QuotedLines => {
                canonical.push(octets, &mut lines);
                quoted.feed(&lines, &mut wire);
            }
            Travel::Lines | Travel::EightBitLines => canonical.push(octets, &mut wire),
            Travel::Binary => wire.extend_from_slice(octets),
        }
        lines.clear();
        if n == 0 {
            break;
        }
        out(&wire)?;
        wire.clear();
    }
    // The last line may have no end: that of the boundary is none of the text's.
    match travel {
        Travel::Base64 => base64.finish(&mut wire),
        Travel::QuotedLines => quoted.finish(&mut wire),
        Travel::Lines | Travel::EightBitLines | Travel::Binary => {}
    }
    out(&wire)?;
    Ok(read)
}

/// What was seen of some octets.
struct Seen {
    begin: Vec<u8>,
    size: u64,
    survey: Survey,
    /// LF without CR before it.
    lf: bool,
    crlf: bool,
    lone_cr: bool,
    /// Control characters that no text has.
    control: bool,
}

impl Seen {
    fn of(from: &mut dyn Read) -> io::Result<Self> {
        let mut seen = Self {
            begin: Vec::new(),
            size: 0,
            survey: Survey::default(),
            lf: false,
            crlf: false,
            lone_cr: false,
            control: false,
        };
        let mut buffer = vec![0; PIECE];
        let mut after_cr = false;
        loop {
            let n = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                n => n?,
            };
            let octets = buffer.get(..n).unwrap_or_default();
            if n == 0 {
                seen.lone_cr |= after_cr;
                return Ok(seen);
            }
            let room = sniff::LOOK.saturating_sub(seen.begin.len());
            seen.begin.extend(octets.iter().take(room));
            seen.size += n as u64;
            seen.survey.push(octets);
            for &octet in octets {
                seen.lf |= octet == b'\n' && !after_cr;
                seen.crlf |= octet == b'\n' && after_cr;
                seen.lone_cr |= octet != b'\n' && after_cr;
                after_cr = octet == b'\r';
                seen.control |= matches!(octet, 0..=6 | 14..=26 | 28..=31 | 127);
            }
        }
    }

    fn is_text(&self) -> bool {
        !self.control && !self.survey.nul && self.survey.is_utf8()
    }

    /// As what lines it can travel and come back the same.
    fn lines(&self) -> Option<Travel> {
        if self.crlf && self.lf || self.lone_cr || self.survey.nul {
            return None;
        }
        Some(match (self.survey.longest_line > LINE_MAX, self.survey.eight_bit) {
            (true, _) => Travel::QuotedLines,
            (false, true) => Travel::EightBitLines,
            (false, false) => Travel::Lines,
        })
    }

    fn media(&self, kind: &str) -> (MediaType, Travel) {
        let (kind, subtype) = kind.split_once('/').unwrap_or(("application", "octet-stream"));
        let media = MediaType::new(kind, subtype).unwrap_or_else(MediaType::octets);
        if kind != "text" {
            return (media, Travel::Base64);
        }
        let charset = if self.survey.eight_bit { "utf-8" } else { "us-ascii" };
        let media = media.with("charset", charset);
        match (self.is_text(), self.lines()) {
            // Lines that end in CR LF are in canonical form already (RFC 2045 §6.8).
            (true, Some(_)) if self.crlf => (media, Travel::Base64),
            (true, Some(travel)) => (media, travel),
            _ => (MediaType::octets(), Travel::Base64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(name: &str, octets: &[u8]) -> (String, String) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join(name);
        fs::write(&path, octets).unwrap();
        let mut attachment = Attachment::file(&path).unwrap();
        let (mut fields, mut body) = (HeadWriter::new(false), Vec::new());
        attachment.write_fields(&mut fields);
        attachment
            .write_body(&mut |octets| {
                body.extend_from_slice(octets);
                Ok(())
            })
            .unwrap();
        (String::from_utf8(fields.finish()).unwrap(), String::from_utf8(body).unwrap())
    }

    /// Register: 2046-4.1.2-b, 2045-6.6-a, 2046-4.1.1-a, 2046-4.1.1-b, 2183-2-a, 2183-2-c
    #[test]
    fn each_by_what_it_holds() {
        let long = format!("{}\n", "x".repeat(1200));
        let rows: &[(&str, &[u8], &str, &str)] = &[
            ("a.txt", b"one\ntwo\n", "text/plain; charset=us-ascii", "7bit"),
            ("a.txt", b"one", "text/plain; charset=us-ascii", "7bit"),
            ("a.txt", "Grüße\n".as_bytes(), "text/plain; charset=utf-8", "8bit"),
            ("a.txt", long.as_bytes(), "text/plain; charset=us-ascii", "quoted-printable"),
            ("a.txt", b"one\r\ntwo\r\n", "text/plain; charset=us-ascii", "base64"),
            ("a.txt", b"one\r\ntwo\n", "application/octet-stream", "base64"),
            ("a.txt", b"one\rtwo\n", "application/octet-stream", "base64"),
            ("a.txt", b"Gr\xfc\xdfe\n", "application/octet-stream", "base64"),
            ("a.bin", b"\0\x01", "application/octet-stream", "base64"),
            ("a.pdf", b"%PDF-", "application/pdf", "base64"),
        ];
        for (name, octets, media, travel) in rows {
            let (fields, body) = attached(name, octets);
            assert!(fields.contains(&format!("Content-Type: {media}\r\n")), "{fields}");
            assert!(fields.contains(&format!("Encoding: {travel}\r\n")), "{fields}");
            assert!(fields.contains(&format!("attachment; filename={name}\r\n")), "{fields}");
            assert!(body.split("\r\n").all(|line| line.len() <= 998 && !line.contains('\n')));
        }
        assert_eq!(attached("a", b"one\ntwo").1, "one\r\ntwo");
        assert_eq!(attached("a.bin", b"\0\x01\x02").1.trim_end(), "AAEC");
    }

    #[test]
    fn names() {
        let (fields, _) = attached("naïve plan.txt", b"x\n");
        assert!(fields.contains("filename*=utf-8''na%C3%AFve%20plan.txt\r\n"), "{fields}");
        let (fields, _) = attached("two words \"x\".txt", b"x\n");
        assert!(fields.contains("filename=\"two words \\\"x\\\".txt\"\r\n"), "{fields}");
    }

    #[test]
    fn what_cannot_be_attached() {
        let room = tempfile::tempdir().unwrap();
        assert!(Attachment::file(room.path()).is_err());
        assert!(Attachment::file(&room.path().join("missing")).is_err());
        let path = room.path().join("a");
        fs::write(&path, "long enough").unwrap();
        let mut attachment = Attachment::file(&path).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(attachment.write_body(&mut |_| Ok(())).is_err());
    }

    /// Register: 2046-5.2.1-b, 2045-6.4-b
    #[test]
    fn letters_are_not_encoded() {
        let rows: &[(&[u8], &str, &str)] = &[
            (b"Subject: x\n\nhello\n", "message/rfc822", "7bit"),
            ("Subject: x\n\nGrüße\n".as_bytes(), "message/rfc822", "8bit"),
            (b"Subject: x\n\nnul \0\n", "application/octet-stream", "base64"),
        ];
        for (octets, media, travel) in rows {
            let mut fields = HeadWriter::new(false);
            Attachment::letter(&mut &**octets, "x").unwrap().write_fields(&mut fields);
            let fields = String::from_utf8(fields.finish()).unwrap();
            assert!(fields.contains(&format!("Content-Type: {media}\r\n")), "{fields}");
            assert!(fields.contains(&format!("Encoding: {travel}\r\n")), "{fields}");
        }
    }
}
