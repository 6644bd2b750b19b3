//! The frame of a record: a header of 48 octets, the meta, the body and its checksum, little endian,
//! padded to eight octets.
//!
//! | at | size | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C of the octets 4 to the end of the meta |
//! | 4 | 1 | kind |
//! | 5 | 1 | flags: first and last record of its transaction |
//! | 6 | 2 | version of the meta |
//! | 8 | 4 | octets of meta |
//! | 12 | 4 | octets of body |
//! | 16 | 16 | message id |
//! | 32 | 4 | salt of the segment's present life |
//! | 36 | 4 | where in the segment the flush group of this record starts |
//! | 40 | 8 | number of the transaction |
//!
//! The salt keeps what a recycled segment held before from being taken for valid. The group start
//! tells, when a record before this one is damaged, whether that one had ever been synced: a group is
//! written only after all before it is on stable storage.

use spool::MessageId;

use crate::meta::{BaseMeta, BodyRef, JobMeta, JobState, Malformed, put_number, take_u32};

pub(crate) const HEADER: usize = 48;
const VERSION: u16 = 1;
const FIRST: u8 = 1;
const LAST: u8 = 2;
/// The most meta that a record may have.
pub(crate) const MAX_META: usize = 16 << 20;

/// What a record is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A new message with its jobs.
    Message,
    /// The whole present state of one job.
    Job,
    /// The end of one job of a message that goes on.
    Done,
    /// The end of a message: a tombstone, with the segments that hold copies of it.
    Delete,
    /// A message again, with the present state of its jobs: written by the compaction.
    Move,
    /// The end of a segment.
    Seal,
}

impl Kind {
    fn of(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Message,
            2 => Self::Job,
            3 => Self::Done,
            4 => Self::Delete,
            5 => Self::Move,
            6 => Self::Seal,
            _ => return None,
        })
    }

    fn octet(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Job => 2,
            Self::Done => 3,
            Self::Delete => 4,
            Self::Move => 5,
            Self::Seal => 6,
        }
    }
}

/// A header that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    crc: u32,
    pub kind: Kind,
    pub first: bool,
    pub last: bool,
    pub meta_len: u32,
    pub body_len: u32,
    pub id: MessageId,
    pub salt: u32,
    pub group: u32,
    pub txn: u64,
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Header {
    /// Reads a header; `None` when this is none, whatever its checksum says.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut id = octets.get(16..32)?;
        let version = u16::from_le_bytes(octets.get(6..8)?.try_into().ok()?);
        let flags = *octets.get(5)?;
        if version != VERSION || flags & !(FIRST | LAST) != 0 {
            return None;
        }
        Some(Self {
            crc: u32_at(octets, 0),
            kind: Kind::of(*octets.get(4)?)?,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            meta_len: u32_at(octets, 8),
            body_len: u32_at(octets, 12),
            id: crate::meta::take_id(&mut id).ok()?,
            salt: u32_at(octets, 32),
            group: u32_at(octets, 36),
            txn: u64::from_le_bytes(octets.get(40..48)?.try_into().ok()?),
        })
    }

    /// Octets up to the body.
    pub fn head_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.meta_len)
    }

    /// Octets in all, with padding.
    pub fn len(&self) -> u64 {
        record_len(self.meta_len, self.body_len)
    }

    /// Whether header and meta are as they were written. `head` holds both.
    pub fn fits(&self, head: &[u8]) -> bool {
        head.len() as u64 == self.head_len()
            && head.get(4..).is_some_and(|covered| crc32c::crc32c(covered) == self.crc)
    }
}

/// Octets of a record with so much meta and body.
pub(crate) fn record_len(meta_len: u32, body_len: u32) -> u64 {
    let checksum = if body_len > 0 { 4 } else { 0 };
    (HEADER as u64 + u64::from(meta_len) + u64::from(body_len) + checksum).next_multiple_of(8)
}

/// Appends a record that still lacks its stamp.
pub(crate) fn append(out: &mut Vec<u8>, kind: Kind, id: MessageId, meta: &[u8], body: &[u8]) {
    let start = out.len();
    out.reserve(HEADER + meta.len() + body.len() + 12);
    out.extend_from_slice(&[0; 4]);
    out.push(kind.octet());
    out.push(0);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(meta.len() as u32).to_le_bytes());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(meta);
    if !body.is_empty() {
        out.extend_from_slice(body);
        out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    }
    let len = (out.len() - start).next_multiple_of(8);
    out.resize(start + len, 0);
}

/// What a record gets when its place is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub salt: u32,
    pub group: u32,
    pub txn: u64,
}

