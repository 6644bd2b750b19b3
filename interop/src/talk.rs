//! A client that says whatever it is told, also what no client should: every octet is the play's.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

/// A server that says nothing, or takes nothing, for so long has failed.
const SILENCE: Duration = Duration::from_secs(30);
/// The most that is read of what comes after the replies that were asked for.
const REST: u64 = 16 << 20;

/// A connection to a server.
pub struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// Connects and takes the greeting, whatever it is; returns it.
    ///
    /// # Errors
    /// Nobody there, or silence.
    pub fn greeted(server: SocketAddr) -> io::Result<(Self, String)> {
        Self::over(TcpStream::connect_timeout(&server, SILENCE)?)
    }

    /// The same from this address of the loopback: servers see another client.
    ///
    /// # Errors
    /// As [`Self::greeted`].
    pub fn greeted_from(client: Ipv4Addr, server: SocketAddr) -> io::Result<(Self, String)> {
        let kind = (AddressFamily::Inet, SockType::Stream);
        let socket = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, None)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(client, 0)))?;
        let SocketAddr::V4(server) = server else {
            return Err(io::Error::other("the server has no IPv4 address"));
        };
        connect(socket.as_raw_fd(), &SockaddrIn::from(server))?;
        Self::over(TcpStream::from(socket))
    }

    fn over(stream: TcpStream) -> io::Result<(Self, String)> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut talk = Self { stream: BufReader::new(stream) };
        let greeting = talk.reply()?;
        Ok((talk, greeting))
    }

    /// Connects and says EHLO.
    ///
    /// # Errors
    /// As [`Self::greeted`], or the server does not want us.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let (mut talk, greeting) = Self::greeted(server)?;
        wanted(&greeting, "220")?;
        talk.must("EHLO client.example", "250")?;
        Ok(talk)
    }

    /// The socket, for what needs it bare.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// The connection is broken, or the server takes nothing.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Sends a line and takes the reply to it.
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::reply`].
    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a line whose reply must begin with `code`.
    ///
    /// # Errors
    /// As [`Self::ask`], or another reply.
    pub fn must(&mut self, line: &str, code: &str) -> io::Result<String> {
        let reply = self.ask(line)?;
        wanted(&reply, code).map_err(|error| io::Error::other(format!("{line}: {error}")))?;
        Ok(reply)
    }

    /// An envelope, up to the 354.
    ///
    /// # Errors
    /// As [`Self::must`].
    pub fn envelope(&mut self, recipient: &str) -> io::Result<()> {
        self.must("MAIL FROM:<writer@client.example>", "250")?;
        self.must(&format!("RCPT TO:<{recipient}>"), "250")?;
        self.must("DATA", "354")?;
        Ok(())
    }

    /// A proper short letter with that subject; the reply to it.
    ///
    /// # Errors
    /// As [`Self::must`], save that any reply to the content is returned.
    pub fn letter(&mut self, recipient: &str, subject: &str) -> io::Result<String> {
        self.envelope(recipient)?;
        self.ask(&format!("Subject: {subject}\r\n\r\nGood.\r\n."))
    }

    /// The next reply, its lines joined by LF.
    ///
    /// # Errors
    /// Silence, or the connection ended.
    pub fn reply(&mut self) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            text.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(text);
            }
            text.push('\n');
        }
    }

    /// All that the server says until it closes; a reset is a close.
    ///
    /// # Errors
    /// It does not close.
    pub fn rest(&mut self) -> io::Result<String> {
        let mut octets = Vec::new();
        match self.stream.by_ref().take(REST).read_to_end(&mut octets) {
            Ok(_) => {}
            Err(error) if broken(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// Ends the connection with a reset: what was not read yet is lost on both sides.
    pub fn reset(self) {
        // Without the option it is an ordinary end, and the check says so.
        let _ = nix::sys::socket::setsockopt(
            self.socket(),
            nix::sys::socket::sockopt::Linger,
            &nix::libc::linger { l_onoff: 1, l_linger: 0 },
        );
    }

    /// Says that nothing more is sent.
    pub fn finish_sending(&self) {
        // A connection that is gone sends nothing either.
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}

/// Whether the peer ended the connection without goodbye.
pub fn broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// `Ok` if `reply` begins with `code`.
///
/// # Errors
/// The reply.
pub fn wanted(reply: &str, code: &str) -> io::Result<()> {
    if reply.starts_with(code) {
        return Ok(());
    }
    Err(io::Error::other(format!("{reply:?} instead of {code}")))
}
