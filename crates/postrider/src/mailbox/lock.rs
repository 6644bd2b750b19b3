//! Locks an mbox against the other programs that write it: with `fcntl`, then with a file named
//! `….lock` beside it where the directory lets us make one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// A lock file older than this was left by a program that died: nobody writes one letter so long.
const STALE: Duration = Duration::from_secs(15 * 60);

/// Why a mailbox is not locked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LockError {
    /// Another program kept it all the time.
    #[error("locked by another program")]
    Busy,
    /// The system refused the lock itself.
    #[error("{}", .0.desc())]
    Failed(Errno),
}

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    /// The locked file, which its owner may keep open longer than the lock.
    file: File,
    /// The lock file, in the directory of the mailbox.
    dot: Option<(OwnedFd, OsString)>,
}

impl Lock {
    /// Locks `file`, which is at `path`. A program that keeps the letters of `path` may have put
    /// another file in its place before the lock was free: see [`is_at`].
    ///
    /// # Errors
    /// [`LockError::Busy`] when another program keeps it longer than `wait`.
    pub fn take(file: &File, path: &Path, wait: Duration) -> Result<Self, LockError> {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(parent.unwrap_or(Path::new(".")), flags, Mode::empty());
        let directory = directory.map_err(LockError::Failed)?;
        let name = path.file_name().ok_or(LockError::Failed(Errno::EISDIR))?;
        Self::take_in(file, &directory, name, wait)
    }

    /// The same for the file called `name` in a directory that is open: whatever becomes of the names
    /// above it, the lock file is made there.
    ///
    /// # Errors
    /// [`LockError::Busy`] when another program keeps it longer than `wait`.
    pub fn take_in(
        file: &File,
        directory: impl AsFd,
        name: &OsStr,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let until = Instant::now() + wait;
        let failed = |error: std::io::Error| {
            LockError::Failed(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        };
        let own = file.try_clone().map_err(failed)?;
        let directory = directory.as_fd().try_clone_to_owned().map_err(failed)?;
        repeat(until, || lock_file(file))?;
        let mut lock = Self { file: own, dot: None };
        let mut dot = name.to_owned();
        dot.push(".lock");
        match repeat(until, || make_dot(&directory, &dot)) {
            Ok(()) => lock.dot = Some((directory, dot)),
            // Where we cannot make one, others that could be harmed do not rely on it.
            Err(LockError::Failed(errno)) if is_settled(errno) => {}
            Err(error) => return Err(error),
        }
        Ok(lock)
    }
}

/// Whether waiting will not help: the directory is not ours to make files in.
fn is_settled(errno: Errno) -> bool {
    use Errno::{EACCES, EIO, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS};
    [EACCES, EPERM, EROFS, ELOOP, ENOTDIR, EISDIR, ENAMETOOLONG, EIO].contains(&errno)
}

/// Whether the open `file` is still the one at `path`: who rewrites a mailbox puts a new file in its
/// place, and what is appended to the old one is lost.
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let (Ok(open), Ok(named)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// The same for the file called `name` in a directory that is open, links not followed.
pub fn is_in(file: &File, directory: impl AsFd, name: &OsStr) -> bool {
    let open = nix::sys::stat::fstat(file);
    let named = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW);
    let (Ok(open), Ok(named)) = (open, named) else { return false };
    (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino)
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((directory, name)) = &self.dot {
            // Nothing can be done about it; it gets stale.
            let _ = unlinkat(directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        let _ = unlock_file(&self.file);
    }
}

fn repeat(until: Instant, mut attempt: impl FnMut() -> nix::Result<bool>) -> Result<(), LockError> {
    loop {
        if attempt().map_err(LockError::Failed)? {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(LockError::Busy);
        }
        thread::sleep(PAUSE);
    }
}

/// Locks the open file, not the process, so that our own threads exclude each other too.
#[cfg(target_os = "linux")]
fn lock_file(file: &File) -> nix::Result<bool> {
    match set_lock(file, nix::libc::F_WRLCK) {
        Ok(()) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(target_os = "linux")]
fn unlock_file(file: &File) -> nix::Result<()> {
    set_lock(file, nix::libc::F_UNLCK)
}

#[cfg(target_os = "linux")]
fn set_lock(file: &File, kind: nix::libc::c_int) -> nix::Result<()> {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let whole = libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map(|_| ())
}

#[cfg(not(target_os = "linux"))]
fn lock_file(file: &File) -> nix::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn unlock_file(file: &File) -> nix::Result<()> {
    file.unlock().map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

fn make_dot(directory: &OwnedFd, name: &OsStr) -> nix::Result<bool> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from) {
        Ok(mut file) => {
            // For the operator who finds it.
            let _ = writeln!(file, "{}", std::process::id());
            Ok(true)
        }
        Err(Errno::EEXIST) => {
            if is_stale(directory, name) {
                let _ = unlinkat(directory, name, UnlinkatFlags::NoRemoveDir);
            }
            Ok(false)
        }
        Err(errno) => Err(errno),
    }
}

fn is_stale(directory: &OwnedFd, name: &OsStr) -> bool {
    let Ok(facts) = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { return false };
    let made = u64::try_from(facts.st_mtime).unwrap_or_default();
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(made);
    SystemTime::now().duration_since(made).is_ok_and(|age| age > STALE)
}
