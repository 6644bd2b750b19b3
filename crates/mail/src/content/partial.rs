//! `message/partial`: a letter sent in pieces, and put together again (RFC 2046 §5.2.2).

use std::collections::BTreeMap;

use super::compose::HeadWriter;
use super::encoded_word;
use super::head::Head;
use super::letter::Letter;
use super::media::{Kind, MediaType};
use super::message_id::MessageId;
use super::transfer::{Measure, TransferEncoding};
use super::{Field, Fields, split_head};

/// Pieces of one letter: more than any mailbox holds of one.
pub const FRAGMENTS_MAX: u32 = 10_000;
/// Octets of a line with its end (RFC 5322 §2.1.1).
const LINE_MAX: usize = 1000;

/// One piece of a letter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fragment<'a> {
    /// What the pieces of one letter have in common.
    pub id: String,
    /// Its place, from 1.
    pub number: u32,
    /// How many there are; the last piece must say so, the others may.
    pub total: Option<u32>,
    head: Head<'a>,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// The piece that `letter` is, if it is one and says which.
    pub fn of(letter: &Letter<'a>) -> Option<Self> {
        let media = letter.root().media_type();
        if media.class() != Kind::Partial {
            return None;
        }
        let number = |name: &str| -> Option<u32> {
            let number = media.parameters.get(name)?.trim().parse().ok()?;
            (1..=FRAGMENTS_MAX).contains(&number).then_some(number)
        };
        let id = media.parameters.get("id").filter(|id| !id.is_empty())?.to_owned();
        let (head, body) = (letter.head(), letter.root().raw_body());
        Some(Self { id, number: number("number")?, total: number("total"), head, body })
    }
}

/// Gathers the pieces of one letter, in any order.
///
/// ```
/// use mail::content::{Letter, MessageId, partial};
///
/// let letter = format!("Subject: long\r\n\r\n{}", "a line of text\r\n".repeat(500));
/// let id = MessageId::new("1@example.net").unwrap();
/// let mut ids = (2..).map(|n| MessageId::new(&format!("{n}@example.net")).unwrap());
/// let pieces = partial::split(letter.as_bytes(), 4000, &id, || ids.next().unwrap())?;
/// assert!(pieces.len() > 2);
///
/// let read: Vec<_> = pieces.iter().map(|piece| Letter::read(piece)).collect();
/// let mut gathered = partial::Gathered::default();
/// for piece in read.iter().rev() {
///     gathered.add(partial::Fragment::of(piece).unwrap());
/// }
/// let whole = gathered.whole().unwrap();
/// assert_eq!(Letter::read(&whole).root().raw_body(), Letter::read(letter.as_bytes()).root().raw_body());
/// # Ok::<(), partial::SplitError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gathered<'a> {
    pieces: BTreeMap<u32, Fragment<'a>>,
    total: Option<u32>,
}

impl<'a> Gathered<'a> {
    /// Adds a piece. False: it belongs to another letter, or its number is there already and the
    /// first one is kept.
    pub fn add(&mut self, piece: Fragment<'a>) -> bool {
        let fits = self.pieces.values().next().is_none_or(|first| first.id == piece.id);
        if !fits || self.pieces.contains_key(&piece.number) {
            return false;
        }
        self.total = self.total.or(piece.total);
        self.pieces.insert(piece.number, piece);
        true
    }

    /// How many pieces there are to be, once a piece has said so.
    pub fn total(&self) -> Option<u32> {
        self.total
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.pieces.len()
    }

    /// The numbers that are missing, as far as is known.
    pub fn missing(&self) -> Vec<u32> {
        let last = self.total.or_else(|| self.pieces.keys().next_back().copied()).unwrap_or(0);
        (1..=last).filter(|number| !self.pieces.contains_key(number)).collect()
    }

