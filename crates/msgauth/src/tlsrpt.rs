//! TLSRPT (RFC 8460): what is counted of the sessions with a domain, and the report made from it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use mail::lookup::{Answer, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tags::{tags, the_one};

/// Domains of one day. Sessions with further ones are not counted.
pub const DOMAINS_MAX: usize = 10_000;
/// Policies of one domain on one day.
const POLICIES_MAX: usize = 20;
/// Different failures under one policy.
const DETAILS_MAX: usize = 100;
/// Octets of a reason.
const REASON_MAX: usize = 300;
/// Places where reports of one domain go.
const PLACES_MAX: usize = 10;

/// Where the record of `domain` stands.
pub fn record_name(domain: &str) -> String {
    format!("_smtp._tls.{domain}")
}

/// Where a domain wants its reports (RFC 8460 §3): `mailto:` and `https:` addresses.
///
/// # Errors
/// Why it wants none.
pub fn places(answer: &Answer) -> Result<Vec<String>, String> {
    let records = match answer {
        Answer::Found { records, .. } => records.as_slice(),
        Answer::NoData { .. } | Answer::NoName { .. } => &[],
        Answer::Failed(what) | Answer::Bogus(what) => return Err(what.clone()),
    };
    let texts: Vec<&[u8]> = records
        .iter()
        .filter_map(|record| match record {
            Record::Txt(text) => Some(text.as_slice()),
            _ => None,
        })
        .collect();
    let tags = tags(the_one(&texts, "v=TLSRPTv1")?)?;
    let (_, all) = tags.iter().find(|(name, _)| *name == "rua").ok_or("the record has no rua")?;
    let known = |place: &&str| {
        let lower = place.to_ascii_lowercase();
        lower.starts_with("mailto:") || lower.starts_with("https:")
    };
    let places: Vec<String> =
        all.split(',').map(str::trim).filter(known).take(PLACES_MAX).map(str::to_owned).collect();
    if places.is_empty() { Err("no place in rua can be used".to_owned()) } else { Ok(places) }
}

/// How a session failed (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultType {
    /// The host does not offer STARTTLS.
    StarttlsNotSupported,
    /// The certificate is for other names.
    CertificateHostMismatch,
    /// It has expired.
    CertificateExpired,
    /// Nobody trusted has signed it.
    CertificateNotTrusted,
    /// Anything else.
    ValidationFailure,
    /// No TLSA record is of any use.
    TlsaInvalid,
    /// Answers contradict their signatures.
    DnssecInvalid,
    /// DANE is asked for by our configuration, and there is none.
    DaneRequired,
    /// The policy could not be fetched.
    StsPolicyFetchError,
    /// What was fetched is no policy.
    StsPolicyInvalid,
    /// The policy host has no certificate that is trusted.
    StsWebpkiInvalid,
}

/// Which policy a session was held against (RFC 8460 §4.4).
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyType {
    /// TLSA records.
    Tlsa,
    /// MTA-STS.
    Sts,
    /// None.
    NoPolicyFound,
}

/// The policy itself.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Against {
    /// Its type.
    pub kind: PolicyType,
    /// Its lines or records, as the standard shows them.
    pub lines: Vec<String>,
    /// The hosts it names, for MTA-STS.
    pub hosts: Vec<String>,
}

impl Against {
    /// No policy at all.
    pub fn nothing() -> Self {
        Self { kind: PolicyType::NoPolicyFound, lines: Vec::new(), hosts: Vec::new() }
    }
}

/// One failure, apart from how often it happened.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Failure {
    /// What failed.
    pub result: ResultType,
    /// Our address, where a connection was made.
    pub sending_ip: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// Its address.
    pub receiving_ip: Option<String>,
    /// In words.
    pub reason: String,
}

/// One session, as it is counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The policy domain.
    pub domain: String,
    /// What it was held against.
    pub against: Against,
    /// How it failed; `None`: it was as it must be.
    pub failure: Option<Failure>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Tally {
    successes: u64,
    failures: u64,
    details: Vec<(Failure, u64)>,
}

/// What was counted on one day.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Day {
    domains: BTreeMap<String, Vec<(Against, Tally)>>,
}

