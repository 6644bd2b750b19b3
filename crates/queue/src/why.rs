//! Where a letter is and why, in one paragraph: what happened, who said so, what comes next and when,
//! and what would change it. Pure: entries of the history and what the queue holds now go in.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use mail::date::rfc5322;
use spool::{MessageId, RecipientOutcome};

use crate::history::{Entry, Event, Refused};
use crate::record::{Attempt, Class, Stored};
use crate::schedule::words;
use crate::selector::bare;

/// What the queue holds of a letter now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Live {
    /// An operator or its author holds it.
    pub held: bool,
    /// It is in hand: being tried, or in line for that.
    pub active: bool,
    /// When it is tried next.
    pub next: Option<SystemTime>,
    /// Those who wait, without brackets, with what the last attempt failed with.
    pub recipients: Vec<(String, Option<String>)>,
    /// What keeps all mail of its next hop waiting just now, a sentence each, without their ends.
    pub in_the_way: Vec<String>,
}

/// What is known beside the history.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What the queue holds; none where nobody can say.
    pub live: Option<&'a [Live]>,
    /// The server is not running: the queue is what its spool holds on the disk.
    pub down: bool,
    /// The time.
    pub now: SystemTime,
    /// Minutes east of Greenwich, for times in words.
    pub zone: i32,
}

/// How it stands with one recipient, as the history tells.
struct Standing {
    outcome: Option<RecipientOutcome>,
    at: SystemTime,
    attempts: u32,
    record: Option<Attempt>,
    next: Option<SystemTime>,
    /// It ended or went on without an attempt: how.
    how: Option<String>,
}

