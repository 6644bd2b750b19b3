use proptest::prelude::*;

use super::*;

/// What is read, and how it is printed. Register: 5321-3.3-g, 5321-4.1.2-f, 5321-4.1.2-j,
/// 5321-F.4-a.
#[test]
fn forward_paths() {
    let long = format!("<{}@x.example>", "a".repeat(65));
    let label = format!("<a@{}.example>", "b".repeat(64));
    let rows: &[(&str, Result<&str, AddressError>)] = &[
        ("<ada@mx.example>", Ok("<ada@mx.example>")),
        ("<Ada@MX.Example>", Ok("<Ada@MX.Example>")),
        ("<POSTmaster>", Ok("<postmaster>")),
        ("<@a.example,@b.example:u@c.example>", Ok("<u@c.example>")),
        ("<@[IPv6:::1]:u@c.example>", Ok("<u@c.example>")),
        ("<\"joe\"@x.example>", Ok("<joe@x.example>")),
        ("<\"j\\oe\"@x.example>", Ok("<joe@x.example>")),
        ("<\"a b\"@x.example>", Ok("<\"a b\"@x.example>")),
        ("<\"a@b\"@c.example>", Ok("<\"a@b\"@c.example>")),
        ("<\"a\\\"b\\\\\"@c.example>", Ok("<\"a\\\"b\\\\\"@c.example>")),
        ("<u@[192.0.2.1]>", Ok("<u@[192.0.2.1]>")),
        ("<u@[IPv6:2001:DB8::1]>", Ok("<u@[IPv6:2001:db8::1]>")),
        ("<u@[x-tag:content]>", Ok("<u@[x-tag:content]>")),
        ("ada@mx.example", Err(AddressError::Brackets)),
        ("<>", Err(AddressError::NoDomain)),
        ("<ada>", Err(AddressError::NoDomain)),
        ("<ada@>", Err(AddressError::NoDomain)),
        ("<@mx.example>", Err(AddressError::LocalPart)),
        ("<a..b@mx.example>", Err(AddressError::LocalPart)),
        ("<.a@mx.example>", Err(AddressError::LocalPart)),
        ("<a b@mx.example>", Err(AddressError::LocalPart)),
        ("<\"a@mx.example>", Err(AddressError::NoDomain)),
        ("<\"\"@mx.example>", Err(AddressError::LocalPart)),
        ("<a@mx.example.>", Err(AddressError::Domain)),
        ("<a@mx_1.example>", Err(AddressError::Domain)),
        ("<a@-mx.example>", Err(AddressError::Domain)),
        ("<a@[192.0.2.300]>", Err(AddressError::Domain)),
        ("<a@[192.0.2.1>", Err(AddressError::Domain)),
        ("<a@#3221225985>", Err(AddressError::Domain)),
        ("<a@dömäne.example>", Err(AddressError::NotAscii)),
        (&long, Err(AddressError::TooLong)),
        (&label, Err(AddressError::Domain)),
    ];
    for (text, want) in rows {
        let got = text.parse::<ForwardPath>().map(|path| path.to_string());
        assert_eq!(got.as_deref(), want.as_ref().copied(), "{text}");
    }
}

#[test]
fn reverse_paths() {
    assert_eq!("<>".parse(), Ok(ReversePath::Null));
    assert!("<postmaster>".parse::<ReversePath>().is_err());
    assert_eq!("<a@b.example>".parse::<ReversePath>().unwrap().to_string(), "<a@b.example>");
}

/// The bound holds for the printed form.
#[test]
fn long_local_parts() {
    let rows = [
        ("a".repeat(64), true),
        (" ".repeat(62), true),
        (" ".repeat(63), false),
        ("\"".repeat(31), true),
        ("\"".repeat(32), false),
    ];
    for (text, want) in rows {
        let local = LocalPart::from_unquoted(&text);
        assert_eq!(local.is_ok(), want, "{text}");
        if let Ok(local) = local {
            assert_eq!(local.to_string().parse(), Ok(local));
        }
    }
}

#[test]
fn domains_compare_without_case() {
    let name = |text: &str| text.parse::<DomainName>().unwrap();
    assert_eq!(name("MX.Example"), name("mx.example"));
    assert!(name("a.MX.example").is_within(&name("mx.example")));
    assert!(!name("amx.example").is_within(&name("mx.example")));
}

