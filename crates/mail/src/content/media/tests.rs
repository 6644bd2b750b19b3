use super::*;
use crate::content::Head;

/// Value, type, parameters, and whether something was wrong.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], bool);

/// Values, type, parameters, and whether something was wrong. Register: 2045-5-a, 2045-5.1-a,
/// 2045-5.1-b, 2045-5.1-c, 2045-5.2-a, 2045-5.2-b, 2046-5.1.1-c, 2046-4.1.2-a.
#[test]
fn content_types() {
    let rows: &[Row] = &[
        ("text/plain", "text/plain", &[], false),
        ("TEXT/Plain; CharSet=UTF-8", "text/plain", &[("charset", "UTF-8")], false),
        // RFC 2045 §5.1: both are the same.
        (
            "text/plain; charset=us-ascii (Plain text)",
            "text/plain",
            &[("charset", "us-ascii")],
            false,
        ),
        ("text/plain; charset=\"us-ascii\"", "text/plain", &[("charset", "us-ascii")], false),
        ("text (a (b)) / (c) plain", "text/plain", &[], false),
        ("multipart/mixed; boundary=\"a:b\"", "multipart/mixed", &[("boundary", "a:b")], false),
        (
            "multipart/mixed; boundary=gc0pJq0M:08jU534c0p",
            "multipart/mixed",
            &[("boundary", "gc0pJq0M:08jU534c0p")],
            true,
        ),
        ("a/b; name=\"a b\"; odd=1", "a/b", &[("name", "a b"), ("odd", "1")], false),
        ("a/b; name=\"a\\\"b\\\\c\"", "a/b", &[("name", "a\"b\\c")], false),
        ("a/b; Name=\"Case Stays\"", "a/b", &[("name", "Case Stays")], false),
        ("a/b; x=1; x=2", "a/b", &[("x", "1")], false),
        ("a/b;", "a/b", &[], false),
        ("a/b; ; x=1", "a/b", &[("x", "1")], false),
        ("a/b; x=", "a/b", &[("x", "")], true),
        ("a/b; x=;y=1", "a/b", &[("x", ""), ("y", "1")], true),
        ("a/b; x", "a/b", &[], true),
        ("a/b; =1; y=2", "a/b", &[("y", "2")], true),
        ("a/b; x=a b c; y=2", "a/b", &[("x", "a b c"), ("y", "2")], true),
        ("a/b; x=a y=2", "a/b", &[("x", "a"), ("y", "2")], true),
        ("a/b x=1", "a/b", &[("x", "1")], false),
        ("a/b; x=\"open", "a/b", &[("x", "open")], true),
        ("a/b; boundary=----=_Part_1=2", "a/b", &[("boundary", "----=_Part_1=2")], true),
        // Bad ones are text (RFC 2045 §5.2).
        ("text", "text/plain", &[("charset", "us-ascii")], true),
        ("text; charset=utf-8", "text/plain", &[("charset", "utf-8")], true),
        ("text/", "text/plain", &[("charset", "us-ascii")], true),
        ("/plain", "text/plain", &[("charset", "us-ascii")], true),
        ("", "text/plain", &[("charset", "us-ascii")], true),
        ("foo bar", "text/plain", &[("charset", "us-ascii")], true),
        ("text/pla in", "text/pla", &[], true),
    ];
    for (value, media, parameters, bad) in rows {
        let got = MediaType::read(value);
        assert_eq!(got.to_string(), *media, "{value}");
        let list: Vec<_> = got.parameters.iter().map(|one| (&*one.name, &*one.value)).collect();
        assert_eq!(list, *parameters, "{value}");
        assert_eq!(!got.defects.is_empty(), *bad, "{value}: {:?}", got.defects);
    }
    assert_eq!(MediaType::plain().charset(), "us-ascii");
    assert_eq!(MediaType::read("text/plain; charset=ISO-8859-1").charset(), "ISO-8859-1");
    assert_eq!(MediaType::read("text/html").charset(), "us-ascii");
    assert_eq!(MediaType::read("a/b; boundary=\"b  \"").boundary(), Some("b"));
    assert_eq!(MediaType::read("a/b; boundary=\" \"").boundary(), None);
}

