//! The meta of a record: tagged fields of our own, so that a format on disk never changes with a
//! library.
//!
//! A field is a tag, a length and that many octets; numbers are LEB128. A reader keeps the fields it
//! does not know as they are, and a compaction writes them again.

use bytes::Bytes;
use spool::MessageId;

/// Something that does not decode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Appends a number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number from the front.
pub(crate) fn take_number(from: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = from.split_first().ok_or(Malformed)?;
        *from = rest;
        let part = u64::from(octet & 0x7f);
        if shift == 63 && part > 1 {
            return Err(Malformed);
        }
        value |= part << shift;
        if octet & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// Takes a number that fits 32 bits.
pub(crate) fn take_u32(from: &mut &[u8]) -> Result<u32, Malformed> {
    take_number(from)?.try_into().map_err(|_| Malformed)
}

/// Takes `len` octets from the front.
pub(crate) fn take<'a>(from: &mut &'a [u8], len: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = from.split_at_checked(len).ok_or(Malformed)?;
    *from = rest;
    Ok(taken)
}

/// Takes eight octets, little endian.
pub(crate) fn take_u64(from: &mut &[u8]) -> Result<u64, Malformed> {
    take(from, 8)?.try_into().map(u64::from_le_bytes).map_err(|_| Malformed)
}

/// Takes an id.
pub(crate) fn take_id(from: &mut &[u8]) -> Result<MessageId, Malformed> {
    let octets = take(from, 16)?.try_into().map_err(|_| Malformed)?;
    Ok(MessageId(u128::from_le_bytes(octets)))
}

fn put_field(out: &mut Vec<u8>, tag: u64, value: &[u8]) {
    put_number(out, tag);
    put_number(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn put_number_field(out: &mut Vec<u8>, tag: u64, value: u64) {
    let mut octets = Vec::with_capacity(10);
    put_number(&mut octets, value);
    put_field(out, tag, &octets);
}

fn take_field<'a>(from: &mut &'a [u8]) -> Result<(u64, &'a [u8]), Malformed> {
    let tag = take_number(from)?;
    let len = take_number(from)?.try_into().map_err(|_| Malformed)?;
    Ok((tag, take(from, len)?))
}

/// Where the body of a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyRef {
    /// In the record, after the meta.
    Inline,
    /// In a file of its own.
    Big { token: u64, len: u64, crc: u32 },
    /// The body of another message.
    Of(MessageId),
}

/// What the index keeps of a job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct JobState {
    pub n: u32,
    pub queue: String,
    /// Nanoseconds since 1970.
    pub due: u64,
    pub held: bool,
    pub attempts: u32,
}

/// All that is stored of a job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct JobMeta {
    pub state: JobState,
    pub open: Vec<(u32, Bytes)>,
    pub unknown: Vec<u8>,
}

const JOB_N: u64 = 1;
const JOB_QUEUE: u64 = 2;
const JOB_DUE: u64 = 3;
const JOB_HELD: u64 = 4;
const JOB_ATTEMPTS: u64 = 5;
const JOB_OPEN: u64 = 6;

impl JobMeta {
    pub fn encode(&self, out: &mut Vec<u8>) {
        let JobState { n, queue, due, held, attempts } = &self.state;
        put_number_field(out, JOB_N, (*n).into());
        put_field(out, JOB_QUEUE, queue.as_bytes());
        put_field(out, JOB_DUE, &due.to_le_bytes());
        if *held {
            put_field(out, JOB_HELD, &[]);
        }
        if *attempts > 0 {
            put_number_field(out, JOB_ATTEMPTS, (*attempts).into());
        }
        for (number, record) in &self.open {
            let mut head = Vec::with_capacity(5);
            put_number(&mut head, (*number).into());
            put_number(out, JOB_OPEN);
            put_number(out, (head.len() + record.len()) as u64);
            out.extend_from_slice(&head);
            out.extend_from_slice(record);
        }
        out.extend_from_slice(&self.unknown);
    }

    pub fn decode(mut from: &[u8]) -> Result<Self, Malformed> {
        let state = JobState { n: 0, queue: String::new(), due: 0, held: false, attempts: 0 };
        let mut job = Self { state, open: Vec::new(), unknown: Vec::new() };
        while !from.is_empty() {
            let (tag, mut value) = take_field(&mut from)?;
            match tag {
                JOB_N => job.state.n = take_u32(&mut value)?,
                JOB_QUEUE => {
                    job.state.queue = String::from_utf8(value.into()).map_err(|_| Malformed)?;
                }
                JOB_DUE => job.state.due = take_u64(&mut value)?,
                JOB_HELD => job.state.held = true,
                JOB_ATTEMPTS => job.state.attempts = take_u32(&mut value)?,
                JOB_OPEN => {
                    let number = take_u32(&mut value)?;
                    job.open.push((number, Bytes::copy_from_slice(value)));
                }
                _ => put_field(&mut job.unknown, tag, value),
            }
        }
        Ok(job)
    }
}

