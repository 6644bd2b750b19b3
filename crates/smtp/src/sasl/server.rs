//! The server's side of one exchange.
//!
//! The caller repeats: what came in a line goes to [`Exchange::respond`], the answer to a question
//! to [`Exchange::answer`]; each gives the next [`Step`]. Whether a name is known, what its password
//! is and how often one may try are questions. What is wrong by the letter is decided here.
//!
//! A name that is unknown and a password that is wrong end alike: [`Kind::Credentials`].

mod scram;

use mail::{Reply, TlsFacts, Topic};

use super::scram::Verifier;
use super::secret::Secret;
use super::{MESSAGE_MAX, Mechanism, Nonce, prepare, wire};
use scram::{First, Proving};

/// What holds for the connection and this exchange.
#[derive(Clone)]
pub struct Context {
    /// The keys of the connection as both ends know them (`tls-exporter`, RFC 9266).
    pub binding: Option<[u8; 32]>,
    /// SCRAM-SHA-256-PLUS was listed: a client that can bind and says that we cannot was deceived.
    pub binding_offered: bool,
    /// The name in the client's verified certificate, for EXTERNAL.
    pub certified: Option<String>,
    /// Fresh chance, for nobody else.
    pub nonce: Nonce,
}

impl Context {
    /// The context of a connection that lists `offered`.
    pub fn new(tls: Option<&TlsFacts>, offered: &[Mechanism], nonce: Nonce) -> Self {
        Self {
            binding: tls.and_then(|tls| tls.exporter),
            binding_offered: offered.contains(&Mechanism::ScramSha256Plus),
            certified: tls.and_then(|tls| tls.peer.clone()),
            nonce,
        }
    }
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Say `334` with these octets in base64 and give the answer to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// Find this out and give it to [`Exchange::answer`].
    Ask(Question),
    /// The client is who it says: `235`.
    Done {
        /// The name of the account.
        login: String,
    },
    /// It is not, or not now.
    Failed(Failure),
}

/// What the machine cannot know.
#[derive(Debug)]
pub enum Question {
    /// Is this the password of this account?
    Password {
        /// The prepared name.
        login: String,
        /// The prepared password.
        password: Secret,
    },
    /// What is the verifier of this account? For one that does not exist give
    /// [`Verifier::made_up`].
    Verifier {
        /// The prepared name.
        login: String,
    },
    /// Is there an account for the holder of this certificate?
    Certified {
        /// The name in the certificate.
        name: String,
        /// As whom the client wants to act; none: as itself.
        login: Option<String>,
    },
    /// Another authority knows this mechanism: hand it the response, none at the start.
    Relay {
        /// Which.
        mechanism: Mechanism,
        /// This is the first of the exchange.
        begins: bool,
        /// What the client said.
        response: Option<Vec<u8>>,
    },
}

impl Question {
    /// The name that is tried, where it is known by now.
    pub fn login(&self) -> Option<&str> {
        match self {
            Self::Password { login, .. } | Self::Verifier { login } => Some(login),
            Self::Certified { name, login } => Some(login.as_deref().unwrap_or(name)),
            Self::Relay { .. } => None,
        }
    }
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// Yes.
    Accepted {
        /// The name of the account, as it is to be known from here on.
        login: String,
    },
    /// The verifier asked for.
    Verifier {
        /// The name of the account.
        login: String,
        /// Real, or made up.
        verifier: Verifier,
    },
    /// What the other authority wants said.
    Challenge(Vec<u8>),
    /// No.
    Failed(Kind),
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// No such mechanism here, or not on this connection.
    Mechanism,
    /// A message that is not of the form of its mechanism.
    Malformed,
    /// The client broke it off.
    Cancelled,
    /// Unknown name, wrong password, disabled account, an identity that is not one's own: nobody
    /// learns which.
    Credentials,
    /// The channel binding is not that of this connection, or was talked away: somebody stands
    /// between.
    Binding,
    /// The account has no secret that this mechanism could use.
    TooWeak,
    /// Too many failures: later.
    Locked,
    /// The accounts cannot be asked now.
    Unavailable,
}

