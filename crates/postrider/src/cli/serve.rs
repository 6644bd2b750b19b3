//! `postrider serve`: opens the doors, the spool and the listeners, and runs until it is told to stop.

use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::doors::Listener;
use spool_log::{Log, OpenError, OsDisk, Recovery};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{Subscriber, info, warn};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::agent::may_colour;
use crate::agent::sysexits::{
    EX_CANTCREAT, EX_CONFIG, EX_OSERR, EX_TEMPFAIL, EX_UNAVAILABLE, Exit,
};
use crate::config::{self, Accounts, Config};
use crate::reload::{Doors, Running};
use crate::rights::{self, Keeper};
use crate::{admin, doors, intake, plan, watch};

use super::{systemd, user};

/// How long a graceful stop may take before what is open is left to the spool.
const STOP: Duration = Duration::from_secs(30);

/// What is logged. The library that checks signatures tells of each bad answer at length; that is in
/// the results and reasons already.
const QUIET: &str = "info,hickory_net=off,hickory_proto=off";

/// Octets of the log written at once.
const LOG_BUFFER: usize = 64 * 1024;

/// A reason not to serve: what to tell the operator, and the exit code.
struct Stop(String, Exit);

/// Serves until SIGTERM or SIGINT. `file`: where the configuration came from. `quarantine`: starts even if the spool is damaged.
pub fn run(file: Option<PathBuf>, config: Config, quarantine: bool) -> ExitCode {
    // Lives until the end: what is still in its buffer is written when it goes.
    let _log = start_log(config.log.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("postrider: the runtime does not start: {error}");
            return EX_OSERR.into();
        }
    };
    match runtime.block_on(serve(file, config, quarantine)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop(why, code)) => {
            eprintln!("postrider: {}", why.trim_end());
            code.into()
        }
    }
}

/// Facts go to standard error, one line each; `POSTRIDER_LOG` chooses them (default: info). A thread
/// writes them, so that a reader who stalls does not stall the mail: lines are dropped then.
fn start_log(json: bool) -> WorkerGuard {
    let wish = std::env::var("POSTRIDER_LOG").unwrap_or_else(|_| QUIET.to_owned());
    let filter = wish.parse().unwrap_or_else(|error| {
        eprintln!("postrider: POSTRIDER_LOG={wish}: {error}; taken as info");
        EnvFilter::new(QUIET)
    });
    // Lines that come together are written together; the thread flushes when no more wait.
    let together = BufWriter::with_capacity(LOG_BUFFER, std::io::stderr());
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(together);
    let colour = may_colour(&std::io::stderr());
    // A second start in one process (tests) keeps the first one's log.
    let _ = lines(filter, writer, colour, json).try_init();
    guard
}

/// A line for each fact, in UTF-8.
fn lines<W>(
    filter: EnvFilter,
    writer: W,
    colour: bool,
    json: bool,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colour && !json)
        .with_target(false)
        // It would be told on standard error as well, where a write that fails panics: a full disk
        // under the log must not end sessions.
        .log_internal_errors(false);
    match json {
        true => Box::new(log.json().flatten_event(true).with_current_span(false).finish()),
        false => Box::new(log.finish()),
    }
}

async fn serve(file: Option<PathBuf>, config: Config, quarantine: bool) -> Result<(), Stop> {
    let mut signals = Signals::open()?;
    // What is wrong with the configuration or the spool is told before what is wrong with a port; as
    // another user they can only be read once the ports are open.
    let early = match config.run_as {
        None => Some(prepare(&config, quarantine).await?),
        Some(_) => None,
    };
    let mut inherited = systemd::inherited();
    let listeners = bind(&config, &mut inherited)?;
    let observed = bind_metrics(&config)?;
    let mut keeper = None;
    if let Some(run_as) = &config.run_as {
        private_folder(&config.data_dir)?;
        keeper = keep_rights(&config, run_as)?;
        user::become_user(run_as, &config.data_dir).map_err(|why| {
            let problem = config.problem(config::Severity::Error, "user", why, "see `user`");
            wrong(vec![problem])
        })?;
    }
    let (options, mut doors, spool) = match early {
        Some(early) => early,
        None => prepare(&config, quarantine).await?,
    };
    keeper.into_iter().for_each(|keeper| doors.keep_rights(keeper));
    let world = doors.world(&config, spool.clone());
    let engine = Engine::new(options, world);
    engine.start();
    let mut places = Vec::new();
    for (name, listener, session) in listeners {
        places.push((name.clone(), listener.local().map_err(|error| os_error(&name, error))?));
        engine.listen(&name, listener, session);
    }
    let running = Arc::new(Running::new(file, config.clone(), engine.clone(), doors));
    let group = config.control.group.as_ref().map(|group| group.value.as_str());
    let control = admin::listen(&config.data_dir, group, engine.clone(), running.clone());
    let no_control =
        |error| Stop(format!("the control socket cannot be made: {error}"), EX_CANTCREAT);
    let control = control.map_err(no_control)?;
    let intake = intake::start(&config.data_dir, engine.clone());
    let networks = config.metrics.networks.iter().map(|network| network.value).collect();
    let watching = watch::start(observed, networks, engine.clone());
    for (address, _) in inherited {
        warn!(event = "systemd.socket-unused", %address, "no listener has this address");
    }
    greet(&config, &places);
    let status = format!("serving {} on {} sockets", config.hostname, places.len());
    systemd::ready(&status);
    let watchdog = systemd::feed_watchdog(&engine);
    signals.wait(&running, &status).await;
    systemd::tell(&[sd_notify::NotifyState::Stopping]);
    stop(&engine).await;
    drop(watching);
    watchdog.inspect(tokio::task::JoinHandle::abort);
    intake.abort();
    drop(control);
    info!(event = "server.stopped");
    Ok(())
}

