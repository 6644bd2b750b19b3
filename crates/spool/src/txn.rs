//! What changes a spool: operations that become true together or not at all.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::{JobId, MessageId};

/// Content on its way into a message.
#[derive(Debug)]
pub enum Body {
    /// The octets themselves, small enough to lie beside the envelope.
    Inline(Bytes),
    /// Octets that the spool has put aside already; only the sink of the same spool makes this.
    Spilled(Spilled),
    /// The stored body of another message, shared and never copied. That message is in the spool,
    /// or stands earlier in the same transaction; it may end before its body does.
    Of(MessageId),
}

/// A body that a sink has put aside. Dropped before a commit adopts it, it is discarded.
pub struct Spilled {
    /// The spool's own name for it.
    pub token: u64,
    /// Octets.
    pub len: u64,
    /// CRC-32C of the octets.
    pub crc: u32,
    discard: Option<Box<dyn FnOnce(u64) + Send + Sync>>,
}

impl Spilled {
    /// The body that a spool knows as `token`; `discard` is called with it when nobody adopts it.
    pub fn new(
        token: u64,
        len: u64,
        crc: u32,
        discard: impl FnOnce(u64) + Send + Sync + 'static,
    ) -> Self {
        Self { token, len, crc, discard: Some(Box::new(discard)) }
    }

    /// From now on the octets belong to the message that the spool stores; only a spool calls this.
    pub fn adopt(mut self) {
        self.discard = None;
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        if let Some(discard) = self.discard.take() {
            discard(self.token);
        }
    }
}

impl fmt::Debug for Spilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spilled").field("token", &self.token).field("len", &self.len).finish()
    }
}

/// Proof of a claim: it changes with every claim and every take-over, and a write that carries an
/// old one is refused with [`Fenced`](crate::SpoolError::Fenced).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fence {
    /// Whose claim.
    pub node: u32,
    /// Which life of that node.
    pub epoch: u64,
    /// Which claim in that life.
    pub claim: u64,
}

/// One part of a new message: the recipients that go to one queue together.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The queue, named for the next hop.
    pub queue: String,
    /// The numbers of its recipients in the envelope.
    pub recipients: Vec<u32>,
    /// When it is tried first.
    pub due: SystemTime,
    /// Wait for an administrator instead.
    pub hold: bool,
}

/// A message for the spool to hold.
#[derive(Debug)]
pub struct NewMessage {
    /// Unused so far.
    pub id: MessageId,
    /// The caller's own encoding; the spool does not look inside.
    pub envelope: Bytes,
    /// The caller's own encoding of header insertions and removals; the body is never rewritten.
    pub head_edits: Bytes,
    /// The content as it was received.
    pub body: Body,
    /// At least one, each with at least one recipient; `n` of the [`JobId`] is the place in this
    /// list.
    pub jobs: Vec<NewJob>,
    /// The inserting node keeps the jobs that are not held claimed, so that the first attempt needs
    /// no claim.
    pub claim: bool,
}

/// What became of one recipient in one attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecipientOutcome {
    /// The next hop or the mailbox has it: finished.
    Delivered,
    /// It will never work: finished, and whoever must know was told in the same transaction.
    Failed,
    /// To be tried again.
    Deferred,
}

/// The new state of one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecipientUpdate {
    /// Its number in the envelope.
    pub recipient: u32,
    /// What became of it.
    pub outcome: RecipientOutcome,
    /// The caller's record of the attempt, kept and given back as it is. At most
    /// [`MAX_RECORD`](crate::MAX_RECORD).
    pub record: Bytes,
}

/// What becomes of a job after an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Finished, whatever its recipients say: they are not looked at.
    Done,
    /// One more attempt counted, the claim given back, due again at this moment.
    Retry(SystemTime),
    /// The claim given back, nothing counted, due as before.
    Release,
}

/// One step of a [`Txn`]. A job named by several steps sees them in order; a message inserted by
/// the transaction cannot be changed by it as well ([`Invalid`](crate::SpoolError::Invalid)).
#[derive(Debug)]
pub enum Op {
    /// Hold a new message.
    Insert(NewMessage),
    /// The result of an attempt. A job without open recipients is finished; so is a message
    /// without jobs.
    Update {
        /// The claimed job.
        job: JobId,
        /// The claim.
        fence: Fence,
        /// The recipients that changed.
        recipients: Vec<RecipientUpdate>,
        /// What becomes of the job.
        next: Next,
    },
    /// Keep it from being tried, or let it go. Stronger than a claim.
    Hold {
        /// The job.
        job: JobId,
        /// Held from now on, or not.
        on: bool,
    },
    /// Try it at another time. Stronger than a claim.
    SetDue {
        /// The job.
        job: JobId,
        /// The new time.
        due: SystemTime,
    },
    /// Forget it. Stronger than a claim.
    Remove {
        /// The job.
        job: JobId,
    },
    /// Put it into another queue. Stronger than a claim.
    Requeue {
        /// The job.
        job: JobId,
        /// The new queue.
        queue: String,
    },
}

/// What `Ok` of a commit has to mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// On stable storage.
    Durable,
    /// Visible now, on stable storage with the next durable commit or after this long. A crash
    /// before may repeat a delivery, never lose one.
    Relaxed(Duration),
}

/// Operations that become true together or not at all.
#[derive(Debug)]
pub struct Txn {
    /// In this order.
    pub ops: Vec<Op>,
    /// What `Ok` has to mean.
    pub durability: Durability,
}

/// The receipt of a commit. Only a spool makes one, so a reply made from it cannot come too early.
#[derive(Debug)]
pub struct Committed {
    /// The jobs of messages inserted with `claim`, in order.
    pub claimed: Vec<Claimed>,
}

/// A job in the hands of its claimant.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The job.
    pub job: JobId,
    /// The proof.
    pub fence: Fence,
    /// Its queue.
    pub queue: String,
    /// When it was due.
    pub due: SystemTime,
    /// Attempts so far.
    pub attempts: u32,
    /// As inserted.
    pub envelope: Bytes,
    /// As inserted.
    pub head_edits: Bytes,
    /// Octets of the body as stored.
    pub body_len: u64,
    /// The recipients not finished yet, each with the record of its last attempt (may be empty).
    pub open: Vec<(u32, Bytes)>,
}
