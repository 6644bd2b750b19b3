//! Mail that is not to be tried: an operator has suspended a domain or a queue. It is taken and
//! kept, and every recipient it is about finds that out at the moment of its attempt and is put off,
//! as by a host that is down. So each letter keeps its own schedule: its sender is told of the delay,
//! and what is not released before its time runs out is returned with a report. The order outlives
//! a restart on the shelf.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mail::address::{AddressError, Domain, ForwardPath};
use parking_lot::Mutex;
use queue::domains::DomainPattern;
use queue::fate::Said;
use queue::selector::Selector;
use tracing::{error, info, warn};

use crate::Engine;
use crate::dispatch::{Ending, Job};
use crate::doors::{Drawer, Shelf};
use crate::operator::{Action, Operator};

/// The record on the shelf.
const RECORD: &str = "suspended";
/// Suspensions at most: an operator writes them by hand, and each is asked at each attempt.
const SUSPENSIONS: usize = 1000;

/// What is suspended.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Suspended {
    /// Mail for these recipients, whatever queue it is in.
    Domain(DomainPattern),
    /// Mail that goes this way, by the name of the queue: `smtp:[hub]:25`, `local`.
    Queue(String),
}

impl FromStr for Suspended {
    type Err = AddressError;

    /// A queue has a colon in its name, or is one of those of this host.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_queue = text.contains(':') || matches!(text, "local" | "pipe");
        match is_queue && !text.contains(char::is_whitespace) {
            true => Ok(Self::Queue(text.to_owned())),
            false => text.parse().map(Self::Domain),
        }
    }
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => write!(f, "{domain}"),
            Self::Queue(queue) => f.write_str(queue),
        }
    }
}

/// One suspension.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suspension {
    /// What.
    pub what: Suspended,
    /// Since when.
    pub since: SystemTime,
    /// Who did it, and why.
    pub operator: Operator,
}

impl Suspension {
    /// Whether mail for `path` in `queue` is meant.
    pub fn is_about(&self, queue: &str, path: &ForwardPath) -> bool {
        match (&self.what, path) {
            (Suspended::Queue(name), _) => name.eq_ignore_ascii_case(queue),
            (Suspended::Domain(pattern), ForwardPath::Mailbox(mailbox)) => match &mailbox.domain {
                Domain::Name(name) => pattern.matches(name),
                Domain::Literal(_) => false,
            },
            (Suspended::Domain(_), ForwardPath::Postmaster) => false,
        }
    }

    fn write(&self, out: &mut String) {
        let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Operator { by, why } = &self.operator;
        let fields = [self.what.to_string(), since.as_secs().to_string(), clean(by), clean(why)];
        out.push_str(&fields.join("\t"));
        out.push('\n');
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, '\t');
        let what = fields.next()?.parse().ok()?;
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(fields.next()?.parse().ok()?);
        let mut text = || Some(fields.next()?.to_owned());
        let operator = Operator { by: text()?, why: text()? };
        Some(Self { what, since, operator })
    }
}

/// The suspensions that are kept on a shelf.
pub async fn kept_on(shelf: &dyn Shelf) -> Vec<Suspension> {
    let records = shelf.all(Drawer::Orders).await;
    let record = records.into_iter().find(|(name, _)| name == RECORD);
    let text = record.map(|(_, octets)| String::from_utf8_lossy(&octets).into_owned());
    let read = |line: &str| {
        let read = Suspension::read(line);
        if read.is_none() {
            error!(event = "suspension.unreadable", line, "suspend it again");
        }
        read
    };
    text.unwrap_or_default().lines().filter_map(read).take(SUSPENSIONS).collect()
}

/// All of them.
#[derive(Default)]
pub(crate) struct Suspensions {
    all: Mutex<BTreeMap<Suspended, Suspension>>,
    /// So that an attempt costs one look where nothing is suspended.
    any: AtomicBool,
}

/// Recipients with the records of their last attempts.
type Open = Vec<(u32, Bytes)>;

