//! What the engine acts through and does not own: clock, network, names, randomness, mailboxes and
//! the spool. Production and simulation open them on different worlds; the code between is one.
//!
//! Timers are tokio's: in the simulation the runtime's clock is paused and jumps. A [`Clock`] only
//! tells the time, and must agree with the timers.

mod commands;
mod forwards;
mod history;
mod logins;
mod secrets;
mod shelf;
mod tables;
mod web;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
pub use mail::lookup::Tlsa;
use mail::lookup::{Answer, Question};
use mail::{DomainName, TlsFacts};
use spool::{BodyReader, Spool};
use tokio::io::{AsyncRead, AsyncWrite};

pub use commands::{CommandError, CommandRun, Commands, NoCommands, Ran};
pub use forwards::{Forwards, NoForwards};
pub use history::{Detail, History, MemoryHistory, NoHistory, Told};
pub use logins::{LoginFacts, Logins, NoLogins, RelayedLogin};
pub use secrets::{NoSecrets, Secrets};
pub use shelf::{Drawer, MemoryShelf, Shelf};
pub use tables::{FixedTables, NoTables, Tables};
pub use web::{NoWeb, Web, WebFailure};

/// A future of a door.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// For measuring; never goes back.
    fn now(&self) -> Instant;
    /// For storing and showing.
    fn wall(&self) -> SystemTime;
}

/// The only source of chance: shuffles, jitter, parts of ids.
pub trait Random: Send + Sync {
    /// 64 random bits.
    fn next(&self) -> u64;
}

/// A connection.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Who is at the other end.
    fn peer(&self) -> SocketAddr;
    /// Our own end.
    fn local(&self) -> SocketAddr;
}

/// A place where connections come in.
pub trait Listener: Send + Sync {
    /// The next connection.
    fn accept(&self) -> Doing<'_, io::Result<Box<dyn Wire>>>;
    /// Where it listens.
    fn local(&self) -> io::Result<SocketAddr>;
}

/// The way to other hosts.
pub trait Network: Send + Sync {
    /// Connects to `to`, from the local address `from` where one is given. The caller bounds the time.
    fn connect(&self, to: SocketAddr, from: Option<IpAddr>)
    -> Doing<'_, io::Result<Box<dyn Wire>>>;
    /// Connects to the socket at `path` of this machine. The caller bounds the time.
    fn connect_socket<'a>(&'a self, path: &'a str) -> Doing<'a, io::Result<Box<dyn Wire>>> {
        Box::pin(async move { Err(io::Error::other(format!("no socket {path} here"))) })
    }
    /// The addresses of this host's interfaces, so that it recognises itself among exchangers.
    fn own_addresses(&self) -> Vec<IpAddr>;
}

/// A connection after its handshake.
pub struct Secured {
    /// The same connection, secured.
    pub wire: Box<dyn Wire>,
    /// What is known of it.
    pub facts: TlsFacts,
}

/// How the certificate of a server is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TlsCheck {
    /// Not at all: encryption against listeners only (RFC 7435).
    Nothing,
    /// A chain to a root that is trusted, and one of these names (RFC 6125; for mail RFC 7817 §3,
    /// RFC 8461 §4.1).
    Names(Vec<DomainName>),
    /// One of these records must match; with usage 2 one of the names too (RFC 7672 §3.1).
    Dane {
        /// Usable ones only.
        records: Vec<Tlsa>,
        /// Reference names.
        names: Vec<DomainName>,
    },
}

/// What is wanted of a handshake that we begin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsWish {
    /// The name asked for (SNI); none for a host known by its address only.
    pub server_name: Option<DomainName>,
    /// How the certificate is looked at.
    pub check: TlsCheck,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// It is for other names.
    Name,
    /// Its time is over.
    Expired,
    /// Nobody trusted stands behind it: no authority, no record.
    Untrusted,
    /// Anything else.
    Other,
}

/// Why a handshake failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate is not what is wanted.
    #[error("the certificate is not accepted: {1}")]
    Certificate(Flaw, String),
    /// No common version or suite, nonsense, the connection closed, no time left.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
}

