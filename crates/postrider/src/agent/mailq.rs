//! `mailq`: what waits in the queue, in the form mail programs have always shown it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use jiff::tz::TimeZone;

use super::console::{Console, harmless};
use super::control::{ControlError, QueuePage, QueueRecipient, QueueRow, QueueState, Wanted};
use super::site::Site;
use super::sysexits::{EX_IOERR, EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE, Exit};
use crate::cli::queue::source::Source;
use crate::drop;

const EXAMPLES: &str = "\
Examples:
  mailq            what waits, with the reason of the last failure
  mailq --json     the same, one JSON object a line, for programs

After the id: * is being tried right now, ! is held by the administrator.

While the mail service is down, its user and root see what its spool holds, others the letters that
wait in the drop directory for it. `postrider queue` shows more, and works with the queue.

Exit codes: 0 shown, 64 wrong usage, 69 the mail service is not running and its spool is not for you,
74 the listing cannot be written, 77 the queue is not for you.";

/// Show the mail queue.
#[derive(Debug, Parser)]
#[command(name = "mailq", after_help = EXAMPLES)]
struct Arguments {
    /// One JSON object for each letter, one on each line
    #[arg(long)]
    json: bool,
}

/// The command line, for manuals and completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Gives the page of the queue after the place the last one ended.
pub type QueueSource<'a> = dyn FnMut(Option<&str>) -> Result<QueuePage, ControlError> + 'a;

/// `mailq`. `arguments` begin with the program's name.
pub fn run_mailq(arguments: Vec<OsString>, site: &Site) -> ExitCode {
    Console::with_own(|console| {
        let arguments = match Arguments::try_parse_from(arguments) {
            Ok(arguments) => arguments,
            Err(error) => return console.show_usage(&error),
        };
        mailq(site, arguments.json, console)
    })
    .into()
}

impl Console<'_> {
    /// Shows what the reader of the command line has to say: help, or what is wrong with it.
    pub fn show_usage(&mut self, error: &clap::Error) -> Exit {
        let text = error.render();
        let colour = if error.use_stderr() { self.err_colour } else { self.colour };
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        if error.use_stderr() {
            let _ = write!(self.err, "{text}");
            EX_USAGE
        } else {
            let _ = write!(self.out, "{text}");
            EX_OK
        }
    }
}

/// Shows the queue of the service, or of the drop directory while it is down.
pub(super) fn mailq(site: &Site, json: bool, console: &mut Console<'_>) -> Exit {
    let mut queue = match Source::open(&site.data_dir) {
        Ok(queue) => Some(queue),
        Err(ControlError::Down(_)) => None,
        Err(error) => return refused(&error, console),
    };
    let down = queue.as_ref().is_none_or(Source::is_disk);
    let mut waiting = QueuePage::default();
    if down {
        console.complain("mailq", "the mail service is not running");
        match dropped(site) {
            Ok(page) => waiting = page,
            // An empty list would be a lie.
            Err(error) => {
                let dir = site.drop_dir();
                let line = format!("what waits in {} cannot be seen: {error}", dir.display());
                console.complain("mailq", &line);
                return EX_UNAVAILABLE;
            }
        }
    }
    // First what the spool holds, then what waits for the service to take it.
    let mut source = |after: Option<&str>| {
        let page = match (&mut queue, after) {
            (Some(queue), after) => queue.list(&Wanted::default(), after)?,
            (None, _) => QueuePage::default(),
        };
        let rows = match page.next {
            Some(_) => page.rows,
            None => page.rows.into_iter().chain(std::mem::take(&mut waiting.rows)).collect(),
        };
        Ok(QueuePage { rows, next: page.next })
    };
    let shown = list_queue(&mut source, json, console.colour, console.out);
    match shown {
        Ok(()) if queue.is_none() => EX_UNAVAILABLE,
        Ok(()) => EX_OK,
        Err(ListingError::Control(error)) => refused(&error, console),
        Err(ListingError::Write(_)) => EX_IOERR,
    }
}

