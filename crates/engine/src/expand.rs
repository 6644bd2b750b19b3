//! Between reception and the spool: aliases and lists among the recipients become those who stand
//! for them. What is wrong with an alias is said in the session, so that the whole message is taken
//! or none of it (RFC 5321 §4.1.1.4).

use mail::{Envelope, MailParameters, Recipient, Reply, ReversePath, Topic};
use queue::access::Access;
use queue::expansion::{self, Expansion, Finished, Kind, Node};
use queue::record::Class;
use spool::MessageId;
use tracing::{info, warn};

use crate::admit::Refusal;

/// The envelopes that `envelope` comes to, at least one, with what else there is to do.
pub(crate) fn expand(
    access: &Access,
    id: MessageId,
    envelope: Envelope,
) -> Result<Expansion, Refusal> {
    let Some(expansion) = expansion::expand(access, &envelope) else {
        return Ok(Expansion { envelopes: vec![envelope], ..Expansion::default() });
    };
    expansion.trees.iter().for_each(|tree| tell(id, tree));
    if !expansion.failed.is_empty() {
        warn!(event = "alias.too-large", %id, left = expansion.failed.len());
        let text = "An alias among the recipients cannot be expanded: it leads to too many";
        return Err(Refusal::Refused(Reply::new(554, Topic(2, 4), text)));
    }
    if expansion.envelopes.is_empty() {
        warn!(event = "alias.looping", %id);
        let text = "An alias among the recipients leads to nobody but itself";
        return Err(Refusal::Refused(Reply::new(554, Topic(4, 6), text)));
    }
    Ok(expansion)
}

/// An envelope like `envelope`, to nobody. Its time is not in it: that is with those who get the mail.
pub(crate) fn sender(envelope: &Envelope) -> Envelope {
    let parameters = MailParameters { deliver_by: None, hold: None, ..envelope.parameters.clone() };
    Envelope { reverse_path: envelope.reverse_path.clone(), parameters, recipients: Vec::new() }
}

/// The recipients whose sender hears now that they were expanded: each kind as a message that is done
/// with at its first attempt, so that the report about it is as durable as any.
pub(crate) fn told(
    sender: Envelope,
    finished: Vec<Finished>,
) -> impl Iterator<Item = (Envelope, Class)> {
    let (lists, aliases): (Vec<_>, Vec<_>) = finished.into_iter().partition(|one| one.is_list);
    // About mail from <> nobody is told (RFC 3461 §5.2).
    let heard = !sender.reverse_path.is_null();
    let kinds = [(lists, Class::Listed), (aliases, Class::Expanded)];
    let kinds = kinds.into_iter().filter(move |(of, _)| heard && !of.is_empty());
    kinds.map(move |(of, class)| {
        let recipients = of.into_iter().map(|one| one.recipient).collect();
        (Envelope { recipients, ..sender.clone() }, class)
    })
}

/// Who gets a report to `recipient`: those who stand for it, where it is an alias here.
pub(crate) fn readers(access: &Access, recipient: Recipient) -> Vec<Recipient> {
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        parameters: MailParameters::default(),
        recipients: vec![recipient],
    };
    let expansion = expansion::expand(access, &envelope);
    let expanded = expansion.and_then(|expansion| expansion.envelopes.into_iter().next());
    // An alias that leads nowhere: the report fails at its mailbox, and nobody is told of that.
    expanded.unwrap_or(envelope).recipients
}

/// One line for each name that stands for others.
fn tell(id: MessageId, node: &Node) {
    let Node { path, kind, reason, members } = node;
    match kind {
        Kind::Alias | Kind::List(_) => {
            info!(event = "recipient.expanded", %id, %path, %reason, members = members.len());
        }
        Kind::Loop | Kind::TooMany => warn!(event = "recipient.left-out", %id, %path, %reason),
        Kind::Here | Kind::Elsewhere | Kind::Again => {}
    }
    members.iter().for_each(|member| tell(id, member));
}
