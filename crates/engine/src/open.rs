//! From a next hop to an open session: the search for its hosts, then one address after the other
//! until one answers (RFC 5321 §5.1).

mod caller;

use std::collections::{BTreeSet, VecDeque};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use mail::Topic;
use mail::lookup::{Answer, Question};
use msgauth::tlsrpt::{Against, ResultType};
use queue::fate::Said;
use queue::history::{Dialogue, Part};
use queue::route::{NextHop, Service};
use queue::schedule::silent::Line;
use queue::search::{Exchanger, Facts, Failure, Search, Step};
use smtp::client::Hello;
use tracing::{debug, info};

use crate::Shared;
use crate::connection::{Connection, remote_name};
use crate::depart::Departure;
use crate::dispatch::Ending;
use crate::security::{self, Demand, Start, Way};
use crate::smarthost::Account;
use crate::tally::{Ends, Noted, Tally};
use caller::Caller;

/// One address of one host, in the order in which they are tried.
struct Candidate {
    host: Arc<Exchanger>,
    address: SocketAddr,
}

/// One of the next hops that the operator named, with its addresses that are still to be tried.
struct Leg {
    way: Way,
    candidates: VecDeque<Candidate>,
    /// Those that did not answer lately: they are asked when all others have been.
    silent: VecDeque<Candidate>,
    /// Who we are there.
    account: Option<Account>,
}

impl Leg {
    /// Searches the hosts of `hop`.
    async fn search(
        shared: &Arc<Shared>,
        hop: &NextHop,
        depart: &Departure,
        demand: Demand,
        dialogue: &mut Dialogue,
    ) -> Result<Self, Failure> {
        let login = depart.login();
        let way = Way::new(shared, hop, login, demand);
        let facts = Facts { checked: way.asks_dane(), ..depart.facts(shared) };
        let mut search = Search::new(hop, facts, shared.world.random.next());
        let mut bogus = None;
        loop {
            match search.poll() {
                Step::Ask(questions) => {
                    let answers = answers(shared, &questions, dialogue).await;
                    for (question, answer) in questions.iter().zip(&answers) {
                        if let Answer::Bogus(what) = answer {
                            bogus.get_or_insert_with(|| what.clone());
                        }
                        search.answer(question, answer);
                    }
                }
                Step::Done(Ok(exchangers)) => {
                    let candidates = exchangers.into_iter().flat_map(|exchanger| {
                        let host = Arc::new(exchanger);
                        let addresses = host.addresses.clone().into_iter();
                        addresses.map(move |address| Candidate {
                            address: SocketAddr::new(address, host.port),
                            host: host.clone(),
                        })
                    });
                    let account = Account::at(&shared.options().smarthosts, hop, login);
                    let (candidates, silent) = (candidates.collect(), VecDeque::new());
                    return Ok(Self { way, candidates, silent, account });
                }
                Step::Done(Err(failure)) => {
                    if let (Some(domain), Some(reason)) = (way.domain(), bogus) {
                        let noted = Noted { result: ResultType::DnssecInvalid, reason };
                        let ends = Ends { host: &domain, to: None, from: None };
                        let against = Against::nothing();
                        Tally::session(shared, domain.clone(), against, &ends, Some(noted));
                    }
                    return Err(failure);
                }
            }
        }
    }
}

impl Leg {
    /// The addresses of such a host are not tried any more.
    fn leave_out(&mut self, is_meant: impl Fn(&Arc<Exchanger>) -> bool) {
        for candidates in [&mut self.candidates, &mut self.silent] {
            candidates.retain(|one| !is_meant(&one.host));
        }
    }
}

/// The addresses of a next hop that are still to be tried.
pub(crate) struct Dialer {
    leg: Leg,
    /// Those that are asked when the hosts of this one are through.
    rest: VecDeque<NextHop>,
    /// Those of which only silent hosts are left.
    silent: VecDeque<Leg>,
    /// Only silent hosts are left at all: they are called now.
    is_last: bool,
    depart: Arc<Departure>,
    /// The last failure; a permanent refusal counts only when no host said anything better.
    failure: Option<Ending>,
    tried: usize,
    /// Hosts with which TLS has failed in this attempt, and that may do without.
    cleared: BTreeSet<String>,
}

impl Dialer {
    /// Searches the hosts of `hop`; where it names several, of the first that has any.
    ///
    /// # Errors
    /// What the recipients are to be told when there is none.
    pub(crate) async fn search(
        shared: &Arc<Shared>,
        hop: &NextHop,
        depart: &Arc<Departure>,
        demand: Demand,
        dialogue: &mut Dialogue,
    ) -> Result<Self, Ending> {
        let mut rest: VecDeque<NextHop> = hop.each().iter().cloned().collect();
        let mut failure = None;
        match next_leg(shared, &mut rest, depart, demand, dialogue, &mut failure).await {
            Some(leg) => Ok(Self {
                leg,
                rest,
                silent: VecDeque::new(),
                is_last: false,
                depart: depart.clone(),
                failure,
                tried: 0,
                cleared: BTreeSet::new(),
            }),
            None => Err(failure.unwrap_or_else(|| Ending::here(nowhere(0)))),
        }
    }

