//! A door that opens on something else after a reload. Calls that have begun end where they began.

use std::sync::Arc;

use engine::doors::{Doing, LoginFacts, Logins, Names, RelayedLogin, Web, WebFailure};
use mail::lookup;
use parking_lot::RwLock;
use queue::submission::Identity;
use smtp::sasl::Mechanism;
use smtp::sasl::server::{Answer, Kind, Question};

/// Stands in the place of a door.
pub struct Replaceable<T: ?Sized>(RwLock<Arc<T>>);

impl<T: ?Sized> Replaceable<T> {
    /// Opens on `door`.
    pub fn new(door: Arc<T>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(door)))
    }

    /// Opens on another `door` from now on.
    pub fn replace(&self, door: Arc<T>) {
        *self.0.write() = door;
    }

    fn door(&self) -> Arc<T> {
        self.0.read().clone()
    }
}

impl Names for Replaceable<dyn Names> {
    fn ask<'a>(&'a self, question: &'a lookup::Question) -> Doing<'a, lookup::Answer> {
        let door = self.door();
        Box::pin(async move { door.ask(question).await })
    }
}

impl Web for Replaceable<dyn Web> {
    fn text<'a>(&'a self, host: &'a str, path: &'a str) -> Doing<'a, Result<Vec<u8>, WebFailure>> {
        let door = self.door();
        Box::pin(async move { door.text(host, path).await })
    }
}

impl Logins for Replaceable<dyn Logins> {
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.door().mechanisms()
    }

    fn answer<'a>(&'a self, question: &'a Question, facts: &'a LoginFacts) -> Doing<'a, Answer> {
        let door = self.door();
        Box::pin(async move { door.answer(question, facts).await })
    }

    fn relayed(&self) -> Vec<Mechanism> {
        self.door().relayed()
    }

    fn relay<'a>(
        &'a self,
        mechanism: Mechanism,
        facts: &'a LoginFacts,
    ) -> Doing<'a, Result<Box<dyn RelayedLogin>, Kind>> {
        let door = self.door();
        Box::pin(async move { door.relay(mechanism, facts).await })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        let door = self.door();
        Box::pin(async move { door.identity(login).await })
    }
}
