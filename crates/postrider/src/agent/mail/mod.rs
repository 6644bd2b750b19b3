//! `mail`: a person writes a letter (POSIX `mailx`, the part that sends).
//!
//! On a terminal it asks for what is missing; from a pipe it takes the whole input as body, dots
//! and tildes included. Reading mail comes from another room.

mod arguments;
mod compose;
mod dialogue;
mod dictation;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use mail::{ForwardPath, ReversePath};

use self::arguments::Arguments;
use self::compose::{Draft, compose};
use self::dictation::{Ending, dictate};
use super::addresses::{Entry, ListError, read_list, read_one};
use super::console::Console;
use super::letter::{Letter, PIECE, Stamp, Text};
use super::outbox::{Parcel, Report, send};
use super::site::Site;
use super::submit::Silent;
use super::sysexits::{EX_IOERR, EX_OK, EX_USAGE, Exit};

pub(super) use dialogue::Shown;

/// `mail`. `arguments` begin with the program's name.
pub fn run_mail(arguments: Vec<OsString>, site: &Site) -> ExitCode {
    Console::with_own(|console| mail(arguments, site, console)).into()
}

/// The command line, for manuals and completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Why no letter was sent.
struct Stop(String, Exit);

impl From<ListError> for Stop {
    fn from(error: ListError) -> Self {
        Self(error.to_string(), EX_USAGE)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self(format!("the letter cannot be kept while it is written: {error}"), EX_IOERR)
    }
}

fn mail(arguments: Vec<OsString>, site: &Site, console: &mut Console<'_>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return console.show_usage(&error),
    };
    if arguments.names_nobody() {
        console.complain("mail", "reading mail is not part of this program yet");
        console.complain("mail", "to write, name the recipients: mail ann@example.net");
        return EX_USAGE;
    }
    match write_and_send(&arguments, site, console) {
        Ok(exit) => exit,
        Err(Stop(reason, exit)) => {
            console.complain("mail", &reason);
            exit
        }
    }
}

fn write_and_send(
    arguments: &Arguments,
    site: &Site,
    console: &mut Console<'_>,
) -> Result<Exit, Stop> {
    let host = &site.hostname;
    // All addresses first: nobody likes to hear of a typing error after the letter is written.
    let to = lists(&arguments.to, site)?;
    let mut cc = lists(&arguments.cc, site)?;
    let bcc = lists(&arguments.bcc, site)?;
    let from = author(arguments.from.as_deref(), site)?;
    if arguments.verbose && console.interactive {
        console.say(&format!("To: {}", arguments.to.join(", ")));
    }
    let mut subject = arguments.subject.clone().unwrap_or_default();
    let mut body = Text::new();
    if console.interactive {
        if arguments.subject.is_none() {
            subject = dictation::ask(console, "Subject: ")?;
        }
        let ending = dictate(console, &mut body)?;
        if let Ending::Quit = ending {
            return Ok(give_up(body, site, console));
        }
        if arguments.cc.is_empty() {
            cc = ask_cc(site, console)?;
        }
    } else {
        body.read_from(console.input).map_err(|error| {
            Stop(format!("the letter cannot be read from standard input: {error}"), EX_IOERR)
        })?;
    }
    if body.is_empty() {
        console.complain("mail", "the letter has no text; it is sent all the same");
    }
    let reverse_path = ReversePath::Mailbox(from.mailbox.clone());
    let recipients = recipients([&to, &cc, &bcc]);
    if recipients.is_empty() {
        return Err(Stop("the lists of recipients are empty".to_owned(), EX_USAGE));
    }
    let letter = compose(&Draft { from, to, cc, subject }, body, &Stamp::now(), host)?;
    let parcel = Parcel { reverse_path, recipients, letter };
    Ok(deliver(parcel, arguments.verbose, site, console))
}

