//! The agent's end of the control socket, `<data-dir>/control`.
//!
//! One connection, one request: a JSON object on one line. The answer is lines as well: any number
//! of `{"row": …}`, then one `{"end": …}`, or `{"error": "…"}` at any point. Without an end the
//! answer is not complete. The types serve both ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Entry;
use crate::reload::Reloaded;

/// Octets of one line of an answer: a row with a thousand recipients and their replies.
const LINE_MAX: u64 = 4 << 20;
/// How long the service may be silent.
const SILENCE: Duration = Duration::from_secs(30);
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
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
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
}

/// One recipient who still waits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
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
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// Being tried right now.
    Active,
    /// Waiting for its next attempt.
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
    match next_answer(&mut send(data_dir, request)?)? {
        Answer::Error(text) => Err(ControlError::Refused(text)),
        answer => Ok(answer),
    }
}

fn ask(data_dir: &Path, request: &Request) -> Result<QueuePage, ControlError> {
    read_answer(&mut send(data_dir, request)?)
}

fn send(data_dir: &Path, request: &Request) -> Result<impl BufRead, ControlError> {
    let path = data_dir.join("control");
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ControlError::NotAllowed(path.clone()),
        _ => ControlError::Down(error),
    })?;
    let lost = |error: io::Error| ControlError::Nonsense(error.to_string());
    stream.set_read_timeout(Some(SILENCE)).map_err(lost)?;
    stream.set_write_timeout(Some(SILENCE)).map_err(lost)?;
    let mut line = serde_json::to_vec(request).map_err(|error| lost(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(lost)?;
    Ok(BufReader::new(stream))
}

fn next_answer(reader: &mut impl BufRead) -> Result<Answer, ControlError> {
    let nonsense = |what: &str| ControlError::Nonsense(what.to_owned());
    let mut line = Vec::new();
    let read = reader.take(LINE_MAX).read_until(b'\n', &mut line);
    read.map_err(|error| nonsense(&error.to_string()))?;
    if !line.ends_with(b"\n") {
        return Err(nonsense("the answer is not complete"));
    }
    serde_json::from_slice(&line).map_err(|error| nonsense(&error.to_string()))
}

fn read_answer(reader: &mut impl BufRead) -> Result<QueuePage, ControlError> {
    let nonsense = |what: &str| ControlError::Nonsense(what.to_owned());
    let mut rows = Vec::new();
    loop {
        match next_answer(reader)? {
            Answer::Row(_) if rows.len() == ROWS => return Err(nonsense("too many rows")),
            Answer::Row(row) => rows.push(row),
            Answer::End { next } => return Ok(QueuePage { rows, next }),
            Answer::Error(text) => return Err(ControlError::Refused(text)),
            Answer::Reloaded(_) | Answer::Wrong(_) | Answer::Configuration { .. } => {
                return Err(nonsense("an answer to something else"));
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
            state: QueueState::Deferred,
            next_attempt: None,
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
        let expected = r#"{"row":{"id":"01k0abcdef1","size":10,"arrival":"2026-07-06T10:00:00Z","sender":"a@x.example","recipients":[{"address":"b@y.example","reason":null}],"state":"deferred","next-attempt":null}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::to_string(&Answer::End { next: None }).unwrap(), r#"{"end":{}}"#);
    }

    #[test]
    fn answers() {
        let row = serde_json::to_string(&Answer::Row(row())).unwrap();
        let read = |text: String| read_answer(&mut text.as_bytes());
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
