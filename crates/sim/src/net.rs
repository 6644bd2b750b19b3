//! The network of a world: connections with delay, cut into pieces, reset in the middle; hosts that
//! are down and hosts that swallow everything.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use engine::doors::{Doing, Listener, Network, Wire};
use parking_lot::Mutex;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::mpsc;

use crate::laws::MARK;
use crate::tracks::Tracks;
use crate::world::Chance;

/// Octets under way in one direction.
const WINDOW: usize = 16 * 1024;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The longest delay of a piece.
    pub delay: Duration,
    /// One connection in so many is reset in the middle; 0: none.
    pub reset_one_in: u64,
    /// Octets of one piece at most; pieces are cut at random below it.
    pub piece: u64,
}

impl Weather {
    /// Short delays, whole pieces, no resets.
    pub const FAIR: Self =
        Self { delay: Duration::from_millis(2), reset_one_in: 0, piece: 64 * 1024 };
}

/// The letter that a connection carries just now, and 0 before the first.
type Cargo = Arc<AtomicU64>;

/// What can be done to an open connection from outside.
struct Cut {
    from: IpAddr,
    to: IpAddr,
    reset: Arc<AtomicBool>,
    now: Arc<tokio::sync::Notify>,
    cargo: Cargo,
}

struct State {
    listeners: BTreeMap<SocketAddr, mpsc::Sender<Box<dyn Wire>>>,
    down: BTreeSet<IpAddr>,
    silent: BTreeSet<IpAddr>,
    cuts: BTreeMap<u64, Cut>,
    /// Connections that a host has open to another, now and at most.
    calls: BTreeMap<(IpAddr, IpAddr), (usize, usize)>,
    /// The same over all others.
    all_calls: BTreeMap<IpAddr, (usize, usize)>,
    connections: u64,
    resets: u64,
    weather: Weather,
}

/// The network.
#[derive(Clone)]
pub struct Net {
    state: Arc<Mutex<State>>,
    chance: Chance,
    port: Arc<AtomicU16>,
    tracks: Tracks,
}

impl Net {
    /// A network without hosts.
    pub fn new(chance: Chance, weather: Weather, tracks: &Tracks) -> Self {
        let state = State {
            listeners: BTreeMap::new(),
            down: BTreeSet::new(),
            silent: BTreeSet::new(),
            cuts: BTreeMap::new(),
            calls: BTreeMap::new(),
            all_calls: BTreeMap::new(),
            connections: 0,
            resets: 0,
            weather,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            chance,
            port: Arc::new(AtomicU16::new(20_000)),
            tracks: tracks.clone(),
        }
    }

