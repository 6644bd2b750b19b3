//! The operator's tables: files in memory, and databases behind a small cache.
//!
//! A table that fails says so ([`Row::NotNow`]), and the mail waits; nothing is ever taken for absent
//! because nobody could be asked. Databases have a bound on questions under way, and a time after which
//! a question is given up.

mod cache;
mod file;
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "ldap", feature = "postgres"))]
mod secure;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::doors::{Doing, Tables};
use parking_lot::RwLock;
use queue::table::{Lookup, Row};
use tokio::sync::Semaphore;
use tracing::warn;

use self::cache::Cache;
pub use self::file::FileTable;
#[cfg(feature = "ldap")]
pub use self::ldap::{LdapPlace, LdapTable};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresPlace, PostgresTable};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteTable;

/// A database that may be asked.
pub trait Database: Send + Sync {
    /// The values under `key`.
    ///
    /// # Errors
    /// Why there is no answer now, without any secret.
    fn look_up<'a>(&'a self, key: &'a str) -> Doing<'a, Result<Vec<String>, String>>;
}

/// The bounds of a database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// How long a question may take, waiting for its turn included.
    pub timeout: Duration,
    /// Questions under way at once.
    pub concurrency: usize,
    /// How long what was found is kept.
    pub keep: Duration,
    /// How long it is kept that nothing was found.
    pub keep_nothing: Duration,
}

/// One table.
pub enum Table {
    /// A text file.
    File(FileTable),
    /// Something that is asked.
    Asked(Box<Asked>),
}

/// A database with its bounds.
pub struct Asked {
    database: Box<dyn Database>,
    bounds: Bounds,
    turns: Semaphore,
    cache: Cache,
}

impl Asked {
    /// `database` within `bounds`.
    pub fn new(database: Box<dyn Database>, bounds: Bounds) -> Self {
        let turns = Semaphore::new(bounds.concurrency);
        Self { database, bounds, turns, cache: Cache::default() }
    }

    async fn look_up(&self, key: &str) -> Row {
        if let Some(row) = self.cache.get(key, Instant::now()) {
            return row;
        }
        let asked = async {
            let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
            self.database.look_up(key).await
        };
        let row = match tokio::time::timeout(self.bounds.timeout, asked).await {
            Ok(Ok(values)) if values.is_empty() => Row::Nothing,
            Ok(Ok(values)) => Row::Values { values, source: None },
            Ok(Err(why)) => Row::NotNow { why },
            Err(_) => Row::NotNow { why: format!("no answer within {:?}", self.bounds.timeout) },
        };
        let keep = match &row {
            Row::Nothing => self.bounds.keep_nothing,
            Row::Values { .. } => self.bounds.keep,
            Row::NotNow { .. } => Duration::ZERO,
        };
        self.cache.put(key, &row, keep, Instant::now());
        row
    }
}

impl Table {
    /// What stands under `key`.
    pub async fn look_up(&self, key: &str) -> Row {
        match self {
            Self::File(file) => file.look_up(key).await,
            Self::Asked(asked) => asked.look_up(key).await,
        }
    }
}

/// All tables by name.
#[derive(Default)]
pub struct NamedTables(RwLock<BTreeMap<Arc<str>, Arc<Table>>>);

impl NamedTables {
    /// These.
    pub fn new(tables: BTreeMap<Arc<str>, Arc<Table>>) -> Self {
        Self(RwLock::new(tables))
    }

    /// Others in their place, for a configuration that was read again.
    pub fn replace(&self, tables: BTreeMap<Arc<str>, Arc<Table>>) {
        *self.0.write() = tables;
    }
}

impl Tables for NamedTables {
    fn look_up<'a>(&'a self, lookup: &'a Lookup) -> Doing<'a, Row> {
        Box::pin(async move {
            let table = self.0.read().get(&lookup.table).cloned();
            let Some(table) = table else {
                return Row::NotNow { why: format!("there is no table {}", lookup.table) };
            };
            let row = table.look_up(&lookup.key).await;
            if let Row::NotNow { why } = &row {
                warn!(event = "table.failed", table = %lookup.table, why);
            }
            row
        })
    }
}
