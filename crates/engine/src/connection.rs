//! One outgoing connection: the client machine of `smtp` joined to a wire.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use mail::{Reply, TlsFacts};
use queue::history::{Dialogue, Part};
use smtp::client::{
    Extensions, Input, Lost, Outcome, Output, RecipientResult, Request, Session, SessionError,
    Step, Transaction,
};
use smtp::sasl::Mechanism;
use spool::SpoolError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout_at;

use crate::content::Content;
use crate::doors::{Clock, Secured, Tls, TlsFailure, TlsWish, Wire};
use crate::place::Place;
use crate::security::Demand;

/// Octets gathered before they are written.
const WRITE: usize = 64 * 1024;
/// Octets read at once: replies are short.
const READ: usize = 4 * 1024;
/// How long a write may stand still; the machine's own clock bounds the waits for replies.
const WRITE_TIMEOUT: Duration = Duration::from_secs(180);

/// An open session with a next hop.
pub(crate) struct Connection {
    wire: Box<dyn Wire>,
    session: Session,
    clock: Arc<dyn Clock>,
    buffer: Box<[u8]>,
    out: Vec<u8>,
    /// Octets came since the last transaction began.
    heard: bool,
    /// Why it is secured as it is, as records tell it.
    pub(crate) policy: Arc<str>,
    /// The host was proved to be the right one (RFC 8689 §2).
    pub(crate) proved: bool,
    /// It was opened for mail that does without what the destination publishes; other mail does not.
    pub(crate) lenient: bool,
    /// The host hung up on EHLO, and the session began with HELO: what it offers is not known.
    pub(crate) guessed: bool,
    /// The host at the other end, as an operator knows it.
    pub(crate) remote: String,
    /// When it was opened.
    pub(crate) opened: Instant,
    /// Its place among the sessions of the destination.
    pub(crate) place: Option<Place>,
    /// What is said, for the attempt under way.
    pub(crate) dialogue: Dialogue,
}

/// What is needed to secure a connection.
pub(crate) struct Handshake {
    pub(crate) tls: Arc<dyn Tls>,
    pub(crate) wish: TlsWish,
    /// How it failed, for who counts failures by their kind.
    pub(crate) failure: Arc<OnceLock<TlsFailure>>,
}

impl Handshake {
    /// Secures `wire`, within `until`.
    pub(crate) async fn perform(
        &self,
        wire: Box<dyn Wire>,
        until: Instant,
    ) -> Result<Secured, SessionError> {
        match timeout_at(until.into(), self.tls.connect(wire, &self.wish)).await {
            Ok(Ok(secured)) => Ok(secured),
            Ok(Err(failure)) => {
                let what = failure.to_string();
                let _ = self.failure.set(failure);
                Err(SessionError::TlsFailed(what))
            }
            Err(_) => Err(SessionError::Lost(Step::Handshake, Lost::TimedOut)),
        }
    }
}

/// What the machine is waiting for.
enum Event {
    StartTls,
    Ready,
    WantContent,
    Done(Outcome),
    Answered(Option<Reply>),
    Turned,
    Failed(SessionError),
    Closed,
}

/// What follows the reply to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// The session goes on.
    Ready,
    /// The other end is the client now, and waits to be greeted.
    Turned,
    /// The session is over.
    Closed,
}

/// What became of the transaction, and whether our own side was at fault.
pub(crate) struct Transacted {
    pub(crate) outcome: Outcome,
    pub(crate) fault: Option<SpoolError>,
    /// The session takes another transaction.
    pub(crate) usable: bool,
    /// Octets came from the other end.
    pub(crate) heard: bool,
}

impl Connection {
    /// Opens a session over `wire`, `session` being a machine at its beginning: greeting and EHLO
    /// are done when this returns, and the connection is secured if the machine wants that.
    pub(crate) async fn open(
        wire: Box<dyn Wire>,
        session: Session,
        tls: Handshake,
        handshake_timeout: Duration,
        clock: Arc<dyn Clock>,
        remote: String,
        dialogue: &mut Dialogue,
    ) -> Result<Self, SessionError> {
        let now = clock.now();
        let buffer = vec![0; READ].into_boxed_slice();
        let out = Vec::with_capacity(8 * 1024);
        let mut this = Self {
            wire,
            session,
            clock,
            buffer,
            out,
            heard: false,
            policy: Arc::from(""),
            proved: false,
            lenient: false,
            guessed: false,
            remote,
            opened: now,
            place: None,
            dialogue: std::mem::take(dialogue),
        };
        loop {
            match this.turn().await {
                Event::Ready => {
                    std::mem::swap(&mut this.dialogue, dialogue);
                    return Ok(this);
                }
                Event::StartTls => {
                    // What was read so far has been given to the machine, which takes no more.
                    let until = this.clock.now() + handshake_timeout;
                    let secured = match tls.perform(this.wire, until).await {
                        Ok(secured) => secured,
                        Err(error) => {
                            *dialogue = this.dialogue;
                            let now = this.clock.now();
                            match &error {
                                SessionError::TlsFailed(what) => {
                                    dialogue.tell(Part::Done, now, format_args!("{what}"));
                                }
                                _ => dialogue.tell(
                                    Part::Done,
                                    now,
                                    format_args!("the TLS handshake came to no end"),
                                ),
                            }
                            return Err(error);
                        }
                    };
                    this.wire = secured.wire;
                    tell_secured(&mut this.dialogue, this.clock.now(), &secured.facts);
                    this.handle(Input::Secured(secured.facts));
                }
                Event::Failed(error) => {
                    this.close().await;
                    *dialogue = this.dialogue;
                    return Err(error);
                }
                Event::WantContent
                | Event::Done(_)
                | Event::Answered(_)
                | Event::Turned
                | Event::Closed => {
                    *dialogue = this.dialogue;
                    return Err(SessionError::Lost(Step::Greeting, Lost::Closed));
                }
            }
        }
    }