fn lists(lists: &[String], site: &Site) -> Result<Vec<Entry>, ListError> {
    let mut entries = Vec::new();
    for list in lists {
        entries.extend(read_list(list, &site.hostname)?);
    }
    Ok(entries)
}

/// The person, or who `--from` says.
fn author(from: Option<&str>, site: &Site) -> Result<Entry, ListError> {
    let own_name = site.person.full_name.clone();
    match from {
        None => Ok(Entry { name: own_name, mailbox: site.own_address(), completed: true }),
        Some(from) => {
            let entry = read_one(from, &site.hostname)?;
            let is_own = entry.mailbox == site.own_address();
            Ok(Entry { name: entry.name.or(own_name.filter(|_| is_own)), ..entry })
        }
    }
}

/// Everyone the lists name, once each.
pub(super) fn recipients<'a>(lists: impl IntoIterator<Item = &'a Vec<Entry>>) -> Vec<ForwardPath> {
    let mut seen = std::collections::BTreeSet::new();
    let entries = lists.into_iter().flatten().map(|entry| &entry.mailbox);
    let fresh = entries.filter(|mailbox| seen.insert((*mailbox).clone()));
    fresh.map(|mailbox| ForwardPath::Mailbox(mailbox.clone())).collect()
}

/// Asks for copies until the answer can be read: the letter is written and must not be lost.
fn ask_cc(site: &Site, console: &mut Console<'_>) -> Result<Vec<Entry>, Stop> {
    loop {
        let answer = dictation::ask(console, "Cc: ")?;
        match read_list(&answer, &site.hostname) {
            Ok(entries) => return Ok(entries),
            Err(error) => console.complain("mail", &error.to_string()),
        }
    }
}

/// `~q`: the person wants it so; what was written is kept.
fn give_up(body: Text, site: &Site, console: &mut Console<'_>) -> Exit {
    if !body.is_empty() {
        match body.into_letter(Vec::new()) {
            Ok(letter) => keep(letter, site, console),
            Err(error) => console.complain("mail", &format!("the letter is lost: {error}")),
        }
    }
    EX_OK
}

fn deliver(mut parcel: Parcel, verbose: bool, site: &Site, console: &mut Console<'_>) -> Exit {
    let report = if verbose {
        send(site, &mut parcel, &mut Shown::new(console.out))
    } else {
        send(site, &mut parcel, &mut Silent)
    };
    tell("mail", &report, verbose, console);
    if report.is_hopeless() {
        keep(parcel.letter, site, console);
    }
    report.exit()
}

/// Tells what became of a letter: trouble always, success to who wants to know.
pub(super) fn tell(program: &str, report: &Report, verbose: bool, console: &mut Console<'_>) {
    if let Some(queued) = &report.queued {
        console.complain(program, queued);
    }
    for (path, reason) in report.failures() {
        console.complain(program, &format!("{path}... {reason}"));
    }
    if verbose {
        report.successes().for_each(|(path, what)| console.say(&format!("{path}... {what}")));
    }
}

/// Saves a letter nobody took in `dead.letter`, where mail programs always left it.
fn keep(mut letter: Letter, site: &Site, console: &mut Console<'_>) {
    let home = site.person.home.clone().unwrap_or_else(|| PathBuf::from("."));
    let path = home.join("dead.letter");
    match append(&path, &mut letter) {
        Ok(()) => console.complain("mail", &format!("the letter is saved in {}", path.display())),
        Err(error) => {
            let line = format!("the letter cannot be saved in {}: {error}", path.display());
            console.complain("mail", &line);
        }
    }
}

fn append(path: &Path, letter: &mut Letter) -> io::Result<()> {
    letter.rewind()?;
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut buffer = vec![0; PIECE];
    loop {
        let n = letter.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        // Lines end in LF here. A lone CR is not in a letter.
        let mut piece = buffer.get(..n).unwrap_or_default().to_vec();
        piece.retain(|&byte| byte != b'\r');
        file.write_all(&piece)?;
    }
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
