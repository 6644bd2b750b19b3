//! The client's side of a connection as a machine (RFC 5321 §4, RFC 2920).
//!
//! The caller repeats: one [`Session::handle`], then [`Session::poll`] until [`Output::Wait`],
//! [`Output::Ready`], [`Output::WantContent`] or [`Output::Close`].
//!
//! Connection, session and transaction are three values: `connection` is as long as the socket,
//! what the server offered as long as the session, `Progress` as the transaction. Where to
//! connect, what to try again and when is the caller's to decide, and so is how much a session must
//! be worth before mail is trusted to it: an [`Opening`] says whether it is to be secured, and who
//! we are there.

mod authentication;
mod chunks;
mod connection;
mod envelope;
mod extensions;
mod limits;
mod progress;
mod replies;
mod request;
mod session;
mod starttls;
mod stuffing;
#[cfg(test)]
mod tests;
mod words;

use std::time::{Duration, Instant};

use mail::envelope::{MailParameters, Recipient};
use mail::{Reply, ReversePath, TlsFacts};

pub use authentication::{EXCHANGES_MAX, Login, LoginError};
pub use extensions::Extensions;
pub use limits::Limits;
pub use request::{REQUEST_MAX, Request};
pub use session::Session;

/// How long the client waits; the defaults are the least RFC 5321 §4.5.3.2 allows.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For the greeting: 5 minutes.
    pub greeting: Duration,
    /// For the reply to EHLO, HELO or STARTTLS: 5 minutes.
    pub hello: Duration,
    /// For the TLS handshake: 1 minute. The caller keeps to it, as the wire is out of our hands.
    pub handshake: Duration,
    /// For the reply to MAIL: 5 minutes.
    pub mail: Duration,
    /// For the reply to RCPT: 5 minutes.
    pub recipient: Duration,
    /// For the reply to DATA: 2 minutes.
    pub data: Duration,
    /// For each block of content to be taken: 3 minutes.
    pub block: Duration,
    /// For the reply to the final dot: 10 minutes.
    pub dot: Duration,
    /// For the reply to QUIT and RSET: 1 minute.
    pub quit: Duration,
    /// For the reply to ATRN, before which the host looks through its queue: 10 minutes (RFC 2645
    /// §5.2.1).
    pub turn: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            greeting: minutes(5),
            hello: minutes(5),
            handshake: minutes(1),
            mail: minutes(5),
            recipient: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
            quit: minutes(1),
            turn: minutes(10),
        }
    }
}

/// What all sessions of one sender share.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The argument of EHLO: our name or address literal.
    pub hostname: String,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// How a session begins, before the first transaction.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// With which command.
    pub hello: Hello,
    /// Whether the connection is secured first.
    pub security: Security,
    /// Who we are there. With it there is no session without a login.
    pub login: Option<Login>,
    /// CHUNKING is not used for text, though it may be offered.
    pub unchunked: bool,
}

/// The command a session is opened with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Hello {
    /// EHLO, and HELO where it is not known.
    #[default]
    Extended,
    /// HELO, for a server that closed the connection after EHLO.
    Plain,
    /// LHLO: each recipient has its own reply to the end of the content (RFC 2033).
    Lmtp,
}

/// What is wanted of the connection (RFC 3207).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// Nothing: STARTTLS is not said.
    #[default]
    None,
    /// STARTTLS where it is offered; where it is not, or is refused, the session goes on without.
    IfOffered,
    /// STARTTLS, or no session.
    Required,
    /// The connection is secured already, before the greeting (RFC 8314 §3).
    Implicit(TlsFacts),
}