/// Stamps the records of one transaction, which are all there is in `octets`.
pub(crate) fn stamp_transaction(octets: &mut [u8], stamp: Stamp) {
    let total = octets.len();
    let mut at = 0;
    while let Some(header) = octets.get(at..).and_then(Header::read) {
        let end = at + header.len() as usize;
        let flags = if at == 0 { FIRST } else { 0 } | if end >= total { LAST } else { 0 };
        stamp_one(octets, at, &header, stamp, flags);
        at = end;
    }
}

/// Stamps every record of a group again, for another place; transactions stay as they are.
pub(crate) fn stamp_group(octets: &mut [u8], salt: u32, group: u32) {
    let mut at = 0;
    while let Some(header) = octets.get(at..).and_then(Header::read) {
        let flags = if header.first { FIRST } else { 0 } | if header.last { LAST } else { 0 };
        stamp_one(octets, at, &header, Stamp { salt, group, txn: header.txn }, flags);
        at += header.len() as usize;
    }
}

fn stamp_one(octets: &mut [u8], at: usize, header: &Header, stamp: Stamp, flags: u8) {
    let Some(head) = octets.get_mut(at..at + header.head_len() as usize) else { return };
    if let Some(octet) = head.get_mut(5) {
        *octet = flags;
    }
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = head.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    put(32, &stamp.salt.to_le_bytes());
    put(36, &stamp.group.to_le_bytes());
    put(40, &stamp.txn.to_le_bytes());
    let crc = crc32c::crc32c(head.get(4..).unwrap_or_default());
    if let Some(place) = head.get_mut(..4) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

/// What the index must know of a record, as the side index keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fact {
    /// Of `Message` and `Move`.
    Base {
        meta_len: u32,
        body_len: u32,
        body: BodyRef,
        jobs: Vec<JobState>,
    },
    Job(JobState),
    Done(u32),
    /// The segments that held copies of the message.
    Delete(Vec<u32>),
}

/// A fact and where it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub id: MessageId,
    pub txn: u64,
    pub offset: u32,
    pub fact: Fact,
}

impl Fact {
    /// The fact in a record.
    pub fn read(header: &Header, mut meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match header.kind {
            Kind::Message | Kind::Move => {
                let base = BaseMeta::decode(meta)?;
                Self::Base {
                    meta_len: header.meta_len,
                    body_len: header.body_len,
                    body: base.body,
                    jobs: base.jobs.into_iter().map(|job| job.state).collect(),
                }
            }
            Kind::Job => Self::Job(JobMeta::decode(meta)?.state),
            Kind::Done => Self::Done(take_u32(&mut meta)?),
            Kind::Delete => {
                let mut segments = Vec::new();
                while !meta.is_empty() {
                    segments.push(take_u32(&mut meta)?);
                }
                Self::Delete(segments)
            }
            Kind::Seal => return Err(Malformed),
        })
    }
}

/// The meta of a `Done`.
pub(crate) fn done_meta(n: u32) -> Vec<u8> {
    let mut meta = Vec::with_capacity(5);
    put_number(&mut meta, n.into());
    meta
}

/// The meta of a `Delete`.
pub(crate) fn delete_meta(segments: &[u32]) -> Vec<u8> {
    let mut meta = Vec::with_capacity(segments.len() * 4);
    for &segment in segments {
        put_number(&mut meta, segment.into());
    }
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_hold() {
        let mut octets = Vec::new();
        append(&mut octets, Kind::Message, MessageId(7), b"meta", b"a body");
        append(&mut octets, Kind::Delete, MessageId(8), &delete_meta(&[1, 300]), b"");
        stamp_transaction(&mut octets, Stamp { salt: 5, group: 4096, txn: 9 });
        stamp_group(&mut octets, 6, 8192);
        let first = Header::read(&octets).expect("a header");
        assert!(first.first && !first.last);
        assert_eq!((first.salt, first.group, first.txn), (6, 8192, 9));
        assert!(first.fits(&octets[..first.head_len() as usize]));
        let rest = &octets[first.len() as usize..];
        let second = Header::read(rest).expect("a header");
        assert!(second.last && !second.first && second.fits(&rest[..second.head_len() as usize]));
        assert_eq!(rest.len(), 56);
        let meta = &rest[HEADER..second.head_len() as usize];
        assert_eq!(Fact::read(&second, meta), Ok(Fact::Delete(vec![1, 300])));
        for at in 4..first.head_len() as usize {
            octets[at] ^= 4;
            let fits = Header::read(&octets).is_some_and(|header| {
                octets.get(..header.head_len() as usize).is_some_and(|head| header.fits(head))
            });
            assert!(!fits, "octet {at}");
            octets[at] ^= 4;
        }
    }
}
