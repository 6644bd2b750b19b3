use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;

use super::*;
use crate::agent::letter::Text;
use crate::agent::site::Person;
use crate::agent::sysexits::{EX_NOHOST, EX_NOUSER};

/// A server that says its lines and stops: `C:` waits for a line that begins so, `S:` says one,
/// `DATA` reads a content to its dot, `AGAIN` waits for another connection, the end closes it.
pub(crate) fn scripted(script: &'static str) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut heard = Vec::new();
        for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
            if let Some(expected) = step.strip_prefix("C: ") {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                assert!(line.starts_with(expected), "expected {expected:?}, got {line:?}");
                heard.push(line);
            } else if let Some(said) = step.strip_prefix("S: ") {
                write!(stream, "{said}\r\n").unwrap();
            } else if step == "AGAIN" {
                stream = listener.accept().unwrap().0;
                reader = BufReader::new(stream.try_clone().unwrap());
            } else if step == "DATA" {
                let mut content = String::new();
                while !content.ends_with("\r\n.\r\n") {
                    assert_ne!(reader.read_line(&mut content).unwrap(), 0);
                }
                heard.push(content);
            } else {
                panic!("{step}");
            }
        }
        heard
    });
    (address, server)
}

/// Where nothing listens: the port was ours a moment ago.
pub(crate) fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn site(dir: &Path, submission: SocketAddr) -> Site {
    Site {
        aliases: crate::agent::AliasCheck::default(),
        inbox_of: dir.join("mail/{user}").display().to_string(),
        mail_variable: None,
        settings_file: None,
        hostname: "sun.tuc.example".parse().unwrap(),
        data_dir: dir.to_path_buf(),
        submission: vec![submission],
        person: Person {
            login: "ann".into(),
            full_name: Some("Ann Archer".into()),
            uid: 1000,
            home: Some(dir.to_path_buf()),
        },
    }
}

