//! What the connection to one host must be like: the operator's word, DANE, MTA-STS, what the message
//! asks for, and what is left without any of them, joined in one place.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use mail::Topic;
use mail::lookup::Tlsa;

use crate::dane::{Dane, Host};
use crate::mta_sts::{Mode, Policy};
use crate::tlsrpt::{Against, PolicyType, ResultType};

/// What the operator asks for, for one destination.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Level {
    /// What the destination publishes: DANE, else MTA-STS, else TLS where it is offered.
    #[default]
    Auto,
    /// TLS is not used at all.
    Never,
    /// TLS where it is offered; what the destination publishes is not looked at.
    Opportunistic,
    /// As `auto`, and never in the clear.
    Required,
    /// As `required`, and the certificate is for the host or the domain, by a trusted authority or by
    /// DANE.
    Verify,
    /// Only by DANE.
    Dane,
    /// Only by DANE or a policy of MTA-STS, which is enforced even where it is in testing.
    Sts,
}

impl Level {
    /// Whether DANE may decide something, so that answers of the name system must be checked.
    pub fn asks_dane(self) -> bool {
        !matches!(self, Self::Never | Self::Opportunistic)
    }

    /// Whether MTA-STS may decide something.
    pub fn asks_sts(self) -> bool {
        !matches!(self, Self::Never | Self::Opportunistic | Self::Dane)
    }
}

/// The words of the configuration.
const WORDS: [(&str, Level); 7] = [
    ("auto", Level::Auto),
    ("none", Level::Never),
    ("opportunistic", Level::Opportunistic),
    ("required", Level::Required),
    ("verify", Level::Verify),
    ("dane", Level::Dane),
    ("sts", Level::Sts),
];

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        WORDS.iter().find(|(word, _)| *word == text).map(|(_, level)| *level).ok_or(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(_, level)| level == self);
        f.write_str(word.map_or("auto", |(word, _)| word))
    }
}

/// What the message asks for (RFC 8689).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Wanted {
    /// Nothing in particular.
    #[default]
    Nothing,
    /// `REQUIRETLS`: only over TLS, to a server that is proved.
    Required,
    /// `TLS-Required: No`: in spite of what the destination publishes.
    Optional,
}

/// What MTA-STS says.
#[derive(Clone, Copy, Debug)]
pub enum Sts<'a> {
    /// Nothing, for this reason.
    Absent(&'a str),
    /// A policy that lives.
    Policy(&'a Policy),
}

/// Everything that is known of a host.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The operator's word.
    pub level: Level,
    /// The message's.
    pub wanted: Wanted,
    /// The host.
    pub host: &'a Host,
    /// What DANE says of it.
    pub dane: &'a Dane,
    /// What the domain's policy says.
    pub sts: Sts<'a>,
}

/// How far TLS is a must.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// It is not used.
    Never,
    /// Where it is offered; after a failure without.
    May,
    /// Without it nothing is sent.
    Must,
}

/// How the certificate is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Check {
    /// Not at all.
    Nothing,
    /// A trusted authority, and one of these names.
    Names(Vec<String>),
    /// One of these records; where it names an authority, one of these names.
    Records(Vec<Tlsa>, Vec<String>),
}

/// What decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Basis {
    /// Nobody asked for anything.
    Nothing,
    /// The operator.
    Operator,
    /// DANE.
    Dane,
    /// MTA-STS.
    Sts,
    /// The message.
    Message,
}

/// What the connection to a host must be like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirement {
    /// Whether TLS.
    pub need: Need,
    /// Whose certificate.
    pub check: Check,
    /// The name to ask for in the handshake (RFC 7672 §8.1, RFC 8461 §7.1); none for an address.
    pub server_name: Option<String>,
    /// What decided.
    pub basis: Basis,
    /// Whether a session that keeps to this may carry mail with `REQUIRETLS` (RFC 8689 §2).
    pub proved: bool,
    /// A policy in testing that the host does not fit: to be reported, not to be kept to.
    pub amiss: Option<(ResultType, String)>,
    /// Why.
    pub reason: String,
}

/// Why a host may not be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The status without its class: `7.5`, or `7.10` where the message asks for TLS.
    pub topic: Topic,
    /// It will not get better by waiting.
    pub permanent: bool,
    /// Something could not be looked up: nobody has refused anything.
    pub is_lookup: bool,
    /// How reports count it, where they do.
    pub result: Option<ResultType>,
    /// In words.
    pub what: String,
}

impl Requirement {
    fn new(need: Need, check: Check, basis: Basis, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { need, check, server_name: None, basis, proved: false, amiss: None, reason }
    }

    /// What may be tried when TLS failed under this requirement: first without a look at the
    /// certificate, then in the clear. `None`: nothing.
    pub fn softer(&self) -> Option<Self> {
        let softer = |need, check, how: &str| {
            let reason = format!("{}; {how}", self.reason);
            Some(Self { need, check, proved: false, reason, ..self.clone() })
        };
        match (self.need, &self.check) {
            (Need::May, Check::Nothing) => {
                softer(Need::Never, Check::Nothing, "TLS failed, so in the clear")
            }
            (Need::May, _) => {
                softer(Need::May, Check::Nothing, "the certificate does not fit, so any")
            }
            (Need::Must | Need::Never, _) => None,
        }
    }
}

