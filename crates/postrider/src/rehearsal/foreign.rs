//! The other hosts of a case: each does what the case says of it, and remembers what it took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, Listener, Secured, Tls, TlsFailure, TlsWish, Wire};
use mail::TlsFacts;
use parking_lot::Mutex;
use sim::net::Net;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::Instant;

use super::script::Behaviour;

/// One copy of a letter where it arrived.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// Whose it is: an address, or a user here.
    pub(super) to: String,
    /// Since the letter came.
    pub(super) after: Duration,
    /// The message as it arrived.
    pub(super) octets: Vec<u8>,
}

/// What arrived, wherever that was.
#[derive(Clone)]
pub(super) struct Arrivals {
    begins: Instant,
    copies: Arc<Mutex<Vec<Copy>>>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { begins: Instant::now(), copies: Arc::default() }
    }

    pub(super) fn add(&self, to: String, octets: Vec<u8>) {
        let after = Instant::now() - self.begins;
        self.copies.lock().push(Copy { to, after, octets });
    }

    pub(super) fn all(&self) -> Vec<Copy> {
        self.copies.lock().clone()
    }
}

/// A handshake that always succeeds: TLS is no matter of these cases.
pub(super) struct Agreeable;

impl Tls for Agreeable {
    fn accept(&self, wire: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>> {
        Box::pin(async move { Ok(Secured { wire, facts: facts() }) })
    }

    fn connect<'a>(
        &'a self,
        wire: Box<dyn Wire>,
        wish: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>> {
        let peer = wish.server_name.as_ref().map(ToString::to_string);
        Box::pin(async move { Ok(Secured { wire, facts: TlsFacts { peer, ..facts() } }) })
    }

    fn can_accept(&self) -> bool {
        false
    }
}

fn facts() -> TlsFacts {
    let (version, cipher) = ("TLSv1.3".to_owned(), "TLS_AES_128_GCM_SHA256".to_owned());
    TlsFacts { version, cipher, ..TlsFacts::default() }
}

/// A host at `at` begins to serve.
pub(super) fn open(net: &Net, at: SocketAddr, host: &Arc<Foreign>) {
    let listener = net.listen(at);
    tokio::spawn(serve(listener, host.clone()));
}

/// A host.
pub(super) struct Foreign {
    behaviour: Behaviour,
    arrivals: Arrivals,
    refused: Mutex<u32>,
}

impl Foreign {
    pub(super) fn new(behaviour: Behaviour, arrivals: &Arrivals) -> Arc<Self> {
        Arc::new(Self { behaviour, arrivals: arrivals.clone(), refused: Mutex::default() })
    }

    /// The refusal of a recipient, if it is refused now.
    fn refusal(&self) -> Option<String> {
        match &self.behaviour {
            Behaviour::Refuses(reply) => Some(reply.clone()),
            Behaviour::Tempfails(times, reply) => {
                let mut refused = self.refused.lock();
                let again = *refused < *times;
                *refused += u32::from(again);
                again.then(|| reply.clone())
            }
            _ => None,
        }
    }
}

async fn serve(listener: Arc<dyn Listener>, host: Arc<Foreign>) {
    while let Ok(wire) = listener.accept().await {
        let host = host.clone();
        tokio::spawn(async move {
            // A session that breaks off is the other end's business.
            let _ = dialogue(BufReader::new(wire), &host).await;
        });
    }
}

const OFFER: &str = "250-foreign\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-STARTTLS\r\n\
     250-AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER EXTERNAL\r\n250 SIZE 100000000\r\n";

async fn dialogue(mut wire: BufReader<Box<dyn Wire>>, host: &Foreign) -> std::io::Result<()> {
    if host.behaviour == Behaviour::HangsUp {
        return Ok(());
    }
    wire.write_all(b"220 foreign ESMTP\r\n").await?;
    let (mut recipients, mut each) = (Vec::<String>::new(), false);
    let mut line = String::new();
    loop {
        line.clear();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" | "LHLO" => {
                each = verb == "LHLO";
                OFFER.to_owned()
            }
            "STARTTLS" => "220 2.0.0 go on\r\n".to_owned(),
            "AUTH" => login(&mut wire, &line).await?,
            "RCPT" => match host.refusal() {
                Some(reply) => format!("{reply}\r\n"),
                None => {
                    recipients.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                    "250 2.1.5 ok\r\n".to_owned()
                }
            },
            "DATA" if recipients.is_empty() => "503 5.5.1 no recipients\r\n".to_owned(),
            "DATA" => {
                wire.write_all(b"354 go on\r\n").await?;
                let octets = content(&mut wire).await?;
                let replies = if each { recipients.len() } else { 1 };
                for recipient in recipients.drain(..) {
                    host.arrivals.add(recipient, octets.clone());
                }
                "250 2.0.0 taken\r\n".repeat(replies)
            }
            "MAIL" | "RSET" => {
                recipients.clear();
                "250 2.1.0 ok\r\n".to_owned()
            }
            "QUIT" => {
                wire.write_all(b"221 2.0.0 bye\r\n").await?;
                return wire.shutdown().await;
            }
            _ => "250 2.0.0 ok\r\n".to_owned(),
        };
        wire.write_all(reply.as_bytes()).await?;
    }
}

/// Any login is good here; `LOGIN` asks twice, an initial response saves one question.
async fn login(wire: &mut BufReader<Box<dyn Wire>>, command: &str) -> std::io::Result<String> {
    let mut words = command.split_whitespace().skip(1);
    let is_login = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LOGIN"));
    let given = usize::from(words.next().is_some());
    for _ in given..if is_login { 2 } else { 1 } {
        wire.write_all(b"334 \r\n").await?;
        let mut line = String::new();
        wire.read_line(&mut line).await?;
    }
    Ok("235 2.7.0 welcome\r\n".to_owned())
}

async fn content(wire: &mut BufReader<Box<dyn Wire>>) -> std::io::Result<Vec<u8>> {
    let (mut octets, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(octets);
        }
        octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
