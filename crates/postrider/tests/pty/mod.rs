//! A terminal for tests: a program runs on a pseudo-terminal, lines are typed, and what it shows is
//! waited for. Nothing sleeps: a wait ends when the text is there, and fails at its deadline.

#![allow(dead_code, reason = "each of the tests that use it needs a part")]

mod grid;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};

/// How long a text may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program at its terminal.
pub struct Terminal {
    master: File,
    child: Child,
    /// All that was shown, without the sequences that move the cursor or colour.
    shown: String,
    /// Where the next text is looked for.
    at: usize,
    pending: Vec<u8>,
    raw: Vec<u8>,
    grid: grid::Grid,
}

impl Terminal {
    /// Starts `command` on a terminal of `lines` and `columns`, which is its controlling one.
    ///
    /// # Errors
    /// No terminal can be made, or the program does not start.
    pub fn start(command: &Command, lines: u16, columns: u16) -> io::Result<Self> {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None)?;
        // The program must not hold its own terminal open from the other side.
        fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let mut with = Command::new("setsid");
        with.arg("-c").arg(command.get_program()).args(command.get_args());
        with.env("TERM", "xterm");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => with.env(name, value),
                None => with.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            with.current_dir(folder);
        }
        let slave = File::from(pair.slave);
        let child = with
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave))
            .spawn()?;
        let master = File::from(pair.master);
        let (shown, pending, raw) = (String::new(), Vec::new(), Vec::new());
        let grid = grid::Grid::new(lines, columns);
        Ok(Self { master, child, shown, at: 0, pending, raw, grid })
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes the terminal away, and waits for the end of the program.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn hangs_up(mut self) -> io::Result<ExitStatus> {
        // The last descriptor of the terminal's own end is closed by this.
        self.master = File::open("/dev/null")?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                return Err(io::Error::other("the program does not end"));
            }
            std::thread::yield_now();
        }
    }

    /// Types.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn send(&mut self, keys: &str) -> io::Result<()> {
        self.master.write_all(keys.as_bytes())
    }

    /// Waits until `text` is shown behind what was waited for before; gives what stands between.
    ///
    /// # Errors
    /// It is not shown in time, or the program ended before.
    pub fn expect(&mut self, text: &str) -> io::Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let rest = self.shown.get(self.at..).unwrap_or_default();
            if let Some(found) = rest.find(text) {
                let before = rest.get(..found).unwrap_or_default().to_owned();
                self.at += found + text.len();
                return Ok(before);
            }
            if !self.read_until(end)? {
                let tail = self.shown.get(self.at..).unwrap_or_default();
                let why = format!("{text:?} is not shown, but\n{tail}");
                return Err(io::Error::other(why));
            }
        }
    }

    /// Waits until a line of the screen holds `text`, wherever the cursor went to draw it.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    pub fn see(&mut self, text: &str) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.grid.holds(text) {
            if !self.read_until(end)? {
                let why = format!("{text:?} is not on the screen, but\n{}", self.grid.text());
                return Err(io::Error::other(why));
            }
        }
        Ok(())
    }

    /// Types `keys` again and again until `text` is shown: a key that comes between two lines, when
    /// the terminal is nobody's, may be lost, as people know.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    pub fn insist(&mut self, keys: &str, text: &str) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.send(keys)?;
            let soon = Instant::now() + Duration::from_secs(1);
            loop {
                let rest = self.shown.get(self.at..).unwrap_or_default();
                if let Some(found) = rest.find(text) {
                    self.at += found + text.len();
                    return Ok(());
                }
                if !self.read_until(soon)? {
                    break;
                }
            }
            if Instant::now() >= end {
                return Err(io::Error::other(format!("{text:?} is not shown")));
            }
        }
    }

    /// Types a line and waits for what it shows.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    pub fn say(&mut self, line: &str, text: &str) -> io::Result<String> {
        self.send(line)?;
        self.send("\r")?;
        self.expect(text)
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn ends(&mut self) -> io::Result<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        while self.read_until(end)? {}
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                return Err(io::Error::other("the program does not end"));
            }
            std::thread::yield_now();
        }
    }

    /// All that was shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The octets that reached the terminal.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Reads what comes before `end`. False at the end of the program or of patience.
    fn read_until(&mut self, end: Instant) -> io::Result<bool> {
        let left = end.saturating_duration_since(Instant::now()).as_millis();
        let left = PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX));
        let left = left.map_err(io::Error::other)?;
        let ready = {
            let mut wanted = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            poll(&mut wanted, left)?
        };
        if ready == 0 {
            return Ok(false);
        }
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            // A terminal whose program is gone says so.
            Ok(0) | Err(_) => Ok(false),
            Ok(n) => {
                let octets = buffer.get(..n).unwrap_or_default();
                self.raw.extend_from_slice(octets);
                self.pending.extend_from_slice(octets);
                self.take_text();
                Ok(true)
            }
        }
    }

    /// Moves what is text from what came; sequences that are not whole wait.
    fn take_text(&mut self) {
        let octets = std::mem::take(&mut self.pending);
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            let rest = octets.get(at..).unwrap_or_default();
            let len = match octet {
                0x1b => match sequence(rest) {
                    Some(len) => {
                        self.control(rest.get(..len).unwrap_or_default());
                        len
                    }
                    None => break,
                },
                octet if octet < 0x80 => {
                    self.grid.put(char::from(octet));
                    if !matches!(octet, b'\r' | 0x07) {
                        self.shown.push(char::from(octet));
                    }
                    1
                }
                octet => {
                    let len = octet.leading_ones().clamp(2, 4) as usize;
                    let Some(letter) = rest.get(..len) else { break };
                    let text = String::from_utf8_lossy(letter);
                    text.chars().for_each(|letter| self.grid.put(letter));
                    self.shown.push_str(&text);
                    len
                }
            };
            at += len;
        }
        self.pending = octets.get(at..).unwrap_or_default().to_vec();
    }
}

impl Terminal {
    fn control(&mut self, sequence: &[u8]) {
        let text = String::from_utf8_lossy(sequence);
        if let Some(inner) = text.strip_prefix("\x1b[")
            && let Some(last) = inner.chars().last()
        {
            self.grid.control(inner.get(..inner.len() - last.len_utf8()).unwrap_or_default(), last);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ended already, where the test got that far.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Octets of the escape sequence at the beginning; `None` while it is not whole.
fn sequence(octets: &[u8]) -> Option<usize> {
    match octets.get(1)? {
        b'[' => {
            let parameters =
                octets.get(2..)?.iter().position(|octet| (0x40..=0x7e).contains(octet))?;
            Some(2 + parameters + 1)
        }
        b']' => octets.iter().position(|octet| *octet == 0x07).map(|end| end + 1),
        b'(' | b')' => octets.get(2).map(|_| 3),
        _ => Some(2),
    }
}
