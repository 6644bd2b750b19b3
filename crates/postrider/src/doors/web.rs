//! Texts over HTTPS (RFC 8461 §3.3), by hyper over rustls: one GET for each connection, the
//! certificate trusted by the roots of the system or of the configuration, no redirect, no cache.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, Names, Web, WebFailure};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mail::lookup::{Answer, Kind, Question, Record};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::RustlsTls;

/// Octets of a text (RFC 8461 §3.3).
const TEXT_MAX: usize = 64 * 1024;
/// Octets of the reply's head.
const HEAD_MAX: usize = 32 * 1024;
/// How long all of it may take (RFC 8461 §3.3).
const TOTAL: Duration = Duration::from_secs(60);
/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(10);
/// Addresses tried.
const ADDRESSES_MAX: usize = 4;
/// Aliases followed from the name of the host.
const ALIASES_MAX: usize = 10;

/// The web.
pub struct HttpsWeb {
    names: Arc<dyn Names>,
    tls: Arc<RustlsTls>,
    port: u16,
}

impl HttpsWeb {
    /// Finds hosts by `names` and trusts what `tls` trusts. `port`: 443, but in a world of tests.
    pub fn new(names: Arc<dyn Names>, tls: Arc<RustlsTls>, port: u16) -> Self {
        Self { names, tls, port }
    }

    async fn get(&self, host: &str, path: &str) -> Result<Vec<u8>, WebFailure> {
        let stream = self.connect(host).await?;
        let handshake = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(broken)?;
        let request = Request::get(path)
            .header(HOST, host)
            .header(ACCEPT, "text/plain")
            .header(USER_AGENT, "postrider")
            .body(Empty::new())
            .map_err(|error| WebFailure::Unavailable(error.to_string()))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            read(response).await
        };
        // Both move on together. The connection may end before the last of the text is taken.
        let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
        tokio::select! {
            biased;
            text = &mut exchange => return text,
            _ = &mut connection => {}
        }
        exchange.await
    }

    async fn connect(&self, host: &str) -> Result<TlsStream<TcpStream>, WebFailure> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| unavailable("the host has no name for a certificate"))?;
        let config = self.tls.https().map_err(WebFailure::Unavailable)?;
        let connector = TlsConnector::from(config);
        let mut failure = unavailable("the host has no address");
        for address in self.addresses(host).await? {
            let to = SocketAddr::new(address, self.port);
            let stream = match timeout(CONNECT, TcpStream::connect(to)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    failure = unavailable(&format!("{to}: {error}"));
                    continue;
                }
                Err(_) => {
                    failure = unavailable(&format!("{to}: no answer in time"));
                    continue;
                }
            };
            match connector.connect(name.clone(), stream).await {
                Ok(secured) => return Ok(secured),
                Err(error) => failure = of_handshake(&error),
            }
        }
        Err(failure)
    }

    /// The addresses of `host`, those of version 6 first.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, WebFailure> {
        let mut addresses = Vec::new();
        let mut failure = None;
        for kind in [Kind::Aaaa, Kind::A] {
            match self.of_kind(host, kind).await {
                Ok(found) => addresses.extend(found.into_iter().take(ADDRESSES_MAX / 2)),
                Err(what) => failure = Some(what),
            }
        }
        match (addresses.is_empty(), failure) {
            (true, Some(what)) => Err(unavailable(&format!("no address of {host}: {what}"))),
            _ => Ok(addresses),
        }
    }

    async fn of_kind(&self, host: &str, kind: Kind) -> Result<Vec<IpAddr>, String> {
        let mut name = host.to_owned();
        for _ in 0..=ALIASES_MAX {
            let records = match self.names.ask(&Question::new(&name, kind)).await {
                Answer::Found { records, .. } => records,
                Answer::NoData { .. } | Answer::NoName { .. } => return Ok(Vec::new()),
                Answer::Failed(what) | Answer::Bogus(what) => return Err(what),
            };
            let address = |record: &Record| match record {
                Record::A(v4) => Some(IpAddr::V4(*v4)),
                Record::Aaaa(v6) => Some(IpAddr::V6(*v6)),
                _ => None,
            };
            let found: Vec<IpAddr> = records.iter().filter_map(address).collect();
            match records.last() {
                Some(Record::Cname(target)) if found.is_empty() => name.clone_from(target),
                _ => return Ok(found),
            }
        }
        Err("the aliases do not end".to_owned())
    }
}

impl Web for HttpsWeb {
    fn text<'a>(&'a self, host: &'a str, path: &'a str) -> Doing<'a, Result<Vec<u8>, WebFailure>> {
        Box::pin(async move {
            let within = timeout(TOTAL, self.get(host, path)).await;
            within.unwrap_or_else(|_| Err(unavailable("it took over a minute")))
        })
    }
}

/// The body of a reply that is a text (RFC 8461 §3.2, §3.3: status 200 and `text/plain`).
async fn read(response: Response<Incoming>) -> Result<Vec<u8>, WebFailure> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(WebFailure::Unfit(format!(
            "the host answered with status {}",
            status.as_u16()
        )));
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("text/plain") {
        return Err(WebFailure::Unfit(format!("the media type is {essence:?}, not text/plain")));
    }
    match Limited::new(response.into_body(), TEXT_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(WebFailure::Unfit(format!("the text has over {TEXT_MAX} octets")))
        }
        Err(error) => Err(unavailable(&format!("the text was cut off: {error}"))),
    }
}

fn unavailable(what: &str) -> WebFailure {
    WebFailure::Unavailable(what.to_owned())
}

fn broken(error: hyper::Error) -> WebFailure {
    WebFailure::Unavailable(format!("no reply: {error}"))
}

fn of_handshake(error: &io::Error) -> WebFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => WebFailure::Certificate(why.to_string()),
        _ => WebFailure::Unavailable(format!("the TLS handshake failed: {error}")),
    }
}

#[cfg(test)]
mod tests;
