//! One session over its wire: the machine is given what comes, and what it wants is done.

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mail::Reply;
use queue::submission::Identity;
use smtp::server::{Input, Notice, Output, Peer, Session};
use spool::{BodySink, SpoolError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until};
use tracing::info;

use super::notes::{Notes, Refusing};
use super::{Gate, secure};
use crate::authored::Seat;
use crate::doors::{LoginFacts, Wire};
use crate::login::Logging;
use crate::passing::Passing;
use crate::{Options, Shared, rewrite, turned};

/// Octets read at once, at first and when content streams in.
const READ: usize = 8 * 1024;
const READ_MAX: usize = 64 * 1024;
/// Octets of replies gathered before they are written.
const WRITE: usize = 16 * 1024;
/// How long a client may refuse to take our replies.
const WRITE_TIMEOUT: Duration = Duration::from_secs(300);

/// Why a conversation stops.
pub(super) enum End {
    /// It is over.
    Closed,
    /// It goes on within TLS.
    StartTls,
    /// The roles have turned round.
    Turned,
}

/// Content on its way in.
pub(super) struct Incoming {
    pub(super) sink: Option<Box<dyn BodySink>>,
    pub(super) passing: Passing,
    /// The first failure of the spool; what comes after it is read and dropped.
    pub(super) failed: Option<SpoolError>,
}

