//! From which of our addresses a connection is made, how we call ourselves on it, and as whom we log
//! in: what the name of a queue says beside the next hop.

use std::net::IpAddr;
use std::sync::Arc;

use mail::DomainName;
use queue::route::Via;
use queue::search::Facts;
use smtp::client::SessionOptions;
use tracing::error;

use crate::{Options, Shared};

/// Addresses that connections are made from, and the name that belongs to them
/// (`[source.NAME]`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// At most one of each family.
    pub addresses: Vec<IpAddr>,
    /// What we say in EHLO; none: the name of this host.
    pub hello: Option<DomainName>,
}

/// The way out of one worker's connections.
pub(crate) struct Departure {
    via: Via,
    /// One address of each family at most; none: the system chooses.
    addresses: Vec<IpAddr>,
    /// What all sessions by this way share.
    pub(crate) client: Arc<SessionOptions>,
}

impl Departure {
    /// What the name of a queue says. A source that is configured no more is no source: its mail gets
    /// another queue at the next attempt, before it is tried.
    pub(crate) fn of_queue(shared: &Shared, options: &Options, queue: &str) -> Arc<Self> {
        let via = Via::of_queue(queue);
        let named = via.from.as_deref().and_then(|name| options.transports.sources.get(name));
        if let (Some(name), None) = (&via.from, named) {
            error!(event = "source.unknown", %queue, name);
        }
        let mut client = shared.client_options();
        if let Some(hello) = named.and_then(|source| source.hello.as_ref()) {
            // RFC 6531 §3.7.1.
            let hostname = hello.ascii().to_owned();
            client = Arc::new(SessionOptions { hostname, ..SessionOptions::clone(&client) });
        }
        let addresses = named.map_or(&options.outbound_source, |source| &source.addresses).clone();
        Arc::new(Self { via, addresses, client })
    }

    /// The login among those we have at a host.
    pub(crate) fn login(&self) -> Option<&str> {
        self.via.login.as_deref()
    }

    /// Our address on the way to `to`.
    pub(crate) fn address(&self, to: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().find(|from| from.is_ipv4() == to.is_ipv4()).copied()
    }

    /// What a search must know of this host.
    pub(crate) fn facts(&self, shared: &Shared) -> Facts {
        let options = shared.options();
        let mut own_addresses = shared.world.network.own_addresses();
        own_addresses.extend_from_slice(&options.own_addresses);
        let mut own_names = vec![options.hostname.clone()];
        own_names.extend(options.transports.sources.values().filter_map(|one| one.hello.clone()));
        Facts {
            own_names,
            own_addresses,
            own_ports: options.own_ports.clone(),
            // Who sends from a loopback address means other hosts by the others.
            loopback_is_own: !self.addresses.iter().any(IpAddr::is_loopback),
            port: options.outbound_port,
            ..Facts::default()
        }
    }
}
