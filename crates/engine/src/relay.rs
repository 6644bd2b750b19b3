//! One attempt over SMTP: transactions with the next hop until every recipient has a result.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mail::envelope::OriginalRecipient;
use mail::{MailParameters, Recipient, TlsFacts, Topic};
use queue::fate::Said;
use queue::history::{Dialogue, Part};
use queue::notify::{self, Onward, OnwardBy, Way};
use queue::record::Stored;
use queue::route::{NextHop, Service};
use queue::schedule::limits::Limits;
use smtp::client::{Extensions, Lack, Lost, Outcome, RecipientResult, Step, Transaction};
use spool::SpoolError;
use tracing::{info, warn};

use crate::connection::{Connection, Transacted};
use crate::content::Content;
use crate::depart::Departure;
use crate::dispatch::{Ending, Job};
use crate::doors::Detail;
use crate::fit::{self, Fitted, Unfit};
use crate::open::Dialer;
use crate::outgoing::{Outlet, TURN};
use crate::place::Place;
use crate::security::Demand;
use crate::{Shared, release, turned};

/// How long a connection is used before the names are asked anew.
const LIFETIME: Duration = Duration::from_secs(300);

/// What came of an attempt.
pub(crate) enum Attempted {
    /// A result for every open recipient, or for those whose turn has come ([`SLICE`]).
    Ended(Vec<(u32, Ending)>),
    /// Nothing: the next hop takes no further connection beside those that others have open.
    Crowded,
}

/// Attempts in which a host that hung up on EHLO is not taken for one that knows no extensions: a
/// connection that broke is no reason to convert a message, to return it, or to forget what its sender
/// asked for.
const GUESSES: u32 = 2;

/// How long one letter may keep a connection from others that wait, where it has so many recipients
/// that they need several transactions: its rest goes back to the end of the line.
const SLICE: Duration = Duration::from_secs(10);

/// The way to one next hop, with the connection that stays open between jobs.
pub(crate) struct Relay<'a> {
    shared: &'a Arc<Shared>,
    queue: Arc<str>,
    connection: Option<Connection>,
    /// Letters that went over it.
    letters: u32,
    /// The next hop offers CHUNKING and does not know BDAT.
    unchunked: bool,
    /// The other end has made the connection: there is no other way to it.
    is_lent: bool,
    /// What is said in this attempt.
    dialogue: Dialogue,
}

impl<'a> Relay<'a> {
    /// A way that is not open yet.
    pub(crate) fn new(shared: &'a Arc<Shared>, queue: Arc<str>) -> Self {
        let dialogue = Dialogue::default();
        let (connection, letters) = (None, 0);
        Self { shared, queue, connection, letters, unchunked: false, is_lent: false, dialogue }
    }

    /// The way over a connection that the other end has made.
    pub(crate) fn over(shared: &'a Arc<Shared>, queue: Arc<str>, connection: Connection) -> Self {
        Self { connection: Some(connection), is_lent: true, ..Self::new(shared, queue) }
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.shared.world.history.detail() >= Detail::Failures {
            self.dialogue.begin(now);
        }
    }

    /// What was said in the attempt.
    pub(crate) fn dialogue(&mut self) -> &mut Dialogue {
        &mut self.dialogue
    }

    /// The connection, if it is still open.
    pub(crate) fn into_connection(self) -> Option<Connection> {
        self.connection
    }

