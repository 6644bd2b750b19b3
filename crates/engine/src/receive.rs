//! Reception: listeners, sessions, and the answers that the session machine asks for.

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mail::{Reply, TlsFacts, Topic};
use queue::access::{self, Verdict};
use queue::record::Origin;
use smtp::server::{Input, Output, Peer, Question, Session, SessionOptions, Transaction};
use spool::{BodySink, SpoolError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::Shared;
use crate::admit::{Admission, Refusal};
use crate::doors::{Listener, Secured, TlsFailure, Wire};
use crate::passing::Passing;

/// Octets read at once, at first and when content streams in.
const READ: usize = 8 * 1024;
const READ_MAX: usize = 64 * 1024;
/// Octets of replies gathered before they are written.
const WRITE: usize = 16 * 1024;
/// How long a client may refuse to take our replies.
const WRITE_TIMEOUT: Duration = Duration::from_secs(300);
/// Pause after a failed accept (out of descriptors): the connection waits in the kernel.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener is told.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Its sessions.
    pub session: SessionOptions,
    /// TLS comes before the greeting (RFC 8314 §3.3).
    pub implicit_tls: bool,
}

impl From<SessionOptions> for ListenOptions {
    /// A listener that has nothing to do before its sessions begin.
    fn from(session: SessionOptions) -> Self {
        Self { session, implicit_tls: false }
    }
}

/// One listener as its sessions see it.
pub(crate) struct Gate {
    /// Its name in the configuration.
    pub(crate) name: String,
    pub(crate) options: Arc<SessionOptions>,
    implicit_tls: bool,
}

impl Gate {
    pub(crate) fn new(name: &str, options: ListenOptions) -> Self {
        let ListenOptions { session, implicit_tls } = options;
        Self { name: name.to_owned(), options: Arc::new(session), implicit_tls }
    }
}

/// Accepts connections until the host goes down.
pub(crate) async fn accept(shared: Arc<Shared>, listener: Arc<dyn Listener>, gate: Arc<Gate>) {
    let mut stop = pin!(shared.stopping());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(wire) => {
                let session = serve(shared.clone(), wire, gate.clone());
                shared.world.tasks.spawn(Box::pin(session));
            }
            Err(error) => {
                warn!(event = "accept.failed", listener = gate.name, %error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A session that is counted, until its task ends in whatever way.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.notify_waiters();
    }
}

/// One connection, counted, from its beginning to its end.
async fn serve(shared: Arc<Shared>, wire: Box<dyn Wire>, gate: Arc<Gate>) {
    let before = shared.sessions.fetch_add(1, Ordering::Relaxed);
    let _counted = Counted(shared.clone());
    let peer = wire.peer();
    debug!(event = "session.opened", %peer, listener = gate.name);
    let crowded = before >= shared.options.sessions;
    if let Err(error) = hold(&shared, wire, gate, crowded).await {
        debug!(event = "session.broken", %peer, %error);
    }
    debug!(event = "session.closed", %peer);
}

/// A session, with the handshakes before and within it.
async fn hold(
    shared: &Arc<Shared>,
    mut wire: Box<dyn Wire>,
    gate: Arc<Gate>,
    crowded: bool,
) -> io::Result<()> {
    let mut peer = Peer { tls: None, can_secure: shared.world.tls.can_accept() };
    if gate.implicit_tls {
        let Some(secured) = secure(shared, wire, gate.options.handshake_timeout).await else {
            return Ok(());
        };
        wire = secured.wire;
        peer.tls = Some(Arc::new(secured.facts));
    }
    let now = shared.world.clock.now();
    let options = gate.options.clone();
    let session = if crowded {
        let busy = Reply::new(421, Topic(4, 5), "too many connections, try again later");
        Session::refused(options, busy, now)
    } else {
        Session::new(options, peer, now)
    };
    let until = now + gate.options.command_timeout;
    let mut conversation = Conversation {
        client: wire.peer().ip().to_canonical(),
        buffer: vec![0; READ],
        out: Vec::with_capacity(512),
        alarm: Alarm::new(until),
        incoming: None,
        wire,
        session,
        gate,
        shared,
    };
    loop {
        match conversation.run().await? {
            End::Closed => return Ok(()),
            End::StartTls => match conversation.secure().await {
                Some(secured) => conversation = secured,
                None => return Ok(()),
            },
        }
    }
}

/// The handshake of a server, within its time.
async fn secure(shared: &Shared, wire: Box<dyn Wire>, time: Duration) -> Option<Secured> {
    let peer = wire.peer();
    let stalled = |_| Err(TlsFailure::Handshake("it took too long".to_owned()));
    let handshake = tokio::time::timeout(time, shared.world.tls.accept(wire)).await;
    match handshake.unwrap_or_else(stalled) {
        Ok(secured) => {
            let TlsFacts { version, cipher, .. } = &secured.facts;
            debug!(event = "session.secured", %peer, version, cipher);
            Some(secured)
        }
        Err(error) => {
            info!(event = "handshake.failed", %peer, %error);
            None
        }
    }
}

/// Why a conversation stops.
enum End {
    /// It is over.
    Closed,
    /// It goes on within TLS.
    StartTls,
}

/// Content on its way in.
struct Incoming {
    sink: Option<Box<dyn BodySink>>,
    passing: Passing,
    /// The first failure of the spool; what comes after it is read and dropped.
    failed: Option<SpoolError>,
}

struct Conversation<'a> {
    shared: &'a Arc<Shared>,
    wire: Box<dyn Wire>,
    session: Session,
    gate: Arc<Gate>,
    client: IpAddr,
    buffer: Vec<u8>,
    out: Vec<u8>,
    alarm: Alarm,
    incoming: Option<Incoming>,
}

