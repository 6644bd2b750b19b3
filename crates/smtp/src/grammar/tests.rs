//! Rows: a line of a client, and what is read in it.

mod extended;

use super::*;
use mail::BodyType;

/// Register: 5321-2.4-a, 5321-2.2.2-b.
#[test]
fn verbs() {
    type Row = (&'static [u8], Option<(Verb, &'static [u8])>);
    let rows: &[Row] = &[
        (b"NOOP", Some((Verb::Noop, b""))),
        (b"nOoP  x ", Some((Verb::Noop, b"  x "))),
        (b"MAIL\tFROM:<>", Some((Verb::Mail, b"\tFROM:<>"))),
        (b"STARTTLS", Some((Verb::StartTls, b""))),
        (b"STARTTLSX", None),
        (b"XFORWARD A=b", Some((Verb::Forwarded, b" A=b"))),
        (b"lhlo x", Some((Verb::LocalHello, b" x"))),
        (b"MAILFROM:<>", None),
        (b"", None),
        (b" NOOP", None),
        (b"NOOP\0", None),
        (b"\xce\x9dOOP", None),
        (b"a very long line", None),
    ];
    for (line, expected) in rows {
        assert_eq!(verb(line), *expected, "{}", line.escape_ascii());
    }
}

/// Register: 5321-4.1.1.1-g, 1123-5.2.5-d.
#[test]
fn names() {
    let long = [b" ", "a.".repeat(130).as_bytes()].concat();
    let rows: &[(&[u8], Result<&str, Fault>)] = &[
        (b" mx.example.net", Ok("mx.example.net")),
        (b"  my_host ", Ok("my_host")),
        (b" host.example.", Ok("host.example.")),
        (b" [192.0.2.1]", Ok("[192.0.2.1]")),
        (b" [IPv6:2001:db8::1]", Ok("[IPv6:2001:db8::1]")),
        (b"", Err(Fault::Argument)),
        (b"  ", Err(Fault::Argument)),
        (b" a b", Err(Fault::Argument)),
        (b" .", Err(Fault::Argument)),
        (b" a..b", Err(Fault::Argument)),
        (b" @x", Err(Fault::Argument)),
        (b" []", Err(Fault::Argument)),
        (b" [192.0.2.1", Err(Fault::Argument)),
        (b" a(b)", Err(Fault::Argument)),
        (b" a\x07", Err(Fault::Octets)),
        (b" \xc3\xa9", Err(Fault::Octets)),
        (&long, Err(Fault::Argument)),
    ];
    for (rest, expected) in rows {
        assert_eq!(hello(rest), *expected, "{}", rest.escape_ascii());
    }
}

/// Register: 1870-3-b, 1870-6-a, 6152-2-a, 6152-3-a, 5321-4.1.1.11-a, 5321-4.1.2-c, 5321-4.1.1-a.
#[test]
fn senders() {
    let most = u64::MAX;
    let seven = BodyType::SevenBit;
    let eight = BodyType::EightBitMime;
    type Row = (&'static str, Result<(&'static str, Option<u64>, BodyType), Fault>);
    let rows: &[Row] = &[
        (" FROM:<a@b.example>", Ok(("<a@b.example>", None, seven))),
        (" from: <> ", Ok(("<>", None, seven))),
        ("\tFROM:<> size=007", Ok(("<>", Some(7), seven))),
        (" FROM:<> BODY=8bitMIME  SIZE=1", Ok(("<>", Some(1), eight))),
        (" FROM:<> SIZE=99999999999999999999", Ok(("<>", Some(most), seven))),
        (" FROM:<\"a> SIZE=1\"@b.example>", Ok(("<\"a> SIZE=1\"@b.example>", None, seven))),
        (" FROM:<> SIZE=999999999999999999999", Err(Fault::Parameter)),
        (" FROM:<> SIZE=+1", Err(Fault::Parameter)),
        (" FROM:<> =1", Err(Fault::Parameter)),
        (" FROM:<> -A=1", Err(Fault::Parameter)),
        (" FROM:<> SIZE=1 size=1", Err(Fault::Parameter)),
        (" FROM:<> BODY", Err(Fault::Parameter)),
        (" FROM:<> SIZE=1 MT-PRIORITY=3", Err(Fault::UnknownParameter)),
        (" FROM:<> SMTPUTF8", Err(Fault::UnknownParameter)),
        (" FROM:<>SIZE=1", Err(Fault::Argument)),
        ("FROM:<>", Err(Fault::Argument)),
        (" FROM :<>", Err(Fault::Argument)),
        (" TO:<>", Err(Fault::Argument)),
        (" FR", Err(Fault::Argument)),
        (" FROM:", Err(Fault::Argument)),
        (" FROM:<a@b.example", Err(Fault::Path(AddressError::Brackets))),
        (" FROM:<\"a@b.example>", Err(Fault::Path(AddressError::Brackets))),
        (" FROM:a@b.example", Err(Fault::Path(AddressError::Brackets))),
        (" FROM:<a@b.example.>", Err(Fault::Path(AddressError::Domain))),
        (" FROM:<é@b.example>", Err(Fault::Octets)),
    ];
    for (rest, expected) in rows {
        let found = mail(rest.as_bytes(), Sender::Server, &Extensions::LEAST);
        let found = found.map(|(path, given)| (path.to_string(), given.size, given.body));
        let expected = expected.map(|(path, size, body)| (path.to_owned(), size, body));
        assert_eq!(found, expected, "{rest}");
    }
}

/// Authors are forgiven a final dot, others are told; a name that is not whole is completed for
/// nobody. Register: 1123-5.2.18-d, 5321-5.1-b, 6409-5.1-a.
#[test]
fn final_dots() {
    for (rest, expected) in [
        (" TO:<a@b.example.>", Some("<a@b.example>")),
        (" TO:<a@b.example>", Some("<a@b.example>")),
        (" TO:<a@b.example..>", None),
        (" TO:<a.>", None),
        (" TO:<a>", None),
        (" TO:<a..b@c.example>", None),
        (" TO:<a@b>", Some("<a@b>")),
        (" TO:<.>", None),
    ] {
        let found = recipient(rest.as_bytes(), Sender::Author, &Extensions::LEAST, false).ok();
        assert_eq!(found.map(|(path, _)| path.to_string()).as_deref(), expected, "{rest}");
    }
    let other = |rest| recipient(rest, Sender::Server, &Extensions::LEAST, false);
    assert!(other(b" TO:<a@b.example.>").is_err());
    assert_eq!(other(b" TO:<postmaster> X"), Err(Fault::UnknownParameter));
}
