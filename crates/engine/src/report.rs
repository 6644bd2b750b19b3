//! Reports: a delivery that failed for good, that takes long, or of whose success the sender wants to
//! hear becomes mail to the sender. It goes
//! into the spool in the same transaction that books the failure, and enters there like any mail.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use mail::content::split_head;
use mail::envelope::Notify;
use mail::report::{Kind, RETURN_HEADERS_MAX, Report, ReportedRecipient, Returned, cut_headers};
use mail::{
    BodyType, Domain, ForwardPath, Literal, LocalPart, MailParameters, Mailbox, Recipient,
    RecipientParameters, ReversePath, Xtext,
};
use queue::notify;
use queue::record::{Class, HeadEdits, Origin, Stored};
use queue::schedule::Rank;
use spool::{Body, BodySink, SpoolError};
use tracing::{error, info};

use crate::admit::{Pending, marked};
use crate::content::{Content, content_len};
use crate::dispatch::Job;
use crate::expand::{self, Readers};
use crate::{Shared, forwarded};

/// Whom the sender is to be told of: one report for all that failed together, one for all that wait,
/// one for all that are done with (RFC 3461 §5.2.8). Others are not in them.
#[derive(Default)]
pub(crate) struct Due {
    pub(crate) failed: Vec<ReportedRecipient>,
    pub(crate) delayed: Vec<ReportedRecipient>,
    pub(crate) done: Vec<ReportedRecipient>,
}

impl Due {
    /// The kinds of the reports that are written, in their order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let all = [("failed", &self.failed), ("delayed", &self.delayed), ("done", &self.done)];
        all.into_iter().filter(|(_, told)| !told.is_empty()).map(|(kind, _)| kind)
    }
}

/// Writes the reports that are due.
///
/// # Errors
/// What the spool says; then nothing is kept.
pub(crate) async fn write(
    shared: &Arc<Shared>,
    job: &Job,
    due: &Due,
    now: SystemTime,
) -> Result<Vec<Pending>, SpoolError> {
    let mut reports = Vec::new();
    let kinds =
        [(Kind::Failed, &due.failed), (Kind::Delayed, &due.delayed), (Kind::Done, &due.done)];
    for (kind, told) in kinds {
        if told.is_empty() {
            continue;
        }
        let Some(reader) = reader(shared, job, kind, now) else {
            info!(event = "report.none", id = %job.id.message, "the reverse-path is null");
            continue;
        };
        reports.push(report(shared, job, kind, &reader, told.clone(), now).await?);
    }
    Ok(reports)
}

/// Who is told: the sender. A message from <> is never answered (RFC 5321 §4.5.5); but of a report or a
/// copy of ours that reaches nobody the postmaster of this host is told, once, by a message of ours.
fn reader(shared: &Shared, job: &Job, kind: Kind, now: SystemTime) -> Option<Mailbox> {
    match &job.stored.reverse_path {
        ReversePath::Mailbox(sender) => Some(forwarded::sender(&shared.options(), sender, now)),
        ReversePath::Null
            if kind == Kind::Failed && matches!(job.stored.class, Class::Report | Class::Copy) =>
        {
            Some(postmaster(shared.options().hostname.clone()))
        }
        ReversePath::Null => None,
    }
}

async fn report(
    shared: &Arc<Shared>,
    job: &Job,
    kind: Kind,
    sender: &Mailbox,
    recipients: Vec<ReportedRecipient>,
    now: SystemTime,
) -> Result<Pending, SpoolError> {
    let id = shared.ids.next(now);
    let options = shared.options();
    let host = &options.hostname;
    let stored = &job.stored;
    let looked = match stored.eight_bit || stored.parameters.utf8 {
        true => header(shared, job).await.map(|head| !head.is_ascii()),
        false => Ok(false),
    };
    // A header section that cannot be read is not returned either, see below.
    let head_beyond_ascii = looked.unwrap_or(false);
    let global = head_beyond_ascii && stored.parameters.utf8;
    let returned = returned(job, kind, head_beyond_ascii && !global);
    let eight_bit = match returned {
        Returned::Full => stored.eight_bit,
        Returned::Headers => head_beyond_ascii,
    };
    let report = Report {
        kind,
        reporting_mta: host.clone(),
        from: postmaster(host.clone()),
        // A name with A-labels is the same, and goes over more hosts.
        to: sender.to_ascii().unwrap_or_else(|| sender.clone()),
        envelope_id: stored.parameters.envelope_id.as_ref().map(Xtext::decode_lossy),
        received_from: received_from(&stored.origin),
        hold: stored.parameters.hold,
        arrival: stored.arrival,
        now,
        offset_minutes: options.zone,
        message_id: format!("{id}@{host}"),
        boundary_seed: shared.world.random.next(),
        recipients,
        returned,
        eight_bit,
        global,
    };
    let body = match body(shared, &report, Some(job)).await {
        Ok(body) => body,
        Err(Unwritten::Spool(error)) => return Err(error),
        // The sender is told all the same, without the octets that nobody can read any more.
        Err(Unwritten::Original(error)) => {
            error!(event = "content.unreadable", id = %job.id.message, %error);
            let report = Report {
                returned: Returned::Headers,
                eight_bit: false,
                global: false,
                ..report.clone()
            };
            body(shared, &report, None).await.map_err(Unwritten::into_error)?
        }
    };
    shared.counts.reports(1);
    info!(event = "report.written", %id, about = %job.id.message, to = %sender);
    let (stored, via) = envelope(shared, &report, job, now).await?;
    let head = marked(&HeadEdits::default(), via.as_ref());
    Ok(Pending { id, stored, head, body, by_sender: None })
}