impl Kind {
    /// What the client is told (RFC 4954 §4, §6).
    pub fn reply(self) -> Reply {
        match self {
            Self::Mechanism => Reply::new(504, Topic(5, 4), "That mechanism is not offered here"),
            Self::Malformed => Reply::new(501, Topic(5, 2), "That is not what the mechanism asks"),
            Self::Cancelled => Reply::new(501, Topic(7, 0), "Authentication cancelled"),
            Self::Credentials => Reply::new(535, Topic(7, 8), "Authentication failed"),
            Self::Binding => Reply::new(535, Topic(7, 8), "The channel binding does not fit"),
            Self::TooWeak => Reply::new(534, Topic(7, 9), "Use a stronger mechanism"),
            Self::Locked => Reply::new(454, Topic(7, 0), "Too many failures, try again later"),
            Self::Unavailable => {
                Reply::new(454, Topic(7, 0), "Authentication is not possible now, try again later")
            }
        }
    }
}

/// An exchange that came to nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Why.
    pub kind: Kind,
    /// Who was tried, where it was said.
    pub login: Option<String>,
}

impl Failure {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        self.kind.reply()
    }
}

/// One exchange from AUTH to its end.
pub struct Exchange {
    context: Context,
    state: State,
}

enum State {
    Plain,
    LoginName,
    LoginPassword {
        login: String,
    },
    External,
    Scram {
        plus: bool,
    },
    ScramAsked(First),
    ScramFinal(Proving),
    /// Our signature is said; the client has to take note of it.
    ScramEnd {
        login: String,
    },
    Relay(Mechanism),
    Asked {
        login: Option<String>,
    },
    Over,
}

