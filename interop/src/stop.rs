//! SIGTERM under load: what was promised is kept, and who waits is told.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::generator::{self, Load, Mode};
use bench::ledger::Ledger;
use bench::scenario::settle;
use bench::server::free_address;
use bench::sink::Sink;

use crate::balance::exactly_once;
use crate::checks::{Checks, that};
use crate::host::{FAR, Host, READER};
use crate::talk::{Talk, wanted};

/// Connections of the generator.
const SESSIONS: usize = 100;
/// More than is sent until the signal comes.
const LETTERS: u32 = 400_000;
/// From the first letter to the signal.
const LIFE: Duration = Duration::from_millis(1500);
/// Connections that say nothing.
const IDLE: usize = 20;
/// How long a stop may take when each peer does its part, and when one does not.
const SOON: Duration = Duration::from_secs(10);
const AT_LAST: Duration = Duration::from_secs(35);

/// Plays it twice: with and without a client in the midst of a letter that it never ends.
///
/// # Errors
/// The server does not start.
pub fn play(checks: &mut Checks, program: &Path, folder: &Path) -> io::Result<()> {
    for (mode, stuck) in [(Mode::LockStep, false), (Mode::Pipelined, true)] {
        let words = if stuck { ", one stuck in its letter" } else { "" };
        println!("stop, {SESSIONS} {} sessions{words}", mode.name());
        let failed = checks.failed();
        let sink = Sink::start(free_address()?)?;
        let mut host =
            Host::start(program, &folder.join("stop"), sink.address(), &["reader"], &[])?;
        once(checks, &mut host, &sink, mode, stuck)?;
        if checks.failed() > failed {
            println!("--- the server's log\n{}", host.log());
        }
    }
    Ok(())
}

fn once(
    checks: &mut Checks,
    host: &mut Host,
    sink: &Sink,
    mode: Mode,
    stuck: bool,
) -> io::Result<()> {
    let ledger = Arc::new(Ledger::new(LETTERS as usize));
    sink.open(&ledger);
    let idle: io::Result<Vec<Talk>> = (0..IDLE).map(|_| Talk::open(host.address())).collect();
    let idle = idle?;
    let mut unfinished = Talk::open(host.address())?;
    if stuck {
        unfinished.envelope(READER)?;
        unfinished.send(b"Subject: never ended\r\n\r\nHalf")?;
    }
    let load = Load {
        target: host.address(),
        sessions: SESSIONS,
        letters: 0..LETTERS,
        size: 2048,
        mode,
        sender: "writer@client.example".into(),
        recipients: vec![FAR.into()],
    };
    let notes = Arc::clone(&ledger);
    let writer = std::thread::spawn(move || generator::run(&load, &notes));
    std::thread::sleep(LIFE);
    let begin = Instant::now();
    let stopped = host.take()?.stop().map(|_| ()).map_err(|error| error.to_string());
    let took = begin.elapsed();
    let sent = writer.join().map_err(|_| io::Error::other("the generator panicked"))??;
    println!(
        "  it ended after {:.2} s; {} sessions ended, {}",
        took.as_secs_f64(),
        sent.broken,
        sent.complaints.first().map_or("in peace", String::as_str),
    );
    checks.check("it stops when asked", stopped);
    let limit = if stuck { AT_LAST } else { SOON };
    checks.check("and in time", that(took < limit, || format!("after {took:?}")));
    let told = idle.into_iter().try_for_each(told).map_err(|error| error.to_string());
    checks.check("idle sessions hear 421", told);
    let polite = sent.complaints.iter().all(|text| text.starts_with("421"));
    checks.check("busy sessions hear 421", that(polite, || sent.complaints.join("; ")));
    let sound = host.verify(false).map_err(|error| error.to_string());
    checks.check("its spool is sound", sound);
    host.restart()?;
    settle(&ledger);
    exactly_once(checks, &ledger);
    let none = host.count("reader", "never ended") == 0;
    checks.check("no half letter is delivered", that(none, || "one is".into()));
    let stopped = host.take()?.stop().map(|_| ()).map_err(|error| error.to_string());
    checks.check("it stops when idle", stopped);
    Ok(())
}

fn told(mut talk: Talk) -> io::Result<()> {
    wanted(&talk.reply()?, "421 4.3.2")?;
    match talk.rest()?.as_str() {
        "" => Ok(()),
        rest => Err(io::Error::other(format!("after it said {rest:?}"))),
    }
}
