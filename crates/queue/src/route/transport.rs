//! Transports: how the configuration says that mail goes on, read and written.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use mail::address::{DomainName, Literal};
use mail::reply::{EnhancedStatus, Reply};

/// The port of SMTP between hosts (RFC 5321 §4.5.4.2).
pub const SMTP_PORT: u16 = 25;

/// The port of submissions over TLS (RFC 8314 §3.3).
pub const SMTPS_PORT: u16 = 465;

/// The port at which mail stores listen for LMTP by custom; never that of SMTP (RFC 2033 §5).
pub const LMTP_PORT: u16 = 24;
/// Octets of the path of a socket: what systems take, with room for the end.
const SOCKET_PATH_MAX: usize = 100;
/// Hosts of one route: in one attempt all of them may be waited for.
pub const HOSTS_MAX: usize = 8;
/// Octets of the name of a program, a source or a login.
const NAME_MAX: usize = 64;
/// Octets of a mailbox's description.
const MAILBOX_MAX: usize = 500;
/// Octets of the text of a verdict: a reply line takes it whole (RFC 5321 §4.5.3.1.5).
const VERDICT_MAX: usize = 400;

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
/// | `smtp:[a],smtp:[b]`, `mx,smtp:[b]` | to the first of these that can be reached and takes mail |
/// | `mailbox:maildir:/srv/mail/{domain}/{user}` | into this mailbox, if it is there |
/// | `pipe:list` | to the program of this name |
/// | `discard` | nowhere: it is taken and thrown away |
/// | `error:5.1.6 She has moved`, `error:4.2.1 …` | back with this status, or tried again with it |
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
    /// The first of these that can be reached: only [`Mx`](Self::Mx) and [`Host`](Self::Host).
    Hosts(Vec<Transport>),
    /// A mailbox that the text describes as `[local] mailbox` does; the door reads it.
    Mailbox(Box<str>),
    /// The program of this name.
    Pipe(Box<str>),
    /// It is thrown away.
    Discard,
    /// It is answered with these.
    Error(Verdict),
}

/// A status and a text that the operator gives for an answer.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Verdict {
    /// Of class 4 or 5.
    pub status: EnhancedStatus,
    /// For people; one line, not empty.
    pub text: Box<str>,
}

impl Verdict {
    /// As a reply to `RCPT`.
    pub fn reply(&self) -> Reply {
        let code = if self.status.class() == 4 { 450 } else { 550 };
        Reply::new(code, self.status.topic(), &*self.text)
    }
}

impl FromStr for Verdict {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        let wrong = || TransportError::Verdict(text.to_owned());
        let (status, words) = text.split_once(' ').ok_or_else(wrong)?;
        let status = EnhancedStatus::parse(status).ok_or_else(wrong)?;
        let words = words.trim();
        let is_printable = words.chars().all(|letter| !letter.is_control());
        let is_right = matches!(status.class(), 4 | 5)
            && !words.is_empty()
            && words.len() <= VERDICT_MAX
            && is_printable;
        if is_right { Ok(Self { status, text: words.into() }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}

/// Why a text is no transport.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransportError {
    /// None of the words above.
    #[error(
        "`{0}` is no transport; expected `mx`, `local`, `smtp:…`, `smtps:…`, `lmtp:…`, `mailbox:…`, \
         `pipe:…`, `discard` or `error:…`"
    )]
    Unknown(String),
    /// Not the template of a mailbox.
    #[error("`{0}` is not a mailbox; expected `maildir:/PATH` or `mbox:/PATH` without blanks")]
    Mailbox(String),
    /// Not the name of a program's table.
    #[error("`{0}` is not a name: letters, digits, `-`, `_` and `.`, at most 64")]
    Name(String),
    /// Not a status and a text.
    #[error("`{0}` is not a status of class 4 or 5 and a text, like `5.1.6 She has moved`")]
    Verdict(String),
    /// Several ways that do not go together.
    #[error(
        "several hosts are all `lmtp:`, or all of `mx`, `smtp:` and `smtps:`; at most {HOSTS_MAX}"
    )]
    Mixed,
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
            "discard" => return Ok(Self::Discard),
            _ => {}
        }
        match text.split_once(':') {
            Some(("mailbox", rest)) => mailbox(rest),
            Some(("pipe", rest)) if is_name(rest) => Ok(Self::Pipe(rest.into())),
            Some(("pipe", rest)) => Err(TransportError::Name(rest.to_owned())),
            Some(("error", rest)) => rest.parse().map(Self::Error),
            _ => match members(text).as_slice() {
                [one] => single(one),
                several => {
                    let hosts: Result<Vec<_>, _> = several.iter().map(|one| single(one)).collect();
                    Self::of_several(hosts?)
                }
            },
        }
    }
}

