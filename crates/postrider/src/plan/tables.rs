//! The tables that the configuration names, opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Problem, Severity, Table as Named, TableKind};
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
    let database = database(named).map_err(|(key, why)| vec![told(key, why, "")])?;
    let bounds = Bounds {
        timeout: named.timeout,
        concurrency: named.connections,
        keep: named.keep,
        keep_nothing: named.keep_nothing,
    };
    Ok(Table::Asked(Box::new(Asked::new(database, bounds))))
}

/// What cannot be opened: the key that says so, and why.
type Unopened = (&'static str, String);

fn database(named: &Named) -> Result<Box<dyn Database>, Unopened> {
    match &named.kind {
        TableKind::File(_) => Err(("type", "a file is no database".to_owned())),
        TableKind::Sqlite { path, query } => sqlite(path, query, named.timeout),
        postgres @ TableKind::Postgres { .. } => self::postgres(postgres, named.timeout),
        ldap @ TableKind::Ldap { .. } => self::ldap(ldap, named.timeout),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path, query: &str, timeout: Duration) -> Result<Box<dyn Database>, Unopened> {
    use crate::doors::tables::SqliteTable;

    match SqliteTable::new(path, query, timeout) {
        Ok(table) => Ok(Box::new(table)),
        Err(error) => Err(("type", format!("no thread for it: {error}"))),
    }
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &Path, _: &str, _: Duration) -> Result<Box<dyn Database>, Unopened> {
    Err(without("sqlite"))
}

#[cfg(feature = "postgres")]
fn postgres(kind: &TableKind, timeout: Duration) -> Result<Box<dyn Database>, Unopened> {
    use crate::doors::tables::{PostgresPlace, PostgresTable};

    let TableKind::Postgres { server, query, password, tls } = kind.clone() else {
        return Err(("type", "it is no database of PostgreSQL".to_owned()));
    };
    match PostgresTable::new(PostgresPlace { server, query, password, tls, timeout }) {
        Ok(table) => Ok(Box::new(table)),
        Err(why) => Err(("server", why)),
    }
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &TableKind, _: Duration) -> Result<Box<dyn Database>, Unopened> {
    Err(without("postgres"))
}

#[cfg(feature = "ldap")]
fn ldap(kind: &TableKind, timeout: Duration) -> Result<Box<dyn Database>, Unopened> {
    use crate::doors::tables::{LdapPlace, LdapTable};

    let TableKind::Ldap { server, bind, password, base, scope, filter, attributes, tls } =
        kind.clone()
    else {
        return Err(("type", "it is no directory".to_owned()));
    };
    let place = LdapPlace { server, bind, password, base, scope, filter, attributes, tls, timeout };
    match LdapTable::new(place) {
        Ok(table) => Ok(Box::new(table)),
        Err(why) => Err(("server", why)),
    }
}

#[cfg(not(feature = "ldap"))]
fn ldap(_: &TableKind, _: Duration) -> Result<Box<dyn Database>, Unopened> {
    Err(without("ldap"))
}

/// A type that this program was built without.
#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "ldap")))]
fn without(feature: &str) -> Unopened {
    let why = format!(
        "this program was built without the feature {feature}: cargo build --features {feature}"
    );
    ("type", why)
}

/// Whether what is not asked before it is needed would answer: files of SQLite are opened and their
/// queries prepared, passwords are read. No host is dialled.
pub fn probe(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for named in &config.tables {
        let told = |key: &str, title: String, remedy: &str| {
            let key = format!("table.{}.{key}", quoted(&named.name));
            config.problem(Severity::Error, &key, title, remedy)
        };
        if let TableKind::Sqlite { path, query } = &named.kind
            && let Some((key, why)) = wrong_sqlite(path, query)
        {
            problems.push(told(key, why, "mail that needs it would be answered 451"));
        }
        if let Some(path) = named.kind.password()
            && let Err(why) = crate::doors::secrets::read(path)
        {
            problems.push(told("password-file", why, "a file of one line, chmod 600"));
        }
    }
    problems
}

/// What is wrong with a table of SQLite, and the key that says so.
#[cfg(feature = "sqlite")]
fn wrong_sqlite(path: &Path, query: &str) -> Option<Unopened> {
    let readable =
        std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()));
    if let Err(why) = readable {
        return Some(("path", why));
    }
    crate::doors::tables::SqliteTable::probe(path, query).err().map(|why| ("query", why))
}

