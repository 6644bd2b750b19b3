use super::*;
use crate::agent::addresses::read_list;

/// Names as people have them, and back.
///
/// Register: 2047-5-c, 2047-5-d, 2047-5-e, 5322-3.4-a, 5322-2.2.3-a
#[test]
fn addresses() {
    let entry = |name: &str, address: &str| Entry {
        name: (!name.is_empty()).then(|| name.to_owned()),
        mailbox: address.parse().unwrap(),
        completed: false,
    };
    let field = |entries: &[Entry]| {
        let mut out = HeadWriter::new(false);
        write_addresses(&mut out, "To", entries).unwrap();
        String::from_utf8(out.finish()).unwrap()
    };
    let cases = [
        (entry("", "a@x.example"), "To: a@x.example\r\n"),
        (entry("Ann Archer", "a@x.example"), "To: Ann Archer <a@x.example>\r\n"),
        (entry("J. Doe", "a@x.example"), "To: \"J. Doe\" <a@x.example>\r\n"),
        (entry("x\r\nBcc: y", "a@x.example"), "To: \"x  Bcc: y\" <a@x.example>\r\n"),
        (entry("", "\"a b\"@x.example"), "To: \"a b\"@x.example\r\n"),
    ];
    for (entry, expected) in cases {
        assert_eq!(field(&[entry]), expected);
    }
    assert_eq!(field(&[]), "");
    let names = ["Some Person", "Jürg Meier (x)", "a \"b\" \\", "=?bad", "漢字", "Doe, J."];
    let many: Vec<Entry> = (0..30)
        .map(|n| entry(names[n % names.len()], &format!("person{n}@long.domain.example")))
        .collect();
    let folded = field(&many);
    assert!(folded.is_ascii() && folded.split("\r\n").all(|line| line.len() <= 78), "{folded}");
    let read = read_list(&folded[3..], &"h".parse().unwrap()).unwrap();
    assert_eq!(read, many);
}

#[test]
fn fields_of_the_person() {
    let rows = [
        ("X-Face", "a\tb", true),
        ("Organization", "Grüße", true),
        ("X-Face", "a\nBcc: b", false),
        ("subject", "x", false),
        ("Resent-To", "x", false),
        ("Content-Type", "x", false),
        ("user-agent", "x", false),
        ("Auto-Submitted", "x", false),
        ("a b", "x", false),
        ("", "x", false),
        ("é", "x", false),
    ];
    for (name, value, may) in rows {
        assert_eq!(is_extra_field(name, value).is_ok(), may, "{name}: {value:?}");
    }
    assert!(is_extra_field(&"x".repeat(500), "x").is_err());
}
