use super::*;

/// Fields as they are met, what is shown of them, and whether something was wrong.
fn check(rows: &[(&str, &str, bool)]) {
    for (field, want, bad) in rows {
        let list = AddressList::read(field);
        assert_eq!(list.to_string(), *want, "{field}");
        assert_eq!(list.defects.has(Defect::BadSyntax), *bad, "{field}: {:?}", list.defects);
    }
}

/// The forms of RFC 5322 §3.4 and Appendix A. Register: 1123-5.2.15-a, 1123-5.2.18-a, 5322-3.4-c,
/// 5322-3.2.2-b, 5322-3.2.2-c, 5322-3.2.1-a, 5322-3.2.4-a, 5322-4.1-a, 6532-3.2-a.
#[test]
fn lawful() {
    check(&[
        ("a@b.example", "a@b.example", false),
        ("<a@b.example>", "a@b.example", false),
        ("John Doe <jdoe@machine.example>", "John Doe <jdoe@machine.example>", false),
        (
            "\"Joe Q. Public\" <john.q.public@example.com>",
            "\"Joe Q. Public\" <john.q.public@example.com>",
            false,
        ),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            false,
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            "boss@nil.test, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            false,
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            "A Group: Ed Jones <c@a.test>, joe@where.test, John <jdoe@one.test>;",
            false,
        ),
        ("Undisclosed recipients:;", "Undisclosed recipients:;", false),
        ("a:;, b: c@d.example;", "a:;, b: c@d.example;", false),
        // Appendix A.5: comments and folds everywhere.
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            "Pete <pete@silly.test>",
            false,
        ),
        (
            "A Group(Some people)\t     :Chris Jones <c@(Chris's host.)public.example>,\t         joe@example.org,\t  John <jdoe@one.test> (my dear friend); (the end of the group)",
            "A Group: Chris Jones <c@public.example>, joe@example.org, John <jdoe@one.test>;",
            false,
        ),
        (
            "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            "Hidden recipients:;",
            false,
        ),
        ("(a (b (c) d) e) x@y.example", "\"a (b (c) d) e\" <x@y.example>", false),
        ("joe@x.example (Joe (the) Blow)", "\"Joe (the) Blow\" <joe@x.example>", false),
        ("\"joe\"@x.example", "joe@x.example", false),
        ("\"a b\"@x.example", "\"a b\"@x.example", false),
        ("\"a@b\"@c.example", "\"a@b\"@c.example", false),
        ("\"a\\\"b\"@c.example", "\"a\\\"b\"@c.example", false),
        ("a@[192.0.2.1]", "a@[192.0.2.1]", false),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", false),
        ("a+b/c=d@e.example", "a+b/c=d@e.example", false),
        ("Jörn <jörn@bücher.example>", "Jörn <jörn@bücher.example>", false),
        ("two   blanks\t<a@b.example>", "two blanks <a@b.example>", false),
        ("J. Doe <j@x.example>", "\"J. Doe\" <j@x.example>", false),
        ("Dr. J. R. \"Bob\" Dobbs <j@x.example>", "\"Dr. J. R. Bob Dobbs\" <j@x.example>", false),
        ("", "", false),
    ]);
}

/// The forms that nobody writes any more. Register: 1123-5.2.19-b, 5322-3.1-c, 5322-4-b,
/// 5322-4.4-a, 5322-4.4-b, 5322-4.2-a.
#[test]
fn obsolete() {
    check(&[
        // Appendix A.6.1.
        (
            "Joe Q. Public <john.q.public@example.com>",
            "\"Joe Q. Public\" <john.q.public@example.com>",
            false,
        ),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            "Mary Smith <mary@example.net>, jdoe@test.example",
            false,
        ),
        ("<@a.example,@b.example:c@d.example>", "c@d.example", false),
        ("<@a.example,,@b.example:c@d.example>", "c@d.example", false),
        ("<@[IPv6:::1]:c@d.example>", "c@d.example", false),
        (",, a@b.example,,c@d.example,", "a@b.example, c@d.example", false),
        ("\"a\".\"b c\".d@e.example", "\"a.b c.d\"@e.example", false),
        ("a . b @ c . example", "a.b@c.example", false),
        ("john . q(x) @ example . com", "x <john.q@example.com>", false),
        ("g: , a@b.example,, ;", "g: a@b.example;", false),
    ]);
}

