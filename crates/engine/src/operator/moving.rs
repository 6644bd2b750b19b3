//! Another way for letters than the configuration's. The mark stands in the name of the queue in
//! the spool, where it outlives a restart, and is gone with the job.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mail::{Domain, ForwardPath};
use queue::domains::DomainPattern;
use queue::record::Stored;
use queue::route::{self, NextHop, Routes, Rule, Transport};
use spool::{Body, NewJob, NewMessage, Op};

use super::{Task, commit};
use crate::history::Taken;
use crate::reroute::forced;
use crate::{Options, Shared};

/// Sends those who are meant by `to`, at once. Says what became of it.
pub(super) async fn force(
    shared: &Arc<Shared>,
    task: &Task,
    to: &Transport,
) -> Result<String, String> {
    let options = shared.options();
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for &number in &task.chosen {
        let Some(recipient) = task.job.stored.recipients.get(number as usize) else { continue };
        let hop = next_hop(&options, to, &recipient.path)?;
        groups.entry(forced(&hop.queue_name())).or_default().push(number);
    }
    let (now, job) = (shared.world.clock.wall(), task.job.id);
    let mut ops = Vec::new();
    let mut text = Vec::new();
    for (queue, numbers) in &groups {
        match groups.len() == 1 && task.means_all() {
            // The job goes there as it is.
            true => {
                ops.push(Op::Requeue { job, queue: queue.clone() });
                ops.push(Op::SetDue { job, due: now });
                text.push("goes there now".to_owned());
            }
            false => {
                let id = shared.ids.next(now);
                text.push(format!("{} go there as {id}", numbers.len()));
                ops.push(Op::Insert(part(task, id, queue, numbers, now)));
            }
        }
    }
    // First what is new: it shares the content of what it was part of.
    if !ops.iter().any(|op| matches!(op, Op::Requeue { .. })) {
        ops.push(task.finish());
    }
    let parts: Vec<_> = ops.iter().filter_map(inserted).collect();
    commit(shared, ops).await.map_err(|error| error.to_string())?;
    tell(shared, task, &groups, &parts);
    Ok(text.join(", "))
}

/// A message that comes about, with its envelope.
fn inserted(op: &Op) -> Option<(spool::MessageId, Bytes)> {
    match op {
        Op::Insert(message) => Some((message.id, message.envelope.clone())),
        _ => None,
    }
}

/// The history hears of it.
fn tell(
    shared: &Arc<Shared>,
    task: &Task,
    groups: &BTreeMap<String, Vec<u32>>,
    parts: &[(spool::MessageId, Bytes)],
) {
    const WHY: &str = "an operator has chosen another way";
    let now = shared.world.clock.now();
    for (id, envelope) in parts {
        let of = Some(task.job.id.message);
        let stored = &task.job.stored;
        shared.tell_taken(&Taken { id: *id, of, stored, envelope, size: 0 }, None, now);
    }
    let into: Vec<_> = parts.iter().map(|(id, _)| *id).collect();
    let queue = groups.keys().next().filter(|_| into.is_empty()).map(String::as_str);
    shared.tell_moved(&task.job, queue, into, task.chosen.clone(), WHY);
}

/// Where `to` leads for `path`.
fn next_hop(options: &Options, to: &Transport, path: &ForwardPath) -> Result<NextHop, String> {
    let ForwardPath::Mailbox(mailbox) = path else {
        return Err("the postmaster of this host is at home".to_owned());
    };
    let Domain::Name(name) = &mailbox.domain else {
        return Err(format!("{} is an address literal: it goes where it says", mailbox.domain));
    };
    if *to == Transport::Local && !options.access.is_local(&mailbox.domain) {
        return Err(format!("{name} is no local domain"));
    }
    let mut routes = Routes::default();
    let rule = Rule::new(to.clone());
    routes.table.insert(DomainPattern::Exact(name.clone()), rule);
    Ok(route::route(&routes, &options.access, &mailbox.domain).next_hop)
}

/// The recipients `numbers` as a message of their own, which shares the content.
fn part(
    task: &Task,
    id: spool::MessageId,
    queue: &str,
    numbers: &[u32],
    now: std::time::SystemTime,
) -> NewMessage {
    let job = &task.job;
    let known = |number: &u32| job.stored.recipients.get(*number as usize).cloned();
    let recipients: Vec<_> = numbers.iter().filter_map(known).collect();
    let target = |(new, number): (u32, &u32)| Some((new, job.stored.targets.get(number)?.clone()));
    let targets = (0..).zip(numbers).filter_map(target).collect();
    let count = (0..).zip(&recipients).map(|(number, _)| number).collect();
    let stored = Stored { recipients, targets, ..Stored::clone(&job.stored) };
    let queue = queue.to_owned();
    let part = NewJob { queue, recipients: count, due: now, hold: task.held };
    let head_edits: Bytes = job.head.encode();
    NewMessage {
        id,
        envelope: stored.encode(),
        head_edits,
        body: Body::Of(job.id.message),
        jobs: vec![part],
        claim: false,
    }
}
