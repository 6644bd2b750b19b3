//! Between reception and the spool: aliases, lists and `.forward` files among the recipients become
//! those who stand for them. What is wrong with an alias is said in the session, so that the whole
//! message is taken or none of it (RFC 5321 §4.1.1.4).
//!
//! What is decided is decided by `queue`; here its questions are asked through the doors.

use std::collections::BTreeMap;

use mail::{Envelope, MailParameters, Mailbox, Recipient, Reply, ReversePath, Topic};
use queue::expansion::{
    self, Answer, Answers, Expanded, Expansion, Finished, Kind, Node, Progress, Question,
};
use queue::record::Class;
use queue::table::Lookup;
use queue::target::Target;
use spool::{MessageId, SpoolError};
use tracing::{info, warn};

use crate::admit::Refusal;
use crate::doors::{Doing, World};
use crate::tables::{TOGETHER, all};
use crate::{Options, Shared};

/// What an envelope came to.
pub(crate) struct Outcome {
    /// At least one.
    pub(crate) envelopes: Vec<Expanded>,
    /// Whose sender hears now that they were expanded, and the envelope of who sent it.
    pub(crate) told: Option<(Envelope, Vec<Finished>)>,
    /// What each recipient became, for the history; none where all stayed as they were.
    pub(crate) trees: Vec<Node>,
}

/// The envelopes that `envelope` comes to. `marks`: the `Delivered-To` fields of the message.
pub(crate) async fn expand(
    shared: &Shared,
    options: &Options,
    id: MessageId,
    envelope: Envelope,
    marks: &[Box<str>],
) -> Result<Outcome, Refusal> {
    let mut answers = Answers::new();
    let expansion = loop {
        match expansion::expand(&options.access, &envelope, marks, &answers) {
            Progress::Plain => {
                let plain = Expanded { envelope, targets: BTreeMap::new(), via: None };
                return Ok(Outcome { envelopes: vec![plain], told: None, trees: Vec::new() });
            }
            Progress::Ask(questions) => ask_all(&shared.world, questions, &mut answers).await,
            Progress::NotNow(reason) => {
                warn!(event = "recipient.not-now", %id, %reason);
                let text = "An address among the recipients cannot be looked up now";
                return Err(Refusal::Refused(Reply::new(451, Topic(4, 3), text)));
            }
            Progress::Done(expansion) => break expansion,
        }
    };
    expansion.trees.iter().for_each(|tree| tell(id, tree));
    if !expansion.failed.is_empty() {
        warn!(event = "alias.too-large", %id, left = expansion.failed.len());
        let text = "An alias among the recipients cannot be expanded: it leads to too many";
        return Err(Refusal::Refused(Reply::new(554, Topic(2, 4), text)));
    }
    if !expansion.trees.iter().any(Node::leads_somewhere) {
        warn!(event = "alias.looping", %id);
        let text = "An alias among the recipients leads to nobody but itself";
        return Err(Refusal::Refused(Reply::new(554, Topic(4, 6), text)));
    }
    let Expansion { envelopes, finished, trees, .. } = expansion;
    let told = (!finished.is_empty()).then(|| (sender(&envelope), finished));
    Ok(Outcome { envelopes, told, trees })
}

/// Asks until `decide` has all that it needs.
pub(crate) async fn knowing<T>(
    world: &World,
    mut decide: impl FnMut(&Answers) -> Result<T, Question>,
) -> T {
    let mut answers = Answers::new();
    loop {
        match decide(&answers) {
            Ok(decided) => return decided,
            Err(question) => ask_all(world, vec![question], &mut answers).await,
        }
    }
}

pub(crate) async fn ask_all(world: &World, questions: Vec<Question>, answers: &mut Answers) {
    for some in questions.chunks(TOGETHER) {
        let found = all(some.iter().map(|question| ask(world, question)).collect()).await;
        some.iter().zip(found).for_each(|(question, answer)| answers.add(question.clone(), answer));
    }
}

/// Asks the door that knows.
fn ask<'a>(world: &'a World, question: &'a Question) -> Doing<'a, Answer> {
    match question {
        Question::Forward { user } => world.forwards.read(user),
        Question::Table { table, key } => Box::pin(async move {
            let lookup = Lookup { table: table.clone(), key: key.clone() };
            world.tables.look_up(&lookup).await.into()
        }),
    }
}

/// An envelope like `envelope`, to nobody. Its time is not in it: that is with those who get the mail.
fn sender(envelope: &Envelope) -> Envelope {
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

/// Who gets a report.
pub(crate) struct Readers {
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) targets: BTreeMap<u32, Target>,
    /// The address by which it leaves this host again.
    pub(crate) via: Option<Mailbox>,
}

/// Who gets a report to `recipient`: those who stand for it here.
///
/// # Errors
/// That is not known now. The report finds its place later, as when there is no room for it.
pub(crate) async fn readers(
    shared: &Shared,
    options: &Options,
    recipient: Recipient,
) -> Result<Readers, SpoolError> {
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        parameters: MailParameters::default(),
        recipients: vec![recipient],
    };
    let mut answers = Answers::new();
    let envelopes = loop {
        match expansion::expand::<&str>(&options.access, &envelope, &[], &answers) {
            Progress::Plain => break Vec::new(),
            Progress::Ask(questions) => ask_all(&shared.world, questions, &mut answers).await,
            Progress::NotNow(reason) => {
                return Err(SpoolError::Full(format!("its reader is not known now: {reason}")));
            }
            Progress::Done(expansion) => break expansion.envelopes,
        }
    };
    let mut readers = Readers { recipients: Vec::new(), targets: BTreeMap::new(), via: None };
    for Expanded { envelope, targets, via } in envelopes {
        let first = u32::try_from(readers.recipients.len()).unwrap_or(u32::MAX);
        readers.targets.extend(targets.into_iter().map(|(number, to)| (first + number, to)));
        readers.recipients.extend(envelope.recipients);
        readers.via = readers.via.or(via);
    }
    if readers.recipients.is_empty() {
        // An alias that leads nowhere: the report fails at its mailbox, and nobody is told of that.
        readers.recipients = envelope.recipients;
    }
    Ok(readers)
}

/// One line for each name that stands for others.
fn tell(id: MessageId, node: &Node) {
    let Node { path, kind, reason, members } = node;
    match kind {
        Kind::Alias | Kind::List(_) | Kind::Forward => {
            info!(event = "recipient.expanded", %id, %path, %reason, members = members.len());
        }
        Kind::End => info!(event = "recipient.ends", %id, %path, %reason),
        Kind::Unfollowed => warn!(event = "forward.not-followed", %id, %path, %reason),
        Kind::Loop | Kind::TooMany => warn!(event = "recipient.left-out", %id, %path, %reason),
        Kind::Here | Kind::Elsewhere | Kind::Again | Kind::Asked | Kind::Copy => {}
    }
    members.iter().for_each(|member| tell(id, member));
}