/// The policy that a session with a host is held against, for reports (RFC 8460 §4.4).
pub fn against(dane: &Dane, sts: Sts<'_>) -> Against {
    match (dane, sts) {
        (Dane::Match(records), _) => Against {
            kind: PolicyType::Tlsa,
            lines: records.records.iter().map(Tlsa::to_string).collect(),
            hosts: Vec::new(),
        },
        (_, Sts::Policy(policy)) if policy.mode != Mode::None => Against {
            kind: PolicyType::Sts,
            lines: policy.lines().to_vec(),
            hosts: policy.patterns(),
        },
        _ => Against::nothing(),
    }
}

/// What the connection to a host must be like, or why it may not be used.
///
/// # Errors
/// The next host is to be tried, and when there is none, the mail waits or goes back.
pub fn decide(facts: &Facts<'_>) -> Result<Requirement, Refusal> {
    let mut requirement = match facts.wanted {
        Wanted::Optional => optional(facts),
        Wanted::Nothing => published(facts),
        Wanted::Required => published(facts).and_then(|found| required(facts, found)),
    }?;
    let by_name = !facts.host.name.starts_with('[') && !facts.host.name.is_empty();
    let base = match (facts.dane, &requirement.check) {
        (Dane::Match(records), Check::Records(..)) => &records.base,
        _ => &facts.host.name,
    };
    requirement.server_name = by_name.then(|| base.clone());
    Ok(requirement)
}

/// `TLS-Required: No` (RFC 8689 §4.2.2): TLS is tried, and nothing that is published makes it fail. The
/// operator's word stays.
fn optional(facts: &Facts<'_>) -> Result<Requirement, Refusal> {
    let reason = "the message says TLS-Required: No";
    match facts.level {
        Level::Auto | Level::Opportunistic => {
            Ok(Requirement::new(Need::May, Check::Nothing, Basis::Message, reason))
        }
        _ => published(facts),
    }
}

/// What the operator and the destination ask for.
fn published(facts: &Facts<'_>) -> Result<Requirement, Refusal> {
    let may = |basis, reason: String| Requirement::new(Need::May, Check::Nothing, basis, reason);
    match facts.level {
        Level::Never => {
            let reason = "the configuration says none";
            return Ok(Requirement::new(Need::Never, Check::Nothing, Basis::Operator, reason));
        }
        Level::Opportunistic => {
            return Ok(may(Basis::Operator, "the configuration says opportunistic".to_owned()));
        }
        _ => {}
    }
    let found = match facts.dane {
        Dane::Unknown { what, bogus } => return Err(unknown(what, *bogus)),
        Dane::Match(records) => Some(by_dane(facts, records)),
        Dane::Unusable { base, why } => Some(Requirement::new(
            Need::Must,
            Check::Nothing,
            Basis::Dane,
            format!("DANE asks for TLS with {base}: {why}"),
        )),
        Dane::Absent(_) => None,
    };
    match found {
        // Where DANE is a must, a list of exchangers that is not signed will not do (RFC 7672 §2.2.1).
        Some(found) if facts.level == Level::Dane && !found.proved => {
            Err(no_dane(facts, Some(&found)))
        }
        // Records that must match are more than any policy (RFC 8461 §2).
        Some(found) if found.check != Check::Nothing => Ok(found),
        found if facts.level == Level::Dane => Err(no_dane(facts, found.as_ref())),
        found => {
            let by_policy = policy(facts, found.as_ref())?;
            let found = by_policy.or(found).unwrap_or_else(|| {
                let Sts::Absent(no_policy) = facts.sts else {
                    return may(Basis::Nothing, nothing(facts));
                };
                may(Basis::Nothing, format!("{}; {no_policy}", nothing(facts)))
            });
            floor(facts, found)
        }
    }
}

fn nothing(facts: &Facts<'_>) -> String {
    match facts.dane {
        Dane::Absent(why) => why.clone(),
        _ => "nothing is published".to_owned(),
    }
}

fn unknown(what: &str, bogus: bool) -> Refusal {
    Refusal {
        topic: Topic(7, 5),
        permanent: false,
        is_lookup: true,
        result: bogus.then_some(ResultType::DnssecInvalid),
        what: format!("whether DANE applies is not known: {what}"),
    }
}

