//! AUTH (RFC 4954): the command, and the lines of an exchange in their base64. What the octets mean
//! is the business of `sasl`, who has an account the caller's.

use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::replies::{self, Of};
use super::{Asked, Notice, Output, Phase, Question, Session};
use crate::grammar;
use crate::line::LineError;
use crate::sasl::server::{Answer, Context, Exchange, Failure, Kind, Step};
use crate::sasl::{Mechanism, Nonce, wire};

/// An exchange under way.
pub(super) struct Running {
    mechanism: Mechanism,
    exchange: Exchange,
}

impl Session {
    /// Takes AUTH. Order is looked at before form.
    pub(super) fn auth(&mut self, rest: &[u8], now: Instant) {
        let Some(authentication) = &self.options.authentication else {
            return self.error(replies::NOT_IMPLEMENTED);
        };
        if !self.dialogue.hello.as_ref().is_some_and(|hello| hello.extended) {
            return self.error(replies::EHLO_FIRST);
        }
        if self.dialogue.login.is_some() {
            return self.error(replies::LOGGED_IN);
        }
        if self.transaction.is_some() {
            return self.error(replies::AUTH_IN_TRANSACTION);
        }
        let (name, initial) = match grammar::auth(rest) {
            Ok(auth) => auth,
            Err(fault) => return self.fault(Of::Auth, fault),
        };
        let offered = self.mechanisms();
        let found = name.parse().ok().filter(|mechanism| offered.contains(mechanism));
        let Some(mechanism) = found else {
            return self.error(replies::NO_MECHANISM);
        };
        let Ok(initial) = initial.map(|text| wire::decode_initial(text.as_bytes())).transpose()
        else {
            return self.error(replies::NOT_BASE64);
        };
        let relayed = authentication.relayed.contains(&mechanism);
        let nonce = self.nonce();
        let context = Context::new(self.tls.as_deref(), &offered, nonce);
        let initial = initial.as_deref();
        let (exchange, step) = match relayed {
            true => Exchange::relayed(mechanism, initial, context),
            false => Exchange::start(mechanism, initial, context),
        };
        self.advance(Running { mechanism, exchange }, step, now);
    }

    /// A nonce that no exchange has had: from the chance of this session and a count.
    fn nonce(&mut self) -> Nonce {
        self.exchanges += 1;
        let mut chance = [0; Nonce::OCTETS];
        // A key may have any length.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.peer.chance) {
            mac.update(&self.exchanges.to_be_bytes());
            chance.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        }
        Nonce::new(chance)
    }

    /// Takes a line that answers a challenge.
    pub(super) fn response(&mut self, line: Result<&[u8], LineError>, now: Instant) {
        let Phase::Authenticating(mut running) = std::mem::replace(&mut self.phase, Phase::Command)
        else {
            return;
        };
        let octets = match line {
            Ok(b"*") => {
                let step = running.exchange.cancel();
                return self.advance(*running, step, now);
            }
            Ok(line) => wire::decode(line),
            Err(LineError::TooLong) => return self.error(replies::AUTH_TOO_LONG),
            Err(LineError::Bare) => return self.error(replies::NOT_BASE64),
        };
        match octets {
            Ok(octets) => {
                let step = running.exchange.respond(&octets);
                self.advance(*running, step, now);
            }
            Err(_) => self.error(replies::NOT_BASE64),
        }
    }

    /// Takes the answer to a question of an exchange.
    pub(super) fn login_answered(&mut self, answer: Answer, now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Asked(Asked::Login(mut running)) => {
                self.connection.deadline = now + self.options.command_timeout;
                let step = running.exchange.answer(answer);
                self.advance(*running, step, now);
            }
            // Nobody asked.
            other => self.phase = other,
        }
    }

    /// Goes on with an exchange.
    fn advance(&mut self, running: Running, step: Step, now: Instant) {
        match step {
            Step::Challenge(octets) => {
                self.connection.say(&format!("334 {}", wire::encode(&octets)));
                self.connection.promptly();
                self.connection.deadline = now + self.options.command_timeout;
                self.phase = Phase::Authenticating(Box::new(running));
            }
            Step::Ask(question) => {
                let question = Question::Login(Box::new(question));
                self.ask(question, Asked::Login(Box::new(running)));
            }
            Step::Done { login } => {
                self.connection.say(replies::WELCOME);
                self.connection.promptly();
                self.connection.give(Output::Notice(Notice::LoggedIn {
                    login: login.clone(),
                    mechanism: running.mechanism,
                }));
                self.dialogue.login = Some(login);
            }
            Step::Failed(failure) => self.not_logged_in(running.mechanism, failure),
        }
    }

    /// Says why an exchange failed, and ends a session that only guesses.
    fn not_logged_in(&mut self, mechanism: Mechanism, failure: Failure) {
        let (kind, line) = (failure.kind, failure.reply().to_string());
        self.connection.give(Output::Notice(Notice::NotLoggedIn { failure, mechanism }));
        if matches!(kind, Kind::Malformed | Kind::Cancelled | Kind::Mechanism) {
            return self.error(&line);
        }
        self.connection.say(&line);
        self.connection.promptly();
        if matches!(kind, Kind::Credentials | Kind::Binding) {
            self.failures += 1;
            let most = self.options.authentication.as_ref().map_or(0, |auth| auth.failures);
            if self.failures >= most {
                self.end(replies::TOO_MANY_FAILURES);
            }
        }
    }
}
