//! The tables of the operator: files and databases that say who stands for whom.

use std::collections::BTreeMap;

use queue::table::{Lookup, Row};

use super::Doing;

/// Tables by name. Always answers, within a bound of its own: a table that is slow or down says
/// [`Row::NotNow`].
pub trait Tables: Send + Sync {
    /// What stands in a table under a key.
    fn look_up<'a>(&'a self, lookup: &'a Lookup) -> Doing<'a, Row>;
}

/// No tables at all.
#[derive(Clone, Copy, Debug)]
pub struct NoTables;

impl Tables for NoTables {
    fn look_up<'a>(&'a self, lookup: &'a Lookup) -> Doing<'a, Row> {
        Box::pin(async move { Row::NotNow { why: format!("there is no table {}", lookup.table) } })
    }
}

/// Tables that never change, for worlds without files.
#[derive(Clone, Debug, Default)]
pub struct FixedTables(pub BTreeMap<Lookup, Row>);

impl Tables for FixedTables {
    fn look_up<'a>(&'a self, lookup: &'a Lookup) -> Doing<'a, Row> {
        Box::pin(async move { self.0.get(lookup).cloned().unwrap_or(Row::Nothing) })
    }
}
