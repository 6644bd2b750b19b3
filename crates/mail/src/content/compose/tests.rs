use proptest::prelude::*;

use super::strict::check_letter;
use super::*;
use crate::content::transfer::Measure;
use crate::content::{
    Access, Defect, Disposition, External, Kind, Letter, MediaType, Shape, Text, safe_file_name,
};

fn mailbox(name: &str, address: &str) -> NamedMailbox {
    NamedMailbox::named(name, address.parse().unwrap())
}

fn bare(address: &str) -> Address {
    NamedMailbox::bare(address.parse().unwrap()).into()
}

fn draft() -> Draft {
    let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
    let mut draft = Draft::new(mailbox("Jørn", "joern@example.net"), date);
    draft.message_id = MessageId::new("1.a@example.net");
    draft.to = vec![mailbox("Ada", "ada@example.org").into()];
    draft.subject = "Grüße an alle".into();
    draft
}

fn octets(draft: &Draft) -> Vec<u8> {
    let octets = draft.write(&Options::default()).unwrap().octets;
    check_letter(&octets, false);
    octets
}

fn written(draft: &Draft) -> String {
    String::from_utf8(octets(draft)).unwrap()
}

/// The unfolded value of a field of a letter.
fn field(letter: &[u8], name: &str) -> String {
    Letter::read(letter).head().raw_text(name).unwrap().text
}

/// Register: 5322-3.6-d, 5322-3.6.4-a, 2045-4-a, 2046-4.1.2-c, 2046-4.1.2-d, 5321-4.4-o,
/// 3834-5.2-a, 3834-5.2-d, 3834-5.2-f, 5322-3.4-a, 5322-3.4-b, 5322-2.3-a, 5322-2.3-b.
#[test]
fn a_letter() {
    let mut draft = draft();
    draft.body = Entity::text("Hello,\nworld.\rAnd\r\nmore.");
    assert_eq!(
        written(&draft),
        "Date: Tue, 01 Jul 2025 12:00:00 +0200\r\n\
         From: =?utf-8?Q?J=C3=B8rn?= <joern@example.net>\r\n\
         To: Ada <ada@example.org>\r\n\
         Message-ID: <1.a@example.net>\r\n\
         Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= an alle\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\
         \r\n\
         Hello,\r\nworld.\r\nAnd\r\nmore.\r\n"
    );
}

/// Register: 5322-3.6-d, 5322-3.6-e, 5322-3.6.2-a, 5322-3.6.2-b, 5322-3.6.2-c, 5322-3.6.2-d.
#[test]
fn originators() {
    let mut draft = draft();
    draft.sender = Some(mailbox("the same", "joern@example.net"));
    assert!(!written(&draft).contains("Sender:"));
    draft.sender = Some(mailbox("Secretary", "office@example.net"));
    draft.reply_to = vec![bare("list@example.net")];
    let letter = octets(&draft);
    assert_eq!(field(&letter, "Sender"), "Secretary <office@example.net>");
    assert_eq!(field(&letter, "Reply-To"), "list@example.net");
    draft.from.push(mailbox("Ada", "ada@example.org"));
    assert!(written(&draft).contains("Sender: Secretary"));
    draft.sender = None;
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::NoSender));
    draft.from.clear();
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::NoAuthor));
}

/// Register: 5321-7.2-f, 5322-3.6.3-a, 5322-3.6.3-d.
#[test]
fn blind_recipients() {
    let mut draft = draft();
    draft.bcc = vec![bare("secret@example.com")];
    assert!(!written(&draft).contains("secret"));
    let recipients: Vec<_> = draft.recipients().map(|one| one.address.to_string()).collect();
    assert_eq!(recipients, ["ada@example.org", "secret@example.com"]);
    draft.to.clear();
    assert!(written(&draft).contains("\r\nTo: undisclosed-recipients:;\r\n"));
    draft.show_bcc = true;
    assert!(written(&draft).contains("\r\nBcc: secret@example.com\r\n"));
}

/// Register: 5322-2.2.3-a, 5322-2.1.1-b, 5322-3.5-c.
#[test]
fn folded_between_addresses() {
    let mut draft = draft();
    draft.to =
        (0..12).map(|n| mailbox("Some Body", &format!("number-{n}@example.org")).into()).collect();
    let letter = written(&draft);
    let to = letter.split("\r\n").skip_while(|line| !line.starts_with("To:"));
    let lines: Vec<_> = to.take_while(|line| line.starts_with([' ', 'T'])).collect();
    assert!(lines.len() >= 6);
    assert!(
        lines
            .iter()
            .rev()
            .skip(1)
            .all(|line| line.ends_with("Some") || line.ends_with(',') || line.ends_with("Body"))
    );
    assert!(lines.iter().all(|line| line.len() <= 78));
    assert_eq!(Letter::read(letter.as_bytes()).head().addresses("To").items, draft.to);
}

