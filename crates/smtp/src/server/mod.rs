//! The server's side of a connection as a machine (RFC 5321 §4).
//!
//! The caller repeats: one [`Session::handle`], then [`Session::poll`] until [`Output::Wait`] or
//! [`Output::Close`]. While a question is open no further command is read.
//!
//! Connection, session and transaction are three values: RSET drops one, a new EHLO the
//! transaction and the name, a closed socket all. What is *decided* about senders, recipients and
//! messages is asked; what is wrong by the letter is answered here.
//!
//! Replies are gathered and go out as one [`Output::Send`] when the input is used up (RFC 2920
//! §3.2), before a question that takes long (`Message`, `Verify`, `Expand`) and before the end.
//! A `Sender` or `Recipient` that is answered before the next `poll` so costs no write of its own;
//! a caller that has to wait for its answer polls on to [`Output::Wait`] first.

mod commands;
mod connection;
mod content;
mod options;
mod replies;
mod starttls;
#[cfg(test)]
mod tests;
mod transaction;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mail::{
    Envelope, ForwardPath, MailParameters, Recipient, RecipientParameters, Reply, ReversePath,
    TlsFacts,
};

pub use options::{Kind, Peer, SessionOptions};
pub use transaction::{Hello, Transaction};

use connection::Connection;
use content::{Content, Flaw};

/// Octets of content that move the clock on: a sender that only trickles does not hold a session.
const CONTENT_BLOCK: u64 = 1024;

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Octets as they came, cut anywhere.
    Bytes(&'a [u8]),
    /// The answer to the last [`Output::Ask`], said as it is. A 421 is said and ends the session.
    Answer(Reply),
    /// The handshake after [`Output::StartTls`] is done; octets come from within it now.
    Secured(TlsFacts),
    /// The handshake failed.
    TlsFailed,
    /// The moment of the last [`Output::Wait`] has passed.
    Tick,
    /// The peer is gone.
    Closed,
    /// This host is going down: 421 as soon as no content and no question is in the air.
    Shutdown,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Write these octets.
    Send(Vec<u8>),
    /// Content of the message under way, dots already unstuffed.
    Content(Bytes),
    /// The content given so far is not to be kept (flawed, too large, the peer gone or too slow);
    /// no more of it comes, nor is its `Message` asked. Never after `Message` was asked: from then
    /// on the content is the caller's.
    Discard,
    /// Answer this with [`Input::Answer`].
    Ask(Question),
    /// Begin the handshake of a server on this connection, and say how it went with
    /// [`Input::Secured`] or [`Input::TlsFailed`]. All that was to be said before has been given.
    StartTls,
    /// For the operator only.
    Notice(Notice),
    /// Close the connection; nothing more comes.
    Close,
    /// Nothing left to do before more input or this moment.
    Wait(Instant),
}

/// What an operator should hear of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Notice {
    /// Commands behind STARTTLS, for the time after the handshake: an injection, or a client that
    /// is much mistaken. The session ends.
    #[error("{octets} octets followed STARTTLS before its reply")]
    PlaintextAfterStartTls {
        /// How many had come.
        octets: usize,
    },
}

/// What the machine cannot know: policy, mailboxes, the spool.
#[derive(Debug)]
pub enum Question {
    /// May this reverse-path send? A 250 opens the transaction.
    Sender {
        /// From `MAIL`.
        path: ReversePath,
        /// From `MAIL`.
        parameters: MailParameters,
    },
    /// Is this forward-path taken? A 250 or 251 adds it.
    Recipient {
        /// From `RCPT`.
        path: ForwardPath,
        /// From `RCPT`.
        parameters: RecipientParameters,
    },
    /// The content is complete: is the message taken? Only a receipt of the spool makes a 250.
    Message(Box<Transaction>),
    /// `VRFY` with its argument.
    Verify(String),
    /// `EXPN` with its argument.
    Expand(String),
}

/// What lasts from the greeting to QUIT.
#[derive(Default)]
struct Dialogue {
    hello: Option<Hello>,
    errors: u32,
    /// The greeting was a 554 (RFC 5321 §3.1).
    refused: bool,
}

/// What lasts from MAIL to the end of the content.
struct Open {
    reverse_path: ReversePath,
    parameters: MailParameters,
    recipients: Vec<Recipient>,
}

/// What the session is at.
enum Phase {
    /// A command is expected.
    Command,
    /// A question is open.
    Asked(Asked),
    /// The connection is being secured.
    Handshake,
    /// Content is expected; so many octets of it came since the clock was set.
    Content(Content, u64),
}