fn parcel(recipients: &[&str]) -> Parcel {
    let mut text = Text::new();
    text.push(b"1, 2, 3.\n.\n").unwrap();
    Parcel {
        binary: None,
        require_tls: false,
        reverse_path: "<ann@sun.tuc.example>".parse().unwrap(),
        recipients: recipients.iter().map(|path| format!("<{path}>").parse().unwrap()).collect(),
        letter: text.into_letter(b"Subject: x\r\n".to_vec()).unwrap(),
    }
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Dialogue for Heard {
    fn command(&mut self, line: &str) {
        self.0.push(format!("C: {line}"));
    }

    fn reply(&mut self, line: &str) {
        self.0.push(format!("S: {line}"));
    }
}

/// The letters that wait in the drop directory: recipients and content.
fn waiting(site: &Site) -> Vec<(Vec<String>, String)> {
    let letters = drop::list(&site.drop_dir()).unwrap();
    let read = |waiting: &drop::Waiting| {
        let mut letter = drop::read(&waiting.path).unwrap();
        let mut content = String::new();
        letter.read_to_string(&mut content).unwrap();
        (letter.envelope.recipients.iter().map(ToString::to_string).collect(), content)
    };
    letters.iter().map(read).collect()
}

const CONTENT: &str = "Subject: x\r\n\r\n1, 2, 3.\r\n.\r\n";

/// Register: 5321-4.5.5-a, 3461-5.4-b
#[test]
fn taken() {
    let (address, server) = scripted(
        "S: 220 sun.tuc.example ESMTP ready
         C: EHLO sun.tuc.example
         S: 250-sun.tuc.example hello
         S: 250 SIZE 1000
         C: MAIL FROM:<ann@sun.tuc.example>
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@noao.example>
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA
         S: 250 2.0.0 queued as 01k
         C: QUIT
         S: 221 2.0.0 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let mut heard = Heard::default();
    let report = send(&site, None, &mut parcel(&["bob@noao.example"]), &mut heard);
    assert_eq!(report.exit(), EX_OK);
    assert!(matches!(&report.fates[0].1, Fate::Taken(reply) if reply.code().get() == 250));
    assert!(waiting(&site).is_empty());
    assert_eq!(server.join().unwrap()[4], CONTENT.replace("\r\n.\r\n", "\r\n..\r\n.\r\n"));
    assert_eq!(
        heard.0,
        [
            "S: 220 sun.tuc.example ESMTP ready",
            "C: EHLO sun.tuc.example",
            "S: 250-sun.tuc.example hello",
            "S: 250 SIZE 1000",
            "C: MAIL FROM:<ann@sun.tuc.example> SIZE=27",
            "S: 250 2.1.0 ok",
            "C: RCPT TO:<bob@noao.example>",
            "S: 250 2.1.5 ok",
            "C: DATA",
            "S: 354 go on",
            "C: .",
            "S: 250 2.0.0 queued as 01k",
            "C: QUIT",
            "S: 221 2.0.0 bye",
        ]
    );
}

/// A server that takes the session up to RCPT and then does `rest`.
const REFUSALS: &[(&str, &str, Exit, &[&str], usize)] = &[
    // script after EHLO, recipients, exit, texts of failures, letters dropped
    (
        "C: MAIL
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@
         S: 550 5.1.1 no such mailbox
         C: RSET
         S: 250 2.0.0 ok
         C: QUIT
         S: 221 bye",
        "bob@x.example",
        EX_NOUSER,
        &["550 5.1.1 no such mailbox"],
        0,
    ),
    (
        "C: MAIL
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@
         S: 550 5.1.2 no such domain
         C: RCPT TO:<eve@
         S: 451 4.4.3 ask later
         C: RCPT TO:<ann@
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA
         S: 250 2.0.0 ok
         C: QUIT
         S: 221 bye",
        "bob@x.example eve@x.example ann@x.example",
        EX_NOHOST,
        &["550 5.1.2 no such domain", "451 4.4.3 ask later"],
        0,
    ),
    (
        "C: MAIL
         S: 452 4.3.1 no room
         C: RSET
         S: 250 ok
         C: QUIT
         S: 221 bye",
        "bob@x.example",
        EX_TEMPFAIL,
        &["452 4.3.1 no room"],
        0,
    ),
    (
        "C: MAIL
         S: 250 2.1.0 ok
         C: RCPT
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA
         S: 554 5.6.0 not like this
         C: QUIT
         S: 221 bye",
        "bob@x.example",
        EX_UNAVAILABLE,
        &["554 5.6.0 not like this"],
        0,
    ),
    // The service goes away: queued beside it.
    ("C: MAIL", "bob@x.example", EX_OK, &[], 1),
    (
        "C: MAIL
         S: 421 4.3.2 going down",
        "bob@x.example",
        EX_OK,
        &[],
        1,
    ),
    (
        "C: MAIL
         S: 250 2.1.0 ok
         C: RCPT
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA",
        "bob@x.example",
        EX_OK,
        &[],
        1,
    ),
    // One is told at once, the other waits.
    (
        "C: MAIL
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@
         S: 550 5.1.1 no such mailbox
         C: RCPT TO:<ann@
         S: 250 2.1.5 ok
         C: DATA",
        "bob@x.example ann@x.example",
        EX_NOUSER,
        &["550 5.1.1 no such mailbox"],
        1,
    ),
];

#[test]
fn refusals_are_told_and_absence_is_bridged() {
    for (rest, recipients, exit, failures, dropped) in REFUSALS {
        let greeting = "S: 220 ready\nC: EHLO\nS: 250 hello\n";
        let (address, server) = scripted(format!("{greeting}{rest}").leak());
        let room = tempfile::tempdir().unwrap();
        let site = site(room.path(), address);
        let recipients: Vec<&str> = recipients.split(' ').collect();
        let mut parcel = parcel(&recipients);
        let report = send(&site, None, &mut parcel, &mut crate::agent::submit::Silent);
        server.join().unwrap();
        assert_eq!(report.exit(), *exit, "{rest}");
        let told: Vec<&str> = report.failures().map(|(_, reason)| reason).collect();
        assert_eq!(told, *failures, "{rest}");
        let waiting = waiting(&site);
        assert_eq!(waiting.len(), *dropped, "{rest}");
        assert_eq!(report.queued.is_some(), *dropped > 0);
        for (to, content) in waiting {
            assert_eq!(to, [format!("<{}>", recipients.last().unwrap())]);
            assert_eq!(content, CONTENT);
        }
    }
}

#[test]
fn sessions_that_do_not_begin() {
    let cases = [
        ("S: 421 4.3.2 going down", EX_OK, 1),
        ("", EX_OK, 1),
        ("S: 554 5.7.1 not you\nC: QUIT", EX_UNAVAILABLE, 0),
        ("S: hello, who is there?", EX_OK, 1),
    ];
    for (script, exit, dropped) in cases {
        let (address, server) = scripted(script);
        let room = tempfile::tempdir().unwrap();
        let site = site(room.path(), address);
        let mut parcel = parcel(&["bob@x.example"]);
        let report = send(&site, None, &mut parcel, &mut crate::agent::submit::Silent);
        server.join().unwrap();
        assert_eq!((report.exit(), waiting(&site).len()), (exit, dropped), "{script}");
    }
}

#[test]
fn the_service_is_down() {
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), nowhere());
    let mut parcel = parcel(&["bob@x.example", "eve@x.example"]);
    let report = send(&site, None, &mut parcel, &mut crate::agent::submit::Silent);
    assert_eq!(report.exit(), EX_OK);
    assert_eq!(report.queued.as_deref(), Some(DOWN));
    let to = ["<bob@x.example>", "<eve@x.example>"].map(str::to_owned).to_vec();
    assert_eq!(waiting(&site), [(to, CONTENT.to_owned())]);
}

