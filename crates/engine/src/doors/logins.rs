//! The door to the accounts: who may log in, and as whom.

use std::net::IpAddr;

use queue::submission::Identity;
use smtp::sasl::Mechanism;
use smtp::sasl::server::{Answer, Kind, Question};

use super::Doing;

/// From where a login is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoginFacts {
    /// The client.
    pub client: IpAddr,
    /// Our own end.
    pub local: IpAddr,
    /// Over TLS.
    pub secured: bool,
}

/// Accounts.
///
/// An account that does not exist, one that is disabled and a wrong password get the same answer
/// after the same work. Whether an address or a login has failed too often is decided before these
/// are asked.
pub trait Logins: Send + Sync {
    /// The mechanisms whose questions are answered here; none: there are no accounts, and AUTH is
    /// not offered.
    fn mechanisms(&self) -> Vec<Mechanism>;

    /// Answers [`Question::Password`], [`Question::Verifier`] and [`Question::Certified`], within a
    /// bound of its own (default 30 s).
    fn answer<'a>(&'a self, question: &'a Question, facts: &'a LoginFacts) -> Doing<'a, Answer>;

    /// Those of [`mechanisms`](Self::mechanisms) that another authority carries on:
    /// [`Question::Relay`].
    fn relayed(&self) -> Vec<Mechanism> {
        Vec::new()
    }

    /// Begins an exchange that another authority carries on.
    fn relay<'a>(
        &'a self,
        mechanism: Mechanism,
        facts: &'a LoginFacts,
    ) -> Doing<'a, Result<Box<dyn RelayedLogin>, Kind>> {
        let _ = (mechanism, facts);
        Box::pin(async { Err(Kind::Mechanism) })
    }

    /// Who it is that has logged in. None: the account has gone meanwhile.
    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>>;
}

/// An exchange that another authority carries on. Dropped: broken off.
pub trait RelayedLogin: Send {
    /// What the authority says to the client's response (none at the start): a challenge, yes, no.
    fn respond<'a>(&'a mut self, response: Option<&'a [u8]>) -> Doing<'a, Answer>;
}

/// No accounts at all.
#[derive(Clone, Copy, Debug)]
pub struct NoLogins;

impl Logins for NoLogins {
    fn mechanisms(&self) -> Vec<Mechanism> {
        Vec::new()
    }

    fn answer<'a>(&'a self, _: &'a Question, _: &'a LoginFacts) -> Doing<'a, Answer> {
        Box::pin(async { Answer::Failed(Kind::Credentials) })
    }

    fn identity<'a>(&'a self, _: &'a str) -> Doing<'a, Option<Identity>> {
        Box::pin(async { None })
    }
}
