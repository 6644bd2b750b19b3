//! The history: what happened to each letter, from its first octet to its fate, and to mail that was
//! turned away before it had an id. It is the long story for people; what is true stands in the spool.
//!
//! An [`Entry`] is written once and never changed. Its octets are a record of our own codec: a version,
//! then fields with tags; a reader passes over fields and kinds of entries that it does not know. Every
//! text has a bound. Content, subjects, passwords and the octets of AUTH are never in it.

mod dialogue;
mod search;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use spool::{JobId, MessageId, RecipientOutcome, RecipientUpdate};

use crate::record::codec::{Reader, Writer, number, numbers};
use crate::record::{REPLY_TEXT_MAX, RecordError, address, cut, micros, time};

pub use dialogue::{Chunk, Chunks, DIALOGUE_MAX, Dialogue, Part};
pub use search::{Key, key_of_address, key_of_id, key_of_text, keys_of};

/// Octets of one entry at most: a letter to thousands, or many results that differ.
pub const ENTRY_MAX: usize = 256 * 1024;
/// Octets kept of an envelope; of a larger one its first recipients.
pub const ENVELOPE_MAX: usize = 96 * 1024;
/// Octets kept of a text.
const TEXT_MAX: usize = 1024;
/// Octets kept of an address or a name.
const NAME_MAX: usize = 400;
/// Steps of an expansion kept.
pub const STEPS_MAX: usize = 100;
/// Records of attempts that differ kept in one entry.
const RECORDS_MAX: usize = 40;
/// Attempts of one letter of which much is kept; of later ones only their end, so that a letter has a
/// bound: five days of attempts stay under 400 KiB.
const ATTEMPTS_FULL: u32 = 10;
/// Octets kept of the dialogue of a later one.
const DIALOGUE_LATE: usize = 1024;

/// Octets kept of the dialogue of attempt `attempt`, counted from 1.
pub fn dialogue_max(attempt: u32) -> usize {
    if attempt <= ATTEMPTS_FULL { DIALOGUE_MAX } else { DIALOGUE_LATE }
}

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<'a> {
    /// When.
    pub at: SystemTime,
    /// What.
    pub event: Event<'a>,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// A letter is ours: it is in the spool.
    Accepted(Accepted<'a>),
    /// Something was turned away.
    Refused(Refused<'a>),
    /// A job was tried.
    Attempted(Attempted<'a>),
    /// A job goes another way than before.
    Moved(Moved<'a>),
    /// An operator did something.
    Acted(Acted<'a>),
    /// The sender is told of a fate.
    Reported(Reported<'a>),
    /// Recipients have left the queue without an attempt.
    Ended(Ended<'a>),
    /// So many entries were lost here, as they came faster than they could be written.
    Dropped(u64),
}

/// How long before [`Entry::at`] each step of a reception was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Phases {
    /// The connection came about.
    pub connected: Duration,
    /// `MAIL`.
    pub mail: Duration,
    /// The last `RCPT`.
    pub recipient: Duration,
    /// The first octet of content.
    pub content: Duration,
    /// The last octet of content.
    pub complete: Duration,
    /// The spool was asked to keep it.
    pub commit: Duration,
}

/// A letter was taken: since then it is ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accepted<'a> {
    /// Its name.
    pub id: Option<MessageId>,
    /// The message it comes from: the one that it is a report about, or whose recipients it shares.
    pub of: Option<MessageId>,
    /// The record [`Stored`](crate::record::Stored) of the spool: who, to whom, from where.
    pub envelope: Cow<'a, [u8]>,
    /// Recipients that did not fit into the entry.
    pub left_out: u64,
    /// Octets of content.
    pub size: u64,
    /// The steps of the reception; none for what came by no wire.
    pub phases: Option<Phases>,
    /// Recipients as they were given, where they stand for others: address, what became of it.
    pub expanded: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The dialogue, where all is kept; it begins at the connection.
    pub dialogue: Cow<'a, [u8]>,
}

/// Mail was turned away, or somebody.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refused<'a> {
    /// Who came.
    pub client: Option<IpAddr>,
    /// The listener of the configuration.
    pub listener: Cow<'a, str>,
    /// What it said in EHLO.
    pub hello: Option<Cow<'a, str>>,
    /// As whom it has logged in, or tried to.
    pub login: Option<Cow<'a, str>>,
    /// The reverse-path, with brackets.
    pub from: Option<Cow<'a, str>>,
    /// The forward-path, with brackets.
    pub recipient: Option<Cow<'a, str>>,
    /// What was answered: `connection`, `MAIL`, `RCPT`, `end of data`, `AUTH`, `command`.
    pub step: Cow<'a, str>,
    /// What was answered.
    pub reply: Cow<'a, str>,
    /// Why, for the operator.
    pub reason: Option<Cow<'a, str>>,
    /// The place of the rule in the configuration, `file:line`.
    pub source: Option<Cow<'a, str>>,
    /// Until when it will be so, where that is known.
    pub until: Option<SystemTime>,
}

/// A job was tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempted<'a> {
    /// The job.
    pub job: JobId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The queue: `mx:example.org`.
    pub queue: Cow<'a, str>,
    /// How long it took.
    pub took: Duration,
    /// Why this route.
    pub route: Option<Cow<'a, str>>,
    /// Nothing was tried: the destination was known to be down.
    pub is_adopted: bool,
    /// What came of it for each recipient; its record is an [`Attempt`](crate::record::Attempt).
    pub results: Cow<'a, [RecipientUpdate]>,
    /// The next try; none: the job is done.
    pub next: Option<SystemTime>,
    /// What was said, where something went wrong or all is kept; it begins with the attempt.
    pub dialogue: Cow<'a, [u8]>,
}

/// A job goes another way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Moved<'a> {
    /// The job.
    pub job: JobId,
    /// Its queue from now on; none where it has parted.
    pub queue: Option<Cow<'a, str>>,
    /// The messages that its recipients became.
    pub into: Vec<MessageId>,
    /// The recipients that went.
    pub recipients: Vec<u32>,
    /// Why.
    pub why: Cow<'a, str>,
}

/// An operator did something.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Acted<'a> {
    /// To which message; none for what concerns many.
    pub id: Option<MessageId>,
    /// To what else: a domain, a queue.
    pub about: Option<Cow<'a, str>>,
    /// Who.
    pub who: Cow<'a, str>,
    /// What: `hold`, `retry`, `remove`, `suspend`.
    pub what: Cow<'a, str>,
    /// Why, in the operator's words; may be empty.
    pub why: Cow<'a, str>,
}

