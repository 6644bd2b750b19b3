//! The client's side of one exchange, and which mechanism it takes.
//!
//! The caller says `AUTH` with [`Exchange::take_initial`], gives each challenge to
//! [`Exchange::respond`], and asks [`Exchange::succeeded`] after a `235`: a server that cannot show
//! that it knows our password is not the one we meant, whatever it says.

mod scram;

use mail::TlsFacts;

use super::secret::Secret;
use super::{MESSAGE_MAX, Mechanism, NAME_MAX, Nonce, PrepareError};
use scram::Scram;

/// What we have to show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// Our name at the server. May be empty with a certificate.
    pub login: String,
    /// The proof.
    pub proof: Proof,
}

/// How we can prove who we are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// A password: PLAIN, LOGIN, SCRAM.
    Password(Secret),
    /// A bearer token: XOAUTH2, OAUTHBEARER.
    Token(Secret),
    /// The certificate of the handshake: EXTERNAL.
    Certificate,
}

impl Proof {
    fn fits(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => matches!(self, Self::Certificate),
            Mechanism::OauthBearer | Mechanism::XOauth2 => matches!(self, Self::Token(_)),
            Mechanism::ScramSha256Plus
            | Mechanism::ScramSha256
            | Mechanism::Plain
            | Mechanism::Login => matches!(self, Self::Password(_)),
        }
    }
}

/// What may be used.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Only these; none: all that are safe.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// Password or token may go over a connection that is not encrypted, or to a server whose
    /// certificate names nobody we know (RFC 4954 §14 forbids it).
    pub clear: bool,
}

/// Why there is no mechanism.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoMechanism {
    /// None in common.
    #[error("the server offers no mechanism that fits our credentials")]
    None,
    /// Only such as would show our secret to who reads along.
    #[error(
        "the server offers only mechanisms that show the password, and the connection is not \
         encrypted to a server whose certificate is verified"
    )]
    Unsafe,
}

/// The strongest mechanism that the server offers, that fits what we have, that is safe on this
/// connection and that the server has not refused in this session already.
///
/// # Errors
/// [`NoMechanism`].
pub fn choose(
    offered: &[Mechanism],
    credentials: &Credentials,
    policy: &Policy,
    tls: Option<&TlsFacts>,
    refused: &[Mechanism],
) -> Result<Mechanism, NoMechanism> {
    let allowed = |mechanism: &Mechanism| {
        policy.mechanisms.as_ref().is_none_or(|allowed| allowed.contains(mechanism))
    };
    let fitting = Mechanism::ALL.into_iter().filter(|mechanism| {
        offered.contains(mechanism)
            && !refused.contains(mechanism)
            && credentials.proof.fits(*mechanism)
            && allowed(mechanism)
            && (*mechanism != Mechanism::ScramSha256Plus
                || tls.is_some_and(|tls| tls.exporter.is_some()))
    });
    let verified = tls.is_some_and(|tls| tls.peer.is_some());
    let mut error = NoMechanism::None;
    for mechanism in fitting {
        if mechanism.is_plaintext() && !verified && !policy.clear {
            error = NoMechanism::Unsafe;
        } else {
            return Ok(mechanism);
        }
    }
    Err(error)
}

/// What holds for the connection and this exchange.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The handshake, if there was one.
    pub tls: Option<&'a TlsFacts>,
    /// What the server listed after EHLO.
    pub offered: &'a [Mechanism],
    /// The server as we named it, for OAUTHBEARER.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// Fresh chance, for nobody else.
    pub nonce: Nonce,
}

/// Why we break an exchange off, with `*`, or do not believe its success.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Our own name or password cannot be used with this mechanism.
    #[error("the configured name or password cannot be used: {0}")]
    Credentials(#[from] PrepareError),
    /// The proof is of another kind than the mechanism asks.
    #[error("the configured credentials do not fit the mechanism")]
    Proof,
    /// A challenge that is not of the form of the mechanism.
    #[error("the server's challenge makes no sense")]
    Malformed,
    /// Fewer rounds than are safe, or more than we compute.
    #[error("the server asks for {0} rounds of the hash")]
    Iterations(u32),
    /// The server does not know our password, so it is not the one we meant.
    #[error("the server did not prove that it knows the password")]
    Impostor,
    /// A challenge after the last.
    #[error("the server goes on after the end of the exchange")]
    TooLong,
}

/// One exchange from AUTH to its end.
pub struct Exchange {
    initial: Option<Vec<u8>>,
    state: State,
    told: Option<String>,
}

enum State {
    /// Everything is said; a challenge more is a mistake.
    Said,
    LoginName {
        login: String,
        password: Secret,
    },
    LoginPassword {
        password: Secret,
    },
    Scram(Box<Scram>),
    /// A challenge would be an error told in JSON; what is then answered.
    Token {
        answer: &'static [u8],
    },
}

