//! The control socket, `<data-dir>/control`: what the queue holds, and the few things an operator
//! tells a running server. Private to the user who runs it (0600). The types of both ends are in
//! [`control`](crate::agent::control).

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use engine::{Engine, Listed, State};
use jiff::Timestamp;
use spool::{JobId, MessageId};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::agent::control::{Answer, QueueRecipient, QueueRow, QueueState, ROWS, Request};
use crate::config::Problem;
use crate::reload::Running;

/// Octets of a request.
const REQUEST_MAX: u64 = 64 * 1024;
/// How long a connection may take in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The open socket; it goes away with this value.
pub struct Control {
    path: PathBuf,
    accepting: JoinHandle<()>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
        // A socket left behind is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the socket. The data directory is locked by now, so an old socket is nobody's.
///
/// # Errors
/// When it cannot be made.
pub fn listen(data_dir: &Path, engine: Engine, running: Arc<Running>) -> io::Result<Control> {
    let path = data_dir.join("control");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The directory is private, so nobody gets in before the mode is set.
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let accepting = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    drop(tokio::spawn(serve(stream, engine.clone(), running.clone())));
                }
                Err(error) => {
                    warn!(event = "control.accept", %error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(Control { path, accepting })
}

async fn serve(stream: UnixStream, engine: Engine, running: Arc<Running>) {
    match tokio::time::timeout(PATIENCE, answer(stream, engine, &running)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(event = "control.broken", %error),
        Err(_) => debug!(event = "control.slow"),
    }
}

async fn answer(stream: UnixStream, engine: Engine, running: &Running) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_MAX)).read_line(&mut line).await?;
    let answers = match serde_json::from_str(&line) {
        Ok(Request::Queue { after, limit }) => {
            queue(&engine, after.as_deref(), limit.min(ROWS)).await
        }
        Ok(Request::Flush) => match engine.flush().await {
            Ok(_) => vec![Answer::End { next: None }],
            Err(error) => vec![Answer::Error(error.to_string())],
        },
        Ok(Request::Reload) => vec![match running.reload().await {
            Ok(reloaded) => Answer::Reloaded(reloaded),
            Err(problems) => Answer::Wrong(problems.iter().map(Problem::to_string).collect()),
        }],
        Ok(Request::Configuration) => {
            vec![Answer::Configuration { file: running.file(), entries: running.entries() }]
        }
        Err(error) => vec![Answer::Error(format!("not a request: {error}"))],
    };
    for answer in answers {
        let mut line = serde_json::to_vec(&answer).map_err(io::Error::other)?;
        line.push(b'\n');
        write.write_all(&line).await?;
    }
    write.shutdown().await
}

async fn queue(engine: &Engine, after: Option<&str>, limit: usize) -> Vec<Answer> {
    let after = match after.map(job).transpose() {
        Ok(after) => after,
        Err(error) => return vec![Answer::Error(error)],
    };
    match engine.list(after, limit).await {
        Ok((rows, next)) => {
            let end = Answer::End { next: next.map(|job| job.to_string()) };
            rows.into_iter().map(|listed| Answer::Row(row(listed))).chain([end]).collect()
        }
        Err(error) => vec![Answer::Error(error.to_string())],
    }
}

/// Reads `ID.N`, the text of a job.
fn job(text: &str) -> Result<JobId, String> {
    let wrong = || format!("{text:?} is not where a page ended");
    let (message, n) = text.rsplit_once('.').ok_or_else(wrong)?;
    let message: MessageId = message.parse().map_err(|_| wrong())?;
    Ok(JobId { message, n: n.parse().map_err(|_| wrong())? })
}

fn stamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn row(listed: Listed) -> QueueRow {
    let state = match listed.state {
        State::Active => QueueState::Active,
        State::Deferred => QueueState::Deferred,
        State::Held => QueueState::Held,
    };
    let recipients = listed.recipients.into_iter();
    QueueRow {
        id: listed.job.message.to_string(),
        size: listed.size,
        arrival: stamp(listed.arrival),
        sender: listed.sender,
        recipients: recipients
            .map(|recipient| QueueRecipient {
                address: recipient.address,
                reason: recipient.reason,
                policy: recipient.policy,
            })
            .collect(),
        state,
        next_attempt: (state == QueueState::Deferred).then(|| stamp(listed.due)),
    }
}
