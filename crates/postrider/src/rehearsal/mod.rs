//! `postrider test FILE`: cases of the form given, when, then, played with the operator's own
//! configuration by the real engine in the simulation. Nothing is dialled, asked or written; days
//! pass in milliseconds. The format is described in `docs/testing.md`.
//!
//! `script` reads the file, `stage` makes the world, `client` hands the letter in, `foreign`
//! are the other hosts, `expect` holds what came of it against what was expected.

mod client;
mod expect;
mod foreign;
mod script;
mod stage;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use engine::doors::Clock;
use engine::{Listed, Options, State};
use queue::submission::Identity;
use serde::Serialize;
use smtp::server::Kind;

use crate::accounts::Store;
use crate::config::{Config, LoginSource, Problem};
use crate::doors::NamedTables;
use crate::plan;
use client::{Answers, Speaker};
use foreign::Copy;
use script::{Case, Given, Script, When};
use stage::Stage;

pub use expect::Mismatch;

/// The client of a case that names none: nobody's address (RFC 5737), in no network of anybody.
pub(crate) const STRANGER: std::net::IpAddr =
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 99));
/// Rows of the queue looked at.
const ROWS: usize = 20_000;
/// How long a first attempt may take: ten addresses, each with its patience.
const FIRST: u32 = 3_600;
/// What a case waits for beyond the expiry of its letter: the report has a way to go, too.
const BEYOND: Duration = Duration::from_secs(2 * 86_400);

/// What became of one case.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// Every expectation that was not met.
    pub mismatches: Vec<Mismatch>,
}

/// The cases of a file.
pub struct Cases(Script);

/// Reads the cases in `path`.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn load(path: &Path) -> Result<Cases, Vec<Problem>> {
    script::load(path).map(Cases)
}

impl Cases {
    /// The configuration that they name.
    pub fn config(&self) -> Option<PathBuf> {
        self.0.config.clone()
    }

    /// Plays them one after the other, each in a world of its own.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn play(&self, config: &Config) -> Result<Vec<Outcome>, Vec<Problem>> {
        let options = plan::options(config)?;
        let tables = Arc::new(NamedTables::new(plan::tables(config)?));
        let play = |case| play(config, &options, &tables, case);
        Ok(self.0.cases.iter().map(play).collect())
    }
}

fn play(config: &Config, options: &Options, tables: &Arc<NamedTables>, case: &Case) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let outcome = |mismatches| Outcome {
        name: case.name.value.clone(),
        place: script::line(&case.name.source),
        mismatches,
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let mismatch = Mismatch::new(&case.name.source, "the simulation", "it starts", error);
            return outcome(vec![mismatch]);
        }
    };
    let identity = case.given.login.as_deref().map(|login| identity(config, login));
    let mismatches = match runtime.block_on(happen(config, options, tables, identity, case)) {
        Ok(happened) => expect::compare(&case.then, &happened),
        Err(mismatch) => vec![mismatch],
    };
    outcome(mismatches)
}

/// As whom `login` sends. An account that this machine does not know is taken for one that exists.
pub(crate) fn identity(config: &Config, login: &str) -> Identity {
    let file = || Store::new(&config.accounts.file).load().ok().flatten();
    let known = match &config.accounts.source.value {
        LoginSource::File => file().and_then(|(book, _)| Some(book.get(login)?.identity())),
        LoginSource::Dovecot(_) | LoginSource::Pam(_) => None,
    };
    let mut identity =
        known.unwrap_or_else(|| Identity { login: login.to_owned(), ..Identity::default() });
    let more = config.submission.grants.get(&login.to_lowercase());
    identity.grants.extend(more.into_iter().flatten().cloned());
    identity
}

/// What happened in a case.
struct Happened {
    answers: Answers,
    /// The queue before anything was tried.
    rows: Vec<Listed>,
    /// The pause after the first attempt, where something waits then.
    pause: Option<Duration>,
    /// What arrived, mail and reports.
    copies: Vec<Copy>,
    /// What still waits at the end.
    left: Vec<String>,
    /// How late what waits for the next attempt may be.
    slack: Duration,
}

