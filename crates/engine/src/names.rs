//! Answers of the name system, kept for as long as they themselves allow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mail::lookup::{Answer, Question};
use parking_lot::Mutex;

use crate::doors::World;

/// Answers kept at most; at 200 octets each about 4 MB.
const ANSWERS: usize = 20_000;
/// The longest an answer is kept, whatever its TTL says.
const KEEP: Duration = Duration::from_secs(86_400);

/// An answer that is known.
struct Known {
    answer: Answer,
    /// When it was got, and until when it holds.
    since: Instant,
    until: Instant,
}

/// The cache in front of [`Names`](crate::doors::Names). Failures are never kept: a server that was
/// down a second ago may be up.
#[derive(Default)]
pub(crate) struct NameCache {
    answers: Mutex<BTreeMap<Question, Known>>,
}

impl NameCache {
    /// The answer to `question`, from here or from the name system.
    pub(crate) async fn ask(&self, world: &World, question: &Question) -> Answer {
        self.ask_dated(world, question).await.0
    }

    /// The same, with the age of an answer that was known.
    pub(crate) async fn ask_dated(
        &self,
        world: &World,
        question: &Question,
    ) -> (Answer, Option<Duration>) {
        let now = world.clock.now();
        if let Some(known) = self.answers.lock().get(question)
            && known.until > now
        {
            return (known.answer.clone(), Some(now.saturating_duration_since(known.since)));
        }
        let answer = world.names.ask(question).await;
        let ttl = answer.ttl();
        if !ttl.is_zero() {
            self.keep(question.clone(), answer.clone(), now + ttl.min(KEEP), now);
        }
        (answer, None)
    }

    /// Forgets all: other name servers may know other things.
    pub(crate) fn forget(&self) {
        self.answers.lock().clear();
    }

    fn keep(&self, question: Question, answer: Answer, until: Instant, now: Instant) {
        let mut answers = self.answers.lock();
        if answers.len() >= ANSWERS {
            answers.retain(|_, known| known.until > now);
        }
        if answers.len() >= ANSWERS {
            answers.pop_first();
        }
        answers.insert(question, Known { answer, since: now, until });
    }
}
