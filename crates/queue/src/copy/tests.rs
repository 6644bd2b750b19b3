use super::*;
use crate::route::AddressPattern;
use crate::table::Row;

fn reader(address: &str, line: u32) -> Reader {
    let source = Some(Source { file: "p.toml".into(), line });
    Reader { mailbox: address.parse().unwrap(), source }
}

fn access() -> Access {
    Access::new("mx.example.net".parse().unwrap())
}

fn rules() -> Copies {
    let mut rules = Copies {
        always: vec![reader("archive@example.net", 3)],
        sender_tables: vec!["sent".into()],
        recipient_tables: vec!["got".into()],
        ..Copies::default()
    };
    let pattern = |text: &str| text.parse::<AddressPattern>().unwrap();
    let two = vec![reader("boss@example.net", 5), reader("Archive@EXAMPLE.net", 5)];
    rules.senders.insert(pattern("ann@example.net"), two);
    rules.recipients.insert(pattern("@sales.example"), vec![reader("crm@example.net", 8)]);
    rules
}

fn envelope(from: &str, to: &[&str]) -> Envelope {
    let recipient = |to: &&str| Recipient {
        path: format!("<{to}>").parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    Envelope {
        reverse_path: format!("<{from}>").parse().unwrap(),
        parameters: MailParameters { envelope_id: None, ..MailParameters::default() },
        recipients: to.iter().map(recipient).collect(),
    }
}

fn decided(rules: &Copies, envelope: &Envelope) -> Result<Vec<Copy>, Undecided> {
    let mut rows = Rows::new();
    loop {
        match copies(rules, &access(), &rows, envelope) {
            Err(Undecided::Asks(asks)) => asks.into_iter().for_each(|ask| {
                let values = |text: &str| Row::Values {
                    values: vec![text.to_owned()],
                    source: Some(Source { file: "t".into(), line: 7 }),
                };
                let row = match (&*ask.table, ask.key.as_str()) {
                    ("sent", "bob@example.net") => values("keeper"),
                    ("got", "@far.example") => values("far-archive@example.net"),
                    ("got", "odd@x.example") => values("no address at all"),
                    ("got", "down@x.example") => Row::NotNow { why: "down".to_owned() },
                    _ => Row::Nothing,
                };
                rows.add(ask, row);
            }),
            decided => return decided,
        }
    }
}

/// Reverse-path, recipients, and the copies with their reasons.
const ROWS: &[(&str, &[&str], &[&str])] = &[
    ("", &["x@y.example"], &["archive@example.net: a copy of all mail (p.toml:3)"]),
    (
        "ANN@example.net",
        &["x@y.example"],
        &[
            "archive@example.net: a copy of all mail (p.toml:3)",
            "boss@example.net: a copy of what ANN@example.net sends (p.toml:5)",
        ],
    ),
    // Who gets the letter gets no copy.
    ("ann@example.net", &["Boss@example.net", "archive@example.net"], &[]),
    (
        "bob@example.net",
        &["x@sales.example", "y@sales.example", "z@far.example", "archive@example.net"],
        &[
            "keeper@mx.example.net: a copy of what bob@example.net sends, by bob@example.net in table sent (t:7)",
            "crm@example.net: a copy of what x@sales.example gets (p.toml:8)",
            "far-archive@example.net: a copy of what z@far.example gets, by @far.example in table got (t:7)",
        ],
    ),
];

#[test]
fn who_gets_a_copy() {
    for (from, to, want) in ROWS {
        let made = decided(&rules(), &envelope(from, to)).unwrap();
        let told: Vec<_> =
            made.iter().map(|copy| format!("{}: {}", copy.to, copy.reason)).collect();
        assert_eq!(told, *want, "{from} {to:?}");
    }
}

/// A table that is down, and a row that says nothing, are never taken for "no copy".
#[test]
fn what_is_not_known_waits() {
    for to in ["odd@x.example", "down@x.example"] {
        let decided = decided(&rules(), &envelope("x@y.example", &[to]));
        assert!(matches!(decided, Err(Undecided::NotNow { .. })), "{to}: {decided:?}");
    }
}

#[test]
fn marks() {
    let marked = format!("Received: x\r\n{}From: a@b.example\r\n\r\n", mark(&access()));
    let rows = [
        ("<>", marked.as_str(), true),
        ("<>", "From: a@b.example\r\n\r\nPostrider-Copy: x\r\n", false),
        ("<ann@example.net>", marked.as_str(), false),
        ("<keeper@example.net>", marked.as_str(), true),
    ];
    let rules =
        Copies { reverse_path: "<keeper@example.net>".parse().unwrap(), ..Copies::default() };
    for (from, header, want) in rows {
        assert_eq!(is_copy(&rules, &from.parse().unwrap(), header.as_bytes()), want, "{from}");
    }
}

/// The fate of a copy is nobody's business but the operator's, and what its author asked for is not its.
#[test]
fn envelopes() {
    let asked = MailParameters {
        size: Some(7),
        priority: Some(3),
        require_tls: true,
        ..MailParameters::default()
    };
    let made = super::envelope(&rules(), &asked, &"archive@example.net".parse().unwrap());
    assert!(made.reverse_path.is_null());
    assert_eq!(made.recipients[0].parameters.notify, Some(Notify::NEVER));
    let kept = (made.parameters.size, made.parameters.priority, made.parameters.require_tls);
    assert_eq!(kept, (Some(7), None, true));
}
