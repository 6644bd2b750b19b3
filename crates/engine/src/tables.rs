//! Questions to tables, asked together.

use std::future::poll_fn;
use std::task::Poll;

use crate::doors::Doing;

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
