use super::*;
use crate::content::Defect;

/// The events of a letter, octets of one kind put together.
fn events(letter: &[u8], piece: usize) -> (Vec<String>, Vec<u8>) {
    let mut out: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut on = |event: Event<'_>| {
        let (name, octets) = match event {
            Event::Begin => ("begin".to_owned(), None),
            Event::MailboxLine(octets) => ("mbox".to_owned(), Some(octets)),
            Event::Head(octets) => ("head".to_owned(), Some(octets)),
            Event::HeadEnd(entity) => (format!("is {} {:?}", entity.media, entity.shape), None),
            Event::Body(octets) => ("body".to_owned(), Some(octets)),
            Event::Around(octets) => ("around".to_owned(), Some(octets)),
            Event::Boundary(octets) => ("boundary".to_owned(), Some(octets)),
            Event::End(defects) => (format!("end {defects:?}"), None),
        };
        match octets {
            None => out.push(name),
            Some(octets) => {
                all.extend_from_slice(octets);
                let text: String = octets.iter().map(|&octet| char::from(octet)).collect();
                let start = format!("{name} ");
                match out.last_mut().filter(|last| last.starts_with(&start) && name != "boundary") {
                    Some(last) => last.push_str(&text),
                    None => out.push(start + &text),
                }
            }
        }
    };
    let mut structure = Structure::new();
    letter
        .chunks(piece.clamp(1, letter.len().max(1)))
        .for_each(|chunk| structure.feed(chunk, &mut on));
    structure.finish(&mut on);
    (out, all)
}

/// A letter and its events; every way to cut it gives the same.
fn check(letter: &str, want: &[&str]) {
    for piece in [usize::MAX, 7, 3, 2, 1] {
        let (got, all) = events(letter.as_bytes(), piece);
        assert_eq!(got, want, "in pieces of {piece}: {letter}");
        assert_eq!(all, letter.as_bytes());
    }
}

/// Register: 2046-5.1-b, 2046-5.1.1-b, 2046-5.1.1-d, 2046-5.1.1-e.
#[test]
fn multiparts() {
    check(
        "Content-Type: multipart/mixed; boundary=\"b c\"\r\n\r\npreamble\r\n--b c\r\n\r\none\r\n\
         --b c \t\r\nA: 1\r\n\r\n--b c--\r\nepilogue\r\n",
        &[
            "begin",
            "head Content-Type: multipart/mixed; boundary=\"b c\"\r\n\r\n",
            "is multipart/mixed Multipart",
            "around preamble",
            "boundary \r\n--b c\r\n",
            "begin",
            "head \r\n",
            "is text/plain Leaf",
            "body one",
            "end {}",
            "boundary \r\n--b c \t\r\n",
            "begin",
            "head A: 1\r\n\r\n",
            "is text/plain Leaf",
            "end {}",
            "boundary --b c--\r\n",
            "around epilogue\r\n",
            "end {}",
        ],
    );
}

/// A boundary that begins another, either way round, and lines that only look alike.
#[test]
fn prefixes() {
    check(
        "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\
         Content-Type: multipart/mixed; boundary=abc\n\n--abc\n\n--abcd\n--a\n---ab\n--ab-\n\n\
         --abc--\n--ab--\n",
        &[
            "begin",
            "head Content-Type: multipart/mixed; boundary=ab\n\n",
            "is multipart/mixed Multipart",
            "boundary --ab\n",
            "begin",
            "head Content-Type: multipart/mixed; boundary=abc\n\n",
            "is multipart/mixed Multipart",
            "boundary --abc\n",
            "begin",
            "head \n",
            "is text/plain Leaf",
            "body --abcd\n--a\n---ab\n--ab-\n",
            "end {}",
            "boundary \n--abc--\n",
            "end {}",
            "boundary --ab--\n",
            "end {}",
        ],
    );
}