/// What a person types becomes no field. Register: 5322-2.2-b, 6532-3.6-b.
#[test]
fn no_injection() {
    let evil = "x\r\nBcc: everybody@example.org\r\n\r\nbody";
    let mut draft = draft();
    draft.subject = evil.into();
    draft.to = vec![mailbox(evil, "ada@example.org").into()];
    draft.cc = vec![Address::Group { name: evil.into(), members: Vec::new() }];
    draft.extra.push(("X-Own".parse().unwrap(), evil.into()));
    draft.body = Entity::attachment(evil, None, vec![0]).described(evil);
    let letter = octets(&draft);
    let read = Letter::read(&letter);
    assert!(read.head().get("Bcc").is_none());
    let names: Vec<_> = read.head().fields().map(|field| field.name.to_vec()).collect();
    assert_eq!(names.len(), 12);
    // Nor does text that comes out of encoded words.
    let hidden = crate::content::encoded_word::decode("=?utf-8?q?x=0D=0ABcc:_y?=");
    draft.subject = hidden.text;
    assert_eq!(field(&octets(&draft), "Subject"), "x  Bcc: y");
    for bad in ["a\r\nb", "a\nb", "a\0b", "\u{85}"] {
        assert!(AddrSpec::new(bad, "x.example").is_err());
        assert!(AddrSpec::new("a", bad).is_err());
        assert!(MessageId::new(&format!("{bad}@x")).is_none());
        assert!(MessageId::new(&format!("x@{bad}")).is_none());
        assert!(MediaType::new(bad, "x").is_none() && MediaType::new("x", bad).is_none());
        assert!(bad.parse::<FieldName>().is_err());
    }
    let mut head = HeadWriter::new(true);
    head.text("X\r\nBcc: y", "z");
    let mut parameters = crate::content::Parameters::default();
    parameters.set("a\r\nBcc: y", "z");
    head.parameters("Content-Type\n", "a/b\r\nBcc: y", &parameters);
    assert_eq!(head.finish(), b"XBccy: z\r\nContent-Type: a/bBccy; abccy=z\r\n");
    let list = crate::content::AddressList::read("\"a\rb\"@x.example, <\"a\nb\"@x.example>, a\0b");
    assert!(list.mailboxes().all(|one| !one.address.to_string().contains(char::is_control)));
}

/// Register: 5322-2.2-a, 5322-3.6.8-a, 5322-3.6.8-b, 6532-3-a, 2045-9-a, 8689-3-b.
#[test]
fn names_of_fields() {
    for good in ["X-Own", "User-Agent", "Comments", "Keywords", "x", "A_b/c!"] {
        assert_eq!(good.parse::<FieldName>().unwrap().as_str(), good);
    }
    let long = "x".repeat(77);
    for bad in ["", "X Y", "X:", "Ü", "x\u{7f}", "\u{1}", long.as_str()] {
        assert_eq!(bad.parse::<FieldName>(), Err(FieldNameError::Syntax), "{bad}");
    }
    for own in ["From", "DATE", "Resent-Anything", "Content-Anything", "Return-Path", "Received"] {
        assert_eq!(own.parse::<FieldName>(), Err(FieldNameError::Reserved), "{own}");
    }
    let mut draft = draft();
    let name: FieldName = "TLS-Required".parse().unwrap();
    draft.extra = vec![(name.clone(), "No".into()), (name, "No".into())];
    assert_eq!(written(&draft).matches("TLS-Required: No\r\n").count(), 1);
}

