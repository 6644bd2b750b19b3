//! Reception: listeners, and what is done with a connection before its session begins and after it
//! has ended. The session itself is in [`conversation`], its questions are answered in `answers`.

mod answers;
mod conversation;
mod early;
mod notes;
mod proxied;

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mail::{Reply, TlsFacts, Topic};
use queue::Reason;
use queue::access::Verdict;
use queue::trust::{self, IpNet};
use smtp::server::{Peer, Privileges, Session, SessionOptions};
use tracing::{debug, info, warn};

use crate::doors::{Listener, Secured, TlsFailure, Wire};
use crate::{Options, Shared};
use conversation::{Conversation, End};
use notes::Refusing;

/// Pause after a failed accept (out of descriptors): the connection waits in the kernel.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener is told.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Its sessions. Mechanisms of AUTH that are left empty are those of the accounts.
    pub session: SessionOptions,
    /// TLS comes before the greeting (RFC 8314 §3.3).
    pub implicit_tls: bool,
    /// Proxies, which say in a PROXY header whom they bring.
    pub proxies: Vec<IpNet>,
    /// How long strangers wait for the greeting.
    pub greet_pause: Duration,
    /// What becomes of those who do not.
    pub early_talkers: EarlyTalkers,
}

/// What becomes of a client that speaks before it is greeted, which no mail server does
/// (RFC 5321 §4.3.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EarlyTalkers {
    /// It is refused: 554.
    #[default]
    Refuse,
    /// The log tells of it.
    Tell,
}

impl From<SessionOptions> for ListenOptions {
    /// A listener that has nothing to do before its sessions begin.
    fn from(session: SessionOptions) -> Self {
        Self {
            session,
            implicit_tls: false,
            proxies: Vec::new(),
            greet_pause: Duration::ZERO,
            early_talkers: EarlyTalkers::Refuse,
        }
    }
}

/// One listener as its sessions see it.
pub(crate) struct Gate {
    /// Its name in the configuration.
    pub(crate) name: String,
    pub(crate) options: Arc<SessionOptions>,
    implicit_tls: bool,
    proxies: Vec<IpNet>,
    greet_pause: Duration,
    early_talkers: EarlyTalkers,
}

impl Gate {
    /// One with nothing before its sessions.
    fn plain(name: &str, options: Arc<SessionOptions>) -> Self {
        Self {
            name: name.to_owned(),
            options,
            implicit_tls: false,
            proxies: Vec::new(),
            greet_pause: Duration::ZERO,
            early_talkers: EarlyTalkers::Refuse,
        }
    }

    pub(crate) fn new(shared: &Shared, name: &str, options: ListenOptions) -> Self {
        let ListenOptions { mut session, implicit_tls, proxies, greet_pause, early_talkers } =
            options;
        if let Some(auth) = session.authentication.as_mut().filter(|it| it.mechanisms.is_empty()) {
            let logins = &shared.world.logins;
            auth.relayed = logins.relayed();
            auth.mechanisms = logins.mechanisms();
        }
        let options = Arc::new(session);
        Self { name: name.to_owned(), options, implicit_tls, proxies, greet_pause, early_talkers }
    }
}

/// The session in which a host that was called (`[fetch.NAME]`) hands over our mail, on the wire that
/// we have made: it begins with our greeting (RFC 2645 §5.3). Gives the number of letters taken.
///
/// It is held to the rules for every host: being called gives no leave to relay. Only the bounds
/// against strangers are not for whom we have called ourselves.
pub(crate) async fn turned(
    shared: &Arc<Shared>,
    name: &str,
    session: Arc<SessionOptions>,
    wire: Box<dyn Wire>,
    tls: Option<TlsFacts>,
) -> u64 {
    shared.sessions.fetch_add(1, Ordering::Relaxed);
    shared.counts.session();
    let _counted = Counted(shared.clone());
    let (options, remote) = (shared.options(), wire.peer());
    let client = remote.ip().to_canonical();
    let gate = Arc::new(Gate::plain(name, session));
    // The wire is as secure as it was made, and is not begun anew.
    let tls = tls.map(Arc::new);
    let peer = Peer { tls, can_secure: false, ..known(shared, &options, &gate, client) };
    let session = Session::new(gate.options.clone(), peer.clone(), shared.world.clock.now());
    let mut conversation = Conversation::new(shared, options, wire, session, gate, client, peer);
    match conversation.run().await {
        Ok(End::Closed) => {}
        // Neither is offered.
        Ok(End::StartTls | End::Turned) => debug!(event = "session.odd", peer = %remote),
        Err(error) => debug!(event = "session.broken", peer = %remote, %error),
    }
    conversation.taken
}

/// Accepts connections until the host goes down, each as the listener is configured when it comes.
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
                let (gate, options) = shared.gate(&gate);
                let session = serve(shared.clone(), options, wire, gate);
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

/// A client that is counted, as long as its connection lives.
struct Guest<'a> {
    shared: &'a Shared,
    client: IpAddr,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.shared.clients.lock().closed(self.client);
    }
}

