//! From the clear to a secured connection (RFC 3207).
//!
//! STARTTLS stands alone in its group, and nothing that came in the clear is remembered after it:
//! neither what was offered nor octets that somebody put behind the reply (RFC 3207 §4.2). Such
//! octets are never read as replies; a server that means well does not send any, so they end the
//! connection. Whether the certificate is good enough is looked at in the handshake itself, by the
//! caller.

use std::time::Instant;

use mail::{Reply, Severity, TlsFacts};

use super::extensions::Extensions;
use super::session::{Phase, Session, nonsense};
use super::{Lost, Output, Security, SessionError, Step};

impl Session {
    pub(super) fn send_starttls(&mut self, now: Instant) {
        self.send(b"STARTTLS\r\n".to_vec());
        self.enter(Phase::StartTls, now);
    }

    /// TLS is required, and there is none: nothing but QUIT is said in the clear.
    pub(super) fn no_tls(&mut self, now: Instant) {
        self.connection.give(Output::Failed(SessionError::NoTls));
        self.send_quit(now);
    }

    pub(super) fn starttls_replied(&mut self, reply: Reply, now: Instant) {
        match reply.severity() {
            Severity::Success if self.connection.replies.has_more() => {
                self.lose_at(Step::StartTls, Lost::Injected);
            }
            Severity::Success => {
                self.enter(Phase::Handshake, now);
                self.connection.give(Output::StartTls);
            }
            Severity::Intermediate => self.lose_at(Step::StartTls, nonsense(&reply)),
            // A policy that asks for no more than what can be had goes on (RFC 3207 §4).
            Severity::Transient | Severity::Permanent => match self.security {
                Security::IfOffered if self.authentication.is_wanted() => self.authenticate(now),
                Security::IfOffered => self.ready(now),
                _ => self.refused(Step::StartTls, reply, now),
            },
        }
    }

    /// The session begins anew, with what the handshake has shown and nothing else.
    pub(super) fn secured(&mut self, facts: TlsFacts, now: Instant) {
        if !matches!(self.phase, Phase::Handshake) {
            return;
        }
        self.tls = Some(facts);
        self.extensions = Extensions::default();
        self.peer_name = None;
        self.send_hello(self.hello, now);
    }

    pub(super) fn tls_failed(&mut self, reason: String) {
        if matches!(self.phase, Phase::Handshake) {
            self.connection.give(Output::Failed(SessionError::TlsFailed(reason)));
            self.connection.close();
        }
    }
}
