//! SCRAM as the server hears it (RFC 5802 §5, §6).

use super::super::scram::{self, BINDING, HASH, Verifier, attribute};
use super::super::{Nonce, prepare, wire};
use super::{Context, Kind};

/// Octets of a client's nonce; ours is added to it.
const CLIENT_NONCE_MAX: usize = 256;

/// The client's first message, read.
pub(super) struct First {
    /// The prepared name.
    pub(super) login: String,
    /// `client-first-message-bare`.
    bare: String,
    nonce: String,
    /// What `c=` of the final message must hold.
    binding: Vec<u8>,
}

impl First {
    /// Reads `gs2-header client-first-message-bare`.
    pub(super) fn read(plus: bool, response: &[u8], context: &Context) -> Result<Self, Kind> {
        let text = std::str::from_utf8(response).map_err(|_| Kind::Malformed)?;
        let (flag, rest) = text.split_once(',').ok_or(Kind::Malformed)?;
        let (identity, bare) = rest.split_once(',').ok_or(Kind::Malformed)?;
        let header = text.strip_suffix(bare).ok_or(Kind::Malformed)?;
        let binding = binding(flag, plus, header, context)?;
        // `m=` here is an extension that must be understood: none is (RFC 5802 §5.1).
        let (name, after) = attribute(bare, 'n').ok_or(Kind::Malformed)?;
        let (nonce, extensions) = attribute(after, 'r').ok_or(Kind::Malformed)?;
        let well_formed = scram::is_printable(nonce)
            && nonce.len() <= CLIENT_NONCE_MAX
            && scram::are_extensions(extensions);
        if !well_formed {
            return Err(Kind::Malformed);
        }
        let login = read_name(name)?;
        if !identity.is_empty() {
            let name = identity.strip_prefix("a=").ok_or(Kind::Malformed)?;
            if read_name(name)? != login {
                return Err(Kind::Credentials);
            }
        }
        Ok(Self { login, bare: bare.to_owned(), nonce: nonce.to_owned(), binding })
    }

    /// The server's first message.
    pub(super) fn challenge(
        self,
        login: String,
        verifier: Verifier,
        fresh: &Nonce,
    ) -> (Proving, Vec<u8>) {
        let nonce = format!("{}{}", self.nonce, fresh.as_str());
        let salt = wire::encode(&verifier.salt);
        let challenge = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let said = format!("{},{challenge}", self.bare);
        let proving =
            Proving { login, tried: self.login, verifier, nonce, binding: self.binding, said };
        (proving, challenge.into_bytes())
    }
}

fn read_name(text: &str) -> Result<String, Kind> {
    let name = scram::unescape(text).ok_or(Kind::Malformed)?;
    prepare(&name).map_err(|_| Kind::Credentials)
}

/// What the client's `c=` must hold, from its flag (RFC 5802 §6).
fn binding(flag: &str, plus: bool, header: &str, context: &Context) -> Result<Vec<u8>, Kind> {
    let mut binding = header.as_bytes().to_vec();
    match (flag, plus) {
        ("n", false) => Ok(binding),
        // The client could have bound, and saw no offer to: somebody took it off the list.
        ("y", false) if context.binding_offered => Err(Kind::Binding),
        ("y", false) => Ok(binding),
        (flag, true) if flag.starts_with("p=") => match context.binding {
            Some(octets) if flag.get(2..) == Some(BINDING) => {
                binding.extend_from_slice(&octets);
                Ok(binding)
            }
            _ => Err(Kind::Binding),
        },
        ("n" | "y", true) => Err(Kind::Binding),
        _ => Err(Kind::Malformed),
    }
}

/// The challenge is out; the proof is awaited.
pub(super) struct Proving {
    /// The name of the account.
    pub(super) login: String,
    /// The name as it was tried.
    pub(super) tried: String,
    verifier: Verifier,
    nonce: String,
    binding: Vec<u8>,
    /// The start of `AuthMessage`.
    said: String,
}

impl Proving {
    /// Reads and checks the client's final message; gives our signature.
    pub(super) fn check(&self, response: &[u8]) -> Result<[u8; HASH], Kind> {
        let text = std::str::from_utf8(response).map_err(|_| Kind::Malformed)?;
        let (unproved, proof) = text.rsplit_once(",p=").ok_or(Kind::Malformed)?;
        let (binding, rest) = attribute(unproved, 'c').ok_or(Kind::Malformed)?;
        let (nonce, extensions) = attribute(rest, 'r').ok_or(Kind::Malformed)?;
        if !scram::are_extensions(extensions) {
            return Err(Kind::Malformed);
        }
        let binding = wire::decode(binding.as_bytes()).map_err(|_| Kind::Malformed)?;
        let proof = wire::decode(proof.as_bytes()).map_err(|_| Kind::Malformed)?;
        let proof: [u8; HASH] = proof.try_into().map_err(|_| Kind::Malformed)?;
        if binding != self.binding {
            return Err(Kind::Binding);
        }
        let said = format!("{},{unproved}", self.said);
        if nonce != self.nonce || !self.verifier.accepts(&proof, said.as_bytes()) {
            return Err(Kind::Credentials);
        }
        Ok(self.verifier.signature(said.as_bytes()))
    }
}
