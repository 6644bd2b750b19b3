//! What hostile and broken clients do, each against the real server on a real socket.
//!
//! After each the server must have stayed small, and a good letter must pass in another session;
//! where the abused session lives on, also in that one.

mod chunks;
mod commands;
mod content;
mod crowd;
mod servers;
mod size;
mod slow;
mod tls;

use std::io;
use std::path::Path;
use std::time::Instant;

use bench::server::free_address;
use toml::Value;

use crate::certificates::Authority;
use crate::checks::{Checks, that};
use crate::host::{DOMAIN, Host};

/// What the server may grow by over its idle size, whatever is done to it.
const GROWTH_KIB: u64 = 64 * 1024;
/// Sessions at once, as configured.
const SESSIONS: usize = 200;
/// Recipients of a transaction, as configured.
const RECIPIENTS: usize = 200;
/// Octets of a letter, as configured.
const MESSAGE_SIZE: u64 = 10_000_000;
/// Seconds that the next part of a letter may take, as configured.
const DATA_TIMEOUT: u64 = 2;
/// Seconds that a handshake may take, as configured.
const HANDSHAKE_TIMEOUT: u64 = 1;
/// Errors of a session, as configured.
const ERRORS: usize = 20;

type Case = (&'static str, fn(&Host) -> io::Result<()>);

const CASES: [Case; 26] = [
    ("no near miss of the end of data is one", content::near_misses),
    ("what only looks like a near miss is content", content::sound),
    ("commands without end: 100 KB and 10 MB", commands::endless),
    ("NUL, 8-bit and bare CR or LF in commands", commands::octets),
    ("a flood of unknown verbs", commands::unknown),
    ("commands behind QUIT", commands::behind_quit),
    ("10,000 recipients", commands::recipients),
    ("chunks without a size", chunks::no_sizes),
    ("chunks without end", chunks::endless),
    ("chunks out of step", chunks::out_of_step),
    ("10,000 chunks of one octet", chunks::crumbs),
    ("lines of AUTH without end: 1 MB", chunks::auth_lines),
    ("1 GB declared", size::declared),
    ("1 GB undeclared", size::undeclared),
    ("half a letter, then silence", slow::silence),
    ("a trickle: one octet each 100 ms", slow::trickle),
    ("half letters, then a reset", slow::reset),
    ("half letters, then an end", slow::end),
    ("handshakes that stall", tls::stalled),
    ("a handshake that trickles", tls::trickled),
    ("50 stalled handshakes at once", tls::crowd),
    ("commands where the handshake should be", tls::no_handshake),
    ("commands behind STARTTLS in the clear", tls::injected),
    ("1000 idle connections", crowd::idle),
    ("clients that never read replies", crowd::deaf),
    ("connections that come and go at once", crowd::fleeting),
];

/// Plays them all against one server that is never restarted.
///
/// # Errors
/// The server does not start.
pub fn play(checks: &mut Checks, program: &Path, folder: &Path) -> io::Result<()> {
    println!("abuse");
    let failed = checks.failed();
    let names: Vec<String> = (0..RECIPIENTS).map(|number| format!("u{number}")).collect();
    let users: Vec<&str> = ["reader"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let size = |number: u64| Value::from(format!("{number}B"));
    let count = |number: usize| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let certificates = folder.join("abuse-certificates");
    let shown = Authority::new(&certificates)?.signs(&[DOMAIN])?;
    let file = |path: &Path| Value::from(path.display().to_string());
    let options = [
        ("tls", "certificate", file(&shown.chain)),
        ("tls", "key", file(&shown.key)),
        ("limits", "handshake-timeout", format!("{HANDSHAKE_TIMEOUT}s").into()),
        ("limits", "sessions", count(SESSIONS)),
        ("limits", "recipients", count(RECIPIENTS)),
        ("limits", "errors", count(ERRORS)),
        ("limits", "message-size", size(MESSAGE_SIZE)),
        ("limits", "data-timeout", format!("{DATA_TIMEOUT}s").into()),
    ];
    // Nothing of this goes to another host.
    let nowhere = free_address()?;
    let mut host = Host::start(program, &folder.join("abuse"), nowhere, &users, &options)?;
    println!("  idle with {} KiB", host.idle_kib());
    for (name, case) in CASES {
        attempt(checks, &host, name, case);
    }
    let empty = host.await_empty().map_err(|error| error.to_string());
    checks.check("nothing is left in the queue", empty);
    let stopped = host.take()?.stop().and_then(|_| host.verify(true));
    checks.check("it stops, and its spool is sound and empty", stopped.map_err(|e| e.to_string()));
    servers::play(checks, program, folder)?;
    if checks.failed() > failed {
        println!("--- the server's log\n{}", host.log());
    }
    Ok(())
}

fn attempt(checks: &mut Checks, host: &Host, name: &str, case: fn(&Host) -> io::Result<()>) {
    host.forget_peak();
    let begin = Instant::now();
    let outcome = case(host);
    let took = begin.elapsed();
    let growth = host.growth_kib();
    let outcome = outcome
        .and_then(|()| host.good_letter(&format!("after {name}")))
        .map_err(|error| error.to_string())
        .and_then(|()| that(growth < GROWTH_KIB, || format!("it grew by {growth} KiB")));
    checks.check(name, outcome);
    println!("        in {:.1} s, with {growth} KiB over idle", took.as_secs_f64());
}

/// `Ok` if `condition`.
fn hold(condition: bool, why: impl FnOnce() -> String) -> io::Result<()> {
    that(condition, why).map_err(io::Error::other)
}
