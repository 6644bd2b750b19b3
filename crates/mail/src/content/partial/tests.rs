use super::*;

/// The example of RFC 2046 §5.2.2.2. Register: 2046-5.2.2.1-a.
#[test]
fn example_of_the_standard() {
    let first = b"X-Weird-Header-1: Foo\r\nFrom: Bill@host.com\r\nTo: joe@otherhost.com\r\n\
        Date: Fri, 26 Mar 1993 12:59:38 -0500 (EST)\r\nSubject: Audio mail (part 1 of 2)\r\n\
        Message-ID: <id1@host.com>\r\nMIME-Version: 1.0\r\n\
        Content-type: message/partial; id=\"ABC@host.com\";\r\n\x20              number=1; total=2\r\n\r\n\
        X-Weird-Header-1: Bar\r\nX-Weird-Header-2: Hello\r\nMessage-ID: <anotherid@foo.com>\r\n\
        Subject: Audio mail\r\nMIME-Version: 1.0\r\nContent-type: audio/basic\r\n\
        Content-transfer-encoding: base64\r\n\r\nfirst half\r\n";
    let second = b"From: Bill@host.com\r\nTo: joe@otherhost.com\r\n\
        Date: Fri, 26 Mar 1993 12:59:38 -0500 (EST)\r\nSubject: Audio mail (part 2 of 2)\r\n\
        MIME-Version: 1.0\r\nMessage-ID: <id2@host.com>\r\nContent-type: message/partial;\r\n\
        \x20               id=\"ABC@host.com\"; number=2; total=2\r\n\r\nsecond half\r\n";
    let want = "X-Weird-Header-1: Foo\r\nFrom: Bill@host.com\r\nTo: joe@otherhost.com\r\n\
        Date: Fri, 26 Mar 1993 12:59:38 -0500 (EST)\r\nMessage-ID: <anotherid@foo.com>\r\n\
        Subject: Audio mail\r\nMIME-Version: 1.0\r\nContent-type: audio/basic\r\n\
        Content-transfer-encoding: base64\r\n\r\nfirst half\r\nsecond half\r\n";
    let (one, two) = (Letter::read(first), Letter::read(second));
    let mut gathered = Gathered::default();
    assert!(gathered.add(Fragment::of(&two).unwrap()));
    assert_eq!((gathered.total(), gathered.missing(), gathered.whole()), (Some(2), vec![1], None));
    assert!(gathered.add(Fragment::of(&one).unwrap()));
    assert!(!gathered.add(Fragment::of(&one).unwrap()));
    assert_eq!(gathered.count(), 2);
    assert_eq!(String::from_utf8(gathered.whole().unwrap()).unwrap(), want);
}

/// Number and total.
type Given = (u32, Option<u32>);

/// The spellings of RFC 2046 §5.2.2, and what is none.
#[test]
fn parameters() {
    let rows: &[(&str, Option<Given>)] = &[
        (
            "Message/Partial; number=2; total=3; id=\"oc=jpbe0M2Yt4s@thumper.bellcore.com\"",
            Some((2, Some(3))),
        ),
        ("Message/Partial; id=\"oc=jpbe0M2Yt4s@thumper.bellcore.com\"; number=2", Some((2, None))),
        ("message/partial; id=x; number=0", None),
        ("message/partial; id=x; number=1000000", None),
        ("message/partial; id=x; number=two", None),
        ("message/partial; id=x", None),
        ("message/partial; number=1", None),
        ("message/rfc822; id=x; number=1", None),
    ];
    for (value, want) in rows {
        let letter = format!("Content-Type: {value}\r\n\r\nx");
        let read = Letter::read(letter.as_bytes());
        let got = Fragment::of(&read).map(|piece| (piece.number, piece.total));
        assert_eq!(got, *want, "{value}");
    }
}

fn ids() -> impl FnMut() -> MessageId {
    let mut ids = (1..).map(|number| MessageId::new(&format!("{number}@x.example")).unwrap());
    move || ids.next().unwrap()
}

/// Register: 2046-5.2.2-a, 2046-5.2.2.1-a.
#[test]
fn splits() {
    let letter = format!(
        "From: a@x.example\r\nTo: b@y.example,\r\n c@y.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
         Message-ID: <whole@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=us-ascii\r\n\
         \r\n{}{}\r\n{}",
        "line\r\n".repeat(1000),
        "y".repeat(998),
        "\r\n".repeat(500),
    );
    let id = MessageId::new("id@x.example").unwrap();
    let pieces = split(letter.as_bytes(), 2000, &id, ids()).unwrap();
    assert!(pieces.len() > 3);
    let read: Vec<_> = pieces.iter().map(|piece| Letter::read(piece)).collect();
    let mut seen = std::collections::BTreeSet::new();
    for (number, piece) in (1..).zip(&read) {
        assert!(piece.octets().len() <= 2000 && piece.octets().ends_with(b"\r\n"));
        assert_eq!(Measure::of(piece.octets()).domain(), TransferEncoding::SevenBit);
        let fragment = Fragment::of(piece).unwrap();
        assert_eq!((fragment.number, fragment.total), (number, u32::try_from(pieces.len()).ok()));
        assert_eq!(fragment.id, "id@x.example");
        assert!(seen.insert(piece.head().message_id().unwrap()));
        let subject = format!("Grüße (part {number} of {})", pieces.len());
        assert_eq!(piece.head().subject().unwrap(), subject.as_str());
    }
    let mut gathered = Gathered::default();
    for piece in read.iter().skip(2).chain(read.iter().take(2)) {
        gathered.add(Fragment::of(piece).unwrap());
    }
    let whole = gathered.whole().unwrap();
    let (got, want) = (Letter::read(&whole), Letter::read(letter.as_bytes()));
    assert_eq!(got.root().raw_body(), want.root().raw_body());
    for name in ["From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"] {
        assert_eq!(got.head().get(name).unwrap().raw, want.head().get(name).unwrap().raw);
        assert_eq!(got.head().all(name).count(), 1);
    }
}

#[test]
fn refusals() {
    let id = MessageId::new("id@x.example").unwrap();
    let long = format!("A: 1\r\n\r\n{}", "line\r\n".repeat(1000));
    assert_eq!(split(long.as_bytes(), 500, &id, ids()), Err(SplitError::TooSmall));
    let eight = format!("A: 1\r\n\r\n{}", "línea\r\n".repeat(1000));
    assert_eq!(split(eight.as_bytes(), 3000, &id, ids()), Err(SplitError::NotSevenBit));
    assert_eq!(split(b"A: 1\r\n\r\nx\r\n", 500, &id, ids()).unwrap(), [b"A: 1\r\n\r\nx\r\n"]);
}

/// Pieces of different letters do not mix, and gaps stay gaps.
#[test]
fn gathers_one_letter_only() {
    let piece = |value: &str| format!("Content-Type: message/partial; {value}\r\n\r\nx\r\n");
    let (one, other) = (piece("id=a; number=1"), piece("id=b; number=2; total=2"));
    let last = piece("id=a; number=4; total=4");
    let (one, other) = (Letter::read(one.as_bytes()), Letter::read(other.as_bytes()));
    let last = Letter::read(last.as_bytes());
    let mut gathered = Gathered::default();
    assert!(gathered.add(Fragment::of(&one).unwrap()));
    assert_eq!(gathered.whole(), None);
    assert!(!gathered.add(Fragment::of(&other).unwrap()));
    assert!(gathered.add(Fragment::of(&last).unwrap()));
    assert_eq!((gathered.missing(), gathered.whole()), (vec![2, 3], None));
}
