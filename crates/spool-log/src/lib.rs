//! The spool on one machine: a segmented log with group commit.

pub mod disk;
pub mod memory;
mod os;

pub use memory::MemoryDisk;
pub use os::OsDisk;