impl Suspensions {
    /// Reads what was suspended before the start.
    pub(crate) async fn read(&self, shelf: &dyn Shelf) {
        let kept = kept_on(shelf).await;
        let mut all = self.all.lock();
        for suspension in kept {
            all.entry(suspension.what.clone()).or_insert(suspension);
        }
        self.any.store(!all.is_empty(), Ordering::Release);
    }

    pub(crate) fn all(&self) -> Vec<Suspension> {
        match self.any.load(Ordering::Acquire) {
            true => self.all.lock().values().cloned().collect(),
            false => Vec::new(),
        }
    }

    /// Takes the recipients out of `job` for whom nothing may be tried, with what they are told.
    pub(crate) fn set_apart(&self, job: &mut Job) -> (Open, Vec<(u32, Ending)>) {
        let (mut apart, mut told) = (Vec::new(), Vec::new());
        if !self.any.load(Ordering::Acquire) {
            return (apart, told);
        }
        let all = self.all.lock();
        let stored = &job.stored;
        let find = |number: u32| {
            let path = &stored.recipients.get(number as usize)?.path;
            all.values().find(|suspension| suspension.is_about(&job.queue, path))
        };
        let mut stay = Vec::new();
        for (number, record) in std::mem::take(&mut job.open) {
            match find(number) {
                None => stay.push((number, record)),
                Some(suspension) => {
                    let what = suspension.what.to_string();
                    told.push((number, Ending::here(Said::Suspended { what })));
                    apart.push((number, record));
                }
            }
        }
        drop(all);
        job.open = stay;
        (apart, told)
    }

    async fn keep(&self, shelf: &dyn Shelf) -> std::io::Result<()> {
        let mut text = String::new();
        self.all().iter().for_each(|suspension| suspension.write(&mut text));
        shelf.put(Drawer::Orders, RECORD, text.as_bytes()).await
    }
}

impl Engine {
    /// What is suspended.
    pub fn suspensions(&self) -> Vec<Suspension> {
        self.shared.suspensions.all()
    }

    /// Why nothing is tried for `path` in `queue`, where that is so.
    pub fn suspension_of(&self, queue: &str, path: &ForwardPath) -> Option<Suspension> {
        self.suspensions().into_iter().find(|suspension| suspension.is_about(queue, path))
    }

    /// From now on nothing of `what` is tried, but for what is being tried already. It is kept
    /// before this ends.
    ///
    /// # Errors
    /// Why it is not suspended, for the operator.
    pub async fn suspend(&self, what: Suspended, operator: Operator) -> Result<(), String> {
        let (shared, since) = (&self.shared, self.shared.world.clock.wall());
        let suspensions = &shared.suspensions;
        {
            let mut all = suspensions.all.lock();
            if all.len() >= SUSPENSIONS && !all.contains_key(&what) {
                return Err(format!("{SUSPENSIONS} suspensions are the most; resume others first"));
            }
            let operator = operator.clone();
            all.insert(what.clone(), Suspension { what: what.clone(), since, operator });
            suspensions.any.store(true, Ordering::Release);
        }
        let Operator { by, why } = &operator;
        info!(event = "queue.suspended", %what, by, why);
        let (about, operator) = (what.to_string(), Operator { by: by.clone(), why: why.clone() });
        shared.tell_acted(None, Some(&about), &operator, "suspend");
        suspensions.keep(&*shared.world.shelf).await.map_err(|error| {
            format!(
                "it is suspended, but only until the next start: the order is not kept: {error}"
            )
        })
    }

