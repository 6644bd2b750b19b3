//! The words of the queue tools on the control socket. Each request is about one page: its answer has
//! a bound, and its `end` says where the next page begins. The server keeps nothing between two
//! pages.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use queue::selector::{Selector, State};
use serde::{Deserialize, Serialize};
use spool::MessageId;

use super::{QueueRow, QueueState};

/// Ids in one selector.
const IDS_MAX: usize = 1000;

/// Which letters: everything that is said must fit. A field that this server does not know is an
/// error, since to ignore it would mean more letters than were meant.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Wanted {
    /// Queue ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// `example.org`, or `.example.org` for what is below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// An address or a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// An address or a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Came at least so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<u64>,
    /// Came less than so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<u64>,
    /// Words of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The name of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<QueueState>,
    /// Not younger than this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Wanted {
    /// The selector that it means at `now`.
    ///
    /// # Errors
    /// What is wrong with it, for the person.
    pub fn selector(&self, now: SystemTime) -> Result<Selector, String> {
        let id = |text: &String| {
            let id = text.parse::<MessageId>();
            id.map_err(|_| format!("{text:?} is not a queue id: `postrider queue list` shows them"))
        };
        if self.ids.len() > IDS_MAX {
            return Err(format!("at most {IDS_MAX} ids at once"));
        }
        let pattern = |text: &String| {
            text.parse().map_err(|error| format!("{text:?} is {error}, like *@example.org"))
        };
        let domain = |text: &String| {
            let domain = text.strip_prefix('@').unwrap_or(text).parse();
            domain
                .map_err(|_| format!("{text:?} is not a domain, like example.org or .example.org"))
        };
        let ago = |seconds: u64| {
            let moment = now.checked_sub(Duration::from_secs(seconds));
            moment.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        Ok(Selector {
            ids: self.ids.iter().map(id).collect::<Result<_, _>>()?,
            domain: self.domain.as_ref().map(domain).transpose()?,
            sender: self.sender.as_ref().map(pattern).transpose()?,
            recipient: self.recipient.as_ref().map(pattern).transpose()?,
            before: self.older.map(ago),
            since: self.newer.map(ago),
            reason: self.reason.clone(),
            queue: self.queue.clone(),
            state: self.state.map(|state| match state {
                QueueState::Active => State::Active,
                QueueState::Deferred => State::Deferred,
                QueueState::Held => State::Held,
            }),
            until: self.until.as_ref().map(id).transpose()?,
        })
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Keep it from being tried.
    Hold,
    /// Let it go, now.
    Release,
    /// Try it now.
    Retry,
    /// Forget it, and tell nobody.
    Remove,
    /// Return it to its sender now.
    Expire,
    /// Send it another way, or as configured.
    Reroute,
}

/// Why somebody acts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Grounds {
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Who called sudo, as it says; only root is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo: Option<String>,
}

/// What a selector means, in numbers: of one page.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Count {
    /// Letters, or the parts of them that go one way.
    pub letters: u64,
    /// Recipients who are meant.
    pub recipients: u64,
    /// Letters with recipients who are not meant.
    pub parts: u64,
    /// Being tried, or in line for it.
    pub active: u64,
    /// Held.
    pub held: u64,
    /// Octets of content.
    pub octets: u64,
    /// The first of them.
    pub sample: Vec<QueueRow>,
}

/// What came of a deed at one letter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    /// The queue id.
    pub id: String,
    /// Those it was about.
    pub recipients: Vec<String>,
    /// What came of it.
    pub result: DoneResult,
    /// The same in words.
    pub text: String,
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoneResult {
    /// It is done.
    Done,
    /// It is done when the attempt has ended that is under way.
    Later,
    /// It was not done.
    Refused,
}

/// What waits of one domain, by age.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DomainStock {
    /// The domain.
    pub domain: String,
    /// How many there are of each age: under 5, 10, 20, 40, 80, 160, 320, 640, 1280 minutes, and
    /// older.
    pub ages: Vec<u64>,
}

/// One part of a letter, whole.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// As a listing shows it.
    pub row: QueueRow,
    /// The address of the client it came from.
    pub client: Option<String>,
    /// What that said in EHLO.
    pub hello: Option<String>,
    /// The protocol it came by.
    pub protocol: String,
    /// The listener it came to.
    pub listener: String,
    /// Who had logged in.
    pub login: Option<String>,
    /// How the connection was secured.
    pub tls: Option<String>,
    /// The user of this host who handed it in.
    pub uid: Option<u32>,
    /// The parameters of `MAIL`, as we keep them.
    pub parameters: Vec<String>,
    /// The last attempts, by recipient.
    pub attempts: Vec<LastAttempt>,
}

/// The last attempt for one recipient.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastAttempt {
    /// For whom.
    pub recipient: String,
    /// When it ended.
    pub at: Timestamp,
    /// With whom.
    pub remote: Option<String>,
    /// What we had said last.
    pub step: Option<String>,
    /// What was answered.
    pub reply: Option<String>,
    /// How the connection was secured.
    pub tls: Option<String>,
    /// What the attempt came to.
    pub explanation: String,
}

/// What is not tried at all.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SuspensionRow {
    /// The domain or queue.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let wanted = Wanted {
            domain: Some("@.example.org".into()),
            older: Some(3600),
            newer: Some(u64::MAX),
            state: Some(QueueState::Held),
            ..Wanted::default()
        };
        let selector = wanted.selector(now).unwrap();
        assert_eq!(selector.domain.map(|domain| domain.to_string()).unwrap(), ".example.org");
        assert_eq!(selector.before, Some(now - Duration::from_secs(3600)));
        assert_eq!(selector.since, Some(SystemTime::UNIX_EPOCH));
        let text = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<Wanted>(&text).unwrap(), wanted);
        let wrong = |wanted: Wanted| wanted.selector(now).unwrap_err();
        let one = Some("bob".to_owned());
        assert!(wrong(Wanted { sender: one.clone(), ..Wanted::default() }).contains("*@example"));
        assert!(
            wrong(Wanted { ids: one.into_iter().collect(), ..Wanted::default() }).contains("id")
        );
        assert!(
            wrong(Wanted { domain: Some("a b".into()), ..Wanted::default() }).contains("domain")
        );
        // A newer tool must not make an older server remove more than was meant.
        assert!(serde_json::from_str::<Wanted>(r#"{"colour":"red"}"#).is_err());
    }
}
