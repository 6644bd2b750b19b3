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

mod authentication;
mod chunks;
mod commands;
mod connection;
mod content;
mod offer;
mod options;
mod question;
mod replies;
mod starttls;
#[cfg(test)]
mod tests;
mod transaction;
mod turn;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use mail::{Envelope, MailParameters, Recipient, Reply, ReversePath, TlsFacts};

use crate::grammar::Attributes;
use crate::sasl::{self, Mechanism};

pub use options::{Authentication, Kind, Peer, Privileges, SessionOptions};
pub use question::Question;
pub use transaction::{Hello, Transaction};

use authentication::Running;
use chunks::Chunk;
use connection::Connection;
use content::{Content, Flaw};
use transaction::Open;

/// Octets of content that move the clock on: a sender that only trickles does not hold a session.
const CONTENT_BLOCK: u64 = 1024;

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Octets as they came, cut anywhere.
    Bytes(&'a [u8]),
    /// The answer to the last [`Output::Ask`], said as it is. A 421 is said and ends the session.
    Answer(Reply),
    /// The answer to [`Question::Login`].
    Login(sasl::server::Answer),
    /// The answer to [`Question::Client`]: what is known of the client that was named.
    Client(Peer),
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
    /// Answer this with [`Input::Answer`], unless the question says otherwise.
    Ask(Question),
    /// Begin the handshake of a server on this connection, and say how it went with
    /// [`Input::Secured`] or [`Input::TlsFailed`]. All that was to be said before has been given.
    StartTls,
    /// The roles turn round: all that was to be said has been given, and the connection is the
    /// caller's, to send mail on (RFC 2645 §5.3). Nothing more comes from here.
    Turn,
    /// For the operator only.
    Notice(Notice),
    /// Close the connection; nothing more comes.
    Close,
    /// Nothing left to do before more input or this moment.
    Wait(Instant),
}

/// What an operator should hear of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Commands behind STARTTLS, for the time after the handshake: an injection, or a client that
    /// is much mistaken. The session ends.
    PlaintextAfterStartTls {
        /// How many had come.
        octets: usize,
    },
    /// BDAT without a size that can be read. The session ends.
    ChunkWithoutSize,
    /// More mistakes than are forgiven. The session ends.
    TooManyErrors,
    /// AUTH has succeeded.
    LoggedIn {
        /// As whom.
        login: String,
        /// How.
        mechanism: Mechanism,
    },
    /// AUTH has failed.
    NotLoggedIn {
        /// Why, and who was tried.
        failure: sasl::server::Failure,
        /// How.
        mechanism: Mechanism,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PlaintextAfterStartTls { octets } => {
                write!(f, "{octets} octets followed STARTTLS before its reply")
            }
            Self::ChunkWithoutSize => f.write_str("BDAT without a size that can be read"),
            Self::TooManyErrors => f.write_str("too many mistakes"),
            Self::LoggedIn { login, mechanism } => write!(f, "{login} logged in by {mechanism}"),
            Self::NotLoggedIn { failure, mechanism } => {
                let login = failure.login.as_deref().unwrap_or("somebody");
                write!(f, "{login} did not log in by {mechanism}: {:?}", failure.kind)
            }
        }
    }
}

/// What lasts from the greeting to QUIT.
#[derive(Default)]
struct Dialogue {
    hello: Option<Hello>,
    /// As whom the client has logged in.
    login: Option<String>,
    /// Transactions that were opened.
    transactions: u32,
    errors: u32,
    /// The greeting was a 554 (RFC 5321 §3.1).
    refused: bool,
}

/// What the session is at.
enum Phase {
    /// A command is expected.
    Command,
    /// A question is open.
    Asked(Asked),
    /// The connection is being secured.
    Handshake,
    /// An answer to a challenge is expected.
    Authenticating(Box<Running>),
    /// The octets of a chunk are expected.
    Chunk(Chunk),
    /// Content is expected; so many octets of it came since the clock was set.
    Content(Content, u64),
}

