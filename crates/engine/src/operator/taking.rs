//! Getting hold of a job before something is done to it.

use std::sync::Arc;

use spool::SpoolError;

use crate::dispatch::Job;
use crate::walk::Seen;
use crate::{Shared, deliver, reroute, settle};

/// In whose hands a job is.
pub(super) enum Hands {
    /// Ours: nobody tries it.
    Ours(Box<Job>),
    /// A worker's, who is trying it.
    Busy,
    /// Nobody's: it is finished.
    Gone,
    /// It is ours no more than anybody's: its record does not read.
    Unreadable(String),
    /// The spool did not say.
    Failed(SpoolError),
}

/// Claims the job, or takes it out of the line where it waits for a worker.
pub(super) async fn take(shared: &Arc<Shared>, seen: &Seen) -> Hands {
    let id = seen.row.job;
    match shared.world.spool.claim(id).await {
        Ok(Some(claimed)) => match deliver::ready(claimed) {
            Ok(job) => Hands::Ours(Box::new(job)),
            Err((_, why)) => Hands::Unreadable(why),
        },
        Ok(None) => match shared.dispatcher.take_out(id, reroute::bare(&seen.row.queue)) {
            Some(job) => Hands::Ours(Box::new(job)),
            None => Hands::Busy,
        },
        Err(SpoolError::NotFound) => Hands::Gone,
        // Damaged, which its envelope may be alone.
        Err(SpoolError::Corrupt(why)) => Hands::Unreadable(why),
        Err(error) => Hands::Failed(error),
    }
}

/// Nothing was done to it: it waits as before.
pub(super) async fn put_back(shared: &Arc<Shared>, job: Job) {
    settle::give_back(shared, &job).await;
}
