use super::*;

fn host() -> DomainName {
    "sun.tuc.example".parse().unwrap()
}

fn shown(text: &str) -> Vec<String> {
    let entries = read_list(text, &host()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let show = |entry: Entry| match entry.name {
        Some(name) => format!("{name}|{}", entry.mailbox),
        None => entry.mailbox.to_string(),
    };
    entries.into_iter().map(show).collect()
}

/// Register: 1123-5.2.15-a, 1123-5.2.18-a, 1123-5.2.18-d, 1123-5.2.19-b, 5322-3.2.2-b, 5322-3.2.1-a,
/// 5322-3.2.4-a, 5322-3.4-c, 5322-4.1-a, 5322-4.4-a, 5322-4.4-b, 2047-6.2-b
#[test]
fn lists() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (" , ,\r\n , ", &[]),
        ("ann", &["ann@sun.tuc.example"]),
        ("ann@example.net", &["ann@example.net"]),
        ("ann@example.net.", &["ann@example.net"]),
        ("ann , bob@example.org,", &["ann@sun.tuc.example", "bob@example.org"]),
        ("Ann Archer <ann@example.net>", &["Ann Archer|ann@example.net"]),
        ("J. Q. Doe <j@x.example>", &["J. Q. Doe|j@x.example"]),
        ("\"Doe, John\" <j@x.example>, k@x.example", &["Doe, John|j@x.example", "k@x.example"]),
        ("\"a \\\"b\\\"\" <j@x.example>", &["a \"b\"|j@x.example"]),
        ("<j@x.example>", &["j@x.example"]),
        ("<@a.example,@b.example:c@d.example>", &["c@d.example"]),
        ("\"joe\"@x.example", &["joe@x.example"]),
        ("\"joe smith\"@x.example", &["\"joe smith\"@x.example"]),
        ("\"a@b\"@x.example", &["\"a@b\"@x.example"]),
        ("\"a,b\"@x.example", &["\"a,b\"@x.example"]),
        ("j . q . doe @ x . example", &["j.q.doe@x.example"]),
        ("j.\"q\".doe@x.example", &["j.q.doe@x.example"]),
        ("ann (my (best) friend, really)\r\n @example.net (home)", &["home|ann@example.net"]),
        ("root (Cron Daemon)", &["Cron Daemon|root@sun.tuc.example"]),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.example(his host)>",
            &["Pete|pete@silly.example"],
        ),
        ("undisclosed-recipients:;", &[]),
        ("A Group:Ed <ed@x.example>,joe@y.example;", &["Ed|ed@x.example", "joe@y.example"]),
        (
            "A: a@x.example; , B: b@x.example, c;, d@x.example",
            &["a@x.example", "b@x.example", "c@sun.tuc.example", "d@x.example"],
        ),
        ("=?UTF-8?Q?a=40b=3E=2C?= <c@d.example>", &["a@b>,|c@d.example"]),
        ("Grüße <g@x.example>", &["Grüße|g@x.example"]),
        ("ann@[192.0.2.1], b@[IPv6:2001:db8::1]", &["ann@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]),
        ("a..b@x.example", &["\"a..b\"@x.example"]),
        ("user%far@x.example", &["user%far@x.example"]),
        ("grüße@x.example", &["grüße@x.example"]),
        ("ann@Bücher.example", &["ann@xn--bcher-kva.example"]),
        ("grüße@bücher.example", &["grüße@bücher.example"]),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

#[test]
fn not_lists() {
    let cases = [
        ("ann bob", Fault::Words),
        ("ann@", Fault::Address(AddressError::NoDomain)),
        ("@example.net", Fault::Address(AddressError::LocalPart)),
        ("<>", Fault::Address(AddressError::LocalPart)),
        ("ann@exa_mple.net", Fault::Address(AddressError::Domain)),
        ("ann@exa mple.net", Fault::Words),
        ("Ann <ann@x.example", Fault::Open("`<`")),
        ("Ann <ann@x.example> b", Fault::Words),
        ("Ann <ann@x.example> <b>", Fault::Stray('<')),
        ("\"Ann <ann@x.example>", Fault::Open("a quotation mark")),
        ("ann (x", Fault::Open("a comment")),
        ("ann@[192.0.2.1", Fault::Open("`[`")),
        ("ann)", Fault::Stray(')')),
        ("ann@gr\u{ff}\u{202e}\u{df}e.example", Fault::Address(AddressError::Domain)),
        ("ann\0@x.example", Fault::Stray('\0')),
    ];
    for (text, fault) in cases {
        assert_eq!(read_list(text, &host()).map_err(|error| error.reason), Err(fault), "{text}");
    }
    let deep = "(".repeat(40) + &")".repeat(40);
    assert_eq!(read_list(&deep, &host()).unwrap_err().reason, Fault::Deep);
    let long = "a".repeat(65) + "@x.example";
    let too_long = Fault::Address(AddressError::TooLong);
    assert_eq!(read_list(&long, &host()).unwrap_err().reason, too_long);
}

#[test]
fn exactly_one() {
    assert!(read_one("ann", &host()).is_ok());
    for text in ["", "a, b", "g:;"] {
        assert!(read_one(text, &host()).is_err(), "{text}");
    }
}

/// Register: 5322-4-c
#[test]
fn odd_input_never_panics() {
    let pieces = ["<", ">", "@", ",", ";", ":", ".", "(", ")", "\"", "\\", "[", "]", "a", " ", "é"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                for d in pieces {
                    let text = [a, b, c, d].concat();
                    if let Ok(entries) = read_list(&text, &host()) {
                        for entry in entries {
                            let printed = entry.mailbox.to_string();
                            assert_eq!(Mailbox::parse_utf8(&printed), Ok(entry.mailbox), "{text}");
                        }
                    }
                }
            }
        }
    }
}