/// Addresses that can be written, and how. Register: 1123-5.2.18-b, 1123-5.2.18-d, 1123-5.2.19-a,
/// 5322-3.4.1-a, 5322-3.4.1-b, 5322-3.4.1-c, 2047-5-d.
#[test]
fn addresses() {
    let rows = [
        (("joe", "x.example"), Some("joe@x.example")),
        (("a b", "x.example"), Some("\"a b\"@x.example")),
        (("a.b", "x.example"), Some("a.b@x.example")),
        (("a..b", "x.example"), Some("\"a..b\"@x.example")),
        (("a\"\\", "x.example"), Some("\"a\\\"\\\\\"@x.example")),
        (("a", "[192.0.2.1]"), Some("a@[192.0.2.1]")),
        (("a", "x.example."), None),
        (("a", ".x"), None),
        (("a", "x y"), None),
        (("a", "[a]b]"), None),
        (("a", ""), None),
        (("", "x.example"), None),
        (("@r.example:a", "x.example"), Some("\"@r.example:a\"@x.example")),
    ];
    for ((local, domain), want) in rows {
        let got = AddrSpec::new(local, domain).ok();
        assert_eq!(got.as_ref().map(ToString::to_string).as_deref(), want);
        if let Some(address) = got {
            let mut draft = draft();
            draft.to = vec![NamedMailbox::bare(address.clone()).into()];
            let letter = octets(&draft);
            let list = Letter::read(&letter).head().addresses("To");
            assert_eq!(list.mailboxes().next().unwrap().address, address);
        }
    }
    // Beyond ASCII: the domain has a form in ASCII, the local-part has none.
    let mut draft = draft();
    draft.to = vec![NamedMailbox::bare(AddrSpec::new("a", "bücher.example").unwrap()).into()];
    assert!(written(&draft).contains("To: a@xn--bcher-kva.example\r\n"));
    let utf8 = AddrSpec::new("jörn", "bücher.example").unwrap();
    draft.to = vec![NamedMailbox::bare(utf8.clone()).into()];
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::NeedsUtf8(utf8)));
    let composed = draft.write(&Options { utf8: true, ..Options::default() }).unwrap();
    check_letter(&composed.octets, true);
    assert!(composed.utf8 && field(&composed.octets, "To") == "jörn@bücher.example");
    // What was read from a broken letter is not written.
    let broken = crate::content::AddressList::read("nobody").mailboxes().next().unwrap().clone();
    draft.to = vec![broken.clone().into()];
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::Address(broken.address)));
}

/// Subjects, and the lines they make. Register: 2047-2-b, 2047-5-a, 2047-7-a, 5322-3.2.2-a.
#[test]
fn subjects() {
    let long = "日本語の題名".repeat(20);
    for (subject, want) in [
        ("plain words", "plain words"),
        ("a  b   c", "a  b   c"),
        ("=?foo?=", "=?us-ascii?Q?=3D=3Ffoo=3F=3D?="),
        ("=?utf-8?q?x?= y", "=?us-ascii?Q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= y"),
        ("naïve words stay words", "=?utf-8?Q?na=C3=AFve?= words stay words"),
        ("zwölf ärmel", "=?utf-8?Q?zw=C3=B6lf_=C3=A4rmel?="),
        ("ü a ü", "=?utf-8?Q?=C3=BC?= a =?utf-8?Q?=C3=BC?="),
        (" blank first", "=?us-ascii?Q?_blank?= first"),
        ("blank last ", "blank =?us-ascii?Q?last_?="),
    ] {
        let mut draft = draft();
        draft.subject = subject.into();
        let letter = octets(&draft);
        assert_eq!(field(&letter, "Subject"), want);
        assert_eq!(Letter::read(&letter).head().subject().unwrap(), subject);
    }
    let mut draft = draft();
    draft.subject = format!("{long} {} {}", " ".repeat(200), "x".repeat(3000));
    let letter = octets(&draft);
    assert_eq!(Letter::read(&letter).head().subject().unwrap(), draft.subject.as_str());
}

/// Text of every kind, the label it gets, and that it reads back. Register: 5322-2.1.1-a,
/// 5322-2.3-c, 5322-3.5-a, 5322-2.1-a, 2046-4.1.1-a, 2046-4.1.1-b, 2046-4.1.2-b, 2045-6.2-a, 2045-6.6-a.
#[test]
fn texts() {
    let long = "word ".repeat(1000);
    let wide = "x".repeat(100);
    let path = |path, line_max| Options { path, line_max, utf8: false };
    use TransferEncoding::{Base64, Binary, EightBit, QuotedPrintable, SevenBit};
    let rows: &[(&str, Options, TransferEncoding, &str)] = &[
        ("plain\n", path(SevenBit, 998), SevenBit, "us-ascii"),
        (&long, path(SevenBit, 998), QuotedPrintable, "us-ascii"),
        (&long, path(EightBit, 998), QuotedPrintable, "us-ascii"),
        (&long, path(Binary, 998), QuotedPrintable, "us-ascii"),
        (&wide, path(SevenBit, 998), SevenBit, "us-ascii"),
        (&wide, path(SevenBit, 78), QuotedPrintable, "us-ascii"),
        ("so many letters and one ü\n", path(SevenBit, 998), QuotedPrintable, "utf-8"),
        ("so many letters and one ü\n", path(EightBit, 998), EightBit, "utf-8"),
        ("日本語日本語\n", path(SevenBit, 998), Base64, "utf-8"),
        ("日本語日本語\n", path(Binary, 998), EightBit, "utf-8"),
        ("nul \0 and more text\n", path(SevenBit, 998), QuotedPrintable, "us-ascii"),
        ("", path(SevenBit, 998), SevenBit, "us-ascii"),
    ];
    for (text, options, encoding, charset) in rows {
        let mut draft = draft();
        draft.body = Entity::text(*text);
        let composed = draft.write(options).unwrap();
        check_letter(&composed.octets, false);
        let letter = Letter::read(&composed.octets);
        let root = letter.root();
        assert_eq!((root.encoding(), root.media_type().charset()), (*encoding, *charset));
        let want = if text.is_empty() || text.ends_with('\n') {
            (*text).to_owned()
        } else {
            format!("{text}\n")
        };
        assert_eq!(root.text().text, want);
        let body = Measure::of(root.raw_body()).domain();
        let label = if encoding.is_identity() { *encoding } else { SevenBit };
        assert_eq!((body, composed.needs), (label, label));
        // The canonical form has CR LF.
        assert!(!Measure::of(&root.body().0).has_bare_line_ends());
    }
}

