//! Makes a message (RFC 5322, RFC 2045) of what a person wrote.
//!
//! `Bcc` is no field of what is sent: blind recipients stand in the envelope alone (RFC 5321 §7.2).
//! Nor are `Return-Path` or trace fields: those belong to others. Large attachments go from their
//! files into an unlinked file, never whole through memory.

use std::io::{self, Write};

use mail::DomainName;
use mail::content::compose::HeadWriter;
use mail::content::{Address, MediaType, flowed};
use tempfile::SpooledTempFile;

use super::attach::Attachment;
use super::draft::Draft;
use crate::agent::addresses::Entry;
use crate::agent::fields::{not_written, write_addresses, writer_of};
use crate::agent::letter::{IN_MEMORY, LINE_MAX, Letter, Stamp, Text};
use crate::agent::lines::Survey;

/// Octets of a text that is made flowed: what a person types, not what a program pipes.
const FLOWED_MAX: u64 = 16 << 20;

/// What the field `User-Agent` says.
const USER_AGENT: &str = concat!("Postrider/", env!("CARGO_PKG_VERSION"));

/// The message of `draft`, finished at `stamp` on `host`.
///
/// # Errors
/// When the temporary file fails, or an attachment cannot be read any more.
pub fn compose(draft: &mut Draft, stamp: &Stamp, host: &DomainName) -> io::Result<Letter> {
    let mut head = header(draft, stamp, host)?;
    let utf8 = head.is_utf8();
    let mut body = std::mem::take(&mut draft.body);
    let mut media = text_type(draft);
    if draft.flowed && body.len() <= FLOWED_MAX && body.survey().is_utf8() {
        body = make_flowed(&mut body)?;
        media = media.with("format", "flowed");
    }
    body.finish()?;
    let encoding = Encoding::of(body.survey(), draft.seven_bit);
    if draft.seven_bit {
        draft.attachments.iter_mut().for_each(Attachment::make_seven_bit);
    } else if draft.binary {
        draft.attachments.iter_mut().for_each(Attachment::make_binary);
    }
    if draft.attachments.is_empty() {
        let is_plain = draft.body_type.is_none() && !draft.flowed;
        if encoding != Encoding::Plain || !is_plain {
            head.raw("MIME-Version", "1.0");
            encoding.write_fields(body.survey(), media, &mut head);
        }
        let text = match encoding {
            Encoding::QuotedPrintable => body.into_quoted_printable()?,
            Encoding::Plain | Encoding::EightBit => body,
        };
        return Ok(text.into_letter(head.finish())?.with_utf8(utf8));
    }
    head.raw("MIME-Version", "1.0");
    Ok(multipart(draft, body, media, head, stamp)?.with_utf8(utf8))
}

fn header(draft: &Draft, stamp: &Stamp, host: &DomainName) -> io::Result<HeadWriter> {
    let lists = [&draft.from, &draft.reply_to, &draft.to, &draft.cc];
    let mut head = writer_of(lists.into_iter().flatten().chain(&draft.sender));
    head.raw("Date", &stamp.date().to_string());
    write_addresses(&mut head, "From", &draft.from)?;
    // Several authors need one who sends it (RFC 5322 §3.6.2).
    let sender = draft.sender.as_ref().or(draft.from.first().filter(|_| draft.from.len() > 1));
    let is_author = |sender: &&Entry| match draft.from.as_slice() {
        [author] => author.mailbox == sender.mailbox,
        _ => false,
    };
    if let Some(sender) = sender.filter(|sender| !is_author(sender)) {
        write_addresses(&mut head, "Sender", std::slice::from_ref(sender))?;
    }
    write_addresses(&mut head, "Reply-To", &draft.reply_to)?;
    if draft.to.is_empty() && draft.cc.is_empty() {
        // Blind recipients only: an empty group says so (RFC 5322 §3.6.3).
        let nobody = Address::Group { name: "undisclosed-recipients".into(), members: Vec::new() };
        head.addresses("To", &[nobody]).map_err(not_written)?;
    }
    write_addresses(&mut head, "To", &draft.to)?;
    write_addresses(&mut head, "Cc", &draft.cc)?;
    if !draft.subject.trim().is_empty() {
        head.text("Subject", draft.subject.trim());
    }
    head.ids("Message-ID", stamp.message_id(host).as_slice());
    head.ids("In-Reply-To", &draft.in_reply_to);
    head.ids("References", &draft.references);
    if draft.user_agent {
        head.raw("User-Agent", USER_AGENT);
    }
    for (name, value) in &draft.fields {
        head.text(name, value);
    }
    Ok(head)
}

