//! Directories and files of mailboxes: opened step by step, never through a symbolic link of a
//! user, made where they may be missing, owned by the user where we can give them away.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{Gid, Uid, User, fchown, geteuid, setfsgid, setfsuid};

use super::feed::Feed;
use crate::mailbox::text::LocalText;

/// Octets gathered before they are written.
const WRITE_MAX: usize = 128 * 1024;

/// Whose the files are: of the user, when we run as root and the system knows the name; else ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(Option<(Uid, Gid)>);

impl Owner {
    /// Looks the user up.
    pub(super) fn of(user: &str) -> Result<Self, MailboxError> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        Ok(Self(account(user)?.map(|entry| (entry.uid, entry.gid))))
    }

    /// Whoever makes them.
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    /// Of whom something is that is there already; else ours.
    pub(super) fn as_of(there: impl AsFd) -> nix::Result<Self> {
        let facts = fstat(there)?;
        let owner = (Uid::from_raw(facts.st_uid), Gid::from_raw(facts.st_gid));
        Ok(Self(geteuid().is_root().then_some(owner)))
    }

    /// Gives a file or directory that was just made to the user.
    pub(super) fn take(self, made: impl AsFd) -> nix::Result<()> {
        self.0.map_or(Ok(()), |(uid, gid)| fchown(made, Some(uid), Some(gid)))
    }

    /// Whether something that is there already may be written to: another user may have put it in the
    /// place of this one's.
    pub(super) fn check(self, there: impl AsFd, path: &Path) -> Result<(), MailboxError> {
        let Some((uid, _)) = self.0 else { return Ok(()) };
        let found = fstat(there).map_err(|errno| failure(path, errno))?.st_uid;
        if found == uid.as_raw() || found == geteuid().as_raw() {
            return Ok(());
        }
        let text = format!("{}: it belongs to user id {found}, not to {uid}", path.display());
        Err(MailboxError::Broken(text))
    }
}

fn account(user: &str) -> Result<Option<User>, MailboxError> {
    User::from_name(user)
        .map_err(|errno| MailboxError::Unavailable(format!("accounts: {}", errno.desc())))
}

/// This thread opens files with the rights of a user, as long as it lives. Where we are not root, the
/// user must be us.
pub(super) struct AsUser(Option<(Uid, Gid)>);

impl AsUser {
    /// Takes the rights: of the account and of its first group.
    ///
    /// # Errors
    /// There is no such account, it is root, or we may not.
    pub(super) fn begin(user: &str) -> Result<Self, MailboxError> {
        let broken = |why: &str| MailboxError::Broken(format!("files of {user}: {why}"));
        let Some(account) = account(user)? else {
            return Err(broken("there is no such account"));
        };
        let ours = geteuid();
        if account.uid.is_root() {
            return Err(broken("nothing is written with the rights of root"));
        }
        if !ours.is_root() {
            let is_ours = account.uid == ours;
            return if is_ours { Ok(Self(None)) } else { Err(broken("only root may write them")) };
        }
        let gid = setfsgid(account.gid);
        let begun = Self(Some((setfsuid(account.uid), gid)));
        // The call tells only what was before, so it is asked again.
        if setfsuid(account.uid) == account.uid { Ok(begun) } else { Err(broken("not permitted")) }
    }
}

/// With whose rights this thread opens files.
pub(super) fn writer() -> Option<u32> {
    // An id that nobody can have changes nothing; the call tells what is.
    Some(setfsuid(Uid::from_raw(u32::MAX)).as_raw())
}

impl Drop for AsUser {
    fn drop(&mut self) {
        if let Some((uid, gid)) = self.0 {
            setfsuid(uid);
            setfsgid(gid);
        }
    }
}

/// What a failed call means for the mail: time, or the operator, must act.
pub(super) fn failure(path: &Path, errno: Errno) -> MailboxError {
    let text = format!("{}: {}", path.display(), errno.desc());
    match errno {
        Errno::EACCES
        | Errno::EPERM
        | Errno::EROFS
        | Errno::ELOOP
        | Errno::ENOTDIR
        | Errno::EISDIR
        | Errno::ENAMETOOLONG
        | Errno::EFBIG
        | Errno::EINVAL
        | Errno::EIO => MailboxError::Broken(text),
        Errno::EDQUOT => MailboxError::Full(text),
        Errno::ENOSPC => MailboxError::NoSpace(text),
        _ => MailboxError::Unavailable(text),
    }
}

