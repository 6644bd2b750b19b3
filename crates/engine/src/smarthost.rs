//! What the operator says of a host that mail is handed to, beside the route: who we are there.
//!
//! A secret is read anew for each session, since tokens are renewed while we run, and goes only to
//! a host whose certificate was verified, unless the operator says otherwise. A login that fails is
//! a fault of the configuration and no fault of the mail, which waits (RFC 4954 §6).

use std::collections::BTreeMap;

use mail::Topic;
use parking_lot::Mutex;
use queue::fate::Said;
use queue::route::{Host, NextHop};
use smtp::client::{EXCHANGES_MAX, Login, LoginError};
use smtp::sasl::client::{Credentials, Policy, Proof};
use smtp::sasl::{Mechanism, Nonce};
use tracing::{error, warn};

use crate::Shared;
use crate::doors::{Random, TlsCheck};

/// How we log in at one host.
#[derive(Clone, Debug)]
pub struct Smarthost {
    /// Our name there; may be empty with a certificate.
    pub login: String,
    /// What we show.
    pub proof: ProofSource,
    /// Only these mechanisms; none: all that are safe.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// The secret may go to a host that was not verified, and in the clear.
    pub clear: bool,
}

/// Where the proof is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProofSource {
    /// A password of this name.
    Password(String),
    /// A bearer token of this name.
    Token(String),
    /// The certificate we show in handshakes.
    Certificate,
}

/// The logins, by host and by the name that routes give them; empty for the one that needs none.
pub type Smarthosts = BTreeMap<(Host, Box<str>), Smarthost>;

/// With which mechanism each host has let us in, since the start.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<BTreeMap<Host, Mechanism>>);

/// A host that we log in at.
#[derive(Clone)]
pub(crate) struct Account {
    host: Host,
    port: u16,
    smarthost: Smarthost,
}

impl Account {
    /// Who we are at `hop`, if it wants to know: by the login of this name, or by the one without.
    pub(crate) fn at(smarthosts: &Smarthosts, hop: &NextHop, login: Option<&str>) -> Option<Self> {
        let NextHop::Host { host, port, .. } = hop else { return None };
        if smarthosts.is_empty() {
            return None;
        }
        let key = (host.clone(), login.unwrap_or_default().into());
        let smarthost = smarthosts.get(&key)?.clone();
        Some(Self { host: host.clone(), port: *port, smarthost })
    }

    /// Whether the host must be verified before it learns anything.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.smarthost.clear
    }

    /// How we log in, for people: all but the secret.
    pub(crate) fn told(&self) -> String {
        let Smarthost { login, proof, mechanisms, clear } = &self.smarthost;
        let proof = match proof {
            ProofSource::Password(name) => format!("the password in {name}"),
            ProofSource::Token(name) => format!("the token in {name}"),
            ProofSource::Certificate => "our certificate".to_owned(),
        };
        let who = if login.is_empty() { String::new() } else { format!("as {login:?} ") };
        let how = match mechanisms {
            Some(list) => {
                let names: Vec<&str> = list.iter().map(|mechanism| mechanism.name()).collect();
                format!(", by {}", names.join(" or "))
            }
            None => String::new(),
        };
        let whom = if *clear { "whoever answers" } else { "a verified host only" };
        format!("{who}with {proof}{how}, shown to {whom}")
    }

    /// The certificate must be for the host as the operator named it: exchangers come from answers
    /// that anybody may have made up, unless DANE says whose they are (RFC 4954 §14).
    pub(crate) fn narrow(&self, check: &mut TlsCheck) {
        if let (TlsCheck::Names(names), Host::Name(name)) = (check, &self.host)
            && self.is_guarded()
        {
            *names = vec![name.clone()];
        }
    }

    /// What the client machine must know.
    ///
    /// # Errors
    /// Why the secret cannot be had.
    pub(crate) async fn login(&self, shared: &Shared) -> Result<Login, Said> {
        let secrets = &shared.world.secrets;
        let proof = match &self.smarthost.proof {
            ProofSource::Password(name) => secrets.read(name).await.map(Proof::Password),
            ProofSource::Token(name) => secrets.read(name).await.map(Proof::Token),
            ProofSource::Certificate => Ok(Proof::Certificate),
        };
        let proof = proof.map_err(|why| {
            error!(event = "login.no-secret", host = %self.host, why);
            Said::NoLogin { topic: Topic(3, 5), what: format!("no login at {}: {why}", self.host) }
        })?;
        let Smarthost { login, mechanisms, clear, .. } = &self.smarthost;
        Ok(Login {
            credentials: Credentials { login: login.clone(), proof },
            policy: Policy { mechanisms: mechanisms.clone(), clear: *clear },
            host: self.host.to_string(),
            port: self.port,
            nonces: (0..EXCHANGES_MAX).map(|_| nonce(&*shared.world.random)).collect(),
        })
    }

    /// We were let in. A host that once took a better proof and now asks for the secret itself may
    /// not be the one that it was.
    pub(crate) fn let_in(&self, shared: &Shared, mechanism: Mechanism) {
        let before = shared.remembered.0.lock().insert(self.host.clone(), mechanism);
        if let Some(before) = before.filter(|before| *before < mechanism)
            && mechanism.is_plaintext()
            && !before.is_plaintext()
        {
            warn!(event = "login.weaker", host = %self.host, %before, now = %mechanism);
        }
    }

    /// We were not.
    pub(crate) fn turned_away(&self, error: &LoginError) -> Said {
        error!(event = "login.failed", host = %self.host, why = %error);
        let topic = match error {
            LoginError::NotOffered | LoginError::NoMechanism(_) => Topic(7, 9),
            LoginError::Broken(..) | LoginError::Refused(..) => Topic(7, 8),
        };
        Said::NoLogin { topic, what: format!("the login at {} failed: {error}", self.host) }
    }
}

fn nonce(random: &dyn Random) -> Nonce {
    let mut chance = [0; Nonce::OCTETS];
    for chunk in chance.chunks_mut(8) {
        let octets = random.next().to_le_bytes();
        chunk.copy_from_slice(octets.get(..chunk.len()).unwrap_or_default());
    }
    Nonce::new(chance)
}
