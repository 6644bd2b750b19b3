//! `postrider serve`: opens the doors, the spool and the listeners, and runs until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::doors::{Listener, World};
use spool_log::os::OsDisk;
use spool_log::{Drive, Log, OpenError};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::agent::sysexits::{EX_CANTCREAT, EX_CONFIG, EX_OSERR, EX_TEMPFAIL, EX_UNAVAILABLE};
use crate::config::Config;
use crate::{admin, doors, intake};

/// How long a graceful stop may take before what is open is left to the spool.
const STOP: Duration = Duration::from_secs(30);

/// A reason not to serve: what to tell the operator, and the exit code.
struct Stop(String, u8);

/// Serves until SIGTERM or SIGINT.
pub fn run(config: Config) -> ExitCode {
    start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("postrider: the runtime does not start: {error}");
            return EX_OSERR.into();
        }
    };
    match runtime.block_on(serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop(why, code)) => {
            eprintln!("postrider: {why}");
            code.into()
        }
    }
}

/// Facts go to standard error, one line each; `POSTRIDER_LOG` chooses them (default: info).
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTRIDER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second start in one process (tests) keeps the first one's log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .try_init();
}

async fn serve(config: Config) -> Result<(), Stop> {
    let options = config.engine_options().map_err(|why| Stop(why, EX_CONFIG))?;
    private_folder(&config.data_dir)?;
    let spool = open_spool(&config)?;
    let world = World {
        tasks: Arc::new(doors::Runtime),
        clock: Arc::new(doors::SystemClock),
        random: Arc::new(doors::SystemRandom),
        network: Arc::new(doors::TcpNetwork),
        names: Arc::new(doors::Stub::new(config.name_servers())),
        mailboxes: Arc::new(config.mailboxes()),
        spool: spool.clone(),
    };
    let listeners = bind(&config)?;
    let engine = Engine::new(options, world);
    engine.start();
    let mut places = Vec::new();
    for (name, listener, session) in listeners {
        places.push((name.clone(), listener.local().map_err(|error| os_error(&name, error))?));
        engine.listen(&name, listener, session);
    }
    let control = admin::listen(&config.data_dir, engine.clone());
    let control = control.map_err(|why| Stop(why, EX_CANTCREAT))?;
    let intake = intake::start(&config.data_dir, engine.clone());
    greet(&config, &places);
    wait_for_signal().await?;
    stop(&engine).await;
    intake.abort();
    drop(control);
    // The last results must reach the disk before the process ends.
    spool.close();
    info!(event = "server.stopped");
    Ok(())
}

fn os_error(name: &str, error: std::io::Error) -> Stop {
    Stop(format!("listener {name}: {error}"), EX_OSERR)
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

fn open_spool(config: &Config) -> Result<Arc<Log>, Stop> {
    let folder = config.data_dir.join("spool");
    let disk = OsDisk::open(&folder).map_err(|error| {
        let why = format!(
            "the spool {} cannot be used: {error}; this user needs to own it and may need to write there",
            folder.display()
        );
        Stop(why, EX_CANTCREAT)
    })?;
    let random = Arc::new(|| engine::doors::Random::next(&doors::SystemRandom));
    let opened = Log::open(Arc::new(disk), config.spool_options(random), Drive::Thread);
    match opened {
        Ok((log, recovery)) => {
            info!(event = "spool.opened", %recovery);
            Ok(Arc::new(log))
        }
        Err(error @ OpenError::Locked { .. }) => {
            let why = format!(
                "another postrider serves {}: {error}; stop it first, or give this one its own data-dir",
                config.data_dir.display()
            );
            Err(Stop(why, EX_TEMPFAIL))
        }
        Err(error) => Err(Stop(format!("the spool {}: {error}", folder.display()), EX_UNAVAILABLE)),
    }
}

type Bound = (String, Arc<dyn Listener>, smtp::server::SessionOptions);

fn bind(config: &Config) -> Result<Vec<Bound>, Stop> {
    let mut bound: Vec<Bound> = Vec::new();
    for (name, listener) in &config.listen {
        for address in &listener.address {
            let opened = doors::listen(*address).map_err(|error| {
                let what = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => "; ports below 1024 need root or CAP_NET_BIND_SERVICE",
                    std::io::ErrorKind::AddrInUse => "; another program listens there",
                    _ => "",
                };
                Stop(format!("[listen.{name}] {address}: {error}{what}"), EX_UNAVAILABLE)
            })?;
            bound.push((name.clone(), opened.into(), config.session_options(listener)));
        }
    }
    Ok(bound)
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
    let user = config.first_user().unwrap_or_else(|| "postmaster".to_owned());
    let domain = config.first_domain();
    println!("send the first letter:");
    println!("  echo 'It works.' | {program} mail -s 'First letter' {user}@{domain}");
    println!("ready");
}

async fn wait_for_signal() -> Result<(), Stop> {
    let no_signal = |error: std::io::Error| Stop(format!("signals: {error}"), EX_OSERR);
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
    tokio::select! {
        _ = terminate.recv() => info!(event = "server.stopping", signal = "SIGTERM"),
        _ = interrupt.recv() => info!(event = "server.stopping", signal = "SIGINT"),
    }
    Ok(())
}

/// Open transactions are finished, idle sessions get 421, and what is left stays in the spool.
async fn stop(engine: &Engine) {
    engine.stop();
    if tokio::time::timeout(STOP, engine.stopped()).await.is_err() {
        warn!(event = "server.impatient", left = engine.busy(), "the rest is left to the spool");
    }
}
