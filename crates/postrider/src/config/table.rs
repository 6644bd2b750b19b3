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
    text: "Tables that other sections name: who stands for whom. Any number of them, of four types. Keys are\n\
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

pub(super) const POSTGRES: SectionDoc = SectionDoc {
    name: "table.\"staff\"",
    text: "A table in PostgreSQL. Needs a program that was built with the feature `postgres`.",
    options: database![
        OptionDoc {
            key: "type",
            default: Shown::Example("\"postgres\""),
            text: "\"postgres\": a database of PostgreSQL.",
        },
        OptionDoc {
            key: "server",
            default: Shown::Example("\"postgres://postrider@db.example.net/mail\""),
            text: "User, host, port and database, without a password. A socket of this host:\n\
                   \"postgres:///mail?host=/run/postgresql&user=postrider\".",
        },
        OptionDoc {
            key: "query",
            default: Shown::Example("\"SELECT address FROM staff WHERE name = $1\""),
            text: "What is asked, with the key as its one parameter, a text. The first column of every row is a\n\
                   value and a text, too (else cast it, ::text); several may stand in one between commas.",
        },
        PASSWORD,
        TLS,
        ROOTS,
    ],
};

pub(super) const LDAP: SectionDoc = SectionDoc {
    name: "table.\"directory\"",
    text: "A table in a directory. Needs a program that was built with the feature `ldap`.",
    options: database![
        OptionDoc {
            key: "type",
            default: Shown::Example("\"ldap\""),
            text: "\"ldap\": a server of LDAP, version 3.",
        },
        OptionDoc {
            key: "server",
            default: Shown::Example("\"ldaps://ldap.example.net\""),
            text: "\"ldaps://HOST\", \"ldap://HOST\" with STARTTLS, or a socket of this host:\n\
                   \"ldapi://%2Frun%2Fslapd%2Fldapi\".",
        },
        OptionDoc {
            key: "bind-dn",
            default: Shown::Example("\"cn=postrider,dc=example,dc=net\""),
            text: "As whom, with the password of password-file. Default: anonymously.",
        },
        OptionDoc {
            key: "base",
            default: Shown::Example("\"ou=people,dc=example,dc=net\""),
            text: "The entry below which is searched.",
        },
        OptionDoc {
            key: "scope",
            default: Shown::Example("\"subtree\""),
            text: "How deep: \"subtree\", \"one\" or \"base\".",
        },
        OptionDoc {
            key: "filter",
            default: Shown::Example("\"(&(objectClass=inetOrgPerson)(mail={key}))\""),
            text: "What is searched (RFC 4515). The key stands where it says {key}, its octets escaped.",
        },
        OptionDoc {
            key: "attributes",
            default: Shown::Example("[\"mailRoutingAddress\"]"),
            text: "The attributes whose values count; several may stand in one between commas.",
        },
        PASSWORD,
        TLS,
        ROOTS,
    ],
};

const PASSWORD: OptionDoc = OptionDoc {
    key: "password-file",
    default: Shown::Example("\"secrets/database\""),
    text: "A file whose first line is the password; only its owner may read it (0600). It is read for\n\
           every connection.",
};

const TLS: OptionDoc = OptionDoc {
    key: "tls",
    default: Shown::Example("\"required\""),
    text: "\"required\": TLS with a good certificate; \"none\". Default: required, but for what is\n\
           on this host.",
};

const ROOTS: OptionDoc = OptionDoc {
    key: "roots",
    default: Shown::Example("\"database-ca.pem\""),
    text: "The authorities that its certificate may be from. Default: those of the system.",
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
    /// A database of PostgreSQL.
    Postgres {
        /// Its address, without a password.
        server: String,
        /// With one parameter.
        query: String,
        /// Where the password is.
        password: Option<PathBuf>,
        /// How the connection is secured.
        tls: DatabaseTls,
    },
    /// A directory.
    Ldap {
        /// Its address.
        server: String,
        /// As whom.
        bind: Option<String>,
        /// Where the password is.
        password: Option<PathBuf>,
        /// Below which entry.
        base: String,
        /// How deep.
        scope: LdapScope,
        /// With the key in it.
        filter: String,
        /// Whose values count.
        attributes: Vec<String>,
        /// How the connection is secured.
        tls: DatabaseTls,
    },
}

