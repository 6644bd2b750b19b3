//! `[relay]`: for whom mail is passed on.

use std::net::IpAddr;

use ipnet::IpNet;
use mail::address::DomainName;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "relay",
    text: "For whom mail is passed on to other hosts. Nobody else can send through us.",
    options: &[
        OptionDoc {
            key: "networks",
            default: Shown::Value("[\"127.0.0.0/8\", \"::1\"]"),
            text: "Who may send to anywhere: addresses and networks of your own.",
        },
        OptionDoc {
            key: "domains",
            default: Shown::Value("[]"),
            text: "Domains whose mail is taken from anyone and passed on: as their backup or gateway.",
        },
    ],
};

/// The largest networks one site can have, by their prefix: more is the Internet itself.
const PREFIX_MIN: (u8, u8) = (8, 16);

/// `[relay]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    /// Who may send to anywhere.
    pub networks: Vec<Sourced<IpNet>>,
    /// Whose mail is passed on for anyone.
    pub domains: Vec<Sourced<DomainName>>,
}

impl Relay {
    /// The network by which `peer` may send to anywhere.
    pub fn trusts(&self, peer: IpAddr) -> Option<&Sourced<IpNet>> {
        let peer = peer.to_canonical();
        self.networks.iter().find(|network| network.contains(&peer))
    }
}

pub(super) fn read(section: &Section<'_>) -> Relay {
    section.only(&DOC, &[]);
    let networks = section.get("networks").map(|value| value.items());
    let networks = networks.map(|items| items.iter().filter_map(read_network).collect::<Vec<_>>());
    let domains = section.domains("domains");
    Relay { networks: networks.unwrap_or_else(loopback), domains: domains.unwrap_or_default() }
}

/// This host itself.
pub(super) fn loopback() -> Vec<Sourced<IpNet>> {
    let texts = ["127.0.0.0/8", "::1/128"];
    texts.iter().filter_map(|text| text.parse().ok()).map(Sourced::default_of).collect()
}

fn read_network(value: &Value<'_>) -> Option<Sourced<IpNet>> {
    let remedy =
        "name the networks of your own hosts: strangers would send their mail in your name";
    narrow(value, "this host would be an open relay", remedy)
}

/// Networks of hosts that are believed whom they speak for.
pub(super) fn believed(value: &Value<'_>) -> Option<Sourced<IpNet>> {
    let remedy = "name your own proxies only: strangers could say that they are anybody";
    narrow(value, "this host would believe strangers", remedy)
}

/// A network that one site can have.
fn narrow(value: &Value<'_>, title: &str, remedy: &str) -> Option<Sourced<IpNet>> {
    let found = network(value)?;
    let least = if found.addr().is_ipv4() { PREFIX_MIN.0 } else { PREFIX_MIN.1 };
    if found.prefix_len() < least {
        value.tell(title, &format!("networks of your own, /{least} or smaller"), remedy);
        return None;
    }
    Some(found)
}

/// An address or a network.
pub(super) fn network(value: &Value<'_>) -> Option<Sourced<IpNet>> {
    let expected = "an address or a network, like \"192.0.2.1\" or \"2001:db8::/32\"";
    let text = value.text()?;
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let Ok(network) = text.parse::<IpNet>().or_else(|_| address()) else {
        return value.wrong(expected, "names are not looked up here: write addresses");
    };
    if network.trunc() != network {
        let remedy =
            format!("write \"{}\", or \"{}\" for the one host", network.trunc(), network.addr());
        value.tell(&format!("{text} is a host inside a network"), expected, &remedy);
        return None;
    }
    Some(value.sourced(network))
}
