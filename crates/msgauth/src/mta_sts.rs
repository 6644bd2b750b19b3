//! MTA-STS (RFC 8461): what a domain announces, the policy it serves over HTTPS, how long that counts,
//! and which hosts it names.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use mail::DomainName;
use mail::lookup::{Answer, Record};

use crate::tags::{tags, the_one};

/// Octets of a policy (RFC 8461 §3.3).
pub const POLICY_MAX: usize = 64 * 1024;
/// How long fetching one may take (RFC 8461 §3.3).
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest life of a policy: a year (RFC 8461 §3.2).
const AGE_MAX: u32 = 31_557_600;
/// How often a policy in use is fetched anew (RFC 8461 §3.3: once a day).
const REFRESH: Duration = Duration::from_secs(86_400);
/// How long after a failure the same version is left alone (RFC 8461 §3.3: five minutes or longer).
pub const PAUSE: Duration = Duration::from_secs(300);

/// Where the record of `domain` stands.
pub fn record_name(domain: &str) -> String {
    format!("_mta-sts.{domain}")
}

/// The host that serves the policy of `domain`.
pub fn policy_host(domain: &str) -> String {
    format!("mta-sts.{domain}")
}

/// What the TXT record of a domain says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Announced {
    /// There is a policy of this version.
    Id(String),
    /// There is none that is available, for this reason.
    Nothing(String),
    /// The name system did not say.
    Unknown(String),
}

impl Announced {
    /// Reads the answer to the question for the TXT records of [`record_name`].
    pub fn of(answer: &Answer) -> Self {
        let records = match answer {
            Answer::Found { records, .. } => records.as_slice(),
            Answer::NoData { .. } | Answer::NoName { .. } => &[],
            Answer::Failed(what) | Answer::Bogus(what) => return Self::Unknown(what.clone()),
        };
        let texts: Vec<&[u8]> = records
            .iter()
            .filter_map(|record| match record {
                Record::Txt(text) => Some(text.as_slice()),
                _ => None,
            })
            .collect();
        match id(&texts) {
            Ok(id) => Self::Id(id),
            Err(why) => Self::Nothing(why),
        }
    }
}

/// The version that the one record announces.
fn id(texts: &[&[u8]]) -> Result<String, String> {
    let tags = tags(the_one(texts, "v=STSv1")?)?;
    let first = tags.iter().find(|(name, _)| *name == "id");
    let (_, id) = first.ok_or("the TXT record has no id")?;
    let is_id = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok((*id).to_owned()) } else { Err("the id in the TXT record is not one".to_owned()) }
}

/// What a policy asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Deliver only to hosts that fit.
    Enforce,
    /// Deliver all the same, and report.
    Testing,
    /// As if there were no policy.
    None,
}

/// One host or the hosts just below a domain.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern {
    wildcard: bool,
    name: String,
}

/// A policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// What it asks for.
    pub mode: Mode,
    /// How long it counts after it was fetched.
    pub max_age: Duration,
    patterns: Vec<Pattern>,
    /// Its fields, one a line, for reports.
    lines: Vec<String>,
}

/// Why a text is no policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Over [`POLICY_MAX`].
    #[error("it has over {POLICY_MAX} octets")]
    TooLong,
    /// A line is not `name: value`, or the text is not UTF-8.
    #[error("line {0} is not \"name: value\"")]
    Line(usize),
    /// A field that must be there is not.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A field holds what it may not.
    #[error("its {0} is {1:?}")]
    Value(&'static str, String),
}

impl Policy {
    /// Reads the body that a policy host served (RFC 8461 §3.2). Lines end with LF or CRLF; fields
    /// that nobody knows are passed over; of a field that is repeated, `mx` apart, the first counts.
    ///
    /// # Errors
    /// What is wrong with it: then there is no policy.
    pub fn parse(body: &[u8]) -> Result<Self, PolicyError> {
        if body.len() > POLICY_MAX {
            return Err(PolicyError::TooLong);
        }
        let (mut version, mut mode, mut max_age) = (None, None, None);
        let (mut patterns, mut lines) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(body.split(|octet| *octet == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = std::str::from_utf8(line).map_err(|_| PolicyError::Line(number))?;
            let line = line.trim_end_matches([' ', '\t']);
            if line.is_empty() {
                continue;
            }
            let (name, value) = field(line).ok_or(PolicyError::Line(number))?;
            lines.push(format!("{name}: {value}"));
            match name {
                "version" if version.is_none() => version = Some(value),
                "mode" if mode.is_none() => mode = Some(read_mode(value)?),
                "max_age" if max_age.is_none() => max_age = Some(read_age(value)?),
                "mx" => patterns.push(read_pattern(value)?),
                _ => {}
            }
        }
        match version {
            Some("STSv1") => {}
            Some(other) => return Err(PolicyError::Value("version", other.to_owned())),
            None => return Err(PolicyError::Missing("version")),
        }
        let mode = mode.ok_or(PolicyError::Missing("mode"))?;
        let max_age = max_age.ok_or(PolicyError::Missing("max_age"))?;
        if patterns.is_empty() && mode != Mode::None {
            return Err(PolicyError::Missing("mx"));
        }
        Ok(Self { mode, max_age, patterns, lines })
    }

    /// Whether the policy names `host` (RFC 8461 §4.1): a wildcard stands for exactly one label.
    pub fn names(&self, host: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let tail = if pattern.wildcard {
                host.split_once('.').map(|(_, tail)| tail)
            } else {
                Some(host)
            };
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(&pattern.name))
        })
    }

    /// Its fields as reports show them (RFC 8460 §4.5).
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The patterns as reports show them.
    pub fn patterns(&self) -> Vec<String> {
        let shown = |one: &Pattern| format!("{}{}", if one.wildcard { "*." } else { "" }, one.name);
        self.patterns.iter().map(shown).collect()
    }

    /// The body that [`parse`](Self::parse) reads as this policy.
    pub fn body(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim_start_matches([' ', '\t']);
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_name = name.len() <= 32
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(inner);
    (is_name && !value.is_empty() && !value.contains(char::is_control)).then_some((name, value))
}

