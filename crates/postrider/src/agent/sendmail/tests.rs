use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use super::*;
use crate::agent::outbox::tests::{nowhere, scripted, site};
use crate::agent::sysexits::{EX_NOUSER, EX_TEMPFAIL};
use crate::drop;

fn run_words(words: &str, input: &str, site: &Site) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    let exit = run(
        parse(words).unwrap(),
        site,
        &mut Console {
            input: &mut input.as_bytes(),
            out: &mut out,
            err: &mut err,
            interactive: false,
            colour: false,
            err_colour: false,
            editor: None,
        },
    );
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// The letters in the drop directory: reverse-path, recipients, content.
fn dropped(dir: &Path) -> Vec<(String, Vec<String>, String)> {
    let letters = drop::list(&dir.join("drop")).unwrap();
    let read = |waiting: &drop::Waiting| {
        let mut letter = drop::read(&waiting.path).unwrap();
        let mut content = String::new();
        letter.read_to_string(&mut content).unwrap();
        let recipients = letter.envelope.recipients.iter().map(ToString::to_string).collect();
        (letter.envelope.sender.to_string(), recipients, content)
    };
    letters.iter().map(read).collect()
}

/// Register: 5321-B-d, 1123-5.2.2-a.
#[test]
fn envelopes() {
    let letter = "To: a@x.example, bob\nCc: c@x.example\nBcc: d@x.example\n\ntext\n";
    let own = "<ann@sun.tuc.example>";
    let cases: &[(&str, &str, &[&str])] = &[
        ("bob", own, &["<bob@sun.tuc.example>"]),
        (
            "bob eve@x.example,dan",
            own,
            &["<bob@sun.tuc.example>", "<eve@x.example>", "<dan@sun.tuc.example>"],
        ),
        ("-t", own, &["<a@x.example>", "<bob@sun.tuc.example>", "<c@x.example>", "<d@x.example>"]),
        // Added to the ones of the command line, each once.
        (
            "-t e@x.example a@X.EXAMPLE",
            own,
            &[
                "<e@x.example>",
                "<a@X.EXAMPLE>",
                "<bob@sun.tuc.example>",
                "<c@x.example>",
                "<d@x.example>",
            ],
        ),
        ("-f <> bob", "<>", &["<bob@sun.tuc.example>"]),
        ("-fnews@x.example bob", "<news@x.example>", &["<bob@sun.tuc.example>"]),
        ("-f <news> bob", "<news@sun.tuc.example>", &["<bob@sun.tuc.example>"]),
    ];
    for (words, sender, recipients) in cases {
        let room = tempfile::tempdir().unwrap();
        let site = site(room.path(), nowhere());
        let (exit, _, err) = run_words(words, letter, &site);
        assert_eq!(exit, EX_OK, "{words}: {err}");
        let letters = dropped(room.path());
        assert_eq!(letters.len(), 1);
        let (from, to, content) = &letters[0];
        assert_eq!((from.as_str(), to.len()), (*sender, recipients.len()), "{words}");
        assert_eq!(to, recipients, "{words}");
        assert!(!content.contains("Bcc") && content.ends_with("\r\n\r\ntext\r\n"), "{content}");
    }
}

#[test]
fn failures() {
    let letter = "To: a b\n\ntext\n";
    let cases = [
        ("", EX_USAGE, "no recipients"),
        ("-i", EX_USAGE, "no recipients"),
        ("a@", EX_USAGE, "the domain is missing"),
        ("-f a,b bob", EX_USAGE, "-f"),
        ("-t", EX_DATAERR, "\"a b\""),
        ("-q", EX_UNAVAILABLE, "not running"),
        ("-bp", EX_UNAVAILABLE, "not running"),
        ("-bi", EX_OK, ""),
        ("--help", EX_OK, ""),
    ];
    for (words, exit, told) in cases {
        let room = tempfile::tempdir().unwrap();
        let site = site(room.path(), nowhere());
        let (found, _, err) = run_words(words, letter, &site);
        assert_eq!(found, exit, "{words}");
        assert!(err.contains(told), "{words}: {err}");
        assert!(dropped(room.path()).is_empty());
    }
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    assert_eq!(run_words("-t", "Subject: x\n\ntext\n", &site).0, EX_DATAERR);
}

