//! Addresses that the configuration grants to logins, whoever keeps their passwords.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::doors::{Doing, LoginFacts, Logins, RelayedLogin};
use queue::submission::{Grant, Identity};
use smtp::sasl::Mechanism;
use smtp::sasl::server::{Answer, Kind, Question};

/// Accounts with further grants.
pub struct Granted {
    inner: Arc<dyn Logins>,
    /// By login in lower case.
    grants: BTreeMap<String, Vec<Grant>>,
}

impl Granted {
    /// The accounts of `inner` with these grants, by login in lower case.
    pub fn new(inner: Arc<dyn Logins>, grants: BTreeMap<String, Vec<Grant>>) -> Self {
        Self { inner, grants }
    }
}

impl Logins for Granted {
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.inner.mechanisms()
    }

    fn answer<'a>(&'a self, question: &'a Question, facts: &'a LoginFacts) -> Doing<'a, Answer> {
        self.inner.answer(question, facts)
    }

    fn relayed(&self) -> Vec<Mechanism> {
        self.inner.relayed()
    }

    fn relay<'a>(
        &'a self,
        mechanism: Mechanism,
        facts: &'a LoginFacts,
    ) -> Doing<'a, Result<Box<dyn RelayedLogin>, Kind>> {
        self.inner.relay(mechanism, facts)
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        Box::pin(async move {
            let mut identity = self.inner.identity(login).await?;
            let more = self.grants.get(&login.to_lowercase());
            identity.grants.extend(more.into_iter().flatten().cloned());
            Some(identity)
        })
    }
}
