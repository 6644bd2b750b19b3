//! The addresses behind a next hop: the whole algorithm of RFC 5321 §5.1 with RFC 7505, as
//! a machine that asks the name system through its caller.
//!
//! The caller repeats: [`poll`](Search::poll); for `Ask`, get an answer to each question and give
//! it to [`answer`](Search::answer). The order in which answers come does not matter. What became
//! of each step is told by [`trail`](Search::trail). Trying the addresses is the caller's part.

mod hosts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;

use mail::address::{DomainName, Literal};
use mail::lookup::{Answer, Kind, Question, Record, Security};
use mail::reply::{EnhancedStatus, Topic};

use crate::chance::Chance;
use crate::reason::Reason;
use crate::route::{Host, HostLookup, NextHop, SMTP_PORT};
use hosts::Candidate;

/// Aliases followed for one name. The standards name no number; loops are found apart from it.
pub const CNAME_MAX: usize = 10;
/// Exchangers looked at, best first; a domain with more gets the rest ignored. Over 4 times what is
/// tried in one attempt, since unusable ones do not count.
pub const EXCHANGERS_MAX: usize = 20;
/// Steps told.
const TRAIL_MAX: usize = 100;

/// Which of a host's addresses come first. They alternate while there are both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// IPv6, then IPv4.
    #[default]
    Ipv6First,
    /// IPv4, then IPv6.
    Ipv4First,
    /// IPv6 addresses are not asked for: this host has none.
    Ipv4Only,
    /// IPv4 addresses are not asked for.
    Ipv6Only,
}

/// What a search must know about this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The names of this host.
    pub own_names: Vec<DomainName>,
    /// Its addresses: interfaces, and those it has outside of a translating router.
    pub own_addresses: Vec<IpAddr>,
    /// The ports it answers on. An exchanger with our name or address is always ourselves; a
    /// *configured* host is ourselves only at one of these ports, so that a filter may listen beside
    /// us. Default 25.
    pub own_ports: Vec<u16>,
    /// All of 127.0.0.0/8 and ::1 is ourselves. Default true; a scene of several hosts on one
    /// machine says no.
    pub loopback_is_own: bool,
    /// The port of exchangers. Default 25; anything else is for tests.
    pub port: u16,
    /// Which addresses come first.
    pub family: Family,
    /// Hosts in a result. Default 5.
    pub hosts_max: usize,
    /// Addresses in a result, at least 2 (RFC 5321 §5.1). Default 10.
    pub addresses_max: usize,
    /// Answers are to be checked against their signatures, because DANE hangs on them. Default no.
    pub checked: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            own_names: Vec::new(),
            own_addresses: Vec::new(),
            own_ports: vec![SMTP_PORT],
            loopback_is_own: true,
            port: SMTP_PORT,
            family: Family::default(),
            hosts_max: 5,
            addresses_max: 10,
            checked: false,
        }
    }
}

/// A host to try, with its addresses in the order to try them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchanger {
    /// Its name in lower case, its address as a literal, or `unix:` and the path of its socket, which
    /// has the address 0.0.0.0.
    pub host: String,
    /// Its rank; 0 without MX records.
    pub preference: u16,
    /// At least one.
    pub addresses: Vec<IpAddr>,
    /// Where it listens.
    pub port: u16,
    /// How it was found.
    pub found: Found,
}

/// How a host was found, as far as the policies of transport must know (RFC 7672 §2.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// How far the MX answer is proved, that there is none included; `None`: none was asked for.
    pub exchangers: Option<Security>,
    /// MX records name the host. Else it is the domain itself, or was configured.
    pub by_exchanger: bool,
    /// What the domain is an alias of, at the end of the aliases.
    pub domain_alias: Option<String>,
    /// How far the addresses are proved, aliases on the way included.
    pub addresses: Security,
    /// What the host is an alias of, at the end of the aliases.
    pub alias: Option<String>,
    /// What kept the addresses of one family from being known, while others are.
    pub trouble: Option<String>,
}

/// Why there is nothing to try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// For the report.
    pub status: EnhancedStatus,
    /// It will not get better by waiting.
    pub permanent: bool,
    /// In words.
    pub explanation: String,
}

/// What [`Search::poll`] wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// An answer to each of these.
    Ask(Vec<Question>),
    /// Nothing more: the hosts in the order to try them, or why there are none.
    Done(Result<Vec<Exchanger>, Failure>),
}

