use super::*;

fn sender() -> Sender {
    let host: DomainName = "sun.tuc.example".parse().unwrap();
    let author = read_list("Ann Archer <ann>", &host).unwrap().remove(0);
    Sender { author, host }
}

fn stamp() -> Stamp {
    Stamp { time: "2026-07-06T12:00:00+02:00[+02:00]".parse().unwrap(), unique: "1.2".into() }
}

fn taken(input: &str, dots: bool) -> (String, Vec<String>) {
    let whole = take(input, dots, usize::MAX);
    assert_eq!(take(input, dots, 1), whole, "{input:?} octet by octet");
    whole
}

fn take(input: &str, dots: bool, piece: usize) -> (String, Vec<String>) {
    let mut reader = io::BufReader::with_capacity(piece.min(8192), input.as_bytes());
    let mut intake = take_in(&mut reader, dots, &sender(), &stamp()).unwrap();
    let mut content = String::new();
    intake.letter.read_to_string(&mut content).unwrap();
    let recipients = intake.recipients.unwrap();
    (content, recipients.into_iter().map(|entry| entry.mailbox.to_string()).collect())
}

const FROM: &str = "From: Ann Archer <ann@sun.tuc.example>\r\n";
const DATE: &str = "Date: Mon, 06 Jul 2026 12:00:00 +0200\r\n";
const ID: &str = "Message-ID: <1.2@sun.tuc.example>\r\n";

/// Register: 5321-2.3.8-c, 5321-4.4-o, 5321-6.4-a, 5321-6.4-b, 5321-6.4-c, 5322-3.6.3-a, 5322-3.6-d, 5322-4.5-a,
/// 5321-B-b,
/// 1123-5.2.18-c
#[test]
fn letters_are_mended() {
    let all = format!("{FROM}{DATE}{ID}");
    let cases = [
        ("", format!("{all}\r\n")),
        ("\nbody", format!("{all}\r\nbody\r\n")),
        ("Subject: x\n\nbody\n", format!("Subject: x\r\n{all}\r\nbody\r\n")),
        ("Subject: x\r\n\r\nbody\r\n", format!("Subject: x\r\n{all}\r\nbody\r\n")),
        ("no field\nbody\n", format!("{all}\r\nno field\r\nbody\r\n")),
        (" begins with a blank\n", format!("{all}\r\n begins with a blank\r\n")),
        (
            "Subject: x\nno field\n\nrest",
            format!("Subject: x\r\n{all}\r\nno field\r\n\r\nrest\r\n"),
        ),
        ("From ann Mon Jul  6\nSubject: x\n\n", format!("Subject: x\r\n{all}\r\n")),
        ("Subject: a\n\tb\n \n c\n\n", format!("Subject: a\r\n\tb\r\n c\r\n{all}\r\n")),
        ("Subject : x\n\n", format!("Subject : x\r\n{all}\r\n")),
        ("Subject: a\rBcc: b\n\nx\ry\n", format!("Subject: a Bcc: b\r\n{all}\r\nx\r\ny\r\n")),
        (
            "BCC: eve\nSubject: x\nReturn-Path: <a@b>\nBcc: c,\n d\n\n",
            format!("Subject: x\r\n{all}\r\n"),
        ),
        ("from: bob@x.example\nDATE: today\nmessage-id: <a@b>\n\n", {
            "from: bob@x.example\r\nDATE: today\r\nmessage-id: <a@b>\r\n\r\n".to_owned()
        }),
        ("From: root (Cron Daemon)\nTo: root\n\n", {
            format!(
                "From: Cron Daemon <root@sun.tuc.example>\r\nTo: root@sun.tuc.example\r\n{DATE}{ID}\r\n"
            )
        }),
        (
            "From: \"a b\"  <a@x.example>\n\n",
            format!("From: \"a b\"  <a@x.example>\r\n{DATE}{ID}\r\n"),
        ),
        ("To: not an address\n\n", format!("To: not an address\r\n{all}\r\n")),
    ];
    for (input, expected) in cases {
        let mut reader = io::BufReader::with_capacity(1, input.as_bytes());
        let mut letter = take_in(&mut reader, true, &sender(), &stamp()).unwrap().letter;
        let mut content = String::new();
        letter.read_to_string(&mut content).unwrap();
        assert_eq!(content, expected, "{input:?}");
    }
}

/// Register: 5322-4.5.3-a, 5321-B-a
#[test]
fn recipients_of_the_header_section() {
    let cases: &[(&str, &[&str])] = &[
        (
            "To: a@x.example, B <b@x.example>\nCc: c\nBcc: d@x.example\n\nTo: no@x.example\n",
            &["a@x.example", "b@x.example", "c@sun.tuc.example", "d@x.example"],
        ),
        ("TO: a@x.example\nto:\n b@x.example\n\n", &["a@x.example", "b@x.example"]),
        (
            "To: a@x.example\nResent-To: b@x.example\nResent-Bcc: c@x.example\n\n",
            &["b@x.example", "c@x.example"],
        ),
        ("To: undisclosed-recipients:;\nBcc: d@x.example\n\n", &["d@x.example"]),
        (
            "To: friends: a@x.example, B <b@x.example>;, c@x.example\n\n",
            &["a@x.example", "b@x.example", "c@x.example"],
        ),
        ("Subject: none\n\n", &[]),
    ];
    for (input, expected) in cases {
        assert_eq!(taken(input, true).1, *expected, "{input}");
    }
    let mut input = "To: a b\n\n".as_bytes();
    assert!(take_in(&mut input, true, &sender(), &stamp()).unwrap().recipients.is_err());
}

#[test]
fn a_lone_dot() {
    let body =
        |input: &str, dots| taken(input, dots).0.split_once("\r\n\r\n").unwrap().1.to_owned();
    let cases = [
        ("\na\n.\nb\n", "a\r\n", "a\r\n.\r\nb\r\n"),
        ("\na\r\n.\r\nb\r\n", "a\r\n", "a\r\n.\r\nb\r\n"),
        ("\n.\nb\n", "", ".\r\nb\r\n"),
        ("\na\n.", "a\r\n", "a\r\n.\r\n"),
        ("\n..\n.b\n. \n.\r.\n", "..\r\n.b\r\n. \r\n.\r\n.\r\n", "..\r\n.b\r\n. \r\n.\r\n.\r\n"),
        ("\na.\nb\n", "a.\r\nb\r\n", "a.\r\nb\r\n"),
        ("no field\n.\nb\n", "no field\r\n", "no field\r\n.\r\nb\r\n"),
    ];
    for (input, with_dots, without) in cases {
        assert_eq!(body(input, true), with_dots, "{input:?}");
        assert_eq!(body(input, false), without, "{input:?}");
    }
    assert_eq!(
        taken("Subject: x\n.\n\nb\n", true).0,
        format!("Subject: x\r\n{FROM}{DATE}{ID}\r\n")
    );
}

#[test]
fn a_header_section_without_end() {
    let mut endless = io::BufReader::new(io::repeat(b'a'));
    let taken = take_in(&mut endless, true, &sender(), &stamp());
    assert!(matches!(taken, Err(IntakeError::HeadTooLong)));
}

#[test]
fn the_author_follows_the_reverse_path() {
    let Sender { author: own, host } = sender();
    let of = |path: &str| author(&path.parse().unwrap(), own.clone(), &host);
    assert_eq!(of("<bob@x.example>").mailbox.to_string(), "bob@x.example");
    assert_eq!(of("<bob@x.example>").name.as_deref(), Some("Ann Archer"));
    assert_eq!(of("<>").mailbox.to_string(), "MAILER-DAEMON@sun.tuc.example");
}
