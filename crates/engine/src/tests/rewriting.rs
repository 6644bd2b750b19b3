//! Addresses that become others when a letter is taken: whose, where, and what waits for a table.

use std::sync::Arc;

use queue::Source;
use queue::rewrite::{Canonical, Masquerade, Place, Rewriting, Scope};
use queue::table::{Lookup, Row};
use smtp::server::{Kind, SessionOptions};

use super::receive::{connect, converse, listening_with};
use super::world::{HOST, Scene, options, play};
use crate::doors::{Doing, NoTls, Tables};
use crate::{Options, Refusal};

/// Rows by key; `down` has no answer.
pub(super) struct TestTables(pub(super) &'static [(&'static str, &'static str)]);

impl Tables for TestTables {
    fn look_up<'a>(&'a self, lookup: &'a Lookup) -> Doing<'a, Row> {
        let row = self.0.iter().find(|(key, _)| *key == lookup.key);
        let row = match row {
            _ if lookup.key.starts_with("down@") => Row::NotNow { why: "it is down".to_owned() },
            None => Row::Nothing,
            Some((_, value)) => Row::Values {
                values: vec![(*value).to_owned()],
                source: Some(Source { file: "rows".into(), line: 4 }),
            },
        };
        Box::pin(async move { row })
    }
}

/// `old@here.example` is ada, `bob@sun.example` is seen as `Bob.B@here.example`.
fn rewriting(strangers: bool, tables: bool) -> Options {
    let line = |key: &str, value: &str| (key.to_owned(), (value.to_owned(), None));
    let places = Place::ALL.map(|(_, place)| place).to_vec();
    let scope = Scope { places, strangers };
    let canonical = Canonical {
        lines: [
            line("old@here.example", "ada@here.example"),
            line("gone@here.example", "x@far.example"),
            line("bob@sun.example", "Bob.B@here.example"),
            line("bob@here.example", "Bob.B@here.example"),
        ]
        .into(),
        tables: if tables { vec!["rows".into()] } else { Vec::new() },
        sender_tables: Vec::new(),
        recipient_tables: Vec::new(),
        scope: Scope { places: scope.places.clone(), ..scope },
    };
    let mut masquerade =
        Masquerade::new("here.example".parse().unwrap(), vec![".sun.example".parse().unwrap()]);
    masquerade.except = ["root".to_owned()].into();
    masquerade.scope.strangers = strangers;
    let mut options = options();
    options.rewriting = Rewriting { canonical: Some(canonical), masquerade: Some(masquerade) };
    options
}

const CLIENT: &str = "203.0.113.0/24";

struct Case {
    name: &'static str,
    kind: Kind,
    /// The client's network is ours.
    trusted: bool,
    strangers: bool,
    script: &'static str,
    /// Lines that the letter to ada has, and lines that it has not.
    lines: &'static [&'static str],
    lacks: &'static [&'static str],
}

const HEAD: &str = "C: DATA\nS: 354\nC: From: Bob <bob@sun.example>\nC: To: old@here.example\n\
                    C: Cc: joe@a.sun.example, root@a.sun.example\nC:\nC: bob@sun.example\nC: .\nS: 250";

const CASES: &[Case] = &[
    Case {
        name: "a host of ours: an old name is taken, envelope and header become the new one",
        kind: Kind::Mx,
        trusted: true,
        strangers: false,
        script: "C: MAIL FROM:<bob@sun.example>\nS: 250\nC: RCPT TO:<Old@here.example>\nS: 250\nhead",
        lines: &[
            "Return-Path: <Bob.B@here.example>",
            "Delivered-To: ada@here.example",
            "From: Bob <Bob.B@here.example>",
            "To: ada@here.example",
            "Cc: joe@here.example, root@a.sun.example",
            "bob@sun.example",
        ],
        lacks: &[],
    },
    Case {
        name: "a stranger: nothing changes, and the old name is nobody's",
        kind: Kind::Mx,
        trusted: false,
        strangers: false,
        script:
            "C: MAIL FROM:<bob@sun.example>\nS: 250\nC: RCPT TO:<old@here.example>\nS: 550 5.1.1
                 C: RCPT TO:<ada@here.example>\nS: 250\nhead",
        lines: &[
            "Return-Path: <bob@sun.example>",
            "From: Bob <bob@sun.example>",
            "To: old@here.example",
            "Cc: joe@a.sun.example, root@a.sun.example",
        ],
        lacks: &[],
    },
    Case {
        name: "a stranger, where the operator says so: an old name may lead elsewhere, others not",
        kind: Kind::Mx,
        trusted: false,
        strangers: true,
        script: "C: MAIL FROM:<bob@sun.example>\nS: 250\nC: RCPT TO:<old@here.example>\nS: 250
                 C: RCPT TO:<gone@here.example>\nS: 250\nC: RCPT TO:<x@far.example>\nS: 550 5.7.1
                 C: RCPT TO:<nobody@here.example>\nS: 550 5.1.1\nhead",
        lines: &["From: Bob <Bob.B@here.example>", "To: ada@here.example"],
        lacks: &[],
    },
    Case {
        name: "an author: what the letter lacks is completed first, then rewritten",
        kind: Kind::Submission,
        trusted: true,
        strangers: false,
        script: "C: MAIL FROM:<bob@here.example>\nS: 250\nC: RCPT TO:<old@here.example>\nS: 250
                 C: DATA\nS: 354\nC: To: bob, old@here.example\nC: Bcc: old@here.example\nC:
                 C: hello\nC: .\nS: 250",
        lines: &[
            "Return-Path: <Bob.B@here.example>",
            "From: Bob.B@here.example",
            "To: Bob.B@here.example, ada@here.example",
        ],
        lacks: &["Bcc:", "old@"],
    },
];

