//! What the engine is told, and how it is told anew while it runs.
//!
//! The options are replaced as a whole. Who decides something takes them once, with
//! [`Shared::options`], and holds them until the decision stands: a transaction from `MAIL` to the
//! end of its content, an admission, an attempt. So no decision sees half of one configuration and
//! half of another. What is remembered (clients, failed logins, quotas, destinations) stays and is
//! measured by the new bounds from then on.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::receive::Gate;
use crate::{Engine, ListenOptions, Options, Shared};

/// One configuration, with what is made from it.
///
/// Taken a few times for a letter: a read lock that nobody else holds and a count, some 20 ns.
pub(crate) struct Settings(RwLock<Told>);

struct Told {
    options: Arc<Options>,
    /// What all sessions of our client share.
    client: Arc<smtp::client::SessionOptions>,
    /// The listeners by name.
    gates: BTreeMap<String, Arc<Gate>>,
}

impl Settings {
    pub(crate) fn new(options: Options) -> Self {
        let client = client(&options);
        Self(RwLock::new(Told { options: Arc::new(options), client, gates: BTreeMap::new() }))
    }
}

fn client(options: &Options) -> Arc<smtp::client::SessionOptions> {
    Arc::new(smtp::client::SessionOptions {
        // RFC 6531 §3.7.1.
        hostname: options.hostname.ascii().to_owned(),
        timeouts: options.timeouts.clone(),
    })
}

impl Shared {
    /// The configuration of now. Hold it for as long as one decision takes, and no longer.
    pub(crate) fn options(&self) -> Arc<Options> {
        self.settings.0.read().options.clone()
    }

    /// What all sessions of our client share.
    pub(crate) fn client_options(&self) -> Arc<smtp::client::SessionOptions> {
        self.settings.0.read().client.clone()
    }

    /// A listener as it is configured now, and the configuration that belongs to it.
    pub(crate) fn gate(&self, first: &Arc<Gate>) -> (Arc<Gate>, Arc<Options>) {
        let told = self.settings.0.read();
        let gate = told.gates.get(&first.name).unwrap_or(first);
        (gate.clone(), told.options.clone())
    }

    /// Remembers a listener, so that it can be told something else later.
    pub(crate) fn open_gate(&self, name: &str, options: ListenOptions) -> Arc<Gate> {
        let gate = Arc::new(Gate::new(self, name, options));
        self.settings.0.write().gates.insert(name.to_owned(), gate.clone());
        gate
    }
}

impl Engine {
    /// Goes on with other options: what begins from now on is decided by them, what is under way
    /// ends by the old ones. `listeners` are those that [`listen`](Self::listen) was called for; one
    /// that is not named stays as it is.
    ///
    /// [`node`](Options::node) and [`memory`](Options::memory) stay: they are for a whole life.
    pub fn reload(
        &self,
        mut options: Options,
        listeners: impl IntoIterator<Item = (String, ListenOptions)>,
    ) {
        let shared = &self.shared;
        let before = shared.options();
        (options.node, options.memory) = (before.node, before.memory);
        shared.lockout.lock().set_limits(options.lockout.clone());
        shared.clients.lock().set_limits(options.clients.clone());
        shared.quota.lock().set_rates(options.rates);
        shared.dispatcher.set_limits(options.limits.clone());
        shared.outgoing.set_most(options.connections.clone());
        // The fault may have been here, and mended.
        shared.silent.lock().forget();
        let gates: Vec<_> = listeners
            .into_iter()
            .map(|(name, listen)| {
                let gate = Arc::new(Gate::new(shared, &name, listen));
                (name, gate)
            })
            .collect();
        let client = client(&options);
        let mut told = shared.settings.0.write();
        told.options = Arc::new(options);
        told.client = client;
        told.gates.extend(gates);
        drop(told);
        shared.names.forget();
        shared.reloaded.notify_waiters();
    }

    /// The options of now.
    pub fn options(&self) -> Arc<Options> {
        self.shared.options()
    }
}
