use super::*;

fn row(id: &str, state: QueueState, sender: &str, recipients: &[(&str, Option<&str>)]) -> QueueRow {
    let recipient = |(address, reason): &(&str, Option<&str>)| QueueRecipient {
        address: (*address).to_owned(),
        reason: reason.map(str::to_owned),
        policy: None,
    };
    QueueRow {
        id: id.to_owned(),
        size: 1234,
        arrival: "2026-07-06T10:00:00Z".parse().unwrap(),
        sender: sender.to_owned(),
        recipients: recipients.iter().map(recipient).collect(),
        state,
        ..QueueRow::default()
    }
}

fn listed(pages: Vec<Vec<QueueRow>>, json: bool) -> String {
    let last = pages.len() - 1;
    let mut source = |after: Option<&str>| {
        let n = after.map_or(0, |after| after.parse().unwrap());
        Ok(QueuePage { rows: pages[n].clone(), next: (n < last).then(|| (n + 1).to_string()) })
    };
    let mut out = Vec::new();
    list_queue(&mut source, json, false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_classic_form() {
    let down = Some("connect to mx.example[192.0.2.1]: refused\u{1b}[2J");
    let text = listed(
        vec![
            vec![row("01k0abcdef1", QueueState::Active, "ann@x.example", &[("b@y.example", None)])],
            vec![
                row("01k0abcdef2", QueueState::Held, "", &[("c@y.example", None)]),
                row(
                    "01k0abcdef3",
                    QueueState::Deferred,
                    "ann@x.example",
                    &[("d@y.example", down), ("e@y.example", down), ("f@y.example", Some("full"))],
                ),
            ],
        ],
        false,
    );
    let lines: Vec<&str> = text.lines().collect();
    let recipient = |address: &str| format!("{:48}{address}", "");
    assert_eq!(lines[0], HEADING);
    assert!(lines[1].starts_with("01k0abcdef1*          1234 Mon Jul  6 "), "{}", lines[1]);
    assert!(lines[1].ends_with("  ann@x.example"), "{}", lines[1]);
    assert_eq!(lines[1].find("ann@"), Some(48));
    assert_eq!(lines[2], recipient("b@y.example"));
    assert!(lines[4].starts_with("01k0abcdef2!") && lines[4].ends_with("MAILER-DAEMON"));
    assert!(lines[7].starts_with("01k0abcdef3 "));
    assert_eq!(lines[8], "(connect to mx.example[192.0.2.1]: refused?[2J)");
    assert_eq!(lines[9], recipient("d@y.example"));
    assert_eq!(lines[10], recipient("e@y.example"));
    assert_eq!(lines[11], "(full)");
    assert_eq!(lines[12], recipient("f@y.example"));
    assert_eq!(lines[14], "-- 4 Kbytes in 3 Requests.");
    assert_eq!(lines.len(), 15);
}

#[test]
fn an_empty_queue() {
    assert_eq!(listed(vec![vec![]], false), "Mail queue is empty\n");
    assert_eq!(listed(vec![vec![]], true), "");
}

#[test]
fn a_row_for_programs() {
    let text = listed(vec![vec![row("1", QueueState::Held, "", &[("b@y.example", None)])]], true);
    let back: QueueRow = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(back, row("1", QueueState::Held, "", &[("b@y.example", None)]));
}
