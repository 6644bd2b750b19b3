//! `[listen.NAME]`: where mail comes in.

use std::net::SocketAddr;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::{Source, Sourced};
use super::reader::{Section, Value};

/// Said of every key that asks for TLS.
pub(super) const NO_TLS: &str = "this version has no TLS yet";

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenKind {
    /// Takes mail from other servers.
    Mx,
    /// Takes mail from authors.
    Submission,
}

/// `[listen.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// Its name in logs.
    pub name: String,
    /// The addresses with their ports, at least one.
    pub addresses: Vec<Sourced<SocketAddr>>,
    /// What it is for.
    pub kind: ListenKind,
}

const ADDRESS: &str = "Addresses with their ports, an IPv6 address in brackets: \"[::1]:2525\".\n\
     Ports below 1024 need a privilege.";
const KIND: &str =
    "mx: takes mail from other servers. submission: takes mail from authors, and completes it.";
const TLS: &str = "none: this version has no TLS yet.";

pub(super) const MX: SectionDoc = SectionDoc {
    name: "listen.mx",
    text: "Where mail comes in: any number of tables with names of your choice. Defining one replaces\n\
           the two that are there by default.",
    options: &[
        OptionDoc { key: "address", default: Shown::Value("[\"127.0.0.1:2525\"]"), text: ADDRESS },
        OptionDoc { key: "kind", default: Shown::Value("\"mx\""), text: KIND },
        OptionDoc { key: "tls", default: Shown::Value("\"none\""), text: TLS },
    ],
};

pub(super) const SUBMISSION: SectionDoc = SectionDoc {
    name: "listen.submission",
    text: "The same for authors.",
    options: &[
        OptionDoc { key: "address", default: Shown::Value("[\"127.0.0.1:2587\"]"), text: ADDRESS },
        OptionDoc { key: "kind", default: Shown::Value("\"submission\""), text: KIND },
        OptionDoc { key: "tls", default: Shown::Value("\"none\""), text: TLS },
    ],
};

pub(super) fn read(top: &Section<'_>) -> Vec<Listen> {
    let entries = top.table("listen").entries();
    if entries.is_empty() {
        return defaults();
    }
    let listeners: Vec<Listen> =
        entries.iter().filter_map(|(name, value)| read_one(name, value)).collect();
    let addresses: Vec<_> = entries
        .iter()
        .filter_map(|(_, value)| Some(value.table_quietly()?.get("address")?.items()))
        .flatten()
        .collect();
    tell_clashes(&addresses);
    listeners
}

fn defaults() -> Vec<Listen> {
    let one = |name: &str, port, kind| Listen {
        name: name.into(),
        addresses: vec![Sourced::default_of(SocketAddr::from(([127, 0, 0, 1], port)))],
        kind,
    };
    vec![one("mx", 2525, ListenKind::Mx), one("submission", 2587, ListenKind::Submission)]
}

fn read_one(name: &str, value: &Value<'_>) -> Option<Listen> {
    let section = value.table()?;
    section.only(&MX, &[]);
    let expected = "an address with its port, like \"127.0.0.1:2525\" or \"[::1]:2525\"";
    let remedy = "to listen on all addresses say \"0.0.0.0:PORT\" and \"[::]:PORT\"";
    let addresses = section.list("address", expected, remedy);
    if section.get("address").is_none() {
        value.tell(&format!("`{}` has no address", value.key()), "address = [\"…\"]", remedy);
    } else if let Some(list) = section.get("address").filter(|list| list.items().is_empty()) {
        list.tell(&format!("`{}` is empty", list.key()), expected, "name one, or remove the table");
    }
    read_tls(&section);
    Some(Listen { name: name.into(), addresses: addresses?, kind: read_kind(&section) })
}

fn read_kind(section: &Section<'_>) -> ListenKind {
    let Some(kind) = section.get("kind") else { return ListenKind::Mx };
    match kind.text() {
        Some("submission") => return ListenKind::Submission,
        Some("lmtp") => {
            let remedy = "use mx, or remove the listener";
            kind.tell("this version does not serve LMTP yet", "mx or submission", remedy);
        }
        Some("mx") | None => {}
        Some(_) => {
            kind.wrong::<()>(
                "mx or submission",
                "mx: from other servers; submission: from authors",
            );
        }
    }
    ListenKind::Mx
}

fn read_tls(section: &Section<'_>) {
    let Some(tls) = section.get("tls") else { return };
    match tls.text() {
        Some("none") | None => {}
        Some("starttls" | "implicit") => {
            let remedy = "say tls = \"none\"; keep passwords and strangers away from this listener";
            tls.tell(NO_TLS, "\"none\"", remedy);
        }
        Some(_) => {
            tls.wrong::<()>("\"none\"", "");
        }
    }
}

/// Two listeners cannot have one port of one address. Port 0 is any free port.
fn tell_clashes(values: &[Value<'_>]) {
    let mut seen: Vec<(SocketAddr, Source)> = Vec::new();
    for value in values {
        let Some(address) = value.text_quietly().and_then(|text| text.parse().ok()) else {
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| clash(*other, address)) {
            let title = format!("two listeners would share {address}");
            value.tell(&title, "another address or port", &format!("the first is at {first}"));
        }
        seen.push((address, value.source()));
    }
}

fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && one.is_ipv4() == other.is_ipv4() && overlap
}
