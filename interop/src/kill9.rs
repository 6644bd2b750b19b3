//! `kill -9` in the midst of a hundred sessions, again and again: what was answered by `250` must
//! arrive, and what arrives twice must have had a crash between.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::generator::{self, Load, Mode};
use bench::ledger::Ledger;
use bench::scenario::settle;
use bench::server::{Plan, Running, Starter, free_address};
use bench::sink::Sink;

use crate::checks::{Checks, that};

/// Connections of the generator.
const SESSIONS: usize = 100;
/// Letters that may be sent before each kill; more than a server takes in that time.
const LETTERS: u32 = 40_000;
/// The life of a server, in milliseconds: from the first to the first plus the second.
const LIFE_MS: (u64, u64) = (300, 1500);

/// Kills the server `rounds` times, at moments made from `seed`, and counts.
///
/// # Errors
/// The server does not start, also after a crash.
pub fn play(
    checks: &mut Checks,
    starter: &dyn Starter,
    folder: &Path,
    rounds: u32,
    seed: u64,
) -> io::Result<()> {
    println!("kill -9, {rounds} times, {SESSIONS} sessions, seed {seed}");
    let folder = folder.join("kill9");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let sink = Sink::start(free_address()?)?;
    let plan = Plan {
        folder,
        listen: free_address()?,
        next_hop: sink.address(),
        paused: false,
        connections: 20,
        traced: false,
    };
    let ledger = Arc::new(Ledger::new(rounds as usize * LETTERS as usize));
    sink.open(&ledger);
    let mut random = seed | 1;
    let mut kills = Vec::new();
    for round in 0..rounds {
        let life = LIFE_MS.0 + next(&mut random) % LIFE_MS.1;
        let mode = if round % 2 == 0 { Mode::Pipelined } else { Mode::LockStep };
        let running = Running::start(starter, &plan)?;
        let greeted = running.greeted;
        let load = Load {
            target: plan.listen,
            sessions: SESSIONS,
            letters: round * LETTERS..(round + 1) * LETTERS,
            size: 2048,
            mode,
            sender: "writer@bench.example".into(),
            recipient: "reader@sink.example".into(),
        };
        let notes = Arc::clone(&ledger);
        let writer = std::thread::spawn(move || generator::run(&load, &notes));
        std::thread::sleep(Duration::from_millis(life));
        running.kill9()?;
        kills.push(ledger.elapsed());
        let sent = writer.join().map_err(|_| io::Error::other("the generator panicked"))??;
        let balance = ledger.balance();
        println!(
            "  {}: greeted after {:.2} s, killed after {:.2} s, {} sessions broken, {} refused; \
             so far {} accepted, {} arrived",
            mode.name(),
            greeted.as_secs_f64(),
            Duration::from_millis(life).as_secs_f64(),
            sent.broken,
            sent.refused,
            balance.accepted,
            balance.arrived,
        );
    }
    let running = Running::start(starter, &plan)?;
    println!("  the last start greeted after {:.2} s", running.greeted.as_secs_f64());
    settle(&ledger);
    let stopped = running.stop().map(|_| ()).map_err(|error| error.to_string());
    judge(checks, &ledger, &kills);
    checks.check("it stops when asked", stopped);
    Ok(())
}

fn judge(checks: &mut Checks, ledger: &Ledger, kills: &[Duration]) {
    let balance = ledger.balance();
    println!(
        "  {} sent, {} accepted, {} arrived, {} lost, {} arrived again, {} arrived though the \
         reply was lost",
        balance.sent,
        balance.accepted,
        balance.arrived,
        balance.lost.len(),
        balance.repeated,
        balance.unanswered,
    );
    let some = balance.accepted > 0;
    checks.check("letters were accepted", that(some, || "none".into()));
    let lost = || format!("{} are lost, first {:?}", balance.lost.len(), balance.lost.first());
    checks.check("no letter with a 250 is lost", that(balance.lost.is_empty(), lost));
    let strange = without_crash(ledger, kills);
    let text = || format!("{} without, first {:?}", strange.len(), strange.first());
    checks.check("what came twice had a crash between", that(strange.is_empty(), text));
    let strays = ledger.strays();
    checks.check("nothing came unnumbered", that(strays == 0, || format!("{strays} did")));
}

/// Letters that came twice while no server died between the two.
fn without_crash(ledger: &Ledger, kills: &[Duration]) -> Vec<u32> {
    let mut last: BTreeMap<u32, Duration> = BTreeMap::new();
    let mut strange = Vec::new();
    for (sequence, again) in ledger.repetitions() {
        let before = last.insert(sequence, again).or_else(|| ledger.first_arrival(sequence));
        let before = before.unwrap_or_default();
        if !kills.iter().any(|kill| before <= *kill && *kill <= again) {
            strange.push(sequence);
        }
    }
    strange
}

/// Marsaglia's xorshift: moments need variety, not secrecy.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
