//! One host of a search: the questions about its addresses, aliases followed, the answers ordered.

use std::collections::BTreeSet;
use std::net::IpAddr;

use mail::address::Literal;
use mail::lookup::{Answer, Kind, Question, Record, Security};

use super::{CNAME_MAX, Family, Found};

/// Addresses kept of one host and family; more are never tried.
const ADDRESSES_MAX: usize = 16;

/// The question about one family.
#[derive(Clone, Debug)]
enum Asked {
    /// Not wanted.
    Never,
    /// Open, about this name: the host, or what it is an alias of after so many steps.
    Open(String, usize),
    /// Answered; empty: none.
    Found(Vec<IpAddr>),
    /// Not answered, for this reason: temporary.
    Failed(String),
}

/// A host that may be tried.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) preference: u16,
    pub(super) host: String,
    v4: Asked,
    v6: Asked,
    /// The host and the names it is an alias of.
    names: BTreeSet<String>,
    /// How far the answers so far are proved: the least of them.
    security: Option<Security>,
    /// The last name it is an alias of.
    alias: Option<String>,
}

impl Candidate {
    /// A host whose addresses must be asked for.
    pub(super) fn named(preference: u16, host: String, family: Family) -> Self {
        let asked = |wanted| if wanted { Asked::Open(host.clone(), 0) } else { Asked::Never };
        Self {
            preference,
            v4: asked(family != Family::Ipv6Only),
            v6: asked(family != Family::Ipv4Only),
            names: BTreeSet::from([host.clone()]),
            host,
            security: None,
            alias: None,
        }
    }

    /// A host that is its address.
    pub(super) fn fixed(address: IpAddr) -> Self {
        let (v4, v6) = match address {
            IpAddr::V4(_) => (Asked::Found(vec![address]), Asked::Never),
            IpAddr::V6(_) => (Asked::Never, Asked::Found(vec![address])),
        };
        let host = Literal::Ip(address).to_string();
        Self { preference: 0, host, v4, v6, names: BTreeSet::new(), security: None, alias: None }
    }

    /// The questions still open.
    pub(super) fn questions(&self) -> impl Iterator<Item = Question> {
        let question = |asked: &Asked, kind| match asked {
            Asked::Open(name, _) => Some(Question::new(name, kind)),
            _ => None,
        };
        question(&self.v6, Kind::Aaaa).into_iter().chain(question(&self.v4, Kind::A))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.questions().next().is_none()
    }

    pub(super) fn answer(&mut self, question: &Question, answer: &Answer) {
        let asked = match question.kind {
            Kind::A => &mut self.v4,
            Kind::Aaaa => &mut self.v6,
            _ => return,
        };
        match asked {
            Asked::Open(name, steps) if *name == question.name => {
                *asked = read(answer, question.kind, *steps + 1, &mut self.names);
            }
            _ => return,
        }
        if answer.failure().is_none() {
            let security = answer.security();
            self.security = Some(self.security.map_or(security, |known| known.min(security)));
        }
        if let Answer::Found { records, .. } = answer
            && let Some(target) = records.iter().rev().find_map(|record| match record {
                Record::Cname(target) => Some(lower(target)),
                _ => None,
            })
        {
            self.alias = Some(target);
        }
    }

    /// How it was found, when `exchangers` tells how the list was.
    pub(super) fn found(&self, exchangers: &Found) -> Found {
        Found {
            addresses: self.security.unwrap_or_default(),
            alias: self.alias.clone(),
            trouble: self.trouble().map(str::to_owned),
            ..exchangers.clone()
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        found(&self.v4).iter().chain(found(&self.v6)).copied()
    }

    /// In the order to try: alternating between the families, each in the resolver's order
    /// (RFC 5321 §5.1), without those nobody can be at.
    pub(super) fn ordered(&self, family: Family) -> Vec<IpAddr> {
        let (mut first, mut second) = (found(&self.v6).iter(), found(&self.v4).iter());
        if family == Family::Ipv4First {
            std::mem::swap(&mut first, &mut second);
        }
        let mut ordered = Vec::new();
        loop {
            let pair = [first.next(), second.next()];
            if pair == [None, None] {
                return ordered;
            }
            for &address in pair.into_iter().flatten() {
                if is_reachable(address) && !ordered.contains(&address) {
                    ordered.push(address);
                }
            }
        }
    }

    /// What kept a question from being answered.
    pub(super) fn trouble(&self) -> Option<&str> {
        [&self.v6, &self.v4].into_iter().find_map(|asked| match asked {
            Asked::Failed(what) => Some(what.as_str()),
            _ => None,
        })
    }

    /// What is known, for the trail.
    pub(super) fn story(&self) -> String {
        let addresses: Vec<_> = self.addresses().map(|address| address.to_string()).collect();
        let known = match (addresses.is_empty(), self.trouble()) {
            (false, _) => format!("at {}", addresses.join(", ")),
            (true, Some(what)) => format!("not known now: {what}"),
            (true, None) => "has no address".to_owned(),
        };
        format!("{} (preference {}) {known}", self.host, self.preference)
    }
}

/// A name as it is compared: in lower case, without the root's dot.
pub(super) fn lower(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn found(asked: &Asked) -> &[IpAddr] {
    match asked {
        Asked::Found(addresses) => addresses,
        _ => &[],
    }
}

/// What an answer makes of a question. An alias of an exchanger is against RFC 5321 §5.1 and common;
/// it is followed.
fn read(answer: &Answer, kind: Kind, steps: usize, names: &mut BTreeSet<String>) -> Asked {
    let records = match answer {
        Answer::Found { records, .. } => records,
        Answer::NoData { .. } | Answer::NoName { .. } => return Asked::Found(Vec::new()),
        Answer::Failed(what) | Answer::Bogus(what) => return Asked::Failed(what.clone()),
    };
    let mut addresses = Vec::new();
    let mut alias = None;
    for record in records {
        match record {
            Record::A(v4) if kind == Kind::A => addresses.push(IpAddr::V4(*v4)),
            Record::Aaaa(v6) if kind == Kind::Aaaa => addresses.push(IpAddr::V6(*v6)),
            Record::Cname(target) => {
                alias = Some(lower(target));
            }
            _ => {}
        }
    }
    addresses.truncate(ADDRESSES_MAX);
    match alias {
        Some(target) if addresses.is_empty() => follow(target, steps, names),
        Some(target) => {
            names.insert(target);
            Asked::Found(addresses)
        }
        None => Asked::Found(addresses),
    }
}

/// A chain that is too long, circles included, leaves the host without address.
fn follow(target: String, steps: usize, names: &mut BTreeSet<String>) -> Asked {
    if !is_host_name(&target) || steps > CNAME_MAX {
        return Asked::Found(Vec::new());
    }
    names.insert(target.clone());
    Asked::Open(target, steps)
}

/// A name that can be looked up: labels of letters, digits and hyphens. Underscores are against the
/// rules for hosts and found among them, so they are let through.
pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Why an exchange name cannot be used, if so.
pub(super) fn unusable_name(host: &str) -> Option<&'static str> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Some("it is the root");
    }
    if inner.parse::<IpAddr>().is_ok() {
        return Some("it is an address");
    }
    (!is_host_name(host)).then_some("it is not a host name")
}

fn is_reachable(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
    }
}
