use std::fs;
use std::io::Read;

use mail::content::Letter as Parsed;

use super::super::attach::Attachment;
use super::*;
use crate::agent::addresses::read_list;

fn host() -> DomainName {
    "sun.tuc.example".parse().unwrap()
}

fn stamp() -> Stamp {
    let time = "2026-07-06T12:00:00+02:00[+02:00]".parse().unwrap();
    Stamp { time, unique: "1.2.3".into() }
}

fn list(text: &str) -> Vec<Entry> {
    read_list(text, &host()).unwrap()
}

fn draft(to: &str, cc: &str, subject: &str, body: &[u8]) -> Draft {
    let mut draft = Draft {
        from: list("Ann Archer <ann>"),
        to: list(to),
        cc: list(cc),
        subject: subject.into(),
        ..Draft::default()
    };
    draft.body.push(body).unwrap();
    draft
}

fn composed(mut draft: Draft) -> Letter {
    compose(&mut draft, &stamp(), &host()).unwrap()
}

fn content(letter: &mut Letter) -> Vec<u8> {
    let mut content = Vec::new();
    letter.rewind().unwrap();
    letter.read_to_end(&mut content).unwrap();
    assert_eq!(content.len() as u64, letter.size());
    content
}

/// Register: 1123-5.2.14-a, 1123-5.2.14-b, 1123-5.2.14-d, 1123-5.2.18-c, 5322-3.3-b, 5322-3.3-e,
/// 5322-3.6-d, 5322-3.6.1-a, 5322-3.6.4-a, 5322-3.6.4-e, 5322-3.6.4-f, 5321-4.4-o, 3834-5.2-d, 3834-5.2-f
#[test]
fn a_plain_letter() {
    let mut letter = composed(draft("rstevens@noao.example", "bob", "testing", b"1, 2, 3.\n"));
    let expected = "Date: Mon, 06 Jul 2026 12:00:00 +0200\r\n\
        From: Ann Archer <ann@sun.tuc.example>\r\n\
        To: rstevens@noao.example\r\n\
        Cc: bob@sun.tuc.example\r\n\
        Subject: testing\r\n\
        Message-ID: <1.2.3@sun.tuc.example>\r\n\
        \r\n\
        1, 2, 3.\r\n";
    assert_eq!(String::from_utf8_lossy(&content(&mut letter)), expected);
    // It can be read again, for a second transaction.
    assert_eq!(content(&mut letter).len(), expected.len());
    assert_eq!(letter.body_type(), mail::BodyType::SevenBit);
}

/// An address that has no form in ASCII puts the fields into UTF-8, and the letter says so.
#[test]
fn addresses_beyond_ascii() {
    let to = "Jörg <jörg@x.example>, b@bücher.example";
    let mut letter = composed(draft(to, "", "Grüße", b"x\n"));
    let text = String::from_utf8(content(&mut letter)).unwrap();
    let want = "To: Jörg <jörg@x.example>, b@xn--bcher-kva.example\r\nSubject: Grüße\r\n";
    assert!(text.contains(want), "{text}");
    assert!(letter.is_utf8() && letter.body_type() == mail::BodyType::EightBitMime);
    let letter = composed(draft("Jörg <b@bücher.example>", "", "Grüße", b"x\n"));
    assert!(!letter.is_utf8() && letter.head().is_ascii());
}

/// Register: 5322-3.6.3-d
#[test]
fn blind_recipients_only() {
    let letter = composed(draft("", "", "", b""));
    let head = String::from_utf8_lossy(letter.head()).into_owned();
    assert!(head.contains("To: undisclosed-recipients:;\r\n"), "{head}");
    assert!(!head.contains("Subject") && !head.contains("Bcc"), "{head}");
}

/// Register: 5322-3.6.2-a, 5322-3.6-e, 5322-3.6.8-a, 5322-3.6.4-c
#[test]
fn every_field() {
    let mut draft = draft("bob", "", "Re: x", b"y\n");
    draft.from = list("Ann <ann>, Eve <eve@x.example>");
    draft.sender = Some(list("ann").remove(0));
    draft.reply_to = list("both@x.example");
    let id = |text: &str| mail::content::MessageId::new(text).unwrap();
    draft.in_reply_to = vec![id("2@x")];
    draft.references = vec![id("1@x"), id("2@x")];
    draft.fields = vec![("X-Mood".into(), "schön".into())];
    draft.user_agent = true;
    let letter = composed(draft);
    let head = String::from_utf8_lossy(letter.head()).into_owned();
    for line in [
        "From: Ann <ann@sun.tuc.example>, Eve <eve@x.example>\r\n",
        "Sender: ann@sun.tuc.example\r\n",
        "Reply-To: both@x.example\r\n",
        "In-Reply-To: <2@x>\r\n",
        "References: <1@x> <2@x>\r\n",
        "X-Mood: =?utf-8?Q?sch=C3=B6n?=\r\n",
        "User-Agent: Postrider/",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line}: {head}");
    }
}

