//! What a message needs of the next hop, and the forms in which it can do with less: content is
//! converted where that loses nothing, and returned where it would (RFC 6152 §3, RFC 3030 §3,
//! RFC 6531 §3.2).

use mail::convert::{Options, Plan, Refusal, Target};
use mail::{BodyType, Topic};
use queue::fate::Said;
use queue::record::Stored;
use smtp::client::Extensions;
use spool::SpoolError;
use tracing::info;

use crate::Shared;
use crate::content::{Content, content_len, plan};
use crate::dispatch::Job;

/// What is done with content that the next hop does not take as it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EightBit {
    /// It is converted.
    #[default]
    Convert,
    /// It is converted, unless a signature would break.
    KeepSignatures,
    /// It is returned to its sender.
    Return,
}

/// Content in the form in which it goes.
pub(crate) struct Fitted {
    pub(crate) content: Content,
    /// What it needs.
    pub(crate) body: BodyType,
    /// A header section is beyond ASCII.
    pub(crate) utf8: bool,
    pub(crate) size: u64,
}

/// Why it does not go.
pub(crate) enum Unfit {
    /// It cannot be read.
    Unreadable(SpoolError),
    /// There is no form of it that the next hop takes.
    Refused(Said),
}

impl From<SpoolError> for Unfit {
    fn from(error: SpoolError) -> Self {
        Self::Unreadable(error)
    }
}

/// `content`, that of `job` and not read yet, for a host that offers this.
pub(crate) async fn fit(
    shared: &Shared,
    job: &Job,
    content: Content,
    offered: &Extensions,
) -> Result<Fitted, Unfit> {
    let spool = &shared.world.spool;
    let (body, utf8) = needs(&job.stored);
    let Some((target, options)) = conversion(shared, body, utf8, offered) else {
        return Ok(Fitted { content, body, utf8, size: content_len(job) });
    };
    let plan = match plan(spool, job, target, options).await? {
        Ok(plan) => plan,
        Err(refusal) => return Err(Unfit::Refused(unsendable(refusal, utf8))),
    };
    if plan.changes() > 0 && shared.options().eight_bit == EightBit::Return {
        let what = "the next host does not take octets beyond ASCII, and nothing is converted here";
        return Err(Unfit::Refused(Said::Unsendable { topic: Topic(6, 3), what: what.to_owned() }));
    }
    let body = match target {
        Target::SevenBit => BodyType::SevenBit,
        Target::EightBit if job.stored.eight_bit => BodyType::EightBitMime,
        Target::EightBit => BodyType::SevenBit,
    };
    tell(job, &plan);
    Ok(Fitted { body, utf8: false, size: plan.size(), content: content.converted(plan) })
}

/// `content`, that of `job` and not read yet, for a mailbox or a program of this host. They hold lines:
/// what is binary would not come out as it went in (RFC 3030 §3, RFC 5321 §4.5.2).
pub(crate) async fn for_lines(
    shared: &Shared,
    job: &Job,
    content: Content,
) -> Result<Content, Unfit> {
    if job.stored.parameters.body != BodyType::Binary {
        return Ok(content);
    }
    let options = Options { keep_signatures: false, ascii_headers: false };
    match plan(&shared.world.spool, job, Target::EightBit, options).await? {
        Ok(plan) => {
            tell(job, &plan);
            Ok(content.converted(plan))
        }
        Err(refusal) => Err(Unfit::Refused(unsendable(refusal, false))),
    }
}

/// Whether `job` goes through a session without extensions only with losses, or not at all.
pub(crate) fn asks_for_more(job: &Job) -> bool {
    let stored = &job.stored;
    let said = &stored.parameters;
    let recipients = job.open.iter().filter_map(|(number, _)| {
        stored.recipients.get(usize::try_from(*number).unwrap_or(usize::MAX))
    });
    let mut requests = recipients.map(|recipient| recipient.parameters.notify.is_some());
    needs(stored) != (BodyType::SevenBit, false)
        || said.utf8
        || said.require_tls
        || said.deliver_by.is_some()
        || requests.any(|asked| asked)
}

/// What the content needs as it is.
fn needs(stored: &Stored) -> (BodyType, bool) {
    let body = match stored.parameters.body {
        BodyType::Binary => BodyType::Binary,
        _ if stored.eight_bit => BodyType::EightBitMime,
        _ => BodyType::SevenBit,
    };
    (body, stored.parameters.utf8 && stored.eight_bit)
}

/// What must be done to it for a host that offers this; none where it goes as it is.
fn conversion(
    shared: &Shared,
    body: BodyType,
    utf8: bool,
    offered: &Extensions,
) -> Option<(Target, Options)> {
    let eight_bit = offered.eight_bit_mime();
    let lacks_utf8 = utf8 && !offered.offers("SMTPUTF8");
    let lacks_body = match body {
        BodyType::SevenBit => false,
        BodyType::EightBitMime => !eight_bit,
        BodyType::Binary => !offered.binary_mime(),
    };
    let options = Options {
        keep_signatures: shared.options().eight_bit == EightBit::KeepSignatures,
        ascii_headers: lacks_utf8,
    };
    let target = if eight_bit { Target::EightBit } else { Target::SevenBit };
    (lacks_utf8 || lacks_body).then_some((target, options))
}

fn unsendable(refusal: Refusal, utf8: bool) -> Said {
    // Its header needs SMTPUTF8 and says so (RFC 6531 §3.5).
    let topic = if refusal == Refusal::Header && utf8 { Topic(6, 9) } else { refusal.topic() };
    Said::Unsendable { topic, what: refusal.to_string() }
}

/// A line for the operator where something changes.
fn tell(job: &Job, plan: &Plan) {
    if plan.changes() > 0 {
        let (id, queue, parts) = (job.id.message, &job.queue, plan.changes());
        let signature = plan.broken().any().then(|| plan.broken().to_string());
        info!(event = "content.converted", %id, %queue, parts, broken_signature = signature);
    }
}
