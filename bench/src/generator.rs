//! Sends letters over many sessions at once, as fast as the server answers.
//!
//! One thread. Lock-step waits for each reply; pipelined sends `MAIL`, `RCPT` and `DATA` in one
//! write and then the content together with the next letter's commands in another (RFC 2920 §3.1).
//! Each reply is checked. A session whose connection breaks is over; the others go on.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memchr;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};

use crate::cost::thread_cpu;
use crate::ledger::Ledger;
use crate::letter::Template;
use crate::wire::{Fill, Wire, scratch};

/// A server that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// Replies kept word for word for the report.
const COMPLAINTS: usize = 5;

/// How a session talks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A command, then its reply.
    LockStep,
    /// Groups of commands.
    Pipelined,
}

impl Mode {
    /// As a word for the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LockStep => "lock-step",
            Self::Pipelined => "pipelined",
        }
    }
}

/// What to send, and to whom.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub target: SocketAddr,
    /// Connections, all open from the beginning.
    pub sessions: usize,
    /// Sequence numbers to send.
    pub letters: Range<u32>,
    /// Octets of each.
    pub size: usize,
    /// How to talk.
    pub mode: Mode,
    /// Reverse-path, without angle brackets.
    pub sender: String,
    /// Forward-paths, without angle brackets: each letter has one, in turn.
    pub recipients: Vec<String>,
}

/// What came of it; the letters themselves are in the ledger.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Letters answered by something else than `250`.
    pub refused: u64,
    /// Sessions that ended before their time.
    pub broken: u64,
    /// The first unexpected replies and broken connections.
    pub complaints: Vec<String>,
    /// Cost of the generator's thread.
    pub cpu: Duration,
    /// From the first connection to the last reply.
    pub elapsed: Duration,
}

/// Sends the whole load and returns when each letter is answered or its session is over.
///
/// # Errors
/// The server cannot be reached at all, or `epoll` fails.
pub fn run(load: &Load, ledger: &Arc<Ledger>) -> io::Result<Sent> {
    let begin = (Instant::now(), thread_cpu());
    let first = load.recipients.first().map(String::as_str).unwrap_or_default();
    let command = |recipient: &String| format!("RCPT TO:<{recipient}>\r\n").into_bytes();
    let mut generator = Generator {
        epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
        template: Template::new(&load.sender, first, load.size),
        mail: format!("MAIL FROM:<{}>\r\n", load.sender).into_bytes(),
        rcpt: load.recipients.iter().map(command).collect(),
        mode: load.mode,
        left: load.letters.clone(),
        ledger,
        sent: Sent::default(),
    };
    let mut sessions = Vec::with_capacity(load.sessions);
    for token in 0..load.sessions {
        let stream = TcpStream::connect_timeout(&load.target, SILENCE)?;
        let wire = Wire::new(stream, token as u64, &generator.epoll)?;
        let expected = VecDeque::from([Expected::Greeting]);
        sessions.push(Some(Session { wire, expected, letter: None, spoiled: false }));
    }
    generator.serve(&mut sessions)?;
    generator.sent.elapsed = begin.0.elapsed();
    generator.sent.cpu = thread_cpu().saturating_sub(begin.1);
    Ok(generator.sent)
}

/// The reply that must come next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Taken(u32),
    Reset,
    Quit,
}

impl Expected {
    fn code(self) -> &'static [u8] {
        match self {
            Self::Greeting => b"220",
            Self::Data => b"354",
            Self::Quit => b"221",
            _ => b"250",
        }
    }
}

struct Session {
    wire: Wire,
    expected: VecDeque<Expected>,
    /// The letter whose envelope is being given.
    letter: Option<u32>,
    /// A command of this envelope was refused.
    spoiled: bool,
}

struct Generator<'a> {
    epoll: Epoll,
    template: Template,
    mail: Vec<u8>,
    rcpt: Vec<Vec<u8>>,
    mode: Mode,
    left: Range<u32>,
    ledger: &'a Arc<Ledger>,
    sent: Sent,
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Going {
    On,
    Over,
}

