//! One command after the other: is it in order, can it be read, what is said or asked.
//!
//! Order is looked at before form, so that a command out of sequence is a 503 however it is
//! written (RFC 5321 §4.1.4). A refused command leaves everything as it was.

use std::time::{Duration, Instant};

use mail::envelope::{AuthSender, DeliverBy, Hold, LateMode};
use mail::{BodyType, Domain, ForwardPath, MailParameters, Recipient};

use super::content::Content;
use super::replies::{self, Of};
use super::{Asked, Hello, Kind, Phase, Question, Session};
use crate::grammar::{self, Fault, Lookup, Verb};
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
        let refusal = self.refusal(verb);
        if verb == Verb::Chunk {
            // Its octets are read, whatever else is said.
            return self.chunk(rest, refusal, now);
        }
        if let Some(line) = refusal {
            return self.error(line);
        }
        match verb {
            Verb::Ehlo | Verb::LocalHello => self.hello(rest, true),
            Verb::Helo => self.hello(rest, false),
            Verb::Mail => self.mail(rest),
            Verb::Recipient => self.recipient(rest),
            Verb::Data => self.data(rest, now),
            Verb::Chunk => {}
            Verb::Reset => self.reset(rest),
            Verb::Noop => self.noop(rest),
            Verb::Quit => self.quit(rest),
            Verb::Verify => self.look_up(rest, Question::Verify),
            Verb::Expand => self.look_up(rest, Question::Expand),
            Verb::Help => self.help(rest),
            Verb::StartTls => self.starttls(rest, now),
            Verb::Auth => self.auth(rest, now),
            Verb::Release => self.release(rest),
            Verb::Turn => self.turn(rest),
            Verb::Client => self.client(rest),
            Verb::Forwarded => self.forward(rest),
            Verb::NotImplemented => self.error(replies::NOT_IMPLEMENTED),
        }
    }

    /// Why a command is not taken now, whatever it says: by what the listener is for, and by what
    /// has to come first.
    fn refusal(&self, verb: Verb) -> Option<&'static str> {
        let lmtp = self.options.kind == Kind::Lmtp;
        let odmr = self.options.kind == Kind::Odmr;
        let login = self.options.authentication.as_ref().is_some_and(|auth| auth.required);
        let secure = self.options.tls_required && self.tls.is_none();
        let known = login && self.dialogue.login.is_none() && !self.peer.may.submit;
        match verb {
            Verb::Quit => None,
            _ if self.dialogue.refused => Some(replies::NO_SERVICE),
            // RFC 2033 §4.1.
            Verb::Ehlo | Verb::Helo if lmtp => Some(replies::UNKNOWN),
            Verb::LocalHello if !lmtp => Some(replies::UNKNOWN),
            _ if secure && !verb.is_before_tls() => Some(replies::TLS_FIRST),
            _ if known && !verb.is_before_login() => Some(match self.offers_starttls() {
                true => replies::TLS_AND_LOGIN_FIRST,
                false => replies::LOGIN_FIRST,
            }),
            Verb::Mail | Verb::Recipient | Verb::Data | Verb::Chunk if odmr => {
                Some(replies::NO_MAIL_HERE)
            }
            Verb::Verify | Verb::Expand if odmr => Some(replies::NOT_IMPLEMENTED),
            _ => None,
        }
    }

    /// EHLO, HELO and LHLO; a second one clears the transaction (RFC 5321 §4.1.4).
    fn hello(&mut self, rest: &[u8], extended: bool) {
        let name = match grammar::hello(rest) {
            Ok(name) => name.to_owned(),
            Err(fault) => return self.fault(Of::Hello, fault),
        };
        self.dialogue.hello = Some(Hello { name, extended });
        self.drop_transaction();
        if extended {
            self.say_offer();
        } else {
            self.connection.say(&format!("250 {}", self.options.hostname));
        }
        self.connection.promptly();
    }

    /// Whose grammar is read.
    fn sender(&self) -> grammar::Sender {
        match self.options.kind {
            Kind::Submission => grammar::Sender::Author,
            Kind::Mx | Kind::Lmtp | Kind::Odmr => grammar::Sender::Server,
        }
    }

    fn mail(&mut self, rest: &[u8]) {
        if self.dialogue.hello.is_none() {
            return self.error(replies::HELLO_FIRST);
        }
        if self.transaction.is_some() {
            return self.error(replies::MAIL_TWICE);
        }
        let (path, mut parameters) = match grammar::mail(rest, self.sender(), &self.offered()) {
            Ok(mail) => mail,
            Err(fault) => return self.fault(Of::Mail, fault),
        };
        if self.is_too_large(parameters.size) {
            return self.connection.say(replies::SIZE);
        }
        if let Some(line) = self.untimely(&parameters) {
            return self.error(line);
        }
        if self.options.transactions.is_some_and(|most| self.dialogue.transactions >= most) {
            return self.end(replies::TOO_MANY_TRANSACTIONS);
        }
        if parameters.auth.is_some() && !self.peer.may.vouch {
            // Whom we do not know could name anybody (RFC 4954 §5).
            parameters.auth = Some(AuthSender::Unknown);
        }
        // Only those whom we trust go before others (RFC 6710 §4.1).
        let lowered = !self.peer.may.prioritise && parameters.priority.is_some_and(|it| it > 0);
        if lowered {
            parameters.priority = Some(0);
        }
        let login = self.dialogue.login.clone();
        let question =
            Question::Sender { path: path.clone(), parameters: parameters.clone(), login };
        self.ask(question, Asked::Sender { path, parameters, lowered });
    }

    /// Why times that a message asks for are not those that were offered (RFC 2852 §3, RFC 4865
    /// §4.2, §5.2.2).
    fn untimely(&self, parameters: &MailParameters) -> Option<&'static str> {
        let by = parameters.deliver_by;
        let least = i64::try_from(self.options.deliver_by_min.as_secs()).unwrap_or(i64::MAX);
        if by.is_some_and(|by| by.mode == LateMode::Return && by.seconds < least) {
            return Some(replies::BY_TOO_SOON);
        }
        let held = match parameters.hold? {
            Hold::For(seconds) => Duration::from_secs(seconds),
            Hold::Until(moment) => moment.duration_since(self.wall()).unwrap_or_default(),
        };
        let late = |by: DeliverBy| u64::try_from(by.seconds).is_ok_and(|by| held.as_secs() > by);
        let wrong = held > self.options.hold_max || by.is_some_and(late);
        wrong.then_some(replies::HELD_TOO_LONG)
    }

    /// Whether the declared size is over the limit (RFC 1870 §6.1); 0 is no limit (§3).
    fn is_too_large(&self, declared: Option<u64>) -> bool {
        let limit = self.options.message_size;
        limit != 0 && declared.is_some_and(|size| size > limit)
    }

    fn recipient(&mut self, rest: &[u8]) {
        let Some(transaction) = &self.transaction else { return self.error(replies::MAIL_FIRST) };
        let utf8 = transaction.parameters.utf8;
        let read = grammar::recipient(rest, self.sender(), &self.offered(), utf8);
        let (path, parameters) = match read {
            Ok(recipient) => recipient,
            Err(fault) => return self.fault(Of::Recipient, fault),
        };
        if transaction.recipients.len() >= self.options.recipients {
            // Those accepted stay (RFC 5321 §4.5.3.1.10). No error: a client may learn it so.
            return self.connection.say(replies::TOO_MANY_RECIPIENTS);
        }
        if let Some(most) = self.options.recipient_domains
            && adds_domain(&transaction.recipients, &path, most)
        {
            return self.connection.say(replies::TOO_MANY_DOMAINS);
        }
        let question = Question::Recipient { path: path.clone(), parameters: parameters.clone() };
        self.ask(question, Asked::Recipient(Recipient { path, parameters }));
    }

    fn data(&mut self, rest: &[u8], now: Instant) {
        if let Err(fault) = grammar::no_argument(rest) {
            return self.fault(Of::Other, fault);
        }
        match &self.transaction {
            None => return self.error(replies::MAIL_FIRST),
            // RFC 3030 §2, §3.
            Some(open) if open.chunks.is_some() => return self.error(replies::CHUNKS_BEGUN),
            Some(open) if open.parameters.body == BodyType::Binary => {
                return self.error(replies::BINARY_DATA);
            }
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
                self.drop_transaction();
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

    fn look_up(&mut self, rest: &[u8], question: fn(Lookup) -> Question) {
        match grammar::lookup(rest, &self.offered()) {
            Ok(lookup) => {
                let utf8 = lookup.utf8;
                self.ask(question(lookup), Asked::Lookup { utf8 });
            }
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

/// Whether `path` would be of one domain more than `most`.
fn adds_domain(recipients: &[Recipient], path: &ForwardPath, most: usize) -> bool {
    let domain = |path: &ForwardPath| match path {
        ForwardPath::Postmaster => None,
        ForwardPath::Mailbox(mailbox) => Some(mailbox.domain.clone()),
    };
    let Some(new) = domain(path) else { return false };
    let known: std::collections::BTreeSet<Domain> =
        recipients.iter().filter_map(|recipient| domain(&recipient.path)).collect();
    !known.contains(&new) && known.len() >= most
}
