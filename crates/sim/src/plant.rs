//! Faults planted on purpose, to see that the laws catch them: doors that lie.

use std::io;
use std::sync::Arc;

use spool_log::disk::{Disk, File, Lock, LockError, Space};
use spool_log::memory::MemoryDisk;

/// A fault that breaks a law of mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plant {
    /// A mailbox says that it has taken a letter, and has not.
    MailboxDrops,
    /// A mailbox takes a letter twice.
    MailboxRepeats,
    /// A mailbox takes each report twice.
    ReportsRepeat,
    /// A mailbox keeps seven bits of each octet.
    EighthBitLost,
    /// A mailbox adds a `Received` that no host wrote.
    TraceForged,
    /// The disk says that it has synced, and has not.
    SyncIsEmpty,
    /// The spool says that it has committed, and has not.
    CommitIsEmpty,
    /// The spool commits a letter and says that it has failed.
    CommitIsDenied,
    /// Whoever sends as nobody is written down as somebody.
    NullIsForgotten,
    /// A host tries twice as long as it should.
    PatienceTooLong,
    /// A finished letter is given out once more.
    ResultForgotten,
    /// The history loses some of what it is told.
    HistoryForgets,
    /// A host sends twice as many letters in a time as it may.
    RateTooHigh,
    /// A host opens twice as many connections as it may.
    CrowdTooBig,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::MailboxDrops,
        Self::MailboxRepeats,
        Self::ReportsRepeat,
        Self::EighthBitLost,
        Self::TraceForged,
        Self::SyncIsEmpty,
        Self::CommitIsEmpty,
        Self::CommitIsDenied,
        Self::NullIsForgotten,
        Self::PatienceTooLong,
        Self::ResultForgotten,
        Self::HistoryForgets,
        Self::RateTooHigh,
        Self::CrowdTooBig,
    ];

    /// What the law that it breaks says, in part.
    pub const fn law(self) -> &'static str {
        match self {
            Self::MailboxDrops | Self::SyncIsEmpty | Self::CommitIsEmpty => "is nowhere",
            Self::MailboxRepeats | Self::ResultForgotten => "times without cause",
            Self::ReportsRepeat => "was reported",
            Self::EighthBitLost => "arrived changed",
            Self::TraceForged => "Received fields",
            Self::CommitIsDenied => "was not taken, and yet",
            Self::NullIsForgotten => "came from <>",
            Self::PatienceTooLong => "after its end",
            Self::HistoryForgets => "history",
            Self::RateTooHigh => "beyond its rate",
            Self::CrowdTooBig => "connections at once",
        }
    }
}

/// A disk whose syncs do nothing.
pub struct IdleDisk(pub MemoryDisk);

struct IdleFile(Arc<dyn File>);

impl IdleDisk {
    fn idle(file: io::Result<Arc<dyn File>>) -> io::Result<Arc<dyn File>> {
        file.map(|file| Arc::new(IdleFile(file)) as Arc<dyn File>)
    }
}

impl Disk for IdleDisk {
    fn name(&self) -> String {
        self.0.name()
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Self::idle(self.0.create(path))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Self::idle(self.0.open(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn lock(&self, path: &str) -> Result<Box<dyn Lock>, LockError> {
        self.0.lock(path)
    }

    fn space(&self) -> io::Result<Space> {
        self.0.space()
    }

    // Empty segments are written well, so that only what letters wait for is at stake.
    fn written(&self, path: &str, len: u64) -> io::Result<Arc<dyn File>> {
        Self::idle(self.0.written(path, len))
    }
}

impl File for IdleFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buffer, at)
    }

    fn write_at(&self, data: &[u8], at: u64) -> io::Result<usize> {
        self.0.write_at(data, at)
    }

    fn datasync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.allocate(len)
    }
}
