//! Locks an mbox against the other programs that write it: with `fcntl`, then with a file named
//! `….lock` beside it where the directory lets us make one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::disk;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// A lock file older than this was left by a program that died: nobody writes one letter so long.
const STALE: Duration = Duration::from_secs(15 * 60);

/// Held until dropped. The `fcntl` lock ends when the file is closed.
pub(super) struct Lock {
    dot: Option<PathBuf>,
}

impl Lock {
    /// Locks `file`, which is at `path`.
    ///
    /// # Errors
    /// [`MailboxError::Unavailable`] when another program keeps it longer than `wait`.
    pub(super) fn take(file: &File, path: &Path, wait: Duration) -> Result<Self, MailboxError> {
        let until = Instant::now() + wait;
        repeat(path, until, || lock_file(file))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        match repeat(path, until, || make_dot(&name)) {
            Ok(()) => Ok(Self { dot: Some(name) }),
            // Where we cannot make one, others that could be harmed do not rely on it.
            Err(MailboxError::Broken(_)) => Ok(Self { dot: None }),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(dot) = &self.dot {
            // Nothing can be done about it; it gets stale.
            let _ = std::fs::remove_file(dot);
        }
    }
}

fn repeat(
    path: &Path,
    until: Instant,
    mut attempt: impl FnMut() -> nix::Result<bool>,
) -> Result<(), MailboxError> {
    loop {
        if attempt().map_err(|errno| disk::failure(path, errno))? {
            return Ok(());
        }
        if Instant::now() >= until {
            let text = format!("{}: locked by another program", path.display());
            return Err(MailboxError::Unavailable(text));
        }
        thread::sleep(PAUSE);
    }
}

/// Locks the open file, not the process, so that our own threads exclude each other too.
#[cfg(target_os = "linux")]
fn lock_file(file: &File) -> nix::Result<bool> {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let whole = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
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

fn make_dot(name: &Path) -> nix::Result<bool> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    match disk::open_file(None, name, flags) {
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
