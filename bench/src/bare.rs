//! The least that a mail server can do: the mark that the others are measured by.
//!
//! One thread over `epoll`. It looks at the first four octets of a command, finds the end of the
//! content, appends it to a log, and answers after one fdatasync for all that wait. As a relay it
//! then gives each letter to the next hop, over a connection for each. It checks nothing, knows no
//! policy, forgets where it was when it stops, and is no mail server.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::{memchr, memmem};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};

use crate::server::{Plan, Starter};
use crate::wire::{Fill, Wire, scratch};

const LISTENER: u64 = u64::MAX;
const END: &[u8] = b"\r\n.\r\n";
/// Room for the log that is asked of the disk at once.
const LOG_LEN: i64 = 1 << 30;

/// How the bare server is started: this program, by another name.
pub struct Bare {
    /// This program.
    pub program: PathBuf,
}

impl Starter for Bare {
    fn name(&self) -> &str {
        "bare"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("bare").arg("--listen").arg(plan.listen.to_string());
        command.arg("--log").arg(plan.folder.join("log"));
        if !plan.paused {
            command.arg("--next-hop").arg(plan.next_hop.to_string());
        }
        Ok(command)
    }
}

/// Serves until the process is told to end.
///
/// # Errors
/// The address is taken, the log cannot be written.
pub fn serve(listen: SocketAddr, log: &Path, next_hop: Option<SocketAddr>) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let log = File::create(log)?;
    nix::fcntl::posix_fallocate(&log, 0, LOG_LEN)?;
    let talks = Vec::new();
    let mut server = Server { epoll, listener, log, next_hop, talks, pending: Vec::new() };
    server.run()
}

/// A connection: to a client, or to the next hop.
enum Talk {
    Client(Client),
    Hop(Hop),
}

struct Client {
    wire: Wire,
    content: bool,
    scanned: usize,
    envelope: Vec<u8>,
    /// Letters that wait for the disk.
    waiting: usize,
    /// What is said after their replies.
    after: Vec<u8>,
    taken: Vec<Letter>,
}

struct Letter {
    envelope: Vec<u8>,
    content: Vec<u8>,
}

/// A letter on its way.
struct Hop {
    wire: Wire,
    letter: Option<Letter>,
    step: u8,
    replies: usize,
}

struct Server {
    epoll: Epoll,
    listener: TcpListener,
    log: File,
    next_hop: Option<SocketAddr>,
    talks: Vec<Option<Talk>>,
    /// Clients whose letters wait for the disk.
    pending: Vec<usize>,
}

impl Server {
    fn run(&mut self) -> io::Result<()> {
        let mut events = vec![EpollEvent::empty(); 256];
        let mut room = scratch();
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => 0,
                count => count?,
            };
            for event in events.iter().take(count) {
                match event.data() {
                    LISTENER => self.accept()?,
                    token => self.serve(token as usize, &mut room),
                }
            }
            self.keep()?;
        }
    }

    fn place(&mut self) -> usize {
        let free = self.talks.iter().position(Option::is_none);
        free.unwrap_or_else(|| {
            self.talks.push(None);
            self.talks.len() - 1
        })
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let token = self.place();
            let mut wire = Wire::new(stream, token as u64, &self.epoll)?;
            wire.out.extend_from_slice(b"220 bare.example ESMTP\r\n");
            // A peer that is gone already is told by the next event.
            let _ = wire.flush(&self.epoll);
            let (envelope, after) = (Vec::new(), Vec::new());
            let client = Client {
                wire,
                content: false,
                scanned: 0,
                envelope,
                waiting: 0,
                after,
                taken: Vec::new(),
            };
            if let Some(place) = self.talks.get_mut(token) {
                *place = Some(Talk::Client(client));
            }
        }
        Ok(())
    }

    fn serve(&mut self, token: usize, room: &mut [u8]) {
        let Some(place) = self.talks.get_mut(token) else { return };
        let alive = match place {
            None => return,
            Some(Talk::Client(client)) => {
                let alive = client.serve(room, &self.epoll);
                if !client.taken.is_empty() && !self.pending.contains(&token) {
                    self.pending.push(token);
                }
                alive || client.waiting > 0
            }
            Some(Talk::Hop(hop)) => hop.serve(room, &self.epoll),
        };
        if !alive && let Some(talk) = place.take() {
            match talk {
                Talk::Client(Client { wire, .. }) | Talk::Hop(Hop { wire, .. }) => {
                    wire.leave(&self.epoll);
                }
            }
        }
    }

    /// One sync for all that wait, and their replies.
    fn keep(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut letters = Vec::new();
        for token in &self.pending {
            if let Some(Some(Talk::Client(client))) = self.talks.get_mut(*token) {
                letters.append(&mut client.taken);
            }
        }
        let mut record = Vec::new();
        for letter in &letters {
            record.extend_from_slice(&(letter.content.len() as u64).to_le_bytes());
            record.extend_from_slice(&letter.envelope);
            record.extend_from_slice(&letter.content);
        }
        self.log.write_all(&record)?;
        self.log.sync_data()?;
        for token in std::mem::take(&mut self.pending) {
            let Some(Some(Talk::Client(client))) = self.talks.get_mut(token) else { continue };
            for _ in 0..std::mem::take(&mut client.waiting) {
                client.wire.out.extend_from_slice(b"250 2.0.0 kept\r\n");
            }
            let after = std::mem::take(&mut client.after);
            client.wire.out.extend_from_slice(&after);
            // A client that is gone is told by the next event.
            let _ = client.wire.flush(&self.epoll);
        }
        match self.next_hop {
            Some(next_hop) => {
                letters.into_iter().try_for_each(|letter| self.send(letter, next_hop))
            }
            None => Ok(()),
        }
    }

    /// Begins to give `letter` to the next hop.
    fn send(&mut self, letter: Letter, next_hop: SocketAddr) -> io::Result<()> {
        let stream = begin(next_hop)?;
        let token = self.place();
        let wire = Wire::new(stream, token as u64, &self.epoll)?;
        let hop = Hop { wire, letter: Some(letter), step: 0, replies: 0 };
        if let Some(place) = self.talks.get_mut(token) {
            *place = Some(Talk::Hop(hop));
        }
        Ok(())
    }
}

