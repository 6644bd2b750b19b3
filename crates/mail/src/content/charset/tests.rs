use super::*;

/// A word in every charset, and what it reads. Register: 2046-4.1.2-a.
#[test]
fn charsets() {
    let rows: &[(&str, &[u8], &str)] = &[
        ("us-ascii", b"plain", "plain"),
        ("US-ASCII", b"plain", "plain"),
        ("utf-8", "Jørn ☃".as_bytes(), "Jørn ☃"),
        ("UTF8", "Jørn".as_bytes(), "Jørn"),
        ("iso-8859-1", b"Andr\xe9", "André"),
        ("ISO_8859-1:1987", b"Andr\xe9", "André"),
        ("latin1", b"Andr\xe9", "André"),
        ("iso-8859-2", b"\xb1", "ą"),
        ("iso88592", b"\xb1", "ą"),
        ("iso-8859-3", b"\xa1", "Ħ"),
        ("iso-8859-4", b"\xb1", "ą"),
        ("iso-8859-5", b"\xd0", "а"),
        ("iso-8859-6", b"\xc7", "ا"),
        ("iso-8859-7", b"\xe1", "α"),
        ("iso-8859-8", b"\xe0", "א"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("iso-8859-9", b"\xfd", "ı"),
        ("iso-8859-10", b"\xb1", "ą"),
        ("iso-8859-13", b"\xe0", "ą"),
        ("iso-8859-14", b"\xa1", "Ḃ"),
        ("iso-8859-15", b"\xa4", "€"),
        ("iso-8859-16", b"\xa2", "ą"),
        ("windows-1250", b"\xb9", "ą"),
        ("windows-1251", b"\xef\xf0\xe8\xe2\xe5\xf2", "привет"),
        ("cp1251", b"\xef", "п"),
        ("win-1251", b"\xef", "п"),
        ("windows-1252", b"\x80", "€"),
        ("windows-1253", b"\xe1", "α"),
        ("windows-1254", b"\xfd", "ı"),
        ("windows-1255", b"\xe0", "א"),
        ("windows-1256", b"\xc7", "ا"),
        ("windows-1257", b"\xe0", "ą"),
        ("windows-1258", b"\xd5", "Ơ"),
        ("windows-874", b"\xa1", "ก"),
        ("tis-620", b"\xa1", "ก"),
        ("koi8-r", b"\xd0\xd2\xc9\xd7\xc5\xd4", "привет"),
        ("koi8-u", b"\xa4", "є"),
        ("ibm866", b"\xaf", "п"),
        ("macintosh", b"\x8e", "é"),
        ("x-mac-cyrillic", b"\xef", "п"),
        ("gb2312", b"\xc4\xe3\xba\xc3", "你好"),
        ("gbk", b"\xc4\xe3\xba\xc3", "你好"),
        ("gb18030", b"\x81\x30\x89\x38", "ß"),
        ("cp936", b"\xc4\xe3", "你"),
        ("big5", b"\xa7\x41\xa6\x6e", "你好"),
        ("euc-jp", b"\xc6\xfc\xcb\xdc", "日本"),
        ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B", "日本"),
        ("shift_jis", b"\x93\xfa\x96\x7b", "日本"),
        ("x-sjis", b"\x93\xfa\x96\x7b", "日本"),
        ("euc-kr", b"\xbe\xc8\xb3\xe7", "안녕"),
        ("ks_c_5601-1987", b"\xbe\xc8\xb3\xe7", "안녕"),
        ("iso-2022-kr", b"\x1b$)C\x0e>H3g\x0f!", "안녕!"),
        ("hz-gb-2312", b"~{Dc:C~} ~~", "你好 ~"),
        ("utf-7", b"Hi Mom -+Jjo--!", "Hi Mom -☺-!"),
        ("utf-7", b"A+ImIDkQ.", "A≢Α."),
        ("utf-7", b"1 +- 1", "1 + 1"),
        ("utf-16", b"\x00a\x00\xe9", "aé"),
        ("utf-16", b"\xff\xfea\x00\xe9\x00", "aé"),
        ("utf-16le", b"a\x00\xe9\x00", "aé"),
        ("utf-16be", b"\x00a\x00\xe9", "aé"),
        ("utf-32", b"\x00\x00\x00a\x00\x00\x00\xe9", "aé"),
        ("utf-32le", b"a\x00\x00\x00", "a"),
    ];
    for (label, octets, want) in rows {
        let (text, defect) = decode(label, octets);
        assert_eq!((&*text, defect), (*want, None), "{label}");
        assert!(is_known(label), "{label}");
    }
}

#[test]
fn lies() {
    let rows: &[(&str, &[u8], &str, Defect)] = &[
        ("us-ascii", "Jørn".as_bytes(), "Jørn", Defect::EightBit),
        ("us-ascii", b"J\xf8rn", "Jørn", Defect::EightBit),
        ("no-such-charset", b"J\xf8rn", "Jørn", Defect::UnknownCharset),
        ("unknown-8bit", "Jørn".as_bytes(), "Jørn", Defect::UnknownCharset),
        ("", b"J\xf8rn", "Jørn", Defect::UnknownCharset),
        ("utf-8", b"J\xf8rn", "J\u{fffd}rn", Defect::BadCharset),
        ("iso-2022-jp", b"\xff", "\u{fffd}", Defect::BadCharset),
        ("utf-7", b"\xe9+2D3-", "\u{fffd}\u{fffd}", Defect::BadCharset),
        ("utf-32", b"\x00\x11\x00\x00a", "\u{fffd}", Defect::BadCharset),
        ("utf-16", b"\x00a\x00", "a\u{fffd}", Defect::BadCharset),
    ];
    for (label, octets, want, defect) in rows {
        let (text, got) = decode(label, octets);
        assert_eq!((&*text, got), (*want, Some(*defect)), "{label}");
    }
    assert_eq!(decode("no-such-charset", b"plain"), ("plain".into(), None));
}

/// Register: 2046-4.1.2-d.
#[test]
fn goes_out() {
    assert_eq!(smallest("plain"), "us-ascii");
    assert_eq!(smallest("naïve"), "utf-8");
}

proptest::proptest! {
    #[test]
    fn anything_is_text(octets: Vec<u8>, at in 0_usize..12) {
        let labels = ["utf-8", "utf-7", "iso-2022-kr", "hz-gb-2312", "utf-32", "utf-16", "us-ascii",
            "gb18030", "shift_jis", "iso-2022-jp", "big5", "nothing"];
        let (text, defect) = decode(labels[at], &octets);
        // Where nothing is reported, nothing was replaced by a sign of our own.
        if defect.is_none() && labels[at] == "utf-8" {
            proptest::prop_assert_eq!(text.as_bytes(), &*octets);
        }
    }
}
