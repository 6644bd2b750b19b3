//! For those who watch the server: `/metrics` in the form of OpenMetrics, which Prometheus reads,
//! `/health` (it lives) and `/ready` (it takes mail, or why not), over HTTP.
//!
//! Nothing is changed here and nothing said of single letters. Who may ask is configured; by default
//! only this host.

mod metrics;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Engine;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

/// Connections at once: a few observers with a few connections each.
const CONNECTIONS: usize = 32;
/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may stay, so that observers that hang do not take all places.
const LIFE: Duration = Duration::from_secs(120);
/// Pause after a connection could not be taken.
const AGAIN: Duration = Duration::from_millis(100);

/// Answers on the sockets in `listeners` those whose address is in `networks`.
pub fn start(listeners: Vec<TcpListener>, networks: Vec<IpNet>, engine: Engine) -> Watching {
    let watch = Arc::new(Watch { engine, networks, room: Arc::new(Semaphore::new(CONNECTIONS)) });
    let accept = |listener| tokio::spawn(accept(listener, watch.clone()));
    Watching(listeners.into_iter().map(accept).collect())
}

/// Opens `address`.
///
/// # Errors
/// What the system says.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The tasks that answer; they end with this value.
pub struct Watching(Vec<JoinHandle<()>>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

struct Watch {
    engine: Engine,
    networks: Vec<IpNet>,
    room: Arc<Semaphore>,
}

async fn accept(listener: TcpListener, watch: Arc<Watch>) {
    loop {
        let Ok(room) = watch.room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let watch = watch.clone();
                tokio::spawn(async move {
                    let _room = room;
                    let served = tokio::time::timeout(LIFE, serve(stream, peer.ip(), watch));
                    if let Ok(Err(error)) = served.await {
                        debug!(event = "watch.broken", %peer, %error);
                    }
                });
            }
            Err(error) => {
                warn!(event = "watch.accept", %error);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, watch: Arc<Watch>) -> hyper::Result<()> {
    let answer = |request| {
        let watch = watch.clone();
        async move { Ok::<_, Infallible>(watch.answer(peer, &request).await) }
    };
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 * 1024);
    server.serve_connection(TokioIo::new(stream), service_fn(answer)).await
}

type Answer = Response<Full<Bytes>>;

impl Watch {
    async fn answer(&self, peer: IpAddr, request: &Request<Incoming>) -> Answer {
        let peer = peer.to_canonical();
        if !self.networks.iter().any(|network| network.contains(&peer)) {
            return text(StatusCode::FORBIDDEN, "not for your address: see [metrics] networks\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        }
        match request.uri().path() {
            "/metrics" => self.metrics().await,
            "/health" => text(StatusCode::OK, "alive\n"),
            "/ready" => match self.engine.unready() {
                None => text(StatusCode::OK, "ready\n"),
                Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            },
            _ => text(StatusCode::NOT_FOUND, "/metrics, /health, /ready\n"),
        }
    }

    async fn metrics(&self) -> Answer {
        match metrics::text(&self.engine).await {
            Ok(body) => {
                let mut answer = text(StatusCode::OK, body);
                let form = HeaderValue::from_static(metrics::MEDIA_TYPE);
                answer.headers_mut().insert(CONTENT_TYPE, form);
                answer
            }
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
