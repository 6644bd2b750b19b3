//! The user agent: what people type and programs call (RFC 5598 §2.1.1).
//!
//! A guest in this house: it composes letters, hands them to the mail service over SMTP like any
//! author would, reads the queue through the control socket, and enters no other room. When the
//! service is down, letters wait in the [drop directory](crate::drop). Each `run_*` is one program;
//! `arguments` begin with the program's name.

pub mod addresses;
mod as_text;
mod console;
pub mod control;
mod fields;
pub mod folder;
pub mod letter;
mod lines;
mod mail;
mod mailq;
pub mod outbox;
pub mod reading;
mod running;
mod sendmail;
mod sentry;
pub mod settings;
pub mod settings_keys;
mod site;
pub mod submission;
pub mod submit;
pub mod sysexits;
pub mod told;
mod typed_ahead;
pub mod typing;

pub use self::mail::{ESCAPES, command as mail_command, run_mail};
pub use console::may_colour;
pub(crate) use console::{Console, harmless, harmless_text};
pub use mailq::{ListingError, QueueSource, command as mailq_command, list_queue, run_mailq};
pub use sendmail::{help as sendmail_help, run_newaliases, run_sendmail};
pub use site::{AliasCheck, AliasesFound, Person, Site};
