//! Programs that mail is handed to: the arguments they are given, and what their end means for the
//! recipient. Running them is left to a door.
//!
//! There is no shell. What an address brings along is put inside one argument, and no argument that
//! an address begins may begin with `-`, since programs would take it for an option.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use mail::address::{ForwardPath, ReversePath};
use mail::reply::{EnhancedStatus, Topic};

use crate::fate::Said;
use crate::reason::Source;

/// Octets of a program's first line that are kept: what a report can sensibly show.
const LINE_MAX: usize = 400;

/// A program, as `[pipe.NAME]` describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// The program, and its arguments.
    pub command: Vec<Argument>,
    /// Whose rights it gets; none: those that the server has, which is never root.
    pub user: Option<String>,
    /// Where it starts; none: `/`.
    pub directory: Option<PathBuf>,
    /// How long it may take.
    pub time_limit: Duration,
    /// Runs at once.
    pub concurrency: usize,
    /// Octets it may write; then it is ended.
    pub output_max: u64,
    /// Octets of the largest message it takes; none: any.
    pub size_max: Option<u64>,
    /// What is put before the message.
    pub head: ProgramHead,
    /// What `{sender}` is where the reverse-path is `<>`.
    pub null_sender: String,
    /// Where it is written.
    pub source: Option<Source>,
}

/// What is put before the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProgramHead {
    /// The `From_` line of an mbox.
    pub from_line: bool,
    /// `Return-Path`.
    pub return_path: bool,
    /// `Delivered-To`.
    pub delivered_to: bool,
}

/// What stands in an argument for a part of the envelope.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Word {
    /// The reverse-path.
    Sender,
    /// The recipient.
    Recipient,
    /// Its local-part up to the extension, in lower case.
    User,
    /// What follows the tag's delimiter in its local-part.
    Extension,
    /// Its domain, in lower case.
    Domain,
    /// Our name of the message.
    Id,
}

impl Word {
    /// All, as they are written in braces.
    pub const ALL: [(&'static str, Self); 6] = [
        ("sender", Self::Sender),
        ("recipient", Self::Recipient),
        ("user", Self::User),
        ("extension", Self::Extension),
        ("domain", Self::Domain),
        ("id", Self::Id),
    ];
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    Word(Word),
}

/// One argument, with parts of the envelope in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Argument(Vec<Piece>);

/// Why a text is no argument.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ArgumentError {
    /// `{…}` with an unknown name, or not closed.
    #[error(
        "only {{sender}}, {{recipient}}, {{user}}, {{extension}}, {{domain}} and {{id}} can stand in braces"
    )]
    Braces,
    /// No program can be given a NUL.
    #[error("an argument cannot have a NUL")]
    Nul,
}

impl std::str::FromStr for Argument {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        if text.contains('\0') {
            return Err(ArgumentError::Nul);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(ArgumentError::Braces)?;
            let known = Word::ALL.iter().find(|(known, _)| *known == name);
            let (_, word) = known.ok_or(ArgumentError::Braces)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Word(*word));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

impl Argument {
    /// An argument in which nothing stands for anything else.
    pub fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// The text, where nothing in it stands for anything else.
    pub fn as_plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// The envelope, as arguments and the environment tell it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// The reverse-path, or what stands for `<>`.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// Its local-part up to the extension, in lower case.
    pub user: String,
    /// The rest of it, in lower case; empty where there is none.
    pub extension: String,
    /// Its domain, in lower case.
    pub domain: String,
    /// Our name of the message.
    pub id: String,
}

impl Envelope {
    /// Of one recipient of the message `id`; `tag` begins the extension of an address, where there are
    /// extensions.
    pub fn new(
        sender: &ReversePath,
        null: &str,
        recipient: &ForwardPath,
        tag: Option<char>,
        id: String,
    ) -> Self {
        let sender =
            sender.mailbox().map_or_else(|| null.to_owned(), |mailbox| mailbox.to_string());
        let (recipient, local, domain) = match recipient {
            ForwardPath::Mailbox(mailbox) => {
                let domain = mailbox.domain.to_string().to_lowercase();
                (mailbox.to_string(), mailbox.local.folded(), domain)
            }
            ForwardPath::Postmaster => {
                ("postmaster".to_owned(), "postmaster".to_owned(), String::new())
            }
        };
        // An address that begins with the delimiter has no user before it.
        let (user, extension) = match tag.and_then(|tag| local.split_once(tag)) {
            Some((user, extension)) if !user.is_empty() => (user.to_owned(), extension.to_owned()),
            _ => (local, String::new()),
        };
        Self { sender, recipient, user, extension, domain, id }
    }

