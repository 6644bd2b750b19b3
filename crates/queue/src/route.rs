//! Where a recipient's mail goes next: a rule of the operator, our own mailboxes, or the
//! exchangers of the domain (RFC 5321 §5).
//!
//! Here is only the choice of the next hop; its addresses are found by [`search`](crate::search).

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use mail::address::{Domain, DomainName, ForwardPath, Literal};

use crate::access::Access;
use crate::reason::{Reason, Source};
use crate::target::Target;

use crate::domains::DomainTable;

/// The port of SMTP between hosts (RFC 5321 §4.5.4.2).
pub const SMTP_PORT: u16 = 25;

/// The port of submissions over TLS (RFC 8314 §3.3).
pub const SMTPS_PORT: u16 = 465;

/// The port at which mail stores listen for LMTP by custom; never that of SMTP (RFC 2033 §5).
pub const LMTP_PORT: u16 = 24;
/// Octets of the path of a socket: what systems take, with room for the end.
const SOCKET_PATH_MAX: usize = 100;

/// How a configured host is spoken to.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Service {
    /// SMTP, secured by STARTTLS or not at all.
    #[default]
    Smtp,
    /// SMTP over TLS from the first octet on (RFC 8314 §3).
    Smtps,
    /// LMTP: the host is a mail store, and mail that it takes is delivered (RFC 2033).
    Lmtp,
}

impl Service {
    /// Its word in a transport.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Smtps => "smtps",
            Self::Lmtp => "lmtp",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Smtp => SMTP_PORT,
            Self::Smtps => SMTPS_PORT,
            Self::Lmtp => LMTP_PORT,
        }
    }
}

/// The host of a next hop.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Host {
    /// To be looked up, each time anew.
    Name(DomainName),
    /// To be connected to as it is.
    Address(IpAddr),
    /// The path of a socket on this machine.
    Socket(Box<str>),
}

impl FromStr for Host {
    type Err = TransportError;

    /// A name, or an address with or without brackets.
    fn from_str(text: &str) -> Result<Self, TransportError> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let inner = inner.unwrap_or(text);
        match address(inner) {
            Some(address) => Ok(Self::Address(address)),
            None => match inner.parse() {
                Ok(name) => Ok(Self::Name(name)),
                Err(_) => Err(TransportError::Host(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(&lower(name)),
            Self::Address(address) => write!(f, "{}", Literal::Ip(*address)),
            Self::Socket(path) => write!(f, "unix:{path}"),
        }
    }
}

/// What is asked about a named host.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HostLookup {
    /// `[host]`: its addresses only.
    Addresses,
    /// `host`: its exchangers, and its addresses where it has none.
    Mx,
}

/// How mail for some domains goes on, as the configuration says it.
///
/// | text | meaning |
/// |---|---|
/// | `mx` | to the exchangers of the recipient's domain |
/// | `local` | into a mailbox of this host; only domains in `local.domains` have any |
/// | `smtp:mailhost`, `smtp:mailhost:2525` | to the exchangers of `mailhost`, or to itself if it has none |
/// | `smtp:[mailhost]`, `smtp:[mailhost]:2525` | to the addresses of `mailhost`, its MX records ignored |
/// | `smtps:…` | the same with TLS from the first octet on, at port 465 unless another is named |
/// | `lmtp:[store]`, `lmtp:store:2424`, `lmtp:unix:/run/lmtp` | to a mail store by LMTP, at port 24 unless another is named |
/// | `smtp:[192.0.2.1]`, `smtp:[IPv6:2001:db8::1]:2525` | to this address |
///
/// A name without brackets is treated like a domain, exchangers first, so that a site can move or
/// double its hub by a change in DNS alone; a host without MX records is found by its addresses all
/// the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Transport {
    /// The exchangers of the recipient's domain.
    Mx,
    /// A mailbox here. A rule that says so for a domain that is not local finds no users:
    /// `check` should point at it.
    Local,
    /// A fixed host.
    Host {
        /// How it is spoken to.
        service: Service,
        /// Which.
        host: Host,
        /// Its port.
        port: u16,
        /// What is asked about its name.
        lookup: HostLookup,
    },
}

