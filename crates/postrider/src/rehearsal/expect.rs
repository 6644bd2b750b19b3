//! What came of a case, held against what was expected.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use mail::content::Fields;
use queue::copy::MARK;
use serde::Serialize;

use super::Happened;
use super::foreign::Copy;
use super::script::{self, Then};
use crate::config::{Source, Sourced};

/// Times are met to the minute.
const MINUTE: Duration = Duration::from_secs(60);

/// An expectation that was not met.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mismatch {
    /// The line that expects it.
    pub place: String,
    /// What was looked at.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What there was.
    pub got: String,
}

impl Mismatch {
    pub(super) fn new(source: &Source, what: &str, expected: &str, got: impl Display) -> Self {
        Self {
            place: script::line(source),
            what: what.to_owned(),
            expected: expected.to_owned(),
            got: got.to_string(),
        }
    }
}

/// Every expectation that is not met, in the order of the file's documentation.
pub(super) fn compare(then: &Then, happened: &Happened) -> Vec<Mismatch> {
    let mut found = Vec::new();
    replies(then, happened, &mut found);
    envelope(then, happened, &mut found);
    copies(then, happened, &mut found);
    times(then, happened, &mut found);
    reports(then, happened, &mut found);
    found
}

fn replies(then: &Then, happened: &Happened, found: &mut Vec<Mismatch>) {
    if let Some(reply) = &then.reply
        && !happened.answers.last.starts_with(&reply.value)
    {
        found.push(Mismatch::new(&reply.source, "reply", reply, &happened.answers.last));
    }
    if let Some(replies) = &then.replies {
        let got = &happened.answers.recipients;
        let fits = got.len() == replies.len()
            && got.iter().zip(&replies.value).all(|(got, want)| got.starts_with(want.as_str()));
        if !fits {
            let (want, got) = (replies.join(" | "), got.join(" | "));
            found.push(Mismatch::new(&replies.source, "replies", &want, got));
        }
    }
}

fn set<'a>(items: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    items.into_iter().map(|item| item.to_lowercase()).collect()
}

fn shown(items: &BTreeSet<String>) -> String {
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    if items.is_empty() { "nobody".to_owned() } else { items.join(", ") }
}

fn compare_sets(
    what: &str,
    want: &Sourced<Vec<String>>,
    got: BTreeSet<String>,
) -> Option<Mismatch> {
    let wanted = set(&want.value);
    (wanted != got).then(|| Mismatch::new(&want.source, what, &shown(&wanted), shown(&got)))
}

fn envelope(then: &Then, happened: &Happened, found: &mut Vec<Mismatch>) {
    let recipients = || happened.rows.iter().flat_map(|row| &row.recipients);
    if let Some(want) = &then.recipients {
        let got = set(recipients().map(|recipient| &recipient.address));
        found.extend(compare_sets("recipients", want, got));
    }
    if let Some(route) = &then.route {
        let got: BTreeSet<&str> = happened.rows.iter().map(|row| row.queue.as_str()).collect();
        if got.is_empty() || got.iter().any(|queue| *queue != route.value) {
            let got = got.into_iter().collect::<Vec<_>>().join(", ");
            found.push(Mismatch::new(&route.source, "route", route, got));
        }
    }
    for (address, route) in &then.routes {
        let has = |row: &&engine::Listed| {
            row.recipients.iter().any(|one| one.address.eq_ignore_ascii_case(address))
        };
        let row = happened.rows.iter().find(has);
        let got = row.map_or("it is no recipient", |row| row.queue.as_str());
        if got != route.value {
            let what = format!("route of {address}");
            found.push(Mismatch::new(&route.source, &what, route, got));
        }
    }
}

/// The header section, each field on one line.
fn header(octets: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(octets);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded.lines().map(str::to_owned).collect()
}

/// Whether it is a report, and what has happened according to it: `failed` or `delayed`.
fn report(copy: &Copy) -> Option<&'static str> {
    let is_report = header(&copy.octets).iter().any(|field| {
        let field = field.to_ascii_lowercase();
        field.starts_with("content-type:") && field.contains("delivery-status")
    });
    let text = String::from_utf8_lossy(&copy.octets);
    let says = |action: &str| text.lines().any(|line| line.trim() == format!("Action: {action}"));
    match is_report {
        true if says("failed") => Some("failed"),
        true if says("delayed") => Some("delayed"),
        true => Some("other"),
        false => None,
    }
}

