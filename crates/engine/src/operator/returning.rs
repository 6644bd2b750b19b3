//! Giving letters up before their time: the end of the recipients and the report to the sender are
//! one transaction.

use std::sync::Arc;

use queue::fate::Said;
use queue::record::Attempt;
use queue::selector::bare;

use super::{Task, commit};
use crate::dispatch::Ending;
use crate::{Shared, report, settle};

/// Returns the mail for those who are meant to its sender. Says who is told.
pub(super) async fn expire(shared: &Arc<Shared>, task: &Task) -> Result<String, String> {
    let job = &task.job;
    let meant = job.open.iter().filter(|(number, _)| task.chosen.contains(number));
    let result = |(number, record): &(u32, bytes::Bytes)| {
        let last = Attempt::decode(record).ok().flatten();
        // Delivered long ago; what is missing is the report of that.
        let said = match last.as_ref().is_some_and(|last| last.owed.is_some()) {
            true => Said::Settled,
            false => Said::GivenUp,
        };
        (*number, Ending { remote: last.and_then(|last| last.remote), ..Ending::here(said) })
    };
    let settled = settle::decide(shared, job, meant.map(result).collect(), None);
    let now = shared.world.clock.wall();
    let reports = report::write(shared, job, &settled.told, now).await;
    let reports = reports.map_err(|error| format!("the report cannot be written: {error}"))?;
    let told: Vec<_> = settle::reported(&reports, &settled.told);
    let sender = &job.stored.reverse_path;
    let text = match (reports.len(), sender.is_null()) {
        (0, true) => "given up; nobody is told, the reverse-path is null".to_owned(),
        (0, false) => "given up; nobody is told, as the sender asked".to_owned(),
        _ => format!("returned to {}", bare(sender)),
    };
    let update = task.update(settled.updates);
    let done = match reports.is_empty() {
        true => commit(shared, vec![update]).await,
        false => shared.insert(&shared.options(), reports, vec![update]).await.map(drop),
    };
    if done.is_ok() {
        shared.tell_ended(job.id.message, &task.chosen, "given up by an operator");
        told.iter().for_each(|(id, to, kind)| shared.tell_report(job.id.message, *id, to, kind));
    }
    done.map(|()| text).map_err(|error| error.to_string())
}
