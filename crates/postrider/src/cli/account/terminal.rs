//! Asks for a password at the terminal without showing it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use smtp::sasl::Secret;
use zeroize::Zeroizing;

/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;
/// Octets of a line: more than any password has.
const LINE_MAX: usize = 1024;

/// Puts the terminal back as it was.
struct Restored<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// Asks, and reads a line that is not shown. Ctrl-C ends the line and the question: a signal would
/// leave the terminal mute.
///
/// # Errors
/// Without a terminal, at its end, or when interrupted.
pub(super) fn ask(prompt: &str) -> io::Result<Secret> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
    quiet.local_flags.insert(LocalFlags::ICANON | LocalFlags::ECHONL);
    if let Some(end) = quiet.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
        *end = INTERRUPT;
    }
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &quiet)?;
    let restored = Restored { terminal: &terminal, before };
    let mut out = &terminal;
    out.write_all(prompt.as_bytes())?;
    let mut line = Zeroizing::new([0; LINE_MAX]);
    let mut input = &terminal;
    let len = input.read(line.as_mut_slice())?;
    drop(restored);
    let line = line.get(..len).unwrap_or_default();
    let interrupted = || {
        // The line is not ended on the screen.
        let _ = (&terminal).write_all(b"\n");
        io::Error::from(io::ErrorKind::Interrupted)
    };
    match line.split_last() {
        Some((b'\n', line)) => std::str::from_utf8(line)
            .map(Secret::new)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
        Some(_) => Err(interrupted()),
    }
}
