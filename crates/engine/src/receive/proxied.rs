//! The PROXY protocol: a proxy that we trust says, before anything else, which client it brings.
//!
//! Exactly the header is read and no octet more, so that what follows is the client's. Only the
//! addresses count; what else a proxy adds is passed over.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt;

use crate::doors::Wire;

/// How long a proxy may take for its header: it sends it at once.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// The line of version 1 at its longest.
const LINE_MAX: usize = 107;
/// What may follow the 16 octets with which version 2 begins: addresses and some attributes.
const BLOCK_MAX: usize = 2048;
/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The client; none where the proxy speaks for itself.
///
/// # Errors
/// No header, or one that cannot be read: nobody knows who speaks.
pub(super) async fn client(wire: &mut Box<dyn Wire>) -> io::Result<Option<SocketAddr>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no PROXY header came");
    let header = tokio::time::timeout(HEADER_TIME, header(wire)).await.map_err(late)??;
    let wrong = |error: proxy_header::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (header, _) = ProxyHeader::parse(&header, ParseConfig::default()).map_err(wrong)?;
    Ok(header.proxied_address().map(|address| address.source))
}

/// The octets of the header.
async fn header(wire: &mut Box<dyn Wire>) -> io::Result<Vec<u8>> {
    let wrong = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut header = vec![0; SIGNATURE.len()];
    wire.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(16, 0);
        wire.read_exact(header.get_mut(12..).unwrap_or_default()).await?;
        let length = match header.get(14..16) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        if length > BLOCK_MAX {
            return Err(wrong("the PROXY header is too long"));
        }
        header.resize(16 + length, 0);
        wire.read_exact(header.get_mut(16..).unwrap_or_default()).await?;
        return Ok(header);
    }
    if !header.starts_with(b"PROXY ") {
        return Err(wrong("the connection does not begin with a PROXY header"));
    }
    while !header.ends_with(b"\r\n") {
        if header.len() >= LINE_MAX {
            return Err(wrong("the PROXY header is too long"));
        }
        header.push(wire.read_u8().await?);
    }
    Ok(header)
}