    /// The weather of connections that open from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.state.lock().weather = weather;
    }

    /// The network as the host with `addresses` sees it.
    pub fn at(&self, addresses: Vec<IpAddr>) -> HostNet {
        HostNet { net: self.clone(), addresses }
    }

    /// Refuse connections to `address`, or take them again.
    pub fn set_down(&self, address: IpAddr, down: bool) {
        let mut state = self.state.lock();
        let _ = if down { state.down.insert(address) } else { state.down.remove(&address) };
    }

    /// Swallow everything sent to `address`: connections neither open nor fail.
    pub fn set_silent(&self, address: IpAddr, silent: bool) {
        let mut state = self.state.lock();
        let _ = if silent { state.silent.insert(address) } else { state.silent.remove(&address) };
    }

    /// The host with `addresses` is gone: its listeners close, its connections are reset.
    pub fn crash(&self, addresses: &[IpAddr]) {
        let mut state = self.state.lock();
        state.listeners.retain(|at, _| !addresses.contains(&at.ip()));
        let (gone, stay): (BTreeMap<_, _>, _) = std::mem::take(&mut state.cuts)
            .into_iter()
            .partition(|(_, cut)| addresses.contains(&cut.from) || addresses.contains(&cut.to));
        state.cuts = stay;
        for cut in gone.into_values() {
            cut.reset.store(true, Ordering::Relaxed);
            cut.now.notify_one();
            self.tracks.broke(cut.cargo.load(Ordering::Relaxed));
        }
    }

    /// Connections so far, and how many of them were reset by the weather.
    pub fn figures(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.connections, state.resets)
    }

    /// How many connections `from` had open to `to` at once, at most.
    pub fn most_calls(&self, from: IpAddr, to: IpAddr) -> usize {
        self.state.lock().calls.get(&(from, to)).map_or(0, |(_, most)| *most)
    }

    /// How many connections `from` had open at once, at most.
    pub fn most_of_all_calls(&self, from: IpAddr) -> usize {
        self.state.lock().all_calls.get(&from).map_or(0, |(_, most)| *most)
    }

    /// Begins to listen.
    pub fn listen(&self, at: SocketAddr) -> Arc<dyn Listener> {
        let (sender, receiver) = mpsc::channel(128);
        self.state.lock().listeners.insert(at, sender);
        Arc::new(SimListener { at, incoming: tokio::sync::Mutex::new(receiver) })
    }

    async fn connect(&self, from: IpAddr, to: SocketAddr) -> io::Result<Box<dyn Wire>> {
        let (listener, weather, silent) = {
            let state = self.state.lock();
            let listener =
                state.listeners.get(&to).filter(|_| !state.down.contains(&to.ip())).cloned();
            (listener, state.weather, state.silent.contains(&to.ip()))
        };
        if silent {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.pause(weather)).await;
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = listener.ok_or_else(refused)?;
        let from = SocketAddr::new(from, self.port.fetch_add(1, Ordering::Relaxed).max(20_000));
        let (client, server) = self.pair(from, to, weather);
        listener.send(server).await.map_err(|_| refused())?;
        Ok(client)
    }

    fn pause(&self, weather: Weather) -> Duration {
        Duration::from_micros(self.chance.below(weather.delay.as_micros() as u64 + 1))
    }

    fn pair(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        weather: Weather,
    ) -> (Box<dyn Wire>, Box<dyn Wire>) {
        let reset = Arc::new(AtomicBool::new(false));
        let cut = Arc::new(tokio::sync::Notify::new());
        let cargo = Cargo::default();
        let (client, client_far) = duplex(WINDOW);
        let (server, server_far) = duplex(WINDOW);
        let number = {
            let mut state = self.state.lock();
            state.connections += 1;
            let number = state.connections;
            let (reset, now, cargo) = (reset.clone(), cut.clone(), cargo.clone());
            state.cuts.insert(number, Cut { from: from.ip(), to: to.ip(), reset, now, cargo });
            number
        };
        let doomed = self.chance.once_in(weather.reset_one_in);
        let life = doomed.then(|| self.chance.below(6_000));
        let chance = self.chance.branch();
        let ends = [from.ip(), to.ip()];
        let carrier = Carrier { net: self.clone(), weather, chance, life, ends, cargo };
        let reset_flag = reset.clone();
        tokio::spawn(async move {
            let net = carrier.net.clone();
            tokio::select! {
                biased;
                () = cut.notified() => {}
                was_reset = carrier.carry(client_far, server_far) => if was_reset {
                    reset_flag.store(true, Ordering::Relaxed);
                    net.state.lock().resets += 1;
                    net.tracks.broke(carrier.cargo.load(Ordering::Relaxed));
                },
            }
            net.state.lock().cuts.remove(&number);
        });
        let wire = |stream, local, peer, call| {
            Box::new(SimWire { _call: call, stream, local, peer, reset: reset.clone() })
        };
        let call = Call::begin(self, from.ip(), to.ip());
        (wire(client, from, to, Some(call)), wire(server, to, from, None))
    }
}

/// Moves octets between the two ends of a connection.
struct Carrier {
    net: Net,
    weather: Weather,
    chance: Chance,
    /// Octets until the connection is reset.
    life: Option<u64>,
    ends: [IpAddr; 2],
    cargo: Cargo,
}

/// Looks for the marks of letters in octets that pass in pieces.
#[derive(Default)]
struct Sight {
    line: Vec<u8>,
}

impl Sight {
    /// The number of the last letter whose mark ends in these octets.
    fn see(&mut self, octets: &[u8]) -> Option<u64> {
        let mut seen = None;
        for octet in octets {
            match octet {
                b'\n' => {
                    seen = number(&self.line).or(seen);
                    self.line.clear();
                }
                // No mark is as long as this.
                _ if self.line.len() < 64 => self.line.push(*octet),
                _ => {}
            }
        }
        seen
    }
}

