//! Reception: listeners, and what is done with a connection before its session begins and after it
//! has ended. The session itself is in [`conversation`], its questions are answered in `answers`.

mod answers;
mod conversation;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use std::pin::pin;

use mail::{Reply, TlsFacts, Topic};
use queue::trust;
use smtp::server::{Peer, Privileges, Session, SessionOptions};
use tracing::{debug, info, warn};

use crate::Shared;
use crate::doors::{Listener, Secured, TlsFailure, Wire};
use conversation::{Conversation, End};

/// Pause after a failed accept (out of descriptors): the connection waits in the kernel.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener is told.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Its sessions. Mechanisms of AUTH that are left empty are those of the accounts.
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
    pub(crate) fn new(shared: &Shared, name: &str, options: ListenOptions) -> Self {
        let ListenOptions { mut session, implicit_tls } = options;
        if let Some(auth) = session.authentication.as_mut().filter(|it| it.mechanisms.is_empty()) {
            let logins = &shared.world.logins;
            auth.relayed = logins.relayed();
            auth.mechanisms = logins.mechanisms();
        }
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
    let client = wire.peer().ip().to_canonical();
    let mut peer = known(shared, &gate, client);
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
        Session::new(options, peer.clone(), now)
    };
    let mut conversation = Conversation::new(shared, wire, session, gate, client, peer);
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

/// What is known of a client when its session begins.
fn known(shared: &Shared, gate: &Gate, client: std::net::IpAddr) -> Peer {
    let (trusted, access) = (&shared.options.trust, &shared.options.access);
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