/// The sender is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reported<'a> {
    /// About which message.
    pub about: MessageId,
    /// The report.
    pub report: MessageId,
    /// Who gets it, without brackets.
    pub to: Cow<'a, str>,
    /// `failed`, `delayed` or `done`.
    pub kind: Cow<'a, str>,
}

/// Recipients left the queue without an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended<'a> {
    /// The message.
    pub id: MessageId,
    /// Who, by their numbers in the envelope.
    pub recipients: Vec<u32>,
    /// What became of them.
    pub outcome: RecipientOutcome,
    /// How: `removed by …`.
    pub how: Cow<'a, str>,
}

/// The tags of an entry; never reuse one.
mod tags {
    pub const AT: u64 = 1;
    pub const KIND: u64 = 2;
    pub const ID: u64 = 3;
    pub const OF: u64 = 4;
    pub const JOB: u64 = 5;
    pub const ENVELOPE: u64 = 6;
    pub const LEFT_OUT: u64 = 7;
    pub const SIZE: u64 = 8;
    pub const PHASES: u64 = 9;
    /// An address and, next, what became of it.
    pub const GIVEN: u64 = 10;
    pub const BECAME: u64 = 11;
    pub const DIALOGUE: u64 = 12;
    pub const CLIENT: u64 = 13;
    pub const LISTENER: u64 = 14;
    pub const HELLO: u64 = 15;
    pub const LOGIN: u64 = 16;
    pub const FROM: u64 = 17;
    pub const RECIPIENT: u64 = 18;
    pub const STEP: u64 = 19;
    pub const REPLY: u64 = 20;
    pub const REASON: u64 = 21;
    pub const SOURCE: u64 = 22;
    pub const UNTIL: u64 = 23;
    pub const ATTEMPT: u64 = 24;
    pub const QUEUE: u64 = 25;
    pub const TOOK: u64 = 26;
    pub const ROUTE: u64 = 27;
    /// Numbers of recipients, then their outcome, then their record: one group of results.
    pub const RECIPIENTS: u64 = 28;
    pub const OUTCOME: u64 = 29;
    pub const RECORD: u64 = 30;
    pub const NEXT: u64 = 31;
    pub const INTO: u64 = 32;
    pub const ABOUT: u64 = 33;
    pub const WHO: u64 = 34;
    pub const WHAT: u64 = 35;
    pub const WHY: u64 = 36;
    pub const TO: u64 = 37;
    pub const COUNT: u64 = 38;
    pub const ADOPTED: u64 = 39;
}

