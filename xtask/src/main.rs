//! The project's own chores. `cargo xtask check` is all a merge needs.

mod conformance;
mod licences;
mod register;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
The project's own chores.

usage: cargo xtask CHORE

  check     format, lints, tests, documentation, licences, tidiness, a bounded simulation:
            all a merge needs
  tidy      only the tidiness: floors, ambient effects, citations, unfinished words
  conformance
            writes docs/conformance.md, the register of requirements and the tests that prove it;
            fails on a rule without a test (--check writes nothing, --all lists all open rows)
  bench     the figures of a release build under load (arguments go to the benchmark);
            `bench letters` tells what a person waits for who reads
  scenes    the four-host scene with real processes, and mail to and from real peers
  sim       the simulation (arguments go to it: --seeds 1000)
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match chore.as_str() {
        "check" => check(),
        "tidy" => tidy::run(&root()),
        "conformance" => conformance::run(&root(), &rest),
        "bench" => bench(&rest),
        "scenes" => against_release("interop", &rest),
        "sim" => cargo(
            &[&["run", "--release", "--package", "sim", "--"], strs(&rest).as_slice()].concat(),
        ),
        _ => {
            print!("{HELP}");
            return if matches!(chore.as_str(), "" | "help" | "--help") {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(64)
            };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a program of ours that plays against the server as it is shipped.
fn against_release(package: &str, rest: &[String]) -> Done {
    cargo(&["build", "--release", "--package", "postrider"])?;
    cargo(&[&["run", "--release", "--package", package, "--"], strs(rest).as_slice()].concat())
}

/// The figures of letters begin with those of the library alone, in its own process.
fn bench(rest: &[String]) -> Done {
    if rest.first().is_some_and(|word| word == "letters") {
        cargo(&["run", "--release", "--package", "mail", "--example", "large_letter"])?;
    }
    against_release("bench", rest)
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The folder that holds the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

type Done = Result<(), String>;

fn check() -> Done {
    step("tidy", || tidy::run(&root()))?;
    step("conformance", || conformance::run(&root(), &["--check".to_owned()]))?;
    step("licences", || licences::run(&root()))?;
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    })?;
    step("tests", || cargo(&["test", "--workspace"]))?;
    step("simulation", || cargo(&["run", "--package", "sim", "--", "--seeds", "40"]))?;
    step("documentation", || {
        cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])
    })
}

fn step(name: &str, run: impl FnOnce() -> Done) -> Done {
    eprintln!("== {name}");
    run().map_err(|problems| format!("{name}: {problems}"))
}

fn cargo(arguments: &[&str]) -> Done {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    if arguments.first() == Some(&"doc") {
        command.env("RUSTDOCFLAGS", "--deny warnings");
    }
    let status = command.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}
