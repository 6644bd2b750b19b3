//! Who may log in: the accounts of this host in a file of their own.
//!
//! `postrider account` writes the file, the service reads it at each login if it has changed. It
//! holds no password, only what one can be checked against: a hash of Argon2id, slow and hungry for
//! memory by design, for passwords that come as they are, and a verifier of SCRAM-SHA-256 for those
//! that are proved. It is readable for its owner alone, or it is not read.

mod format;
mod password;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use queue::submission::{Grant, Identity};
use smtp::sasl::Verifier;

pub use format::FormatError;
pub use password::{
    LENGTH_MIN, Memory, PasswordError, Work, chosen, dummy, generate, hash, is_hash,
};
pub use store::{Change, Seen, Store, StoreError};

/// One who may log in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// The name, prepared (RFC 4013); case does not make another.
    pub login: String,
    /// What a password is checked against: the hash in its own notation (`$argon2id$…`).
    pub argon2: Option<String>,
    /// What a proof is checked against.
    pub scram: Option<Verifier>,
    /// The owner's name, for people.
    pub name: Option<String>,
    /// Addresses it may send as, besides its own.
    pub addresses: Vec<Grant>,
    /// Nobody can log in.
    pub disabled: bool,
}

impl Account {
    /// Who it is to the rest of the house.
    pub fn identity(&self) -> Identity {
        Identity {
            login: self.login.clone(),
            full_name: self.name.clone(),
            grants: self.addresses.clone(),
        }
    }
}

/// All accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Book {
    /// What answers about accounts that do not exist are made from, so that they stay the same.
    pub(crate) secret: [u8; 32],
    /// By name in lower case.
    accounts: BTreeMap<String, Account>,
}

impl Book {
    /// No accounts, with a secret nobody else has.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret, accounts: BTreeMap::new() }
    }

    /// The account of this name, which is prepared; case does not count.
    pub fn get(&self, login: &str) -> Option<&Account> {
        self.accounts.get(&login.to_lowercase())
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, login: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&login.to_lowercase())
    }

    /// Adds an account; false where there is one of that name.
    pub fn insert(&mut self, account: Account) -> bool {
        let key = account.login.to_lowercase();
        if self.accounts.contains_key(&key) {
            return false;
        }
        self.accounts.insert(key, account);
        true
    }

    /// Takes an account away.
    pub fn remove(&mut self, login: &str) -> Option<Account> {
        self.accounts.remove(&login.to_lowercase())
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// What every check of a password must cost, so that the time tells nothing: each kind of work
    /// that some account needs.
    pub fn work(&self) -> Work {
        Work { scram: self.iter().any(|account| account.argon2.is_none()) }
    }
}
