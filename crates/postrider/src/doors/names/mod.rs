//! Asks name servers (RFC 1035 §4, §7): a stub that believes what recursive servers tell it.
//!
//! Each question goes out from a socket and with an id of its own, so that a forger has to guess
//! both (RFC 5452 §4); replies to anything else are passed over. Caches, restarts at an alias and
//! what an answer means for mail are left to the engine.

mod message;
mod servers;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::doors::{Doing, Names};
use mail::lookup::{Answer, Question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use message::{Query, Reading};
pub use servers::NameServers;

/// Questions in the air at once: each holds a socket.
const OPEN_MAX: usize = 512;
/// Datagrams that are not the reply, per try: past it somebody is guessing.
const STRANGERS_MAX: usize = 64;

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

/// The stub resolver.
#[derive(Debug)]
pub struct Stub {
    servers: Vec<SocketAddr>,
    patience: Patience,
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

impl Stub {
    /// A stub that asks `servers`, in their order of preference.
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self::with_patience(servers, Patience::default())
    }

    /// The same with other waits.
    pub fn with_patience(servers: Vec<SocketAddr>, patience: Patience) -> Self {
        let (favourite, open) = (AtomicUsize::new(0), Semaphore::new(OPEN_MAX));
        Self { servers, patience, favourite, open }
    }

    async fn resolve(&self, question: &Question) -> Answer {
        if self.servers.is_empty() {
            return Answer::Failed("no name server is configured".into());
        }
        let Some(query) = Query::new(question) else {
            // No server can know a name that cannot be asked for.
            return Answer::NoName { ttl: Duration::ZERO };
        };
        let deadline = Instant::now() + self.patience.total;
        let Ok(Ok(_permit)) = timeout_at(deadline, self.open.acquire()).await else {
            return Answer::Failed("too many questions are open".into());
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
                match self.ask_one(&query, server, until).await {
                    Ok(answer) => {
                        self.favourite.store(index, Ordering::Relaxed);
                        return answer;
                    }
                    Err(error) => *failure = Some(error),
                }
            }
        }
        Answer::Failed(self.say(&failures))
    }

    fn say(&self, failures: &[Option<TryError>]) -> String {
        let said = self.servers.iter().zip(failures).filter_map(|(server, failure)| {
            failure.as_ref().map(|failure| format!("{server}: {failure}"))
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// The servers, the one that answered last before the others.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let favourite = self.favourite.load(Ordering::Relaxed);
        let others = (0..self.servers.len()).filter(move |&index| index != favourite);
        std::iter::once(favourite).chain(others)
    }

    async fn ask_one(
        &self,
        query: &Query,
        server: SocketAddr,
        until: Instant,
    ) -> Result<Answer, TryError> {
        let mut edns = true;
        loop {
            let reading = over_udp(query, server, edns, until).await?;
            let reading = match reading {
                Reading::Truncated => over_tcp(query, server, edns, until).await?,
                reading => reading,
            };
            match reading {
                Reading::Answer(answer) => return Ok(answer),
                // A server from before EDNS: ask again without (RFC 6891 §7).
                Reading::NoEdns if edns => edns = false,
                Reading::NoEdns => return Err(TryError::Refused("FORMERR".into())),
                Reading::Refused(why) => return Err(TryError::Refused(why)),
                Reading::Truncated => {
                    return Err(TryError::Refused("cut short even over TCP".into()));
                }
                Reading::Stranger => return Err(TryError::Refused("another question".into())),
            }
        }
    }
}

impl Names for Stub {
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer> {
        Box::pin(self.resolve(question))
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
    let mut buffer = vec![0; usize::from(message::UDP_MAX)];
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

#[cfg(test)]
mod tests;
