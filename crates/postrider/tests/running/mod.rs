//! `postrider serve` as a process of its own, ready when it is given and ended when it is dropped.

#![allow(dead_code, reason = "no test needs all of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

pub struct Server {
    child: Child,
    /// Kept open: what the server says must not break its pipe.
    _said: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `command`, which serves, and waits until it says that it is ready.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "serve ended before it was ready");
        }
        Self { child, _said: said }
    }

    /// Sends it a signal, `-TERM` for example.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(self) {
        self.signal("-TERM");
        self.ends();
    }

    /// Waits until it has ended, well.
    pub fn ends(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
