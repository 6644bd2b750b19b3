//! Reads what the index does not keep: envelopes, edits, the open recipients of a job.

use std::io;
use std::sync::Arc;

use spool::{MessageId, SpoolError};

use crate::index::{Index, Slot};
use crate::meta::{BaseMeta, JobMeta};
use crate::queues::JobSlot;
use crate::record::{HEADER, Header, Kind, MAX_META};
use crate::segment::Segment;

/// Enough for nearly every envelope, in one read.
const FIRST_READ: usize = 4096;

/// A record to read. While this lives its segment is not used again.
#[derive(Clone)]
pub(crate) struct At {
    pub segment: Arc<Segment>,
    pub offset: u32,
    pub id: MessageId,
}

fn at(index: &Index, place: crate::index::Place, id: MessageId) -> Option<At> {
    let segment = index.ledger.segment(place.segment)?;
    Some(At { segment, offset: place.offset, id })
}

/// Where a message lies.
pub(crate) fn locate(index: &Index, slot: Slot) -> Option<At> {
    let message = index.message(slot)?;
    at(index, message.place, message.id)
}

/// Where the whole state of a job lies: its own record, or that of its message.
pub(crate) fn locate_job(index: &Index, slot: JobSlot) -> Option<At> {
    let job = index.job(slot)?;
    let message = index.message(job.message)?;
    let place = if job.place.segment == 0 { message.place } else { job.place };
    at(index, place, message.id)
}

/// What a failed read of our own files means.
pub(crate) fn io_error(error: io::Error) -> SpoolError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            SpoolError::Full("the disk is full".into())
        }
        _ => SpoolError::Io(error),
    }
}

impl At {
    fn corrupt(&self, what: &str) -> SpoolError {
        SpoolError::Corrupt(format!("{} at {}: {what}", self.segment.path(), self.offset))
    }

    /// Header and meta of the record.
    pub fn record(&self) -> Result<(Header, Vec<u8>), SpoolError> {
        let mut octets = vec![0; FIRST_READ];
        let offset = u64::from(self.offset);
        let read = crate::disk::read_full(&*self.segment.file, &mut octets, offset);
        octets.truncate(read.map_err(io_error)?);
        let header = Header::read(&octets).ok_or_else(|| self.corrupt("no record"))?;
        let ours = header.id == self.id && header.salt == self.segment.life.salt;
        if !ours || header.meta_len as usize > MAX_META {
            return Err(self.corrupt("another record"));
        }
        let len = header.head_len() as usize;
        if len > octets.len() {
            octets = self.segment.read(offset, len).map_err(io_error)?;
        }
        octets.truncate(len);
        if !header.fits(&octets) {
            return Err(self.corrupt("the checksum of a record does not fit"));
        }
        octets.drain(..HEADER.min(octets.len()));
        Ok((header, octets))
    }

    /// The message.
    pub fn base(&self) -> Result<(Header, BaseMeta), SpoolError> {
        let (header, meta) = self.record()?;
        let meta = BaseMeta::decode(&meta).map_err(|_| self.corrupt("it cannot be read"))?;
        Ok((header, meta))
    }

    /// The job `n`, from its own record or from that of its message.
    pub fn job(&self, n: u32) -> Result<JobMeta, SpoolError> {
        let (header, meta) = self.record()?;
        if header.kind == Kind::Job {
            return JobMeta::decode(&meta).map_err(|_| self.corrupt("it cannot be read"));
        }
        let base = BaseMeta::decode(&meta).map_err(|_| self.corrupt("it cannot be read"))?;
        let job = base.jobs.into_iter().find(|job| job.state.n == n);
        job.ok_or_else(|| self.corrupt("the job is not there"))
    }

    /// The inline body, checked.
    pub fn inline_body(&self, header: &Header) -> Result<Vec<u8>, SpoolError> {
        if header.body_len == 0 {
            return Ok(Vec::new());
        }
        let len = header.body_len as usize;
        let offset = u64::from(self.offset) + header.head_len();
        let mut body = self.segment.read(offset, len + 4).map_err(io_error)?;
        let crc = body.split_off(len);
        if crc32c::crc32c(&body).to_le_bytes() != *crc {
            return Err(self.corrupt("the checksum of a body does not fit"));
        }
        Ok(body)
    }
}
