use super::*;

fn envelope(sender: &str, recipient: &str) -> Envelope {
    tagged(sender, recipient, Some('+'))
}

fn tagged(sender: &str, recipient: &str, tag: Option<char>) -> Envelope {
    let sender: ReversePath = format!("<{sender}>").parse().unwrap();
    let recipient: ForwardPath = format!("<{recipient}>").parse().unwrap();
    Envelope::new(&sender, "MAILER-DAEMON", &recipient, tag, "1a2b".to_owned())
}

/// Whatever stands in an address stays within its argument, and begins no option.
/// The arguments, or what is wrong.
type Filled = Result<&'static [&'static str], &'static str>;

#[test]
fn arguments() {
    type Row = (&'static [&'static str], &'static str, &'static str, Filled);
    let rows: &[Row] = &[
        (
            &["/bin/x", "-f", "{sender}", "{user}:{extension}@{domain}", "{recipient}/{id}"],
            "a@b.example",
            "List+Join@Example.ORG",
            Ok(&[
                "/bin/x",
                "-f",
                "a@b.example",
                "list:join@example.org",
                "List+Join@Example.ORG/1a2b",
            ]),
        ),
        (&["x", "{sender}"], "", "u@d.example", Ok(&["x", "MAILER-DAEMON"])),
        (
            &["x", "{user}", "{extension}"],
            "a@b.example",
            "\"; rm -rf $(x) `y`\"@d.example",
            Ok(&["x", "; rm -rf $(x) `y`", ""]),
        ),
        (&["x", "{user}"], "a@b.example", "+x@d.example", Ok(&["x", "+x"])),
        (&["x", "{user}"], "a@b.example", "-x@d.example", Err("5.1.3")),
        (&["x", "{extension}"], "a@b.example", "u+-x@d.example", Err("5.1.3")),
        (&["x", "-f{sender}"], "-a@b.example", "u@d.example", Ok(&["x", "-f-a@b.example"])),
        (&["x", "-f", "{sender}"], "-a@b.example", "u@d.example", Err("5.1.7")),
        (&["x", "{user}"], "a@b.example", "postmaster", Ok(&["x", "postmaster"])),
    ];
    for (command, sender, recipient, want) in rows {
        let command: Vec<Argument> = command.iter().map(|text| text.parse().unwrap()).collect();
        let program = Program { command, ..Program::plain(&[], None) };
        match (program.arguments(&envelope(sender, recipient)), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, *want),
            (Err(Said::Given { status, .. }), Err(want)) => assert_eq!(status.to_string(), *want),
            (got, _) => panic!("{recipient}: {got:?}"),
        }
    }
}

/// What begins an extension is as the operator says for mailboxes.
#[test]
fn extensions() {
    let rows = [
        ("ann-lists+x@d.example", Some('-'), "ann", "lists+x"),
        ("ann+lists@d.example", Some('-'), "ann+lists", ""),
        ("ann+lists@d.example", None, "ann+lists", ""),
        ("-ann@d.example", Some('-'), "-ann", ""),
        ("ann+@d.example", Some('+'), "ann", ""),
    ];
    for (recipient, tag, user, extension) in rows {
        let told = tagged("a@b.example", recipient, tag);
        assert_eq!((told.user.as_str(), told.extension.as_str()), (user, extension), "{recipient}");
    }
}

#[test]
fn braces() {
    for text in ["{", "{name}", "{sender", "{}", "a{user}{"] {
        assert_eq!(text.parse::<Argument>(), Err(ArgumentError::Braces), "{text}");
    }
    assert_eq!("a\0b".parse::<Argument>(), Err(ArgumentError::Nul));
    assert_eq!("".parse::<Argument>().unwrap().as_plain(), Some(""));
    assert_eq!("plain}".parse::<Argument>().unwrap().as_plain(), Some("plain}"));
    assert_eq!("{user}".parse::<Argument>().unwrap().as_plain(), None);
}

