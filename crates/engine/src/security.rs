//! How the connection to a host is secured, decided anew for each host of each attempt.
//!
//! [`Way::to`] gathers what must be known (the operator's word, DANE, MTA-STS, what the message asks
//! for) and has `msgauth` decide; `open` does what it says. The decision with its reason and the facts
//! of the handshake go into the record of the attempt, whatever was wanted.

use std::sync::Arc;

use mail::DomainName;
use msgauth::dane::{Dane, Discovery, Host as DaneHost, Step};
use msgauth::tlsrpt::Against;
use msgauth::transport::{self, Check, Facts, Level, Need, Refusal, Requirement, Sts};
use queue::domains::DomainTable;
use queue::fate::Said;
use queue::route::{Host, NextHop, Service};
use queue::search::{self, Exchanger};

use crate::Shared;
use crate::doors::{TlsCheck, TlsWish};
use crate::smarthost::Account;
use crate::sts::{Policies, Standing};

/// What the operator wants of connections to other hosts.
#[derive(Clone, Debug, Default)]
pub struct TlsLevels {
    /// Where nothing is said of a destination.
    pub default: Level,
    /// By the domain mail goes to, or the name of a configured next hop.
    pub table: DomainTable<Level>,
}

impl TlsLevels {
    /// One level for all.
    pub fn all(default: Level) -> Self {
        Self { default, table: DomainTable::default() }
    }

    /// What is wanted for `hop`. A connection that begins with TLS has no clear to go back to, and
    /// its certificate is looked at like that of a submission server (RFC 8314 §3).
    fn of(&self, hop: &NextHop) -> Level {
        let said = domain(hop).and_then(|name| {
            self.table.exact(name).or_else(|| self.table.below(name).map(|(_, level)| level))
        });
        let level = said.copied().unwrap_or(self.default);
        match (hop.service(), level) {
            (Service::Smtps, Level::Dane | Level::Sts) | (Service::Smtp, _) => level,
            (Service::Smtps, _) => Level::Verify,
            // A socket needs no guard, and nobody publishes how his store wants to be spoken to.
            (Service::Lmtp, _) if is_socket(hop) => Level::Never,
            (Service::Lmtp, Level::Auto) => Level::Opportunistic,
            (Service::Lmtp, _) => level,
        }
    }
}

fn is_socket(hop: &NextHop) -> bool {
    matches!(hop, NextHop::Host { host: Host::Socket(_), .. })
}

/// What one message asks of the connection, beside what its destination does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Demand {
    /// It came with REQUIRETLS: the host must be verified (RFC 8689 §4.2.1).
    pub(crate) require_tls: bool,
    /// It says `TLS-Required: No`: it goes whatever its destination publishes (RFC 8689 §4.2.2).
    pub(crate) tls_optional: bool,
    /// Not by BDAT.
    pub(crate) unchunked: bool,
}

impl Demand {
    fn wanted(self) -> transport::Wanted {
        match (self.require_tls, self.tls_optional) {
            (true, _) => transport::Wanted::Required,
            (false, true) => transport::Wanted::Optional,
            (false, false) => transport::Wanted::Nothing,
        }
    }
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
    /// What was decided, and why.
    pub(crate) requirement: Requirement,
    /// What the session is held against in reports.
    pub(crate) against: Against,
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
    fn new(requirement: Requirement, service: Service, against: Against) -> Self {
        Self {
            start: match (service, requirement.need) {
                (Service::Smtps, _) => Start::Implicit,
                (_, Need::Never) => Start::Never,
                (_, Need::May | Need::Must) => Start::ByCommand,
            },
            is_required: requirement.need == Need::Must,
            wish: TlsWish {
                server_name: requirement.server_name.as_deref().and_then(name),
                check: check(&requirement.check),
            },
            requirement,
            against,
        }
    }

    /// What may be tried after TLS has failed: with any certificate, then without.
    pub(crate) fn softer(&self) -> Option<Self> {
        let service = match self.start {
            Start::Implicit => Service::Smtps,
            Start::ByCommand | Start::Never => Service::Smtp,
        };
        let softer = self.requirement.softer()?;
        Some(Self::new(softer, service, self.against.clone()))
    }

