use super::*;

#[test]
fn a_tree() {
    let octets = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\ntwo\r\n--b--\r\n";
    let letter = Letter::read(octets);
    let paths: Vec<_> =
        letter.parts().map(|part| (part.path(), part.media_type().to_string())).collect();
    let want = [
        (vec![], "multipart/mixed"),
        (vec![1], "text/plain"),
        (vec![2], "message/rfc822"),
        (vec![2, 1], "text/plain"),
    ];
    let want: Vec<_> = want.into_iter().map(|(path, kind)| (path, kind.to_owned())).collect();
    assert_eq!(paths, want);
    let inner = letter.part(3).unwrap();
    assert_eq!(inner.head().subject().unwrap(), "y");
    assert_eq!(inner.raw_body(), b"two");
    assert_eq!(letter.part(2).unwrap().raw_body(), b"Subject: y\r\n\r\ntwo");
    assert_eq!(letter.root().octets(), octets);
    assert!(letter.defects().is_empty());
    assert!(letter.part(4).is_none());
}

/// Register: 2046-5.1.5-a.
#[test]
fn parts_of_digests() {
    let letter = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\none\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--\r\n";
    let letter = Letter::read(letter.as_bytes());
    let kinds: Vec<_> =
        letter.parts().map(|part| (part.kind(), part.media_type().to_string())).collect();
    let want = [
        (Kind::Digest, "multipart/digest"),
        (Kind::Message, "message/rfc822"),
        (Kind::Plain, "text/plain"),
        (Kind::Plain, "text/plain"),
    ];
    assert_eq!(kinds, want.map(|(kind, media)| (kind, media.to_owned())));
}

/// Composites in an encoding, which none may have: what can be read is.
#[test]
fn encoded_composites() {
    let inner = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeAoKeQ==";
    let letter = Letter::read(inner.as_bytes());
    assert!(letter.root().is_encoded_message());
    let (octets, _) = letter.root().body();
    assert_eq!(Letter::read(&octets).head().subject().unwrap(), "x");
    for encoding in ["base64", "quoted-printable", "x-odd"] {
        let octets = format!(
            "Content-Type: multipart/alternative; boundary=b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n\
             --b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
        );
        let letter = Letter::read(octets.as_bytes());
        assert_eq!(
            (letter.root().kind(), letter.root().children().count()),
            (Kind::Alternative, 2)
        );
        assert!(!letter.root().is_encoded_message() && !letter.defects().is_empty());
    }
    let none = "Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==";
    assert!(!Letter::read(none.as_bytes()).root().is_encoded_message());
}

proptest::proptest! {
    /// Parts lie within each other, in order, and what they are asked gives no panic.
    #[test]
    fn anything_is_a_letter(
        letter in "(Content-Type: (multipart/mixed; boundary=(a|ab)|message/rfc822|text/(plain; charset=(utf-8|x)|enriched))|Content-Transfer-Encoding: (base64|quoted-printable|x-uuencode)|Content-Disposition: attachment; filename\\*=|--a|--ab|=|-| |:|X: y|begin 644 x|\r\n|\r\n\r\n|\n|\r|\u{e9}|\u{0}){0,60}",
    ) {
        let letter = Letter::read(letter.as_bytes());
        proptest::prop_assert_eq!(letter.root().octets(), letter.octets());
        for part in letter.parts() {
            let range = part.range();
            let mut at = part.body_range().start;
            proptest::prop_assert!(range.start <= at && at <= range.end);
            for child in part.children() {
                proptest::prop_assert!(child.range().start >= at);
                proptest::prop_assert!(child.range().end <= range.end);
                at = child.range().end;
            }
            part.examine();
            part.text();
            part.file_name();
        }
    }
}