/// The kinds of entries; never reuse one.
mod kinds {
    pub const ACCEPTED: u64 = 1;
    pub const REFUSED: u64 = 2;
    pub const ATTEMPTED: u64 = 3;
    pub const MOVED: u64 = 4;
    pub const ACTED: u64 = 5;
    pub const REPORTED: u64 = 6;
    pub const ENDED: u64 = 7;
    pub const DROPPED: u64 = 8;
}

impl Entry<'_> {
    /// Appends the entry's octets to `buffer`.
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        let mut out = Writer::onto(std::mem::take(buffer));
        out.number(tags::AT, micros(self.at));
        match &self.event {
            Event::Accepted(accepted) => accepted.write(&mut out),
            Event::Refused(refused) => refused.write(&mut out),
            Event::Attempted(attempted) => attempted.write(&mut out),
            Event::Moved(moved) => moved.write(&mut out),
            Event::Acted(acted) => acted.write(&mut out),
            Event::Reported(reported) => reported.write(&mut out),
            Event::Ended(ended) => ended.write(&mut out),
            Event::Dropped(count) => {
                out.number(tags::KIND, kinds::DROPPED);
                out.number(tags::COUNT, *count);
            }
        }
        *buffer = out.finish();
    }
}

fn write_id(tag: u64, id: MessageId, out: &mut Writer) {
    out.octets(tag, &id.0.to_be_bytes());
}

fn write_job(job: JobId, out: &mut Writer) {
    write_id(tags::ID, job.message, out);
    out.number(tags::JOB, job.n.into());
}

fn write_some(tag: u64, text: Option<&Cow<'_, str>>, max: usize, out: &mut Writer) {
    if let Some(text) = text {
        out.text(tag, cut(text, max));
    }
}

fn write_address(tag: u64, address: IpAddr, out: &mut Writer) {
    match address {
        IpAddr::V4(v4) => out.octets(tag, &v4.octets()),
        IpAddr::V6(v6) => out.octets(tag, &v6.octets()),
    }
}

fn length(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn outcome_number(outcome: RecipientOutcome) -> u64 {
    match outcome {
        RecipientOutcome::Delivered => 1,
        RecipientOutcome::Failed => 2,
        RecipientOutcome::Deferred => 3,
    }
}

impl Accepted<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::ACCEPTED);
        if let Some(id) = self.id {
            write_id(tags::ID, id, out);
        }
        if let Some(of) = self.of {
            write_id(tags::OF, of, out);
        }
        out.octets(tags::ENVELOPE, self.envelope.get(..ENVELOPE_MAX).unwrap_or(&self.envelope));
        if self.left_out > 0 {
            out.number(tags::LEFT_OUT, self.left_out);
        }
        out.number(tags::SIZE, self.size);
        if let Some(phases) = &self.phases {
            let Phases { connected, mail, recipient, content, complete, commit } = *phases;
            let all = [connected, mail, recipient, content, complete, commit];
            out.numbers(tags::PHASES, all.into_iter().map(length));
        }
        for (given, became) in self.expanded.iter().take(STEPS_MAX) {
            out.text(tags::GIVEN, cut(given, NAME_MAX));
            out.text(tags::BECAME, cut(became, TEXT_MAX));
        }
        write_dialogue(&self.dialogue, out);
    }
}

fn write_dialogue(dialogue: &[u8], out: &mut Writer) {
    if !dialogue.is_empty() {
        out.octets(tags::DIALOGUE, dialogue);
    }
}