    /// `what` is tried again, and what waits of it now. False: it was not suspended.
    ///
    /// # Errors
    /// Why the order could not be taken from the shelf; it is resumed until the next start.
    pub async fn resume(&self, what: &Suspended, operator: Operator) -> Result<bool, String> {
        let (shared, suspensions) = (&self.shared, &self.shared.suspensions);
        {
            let mut all = suspensions.all.lock();
            if all.remove(what).is_none() {
                return Ok(false);
            }
            suspensions.any.store(!all.is_empty(), Ordering::Release);
        }
        let Operator { by, why } = &operator;
        info!(event = "queue.resumed", %what, by, why);
        let (about, operator) = (what.to_string(), Operator { by: by.clone(), why: why.clone() });
        shared.tell_acted(None, Some(&about), &operator, "resume");
        let kept = suspensions.keep(&*shared.world.shelf).await;
        let selector = match what {
            Suspended::Domain(domain) => {
                Selector { domain: Some(domain.clone()), ..Selector::default() }
            }
            Suspended::Queue(queue) => {
                Selector { queue: Some(queue.clone()), ..Selector::default() }
            }
        };
        let engine = self.clone();
        let retry = async move { engine.retry_all(selector, operator).await };
        shared.world.tasks.spawn(Box::pin(retry));
        let text = "it is resumed, but only until the next start: the order is still kept";
        kept.map(|()| true).map_err(|error| format!("{text}: {error}"))
    }

    /// Makes what `selector` means due, a page after the other.
    async fn retry_all(&self, selector: Selector, operator: Operator) {
        let selector = Selector { state: Some(queue::selector::State::Deferred), ..selector };
        let mut after = None;
        while !self.shared.is_stopping() {
            let page = self.act(&selector, &Action::Retry, &operator, after, usize::MAX).await;
            match page {
                Ok((_, Some(next))) => after = Some(next),
                Ok((_, None)) => return,
                Err(error) => return warn!(event = "queue.not-resumed", %error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::MemoryShelf;

    #[test]
    fn what_is_meant() {
        let rows = [
            ("example.org", "mx:example.org", "<a@example.org>", true),
            ("example.org", "smtp:[hub]:25", "<a@EXAMPLE.org>", true),
            ("example.org", "mx:sub.example.org", "<a@sub.example.org>", false),
            (".example.org", "mx:sub.example.org", "<a@sub.example.org>", true),
            (".example.org", "mx:example.org", "<a@example.org>", false),
            ("smtp:[hub]:25", "SMTP:[hub]:25", "<a@example.org>", true),
            ("smtp:[hub]:25", "smtp:[hub]:26", "<a@example.org>", false),
            ("local", "local", "<postmaster>", true),
            ("example.org", "local", "<postmaster>", false),
            ("example.org", "smtp:[192.0.2.1]:25", "<a@[192.0.2.1]>", false),
        ];
        for (what, queue, path, wanted) in rows {
            let what: Suspended = what.parse().unwrap();
            let since = SystemTime::UNIX_EPOCH;
            let suspension = Suspension { what, since, operator: Operator::default() };
            let is_about = suspension.is_about(queue, &path.parse().unwrap());
            assert_eq!(is_about, wanted, "{} {queue} {path}", suspension.what);
        }
        for text in ["", "a b", "a b:c", "-x.example"] {
            assert!(text.parse::<Suspended>().is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_is_kept_reads_back() {
        let shelf = MemoryShelf::default();
        let suspensions = Suspensions::default();
        let operator = |by: &str, why: &str| Operator { by: by.into(), why: why.into() };
        let rows = [
            ("bücher.example", operator("root", "")),
            ("smtp:[IPv6:2001:db8::1]:25", operator("ann", "tabs\tand\nlines")),
        ];
        for (what, operator) in rows {
            let what: Suspended = what.parse().unwrap();
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            suspensions.all.lock().insert(what.clone(), Suspension { what, since, operator });
        }
        suspensions.any.store(true, Ordering::Release);
        suspensions.keep(&shelf).await.unwrap();
        let mut all = suspensions.all();
        all.iter_mut().for_each(|it| it.operator.why = it.operator.why.replace(['\t', '\n'], " "));
        assert_eq!(kept_on(&shelf).await, all);
        // One line that was spoiled takes no other with it.
        let text = b"nonsense\nexample.org\t5\troot\twhy\n";
        shelf.put(Drawer::Orders, RECORD, text).await.unwrap();
        assert_eq!(kept_on(&shelf).await.len(), 1);
    }
}
