//! Rows: an address, the rows of tables, and who is behind it.

use std::collections::BTreeSet;

use super::*;
use crate::access::{self, Users, Verdict};
use crate::expansion::Aliases;
use crate::reason::Source;

/// What the tables hold; `down` is one that does not answer.
const ROWS: &[(&str, &str, &[&str])] = &[
    ("names", "table", &["bob, far@x.example"]),
    ("names", "postmaster", &["bob"]),
    ("names", "wrong", &["a b"]),
    ("names", "evil", &["|/bin/true"]),
    ("names", "worse", &["/etc/passwd"]),
    ("names", "news", &["ann"]),
    ("names", "owner-news", &["bob"]),
    ("boxes", "eve@box.example", &["1"]),
    ("boxes", "../eve@box.example", &["1"]),
    ("rest", "info@all.example", &["bob"]),
    ("rest", "@all.example", &["ann"]),
];

fn aliases(text: &str) -> Aliases {
    Aliases::parse(text, "aliases", &mut |_| Err("none".to_owned())).unwrap()
}

fn access() -> Access {
    let mut access = Access::new("home.example".parse().unwrap());
    access.users = Users::listed(["ann", "bob"]);
    access.aliases = Arc::new(aliases("staff: ann, bob\nann: ann, ann@x.example\n"));
    access.alias_tables = vec!["names".into()];
    access.roles = BTreeSet::from(["abuse".to_owned()]);
    access.postmaster = "ann".to_owned();
    let source = |line| Some(Source { file: "conf".into(), line });
    let addresses = aliases("info: bob\nboth: eve, bob\nself: self\n");
    let catch_all = addresses.find(&"info".parse().unwrap()).cloned();
    let virtuals = [
        (
            "v.example",
            Virtual {
                users: Users::listed(["eve"]),
                addresses,
                source: source(3),
                ..Virtual::default()
            },
        ),
        (
            "box.example",
            Virtual {
                users: Users::Table("boxes".into()),
                catch_all,
                source: source(9),
                ..Virtual::default()
            },
        ),
        ("all.example", Virtual { tables: vec!["rest".into()], ..Virtual::default() }),
        ("down.example", Virtual { tables: vec!["down".into()], ..Virtual::default() }),
    ];
    access.virtuals = virtuals.map(|(name, own)| (name.parse().unwrap(), own)).into();
    access
}

/// The answer to `question` by [`ROWS`].
fn answer(question: &Question) -> Answer {
    let Question::Table { table, key } = question else { return Answer::Nothing };
    if &**table == "down" {
        return Answer::NotNow { why: "it is down".to_owned() };
    }
    let row = ROWS.iter().find(|(name, row, _)| *name == &**table && row == key);
    row.map_or(Answer::Nothing, |(_, _, values)| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Answer::Values { values, source: None }
    })
}

fn found(access: &Access, address: &str) -> String {
    let mailbox = Mailbox::parse_utf8(address).unwrap();
    let mut answers = Answers::new();
    loop {
        return match find(access, &mailbox, &answers) {
            Err(Wait::Ask(question)) => {
                let answer = answer(&question);
                answers.add(question, answer);
                continue;
            }
            Err(Wait::NotNow(reason)) => format!("later: {reason}"),
            Ok(Entry::Elsewhere) => "elsewhere".to_owned(),
            Ok(Entry::Nobody) => "nobody".to_owned(),
            Ok(Entry::User { user, domain: None, .. }) => format!("user {user}"),
            Ok(Entry::User { user, domain: Some(domain), .. }) => format!("box {user} of {domain}"),
            Ok(Entry::Members(group)) => {
                let members: Vec<String> =
                    group.members.iter().map(|listed| listed.member.to_string()).collect();
                let owner = group.owner.map(|owner| format!(" from {owner}")).unwrap_or_default();
                format!("{} in {}{owner}", members.join(" "), group.domain)
            }
        };
    }
}

