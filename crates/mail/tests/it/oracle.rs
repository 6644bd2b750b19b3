//! What we write, a reader written by others reads the same.

use mail::content::compose::{Body, Draft, Entity, Options};
use mail::content::{AddrSpec, DateTime, MessageId, NamedMailbox};
use mail_parser::{Addr, MessageParser, MimeHeaders as _};
use proptest::prelude::*;

fn draft() -> Draft {
    let author = NamedMailbox::named("Ada", "ada@example.net".parse().unwrap());
    let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
    let mut draft = Draft::new(author, date);
    draft.message_id = MessageId::new("1.a@example.net");
    draft
}

/// Runs of white space are one blank, and none at the ends, which readers see in different ways.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

proptest! {
    #[test]
    fn reads_our_letters(
        subject in "[a-zA-Z0-9 .,:()äöüß日本€-]{0,120}",
        name in "[a-zA-Z0-9 .,:()äöüß日本-]{0,60}",
        text in "[a-zA-Z0-9 .=äöü日本\t-]{0,200}",
        file in "[a-zA-Z0-9 ;äöü日本_-]{1,90}",
        octets in proptest::collection::vec(any::<u8>(), 1..300),
    ) {
        let mut draft = draft();
        draft.subject = squeezed(&subject);
        let name = squeezed(&name);
        let address = AddrSpec::new("bob", "example.org").unwrap();
        draft.to = vec![NamedMailbox { name: Some(name.clone()), address }.into()];
        let file = format!("{}.bin", squeezed(&file));
        draft.body = Entity::text(text.clone()).attach(Entity::attachment(&file, None, octets.clone()));
        let written = draft.write(&Options::default()).unwrap();
        let read = MessageParser::default().parse(&written.octets).unwrap();
        prop_assert_eq!(read.subject().unwrap_or_default(), &draft.subject);
        prop_assert_eq!(read.message_id(), Some("1.a@example.net"));
        prop_assert_eq!(read.date().unwrap().to_timestamp(), 1_751_364_000);
        let to: Vec<&Addr<'_>> = read.to().unwrap().iter().collect();
        prop_assert_eq!(to[0].address.as_deref(), Some("bob@example.org"));
        prop_assert_eq!(squeezed(to[0].name.as_deref().unwrap_or_default()), name);
        prop_assert_eq!(read.body_text(0).unwrap_or_default().replace("\r\n", "\n"), text);
        let attachment = read.attachment(0).unwrap();
        prop_assert_eq!(attachment.contents(), &*octets);
        prop_assert_eq!(attachment.attachment_name(), Some(&*file));
    }

    /// The same leaves in the same order, however parts are nested.
    #[test]
    fn finds_the_same_parts(shape in proptest::collection::vec(0_usize..4, 1..12)) {
        let mut body = Entity::text("first\n");
        for (number, kind) in shape.iter().enumerate() {
            let part = Entity::text(format!("part {number}\n"));
            body = match kind {
                0 => body.attach(part),
                1 => Entity::multipart("mixed", vec![part, body]).unwrap(),
                2 => Entity::multipart("parallel", vec![body, part]).unwrap(),
                _ => Entity::multipart("mixed", vec![body]).unwrap(),
            };
        }
        fn texts(entity: &Entity, out: &mut Vec<String>) {
            match &entity.body {
                Body::Text(text) => out.push(text.clone()),
                Body::Parts(parts) => parts.iter().for_each(|part| texts(part, out)),
                _ => {}
            }
        }
        let mut want = Vec::new();
        texts(&body, &mut want);
        let mut draft = draft();
        draft.body = body;
        let written = draft.write(&Options::default()).unwrap();
        let theirs = MessageParser::default().parse(&written.octets).unwrap();
        let got: Vec<_> = theirs.parts.iter().filter_map(|part| part.text_contents()).map(|text| text.replace("\r\n", "\n")).collect();
        prop_assert_eq!(&got, &want);
        let ours = mail::content::Letter::read(&written.octets);
        let got: Vec<_> = ours.parts().filter(|part| part.children().next().is_none()).map(|part| part.text().text).collect();
        prop_assert_eq!(&got, &want);
    }
}
