//! A connection, in the clear or secured.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mail::TlsFacts;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long the last word of TLS may take to go out: nobody waits for it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What the dialogue runs over.
pub enum Wire {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Secured(stream) => stream.read(buffer).await,
        }
    }

    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(octets).await,
            Self::Secured(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
        }
    }

    /// Secures the connection; the certificate must be for `name`.
    pub async fn secure(
        self,
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> io::Result<(Self, TlsFacts)> {
        let Self::Plain(stream) = self else {
            return Err(io::Error::other("the connection is secured already"));
        };
        let stream = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await?;
        let facts = facts(stream.get_ref().1, name);
        Ok((Self::Secured(Box::new(stream)), facts))
    }

    /// Says that nothing more comes, and waits for no answer to that (RFC 8314 §3.4).
    pub async fn close(self) {
        if let Self::Secured(mut stream) = self {
            let _ = timeout(LAST_WORD, stream.shutdown()).await;
        }
    }
}

/// What the handshake has shown; the certificate was looked at in it.
fn facts(connection: &ClientConnection, name: &ServerName<'static>) -> TlsFacts {
    let version = connection.protocol_version();
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let name = name.to_str().into_owned();
    TlsFacts {
        version: match version {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            _ => "TLS".to_owned(),
        },
        // By its registered name (RFC 8446 §B.4).
        cipher: suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1),
        server_name: Some(name.clone()),
        peer: Some(name),
        // What binds a login to this connection; before TLS 1.3 it proves less (RFC 9266 §4.2).
        exporter: (version == Some(ProtocolVersion::TLSv1_3))
            .then(|| {
                let label = b"EXPORTER-Channel-Binding";
                connection.export_keying_material([0; 32], label, Some(&[])).ok()
            })
            .flatten(),
        ..TlsFacts::default()
    }
}
