use proptest::prelude::*;

use super::*;
use crate::content::structure::{self, Event};
use crate::content::transfer::Decoder;

/// Both readings, the octets cut every `piece`.
fn converted(
    content: &[u8],
    target: Target,
    options: Options,
    piece: usize,
) -> Result<(Vec<u8>, Plan), Refusal> {
    let mut survey = Survey::new(target, options);
    content.chunks(piece).for_each(|chunk| survey.feed(chunk));
    let plan = survey.finish()?;
    let mut conversion = Conversion::new(plan.clone());
    let mut out = Vec::new();
    for chunk in content.chunks(piece) {
        // A caller may take what there is at any time.
        let mut some = Vec::new();
        conversion.feed(chunk, &mut some);
        out.extend_from_slice(&some);
    }
    let mut some = Vec::new();
    conversion.finish(&mut some);
    out.extend_from_slice(&some);
    assert_eq!(plan.size(), out.len() as u64, "{}", String::from_utf8_lossy(&out));
    Ok((out, plan))
}

fn seven_bit(content: &str) -> Result<String, Refusal> {
    let (out, _) = converted(content.as_bytes(), Target::SevenBit, Options::default(), usize::MAX)?;
    for piece in [1, 7] {
        let again = converted(content.as_bytes(), Target::SevenBit, Options::default(), piece)?;
        assert_eq!(again.0, out, "cut every {piece}");
    }
    Ok(String::from_utf8(out).unwrap())
}

/// What each leaf means: its type and its octets, decoded.
fn leaves(content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<(String, Vec<u8>)> = Vec::new();
    let mut decoder: Option<Decoder> = None;
    let mut structure = Structure::new();
    let mut out = Vec::new();
    let mut on = |event: Event<'_>| match event {
        Event::HeadEnd(entity) if entity.shape == structure::Shape::Leaf => {
            leaves.push((entity.media.to_string(), Vec::new()));
            decoder = Some(Decoder::new(entity.encoding));
        }
        Event::Body(octets) => {
            if let Some(decoder) = &mut decoder {
                decoder.feed(octets, &mut out);
            }
        }
        Event::End(_) => {
            if let Some(decoder) = decoder.take() {
                decoder.finish(&mut out);
                leaves.last_mut().unwrap().1 = std::mem::take(&mut out);
            }
        }
        _ => {}
    };
    structure.feed(content, &mut on);
    structure.finish(&mut on);
    leaves
}

/// The same, with what is in messages that are encoded as a whole.
fn inner_leaves(content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let inner = |(kind, octets): (String, Vec<u8>)| match kind.as_str() {
        "message/global" => inner_leaves(&octets),
        _ => vec![(kind, octets)],
    };
    leaves(content).into_iter().flat_map(inner).collect()
}
const TEXT: &str = "From: a@x.example\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";

/// Single parts.
///
/// Register: 6152-3-e, 6152-3-f, 6152-3-g, 6152-3-i, 3030-3-e, 3030-3-f.
#[test]
fn leaves_are_encoded() {
    let quoted = "Content-Transfer-Encoding: quoted-printable\r\n";
    let text = TEXT.replace("Content-Transfer-Encoding: 8bit\r\n", quoted);
    assert_eq!(
        seven_bit(&format!(
            "{TEXT}Grüße aus Köln, where it rains and rains and rains again\r\n.\r\n"
        ))
        .unwrap(),
        format!(
            "{text}Gr=C3=BC=C3=9Fe aus K=C3=B6ln, where it rains and rains and rains again\r\n=2E\r\n"
        )
    );
    // Without its line end it gets none.
    assert_eq!(
        seven_bit(&format!("{TEXT}a long text with one ö")).unwrap(),
        format!("{text}a long text with one =C3=B6=\r\n")
    );
    // Most of it beyond ASCII.
    let base64 = "Content-Transfer-Encoding: base64\r\n";
    assert_eq!(
        seven_bit(&format!("{TEXT}δοκιμή\r\n")).unwrap(),
        format!("{}zrTOv866zrnOvM6uDQo=\r\n", text.replace(quoted, base64))
    );
    // A folded label, another one, and a comment.
    let folded =
        TEXT.replace("8bit\r\n", "\r\n 8bit (eight)\r\nContent-Transfer-Encoding: 7bit\r\n");
    let out = seven_bit(&format!("{folded}a long text with one ö\r\n")).unwrap();
    assert_eq!(out, format!("{text}a long text with one =C3=B6\r\n"));
    // No label where it should be: after the other fields.
    let without = TEXT.replace("Content-Transfer-Encoding: 8bit\r\n", "");
    let out = seven_bit(&format!("{without}a long text with one ö\r\n")).unwrap();
    assert_eq!(
        out,
        format!("{}{quoted}\r\na long text with one =C3=B6\r\n", &without[..without.len() - 2])
    );
    // A line that is too long for mail, and one that only wears too wide a label.
    let long = "x".repeat(1200);
    let out = seven_bit(&format!("{TEXT}{long}\r\n")).unwrap();
    assert!(out.contains(quoted) && out.lines().all(|line| line.len() <= 76), "{out}");
    let out = seven_bit(&format!("{TEXT}plain\r\n")).unwrap();
    assert_eq!(out, format!("{}plain\r\n", TEXT.replace("8bit", "7bit")));
}