fn text_type(draft: &Draft) -> MediaType {
    let word = draft.body_type.as_deref().unwrap_or("text/plain");
    let (kind, subtype) = word.split_once('/').unwrap_or(("text", "plain"));
    MediaType::new(kind, subtype).unwrap_or_else(MediaType::plain)
}

/// Lines of a paragraph end in a blank, so that readers may join them (RFC 3676).
fn make_flowed(body: &mut Text) -> io::Result<Text> {
    let mut octets = Vec::new();
    body.copy_to(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    let mut flowing = Text::new();
    flowing.push(flowed::split(&text).as_bytes())?;
    Ok(flowing)
}

/// The text and what goes with it (RFC 2046 §5.1.3).
fn multipart(
    draft: &mut Draft,
    body: Text,
    media: MediaType,
    mut head: HeadWriter,
    stamp: &Stamp,
) -> io::Result<Letter> {
    let boundary = boundary(stamp);
    let mixed = MediaType::new("multipart", "mixed").unwrap_or_else(MediaType::octets);
    let mixed = mixed.with("boundary", &boundary);
    head.parameters("Content-Type", &mixed.to_string(), &mixed.parameters);
    let encoding = Encoding::of(body.survey(), draft.seven_bit);
    let letters = draft.attachments.iter().any(Attachment::is_eight_bit);
    let binary = draft.attachments.iter().any(Attachment::is_binary);
    let eight_bit = encoding == Encoding::EightBit || letters;
    // What is in it is no less than what its parts are (RFC 2045 §6.4).
    match (binary, eight_bit) {
        (true, _) => head.raw("Content-Transfer-Encoding", "binary"),
        (false, true) => head.raw("Content-Transfer-Encoding", "8bit"),
        (false, false) => {}
    }
    let mut out = Counted { store: tempfile::spooled_tempfile(IN_MEMORY), len: 0 };
    if !body.is_empty() {
        let mut part = HeadWriter::new(false);
        encoding.write_fields(body.survey(), media, &mut part);
        part.blank();
        write!(out, "--{boundary}\r\n")?;
        out.write_all(&part.finish())?;
        let mut text = match encoding {
            Encoding::QuotedPrintable => body.into_quoted_printable()?,
            Encoding::Plain | Encoding::EightBit => body,
        };
        text.copy_wire_to(&mut out)?;
    }
    for attachment in &mut draft.attachments {
        let mut part = HeadWriter::new(false);
        attachment.write_fields(&mut part);
        part.blank();
        write!(out, "\r\n--{boundary}\r\n")?;
        out.write_all(&part.finish())?;
        attachment.write_body(&mut |octets| out.write_all(octets))?;
    }
    write!(out, "\r\n--{boundary}--\r\n")?;
    Ok(Letter::of(head.finish(), out.store, out.len, eight_bit)?.with_binary(binary))
}

/// A line that stands in no part: quoted-printable and base64 have no `=_`, and text of ours has not
/// this stamp (RFC 2046 §5.1.1).
fn boundary(stamp: &Stamp) -> String {
    format!("=_{}_=", stamp.unique)
}

/// Counts what is written.
struct Counted {
    store: SpooledTempFile,
    len: u64,
}

impl Write for Counted {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let n = self.store.write(octets)?;
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.store.flush()
    }
}

/// How the text travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encoding {
    /// ASCII in lines: needs no word of MIME.
    Plain,
    /// Other characters in lines.
    EightBit,
    /// Lines too long, or a NUL.
    QuotedPrintable,
}

impl Encoding {
    fn of(survey: &Survey, seven_bit: bool) -> Self {
        match survey {
            _ if survey.nul || survey.longest_line > LINE_MAX => Self::QuotedPrintable,
            _ if survey.eight_bit && seven_bit => Self::QuotedPrintable,
            _ if survey.eight_bit => Self::EightBit,
            _ => Self::Plain,
        }
    }

    fn write_fields(self, survey: &Survey, media: MediaType, head: &mut HeadWriter) {
        let encoding = match self {
            Self::Plain => "7bit",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
        };
        let charset = match (survey.eight_bit, survey.is_utf8()) {
            (false, _) => "us-ascii",
            (true, true) => "utf-8",
            // Octets of some older charset: said honestly rather than guessed (RFC 1428 §3).
            (true, false) => "unknown-8bit",
        };
        let media = media.with("charset", charset);
        head.parameters("Content-Type", &media.to_string(), &media.parameters);
        head.raw("Content-Transfer-Encoding", encoding);
    }
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
