//! The agent's end of the control socket, `<data-dir>/control`.
//!
//! A request is a JSON object on one line. The answer is lines as well: any number of `{"row": …}`,
//! then one `{"end": …}`, or `{"error": "…"}` at any point. Without an end the answer is not complete.
//! A connection takes one request after the other. The types serve both ends.

mod fetch;
mod queue;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::told::Locked;
use crate::config::Entry;
use crate::reload::Reloaded;

pub use fetch::{Called, Said, Worth};
pub use queue::{
    Count, DomainStock, Done, DoneResult, Grounds, LastAttempt, Part, SuspensionRow, Verb, Wanted,
};

/// Octets of one line of an answer: a row with a thousand recipients and their replies.
const LINE_MAX: u64 = 4 << 20;
/// How long the service may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// Lines of one answer: entries of the history, and parts of letters.
const LINES: usize = 20_000;
/// Rows of one answer.
pub const ROWS: usize = 200;

/// What the agent asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Rows of the queue, oldest first.
    Queue {
        /// Where the last page ended: its `next`.
        after: Option<String>,
        /// Rows at most.
        limit: usize,
    },
    /// Try all that waits now.
    Flush,
    /// Read the configuration anew.
    Reload,
    /// The configuration of now.
    Configuration,
    /// What the history tells of an id, an address, a login or a client, and what the queue holds of
    /// it.
    History {
        /// Of what.
        word: String,
        /// Entries at most, the last ones.
        limit: usize,
    },
    /// Rows of the queue that are wanted.
    List {
        /// Which.
        wanted: Wanted,
        /// Where the last page ended.
        after: Option<String>,
        /// Rows at most.
        limit: usize,
    },
    /// How much is wanted.
    Count {
        /// Which.
        wanted: Wanted,
        /// Where the last page ended.
        after: Option<String>,
    },
    /// What waits, by domain and age.
    Stats {
        /// Which.
        wanted: Wanted,
        /// By the domain of the sender.
        by_sender: bool,
        /// Where the last page ended.
        after: Option<String>,
    },
    /// One letter whole.
    Show {
        /// Its queue id.
        id: String,
        /// Its octets, too: all, or those of the header section.
        octets: Octets,
    },
    /// Do something to letters.
    Act {
        /// Which.
        wanted: Wanted,
        /// What.
        verb: Verb,
        /// Which way, for a reroute; none: as configured.
        to: Option<String>,
        /// Why.
        grounds: Grounds,
        /// Where the last page ended.
        after: Option<String>,
    },
    /// Try nothing of a domain or queue.
    Suspend {
        /// Which.
        what: String,
        /// Why.
        grounds: Grounds,
    },
    /// Try it again.
    Resume {
        /// Which.
        what: String,
        /// Why.
        grounds: Grounds,
    },
    /// What is suspended.
    Suspensions,
    /// Ask hosts that keep mail for us.
    Fetch {
        /// Which of the configuration; none: all.
        names: Vec<String>,
    },
    /// Have a host start its queues, by ETRN.
    Etrn {
        /// Which, as a route names it.
        host: String,
        /// For whom: a domain, `@domain` or `#queue`.
        names: Vec<String>,
    },
}

/// How much of the octets of a letter is shown.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Octets {
    /// None.
    None,
    /// The header section.
    Header,
    /// All.
    All,
}

/// One line of an answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A row of the queue.
    Row(QueueRow),
    /// The configuration was read anew, and this is different.
    Reloaded(Reloaded),
    /// The configuration is not right; the old one is kept.
    Wrong(Vec<String>),
    /// The configuration of now.
    Configuration {
        /// The file it came from.
        file: Option<String>,
        /// Its keys.
        entries: Vec<Entry>,
    },
    /// How much is wanted.
    Count(Box<Count>),
    /// What waits of one domain.
    Stock(DomainStock),
    /// A part of a letter.
    Part(Box<Part>),
    /// Octets of a letter in base64; in order.
    Octets(String),
    /// What came of a deed.
    Done(Done),
    /// One suspension.
    Suspension(SuspensionRow),
    /// Whether there was such a suspension to end.
    Resumed(bool),
    /// What a host that keeps mail for us has said.
    Called(Called),
    /// Who asks may not.
    Forbidden(String),
    /// The octets of one entry of the history, in base64.
    Told(String),
    /// What keeps the mail of a queue waiting just now; told before the rows of it.
    Waits {
        /// Its name.
        queue: String,
        /// A sentence each, without their ends.
        why: Vec<String>,
    },
    /// No login is heard.
    Locked(Locked),
    /// The answer is complete.
    End {
        /// Where the next page begins, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// What went wrong, for the person.
    Error(String),
}

