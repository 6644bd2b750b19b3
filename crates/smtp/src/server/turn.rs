//! What one host asks of another that is no mail: ETRN (RFC 1985), ATRN (RFC 2645), XCLIENT and
//! XFORWARD.

use std::time::Instant;

use super::replies::{self, Of};
use super::{Asked, Dialogue, Hello, Kind, Peer, Phase, Question, Session};
use crate::grammar::{self, Attributes};

impl Session {
    /// ETRN: outside a transaction (RFC 1985 §5).
    pub(super) fn release(&mut self, rest: &[u8]) {
        if !self.takes_release() {
            return self.error(replies::NOT_IMPLEMENTED);
        }
        if self.dialogue.hello.is_none() {
            return self.error(replies::HELLO_FIRST);
        }
        if self.transaction.is_some() {
            return self.error(replies::IN_TRANSACTION);
        }
        match grammar::release(rest) {
            Err(fault) => self.fault(Of::Release, fault),
            Ok(_) if !self.peer.may.release => self.error(replies::NO_RELEASE),
            Ok(release) => self.ask(Question::Release(release), Asked::Lookup { utf8: false }),
        }
    }

    /// ATRN: only where it is served, and only after AUTH (RFC 2645 §5.2.1).
    pub(super) fn turn(&mut self, rest: &[u8]) {
        if self.options.kind != Kind::Odmr {
            return self.error(replies::NOT_IMPLEMENTED);
        }
        let Some(login) = self.dialogue.login.clone() else {
            return self.error(replies::LOGIN_FIRST);
        };
        match grammar::turn(rest) {
            Ok(domains) => self.ask(Question::Turn { login, domains }, Asked::Turn),
            Err(fault) => self.fault(Of::Release, fault),
        }
    }

    /// XCLIENT: what was said so far was said by the proxy, and a new session begins.
    pub(super) fn client(&mut self, rest: &[u8]) {
        if !self.peer.may.proxy {
            return self.error(replies::NOT_IMPLEMENTED);
        }
        if self.transaction.is_some() {
            return self.error(replies::IN_TRANSACTION);
        }
        match grammar::client_attributes(rest) {
            Ok(attributes) => {
                let attributes = Box::new(attributes);
                self.ask(Question::Client(attributes.clone()), Asked::Client(attributes));
            }
            Err(fault) => self.fault(Of::Attributes, fault),
        }
    }

    /// The client that was named is `peer`. TLS stays: it is that of the connection.
    pub(super) fn client_answered(&mut self, peer: Peer, now: Instant) {
        let attributes = match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Asked(Asked::Client(attributes)) => attributes,
            // Nobody asked.
            other => return self.phase = other,
        };
        let Attributes { hello, protocol, login, .. } = *attributes;
        let extended = protocol.as_deref() != Some("SMTP");
        let hello = hello.filter(|name| name.is_ascii()).map(|name| Hello { name, extended });
        let errors = self.dialogue.errors;
        self.dialogue = Dialogue { hello, login, errors, ..Dialogue::default() };
        self.drop_transaction();
        self.peer = peer;
        self.connection.deadline = now + self.options.command_timeout;
        let greeting = super::greeting(&self.options);
        self.connection.say(&greeting);
        self.connection.promptly();
    }

    /// XFORWARD: facts for the log about the next transaction. What is said twice counts as said
    /// last.
    pub(super) fn forward(&mut self, rest: &[u8]) {
        if !self.peer.may.proxy {
            return self.error(replies::NOT_IMPLEMENTED);
        }
        if self.transaction.is_some() {
            return self.error(replies::IN_TRANSACTION);
        }
        match grammar::forwarded_attributes(rest) {
            Ok(attributes) => {
                let so_far = self.forwarded.take().map(|so_far| *so_far).unwrap_or_default();
                self.forwarded = Some(Box::new(attributes.over(so_far)));
                self.connection.say(replies::FORWARDED);
            }
            Err(fault) => self.fault(Of::Attributes, fault),
        }
    }
}
