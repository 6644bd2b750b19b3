//! How much mailboxes hold, and whether that is too much.
//!
//! The size of a Maildir is that of all its letters, folders included, told by their names (`,S=…`)
//! where they tell it. It is counted anew now and then, and in between what was delivered is added: a
//! mailbox may be over its quota by what others put there meanwhile. One that is full is counted at
//! each delivery, since its owner may have made room.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::doors::MailboxError;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, fstatat};
use parking_lot::Mutex;

/// How long a count is good.
const FRESH: Duration = Duration::from_secs(60);
/// Counts remembered.
const REMEMBERED: usize = 10_000;
/// Letters counted in one Maildir: more take too long to count for one delivery.
const LETTERS_MAX: usize = 1_000_000;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<PathBuf, (u64, Instant)>>);

/// What a mailbox may hold.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    pub(super) octets: u64,
    pub(super) counts: Arc<Counts>,
}

impl Quota {
    /// Whether the mailbox at `path` takes another letter.
    pub(super) fn check(
        &self,
        path: &Path,
        count: impl FnOnce() -> Result<u64, MailboxError>,
    ) -> Result<(), MailboxError> {
        let known = self.counts.0.lock().get(path).copied();
        if known.is_some_and(|(used, at)| used < self.octets && at.elapsed() < FRESH) {
            return Ok(());
        }
        let used = count()?;
        let mut counts = self.counts.0.lock();
        if counts.len() >= REMEMBERED {
            counts.clear();
        }
        counts.insert(path.to_owned(), (used, Instant::now()));
        if used < self.octets {
            return Ok(());
        }
        Err(MailboxError::Over(format!("it holds {used} octets of {}", self.octets)))
    }

    /// A letter of so many octets was delivered.
    pub(super) fn add(&self, path: &Path, octets: u64) {
        if let Some((used, _)) = self.counts.0.lock().get_mut(path) {
            *used = used.saturating_add(octets);
        }
    }
}

/// The octets of all letters below `top`.
pub(super) fn of_maildir(top: &OwnedFd) -> nix::Result<u64> {
    let mut left = LETTERS_MAX;
    let mut octets = of_letters(top, &mut left)?;
    let again = Dir::openat(top, ".", READ, Mode::empty())?;
    for entry in again.into_iter().flatten().take(LETTERS_MAX) {
        let name = entry.file_name();
        if !matches!(name.to_bytes(), [b'.', first, ..] if *first != b'.') {
            continue;
        }
        match nix::fcntl::openat(top, name, READ | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(folder) => octets = octets.saturating_add(of_letters(&folder, &mut left)?),
            // A file, a link, or gone.
            Err(_) => continue,
        }
    }
    Ok(octets)
}

const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn of_letters(folder: &OwnedFd, left: &mut usize) -> nix::Result<u64> {
    let mut octets = 0_u64;
    for part in ["cur", "new"] {
        let directory = match Dir::openat(folder, part, READ | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => continue,
            Err(errno) => return Err(errno),
        };
        let within = directory.as_fd().try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        for entry in directory.into_iter().flatten() {
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            *left = left.checked_sub(1).ok_or(Errno::EFBIG)?;
            let size = told(name.to_bytes()).unwrap_or_else(|| {
                let facts = fstatat(&within, name, AtFlags::AT_SYMLINK_NOFOLLOW);
                facts.map_or(0, |facts| u64::try_from(facts.st_size).unwrap_or_default())
            });
            octets = octets.saturating_add(size);
        }
    }
    Ok(octets)
}

/// The size that the name of a letter tells: `…,S=1234` or `…,S=1234:2,S`.
fn told(name: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(name).ok()?;
    let (_, rest) = name.split_once(",S=")?;
    let end = rest.find([':', ',']).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let rows = [
            ("1.M2P3.host,S=1234", Some(1234)),
            ("1.M2P3.host,S=1234:2,S", Some(1234)),
            ("1.M2P3.host,S=12,W=13:2,RS", Some(12)),
            ("1.M2P3.host:2,S", None),
            ("1.host,S=x", None),
        ];
        for (name, want) in rows {
            assert_eq!(told(name.as_bytes()), want, "{name}");
        }
    }
}