/// Files come back octet for octet, with their names. Register: 2183-2-b, 2183-2-c, 2047-5-g,
/// 2231-3-a, 2231-4-a, 2231-4-b, 2231-4.1-b, 2183-2-a, 2046-5.1-a.
#[test]
fn attachments() {
    let long = format!("{}.pdf", "a very long name of a file ".repeat(8));
    let long_utf8 = format!("{}.pdf", "ein sehr langer Name für eine Datei ".repeat(8));
    let names: &[(&str, &str)] = &[
        ("a.txt", "; filename=a.txt"),
        ("a b.txt", "; filename=\"a b.txt\""),
        ("a\"b\\.txt", "; filename=\"a\\\"b\\\\.txt\""),
        ("naïve.txt", "; filename*=utf-8''na%C3%AFve.txt"),
        ("=?utf-8?q?x?=", "; filename=\"=?utf-8?q?x?=\""),
        ("tab\tbed", "; filename*=utf-8''tab%09bed"),
        (&long, "; filename*0=\"a very"),
        (&long_utf8, "; filename*0*=utf-8''ein%20sehr"),
        ("", ""),
    ];
    let contents: [&[u8]; 6] =
        [b"", b"text\r\n", b"text\n", &[0, 255, 13, 10, 13, 32], b"a \r\nb\r", &[b'x'; 2000]];
    for (name, want) in names {
        for content in contents {
            let mut draft = draft();
            draft.body = Entity::text("See the file.").attach(Entity::attachment(
                name,
                None,
                content.to_vec(),
            ));
            let letter = octets(&draft);
            let letter = Letter::read(&letter);
            let part = letter.root().children().nth(1).unwrap();
            assert_eq!(&*part.body().0, content);
            assert!(part.is_attachment() && letter.defects().is_empty());
            let value = part.head().raw_text("Content-Disposition").unwrap().text;
            assert!(value.strip_prefix("attachment").unwrap().starts_with(want), "{value}");
            let shown = part.file_name().unwrap_or_default();
            if name.starts_with("=?") {
                // Read as good readers do, who would not believe that a file is called so.
                assert_eq!(shown, "x");
            } else {
                assert_eq!(&shown, name);
            }
            safe_file_name(&shown);
        }
    }
    let mut numbers = Vec::new();
    let part = Entity::attachment(&long_utf8, None, Vec::new());
    for (place, parameter) in part.disposition.unwrap().parameters.written().iter().enumerate() {
        let number = if place == 0 { "*=utf-8''" } else { "*=" };
        assert!(parameter.starts_with(&format!("filename*{place}{number}")), "{parameter}");
        numbers.push(place);
    }
    assert!(numbers.len() > 3);
}

/// Register: 2183-2-d.
#[test]
fn dates_of_files() {
    let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
    let mut part = Entity::attachment("a", None, vec![1]);
    part.disposition = part.disposition.map(|one| one.dated("modification-date", &date));
    let mut draft = draft();
    draft.body = part;
    let letter = octets(&draft);
    let value = field(&letter, "Content-Disposition");
    assert_eq!(
        value,
        "attachment; filename=a; modification-date=\"Tue, 01 Jul 2025 12:00:00 +0200\""
    );
    let back = Disposition::read(&value);
    assert_eq!(DateTime::read(back.parameters.get("modification-date").unwrap()), Some(date));
}