const NESTED: &str = "From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\
    Content-Type: multipart/mixed; boundary=\"out er\"\r\n\r\n\
    pre-amble: ü\r\n--out er\r\nContent-Type: text/plain\r\n\r\nall of this is ASCII\r\n\r\n\
    --out er  \r\nContent-Type: multipart/alternative; boundary=in\r\n\
    Content-Transfer-Encoding: binary\r\n\r\n--in\r\nContent-Type: text/html\r\n\
    Content-Transfer-Encoding: 8bit\r\n\r\n<p>a line of this and that ü</p>\r\n--in--\r\n\
    --out er\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
    Subject: inner\r\n\r\na letter without labels: ü\r\n\
    --out er\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n\
    --out er--\r\nepilogue\r\n";

/// Multiparts and messages keep their form; only their labels change.
///
/// Register: 6152-3-g, 3030-3-g, 2045-6.4-b.
#[test]
fn composites_are_labelled() {
    let want = NESTED
        .replace("Content-Transfer-Encoding: 8bit\r\nContent-Type: mul", "Content-Transfer-Encoding: 7bit\r\nContent-Type: mul")
        .replace("pre-amble: ü", "pre-amble: ??")
        .replace("binary", "7bit")
        .replace("Content-Transfer-Encoding: 8bit\r\n\r\n<p>a line of this and that ü", "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>a line of this and that =C3=BC")
        .replace("Content-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\n\r\na letter without labels: ü", "Content-Transfer-Encoding: 7bit\r\n\r\nSubject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na letter without labels: =C3=BC");
    let out = seven_bit(NESTED).unwrap();
    assert_eq!(out, want);
    assert_eq!(leaves(out.as_bytes()), leaves(NESTED.as_bytes()));
}

/// A message that says nothing of what its octets are.
#[test]
fn messages_without_labels() {
    for (body, charset) in [
        (&b"a text of some words, with \xc3\xbc"[..], "utf-8"),
        (&b"a text of some words, with \xfc"[..], "unknown-8bit"),
        (&b"a text of some words, with \xc3"[..], "unknown-8bit"),
    ] {
        let content = [&b"Subject: x\r\n\r\n"[..], body, b"\r\n"].concat();
        for piece in [usize::MAX, 1] {
            let (out, plan) =
                converted(&content, Target::SevenBit, Options::default(), piece).unwrap();
            let out = String::from_utf8(out).unwrap();
            let head = format!(
                "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\na text"
            );
            assert!(out.starts_with(&head), "{out}");
            assert_eq!(plan.changes(), 1);
        }
    }
    // Neither a header section nor a blank line.
    let out = seven_bit("this is no field, and ü is no name\r\n").unwrap();
    assert!(
        out.starts_with("MIME-Version: 1.0\r\n") && out.contains("\r\n\r\nthis is no"),
        "{out}"
    );
}