/// What of the message comes back. One with octets beyond ASCII in its header section that no
/// standard allows there, or without lines, is no `message/rfc822` that any host would pass on.
fn returned(job: &Job, kind: Kind, odd_head: bool) -> Returned {
    let parameters = &job.stored.parameters;
    match odd_head || parameters.body == BodyType::Binary {
        true => Returned::Headers,
        false => Returned::choose(kind, content_len(job), notify::returned(parameters)),
    }
}

/// `name ([address])` of the host that the message came from (RFC 3464 §2.2.4).
fn received_from(origin: &Origin) -> Option<String> {
    let address = Literal::Ip(origin.client?.to_canonical());
    match &origin.hello {
        Some(hello) => Some(format!("{hello} ({address})")),
        None => Some(address.to_string()),
    }
}

/// Why the content of a report was not written.
enum Unwritten {
    /// The original cannot be read.
    Original(SpoolError),
    /// The report cannot be stored.
    Spool(SpoolError),
}

impl Unwritten {
    fn into_error(self) -> SpoolError {
        let (Self::Original(error) | Self::Spool(error)) = self;
        error
    }
}

/// Writes the content of `report`, with the original that belongs to `job`.
async fn body(shared: &Arc<Shared>, report: &Report, job: Option<&Job>) -> Result<Body, Unwritten> {
    let mut sink = shared.world.spool.begin_body(None).await.map_err(Unwritten::Spool)?;
    sink.write(report.head()).await.map_err(Unwritten::Spool)?;
    if let Some(job) = job {
        original(shared, job, report, sink.as_mut()).await?;
    }
    sink.write(report.tail()).await.map_err(Unwritten::Spool)?;
    sink.finish().await.map_err(Unwritten::Spool)
}

/// The message as it was sent on, or its header section only.
async fn original(
    shared: &Arc<Shared>,
    job: &Job,
    report: &Report,
    sink: &mut dyn BodySink,
) -> Result<(), Unwritten> {
    let mut enclosed = report.enclosed();
    if report.returned == Returned::Headers {
        let head = header(shared, job).await.map_err(Unwritten::Original)?;
        sink.write(enclosed.feed(head)).await.map_err(Unwritten::Spool)?;
    } else {
        let content = Content::open(&shared.world.spool, job).await;
        let mut content = content.map_err(Unwritten::Original)?;
        while let Some(chunk) = content.next().await.map_err(Unwritten::Original)? {
            sink.write(enclosed.feed(chunk)).await.map_err(Unwritten::Spool)?;
        }
    }
    sink.write(enclosed.finish()).await.map_err(Unwritten::Spool)
}

/// The header section, as much of it as a report returns.
async fn header(shared: &Arc<Shared>, job: &Job) -> Result<Bytes, SpoolError> {
    let mut content = Content::open(&shared.world.spool, job).await?;
    let mut header = BytesMut::new();
    while header.len() < RETURN_HEADERS_MAX {
        match content.next().await? {
            Some(chunk) => header.extend_from_slice(&chunk),
            None => break,
        }
    }
    let (head, _) = split_head(&header);
    Ok(Bytes::copy_from_slice(cut_headers(head)))
}

fn postmaster(host: mail::DomainName) -> Mailbox {
    let local = LocalPart::from_unquoted("postmaster").expect("a constant");
    Mailbox { local, domain: Domain::Name(host) }
}

/// The envelope of a report: from nobody, and nobody is to be told what becomes of it
/// (RFC 3461 §6.1). What must be kept from listeners is kept so in the report, too (RFC 8689 §5).
///
/// # Errors
/// Who reads it is not known now.
async fn envelope(
    shared: &Shared,
    report: &Report,
    job: &Job,
    now: SystemTime,
) -> Result<(Stored, Option<Mailbox>), SpoolError> {
    let options = shared.options();
    let recipient = Recipient {
        path: ForwardPath::Mailbox(report.to.clone()),
        parameters: RecipientParameters { notify: Some(Notify::NEVER), original: None },
    };
    let parameters = MailParameters {
        body: if report.is_eight_bit() { BodyType::EightBitMime } else { BodyType::SevenBit },
        utf8: report.needs_utf8(),
        require_tls: job.stored.parameters.require_tls,
        ..MailParameters::default()
    };
    let Readers { recipients, targets, via } = expand::readers(shared, &options, recipient).await?;
    let stored = Stored {
        reverse_path: ReversePath::Null,
        parameters,
        recipients,
        targets,
        arrival: now,
        expire: options.schedule.expiry(now, Rank::Report),
        eight_bit: report.is_eight_bit(),
        tls_optional: false,
        origin: Origin::default(),
        class: match job.stored.class {
            Class::Report => Class::LastReport,
            _ => Class::Report,
        },
    };
    Ok((stored, via))
}
