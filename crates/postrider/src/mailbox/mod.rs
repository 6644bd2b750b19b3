//! The forms of mailboxes in the file system, for those who deliver into them
//! ([`doors::mailbox`](crate::doors::mailbox)) and those who read them ([`agent`](crate::agent)):
//! both must lock alike and quote alike, or letters are lost.

pub mod lock;
pub mod mbox;
pub mod text;
