//! The side index of a sealed segment: its facts without envelopes and bodies, so that a start reads
//! a hundredth of the log. Derived: when it is absent or damaged the segment itself is read.

use std::io;

use crate::disk::{Disk, read_full, write_all};
use crate::meta::{
    BodyRef, JobState, Malformed, put_number, take, take_id, take_number, take_u32, take_u64,
};
use crate::record::{Entry, Fact};
use crate::segment::Segment;

const MAGIC: &[u8; 8] = b"PRIDX\r\n\x01";

/// Appends one entry.
pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.push(match entry.fact {
        Fact::Base { .. } => 1,
        Fact::Job(_) => 2,
        Fact::Done(_) => 3,
        Fact::Delete(_) => 4,
    });
    out.extend_from_slice(&entry.id.0.to_le_bytes());
    put_number(out, entry.txn);
    put_number(out, entry.offset.into());
    match &entry.fact {
        Fact::Base { meta_len, body_len, body, jobs } => {
            put_number(out, (*meta_len).into());
            put_number(out, (*body_len).into());
            match body {
                BodyRef::Inline => out.push(0),
                BodyRef::Big { token, len, crc } => {
                    out.push(1);
                    out.extend_from_slice(&token.to_le_bytes());
                    out.extend_from_slice(&len.to_le_bytes());
                    put_number(out, (*crc).into());
                }
                BodyRef::Of(id) => {
                    out.push(2);
                    out.extend_from_slice(&id.0.to_le_bytes());
                }
            }
            put_number(out, jobs.len() as u64);
            for job in jobs {
                put_job(out, job);
            }
        }
        Fact::Job(job) => put_job(out, job),
        Fact::Done(n) => put_number(out, (*n).into()),
        Fact::Delete(segments) => {
            put_number(out, segments.len() as u64);
            for &segment in segments {
                put_number(out, segment.into());
            }
        }
    }
}

fn put_job(out: &mut Vec<u8>, job: &JobState) {
    put_number(out, job.n.into());
    out.push(job.held.into());
    put_number(out, job.attempts.into());
    out.extend_from_slice(&job.due.to_le_bytes());
    put_number(out, job.queue.len() as u64);
    out.extend_from_slice(job.queue.as_bytes());
}

fn take_job(from: &mut &[u8]) -> Result<JobState, Malformed> {
    let n = take_u32(from)?;
    let held = take(from, 1)? == [1];
    let attempts = take_u32(from)?;
    let due = take_u64(from)?;
    let len = take_number(from)?.try_into().map_err(|_| Malformed)?;
    let queue = String::from_utf8(take(from, len)?.into()).map_err(|_| Malformed)?;
    Ok(JobState { n, queue, due, held, attempts })
}

fn take_entry(from: &mut &[u8]) -> Result<Entry, Malformed> {
    let kind = take(from, 1)?;
    let id = take_id(from)?;
    let txn = take_number(from)?;
    let offset = take_u32(from)?;
    let fact = match kind {
        [1] => {
            let meta_len = take_u32(from)?;
            let body_len = take_u32(from)?;
            let body = match take(from, 1)? {
                [0] => BodyRef::Inline,
                [1] => BodyRef::Big {
                    token: take_u64(from)?,
                    len: take_u64(from)?,
                    crc: take_u32(from)?,
                },
                [2] => BodyRef::Of(take_id(from)?),
                _ => return Err(Malformed),
            };
            let count = take_number(from)?;
            let jobs = (0..count).map(|_| take_job(from)).collect::<Result<_, _>>()?;
            Fact::Base { meta_len, body_len, body, jobs }
        }
        [2] => Fact::Job(take_job(from)?),
        [3] => Fact::Done(take_u32(from)?),
        [4] => {
            let count = take_number(from)?;
            Fact::Delete((0..count).map(|_| take_u32(from)).collect::<Result<_, _>>()?)
        }
        _ => return Err(Malformed),
    };
    Ok(Entry { id, txn, offset, fact })
}

/// The entries in `octets`, one after the other.
pub(crate) struct Entries {
    octets: Vec<u8>,
    at: usize,
}