impl Day {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// The domains that something was counted of.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.keys().map(String::as_str)
    }

    /// Counts a session. Past a bound a failure is counted without its details, and a further policy
    /// or domain not at all.
    pub fn count(&mut self, session: Session) {
        let mut tally = Tally::default();
        match session.failure {
            None => tally.successes = 1,
            Some(mut failure) => {
                tally.failures = 1;
                failure.reason = cut(failure.reason);
                tally.details.push((failure, 1));
            }
        }
        self.add(&session.domain, session.against, tally);
    }

    fn add(&mut self, domain: &str, against: Against, more: Tally) {
        if !self.domains.contains_key(domain) && self.domains.len() >= DOMAINS_MAX {
            return;
        }
        let policies = self.domains.entry(domain.to_owned()).or_default();
        let place = policies.iter().position(|(known, _)| *known == against);
        let place = match place {
            Some(place) => place,
            None if policies.len() >= POLICIES_MAX => return,
            None => {
                policies.push((against, Tally::default()));
                policies.len() - 1
            }
        };
        let Some((_, tally)) = policies.get_mut(place) else { return };
        tally.successes = tally.successes.saturating_add(more.successes);
        tally.failures = tally.failures.saturating_add(more.failures);
        for (failure, times) in more.details {
            let known = tally.details.iter_mut().find(|(known, _)| *known == failure);
            if let Some((_, count)) = known {
                *count = count.saturating_add(times);
            } else if tally.details.len() < DETAILS_MAX {
                tally.details.push((failure, times));
            }
        }
    }

    /// Adds what `other` has counted, within the same bounds.
    pub fn absorb(&mut self, other: Self) {
        for (domain, policies) in other.domains {
            for (against, tally) in policies {
                self.add(&domain, against, tally);
            }
        }
    }

    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is nothing.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok()
    }

    /// The report to `domain` (RFC 8460 §4.4); `None`: there is nothing to tell.
    pub fn report(&self, domain: &str, about: &About<'_>) -> Option<Value> {
        let policies = self.domains.get(domain)?;
        let policies: Vec<Value> =
            policies.iter().map(|(against, tally)| policy(domain, against, tally)).collect();
        Some(json!({
            "organization-name": about.organization,
            "date-range": {
                "start-datetime": format!("{}T00:00:00Z", about.date),
                "end-datetime": format!("{}T23:59:59Z", about.date),
            },
            "contact-info": about.contact,
            "report-id": about.id,
            "policies": policies,
        }))
    }
}

/// Who reports, and what day.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Who we are.
    pub organization: &'a str,
    /// Whom to ask.
    pub contact: &'a str,
    /// A name that no other report has.
    pub id: &'a str,
    /// The day in UTC: `2026-11-24`.
    pub date: &'a str,
}

fn policy(domain: &str, against: &Against, tally: &Tally) -> Value {
    let mut policy = json!({ "policy-type": against.kind, "policy-domain": domain });
    if let Some(object) = policy.as_object_mut() {
        if !against.lines.is_empty() {
            object.insert("policy-string".to_owned(), json!(against.lines));
        }
        if !against.hosts.is_empty() {
            object.insert("mx-host".to_owned(), json!(against.hosts));
        }
    }
    let details: Vec<Value> =
        tally.details.iter().map(|(failure, count)| detail(failure, *count)).collect();
    json!({
        "policy": policy,
        "summary": {
            "total-successful-session-count": tally.successes,
            "total-failure-session-count": tally.failures,
        },
        "failure-details": details,
    })
}

fn detail(failure: &Failure, count: u64) -> Value {
    let mut detail = json!({
        "result-type": failure.result,
        "failed-session-count": count,
        "failure-reason-code": failure.reason,
    });
    let known = [
        ("sending-mta-ip", &failure.sending_ip),
        ("receiving-mx-hostname", &failure.host),
        ("receiving-ip", &failure.receiving_ip),
    ];
    if let Some(object) = detail.as_object_mut() {
        for (key, value) in known {
            if let Some(value) = value {
                object.insert(key.to_owned(), json!(value));
            }
        }
    }
    detail
}

fn cut(reason: String) -> String {
    match reason.char_indices().nth(REASON_MAX) {
        Some((end, _)) => reason.get(..end).unwrap_or_default().to_owned(),
        None => reason,
    }
}