/// What no standard ever allowed, and what there is to be read in it. Register: 5322-4-c.
#[test]
fn broken() {
    check(&[("a@b.example; c@d.example", "a@b.example, c@d.example", false)]);
    for (field, want) in [
        ("nobody", "nobody"),
        ("no body at all", "\"no body at all\""),
        ("Ada Lovelace ada@x.example", "ada@x.example"),
        ("a@", "a"),
        ("Ada <ada@x.example", "Ada <ada@x.example>"),
        ("Ada <ada@x.example, b@y.example", "Ada <ada@x.example>, b@y.example"),
        ("ada@x.example>", "ada@x.example"),
        ("(Ada ada@x.example", ""),
        ("g: a@b.example", "g: a@b.example;"),
        ("g: h: a@b.example;", "g:;, h: a@b.example;"),
        ("\\ <a@b.example>", "a@b.example"),
    ] {
        let list = AddressList::read(field);
        assert_eq!(list.to_string(), want, "{field}");
        assert!(list.defects.has(Defect::BadSyntax) || list.is_empty(), "{field}");
    }
    let list = AddressList::read("[x] <a@b.example>, a@b.example <c@d.example>, <>");
    assert_eq!(list.to_string(), "\"[x]\" <a@b.example>, \"a@b.example\" <c@d.example>");
}

/// Register: 5322-2.2.3-c.
#[test]
fn bounds() {
    let many = "a@b.example,".repeat(ADDRESSES_MAX + 10);
    let list = AddressList::read(&many);
    assert_eq!(list.items.len(), ADDRESSES_MAX);
    assert!(list.defects.has(Defect::ValueCut));
    // Deep and endless things take time in proportion.
    for hostile in [
        "(".repeat(200_000),
        "\"".repeat(200_001),
        "<".repeat(200_000),
        "[".repeat(200_000),
        "=?".repeat(200_000),
        "a.".repeat(200_000),
        "a:".repeat(20_000),
        "\\".repeat(200_000),
    ] {
        AddressList::read(&hostile);
    }
}

/// To the envelope and back.
#[test]
fn mailboxes() {
    let address: AddrSpec = "\"a b\"@x.example".parse().unwrap();
    let mailbox = address.mailbox().unwrap();
    assert_eq!(AddrSpec::from(&mailbox), address);
    for bad in ["", "a", "a@b, c@d", "A <a@b>", "g:;", "a@b (c)", "a@"] {
        assert!(bad.parse::<AddrSpec>().is_err(), "{bad}");
    }
    assert!(AddrSpec::new(&"x".repeat(65), "y.example").unwrap().mailbox().is_err());
    assert_eq!(AddrSpec::new(&"x".repeat(1000), "y.example"), Err(AddressError::TooLong));
}

proptest::proptest! {
    /// What is shown of an address that can be written is read as the same.
    #[test]
    fn shown_reads_back(name in "\\PC{0,30}", local in "\\PC{1,20}", domain in "[a-zü]{1,9}(\\.[a-z]{1,9}){0,2}") {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let Ok(address) = AddrSpec::new(&local, &domain) else { return Ok(()) };
        let name = Some(name).filter(|name| !name.is_empty() && !name.contains("=?"));
        let one = NamedMailbox { name, address };
        let list = AddressList::read(&one.to_string());
        proptest::prop_assert_eq!(list.items, vec![Address::Mailbox(one)]);
        proptest::prop_assert!(list.defects.is_empty());
    }
}
