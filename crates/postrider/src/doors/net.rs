//! Connections over TCP.
//!
//! Time limits are the caller's: nothing here waits longer than the kernel does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use engine::doors::{Doing, Listener, Network, Wire};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::socket::SocketWire;

/// Connections that may wait to be accepted. The kernel cuts it down to its own bound.
const BACKLOG: u32 = 1024;

/// The way to other hosts over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpNetwork;

impl Network for TcpNetwork {
    fn connect(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            let stream = socket_towards(to, from)?.connect(to).await?;
            Ok(Box::new(TcpWire::new(stream)?) as Box<dyn Wire>)
        })
    }

    fn connect_socket<'a>(&'a self, path: &'a str) -> Doing<'a, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            SocketWire::connect(path).await.map(|wire| Box::new(wire) as Box<dyn Wire>)
        })
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        // Without the list of interfaces only loopback is known to be us.
        let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
        let mut addresses: Vec<IpAddr> =
            interfaces.filter_map(|interface| address_of(interface.address?)).collect();
        addresses.extend([IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]);
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

fn address_of(storage: nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(v4.ip().into());
    }
    storage.as_sockaddr_in6().map(|v6| v6.ip().into())
}

fn socket_towards(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    Ok(socket)
}

/// Listens on `address`; port 0 takes any free port. Called within the runtime that will accept.
///
/// # Errors
/// What the system says: the address is in use, not ours, or the port needs a privilege.
pub fn listen(address: SocketAddr) -> io::Result<Box<dyn Listener>> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // A restarted server takes its port back at once; a second server is still refused.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two listeners, so that each is said where it is meant.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
    listen_on(socket.into())
}

/// Accepts on a socket that listens already. Called within the runtime that will accept.
///
/// # Errors
/// What the system says.
pub fn listen_on(socket: std::net::TcpListener) -> io::Result<Box<dyn Listener>> {
    socket.set_nonblocking(true)?;
    Ok(Box::new(TcpDoor { listener: TcpListener::from_std(socket)? }))
}

struct TcpDoor {
    listener: TcpListener,
}

impl Listener for TcpDoor {
    fn accept(&self) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            loop {
                let (stream, peer) = self.listener.accept().await?;
                // A peer that hung up meanwhile is not a failure of the listener.
                if let Ok(wire) = TcpWire::of(stream, peer) {
                    return Ok(Box::new(wire) as Box<dyn Wire>);
                }
            }
        })
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A TCP connection that knows its ends, so that they can be told after the peer is gone.
struct TcpWire {
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl TcpWire {
    fn new(stream: TcpStream) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        Self::of(stream, peer)
    }

    fn of(stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        // What is written is a whole flight of replies or commands: waiting for more only delays.
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Self { stream, peer: plain(peer), local: plain(local) })
    }
}

/// `::ffff:192.0.2.1` is `192.0.2.1`, whatever socket it came through: rules know one form.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Wire for TcpWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn local(&self) -> SocketAddr {
        self.local
    }
}

impl AsyncRead for TcpWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TcpWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn connects_from_the_address_asked_for() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = listener.local().unwrap();
        let from: IpAddr = "127.0.0.9".parse().unwrap();
        let (ours, theirs) = tokio::join!(TcpNetwork.connect(to, Some(from)), listener.accept());
        let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(ours.peer(), to);
        assert_eq!(theirs.peer(), ours.local());
        assert_eq!(theirs.peer().ip(), from);
        ours.write_all(b"EHLO").await.unwrap();
        ours.shutdown().await.unwrap();
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"EHLO");
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = listen(first.local().unwrap()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn loopback_is_us() {
        let own = TcpNetwork.own_addresses();
        assert!(own.contains(&"127.0.0.1".parse().unwrap()), "{own:?}");
    }

    #[test]
    fn mapped_addresses_are_plain() {
        let mapped = "[::ffff:192.0.2.1]:25".parse().unwrap();
        assert_eq!(plain(mapped).to_string(), "192.0.2.1:25");
    }
}