/// One search. Holds no more than [`EXCHANGERS_MAX`] hosts, whatever the name system says.
#[derive(Clone, Debug)]
pub struct Search {
    facts: Facts,
    port: u16,
    /// The operator named the host: what is wrong with it is no fault of the sender, so it waits.
    configured: bool,
    chance: Chance,
    found: Found,
    phase: Phase,
    trail: Vec<Reason>,
}

#[derive(Clone, Debug)]
enum Phase {
    Exchangers { name: String, seen: BTreeSet<String> },
    Hosts(Vec<Candidate>),
    Done(Result<Vec<Exchanger>, Failure>),
}

impl Search {
    /// A search for the addresses of `next_hop`. `shuffle_seed` orders equals; take a new one each
    /// time. What is no host, or several, fails.
    pub fn new(next_hop: &NextHop, facts: Facts, shuffle_seed: u64) -> Self {
        let mut search = Self {
            port: facts.port,
            facts,
            configured: false,
            chance: Chance::new(shuffle_seed),
            found: Found::default(),
            phase: Phase::Hosts(Vec::new()),
            trail: Vec::new(),
        };
        match next_hop {
            NextHop::Exchangers(domain) => search.ask_exchangers(domain.ascii()),
            NextHop::Host { host, port, lookup, .. } => {
                search.port = *port;
                search.configured = true;
                search.start_host(host, *lookup);
            }
            // Of several, the caller searches each.
            NextHop::Hosts(_)
            | NextHop::Local
            | NextHop::Mailbox(_)
            | NextHop::Pipe(_)
            | NextHop::Commands
            | NextHop::Discard
            | NextHop::Error(_) => {
                search.fail(5, Topic(3, 5), format!("{next_hop} is no host that mail is sent to"));
            }
        }
        search
    }

    fn start_host(&mut self, host: &Host, lookup: HostLookup) {
        match (host, lookup) {
            (Host::Address(address), _) => {
                self.tell(format!("{} is an address: no DNS", Literal::Ip(*address)));
                self.phase = Phase::Hosts(vec![Candidate::fixed(*address)]);
                self.settle();
            }
            (Host::Socket(path), _) => {
                self.tell(format!("{path} is a socket of this machine"));
                self.phase = Phase::Done(Ok(vec![Exchanger {
                    host: host.to_string(),
                    preference: 0,
                    addresses: vec![IpAddr::from([0, 0, 0, 0])],
                    port: 0,
                    found: Found::default(),
                }]));
            }
            (Host::Name(name), HostLookup::Mx) => self.ask_exchangers(name.ascii()),
            (Host::Name(name), HostLookup::Addresses) => {
                self.tell(format!("{name} is a configured host: no MX lookup"));
                self.ask_hosts(vec![(0, name.ascii().to_ascii_lowercase())]);
            }
        }
    }

    /// What is to be done next. `Ask` names all questions still open; `Done` stays.
    pub fn poll(&self) -> Step {
        match &self.phase {
            Phase::Exchangers { name, .. } => {
                Step::Ask(vec![self.question(Question::new(name, Kind::Mx))])
            }
            Phase::Hosts(candidates) => {
                let questions: BTreeSet<_> = candidates
                    .iter()
                    .flat_map(Candidate::questions)
                    .map(|question| self.question(question))
                    .collect();
                Step::Ask(questions.into_iter().collect())
            }
            Phase::Done(result) => Step::Done(result.clone()),
        }
    }

    fn question(&self, question: Question) -> Question {
        if self.facts.checked { question.checked() } else { question }
    }

    /// Takes an answer. One to a question that is not open changes nothing.
    pub fn answer(&mut self, question: &Question, answer: &Answer) {
        match &mut self.phase {
            Phase::Exchangers { name, .. } => {
                if question.kind == Kind::Mx && question.name == *name {
                    self.take_exchangers(answer);
                }
            }
            Phase::Hosts(candidates) => {
                for candidate in candidates {
                    candidate.answer(question, answer);
                }
                self.settle();
            }
            Phase::Done(_) => {}
        }
    }

    /// The steps so far, in order.
    pub fn trail(&self) -> &[Reason] {
        &self.trail
    }

