//! A letter ready to be sent: its content in the form of the wire, to be read as often as needed.
//!
//! The header section is in memory (it has a bound), the body in a store that turns into an
//! unlinked file when it grows, so that 50 MB never sit in memory whole.

use std::io::{self, Read, Seek, Write};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::ZonedDateTime;
use mail::content::transfer::{QuotedPrintableEncoder, Source};
use mail::content::{DateTime, MessageId};
use mail::convert::{self, Conversion, Target};
use mail::{BodyType, DomainName};
use tempfile::SpooledTempFile;

use super::lines::{Canonical, Survey};

/// Octets of body kept in memory before a file is made.
pub const IN_MEMORY: usize = 1 << 20;
/// Octets read or written at once.
pub const PIECE: usize = 64 << 10;
/// The longest line of a message without CR LF (RFC 5322 §2.1.1).
pub const LINE_MAX: usize = 998;

/// Text as it comes from a person or program, made canonical and surveyed while it is stored.
pub struct Text {
    store: SpooledTempFile,
    canonical: Canonical,
    survey: Survey,
    piece: Vec<u8>,
    len: u64,
}

impl Text {
    /// No text yet.
    pub fn new() -> Self {
        Self {
            store: tempfile::spooled_tempfile(IN_MEMORY),
            canonical: Canonical::default(),
            survey: Survey::default(),
            piece: Vec::new(),
            len: 0,
        }
    }

    /// Takes the next octets, cut anywhere.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn push(&mut self, octets: &[u8]) -> io::Result<()> {
        self.canonical.push(octets, &mut self.piece);
        self.store_piece()
    }

    /// Takes all that `from` gives.
    ///
    /// # Errors
    /// When reading or the temporary file fails.
    pub fn read_from(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.push(buffer.get(..n).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Ends the last line.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.canonical.finish(&mut self.piece);
        self.store_piece()
    }

    /// Copies the text to `out` with line ends of this system; more can be added afterwards.
    ///
    /// # Errors
    /// When the temporary file cannot be read, or `out` written.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = WithoutCr(out);
        self.copy_wire_to(&mut lines)
    }

    /// The same with the line ends of the wire.
    ///
    /// # Errors
    /// As [`copy_to`](Self::copy_to).
    pub fn copy_wire_to(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.store.rewind()?;
        let copied = io::copy(&mut self.store, out).and_then(|_| out.flush());
        self.store.seek(io::SeekFrom::End(0))?;
        copied
    }

    /// What is in it so far.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// The letter with `head` (its fields in the form of the wire, without the empty line) and
    /// this text as it is.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn into_letter(mut self, head: Vec<u8>) -> io::Result<Letter> {
        self.finish()?;
        Letter::of(head, self.store, self.len, self.survey.eight_bit)
    }

    /// This text in quoted-printable.
    ///
    /// # Errors
    /// When the temporary file cannot be read or written.
    pub fn into_quoted_printable(mut self) -> io::Result<Self> {
        self.canonical.finish(&mut self.piece);
        self.store_piece()?;
        self.store.rewind()?;
        let (mut encoder, mut encoded) = (QuotedPrintableEncoder::new(Source::Text), Self::new());
        let mut buffer = vec![0; PIECE];
        loop {
            let n = self.store.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            encoder.feed(buffer.get(..n).unwrap_or_default(), &mut encoded.piece);
            encoded.store_piece()?;
        }
        encoder.finish(&mut encoded.piece);
        encoded.store_piece()?;
        Ok(encoded)
    }

    fn store_piece(&mut self) -> io::Result<()> {
        self.survey.push(&self.piece);
        self.store.write_all(&self.piece)?;
        self.len += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }
}

/// Passes everything on but CR, which in a [`Text`] only stands before LF.
struct WithoutCr<'a>(&'a mut dyn Write);

impl Write for WithoutCr<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let kept: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
        self.0.write_all(&kept)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// A letter in the form of the wire: fields, an empty line, the body.
pub struct Letter {
    head: Vec<u8>,
    head_read: usize,
    body: SpooledTempFile,
    body_len: u64,
    eight_bit: bool,
    binary: bool,
    utf8: bool,
}

impl Letter {
    /// Of a header section without its empty line and a body in the form of the wire, `body_len`
    /// octets long.
    ///
    /// # Errors
    /// When the temporary file fails.
    pub fn of(
        mut head: Vec<u8>,
        mut body: SpooledTempFile,
        body_len: u64,
        eight_bit: bool,
    ) -> io::Result<Self> {
        let eight_bit = eight_bit || !head.is_ascii();
        head.extend_from_slice(b"\r\n");
        body.rewind()?;
        Ok(Self { head, head_read: 0, body, body_len, eight_bit, binary: false, utf8: false })
    }

    /// The same, whose fields hold addresses in UTF-8 or do not.
    #[must_use]
    pub fn with_utf8(self, utf8: bool) -> Self {
        Self { utf8, ..self }
    }

