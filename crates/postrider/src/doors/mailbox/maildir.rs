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
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::disk::{self, Owner};
use super::known::Known;
use super::rounds::{Ended, FileSystems, Rounds};
use super::{Belongs, Letter, quota};
use crate::mailbox::text::LocalText;

/// A Maildir that is open.
pub(super) struct Maildir {
    owner: Owner,
    tmp: OwnedFd,
    new: OwnedFd,
    rounds: Arc<Rounds>,
    /// All of it, where it has a quota.
    top: Option<OwnedFd>,
}

/// What all deliveries into Maildirs share.
#[derive(Default)]
pub(super) struct Maildirs {
    known: Known,
    file_systems: FileSystems,
}

impl Maildirs {
    /// Delivers `letter`, all of whose content is at hand; gives the octets written.
    pub(super) async fn deliver(self: &Arc<Self>, letter: Letter) -> Result<u64, MailboxError> {
        let path = letter.path.clone();
        let mut letter = letter;
        // Where it was removed while we held it open, it is looked for again.
        for _ in 0..2 {
            let (maildir, back) = self.at_hand(letter).await?;
            let rounds = Arc::clone(&maildir.rounds);
            letter = match rounds.deliver(maildir, back).await {
                Ended::Stored(size) => return Ok(size),
                Ended::Gone(letter) => *letter,
                Ended::Failed(error) => {
                    self.known.forget(&path);
                    return Err(error);
                }
            };
            self.known.forget(&path);
        }
        Err(disk::failure(&path, Errno::ENOENT))
    }

    /// The Maildir of `letter`, which is given back; only one that is not known is waited for.
    async fn at_hand(
        self: &Arc<Self>,
        letter: Letter,
    ) -> Result<(Arc<Maildir>, Letter), MailboxError> {
        if letter.quota.is_none()
            && letter.belongs.is_known()
            && let Some(maildir) = self.known.find(&letter.path)
        {
            return Ok((maildir, letter));
        }
        let maildirs = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || {
            maildirs.find(&letter).map(|maildir| (maildir, letter))
        });
        found.await.unwrap_or_else(|_| Err(MailboxError::Broken("the writer panicked".into())))
    }

    /// Delivers `letter` while its content comes, on this thread; gives the octets written.
    pub(super) fn stream(&self, mut letter: Letter) -> Result<u64, MailboxError> {
        let path = letter.path.clone();
        let fail = |errno| disk::failure(&path, errno);
        let name = name_of(&letter);
        // It may have been removed while it was held open.
        self.known.forget(&path);
        let maildir = self.find(&letter)?;
        let mut file = maildir.create(&name).map_err(fail)?;
        let written = maildir.write(&mut file, &mut letter).and_then(|size| {
            fsync(&file).map_err(fail)?;
            maildir.publish(&name, size).map_err(fail)?;
            Ok(size)
        });
        match written {
            // If this fails the letter is there but perhaps not for good: it comes again, which is
            // better than not at all.
            Ok(size) => fsync(&maildir.new).map_err(fail).map(|()| size),
            Err(error) => {
                maildir.remove(&name);
                Err(error)
            }
        }
    }

    /// The Maildir of `letter`, with room in it.
    fn find(&self, letter: &Letter) -> Result<Arc<Maildir>, MailboxError> {
        let maildir = match letter.belongs {
            // What one user could open is not for another.
            belongs if !belongs.is_known() => Arc::new(self.open(letter)?),
            _ => self.known.maildir(&letter.path, || self.open(letter))?,
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
        let rounds = self.file_systems.of(&tmp).map_err(fail)?;
        let top = letter.quota.is_some().then_some(top);
        Ok(Maildir { owner, tmp, new, rounds, top })
    }
}

impl Maildir {
    /// Where letters are named.
    pub(super) fn new_letters(&self) -> &OwnedFd {
        &self.new
    }

    /// A file in `tmp`.
    pub(super) fn create(&self, name: &str) -> nix::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        disk::open_file(&self.tmp, Path::new(name), flags)
    }

    /// Writes `letter`, and gives the file to its owner; tells the octets.
    pub(super) fn write(&self, file: &mut File, letter: &mut Letter) -> Result<u64, MailboxError> {
        let text = LocalText::plain();
        let size =
            disk::write_letter(file, &letter.path, b"", &letter.head, &mut letter.feed, text)?;
        self.owner.take(&*file).map_err(|errno| disk::failure(&letter.path, errno))?;
        Ok(size)
    }

    /// Names a finished file in `new`.
    pub(super) fn publish(&self, name: &str, size: u64) -> nix::Result<()> {
        let final_name = format!("{name},S={size}");
        let (tmp, new) = (&self.tmp, &self.new);
        // It never replaces a letter; where the file system cannot say so, names are unique enough.
        match renameat2(tmp, name, new, final_name.as_str(), RenameFlags::RENAME_NOREPLACE) {
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                renameat(tmp, name, new, final_name.as_str())
            }
            renamed => renamed,
        }
    }

    /// Takes a file out of `tmp` that is not to be named; best effort, since readers sweep `tmp` of
    /// files older than 36 hours anyway.
    pub(super) fn remove(&self, name: &str) {
        let _ = unlinkat(&self.tmp, name, UnlinkatFlags::NoRemoveDir);
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

/// `seconds.M…P…Q….host`: time, process and delivery together never come twice.
pub(super) fn name_of(letter: &Letter) -> String {
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
