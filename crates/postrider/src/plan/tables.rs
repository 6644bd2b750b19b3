//! The tables that the configuration names, opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, Problem, Severity, Table as Named, TableKind};
#[cfg(feature = "sqlite")]
use crate::doors::tables::SqliteTable;
use crate::doors::tables::{Asked, Bounds, Database, FileTable, Table};

/// Tables by name.
pub type Tables = BTreeMap<Arc<str>, Arc<Table>>;

/// All of them. Files are read now; databases are asked when they are needed.
///
/// # Errors
/// A file cannot be read, or every line of it that is wrong.
pub fn tables(config: &Config) -> Result<Tables, Vec<Problem>> {
    let mut tables = Tables::new();
    let mut problems = Vec::new();
    for named in &config.tables {
        match table(config, named) {
            Ok(table) => {
                tables.insert(named.name.clone(), Arc::new(table));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(tables) } else { Err(problems) }
}

fn table(config: &Config, named: &Named) -> Result<Table, Vec<Problem>> {
    let told = |key: &str, title: String, remedy: &str| {
        let key = format!("table.{}.{key}", quoted(&named.name));
        config.problem(Severity::Error, &key, title, remedy)
    };
    if let TableKind::File(path) = &named.kind {
        let remedy = "lines of \"key value\"; nothing is taken from a file with errors";
        return FileTable::open(path).map(Table::File).map_err(|problem| {
            problem.lines(path).into_iter().map(|line| told("path", line, remedy)).collect()
        });
    }
    let database = database(named).map_err(|why| vec![told("type", why, "")])?;
    let bounds = Bounds {
        timeout: named.timeout,
        concurrency: named.connections,
        keep: named.keep,
        keep_nothing: named.keep_nothing,
    };
    Ok(Table::Asked(Box::new(Asked::new(database, bounds))))
}

/// What the configuration says must be built in, or it was refused.
fn database(named: &Named) -> Result<Box<dyn Database>, String> {
    match &named.kind {
        #[cfg(feature = "sqlite")]
        TableKind::Sqlite { path, query } => SqliteTable::new(path, query, named.timeout)
            .map(|table| Box::new(table) as Box<dyn Database>)
            .map_err(|error| format!("no thread for it: {error}")),
        TableKind::File(_) => Err("a file is no database".to_owned()),
        #[cfg(not(feature = "sqlite"))]
        TableKind::Sqlite { .. } => Err(without("sqlite")),
    }
}

/// A type that this program was built without.
#[cfg(not(feature = "sqlite"))]
fn without(feature: &str) -> String {
    format!(
        "this program was built without the feature {feature}: cargo build --features {feature}"
    )
}

/// As keys of tables are written in problems.
fn quoted(name: &str) -> String {
    let bare = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { format!("\"{name}\"") }
}
