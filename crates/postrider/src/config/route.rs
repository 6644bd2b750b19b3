//! `[route]`: how mail goes on. Only the form of values is read here; what they do is left to the
//! engine.

use std::net::{Ipv4Addr, Ipv6Addr};

use mail::address::DomainName;
use queue::domains::DomainPattern;
use queue::route::Transport;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "route",
    text: "How mail for other domains goes on. Keys are domains, \".example.org\" for all below one; the\n\
           longest that fits counts. Values: \"mx\" asks DNS; \"smtp:HOST\" gives everything to one host,\n\
           named, or by address in brackets, \"smtp:[192.0.2.1]:2525\"; \"smtps:HOST\" does so over TLS from\n\
           the first octet on, at port 465, and wants a good certificate. \"lmtp:[HOST]:PORT\" and\n\
           \"lmtp:unix:/PATH\" give it to a mail store, which delivers it.",
    options: &[OptionDoc {
        key: "default",
        default: Shown::Value("\"mx\""),
        text: "Where no other key fits. A workstation says \"smtp:mailhost\": all to one hub.",
    }],
};

/// Which domains a route is for.
pub type RoutePattern = DomainPattern;

/// One line of `[route]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// For which domains.
    pub pattern: RoutePattern,
    /// `mx` or `smtp:…`, with a form that was checked, and where it is said.
    pub target: Sourced<String>,
}

/// The routes in the order of the file, and the default.
pub(super) fn read(section: &Section<'_>) -> (Vec<Route>, Sourced<String>) {
    let mut default = Sourced::default_of("mx".to_owned());
    let mut routes: Vec<Route> = Vec::new();
    for (key, value) in section.entries() {
        let target = read_target(&value);
        if key == "default" {
            default = target.unwrap_or(default);
            continue;
        }
        let Ok(pattern) = key.parse::<RoutePattern>() else {
            let title = format!("{key:?} is not a domain");
            let remedy = "write \"example.org\", \".example.org\" for all below it, or default";
            value.tell(&title, "a domain before the =", remedy);
            continue;
        };
        if let Some(first) = routes.iter().find(|route| route.pattern == pattern) {
            let remedy = format!("the first is at {}", first.target.source);
            value.tell(&format!("{pattern} has two routes"), "one route for a domain", &remedy);
        } else if let Some(target) = target {
            routes.push(Route { pattern, target });
        }
    }
    (routes, default)
}

fn read_target(value: &Value<'_>) -> Option<Sourced<String>> {
    let text = value.text()?;
    if is_target(text) {
        return Some(value.sourced(text.to_owned()));
    }
    match text.split_once(':') {
        Some(("pipe", _)) => {
            let title = "this version has no route to a program";
            value.tell(title, "mx, smtp:HOST or lmtp:HOST", "");
            None
        }
        Some(("lmtp", _)) => value.wrong(
            "\"lmtp:[HOST]:PORT\" or \"lmtp:unix:/PATH\"",
            "any port but 25, which is for SMTP; the path of a socket is absolute",
        ),
        _ => value.wrong(
            "\"mx\", \"smtp:HOST\" or \"smtp:HOST:PORT\"",
            "an address stands in brackets: \"smtp:[192.0.2.1]:2525\", \"smtp:[IPv6:2001:db8::1]\"",
        ),
    }
}

fn is_target(text: &str) -> bool {
    let host = text.strip_prefix("smtp:").or_else(|| text.strip_prefix("smtps:"));
    let store = text.starts_with("lmtp:") && text.parse::<Transport>().is_ok();
    text == "mx" || host.is_some_and(is_host_with_port) || store
}

fn is_host_with_port(text: &str) -> bool {
    match text.strip_prefix('[') {
        None => match text.split_once(':') {
            Some((host, port)) => is_name(host) && is_port(port),
            None => is_name(text),
        },
        Some(rest) => rest.split_once(']').is_some_and(|(host, port)| {
            let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            port && is_inside_brackets(host)
        }),
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

fn is_port(port: &str) -> bool {
    port.bytes().all(|octet| octet.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let good = [
            "mx",
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
        ];
        for text in bad {
            assert!(!is_target(text), "{text}");
        }
    }
}
