//! Watches over a letter that is being written: a signal that ends the program comes at any moment,
//! and the text must not go with it.
//!
//! While a person types, this thread waits in a line editor that no signal wakes. So another one
//! waits for the signals, holds the letter in the meantime, and is told when the line is there.

use std::io::{self, PipeReader, Write};
use std::os::fd::AsFd;
use std::process;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

/// Ends the bracketed paste of a line editor.
const NO_PASTE: &[u8] = b"\x1b[?2004l\r\n";

/// Does `work`; when one of `signals` comes before it is done, `save` is done with `kept` and the
/// program ends by that signal. The caller [holds them back](super::running::Ending).
pub fn watched<T, R>(
    signals: &SigSet,
    kept: &mut T,
    save: impl FnOnce(&mut T) + Send,
    work: impl FnOnce() -> R,
) -> R
where
    T: Send + ?Sized,
{
    let (Ok((told, tell)), Ok(watched)) =
        (io::pipe(), SignalFd::with_flags(signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC))
    else {
        return work();
    };
    let before = tcgetattr(io::stdin()).ok();
    thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(signal) = first(&watched, &told) {
                give_back(before.as_ref());
                save(kept);
                end_by(signal);
            }
        });
        let done = work();
        drop(tell);
        done
    })
}

/// The signal that came before the word that all is done.
fn first(signals: &SignalFd, told: &PipeReader) -> Option<Signal> {
    loop {
        let mut ready = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(told.as_fd(), PollFlags::POLLIN),
        ];
        let polled = poll(&mut ready, PollTimeout::NONE);
        let done = ready.get(1).and_then(PollFd::any).unwrap_or_default();
        match signals.read_signal() {
            Ok(Some(came)) => return Signal::try_from(i32::try_from(came.ssi_signo).ok()?).ok(),
            _ if done => return None,
            _ if polled.is_err_and(|error| error != nix::Error::EINTR) => return None,
            _ => {}
        }
    }
}

/// The terminal as it was before lines were edited on it.
fn give_back(before: Option<&Termios>) {
    if let Some(before) = before {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        let _ = Unlocked.write_all(NO_PASTE);
    }
}

fn end_by(signal: Signal) -> ! {
    let _ = SigSet::from_iter([signal]).thread_unblock();
    let _ = raise(signal);
    process::exit(128 + signal as i32)
}

/// Whether the terminal has gone away, so that the end of input was nobody's wish.
pub fn terminal_is_gone() -> bool {
    let stdin = io::stdin();
    let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let polled = poll(&mut ready, PollTimeout::ZERO);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    let found = ready.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
    polled.is_ok() && found.intersects(gone)
}

/// Standard error without its lock, which the thread that types holds.
pub struct Unlocked;

impl Write for Unlocked {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(io::stderr(), octets)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
