//! What mail is, apart from any wire, disk or clock: addresses, envelopes, replies, the fields a
//! host adds to a message, and the reports that tell what became of one.

pub mod address;
pub mod content;
pub mod convert;
pub mod date;
pub mod envelope;
pub mod lookup;
pub mod original;
pub mod reply;
pub mod report;
pub mod tls;
pub mod trace;
pub mod xtext;

pub use address::{Domain, DomainName, ForwardPath, Literal, LocalPart, Mailbox, ReversePath};
pub use envelope::{BodyType, Envelope, MailParameters, Recipient, RecipientParameters};
pub use reply::{EnhancedStatus, Reply, ReplyCode, Severity, Topic};
pub use tls::TlsFacts;
pub use xtext::Xtext;