/// Whether it is a copy for an archive.
fn is_archived(copy: &Copy) -> bool {
    Fields::new(&copy.octets).any(|field| field.is(MARK))
}

fn copies(then: &Then, happened: &Happened, found: &mut Vec<Mismatch>) {
    let copies: Vec<&Copy> = happened.copies.iter().filter(|it| report(it).is_none()).collect();
    if let Some(want) = &then.delivered_to {
        found.extend(compare_sets("delivered-to", want, set(copies.iter().map(|copy| &copy.to))));
    }
    if let Some(want) = &then.copies {
        let archived = copies.iter().filter(|copy| is_archived(copy)).map(|copy| &copy.to);
        found.extend(compare_sets("copies", want, set(archived)));
    }
    for field in &then.headers {
        let has = |copy: &&&Copy| header(&copy.octets).iter().any(|it| it.contains(&field.value));
        if copies.is_empty() {
            found.push(Mismatch::new(&field.source, "headers", field, "nothing was delivered"));
        } else if let Some(lacks) = copies.iter().find(|copy| !has(copy)) {
            let got =
                format!("the copy of {} has:\n{}", lacks.to, header(&lacks.octets).join("\n"));
            found.push(Mismatch::new(&field.source, "headers", field, got));
        }
    }
    for field in &then.no_headers {
        let which =
            |copy: &&Copy| header(&copy.octets).into_iter().find(|it| it.contains(&field.value));
        if let Some(got) = copies.iter().find_map(which) {
            let want = format!("no {}", field.value);
            found.push(Mismatch::new(&field.source, "no-headers", &want, got));
        }
    }
}

/// A duration as the file says it.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (mut rest, mut text) = (seconds, String::new());
    for (unit, name) in units {
        if rest >= unit {
            text += &format!("{}{name} ", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text.trim_end().to_owned() }
}

fn times(then: &Then, happened: &Happened, found: &mut Vec<Mismatch>) {
    if let Some(want) = &then.next_attempt {
        let near = |pause: Duration| pause.abs_diff(want.value) <= MINUTE;
        if !happened.pause.is_some_and(near) {
            let got = happened.pause.map_or_else(|| "nothing waits".to_owned(), words);
            found.push(Mismatch::new(&want.source, "next-attempt", &words(want.value), got));
        }
    }
    let Some(want) = &then.delivered else { return };
    let copies = happened.copies.iter().filter(|copy| report(copy).is_none());
    let (count, last) =
        copies.fold((0, Duration::ZERO), |(count, last), it| (count + 1, last.max(it.after)));
    let recipients: usize = happened.rows.iter().map(|row| row.recipients.len()).sum();
    let all = count > 0 && count >= recipients;
    if !all || last > want.value + MINUTE {
        let mut got = match (all, count) {
            (true, _) => format!("after {}", words(last)),
            (false, 0) => "it was not delivered".to_owned(),
            (false, _) => format!("{count} of {recipients} copies"),
        };
        if !happened.left.is_empty() {
            got += &format!("; {} still waits", happened.left.join(", "));
        }
        found.push(Mismatch::new(&want.source, "delivered", &words(want.value), got));
    }
}

fn reports(then: &Then, happened: &Happened, found: &mut Vec<Mismatch>) {
    let of = |kind: &str| happened.copies.iter().find(|copy| report(copy) == Some(kind));
    for (what, want, kind) in
        [("noticed", &then.noticed, "delayed"), ("returned", &then.returned, "failed")]
    {
        let Some(want) = want else { continue };
        let fits = |copy: &Copy| {
            copy.after + MINUTE >= want.value && copy.after <= want.value + happened.slack
        };
        let copy = of(kind);
        if !copy.is_some_and(fits) {
            let got = copy.map_or("no such report came".to_owned(), |copy| {
                format!("after {}", words(copy.after))
            });
            found.push(Mismatch::new(&want.source, what, &words(want.value), got));
        }
    }
    let last = happened.copies.iter().rfind(|copy| report(copy).is_some());
    let text = last.map(|copy| String::from_utf8_lossy(&copy.octets).replace("\r\n", "\n"));
    for part in &then.report {
        match &text {
            Some(text) if text.contains(&part.value) => {}
            Some(text) => found.push(Mismatch::new(&part.source, "report", part, text)),
            None => found.push(Mismatch::new(&part.source, "report", part, "no report came")),
        }
    }
}
