//! Domains with addresses and mailboxes of their own.

use std::sync::Arc;

use crate::access::Users;
use crate::expansion::{Alias, Aliases};
use crate::reason::Source;

/// The addresses of a virtual domain that are written in the configuration.
pub type Addresses = Aliases;

/// One virtual domain.
#[derive(Clone, Debug)]
pub struct Virtual {
    /// Who has a mailbox in it.
    pub users: Users,
    /// Names in it that stand for others.
    pub addresses: Addresses,
    /// The tables that have more of them, by `local-part@domain`; `@domain` is the catch-all.
    pub tables: Vec<Arc<str>>,
    /// Who gets what is for nobody else.
    pub catch_all: Option<Alias>,
    /// Where it is written.
    pub source: Option<Source>,
}

impl Default for Virtual {
    /// Nobody but the postmaster.
    fn default() -> Self {
        Self {
            users: Users::Listed(Default::default()),
            addresses: Aliases::default(),
            tables: Vec::new(),
            catch_all: None,
            source: None,
        }
    }
}
