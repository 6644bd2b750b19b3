//! Whom to believe: which server may be given a message, and what its connection must be like. No
//! network, no clock, no certificates here: answers of the name system and texts go in, decisions
//! with their reasons come out. Certificates are judged behind the TLS door, by what is decided here.
//!
//! ```text
//! dane ────────┐
//! mta_sts ─────┼─> transport ─> the wish for one connection
//! the operator ┘        └─────> tlsrpt: what is counted for the domain
//! ```

pub mod dane;
pub mod mta_sts;
mod tags;
pub mod tlsrpt;
pub mod transport;
