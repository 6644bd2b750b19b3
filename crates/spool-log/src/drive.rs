//! The threads of a log in service: one that commits, and helpers for what would keep it or a
//! session waiting: writing empty segments, syncing large bodies, removing files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crate::committer::Committer;
use crate::shared::{Inbox, Request, Shared};

/// Octets of transactions in one group.
const MAX_GROUP_OCTETS: usize = 8 << 20;
/// Enough that a large body does not wait for an empty segment being written.
const HELPERS: usize = 3;

/// Takes what waits, as much as one group may have, and lets blocked callers in.
pub(crate) fn take_batch(inbox: &mut Inbox) -> Vec<Request> {
    let mut octets = 0;
    let mut batch = Vec::with_capacity(inbox.waiting.len());
    while octets < MAX_GROUP_OCTETS
        && let Some(request) = inbox.waiting.pop_front()
    {
        octets += request.octets;
        batch.push(request);
    }
    inbox.octets -= octets;
    inbox.blocked.drain(..).for_each(Waker::wake);
    batch
}

/// Starts the threads.
pub(crate) fn start(shared: &Arc<Shared>, committer: Committer) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for _ in 0..HELPERS {
        let shared = Arc::clone(shared);
        threads.push(Builder::new().name("spool-helper".into()).spawn(move || help(&shared))?);
    }
    let closing = Closing(Arc::clone(shared));
    let commit = move || commit(closing, committer);
    threads.push(Builder::new().name("spool-commit".into()).spawn(commit)?);
    shared.threads.store(true, Ordering::Release);
    Ok(threads)
}

/// Ends the threads, when all that waited is done.
pub(crate) fn stop(shared: &Shared, mut threads: Vec<JoinHandle<()>>) {
    shared.inbox.lock().closed = true;
    shared.news.notify_all();
    if let Some(committer) = threads.pop() {
        let _ = committer.join();
    }
    shared.tasks.lock().closed = true;
    shared.task_news.notify_all();
    for helper in threads {
        let _ = helper.join();
    }
    shared.threads.store(false, Ordering::Release);
}

/// However the committer ends, nobody waits for it for ever.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut inbox = self.0.inbox.lock();
        inbox.closed = true;
        inbox.blocked.drain(..).for_each(Waker::wake);
        let waiting = std::mem::take(&mut inbox.waiting);
        drop(inbox);
        drop(waiting);
    }
}

fn commit(closing: Closing, mut committer: Committer) {
    let shared = Arc::clone(&closing.0);
    // When the relaxed commits written so far must be durable.
    let mut deadline: Option<Instant> = None;
    loop {
        let mut inbox = shared.inbox.lock();
        while inbox.waiting.is_empty() && !inbox.closed && !committer.is_maintaining() {
            match deadline {
                None => shared.news.wait(&mut inbox),
                Some(deadline) => {
                    if shared.news.wait_until(&mut inbox, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        let batch = take_batch(&mut inbox);
        let ended = inbox.closed && batch.is_empty();
        drop(inbox);
        committer.run(batch);
        committer.maintain();
        deadline = match committer.linger {
            None => None,
            Some(after) => deadline.or_else(|| Instant::now().checked_add(after)),
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            committer.flush();
            committer.recycle();
            deadline = None;
        }
        if ended && !committer.is_maintaining() {
            break;
        }
    }
    committer.close();
}

fn help(shared: &Shared) {
    loop {
        let mut tasks = shared.tasks.lock();
        let task = loop {
            if let Some(task) = tasks.waiting.pop_front() {
                break task;
            }
            if tasks.closed {
                return;
            }
            shared.task_news.wait(&mut tasks);
        };
        drop(tasks);
        task();
    }
}
