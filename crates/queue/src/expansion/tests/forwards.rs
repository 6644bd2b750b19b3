//! Rows: `.forward` files, commands, files, virtual domains and marks, and what becomes of a letter.

use std::collections::BTreeMap;

use super::*;
use crate::access::{Allowed, Forwarding};
use crate::directory::Virtual;

/// Who says what in a `.forward`; a text that begins with `!` is unsafe, with `?` not known now.
type Files<'a> = &'a [(&'a str, &'a str)];

fn answer(files: Files<'_>, question: &Question) -> Answer {
    let Question::Forward { user } = question else { return Answer::Nothing };
    let Some((_, text)) = files.iter().find(|(name, _)| name == user) else {
        return Answer::Nothing;
    };
    let file = format!("/home/{user}/.forward").into();
    match text.split_at_checked(1) {
        Some(("!", why)) => Answer::Unsafe { file, why: why.to_owned() },
        Some(("?", why)) => Answer::NotNow { why: why.to_owned() },
        _ => Answer::Forward(ForwardFile { file, text: (*text).to_owned() }),
    }
}

/// Expands with all answers that are asked for.
fn asked(access: &Access, envelope: &Envelope, marks: &[&str], files: Files<'_>) -> Progress {
    let mut answers = Answers::new();
    loop {
        match expand(access, envelope, marks, &answers) {
            Progress::Ask(questions) => {
                for question in questions {
                    let found = answer(files, &question);
                    answers.add(question, found);
                }
            }
            other => return other,
        }
    }
}

fn forwarding(aliases: &str) -> Access {
    let users = Allowed::Users(["ann".to_owned()].into());
    let forwarding = Some(Forwarding { commands: users.clone(), files: users });
    Access { forwarding, ..access(aliases) }
}