/// One letter, or the part of it that goes one way, as a listing shows it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueueRow {
    /// The queue id.
    pub id: String,
    /// Octets of content.
    pub size: u64,
    /// When it came into the queue.
    pub arrival: Timestamp,
    /// The reverse-path without brackets; empty for the null reverse-path.
    pub sender: String,
    /// Who still waits for it.
    pub recipients: Vec<QueueRecipient>,
    /// What it is doing.
    pub state: QueueState,
    /// When it is tried next; none while it is held or being tried.
    pub next_attempt: Option<Timestamp>,
    /// The name of the queue: its next hop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub queue: String,
    /// An operator has sent it there, whatever the configuration says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// The attempts so far.
    #[serde(default)]
    pub attempts: u32,
    /// When it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<Timestamp>,
    /// Recipients who are not in the row, since it would be too long.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// One recipient who still waits.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct QueueRecipient {
    /// The forward-path without brackets.
    pub address: String,
    /// What the last attempt failed with.
    #[serde(default)]
    pub reason: Option<String>,
    /// The transport policy that its connection was held to, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// What a letter in the queue is doing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// Being tried right now.
    Active,
    /// Waiting for its next attempt.
    #[default]
    Deferred,
    /// Held by the administrator.
    Held,
}

/// A piece of a listing.
#[derive(Clone, Debug, Default)]
pub struct QueuePage {
    /// The rows.
    pub rows: Vec<QueueRow>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Why the service did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nothing listens.
    #[error("the mail service is not running")]
    Down(#[source] io::Error),
    /// The socket is the administrator's.
    #[error("you may not control the mail service ({0})")]
    NotAllowed(PathBuf),
    /// Others may.
    #[error("{0}")]
    Forbidden(String),
    /// It said no.
    #[error("the mail service answered: {0}")]
    Refused(String),
    /// Half an answer, or none that can be read.
    #[error("the mail service did not answer as it should: {0}")]
    Nonsense(String),
}

/// One page of the queue.
///
/// # Errors
/// [`ControlError`].
pub fn queue(data_dir: &Path, after: Option<&str>) -> Result<QueuePage, ControlError> {
    ask(data_dir, &Request::Queue { after: after.map(str::to_owned), limit: ROWS })
}

/// Asks the service to try all that waits now.
///
/// # Errors
/// [`ControlError`].
pub fn flush(data_dir: &Path) -> Result<(), ControlError> {
    ask(data_dir, &Request::Flush).map(|_| ())
}

/// Asks for something whose answer is one line.
///
/// # Errors
/// [`ControlError`].
pub fn ask_once(data_dir: &Path, request: &Request) -> Result<Answer, ControlError> {
    let mut conversation = Conversation::open(data_dir)?;
    conversation.ask(request)?;
    conversation.next_answer()
}

/// Asks for something whose answer is many lines; the last is [`Answer::End`].
///
/// # Errors
/// [`ControlError`].
pub fn lines(data_dir: &Path, request: &Request) -> Result<Vec<Answer>, ControlError> {
    let mut conversation = Conversation::open(data_dir)?;
    conversation.ask(request)?;
    let mut lines = Vec::new();
    while lines.len() < LINES {
        let answer = conversation.next_answer()?;
        let is_end = matches!(answer, Answer::End { .. });
        lines.push(answer);
        if is_end {
            return Ok(lines);
        }
    }
    Err(ControlError::Nonsense("too many lines".to_owned()))
}

fn ask(data_dir: &Path, request: &Request) -> Result<QueuePage, ControlError> {
    let mut conversation = Conversation::open(data_dir)?;
    conversation.ask(request)?;
    conversation.page()
}

/// A connection to the service.
pub struct Conversation<S = BufReader<UnixStream>> {
    stream: S,
    line: Vec<u8>,
}

impl Conversation {
    /// Connects.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn open(data_dir: &Path) -> Result<Self, ControlError> {
        let path = data_dir.join("control");
        let stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => ControlError::NotAllowed(path.clone()),
            _ => ControlError::Down(error),
        })?;
        stream.set_read_timeout(Some(SILENCE)).map_err(lost)?;
        stream.set_write_timeout(Some(SILENCE)).map_err(lost)?;
        Ok(Self { stream: BufReader::new(stream), line: Vec::new() })
    }

    /// Waits for an answer however long it takes: another host has a part in it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn be_patient(&mut self) -> Result<(), ControlError> {
        self.stream.get_ref().set_read_timeout(None).map_err(lost)
    }

    /// Asks. Read the answer to its end before the next question.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ask(&mut self, request: &Request) -> Result<(), ControlError> {
        let mut line = serde_json::to_vec(request).map_err(|error| lost(error.into()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(lost)
    }
}

