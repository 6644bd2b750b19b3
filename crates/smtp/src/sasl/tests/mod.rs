//! Exchanges as tables: the examples of the RFCs, whole dialogues of our two sides, and nonsense.

mod client;
mod known;
mod pairs;
mod server;
mod strings;

use mail::TlsFacts;

use super::server::{Answer, Context, Exchange, Kind, Question, Step};
use super::{Mechanism, Nonce, Verifier};

/// A connection whose two ends know the same keys, to a server whose certificate was verified.
fn secured() -> TlsFacts {
    TlsFacts {
        version: "TLSv1.3".to_owned(),
        peer: Some("mx.example".to_owned()),
        exporter: Some([7; 32]),
        ..TlsFacts::default()
    }
}

fn nonce() -> Nonce {
    Nonce::new([1; Nonce::OCTETS])
}

fn context(tls: Option<&TlsFacts>) -> Context {
    Context::new(tls, &super::offered(&Mechanism::ALL, tls, false), nonce())
}

/// The one account there is: `ann` with `wonderland`.
fn accounts(question: &Question) -> Answer {
    match question {
        Question::Password { login, password } => {
            if login == "ann" && password.reveal() == "wonderland" {
                return Answer::Accepted { login: login.clone() };
            }
        }
        Question::Verifier { login } => {
            let verifier = match login.as_str() {
                "ann" => Verifier::derive("wonderland", b"salt", 4096).unwrap(),
                login => Verifier::made_up(&[9; 32], login),
            };
            return Answer::Verifier { login: login.clone(), verifier };
        }
        Question::Certified { name, login } => {
            let login = login.clone().unwrap_or(name.clone());
            if login == *name {
                return Answer::Accepted { login };
            }
        }
        Question::Relay { .. } => return Answer::Failed(Kind::Unavailable),
    }
    Answer::Failed(Kind::Credentials)
}

/// The next step that is no question of ours.
fn settled(exchange: &mut Exchange, mut step: Step) -> Step {
    while let Step::Ask(question) = step {
        step = exchange.answer(accounts(&question));
    }
    step
}
