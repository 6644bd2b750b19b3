//! A table in a file of SQLite: one query with one parameter, over a connection that only reads.
//!
//! The library blocks, so it has a thread of its own for each table. A question that nobody waits for
//! any more is not asked; one that takes too long is interrupted.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use engine::doors::Doing;
use queue::table::{VALUES_MAX, values};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::Database;

/// Questions that may wait for the thread.
const WAITING_MAX: usize = 256;
/// Steps of SQLite's machine between two looks at the time: some ten microseconds.
const STEPS: i32 = 1000;

/// A table that is asked with a query.
pub struct SqliteTable {
    questions: SyncSender<Question>,
    timeout: Duration,
}

struct Question {
    key: String,
    until: Instant,
    answer: oneshot::Sender<Result<Vec<String>, String>>,
}

impl SqliteTable {
    /// The table in `path` that answers `query`, each time within `timeout`. The file is opened with
    /// the first question.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn new(path: &Path, query: &str, timeout: Duration) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(WAITING_MAX);
        let mut reader = Reader { path: path.to_owned(), query: query.to_owned(), open: None };
        let thread = std::thread::Builder::new().name("table-sqlite".to_owned());
        thread.spawn(move || serve(&mut reader, &asked))?;
        Ok(Self { questions, timeout })
    }

    /// Whether `path` can be read and `query` asked, for those who check.
    ///
    /// # Errors
    /// Why not.
    pub fn probe(path: &Path, query: &str) -> Result<(), String> {
        let mut reader = Reader { path: path.to_owned(), query: query.to_owned(), open: None };
        reader.ask("", Instant::now() + Duration::from_secs(5)).map(drop)
    }
}

impl Database for SqliteTable {
    fn look_up<'a>(&'a self, key: &'a str) -> Doing<'a, Result<Vec<String>, String>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let until = Instant::now() + self.timeout;
            let question = Question { key: key.to_owned(), until, answer };
            self.questions.try_send(question).map_err(|error| match error {
                TrySendError::Full(_) => "too many questions wait for it".to_owned(),
                TrySendError::Disconnected(_) => "its thread has ended".to_owned(),
            })?;
            answered.await.unwrap_or_else(|_| Err("its thread has ended".to_owned()))
        })
    }
}

/// Answers until nobody asks any more.
fn serve(reader: &mut Reader, asked: &Receiver<Question>) {
    while let Ok(Question { key, until, answer }) = asked.recv() {
        if answer.is_closed() {
            continue;
        }
        let found = reader.ask(&key, until);
        if found.is_err() {
            // The next question finds out whether the file is well again.
            reader.open = None;
        }
        let _ = answer.send(found);
    }
}

struct Reader {
    path: PathBuf,
    query: String,
    /// The connection, and which file it reads.
    open: Option<(Connection, (u64, u64))>,
}

impl Reader {
    fn ask(&mut self, key: &str, until: Instant) -> Result<Vec<String>, String> {
        let name = self.path.display().to_string();
        let shown = |error: rusqlite::Error| format!("{name}: {error}");
        let file = std::fs::metadata(&self.path).map_err(|error| format!("{name}: {error}"))?;
        let file = (file.dev(), file.ino());
        // A program may have put a new file in the place of the old one.
        if self.open.as_ref().is_none_or(|(_, opened)| *opened != file) {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.path, flags).map_err(shown)?;
            self.open = Some((connection, file));
        }
        let Some((connection, _)) = &mut self.open else { return Err("it is not open".to_owned()) };
        let left = until.saturating_duration_since(Instant::now());
        connection.busy_timeout(left).map_err(shown)?;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= until)).map_err(shown)?;
        let mut statement = connection.prepare_cached(&self.query).map_err(shown)?;
        if statement.parameter_count() != 1 {
            let count = statement.parameter_count();
            return Err(format!("the query has {count} parameters, it must have one: ?1"));
        }
        let mut rows = statement.query([key]).map_err(shown)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(shown)? {
            match row.get_ref(0).map_err(shown)? {
                ValueRef::Text(text) => found.extend(values(&String::from_utf8_lossy(text))),
                ValueRef::Integer(number) => found.push(number.to_string()),
                ValueRef::Null => {}
                ValueRef::Real(_) | ValueRef::Blob(_) => {
                    return Err("the first column of a row is no text".to_owned());
                }
            }
            if found.len() > VALUES_MAX {
                return Err(format!("more than {VALUES_MAX} values stand under one key"));
            }
        }
        Ok(found)
    }
}