/// One message for the host at the other end.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// `MAIL FROM`.
    pub reverse_path: ReversePath,
    /// What is said of the message, as far as the host offers it. `body` and `utf8` are what the
    /// content needs, whatever was said of it before: `utf8`, that its header fields are not in
    /// ASCII. The addresses are looked at here, and `size` beside this counts. `deliver_by` has the
    /// time that is left.
    pub parameters: MailParameters,
    /// `RCPT TO`, at least one; the caller keeps to 100.
    pub recipients: Vec<Recipient>,
    /// Octets of content with CR LF line ends, for `SIZE=`.
    pub size: u64,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Octets as they came, cut anywhere.
    Bytes(&'a [u8]),
    /// A transaction to perform; only after [`Output::Ready`]. On a session that has ended
    /// meanwhile, or is at something else, its recipients are [`Lost`] at [`Step::Idle`].
    Begin(Transaction),
    /// Something to ask for that is no mail; only after [`Output::Ready`].
    Request(Request),
    /// More content, after [`Output::WantContent`].
    Content(&'a [u8]),
    /// The content is complete, after [`Output::WantContent`].
    ContentEnd,
    /// The content cannot be completed: the connection must be cut, so that half a message is
    /// never taken for a whole one.
    Abort,
    /// What was given by `Send` or `SendContent` has gone out; restarts the clock of the reply or
    /// of the content block that is waited for.
    Sent,
    /// The handshake after [`Output::StartTls`] is done.
    Secured(TlsFacts),
    /// It failed, with this reason; the connection is of no use any more.
    TlsFailed(String),
    /// No more transactions; only after [`Output::Ready`].
    Quit,
    /// The moment of the last [`Output::Wait`] has passed.
    Tick,
    /// The peer is gone.
    Closed,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Write these octets: commands.
    Send(Vec<u8>),
    /// Write these octets: a part of a login, which nobody is to write down or show.
    SendSecret(Vec<u8>),
    /// Write these octets: content, stuffed or a chunk; at most 256 KiB.
    SendContent(Vec<u8>),
    /// Write what was given before, then begin a TLS handshake as client; [`Input::Secured`] or
    /// [`Input::TlsFailed`] tells what came of it. Nothing that was read before counts after it.
    StartTls,
    /// The session takes a transaction or Quit.
    Ready,
    /// Give the next chunk of content.
    WantContent,
    /// The transaction is over.
    Done(Outcome),
    /// What the request was answered; none: the host does not offer it, and it was not said. `Ready`
    /// follows, or `Turned`.
    Answered(Option<Reply>),
    /// The roles have turned round: the other end is the client now and waits for a greeting. The wire
    /// stays open, and this session has nothing more to say on it.
    Turned,
    /// No session came about, or it ended outside a transaction; [`Output::Close`] follows, after
    /// a QUIT where the peer can still hear it.
    Failed(SessionError),
    /// Close the connection; nothing more comes.
    Close,
    /// Nothing left to do before more input or this moment.
    Wait(Instant),
}

/// The step of the dialogue a reply belongs to, or during which the connection was lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Before the greeting.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// The TLS handshake.
    Handshake,
    /// AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA up to 354.
    Data,
    /// The content.
    Content,
    /// The reply to the final dot or the last chunk; also whatever comes before it once all of the
    /// content was sent.
    Dot,
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
    /// ETRN.
    Release,
    /// ATRN.
    Turn,
    /// None: the session was idle.
    Idle,
}

/// How a connection was lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lost {
    /// The peer closed it.
    Closed,
    /// No reply in time.
    TimedOut,
    /// A reply that is none (not three digits, endless, of mixed codes). Its beginning is kept.
    Nonsense(String),
    /// More octets came with the reply to STARTTLS: somebody speaks for the server in the clear what
    /// is to be taken for the first replies of the secured session.
    Injected,
    /// The host offered CHUNKING and does not know BDAT. A new connection may do without:
    /// [`Opening::unchunked`].
    Unchunked,
    /// We cut it: our own content failed.
    Aborted,
}

/// What became of one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RecipientResult {
    /// The host at the other end has it: its reply to the final dot.
    Taken(Reply),
    /// It said no, now or for ever, to this step.
    Refused(Step, Reply),
    /// 452 (or 552) for too many recipients: try it in a further transaction (RFC 5321
    /// §4.5.3.1.10); at once only if this one had recipients taken.
    Later(Reply),
    /// The connection was lost at this step. At `Dot` the message may have been taken.
    Lost(Step, Lost),
    /// The host says in LIMITS that this is one recipient too many: another transaction or session
    /// may take it at once.
    Excess,
    /// The host does not offer what the message needs: nothing was sent.
    Unsuitable(Lack),
    /// The message is larger than the SIZE the host announced: nothing was sent.
    TooLarge(u64),
}

/// What a host does not offer, and a message cannot go without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lack {
    /// 8BITMIME: the content has octets above 127.
    EightBitMime,
    /// BINARYMIME: the content is not in lines.
    BinaryMime,
    /// SMTPUTF8: an address is not in ASCII.
    Utf8Address,
    /// SMTPUTF8: a header field is not in ASCII.
    Utf8Header,
    /// REQUIRETLS in a secured session (RFC 8689).
    RequireTls,
    /// DELIVERBY, for as little time as is left (RFC 2852 §4.1.4.1).
    DeliverBy,
}

/// What became of a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// One for each recipient, in order.
    pub recipients: Vec<RecipientResult>,
}

/// Why there is no session to speak in.
///
/// `Lost(Step::Hello, Lost::Closed)`: some servers close the connection after an EHLO they do not
/// know; a new one may be opened with [`Hello::Plain`], once (RFC 5321 §3.2).
///
/// `Lost` at [`Step::StartTls`] or [`Step::Handshake`], and `TlsFailed`: where nothing forbids it a
/// new connection may do without TLS, once (RFC 7435).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionError {
    /// The greeting, EHLO, HELO or RSET was answered with 4yz or 5yz, or 421 came unasked.
    Refused(Step, Reply),
    /// The connection was lost.
    Lost(Step, Lost),
    /// TLS is required and not offered.
    NoTls,
    /// The handshake failed, for this reason.
    TlsFailed(String),
    /// We were not let in.
    Login(LoginError),
}
