//! One delivery into a Maildir: written to `tmp`, synced, then named in `new`, so that a reader
//! never sees half a letter and a crash leaves either all of it or a stray file in `tmp`.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::UNIX_EPOCH;

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, renameat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::disk::{self, Owner};
use super::{Belongs, Letter, quota};
use crate::mailbox::text::LocalText;

/// The three directories of a Maildir.
struct Maildir {
    tmp: OwnedFd,
    new: OwnedFd,
}

/// Delivers `letter`; gives the octets written.
pub(super) fn deliver(mut letter: Letter) -> Result<u64, MailboxError> {
    let (maildir, owner) = open(&letter)?;
    let path = letter.path.clone();
    let name = name_of(&letter);
    let fail = |errno| disk::failure(&path, errno);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let mut file = disk::open_file(&maildir.tmp, Path::new(&name), flags).map_err(fail)?;
    let stored = store(&mut file, &mut letter, owner)
        .and_then(|size| publish(&maildir, &name, size).map_err(fail).map(|()| size));
    if stored.is_err() {
        // Best effort: readers sweep `tmp` of files older than 36 hours anyway.
        let _ = unlinkat(&maildir.tmp, name.as_str(), UnlinkatFlags::NoRemoveDir);
    }
    stored
}

/// The directories, and whose what is written there is to be.
fn open(letter: &Letter) -> Result<(Maildir, Owner), MailboxError> {
    let path = &letter.path;
    let fail = |errno| disk::failure(path, errno);
    let name = Path::new(path.file_name().ok_or_else(|| fail(Errno::EISDIR))?);
    let owner = letter.owner()?;
    let (top, owner) = match letter.belongs {
        Belongs::Found => {
            let parent = letter.way().open_parent(owner).map_err(|error| letter.unknown(error))?;
            let top = match disk::step(&parent, name) {
                Err(Errno::ENOENT) => return Err(MailboxError::Unknown(letter.user.clone())),
                top => top.map_err(fail)?,
            };
            let owner = Owner::as_of(&top).map_err(fail)?;
            (top, owner)
        }
        Belongs::User | Belongs::Writer => {
            let parent = letter.way().open_parent(owner)?;
            let top = disk::directory(parent, name, owner).map_err(fail)?;
            owner.check(&top, path)?;
            (top, owner)
        }
    };
    if let Some(quota) = &letter.quota {
        quota.check(path, || quota::of_maildir(&top).map_err(fail))?;
    }
    let inner = |name| disk::directory(&top, Path::new(name), owner).map_err(fail);
    // `cur` is for readers, but a Maildir without it is none.
    inner("cur")?;
    Ok((Maildir { tmp: inner("tmp")?, new: inner("new")? }, owner))
}

fn store(file: &mut File, letter: &mut Letter, owner: Owner) -> Result<u64, MailboxError> {
    let path = letter.path.clone();
    let text = LocalText::plain();
    let size = disk::write_letter(file, &path, b"", &letter.head, &mut letter.feed, text)?;
    owner.take(&*file).map_err(|errno| disk::failure(&path, errno))?;
    file.sync_all().map_err(|error| disk::io_failure(&path, &error))?;
    Ok(size)
}

/// Names the finished file in `new`.
fn publish(maildir: &Maildir, name: &str, size: u64) -> nix::Result<()> {
    let final_name = format!("{name},S={size}");
    let (tmp, new) = (&maildir.tmp, &maildir.new);
    // A link never replaces a letter; where the file system has no links, names are unique enough.
    match linkat(tmp, name, new, final_name.as_str(), AtFlags::empty()) {
        Ok(()) => {
            let _ = unlinkat(tmp, name, UnlinkatFlags::NoRemoveDir);
        }
        Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {
            renameat(tmp, name, new, final_name.as_str())?;
        }
        Err(errno) => return Err(errno),
    }
    // If this fails the letter is there but perhaps not for good: it comes again, which is better
    // than not at all.
    disk::sync_directory(new)
}

/// `seconds.M…P…Q….host`: time, process and delivery together never come twice.
fn name_of(letter: &Letter) -> String {
    let since = letter.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let unique = safe(&letter.unique);
    format!("{seconds}.M{micros}P{}Q{unique}.{}", std::process::id(), safe(&letter.host))
}

/// Letters, digits, `.` and `-` stay; `/`, `:` and `,` mean something in these names.
fn safe(text: &str) -> String {
    let keep = |octet: char| octet.is_ascii_alphanumeric() || octet == '.' || octet == '-';
    text.chars().take(100).map(|octet| if keep(octet) { octet } else { '_' }).collect()
}
