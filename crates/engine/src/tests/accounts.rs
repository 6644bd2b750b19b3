//! The accounts of a test: `ada` and `bob` with the password `wonderland`, and `down`, for whom the
//! accounts cannot be asked.

use queue::submission::Identity;
use smtp::sasl::Mechanism;
use smtp::sasl::server::{Answer, Kind, Question};

use crate::doors::{Doing, LoginFacts, Logins};

pub(crate) struct TestLogins;

impl Logins for TestLogins {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    fn answer<'a>(&'a self, question: &'a Question, _: &'a LoginFacts) -> Doing<'a, Answer> {
        let answer = match question {
            Question::Password { login, .. } if login == "down" => {
                Answer::Failed(Kind::Unavailable)
            }
            Question::Password { login, password }
                if ["ada", "bob"].contains(&&**login) && password.reveal() == "wonderland" =>
            {
                Answer::Accepted { login: login.clone() }
            }
            _ => Answer::Failed(Kind::Credentials),
        };
        Box::pin(async { answer })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        let identity = Identity { login: login.to_owned(), ..Identity::default() };
        Box::pin(async { Some(identity) })
    }
}
