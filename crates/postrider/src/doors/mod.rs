//! The doors of `engine`, opened on the real world: the host's clock and chance, its sockets, the
//! name servers it is told of, and mailboxes in its file system.
//!
//! Nothing here decides anything about mail. Each door turns one kind of call into system calls,
//! bounds it, and says plainly what went wrong. Rules, retries and caches are left to the engine.

mod chance;
mod clock;
pub mod commands;
mod forwards;
pub mod history;
pub mod logins;
pub mod mailbox;
pub mod names;
pub mod net;
mod replaceable;
pub mod secrets;
mod shelf;
mod socket;
pub mod tables;
mod tasks;
pub mod tls;
mod web;

pub use chance::SystemRandom;
pub use clock::SystemClock;
pub use commands::SystemCommands;
pub use forwards::{Account, FileForwards, ForwardPlace};
pub use logins::{DovecotLogins, FileLogins, Granted};
pub use mailbox::{FileMailboxes, MailboxTemplate, Templates};
pub use names::{Anchors, AnchorsError, Checks, NameServers, Proof, Stub};
pub use net::{TcpNetwork, listen, listen_on};
pub use replaceable::Replaceable;
pub use secrets::FileSecrets;
pub use shelf::FileShelf;
pub use tables::NamedTables;
pub use tasks::Runtime;
pub use tls::RustlsTls;
pub use web::HttpsWeb;
