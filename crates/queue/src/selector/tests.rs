use std::collections::BTreeMap;
use std::time::Duration;

use mail::envelope::{MailParameters, Recipient, RecipientParameters};
use mail::reply::{Reply, Topic};

use super::*;
use crate::record::{Class, Origin};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn id(n: u64) -> MessageId {
    MessageId::new(at(1000), 0, n)
}

/// A letter from ann to four, of whom two were tried.
fn stored(from: &str) -> Stored {
    let to =
        ["bob@far.example", "eve@sub.far.example", "info@other.example", "Jörg@bücher.example"];
    let recipient = |path: &&str| Recipient {
        path: ForwardPath::parse_utf8(&format!("<{path}>")).unwrap(),
        parameters: RecipientParameters::default(),
    };
    Stored {
        reverse_path: from.parse().unwrap(),
        parameters: MailParameters::default(),
        recipients: to.iter().map(recipient).collect(),
        targets: BTreeMap::new(),
        arrival: at(1000),
        expire: at(500_000),
        eight_bit: false,
        tls_optional: false,
        origin: Origin::default(),
        class: Class::Ordinary,
    }
}

fn attempt(explanation: &str, reply: Option<Reply>) -> Attempt {
    Attempt {
        at: at(1500),
        remote: None,
        step: None,
        reply,
        status: None,
        explanation: explanation.to_owned(),
        delay_reported: false,
        overdue_reported: false,
        owed: None,
        tls: None,
        policy: None,
    }
}

fn pattern(text: &str) -> Option<AddressPattern> {
    Some(text.parse().unwrap())
}

#[test]
fn who_is_meant() {
    let all = Selector::default;
    let reason = |text: &str| Selector { reason: Some(text.to_owned()), ..all() };
    let domain = |text: &str| Selector { domain: Some(text.parse().unwrap()), ..all() };
    let recipient = |text: &str| Selector { recipient: pattern(text), ..all() };
    let sender = |text: &str| Selector { sender: pattern(text), ..all() };
    let everyone: &[u32] = &[0, 1, 2, 3];
    let nobody: &[u32] = &[];
    let rows: &[(&str, Selector, &[u32])] = &[
        ("nothing said", all(), everyone),
        ("its id", Selector { ids: vec![id(6), id(7)], ..all() }, everyone),
        ("another id", Selector { ids: vec![id(8)], ..all() }, nobody),
        ("seen then", Selector { until: Some(id(7)), ..all() }, everyone),
        ("came since", Selector { until: Some(id(6)), ..all() }, nobody),
        ("a domain", domain("far.example"), &[0]),
        ("below a domain", domain(".far.example"), &[1]),
        ("a domain with U-labels", domain("BÜCHER.example"), &[3]),
        ("the same with A-labels", domain("xn--bcher-kva.example"), &[3]),
        ("a domain nobody is in", domain("example"), nobody),
        ("an address", recipient("Bob@FAR.example"), &[0]),
        ("an address in brackets", recipient("<bob@far.example>"), &[0]),
        ("all of a domain", recipient("@far.example"), &[0]),
        ("a name anywhere", recipient("info@"), &[2]),
        ("stars", recipient("*o*@*far.example"), &[0]),
        ("a name beyond ASCII", recipient("jÖrg@"), &[3]),
        ("its sender", sender("ann@here.example"), everyone),
        ("the sender's domain", sender("@here.example"), everyone),
        ("another sender", sender("ann@far.example"), nobody),
        ("no sender", sender("<>"), nobody),
        ("words of the explanation", reason("REFUSED"), &[0]),
        ("words of a reply", reason("mailbox is full"), &[1]),
        ("the code of a reply", reason("452 4.2.2"), &[1]),
        ("words nobody said", reason("greylisted"), nobody),
        (
            "both of one recipient",
            Selector { domain: Some("far.example".parse().unwrap()), ..reason("full") },
            nobody,
        ),
        ("older", Selector { before: Some(at(1001)), ..all() }, everyone),
        ("not older", Selector { before: Some(at(1000)), ..all() }, nobody),
        ("newer", Selector { since: Some(at(1000)), ..all() }, everyone),
        ("not newer", Selector { since: Some(at(1001)), ..all() }, nobody),
        ("the queue", Selector { queue: Some("SMTP:[hub]:25".into()), ..all() }, everyone),
        ("another queue", Selector { queue: Some("local".into()), ..all() }, nobody),
        ("the state", Selector { state: Some(State::Held), ..all() }, everyone),
        ("another state", Selector { state: Some(State::Active), ..all() }, nobody),
    ];
    let full = Reply::new(452, Topic(2, 2), "Mailbox is full");
    let open = [
        (0, Some(attempt("No host could be reached: connection refused.", None))),
        (1, Some(attempt("The other mail system does not accept it now.", Some(full)))),
        (2, None),
        (3, None),
    ];
    let letter = stored("<ann@here.example>");
    for (name, selector, wanted) in rows {
        let (queue, state) = ("smtp:[hub]:25", State::Held);
        let facts = Facts { message: id(7), queue, state, stored: &letter, open: &open };
        assert_eq!(selector.select(&facts), *wanted, "{name}");
    }
    // Who is finished is not meant any more.
    let facts = Facts {
        message: id(7),
        queue: "local",
        state: State::Deferred,
        stored: &letter,
        open: &open[2..],
    };
    assert_eq!(all().select(&facts), [2, 3]);
    assert_eq!(domain("far.example").select(&facts), nobody);
}

#[test]
fn the_null_reverse_path() {
    let report = stored("<>");
    let open = [(0, None)];
    let queue = "local";
    let facts =
        Facts { message: id(1), queue, state: State::Deferred, stored: &report, open: &open };
    for (text, wanted) in [("<>", 1), ("@here.example", 0), ("*", 0)] {
        let selector = Selector { sender: pattern(text), ..Selector::default() };
        assert_eq!(selector.select(&facts).len(), wanted, "{text}");
    }
}

#[test]
fn patterns() {
    for text in ["", "bob", "far.example", "a\nb@x", &format!("{}@x", "a".repeat(400))] {
        assert_eq!(text.parse::<AddressPattern>(), Err(PatternError), "{text:?}");
    }
    let rows = [
        ("*", "anything", true),
        ("a*b*c", "aXbXc", true),
        ("a*b*c", "aXbX", false),
        ("a**", "a", true),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("ab", "abc", false),
    ];
    for (pattern, text, wanted) in rows {
        assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), wanted, "{pattern} {text}");
    }
    // Many stars on a text that nearly fits: no more than a moment.
    let (pattern, text) = ("*a".repeat(100) + "b", "a".repeat(5000));
    assert!(!fits(pattern.as_bytes(), text.as_bytes()));
}
