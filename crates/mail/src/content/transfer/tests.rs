use super::*;

fn decode(encoding: TransferEncoding, encoded: &[u8], piece: usize) -> (Vec<u8>, Defects) {
    let mut decoder = Decoder::new(encoding);
    let mut out = Vec::new();
    encoded
        .chunks(piece.clamp(1, encoded.len().max(1)))
        .for_each(|chunk| decoder.feed(chunk, &mut out));
    let defects = decoder.finish(&mut out);
    (out, defects)
}

/// Each row whole and in pieces.
fn check(encoding: TransferEncoding, rows: &[(&str, &str, Option<Defect>)]) {
    for (encoded, want, defect) in rows {
        for piece in [usize::MAX, 3, 2, 1] {
            let (octets, defects) = decode(encoding, encoded.as_bytes(), piece);
            let text = String::from_utf8_lossy(&octets);
            assert_eq!((&*text, defects), (*want, Defects::from(*defect)), "{encoded:?}");
        }
    }
}

/// Register: 2045-6.7-d, 2045-6.7-g, 2045-6.7-i.
#[test]
fn quoted_printable_read() {
    const BAD: Option<Defect> = Some(Defect::BadQuotedPrintable);
    check(
        TransferEncoding::QuotedPrintable,
        &[
            ("", "", None),
            ("plain\r\ntext\r\n", "plain\r\ntext\r\n", None),
            // The example of RFC 2045 §6.7.
            (
                "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
                "Now's the time for all folk to come to the aid of their country.",
                None,
            ),
            ("J=C3=B8rn", "Jørn", None),
            ("J=c3=b8rn", "Jørn", None),
            ("blanks  \t \r\nat ends \r\n", "blanks\r\nat ends\r\n", None),
            ("kept=20\r\n=09\r\n", "kept \r\n\t\r\n", None),
            ("soft=  \t\r\nbreak", "softbreak", None),
            ("soft=\nbreak\n", "softbreak\n", None),
            ("at the end=", "at the end", None),
            ("at the end=\r\n", "at the end", None),
            ("at the end  ", "at the end", None),
            ("lone\rCR", "lone\rCR", None),
            ("a == b", "a == b", BAD),
            ("a =x b", "a =x b", BAD),
            ("a =4", "a =4", BAD),
            ("a =4 b", "a =4 b", BAD),
            ("a = b", "a = b", BAD),
            ("a ==41", "a =A", BAD),
            ("é", "é", BAD),
        ],
    );
    let long = "x".repeat(10_000);
    check(TransferEncoding::QuotedPrintable, &[(&long, &long, None)]);
}

/// Register: 2045-6.8-b, 2045-6.8-c.
#[test]
fn base64_read() {
    const BAD: Option<Defect> = Some(Defect::BadBase64);
    check(
        TransferEncoding::Base64,
        &[
            ("", "", None),
            // The vectors of RFC 4648 §10.
            ("Zg==", "f", None),
            ("Zm8=", "fo", None),
            ("Zm9v", "foo", None),
            ("Zm9vYg==", "foob", None),
            ("Zm9vYmE=", "fooba", None),
            ("Zm9vYmFy", "foobar", None),
            ("Zm9v\r\nYm\r\n Fy\r\n", "foobar", None),
            ("Z\r\ng\r\n=\r\n=\r\n", "f", None),
            // Pieces put together.
            ("Zg==Zm8=", "ffo", None),
            ("Zm9v-YmFy!", "foobar", BAD),
            ("Zm9vYg", "foob", BAD),
            ("Zm9vYmE", "fooba", BAD),
            ("Zm9vY", "foo", BAD),
            ("Zg=", "f", BAD),
            ("Zg=Zg==", "ff", BAD),
            ("=Zg==", "f", BAD),
            ("Zm9v=", "foo", BAD),
        ],
    );
}

#[test]
fn uuencode_read() {
    const BAD: Option<Defect> = Some(Defect::BadUuencode);
    check(
        TransferEncoding::Uuencode,
        &[
            ("words\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nwords\r\n", "Cat", None),
            ("begin 644 x\n#0V%T\n \nend\n", "Cat", None),
            ("begin 644 x\n#0V%T\n", "Cat", BAD),
            ("#0V%T\n", "", BAD),
            ("begin 644 x\n&0V%T\nend", "Cat\0\0\0", BAD),
        ],
    );
}

