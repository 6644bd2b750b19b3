//! Runs the person's own programs: editors, pagers, shell commands.
//!
//! While one runs, Ctrl-C is meant for it: this program takes no notice, so no letter is lost.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::unix::AsyncFd;

/// Octets that a program's output may have.
const OUTPUT_MAX: u64 = 64 << 20;
/// Octets read at once.
const PIECE: usize = 64 << 10;

/// What Ctrl-C and Ctrl-Backslash send.
fn keys() -> SigSet {
    SigSet::from_iter([Signal::SIGINT, Signal::SIGQUIT])
}

/// Holds back the terminal's signals for good: a person who edits lines gives them as keys, and one
/// that comes between two lines must not end the program and the letter with it.
pub fn hold_signals() {
    // Children begin with no signal held back: the standard library sees to that.
    let _ = keys().thread_block();
}

/// Whether a signal was held back; it is forgotten.
pub fn was_interrupted() -> bool {
    let Ok(pending) = SignalFd::with_flags(&keys(), SfdFlags::SFD_NONBLOCK) else { return false };
    let mut any = false;
    while let Ok(Some(_)) = pending.read_signal() {
        any = true;
    }
    any
}

/// What asks a program to end: the terminal's keys, a terminal that is gone, the system.
fn endings() -> SigSet {
    let mut all = keys();
    all.add(Signal::SIGTERM);
    all.add(Signal::SIGHUP);
    all
}

/// What ends a program while a person types: the keys too, where no editor of lines takes them.
pub fn endings_while_typing(edits: bool) -> SigSet {
    if edits { SigSet::from_iter([Signal::SIGTERM, Signal::SIGHUP]) } else { endings() }
}

/// While this lives, signals that ask the program to end wait: a letter is in hand, and is kept
/// first. Then they do what they always do.
pub struct Ending {
    before: Option<SigSet>,
}

impl Ending {
    /// From now on.
    pub fn awaited() -> Self {
        let before = SigSet::thread_get_mask().ok();
        Self { before: before.filter(|_| endings().thread_block().is_ok()) }
    }

    /// Ready when one has come. Ctrl-C is taken by that: it was for what was under way. The others
    /// stay, and end the program when the letter is kept.
    pub async fn comes(&self) {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let watched = SignalFd::with_flags(&endings(), flags);
        let Some(watched) = watched.ok().and_then(watched_by_runtime) else {
            return std::future::pending().await;
        };
        loop {
            let Ok(mut ready) = watched.readable().await else { continue };
            if let Ok(Some(came)) = watched.get_ref().read_signal() {
                stays(came.ssi_signo);
                return;
            }
            ready.clear_ready();
        }
    }
}

#[expect(deprecated, reason = "the other way is unsafe code; a SignalFd keeps its descriptor")]
fn watched_by_runtime(signals: SignalFd) -> Option<AsyncFd<SignalFd>> {
    AsyncFd::new(signals).ok()
}

/// A signal that was read from its descriptor comes again, unless it was a key.
fn stays(number: u32) {
    let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
    if let Some(signal @ (Signal::SIGTERM | Signal::SIGHUP)) = signal {
        let _ = raise(signal);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = before.thread_set_mask();
        }
    }
}

/// The terminal's signals are held back until this is dropped, and those that came are forgotten.
struct Undisturbed(Option<SigSet>);

impl Undisturbed {
    fn new() -> Self {
        let before = SigSet::thread_get_mask().ok();
        Self(before.filter(|_| keys().thread_block().is_ok()))
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            was_interrupted();
            let _ = before.thread_set_mask();
        }
    }
}

/// Runs a shell command on the terminal.
///
/// # Errors
/// The shell does not start.
pub fn shell(command: &str) -> io::Result<ExitStatus> {
    let _quiet = Undisturbed::new();
    if command.trim().is_empty() {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        return Command::new(shell.unwrap_or_else(|| "/bin/sh".into())).status();
    }
    Command::new("/bin/sh").args(["-c", command]).status()
}