/// The paragraph about the letter `id`. None: the history has no beginning of it.
pub fn letter(id: MessageId, entries: &[Entry<'_>], scene: Scene<'_>) -> Option<String> {
    let (arrival, stored, size) = entries.iter().find_map(|entry| match &entry.event {
        Event::Accepted(accepted) if accepted.id == Some(id) => {
            let stored = Stored::decode(&accepted.envelope).ok()?;
            Some((entry.at, stored, accepted.size))
        }
        _ => None,
    })?;
    let mut text = beginning(id, arrival, &stored, size, scene);
    let standing = standing(id, entries);
    for (number, recipient) in (0..).zip(&stored.recipients) {
        let address = bare(&recipient.path);
        let live = scene.live.and_then(|live| {
            live.iter().find(|part| part.recipients.iter().any(|(known, _)| *known == address))
        });
        let known = standing.get(&number);
        text.push(' ');
        text.push_str(&fate(id, &address, known, live, &stored, scene));
    }
    for entry in entries {
        match &entry.event {
            Event::Reported(reported) if reported.about == id => {
                let to = reported.to.trim_matches(['<', '>']);
                text.push_str(&format!(
                    " {to} was told of it ({}) on {}, in {}.",
                    reported.kind,
                    rfc5322(entry.at, scene.zone),
                    reported.report
                ));
            }
            Event::Acted(acted) if acted.id == Some(id) => {
                let why =
                    if acted.why.is_empty() { String::new() } else { format!(" ({})", acted.why) };
                text.push_str(&format!(
                    " On {} {} did: {}{why}.",
                    rfc5322(entry.at, scene.zone),
                    acted.who,
                    acted.what
                ));
            }
            _ => {}
        }
    }
    if scene.down {
        text.push_str(" The server is not running, so nothing moves: start it.");
    }
    if scene.down && scene.live.is_none() {
        text.push_str(" Its spool cannot be read here: this is what the history tells.");
    }
    Some(text)
}

fn beginning(
    id: MessageId,
    arrival: SystemTime,
    stored: &Stored,
    size: u64,
    scene: Scene<'_>,
) -> String {
    let kind = match stored.class {
        Class::Ordinary => "The letter",
        Class::Copy => "The copy",
        Class::Report | Class::LastReport => "The report",
        Class::Expanded | Class::Listed => "The expansion of an address in a letter,",
    };
    let from = match bare(&stored.reverse_path) {
        nobody if nobody.is_empty() => String::new(),
        somebody => format!(" from {somebody}"),
    };
    let client = match (&stored.origin.client, &stored.origin.login) {
        (Some(client), Some(login)) => format!(" by {client} as {login}"),
        (Some(client), None) => format!(" by {client}"),
        (None, _) => String::new(),
    };
    let size = if size > 0 { format!(", {size} octets") } else { String::new() };
    format!("{kind} {id}{from}{size}, was taken{client} on {}.", rfc5322(arrival, scene.zone))
}

fn standing(id: MessageId, entries: &[Entry<'_>]) -> BTreeMap<u32, Standing> {
    let mut all: BTreeMap<u32, Standing> = BTreeMap::new();
    for entry in entries {
        match &entry.event {
            Event::Attempted(attempted) if attempted.job.message == id => {
                for result in attempted.results.iter() {
                    all.insert(
                        result.recipient,
                        Standing {
                            outcome: Some(result.outcome),
                            at: entry.at,
                            attempts: attempted.attempt,
                            record: Attempt::decode(&result.record).ok().flatten(),
                            next: attempted.next,
                            how: None,
                        },
                    );
                }
            }
            Event::Ended(ended) if ended.id == id => {
                let how = ended.how.to_string();
                ended
                    .recipients
                    .iter()
                    .for_each(|&number| without_attempt(&mut all, number, entry.at, how.clone()));
            }
            Event::Moved(moved) if moved.job.message == id && !moved.into.is_empty() => {
                let into: Vec<String> = moved.into.iter().map(MessageId::to_string).collect();
                let how = format!("it goes on as {} ({})", into.join(", "), moved.why);
                moved
                    .recipients
                    .iter()
                    .for_each(|&number| without_attempt(&mut all, number, entry.at, how.clone()));
            }
            _ => {}
        }
    }
    all
}

fn without_attempt(all: &mut BTreeMap<u32, Standing>, number: u32, at: SystemTime, how: String) {
    let before = all.remove(&number);
    let (attempts, record) = before.map_or((0, None), |it| (it.attempts, it.record));
    let ended = Standing { outcome: None, at, attempts, record, next: None, how: Some(how) };
    all.insert(number, ended);
}

fn fate(
    id: MessageId,
    address: &str,
    known: Option<&Standing>,
    live: Option<&Live>,
    stored: &Stored,
    scene: Scene<'_>,
) -> String {
    let date = |at| rfc5322(at, scene.zone);
    let Some(standing) = known else {
        return match live {
            Some(live) => {
                format!("For {address} it {}.{}", waiting(id, live, scene), in_the_way(live))
            }
            None => format!("For {address} nothing has been tried yet."),
        };
    };
    let record = standing.record.as_ref();
    let said = record.map(said).unwrap_or_default();
    if let (Some(how), None) = (&standing.how, live) {
        return format!("For {address} it ended on {}: {how}.", date(standing.at));
    }
    match standing.outcome {
        Some(RecipientOutcome::Delivered) => {
            let at = record.and_then(|record| record.remote.as_ref());
            let where_to = match at {
                Some(remote) => format!("was handed to {remote}, whose it is since then"),
                None => "was delivered".to_owned(),
            };
            format!("For {address} it {where_to}, on {}{said}.", date(standing.at))
        }
        Some(RecipientOutcome::Failed) => {
            let change = advice(record, None);
            format!("For {address} it failed for good on {}{said}. {change}", date(standing.at))
        }
        Some(RecipientOutcome::Deferred) | None => {
            let count = ordinal(standing.attempts);
            let next = match (live, standing.next) {
                (Some(live), _) => waiting(id, live, scene),
                (None, Some(next)) => format!("is tried again {}", moment(next, scene)),
                (None, None) => "waits".to_owned(),
            };
            let expire = date(stored.expire);
            let change = advice(record, Some(id));
            format!(
                "For {address} it waits: the {count} attempt failed on {}{said}. It {next}, and is given up on \
                 {expire}.{} {change}",
                date(standing.at),
                live.map(in_the_way).unwrap_or_default()
            )
        }
    }
}

fn waiting(id: MessageId, live: &Live, scene: Scene<'_>) -> String {
    match (live.held, live.active, live.next) {
        (true, ..) => format!("is held until `postrider queue release {id}`"),
        (_, true, _) => "is being tried now, or in line for it".to_owned(),
        (.., Some(next)) => format!("is tried again {}", moment(next, scene)),
        _ => "waits".to_owned(),
    }
}

/// What keeps all mail of its next hop waiting, as a sentence of its own.
fn in_the_way(live: &Live) -> String {
    if live.held || live.in_the_way.is_empty() {
        return String::new();
    }
    let reasons = live.in_the_way.iter().map(|reason| reason.trim_end_matches('.'));
    format!(" Just now {}.", reasons.collect::<Vec<_>>().join(", and "))
}

/// `on Tue, … (in 10 min)`.
fn moment(at: SystemTime, scene: Scene<'_>) -> String {
    let date = rfc5322(at, scene.zone);
    match at.duration_since(scene.now) {
        Ok(wait) if wait > Duration::ZERO => format!("on {date} (in {})", words(wait)),
        _ if scene.down => "as soon as it can be".to_owned(),
        _ => format!("since {date}, as soon as there is room for it"),
    }
}

/// Who said what, for the middle of a sentence.
fn said(record: &Attempt) -> String {
    match (&record.reply, &record.remote) {
        (Some(reply), Some(remote)) => {
            let step = record.step.as_ref().map(|step| format!(" to {step}")).unwrap_or_default();
            format!(": {remote} said \u{201c}{reply}\u{201d}{step}")
        }
        (Some(reply), None) => format!(": \u{201c}{reply}\u{201d}"),
        (None, _) => format!(": {}", record.explanation.trim_end_matches('.')),
    }
}

/// What would change it. `retry`: it may be tried again at once.
fn advice(record: Option<&Attempt>, retry: Option<MessageId>) -> String {
    let told = record.is_some_and(|record| record.reply.is_some());
    match (told, retry) {
        (true, Some(id)) => format!(
            "Their server must accept it; once you know that it does, `postrider queue retry {id}` saves the wait."
        ),
        (false, Some(id)) => format!(
            "When what is in the way is mended, `postrider queue retry {id}` tries it at once; `postrider trace {id}` shows \
             each step."
        ),
        (true, None) => "Only their server can change that; then it must be sent again.".to_owned(),
        (false, None) => "It must be sent again once that is mended.".to_owned(),
    }
}

fn ordinal(number: u32) -> String {
    match (number % 100, number % 10) {
        (11..=13, _) => format!("{number}th"),
        (_, 1) => format!("{number}st"),
        (_, 2) => format!("{number}nd"),
        (_, 3) => format!("{number}rd"),
        _ => format!("{number}th"),
    }
}

/// The paragraph about what was turned away.
pub fn refused(at: SystemTime, refused: &Refused<'_>, zone: i32) -> String {
    let client = refused.client.map_or_else(|| "somebody".to_owned(), |client| client.to_string());
    let hello = refused.hello.as_ref().map(|hello| format!(" (\u{201c}{hello}\u{201d})"));
    let login = refused.login.as_ref().map(|login| format!(" as {login}")).unwrap_or_default();
    let plain = |path: &str| path.trim_matches(['<', '>']).to_owned();
    let from = refused.from.as_deref().map(plain).filter(|from| !from.is_empty());
    let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
    let to = refused.recipient.as_deref().map(plain);
    let to = to.map(|to| format!(" for {to}")).unwrap_or_default();
    let what = match &*refused.step {
        "AUTH" => "A login".to_owned(),
        "connection" => "A connection".to_owned(),
        "command" => "A command".to_owned(),
        _ => format!("Mail{from}{to}"),
    };
    let why = refused.reason.as_ref().map(|why| format!(" Why: {why}.")).unwrap_or_default();
    let change = match (&refused.source, refused.until) {
        (Some(source), _) => format!(" To change that, see {source}."),
        (None, Some(until)) => format!(" That ends on {}.", rfc5322(until, zone)),
        (None, None) => String::new(),
    };
    format!(
        "{what} was refused on {}: {client}{}{login} was told \u{201c}{}\u{201d}.{why}{change}",
        rfc5322(at, zone),
        hello.unwrap_or_default(),
        refused.reply
    )
}

/// The sentence about a login or an address that is locked out for `wait` yet.
pub fn locked(what: &str, wait: Duration, why: &str, scene: Scene<'_>) -> String {
    let until = scene.now.checked_add(wait).unwrap_or(scene.now);
    format!(
        "Logins of {what} are locked out until {} (in {}): {why}. One failure is forgotten at a time; a restart \
         of the server forgets all.",
        rfc5322(until, scene.zone),
        words(wait)
    )
}
