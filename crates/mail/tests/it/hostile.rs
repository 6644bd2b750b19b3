//! Letters made to hurt: memory and time stay in bounds, and what is wrong is told.

use mail::content::structure::{DEPTH_MAX, PARTS_MAX};
use mail::content::{AddressList, Defect, Letter, MediaType, Role, VALUE_MAX, view};

/// Everything that a reader asks of a letter.
fn read_all(octets: &[u8]) -> (usize, Letter<'_>) {
    let letter = Letter::read(octets);
    let mut shown = 0;
    for item in view(&letter, |media: &MediaType| media.is("text", "html")).iter().take(5000) {
        match item.role {
            Role::Text => shown += item.part.text().len(),
            _ => shown += item.part.body().0.len(),
        }
        item.part.path();
        item.part.file_name();
    }
    assert_eq!(letter.root().octets(), octets);
    (shown, letter)
}

#[test]
fn nested_ten_thousand_deep() {
    let mut octets = Vec::new();
    for level in 0..10_000 {
        let head =
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        octets.extend_from_slice(head.as_bytes());
    }
    octets.extend_from_slice(b"\r\nbottom\r\n");
    let (shown, letter) = read_all(&octets);
    assert!(letter.parts().count() <= DEPTH_MAX && shown > 100_000);
    assert!(letter.defects().has(Defect::TooDeep));

    let messages = b"Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let (_, letter) = read_all(&messages);
    assert!(letter.parts().count() <= DEPTH_MAX && letter.defects().has(Defect::TooDeep));
    // Alternatives in alternatives, each to be looked through for what can be shown.
    let mut octets = Vec::new();
    for level in 0..DEPTH_MAX {
        let head =
            format!("Content-Type: multipart/alternative; boundary=b{level}\r\n\r\n--b{level}\r\n");
        octets.extend_from_slice(head.as_bytes());
    }
    read_all(&octets);
}

#[test]
fn a_million_parts() {
    let mut octets = b"Content-Type: multipart/digest; boundary=b\r\n\r\n".to_vec();
    octets.extend_from_slice(&b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(50_000));
    octets.extend_from_slice(&b"--b\n".repeat(950_000));
    let (_, letter) = read_all(&octets);
    assert_eq!(letter.parts().count(), PARTS_MAX);
    assert!(letter.defects().has(Defect::TooManyParts));
    assert!(letter.parts().last().unwrap().path().len() <= 2);
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    let mut octets = b"Subject: ".to_vec();
    octets.resize(100_000_000, b'x');
    octets.extend_from_slice(b"\r\nFrom: ada@example.net\r\n\r\nbody");
    let letter = Letter::read(&octets);
    assert_eq!(letter.root().text(), "body");
    assert_eq!(letter.head().addresses("From").to_string(), "ada@example.net");
    let subject = letter.head().subject().unwrap();
    assert!(subject.len() <= VALUE_MAX && subject.defects.has(Defect::ValueCut));
}

/// NULs and octets that are no UTF-8, in every field and everywhere else.
#[test]
fn odd_octets_everywhere() {
    for odd in [&b"\0"[..], b"\xff\xfe", b"\x80", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\xc3"] {
        let fill = |text: &str| -> Vec<u8> {
            text.split('@')
                .collect::<Vec<_>>()
                .iter()
                .flat_map(|piece| [piece.as_bytes(), odd].concat())
                .collect()
        };
        let octets = fill(
            "From: a@b <c@d>\r\nTo: @\r\nSubject: @ =?utf-8?q?@?= =?@?q?x?=\r\nDate: @1 Jan 2000\r\nMessage-ID: <@>\r\n\
             Content-Type: multipart/mixed; boundary=\"b\"; x=@; y*=utf-8''@\r\nContent-Disposition: @; filename=@\r\n\
             Content-Transfer-Encoding: @\r\n\r\n@\r\n--b\r\nContent-Type: text/plain; charset=@\r\n\r\n@\r\n--b\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n@AAAA@\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=@\r\n--b--",
        );
        let (_, letter) = read_all(&octets);
        assert_eq!(letter.parts().count(), 4, "{odd:?}");
        let head = letter.head();
        head.addresses("From");
        head.addresses("To");
        head.subject();
        head.date("Date");
        head.message_id();
        let all = letter.parts().fold(letter.defects(), |all, part| all | part.examine());
        assert!(!all.is_empty());
    }
}

/// Boundaries that begin each other, empty ones, long ones, and ones that are in the text.
#[test]
fn boundaries() {
    let rows = [
        ("b", "--b\r\n\r\none\r\n--bb\r\n--b--\r\n", 1, false),
        ("b", "--b\r\n\r\none\r\n--b --\r\n--b--\r\n", 1, false),
        ("b", "--b\r\n\r\none\r\n -- b\r\n--b--x\r\n", 1, true),
        ("b", "--b\r\n--b\r\n--b--", 2, false),
        ("b--", "--b--\r\n\r\none\r\n--b----\r\n", 1, false),
        ("--", "----\r\n\r\none\r\n------\r\n", 1, false),
        ("", "--\r\n\r\none\r\n----\r\n", 0, true),
        ("b", "", 0, true),
        ("b", "--b", 1, true),
        ("b", "--b--", 0, true),
        ("b", "--b--\r\n--b\r\n\r\nlate\r\n", 0, true),
        ("b", "x--b\r\n\r\n--b\r\n", 1, true),
    ];
    for (boundary, body, parts, broken) in rows {
        let octets =
            format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n{body}");
        let (_, letter) = read_all(octets.as_bytes());
        assert_eq!(letter.root().children().count(), parts, "{octets}");
        assert_eq!(!letter.defects().is_empty(), broken, "{octets}: {}", letter.defects());
    }
    let long = "x".repeat(900);
    let octets = format!(
        "Content-Type: multipart/mixed; boundary=\"{long}\"\r\n\r\n--{long}\r\n\r\none\r\n--{long}--\r\n"
    );
    assert_eq!(read_all(octets.as_bytes()).1.root().children().count(), 1);
}

/// Values that go on and on in ways that would cost more than they are long.
#[test]
fn values() {
    for piece in [
        "=?utf-8?q?a?= ",
        "=?utf-8?b?/?=",
        "=?",
        "(",
        "\"",
        "<",
        ":",
        ";",
        ",",
        "a:;",
        "\\",
        "[",
        "=?x?q?=FF?= ",
        "a.",
        "@",
    ] {
        let value = piece.repeat(60_000 / piece.len());
        let octets = format!(
            "From: {value}\r\nSubject: {value}\r\nContent-Type: a/b; x={value}\r\nReferences: {value}\r\nDate: {value}\r\n\r\n"
        );
        let letter = Letter::read(octets.as_bytes());
        let head = letter.head();
        head.addresses("From").to_string();
        head.subject();
        head.ids("References");
        head.date("Date");
        letter.root().file_name();
        AddressList::read(&value);
    }
}