async fn happen(
    config: &Config,
    options: &Options,
    tables: &Arc<NamedTables>,
    identity: Option<Identity>,
    case: &Case,
) -> Result<Happened, Mismatch> {
    let Case { name, given, when, .. } = case;
    let stage = Stage::new(config, options.clone(), identity, tables, given, when);
    let broke = |what: &str, why: &dyn std::fmt::Display| {
        Mismatch::new(&name.source, what, "it goes well", why)
    };
    let place = place(&stage, given)?;
    let speaker = Speaker {
        client: given.client.unwrap_or(STRANGER),
        login: given.login.as_deref(),
        each: place.kind == Kind::Lmtp,
    };
    let answers = client::send(&stage.net, place.at, &speaker, when, &content(when)).await;
    let answers = answers.map_err(|error| broke("the session", &error))?;
    let rows = rows(&stage).await;
    stage.go();
    let pause = first_pause(&stage).await;
    let end = stage.clock.wall() + options.schedule.expire + BEYOND;
    while let Some(next) = next_moment(&stage).await.filter(|_| stage.clock.wall() < end) {
        tokio::time::sleep(next).await;
    }
    // What was tried last arrives.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let left = self::rows(&stage).await.into_iter().flat_map(|row| row.recipients);
    let longest = options.schedule.retry.last().copied().unwrap_or_default();
    Ok(Happened {
        answers,
        rows,
        pause,
        copies: stage.arrivals.all(),
        left: left.map(|recipient| recipient.address).collect(),
        slack: longest + Duration::from_secs(3_600),
    })
}

/// The listener that the letter comes in by.
fn place<'a>(stage: &'a Stage, given: &Given) -> Result<&'a stage::Place, Mismatch> {
    let known = stage.places.iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = &given.listener {
        let named = stage.places.iter().find(|place| place.name == name.value);
        return named.ok_or_else(|| {
            let got = format!("the configuration has {known}");
            Mismatch::new(&name.source, "listener", &format!("a listener {}", name.value), got)
        });
    }
    let kind = if given.login.is_some() { Kind::Submission } else { Kind::Mx };
    let fitting = stage.places.iter().find(|place| place.kind == kind);
    fitting.or(stage.places.first()).ok_or_else(|| {
        let source = crate::config::Source::Default;
        Mismatch::new(&source, "listener", "a listener", "the configuration has none")
    })
}

async fn rows(stage: &Stage) -> Vec<Listed> {
    // The spool in memory does not fail.
    stage.engine.list(None, ROWS).await.map(|(rows, _)| rows).unwrap_or_default()
}

/// The pause after the first attempt of what waits then.
async fn first_pause(stage: &Stage) -> Option<Duration> {
    for _ in 0..FIRST {
        let rows = rows(stage).await;
        let tried = |row: &Listed| row.attempts > 0 && row.state == State::Deferred;
        if rows.is_empty() {
            return None;
        }
        if rows.iter().all(tried) {
            let due = rows.iter().map(|row| row.due).min()?;
            let pause = due.duration_since(stage.clock.wall()).ok()?;
            // It was seen up to a second late.
            return Some(Duration::from_secs(pause.as_secs().next_multiple_of(5)));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    None
}

/// How long to wait before the queue is looked at again; none: it is empty.
async fn next_moment(stage: &Stage) -> Option<Duration> {
    let (rows, now) = (rows(stage).await, stage.clock.wall());
    let wait = |row: &Listed| match row.state {
        State::Deferred => until(row.due, now),
        State::Active => Duration::from_secs(1),
        State::Held => BEYOND,
    };
    rows.iter().map(wait).min()
}

fn until(moment: SystemTime, now: SystemTime) -> Duration {
    moment.duration_since(now).unwrap_or_default().max(Duration::from_secs(1))
}

/// The letter as it goes over the wire, without its last line.
fn content(when: &When) -> String {
    let mut head: Vec<String> = when.headers.clone();
    if head.is_empty() {
        head.push(format!("From: <{}>", when.from));
        head.push(format!("To: {}", when.to.join(", ")));
        head.push("Subject: a test".to_owned());
    }
    let lines = head.iter().map(String::as_str).chain([""]).chain(when.body.lines());
    let stuffed =
        lines.map(|line| if line.starts_with('.') { format!(".{line}") } else { line.into() });
    stuffed.fold(String::new(), |text, line| text + &line + "\r\n")
}
