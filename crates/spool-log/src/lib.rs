//! The spool on one machine: a segmented log with group commit.
//!
//! Mail is appended to the active segment and synced once for all who wait; what is held is known
//! from an index in memory, which a start rebuilds. A segment that nothing needs is used
//! again. Bodies over 256 KiB have files of their own. `Spool::commit` answers when the disk has it,
//! so the receipt is what the final `250` is made from (RFC 5321 §6.1).
//!
//! All files are reached through [`disk`]. This crate reads no clock but for the wait of at most
//! 50 ms in its own thread, and takes chance from the [`Options`].
//!
//! ```text
//! LOCK                  held by the process that has the spool
//! FORMAT                the version, the number of the spool
//! log/<seq>.seg .idx    segments in use, and the side index of each sealed one
//! log/free/<n>.seg      empty segments ready for use
//! cold/<seq>.seg .idx   what the compaction has copied
//! big/<aa>/<token>      large bodies
//! quarantine/           damaged segments that were put away
//! ```

mod body;
mod committer;
mod compaction;
pub mod disk;
mod drive;
mod index;
mod lane;
mod ledger;
mod log;
pub mod memory;
mod meta;
mod options;
mod os;
mod queues;
mod read;
mod receipt;
mod record;
mod recovery;
mod scan;
mod segment;
mod shared;
mod side_index;
mod snapshot;
mod spares;
mod table;
mod transaction;
mod verify;

#[cfg(test)]
mod tests;

pub use log::Log;
pub use memory::MemoryDisk;
pub use options::{Damage, Drive, OpenError, Options};
pub use os::OsDisk;
pub use recovery::Recovery;
pub use snapshot::Snapshot;
pub use verify::{Report, verify};