/// Register: 2046-4.1.4-a, 2046-4.2-a, 2046-4.5.3-a, 2046-5.1.3-a, 6533-4.4-a.
#[test]
fn classes() {
    let rows = [
        ("text/plain", Kind::Plain),
        ("text/odd", Kind::Plain),
        ("text/html", Kind::Html),
        ("text/enriched", Kind::Enriched),
        ("text/richtext", Kind::Richtext),
        ("text/rfc822-headers", Kind::Headers),
        ("message/global-headers", Kind::Headers),
        ("multipart/mixed", Kind::Mixed),
        ("multipart/odd", Kind::Mixed),
        ("multipart/alternative", Kind::Alternative),
        ("multipart/digest", Kind::Digest),
        ("multipart/parallel", Kind::Parallel),
        ("multipart/related", Kind::Related),
        ("multipart/signed", Kind::Signed),
        ("multipart/report", Kind::Report),
        ("message/rfc822", Kind::Message),
        ("message/global", Kind::Message),
        ("message/partial", Kind::Partial),
        ("message/external-body", Kind::External),
        ("message/delivery-status", Kind::Status),
        ("message/global-delivery-status", Kind::Status),
        ("message/disposition-notification", Kind::Status),
        ("message/global-disposition-notification", Kind::Status),
        ("message/odd", Kind::Octets),
        ("image/odd", Kind::Image),
        ("audio/odd", Kind::Audio),
        ("video/odd", Kind::Video),
        ("application/postscript", Kind::Octets),
        ("application/octet-stream", Kind::Octets),
        ("application/odd", Kind::Octets),
        ("odd/odd", Kind::Octets),
    ];
    for (value, kind) in rows {
        assert_eq!(MediaType::read(value).class(), kind, "{value}");
    }
}

/// Register: 2183-2-a, 2183-2.8-a.
#[test]
fn dispositions() {
    use DispositionKind::{Attachment, Inline};
    let rows: &[(&str, DispositionKind, Option<&str>, Option<u64>)] = &[
        // The examples of RFC 2183 §3.
        ("inline", Inline, None, None),
        (
            "attachment; filename=genome.jpeg; modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"",
            Attachment,
            Some("genome.jpeg"),
            None,
        ),
        ("INLINE; FileName=x; size=12; odd=1", Inline, Some("x"), Some(12)),
        ("odd; filename=x", Attachment, Some("x"), None),
        ("(why) attachment (so) ; filename=\"a b\"", Attachment, Some("a b"), None),
        ("attachment; size=many", Attachment, None, None),
        ("; filename=x", Attachment, Some("x"), None),
        ("attachment filename=x", Attachment, Some("x"), None),
    ];
    for (value, kind, name, size) in rows {
        let got = Disposition::read(value);
        assert_eq!(
            (got.kind, got.parameters.get("filename"), got.size()),
            (*kind, *name, *size),
            "{value}"
        );
    }
}

/// Register: 2045-4-c, 2045-6.1-a, 2045-6.4-a, 2045-6.4-c.
#[test]
fn versions_and_encodings() {
    for one in [
        "1.0",
        "1.0 (produced by MetaSend Vx.x)",
        "(produced by MetaSend Vx.x) 1.0",
        "1.(produced by MetaSend Vx.x)0",
    ] {
        assert!(is_version_one(one), "{one}");
    }
    for other in ["", "1.1", "10", "1.0.0", "one", "1.0; x"] {
        assert!(!is_version_one(other), "{other}");
    }
    use crate::content::transfer::TransferEncoding::{
        Base64, EightBit, QuotedPrintable, SevenBit, Unknown, Uuencode,
    };
    for (value, want) in [
        ("base64", Base64),
        ("BASE64", Base64),
        ("  Quoted-Printable (as ever)", QuotedPrintable),
        ("8bit;", EightBit),
        ("7bit", SevenBit),
        ("", SevenBit),
        ("x-uuencode", Uuencode),
        ("x-odd", Unknown),
        ("()", Unknown),
    ] {
        let head = format!("Content-Transfer-Encoding: {value}\r\n");
        assert_eq!(Head::new(head.as_bytes()).encoding(), want, "{value}");
    }
    assert_eq!(Head::new(b"A: 1\r\n").encoding(), SevenBit);
}

proptest::proptest! {
    #[test]
    fn anything(value: String) {
        MediaType::read(&value);
        Disposition::read(&value);
        single_word(&value);
    }
}