    /// Ends the session properly, if there is one.
    pub(crate) async fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.quit().await;
        }
    }

    /// Tries `job`.
    pub(crate) async fn attempt(&mut self, hop: &NextHop, job: &Job) -> Attempted {
        let mut left: Vec<u32> = job.open.iter().map(|(number, _)| *number).collect();
        let mut results = Vec::with_capacity(left.len());
        let mut dialer = None;
        let began = self.shared.world.clock.now();
        let options = self.shared.options();
        let limits = options.limits.of(hop);
        while !left.is_empty() {
            let chunk: Vec<u32> =
                left.iter().copied().take(self.recipients(limits, left.len())).collect();
            let reused = self.is_open();
            let (peer, transacted) =
                match self.transact(hop, &mut dialer, job, &chunk, limits).await {
                    Ok(transacted) => transacted,
                    Err(NoSession::Crowded(_)) if results.is_empty() => return Attempted::Crowded,
                    Err(NoSession::Crowded(ending) | NoSession::Failed(ending)) => {
                        results.extend(left.drain(..).map(|number| (number, ending.clone())));
                        break;
                    }
                };
            match again(&transacted, reused, self.unchunked) {
                Some(Again::Anew) => {
                    dialer = None;
                    continue;
                }
                Some(Again::Unchunked) => {
                    (self.unchunked, dialer) = (true, None);
                    continue;
                }
                Some(Again::Elsewhere) => {
                    if let Some(connection) = self.connection.take() {
                        connection.quit().await;
                    }
                    if let Some(dialer) = &mut dialer {
                        let first = transacted.outcome.recipients.into_iter().next();
                        dialer.failed(first.map_or_else(nothing, |result| ending(&peer, result)));
                    }
                    continue;
                }
                None => {}
            }
            let put_off = settle_chunk(&mut left, &mut results, &chunk, &peer, transacted);
            if put_off == chunk.len() && !reused {
                // The server takes no recipient at all now: each was put off until later.
                let none =
                    Ending::here(Said::Ours("the next hop takes no recipient now".to_owned()));
                results.extend(left.drain(..).map(|number| (number, none.clone())));
            } else if put_off > 0 && put_off < chunk.len() {
                self.shared.dispatcher.learn_recipients(&self.queue, chunk.len() - put_off);
            }
            let last = results.last().map_or(began, |_| self.shared.world.clock.now());
            if last.duration_since(began) >= SLICE && self.makes_way(&results) {
                break;
            }
        }
        Attempted::Ended(results)
    }

    /// How many of `left` recipients go into the next transaction.
    fn recipients(&self, limits: &Limits, left: usize) -> usize {
        let most = limits.recipients.value.max(1);
        match left {
            // Nearly all mail: nothing to ask.
            1 => 1,
            _ => self.shared.dispatcher.recipients(&self.queue).map_or(most, |few| few.min(most)),
        }
    }

    /// Whether the rest of a letter may wait for its next turn, because others do, and because no
    /// recipient of it has a pause before them.
    fn makes_way(&self, results: &[(u32, Ending)]) -> bool {
        !self.is_lent
            && results.iter().all(|(_, ending)| ending.said.is_final())
            && self.shared.dispatcher.others_wait(&self.queue)
    }

    /// Whether there is a connection.
    pub(crate) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    async fn transact(
        &mut self,
        hop: &NextHop,
        dialer: &mut Option<Dialer>,
        job: &Job,
        chunk: &[u32],
        limits: &Limits,
    ) -> Result<(Peer, Transacted), NoSession> {
        let content = Content::open(&self.shared.world.spool, job).await;
        let content = content.map_err(|error| NoSession::Failed(fault(&error)))?;
        let demand = Demand {
            // Reports go on without (RFC 8689 §4.2.1, §5).
            require_tls: requires_tls(&job.stored),
            // The parameter wins over the header field (RFC 8689 §4.1).
            tls_optional: job.stored.tls_optional && !job.stored.parameters.require_tls,
            unchunked: self.unchunked || !self.shared.options().chunking,
        };
        let mut connection = self.connect(hop, dialer, demand, limits).await?;
        if connection.guessed && job.attempts < GUESSES && fit::asks_for_more(job) {
            let peer = Peer::of(&connection, hop, false);
            connection.quit().await;
            let what = "it hung up, and is asked again what it offers".to_owned();
            let said = Said::Lost { step: Step::Hello.to_string(), what };
            return Err(NoSession::Failed(peer.ending(said)));
        }
        let now = self.shared.world.clock.wall();
        let offered =
            Offered { extensions: connection.extensions(), secured: connection.tls().is_some() };
        let fitted = fit::fit(self.shared, job, content, connection.extensions()).await;
        let fitted = fitted.and_then(|fitted| {
            let transaction = transaction(job, chunk, &offered, &fitted, now);
            transaction.map(|transaction| (transaction, fitted.content)).map_err(Unfit::Refused)
        });
        let (transaction, mut content) = match fitted {
            Ok(fitted) => fitted,
            Err(unfit) => {
                let peer = Peer::of(&connection, hop, false);
                self.connection = Some(connection);
                return Err(NoSession::Failed(match unfit {
                    Unfit::Unreadable(error) => fault(&error),
                    Unfit::Refused(said) => peer.ending(said),
                }));
            }
        };
        let peer = Peer::of(&connection, hop, transaction.parameters.deliver_by.is_some());
        self.letters = self.letters.saturating_add(1);
        std::mem::swap(&mut connection.dialogue, &mut self.dialogue);
        let transacted = connection.transact(transaction, &mut content).await;
        std::mem::swap(&mut connection.dialogue, &mut self.dialogue);
        if transacted.usable {
            self.connection = Some(connection);
        }
        Ok((peer, transacted))
    }

    /// The open connection, or a new one.
    async fn connect(
        &mut self,
        hop: &NextHop,
        dialer: &mut Option<Dialer>,
        demand: Demand,
        limits: &Limits,
    ) -> Result<Connection, NoSession> {
        if self.is_lent {
            let lent = self.connection.take().filter(|connection| connection.satisfies(demand));
            return lent.ok_or_else(|| NoSession::Failed(turned::gone()));
        }
        if let Some(mut connection) = self.connection.take() {
            let age = self.shared.world.clock.now().duration_since(connection.opened);
            let is_worn = limits.letters.value.is_some_and(|letters| self.letters >= letters)
                || (age >= TURN && self.shared.outgoing.is_wanted());
            let fresh = age < LIFETIME && !is_worn;
            if fresh && connection.is_quiet() && connection.satisfies(demand) {
                self.over_open(&connection);
                return Ok(connection);
            }
            connection.quit().await;
            // The host has worked: it is among those that are asked again.
            *dialer = None;
        }
        let outlet = self.outlet().await?;
        let opened = match dialer {
            Some(dialer) => dialer.open(self.shared, demand, &mut self.dialogue).await,
            None => {
                match Dialer::search(self.shared, hop, &self.depart(), demand, &mut self.dialogue)
                    .await
                {
                    Ok(found) => {
                        dialer.insert(found).open(self.shared, demand, &mut self.dialogue).await
                    }
                    Err(ending) => Err(ending),
                }
            }
        };
        match opened {
            Ok(mut connection) => {
                self.letters = 0;
                connection.place = Some(Place::new(self.shared, &self.queue, outlet));
                alive(self.shared, &self.queue);
                Ok(connection)
            }
            // An answer for good came from a destination that works.
            Err(ending) if !ending.said.is_trouble_of_destination() => {
                alive(self.shared, &self.queue);
                Err(NoSession::Failed(ending))
            }
            Err(ending) if self.shared.dispatcher.is_crowded(&self.queue) => {
                Err(NoSession::Crowded(ending))
            }
            Err(ending) => {
                self.dead(&ending);
                Err(NoSession::Failed(ending))
            }
        }
    }

    /// A place among the outgoing connections of this host; none while it goes down.
    async fn outlet(&mut self) -> Result<Outlet, NoSession> {
        let shared = self.shared;
        tokio::select! {
            biased;
            outlet = shared.outgoing.enter() => Ok(outlet),
            () = shared.stopping() => {
                let why = "this host went down before there was a place for a connection";
                Err(NoSession::Crowded(Ending::here(Said::Ours(why.to_owned()))))
            }
        }
    }

    /// The way out, as it is configured now.
    fn depart(&self) -> Arc<Departure> {
        Departure::of_queue(self.shared, &self.shared.options(), &self.queue)
    }

    /// Notes that the attempt goes on where another ended.
    fn over_open(&mut self, connection: &Connection) {
        if self.dialogue.begun().is_some() {
            let words = format_args!("over the open connection to {}", connection.remote);
            self.dialogue.tell(Part::Done, self.shared.world.clock.now(), words);
        }
    }

    /// The next hop did not answer: one probe for each pause from here on.
    fn dead(&self, ending: &Ending) {
        let (now, chance) = (self.shared.world.clock.wall(), self.shared.world.random.next());
        let options = self.shared.options();
        let what = &ending.said;
        info!(event = "destination.dead", queue = %self.queue, remote = ending.remote, %what);
        let dispatcher = &self.shared.dispatcher;
        dispatcher.dead(&self.queue, ending.clone(), &options.schedule, now, chance);
    }
}

