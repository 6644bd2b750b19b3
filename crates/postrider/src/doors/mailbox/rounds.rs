//! Letters for Maildirs are delivered in rounds, one file system at a time: all that came by the
//! beginning of a round are written to `tmp` one after the other, those of the round before are named
//! in `new`, and one sync makes both durable.
//!
//! Nobody waits for company: a letter that finds no round under way begins one, and is synced alone.
//! A busy host has few threads awake and few syncs, however many letters come at once. A file system
//! that hangs holds up no round of another, though letters for it may come to take every place that
//! the queue of this host's mailboxes has.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::openat;
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{fsync, syncfs};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::disk::{self, DIRECTORY};
use super::maildir::Maildir;
use super::{Letter, maildir};

/// Letters of one round at most: what comes meanwhile waits no longer than it takes to write these.
const ROUND_MAX: usize = 500;

/// The file systems that Maildirs are on.
#[derive(Default)]
pub(super) struct FileSystems {
    known: Mutex<BTreeMap<u64, Arc<Rounds>>>,
}

impl FileSystems {
    /// Makes known the file system of `directory`, before anything is written there.
    pub(super) fn of(&self, directory: impl AsFd) -> nix::Result<Arc<Rounds>> {
        let device = fstat(directory.as_fd())?.st_dev;
        let mut known = self.known.lock();
        if let Some(rounds) = known.get(&device) {
            return Ok(Arc::clone(rounds));
        }
        let anchor = openat(directory.as_fd(), ".", DIRECTORY, Mode::empty())?;
        let rounds = Arc::new(Rounds { anchor, state: Mutex::default() });
        known.insert(device, Arc::clone(&rounds));
        Ok(rounds)
    }
}

/// The rounds of one file system.
pub(super) struct Rounds {
    /// Open from before the first write on, so that no failed write-back goes unseen: the kernel
    /// tells of it once to each descriptor that was open then (syncfs(2), since Linux 5.8).
    anchor: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits for the next round.
    waiting: Vec<Order>,
    /// A thread is at it.
    led: bool,
}

/// How a delivery ended.
pub(super) enum Ended {
    /// It is there, with so many octets.
    Stored(u64),
    /// Its Maildir is no more; nothing was written.
    Gone(Box<Letter>),
    Failed(MailboxError),
}

/// A letter to be delivered.
struct Order {
    maildir: Arc<Maildir>,
    letter: Letter,
    answer: oneshot::Sender<Ended>,
}

/// A letter in `tmp`.
struct Written {
    maildir: Arc<Maildir>,
    path: std::path::PathBuf,
    name: String,
    file: File,
    size: u64,
    answer: oneshot::Sender<Ended>,
}

impl Rounds {
    /// Delivers `letter`, all of whose content is at hand.
    pub(super) async fn deliver(self: &Arc<Self>, maildir: Arc<Maildir>, letter: Letter) -> Ended {
        let (answer, ended) = oneshot::channel();
        let leads = {
            let mut state = self.state.lock();
            state.waiting.push(Order { maildir, letter, answer });
            !std::mem::replace(&mut state.led, true)
        };
        if leads {
            let rounds = Arc::clone(self);
            tokio::task::spawn_blocking(move || Leader(&rounds).run());
        }
        let panicked = |_| Ended::Failed(MailboxError::Broken("the writer panicked".into()));
        ended.await.unwrap_or_else(panicked)
    }

    fn sync(&self, named: &[Written], fresh: &[Written]) -> nix::Result<()> {
        match (named, fresh) {
            ([], []) => Ok(()),
            ([one], []) => fsync(one.maildir.new_letters()),
            ([], [one]) => fsync(&one.file),
            _ => syncfs(&self.anchor),
        }
    }
}

/// The thread that holds the rounds, until nobody waits.
struct Leader<'a>(&'a Rounds);

impl Leader<'_> {
    fn run(self) {
        let mut written: Vec<Written> = Vec::new();
        while let Some(orders) = self.next(written.is_empty()) {
            let named: Vec<_> = written.drain(..).filter_map(Written::publish).collect();
            let fresh: Vec<_> = orders.into_iter().filter_map(Order::write).collect();
            if let Err(errno) = self.0.sync(&named, &fresh) {
                // What was named is there, but perhaps not for good: it comes again, which is better
                // than not at all.
                named.into_iter().for_each(|letter| letter.fail(errno));
                fresh.into_iter().for_each(|letter| letter.withdraw(errno));
                continue;
            }
            named.into_iter().for_each(Written::tell);
            written = fresh;
        }
    }

    /// Who takes part in the next round; none: it is over, `nothing_left` from the one before.
    fn next(&self, nothing_left: bool) -> Option<Vec<Order>> {
        let mut state = self.0.state.lock();
        if state.waiting.is_empty() && nothing_left {
            state.led = false;
            return None;
        }
        let count = state.waiting.len().min(ROUND_MAX);
        Some(state.waiting.drain(..count).collect())
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Who waits hears that it did not go well, and the next letter begins anew.
            *self.0.state.lock() = State::default();
        }
    }
}

impl Order {
    fn write(self) -> Option<Written> {
        let Self { maildir, mut letter, answer } = self;
        let name = maildir::name_of(&letter);
        let mut file = match maildir.create(&name) {
            Ok(file) => file,
            Err(Errno::ENOENT) => {
                // Nobody may listen any more, here as below.
                let _ = answer.send(Ended::Gone(Box::new(letter)));
                return None;
            }
            Err(errno) => {
                let _ = answer.send(Ended::Failed(disk::failure(&letter.path, errno)));
                return None;
            }
        };
        match maildir.write(&mut file, &mut letter) {
            Ok(size) => Some(Written { maildir, path: letter.path, name, file, size, answer }),
            Err(error) => {
                maildir.remove(&name);
                let _ = answer.send(Ended::Failed(error));
                None
            }
        }
    }
}

impl Written {
    fn publish(self) -> Option<Self> {
        match self.maildir.publish(&self.name, self.size) {
            Ok(()) => Some(self),
            Err(errno) => {
                self.withdraw(errno);
                None
            }
        }
    }

    fn tell(self) {
        let _ = self.answer.send(Ended::Stored(self.size));
    }

    fn withdraw(self, errno: Errno) {
        self.maildir.remove(&self.name);
        self.fail(errno);
    }

    fn fail(self, errno: Errno) {
        let _ = self.answer.send(Ended::Failed(disk::failure(&self.path, errno)));
    }
}
