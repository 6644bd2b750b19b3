//! Who is responsible for a letter, and what is done about it: the records of the spool, who may
//! send, where mail goes next, when it is tried again, and what becomes of each recipient.
//!
//! All of it is pure: facts, configuration, the time and chance go in; decisions come out, each with
//! its [`Reason`].

pub mod access;
mod chance;
pub mod clients;
pub mod copy;
pub mod directory;
pub mod domains;
pub mod expansion;
pub mod fate;
pub mod fetch;
pub mod history;
pub mod lockout;
pub mod lookup;
pub mod notify;
pub mod program;
pub mod reason;
pub mod record;
pub mod rewrite;
pub mod route;
pub mod schedule;
pub mod search;
pub mod selector;
pub mod srs;
pub mod submission;
pub mod table;
pub mod target;
pub mod timeline;
pub mod trust;
pub mod why;

pub use access::{Access, Users, Verdict};
pub use fate::Fate;
pub use reason::{Reason, Source};
pub use record::{Attempt, HeadEdits, Stored};
pub use route::{NextHop, Routed, Routes, Transport};
pub use schedule::Schedule;
pub use search::Search;
pub use target::Target;