    /// A session that was opened failed before it took anything: that is this address's answer.
    pub(crate) fn failed(&mut self, ending: Ending) {
        self.failure = Some(ending);
    }

    /// Opens a session with the next address that answers.
    ///
    /// # Errors
    /// What the recipients are to be told when none does: the best that any host had to say.
    pub(crate) async fn open(
        &mut self,
        shared: &Arc<Shared>,
        demand: Demand,
        dialogue: &mut Dialogue,
    ) -> Result<Connection, Ending> {
        loop {
            let Some(candidate) = self.leg.candidates.pop_front() else {
                if self.next_leg(shared, demand, dialogue).await {
                    continue;
                }
                break;
            };
            let remote = remote_name(&candidate.host.host, candidate.address);
            if self.is_put_last(shared, &candidate, &remote, dialogue) {
                self.leg.silent.push_back(candidate);
                continue;
            }
            let Candidate { host, address } = candidate;
            self.tried += 1;
            match self.call(shared, &host, address, &remote, demand, dialogue).await {
                Ok(connection) => return Ok(connection),
                Err((said, policy)) => {
                    let said = if demand.require_tls { for_good(said) } else { said };
                    debug!(event = "host.failed", remote, why = ?said);
                    self.note(&host.host, Ending { said, remote: Some(remote), tls: None, policy });
                }
            }
        }
        Err(self.failure.take().unwrap_or_else(|| Ending::here(nowhere(self.tried))))
    }

    /// Goes on to the next hop that has a host, and at last to the hosts that were silent. False: all
    /// have been called.
    async fn next_leg(
        &mut self,
        shared: &Arc<Shared>,
        demand: Demand,
        dialogue: &mut Dialogue,
    ) -> bool {
        let (rest, failure) = (&mut self.rest, &mut self.failure);
        let next = next_leg(shared, rest, &self.depart, demand, dialogue, failure).await;
        self.is_last |= next.is_none();
        match next.or_else(|| self.silent.pop_front()) {
            Some(next) => self.turn_to(next),
            None if self.leg.silent.is_empty() => return false,
            None => self.leg.candidates = std::mem::take(&mut self.leg.silent),
        }
        true
    }

    /// Leaves this hop for the next, but for the silent hosts of it.
    fn turn_to(&mut self, next: Leg) {
        let mut before = std::mem::replace(&mut self.leg, next);
        if !before.silent.is_empty() {
            before.candidates = std::mem::take(&mut before.silent);
            self.silent.push_back(before);
        }
    }

    /// Whether this address did not answer lately, so that the others are asked first.
    fn is_put_last(
        &self,
        shared: &Shared,
        candidate: &Candidate,
        remote: &str,
        dialogue: &mut Dialogue,
    ) -> bool {
        if self.is_last || remote.starts_with("unix:") {
            return false;
        }
        let line = line(&self.depart, candidate.address);
        let now = shared.world.clock.now();
        let called = shared.silent.lock().call(line, now);
        let Err(why) = called else { return false };
        debug!(event = "host.silent", remote, %why);
        dialogue.tell(Part::Done, now, format_args!("{remote} is asked last: {why}"));
        true
    }