/// Register: 2046-5.1-c, 2046-5.1-d, 2046-5.1.1-a, 2046-5.1.1-g, 2046-5.1.1-f, 2046-5.1-e,
/// 2046-5.1.1-h, 2045-6.4-b.
#[test]
fn boundaries() {
    let mut draft = draft();
    draft.body = Entity::text("one").attach(Entity::text("two"));
    // A letter within a letter within a letter, all with the same seed; their lines as text too.
    for _ in 0..4 {
        let inner = octets(&draft);
        let hostile = String::from_utf8(inner.clone()).unwrap();
        let nested = Entity::multipart("parallel", vec![Entity::text(hostile), Entity::text("x")]);
        draft.body =
            Entity::text("see below").attach(nested.unwrap()).attach(Entity::message(inner));
    }
    let letter = octets(&draft);
    let letter = Letter::read(&letter);
    assert!(letter.defects().is_empty());
    let mut part = letter.root();
    for _ in 0..4 {
        let parts: Vec<_> = part.children().collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[1].children().count(), 2);
        assert_eq!(parts[2].kind(), Kind::Message);
        part = parts[2].children().next().unwrap();
    }
    assert_eq!(part.children().count(), 2);
    let mut boundaries = Vec::new();
    for part in letter.parts().filter(|part| part.shape() == Shape::Multipart) {
        let boundary = part.media_type().boundary().unwrap().to_owned();
        let allowed = |one: char| one.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(one);
        assert!((1..=70).contains(&boundary.len()) && boundary.chars().all(allowed));
        assert!(part.encoding().is_identity());
        assert!(part.octets().is_ascii());
        boundaries.push(boundary);
    }
    for (place, one) in boundaries.iter().enumerate() {
        for (other_place, other) in boundaries.iter().enumerate() {
            assert!(place == other_place || !one.starts_with(other.as_str()));
        }
    }
    let text = String::from_utf8(letter.octets().to_vec()).unwrap();
    assert!(!text.lines().any(|line| line.starts_with("--=_") && line.ends_with(' ')));
}

/// Register: 2046-5.2.1-a, 2046-5.2.1-b, 2045-4-b.
#[test]
fn messages_within() {
    let mut inner = draft();
    inner.body = Entity::text("so many letters and one ü");
    let eight =
        inner.write(&Options { path: TransferEncoding::EightBit, ..Options::default() }).unwrap();
    let mut outer = draft();
    outer.body = Entity::message(eight.octets.clone());
    let composed = outer.write(&Options::default()).unwrap();
    // It is never encoded; the letter says what it needs.
    assert_eq!(composed.needs, TransferEncoding::EightBit);
    let letter = Letter::read(&composed.octets);
    assert_eq!(letter.root().encoding(), TransferEncoding::EightBit);
    let message = letter.root().children().next().unwrap();
    assert_eq!(message.octets(), eight.octets);
    let head = message.head();
    assert!(head.get("From").is_some() && head.get("Date").is_some() && head.is_mime());
    // Lines as files have them.
    let Body::Message(octets) = Entity::message(b"Subject: x\n\ny\n".to_vec()).body else {
        panic!()
    };
    assert_eq!(octets, b"Subject: x\r\n\r\ny\r\n");
    outer.body = Entity::text("x").attach(Entity::message(octets));
    let mime = written(&outer).matches("MIME-Version").count();
    assert_eq!(mime, 1);
}

/// Register: 2046-5.1.4-a, 2046-5.1-a.
#[test]
fn alternatives_and_empty_multiparts() {
    let mut draft = draft();
    let html = MediaType::new("text", "html").unwrap();
    draft.body = Entity::alternative(Entity::text("plain"), Entity::text_of(html, "<p>rich"));
    let letter = octets(&draft);
    let kinds: Vec<_> = Letter::read(&letter).root().children().map(|part| part.kind()).collect();
    assert_eq!(kinds, [Kind::Plain, Kind::Html]);
    draft.body = Entity::multipart("mixed", Vec::new()).unwrap();
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::NoPart));
    let deep = |_: Entity, _| Entity::multipart("mixed", vec![Entity::text("x")]).unwrap();
    draft.body = (0..3).fold(Entity::text("x"), deep);
    octets(&draft);
    let deep = |inner: Entity, _| Entity::multipart("mixed", vec![inner]).unwrap();
    draft.body = (0..60).fold(Entity::text("x"), deep);
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::TooDeep));
}

