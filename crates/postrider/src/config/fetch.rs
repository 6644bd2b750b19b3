//! `[fetch.NAME]`: hosts that keep mail for us until we ask for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use engine::Asking;
use queue::route::{Service, Transport, is_name};
use smtp::client::{REQUEST_MAX, Request};
use smtp::grammar::{self, Release};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Source;
use super::reader::{Section, Value};
use super::route::{Named, Way, has_port, read_way};

/// The port of On-Demand Mail Relay (RFC 2645 §4).
pub(super) const ODMR_PORT: u16 = 366;
/// Providers may refuse who asks too often (RFC 2645 §5.2.1).
const EVERY_MIN: Duration = Duration::from_secs(60);

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "fetch.\"isp\"",
    text: "Hosts that keep mail for us until we ask for it: any number of tables. For a host that is\n\
           not always there, or that nobody may connect to. `postrider fetch` asks at once, `postrider etrn`\n\
           any host. What comes is taken or refused as from any other: our domains stand in [local], [relay].",
    options: &[
        OptionDoc {
            key: "from",
            default: Shown::Example("\"smtp:[mail.example.net]\""),
            text: "The host, as a route names it, with `source` and `login` in a table where they are needed:\n\
                   { to = \"smtp:[mail.example.net]\", login = \"office\" }. Its port is 366 for ATRN and 25 for\n\
                   ETRN unless another is named. How we log in there says [smarthost].",
        },
        OptionDoc {
            key: "command",
            default: Shown::Example("\"atrn\""),
            text: "atrn (the default): the mail comes over the connection that we make (RFC 2645); it needs\n\
                   a login, and no address that stays. etrn: the host sends it to us as it would anyway, only\n\
                   now (RFC 1985).",
        },
        OptionDoc {
            key: "domains",
            default: Shown::Example("[\"example.net\"]"),
            text: "Whose mail. With atrn nothing means all that our login may have; with etrn also \"@example.net\"\n\
                   for all below a domain and \"#NAME\" for a queue of that host.",
        },
        OptionDoc {
            key: "every",
            default: Shown::Example("\"15m\""),
            text: "How often it is asked, first when the server starts; at least \"1m\". Default: only when\n\
                   `postrider fetch` says so.",
        },
    ],
};

/// `[fetch.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Its name in logs.
    pub name: String,
    /// Where the host is, and how it is gone to.
    pub from: Way,
    /// What it is asked for.
    pub asking: Asking,
    /// How often.
    pub every: Option<Duration>,
    /// Where that stands.
    pub source: Source,
}

pub(super) fn read(section: &Section<'_>, named: &Named<'_>) -> Vec<Fetch> {
    let entries = section.entries();
    entries.into_iter().filter_map(|(name, value)| read_one(name, &value, named)).collect()
}

fn read_one(name: &str, value: &Value<'_>, named: &Named<'_>) -> Option<Fetch> {
    if !is_name(name) {
        let title = format!("{name:?} is no name of a host to ask");
        let remedy = "letters, digits, - _ and . inside, at most 64";
        value.tell(&title, "a name that `postrider fetch` can be told", remedy);
        return None;
    }
    let table = value.table()?;
    table.only(&DOC, &[]);
    let (is_etrn, every) = (read_command(&table), read_every(&table));
    let asking = if is_etrn { read_names(value, &table) } else { read_domains(&table) };
    let Some(from) = table.get("from") else {
        let remedy = "from = \"smtp:[odmr.isp.example]\"";
        value.tell(&format!("`{}` has no host", value.key()), "`from` in it", remedy);
        return None;
    };
    let way = read_host(&from, named, is_etrn)?;
    if !is_etrn {
        tell_login(&from, &way, named);
    }
    Some(Fetch { name: name.to_owned(), from: way, asking: asking?, every, source: value.source() })
}

