//! The server's side of a connection as a machine (RFC 5321 §4).
//!
//! The caller repeats: one [`Session::handle`], then [`Session::poll`] until [`Output::Wait`] or
//! [`Output::Close`]. While a question is open no further command is read.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mail::{Envelope, ForwardPath, MailParameters, RecipientParameters, Reply, ReversePath};

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Takes mail from other servers (port 25).
    Mx,
    /// Takes mail from authors (port 587).
    Submission,
}

/// What all sessions of one listener share.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The name in greeting and replies.
    pub hostname: String,
    /// What the listener is for.
    pub kind: Kind,
    /// Octets of content at most; announced with SIZE.
    pub message_size: u64,
    /// Recipients of one transaction at most (RFC 5321 §4.5.3.1.8: at least 100).
    pub recipients: usize,
    /// How long the server waits for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub command_timeout: Duration,
    /// How long it waits for the next 1 KiB of content, so that a trickle does not hold a session.
    pub data_timeout: Duration,
    /// Error replies (syntax, sequence, unknown command) before the session is closed with 421.
    pub errors: u32,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Octets as they came, cut anywhere.
    Bytes(&'a [u8]),
    /// The answer to the last [`Output::Ask`].
    Answer(Reply),
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
    /// The content given so far is not to be kept (refused, reset, the peer gone).
    Discard,
    /// Answer this with [`Input::Answer`].
    Ask(Question),
    /// Close the connection; nothing more comes.
    Close,
    /// Nothing left to do before more input or this moment.
    Wait(Instant),
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

/// How the client introduced itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// The argument of EHLO or HELO as it was given, printable ASCII.
    pub name: String,
    /// Whether by EHLO.
    pub extended: bool,
}

/// A complete mail transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Who, to whom.
    pub envelope: Envelope,
    /// How the client introduced itself.
    pub hello: Hello,
    /// Octets of content, dots unstuffed, final dot not counted.
    pub size: u64,
}
