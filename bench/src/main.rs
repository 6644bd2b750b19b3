//! `bench`: prints what a mail server costs.
//!
//!     cargo run --release -p bench -- --scenario accept --sessions 100
//!     cargo run --release -p bench -- --peer postfix --scenario relay
//!     cargo run --release -p bench -- --server 127.0.0.1:2525 --pid 1234 --sink 127.0.0.1:2600
//!     cargo run --release -p bench -- compare
//!     cargo run --release -p bench -- letters

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::compare::{self, Contender, Contest, Match};
use bench::generator::Mode;
use bench::postfix::Postfix;
use bench::report::{self, Row};
use bench::scenario::{Bench, Drive};
use bench::server::{Postrider, Starter, can_trace};
use bench::sink::Sink;
use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(about = "Measures a mail server over loopback", version)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Measures several servers side by side, and prints how they compare.
    Compare(Compare),
    /// Measures what a person waits for who reads: a letter of many parts, a large Maildir.
    Letters(Letters),
    /// Serves as the least that a mail server can do.
    Bare {
        /// Where it listens.
        #[arg(long, value_name = "HOST:PORT")]
        listen: SocketAddr,
        /// What it keeps.
        #[arg(long)]
        log: PathBuf,
        /// To where letters go on; without it they are kept.
        #[arg(long, value_name = "HOST:PORT")]
        next_hop: Option<SocketAddr>,
    },
}

#[derive(Args)]
struct Compare {
    /// What to measure; default: all.
    #[arg(long, value_enum)]
    contest: Vec<Contest>,
    /// Against whom; default: all.
    #[arg(long, value_enum)]
    against: Vec<Against>,
    /// Each so often for each; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Letters in the deep queue.
    #[arg(long, default_value_t = 100_000)]
    deep: u32,
    /// Our own program.
    #[arg(long, default_value = "target/release/postrider")]
    program: PathBuf,
    /// Where Postfix is unpacked, or will be.
    #[arg(long, default_value = "target/interop/peers")]
    peers: PathBuf,
    /// Folder of the servers' data, on a real disk.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Letters {
    /// Letters of the Maildir.
    #[arg(long, default_value_t = 100_000)]
    letters: usize,
    /// Each so often; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Our own program.
    #[arg(long, default_value = "target/release/postrider")]
    program: PathBuf,
    /// Where s-nail and mutt are unpacked.
    #[arg(long, default_value = "target/interop/peers")]
    peers: PathBuf,
    /// Folder of the letters, on a real disk.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Against {
    /// Debian's Postfix with the values it comes with.
    Postfix,
    /// The same as its documentation advises for much mail.
    PostfixTuned,
    /// The least that a server can do.
    Bare,
}

