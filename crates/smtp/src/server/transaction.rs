//! A mail transaction: while it is open, and complete, as it is handed over.

use std::sync::Arc;

use mail::trace::With;
use mail::{Envelope, MailParameters, Recipient, ReversePath, TlsFacts};

use super::Kind;
use super::chunks::Chunks;
use crate::grammar::Attributes;

/// How the client introduced itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// The argument of EHLO, HELO or LHLO as it was given, printable ASCII.
    pub name: String,
    /// Whether by EHLO or LHLO.
    pub extended: bool,
}

/// What lasts from MAIL to the end of the content.
pub(super) struct Open {
    pub(super) reverse_path: ReversePath,
    pub(super) parameters: MailParameters,
    pub(super) recipients: Vec<Recipient>,
    /// Content that comes in chunks; none before the first.
    pub(super) chunks: Option<Chunks>,
}

/// A complete mail transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Who, to whom.
    pub envelope: Envelope,
    /// How the client introduced itself.
    pub hello: Hello,
    /// What the listener is for.
    pub kind: Kind,
    /// The login it authenticated with.
    pub login: Option<String>,
    /// How the connection is secured.
    pub tls: Option<Arc<TlsFacts>>,
    /// Where a trusted client says that it had the message from: for the log.
    pub forwarded: Option<Box<Attributes>>,
    /// Octets of content, dots unstuffed, final dot not counted.
    pub size: u64,
}

impl Transaction {
    /// By which protocol it came (RFC 3848 §1; RFC 6531 §3.7.3).
    pub fn with(&self) -> With {
        With {
            lmtp: self.kind == Kind::Lmtp,
            extended: self.hello.extended,
            tls: self.tls.is_some(),
            auth: self.login.is_some(),
            utf8: self.envelope.parameters.utf8,
        }
    }
}
