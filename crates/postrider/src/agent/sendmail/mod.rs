//! `sendmail`: how programs hand in mail, on every Unix since 4BSD.
//!
//! With `-t`, recipients of the header section are **added** to those of the command line, as
//! Postfix documents it. (Sendmail itself once took the command line's away from them; no program
//! that lives relies on that.)

mod arguments;
mod intake;
mod smtp;

use std::ffi::OsString;
use std::process::ExitCode;

use mail::ReversePath;

pub use self::arguments::help;

use self::arguments::{Call, Mode, parse};
use self::intake::{Intake, IntakeError, Sender, author, take_in};
use super::addresses::{Entry, read_list, read_one};
use super::console::Console;
use super::control::{self, ControlError};
use super::letter::Stamp;
use super::mail::outgoing::Sending;
use super::mail::{Shown, recipients, tell};
use super::mailq::mailq;
use super::outbox::{Parcel, send};
use super::running::Ending;
use super::settings::{Settings, SettingsError};
use super::site::Site;
use super::submit::Silent;
use super::sysexits::{
    EX_CONFIG, EX_DATAERR, EX_IOERR, EX_NOPERM, EX_OK, EX_OSERR, EX_UNAVAILABLE, EX_USAGE, Exit,
};
use crate::drop::lent;

/// `sendmail`. `arguments` begin with the program's name.
pub fn run_sendmail(arguments: Vec<OsString>, site: &Site) -> ExitCode {
    let call = match parse(arguments.into_iter().skip(1).collect()) {
        Ok(call) => call,
        Err(error) => {
            return Console::with_own(|console| usage(console, &error.to_string())).into();
        }
    };
    // SMTP needs the input to itself: a lock on it would be held for ever.
    if call.mode == Mode::Smtp {
        return smtp::run(site, std::io::stdin(), &mut std::io::stdout()).into();
    }
    Console::with_own(|console| run(call, site, console)).into()
}

/// `newaliases`.
pub fn run_newaliases(_arguments: Vec<OsString>, site: &Site) -> ExitCode {
    let call = Call { mode: Mode::Aliases, ..Call::default() };
    Console::with_own(|console| run(call, site, console)).into()
}

fn run(call: Call, site: &Site, console: &mut Console<'_>) -> Exit {
    match call.mode {
        Mode::Letter => letter(&call, site, console).unwrap_or_else(|Stop(reason, exit)| {
            console.complain("sendmail", &reason);
            exit
        }),
        Mode::Queue => mailq(site, false, console),
        Mode::Aliases => aliases(site, console),
        Mode::Flush => flush(site, console),
        Mode::Help => {
            console.say(help().trim_end());
            EX_OK
        }
        Mode::Smtp => usage(console, "-bs cannot be used here"),
    }
}

/// There is nothing to rebuild: the service reads the files themselves. So this only looks at them.
fn aliases(site: &Site, console: &mut Console<'_>) -> Exit {
    let found = (site.aliases.0)();
    for (file, number) in &found.files {
        let s = if *number == 1 { "" } else { "es" };
        console.say(&format!("{file}: {number} alias{s}"));
    }
    for problem in &found.problems {
        console.complain("newaliases", problem);
    }
    match (found.problems.is_empty(), found.files.is_empty()) {
        (false, _) => EX_DATAERR,
        (true, true) => {
            console.say("No file of aliases is configured (local.aliases); nothing to check.");
            EX_OK
        }
        (true, false) => {
            console
                .say("Nothing to rebuild: `postrider reload` makes a running service read them.");
            EX_OK
        }
    }
}

fn usage(console: &mut Console<'_>, reason: &str) -> Exit {
    console.complain("sendmail", reason);
    EX_USAGE
}

fn flush(site: &Site, console: &mut Console<'_>) -> Exit {
    match control::flush(&site.data_dir) {
        Ok(()) => EX_OK,
        Err(error) => {
            console.complain("sendmail", &error.to_string());
            match error {
                ControlError::NotAllowed(_) => EX_NOPERM,
                _ => EX_UNAVAILABLE,
            }
        }
    }
}

/// Why a letter was not sent.
struct Stop(String, Exit);

/// Takes a letter in and sends it.
fn letter(call: &Call, site: &Site, console: &mut Console<'_>) -> Result<Exit, Stop> {
    let settings = settings(site)?;
    let reverse_path = reverse_path(call.sender.as_deref(), site)?;
    let mut to = Vec::new();
    for word in &call.recipients {
        to.extend(read_list(word, &site.hostname).map_err(|e| Stop(e.to_string(), EX_USAGE))?);
    }
    if to.is_empty() && !call.read_recipients {
        let reason = "no recipients: name them, or use -t to take them from the letter";
        return Err(Stop(reason.to_owned(), EX_USAGE));
    }
    let name = call.full_name.clone().or_else(|| site.person.full_name.clone());
    let own = Entry { name, mailbox: site.own_address(), completed: true };
    let host = site.hostname.clone();
    let sender = Sender { author: author(&reverse_path, own, &host), host };
    let taken = take_in(console.input, !call.ignore_dots, &sender, &Stamp::now());
    let Intake { letter, recipients: named } = taken.map_err(|error| {
        let exit = if let IntakeError::Io(_) = error { EX_IOERR } else { EX_DATAERR };
        Stop(error.to_string(), exit)
    })?;
    if call.read_recipients {
        let in_letter = |error| Stop(format!("in the header section, {error}"), EX_DATAERR);
        to.extend(named.map_err(in_letter)?);
    }
    let recipients = recipients([&to]);
    if recipients.is_empty() {
        let reason = "no recipients in To, Cc or Bcc of the letter";
        return Err(Stop(reason.to_owned(), EX_DATAERR));
    }
    let require_tls = settings.require_tls;
    let mut parcel = Parcel { reverse_path, recipients, require_tls, letter, binary: None };
    let remote = settings.submission.as_ref();
    let _ending = remote.map(|_| Ending::awaited());
    let report = if call.verbose {
        send(site, remote, &mut parcel, &mut Shown::new(console.out))
    } else {
        send(site, remote, &mut parcel, &mut Silent)
    };
    tell("sendmail", &report, call.verbose, console);
    if remote.is_some() && report.is_hopeless() {
        let sending = Sending { site, settings: &settings, verbose: false, file_copy: false };
        let author = site.own_address().to_string();
        sending.keep(&mut parcel.letter, &[], &author, console);
    }
    Ok(report.exit())
}

/// What the person has set for letters that leave: the server, and where they are kept. The files and
/// commands in it are the person's, so the group of the program is put aside first.
fn settings(site: &Site) -> Result<Settings, Stop> {
    lent::put_aside().map_err(|error| {
        Stop(format!("the group of the program cannot be put aside: {error}"), EX_OSERR)
    })?;
    let Some(file) = &site.settings_file else { return Ok(Settings::default()) };
    Settings::load(file, &site.hostname).map_err(|SettingsError(why)| Stop(why, EX_CONFIG))
}

/// Where reports go: to the person, unless `-f` says otherwise.
fn reverse_path(given: Option<&str>, site: &Site) -> Result<ReversePath, Stop> {
    match given.map(str::trim) {
        None => Ok(ReversePath::Mailbox(site.own_address())),
        Some("" | "<>") => Ok(ReversePath::Null),
        Some(address) => {
            let entry = read_one(address, &site.hostname);
            let entry = entry.map_err(|error| Stop(format!("-f {error}"), EX_USAGE))?;
            Ok(ReversePath::Mailbox(entry.mailbox))
        }
    }
}

#[cfg(test)]
mod tests;
