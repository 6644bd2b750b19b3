//! What the machine cannot know: policy, accounts, mailboxes, the spool.

use mail::{DomainName, ForwardPath, MailParameters, RecipientParameters, ReversePath};

use super::Transaction;
use crate::grammar::{Attributes, Lookup, Release};
use crate::sasl;

/// What is asked of the caller.
#[derive(Debug)]
pub enum Question {
    /// May this reverse-path send? A 250 opens the transaction.
    Sender {
        /// From `MAIL`.
        path: ReversePath,
        /// From `MAIL`.
        parameters: MailParameters,
        /// The login, where there is one.
        login: Option<String>,
    },
    /// Is this forward-path taken? A 250 or 251 adds it.
    Recipient {
        /// From `RCPT`.
        path: ForwardPath,
        /// From `RCPT`.
        parameters: RecipientParameters,
    },
    /// The content is complete: is the message taken? Only a receipt of the spool makes a 250. By
    /// LMTP the answer holds for each recipient.
    Message(Box<Transaction>),
    /// `VRFY` with its argument.
    Verify(Lookup),
    /// `EXPN` with its argument.
    Expand(Lookup),
    /// A step of an exchange of AUTH; answered with [`Input::Login`](super::Input::Login).
    Login(Box<sasl::server::Question>),
    /// `ETRN`: try this mail now (RFC 1985 §5.1).
    Release(Release),
    /// `ATRN`: may this login have the mail of these domains (none: of all that it may have), and
    /// is there any? After a 250 the roles turn round (RFC 2645 §5.2.1).
    Turn {
        /// The login.
        login: String,
        /// The domains.
        domains: Vec<DomainName>,
    },
    /// `XCLIENT`: a client that may speak for others names one; answered with
    /// [`Input::Client`](super::Input::Client).
    Client(Box<Attributes>),
}
