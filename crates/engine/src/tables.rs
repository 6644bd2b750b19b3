//! Decisions that need tables: they are made again with each round of answers, until they are made.

use std::future::poll_fn;
use std::task::Poll;

use mail::{Reply, Topic};
use queue::table::{Lookup, Rows, Undecided};
use tracing::warn;

use crate::Shared;
use crate::doors::Doing;

/// Rows that one decision may ask for: every address of a large letter, under each of its keys.
const ROWS_MAX: usize = 20_000;
/// Questions under way at once for one decision; the tables have bounds of their own.
pub(crate) const TOGETHER: usize = 16;

/// Makes the decision `decide` with the rows it needs, which are added to `rows`.
///
/// # Errors
/// What the peer is told where it cannot be made now: a table has no answer, and the mail waits.
pub(crate) async fn decided<T>(
    shared: &Shared,
    rows: &mut Rows,
    mut decide: impl FnMut(&Rows) -> Result<T, Undecided>,
) -> Result<T, Reply> {
    loop {
        match decide(rows) {
            Ok(decided) => return Ok(decided),
            Err(Undecided::NotNow { table, why }) => {
                warn!(event = "table.not-now", %table, why);
                return Err(not_now());
            }
            Err(Undecided::Asks(asks)) if rows.len() + asks.len() > ROWS_MAX => {
                warn!(event = "table.too-many", asked = rows.len(), more = asks.len());
                return Err(Reply::new(554, Topic(2, 4), "The letter names too many addresses"));
            }
            Err(Undecided::Asks(asks)) => ask(shared, rows, asks).await,
        }
    }
}

/// What is said while a table is down: nothing is known of the address, so nothing is said of it.
pub(crate) fn not_now() -> Reply {
    Reply::new(451, Topic(4, 3), "An address cannot be looked up now, try again later")
}

async fn ask(shared: &Shared, rows: &mut Rows, mut asks: Vec<Lookup>) {
    asks.sort();
    asks.dedup();
    let tables = &shared.world.tables;
    for some in asks.chunks(TOGETHER) {
        let found = all(some.iter().map(|lookup| tables.look_up(lookup)).collect()).await;
        some.iter().zip(found).for_each(|(lookup, row)| rows.add(lookup.clone(), row));
    }
}

/// Waits for all of them at once.
pub(crate) async fn all<T>(mut doings: Vec<Doing<'_, T>>) -> Vec<T> {
    let mut rows: Vec<Option<T>> = doings.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (doing, row) in doings.iter_mut().zip(&mut rows).filter(|(_, row)| row.is_none()) {
            if let Poll::Ready(found) = doing.as_mut().poll(context) {
                *row = Some(found);
            }
        }
        if rows.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    rows.into_iter().flatten().collect()
}