/// The envelopes of a letter to `to`, or why there are none.
fn came(access: &Access, to: &[&str], marks: &[&str], files: Files<'_>) -> Vec<String> {
    let to: Vec<_> = to.iter().map(|to| (*to, None)).collect();
    match asked(access, &envelope("a@b.example", &to), marks, files) {
        Progress::Done(expansion) => shown(&expansion),
        Progress::NotNow(reason) => vec![format!("later: {reason}")],
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_forwards() {
    const ALIASES: &str = "staff: ann, bob\nself: self\nloop: loop2\nloop2: loop\n";
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Files<'a>, &'a [&'a str]);
    let rows: &[Row<'_>] = &[
        // No file, an empty one, comments only: the mailbox.
        (&["ann@home.example"], &[], &[], &["<a@b.example>: <ann@home.example>"]),
        (&["ann@home.example"], &[], &[("ann", "")], &["<a@b.example>: <ann@home.example>"]),
        (&["ann@home.example"], &[], &[("ann", "# x\n\n")], &["<a@b.example>: <ann@home.example>"]),
        // Elsewhere, with a copy here, in each of the forms that mean the mailbox.
        (
            &["ann@home.example"],
            &[],
            &[("ann", "ann@far.example\n")],
            &["<a@b.example>: <ann@far.example> via ann@home.example"],
        ),
        (
            &["ann@home.example"],
            &[],
            &[("ann", "\\ann, ann@far.example # holidays\n")],
            &[
                "<a@b.example>: <ann@home.example>",
                "<a@b.example>: <ann@far.example> via ann@home.example",
            ],
        ),
        (
            &["ann+tag@home.example"],
            &[],
            &[("ann", "ann\nbob\n")],
            &["<a@b.example>: <ann@home.example> <bob@home.example>"],
        ),
        // From one to the other and back: each has it once.
        (
            &["ann@home.example"],
            &[],
            &[("ann", "bob"), ("bob", "ann, carol")],
            &["<a@b.example>: <ann@home.example> <carol@home.example>"],
        ),
        (
            &["staff@home.example"],
            &[],
            &[("ann", "bob@far.example"), ("bob", "bob@far.example")],
            &["<a@b.example>: <bob@far.example> via staff@home.example"],
        ),
        // The mailbox of another, whatever that one says.
        (
            &["ann@home.example"],
            &[],
            &[("ann", "\\bob"), ("bob", "bob@far.example")],
            &["<a@b.example>: <bob@home.example>"],
        ),
        // What has been here is not sent out again; it stays.
        (
            &["ann@home.example"],
            &["ANN@home.example"],
            &[("ann", "ann@far.example")],
            &["<a@b.example>: <ann@home.example>"],
        ),
        (
            &["bob@home.example", "staff@home.example"],
            &["staff@home.example"],
            &[],
            &[
                "<a@b.example>: <bob@home.example> <staff@home.example>[nobody: those who stand for it \
               lead back to it]",
            ],
        ),
        // Those who may have commands and files, and those who may not.
        (
            &["ann@home.example"],
            &[],
            &[("ann", "\"|/bin/x -a \\\"b c\\\"\", /var/ann/all, /dev/null")],
            &["<a@b.example>: <ann@home.example>[the command /bin/x -a \"b c\" as ann] \
               <ann@home.example>[the file /var/ann/all as ann] \
               <ann@home.example>[the file /dev/null as ann]"],
        ),
        (
            &["bob@home.example"],
            &[],
            &[("bob", "|/bin/x, bob@far.example")],
            &["<a@b.example>: <bob@home.example>"],
        ),
        // A slip of the pen loses nothing.
        (
            &["ann@home.example"],
            &[],
            &[("ann", "bob@far.example\n:include:/etc/passwd\n")],
            &["<a@b.example>: <ann@home.example>"],
        ),
        (
            &["ann@home.example"],
            &[],
            &[("ann", "!others can write it")],
            &["<a@b.example>: <ann@home.example>"],
        ),
        (
            &["ann@home.example", "bob@home.example"],
            &[],
            &[("ann", "?the disk fails")],
            &["later: the .forward of ann cannot be read: the disk fails"],
        ),
        // A loop beside others is returned, never dropped.
        (
            &["bob@home.example", "loop@home.example"],
            &[],
            &[],
            &[
                "<a@b.example>: <bob@home.example> <loop@home.example>[nobody: those who stand for it \
               lead back to it]",
            ],
        ),
    ];
    for (to, marks, files, expected) in rows {
        assert_eq!(came(&forwarding(ALIASES), to, marks, files), *expected, "{to:?} {files:?}");
    }
}

#[test]
fn why_it_is_not_followed() {
    let rows = [
        ("!others can write it", "/home/bob/.forward is not followed: others can write it"),
        (
            "x@y.example\n|/bin/x",
            "the .forward of bob is not followed: \"|/bin/x\" is a command, and bob may not have \
             commands in a .forward (/home/bob/.forward:2)",
        ),
        (
            "a b",
            "the .forward of bob is not followed: \"a b\" is no address (/home/bob/.forward:1)",
        ),
    ];
    for (text, expected) in rows {
        let envelope = envelope("a@b.example", &[("bob@home.example", None)]);
        let Progress::Done(expansion) = asked(&forwarding(""), &envelope, &[], &[("bob", text)])
        else {
            panic!("{text}");
        };
        assert_eq!(expansion.trees[0].kind, Kind::Unfollowed);
        assert_eq!(expansion.trees[0].reason.to_string(), expected);
    }
    let text = "x@y.example\n".repeat(FORWARD_MEMBERS_MAX + 1);
    let found = came(&forwarding(""), &["bob@home.example"], &[], &[("bob", &text)]);
    assert_eq!(found, ["<a@b.example>: <bob@home.example>"]);
}

/// What a command is made of, or why it is none.
#[test]
fn commands() {
    let trust = Trust { user: "nobody".to_owned(), no_commands: None, no_files: None };
    let rows: &[(&str, Result<&[&str], &str>)] = &[
        ("|/bin/x", Ok(&["/bin/x"])),
        ("|/bin/x  a\tb", Ok(&["/bin/x", "a", "b"])),
        ("\"| /bin/x 'a b' c\\\\ d\"", Ok(&["/bin/x", "a b", "c d"])),
        ("\"|exec /bin/x \\\"\\\" ''\"", Ok(&["/bin/x", "", ""])),
        ("\"|/bin/x '$HOME;*' a#b a~\"", Ok(&["/bin/x", "$HOME;*", "a#b", "a~"])),
        ("\"|/bin/x a; rm b\"", Err("the command has ';', which needs a shell")),
        ("\"|/bin/x && y\"", Err("the command has '&', which needs a shell")),
        ("\"|/bin/x > y\"", Err("the command has '>', which needs a shell")),
        ("\"|/bin/x $HOME\"", Err("the command has '$', which needs a shell")),
        ("\"|/bin/x \\\"$HOME\\\"\"", Err("the command has '$', which needs a shell")),
        ("\"|/bin/x `id`\"", Err("the command has '`', which needs a shell")),
        ("\"|/bin/x *.txt\"", Err("the command has '*', which needs a shell")),
        ("\"|/bin/x ~ann\"", Err("the command has '~', which needs a shell")),
        ("\"|IFS=' ' /bin/x\"", Err("\"IFS= \" is not the whole path of a program")),
        ("|x", Err("\"x\" is not the whole path of a program")),
        ("|", Err("the command is empty")),
        ("\"|/bin/x 'a\"", Err("the command has a quote that is not closed")),
        ("\"|/bin/x a\0b\"", Err("the command has control characters")),
    ];
    for (word, expected) in rows {
        let found = words::member(word, &trust).map_err(|wrong| wrong.what);
        let expected = match expected {
            Ok(argv) => Ok(Member::End(Target::Command {
                argv: argv.iter().map(|word| (*word).to_owned()).collect(),
                user: "nobody".to_owned(),
            })),
            Err(what) => Err((*what).to_owned()),
        };
        assert_eq!(found, expected, "{word}");
    }
    let long = format!("|/bin/x {}", "a".repeat(5000));
    assert!(words::member(&long, &trust).is_err());
    for path in ["/a/../b", "/..", "\"/a\nb\"", "\"/a\0b\""] {
        assert!(words::member(path, &trust).is_err(), "{path:?}");
    }
}

/// What a file of aliases brings depends on the operator and on who can write it.
#[test]
fn who_may_bring_commands() {
    let file = |name: &str, text: &str, flaw: Option<&str>| AliasFile {
        name: name.into(),
        text: text.to_owned(),
        flaw: flaw.map(str::to_owned),
    };
    let mut include = |name: &str| {
        let flaw = Some("others can write it").filter(|_| name == "open");
        let again = if name == "outer" { "\n:include:open" } else { "" };
        Ok(file(name, &format!("bob\n\"|/bin/x\"{again}\n"), flaw))
    };
    let all = AliasRules { commands: true, files: true, user: "nobody".to_owned() };
    let rows: &[(&str, Option<&str>, &AliasRules, &[&str])] = &[
        ("a: |/bin/x, /b", None, &all, &[]),
        ("a: :include:closed", None, &all, &[]),
        (
            "a: :include:open",
            None,
            &all,
            &[
                "open:2: \"\\\"|/bin/x\\\"\" is a command, and open may not bring commands: others can \
               write it",
            ],
        ),
        (
            "a: :include:outer, /c",
            None,
            &all,
            &[
                "open:2: \"\\\"|/bin/x\\\"\" is a command, and open may not bring commands: others can \
               write it",
            ],
        ),
        (
            "a: /b",
            Some("it belongs to ann"),
            &all,
            &["aliases:1: \"/b\" is a file, and aliases may not bring files: it belongs to ann"],
        ),
        ("a: /dev/null", None, &AliasRules::default(), &[]),
    ];
    for (text, flaw, rules, expected) in rows {
        let (aliases, problems) = Aliases::read(&file("aliases", text, *flaw), rules, &mut include);
        let found: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}:{}: {}", problem.file, problem.line, problem.what))
            .collect();
        let unquoted: Vec<String> =
            expected.iter().map(|line| line.replace("\\\"|/bin/x\\\"", "|/bin/x")).collect();
        assert_eq!(found, unquoted, "{text}");
        assert_eq!(aliases.is_empty(), text.ends_with("/b") && flaw.is_some(), "{text}");
    }
}

#[test]
fn virtual_domains() {
    let mut access = forwarding("");
    let addresses = aliases(
        "info: eve, ann, far@x.example\nlist: eve\nowner-list: eve\nboth: both, far@x.example\n",
    );
    let users = crate::access::Users::listed(["eve", "both"]);
    let own = Virtual { users, addresses, ..Virtual::default() };
    access.virtuals = BTreeMap::from([("v.example".parse().unwrap(), own)]);
    let rows: &[(&[&str], &[&str])] = &[
        (
            &["eve+tag@v.example"],
            &["<a@b.example>: <eve+tag@v.example>[the mailbox eve of v.example]"],
        ),
        (
            &["info@v.example", "eve@v.example"],
            &[
                "<a@b.example>: <eve@v.example>[the mailbox eve of v.example] <ann@home.example>",
                "<a@b.example>: <far@x.example> via info@v.example",
            ],
        ),
        (
            &["list@v.example"],
            &["<owner-list@v.example>: <eve@v.example>[the mailbox eve of v.example]"],
        ),
        (&["postmaster@v.example"], &["<a@b.example>: <postmaster@home.example>"]),
        // Its own name means the mailbox, there too.
        (
            &["both@v.example"],
            &[
                "<a@b.example>: <both@v.example>[the mailbox both of v.example]",
                "<a@b.example>: <far@x.example> via both@v.example",
            ],
        ),
    ];
    for (to, expected) in rows {
        assert_eq!(came(&access, to, &[], &[]), *expected, "{to:?}");
    }
}

/// Names that branch at each step: as many ways as atoms in the world, and they are looked at once.
#[test]
fn bombs() {
    let mut file = String::new();
    for level in 0..DEPTH_MAX - 1 {
        let next = level + 1;
        file.push_str(&format!("l{level}: {}\n", format!("l{next}, ").repeat(50)));
        file.push_str(&format!("owner-l{level}: ann\n"));
    }
    let last = DEPTH_MAX - 1;
    file.push_str(&format!("l{last}: {}\n", "ann, x@y.example, ".repeat(1000)));
    let to = [("l0@home.example", None)];
    let expansion = done(&access(&file), &envelope("a@b.example", &to));
    assert!(expansion.failed.is_empty());
    let got: usize = expansion.envelopes.iter().map(|one| one.envelope.recipients.len()).sum();
    assert_eq!(got, 2);
    // 10,000 users that forward, each to the next: bounded, and nobody is lost in silence.
    let users: Vec<String> = (0..10_050).map(|user| format!("u{user}")).collect();
    let aliases = aliases(&format!("all: {}\n", users[..9_999].join(", ")));
    let mut access = forwarding("");
    access.users = crate::access::Users::listed(&users);
    access.aliases = Arc::new(aliases);
    let all = asked(&access, &envelope("a@b.example", &[("all@home.example", None)]), &[], &[]);
    let Progress::Done(expansion) = all else { panic!("{all:?}") };
    assert_eq!(expansion.envelopes[0].envelope.recipients.len(), 9_999);
}

#[test]
fn the_tree_is_drawn() {
    let access = forwarding("staff: ann, list, nobody\nlist: bob, staff\n");
    let files: Files<'_> = &[("ann", "ann@far.example")];
    let to = [("staff@home.example", None)];
    let Progress::Done(expansion) = asked(&access, &envelope("a@b.example", &to), &[], files)
    else {
        panic!("it is known");
    };
    assert_eq!(
        draw(&expansion.trees),
        [
            "<staff@home.example>       an alias (aliases:1)",
            "├─ <ann@home.example>      ann forwards it (/home/ann/.forward:1)",
            "│  └─ <ann@far.example>    the domain is not ours",
            "├─ <list@home.example>     an alias (aliases:2)",
            "│  ├─ <bob@home.example>   no alias stands for it",
            "│  └─ <staff@home.example>  left out, a loop: staff leads back to itself (aliases:1)",
            "└─ <nobody@home.example>   no alias stands for it",
        ]
        .map(|line| {
            // The longest path sets the column.
            let (left, right) = line.split_at(line.find('>').unwrap() + 1);
            format!("{left:26}  {}", right.trim_start())
        })
    );
}

/// Commands and files are nobody's business.
#[test]
fn what_expn_hides() {
    let text = "a: \"|/bin/x\", /f, ann\nb: /f\n";
    let file = AliasFile { name: "aliases".into(), text: text.to_owned(), flaw: None };
    let all = AliasRules { commands: true, files: true, user: "nobody".to_owned() };
    let (aliases, _) = Aliases::read(&file, &all, &mut |_| Err("none".to_owned()));
    let access = Access { aliases: Arc::new(aliases), ..access("") };
    for (name, expected) in [("a", ["ann@home.example"]), ("b", ["b@home.example"])] {
        let domain = "home.example".parse().unwrap();
        let found = super::super::shown(&access, &name.parse().unwrap(), &domain, &Answers::new());
        let found: Vec<String> = found.unwrap().iter().map(Mailbox::to_string).collect();
        assert_eq!(found, expected);
    }
}