/// Why a text is no transport.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransportError {
    /// Not `mx`, `local` or `smtp:`.
    #[error(
        "`{0}` is no transport; expected `mx`, `local`, `smtp:host`, `smtp:[address]:port` or `smtps:…`"
    )]
    Unknown(String),
    /// Has its place, but no code yet.
    #[error("the transport `{0}:` is not available yet; use `mx`, `local` or `smtp:`")]
    NotYet(&'static str),
    /// Not a host name or address.
    #[error("`{0}` is not a host name, `[host]` or `[address]`; IPv6 addresses need brackets")]
    Host(String),
    /// Not the path of a socket.
    #[error("`{0}` is not the path of a socket: absolute, without blanks, of at most 100 octets")]
    Socket(String),
    /// LMTP at the port of SMTP.
    #[error("LMTP is never spoken at port 25 (RFC 2033 §5)")]
    LmtpPort,
    /// Not a number from 1 to 65535.
    #[error("`{0}` is not a port from 1 to 65535")]
    Port(String),
}

impl FromStr for Transport {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        match text {
            "mx" => return Ok(Self::Mx),
            "local" => return Ok(Self::Local),
            _ => {}
        }
        match text.split_once(':') {
            Some(("smtp", rest)) => host(Service::Smtp, rest),
            Some(("smtps", rest)) => host(Service::Smtps, rest),
            Some(("lmtp", rest)) => store(rest),
            Some(("pipe", _)) => Err(TransportError::NotYet("pipe")),
            _ => Err(TransportError::Unknown(text.to_owned())),
        }
    }
}

/// What follows `lmtp:`: a store is known by its address, or by the path of its socket.
fn store(text: &str) -> Result<Transport, TransportError> {
    let service = Service::Lmtp;
    if let Some(path) = text.strip_prefix("unix:") {
        let is_right = path.starts_with('/')
            && path.len() <= SOCKET_PATH_MAX
            && path.bytes().all(|octet| octet.is_ascii_graphic());
        if !is_right {
            return Err(TransportError::Socket(path.to_owned()));
        }
        let host = Host::Socket(path.into());
        return Ok(Transport::Host { service, host, port: 0, lookup: HostLookup::Addresses });
    }
    match host(service, text)? {
        Transport::Host { port: SMTP_PORT, .. } => Err(TransportError::LmtpPort),
        Transport::Host { host, port, .. } => {
            Ok(Transport::Host { service, host, port, lookup: HostLookup::Addresses })
        }
        other => Ok(other),
    }
}

/// What follows `smtp:` or `smtps:`.
fn host(service: Service, text: &str) -> Result<Transport, TransportError> {
    let wrong = || TransportError::Host(text.to_owned());
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, after) = rest.split_once(']').ok_or_else(wrong)?;
        let port = match after.strip_prefix(':') {
            Some(digits) => port(digits)?,
            None if after.is_empty() => service.port(),
            None => return Err(wrong()),
        };
        let host = match address(inner) {
            Some(address) => Host::Address(address),
            None => Host::Name(inner.parse().map_err(|_| wrong())?),
        };
        return Ok(Transport::Host { service, host, port, lookup: HostLookup::Addresses });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, digits)) if !digits.contains(':') => (name, port(digits)?),
        Some(_) => return Err(wrong()),
        None => (text, service.port()),
    };
    if let Some(address) = address(name) {
        let host = Host::Address(address);
        return Ok(Transport::Host { service, host, port, lookup: HostLookup::Addresses });
    }
    let host = Host::Name(name.parse().map_err(|_| wrong())?);
    Ok(Transport::Host { service, host, port, lookup: HostLookup::Mx })
}

/// An address with or without the `IPv6:` of a literal.
fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
            text.get(5..)?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => text.parse().ok(),
    }
}