#[cfg(not(feature = "sqlite"))]
fn wrong_sqlite(_: &Path, _: &str) -> Option<Unopened> {
    None
}

/// As keys of tables are written in problems.
fn quoted(name: &str) -> String {
    let bare = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { format!("\"{name}\"") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Surroundings;

    fn config(folder: &Path, text: &str) -> Config {
        let surroundings = Surroundings {
            hostname: "mx.example.net".parse().unwrap(),
            user: "ann".into(),
            directory: folder.to_path_buf(),
        };
        let file = folder.join("p.toml");
        let parsed = Config::parse_in(text, file.to_str().unwrap(), &surroundings);
        parsed.unwrap_or_else(|problems| panic!("{}", crate::config::render(&problems, false)))
    }

    const POSTGRES: &str = "[table.staff]\ntype = \"postgres\"\n\
        server = \"postgres://us@127.0.0.1/mail\"\nquery = \"SELECT $1\"\n";
    const LDAP: &str = "[table.dir]\ntype = \"ldap\"\nserver = \"ldapi://%2Frun%2Fldapi\"\n\
        base = \"dc=example\"\nfilter = \"(mail={key})\"\nattributes = \"mail\"\n";

    /// What is not built in is told with its line; what is, is opened without a dial.
    #[test]
    fn features() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [
            (POSTGRES, cfg!(feature = "postgres"), "postgres"),
            (LDAP, cfg!(feature = "ldap"), "ldap"),
        ];
        for (text, is_built, feature) in rows {
            let made = tables(&config(folder.path(), text));
            let told: Vec<String> =
                made.err().unwrap_or_default().iter().map(ToString::to_string).collect();
            match told.as_slice() {
                [] => assert!(is_built, "{feature}"),
                [line] => {
                    let want = format!("this program was built without the feature {feature}");
                    assert!(!is_built && line.contains(&want) && line.contains("2:8"), "{line}");
                }
                lines => panic!("{lines:?}"),
            }
        }
    }

    /// Each row: a table, and what a check says of it.
    #[test]
    fn probes() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "tanstaaf\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
        let sqlite = |query: &str, path: &str| {
            format!("[table.a]\ntype = \"sqlite\"\npath = \"{path}\"\nquery = \"{query}\"\n")
        };
        let mut rows = vec![
            (format!("{POSTGRES}password-file = \"secret\"\n"), "5:17", "others can read"),
            (format!("{POSTGRES}password-file = \"none\"\n"), "5:17", "cannot be read"),
        ];
        #[cfg(feature = "sqlite")]
        {
            let made = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
            made.execute("CREATE TABLE people (name, address)", []).unwrap();
            rows.extend([
                (sqlite("SELECT address FROM people WHERE name = ?1", "a.db"), "", ""),
                (sqlite("SELECT 1 WHERE ?1", "none.db"), "3:8", "No such file"),
                (
                    sqlite("SELECT address FROM staff WHERE name = ?1", "a.db"),
                    "4:9",
                    "no such table",
                ),
                (sqlite("SELECT address FROM people", "a.db"), "4:9", "has 0 parameters"),
            ]);
        }
        for (text, place, want) in rows {
            let told: Vec<String> =
                probe(&config(folder.path(), &text)).iter().map(ToString::to_string).collect();
            let is_told = told.iter().any(|one| one.contains(want) && one.contains(place));
            assert!(if want.is_empty() { told.is_empty() } else { is_told }, "{text}: {told:?}");
        }
    }

    /// A password in an address, where others read it, is refused and never told.
    #[cfg(feature = "postgres")]
    #[test]
    fn no_password_in_the_open() {
        let folder = tempfile::tempdir().unwrap();
        let text = POSTGRES.replace("us@", "us:tanstaaf@");
        let told = tables(&config(folder.path(), &text)).err().unwrap_or_default();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains("use password-file"), "{told:?}");
        assert!(!told[0].contains("tanstaaf"), "{told:?}");
    }
}
