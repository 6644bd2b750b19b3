use super::*;

fn text(name: &str, value: &str) -> String {
    let mut out = Vec::new();
    write_text(&mut out, name, value);
    String::from_utf8(out).unwrap()
}

/// Register: 5322-2.2-b, 2047-2-a, 2047-4.2-a, 2047-7-a
#[test]
fn subjects() {
    let cases = [
        ("testing", "Subject: testing\r\n"),
        ("", "Subject:\r\n"),
        ("a  b", "Subject: a  b\r\n"),
        ("a\r\nBcc: eve@x.example", "Subject: a  Bcc: eve@x.example\r\n"),
        ("Grüße an alle", "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe_an_alle?=\r\n"),
        ("naïve idea", "Subject: =?UTF-8?Q?na=C3=AFve_idea?=\r\n"),
        ("письмо", "Subject: =?UTF-8?B?0L/QuNGB0YzQvNC+?=\r\n"),
        ("=?foo?= is no word", "Subject: =?UTF-8?Q?=3D=3Ffoo=3F=3D_is_no_word?=\r\n"),
    ];
    for (value, expected) in cases {
        assert_eq!(text("Subject", value), expected, "{value}");
    }
}

/// Register: 5322-2.1.1-a, 5322-2.1.1-b, 5322-3.2.2-a, 2047-2-b, 2047-5-h, 2047-5-i
#[test]
fn long_subjects_fold() {
    let values = [
        "word ".repeat(60),
        format!("a{}b", " ".repeat(300)),
        "€😀".repeat(80),
        "é".repeat(200),
        "x".repeat(2000),
        format!("{} é {}", "plain words ".repeat(20), "y".repeat(300)),
    ];
    for value in values {
        let field = text("Subject", &value);
        let long = if value.contains("   ") { 998 } else { 78 };
        for line in field.trim_end().split("\r\n") {
            assert!(line.len() <= long, "{line}");
            assert!(!line.trim().is_empty(), "a blank line in {field}");
            assert!(!line.contains("=?") || line.len() <= 76, "{line}");
            for word in line.split(' ').filter(|word| word.starts_with("=?")) {
                assert!(word.len() <= 75 && decode(word).is_some(), "{word}");
            }
        }
        let unfolded = field.trim_end().replace("\r\n", "");
        let read = unfolded.strip_prefix("Subject: ").unwrap();
        let read = if read.starts_with("=?") {
            read.split(' ').map(|word| decode(word).unwrap()).collect()
        } else {
            read.to_owned()
        };
        assert_eq!(read, value.trim());
    }
}

/// The text of one encoded-word, whole characters only.
fn decode(word: &str) -> Option<String> {
    let (encoding, text) = word.strip_prefix("=?UTF-8?")?.strip_suffix("?=")?.split_once('?')?;
    let mut octets = Vec::new();
    if encoding == "Q" {
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            octets.push(match byte {
                b'_' => b' ',
                b'=' => {
                    let hex = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
    } else {
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for group in text.as_bytes().chunks(4) {
            let value = |byte: &u8| digits.find(char::from(*byte)).unwrap_or(0) as u32;
            let bits = group.iter().fold(0, |bits, byte| bits << 6 | value(byte));
            let padding = group.iter().filter(|&&byte| byte == b'=').count();
            octets.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
        }
    }
    String::from_utf8(octets).ok()
}

/// Register: 2047-5-c, 2047-5-d, 2047-5-e, 5322-3.4-a, 5322-2.2.3-a
#[test]
fn addresses() {
    let entry = |name: &str, address: &str| Entry {
        name: (!name.is_empty()).then(|| name.to_owned()),
        mailbox: address.parse().unwrap(),
        completed: false,
    };
    let field = |entries: &[Entry]| {
        let mut out = Vec::new();
        write_addresses(&mut out, "To", entries);
        String::from_utf8(out).unwrap()
    };
    let cases = [
        (entry("", "a@x.example"), "To: a@x.example\r\n"),
        (entry("Ann Archer", "a@x.example"), "To: Ann Archer <a@x.example>\r\n"),
        (entry("J. Doe", "a@x.example"), "To: \"J. Doe\" <a@x.example>\r\n"),
        (entry("a \"b\" \\", "a@x.example"), "To: \"a \\\"b\\\" \\\\\" <a@x.example>\r\n"),
        (
            entry("Jürg Meier (x)", "a@x.example"),
            "To: =?UTF-8?Q?J=C3=BCrg_Meier_=28x=29?= <a@x.example>\r\n",
        ),
        (
            entry("=?UTF-8?Q?J=C3=BCrg?=", "a@x.example"),
            "To: =?UTF-8?Q?J=C3=BCrg?= <a@x.example>\r\n",
        ),
        (entry("=?bad", "a@x.example"), "To: =?UTF-8?B?PT9iYWQ=?= <a@x.example>\r\n"),
        (entry("x\r\nBcc: y", "a@x.example"), "To: \"x  Bcc: y\" <a@x.example>\r\n"),
        (entry("", "\"a b\"@x.example"), "To: \"a b\"@x.example\r\n"),
    ];
    for (entry, expected) in cases {
        assert_eq!(field(&[entry]), expected);
    }
    assert_eq!(field(&[]), "");
    let many: Vec<Entry> =
        (0..30).map(|n| entry("Some Person", &format!("person{n}@long.domain.example"))).collect();
    let folded = field(&many);
    assert!(folded.split("\r\n").all(|line| line.len() <= 78));
    let read = super::super::addresses::read_list(&folded[3..], &"h".parse().unwrap()).unwrap();
    assert_eq!(read, many);
}

#[test]
fn base64_vectors() {
    // RFC 4648 §10.
    let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
    for (octets, expected) in cases {
        let mut out = String::new();
        base64_into(&mut out, octets.as_bytes());
        assert_eq!(out, expected);
    }
}
