//! `[listen.NAME]`: where mail comes in.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::{Source, Sourced};
use super::reader::{Section, Value};
use super::relay;

/// Pause before the greeting at most: clients are to wait five minutes, many do not.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenKind {
    /// Takes mail from other servers.
    Mx,
    /// Takes mail from authors.
    Submission,
    /// Takes mail by LMTP.
    Lmtp,
    /// Hands out mail to hosts that are not always there.
    Odmr,
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
    /// Nothing is taken before STARTTLS.
    pub tls_required: bool,
    /// Proxies, which say in a PROXY header whom they bring.
    pub proxies: Vec<Sourced<IpNet>>,
    /// How long strangers wait for the greeting.
    pub greet_pause: Duration,
    /// Those who do not are only told of.
    pub pass_early_talkers: bool,
}

const ADDRESS: &str = "Addresses with their ports, an IPv6 address in brackets: \"[::1]:2525\".\n\
     Ports below 1024 need a privilege.";
const KIND: &str = "mx: takes mail from other servers. submission: takes mail from authors, and completes it.\n\
     lmtp: takes mail by LMTP, never on port 25. odmr: hands out mail with ATRN, on port 366.";
const TLS_REQUIRED: &str = "Whether STARTTLS has to come before mail (530 5.7.0). Not for a host that the Internet sends mail\n\
     to: RFC 3207 §4 forbids it there.";
const PROXIES: &str = "Proxies of your own that say with the PROXY protocol (version 1 or 2) whom they bring. From\n\
     them nothing else is taken.";
const GREET_PAUSE: &str = "How long strangers wait for the greeting. Servers do; many a spammer speaks first. At most \"30s\".";
const EARLY: &str = "What becomes of those who do not wait. refuse: 554. log: a line in the log.";
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
        OptionDoc { key: "tls-required", default: Shown::Value("false"), text: TLS_REQUIRED },
        OptionDoc { key: "proxies", default: Shown::Value("[]"), text: PROXIES },
        OptionDoc { key: "greet-pause", default: Shown::Value("\"0s\""), text: GREET_PAUSE },
        OptionDoc { key: "early-talkers", default: Shown::Value("\"refuse\""), text: EARLY },
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
        tls_required: false,
        proxies: Vec::new(),
        greet_pause: Duration::ZERO,
        pass_early_talkers: false,
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
    let proxies = section.get("proxies").map(|value| value.items()).unwrap_or_default();
    let listen = Listen {
        name: name.into(),
        addresses: addresses?,
        kind,
        tls,
        tls_required: read_required(&section, tls),
        proxies: proxies.iter().filter_map(relay::believed).collect(),
        greet_pause: read_pause(&section),
        pass_early_talkers: read_early(&section),
    };
    tell_lmtp(&section, &listen);
    Some(listen)
}

/// RFC 2033 §5: other servers send their mail to port 25, and nobody there expects LMTP.
fn tell_lmtp(section: &Section<'_>, listen: &Listen) {
    let is_smtp = listen.addresses.iter().any(|address| address.value.port() == 25);
    if let Some(kind) = section.get("kind").filter(|_| listen.kind == ListenKind::Lmtp && is_smtp) {
        let remedy = "give LMTP a port of its own, like 24, and keep 25 for kind = \"mx\"";
        kind.tell("LMTP is never served on port 25", "another port", remedy);
    }
}

fn read_required(section: &Section<'_>, tls: ListenTls) -> bool {
    let required = section.boolean("tls-required").unwrap_or(false);
    if let Some(value) = section.get("tls-required").filter(|_| required && tls == ListenTls::None)
    {
        let title = format!("`{}` without TLS lets nobody in", value.key());
        value.tell(&title, "tls = \"starttls\" beside it", "name a certificate under [tls]");
    }
    required
}

fn read_pause(section: &Section<'_>) -> Duration {
    let pause = section.duration("greet-pause").unwrap_or_default();
    if let Some(value) = section.get("greet-pause").filter(|_| pause > PAUSE_MAX) {
        let title = format!("`{}` is too long", value.key());
        value.tell(&title, "at most \"30s\"", "servers that wait longer may give up");
    }
    pause
}

/// Whether those who speak first are let in all the same.
fn read_early(section: &Section<'_>) -> bool {
    let Some(early) = section.get("early-talkers") else { return false };
    match early.text() {
        Some("log") => true,
        Some("refuse") | None => false,
        Some(_) => {
            early.wrong::<()>("refuse or log", "refuse: 554; log: a line in the log");
            false
        }
    }
}

fn read_kind(section: &Section<'_>) -> ListenKind {
    let Some(kind) = section.get("kind") else { return ListenKind::Mx };
    match kind.text() {
        Some("submission") => return ListenKind::Submission,
        Some("lmtp") => return ListenKind::Lmtp,
        Some("odmr") => return ListenKind::Odmr,
        Some("mx") | None => {}
        Some(_) => {
            kind.wrong::<()>(
                "mx, submission, lmtp or odmr",
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