impl Refused<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::REFUSED);
        if let Some(client) = self.client {
            write_address(tags::CLIENT, client, out);
        }
        out.text(tags::LISTENER, cut(&self.listener, NAME_MAX));
        write_some(tags::HELLO, self.hello.as_ref(), NAME_MAX, out);
        write_some(tags::LOGIN, self.login.as_ref(), NAME_MAX, out);
        write_some(tags::FROM, self.from.as_ref(), NAME_MAX, out);
        write_some(tags::RECIPIENT, self.recipient.as_ref(), NAME_MAX, out);
        out.text(tags::STEP, cut(&self.step, NAME_MAX));
        out.text(tags::REPLY, cut(&self.reply, REPLY_TEXT_MAX));
        write_some(tags::REASON, self.reason.as_ref(), TEXT_MAX, out);
        write_some(tags::SOURCE, self.source.as_ref(), NAME_MAX, out);
        if let Some(until) = self.until {
            out.number(tags::UNTIL, micros(until));
        }
    }
}

impl Attempted<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::ATTEMPTED);
        write_job(self.job, out);
        out.number(tags::ATTEMPT, self.attempt.into());
        out.text(tags::QUEUE, cut(&self.queue, NAME_MAX));
        out.number(tags::TOOK, length(self.took));
        write_some(tags::ROUTE, self.route.as_ref(), TEXT_MAX, out);
        if self.is_adopted {
            out.number(tags::ADOPTED, 1);
        }
        // Nearly always those who were tried together have one result.
        let alike = |a: &RecipientUpdate, b: &RecipientUpdate| {
            a.outcome == b.outcome && a.record == b.record
        };
        for (n, group) in self.results.chunk_by(alike).enumerate() {
            let Some(first) = group.first() else { continue };
            out.numbers(tags::RECIPIENTS, group.iter().map(|result| result.recipient.into()));
            out.number(tags::OUTCOME, outcome_number(first.outcome));
            let record: &[u8] = if n < RECORDS_MAX { &first.record } else { &[] };
            out.octets(tags::RECORD, record);
        }
        if let Some(next) = self.next {
            out.number(tags::NEXT, micros(next));
        }
        write_dialogue(&self.dialogue, out);
    }
}

impl Moved<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::MOVED);
        write_job(self.job, out);
        write_some(tags::QUEUE, self.queue.as_ref(), NAME_MAX, out);
        self.into.iter().take(STEPS_MAX).for_each(|id| write_id(tags::INTO, *id, out));
        out.numbers(tags::RECIPIENTS, self.recipients.iter().map(|number| u64::from(*number)));
        out.text(tags::WHY, cut(&self.why, TEXT_MAX));
    }
}

impl Acted<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::ACTED);
        if let Some(id) = self.id {
            write_id(tags::ID, id, out);
        }
        write_some(tags::ABOUT, self.about.as_ref(), NAME_MAX, out);
        out.text(tags::WHO, cut(&self.who, NAME_MAX));
        out.text(tags::WHAT, cut(&self.what, NAME_MAX));
        out.text(tags::WHY, cut(&self.why, TEXT_MAX));
    }
}

impl Reported<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::REPORTED);
        write_id(tags::ID, self.about, out);
        write_id(tags::INTO, self.report, out);
        out.text(tags::TO, cut(&self.to, NAME_MAX));
        out.text(tags::WHAT, cut(&self.kind, NAME_MAX));
    }
}

impl Ended<'_> {
    fn write(&self, out: &mut Writer) {
        out.number(tags::KIND, kinds::ENDED);
        write_id(tags::ID, self.id, out);
        out.numbers(tags::RECIPIENTS, self.recipients.iter().map(|number| u64::from(*number)));
        out.number(tags::OUTCOME, outcome_number(self.outcome));
        out.text(tags::WHY, cut(&self.how, TEXT_MAX));
    }
}

/// The fields of any entry, gathered before its kind makes a value of them.
#[derive(Default)]
struct Fields<'a> {
    kind: u64,
    at: Option<SystemTime>,
    id: Option<MessageId>,
    of: Option<MessageId>,
    job: u32,
    envelope: &'a [u8],
    left_out: u64,
    size: u64,
    phases: Option<Phases>,
    expanded: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    dialogue: &'a [u8],
    client: Option<IpAddr>,
    texts: [Option<&'a str>; 15],
    until: Option<SystemTime>,
    attempt: u32,
    took: u64,
    is_adopted: bool,
    recipients: Vec<u32>,
    outcome: Option<RecipientOutcome>,
    results: Vec<RecipientUpdate>,
    next: Option<SystemTime>,
    into: Vec<MessageId>,
    count: u64,
}

