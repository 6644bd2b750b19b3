//! The control socket, `<data-dir>/control`: what the queue holds, and what an operator tells a
//! running server. Private to the user who runs it and to root (0600); a group of the configuration
//! may look (0660) and change nothing. The types of both ends are in
//! [`control`](crate::agent::control).

mod fetch;
mod peer;
pub(crate) mod queue;
pub(crate) mod shown;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use spool::BodyReader;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::agent::control::{Answer, Grounds, Octets, ROWS, Request, Wanted};
use crate::agent::told;
use crate::config::Problem;
use crate::reload::Running;
use peer::Peer;

/// Octets of a request.
const REQUEST_MAX: u64 = 64 * 1024;
/// How long one request may take to come, and its answer to go.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections at once: people and scripts of one host.
const CONNECTIONS: usize = 64;
/// Octets of content in one line.
const CHUNK: usize = 48 * 1024;

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

/// Opens the socket, for `group` to look as well. The data directory is locked by now, so an old
/// socket is nobody's.
///
/// # Errors
/// When it cannot be made.
pub fn listen(
    data_dir: &Path,
    group: Option<&str>,
    engine: Engine,
    running: Arc<Running>,
) -> io::Result<Control> {
    let path = data_dir.join("control");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Who gets in before the mode is set is asked who it is all the same.
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    if let Some(group) = group {
        peer::open_to(&path, group)?;
    }
    let accepting = tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (engine, running) = (engine.clone(), running.clone());
                    drop(tokio::spawn(async move {
                        serve(stream, engine, running).await;
                        drop(place);
                    }));
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
    let peer = Peer::of(&stream);
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let request = tokio::time::timeout(PATIENCE, next_request(&mut read)).await;
        let request = match request {
            Ok(Ok(Some(line))) => serde_json::from_str(&line),
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return debug!(event = "control.broken", %error),
            Err(_) => return debug!(event = "control.slow"),
        };
        let said = match request {
            Ok(request) => answer(request, &peer, &engine, &running).await,
            Err(error) => Said::lines(vec![Answer::Error(format!("not a request: {error}"))]),
        };
        match tokio::time::timeout(PATIENCE, say(&mut write, said)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return debug!(event = "control.broken", %error),
            Err(_) => return debug!(event = "control.slow"),
        }
    }
}

async fn next_request(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let octets = read.take(REQUEST_MAX).read_line(&mut line).await?;
    Ok((octets > 0).then_some(line))
}

/// An answer: its lines, then perhaps content, then its end.
struct Said {
    lines: Vec<Answer>,
    content: Option<Box<dyn BodyReader>>,
    header_only: bool,
}

impl Said {
    fn lines(lines: Vec<Answer>) -> Self {
        Self { lines, content: None, header_only: false }
    }
}

async fn say(write: &mut OwnedWriteHalf, said: Said) -> io::Result<()> {
    for answer in said.lines {
        write_line(write, &answer).await?;
    }
    let Some(mut content) = said.content else { return Ok(()) };
    let spool_error = |error: spool::SpoolError| io::Error::other(error.to_string());
    if said.header_only {
        let header = queue::header(content).await.map_err(spool_error)?;
        for chunk in header.chunks(CHUNK) {
            write_line(write, &queue::octets(chunk)).await?;
        }
    } else {
        while let Some(piece) = content.next().await.map_err(spool_error)? {
            for chunk in piece.chunks(CHUNK) {
                write_line(write, &queue::octets(chunk)).await?;
            }
        }
    }
    write_line(write, &Answer::End { next: None }).await
}

