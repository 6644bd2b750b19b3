//! One non-blocking connection: what came and is not read, what is written and not gone.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

/// Octets taken from the socket at once.
const READ_LEN: usize = 64 * 1024;

pub(crate) struct Wire {
    stream: TcpStream,
    token: u64,
    inbox: Vec<u8>,
    read: usize,
    /// To be sent; call [`Wire::flush`] after filling it.
    pub(crate) out: Vec<u8>,
    written: usize,
    blocked: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fill {
    Some,
    Nothing,
    Closed,
}

impl Wire {
    /// Registers `stream` in `epoll` under `token`.
    pub(crate) fn new(stream: TcpStream, token: u64, epoll: &Epoll) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        let (inbox, out) = (Vec::with_capacity(8 * 1024), Vec::with_capacity(8 * 1024));
        Ok(Self { stream, token, inbox, read: 0, out, written: 0, blocked: false })
    }

    /// What came and was not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.inbox.get(self.read..).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.read = (self.read + octets).min(self.inbox.len());
    }

    /// One read; `epoll` tells again if there is more.
    pub(crate) fn fill(&mut self, scratch: &mut [u8]) -> io::Result<Fill> {
        if self.read == self.inbox.len() {
            self.inbox.clear();
            self.read = 0;
        } else if self.read > READ_LEN {
            self.inbox.drain(..self.read);
            self.read = 0;
        }
        match self.stream.read(scratch) {
            Ok(0) => Ok(Fill::Closed),
            Ok(count) => {
                self.inbox.extend_from_slice(scratch.get(..count).unwrap_or_default());
                Ok(Fill::Some)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Fill::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Fill::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Writes what the socket takes; the rest goes when `epoll` says so.
    pub(crate) fn flush(&mut self, epoll: &Epoll) -> io::Result<()> {
        while self.written < self.out.len() {
            match self.stream.write(self.out.get(self.written..).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.watch(epoll, true);
                }
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        self.watch(epoll, false)
    }

    fn watch(&mut self, epoll: &Epoll, blocked: bool) -> io::Result<()> {
        if self.blocked != blocked {
            self.blocked = blocked;
            let flags = match blocked {
                true => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
                false => EpollFlags::EPOLLIN,
            };
            epoll.modify(&self.stream, &mut EpollEvent::new(flags, self.token))?;
        }
        Ok(())
    }

    /// Takes the socket out of `epoll`; dropping it closes it.
    pub(crate) fn leave(self, epoll: &Epoll) {
        // A socket that is gone already has left by itself.
        let _ = epoll.delete(&self.stream);
    }
}

/// Room for [`Wire::fill`], shared by all wires of a thread.
pub(crate) fn scratch() -> Vec<u8> {
    vec![0; READ_LEN]
}
