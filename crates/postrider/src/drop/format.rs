//! The stored form of a dropped letter, version 1.
//!
//! ```text
//! postrider-drop 1
//! time 1783332000.123456789        seconds since 1970 when it was dropped
//! uid 1000                         who dropped it
//! body 8bit                        7bit or 8bit: what the content needs
//! sender <ann@example.net>         reverse-path
//! recipient <bob@example.org>      forward-path, one line each, in order
//!                                  an empty line ends the envelope
//! …content, lines ending in CR LF…
//! end 00000000000000004096 89abcdef    octets of content, CRC-32C of all before it
//! ```
//!
//! The last line has a fixed length and is looked for at the end of the file: a torn file has none.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take, Write};
use std::time::{Duration, SystemTime};

use mail::{BodyType, ForwardPath, ReversePath};

use super::DropError;

const MAGIC: &str = "postrider-drop";
const VERSION: u32 = 1;
/// Octets of the last line: `end `, 20 digits, a blank, 8 digits, LF.
const TRAILER: usize = 34;
/// Octets at its end that the checksum cannot cover: itself and the LF.
const CHECKSUM: u64 = 9;
/// Octets of the envelope: 100,000 recipients with long addresses fit.
const ENVELOPE_MAX: u64 = 32 << 20;
const PIECE: usize = 64 << 10;

/// What stands before the content of a dropped letter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// Where reports go.
    pub sender: ReversePath,
    /// Where the letter goes; at least one.
    pub recipients: Vec<ForwardPath>,
    /// What the content needs.
    pub body: BodyType,
    /// Who dropped it.
    pub uid: u32,
    /// When.
    pub time: SystemTime,
}

/// A letter read back from its file, found whole.
pub struct Dropped {
    /// Its envelope.
    pub envelope: Envelope,
    /// Octets of content.
    pub size: u64,
    content: Take<BufReader<std::fs::File>>,
}

impl Read for Dropped {
    /// Reads the content.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

/// Writes the stored form.
pub(super) fn write(
    out: &mut dyn Write,
    envelope: &Envelope,
    content: &mut dyn Read,
) -> io::Result<()> {
    let head = envelope.to_string();
    let mut crc = crc32c::crc32c(head.as_bytes());
    out.write_all(head.as_bytes())?;
    let (mut size, mut buffer) = (0u64, vec![0; PIECE]);
    loop {
        let n = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..n).unwrap_or_default();
        crc = crc32c::crc32c_append(crc, piece);
        out.write_all(piece)?;
        size += n as u64;
    }
    let end = format!("end {size:020} ");
    crc = crc32c::crc32c_append(crc, end.as_bytes());
    writeln!(out, "{end}{crc:08x}")
}

impl std::fmt::Display for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let body = match self.body {
            BodyType::SevenBit => "7bit",
            BodyType::EightBitMime => "8bit",
            BodyType::Binary => "binary",
        };
        writeln!(f, "{MAGIC} {VERSION}")?;
        writeln!(f, "time {}.{:09}", since.as_secs(), since.subsec_nanos())?;
        writeln!(f, "uid {}\nbody {body}\nsender {}", self.uid, self.sender)?;
        self.recipients.iter().try_for_each(|path| writeln!(f, "recipient {path}"))?;
        writeln!(f)
    }
}

/// Reads a stored letter and checks all of it before any of it is used.
pub(super) fn read(mut file: std::fs::File) -> Result<Dropped, DropError> {
    let length = file.metadata().map_err(DropError::Io)?.len();
    let covered = length.checked_sub(TRAILER as u64).ok_or_else(|| damaged("it is too short"))?;
    let (size, crc) = read_trailer(&mut file, covered)?;
    let head = covered.checked_sub(size).ok_or_else(|| damaged("its length does not fit"))?;
    if head > ENVELOPE_MAX {
        return Err(damaged("its envelope is too long"));
    }
    if checksum(&mut file, length - CHECKSUM)? != crc {
        return Err(damaged("its checksum does not fit"));
    }
    file.rewind().map_err(DropError::Io)?;
    let mut reader = BufReader::with_capacity(PIECE, file);
    let mut text = Vec::new();
    (&mut reader).take(head).read_to_end(&mut text).map_err(DropError::Io)?;
    let text = String::from_utf8(text).map_err(|_| damaged("its envelope is not text"))?;
    let envelope = parse(&text)?;
    Ok(Dropped { envelope, size, content: reader.take(size) })
}

fn read_trailer(file: &mut std::fs::File, at: u64) -> Result<(u64, u32), DropError> {
    let mut trailer = [0; TRAILER];
    file.seek(SeekFrom::Start(at)).map_err(DropError::Io)?;
    file.read_exact(&mut trailer).map_err(DropError::Io)?;
    let fields = || {
        let text = std::str::from_utf8(&trailer).ok()?.strip_prefix("end ")?.strip_suffix('\n')?;
        let (size, crc) = text.split_once(' ')?;
        let digits = size.len() == 20 && size.bytes().all(|byte| byte.is_ascii_digit());
        let crc = u32::from_str_radix(crc, 16).ok().filter(|_| crc.len() == 8)?;
        Some((size.parse().ok().filter(|_| digits)?, crc))
    };
    fields().ok_or_else(|| damaged("its end is missing"))
}

fn checksum(file: &mut std::fs::File, length: u64) -> Result<u32, DropError> {
    file.rewind().map_err(DropError::Io)?;
    let mut reader = BufReader::with_capacity(PIECE, file.take(length));
    let mut crc = 0;
    loop {
        let piece = reader.fill_buf().map_err(DropError::Io)?;
        if piece.is_empty() {
            return Ok(crc);
        }
        crc = crc32c::crc32c_append(crc, piece);
        let n = piece.len();
        reader.consume(n);
    }
}

fn parse(text: &str) -> Result<Envelope, DropError> {
    let first = text.lines().next().unwrap_or_default();
    let version = first.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' '));
    match version.and_then(|version| version.parse().ok()) {
        Some(VERSION) => parse_v1(text).ok_or_else(|| damaged("its envelope does not parse")),
        Some(other) => Err(DropError::Version(other)),
        None => Err(damaged("it is no dropped letter")),
    }
}

fn parse_v1(text: &str) -> Option<Envelope> {
    let mut lines = text.strip_suffix("\n\n")?.split('\n').skip(1);
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let (seconds, nanos) = field("time")?.split_once('.')?;
    let nanos: u32 = nanos.parse().ok().filter(|&nanos| nanos < 1_000_000_000)?;
    let since = Duration::new(seconds.parse().ok()?, nanos);
    let time = SystemTime::UNIX_EPOCH.checked_add(since)?;
    let uid = field("uid")?.parse().ok()?;
    let body = match field("body")? {
        "7bit" => BodyType::SevenBit,
        "8bit" => BodyType::EightBitMime,
        "binary" => BodyType::Binary,
        _ => return None,
    };
    let sender = field("sender")?.parse().ok()?;
    let recipients: Option<Vec<ForwardPath>> =
        lines.map(|line| line.strip_prefix("recipient ")?.parse().ok()).collect();
    let recipients = recipients.filter(|recipients| !recipients.is_empty())?;
    Some(Envelope { sender, recipients, body, uid, time })
}

fn damaged(what: &str) -> DropError {
    DropError::Damaged(what.to_owned())
}
