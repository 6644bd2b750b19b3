//! `postrider reload` and `postrider config …`: what the configuration is, how it differs from that
//! of the running server, and how it takes its place.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::agent::control::{self, Answer, ControlError, Request};
use crate::agent::sysexits::{EX_CONFIG, EX_IOERR, EX_NOPERM, EX_UNAVAILABLE, Exit};
use crate::config::{self, Change, Config, Entry};
use crate::reload::Reloaded;

/// What `diff` tells the shell when there is a difference, as diff(1) does.
const DIFFERENT: u8 = 1;

/// Lets the running server read its configuration anew.
pub fn reload(config: &Config, as_json: bool) -> ExitCode {
    match control::ask_once(&config.data_dir, &Request::Reload) {
        Ok(Answer::Reloaded(reloaded)) => {
            let text = || reloaded_text(&reloaded);
            print!("{}", if as_json { json(&reloaded) } else { text() });
            ExitCode::SUCCESS
        }
        Ok(Answer::Wrong(problems)) if as_json => {
            print!("{}", json(&serde_json::json!({ "problems": problems })));
            EX_CONFIG.into()
        }
        Ok(Answer::Wrong(problems)) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            eprintln!("postrider: nothing was changed, the server goes on as it was");
            EX_CONFIG.into()
        }
        other => failed(other),
    }
}

/// Shows every key, or those that are not the default.
pub fn show(config: &Config, changed: bool, as_json: bool) -> ExitCode {
    let mut entries = config.entries();
    if changed {
        let defaults = Config::default().entries();
        let plain = |entry: &Entry| {
            defaults.iter().any(|one| one.key == entry.key && one.value == entry.value)
        };
        entries.retain(|entry| entry.file.is_some() && !plain(entry));
    }
    print!("{}", if as_json { json(&entries) } else { entries_text(&entries) });
    ExitCode::SUCCESS
}

/// Shows what a reload would change.
pub fn diff(config: &Config, as_json: bool) -> ExitCode {
    let (file, running) = match control::ask_once(&config.data_dir, &Request::Configuration) {
        Ok(Answer::Configuration { file, entries }) => (file, entries),
        other => return failed(other),
    };
    let changes = config::changes(&running, &config.entries());
    if as_json {
        print!("{}", json(&changes));
    } else if changes.is_empty() {
        let file = file.unwrap_or_else(|| "the safe local profile".to_owned());
        println!("no difference: the server goes by {file}");
    } else {
        print!("{}", changes_text(&changes));
    }
    if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) }
}

fn failed(answer: Result<Answer, ControlError>) -> ExitCode {
    let (why, code): (String, Exit) = match answer {
        Ok(_) => ("the mail service answered something else".to_owned(), EX_IOERR),
        Err(error @ ControlError::Down(_)) => (error.to_string(), EX_UNAVAILABLE),
        Err(error @ ControlError::NotAllowed(_)) => {
            (format!("{error}: do it as the server's user or as root"), EX_NOPERM)
        }
        Err(error) => (error.to_string(), EX_IOERR),
    };
    eprintln!("postrider: {why}");
    code.into()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn reloaded_text(reloaded: &Reloaded) -> String {
    let file = reloaded.file.as_deref().unwrap_or("the safe local profile");
    let count = match reloaded.changes.len() {
        0 => "no key is different; accounts, aliases and certificates were read anew".to_owned(),
        1 => "one key is different".to_owned(),
        count => format!("{count} keys are different"),
    };
    format!("{file} is in effect: {count}\n{}", changes_text(&reloaded.changes))
}

/// One line for each key, in columns.
fn changes_text(changes: &[Change]) -> String {
    let missing = || "(not set)".to_owned();
    let rows = changes.iter().map(|change| {
        let before = change.before.clone().unwrap_or_else(missing);
        let after = change.after.clone().unwrap_or_else(missing);
        let mark = if change.restart { ", from the next start on" } else { "" };
        [change.key.clone(), format!("{before} -> {after}"), format!("{}{mark}", change.place)]
    });
    columns(&rows.collect::<Vec<_>>())
}

fn entries_text(entries: &[Entry]) -> String {
    let rows = entries
        .iter()
        .map(|entry| [entry.key.clone(), format!("= {}", entry.value), entry.place()]);
    columns(&rows.collect::<Vec<_>>())
}

/// Columns as wide as what is usual in them: a long value pushes only its own line.
fn columns(rows: &[[String; 3]]) -> String {
    const WIDE: usize = 40;
    let width = |column: fn(&[String; 3]) -> &String| {
        let lengths = rows.iter().map(|row| column(row).chars().count());
        lengths.filter(|&length| length <= WIDE).max().unwrap_or_default()
    };
    let (first, second) = (width(|[key, ..]| key), width(|[_, value, _]| value));
    rows.iter().fold(String::new(), |mut text, [key, value, place]| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{key:<first$}  {value:<second$}  {place}");
        text
    })
}
