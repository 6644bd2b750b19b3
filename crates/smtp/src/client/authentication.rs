//! Proof of who we are, before the first transaction (RFC 4954): the exchanges of
//! [`sasl::client`](crate::sasl::client) joined to `AUTH`, `334` and `235`.
//!
//! The strongest mechanism comes first. A server that does not know it, or asks for another, gets
//! the next one; a server that says our credentials are wrong does not get them in a weaker form, as
//! that is what somebody in between would ask for. What shows our secret goes out apart from other
//! commands, so that nobody writes it down.

use std::time::Instant;

use mail::{Reply, Severity};

use super::session::{Phase, Session, nonsense};
use super::{Output, SessionError, Step};
use crate::sasl::client::{Context, Credentials, Exchange, Failure, NoMechanism, Policy, choose};
use crate::sasl::{Mechanism, Nonce, wire};

/// Exchanges in one session: every mechanism once.
pub const EXCHANGES_MAX: usize = Mechanism::ALL.len();
/// Octets of an AUTH line with an initial response; a longer one answers an empty challenge instead
/// (RFC 4954 §4, RFC 5321 §4.5.3.1.4).
const LINE_MAX: usize = 512;

/// How to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// What we have to show.
    pub credentials: Credentials,
    /// What may be used.
    pub policy: Policy,
    /// The server as we named it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Fresh chance, one for each exchange; with none left no further mechanism is tried.
    pub nonces: Vec<Nonce>,
}

/// Why there is no login.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LoginError {
    /// AUTH is not offered.
    #[error("the server offers no login")]
    NotOffered,
    /// No mechanism fits, after those that were refused.
    #[error(transparent)]
    NoMechanism(#[from] NoMechanism),
    /// We broke off, or do not believe the server.
    #[error("{0}: {1}")]
    Broken(Mechanism, #[source] Failure),
    /// The server said no.
    #[error("{0} was answered {1}")]
    Refused(Mechanism, Reply),
}

/// The login of a session, under way or done.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    login: Option<Login>,
    offered: Vec<Mechanism>,
    refused: Vec<Mechanism>,
    /// With which we were let in.
    pub(super) done: Option<Mechanism>,
}

impl Authentication {
    pub(super) fn new(login: Option<Login>) -> Self {
        Self { login, ..Self::default() }
    }

    /// Whether it is still to be done.
    pub(super) fn is_wanted(&self) -> bool {
        self.login.is_some() && self.done.is_none()
    }
}

/// An exchange under way.
pub(super) struct Proving {
    mechanism: Mechanism,
    exchange: Exchange,
    /// Why we said `*`.
    cancelled: Option<Failure>,
}

impl std::fmt::Debug for Proving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proving").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

impl Session {
    /// Begins an exchange with the best mechanism that is left.
    pub(super) fn authenticate(&mut self, now: Instant) {
        let Some(listed) = self.extensions.parameters("AUTH") else {
            return self.no_login(LoginError::NotOffered, now);
        };
        let known = listed.split(' ').filter_map(|name| name.parse().ok());
        let offered: Vec<Mechanism> = known.collect();
        match self.next_exchange(offered) {
            Ok(proving) => self.send_auth(proving, now),
            Err(error) => self.no_login(error, now),
        }
    }

    fn next_exchange(&mut self, offered: Vec<Mechanism>) -> Result<Proving, LoginError> {
        let tls = self.tls.as_ref();
        let Authentication { login, refused, offered: kept, .. } = &mut self.authentication;
        *kept = offered;
        let Some(login) = login else { return Err(LoginError::NotOffered) };
        let mechanism = choose(kept, &login.credentials, &login.policy, tls, refused)?;
        let Some(nonce) = login.nonces.pop() else { return Err(NoMechanism::None.into()) };
        let context = Context { tls, offered: kept, host: &login.host, port: login.port, nonce };
        let exchange = Exchange::start(mechanism, &login.credentials, &context)
            .map_err(|failure| LoginError::Broken(mechanism, failure))?;
        Ok(Proving { mechanism, exchange, cancelled: None })
    }

    fn send_auth(&mut self, mut proving: Proving, now: Instant) {
        let mut line = format!("AUTH {}", proving.mechanism);
        let initial = proving.exchange.initial().map(wire::encode_initial);
        // Blank and line end come to it.
        if let Some(initial) = initial.filter(|text| line.len() + text.len() + 3 <= LINE_MAX) {
            line.push(' ');
            line.push_str(&initial);
            proving.exchange.take_initial();
        }
        self.send_secret(line);
        self.enter(Phase::Auth(proving), now);
    }

    fn send_secret(&mut self, mut line: String) {
        line.push_str("\r\n");
        self.connection.give(Output::SendSecret(line.into_bytes()));
    }

    pub(super) fn auth_replied(&mut self, proving: Proving, reply: Reply, now: Instant) {
        match reply.severity() {
            Severity::Intermediate if proving.cancelled.is_some() => {
                self.lose_at(Step::Auth, nonsense(&reply));
            }
            Severity::Intermediate => self.challenged(proving, &reply, now),
            Severity::Success => self.let_in(proving, &reply, now),
            Severity::Transient | Severity::Permanent => self.turned_away(proving, reply, now),
        }
    }

    fn challenged(&mut self, mut proving: Proving, reply: &Reply, now: Instant) {
        let text = reply.text().first().map_or("", String::as_str);
        let challenge = wire::decode(text.as_bytes()).map_err(|_| Failure::Malformed);
        match challenge.and_then(|challenge| proving.exchange.respond(&challenge)) {
            Ok(response) => self.send_secret(wire::encode(&response)),
            Err(failure) => {
                // RFC 4954 §4.
                self.send(b"*\r\n".to_vec());
                proving.cancelled = Some(failure);
            }
        }
        self.enter(Phase::Auth(proving), now);
    }

    /// A yes counts only from who has shown what the mechanism asks of it.
    fn let_in(&mut self, proving: Proving, reply: &Reply, now: Instant) {
        let Proving { mechanism, exchange, cancelled } = proving;
        let failure = cancelled.or_else(|| exchange.succeeded().err());
        if let Some(failure) = failure {
            let error = LoginError::Broken(mechanism, failure);
            self.connection.give(Output::Failed(SessionError::Login(error)));
            return self.connection.close();
        }
        if reply.code().get() != 235 {
            return self.lose_at(Step::Auth, nonsense(reply));
        }
        self.authentication.done = Some(mechanism);
        self.ready(now);
    }

    fn turned_away(&mut self, proving: Proving, reply: Reply, now: Instant) {
        let Proving { mechanism, cancelled, .. } = proving;
        if let Some(failure) = cancelled {
            return self.no_login(LoginError::Broken(mechanism, failure), now);
        }
        // It does not know the mechanism, or wants another (RFC 4954 §6).
        if matches!(reply.code().get(), 500 | 501 | 502 | 504 | 534 | 538) {
            self.authentication.refused.push(mechanism);
            let offered = std::mem::take(&mut self.authentication.offered);
            return match self.next_exchange(offered) {
                Ok(next) => self.send_auth(next, now),
                Err(_) => self.no_login(LoginError::Refused(mechanism, reply), now),
            };
        }
        self.no_login(LoginError::Refused(mechanism, reply), now);
    }

    /// Without a login nothing but QUIT is said.
    fn no_login(&mut self, error: LoginError, now: Instant) {
        self.connection.give(Output::Failed(SessionError::Login(error)));
        self.send_quit(now);
    }
}