fn os_error(name: &str, error: std::io::Error) -> Stop {
    Stop(format!("listener {name}: {error}"), EX_OSERR)
}

/// Starts the process that stays root, where programs or files need the rights of other users.
fn keep_rights(config: &Config, run_as: &config::RunAs) -> Result<Option<Keeper>, Stop> {
    let Some(accounts) = rights::Accounts::of(config) else { return Ok(None) };
    let account = nix::unistd::User::from_name(&run_as.user.value).ok().flatten();
    let server = account.map(|account| account.uid);
    // Who has no rights to keep, or keeps them all, needs nobody for that.
    let Some(server) = server.filter(|uid| !uid.is_root() && nix::unistd::geteuid().is_root())
    else {
        return Ok(None);
    };
    match Keeper::start(server, &accounts, config.hostname.as_str()) {
        Ok(keeper) => {
            info!(event = "rights.kept", user = %run_as.user.value, "a process of root runs programs of others");
            Ok(Some(keeper))
        }
        Err(error) => Err(Stop(format!("the keeper of rights does not start: {error}"), EX_OSERR)),
    }
}

fn private_folder(folder: &Path) -> Result<(), Stop> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        let why = format!(
            "the data directory {} cannot be made: {error}; set data-dir to a folder that this user may write",
            folder.display()
        );
        Stop(why, EX_CANTCREAT)
    })
}

fn wrong(problems: Vec<config::Problem>) -> Stop {
    Stop(config::render(&problems, may_colour(&std::io::stderr())), EX_CONFIG)
}

/// Everything that is read and opened as the user we are.
async fn prepare(
    config: &Config,
    quarantine: bool,
) -> Result<(engine::Options, Doors, Arc<Log>), Stop> {
    let options = plan::options(config).map_err(wrong)?;
    let doors = Doors::open(config).await.map_err(wrong)?;
    private_folder(&config.data_dir)?;
    let spool = open_spool(config, quarantine)?;
    Ok((options, doors, spool))
}

fn open_spool(config: &Config, quarantine: bool) -> Result<Arc<Log>, Stop> {
    let disk = OsDisk::new(config.data_dir.join("spool"));
    let options = spool_log::Options { quarantine, ..plan::spool(config) };
    match Log::open(Arc::new(disk), options) {
        Ok((log, found)) => {
            let Recovery { messages, jobs, segments, from_index, orphans_removed, .. } = found;
            info!(event = "spool.opened", messages, jobs, segments, from_index, orphans_removed);
            for place in &found.damage {
                warn!(event = "spool.damaged", %place, "left out");
            }
            Ok(Arc::new(log))
        }
        Err(error @ OpenError::Locked { .. }) => {
            let why = format!(
                "another postrider serves {}: {error}; stop it first, or give this one its own data-dir",
                config.data_dir.display()
            );
            Err(Stop(why, EX_TEMPFAIL))
        }
        Err(error @ OpenError::Damaged { .. }) => {
            let why = format!(
                "{error}; `postrider spool verify` lists every place, `postrider serve --quarantine` \
                 starts without what cannot be read"
            );
            Err(Stop(why, EX_UNAVAILABLE))
        }
        Err(error) => Err(Stop(whole(&error), EX_CANTCREAT)),
    }
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

type Bound = (String, Arc<dyn Listener>, engine::ListenOptions);

/// Opens each address that is configured, or takes it where the service manager has opened it.
fn bind(
    config: &Config,
    inherited: &mut Vec<(SocketAddr, std::net::TcpListener)>,
) -> Result<Vec<Bound>, Stop> {
    let mut bound: Vec<Bound> = Vec::new();
    for listener in &config.listeners {
        let name = &listener.name;
        for address in &listener.addresses {
            let known = inherited.iter().position(|(open, _)| *open == address.value);
            let opened = match known.map(|known| inherited.swap_remove(known)) {
                Some((_, open)) => doors::listen_on(open),
                None => doors::listen(address.value),
            };
            let opened = opened.map_err(|error| {
                let what = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
                    }
                    std::io::ErrorKind::AddrInUse => "; another program listens there",
                    _ => "",
                };
                Stop(format!("[listen.{name}] {}: {error}{what}", address.value), EX_UNAVAILABLE)
            })?;
            bound.push((name.clone(), opened.into(), plan::listener(config, listener)));
        }
    }
    Ok(bound)
}

