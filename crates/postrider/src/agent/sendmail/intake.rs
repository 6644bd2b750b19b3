//! Takes in the letter of a program and makes it a message that may travel (RFC 5322, RFC 6409 §8).
//!
//! Programs write LF, leave out Date and Message-ID, begin with a `From ` line of mbox, name local
//! users without a domain. What is missing is added, what must not travel (`Bcc`, `Return-Path`) is
//! taken out, all else stays octet for octet. The header section is read into memory, up to
//! [`HEAD_MAX`]; the body passes through.

use std::io::{self, BufRead, Read};

use mail::{DomainName, ReversePath};

use crate::agent::addresses::{Entry, ListError, read_list};
use crate::agent::fields::{write_addresses, writer_of};
use crate::agent::letter::{Letter, Stamp, Text};

/// Octets of a header section: far above what any program writes.
const HEAD_MAX: u64 = 4 << 20;

/// What the letter needs to know of its sender.
pub(super) struct Sender {
    /// The author for a letter without `From`.
    pub author: Entry,
    /// Where the letter is written.
    pub host: DomainName,
}

/// A letter taken in.
pub(super) struct Intake {
    /// Ready to be sent.
    pub letter: Letter,
    /// The recipients its fields name: `Resent-` fields if there are any, else the plain ones.
    pub recipients: Result<Vec<Entry>, ListError>,
}

/// Why a letter could not be taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntakeError {
    /// A header section without end.
    #[error("the header section is longer than {HEAD_MAX} octets")]
    HeadTooLong,
    /// Standard input or the temporary file.
    #[error("the letter cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads a letter to the end of `input`, or to a lone dot when `dots` end it.
pub(super) fn take_in(
    input: &mut dyn BufRead,
    dots: bool,
    sender: &Sender,
    stamp: &Stamp,
) -> Result<Intake, IntakeError> {
    let (head, rest) = read_head(input, dots)?;
    let recipients = head.recipients(&sender.host);
    let mut body = Text::new();
    match rest {
        Rest::Nothing => {}
        Rest::Body(begun) => {
            let mut body_input = begun.as_slice().chain(input);
            if dots {
                body.read_from(&mut UntilDot::new(&mut body_input))?;
            } else {
                body.read_from(&mut body_input)?;
            }
        }
    }
    let letter = body.into_letter(head.mended(sender, stamp))?;
    Ok(Intake { letter, recipients })
}

/// One field: its name in lower case, all of its lines with CR LF.
struct Field {
    name: String,
    /// Where the body of the field begins in `lines`.
    colon: usize,
    lines: Vec<u8>,
}

impl Field {
    /// Reads a first line (without its end); `None` when it is no field.
    fn begin(line: &[u8]) -> Option<Self> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        // Blanks before the colon are an old form (RFC 5322 §4.5).
        let name = line.get(..colon)?.trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        Some(Self { name, colon: colon + 1, lines: [line, b"\r\n"].concat() })
    }

    fn body(&self) -> String {
        String::from_utf8_lossy(self.lines.get(self.colon..).unwrap_or_default()).into_owned()
    }
}

/// A header section as it came, canonical line ends.
#[derive(Default)]
struct Head {
    fields: Vec<Field>,
}

/// What follows the header section.
enum Rest {
    /// The letter ended in it.
    Nothing,
    /// The body, which begins with this line already read.
    Body(Vec<u8>),
}