/// What has no other form, and says so. Register: 6531-3.2-e, 6532-3.7-a.
#[test]
fn refusals() {
    let part = |kind: &str, encoding: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\
             \r\n\r\nX: y\r\n\r\nü\r\n"
        )
    };
    for (content, want) in [
        ("Subject: ü\r\n\r\nx\r\n".to_owned(), Refusal::Header),
        (NESTED.replace("Subject: inner", "Subject: ü"), Refusal::Header),
        (NESTED.replace("image/png", "image/png; name=ü"), Refusal::Header),
        (part("message/partial; id=a; number=1", "8bit"), Refusal::Composite),
        (part("message/x-unknown", "8bit"), Refusal::Composite),
        (part("multipart/mixed", "8bit"), Refusal::Composite),
        (part("text/plain", "quoted-printable"), Refusal::Mislabelled),
        (part("text/plain", "base64"), Refusal::Mislabelled),
        (part("text/plain", "x-own"), Refusal::Mislabelled),
    ] {
        assert_eq!(seven_bit(&content).unwrap_err(), want, "{content}");
    }
    assert_eq!(Refusal::Header.topic(), Topic(6, 3));
    // A host without SMTPUTF8 takes bodies of 8 bits, and no such header, in no part.
    let headers = Options { ascii_headers: true, ..Options::default() };
    for content in ["Subject: ü\r\n\r\nx\r\n", &NESTED.replace("Subject: inner", "Subject: ü")] {
        let refused = converted(content.as_bytes(), Target::EightBit, headers, 8);
        assert_eq!(refused.unwrap_err(), Refusal::Header);
    }
    let content = "Subject: u\r\n\r\nü\r\n".as_bytes();
    assert_eq!(converted(content, Target::EightBit, headers, 8).unwrap().0, content);
    // To a host that takes 8 bits all of this goes as it is.
    let content = "Subject: ü\r\n\r\nü\r\n".as_bytes();
    let (out, plan) = converted(content, Target::EightBit, Options::default(), 1).unwrap();
    assert_eq!((out.as_slice(), plan.changes()), (content, 0));
}

/// Encoded leaves with lines that are too long stay as they are: they are ASCII.
#[test]
fn what_is_encoded_stays() {
    let long = "QUJD".repeat(500);
    let content = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{long}\r\n--b\r\n\r\na few words and ü\r\n--b--\r\n"
    );
    let out = seven_bit(&content).unwrap();
    assert!(out.contains(&long), "{out}");
}

/// A message in UTF-8 within another can be encoded whole (RFC 6532 §3.7).
///
/// Register: 6532-3.7-b.
#[test]
fn global_messages_are_encoded_whole() {
    let inner = "Subject: Grüße\r\n\r\nü\r\n";
    let content = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{inner}\r\n--b--\r\n"
    );
    let out = seven_bit(&content).unwrap();
    assert!(out.contains("message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n"), "{out}");
    assert_eq!(leaves(out.as_bytes())[0].1, inner.as_bytes());
}

/// Signatures are broken with a note, or kept by refusing.
#[test]
fn signatures() {
    let signed = NESTED.replace("multipart/alternative", "multipart/signed");
    let dkim = format!("DKIM-Signature: v=1\r\n{NESTED}");
    let plain = NESTED.replace("image/png", "multipart/signed; boundary=c");
    for (content, want) in
        [(&signed, "multipart/signed"), (&dkim, "DKIM-Signature"), (&plain, "none")]
    {
        let convert = |options| converted(content.as_bytes(), Target::SevenBit, options, 64);
        let (_, plan) = convert(Options::default()).unwrap();
        assert_eq!(plan.broken().to_string(), want);
        assert_eq!(plan.broken().any(), want != "none");
        let keep = Options { keep_signatures: true, ..Options::default() };
        assert_eq!(convert(keep).is_err(), want != "none");
    }
}

/// Content that is not in lines. Register: 3030-3-e, 3030-3-f, 3030-3-g, 5321-2.3.8-c, 2045-6.2-b.
#[test]
fn binary_content() {
    let head = |kind: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        )
    };
    for (kind, body) in [
        ("text/plain", &b"a\nb\rc\r\nd\r"[..]),
        ("text/plain", b"one line\nanother line of text\n.\n"),
        ("application/octet-stream", b"\0\r\n.\r\n\n\n\xff\xfe"),
        ("application/octet-stream", b"mostly words, and\r\na NUL\0 among them, not more"),
    ] {
        let content = [head(kind).as_bytes(), body].concat();
        for target in [Target::SevenBit, Target::EightBit] {
            for piece in [usize::MAX, 3, 1] {
                let (out, _) = converted(&content, target, Options::default(), piece).unwrap();
                check_lines(&out, target);
                assert_eq!(leaves(&out)[0].1, body, "{}", String::from_utf8_lossy(&out));
            }
        }
    }
    // A part of lines only wears the label; its multipart ends lines in its own way.
    let content = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\
        Content-Transfer-Encoding: binary\n\n--b\nContent-Transfer-Encoding: binary\n\nü\n--b--\n";
    let (out, _) = converted(content.as_bytes(), Target::EightBit, Options::default(), 5).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        content.replace('\n', "\r\n").replace("binary", "8bit")
    );
    let nul = b"Subject: \0\r\n\r\nx";
    assert_eq!(
        converted(nul, Target::EightBit, Options::default(), 9).unwrap_err(),
        Refusal::Header
    );
}

