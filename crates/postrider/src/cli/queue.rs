//! `postrider queue …`: what operators see of the queue and do to it.

pub(crate) mod arguments;
pub(crate) mod source;
mod text;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use self::arguments::{Acting, QueueCommand};
use self::source::{Source, nonsense};
use crate::agent::Console;
use crate::agent::control::{
    Answer, ControlError, Conversation, Done, DoneResult, Octets, Part, Request, Verb, Wanted,
};
use crate::agent::sysexits::{
    EX_DATAERR, EX_IOERR, EX_NOINPUT, EX_NOPERM, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE, Exit,
};

/// Letters shown before something is done to them.
const SAMPLE: usize = 10;

/// Why a command ended early.
enum Stop {
    /// Of the service, or of its spool.
    Control(ControlError),
    /// Nobody reads what we write.
    Write(io::Error),
    /// What to say, and the exit code.
    Said(String, Exit),
}

impl From<ControlError> for Stop {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Write(error.into())
    }
}

type Ended = Result<Exit, Stop>;

/// Runs `command` for the server of `data_dir`.
pub(crate) fn run(command: &QueueCommand, data_dir: &Path) -> ExitCode {
    Console::with_own(|console| match dispatch(command, data_dir, console) {
        Ok(code) => code,
        Err(Stop::Control(error)) => {
            let (why, code) = told(&error);
            console.complain("postrider", &why);
            code
        }
        // A pager that was closed wants no more; others are told by the code.
        Err(Stop::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => EX_OK,
        Err(Stop::Write(error)) => {
            console.complain("postrider", &format!("it cannot be written: {error}"));
            EX_IOERR
        }
        Err(Stop::Said(why, code)) => {
            console.complain("postrider", &why);
            code
        }
    })
    .into()
}

/// What is said of a service that does not do as it is asked, and the exit code.
pub(super) fn told(error: &ControlError) -> (String, Exit) {
    match error {
        ControlError::Down(_) => (
            format!(
                "{error}: start it with `postrider serve`, and run this as its user or as root"
            ),
            EX_UNAVAILABLE,
        ),
        ControlError::NotAllowed(_) => (
            format!(
                "{error}: run it as the server's user or as root; [control] group lets others look"
            ),
            EX_NOPERM,
        ),
        ControlError::Forbidden(_) => (error.to_string(), EX_NOPERM),
        ControlError::Refused(why) => (why.clone(), EX_DATAERR),
        ControlError::Nonsense(_) => (error.to_string(), EX_IOERR),
    }
}

fn dispatch(command: &QueueCommand, data_dir: &Path, console: &mut Console<'_>) -> Ended {
    let json = command.common().json;
    match command {
        QueueCommand::List { choice, limit, .. } => {
            list(&mut open(data_dir, console)?, &choice.wanted(), *limit, json, console)
        }
        QueueCommand::Show { id, content: true, .. } => {
            content(&mut open(data_dir, console)?, id, console)
        }
        QueueCommand::Show { id, .. } => show(&mut open(data_dir, console)?, id, json, console),
        QueueCommand::Stats { choice, sender_domains, top, .. } => {
            let stock = open(data_dir, console)?.stats(&choice.wanted(), *sender_domains)?;
            match json {
                true => {
                    for (domain, ages) in &stock {
                        let total: u64 = ages.iter().sum();
                        let row = serde_json::json!({
                            "domain": domain, "total": total, "ages": ages, "minutes": engine::AGES,
                        });
                        line(console, &row)?;
                    }
                }
                false => write!(console.out, "{}", text::stats(&stock, *top, console.colour))?,
            }
            Ok(EX_OK)
        }
        QueueCommand::Hold(acting) => act(data_dir, acting, Verb::Hold, None, console),
        QueueCommand::Release(acting) => act(data_dir, acting, Verb::Release, None, console),
        QueueCommand::Retry(acting) => act(data_dir, acting, Verb::Retry, None, console),
        QueueCommand::Remove { acting, report: false } => {
            act(data_dir, acting, Verb::Remove, None, console)
        }
        QueueCommand::Remove { acting, report: true } | QueueCommand::Expire(acting) => {
            act(data_dir, acting, Verb::Expire, None, console)
        }
        QueueCommand::Reroute { acting, to, .. } => {
            act(data_dir, acting, Verb::Reroute, to.as_deref(), console)
        }
        QueueCommand::Suspend { what: None, .. } => {
            let rows = open(data_dir, console)?.suspensions()?;
            match json {
                true => rows.iter().try_for_each(|row| line(console, row))?,
                false => write!(console.out, "{}", text::suspensions(&rows, Timestamp::now()))?,
            }
            Ok(EX_OK)
        }
        QueueCommand::Suspend { what: Some(what), why, .. } => {
            let (what, grounds) = (what.clone(), why.grounds());
            order(data_dir, &Request::Suspend { what: what.clone(), grounds })?;
            report(console, json, "suspended", &what)
        }
        QueueCommand::Resume { what, why, .. } => {
            let (what, grounds) = (what.clone(), why.grounds());
            match order(data_dir, &Request::Resume { what: what.clone(), grounds })? {
                Answer::Resumed(false) => {
                    let why =
                        format!("{what} is not suspended; `postrider queue suspend` lists what is");
                    Err(Stop::Said(why, EX_NOINPUT))
                }
                _ => report(console, json, "resumed", &what),
            }
        }
    }
}

/// The first line of the answer of a running server.
fn order(data_dir: &Path, request: &Request) -> Result<Answer, Stop> {
    let mut live = Conversation::open(data_dir)?;
    live.ask(request)?;
    Ok(live.next_answer()?)
}

fn report(console: &mut Console<'_>, json: bool, word: &str, what: &str) -> Ended {
    match json {
        true => line(console, &serde_json::json!({ word: what }))?,
        false => writeln!(console.out, "{what} is {word}")?,
    }
    Ok(EX_OK)
}

fn open(data_dir: &Path, console: &mut Console<'_>) -> Result<Source, Stop> {
    let source = Source::open(data_dir)?;
    if source.is_disk() {
        console
            .complain("postrider", "the mail service is not running: this is what its spool holds");
    }
    Ok(source)
}

fn line(console: &mut Console<'_>, value: &impl Serialize) -> Result<(), Stop> {
    serde_json::to_writer(&mut *console.out, value)?;
    Ok(console.out.write_all(b"\n")?)
}

fn list(
    source: &mut Source,
    wanted: &Wanted,
    limit: Option<u64>,
    json: bool,
    console: &mut Console<'_>,
) -> Ended {
    let (mut left, mut after) = (limit.unwrap_or(u64::MAX), None::<String>);
    let (mut letters, mut octets) = (0u64, 0u64);
    while left > 0 {
        let page = source.list(wanted, after.as_deref())?;
        let now = Timestamp::now();
        for row in page.rows {
            if left == 0 {
                break;
            }
            match json {
                true => line(console, &row)?,
                false => text::row(&row, now, console.colour, console.out)?,
            }
            left -= 1;
            letters += 1;
            octets = octets.saturating_add(row.size);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if !json && letters == 0 {
        let everything = *wanted == Wanted::default();
        writeln!(
            console.out,
            "{}",
            if everything { "the queue is empty" } else { "nothing fits" }
        )?;
    } else if !json {
        let (letters, size) = (text::plural(letters, "letter"), text::size(octets));
        writeln!(console.out, "{letters}, {size}")?;
    }
    Ok(EX_OK)
}

fn no_such(id: &str) -> Stop {
    let why = format!("there is no letter {id} in the queue: it is finished, or never was");
    Stop::Said(why, EX_NOINPUT)
}

fn show(source: &mut Source, id: &str, json: bool, console: &mut Console<'_>) -> Ended {
    let mut header = Vec::new();
    let mut take = |octets: &[u8]| {
        header.extend_from_slice(octets);
        Ok(())
    };
    let parts = match source.show(id, Octets::Header, &mut take) {
        // A member of the group that may look sees no letters.
        Err(ControlError::Forbidden(_)) => source.show(id, Octets::None, &mut |_| Ok(()))?,
        parts => parts?,
    };
    if parts.is_empty() {
        return Err(no_such(id));
    }
    if json {
        #[derive(Serialize)]
        struct Letter<'a> {
            id: &'a str,
            parts: &'a [Part],
            header: String,
        }
        let header = String::from_utf8_lossy(&header).into_owned();
        line(console, &Letter { id, parts: &parts, header })?;
    } else {
        write!(console.out, "{}", text::letter(&parts, &header, Timestamp::now()))?;
    }
    Ok(EX_OK)
}

fn content(source: &mut Source, id: &str, console: &mut Console<'_>) -> Ended {
    let parts = source.show(id, Octets::All, &mut |octets| console.out.write_all(octets))?;
    if parts.is_empty() {
        return Err(no_such(id));
    }
    Ok(console.out.flush().map(|()| EX_OK)?)
}

/// Says what would be done, asks, and does it.
fn act(
    data_dir: &Path,
    acting: &Acting,
    verb: Verb,
    to: Option<&str>,
    console: &mut Console<'_>,
) -> Ended {
    let mut wanted = acting.choice.wanted();
    if wanted == Wanted::default() && !acting.all {
        let why = "say which letters: ids, --domain and the like, or --all; `postrider queue list` takes \
                   the same words and only shows them";
        return Err(Stop::Said(why.to_owned(), EX_USAGE));
    }
    let now = Timestamp::now();
    // Only what is there now is meant, however long the answer takes.
    wanted.until =
        Some(spool::MessageId::new(std::time::SystemTime::now(), u16::MAX, u64::MAX).to_string());
    let mut source = Source::Live(Conversation::open(data_dir)?);
    let count = source.count(&wanted)?;
    if count.letters == 0 {
        return match wanted.ids.first() {
            Some(id) if wanted.ids.len() == 1 => Err(no_such(id)),
            _ => {
                console.complain("postrider", "nothing in the queue fits");
                Ok(EX_OK)
            }
        };
    }
    let what = words(verb, to);
    let about_recipients = match verb {
        Verb::Remove | Verb::Expire => true,
        Verb::Reroute => to.is_some(),
        Verb::Hold | Verb::Release | Verb::Retry => false,
    };
    match acting.common.json {
        true => line(console, &serde_json::json!({ "would": what, "count": count }))?,
        false => write!(console.out, "{}", text::preview(&what, about_recipients, &count, now))?,
    }
    if !acting.yes && !agreed(console)? {
        return Err(Stop::Said("nothing was done; --yes does it".to_owned(), EX_USAGE));
    }
    let Source::Live(live) = &mut source else { return Err(nonsense("only a server acts").into()) };
    carry_out(live, &wanted, verb, to, acting, console)
}

fn agreed(console: &mut Console<'_>) -> Result<bool, Stop> {
    if !console.interactive {
        return Ok(false);
    }
    Ok(console.agrees("Do it?")?)
}

fn words(verb: Verb, to: Option<&str>) -> String {
    match (verb, to) {
        (Verb::Hold, _) => "hold".to_owned(),
        (Verb::Release, _) => "release".to_owned(),
        (Verb::Retry, _) => "retry".to_owned(),
        (Verb::Remove, _) => "remove".to_owned(),
        (Verb::Expire, _) => "return".to_owned(),
        (Verb::Reroute, Some(to)) => format!("reroute to {to}"),
        (Verb::Reroute, None) => "reroute as configured".to_owned(),
    }
}

fn carry_out(
    live: &mut Conversation,
    wanted: &Wanted,
    verb: Verb,
    to: Option<&str>,
    acting: &Acting,
    console: &mut Console<'_>,
) -> Ended {
    let (mut after, mut sums) = (None, [0u64; 3]);
    loop {
        let (wanted, to, grounds) = (wanted.clone(), to.map(str::to_owned), acting.why.grounds());
        live.ask(&Request::Act { wanted, verb, to, grounds, after })?;
        after = loop {
            match live.next_answer()? {
                Answer::Done(done) => {
                    let [finished, later, refused] = &mut sums;
                    *match done.result {
                        DoneResult::Done => finished,
                        DoneResult::Later => later,
                        DoneResult::Refused => refused,
                    } += 1;
                    if !acting.quiet {
                        say(&done, acting.common.json, console)?;
                    }
                }
                Answer::End { next } => break next,
                _ => return Err(nonsense("an answer to something else").into()),
            }
        };
        if after.is_none() {
            break;
        }
    }
    let [done, later, refused] = sums;
    match acting.common.json {
        true => {
            let sum = serde_json::json!({ "done": done, "later": later, "refused": refused });
            line(console, &serde_json::json!({ "sum": sum }))?;
        }
        false => writeln!(console.out, "{done} done, {later} later, {refused} not done")?,
    }
    Ok(if refused > 0 { EX_TEMPFAIL } else { EX_OK })
}

fn say(done: &Done, json: bool, console: &mut Console<'_>) -> Result<(), Stop> {
    if json {
        return line(console, done);
    }
    let to = done.recipients.iter().take(3).map(|one| crate::agent::harmless(one));
    let others = done.recipients.len().saturating_sub(3);
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let (id, to, text) = (&done.id, to.collect::<Vec<_>>().join(", "), &done.text);
    writeln!(console.out, "{id}  {to}{more}: {}", crate::agent::harmless(text))?;
    Ok(())
}