/// What the answer is needed for.
enum Asked {
    Sender { path: ReversePath, parameters: MailParameters },
    Recipient(Recipient),
    Message,
    Lookup,
}

/// One session of a server.
pub struct Session {
    options: Arc<SessionOptions>,
    peer: Peer,
    /// How the connection is secured.
    tls: Option<Arc<TlsFacts>>,
    connection: Connection,
    dialogue: Dialogue,
    transaction: Option<Open>,
    phase: Phase,
    /// When the last thing happened.
    now: Instant,
}

impl Session {
    /// A session with a peer that has just connected. The first [`poll`](Self::poll) greets it.
    pub fn new(options: Arc<SessionOptions>, peer: Peer, now: Instant) -> Self {
        let greeting = format!("220 {} ESMTP Postrider", options.hostname);
        let mut session = Self::silent(options, peer, now);
        session.connection.say(&greeting);
        session
    }

    /// A session whose greeting is `reply`. 554: each command is answered 503 until QUIT (RFC 5321
    /// §3.1). Anything else, 421 or 521, is said and ends the connection.
    pub fn refused(options: Arc<SessionOptions>, reply: Reply, now: Instant) -> Self {
        let mut session = Self::silent(options, Peer::default(), now);
        session.connection.say_reply(&reply);
        if reply.code().get() == 554 {
            session.dialogue.refused = true;
        } else {
            session.connection.close();
        }
        session
    }

    fn silent(options: Arc<SessionOptions>, peer: Peer, now: Instant) -> Self {
        Self {
            tls: peer.tls.clone(),
            peer,
            connection: Connection::new(now + options.command_timeout),
            dialogue: Dialogue::default(),
            transaction: None,
            phase: Phase::Command,
            options,
            now,
        }
    }

