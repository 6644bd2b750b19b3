//! The command line of `postrider queue`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::agent::control::{Grounds, QueueState, Wanted};
use crate::cli::arguments::ConfigArgument;
use crate::config::parse_duration;

pub(crate) const QUEUE: &str = "\
Letters are chosen by id or by what they are: --domain, --sender, --recipient, --older, --newer,
--reason, --queue, --state; everything that is said must fit. What acts first says what it would do,
and does it after a yes on the terminal or with --yes. What is done, by whom and why (--why) is in the
log. Without a running server list, show and stats read the spool itself.

Examples:
  postrider queue stats                          what waits, by domain and age
  postrider queue list --domain example.org      what waits for one domain, and why
  postrider queue show 01k0abcdef1               one letter whole
  postrider queue hold --sender '*@example.org' --why 'looks like spam'
  postrider queue remove --reason 'user unknown' --older 1d --yes
  postrider queue suspend example.org --why 'they asked us to wait'

Exit codes: 0 done, 64 wrong usage or no --yes, 65 what was said makes no sense, 66 there is no such
letter, 69 the mail service is not running, 74 reading or writing failed, 75 some were not done (each
says why), 77 not allowed.";

const LIST: &str = "\
Examples:
  postrider queue list                           all that waits, oldest first
  postrider queue list --domain .example.org     for all domains below example.org
  postrider queue list --state held --json       one JSON object a line, for programs
  postrider queue list --newer 10m --limit 20

Exit codes: 0 shown, 65 what was said makes no sense, 69 there is no running service and no spool that
can be read, 74 reading or writing failed, 77 not allowed.";

const SHOW: &str = "\
Envelope, recipients with their last attempts, sizes, and the header section; --content writes the
letter as it would go on instead, with our Received field, and nothing else.

Examples:
  postrider queue show 01k0abcdef1
  postrider queue show 01k0abcdef1 --content >letter.eml

Exit codes: 0 shown, 65 that is no queue id, 66 there is no such letter, 69 there is no running service
and no spool that can be read, 74 reading or writing failed, 77 not allowed.";

const STATS: &str = "\
A row for each domain, the largest first, with the number of recipients that wait and their ages in
minutes. A long row of old mail means a host that is down; much young mail means a flood. --sender-domains
counts letters by where they come from.

Examples:
  postrider queue stats
  postrider queue stats --sender-domains         who sends so much?
  postrider queue stats --older 1d --top 0       all domains, and only what is old

Exit codes: those of `postrider queue list`.";

const HOLD: &str = "\
Held letters are not tried until they are released, over restarts too, and do not expire meanwhile.
One that is being tried just now is held after its attempt, if it is still there.

Examples:
  postrider queue hold 01k0abcdef1
  postrider queue hold --sender '*@example.org' --why 'looks like spam'

Exit codes: those of `postrider queue`.";

const RELEASE: &str = "\
What is released is tried now. A letter whose time has run out while it was held is tried no more, but
returned.

Examples:
  postrider queue release --state held --all
  postrider queue release 01k0abcdef1

Exit codes: those of `postrider queue`.";

const RETRY: &str = "\
Examples:
  postrider queue retry --domain example.org     their host is back
  postrider queue retry --all                    as sendmail -q does

Exit codes: those of `postrider queue`.";

const REMOVE: &str = "\
Nobody is told, unless --report returns the mail to its sender as `expire` does. Where --domain,
--recipient or --reason choose some of the recipients of a letter, the others keep it.

Examples:
  postrider queue remove 01k0abcdef1
  postrider queue remove --recipient bob@example.org --why 'sent twice by mistake'
  postrider queue remove --sender '<>' --older 1d --yes

Exit codes: those of `postrider queue`.";

const EXPIRE: &str = "\
The sender gets the report that it would get at the end of five days, with the last answer of the other
side. The report and the end of the letter are one transaction.

Examples:
  postrider queue expire --domain no-such-host.example --why 'a misspelt domain'

Exit codes: those of `postrider queue`.";

const REROUTE: &str = "\
The letters go there at once and stay on that way, over restarts too, whatever the configuration says;
--configured gives them back to it. A transport is written as in [route]: smtp:[host]:25, smtp:host,
smtps:host, lmtp:unix:/path, mx.

Examples:
  postrider queue reroute --domain example.org --to 'smtp:[backup.example.net]'
  postrider queue reroute --queue 'smtp:[backup.example.net]:25' --configured

Exit codes: those of `postrider queue`.";

const SUSPEND: &str = "\
Mail for a suspended domain or queue is taken and kept, and not tried. It outlives a restart. Each letter
keeps its time: senders are told of the delay, and what is not resumed in time is returned to them. Without
a name it lists what is suspended.

Examples:
  postrider queue suspend example.org --why 'they are moving'
  postrider queue suspend .example.org           all domains below it
  postrider queue suspend 'smtp:[hub.example.net]:25'
  postrider queue suspend                        what is suspended, since when, by whom and why

Exit codes: 0 done, 65 neither a domain nor a queue, 69 the mail service is not running, 74 reading or
writing failed, 77 not allowed.";

const RESUME: &str = "\
What waited is tried now.

Examples:
  postrider queue resume example.org

Exit codes: those of `postrider queue suspend`, and 66 it was not suspended.";

