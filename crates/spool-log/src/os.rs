//! The disk of the operating system.
//!
//! Files are for the owner alone (0600, directories 0700): mail is private.

use std::fs::{self, DirBuilder, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use crate::disk::{Disk, File, Lock, LockError, Space, write_all};

/// Real files below one directory.
#[derive(Clone, Debug)]
pub struct OsDisk {
    root: PathBuf,
}

impl OsDisk {
    /// The tree at `root`, which is made when it is needed.
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

impl Disk for OsDisk {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.path(path))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OsFile(options().create_new(true).open(self.path(path))?)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OsFile(options().open(self.path(path))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        fs::File::open(self.path(path))?.sync_all()
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(path))? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn lock(&self, path: &str) -> Result<Box<dyn Lock>, LockError> {
        let mut file =
            options().create(true).truncate(false).open(self.path(path)).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut text);
                return Err(LockError::Held { pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(LockError::Io)?;
        Ok(Box::new(OsLock { _file: file }))
    }

    fn space(&self) -> io::Result<Space> {
        let found = nix::sys::statvfs::statvfs(&self.root)?;
        // A file system without a number of files has no limit on them.
        let files = if found.files() == 0 { u64::MAX } else { found.files_available() };
        Ok(Space { octets: found.blocks_available().saturating_mul(found.fragment_size()), files })
    }

    fn written(&self, path: &str, len: u64) -> io::Result<Arc<dyn File>> {
        const PIECE: usize = 1 << 20;
        let file = self.create(path)?;
        file.allocate(len)?;
        let zeros = vec![0; PIECE];
        let mut at = 0;
        while at < len {
            let piece = usize::try_from(len - at).unwrap_or(PIECE).min(PIECE);
            write_all(&*file, zeros.get(..piece).unwrap_or_default(), at)?;
            at += piece as u64;
            // In steps, so that the flush of a letter never waits behind all of it.
            if at % (8 << 20) == 0 {
                file.datasync()?;
            }
        }
        file.datasync()?;
        Ok(file)
    }
}

struct OsLock {
    _file: fs::File,
}

impl Lock for OsLock {}

struct OsFile(fs::File);

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_at(&self, data: &[u8], at: u64) -> io::Result<usize> {
        loop {
            match self.0.write_at(data, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn datasync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let size = i64::try_from(len).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
        let mut outcome = nix::fcntl::posix_fallocate(&self.0, 0, size);
        while outcome == Err(Errno::EINTR) {
            outcome = nix::fcntl::posix_fallocate(&self.0, 0, size);
        }
        match outcome {
            Ok(()) => Ok(()),
            // Some file systems cannot promise room.
            Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS) => self.0.set_len(len),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = OsDisk::new(dir.path());
        let lock = disk.lock("LOCK").map_err(|_| "locked").expect("free");
        match disk.lock("LOCK") {
            Err(LockError::Held { pid }) => assert_eq!(pid, Some(std::process::id())),
            _ => panic!("locked twice"),
        }
        drop(lock);
        assert!(disk.lock("LOCK").is_ok());
    }

    #[test]
    fn names_and_octets() {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = OsDisk::new(dir.path().join("spool"));
        disk.create_dir("log").expect("a directory");
        disk.create_dir("log").expect("there already");
        let file = disk.written("log/b", 3 << 20).expect("room");
        assert_eq!(file.len().expect("a length"), 3 << 20);
        write_all(&*file, b"abc", 7).expect("room");
        disk.rename("log/b", "log/a").expect("a name");
        disk.sync_dir("log").expect("synced");
        assert_eq!(disk.list("log").expect("names"), ["a"]);
        let mut found = [0; 5];
        assert_eq!(disk.open("log/a").expect("there").read_at(&mut found, 6).expect("read"), 5);
        assert_eq!(&found, b"\0abc\0");
        assert!(disk.create("log/a").is_err());
        assert!(disk.space().expect("space").octets > 0);
    }
}
