//! Makes a message (RFC 5322, RFC 2045) of what a person wrote.
//!
//! `Bcc` is no field of it: blind recipients stand in the envelope alone (RFC 5321 §7.2). Nor are
//! `Sender`, `Return-Path` or trace fields: those belong to others.

use std::io;

use crate::agent::addresses::Entry;
use crate::agent::fields::{write_addresses, write_text};
use crate::agent::letter::{LINE_MAX, Letter, Stamp, Text};
use crate::agent::lines::Survey;
use mail::DomainName;

/// What the header section is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The author.
    pub from: Entry,
    /// `To`.
    pub to: Vec<Entry>,
    /// `Cc`.
    pub cc: Vec<Entry>,
    /// `Subject`; no field when empty.
    pub subject: String,
}

/// The message of `draft` with `body`, finished at `stamp` on `host`.
///
/// # Errors
/// When the temporary file of the body fails.
pub fn compose(draft: &Draft, body: Text, stamp: &Stamp, host: &DomainName) -> io::Result<Letter> {
    let mut head = Vec::new();
    write_text(&mut head, "Date", &stamp.date());
    write_addresses(&mut head, "From", std::slice::from_ref(&draft.from));
    if draft.to.is_empty() && draft.cc.is_empty() {
        // Blind recipients only: an empty group says so (RFC 5322 §3.6.3).
        write_text(&mut head, "To", "undisclosed-recipients:;");
    }
    write_addresses(&mut head, "To", &draft.to);
    write_addresses(&mut head, "Cc", &draft.cc);
    if !draft.subject.trim().is_empty() {
        write_text(&mut head, "Subject", &draft.subject);
    }
    write_text(&mut head, "Message-ID", &stamp.message_id(host));
    let encoding = Encoding::of(body.survey());
    encoding.write_fields(body.survey(), &mut head);
    match encoding {
        Encoding::QuotedPrintable => body.into_quoted_printable()?.into_letter(head),
        Encoding::Plain | Encoding::EightBit => body.into_letter(head),
    }
}

/// How the body travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encoding {
    /// ASCII in lines: needs no word of MIME.
    Plain,
    /// Other characters in lines.
    EightBit,
    /// Lines too long, or a NUL.
    QuotedPrintable,
}

impl Encoding {
    fn of(survey: &Survey) -> Self {
        match survey {
            _ if survey.nul || survey.longest_line > LINE_MAX => Self::QuotedPrintable,
            _ if survey.eight_bit => Self::EightBit,
            _ => Self::Plain,
        }
    }

    fn write_fields(self, survey: &Survey, head: &mut Vec<u8>) {
        let encoding = match self {
            Self::Plain => return,
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
        };
        let charset = match (survey.eight_bit, survey.is_utf8()) {
            (false, _) => "us-ascii",
            (true, true) => "utf-8",
            // Octets of some older charset: said honestly rather than guessed (RFC 1428 §3).
            (true, false) => "unknown-8bit",
        };
        write_text(head, "MIME-Version", "1.0");
        write_text(head, "Content-Type", &format!("text/plain; charset={charset}"));
        write_text(head, "Content-Transfer-Encoding", encoding);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::agent::addresses::read_list;

    fn host() -> DomainName {
        "sun.tuc.example".parse().unwrap()
    }

    fn composed(to: &str, cc: &str, subject: &str, body: &[u8]) -> Letter {
        let time = "2026-07-06T12:00:00+02:00[+02:00]".parse().unwrap();
        let stamp = Stamp { time, unique: "1.2.3".into() };
        let mut text = Text::new();
        text.push(body).unwrap();
        let list = |text| read_list(text, &host()).unwrap();
        let from = list("Ann Archer <ann>").remove(0);
        let draft = Draft { from, to: list(to), cc: list(cc), subject: subject.into() };
        compose(&draft, text, &stamp, &host()).unwrap()
    }

    fn content(letter: &mut Letter) -> Vec<u8> {
        let mut content = Vec::new();
        letter.rewind().unwrap();
        letter.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, letter.size());
        content
    }

    /// Register: 1123-5.2.14-a, 1123-5.2.14-b, 1123-5.2.18-c, 5322-3.3-b, 5322-3.6-d, 5322-3.6.4-a,
    /// 5322-3.6.4-e, 5322-3.6.4-f, 5321-4.4-o
    #[test]
    fn a_plain_letter() {
        let mut letter = composed("rstevens@noao.example", "bob", "testing", b"1, 2, 3.\n");
        let expected = "Date: Mon, 6 Jul 2026 12:00:00 +0200\r\n\
            From: Ann Archer <ann@sun.tuc.example>\r\n\
            To: rstevens@noao.example\r\n\
            Cc: bob@sun.tuc.example\r\n\
            Subject: testing\r\n\
            Message-ID: <1.2.3@sun.tuc.example>\r\n\
            \r\n\
            1, 2, 3.\r\n";
        assert_eq!(String::from_utf8_lossy(&content(&mut letter)), expected);
        // It can be read again, for a second transaction.
        assert_eq!(content(&mut letter).len(), expected.len());
        assert_eq!(letter.body_type(), mail::BodyType::SevenBit);
    }

    /// Register: 5322-3.6.3-d
    #[test]
    fn blind_recipients_only() {
        let letter = composed("", "", "", b"");
        let head = String::from_utf8_lossy(letter.head()).into_owned();
        assert!(head.contains("To: undisclosed-recipients:;\r\n"), "{head}");
        assert!(!head.contains("Subject") && !head.contains("Bcc"), "{head}");
    }

    /// Register: 2045-4-a, 2045-6.2-a, 2045-2.7-a, 2045-2.8-a
    #[test]
    fn bodies_are_labelled_by_what_they_hold() {
        let long = [b"x".repeat(999), b"\n".to_vec()].concat();
        let long_utf8 = "é".repeat(500).into_bytes();
        let cases: &[(&[u8], &str, &str)] = &[
            (b"plain\n", "", ""),
            ("Grüße\n".as_bytes(), "utf-8", "8bit"),
            (b"Gr\xfc\xdfe\n", "unknown-8bit", "8bit"),
            (&long, "us-ascii", "quoted-printable"),
            (&long_utf8, "utf-8", "quoted-printable"),
            (b"nul \0\n", "us-ascii", "quoted-printable"),
        ];
        for (body, charset, encoding) in cases {
            let mut letter = composed("bob", "", "", body);
            let octets = content(&mut letter);
            let content = String::from_utf8_lossy(&octets);
            assert_eq!(content.contains("MIME-Version: 1.0\r\n"), !charset.is_empty());
            if !charset.is_empty() {
                let fields = format!(
                    "Content-Type: text/plain; charset={charset}\r\n\
                     Content-Transfer-Encoding: {encoding}\r\n\r\n"
                );
                assert!(content.contains(&fields), "{content}");
            }
            assert!(octets.split(|&byte| byte == b'\n').all(|line| line.len() <= 999));
            assert_eq!(letter.body_type() == mail::BodyType::EightBitMime, *encoding == "8bit");
        }
    }
}
