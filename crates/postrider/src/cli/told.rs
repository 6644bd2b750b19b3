//! `postrider trace` and `postrider why`: the long story of a letter, and the short one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use queue::history::{Entry, Event};
use queue::timeline::{self, Line, Way};
use queue::why::{self, Live, Scene};
use spool::MessageId;

use super::arguments::{TraceArguments, WhyArguments};
use crate::agent::control::ControlError;
use crate::agent::sysexits::{
    EX_IOERR, EX_NOINPUT, EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE, Exit,
};
use crate::agent::told::{self, Told, Untold};
use crate::agent::{harmless, may_colour};

/// Pause between two looks for new lines.
const FOLLOW: Duration = Duration::from_millis(500);
/// Paragraphs about one address.
const PARAGRAPHS: usize = 5;
/// Entries looked at for an address.
const ENTRIES: usize = 400;

/// Draws the life of a letter.
pub fn trace(data_dir: &Path, arguments: &TraceArguments) -> ExitCode {
    let Ok(id) = arguments.id.parse::<MessageId>() else {
        eprintln!(
            "postrider: {:?} is no queue id; `postrider why ADDRESS` finds letters",
            arguments.id
        );
        return EX_USAGE.into();
    };
    let mut drawing = Drawing {
        colour: !arguments.json && may_colour(&io::stdout()),
        json: arguments.json,
        shown: BTreeSet::new(),
        fresh: true,
        first: None,
        last: None,
    };
    loop {
        let told = match told::letter(data_dir, id) {
            Ok(told) => told,
            Err(error) => return failed(&error),
        };
        let entries = entries(&told);
        if entries.is_empty() {
            eprintln!("postrider: the history knows no letter {id}: {}", unknown(&told));
            return EX_NOINPUT.into();
        }
        let lines = timeline::lines(&entries, arguments.rcpt.as_deref());
        if let Err(error) = drawing.draw(&mut io::stdout().lock(), &lines, id) {
            return if error.kind() == io::ErrorKind::BrokenPipe { EX_OK } else { EX_IOERR }.into();
        }
        if !arguments.follow || told.down || timeline::is_over(&entries) {
            if drawing.shown.is_empty() {
                eprintln!("postrider: nothing of that letter concerns this recipient");
                return EX_NOINPUT.into();
            }
            return EX_OK.into();
        }
        std::thread::sleep(FOLLOW);
    }
}

fn unknown(told: &Told) -> &'static str {
    match told.down {
        false => "it is too old, was never here, or [history] is off",
        true => "it is too old, or was never here; the server is down",
    }
}

fn entries(told: &Told) -> Vec<Entry<'_>> {
    told.entries.iter().filter_map(|octets| Entry::decode(octets).ok().flatten()).collect()
}

fn failed(error: &Untold) -> ExitCode {
    eprintln!("postrider: {error}");
    let code: Exit = match error {
        Untold::Control(ControlError::NotAllowed(_) | ControlError::Forbidden(_)) => EX_NOPERM,
        Untold::Files(error) if error.kind() == io::ErrorKind::PermissionDenied => EX_NOPERM,
        Untold::Control(_) | Untold::Files(_) => EX_UNAVAILABLE,
    };
    code.into()
}

/// Writes lines, each once.
struct Drawing {
    colour: bool,
    json: bool,
    shown: BTreeSet<(SystemTime, String)>,
    /// Nothing has been written yet: lines that are alike are each written.
    fresh: bool,
    first: Option<SystemTime>,
    last: Option<SystemTime>,
}

impl Drawing {
    /// Writes what is new. An attempt is told when it ends, so its lines may be older than some that
    /// were written before.
    fn draw(&mut self, out: &mut impl Write, lines: &[Line], id: MessageId) -> io::Result<()> {
        for line in lines {
            if !self.shown.insert((line.at, format!("{}{}", line.place, line.text))) && !self.fresh
            {
                continue;
            }
            let text = if self.json { as_json(line) } else { self.text(line, id) };
            out.write_all(text.as_bytes())?;
        }
        self.fresh = false;
        out.flush()
    }

