//! What travels beside the message: reverse-path, forward-paths, their parameters
//! (RFC 5321 §2.3.1). No part of the message text.

use std::time::SystemTime;

use crate::address::{ForwardPath, Mailbox, ReversePath};
use crate::xtext::Xtext;

/// What the client says of the octets of the content (RFC 6152 §2, RFC 3030 §3).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum BodyType {
    /// Nothing said, or `BODY=7BIT`: lines of ASCII.
    #[default]
    SevenBit,
    /// `BODY=8BITMIME`: lines of any octets.
    EightBitMime,
    /// `BODY=BINARYMIME`: any octets, not in lines.
    Binary,
}

/// What of a failed message its author wants back (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Return {
    /// `RET=FULL`.
    Full,
    /// `RET=HDRS`.
    Headers,
}

/// What the author wants done with mail that is late (RFC 2852 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LateMode {
    /// `N`: a notice, and go on trying.
    Notify,
    /// `R`: return it.
    Return,
}

/// `BY=seconds;mode[trace]` (RFC 2852 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeliverBy {
    /// Seconds from the moment the command was said; negative once the time is over.
    pub seconds: i64,
    /// What then.
    pub mode: LateMode,
    /// `T`: each host that hands it on sends a `relayed` report.
    pub trace: bool,
}

/// `HOLDFOR=` or `HOLDUNTIL=`: not to be sent on before (RFC 4865 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// So many seconds from now.
    For(u64),
    /// Until that moment.
    Until(SystemTime),
}

/// `AUTH=`: who submitted the message first (RFC 4954 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AuthSender {
    /// `AUTH=<>`: not known, or not to be believed.
    Unknown,
    /// `AUTH=mailbox`.
    Mailbox(Mailbox),
}

/// The parameters of `MAIL`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailParameters {
    /// `SIZE=n`: octets the client expects to send (RFC 1870 §6).
    pub size: Option<u64>,
    /// `BODY=…`.
    pub body: BodyType,
    /// `SMTPUTF8`: addresses or header fields are not in ASCII (RFC 6531 §3.4).
    pub utf8: bool,
    /// `RET=…`.
    pub ret: Option<Return>,
    /// `ENVID=…`, at most 100 octets, as it came (RFC 3461 §4.4).
    pub envelope_id: Option<Xtext>,
    /// `AUTH=…`.
    pub auth: Option<AuthSender>,
    /// `BY=…`.
    pub deliver_by: Option<DeliverBy>,
    /// `HOLDFOR=` or `HOLDUNTIL=`.
    pub hold: Option<Hold>,
    /// `MT-PRIORITY=…`, -9 to 9 (RFC 6710 §4).
    pub priority: Option<i8>,
    /// `REQUIRETLS` (RFC 8689 §2).
    pub require_tls: bool,
}

/// `NOTIFY=…`: of what the author wants to hear about a recipient (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Notify {
    /// `SUCCESS`. With none of the three it is `NEVER`.
    pub success: bool,
    /// `FAILURE`.
    pub failure: bool,
    /// `DELAY`.
    pub delay: bool,
}

impl Notify {
    /// `NOTIFY=NEVER`.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };

    /// Whether nothing at all is to be reported.
    pub fn is_never(self) -> bool {
        self == Self::NEVER
    }
}

/// `ORCPT=type;address`: what the recipient was called by its author (RFC 3461 §4.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginalRecipient {
    /// `rfc822`, `utf-8`, …, as it came.
    pub address_type: String,
    /// The encoded address, as it came. Of type `utf-8` it is not xtext but one of the forms of
    /// RFC 6533 §3, so it is kept as text; see [`Xtext::decode_lossy`] for the other types.
    pub address: String,
}

/// The parameters of `RCPT`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecipientParameters {
    /// `NOTIFY=…`; none: failures, and delays where the host sees fit.
    pub notify: Option<Notify>,
    /// `ORCPT=…`.
    pub original: Option<OriginalRecipient>,
}

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