impl Exchange {
    /// Begins.
    ///
    /// # Errors
    /// [`Failure::Credentials`], [`Failure::Proof`].
    pub fn start(
        mechanism: Mechanism,
        credentials: &Credentials,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let login = credentials.login.as_str();
        if login.len() > NAME_MAX {
            return Err(PrepareError::TooLong.into());
        }
        let (initial, state) = match (mechanism, &credentials.proof) {
            (Mechanism::Plain, Proof::Password(password)) => {
                let (login, password) = (name(login)?, word(password)?);
                let message = format!("\0{login}\0{}", password.reveal());
                (Some(message.into_bytes()), State::Said)
            }
            (Mechanism::Login, Proof::Password(password)) => {
                let state = State::LoginName { login: name(login)?, password: word(password)? };
                (None, state)
            }
            (Mechanism::ScramSha256 | Mechanism::ScramSha256Plus, Proof::Password(password)) => {
                let plus = mechanism == Mechanism::ScramSha256Plus;
                let scram = Scram::new(plus, name(login)?, word(password)?, context)?;
                (Some(scram.first()), State::Scram(Box::new(scram)))
            }
            (Mechanism::XOauth2, Proof::Token(token)) => {
                (Some(xoauth2(login, word(token)?)), State::Token { answer: b"" })
            }
            (Mechanism::OauthBearer, Proof::Token(token)) => {
                let message = bearer(login, word(token)?, context);
                (Some(message), State::Token { answer: b"\x01" })
            }
            (Mechanism::External, Proof::Certificate) => {
                (Some(login.as_bytes().to_vec()), State::Said)
            }
            _ => return Err(Failure::Proof),
        };
        Ok(Self { initial, state, told: None })
    }

    /// The initial response, to see whether it fits the line.
    pub fn initial(&self) -> Option<&[u8]> {
        self.initial.as_deref()
    }

    /// The initial response, to be sent with AUTH. Where it is not taken, because it does not fit,
    /// it answers the first challenge, which must be empty (RFC 4954 §4).
    pub fn take_initial(&mut self) -> Option<Vec<u8>> {
        self.initial.take()
    }

    /// The answer to a challenge; on an error say `*`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        if challenge.len() > MESSAGE_MAX {
            return Err(Failure::Malformed);
        }
        if let Some(initial) = self.initial.take() {
            return if challenge.is_empty() { Ok(initial) } else { Err(Failure::Malformed) };
        }
        match std::mem::replace(&mut self.state, State::Said) {
            State::Said => Err(Failure::TooLong),
            State::LoginName { login, password } => {
                self.state = State::LoginPassword { password };
                Ok(login.into_bytes())
            }
            State::LoginPassword { password } => Ok(password.reveal().as_bytes().to_vec()),
            State::Scram(mut scram) => {
                let response = scram.respond(challenge);
                self.state = State::Scram(scram);
                response
            }
            State::Token { answer } => {
                self.told = Some(String::from_utf8_lossy(challenge).into_owned());
                Ok(answer.to_vec())
            }
        }
    }

    /// Whether the server's word that we are let in is to be believed.
    ///
    /// # Errors
    /// [`Failure::Impostor`]: it did not show that it knows us; close the connection.
    pub fn succeeded(&self) -> Result<(), Failure> {
        match &self.state {
            State::Scram(scram) if !scram.is_mutual() => Err(Failure::Impostor),
            _ => Ok(()),
        }
    }

    /// What the server told of a token that it did not take (RFC 7628 §3.2.2), for the operator.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }
}

/// The prepared name (RFC 4954 §4: SHOULD).
fn name(login: &str) -> Result<String, Failure> {
    Ok(super::prepare(login)?)
}

/// The secret as it goes over the wire. A password is not prepared for PLAIN and LOGIN: some
/// servers compare octets, and the others prepare it themselves.
fn word(secret: &Secret) -> Result<Secret, Failure> {
    if secret.is_empty() {
        return Err(PrepareError::Empty.into());
    }
    if secret.reveal().bytes().any(|byte| byte.is_ascii_control()) {
        return Err(PrepareError::Prohibited.into());
    }
    Ok(secret.clone())
}

fn xoauth2(login: &str, token: Secret) -> Vec<u8> {
    format!("user={login}\x01auth=Bearer {}\x01\x01", token.reveal()).into_bytes()
}

/// RFC 7628 §3.1.
fn bearer(login: &str, token: Secret, context: &Context<'_>) -> Vec<u8> {
    let identity = match login {
        "" => String::new(),
        login => format!("a={}", super::scram::escape(login)),
    };
    let (host, port, token) = (context.host, context.port, token.reveal());
    format!("n,{identity},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
        .into_bytes()
}
