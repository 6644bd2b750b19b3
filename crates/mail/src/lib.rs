//! What mail is, apart from any wire, disk or clock: addresses, envelopes, replies, the fields a
//! host adds to a message, the reports that tell what became of one, and letters, read and written.
//!
//! Nothing here does any IO, asks for the time or takes chances: all that comes in as values. So
//! this crate serves any program that handles mail.
//!
//! # Read a letter
//!
//! A [`Letter`](content::Letter) is a tree over octets that stay as they are. Anything is a letter;
//! what is wrong with it is told, not refused.
//!
//! ```
//! use mail::content::{Letter, Role, view};
//!
//! let letter = Letter::read(
//!     b"From: =?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>\r\n\
//!       Content-Type: multipart/mixed; boundary=\"b\"\r\n\
//!       \r\n\
//!       --b\r\n\
//!       Content-Type: text/plain; charset=koi8-r\r\n\
//!       Content-Transfer-Encoding: base64\r\n\
//!       \r\n\
//!       8NLJ18XU\r\n\
//!       --b\r\n\
//!       Content-Disposition: attachment; filename*=utf-8''%C3%BC.txt\r\n\
//!       \r\n\
//!       a file\r\n",
//! );
//! let from = letter.head().addresses("From");
//! assert_eq!(from.to_string(), "Keld Jørn Simonsen <keld@dkuug.dk>");
//!
//! let items = view(&letter, |_| false);
//! assert_eq!(items[0].part.text(), "Привет");
//! assert_eq!(items[1].role, Role::Attachment);
//! assert_eq!(items[1].part.file_name().as_deref(), Some("ü.txt"));
//! assert_eq!(letter.defects().to_string(), "the end of the multipart is missing");
//! ```
//!
//! # Write a letter
//!
//! A [`Draft`](content::compose::Draft) becomes octets in the strict forms of the standards.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use mail::content::compose::{Draft, Entity, Options};
//! use mail::content::{DateTime, MessageId, NamedMailbox};
//!
//! let author = NamedMailbox::named("Ada", "ada@example.net".parse()?);
//! let date = DateTime::new(UNIX_EPOCH + Duration::from_secs(1_751_364_000), 120);
//! let mut draft = Draft::new(author, date);
//! draft.message_id = MessageId::new("1@example.net");
//! draft.to = vec![NamedMailbox::bare("bob@example.org".parse()?).into()];
//! draft.subject = "Grüße".into();
//! draft.body = Entity::text("Hello!\n").attach(Entity::attachment("data.bin", None, vec![0; 3]));
//! let letter = draft.write(&Options::default())?.octets;
//! assert!(letter.starts_with(b"Date: Tue, 01 Jul 2025 12:00:00 +0200\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Addresses of SMTP
//!
//! ```
//! use mail::{ForwardPath, Mailbox};
//!
//! let mailbox: Mailbox = "\"j.doe\"@Example.ORG".parse()?;
//! assert_eq!(mailbox.to_string(), "j.doe@Example.ORG");
//! let path: ForwardPath = "<Postmaster>".parse()?;
//! assert_eq!(path, ForwardPath::Postmaster);
//! # Ok::<(), mail::address::AddressError>(())
//! ```

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
