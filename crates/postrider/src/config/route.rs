//! `[route]`: how mail goes on. Only the form of values is read here, and that names refer to
//! something; what they do is left to the engine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use mail::address::DomainName;
use queue::domains::DomainPattern;
use queue::route::{AddressPattern, Host, Transport};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};
use super::source::Source;
use super::table::{self, Table};
use super::{Pipe, Smarthost};
use crate::doors::MailboxTemplate;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "route",
    text: "How mail goes on. Keys are domains, \".example.org\" for all below one; the longest that fits\n\
           counts. Of all rules one for the recipient comes first, then one for exactly his domain, then\n\
           our own domains, then the longest \".suffix\", then one for the sender, then the default.\n\
           \"mx\"                       to the exchangers that DNS names\n\
           \"smtp:HOST\"                all to one host: named, or by address, \"smtp:[192.0.2.1]:2525\";\n\
           \u{20}                          a name in brackets is not asked for its exchangers\n\
           \"smtps:HOST\"               the same over TLS from the first octet on, at port 465, with a\n\
           \u{20}                          good certificate\n\
           \"lmtp:[HOST]:PORT\"         to a mail store, which delivers it; also \"lmtp:unix:/PATH\"\n\
           [\"smtp:[a]\", \"smtp:[b]\"]   to the first of these that can be reached and takes mail, up to 8;\n\
           \u{20}                          [\"mx\", \"smtp:[b]\"] falls back to a host of ours\n\
           \"mailbox:maildir:/PATH\"    into a mailbox that is there, with {domain} and {user} in the path;\n\
           \u{20}                          also \"mailbox:mbox:/PATH\"\n\
           \"pipe:NAME\"                to the program of [pipe.NAME]\n\
           \"local\"                    into the mailbox of a user here\n\
           \"discard\"                  nowhere: taken, thrown away, told in the log\n\
           \"error:5.1.6 TEXT\"         back, with this status and text; with a status of 4 it waits\n\
           With more to say a table: { to = \"smtp:HOST\", source = \"NAME\", login = \"NAME\" }, to go out from\n\
           the addresses of [source.NAME], and to log in with [smarthost.\"NAME@HOST\"].",
    options: &[OptionDoc {
        key: "default",
        default: Shown::Value("\"mx\""),
        text: "Where nothing else fits. A workstation says \"smtp:mailhost\": all to one hub.",
    }],
};

pub(super) const RECIPIENT: SectionDoc = SectionDoc {
    name: "route.recipient",
    text: "Routes of single recipients, \"ann@example.net\", or of all of a domain, \"@example.net\" and\n\
           \"@.example.net\". A recipient of ours that is named here needs no mailbox. Upper and lower case\n\
           are one.",
    options: &[OptionDoc {
        key: "\"list@example.net\"",
        default: Shown::Example("\"pipe:list\""),
        text: "What is said above.",
    }],
};

pub(super) const SENDER: SectionDoc = SectionDoc {
    name: "route.sender",
    text: "Routes of single senders, where no rule is about the destination: the way out of those who must\n\
           use their own provider. Reports have no sender, and take the default.",
    options: &[
        OptionDoc {
            key: "tables",
            default: Shown::Example("[\"people\"]"),
            text: "Tables, by their name in [table.NAME], that have more of them: under an address, a name of ours or\n\
               \"@domain\" a way to hosts as above, with \";from=NAME\" behind it for a source and \";login=NAME\"\n\
               for a login. They are asked where no line is about the sender, when a letter is taken and before\n\
               each later attempt. A row that is no such way is answered 451.",
        },
        OptionDoc {
            key: "\"ann@example.net\"",
            default: Shown::Example(
                "{ to = \"smtp:[mail.example.com]:587\", source = \"office\" }",
            ),
            text: "What is said above.",
        },
    ],
};

/// The three places of a route.
const KEYS: SectionDoc = SectionDoc {
    name: "route",
    text: "",
    options: &[
        OptionDoc { key: "to", default: Shown::Value("\"mx\""), text: "" },
        OptionDoc { key: "source", default: Shown::Value("\"\""), text: "" },
        OptionDoc { key: "login", default: Shown::Value("\"\""), text: "" },
    ],
};

