//! Locks an mbox against the other programs that write it: with `fcntl`, then with a file named
//! `….lock` beside it where the directory lets us make one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

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
    dot: Option<PathBuf>,
}

impl Lock {
    /// Locks `file`, which is at `path`. A program that keeps the letters of `path` may have put
    /// another file in its place before the lock was free: see [`is_at`].
    ///
    /// # Errors
    /// [`LockError::Busy`] when another program keeps it longer than `wait`.
    pub fn take(file: &File, path: &Path, wait: Duration) -> Result<Self, LockError> {
        let until = Instant::now() + wait;
        let failed = |error: std::io::Error| {
            LockError::Failed(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        };
        let own = file.try_clone().map_err(failed)?;
        repeat(until, || lock_file(file))?;
        let mut lock = Self { file: own, dot: None };
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        match repeat(until, || make_dot(&name)) {
            Ok(()) => lock.dot = Some(name),
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

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(dot) = &self.dot {
            // Nothing can be done about it; it gets stale.
            let _ = std::fs::remove_file(dot);
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

fn make_dot(name: &Path) -> nix::Result<bool> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match open(name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from) {
        Ok(mut file) => {
            // For the operator who finds it.
            let _ = writeln!(file, "{}", std::process::id());
            Ok(true)
        }
        Err(Errno::EEXIST) => {
            if is_stale(name) {
                let _ = std::fs::remove_file(name);
            }
            Ok(false)
        }
        Err(errno) => Err(errno),
    }
}

fn is_stale(name: &Path) -> bool {
    let made = std::fs::symlink_metadata(name).and_then(|facts| facts.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > STALE))
}