/// Lines as a host takes them.
fn check_lines(out: &[u8], target: Target) {
    assert!(target == Target::EightBit || out.is_ascii());
    assert!(!out.contains(&0));
    let mut rest = out;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let line = &rest[..end];
        assert!(line.len() <= 998, "{} octets", line.len());
        assert!(
            !line.contains(&b'\r') && !line.contains(&b'\n'),
            "{}",
            String::from_utf8_lossy(out)
        );
        rest = &rest[end + 2..];
    }
    assert!(!rest.contains(&b'\r') && !rest.contains(&b'\n'), "{}", String::from_utf8_lossy(out));
}

#[test]
fn nothing_is_something() {
    for content in ["", "\r\n", "\r", "\n", "--", "A: b", "A: b\r\n", "A", " ", "\r\n--b\r\n"] {
        assert!(seven_bit(content).is_ok(), "{content:?}");
    }
    assert_eq!(seven_bit("A: b\r\n\r\nx\r\n").unwrap(), "A: b\r\n\r\nx\r\n");
}

/// Time is linear: a megabyte of line starts that might be boundaries, of nested parts, of labels.
#[test]
fn hostile_content() {
    let nested =
        (0..300).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"));
    let nested: String = nested.collect();
    for content in [
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n".repeat(200_000)),
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b".repeat(300_000)),
        "Content-Transfer-Encoding: 8bit\r\n".repeat(30_000),
        format!("{nested}ü"),
        format!("Content-Type: {}", "(".repeat(500_000)),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{}",
            "\r\n".repeat(500_000)
        ),
    ] {
        let made = converted(content.as_bytes(), Target::SevenBit, Options::default(), 4096);
        if let Ok((out, _)) = made {
            assert!(out.is_ascii());
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{0,30}".prop_map(|text| format!("{text}\r\n")),
        3 => "[a-zü€ ]{0,30}".prop_map(|text| format!("{text}\r\n")),
        2 => Just("\r\n".to_owned()),
        2 => Just("--b\r\n".to_owned()),
        1 => Just("--b--\r\n".to_owned()),
        1 => Just("--c\r\n".to_owned()),
        1 => Just("--c--\r\n".to_owned()),
        2 => Just("MIME-Version: 1.0\r\n".to_owned()),
        2 => Just("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".to_owned()),
        1 => Just("Content-Type: multipart/digest; boundary=c\r\n".to_owned()),
        1 => Just("Content-Type: message/rfc822\r\n".to_owned()),
        1 => Just("Content-Type: message/global\r\n\r\n".to_owned()),
        1 => Just("Content-Type: text/html; charset=utf-8\r\n".to_owned()),
        1 => Just("Content-Type: image/png\r\n".to_owned()),
        2 => Just("Content-Transfer-Encoding: 8bit\r\n".to_owned()),
        1 => Just("Content-Transfer-Encoding: binary\r\n".to_owned()),
        1 => Just("Content-Transfer-Encoding: base64\r\n".to_owned()),
        1 => "[a-zü]{900,1300}".prop_map(|text| format!("{text}\r\n")),
        1 => "[ü\n\r. ]{0,9}",
    ]
}

proptest! {
    /// Whatever the content is: no octet above 127 comes out, the size is as announced, how it was cut
    /// does not matter, and what decodes the result finds what was sent.
    ///
    /// Register: 6152-3-e, 6152-3-g, 3030-3-f.
    #[test]
    fn nothing_is_lost(
        pieces in proptest::collection::vec(piece(), 0..30),
        cut in 1_usize..50,
        eight in any::<bool>(),
    ) {
        let content = pieces.concat();
        let target = if eight { Target::EightBit } else { Target::SevenBit };
        let made = converted(content.as_bytes(), target, Options::default(), usize::MAX);
        let cut = converted(content.as_bytes(), target, Options::default(), cut);
        prop_assert_eq!(&made, &cut);
        if let Ok((out, _)) = made {
            prop_assert!(eight || out.is_ascii());
            let (before, after) = (inner_leaves(content.as_bytes()), inner_leaves(&out));
            let line_end = |octets: &[u8]| octets.strip_suffix(b"\r\n").unwrap_or(octets).to_vec();
            for (before, after) in before.iter().zip(&after) {
                prop_assert_eq!(&before.0, &after.0);
                prop_assert_eq!(line_end(&before.1), line_end(&after.1));
            }
            prop_assert!(after.len() <= before.len());
        }
    }
}
