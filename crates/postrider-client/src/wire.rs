//! A connection, in the clear or secured.

use std::io;
use std::sync::Arc;

use mail::TlsFacts;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().and_then(|version| version.as_str());
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let facts = TlsFacts {
            version: version.unwrap_or_default().to_owned(),
            cipher: suite.unwrap_or_default().to_owned(),
            server_name: Some(name.to_str().into_owned()),
            peer: Some(name.to_str().into_owned()),
            ..TlsFacts::default()
        };
        Ok((Self::Secured(Box::new(stream)), facts))
    }
}
