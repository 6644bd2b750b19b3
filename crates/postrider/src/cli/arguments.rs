//! The command line as data: what there is to say, and what `--help` teaches. The manual pages and
//! the completions are made from the same (see [`pages`](crate::pages)).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use queue::submission::Grant;

use super::queue::arguments::{QUEUE, QueueCommand};

const POSTRIDER: &str = "\
Called as mail, mailx, sendmail, mailq or newaliases it acts as that program.

Examples:
  postrider serve                          a safe local profile, no configuration needed
  postrider check --config postrider.toml  what is wrong, and where
  postrider reload                         go on with a changed configuration
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

const RELOAD: &str = "\
The running server reads everything anew that it read at its start: the file, accounts, aliases,
certificates. It goes on with all of that or, on any error, with none. Sessions and attempts under way
end by the old configuration. SIGHUP does the same; then the log tells what came of it.

Told is what is different now, and which keys count from the next start on: addresses of listeners,
listeners that come or go, [spool]. data-dir cannot change under a running server.

Examples:
  postrider reload                         as the server's user or root
  postrider reload --json                  for programs

Exit codes: 0 done (perhaps nothing has changed), 69 the server is not running, 77 not allowed, 78 the
configuration is not right and the old one is kept.";

const EXPLAIN: &str = "\
The decisions are the real ones, with the configuration that is there now: what MAIL and RCPT would be
answered, whom the address stands for, the route of each recipient, its exchangers with their
addresses, the policy of TLS, our login there, limits, and when it would be tried again. Each step names
the line of the configuration that says so.

No server need run. Name servers are asked, tables looked up and policies of other domains fetched;
nothing is dialled, nothing is sent, nothing is written.

Examples:
  postrider explain staff@example.net
  postrider explain y@far.example --from ann@example.net --login ann
  postrider explain y@far.example --client 203.0.113.7     would we relay for that host?
  postrider explain y@far.example --config new.toml --json

Exit codes: 0 explained, whatever would come of the letter, 64 wrong usage, 78 the configuration is not
right.";

const TEST: &str = "\
A case says what is given (client, login, names in DNS, what other hosts do, the time), which letter
comes, and what then holds: replies, recipients, routes, header fields, the next attempt, delivery or
return after days. The real engine plays it in a simulation: nothing is dialled, asked or written, and
five days pass in milliseconds. docs/testing.md describes the file, docs/examples/cases.toml is one.

Without --config the file's own `config` counts, else the configuration `serve` would take.

Examples:
  postrider test cases.toml
  postrider test cases.toml --config new.toml
  postrider test cases.toml --json         for programs

Exit codes: 0 all cases hold, 1 one is broken (told with the line that expected something else), 65 the
file of cases is not right, 78 the configuration is not.";

const TRACE: &str = "\
The first column is the time in seconds since the first line, the second in parentheses that since the
line before. \u{2192} is what went out, \u{2190} what came in, \u{b7} what was done here. Of what went well only a summary
is kept, and it says so; `[history] detail = \"all\"` keeps all of it. Parts that went another way and
reports have their own id in brackets. The files are read where the server is down.

Examples:
  postrider trace 01kay9hhv0x3f            its whole life
  postrider trace 01kay9hhv0x3f --rcpt bob@example.net
  postrider trace 01kay9hhv0x3f --follow   until it has its end
  postrider trace 01kay9hhv0x3f --json     for programs

Exit codes: 0 shown, 64 wrong usage, 66 there is no such letter in the history, 69 the server does not
answer and has left no history, 74 it cannot be written, 77 it is not for you, 78 the configuration is
not right.";

const WHY: &str = "\
Where a letter is, what happened, who said so, what comes next and when, and what would change it. For
an address it tells of the last letters from or to it, and of mail that was refused before it had an id.
For a login or the address of a client it tells when a lock-out ends.