/// Letters of all languages, where they are asked for; printed as they came.
///
/// Register: 6531-3.2-a, 6531-3.2-l, 6531-3.3-a.
#[test]
fn letters_beyond_ascii() {
    let long = format!("<{}@x.example>", "é".repeat(33));
    let fits = format!("<{}@x.example>", "é".repeat(32));
    let label = format!("<a@{}.example>", "ü".repeat(60));
    let rows: &[(&str, Result<&str, AddressError>)] = &[
        ("<用户@例え.example>", Ok("<用户@例え.example>")),
        ("<δοκιμή@bücher.example>", Ok("<δοκιμή@bücher.example>")),
        ("<Ünï@BÜCHER.example>", Ok("<Ünï@BÜCHER.example>")),
        ("<e\u{301}@bu\u{308}cher.example>", Ok("<e\u{301}@bu\u{308}cher.example>")),
        ("<\"ü ö\"@x.example>", Ok("<\"ü ö\"@x.example>")),
        ("<\"ü\"@x.example>", Ok("<ü@x.example>")),
        ("<ada@mx.example>", Ok("<ada@mx.example>")),
        ("<u@[192.0.2.1]>", Ok("<u@[192.0.2.1]>")),
        ("<@bücher.example:ü@c.example>", Ok("<ü@c.example>")),
        (&fits, Ok(&fits)),
        (&long, Err(AddressError::TooLong)),
        (&label, Err(AddressError::Domain)),
        // Controls and what is taken for a line end.
        ("<a\u{85}b@x.example>", Err(AddressError::LocalPart)),
        ("<a\u{9f}b@x.example>", Err(AddressError::LocalPart)),
        ("<\"a\u{80}b\"@x.example>", Err(AddressError::LocalPart)),
        ("<a\u{2028}b@x.example>", Err(AddressError::LocalPart)),
        ("<\"\\ü\"@x.example>", Err(AddressError::LocalPart)),
        ("<ü ö@x.example>", Err(AddressError::LocalPart)),
        // No U-labels: wide letters, the ideographic full stop, symbols, hyphens at an end.
        ("<a@\u{ff45}xample.example>", Err(AddressError::Domain)),
        ("<a@bücher\u{3002}example>", Err(AddressError::Domain)),
        ("<a@bü_cher.example>", Err(AddressError::Domain)),
        ("<a@-bücher.example>", Err(AddressError::Domain)),
        ("<a@bücher.example.>", Err(AddressError::Domain)),
        ("<a@bü cher.example>", Err(AddressError::Domain)),
        ("<a@\u{202e}bücher.example>", Err(AddressError::Domain)),
    ];
    for (text, want) in rows {
        let got = ForwardPath::parse_utf8(text).map(|path| path.to_string());
        assert_eq!(got.as_deref(), want.as_ref().copied(), "{text}");
    }
    for text in ["<ü@x.example>", "<\"ü\"@x.example>", "<a@bücher.example>"] {
        assert_eq!(text.parse::<ForwardPath>(), Err(AddressError::NotAscii), "{text}");
        assert_eq!(text.parse::<ReversePath>(), Err(AddressError::NotAscii), "{text}");
    }
}

/// One domain in all its forms. Register: 6531-3.2-b.
#[test]
fn domains_compare_by_their_a_labels() {
    let name = |text: &str| DomainName::parse_utf8(text).unwrap();
    let forms =
        ["bücher.example", "BÜCHER.Example", "bu\u{308}cher.example", "XN--bcher-kva.example"];
    for form in forms {
        assert_eq!(name(form), name("bücher.example"), "{form}");
        assert!(name(&format!("a.{form}")).is_within(&name("bücher.example")), "{form}");
        assert_eq!(name(form).ascii().to_ascii_lowercase(), "xn--bcher-kva.example", "{form}");
        assert_eq!(name(form).unicode(), "bücher.example", "{form}");
        assert!(name(form).to_ascii().is_ascii());
    }
    assert_ne!(name("bücher.example"), name("bucher.example"));
    assert_eq!(name("mx.Example").unicode(), "mx.Example");
    assert_eq!(name("xn--9999999999.example").unicode(), "xn--9999999999.example");
}

#[test]
fn forms_in_ascii() {
    let ascii = |text: &str| {
        Mailbox::parse_utf8(text).unwrap().to_ascii().map(|mailbox| mailbox.to_string())
    };
    assert_eq!(ascii("ada@bücher.example").as_deref(), Some("ada@xn--bcher-kva.example"));
    assert_eq!(ascii("ada@x.example").as_deref(), Some("ada@x.example"));
    assert_eq!(ascii("ü@bücher.example"), None);
    assert_eq!(ForwardPath::Postmaster.to_ascii(), Some(ForwardPath::Postmaster));
    assert_eq!(ReversePath::Null.to_ascii(), Some(ReversePath::Null));
}

#[test]
fn local_parts_fold() {
    let local = |text: &str| LocalPart::parse_utf8(text).unwrap();
    assert_eq!(local("JOSE\u{301}").folded(), local("josé").folded());
    assert_eq!(local("Ada").folded(), "ada");
}

proptest! {
    /// What is read is printed so that it reads the same, and no text breaks the reader.
    #[test]
    fn what_is_printed_is_read(text in "<[\"\\\\.@a-zA-Z0-9üÖ語 \u{80}-\u{a0}-]{0,40}@[a-zü語.-]{0,20}>") {
        if let Ok(path) = ForwardPath::parse_utf8(&text) {
            prop_assert_eq!(ForwardPath::parse_utf8(&path.to_string()), Ok(path.clone()));
            prop_assert_eq!(path.is_ascii(), path.to_string().is_ascii());
        }
    }
}
