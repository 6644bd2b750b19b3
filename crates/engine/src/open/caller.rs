//! One address of one host: dialled, secured, greeted, and asked once more with less where that is
//! allowed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use mail::Topic;
use msgauth::tlsrpt::ResultType;
use msgauth::transport::Requirement;
use queue::fate::Said;
use queue::history::{Dialogue, Part};
use smtp::client::{Hello, Lost, Opening, Security, Session, SessionError, Step as Phase};
use tracing::{debug, info, warn};

use super::line;
use crate::Shared;
use crate::connection::{Connection, Handshake, connect, tell_secured};
use crate::depart::Departure;
use crate::doors::TlsFailure;
use crate::security::{Start, Wanted};
use crate::smarthost::Account;
use crate::tally::{self, Noted};

/// Opens sessions with one address of one host.
pub(super) struct Caller<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) to: SocketAddr,
    pub(super) remote: &'a str,
    pub(super) unchunked: bool,
    pub(super) account: Option<&'a Account>,
    pub(super) depart: &'a Departure,
    pub(super) hello: Hello,
    /// What was amiss first, whatever was done in spite of it.
    pub(super) noted: Option<Noted>,
    pub(super) dialogue: &'a mut Dialogue,
}

impl Caller<'_> {
    /// A session as `wanted`. A host that hangs up on EHLO is asked once more with HELO, and one
    /// with which TLS fails once more with less, where that is allowed.
    pub(super) async fn session(&mut self, mut wanted: Wanted) -> Result<Opened, Said> {
        let (mut hello, mut cleared) = (self.hello, false);
        if let Some((result, reason)) = wanted.requirement.amiss.clone() {
            self.noted = Some(Noted { result, reason });
        }
        loop {
            let remote = self.remote;
            let once = self.once(&wanted, hello).await?;
            if let Err((SessionError::Lost(Phase::Greeting, Lost::TimedOut), _)) = &once {
                self.heard(Err("no greeting in time"));
            } else {
                self.heard(Ok(()));
            }
            match once {
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

    /// Notes whether anybody answered, or how nobody did.
    fn heard(&self, answered: Result<(), &str>) {
        if self.remote.starts_with("unix:") {
            return;
        }
        let line = line(self.depart, self.to);
        let mut silent = self.shared.silent.lock();
        match answered {
            Ok(()) => silent.answered(line),
            Err(what) => silent.silent(line, what, self.shared.world.clock.now()),
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
                let what = error.to_string();
                self.heard(if is_silence(error) { Err(&what) } else { Ok(()) });
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

/// Whether the kernel says that nobody heard, rather than that somebody said no.
fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};

    matches!(error.kind(), TimedOut | HostUnreachable | NetworkUnreachable)
}

/// A session that was not opened, and how the handshake failed, if that was it.
type Failed = (SessionError, Option<TlsFailure>);

/// A session, and whether it is in the clear because TLS has failed.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) cleared: bool,
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
