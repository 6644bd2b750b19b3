//! `interop`: Postrider among real servers, real DNS, real crashes and bad company, all of it on
//! loopback.
//!
//!     interop/install.sh
//!     cargo build --release -p postrider --features postgres,ldap
//!     cargo run --release -p interop -- all
//!
//! The last line says how many checks passed and failed; the exit code is 0 when none failed.

mod abuse;
mod agent;
mod balance;
mod certificates;
mod checks;
mod conformance;
mod dane;
mod databases;
mod dovecot;
mod exim;
mod full;
mod host;
mod keeper;
mod kill9;
mod knot;
mod large;
mod lmtp;
mod mailbox;
mod nsd;
mod opensmtpd;
mod pairs;
mod play;
mod postrider;
mod scan;
mod stop;
mod submission;
mod tables;
mod talk;
mod transports;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use bench::server::Postrider;
use checks::Checks;
use clap::{Parser, ValueEnum};
use kill9::Goal;
use pairs::{Kind, Way};
use scene::Scene;

#[derive(Parser)]
#[command(about = "Plays Postrider against real servers on loopback", version)]
struct Options {
    /// What to play; default: all.
    #[arg(value_enum)]
    plays: Vec<Play>,
    /// The program under test.
    #[arg(long, default_value = "target/release/postrider")]
    program: PathBuf,
    /// Where interop/install.sh unpacked the peers.
    #[arg(long, default_value = "target/interop/peers")]
    peers: PathBuf,
    /// Scratch. Peers run as other users, who must be able to enter it.
    #[arg(long, default_value = "target/interop")]
    folder: PathBuf,
    /// The scene of `scene`.
    #[arg(long, default_value = "scenes/classic.toml")]
    scene: PathBuf,
    /// Kills in `kill9`.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Makes the moments of the kills; default: from the clock, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// A peer that is not unpacked is no failure.
    #[arg(long)]
    skip_missing: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Play {
    /// The scene, with real DNS.
    Scene,
    /// To and from a real Postfix.
    Postfix,
    /// To and from a real Exim.
    Exim,
    /// To and from a real OpenSMTPD; as root.
    Opensmtpd,
    /// To and from all three of them over TLS.
    Secured,
    /// Through ours into a real Dovecot, over LMTP; as root.
    Dovecot,
    /// A Postfix hands letters to ours over LMTP.
    Lmtp,
    /// What a TLS scanner sees of ours.
    Scan,
    /// Mail programs that log in and submit.
    Submission,
    /// DANE by signed zones, and MTA-STS.
    Dane,
    /// Letters to and from other programs that people read and write mail with.
    Agent,
    /// Crashes under load.
    Kill9,
    /// Hostile and broken clients.
    Abuse,
    /// A letter of 50 MB.
    Large,
    /// A disk that fills up; as root.
    Full,
    /// SIGTERM under load.
    Stop,
    /// Every way that a route can name; as root.
    Transports,
    /// Tables in files, SQLite, a real PostgreSQL and a real OpenLDAP; as root. Left out with a program that
    /// was not built with `--features postgres,ldap`.
    Tables,
    /// Ours and the peers, asked by `postrider conformance`.
    Conformance,
    /// The peers among themselves: proves this program, not ours.
    Peers,
    /// Everything but `peers`.
    All,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut checks = Checks::default();
    if let Err(error) = reachable(&options.folder) {
        checks.check("other users can enter the scratch folder", Err(error.to_string()));
    } else {
        for play in plays(&options.plays) {
            if let Err(error) = run(&mut checks, play, &options) {
                checks.check(&format!("{play:?} can be played"), Err(error.to_string()));
            }
        }
    }
    println!("{}", checks.summary());
    if checks.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plays(asked: &[Play]) -> Vec<Play> {
    let all = Play::value_variants().iter().copied();
    match asked.is_empty() || asked.contains(&Play::All) {
        true => all.filter(|play| !matches!(play, Play::Peers | Play::All)).collect(),
        false => asked.to_vec(),
    }
}

fn run(checks: &mut Checks, play: Play, options: &Options) -> io::Result<()> {
    // Servers change their folder, so they get whole paths.
    let folder = options.folder.canonicalize()?;
    let peers = options.peers.canonicalize().unwrap_or_else(|_| options.peers.clone());
    let program = options.program.canonicalize().unwrap_or_else(|_| options.program.clone());
    let pair = |checks: &mut Checks, one, other, way| {
        pairs::play(checks, (one, other), way, &program, &peers, &folder, options.skip_missing)
    };
    match play {
        Play::Postfix => return pair(checks, Kind::Postrider, Kind::Postfix, Way::Clear),
        Play::Exim => return pair(checks, Kind::Postrider, Kind::Exim, Way::Clear),
        Play::Opensmtpd => return pair(checks, Kind::Postrider, Kind::Opensmtpd, Way::Clear),
        Play::Secured => {
            for peer in [Kind::Postfix, Kind::Exim, Kind::Opensmtpd] {
                pair(checks, Kind::Postrider, peer, Way::Secured)?;
            }
            return Ok(());
        }
        Play::Peers => return pair(checks, Kind::Postfix, Kind::Exim, Way::Clear),
        Play::Scene | Play::Kill9 | Play::Abuse | Play::Large => {}
        Play::Agent | Play::Conformance | Play::Dane | Play::Dovecot | Play::Full => {}
        Play::Lmtp | Play::Scan | Play::Stop | Play::Submission | Play::Tables => {}
        Play::Transports | Play::All => {}
    }
    if !program.exists() {
        let remedy = format!("cargo build --release -p postrider; no {}", program.display());
        checks.missing("the program", options.skip_missing, &remedy);
        return Ok(());
    }
    match play {
        Play::Dovecot => {
            let skip = options.skip_missing;
            return dovecot::play(checks, &program, &peers, &folder, skip);
        }
        Play::Lmtp => {
            let skip = options.skip_missing;
            return lmtp::play(checks, &program, &peers, &folder, skip);
        }
        Play::Scan => {
            let skip = options.skip_missing;
            return scan::play(checks, &program, &peers, &folder, skip);
        }
        Play::Agent => {
            return agent::play(checks, &program, &peers, &folder, options.skip_missing);
        }
        Play::Submission => {
            let skip = options.skip_missing;
            return submission::play(checks, &program, &peers, &folder, skip);
        }
        Play::Dane => {
            let skip = options.skip_missing;
            return dane::play(checks, &program, &peers, &folder, skip);
        }
        Play::Tables => {
            let skip = options.skip_missing;
            return tables::play(checks, &program, &peers, &folder, skip);
        }
        Play::Transports => {
            let skip = options.skip_missing;
            return transports::play(checks, &program, &peers, &folder, skip);
        }
        Play::Abuse => return abuse::play(checks, &program, &folder),
        Play::Large => return large::play(checks, &program, &folder),
        Play::Conformance => {
            let skip = options.skip_missing;
            return conformance::play(checks, &program, &peers, &folder, skip);
        }
        Play::Full => return full::play(checks, &program, &folder),
        Play::Stop => return stop::play(checks, &program, &folder),
        _ => {}
    }
    if play == Play::Kill9 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = options.seed.unwrap_or(now.as_micros() as u64);
        let relay = Postrider { program: program.clone() };
        kill9::play(checks, &relay, &Goal::Sink, &folder, options.rounds, seed)?;
        let local = postrider::local(&program, "sink.example", &["reader"]);
        let goal = Goal::Maildir(postrider::Postrider::maildir(Path::new(""), "reader"));
        return kill9::play(checks, &local, &goal, &folder, options.rounds, seed);
    }
    if nsd::Nsd::find(&peers).is_none() {
        checks.missing("a name server", options.skip_missing, "run interop/install.sh");
        return Ok(());
    }
    let scene = Scene::load(&options.scene).map_err(io::Error::other)?;
    let stage = play::Stage { program: &program, peers: &peers, folder: &folder };
    play::play(checks, &scene, &stage)
}

/// Makes the scratch folder and sees that every user can enter it.
fn reachable(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for part in folder.canonicalize()?.ancestors() {
        if fs::metadata(part)?.permissions().mode() & 0o001 == 0 {
            let text = format!("{} is closed to them; give another --folder", part.display());
            return Err(io::Error::other(text));
        }
    }
    Ok(())
}
