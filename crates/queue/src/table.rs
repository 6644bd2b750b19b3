//! Tables of the operator: what is asked of them, and what they say.
//!
//! A decision that needs a table is a pure function over [`Rows`]. Where a row is missing it gives the
//! [`Lookup`]s; the caller asks them through its door, adds the rows and decides again. Who has no table
//! configured never gets a question.

#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mail::address::{Domain, Mailbox, fold};

use crate::expansion::Answer;
use crate::reason::Source;

pub use text::{TableProblem, TableText, VALUES_MAX, values};

/// Octets of a key: an address has 320 at most. Nothing is found under a longer one.
pub const KEY_MAX: usize = 512;

/// A question to a table.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lookup {
    /// `[table.NAME]`.
    pub table: Arc<str>,
    /// In lower case, letters composed.
    pub key: String,
}

/// What a table says of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Row {
    /// There is no such row.
    Nothing,
    /// There is.
    Values {
        /// What stands there, at least one.
        values: Vec<String>,
        /// Where, if the table has lines.
        source: Option<Source>,
    },
    /// Not known now: the table cannot be asked. Never taken for [`Nothing`](Self::Nothing): the mail
    /// waits.
    NotNow {
        /// Why, for the operator.
        why: String,
    },
}

/// What is known of tables so far.
#[derive(Clone, Debug, Default)]
pub struct Rows(BTreeMap<Lookup, Row>);

impl Rows {
    /// Nothing is known yet. No allocation.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds what a table said.
    pub fn add(&mut self, lookup: Lookup, row: Row) {
        self.0.insert(lookup, row);
    }

    /// What is known of `lookup`.
    pub fn get(&self, lookup: &Lookup) -> Option<&Row> {
        self.0.get(lookup)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a decision that needs tables is not made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Undecided {
    /// These must be asked first, at least one.
    Asks(Vec<Lookup>),
    /// A table has no answer now: the mail waits (451).
    NotNow {
        /// `[table.NAME]`.
        table: Arc<str>,
        /// Why, for the operator.
        why: String,
    },
}

/// A row that was found, and by what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hit {
    /// The table and the key.
    pub lookup: Lookup,
    /// What stands there, at least one.
    pub values: Vec<String>,
    /// Where.
    pub source: Option<Source>,
}

/// The first row, in the order of `tables` and then of `keys`.
///
/// # Errors
/// [`Undecided`]: a row before it is not known, or cannot be known now.
pub fn first(rows: &Rows, tables: &[Arc<str>], keys: &[String]) -> Result<Option<Hit>, Undecided> {
    let lookups = tables
        .iter()
        .flat_map(|table| keys.iter().map(|key| Lookup { table: table.clone(), key: key.clone() }));
    let mut lookups = lookups.filter(|lookup| lookup.key.len() <= KEY_MAX);
    while let Some(lookup) = lookups.next() {
        match rows.get(&lookup) {
            Some(Row::Nothing) => {}
            Some(Row::Values { values, source }) => {
                let (values, source) = (values.clone(), source.clone());
                return Ok(Some(Hit { lookup, values, source }));
            }
            Some(Row::NotNow { why }) => {
                return Err(Undecided::NotNow { table: lookup.table, why: why.clone() });
            }
            // What comes after it is asked along with it: one round trip instead of several.
            None => {
                let others = lookups.filter(|lookup| rows.get(lookup).is_none());
                return Err(Undecided::Asks(std::iter::once(lookup).chain(others).collect()));
            }
        }
    }
    Ok(None)
}

/// The keys of an address, the most precise first: itself, its name alone where its domain is ours,
/// and `@domain` for all of a domain.
pub fn address_keys(mailbox: &Mailbox, is_local: bool) -> Vec<String> {
    let local = mailbox.local.folded();
    let domain = match &mailbox.domain {
        Domain::Name(name) => name.ascii().to_ascii_lowercase(),
        Domain::Literal(literal) => literal.to_string().to_ascii_lowercase(),
    };
    let whole = format!("{local}@{domain}");
    let all = format!("@{domain}");
    if is_local { vec![whole, local, all] } else { vec![whole, all] }
}

/// A key as tables are asked for it, whoever wrote it.
pub fn key(text: &str) -> String {
    match Mailbox::parse_utf8(text) {
        Ok(mailbox) => address_keys(&mailbox, false).swap_remove(0),
        Err(_) => fold(text),
    }
}

impl From<Row> for Answer {
    fn from(row: Row) -> Self {
        match row {
            Row::Nothing => Self::Nothing,
            Row::Values { values, source } => Self::Values { values, source },
            Row::NotNow { why } => Self::NotNow { why },
        }
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in table {}", self.key, self.table)
    }
}