/// What is done with the queue.
#[derive(Subcommand)]
pub(crate) enum QueueCommand {
    /// List what waits, and why
    #[command(after_help = LIST)]
    List {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        choice: Choice,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Show one letter whole
    #[command(after_help = SHOW)]
    Show {
        #[command(flatten)]
        common: Common,
        /// Its queue id
        #[arg(value_name = "ID")]
        id: String,
        /// Write its octets and nothing else
        #[arg(long, conflicts_with = "json")]
        content: bool,
    },
    /// Keep letters from being tried, until they are released
    #[command(after_help = HOLD)]
    Hold(Acting),
    /// Let held letters go, now
    #[command(after_help = RELEASE)]
    Release(Acting),
    /// Try letters now
    #[command(after_help = RETRY)]
    Retry(Acting),
    /// Remove letters, and tell nobody
    #[command(after_help = REMOVE)]
    Remove {
        #[command(flatten)]
        acting: Acting,
        /// Return them to their senders
        #[arg(long)]
        report: bool,
    },
    /// Return letters to their senders now
    #[command(after_help = EXPIRE)]
    Expire(Acting),
    /// Send letters another way than the configuration says
    #[command(after_help = REROUTE)]
    Reroute {
        #[command(flatten)]
        acting: Acting,
        /// The transport
        #[arg(long, value_name = "TRANSPORT", required_unless_present = "configured")]
        to: Option<String>,
        /// As the configuration says
        #[arg(long, conflicts_with = "to")]
        configured: bool,
    },
    /// Try nothing of a domain or queue, and keep its mail
    #[command(after_help = SUSPEND)]
    Suspend {
        #[command(flatten)]
        common: Common,
        /// A domain, .DOMAIN for all below it, or a queue
        #[arg(value_name = "DOMAIN")]
        what: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Try a suspended domain or queue again
    #[command(after_help = RESUME)]
    Resume {
        #[command(flatten)]
        common: Common,
        /// As it was suspended
        #[arg(value_name = "DOMAIN")]
        what: String,
        #[command(flatten)]
        why: Why,
    },
    /// Count what waits, by domain and age
    #[command(after_help = STATS)]
    Stats {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        choice: Choice,
        /// Count letters by the domains of their senders
        #[arg(long)]
        sender_domains: bool,
        /// At most so many domains; 0 is all
        #[arg(long, value_name = "N", default_value_t = 20)]
        top: usize,
    },
}

impl QueueCommand {
    /// What all have.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::List { common, .. }
            | Self::Show { common, .. }
            | Self::Suspend { common, .. }
            | Self::Resume { common, .. }
            | Self::Stats { common, .. } => common,
            Self::Hold(acting)
            | Self::Release(acting)
            | Self::Retry(acting)
            | Self::Expire(acting)
            | Self::Remove { acting, .. }
            | Self::Reroute { acting, .. } => &acting.common,
        }
    }
}

/// What all commands of the queue take.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub config: ConfigArgument,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
}

/// Why somebody acts.
#[derive(Args)]
pub(crate) struct Why {
    /// Why; it is kept in the log, and shown to other operators
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub why: String,
}

impl Why {
    /// The same with who called sudo.
    pub(crate) fn grounds(&self) -> Grounds {
        let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
        Grounds { why: self.why.clone(), sudo }
    }
}

/// What acts on letters.
#[derive(Args)]
pub(crate) struct Acting {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub choice: Choice,
    /// All letters that fit; needed where nothing else chooses
    #[arg(long)]
    pub all: bool,
    /// Do it, without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Say only how many
    #[arg(long, short = 'q')]
    pub quiet: bool,
    #[command(flatten)]
    pub why: Why,
}

/// A state, on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StateArgument {
    /// Being tried, or in line for it
    Active,
    /// Waiting for the next attempt
    Deferred,
    /// Held by an operator
    Held,
}

/// Which letters.
#[derive(Args)]
pub(crate) struct Choice {
    /// Queue ids
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// The same
    #[arg(long = "id", value_name = "ID")]
    pub more_ids: Vec<String>,
    /// For recipients of this domain; .DOMAIN for all below it
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// From this address; '@DOMAIN' for all of a domain, * for anything, '<>' for reports
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// For this address, written so as well
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// Came at least so long ago, like 30m, 4h or 2d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older: Option<Duration>,
    /// Came less than so long ago
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub newer: Option<Duration>,
    /// The last attempt failed with these words
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// In this queue, like mx:example.org, local or 'smtp:[hub.example.net]:25'
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<String>,
    /// In this state
    #[arg(long, value_name = "STATE")]
    pub state: Option<StateArgument>,
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "an age with its unit, like 30m, 4h or 2d".to_owned())
}

impl Choice {
    /// The same for the wire.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            ids: self.ids.iter().chain(&self.more_ids).cloned().collect(),
            domain: self.domain.clone(),
            sender: self.sender.clone(),
            recipient: self.recipient.clone(),
            older: self.older.map(|age| age.as_secs()),
            newer: self.newer.map(|age| age.as_secs()),
            reason: self.reason.clone(),
            queue: self.queue.clone(),
            state: self.state.map(|state| match state {
                StateArgument::Active => QueueState::Active,
                StateArgument::Deferred => QueueState::Deferred,
                StateArgument::Held => QueueState::Held,
            }),
            until: None,
        }
    }
}
