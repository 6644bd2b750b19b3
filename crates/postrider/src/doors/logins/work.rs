//! Work that takes a processor and much memory for long, on threads of its own and within a bound:
//! a flood of logins slows logins down, not the mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Logins that wait for a thread; more are told to come again. With a tenth of a second each the
/// last waits some seconds.
const WAITING_MAX: usize = 64;

/// The bound.
#[derive(Clone)]
pub(super) struct Work {
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// No room, or the work failed.
#[derive(Debug)]
pub(super) struct NoRoom;

/// Counts one who waits, until it is dropped.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Work {
    /// Half of the processors at most, one at least.
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { threads, waiting: Arc::default() }
    }

    /// Does `work` on a thread for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoRoom> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(self.waiting.clone());
        if before >= WAITING_MAX {
            return Err(NoRoom);
        }
        let permit = self.threads.clone().acquire_owned().await.map_err(|_| NoRoom)?;
        drop(waiting);
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, whether or not somebody still waits for it.
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| NoRoom)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_flood_is_turned_away() {
        let work = Work::new();
        let threads = work.threads.available_permits();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(parking_lot::Mutex::new(held));
        let one = || {
            let (work, held) = (work.clone(), held.clone());
            tokio::spawn(async move { work.run(move || held.lock().recv().is_ok()).await })
        };
        let tasks: Vec<_> = (0..threads + WAITING_MAX + 10).map(|_| one()).collect();
        // Those that found no room are the first to end.
        let mut refused = 0;
        while refused < 10 {
            tokio::task::yield_now().await;
            refused = tasks.iter().filter(|task| task.is_finished()).count();
        }
        drop(release);
        let mut done = 0;
        for task in tasks {
            done += usize::from(task.await.unwrap().is_ok());
        }
        assert_eq!((refused, done), (10, threads + WAITING_MAX));
        assert_eq!(work.waiting.load(Ordering::Relaxed), 0);
    }
}
