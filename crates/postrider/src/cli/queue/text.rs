//! The queue for people: rows, letters, numbers and their bars.

use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::source::Stock;
use crate::agent::control::{Count, Part, QueueRow, QueueState, SuspensionRow};
use crate::agent::{harmless, harmless_text};

/// Columns of the longest bar.
const BAR: usize = 24;

/// `name@domain`, or what a report comes from.
fn sender(row: &QueueRow) -> String {
    if row.sender.is_empty() { "<>".to_owned() } else { harmless(&row.sender) }
}

/// How long ago, or until then: `5 d 3 h`, `2 h 5 min`, `40 s`.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = u64::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Octets for people.
pub(super) fn size(octets: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "KB")];
    let unit = UNITS.iter().find(|(unit, _)| octets >= *unit);
    match unit {
        None => format!("{octets} B"),
        Some((unit, name)) => format!("{}.{} {name}", octets / unit, octets % unit * 10 / unit),
    }
}

pub(super) fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// What it is doing, and what comes next.
fn state(row: &QueueRow, now: Timestamp) -> String {
    let tried = match row.attempts {
        0 => "not tried yet".to_owned(),
        count => format!("tried {count}×"),
    };
    match (row.state, row.next_attempt) {
        (QueueState::Active, _) => format!("being tried, {tried}"),
        (QueueState::Held, _) => format!("held, {tried}"),
        (QueueState::Deferred, Some(next)) if next > now => {
            format!("{tried}, again in {}", span(now, next))
        }
        (QueueState::Deferred, _) => format!("{tried}, due"),
    }
}

/// A row of a listing: a line for the letter, one for each reason with those it is about.
pub(super) fn row(
    row: &QueueRow,
    now: Timestamp,
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (bold, yellow, plain) = match colour {
        true => ("\x1b[1m", "\x1b[33m", "\x1b[0m"),
        false => ("", "", ""),
    };
    let id = harmless(&row.id);
    let forced = if row.forced { " (forced)" } else { "" };
    writeln!(
        out,
        "{bold}{id}{plain}  {}  {}  {}  {}{forced}",
        span(row.arrival, now),
        size(row.size),
        harmless(&row.queue),
        state(row, now),
    )?;
    writeln!(out, "    from {}", sender(row))?;
    let mut shown: Option<&str> = None;
    for recipient in &row.recipients {
        let address = harmless(&recipient.address);
        match recipient.reason.as_deref() {
            Some(reason) if shown != Some(reason) => {
                writeln!(out, "    to   {address}")?;
                writeln!(out, "         {yellow}{}{plain}", harmless(reason))?;
                shown = Some(reason);
            }
            Some(_) => writeln!(out, "    to   {address}  (the same)")?,
            None => writeln!(out, "    to   {address}")?,
        }
    }
    if row.more > 0 {
        writeln!(out, "    and {} more", row.more)?;
    }
    Ok(())
}

/// One line for a letter in a sample.
fn sample(row: &QueueRow, now: Timestamp) -> String {
    let to: Vec<_> = row.recipients.iter().take(3).map(|one| harmless(&one.address)).collect();
    let others = row.recipients.len() - to.len() + row.more;
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let (age, size) = (span(row.arrival, now), size(row.size));
    format!("  {}  {age:>9}  {size:>8}  {} -> {}{more}", row.id, sender(row), to.join(", "))
}

/// What would be done.
pub(super) fn preview(what: &str, about_recipients: bool, count: &Count, now: Timestamp) -> String {
    let Count { letters, recipients, parts, active, .. } = count;
    let mut text = format!(
        "would {what} {} for {}, {}\n",
        plural(*letters, "letter"),
        plural(*recipients, "recipient"),
        size(count.octets)
    );
    for row in &count.sample {
        text += &sample(row, now);
        text.push('\n');
    }
    let left = letters.saturating_sub(count.sample.len() as u64);
    if left > 0 {
        let _ = writeln!(text, "  and {left} more");
    }
    if *parts > 0 {
        let them = match about_recipients {
            true => "who keep them",
            false => "for whom it is done as well",
        };
        let _ = writeln!(text, "{} other recipients, too, {them}", have(*parts));
    }
    if *active > 0 {
        let _ = writeln!(
            text,
            "{active} in hand: those that are being tried are left to the end of it"
        );
    }
    text
}

fn have(letters: u64) -> String {
    if letters == 1 { "1 letter has".to_owned() } else { format!("{letters} letters have") }
}

fn moment(time: Timestamp) -> String {
    time.to_zoned_datetime(TimeZone::system()).strftime("%a %e %b %Y %H:%M:%S %z").to_string()
}