fn read_head(input: &mut dyn BufRead, dots: bool) -> Result<(Head, Rest), IntakeError> {
    let mut head = Head::default();
    let mut left = HEAD_MAX;
    let mut first = true;
    loop {
        let mut raw = Vec::new();
        (&mut *input).take(left).read_until(b'\n', &mut raw)?;
        if raw.is_empty() && left > 0 {
            return Ok((head, Rest::Nothing));
        }
        left -= raw.len() as u64;
        if left == 0 {
            return Err(IntakeError::HeadTooLong);
        }
        let line = without_end(&raw);
        if dots && line == b"." {
            return Ok((head, Rest::Nothing));
        }
        let is_mbox = line.starts_with(b"From ") || line.starts_with(b">From ");
        if std::mem::take(&mut first) && is_mbox {
            continue;
        }
        if line.is_empty() {
            return Ok((head, Rest::Body(Vec::new())));
        }
        // A CR within a line is no line end to one host and one to the next: it cannot stay.
        let line: Vec<u8> =
            line.iter().map(|&byte| if byte == b'\r' { b' ' } else { byte }).collect();
        match (head.fields.last_mut(), Field::begin(&line)) {
            (Some(field), _) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                // A line of blanks alone looks like the end to some (RFC 5322 §3.2.2).
                if !line.trim_ascii().is_empty() {
                    field.lines.extend_from_slice(&line);
                    field.lines.extend_from_slice(b"\r\n");
                }
            }
            (_, Some(field)) if !line.starts_with(b" ") && !line.starts_with(b"\t") => {
                head.fields.push(field);
            }
            // Not a field: the program forgot the empty line.
            _ => return Ok((head, Rest::Body(raw))),
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

const RECIPIENTS: &[&str] = &["to", "cc", "bcc"];
const RESENT_RECIPIENTS: &[&str] = &["resent-to", "resent-cc", "resent-bcc"];
/// Fields that must not leave the author's host (RFC 5322 §3.6.3, RFC 5321 §4.4).
const PRIVATE: &[&str] = &["bcc", "resent-bcc", "return-path"];
/// Fields whose addresses need a domain on every host but this one (RFC 1123 §5.2.18).
const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
];

impl Head {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Several fields of one name are joined (RFC 5322 §4.5.3).
    fn recipients(&self, host: &DomainName) -> Result<Vec<Entry>, ListError> {
        let resent = RESENT_RECIPIENTS.iter().any(|name| self.has(name));
        let names = if resent { RESENT_RECIPIENTS } else { RECIPIENTS };
        let mut entries = Vec::new();
        for field in self.fields.iter().filter(|field| names.contains(&field.name.as_str())) {
            entries.extend(read_list(&field.body(), host)?);
        }
        Ok(entries)
    }

    /// The header section as it may travel, without the empty line.
    fn mended(&self, sender: &Sender, stamp: &Stamp) -> Vec<u8> {
        let mut out = Vec::new();
        let public = |field: &&Field| !PRIVATE.contains(&field.name.as_str());
        for field in self.fields.iter().filter(public) {
            match completed(field, &sender.host) {
                Some(lines) => out.extend(lines),
                None => out.extend_from_slice(&field.lines),
            }
        }
        let mut added = writer_of([&sender.author]);
        if !self.has("from") {
            // What no field can hold is told by the service: a letter has an author.
            let _ = write_addresses(&mut added, "From", std::slice::from_ref(&sender.author));
        }
        if !self.has("date") {
            added.raw("Date", &stamp.date().to_string());
        }
        if !self.has("message-id") {
            added.ids("Message-ID", stamp.message_id(&sender.host).as_slice());
        }
        out.extend(added.finish());
        out
    }
}

/// The field with `host` added to bare names; `None` when there are none or it cannot be read, and
/// so stays as it is.
fn completed(field: &Field, host: &DomainName) -> Option<Vec<u8>> {
    if !ADDRESSES.contains(&field.name.as_str()) {
        return None;
    }
    let entries = read_list(&field.body(), host).ok()?;
    if !entries.iter().any(|entry| entry.completed) {
        return None;
    }
    let name = field.lines.get(..field.colon.checked_sub(1)?)?.trim_ascii_end();
    let mut lines = writer_of(&entries);
    write_addresses(&mut lines, &String::from_utf8_lossy(name), &entries).ok()?;
    Some(lines.finish())
}

/// Input up to a line that holds only a dot.
struct UntilDot<'a> {
    input: &'a mut dyn BufRead,
    place: Place,
}

/// Where in its line the dot may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Begin,
    Inside,
    /// After a dot that is held back.
    Dot,
    /// After a dot and CR that are held back.
    DotCr,
    /// The dot was it.
    End,
}

impl<'a> UntilDot<'a> {
    fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, place: Place::Begin }
    }
}

impl Read for UntilDot<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        // What is held back must fit as well.
        while self.place != Place::End && written + 3 <= buffer.len() {
            let available = self.input.fill_buf()?;
            let Some(&byte) = available.first() else {
                // A dot before the end of input ends the letter too.
                self.place = Place::End;
                break;
            };
            let (held, next): (&[u8], Place) = match (self.place, byte) {
                (Place::Begin, b'.') => (b"", Place::Dot),
                (Place::Dot | Place::DotCr, b'\n') => (b"", Place::End),
                (Place::Dot, b'\r') => (b"", Place::DotCr),
                (Place::Dot, _) => (b".", Place::Inside),
                (Place::DotCr, _) => (b".\r", Place::Inside),
                (_, b'\n') => (b"", Place::Begin),
                _ => (b"", Place::Inside),
            };
            let is_held = matches!(next, Place::Dot | Place::DotCr | Place::End);
            let own: &[u8] = if is_held { b"" } else { std::slice::from_ref(&byte) };
            for &octet in held.iter().chain(own) {
                if let Some(slot) = buffer.get_mut(written) {
                    *slot = octet;
                    written += 1;
                }
            }
            self.place = next;
            self.input.consume(1);
        }
        Ok(written)
    }
}

/// The author of a letter whose reverse-path is `sender`.
pub(super) fn author(sender: &ReversePath, own: Entry, host: &DomainName) -> Entry {
    match sender {
        ReversePath::Mailbox(mailbox) => Entry { mailbox: mailbox.clone(), ..own },
        ReversePath::Null => {
            let local = mail::LocalPart::from_unquoted("MAILER-DAEMON");
            let daemon = local
                .map(|local| mail::Mailbox { local, domain: mail::Domain::Name(host.clone()) });
            match daemon {
                Ok(mailbox) => Entry { name: None, mailbox, completed: true },
                Err(_) => own,
            }
        }
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
