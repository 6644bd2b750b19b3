//! SCRAM as the client speaks it (RFC 5802 §5, §6).

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::super::scram::{self, BINDING, HASH, attribute};
use super::super::secret::Secret;
use super::super::{ITERATIONS_MAX, ITERATIONS_MIN, Mechanism, prepare, wire};
use super::{Context, Failure};

/// Octets of a salt and of the server's part of a nonce.
const FIELD_MAX: usize = 1024;

pub(super) struct Scram {
    header: String,
    bare: String,
    nonce: String,
    binding: Vec<u8>,
    password: Secret,
    step: Step,
}

enum Step {
    First,
    Final { signature: [u8; HASH] },
    Done,
}

impl Scram {
    pub(super) fn new(
        plus: bool,
        login: String,
        password: Secret,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let exporter = context.tls.and_then(|tls| tls.exporter);
        let offered = context.offered.contains(&Mechanism::ScramSha256Plus);
        // `y`: we could bind and the server does not offer it; `n`: we cannot, or its kind of
        // binding is another than ours, which we know from a refusal.
        let flag = match (plus, exporter) {
            (true, Some(_)) => format!("p={BINDING}"),
            (true, None) => return Err(Failure::Proof),
            (false, Some(_)) if !offered => "y".to_owned(),
            (false, _) => "n".to_owned(),
        };
        let header = format!("{flag},,");
        let mut binding = header.clone().into_bytes();
        if plus {
            binding.extend(exporter.into_iter().flatten());
        }
        let nonce = context.nonce.as_str().to_owned();
        let bare = format!("n={},r={nonce}", scram::escape(&login));
        let password = Secret::new(prepare(password.reveal())?);
        Ok(Self { header, bare, nonce, binding, password, step: Step::First })
    }

    /// `client-first-message`.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.header, self.bare).into_bytes()
    }

    /// The server has shown that it knows our verifier.
    pub(super) fn is_mutual(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    pub(super) fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        let text = std::str::from_utf8(challenge).map_err(|_| Failure::Malformed)?;
        match self.step {
            Step::First => {
                let (response, signature) = self.prove(text)?;
                self.step = Step::Final { signature };
                Ok(response)
            }
            Step::Final { signature } => {
                let (shown, rest) = attribute(text, 'v').ok_or(Failure::Impostor)?;
                let shown = wire::decode(shown.as_bytes()).map_err(|_| Failure::Malformed)?;
                if !scram::are_extensions(rest) || !bool::from(shown.ct_eq(&signature)) {
                    return Err(Failure::Impostor);
                }
                self.step = Step::Done;
                Ok(Vec::new())
            }
            Step::Done => Err(Failure::TooLong),
        }
    }

    /// `client-final-message`, and what the server must show for it.
    fn prove(&self, first: &str) -> Result<(Vec<u8>, [u8; HASH]), Failure> {
        let (nonce, rest) = attribute(first, 'r').ok_or(Failure::Malformed)?;
        let (salt, rest) = attribute(rest, 's').ok_or(Failure::Malformed)?;
        let (rounds, rest) = attribute(rest, 'i').ok_or(Failure::Malformed)?;
        let fresh = nonce.strip_prefix(&self.nonce).ok_or(Failure::Malformed)?;
        if !scram::is_printable(fresh)
            || nonce.len() > FIELD_MAX
            || salt.len() > FIELD_MAX
            || !scram::are_extensions(rest)
        {
            return Err(Failure::Malformed);
        }
        let salt = wire::decode(salt.as_bytes()).map_err(|_| Failure::Malformed)?;
        if rounds.starts_with(['0', '+']) {
            return Err(Failure::Malformed);
        }
        let rounds: u32 = rounds.parse().map_err(|_| Failure::Malformed)?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&rounds) {
            return Err(Failure::Iterations(rounds));
        }
        let unproved = format!("c={},r={nonce}", wire::encode(&self.binding));
        let said = format!("{},{first},{unproved}", self.bare);
        let mut salted = scram::salted_password(self.password.reveal(), &salt, rounds);
        let key = scram::client_key(&salted);
        let proof = scram::xor(&key, &scram::mac(&scram::sha256(&key), said.as_bytes()));
        let signature = scram::mac(&scram::server_key(&salted), said.as_bytes());
        salted.zeroize();
        let response = format!("{unproved},p={}", wire::encode(&proof));
        Ok((response.into_bytes(), signature))
    }
}
