//! Lines typed by a person: edited, remembered, completed where this is a terminal that can.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{History, MemHistory};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::running;
use super::typed_ahead::{self, Ahead};

/// Lines remembered of each kind.
const REMEMBERED: usize = 500;
/// Terminals that cannot move their cursor.
const PLAIN_TERMINALS: [&str; 3] = ["dumb", "cons25", "emacs"];

/// What is asked for: it has its own memory and completion.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Asked {
    /// A command.
    #[default]
    Command,
    /// A list of addresses.
    Addresses,
    /// The name of a file.
    File,
    /// A subject.
    Subject,
    /// A line of a letter.
    Text,
}

/// What was typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Typed {
    /// A line without its end.
    Line(Vec<u8>),
    /// No more lines: Ctrl-D, or the end of a file.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// An editor of lines on the terminal.
pub struct LineEditor {
    editor: Editor<Helping, MemHistory>,
    histories: Vec<(Asked, VecDeque<String>)>,
    /// Where commands are kept from one run to the next.
    file: Option<PathBuf>,
    /// The full-screen view has left the terminal for a while, and may have read keys ahead.
    beside_screen: bool,
    /// Since then the editor of lines has read keys, perhaps beyond its line.
    has_read: bool,
}

impl LineEditor {
    /// Where there is a terminal that can.
    pub fn new() -> Option<Self> {
        let terminal = std::env::var("TERM").unwrap_or_default();
        if terminal.is_empty() || PLAIN_TERMINALS.contains(&terminal.as_str()) {
            return None;
        }
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .bracketed_paste(true)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new()).ok()?;
        running::hold_signals();
        editor.set_helper(Some(Helping::default()));
        Some(Self {
            editor,
            histories: Vec::new(),
            file: None,
            beside_screen: false,
            has_read: false,
        })
    }

    /// Completes these names where addresses are asked for, and these words where commands are.
    pub fn complete(&mut self, names: Vec<String>, commands: Vec<String>) {
        if let Some(helper) = self.editor.helper_mut() {
            (helper.names, helper.commands) = (names, commands);
        }
    }

    /// Remembers commands in `file`, and what was kept there.
    pub fn remember_in(&mut self, file: PathBuf) {
        if let Ok(text) = fs::read_to_string(&file) {
            let lines = text.lines().rev().take(REMEMBERED);
            let lines: VecDeque<String> = lines.map(str::to_owned).collect();
            let lines = lines.into_iter().rev().collect();
            self.histories.push((Asked::Command, lines));
        }
        self.file = Some(file);
    }

    /// Asks for a line, which begins as `initial`.
    pub fn ask(&mut self, prompt: &str, asked: Asked, initial: &str) -> std::io::Result<Typed> {
        if running::was_interrupted() {
            return Ok(Typed::Interrupted);
        }
        let begun = match self.typed_ahead(prompt, asked, initial)? {
            Ahead::Whole(typed) => return Ok(typed),
            Ahead::Begun(line) => line,
        };
        let initial = begun.as_str();
        self.recall(asked);
        if let Some(helper) = self.editor.helper_mut() {
            helper.asked = asked;
        }
        // Keystrokes arrive one by one; the terminal's own signals are no trouble in between.
        match self.editor.readline_with_initial(prompt, (initial, "")) {
            Ok(line) => {
                self.note(asked, &line);
                Ok(Typed::Line(line.into_bytes()))
            }
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupted),
            Err(ReadlineError::Io(error)) => Err(error),
            // A window that changed its size, or a key that is no character: ask again.
            Err(ReadlineError::Signal(_)) => self.ask(prompt, asked, initial),
            Err(ReadlineError::Errno(errno)) => Err(errno.into()),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    /// Tells that the full-screen view leaves the terminal for a command, or has it again.
    pub fn is_beside_screen(&mut self, beside: bool) {
        (self.beside_screen, self.has_read) = (beside, false);
    }

    /// Waits for `Enter` before the full-screen view has the terminal again.
    pub fn enter(&mut self, prompt: &str) -> std::io::Result<()> {
        // What this editor has read beyond its last line may be the key.
        if self.has_read {
            return self.ask(prompt, Asked::Subject, "").map(|_| ());
        }
        typed_ahead::enter(prompt, &mut std::io::stdout())?;
        println!();
        Ok(())
    }

    /// What the screen has read of the line already, shown as if it were typed now.
    fn typed_ahead(&mut self, prompt: &str, asked: Asked, initial: &str) -> std::io::Result<Ahead> {
        if !self.beside_screen || self.has_read {
            return Ok(Ahead::Begun(initial.to_owned()));
        }
        let ahead = typed_ahead::line(initial)?;
        match &ahead {
            Ahead::Whole(Typed::Line(line)) => {
                let line = String::from_utf8_lossy(line);
                println!("{prompt}{}", super::console::harmless(&line));
                self.note(asked, &line);
            }
            Ahead::Whole(_) => {}
            Ahead::Begun(_) => self.has_read = true,
        }
        Ok(ahead)
    }

    fn recall(&mut self, asked: Asked) {
        let _ = self.editor.history_mut().clear();
        let lines = self.histories.iter().find(|(kind, _)| *kind == asked);
        for line in lines.into_iter().flat_map(|(_, lines)| lines) {
            let _ = self.editor.history_mut().add(line);
        }
    }

    fn note(&mut self, asked: Asked, line: &str) {
        // The text of letters is nobody's business but the letter's.
        if line.trim().is_empty() || asked == Asked::Text {
            return;
        }
        let place = self.histories.iter().position(|(kind, _)| *kind == asked);
        let place = place.unwrap_or_else(|| {
            self.histories.push((asked, VecDeque::new()));
            self.histories.len() - 1
        });
        let Some((_, lines)) = self.histories.get_mut(place) else { return };
        if lines.back().is_some_and(|last| last == line) {
            return;
        }
        if lines.len() >= REMEMBERED {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn keep(&self) -> std::io::Result<()> {
        let commands = self.histories.iter().find(|(kind, _)| *kind == Asked::Command);
        let (Some(file), Some((_, lines))) = (&self.file, commands) else { return Ok(()) };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(file)?;
        for line in lines {
            std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }
}

impl Drop for LineEditor {
    fn drop(&mut self) {
        // A memory of commands is a comfort, no promise.
        let _ = self.keep();
    }
}

/// What completes lines.
#[derive(Default)]
struct Helping {
    asked: Asked,
    names: Vec<String>,
    commands: Vec<String>,
    files: FilenameCompleter,
}

impl Helping {
    fn words(&self, words: &[String], start: usize, begun: &str) -> (usize, Vec<Pair>) {
        let begun = begun.to_lowercase();
        let fits = |word: &&String| word.to_lowercase().starts_with(&begun);
        let pair = |word: &String| Pair { display: word.clone(), replacement: word.clone() };
        (start, words.iter().filter(fits).map(pair).collect())
    }
}

impl Completer for Helping {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..at).unwrap_or_default();
        let after = |marks: &[char]| before.rfind(marks).map_or(0, |mark| mark + 1);
        match self.asked {
            Asked::Addresses => {
                let start = after(&[',', ' ']);
                Ok(self.words(&self.names, start, before.get(start..).unwrap_or_default()))
            }
            Asked::File => self.files.complete(line, at, context),
            Asked::Command if !before.contains(' ') => Ok(self.words(&self.commands, 0, before)),
            Asked::Command => {
                let word = before.split(' ').next().unwrap_or_default();
                if matches!(word, "m" | "mail" | "forward" | "resend" | "fwd") {
                    let start = after(&[',', ' ']);
                    return Ok(self.words(
                        &self.names,
                        start,
                        before.get(start..).unwrap_or_default(),
                    ));
                }
                self.files.complete(line, at, context)
            }
            Asked::Text => {
                // Lines of a letter are left alone, unless they are commands with a file.
                if before.starts_with('~') {
                    return self.files.complete(line, at, context);
                }
                Ok((at, Vec::new()))
            }
            Asked::Subject => Ok((at, Vec::new())),
        }
    }
}

impl Hinter for Helping {
    type Hint = String;
}

impl Highlighter for Helping {
    fn highlight<'l>(&self, line: &'l str, _at: usize) -> Cow<'l, str> {
        Cow::Borrowed(line)
    }
}

impl Validator for Helping {}

impl Helper for Helping {}
