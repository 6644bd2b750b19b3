//! Copies for an archive (`queue::copy` decides for whom): each is a message of its own that shares the
//! content and enters the spool in the same transaction.

use std::collections::BTreeMap;

use mail::content::HeaderScanner;
use mail::{Envelope, Mailbox};
use queue::copy::{self, Copy};
use queue::expansion::{Expanded, Kind, Node};
use queue::record::HeadEdits;
use queue::target::Target;
use spool::MessageId;
use tracing::{error, info};

use crate::admit::Refusal;
use crate::doors::World;
use crate::expand::{self, Outcome};
use crate::passing::Passing;
use crate::tables::{knowing, not_now};
use crate::{Options, Shared};

/// Messages to be made.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) envelopes: Vec<Expanded>,
    /// Each copy with what became of it.
    pub(crate) trees: Vec<Node>,
}

/// The copies of a letter with this envelope. `trusted`: it is from another host of ours, whose mark is
/// believed.
///
/// # Errors
/// A table has no answer now: without its copy no letter is taken.
pub(crate) async fn of(
    shared: &Shared,
    options: &Options,
    id: MessageId,
    envelope: &Envelope,
    passing: &Passing,
    trusted: bool,
) -> Result<Made, Refusal> {
    let mut made = Made::default();
    let Some(rules) = &options.copies else { return Ok(made) };
    if trusted && copy::is_copy(rules, &envelope.reverse_path, passing.header()) {
        info!(event = "copy.none", %id, "it is a copy already");
        return Ok(made);
    }
    let copies = decide(&shared.world, options, envelope).await.map_err(|_| {
        Refusal::Refused(not_now("It cannot be looked up now who gets a copy for the archive"))
    })?;
    for Copy { to, reason, .. } in copies {
        let own = copy::envelope(rules, &envelope.parameters, &to);
        let (envelopes, members) = spread(shared, options, id, own, &passing.scanner).await?;
        info!(event = "message.copied", %id, %to, %reason);
        made.envelopes.extend(envelopes);
        let path = mail::ForwardPath::Mailbox(to);
        made.trees.push(Node { path, kind: Kind::Copy, reason, members });
    }
    Ok(made)
}

/// Who gets a copy.
///
/// # Errors
/// Why a table has no answer now.
pub(crate) async fn decide(
    world: &World,
    options: &Options,
    envelope: &Envelope,
) -> Result<Vec<Copy>, String> {
    let Some(rules) = &options.copies else { return Ok(Vec::new()) };
    knowing(world, |rows| copy::copies(rules, &options.access, rows, envelope)).await
}

/// Those who stand for the reader of a copy. Where that is wrong the copy fails, and the postmaster hears
/// of it: no author can help it.
async fn spread(
    shared: &Shared,
    options: &Options,
    id: MessageId,
    envelope: Envelope,
    scanner: &HeaderScanner,
) -> Result<(Vec<Expanded>, Vec<Node>), Refusal> {
    match expand::expand(shared, options, id, envelope.clone(), scanner.delivered_to()).await {
        Ok(Outcome { envelopes, trees, .. }) => {
            Ok((envelopes, trees.into_iter().flat_map(|tree| tree.members).collect()))
        }
        Err(Refusal::Refused(reply)) if reply.is_permanent() => {
            error!(event = "copy.lost", %id, %reply);
            let why = format!("the copy has no reader: {reply}");
            let targets = BTreeMap::from([(0, Target::Nobody { why })]);
            Ok((vec![Expanded { envelope, targets, via: None }], Vec::new()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The header section of a copy: the edits of the letter, its mark, and what says that it leaves this host
/// by an address of ours.
pub(crate) fn head(options: &Options, head: &HeadEdits, via: Option<&Mailbox>) -> HeadEdits {
    let mut head = crate::admit::marked(head, via);
    let mark = copy::mark(&options.access);
    head.prepend = [mark.as_bytes(), &head.prepend].concat().into();
    head
}