Examples:
  postrider why 01kay9hhv0x3f
  postrider why bob@example.net            what became of mail from or to him
  postrider why 192.0.2.7                  why that host is turned away
  postrider why ann                        why she cannot log in
  postrider why bob@example.net --json     for programs

Exit codes: 0 told, 66 nothing is known of it, 69 the server does not answer and has left no history, 74
it cannot be written, 77 it is not for you, 78 the configuration is not right.";

const CONFIG: &str = "\
Examples:
  postrider config show                    every key, and where its value stands
  postrider config show --changed          only what is not the default
  postrider config diff                    what a reload would change

Exit codes: 0 done or no difference, 1 there is a difference, 69 the server is not running, 77 not
allowed, 78 the configuration is not right.";

const CONFIG_SHOW: &str = "\
Secrets are in files of their own and are not shown.

Examples:
  postrider config show --config postrider.toml
  postrider config show --changed
  postrider config show --json             for programs

Exit codes: 0 shown, 78 the configuration is not right.";

const CONFIG_DIFF: &str = "\
Left is what the running server goes by, right what the file says. Nothing is changed.

Examples:
  postrider config diff
  postrider config diff --config new.toml
  postrider config diff --json             for programs

Exit codes: 0 no difference, 1 there is one, 69 the server is not running, 77 not allowed, 78 the
configuration is not right.";

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

const ACCOUNT: &str = "\
Accounts are for authors who log in: on listeners of kind submission, with PLAIN or LOGIN over TLS, or
with SCRAM-SHA-256. A running service sees every change at the next login.

Examples:
  postrider account add ann@example.net    asks for a password, twice
  postrider account add ann --address info@example.net --address '*@example.org'
  postrider account add robot --generate   a strong password, printed once
  postrider account passwd ann@example.net
  postrider account disable robot          nobody can log in with it any more
  postrider account list --json

Exit codes: 0 done, 64 wrong usage, 65 the login or the password cannot be used, 66 the file of the
password cannot be read, 67 there is no such account, 73 there is such an account or the file cannot
be written, 74 reading or writing failed, 77 not allowed, 78 the configuration or the file of
accounts is not right.";

const ACCOUNT_ADD: &str = "\
The file of accounts holds no password, only a hash (Argon2id) and a verifier (SCRAM-SHA-256). It is
readable for its owner alone.

A login that is an address may send as that address and its +tags. A login without a domain may send
as that name in the local domains. More is granted with --address.

Examples:
  postrider account add ann@example.net --name 'Ann Example'
  postrider account add ann --address info@example.net --address '*@example.org'
  postrider account add robot --generate   a strong password, printed once
  postrider account add ann --password-file - <secret

Exit codes: 0 done, 64 wrong usage, 65 the login or the password cannot be used, 66 the file of the
password cannot be read, 73 there is such an account or the file cannot be written, 74 reading or
writing failed, 77 not allowed, 78 the configuration or the file of accounts is not right.";

const ACCOUNT_PASSWD: &str = "\
Examples:
  postrider account passwd ann@example.net
  postrider account passwd robot --generate

Exit codes: those of `postrider account add`, and 67 there is no such account.";

const ACCOUNT_LIST: &str = "\
Examples:
  postrider account list
  postrider account list --json            for programs

Exit codes: 0 done, 74 reading failed, 77 not allowed, 78 the configuration or the file of accounts is
not right.";

const ACCOUNT_CHANGE: &str = "\
Exit codes: 0 done, 65 there was no such grant, 67 there is no such account, 74 reading or writing
failed, 77 not allowed, 78 the configuration or the file of accounts is not right.";

const TABLE: &str = "\
The key is looked up as the server does it: in lower case, once. An address is looked up by the server
as itself and then as @domain; ask for both to see what it would find. A file is read as it is now; a
database is asked. What was found goes to standard output, where it stands to standard error.

Examples:
  postrider table canonical ann@example.net
  postrider table canonical @example.net   the rest of that domain
  postrider table aliases staff --json     for programs

Exit codes: 0 found, 1 no such row, 69 the configuration has no such table, 75 the table has no answer
now, 78 the configuration or the file of the table is not right.";

