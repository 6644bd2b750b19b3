//! Proof of who a client is (SASL, RFC 4422, as RFC 4954 carries it), both sides, as machines: the
//! octets of challenges and responses go in and out, already out of their base64; nothing here asks
//! a clock, chance or a file. Nonces and answers about accounts come from the caller.
//!
//! [`server`] takes PLAIN, LOGIN, SCRAM-SHA-256 with and without channel binding, and EXTERNAL;
//! [`client`] offers these and the two forms of bearer tokens. [`offered`] decides what a server
//! lists, [`client::choose`] what a client takes. Who has an account is no business of this module.

pub mod client;
mod mechanism;
mod nonce;
mod prepare;
mod scram;
mod secret;
pub mod server;
#[cfg(test)]
mod tests;
pub mod wire;

pub use mechanism::{Mechanism, offered};
pub use nonce::Nonce;
pub use prepare::{PrepareError, prepare};
pub use scram::{ITERATIONS, ITERATIONS_MAX, ITERATIONS_MIN, Verifier};
pub use secret::Secret;

/// Octets of a name or a password (RFC 4616 §2: at least 255), before and after preparation.
pub const NAME_MAX: usize = 255;
/// Octets of one challenge or response out of its base64: the 12,288 of RFC 4954 §4 as they stand
/// on the wire hold 9,216.
pub const MESSAGE_MAX: usize = 9216;
