//! What both sides of SCRAM-SHA-256 compute and read (RFC 5802 §3, §5, §7; RFC 7677).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::prepare::{PrepareError, prepare};

/// Rounds of PBKDF2 in a verifier that we make: what a stolen one costs per guess. The client pays
/// it once per login.
pub const ITERATIONS: u32 = 100_000;
/// The least that RFC 7677 §4 allows; a server that asks for fewer wants to guess our password.
pub const ITERATIONS_MIN: u32 = 4096;
/// The most that we compute for a server's sake: under a second.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// The channel binding that both TLS versions have (RFC 9266).
pub(super) const BINDING: &str = "tls-exporter";

/// The length of every key and proof.
pub(super) const HASH: usize = 32;

/// What a server keeps instead of a password (RFC 5802 §3).
#[derive(Clone, Eq, PartialEq)]
pub struct Verifier {
    /// What is mixed in, so that equal passwords have different verifiers.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `StoredKey`: the hash of what a client proves to have.
    pub stored_key: [u8; HASH],
    /// `ServerKey`: with it the server proves that it has this verifier.
    pub server_key: [u8; HASH],
}

impl Verifier {
    /// The verifier of `password`. Costs time by design.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, PrepareError> {
        let mut salted = salted_password(&prepare(password)?, salt, iterations);
        let verifier = Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: sha256(&client_key(&salted)),
            server_key: server_key(&salted),
        };
        salted.zeroize();
        Ok(verifier)
    }

    /// The verifier of an account that does not exist: the same at each try, so that it cannot be
    /// told from a real one, and no password fits it. `secret` is the server's own.
    pub fn made_up(secret: &[u8; HASH], login: &str) -> Self {
        let part = |what: &[u8]| mac(secret, &[what, login.as_bytes()].concat());
        let mut salt = part(b"salt ").to_vec();
        salt.truncate(16);
        Self {
            salt,
            iterations: ITERATIONS,
            stored_key: part(b"stored key "),
            server_key: part(b"server key "),
        }
    }

    /// Whether `proof` fits what was said so far, in constant time.
    pub(super) fn accepts(&self, proof: &[u8; HASH], said: &[u8]) -> bool {
        let signature = mac(&self.stored_key, said);
        let key = xor(proof, &signature);
        sha256(&key).ct_eq(&self.stored_key).into()
    }

    /// What the server shows at the end, so that the client knows whom it talked to.
    pub(super) fn signature(&self, said: &[u8]) -> [u8; HASH] {
        mac(&self.server_key, said)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

pub(super) fn sha256(octets: &[u8]) -> [u8; HASH] {
    Sha256::digest(octets).into()
}

/// HMAC takes a key of any length.
pub(super) fn mac(key: &[u8], octets: &[u8]) -> [u8; HASH] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(octets).finalize().into_bytes().into(),
        Err(_) => [0; HASH],
    }
}

pub(super) fn xor(one: &[u8; HASH], other: &[u8; HASH]) -> [u8; HASH] {
    std::array::from_fn(|n| one[n] ^ other[n])
}

/// `SaltedPassword` of a prepared password.
pub(super) fn salted_password(prepared: &str, salt: &[u8], iterations: u32) -> [u8; HASH] {
    pbkdf2::pbkdf2_hmac_array::<Sha256, HASH>(prepared.as_bytes(), salt, iterations)
}

pub(super) fn client_key(salted: &[u8; HASH]) -> [u8; HASH] {
    mac(salted, b"Client Key")
}

pub(super) fn server_key(salted: &[u8; HASH]) -> [u8; HASH] {
    mac(salted, b"Server Key")
}

/// The value of the next attribute if it has this name, and what comes after its comma.
pub(super) fn attribute(text: &str, name: char) -> Option<(&str, &str)> {
    let value = text.strip_prefix(name)?.strip_prefix('=')?;
    let (value, rest) = value.split_once(',').unwrap_or((value, ""));
    (!value.is_empty()).then_some((value, rest))
}

/// Whether what comes after the attributes we know are attributes to be passed over.
pub(super) fn are_extensions(rest: &str) -> bool {
    let extension = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.next() == Some('=')
            && chars.next().is_some()
    };
    rest.is_empty() || rest.split(',').all(extension)
}

/// The characters of a nonce.
pub(super) fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// A name with `=2C` and `=3D` for comma and equals sign.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The other way; none where another `=` is in it.
pub(super) fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (c, rest) = match part.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        out.push(c);
        out.push_str(rest);
    }
    Some(out)
}
