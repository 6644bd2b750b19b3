//! Content and addresses at hosts that take less than they have.

use mail::ReversePath;
use mail::envelope::OriginalRecipient;
use mail::{BodyType, Envelope, ForwardPath, MailParameters, Recipient, RecipientParameters};

use super::relay::BYE;
use super::world::{Scene, options, play};
use crate::{EightBit, Options};

const FIRST: &str = "192.0.2.1";
/// A host that has nothing but PIPELINING.
const SEVEN: &str = "S: 220 mx ESMTP\nC: EHLO here.example\nS: 250-mx\nS: 250 PIPELINING";
/// One that has all but SMTPUTF8 and BINARYMIME.
const EIGHT: &str = "S: 220 mx ESMTP\nC: EHLO here.example\nS: 250-mx\nS: 250-PIPELINING
    S: 250-DSN\nS: 250 8BITMIME";
const ANY: &str = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: .\nS: 250 taken";

const TEXT: &str = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e, and many words that are in ASCII\r\n";
const QUOTED: &str = "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe, and many";

fn scene(options: Options, scripts: &[&str]) -> Scene {
    let scene = Scene::new(options);
    scene.engine.start();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene.zone.exchangers("xn--bcher-kva.example", &[FIRST]);
    if !scripts.is_empty() {
        scene.net.peer(FIRST, &scripts.join("\n"));
    }
    scene
}

fn envelope(from: &str, to: &str, parameters: MailParameters) -> Envelope {
    let original =
        OriginalRecipient { address_type: "utf-8".into(), address: "ü@far.example".into() };
    Envelope {
        reverse_path: ReversePath::parse_utf8(&format!("<{from}>")).unwrap(),
        parameters,
        recipients: vec![Recipient {
            path: ForwardPath::parse_utf8(&format!("<{to}>")).unwrap(),
            parameters: RecipientParameters { notify: None, original: Some(original) },
        }],
    }
}

fn plain() -> MailParameters {
    MailParameters::default()
}

fn utf8() -> MailParameters {
    MailParameters { utf8: true, ..MailParameters::default() }
}

/// Register: 6152-3-c, 6152-3-e, 6152-3-f, 6152-3-g, 6152-3-h.
#[test]
fn eight_bits_at_a_seven_bit_host() {
    play(async {
        let scene = scene(options(), &[SEVEN, ANY, BYE]);
        let letter = envelope("ada@here.example", "x@far.example", plain());
        scene.submit(letter, TEXT).await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("converted");
        let letter = scene.letters().pop().unwrap();
        assert!(letter.is_ascii() && letter.contains(QUOTED), "{letter}");
        let mail =
            scene.net.seen(|seen| seen.commands.iter().find(|c| c.starts_with("MAIL")).cloned());
        assert!(!mail.unwrap().contains("BODY="));
    });
    play(async {
        let scene = scene(options(), &[EIGHT, ANY, BYE]);
        let letter = envelope("ada@here.example", "x@far.example", plain());
        scene.submit(letter, TEXT).await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("as it is");
        assert!(scene.letters().pop().unwrap().ends_with(TEXT));
        let mail =
            scene.net.seen(|seen| seen.commands.iter().find(|c| c.starts_with("MAIL")).cloned());
        assert!(mail.unwrap().contains("BODY=8BITMIME"));
    });
}

/// Returned where the operator wants it, or where there is no other form.
///
/// Register: 6152-3-e, 6152-3-f.
#[test]
fn what_is_not_converted() {
    let signed = format!("DKIM-Signature: v=1\r\n{TEXT}");
    let header = "Subject: ü\r\n\r\nx\r\n";
    for (eight_bit, content, status) in [
        (EightBit::Return, TEXT, Some("5.6.3")),
        (EightBit::KeepSignatures, TEXT, None),
        (EightBit::KeepSignatures, &signed, Some("5.6.2")),
        (EightBit::Convert, &signed, None),
        (EightBit::Convert, header, Some("5.6.3")),
    ] {
        play(async {
            let sent = [SEVEN, ANY, BYE];
            let script = if status.is_some() { &[SEVEN, BYE][..] } else { &sent };
            let scene = scene(Options { eight_bit, ..options() }, script);
            let letter = envelope("ada@here.example", "x@far.example", plain());
            scene.submit(letter, content).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts("not converted");
            let report = scene.boxes.of("ada").join("");
            assert_eq!(report.is_empty(), status.is_none(), "{report}");
            if let Some(status) = status {
                assert!(report.contains(&format!("Status: {status}\r\n")), "{report}");
            }
        });
    }
}

/// Content that is not in lines goes in lines. Register: 3030-3-b, 3030-3-e, 3030-3-f, 5321-2.3.8-c.
#[test]
fn binary_content() {
    for (host, encoding) in [(SEVEN, "base64"), (EIGHT, "base64")] {
        play(async {
            let scene = scene(options(), &[host, ANY, BYE]);
            let parameters = MailParameters { body: BodyType::Binary, ..plain() };
            let content = "MIME-Version: 1.0\r\nContent-Type: image/png\r\n\
                Content-Transfer-Encoding: binary\r\n\r\n\0\r\n.\r\n\r\r\n\nü";
            let letter = envelope("ada@here.example", "x@far.example", parameters);
            scene.submit(letter, content).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts("binary");
            let letter = scene.letters().pop().unwrap();
            let want = format!("Content-Transfer-Encoding: {encoding}\r\n\r\nAA0KLg0KDQ0KCsO8\r\n");
            assert!(letter.ends_with(&want), "{letter}");
        });
    }
}

