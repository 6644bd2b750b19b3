//! Text that is shown while it is made: page by page where it is longer than the screen. Little of it
//! is held; what is more goes on to the pager at once.

use std::io::{self, Write};
use std::mem;

use crate::agent::console::{Console, harmless_text};
use crate::agent::running::{self, Piped};

/// Octets held until it is known whether they fit the screen: many screens of text.
const HELD_MAX: usize = 1 << 20;

/// Text on its way to a person.
pub struct Pages<'p, 'c> {
    console: &'p mut Console<'c>,
    /// What shows a text that is longer than so many lines.
    pager: Option<(String, usize)>,
    held: String,
    flows: bool,
    piped: Option<Piped>,
    /// The last line has no end yet.
    open: bool,
}

impl<'p, 'c> Pages<'p, 'c> {
    /// Nothing to show yet. Only a person at a terminal gets a `pager`.
    pub fn new(pager: Option<String>, console: &'p mut Console<'c>) -> Self {
        let lines = running::screen().map(|(lines, _)| lines);
        let pager = pager.zip(lines).filter(|_| console.editor.is_some());
        Self { console, pager, held: String::new(), flows: false, piped: None, open: true }
    }

    /// More text, which is made harmless.
    ///
    /// # Errors
    /// Nobody looks any more: a broken pipe, which is no trouble.
    pub fn push(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let text = harmless_text(text);
        self.open = !text.ends_with('\n');
        if !self.flows && self.held.len() + text.len() <= HELD_MAX {
            self.held += &text;
            return Ok(());
        }
        self.flow(true)?;
        self.write(&text)
    }

    /// Shows what is held, and from now on holds nothing.
    fn flow(&mut self, long: bool) -> io::Result<()> {
        if mem::replace(&mut self.flows, true) {
            return Ok(());
        }
        let _ = self.console.out.flush();
        if let Some((pager, _)) = self.pager.take().filter(|_| long) {
            match Piped::start(&pager) {
                Ok(piped) => self.piped = Some(piped),
                Err(error) => self.console.complain("mail", &format!("{pager}: {error}")),
            }
        }
        let held = mem::take(&mut self.held);
        self.write(&held)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match &mut self.piped {
            Some(piped) => piped.write_all(text.as_bytes()),
            // A person who is gone needs no more of it.
            None => self.console.out.write_all(text.as_bytes()).map_err(gone),
        }
    }

    /// The end of the text, or why it ends: `made` is what making it gave.
    ///
    /// # Errors
    /// That of `made`, a broken pipe aside.
    pub fn finish(mut self, made: io::Result<()>) -> io::Result<()> {
        let lines = self.held.lines().count();
        let long = self.pager.as_ref().is_some_and(|(_, screen)| lines >= *screen);
        let shown = self.flow(long);
        match self.piped.take() {
            // What the pager says of itself is between it and the person.
            Some(piped) => drop(piped.end(shown)),
            None if self.open => self.console.say(""),
            None => {}
        }
        match made {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            made => made,
        }
    }
}

fn gone(_: io::Error) -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
