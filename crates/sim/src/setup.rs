//! Options for the hosts of a world.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::{EightBit, Level, Options, Smarthosts, TlsLevels, Transports};
use ipnet::IpNet;
use mail::DomainName;
use queue::access::{Access, Users};
use queue::route::Routes;
use queue::schedule::Schedule;
use queue::schedule::limits::{LimitTable, Told};
use smtp::client::Timeouts;
use smtp::server::{Kind, SessionOptions};

/// A name that is a constant of a scenario.
///
/// # Panics
/// When it is none: the scenario is wrong.
pub fn name(text: &str) -> DomainName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// So many connections to each destination.
pub fn connections(connections: usize) -> LimitTable {
    let mut limits = LimitTable::default();
    limits.default.connections.value = connections;
    limits
}

/// Options of a host called `hostname` that takes mail for `users` of `domains` and relays for the
/// clients of `networks`.
pub fn options(hostname: &str, domains: &[&str], users: &[&str], networks: &[IpNet]) -> Options {
    let access = Access {
        local_domains: domains.iter().map(|domain| name(domain)).collect::<BTreeSet<_>>(),
        users: Users::listed(users),
        relay_networks: networks.to_vec(),
        ..Access::new(name(hostname))
    };
    Options {
        hostname: name(hostname),
        node: 0,
        access,
        routes: Routes::default(),
        schedule: Schedule::default(),
        rewriting: Default::default(),
        copies: None,
        srs: None,
        trust: queue::trust::Trust::default(),
        clients: queue::clients::Limits::default(),
        lockout: queue::lockout::Limits::default(),
        submission: queue::submission::Rules::default(),
        rates: queue::submission::Rates::default(),
        limits: connections(5),
        double_bounces: true,
        outbound_port: 25,
        chunking: true,
        smarthosts: Smarthosts::new(),
        transports: Transports::default(),
        tls_levels: TlsLevels::all(Level::Opportunistic),
        eight_bit: EightBit::Convert,
        // Few, so that worlds in bad weather come to the bound.
        connections: Told::plain(6),
        outbound_source: Vec::new(),
        own_addresses: Vec::new(),
        own_ports: vec![25],
        providers: Vec::new(),
        connect_timeout: Duration::from_secs(30),
        timeouts: Timeouts::default(),
        paused: false,
        sessions: 100,
        memory: 1024 * 1024,
        zone: 0,
    }
}

/// Options of the sessions of that host's listener.
pub fn session(hostname: &str) -> SessionOptions {
    SessionOptions {
        message_size: 1_000_000,
        recipients: 100,
        ..SessionOptions::new(hostname, Kind::Mx)
    }
}
