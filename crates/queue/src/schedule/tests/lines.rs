//! The line before a destination.

use mail::{MailParameters, ReversePath};

use super::super::line::{Lane, Line, Ticket};
use crate::record::{Class, Origin};

fn lane(path: &str) -> Lane {
    Lane::of(&path.parse().unwrap(), &Origin::default(), Class::Ordinary)
}

fn ticket(path: &str, cost: usize) -> Ticket {
    Ticket { lane: lane(path), cost, priority: 0 }
}

fn drain<T>(line: &mut Line<T>) -> Vec<T> {
    std::iter::from_fn(|| line.pop()).collect()
}

/// Whose letters share a lane.
#[test]
fn lanes() {
    let same = [
        ("<list-bounces+7-ada=x.example@l.example>", "<list-bounces+8-bob=y.example@l.example>"),
        ("<list-return-7-ada=x.example@l.example>", "<list-return-8-bob=y.example@l.example>"),
        ("<prvs=123a=ada@x.example>", "<prvs=99ff=ada@x.example>"),
        ("<ada+shop@x.example>", "<ada@X.EXAMPLE>"),
    ];
    for (one, other) in same {
        assert_eq!(lane(one), lane(other), "{one} {other}");
    }
    let different = [
        ("<ada@x.example>", "<bob@x.example>"),
        ("<ada@x.example>", "<ada@y.example>"),
        ("<+a@x.example>", "<+b@x.example>"),
        ("<>", "<ada@x.example>"),
    ];
    for (one, other) in different {
        assert_ne!(lane(one), lane(other), "{one} {other}");
    }
    let login = |login: &str| Origin { login: Some(login.to_owned()), ..Origin::default() };
    let of = |path: &str, origin: &Origin, class| Lane::of(&path.parse().unwrap(), origin, class);
    let (ada, bob) = (login("ada"), login("bob"));
    assert_eq!(
        of("<a@x.example>", &ada, Class::Ordinary),
        of("<b@x.example>", &ada, Class::Ordinary)
    );
    assert_ne!(
        of("<a@x.example>", &ada, Class::Ordinary),
        of("<a@x.example>", &bob, Class::Ordinary)
    );
    let none = Origin::default();
    assert_ne!(of("<>", &none, Class::Report), of("<>", &none, Class::Ordinary));
}

/// With ten thousand letters of a list in line, the letter of somebody else is the next but one; a
/// hundred other senders have one letter each through within a hundred turns or so.
#[test]
fn a_list_delays_nobody() {
    let mut line = Line::default();
    for _ in 0..10_000 {
        line.push("list", ticket("<list@l.example>", 1));
    }
    for _ in 0..50 {
        line.pop();
    }
    line.push("letter", ticket("<ada@x.example>", 1));
    let place = drain(&mut line).iter().position(|item| *item == "letter");
    assert!(place <= Some(1), "{place:?}");

    for _ in 0..10_000 {
        line.push("list", ticket("<list@l.example>", 1));
    }
    line.pop();
    for number in 0..100 {
        line.push("letter", ticket(&format!("<u{number}@x.example>"), 1));
    }
    let last = drain(&mut line).iter().rposition(|item| *item == "letter");
    assert!(last <= Some(101), "{last:?}");
}

/// Recipients are what is shared, not letters.
#[test]
fn big_letters_cost_more() {
    let mut line = Line::default();
    for _ in 0..10 {
        line.push("list", ticket("<list@l.example>", 100));
    }
    for _ in 0..300 {
        line.push("letter", ticket("<ada@x.example>", 1));
    }
    let order = drain(&mut line);
    let lists = order[..204].iter().filter(|item| **item == "list").count();
    assert!((2..=4).contains(&lists), "{lists} of the first 204");
    // Alone it gets everything, and owes nothing afterwards.
    (0..5).for_each(|_| line.push("list", ticket("<list@l.example>", 1000)));
    drain(&mut line);
    line.push("list", ticket("<list@l.example>", 1));
    line.push("letter", ticket("<ada@x.example>", 1));
    assert_eq!(drain(&mut line), ["list", "letter"]);
}

/// One sender's letters keep their order; what is given back is next.
#[test]
fn order_and_priority() {
    let mut line = Line::default();
    (0..100).for_each(|number| line.push(number, ticket("<ada@x.example>", 1)));
    assert_eq!(drain(&mut line), (0..100).collect::<Vec<_>>());
    (0..3).for_each(|number| line.push(number, ticket("<ada@x.example>", 1)));
    let first = line.pop().unwrap();
    line.give_back(first, lane("<ada@x.example>"));
    assert_eq!(line.of_lane(lane("<ada@x.example>")), 3);
    assert_eq!((line.peek(), line.len()), (Some(&0), 3));
    assert_eq!(drain(&mut line), [0, 1, 2]);
    (0..5).for_each(|number| line.push(number, ticket("<ada@x.example>", 1)));
    assert_eq!(
        (line.take_out(|number| *number == 3), line.take_out(|number| *number == 9)),
        (Some(3), None)
    );
    assert_eq!(line.of_lane(lane("<ada@x.example>")), 4);
    assert_eq!(drain(&mut line), [0, 1, 2, 4]);
    // One step of priority overtakes a hundred, and no more.
    for number in 0..300 {
        line.push(number, ticket("<ada@x.example>", 1));
    }
    line.push(1000, Ticket { priority: 2, ..ticket("<ada@x.example>", 1) });
    let place = drain(&mut line).iter().position(|number| *number == 1000);
    assert_eq!(place, Some(101));
}

/// Senders who come and go leave nothing behind.
#[test]
fn nothing_is_kept() {
    let mut line = Line::default();
    for number in 0..10_000 {
        line.push(number, ticket(&format!("<u{number}@x.example>"), 1 + number % 50));
        if number % 2 == 1 {
            line.pop();
            line.pop();
        }
    }
    assert!(line.is_empty());
    assert!(line.lanes() < 200, "{}", line.lanes());
}

/// The ticket of a message of the spool.
#[test]
fn tickets() {
    let stored = crate::record::Stored {
        reverse_path: "<ada@x.example>".parse::<ReversePath>().unwrap(),
        parameters: MailParameters { priority: Some(3), ..MailParameters::default() },
        recipients: Vec::new(),
        targets: std::collections::BTreeMap::new(),
        arrival: std::time::UNIX_EPOCH,
        expire: std::time::UNIX_EPOCH,
        eight_bit: false,
        tls_optional: false,
        origin: Origin::default(),
        class: Class::Ordinary,
    };
    let want = Ticket { lane: lane("<ada@x.example>"), cost: 7, priority: 3 };
    assert_eq!(Ticket::of(&stored, 7), want);
}
