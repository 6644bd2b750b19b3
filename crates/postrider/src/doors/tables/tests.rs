use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn said(row: Row) -> String {
    match row {
        Row::Nothing => "nothing".to_owned(),
        Row::Values { values, source } => {
            let line = source.map_or(0, |source| source.line);
            format!("{} at {line}", values.join("|"))
        }
        Row::NotNow { why } => format!("not now: {why}"),
    }
}

fn wait<T>(doing: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(doing)
}

#[test]
fn files_of_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let classic = folder.path().join("canonical");
    fs::write(&classic, "joe@sun.example Joe.User@example.net\n@old.example @new.example\n")
        .unwrap();
    let toml = folder.path().join("canonical.toml");
    let text =
        "# people\n\"joe@sun.example\" = \"Joe.User@example.net\"\nstaff = [\"ann\", \"bob\"]\n";
    fs::write(&toml, text).unwrap();
    let rows = [
        (&classic, "joe@sun.example", "Joe.User@example.net at 1"),
        (&classic, "@old.example", "@new.example at 2"),
        (&classic, "staff", "nothing"),
        (&toml, "joe@sun.example", "Joe.User@example.net at 2"),
        (&toml, "staff", "ann|bob at 3"),
    ];
    for (path, key, want) in rows {
        let table = FileTable::open(path).unwrap();
        assert_eq!(said(wait(table.look_up(key))), want, "{} {key}", path.display());
    }
}

#[test]
fn wrong_files_tell_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        ("a", "lonely\n", "/a:1: \"lonely\" is no row; write key value"),
        ("b.toml", "x = \"1\"\ny = 2\n", "/b.toml:2: the value of y is no text; write"),
        ("c.toml", "x = \n", "/c.toml:1: this is not TOML"),
        ("d.toml", "x = []\n", "/d.toml:1: x has no value"),
    ];
    for (name, text, want) in rows {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let Err(problem) = FileTable::open(&path) else { panic!("{name} was read") };
        let lines = problem.lines(&path);
        assert!(lines[0].contains(want), "{lines:?} {want}");
    }
    let missing = folder.path().join("none");
    assert!(FileTable::open(&missing).is_err());
}

/// A changed file counts; one with errors does not, and the rows before it stay.
#[test]
fn a_changed_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    fs::write(&path, "a 1\n").unwrap();
    let table = FileTable::open(&path).unwrap();
    for (text, want) in [("a 22\n", "22 at 1"), ("a 333\nb\n", "22 at 1"), ("\na 4\n", "4 at 2")] {
        let new = folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
        table.look_next_time();
        assert_eq!(said(wait(table.look_up("a"))), want, "{text:?}");
    }
    fs::remove_file(&path).unwrap();
    table.look_next_time();
    assert_eq!(said(wait(table.look_up("a"))), "4 at 2");
}

/// Answers with how often it was asked.
struct Counting(AtomicUsize);

impl Database for Counting {
    fn look_up<'a>(&'a self, key: &'a str) -> Doing<'a, Result<Vec<String>, String>> {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            match key {
                "down" => Err(format!("refused {count}")),
                "slow" => std::future::pending().await,
                "none" => Ok(Vec::new()),
                _ => Ok(vec![count.to_string()]),
            }
        })
    }
}

fn asked(keep: u64, keep_nothing: u64) -> Asked {
    let bounds = Bounds {
        timeout: Duration::from_millis(5),
        concurrency: 1,
        keep: Duration::from_secs(keep),
        keep_nothing: Duration::from_secs(keep_nothing),
    };
    Asked::new(Box::new(Counting(AtomicUsize::new(0))), bounds)
}

#[test]
fn answers_are_kept_and_failures_are_not() {
    type Case<'a> = (u64, u64, &'a [(&'a str, &'a str)]);
    let rows: &[Case<'_>] = &[
        (60, 60, &[("a", "1 at 0"), ("a", "1 at 0"), ("b", "2 at 0")]),
        (0, 60, &[("a", "1 at 0"), ("a", "2 at 0")]),
        (60, 60, &[("none", "nothing"), ("none", "nothing"), ("a", "2 at 0")]),
        (60, 0, &[("none", "nothing"), ("none", "nothing"), ("a", "3 at 0")]),
        (60, 60, &[("down", "not now: refused 1"), ("down", "not now: refused 2")]),
        (60, 60, &[("slow", "not now: no answer within 5ms"), ("a", "2 at 0")]),
    ];
    for (keep, keep_nothing, questions) in rows {
        let table = asked(*keep, *keep_nothing);
        for (key, want) in *questions {
            assert_eq!(
                said(wait(table.look_up(key))),
                *want,
                "{keep} {keep_nothing} {questions:?}"
            );
        }
    }
}

/// What is found under names that nobody defined is never "nothing".
#[test]
fn a_table_that_is_not_there_has_no_answer() {
    let tables = NamedTables::default();
    let lookup = Lookup { table: "x".into(), key: "k".to_owned() };
    assert_eq!(said(wait(tables.look_up(&lookup))), "not now: there is no table x");
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.db");
    let made = rusqlite::Connection::open(&path).unwrap();
    made.execute_batch(
        "CREATE TABLE t (key TEXT, value, kind INTEGER);
         INSERT INTO t VALUES ('ann@example.net', 'a@x.example, b@x.example', 1), ('n', 7, 1), ('z', NULL, 1),
             ('ann@example.net', 'c', 1), ('f', 1.5, 1), ('''; DROP TABLE t; --', 'quoted', 1);",
    )
    .unwrap();
    let query = "SELECT value FROM t WHERE key = ?1 ORDER BY rowid";
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
                   SELECT max(x) FROM c WHERE x != ?1";
    type Case<'a> = (&'a str, &'a str, Result<&'a [&'a str], &'a str>);
    let rows: &[Case<'_>] = &[
        (query, "ann@example.net", Ok(&["a@x.example", "b@x.example", "c"])),
        (query, "n", Ok(&["7"])),
        (query, "z", Ok(&[])),
        (query, "nobody", Ok(&[])),
        (query, "'; DROP TABLE t; --", Ok(&["quoted"])),
        (query, "n", Ok(&["7"])),
        (query, "f", Err("the first column of a row is no text")),
        ("SELECT 1", "k", Err("has 0 parameters")),
        ("SELECT ?1 || ?2", "k", Err("has 2 parameters")),
        ("SELECT x FROM nowhere WHERE y = ?1", "k", Err("no such table")),
        ("DELETE FROM t WHERE key = ?1", "n", Err("readonly")),
        (endless, "k", Err("interrupted")),
    ];
    for (query, key, want) in rows {
        let table = SqliteTable::new(&path, query, Duration::from_millis(300)).unwrap();
        match (wait(table.look_up(key)), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, *want, "{query} {key}"),
            (Err(got), Err(want)) => assert!(got.contains(want), "{got}: {want}"),
            (got, want) => panic!("{query} {key}: {got:?}, not {want:?}"),
        }
    }
    let gone =
        SqliteTable::new(&folder.path().join("no.db"), query, Duration::from_secs(1)).unwrap();
    assert!(wait(gone.look_up("k")).unwrap_err().contains("No such file"));
}
