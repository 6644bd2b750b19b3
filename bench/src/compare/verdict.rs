//! The figures side by side, with what they come to: each goal, and whether it is reached.

use serde::Serialize;

use super::contest::{Contest, Figures};
use super::{Match, Outcome};

/// What is aimed at, and what came out.
#[derive(Debug, Serialize)]
struct Goal {
    /// In words.
    goal: String,
    /// What was measured.
    measured: f64,
    /// Whether that is enough.
    reached: bool,
}

const HEAD: [&str; 8] =
    ["contest", "server", "count", "per second", "cpu us", "p50 ms", "p99 ms", "peak MiB"];

/// The outcomes as plain text: the table, the figures of single contests, the goals, the notes.
#[must_use]
pub fn table(outcomes: &[Outcome], failed: &[String]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(outcomes.iter().map(cells));
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = String::new();
    for line in &lines {
        for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
            match place {
                0 | 1 => text.push_str(&format!("{cell:<width$}  ")),
                _ => text.push_str(&format!("{cell:>width$}  ")),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push('\n');
    for outcome in outcomes {
        for note in particulars(&outcome.figures) {
            text.push_str(&format!("{}, {}: {note}\n", outcome.contest.name(), outcome.contender));
        }
    }
    text.push('\n');
    for goal in goals(outcomes) {
        let word = if goal.reached { "reached" } else { "MISSED " };
        text.push_str(&format!("{word}  {}: {:.2}\n", goal.goal, goal.measured));
    }
    failed.iter().for_each(|what| text.push_str(&format!("FAILED   {what}\n")));
    text
}

fn cells(outcome: &Outcome) -> [String; 8] {
    let figure = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    };
    let figures = &outcome.figures;
    [
        outcome.contest.name().to_owned(),
        outcome.contender.to_owned(),
        figures.count.to_string(),
        figure(figures.per_second, 0),
        figure(figures.cpu_us, 1),
        figure(figures.p50_ms, 2),
        figure(figures.p99_ms, 2),
        figure(figures.peak_mib, 0),
    ]
}

/// What only some contests measure.
fn particulars(figures: &Figures) -> Vec<String> {
    let named = [
        (figures.session_kib, "KiB for each session"),
        (figures.restart_s, "s from the start after a crash to the first letter taken"),
        (figures.list_s, "s for the list of the queue"),
        (figures.drain_per_second, "letters/s when the host is back"),
        (figures.beside, "times the rate of other letters without the deep queue"),
        (figures.slope, "times the rate of the first tenth in the last tenth of the coming"),
    ];
    let shown = named.iter().filter_map(|(value, name)| Some(format!("{:.2} {name}", (*value)?)));
    shown.chain(figures.notes.iter().cloned()).collect()
}

/// The goals that these outcomes can tell of.
fn goals(outcomes: &[Outcome]) -> Vec<Goal> {
    let of = |contest: Contest, contender: &str| {
        let found = outcomes.iter().find(|it| it.contest == contest && it.contender == contender);
        found.map(|outcome| &outcome.figures)
    };
    let mut goals = Vec::new();
    let mut tell =
        |goal: String, measured: Option<f64>, enough: fn(f64, f64) -> bool, mark: f64| {
            if let Some(measured) = measured.filter(|value| value.is_finite()) {
                goals.push(Goal { goal, measured, reached: enough(measured, mark) });
            }
        };
    let most: fn(f64, f64) -> bool = |measured, mark| measured <= mark;
    let least: fn(f64, f64) -> bool = |measured, mark| measured >= mark;
    for peer in ["postfix", "postfix tuned"] {
        for contest in
            [Contest::Accept, Contest::Relay, Contest::Relay50, Contest::Maildir, Contest::List]
        {
            let pair = of(contest, "postrider").zip(of(contest, peer));
            let rate = pair.and_then(|(own, peer)| Some(own.per_second? / peer.per_second?));
            let cpu = pair.and_then(|(own, peer)| Some(peer.cpu_us? / own.cpu_us?));
            let name = contest.name();
            tell(format!("{name}: times the rate of {peer}, at least 10"), rate, least, 10.0);
            tell(format!("{name}: CPU of {peer} by ours, at least 15"), cpu, least, 15.0);
        }
        let pair = of(Contest::Lone, "postrider").zip(of(Contest::Lone, peer));
        let lone = pair.and_then(|(own, peer)| Some(own.p50_ms? / peer.p50_ms?));
        tell(format!("lone letter: our median time by that of {peer}, at most 1"), lone, most, 1.0);
    }
    for contest in [Contest::Accept, Contest::Accept20, Contest::Accept20Pipelined, Contest::Relay]
    {
        let pair = of(contest, "postrider").zip(of(contest, "bare"));
        let rate = pair.and_then(|(own, bare)| Some(bare.per_second? / own.per_second?));
        let name = contest.name();
        tell(format!("{name}: rate of the bare server by ours, at most 1.5"), rate, most, 1.5);
    }
    let idle = of(Contest::Idle, "postrider").and_then(|own| own.session_kib);
    tell("idle session: KiB, at most 16".to_owned(), idle, most, 16.0);
    let deep = of(Contest::Deep, "postrider");
    let restart = deep.and_then(|own| own.restart_s);
    tell("deep queue: seconds to restart, at most 1".to_owned(), restart, most, 1.0);
    let beside = deep.and_then(|own| own.beside);
    tell(
        "deep queue: rate of others by that without, at least 0.95".to_owned(),
        beside,
        least,
        0.95,
    );
    goals
}

/// The same for machines.
#[must_use]
pub fn json(wanted: &Match, outcomes: &[Outcome], failed: &[String]) -> String {
    #[derive(Serialize)]
    struct One<'a> {
        contest: &'static str,
        server: &'static str,
        figures: &'a Figures,
    }
    let all = outcomes.iter().map(|outcome| One {
        contest: outcome.contest.name(),
        server: outcome.contender,
        figures: &outcome.figures,
    });
    let whole = serde_json::json!({
        "rounds": wanted.rounds,
        "outcomes": all.collect::<Vec<_>>(),
        "goals": goals(outcomes),
        "failed": failed,
    });
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}