fn read_mode(value: &str) -> Result<Mode, PolicyError> {
    match value {
        "enforce" => Ok(Mode::Enforce),
        "testing" => Ok(Mode::Testing),
        "none" => Ok(Mode::None),
        other => Err(PolicyError::Value("mode", other.to_owned())),
    }
}

fn read_age(value: &str) -> Result<Duration, PolicyError> {
    let is_number = value.len() <= 10 && value.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || PolicyError::Value("max_age", value.to_owned());
    let seconds: u64 =
        if is_number { value.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    // What is over the maximum means the maximum: a longer life cannot be had.
    Ok(Duration::from_secs(seconds.min(AGE_MAX.into())))
}

fn read_pattern(value: &str) -> Result<Pattern, PolicyError> {
    let (wildcard, name) = match value.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, value),
    };
    // Names in A-labels only (RFC 8461 §3.2).
    let parsed: Option<DomainName> =
        Some(name).filter(|name| name.is_ascii()).and_then(|name| name.parse().ok());
    match parsed {
        Some(parsed) => Ok(Pattern { wildcard, name: parsed.as_str().to_ascii_lowercase() }),
        None => Err(PolicyError::Value("mx", value.to_owned())),
    }
}

/// A policy as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The version that was announced when it was fetched.
    pub id: String,
    /// When it was fetched: its age counts from here.
    pub fetched: SystemTime,
    /// The policy.
    pub policy: Policy,
}

impl Held {
    /// Whether it counts at `now`. A clock that was set back does not end it.
    pub fn is_live(&self, now: SystemTime) -> bool {
        now.duration_since(self.fetched).unwrap_or_default() < self.policy.max_age
    }

    /// Whether it should be fetched anew: each day, and when half of a shorter life is over.
    pub fn is_due(&self, now: SystemTime) -> bool {
        let age = now.duration_since(self.fetched).unwrap_or_default();
        age >= REFRESH.min(self.policy.max_age / 2)
    }

    /// As it is stored: a line with version and time, then the policy.
    pub fn encode(&self) -> String {
        let fetched = self.fetched.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("1 {} {}\n{}", self.id, fetched.as_secs(), self.policy.body())
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is nothing.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let end = octets.iter().position(|octet| *octet == b'\n')?;
        let (head, body) = octets.split_at_checked(end + 1)?;
        let mut words = std::str::from_utf8(head).ok()?.split_ascii_whitespace();
        let (version, id, fetched) = (words.next()?, words.next()?, words.next()?);
        if version != "1" {
            return None;
        }
        let fetched = Duration::from_secs(fetched.parse().ok()?);
        Some(Self {
            id: id.to_owned(),
            fetched: SystemTime::UNIX_EPOCH.checked_add(fetched)?,
            policy: Policy::parse(body).ok()?,
        })
    }
}

/// A fetch that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// The version that was announced.
    pub id: String,
    /// When.
    pub at: SystemTime,
}

/// What is to be done before a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Nothing: what is held counts, or that nothing is.
    Keep,
    /// Fetch the policy, and wait for it: what is held is out of date, or nothing is.
    Fetch,
    /// Fetch it beside the delivery: what is held still counts.
    Refresh,
}

/// What is to be done, by what is held, what is announced, and the last failure. A policy that is held
/// and lives is never dropped because it cannot be seen at the moment (RFC 8461 §3.3).
pub fn plan(
    held: Option<&Held>,
    announced: &Announced,
    failed: Option<&Failed>,
    now: SystemTime,
) -> Plan {
    let live = held.filter(|held| held.is_live(now));
    let Announced::Id(id) = announced else {
        // The daily look goes on without the record: it may be withheld (RFC 8461 §10.2).
        let due = live.is_some_and(|held| held.is_due(now));
        let pausing = failed.is_some_and(|failed| within(failed.at, now));
        return if due && !pausing { Plan::Refresh } else { Plan::Keep };
    };
    if failed.is_some_and(|failed| failed.id == *id && within(failed.at, now)) {
        return Plan::Keep;
    }
    match live {
        None => Plan::Fetch,
        Some(held) if held.id != *id => Plan::Fetch,
        Some(held) if held.is_due(now) => Plan::Refresh,
        Some(_) => Plan::Keep,
    }
}

fn within(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).unwrap_or_default() < PAUSE
}
