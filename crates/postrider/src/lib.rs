//! The parts of the `postrider` binary, as a library so that tests and tools can reach them.
//!
//! What is here touches the real world: sockets, files, the clock, the configuration. The rules of
//! mail are in the crates below, which act through the doors this crate opens.

pub mod accounts;
pub mod admin;
pub mod agent;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod doors;
pub mod drop;
pub mod explain;
pub mod intake;
pub mod mailbox;
pub mod pages;
pub mod plan;
pub mod rehearsal;
pub mod reload;
pub mod rights;
pub mod watch;
