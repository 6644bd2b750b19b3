//! Shows the dialogue with the service as mail programs have shown it since the eighties: commands
//! after `>>> `, replies as they came. The content is not shown, but its final dot is.

use std::io::Write;
use std::net::SocketAddr;

use crate::agent::console::harmless;
use crate::agent::submit::Dialogue;

/// Shows it on `out`, line by line.
pub(crate) struct Shown<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Shown<'a> {
    /// On `out`.
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// A watcher who has gone away changes nothing.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

impl Dialogue for Shown<'_> {
    fn connecting(&mut self, to: SocketAddr) {
        self.line(&format!("Connecting to the mail service at {to}..."));
    }

    fn command(&mut self, line: &str) {
        self.line(&format!(">>> {}", harmless(line)));
    }

    fn reply(&mut self, line: &str) {
        self.line(&harmless(line));
    }
}