fn by_dane(facts: &Facts<'_>, found: &crate::dane::Match) -> Requirement {
    let check = Check::Records(found.records.clone(), found.names.clone());
    let count = match found.records.len() {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    let list = match found.proved {
        true => "",
        // Never told as more than it is (RFC 7672 §2.2.1).
        false => ", which a list of exchangers names that is not signed",
    };
    let reason = format!("DANE: the certificate must match {count} of {}{list}", found.base);
    let mut requirement = Requirement::new(Need::Must, check, Basis::Dane, reason);
    requirement.proved = found.proved && facts.host.is_proved();
    requirement
}

fn no_dane(facts: &Facts<'_>, found: Option<&Requirement>) -> Refusal {
    let why = found.map_or_else(|| nothing(facts), |found| found.reason.clone());
    Refusal {
        topic: Topic(7, 5),
        permanent: false,
        is_lookup: false,
        result: Some(ResultType::DaneRequired),
        what: format!("the configuration asks for DANE: {why}"),
    }
}

/// What MTA-STS asks for; `None` where it asks for nothing.
fn policy(facts: &Facts<'_>, dane: Option<&Requirement>) -> Result<Option<Requirement>, Refusal> {
    let Sts::Policy(policy) = facts.sts else { return Ok(None) };
    let host = &facts.host.name;
    let enforced = match policy.mode {
        Mode::None => return Ok(None),
        Mode::Enforce => true,
        Mode::Testing => facts.level == Level::Sts,
    };
    let mode = if policy.mode == Mode::Enforce { "enforce" } else { "testing" };
    let fits = policy.names(host);
    let what = format!("the policy (MTA-STS, {mode}) does not name {host}");
    // Fitting hosts under a policy in testing are looked at as if it were enforced, and taken anyhow.
    let need = if enforced || dane.is_some() { Need::Must } else { Need::May };
    match (fits, enforced) {
        (true, _) if enforced || dane.is_none() => {
            let reason = format!("MTA-STS, {mode}: a trusted certificate for {host}");
            let check = Check::Names(vec![host.clone()]);
            let mut requirement = Requirement::new(need, check, Basis::Sts, reason);
            requirement.proved = enforced;
            Ok(Some(requirement))
        }
        (true, _) => Ok(None),
        (false, true) => Err(Refusal {
            topic: Topic(7, 5),
            permanent: false,
            is_lookup: false,
            result: Some(ResultType::ValidationFailure),
            what,
        }),
        (false, false) => {
            let mut requirement = Requirement::new(need, Check::Nothing, Basis::Sts, what.clone());
            requirement.amiss = Some((ResultType::ValidationFailure, what));
            Ok(Some(requirement))
        }
    }
}

/// What the operator asks for at least.
fn floor(facts: &Facts<'_>, mut found: Requirement) -> Result<Requirement, Refusal> {
    match facts.level {
        Level::Required if found.need != Need::Must => {
            found.need = Need::Must;
            // What a policy in testing would have us look at cannot be given up in two steps here.
            found.check = Check::Nothing;
            found.basis = Basis::Operator;
            found.reason = format!("the configuration says required; {}", found.reason);
            Ok(found)
        }
        Level::Verify if found.need != Need::Must || found.check == Check::Nothing => {
            let mut names: Vec<String> =
                std::iter::once(facts.host.name.clone()).chain(facts.host.domain.clone()).collect();
            names.dedup();
            let reason = format!(
                "the configuration says verify: a trusted certificate for {}; {}",
                names.join(" or "),
                found.reason
            );
            let mut requirement =
                Requirement::new(Need::Must, Check::Names(names), Basis::Operator, reason);
            requirement.proved = facts.host.is_proved();
            Ok(requirement)
        }
        Level::Sts if found.basis != Basis::Sts => Err(Refusal {
            topic: Topic(7, 5),
            permanent: false,
            is_lookup: false,
            result: None,
            what: format!("the configuration asks for a policy (MTA-STS): {}", found.reason),
        }),
        _ => Ok(found),
    }
}

/// `REQUIRETLS` (RFC 8689 §4.2.1): the host must be proved, and its certificate.
fn required(facts: &Facts<'_>, found: Requirement) -> Result<Requirement, Refusal> {
    if found.need == Need::Must && found.proved && found.check != Check::Nothing {
        return Ok(found);
    }
    let refuse = |what: String| Refusal {
        topic: Topic(7, 10),
        permanent: true,
        is_lookup: false,
        result: None,
        what,
    };
    if found.need == Need::Never {
        return Err(refuse(format!("the message asks for TLS, and {}", found.reason)));
    }
    let host = &facts.host.name;
    let named = matches!(facts.sts, Sts::Policy(policy)
        if policy.mode != Mode::None && policy.names(host));
    if !(facts.host.is_proved() || named) {
        let what = format!(
            "the message asks for TLS with a server that is proved, and neither DNSSEC nor a policy \
             (MTA-STS) proves that {host} serves the domain"
        );
        return Err(refuse(what));
    }
    let reason = format!("the message says REQUIRETLS: a proved certificate for {host}");
    let check = match found.check {
        records @ Check::Records(..) => records,
        _ => Check::Names(vec![host.clone()]),
    };
    let mut requirement = Requirement::new(Need::Must, check, Basis::Message, reason);
    requirement.proved = true;
    Ok(requirement)
}
