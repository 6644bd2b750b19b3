use std::time::Instant;

use bytes::Bytes;
use mail::envelope::{MailParameters, Recipient, RecipientParameters};
use mail::reply::{Reply, Topic};
use spool::{JobId, RecipientUpdate};

use super::*;
use crate::history::{DIALOGUE_MAX, Dialogue};
use crate::record::{Class, Origin};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_000 + millis)
}

pub(crate) fn envelope(to: &[&str]) -> Vec<u8> {
    let recipient = |path: &&str| Recipient {
        path: path.parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    let stored = Stored {
        reverse_path: "<ann@home.example>".parse().unwrap(),
        parameters: MailParameters::default(),
        recipients: to.iter().map(recipient).collect(),
        targets: BTreeMap::new(),
        arrival: at(0),
        expire: at(432_000_000),
        eight_bit: false,
        tls_optional: false,
        origin: Origin {
            client: Some("192.0.2.7".parse().unwrap()),
            hello: Some("pc.home.example".to_owned()),
            protocol: "ESMTP".to_owned(),
            listener: "mx".to_owned(),
            ..Origin::default()
        },
        class: Class::Ordinary,
    };
    stored.encode().to_vec()
}

fn record() -> Bytes {
    let attempt = Attempt {
        at: at(2000),
        remote: Some("mx.far.example [192.0.2.1]".to_owned()),
        step: Some("RCPT".to_owned()),
        reply: Some(Reply::new(450, Topic(2, 1), "busy")),
        status: None,
        explanation: "The other host put it off.".to_owned(),
        delay_reported: false,
        overdue_reported: false,
        owed: None,
        tls: None,
        policy: None,
    };
    attempt.encode()
}

fn entries() -> Vec<Entry<'static>> {
    let id = MessageId::new(at(0), 0, 7);
    let ms = Duration::from_millis;
    let begun = Instant::now();
    let mut dialogue = Dialogue::default();
    dialogue.begin(begun);
    dialogue.tell(Part::Names, begun + ms(1), format_args!("MX far.example: 10 mx.far.example"));
    dialogue.theirs(begun + ms(40), b"220-hello\r\n220 mx ESMTP\r\n");
    dialogue.ours(begun + ms(41), b"EHLO home.example\r\n");
    dialogue.content(begun + ms(60), 500);
    dialogue.theirs(begun + ms(90), b"450 4.2.1 busy\r\n");
    vec![
        Entry {
            at: at(1000),
            event: Event::Accepted(Accepted {
                id: Some(id),
                envelope: envelope(&["<bob@far.example>", "<eve@far.example>"]).into(),
                size: 500,
                phases: Some(Phases {
                    connected: ms(30),
                    mail: ms(20),
                    recipient: ms(10),
                    content: ms(6),
                    complete: ms(5),
                    commit: Duration::from_micros(3200),
                }),
                ..Accepted::default()
            }),
        },
        Entry {
            at: at(2000),
            event: Event::Attempted(Attempted {
                job: JobId { message: id, n: 0 },
                attempt: 1,
                queue: "mx:far.example".into(),
                took: ms(100),
                route: Some("no route is set".into()),
                is_adopted: false,
                results: vec![
                    RecipientUpdate {
                        recipient: 0,
                        outcome: RecipientOutcome::Deferred,
                        record: record(),
                    },
                    RecipientUpdate {
                        recipient: 1,
                        outcome: RecipientOutcome::Delivered,
                        record: Bytes::new(),
                    },
                ]
                .into(),
                next: Some(at(602_000)),
                dialogue: dialogue.finish(DIALOGUE_MAX).into(),
            }),
        },
    ]
}

fn shown(lines: &[Line]) -> Vec<String> {
    let line = |line: &Line| {
        let millis = line.at.duration_since(at(0)).unwrap().as_millis();
        let way = match line.way {
            Way::Out => "->",
            Way::In => "<-",
            Way::Here => "--",
        };
        let mark = if line.is_summary { " (short)" } else { "" };
        format!("{millis} {} {way} {}{mark}", line.place, line.text)
    };
    lines.iter().map(line).collect()
}

#[test]
fn a_life() {
    let wanted = [
        "970 inbound <- 192.0.2.7 at the listener mx, by ESMTP (short)",
        "980 inbound <- EHLO pc.home.example (short)",
        "980 inbound <- MAIL FROM:<ann@home.example>",
        "990 inbound <- RCPT TO:<bob@far.example>",
        "990 inbound <- RCPT TO:<eve@far.example>",
        "994 inbound <- the first octet of content (short)",
        "995 inbound <- the end of content, 500 octets (short)",
        "996 disk -- 500 octets, written and synced in 3.200 ms",
        "1000 inbound -> 250 2.0.0 taken as ",
        "1900 queue -- attempt 1 by mx:far.example: no route is set",
        "1901 names -- MX far.example: 10 mx.far.example",
        "1940 outbound <- 220-hello",
        "1940 outbound <- 220 mx ESMTP",
        "1941 outbound -> EHLO home.example",
        "1960 outbound -> 500 octets of content (short)",
        "1990 outbound <- 450 4.2.1 busy",
        "2000 outbound -- <bob@far.example>: waits at mx.far.example [192.0.2.1]: The other host put it off. \u{2190} 450 4.2.1 busy",
        "2000 outbound -- <eve@far.example>: done",
        "2000 queue -- the next attempt in 10 min",
    ];
    let had = shown(&lines(&entries(), None));
    assert_eq!(had.len(), wanted.len(), "{had:#?}");
    for (had, wanted) in had.iter().zip(wanted) {
        assert!(had.starts_with(wanted), "{had:?} is not {wanted:?}");
    }
}

#[test]
fn one_recipient_and_the_end() {
    let all = entries();
    let of_eve = shown(&lines(&all, Some("EVE@far.example")));
    assert!(of_eve.iter().any(|line| line.contains("<eve@far.example>: done")), "{of_eve:#?}");
    assert!(!of_eve.iter().any(|line| line.contains("waits at")), "{of_eve:#?}");
    assert!(lines(&all, Some("nobody@far.example")).is_empty());
    assert!(!is_over(&all) && !is_over(&[]));
}
