use mail::reply::{Reply, Topic};
use spool::{JobId, RecipientUpdate};

use super::*;
use crate::history::{Accepted, Acted, Attempted, Ended, Reported};
use crate::timeline::tests::envelope;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000 + seconds)
}

fn id() -> MessageId {
    MessageId::new(at(0), 0, 7)
}

fn accepted() -> Entry<'static> {
    Entry {
        at: at(0),
        event: Event::Accepted(Accepted {
            id: Some(id()),
            envelope: envelope(&["<bob@far.example>"]).into(),
            size: 500,
            ..Accepted::default()
        }),
    }
}

fn attempt(outcome: RecipientOutcome, reply: Option<Reply>) -> Entry<'static> {
    let record = Attempt {
        at: at(10),
        remote: Some("mx.far.example [192.0.2.1]".to_owned()),
        step: reply.as_ref().map(|_| "RCPT".to_owned()),
        reply,
        status: None,
        explanation: "Nobody answered.".to_owned(),
        delay_reported: false,
        overdue_reported: false,
        owed: None,
        tls: None,
        policy: None,
    };
    let waits = outcome == RecipientOutcome::Deferred;
    Entry {
        at: at(10),
        event: Event::Attempted(Attempted {
            job: JobId { message: id(), n: 0 },
            attempt: 2,
            queue: "mx:far.example".into(),
            took: Duration::from_millis(5),
            route: None,
            is_adopted: false,
            results: vec![RecipientUpdate { recipient: 0, outcome, record: record.encode() }]
                .into(),
            next: waits.then(|| at(610)),
            dialogue: Vec::new().into(),
        }),
    }
}

fn live(held: bool, active: bool) -> Live {
    let recipients = vec![("bob@far.example".to_owned(), None)];
    Live { held, active, next: Some(at(610)), recipients, in_the_way: Vec::new() }
}

/// A situation, and what its paragraph must say.
struct Case {
    name: &'static str,
    then: Vec<Entry<'static>>,
    live: Option<Vec<Live>>,
    says: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    use RecipientOutcome::{Deferred, Delivered, Failed};
    let busy = || Some(Reply::new(450, Topic(2, 1), "busy"));
    let no = || Some(Reply::new(550, Topic(1, 1), "no such user"));
    let ok = || Some(Reply::new(250, Topic(0, 0), "queued as 7"));
    let report = Entry {
        at: at(11),
        event: Event::Reported(Reported {
            about: id(),
            report: MessageId::new(at(11), 0, 8),
            to: "<ann@home.example>".into(),
            kind: "failed".into(),
        }),
    };
    let hold = Entry {
        at: at(12),
        event: Event::Acted(Acted {
            id: Some(id()),
            about: None,
            who: "root".into(),
            what: "hold: held".into(),
            why: "a complaint".into(),
        }),
    };
    let removed = Entry {
        at: at(13),
        event: Event::Ended(Ended {
            id: id(),
            recipients: vec![0],
            outcome: Failed,
            how: "removed by an operator, and nobody was told".into(),
        }),
    };
    vec![
        Case {
            name: "not tried yet",
            then: vec![],
            live: Some(vec![live(false, true)]),
            says: &["was taken by 192.0.2.7", "is being tried now"],
        },
        Case {
            name: "in line behind what this host can bear",
            then: vec![],
            live: Some(vec![Live {
                in_the_way: vec!["all 9 connections are in use".to_owned(), "it rests.".to_owned()],
                ..live(false, true)
            }]),
            says: &["in line for it. Just now all 9 connections are in use, and it rests."],
        },
        Case {
            name: "put off by their server",
            then: vec![attempt(Deferred, busy())],
            live: Some(vec![live(false, false)]),
            says: &[
                "from ann@home.example, 500 octets",
                "the 2nd attempt failed on Mon, 24 Nov 2025 16:00:10 +0000",
                "mx.far.example [192.0.2.1] said \u{201c}450 4.2.1 busy\u{201d} to RCPT",
                "is tried again on Mon, 24 Nov 2025 16:10:10 +0000 (in 9 min)",
                "given up on",
                "Their server must accept it",
                "postrider queue retry ",
            ],
        },
        Case {
            name: "nobody answers, and the server is down",
            then: vec![attempt(Deferred, None)],
            live: None,
            says: &[
                "failed on",
                ": Nobody answered. It is tried again",
                "The server is not running",
                "Its spool cannot be read here: this is what the history tells.",
            ],
        },
        Case {
            name: "handed on",
            then: vec![attempt(Delivered, ok())],
            live: Some(vec![]),
            says: &[
                "was handed to mx.far.example [192.0.2.1]",
                "\u{201c}250 2.0.0 queued as 7\u{201d}",
            ],
        },
        Case {
            name: "returned",
            then: vec![attempt(Failed, no()), report],
            live: Some(vec![]),
            says: &[
                "failed for good",
                "550 5.1.1 no such user",
                "ann@home.example was told of it (failed)",
            ],
        },
        Case {
            name: "held",
            then: vec![attempt(Deferred, busy()), hold],
            live: Some(vec![live(true, false)]),
            says: &["is held until `postrider queue release", "root did: hold: held (a complaint)"],
        },
        Case {
            name: "removed",
            then: vec![attempt(Deferred, busy()), removed],
            live: Some(vec![]),
            says: &["it ended on Mon, 24 Nov 2025 16:00:13 +0000: removed by an operator"],
        },
    ]
}