/// One connection, counted, from its beginning to its end.
async fn serve(
    shared: Arc<Shared>,
    options: Arc<Options>,
    mut wire: Box<dyn Wire>,
    gate: Arc<Gate>,
) {
    let before = shared.sessions.fetch_add(1, Ordering::Relaxed);
    shared.counts.session();
    let _counted = Counted(shared.clone());
    let peer = wire.peer();
    debug!(event = "session.opened", %peer, listener = gate.name);
    let crowded = before >= options.sessions;
    let held = match brought(&gate, &mut wire).await {
        Ok(client) => hold(&shared, options, wire, gate, client, crowded).await,
        Err(error) => {
            info!(event = "proxy.refused", proxy = %peer, listener = gate.name, %error);
            return;
        }
    };
    if let Err(error) = held {
        debug!(event = "session.broken", %peer, %error);
    }
    debug!(event = "session.closed", %peer);
}

/// Who speaks: the peer, or whom a proxy brings.
async fn brought(gate: &Gate, wire: &mut Box<dyn Wire>) -> io::Result<IpAddr> {
    let peer = wire.peer().ip().to_canonical();
    if !trust::within(&gate.proxies, peer) {
        return Ok(peer);
    }
    let client = proxied::client(wire).await?.map(|client| client.ip().to_canonical());
    if let Some(client) = client {
        debug!(event = "session.proxied", proxy = %peer, %client, listener = gate.name);
    }
    Ok(client.unwrap_or(peer))
}

/// A session, with what comes before it and the handshakes within it.
async fn hold(
    shared: &Arc<Shared>,
    options: Arc<Options>,
    mut wire: Box<dyn Wire>,
    gate: Arc<Gate>,
    client: IpAddr,
    crowded: bool,
) -> io::Result<()> {
    let ours = trust::within(&options.access.relay_networks, client);
    // Those whom we trust to send anywhere are trusted not to flood us.
    let guest = (!ours).then(|| Guest { shared, client });
    let welcome = match guest {
        Some(_) => welcome(shared, client),
        None => Ok(()),
    };
    let (welcome, refused) = match welcome {
        Ok(()) => (Ok(()), None),
        Err((reply, reason)) => (Err(reply.clone()), Some((reply, reason))),
    };
    let mut peer = known(shared, &options, &gate, client);
    if gate.implicit_tls {
        let Some(secured) = secure(shared, wire, gate.options.handshake_timeout).await else {
            return Ok(());
        };
        wire = secured.wire;
        peer.tls = Some(Arc::new(secured.facts));
    }
    let early = match ours {
        true => Vec::new(),
        false => early::wait(shared, &gate, client, &mut wire).await?,
    };
    let session = session(shared, &gate, peer.clone(), welcome, crowded, !early.is_empty());
    let mut conversation = Conversation::new(shared, options, wire, session, gate, client, peer);
    conversation.guard(guest.is_some());
    if let Some((reply, reason)) = &refused {
        conversation.refused(Refusing::new("connection", reply, Some(reason)));
    }
    conversation.heard(&early);
    loop {
        match conversation.run().await? {
            End::Closed => return Ok(()),
            End::Turned => {
                // In a box, as below: few sessions come here, and each has as much memory as its largest
                // step takes.
                Box::pin(conversation.turned()).await;
                return Ok(());
            }
            End::StartTls => match Box::pin(conversation.secure()).await {
                Some(secured) => conversation = secured,
                None => return Ok(()),
            },
        }
    }
}

/// Whether a client is within its bounds.
fn welcome(shared: &Shared, client: IpAddr) -> Result<(), (Reply, Reason)> {
    match shared.clients.lock().opened(client, shared.world.clock.now()) {
        Verdict::Accept { .. } => Ok(()),
        Verdict::Refuse { reply, reason } => {
            shared.counts.refused_session();
            info!(event = "client.refused", %client, %reply, %reason);
            Err((reply, reason))
        }
    }
}

/// The session of a client that has come, or the refusal of one.
fn session(
    shared: &Shared,
    gate: &Gate,
    peer: Peer,
    welcome: Result<(), Reply>,
    crowded: bool,
    early: bool,
) -> Session {
    let (now, options) = (shared.world.clock.now(), gate.options.clone());
    if crowded {
        let busy = Reply::new(421, Topic(4, 5), "too many connections, try again later");
        return Session::refused(options, busy, now);
    }
    match welcome {
        Err(reply) => Session::refused(options, reply, now),
        Ok(()) if early && gate.early_talkers == EarlyTalkers::Refuse => {
            let text = format!("{} takes nothing from who speaks first", options.hostname);
            Session::refused(options, Reply::bare(554, text), now)
        }
        Ok(()) => Session::new(options, peer, now),
    }
}

/// What is known of a client when its session begins.
fn known(shared: &Shared, options: &Options, gate: &Gate, client: IpAddr) -> Peer {
    let (trusted, access) = (&options.trust, &options.access);
    let ours = trust::within(&access.relay_networks, client);
    let mut chance = [0; 32];
    if gate.options.authentication.is_some() {
        for octets in chance.chunks_mut(8) {
            octets.copy_from_slice(&shared.world.random.next().to_be_bytes());
        }
    }
    Peer {
        tls: None,
        can_secure: shared.world.tls.can_accept(),
        may: Privileges {
            release: trust::within(&trusted.release, client),
            expand: trust::within(&trusted.verify, client),
            prioritise: ours,
            vouch: ours,
            submit: ours,
            proxy: trust::within(&trusted.proxy, client),
        },
        time: shared.world.clock.wall(),
        chance,
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
