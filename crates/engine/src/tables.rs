//! Questions to tables, asked together.

use std::future::poll_fn;
use std::task::Poll;

use mail::{Reply, Topic};
use queue::table::{Rows, Undecided};
use tracing::warn;

use crate::doors::{Doing, World};

/// Questions under way at once for one decision; the tables have bounds of their own.
pub(crate) const TOGETHER: usize = 16;

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

/// Asks until `decide` has all rows that it needs.
///
/// # Errors
/// Why a table has no answer now, for the operator.
pub(crate) async fn knowing<T>(
    world: &World,
    mut decide: impl FnMut(&Rows) -> Result<T, Undecided>,
) -> Result<T, String> {
    let mut rows = Rows::new();
    loop {
        match decide(&rows) {
            Ok(decided) => return Ok(decided),
            Err(Undecided::NotNow { table, why }) => {
                warn!(event = "table.not-now", %table, why);
                return Err(format!("the table {table} does not answer: {why}"));
            }
            Err(Undecided::Asks(asks)) => {
                for some in asks.chunks(TOGETHER) {
                    let doings = some.iter().map(|ask| world.tables.look_up(ask)).collect();
                    let found = all(doings).await;
                    some.iter().zip(found).for_each(|(ask, row)| rows.add(ask.clone(), row));
                }
            }
        }
    }
}

/// What a client is told where a table has no answer now.
pub(crate) fn not_now(text: &'static str) -> Reply {
    Reply::new(451, Topic(4, 3), text)
}
