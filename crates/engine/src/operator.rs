//! What an operator does to letters in the queue: hold and release them, try them now, remove them,
//! send them back, send them another way. Each deed says what came of it and is logged with who did
//! it and why.
//!
//! Nothing is done to a job behind the back of whoever tries it. A deed claims its job first; one
//! that waits in line is taken out of the line; one that is being tried is left to the end of its
//! attempt, and the deed is done then, if anything is left of it. A page of deeds is one transaction
//! where that can be, and is on the disk before it is told.

mod moving;
mod orders;
mod returning;
mod taking;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use queue::notify;
use queue::route::Transport;
use queue::selector::{Selector, bare};
use spool::{Durability, JobId, Next, Op, RecipientOutcome, RecipientUpdate, SpoolError, Txn};
use tracing::{info, warn};

use crate::dispatch::Job;
use crate::walk::{Bounds, Seen, walk};
use crate::{Engine, Shared};

pub(crate) use orders::Orders;
use taking::{Hands, put_back, take};

/// Jobs that one page of deeds is about: one transaction, one sync of the disk.
const DEEDS: usize = 100;

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Keep it from being tried, until it is released.
    Hold,
    /// Let go what is held; it is tried now.
    Release,
    /// Try it now.
    Retry,
    /// Forget it, and tell nobody.
    Remove,
    /// Give it up now, and tell its sender.
    Expire,
    /// Send it by this transport, whatever the configuration says; none: as the configuration says.
    Reroute(Option<Transport>),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("hold"),
            Self::Release => f.write_str("release"),
            Self::Retry => f.write_str("retry"),
            Self::Remove => f.write_str("remove"),
            Self::Expire => f.write_str("expire"),
            Self::Reroute(Some(to)) => write!(f, "reroute to {to}"),
            Self::Reroute(None) => f.write_str("reroute as configured"),
        }
    }
}

impl Action {
    /// Whether it is about the recipients that were meant; the others are about the whole job, which
    /// has one next hop and one next attempt.
    fn is_for_recipients(&self) -> bool {
        matches!(self, Self::Remove | Self::Expire | Self::Reroute(Some(_)))
    }
}

/// Who acts, and why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Operator {
    /// The account, as people know it.
    pub by: String,
    /// In words; may be empty.
    pub why: String,
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Came {
    /// It is done, and on the disk.
    Done,
    /// It is being tried just now: it is done after the attempt, if anything is left of it. A host
    /// that goes down before has forgotten it.
    Later,
    /// It was not done.
    Refused,
}

/// A deed at one job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deed {
    /// The job.
    pub job: JobId,
    /// About whom, without brackets.
    pub recipients: Vec<String>,
    /// What came of it.
    pub came: Came,
    /// The same in words, with the reason.
    pub text: String,
}

/// A job in our hands, with what is to be done to it.
pub(crate) struct Task {
    pub(crate) job: Job,
    /// Held, and stays so where nothing else is said.
    pub(crate) held: bool,
    /// The recipients that are meant.
    pub(crate) chosen: Vec<u32>,
}

impl Task {
    fn means_all(&self) -> bool {
        self.job.open.iter().all(|(number, _)| self.chosen.contains(number))
    }

    /// Those who are meant are finished, and nobody is told.
    fn finish(&self) -> Op {
        let update = |&recipient: &u32| RecipientUpdate {
            recipient,
            outcome: RecipientOutcome::Failed,
            record: bytes::Bytes::new(),
        };
        self.update(self.chosen.iter().map(update).collect())
    }

    /// Nothing is counted as an attempt, and the claim is given back; who is not named stays.
    pub(crate) fn update(&self, recipients: Vec<RecipientUpdate>) -> Op {
        let (job, fence) = (self.job.id, self.job.fence);
        Op::Update { job, fence, recipients, next: Next::Release }
    }
}

impl Engine {
    /// Does `action` to a page of the jobs that `selector` means, at most `limit` after `after`, and
    /// says where the next page starts. Runs to its end once begun: do not drop it on the way.
    ///
    /// # Errors
    /// What the spool says of the listing; deeds that fail say so themselves.
    pub async fn act(
        &self,
        selector: &Selector,
        action: &Action,
        operator: &Operator,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Deed>, Option<JobId>), SpoolError> {
        let spool = &self.shared.world.spool;
        let bounds = Bounds { rows: limit.min(DEEDS), attempts: selector.reason.is_some() };
        let mut page = Vec::new();
        let next = walk(&**spool, selector, after, bounds, |seen| page.push(seen)).await?;
        Ok((act(&self.shared, page, action, operator).await, next))
    }
}

