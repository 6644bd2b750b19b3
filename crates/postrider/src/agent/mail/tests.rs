use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::*;
use crate::agent::outbox::tests::{nowhere, scripted, site};
use crate::agent::sysexits::{EX_NOUSER, EX_TEMPFAIL};
use crate::drop;

/// What a run of `mail` left behind.
struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

fn run(words: &[&str], typed: &str, interactive: bool, site: &Site) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = ["mail"].iter().chain(words).map(OsString::from).collect();
    let exit = mail(
        words,
        site,
        &mut Console {
            input: &mut typed.as_bytes(),
            out: &mut out,
            err: &mut err,
            interactive,
            colour: false,
            err_colour: false,
            editor: None,
        },
    );
    let text = |octets| String::from_utf8(octets).unwrap();
    Ran { exit, out: text(out), err: text(err) }
}

/// The one letter in the drop directory: recipients and content.
fn dropped(dir: &Path) -> (Vec<String>, String) {
    let waiting = drop::list(&dir.join("drop")).unwrap();
    assert_eq!(waiting.len(), 1);
    let mut letter = drop::read(&waiting[0].path).unwrap();
    let mut content = String::new();
    letter.read_to_string(&mut content).unwrap();
    (letter.envelope.recipients.iter().map(ToString::to_string).collect(), content)
}

#[test]
fn a_person_writes() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let typed = "testing\n1, 2, 3.\n~~tilde\n~?\n~z\n..\n.\nnot an address\ncarol, dan@x.example\n";
    let ran = run(&["rstevens@noao.example"], typed, true, &site);
    assert_eq!((ran.exit, ran.out.matches("Cc: ").count()), (EX_OK, 2));
    assert!(ran.out.starts_with("Subject: ") && ran.out.contains("End the letter, as a lone ."));
    assert!(ran.out.contains("~z is not known here"), "{}", ran.out);
    assert!(ran.err.contains("queued; the mail service is not running"), "{}", ran.err);
    let (to, content) = dropped(room.path());
    assert_eq!(to, ["<rstevens@noao.example>", "<carol@sun.tuc.example>", "<dan@x.example>"]);
    let (head, body) = content.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("From: Ann Archer <ann@sun.tuc.example>\r\n"), "{head}");
    assert!(head.contains("\r\nCc: carol@sun.tuc.example, dan@x.example\r\n"), "{head}");
    assert!(head.contains("\r\nSubject: testing\r\n"), "{head}");
    assert_eq!(body, "1, 2, 3.\r\n~tilde\r\n..\r\n");
}

/// Register: 5321-7.2-f, 5322-3.6.3-a, 5322-3.6.2-f
#[test]
fn a_program_writes() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let words = [
        "-s",
        "Grüße an alle",
        "-c",
        "carol, dan",
        "-b",
        "eve",
        "-r",
        "news@x.example",
        "bob",
        "bob",
    ];
    let ran = run(&words, "a\n.\n~q\n", false, &site);
    assert_eq!((ran.exit, ran.out.as_str()), (EX_OK, ""));
    let (to, content) = dropped(room.path());
    let local = |name: &str| format!("<{name}@sun.tuc.example>");
    assert_eq!(to, [local("bob"), local("carol"), local("dan"), local("eve")]);
    assert!(content.contains("From: news@x.example\r\n"), "{content}");
    assert!(content.contains("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= an alle\r\n"), "{content}");
    assert!(!content.contains("eve") && !content.contains("Bcc"), "{content}");
    assert!(content.ends_with("\r\n\r\na\r\n.\r\n~q\r\n"), "{content}");
}

