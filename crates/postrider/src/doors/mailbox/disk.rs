//! Directories and files of mailboxes: opened step by step, never through a symbolic link of a
//! user, made where they may be missing, owned by the user where we can give them away.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, User, fchown, geteuid};

use super::feed::Feed;
use crate::mailbox::text::LocalText;

/// Octets gathered before they are written.
const WRITE_MAX: usize = 128 * 1024;

/// Whose the files are: of the user, when we run as root and the system knows the name; else ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(Option<(Uid, Gid)>);

impl Owner {
    /// Looks the user up; none: nobody's but ours.
    pub(super) fn of(user: Option<&str>) -> Result<Self, MailboxError> {
        let Some(user) = user.filter(|_| geteuid().is_root()) else { return Ok(Self(None)) };
        let entry = User::from_name(user)
            .map_err(|errno| MailboxError::Unavailable(format!("accounts: {}", errno.desc())))?;
        Ok(Self(entry.map(|entry| (entry.uid, entry.gid))))
    }

    /// Gives a file or directory that was just made to the user.
    pub(super) fn take(self, made: impl AsFd) -> nix::Result<()> {
        self.0.map_or(Ok(()), |(uid, gid)| fchown(made, Some(uid), Some(gid)))
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
        _ => MailboxError::Unavailable(text),
    }
}

/// The same for an error of the standard library.
pub(super) fn io_failure(path: &Path, error: &io::Error) -> MailboxError {
    failure(path, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

pub(super) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Opens the directory a mailbox lies in. It is made (0700) when it is missing below `root`, which
/// is ours; elsewhere a missing directory means that something is not mounted.
pub(super) fn open_parent(path: &Path, root: &Path) -> Result<OwnedFd, MailboxError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let fail = |errno| failure(parent, errno);
    match open(parent, DIRECTORY, Mode::empty()) {
        Err(Errno::ENOENT) if parent.starts_with(root) => {
            make_all(parent).map_err(|error| io_failure(parent, &error))?;
            open(parent, DIRECTORY, Mode::empty()).map_err(fail)
        }
        opened => opened.map_err(fail),
    }
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

/// Opens `path`'s last part in `parent` and not through a symbolic link.
pub(super) fn open_file(parent: Option<&OwnedFd>, name: &Path, flags: OFlag) -> nix::Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let opened = match parent {
        Some(parent) => openat(parent, name, flags, mode),
        None => openat(AT_FDCWD, name, flags, mode),
    };
    opened.map(File::from)
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
