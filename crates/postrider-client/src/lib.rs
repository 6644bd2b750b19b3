//! Sends a letter to a mail server in ten lines: [`mail::content::compose`] writes it, the client
//! machine of [`smtp`] speaks, and this crate gives them a socket.
//!
//! ```no_run
//! use std::time::SystemTime;
//!
//! use mail::content::compose::{Draft, Entity};
//! use mail::content::{DateTime, NamedMailbox};
//! use postrider_client::Client;
//!
//! # async fn send() -> Result<(), Box<dyn std::error::Error>> {
//! let author = NamedMailbox::named("Ada", "ada@example.net".parse()?);
//! let mut draft = Draft::new(author, DateTime::new(SystemTime::now(), 0));
//! draft.to = vec![NamedMailbox::bare("bob@example.org".parse()?).into()];
//! draft.subject = "Grüße".into();
//! draft.body = Entity::text("It works.\n");
//! let sent = Client::new("127.0.0.1:2587", "localhost").send(&draft).await?;
//! println!("{sent}");
//! # Ok(())
//! # }
//! ```
//!
//! One call is one connection, with as many transactions as the recipients need. What is to be tried
//! again, and when, is left to the caller: a letter whose [`Sent`] is not
//! [complete](Sent::is_complete) has not reached all.
//!
//! A client that was told to secure the connection never goes on in the clear, and shows no login
//! before the server's certificate is found good: what [`trust`] gives looks at chain, dates and
//! name (RFC 8314 §5.2, §5.3).

mod dialogue;
mod letter;
mod session;
pub mod trust;
mod wire;

use std::fmt;
use std::future::pending;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use mail::content::compose::{ComposeError, Draft};
use mail::{BodyType, ForwardPath, Mailbox, ReversePath};
use rustls::ClientConfig;
use smtp::client::{Login, Lost, RecipientResult, SessionError};

pub use dialogue::{Dialogue, Silent};

/// Recipients of one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
pub const RECIPIENTS_MAX: usize = 100;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The draft is no letter.
    #[error("the draft is no letter")]
    Draft(#[source] ComposeError),
    /// Nobody is named.
    #[error("the letter names no recipient")]
    NoRecipients,
    /// An address of the draft to which no mail can go.
    #[error("no mail can go to {0}")]
    Address(String),
    /// Nothing answers there.
    #[error("no connection to {0}")]
    Connect(String, #[source] io::Error),
    /// The name is none that a certificate could be for.
    #[error("{0} is no name of a server")]
    ServerName(String),
    /// The connection could not be secured before the session, so nothing was said over it.
    #[error("the connection to {0} cannot be secured: {1}")]
    Tls(String, String),
    /// There was a connection and no session.
    #[error("{}", Told(.0))]
    Session(SessionError),
    /// The content could not be read.
    #[error("the letter cannot be read")]
    Content(#[source] io::Error),
}

/// Why there is no session, in words.
struct Told<'a>(&'a SessionError);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SessionError::Refused(_, reply) => write!(f, "the server answered {reply}"),
            SessionError::Lost(_, Lost::TimedOut) => {
                f.write_str("the server did not answer in time")
            }
            SessionError::Lost(_, Lost::Nonsense(said)) => {
                write!(f, "the server does not speak SMTP: {said:?}")
            }
            SessionError::Lost(_, Lost::Injected) => {
                f.write_str("somebody speaks for the server before the connection is secured")
            }
            SessionError::Lost(_, Lost::Aborted) => f.write_str("broken off"),
            SessionError::Lost(_, Lost::Closed | Lost::Unchunked) => {
                f.write_str("the server closed the connection")
            }
            SessionError::NoTls => {
                f.write_str("the server does not offer STARTTLS, and nothing is sent in the clear")
            }
            SessionError::TlsFailed(why) => {
                write!(f, "the connection cannot be secured: {why}")
            }
            SessionError::Login(error) => write!(f, "no login: {error}"),
        }
    }
}

/// What became of a letter.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Each recipient's result, in order.
    pub recipients: Vec<(Mailbox, RecipientResult)>,
}

impl Sent {
    /// Whether the server has the letter for everyone.
    pub fn is_complete(&self) -> bool {
        self.recipients.iter().all(|(_, result)| matches!(result, RecipientResult::Taken(_)))
    }
}

impl fmt::Display for Sent {
    /// A line for each recipient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (mailbox, result)) in self.recipients.iter().enumerate() {
            let end = if place == 0 { "" } else { "\n" };
            match result {
                RecipientResult::Taken(reply) => write!(f, "{end}{mailbox}: {reply}")?,
                other => write!(f, "{end}{mailbox}: not sent: {other:?}")?,
            }
        }
        Ok(())
    }
}

