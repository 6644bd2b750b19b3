//! A segment: one file of the log, and the header that begins each of its lives.

use std::io;
use std::sync::Arc;

use spool::MessageId;

use crate::disk::{Disk, File, read_full, write_all};
use crate::meta::{Malformed, take, take_id, take_u64};

/// Where the first record is.
pub(crate) const START: u32 = 4096;
/// The header fits into one sector, which no crash tears.
const HEADER: usize = 512;
const MAGIC: &[u8; 8] = b"PRSEG\r\n\x01";

pub(crate) const LOG: &str = "log";
pub(crate) const FREE: &str = "log/free";
pub(crate) const COLD: &str = "cold";
pub(crate) const BIG: &str = "big";
pub(crate) const ASIDE: &str = "quarantine";

/// Which stream of segments.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Lane {
    /// What comes in.
    Hot,
    /// What the compaction writes again, so that old mail is kept apart from mail that leaves soon.
    Cold,
}

impl Lane {
    pub fn dir(self) -> &'static str {
        match self {
            Self::Hot => LOG,
            Self::Cold => COLD,
        }
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Life {
    pub uuid: u128,
    pub seq: u32,
    pub lane: Lane,
    pub salt: u32,
    pub size: u32,
    /// No record here has a smaller number.
    pub first_txn: u64,
    /// The largest id seen when this life began.
    pub last_id: Option<MessageId>,
    /// A segment that failed, and where its valid part ends: what stands behind is written again
    /// here.
    pub cut: Option<(u32, u32)>,
}

impl Life {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.uuid.to_le_bytes());
        let (cut_seq, cut_end) = self.cut.unwrap_or_default();
        let numbers = [
            u64::from(self.seq),
            u64::from(self.lane == Lane::Cold),
            u64::from(self.salt),
            u64::from(self.size),
            self.first_txn,
            u64::from(cut_seq),
            u64::from(cut_end),
            u64::from(self.last_id.is_some()),
        ];
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.last_id.map_or(0, |id| id.0).to_le_bytes());
        out.resize(HEADER - 4, 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let (mut from, crc) = octets.split_at_checked(HEADER - 4).ok_or(Malformed)?;
        if crc32c::crc32c(from).to_le_bytes() != crc || take(&mut from, 8)? != MAGIC {
            return Err(Malformed);
        }
        let uuid = take_id(&mut from)?.0;
        let mut number = || take_u64(&mut from);
        let mut small = || number()?.try_into().map_err(|_| Malformed);
        let seq: u32 = small()?;
        let lane = if small()? == 0 { Lane::Hot } else { Lane::Cold };
        let salt = small()?;
        let size = small()?;
        let first_txn = number()?;
        let mut small = || number()?.try_into().map_err(|_| Malformed);
        let cut: (u32, u32) = (small()?, small()?);
        let seen = small()? != 0;
        let last_id = take_id(&mut from)?;
        Ok(Self {
            uuid,
            seq,
            lane,
            salt,
            size,
            first_txn,
            last_id: seen.then_some(last_id),
            cut: (cut.0 != 0).then_some(cut),
        })
    }
}

/// An open segment.
pub(crate) struct Segment {
    pub life: Life,
    pub file: Arc<dyn File>,
}

impl Segment {
    pub fn seq(&self) -> u32 {
        self.life.seq
    }

    pub fn path(&self) -> String {
        format!("{}/{}", self.life.lane.dir(), name(self.life.seq))
    }

    pub fn index_path(&self) -> String {
        format!("{}/{:016}.idx", self.life.lane.dir(), self.life.seq)
    }

    /// Opens the segment `name` of `lane`. `Ok(Err(_))`: it can be read, but it has no valid header.
    pub fn open(disk: &dyn Disk, lane: Lane, name: &str) -> io::Result<Result<Self, Malformed>> {
        let file = disk.open(&format!("{}/{name}", lane.dir()))?;
        let mut octets = [0; HEADER];
        let len = read_full(&*file, &mut octets, 0)?;
        let life = Life::decode(octets.get(..len).unwrap_or_default());
        let life = life.and_then(|life| {
            let fits = life.lane == lane && Some(life.seq) == seq_of(name);
            if fits { Ok(life) } else { Err(Malformed) }
        });
        Ok(life.map(|life| Self { life, file }))
    }

    /// Begins a life in `file`, which has the durable or fresh name `from`, under the segment's own
    /// name. When this returns, header and name are durable.
    pub fn begin(
        disk: &dyn Disk,
        life: Life,
        file: Arc<dyn File>,
        from: &str,
    ) -> io::Result<Arc<Self>> {
        let segment = Self { life, file };
        segment.write_header()?;
        disk.rename(from, &segment.path())?;
        disk.sync_dir(life.lane.dir())?;
        disk.sync_dir(FREE)?;
        Ok(Arc::new(segment))
    }

    fn write_header(&self) -> io::Result<()> {
        write_all(&*self.file, &self.life.encode(), 0)?;
        self.file.datasync()
    }

    /// Reads exactly `len` octets.
    pub fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; len];
        if read_full(&*self.file, &mut octets, at)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(octets)
    }
}

/// The name of a segment's file.
pub(crate) fn name(seq: u32) -> String {
    format!("{seq:016}.seg")
}

/// The number of the segment of that name.
pub(crate) fn seq_of(name: &str) -> Option<u32> {
    name.strip_suffix(".seg")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back() {
        let life = Life {
            uuid: 77,
            seq: 3,
            lane: Lane::Cold,
            salt: u32::MAX,
            size: 1 << 20,
            first_txn: u64::MAX,
            last_id: Some(MessageId(5)),
            cut: Some((2, 8192)),
        };
        for life in [life, Life { cut: None, last_id: None, lane: Lane::Hot, ..life }] {
            let mut octets = life.encode();
            assert_eq!(octets.len(), HEADER);
            assert_eq!(Life::decode(&octets), Ok(life));
            octets[100] ^= 1;
            assert_eq!(Life::decode(&octets), Err(Malformed));
        }
    }
}