#[test]
fn whose_mail_and_where() {
    for Case { name, kind, trusted, strangers, script, lines, lacks } in CASES {
        play(async {
            let mut options = rewriting(*strangers, false);
            if *trusted {
                options.access.relay_networks = vec![CLIENT.parse().unwrap()];
            }
            let session = SessionOptions::new(HOST, *kind);
            let (scene, sender) = listening_with(options, session.into(), Arc::new(NoTls));
            let mut wire = connect(&sender).await;
            let script = format!("S: 220\nC: EHLO c\nS: 250\n{}", script.replace("head", HEAD));
            converse(name, &script, &scene, &mut wire).await;
            scene.pass(60).await;
            let letter = scene.boxes.of("ada").pop().unwrap_or_else(|| panic!("{name}"));
            for line in *lines {
                assert!(letter.lines().any(|one| one == *line), "{name}: {line:?} in\n{letter}");
            }
            for lack in *lacks {
                let content = letter.split_once("Return-Path").map_or("", |(_, rest)| rest);
                let head = content.split("\r\n").filter(|line| !line.contains("for <"));
                let found = head.filter(|line| line.contains(lack)).collect::<Vec<_>>();
                assert!(found.is_empty(), "{name}: {found:?}");
            }
        });
    }
}

/// A table is asked where no line is about an address; while it is down nothing is taken.
///
/// The reasons stand in the history, with the line of the row.
#[test]
fn tables_decide_or_the_letter_waits() {
    play(async {
        let rows = &[("old@x.example", "ada@here.example"), ("@moon.example", "@star.example")];
        let scene = Scene::with_world(rewriting(false, true), |world| {
            world.tables = Arc::new(TestTables(rows));
        });
        scene.engine.start();
        let letter = "From: a@moon.example\r\nTo: old@x.example\r\n\r\n";
        scene.letter("a@moon.example", &["old@x.example"], letter).await.unwrap();
        scene.pass(60).await;
        let got = scene.boxes.of("ada").pop().unwrap();
        assert!(got.contains("From: a@star.example\r\nTo: ada@here.example\r\n"), "{got}");
        assert!(got.starts_with("Return-Path: <a@star.example>\r\n"), "{got}");
        let told = String::from_utf8_lossy(&scene.history.all().concat()).into_owned();
        let want = "ada@here.example: the canonical form of old@x.example in table rows (rows:4)";
        assert!(told.contains(want), "{told}");
        for (from, to, head) in [
            ("down@x.example", "ada@here.example", ""),
            ("", "down@x.example", ""),
            ("", "ada@here.example", "Cc: x@y.example, down@x.example\r\n"),
        ] {
            let letter = format!("{head}\r\n");
            let Err(Refusal::Refused(reply)) = scene.letter(from, &[to], &letter).await else {
                panic!("{from} {to} {head} was taken")
            };
            assert_eq!(reply.to_string(), "451 4.4.3 An address cannot be looked up now");
        }
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// A header section that is too long to be looked at passes as it is; the envelope does not.
#[test]
fn a_header_without_end() {
    play(async {
        let scene = Scene::new(rewriting(false, false));
        scene.engine.start();
        let long = "X: y\r\n".repeat(50_000);
        let letter = format!("From: bob@sun.example\r\n{long}\r\n");
        scene.letter("bob@sun.example", &["old@here.example"], &letter).await.unwrap();
        scene.pass(60).await;
        let got = scene.boxes.of("ada").pop().unwrap();
        assert!(got.starts_with("Return-Path: <Bob.B@here.example>\r\n"), "{}", &got[..80]);
        assert!(got.contains("\r\nFrom: bob@sun.example\r\n"));
    });
}