/// The fields that are texts, in the order in which [`Fields`] keeps them.
const TEXTS: [u64; 15] = [
    tags::LISTENER,
    tags::HELLO,
    tags::LOGIN,
    tags::FROM,
    tags::RECIPIENT,
    tags::STEP,
    tags::REPLY,
    tags::REASON,
    tags::SOURCE,
    tags::QUEUE,
    tags::ROUTE,
    tags::ABOUT,
    tags::WHO,
    tags::WHAT,
    tags::WHY,
];

impl<'a> Fields<'a> {
    fn read(octets: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::record(octets)?;
        let mut fields = Self::default();
        let mut to = None;
        while let Some((tag, field)) = reader.field()? {
            match tag {
                tags::AT => fields.at = Some(time(field, "time")?),
                tags::KIND => fields.kind = number(field, "kind")?,
                tags::ID => fields.id = Some(id(field)?),
                tags::OF => fields.of = Some(id(field)?),
                tags::INTO => fields.into.push(id(field)?),
                tags::JOB => fields.job = small(field)?,
                tags::ENVELOPE => fields.envelope = field,
                tags::LEFT_OUT => fields.left_out = number(field, "recipients left out")?,
                tags::SIZE => fields.size = number(field, "size")?,
                tags::PHASES => fields.phases = phases(field)?,
                tags::GIVEN => fields.expanded.push((words(field)?.into(), "".into())),
                tags::BECAME => {
                    if let Some((_, became)) = fields.expanded.last_mut() {
                        *became = words(field)?.into();
                    }
                }
                tags::DIALOGUE => fields.dialogue = field,
                tags::CLIENT => fields.client = Some(address(field)?),
                tags::UNTIL => fields.until = Some(time(field, "end")?),
                tags::ATTEMPT => fields.attempt = small(field)?,
                tags::TOOK => fields.took = number(field, "duration")?,
                tags::ADOPTED => fields.is_adopted = number(field, "mark")? != 0,
                tags::RECIPIENTS => fields.recipients = recipients(field)?,
                tags::OUTCOME => fields.outcome = Some(outcome(field)?),
                tags::RECORD => fields.result(field)?,
                tags::NEXT => fields.next = Some(time(field, "next attempt")?),
                tags::TO => to = Some(words(field)?),
                tags::COUNT => fields.count = number(field, "count")?,
                tag => {
                    if let Some(place) = TEXTS.iter().position(|known| *known == tag)
                        && let Some(slot) = fields.texts.get_mut(place)
                    {
                        *slot = Some(words(field)?);
                    }
                }
            }
        }
        // The reader of a report and an operator's target are kept in one place.
        if let (Some(to), Some(slot)) = (to, fields.texts.get_mut(11)) {
            *slot = Some(to);
        }
        Ok(fields)
    }

    /// A group of results ends with its record.
    fn result(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let outcome = self.outcome.take().ok_or(RecordError::Missing("outcome"))?;
        let record = Bytes::copy_from_slice(record);
        let result = |recipient| RecipientUpdate { recipient, outcome, record: record.clone() };
        self.results.extend(self.recipients.drain(..).map(result));
        Ok(())
    }

    fn some(&self, tag: u64) -> Option<Cow<'a, str>> {
        let place = TEXTS.iter().position(|known| *known == tag)?;
        self.texts.get(place).copied().flatten().map(Cow::Borrowed)
    }

    fn text(&self, tag: u64) -> Cow<'a, str> {
        self.some(tag).unwrap_or_default()
    }

    fn needed_id(&self) -> Result<MessageId, RecordError> {
        self.id.ok_or(RecordError::Missing("id"))
    }

    fn job(&self) -> Result<JobId, RecordError> {
        Ok(JobId { message: self.needed_id()?, n: self.job })
    }
}

fn id(octets: &[u8]) -> Result<MessageId, RecordError> {
    let octets = <[u8; 16]>::try_from(octets).map_err(|_| RecordError::Malformed("id"))?;
    Ok(MessageId(u128::from_be_bytes(octets)))
}

fn small(octets: &[u8]) -> Result<u32, RecordError> {
    u32::try_from(number(octets, "number")?).map_err(|_| RecordError::Malformed("number"))
}

