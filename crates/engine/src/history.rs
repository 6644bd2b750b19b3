//! What the flows tell the history: each event where it happens, and nothing that the flow did not
//! have in hand anyway.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use queue::expansion::{Kind, Node};
use queue::history::{
    Accepted, Acted, Attempted, DIALOGUE_MAX, Dialogue, ENVELOPE_MAX, Ended, Entry, Event, Key,
    Moved, Phases, Reported, STEPS_MAX, dialogue_max,
};
use queue::record::Stored;
use queue::rewrite::Change;
use queue::route;
use spool::{MessageId, RecipientOutcome, RecipientUpdate};

use crate::dispatch::Job;
use crate::doors::{Detail, Told};
use crate::operator::Operator;
use crate::{Engine, Shared};

/// Recipients kept of an envelope that is too large for an entry.
const RECIPIENTS_KEPT: usize = 500;

/// When the steps of a reception were.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) connected: Instant,
    pub(crate) mail: Instant,
    pub(crate) recipient: Instant,
    pub(crate) content: Instant,
    pub(crate) complete: Instant,
}

impl Times {
    pub(crate) fn new(now: Instant) -> Self {
        Self { connected: now, mail: now, recipient: now, content: now, complete: now }
    }
}

/// What is known of how a message came.
#[derive(Default)]
pub(crate) struct Inbound {
    pub(crate) times: Option<Times>,
    /// What was said, where all is kept.
    pub(crate) dialogue: Vec<u8>,
    /// Recipients that stand for others, with what became of them.
    pub(crate) expanded: Vec<(String, String)>,
}

/// What is known of an attempt beside its results.
pub(crate) struct Story<'a> {
    pub(crate) begun: Instant,
    /// None where nothing was said to anybody.
    pub(crate) dialogue: Option<&'a mut Dialogue>,
    /// The known failure of the destination was taken as its own.
    pub(crate) is_adopted: bool,
}

/// A message as it went into the spool.
pub(crate) struct Taken<'a> {
    pub(crate) id: MessageId,
    pub(crate) of: Option<MessageId>,
    pub(crate) stored: &'a Stored,
    pub(crate) envelope: &'a Bytes,
    pub(crate) size: u64,
}

impl Shared {
    /// Whether a history is kept.
    pub(crate) fn has_history(&self) -> bool {
        self.world.history.detail() != Detail::Off
    }

    /// Tells the history of something that happened now.
    pub(crate) fn tell(&self, event: Event<'_>) {
        self.tell_at(self.world.clock.wall(), event);
    }

    fn tell_at(&self, at: SystemTime, event: Event<'_>) {
        self.world.history.append(&Entry { at, event });
    }

    /// The message is in the spool. `commit`: when that was asked for.
    pub(crate) fn tell_taken(&self, taken: &Taken<'_>, inbound: Option<&Inbound>, commit: Instant) {
        let now = self.world.clock.now();
        let before = |moment: Instant| now.saturating_duration_since(moment);
        let (envelope, left_out) = envelope(taken);
        let phases = inbound.and_then(|inbound| inbound.times).map(|times| Phases {
            connected: before(times.connected),
            mail: before(times.mail),
            recipient: before(times.recipient),
            content: before(times.content),
            complete: before(times.complete),
            commit: before(commit),
        });
        let expanded = inbound.map_or(&[][..], |inbound| &inbound.expanded);
        let expanded = expanded
            .iter()
            .map(|(given, became)| (Cow::Borrowed(given.as_str()), Cow::Borrowed(became.as_str())));
        self.tell(Event::Accepted(Accepted {
            id: Some(taken.id),
            of: taken.of,
            envelope,
            left_out,
            size: taken.size,
            phases,
            expanded: expanded.collect(),
            dialogue: inbound.map_or(&[][..], |inbound| &inbound.dialogue).into(),
        }));
    }

    /// A job was tried, and what came of it is booked.
    pub(crate) fn tell_attempt(
        &self,
        job: &Job,
        results: &[RecipientUpdate],
        next: Option<SystemTime>,
        story: &mut Story<'_>,
    ) {
        let detail = self.world.history.detail();
        if detail == Detail::Off {
            return;
        }
        let attempt = job.attempts + 1;
        let went_well = results.iter().all(|result| result.outcome == RecipientOutcome::Delivered);
        let is_kept = detail == Detail::All || (detail == Detail::Failures && !went_well);
        let dialogue = match &mut story.dialogue {
            Some(dialogue) if is_kept => dialogue.finish(dialogue_max(attempt)),
            _ => Vec::new(),
        };
        let route = if is_kept { self.route_in_words(job) } else { None };
        self.tell(Event::Attempted(Attempted {
            job: job.id,
            attempt,
            queue: Cow::Borrowed(&job.queue),
            took: self.world.clock.now().saturating_duration_since(story.begun),
            route: route.map(Cow::Owned),
            is_adopted: story.is_adopted,
            results: Cow::Borrowed(results),
            next,
            dialogue: dialogue.into(),
        }));
    }

