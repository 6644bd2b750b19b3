//! The file of accounts on disk: read when it has changed, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::{Book, FormatError};

/// Octets of the file: some hundred thousand accounts.
const FILE_MAX: u64 = 64 << 20;

/// Why the accounts cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Others could read the hashes.
    #[error(
        "{path} has mode {mode:04o}, and others could read it: say `chmod 600 {path}`",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what `postrider account` writes.
    #[error("{path} is no file of accounts: {source}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// The system says no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: io::Error,
    },
}

/// By what a file is known to be the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Seen {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Nothing is there, nor could be.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a change comes to.
pub enum Change<T> {
    /// Write the book back.
    Keep(T),
    /// Leave the file as it was.
    Drop(T),
}

/// The place of the file.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The accounts in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self) -> impl Fn(io::Error) -> StoreError {
        let path = self.path.clone();
        move |source| StoreError::Io { path: path.clone(), source }
    }

    /// What the file is now; none where it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn look(&self) -> Result<Option<Seen>, StoreError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(Seen::of(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.io()(error)),
        }
    }

    /// The accounts; none where there is no file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self) -> Result<Option<(Book, Seen)>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.io()(error)),
        };
        let metadata = file.metadata().map_err(self.io())?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Open { path: self.path.clone(), mode });
        }
        let mut text = String::new();
        file.take(FILE_MAX).read_to_string(&mut text).map_err(self.io())?;
        let format = |source| StoreError::Format { path: self.path.clone(), source };
        Ok(Some((Book::parse(&text).map_err(format)?, Seen::of(&metadata))))
    }

    /// Changes the accounts: all of it or nothing, one change at a time. Where there is no file yet
    /// the change begins with no accounts and `secret`.
    ///
    /// # Errors
    /// [`StoreError`]; then the file is as it was.
    pub fn change<T>(
        &self,
        secret: [u8; 32],
        change: impl FnOnce(&mut Book) -> Change<T>,
    ) -> Result<T, StoreError> {
        let _lock = self.lock()?;
        let mut book = self.load()?.map_or_else(|| Book::new(secret), |(book, _)| book);
        match change(&mut book) {
            Change::Keep(result) => {
                self.replace(&book.to_text()).map_err(self.io())?;
                Ok(result)
            }
            Change::Drop(result) => Ok(result),
        }
    }

    /// A lock of its own: the file itself is replaced.
    fn lock(&self) -> Result<Flock<File>, StoreError> {
        let path = self.beside("lock");
        let io = |source| StoreError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(io)?;
        self.give_to_owner(&file).map_err(io)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| io(error.into()))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.path.with_file_name(name)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Written beside, synced, renamed, the folder synced: after a crash it is the old or the new.
    fn replace(&self, text: &str) -> io::Result<()> {
        let temporary = self.beside("new");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| self.give_to_owner(&file))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = written {
            // The error that stopped us is the one to tell.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(self.folder())?.sync_all()
    }

    /// The administrator changes accounts, the service reads them: the file belongs to whom it did,
    /// a new one to whom its folder belongs.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        let owner = fs::metadata(&self.path).or_else(|_| fs::metadata(self.folder()))?;
        let now = file.metadata()?;
        if nix::unistd::geteuid().is_root() && (now.uid(), now.gid()) != (owner.uid(), owner.gid())
        {
            return fchown(file, Some(owner.uid()), Some(owner.gid()));
        }
        Ok(())
    }
}