fn words(octets: &[u8]) -> Result<&str, RecordError> {
    std::str::from_utf8(octets).map_err(|_| RecordError::Malformed("text"))
}

fn recipients(octets: &[u8]) -> Result<Vec<u32>, RecordError> {
    let wrong = |_| RecordError::Malformed("recipients");
    let numbers = numbers(octets, "recipients")?;
    numbers.into_iter().map(|number| u32::try_from(number).map_err(wrong)).collect()
}

fn phases(octets: &[u8]) -> Result<Option<Phases>, RecordError> {
    let numbers = numbers(octets, "phases")?;
    let &[connected, mail, recipient, content, complete, commit, ..] = numbers.as_slice() else {
        return Err(RecordError::Malformed("phases"));
    };
    let [connected, mail, recipient, content, complete, commit] =
        [connected, mail, recipient, content, complete, commit].map(Duration::from_micros);
    Ok(Some(Phases { connected, mail, recipient, content, complete, commit }))
}

fn outcome(octets: &[u8]) -> Result<RecipientOutcome, RecordError> {
    match number(octets, "outcome")? {
        1 => Ok(RecipientOutcome::Delivered),
        2 => Ok(RecipientOutcome::Failed),
        3 => Ok(RecipientOutcome::Deferred),
        _ => Err(RecordError::Malformed("outcome")),
    }
}

impl<'a> Entry<'a> {
    /// Reads what [`encode`](Self::encode) wrote. None: a kind that this program does not know.
    ///
    /// # Errors
    /// [`RecordError`]: these octets were never an entry.
    pub fn decode(octets: &'a [u8]) -> Result<Option<Self>, RecordError> {
        let fields = Fields::read(octets)?;
        let at = fields.at.ok_or(RecordError::Missing("time"))?;
        let event = match fields.kind {
            kinds::ACCEPTED => Event::Accepted(Accepted {
                id: Some(fields.needed_id()?),
                of: fields.of,
                envelope: fields.envelope.into(),
                left_out: fields.left_out,
                size: fields.size,
                phases: fields.phases,
                expanded: fields.expanded,
                dialogue: fields.dialogue.into(),
            }),
            kinds::REFUSED => Event::Refused(Refused {
                client: fields.client,
                listener: fields.text(tags::LISTENER),
                hello: fields.some(tags::HELLO),
                login: fields.some(tags::LOGIN),
                from: fields.some(tags::FROM),
                recipient: fields.some(tags::RECIPIENT),
                step: fields.text(tags::STEP),
                reply: fields.text(tags::REPLY),
                reason: fields.some(tags::REASON),
                source: fields.some(tags::SOURCE),
                until: fields.until,
            }),
            kinds::ATTEMPTED => Event::Attempted(Attempted {
                job: fields.job()?,
                attempt: fields.attempt,
                queue: fields.text(tags::QUEUE),
                took: Duration::from_micros(fields.took),
                route: fields.some(tags::ROUTE),
                is_adopted: fields.is_adopted,
                next: fields.next,
                dialogue: fields.dialogue.into(),
                results: fields.results.into(),
            }),
            kinds::MOVED => Event::Moved(Moved {
                job: fields.job()?,
                queue: fields.some(tags::QUEUE),
                why: fields.text(tags::WHY),
                into: fields.into,
                recipients: fields.recipients,
            }),
            kinds::ACTED => Event::Acted(Acted {
                id: fields.id,
                about: fields.some(tags::ABOUT),
                who: fields.text(tags::WHO),
                what: fields.text(tags::WHAT),
                why: fields.text(tags::WHY),
            }),
            kinds::REPORTED => Event::Reported(Reported {
                about: fields.needed_id()?,
                report: fields.into.first().copied().ok_or(RecordError::Missing("report"))?,
                to: fields.text(tags::ABOUT),
                kind: fields.text(tags::WHAT),
            }),
            kinds::ENDED => Event::Ended(Ended {
                id: fields.needed_id()?,
                outcome: fields.outcome.ok_or(RecordError::Missing("outcome"))?,
                how: fields.text(tags::WHY),
                recipients: fields.recipients,
            }),
            kinds::DROPPED => Event::Dropped(fields.count),
            _ => return Ok(None),
        };
        Ok(Some(Self { at, event }))
    }
}
