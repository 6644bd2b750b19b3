//! What the history tells of letters, from the running server or, when it is down, from its files;
//! with what the queue holds of them now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use queue::history::{Entry, Event, Key, key_of_address, key_of_id, key_of_text};
use queue::reason::Reason;
use queue::why::Live;
use serde::{Deserialize, Serialize};
use spool::MessageId;

use super::control::{self, Answer, ControlError, QueueRow, QueueState, Request, Wanted};
use crate::cli::queue::source::Source;
use crate::doors::history;

/// Entries of one search.
pub const ENTRIES_MAX: usize = 2000;
/// Letters that are followed from one to those that came of it.
const LETTERS_MAX: usize = 50;

/// A lock-out of logins.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Locked {
    /// Seconds that are left.
    pub seconds: u64,
    /// Why.
    pub why: String,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// The server does not answer as it should.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The server is down, and there is no history, or none that can be read.
    #[error("the mail service is not running, and its history cannot be read: {0}")]
    Files(#[source] io::Error),
}

/// What is known.
#[derive(Debug, Default)]
pub struct Told {
    /// The octets of entries, the oldest first.
    pub entries: Vec<Vec<u8>>,
    /// What the queue holds of each letter; none where the server is down and its spool cannot be read.
    pub live: Option<Vec<(MessageId, Live)>>,
    /// No server is running.
    pub down: bool,
    /// No login is heard, of that name or from that address.
    pub locked: Option<Locked>,
    /// There are older entries.
    pub more: bool,
}

/// By what entries about `word` are found: an id, an address, a login, the address of a client.
pub fn keys(word: &str) -> Vec<Key> {
    let id = word.parse().ok().map(key_of_id);
    let client = word.trim_matches(['[', ']']).parse().ok().map(key_of_address);
    id.into_iter().chain(client).chain([key_of_text(word)]).collect()
}

/// All that is known of `word`: at most `limit` entries.
///
/// # Errors
/// [`Untold`].
pub fn about(data_dir: &Path, word: &str, limit: usize) -> Result<Told, Untold> {
    let request = Request::History { word: word.to_owned(), limit };
    match control::lines(data_dir, &request) {
        Ok(lines) => Ok(told(lines)?),
        Err(ControlError::Down(_)) => {
            let found = history::search(data_dir, &keys(word), limit).map_err(Untold::Files)?;
            let (entries, more) = (found.entries, found.more);
            Ok(Told { entries, more, down: true, ..Told::default() })
        }
        Err(error) => Err(error.into()),
    }
}

fn told(lines: Vec<Answer>) -> Result<Told, ControlError> {
    let mut told = Told { live: Some(Vec::new()), ..Told::default() };
    // Told before the rows that they are about.
    let mut ways: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for answer in lines {
        match answer {
            Answer::Told(text) => {
                let octets = STANDARD.decode(text);
                let wrong = |_| ControlError::Nonsense("an entry is no base64".to_owned());
                told.entries.push(octets.map_err(wrong)?);
            }
            Answer::Waits { queue, why } => drop(ways.insert(queue, why)),
            Answer::Row(row) => {
                let Ok(id) = row.id.parse() else { continue };
                let in_the_way = ways.get(&row.queue).cloned().unwrap_or_default();
                let live = live(row, in_the_way);
                told.live.iter_mut().for_each(|all| all.push((id, live.clone())));
            }
            Answer::Locked(locked) => told.locked = Some(locked),
            Answer::End { next } => told.more = next.is_some(),
            _ => return Err(ControlError::Nonsense("an answer to something else".to_owned())),
        }
    }
    Ok(told)
}

fn live(row: QueueRow, in_the_way: Vec<String>) -> Live {
    let recipients = row.recipients.into_iter();
    Live {
        held: row.state == QueueState::Held,
        active: row.state == QueueState::Active,
        next: row.next_attempt.map(moment),
        recipients: recipients.map(|it| (it.address, it.reason)).collect(),
        in_the_way,
    }
}