    /// The same without TLS, after it has failed; none where it is required.
    pub(crate) fn in_the_clear(&self) -> Option<Self> {
        std::iter::successors(self.softer(), Self::softer).last()
    }
}

/// What is known of a next hop for all of its hosts.
pub(crate) struct Way {
    hop: NextHop,
    level: Level,
    /// Asked once for an attempt, when the first host is to be dialled.
    standing: Option<Standing>,
}

impl Way {
    pub(crate) fn new(shared: &Shared, hop: &NextHop, login: Option<&str>, demand: Demand) -> Self {
        let options = shared.options();
        let level = match options.tls_levels.of(hop) {
            // What the message asks for can be had only by looking at what is published.
            Level::Opportunistic if demand.require_tls => Level::Auto,
            // A login wants to know whom it is shown to (RFC 4954 §14).
            Level::Auto | Level::Never | Level::Opportunistic | Level::Required
                if Account::at(&options.smarthosts, hop, login)
                    .is_some_and(|account| account.is_guarded()) =>
            {
                Level::Verify
            }
            level => level,
        };
        Self { hop: hop.clone(), level, standing: None }
    }

    /// How the hosts are spoken to.
    pub(crate) fn service(&self) -> Service {
        self.hop.service()
    }

    /// Whether answers of the name system must be checked: not where DANE can change nothing.
    pub(crate) fn asks_dane(&self) -> bool {
        self.level.asks_dane()
    }

    /// The domain whose policies count (RFC 8461 §3.4: of a smarthost, its own name).
    pub(crate) fn domain(&self) -> Option<String> {
        domain(&self.hop).map(|domain| domain.as_str().to_ascii_lowercase())
    }

    /// What is wanted of a connection to `host`.
    ///
    /// # Errors
    /// Why the host must not be used now, and what it is held against in reports.
    pub(crate) async fn to(
        &mut self,
        shared: &Arc<Shared>,
        host: &Exchanger,
        demand: Demand,
    ) -> Result<Wanted, (Refusal, Against)> {
        let known = self.known(host);
        let dane = match self.level.asks_dane() {
            true => discover(shared, &known).await,
            false => Dane::Absent("the configuration does not ask for DANE".to_owned()),
        };
        let (level, service) = (self.level, self.hop.service());
        let sts = match self.standing(shared).await {
            Standing::Policy(held) => Sts::Policy(&held.policy),
            Standing::None(why) => Sts::Absent(why),
        };
        let against = transport::against(&dane, sts);
        let facts = Facts { level, wanted: demand.wanted(), host: &known, dane: &dane, sts };
        match transport::decide(&facts) {
            Ok(requirement) => Ok(Wanted::new(requirement, service, against)),
            Err(refusal) => Err((refusal, against)),
        }
    }

    fn known(&self, host: &Exchanger) -> DaneHost {
        let found = &host.found;
        DaneHost {
            name: host.host.clone(),
            port: host.port,
            domain: self.domain(),
            domain_alias: found.domain_alias.clone(),
            exchangers: found.exchangers,
            by_exchanger: found.by_exchanger,
            addresses: found.addresses,
            alias: found.alias.clone(),
            trouble: found.trouble.clone(),
        }
    }

    async fn standing(&mut self, shared: &Arc<Shared>) -> &Standing {
        let standing = match self.standing.take() {
            Some(known) => known,
            // Names of one label and addresses are nobody's policy domains (RFC 8461 §3.4).
            None => match self.domain().filter(|domain| domain.contains('.')) {
                Some(domain) if self.level.asks_sts() => Policies::of(shared, &domain).await,
                _ => Standing::None("MTA-STS is not asked for".to_owned()),
            },
        };
        self.standing.insert(standing)
    }
}

/// The name whose policies count; none for an address.
fn domain(hop: &NextHop) -> Option<&DomainName> {
    match hop {
        NextHop::Exchangers(domain) => Some(domain),
        NextHop::Host { host: Host::Name(name), .. } => Some(name),
        _ => None,
    }
}

/// The records of one host, by questions one after the other (RFC 7672 §2.2).
async fn discover(shared: &Shared, host: &DaneHost) -> Dane {
    let mut discovery = Discovery::new(host.clone());
    loop {
        match discovery.poll() {
            Step::Done(dane) => return dane,
            Step::Ask(question) => {
                let answer = shared.names.ask(&shared.world, &question).await;
                discovery.answer(&answer);
            }
        }
    }
}