impl Entries {
    pub fn new(octets: Vec<u8>) -> Self {
        Self { octets, at: 0 }
    }
}

impl Iterator for Entries {
    type Item = Entry;

    /// Ends at the first entry that does not decode; a checksum covers them all, so there is none.
    fn next(&mut self) -> Option<Entry> {
        let mut from = self.octets.get(self.at..).filter(|rest| !rest.is_empty())?;
        let entry = take_entry(&mut from).ok()?;
        self.at = self.octets.len() - from.len();
        Some(entry)
    }
}

fn head(segment: &Segment, end: u32, octets: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(64);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&segment.life.uuid.to_le_bytes());
    let numbers = [u64::from(segment.seq()), segment.life.salt.into(), end.into(), octets as u64];
    for number in numbers {
        head.extend_from_slice(&number.to_le_bytes());
    }
    head
}

const HEAD: usize = 8 + 16 + 4 * 8;

/// Writes the side index of a segment whose valid part ends at `end`.
///
/// # Errors
/// Those of the disk; without it the next start only takes longer.
pub(crate) fn write(
    disk: &dyn Disk,
    segment: &Segment,
    end: u32,
    entries: &[u8],
) -> io::Result<()> {
    let path = segment.index_path();
    let mut octets = head(segment, end, entries.len());
    octets.extend_from_slice(entries);
    octets.extend_from_slice(&crc32c::crc32c(&octets).to_le_bytes());
    let file = match disk.create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&path)?;
            disk.create(&path)?
        }
        result => result?,
    };
    write_all(&*file, &octets, 0)?;
    file.datasync()
}

/// The end of the valid part and the entries, when there is a side index that fits the segment.
pub(crate) fn read(disk: &dyn Disk, segment: &Segment) -> Option<(u32, Entries)> {
    let file = disk.open(&segment.index_path()).ok()?;
    let len = usize::try_from(file.len().ok()?).ok()?;
    let mut octets = vec![0; len];
    if read_full(&*file, &mut octets, 0).ok()? != len || len < HEAD + 4 {
        return None;
    }
    let crc = octets.split_off(len - 4);
    if crc32c::crc32c(&octets).to_le_bytes() != *crc {
        return None;
    }
    let end = u32::try_from(take_u64(&mut octets.get(40..48)?).ok()?).ok()?;
    if octets.get(..HEAD)? != head(segment, end, octets.len() - HEAD) {
        return None;
    }
    Some((end, Entries { octets, at: HEAD }))
}

#[cfg(test)]
mod tests {
    use spool::MessageId;

    use super::*;

    #[test]
    fn entries_read_back() {
        let job =
            |n| JobState { n, queue: "a.example".into(), due: 1 << 61, held: true, attempts: 7 };
        let facts = [
            Fact::Base {
                meta_len: 9,
                body_len: 0,
                body: BodyRef::Inline,
                jobs: vec![job(0), job(9)],
            },
            Fact::Base {
                meta_len: 9,
                body_len: 0,
                body: BodyRef::Big { token: 1, len: 2, crc: 3 },
                jobs: vec![],
            },
            Fact::Base { meta_len: 1, body_len: 5, body: BodyRef::Of(MessageId(4)), jobs: vec![] },
            Fact::Job(job(300)),
            Fact::Done(1),
            Fact::Delete(vec![1, 2, 500]),
        ];
        let entries: Vec<_> = (1_u32..)
            .zip(facts)
            .map(|(n, fact)| Entry { id: MessageId(n.into()), txn: 5, offset: n * 4096, fact })
            .collect();
        let mut octets = Vec::new();
        entries.iter().for_each(|entry| put_entry(&mut octets, entry));
        assert_eq!(Entries::new(octets.clone()).collect::<Vec<_>>(), entries);
        for end in 0..octets.len() {
            Entries::new(octets[..end].to_vec()).for_each(drop);
            octets[end] ^= 0x55;
            Entries::new(octets.clone()).take(100).for_each(drop);
            octets[end] ^= 0x55;
        }
    }
}
