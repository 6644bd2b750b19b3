//! The terminal, or the pipes a script put in its place.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::sentry::Unlocked;
use super::typing::{Asked, LineEditor, Typed};

/// Octets of one line. A terminal gives 4096; a paste may give more.
const LINE_MAX: u64 = 1 << 20;

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
    /// Edits the lines a person types; without it they come from `input`.
    pub editor: Option<LineEditor>,
}

/// Whether `stream` may be coloured: a person looks at it, and has not said NO_COLOR.
pub fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Console<'_> {
    /// Runs `program` with this process's own streams.
    pub fn with_own<T>(program: impl FnOnce(&mut Console<'_>) -> T) -> T {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let interactive = stdin.is_terminal();
        let result = program(&mut Console {
            interactive,
            editor: Some(())
                .filter(|()| interactive && stdout.is_terminal())
                .and_then(|()| LineEditor::new()),
            colour: may_colour(&stdout),
            err_colour: may_colour(&stderr),
            input: &mut stdin.lock(),
            out: &mut stdout.lock(),
            err: &mut stderr.lock(),
        });
        let _ = io::stdout().flush();
        result
    }

    /// Runs `program` while the thread that owns the streams waits for a person: it reads nothing, and
    /// speaks on standard error.
    pub fn beside<T>(program: impl FnOnce(&mut Console<'_>) -> T) -> T {
        program(&mut Console {
            interactive: false,
            editor: None,
            colour: false,
            err_colour: false,
            input: &mut io::empty(),
            out: &mut Unlocked,
            err: &mut Unlocked,
        })
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

    /// Asks for a line, which begins as `initial` where it can be edited.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn ask(&mut self, prompt: &str, asked: Asked, initial: &str) -> io::Result<Typed> {
        let _ = self.out.flush();
        if let Some(editor) = &mut self.editor {
            return editor.ask(prompt, asked, initial);
        }
        if self.interactive {
            self.prompt(prompt);
        }
        let mut line = Vec::new();
        (&mut *self.input).take(LINE_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(Typed::End);
        }
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        line.truncate(end);
        Ok(Typed::Line(line))
    }

    /// Asks a question that is answered by yes; anything else is no.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn agrees(&mut self, question: &str) -> io::Result<bool> {
        match self.ask(&format!("{question} [y/N] "), Asked::Subject, "")? {
            Typed::Line(answer) => Ok(matches!(answer.first(), Some(b'y' | b'Y'))),
            Typed::End | Typed::Interrupted => Ok(false),
        }
    }

    /// Shows a prompt and waits on its line for the answer.
    pub fn prompt(&mut self, prompt: &str) {
        let _ = write!(self.out, "{prompt}").and_then(|()| self.out.flush());
    }
}

/// `text` on one line, made harmless for a terminal: what comes from a peer may hold escapes
/// (RFC 5322 §5), and marks that turn the direction of text show what is not there.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { '?' } else { c }).collect()
}

/// The same for lines: their ends stay, tabs become blanks.
pub fn harmless_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for letter in text.chars() {
        match letter {
            '\n' => {
                out.push(letter);
                column = 0;
                continue;
            }
            '\t' => {
                let blanks = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
                continue;
            }
            letter if is_harmful(letter) => out.push('?'),
            letter => out.push(letter),
        }
        column += 1;
    }
    out
}

fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 5322-5-a
    #[test]
    fn terminals_are_safe() {
        let rows = [
            ("plain Grüße 漢字", "plain Grüße 漢字"),
            ("\u{1b}]0;owned\u{7}\u{1b}[2J", "?]0;owned??[2J"),
            ("\u{9b}2J\u{7f}\0", "?2J??"),
            ("a\rb", "a?b"),
            ("exe.\u{202e}gpj", "exe.?gpj"),
        ];
        for (text, want) in rows {
            assert_eq!(harmless(text), want);
            assert_eq!(harmless_text(text), want);
        }
        assert_eq!(harmless("a\nb\tc"), "a?b?c");
        assert_eq!(harmless_text("a\nb\tc\n"), "a\nb       c\n");
    }
}