impl Generator<'_> {
    fn serve(&mut self, sessions: &mut [Option<Session>]) -> io::Result<()> {
        let mut events = vec![EpollEvent::empty(); 256];
        let mut room = scratch();
        let mut open = sessions.len();
        while open > 0 {
            let silence = EpollTimeout::try_from(SILENCE).unwrap_or(EpollTimeout::NONE);
            let count = match self.epoll.wait(&mut events, silence) {
                Ok(0) => {
                    self.sent.broken += open as u64;
                    self.complain(format!("{open} sessions silent for {SILENCE:?}"));
                    return Ok(());
                }
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in events.iter().take(count) {
                let Some(place) = sessions.get_mut(event.data() as usize) else { continue };
                let Some(session) = place else { continue };
                if self.event(session, &mut room) == Going::On {
                    continue;
                }
                if let Some(session) = place.take() {
                    session.wire.leave(&self.epoll);
                    open -= 1;
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, session: &mut Session, room: &mut [u8]) -> Going {
        let going = match session.wire.fill(room) {
            Ok(Fill::Some) => self.replies(session),
            Ok(Fill::Nothing) => Ok(Going::On),
            Ok(Fill::Closed) => Err("closed by the server".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let flushed = session.wire.flush(&self.epoll).map_err(|error| error.to_string());
        match going.and_then(|going| flushed.map(|()| going)) {
            Ok(going) => going,
            Err(why) => {
                self.sent.broken += 1;
                self.complain(format!("{why}, waiting for {:?}", session.expected.front()));
                Going::Over
            }
        }
    }

    /// Handles each complete reply.
    fn replies(&mut self, session: &mut Session) -> Result<Going, String> {
        loop {
            let unread = session.wire.unread();
            let Some(end) = memchr(b'\n', unread) else { return Ok(Going::On) };
            let line = unread.get(..end).unwrap_or_default();
            let last = line.get(3) != Some(&b'-');
            let Some(expected) = session.expected.front().copied() else {
                return Err(format!("unasked: {}", String::from_utf8_lossy(line)));
            };
            let good = line.starts_with(expected.code());
            let text = (!good).then(|| String::from_utf8_lossy(line).trim_end().to_owned());
            session.wire.consume(end + 1);
            if !last {
                continue;
            }
            session.expected.pop_front();
            if let Some(text) = text {
                self.refused(session, expected, text)?;
            } else if self.next(session, expected) == Going::Over {
                return Ok(Going::Over);
            }
        }
    }

    /// Goes on after the reply that was expected.
    fn next(&mut self, session: &mut Session, seen: Expected) -> Going {
        match seen {
            Expected::Greeting => {
                session.wire.out.extend_from_slice(b"EHLO bench.example\r\n");
                session.expected.push_back(Expected::Ehlo);
            }
            Expected::Ehlo | Expected::Reset => self.envelope(session),
            Expected::Mail if self.mode == Mode::LockStep => {
                let recipient = self.recipient(session.letter);
                session.wire.out.extend_from_slice(recipient);
                session.expected.push_back(Expected::Rcpt);
            }
            Expected::Rcpt if self.mode == Mode::LockStep => {
                session.wire.out.extend_from_slice(b"DATA\r\n");
                session.expected.push_back(Expected::Data);
            }
            Expected::Mail | Expected::Rcpt => {}
            Expected::Data if session.spoiled => {
                self.sent.broken += 1;
                self.complain("354 although the envelope was refused".to_owned());
                return Going::Over;
            }
            Expected::Data => self.content(session),
            Expected::Taken(sequence) => {
                self.ledger.accepted(sequence);
                if self.mode == Mode::LockStep {
                    self.envelope(session);
                }
            }
            Expected::Quit => return Going::Over,
        }
        Going::On
    }

    /// Starts the next letter, or says goodbye.
    fn envelope(&mut self, session: &mut Session) {
        session.letter = self.left.next();
        session.spoiled = false;
        let recipient = self.recipient(session.letter);
        let out = &mut session.wire.out;
        if session.letter.is_none() {
            out.extend_from_slice(b"QUIT\r\n");
            session.expected.push_back(Expected::Quit);
            return;
        }
        out.extend_from_slice(&self.mail);
        session.expected.push_back(Expected::Mail);
        if self.mode == Mode::Pipelined {
            out.extend_from_slice(recipient);
            out.extend_from_slice(b"DATA\r\n");
            session.expected.extend([Expected::Rcpt, Expected::Data]);
        }
    }

    /// The command that names the recipient of `letter`.
    fn recipient(&self, letter: Option<u32>) -> &[u8] {
        let turn = letter.unwrap_or_default() as usize % self.rcpt.len().max(1);
        self.rcpt.get(turn).map(Vec::as_slice).unwrap_or_default()
    }

    fn content(&mut self, session: &mut Session) {
        let Some(sequence) = session.letter.take() else { return };
        self.ledger.sent(sequence);
        self.template.write(self.ledger.number(sequence), &mut session.wire.out);
        session.expected.push_back(Expected::Taken(sequence));
        if self.mode == Mode::Pipelined {
            self.envelope(session);
        }
    }

    /// An unexpected reply: the letter is refused, the session goes on where it can.
    fn refused(
        &mut self,
        session: &mut Session,
        expected: Expected,
        text: String,
    ) -> Result<(), String> {
        let fatal = text.starts_with("421")
            || matches!(expected, Expected::Greeting | Expected::Ehlo | Expected::Reset);
        if fatal {
            return Err(text);
        }
        self.complain(format!("{expected:?}: {text}"));
        match expected {
            Expected::Taken(_) => {
                self.sent.refused += 1;
                if self.mode == Mode::LockStep {
                    self.envelope(session);
                }
            }
            Expected::Mail | Expected::Rcpt if self.mode == Mode::Pipelined => {
                session.spoiled = true;
            }
            // In a group the reply to DATA is the last: only now the way is free again.
            _ => {
                self.sent.refused += 1;
                session.letter = None;
                session.wire.out.extend_from_slice(b"RSET\r\n");
                session.expected.push_back(Expected::Reset);
            }
        }
        Ok(())
    }

    fn complain(&mut self, text: String) {
        if self.sent.complaints.len() < COMPLAINTS {
            self.sent.complaints.push(text);
        }
    }
}
