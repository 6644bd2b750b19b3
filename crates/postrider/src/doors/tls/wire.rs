//! A connection with TLS around it, and what its handshake has shown.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use engine::doors::{Flaw, TlsFailure, Wire};
use mail::TlsFacts;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, CommonState, ConnectionCommon, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::registered;

struct TlsWire {
    stream: TlsStream<Box<dyn Wire>>,
    peer: SocketAddr,
    local: SocketAddr,
}

pub(super) fn secured(
    stream: TlsStream<Box<dyn Wire>>,
    peer: SocketAddr,
    local: SocketAddr,
) -> Box<dyn Wire> {
    Box::new(TlsWire { stream, peer, local })
}

impl Wire for TlsWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn local(&self) -> SocketAddr {
        self.local
    }
}

impl AsyncRead for TlsWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            // Many peers close without a last word of TLS. SMTP has its own ends (QUIT, the final
            // dot), so nothing that was cut off is ever taken for whole.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            polled => polled,
        }
    }
}

impl AsyncWrite for TlsWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Whose fault a failed handshake was.
pub(super) fn failure(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            TlsFailure::Certificate(flaw(why), why.to_string())
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            TlsFailure::Certificate(Flaw::Untrusted, "none was shown".to_owned())
        }
        Some(other) => TlsFailure::Handshake(other.to_string()),
        None => TlsFailure::Handshake(error.to_string()),
    }
}

fn flaw(why: &CertificateError) -> Flaw {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Flaw::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Flaw::Name
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Flaw::Untrusted,
        _ => Flaw::Other,
    }
}

pub(super) fn facts_of_server(connection: &rustls::ServerConnection) -> TlsFacts {
    let mut facts = facts(connection, connection);
    facts.server_name = connection.server_name().map(str::to_owned);
    facts
}

pub(super) fn facts_of_client(connection: &rustls::ClientConnection) -> TlsFacts {
    facts(connection, connection)
}

fn facts<Data>(state: &CommonState, connection: &ConnectionCommon<Data>) -> TlsFacts {
    let version = state.protocol_version();
    let group = state.negotiated_key_exchange_group().map(|group| group.name());
    TlsFacts {
        version: match version {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            _ => "TLS".to_owned(),
        },
        cipher: state.negotiated_cipher_suite().map(registered).unwrap_or_default(),
        group: group.and_then(|group| group.as_str()).map(group_name),
        server_name: None,
        peer: state.peer_certificates().and_then(<[_]>::first).and_then(named),
        // Before TLS 1.3 it is bound to the connection only with an extension that is not shown
        // here (RFC 9266 §4.2).
        exporter: (version == Some(ProtocolVersion::TLSv1_3))
            .then(|| {
                let label = b"EXPORTER-Channel-Binding";
                connection.export_keying_material([0; 32], label, Some(&[])).ok()
            })
            .flatten(),
    }
}

/// The group as TLS registers it: `x25519`, `secp256r1`, `X25519MLKEM768`.
fn group_name(name: &str) -> String {
    match name {
        "X25519" => "x25519".to_owned(),
        other => other.to_owned(),
    }
}

/// The first name in the certificate.
fn named(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    certificate.valid_dns_names().next().map(str::to_owned)
}