/// Register: 2046-5.2.3-a, 2045-7-a.
#[test]
fn bodies_elsewhere() {
    let access = [("access-type", "mail-server"), ("server", "list@example.net")];
    let phantom = Entity::octets(MediaType::new("application", "pdf").unwrap(), Vec::new());
    let mut draft = draft();
    draft.body = Entity::external(&access, phantom.clone());
    assert_eq!(draft.write(&Options::default()), Err(ComposeError::NoContentId));
    draft.body = Entity::external(&access, phantom.with_id(MessageId::new("1@x.example").unwrap()));
    let composed = draft.write(&Options::default()).unwrap();
    assert_eq!(composed.needs, TransferEncoding::SevenBit);
    let letter = Letter::read(&composed.octets);
    let external = External::of(&letter.root()).unwrap();
    let server = "list@example.net".parse().unwrap();
    assert_eq!(external.access, Access::MailServer { server, subject: None });
    assert_eq!(external.media_type().to_string(), "application/pdf");
    assert_eq!(external.head.ids("Content-ID")[0].as_str(), "1@x.example");
}

/// Register: 2045-8-a.
#[test]
fn descriptions() {
    let mut draft = draft();
    draft.body = Entity::text("x").described("Eine schöne Beschreibung");
    let letter = octets(&draft);
    assert!(field(&letter, "Content-Description").starts_with("Eine =?utf-8?Q?"));
    let text = Letter::read(&letter).head().text("Content-Description").unwrap();
    assert_eq!(text, "Eine schöne Beschreibung");
}

/// Register: 6532-3.1-a, 6532-3.1-b, 6532-3.4-a, 6532-3.6-a, 6532-3.2-a.
#[test]
fn fields_in_utf8() {
    let mut draft = draft();
    draft.subject = format!("e\u{301} ﬁ {}", "ñandú ".repeat(300).trim_end());
    draft.to = vec![mailbox("Ørsted, H. C.", "hc@ørsted.example").into()];
    let composed = draft.write(&Options { utf8: true, ..Options::default() }).unwrap();
    check_letter(&composed.octets, true);
    assert!(composed.utf8);
    let text = String::from_utf8(composed.octets.clone()).unwrap();
    assert!(!text.contains("=?"));
    let subject = Letter::read(&composed.octets).head().subject().unwrap();
    // Composed, not replaced by something alike.
    assert!(subject.starts_with("é ﬁ ñandú"));
    assert!(text.split("\r\n").all(|line| line.len() <= 78));
    assert_eq!(field(&composed.octets, "To"), "\"Ørsted, H. C.\" <hc@ørsted.example>");
    // Nothing beyond ASCII, nothing asked of the path.
    draft.subject = "plain".into();
    draft.from = vec![mailbox("Ada", "ada@example.net")];
    draft.to = vec![bare("ada@example.net")];
    assert!(!draft.write(&Options { utf8: true, ..Options::default() }).unwrap().utf8);
}

/// Register: 5322-3.6-f, 5322-3.6.6-a, 5322-3.6.6-b, 5322-3.6.6-c, 5322-3.6.6-d, 5322-3.6.6-f,
/// 5322-3.6.6-g.
#[test]
fn sent_on() {
    let letter = octets(&draft());
    let date = DateTime { seconds: 1_751_370_000, offset_minutes: Some(0) };
    let mut resent = Resent {
        from: vec![mailbox("Ada", "ada@example.org")],
        sender: Some(mailbox("", "ada@example.org")),
        date,
        to: vec![bare("bob@example.com")],
        cc: Vec::new(),
        message_id: MessageId::new("2@example.org"),
    };
    let once = resent.write(&letter, false).unwrap();
    let block = "Resent-Date: Tue, 01 Jul 2025 11:40:00 +0000\r\nResent-From: Ada <ada@example.org>\r\n\
        Resent-To: bob@example.com\r\nResent-Message-ID: <2@example.org>\r\n";
    assert_eq!(once, [block.as_bytes(), &letter].concat());
    resent.sender = Some(mailbox("", "office@example.org"));
    let twice = resent.write(&once, false).unwrap();
    assert!(twice.ends_with(&once));
    let head = Letter::read(&twice);
    let names: Vec<_> = head
        .head()
        .fields()
        .take(9)
        .map(|one| String::from_utf8(one.name.to_vec()).unwrap())
        .collect();
    assert!(names.iter().all(|name| name.starts_with("Resent-")));
    assert_eq!(names[2], "Resent-Sender");
    let mut mbox = b"From ada Tue Jul  1 12:00:00 2025\r\n".to_vec();
    mbox.extend_from_slice(&letter);
    assert!(resent.write(&mbox, false).unwrap().ends_with(&letter));
    resent.from.push(mailbox("", "b@example.org"));
    assert!(resent.write(&letter, false).is_ok());
    resent.sender = None;
    assert_eq!(resent.write(&letter, false), Err(ComposeError::NoSender));
    resent.from.clear();
    assert_eq!(resent.write(&letter, false), Err(ComposeError::NoAuthor));
}