const FETCH: &str = "\
What each host is asked, and how we log in there, says [fetch.NAME] in the configuration. With ATRN
the roles of the two ends turn round and the mail comes over the same connection: the command ends when
it has all come. With ETRN the host connects to us, now or soon.

Examples:
  postrider fetch                          all of them
  postrider fetch isp
  postrider fetch --json                   for programs

Exit codes: 0 the mail is here, on its way, or there is none, 65 there is no such [fetch.NAME] or it is
asked just now, 69 a host refuses for good or the server is not running, 75 a host refuses for now or
cannot be reached, 77 not allowed, 78 the configuration is not right.";

const ETRN: &str = "\
The running server asks, from its own address: hosts know by it whom they may send to. The mail comes by
connections that the host makes to us.

Examples:
  postrider etrn mx.isp.example example.net
  postrider etrn mx.isp.example:587 example.net @branch.example.net
  postrider etrn '[192.0.2.1]' '#slow'     a queue of that host

Exit codes: those of `postrider fetch`, and 64 the host or a name cannot be read.";

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
    /// Let the running server read its configuration anew
    #[command(after_help = RELOAD)]
    Reload {
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Explain what would become of a letter, and why
    #[command(after_help = EXPLAIN)]
    Explain(ExplainArguments),
    /// Play cases with the configuration: given, when, then
    #[command(after_help = TEST)]
    Test {
        /// The cases, in TOML
        #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON list instead of text
        #[arg(long)]
        json: bool,
    },
    /// Draw the whole life of a letter as a time line
    #[command(after_help = TRACE)]
    Trace(TraceArguments),
    /// Say where a letter is and why, or what became of those of an address
    #[command(after_help = WHY)]
    Why(WhyArguments),
    /// Show the configuration key by key
    #[command(subcommand, after_help = CONFIG)]
    Config(ConfigCommand),
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
    /// Say who may log in
    #[command(subcommand, after_help = ACCOUNT)]
    Account(AccountCommand),
    /// Look at the queue, and work with it
    #[command(subcommand, after_help = QUEUE)]
    Queue(QueueCommand),
    /// Ask the hosts that keep mail for us
    #[command(after_help = FETCH)]
    Fetch(FetchArguments),
    /// Have a host send what it keeps for us (ETRN)
    #[command(after_help = ETRN)]
    Etrn(EtrnArguments),
    /// What a table of the configuration says of a key
    #[command(after_help = TABLE)]
    Table(TableArguments),
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
pub(crate) struct TraceArguments {
    /// The queue id, as `mailq`, `Received` fields and the log have it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Only what concerns this recipient
    #[arg(long, value_name = "ADDRESS")]
    pub rcpt: Option<String>,
    /// One JSON object for each line
    #[arg(long)]
    pub json: bool,
    /// Go on with new lines as they come, until the letter has its end
    #[arg(long, short)]
    pub follow: bool,
    #[command(flatten)]
    pub config: ConfigArgument,
}

#[derive(Args)]
pub(crate) struct WhyArguments {
    /// A queue id, an address of a person, a login, or the address of a client
    #[arg(value_name = "ID|ADDRESS")]
    pub what: String,
    /// One JSON object for each paragraph
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArgument,
}

#[derive(Args)]
pub(crate) struct ExplainArguments {
    /// The recipient
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The reverse-path; else the null one, <>
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// The address of who brings the letter; else a stranger's
    #[arg(long, value_name = "IP")]
    pub client: Option<std::net::IpAddr>,
    /// As whom its author has logged in
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
    #[command(flatten)]
    pub config: ConfigArgument,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// What each key is, and where that stands
    #[command(after_help = CONFIG_SHOW)]
    Show {
        #[command(flatten)]
        config: ConfigArgument,
        /// Only what the file says differently from the default
        #[arg(long)]
        changed: bool,
        /// One JSON list instead of text
        #[arg(long)]
        json: bool,
    },
    /// What the file says against what the running server goes by
    #[command(after_help = CONFIG_DIFF)]
    Diff {
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON list instead of text
        #[arg(long)]
        json: bool,
    },
    /// The same as `postrider reload`
    #[command(after_help = RELOAD)]
    Reload {
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct FetchArguments {
    /// NAME of [fetch.NAME]; else all
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// One JSON object for each host
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArgument,
}

#[derive(Args)]
pub(crate) struct EtrnArguments {
    /// The host to ask; an IPv6 address stands in brackets
    #[arg(value_name = "HOST[:PORT]", value_hint = clap::ValueHint::Hostname)]
    pub host: String,
    /// Whose mail: a domain, @DOMAIN for all below it, #QUEUE
    #[arg(value_name = "DOMAIN", required = true)]
    pub names: Vec<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArgument,
}

#[derive(Args)]
pub(crate) struct TableArguments {
    #[command(flatten)]
    pub config: ConfigArgument,
    /// The table: NAME of [table.NAME]
    #[arg(value_name = "NAME")]
    pub name: String,
    /// An address, @domain, a name
    #[arg(value_name = "KEY")]
    pub key: String,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
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

/// Where a password comes from; without either a person is asked, twice.
#[derive(Args)]
pub(crate) struct PasswordArgument {
    /// The first line of FILE is the password; - is standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// Make a strong password, and print it
    #[arg(long, conflicts_with = "password_file")]
    pub generate: bool,
}

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account
    #[command(after_help = ACCOUNT_ADD)]
    Add {
        #[command(flatten)]
        config: ConfigArgument,
        /// The name to log in with, best an address; case does not matter
        #[arg(value_name = "LOGIN")]
        login: String,
        /// The owner's name, for people
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// An address it may send as: ADDRESS, *@DOMAIN for all of a domain, or * for any; may be
        /// given several times
        #[arg(long, value_name = "ADDRESS")]
        address: Vec<Grant>,
        #[command(flatten)]
        password: PasswordArgument,
    },
    /// Set another password
    #[command(after_help = ACCOUNT_PASSWD)]
    Passwd {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
        #[command(flatten)]
        password: PasswordArgument,
    },
    /// List the accounts
    #[command(after_help = ACCOUNT_LIST)]
    List {
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON list instead of text
        #[arg(long)]
        json: bool,
    },
    /// Remove an account
    #[command(after_help = ACCOUNT_CHANGE)]
    Remove {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
    },
    /// Let an account log in no longer, and keep it
    #[command(after_help = ACCOUNT_CHANGE)]
    Disable {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
    },
    /// Let a disabled account log in again
    #[command(after_help = ACCOUNT_CHANGE)]
    Enable {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
    },
    /// Let an account send as further addresses
    #[command(after_help = ACCOUNT_CHANGE)]
    Grant {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
        /// ADDRESS, *@DOMAIN for all of a domain, or * for any
        #[arg(value_name = "ADDRESS", required = true)]
        address: Vec<Grant>,
    },
    /// Take back what `grant` gave
    #[command(after_help = ACCOUNT_CHANGE)]
    Revoke {
        #[command(flatten)]
        config: ConfigArgument,
        /// The account
        #[arg(value_name = "LOGIN")]
        login: String,
        /// As it was granted
        #[arg(value_name = "ADDRESS", required = true)]
        address: Vec<Grant>,
    },
}

impl AccountCommand {
    /// Where the configuration is.
    pub(super) fn config(&self) -> &ConfigArgument {
        match self {
            Self::Add { config, .. }
            | Self::Passwd { config, .. }
            | Self::List { config, .. }
            | Self::Remove { config, .. }
            | Self::Disable { config, .. }
            | Self::Enable { config, .. }
            | Self::Grant { config, .. }
            | Self::Revoke { config, .. } => config,
        }
    }
}

/// The complete command line, for manuals and completions.
pub fn command() -> clap::Command {
    Cli::command()
}