#[test]
fn situations() {
    for Case { name, then, live, says } in cases() {
        let entries: Vec<_> = [accepted()].into_iter().chain(then).collect();
        let down = live.is_none();
        let scene = Scene { live: live.as_deref(), down, now: at(60), zone: 0 };
        let text = letter(id(), &entries, scene).unwrap();
        for part in says {
            assert!(text.contains(part), "{name}: {part:?} is not in {text:?}");
        }
        assert!(!text.contains('\n') && !text.contains(".."), "{name}: {text:?}");
    }
    let scene = Scene { live: None, down: false, now: at(60), zone: 0 };
    assert_eq!(letter(id(), &[], scene), None);
}

/// The spool of a server that is down tells what waits, and that nothing moves.
#[test]
fn the_server_is_down() {
    let entries = [accepted(), attempt(RecipientOutcome::Deferred, None)];
    let live = [live(false, false)];
    let scene = |now| Scene { live: Some(&live[..]), down: true, now, zone: 0 };
    let text = letter(id(), &entries, scene(at(60))).unwrap();
    assert!(text.contains("It is tried again on Mon, 24 Nov 2025 16:10:10 +0000"), "{text}");
    assert!(text.ends_with("The server is not running, so nothing moves: start it."), "{text}");
    let text = letter(id(), &entries, scene(at(6000))).unwrap();
    assert!(text.contains("It is tried again as soon as it can be, and is given up on"), "{text}");
}

#[test]
fn what_was_turned_away() {
    let refusal = Refused {
        client: Some("192.0.2.7".parse().unwrap()),
        hello: Some("pc.example".into()),
        from: Some("<a@x.example>".into()),
        recipient: Some("<b@y.example>".into()),
        step: "RCPT".into(),
        reply: "550 5.7.1 relaying denied".into(),
        reason: Some("not a relay domain".into()),
        source: Some("postrider.toml:7".into()),
        ..Refused::default()
    };
    let text = refused(at(0), &refusal, 0);
    assert_eq!(
        text,
        "Mail from a@x.example for b@y.example was refused on Mon, 24 Nov 2025 16:00:00 +0000: 192.0.2.7 \
         (\u{201c}pc.example\u{201d}) was told \u{201c}550 5.7.1 relaying denied\u{201d}. Why: not a relay domain. \
         To change that, see postrider.toml:7."
    );
    let login = Refused {
        login: Some("ann".into()),
        step: "AUTH".into(),
        reply: "454 4.7.0 later".into(),
        until: Some(at(300)),
        ..Refused::default()
    };
    let text = refused(at(0), &login, 0);
    assert!(text.starts_with("A login was refused") && text.contains("as ann"), "{text}");
    assert!(text.contains("That ends on Mon, 24 Nov 2025 16:05:00 +0000"), "{text}");
    let scene = Scene { live: None, down: false, now: at(0), zone: 0 };
    let text = locked("ann", Duration::from_secs(300), "20 failed logins as \"ann\"", scene);
    assert!(text.contains("(in 5 min): 20 failed logins"), "{text}");
}
