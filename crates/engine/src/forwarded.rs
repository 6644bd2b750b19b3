//! Letters that are forwarded off this host under an address of ours, and what comes back to it
//! (`queue::srs`).

use std::time::SystemTime;

use mail::{Envelope, ForwardPath, Mailbox, ReversePath};
use queue::access::Verdict;
use queue::expansion::Expanded;
use queue::srs;
use spool::MessageId;
use tracing::info;

use crate::Options;
use crate::admit::Refusal;

/// Recipients that stand for senders of forwarded letters become these.
///
/// # Errors
/// One stands for nobody any more; the session has taken it a moment ago.
pub(crate) fn reverse(
    options: &Options,
    id: MessageId,
    envelope: &mut Envelope,
    now: SystemTime,
) -> Result<(), Refusal> {
    let Some(srs) = &options.srs else { return Ok(()) };
    for recipient in &mut envelope.recipients {
        match srs::recipient(srs, &recipient.path, now) {
            None => {}
            Some(Verdict::Accept { accepted, reason }) => {
                info!(event = "recipient.reversed", %id, %reason);
                recipient.path = ForwardPath::Mailbox(accepted);
            }
            Some(Verdict::Refuse { reply, reason }) => {
                info!(event = "message.refused", %id, %reply, %reason);
                return Err(Refusal::Refused(reply));
            }
        }
    }
    Ok(())
}

/// What goes on to others elsewhere goes under an address of ours.
pub(crate) fn apply(
    options: &Options,
    id: MessageId,
    came: &ReversePath,
    envelopes: &mut [Expanded],
    now: SystemTime,
) {
    let Some(srs) = &options.srs else { return };
    for expanded in envelopes {
        if let Some(reason) = srs::apply(srs, &options.access, came, expanded, now) {
            info!(event = "sender.forwarded", %id, %reason);
        }
    }
}

/// Who is told of a letter from `sender`: where that is an address of ours, whom it stands for. One that
/// is too old by now stays, and its report ends here.
pub(crate) fn sender(options: &Options, sender: &Mailbox, now: SystemTime) -> Mailbox {
    let reversed = options.srs.as_ref().and_then(|srs| srs.reverse(sender, now));
    reversed.and_then(Result::ok).unwrap_or_else(|| sender.clone())
}