/// Register: 2046-5.1.2-a.
#[test]
fn outer_boundaries_count_within() {
    check(
        "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n\
         Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\
         Content-Type: message/rfc822\r\n\r\nSubject: cut off\r\n--out\r\n\r\nlast\r\n--out--",
        &[
            "begin",
            "head Content-Type: multipart/mixed; boundary=out\r\n\r\n",
            "is multipart/mixed Multipart",
            "boundary --out\r\n",
            "begin",
            "head Content-Type: multipart/mixed; boundary=in\r\n\r\n",
            "is multipart/mixed Multipart",
            "boundary --in\r\n",
            "begin",
            "head Content-Type: message/rfc822\r\n\r\n",
            "is message/rfc822 Message",
            "begin",
            "head Subject: cut off\r\n",
            "is text/plain Leaf",
            "end {}",
            "end {}",
            "end {Unclosed}",
            "boundary --out\r\n",
            "begin",
            "head \r\n",
            "is text/plain Leaf",
            "body last",
            "end {}",
            "boundary \r\n--out--",
            "end {}",
        ],
    );
}

/// Register: 2046-5.1.5-a.
#[test]
fn digests() {
    check(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: a@x\r\n\r\none\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--\r\n",
        &[
            "begin",
            "head Content-Type: multipart/digest; boundary=b\r\n\r\n",
            "is multipart/digest Multipart",
            "boundary --b\r\n",
            "begin",
            "head \r\n",
            "is message/rfc822 Message",
            "begin",
            "head From: a@x\r\n\r\n",
            "is text/plain Leaf",
            "body one",
            "end {}",
            "end {}",
            "boundary \r\n--b\r\n",
            "begin",
            "head Content-Type: text/plain\r\n\r\n",
            "is text/plain Leaf",
            "body two",
            "end {}",
            "boundary \r\n--b--\r\n",
            "end {}",
        ],
    );
}

#[test]
fn broken_heads() {
    check(
        "From ada Mon Jan  1\r\nA: 1\r\nno field\r\n\r\nx",
        &[
            "begin",
            "mbox From ada Mon Jan  1\r\n",
            "head A: 1\r\n",
            "is text/plain Leaf",
            "body no field\r\n\r\nx",
            "end {BadHeaderLine, MailboxLine}",
        ],
    );
    check(
        "From ada Mon Jan  1\r\n>From bob Mon Jan  1\r\nA: 1\r\n\r\nx",
        &[
            "begin",
            "mbox From ada Mon Jan  1\r\n>From bob Mon Jan  1\r\n",
            "head A: 1\r\n\r\n",
            "is text/plain Leaf",
            "body x",
            "end {MailboxLine}",
        ],
    );
    check(
        "From : ada@x.example\r\n\r\nx",
        &["begin", "head From : ada@x.example\r\n\r\n", "is text/plain Leaf", "body x", "end {}"],
    );
    check("", &["begin", "is text/plain Leaf", "end {}"]);
    check("A: 1", &["begin", "head A: 1", "is text/plain Leaf", "end {}"]);
    check("A", &["begin", "is text/plain Leaf", "body A", "end {BadHeaderLine}"]);
    check("\r\n", &["begin", "head \r\n", "is text/plain Leaf", "end {}"]);
    check("\n\r", &["begin", "head \n", "is text/plain Leaf", "body \r", "end {}"]);
    check(
        "--x: a field\r\n--y\r\n",
        &[
            "begin",
            "head --x: a field\r\n",
            "is text/plain Leaf",
            "body --y\r\n",
            "end {BadHeaderLine}",
        ],
    );
    check(
        "Content-Type: message/rfc822\r\n\r\nbad\r\n",
        &[
            "begin",
            "head Content-Type: message/rfc822\r\n\r\n",
            "is message/rfc822 Message",
            "begin",
            "is text/plain Leaf",
            "body bad\r\n",
            "end {BadHeaderLine}",
            "end {}",
        ],
    );
    check(
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain\r\n\r\n--c\r\n",
        &[
            "begin",
            "head Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain\r\n\r\n",
            "is multipart/mixed Multipart",
            "around --c\r\n",
            "end {NoPart, Repeated}",
        ],
    );
}

/// The fields of a body that is elsewhere are an entity, and what follows them is not looked into.
#[test]
fn external() {
    check(
        "Content-Type: message/external-body; access-type=local-file; name=x\r\n\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        &[
            "begin",
            "head Content-Type: message/external-body; access-type=local-file; name=x\r\n\r\n",
            "is message/external-body Message",
            "begin",
            "head Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            "is multipart/mixed Leaf",
            "body --b\r\n",
            "end {}",
            "end {}",
        ],
    );
}