impl TableKind {
    /// Where its password is.
    pub fn password(&self) -> Option<&PathBuf> {
        match self {
            Self::Postgres { password, .. } | Self::Ldap { password, .. } => password.as_ref(),
            Self::File(_) | Self::Sqlite { .. } => None,
        }
    }
}

/// How a connection to a database is secured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DatabaseTls {
    /// Not at all.
    None,
    /// By TLS, but for what stays on this host.
    Local,
    /// By TLS, with a certificate of these authorities; none: of the system's.
    Required(Option<PathBuf>),
}

/// How deep a directory is searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LdapScope {
    /// The entry alone.
    Base,
    /// Those right below it.
    One,
    /// All below it.
    Subtree,
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
        "postgres" => {
            table.only(&POSTGRES, &[]);
            let (server, query) = (text("server"), text("query"));
            let password = table.path("password-file").map(|path| path.value);
            let tls = tls(table);
            let (server, query) = server.zip(query)?;
            Some(TableKind::Postgres { server, query, password, tls })
        }
        "ldap" => {
            table.only(&LDAP, &[]);
            read_ldap(table, whole)
        }
        _ => kind.wrong(
            "\"file\", \"sqlite\", \"postgres\" or \"ldap\"",
            "maps of other programs: write them out as lines of \"key value\"",
        ),
    }
}

fn read_ldap(table: &Section<'_>, whole: &Value<'_>) -> Option<TableKind> {
    let text = |key: &str| table.get(key).and_then(|value| value.text()).map(str::to_owned);
    let (server, base) =
        (needed(whole, "server", text("server")), needed(whole, "base", text("base")));
    let filter = needed(whole, "filter", text("filter"));
    if let (Some(value), Some(filter)) = (table.get("filter"), &filter)
        && !filter.contains("{key}")
    {
        let _: Option<()> = value.wrong("a filter with {key} in it", "like \"(mail={key})\"");
    }
    let attributes = table.get("attributes").map(|value| {
        value.items().iter().filter_map(|item| item.text()).map(str::to_owned).collect()
    });
    let attributes = needed(whole, "attributes", attributes);
    let scope = match table.get("scope").map(|value| (value.text(), value)) {
        None | Some((Some("subtree"), _)) => Some(LdapScope::Subtree),
        Some((Some("one"), _)) => Some(LdapScope::One),
        Some((Some("base"), _)) => Some(LdapScope::Base),
        Some((_, value)) => value.wrong("\"subtree\", \"one\" or \"base\"", ""),
    };
    let (bind, password) = (text("bind-dn"), table.path("password-file").map(|path| path.value));
    if let (Some(value), None) = (table.get("bind-dn"), &password) {
        let title = "a name without a password would be nobody";
        value.tell(title, "`password-file` beside it", "say both or none");
    }
    let tls = tls(table);
    Some(TableKind::Ldap {
        server: server?,
        bind,
        password,
        base: base?,
        scope: scope?,
        filter: filter?,
        attributes: attributes?,
        tls,
    })
}

/// `tls` and `roots`.
fn tls(table: &Section<'_>) -> DatabaseTls {
    let roots = table.path("roots").map(|path| path.value);
    let said = table.get("tls");
    match said.as_ref().map(|value| value.text()) {
        None if roots.is_none() => DatabaseTls::Local,
        None | Some(Some("required")) => DatabaseTls::Required(roots),
        Some(Some("none")) => DatabaseTls::None,
        Some(_) => {
            let wrong = said.and_then(|value| value.wrong("\"required\" or \"none\"", ""));
            wrong.unwrap_or(DatabaseTls::Required(roots))
        }
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