/// The other end of a transaction, for the record.
struct Peer {
    remote: String,
    tls: Option<Arc<TlsFacts>>,
    /// Why it is secured so.
    policy: Arc<str>,
    /// What it takes over with the message.
    onward: Onward,
    /// It is a mail store: what it takes is delivered.
    is_store: bool,
}

impl Peer {
    fn of(connection: &Connection, hop: &NextHop, deliver_by: bool) -> Self {
        Self {
            remote: connection.remote.clone(),
            tls: connection.tls().cloned().map(Arc::new),
            policy: connection.policy.clone(),
            onward: Onward { dsn: connection.extensions().dsn(), deliver_by },
            is_store: hop.service() == Service::Lmtp,
        }
    }

    fn ending(&self, said: Said) -> Ending {
        Ending {
            said,
            remote: Some(self.remote.clone()),
            tls: self.tls.clone(),
            policy: Some(self.policy.clone()),
        }
    }
}

/// Why there is no session to speak in.
enum NoSession {
    /// What the recipients are to be told.
    Failed(Ending),
    /// The same, but others have sessions with the next hop.
    Crowded(Ending),
}

/// The next hop answered: what was deferred because it was dead may go now.
fn alive(shared: &Arc<Shared>, queue: &Arc<str>) {
    if !shared.dispatcher.alive(queue) {
        return;
    }
    info!(event = "destination.alive", %queue);
    let (shared, queue) = (shared.clone(), queue.clone());
    let tasks = shared.world.tasks.clone();
    // A long queue takes its time, and the session just opened is not to wait for it.
    tasks.spawn(Box::pin(async move {
        if let Err(error) = release::release(&shared, Some(&queue)).await {
            warn!(event = "destination.release", %queue, %error);
        }
    }));
}