    /// The letter, once every piece is here (RFC 2046 §5.2.2.1): the fields of the first piece
    /// about who and when, the fields within it about content, subject and identity, and the bodies
    /// one after the other. It may be a piece of a larger letter in turn.
    pub fn whole(&self) -> Option<Vec<u8>> {
        let total = self.total?;
        let here = (1..=total).map(|number| self.pieces.get(&number));
        let pieces: Vec<&Fragment<'a>> = here.collect::<Option<_>>()?;
        let first = pieces.first()?;
        let (inner, body) = split_head(first.body);
        let mut out = Vec::with_capacity(pieces.iter().map(|piece| piece.body.len()).sum());
        out.extend_from_slice(&whole_head(&first.head, inner));
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        for piece in pieces.iter().skip(1) {
            out.extend_from_slice(piece.body);
        }
        Some(out)
    }
}

/// The header section, without its blank line, of a letter whose first piece has the fields `outer`
/// and within it the fields `inner` (RFC 2046 §5.2.2.1).
pub fn whole_head(outer: &Head<'_>, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    outer.fields().filter(|field| !is_inner(field)).for_each(|field| copy(&field, &mut out));
    Fields::new(inner).filter(is_inner).for_each(|field| copy(&field, &mut out));
    out
}

/// Whether a field is one of the letter within (RFC 2046 §5.2.2.1, rules 2 and 3).
fn is_inner(field: &Field<'_>) -> bool {
    let content = field.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
    content || ["Subject", "Message-ID", "Encrypted", "MIME-Version"].iter().any(|n| field.is(n))
}

/// A field as it was, with a line end of mail.
fn copy(field: &Field<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(field.name);
    out.push(b':');
    out.extend_from_slice(field.raw);
    out.extend_from_slice(b"\r\n");
}

/// Why a letter cannot be sent in pieces.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// Pieces are 7bit always (RFC 2046 §5.2.2): encode the letter so first.
    #[error("only a letter of 7-bit lines can be sent in pieces")]
    NotSevenBit,
    /// A piece has no room for the header section and a line.
    #[error("pieces of this size have no room for the header of the letter")]
    TooSmall,
    /// More than [`FRAGMENTS_MAX`].
    #[error("the letter would fall into more than {FRAGMENTS_MAX} pieces")]
    TooMany,
}

/// Splits a letter into pieces of at most `max` octets, at line ends only. `id` is what they have
/// in common; each gets a Message-ID of its own. A letter that is small enough is its only piece,
/// as it is.
///
/// # Errors
/// [`SplitError`] where that cannot be.
pub fn split(
    letter: &[u8],
    max: usize,
    id: &MessageId,
    mut message_id: impl FnMut() -> MessageId,
) -> Result<Vec<Vec<u8>>, SplitError> {
    if letter.len() <= max {
        return Ok(vec![letter.to_vec()]);
    }
    if Measure::of(letter).domain() != TransferEncoding::SevenBit {
        return Err(SplitError::NotSevenBit);
    }
    let (head, body) = split_head(letter);
    let splitter = Splitter::new(head, max, id, &message_id())?;
    let mut bodies: Vec<Vec<u8>> = vec![Vec::new()];
    let mut number = 1;
    for line in body.split_inclusive(|&octet| octet == b'\n') {
        let held = bodies.last().map_or(0, Vec::len);
        if !splitter.has_room(number, held, line.len()) {
            number = Splitter::after(number)?;
            bodies.push(Vec::new());
        }
        if let Some(last) = bodies.last_mut() {
            last.extend_from_slice(line);
        }
    }
    let total = number;
    let numbered = (1..).zip(bodies);
    Ok(numbered
        .map(|(number, body)| {
            let mut piece = splitter.begin(number, total, &message_id());
            piece.extend_from_slice(&body);
            piece
        })
        .collect())
}