/// Does `action` to each job of a page.
pub(crate) async fn act(
    shared: &Arc<Shared>,
    page: Vec<Seen>,
    action: &Action,
    operator: &Operator,
) -> Vec<Deed> {
    let (mut deeds, mut together) = (Vec::new(), Vec::new());
    for seen in page {
        let recipients = seen.names();
        let (job, place) = (seen.row.job, deeds.len());
        deeds.push(Deed { job, recipients, came: Came::Refused, text: String::new() });
        let outcome = match may(action, &seen, shared) {
            Err(why) => Outcome::Told(Came::Refused, why),
            Ok(()) => begin(shared, seen, action, operator).await,
        };
        match outcome {
            Outcome::Told(came, text) => tell(&mut deeds, place, came, text),
            Outcome::Together(task) => together.push((place, task)),
        }
    }
    finish(shared, &mut deeds, together, action).await;
    for deed in &deeds {
        let Deed { job, recipients, came, text } = deed;
        let (by, why, recipients) = (&operator.by, &operator.why, recipients.len());
        info!(event = "queue.action", id = %job.message, %action, by, why, recipients, ?came, text);
        if *came != Came::Refused && shared.has_history() {
            let about = deed.recipients.first().filter(|_| deed.recipients.len() == 1);
            let what = format!("{action}: {text}");
            shared.tell_acted(Some(job.message), about.map(String::as_str), operator, &what);
        }
    }
    deeds
}

fn tell(deeds: &mut [Deed], place: usize, came: Came, text: String) {
    if let Some(deed) = deeds.get_mut(place) {
        (deed.came, deed.text) = (came, text);
    }
}

enum Outcome {
    Told(Came, String),
    /// Goes into the transaction of the page.
    Together(Task),
}

/// Whether `action` makes sense for a job that stands so.
fn may(action: &Action, seen: &Seen, shared: &Shared) -> Result<(), String> {
    let row = &seen.row;
    match (action, row.held) {
        (Action::Hold, true) => Err("it is held already".to_owned()),
        (Action::Release, false) => Err("it is not held".to_owned()),
        (Action::Retry, true) => Err("it is held: release it".to_owned()),
        (Action::Retry, false) => {
            let now = shared.world.clock.wall();
            let stored = seen.stored.as_ref();
            let until = stored.and_then(|it| notify::release(&it.parameters, it.arrival));
            match until.filter(|until| *until > now && row.attempts == 0) {
                Some(_) => Err("its author wants it held for now (RFC 4865)".to_owned()),
                None => Ok(()),
            }
        }
        (Action::Reroute(None), _) if !crate::reroute::is_forced(&row.queue) => {
            Err("it goes as the configuration says already".to_owned())
        }
        _ => Ok(()),
    }
}

async fn begin(shared: &Arc<Shared>, seen: Seen, action: &Action, operator: &Operator) -> Outcome {
    let told = |came, text: &str| Outcome::Told(came, text.to_owned());
    let (job, whole) = (seen.row.job, !action.is_for_recipients());
    let mut hands = take(shared, &seen).await;
    if matches!(hands, Hands::Busy) && !matches!(action, Action::Retry) {
        shared.orders.put(job, action.clone(), operator.clone(), seen.chosen.clone());
        // Its attempt may have ended before the order was there to be seen.
        hands = take(shared, &seen).await;
        if !matches!(hands, Hands::Busy) {
            shared.orders.forget(job);
        }
    }
    let task = match hands {
        Hands::Ours(job) => {
            let open = || job.open.iter().map(|(number, _)| *number);
            let chosen = open().filter(|number| whole || seen.chosen.contains(number)).collect();
            Task { held: seen.row.held, chosen, job: *job }
        }
        Hands::Busy if matches!(action, Action::Retry) => {
            return told(Came::Refused, "it is being tried just now");
        }
        Hands::Busy => return told(Came::Later, "it is being tried just now; done afterwards"),
        Hands::Gone => return told(Came::Refused, "it is finished"),
        Hands::Unreadable(why) if *action == Action::Remove => {
            return match commit(shared, vec![Op::Remove { job }]).await {
                Ok(()) => told(Came::Done, &format!("removed, unread: {why}")),
                Err(error) => told(Came::Refused, &error.to_string()),
            };
        }
        Hands::Unreadable(why) => {
            return Outcome::Told(Came::Refused, format!("its record does not read: {why}"));
        }
        Hands::Failed(error) => return told(Came::Refused, &error.to_string()),
    };
    let done = match action {
        Action::Expire => returning::expire(shared, &task).await,
        Action::Reroute(Some(to)) => moving::force(shared, &task, to).await,
        _ => return Outcome::Together(task),
    };
    match done {
        Ok(text) => Outcome::Told(Came::Done, text),
        Err(why) => {
            put_back(shared, task.job).await;
            Outcome::Told(Came::Refused, why)
        }
    }
}