    fn text(&mut self, line: &Line, id: MessageId) -> String {
        let mut text = String::new();
        let first = *self.first.get_or_insert_with(|| {
            let _ = writeln!(text, "{id}, from {}", absolute(line.at));
            line.at
        });
        let last = self.last.replace(line.at).unwrap_or(first);
        let (since, more) = (seconds(line.at, first), seconds(line.at, last));
        let way = match line.way {
            Way::Out => "\u{2192}",
            Way::In => "\u{2190}",
            Way::Here => "\u{00b7}",
        };
        let other = line.id.filter(|other| *other != id);
        let other = other.map(|other| format!("[{other}] ")).unwrap_or_default();
        let mark = if line.is_summary { " (summarised)" } else { "" };
        let said = harmless(&line.text);
        let (begin, end) = match (self.colour, line.way, line.place) {
            (false, ..) => ("", ""),
            (true, Way::Out, _) => ("\u{1b}[36m", "\u{1b}[0m"),
            (true, Way::In, _) if said.starts_with(['4', '5']) => ("\u{1b}[31m", "\u{1b}[0m"),
            (true, Way::In, _) => ("\u{1b}[32m", "\u{1b}[0m"),
            (true, Way::Here, _) => ("\u{1b}[2m", "\u{1b}[0m"),
        };
        let place = line.place;
        let _ = writeln!(
            text,
            "{since:>12.6} ({more:+.6}) {place:<8} {begin}{way} {other}{said}{mark}{end}"
        );
        text
    }
}

