use std::sync::Arc;

use mail::envelope::{MailParameters, Recipient, RecipientParameters};

use super::*;
use crate::reason::Source;
use crate::table::Row;

fn scope() -> Scope {
    Scope { places: Place::ALL.map(|(_, place)| place).to_vec(), strangers: false }
}

fn masquerade() -> Masquerade {
    Masquerade {
        domain: "noao.example".parse().unwrap(),
        hosts: vec!["sun.tuc.example".parse().unwrap(), ".hidden.example".parse().unwrap()],
        except: ["root".to_owned()].into(),
        except_hosts: vec!["seen.hidden.example".parse().unwrap()],
        scope: scope(),
        source: None,
    }
}

fn canonical() -> Canonical {
    let line = |key: &str, value: &str| (key.to_owned(), (value.to_owned(), None));
    Canonical {
        lines: [
            line("joe@sun.example", "Joe.User@example.net"),
            line("@old.example", "@new.example"),
            line("jane@sun.example", "jane.doe"),
            line("odd@sun.example", "no address at all"),
            line("uml@sun.example", "\u{fc}ml@example.net"),
            line("dom@sun.example", "dom@b\u{fc}cher.example"),
        ]
        .into(),
        tables: vec!["all".into()],
        sender_tables: vec!["senders".into()],
        recipient_tables: Vec::new(),
        scope: scope(),
    }
}

fn rows() -> Rows {
    let mut rows = Rows::new();
    let source = Some(Source { file: "t".into(), line: 7 });
    for (table, key, value) in [
        ("senders", "ann@sun.example", "a@from.example"),
        ("all", "ann@sun.example", "a@all.example"),
        ("all", "@sun.tuc.example", "@moon.tuc.example"),
        ("all", "loc", "local.user@example.net"),
    ] {
        let lookup = Lookup { table: table.into(), key: key.to_owned() };
        rows.add(lookup, Row::Values { values: vec![value.to_owned()], source: source.clone() });
    }
    rows
}

