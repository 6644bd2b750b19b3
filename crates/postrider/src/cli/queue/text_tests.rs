use super::*;
use crate::agent::control::{LastAttempt, QueueRecipient};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-07-06T12:05:00Z")
}

fn a_row() -> QueueRow {
    let recipient = |address: &str, reason: Option<&str>| QueueRecipient {
        address: address.to_owned(),
        reason: reason.map(str::to_owned),
        policy: None,
    };
    QueueRow {
        id: "01k0abcdef1".to_owned(),
        size: 12_345,
        arrival: at("2026-07-06T10:00:00Z"),
        sender: "ann@x.example".to_owned(),
        recipients: vec![
            recipient("b@y.example", Some("refused\u{1b}[2J")),
            recipient("c@y.example", Some("refused\u{1b}[2J")),
            recipient("d@y.example", None),
        ],
        next_attempt: Some(at("2026-07-06T12:30:00Z")),
        queue: "mx:y.example".to_owned(),
        attempts: 3,
        expire: Some(at("2026-07-11T10:00:00Z")),
        ..QueueRow::default()
    }
}

#[test]
fn a_row_for_people() {
    let mut out = Vec::new();
    row(&a_row(), now(), false, &mut out).unwrap();
    let wanted = "\
01k0abcdef1  2 h 5 min  12.3 KB  mx:y.example  tried 3×, again in 25 min
    from ann@x.example
    to   b@y.example
         refused?[2J
    to   c@y.example  (the same)
    to   d@y.example
";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

#[test]
fn what_would_be_done() {
    let count = Count {
        letters: 12,
        recipients: 30,
        parts: 1,
        active: 2,
        octets: 5_000_000,
        sample: vec![a_row()],
        ..Count::default()
    };
    let wanted = "\
would remove 12 letters for 30 recipients, 5.0 MB
  01k0abcdef1  2 h 5 min   12.3 KB  ann@x.example -> b@y.example, c@y.example, d@y.example
  and 11 more
1 letter has other recipients, too, who keep them
2 in hand: those that are being tried are left to the end of it
";
    assert_eq!(preview("remove", true, &count, now()), wanted);
}

#[test]
fn numbers_with_bars() {
    let mut stock = Stock::new();
    stock.insert("small.example".to_owned(), vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    stock.insert("large.example".to_owned(), vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 96]);
    stock.insert("other.example".to_owned(), vec![0, 0, 48, 0, 0, 0, 0, 0, 0, 0]);
    let text = stats(&stock, 2, true);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].contains("total     5m    10m    20m    40m"), "{text}");
    assert!(lines[1].starts_with("TOTAL              145      1      ·     48"), "{text}");
    assert!(lines[2].starts_with("large.example       96"), "{text}");
    assert!(lines[2].ends_with(&"█".repeat(24)) && lines[3].ends_with(&"█".repeat(12)), "{text}");
    assert_eq!(lines[4], "and 1 more domains: --top 0");
    assert!(!stats(&stock, 0, false).contains('█'));
}

#[test]
fn a_letter_whole() {
    let part = Part {
        row: a_row(),
        client: Some("192.0.2.9".to_owned()),
        hello: Some("host.x.example".to_owned()),
        protocol: "ESMTP".to_owned(),
        listener: "mx".to_owned(),
        login: None,
        tls: Some("TLSv1.3 AES".to_owned()),
        uid: None,
        parameters: vec!["BODY=8BITMIME".to_owned()],
        attempts: vec![LastAttempt {
            recipient: "b@y.example".to_owned(),
            at: at("2026-07-06T12:00:00Z"),
            remote: Some("mx.y.example [192.0.2.1]:25".to_owned()),
            step: Some("RCPT".to_owned()),
            reply: Some("450 4.2.2 full".to_owned()),
            tls: None,
            explanation: "refused\u{1b}[2J".to_owned(),
        }],
    };
    let text = letter(&[part], b"Subject: x\r\nX: \x1b[2J\r\n", now());
    for wanted in [
        "id         01k0abcdef1\n",
        "by         ESMTP, from 192.0.2.9, as host.x.example, TLSv1.3 AES, at mx\n",
        ", in 4 d 21 h\n",
        "\nby mx:y.example: tried 3×, again in 25 min\n",
        "  b@y.example\n    last tried 5 min ago with mx.y.example [192.0.2.1]:25 at RCPT\n    450 4.2.2 full\n",
        "\nSubject: x\nX: ?[2J\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}
