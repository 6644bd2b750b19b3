//! Admission: a complete message becomes one transaction of the spool, and the receipt of that
//! becomes the reply. Every message enters here: from a session, a program's drop, or a report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use mail::trace::{self, From, Received, Way};
use mail::{Envelope, ForwardPath, Mailbox, Recipient, Reply, ReversePath, Topic};
use queue::access::{self, Verdict};
use queue::expansion::Expanded;
use queue::notify;
use queue::record::{Class, HeadEdits, Origin, Stored};
use queue::route::{self, NextHop, Sender, SenderRule};
use queue::schedule::Rank;
use queue::schedule::line::Lane;
use spool::{
    Body, BodySink, Durability, JobId, MessageId, NewJob, NewMessage, Op, SpoolError, Txn,
};
use tracing::{info, warn};

use crate::authored::Author;
use crate::dispatch::{HotBody, Job};
use crate::doors::World;
use crate::expand::Outcome;
use crate::history::{self, Inbound, Taken};
use crate::passing::Passing;
use crate::tables::{knowing, not_now};
use crate::{Options, Shared, copies, expand, forwarded, rewrite};

/// A message that asks to be admitted; its content is in a sink.
pub(crate) struct Admission {
    /// What decides: it was accepted by the same.
    pub(crate) options: Arc<Options>,
    pub(crate) envelope: Envelope,
    pub(crate) origin: Origin,
    pub(crate) passing: Passing,
    /// Who wrote it, where it comes from an author and not from another host.
    pub(crate) author: Option<Author>,
    /// How it came, for the history.
    pub(crate) inbound: Inbound,
}

/// A message with its place in the spool still to come.
pub(crate) struct Pending {
    pub(crate) id: MessageId,
    pub(crate) stored: Stored,
    pub(crate) head: HeadEdits,
    pub(crate) body: Body,
    /// What a table says of its sender's mail.
    pub(crate) by_sender: Option<SenderRule>,
}

/// The commit has succeeded. Nothing else makes one, so that no promise comes before it is kept.
pub(crate) struct Receipt(());

/// A message that the spool holds: we have it now.
#[derive(Debug)]
pub struct Accepted {
    /// Its name from here on.
    pub id: MessageId,
}

impl Accepted {
    fn from_receipt(id: MessageId, _: &Receipt) -> Self {
        Self { id }
    }

    /// The promise (RFC 5321 §6.1).
    pub fn reply(&self) -> Reply {
        Reply::new(250, Topic(0, 0), format!("taken as {}", self.id))
    }
}

/// Why a complete message was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not wanted: it has passed too many hosts (RFC 5321 §6.3).
    #[error("refused: {0}")]
    Refused(Reply),
    /// The spool has no room.
    #[error("the spool is full")]
    Full(#[source] SpoolError),
    /// The spool failed; nothing was taken.
    #[error("the message could not be stored")]
    NotStored(#[source] SpoolError),
}

impl std::convert::From<SpoolError> for Refusal {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full(_) => Self::Full(error),
            _ => Self::NotStored(error),
        }
    }
}

impl Refusal {
    /// Why, for the operator.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Refused(_) => "the letter itself is not taken".to_owned(),
            Self::Full(error) | Self::NotStored(error) => format!("{self}: {error}"),
        }
    }

    /// What the peer is told: no path, no local name.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Refused(reply) => reply.clone(),
            Self::Full(_) => Reply::new(452, Topic(3, 1), "not enough storage, try again later"),
            Self::NotStored(_) => {
                Reply::new(451, Topic(3, 0), "local error in processing, try again later")
            }
        }
    }
}