/// How each end is understood: status, words, and whether the operator is called.
#[test]
fn ends() {
    let rows: &[(End, &str, &str, &str, bool)] = &[
        (End::Exit(0), "", "2.0.0", "has taken the message", false),
        (End::Exit(0), "saved to Inbox\n", "2.0.0", "message: saved to Inbox", false),
        // A status counts only beside an exit status that is not 0.
        (End::Exit(0), "5.1.1 no", "2.0.0", "message: 5.1.1 no", false),
        (End::Exit(64), "", "4.3.5", "64 (wrong usage)", true),
        (End::Exit(65), "", "5.6.0", "65 (wrong data)", false),
        (End::Exit(66), "", "4.3.0", "66 (no input)", true),
        (End::Exit(67), "who?\n", "5.1.1", "67 (no such user): who?", false),
        (End::Exit(68), "", "5.1.2", "68 (no such host)", false),
        (End::Exit(69), "", "5.3.0", "69 (service unavailable)", false),
        (End::Exit(70), "", "4.3.0", "70 (fault", true),
        (End::Exit(71), "", "4.3.0", "71 (error of the system)", false),
        (End::Exit(72), "", "4.3.5", "72 (a file", true),
        (End::Exit(73), "", "4.2.0", "73 (cannot create", true),
        (End::Exit(74), "", "4.3.0", "74 (input or output", false),
        (End::Exit(75), "locked", "4.3.0", "75 (to be tried again): locked", false),
        (End::Exit(76), "", "5.5.0", "76 (error in a protocol)", false),
        (End::Exit(77), "", "5.7.1", "77 (not permitted)", false),
        (End::Exit(78), "", "4.3.5", "78 (wrong configuration)", true),
        (End::Exit(126), "", "4.3.5", "not executable", true),
        (End::Exit(127), "", "4.3.5", "not found", true),
        (End::Exit(1), "", "4.3.0", "a status of its own", true),
        (End::Exit(1), "\n\n 5.7.1 not you\nmore", "5.7.1", "said: not you", false),
        (End::Exit(67), "4.2.2 full", "4.2.2", "said: full", false),
        (End::Exit(75), "5.2.2\tover quota", "5.2.2", "said: over quota", false),
        (End::Exit(75), "5.2.2", "5.2.2", "said: 5.2.2", false),
        (End::Exit(75), "2.0.0 fine", "4.3.0", "again): 2.0.0 fine", false),
        (End::Exit(75), "5.2.02 x", "4.3.0", "again): 5.2.02 x", false),
        (End::Exit(75), "\u{1b}[31mred\u{7}", "4.3.0", "again): ?[31mred?", false),
        (End::Signal(9), "5.1.1 no", "4.3.0", "killed by signal 9: 5.1.1 no", true),
        (End::TimeLimit(Duration::from_secs(60)), "", "4.3.0", "ended after 60 s", true),
        (End::Flood(1000), "aaa", "4.3.0", "more than 1000 octets: aaa", true),
        (End::Unfit("no such file".into()), "", "4.3.5", "cannot be run: no such", true),
        (End::NoRoom("no memory".into()), "", "4.3.0", "cannot be run now: no memory", false),
    ];
    for (end, output, status, words, alarm) in rows {
        let judged = judge("the program p", end, output.as_bytes());
        let Said::Given { status: got, what } = &judged.said else { panic!("{judged:?}") };
        assert_eq!(got.to_string(), *status, "{end:?} {output:?}");
        assert!(what.contains(words), "{end:?} {output:?}: {what}");
        assert_eq!(judged.alarm, *alarm, "{end:?} {output:?}");
    }
    let long = "é".repeat(10_000);
    let judged = judge("the program p", &End::Exit(75), long.as_bytes());
    let Said::Given { what, .. } = judged.said else { panic!() };
    assert!(what.len() < LINE_MAX + 100, "{}", what.len());
}