    fn word(&self, word: Word) -> &str {
        match word {
            Word::Sender => &self.sender,
            Word::Recipient => &self.recipient,
            Word::User => &self.user,
            Word::Extension => &self.extension,
            Word::Domain => &self.domain,
            Word::Id => &self.id,
        }
    }
}

impl Program {
    /// A program that is given these arguments as they are, with the bounds of such that no table
    /// describes: those that aliases and users name.
    pub fn plain(command: &[String], user: Option<String>) -> Self {
        Self {
            command: command.iter().map(|text| Argument::plain(text)).collect(),
            user,
            directory: None,
            time_limit: TIME_LIMIT,
            concurrency: CONCURRENCY_PLAIN,
            output_max: OUTPUT_MAX,
            size_max: None,
            head: ProgramHead { from_line: true, return_path: true, delivered_to: true },
            null_sender: NULL_SENDER.to_owned(),
            source: None,
        }
    }

    /// The program and its arguments for `envelope`.
    ///
    /// # Errors
    /// What the recipient is to be told: the address would be an option of the program.
    pub fn arguments(&self, envelope: &Envelope) -> Result<Vec<String>, Said> {
        let argument = |Argument(pieces): &Argument| {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(words) => text.push_str(words),
                    Piece::Word(word) => {
                        let value = envelope.word(*word);
                        if text.is_empty() && value.starts_with('-') {
                            return Err(option_like(*word, value));
                        }
                        text.push_str(value);
                    }
                }
            }
            Ok(text)
        };
        self.command.iter().map(argument).collect()
    }
}

/// How long a program may take, where nothing is said: what others allow as well.
pub const TIME_LIMIT: Duration = Duration::from_secs(1000);
/// Runs of one program at once, where nothing is said.
pub const CONCURRENCY: usize = 10;
/// Runs of one user's programs at once.
const CONCURRENCY_PLAIN: usize = 4;
/// Octets a program may write, where nothing is said.
pub const OUTPUT_MAX: u64 = 1024 * 1024;
/// What `<>` is called where nothing else is said: programs take an empty name for a mistake.
pub const NULL_SENDER: &str = "MAILER-DAEMON";

fn option_like(word: Word, value: &str) -> Said {
    // RFC 3463 §3.2: bad syntax of the sender's, or of the destination's mailbox.
    let topic = if word == Word::Sender { Topic(1, 7) } else { Topic(1, 3) };
    let what =
        format!("the program would take {value} for an option, since it begins with a hyphen");
    Said::Given { status: EnhancedStatus::permanent(topic), what }
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// It ended by itself with this status.
    Exit(i32),
    /// A signal ended it that was not ours.
    Signal(i32),
    /// It took longer than this, and we ended it.
    TimeLimit(Duration),
    /// It wrote more octets than this, and we ended it.
    Flood(u64),
    /// It cannot be run before the operator mends something.
    Unfit(String),
    /// The system has no room for it now.
    NoRoom(String),
}

/// What an end means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// For the recipient.
    pub said: Said,
    /// The operator must mend something.
    pub alarm: bool,
}

