//! The figures as a table, and as JSON.

use serde::Serialize;

/// One line of the table; what was not measured is `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// What was done.
    pub scenario: String,
    /// Connections of the generator.
    pub sessions: usize,
    /// How it talked.
    pub mode: &'static str,
    /// Letters that were accepted.
    pub letters: usize,
    /// Per second: accepted, or at the sink.
    pub per_second: Option<f64>,
    /// Of the server, for each letter.
    pub cpu_us: Option<f64>,
    /// Of the generator, for each letter.
    pub generator_us: Option<f64>,
    /// Of the sink, for each letter.
    pub sink_us: Option<f64>,
    /// End of data to the `250`, or to the sink.
    pub p50_ms: Option<f64>,
    /// The same, of the slowest hundredth.
    pub p99_ms: Option<f64>,
    /// Calls of fsync and fdatasync for each letter.
    pub fsyncs: Option<f64>,
    /// The most memory the server had resident.
    pub peak_mib: Option<f64>,
    /// Accepted, yet never at the sink.
    pub lost: usize,
    /// At the sink more than once.
    pub repeated: usize,
    /// What else is to be said.
    pub notes: Vec<String>,
}

const HEAD: [&str; 14] = [
    "scenario",
    "sess",
    "mode",
    "letters",
    "letters/s",
    "cpu us",
    "gen us",
    "sink us",
    "p50 ms",
    "p99 ms",
    "fsync/l",
    "peak MiB",
    "lost",
    "twice",
];

impl Row {
    fn cells(&self) -> [String; 14] {
        let figure = |value: Option<f64>, digits: usize| match value {
            Some(value) => format!("{value:.digits$}"),
            None => "-".to_owned(),
        };
        [
            self.scenario.clone(),
            self.sessions.to_string(),
            self.mode.to_owned(),
            self.letters.to_string(),
            figure(self.per_second, 0),
            figure(self.cpu_us, 1),
            figure(self.generator_us, 1),
            figure(self.sink_us, 1),
            figure(self.p50_ms, 2),
            figure(self.p99_ms, 2),
            figure(self.fsyncs, 3),
            figure(self.peak_mib, 0),
            self.lost.to_string(),
            self.repeated.to_string(),
        ]
    }
}

/// The rows as plain text, the notes below them.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let mut widths = [0; 14];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = String::new();
    for line in &lines {
        for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
            match place {
                0 | 2 => text.push_str(&format!("{cell:<width$}  ")),
                _ => text.push_str(&format!("{cell:>width$}  ")),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for row in rows {
        for note in &row.notes {
            text.push_str(&format!("{} ({}, {}): {note}\n", row.scenario, row.sessions, row.mode));
        }
    }
    text
}

/// The rows as a JSON array.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).unwrap_or_default()
}