impl Shared {
    /// Makes the message durable, and starts its first attempt.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is kept.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        admission: Admission,
        sink: Box<dyn BodySink>,
    ) -> Result<Accepted, Refusal> {
        let Admission { options, mut envelope, origin, mut passing, author, mut inbound } =
            admission;
        // Content may end with its header section, and no line says so.
        passing.scanner.finish();
        if let Verdict::Refuse { reply, reason } =
            access::hops(&options.access, passing.scanner.hops())
        {
            info!(event = "message.looping", client = ?origin.client, %reason);
            return Err(Refusal::Refused(reply));
        }
        let now = self.world.clock.wall();
        let id = self.ids.next(now);
        let mut head = HeadEdits {
            prepend: received(&options, id, &envelope, &origin, now),
            ..HeadEdits::default()
        };
        if let Some(author) = &author {
            author
                .complete(&options, id, &envelope, &passing, now, &mut head)
                .map_err(Refusal::Refused)?;
        }
        let is_own = author.is_some() || options.access.trusts(origin.client);
        // What few have configured lies in boxes of its own: every session pays for the size of the rest.
        let changes = match rewrite::looks(&options, is_own) {
            true => {
                let (envelope, head) = (&mut envelope, &mut head);
                let own = is_own;
                Box::pin(rewrite::letter(&self.world, &options, id, envelope, &passing, head, own))
                    .await?
            }
            false => Vec::new(),
        };
        forwarded::reverse(&options, id, &mut envelope, now)?;
        let came = options.srs.as_ref().map(|_| envelope.reverse_path.clone());
        let is_host = is_own && author.is_none() && origin.client.is_some();
        let copies = match options.copies {
            Some(_) => {
                Box::pin(copies::of(self, &options, id, &envelope, &passing, is_host)).await?
            }
            None => copies::Made::default(),
        };
        let marks = passing.scanner.delivered_to();
        let Outcome { mut envelopes, told, mut trees } =
            expand::expand(self, &options, id, envelope, marks).await?;
        trees.extend(copies.trees);
        inbound.expanded = history::steps(&changes, &trees);
        if let Some(came) = came {
            forwarded::apply(&options, id, &came, &mut envelopes, now);
        }
        let stored = |envelope: Envelope, targets, class| Stored {
            // Mail that is held lives from the moment it may go (RFC 4865 §4.2).
            expire: {
                let begins = notify::release(&envelope.parameters, now).unwrap_or(now).max(now);
                let (path, parameters) = (&envelope.reverse_path, &envelope.parameters);
                let rank = Rank::of_class(class, path, parameters, envelope.recipients.len());
                options.schedule.expiry(begins, rank)
            },
            reverse_path: envelope.reverse_path,
            parameters: envelope.parameters,
            recipients: envelope.recipients,
            targets,
            arrival: now,
            eight_bit: passing.scanner.eight_bit(),
            tls_optional: passing.scanner.tls_optional(),
            origin: origin.clone(),
            class,
        };
        let mut body = Some(sink.finish().await?);
        // The first holds the content, those of other senders share it.
        let pending = envelopes.into_iter().map(|Expanded { envelope, targets, via }| Pending {
            id: if body.is_some() { id } else { self.ids.next(now) },
            stored: stored(envelope, targets, Class::Ordinary),
            head: marked(&head, via.as_ref()),
            body: body.take().unwrap_or(Body::Of(id)),
            by_sender: None,
        });
        let mut pending: Vec<_> = pending.collect();
        pending.extend(copies.envelopes.into_iter().map(|Expanded { envelope, targets, via }| {
            let (id, body) = (self.ids.next(now), Body::Of(id));
            let head = copies::head(&options, &head, via.as_ref());
            let stored = stored(envelope, targets, Class::Copy);
            Pending { id, stored, head, body, by_sender: None }
        }));
        let told = told.map(|(sender, finished)| expand::told(sender, finished));
        pending.extend(told.into_iter().flatten().map(|(envelope, class)| Pending {
            id: self.ids.next(now),
            stored: stored(envelope, BTreeMap::new(), class),
            head: head.clone(),
            body: Body::Of(id),
            by_sender: None,
        }));
        if !options.routes.sender_tables.is_empty() {
            for pending in &mut pending {
                let rule = by_sender(&self.world, &options, &pending.stored.reverse_path).await;
                let refused = |_| Refusal::Refused(not_now("A route cannot be looked up now"));
                pending.by_sender = rule.map_err(refused)?;
            }
        }
        match self.insert_from(&options, pending, Vec::new(), Some(&inbound)).await {
            Ok(receipt) => Ok(Accepted::from_receipt(id, &receipt)),
            Err(error) => {
                warn!(event = "message.not-stored", %id, %error);
                Err(error.into())
            }
        }
    }

    /// Inserts messages together with what `others` change, all or nothing, and starts their first
    /// attempts.
    pub(crate) async fn insert(
        self: &Arc<Self>,
        options: &Options,
        messages: Vec<Pending>,
        others: Vec<Op>,
    ) -> Result<Receipt, SpoolError> {
        self.insert_from(options, messages, others, None).await
    }

    /// The same, for a message of which more is known: the first one came `inbound`.
    async fn insert_from(
        self: &Arc<Self>,
        options: &Options,
        messages: Vec<Pending>,
        others: Vec<Op>,
        inbound: Option<&Inbound>,
    ) -> Result<Receipt, SpoolError> {
        let asked = self.world.clock.now();
        let now = self.world.clock.wall();
        // First what is new: it may share the body of a message that the others end.
        let mut ops = Vec::with_capacity(messages.len() + others.len());
        let mut kept = Vec::with_capacity(messages.len());
        let mut kept_envelopes = Vec::with_capacity(messages.len());
        let mut inserted = Vec::new();
        for Pending { id, stored, head, body, by_sender } in messages {
            let due = notify::release(&stored.parameters, stored.arrival);
            let due = due.unwrap_or(now).max(now);
            let jobs = jobs(options, &stored, by_sender.as_ref(), due);
            let claim = due <= now && !options.paused && self.may_try(&stored, &jobs);
            inserted.extend((0..).zip(&jobs).map(|(n, _)| JobId { message: id, n }));
            let hot = match &body {
                Body::Inline(octets) if claim => HotBody::keep(octets.clone(), &self.memory),
                _ => None,
            };
            let envelope = stored.encode();
            let (size, of) = match &body {
                Body::Inline(octets) => (octets.len() as u64, None),
                Body::Spilled(spilled) => (spilled.len, None),
                Body::Of(of) => (0, Some(*of)),
            };
            kept_envelopes.push((envelope.clone(), size, of));
            ops.push(Op::Insert(NewMessage {
                id,
                envelope,
                head_edits: head.encode(),
                body,
                jobs,
                claim,
            }));
            kept.push((id, Arc::new(stored), Arc::new(head), hot));
        }
        ops.extend(others);
        let txn = Txn { ops, durability: Durability::Durable };
        let claimed = match self.world.spool.commit(txn).await {
            Ok(committed) => committed.claimed,
            Err(error @ SpoolError::Unknown(_)) => {
                let found = self.look_again(&inserted).await;
                warn!(event = "commit.unknown", found, %error);
                if !found {
                    return Err(error);
                }
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        for (id, stored, ..) in &kept {
            self.counts.message(stored.recipients.len());
            info!(event = "message.accepted", %id, from = %stored.reverse_path, to = stored.recipients.len());
        }
        if self.has_history() {
            let mut inbound = inbound;
            for ((id, stored, ..), (envelope, size, of)) in kept.iter().zip(&kept_envelopes) {
                let taken = Taken { id: *id, of: *of, stored, envelope, size: *size };
                self.tell_taken(&taken, inbound.take(), asked);
            }
        }
        for claimed in claimed {
            let message = kept.iter().find(|(id, ..)| *id == claimed.job.message);
            let Some((_, stored, head, hot)) = message else { continue };
            let job = Job {
                id: claimed.job,
                fence: claimed.fence,
                queue: claimed.queue.into(),
                attempts: claimed.attempts,
                stored: stored.clone(),
                head: head.clone(),
                body_len: claimed.body_len,
                hot: hot.clone(),
                forced: false,
                open: claimed.open,
            };
            self.dispatcher.push(job);
        }
        Ok(Receipt(()))
    }

    /// The outcome of a commit that inserted these jobs is not known: in doubt read again. True: it
    /// happened. Then the jobs are claimed for us, but we have no proof of that: they are made due,
    /// so that the next round claims them anew.
    async fn look_again(&self, jobs: &[JobId]) -> bool {
        let spool = &self.world.spool;
        let due = self.world.clock.wall();
        let mut found = false;
        for &job in jobs {
            // Still in doubt: not ours.
            let Ok(row) = spool.get(job).await else { return false };
            found |= row.is_some();
            if row.is_some_and(|row| row.claimed) {
                let ops = vec![Op::SetDue { job, due }];
                let released = spool.commit(Txn { ops, durability: Durability::Durable });
                if let Err(error) = released.await {
                    warn!(event = "job.not-released", %job, %error);
                }
            }
        }
        found
    }

    /// Whether the first attempts of a new message begin at once: there is room in hand for it, and
    /// for each of its next hops. Otherwise it takes its turn from the spool.
    fn may_try(&self, stored: &Stored, jobs: &[NewJob]) -> bool {
        let lane = Lane::of(&stored.reverse_path, &stored.origin, stored.class);
        !self.is_stopping() && jobs.iter().all(|job| self.dispatcher.takes(&job.queue, lane))
    }
}

/// What the tables say of the mail of `sender`; asked where there are some.
///
/// # Errors
/// Why one has no answer now.
pub(crate) async fn by_sender(
    world: &World,
    options: &Options,
    sender: &ReversePath,
) -> Result<Option<SenderRule>, String> {
    if options.routes.sender_tables.is_empty() {
        return Ok(None);
    }
    let decide = |rows: &_| route::of_sender(&options.routes, &options.access, rows, sender);
    Box::pin(knowing(world, decide)).await
}

/// The queue of one recipient, by the routes of `options`.
pub(crate) fn queue_of(
    options: &Options,
    stored: &Stored,
    by_sender: Option<&SenderRule>,
    number: u32,
    recipient: &Recipient,
) -> String {
    // Nothing goes anywhere any more.
    if matches!(stored.class, Class::Expanded | Class::Listed) {
        return NextHop::Local.queue_name();
    }
    let (routes, access, target) = (&options.routes, &options.access, stored.targets.get(&number));
    let sender = Sender { path: &stored.reverse_path, rule: by_sender };
    let path = &recipient.path;
    route::route_recipient(routes, access, sender, path, target).queue_name()
}

/// The header of a copy that leaves this host by an address of ours: it says so, and when it comes
/// back to that address it is not sent out again.
pub(crate) fn marked(head: &HeadEdits, via: Option<&Mailbox>) -> HeadEdits {
    let mut head = head.clone();
    if let Some(via) = via {
        head.prepend = [&trace::delivered_to(via)[..], &head.prepend].concat().into();
    }
    head
}

/// The recipients by next hop: those of one next hop share transactions.
fn jobs(
    options: &Options,
    stored: &Stored,
    by_sender: Option<&SenderRule>,
    due: SystemTime,
) -> Vec<NewJob> {
    let mut queues: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (number, recipient) in (0..).zip(&stored.recipients) {
        let queue = queue_of(options, stored, by_sender, number, recipient);
        queues.entry(queue).or_default().push(number);
    }
    let job = |(queue, recipients)| NewJob { queue, recipients, due, hold: false };
    queues.into_iter().map(job).collect()
}

/// Our own `Received` field.
fn received(
    options: &Options,
    id: MessageId,
    envelope: &Envelope,
    origin: &Origin,
    now: SystemTime,
) -> Bytes {
    let id = id.to_string();
    let recipients: Vec<ForwardPath> = match envelope.recipients.as_slice() {
        [recipient] => vec![recipient.path.clone()],
        _ => Vec::new(),
    };
    let way = match origin.client {
        Some(address) => {
            let hello = origin.hello.as_deref().unwrap_or_default();
            let from = From { hello, address, reverse_name: None };
            Way::Wire { from, with: &origin.protocol }
        }
        None => Way::Local { uid: origin.uid },
    };
    let received = Received {
        way,
        by: match envelope.parameters.utf8 {
            true => options.hostname.as_str(),
            false => options.hostname.ascii(),
        },
        id: &id,
        recipients: &recipients,
        utf8: envelope.parameters.utf8,
        tls: origin.tls.as_ref(),
        priority: envelope.parameters.priority,
        date: now,
        offset_minutes: options.zone,
    };
    received.to_bytes().into()
}
