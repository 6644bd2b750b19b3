//! A slow and careful client: one session, lock-step, every line remembered.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A server that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// Between two tries to reach a server that is starting.
const TRY: Duration = Duration::from_millis(2);

/// A connection to a server.
pub struct Client {
    stream: BufReader<TcpStream>,
    dialogue: Vec<String>,
}

impl Client {
    /// Connects and takes the greeting.
    ///
    /// # Errors
    /// Nobody there, silence, or another greeting than `220`.
    pub fn connect(server: SocketAddr) -> io::Result<Self> {
        Self::greeted_within(server, SILENCE)
    }

    /// Connects and takes the greeting, which must come within `patience`.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn greeted_within(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, SILENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut client = Self { stream: BufReader::new(stream), dialogue: Vec::new() };
        client.reply(b'2')?;
        client.stream.get_ref().set_read_timeout(Some(SILENCE))?;
        Ok(client)
    }

    /// Tries again until the server greets or `patience` is over.
    ///
    /// # Errors
    /// The last failure.
    pub fn connect_within(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let end = Instant::now() + patience;
        loop {
            match Self::connect(server) {
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => std::thread::sleep(TRY),
                connected => return connected,
            }
        }
    }

    /// Sends a command and takes its reply, whose first digit must be `class`.
    ///
    /// # Errors
    /// Another reply, in the error's text; silence; a broken connection.
    pub fn command(&mut self, line: &str, class: u8) -> io::Result<String> {
        self.dialogue.push(format!(">>> {line}"));
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply(class)
    }

    /// An envelope, up to the reply to `DATA`. `parameters` follow the reverse-path as they are.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn envelope(
        &mut self,
        sender: &str,
        parameters: &str,
        recipients: &[&str],
    ) -> io::Result<()> {
        self.command(format!("MAIL FROM:<{sender}> {parameters}").trim_end(), b'2')?;
        for recipient in recipients {
            self.command(&format!("RCPT TO:<{recipient}>"), b'2')?;
        }
        self.command("DATA", b'3')?;
        Ok(())
    }

    /// An envelope in one group (RFC 2920 §3.1), for many recipients.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn envelope_at_once(&mut self, sender: &str, recipients: &[String]) -> io::Result<()> {
        let mut group = format!("MAIL FROM:<{sender}>\r\n");
        recipients.iter().for_each(|path| group.push_str(&format!("RCPT TO:<{path}>\r\n")));
        group.push_str("DATA\r\n");
        self.dialogue.push(format!(">>> MAIL, {} RCPT, DATA", recipients.len()));
        self.stream.get_mut().write_all(group.as_bytes())?;
        for _ in 0..=recipients.len() {
            self.reply(b'2')?;
        }
        self.reply(b'3').map(drop)
    }

    /// The content, with CR LF line ends, and its end; the dots are stuffed here. Returns the reply.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn content(&mut self, content: &[u8]) -> io::Result<String> {
        self.dialogue.push(format!(">>> ({} octets)", content.len()));
        self.stream.get_mut().write_all(&stuffed(content))?;
        self.reply(b'2')
    }

    /// What was said so far, commands marked by `>>>`.
    #[must_use]
    pub fn dialogue(&self) -> &[String] {
        &self.dialogue
    }

    fn reply(&mut self, class: u8) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let last = line.as_bytes().get(3) != Some(&b'-');
            text.push_str(&line);
            self.dialogue.push(line);
            if last {
                break;
            }
            text.push('\n');
        }
        match text.as_bytes().first() {
            Some(first) if *first == class => Ok(text),
            _ => Err(io::Error::other(text)),
        }
    }
}

/// Dots stuffed, and the dot that ends it (RFC 5321 §4.5.2).
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len() + 16);
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[test]
    fn dots() {
        for (content, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(content.as_bytes()), wire.as_bytes());
        }
    }
}