/// A connection that is not waited for.
fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(address) = address else {
        return Err(io::Error::other("the next hop needs an IPv4 address"));
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let handle: OwnedFd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    match connect(handle.as_raw_fd(), &SockaddrIn::from(address)) {
        Ok(()) | Err(nix::errno::Errno::EINPROGRESS) => Ok(TcpStream::from(handle)),
        Err(error) => Err(error.into()),
    }
}

impl Client {
    /// False: the client is gone.
    fn serve(&mut self, room: &mut [u8], epoll: &Epoll) -> bool {
        let alive = match self.wire.fill(room) {
            Ok(Fill::Closed) | Err(_) => false,
            Ok(Fill::Some) => self.step(),
            Ok(Fill::Nothing) => true,
        };
        // Also what is said last.
        let flushed = self.wire.flush(epoll).is_ok();
        alive && flushed
    }

    fn step(&mut self) -> bool {
        loop {
            if self.content {
                if !self.content() {
                    return true;
                }
                continue;
            }
            let Some(end) = memchr(b'\n', self.wire.unread()) else { return true };
            let alive = self.command(end);
            self.wire.consume(end + 1);
            if !alive {
                return false;
            }
        }
    }

    /// True: the content is complete.
    fn content(&mut self) -> bool {
        let unread = self.wire.unread();
        let from = self.scanned.saturating_sub(END.len() - 1);
        let Some(place) = memmem::find(unread.get(from..).unwrap_or_default(), END) else {
            self.scanned = unread.len();
            return false;
        };
        let end = from + place + END.len();
        let content = unread.get(..end).unwrap_or_default().to_vec();
        self.taken.push(Letter { envelope: std::mem::take(&mut self.envelope), content });
        self.waiting += 1;
        self.wire.consume(end);
        (self.content, self.scanned) = (false, 0);
        true
    }

    fn command(&mut self, end: usize) -> bool {
        let line = self.wire.unread().get(..=end).unwrap_or_default();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_slice() {
            b"EHLO" => b"250-bare.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n",
            b"MAIL" => {
                self.envelope.clear();
                self.envelope.extend_from_slice(line);
                b"250 2.1.0 ok\r\n"
            }
            b"RCPT" => {
                self.envelope.extend_from_slice(line);
                b"250 2.1.5 ok\r\n"
            }
            b"DATA" => {
                self.content = true;
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"250 2.0.0 ok\r\n",
        };
        // Replies keep their order: what follows a letter waits with it.
        match self.waiting {
            0 => self.wire.out.extend_from_slice(reply),
            _ => self.after.extend_from_slice(reply),
        }
        verb != b"QUIT"
    }
}

impl Hop {
    /// False: the letter is there, or the connection broke.
    fn serve(&mut self, room: &mut [u8], epoll: &Epoll) -> bool {
        let going = match self.wire.fill(room) {
            Ok(Fill::Closed) | Err(_) => false,
            Ok(Fill::Some) => self.step(),
            Ok(Fill::Nothing) => true,
        };
        going && self.wire.flush(epoll).is_ok()
    }

    fn step(&mut self) -> bool {
        while let Some(end) = memchr(b'\n', self.wire.unread()) {
            let line = self.wire.unread().get(..end).unwrap_or_default();
            let (last, good) =
                (line.get(3) != Some(&b'-'), matches!(line.first(), Some(b'2' | b'3')));
            self.wire.consume(end + 1);
            if !last {
                continue;
            }
            if !good {
                return false;
            }
            match (self.step, self.replies) {
                (0, _) => self.say(1, 1, b"EHLO bare.example\r\n"),
                (1, _) => {
                    let mut group = self.letter.as_ref().map(|it| it.envelope.clone());
                    let commands = group.iter().flatten().filter(|octet| **octet == b'\n').count();
                    let group = group.get_or_insert_default();
                    group.extend_from_slice(b"DATA\r\n");
                    self.say(2, commands + 1, group);
                }
                (2, 1) => {
                    let content = self.letter.take().map(|letter| letter.content);
                    self.say(3, 1, &content.unwrap_or_default());
                }
                (2, _) => self.replies -= 1,
                (3, _) => self.say(4, 1, b"QUIT\r\n"),
                _ => return false,
            }
        }
        true
    }

    fn say(&mut self, step: u8, replies: usize, octets: &[u8]) {
        (self.step, self.replies) = (step, replies);
        self.wire.out.extend_from_slice(octets);
    }
}
