//! `[listen.NAME]`: where mail comes in.

use std::net::SocketAddr;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::{Source, Sourced};
use super::reader::{Section, Value};

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenKind {
    /// Takes mail from other servers.
    Mx,
    /// Takes mail from authors.
    Submission,
}

/// When a connection is secured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenTls {
    /// Never.
    None,
    /// When the client asks for it (RFC 3207).
    Starttls,
    /// From its first octet (RFC 8314 §3.3).
    Implicit,
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
    /// When its connections are secured.
    pub tls: ListenTls,
}

const ADDRESS: &str = "Addresses with their ports, an IPv6 address in brackets: \"[::1]:2525\".\n\
     Ports below 1024 need a privilege.";
const KIND: &str =
    "mx: takes mail from other servers. submission: takes mail from authors, and completes it.";
const TLS: &str = "starttls: when the client asks. implicit: from the first octet, as on port 465. none: never.\n\
     Default: starttls where [tls] names a certificate, else none.";

pub(super) const MX: SectionDoc = SectionDoc {
    name: "listen.mx",
    text: "Where mail comes in: any number of tables with names of your choice. Defining one replaces\n\
           the two that are there by default.",
    options: &[
        OptionDoc { key: "address", default: Shown::Value("[\"127.0.0.1:2525\"]"), text: ADDRESS },
        OptionDoc { key: "kind", default: Shown::Value("\"mx\""), text: KIND },
        OptionDoc { key: "tls", default: Shown::Example("\"starttls\""), text: TLS },
    ],
};

pub(super) const SUBMISSION: SectionDoc = SectionDoc {
    name: "listen.submission",
    text: "The same for authors.",
    options: &[
        OptionDoc { key: "address", default: Shown::Value("[\"127.0.0.1:2587\"]"), text: ADDRESS },
        OptionDoc { key: "kind", default: Shown::Value("\"submission\""), text: KIND },
        OptionDoc { key: "tls", default: Shown::Example("\"starttls\""), text: TLS },
    ],
};

pub(super) fn read(top: &Section<'_>) -> Vec<Listen> {
    let entries = top.table("listen").entries();
    let has_certificate = top.table("tls").get("certificate").is_some();
    if entries.is_empty() {
        return defaults(has_certificate);
    }
    let listeners: Vec<Listen> =
        entries.iter().filter_map(|(name, value)| read_one(name, value, has_certificate)).collect();
    let addresses: Vec<_> = entries
        .iter()
        .filter_map(|(_, value)| Some(value.table_quietly()?.get("address")?.items()))
        .flatten()
        .collect();
    tell_clashes(&addresses);
    listeners
}

fn defaults(has_certificate: bool) -> Vec<Listen> {
    let tls = if has_certificate { ListenTls::Starttls } else { ListenTls::None };
    let one = |name: &str, port, kind| Listen {
        name: name.into(),
        addresses: vec![Sourced::default_of(SocketAddr::from(([127, 0, 0, 1], port)))],
        kind,
        tls,
    };
    vec![one("mx", 2525, ListenKind::Mx), one("submission", 2587, ListenKind::Submission)]
}

fn read_one(name: &str, value: &Value<'_>, has_certificate: bool) -> Option<Listen> {
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
    let (kind, tls) = (read_kind(&section), read_tls(&section, has_certificate));
    Some(Listen { name: name.into(), addresses: addresses?, kind, tls })
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

fn read_tls(section: &Section<'_>, has_certificate: bool) -> ListenTls {
    let default = if has_certificate { ListenTls::Starttls } else { ListenTls::None };
    let Some(tls) = section.get("tls") else { return default };
    let wanted = match tls.text() {
        Some("none") => return ListenTls::None,
        Some("starttls") => ListenTls::Starttls,
        Some("implicit") => ListenTls::Implicit,
        Some(_) => {
            let remedy = "starttls: when the client asks; implicit: from the first octet";
            tls.wrong::<()>("\"none\", \"starttls\" or \"implicit\"", remedy);
            return default;
        }
        None => return default,
    };
    if !has_certificate {
        let title = format!("`{}` needs a certificate", tls.key());
        let remedy =
            "name the files: [tls] certificate = \"…\", key = \"…\"; or say tls = \"none\"";
        tls.tell(&title, "`certificate` and `key` under [tls]", remedy);
    }
    wanted
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
