//! Where a recipient ends on this host, when its address alone does not say so: an alias may lead to
//! a command or a file, a `.forward` to its owner's mailbox, a virtual domain has mailboxes of its own.
//!
//! Decided once, when the message is taken, and stored beside the recipient, which keeps its address
//! for reports. A recipient without a target goes where its address leads.

use std::fmt;

use mail::address::DomainName;

/// The end of one recipient.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Target {
    /// A mailbox of this host.
    Mailbox {
        /// Whose: a safe name, never octets of the wire that could leave the directory of mailboxes.
        user: String,
        /// The virtual domain that it belongs to; none for the users of this host.
        domain: Option<DomainName>,
    },
    /// A command, which gets the message on its standard input.
    Command {
        /// The program and its arguments; run as they are, no shell looks at them. At least one.
        argv: Vec<String>,
        /// The account of the system whose rights it has.
        user: String,
    },
    /// A file that the message is appended to, or a Maildir where the path ends in `/`.
    File {
        /// Absolute, without `..`.
        path: String,
        /// The account of the system whose rights are used.
        user: String,
    },
    /// Nowhere: those who stand for the address lead to nobody. It is returned.
    Nobody {
        /// Why, for the sender.
        why: String,
    },
}

impl fmt::Display for Target {
    /// For the operator; a sender never sees a command or a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox { user, domain: None } => write!(f, "the mailbox of {user}"),
            Self::Mailbox { user, domain: Some(domain) } => {
                write!(f, "the mailbox {user} of {domain}")
            }
            Self::Command { argv, user } => {
                f.write_str("the command")?;
                argv.iter().try_for_each(|word| match is_plain(word) {
                    true => write!(f, " {word}"),
                    false => write!(f, " {word:?}"),
                })?;
                write!(f, " as {user}")
            }
            Self::File { path, user } => write!(f, "the file {path} as {user}"),
            Self::Nobody { why } => write!(f, "nobody: {why}"),
        }
    }
}

/// Whether a word reads the same with and without quotes.
fn is_plain(word: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./=+:,@%".contains(&octet);
    !word.is_empty() && word.bytes().all(plain)
}
