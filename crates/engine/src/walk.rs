//! A walk over the queue that finds the jobs a [`Selector`] means, oldest message first, a bounded
//! piece at a time. It holds nothing between two pieces, so a queue that changes meanwhile changes
//! no place in it: what is behind the last job seen comes, whatever happened before it.

use queue::record::{Attempt, Stored};
use queue::selector::{Facts, Selector, State};
use spool::{Filter, JobId, JobInfo, MessageId, Spool, SpoolError};

use crate::reroute;

/// Jobs read together: their envelopes are in memory at once.
const PIECE: usize = 32;
/// Jobs looked at for one page, found or not.
const LOOKED_AT: usize = 4000;
/// Octets of envelopes and records found after which a page ends, since its rows are in memory.
const OCTETS: usize = 4 << 20;
/// Messages of an empty queue or a narrow filter that the spool may pass over for one page, in its
/// own pieces.
const PIECES: usize = 200;

/// How far one page of the walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Jobs found.
    pub(crate) rows: usize,
    /// The last attempts are read.
    pub(crate) attempts: bool,
}

/// A job that is meant.
pub(crate) struct Seen {
    pub(crate) row: JobInfo,
    /// None: it does not read.
    pub(crate) stored: Option<Stored>,
    /// The open recipients, each with its last attempt where that was asked for.
    pub(crate) open: Vec<(u32, Option<Attempt>)>,
    /// Those who are meant.
    pub(crate) chosen: Vec<u32>,
}

impl Seen {
    pub(crate) fn read(row: JobInfo, attempts: bool) -> Self {
        let stored = Stored::decode(&row.envelope).ok();
        let last = |record| if attempts { Attempt::decode(record).ok().flatten() } else { None };
        let open = row.open.iter().map(|(number, record)| (*number, last(record))).collect();
        Self { row, stored, open, chosen: Vec::new() }
    }

    pub(crate) fn state(&self) -> State {
        State::of(self.row.held, self.row.claimed)
    }

    /// Whether any of it is meant.
    fn is_meant(&mut self, selector: &Selector) -> bool {
        self.chosen = match &self.stored {
            Some(stored) => selector.select(&Facts {
                message: self.row.job.message,
                queue: reroute::bare(&self.row.queue),
                state: self.state(),
                stored,
                open: &self.open,
            }),
            // Of one that does not read nothing is known but its name.
            None if is_named(selector, self.row.job.message) => {
                self.open.iter().map(|(number, _)| *number).collect()
            }
            None => Vec::new(),
        };
        !self.chosen.is_empty()
    }
}

fn is_named(selector: &Selector, message: MessageId) -> bool {
    let plain =
        Selector { ids: selector.ids.clone(), until: selector.until, ..Selector::default() };
    match selector.ids.is_empty() {
        true => *selector == plain,
        false => selector.ids.contains(&message),
    }
}

/// Just before the jobs of `message`.
fn before(message: MessageId) -> Option<JobId> {
    let n = u32::MAX;
    message.0.checked_sub(1).map(|id| JobId { message: MessageId(id), n })
}

/// Shows `visit` the jobs that `selector` means, after `after`. Gives where to go on, `None` at the
/// end.
pub(crate) async fn walk(
    spool: &dyn Spool,
    selector: &Selector,
    after: Option<JobId>,
    bounds: Bounds,
    mut visit: impl FnMut(Seen),
) -> Result<Option<JobId>, SpoolError> {
    let held = selector.state.map(|state| state == State::Held);
    let filter = Filter { held, ..Filter::default() };
    // Ids hold the time at which they were made, never before the arrival.
    let since = selector.since.and_then(|since| before(MessageId::new(since, 0, 0)));
    let first = selector.ids.iter().min().and_then(|first| before(*first));
    let mut at = after.max(since).max(first);
    let last = selector.ids.iter().max().copied();
    let last = [last, selector.until].into_iter().flatten().min();
    let (mut found, mut looked, mut octets) = (0, 0, 0);
    for _ in 0..PIECES {
        let piece = PIECE.min(bounds.rows.saturating_sub(found).max(1));
        let page = spool.list(&filter, at, piece).await?;
        looked += page.rows.len();
        for row in page.rows {
            if last.is_some_and(|last| row.job.message > last) {
                return Ok(None);
            }
            let mut seen = Seen::read(row, bounds.attempts || selector.reason.is_some());
            if seen.is_meant(selector) {
                found += 1;
                let records = seen.row.open.iter().map(|(_, record)| record.len());
                octets += seen.row.envelope.len() + records.sum::<usize>();
                visit(seen);
            }
        }
        match page.next {
            None => return Ok(None),
            Some(next) => at = Some(next.max(skip(selector, next))),
        }
        let is_large = bounds.rows < usize::MAX && octets >= OCTETS;
        if found >= bounds.rows || looked >= LOOKED_AT || is_large {
            break;
        }
        // Others want their turn, too.
        tokio::task::yield_now().await;
    }
    Ok(at)
}

/// Where the next named message begins, so that a few names cost no walk over all that is between.
fn skip(selector: &Selector, at: JobId) -> JobId {
    if at.n != u32::MAX && selector.ids.contains(&at.message) {
        return at;
    }
    let next = selector.ids.iter().filter(|id| **id > at.message).min();
    next.and_then(|next| before(*next)).unwrap_or(at)
}