fn seconds(at: SystemTime, since: SystemTime) -> f64 {
    match at.duration_since(since) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

fn absolute(at: SystemTime) -> String {
    let stamp = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.6f %:z").to_string()
}

fn stamp(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn as_json(line: &Line) -> String {
    let way = match line.way {
        Way::Out => "out",
        Way::In => "in",
        Way::Here => "here",
    };
    let value = serde_json::json!({
        "time": stamp(line.at),
        "id": line.id.map(|id| id.to_string()),
        "place": line.place,
        "direction": way,
        "text": line.text,
        "summarised": line.is_summary,
    });
    format!("{value}\n")
}

/// Says where a letter is, or what became of those of an address.
pub fn why(data_dir: &Path, arguments: &WhyArguments) -> ExitCode {
    let word = arguments.what.trim();
    let id = word.parse::<MessageId>().ok();
    let told = match id {
        Some(id) => told::letter(data_dir, id),
        None => told::about(data_dir, word, ENTRIES),
    };
    let told = match told {
        Ok(told) => told,
        Err(error) => return failed(&error),
    };
    let answers = answers(data_dir, word, id, &told);
    if answers.is_empty() {
        eprintln!("postrider: nothing is known of {}: {}", harmless(word), unknown(&told));
        return EX_NOINPUT.into();
    }
    let mut text = String::new();
    for (n, answer) in answers.iter().enumerate() {
        if arguments.json {
            let Said { kind, id, at, text: said } = answer;
            let id = id.map(|id| id.to_string());
            let value = serde_json::json!({
                "kind": kind, "id": id, "time": at.map(stamp), "text": said,
            });
            let _ = writeln!(text, "{value}");
        } else {
            let gap = if n == 0 { "" } else { "\n" };
            let _ = write!(text, "{gap}{}", wrapped(&harmless(&answer.text)));
        }
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => EX_IOERR.into(),
        _ => EX_OK.into(),
    }
}

/// One paragraph.
struct Said {
    kind: &'static str,
    id: Option<MessageId>,
    at: Option<SystemTime>,
    text: String,
}

/// What there is to say, the newest first.
fn answers(data_dir: &Path, word: &str, id: Option<MessageId>, told: &Told) -> Vec<Said> {
    let (now, zone) = (SystemTime::now(), jiff::ZonedDateTime::now().offset().seconds() / 60);
    let mut said = Vec::new();
    if let Some(locked) = &told.locked {
        let scene = Scene { live: None, down: false, now, zone };
        let wait = Duration::from_secs(locked.seconds);
        let text = why::locked(word, wait, &locked.why, scene);
        said.push(Said { kind: "locked", id: None, at: None, text });
    }
    let entries = entries(told);
    if let Some(id) = id {
        said.extend(about(id, &entries, told, now, zone));
    }
    for entry in entries.iter().rev() {
        if said.len() >= PARAGRAPHS || id.is_some() {
            break;
        }
        match &entry.event {
            Event::Accepted(accepted) => {
                let Some(id) = accepted.id else { continue };
                // What happened to it later is found by its id only.
                let Ok(whole) = told::letter(data_dir, id) else { continue };
                let entries = self::entries(&whole);
                said.extend(about(id, &entries, &whole, now, zone));
            }
            Event::Refused(refused) => {
                let text = why::refused(entry.at, refused, zone);
                said.push(Said { kind: "refused", id: None, at: Some(entry.at), text });
            }
            Event::Acted(acted) if acted.id.is_none() => {
                let because =
                    if acted.why.is_empty() { String::new() } else { format!(": {}", acted.why) };
                let date = mail::date::rfc5322(entry.at, zone);
                let text = format!("On {date} {} did: {}{because}.", acted.who, acted.what);
                said.push(Said { kind: "operator", id: None, at: Some(entry.at), text });
            }
            _ => {}
        }
    }
    said
}

fn about(
    id: MessageId,
    entries: &[Entry<'_>],
    told: &Told,
    now: SystemTime,
    zone: i32,
) -> Option<Said> {
    let mine = |live: &[(MessageId, Live)]| -> Vec<Live> {
        live.iter().filter(|(other, _)| *other == id).map(|(_, live)| live.clone()).collect()
    };
    let live = told.live.as_deref().map(mine);
    let scene = Scene { live: live.as_deref(), down: told.down, now, zone };
    let text = why::letter(id, entries, scene)?;
    Some(Said { kind: "letter", id: Some(id), at: Some(id.time()), text })
}

/// Lines of at most 100 columns.
fn wrapped(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 100 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seconds: u64, way: Way, text: &str) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000 + seconds),
            id: None,
            place: "outbound",
            way,
            text: text.to_owned(),
            is_summary: false,
        }
    }

    fn drawn(drawing: &mut Drawing, lines: &[Line]) -> String {
        let mut out = Vec::new();
        drawing.draw(&mut out, lines, MessageId::new(SystemTime::UNIX_EPOCH, 0, 7)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn drawing(colour: bool) -> Drawing {
        let (shown, fresh) = (BTreeSet::new(), true);
        Drawing { colour, json: false, shown, fresh, first: None, last: None }
    }

    /// Who follows sees each line once, those too that come late because an attempt is told at its end;
    /// what was alike from the start is written as often as it is there.
    #[test]
    fn each_line_once() {
        let mut drawing = drawing(false);
        let first = [line(0, Way::In, "220 mx"), line(0, Way::In, "220 mx")];
        assert_eq!(drawn(&mut drawing, &first).matches("220 mx").count(), 2);
        assert_eq!(drawn(&mut drawing, &first), "", "nothing is new");
        let more =
            [line(0, Way::In, "220 mx"), line(2, Way::Out, "QUIT"), line(1, Way::In, "250 ok")];
        let text = drawn(&mut drawing, &more);
        let places = ["QUIT", "250 ok"].map(|part| text.find(part).unwrap());
        assert!(places.is_sorted() && !text.contains("220"), "{text}");
        assert!(text.contains("2.000000 (+2.000000)") && text.contains("(-1.000000)"), "{text}");
        assert_eq!(drawn(&mut drawing, &more), "");
    }

    /// Colour is for terminals; and nothing that a peer has said controls one.
    #[test]
    fn colour_and_control() {
        let lines = [line(0, Way::In, "550 \u{1b}[2Jno"), line(0, Way::In, "250 ok")];
        let plain = drawn(&mut drawing(false), &lines);
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        let coloured = drawn(&mut drawing(true), &lines);
        assert!(coloured.contains("\u{1b}[31m") && coloured.contains("\u{1b}[32m"), "{coloured:?}");
        assert!(!coloured.contains("\u{1b}[2J"), "{coloured:?}");
        let json = drawn(&mut Drawing { json: true, ..drawing(false) }, &lines);
        assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(!json.contains('\u{1b}'), "{json:?}");
    }

    /// A lock-out is told first, and is an answer by itself.
    #[test]
    fn lock_outs() {
        let locked = told::Locked { seconds: 300, why: "20 failed logins as \"ann\"".to_owned() };
        let told = Told { locked: Some(locked), ..Told::default() };
        let said = answers(Path::new("/nonexistent"), "ann", None, &told);
        let [only] = &said[..] else { panic!("{} answers", said.len()) };
        assert_eq!(only.kind, "locked");
        assert!(only.text.starts_with("Logins of ann are locked out until "), "{}", only.text);
        assert!(only.text.contains("(in 5 min): 20 failed logins as \"ann\""), "{}", only.text);
    }
}
