use super::*;

/// Register: 5322-2.2.3-b, 5322-3.6-g, 5322-4.5-a, 5322-4.5.3-a, 5322-2.2.3-c, 5322-4.2-a.
#[test]
fn fields() {
    let head = b"received: a\r\nSUBJECT : folded\r\n text\r\n\t here\r\nTo: a@x.example\r\nDate: 1 Jan 2000 0:00 GMT\r\n\
        to: b@x.example,\r\n \r\n c@x.example\r\nX: 1\r\nFrom: d@x.example\r\n";
    let head = Head::new(head);
    assert_eq!(head.subject().unwrap(), "folded text\t here");
    assert_eq!(head.raw_text("x").unwrap(), "1");
    let to = head.addresses("To");
    assert_eq!(to.to_string(), "a@x.example, b@x.example, c@x.example");
    assert!(to.defects.has(Defect::Repeated));
    assert_eq!(head.addresses("From").to_string(), "d@x.example");
    assert_eq!(head.reply_to().to_string(), "d@x.example");
    assert_eq!(head.date("Date").unwrap().seconds, 946_684_800);
    assert!(
        head.get("Cc").is_none() && head.text("Cc").is_none() && head.addresses("Cc").is_empty()
    );
    assert!(!head.is_mime() && head.content_type().is_none() && head.disposition().is_none());
    assert!(head.defects().is_empty());
    let long = format!("Subject: {}\r\n", "word ".repeat(20_000));
    assert_eq!(Head::new(long.as_bytes()).subject().unwrap().len(), 99_999);
}

/// Octets that are not what they should be are shown, and told. Register: 5322-4-c.
#[test]
fn odd_octets() {
    let rows: &[(&[u8], &str, &[Defect])] = &[
        ("Subject: Jørn".as_bytes(), "Jørn", &[]),
        (b"Subject: J\xf8rn", "Jørn", &[Defect::BadUtf8InHead]),
        (b"Subject: \xff\xfe\xfd", "ÿþý", &[Defect::BadUtf8InHead]),
        (b"Subject: a\0b", "a\0b", &[Defect::Nul]),
        (b"Subject: \x1b[2Jx", "\x1b[2Jx", &[]),
        (b"Subject: \x1b$BF|K\\\x1b(B", "日本", &[]),
        (b"Subject: =?utf-8?q?=FF?=", "\u{fffd}", &[Defect::BadCharset]),
        (b"Subject:", "", &[]),
        (b"Subject: a\rb", "a\rb", &[]),
    ];
    for (octets, want, defects) in rows {
        let text = Head::new(octets).subject().unwrap();
        assert_eq!(text, *want);
        assert_eq!(text.defects, defects.iter().copied().collect());
    }
    let head = Head::new(b"A: \xff\0\r\n");
    assert_eq!(head.defects(), [Defect::Nul, Defect::BadUtf8InHead].into_iter().collect());
}

/// A value of many megabytes is cut where nobody reads on, and told.
#[test]
fn huge_values() {
    let mut octets = b"Subject: ".to_vec();
    octets.resize(20_000_000, b'x');
    let text = Head::new(&octets).subject().unwrap();
    assert!(text.len() <= VALUE_MAX && text.defects.has(Defect::ValueCut));
    octets[..9].copy_from_slice(b"To:   a@ ");
    let list = Head::new(&octets).addresses("To");
    assert!(list.defects.has(Defect::ValueCut));
}

/// Register: 5322-3.6.2-e.
#[test]
fn where_answers_go() {
    let head = Head::new(b"From: a@x.example\r\nReply-To: b@x.example\r\n");
    assert_eq!(head.reply_to().to_string(), "b@x.example");
    let head = Head::new(b"From: a@x.example\r\nReply-To:\r\n");
    assert_eq!(head.reply_to().to_string(), "a@x.example");
}

/// Register: 3834-5.2-j, 3834-5.2-i.
#[test]
fn who_wrote_it() {
    for (value, automatic) in [
        ("auto-generated", true),
        ("auto-replied; owner-email=\"a@b\"", true),
        ("x-unheard-of", true),
        ("", true),
        ("no", false),
        ("NO (a person)", false),
    ] {
        let head = format!("Auto-Submitted: {value}\r\n");
        assert_eq!(Head::new(head.as_bytes()).is_automatic(), automatic, "{value}");
    }
    assert!(!Head::new(b"Subject: x\r\n").is_automatic());
}

/// Register: 2045-3-a.
#[test]
fn only_content_fields_mean_something_in_parts() {
    let letter = b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Subject: none\r\nFrom: nobody\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n";
    let letter = crate::content::Letter::read(letter);
    assert_eq!(letter.head().subject().unwrap(), "outer");
    assert_eq!(letter.head().addresses("From").items.len(), 0);
    let part = letter.root().children().next().unwrap();
    assert_eq!(part.kind(), crate::content::Kind::Html);
}