    /// A session with one address, or what it said and under which policy.
    async fn call(
        &mut self,
        shared: &Arc<Shared>,
        host: &Arc<Exchanger>,
        to: SocketAddr,
        remote: &str,
        demand: Demand,
        dialogue: &mut Dialogue,
    ) -> Result<Connection, (Said, Option<Arc<str>>)> {
        let mut wanted = match self.leg.way.to(shared, host, demand).await {
            Ok(wanted) => wanted,
            Err((refusal, against)) => {
                // What holds for one address of the host holds for the others.
                self.leg.leave_out(|other| Arc::ptr_eq(other, host));
                info!(event = "host.unfit", remote, why = refusal.what);
                let words = format_args!("{remote} is passed over: {}", refusal.what);
                dialogue.tell(Part::Done, shared.world.clock.now(), words);
                if let (Some(domain), Some(result)) = (self.leg.way.domain(), refusal.result) {
                    let noted = Noted { result, reason: refusal.what.clone() };
                    let ends = Ends { host: &host.host, to: None, from: None };
                    Tally::session(shared, domain, against, &ends, Some(noted));
                }
                return Err((security::said(refusal), None));
            }
        };
        if self.cleared.contains(&host.host) {
            wanted = wanted.in_the_clear().unwrap_or(wanted);
        }
        if let Some(account) = &self.leg.account {
            account.narrow(&mut wanted.wish.check);
        }
        let against = wanted.against.clone();
        let counts = wanted.start != Start::Never;
        let policy: Arc<str> = wanted.requirement.reason.as_str().into();
        let mut caller = Caller {
            shared,
            to,
            remote,
            unchunked: demand.unchunked,
            account: self.leg.account.as_ref(),
            depart: &self.depart,
            hello: match self.leg.way.service() {
                Service::Lmtp => Hello::Lmtp,
                Service::Smtp | Service::Smtps => Hello::Extended,
            },
            noted: None,
            dialogue,
        };
        let opened = caller.session(wanted).await;
        let noted = caller.noted.take();
        if let (Some(domain), true) =
            (self.leg.way.domain(), counts && (opened.is_ok() || noted.is_some()))
        {
            let local = opened.as_ref().ok().map(|opened| opened.connection.local());
            let ends = Ends {
                host: &host.host,
                to: Some(to.ip()),
                from: local.or(self.depart.address(to.ip())),
            };
            Tally::session(shared, domain, against, &ends, noted);
        }
        let opened = opened.map_err(|said| (said, Some(policy)))?;
        if opened.cleared {
            self.cleared.insert(host.host.clone());
        }
        let mut connection = opened.connection;
        connection.lenient = demand.tls_optional;
        Ok(connection)
    }

    fn note(&mut self, host: &str, ending: Ending) {
        let refused = is_refused_for_good(&ending.said);
        if refused {
            // 5yz to the greeting speaks for the host, not for one address of it.
            self.leg.leave_out(|other| other.host == host);
        }
        let known_is_worse =
            self.failure.as_ref().is_none_or(|known| is_refused_for_good(&known.said));
        if known_is_worse || !refused {
            let ending = match ending.said {
                Said::Unreachable { what, .. } => {
                    Ending { said: Said::Unreachable { tried: self.tried, what }, ..ending }
                }
                _ => ending,
            };
            self.failure = Some(ending);
        }
    }
}

/// The way to an address, as it is remembered whether anybody answers there.
fn line(depart: &Departure, to: SocketAddr) -> Line {
    Line { from: depart.address(to.ip()), to }
}

fn nowhere(tried: usize) -> Said {
    Said::Unreachable { tried, what: "no address is left".into() }
}

/// The next of the hops in `rest` that has a host. What is wrong for good with the exchangers of a
/// domain is not mended by sending its mail elsewhere: then the others are not asked.
async fn next_leg(
    shared: &Arc<Shared>,
    rest: &mut VecDeque<NextHop>,
    depart: &Departure,
    demand: Demand,
    dialogue: &mut Dialogue,
    failure: &mut Option<Ending>,
) -> Option<Leg> {
    while let Some(hop) = rest.pop_front() {
        match Leg::search(shared, &hop, depart, demand, dialogue).await {
            Ok(leg) => return Some(leg),
            Err(found) => {
                if found.permanent {
                    rest.clear();
                }
                failure.get_or_insert_with(|| Ending::here(Said::NoRoute(found)));
            }
        }
    }
    None
}

/// Asks `questions` all at once, and gives the answers in their order.
async fn answers(
    shared: &Arc<Shared>,
    questions: &[Question],
    dialogue: &mut Dialogue,
) -> Vec<Answer> {
    let ask = |question| Box::pin(shared.names.ask_dated(&shared.world, question));
    let mut open: Vec<_> = questions.iter().map(ask).collect();
    let mut answers = vec![None; questions.len()];
    poll_fn(|context| {
        for (asking, answer) in open.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(ready) = asking.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let now = shared.world.clock.now();
    let mut given = Vec::with_capacity(questions.len());
    for (question, (answer, age)) in questions.iter().zip(answers.into_iter().flatten()) {
        if dialogue.begun().is_some() {
            let known = match age {
                Some(age) => format!(", known since {} s", age.as_secs()),
                None => String::new(),
            };
            dialogue.tell(Part::Names, now, format_args!("{question}: {answer}{known}"));
        }
        given.push(answer);
    }
    given
}

/// Mail whose author requires TLS does not wait for hosts that cannot do it (RFC 8689 §4.2.1).
fn for_good(said: Said) -> Said {
    match said {
        Said::Insecure { what, .. } => Said::Unsendable { topic: Topic(7, 10), what },
        other => other,
    }
}

/// A host that wants no mail at all counts only when no other host of the destination had anything
/// better to say.
fn is_refused_for_good(said: &Said) -> bool {
    match said {
        Said::Refused { reply, .. } => reply.is_permanent(),
        Said::Unsendable { .. } => true,
        _ => false,
    }
}
