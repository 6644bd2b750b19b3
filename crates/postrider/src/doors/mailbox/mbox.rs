//! One delivery into an mbox: locked, appended, synced; cut back to what it was if that fails
//! (RFC 4155; quoted so that it can be undone).

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::disk::{self, Owner};
use super::{Belongs, Letter};
use crate::mailbox::lock::{self, Lock, LockError};
use crate::mailbox::mbox::{from_line, gap_after};
use crate::mailbox::text::LocalText;

/// Delivers `letter`, waiting at most `lock_wait` for other programs; gives the octets written.
pub(super) fn deliver(mut letter: Letter, lock_wait: Duration) -> Result<u64, MailboxError> {
    let owner = letter.owner()?;
    let path = letter.path.clone();
    let fail = |error| disk::io_failure(&path, &error);
    let parent = match letter.belongs {
        Belongs::Found => letter.way().open_parent(owner).map_err(|error| letter.unknown(error))?,
        Belongs::User | Belongs::Ours | Belongs::Writer => letter.way().open_parent(owner)?,
    };
    let mailbox = Mailbox {
        name: path.file_name().ok_or_else(|| disk::failure(&path, Errno::EISDIR))?,
        parent: &parent,
        letter: &letter,
        owner,
    };
    let (mut file, made, _lock) = mailbox.open_locked(lock_wait)?;
    let before = file.metadata().map_err(fail)?.len();
    if let Some(quota) = &letter.quota {
        quota.check(&path, || Ok(before))?;
    }
    if let Err(error) = append(&mut file, before, &mut letter) {
        // A torn letter must not become part of the next one.
        let _ = file.set_len(before).and_then(|()| file.sync_all());
        return Err(error);
    }
    if made {
        disk::sync_directory(parent).map_err(|errno| disk::failure(&path, errno))?;
    }
    Ok(file.metadata().map_err(fail)?.len().saturating_sub(before))
}

/// One file, in a directory that is open.
struct Mailbox<'a> {
    parent: &'a OwnedFd,
    name: &'a OsStr,
    letter: &'a Letter,
    owner: Owner,
}

impl Mailbox<'_> {
    /// The file, locked, and still the one of that name when it is.
    fn open_locked(&self, wait: Duration) -> Result<(File, bool, Lock), MailboxError> {
        let path = &self.letter.path;
        let until = Instant::now() + wait;
        loop {
            let (file, made) = self.open()?;
            let left = until.saturating_duration_since(Instant::now());
            let lock = Lock::take_in(&file, self.parent, self.name, left);
            let lock = lock.map_err(|error| match error {
                LockError::Failed(errno) => disk::failure(path, errno),
                LockError::Busy => {
                    MailboxError::Unavailable(format!("{}: {error}", path.display()))
                }
            })?;
            if lock::is_in(&file, self.parent, self.name) {
                return Ok((file, made, lock));
            }
        }
    }

    /// Opens the file, made (0600) when missing; tells whether its name may not be durable yet.
    fn open(&self) -> Result<(File, bool), MailboxError> {
        let path = &self.letter.path;
        let fail = |errno| disk::failure(path, errno);
        let name = Path::new(self.name);
        let flags = OFlag::O_RDWR | OFlag::O_APPEND;
        let opened = disk::open_file(self.parent, name, flags);
        let (file, made) = match opened {
            Err(Errno::ENOENT) if self.letter.belongs == Belongs::Found => {
                return Err(MailboxError::Unknown(self.letter.user.clone()));
            }
            Err(Errno::ENOENT) => {
                let exclusive = flags | OFlag::O_CREAT | OFlag::O_EXCL;
                match disk::open_file(self.parent, name, exclusive) {
                    Ok(file) => {
                        self.owner.take(&file).map_err(fail)?;
                        (file, true)
                    }
                    // Another delivery was quicker.
                    Err(Errno::EEXIST) => {
                        (disk::open_file(self.parent, name, flags).map_err(fail)?, false)
                    }
                    Err(errno) => return Err(fail(errno)),
                }
            }
            opened => (opened.map_err(fail)?, false),
        };
        let facts = file.metadata().map_err(|error| disk::io_failure(path, &error))?;
        if !facts.is_file() || facts.nlink() != 1 {
            let text = format!("{}: not a plain file with one name", path.display());
            return Err(MailboxError::Broken(text));
        }
        self.owner.check(&file, path)?;
        if let (Belongs::Writer, Some(uid)) = (self.letter.belongs, disk::writer())
            && facts.uid() != uid
        {
            let text = format!("{}: it belongs to user id {}", path.display(), facts.uid());
            return Err(MailboxError::Broken(text));
        }
        // An empty file may be one whose maker crashed before its name was durable.
        let young = made || facts.len() == 0;
        Ok((file, young))
    }
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
