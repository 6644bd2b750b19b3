//! `postrider test FILE`: plays the cases of a file and tells which of them hold.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::ConfigArgument;
use crate::agent::may_colour;
use crate::agent::sysexits::{EX_CONFIG, EX_DATAERR};
use crate::config::{self, Problem};
use crate::rehearsal::{self, Mismatch, Outcome};

/// A case does not hold.
const BROKEN: u8 = 1;

/// Plays the cases in `file`, with the configuration that `argument` or the file itself names.
pub fn run(file: &Path, argument: &ConfigArgument, as_json: bool) -> ExitCode {
    let wrong = |problems: Vec<Problem>| {
        eprint!("{}", config::render(&problems, may_colour(&std::io::stderr())));
    };
    let cases = match rehearsal::load(file) {
        Ok(cases) => cases,
        Err(problems) => {
            wrong(problems);
            return EX_DATAERR.into();
        }
    };
    let named = ConfigArgument { config: argument.config.clone().or_else(|| cases.config()) };
    super::with_config(&named, |config| match cases.play(&config) {
        Ok(outcomes) => {
            print!("{}", if as_json { json(&outcomes) } else { text(&outcomes) });
            let holds = outcomes.iter().all(|outcome| outcome.mismatches.is_empty());
            if holds { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) }
        }
        Err(problems) => {
            wrong(problems);
            EX_CONFIG.into()
        }
    })
}

fn json(outcomes: &[Outcome]) -> String {
    serde_json::to_string_pretty(outcomes).unwrap_or_default() + "\n"
}

fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for Outcome { name, mismatches, .. } in outcomes {
        let word = if mismatches.is_empty() { "holds " } else { "BROKEN" };
        text += &format!("{word}  {name}\n");
        for Mismatch { place, what, expected, got } in mismatches {
            // Longer values keep to their column.
            let got = got.trim_end().replace('\n', "\n                  ");
            text += &format!(
                "        {place}: {what}\n        expected  {expected}\n        got       {got}\n"
            );
        }
    }
    let broken = outcomes.iter().filter(|outcome| !outcome.mismatches.is_empty()).count();
    text + &match (outcomes.len(), broken) {
        (0, _) => "there are no cases: write [[case]], see docs/testing.md\n".to_owned(),
        (1, 0) => "the case holds\n".to_owned(),
        (all, 0) => format!("all {all} cases hold\n"),
        (all, broken) => format!("{broken} of {all} cases broken\n"),
    }
}
