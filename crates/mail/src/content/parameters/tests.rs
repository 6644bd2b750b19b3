use super::*;
use crate::content::{Disposition, MediaType};

/// The examples of RFC 2231, and what they are like in the field. Register: 2231-3-a, 2231-3-b,
/// 2231-4-a, 2231-4.1-a.
#[test]
fn extended() {
    let rows: &[(&str, &str, &str, Option<&str>)] = &[
        (
            "message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
            "url",
            "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar",
            None,
        ),
        (
            "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "title",
            "This is ***fun***",
            Some("en-us"),
        ),
        // As it is printed in the standard, without semicolons.
        (
            "application/x-stuff title*0*=us-ascii'en'This%20is%20even%20more%20 title*1*=%2A%2A%2Afun%2A%2A%2A%20 title*2=\"isn't it!\"",
            "title",
            "This is even more ***fun*** isn't it!",
            Some("en"),
        ),
        ("a/b; x*1=b; x*0=a; x*2=c", "x", "abc", None),
        ("a/b; x*=''plain", "x", "plain", None),
        ("a/b; x*=utf-8''%e2%82%ac", "x", "€", None),
        ("a/b; x*=iso-8859-1'de'%FC", "x", "ü", Some("de")),
        ("a/b; x*0*=utf-8''%e2; x*1*=%82; x*2*=%ac", "x", "€", None),
        ("a/b; x*0*=utf-8''a%20; x*1=%20b", "x", "a %20b", None),
        ("a/b; x=plain; x*=utf-8''%C3%BC", "x", "ü", None),
        ("a/b; X*0=a; x*1=b", "x", "ab", None),
        // Broken ones.
        ("a/b; x*0=a; x*2=c", "x", "a", None),
        ("a/b; x*1=b", "x", "", None),
        ("a/b; x*=noquotes", "x", "noquotes", None),
        ("a/b; x*=utf-8''%GG%4", "x", "%GG%4", None),
        ("a/b; x*=utf-8''%ff", "x", "\u{fffd}", None),
        ("a/b; x*=''%fc", "x", "ü", None),
        ("a/b; x*y=1", "x*y", "1", None),
        ("a/b; x*00=a; x*1=b", "x", "ab", None),
        ("a/b; x*99999999999999999999=a", "x*99999999999999999999", "a", None),
        ("a/b; *=a", "", "a", None),
    ];
    for (value, name, want, language) in rows {
        let media = MediaType::read(value);
        let one = media.parameters.iter().find(|one| one.name == *name).unwrap();
        assert_eq!((&*one.value, one.language.as_deref()), (*want, *language), "{value}");
    }
    let plain = Disposition::read("attachment; filename*0=a; filename*2=b");
    assert!(plain.defects.has(Defect::BadSyntax));
    let bad = Disposition::read("attachment; filename*=utf-8''%ff");
    assert!(bad.defects.has(Defect::BadCharset));
}

/// Encoded words in a name are no law, and are read all the same.
#[test]
fn names_of_files() {
    let rows = [
        ("attachment; filename=\"=?utf-8?Q?na=C3=AFve.txt?=\"", "naïve.txt", true),
        ("attachment; filename=\"=?utf-8?Q?a?= =?utf-8?Q?b?=\"", "ab", true),
        ("attachment; filename==?utf-8?Q?a?=", "a", true),
        ("attachment; filename=\"x =?utf-8?Q?a?=\"", "x =?utf-8?Q?a?=", false),
        ("attachment; filename=\"a.txt\"", "a.txt", false),
    ];
    for (value, want, misplaced) in rows {
        let mut defects = Defects::NONE;
        let name = Disposition::read(value).parameters.file_name("filename", &mut defects);
        assert_eq!(name.as_deref(), Some(want), "{value}");
        assert_eq!(defects.has(Defect::MisplacedWord), misplaced, "{value}");
    }
}

/// A value in thousands of sections, most of them twice: bounded, and in order.
#[test]
fn bounds() {
    let sections: String = (0..12_000).rev().map(|n| format!(";x*{n}=a")).collect();
    let media = MediaType::read(&format!("a/b{sections}"));
    assert!(media.parameters.get("x").unwrap().len() <= SECTIONS_MAX);
    let many: String = (0..20_000).map(|n| format!(";x{n}=a")).collect();
    assert_eq!(MediaType::read(&format!("a/b{many}")).parameters.iter().count(), PARAMETERS_MAX);
}

proptest::proptest! {
    /// Any value is written in tokens that fit a line, and reads back.
    #[test]
    fn written_reads_back(value in "(\\PC|[ -~]|\u{1}|\r\n){0,150}", name in "[a-z]{1,10}") {
        let mut parameters = Parameters::default();
        parameters.set(&name, &value);
        let written = parameters.written();
        for one in &written {
            proptest::prop_assert!(one.len() <= 74, "{}", one);
            proptest::prop_assert!(one.is_ascii() && !one.contains(char::is_control));
        }
        let media = MediaType::read(&format!("a/b; {}", written.join("; ")));
        proptest::prop_assert_eq!(media.parameters.get(&name), Some(&*value));
        proptest::prop_assert!(media.defects.is_empty());
    }
}
