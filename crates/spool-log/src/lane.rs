//! The end of the log where it grows: one active segment, the octets in it that are not synced yet,
//! and its side index in the making.

use std::io;
use std::sync::Arc;

use spool::MessageId;

use crate::disk::{Disk, write_all};
use crate::record::{Entry, Kind, Stamp, append, record_len, stamp_group, stamp_transaction};
use crate::segment::{START, Segment};
use crate::side_index::{self, put_entry};

/// The segment that is written.
pub(crate) struct Active {
    pub segment: Arc<Segment>,
    /// Up to here it is synced.
    pub synced: u32,
    /// What follows, in memory until it is synced.
    unsynced: Vec<u8>,
    /// Of this, what is handed to the system.
    written: usize,
    /// The side index of all of it.
    index: Vec<u8>,
    /// Of this, what is about the synced part.
    index_synced: usize,
}

fn seal_len() -> u64 {
    record_len(0, 0)
}

/// The most octets that one transaction may have in a segment of this size.
pub(crate) fn capacity(size: u32) -> usize {
    (u64::from(size) - u64::from(START) - seal_len()) as usize
}

impl Active {
    pub fn new(segment: Arc<Segment>) -> Self {
        Self {
            segment,
            synced: START,
            unsynced: Vec::new(),
            written: 0,
            index: Vec::new(),
            index_synced: 0,
        }
    }

    pub fn seq(&self) -> u32 {
        self.segment.seq()
    }

    /// Whether `len` octets fit, and the seal behind them.
    pub fn has_room(&self, len: usize) -> bool {
        let end = u64::from(self.synced) + self.unsynced.len() as u64;
        end + len as u64 + seal_len() <= self.segment.life.size.into()
    }

    pub fn is_empty(&self) -> bool {
        self.synced == START && self.unsynced.is_empty()
    }

    pub fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// Appends a transaction and gives its entries their places.
    pub fn append(&mut self, txn: u64, records: &[Vec<u8>], entries: &mut [Entry]) {
        let from = self.unsynced.len();
        for record in records {
            self.unsynced.extend_from_slice(record);
        }
        let stamp = Stamp { salt: self.segment.life.salt, group: self.synced, txn };
        stamp_transaction(self.unsynced.get_mut(from..).unwrap_or_default(), stamp);
        for entry in entries {
            entry.txn = txn;
            entry.offset += self.synced + from as u32;
            put_entry(&mut self.index, entry);
        }
    }

    /// Hands what was appended to the system.
    pub fn write(&mut self) -> io::Result<()> {
        let rest = self.unsynced.get(self.written..).unwrap_or_default();
        let at = u64::from(self.synced) + self.written as u64;
        write_all(&*self.segment.file, rest, at)?;
        self.written = self.unsynced.len();
        Ok(())
    }

    /// Makes everything durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.segment.file.datasync()?;
        self.synced += self.unsynced.len() as u32;
        self.unsynced.clear();
        self.written = 0;
        self.index_synced = self.index.len();
        Ok(())
    }

    /// Writes the end of the segment behind the synced part.
    pub fn seal(&self) -> io::Result<()> {
        seal(&self.segment, self.synced)
    }

    /// Writes the side index of the synced part; a start can do without.
    pub fn write_index(&self, disk: &dyn Disk) {
        let entries = self.index.get(..self.index_synced).unwrap_or_default();
        let _ = side_index::write(disk, &self.segment, self.synced, entries);
    }

    /// The same unsynced octets at the beginning of another segment, written and synced there. The
    /// entries of their side index are `entries`.
    pub fn rescue(&mut self, segment: Arc<Segment>) -> io::Result<Self> {
        let mut rescued = Self::new(segment);
        rescued.unsynced = self.unsynced.clone();
        stamp_group(&mut rescued.unsynced, rescued.segment.life.salt, START);
        let moved = self.index.get(self.index_synced..).unwrap_or_default();
        for mut entry in side_index::Entries::new(moved.to_vec()) {
            entry.offset = entry.offset - self.synced + START;
            put_entry(&mut rescued.index, &entry);
        }
        rescued.sync()?;
        Ok(rescued)
    }

    /// Forgets what is not synced.
    pub fn give_up(&mut self) {
        self.unsynced.clear();
        self.written = 0;
        self.index.truncate(self.index_synced);
    }
}

/// Writes and syncs the end of `segment` at `at`.
pub(crate) fn seal(segment: &Segment, at: u32) -> io::Result<()> {
    let mut octets = Vec::new();
    append(&mut octets, Kind::Seal, MessageId(0), &[], &[]);
    let stamp = Stamp { salt: segment.life.salt, group: at, txn: 0 };
    stamp_transaction(&mut octets, stamp);
    write_all(&*segment.file, &octets, at.into())?;
    segment.file.datasync()
}
