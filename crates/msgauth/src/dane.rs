//! DANE for SMTP (RFC 7672): whether the name system says, with proof, which certificate a host must
//! show; and if so, which records count and which names.
//!
//! [`Discovery`] is a machine that asks the name system through its caller, as the search for
//! exchangers does: [`poll`](Discovery::poll), an answer to each question, until it is done.

#[cfg(test)]
mod tests;

use mail::lookup::{Answer, Kind, Question, Record, Security, Tlsa};

/// Records of one host that count, best first: a host that changes its keys has four.
pub const RECORDS_MAX: usize = 64;
/// Aliases followed from one TLSA name.
const ALIASES_MAX: usize = 10;

/// What is known of a host before DANE is asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    /// Its name as it was found, in lower case.
    pub name: String,
    /// The port it is reached at.
    pub port: u16,
    /// The domain the mail goes to, if it was looked up.
    pub domain: Option<String>,
    /// What the domain is an alias of.
    pub domain_alias: Option<String>,
    /// How far the MX answer is proved; `None`: none was asked for.
    pub exchangers: Option<Security>,
    /// MX records name the host.
    pub by_exchanger: bool,
    /// How far its addresses are proved, aliases included.
    pub addresses: Security,
    /// What it is an alias of.
    pub alias: Option<String>,
    /// What kept the addresses of one family from being known.
    pub trouble: Option<String>,
}

impl Host {
    /// Whether it is proved that the domain wants this host: its MX records are signed, or the host
    /// was named by the operator.
    pub fn is_proved(&self) -> bool {
        self.exchangers.is_none_or(Security::is_secure)
    }
}

/// What DANE says of one host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Dane {
    /// It does not apply, for this reason.
    Absent(String),
    /// There are records and none can be used: TLS is a must, who answers is not asked
    /// (RFC 7672 §2.2).
    Unusable {
        /// Where the records stand.
        base: String,
        /// Why not.
        why: String,
    },
    /// The certificate must match.
    Match(Match),
    /// Something could not be looked up: the host counts as unreachable (RFC 7672 §2.1.2).
    Unknown {
        /// What happened.
        what: String,
        /// An answer contradicted its signatures.
        bogus: bool,
    },
}

/// What a certificate must match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// The TLSA base domain: also the name to ask for in the handshake (RFC 7672 §8.1).
    pub base: String,
    /// The records: usable ones, of the strongest digest.
    pub records: Vec<Tlsa>,
    /// The names one of which must be in the certificate, where a record names an authority
    /// (RFC 7672 §3.2.2).
    pub names: Vec<String>,
    /// Whether the domain is proved to want this host. If not, its certificate proves who answers,
    /// and not that the mail is there where the domain wants it.
    pub proved: bool,
}

/// What [`Discovery::poll`] wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// An answer to this question.
    Ask(Question),
    /// Nothing more.
    Done(Dane),
}

/// The search for the TLSA records of one host.
#[derive(Clone, Debug)]
pub struct Discovery {
    host: Host,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Is the alias signed that leads to unsigned addresses?
    Alias,
    /// The records of one base domain, at `at` after so many aliases; the others come after.
    Records {
        base: String,
        at: String,
        aliases: usize,
        then: Option<String>,
    },
    Done(Dane),
}

impl Discovery {
    /// Begins with what the search for the host has found.
    pub fn new(host: Host) -> Self {
        let phase = first(&host);
        Self { host, phase }
    }

    /// What is to be done next; `Done` stays.
    pub fn poll(&self) -> Step {
        match &self.phase {
            Phase::Alias => Step::Ask(Question::new(&self.host.name, Kind::Cname).checked()),
            Phase::Records { at, .. } => Step::Ask(Question::new(at, Kind::Tlsa).checked()),
            Phase::Done(dane) => Step::Done(dane.clone()),
        }
    }

    /// Takes the answer to the question of [`poll`](Self::poll).
    pub fn answer(&mut self, answer: &Answer) {
        let next = match (&self.phase, answer) {
            (Phase::Done(_), _) => return,
            (_, Answer::Failed(what)) => Phase::Done(unknown(what, false)),
            (_, Answer::Bogus(what)) => Phase::Done(unknown(what, true)),
            (Phase::Alias, answer) if answer.security().is_secure() => {
                self.at(&self.host.name, None)
            }
            (Phase::Alias, _) => Phase::Done(unsigned(&self.host)),
            (Phase::Records { base, aliases, then, .. }, answer) => {
                self.records(base, *aliases, then.as_ref(), answer)
            }
        };
        self.phase = next;
    }

    /// The question about the records of `base` (RFC 7672 §2.2.3: with the port that is used).
    fn at(&self, base: &str, then: Option<&String>) -> Phase {
        Phase::Records {
            base: base.to_owned(),
            at: format!("_{}._tcp.{base}", self.host.port),
            aliases: 0,
            then: then.cloned(),
        }
    }

