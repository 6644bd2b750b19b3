//! The door to programs of this machine.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use queue::program::End;
use spool::{BodyReader, SpoolError};

use super::Doing;

/// One run of a program with one message on its standard input, lines ending with LF.
pub struct CommandRun<'a> {
    /// The program and its arguments: no shell looks at them.
    pub command: &'a [String],
    /// Whose rights it gets; none: ours, which must not be root's.
    pub user: Option<&'a str>,
    /// Where it starts; none: `/`.
    pub directory: Option<&'a Path>,
    /// Added to an environment that has nothing of ours.
    pub environment: Vec<(&'static str, String)>,
    /// The sender and the time of a `From_` line, where one is wanted.
    pub from: Option<(String, SystemTime)>,
    /// What is written before the content.
    pub head: Bytes,
    /// The content as it was received.
    pub body: Box<dyn BodyReader>,
    /// After this it is ended, with all that it has started.
    pub time_limit: Duration,
    /// Octets it may write; then it is ended.
    pub output_max: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// The beginning of what it wrote, at most 4 KiB.
    pub output: Vec<u8>,
}

/// Why a run does not count, whatever the program said.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The content could not be read from the spool: the program did not get all of it, and was ended
    /// before it could know.
    #[error("the content cannot be read")]
    Content(#[source] SpoolError),
}

/// Runs programs.
pub trait Commands: Send + Sync {
    /// Runs one, to its end or ours. A program that does not read to the end of its input may all the
    /// same end well. Dropping the future ends the program.
    fn run<'a>(&'a self, run: CommandRun<'a>) -> Doing<'a, Result<Ran, CommandError>>;
}

/// No programs, for worlds without any.
#[derive(Clone, Copy, Debug)]
pub struct NoCommands;

impl Commands for NoCommands {
    fn run<'a>(&'a self, _: CommandRun<'a>) -> Doing<'a, Result<Ran, CommandError>> {
        let end = End::Unfit("this host runs no programs".to_owned());
        Box::pin(async { Ok(Ran { end, output: Vec::new() }) })
    }
}
