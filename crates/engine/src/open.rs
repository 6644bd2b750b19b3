//! From a next hop to an open session: the search for its hosts, then one address after the other
//! until one answers (RFC 5321 §5.1).

use std::collections::{BTreeSet, VecDeque};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use mail::Topic;
use mail::lookup::{Answer, Question};
use msgauth::tlsrpt::{Against, ResultType};
use msgauth::transport::Requirement;
use queue::fate::Said;
use queue::history::{Dialogue, Part};
use queue::route::{NextHop, Service};
use queue::search::{Exchanger, Facts, Failure, Search, Step};
use smtp::client::{Hello, Lost, Opening, Security, Session, SessionError, Step as Phase};
use tracing::{debug, info, warn};

use crate::Shared;
use crate::connection::{Connection, Handshake, connect, remote_name, tell_secured};
use crate::depart::Departure;
use crate::dispatch::Ending;
use crate::doors::TlsFailure;
use crate::security::{self, Demand, Start, Wanted, Way};
use crate::smarthost::Account;
use crate::tally::{self, Ends, Noted, Tally};

/// One address of one host, in the order in which they are tried.
struct Candidate {
    host: Arc<Exchanger>,
    address: SocketAddr,
}

/// One of the next hops that the operator named, with its addresses that are still to be tried.
struct Leg {
    way: Way,
    candidates: VecDeque<Candidate>,
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
                    return Ok(Self { way, candidates: candidates.collect(), account });
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

/// The addresses of a next hop that are still to be tried.
pub(crate) struct Dialer {
    leg: Leg,
    /// Those that are asked when the hosts of this one are through.
    rest: VecDeque<NextHop>,
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
            let Some(Candidate { host, address }) = self.leg.candidates.pop_front() else {
                let (rest, failure) = (&mut self.rest, &mut self.failure);
                match next_leg(shared, rest, &self.depart, demand, dialogue, failure).await {
                    Some(leg) => self.leg = leg,
                    None => break,
                }
                continue;
            };
            self.tried += 1;
            let remote = remote_name(&host.host, address);
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
                self.leg.candidates.retain(|other| !Arc::ptr_eq(&other.host, host));
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
            self.leg.candidates.retain(|other| other.host.host != host);
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

/// Opens sessions with one address of one host.
struct Caller<'a> {
    shared: &'a Arc<Shared>,
    to: SocketAddr,
    remote: &'a str,
    unchunked: bool,
    account: Option<&'a Account>,
    depart: &'a Departure,
    hello: Hello,
    /// What was amiss first, whatever was done in spite of it.
    noted: Option<Noted>,
    dialogue: &'a mut Dialogue,
}

impl Caller<'_> {
    /// A session as `wanted`. A host that hangs up on EHLO is asked once more with HELO, and one
    /// with which TLS fails once more with less, where that is allowed.
    async fn session(&mut self, mut wanted: Wanted) -> Result<Opened, Said> {
        let (mut hello, mut cleared) = (self.hello, false);
        if let Some((result, reason)) = wanted.requirement.amiss.clone() {
            self.noted = Some(Noted { result, reason });
        }
        loop {
            let remote = self.remote;
            match self.once(&wanted, hello).await? {
                Ok(mut connection) => {
                    let let_in = self.account.zip(connection.logged_in());
                    if let Some((account, mechanism)) = let_in {
                        account.let_in(self.shared, mechanism);
                    }
                    let tls = connection.tls().map(|tls| format!("{} {}", tls.version, tls.cipher));
                    debug!(event = "connection.opened", remote, tls);
                    if connection.tls().is_none() && wanted.start == Start::ByCommand {
                        self.note(ResultType::StarttlsNotSupported, "STARTTLS is not offered");
                    }
                    connection.policy = wanted.requirement.reason.as_str().into();
                    connection.proved = wanted.requirement.proved;
                    connection.guessed = hello == Hello::Plain;
                    return Ok(Opened { connection, cleared });
                }
                Err((SessionError::Login(error), _)) => {
                    return Err(match self.account {
                        Some(account) => account.turned_away(&error),
                        None => said(SessionError::Login(error), &wanted.requirement),
                    });
                }
                Err((SessionError::Lost(Phase::Hello, Lost::Closed), _))
                    if hello == Hello::Extended && wanted.start != Start::Implicit =>
                {
                    info!(event = "connection.hello", remote);
                    hello = Hello::Plain;
                }
                Err((error, failure)) => {
                    let softer = wanted.softer().filter(|_| is_of_tls(&error));
                    let result = tally::result_of(&error, failure.as_ref());
                    let said = said(error, &wanted.requirement);
                    if let Some(result) = result {
                        self.note(result, &said.to_string());
                    }
                    let Some(softer) = softer else { return Err(said) };
                    warn!(event = "connection.softer", remote, why = %said, then = softer.requirement.reason);
                    cleared = softer.start == Start::Never;
                    wanted = softer;
                }
            }
        }
    }

