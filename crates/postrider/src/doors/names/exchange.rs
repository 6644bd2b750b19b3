//! One question to the name servers, over UDP and TCP: which is asked, how long, how often.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::message::{Query, Reading, UDP_MAX, Wish};

/// Questions in the air at once: each holds a socket.
const OPEN_MAX: usize = 512;
/// Datagrams that are not the reply, per try: past it somebody is guessing.
pub(super) const STRANGERS_MAX: usize = 64;

/// How long the stub waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one reply from one server, in the first round. It grows by as much each round.
    pub reply: Duration,
    /// How often each server is asked.
    pub rounds: u32,
    /// For everything together.
    pub total: Duration,
}

impl Default for Patience {
    /// 2 s for the first reply, 3 rounds, 30 s in all.
    fn default() -> Self {
        Self { reply: Duration::from_secs(2), rounds: 3, total: Duration::from_secs(30) }
    }
}

/// The name servers, and what is known of them.
#[derive(Debug)]
pub(super) struct Exchange {
    servers: Vec<SocketAddr>,
    pub(super) patience: Patience,
    /// Which server answered last: it is asked first.
    favourite: AtomicUsize,
    open: Semaphore,
}

/// Why one server gave no answer.
#[derive(Debug, thiserror::Error)]
enum TryError {
    #[error("no reply")]
    Silent,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl Exchange {
    pub(super) fn new(servers: Vec<SocketAddr>, patience: Patience) -> Self {
        let (favourite, open) = (AtomicUsize::new(0), Semaphore::new(OPEN_MAX));
        Self { servers, patience, favourite, open }
    }

    /// Asks one server after the other until `accept` takes a reply.
    ///
    /// # Errors
    /// What each server said instead.
    pub(super) async fn ask<T>(
        &self,
        query: &Query,
        accept: impl Fn(&Message, SocketAddr) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.servers.is_empty() {
            return Err("no name server is configured".into());
        }
        let deadline = Instant::now() + self.patience.total;
        let Ok(Ok(_permit)) = timeout_at(deadline, self.open.acquire()).await else {
            return Err("too many questions are open".into());
        };
        let mut failures: Vec<Option<TryError>> = self.servers.iter().map(|_| None).collect();
        for round in 1..=self.patience.rounds {
            let wait = self.patience.reply.saturating_mul(round);
            for index in self.order() {
                let (Some(&server), Some(failure)) =
                    (self.servers.get(index), failures.get_mut(index))
                else {
                    continue;
                };
                // Silence may be a lost datagram. A refusal is an answer: asking again is useless.
                if !matches!(failure, None | Some(TryError::Silent)) || Instant::now() >= deadline {
                    continue;
                }
                let until = deadline.min(Instant::now() + wait);
                let reply = ask_one(query, server, until).await;
                let accepted =
                    reply.and_then(|message| accept(&message, server).map_err(TryError::Refused));
                match accepted {
                    Ok(accepted) => {
                        self.favourite.store(index, Ordering::Relaxed);
                        return Ok(accepted);
                    }
                    Err(error) => *failure = Some(error),
                }
            }
        }
        Err(self.say(&failures))
    }

    fn say(&self, failures: &[Option<TryError>]) -> String {
        let said = self.servers.iter().zip(failures).filter_map(|(server, failure)| {
            failure.as_ref().map(|failure| format!("{server}: {failure}"))
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// The servers, the one that answered last before the others.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let favourite = self.favourite.load(Ordering::Relaxed);
        let others = (0..self.servers.len()).filter(move |&index| index != favourite);
        std::iter::once(favourite).chain(others)
    }
}

async fn ask_one(query: &Query, server: SocketAddr, until: Instant) -> Result<Message, TryError> {
    let mut edns = true;
    loop {
        let reading = over_udp(query, server, edns, until).await?;
        let reading = match reading {
            Reading::Truncated => over_tcp(query, server, edns, until).await?,
            reading => reading,
        };
        let refused = |why: &str| Err(TryError::Refused(why.into()));
        match reading {
            Reading::Reply(message) => return Ok(*message),
            // Signatures can be asked for in the extension only.
            Reading::NoEdns if query.wish == Wish::Signatures => {
                return refused("it knows no EDNS, so no DNSSEC");
            }
            // A server from before EDNS: ask again without (RFC 6891 §7).
            Reading::NoEdns if edns => edns = false,
            Reading::NoEdns => return refused("FORMERR"),
            Reading::Refused(why) => return Err(TryError::Refused(why)),
            Reading::Truncated => return refused("cut short even over TCP"),
            Reading::Stranger => return refused("another question"),
        }
    }
}

async fn over_udp(
    query: &Query,
    server: SocketAddr,
    edns: bool,
    until: Instant,
) -> Result<Reading, TryError> {
    let any: SocketAddr =
        if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    // Port 0: the kernel takes a port at random. A connected socket hears this server only.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let id = rand::random();
    socket.send(&query.octets(id, edns)).await?;
    let mut buffer = vec![0; usize::from(UDP_MAX)];
    for _ in 0..STRANGERS_MAX {
        let received = timeout_at(until, socket.recv(&mut buffer));
        let len = received.await.map_err(|_| TryError::Silent)??;
        match query.read(id, buffer.get(..len).unwrap_or_default()) {
            Reading::Stranger => {}
            reading => return Ok(reading),
        }
    }
    Err(TryError::Refused("too many replies to other questions".into()))
}

/// The same question over TCP, two octets of length before each message (RFC 1035 §4.2.2).
async fn over_tcp(
    query: &Query,
    server: SocketAddr,
    edns: bool,
    until: Instant,
) -> Result<Reading, TryError> {
    let id = rand::random();
    let octets = query.octets(id, edns);
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let len = u16::try_from(octets.len()).map_err(io::Error::other)?;
        let mut framed = len.to_be_bytes().to_vec();
        framed.extend_from_slice(&octets);
        stream.write_all(&framed).await?;
        let len = stream.read_u16().await?;
        let mut reply = vec![0; usize::from(len)];
        stream.read_exact(&mut reply).await?;
        Ok::<_, io::Error>(reply)
    };
    // A truncated reply proves the server is there: the transfer gets the full wait again.
    let wait = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(2));
    let reply = timeout(wait, exchange).await.map_err(|_| TryError::Silent)??;
    Ok(query.read(id, &reply))
}