/// Splits a letter that is not in memory: who has it goes through its lines twice, once to count the
/// pieces, once to write them.
///
/// ```
/// use mail::content::MessageId;
/// use mail::content::partial::Splitter;
///
/// let id = MessageId::new("1@example.net").unwrap();
/// let splitter = Splitter::new(b"Subject: long\r\n", 4000, &id, &id)?;
/// let (mut number, mut held) = (1, 0);
/// for line in ["a line\r\n"; 1000] {
///     if !splitter.has_room(number, held, line.len()) {
///         (number, held) = (Splitter::after(number)?, 0);
///     }
///     held += line.len();
/// }
/// let total = number;
/// assert_eq!(total, 3);
/// assert!(splitter.begin(1, total, &id).ends_with(b"\r\n\r\nSubject: long\r\n\r\n"));
/// # Ok::<(), mail::content::partial::SplitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Splitter {
    id: MessageId,
    /// Decoded: each piece tells its number behind it.
    subject: String,
    /// Fields of every piece.
    outer: Vec<u8>,
    /// Fields within the first, and the empty line.
    inner: Vec<u8>,
    /// Octets below the header section of a piece.
    room: usize,
}

impl Splitter {
    /// Of a letter with the header section `head`, into pieces of at most `max` octets. `longest` is
    /// as long as the longest of their Message-IDs. The letter must be in lines of 7-bit octets.
    ///
    /// # Errors
    /// [`SplitError::TooSmall`].
    pub fn new(
        head: &[u8],
        max: usize,
        id: &MessageId,
        longest: &MessageId,
    ) -> Result<Self, SplitError> {
        let mut inner = Vec::new();
        Fields::new(head).filter(is_inner).for_each(|field| copy(&field, &mut inner));
        inner.extend_from_slice(b"\r\n");
        let mut outer = Vec::new();
        Fields::new(head).filter(|field| !is_inner(field)).for_each(|f| copy(&f, &mut outer));
        let subject = Head::new(head).get("Subject").map(|field| field.value().into_owned());
        let subject = String::from_utf8_lossy(&subject.unwrap_or_default()).into_owned();
        let subject = encoded_word::decode(&subject).text;
        // The header of any piece is at most as long as that of one with the longest numbers.
        let number = FRAGMENTS_MAX;
        let sample = piece_head(&outer, &subject, id, longest, number, number);
        let room = max.checked_sub(sample.len()).filter(|room| *room >= inner.len() + LINE_MAX);
        let room = room.ok_or(SplitError::TooSmall)?;
        Ok(Self { id: id.clone(), subject, outer, inner, room })
    }

    /// Whether the piece `number`, which has `held` octets of the body, has room for a line of `line`
    /// more.
    pub fn has_room(&self, number: u32, held: usize, line: usize) -> bool {
        let fields = if number == 1 { self.inner.len() } else { 0 };
        fields + held + line <= self.room
    }

    /// The number after `number`.
    ///
    /// # Errors
    /// [`SplitError::TooMany`].
    pub fn after(number: u32) -> Result<u32, SplitError> {
        if number < FRAGMENTS_MAX { Ok(number + 1) } else { Err(SplitError::TooMany) }
    }

    /// The beginning of a piece, up to where its part of the body stands.
    pub fn begin(&self, number: u32, total: u32, message_id: &MessageId) -> Vec<u8> {
        let Self { id, subject, outer, inner, .. } = self;
        let mut begin = piece_head(outer, subject, id, message_id, number, total);
        if number == 1 {
            begin.extend_from_slice(inner);
        }
        begin
    }
}

/// The header section of one piece.
fn piece_head(
    outer: &[u8],
    subject: &str,
    id: &MessageId,
    message_id: &MessageId,
    number: u32,
    total: u32,
) -> Vec<u8> {
    let mut writer = HeadWriter::new(false);
    writer.text("Subject", &format!("{subject} (part {number} of {total})"));
    writer.ids("Message-ID", std::slice::from_ref(message_id));
    writer.raw("MIME-Version", "1.0");
    let media = MediaType::partial()
        .with("id", id.as_str())
        .with("number", &number.to_string())
        .with("total", &total.to_string());
    writer.parameters("Content-Type", &media.to_string(), &media.parameters);
    writer.blank();
    [outer, &writer.finish()].concat()
}

#[cfg(test)]
mod tests;