#[test]
fn nothing_is_promised_that_is_not_kept() {
    let room = tempfile::tempdir().unwrap();
    let missing = site(&room.path().join("never-started"), nowhere());
    let file = room.path().join("file");
    std::fs::write(&file, "").unwrap();
    let in_the_way = site(&file, nowhere());
    for site in [missing, in_the_way] {
        let mut parcel = parcel(&["bob@x.example"]);
        let report = send(&site, None, &mut parcel, &mut crate::agent::submit::Silent);
        assert_eq!(report.exit(), EX_TEMPFAIL);
        assert!(report.is_hopeless() && report.queued.is_none());
        assert!(report.failures().all(|(_, reason)| reason.starts_with("not queued")));
    }
}

/// Register: 5321-4.5.3.1.10-b
#[test]
fn more_recipients_than_a_transaction_takes() {
    let room = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = site(room.path(), listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut taken, mut open) = (Vec::new(), 0);
        stream.write_all(b"220 ready\r\n").unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return taken;
            }
            let reply = match &line[..4] {
                "EHLO" => "250-hello\r\n250 PIPELINING",
                // 60 of a hundred, the rest later.
                "RCPT" if open == 60 => "552 too many recipients",
                "RCPT" => {
                    open += 1;
                    "250 ok"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").unwrap();
                    let mut content = String::new();
                    while !content.ends_with("\r\n.\r\n") {
                        reader.read_line(&mut content).unwrap();
                    }
                    taken.push(open);
                    open = 0;
                    "250 ok"
                }
                _ => "250 ok",
            };
            stream.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
        }
    });
    let many: Vec<String> = (0..250).map(|n| format!("p{n}@x.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let report = send(&site, None, &mut parcel(&many), &mut crate::agent::submit::Silent);
    assert_eq!(report.exit(), EX_OK);
    assert!(report.fates.iter().all(|(_, fate)| matches!(fate, Fate::Taken(_))));
    assert_eq!(server.join().unwrap().iter().sum::<i32>(), 250);
    assert!(waiting(&site).is_empty());
}

/// A server that does not take octets as they are gets the letter in lines.
#[test]
fn a_server_of_lines() {
    let (address, server) = scripted(
        "S: 220 sun.tuc.example ESMTP ready
         C: EHLO sun.tuc.example
         S: 250-sun.tuc.example hello
         S: 250 CHUNKING
         C: QUIT
         S: 221 2.0.0 bye
         AGAIN
         S: 220 sun.tuc.example ESMTP ready
         C: EHLO sun.tuc.example
         S: 250 sun.tuc.example hello
         C: MAIL FROM:<ann@sun.tuc.example>
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@noao.example>
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA
         S: 250 2.0.0 queued as 01k
         C: QUIT
         S: 221 2.0.0 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let mut parcel = parcel(&["bob@noao.example"]);
    let mut text = Text::new();
    text.push(b"octets").unwrap();
    let letter = text.into_letter(b"Subject: y\r\n".to_vec()).unwrap();
    parcel.binary = Some(letter.with_binary(true));
    let report = send(&site, None, &mut parcel, &mut Heard::default());
    assert_eq!(report.exit(), EX_OK, "{report:?}");
    let heard = server.join().unwrap();
    assert!(heard.iter().any(|one| one.starts_with("Subject: x")), "{heard:?}");
}

/// Octets above 127 go out as they are where the server takes them, and encoded where it does not.
#[test]
fn a_server_of_seven_bits() {
    let (address, server) = scripted(
        "S: 220 sun.tuc.example ESMTP ready
         C: EHLO sun.tuc.example
         S: 250 sun.tuc.example hello
         C: QUIT
         S: 221 2.0.0 bye
         AGAIN
         S: 220 sun.tuc.example ESMTP ready
         C: EHLO sun.tuc.example
         S: 250 sun.tuc.example hello
         C: MAIL FROM:<ann@sun.tuc.example>
         S: 250 2.1.0 ok
         C: RCPT TO:<bob@noao.example>
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go on
         DATA
         S: 250 2.0.0 queued as 01k
         C: QUIT
         S: 221 2.0.0 bye",
    );
    let room = tempfile::tempdir().unwrap();
    let site = site(room.path(), address);
    let mut text = Text::new();
    text.push("Many people send you their Grüße.\n".as_bytes()).unwrap();
    let head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: 8bit\r\n";
    let mut parcel = parcel(&["bob@noao.example"]);
    parcel.letter = text.into_letter(head.to_vec()).unwrap();
    let report = send(&site, None, &mut parcel, &mut Heard::default());
    assert_eq!(report.exit(), EX_OK, "{report:?}");
    let heard = server.join().unwrap();
    let content = heard.iter().find(|one| one.starts_with("Subject")).unwrap();
    assert!(content.contains("Content-Transfer-Encoding: quoted-printable\r\n"), "{content}");
    assert!(
        content.ends_with("\r\n\r\nMany people send you their Gr=C3=BC=C3=9Fe.\r\n.\r\n"),
        "{content}"
    );
    // One whose fields are beyond ASCII has no other form, and that is told.
    let mut text = Text::new();
    text.push(b"x\n").unwrap();
    let mut letter = text.into_letter("Subject: Grüße\r\n".as_bytes().to_vec()).unwrap();
    assert!(letter.in_seven_bits().unwrap().is_none());
}