/// Register: 5321-4.5.1-b.
#[test]
fn rows() {
    let rows = [
        ("ann@home.example", "ann ann@x.example in home.example"),
        ("ANN+lists@home.example", "ann ann@x.example in home.example"),
        ("bob@home.example", "user bob"),
        ("bob+x@home.example", "user bob"),
        ("staff+x@home.example", "ann bob in home.example"),
        ("table@home.example", "bob far@x.example in home.example"),
        ("news@home.example", "ann in home.example from owner-news@home.example"),
        ("nobody@home.example", "nobody"),
        ("ann@x.example", "elsewhere"),
        ("abuse@home.example", "postmaster@home.example in home.example"),
        ("Abuse@v.example", "postmaster@home.example in home.example"),
        ("postmaster@home.example", "bob in home.example"),
        ("postmaster@v.example", "postmaster@home.example in home.example"),
        // Whatever a table or a catch-all says, or does not say.
        ("postmaster@box.example", "postmaster@home.example in home.example"),
        ("postmaster@all.example", "postmaster@home.example in home.example"),
        ("postmaster@down.example", "postmaster@home.example in home.example"),
        ("info@down.example", "later: the table down does not answer: it is down"),
        ("eve@v.example", "box eve of v.example"),
        ("eve+x@v.example", "box eve of v.example"),
        ("info@v.example", "bob in v.example"),
        ("ann@v.example", "nobody"),
        ("eve@box.example", "box eve of box.example"),
        ("mallory@box.example", "bob in box.example"),
        ("info+x@all.example", "bob in all.example"),
        ("other@all.example", "ann in all.example"),
        // No row brings a command or a file, and a wrong one loses no mail.
        (
            "evil@home.example",
            "later: the table names has a wrong row for evil: \"|/bin/true\" is a \
                               command, and a table may not have any",
        ),
        (
            "worse@home.example",
            "later: the table names has a wrong row for worse: \"/etc/passwd\" is \
                                a file, and a table may not have any",
        ),
        (
            "wrong@home.example",
            "later: the table names has a wrong row for wrong: \"a b\" is no \
                                address",
        ),
        // Names that mean something to a file system are no users, whatever the table says.
        ("\"../eve\"@box.example", "bob in box.example"),
        ("\"a/b\"@home.example", "nobody"),
        ("\"..\"@home.example", "nobody"),
    ];
    for (address, expected) in rows {
        assert_eq!(found(&access(), address), expected, "{address}");
    }
    let mut plain = access();
    plain.tag = None;
    assert_eq!(found(&plain, "bob+x@home.example"), "nobody");
    plain.tag = Some('-');
    assert_eq!(found(&plain, "bob-x@home.example"), "user bob");
}

/// Letters below a blank are never asked for.
#[test]
fn questions_are_clean() {
    let mut access = access();
    access.users = Users::Table("names".into());
    for local in ["a\tb", "\u{7f}x", "a/b"] {
        let Ok(local) = LocalPart::from_unquoted_utf8(local) else { continue };
        let mailbox = Mailbox { local, domain: "box.example".parse().unwrap() };
        assert!(!matches!(find(&access, &mailbox, &Answers::new()), Err(Wait::Ask(_))));
    }
}

#[test]
fn names_in_virtual_domains() {
    let access = access();
    let domain: Domain = "v.example".parse().unwrap();
    for (name, expected) in [
        ("eve", "eve@v.example"),
        ("info", "info@v.example"),
        ("bob", "bob@home.example"),
        ("staff", "staff@home.example"),
        ("gone", "gone@v.example"),
    ] {
        let mut answers = Answers::new();
        let table = Question::Table { table: "names".into(), key: name.to_owned() };
        answers.add(table, Answer::Nothing);
        let found = named(&access, &name.parse().unwrap(), &domain, &answers).unwrap();
        assert_eq!(found.to_string(), expected);
    }
}

/// What RCPT is told: what is not known now is asked again later, and never refused for good.
#[test]
fn recipients() {
    let rows = [
        ("<info@down.example>", "451 4.4.3 ", "the table down does not answer: it is down"),
        ("<ann@v.example>", "550 5.1.1 ", "v.example is virtual and has no ann"),
        ("<eve@v.example>", "", "a mailbox of v.example (conf:3)"),
        ("<info@v.example>", "", "an address of v.example (aliases:1)"),
        (
            "<postmaster@down.example>",
            "",
            "every domain has it; the postmaster of this host reads it",
        ),
        ("<staff@home.example>", "", "an alias of this host (aliases:1)"),
        ("<table@home.example>", "", "by the table names"),
    ];
    for (path, refused, why) in rows {
        let (access, path) = (access(), path.parse().unwrap());
        let mut answers = Answers::new();
        let verdict = loop {
            match access::recipient_knowing(&access, None, &path, &answers) {
                Ok(verdict) => break verdict,
                Err(question) => {
                    let answer = answer(&question);
                    answers.add(question, answer);
                }
            }
        };
        assert_eq!(verdict.reason().to_string(), why, "{path}");
        match verdict {
            Verdict::Accept { .. } => assert_eq!(refused, "", "{path}"),
            Verdict::Refuse { reply, .. } => {
                assert!(reply.to_string().starts_with(refused) && !refused.is_empty(), "{path}");
            }
        }
    }
}

/// The line of a row is the reason, and each of its members has it.
#[test]
fn rows_have_their_lines() {
    use crate::reason::Source;

    let mut access = Access::new("mx.example.net".parse().unwrap());
    access.alias_tables = vec!["people".into()];
    let source = Some(Source { file: "people".into(), line: 7 });
    let question = Question::Table { table: "people".into(), key: "staff".to_owned() };
    let owner = Question::Table { table: "people".into(), key: "owner-staff".to_owned() };
    let mut answers = Answers::new();
    let values = vec!["ann".to_owned(), "bob".to_owned()];
    answers.add(question, Answer::Values { values, source: source.clone() });
    answers.add(owner, Answer::Nothing);
    let staff = "staff@mx.example.net".parse().unwrap();
    let Ok(Entry::Members(group)) = find(&access, &staff, &answers) else { panic!("nobody") };
    assert_eq!(group.reason.to_string(), "by the table people (people:7)");
    assert!(group.members.iter().all(|listed| listed.source == source), "{:?}", group.members);
}