/// What the end of a program means, with the beginning of what it wrote. `program` is what people are
/// told of it: "the program list".
///
/// A status of 0 is delivery, whatever it wrote. Any other is explained by an enhanced status
/// (RFC 3463) at the beginning of its first line, or else by `sysexits.h`. What is neither the
/// sender's fault nor the recipient's waits for the operator: a status that the header does not know,
/// a wrong call, a missing file, a program that cannot be run, crashes, hangs or floods.
pub fn judge(program: &str, end: &End, output: &[u8]) -> Judged {
    let line = first_line(output);
    let given = |status: EnhancedStatus, what: String, alarm| Judged {
        said: Said::Given { status, what },
        alarm,
    };
    let ours = |text: String| {
        let what = if line.is_empty() { text } else { format!("{text}: {line}") };
        given(EnhancedStatus::transient(Topic(3, 0)), what, true)
    };
    match end {
        End::Exit(0) => {
            let what = match line.is_empty() {
                true => format!("{program} has taken the message"),
                false => format!("{program} has taken the message: {line}"),
            };
            given(EnhancedStatus::success(Topic(0, 0)), what, false)
        }
        End::Exit(code) => match status_and_text(&line) {
            Some((status, text)) => given(status, format!("{program} said: {text}"), false),
            None => {
                let (status, meaning, alarm) = sysexit(*code);
                let what = match line.is_empty() {
                    true => format!("{program} ended with {code} ({meaning})"),
                    false => format!("{program} ended with {code} ({meaning}): {line}"),
                };
                given(status, what, alarm)
            }
        },
        End::Signal(number) => ours(format!("{program} was killed by signal {number}")),
        End::TimeLimit(limit) => ours(format!("{program} was ended after {} s", limit.as_secs())),
        End::Flood(limit) => {
            ours(format!("{program} was ended since it wrote more than {limit} octets"))
        }
        End::Unfit(why) => given(
            EnhancedStatus::transient(Topic(3, 5)),
            format!("{program} cannot be run: {why}"),
            true,
        ),
        End::NoRoom(why) => given(
            EnhancedStatus::transient(Topic(3, 0)),
            format!("{program} cannot be run now: {why}"),
            false,
        ),
    }
}

/// What `sysexits.h` means by an exit status, and whether the operator is to hear of it.
fn sysexit(code: i32) -> (EnhancedStatus, &'static str, bool) {
    let never = |subject, detail| EnhancedStatus::permanent(Topic(subject, detail));
    let later = |subject, detail| EnhancedStatus::transient(Topic(subject, detail));
    match code {
        64 => (later(3, 5), "wrong usage", true),
        65 => (never(6, 0), "wrong data", false),
        66 => (later(3, 0), "no input", true),
        67 => (never(1, 1), "no such user", false),
        68 => (never(1, 2), "no such host", false),
        69 => (never(3, 0), "service unavailable", false),
        70 => (later(3, 0), "fault in the program", true),
        71 => (later(3, 0), "error of the system", false),
        72 => (later(3, 5), "a file of the system is missing", true),
        73 => (later(2, 0), "cannot create its output", true),
        74 => (later(3, 0), "input or output failed", false),
        75 => (later(3, 0), "to be tried again", false),
        76 => (never(5, 0), "error in a protocol", false),
        77 => (never(7, 1), "not permitted", false),
        78 => (later(3, 5), "wrong configuration", true),
        // Shells and launchers say so of what they were to run.
        126 => (later(3, 5), "not executable", true),
        127 => (later(3, 5), "not found", true),
        _ => (later(3, 0), "a status of its own", true),
    }
}

/// `5.1.1 text`: the status of class 4 or 5, and what follows it.
fn status_and_text(line: &str) -> Option<(EnhancedStatus, &str)> {
    let (status, text) = line.split_once(' ').unwrap_or((line, ""));
    let status = EnhancedStatus::parse(status).filter(|status| status.class() != 2)?;
    let text = text.trim();
    Some((status, if text.is_empty() { line } else { text }))
}

/// The first line that says anything, without what would control a terminal or a report.
fn first_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let shown = line.chars().map(|letter| match letter {
        '\t' => ' ',
        letter if letter.is_control() => '?',
        letter => letter,
    });
    let mut kept = String::new();
    for letter in shown {
        if kept.len() + letter.len_utf8() > LINE_MAX {
            break;
        }
        kept.push(letter);
    }
    kept
}
