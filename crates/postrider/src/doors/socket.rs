//! Connections to other programs of this machine, over sockets that have a path.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use engine::doors::Wire;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// Such a connection. Neither end has an address.
pub(super) struct SocketWire(UnixStream);

impl SocketWire {
    /// Connects to the socket at `path`.
    pub(super) async fn connect(path: &str) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Self)
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Wire for SocketWire {
    fn peer(&self) -> SocketAddr {
        NOWHERE
    }

    fn local(&self) -> SocketAddr {
        NOWHERE
    }
}

impl AsyncRead for SocketWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for SocketWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use engine::doors::Network;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::super::TcpNetwork;

    #[tokio::test]
    async fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp");
        let path = path.to_str().unwrap();
        assert!(TcpNetwork.connect_socket(path).await.is_err());
        let listener = UnixListener::bind(path).unwrap();
        let mut wire = TcpNetwork.connect_socket(path).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        other.write_all(b"220 ").await.unwrap();
        wire.write_all(b"LHLO").await.unwrap();
        let mut octets = [0; 4];
        wire.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"220 ");
        other.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"LHLO");
    }
}