fn number(line: &[u8]) -> Option<u64> {
    let value = line.strip_prefix(MARK.as_bytes())?.strip_prefix(b": ")?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

impl Carrier {
    /// True when the connection was reset.
    async fn carry(&self, a: DuplexStream, b: DuplexStream) -> bool {
        let carried = std::sync::atomic::AtomicU64::new(0);
        let (a_read, a_write) = tokio::io::split(a);
        let (b_read, b_write) = tokio::io::split(b);
        let there = self.one_way(a_read, b_write, &carried);
        let back = self.one_way(b_read, a_write, &carried);
        tokio::pin!(there, back);
        // One direction may close before the other has brought its last octets.
        tokio::select! {
            biased;
            reset = &mut there => reset || back.await,
            reset = &mut back => reset || there.await,
        }
    }

    async fn one_way(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        carried: &std::sync::atomic::AtomicU64,
    ) -> bool {
        let mut buffer = vec![0; 4096];
        let mut sight = Sight::default();
        loop {
            let piece = 1 + self.chance.below(self.weather.piece.clamp(1, 4096)) as usize;
            let Some(room) = buffer.get_mut(..piece) else { return false };
            let len = match from.read(room).await {
                Ok(0) | Err(_) => {
                    // The other side may have closed as well; that is no news then.
                    let _ = to.shutdown().await;
                    return false;
                }
                Ok(len) => len,
            };
            let octets = buffer.get(..len).unwrap_or_default();
            if let Some(letter) = sight.see(octets) {
                self.cargo.store(letter, Ordering::Relaxed);
                self.ends.iter().for_each(|end| self.net.tracks.moved(letter, *end));
            }
            let total = carried.fetch_add(len as u64, Ordering::Relaxed) + len as u64;
            if self.life.is_some_and(|life| total > life) {
                return true;
            }
            tokio::time::sleep(self.net.pause(self.weather)).await;
            if to.write_all(octets).await.is_err() {
                return false;
            }
        }
    }
}

/// The network as one host sees it.
pub struct HostNet {
    net: Net,
    addresses: Vec<IpAddr>,
}

impl Network for HostNet {
    fn connect(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        let from = from.or_else(|| self.addresses.first().copied());
        Box::pin(async move {
            let from = from.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
            self.net.connect(from, to).await
        })
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        self.addresses.clone()
    }
}

struct SimListener {
    at: SocketAddr,
    incoming: tokio::sync::Mutex<mpsc::Receiver<Box<dyn Wire>>>,
}

impl Listener for SimListener {
    fn accept(&self) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        Box::pin(async {
            match self.incoming.lock().await.recv().await {
                Some(wire) => Ok(wire),
                // The host has crashed: nothing comes any more.
                None => std::future::pending().await,
            }
        })
    }

    fn local(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

/// A connection, counted as long as who has made it holds on to it.
struct Call {
    net: Net,
    ends: (IpAddr, IpAddr),
}

impl Call {
    fn begin(net: &Net, from: IpAddr, to: IpAddr) -> Self {
        let mut state = net.state.lock();
        let (now, most) = state.calls.entry((from, to)).or_default();
        *now += 1;
        *most = (*most).max(*now);
        let (now, most) = state.all_calls.entry(from).or_default();
        *now += 1;
        *most = (*most).max(*now);
        drop(state);
        Self { net: net.clone(), ends: (from, to) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.net.state.lock();
        if let Some((now, _)) = state.calls.get_mut(&self.ends) {
            *now -= 1;
        }
        if let Some((now, _)) = state.all_calls.get_mut(&self.ends.0) {
            *now -= 1;
        }
    }
}

struct SimWire {
    _call: Option<Call>,
    stream: DuplexStream,
    local: SocketAddr,
    peer: SocketAddr,
    reset: Arc<AtomicBool>,
}

impl Wire for SimWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn local(&self) -> SocketAddr {
        self.local
    }
}

impl AsyncRead for SimWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(()))
                if buffer.filled().len() == before && self.reset.load(Ordering::Relaxed) =>
            {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            read => read,
        }
    }
}

impl AsyncWrite for SimWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