impl Exchange {
    /// Begins. `initial` is the initial response, out of its base64. Whether `mechanism` is offered
    /// here is the caller's to know ([`Kind::Mechanism`] if not).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, context: Context) -> (Self, Step) {
        let (state, challenge) = match mechanism {
            Mechanism::Plain => (State::Plain, ""),
            Mechanism::Login => (State::LoginName, "Username:"),
            Mechanism::External => (State::External, ""),
            Mechanism::ScramSha256 => (State::Scram { plus: false }, ""),
            Mechanism::ScramSha256Plus => (State::Scram { plus: true }, ""),
            Mechanism::OauthBearer | Mechanism::XOauth2 => (State::Over, ""),
        };
        let mut exchange = Self { context, state };
        let step = match (initial, &exchange.state) {
            (_, State::Over) => exchange.fail(Kind::Mechanism, None),
            // LOGIN has no standard; programs do send the name with the command, so it is taken.
            (Some(initial), _) => exchange.respond(initial),
            (None, _) => Step::Challenge(challenge.as_bytes().to_vec()),
        };
        (exchange, step)
    }

    /// Begins an exchange that another authority carries on.
    pub fn relayed(mechanism: Mechanism, initial: Option<&[u8]>, context: Context) -> (Self, Step) {
        let response = initial.map(<[u8]>::to_vec);
        let step = Step::Ask(Question::Relay { mechanism, begins: true, response });
        (Self { context, state: State::Relay(mechanism) }, step)
    }

    /// The client has answered the last challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        if response.len() > MESSAGE_MAX {
            return self.fail(Kind::Malformed, None);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Plain => self.plain(response),
            State::LoginName => self.login_name(response),
            State::LoginPassword { login } => self.login_password(login, response),
            State::External => self.external(response),
            State::Scram { plus } => self.scram_first(plus, response),
            State::ScramFinal(proving) => self.scram_final(proving, response),
            State::ScramEnd { login } if response.is_empty() => Step::Done { login },
            State::ScramEnd { login } => self.fail(Kind::Malformed, Some(login)),
            State::Relay(mechanism) => {
                self.state = State::Relay(mechanism);
                let response = Some(response.to_vec());
                Step::Ask(Question::Relay { mechanism, begins: false, response })
            }
            State::ScramAsked(_) | State::Asked { .. } | State::Over => {
                self.fail(Kind::Malformed, None)
            }
        }
    }

    /// The client has said `*` (RFC 4954 §4).
    pub fn cancel(&mut self) -> Step {
        let login = match std::mem::replace(&mut self.state, State::Over) {
            State::LoginPassword { login } | State::ScramEnd { login } => Some(login),
            State::ScramFinal(proving) => Some(proving.tried),
            _ => None,
        };
        self.fail(Kind::Cancelled, login)
    }

    /// The last question is answered.
    pub fn answer(&mut self, answer: Answer) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, answer) {
            (State::Asked { .. } | State::Relay(_), Answer::Accepted { login }) => {
                Step::Done { login }
            }
            (State::ScramAsked(first), Answer::Verifier { login, verifier }) => {
                let (proving, challenge) = first.challenge(login, verifier, &self.context.nonce);
                self.state = State::ScramFinal(proving);
                Step::Challenge(challenge)
            }
            (State::Relay(mechanism), Answer::Challenge(octets)) => {
                self.state = State::Relay(mechanism);
                Step::Challenge(octets)
            }
            (State::Asked { login }, Answer::Failed(kind)) => self.fail(kind, login),
            (State::ScramAsked(first), Answer::Failed(kind)) => self.fail(kind, Some(first.login)),
            (_, Answer::Failed(kind)) => self.fail(kind, None),
            // An answer to something else: ours is the mistake, and nobody is let in for it.
            _ => self.fail(Kind::Unavailable, None),
        }
    }

    fn fail(&mut self, kind: Kind, login: Option<String>) -> Step {
        self.state = State::Over;
        Step::Failed(Failure { kind, login })
    }

    /// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
    fn plain(&mut self, response: &[u8]) -> Step {
        let Ok(text) = std::str::from_utf8(response) else {
            return self.fail(Kind::Malformed, None);
        };
        let mut parts = text.split('\0');
        let (Some(identity), Some(login), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return self.fail(Kind::Malformed, None);
        };
        let Ok(login) = prepare(login) else { return self.fail(Kind::Credentials, None) };
        if !identity.is_empty() && prepare(identity).as_ref() != Ok(&login) {
            return self.fail(Kind::Credentials, Some(login));
        }
        self.ask_password(login, password)
    }

    fn login_name(&mut self, response: &[u8]) -> Step {
        let Ok(name) = std::str::from_utf8(response) else {
            return self.fail(Kind::Malformed, None);
        };
        match prepare(name) {
            Ok(login) => {
                self.state = State::LoginPassword { login };
                Step::Challenge(b"Password:".to_vec())
            }
            Err(_) => self.fail(Kind::Credentials, None),
        }
    }

    fn login_password(&mut self, login: String, response: &[u8]) -> Step {
        match std::str::from_utf8(response) {
            Ok(password) => self.ask_password(login, password),
            Err(_) => self.fail(Kind::Malformed, Some(login)),
        }
    }

    fn ask_password(&mut self, login: String, password: &str) -> Step {
        match prepare(password) {
            Ok(password) => {
                self.state = State::Asked { login: Some(login.clone()) };
                Step::Ask(Question::Password { login, password: Secret::new(password) })
            }
            Err(_) => self.fail(Kind::Credentials, Some(login)),
        }
    }

    /// The response is the identity to act as, or nothing (RFC 4422 appendix A).
    fn external(&mut self, response: &[u8]) -> Step {
        let Some(name) = self.context.certified.clone() else {
            return self.fail(Kind::Credentials, None);
        };
        let Ok(text) = std::str::from_utf8(response) else {
            return self.fail(Kind::Malformed, None);
        };
        let login = if text.is_empty() { Ok(None) } else { prepare(text).map(Some) };
        let Ok(login) = login else { return self.fail(Kind::Credentials, None) };
        self.state = State::Asked { login: Some(login.as_ref().unwrap_or(&name).clone()) };
        Step::Ask(Question::Certified { name, login })
    }

    fn scram_first(&mut self, plus: bool, response: &[u8]) -> Step {
        match First::read(plus, response, &self.context) {
            Ok(first) => {
                let login = first.login.clone();
                self.state = State::ScramAsked(first);
                Step::Ask(Question::Verifier { login })
            }
            Err(kind) => self.fail(kind, None),
        }
    }

    fn scram_final(&mut self, proving: Proving, response: &[u8]) -> Step {
        match proving.check(response) {
            Ok(signature) => {
                self.state = State::ScramEnd { login: proving.login };
                Step::Challenge(format!("v={}", wire::encode(&signature)).into_bytes())
            }
            Err(kind) => self.fail(kind, Some(proving.tried)),
        }
    }
}