    /// Whether the other end has said nothing, not even goodbye, since the last transaction.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.wire).poll_read(&mut context, &mut buffer).is_pending()
    }

    /// Whether mail with this demand may go this way: nothing that needs a verified host rides on a
    /// session that was opened with less.
    pub(crate) fn satisfies(&self, demand: Demand) -> bool {
        let guarded = !self.lenient || demand.tls_optional;
        guarded && (!demand.require_tls || (self.proved && self.tls().is_some()))
    }

    /// Our own end.
    pub(crate) fn local(&self) -> IpAddr {
        self.wire.local().ip()
    }

    /// What the other end offers.
    pub(crate) fn extensions(&self) -> &Extensions {
        self.session.extensions()
    }

    /// With which mechanism we were let in.
    pub(crate) fn logged_in(&self) -> Option<Mechanism> {
        self.session.logged_in()
    }

    /// How the connection is secured; none in the clear.
    pub(crate) fn tls(&self) -> Option<&TlsFacts> {
        self.session.tls()
    }

    /// Performs one transaction.
    pub(crate) async fn transact(
        &mut self,
        transaction: Transaction,
        content: &mut Content,
    ) -> Transacted {
        let count = transaction.recipients.len();
        let mut fault = None;
        self.heard = false;
        self.handle(Input::Begin(transaction));
        let mut outcome = None;
        loop {
            match self.turn().await {
                Event::WantContent => match content.next().await {
                    Ok(Some(chunk)) => self.handle(Input::Content(&chunk)),
                    Ok(None) => self.handle(Input::ContentEnd),
                    Err(error) => {
                        fault = Some(error);
                        self.handle(Input::Abort);
                    }
                },
                Event::Done(done) => outcome = Some(done),
                Event::Ready => {
                    let outcome = outcome.unwrap_or_else(|| lost(count, Step::Idle));
                    return Transacted { outcome, fault, usable: true, heard: self.heard };
                }
                Event::Failed(_) | Event::StartTls | Event::Answered(_) | Event::Turned => {}
                Event::Closed => {
                    let outcome = outcome.unwrap_or_else(|| lost(count, Step::Idle));
                    return Transacted { outcome, fault, usable: false, heard: self.heard };
                }
            }
        }
    }

    /// Asks for something that is no mail: gives what was said to it, which is none where the host does
    /// not offer it, and how the session goes on.
    ///
    /// # Errors
    /// The session has failed, and is over.
    pub(crate) async fn request(
        &mut self,
        request: Request,
    ) -> Result<(Option<Reply>, Then), SessionError> {
        self.handle(Input::Request(request));
        let (mut answer, mut failed) = (None, None);
        loop {
            match self.turn().await {
                Event::Answered(reply) => answer = Some(reply),
                Event::Ready => return Ok((answer.flatten(), Then::Ready)),
                Event::Turned => return Ok((answer.flatten(), Then::Turned)),
                Event::Failed(error) => failed = Some(error),
                Event::Closed => {
                    let lost = SessionError::Lost(Step::Idle, Lost::Closed);
                    return match (answer, failed) {
                        (Some(reply), None) => Ok((reply, Then::Closed)),
                        (_, failed) => Err(failed.unwrap_or(lost)),
                    };
                }
                Event::StartTls | Event::WantContent | Event::Done(_) => {}
            }
        }
    }

    /// The wire alone, after the roles have turned round.
    pub(crate) fn into_wire(self) -> Box<dyn Wire> {
        self.wire
    }

    /// Ends the session properly.
    pub(crate) async fn quit(mut self) {
        self.handle(Input::Quit);
        self.close().await;
    }

    /// Runs the machine until it has closed.
    async fn close(&mut self) {
        while !matches!(self.turn().await, Event::Closed) {}
        // The peer has what it needs; a shutdown that fails changes nothing.
        let _ = self.wire.shutdown().await;
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(input, self.clock.now());
    }

    /// Carries octets both ways until the machine has something to say.
    async fn turn(&mut self) -> Event {
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    self.dialogue.ours(self.clock.now(), &octets);
                    self.out.extend_from_slice(&octets);
                }
                Output::SendSecret(octets) => {
                    self.dialogue.secret(self.clock.now());
                    self.out.extend_from_slice(&octets);
                }
                Output::SendContent(octets) => {
                    self.dialogue.content(self.clock.now(), octets.len());
                    self.out.extend_from_slice(&octets);
                    if self.out.len() >= WRITE {
                        self.send().await;
                    }
                }
                Output::Wait(until) if self.out.is_empty() => self.read(until).await,
                // The wait for a reply begins when all has gone out.
                Output::Wait(_) => self.send().await,
                Output::StartTls => return Event::StartTls,
                Output::WantContent => return Event::WantContent,
                Output::Done(outcome) => return Event::Done(outcome),
                Output::Answered(reply) => return Event::Answered(reply),
                Output::Turned => return Event::Turned,
                Output::Failed(error) => return Event::Failed(error),
                Output::Ready => return Event::Ready,
                Output::Close => {
                    // A last QUIT may be in the buffer; the connection ends either way.
                    let _ = self.flush().await;
                    return Event::Closed;
                }
            }
        }
    }

    /// Sends what was gathered. After a failure nothing more may follow on this connection: the
    /// peer would take what comes for the next octets of a message that lacks some.
    async fn send(&mut self) {
        match self.flush().await {
            Ok(()) => self.handle(Input::Sent),
            Err(_) => self.after_broken_write().await,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let until = (self.clock.now() + WRITE_TIMEOUT).into();
        let written = timeout_at(until, self.wire.write_all(&self.out)).await;
        self.out.clear();
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn read(&mut self, until: Instant) {
        let read = timeout_at(until.into(), self.wire.read(&mut self.buffer)).await;
        let now = self.clock.now();
        match read {
            Err(_) => {
                self.dialogue.tell(Part::Done, now, format_args!("no reply came in time"));
                self.session.handle(Input::Tick, now);
            }
            Ok(Ok(0) | Err(_)) => {
                self.dialogue.tell(Part::Done, now, format_args!("the connection has ended"));
                self.session.handle(Input::Closed, now);
            }
            Ok(Ok(len)) => {
                self.heard = true;
                self.dialogue.theirs(now, &self.buffer[..len]);
                self.session.handle(Input::Bytes(&self.buffer[..len]), now);
            }
        }
    }

    /// A server that refuses and closes while we still write has said why: read that first.
    async fn after_broken_write(&mut self) {
        let until = self.clock.now() + Duration::from_secs(1);
        let read = timeout_at(until.into(), self.wire.read(&mut self.buffer)).await;
        let now = self.clock.now();
        self.dialogue.tell(Part::Done, now, format_args!("the connection broke while we wrote"));
        if let Ok(Ok(len @ 1..)) = read {
            self.heard = true;
            self.dialogue.theirs(now, &self.buffer[..len]);
            self.session.handle(Input::Bytes(&self.buffer[..len]), now);
        }
        self.session.handle(Input::Closed, now);
    }
}

/// How the connection is secured.
pub(crate) fn tell_secured(dialogue: &mut Dialogue, now: Instant, facts: &TlsFacts) {
    let TlsFacts { version, cipher, group, peer, .. } = facts;
    let group = group.as_deref().unwrap_or("no group");
    let peer = peer.as_deref().unwrap_or("a certificate that was not looked at");
    dialogue.tell(Part::Done, now, format_args!("{version} {cipher} {group}, {peer}"));
}

fn lost(count: usize, step: Step) -> Outcome {
    Outcome { recipients: vec![RecipientResult::Lost(step, Lost::Closed); count] }
}

/// Connects within `limit`.
pub(crate) async fn connect(
    connecting: impl Future<Output = io::Result<Box<dyn Wire>>>,
    until: Instant,
) -> io::Result<Box<dyn Wire>> {
    timeout_at(until.into(), connecting)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

/// `host [address]:port`, as records and reports name it.
pub(crate) fn remote_name(host: &str, address: SocketAddr) -> String {
    if host.starts_with("unix:") {
        return host.to_owned();
    }
    match (host, address.port()) {
        ("", 25) => format!("[{}]", address.ip()),
        ("", port) => format!("[{}]:{port}", address.ip()),
        (host, 25) => format!("{host} [{}]", address.ip()),
        (host, port) => format!("{host} [{}]:{port}", address.ip()),
    }
}
