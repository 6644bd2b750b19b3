//! The life of letters as lines in the order of time: what came in, what the disk, the name system and
//! other hosts had to do with it. Pure: entries of the history go in, lines come out.

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use mail::ForwardPath;
use spool::{MessageId, RecipientOutcome};

use crate::history::{
    Accepted, Attempted, Chunks, Entry, Event, Part, Phases, Refused, key_of_text,
};
use crate::record::{Attempt, Stored};

/// Which way a line goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From us to another.
    Out,
    /// From another to us.
    In,
    /// Neither.
    Here,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When.
    pub at: SystemTime,
    /// The letter, where it is one.
    pub id: Option<MessageId>,
    /// `inbound`, `disk`, `names`, `outbound`, `local`, `queue`, `report`, `operator`.
    pub place: &'static str,
    /// Which way.
    pub way: Way,
    /// What.
    pub text: String,
    /// It stands for more that was not kept.
    pub is_summary: bool,
}

/// What is known of the recipients of each letter, to name them.
type Known = BTreeMap<MessageId, Vec<ForwardPath>>;

/// The lines of `entries`. `recipient`: only what concerns this one.
pub fn lines(entries: &[Entry<'_>], recipient: Option<&str>) -> Vec<Line> {
    let known = known(entries);
    let mut lines = Vec::new();
    for entry in entries {
        if recipient.is_none_or(|recipient| concerns(entry, recipient, &known)) {
            draw(entry, &known, recipient, &mut lines);
        }
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn known(entries: &[Entry<'_>]) -> Known {
    let known = |entry: &Entry<'_>| match &entry.event {
        Event::Accepted(accepted) => {
            let stored = Stored::decode(&accepted.envelope).ok()?;
            let paths = stored.recipients.into_iter().map(|recipient| recipient.path);
            Some((accepted.id?, paths.collect()))
        }
        _ => None,
    };
    entries.iter().filter_map(known).collect()
}

/// Whether every recipient of each letter that was accepted has an end.
pub fn is_over(entries: &[Entry<'_>]) -> bool {
    let mut ended: BTreeMap<MessageId, BTreeSet<u32>> = BTreeMap::new();
    for entry in entries {
        match &entry.event {
            Event::Attempted(attempted) => {
                let done = attempted.results.iter();
                let done = done.filter(|result| result.outcome != RecipientOutcome::Deferred);
                let all = ended.entry(attempted.job.message).or_default();
                all.extend(done.map(|result| result.recipient));
            }
            Event::Ended(end) => ended.entry(end.id).or_default().extend(&end.recipients),
            Event::Moved(moved) if !moved.into.is_empty() => {
                ended.entry(moved.job.message).or_default().extend(&moved.recipients);
            }
            _ => {}
        }
    }
    let known = known(entries);
    let over = |(id, paths): (&MessageId, &Vec<ForwardPath>)| {
        ended.get(id).map_or(0, BTreeSet::len) >= paths.len()
    };
    !known.is_empty() && known.iter().all(over)
}

fn is(path: &ForwardPath, recipient: &str) -> bool {
    key_of_text(&path.to_string()) == key_of_text(recipient)
}

/// The numbers of a recipient in a letter.
fn numbers(id: MessageId, recipient: &str, known: &Known) -> BTreeSet<u32> {
    let paths = known.get(&id).map(Vec::as_slice).unwrap_or_default();
    (0..).zip(paths).filter(|(_, path)| is(path, recipient)).map(|(number, _)| number).collect()
}

fn concerns(entry: &Entry<'_>, recipient: &str, known: &Known) -> bool {
    let here = |id| numbers(id, recipient, known);
    match &entry.event {
        Event::Accepted(accepted) => {
            accepted.id.is_some_and(|id| !here(id).is_empty())
                || accepted
                    .expanded
                    .iter()
                    .any(|(given, _)| key_of_text(given) == key_of_text(recipient))
        }
        Event::Attempted(attempted) => {
            let mine = here(attempted.job.message);
            attempted.results.iter().any(|result| mine.contains(&result.recipient))
        }
        Event::Ended(ended) => {
            let mine = here(ended.id);
            ended.recipients.iter().any(|number| mine.contains(number))
        }
        Event::Moved(moved) => {
            let mine = here(moved.job.message);
            moved.recipients.iter().any(|number| mine.contains(number))
        }
        Event::Refused(refused) => refused
            .recipient
            .as_ref()
            .is_none_or(|path| key_of_text(path) == key_of_text(recipient)),
        Event::Acted(_) | Event::Reported(_) | Event::Dropped(_) => true,
    }
}

/// Gathers the lines of one entry.
struct Pen<'a> {
    id: Option<MessageId>,
    lines: &'a mut Vec<Line>,
}

impl Pen<'_> {
    fn draw(&mut self, at: SystemTime, place: &'static str, way: Way, text: String) {
        self.lines.push(Line { at, id: self.id, place, way, text, is_summary: false });
    }

    fn summary(&mut self, at: SystemTime, place: &'static str, way: Way, text: String) {
        self.lines.push(Line { at, id: self.id, place, way, text, is_summary: true });
    }
}

fn draw(entry: &Entry<'_>, known: &Known, recipient: Option<&str>, lines: &mut Vec<Line>) {
    let at = entry.at;
    let mut pen = Pen { id: None, lines };
    match &entry.event {
        Event::Accepted(accepted) => {
            pen.id = accepted.id;
            draw_accepted(at, accepted, &mut pen);
        }
        Event::Refused(refused) => draw_refused(at, refused, &mut pen),
        Event::Attempted(attempted) => {
            pen.id = Some(attempted.job.message);
            draw_attempt(at, attempted, known, recipient, &mut pen);
        }
        Event::Moved(moved) => {
            pen.id = Some(moved.job.message);
            let to = match &moved.queue {
                Some(queue) => format!("goes to the queue {queue}"),
                None => {
                    let into: Vec<String> = moved.into.iter().map(MessageId::to_string).collect();
                    format!("{} recipients go on as {}", moved.recipients.len(), into.join(", "))
                }
            };
            pen.draw(at, "queue", Way::Here, format!("{to}: {}", moved.why));
        }
        Event::Acted(acted) => {
            pen.id = acted.id;
            let about = acted.about.as_ref().map(|about| format!(" {about}")).unwrap_or_default();
            let why = if acted.why.is_empty() { "" } else { ", because " };
            let text = format!("{}{about} by {}{why}{}", acted.what, acted.who, acted.why);
            pen.draw(at, "operator", Way::Here, text);
        }
        Event::Reported(reported) => {
            pen.id = Some(reported.about);
            let text =
                format!("{} is told ({}), in {}", reported.to, reported.kind, reported.report);
            pen.draw(at, "report", Way::Here, text);
        }
        Event::Ended(ended) => {
            pen.id = Some(ended.id);
            let who = names(ended.id, &ended.recipients, known);
            pen.draw(at, "queue", Way::Here, format!("{who}: {}", ended.how));
        }
        Event::Dropped(count) => {
            let text =
                format!("{count} entries of the history are missing here: they came too fast");
            pen.draw(at, "queue", Way::Here, text);
        }
    }
}

fn names(id: MessageId, numbers: &[u32], known: &Known) -> String {
    let paths = known.get(&id).map(Vec::as_slice).unwrap_or_default();
    let name = |number: &u32| {
        let path = usize::try_from(*number).ok().and_then(|number| paths.get(number));
        path.map_or_else(|| format!("recipient {number}"), ToString::to_string)
    };
    let shown: Vec<String> = numbers.iter().take(5).map(name).collect();
    match numbers.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn draw_accepted(at: SystemTime, accepted: &Accepted<'_>, pen: &mut Pen<'_>) {
    let before = |time: Duration| at.checked_sub(time).unwrap_or(at);
    let id = accepted.id.map(|id| id.to_string()).unwrap_or_default();
    let Ok(stored) = Stored::decode(&accepted.envelope) else {
        return pen.draw(at, "disk", Way::Here, format!("{id} taken; its envelope does not read"));
    };
    match accepted.phases {
        Some(phases) if accepted.dialogue.is_empty() => {
            draw_reception(at, &phases, accepted, &stored, pen);
        }
        Some(phases) => draw_dialogue(before(phases.connected), &accepted.dialogue, "inbound", pen),
        None => {
            let uid = stored.origin.uid.map(|uid| format!(" by uid {uid}")).unwrap_or_default();
            let from = match accepted.of {
                Some(of) => format!("from {of}"),
                None => format!("{}{uid}", stored.origin.protocol),
            };
            let text = format!("{} for {}: {from}", stored.reverse_path, everyone(&stored));
            pen.draw(at, "inbound", Way::Here, text.trim_end_matches([' ', ':']).to_owned());
        }
    }
    for (given, became) in &accepted.expanded {
        pen.draw(at, "queue", Way::Here, format!("{given} becomes {became}"));
    }
    let (begun, took) = match accepted.phases {
        Some(phases) => (before(phases.commit), format!(" in {}", micros(phases.commit))),
        None => (at, String::new()),
    };
    let text = format!("{} octets, written and synced{took}", accepted.size);
    pen.draw(begun, "disk", Way::Here, text);
    if accepted.phases.is_some() && accepted.dialogue.is_empty() {
        pen.draw(at, "inbound", Way::Out, format!("250 2.0.0 taken as {id}"));
    }
}

fn everyone(stored: &Stored) -> String {
    let paths: Vec<String> =
        stored.recipients.iter().take(5).map(|recipient| recipient.path.to_string()).collect();
    match stored.recipients.len().saturating_sub(paths.len()) {
        0 => paths.join(", "),
        more => format!("{} and {more} more", paths.join(", ")),
    }
}

/// A reception of which only the times were kept.
fn draw_reception(
    at: SystemTime,
    phases: &Phases,
    accepted: &Accepted<'_>,
    stored: &Stored,
    pen: &mut Pen<'_>,
) {
    let before = |time: Duration| at.checked_sub(time).unwrap_or(at);
    let origin = &stored.origin;
    let client = origin.client.map_or_else(|| "somebody".to_owned(), |client| client.to_string());
    let text = format!("{client} at the listener {}, by {}", origin.listener, origin.protocol);
    pen.summary(before(phases.connected), "inbound", Way::In, text);
    if let Some(tls) = &origin.tls {
        let text = format!("{} {}", tls.version, tls.cipher);
        pen.summary(before(phases.connected), "inbound", Way::Here, text);
    }
    let mut hello = format!("EHLO {}", origin.hello.as_deref().unwrap_or("-"));
    if let Some(login) = &origin.login {
        hello = format!("{hello}, logged in as {login}");
    }
    pen.summary(before(phases.mail), "inbound", Way::In, hello);
    let mail = format!("MAIL FROM:{}", stored.reverse_path);
    pen.draw(before(phases.mail), "inbound", Way::In, mail);
    let given = stored.recipients.iter().map(|recipient| recipient.path.to_string());
    for path in given.take(20) {
        pen.draw(before(phases.recipient), "inbound", Way::In, format!("RCPT TO:{path}"));
    }
    let text = "the first octet of content".to_owned();
    pen.summary(before(phases.content), "inbound", Way::In, text);
    let text = format!("the end of content, {} octets", accepted.size);
    pen.summary(before(phases.complete), "inbound", Way::In, text);
}

fn draw_refused(at: SystemTime, refused: &Refused<'_>, pen: &mut Pen<'_>) {
    let client = refused.client.map_or_else(|| "somebody".to_owned(), |client| client.to_string());
    let hello = refused.hello.as_ref().map(|hello| format!(" ({hello})")).unwrap_or_default();
    let from = refused.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    let to = refused.recipient.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let text = format!("{client}{hello}: {}{from}{to}", refused.step);
    pen.summary(at, "inbound", Way::In, text);
    let source = refused.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    let why = refused.reason.as_ref().map(|why| format!(", because {why}{source}"));
    pen.draw(at, "inbound", Way::Out, format!("{}{}", refused.reply, why.unwrap_or_default()));
}

fn draw_attempt(
    at: SystemTime,
    attempted: &Attempted<'_>,
    known: &Known,
    recipient: Option<&str>,
    pen: &mut Pen<'_>,
) {
    let id = attempted.job.message;
    let begun = at.checked_sub(attempted.took).unwrap_or(at);
    let place = if attempted.queue == "local" { "local" } else { "outbound" };
    let mut text = format!("attempt {} by {}", attempted.attempt, attempted.queue);
    if let Some(route) = &attempted.route {
        text = format!("{text}: {route}");
    }
    if attempted.is_adopted {
        text = format!("{text}; nobody was dialled, the destination is known to be down");
    }
    pen.draw(begun, "queue", Way::Here, text);
    draw_dialogue(begun, &attempted.dialogue, place, pen);
    let mine = recipient.map(|recipient| numbers(id, recipient, known));
    let results = attempted.results.iter();
    let results: Vec<_> = results
        .filter(|result| mine.as_ref().is_none_or(|mine| mine.contains(&result.recipient)))
        .collect();
    let alike = |a: &&spool::RecipientUpdate, b: &&spool::RecipientUpdate| {
        a.outcome == b.outcome && a.record == b.record
    };
    for group in results.chunk_by(alike) {
        let Some(first) = group.first() else { continue };
        let numbers: Vec<u32> = group.iter().map(|result| result.recipient).collect();
        let who = names(id, &numbers, known);
        let record = Attempt::decode(&first.record).ok().flatten();
        let text = result(&who, first.outcome, record.as_ref());
        let is_short = attempted.dialogue.is_empty() && place == "outbound";
        match is_short && !attempted.is_adopted {
            true => pen.summary(at, place, Way::Here, text),
            false => pen.draw(at, place, Way::Here, text),
        }
    }
    if let Some(next) = attempted.next {
        let wait = next.duration_since(at).unwrap_or_default();
        let text = format!("the next attempt in {}", crate::schedule::words(wait));
        pen.draw(at, "queue", Way::Here, text);
    }
}

fn result(who: &str, outcome: RecipientOutcome, record: Option<&Attempt>) -> String {
    let word = match outcome {
        RecipientOutcome::Delivered => "done",
        RecipientOutcome::Failed => "failed",
        RecipientOutcome::Deferred => "waits",
    };
    let Some(record) = record else { return format!("{who}: {word}") };
    let remote = record.remote.as_ref().map(|remote| format!(" at {remote}")).unwrap_or_default();
    let said = record.reply.as_ref().map(|reply| format!(" \u{2190} {reply}")).unwrap_or_default();
    let tls = record.tls.as_ref().map(|tls| format!(" [{} {}]", tls.version, tls.cipher));
    let tls = tls.unwrap_or_default();
    format!("{who}: {word}{remote}{tls}: {}{said}", record.explanation)
}

fn draw_dialogue(begun: SystemTime, dialogue: &[u8], place: &'static str, pen: &mut Pen<'_>) {
    // Inbound the other side begins; a chunk of ours goes out in both.
    for chunk in Chunks::over(dialogue).map_while(Result::ok) {
        let at = begun.checked_add(chunk.at).unwrap_or(begun);
        let (place, way) = match chunk.part {
            Part::Ours => (place, Way::Out),
            Part::Theirs => (place, Way::In),
            Part::Names => ("names", Way::Here),
            Part::Done => (place, Way::Here),
            Part::Content => {
                let way = if place == "inbound" { Way::In } else { Way::Out };
                pen.summary(at, place, way, format!("{} octets of content", chunk.count));
                continue;
            }
            Part::LeftOut => {
                let text = format!("{} octets of the dialogue were not kept", chunk.count);
                pen.summary(at, place, Way::Here, text);
                continue;
            }
        };
        let text = String::from_utf8_lossy(chunk.octets);
        for line in text.lines().filter(|line| !line.is_empty()) {
            pen.draw(at, place, way, line.to_owned());
        }
    }
}

fn micros(time: Duration) -> String {
    format!("{}.{:03} ms", time.as_millis(), time.subsec_micros() % 1000)
}