fn port(digits: &str) -> Result<u16, TransportError> {
    let wrong = || TransportError::Port(digits.to_owned());
    match digits.parse() {
        Ok(0) | Err(_) => Err(wrong()),
        Ok(port) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        Ok(_) => Err(wrong()),
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mx => f.write_str("mx"),
            Self::Local => f.write_str("local"),
            Self::Host { service, host, port, lookup } => {
                write_host(f, *service, host, *port, *lookup)
            }
        }
    }
}

fn write_host(
    f: &mut fmt::Formatter<'_>,
    service: Service,
    host: &Host,
    port: u16,
    lookup: HostLookup,
) -> fmt::Result {
    let word = service.word();
    match (host, lookup) {
        (Host::Name(name), HostLookup::Mx) => write!(f, "{word}:{}:{port}", lower(name)),
        (Host::Name(name), HostLookup::Addresses) => write!(f, "{word}:[{}]:{port}", lower(name)),
        (Host::Address(address), _) => write!(f, "{word}:{}:{port}", Literal::Ip(*address)),
        (Host::Socket(path), _) => write!(f, "{word}:unix:{path}"),
    }
}

fn lower(name: &DomainName) -> String {
    name.ascii().to_ascii_lowercase()
}

/// Where mail goes next. Recipients with the same next hop share a queue and a transaction.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NextHop {
    /// A mailbox of this host.
    Local,
    /// The exchangers of this domain.
    Exchangers(DomainName),
    /// One host.
    Host {
        /// How it is spoken to.
        service: Service,
        /// Which.
        host: Host,
        /// Its port.
        port: u16,
        /// What is asked about its name.
        lookup: HostLookup,
    },
}

impl NextHop {
    /// How its hosts are spoken to.
    pub fn service(&self) -> Service {
        match self {
            Self::Local | Self::Exchangers(_) => Service::Smtp,
            Self::Host { service, .. } => *service,
        }
    }

    /// The name of its queue: `local`, `mx:example.org`, `smtp:[mailhost]:25`, … It is stored in
    /// the spool, so it must not change; [`parse`](Self::parse) reads it.
    pub fn queue_name(&self) -> String {
        match self {
            Self::Exchangers(domain) => format!("mx:{}", lower(domain)),
            Self::Local | Self::Host { .. } => self.to_string(),
        }
    }

    /// Reads a [`queue_name`](Self::queue_name).
    ///
    /// # Errors
    /// [`TransportError`] where `name` is none.
    pub fn parse(name: &str) -> Result<Self, TransportError> {
        if let Some(domain) = name.strip_prefix("mx:") {
            let domain = domain.parse().map_err(|_| TransportError::Host(domain.to_owned()))?;
            return Ok(Self::Exchangers(domain));
        }
        match name.parse()? {
            Transport::Local => Ok(Self::Local),
            Transport::Host { service, host, port, lookup } => {
                Ok(Self::Host { service, host, port, lookup })
            }
            Transport::Mx => Err(TransportError::Unknown(name.to_owned())),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Exchangers(domain) => write!(f, "mx:{domain}"),
            Self::Host { service, host, port, lookup } => {
                write_host(f, *service, host, *port, *lookup)
            }
        }
    }
}

/// A transport and the line of the configuration that chose it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// How mail goes on.
    pub transport: Transport,
    /// Where that is written.
    pub source: Option<Source>,
}

/// The routes of the operator (`[route]`).
#[derive(Clone, Debug)]
pub struct Routes {
    /// What holds where no rule does.
    pub default: Rule,
    /// The rules, by domain.
    pub table: DomainTable<Rule>,
}

impl Default for Routes {
    fn default() -> Self {
        let default = Rule { transport: Transport::Mx, source: None };
        Self { default, table: DomainTable::default() }
    }
}

/// A next hop, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Routed {
    /// Where to.
    pub next_hop: NextHop,
    /// Why there.
    pub reason: Reason,
}

