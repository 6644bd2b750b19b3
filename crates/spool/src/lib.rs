//! What holding mail promises: the trait [`Spool`], the [`Txn`] that changes it, and what a test of
//! any implementation needs: a model in memory and the contract every spool must pass.
//!
//! Nothing here knows a file, an offset or a table: one machine's log and a shared database stand
//! behind the same interface. Times are values handed in (`SystemTime`), never read here.

pub mod contract;
mod id;
pub mod model;
mod txn;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

pub use id::{JobId, MessageId, ParseIdError};
pub use txn::{
    Body, Claimed, Committed, Durability, Fence, NewJob, NewMessage, Next, Op, RecipientOutcome,
    RecipientUpdate, Spilled, Txn,
};

/// The most octets that a [`RecipientUpdate::record`] may have.
pub const MAX_RECORD: usize = 4096;

/// The answer of a spool, when it comes.
pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = Result<T, SpoolError>> + Send + 'a>>;

/// Why a spool did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The claim is no longer ours: an administrator or another node has the job now.
    #[error("the claim on the job has passed to another")]
    Fenced,
    /// No such message or job: finished, removed, or never there.
    #[error("no such message or job")]
    NotFound,
    /// A message with this id is in the spool already, or was and left something there.
    #[error("a message with this id exists")]
    Exists,
    /// The transaction asks for what cannot be, whatever the spool holds: a fault of the caller.
    #[error("the transaction is not valid: {0}")]
    Invalid(&'static str),
    /// A limit of [`Spool::healthy`] is reached: refuse new mail (452), go on with the old.
    #[error("the spool is full: {0}")]
    Full(String),
    /// Not now; nothing was changed.
    #[error("the spool is not available: {0}")]
    Unavailable(String),
    /// The change happened or it did not: read before acting, and when that fails too, say `451`.
    #[error("the outcome of the commit is not known: {0}")]
    Unknown(String),
    /// What was stored does not read back as it was written.
    #[error("the spool is damaged: {0}")]
    Corrupt(String),
    /// The store below failed; nothing was changed.
    #[error("the store below the spool failed")]
    Io(#[source] std::io::Error),
}

/// Takes the content of one message as it arrives. It belongs to nobody until a [`Txn`] adopts the
/// [`Body`] it becomes; dropping the sink, or that body, discards the octets.
pub trait BodySink: Send {
    /// Appends a chunk.
    fn write(&mut self, chunk: Bytes) -> BoxFut<'_, ()>;
    /// The octets written so far.
    fn len(&self) -> u64;
    /// Whether nothing was written yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// No more chunks: what was written, ready to be inserted.
    fn finish(self: Box<Self>) -> BoxFut<'static, Body>;
}

/// Gives the octets of a stored body in order.
pub trait BodyReader: Send {
    /// The next chunk (at most 64 KiB), `None` at the end.
    ///
    /// # Errors
    /// [`SpoolError::Corrupt`] when the whole body was read and its checksum does not fit: what was
    /// given so far must not be used.
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>>;
}

/// How much due work to hand out, and of which queues.
pub struct ClaimRequest<'a> {
    /// Jobs in all.
    pub max: usize,
    /// Jobs of one queue.
    pub per_queue: usize,
    /// Jobs that this queue may have now; 0 skips it without cost. It must not call the spool.
    pub quota: &'a (dyn Fn(&str) -> usize + Sync),
    /// The present: jobs due at or before it are handed out.
    pub now: SystemTime,
}

/// Which jobs to list; every field that is set must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The name of the queue.
    pub queue: Option<String>,
    /// Held or not.
    pub held: Option<bool>,
    /// Came into the spool before this moment.
    pub older_than: Option<SystemTime>,
}

/// One job as a listing shows it.
#[derive(Clone, Debug)]
pub struct JobInfo {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: String,
    /// When it is tried next.
    pub due: SystemTime,
    /// Held by an administrator.
    pub held: bool,
    /// In the hands of a node right now.
    pub claimed: bool,
    /// Tries so far.
    pub attempts: u32,
    /// The envelope as inserted.
    pub envelope: Bytes,
    /// The edits of the header section as inserted.
    pub head_edits: Bytes,
    /// Octets of the body as stored, head edits not counted.
    pub body_len: u64,
    /// The recipients not finished yet, each with the record of its last attempt (may be empty).
    pub open: Vec<(u32, Bytes)>,
}

/// A piece of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The jobs, oldest message first.
    pub rows: Vec<JobInfo>,
    /// Where the next page starts; `None` when this was the last one. A page that was hard to fill
    /// may have fewer rows than asked for, or none, and lead on all the same.
    pub next: Option<JobId>,
}

/// One queue in numbers.
#[derive(Clone, Debug)]
pub struct QueueStat {
    /// Its name.
    pub queue: String,
    /// Jobs in it.
    pub jobs: u64,
    /// Of these, held.
    pub held: u64,
    /// Of these, claimed.
    pub claimed: u64,
    /// The earliest due time of a job that is neither held nor claimed.
    pub next_due: Option<SystemTime>,
}

/// What every store of mail in flight promises; [`contract`] tests it.
pub trait Spool: Send + Sync + 'static {
    /// A sink for the content of a message still to be inserted. `size_hint` in octets.
    fn begin_body(&self, size_hint: Option<u64>) -> BoxFut<'_, Box<dyn BodySink>>;

    /// All operations of `txn` or none of them.
    ///
    /// `Ok` means: as durable as was asked. See [`SpoolError`] for what each error leaves behind;
    /// every one but `Unknown` leaves nothing.
    fn commit(&self, txn: Txn) -> BoxFut<'_, Committed>;

    /// Jobs that are due, each claimed for the caller.
    fn claim_due<'a>(&'a self, request: ClaimRequest<'a>) -> BoxFut<'a, Vec<Claimed>>;

    /// This one job, claimed for the caller, due or not, held or not: whoever changes it then knows
    /// that nobody tries it. `None` while another has it.
    ///
    /// Errors with [`SpoolError::NotFound`] when it is finished or was never there.
    fn claim(&self, job: JobId) -> BoxFut<'_, Option<Claimed>>;

    /// The moment the earliest job that is neither claimed nor held is due, `None` without one.
    fn next_due(&self) -> Option<SystemTime>;

    /// Waits until a job may be due earlier than [`next_due`](Self::next_due) last said: the front of
    /// some queue has moved to an earlier moment since then. For one scheduler: the next call of
    /// `next_due` takes the sign away.
    fn changed(&self) -> BoxFut<'_, ()>;

    /// The octets `range` of the body of `message`.
    fn open_body(&self, message: MessageId, range: Range<u64>) -> BoxFut<'_, Box<dyn BodyReader>>;

    /// One job, `None` when it is finished or was never there.
    fn get(&self, job: JobId) -> BoxFut<'_, Option<JobInfo>>;

    /// The jobs that fit `filter` and come after `after`, at most `limit`.
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFut<'a, Page>;

    /// The queues by name, those after `after`, at most `limit`.
    fn queues<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFut<'a, Vec<QueueStat>>;

    /// Housekeeping, at most about `budget` of it: compaction, orphans, take-over of dead nodes.
    fn maintain(&self, budget: Duration) -> BoxFut<'_, ()>;

    /// Why new mail must be refused now, if it must. Cheap, no I/O.
    ///
    /// # Errors
    /// [`SpoolError::Full`] (452) or [`SpoolError::Unavailable`] (451).
    fn healthy(&self) -> Result<(), SpoolError>;

    /// The largest message id ever seen here, so that a new node starts above it.
    fn last_id(&self) -> Option<MessageId>;
}
