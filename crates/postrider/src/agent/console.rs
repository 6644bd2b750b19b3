//! The terminal, or the pipes a script put in its place.

use std::io::{self, BufRead, IsTerminal, Write};

/// Where a program reads and writes. Errors in writing to a person who is gone change no outcome,
/// so the methods here swallow them.
pub struct Console<'a> {
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// A person types: ask them.
    pub interactive: bool,
    /// Standard output may be coloured.
    pub colour: bool,
    /// Standard error may be coloured.
    pub err_colour: bool,
}

/// Whether `stream` may be coloured: a person looks at it, and has not said NO_COLOR.
pub fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Console<'_> {
    /// Runs `program` with this process's own streams.
    pub fn with_own<T>(program: impl FnOnce(&mut Console<'_>) -> T) -> T {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let result = program(&mut Console {
            interactive: stdin.is_terminal(),
            colour: may_colour(&stdout),
            err_colour: may_colour(&stderr),
            input: &mut stdin.lock(),
            out: &mut stdout.lock(),
            err: &mut stderr.lock(),
        });
        let _ = io::stdout().flush();
        result
    }

    /// A line to the person.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
    }

    /// A line of trouble, with the program's name.
    pub fn complain(&mut self, program: &str, line: &str) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{program}: {line}");
    }

    /// Shows a prompt and waits on its line for the answer.
    pub fn prompt(&mut self, prompt: &str) {
        let _ = write!(self.out, "{prompt}").and_then(|()| self.out.flush());
    }
}

/// `text` made harmless for a terminal: what comes from a peer may hold escapes (RFC 5322 §5).
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
