//! What every spool must pass: named cases ([`CASES`]) and a random walk beside the model
//! ([`walk()`]).
//!
//! An implementation brings a [`Subject`] and calls [`check`]; nothing here knows files or tables,
//! sleeps, or needs a runtime ([`block_on`] is enough for any spool that wakes its callers).

mod cases;
mod walk;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::model::Model;
use crate::{
    Body, ClaimRequest, Claimed, Committed, Durability, JobId, MessageId, NewJob, NewMessage, Op,
    Spool, SpoolError, Txn,
};

pub use cases::CASES;
pub use walk::walk;

/// A spool under test.
pub trait Subject {
    /// The spool of the present life.
    fn spool(&self) -> &dyn Spool;
    /// Ends this life in good order and begins another on the same store.
    fn restart(&mut self);
}

impl Subject for Model {
    fn spool(&self) -> &dyn Spool {
        self
    }

    fn restart(&mut self) {
        Model::restart(self);
    }
}

/// One law with its name.
pub type Case = (&'static str, fn(&mut dyn Subject));

/// Plays every case, each with a new and empty subject. Panics with the name of the first that
/// fails.
pub fn check<S: Subject>(mut make: impl FnMut() -> S) {
    for (name, case) in CASES {
        let mut subject = make();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&mut subject)));
        if let Err(cause) = outcome {
            eprintln!("the contract is broken: {name}");
            std::panic::resume_unwind(cause);
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The moment that the cases call zero, and then so many milliseconds.
fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000 + millis)
}

fn id(n: u64) -> MessageId {
    MessageId::new(at(n), 0, n)
}

fn job(n: u64, part: u32) -> JobId {
    JobId { message: id(n), n: part }
}

fn to(queue: &str, recipients: &[u32], due: u64) -> NewJob {
    NewJob { queue: queue.into(), recipients: recipients.into(), due: at(due), hold: false }
}

fn message(n: u64, jobs: Vec<NewJob>) -> NewMessage {
    NewMessage {
        id: id(n),
        envelope: Bytes::from(format!("envelope {n}")),
        head_edits: Bytes::from(format!("edits {n}")),
        body: Body::Inline(Bytes::from(format!("body {n}"))),
        jobs,
        claim: false,
    }
}

fn commit(spool: &dyn Spool, ops: Vec<Op>) -> Result<Committed, SpoolError> {
    block_on(spool.commit(Txn { ops, durability: Durability::Durable }))
}

fn insert(spool: &dyn Spool, message: NewMessage) {
    commit(spool, vec![Op::Insert(message)]).expect("a plain message");
}

/// Everything due at `now`.
fn claim_all(spool: &dyn Spool, now: u64) -> Vec<Claimed> {
    let request = ClaimRequest { max: 1000, per_queue: 1000, quota: &|_| usize::MAX, now: at(now) };
    block_on(spool.claim_due(request)).expect("a claim")
}

fn claim_one(spool: &dyn Spool, now: u64) -> Claimed {
    let mut claimed = claim_all(spool, now);
    assert_eq!(claimed.len(), 1, "jobs due at {now}");
    claimed.remove(0)
}

/// The body of a message, or the part of it in `range`.
fn read(
    spool: &dyn Spool,
    message: MessageId,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, SpoolError> {
    block_on(async {
        let mut reader = spool.open_body(message, range).await?;
        let mut octets = Vec::new();
        while let Some(chunk) = reader.next().await? {
            assert!(chunk.len() <= 64 * 1024 && !chunk.is_empty());
            octets.extend_from_slice(&chunk);
        }
        Ok(octets)
    })
}

/// A body that came through a sink in pieces.
fn body(spool: &dyn Spool, octets: &[u8], hint: Option<u64>) -> Body {
    block_on(async {
        let mut sink = spool.begin_body(hint).await.expect("a sink");
        assert!(sink.is_empty());
        for piece in octets.chunks(30_000) {
            sink.write(Bytes::copy_from_slice(piece)).await.expect("room");
        }
        assert_eq!(sink.len(), octets.len() as u64);
        sink.finish().await.expect("a body")
    })
}

/// `len` octets that no shift of them resembles.
fn octets(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut octets = Vec::with_capacity(len);
    while octets.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        octets.push((state >> 56) as u8);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_passes() {
        check(Model::new);
    }

    #[test]
    fn model_walks_beside_itself() {
        for seed in 0..20_u32 {
            let tape: Vec<u32> = octets(1600, seed.into())
                .chunks(4)
                .map(|four| four.iter().fold(0, |n, &octet| n << 8 | u32::from(octet)))
                .collect();
            walk(&tape, &mut Model::new());
        }
    }
}