/// Names, and the one form of each that is right. Register: 2047-5-c, 2047-5-e, 2047-7-a.
#[test]
fn names() {
    for (name, want) in [
        ("Ada Lovelace", "Ada Lovelace <ada@example.org>"),
        ("Lovelace, Ada", "\"Lovelace, Ada\" <ada@example.org>"),
        ("J. Doe", "\"J. Doe\" <ada@example.org>"),
        ("a \"b\" \\", "\"a \\\"b\\\" \\\\\" <ada@example.org>"),
        ("two  blanks", "\"two  blanks\" <ada@example.org>"),
        ("Jørn (x)", "=?utf-8?Q?J=C3=B8rn_=28x=29?= <ada@example.org>"),
        ("=?utf-8?q?x?=", "=?us-ascii?Q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= <ada@example.org>"),
        ("", "ada@example.org"),
        ("  ", "ada@example.org"),
    ] {
        let mut draft = draft();
        draft.to = vec![mailbox(name, "ada@example.org").into()];
        let letter = octets(&draft);
        assert_eq!(field(&letter, "To"), want);
        let list = Letter::read(&letter).head().addresses("To");
        let back = list.mailboxes().next().unwrap().name.clone();
        assert_eq!(back.as_deref().unwrap_or_default(), name.trim());
    }
}

/// Lines stay in their width wherever the words happen to end. Register: 2047-2-b.
#[test]
fn widths() {
    for len in 1..110 {
        let mut draft = draft();
        let name = format!("{}é", "x".repeat(len));
        let group = Address::Group { name: name.clone(), members: Vec::new() };
        draft.to = vec![group.clone(), mailbox(&"é".repeat(len), "a@x.example").into(), group];
        draft.subject = format!("{name} {}", "word ".repeat(20).trim_end());
        draft.body = Entity::attachment(&name, None, vec![1]).described(&name);
        octets(&draft);
    }
}

fn subject_back(text: &str, utf8: bool) -> Text {
    let mut draft = draft();
    draft.subject = text.into();
    let octets = draft.write(&Options { utf8, ..Options::default() }).unwrap().octets;
    check_letter(&octets, utf8);
    Letter::read(&octets).head().subject().unwrap()
}

fn composed(text: &str) -> String {
    crate::address::normalized(text).into_owned()
}

/// Any entity, with text that is likely to break things.
fn entities() -> impl Strategy<Value = Entity> {
    let text = "(a|é|=| |\t|\r|\n|\r\n|--=_0_0_1aexamplenet|From |\\.|\u{0}|x{80}|日本){0,40}";
    let name = "\\PC{0,90}";
    let leaf = prop_oneof![
        text.prop_map(Entity::text),
        text.prop_map(|text| Entity::flowed(&text)),
        (name, proptest::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(name, octets)| Entity::attachment(&name, None, octets)),
        (text, name).prop_map(|(text, name)| Entity::text(text).inline().described(&name)),
        text.prop_map(|text| Entity::message(format!("Subject: x\r\n\r\n{text}").into_bytes())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let parts = proptest::collection::vec(inner, 1..4);
        (parts, "(mixed|alternative|parallel|digest|related|odd)")
            .prop_map(|(parts, subtype)| Entity::multipart(&subtype, parts).unwrap())
    })
}

/// What a written entity reads as.
fn check_entity(entity: &Entity, part: crate::content::Part<'_, '_>, depth: usize) {
    assert_eq!(part.media_type().to_string(), entity.media.to_string());
    match &entity.body {
        Body::Text(text) => {
            let octets = part.body().0;
            let (got, _) = crate::content::charset::decode(part.media_type().charset(), &octets);
            let want = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            let got = if depth == 0 && !want.ends_with('\n') {
                got.trim_end_matches("\r\n")
            } else {
                &got
            };
            assert_eq!(got, want);
        }
        Body::Octets(octets) => {
            assert_eq!(&*part.body().0, octets);
            let name = entity.disposition.as_ref().and_then(|one| one.parameters.get("filename"));
            if !name.is_some_and(|name| name.contains("=?")) {
                assert_eq!(part.file_name().as_deref(), name);
            }
        }
        Body::Message(octets) => {
            let added: &[u8] = if depth == 0 && !octets.ends_with(b"\r\n") { b"\r\n" } else { b"" };
            let binary = part.encoding() == TransferEncoding::Binary;
            let want = [octets.as_slice(), if binary { &[] } else { added }].concat();
            assert_eq!(part.raw_body(), want);
        }
        Body::Parts(parts) => {
            assert_eq!(part.children().count(), parts.len());
            for (entity, part) in parts.iter().zip(part.children()) {
                check_entity(entity, part, depth + 1);
            }
        }
        Body::External(_) => {}
    }
}

