//! What makes each exchange another.

use super::wire;

/// The part of a nonce that one side adds (RFC 5802 §5.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nonce(String);

impl Nonce {
    /// Octets of chance in one: 144 bits, and a whole number of characters in base64.
    pub const OCTETS: usize = 18;

    /// A nonce from fresh chance that nobody else has.
    pub fn new(chance: [u8; Self::OCTETS]) -> Self {
        Self(wire::encode(&chance))
    }

    /// The nonce of a published example.
    #[cfg(test)]
    pub(super) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
