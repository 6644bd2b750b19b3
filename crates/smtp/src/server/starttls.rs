//! STARTTLS (RFC 3207): the command, and what is left of a session after the handshake.
//!
//! Nothing may follow the command before the handshake. Octets that do were put there by somebody
//! who hopes that they are taken for commands once the connection is trusted; with a client that
//! pipelines them by mistake a session cannot be told from that, so either ends here.

use std::sync::Arc;
use std::time::Instant;

use mail::TlsFacts;

use super::replies::{self, Of};
use super::{Dialogue, Notice, Output, Phase, Session};
use crate::grammar;

impl Session {
    /// Takes STARTTLS.
    pub(super) fn starttls(&mut self, rest: &[u8], now: Instant) {
        if self.tls.is_some() {
            return self.error(replies::SECURED);
        }
        if !self.options.starttls {
            return self.error(replies::NOT_IMPLEMENTED);
        }
        if let Err(fault) = grammar::no_argument(rest) {
            return self.fault(Of::Other, fault);
        }
        if !self.peer.can_secure {
            return self.connection.say(replies::NO_CERTIFICATE);
        }
        let behind = self.connection.inbox.len();
        if behind > 0 {
            self.connection.give(Output::Notice(Notice::PlaintextAfterStartTls { octets: behind }));
            return self.end(replies::PLAINTEXT_BEHIND);
        }
        self.connection.say(replies::SECURE);
        self.connection.flush();
        self.connection.give(Output::StartTls);
        self.connection.deadline = now + self.options.handshake_timeout;
        self.phase = Phase::Handshake;
    }

    /// Whether STARTTLS stands in the reply to EHLO: never within TLS (RFC 3207 §4.2).
    pub(super) fn offers_starttls(&self) -> bool {
        self.options.starttls && self.peer.can_secure && self.tls.is_none()
    }

    /// The handshake is done: a new session begins, without a greeting (RFC 3207 §4.2). What the
    /// client has done wrong is not among the things it may wish forgotten.
    pub(super) fn secured(&mut self, facts: TlsFacts, now: Instant) {
        if !matches!(self.phase, Phase::Handshake) {
            return;
        }
        let errors = self.dialogue.errors;
        self.dialogue = Dialogue { errors, ..Dialogue::default() };
        self.drop_transaction();
        self.tls = Some(Arc::new(facts));
        self.phase = Phase::Command;
        self.connection.deadline = now + self.options.command_timeout;
    }

    /// Without a handshake there is no connection left to speak on.
    pub(super) fn not_secured(&mut self) {
        if matches!(self.phase, Phase::Handshake) {
            self.connection.close();
        }
    }
}