impl Transport {
    /// One way, or several of which the first that works is taken.
    ///
    /// # Errors
    /// [`TransportError::Mixed`]: a store delivers, other hosts only take over, so they do not mix.
    pub fn of_several(mut hosts: Vec<Self>) -> Result<Self, TransportError> {
        if let [_] = hosts.as_slice() {
            return hosts.pop().ok_or(TransportError::Mixed);
        }
        let is_store = |one: &Self| matches!(one, Self::Host { service: Service::Lmtp, .. });
        let stores = hosts.iter().filter(|one| is_store(one)).count();
        let are_hosts = hosts.iter().all(|one| matches!(one, Self::Mx | Self::Host { .. }));
        let is_right = are_hosts
            && (1..=HOSTS_MAX).contains(&hosts.len())
            && (stores == 0 || stores == hosts.len());
        if is_right { Ok(Self::Hosts(hosts)) } else { Err(TransportError::Mixed) }
    }

    /// Whether a connection to another host, or to a store, is what this takes.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Mx | Self::Host { .. } | Self::Hosts(_))
    }
}

fn single(text: &str) -> Result<Transport, TransportError> {
    match text.split_once(':') {
        None if text == "mx" => Ok(Transport::Mx),
        Some(("smtp", rest)) => host(Service::Smtp, rest),
        Some(("smtps", rest)) => host(Service::Smtps, rest),
        Some(("lmtp", rest)) => store(rest),
        _ => Err(TransportError::Unknown(text.to_owned())),
    }
}

/// The parts between commas, where a comma separates: the path of a socket may have some.
pub(super) fn members(text: &str) -> Vec<&str> {
    let (mut members, mut begin) = (Vec::new(), 0);
    for (comma, _) in text.match_indices(',') {
        let after = text.get(comma + 1..).unwrap_or_default();
        let begins = ["smtp:", "smtps:", "lmtp:", "mx:"].iter().any(|word| after.starts_with(word));
        if begins || after == "mx" || after.starts_with("mx,") {
            members.push(text.get(begin..comma).unwrap_or_default());
            begin = comma + 1;
        }
    }
    members.push(text.get(begin..).unwrap_or_default());
    members
}

/// Whether `text` can be the name of a table that routes refer to.
pub fn is_name(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    !text.is_empty() && text.len() <= NAME_MAX && text.bytes().all(fits)
}

/// What follows `mailbox:`; more is known of it by the door that opens it.
fn mailbox(text: &str) -> Result<Transport, TransportError> {
    let path = text.strip_prefix("maildir:").or_else(|| text.strip_prefix("mbox:"));
    let is_path = |path: &str| path.starts_with('/') && path.chars().all(|one| !one.is_control());
    match path {
        Some(path) if is_path(path) && text.len() <= MAILBOX_MAX => {
            Ok(Transport::Mailbox(text.into()))
        }
        _ => Err(TransportError::Mailbox(text.to_owned())),
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
            Self::Hosts(hosts) => write_list(f, hosts),
            Self::Mailbox(template) => write!(f, "mailbox:{template}"),
            Self::Pipe(name) => write!(f, "pipe:{name}"),
            Self::Discard => f.write_str("discard"),
            Self::Error(verdict) => write!(f, "error:{verdict}"),
        }
    }
}

pub(super) fn write_list(f: &mut fmt::Formatter<'_>, hosts: &[impl fmt::Display]) -> fmt::Result {
    for (number, host) in hosts.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(f, "{comma}{host}")?;
    }
    Ok(())
}

pub(super) fn write_host(
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

pub(super) fn lower(name: &DomainName) -> String {
    name.ascii().to_ascii_lowercase()
}
