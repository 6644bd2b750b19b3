//! One delivery into an mbox: locked, appended, synced; cut back to what it was if that fails
//! (RFC 4155; quoted so that it can be undone).

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::Letter;
use super::disk::{self, Owner};
use crate::mailbox::lock::{self, Lock, LockError};
use crate::mailbox::mbox::{from_line, gap_after};
use crate::mailbox::text::LocalText;

/// Delivers `letter`, waiting at most `lock_wait` for other programs.
pub(super) fn deliver(
    mut letter: Letter,
    root: &Path,
    lock_wait: Duration,
) -> Result<(), MailboxError> {
    let owner = Owner::of(letter.owner.as_deref())?;
    let path = letter.path.clone();
    let parent = disk::open_parent(&path, root)?;
    let (mut file, made, _lock) = open_locked(&path, owner, lock_wait)?;
    let before = file.metadata().map_err(|error| disk::io_failure(&path, &error))?.len();
    if let Err(error) = append(&mut file, before, &mut letter) {
        // A torn letter must not become part of the next one.
        let _ = file.set_len(before).and_then(|()| file.sync_all());
        return Err(error);
    }
    if made {
        disk::sync_directory(parent).map_err(|errno| disk::failure(&path, errno))?;
    }
    Ok(())
}

/// The file, locked, and still the one at `path` when it is.
fn open_locked(
    path: &Path,
    owner: Owner,
    wait: Duration,
) -> Result<(File, bool, Lock), MailboxError> {
    let until = Instant::now() + wait;
    loop {
        let (file, made) = open(path, owner)?;
        let left = until.saturating_duration_since(Instant::now());
        let lock = Lock::take(&file, path, left).map_err(|error| match error {
            LockError::Failed(errno) => disk::failure(path, errno),
            LockError::Busy => MailboxError::Unavailable(format!("{}: {error}", path.display())),
        })?;
        if lock::is_at(&file, path) {
            return Ok((file, made, lock));
        }
    }
}

/// Opens the file, made (0600) when missing; tells whether its name may not be durable yet.
fn open(path: &Path, owner: Owner) -> Result<(File, bool), MailboxError> {
    let fail = |errno| disk::failure(path, errno);
    let flags = OFlag::O_RDWR | OFlag::O_APPEND;
    let made = flags | OFlag::O_CREAT | OFlag::O_EXCL;
    let (file, made) = match disk::open_file(None, path, made) {
        Ok(file) => {
            owner.take(&file).map_err(fail)?;
            (file, true)
        }
        Err(Errno::EEXIST) => (disk::open_file(None, path, flags).map_err(fail)?, false),
        Err(errno) => return Err(fail(errno)),
    };
    let facts = file.metadata().map_err(|error| disk::io_failure(path, &error))?;
    if !facts.is_file() || facts.nlink() != 1 {
        let text = format!("{}: not a plain file with one name", path.display());
        return Err(MailboxError::Broken(text));
    }
    // An empty file may be one whose maker crashed before its name was durable.
    let young = made || facts.len() == 0;
    Ok((file, young))
}

fn append(file: &mut File, before: u64, letter: &mut Letter) -> Result<(), MailboxError> {
    let path = letter.path.clone();
    let fail = |error| disk::io_failure(&path, &error);
    let mut lead = gap_after(file, before).map_err(fail)?.to_vec();
    lead.extend_from_slice(from_line(&letter.from, letter.time).as_bytes());
    let text = LocalText::quoted();
    disk::write_letter(file, &path, &lead, &letter.head, &mut letter.feed, text)?;
    std::io::Write::write_all(file, b"\n").map_err(fail)?;
    file.sync_all().map_err(fail)
}