/// Register: 2045-6.4-b, 2045-6.4-c.
#[test]
fn encodings() {
    check(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogMQ==\r\n",
        &[
            "begin",
            "head Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            "is message/rfc822 Leaf",
            "body QTogMQ==\r\n",
            "end {EncodedComposite}",
        ],
    );
    check(
        "Content-Transfer-Encoding: x-odd\r\n\r\nx",
        &[
            "begin",
            "head Content-Transfer-Encoding: x-odd\r\n\r\n",
            "is text/plain Leaf",
            "body x",
            "end {UnknownEncoding}",
        ],
    );
}

/// Memory and time are bounded, and every octet comes out.
#[test]
fn huge() {
    // Deeper than is followed.
    let mut deep = Vec::new();
    for level in 0..10_000 {
        deep.extend_from_slice(
            format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n").as_bytes(),
        );
    }
    let mut count = (0_usize, Defects::NONE);
    let mut total = 0;
    let mut structure = Structure::new();
    let mut on = |event: Event<'_>| match event {
        Event::Begin => count.0 += 1,
        Event::End(defects) => count.1 |= defects,
        Event::Head(octets)
        | Event::Body(octets)
        | Event::Around(octets)
        | Event::Boundary(octets) => {
            total += octets.len();
        }
        _ => {}
    };
    structure.feed(&deep, &mut on);
    structure.finish(&mut on);
    assert_eq!(total, deep.len());
    assert_eq!(count.0, DEPTH_MAX);
    assert!(count.1.has(Defect::TooDeep) && count.1.has(Defect::Unclosed));

    // More parts than are counted.
    let mut many = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
    many.extend_from_slice(&b"--b\n\n".repeat(PARTS_MAX + 1000));
    let mut parts = 0;
    let mut structure = Structure::new();
    let mut flaws = Defects::NONE;
    let mut on = |event: Event<'_>| match event {
        Event::Begin => parts += 1,
        Event::End(defects) => flaws |= defects,
        _ => {}
    };
    structure.feed(&many, &mut on);
    structure.finish(&mut on);
    assert_eq!(parts, PARTS_MAX);
    assert!(flaws.has(Defect::TooManyParts));

    // A field of many megabytes, in small pieces: nothing of it is held.
    let mut structure = Structure::new();
    let mut head = 0;
    let mut on = |event: Event<'_>| {
        if let Event::Head(octets) = event {
            head += octets.len();
        }
    };
    structure.feed(b"Content-Type: text/plain; x=", &mut on);
    for _ in 0..2000 {
        structure.feed(&[b'x'; 5000], &mut on);
    }
    let kept = structure.content_type.as_ref().map_or(0, Vec::len);
    assert!(kept <= FIELD_KEPT_MAX && structure.held.len() <= LINE_HELD_MAX);
    structure.finish(&mut on);
    assert_eq!(head, 28 + 10_000_000);
}

proptest::proptest! {
    /// Every octet comes out once, however the letter is cut, and the events are the same.
    #[test]
    fn cuts_do_not_matter(
        letter in "(Content-Type: (multipart/(mixed|digest); boundary=(a|ab|\"a b\")|message/rfc822|text/plain)|Content-Transfer-Encoding: base64|--|a|b|-| |:|X: y|From x|\r\n|\r\n\r\n|\n|\r|\u{e9}){0,60}",
        piece in 1_usize..9,
    ) {
        let (whole, all) = events(letter.as_bytes(), usize::MAX);
        proptest::prop_assert_eq!(&all, letter.as_bytes());
        let (cut, all) = events(letter.as_bytes(), piece);
        proptest::prop_assert_eq!(&all, letter.as_bytes());
        proptest::prop_assert_eq!(&cut, &whole);
        // Where entities nest, they nest as brackets do.
        let begins = whole.iter().filter(|one| *one == "begin").count();
        let ends = whole.iter().filter(|one| one.starts_with("end ")).count();
        proptest::prop_assert_eq!(begins, ends);
    }
}