    fn records(&self, base: &str, aliases: usize, then: Option<&String>, answer: &Answer) -> Phase {
        let (records, security) = match answer {
            Answer::Found { records, security, .. } => (records.as_slice(), *security),
            other => (&[][..], other.security()),
        };
        let of = |record: &Record| match record {
            Record::Tlsa(tlsa) => Some(tlsa.clone()),
            _ => None,
        };
        let found: Vec<Tlsa> = records.iter().filter_map(of).collect();
        if security.is_secure() && !found.is_empty() {
            return Phase::Done(self.judge(base, found));
        }
        // A reply may stop at an alias: its target is asked, and the base stays (RFC 7672 §2.2.3).
        if let ([.., Record::Cname(target)], true) = (records, security.is_secure()) {
            if aliases >= ALIASES_MAX {
                let what = format!("the aliases from _{}._tcp.{base} do not end", self.host.port);
                return Phase::Done(unknown(&what, false));
            }
            return Phase::Records {
                base: base.to_owned(),
                at: target.clone(),
                aliases: aliases + 1,
                then: then.cloned(),
            };
        }
        match then {
            Some(next) => self.at(next, None),
            None => {
                Phase::Done(Dane::Absent(format!("{} has no signed TLSA records", self.host.name)))
            }
        }
    }

    fn judge(&self, base: &str, found: Vec<Tlsa>) -> Dane {
        let records = usable(found);
        if records.is_empty() {
            let why = "its TLSA records cannot be used for mail (RFC 7672 §3.1)".to_owned();
            return Dane::Unusable { base: base.to_owned(), why };
        }
        let (base, names) = (base.to_owned(), names(&self.host, base));
        Dane::Match(Match { base, records, names, proved: self.host.is_proved() })
    }
}

/// Where the search begins, by how the addresses were proved (RFC 7672 §2.2.2).
fn first(host: &Host) -> Phase {
    let discovery = |base: &str, then: Option<&String>| Phase::Records {
        base: base.to_owned(),
        at: format!("_{}._tcp.{base}", host.port),
        aliases: 0,
        then: then.cloned(),
    };
    if host.name.starts_with('[') || host.name.is_empty() {
        return Phase::Done(Dane::Absent("the host is known by its address only".to_owned()));
    }
    match (host.addresses, &host.trouble, &host.alias) {
        (Security::Secure, Some(what), _) => Phase::Done(unknown(what, false)),
        (Security::Secure, None, Some(alias)) => discovery(alias, Some(&host.name)),
        (Security::Secure, None, None) => discovery(&host.name, None),
        (Security::Insecure, _, Some(_)) => Phase::Alias,
        (Security::Insecure | Security::Unchecked, _, _) => Phase::Done(unsigned(host)),
    }
}

fn unsigned(host: &Host) -> Dane {
    let why = match host.addresses {
        Security::Unchecked => "signatures were not checked",
        _ => "its addresses are not signed",
    };
    Dane::Absent(format!("no DANE for {}: {why}", host.name))
}

fn unknown(what: &str, bogus: bool) -> Dane {
    Dane::Unknown { what: what.to_owned(), bogus }
}

/// The reference names, the base domain first (RFC 7672 §3.2.2).
fn names(host: &Host, base: &str) -> Vec<String> {
    let mut names = vec![base.to_owned()];
    let secure_list = host.by_exchanger && host.exchangers.is_some_and(Security::is_secure);
    if secure_list {
        names.extend(host.domain.clone());
        names.extend(host.domain_alias.clone());
    } else if !host.by_exchanger {
        names.push(host.name.clone());
    }
    let mut seen = Vec::new();
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names
}

/// The records that count. Usages 0 and 1 are not for mail (RFC 7672 §3.1.3); what nobody knows, or
/// has a digest of the wrong length, is left out first; of each usage and selector only the strongest
/// digest counts, beside whole certificates (RFC 7671 §9).
fn usable(found: Vec<Tlsa>) -> Vec<Tlsa> {
    let mut records: Vec<Tlsa> = found.into_iter().filter(is_usable).collect();
    let strongest = |usage, selector| {
        let same = records.iter().filter(|one| (one.usage, one.selector) == (usage, selector));
        same.map(|one| one.matching).max().unwrap_or_default()
    };
    let weak: Vec<bool> = records
        .iter()
        .map(|one| one.matching != 0 && one.matching < strongest(one.usage, one.selector))
        .collect();
    let mut weak = weak.into_iter();
    records.retain(|_| weak.next() == Some(false));
    // The keys of hosts before those of authorities: they are cheaper to compare.
    records.sort_by(|one, other| other.usage.cmp(&one.usage).then_with(|| one.cmp(other)));
    records.dedup();
    records.truncate(RECORDS_MAX);
    records
}

fn is_usable(record: &Tlsa) -> bool {
    let length = match record.matching {
        0 => !record.data.is_empty(),
        1 => record.data.len() == 32,
        2 => record.data.len() == 64,
        _ => false,
    };
    matches!(record.usage, 2 | 3) && matches!(record.selector, 0 | 1) && length
}