/// Runs the editor, perhaps with options, on a file.
///
/// # Errors
/// The shell does not start, or the editor says that it failed.
pub fn edit(editor: &str, file: &Path) -> io::Result<()> {
    let _quiet = Undisturbed::new();
    let command = format!("{editor} \"$1\"");
    let arguments: [&OsStr; 4] = ["-c".as_ref(), command.as_ref(), "sh".as_ref(), file.as_ref()];
    let status = Command::new("/bin/sh").args(arguments).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{editor} ended with {status}")))
}

/// A shell command that is given its input while it is made; its output is the terminal's.
pub struct Piped {
    child: Child,
    stdin: Option<ChildStdin>,
    _quiet: Undisturbed,
}

impl Piped {
    /// Starts it.
    ///
    /// # Errors
    /// The shell does not start.
    pub fn start(command: &str) -> io::Result<Self> {
        let quiet = Undisturbed::new();
        let mut shell = Command::new("/bin/sh");
        let mut child = shell.args(["-c", command]).stdin(Stdio::piped()).spawn()?;
        Ok(Self { stdin: child.stdin.take(), child, _quiet: quiet })
    }

    /// Ends its input and waits for it; `written` is what giving the input came to. A command that
    /// does not read everything is no error.
    ///
    /// # Errors
    /// That of `written`, or the command is lost.
    pub fn end(mut self, written: io::Result<()>) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        let status = self.child.wait()?;
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(status),
        }
    }
}

impl Write for Piped {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives a shell command the input that `write` writes; its output is the terminal's.
///
/// # Errors
/// The shell does not start, or `write` fails. A command that does not read everything is no error.
pub fn pipe(
    command: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<ExitStatus> {
    let mut piped = Piped::start(command)?;
    let written = write(&mut piped);
    piped.end(written)
}

/// What a shell command says that is given nothing.
///
/// # Errors
/// As [`filter`].
pub fn said(command: &str) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    filter(command, Stdio::null(), &mut |octets| {
        output.extend_from_slice(octets);
        Ok(())
    })?;
    Ok(output)
}

/// Gives `input` to a shell command, and its output to `take`, piece by piece.
///
/// # Errors
/// The shell does not start, the command fails, its output has no end, or `take` fails.
pub fn filter(
    command: &str,
    input: Stdio,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let _quiet = Undisturbed::new();
    let mut shell = Command::new("/bin/sh");
    let mut child = shell.args(["-c", command]).stdin(input).stdout(Stdio::piped()).spawn()?;
    // The pipe is closed when that is over, so that a command that writes on ends too.
    let taken = child.stdout.take().map_or(Ok(()), |out| take_all(out, take));
    let status = child.wait()?;
    taken?;
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    Ok(())
}

fn take_all(mut out: impl Read, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (mut buffer, mut all) = (vec![0; PIECE], 0);
    loop {
        let n = match out.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            n => n?,
        };
        if n == 0 {
            return Ok(());
        }
        all += n as u64;
        if all > OUTPUT_MAX {
            return Err(io::Error::other("it writes without end"));
        }
        take(buffer.get(..n).unwrap_or_default())?;
    }
}

/// The lines and columns of the terminal.
pub fn screen() -> Option<(usize, usize)> {
    let (columns, lines) = ratatui::crossterm::terminal::size().ok()?;
    (lines > 1 && columns > 1).then_some((usize::from(lines), usize::from(columns)))
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    #[test]
    fn programs() {
        let mut typed = tempfile::tempfile().unwrap();
        typed.write_all(b"abc").unwrap();
        typed.rewind().unwrap();
        let mut made = Vec::new();
        let mut take = |octets: &[u8]| {
            made.extend_from_slice(octets);
            Ok(())
        };
        filter("tr a-z A-Z", typed.into(), &mut take).unwrap();
        assert_eq!(made, b"ABC");
        assert_eq!(said("echo x").unwrap(), b"x\n");
        assert!(said("exit 3").unwrap_err().to_string().contains('3'));
        assert!(said("yes").unwrap_err().to_string().contains("without end"));
        // It need not read what it is given.
        assert!(pipe("true", |input| input.write_all(&[b'a'; 1 << 20])).unwrap().success());
        assert!(pipe("cat >/dev/null", |_| Err(io::Error::other("unread"))).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        edit("printf edited >", file.path()).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"edited");
        assert!(edit("false", file.path()).is_err());
    }
}