impl Conversation<'_> {
    /// The same conversation within TLS; the machine has forgotten what was said before.
    async fn secure(mut self) -> Option<Self> {
        let secured = secure(self.shared, self.wire, self.gate.options.handshake_timeout).await?;
        self.wire = secured.wire;
        let now = self.shared.world.clock.now();
        self.session.handle(Input::Secured(secured.facts), now);
        Some(self)
    }

    async fn run(&mut self) -> io::Result<End> {
        let shared = self.shared;
        let mut stop = pin!(shared.stopping());
        let mut stopped = false;
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    self.out.extend_from_slice(&octets);
                    if self.out.len() >= WRITE {
                        self.flush().await?;
                    }
                }
                Output::Content(octets) => self.take(octets).await,
                Output::Discard => self.incoming = None,
                Output::Ask(question) => {
                    let reply = self.answer(question).await;
                    self.handle(Input::Answer(reply));
                }
                Output::StartTls => {
                    self.flush().await?;
                    return Ok(End::StartTls);
                }
                Output::Notice(notice) => {
                    info!(event = "session.notice", client = %self.client, reason = %notice);
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
        // Within TLS a record may be begun and not be out yet: hence the flush.
        let write = async {
            self.wire.write_all(&self.out).await?;
            self.wire.flush().await
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, write).await;
        self.out.clear();
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Hands content on to the spool.
    async fn take(&mut self, octets: Bytes) {
        if self.incoming.is_none() {
            let begun = self.shared.world.spool.begin_body(None).await;
            let (sink, failed) = match begun {
                Ok(sink) => (Some(sink), None),
                Err(error) => (None, Some(error)),
            };
            self.incoming = Some(Incoming { sink, passing: self.shared.passing(), failed });
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

    async fn answer(&mut self, question: Question) -> Reply {
        let shared = self.shared;
        match question {
            Question::Sender { path, .. } => {
                if let Err(error) = shared.world.spool.healthy() {
                    return Refusal::from(error).reply();
                }
                let verdict = access::sender(&shared.options.access, Some(self.client), &path);
                let sender_ok = || Reply::new(250, Topic(1, 0), "sender ok");
                self.told(verdict, sender_ok, || path.to_string())
            }
            Question::Recipient { path, .. } => {
                let verdict = access::recipient(&shared.options.access, Some(self.client), &path);
                let recipient_ok = || Reply::new(250, Topic(1, 5), "recipient ok");
                self.told(verdict, recipient_ok, || path.to_string())
            }
            Question::Message(transaction) => self.message(*transaction).await,
            Question::Verify(text) => access::verify(&text),
            Question::Expand(text) => access::expand(&text),
        }
    }

    /// The reply of a verdict; a refusal leaves a line for the operator.
    fn told<T>(
        &self,
        verdict: Verdict<T>,
        accepted: impl Fn() -> Reply,
        path: impl Fn() -> String,
    ) -> Reply {
        match verdict {
            Verdict::Accept { .. } => accepted(),
            Verdict::Refuse { reply, reason } => {
                let (path, client) = (path(), self.client);
                info!(event = "envelope.refused", %client, path, %reply, %reason);
                reply
            }
        }
    }

    /// The answer to a complete message: 250 only from the receipt of the spool.
    async fn message(&mut self, transaction: Transaction) -> Reply {
        let shared = self.shared;
        // Content of no octets never reached `take`.
        if self.incoming.is_none() {
            self.take(Bytes::new()).await;
        }
        let Some(incoming) = self.incoming.take() else { return local_error() };
        let sink = match (incoming.sink, incoming.failed) {
            (Some(sink), None) => sink,
            (_, failed) => {
                let client = self.client;
                warn!(event = "content.not-stored", %client, error = ?failed);
                return failed.map_or_else(local_error, |error| Refusal::from(error).reply());
            }
        };
        let origin = Origin {
            client: Some(self.client),
            protocol: transaction.with().word().to_owned(),
            hello: Some(transaction.hello.name),
            listener: self.gate.name.clone(),
            login: transaction.login,
            tls: transaction.tls.as_deref().cloned(),
            ..Origin::default()
        };
        let admission =
            Admission { envelope: transaction.envelope, origin, passing: incoming.passing };
        match shared.admit(admission, sink).await {
            Ok(accepted) => accepted.reply(),
            Err(refusal) => refusal.reply(),
        }
    }
}

fn local_error() -> Reply {
    Reply::new(451, Topic(3, 0), "local error in processing, try again later")
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