    fn tell(&mut self, text: String) {
        if self.trail.len() < TRAIL_MAX {
            self.trail.push(Reason::new(text));
        }
    }

    /// Ends the search without a host. What concerns a configured host is for the operator to mend,
    /// so the mail waits, whatever is wrong.
    fn fail(&mut self, class: u8, topic: Topic, explanation: String) {
        let (class, topic) = match (self.configured, topic) {
            (true, Topic(4, 6)) | (false, _) => (class, topic),
            (true, Topic(1, _)) => (4, Topic(4, 4)),
            (true, _) => (4, topic),
        };
        self.tell(explanation.clone());
        let status = EnhancedStatus::new(class, topic).unwrap_or(EnhancedStatus::transient(topic));
        self.phase = Phase::Done(Err(Failure { status, permanent: class == 5, explanation }));
    }

    fn ask_exchangers(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        self.phase = Phase::Exchangers { seen: BTreeSet::from([name.clone()]), name };
    }

    /// Step 2: the answer to the MX question.
    fn take_exchangers(&mut self, answer: &Answer) {
        let Phase::Exchangers { name, .. } = &self.phase else { return };
        let name = name.clone();
        let security = answer.security();
        let known = self.found.exchangers.unwrap_or(security);
        self.found.exchangers = Some(known.min(security));
        match answer {
            Answer::Failed(what) | Answer::Bogus(what) => {
                self.fail(
                    4,
                    Topic(4, 3),
                    format!("the MX records of {name} are not known: {what}"),
                );
            }
            Answer::NoName { .. } => {
                self.fail(5, Topic(1, 2), format!("the domain {name} does not exist"));
            }
            Answer::NoData { .. } => self.implicit(name),
            Answer::Found { records, .. } => {
                let mut exchangers = Vec::new();
                let mut alias = None;
                for record in records {
                    match record {
                        Record::Mx(preference, host) => {
                            exchangers.push((*preference, host.clone()))
                        }
                        Record::Cname(target) => alias = Some(target),
                        _ => {}
                    }
                }
                if let Some(target) = alias {
                    self.found.domain_alias = Some(hosts::lower(target));
                }
                match (exchangers.is_empty(), alias) {
                    (false, _) => self.choose(&name, exchangers),
                    (true, Some(target)) => self.follow(&name, target),
                    (true, None) => self.implicit(name),
                }
            }
        }
    }

    /// Step 4: no MX records, so the name itself at preference 0.
    fn implicit(&mut self, name: String) {
        self.tell(format!("{name} has no MX records: its own addresses count"));
        self.ask_hosts(vec![(0, name)]);
    }

    /// An alias: its target is asked as if it were the name (RFC 5321 §5.1).
    fn follow(&mut self, name: &str, target: &str) {
        let target = hosts::lower(target);
        self.tell(format!("{name} is an alias of {target}"));
        if let Phase::Exchangers { name: current, seen } = &mut self.phase
            && seen.len() <= CNAME_MAX
            && hosts::is_host_name(&target)
            && seen.insert(target.clone())
        {
            *current = target;
            return;
        }
        self.fail(5, Topic(4, 4), format!("the aliases from {name} lead nowhere"));
    }

    /// Step 3 a to c: null MX, unusable records, order.
    fn choose(&mut self, name: &str, records: Vec<(u16, String)>) {
        if let [(0, host)] = records.as_slice()
            && (host.is_empty() || host == ".")
        {
            let text = format!("the domain {name} accepts no mail (null MX)");
            return self.fail(5, Topic(1, 10), text);
        }
        let mut ranked: Vec<(u16, String)> = Vec::new();
        for (preference, host) in records {
            let host = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
            if let Some(why) = hosts::unusable_name(&host) {
                self.tell(format!("MX {preference} {host} dropped: {why}"));
                continue;
            }
            match ranked.iter_mut().find(|(_, known)| *known == host) {
                Some((known, _)) => *known = preference.min(*known),
                None => ranked.push((preference, host)),
            }
        }
        // Shuffled first, then sorted stably: random among equals (RFC 5321 §5.1: MUST).
        self.chance.shuffle(&mut ranked);
        ranked.sort_by_key(|(preference, _)| *preference);
        if ranked.is_empty() {
            let text = format!("no MX record of {name} names a host");
            return self.fail(5, Topic(4, 4), text);
        }
        self.found.by_exchanger = true;
        self.ask_hosts(ranked);
    }

