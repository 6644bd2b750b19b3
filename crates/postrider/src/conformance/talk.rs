//! One connection to the server that is asked, each wait with its end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::expect::Reply;
use crate::doors::tls;

/// Octets of one reply; who says more in one reply wants to fill our memory.
const REPLY_MAX: usize = 64 * 1024;

/// What carries the octets.
enum Wire {
    Plain(TcpStream),
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// A handshake failed.
    Broken,
}

impl Wire {
    fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Secured(stream) => Some(stream.get_ref()),
            Self::Broken => None,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Secured(stream) => stream.read(into),
            Self::Broken => Ok(0),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Secured(stream) => stream.write(octets),
            Self::Broken => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secured(stream) => stream.flush(),
            Self::Broken => Ok(()),
        }
    }
}

/// A connection.
pub struct Talk {
    wire: Wire,
    inbox: Vec<u8>,
    patience: Duration,
}

impl Talk {
    /// Connects to the first address that answers. `patience` bounds each wait.
    ///
    /// # Errors
    /// None answers.
    pub fn connect(server: &[SocketAddr], patience: Duration) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in server {
            match TcpStream::connect_timeout(address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(patience))?;
                    return Ok(Self { wire: Wire::Plain(stream), inbox: Vec::new(), patience });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Secures the connection, whatever certificate is shown. What the server said before in the
    /// clear and we have not read yet is forgotten, as RFC 3207 §4.2 demands.
    ///
    /// # Errors
    /// The handshake fails or stalls.
    pub fn secure(&mut self) -> io::Result<()> {
        let Wire::Plain(mut stream) = std::mem::replace(&mut self.wire, Wire::Broken) else {
            return Err(io::Error::other("it is secured already"));
        };
        self.inbox.clear();
        stream.set_read_timeout(Some(self.patience))?;
        let config = tls::onlooker().map_err(io::Error::other)?;
        let name = ServerName::try_from("server.invalid").map_err(io::Error::other)?;
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        self.wire = Wire::Secured(Box::new(StreamOwned::new(session, stream)));
        Ok(())
    }

    /// Says octets.
    ///
    /// # Errors
    /// The server hung up, or takes nothing.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.wire.write_all(octets)?;
        self.wire.flush()
    }

    /// The next reply, whole.
    ///
    /// # Errors
    /// It does not come in time, the server hung up, or it is no reply.
    pub fn reply(&mut self) -> io::Result<Reply> {
        self.reply_within(self.patience)
    }

    /// The next reply, if it comes within `wait`.
    ///
    /// # Errors
    /// As [`Self::reply`].
    pub fn reply_within(&mut self, wait: Duration) -> io::Result<Reply> {
        let until = Instant::now() + wait;
        loop {
            if let Some(reply) = self.take()? {
                return Ok(reply);
            }
            if self.read(until)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "it hung up"));
            }
        }
    }

    /// What comes within `wait`; nothing if it stays quiet.
    ///
    /// # Errors
    /// The connection broke.
    pub fn noise(&mut self, wait: Duration) -> io::Result<String> {
        let until = Instant::now() + wait;
        if self.inbox.is_empty() {
            match self.read(until) {
                Ok(0) => return Ok("(it hung up)".to_owned()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(String::new()),
                Err(error) => return Err(error),
            }
        }
        Ok(String::from_utf8_lossy(&self.inbox).trim_end().replace("\r\n", " / "))
    }

    /// Whether it hangs up in time, and says nothing before.
    ///
    /// # Errors
    /// It says something, or waits.
    pub fn closed(&mut self) -> io::Result<()> {
        let until = Instant::now() + self.patience;
        match self.read(until) {
            Ok(0) => Ok(()),
            Ok(_) => Err(io::Error::other("it said more")),
            // Over TLS a peer may hang up without a farewell.
            Err(error) if is_end(error.kind()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether it ends what was secured with a last word, so that nobody else can have cut it
    /// (RFC 8446 §6.1).
    ///
    /// # Errors
    /// It says something, waits, or only hangs up.
    pub fn farewell(&mut self) -> io::Result<()> {
        let until = Instant::now() + self.patience;
        match self.read(until)? {
            0 => Ok(()),
            _ => Err(io::Error::other("it said more")),
        }
    }

    /// Reads once, until `until`.
    fn read(&mut self, until: Instant) -> io::Result<usize> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "nothing came in time"));
        }
        if let Some(socket) = self.wire.socket() {
            socket.set_read_timeout(Some(left))?;
        }
        let mut piece = [0; 4096];
        match self.wire.read(&mut piece) {
            Ok(len) => {
                self.inbox.extend_from_slice(piece.get(..len).unwrap_or_default());
                if self.inbox.len() > REPLY_MAX {
                    return Err(io::Error::other("the reply never ends"));
                }
                Ok(len)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(io::Error::new(ErrorKind::TimedOut, "nothing came in time"))
            }
            Err(error) => Err(error),
        }
    }

    /// A whole reply out of what has come.
    fn take(&mut self) -> io::Result<Option<Reply>> {
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some(len) = self.inbox.get(from..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let line = self.inbox.get(from..from + len).unwrap_or_default();
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            from += len + 1;
            let is_reply =
                line.as_bytes().iter().take(3).filter(|b| b.is_ascii_digit()).count() == 3;
            if !is_reply {
                return Err(io::Error::other(format!("no reply: {line}")));
            }
            let goes_on = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line.into_owned());
            if !goes_on {
                self.inbox.drain(..from);
                return Ok(Some(Reply(lines)));
            }
        }
        Ok(None)
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)
}