/// Register: 2045-4-a, 2045-6.2-a, 2045-2.7-a, 2045-2.8-a, 5322-2.1-a, 5322-2.1.1-a, 5322-2.3-c,
/// 5322-3.5-a
#[test]
fn bodies_are_labelled_by_what_they_hold() {
    let long = [b"x".repeat(999), b"\n".to_vec()].concat();
    let long_utf8 = "é".repeat(500).into_bytes();
    let cases: &[(&[u8], &str, &str)] = &[
        (b"plain\n", "", ""),
        ("Grüße\n".as_bytes(), "utf-8", "8bit"),
        (b"Gr\xfc\xdfe\n", "unknown-8bit", "8bit"),
        (&long, "us-ascii", "quoted-printable"),
        (&long_utf8, "utf-8", "quoted-printable"),
        (b"nul \0\n", "us-ascii", "quoted-printable"),
    ];
    for (body, charset, encoding) in cases {
        let mut letter = composed(draft("bob", "", "", body));
        let octets = content(&mut letter);
        let content = String::from_utf8_lossy(&octets);
        assert_eq!(content.contains("MIME-Version: 1.0\r\n"), !charset.is_empty());
        if !charset.is_empty() {
            let fields = format!(
                "Content-Type: text/plain; charset={charset}\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n"
            );
            assert!(content.contains(&fields), "{content}");
        }
        assert!(octets.split(|&byte| byte == b'\n').all(|line| line.len() <= 999));
        assert_eq!(letter.body_type() == mail::BodyType::EightBitMime, *encoding == "8bit");
    }
}

/// Register: 2046-5.1-a, 2046-5.1-c, 2046-5.1-e, 2046-5.1.1-a, 2046-5.1.1-b, 2046-5.1.1-f,
/// 2046-5.1.1-h, 2045-4-b
#[test]
fn what_goes_with_it_comes_back() {
    let room = tempfile::tempdir().unwrap();
    let files: [(&str, Vec<u8>); 5] = [
        ("plan.txt", b"one\n--=_1.2.3\ntwo\n".to_vec()),
        ("no end.txt", "Grüße".as_bytes().to_vec()),
        ("naïve.bin", (0..=255).collect()),
        ("empty", Vec::new()),
        ("large.bin", vec![7; 3 << 20]),
    ];
    let mut draft = draft("bob", "", "files", "Here: é\n".as_bytes());
    for (name, octets) in &files {
        let path = room.path().join(name);
        fs::write(&path, octets).unwrap();
        draft.attachments.push(Attachment::file(&path).unwrap());
    }
    let mut letter = composed(draft);
    assert!(letter.head().is_ascii());
    let octets = content(&mut letter);
    // As it lies in a mailbox.
    let stored: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
    for octets in [&octets, &stored] {
        let parsed = Parsed::read(octets);
        let parts: Vec<_> = parsed.root().children().collect();
        assert_eq!(parts.len(), 6);
        assert_eq!(parts[0].text().to_string().trim_end(), "Here: é");
        for (part, (name, file)) in parts[1..].iter().zip(&files) {
            assert_eq!(part.file_name().as_deref(), Some(*name));
            let (body, defects) = part.body();
            assert!(defects.is_empty(), "{name}: {defects:?}");
            let lf: Vec<u8> = body.iter().copied().filter(|octet| *octet != b'\r').collect();
            let body = if name.ends_with("txt") { lf } else { body.into_owned() };
            assert!(body == *file, "{name}");
        }
    }
}

#[test]
fn a_flowed_text() {
    let mut draft = draft("bob", "", "x", &b"word ".repeat(40));
    draft.flowed = true;
    let octets = content(&mut composed(draft));
    let text = String::from_utf8_lossy(&octets);
    assert!(
        text.contains("Content-Type: text/plain; format=flowed; charset=us-ascii\r\n"),
        "{text}"
    );
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(body.lines().count() > 2 && body.lines().all(|line| line.len() < 79), "{body}");
}

/// Octets go as they are where that is asked for, and what holds them says so; in lines they come back the
/// same. Register: 2045-6.4-b, 3030-3-b
#[test]
fn octets_as_they_are() {
    let room = tempfile::tempdir().unwrap();
    let octets = b"\0\r\n.\r\n\r\r\n\n\xff--=_1.2.3_=";
    fs::write(room.path().join("a.bin"), octets).unwrap();
    fs::write(room.path().join("a.txt"), "Gr\u{fc}\u{df}e\n").unwrap();
    for (binary, seven_bit, encodings) in [
        (true, false, ["binary", "binary", "8bit"]),
        (false, false, ["8bit", "base64", "8bit"]),
        (true, true, ["", "base64", "quoted-printable"]),
    ] {
        let mut draft = draft("bob", "", "x", b"See this.\n");
        (draft.binary, draft.seven_bit) = (binary, seven_bit);
        for name in ["a.bin", "a.txt"] {
            draft.attachments.push(Attachment::file(&room.path().join(name)).unwrap());
        }
        let mut letter = composed(draft);
        let all = content(&mut letter);
        let heads = String::from_utf8_lossy(&all);
        let [whole, file, text] = encodings;
        for (after, encoding) in
            [("multipart/mixed", whole), ("octet-stream", file), ("plain; charset=utf-8", text)]
        {
            let field = heads.split(after).nth(1).unwrap();
            let field = field.split("\r\n\r\n").next().unwrap();
            let said = field.split("Encoding: ").nth(1).and_then(|rest| rest.lines().next());
            assert_eq!(said.unwrap_or_default(), encoding, "{heads}");
        }
        let is_binary = binary && !seven_bit;
        assert_eq!(letter.body_type() == mail::BodyType::Binary, is_binary);
        assert_eq!(memchr::memmem::find(&all, octets).is_some(), is_binary);
        if is_binary {
            let mut lines = letter.in_eight_bits().unwrap();
            assert_eq!(lines.body_type(), mail::BodyType::EightBitMime);
            let all = content(&mut lines);
            assert!(all.split(|octet| *octet == b'\n').all(|line| line.len() < 80), "in lines");
            let parsed = Parsed::read(&all);
            assert_eq!(parsed.root().children().nth(1).unwrap().body().0.as_ref(), octets);
        }
    }
}
