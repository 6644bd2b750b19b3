//! The command line of `mail`.

use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  mail ann@example.net                       ask for the subject, then write; a lone . ends
  mail -s 'Lunch?' ann bob -c carol          to two people here, a copy to a third
  date | mail -s 'The time' ann              the body from a program
  mail -v -s testing ann@example.net         watch the letter being handed over

While you write: a line with only . or the end of input (Ctrl-D) ends the letter, ~q gives it up,
~? tells more. A name without @ is a mailbox of this host.

Exit codes: 0 sent or safely queued, 64 wrong usage, 67 no such mailbox, 68 no such domain,
69 refused, 75 not now (try again later).";

/// Write and send a letter.
#[derive(Debug, Parser)]
#[command(name = "mail", after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// What it is about
    #[arg(short, long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// Who gets a copy; several with commas between
    #[arg(short, long, value_name = "ADDRESS,...")]
    pub cc: Vec<String>,
    /// Who gets a copy without the others knowing
    #[arg(short, long, value_name = "ADDRESS,...")]
    pub bcc: Vec<String>,
    /// Show the dialogue with the mail service as it happens
    #[arg(short, long)]
    pub verbose: bool,
    /// Write as this address instead of your own
    #[arg(short = 'r', long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Who gets the letter
    #[arg(value_name = "ADDRESS")]
    pub to: Vec<String>,
}

impl Arguments {
    /// No recipient at all: classic programs read mail then.
    pub fn names_nobody(&self) -> bool {
        self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty()
    }
}
