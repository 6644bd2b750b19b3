//! What travels beside the message: reverse-path, forward-paths, their parameters
//! (RFC 5321 §2.3.1). No part of the message text.

use crate::address::{ForwardPath, ReversePath};

/// What the client says of the octets of the content (RFC 6152 §2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BodyType {
    /// Nothing said, or `BODY=7BIT`: lines of ASCII.
    #[default]
    SevenBit,
    /// `BODY=8BITMIME`: lines of any octets.
    EightBitMime,
}

/// The parameters of `MAIL`. Other extensions add their fields here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailParameters {
    /// `SIZE=n`: octets the client expects to send (RFC 1870 §6).
    pub size: Option<u64>,
    /// `BODY=…`.
    pub body: BodyType,
}

/// The parameters of `RCPT`. Other extensions add their fields here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecipientParameters {}

/// One forward-path with its parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    /// Where to.
    pub path: ForwardPath,
    /// How.
    pub parameters: RecipientParameters,
}

/// The envelope of one mail transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// The parameters of `MAIL`.
    pub parameters: MailParameters,
    /// At least one once the transaction is complete.
    pub recipients: Vec<Recipient>,
}
