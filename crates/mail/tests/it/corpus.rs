//! Letters in the shapes that are met, made here, each with what must be read in it.

use mail::content::transfer::{Base64Encoder, QuotedPrintableEncoder, Source, TransferEncoding};
use mail::content::{Defect, Defects, Letter, MediaType, view};

/// A letter, the texts that are shown of it in order, and what is wrong with it.
struct Sample {
    name: String,
    octets: Vec<u8>,
    texts: Vec<String>,
    defects: Vec<Defect>,
}

fn sample(name: &str, letter: &str, texts: &[&str], defects: &[Defect]) -> Sample {
    Sample {
        name: name.to_owned(),
        octets: letter.replace('\n', "\r\n").into_bytes(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        defects: defects.to_vec(),
    }
}

/// Charsets, and a text that each of them has.
const CHARSETS: &[(&str, &[u8], &str)] = &[
    ("us-ascii", b"plain\r\n", "plain\n"),
    ("utf-8", "Grüße, привет, 你好, 😀\r\n".as_bytes(), "Grüße, привет, 你好, 😀\n"),
    ("iso-8859-1", b"Andr\xe9\r\n", "André\n"),
    ("iso-8859-2", b"za\xbf\xf3\xb3\xe6\r\n", "zażółć\n"),
    ("iso-8859-3", b"\xa6\r\n", "Ĥ\n"),
    ("iso-8859-4", b"\xe0\r\n", "ā\n"),
    ("iso-8859-5", b"\xdf\xe0\xd8\xd2\xd5\xe2\r\n", "привет\n"),
    ("iso-8859-6", b"\xe3\r\n", "ك\n"),
    ("iso-8859-7", b"\xe1\xe2\r\n", "αβ\n"),
    ("iso-8859-8", b"\xf9\xec\xe5\xed\r\n", "שלום\n"),
    ("iso-8859-9", b"\xfd\xfe\r\n", "ış\n"),
    ("iso-8859-15", b"\xa4\r\n", "€\n"),
    ("windows-1250", b"\x9c\r\n", "ś\n"),
    ("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2\r\n", "Привет\n"),
    ("windows-1252", b"\x93quoted\x94\r\n", "“quoted”\n"),
    ("windows-1253", b"\xe1\r\n", "α\n"),
    ("windows-1254", b"\xfd\r\n", "ı\n"),
    ("windows-1255", b"\xf9\r\n", "ש\n"),
    ("windows-1256", b"\xe3\r\n", "م\n"),
    ("windows-1257", b"\xe0\r\n", "ą\n"),
    ("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4\r\n", "Привет\n"),
    ("koi8-u", b"\xa7\r\n", "ї\n"),
    ("gb2312", b"\xc4\xe3\xba\xc3\r\n", "你好\n"),
    ("gb18030", b"\xc4\xe3\xba\xc3\r\n", "你好\n"),
    ("big5", b"\xa7\x41\xa6\x6e\r\n", "你好\n"),
    ("euc-jp", b"\xc6\xfc\xcb\xdc\r\n", "日本\n"),
    ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B\r\n", "日本\n"),
    ("shift_jis", b"\x93\xfa\x96\x7b\r\n", "日本\n"),
    ("euc-kr", b"\xbe\xc8\xb3\xe7\r\n", "안녕\n"),
    ("iso-2022-kr", b"\x1b$)C\x0e>H3g\x0f\r\n", "안녕\n"),
    ("hz-gb-2312", b"~{Dc:C~}\r\n", "你好\n"),
    ("utf-7", b"Hi +Jjo-\r\n", "Hi ☺\n"),
    ("tis-620", b"\xa1\xa2\r\n", "กข\n"),
    ("macintosh", b"caf\x8e\r\n", "café\n"),
];

fn encoded(octets: &[u8], encoding: TransferEncoding) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        TransferEncoding::Base64 => {
            let mut encoder = Base64Encoder::new();
            encoder.feed(octets, &mut out);
            encoder.finish(&mut out);
        }
        TransferEncoding::QuotedPrintable => {
            let mut encoder = QuotedPrintableEncoder::new(Source::Text);
            encoder.feed(octets, &mut out);
            encoder.finish(&mut out);
        }
        _ => out.extend_from_slice(octets),
    }
    out
}