#[derive(Args)]
struct Options {
    /// What to measure; default: all.
    #[arg(long, value_enum)]
    scenario: Vec<Kind>,
    /// Connections kept open; default: 1, 20 and 100.
    #[arg(long)]
    sessions: Vec<usize>,
    /// Letters in a run; default by the number of sessions.
    #[arg(long)]
    letters: Option<u32>,
    /// Octets of a letter.
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// How to talk; default: both.
    #[arg(long, value_enum)]
    mode: Vec<Talk>,
    /// Letters in the deep queue.
    #[arg(long, default_value_t = 1_000_000)]
    deep: u32,
    /// Octets of each of them.
    #[arg(long, default_value_t = 1024)]
    deep_size: usize,
    /// The program that is started with `serve --config FILE`.
    #[arg(long, default_value = "target/release/postrider")]
    program: PathBuf,
    /// Measure this one instead.
    #[arg(long, value_enum)]
    peer: Option<Peer>,
    /// Where peers are unpacked.
    #[arg(long, default_value = "target/interop/peers")]
    peers: PathBuf,
    /// Drive a server that already runs here; needs --pid for its costs.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<SocketAddr>,
    /// Its process.
    #[arg(long, default_value_t = 0)]
    pid: u32,
    /// Where the sink listens; default: any free port of 127.0.0.1.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    sink: SocketAddr,
    /// Folder of the servers' data, on a real disk.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Do not count fsyncs, which takes a second pass.
    #[arg(long)]
    no_fsyncs: bool,
    /// Keep the servers' folders.
    #[arg(long)]
    keep: bool,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    Accept,
    Relay,
    Lone,
    Deep,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Talk {
    LockStep,
    Pipelined,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Peer {
    Postfix,
}

fn main() -> ExitCode {
    let program = Program::parse();
    let options = match program.command {
        None => program.options,
        Some(Command::Bare { listen, log, next_hop }) => {
            return ended(bench::bare::serve(listen, &log, next_hop));
        }
        Some(Command::Compare(wanted)) => return ended(side_by_side(&wanted)),
        Some(Command::Letters(wanted)) => return ended(read(wanted)),
    };
    let mut rows = Vec::new();
    let outcome = run(&options, &mut rows);
    match options.json {
        true => println!("{}", report::json(&rows)),
        false => print!("{}", report::table(&rows)),
    }
    ended(outcome)
}

fn ended(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a person waits for.
fn read(wanted: Letters) -> io::Result<()> {
    std::fs::create_dir_all(&wanted.folder)?;
    let folder = wanted.folder.canonicalize()?.join("letters");
    let Letters { letters, rounds, program, peers, .. } = wanted;
    let reading = bench::letters::Reading { program, peers, folder, letters, rounds };
    print!("{}", bench::letters::table(&reading.measure()?));
    Ok(())
}

/// All contenders in one run.
fn side_by_side(options: &Compare) -> io::Result<()> {
    std::fs::create_dir_all(&options.folder)?;
    let against = match options.against.as_slice() {
        [] => &[Against::Postfix, Against::PostfixTuned, Against::Bare],
        some => some,
    };
    let mut contenders = vec![Contender::Postrider { program: options.program.canonicalize()? }];
    for other in against {
        contenders.push(match other {
            Against::Bare => Contender::Bare { program: std::env::current_exe()? },
            Against::Postfix => {
                Contender::Postfix { root: unpacked(&options.peers)?, tuned: false }
            }
            Against::PostfixTuned => {
                Contender::Postfix { root: unpacked(&options.peers)?, tuned: true }
            }
        });
    }
    let contests = match options.contest.as_slice() {
        [] => Contest::ALL.to_vec(),
        some => some.to_vec(),
    };
    let folder = options.folder.canonicalize()?.join("compare");
    let wanted = Match { contests, contenders, rounds: options.rounds, folder, deep: options.deep };
    let mut failed = Vec::new();
    let outcomes = compare::hold(&wanted, &mut failed)?;
    match options.json {
        true => println!("{}", compare::json(&wanted, &outcomes, &failed)),
        false => print!("{}", compare::table(&outcomes, &failed)),
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{} contests failed", failed.len()))),
    }
}

/// Where Postfix is; unpacks it where there is none yet.
fn unpacked(peers: &Path) -> io::Result<PathBuf> {
    if Postfix::find(peers).is_none() {
        eprintln!("unpacking Postfix into {}", peers.display());
        let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/install.sh");
        let mut install = std::process::Command::new(install);
        install.arg(peers).arg("postfix").stdout(std::process::Stdio::null());
        if !install.status()?.success() {
            return Err(io::Error::other("Postfix cannot be unpacked"));
        }
    }
    let root = Postfix::find(peers).ok_or_else(|| io::Error::other("there is no Postfix"))?;
    root.canonicalize()
}

fn run(options: &Options, rows: &mut Vec<Row>) -> io::Result<()> {
    let sink = Sink::start(options.sink)?;
    if let Some(target) = options.server {
        return drive(options, target, &sink, rows);
    }
    let starter = starter(options)?;
    std::fs::create_dir_all(&options.folder)?;
    let bench = Bench {
        starter: starter.as_ref(),
        // Programs that change their folder, as Postfix does, need the whole path.
        folder: options.folder.canonicalize()?.join(starter.name()),
        sink,
        size: options.size,
        trace: !options.no_fsyncs && options.peer.is_none() && can_trace(),
        keep: options.keep,
    };
    for (kind, sessions, mode) in runs(options) {
        let letters = options.letters.unwrap_or_else(|| usual_letters(kind, sessions));
        eprintln!("{kind:?}, {sessions} sessions, {}", mode.name());
        rows.push(match kind {
            Kind::Accept => bench.acceptance(sessions, letters, mode)?,
            Kind::Relay => bench.relay(sessions, letters, mode)?,
            Kind::Lone => bench.lone()?,
            Kind::Deep => bench.deep(options.deep, options.deep_size)?,
        });
    }
    Ok(())
}

/// A server that runs already: whether it relays to the sink is known by the scenario asked for.
fn drive(
    options: &Options,
    target: SocketAddr,
    sink: &Sink,
    rows: &mut Vec<Row>,
) -> io::Result<()> {
    let drive = Drive { target, pid: options.pid, sink };
    for (kind, sessions, mode) in runs(options) {
        let letters = options.letters.unwrap_or_else(|| usual_letters(kind, sessions));
        eprintln!("{kind:?}, {sessions} sessions, {}", mode.name());
        rows.push(match kind {
            Kind::Accept => drive.run("accept", false, sessions, letters, options.size, mode)?,
            Kind::Relay => drive.run("relay", true, sessions, letters, options.size, mode)?,
            Kind::Lone => drive.lone(options.size)?,
            // Needs a server that can be killed and started again.
            Kind::Deep => continue,
        });
    }
    Ok(())
}

fn starter(options: &Options) -> io::Result<Box<dyn Starter>> {
    match options.peer {
        None => Ok(Box::new(Postrider { program: options.program.clone() })),
        Some(Peer::Postfix) => {
            let root = Postfix::find(&options.peers).and_then(|root| root.canonicalize().ok());
            let root =
                root.ok_or_else(|| io::Error::other("no Postfix: run interop/install.sh"))?;
            let hostname = "postfix.bench.example".into();
            Ok(Box::new(Postfix { root, hostname, local: None, certificate: None }))
        }
    }
}

/// Every combination that was asked for.
fn runs(options: &Options) -> Vec<(Kind, usize, Mode)> {
    let or = |given: &[usize]| if given.is_empty() { vec![1, 20, 100] } else { given.to_vec() };
    let kinds = match options.scenario.is_empty() {
        true => vec![Kind::Accept, Kind::Relay, Kind::Lone, Kind::Deep],
        false => options.scenario.clone(),
    };
    let modes = match options.mode.is_empty() {
        true => vec![Talk::LockStep, Talk::Pipelined],
        false => options.mode.clone(),
    };
    let mut runs = Vec::new();
    for kind in kinds {
        if matches!(kind, Kind::Lone | Kind::Deep) {
            runs.push((kind, if kind == Kind::Lone { 1 } else { 100 }, Mode::Pipelined));
            continue;
        }
        for sessions in or(&options.sessions) {
            runs.extend(modes.iter().map(|talk| (kind, sessions, mode(*talk))));
        }
    }
    runs
}

fn mode(talk: Talk) -> Mode {
    match talk {
        Talk::LockStep => Mode::LockStep,
        Talk::Pipelined => Mode::Pipelined,
    }
}

/// Some seconds of work at the figures that are aimed at.
fn usual_letters(kind: Kind, sessions: usize) -> u32 {
    match (kind, sessions) {
        (Kind::Accept, ..=4) => 10_000,
        (Kind::Accept, _) => 100_000,
        (_, ..=4) => 5_000,
        (_, _) => 50_000,
    }
}