fn bind_metrics(config: &Config) -> Result<Vec<tokio::net::TcpListener>, Stop> {
    let bind = |address: &config::Sourced<SocketAddr>| {
        let failed = |error| format!("[metrics] address {}: {error}", address.value);
        watch::bind(address.value).map_err(|error| Stop(failed(error), EX_UNAVAILABLE))
    };
    config.metrics.addresses.iter().map(bind).collect()
}

/// Where it listens, and how to send the first letter.
fn greet(config: &Config, places: &[(String, SocketAddr)]) {
    println!("postrider {} serves {}", env!("CARGO_PKG_VERSION"), config.hostname);
    for (name, place) in places {
        println!("  {name:<12} {place}");
    }
    println!("  {:<12} {}", "data", config.data_dir.display());
    let program = std::env::current_exe().ok();
    let program = program.and_then(|path| path.into_os_string().into_string().ok());
    let program = program.unwrap_or_else(|| "postrider".to_owned());
    let user = Accounts::read(config).ok();
    let user = user.as_ref().and_then(|accounts| accounts.names().next()).unwrap_or("postmaster");
    let domain = config.local.domains.last().map_or(&config.hostname, |domain| &domain.value);
    println!("send the first letter:");
    println!("  echo 'It works.' | {program} mail -s 'First letter' {user}@{domain}");
    println!("ready");
}

/// What tells us to stop or to read the configuration again; heard from the start on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn open() -> Result<Self, Stop> {
        let open = |kind| signal(kind).map_err(|error| Stop(format!("signals: {error}"), EX_OSERR));
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hangup: open(SignalKind::hangup())?,
        })
    }

    /// Until it is time to stop; at SIGHUP the configuration is read again.
    async fn wait(&mut self, running: &Running, status: &str) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {
                    info!(event = "server.stopping", signal = "SIGTERM");
                    return;
                }
                _ = self.interrupt.recv() => {
                    info!(event = "server.stopping", signal = "SIGINT");
                    return;
                }
                // The log tells what came of it.
                _ = self.hangup.recv() => {
                    systemd::reloading();
                    drop(running.reload().await);
                    systemd::ready(status);
                }
            }
        }
    }
}

/// Open transactions are finished, idle sessions get 421, and what is left stays in the spool.
async fn stop(engine: &Engine) {
    engine.stop();
    if tokio::time::timeout(STOP, engine.stopped()).await.is_err() {
        warn!(event = "server.impatient", left = engine.busy(), "the rest is left to the spool");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Addresses are shown as their owners write them, in one alphabet or another.
    ///
    /// Register: 6531-5-a
    #[test]
    fn addresses_in_the_log() {
        let file = tempfile::tempfile().unwrap();
        let writer = Arc::new(Mutex::new(file.try_clone().unwrap()));
        let for_all = lines(EnvFilter::new("info"), move || Locked(writer.clone()), false, false);
        let address = mail::Mailbox::parse_utf8("jürgen@bücher.example").unwrap();
        tracing::subscriber::with_default(for_all, || {
            tracing::info!(event = "recipient.delivered", recipient = %address);
        });
        let (mut file, mut text) = (file, String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert!(text.contains("recipient=jürgen@bücher.example"), "{text}");
    }

    struct Locked(Arc<Mutex<std::fs::File>>);

    impl std::io::Write for Locked {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