/// The same for an error of the standard library.
pub(super) fn io_failure(path: &Path, error: &io::Error) -> MailboxError {
    failure(path, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

pub(super) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Where a mailbox is, and how much of that is the operator's.
pub(super) struct Way<'a> {
    pub(super) path: &'a Path,
    /// The directories down to this one are the operator's, links and all. What lies below has names
    /// of users in it, and a user may have put a link there.
    pub(super) fixed: &'a Path,
    /// What is missing below it is made (0700); elsewhere a missing directory means that something is
    /// not mounted, or that there is no such mailbox.
    pub(super) root: &'a Path,
}

impl Way<'_> {
    /// Opens the directory that the mailbox lies in, step by step.
    pub(super) fn open_parent(&self, owner: Owner) -> Result<OwnedFd, MailboxError> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let fixed = if parent.starts_with(self.fixed) { self.fixed } else { parent };
        let fail = |errno| failure(parent, errno);
        let mut directory = match open(fixed, DIRECTORY, Mode::empty()) {
            Err(Errno::ENOENT) if self.is_ours(fixed) => {
                make_all(fixed).map_err(|error| io_failure(fixed, &error))?;
                open(fixed, DIRECTORY, Mode::empty()).map_err(fail)?
            }
            opened => opened.map_err(fail)?,
        };
        let mut so_far = fixed.to_path_buf();
        for name in parent.strip_prefix(fixed).unwrap_or(Path::new("")) {
            so_far.push(name);
            directory = match self.is_ours(&so_far) {
                true => self::directory(&directory, Path::new(name), owner),
                false => step(&directory, Path::new(name)),
            }
            .map_err(|errno| failure(&so_far, errno))?;
        }
        Ok(directory)
    }

    fn is_ours(&self, path: &Path) -> bool {
        path.starts_with(self.root)
    }
}

/// Opens the directory `name` in `parent`. A link is followed only out of a directory that nobody but
/// us or root can write to, where no user can have made it: homes are moved so.
pub(super) fn step(parent: &OwnedFd, name: &Path) -> nix::Result<OwnedFd> {
    match openat(parent, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
        Err(Errno::ELOOP | Errno::ENOTDIR) if is_operators(parent)? => {
            openat(parent, name, DIRECTORY, Mode::empty())
        }
        opened => opened,
    }
}

fn is_operators(directory: &OwnedFd) -> nix::Result<bool> {
    let facts = fstat(directory)?;
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    let mode = Mode::from_bits_truncate(facts.st_mode);
    let owner = Uid::from_raw(facts.st_uid);
    Ok((owner.is_root() || owner == geteuid()) && !mode.intersects(others))
}

fn make_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    let mut missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    while let Some(next) = missing.pop() {
        match std::fs::DirBuilder::new().mode(0o700).create(next) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // The name is in the directory above: that one is synced.
        match next.parent() {
            Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all()?,
            _ => File::open(".")?.sync_all()?,
        }
    }
    Ok(())
}

/// Opens the directory `name` in `parent`; makes it (0700, durably) when it is missing.
pub(super) fn directory(parent: impl AsFd, name: &Path, owner: Owner) -> nix::Result<OwnedFd> {
    let flags = DIRECTORY | OFlag::O_NOFOLLOW;
    match openat(parent.as_fd(), name, flags, Mode::empty()) {
        Err(Errno::ENOENT) => {}
        opened => return opened,
    }
    let made = match mkdirat(parent.as_fd(), name, Mode::S_IRWXU) {
        Ok(()) => true,
        // Another delivery was quicker, and may not have synced it yet.
        Err(Errno::EEXIST) => false,
        Err(errno) => return Err(errno),
    };
    let opened = openat(parent.as_fd(), name, flags, Mode::empty())?;
    if made {
        owner.take(&opened)?;
    }
    sync_directory(parent)?;
    Ok(opened)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: impl AsFd) -> nix::Result<()> {
    // A descriptor of its own, since a file would close the one it is made of.
    let again = openat(directory.as_fd(), ".", DIRECTORY, Mode::empty())?;
    nix::unistd::fsync(again)
}

/// Opens the file `name` in `parent`, not through a symbolic link.
pub(super) fn open_file(parent: &OwnedFd, name: &Path, flags: OFlag) -> nix::Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    openat(parent, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
}

/// Writes `lead` as it is, then `head` and the content as `text`, and tells the octets written.
pub(super) fn write_letter(
    file: &mut File,
    path: &Path,
    lead: &[u8],
    head: &[u8],
    feed: &mut Feed,
    mut text: LocalText,
) -> Result<u64, MailboxError> {
    let mut written = 0;
    let mut out = lead.to_vec();
    text.push(head, &mut out);
    loop {
        let chunk = feed.next()?;
        match &chunk {
            Some(chunk) => text.push(chunk, &mut out),
            None => text.finish(&mut out),
        }
        if chunk.is_none() || out.len() >= WRITE_MAX {
            file.write_all(&out).map_err(|error| io_failure(path, &error))?;
            written += u64::try_from(out.len()).unwrap_or(u64::MAX);
            out.clear();
        }
        if chunk.is_none() {
            return Ok(written);
        }
    }
}
