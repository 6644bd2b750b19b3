//! Servers side by side: each contest is held for every contender in turn, on the same machine, in
//! the same run, with one generator and one sink, and what comes out is printed with its ratios.

mod contender;
mod contest;
mod verdict;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

pub use contender::{Contender, Setup};
pub use contest::Contest;
use contest::{Figures, Ground};
pub use verdict::{json, table};

use crate::sink::Sink;

/// What is held, between whom.
#[derive(Debug)]
pub struct Match {
    /// In this order.
    pub contests: Vec<Contest>,
    /// Ours is the first.
    pub contenders: Vec<Contender>,
    /// Each contest so often for each; the median counts.
    pub rounds: usize,
    /// Folder of the servers' data, on a real disk, with its whole path.
    pub folder: PathBuf,
    /// Letters in the deep queue.
    pub deep: u32,
}

/// What one contender came to in one contest.
#[derive(Debug)]
pub struct Outcome {
    /// Which contest.
    pub contest: Contest,
    /// Whose.
    pub contender: &'static str,
    /// What was measured.
    pub figures: Figures,
}

/// Holds the contests. What a contender cannot do is a note and no outcome.
///
/// # Errors
/// The sink or the folder; a contender that fails is told in `failed`.
pub fn hold(wanted: &Match, failed: &mut Vec<String>) -> io::Result<Vec<Outcome>> {
    let sink = Sink::start("0.0.0.0:0".parse().map_err(io::Error::other)?)?;
    sweep(&wanted.folder)?;
    let ground =
        Ground { sink: &sink, folder: &wanted.folder, deep: wanted.deep, runs: Cell::new(0) };
    let mut outcomes = Vec::new();
    for contest in &wanted.contests {
        let mut rounds: Vec<Vec<Figures>> = wanted.contenders.iter().map(|_| Vec::new()).collect();
        for round in 1..=wanted.rounds {
            for (contender, figures) in wanted.contenders.iter().zip(&mut rounds) {
                if !contest.is_open_to(contender) {
                    continue;
                }
                eprintln!("{}, {}, round {round}", contest.name(), contender.name());
                match contest.hold(contender, &ground) {
                    Ok(one) => figures.push(one),
                    Err(error) => {
                        failed.push(format!("{}, {}: {error}", contest.name(), contender.name()));
                    }
                }
            }
        }
        for (contender, figures) in wanted.contenders.iter().zip(rounds) {
            let Some(figures) = contest::median(figures) else { continue };
            let contender = contender.name();
            outcomes.push(Outcome { contest: *contest, contender, figures });
        }
    }
    sweep(&wanted.folder)?;
    Ok(outcomes)
}

fn sweep(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