/// Secures connections.
pub trait Tls: Send + Sync {
    /// The handshake of a server, with the certificate that fits the name asked for. The caller
    /// bounds the time.
    fn accept(&self, wire: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>>;
    /// The handshake of a client. The caller bounds the time.
    fn connect<'a>(
        &'a self,
        wire: Box<dyn Wire>,
        wish: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>>;
    /// Whether there is a certificate to show: only then a server offers STARTTLS.
    fn can_accept(&self) -> bool;
}

/// No TLS at all, for worlds without certificates.
#[derive(Clone, Copy, Debug)]
pub struct NoTls;

impl Tls for NoTls {
    fn accept(&self, _: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>> {
        Box::pin(async { Err(TlsFailure::Handshake("this host has no certificate".to_owned())) })
    }

    fn connect<'a>(
        &'a self,
        _: Box<dyn Wire>,
        _: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>> {
        Box::pin(async { Err(TlsFailure::Handshake("this host speaks no TLS".to_owned())) })
    }

    fn can_accept(&self) -> bool {
        false
    }
}

/// The domain name system, without cache: the engine keeps answers for their time.
pub trait Names: Send + Sync {
    /// Asks. Always answers, within a bound of its own (default 30 s).
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer>;
}

/// Where a message is to lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place<'a> {
    /// In the mailbox of the user.
    Home,
    /// In the mailbox that a route describes, `maildir:/srv/{domain}/{user}`. It must be there, and
    /// what is written belongs to whom it belongs.
    Described {
        /// The description.
        template: &'a str,
        /// For `{domain}`.
        domain: &'a str,
    },
    /// In this file, which an alias or a user names: at its end, or in a Maildir where the path ends
    /// with `/`.
    File(&'a str),
}

/// One message for one mailbox.
pub struct MailboxDelivery<'a> {
    /// The user the mailbox belongs to: a name of the configuration, never raw octets of the wire. Of
    /// a place that a route describes, what stands in the address.
    pub user: &'a str,
    /// Where it is.
    pub place: Place<'a>,
    /// The virtual domain that the mailbox belongs to; none for the users of this host.
    pub domain: Option<&'a DomainName>,
    /// What is written before the content: `Return-Path`, `Delivered-To`, our `Received`.
    pub head: Bytes,
    /// The content as it was received.
    pub body: Box<dyn BodyReader>,
    /// For the `From_` line of an mbox: the reverse-path without brackets, or `MAILER-DAEMON`.
    pub from: String,
    /// The moment of delivery.
    pub time: SystemTime,
    /// A name that no other delivery has.
    pub unique: String,
}

/// Why a mailbox did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// There is no such user here (5.1.1).
    #[error("there is no mailbox {0}")]
    Unknown(String),
    /// Its owner has as much as is allowed: again later (4.2.2).
    #[error("the mailbox is full: {0}")]
    Full(String),
    /// Its owner has as much as the operator allows (4.2.2, or 5.2.2 if the operator wants it so).
    #[error("the mailbox is full: {0}")]
    Over(String),
    /// The disk is full: again later, and an alarm.
    #[error("there is no room: {0}")]
    NoSpace(String),
    /// Locked by another program, not mounted: again later.
    #[error("the mailbox is not available: {0}")]
    Unavailable(String),
    /// The operator must mend it: again later, and an alarm.
    #[error("the mailbox cannot be written: {0}")]
    Broken(String),
    /// The content could not be read from the spool.
    #[error("the content cannot be read")]
    Content(#[source] spool::SpoolError),
}

/// Where local mail ends.
pub trait Mailboxes: Send + Sync {
    /// Delivers, durably: `Ok` means that a crash cannot undo it.
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>>;
}

/// Runs tasks beside the caller. Production hands them to the runtime; the simulation keeps hold of
/// them, so that a crash ends a host between two of its steps.
pub trait Tasks: Send + Sync {
    /// Starts `task`.
    fn spawn(&self, task: Doing<'static, ()>);
}

/// All the doors.
#[derive(Clone)]
pub struct World {
    /// Who runs tasks.
    pub tasks: Arc<dyn Tasks>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Other hosts.
    pub network: Arc<dyn Network>,
    /// Certificates and handshakes.
    pub tls: Arc<dyn Tls>,
    /// Who may log in.
    pub logins: Arc<dyn Logins>,
    /// Our own passwords at other hosts.
    pub secrets: Arc<dyn Secrets>,
    /// Names of other hosts.
    pub names: Arc<dyn Names>,
    /// Policies of other domains.
    pub web: Arc<dyn Web>,
    /// What outlives the process and is no mail.
    pub shelf: Arc<dyn Shelf>,
    /// What happened to each letter.
    pub history: Arc<dyn History>,
    /// The operator's tables.
    pub tables: Arc<dyn Tables>,
    /// Where local mail ends.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Programs that mail is handed to.
    pub commands: Arc<dyn Commands>,
    /// Where users say that their mail is to go elsewhere.
    pub forwards: Arc<dyn Forwards>,
    /// Where mail in flight is held.
    pub spool: Arc<dyn Spool>,
}
