//! Programs that mail is handed to: how many run at once, what they are given, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::Topic;
use mail::reply::EnhancedStatus;
use parking_lot::Mutex;
use queue::fate::Said;
use queue::program::{self, Envelope, Program};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{error, info};

use super::{Delivery, unreadable};
use crate::doors::{CommandError, CommandRun, Ran};

/// How long a run waits for a place: a program that hangs must not keep the workers from others.
const PATIENCE: Duration = Duration::from_secs(30);

/// The places of programs that run, by the name of each.
#[derive(Default)]
pub(crate) struct Runs(Mutex<BTreeMap<String, (usize, Arc<Semaphore>)>>);

impl Runs {
    /// A place for a run of the program `name`, of which so many may run at once; none when there is
    /// none in time. When the number was changed, runs that began before do not count any more.
    async fn place(&self, name: &str, concurrency: usize) -> Option<OwnedSemaphorePermit> {
        let places = {
            let mut runs = self.0.lock();
            match runs.get(name) {
                Some((known, places)) if *known == concurrency => places.clone(),
                _ => {
                    let places = Arc::new(Semaphore::new(concurrency.max(1)));
                    runs.insert(name.to_owned(), (concurrency, places.clone()));
                    places
                }
            }
        };
        timeout(PATIENCE, places.acquire_owned()).await.ok()?.ok()
    }
}

impl Delivery<'_> {
    /// Hands the message to a program, of which people are told by `name`: "the program list".
    pub(super) async fn run(&self, name: &str, program: &Program) -> Said {
        let size = self.job.body_len;
        if let Some(limit) = program.size_max.filter(|limit| size > *limit) {
            let what = format!("{name} takes messages of at most {limit} octets");
            return Said::Given { status: EnhancedStatus::permanent(Topic(3, 4)), what };
        }
        let envelope = self.envelope(&program.null_sender);
        let arguments = match program.arguments(&envelope) {
            Ok(arguments) => arguments,
            Err(said) => return said,
        };
        let Some(_place) = self.shared.runs.place(name, program.concurrency).await else {
            let what = format!("{name} runs {} times already", program.concurrency);
            return Said::Given { status: EnhancedStatus::transient(Topic(4, 5)), what };
        };
        let body = match self.content().await {
            Ok(body) => body,
            Err(said) => return said,
        };
        let run = CommandRun {
            command: &arguments,
            user: program.user.as_deref(),
            directory: program.directory.as_deref(),
            environment: environment(&envelope),
            from: program.head.from_line.then(|| (self.from(), self.shared.world.clock.wall())),
            head: self.program_head(program),
            body,
            time_limit: program.time_limit,
            output_max: program.output_max,
        };
        let Ran { end, output } = match self.shared.world.commands.run(run).await {
            Ok(ran) => ran,
            Err(CommandError::Content(error)) => return unreadable(self.job, &error),
        };
        let judged = program::judge(name, &end, &output);
        let (id, to) = (self.job.id.message, &self.recipient.path);
        let rule = program.source.as_ref().map(ToString::to_string);
        match judged.alarm {
            true => error!(event = "program.failed", %id, %to, name, why = %judged.said, rule),
            false => info!(event = "program.ended", %id, %to, name, what = %judged.said),
        }
        judged.said
    }

    fn program_head(&self, program: &Program) -> Bytes {
        let mut head = Vec::new();
        if program.head.return_path {
            head.extend_from_slice(&self.return_path());
        }
        if program.head.delivered_to {
            head.extend_from_slice(&self.delivered_to());
        }
        Bytes::from(head)
    }
}

/// What a program finds in its environment beside what the door puts there: names by custom.
fn environment(envelope: &Envelope) -> Vec<(&'static str, String)> {
    vec![
        ("SENDER", envelope.sender.clone()),
        ("RECIPIENT", envelope.recipient.clone()),
        ("LOCAL", envelope.user.clone()),
        ("EXTENSION", envelope.extension.clone()),
        ("DOMAIN", envelope.domain.clone()),
        ("MESSAGE_ID", envelope.id.clone()),
    ]
}
