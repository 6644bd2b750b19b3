//! `[outbound]`: how other hosts are reached.

use std::net::IpAddr;

use engine::{EightBit, Level};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "outbound",
    text: "How other hosts are reached.",
    options: &[
        OptionDoc {
            key: "port",
            default: Shown::Value("25"),
            text: "The port of exchangers. Another one than 25 only in a world of your own.",
        },
        OptionDoc {
            key: "tls",
            default: Shown::Value("\"auto\""),
            text: "How connections to other hosts are secured, where [tls-policy] says nothing else:\n\
                   \"auto\"           what the destination publishes, by DANE or MTA-STS; else by STARTTLS where\n\
                   \u{20}                it is offered, with any certificate, and in the clear where TLS fails\n\
                   \"opportunistic\"  by STARTTLS where it is offered, whatever is published\n\
                   \"required\"       as \"auto\", but with TLS, or the mail waits\n\
                   \"verify\"         as \"required\", and with a certificate of the host or the domain\n\
                   \"dane\"           only by DANE, or the mail waits\n\
                   \"sts\"            only by DANE or a policy of MTA-STS, even one that is in testing\n\
                   \"none\"           never\n\
                   Of the Internet at large nothing more than \"auto\" can be expected. A route \"smtps:HOST\"\n\
                   is always secured and verified.",
        },
        OptionDoc {
            key: "policy-port",
            default: Shown::Value("443"),
            text: "The port of the hosts that serve policies (MTA-STS). Another one only in a world of your own.",
        },
        OptionDoc {
            key: "eight-bit",
            default: Shown::Value("\"convert\""),
            text: "What is done with content that another host does not take as it is, since it has octets\n\
                   beyond ASCII or is not in lines:\n\
                   \"convert\"          parts are encoded, nothing is lost; signatures over them break, and the\n\
                   \u{20}                  log says so\n\
                   \"keep-signatures\"  the same, but what is signed goes back to its sender\n\
                   \"return\"           it goes back to its sender",
        },
        OptionDoc {
            key: "chunking",
            default: Shown::Value("true"),
            text: "Content goes by BDAT where CHUNKING is offered, a small letter in one group with its\n\
                   envelope. A host that offers it and does not know BDAT is found out by itself.",
        },
        OptionDoc {
            key: "connections",
            default: Shown::Value("1000"),
            text: "Connections to other hosts at once, over all destinations. Who wants one more waits in line;\n\
                   a busy connection gives its place up after ten seconds. Each takes a descriptor, and some\n\
                   20 KiB. What one destination gets is queue.destination-connections.",
        },
        OptionDoc {
            key: "source",
            default: Shown::Value("[]"),
            text: "Our addresses to connect from, at most one of each family: [\"192.0.2.1\", \"2001:db8::1\"].\n\
                   Empty: the system chooses.",
        },
        OptionDoc {
            key: "own-addresses",
            default: Shown::Value("[]"),
            text: "Addresses outside this host that lead here (address translation, a balancer), so that we\n\
                   know ourselves among the exchangers of a domain. Those of our interfaces are known.",
        },
    ],
};

/// Connections to other hosts at once, where the file says nothing: fifty slow destinations may have all
/// that one gets at most.
const CONNECTIONS: usize = 1000;

/// `[outbound]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    /// The port of exchangers.
    pub port: u16,
    /// How connections are secured at the least.
    pub tls: Level,
    /// The port of policy hosts.
    pub policy_port: u16,
    /// What is done with content that a host does not take.
    pub eight_bit: EightBit,
    /// Content goes by BDAT where that is offered.
    pub chunking: bool,
    /// Connections at once, over all destinations.
    pub connections: usize,
    /// The addresses to connect from, at most one of each family.
    pub source: Vec<Sourced<IpAddr>>,
    /// Outside addresses that are us.
    pub own_addresses: Vec<Sourced<IpAddr>>,
}

impl Outbound {
    /// The address to connect from when going to `to`.
    pub fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        self.source.iter().map(|source| source.value).find(|own| own.is_ipv4() == to.is_ipv4())
    }
}

/// One of the words for [`Level`].
pub(super) fn read_level(value: &Value<'_>) -> Option<Level> {
    let text = value.text()?;
    text.parse().ok().or_else(|| {
        let expected =
            "\"auto\", \"opportunistic\", \"required\", \"verify\", \"dane\", \"sts\" or \"none\"";
        value.wrong(expected, "\"auto\" keeps to what the destination publishes")
    })
}

fn read_eight_bit(section: &Section<'_>) -> EightBit {
    let Some(value) = section.get("eight-bit") else { return EightBit::default() };
    let what = match value.text() {
        None => None,
        Some("convert") => Some(EightBit::Convert),
        Some("keep-signatures") => Some(EightBit::KeepSignatures),
        Some("return") => Some(EightBit::Return),
        Some(_) => value.wrong(
            "\"convert\", \"keep-signatures\" or \"return\"",
            "remove the key: content is converted",
        ),
    };
    what.unwrap_or_default()
}

const ADDRESS: &str = "an address without port, like \"192.0.2.1\" or \"2001:db8::1\"";

/// The addresses of `key`.
pub(super) fn one_of_each_family(section: &Section<'_>, key: &str) -> Vec<Sourced<IpAddr>> {
    let addresses: Vec<Sourced<IpAddr>> = section.list(key, ADDRESS, "").unwrap_or_default();
    let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    if let Some(value) = section.get(key).filter(|_| v4 > 1 || addresses.len() - v4 > 1) {
        let title = format!("`{}` has two addresses of one family", value.key());
        value.tell(&title, "at most one IPv4 and one IPv6 address", "keep the one others know");
    }
    addresses
}

pub(super) fn read(section: &Section<'_>) -> Outbound {
    section.only(&DOC, &[]);
    let port = section.number("port", 1..=u64::from(u16::MAX));
    let policy_port = section.number("policy-port", 1..=u64::from(u16::MAX));
    let connections = section.number("connections", 1..=100_000);
    let source = one_of_each_family(section, "source");
    Outbound {
        port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(25),
        tls: section.get("tls").and_then(|value| read_level(&value)).unwrap_or_default(),
        policy_port: policy_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(443),
        eight_bit: read_eight_bit(section),
        chunking: section.boolean("chunking").unwrap_or(true),
        connections: connections.and_then(|most| usize::try_from(most).ok()).unwrap_or(CONNECTIONS),
        source,
        own_addresses: section.list("own-addresses", ADDRESS, "").unwrap_or_default(),
    }
}
