use super::*;

fn in_pieces(octets: &[u8], piece: usize, mut push: impl FnMut(&[u8])) {
    octets.chunks(piece.max(1)).for_each(&mut push);
}

/// Register: 5321-2.3.8-c, 5322-2.3-a, 5322-2.3-b
#[test]
fn line_ends() {
    let cases = [
        ("", ""),
        ("a", "a\r\n"),
        ("a\n", "a\r\n"),
        ("a\r\n", "a\r\n"),
        ("a\r", "a\r\n"),
        ("a\n\nb", "a\r\n\r\nb\r\n"),
        ("a\r\n\r\nb", "a\r\n\r\nb\r\n"),
        ("a\r\rb", "a\r\n\r\nb\r\n"),
        ("a\n\r\nb", "a\r\n\r\nb\r\n"),
        ("a\r\n\nb", "a\r\n\r\nb\r\n"),
        ("a\rb\nc", "a\r\nb\r\nc\r\n"),
        ("\n", "\r\n"),
    ];
    for (text, expected) in cases {
        for piece in [usize::MAX, 1, 2] {
            let (mut canonical, mut out) = (Canonical::default(), Vec::new());
            in_pieces(text.as_bytes(), piece, |octets| canonical.push(octets, &mut out));
            canonical.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?} by {piece}");
        }
    }
}

#[test]
fn surveys() {
    let survey = |octets: &[u8]| {
        let mut survey = Survey::default();
        survey.push(octets);
        survey
    };
    assert!(!survey(b"plain\r\n").eight_bit);
    assert_eq!(survey(b"four\r\nsix66\r\n").longest_line, 5);
    assert!(survey(b"a\0").nul);
    let samples: &[&[u8]] = &[
        "é€😀\u{d7ff}\u{e000}\u{10ffff}".as_bytes(),
        b"\xff",
        b"\xc3",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xc3(",
        b"\x80",
        b"\xf5\x80\x80\x80",
    ];
    for octets in samples {
        assert_eq!(survey(octets).is_utf8(), std::str::from_utf8(octets).is_ok(), "{octets:?}");
    }
}
