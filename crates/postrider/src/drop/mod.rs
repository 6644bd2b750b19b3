//! The drop directory: where programs leave letters while the mail service is not running.
//!
//! ```text
//! <data-dir>/drop/tmp   being written; a crash leaves rubbish here and nowhere else
//! <data-dir>/drop/new   whole and durable, waiting to be taken into the spool
//! <data-dir>/drop/bad   found damaged, kept for the operator
//! ```
//!
//! A letter is written to a file in `tmp`, synced, renamed into `new`, and `new` is synced: only
//! then may a person be told that it is queued. The service takes each file of `new` into its spool
//! and removes it after the spool's receipt; a crash between the two brings a letter twice, never
//! loses one. One file is one letter, in a form with a version of its own.
//!
//! **Permissions.** The directories belong to the service's user. As [`prepare`] makes them (0700)
//! only that user (and root) can drop letters: enough where people run the service themselves.
//! Where many users share a host, the administrator gives the three directories to a group of their
//! own and makes the program set-group-id to it:
//!
//! ```text
//! chgrp postdrop drop drop/tmp drop/new && chmod 03770 drop/tmp drop/new && chmod 0750 drop
//! chgrp postdrop …/postrider && chmod 2755 …/postrider
//! ```
//!
//! The set-group-id bit gives each file the group, the sticky bit keeps users from each other's
//! files, and the service, which owns the directories, may remove them all. A file's owner is who
//! wrote it, whatever the file says: [`read`] refuses a file in which the two differ.

mod format;
pub mod lent;
mod place;

use std::io;
use std::path::PathBuf;

pub use format::{Dropped, Envelope};
pub use place::{list, prepare, read, remove, set_aside, sweep, write};

/// Why a dropped letter cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// It is gone: taken by another, or never there. Nothing to do.
    #[error("the dropped letter is gone")]
    Gone,
    /// It does not read back as it was written: set it aside and say so.
    #[error("the dropped letter is damaged: {0}")]
    Damaged(String),
    /// Of a version this program does not know: leave it to a newer one.
    #[error("the dropped letter is of version {0}, which this program does not know")]
    Version(u32),
    /// It could not be read now.
    #[error("the dropped letter cannot be read")]
    Io(#[source] io::Error),
}

/// A letter that waits in `new`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Its name, sorted by age.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
}

#[cfg(test)]
mod tests;