/// Which domains a route is for.
pub type RoutePattern = DomainPattern;

/// One way, as a line says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Where to.
    pub to: Sourced<Transport>,
    /// The name of the addresses to go out from.
    pub source: Option<Sourced<String>>,
    /// The name of the login at the host.
    pub login: Option<Sourced<String>>,
}

impl Way {
    fn plain(to: Sourced<Transport>) -> Self {
        Self { to, source: None, login: None }
    }
}

/// `[route]`, its lines in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Routes {
    /// Where nothing else fits.
    pub default: Way,
    /// By domain.
    pub domains: Vec<(RoutePattern, Way)>,
    /// By recipient.
    pub recipients: Vec<(AddressPattern, Way)>,
    /// By sender.
    pub senders: Vec<(AddressPattern, Way)>,
    /// Tables that have more of them.
    pub sender_tables: Vec<Arc<str>>,
}

/// What routes may refer to.
pub(super) struct Named<'a> {
    pub(super) pipes: &'a [(String, Sourced<Pipe>)],
    pub(super) sources: &'a [Source],
    pub(super) smarthosts: &'a [Smarthost],
    pub(super) tables: &'a [Table],
}

pub(super) fn read(section: &Section<'_>, named: &Named<'_>) -> Routes {
    let mut routes = Routes {
        default: Way::plain(Sourced::default_of(Transport::Mx)),
        domains: Vec::new(),
        recipients: Vec::new(),
        senders: Vec::new(),
        sender_tables: Vec::new(),
    };
    for (key, value) in section.entries() {
        match (key, value.table_quietly()) {
            ("recipient", Some(table)) => {
                read_addresses(&table, named, None, &mut routes.recipients);
            }
            ("sender", Some(table)) => {
                routes.sender_tables = table::names(&table, "tables", named.tables);
                read_addresses(&table, named, Some("tables"), &mut routes.senders);
            }
            ("default", _) => {
                if let Some(way) = read_way(&value, named) {
                    routes.default = way;
                }
            }
            _ => {
                let remedy = "write \"example.org\", \".example.org\" for all below it, or default";
                let kind = Kind { what: "a domain", remedy };
                read_line(key, &value, named, &kind, &mut routes.domains);
            }
        }
    }
    routes
}

/// `apart`: a key that is no address, and is read elsewhere.
fn read_addresses(
    section: &Section<'_>,
    named: &Named<'_>,
    apart: Option<&str>,
    ways: &mut Vec<(AddressPattern, Way)>,
) {
    let remedy = "write \"ann@example.net\", \"@example.net\" for all of it, or \"@.example.net\"";
    for (key, value) in section.entries() {
        if Some(key) == apart {
            continue;
        }
        read_line(key, &value, named, &Kind { what: "an address", remedy }, ways);
    }
}

/// What a key is.
struct Kind {
    what: &'static str,
    remedy: &'static str,
}

fn read_line<P: std::str::FromStr + PartialEq + std::fmt::Display>(
    key: &str,
    value: &Value<'_>,
    named: &Named<'_>,
    kind: &Kind,
    ways: &mut Vec<(P, Way)>,
) {
    let way = read_way(value, named);
    let Ok(pattern) = key.parse::<P>() else {
        let title = format!("{key:?} is not {}", kind.what);
        value.tell(&title, &format!("{} before the =", kind.what), kind.remedy);
        return;
    };
    if let Some((_, first)) = ways.iter().find(|(known, _)| *known == pattern) {
        let remedy = format!("the first is at {}", first.to.source);
        value.tell(&format!("{pattern} has two routes"), "one route for each", &remedy);
    } else if let Some(way) = way {
        ways.push((pattern, way));
    }
}

pub(super) fn read_way(value: &Value<'_>, named: &Named<'_>) -> Option<Way> {
    let way = match value.table_quietly() {
        None => Way::plain(read_target(value)?),
        Some(table) => {
            table.only(&KEYS, &[]);
            let Some(to) = table.get("to") else {
                return value
                    .wrong("a table with `to` in it", "like { to = \"smtp:[192.0.2.1]\" }");
            };
            let word = |key| {
                let value = table.get(key)?;
                Some(value.sourced(value.text()?.to_owned()))
            };
            Way { to: read_target(&to)?, source: word("source"), login: word("login") }
        }
    };
    is_known(value, &way, named).then_some(way)
}