/// What a host has to offer.
struct Offered<'a> {
    extensions: &'a Extensions,
    secured: bool,
}

/// What goes to a host that offers this.
///
/// # Errors
/// Why the message may not go there.
fn transaction(
    job: &Job,
    chunk: &[u32],
    offered: &Offered<'_>,
    fitted: &Fitted,
    now: SystemTime,
) -> Result<Transaction, Said> {
    let Offered { extensions: offered, secured } = *offered;
    let stored = &job.stored;
    let said = &stored.parameters;
    let by = notify::onward_by(said.deliver_by, stored.arrival, now, offered.deliver_by());
    let deliver_by = match by {
        OnwardBy::Without => None,
        OnwardBy::With(by) => Some(by),
        OnwardBy::Refused(why) => {
            return Err(Said::Unsendable { topic: Topic(4, 7), what: why.to_owned() });
        }
    };
    let late = said.deliver_by.is_some() && deliver_by.is_none();
    let recipient = |number: &u32| {
        let Recipient { path, parameters } = stored.recipients.get(*number as usize)?;
        let mut parameters = notify::recipient_parameters(parameters, Way::Same);
        if late {
            parameters.notify = notify::with_delay(parameters.notify);
        }
        Some(Recipient { path: path.clone(), parameters })
    };
    let mut reverse_path = stored.reverse_path.clone();
    let mut recipients: Vec<Recipient> = chunk.iter().filter_map(recipient).collect();
    if !offered.offers("SMTPUTF8") {
        // A name with A-labels is the same one (RFC 6531 §3.2), and so is what a recipient was called
        // in the form of ASCII (RFC 6533 §3).
        reverse_path = reverse_path.to_ascii().unwrap_or(reverse_path);
        for Recipient { path, parameters } in &mut recipients {
            *path = path.to_ascii().unwrap_or_else(|| path.clone());
            parameters.original = parameters.original.as_ref().map(OriginalRecipient::to_ascii);
        }
    }
    let onward = notify::mail_parameters(said, Way::Same);
    let &Fitted { body, utf8, size, .. } = fitted;
    let require_tls =
        requires_tls(stored) || (said.require_tls && offered.offers("REQUIRETLS") && secured);
    Ok(Transaction {
        reverse_path,
        parameters: MailParameters { body, utf8, deliver_by, require_tls, ..onward },
        recipients,
        size,
    })
}

/// Whether the mail may only go to hosts that are verified and keep to it.
fn requires_tls(stored: &Stored) -> bool {
    stored.parameters.require_tls && !stored.reverse_path.is_null()
}

/// Why a transaction is tried once more at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Again {
    /// Over a new connection: the old one had gone.
    Anew,
    /// The same, without BDAT.
    Unchunked,
    /// At the next address.
    Elsewhere,
}

