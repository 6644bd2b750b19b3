use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::record::{Origin, Stored};
use mail::envelope::{MailParameters, Recipient, RecipientParameters};

fn at(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_764_000_000_000_000 + micros)
}

fn id(sequence: u64) -> MessageId {
    MessageId::new(at(0), 0, sequence)
}

fn envelope() -> Vec<u8> {
    let recipient = |path: &str| Recipient {
        path: path.parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    let stored = Stored {
        reverse_path: "<Ann@Home.example>".parse().unwrap(),
        parameters: MailParameters::default(),
        recipients: vec![recipient("<bob@far.example>"), recipient("<eve@far.example>")],
        arrival: at(0),
        expire: at(5),
        eight_bit: false,
        tls_optional: false,
        origin: Origin {
            client: Some("192.0.2.7".parse().unwrap()),
            login: Some("ann".to_owned()),
            ..Origin::default()
        },
        targets: std::collections::BTreeMap::new(),
        class: crate::record::Class::Ordinary,
    };
    stored.encode().to_vec()
}

fn result(recipient: u32, outcome: RecipientOutcome, record: &'static [u8]) -> RecipientUpdate {
    RecipientUpdate { recipient, outcome, record: Bytes::from_static(record) }
}

/// One entry of each kind.
fn entries() -> Vec<Entry<'static>> {
    let phase = Duration::from_micros;
    let events = [
        Event::Accepted(Accepted {
            id: Some(id(1)),
            of: Some(id(2)),
            envelope: envelope().into(),
            left_out: 3,
            size: 4096,
            phases: Some(Phases {
                connected: phase(9000),
                mail: phase(5000),
                recipient: phase(4000),
                content: phase(3000),
                complete: phase(2000),
                commit: phase(1000),
            }),
            expanded: vec![("list@home.example".into(), "an alias (aliases:3)".into())],
            dialogue: vec![1, 2, 0].into(),
        }),
        Event::Refused(Refused {
            client: Some("2001:db8::1".parse().unwrap()),
            listener: "mx".into(),
            hello: Some("x.example".into()),
            login: Some("bob".into()),
            from: Some("<a@x.example>".into()),
            recipient: Some("<b@y.example>".into()),
            step: "RCPT".into(),
            reply: "550 5.7.1 relaying denied".into(),
            reason: Some("not ours".into()),
            source: Some("postrider.toml:7".into()),
            until: Some(at(77)),
        }),
        Event::Attempted(Attempted {
            job: JobId { message: id(1), n: 4 },
            attempt: 2,
            queue: "mx:far.example".into(),
            took: phase(1234),
            route: Some("the default (postrider.toml:9)".into()),
            is_adopted: true,
            results: vec![
                result(0, RecipientOutcome::Delivered, b"one"),
                result(1, RecipientOutcome::Delivered, b"one"),
                result(300, RecipientOutcome::Failed, b"one"),
                result(301, RecipientOutcome::Deferred, b""),
            ]
            .into(),
            next: Some(at(99)),
            dialogue: vec![1, 2, 0].into(),
        }),
        Event::Moved(Moved {
            job: JobId { message: id(1), n: 0 },
            queue: Some("smtp:[hub.example]:25".into()),
            into: vec![id(8), id(9)],
            recipients: vec![0, 200],
            why: "its route has changed".into(),
        }),
        Event::Acted(Acted {
            id: Some(id(1)),
            about: Some("far.example".into()),
            who: "root".into(),
            what: "hold".into(),
            why: "a complaint".into(),
        }),
        Event::Reported(Reported {
            about: id(1),
            report: id(6),
            to: "ann@home.example".into(),
            kind: "failed".into(),
        }),
        Event::Ended(Ended {
            id: id(1),
            recipients: vec![1, 2],
            outcome: RecipientOutcome::Failed,
            how: "removed by root".into(),
        }),
        Event::Dropped(12),
    ];
    (0..).zip(events).map(|(n, event)| Entry { at: at(n), event }).collect()
}

fn encoded(entry: &Entry<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    entry.encode(&mut octets);
    octets
}

#[test]
fn what_is_written_is_read() {
    for entry in entries() {
        let octets = encoded(&entry);
        assert_eq!(Entry::decode(&octets), Ok(Some(entry)));
    }
    // It goes behind what is there.
    let mut octets = vec![7];
    entries()[7].encode(&mut octets);
    assert_eq!(octets.first(), Some(&7));
}

/// What version 1 wrote must be read for ever: these octets are frozen.
#[test]
fn version_1_is_read() {
    let hex = "0101088080898b948b9103 0201 08 2601 0c";
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octets: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let found = Entry::decode(&octets);
    let written = encoded(&Entry { at: at(0), event: Event::Dropped(12) });
    assert!(
        matches!(&found, Ok(Some(Entry { event: Event::Dropped(12), .. }))),
        "{found:?}, this version writes {written:02x?}"
    );
}

#[test]
fn a_kind_to_come_is_passed_over() {
    let mut out = Writer::record(16);
    out.number(tags::AT, 1);
    out.number(tags::KIND, 200);
    out.number(999, 5);
    assert_eq!(Entry::decode(&out.finish()), Ok(None));
    assert!(Entry::decode(&[]).is_err());
    assert!(Entry::decode(&[9, 1]).is_err());
}

