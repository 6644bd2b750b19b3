//! Passwords: made, hashed, checked.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use smtp::sasl::{ITERATIONS, PrepareError, Secret, Verifier, prepare};
use subtle::ConstantTimeEq;

use super::Account;

/// Characters of a password that a person chose.
pub const LENGTH_MIN: usize = 8;
/// KiB, passes and lanes that a hash in the file may ask for: four times what we write, so that one
/// login cannot take the machine.
const MEMORY_MAX: u32 = 4 * Params::DEFAULT_M_COST;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;
/// Letters and digits that nobody takes for one another; 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a password that we make: 120 bits.
const GENERATED: usize = 24;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PasswordError {
    /// Not one that can be sent.
    #[error("the password cannot be used: {0}")]
    Prepare(#[from] PrepareError),
    /// Too short.
    #[error("the password has fewer than {LENGTH_MIN} characters")]
    Short,
    /// The hash could not be computed.
    #[error("the hash cannot be computed")]
    Hash,
}

/// Whether a password that a person chose is taken.
///
/// # Errors
/// [`PasswordError`].
pub fn chosen(password: &Secret) -> Result<(), PasswordError> {
    let prepared = Secret::new(prepare(password.reveal())?);
    if prepared.reveal().chars().count() < LENGTH_MIN { Err(PasswordError::Short) } else { Ok(()) }
}

/// A password from 120 bits of chance, in groups that can be read aloud.
pub fn generate(mut chance: impl FnMut() -> u64) -> Secret {
    let mut out = String::with_capacity(GENERATED + GENERATED / 6);
    for n in 0..GENERATED {
        if n > 0 && n % 6 == 0 {
            out.push('-');
        }
        let index = usize::try_from(chance() >> 59).unwrap_or(0);
        out.extend(ALPHABET.get(index).copied().map(char::from));
    }
    Secret::new(out)
}

/// The hash and the verifier of a password, with these salts.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &Secret, salts: [[u8; 16]; 2]) -> Result<(String, Verifier), PasswordError> {
    let prepared = Secret::new(prepare(password.reveal())?);
    let octets = prepared.reveal().as_bytes();
    let hash = Argon2::default()
        .hash_password_with_salt(octets, &salts[0])
        .map_err(|_| PasswordError::Hash)?;
    let verifier = Verifier::derive(prepared.reveal(), &salts[1], ITERATIONS)?;
    Ok((hash.to_string(), verifier))
}

/// Whether a text is a hash that we can check at a cost that we bear.
pub fn is_hash(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    hash.algorithm.as_str().starts_with("argon2")
        && hash.hash.is_some()
        && params.m_cost() <= MEMORY_MAX
        && params.t_cost() <= PASSES_MAX
        && params.p_cost() <= LANES_MAX
}

/// A hash of nothing that anybody knows, at the cost of a real one.
pub fn dummy() -> String {
    // A salt and an output that are no hash of a known password: the cost is all that counts.
    "$argon2id$v=19$m=19456,t=2,p=1$cG9zdHJpZGVyIGR1bW15IQ\
     $W8m7t2JmCwMqXH3Yd0m1y3nq0H1m4k6sT0fQk0l8mZs"
        .to_owned()
}

/// What a check fills with blocks of memory, kept from one to the next: given back each time it
/// would stay with the allocator, once for each thread that ever had some.
#[derive(Default)]
pub struct Memory(Vec<Block>);

/// Whether `password` is that of `hash`.
fn is_of(hash: &str, password: &[u8], memory: &mut Memory) -> bool {
    let mut matches = || {
        let hash = PasswordHash::new(hash).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
        let (salt, expected) = (hash.salt?, hash.hash?);
        let blocks = params.block_count();
        if memory.0.len() < blocks {
            memory.0.resize(blocks, Block::default());
        }
        let mut computed = vec![0; expected.len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(
                password,
                &salt,
                &mut computed,
                memory.0.get_mut(..blocks)?,
            )
            .ok()?;
        Some(computed.ct_eq(expected.as_bytes()).into())
    };
    matches().unwrap_or(false)
}

/// What each check of a password does, needed or not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Work {
    /// Derive a SCRAM verifier too: some accounts have nothing else.
    pub scram: bool,
}

impl Work {
    /// Whether `password`, prepared, is that of `account`. Without an account, with one that is
    /// disabled and with a wrong password the work is the same.
    pub fn check(self, account: Option<&Account>, password: &Secret, memory: &mut Memory) -> bool {
        let hash = account.and_then(|account| account.argon2.clone());
        let is_hashed = hash.is_some();
        let octets = password.reveal().as_bytes();
        let hash = hash.unwrap_or_else(dummy);
        let mut right = is_of(&hash, octets, memory) & is_hashed;
        if self.scram {
            let verifier = account.and_then(|account| account.scram.clone());
            let is_real = verifier.is_some() && !is_hashed;
            let verifier = verifier.unwrap_or_else(|| Verifier::made_up(&[0; 32], ""));
            let derived = Verifier::derive(password.reveal(), &verifier.salt, verifier.iterations);
            let same = derived
                .is_ok_and(|derived| bool::from(derived.stored_key.ct_eq(&verifier.stored_key)));
            right |= same & is_real;
        }
        right & account.is_some_and(|account| !account.disabled)
    }
}
