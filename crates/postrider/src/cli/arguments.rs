//! The command line as data: what there is to say, and what `--help` teaches. The manual pages and
//! the completions are made from the same (see [`pages`](crate::pages)).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

const POSTRIDER: &str = "\
Called as mail, mailx, sendmail, mailq or newaliases it acts as that program.

Examples:
  postrider serve                          a safe local profile, no configuration needed
  postrider check --config postrider.toml  what is wrong, and where
  echo hello | postrider mail -s hi ann@localhost
  postrider mailq                          what waits, and why

Exit codes are those of sysexits.h: 0 done, 64 wrong usage, 78 the configuration is not right; the
help of each command tells its others.";

const SERVE: &str = "\
Without any configuration it serves this machine alone: 127.0.0.1:2525 for other servers,
127.0.0.1:2587 for authors, everything kept below ./postrider-data.

It stays in the foreground and tells what happens on standard error. SIGTERM or Ctrl-C stops it:
open transactions are finished, for 30 seconds at most, and what is not delivered waits in the spool.

Examples:
  postrider serve                          the safe local profile
  postrider serve --config postrider.toml
  POSTRIDER_LOG=warn postrider serve       only trouble; other levels: error, info, debug
  postrider serve --quarantine             only after `postrider spool verify` has shown damage

Exit codes: 0 stopped as asked, 69 a port cannot be opened or the spool is damaged, 71 the operating
system refused, 73 the data directory cannot be made or used, 75 another server has it, 78 the
configuration is not right.";

const CHECK: &str = "\
Everything that is wrong is told at once: where it stands, what was expected, what was found and what
to do. Ports and rights are tried as well, so run it as the user who will serve.

Examples:
  postrider check                          the configuration `serve` would take
  postrider check --config postrider.toml

Exit codes: 0 right (warnings may have been told), 78 not right.";

const CONFORMANCE: &str = "\
Each row of the register is one demand of an RFC, named by RFC, section and letter. Asked is what a
stranger can see, each dialogue on a connection of its own. What is not offered or not given is
skipped; what the server put off or refused before the question is unclear.

Without --recipient no letter is sent. With it, some fifteen small ones go to that mailbox and to no
other. Nothing is tried that could hurt, unless --intrusive says so: a hundred recipients, a letter
above the size offered. --slow keeps a connection silent for five minutes.

Examples:
  postrider conformance localhost:2525
  postrider conformance mx.example.net --recipient test@example.net
  postrider conformance mx.example.net --foreign somebody@example.com   is it an open relay?
  postrider conformance mx.example.net --row 5321-4.1.1 --row 2920      only these sections
  postrider conformance mx.example.net --json                           for programs

Exit codes: 0 no rule is broken (advice may be left; --strict counts it), 1 one is, 64 wrong usage,
68 no such host, 69 nobody answers there as an SMTP server, 74 the report cannot be written.";

const SPOOL: &str = "\
Examples:
  postrider spool verify                   is everything in the spool sound?";

const VERIFY: &str = "\
It only reads, so it may run beside the server.

Examples:
  postrider spool verify
  postrider spool verify --data-dir /backup/postrider
  postrider spool verify --json            for programs

Exit codes: 0 sound, 65 damaged (each place is named), 66 there is no spool, 74 it cannot be read,
78 the configuration is not right.";

const PAGES: &str = "\
Examples:
  postrider pages docs                     docs/man and docs/completions";

#[derive(Parser)]
#[command(name = "postrider", version, about = "Internet mail in one binary", after_help = POSTRIDER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone)]
pub(crate) struct ConfigArgument {
    /// The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe
    /// local profile
    #[arg(long, short = 'C', value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the mail system: listeners, queue, delivery
    #[command(after_help = SERVE)]
    Serve {
        #[command(flatten)]
        config: ConfigArgument,
        /// Start with a damaged spool: leave out what cannot be read, and put its files aside
        #[arg(long)]
        quarantine: bool,
    },
    /// Check the configuration, and tell what is wrong and what to do
    #[command(after_help = CHECK)]
    Check(ConfigArgument),
    /// Compose and send a letter (also as `mail`, `mailx`)
    #[command(disable_help_flag = true)]
    Mail(Passed),
    /// Send a letter as programs do (also as `sendmail`)
    #[command(disable_help_flag = true)]
    Sendmail(Passed),
    /// What waits in the queue, and why (also as `mailq`)
    #[command(disable_help_flag = true)]
    Mailq(Passed),
    /// Kept for scripts: aliases need no rebuilding (also as `newaliases`)
    #[command(disable_help_flag = true)]
    Newaliases(Passed),
    /// Ask any SMTP server for the rules of the standards
    #[command(after_help = CONFORMANCE)]
    Conformance(ConformanceArguments),
    /// Look after the spool
    #[command(subcommand, after_help = SPOOL)]
    Spool(SpoolCommand),
    /// Write the manual pages and the completions of shells
    #[command(hide = true, after_help = PAGES)]
    Pages {
        /// Where to: pages go to DIR/man, completions to DIR/completions
        #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        dir: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct ConformanceArguments {
    /// Whom to ask; the port is 25 unless it is said
    #[arg(value_name = "HOST:PORT", value_hint = clap::ValueHint::Hostname)]
    pub server: String,
    /// A mailbox of that server which may get letters
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// The reverse-path; else postmaster at our name
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// An address elsewhere that the server must not relay to; nothing is sent to it
    #[arg(long, value_name = "ADDRESS")]
    pub foreign: Option<String>,
    /// Our name for EHLO; else the name of this host
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Only rows whose id begins so; may stand there several times
    #[arg(long = "row", value_name = "ID")]
    pub rows: Vec<String>,
    /// Also what costs the server more than a dialogue
    #[arg(long)]
    pub intrusive: bool,
    /// Also what takes minutes
    #[arg(long)]
    pub slow: bool,
    /// The longest wait for one reply, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Advice that is not followed counts as broken, too
    #[arg(long)]
    pub strict: bool,
    /// One JSON object instead of text
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// A page instead of text
    #[arg(long)]
    pub markdown: bool,
    /// What the page calls the server
    #[arg(long, value_name = "TEXT", requires = "markdown")]
    pub title: Option<String>,
}

/// The words of a program that reads its own arguments.
#[derive(Args)]
pub(crate) struct Passed {
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

#[derive(Subcommand)]
pub(crate) enum SpoolCommand {
    /// Read every segment and check every checksum; changes nothing
    #[command(after_help = VERIFY)]
    Verify {
        #[command(flatten)]
        config: ConfigArgument,
        /// The data directory, instead of the configuration's
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        data_dir: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

/// The complete command line, for manuals and completions.
pub fn command() -> clap::Command {
    Cli::command()
}
