//! Counts what comes into Maildirs, as the kernel tells it: nothing is listed, so the look costs
//! the same however full they are.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// The `new` folders of some Maildirs that are there already.
pub struct Mailboxes {
    events: Inotify,
    arrived: usize,
    last: Instant,
}

impl Mailboxes {
    /// Watches `folders` from now on.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn watch(folders: &[PathBuf]) -> io::Result<Self> {
        let events = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        for folder in folders {
            // Some servers rename a letter into its place, others link it.
            events.add_watch(folder, AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CREATE)?;
        }
        Ok(Self { events, arrived: 0, last: Instant::now() })
    }

    /// Waits for `letters`, but not longer than `still` without any. Gives how many came, and when
    /// the last one did.
    ///
    /// # Errors
    /// The kernel's queue of events overflowed: the count would be wrong.
    pub fn expect(mut self, letters: usize, still: Duration) -> io::Result<(usize, Instant)> {
        let mut moved = Instant::now();
        while self.arrived < letters && moved.elapsed() < still {
            match self.look()? {
                0 => std::thread::sleep(LOOK),
                _ => moved = Instant::now(),
            }
        }
        Ok((self.arrived, self.last))
    }

    /// Takes what has happened.
    fn look(&mut self) -> io::Result<usize> {
        let events = match self.events.read_events() {
            Err(nix::errno::Errno::EAGAIN) => return Ok(0),
            events => events?,
        };
        if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)) {
            return Err(io::Error::other("too many letters between two looks at the mailboxes"));
        }
        self.arrived += events.len();
        self.last = Instant::now();
        Ok(events.len())
    }
}
