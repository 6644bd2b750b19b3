//! How a log is to run, and why it cannot be opened.

use std::fmt;
use std::io;
use std::sync::Arc;

use spool::MessageId;

/// The largest body kept beside its envelope; a larger one gets a file of its own.
const INLINE_BODY: usize = 256 * 1024;

/// Who does the work of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drive {
    /// A thread of the log: for service. Readers and committers never wait for each other's disk.
    Thread,
    /// Whoever waits for a commit, when it is polled the second time: for simulation and tests.
    /// There is no thread and no time, and the same calls do the same things. A relaxed commit is
    /// durable with the next durable one, or with [`maintain`](spool::Spool::maintain).
    Inline,
}

/// How a log is to run.
#[derive(Clone)]
pub struct Options {
    /// Octets of a segment. Default 64 MiB: a flush of all of it takes under a second.
    pub segment_size: u32,
    /// Bodies over this many octets get a file of their own. Default 256 KiB, and never more than a
    /// quarter of a segment.
    pub inline_body: usize,
    /// Messages held at most. Default 5 million, about 1 GB of memory.
    pub max_messages: usize,
    /// Octets of envelopes and bodies held at most. Default: no limit but the disk.
    pub max_octets: u64,
    /// New mail is refused when less is free on the disk. Default 256 MiB.
    pub min_free_octets: u64,
    /// New mail is refused when fewer files can be made. Default 1000.
    pub min_free_files: u64,
    /// Segments kept ready for use when they are empty. Default 6, at least 3.
    pub spare_segments: usize,
    /// Relaxed commits wait for the disk as durable ones do. Default no.
    pub strict_results: bool,
    /// Who does the work.
    pub drive: Drive,
    /// Open a damaged log, leave out what cannot be read and report it.
    pub quarantine: bool,
    /// The number of this node, for fences.
    pub node: u32,
    /// 64 bits that nobody can guess.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Options {
    /// The defaults, with a source of chance.
    pub fn new(random: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self {
            segment_size: 64 << 20,
            inline_body: INLINE_BODY,
            max_messages: 5_000_000,
            max_octets: u64::MAX,
            min_free_octets: 256 << 20,
            min_free_files: 1000,
            spare_segments: 6,
            strict_results: false,
            drive: Drive::Thread,
            quarantine: false,
            node: 0,
            random,
        }
    }

    pub(crate) fn checked(mut self) -> Self {
        self.segment_size = self.segment_size.clamp(16 * 1024, 1 << 30) & !4095;
        self.inline_body = self.inline_body.min(self.segment_size as usize / 4);
        self.spare_segments = self.spare_segments.max(3);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_size", &self.segment_size)
            .field("max_messages", &self.max_messages)
            .field("drive", &self.drive)
            .field("quarantine", &self.quarantine)
            .finish_non_exhaustive()
    }
}

/// A part of the log that does not read back as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// The file, below the directory of the spool.
    pub file: String,
    /// Where the damage begins.
    pub offset: u64,
    /// Octets that cannot be used.
    pub len: u64,
    /// The message, where it can be named.
    pub message: Option<MessageId>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {} octets: {}", self.file, self.offset, self.len, self.what)?;
        match self.message {
            Some(id) => write!(f, " (message {id})"),
            None => Ok(()),
        }
    }
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the spool {path} is in use{}", by(*.pid))]
    Locked {
        /// The directory.
        path: String,
        /// The number of the process, where it is known.
        pid: Option<u32>,
    },
    /// The directory cannot be made, read or written.
    #[error("the spool {path} cannot be used: {what}")]
    Disk {
        /// The directory.
        path: String,
        /// What was tried.
        what: String,
        /// What came of it.
        source: io::Error,
    },
    /// The files are of another version of the format, or no spool at all.
    #[error("the spool {path} has the format {found:?}, this program reads {supported:?}")]
    Format {
        /// The directory.
        path: String,
        /// The first line of its `FORMAT`.
        found: String,
        /// What it should be.
        supported: &'static str,
    },
    /// Mail is damaged. Nothing was changed; [`Options::quarantine`] opens it all the same.
    #[error("the spool {path} is damaged in {} places, the first: {}", .damage.len(), first(.damage))]
    Damaged {
        /// The directory.
        path: String,
        /// Every place.
        damage: Vec<Damage>,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

fn first(damage: &[Damage]) -> String {
    damage.first().map_or_else(String::new, Damage::to_string)
}