/// The next hop of mail for `domain`.
///
/// A rule for exactly this domain wins, then our own domains, then the rule for the longest suffix,
/// then the default. No rule names an address literal: it is ours, or follows a default that is a
/// fixed host ("all to the hub"), or is connected to without asking DNS (RFC 5321 §4.1.3). The
/// local-part is never looked at (RFC 1123 §5.2.16).
pub fn route(routes: &Routes, access: &Access, domain: &Domain) -> Routed {
    let name = match domain {
        Domain::Literal(literal) => return route_literal(routes, access, literal),
        Domain::Name(name) => name,
    };
    if let Some(rule) = routes.table.exact(name) {
        return by_rule(rule, name, format!("the route of {name}"));
    }
    if access.ends_here(domain) {
        let kind = if access.is_local(domain) { "local" } else { "virtual" };
        let reason = Reason::new(format!("{name} is a {kind} domain"));
        return Routed { next_hop: NextHop::Local, reason };
    }
    if let Some((suffix, rule)) = routes.table.below(name) {
        return by_rule(rule, name, format!("the route of .{suffix}"));
    }
    by_rule(&routes.default, name, "the default route".to_owned())
}

/// As [`route`], for a forward-path: the postmaster of this host is at home (RFC 5321 §4.5.1).
pub fn route_path(routes: &Routes, access: &Access, path: &ForwardPath) -> Routed {
    match path {
        ForwardPath::Mailbox(mailbox) if !access.is_our_postmaster(mailbox) => {
            route(routes, access, &mailbox.domain)
        }
        _ => {
            let reason = Reason::new("the postmaster of this host");
            Routed { next_hop: NextHop::Local, reason }
        }
    }
}

/// As [`route_path`], for a recipient of which it is known where it ends: files and commands are of
/// this host, whatever the routes say of the domain. Mailboxes may be kept by a store elsewhere.
pub fn route_recipient(
    routes: &Routes,
    access: &Access,
    path: &ForwardPath,
    target: Option<&Target>,
) -> Routed {
    match target {
        None | Some(Target::Mailbox { .. }) => route_path(routes, access, path),
        Some(target) => {
            Routed { next_hop: NextHop::Local, reason: Reason::new(format!("it ends in {target}")) }
        }
    }
}

fn by_rule(rule: &Rule, domain: &DomainName, text: String) -> Routed {
    let next_hop = match &rule.transport {
        Transport::Mx => NextHop::Exchangers(domain.clone()),
        Transport::Local => NextHop::Local,
        Transport::Host { service, host, port, lookup } => {
            let (service, port, lookup) = (*service, *port, *lookup);
            NextHop::Host { service, host: host.clone(), port, lookup }
        }
    };
    let text = format!("{text}: {}", rule.transport);
    Routed { next_hop, reason: Reason::new(text).from_rule(rule.source.clone()) }
}

fn route_literal(routes: &Routes, access: &Access, literal: &Literal) -> Routed {
    let domain = Domain::Literal(literal.clone());
    if access.is_local(&domain) {
        let reason = Reason::new(format!("{literal} is an address of this host"));
        return Routed { next_hop: NextHop::Local, reason };
    }
    match (&routes.default.transport, literal) {
        (Transport::Mx, Literal::Ip(address)) => Routed {
            next_hop: NextHop::Host {
                service: Service::Smtp,
                host: Host::Address(*address),
                port: SMTP_PORT,
                lookup: HostLookup::Addresses,
            },
            reason: Reason::new(format!("{literal} is an address: no DNS")),
        },
        (Transport::Host { service, host, port, lookup }, _) => Routed {
            next_hop: NextHop::Host {
                service: *service,
                host: host.clone(),
                port: *port,
                lookup: *lookup,
            },
            reason: Reason::new(format!("the default route: {}", routes.default.transport))
                .from_rule(routes.default.source.clone()),
        },
        // Nobody but us can be asked about a literal of a kind we do not know: it fails here as an
        // unknown mailbox. `access` refuses it before.
        (Transport::Local, _) | (Transport::Mx, Literal::Other(_)) => Routed {
            next_hop: NextHop::Local,
            reason: Reason::new(format!("there is no way to {literal} but our own mailboxes")),
        },
    }
}
