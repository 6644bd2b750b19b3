use std::sync::Arc;

use super::*;

fn row(values: &[&str], line: u32) -> Row {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Row::Values { values, source: Some(Source { file: "t".into(), line }) }
}

#[test]
fn files() {
    let text = "# a comment\nAnn@Example.NET  ann.example@example.org\n@old.example\t@new.example\n\
                staff: ann, bob,\n  eve@x.example\n\n\"two words\" x\nb\u{fc}cher@b\u{fc}cher.example k\n\
                a \"|prog a, b\", c\n";
    let table = TableText::parse(text, "t").unwrap();
    let rows = [
        ("ann@example.net", row(&["ann.example@example.org"], 2)),
        ("ANN@example.net", row(&["ann.example@example.org"], 2)),
        ("@old.example", row(&["@new.example"], 3)),
        ("staff", row(&["ann", "bob", "eve@x.example"], 4)),
        ("two words", row(&["x"], 7)),
        ("b\u{fc}cher@xn--bcher-kva.example", row(&["k"], 8)),
        ("a", row(&["\"|prog a, b\"", "c"], 9)),
        ("bob", Row::Nothing),
        ("", Row::Nothing),
    ];
    for (key, want) in rows {
        assert_eq!(table.get(key), want, "{key}");
    }
    assert_eq!(table.len(), 6);
}

#[test]
fn wrong_lines_are_all_told() {
    let text = "a b\nlonely\nA c\nx ,\n";
    let problems = TableText::parse(text, "t").unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let want = [
        "t:2: \"lonely\" is no row; write key value",
        "t:3: A stands in line 1 already; upper and lower case are one here; join the two lines",
        "t:4: x has no value; write one, or remove the line",
    ];
    assert_eq!(told, want);
}

#[test]
fn keys_of_addresses() {
    let rows: &[(&str, bool, &[&str])] = &[
        ("Ann@Example.NET", false, &["ann@example.net", "@example.net"]),
        ("Ann@Example.NET", true, &["ann@example.net", "ann", "@example.net"]),
        ("ann@[192.0.2.1]", false, &["ann@[192.0.2.1]", "@[192.0.2.1]"]),
        (
            "\u{c4}@b\u{fc}cher.example",
            false,
            &["\u{e4}@xn--bcher-kva.example", "@xn--bcher-kva.example"],
        ),
    ];
    for (address, is_local, want) in rows {
        let mailbox = Mailbox::parse_utf8(address).unwrap();
        assert_eq!(address_keys(&mailbox, *is_local), *want, "{address}");
    }
}

/// What is asked, what is found, and that a table without an answer is never passed over.
#[test]
fn the_first_row_counts() {
    let tables: Vec<Arc<str>> = vec!["a".into(), "b".into()];
    let keys = ["x".to_owned(), "y".to_owned()];
    let lookup = |table: &str, key: &str| Lookup { table: table.into(), key: key.to_owned() };
    let mut rows = Rows::new();
    let asks = |rows: &Rows| match first(rows, &tables, &keys) {
        Err(Undecided::Asks(asks)) => asks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(asks(&rows).len(), 4);
    rows.add(lookup("a", "x"), Row::Nothing);
    rows.add(lookup("b", "x"), row(&["1"], 1));
    assert_eq!(asks(&rows), ["y in table a", "y in table b"]);
    rows.add(lookup("a", "y"), Row::NotNow { why: "down".to_owned() });
    let why = "down".to_owned();
    assert_eq!(first(&rows, &tables, &keys), Err(Undecided::NotNow { table: "a".into(), why }));
    rows.add(lookup("a", "y"), Row::Nothing);
    let hit = first(&rows, &tables, &keys).unwrap().unwrap();
    assert_eq!((hit.lookup, hit.values), (lookup("b", "x"), vec!["1".to_owned()]));
    assert_eq!(first(&rows, &[], &keys), Ok(None));
    assert_eq!(first(&rows, &tables, &["k".repeat(KEY_MAX + 1)]), Ok(None));
}
