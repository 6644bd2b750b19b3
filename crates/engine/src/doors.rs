//! What the engine acts through and does not own: clock, network, names, randomness, mailboxes and
//! the spool. Production and simulation open them on different worlds; the code between is one.
//!
//! Timers are tokio's: in the simulation the runtime's clock is paused and jumps. A [`Clock`] only
//! tells the time, and must agree with the timers.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use mail::lookup::{Answer, Question};
use spool::{BodyReader, Spool};
use tokio::io::{AsyncRead, AsyncWrite};

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
    /// The addresses of this host's interfaces, so that it recognises itself among exchangers.
    fn own_addresses(&self) -> Vec<IpAddr>;
}

/// The domain name system, without cache: the engine keeps answers for their time.
pub trait Names: Send + Sync {
    /// Asks. Always answers, within a bound of its own (default 30 s).
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer>;
}

/// One message for one mailbox.
pub struct MailboxDelivery<'a> {
    /// The user the mailbox belongs to: a name of the configuration, never raw octets of the wire.
    pub user: &'a str,
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
    /// Locked by another program, disk full, not mounted: again later.
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
    /// Names of other hosts.
    pub names: Arc<dyn Names>,
    /// Where local mail ends.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Where mail in flight is held.
    pub spool: Arc<dyn Spool>,
}