fn quoted(octets: &[u8], source: Source, piece: usize) -> Vec<u8> {
    let mut encoder = QuotedPrintableEncoder::new(source);
    let mut out = Vec::new();
    octets.chunks(piece).for_each(|chunk| encoder.feed(chunk, &mut out));
    encoder.finish(&mut out);
    out
}

fn base64(octets: &[u8], piece: usize) -> Vec<u8> {
    let mut encoder = Base64Encoder::new();
    let mut out = Vec::new();
    octets.chunks(piece).for_each(|chunk| encoder.feed(chunk, &mut out));
    encoder.finish(&mut out);
    out
}

/// Register: 2045-6.7-a, 2045-6.7-c, 2045-6.7-e.
#[test]
fn quoted_printable_written() {
    let rows: &[(&str, &str, &str)] = &[
        ("plain text", "plain text", "plain text"),
        ("a=b", "a=3Db", "a=3Db"),
        ("é", "=C3=A9", "=C3=A9"),
        ("a \r\nb\t\r\n", "a=20\r\nb=09\r\n", "a =0D=0Ab\t=0D=0A"),
        ("a ", "a=20", "a=20"),
        ("a\rb\nc", "a=0Db=0Ac", "a=0Db=0Ac"),
        ("\r\r\n", "=0D\r\n", "=0D=0D=0A"),
        ("From x\r\n.\r\n", "=46rom x\r\n=2E\r\n", "=46rom x=0D=0A.=0D=0A"),
        ("a\0b\u{7f}", "a=00b=7F", "a=00b=7F"),
    ];
    for (octets, text, binary) in rows {
        for piece in [100, 1] {
            let got = quoted(octets.as_bytes(), Source::Text, piece);
            assert_eq!(String::from_utf8_lossy(&got), *text, "{octets:?}");
            let got = quoted(octets.as_bytes(), Source::Binary, piece);
            assert_eq!(String::from_utf8_lossy(&got), *binary, "{octets:?}");
        }
    }
}

#[test]
fn base64_written() {
    assert_eq!(base64(b"", 1), b"");
    assert_eq!(base64(b"foob", 1), b"Zm9vYg==\r\n");
    assert_eq!(base64(&[0; 57], 10), [b"A".repeat(76), b"\r\n".to_vec()].concat());
}

/// Register: 2045-2.7-a, 2045-2.8-a, 2045-2.9-a, 2045-6.2-a.
#[test]
fn labels() {
    use TransferEncoding::{Base64, Binary, EightBit, QuotedPrintable, SevenBit};
    let long = "x".repeat(999);
    let full = format!("{}\r\n", "x".repeat(998));
    // Octets, their domain, and the choice for a path of 7bit, 8bit, binary as text.
    let rows: &[(&[u8], _, [_; 3])] = &[
        (b"plain\r\n", SevenBit, [SevenBit; 3]),
        (full.as_bytes(), SevenBit, [SevenBit; 3]),
        (
            "é is one of many characters\r\n".as_bytes(),
            EightBit,
            [QuotedPrintable, EightBit, EightBit],
        ),
        (long.as_bytes(), Binary, [QuotedPrintable, QuotedPrintable, Binary]),
        (b"a\rb", Binary, [QuotedPrintable, QuotedPrintable, Binary]),
        (b"a\nb", Binary, [QuotedPrintable, QuotedPrintable, Binary]),
        (b"a\r", Binary, [QuotedPrintable, QuotedPrintable, Binary]),
        (b"a\0b long enough", Binary, [QuotedPrintable, QuotedPrintable, Binary]),
        (&[0, 255, 1, 254], Binary, [Base64, Base64, Binary]),
        ("日本語".as_bytes(), EightBit, [Base64, EightBit, EightBit]),
    ];
    for (octets, domain, choices) in rows {
        let measure = Measure::of(octets);
        assert_eq!(measure.domain(), *domain, "{octets:?}");
        for (path, want) in [SevenBit, EightBit, Binary].into_iter().zip(choices) {
            assert_eq!(measure.choose(path, true), *want, "{octets:?} over {path}");
        }
    }
    // A file is not left to hosts that mend blanks.
    assert_eq!(Measure::of(b"a \r\nb").choose(SevenBit, false), QuotedPrintable);
}

