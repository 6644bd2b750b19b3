//! How the connection to a host is secured, decided anew for each host of each attempt.
//!
//! [`of_host`] is the only place that decides; `open` does what it says. A policy of the destination
//! (RFC 7672, RFC 8461) belongs into it: it sets [`Wanted::is_required`] and the check of
//! [`Wanted::wish`], or answers that the host must not be used now. The facts of the handshake go
//! into the record of the attempt, whatever was wanted.

use std::net::SocketAddr;

use mail::DomainName;
use queue::fate::Said;
use queue::route::{Host, NextHop, Service};

use crate::Shared;
use crate::doors::{TlsCheck, TlsWish};
use crate::smarthost::Account;

/// How much security outgoing connections have at least, where no policy says more.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum TlsLevel {
    /// None: STARTTLS is never said.
    None,
    /// TLS where it is offered, and one more connection in the clear where it fails (RFC 7435).
    #[default]
    Opportunistic,
    /// TLS with whatever certificate, or no mail.
    Required,
    /// TLS with a certificate of the host, or no mail.
    Verified,
}

/// What one message asks of the connection, beside what its destination does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Demand {
    /// It came with REQUIRETLS: the host must be verified (RFC 8689 §4.2.1).
    pub(crate) require_tls: bool,
    /// Not by BDAT.
    pub(crate) unchunked: bool,
}

/// What is wanted of the connection to one host.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// When TLS begins.
    pub(crate) start: Start,
    /// Nothing goes in the clear. Else one new connection may do without TLS where it has failed.
    pub(crate) is_required: bool,
    /// How the certificate is looked at.
    pub(crate) wish: TlsWish,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    /// Never.
    Never,
    /// By STARTTLS, where it is offered.
    ByCommand,
    /// Before the greeting (RFC 8314 §3).
    Implicit,
}

impl Wanted {
    /// The same without TLS, after it has failed; none where it is required.
    pub(crate) fn in_the_clear(&self) -> Option<Self> {
        (!self.is_required).then(|| Self { start: Start::Never, ..self.clone() })
    }
}

/// What is wanted of a connection to `host` at `address`, which is one of the hosts of `hop`.
///
/// # Errors
/// Why the host must not be used now.
pub(crate) async fn of_host(
    shared: &Shared,
    hop: &NextHop,
    host: &str,
    _address: SocketAddr,
    demand: Demand,
) -> Result<Wanted, Said> {
    let level = match demand.require_tls {
        true => TlsLevel::Verified,
        // A login wants to know whom it is shown to (RFC 4954 §14).
        false
            if Account::at(&shared.options.smarthosts, hop).is_some_and(|one| one.is_guarded()) =>
        {
            TlsLevel::Verified
        }
        false => shared.options.outbound_tls,
    };
    Ok(by_level(level, hop, host))
}

/// What the configuration asks for. A connection that begins with TLS has no clear to go back to,
/// and its certificate is looked at like that of a submission server (RFC 8314 §3).
fn by_level(level: TlsLevel, hop: &NextHop, host: &str) -> Wanted {
    let service = hop.service();
    let level = if service == Service::Smtps { TlsLevel::Verified } else { level };
    let check = match level {
        TlsLevel::Verified => TlsCheck::Names(names(hop, host)),
        TlsLevel::None | TlsLevel::Opportunistic | TlsLevel::Required => TlsCheck::Nothing,
    };
    Wanted {
        start: match (service, level) {
            (Service::Smtps, _) => Start::Implicit,
            (Service::Smtp, TlsLevel::None) => Start::Never,
            (Service::Smtp, _) => Start::ByCommand,
        },
        is_required: level >= TlsLevel::Required,
        wish: TlsWish { server_name: name(host), check },
    }
}

/// The names a certificate may have: that of the host, and what the host stands for.
fn names(hop: &NextHop, host: &str) -> Vec<DomainName> {
    let asked_for = match hop {
        NextHop::Exchangers(domain) => Some(domain.clone()),
        NextHop::Host { host: Host::Name(name), .. } => Some(name.clone()),
        NextHop::Host { host: Host::Address(_), .. } | NextHop::Local => None,
    };
    let mut names: Vec<DomainName> = name(host).into_iter().collect();
    names.extend(asked_for.filter(|asked_for| !names.contains(asked_for)));
    names
}

/// The host as a name; none for an address.
fn name(host: &str) -> Option<DomainName> {
    host.parse().ok().filter(|_| !host.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        use Start::{ByCommand, Implicit, Never};
        let rows = [
            (TlsLevel::None, "mx:b.example", Never, false, false),
            (TlsLevel::Opportunistic, "mx:b.example", ByCommand, false, false),
            (TlsLevel::Required, "mx:b.example", ByCommand, true, false),
            (TlsLevel::Verified, "mx:b.example", ByCommand, true, true),
            (TlsLevel::None, "smtps:[b.example]:465", Implicit, true, true),
            (TlsLevel::Opportunistic, "smtps:b.example:465", Implicit, true, true),
        ];
        for (level, hop, start, is_required, is_checked) in rows {
            let hop = NextHop::parse(hop).unwrap();
            let wanted = by_level(level, &hop, "mx1.b.example");
            assert_eq!((wanted.start, wanted.is_required), (start, is_required), "{level:?} {hop}");
            let names = ["mx1.b.example", "b.example"].map(|name| name.parse().unwrap());
            let check =
                if is_checked { TlsCheck::Names(names.to_vec()) } else { TlsCheck::Nothing };
            assert_eq!(wanted.wish.check, check, "{level:?} {hop}");
            assert_eq!(wanted.in_the_clear().is_some(), !is_required);
        }
    }

    #[test]
    fn addresses_are_no_names() {
        let hop = NextHop::parse("smtps:[192.0.2.1]:465").unwrap();
        let wanted = by_level(TlsLevel::Verified, &hop, "[192.0.2.1]");
        let wish = TlsWish { server_name: None, check: TlsCheck::Names(Vec::new()) };
        assert_eq!(wanted.wish, wish);
    }
}
