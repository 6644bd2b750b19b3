//! Tasks run on the runtime that is there.

use engine::doors::{Doing, Tasks};

/// Hands each task to tokio.
#[derive(Clone, Copy, Debug)]
pub struct Runtime;

impl Tasks for Runtime {
    fn spawn(&self, task: Doing<'static, ()>) {
        tokio::spawn(task);
    }
}