/// Whether a way to a host names its port.
pub(super) fn has_port(value: &Value<'_>) -> bool {
    let within = || value.table_quietly()?.get("to")?.text_quietly();
    let text = value.text_quietly().or_else(within).unwrap_or_default();
    let host = text.split_once(':').map_or("", |(_, host)| host);
    match host.split_once(']') {
        Some((_, port)) => !port.is_empty(),
        None => host.contains(':'),
    }
}

/// Whether all that the way names is there.
fn is_known(value: &Value<'_>, way: &Way, named: &Named<'_>) -> bool {
    let among = |names: Vec<&str>| match names.is_empty() {
        true => "there is none yet".to_owned(),
        false => format!("known are {}", names.join(", ")),
    };
    if let Transport::Pipe(name) = &way.to.value
        && !named.pipes.iter().any(|(known, _)| **known == **name)
    {
        let names = among(named.pipes.iter().map(|(known, _)| known.as_str()).collect());
        let title = format!("no program is called {name:?}");
        value.tell(&title, &format!("a table [pipe.{name}]"), &names);
        return false;
    }
    if (way.source.is_some() || way.login.is_some()) && !way.to.value.is_network() {
        let title = format!("{} goes to no host", way.to.value);
        value.tell(&title, "source and login beside a host only", "remove them");
        return false;
    }
    if let Some(name) = &way.source
        && !named.sources.iter().any(|known| known.name == name.value)
    {
        let names = among(named.sources.iter().map(|known| known.name.as_str()).collect());
        let title = format!("no source is called {:?}", name.value);
        value.tell(&title, &format!("a table [source.{}]", name.value), &names);
        return false;
    }
    way.login.as_ref().is_none_or(|login| has_login(value, &way.to.value, login, named))
}