    /// The same, that holds octets in no lines or does not.
    #[must_use]
    pub fn with_binary(self, binary: bool) -> Self {
        Self { binary, ..self }
    }

    /// Whether only hosts with SMTPUTF8 may have it (RFC 6531 §3.1).
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Octets of content.
    pub fn size(&self) -> u64 {
        self.head.len() as u64 + self.body_len
    }

    /// What the content needs of its transport.
    pub fn body_type(&self) -> BodyType {
        match (self.binary, self.eight_bit) {
            (true, _) => BodyType::Binary,
            (false, true) => BodyType::EightBitMime,
            (false, false) => BodyType::SevenBit,
        }
    }

    /// The header section with its empty line.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The same in lines of ASCII, for a host that takes no others; none where it has no such form, as
    /// where its fields are beyond ASCII (RFC 6152 §3).
    ///
    /// # Errors
    /// When a temporary file fails.
    pub fn in_seven_bits(&mut self) -> io::Result<Option<Self>> {
        self.in_lines(Target::SevenBit)
    }

    /// One that is binary in lines, for a host that takes no other, and for files (RFC 3030 §3).
    ///
    /// # Errors
    /// When a temporary file fails, or it has no such form.
    pub fn in_eight_bits(&mut self) -> io::Result<Self> {
        let lines = self.in_lines(Target::EightBit)?;
        let lines = lines.ok_or_else(|| io::Error::other("its octets cannot be put into lines"))?;
        Ok(Self { eight_bit: self.eight_bit, utf8: self.utf8, ..lines })
    }

    fn in_lines(&mut self, target: Target) -> io::Result<Option<Self>> {
        let mut survey = convert::Survey::new(target, convert::Options::default());
        self.each_piece(&mut |octets| {
            survey.feed(octets);
            Ok(())
        })?;
        let Ok(plan) = survey.finish() else { return Ok(None) };
        let mut conversion = Conversion::new(plan);
        let (mut head, mut piece) = (Vec::new(), Vec::new());
        let mut body = tempfile::spooled_tempfile(IN_MEMORY);
        let mut in_body = false;
        let mut keep = |piece: &mut Vec<u8>| -> io::Result<()> {
            if in_body {
                body.write_all(piece)?;
            } else {
                head.extend_from_slice(piece);
                if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
                    in_body = true;
                    body.write_all(head.get(at + 4..).unwrap_or_default())?;
                    head.truncate(at + 2);
                }
            }
            piece.clear();
            Ok(())
        };
        self.each_piece(&mut |octets| {
            conversion.feed(octets, &mut piece);
            keep(&mut piece)
        })?;
        conversion.finish(&mut piece);
        keep(&mut piece)?;
        let len = body.stream_position()?;
        Self::of(head, body, len, false).map(Some)
    }

    fn each_piece(&mut self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.rewind()?;
        let mut buffer = vec![0; PIECE];
        loop {
            let n = self.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            take(buffer.get(..n).unwrap_or_default())?;
        }
    }

    /// Goes back to the beginning; what is [read](Read) next is the whole content.
    ///
    /// # Errors
    /// When the temporary file fails.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.head_read = 0;
        self.body.rewind()
    }
}

impl Read for Letter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut head = self.head.get(self.head_read..).unwrap_or_default();
        if head.is_empty() {
            return self.body.read(buffer);
        }
        let n = head.read(buffer)?;
        self.head_read += n;
        Ok(n)
    }
}

/// The moment a letter is finished, and what makes its Message-ID one of its kind.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The local time.
    pub time: ZonedDateTime,
    /// Left of the `@`: a dot-atom that no other letter of this host has.
    pub unique: String,
}

impl Stamp {
    /// Now.
    pub fn now() -> Self {
        static LETTERS: AtomicU64 = AtomicU64::new(0);
        let time = ZonedDateTime::now();
        let n = LETTERS.fetch_add(1, Ordering::Relaxed);
        let nanos = time.timestamp().as_nanosecond();
        Self { unique: format!("{nanos:x}.{:x}.{n:x}", process::id()), time }
    }

    /// The local time and its zone (RFC 5322 §3.3).
    pub fn date(&self) -> DateTime {
        let minutes = Some(self.time.offset().seconds() / 60);
        DateTime { seconds: self.time.timestamp().as_second(), offset_minutes: minutes }
    }

    /// `<unique@host>` (RFC 5322 §3.6.4).
    pub fn message_id(&self, host: &DomainName) -> Option<MessageId> {
        MessageId::new(&format!("{}@{host}", self.unique))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 5322-3.6.4-d
    #[test]
    fn no_two_letters_have_one_name() {
        let host: DomainName = "sun.tuc.example".parse().expect("a name");
        let mut ids: Vec<_> =
            (0..100_000).map(|_| Stamp::now().message_id(&host).unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100_000);
    }
}
