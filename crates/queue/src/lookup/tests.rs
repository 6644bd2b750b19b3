//! Rows: what is asked, and what is said to those who may know and to others.

use std::sync::Arc;

use super::*;
use crate::access::{self, Users};
use crate::expansion::{AliasFile, AliasRules, Aliases, Answers};

fn access() -> Access {
    let mut include = |_: &str| Err("none".to_owned());
    let rules = AliasRules { commands: true, ..AliasRules::default() };
    let text =
        "staff: ann, bob, far@x.example\nboss: ann\nrobot: |/bin/robot\nmixed: |/bin/robot, bob\n";
    let file = AliasFile { name: "aliases".into(), text: text.to_owned(), flaw: None };
    let (aliases, problems) = Aliases::read(&file, &rules, &mut include);
    assert!(problems.is_empty(), "{problems:?}");
    let aliases = Arc::new(aliases);
    let users = Users::listed(["ann", "bob"]);
    let mut access = Access { users, aliases, ..Access::new("mx.our.example".parse().unwrap()) };
    access.local_domains = ["our.example".parse().unwrap()].into();
    access.postmaster = "ann".to_owned();
    access
}

fn verified_as(text: &str, silence: Option<Silence>) -> Found {
    verify(&access(), text, silence, &Answers::new()).unwrap()
}

fn expanded_as(text: &str, silence: Option<Silence>) -> Found {
    expand(&access(), text, silence, &Answers::new()).unwrap()
}

fn name(user: &str) -> Option<String> {
    match user {
        "ann" => Some("Ann <Example>\r\n".to_owned()),
        _ => None,
    }
}

/// Register: 5321-3.5.3-a, 5321-3.5.3-b, 5321-3.5.3-c, 5321-7.3-a, 5321-7.3-b, 5321-3.5.2-j,
/// 1123-5.2.3-d, 6531-3.7.4.2-f, 5321-3.5.1-b, 5321-3.5.2-a, 5321-3.5.2-b, 5321-3.5.2-c,
/// 5321-3.5.2-d.
#[test]
fn verified() {
    let rows = [
        ("ann", "250 2.1.5 Ann Example <ann@our.example>", "252 2.5.0 "),
        ("ANN@our.example", "250 2.1.5 Ann Example <ANN@our.example>", "252 2.5.0 "),
        ("<bob@our.example>", "250 2.1.5 <bob@our.example>", "252 2.5.0 "),
        ("postmaster", "250 2.1.5 Ann Example <postmaster@mx.our.example>", "252 2.5.0 "),
        ("staff", "250 2.1.5 <staff@our.example>", "252 2.5.0 "),
        ("robot", "250 2.1.5 <robot@our.example>", "252 2.5.0 "),
        ("<@x.example,@y.example:bob@our.example>", "250 2.1.5 <bob@our.example>", "252 2.5.0 "),
        ("nobody", "550 5.1.1 ", "252 2.5.0 "),
        ("nobody@our.example", "550 5.1.1 ", "252 2.5.0 "),
        ("ann@x.example", "252 2.5.0 ", "252 2.5.0 "),
        (" \"a b\"@x.example ", "252 2.5.0 ", "252 2.5.0 "),
        ("jörg@x.example", "252 2.5.0 ", "252 2.5.0 "),
        ("Ann Example", "553 5.1.3 ", "553 5.1.3 "),
        ("a@", "553 5.1.3 ", "553 5.1.3 "),
        ("<ann", "553 5.1.3 ", "553 5.1.3 "),
    ];
    for (text, told, silent) in rows {
        let reply = verified_as(text, None).reply(name).to_string();
        assert!(reply.starts_with(told), "{text}: {reply}");
        if let Some((_, path)) = reply.rsplit_once(' ').filter(|_| reply.starts_with("250")) {
            let verdict = access::recipient(&access(), None, &path.parse().unwrap());
            assert!(matches!(verdict, access::Verdict::Accept { .. }), "{path}");
        }
        let reply = verified_as(text, Some(Silence::Unverified)).reply(name).to_string();
        assert!(reply.starts_with(silent), "{text}: {reply}");
    }
    let refused = verified_as("ann", Some(Silence::NotServed)).reply(name);
    assert!(refused.to_string().starts_with("502 5.5.1 "));
}

/// Register: 5321-3.5.2-h, 5321-3.5.1-g, 5321-3.5.1-h, 5321-3.5.2-j, 5321-3.5.1-d, 5321-3.5.1-e, 1123-5.2.3-b.
#[test]
fn expanded() {
    let rows = [
        ("staff", vec!["Ann Example <ann@our.example>", "<bob@our.example>", "<far@x.example>"]),
        ("boss@our.example", vec!["Ann Example <ann@our.example>"]),
        ("bob", vec!["<bob@our.example>"]),
        // A program is shown by the name that reaches it, and never itself.
        ("robot", vec!["<robot@our.example>"]),
        ("mixed", vec!["<bob@our.example>"]),
        ("nobody", vec!["There is no such list here"]),
        ("far@x.example", vec!["There is no such list here"]),
        ("a b", vec!["That is not the name of a list"]),
    ];
    for (text, lines) in rows {
        assert_eq!(expanded_as(text, None).reply(name).text(), lines, "{text}");
    }
    let silent = expanded_as("staff", Some(Silence::Unverified)).reply(name);
    assert!(silent.to_string().starts_with("252 2.5.0 "));
}
