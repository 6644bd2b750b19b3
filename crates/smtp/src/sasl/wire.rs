//! Challenges and responses as they stand in a line: base64 (RFC 4954 §4, RFC 4648 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What is no base64: an octet outside the alphabet, a `=` in the midst, bits left over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("that is not base64")]
pub struct NotBase64;

/// The text of a line.
pub fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// The octets of a line. Strict: padding must be there and nowhere else, and no octet beside the
/// alphabet is passed over (RFC 4954 §4).
///
/// # Errors
/// [`NotBase64`].
pub fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64> {
    STANDARD.decode(text).map_err(|_| NotBase64)
}

/// An initial response, where `=` stands for one of no octets (RFC 4954 §4).
///
/// # Errors
/// [`NotBase64`].
pub fn decode_initial(text: &[u8]) -> Result<Vec<u8>, NotBase64> {
    if text == b"=" { Ok(Vec::new()) } else { decode(text) }
}

/// The text of an initial response: `=` for one of no octets.
pub fn encode_initial(octets: &[u8]) -> String {
    if octets.is_empty() { "=".to_owned() } else { encode(octets) }
}
