//! A server that takes everything and keeps nothing but the number and the moment.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use memchr::{memchr, memmem};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::cost::thread_cpu;
use crate::ledger::Ledger;
use crate::letter::Number;
use crate::wire::{Fill, Wire, scratch};

const LISTENER: u64 = u64::MAX;
const END: &[u8] = b"\r\n.\r\n";
/// A letter past this is not kept whole while its end is awaited.
const KEEP_LEN: usize = 256 * 1024;
/// How often the thread looks whether it shall stop.
const LOOK_MS: u16 = 100;

/// A running sink; dropping it stops it.
pub struct Sink {
    address: SocketAddr,
    ledger: Arc<Mutex<Arc<Ledger>>>,
    changed: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
    cpu: Arc<Mutex<Duration>>,
}

impl Sink {
    /// Listens at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// The address is taken or the thread cannot start.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let ledger = Arc::new(Mutex::new(Arc::new(Ledger::new(0))));
        let (changed, stop) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let cpu = Arc::new(Mutex::new(Duration::ZERO));
        let mut server = Server {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            listener,
            sessions: Vec::new(),
            current: Arc::new(Ledger::new(0)),
        };
        let shared = (ledger.clone(), changed.clone(), stop.clone(), cpu.clone());
        let thread = std::thread::Builder::new()
            .name("sink".into())
            .spawn(move || server.run(&shared.0, &shared.1, &shared.2, &shared.3))?;
        Ok(Self { address, ledger, changed, stop, thread: Some(thread), cpu })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on letters are noted in `ledger`.
    pub fn open(&self, ledger: &Arc<Ledger>) {
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(ledger);
        self.changed.store(true, Ordering::Release);
    }

    /// What its thread has cost so far; at most a tenth of a second old.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        *self.cpu.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Its failure was seen as letters that never arrived.
            let _ = thread.join();
        }
    }
}

struct Session {
    wire: Wire,
    content: bool,
    /// Octets of the unread content that hold no end.
    scanned: usize,
    number: Option<Number>,
    /// Of the open transaction.
    recipients: u64,
}

struct Server {
    epoll: Epoll,
    listener: TcpListener,
    sessions: Vec<Option<Session>>,
    current: Arc<Ledger>,
}

impl Server {
    fn run(
        &mut self,
        ledger: &Mutex<Arc<Ledger>>,
        changed: &AtomicBool,
        stop: &AtomicBool,
        cpu: &Mutex<Duration>,
    ) -> io::Result<()> {
        self.epoll.add(&self.listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        let mut events = vec![EpollEvent::empty(); 256];
        let mut room = scratch();
        let mut rounds = 0_u32;
        while !stop.load(Ordering::Acquire) {
            let count = match self.epoll.wait(&mut events, EpollTimeout::from(LOOK_MS)) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            rounds = rounds.wrapping_add(1);
            if count == 0 || rounds.is_multiple_of(256) {
                *cpu.lock().unwrap_or_else(PoisonError::into_inner) = thread_cpu();
            }
            if changed.swap(false, Ordering::Acquire) {
                self.current = ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
            }
            for event in events.iter().take(count) {
                match event.data() {
                    LISTENER => self.accept()?,
                    token => self.serve(token as usize, &mut room),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let free = self.sessions.iter().position(Option::is_none);
            let token = free.unwrap_or(self.sessions.len());
            let mut wire = Wire::new(stream, token as u64, &self.epoll)?;
            wire.out.extend_from_slice(b"220 sink.example ESMTP\r\n");
            // A peer that is gone already is told by the next event.
            let _ = wire.flush(&self.epoll);
            let session =
                Some(Session { wire, content: false, scanned: 0, number: None, recipients: 0 });
            match self.sessions.get_mut(token) {
                Some(place) => *place = session,
                None => self.sessions.push(session),
            }
        }
        Ok(())
    }

    fn serve(&mut self, token: usize, room: &mut [u8]) {
        let Some(place) = self.sessions.get_mut(token) else { return };
        let Some(session) = place else { return };
        let alive = match session.wire.fill(room) {
            Ok(Fill::Closed) | Err(_) => false,
            Ok(Fill::Some) => session.step(&self.current),
            Ok(Fill::Nothing) => true,
        };
        let flushed = session.wire.flush(&self.epoll).is_ok();
        if !(alive && flushed)
            && let Some(session) = place.take()
        {
            session.wire.leave(&self.epoll);
        }
    }
}

impl Session {
    /// Handles all that has come; false: the peer said QUIT.
    fn step(&mut self, ledger: &Ledger) -> bool {
        loop {
            if self.content {
                if !self.content(ledger) {
                    return true;
                }
            } else {
                let Some(end) = memchr(b'\n', self.wire.unread()) else { return true };
                let alive = self.command(end);
                self.wire.consume(end + 1);
                if !alive {
                    return false;
                }
            }
        }
    }

    /// True: the content is complete.
    fn content(&mut self, ledger: &Ledger) -> bool {
        let unread = self.wire.unread();
        // An end may have come in two pieces; an empty content starts with it (`.` after DATA).
        let from = self.scanned.saturating_sub(END.len() - 1);
        let found = match unread.starts_with(b".\r\n") && self.scanned == 0 {
            true => Some(3),
            false => memmem::find(unread.get(from..).unwrap_or_default(), END)
                .map(|place| from + place + END.len()),
        };
        if self.number.is_none() {
            self.number =
                Number::find(unread.get(..found.unwrap_or(unread.len())).unwrap_or(unread));
        }
        let length = unread.len();
        let Some(end) = found else {
            self.scanned = length;
            if length > KEEP_LEN {
                self.wire.consume(length - (END.len() - 1));
                self.scanned = END.len() - 1;
            }
            return false;
        };
        ledger.arrive(self.number.take());
        ledger.reach(std::mem::take(&mut self.recipients));
        self.wire.consume(end);
        (self.content, self.scanned) = (false, 0);
        self.wire.out.extend_from_slice(b"250 2.0.0 taken\r\n");
        true
    }

    fn command(&mut self, end: usize) -> bool {
        let line = self.wire.unread().get(..end).unwrap_or_default();
        let mut verb = [0; 4];
        for (to, from) in verb.iter_mut().zip(line) {
            *to = from.to_ascii_uppercase();
        }
        let reply: &[u8] = match &verb {
            b"EHLO" => {
                b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n\
                  250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n"
            }
            b"HELO" => b"250 sink.example\r\n",
            b"MAIL" => b"250 2.1.0 ok\r\n",
            b"RCPT" => {
                self.recipients += 1;
                b"250 2.1.5 ok\r\n"
            }
            b"RSET" => {
                self.recipients = 0;
                b"250 2.0.0 ok\r\n"
            }
            b"NOOP" => b"250 2.0.0 ok\r\n",
            b"DATA" => {
                self.content = true;
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"502 5.5.1 unknown\r\n",
        };
        self.wire.out.extend_from_slice(reply);
        &verb != b"QUIT"
    }
}