/// Register: 2045-6.1-a.
#[test]
fn names() {
    for encoding in [
        TransferEncoding::SevenBit,
        TransferEncoding::EightBit,
        TransferEncoding::Binary,
        TransferEncoding::QuotedPrintable,
        TransferEncoding::Base64,
        TransferEncoding::Uuencode,
    ] {
        let name = encoding.name().to_ascii_uppercase();
        assert_eq!(TransferEncoding::from_name(name.as_bytes()), encoding);
    }
    assert_eq!(TransferEncoding::from_name(b"x-odd"), TransferEncoding::Unknown);
    let (octets, defects) = TransferEncoding::Unknown.decode(b"x=41");
    assert_eq!((&*octets, defects), (&b"x=41"[..], Defect::UnknownEncoding.into()));
    assert_eq!(TransferEncoding::SevenBit.decode(b"\xe9").1, Defect::EightBit.into());
}

/// Octets with the shapes that matter.
fn octets() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        proptest::prop_oneof![
            proptest::strategy::Just(b"\r\n".to_vec()),
            proptest::strategy::Just(b" ".to_vec()),
            proptest::strategy::Just(b"=".to_vec()),
            proptest::collection::vec(proptest::num::u8::ANY, 1..4),
            proptest::strategy::Just(vec![b'x'; 75]),
        ],
        0..60,
    )
    .prop_map(|pieces| pieces.concat())
}

use proptest::strategy::Strategy as _;

proptest::proptest! {
    /// Register: 2045-6.7-f, 2045-6.7-h, 2045-6.8-a, 2045-6.7-b.
    #[test]
    fn encoded_reads_back(octets in octets(), piece in 1_usize..20) {
        for source in [Source::Text, Source::Binary] {
            let encoded = quoted(&octets, source, piece);
            proptest::prop_assert_eq!(&encoded, &quoted(&octets, source, 1));
            proptest::prop_assert_eq!(Measure::of(&encoded).domain(), TransferEncoding::SevenBit);
            let text = String::from_utf8(encoded.clone()).unwrap();
            for line in text.split("\r\n") {
                proptest::prop_assert!(line.len() <= LINE_MAX, "{}", line);
                proptest::prop_assert!(!line.ends_with([' ', '\t']), "{}", line);
                proptest::prop_assert!(!line.starts_with(['.', 'F']), "{}", line);
            }
            let (back, defects) = decode(TransferEncoding::QuotedPrintable, &encoded, piece);
            proptest::prop_assert_eq!(&back, &octets);
            proptest::prop_assert!(defects.is_empty());
        }
        let encoded = base64(&octets, piece);
        proptest::prop_assert_eq!(&encoded, &base64(&octets, 1));
        proptest::prop_assert!(encoded.split(|&one| one == b'\n').all(|line| line.len() <= LINE_MAX + 1));
        let (back, defects) = decode(TransferEncoding::Base64, &encoded, piece);
        proptest::prop_assert_eq!(&back, &octets);
        proptest::prop_assert!(defects.is_empty());
    }

    #[test]
    fn cuts_do_not_matter(octets in octets(), piece in 1_usize..9) {
        for encoding in [
            TransferEncoding::QuotedPrintable,
            TransferEncoding::Base64,
            TransferEncoding::Uuencode,
            TransferEncoding::SevenBit,
        ] {
            proptest::prop_assert_eq!(
                decode(encoding, &octets, piece),
                decode(encoding, &octets, usize::MAX)
            );
        }
        let whole = Measure::of(&octets);
        let mut pieces = Measure::new();
        octets.chunks(piece).for_each(|chunk| pieces.feed(chunk));
        proptest::prop_assert_eq!(whole.domain(), pieces.domain());
    }
}