/// A letter whole.
pub(super) fn letter(parts: &[Part], header: &[u8], now: Timestamp) -> String {
    let mut text = String::new();
    let Some(first) = parts.first() else { return text };
    let row = &first.row;
    let mut field = |name: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name:<10} {}", harmless(value));
    };
    field("id", &row.id);
    field("from", &sender(row));
    field("came", &format!("{}, {} ago", moment(row.arrival), span(row.arrival, now)));
    field("size", &format!("{} ({} octets)", size(row.size), row.size));
    let words = [
        Some(first.protocol.clone()).filter(|word| !word.is_empty()),
        first.client.as_ref().map(|client| format!("from {client}")),
        first.hello.as_ref().map(|hello| format!("as {hello}")),
        first.login.as_ref().map(|login| format!("logged in as {login}")),
        first.uid.map(|uid| format!("from user {uid} of this host")),
        first.tls.clone(),
        Some(format!("at {}", first.listener)).filter(|_| !first.listener.is_empty()),
    ];
    field("by", &words.into_iter().flatten().collect::<Vec<_>>().join(", "));
    field("parameters", &first.parameters.join(" "));
    if let Some(expire) = row.expire {
        let left = match expire > now {
            true => format!("in {}", span(now, expire)),
            false => "over".to_owned(),
        };
        field("given up", &format!("{}, {left}", moment(expire)));
    }
    for part in parts {
        write_part(part, now, &mut text);
    }
    if !header.is_empty() {
        text += "\n";
        text += &harmless_text(&String::from_utf8_lossy(header).replace("\r\n", "\n"));
    }
    text
}

fn write_part(part: &Part, now: Timestamp, text: &mut String) {
    let row = &part.row;
    let forced = if row.forced { ", where an operator has sent it" } else { "" };
    let queue = harmless(&row.queue);
    // Writing into a string cannot fail.
    let _ = writeln!(text, "\nby {queue}{forced}: {}", state(row, now));
    for recipient in &row.recipients {
        let _ = writeln!(text, "  {}", harmless(&recipient.address));
        let last = part.attempts.iter().find(|last| last.recipient == recipient.address);
        if let Some(reason) = &recipient.reason
            && last.is_none_or(|last| last.explanation != *reason)
        {
            let _ = writeln!(text, "    {}", harmless(reason));
        }
        let Some(last) = last else { continue };
        let with = last.remote.as_ref().map(|remote| format!(" with {remote}"));
        let step = last.step.as_ref().map(|step| format!(" at {step}"));
        let tls = last.tls.as_ref().map(|tls| format!(", {tls}"));
        let how = [with, step, tls].into_iter().flatten().collect::<String>();
        let _ = writeln!(text, "    last tried {} ago{}", span(last.at, now), harmless(&how));
        if let Some(reply) = &last.reply {
            let _ = writeln!(text, "    {}", harmless(reply));
        }
        let _ = writeln!(text, "    {}", harmless(&last.explanation));
    }
    if row.more > 0 {
        let _ = writeln!(text, "  and {} more", row.more);
    }
}

/// The numbers, the largest first; `top` rows, 0: all. With bars where a person looks.
pub(super) fn stats(stock: &Stock, top: usize, bars: bool) -> String {
    let mut rows: Vec<(&str, u64, &Vec<u64>)> =
        stock.iter().map(|(name, ages)| (name.as_str(), ages.iter().sum(), ages)).collect();
    rows.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    let mut all = vec![0; engine::AGES.len() + 1];
    for (_, _, ages) in &rows {
        all.iter_mut().zip(ages.iter()).for_each(|(sum, count)| *sum += count);
    }
    let total = all.iter().sum();
    let count = rows.len();
    rows.truncate(if top == 0 { count } else { top });
    let largest = rows.first().map_or(0, |row| row.1);
    let width = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or(0).clamp(5, 40);
    let mut text = format!("{:width$} {:>8}", "", "total");
    for end in engine::AGES {
        let _ = write!(text, " {:>6}", format!("{end}m"));
    }
    let _ = writeln!(text, " {:>6}", format!("{}m+", engine::AGES.last().copied().unwrap_or(0)));
    let everything = [("TOTAL", total, &all)];
    for (place, (name, total, ages)) in
        everything.into_iter().chain(rows.iter().copied()).enumerate()
    {
        let _ = write!(text, "{:width$} {total:>8}", harmless(name));
        for count in ages {
            let _ = write!(text, " {:>6}", shown(*count));
        }
        if bars && place > 0 {
            let _ = write!(text, "  {}", bar(total, largest));
        }
        text.push('\n');
    }
    if count > rows.len() {
        let _ = writeln!(text, "and {} more domains: --top 0", count - rows.len());
    }
    text
}

/// Nothing is a dot, so that what there is stands out.
fn shown(count: u64) -> String {
    if count == 0 { "·".to_owned() } else { count.to_string() }
}

/// Eighths of a column make the end of a bar exact.
fn bar(count: u64, largest: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (count * BAR as u64 * 8).checked_div(largest).unwrap_or(0).max(1);
    let rest = usize::try_from(eighths % 8).ok().and_then(|rest| EIGHTHS.get(rest));
    "█".repeat(usize::try_from(eighths / 8).unwrap_or(BAR)) + rest.copied().unwrap_or_default()
}

pub(super) fn suspensions(rows: &[SuspensionRow], now: Timestamp) -> String {
    let line = |row: &SuspensionRow| {
        let why = if row.why.is_empty() { String::new() } else { format!(": {}", row.why) };
        let (what, since) = (harmless(&row.what), span(row.since, now));
        format!("{what}  for {since}, by {}{}\n", harmless(&row.by), harmless(&why))
    };
    match rows.is_empty() {
        true => "nothing is suspended\n".to_owned(),
        false => rows.iter().map(line).collect(),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