    /// The first thing that is amiss counts.
    fn note(&mut self, result: ResultType, reason: &str) {
        self.noted.get_or_insert_with(|| Noted { result, reason: reason.to_owned() });
    }

    /// One connection: dialled, secured, greeted.
    async fn once(
        &mut self,
        wanted: &Wanted,
        hello: Hello,
    ) -> Result<Result<Connection, Failed>, Said> {
        let Self { shared, to, remote, unchunked, account, depart, .. } = *self;
        let clock = shared.world.clock.clone();
        let until = clock.now() + shared.options().connect_timeout;
        let network = &shared.world.network;
        let dialling = match remote.strip_prefix("unix:") {
            Some(path) => network.connect_socket(path),
            None => network.connect(to, depart.address(to.ip())),
        };
        self.dialogue.tell(Part::Done, clock.now(), format_args!("connecting to {remote}"));
        let wire = connect(dialling, until).await;
        let now = clock.now();
        match &wire {
            Ok(wire) => {
                let (local, why) = (wire.local(), &wanted.requirement.reason);
                let words = format_args!("connected from {local}; TLS: {why}");
                self.dialogue.tell(Part::Done, now, words);
            }
            Err(error) => {
                self.dialogue.tell(Part::Done, now, format_args!("no connection: {error}"));
            }
        }
        let mut wire =
            wire.map_err(|error| Said::Unreachable { tried: 1, what: error.to_string() })?;
        let failure = Arc::new(OnceLock::new());
        let tls = Handshake {
            tls: shared.world.tls.clone(),
            wish: wanted.wish.clone(),
            failure: failure.clone(),
        };
        let security = match wanted.start {
            Start::Never => Security::None,
            Start::ByCommand if wanted.is_required => Security::Required,
            Start::ByCommand => Security::IfOffered,
            Start::Implicit => {
                let until = clock.now() + shared.options().timeouts.handshake;
                match tls.perform(wire, until).await {
                    Ok(secured) => {
                        tell_secured(self.dialogue, clock.now(), &secured.facts);
                        wire = secured.wire;
                        Security::Implicit(secured.facts)
                    }
                    Err(error) => return Ok(Err((error, failure.get().cloned()))),
                }
            }
        };
        let login = match account {
            Some(account) => Some(account.login(shared).await?),
            None => None,
        };
        let opening = Opening { hello, security, login, unchunked };
        let session = Session::begun(depart.client.clone(), opening, clock.now());
        let handshake_timeout = shared.options().timeouts.handshake;
        let opened = Connection::open(
            wire,
            session,
            tls,
            handshake_timeout,
            clock,
            remote.to_owned(),
            self.dialogue,
        )
        .await;
        Ok(opened.map_err(|error| (error, failure.get().cloned())))
    }
}

/// A session that was not opened, and how the handshake failed, if that was it.
type Failed = (SessionError, Option<TlsFailure>);

/// A session, and whether it is in the clear because TLS has failed.
struct Opened {
    connection: Connection,
    cleared: bool,
}

/// Whether a new connection without TLS may do better.
fn is_of_tls(error: &SessionError) -> bool {
    match error {
        SessionError::TlsFailed(_) | SessionError::Lost(Phase::StartTls | Phase::Handshake, _) => {
            true
        }
        SessionError::Lost(..)
        | SessionError::Refused(..)
        | SessionError::NoTls
        | SessionError::Login(_) => false,
    }
}

/// What the client machine reports, in the words of `queue`. Where security is at stake, with why it
/// was asked for.
fn said(error: SessionError, requirement: &Requirement) -> Said {
    let insecure = |topic, what: String| Said::Insecure {
        topic,
        what: format!("{what} ({})", requirement.reason),
    };
    match error {
        SessionError::Refused(Phase::StartTls, reply) => {
            insecure(Topic(7, 10), format!("STARTTLS was refused: {reply}"))
        }
        SessionError::Refused(step, reply) => Said::Refused { step: step.to_string(), reply },
        SessionError::Lost(step @ (Phase::StartTls | Phase::Handshake), lost) => {
            insecure(Topic(7, 5), format!("TLS failed at {step}: {lost}"))
        }
        SessionError::Lost(step, lost) => {
            Said::Lost { step: step.to_string(), what: lost.to_string() }
        }
        SessionError::NoTls => {
            insecure(Topic(7, 10), "TLS is required, and the host does not offer it".to_owned())
        }
        SessionError::Login(error) => Said::NoLogin { topic: Topic(7, 8), what: error.to_string() },
        SessionError::TlsFailed(what) => insecure(Topic(7, 5), what),
    }
}
