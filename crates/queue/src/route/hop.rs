//! Next hops: what recipients must have in common to share a queue, its connections and its
//! transactions.

use std::fmt;

use mail::address::DomainName;

use super::transport::{
    Host, HostLookup, Service, Transport, TransportError, Verdict, is_name, lower, members,
    write_host, write_list,
};

/// Where mail goes next. Recipients with the same next hop, by the same way, share a queue and a
/// transaction.
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
    /// The first of these that can be reached: at least two, each [`Exchangers`](Self::Exchangers) or
    /// [`Host`](Self::Host).
    Hosts(Vec<NextHop>),
    /// A mailbox that this describes.
    Mailbox(Box<str>),
    /// The program of this name.
    Pipe(Box<str>),
    /// The programs that aliases and users name: one hangs no mailbox up.
    Commands,
    /// Nowhere.
    Discard,
    /// Nowhere, and with this answer.
    Error(Verdict),
}

/// The queue of what aliases and users hand to programs.
const COMMANDS: &str = "pipe";

impl NextHop {
    /// The next hop of mail for `domain` by `transport`.
    pub(super) fn by(transport: &Transport, domain: &DomainName) -> Self {
        match transport {
            Transport::Mx => Self::Exchangers(domain.clone()),
            Transport::Hosts(hosts) => {
                Self::Hosts(hosts.iter().map(|host| Self::by(host, domain)).collect())
            }
            fixed => Self::by_fixed(fixed),
        }
    }

    /// The next hop by a transport that does not ask for the domain.
    pub(super) fn by_fixed(transport: &Transport) -> Self {
        match transport {
            Transport::Mx | Transport::Local => Self::Local,
            Transport::Host { service, host, port, lookup } => {
                let (service, port, lookup) = (*service, *port, *lookup);
                Self::Host { service, host: host.clone(), port, lookup }
            }
            Transport::Hosts(hosts) => Self::Hosts(hosts.iter().map(Self::by_fixed).collect()),
            Transport::Mailbox(template) => Self::Mailbox(template.clone()),
            Transport::Pipe(name) => Self::Pipe(name.clone()),
            Transport::Discard => Self::Discard,
            Transport::Error(verdict) => Self::Error(verdict.clone()),
        }
    }

    /// The hosts in the order in which they are to be tried; of what goes to no host, itself.
    pub fn each(&self) -> &[NextHop] {
        match self {
            Self::Hosts(hosts) => hosts,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether mail goes over a connection to another host, or to a server of this one.
    pub fn is_remote(&self) -> bool {
        matches!(self.each(), [Self::Exchangers(_) | Self::Host { .. }, ..])
    }

    /// How its hosts are spoken to.
    pub fn service(&self) -> Service {
        match self {
            Self::Host { service, .. } => *service,
            // Stores are among themselves.
            Self::Hosts(hosts) => hosts.first().map_or(Service::Smtp, NextHop::service),
            _ => Service::Smtp,
        }
    }

    /// The name of its queue: `local`, `mx:example.org`, `smtp:[mailhost]:25`, … It is stored in
    /// the spool, so it must not change; [`parse`](Self::parse) reads it.
    pub fn queue_name(&self) -> String {
        match self {
            Self::Exchangers(domain) => format!("mx:{}", lower(domain)),
            Self::Hosts(hosts) => {
                let names: Vec<String> = hosts.iter().map(NextHop::queue_name).collect();
                names.join(",")
            }
            _ => self.to_string(),
        }
    }

    /// Reads the name of a queue; the [`Via`] in it is read apart.
    ///
    /// # Errors
    /// [`TransportError`] where `name` is none.
    pub fn parse(name: &str) -> Result<Self, TransportError> {
        if name == COMMANDS {
            return Ok(Self::Commands);
        }
        let name = Via::split(name).0;
        let members = members(name);
        if members.len() > 1 && !name.starts_with("error:") && !name.starts_with("mailbox:") {
            let hosts: Result<_, _> = members.into_iter().map(Self::parse).collect();
            return hosts.map(Self::Hosts);
        }
        if let Some(domain) = name.strip_prefix("mx:") {
            let domain = domain.parse().map_err(|_| TransportError::Host(domain.to_owned()))?;
            return Ok(Self::Exchangers(domain));
        }
        Ok(match name.parse()? {
            Transport::Local => Self::Local,
            Transport::Host { service, host, port, lookup } => {
                Self::Host { service, host, port, lookup }
            }
            Transport::Mailbox(template) => Self::Mailbox(template),
            Transport::Pipe(name) => Self::Pipe(name),
            Transport::Discard => Self::Discard,
            Transport::Error(verdict) => Self::Error(verdict),
            Transport::Mx | Transport::Hosts(_) => {
                return Err(TransportError::Unknown(name.to_owned()));
            }
        })
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
            Self::Hosts(hosts) => write_list(f, hosts),
            Self::Mailbox(template) => write!(f, "mailbox:{template}"),
            Self::Pipe(name) => write!(f, "pipe:{name}"),
            Self::Commands => f.write_str(COMMANDS),
            Self::Discard => f.write_str("discard"),
            Self::Error(verdict) => write!(f, "error:{verdict}"),
        }
    }
}

/// By which of our addresses, and as whom, a host is gone to. It is a part of the queue's name, so
/// that no connection is shared by those who must not share it.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Via {
    /// The name of the source that connections are made from; none: `[outbound] source`.
    pub from: Option<Box<str>>,
    /// The name of the login among those at the host; none: the one that has no name.
    pub login: Option<Box<str>>,
}

impl Via {
    /// What the name of a queue says of it.
    pub fn of_queue(name: &str) -> Self {
        Self::split(name).1
    }

    /// The name of a queue without it, and it.
    pub(super) fn split(name: &str) -> (&str, Self) {
        let (mut rest, mut via) = (name, Self::default());
        if name.starts_with("error:") || name.starts_with("mailbox:") {
            return (name, via);
        }
        while let Some((before, word)) = rest.rsplit_once(';') {
            match word.split_once('=') {
                Some(("from", name)) if is_name(name) => via.from = Some(name.into()),
                Some(("login", name)) if is_name(name) => via.login = Some(name.into()),
                _ => break,
            }
            rest = before;
        }
        (rest, via)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, ";from={from}")?;
        }
        match &self.login {
            Some(login) => write!(f, ";login={login}"),
            None => Ok(()),
        }
    }
}