/// Every charset in every encoding, alone and as a part.
fn charsets(out: &mut Vec<Sample>) {
    use TransferEncoding::{Base64, Binary, EightBit, QuotedPrintable};
    for (charset, octets, text) in CHARSETS {
        for encoding in [EightBit, Binary, QuotedPrintable, Base64] {
            let fields = format!(
                "Content-Type: text/plain; charset=\"{charset}\"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            );
            let body = encoded(octets, encoding);
            let alone = [b"Subject: x\r\n", fields.as_bytes(), &body].concat();
            let inside = [
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
                fields.as_bytes(),
                &body,
                b"\r\n--b--\r\n",
            ]
            .concat();
            for (place, octets) in [("alone", alone), ("in a part", inside)] {
                out.push(Sample {
                    name: format!("{charset} in {encoding} {place}"),
                    octets,
                    texts: vec![(*text).to_owned()],
                    defects: Vec::new(),
                });
            }
        }
    }
}

/// Multiparts and messages in each other, whole and cut off at every level.
fn depths(out: &mut Vec<Sample>) {
    for depth in 0..24 {
        let (mut head, mut tail) = (String::new(), String::new());
        for level in 0..depth {
            if level % 3 == 2 {
                head.push_str("Content-Type: message/rfc822\n\nSubject: inner\n");
            } else {
                head.push_str(&format!("Content-Type: multipart/mixed; boundary=\"level {level}\"\n\npreamble\n--level {level}\n"));
                tail = format!("\n--level {level}--\nepilogue{tail}");
            }
        }
        let whole = format!("{head}\nbottom{tail}");
        out.push(sample(&format!("{depth} deep"), &whole, &["bottom"], &[]));
        if depth > 0 {
            let cut = format!("{head}\nbottom");
            out.push(sample(
                &format!("{depth} deep, cut off"),
                &cut,
                &["bottom"],
                &[Defect::Unclosed],
            ));
        }
    }
}

/// Broken in one way each.
fn broken(out: &mut Vec<Sample>) {
    let rows: &[(&str, &str, &[&str], &[Defect])] = &[
        ("no header", "\njust text\n", &["just text\n"], &[]),
        ("no blank line", "Subject: x\njust text\n", &["just text\n"], &[Defect::BadHeaderLine]),
        (
            "mailbox line",
            "From ada Mon Jan  1 00:00:00 2000\nSubject: x\n\ntext\n",
            &["text\n"],
            &[Defect::MailboxLine],
        ),
        (
            "quoted mailbox line",
            ">From ada Mon Jan  1 00:00:00 2000\nSubject: x\n\ntext\n",
            &["text\n"],
            &[Defect::MailboxLine],
        ),
        (
            "no boundary",
            "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n",
            &["--b\n\nx\n--b--\n"],
            &[Defect::NoBoundary],
        ),
        (
            "other boundary",
            "Content-Type: multipart/mixed; boundary=c\n\n--b\n\nx\n--b--\n",
            &["--b\n\nx\n--b--\n"],
            &[Defect::NoPart],
        ),
        (
            "no closing line",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n",
            &["one", "two\n"],
            &[Defect::Unclosed],
        ),
        (
            "cut in a header",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Ty",
            &["one", "Content-Ty"],
            &[Defect::Unclosed, Defect::BadHeaderLine],
        ),
        ("type without subtype", "Content-Type: text\n\nx\n", &["x\n"], &[Defect::BadContentType]),
        ("type of nothing", "Content-Type: \n\nx\n", &["x\n"], &[Defect::BadContentType]),
        (
            "type twice",
            "Content-Type: text/plain\nContent-Type: text/html\n\nx\n",
            &["x\n"],
            &[Defect::Repeated],
        ),
        (
            "unquoted boundary",
            "Content-Type: multipart/mixed; boundary=a=b?c\n\n--a=b?c\n\nx\n--a=b?c--\n",
            &["x"],
            &[Defect::BadSyntax],
        ),
        (
            "unknown charset",
            "Content-Type: text/plain; charset=x-odd\n\ncaf\u{e9}\n",
            &["café\n"],
            &[Defect::UnknownCharset, Defect::EightBit],
        ),
        ("eight bits undeclared", "Subject: x\n\ncaf\u{e9}\n", &["café\n"], &[Defect::EightBit]),
        (
            "base64 with noise",
            "Content-Transfer-Encoding: base64\n\n$SGVs-bG8=\n",
            &["Hello"],
            &[Defect::BadBase64],
        ),
        (
            "base64 cut off",
            "Content-Transfer-Encoding: base64\n\nSGVsbG\n",
            &["Hell"],
            &[Defect::BadBase64],
        ),
        (
            "base64 with a footer",
            "Content-Transfer-Encoding: base64\n\nSGVsbG8=\n\n-- \n!\n",
            &["Hello"],
            &[Defect::BadBase64],
        ),
        (
            "quoted-printable with noise",
            "Content-Transfer-Encoding: quoted-printable\n\n100=% =ZZ\n",
            &["100=% =ZZ\n"],
            &[Defect::BadQuotedPrintable],
        ),
        (
            "encoded multipart",
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: quoted-printable\n\n--b\n\nx\n--b--\n",
            &["x"],
            &[Defect::EncodedComposite],
        ),
        ("NUL", "Subject: x\n\na\0b\n", &["a\0b\n"], &[Defect::Nul]),
        (
            "charset that lies",
            "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n/w==\n",
            &["\u{fffd}"],
            &[Defect::BadCharset],
        ),
        (
            "semicolons forgotten",
            "Content-Type: text/plain charset=utf-8 format=fixed\nContent-Transfer-Encoding: 8bit\n\n\u{e9}\n",
            &["\u{e9}\n"],
            &[Defect::BadSyntax],
        ),
        (
            "empty multipart",
            "Content-Type: multipart/mixed; boundary=b\n\n--b--\n",
            &["--b--\n"],
            &[Defect::NoPart],
        ),
        (
            "uuencode",
            "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#0V%T\n`\nend\n",
            &["Cat"],
            &[],
        ),
        (
            "uuencode cut off",
            "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#0V%T\n",
            &["Cat"],
            &[Defect::BadUuencode],
        ),
        ("nothing at all", "", &[""], &[]),
    ];
    out.extend(
        rows.iter().map(|(name, letter, texts, defects)| sample(name, letter, texts, defects)),
    );
}

/// As well-known programs write them.
fn common(out: &mut Vec<Sample>) {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "web mailer",
            "MIME-Version: 1.0\nFrom: =?UTF-8?Q?J=C3=B6rg?= <j@example.com>\nSubject: =?UTF-8?B?w5xiZXI=?=\n\
             Content-Type: multipart/alternative; boundary=\"0000000000005a1b2c05e0f1a2b3\"\n\n\
             --0000000000005a1b2c05e0f1a2b3\nContent-Type: text/plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: quoted-printable\n\n\
             *Hallo* J=C3=B6rg\n\n--0000000000005a1b2c05e0f1a2b3\nContent-Type: text/html; charset=\"UTF-8\"\n\n<b>Hallo</b>\n\n\
             --0000000000005a1b2c05e0f1a2b3--\n",
            &["*Hallo* Jörg\n"],
        ),
        (
            "office mailer",
            "Content-Type: multipart/related;\n\tboundary=\"_004_AM0PR_\"; type=\"multipart/alternative\"\nMIME-Version: 1.0\n\n\
             --_004_AM0PR_\nContent-Type: multipart/alternative;\n\tboundary=\"_000_AM0PR_\"\n\n--_000_AM0PR_\n\
             Content-Type: text/plain; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n\n\
             --_000_AM0PR_\nContent-Type: text/html; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\n<p>Gr=FC=DFe\n\n\
             --_000_AM0PR_--\n\n--_004_AM0PR_\nContent-Type: image/png; name=\"image001.png\"\nContent-Disposition: inline; filename=\"image001.png\"; size=4;\n\
             \tcreation-date=\"Tue, 01 Jul 2025 12:00:00 GMT\"\nContent-ID: <image001.png@01D5>\nContent-Transfer-Encoding: base64\n\niVBORw==\n\n--_004_AM0PR_--\n",
            &["Grüße\n"],
        ),
        (
            "flowed",
            "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=no\nContent-Transfer-Encoding: 7bit\n\n\
             A paragraph that \nwas broken.\n\n> quoted \n> too\n",
            &["A paragraph that was broken.\n\n> quoted too\n"],
        ),
        (
            "mailing list with a footer",
            "Content-Type: multipart/mixed; boundary=\"===============123==\"\n\n--===============123==\nContent-Type: text/plain\n\nhello\n\n\
             --===============123==\nContent-Type: text/plain; charset=\"us-ascii\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\nContent-Disposition: inline\n\n\
             ___________\nlist\n\n--===============123==--\n",
            &["hello\n", "___________\nlist\n"],
        ),
        (
            "signed",
            "Content-Type: multipart/signed; micalg=pgp-sha512;\n protocol=\"application/pgp-signature\"; boundary=\"s\"\n\n--s\n\
             Content-Type: multipart/mixed; boundary=\"m\"; protected-headers=\"v1\"\n\n--m\n\nsigned text\n\n--m--\n\n--s\n\
             Content-Type: application/pgp-signature; name=\"OpenPGP_signature.asc\"\n\n-----BEGIN PGP SIGNATURE-----\n\n--s--\n",
            &["signed text\n"],
        ),
        (
            "bounce",
            "From: <>\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"=_r\"\n\n--=_r\n\nsorry\n--=_r\n\
             Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n--=_r\nContent-Type: text/rfc822-headers\n\nSubject: y\n--=_r--\n",
            &["sorry"],
        ),
        (
            "forwarded",
            "Content-Type: multipart/mixed; boundary=f\n\n--f\n\nsee below\n--f\nContent-Type: message/rfc822; name=\"x.eml\"\nContent-Disposition: attachment\n\n\
             From: a@b.example\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n8NLJ18XU\n\n--f--\n",
            &["see below", "Привет"],
        ),
        (
            "invitation",
            "Content-Type: multipart/alternative; boundary=i\n\n--i\nContent-Type: text/plain; charset=utf-8; format=fixed\n\nmeeting\n--i\n\
             Content-Type: text/calendar; method=REQUEST; charset=UTF-8\n\nBEGIN:VCALENDAR\n--i--\n",
            &["meeting"],
        ),
        ("bare line feeds", "Subject: x\nContent-Type: text/plain\n\none\ntwo\n", &["one\ntwo\n"]),
        ("enriched", "Content-Type: text/enriched\n\n<bold>a</bold>\n\nb\n", &["a\nb\n"]),
        ("richtext", "Content-Type: text/richtext\n\n<bold>a</bold><nl>b\n", &["a\nb\n"]),
        ("newspaper", "Content-Type: text/x-odd; charset=us-ascii\n\nx\n", &["x\n"]),
        (
            "no text",
            "Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n",
            &[],
        ),
        (
            "text as a file",
            "Content-Type: text/plain\nContent-Disposition: attachment; filename=x\n\nx\n",
            &[],
        ),
        (
            "Japanese of old",
            "Subject: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\nContent-Type: text/plain; charset=ISO-2022-JP\n\n\u{1b}$BF|K\\\u{1b}(B\n",
            &["日本\n"],
        ),
        (
            "padding after the boundary",
            "Content-Type: multipart/mixed; boundary=b\n\n--b  \t\n\nx\n--b-- \n",
            &["x"],
        ),
        (
            "boundary in comments",
            "Content-Type: multipart/mixed (a comment); (another) boundary=(b)\"b\"(c)\n\n--b\n\nx\n--b--\n",
            &["x"],
        ),
        (
            "part without fields",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n\nx\n--b--\n",
            &["\n\nx"],
        ),
    ];
    out.extend(rows.iter().map(|(name, letter, texts)| sample(name, letter, texts, &[])));
}

#[test]
fn corpus() {
    let mut samples = Vec::new();
    charsets(&mut samples);
    depths(&mut samples);
    broken(&mut samples);
    common(&mut samples);
    assert!(samples.len() >= 200, "{}", samples.len());
    for sample in &samples {
        check(sample);
    }
}

fn check(sample: &Sample) {
    let Sample { name, octets, texts, defects } = sample;
    let letter = Letter::read(octets);
    // Nothing is lost: the letter is its octets, and its parts lie in it.
    assert_eq!(letter.root().octets(), octets, "{name}");
    let items = view(&letter, |_: &MediaType| false);
    let text = |item: &mail::content::Item<'_, '_>| item.role == mail::content::Role::Text;
    let got: Vec<_> =
        items.iter().filter(|item| text(item)).map(|item| item.part.text().text).collect();
    assert_eq!(&got, texts, "{name}");
    let found = letter.parts().fold(Defects::NONE, |all, part| all | part.examine());
    let want: Defects = defects.iter().copied().collect();
    assert_eq!(found, want, "{name}");
}