proptest! {
    #[test]
    fn subjects_read_back(text in "\\PC{1,200}", utf8: bool) {
        let back = subject_back(&text, utf8);
        prop_assert_eq!(&back.text, &composed(&text));
    }

    #[test]
    fn subjects_with_words_read_back(text in "( |=\\?utf-8\\?q\\?a\\?=|=\\?|\\?=|é|word|\u{3000}){1,40}", utf8: bool) {
        let back = subject_back(&text, utf8);
        prop_assert_eq!(&back.text, &text);
    }

    #[test]
    fn names_read_back(name in "\\PC{1,80}", utf8: bool) {
        let mut draft = draft();
        draft.to = vec![mailbox(&name, "a@b.example").into()];
        let octets = draft.write(&Options { utf8, ..Options::default() }).unwrap().octets;
        check_letter(&octets, utf8);
        let list = Letter::read(&octets).head().addresses("To");
        let back = list.mailboxes().next().unwrap().name.clone().unwrap_or_default();
        let want = composed(&name);
        prop_assert_eq!(back.trim(), want.trim());
        prop_assert!(list.defects.is_empty());
    }

    /// What we write, a strict reader takes, and our own reads the same. Register: 5322-2.2-c,
    /// 5322-3.1-a, 5322-3.1-b, 5322-4-a, 5322-3.5-b, 2047-5-e, 2045-5.1-b, 2046-5.1.1-c, 1123-5.2.14-d.
    #[test]
    fn letters_read_back(
        entity in entities(),
        names in proptest::collection::vec(("\\PC{0,60}", "[a-z .\"\\\\()<>@,;:=?_ü-]{1,30}"), 0..4),
        group in "\\PC{0,40}",
        path in 0_usize..3,
        line_max in prop_oneof![Just(78_usize), Just(998)],
    ) {
        let path = [TransferEncoding::SevenBit, TransferEncoding::EightBit, TransferEncoding::Binary][path];
        let utf8 = names.iter().any(|(_, local)| !local.is_ascii());
        let mut draft = draft();
        let members: Vec<_> = names
            .iter()
            .filter_map(|(name, local)| Some(NamedMailbox::named(name.clone(), AddrSpec::new(local, "x.example").ok()?)))
            .collect();
        draft.to = members.iter().cloned().map(Address::Mailbox).collect();
        draft.to.push(Address::Group { name: group, members });
        draft.body = entity;
        let written = draft.write(&Options { path, utf8, line_max }).unwrap();
        let letter = Letter::read(&written.octets);
        // A message within may break rules of its own.
        let own = |entity: &Entity| !matches!(entity.body, Body::Message(_));
        if own(&draft.body) && !matches!(draft.body.body, Body::Parts(_)) && written.needs != TransferEncoding::Binary {
            check_letter(&written.octets, utf8);
        }
        if written.needs != TransferEncoding::Binary {
            prop_assert!(!Measure::of(&written.octets).has_bare_line_ends());
        }
        prop_assert!(!letter.defects().has(Defect::Unclosed));
        let back = letter.head().addresses("To");
        prop_assert_eq!(back.mailboxes().count(), draft.recipients().count());
        for (got, want) in back.mailboxes().zip(draft.recipients()) {
            prop_assert_eq!(&got.address, &want.address);
        }
        check_entity(&draft.body, letter.root(), 0);
        // The labels are true of every part.
        for part in letter.parts().filter(|part| part.encoding().is_identity()) {
            let domain = Measure::of(part.raw_body()).domain();
            let label = part.encoding();
            let fits = match label {
                TransferEncoding::SevenBit => domain == TransferEncoding::SevenBit,
                TransferEncoding::EightBit => domain != TransferEncoding::Binary,
                _ => true,
            };
            let within_message = std::iter::successors(part.parent(), |part| part.parent())
                .any(|part| part.kind() == Kind::Message);
            prop_assert!(fits || within_message, "{} under {}", domain, label);
        }
    }
}