/// Whether it is ETRN.
fn read_command(table: &Section<'_>) -> bool {
    let Some(command) = table.get("command") else { return false };
    match command.text() {
        Some("etrn") => true,
        Some("atrn") | None => false,
        Some(_) => {
            let remedy = "atrn: over our connection; etrn: the host connects to us";
            command.wrong::<()>("\"atrn\" or \"etrn\"", remedy);
            false
        }
    }
}

/// One host that speaks SMTP, with the port that belongs to the command.
fn read_host(from: &Value<'_>, named: &Named<'_>, is_etrn: bool) -> Option<Way> {
    let mut way = read_way(from, named)?;
    match &mut way.to.value {
        Transport::Host { service: Service::Smtp, port, .. } => {
            if !is_etrn && !has_port(from) {
                *port = ODMR_PORT;
            }
        }
        Transport::Host { service: Service::Smtps, .. } => {}
        _ => {
            let remedy = "one host: \"smtp:[odmr.isp.example]\", or \"smtps:…\" over TLS";
            return from.wrong("\"smtp:HOST\" or \"smtps:HOST\"", remedy);
        }
    }
    Some(way)
}

fn read_domains(table: &Section<'_>) -> Option<Asking> {
    let domains = table.domains("domains").unwrap_or_default();
    let domains: Vec<_> = domains.into_iter().map(|domain| domain.value).collect();
    if let Some(value) = table.get("domains") {
        if domains.iter().any(|domain| !domain.ascii().contains('.')) {
            return value.wrong("full names of domains, like \"example.net\"", "RFC 2645 §5.2.1");
        }
        if Request::Turn(domains.clone()).is_too_long() {
            let title =
                format!("`{}` makes a command of more than {REQUEST_MAX} octets", value.key());
            let remedy = "without `domains` the host hands over all that our login may have";
            value.tell(&title, "fewer domains, or none", remedy);
            return None;
        }
    }
    Some(Asking::Turn(domains))
}

fn read_names(value: &Value<'_>, table: &Section<'_>) -> Option<Asking> {
    /// What ETRN may name.
    struct Name(Release);
    impl FromStr for Name {
        type Err = NoName;

        fn from_str(text: &str) -> Result<Self, NoName> {
            let release = grammar::release(text.as_bytes()).map_err(|_| NoName)?;
            let is_too_long = Request::Release(release.clone()).is_too_long();
            if is_too_long { Err(NoName) } else { Ok(Self(release)) }
        }
    }
    let expected = "a domain with a dot in it, \"@example.net\" or \"#NAME\"";
    let names = table.list::<Name>("domains", expected, "RFC 1985 §5");
    let names: Vec<Release> =
        names.unwrap_or_default().into_iter().map(|name| name.value.0).collect();
    if names.is_empty() {
        let title = format!("`{}` asks for nothing", value.key());
        let remedy = "domains = [\"example.net\"]: ETRN needs the names whose mail is to be sent";
        value.tell(&title, "`domains` in it", remedy);
        return None;
    }
    Some(Asking::Release(names))
}

/// A text that ETRN cannot name.
#[derive(Debug)]
struct NoName;

impl fmt::Display for NoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither a domain nor a queue")
    }
}

/// ATRN is for who has logged in (RFC 2645 §5.2.1).
fn tell_login(from: &Value<'_>, way: &Way, named: &Named<'_>) {
    let Transport::Host { host, .. } = &way.to.value else { return };
    let login = way.login.as_ref().map_or("", |login| login.value.as_str());
    if named.smarthosts.iter().any(|known| known.host == *host && known.name == login) {
        return;
    }
    let title = format!("ATRN needs a login at {host}, and there is none");
    let expected = format!("a table [smarthost.\"{host}\"]");
    from.tell(&title, &expected, "it says our name there, and where the secret is");
}

fn read_every(table: &Section<'_>) -> Option<Duration> {
    let every = table.duration("every")?;
    if every < EVERY_MIN {
        let value = table.get("every")?;
        let title = format!("`{}` is too short", value.key());
        value.tell(&title, "at least \"1m\"", "hosts refuse those who ask too often");
        return None;
    }
    Some(every)
}