/// What the answer is needed for.
enum Asked {
    Sender {
        path: ReversePath,
        parameters: MailParameters,
        /// Its priority is not the one that was asked for.
        lowered: bool,
    },
    Recipient(Recipient),
    /// So many replies are due: one, or by LMTP one for each recipient (RFC 2033 §4.2).
    Message {
        replies: usize,
    },
    Lookup {
        utf8: bool,
    },
    Login(Box<Running>),
    Turn,
    Client(Box<Attributes>),
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
    /// What XFORWARD said for the next transaction.
    forwarded: Option<Box<Attributes>>,
    phase: Phase,
    /// Exchanges of AUTH that were begun, and those that failed.
    exchanges: u64,
    failures: u32,
    /// When it began.
    started: Instant,
    /// When the last thing happened.
    now: Instant,
}

impl Session {
    /// A session with a peer that has just connected. The first [`poll`](Self::poll) greets it.
    pub fn new(options: Arc<SessionOptions>, peer: Peer, now: Instant) -> Self {
        let greeting = greeting(&options);
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
            forwarded: None,
            phase: Phase::Command,
            exchanges: 0,
            failures: 0,
            started: now,
            options,
            now,
        }
    }

    /// What the client called itself in EHLO, HELO or LHLO.
    pub fn client_name(&self) -> Option<&str> {
        self.dialogue.hello.as_ref().map(|hello| hello.name.as_str())
    }

    /// As whom the client has logged in.
    pub fn login(&self) -> Option<&str> {
        self.dialogue.login.as_deref()
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
            Input::Answer(reply) => self.answered(reply, now),
            Input::Login(answer) => self.login_answered(answer, now),
            Input::Client(peer) => self.client_answered(peer, now),
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

    /// The time of day.
    fn wall(&self) -> SystemTime {
        let since = self.now.saturating_duration_since(self.started);
        self.peer.time.checked_add(since).unwrap_or(self.peer.time)
    }

    /// Mistakes of the client so far.
    pub fn errors(&self) -> u32 {
        self.dialogue.errors
    }

    /// Does one thing with what has come; false if there is nothing.
    fn step(&mut self, now: Instant) -> bool {
        if self.connection.is_closed() {
            return false;
        }
        match self.phase {
            Phase::Asked(_) | Phase::Handshake => false,
            Phase::Content(..) => self.read_content(now),
            Phase::Chunk(_) => self.read_chunk(now),
            Phase::Command | Phase::Authenticating(_) if self.connection.stopping => {
                self.end(replies::STOPPING);
                false
            }
            Phase::Authenticating(_) => match self.connection.next_response() {
                None => false,
                Some(line) => {
                    self.response(line.as_deref().map_err(|&error| error), now);
                    true
                }
            },
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
        let recipients = self.transaction.as_ref().map_or(0, |open| open.recipients.len());
        let replies = if self.options.kind == Kind::Lmtp { recipients } else { 1 };
        if flaw.is_some() {
            self.drop_transaction();
            return self.flawed(flaw, replies);
        }
        self.complete(size, Asked::Message { replies });
    }

    /// Says what is wrong with content, so many times.
    fn flawed(&mut self, flaw: Option<Flaw>, replies: usize) {
        let line = match flaw {
            Some(Flaw::Bare) => replies::CONTENT_BARE,
            _ => replies::CONTENT_SIZE,
        };
        for _ in 1..replies {
            self.connection.say(line);
        }
        match flaw {
            Some(Flaw::Bare) => self.error(line),
            _ => self.connection.say(line),
        }
    }

    /// Hands the transaction over.
    fn complete(&mut self, size: u64, asked: Asked) {
        let (Some(open), Some(hello)) = (self.transaction.take(), self.dialogue.hello.clone())
        else {
            // Content is not taken without both.
            return self.error(replies::MAIL_FIRST);
        };
        let Open { reverse_path, parameters, recipients, .. } = open;
        let transaction = Transaction {
            envelope: Envelope { reverse_path, parameters, recipients },
            hello,
            kind: self.options.kind,
            login: self.dialogue.login.clone(),
            tls: self.tls.clone(),
            forwarded: self.forwarded.take(),
            size,
        };
        self.ask(Question::Message(Box::new(transaction)), asked);
    }

    /// Asks, and reads no further until the answer.
    fn ask(&mut self, question: Question, asked: Asked) {
        match asked {
            Asked::Sender { .. } | Asked::Recipient(_) => self.connection.flush_prompt(),
            _ => self.connection.flush(),
        }
        self.connection.give(Output::Ask(question));
        self.phase = Phase::Asked(asked);
    }

    fn answered(&mut self, reply: Reply, now: Instant) {
        let asked = match std::mem::replace(&mut self.phase, Phase::Command) {
            // These have answers of their own.
            other @ Phase::Asked(Asked::Login(_) | Asked::Client(_)) => return self.phase = other,
            Phase::Asked(asked) => asked,
            // Nobody asked.
            other => return self.phase = other,
        };
        self.connection.deadline = now + self.options.command_timeout;
        let code = reply.code().get();
        match asked {
            Asked::Sender { path, parameters, lowered } => {
                self.sender_answered(&reply, path, parameters, lowered);
            }
            Asked::Recipient(recipient) => self.recipient_answered(&reply, recipient),
            Asked::Message { replies } => {
                (0..replies).for_each(|_| self.connection.say_reply(&reply));
            }
            Asked::Turn if reply.is_success() => {
                self.connection.say_reply(&reply);
                self.connection.flush();
                self.connection.give(Output::Turn);
                self.connection.close();
            }
            Asked::Lookup { utf8 } => {
                self.connection.say_lookup(&reply, utf8);
                self.connection.promptly();
            }
            Asked::Turn | Asked::Login(_) | Asked::Client(_) => self.connection.say_reply(&reply),
        }
        if code == 421 {
            self.drop_transaction();
            self.connection.close();
        }
    }

    fn sender_answered(
        &mut self,
        reply: &Reply,
        path: ReversePath,
        parameters: MailParameters,
        lowered: bool,
    ) {
        if reply.is_success() {
            self.dialogue.transactions += 1;
            self.transaction =
                Some(Open { reverse_path: path, parameters, recipients: Vec::new(), chunks: None });
        }
        if reply.is_success() && lowered {
            return self.connection.say(replies::LOWERED);
        }
        self.connection.say_reply(reply);
    }

    /// 251 shows an address; where that is in UTF-8 and the transaction is not, 250 says as much as
    /// may be said (RFC 6531 §3.7.4.1).
    fn recipient_answered(&mut self, reply: &Reply, recipient: Recipient) {
        let utf8 = self.transaction.as_ref().is_some_and(|open| open.parameters.utf8);
        if let Some(open) = self.transaction.as_mut().filter(|_| reply.is_success()) {
            open.recipients.push(recipient);
        }
        self.connection.say_moved(reply, utf8);
    }

    fn ticked(&mut self, now: Instant) {
        if now < self.connection.deadline {
            return;
        }
        match &self.phase {
            Phase::Command | Phase::Authenticating(_) => self.end(replies::IDLE),
            Phase::Handshake => self.connection.close(),
            // It is not the peer that makes us wait.
            Phase::Asked(_) => self.connection.deadline = now + self.options.command_timeout,
            Phase::Content(..) | Phase::Chunk(_) => {
                self.drop_content();
                self.end(replies::CONTENT_IDLE);
            }
        }
    }

    /// A connection that breaks drops what is under way, as QUIT does, and nothing that is
    /// finished (RFC 5321 §4.1.1.10).
    fn lost(&mut self) {
        self.drop_content();
        self.drop_transaction();
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
            self.connection.give(Output::Notice(Notice::TooManyErrors));
            return self.end(replies::TOO_MANY_ERRORS);
        }
        self.dialogue.errors += 1;
        self.connection.say(line);
        self.connection.promptly();
    }

    /// Says the last word.
    fn end(&mut self, line: &str) {
        self.drop_transaction();
        self.connection.say(line);
        self.connection.close();
    }
}

/// The first line of a session.
fn greeting(options: &SessionOptions) -> String {
    let protocol = if options.kind == Kind::Lmtp { "LMTP" } else { "ESMTP" };
    format!("220 {} {protocol} Postrider", options.hostname)
}