/// What the spool of a server that is down holds of the letters `ids`; none where it cannot be read.
fn on_disk(data_dir: &Path, ids: &BTreeSet<MessageId>) -> Option<Vec<(MessageId, Live)>> {
    let mut spool = Source::open(data_dir).ok()?;
    let ids = ids.iter().map(MessageId::to_string).collect();
    let wanted = Wanted { ids, ..Wanted::default() };
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = spool.list(&wanted, after.as_deref()).ok()?;
        let rows = page.rows.into_iter();
        found.extend(rows.filter_map(|row| Some((row.id.parse().ok()?, live(row, Vec::new())))));
        match page.next {
            None => return Some(found),
            next => after = next,
        }
    }
}

fn moment(stamp: jiff::Timestamp) -> SystemTime {
    let micros = u64::try_from(stamp.as_microsecond()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}

/// The letter `id` with those that came of it: parts that went another way, reports about it.
///
/// # Errors
/// [`Untold`].
pub fn letter(data_dir: &Path, id: MessageId) -> Result<Told, Untold> {
    let mut all = Told { live: Some(Vec::new()), ..Told::default() };
    let (mut seen, mut open) = (BTreeSet::from([id]), VecDeque::from([id]));
    while let Some(id) = open.pop_front() {
        let told = about(data_dir, &id.to_string(), ENTRIES_MAX)?;
        for octets in &told.entries {
            for other in others(octets) {
                if seen.len() < LETTERS_MAX && seen.insert(other) {
                    open.push_back(other);
                }
            }
        }
        all.more |= told.more;
        all.down |= told.down;
        if let (Some(live), Some(more)) = (&mut all.live, told.live) {
            live.extend(more);
        }
        for entry in told.entries {
            if !all.entries.contains(&entry) {
                all.entries.push(entry);
            }
        }
    }
    if all.down {
        all.live = on_disk(data_dir, &seen);
    }
    all.entries.sort_by_key(|octets| Entry::decode(octets).ok().flatten().map(|entry| entry.at));
    Ok(all)
}

/// The letters that an entry names as its children: what happened to them belongs to the story.
fn others(octets: &[u8]) -> Vec<MessageId> {
    match Entry::decode(octets).ok().flatten().map(|entry| entry.event) {
        Some(Event::Accepted(accepted)) => accepted.id.into_iter().collect(),
        Some(Event::Moved(moved)) => moved.into,
        Some(Event::Reported(reported)) => vec![reported.report],
        _ => Vec::new(),
    }
}

/// The lines of an answer about `word`.
pub async fn answer(engine: &engine::Engine, word: &str, limit: usize) -> Vec<Answer> {
    let found = match engine.history(&keys(word), limit.min(ENTRIES_MAX)).await {
        Ok(found) => found,
        Err(error) => return vec![Answer::Error(format!("the history cannot be read: {error}"))],
    };
    let mut letters = BTreeSet::new();
    letters.extend(word.parse::<MessageId>().ok());
    for octets in &found.entries {
        if let Some(Event::Accepted(accepted)) =
            Entry::decode(octets).ok().flatten().map(|entry| entry.event)
        {
            letters.extend(accepted.id);
        }
    }
    let told = found.entries.iter().map(|octets| Answer::Told(STANDARD.encode(octets)));
    let mut answers: Vec<Answer> = told.collect();
    let mut known = BTreeSet::new();
    for id in letters.into_iter().rev().take(LETTERS_MAX) {
        match engine.show(id).await {
            Ok(parts) => {
                for part in parts {
                    let row = crate::admin::shown::row(part.listed);
                    if !known.contains(&row.queue) {
                        let why = engine.waits(&row.queue).iter().map(Reason::to_string).collect();
                        answers.push(Answer::Waits { queue: row.queue.clone(), why });
                        known.insert(row.queue.clone());
                    }
                    answers.push(Answer::Row(row));
                }
            }
            Err(error) => return vec![Answer::Error(error.to_string())],
        }
    }
    let client = word.trim_matches(['[', ']']).parse().ok();
    if let Some((wait, why)) = engine.locked(client, Some(word)) {
        answers.push(Answer::Locked(Locked { seconds: seconds(wait), why }));
    }
    let next = found.more.then(|| "older".to_owned());
    answers.push(Answer::End { next });
    answers
}

fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}
