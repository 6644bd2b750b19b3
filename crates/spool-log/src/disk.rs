//! The door to the disk: every octet that the log reads or writes goes through it, so that the same
//! code meets real files ([`OsDisk`](crate::OsDisk)) and a simulated disk that crashes, tears and
//! fails on command ([`MemoryDisk`](crate::MemoryDisk)).
//!
//! A path is relative to the spool, with `/` between its parts. What a disk promises is little: data
//! is durable after [`File::datasync`], a name after [`Disk::sync_dir`] of its directory, and a
//! rename happens whole or not at all.

use std::io;
use std::sync::Arc;

/// A directory tree that belongs to the log.
pub trait Disk: Send + Sync + 'static {
    /// What to call it in a message to the operator.
    fn name(&self) -> String;

    /// Makes a directory, and is content when there is one.
    ///
    /// # Errors
    /// Those of the system below, here and in every other method.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Makes a new file for reading and writing.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, in place of any that had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;

    /// The names in a directory, sorted, of files and directories.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Takes the lock of the whole tree, until the value is dropped.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    fn lock(&self, path: &str) -> Result<Box<dyn Lock>, LockError>;

    /// What is left for new files.
    fn space(&self) -> io::Result<Space>;

    /// Makes a file that was written before of `len` octets, synced, without a durable name yet: a
    /// later write to it changes neither its size nor its place on the disk.
    fn written(&self, path: &str, len: u64) -> io::Result<Arc<dyn File>> {
        let file = self.create(path)?;
        file.allocate(len)?;
        file.datasync()?;
        Ok(file)
    }
}

/// An open file.
pub trait File: Send + Sync {
    /// Reads at `at`; fewer octets than asked only at the end of the file.
    ///
    /// # Errors
    /// Those of the system below, here and in every other method.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes at `at`; may write less than `data`.
    fn write_at(&self, data: &[u8], at: u64) -> io::Result<usize>;

    /// Makes what was written durable.
    fn datasync(&self) -> io::Result<()>;

    /// Octets in it.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has none.
    ///
    /// # Errors
    /// Those of [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes the file `len` octets long, and makes sure that writing them will not meet a full disk.
    fn allocate(&self, len: u64) -> io::Result<()>;
}

/// Holds the lock of a tree while it lives.
pub trait Lock: Send + Sync {}

/// Why a tree could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// By another process, with its number where the lock file tells.
    Held {
        /// The number of the process.
        pid: Option<u32>,
    },
    /// The lock file cannot be made or locked.
    Io(io::Error),
}

/// What is left on a disk.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Octets that we may still take.
    pub octets: u64,
    /// Files that we may still make.
    pub files: u64,
}

/// Writes all of `data`. A short write goes on where it ended; a failed one is never tried again.
pub(crate) fn write_all(file: &dyn File, mut data: &[u8], mut at: u64) -> io::Result<()> {
    while !data.is_empty() {
        match file.write_at(data, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                data = data.get(written..).unwrap_or_default();
                at += written as u64;
            }
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; the octets read.
pub(crate) fn read_full(file: &dyn File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
