//! Passwords and tokens with which we log in at other hosts.

use smtp::sasl::Secret;

use super::Doing;

/// Where secrets of our own are kept.
pub trait Secrets: Send + Sync {
    /// The secret of that name, as it is now: tokens are renewed by others while we run.
    ///
    /// # Errors
    /// Why it cannot be had, for the operator.
    fn read<'a>(&'a self, name: &'a str) -> Doing<'a, Result<Secret, String>>;
}

/// None at all.
#[derive(Clone, Copy, Debug)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn read<'a>(&'a self, name: &'a str) -> Doing<'a, Result<Secret, String>> {
        Box::pin(async move { Err(format!("there is no {name}")) })
    }
}
