//! `cargo run -p sim -- --seeds 1000`: lives through a thousand worlds and counts the laws broken.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use sim::chaos::{self, Report, Wish};

const HELP: &str = "\
Lives through worlds made from seeds and checks the laws of mail.

usage: sim [--seeds N | --seed S [--story]]

  --seeds N   worlds, of the seeds 0 to N-1 (default 100)
  --seed S    only the world of seed S, with what it showed: replays a broken law
  --story     and all that happened in it, with the seconds of its own time
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<u64>().ok();
    match *words {
        [] => worlds(100),
        ["--seeds", count] if let Some(count) = number(count) => worlds(count),
        ["--seed", seed] if let Some(seed) = number(seed) => one(seed, false),
        ["--seed", seed, "--story"] if let Some(seed) = number(seed) => one(seed, true),
        _ => {
            eprint!("{HELP}");
            ExitCode::from(64)
        }
    }
}

fn one(seed: u64, story: bool) -> ExitCode {
    let report = chaos::play(Wish { seed, story, plant: None });
    for event in &report.story {
        println!("{event}");
    }
    let mut sum = Sum::default();
    sum.add(seed, report);
    sum.tell()
}

fn worlds(count: u64) -> ExitCode {
    let mut sum = Sum::default();
    let watched = std::io::stderr().is_terminal();
    for seed in 0..count {
        sum.add(seed, chaos::run(seed));
        if watched {
            eprint!("\r{} of {count} worlds, {} laws broken", seed + 1, sum.broken);
            let _ = std::io::stderr().flush();
        }
    }
    if watched {
        eprintln!();
    }
    sum.tell()
}

/// What all worlds showed together.
#[derive(Default)]
struct Sum {
    seeds: u64,
    broken: u64,
    all: Report,
}

impl Sum {
    fn add(&mut self, seed: u64, report: Report) {
        self.seeds += 1;
        self.broken += report.broken.len() as u64;
        for law in &report.broken {
            println!("seed {seed}: {law}");
        }
        if !report.broken.is_empty() {
            println!("  replay with: cargo run -p sim -- --seed {seed} --story");
        }
        let all = &mut self.all;
        all.errands += report.errands;
        all.taken += report.taken;
        all.delivered += report.delivered;
        all.reported += report.reported;
        all.repeated += report.repeated;
        all.events += report.events;
        all.digest ^= report.digest.rotate_left((seed % 64) as u32);
        for (what, count) in report.faults {
            match all.faults.iter_mut().find(|(known, _)| *known == what) {
                Some((_, sum)) => *sum += count,
                None => all.faults.push((what, count)),
            }
        }
    }

    fn tell(&self) -> ExitCode {
        let Self { seeds, broken, all } = self;
        println!("{seeds} seeds run, {} events, digest {:016x}", all.events, all.digest);
        let faults: u64 = all.faults.iter().map(|(_, count)| count).sum();
        let kinds: Vec<_> =
            all.faults.iter().map(|(what, count)| format!("{count} {what}")).collect();
        println!("{faults} faults injected: {}", kinds.join(", "));
        println!(
            "{} letters for a recipient: {} answered 250, {} copies delivered, {} failures \
             reported, {} copies repeated after a fault",
            all.errands, all.taken, all.delivered, all.reported, all.repeated
        );
        println!("{broken} laws broken");
        if *broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
