//! Reports: a delivery that failed for good, or that takes long, becomes mail to the sender. It goes
//! into the spool in the same transaction that books the failure, and enters there like any mail.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use mail::content::split_head;
use mail::report::{Kind, RETURN_HEADERS_MAX, Report, ReportedRecipient, Returned, cut_headers};
use mail::{
    Domain, ForwardPath, LocalPart, MailParameters, Mailbox, Recipient, RecipientParameters,
    ReversePath,
};
use queue::record::{Class, HeadEdits, Origin, Stored};
use spool::{Body, BodySink, SpoolError};
use tracing::{error, info};

use crate::admit::Pending;
use crate::content::{Content, content_len};
use crate::dispatch::Job;
use crate::{Shared, expand};

/// Whom the sender is to be told of: one report for all that failed together, one for all that wait.
#[derive(Default)]
pub(crate) struct Due {
    pub(crate) failed: Vec<ReportedRecipient>,
    pub(crate) delayed: Vec<ReportedRecipient>,
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
    for (kind, told) in [(Kind::Failed, &due.failed), (Kind::Delayed, &due.delayed)] {
        if told.is_empty() {
            continue;
        }
        // A message from <> is never answered (RFC 5321 §4.5.5).
        let ReversePath::Mailbox(sender) = &job.stored.reverse_path else {
            info!(event = "report.none", id = %job.id.message, "the reverse-path is null");
            continue;
        };
        reports.push(report(shared, job, kind, sender, told.clone(), now).await?);
    }
    Ok(reports)
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
    let host = &shared.options.hostname;
    let returned = Returned::choose(kind, content_len(job));
    let report = Report {
        kind,
        reporting_mta: host.clone(),
        from: postmaster(host.clone()),
        to: sender.clone(),
        envelope_id: None,
        arrival: job.stored.arrival,
        now,
        offset_minutes: shared.options.zone,
        message_id: format!("{id}@{host}"),
        boundary_seed: shared.world.random.next(),
        recipients,
        returned,
        eight_bit: job.stored.eight_bit,
    };
    let body = match body(shared, &report, Some(job)).await {
        Ok(body) => body,
        Err(Unwritten::Spool(error)) => return Err(error),
        // The sender is told all the same, without the octets that nobody can read any more.
        Err(Unwritten::Original(error)) => {
            error!(event = "content.unreadable", id = %job.id.message, %error);
            let report = Report { returned: Returned::Headers, ..report };
            body(shared, &report, None).await.map_err(Unwritten::into_error)?
        }
    };
    info!(event = "report.written", %id, about = %job.id.message, to = %sender);
    Ok(Pending { id, stored: stored(shared, sender, job, now), head: HeadEdits::default(), body })
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
        original(shared, job, report.returned, sink.as_mut()).await?;
    }
    sink.write(report.tail()).await.map_err(Unwritten::Spool)?;
    sink.finish().await.map_err(Unwritten::Spool)
}

/// The message as it was sent on, or its header section only.
async fn original(
    shared: &Arc<Shared>,
    job: &Job,
    returned: Returned,
    sink: &mut dyn BodySink,
) -> Result<(), Unwritten> {
    let content = Content::open(&shared.world.spool, job).await;
    let mut content = content.map_err(Unwritten::Original)?;
    if returned == Returned::Full {
        while let Some(chunk) = content.next().await.map_err(Unwritten::Original)? {
            sink.write(chunk).await.map_err(Unwritten::Spool)?;
        }
        return Ok(());
    }
    let mut header = BytesMut::new();
    while header.len() < RETURN_HEADERS_MAX {
        match content.next().await.map_err(Unwritten::Original)? {
            Some(chunk) => header.extend_from_slice(&chunk),
            None => break,
        }
    }
    let (head, _) = split_head(&header);
    let head = Bytes::copy_from_slice(cut_headers(head));
    sink.write(head).await.map_err(Unwritten::Spool)
}

fn postmaster(host: mail::DomainName) -> Mailbox {
    let local = LocalPart::from_unquoted("postmaster").expect("a constant");
    Mailbox { local, domain: Domain::Name(host) }
}

/// The envelope of a report: from nobody, so that it is never answered itself.
fn stored(shared: &Shared, sender: &Mailbox, job: &Job, now: SystemTime) -> Stored {
    let recipient = Recipient {
        path: ForwardPath::Mailbox(sender.clone()),
        parameters: RecipientParameters::default(),
    };
    Stored {
        reverse_path: ReversePath::Null,
        parameters: MailParameters::default(),
        recipients: expand::readers(&shared.options.access, recipient),
        arrival: now,
        expire: shared.options.schedule.expiry(now, true),
        eight_bit: job.stored.eight_bit,
        origin: Origin::default(),
        class: Class::Report,
    }
}
