//! One delivery into a Maildir: written to `tmp`, synced, then named in `new`, so that a reader
//! never sees half a letter and a crash leaves either all of it or a stray file in `tmp`.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, renameat, renameat2};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::disk::{self, Owner};
use super::known::Known;
use super::together::{Syncs, Together};
use super::{Belongs, Letter, quota};
use crate::mailbox::text::LocalText;

/// A Maildir that is open.
pub(super) struct Maildir {
    owner: Owner,
    tmp: OwnedFd,
    new: OwnedFd,
    syncs: Syncs,
    /// All of it, where it has a quota.
    top: Option<OwnedFd>,
}

/// What all deliveries into Maildirs share.
#[derive(Default)]
pub(super) struct Maildirs {
    known: Known,
    together: Together,
}

impl Maildirs {
    /// Delivers `letter`; gives the octets written.
    pub(super) fn deliver(&self, mut letter: Letter) -> Result<u64, MailboxError> {
        let path = letter.path.clone();
        let name = name_of(&letter);
        let fail = |errno| disk::failure(&path, errno);
        let mut maildir = self.find(&letter)?;
        let mut file = create(&maildir, &name);
        if matches!(file, Err(Errno::ENOENT)) {
            // It was removed while we held it open.
            self.known.forget(&path);
            maildir = self.find(&letter)?;
            file = create(&maildir, &name);
        }
        let stored = deliver(&maildir, file.map_err(fail)?, &name, &mut letter);
        if stored.is_err() {
            self.known.forget(&path);
        }
        stored
    }

    /// The Maildir of `letter`, with room in it.
    fn find(&self, letter: &Letter) -> Result<Arc<Maildir>, MailboxError> {
        let maildir = match letter.belongs {
            Belongs::User | Belongs::Ours => {
                self.known.maildir(&letter.path, || self.open(letter))?
            }
            // What one user could open is not for another.
            Belongs::Found | Belongs::Writer => Arc::new(self.open(letter)?),
        };
        if let (Some(quota), Some(top)) = (&letter.quota, &maildir.top) {
            let fail = |errno| disk::failure(&letter.path, errno);
            quota.check(&letter.path, || quota::of_maildir(top).map_err(fail))?;
        }
        Ok(maildir)
    }

    fn open(&self, letter: &Letter) -> Result<Maildir, MailboxError> {
        let path = &letter.path;
        let fail = |errno| disk::failure(path, errno);
        let (top, owner) = open_top(letter)?;
        let inner = |name| disk::directory(&top, Path::new(name), owner).map_err(fail);
        // `cur` is for readers, but a Maildir without it is none.
        inner("cur")?;
        let (tmp, new) = (inner("tmp")?, inner("new")?);
        let syncs = self.together.group(&tmp).map_err(fail)?;
        let top = letter.quota.is_some().then_some(top);
        Ok(Maildir { owner, tmp, new, syncs, top })
    }
}

/// The directory of the Maildir, and whose what is written there is to be.
fn open_top(letter: &Letter) -> Result<(OwnedFd, Owner), MailboxError> {
    let path = &letter.path;
    let fail = |errno| disk::failure(path, errno);
    let name = Path::new(path.file_name().ok_or_else(|| fail(Errno::EISDIR))?);
    let owner = letter.owner()?;
    let parent = letter.way().open_parent(owner);
    if letter.belongs == Belongs::Found {
        let parent = parent.map_err(|error| letter.unknown(error))?;
        let top = match disk::step(&parent, name) {
            Err(Errno::ENOENT) => return Err(MailboxError::Unknown(letter.user.clone())),
            top => top.map_err(fail)?,
        };
        let owner = Owner::as_of(&top).map_err(fail)?;
        return Ok((top, owner));
    }
    let top = disk::directory(parent?, name, owner).map_err(fail)?;
    owner.check(&top, path)?;
    Ok((top, owner))
}

fn create(maildir: &Maildir, name: &str) -> nix::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    disk::open_file(&maildir.tmp, Path::new(name), flags)
}

fn deliver(
    maildir: &Maildir,
    mut file: File,
    name: &str,
    letter: &mut Letter,
) -> Result<u64, MailboxError> {
    let path = letter.path.clone();
    let published = |size| {
        publish(maildir, name, size).map_err(|errno| disk::failure(&path, errno)).map(|()| size)
    };
    let stored = store(&mut file, letter, maildir).and_then(published);
    if stored.is_err() {
        // Best effort: readers sweep `tmp` of files older than 36 hours anyway.
        let _ = unlinkat(&maildir.tmp, name, UnlinkatFlags::NoRemoveDir);
    }
    stored
}

fn store(file: &mut File, letter: &mut Letter, maildir: &Maildir) -> Result<u64, MailboxError> {
    let path = letter.path.clone();
    let text = LocalText::plain();
    let size = disk::write_letter(file, &path, b"", &letter.head, &mut letter.feed, text)?;
    maildir.owner.take(&*file).map_err(|errno| disk::failure(&path, errno))?;
    maildir.syncs.sync(&*file).map_err(|errno| disk::failure(&path, errno))?;
    Ok(size)
}

/// Names the finished file in `new`.
fn publish(maildir: &Maildir, name: &str, size: u64) -> nix::Result<()> {
    let final_name = format!("{name},S={size}");
    let (tmp, new) = (&maildir.tmp, &maildir.new);
    // It never replaces a letter; where the file system cannot say so, names are unique enough.
    match renameat2(tmp, name, new, final_name.as_str(), RenameFlags::RENAME_NOREPLACE) {
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            renameat(tmp, name, new, final_name.as_str())?;
        }
        renamed => renamed?,
    }
    // If this fails the letter is there but perhaps not for good: it comes again, which is better
    // than not at all.
    maildir.syncs.sync(new)
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