#[test]
fn usage() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let cases: &[(&[&str], Exit, &str)] = &[
        (&["-s", "x"], EX_USAGE, "empty"),
        (&["-C", "X Y: z", "ann"], EX_USAGE, "printable ASCII"),
        (&["-C", "From: z", "ann"], EX_USAGE, "a meaning of its own"),
        (&["-a", "/nowhere/x", "ann"], EX_NOINPUT, "/nowhere/x"),
        (&["-S", "flowd", "ann"], EX_USAGE, "flowd"),
        (&["-A", "work", "ann"], EX_USAGE, "there is no account work"),
        (&["-f", "/nowhere/x"], EX_NOINPUT, "no such folder"),
        (&["a b"], EX_USAGE, "\"a b\""),
        (&["-r", "a b", "ann"], EX_USAGE, "\"a b\""),
        (&["g:;"], EX_USAGE, "empty"),
        (&["--colour", "ann"], EX_USAGE, "--colour"),
        (&["--help"], EX_OK, ""),
    ];
    for (words, exit, told) in cases {
        let ran = run(words, "text\n", false, &site);
        assert_eq!(ran.exit, *exit, "{words:?}");
        assert!(ran.err.contains(told), "{words:?}: {}", ran.err);
    }
    assert!(run(&["--help"], "", false, &site).out.contains("Examples:"));
    assert!(drop::list(&site.drop_dir()).unwrap().is_empty());
}

#[test]
fn what_nobody_took_is_kept() {
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
    let ran = run(&["-s", "x", "bob"], "my words\n", false, &site);
    server.join().unwrap();
    assert_eq!(ran.exit, EX_NOUSER);
    assert!(ran.err.contains("<bob@sun.tuc.example>... 550 5.1.1 no such mailbox"), "{}", ran.err);
    let kept = fs::read_to_string(room.path().join("dead.letter")).unwrap();
    assert!(kept.contains("Subject: x\n") && kept.ends_with("\n\nmy words\n\n"), "{kept}");
}

#[test]
fn given_up() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let ran = run(&["-s", "x", "bob"], "my words\n~q\n", true, &site);
    assert_eq!(ran.exit, EX_OK);
    assert!(drop::list(&site.drop_dir()).unwrap().is_empty());
    let kept = fs::read_to_string(room.path().join("dead.letter")).unwrap();
    assert!(kept.contains("my words\n"), "{kept}");
}

#[test]
fn not_even_queued() {
    let room = tempfile::tempdir().unwrap();
    let mut site = site(room.path(), nowhere());
    site.data_dir = room.path().join("never-started");
    let ran = run(&["-s", "x", "bob"], "my words\n", false, &site);
    assert_eq!(ran.exit, EX_TEMPFAIL);
    assert!(ran.err.contains("start it first"), "{}", ran.err);
    assert!(room.path().join("dead.letter").exists());
}

#[test]
fn the_dialogue_is_shown() {
    let (address, server) = scripted(
        "S: 220 ready\u{1b}[2J
         C: EHLO
         S: 250 hello
         C: MAIL
         S: 250 sender ok
         C: RCPT
         S: 250 recipient ok
         C: DATA
         S: 354 go on
         DATA
         S: 250 mail accepted
         C: QUIT
         S: 221 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let ran = run(&["-v", "-s", "x", "bob"], "my words\n", false, &site);
    server.join().unwrap();
    assert_eq!(ran.exit, EX_OK);
    let expected = format!(
        "Connecting to the mail service at {address}...\n\
         220 ready?[2J\n\
         >>> EHLO sun.tuc.example\n\
         250 hello\n\
         >>> MAIL FROM:<ann@sun.tuc.example>\n\
         250 sender ok\n\
         >>> RCPT TO:<bob@sun.tuc.example>\n\
         250 recipient ok\n\
         >>> DATA\n\
         354 go on\n\
         >>> .\n\
         250 mail accepted\n\
         >>> QUIT\n\
         221 bye\n\
         <bob@sun.tuc.example>... Sent\n"
    );
    let (told, table) = ran.out.split_once("\nSession of ").unwrap();
    let (dialogue, after) = expected.rsplit_once("<bob").unwrap();
    assert_eq!(told, dialogue);
    assert!(table.ends_with(&format!("<bob{after}")), "{table}");
    let rows: Vec<Vec<&str>> =
        table.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    // Number, moment, seconds, seconds since the line before, direction, line.
    let directions: Vec<&str> = rows.iter().take(14).map(|row| row[4]).collect();
    assert_eq!(directions.join(""), "*<><><><><>><><"[..14].to_owned());
    assert_eq!(rows[10][6..], ["octets", "of", "content)"]);
    assert!(rows.iter().take(14).all(|row| row[3].starts_with('(') && row[3].ends_with(')')));
}