    /// Takes in what happened. Afterwards [`poll`](Self::poll) tells what is to be done.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        if self.connection.is_closed() {
            return;
        }
        match input {
            // Nothing in the clear belongs to a connection that is being secured.
            Input::Bytes(_) if matches!(self.phase, Phase::Handshake) => self.not_secured(),
            Input::Bytes(octets) => self.connection.inbox.extend_from_slice(octets),
            Input::Answer(reply) => self.answered(&reply, now),
            Input::Secured(facts) => self.secured(facts, now),
            Input::TlsFailed => self.not_secured(),
            Input::Tick => self.ticked(now),
            Input::Closed => self.lost(),
            Input::Shutdown => self.connection.stopping = true,
        }
        self.now = now;
        self.run();
    }

    /// The next thing to do. Each is given once, [`Output::Wait`] and [`Output::Close`] excepted.
    pub fn poll(&mut self) -> Output {
        if self.connection.is_drained() {
            self.run();
        }
        self.connection.poll()
    }

    /// Goes on with what has come, until there is nothing more to do or enough to say first: short
    /// commands with long replies must not fill our memory when nobody reads them.
    fn run(&mut self) {
        while !self.connection.is_full() && self.step(self.now) {}
    }

    /// False while a question is open, a handshake is under way, the inbox is full or the session is
    /// over: then leave the octets in the socket.
    pub fn wants_bytes(&self) -> bool {
        !matches!(self.phase, Phase::Asked(_) | Phase::Handshake)
            && !self.connection.is_closed()
            && self.connection.inbox.len() < connection::INBOX_MAX
    }

    /// Does one thing with what has come; false if there is nothing.
    fn step(&mut self, now: Instant) -> bool {
        if self.connection.is_closed() {
            return false;
        }
        match self.phase {
            Phase::Asked(_) | Phase::Handshake => false,
            Phase::Content(..) => self.read_content(now),
            Phase::Command if self.connection.stopping => {
                self.end(replies::STOPPING);
                false
            }
            Phase::Command => match self.connection.next_line() {
                None => false,
                Some(line) => {
                    self.connection.deadline = now + self.options.command_timeout;
                    self.command(line.as_deref().map_err(|&error| error), now);
                    true
                }
            },
        }
    }

    /// Reads content as far as it has come.
    fn read_content(&mut self, now: Instant) -> bool {
        let Phase::Content(content, since) = &mut self.phase else { return false };
        let before = self.connection.inbox.len();
        if before == 0 {
            return false;
        }
        let sound = content.flaw().is_none();
        let taken = content.take(&mut self.connection.inbox);
        *since += (before - self.connection.inbox.len()) as u64;
        if *since >= CONTENT_BLOCK {
            // What is over counts on, so that it does not matter how the octets are cut.
            *since %= CONTENT_BLOCK;
            self.connection.deadline = now + self.options.data_timeout;
        }
        let (flaw, size) = (content.flaw(), content.size());
        if !taken.octets.is_empty() {
            self.connection.give(Output::Content(taken.octets));
        } else if sound && flaw.is_some() {
            self.connection.give(Output::Discard);
        }
        if taken.ended {
            self.content_ended(flaw, size, now);
        }
        taken.ended
    }

    /// The end of the content has come: only now is anything said about it (RFC 1870 §6.1).
    fn content_ended(&mut self, flaw: Option<Flaw>, size: u64, now: Instant) {
        self.phase = Phase::Command;
        self.connection.deadline = now + self.options.command_timeout;
        let (open, hello) = (self.transaction.take(), self.dialogue.hello.clone());
        match (flaw, open, hello) {
            (Some(Flaw::TooLarge), ..) => self.connection.say(replies::CONTENT_SIZE),
            (Some(Flaw::Bare), ..) => self.error(replies::CONTENT_BARE),
            (None, Some(open), Some(hello)) => {
                let Open { reverse_path, parameters, recipients } = open;
                let envelope = Envelope { reverse_path, parameters, recipients };
                let (kind, tls) = (self.options.kind, self.tls.clone());
                let transaction = Transaction { envelope, hello, kind, login: None, tls, size };
                let transaction = Box::new(transaction);
                self.ask(Question::Message(transaction), Asked::Message);
            }
            // DATA is not taken without both.
            (None, ..) => self.error(replies::MAIL_FIRST),
        }
    }

    /// Asks, and reads no further until the answer.
    fn ask(&mut self, question: Question, asked: Asked) {
        match asked {
            Asked::Sender { .. } | Asked::Recipient(_) => self.connection.flush_prompt(),
            Asked::Message | Asked::Lookup => self.connection.flush(),
        }
        self.connection.give(Output::Ask(question));
        self.phase = Phase::Asked(asked);
    }

    fn answered(&mut self, reply: &Reply, now: Instant) {
        let asked = match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Asked(asked) => asked,
            // Nobody asked.
            other => return self.phase = other,
        };
        self.connection.deadline = now + self.options.command_timeout;
        match asked {
            Asked::Sender { path, parameters } if reply.is_success() => {
                self.transaction =
                    Some(Open { reverse_path: path, parameters, recipients: Vec::new() });
            }
            Asked::Recipient(recipient) if reply.is_success() => {
                if let Some(open) = &mut self.transaction {
                    open.recipients.push(recipient);
                }
            }
            Asked::Lookup => self.connection.promptly(),
            Asked::Sender { .. } | Asked::Recipient(_) | Asked::Message => {}
        }
        self.connection.say_reply(reply);
        if reply.code().get() == 421 {
            self.connection.close();
        }
    }

    fn ticked(&mut self, now: Instant) {
        if now < self.connection.deadline {
            return;
        }
        match &self.phase {
            Phase::Command => self.end(replies::IDLE),
            Phase::Handshake => self.connection.close(),
            // It is not the peer that makes us wait.
            Phase::Asked(_) => self.connection.deadline = now + self.options.command_timeout,
            Phase::Content(..) => {
                self.drop_content();
                self.end(replies::CONTENT_IDLE);
            }
        }
    }

    /// A connection that breaks drops what is under way, as QUIT does, and nothing that is
    /// finished (RFC 5321 §4.1.1.10).
    fn lost(&mut self) {
        self.drop_content();
        self.connection.forget_replies();
        self.connection.close();
    }

    /// Lets go of the content under way, unless that was said already.
    fn drop_content(&mut self) {
        if let Phase::Content(content, _) = &self.phase
            && content.flaw().is_none()
        {
            self.connection.give(Output::Discard);
        }
    }

    /// Says an error of the peer, or that there have been too many.
    fn error(&mut self, line: &str) {
        if self.dialogue.errors >= self.options.errors {
            return self.end(replies::TOO_MANY_ERRORS);
        }
        self.dialogue.errors += 1;
        self.connection.say(line);
        self.connection.promptly();
    }

    /// Says the last word.
    fn end(&mut self, line: &str) {
        self.connection.say(line);
        self.connection.close();
    }
}