pub(super) struct Conversation<'a> {
    pub(super) shared: &'a Arc<Shared>,
    /// The configuration that decides: that of the moment when the transaction began.
    pub(super) options: Arc<Options>,
    wire: Box<dyn Wire>,
    pub(super) session: Session,
    pub(super) gate: Arc<Gate>,
    /// Who speaks: the peer of the wire, or the client that it speaks for.
    pub(super) client: IpAddr,
    /// What was known of the peer of the wire when it came.
    pub(super) peer: Peer,
    /// Its tries to log in, once there was one.
    pub(super) logging: Option<Logging>,
    /// As whom it has logged in.
    pub(super) identity: Option<Identity>,
    /// Queues that it has called for.
    pub(super) wanted: Vec<String>,
    /// Its mistakes are counted, as it is a stranger.
    pub(super) guarded: bool,
    /// Mistakes of the session that were counted.
    errors: u32,
    /// What each reply is held back for.
    tarpit: Duration,
    /// Its place among the sessions of that login.
    seat: Option<Seat>,
    /// What is said instead of taking mail: that login has too many sessions.
    pub(super) crowded: Option<Reply>,
    buffer: Vec<u8>,
    out: Vec<u8>,
    alarm: Alarm,
    pub(super) incoming: Option<Incoming>,
    /// Letters that were taken.
    pub(super) taken: u64,
    /// For the history.
    pub(super) notes: Notes,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        options: Arc<Options>,
        wire: Box<dyn Wire>,
        session: Session,
        gate: Arc<Gate>,
        client: IpAddr,
        peer: Peer,
    ) -> Self {
        let now = shared.world.clock.now();
        let until = now + gate.options.command_timeout;
        Self {
            notes: Notes::new(shared, now),
            buffer: vec![0; READ],
            out: Vec::with_capacity(512),
            alarm: Alarm::new(until),
            incoming: None,
            taken: 0,
            logging: None,
            identity: None,
            wanted: Vec::new(),
            guarded: false,
            errors: 0,
            tarpit: Duration::ZERO,
            seat: None,
            crowded: None,
            wire,
            session,
            gate,
            client,
            peer,
            options,
            shared,
        }
    }

    /// The other end is the server now: it gets the mail that it has called for.
    pub(super) async fn turned(self) {
        turned::send(self.shared, self.wire, self.wanted).await;
    }

    /// Counts the mistakes of a stranger, and remembers those it made before.
    pub(super) fn guard(&mut self, guarded: bool) {
        self.guarded = guarded;
        if guarded {
            let now = self.shared.world.clock.now();
            self.tarpit = self.shared.clients.lock().tarpit(self.client, now);
        }
    }

    /// Counts so many mistakes.
    pub(super) fn mistaken(&mut self, count: u32) {
        if !self.guarded || count == 0 {
            return;
        }
        let now = self.shared.world.clock.now();
        let mut clients = self.shared.clients.lock();
        (0..count).for_each(|_| clients.mistake(self.client, now));
        let tarpit = clients.tarpit(self.client, now);
        drop(clients);
        if self.tarpit.is_zero() && !tarpit.is_zero() {
            info!(event = "client.slowed", client = %self.client, ?tarpit, "too many mistakes");
        }
        self.tarpit = tarpit;
    }

    /// Octets that came before the session did.
    pub(super) fn heard(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.handle(Input::Bytes(octets));
        }
    }

    /// The same conversation within TLS; the machine has forgotten what was said before.
    pub(super) async fn secure(mut self) -> Option<Self> {
        let secured = secure(self.shared, self.wire, self.gate.options.handshake_timeout).await?;
        self.wire = secured.wire;
        self.identity = None;
        self.seat = None;
        self.peer.tls = Some(Arc::new(secured.facts.clone()));
        self.logging.iter_mut().for_each(Logging::secured);
        let now = self.shared.world.clock.now();
        self.session.handle(Input::Secured(secured.facts), now);
        Some(self)
    }

    pub(super) async fn run(&mut self) -> io::Result<End> {
        let shared = self.shared;
        let mut stop = pin!(shared.stopping());
        let mut stopped = false;
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    self.replied(&octets);
                    self.out.extend_from_slice(&octets);
                    if self.out.len() >= WRITE {
                        self.flush().await?;
                    }
                }
                Output::Content(octets) => self.take(octets).await,
                Output::Discard => self.incoming = None,
                Output::Ask(question) => {
                    let answer = self.answer(question).await;
                    self.handle(answer);
                }
                Output::StartTls => {
                    self.flush().await?;
                    return Ok(End::StartTls);
                }
                Output::Notice(notice) => self.notice(notice).await,
                Output::Turn => {
                    self.flush().await?;
                    return Ok(End::Turned);
                }
                Output::Close => {
                    self.flush().await?;
                    self.wire.shutdown().await?;
                    return Ok(End::Closed);
                }
                Output::Wait(until) => {
                    self.flush().await?;
                    tokio::select! {
                        biased;
                        () = &mut stop, if !stopped => {
                            stopped = true;
                            self.handle(Input::Shutdown);
                        }
                        read = self.wire.read(&mut self.buffer) => match read? {
                            0 => self.handle(Input::Closed),
                            len => self.received(len),
                        },
                        () = self.alarm.until(until) => self.handle(Input::Tick),
                    }
                }
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(input, self.shared.world.clock.now());
    }

    fn received(&mut self, len: usize) {
        let now = self.shared.world.clock.now();
        if let Some(octets) = self.buffer.get(..len) {
            self.session.handle(Input::Bytes(octets), now);
        }
        // A full buffer means that more waits. Only content is worth a larger one.
        if len == self.buffer.len() && len < READ_MAX && self.incoming.is_some() {
            self.buffer.resize(len * 2, 0);
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let errors = self.session.errors();
        if errors > self.errors {
            self.mistaken(errors - self.errors);
            self.errors = errors;
        }
        if !self.tarpit.is_zero() {
            tokio::time::sleep(self.tarpit).await;
        }
        // Within TLS a record may be begun and not be out yet: hence the flush.
        let write = async {
            self.wire.write_all(&self.out).await?;
            self.wire.flush().await
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, write).await;
        self.out.clear();
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// What the machine tells of.
    async fn notice(&mut self, notice: Notice) {
        let shared = self.shared;
        match notice {
            Notice::LoggedIn { login, mechanism } => {
                let mechanism = mechanism.name();
                self.said(format_args!("AUTH {mechanism} (as {login}; the rest is not kept)"));
                self.identity = self.logging().succeeded(shared, &login, mechanism).await;
                match Seat::take(shared, &login) {
                    Ok(seat) => self.seat = Some(seat),
                    Err(reply) => self.crowded = Some(reply),
                }
            }
            Notice::NotLoggedIn { failure, mechanism } => {
                let until = self.logging().locked_until(shared);
                let reason = queue::Reason::new(failed_login(&failure, until.is_some()));
                self.refused(Refusing {
                    step: "AUTH",
                    reply: &failure.reply(),
                    reason: Some(&reason),
                    login: failure.login.as_deref(),
                    until,
                });
                self.logging().failed(shared, &failure, mechanism.name());
            }
            notice => info!(event = "session.notice", client = %self.client, reason = %notice),
        }
    }

    /// The tries to log in of this connection.
    pub(super) fn logging(&mut self) -> &mut Logging {
        let facts = LoginFacts {
            client: self.client,
            local: self.wire.local().ip(),
            secured: self.peer.tls.is_some(),
        };
        self.logging.get_or_insert_with(|| Logging::new(facts))
    }

    /// What watches content pass. The header section of a letter is kept where it is completed or
    /// rewritten, or may say that it is a copy.
    fn passing(&self) -> Passing {
        let is_author = self.author().is_some();
        let is_copied = self.options.copies.is_some();
        let is_rewritten = || rewrite::looks(&self.options, self.is_own());
        Passing::new(is_author || is_copied || is_rewritten())
    }

    /// Whether the client is an author or host of ours.
    pub(super) fn is_own(&self) -> bool {
        self.options.access.trusts(Some(self.client)) || self.author().is_some()
    }

    /// Hands content on to the spool.
    pub(super) async fn take(&mut self, octets: Bytes) {
        if self.incoming.is_none() {
            self.notes.times.content = self.shared.world.clock.now();
            let begun = self.shared.world.spool.begin_body(None).await;
            let (sink, failed) = match begun {
                Ok(sink) => (Some(sink), None),
                Err(error) => (None, Some(error)),
            };
            self.incoming = Some(Incoming { sink, passing: self.passing(), failed });
        }
        let Some(incoming) = &mut self.incoming else { return };
        incoming.passing.feed(&octets);
        if let Some(sink) = &mut incoming.sink
            && let Err(error) = sink.write(octets).await
        {
            incoming.failed = Some(error);
            incoming.sink = None;
        }
    }
}

/// Why a login failed, for the operator.
fn failed_login(failure: &smtp::sasl::server::Failure, is_locked: bool) -> String {
    match is_locked {
        true => "too many logins have failed: no more are heard for a while".to_owned(),
        false => format!("the login failed: {:?}", failure.kind),
    }
}

/// A timer that is moved only when it must be: deadlines of a session nearly always move later.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    fn new(until: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(until.into())) }
    }

    /// Waits until `until`.
    async fn until(&mut self, until: Instant) {
        let until = until.into();
        loop {
            if until < self.sleep.deadline() {
                self.sleep.as_mut().reset(until);
            }
            self.sleep.as_mut().await;
            if self.sleep.deadline() >= until {
                return;
            }
            self.sleep.as_mut().reset(until);
        }
    }
}