/// The transaction of the page; where somebody stronger spoiled it, each deed by itself.
async fn finish(
    shared: &Arc<Shared>,
    deeds: &mut [Deed],
    tasks: Vec<(usize, Task)>,
    action: &Action,
) {
    let now = shared.world.clock.wall();
    let ops = |task: &Task| ops(task, action, now);
    let all = tasks.iter().flat_map(|(_, task)| ops(task)).collect::<Vec<_>>();
    let at_once = if all.is_empty() { Ok(()) } else { commit(shared, all).await };
    let mut woken: BTreeSet<Arc<str>> = BTreeSet::new();
    for (place, task) in tasks {
        let done = match &at_once {
            Ok(()) => Ok(()),
            Err(_) => commit(shared, ops(&task)).await,
        };
        match done {
            Ok(()) => {
                woken.insert(task.job.queue.clone());
                if *action == Action::Remove {
                    let how = "removed by an operator, and nobody was told";
                    shared.tell_ended(task.job.id.message, &task.chosen, how);
                }
                tell(deeds, place, Came::Done, words(action, &task));
            }
            Err(error) => {
                put_back(shared, task.job).await;
                tell(deeds, place, Came::Refused, error.to_string());
            }
        }
    }
    if matches!(action, Action::Retry | Action::Release) {
        // Otherwise they would take the failure that is known of their destination as their own.
        woken.iter().for_each(|queue| shared.dispatcher.wake(Some(queue), now));
        shared.silent.lock().forget();
    }
}

fn ops(task: &Task, action: &Action, now: std::time::SystemTime) -> Vec<Op> {
    let job = task.job.id;
    match action {
        Action::Hold => vec![Op::Hold { job, on: true }],
        Action::Release => vec![Op::Hold { job, on: false }, Op::SetDue { job, due: now }],
        Action::Retry => vec![Op::SetDue { job, due: now }],
        Action::Remove => vec![task.finish()],
        Action::Reroute(None) => {
            let queue = task.job.queue.to_string();
            vec![Op::Requeue { job, queue }, Op::SetDue { job, due: now }]
        }
        Action::Expire | Action::Reroute(Some(_)) => Vec::new(),
    }
}

fn words(action: &Action, task: &Task) -> String {
    let text = match action {
        Action::Hold => "held",
        Action::Release => "released, due now",
        Action::Retry => "due now",
        Action::Remove if task.means_all() => "removed, nobody is told",
        Action::Remove => "removed for these, nobody is told; the others keep it",
        Action::Reroute(None) => "goes as the configuration says, due now",
        Action::Expire | Action::Reroute(Some(_)) => "",
    };
    text.to_owned()
}

/// On the disk before it is told.
pub(crate) async fn commit(shared: &Shared, ops: Vec<Op>) -> Result<(), SpoolError> {
    let txn = Txn { ops, durability: Durability::Durable };
    shared.world.spool.commit(txn).await.map(drop)
}

/// The attempt of a job has ended: what an operator wanted meanwhile is done now.
pub(crate) async fn after_attempt(shared: &Arc<Shared>, job: JobId) {
    let Some(order) = shared.orders.take(job) else { return };
    let row = match shared.world.spool.get(job).await {
        Ok(row) => row,
        Err(error) => {
            warn!(event = "queue.action-lost", id = %job.message, action = %order.action, %error);
            return;
        }
    };
    let Some(row) = row else {
        info!(event = "queue.action-moot", id = %job.message, action = %order.action, "finished");
        return;
    };
    let mut seen = Seen::read(row, false);
    seen.chosen = seen.open.iter().map(|(number, _)| *number).collect();
    seen.chosen.retain(|number| order.chosen.contains(number));
    if !seen.chosen.is_empty() {
        Box::pin(act(shared, vec![seen], &order.action, &order.operator)).await;
    }
}

impl Seen {
    /// Those who are meant, without brackets.
    pub(crate) fn names(&self) -> Vec<String> {
        let recipients = self.stored.as_ref().map(|stored| &stored.recipients);
        let name = |number: &u32| {
            let known = recipients.and_then(|recipients| recipients.get(*number as usize));
            known.map_or_else(|| format!("recipient {number}"), |known| bare(&known.path))
        };
        self.chosen.iter().map(name).collect()
    }
}