/// All that is stored of a message, but its body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BaseMeta {
    pub envelope: Bytes,
    pub head_edits: Bytes,
    pub body: BodyRef,
    pub jobs: Vec<JobMeta>,
    pub unknown: Vec<u8>,
}

const BASE_ENVELOPE: u64 = 1;
const BASE_EDITS: u64 = 2;
const BASE_JOB: u64 = 3;
const BASE_BIG: u64 = 4;
const BASE_OF: u64 = 5;

impl BaseMeta {
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_field(out, BASE_ENVELOPE, &self.envelope);
        if !self.head_edits.is_empty() {
            put_field(out, BASE_EDITS, &self.head_edits);
        }
        match self.body {
            BodyRef::Inline => {}
            BodyRef::Big { token, len, crc } => {
                let mut value = Vec::with_capacity(24);
                value.extend_from_slice(&token.to_le_bytes());
                value.extend_from_slice(&len.to_le_bytes());
                value.extend_from_slice(&u64::from(crc).to_le_bytes());
                put_field(out, BASE_BIG, &value);
            }
            BodyRef::Of(id) => put_field(out, BASE_OF, &id.0.to_le_bytes()),
        }
        let mut value = Vec::new();
        for job in &self.jobs {
            value.clear();
            job.encode(&mut value);
            put_field(out, BASE_JOB, &value);
        }
        out.extend_from_slice(&self.unknown);
    }

    pub fn decode(mut from: &[u8]) -> Result<Self, Malformed> {
        let mut base = Self {
            envelope: Bytes::new(),
            head_edits: Bytes::new(),
            body: BodyRef::Inline,
            jobs: Vec::new(),
            unknown: Vec::new(),
        };
        while !from.is_empty() {
            let (tag, mut value) = take_field(&mut from)?;
            match tag {
                BASE_ENVELOPE => base.envelope = Bytes::copy_from_slice(value),
                BASE_EDITS => base.head_edits = Bytes::copy_from_slice(value),
                BASE_JOB => base.jobs.push(JobMeta::decode(value)?),
                BASE_BIG => {
                    let token = take_u64(&mut value)?;
                    let len = take_u64(&mut value)?;
                    let crc = take_u64(&mut value)?.try_into().map_err(|_| Malformed)?;
                    base.body = BodyRef::Big { token, len, crc };
                }
                BASE_OF => base.body = BodyRef::Of(take_id(&mut value)?),
                _ => put_field(&mut base.unknown, tag, value),
            }
        }
        Ok(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> BaseMeta {
        let job = |n| JobMeta {
            state: JobState {
                n,
                queue: format!("queue{n}"),
                due: 1 << 60,
                held: n == 1,
                attempts: n,
            },
            open: vec![(n, Bytes::new()), (300, Bytes::from_static(b"busy"))],
            unknown: vec![],
        };
        BaseMeta {
            envelope: Bytes::from_static(b"from and to"),
            head_edits: Bytes::from_static(b"Received: here"),
            body: BodyRef::Big { token: 7, len: 1 << 40, crc: u32::MAX },
            jobs: vec![job(0), job(1), job(500)],
            unknown: vec![],
        }
    }

    #[test]
    fn reads_back() {
        for body in [base().body, BodyRef::Inline, BodyRef::Of(MessageId(u128::MAX))] {
            let meta = BaseMeta { body, ..base() };
            let mut octets = Vec::new();
            meta.encode(&mut octets);
            assert_eq!(BaseMeta::decode(&octets), Ok(meta));
        }
    }

    /// What version 1 has written stays readable for ever.
    #[test]
    fn version_1() {
        let mut octets = Vec::new();
        base().encode(&mut octets);
        let text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(text, VERSION_1);
    }

    const VERSION_1: &str = "010b66726f6d20616e6420746f020e52656365697665643a20686572650418070000000000000000\
        00000000010000ffffffff0000000003200101000206717565756530030800000000000000100601\
        000606ac026275737903250101010206717565756531030800000000000000100400050101060101\
        0606ac026275737903280102f40302087175657565353030030800000000000000100502f4030602\
        f4030606ac0262757379";

    #[test]
    fn unknown_fields_are_kept() {
        let mut octets = Vec::new();
        base().encode(&mut octets);
        put_field(&mut octets, 99, b"from the future");
        let meta = BaseMeta::decode(&octets).expect("readable");
        assert!(!meta.unknown.is_empty());
        let mut again = Vec::new();
        meta.encode(&mut again);
        assert_eq!(again, octets);
    }

    #[test]
    fn no_cut_or_change_panics() {
        let mut octets = Vec::new();
        base().encode(&mut octets);
        for end in 0..octets.len() {
            let _ = BaseMeta::decode(&octets[..end]);
            for bit in 0..8 {
                octets[end] ^= 1 << bit;
                let _ = BaseMeta::decode(&octets);
                octets[end] ^= 1 << bit;
            }
        }
    }
}
