use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use super::script::{Step, octets};
use super::*;

/// Every case is read whole, cites rows that exist, and asks something.
#[test]
fn every_case_is_read() {
    let lines = |text: &str| {
        let is_step = |line: &&str| {
            !line.is_empty() && !["#", "== ", "needs:"].iter().any(|other| line.starts_with(other))
        };
        text.lines().filter(is_step).count()
    };
    for text in SCRIPTS {
        let cases = script::parse(text);
        let steps: usize = cases.iter().map(|case| case.steps.len()).sum();
        assert_eq!(steps, lines(text));
    }
    let mut names = std::collections::BTreeSet::new();
    for case in cases() {
        assert!(names.insert(case.name), "{} stands there twice", case.name);
        assert!(!case.rows.is_empty(), "{}", case.name);
        for row in &case.rows {
            assert!(!found(row, &case, Verdict::Pass, "").requirement.is_empty(), "{row}");
        }
        let asks = |step: &Step| {
            matches!(
                step,
                Step::Reply { sure: true, .. } | Step::Check(_) | Step::Quiet(_) | Step::Farewell
            )
        };
        assert!(case.steps.iter().any(asks), "{} asks nothing", case.name);
        // A letter goes to the recipient that was named, and to nobody else.
        let dots = |step: &Step| match step {
            Step::Line(text) => *text == ".",
            Step::Octets(text) => text.contains("\\r\\n.\\r\\n") || text.contains("LAST"),
            _ => false,
        };
        let is_refused = case.name == "a chunk for nobody is read before it is refused";
        let sends = case.steps.iter().any(dots) && !is_refused;
        assert!(!sends || case.needs.contains(&"recipient"), "{}", case.name);
        for step in &case.steps {
            if let Step::Line(text) | Step::Octets(text) = step
                && sends
                && let Some((_, to)) = text.split_once("RCPT TO:<")
            {
                assert!(to.starts_with("{recipient}") || to.starts_with("{unknown}"), "{text}");
            }
        }
    }
}

#[test]
fn octets_of_lines() {
    assert_eq!(octets("a\\r\\n{xy*3}\\x41\\0{z}"), b"a\r\nxyxyxyA\0{z}");
    assert_eq!(octets("\\"), b"\\");
}

#[test]
fn expectations() {
    let reply = |text: &str| expect::Reply(text.split('/').map(str::to_owned).collect());
    let rows = [
        ("250", "250 ok", true),
        ("250", "251 ok", false),
        ("2yz", "259 ok", true),
        ("503|554", "554 no", true),
        ("!503", "503 no", false),
        ("!503", "250 ok", true),
        ("220 ~ .", "220 mx.example", true),
        ("220 ~ .", "220 mx", false),
    ];
    for (expected, said, fits) in rows {
        let expected = expect::Expected::parse(expected).unwrap();
        assert_eq!(expected.fits(&reply(said)), fits, "{expected:?} {said}");
    }
    assert!(expect::Expected::parse("25").is_none());
    let checks = [
        ("one line", "250 a", true),
        ("one line", "250-a/250 b", false),
        ("keywords", "250-a b c/250-SIZE 10/250-AUTH=LOGIN PLAIN/250 8BITMIME", true),
        ("keywords", "250-a/250 SIZE  10", false),
        ("keywords", "250-a/250 -X", false),
        ("registered", "250-a/250-size 10/250 XCLIENT NAME", true),
        ("registered", "250-a/250 TEA", false),
        ("status", "550-5.1.1 a/550 5.1.1 b", true),
        ("status", "550-5.1.1 a/550 5.7.1 b", false),
        ("status", "550 2.0.0 a", false),
        ("status", "250 ok", false),
        ("status", "354 go on", true),
        ("offers DSN", "250-a/250 dsn", true),
        ("unlisted DSN", "250-a/250 dsn", false),
        ("bare SMTPUTF8", "250-a/250 SMTPUTF8", true),
        ("bare SMTPUTF8", "250-a/250 SMTPUTF8 x", false),
    ];
    for (check, said, holds) in checks {
        assert_eq!(expect::check(check, &reply(said)).is_ok(), holds, "{check} {said}");
    }
}

/// A server that says the same to everything, in `sessions` sessions.
fn stubborn(says: &'static str) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            write!(stream, "220 stubborn.example\r\n").unwrap();
            let reader = BufReader::new(stream.try_clone().unwrap());
            for line in reader.lines() {
                let Ok(line) = line else { break };
                if line == "QUIT" || write!(stream, "{says}\r\n").is_err() {
                    break;
                }
            }
        }
    });
    (address, server)
}

/// One case against servers that do right, wrong, and something else.
#[test]
fn verdicts() {
    let rows = [
        ("250 ok", Verdict::Fail, "250 ok to `EHLO`"),
        ("501 no", Verdict::Pass, "501 no"),
        ("421 busy", Verdict::Unclear, "421 busy to `EHLO`"),
        ("nonsense", Verdict::Fail, "no reply: nonsense"),
    ];
    for (says, verdict, said) in rows {
        let (address, server) = stubborn(says);
        let plan = Plan {
            server: vec![address],
            me: "me.example".to_owned(),
            sender: "a@me.example".to_owned(),
            recipient: None,
            foreign: None,
            intrusive: false,
            slow: false,
            patience: Duration::from_secs(10),
            only: vec!["5321-4.1.4-e".to_owned(), "5321-4.1.1.4".to_owned()],
        };
        let report = match run(&plan, |_| {}) {
            Ok(report) => report,
            // Nonsense is found at once.
            Err(error) => {
                assert!(error.to_string().contains(said), "{error}");
                let _ = std::net::TcpStream::connect(address);
                server.join().unwrap();
                continue;
            }
        };
        server.join().unwrap();
        let found = report.findings.iter().find(|found| found.row == "5321-4.1.4-e").unwrap();
        assert_eq!(found.verdict, verdict, "{says}: {found:?}");
        assert!(found.said.contains(said), "{found:?}");
        assert_eq!(report.is_good(false), verdict != Verdict::Fail);
        // Without a recipient nothing is handed in.
        let letters = report.findings.iter().filter(|found| found.row.starts_with("5321-4.1.1.4"));
        assert!(letters.map(|found| found.verdict).all(|verdict| verdict == Verdict::Skipped));
        for form in [Form::Text, Form::Json, Form::Markdown] {
            let mut out = Vec::new();
            report.write(form, "a server", &mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains("5321-4.1.4-e") && out.contains(verdict.word()), "{out}");
        }
    }
}