fn lost(error: io::Error) -> ControlError {
    ControlError::Nonsense(error.to_string())
}

impl<S: BufRead> Conversation<S> {
    /// The next line of the answer.
    ///
    /// # Errors
    /// [`ControlError`], also where the service says no.
    pub fn next_answer(&mut self) -> Result<Answer, ControlError> {
        self.line.clear();
        (&mut self.stream).take(LINE_MAX).read_until(b'\n', &mut self.line).map_err(lost)?;
        if !self.line.ends_with(b"\n") {
            return Err(ControlError::Nonsense("the answer is not complete".to_owned()));
        }
        let answer = serde_json::from_slice(&self.line).map_err(|error| lost(error.into()))?;
        match answer {
            Answer::Error(text) => Err(ControlError::Refused(text)),
            Answer::Forbidden(text) => Err(ControlError::Forbidden(text)),
            answer => Ok(answer),
        }
    }

    /// A page of rows.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn page(&mut self) -> Result<QueuePage, ControlError> {
        let nonsense = |what: &str| ControlError::Nonsense(what.to_owned());
        let mut rows = Vec::new();
        loop {
            match self.next_answer()? {
                Answer::Row(_) if rows.len() == ROWS => return Err(nonsense("too many rows")),
                Answer::Row(row) => rows.push(row),
                Answer::End { next } => return Ok(QueuePage { rows, next }),
                _ => return Err(nonsense("an answer to something else")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> QueueRow {
        QueueRow {
            id: "01k0abcdef1".into(),
            size: 10,
            arrival: "2026-07-06T10:00:00Z".parse().unwrap(),
            sender: "a@x.example".into(),
            recipients: vec![QueueRecipient {
                address: "b@y.example".into(),
                reason: None,
                policy: None,
            }],
            ..QueueRow::default()
        }
    }

    /// Both ends, old and new, must agree on these words.
    #[test]
    fn the_words_on_the_socket() {
        let queue = Request::Queue { after: None, limit: 200 };
        let text = serde_json::to_string(&queue).unwrap();
        assert_eq!(text, r#"{"command":"queue","after":null,"limit":200}"#);
        assert_eq!(serde_json::to_string(&Request::Flush).unwrap(), r#"{"command":"flush"}"#);
        let text = serde_json::to_string(&Answer::Row(row())).unwrap();
        let expected = r#"{"row":{"id":"01k0abcdef1","size":10,"arrival":"2026-07-06T10:00:00Z","sender":"a@x.example","recipients":[{"address":"b@y.example","reason":null}],"state":"deferred","next-attempt":null,"attempts":0}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::to_string(&Answer::End { next: None }).unwrap(), r#"{"end":{}}"#);
    }

    #[test]
    fn answers() {
        let row = serde_json::to_string(&Answer::Row(row())).unwrap();
        let read = |text: String| Conversation { stream: text.as_bytes(), line: Vec::new() }.page();
        let page = read(format!("{row}\n{row}\n{{\"end\":{{\"next\":\"x\"}}}}\n")).unwrap();
        assert_eq!((page.rows.len(), page.next.as_deref()), (2, Some("x")));
        let refused = read("{\"error\":\"no\"}\n".into());
        assert!(matches!(refused, Err(ControlError::Refused(text)) if text == "no"));
        for text in ["", "{}\n", "x\n", "{\"end\":{}}", &format!("{row}\n"), "\n"] {
            let answer = read(text.to_owned());
            assert!(matches!(answer, Err(ControlError::Nonsense(_))), "{text}");
        }
    }

    #[test]
    fn one_request_one_answer() {
        let room = tempfile::tempdir().unwrap();
        assert!(matches!(queue(room.path(), None), Err(ControlError::Down(_))));
        let listener = std::os::unix::net::UnixListener::bind(room.path().join("control")).unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            (&stream).write_all(b"{\"end\":{}}\n").unwrap();
            line
        });
        flush(room.path()).unwrap();
        assert_eq!(server.join().unwrap(), "{\"command\":\"flush\"}\n");
    }
}
