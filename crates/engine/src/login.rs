//! Logins: the accounts are asked, after the memory of failures has been; each end leaves a line in
//! the log.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use queue::lockout::Hearing;
use queue::submission::Identity;
use smtp::sasl::server::{Answer, Failure, Kind, Question};
use tracing::{debug, info, warn};

use crate::Shared;
use crate::doors::{LoginFacts, RelayedLogin};

/// The tries of one connection, one after the other.
pub(crate) struct Logging {
    facts: LoginFacts,
    /// The exchange under way that another authority carries on.
    relay: Option<Box<dyn RelayedLogin>>,
    /// A try is booked as a failure: for this login, where it is known.
    booked: Option<Option<String>>,
    /// The last try was not heard, for so long.
    locked: Option<Duration>,
}

impl Logging {
    pub(crate) fn new(facts: LoginFacts) -> Self {
        Self { facts, relay: None, booked: None, locked: None }
    }

    /// Until when no login is heard; none where some are.
    pub(crate) fn locked_until(&self, shared: &Shared) -> Option<SystemTime> {
        self.locked.map(|wait| shared.world.clock.wall() + wait)
    }

    /// TLS has come about.
    pub(crate) fn secured(&mut self) {
        self.facts.secured = true;
    }

    /// The answer to a question of an exchange. Slow by design where failures are remembered.
    pub(crate) async fn answer(&mut self, shared: &Arc<Shared>, question: Question) -> Answer {
        // Every first question is a try of its own, whatever became of the one before: an exchange
        // that is broken off stays booked.
        let begins = !matches!(question, Question::Relay { begins: false, .. });
        if begins {
            self.relay = None;
            if let Err(kind) = self.hear(shared, question.login()).await {
                return Answer::Failed(kind);
            }
        }
        match &question {
            Question::Relay { mechanism, begins, response } => {
                if *begins {
                    match shared.world.logins.relay(*mechanism, &self.facts).await {
                        Ok(relay) => self.relay = Some(relay),
                        Err(kind) => return Answer::Failed(kind),
                    }
                }
                match &mut self.relay {
                    Some(relay) => relay.respond(response.as_deref()).await,
                    None => Answer::Failed(Kind::Unavailable),
                }
            }
            question => shared.world.logins.answer(question, &self.facts).await,
        }
    }

    /// Whether this try is heard, and not before its delay is over.
    async fn hear(&mut self, shared: &Arc<Shared>, login: Option<&str>) -> Result<(), Kind> {
        let client = self.facts.client;
        let hearing = shared.lockout.lock().hear(client, login, shared.world.clock.now());
        self.locked = None;
        match hearing {
            Hearing::Heard { delay, reason } => {
                self.booked = Some(login.map(str::to_owned));
                if !delay.is_zero() {
                    debug!(event = "login.delayed", %client, login, ?delay, %reason);
                    tokio::time::sleep(delay).await;
                }
                Ok(())
            }
            Hearing::Locked { wait, reason } => {
                warn!(event = "login.locked", %client, login, wait = wait.as_secs(), %reason);
                self.locked = Some(wait);
                Err(Kind::Locked)
            }
        }
    }

    /// An exchange has succeeded: who it is. None: the account has gone meanwhile.
    pub(crate) async fn succeeded(
        &mut self,
        shared: &Arc<Shared>,
        login: &str,
        mechanism: &str,
    ) -> Option<Identity> {
        self.relay = None;
        let (client, now) = (self.facts.client, shared.world.clock.now());
        if let Some(tried) = self.booked.take() {
            // The account may have another name than was typed.
            shared.lockout.lock().succeeded(client, tried.as_deref().unwrap_or(login), now);
        }
        let identity = shared.world.logins.identity(login).await;
        match &identity {
            Some(_) => info!(event = "login.succeeded", %client, login, mechanism),
            None => warn!(event = "login.without-account", %client, login, mechanism),
        }
        identity
    }

    /// An exchange has failed.
    pub(crate) fn failed(&mut self, shared: &Arc<Shared>, failure: &Failure, mechanism: &str) {
        self.relay = None;
        let client = self.facts.client;
        let login = failure.login.as_deref();
        let booked = self.booked.take();
        if let (Some(tried), Kind::Unavailable | Kind::TooWeak | Kind::Mechanism) =
            (&booked, failure.kind)
        {
            let now = shared.world.clock.now();
            shared.lockout.lock().undecided(client, tried.as_deref(), now);
        }
        shared.counts.failed_login();
        info!(event = "login.failed", %client, login, mechanism, why = ?failure.kind);
    }
}
