//! One sync for all who wait: deliveries that end at the same time on one file system are made
//! durable together, by syncing the file system, instead of one after the other.
//!
//! Whoever finds no sync under way leads: it takes along all who have gathered by then, and those who
//! come meanwhile gather for the next. So nobody waits for company, a letter alone is synced alone,
//! and what was written before a call is durable when the call returns.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use nix::fcntl::openat;
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{fsync, syncfs};

use super::disk::DIRECTORY;

/// The file systems that mailboxes are on.
#[derive(Default)]
pub(super) struct Together {
    groups: Mutex<BTreeMap<u64, Arc<Group>>>,
}

/// Those who deliver to one file system.
struct Group {
    /// Open from before the first write on, so that no failed write-back goes unseen: the kernel
    /// tells of it once to each descriptor that was open then (syncfs(2), since Linux 5.8).
    anchor: OwnedFd,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// The round that gathers.
    round: u64,
    /// How many have gathered.
    gathered: usize,
    /// A round is being synced.
    syncing: bool,
    /// Rounds below this one have ended.
    ended: u64,
    /// Those of them that failed, and how many have not heard of it yet.
    failed: BTreeMap<u64, (nix::errno::Errno, usize)>,
}

impl Together {
    /// Makes known the file system of `directory`, before anything is written there.
    pub(super) fn group(&self, directory: impl AsFd) -> nix::Result<Syncs> {
        let device = fstat(directory.as_fd())?.st_dev;
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&device) {
            return Ok(Syncs(Arc::clone(group)));
        }
        let anchor = openat(directory.as_fd(), ".", DIRECTORY, Mode::empty())?;
        let group = Arc::new(Group { anchor, state: Mutex::default(), ended: Condvar::new() });
        groups.insert(device, Arc::clone(&group));
        Ok(Syncs(group))
    }
}

/// The syncs of one file system.
pub(super) struct Syncs(Arc<Group>);

impl Syncs {
    /// Makes durable what was written to `file`, or named in the directory `file`.
    pub(super) fn sync(&self, file: impl AsFd) -> nix::Result<()> {
        let group = &self.0;
        let mut state = group.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = state.round;
        state.gathered += 1;
        while state.syncing && state.ended <= mine {
            state = group.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended > mine {
            return state.heard(mine);
        }
        let count = std::mem::take(&mut state.gathered);
        state.round += 1;
        state.syncing = true;
        drop(state);
        let result = match count {
            1 => fsync(file),
            _ => syncfs(&group.anchor),
        };
        let mut state = group.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.syncing = false;
        state.ended = mine + 1;
        if let Err(errno) = result
            && count > 1
        {
            state.failed.insert(mine, (errno, count - 1));
        }
        group.ended.notify_all();
        result
    }
}

impl State {
    /// What came of `round`, for one who was taken along.
    fn heard(&mut self, round: u64) -> nix::Result<()> {
        let Some((errno, left)) = self.failed.get_mut(&round) else { return Ok(()) };
        let errno = *errno;
        *left -= 1;
        if *left == 0 {
            self.failed.remove(&round);
        }
        Err(errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_wait_end() {
        let folder = tempfile::tempdir().expect("folder");
        let directory = std::fs::File::open(folder.path()).expect("directory");
        let together = Together::default();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (together, directory) = (&together, &directory);
                let folder = folder.path();
                scope.spawn(move || {
                    let syncs = together.group(directory).expect("group");
                    for letter in 0..20 {
                        let file = folder.join(format!("{writer}-{letter}"));
                        std::fs::write(&file, b"text").expect("write");
                        let file = std::fs::File::open(file).expect("open");
                        syncs.sync(&file).expect("sync");
                    }
                });
            }
        });
        let groups = together.groups.lock().expect("groups");
        let state = groups.values().next().expect("one file system").state.lock().expect("state");
        assert_eq!((groups.len(), state.gathered, state.syncing), (1, 0, false));
        assert_eq!(state.ended, state.round);
        assert!((20..=160).contains(&state.round), "{} rounds", state.round);
    }

    #[test]
    fn a_failure_is_told_to_all_of_its_round() {
        let mut state = State::default();
        state.failed.insert(3, (nix::errno::Errno::EIO, 2));
        assert_eq!(state.heard(2), Ok(()));
        assert_eq!(state.heard(3), Err(nix::errno::Errno::EIO));
        assert_eq!(state.heard(3), Err(nix::errno::Errno::EIO));
        assert_eq!(state.heard(3), Ok(()));
        assert!(state.failed.is_empty());
    }
}
