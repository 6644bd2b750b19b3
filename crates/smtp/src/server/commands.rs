//! One command after the other: is it in order, can it be read, what is said or asked.
//!
//! Order is looked at before form, so that a command out of sequence is a 503 however it is
//! written (RFC 5321 §4.1.4). A refused command leaves everything as it was.

use std::time::Instant;

use mail::MailParameters;

use super::content::Content;
use super::replies::{self, Of};
use super::{Asked, Hello, Kind, Phase, Question, Session};
use crate::grammar::{self, Fault, Verb};
use crate::line::LineError;

impl Session {
    /// Takes one command line.
    pub(super) fn command(&mut self, line: Result<&[u8], LineError>, now: Instant) {
        let line = match line {
            Ok(line) => line,
            Err(LineError::TooLong) => return self.error(replies::LINE_TOO_LONG),
            Err(LineError::Bare) => return self.error(replies::BARE),
        };
        let Some((verb, rest)) = grammar::verb(line) else { return self.error(replies::UNKNOWN) };
        if self.dialogue.refused && verb != Verb::Quit {
            return self.error(replies::NO_SERVICE);
        }
        if self.options.tls_required && self.tls.is_none() && !verb.is_before_tls() {
            return self.error(replies::TLS_FIRST);
        }
        match verb {
            Verb::Ehlo => self.hello(rest, true),
            Verb::Helo => self.hello(rest, false),
            Verb::Mail => self.mail(rest),
            Verb::Recipient => self.recipient(rest),
            Verb::Data => self.data(rest, now),
            Verb::Reset => self.reset(rest),
            Verb::Noop => self.noop(rest),
            Verb::Quit => self.quit(rest),
            Verb::Verify => self.look_up(rest, Question::Verify),
            Verb::Expand => self.look_up(rest, Question::Expand),
            Verb::Help => self.help(rest),
            Verb::StartTls => self.starttls(rest, now),
            Verb::NotImplemented => self.error(replies::NOT_IMPLEMENTED),
        }
    }

    /// EHLO and HELO; a second one clears the transaction (RFC 5321 §4.1.4).
    fn hello(&mut self, rest: &[u8], extended: bool) {
        let name = match grammar::hello(rest) {
            Ok(name) => name.to_owned(),
            Err(fault) => return self.fault(Of::Hello, fault),
        };
        self.dialogue.hello = Some(Hello { name, extended });
        self.transaction = None;
        if extended {
            self.offer();
        } else {
            self.connection.say(&format!("250 {}", self.options.hostname));
        }
        self.connection.promptly();
    }

    /// The reply to EHLO: each extension has its line here (RFC 5321 §4.1.1.1).
    fn offer(&mut self) {
        let starttls = self.offers_starttls();
        let Self { connection, options, .. } = self;
        connection.say(&format!("250-{}", options.hostname));
        connection.say("250-PIPELINING");
        connection.say(&format!("250-SIZE {}", options.message_size));
        connection.say("250-8BITMIME");
        connection.say("250-ENHANCEDSTATUSCODES");
        if starttls {
            connection.say("250-STARTTLS");
        }
        connection.say("250-VRFY");
        connection.say("250 HELP");
    }

    /// Whose grammar is read.
    fn sender(&self) -> grammar::Sender {
        match self.options.kind {
            Kind::Mx => grammar::Sender::Server,
            Kind::Submission => grammar::Sender::Author,
        }
    }

    fn mail(&mut self, rest: &[u8]) {
        let Some(hello) = &self.dialogue.hello else { return self.error(replies::HELLO_FIRST) };
        if self.transaction.is_some() {
            return self.error(replies::MAIL_TWICE);
        }
        let (path, parameters) = match grammar::mail(rest, self.sender()) {
            Ok(mail) => mail,
            Err(fault) => return self.fault(Of::Mail, fault),
        };
        if !hello.extended && parameters != MailParameters::default() {
            // Nothing was offered (RFC 5321 §4.1.1.11).
            return self.fault(Of::Mail, Fault::UnknownParameter);
        }
        if self.is_too_large(parameters.size) {
            return self.connection.say(replies::SIZE);
        }
        let question = Question::Sender { path: path.clone(), parameters: parameters.clone() };
        self.ask(question, Asked::Sender { path, parameters });
    }

    /// Whether the declared size is over the limit (RFC 1870 §6.1); 0 is no limit (§3).
    fn is_too_large(&self, declared: Option<u64>) -> bool {
        let limit = self.options.message_size;
        limit != 0 && declared.is_some_and(|size| size > limit)
    }

    fn recipient(&mut self, rest: &[u8]) {
        let Some(transaction) = &self.transaction else { return self.error(replies::MAIL_FIRST) };
        let (path, parameters) = match grammar::recipient(rest, self.sender()) {
            Ok(recipient) => recipient,
            Err(fault) => return self.fault(Of::Recipient, fault),
        };
        if transaction.recipients.len() >= self.options.recipients {
            // Those accepted stay (RFC 5321 §4.5.3.1.10). No error: a client may learn it so.
            return self.connection.say(replies::TOO_MANY_RECIPIENTS);
        }
        let question = Question::Recipient { path: path.clone(), parameters: parameters.clone() };
        self.ask(question, Asked::Recipient(mail::Recipient { path, parameters }));
    }

    fn data(&mut self, rest: &[u8], now: Instant) {
        if let Err(fault) = grammar::no_argument(rest) {
            return self.fault(Of::Other, fault);
        }
        match &self.transaction {
            None => return self.error(replies::MAIL_FIRST),
            // Also where all were refused: 354 only if there is somebody (RFC 2920 §3.2).
            Some(open) if open.recipients.is_empty() => {
                return self.error(replies::RECIPIENT_FIRST);
            }
            Some(_) => {}
        }
        self.connection.say(replies::GO_ON);
        self.connection.promptly();
        self.connection.deadline = now + self.options.data_timeout;
        self.phase = Phase::Content(Content::new(self.options.message_size), 0);
    }

    fn reset(&mut self, rest: &[u8]) {
        match grammar::no_argument(rest) {
            Ok(()) => {
                self.transaction = None;
                self.connection.say(replies::RESET);
            }
            Err(fault) => self.fault(Of::Other, fault),
        }
    }

    fn noop(&mut self, rest: &[u8]) {
        match grammar::argument(rest) {
            Ok(_) => self.connection.say(replies::NOOP),
            Err(fault) => self.fault(Of::Other, fault),
        }
        self.connection.promptly();
    }

    fn quit(&mut self, rest: &[u8]) {
        match grammar::no_argument(rest) {
            Ok(()) => self.end(replies::BYE),
            Err(fault) => self.fault(Of::Other, fault),
        }
    }

    fn look_up(&mut self, rest: &[u8], question: fn(String) -> Question) {
        match grammar::some_argument(rest) {
            Ok(argument) => self.ask(question(argument.to_owned()), Asked::Lookup),
            Err(fault) => self.fault(Of::Lookup, fault),
        }
    }

    fn help(&mut self, rest: &[u8]) {
        match grammar::argument(rest) {
            Ok(_) => replies::HELP.iter().for_each(|line| self.connection.say(line)),
            Err(fault) => self.fault(Of::Other, fault),
        }
        self.connection.promptly();
    }

    pub(super) fn fault(&mut self, of: Of, fault: Fault) {
        self.error(replies::fault(of, fault));
    }
}
