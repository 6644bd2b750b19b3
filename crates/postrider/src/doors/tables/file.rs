//! A table in a text file: all of it in memory, read again when the file has changed.
//!
//! What is wrong with a changed file is told, and the rows that were read before stay.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use queue::table::{Row, TableProblem, TableText, values};
use toml::de::{DeTable, DeValue};
use tracing::{error, info};

/// Octets of a table: a million addresses.
const FILE_MAX: u64 = 64 * 1024 * 1024;
/// How often it is looked whether the file has changed.
const LOOK: Duration = Duration::from_secs(1);

/// What tells one version of a file from another.
type Version = (Option<SystemTime>, u64, u64);

/// A table in memory.
pub struct FileTable {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    rows: Arc<TableText>,
    version: Version,
    looked: Instant,
}

/// Why a table was not read.
#[derive(Debug)]
pub enum FileProblem {
    /// The file is not there, not ours to read, or too large.
    Unreadable(String),
    /// Lines in it are wrong.
    Lines(Vec<TableProblem>),
}

impl FileTable {
    /// Reads the table at `path`. A name that ends in `.toml` is read as TOML: keys with one text or a
    /// list of texts.
    ///
    /// # Errors
    /// `FileProblem`.
    pub fn open(path: &Path) -> Result<Self, FileProblem> {
        let (rows, version) = read(path)?;
        let state = State { rows: Arc::new(rows), version, looked: Instant::now() };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// What stands under `key`, in the file as it was a second ago at the oldest.
    pub(super) async fn look_up(&self, key: &str) -> Row {
        let rows = match self.is_changed() {
            false => self.state.lock().rows.clone(),
            true => self.read_again().await,
        };
        rows.get(key)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.state.lock().rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another file is there since; one question to the system a second at most.
    fn is_changed(&self) -> bool {
        let mut state = self.state.lock();
        if state.looked.elapsed() < LOOK {
            return false;
        }
        state.looked = Instant::now();
        std::fs::metadata(&self.path).map_or(true, |file| version(&file) != state.version)
    }

    #[cfg(test)]
    pub(super) fn look_next_time(&self) {
        let mut state = self.state.lock();
        state.looked = state.looked.checked_sub(LOOK).unwrap_or(state.looked);
    }

    async fn read_again(&self) -> Arc<TableText> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let shown = self.path.display();
        let mut state = self.state.lock();
        match read {
            Ok(Ok((rows, version))) => {
                info!(event = "table.read", file = %shown, rows = rows.len());
                state.rows = Arc::new(rows);
                state.version = version;
            }
            Ok(Err(problem)) => {
                // Told once for each version of the file, not each second.
                let now =
                    std::fs::metadata(&self.path).map_or_else(|_| (None, 0, 0), |f| version(&f));
                if state.version != now {
                    state.version = now;
                    for line in problem.lines(&self.path) {
                        error!(event = "table.kept", %line, "the old rows still count");
                    }
                }
            }
            Err(failed) => error!(event = "table.kept", file = %shown, %failed),
        }
        state.rows.clone()
    }
}

impl FileProblem {
    /// One line for each thing that is wrong.
    pub fn lines(&self, path: &Path) -> Vec<String> {
        match self {
            Self::Unreadable(why) => vec![format!("{}: {why}", path.display())],
            Self::Lines(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }
}

fn version(file: &std::fs::Metadata) -> Version {
    use std::os::unix::fs::MetadataExt;
    (file.modified().ok(), file.len(), file.ino())
}

fn read(path: &Path) -> Result<(TableText, Version), FileProblem> {
    let unreadable = |error: std::io::Error| FileProblem::Unreadable(error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let version = version(&file.metadata().map_err(unreadable)?);
    let mut octets = Vec::new();
    let read = file.take(FILE_MAX + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > FILE_MAX) {
        return Err(FileProblem::Unreadable("it is larger than 64 MiB".to_owned()));
    }
    let not_text = |_| FileProblem::Unreadable("it is not UTF-8 text".to_owned());
    let text = String::from_utf8(octets).map_err(not_text)?;
    let name = path.to_string_lossy();
    let rows = match path.extension().is_some_and(|extension| extension == "toml") {
        true => read_toml(&text, &name),
        false => TableText::parse(&text, &name),
    };
    rows.map(|rows| (rows, version)).map_err(FileProblem::Lines)
}

fn read_toml(text: &str, name: &str) -> Result<TableText, Vec<TableProblem>> {
    let line = |span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or_default();
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let remedy = "write \"key\" = \"value\" or \"key\" = [\"value\", \"value\"]";
    let syntax = errors.iter().map(|error| {
        let what = format!("this is not TOML: {}", error.message());
        (line(error.span().unwrap_or(0..0)), what, remedy)
    });
    let mut problems: Vec<_> = syntax.collect();
    let mut rows = Vec::new();
    for (key, value) in table.get_ref() {
        let (at, name) = (line(key.span()), key.get_ref().to_string());
        match texts(value.get_ref()) {
            Some(values) => rows.push((at, name, values)),
            None => problems.push((at, format!("the value of {name} is no text"), remedy)),
        }
    }
    rows.sort();
    TableText::gathered(name, rows, problems)
}

/// One text, or a list of them.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(values(text)),
        DeValue::Array(items) => {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}