    fn ask_hosts(&mut self, mut ranked: Vec<(u16, String)>) {
        // Our names are looked for in all of the list, so that a long list hides no loop.
        if let Some(own) = ranked.iter().find(|(_, host)| self.is_own_name(host)).cloned() {
            self.tell(format!(
                "MX {} {} is this host: it and what is not better is dropped",
                own.0, own.1
            ));
            ranked.retain(|(preference, _)| *preference < own.0);
            if ranked.is_empty() {
                return self.fail_loop(&own.1);
            }
        }
        if ranked.len() > EXCHANGERS_MAX {
            self.tell(format!("only the best {EXCHANGERS_MAX} of {} hosts count", ranked.len()));
            ranked.truncate(EXCHANGERS_MAX);
        }
        let family = self.facts.family;
        let candidate = |(preference, host)| Candidate::named(preference, host, family);
        self.phase = Phase::Hosts(ranked.into_iter().map(candidate).collect());
    }

    fn fail_loop(&mut self, host: &str) {
        self.fail(
            5,
            Topic(4, 6),
            format!("mail would come back to this host: {host} is ourselves"),
        );
    }

    /// Whether a host at our port and with our name or address is ourselves: always for exchangers.
    fn counts_as_own(&self) -> bool {
        !self.configured || self.facts.own_ports.contains(&self.port)
    }

    fn is_own_name(&self, host: &str) -> bool {
        let own = |name: &DomainName| name.ascii().eq_ignore_ascii_case(host);
        // The name `localhost` and what is below it mean ourselves everywhere (RFC 6761 §6.3).
        let local =
            self.facts.loopback_is_own && (host == "localhost" || host.ends_with(".localhost"));
        self.counts_as_own() && (local || self.facts.own_names.iter().any(own))
    }

    fn is_own_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let listed = self.facts.own_addresses.iter().any(|own| own.to_canonical() == address);
        self.counts_as_own() && (listed || self.facts.loopback_is_own && address.is_loopback())
    }

    /// Once every question is answered: steps 3 d to f and 5.
    fn settle(&mut self) {
        let Phase::Hosts(candidates) = &self.phase else { return };
        if candidates.iter().any(|candidate| !candidate.is_settled()) {
            return;
        }
        let candidates = candidates.clone();
        for candidate in &candidates {
            self.tell(candidate.story());
        }
        let own = candidates.iter().find(|candidate| {
            candidate.names().any(|name| self.is_own_name(name))
                || candidate.addresses().any(|address| self.is_own_address(address))
        });
        let limit = own.map(|own| u32::from(own.preference)).unwrap_or(u32::MAX);
        if let Some(own) = own {
            self.tell(format!(
                "{} is this host: it and what is not better than {} is dropped",
                own.host, own.preference
            ));
        }
        let left: Vec<_> =
            candidates.iter().filter(|one| u32::from(one.preference) < limit).collect();
        if let (true, Some(own)) = (left.is_empty(), own) {
            return self.fail_loop(&own.host);
        }
        self.finish(&left);
    }

    fn finish(&mut self, candidates: &[&Candidate]) {
        let mut room = self.facts.addresses_max.max(2);
        let mut found = Vec::new();
        for candidate in candidates {
            let mut addresses = candidate.ordered(self.facts.family);
            addresses.truncate(room);
            if addresses.is_empty() || found.len() >= self.facts.hosts_max.max(1) {
                continue;
            }
            room -= addresses.len();
            let (host, preference) = (candidate.host.clone(), candidate.preference);
            let way = candidate.found(&self.found);
            found.push(Exchanger { host, preference, addresses, port: self.port, found: way });
        }
        if !found.is_empty() {
            self.phase = Phase::Done(Ok(found));
            return;
        }
        let waiting = candidates.iter().find_map(|candidate| candidate.trouble());
        let names: Vec<_> = candidates.iter().map(|candidate| candidate.host.as_str()).collect();
        let names = names.join(", ");
        match waiting {
            Some(what) => {
                let text = format!("the addresses of {names} are not known now: {what}");
                self.fail(4, Topic(4, 3), text);
            }
            None => self.fail(5, Topic(4, 4), format!("{names} has no address that can be used")),
        }
    }
}
