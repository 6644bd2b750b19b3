//! `postrider table NAME KEY`: what a table says of a key, asked as the server asks it.

use std::process::ExitCode;

use engine::doors::Tables;
use queue::table::{self, Lookup, Row};
use serde_json::json;

use super::arguments::TableArguments;
use crate::agent::may_colour;
use crate::agent::sysexits::{EX_CONFIG, EX_OSERR, EX_TEMPFAIL, EX_UNAVAILABLE, NO_MAIL};
use crate::config::{self, Config};
use crate::doors::NamedTables;
use crate::plan;

/// Asks.
pub fn run(config: &Config, arguments: &TableArguments) -> ExitCode {
    let TableArguments { name, key, json, .. } = arguments;
    if !config.tables.iter().any(|table| *table.name == **name) {
        let names: Vec<&str> = config.tables.iter().map(|table| &*table.name).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        eprintln!("postrider: the configuration has no [table.{name}]; it has {known}");
        return EX_UNAVAILABLE.into();
    }
    let tables = match plan::tables(config) {
        Ok(tables) => NamedTables::new(tables),
        Err(problems) => {
            eprint!("{}", config::render(&problems, may_colour(&std::io::stderr())));
            return EX_CONFIG.into();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return EX_OSERR.into() };
    let lookup = Lookup { table: name.as_str().into(), key: table::key(key) };
    let row = runtime.block_on(tables.look_up(&lookup));
    if *json {
        println!("{}", as_json(&lookup, &row));
    }
    match row {
        Row::Values { values, source } => {
            if !json {
                println!("{}", values.join(", "));
                let source = source.map_or_else(|| described(config, name), |at| at.to_string());
                eprintln!("{key} stands in {source}");
            }
            ExitCode::SUCCESS
        }
        Row::Nothing => {
            if !json {
                eprintln!("{key} is not in {}", described(config, name));
            }
            NO_MAIL.into()
        }
        Row::NotNow { why } => {
            if !json {
                eprintln!("postrider: {name} has no answer now: {why}");
            }
            EX_TEMPFAIL.into()
        }
    }
}

fn described(config: &Config, name: &str) -> String {
    let table = config.tables.iter().find(|table| &*table.name == name);
    table.map_or_else(String::new, |table| format!("[table.{name}] ({})", table.source))
}

fn as_json(lookup: &Lookup, row: &Row) -> serde_json::Value {
    let Lookup { table, key } = lookup;
    let (found, values, source, why) = match row {
        Row::Nothing => ("nothing", None, None, None),
        Row::Values { values, source } => ("values", Some(values), source.as_ref(), None),
        Row::NotNow { why } => ("not-now", None, None, Some(why)),
    };
    let source = source.map(|source| json!({ "file": &*source.file, "line": source.line }));
    json!({ "table": &**table, "key": key, "found": found, "values": values, "source": source, "why": why })
}
