//! The command line of `mail`.

use std::path::PathBuf;

use clap::{Parser, ValueHint};

const HELP: &str = "\
Without recipients it reads mail: the list of letters, then a command for each line (`?` lists them).
With recipients it writes: on a terminal it asks for what is missing and takes lines until a lone dot;
from a pipe it takes the whole input as text.

While you write, a line that begins with a tilde is a command: `~?` lists them. Ctrl-C twice, or `~q`,
gives the letter up and keeps it in dead.letter.

Letters are chosen by lists: `3`, `1-5`, `2 4`, `.` this one, `^` first, `$` last, `+` next, `-`
previous, `*` all, `:u` unread (`:n` new, `:o` old, `:r` read, `:d` deleted, `:f` flagged, `:a`
answered), `/words` in the subject, `@name` of an author, `@t@words` in a field (f, t, s, c, b text,
h header), `&` the thread. Members add up, states choose among them: `ann :u`.

Folders: `%` your mailbox, `%bob` that of bob, `&` the personal mbox, `+name` one of your folders, `#`
the one before, or a path. New ones are mboxes, or Maildirs when the name ends in a slash.

The screen (`--screen`, or the command `screen`) shows list and letter together; its keys are told by
`?`.

What you set lives in ~/.config/postrider/mail.toml; mail.toml is described below, and errors in it
name the line.

Examples:
  mail                                       read your mail
  mail -f +work                              read a folder; -H only lists it
  mail ann@example.net                       ask for the subject, then write; a lone . ends
  mail -s 'Lunch?' ann bob -c carol          to two people here, a copy to a third
  mail -s Plans -a plan.pdf ann </dev/null   a file, and no text
  date | mail -s 'The time' ann              the text from a program
  mail -v -s testing ann@example.net         watch the letter being handed over
  mail -t < letter.txt                       recipients and subject stand in the letter
  mail -e && echo You have mail              for scripts

Exit codes: 0 sent or safely queued, or read, 1 no mail, 64 wrong usage, 66 no such folder, 67 no such
mailbox, 68 no such domain, 69 refused, 74 reading or writing failed, 75 not now (try again later),
78 mail.toml is not right.";

/// Write, send and read letters.
#[derive(Debug, Parser)]
#[command(name = "mail", after_help = HELP)]
pub(super) struct Arguments {
    /// What it is about
    #[arg(short, long, value_name = "SUBJECT", help_heading = "Writing")]
    pub subject: Option<String>,
    /// Who gets a copy; several with commas between
    #[arg(short, long, value_name = "ADDRESS,...", help_heading = "Writing")]
    pub cc: Vec<String>,
    /// Who gets a copy without the others knowing
    #[arg(short, long, value_name = "ADDRESS,...", help_heading = "Writing")]
    pub bcc: Vec<String>,
    /// A file that goes with the letter; may be said again
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Writing")]
    pub attach: Vec<PathBuf>,
    /// Write as this address instead of your own; several with commas between
    #[arg(short = 'r', long, value_name = "ADDRESS", help_heading = "Writing")]
    pub from: Option<String>,
    /// Where answers shall go
    #[arg(long, value_name = "ADDRESS,...", help_heading = "Writing")]
    pub reply_to: Option<String>,
    /// One more field: 'X-Mood: fine'; may be said again
    #[arg(short = 'C', long, value_name = "FIELD", help_heading = "Writing")]
    pub field: Vec<String>,
    /// Begin with the text of this file
    #[arg(short = 'q', long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Writing")]
    pub quote_file: Option<PathBuf>,
    /// The input is a text of this type: text/html
    #[arg(short = 'M', long, value_name = "TYPE", help_heading = "Writing")]
    pub media_type: Option<String>,
    /// Recipients, subject and other fields stand above the text
    #[arg(short = 't', long, help_heading = "Writing")]
    pub take_fields: bool,
    /// Send nothing when there is no text
    #[arg(short = 'E', long, help_heading = "Writing")]
    pub skip_empty: bool,
    /// Obey tilde commands also when nobody types
    #[arg(short = '~', long, help_heading = "Writing")]
    pub tilde: bool,
    /// Keep a copy in a folder named after the first recipient
    #[arg(short = 'F', long, help_heading = "Writing")]
    pub file_copy: bool,
    /// Only where every host on the way is reached over TLS (REQUIRETLS)
    #[arg(long, help_heading = "Writing")]
    pub require_tls: bool,
    /// Write text that others may fit to their windows (format=flowed)
    #[arg(long, help_heading = "Writing")]
    pub flowed: bool,
    /// Send a letter larger than this in parts (message/partial): 500k, 10M
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Writing")]
    pub parts: Option<u64>,
    /// Show the dialogue with the mail service as it happens, and when each line came
    #[arg(short, long, help_heading = "Writing")]
    pub verbose: bool,
    /// Read this folder; without a name, your mbox
    #[arg(short = 'f', long, value_name = "FOLDER", num_args = 0..=1, value_hint = ValueHint::AnyPath, help_heading = "Reading")]
    pub folder: Option<Option<String>>,
    /// Read the mailbox of this user
    #[arg(short, long, value_name = "USER", help_heading = "Reading")]
    pub user: Option<String>,
    /// Only list the letters
    #[arg(short = 'H', long, help_heading = "Reading")]
    pub headers: bool,
    /// Only tell by the exit code whether there is mail
    #[arg(short = 'e', long, help_heading = "Reading")]
    pub exists: bool,
    /// Do not begin with the list
    #[arg(short = 'N', long, help_heading = "Reading")]
    pub no_list: bool,
    /// Change nothing in the folder
    #[arg(short = 'R', long, help_heading = "Reading")]
    pub read_only: bool,
    /// Begin in the full-screen view
    #[arg(long, help_heading = "Reading")]
    pub screen: bool,
    /// A command to begin with; may be said again
    #[arg(short = 'X', long, value_name = "COMMAND", help_heading = "Reading")]
    pub command: Vec<String>,
    /// Be another of your selves in mail.toml
    #[arg(short = 'A', long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Set one key of mail.toml: quote='| '; may be said again
    #[arg(short = 'S', long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Do not read mail.toml
    #[arg(short = 'n', long)]
    pub no_settings: bool,
    /// Accepted for scripts: Ctrl-C never ends a letter that is being written at once
    #[arg(short, long, hide = true)]
    pub ignore_interrupts: bool,
    /// Who gets the letter; with -f the folder
    #[arg(value_name = "ADDRESS")]
    pub to: Vec<String>,
}

impl Arguments {
    /// No recipient at all: classic programs read mail then.
    pub fn names_nobody(&self) -> bool {
        self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty()
    }

    /// Whether mail is to be read, not written.
    pub fn reads(&self) -> bool {
        let asks = self.folder.is_some() || self.user.is_some() || self.headers || self.exists;
        let writes = self.take_fields || self.subject.is_some() || !self.attach.is_empty();
        asks || self.screen || (self.names_nobody() && !writes)
    }
}

/// Octets: `500k`, `10M`, `70000`.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no size"))?;
    let octets = number.checked_mul(unit).filter(|octets| *octets >= PART_MIN);
    octets.ok_or_else(|| format!("a part has at least {PART_MIN} octets"))
}

/// Octets a part must have at least: its own header section takes some of them.
pub(super) const PART_MIN: u64 = 4000;