    /// Why the job goes the way it goes.
    fn route_in_words(&self, job: &Job) -> Option<String> {
        let (number, _) = job.open.first()?;
        let recipient = job.stored.recipients.get(*number as usize)?;
        let options = self.options();
        let (routes, access) = (&options.routes, &options.access);
        let (sender, target) = (&job.stored.reverse_path, job.stored.targets.get(number));
        let routed = route::route_recipient(routes, access, sender, &recipient.path, target);
        // A table may have said it, which is not asked again for a line of the history.
        let by_table = !routes.sender_tables.is_empty() && routed.queue_name() != *job.queue;
        Some(match by_table {
            true => format!("a route of the sender {sender} in a table: {}", job.queue),
            false => routed.reason.to_string(),
        })
    }

    /// The sender is told of a fate.
    pub(crate) fn tell_report(&self, about: MessageId, report: MessageId, to: &str, kind: &str) {
        let (to, kind) = (to.into(), kind.into());
        self.tell(Event::Reported(Reported { about, report, to, kind }));
    }

    /// An operator did something: to a message, or to what `about` names.
    pub(crate) fn tell_acted(
        &self,
        id: Option<MessageId>,
        about: Option<&str>,
        operator: &Operator,
        what: &str,
    ) {
        self.tell(Event::Acted(Acted {
            id,
            about: about.map(Cow::Borrowed),
            who: Cow::Borrowed(&operator.by),
            what: what.into(),
            why: Cow::Borrowed(&operator.why),
        }));
    }

    /// Recipients have left the queue without an attempt.
    pub(crate) fn tell_ended(&self, id: MessageId, recipients: &[u32], how: &str) {
        let (recipients, how) = (recipients.to_vec(), how.into());
        let outcome = RecipientOutcome::Failed;
        self.tell(Event::Ended(Ended { id, recipients, outcome, how }));
    }

    /// A job goes another way: to a queue, or parted into messages.
    pub(crate) fn tell_moved(
        &self,
        job: &Job,
        queue: Option<&str>,
        into: Vec<MessageId>,
        recipients: Vec<u32>,
        why: &str,
    ) {
        self.tell(Event::Moved(Moved {
            job: job.id,
            queue: queue.map(Cow::Borrowed),
            into,
            recipients,
            why: why.into(),
        }));
    }
}

/// The envelope as it is kept, and how many recipients are not in it.
fn envelope<'a>(taken: &Taken<'a>) -> (Cow<'a, [u8]>, u64) {
    if taken.envelope.len() <= ENVELOPE_MAX {
        return (Cow::Borrowed(taken.envelope), 0);
    }
    let mut stored = taken.stored.clone();
    let left_out = stored.recipients.len().saturating_sub(RECIPIENTS_KEPT);
    stored.recipients.truncate(RECIPIENTS_KEPT);
    (Cow::Owned(stored.encode().to_vec()), left_out as u64)
}

/// What the addresses of a letter became: rewritten, then expanded.
pub(crate) fn steps(changes: &[Change], trees: &[Node]) -> Vec<(String, String)> {
    let rewritten = changes.iter().take(STEPS_MAX).map(|Change { from, to, reasons }| {
        let why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        (from.to_string(), format!("{to}: {}", why.join(", then ")))
    });
    let mut steps: Vec<_> = rewritten.collect();
    for copy in trees.iter().filter(|tree| tree.kind == Kind::Copy).take(STEPS_MAX) {
        // Said in the words of the others: what comes in becomes what goes out.
        steps.push(("the letter".to_owned(), format!("also {}: {}", copy.path, copy.reason)));
    }
    steps.extend(expanded(trees));
    steps.truncate(STEPS_MAX);
    steps
}

/// Each name that stands for others, with whom it became and why.
fn expanded(trees: &[Node]) -> Vec<(String, String)> {
    fn gather(node: &Node, steps: &mut Vec<(String, String)>) {
        if steps.len() >= STEPS_MAX || node.members.is_empty() {
            return;
        }
        let members: Vec<String> =
            node.members.iter().take(20).map(|member| member.path.to_string()).collect();
        let more = match node.members.len().saturating_sub(members.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let became = format!("{}{more}: {}", members.join(", "), node.reason);
        steps.push((node.path.to_string(), became));
        node.members.iter().for_each(|member| gather(member, steps));
    }
    let mut steps = Vec::new();
    trees.iter().for_each(|tree| gather(tree, &mut steps));
    steps
}

/// What the inbound dialogue comes to, if all is kept.
pub(crate) fn kept(dialogue: &mut Dialogue) -> Vec<u8> {
    match dialogue.begun() {
        Some(_) => dialogue.finish(DIALOGUE_MAX),
        None => Vec::new(),
    }
}

impl Engine {
    /// What the history tells of one of `keys`: the last `limit` entries.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn history(&self, keys: &[Key], limit: usize) -> std::io::Result<Told> {
        self.shared.world.history.search(keys, limit).await
    }

    /// For how long yet no login is heard, of this name or from this address, and why; none where
    /// some are.
    pub fn locked(
        &self,
        client: Option<std::net::IpAddr>,
        login: Option<&str>,
    ) -> Option<(Duration, String)> {
        let now = self.shared.world.clock.now();
        self.shared.lockout.lock().locked(client, login, now)
    }
}
