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
//! One call is one connection and one transaction. What is to be tried again, and when, is left to
//! the caller: a letter whose [`Sent`] is not [complete](Sent::is_complete) has not reached all.

mod letter;
mod session;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;

use mail::content::compose::{ComposeError, Draft};
use mail::{BodyType, Mailbox, ReversePath};
use rustls::ClientConfig;
use smtp::client::{Login, RecipientResult, SessionError};

/// Recipients of one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
pub const RECIPIENTS_MAX: usize = 100;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The draft is no letter.
    #[error("the draft is no letter")]
    Draft(#[source] ComposeError),
    /// Nobody is named, or more than [`RECIPIENTS_MAX`].
    #[error("a letter goes to 1 to {RECIPIENTS_MAX} recipients, not to {0}")]
    Recipients(usize),
    /// An address of the draft to which no mail can go.
    #[error("no mail can go to {0}")]
    Address(String),
    /// Nothing answers there.
    #[error("no connection to {0}")]
    Connect(String, #[source] io::Error),
    /// The name is none that a certificate could be for.
    #[error("{0} is no name of a server")]
    ServerName(String),
    /// There was a connection and no session.
    #[error("no session: {0:?}")]
    Session(SessionError),
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
    server: String,
    hostname: String,
    tls: Tls,
    login: Option<Login>,
}

impl Client {
    /// The server at `server` (`name:port` or `address:port`); `hostname` names us in EHLO.
    pub fn new(server: impl Into<String>, hostname: impl Into<String>) -> Self {
        Self { server: server.into(), hostname: hostname.into(), tls: Tls::None, login: None }
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
        let count = envelope.recipients.len();
        if count == 0 || count > RECIPIENTS_MAX {
            return Err(SendError::Recipients(count));
        }
        let login = self.login.as_ref();
        session::deliver(&self.server, &self.hostname, &self.tls, login, envelope).await
    }
}