/// Whether there is a login of that name at every host of the way.
fn has_login(value: &Value<'_>, to: &Transport, login: &str, named: &Named<'_>) -> bool {
    let known =
        |host: &Host| named.smarthosts.iter().any(|one| one.host == *host && one.name == login);
    let hosts = match to {
        Transport::Hosts(hosts) => hosts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for host in hosts {
        let lacks = match host {
            Transport::Host { host, .. } => (!known(host)).then(|| host.to_string()),
            _ => Some("the exchangers of others".to_owned()),
        };
        if let Some(host) = lacks {
            let title = format!("there is no login {login:?} at {host}");
            let expected = format!("a table [smarthost.\"{login}@{host}\"]");
            value.tell(&title, &expected, "it says our name there, and where the secret is");
            return false;
        }
    }
    true
}

fn read_target(value: &Value<'_>) -> Option<Sourced<Transport>> {
    if !value.is_list() {
        return read_one(value, true);
    }
    let items = value.items();
    let hosts: Option<Vec<Transport>> =
        items.iter().map(|item| read_one(item, false).map(|one| one.value)).collect();
    match Transport::of_several(hosts?) {
        Ok(transport) => Some(value.sourced(transport)),
        Err(error) => value
            .wrong("[\"smtp:[a]\", \"smtp:[b]\"]: 1 to 8 hosts in their order", &error.to_string()),
    }
}

/// One transport; alone it may be what no list can have.
fn read_one(value: &Value<'_>, alone: bool) -> Option<Sourced<Transport>> {
    let text = value.text()?;
    let parsed = text.parse::<Transport>();
    let word = text.split_once(':').map_or(text, |(word, _)| word);
    let (expected, remedy) = match word {
        "smtp" | "smtps" if alone && text.contains(',') => {
            ("a list of hosts", "several hosts are written [\"smtp:[a]\", \"smtp:[b]\"]")
        }
        "lmtp" => (
            "\"lmtp:[HOST]:PORT\" or \"lmtp:unix:/PATH\"",
            "any port but 25, which is for SMTP; the path of a socket is absolute",
        ),
        "pipe" => ("\"pipe:NAME\"", "the program itself is named in [pipe.NAME]"),
        "mailbox" => (
            "\"mailbox:maildir:/PATH\" or \"mailbox:mbox:/PATH\"",
            "with {user}, and perhaps {domain}, in the path",
        ),
        "error" => {
            ("\"error:5.1.6 TEXT\"", "a status of class 4 or 5, a blank, and a text for people")
        }
        "mx" | "local" | "discard" | "smtp" | "smtps" => (
            "\"mx\", \"smtp:HOST\" or \"smtp:HOST:PORT\"",
            "an address stands in brackets: \"smtp:[192.0.2.1]:2525\", \"smtp:[IPv6:2001:db8::1]\"",
        ),
        _ => (
            "\"mx\", \"smtp:HOST\", \"lmtp:[HOST]\", \"mailbox:…\", \"pipe:NAME\", \"discard\" or \"error:…\"",
            "an address stands in brackets: \"smtp:[192.0.2.1]:2525\", \"smtp:[IPv6:2001:db8::1]\"",
        ),
    };
    match parsed {
        Ok(transport) if is_clear(text, &transport) && (alone || transport.is_network()) => {
            Some(value.sourced(transport))
        }
        _ => value.wrong(expected, remedy),
    }
}

/// What can be read, and cannot be read in two ways.
fn is_clear(text: &str, transport: &Transport) -> bool {
    match transport {
        Transport::Hosts(_) => false,
        Transport::Host { .. } if text.starts_with("smtp") => {
            text.split_once(':').is_some_and(|(_, host)| is_host_with_port(host))
        }
        Transport::Mailbox(template) => MailboxTemplate::parse(template, Path::new("/")).is_ok(),
        _ => true,
    }
}

fn is_host_with_port(text: &str) -> bool {
    match text.strip_prefix('[') {
        None => match text.split_once(':') {
            Some((host, _)) => is_name(host),
            None => is_name(text),
        },
        Some(rest) => rest.split_once(']').is_some_and(|(host, _)| is_inside_brackets(host)),
    }
}

/// An address, or a name whose exchangers are not asked for.
fn is_inside_brackets(host: &str) -> bool {
    let v6 = host.strip_prefix("IPv6:").unwrap_or(host);
    host.parse::<Ipv4Addr>().is_ok() || v6.parse::<Ipv6Addr>().is_ok() || is_name(host)
}

/// A name is not made of numbers alone: that is an address without its brackets, or a mistake.
fn is_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    host.parse::<DomainName>().is_ok() && !last.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let is_target = |text: &str| {
            text.parse::<Transport>().is_ok_and(|transport| is_clear(text, &transport))
        };
        let good = [
            "mx",
            "local",
            "discard",
            "smtp:mailhost",
            "smtp:hub.example:2525",
            "smtp:[192.0.2.1]",
            "smtp:[192.0.2.1]:2525",
            "smtp:[IPv6:2001:db8::1]:25",
            "smtp:[::1]",
            "smtp:[hub.example]",
            "smtps:hub.example",
            "lmtp:store",
            "lmtp:[192.0.2.1]:2424",
            "lmtp:unix:/run/dovecot/lmtp",
            "smtps:[hub.example]:4650",
            "mailbox:maildir:/srv/{domain}/{user}",
            "mailbox:mbox:/var/mail/{user}",
            "pipe:list",
            "error:4.2.1 Come again",
        ];
        for text in good {
            assert!(is_target(text), "{text}");
        }
        let bad = [
            "",
            "MX",
            "smtp",
            "smtp:",
            "smtp:192.0.2.1",
            "smtp:hub:0",
            "smtp:hub:99999",
            "smtp:hub:",
            "smtp:[192.0.2.300]",
            "smtp:[192.0.2.1",
            "smtp:[192.0.2.1]25",
            "smtp:a b",
            "hub",
            "smtp:hub:+25",
            "lmtp:hub:25",
            "lmtp:unix:lmtp",
            "smtp:[a],smtp:[b]",
            "mailbox:maildir:/srv/all",
            "mailbox:maildir:/srv/../{user}",
            "pipe:/bin/cat",
            "error:250 ok",
        ];
        for text in bad {
            assert!(!is_target(text), "{text}");
        }
    }
}
