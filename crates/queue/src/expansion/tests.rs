//! Rows: a file of aliases, an envelope, and what becomes of it.

mod forwards;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn aliases(text: &str) -> Aliases {
    let mut include = |path: &str| match path {
        "members" => Ok("# people\ncarol, dave@far.example\n\n\"e f\"\n".to_owned()),
        "nested" => Ok(":include: members".to_owned()),
        _ => Err("No such file".to_owned()),
    };
    Aliases::parse(text, "aliases", &mut include).unwrap()
}

fn access(text: &str) -> Access {
    let users = crate::access::Users::listed(["ann", "bob", "carol", "e f", "postmaster"]);
    let aliases = Arc::new(aliases(text));
    Access { users, aliases, ..Access::new("home.example".parse().unwrap()) }
}

/// Expands without answers.
fn done(access: &Access, envelope: &Envelope) -> Expansion {
    match expand::<&str>(access, envelope, &[], &Answers::new()) {
        Progress::Done(expansion) => expansion,
        other => panic!("{other:?}"),
    }
}

fn path(text: &str) -> ForwardPath {
    format!("<{text}>").parse().unwrap()
}

fn envelope(from: &str, to: &[(&str, Option<Notify>)]) -> Envelope {
    let original = |path: &str| OriginalRecipient {
        address_type: "rfc822".to_owned(),
        address: format!("was-{path}"),
    };
    let recipients = to.iter().map(|(to, notify)| Recipient {
        path: path(to),
        parameters: RecipientParameters { notify: *notify, original: Some(original(to)) },
    });
    Envelope {
        reverse_path: format!("<{from}>").parse().unwrap(),
        parameters: MailParameters {
            envelope_id: Some("id".parse().unwrap()),
            size: Some(9),
            ..MailParameters::default()
        },
        recipients: recipients.collect(),
    }
}

/// `<sender>: recipient, recipient` of each envelope, in brackets where one ends, and by which address
/// of ours it leaves.
fn shown(expansion: &Expansion) -> Vec<String> {
    let one = |Expanded { envelope, targets, via }: &Expanded| {
        let to = (0..).zip(&envelope.recipients).map(|(number, recipient)| {
            let target = targets.get(&number).map(|target| format!("[{target}]"));
            format!("{}{}", recipient.path, target.unwrap_or_default())
        });
        let to: Vec<String> = to.collect();
        let via = via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        format!("{}: {}{via}", envelope.reverse_path, to.join(" "))
    };
    expansion.envelopes.iter().map(one).collect()
}

/// Register: 5321-3.9-a, 5321-3.9-b, 5321-3.9-d, 5321-3.9.1-a, 5321-3.9.2-a, 1123-5.3.6-a,
/// 1123-5.3.6-b, 5321-4.5.5-b.
#[test]
fn envelopes() {
    const FILE: &str = "\
# who is who
Boss: ann
staff: ann,
  bob, carol@far.example
self: self2
self2: self, bob
ann: ann, ann@far.example
list: :include:members, \"e f\", <author@away.example>
owner-list: bob
both: list, staff
postmaster: carol
\"two words\": bob
";
    let rows: &[(&str, &[&str], &[&str])] = &[
        // An alias changes the recipient only; its name is found in any case.
        (
            "author@away.example",
            &["boss@home.example"],
            &[
                "<author@away.example>: <ann@home.example>",
                "<author@away.example>: <ann@far.example> via boss@home.example",
            ],
        ),
        (
            "author@away.example",
            &["bOSS@home.example", "x@y.example"],
            &[
                "<author@away.example>: <ann@home.example> <x@y.example>",
                "<author@away.example>: <ann@far.example> via bOSS@home.example",
            ],
        ),
        (
            "author@away.example",
            &["\"two words\"@home.example"],
            &["<author@away.example>: <bob@home.example>"],
        ),
        // Once each, and who is named is not reached a second time through an alias.
        (
            "author@away.example",
            &["staff@home.example", "bob@home.example"],
            &[
                "<author@away.example>: <ann@home.example> <bob@home.example>",
                "<author@away.example>: <ann@far.example> <carol@far.example> via staff@home.example",
            ],
        ),
        // A loop is cut, what else there is goes on.
        (
            "author@away.example",
            &["self@home.example"],
            &["<author@away.example>: <bob@home.example>"],
        ),
        // A list changes the sender; the author who is a member gets a copy.
        (
            "author@away.example",
            &["list@home.example", "ann@far.example"],
            &[
                "<author@away.example>: <ann@far.example>",
                "<owner-list@home.example>: <carol@home.example> <\"e f\"@home.example>",
                "<owner-list@home.example>: <dave@far.example> <author@away.example> \
                 via list@home.example",
            ],
        ),
        (
            "author@away.example",
            &["both@home.example"],
            &[
                "<author@away.example>: <ann@home.example> <bob@home.example>",
                "<owner-list@home.example>: <carol@home.example> <\"e f\"@home.example>",
                "<owner-list@home.example>: <dave@far.example> <author@away.example> \
                 via both@home.example",
                "<author@away.example>: <ann@far.example> <carol@far.example> via both@home.example",
            ],
        ),
        // Mail from nobody stays mail from nobody.
        (
            "",
            &["list@home.example"],
            &[
                "<>: <carol@home.example> <\"e f\"@home.example>",
                "<>: <dave@far.example> <author@away.example> via list@home.example",
            ],
        ),
        // The postmaster of the host, with and without domain.
        ("a@b.example", &["postmaster"], &["<a@b.example>: <carol@home.example>"]),
        ("a@b.example", &["POSTMASTER@home.example"], &["<a@b.example>: <carol@home.example>"]),
    ];
    for (from, to, expected) in rows {
        let to: Vec<_> = to.iter().map(|to| (*to, None)).collect();
        let expansion = done(&access(FILE), &envelope(from, &to));
        assert_eq!(shown(&expansion), *expected, "{from} {to:?}");
        assert_eq!(expansion.trees.len(), to.len());
        assert!(expansion.failed.is_empty() && expansion.finished.is_empty());
    }
    // What is no alias, and what only looks like one elsewhere, is left as it is.
    for to in ["bob@home.example", "staff@far.example", "nobody@home.example"] {
        plain(&access(FILE), to);
    }
    plain(&access(""), "ann@home.example");
}