#[test]
fn refusals_reach_the_program() {
    let (address, server) = scripted(
        "S: 220 ready
         C: EHLO
         S: 250 hello
         C: MAIL
         S: 250 ok
         C: RCPT
         S: 550 5.1.1 no such mailbox
         C: RSET
         S: 250 ok
         C: QUIT
         S: 221 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let (exit, _, err) = run_words("-i bob", "text\n", &site);
    server.join().unwrap();
    assert_eq!(exit, EX_NOUSER);
    assert!(err.contains("<bob@sun.tuc.example>... 550 5.1.1 no such mailbox"), "{err}");
    let mut down = site.clone();
    down.data_dir = room.path().join("never-started");
    down.submission = vec![nowhere()];
    assert_eq!(run_words("-i bob", "text\n", &down).0, EX_TEMPFAIL);
}

#[test]
fn the_queue_of_a_service_that_is_down() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    run_words("bob", "text\n", &site);
    let (exit, out, _) = run_words("-bp", "", &site);
    assert_eq!(exit, EX_UNAVAILABLE);
    assert!(out.contains("(the mail service is not running)\n"), "{out}");
    assert!(out.contains(" bob@sun.tuc.example\n"), "{out}");
    assert!(out.contains("-- 1 Kbytes in 1 Request."), "{out}");
    let in_the_way = Site { data_dir: room.path().join("x"), ..site };
    std::fs::create_dir_all(in_the_way.drop_dir()).unwrap();
    std::fs::write(in_the_way.drop_dir().join("new"), "").unwrap();
    let (exit, out, err) = run_words("-bp", "", &in_the_way);
    assert_eq!((exit, out.as_str()), (EX_UNAVAILABLE, ""));
    assert!(err.contains("cannot be seen"), "{err}");
}

/// `-bs` while the service is down: the file is there before the `250` is said.
#[test]
fn smtp_over_the_counter() {
    let said = "EHLO prog\r\nMAIL FROM:<ann@x.example>\r\nRCPT TO:<bob@y.example>\r\nDATA\r\n\
        Subject: x\r\n\r\n..text\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<eve@y.example>\r\nDATA\r\nBare\nline\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<dan@y.example>\r\nDATA\r\nhalf of";
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let mut out = Vec::new();
    assert_eq!(smtp::run(&site, said.as_bytes(), &mut out), EX_OK);
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("220 sun.tuc.example"), "{out}");
    assert!(out.contains("250 2.0.0 queued as drop/"), "{out}");
    assert!(out.contains("\r\n554 5.5.2"), "{out}");
    let letters = dropped(room.path());
    assert_eq!(letters.len(), 1, "{out}");
    let to = vec!["<bob@y.example>".to_owned()];
    let content = "Subject: x\r\n\r\n.text\r\n".to_owned();
    assert_eq!(letters[0], ("<ann@x.example>".to_owned(), to, content));
    let missing = Site { data_dir: room.path().join("never-started"), ..site };
    let mut out = Vec::new();
    smtp::run(&missing, said.as_bytes(), &mut out);
    assert!(String::from_utf8(out).unwrap().contains("\r\n451 4.3.0 not queued"));
}

/// `-bs` while the service is up: octets pass untouched, and its end is ours.
#[test]
fn smtp_through_to_the_service() {
    let (address, server) = scripted(
        "S: 220 ready
         C: NOOP
         S: 250 ok
         C: QUIT
         S: 221 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let mut out = Vec::new();
    let exit = smtp::run(&site, "NOOP\r\nQUIT\r\n".as_bytes(), &mut out);
    server.join().unwrap();
    assert_eq!(exit, EX_OK);
    assert_eq!(String::from_utf8(out).unwrap(), "220 ready\r\n250 ok\r\n221 bye\r\n");
}