/// A mailbox holds lines, whose ends its readers change: content that is not in lines is put into them.
/// Register: 3030-3-b, 3030-3-e.
#[test]
fn binary_content_in_a_mailbox() {
    play(async {
        let scene = scene(options(), &[]);
        let head = "MIME-Version: 1.0\r\nContent-Type: image/png\r\n";
        for (body, encoding, content, want) in [
            (
                BodyType::Binary,
                "binary",
                "\0\r\n.\r\n\r\r\n\nü",
                "base64\r\n\r\nAA0KLg0KDQ0KCsO8\r\n",
            ),
            (BodyType::EightBitMime, "8bit", "ü\r\n", "8bit\r\n\r\nü\r\n"),
        ] {
            let letter =
                envelope("x@far.example", "ada@here.example", MailParameters { body, ..plain() });
            let content = format!("{head}Content-Transfer-Encoding: {encoding}\r\n\r\n{content}");
            scene.submit(letter, &content).await.unwrap();
            scene.pass(60).await;
            let got = scene.boxes.of("ada").pop().unwrap();
            assert!(got.ends_with(&format!("Content-Transfer-Encoding: {want}")), "{got}");
        }
    });
}

/// Mail that said SMTPUTF8 goes on where all that needs it is a domain, or nothing; else it comes back.
///
/// Register: 6531-3.2-b, 6531-3.2-d, 6531-3.2-e, 6531-3.2-f, 6531-3.4-b, 6533-3-b.
#[test]
fn international_mail_at_other_hosts() {
    const ASCII: &str = "Subject: x\r\n\r\nhello\r\n";
    const HEADER: &str = "Subject: Grüße\r\n\r\nhello\r\n";
    let rows = [
        ("ada@here.example", "x@far.example", ASCII, None),
        ("ada@here.example", "x@far.example", TEXT, None),
        ("ada@here.example", "x@bücher.example", ASCII, None),
        ("ada@here.example", "ü@far.example", ASCII, Some("5.6.7")),
        ("äda@here.example", "x@far.example", ASCII, Some("5.6.7")),
        ("ada@here.example", "x@far.example", HEADER, Some("5.6.9")),
    ];
    for (from, to, content, status) in rows {
        play(async {
            let sent = [EIGHT, ANY, BYE];
            let script = if status.is_some() { &[EIGHT, BYE][..] } else { &sent };
            let mut options = options();
            options.access.users = queue::access::Users::listed(["ada", "äda"]);
            let scene = scene(options, script);
            scene.submit(envelope(from, to, utf8()), content).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts(to);
            let commands = scene.net.seen(|seen| seen.commands.join("\n"));
            assert!(commands.is_ascii() && !commands.contains("SMTPUTF8"), "{commands}");
            let user = from.split('@').next().unwrap();
            let report = scene.boxes.of(user).join("");
            match status {
                Some(status) => {
                    assert!(report.contains(&format!("Status: {status}\r\n")), "{report}");
                }
                None => {
                    assert_eq!(report, "");
                    let orcpt = "ORCPT=utf-8;\\x{FC}@far.example";
                    assert!(commands.contains(orcpt), "{commands}");
                }
            }
            if to.contains("bücher") {
                assert!(commands.contains("RCPT TO:<x@xn--bcher-kva.example>"), "{commands}");
            }
        });
    }
}

/// Our own name is said in ASCII. Register: 6531-3.7.1-a.
#[test]
fn our_name_beyond_ascii() {
    play(async {
        let mut options = options();
        options.hostname = mail::DomainName::parse_utf8("büro.example").unwrap();
        let host = "S: 220 mx ESMTP\nC: EHLO xn--bro-hoa.example\nS: 250 mx";
        let steps =
            "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 taken";
        let scene = scene(options, &[host, steps, BYE]);
        let letter = envelope("ada@here.example", "x@far.example", plain());
        scene.submit(letter, "Subject: x\r\n\r\n").await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("name");
        assert!(scene.letters().pop().unwrap().is_ascii(), "the Received field is in ASCII");
    });
}

/// A connection that broke is no reason to convert anything: what the host offers is asked again. One
/// that hangs up on EHLO for ever gets it in the end as it can take it.
///
/// Register: 5321-3.2-b.
#[test]
fn a_host_that_hangs_up_on_ehlo() {
    const HANGS_UP: &str = "S: 220 mx ESMTP\nC: EHLO here.example\nclose";
    const HELO: &str = "S: 220 mx\nC: HELO here.example\nS: 250 mx";
    const EACH: &str =
        "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 taken";
    let helo_bye = [HELO, BYE].join("\n");
    let (eight, old) = ([EIGHT, ANY, BYE].join("\n"), [HELO, EACH, BYE].join("\n"));
    let rows: [(&str, &[&str], bool); 3] = [
        (TEXT, &[HANGS_UP, &helo_bye, &eight], false),
        (TEXT, &[HANGS_UP, &helo_bye, HANGS_UP, &helo_bye, HANGS_UP, &old], true),
        ("Subject: x\r\n\r\nplain\r\n", &[HANGS_UP, &old], true),
    ];
    for (content, scripts, ascii) in rows {
        play(async {
            let scene = scene(options(), &[]);
            for script in scripts {
                scene.net.peer(FIRST, script);
            }
            let mut letter = envelope("ada@here.example", "x@far.example", plain());
            letter.recipients[0].parameters = RecipientParameters::default();
            scene.submit(letter, content).await.unwrap();
            scene.pass(3 * 3600).await;
            scene.check_scripts("hangs up");
            assert_eq!(scene.letters().len(), 1);
            assert_eq!(scene.letters()[0].is_ascii(), ascii);
            assert_eq!(scene.boxes.of("ada").len(), 0);
        });
    }
}
