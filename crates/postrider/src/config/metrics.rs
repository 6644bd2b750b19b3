//! `[metrics]`: figures for those who watch the server.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::Sourced;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;
use super::relay;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "metrics",
    text: "Figures over HTTP for those who watch this server: /metrics for Prometheus, /health (it lives)\n\
           and /ready (it takes mail).",
    options: &[
        OptionDoc {
            key: "address",
            default: Shown::Value("[]"),
            text: "Addresses with their ports: [\"127.0.0.1:9525\"]. Empty: nowhere.",
        },
        OptionDoc {
            key: "networks",
            default: Shown::Value("[\"127.0.0.0/8\", \"::1\"]"),
            text: "Who may ask; others get 403. The figures name the domains that mail waits for.",
        },
    ],
};

/// `[metrics]`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where it listens.
    pub addresses: Vec<Sourced<SocketAddr>>,
    /// Who may ask.
    pub networks: Vec<Sourced<IpNet>>,
}

pub(super) fn read(section: &Section<'_>) -> Metrics {
    section.only(&DOC, &[]);
    let expected = "an address with its port, like \"127.0.0.1:9525\"";
    let remedy = "on all addresses: \"0.0.0.0:PORT\"; networks says who may ask";
    let networks = section.get("networks").map(|value| value.items());
    let networks =
        networks.map(|items| items.iter().filter_map(relay::network).collect::<Vec<_>>());
    Metrics {
        addresses: section.list("address", expected, remedy).unwrap_or_default(),
        networks: networks.unwrap_or_else(relay::loopback),
    }
}