/// A refusal in the words of `queue`.
pub(crate) fn said(refusal: Refusal) -> Said {
    match refusal {
        Refusal { permanent: true, topic, what, .. } => Said::Unsendable { topic, what },
        // What could not be looked up is no word of the destination, whatever the message asks for.
        Refusal { is_lookup: true, topic, what, .. } => Said::NoRoute(search::Failure {
            status: mail::EnhancedStatus::transient(topic),
            permanent: false,
            explanation: what,
        }),
        Refusal { topic, what, .. } => Said::Insecure { topic, what },
    }
}

fn check(check: &Check) -> TlsCheck {
    let parsed = |names: &[String]| names.iter().filter_map(|one| name(one)).collect();
    match check {
        Check::Nothing => TlsCheck::Nothing,
        Check::Names(names) => TlsCheck::Names(parsed(names)),
        Check::Records(records, names) => {
            TlsCheck::Dane { records: records.clone(), names: parsed(names) }
        }
    }
}

/// The host as a name; none for an address.
fn name(host: &str) -> Option<DomainName> {
    host.parse().ok().filter(|_| !host.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hop, what the configuration says, and what comes of it.
    ///
    /// Register: 8461-3.4-a, 8461-3.4-b, 8461-3.4-c.
    #[test]
    fn levels_and_domains() {
        let mut levels = TlsLevels::all(Level::Auto);
        for (pattern, level) in [
            ("b.example", Level::Never),
            (".b.example", Level::Required),
            ("hub.example", Level::Dane),
        ] {
            levels.table.insert(pattern.parse().unwrap(), level);
        }
        let rows = [
            ("mx:a.example", Level::Auto, Some("a.example")),
            ("mx:b.example", Level::Never, Some("b.example")),
            ("mx:x.b.example", Level::Required, Some("x.b.example")),
            ("smtp:[hub.example]:25", Level::Dane, Some("hub.example")),
            ("smtp:x.example:25", Level::Auto, Some("x.example")),
            ("smtp:[192.0.2.1]:25", Level::Auto, None),
            ("smtps:[b.example]:465", Level::Verify, Some("b.example")),
            ("smtps:hub.example:465", Level::Dane, Some("hub.example")),
        ];
        for (hop, level, name) in rows {
            let hop = NextHop::parse(hop).unwrap();
            assert_eq!(levels.of(&hop), level, "{hop}");
            assert_eq!(domain(&hop).map(DomainName::as_str), name, "{hop}");
        }
    }

    fn wanted(need: Need, check: Check, service: Service) -> Wanted {
        let server_name = Some("mx.example.org".to_owned());
        let requirement = Requirement {
            need,
            check,
            server_name,
            basis: transport::Basis::Nothing,
            proved: false,
            amiss: None,
            reason: String::new(),
        };
        Wanted::new(requirement, service, Against::nothing())
    }

    #[test]
    fn what_may_follow_a_failure() {
        let names = || Check::Names(vec!["mx.example.org".to_owned()]);
        let first = wanted(Need::May, names(), Service::Smtp);
        let second = first.softer().unwrap();
        assert_eq!((second.start, &second.wish.check), (Start::ByCommand, &TlsCheck::Nothing));
        let third = second.softer().unwrap();
        assert_eq!(third.start, Start::Never);
        assert!(third.softer().is_none());
        assert_eq!(first.in_the_clear().unwrap().start, Start::Never);
        assert!(wanted(Need::Must, names(), Service::Smtp).in_the_clear().is_none());
        let implicit = wanted(Need::Must, names(), Service::Smtps);
        assert_eq!(implicit.start, Start::Implicit);
        assert!(implicit.is_required && implicit.softer().is_none());
    }

    #[test]
    fn addresses_are_no_names() {
        let mut literal =
            wanted(Need::Must, Check::Names(vec!["[192.0.2.1]".into()]), Service::Smtp);
        literal.requirement.server_name = Some("[192.0.2.1]".to_owned());
        let again = Wanted::new(literal.requirement, Service::Smtp, Against::nothing());
        let wish = TlsWish { server_name: None, check: TlsCheck::Names(Vec::new()) };
        assert_eq!(again.wish, wish);
    }
}
