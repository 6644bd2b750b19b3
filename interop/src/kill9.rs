//! `kill -9` in the midst of a hundred sessions, again and again: what was answered by `250` must
//! arrive, and what arrives twice must have had a crash between.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::generator::{self, Load, Mode};
use bench::ledger::Ledger;
use bench::letter::Number;
use bench::scenario::settle;
use bench::server::{Plan, Running, Starter, free_address};
use bench::sink::Sink;

use crate::checks::{Checks, that};

/// Connections of the generator.
const SESSIONS: usize = 100;
/// Without an arrival in the Maildir for so long, what is missing will not come.
const STILL: Duration = Duration::from_secs(20);
/// Between two looks at the Maildir.
const LOOK: Duration = Duration::from_millis(50);
/// The life of a server, in milliseconds: from the first to the first plus the second.
const LIFE_MS: (u64, u64) = (300, 1500);

/// Where the letters go.
#[derive(Clone, Debug)]
pub enum Goal {
    /// Relayed to the sink.
    Sink,
    /// Delivered to this Maildir below the server's folder.
    Maildir(PathBuf),
}

impl Goal {
    /// Letters that may be sent before each kill: to the sink more than a server takes in that
    /// time, to the Maildir what can be written in some seconds.
    fn letters(&self) -> u32 {
        match self {
            Self::Sink => 40_000,
            Self::Maildir(_) => 3_000,
        }
    }
}

/// Kills the server `rounds` times, at moments made from `seed`, and counts.
///
/// # Errors
/// The server does not start, also after a crash.
pub fn play(
    checks: &mut Checks,
    starter: &dyn Starter,
    goal: &Goal,
    folder: &Path,
    rounds: u32,
    seed: u64,
) -> io::Result<()> {
    println!("kill -9, {rounds} times, {SESSIONS} sessions, seed {seed}, letters to {goal:?}");
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
    let count = goal.letters();
    let ledger = Arc::new(Ledger::new(rounds as usize * count as usize));
    sink.open(&ledger);
    let mut collector = match goal {
        Goal::Sink => None,
        Goal::Maildir(place) => Some(Collector::new(plan.folder.join(place))),
    };
    let mut random = seed | 1;
    let mut kills = Vec::new();
    for round in 0..rounds {
        let life = Duration::from_millis(LIFE_MS.0 + next(&mut random) % LIFE_MS.1);
        let mode = if round % 2 == 0 { Mode::Pipelined } else { Mode::LockStep };
        let load = Load {
            target: plan.listen,
            sessions: SESSIONS,
            letters: round * count..(round + 1) * count,
            size: 2048,
            mode,
            sender: "writer@bench.example".into(),
            recipients: vec!["reader@sink.example".into()],
        };
        live_and_die(starter, &plan, load, life, &ledger)?;
        // What lies in the Maildir now was delivered before this crash.
        if let Some(collector) = &mut collector {
            collector.collect(&ledger);
        }
        kills.push(ledger.elapsed());
    }
    let running = Running::start(starter, &plan)?;
    println!("  the last start greeted after {:.2} s", running.greeted.as_secs_f64());
    match &mut collector {
        None => settle(&ledger),
        Some(collector) => collector.settle(&ledger),
    }
    let stopped = running.stop().map(|_| ()).map_err(|error| error.to_string());
    if let Some(collector) = &mut collector {
        collector.collect(&ledger);
    }
    judge(checks, &ledger, &kills);
    checks.check("it stops when asked", stopped);
    Ok(())
}

/// One life of the server: started, loaded, killed after `life`.
fn live_and_die(
    starter: &dyn Starter,
    plan: &Plan,
    load: Load,
    life: Duration,
    ledger: &Arc<Ledger>,
) -> io::Result<()> {
    let running = Running::start(starter, plan)?;
    let (greeted, mode) = (running.greeted, load.mode);
    let notes = Arc::clone(ledger);
    let writer = std::thread::spawn(move || generator::run(&load, &notes));
    std::thread::sleep(life);
    running.kill9()?;
    let sent = writer.join().map_err(|_| io::Error::other("the generator panicked"))??;
    let balance = ledger.balance();
    println!(
        "  {}: greeted after {:.2} s, killed after {:.2} s, {} sessions broken, {} refused; \
         so far {} accepted, {} arrived",
        mode.name(),
        greeted.as_secs_f64(),
        life.as_secs_f64(),
        sent.broken,
        sent.refused,
        balance.accepted,
        balance.arrived,
    );
    if sent.refused > 0 {
        println!("        {}", sent.complaints.join("; "));
    }
    Ok(())
}

/// Notes the letters of a Maildir in the ledger, each file once.
struct Collector {
    folder: PathBuf,
    seen: BTreeSet<OsString>,
}

impl Collector {
    fn new(maildir: PathBuf) -> Self {
        Self { folder: maildir.join("new"), seen: BTreeSet::new() }
    }

    fn collect(&mut self, ledger: &Ledger) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            if self.seen.insert(entry.file_name()) {
                let content = fs::read(entry.path()).unwrap_or_default();
                ledger.arrive(Number::find(&content));
            }
        }
    }

    /// Waits until everything accepted is there, or nothing moves any more.
    fn settle(&mut self, ledger: &Ledger) {
        let (mut seen, mut moved) = (ledger.arrivals(), Instant::now());
        while moved.elapsed() < STILL && !ledger.settled() {
            std::thread::sleep(LOOK);
            self.collect(ledger);
            if ledger.arrivals() != seen {
                (seen, moved) = (ledger.arrivals(), Instant::now());
            }
        }
    }
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