/// Whether nothing of `transacted` counts, so that another connection may do better now. The host
/// has worked with a connection that was `reused` before: it gets another chance.
fn again(transacted: &Transacted, reused: bool, unchunked: bool) -> Option<Again> {
    if transacted.fault.is_some() {
        return None;
    }
    let results = &transacted.outcome.recipients;
    let all = |is: fn(&RecipientResult) -> bool| !results.is_empty() && results.iter().all(is);
    if all(|result| matches!(result, RecipientResult::Lost(_, Lost::Unchunked))) && !unchunked {
        return Some(Again::Unchunked);
    }
    let stale = reused
        && !transacted.heard
        && all(|result| matches!(result, RecipientResult::Lost(_, Lost::Closed)));
    let insecure = all(|result| matches!(result, RecipientResult::Unsuitable(Lack::RequireTls)));
    match is_lost_early(&transacted.outcome) || insecure {
        _ if stale => Some(Again::Anew),
        true if reused => Some(Again::Anew),
        true => Some(Again::Elsewhere),
        false => None,
    }
}

/// Books the results of one transaction. Gives the number of recipients put off until a further one.
fn settle_chunk(
    left: &mut Vec<u32>,
    results: &mut Vec<(u32, Ending)>,
    chunk: &[u32],
    peer: &Peer,
    transacted: Transacted,
) -> usize {
    let fault = transacted.fault.as_ref().map(fault);
    let mut put_off = 0;
    let mut results_of = transacted.outcome.recipients.into_iter();
    for number in chunk {
        let result = results_of.next();
        let later = match &result {
            Some(RecipientResult::Later(_)) => transacted.usable,
            Some(RecipientResult::Excess) => true,
            _ => false,
        };
        if later {
            put_off += 1;
            continue;
        }
        left.retain(|other| other != number);
        let ending = match (&fault, result) {
            (Some(fault), _) => fault.clone(),
            (None, Some(result)) => ending(peer, result),
            (None, None) => nothing(),
        };
        results.push((*number, ending));
    }
    put_off
}

/// Whether the connection was lost before the message was complete and no recipient was decided:
/// then it can be sent over another one. A 421 is such a loss, said aloud (RFC 5321 §3.8); a host
/// that says it to a connection that stood idle may take mail over a new one at once.
fn is_lost_early(outcome: &Outcome) -> bool {
    let early = |result: &RecipientResult| match result {
        RecipientResult::Lost(Step::Dot, _) | RecipientResult::Lost(_, Lost::Aborted) => false,
        RecipientResult::Lost(..) => true,
        RecipientResult::Refused(Step::Dot, _) => false,
        RecipientResult::Refused(_, reply) => reply.code().get() == 421,
        _ => false,
    };
    !outcome.recipients.is_empty() && outcome.recipients.iter().all(early)
}

/// Our own fault: never a reason to return the mail.
fn fault(error: &SpoolError) -> Ending {
    Ending::here(Said::Ours(format!("the content cannot be read: {error}")))
}

fn nothing() -> Ending {
    Ending::here(Said::Ours("the session ended without a result".to_owned()))
}

/// What the client machine reports, in the words of `queue`.
fn ending(peer: &Peer, result: RecipientResult) -> Ending {
    let said = match result {
        // Unless it sends reports itself, what it took is at its end.
        RecipientResult::Taken(reply) if peer.is_store && !peer.onward.dsn => {
            Said::StoredBy { reply }
        }
        RecipientResult::Taken(reply) => Said::Taken { reply, onward: peer.onward },
        RecipientResult::Refused(step, reply) => Said::Refused { step: step.to_string(), reply },
        RecipientResult::Later(reply) => Said::Refused { step: Step::Recipient.to_string(), reply },
        RecipientResult::Lost(step, lost) => {
            Said::Lost { step: step.to_string(), what: lost.to_string() }
        }
        RecipientResult::Excess => Said::Ours("a recipient was left over".to_owned()),
        RecipientResult::Unsuitable(lack) => Said::Unsendable {
            topic: topic_of(lack),
            what: format!("the next host does not offer {lack}"),
        },
        RecipientResult::TooLarge(limit) => {
            let what = format!("the next host takes messages of at most {limit} octets");
            Said::Unsendable { topic: Topic(3, 4), what }
        }
    };
    peer.ending(said)
}

fn topic_of(lack: Lack) -> Topic {
    match lack {
        Lack::EightBitMime | Lack::BinaryMime => Topic(6, 3),
        Lack::Utf8Address => Topic(6, 7),
        Lack::Utf8Header => Topic(6, 9),
        Lack::RequireTls => Topic(7, 30),
        Lack::DeliverBy => Topic(4, 7),
    }
}
