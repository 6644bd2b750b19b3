//! `[table.NAME]`: files and databases that other sections ask.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Source;
use super::reader::{Section, Value};

/// What holds for every database.
macro_rules! database {
    ($($option:expr),+ $(,)?) => {
        &[
            $($option,)+
            OptionDoc {
                key: "timeout",
                default: Shown::Example("\"5s\""),
                text: "How long an answer may take, connecting included.",
            },
            OptionDoc {
                key: "connections",
                default: Shown::Example("4"),
                text: "Questions at once.",
            },
            OptionDoc {
                key: "keep",
                default: Shown::Example("\"30s\""),
                text: "How long an answer is kept. \"0s\": not at all.",
            },
            OptionDoc {
                key: "keep-nothing",
                default: Shown::Example("\"10s\""),
                text: "How long it is kept that there is no such row.",
            },
        ]
    };
}

pub(super) const FILE: SectionDoc = SectionDoc {
    name: "table.\"canonical\"",
    text: "Tables that other sections name: who stands for whom. Any number of them, of two types. Keys are\n\
           looked up in lower case, an address as itself and then as \"@domain\". While a table cannot be\n\
           asked, mail that needs it waits with its sender (451); nothing is taken for absent.",
    options: &[
        OptionDoc {
            key: "type",
            default: Shown::Example("\"file\""),
            text: "\"file\": a text file, all of it in memory.",
        },
        OptionDoc {
            key: "path",
            default: Shown::Example("\"canonical\""),
            text: "Lines of \"key value, value\"; with a name that ends in .toml, \"key\" = \"value\". It is read again\n\
                   within a second after it changes; while it has errors the old rows count, and the log tells\n\
                   file and line.",
        },
    ],
};

pub(super) const SQLITE: SectionDoc = SectionDoc {
    name: "table.\"people\"",
    text: "A table in a database of SQLite.",
    options: database![
        OptionDoc {
            key: "type",
            default: Shown::Example("\"sqlite\""),
            text: "\"sqlite\": a file of SQLite, which is only read.",
        },
        OptionDoc { key: "path", default: Shown::Example("\"people.db\""), text: "The file." },
        OptionDoc {
            key: "query",
            default: Shown::Example("\"SELECT address FROM people WHERE name = ?1\""),
            text: "What is asked, with the key as its one parameter. The first column of every row is a value;\n\
                   several may stand in one between commas.",
        },
    ],
};

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What other sections call it.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TableKind,
    /// How long a question may take.
    pub timeout: Duration,
    /// Questions at once.
    pub connections: usize,
    /// How long an answer is kept.
    pub keep: Duration,
    /// How long it is kept that there is none.
    pub keep_nothing: Duration,
    /// Where it begins.
    pub source: Source,
}

/// What a table is.
#[derive(Clone, Debug, PartialEq)]
pub enum TableKind {
    /// A text file.
    File(PathBuf),
    /// A file of SQLite.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// With one parameter.
        query: String,
    },
}

pub(super) fn read(section: &Section<'_>) -> Vec<Table> {
    section.entries().into_iter().filter_map(|(name, value)| read_one(name, &value)).collect()
}

fn read_one(name: &str, value: &Value<'_>) -> Option<Table> {
    let table = value.table()?;
    let Some(kind) = table.get("type") else {
        value.tell(
            &format!("`{}` has no type", value.key()),
            "`type` in the table",
            "say type = \"file\" and path = \"FILE\"",
        );
        return None;
    };
    let kind = read_kind(&table, value, &kind);
    let seconds =
        |key: &str, default: u64| table.duration(key).unwrap_or(Duration::from_secs(default));
    Some(Table {
        name: name.into(),
        timeout: seconds("timeout", 5).max(Duration::from_millis(10)),
        connections: table
            .number("connections", 1..=64)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(4),
        keep: seconds("keep", 30),
        keep_nothing: seconds("keep-nothing", 10),
        kind: kind?,
        source: value.source(),
    })
}

fn read_kind(table: &Section<'_>, whole: &Value<'_>, kind: &Value<'_>) -> Option<TableKind> {
    let path = || needed(whole, "path", table.path("path")).map(|path| path.value);
    let text = |key: &str| {
        needed(whole, key, table.get(key).and_then(|value| value.text()).map(str::to_owned))
    };
    match kind.text()? {
        "file" => {
            table.only(&FILE, &[]);
            path().map(TableKind::File)
        }
        "sqlite" => {
            table.only(&SQLITE, &[]);
            let (path, query) = (path(), text("query"));
            path.zip(query).map(|(path, query)| TableKind::Sqlite { path, query })
        }
        _ => kind.wrong(
            "\"file\" or \"sqlite\"",
            "maps of other programs: write them out as lines of \"key value\"",
        ),
    }
}

fn needed<T>(whole: &Value<'_>, key: &str, value: Option<T>) -> Option<T> {
    let is_absent = whole.table_quietly().is_some_and(|table| table.get(key).is_none());
    if value.is_none() && is_absent {
        let title = format!("`{}` has no `{key}`", whole.key());
        whole.tell(&title, &format!("`{key}` for this type"), "add it");
    }
    value
}

/// Names of tables in another section: each must be there.
pub(super) fn names(section: &Section<'_>, key: &str, tables: &[Table]) -> Vec<Arc<str>> {
    let Some(value) = section.get(key) else { return Vec::new() };
    value.items().iter().filter_map(|item| named(item, item.text()?, tables)).collect()
}

/// The table `name`, which `item` says; it must be there.
pub(super) fn named(item: &Value<'_>, name: &str, tables: &[Table]) -> Option<Arc<str>> {
    let table = tables.iter().find(|table| &*table.name == name);
    if table.is_none() {
        let title = format!("there is no table {name:?}");
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        let expected = match names.as_slice() {
            [] => "the NAME of a [table.NAME]".to_owned(),
            names => format!("one of {}", names.join(", ")),
        };
        item.tell(&title, &expected, &format!("add [table.{name}]"));
    }
    table.map(|table| table.name.clone())
}
