//! Guesses: a login that does not exist takes as long as one whose password is wrong, and whoever
//! guesses on is locked out, which `postrider why` tells.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{LOGIN, PASSWORD};
use crate::checks::{Checks, that};
use crate::host::Host;
use crate::talk::{Talk, wanted};

/// Guesses of each kind whose time is taken: the first ones warm up.
const ROUNDS: usize = 24;
const WARM: usize = 4;
/// By how much the medians may differ, in percent of the smaller: what else this machine does is in
/// them.
const TOLERANCE: u128 = 20;
/// Failures that lock a login out, as configured: the least there is, so that none costs a delay.
pub(super) const FAILURES: i64 = 3;

/// Plays it on a server that hears passwords without TLS.
pub(super) fn play(checks: &mut Checks, program: &Path, host: &Host, place: SocketAddr) {
    let timed = text(timed(place));
    let told = timed.as_ref().map_or_else(|_| String::new(), Clone::clone);
    checks.check("an unknown login takes as long as a wrong password", timed.map(drop));
    println!("        {told}");
    checks.check("whoever guesses on is locked out", text(locked_out(place)));
    checks.check("`postrider why` tells until when", text(told_why(program, host)));
}

fn text<T>(outcome: io::Result<T>) -> Result<T, String> {
    outcome.map_err(|error| error.to_string())
}

/// The median of each, as `AUTH PLAIN` is answered.
fn timed(place: SocketAddr) -> io::Result<String> {
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // In turn, so that whatever else happens here happens to both.
        wrong.push(guess(place, LOGIN, 1, round)?);
        unknown.push(guess(place, &format!("nobody{round}"), 2, round)?);
        // After a success no failure of the login is remembered; each guess is the first from its
        // address. So none is delayed.
        let mut talk = Talk::open(place)?;
        talk.must(&plain(LOGIN, PASSWORD), "235")?;
    }
    let (wrong, unknown) = (median(&mut wrong), median(&mut unknown));
    let said = format!(
        "median of {} each: wrong password {:.2} ms, unknown login {:.2} ms",
        ROUNDS - WARM,
        wrong.as_secs_f64() * 1e3,
        unknown.as_secs_f64() * 1e3,
    );
    let (less, more) = (wrong.min(unknown).as_micros(), wrong.max(unknown).as_micros());
    that((more - less) * 100 <= less * TOLERANCE, || said.clone()).map_err(io::Error::other)?;
    Ok(said)
}

fn median(times: &mut Vec<Duration>) -> Duration {
    times.drain(..WARM.min(times.len()));
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// One guess; a session of its own, so that none ends for too many.
fn guess(place: SocketAddr, login: &str, network: u8, round: usize) -> io::Result<Duration> {
    let mut talk = from(place, network, round)?;
    let line = plain(login, &format!("guess {round}"));
    let begin = Instant::now();
    let reply = talk.ask(&line)?;
    let took = begin.elapsed();
    wanted(&reply, "535 5.7.8")?;
    talk.must("QUIT", "221")?;
    Ok(took)
}

fn plain(login: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{login}\0{password}")))
}

/// A session of the client `127.0.network.round`.
fn from(place: SocketAddr, network: u8, round: usize) -> io::Result<Talk> {
    let host = u8::try_from(round + 1).map_err(io::Error::other)?;
    let (mut talk, greeting) = Talk::greeted_from(Ipv4Addr::new(127, 0, network, host), place)?;
    wanted(&greeting, "220")?;
    talk.must("EHLO client.example", "250")?;
    Ok(talk)
}

/// Then the right password is not heard either.
fn locked_out(place: SocketAddr) -> io::Result<()> {
    for round in 0..FAILURES {
        let mut talk = from(place, 3, 0)?;
        wanted(&talk.ask(&plain(LOGIN, &format!("again {round}")))?, "535 5.7.8")?;
    }
    let mut talk = from(place, 3, 0)?;
    wanted(&talk.ask(&plain(LOGIN, PASSWORD))?, "454 4.7.0")
}

fn told_why(program: &Path, host: &Host) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(["why", LOGIN]).env("POSTRIDER_CONFIG", host.config_file());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let told = said.contains("locked out until") && said.contains("failed logins");
    that(output.status.success() && told, || said).map_err(io::Error::other)
}
