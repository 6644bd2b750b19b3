//! Addresses of a letter become others when it is taken (`queue::rewrite` decides which and why): here
//! tables are asked, and the edits of the header section are joined to those that are there.
//!
//! Who has nothing of it configured pays one look at an option.

use mail::{Envelope, ForwardPath, Mailbox, ReversePath};
use queue::Reason;
use queue::access::{self, Accepted, Verdict};
use queue::record::{HeadEdits, Replace};
use queue::rewrite::{self, Change, Letter, Place, Rewritten, patched};
use spool::MessageId;
use tracing::{info, warn};

use crate::admit::Refusal;
use crate::doors::World;
use crate::passing::Passing;
use crate::tables::{knowing, not_now};
use crate::{Options, expand};

/// What a client is told where it cannot be known.
const NOT_NOW: &str = "An address cannot be looked up now";

/// Whether the header section of a letter must be kept while it passes.
pub(crate) fn looks(options: &Options, is_own: bool) -> bool {
    let rules = &options.rewriting;
    !rules.is_empty() && (is_own || rules.concerns_strangers())
}

/// Rewrites the envelope and, by `head`, the header section. Author edits are in `head` already: fields
/// that they wrote anew are rewritten there.
///
/// # Errors
/// A table has no answer now.
pub(crate) async fn letter(
    world: &World,
    options: &Options,
    id: MessageId,
    envelope: &mut Envelope,
    passing: &Passing,
    head: &mut HeadEdits,
    is_own: bool,
) -> Result<Vec<Change>, Refusal> {
    if passing.whole_header().is_none() {
        warn!(event = "header.too-long", %id, "its addresses stay as they are");
    }
    let ours = std::iter::once(&head.prepend).chain(head.replace.iter().map(|edit| &edit.with));
    let ours: Vec<&[u8]> = ours.map(|octets| &octets[..]).collect();
    let letter = Letter { envelope, header: passing.header(), ours: &ours, is_own };
    let decide = |rows: &_| rewrite::letter(&options.rewriting, &options.access, rows, &letter);
    let mut done = knowing(world, decide).await.map_err(|_| Refusal::Refused(not_now(NOT_NOW)))?;
    for Change { from, to, reasons } in &done.changes {
        for reason in reasons {
            info!(event = "address.rewritten", %id, %from, %to, %reason);
        }
    }
    apply_to_head(head, std::mem::take(&mut done.replace), &done.ours);
    Ok(apply_to_envelope(envelope, done))
}

/// The same for an envelope alone, for those who ask.
///
/// # Errors
/// Why a table has no answer now.
pub(crate) async fn envelope(
    world: &World,
    options: &Options,
    envelope: &mut Envelope,
    is_own: bool,
) -> Result<Vec<Change>, String> {
    if !looks(options, is_own) {
        return Ok(Vec::new());
    }
    let letter = Letter { envelope, header: b"", ours: &[], is_own };
    let decide = |rows: &_| rewrite::letter(&options.rewriting, &options.access, rows, &letter);
    let done = knowing(world, decide).await?;
    Ok(apply_to_envelope(envelope, done))
}

fn apply_to_envelope(envelope: &mut Envelope, done: Rewritten) -> Vec<Change> {
    if let Some(mailbox) = done.reverse_path {
        envelope.reverse_path = ReversePath::Mailbox(mailbox);
    }
    for (number, mailbox) in done.forward_paths {
        if let Some(recipient) = envelope.recipients.get_mut(number) {
            recipient.path = ForwardPath::Mailbox(mailbox);
        }
    }
    done.changes
}

fn apply_to_head(head: &mut HeadEdits, replace: Vec<Replace>, ours: &[Vec<Replace>]) {
    let mut ours = ours.iter().map(Vec::as_slice);
    if let Some(edits) = ours.next().filter(|edits| !edits.is_empty()) {
        head.prepend = patched(&head.prepend, edits).into();
    }
    for (field, edits) in head.replace.iter_mut().zip(ours) {
        if !edits.is_empty() {
            field.with = patched(&field.with, edits).into();
        }
    }
    if !replace.is_empty() {
        head.replace = joined(replace, std::mem::take(&mut head.replace));
    }
}

/// Both in rising order; where a whole field gives way, what was to be done within it is done with.
fn joined(small: Vec<Replace>, whole: Vec<Replace>) -> Vec<Replace> {
    let within = |edit: &Replace| {
        whole.iter().any(|field| edit.at >= field.at && edit.at < field.at + field.len)
    };
    let mut all: Vec<_> = small.into_iter().filter(|edit| !within(edit)).collect();
    all.extend(whole);
    all.sort_by_key(|edit| edit.at);
    all
}

/// What a recipient of the envelope becomes, and why; none where it stays.
///
/// # Errors
/// Why a table has no answer now.
pub(crate) async fn recipient(
    world: &World,
    options: &Options,
    path: &ForwardPath,
    is_own: bool,
) -> Result<Option<(Mailbox, Vec<Reason>)>, String> {
    let ForwardPath::Mailbox(mailbox) = path else { return Ok(None) };
    if !options.rewriting.concerns_recipients(is_own) {
        return Ok(None);
    }
    let (rules, access, place) = (&options.rewriting, &options.access, Place::EnvelopeRecipient);
    let decide = |rows: &_| rewrite::address(rules, access, rows, mailbox, place, is_own);
    let (other, reasons) = knowing(world, decide).await?;
    Ok((other != *mailbox).then_some((other, reasons)))
}

/// What a session says of a recipient that becomes another: `verdict` is what it says of the one that was
/// named. A name that nobody here has may be the old one of somebody; then the new one decides, and as
/// the operator wrote it down, it may be anywhere.
pub(crate) async fn at_session(
    world: &World,
    options: &Options,
    path: &ForwardPath,
    verdict: Verdict<Accepted>,
    is_own: bool,
) -> Verdict<Accepted> {
    if let Verdict::Refuse { reply, .. } = &verdict
        && reply.status() != Some(mail::EnhancedStatus::permanent(mail::Topic(1, 1)))
    {
        return verdict;
    }
    match recipient(world, options, path, is_own).await {
        Ok(None) => verdict,
        Ok(Some((other, _))) => {
            let path = ForwardPath::Mailbox(other);
            let access = &options.access;
            let decide = |answers: &_| access::recipient_knowing(access, None, &path, answers);
            expand::knowing(world, decide).await
        }
        Err(why) => Verdict::Refuse { reply: not_now(NOT_NOW), reason: Reason::new(why) },
    }
}
