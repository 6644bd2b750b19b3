//! `cargo run -p sim -- --seeds 1000`: lives through a thousand worlds and counts the laws broken.

use std::process::ExitCode;

const HELP: &str = "\
Lives through worlds made from seeds and checks the laws of mail.

usage: sim [--seeds N] [--seed S]

  --seeds N   worlds, of the seeds 0 to N-1 (default 100)
  --seed S    only the world of seed S, with what it showed: replays a broken law
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|word| word.parse::<u64>().ok());
    match (arguments.first().map(String::as_str), number(1)) {
        (None, _) => worlds(0..100),
        (Some("--seeds"), Some(count)) => worlds(0..count),
        (Some("--seed"), Some(seed)) => one(seed),
        _ => {
            eprint!("{HELP}");
            ExitCode::from(64)
        }
    }
}

fn one(seed: u64) -> ExitCode {
    let report = sim::chaos::run(seed);
    println!("{report:#?}");
    if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn worlds(seeds: std::ops::Range<u64>) -> ExitCode {
    let count = seeds.end - seeds.start;
    let mut sum = sim::chaos::Report::default();
    let mut faults = 0;
    for seed in seeds {
        let report = sim::chaos::run(seed);
        for law in &report.broken {
            println!("seed {seed}: {law}");
        }
        if !report.broken.is_empty() {
            println!("  replay with: cargo run -p sim -- --seed {seed}");
        }
        faults += report.faults();
        sum.errands += report.errands;
        sum.taken += report.taken;
        sum.delivered += report.delivered;
        sum.reported += report.reported;
        sum.repeated += report.repeated;
        sum.crashes += report.crashes;
        sum.resets += report.resets;
        sum.names_failed += report.names_failed;
        sum.lost_replies += report.lost_replies;
        sum.broken.extend(report.broken);
    }
    println!("{count} seeds run");
    println!(
        "{faults} faults injected: {} crashes, {} resets, {} name failures, {} replies lost",
        sum.crashes, sum.resets, sum.names_failed, sum.lost_replies
    );
    println!(
        "{} letters for a recipient: {} answered 250, {} delivered, {} reported, {} repeated after a fault",
        sum.errands, sum.taken, sum.delivered, sum.reported, sum.repeated
    );
    println!("{} laws broken", sum.broken.len());
    if sum.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