/// Nothing stands for `to`.
fn plain(access: &Access, to: &str) {
    let envelope = envelope("a@b.example", &[(to, None)]);
    let progress = expand::<&str>(access, &envelope, &[], &Answers::new());
    assert_eq!(progress, Progress::Plain, "{to}");
}

/// Register: 3461-5.2.7.1-b, 3461-5.2.7.1-c, 3461-5.2.7.1-d, 3461-5.2.7.2-b, 3461-5.2.7.3-a.
#[test]
fn parameters() {
    const FILE: &str = "one: ann\nseveral: ann, bob\nlist: ann, bob\nowner-list: bob\n\
                        outer: several, carol\nlink: list\n";
    let all = Notify { success: true, failure: true, delay: true };
    let success = Notify { failure: false, delay: false, ..all };
    let failure = Notify { success: false, delay: false, ..all };
    let less = Notify { success: false, ..all };
    // To, NOTIFY, and of each that comes out NOTIFY; then whether the sender hears of it now.
    type Row = (&'static str, Option<Notify>, Option<Notify>, Option<bool>);
    let rows: &[Row] = &[
        ("one", Some(all), Some(all), None),
        ("one", None, None, None),
        ("several", Some(all), Some(less), Some(false)),
        ("several", Some(success), Some(Notify::NEVER), Some(false)),
        ("several", Some(failure), Some(failure), None),
        ("several", Some(Notify::NEVER), Some(Notify::NEVER), None),
        ("several", None, None, None),
        ("outer", Some(all), Some(less), Some(false)),
        ("list", Some(all), None, Some(true)),
        ("link", Some(all), None, Some(true)),
        ("list", Some(Notify::NEVER), None, None),
        ("list", None, None, None),
    ];
    for (to, asked, passed, told) in rows {
        let to = format!("{to}@home.example");
        let envelope = envelope("author@away.example", &[(&to, *asked)]);
        let expansion = done(&access(FILE), &envelope);
        let [Expanded { envelope: out, .. }] = expansion.envelopes.as_slice() else {
            panic!("{to}: {expansion:?}");
        };
        let is_list = to.starts_with("li");
        assert_eq!(out.parameters.envelope_id.is_some(), !is_list, "{to}");
        assert_eq!(out.parameters.size, Some(9));
        for recipient in &out.recipients {
            assert_eq!(recipient.parameters.notify, *passed, "{to}");
            let original = recipient.parameters.original.as_ref().unwrap();
            let own = recipient.path.to_string();
            let expected =
                if is_list { own[1..own.len() - 1].to_owned() } else { format!("was-{to}") };
            assert_eq!(original.address, expected);
        }
        let finished: Vec<bool> = expansion.finished.iter().map(|one| one.is_list).collect();
        assert_eq!(finished, told.iter().copied().collect::<Vec<_>>(), "{to}");
    }
}

#[test]
fn reasons() {
    let access = access("a: b, ann\nb: a, bob, ann\n");
    let expansion = done(&access, &envelope("x@y.example", &[("a@home.example", None)]));
    let mut lines = Vec::new();
    fn tell(node: &Node, depth: usize, lines: &mut Vec<String>) {
        lines.push(format!("{}{} {}", "-".repeat(depth), node.path, node.reason));
        node.members.iter().for_each(|member| tell(member, depth + 1, lines));
    }
    expansion.trees.iter().for_each(|tree| tell(tree, 0, &mut lines));
    assert_eq!(
        lines,
        [
            "<a@home.example> an alias (aliases:1)",
            "-<b@home.example> an alias (aliases:2)",
            "--<a@home.example> a leads back to itself (aliases:1)",
            "--<bob@home.example> no alias stands for it",
            "--<ann@home.example> no alias stands for it",
            "-<ann@home.example> it gets the message already",
        ]
    );
}

/// A bomb comes to the bound and no further: who is left out is known.
#[test]
fn bounds() {
    let mut file = String::new();
    for level in 0..DEPTH_MAX + 5 {
        file.push_str(&format!("l{level}: l{}\n", level + 1));
    }
    file.push_str("big: ");
    for member in 0..9_999 {
        file.push_str(&format!("m{member}@far.example, "));
    }
    file.push_str("\nbigger: big, x1@y.example, x2@y.example, x3@y.example\n");
    let access = access(&file);
    let deep = done(&access, &envelope("a@b.example", &[("l0@home.example", None)]));
    assert!(deep.envelopes.is_empty());
    assert_eq!(deep.failed.len(), 1);
    let big = done(&access, &envelope("a@b.example", &[("bigger@home.example", None)]));
    assert_eq!(big.envelopes[0].envelope.recipients.len(), EXPANDED_MAX);
    assert_eq!(big.failed.len(), 2);
}

#[test]
fn what_expn_shows() {
    let access = access("staff: ann, bob@far.example\n");
    let home: Domain = "home.example".parse().unwrap();
    for (name, domain, expected) in [
        ("staff", &home, &["ann@home.example", "bob@far.example"][..]),
        ("bob", &home, &["bob@home.example"]),
        ("nobody", &home, &[]),
        ("staff", &"far.example".parse().unwrap(), &[]),
    ] {
        let found = super::shown(&access, &name.parse().unwrap(), domain, &Answers::new()).unwrap();
        let found: Vec<String> = found.iter().map(Mailbox::to_string).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn lines_that_cannot_be_read() {
    let rows: &[(&str, &[&str])] = &[
        ("ann bob", &["aliases:1: \"ann bob\" is no alias; write name: target, target"]),
        ("a@b: c", &["aliases:1: \"a@b\" cannot be the name of an alias"]),
        ("# x\n\na:\n", &["aliases:3: a stands for nobody"]),
        ("a: b\n c d", &["aliases:1: \"b c d\" is no address"]),
        ("a: b\nB: c\nA: d", &["aliases:3: A stands for others already in line 1"]),
        ("a: |cmd", &["aliases:1: \"|cmd\" is a command, and aliases may not have commands"]),
        (
            "a: \"|cmd x\", /var/spool/x",
            &[
                "\"|cmd x\" is a command",
                "\"/var/spool/x\" is a file, and aliases may not have files",
            ],
        ),
        ("a: :fail: gone", &["aliases:1: \":fail: gone\" is a form of other systems"]),
        ("a: \\b@c", &["aliases:1: \"\\\\b@c\" names no user"]),
        ("a: :include:nothing", &["aliases:1: nothing cannot be included: No such file"]),
        ("a: :include:nested", &["nested:1: nested is the ninth list within a list"]),
    ];
    let mut include = |path: &str| match path {
        "nested" => Ok(":include: nested".to_owned()),
        _ => Err("No such file".to_owned()),
    };
    for (text, expected) in rows {
        let problems = Aliases::parse(text, "aliases", &mut include).unwrap_err();
        for part in *expected {
            let found = problems.iter().any(|problem| problem.to_string().contains(part));
            assert!(found, "{text}: {problems:?}");
        }
    }
}

proptest! {
    /// Whatever the aliases, it ends, and nobody gets a message twice under one sender.
    #[test]
    fn any_aliases(edges in prop::collection::vec((0..12_u8, 0..15_u8, any::<bool>()), 1..60)) {
        let mut lines: std::collections::BTreeMap<u8, Vec<String>> = Default::default();
        for (from, to, far) in edges {
            let target = if far { format!("n{to}@far.example") } else { format!("n{to}") };
            lines.entry(from).or_default().push(target);
        }
        let text: String =
            lines.iter().map(|(from, to)| format!("n{from}: {}\n", to.join(", "))).collect();
        let access = access(&text);
        for from in lines.keys() {
            let to = format!("n{from}@home.example");
            let expansion = done(&access, &envelope("a@b.example", &[(&to, None)]));
            for Expanded { envelope, .. } in &expansion.envelopes {
                let paths: BTreeSet<_> =
                    envelope.recipients.iter().map(|recipient| recipient.path.clone()).collect();
                prop_assert_eq!(paths.len(), envelope.recipients.len());
            }
        }
    }
}

/// What we call a member ourselves is printable ASCII, or nothing. Register: 3461-4.2-d, 3461-4.2-a.
#[test]
fn names_of_members() {
    let original = |path: &str| of_member(&ForwardPath::parse_utf8(path).unwrap()).original;
    for path in ["<\"a b=+\"@x.example>", "<ann@x.example>"] {
        let original = original(path).unwrap();
        assert_eq!(original.address_type, "rfc822");
        let decoded = original.address.parse::<Xtext>().unwrap().decode_lossy();
        assert!(decoded.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{decoded}");
        assert_eq!(format!("<{decoded}>"), path);
    }
    assert_eq!(original("<ü@x.example>"), None);
}