/// A letter in its envelope, in the form of the wire.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// Where reports go.
    pub sender: ReversePath,
    /// Where it goes.
    pub recipients: Vec<Mailbox>,
    /// The content, in lines that end in CR LF.
    pub content: &'a [u8],
    /// What the content needs of its path.
    pub body: BodyType,
    /// Whether its fields hold UTF-8.
    pub utf8: bool,
}

/// The content of a letter, in lines that end in CR LF: read as often as there are transactions,
/// in pieces of 64 KiB, by the task that sends.
pub trait Content: Read {
    /// Its octets.
    fn size(&self) -> u64;

    /// Goes back to its beginning.
    ///
    /// # Errors
    /// Where it comes from fails.
    fn rewind(&mut self) -> io::Result<()>;
}

impl<T: AsRef<[u8]>> Content for Cursor<T> {
    fn size(&self) -> u64 {
        self.get_ref().as_ref().len() as u64
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.set_position(0);
        Ok(())
    }
}

/// A letter of any size for any number of recipients.
#[derive(Debug)]
pub struct Parcel<'a, C: ?Sized> {
    /// Where reports go.
    pub sender: ReversePath,
    /// Where it goes.
    pub recipients: &'a [ForwardPath],
    /// What the content needs of its path.
    pub body: BodyType,
    /// Whether its fields hold UTF-8.
    pub utf8: bool,
    /// Whether every host on its way must be reached over TLS (RFC 8689).
    pub require_tls: bool,
    /// The content.
    pub content: &'a mut C,
}

/// How a connection is secured.
#[derive(Clone, Debug, Default)]
enum Tls {
    #[default]
    None,
    Upgraded(Arc<ClientConfig>),
    Implicit(Arc<ClientConfig>),
}

/// A server to send to.
#[derive(Clone, Debug)]
pub struct Client {
    servers: Vec<String>,
    hostname: String,
    tls: Tls,
    login: Option<Login>,
}

impl Client {
    /// The server at `server` (`name:port` or `address:port`); `hostname` names us in EHLO.
    pub fn new(server: impl Into<String>, hostname: impl Into<String>) -> Self {
        let servers = vec![server.into()];
        Self { servers, hostname: hostname.into(), tls: Tls::None, login: None }
    }

    /// One more server, for when nothing answers at those before it.
    #[must_use]
    pub fn or(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Secures the connection with STARTTLS, or sends nothing (RFC 3207).
    #[must_use]
    pub fn with_starttls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Tls::Upgraded(config);
        self
    }

    /// Speaks TLS from the first octet, as on port 465 (RFC 8314 §3).
    #[must_use]
    pub fn with_tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Tls::Implicit(config);
        self
    }

    /// Logs in first, as servers that take mail from authors ask (RFC 6409 §4.3). What a login may
    /// be shown to, its policy says; without one there is no session.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sends `draft` to everyone it names. Without a Message-ID it gets one.
    ///
    /// # Errors
    /// [`SendError`] when the server has it for nobody and has said so about nobody.
    pub async fn send(&self, draft: &Draft) -> Result<Sent, SendError> {
        let letter = letter::Letter::of(draft, &self.hostname)?;
        self.deliver(&letter.envelope()).await
    }

    /// Sends a letter that is written already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn deliver(&self, envelope: &Envelope<'_>) -> Result<Sent, SendError> {
        let recipients: Vec<ForwardPath> =
            envelope.recipients.iter().cloned().map(ForwardPath::Mailbox).collect();
        let parcel = Parcel {
            sender: envelope.sender.clone(),
            recipients: &recipients,
            body: envelope.body,
            utf8: envelope.utf8,
            require_tls: false,
            content: &mut Cursor::new(envelope.content),
        };
        let results = self.submit(parcel, &mut Silent, pending()).await?;
        Ok(Sent { recipients: envelope.recipients.iter().cloned().zip(results).collect() })
    }

    /// Sends a letter that may be larger than memory, followed by `dialogue`, and broken off when
    /// `stop` is ready: a result for each recipient, in order. Whoever's fate was open then is
    /// [`Lost`] with [`Lost::Aborted`]; at the step `Dot` the server may have the letter.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn submit<C, D>(
        &self,
        parcel: Parcel<'_, C>,
        dialogue: &mut D,
        stop: impl Future<Output = ()>,
    ) -> Result<Vec<RecipientResult>, SendError>
    where
        C: Content + ?Sized,
        D: Dialogue + ?Sized,
    {
        if parcel.recipients.is_empty() {
            return Err(SendError::NoRecipients);
        }
        session::submit(self, parcel, dialogue, stop).await
    }
}