/// Answers every question, so that the decision is made.
fn decided<T>(mut decide: impl FnMut(&Rows) -> Result<T, Undecided>) -> T {
    let mut known = Rows::new();
    let rows = rows();
    for _ in 0..10 {
        match decide(&known) {
            Ok(decided) => return decided,
            Err(Undecided::Asks(asks)) => {
                for ask in asks {
                    let row = rows.get(&ask).cloned().unwrap_or(Row::Nothing);
                    known.add(ask, row);
                }
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("never decided")
}

fn access() -> Access {
    let mut access = Access::new("here.example".parse().unwrap());
    access.local_domains.insert("ours.example".parse().unwrap());
    access
}

fn rules(canonical: Option<Canonical>, masquerade: Option<Masquerade>) -> Rewriting {
    Rewriting { canonical, masquerade }
}

#[test]
fn addresses() {
    use Place::{EnvelopeSender as From, HeaderRecipient as To};
    let rows: &[(&str, Place, bool, &str, &str)] = &[
        (
            "joe@sun.example",
            From,
            true,
            "Joe.User@example.net",
            "the canonical form of joe@sun.example",
        ),
        ("JOE@SUN.example", To, true, "Joe.User@example.net", "joe@sun.example"),
        ("joe@sun.example", From, false, "joe@sun.example", ""),
        ("bob@old.example", To, true, "bob@new.example", "the canonical form of @old.example"),
        ("jane@sun.example", To, true, "jane.doe@sun.example", ""),
        ("odd@sun.example", To, true, "odd@sun.example", "which is no address"),
        ("ann@sun.example", From, true, "a@from.example", "ann@sun.example in table senders (t:7)"),
        ("ann@sun.example", To, true, "a@all.example", "in table all (t:7)"),
        ("loc@ours.example", To, true, "local.user@example.net", "loc in table all"),
        ("loc@else.example", To, true, "loc@else.example", ""),
        ("joe@a.hidden.example", To, true, "joe@noao.example", ".hidden.example is hidden"),
        ("joe@seen.hidden.example", To, true, "joe@seen.hidden.example", ""),
        ("Root@a.hidden.example", To, true, "Root@a.hidden.example", ""),
        // The canonical form comes first, and is not masked again here.
        ("joe@sun.tuc.example", To, true, "joe@moon.tuc.example", ""),
        ("joe@[192.0.2.1]", To, true, "joe@[192.0.2.1]", ""),
    ];
    for (came, place, is_own, want, reason) in rows {
        let mailbox: Mailbox = came.parse().unwrap();
        let both = rules(Some(canonical()), Some(masquerade()));
        let (got, reasons) =
            decided(|known| address(&both, &access(), known, &mailbox, *place, *is_own));
        assert_eq!(got.to_string(), *want, "{came} {place:?}");
        let told: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        assert!(told.join("; ").contains(reason), "{came}: {told:?}");
        assert_eq!(told.is_empty(), got == mailbox && reason.is_empty(), "{came}: {told:?}");
    }
}

/// Fields as they come and as they go: names, comments, folds, groups and encoded words stay.
const FIELDS: &[(&str, &str)] = &[
    ("From: Joe <joe@sun.example>", "From: Joe <Joe.User@example.net>"),
    ("From: joe (at @home) @ sun.example", "From: Joe.User (at @home) @ example.net"),
    ("From: \"joe@sun.example\" <x@y.example>", "From: \"joe@sun.example\" <x@y.example>"),
    (
        "To: Staff: joe@sun.example,\r\n =?utf-8?q?J=C3=B6rg?= <b@old.example>;, c@z.example",
        "To: Staff: Joe.User@example.net,\r\n =?utf-8?q?J=C3=B6rg?= <b@new.example>;, c@z.example",
    ),
    ("Cc: joe@a.hidden.example", "Cc: joe@noao.example"),
    ("Resent-Sender: b@old.example", "Resent-Sender: b@new.example"),
    ("reply-to : b@old.example", "reply-to : b@new.example"),
    ("Subject: b@old.example", "Subject: b@old.example"),
    ("X-From: b@old.example", "X-From: b@old.example"),
    // ASCII has no place for the first; the second has another form.
    ("From: uml@sun.example", "From: uml@sun.example"),
    ("From: dom@sun.example", "From: dom@xn--bcher-kva.example"),
];

fn envelope(from: &str, to: &[&str]) -> Envelope {
    let recipient = |to: &&str| Recipient {
        path: format!("<{to}>").parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    Envelope {
        reverse_path: format!("<{from}>").parse().unwrap(),
        parameters: MailParameters::default(),
        recipients: to.iter().map(recipient).collect(),
    }
}

#[test]
fn fields() {
    let both = rules(Some(canonical()), Some(masquerade()));
    let envelope = envelope("", &[]);
    for (came, goes) in FIELDS {
        let came = format!("{came}\r\nDate: x\r\n\r\nFrom: joe@sun.example\r\n");
        let goes = format!("{goes}\r\nDate: x\r\n\r\nFrom: joe@sun.example\r\n");
        let ours: &[&[u8]] = &[b"Sender: joe@sun.example\r\n"];
        let one = Letter { envelope: &envelope, header: came.as_bytes(), ours, is_own: true };
        let done = decided(|known| letter(&both, &access(), known, &one));
        let got = patched(came.as_bytes(), &done.replace);
        assert_eq!(String::from_utf8(got).unwrap(), goes);
        assert_eq!(patched(ours[0], &done.ours[0]), b"Sender: Joe.User@example.net\r\n");
    }
}

#[test]
fn envelopes_and_scopes() {
    let all = envelope("joe@sun.example", &["postmaster", "b@old.example", "c@z.example"]);
    let header: &[u8] = b"From: joe@sun.example\r\nTo: b@old.example\r\n\r\n";
    let rows: &[(&[&str], bool, &str)] = &[
        (&["envelope-sender"], true, "Joe.User@example.net - 0"),
        (&["envelope-recipients"], true, "- 1=b@new.example 0"),
        (&["header-senders"], true, "- - 2"),
        (&["header-recipients"], true, "- - 1"),
        (&[], true, "- - 0"),
        (&["envelope-sender", "header-senders"], false, "- - 0"),
    ];
    for (places, is_own, want) in rows {
        let mut canonical = canonical();
        let named = Place::ALL.into_iter().filter(|(name, _)| places.contains(name));
        canonical.scope.places = named.map(|(_, place)| place).collect();
        let rules = rules(Some(canonical), None);
        let one = Letter { envelope: &all, header, ours: &[], is_own: *is_own };
        let done = decided(|known| letter(&rules, &access(), known, &one));
        let dash = || "-".to_owned();
        let paths: Vec<_> =
            done.forward_paths.iter().map(|(n, path)| format!("{n}={path}")).collect();
        let got = format!(
            "{} {} {}",
            done.reverse_path.as_ref().map_or_else(dash, ToString::to_string),
            if paths.is_empty() { dash() } else { paths.join(",") },
            done.replace.len()
        );
        assert_eq!(got, *want, "{places:?} {is_own}");
    }
}

/// All questions of a round are asked at once, and a table that is down is never passed over.
#[test]
fn tables_are_asked_and_waited_for() {
    let rules = rules(Some(canonical()), None);
    let envelope = envelope("x@y.example", &["z@y.example"]);
    let one = Letter { envelope: &envelope, header: b"", ours: &[], is_own: true };
    let Err(Undecided::Asks(asks)) = letter(&rules, &access(), &Rows::new(), &one) else {
        panic!("decided without rows")
    };
    let asked: Vec<String> = asks.iter().map(ToString::to_string).collect();
    let want = [
        "x@y.example in table senders",
        "@y.example in table senders",
        "z@y.example in table all",
        "@y.example in table all",
    ];
    assert_eq!(asked, want);
    let mut rows = Rows::new();
    rows.add(asks[0].clone(), Row::NotNow { why: "down".to_owned() });
    let not_now = Undecided::NotNow { table: Arc::from("senders"), why: "down".to_owned() };
    assert_eq!(letter(&rules, &access(), &rows, &one), Err(not_now));
}