#[test]
fn keys() {
    let found = |n: usize| {
        let mut keys = Vec::new();
        let of_letter = keys_of(&encoded(&entries()[n]), |key| keys.push(key));
        (keys, of_letter)
    };
    let (keys, of_letter) = found(0);
    let wanted = [
        key_of_id(id(1)),
        key_of_id(id(2)),
        key_of_text("<ann@home.example>"),
        key_of_text("BOB@far.example"),
        key_of_text("eve@far.example"),
        key_of_text("ann"),
        key_of_address("::ffff:192.0.2.7".parse().unwrap()),
        key_of_text("list@home.example"),
    ];
    for key in wanted {
        assert!(keys.contains(&key), "{key:x}");
    }
    assert!(of_letter);
    let (keys, of_letter) = found(1);
    assert!(!of_letter);
    assert!(keys.contains(&key_of_text("b@y.example")) && keys.contains(&key_of_text("bob")));
    assert!(keys.contains(&key_of_address("2001:db8::1".parse().unwrap())));
    assert_eq!(found(2), (vec![key_of_id(id(1))], true));
    assert_eq!(found(5).0.len(), 3);
    // Frozen: an index on disk has these.
    assert_eq!(key_of_text("ann@home.example"), FROZEN_TEXT);
    assert_eq!(key_of_id(MessageId(5)), FROZEN_ID);
}

const FROZEN_TEXT: u64 = 9_459_203_028_964_027_072;
const FROZEN_ID: u64 = 1_324_861_269_860_847_427;

fn talk(dialogue: &[u8]) -> Vec<(Part, u64, String, u64)> {
    Chunks::over(dialogue)
        .map(|chunk| {
            let Chunk { part, at, octets, count } = chunk.unwrap();
            let at = u64::try_from(at.as_micros()).unwrap();
            (part, at, String::from_utf8_lossy(octets).into_owned(), count)
        })
        .collect()
}

#[test]
fn a_dialogue() {
    let begun = Instant::now();
    let after = |micros| begun + Duration::from_micros(micros);
    let mut dialogue = Dialogue::default();
    dialogue.ours(begun, b"nobody listens");
    dialogue.content(begun, 5);
    assert_eq!(dialogue.finish(DIALOGUE_MAX), []);
    dialogue.begin(begun);
    dialogue.tell(Part::Names, after(1), format_args!("MX {}", "far.example"));
    dialogue.theirs(after(20), b"220 hi\r\n");
    dialogue.ours(after(21), b"AUTH SCRAM-SHA-256\r\n");
    dialogue.theirs(after(22), b"334 c2VjcmV0\r\n");
    dialogue.secret(after(23));
    dialogue.content(after(30), 5);
    dialogue.content(after(31), 6);
    dialogue.theirs(after(300), b"250 ok\r\n");
    let kept = talk(&dialogue.finish(DIALOGUE_MAX));
    let line = |part, at, text: &str, count| (part, at, text.to_owned(), count);
    let wanted = [
        line(Part::Names, 1, "MX far.example", 0),
        line(Part::Theirs, 20, "220 hi\r\n", 0),
        line(Part::Ours, 21, "AUTH SCRAM-SHA-256\r\n", 0),
        line(Part::Theirs, 22, "334 (a challenge of AUTH, not kept)", 0),
        line(Part::Ours, 23, "(a line of AUTH, not kept)", 0),
        line(Part::Content, 30, "", 11),
        line(Part::Theirs, 300, "250 ok\r\n", 0),
    ];
    assert_eq!(kept, wanted);
}

/// However long it goes on, its beginning and its end are kept.
#[test]
fn a_long_dialogue() {
    let begun = Instant::now();
    for max in [DIALOGUE_MAX, DIALOGUE_LATE] {
        let mut dialogue = Dialogue::default();
        dialogue.begin(begun);
        dialogue.ours(begun, b"first");
        for _ in 0..5000 {
            dialogue.theirs(begun, &[b'x'; 90]);
        }
        dialogue.theirs(begun, &[b'y'; 50_000]);
        dialogue.theirs(begun, b"last");
        let kept = dialogue.finish(max);
        assert!(kept.len() <= max.max(DIALOGUE_LATE) + 32, "{}", kept.len());
        let kept = talk(&kept);
        assert_eq!(kept.first().map(|(_, _, text, _)| text.as_str()), Some("first"));
        assert_eq!(kept.last().map(|(_, _, text, _)| text.as_str()), Some("last"));
        let left_out: Vec<u64> = kept
            .iter()
            .filter(|(part, ..)| *part == Part::LeftOut)
            .map(|(_, _, _, count)| *count)
            .collect();
        assert!(matches!(left_out.as_slice(), [count] if *count > 400_000), "{left_out:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(octets in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
        let mut entry = encoded(&entries()[cut % 8]);
        entry.truncate(cut);
        for octets in [&octets, &entry] {
            let _ = Entry::decode(octets);
            keys_of(octets, |_| {});
            let _ = Chunks::over(octets).take(500).count();
        }
        let mut versioned = vec![1];
        versioned.extend_from_slice(&octets);
        let _ = Entry::decode(&versioned);
        keys_of(&versioned, |_| {});
    }
}
