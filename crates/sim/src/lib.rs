//! The engine in a world made from one seed: a clock that jumps, a network that delays, cuts and
//! resets, name servers that fail, disks that lose and tear what was not synced, hosts that crash.
//! The engine, the machines and the log are the ones of production, compiled as they are.

pub mod chaos;
mod country;
pub mod host;
pub mod laws;
pub mod letters;
pub mod mailboxes;
pub mod names;
pub mod net;
pub mod peers;
pub mod plant;
pub mod play;
pub mod setup;
pub mod story;
mod told;
pub mod tracks;
pub mod watched;
pub mod world;
