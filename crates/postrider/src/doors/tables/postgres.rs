//! A table in PostgreSQL: one query with the key as its one parameter, prepared on each connection. The
//! key never becomes a part of the query's text.
//!
//! Connections are kept, and made anew where they have ended. A question that takes too long is given up
//! with its connection, and by the server with `statement_timeout`.

use std::future::{Future, poll_fn};
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engine::doors::Doing;
use futures_core::Stream;
use parking_lot::Mutex;
use queue::table::{VALUES_MAX, values};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Row, Socket, Statement};

use super::Database;
use super::secure;
use crate::config::DatabaseTls;
use crate::doors::secrets;

/// What a database is asked with.
#[derive(Clone, Debug)]
pub struct PostgresPlace {
    /// `postgres://user@host:5432/database`.
    pub server: String,
    /// With one parameter, `$1`.
    pub query: String,
    /// The password is its first line.
    pub password: Option<PathBuf>,
    /// How the connection is secured.
    pub tls: DatabaseTls,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A table that is asked with a query.
pub struct PostgresTable {
    config: Config,
    place: PostgresPlace,
    tls: Option<Secure>,
    idle: Mutex<Vec<Open>>,
}

/// A connection.
struct Open {
    client: Client,
    query: Statement,
}

impl PostgresTable {
    /// The table at `place`; nothing is dialled yet.
    ///
    /// # Errors
    /// What the operator has to mend.
    pub fn new(place: PostgresPlace) -> Result<Self, String> {
        let mut config: Config = place.server.parse().map_err(|error| {
            // The library's text names keys and never values.
            format!("the server cannot be read: {error}; like postgres://user@host/database")
        })?;
        if config.get_password().is_some() {
            return Err("a password stands in it, where others read it: use password-file".into());
        }
        let host = config.get_hosts().first();
        let host = match host {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
            None => return Err("it names no host: like postgres://user@host/database".to_owned()),
        };
        let tls = secure::client(&place.tls, &host)?.map(|config| Secure { config });
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        config.connect_timeout(place.timeout);
        config.application_name("postrider");
        if config.get_options().is_none() {
            config.options(format!("-c statement_timeout={}", place.timeout.as_millis()));
        }
        Ok(Self { config, place, tls, idle: Mutex::default() })
    }

    async fn connect(&self) -> Result<Open, String> {
        let mut config = self.config.clone();
        if let Some(path) = &self.place.password {
            config.password(secrets::read(path)?.reveal());
        }
        // The driver ends with its client.
        let client = match &self.tls {
            Some(tls) => {
                let (client, driver) = config.connect(tls.clone()).await.map_err(told)?;
                tokio::spawn(driver);
                client
            }
            None => {
                let (client, driver) = config.connect(NoTls).await.map_err(told)?;
                tokio::spawn(driver);
                client
            }
        };
        let query = client.prepare_typed(&self.place.query, &[Type::TEXT]).await.map_err(told)?;
        match query.params().len() {
            1 => Ok(Open { client, query }),
            count => Err(format!("the query has {count} parameters, it must have one: $1")),
        }
    }

    async fn ask(&self, key: &str) -> Result<Vec<String>, String> {
        loop {
            let Some(open) = self.idle.lock().pop() else { break };
            match open.ask(key).await {
                Ok(found) => {
                    self.idle.lock().push(open);
                    return Ok(found);
                }
                // It ended while nobody looked: another one may serve.
                Err(_) if open.client.is_closed() => {}
                Err(why) => return Err(why),
            }
        }
        let open = self.connect().await?;
        let found = open.ask(key).await?;
        self.idle.lock().push(open);
        Ok(found)
    }
}

impl Database for PostgresTable {
    fn look_up<'a>(&'a self, key: &'a str) -> Doing<'a, Result<Vec<String>, String>> {
        // The wire takes no text with a NUL, and no address has one.
        if key.contains('\0') {
            return Box::pin(async { Ok(Vec::new()) });
        }
        Box::pin(self.ask(key))
    }
}

impl Open {
    async fn ask(&self, key: &str) -> Result<Vec<String>, String> {
        let mut rows = pin!(self.client.query_raw(&self.query, [key]).await.map_err(told)?);
        let mut found = Vec::new();
        while let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
            if let Some(text) = first(&row.map_err(told)?)? {
                found.extend(values(&text));
            }
            if found.len() > VALUES_MAX {
                return Err(format!("more than {VALUES_MAX} values stand under one key"));
            }
        }
        Ok(found)
    }
}

fn first(row: &Row) -> Result<Option<String>, String> {
    row.try_get::<_, Option<String>>(0).map_err(|_| {
        let kind = row.columns().first().map(|column| column.type_().name().to_owned());
        format!("the first column of a row is {}: cast it, ::text", kind.unwrap_or_default())
    })
}

/// What the library says, with what the server said; neither has a secret in it.
fn told(error: tokio_postgres::Error) -> String {
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// rustls behind the library's door.
#[derive(Clone)]
struct Secure {
    config: Arc<ClientConfig>,
}

impl MakeTlsConnect<Socket> for Secure {
    type Stream = SecureStream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { config: self.config.clone(), name })
    }
}

struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = SecureStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<SecureStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let connector = tokio_rustls::TlsConnector::from(self.config);
            Ok(SecureStream(Box::new(connector.connect(self.name, socket).await?)))
        })
    }
}

struct SecureStream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for SecureStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for SecureStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for SecureStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}
