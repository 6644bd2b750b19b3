use super::*;
use crate::content::{Letter, Text};

fn mailbox(name: &str, address: &str) -> NamedMailbox {
    NamedMailbox::named(name, address.parse().unwrap())
}

pub(super) fn draft() -> Draft {
    let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
    let mut draft = Draft::new(mailbox("Jørn", "joern@example.net"), date);
    draft.message_id = MessageId::new("1.a@example.net");
    draft.to = vec![mailbox("Ada", "ada@example.org").into()];
    draft.subject = "Grüße an alle".into();
    draft
}

fn written(draft: &Draft) -> String {
    String::from_utf8(draft.write(&Options::default()).unwrap().octets).unwrap()
}

#[test]
fn a_letter() {
    let mut draft = draft();
    draft.body = Entity::text("Hello,\nworld.");
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
         Hello,\r\nworld.\r\n"
    );
}

fn subject_back(text: &str, utf8: bool) -> Text {
    let mut draft = draft();
    draft.subject = text.into();
    let octets = draft.write(&Options { utf8, ..Options::default() }).unwrap().octets;
    for line in String::from_utf8(octets.clone()).unwrap().split("\r\n") {
        assert!(line.len() <= 998);
    }
    Letter::read(&octets).head().subject().unwrap()
}

proptest::proptest! {
    #[test]
    fn subjects_read_back(text in "\\PC{1,200}", utf8: bool) {
        let back = subject_back(&text, utf8);
        proptest::prop_assert_eq!(&back.text, &text);
    }

    #[test]
    fn subjects_with_words_read_back(text in "( |=\\?utf-8\\?q\\?a\\?=|=\\?|\\?=|é|word|\u{3000}){1,40}", utf8: bool) {
        let back = subject_back(&text, utf8);
        proptest::prop_assert_eq!(&back.text, &text);
    }

    #[test]
    fn names_read_back(name in "\\PC{1,80}", utf8: bool) {
        let mut draft = draft();
        draft.to = vec![mailbox(&name, "a@b.example").into()];
        let octets = draft.write(&Options { utf8, ..Options::default() }).unwrap().octets;
        let list = Letter::read(&octets).head().addresses("To");
        let back = list.mailboxes().next().unwrap().name.clone().unwrap_or_default();
        proptest::prop_assert_eq!(back.trim(), name.trim());
        proptest::prop_assert!(list.defects.is_empty());
    }
}