fn refused(error: &ControlError, console: &mut Console<'_>) -> Exit {
    console.complain("mailq", &error.to_string());
    match error {
        ControlError::NotAllowed(_) | ControlError::Forbidden(_) => EX_NOPERM,
        _ => EX_UNAVAILABLE,
    }
}

/// Why a listing stopped.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The source failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nobody reads it.
    #[error("the listing cannot be written")]
    Write(#[from] io::Error),
}

/// Prints all pages of `source`: in the classic form, or one JSON object a line.
///
/// # Errors
/// [`ListingError`]; pages before it are printed.
pub fn list_queue(
    source: &mut QueueSource<'_>,
    json: bool,
    colour: bool,
    out: &mut dyn Write,
) -> Result<(), ListingError> {
    let (mut letters, mut octets, mut after) = (0u64, 0u64, None);
    loop {
        let page = source(after.as_deref())?;
        for row in &page.rows {
            if json {
                serde_json::to_writer(&mut *out, row).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            } else {
                if letters == 0 {
                    writeln!(out, "{HEADING}")?;
                }
                write_row(row, colour, out)?;
            }
            letters += 1;
            octets = octets.saturating_add(row.size);
        }
        match page.next {
            // A page that leads nowhere would lead there for ever; an empty one may lead on.
            Some(next) if after.as_ref() != Some(&next) => after = Some(next),
            _ => break,
        }
    }
    match letters {
        _ if json => {}
        0 => writeln!(out, "Mail queue is empty")?,
        letters => {
            let requests = if letters == 1 { "Request" } else { "Requests" };
            writeln!(out, "-- {} Kbytes in {letters} {requests}.", octets.div_ceil(1024))?;
        }
    }
    Ok(out.flush()?)
}

const HEADING: &str = "-Queue ID-------- --Size-- ----Arrival Time---- -Sender/Recipient-------";
/// Blanks before a recipient: as wide as all columns before it.
const INDENT: usize = 48;

fn write_row(row: &QueueRow, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let mark = match row.state {
        QueueState::Active => "*",
        QueueState::Held => "!",
        QueueState::Deferred => "",
    };
    let arrival = row.arrival.to_zoned_datetime(TimeZone::system()).strftime("%a %b %e %H:%M:%S");
    let arrival = arrival.to_string();
    let sender = if row.sender.is_empty() { "MAILER-DAEMON" } else { &row.sender };
    let id = format!("{}{mark}", harmless(&row.id));
    writeln!(out, "{id:<17} {:>8} {arrival:<20} {}", row.size, harmless(sender))?;
    // Recipients with one reason stand together under it, as they were tried together.
    let mut shown = None;
    for QueueRecipient { address, reason, .. } in &row.recipients {
        if let Some(reason) = reason
            && shown != Some(reason)
        {
            let reason = harmless(reason);
            match colour {
                true => writeln!(out, "\x1b[33m({reason})\x1b[0m")?,
                false => writeln!(out, "({reason})")?,
            }
        }
        shown = reason.as_ref();
        writeln!(out, "{:INDENT$}{}", "", harmless(address))?;
    }
    writeln!(out)
}

/// The letters that wait for the service to start.
fn dropped(site: &Site) -> io::Result<QueuePage> {
    let waiting = drop::list(&site.drop_dir())?;
    let rows = waiting.iter().filter_map(|waiting| {
        let letter = drop::read(&waiting.path).ok()?;
        let address = |path: &mail::ForwardPath| QueueRecipient {
            address: without_brackets(path),
            reason: Some("the mail service is not running".to_owned()),
            policy: None,
        };
        Some(QueueRow {
            id: format!("drop/{}", waiting.name),
            size: letter.size,
            arrival: letter.envelope.time.try_into().ok()?,
            sender: without_brackets(&letter.envelope.sender),
            recipients: letter.envelope.recipients.iter().map(address).collect(),
            ..QueueRow::default()
        })
    });
    Ok(QueuePage { rows: rows.collect(), next: None })
}

fn without_brackets(path: &dyn std::fmt::Display) -> String {
    path.to_string().trim_start_matches('<').trim_end_matches('>').to_owned()
}

#[cfg(test)]
#[path = "mailq_tests.rs"]
mod tests;