async fn write_line(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// Whether a request only looks, at nothing that is anybody's secret.
fn only_looks(request: &Request) -> bool {
    match request {
        Request::Queue { .. }
        | Request::List { .. }
        | Request::Count { .. }
        | Request::Stats { .. }
        | Request::Suspensions => true,
        Request::Show { octets, .. } => *octets == Octets::None,
        _ => false,
    }
}

async fn answer(request: Request, peer: &Peer, engine: &Engine, running: &Running) -> Said {
    if !peer.may_change() && !only_looks(&request) {
        let text = "you may look at the queue; only root and the server's user may change it or \
                    read letters";
        return Said::lines(vec![Answer::Forbidden(text.to_owned())]);
    }
    let engine = engine.clone();
    let lines = match request {
        Request::Queue { after, limit } => {
            queue::list(&engine, &Wanted::default(), after.as_deref(), limit.min(ROWS)).await
        }
        Request::List { wanted, after, limit } => {
            queue::list(&engine, &wanted, after.as_deref(), limit).await
        }
        Request::Count { wanted, after } => queue::count(&engine, &wanted, after.as_deref()).await,
        Request::Stats { wanted, by_sender, after } => {
            queue::stats(&engine, &wanted, by_sender, after.as_deref()).await
        }
        Request::Show { id, octets } => match queue::show(&engine, &id, octets).await {
            Ok((mut lines, content)) => {
                if content.is_none() {
                    lines.push(Answer::End { next: None });
                }
                return Said { lines, content, header_only: octets == Octets::Header };
            }
            Err(why) => Err(why),
        },
        Request::Act { wanted, verb, to, grounds, after } => {
            match queue::action(verb, to.as_deref()) {
                Ok(action) => {
                    let operator = peer.operator(grounds);
                    // To its end, even if whoever asked has gone: claims are given back there.
                    let act = tokio::spawn(async move {
                        queue::act(&engine, &wanted, &action, &operator, after.as_deref()).await
                    });
                    act.await.unwrap_or_else(|error| Err(error.to_string()))
                }
                Err(why) => Err(why),
            }
        }
        Request::Suspend { what, grounds } => suspend(&engine, &what, peer, grounds).await,
        Request::Resume { what, grounds } => resume(&engine, &what, peer, grounds).await,
        Request::Suspensions => Ok(queue::suspensions(&engine)),
        Request::Flush => match engine.flush().await {
            Ok(_) => Ok(vec![Answer::End { next: None }]),
            Err(error) => Err(error.to_string()),
        },
        Request::Fetch { names } => in_full(fetch::fetch(engine, names)).await,
        Request::Etrn { host, names } => in_full(fetch::etrn(engine, host, names)).await,
        Request::History { word, limit } => Ok(told::answer(&engine, &word, limit).await),
        Request::Reload => Ok(vec![match running.reload().await {
            Ok(reloaded) => Answer::Reloaded(reloaded),
            Err(problems) => Answer::Wrong(problems.iter().map(Problem::to_string).collect()),
        }]),
        Request::Configuration => {
            Ok(vec![Answer::Configuration { file: running.file(), entries: running.entries() }])
        }
    };
    Said::lines(lines.unwrap_or_else(|why| vec![Answer::Error(why)]))
}

/// To its end, even if whoever asked has gone.
async fn in_full(
    deed: impl Future<Output = Result<Vec<Answer>, String>> + Send + 'static,
) -> Result<Vec<Answer>, String> {
    tokio::spawn(deed).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn suspended(what: &str) -> Result<engine::Suspended, String> {
    let text =
        "neither a domain, like example.org or .example.org, nor a queue, like mx:example.org";
    what.parse().map_err(|_| format!("{what:?} is {text}"))
}

async fn suspend(
    engine: &Engine,
    what: &str,
    peer: &Peer,
    grounds: Grounds,
) -> Result<Vec<Answer>, String> {
    engine.suspend(suspended(what)?, peer.operator(grounds)).await?;
    Ok(vec![Answer::End { next: None }])
}

async fn resume(
    engine: &Engine,
    what: &str,
    peer: &Peer,
    grounds: Grounds,
) -> Result<Vec<Answer>, String> {
    let was = engine.resume(&suspended(what)?, peer.operator(grounds)).await?;
    Ok(vec![Answer::Resumed(was), Answer::End { next: None }])
}
