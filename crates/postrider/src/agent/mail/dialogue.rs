//! Shows the dialogue with the service as mail programs have shown it since the eighties: commands
//! after `>>> `, replies as they came. The content is not shown, but its final dot is.
//!
//! At the end comes the same as a table, the way a packet trace is printed: when each line came or
//! went, seconds since the beginning, and in parentheses seconds since the line before.

use std::io::Write;
use std::time::Instant;

use jiff::ZonedDateTime;
use mail::TlsFacts;

use crate::agent::console::harmless;
use crate::agent::submit::Dialogue;

/// Columns of a line in the table: what is longer is cut.
const LINE_COLUMNS: usize = 60;
/// Lines of the table; a session with more recipients than that shows its beginning.
const ROWS_MAX: usize = 2000;

/// Which way a line went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Out,
    In,
    Neither,
}

impl Way {
    fn mark(self) -> &'static str {
        match self {
            Self::Out => ">",
            Self::In => "<",
            Self::Neither => "*",
        }
    }
}

struct Row {
    at: Instant,
    way: Way,
    line: String,
}

/// Shows it on `out`, line by line.
pub(crate) struct Shown<'a> {
    out: &'a mut dyn Write,
    begin: Option<(ZonedDateTime, Instant)>,
    rows: Vec<Row>,
    /// Octets of content since the last command.
    content: u64,
}

impl<'a> Shown<'a> {
    /// On `out`.
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, begin: None, rows: Vec::new(), content: 0 }
    }

    /// A watcher who has gone away changes nothing.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    fn note(&mut self, way: Way, line: String) {
        let now = Instant::now();
        self.begin.get_or_insert_with(|| (ZonedDateTime::now(), now));
        if self.rows.len() < ROWS_MAX {
            self.rows.push(Row { at: now, way, line });
        }
    }

    fn note_content(&mut self) {
        let content = std::mem::take(&mut self.content);
        if content > 0 {
            self.note(Way::Out, format!("({content} octets of content)"));
        }
    }

    /// The table of all that was said.
    pub(crate) fn show_times(&mut self) {
        let Some((wall, begin)) = self.begin.take() else { return };
        self.line("");
        self.line(&format!(
            "Session of {}, seconds since its beginning and (since the line before):",
            wall.strftime("%Y-%m-%d %H:%M:%S %z")
        ));
        let mut before = begin;
        for (number, row) in std::mem::take(&mut self.rows).iter().enumerate() {
            let since = row.at.saturating_duration_since(begin);
            let after = row.at.saturating_duration_since(before);
            let moment = wall
                .checked_add(jiff::SignedDuration::try_from(since).unwrap_or_default())
                .map_or_else(
                    |_| String::new(),
                    |moment| moment.strftime("%H:%M:%S.%6f").to_string(),
                );
            self.line(&format!(
                "{:>4} {moment} {:>10.6} ({:.6}) {} {}",
                number + 1,
                since.as_secs_f64(),
                after.as_secs_f64(),
                row.way.mark(),
                cut(&row.line)
            ));
            before = row.at;
        }
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE_COLUMNS) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
    }
}

impl Dialogue for Shown<'_> {
    fn connecting(&mut self, server: &str) {
        self.line(&format!("Connecting to the mail service at {server}..."));
        self.note(Way::Neither, format!("connect to {server}"));
    }

    fn secured(&mut self, facts: &TlsFacts) {
        let TlsFacts { version, cipher, peer, .. } = facts;
        let peer = peer.as_deref().unwrap_or("an unknown host");
        let line = format!("secured with {version} ({cipher}); the certificate is that of {peer}");
        self.line(&format!("*** {line}"));
        self.note(Way::Neither, line);
    }

    fn command(&mut self, line: &str) {
        let line = harmless(line);
        self.note_content();
        self.line(&format!(">>> {line}"));
        self.note(Way::Out, line);
    }

    fn content(&mut self, octets: usize) {
        // The octets of the final dot are told already.
        if self.rows.last().is_none_or(|row| row.line != ".") {
            self.content += octets as u64;
        }
    }

    fn reply(&mut self, line: &str) {
        self.note_content();
        let line = harmless(line);
        self.line(&line);
        self.note(Way::In, line);
    }
}
