use std::time::{Duration, UNIX_EPOCH};

use mail::reply::ReplyCode;

use super::*;

const HOUR: u64 = 3600;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000 + seconds)
}

fn reply(text: &str) -> Reply {
    let (code, rest) = text.split_once(' ').unwrap();
    let (status, words) = match rest.split_once(' ') {
        Some((status, words)) => (EnhancedStatus::parse(status), words),
        None => (None, rest),
    };
    let code = ReplyCode::new(code.parse().unwrap()).unwrap();
    let words = if status.is_some() { words } else { rest };
    Reply::received(code, status.map(EnhancedStatus::topic), vec![words.to_owned()])
}

fn refused(step: &str, text: &str) -> Said {
    Said::Refused { step: step.to_owned(), reply: reply(text) }
}

fn no_route(class: u8, topic: Topic) -> Said {
    let status = EnhancedStatus::new(class, topic).unwrap();
    let explanation = "the domain x.example does not exist".to_owned();
    Said::NoRoute(search::Failure { status, permanent: class == 5, explanation })
}

/// One try after `age` seconds of a message that lives 5 days.
fn try_at(said: &Said, age: u64, null_sender: bool, previous: Option<&Attempt>) -> Decision {
    let schedule = Schedule { jitter_percent: 0, ..Schedule::default() };
    let case = Case {
        schedule: &schedule,
        arrival: at(0),
        expire: at(5 * 24 * HOUR),
        attempts: 1,
        now: at(age),
        chance: 0,
        null_sender,
        remote: Some("mx.x.example [192.0.2.1]:25".to_owned()),
        tls: None,
        previous,
    };
    decide(said, &case)
}

/// What each end of an attempt comes to, and its status, soon after arrival and after five days.
///
/// Register: 5321-4.5.4.1-a, 5321-6.1-b, 5321-5.1-i, 3461-6.3-h, 3463-2-e, 3463-3.1-a, 3463-3.5-a,
/// 3463-3.5-b, 1870-6.2-b, 1870-6.4-c, 3464-2.3.4-b, 7505-4.1-a, 3463-2-d, 7504-4-b, 5321-7.4-a.
#[test]
fn fates() {
    let lost = Said::Lost { step: "end of data".to_owned(), what: "timed out".to_owned() };
    let unreachable = Said::Unreachable { tried: 2, what: "connection refused".to_owned() };
    let unsendable = Said::Unsendable { topic: Topic(6, 3), what: "no 8BITMIME there".to_owned() };
    let insecure = Said::Insecure { topic: Topic(7, 10), what: "no TLS there".to_owned() };
    let rows: &[(Said, &str, &str)] = &[
        (Said::Taken { reply: reply("250 2.6.0 ok") }, "delivered", "2.6.0"),
        (Said::Taken { reply: reply("250 ok") }, "delivered", "2.0.0"),
        (Said::Stored, "delivered", "2.0.0"),
        (insecure, "retry", "4.7.10"),
        (refused("RCPT", "550 5.1.1 no such user"), "return", "5.1.1"),
        (refused("RCPT", "550 no"), "return", "5.0.0"),
        (refused("RCPT", "450 4.7.1 greylisted"), "retry", "4.7.1"),
        (refused("RCPT", "450 later"), "retry", "4.0.0"),
        (refused("RCPT", "452 4.5.3 too many"), "retry", "4.5.3"),
        (refused("RCPT", "552 too many recipients"), "retry", "4.5.3"),
        (refused("RCPT", "552 5.5.3 too many"), "retry", "4.5.3"),
        (refused("RCPT", "552 5.2.2 full"), "return", "5.2.2"),
        (refused("RCPT", "552 5.3.4 too large"), "return", "5.3.4"),
        (refused("MAIL", "552 too large"), "return", "5.0.0"),
        (refused("RCPT", "556 5.1.10 no mail"), "return", "5.1.10"),
        (refused("RCPT", "551 5.1.6 try <b@y.example>"), "return", "5.1.6"),
        // What nobody knows is taken by its class.
        (refused("RCPT", "550 5.99.99 of a later time"), "return", "5.99.99"),
        (refused("RCPT", "450 4.1.250 of a later time"), "retry", "4.1.250"),
        (refused("RCPT", "559 of a later time"), "return", "5.0.0"),
        (refused("MAIL", "421 4.3.2 closing"), "retry", "4.3.2"),
        (refused("greeting", "554 go away"), "return", "5.0.0"),
        (refused("greeting", "421 busy"), "retry", "4.0.0"),
        (refused("end of data", "554 5.7.1 spam"), "return", "5.7.1"),
        (refused("end of data", "451 4.3.0 again"), "retry", "4.3.0"),
        (refused("RCPT", "354 what"), "retry", "4.5.0"),
        (lost, "retry", "4.4.2"),
        (unreachable, "retry", "4.4.1"),
        (no_route(5, Topic(1, 2)), "return", "5.1.2"),
        (no_route(4, Topic(4, 3)), "retry", "4.4.3"),
        (unsendable, "return", "5.6.3"),
        (Said::MailboxUnknown { user: "carl".to_owned() }, "return", "5.1.1"),
        (Said::MailboxUnavailable("it is locked".to_owned()), "retry", "4.2.0"),
        (Said::MailboxBroken("no permission".to_owned()), "retry", "4.3.5"),
        (Said::Ours("the content cannot be read".to_owned()), "retry", "4.3.0"),
    ];
    for (said, want, status) in rows {
        let early = try_at(said, 60, false, None);
        let (got, tell) = match &early.fate {
            Fate::Delivered => ("delivered", Tell::Nobody),
            Fate::Return { status: given, .. } => {
                assert_eq!(given.to_string(), *status, "{said:?}");
                ("return", Tell::Failure)
            }
            Fate::Retry { at: due } => {
                assert_eq!(*due, at(60 + 600));
                ("retry", Tell::Nobody)
            }
        };
        assert_eq!((got, early.tell), (*want, tell), "{said:?}");
        assert_eq!(early.attempt.status.map(|given| given.to_string()).as_deref(), Some(*status));
        // Too late: what would be tried again is returned, with the transient status it has.
        let late = try_at(said, 5 * 24 * HOUR, false, None);
        match late.fate {
            Fate::Delivered => assert_eq!(*want, "delivered"),
            Fate::Return { status: given, explanation, .. } => {
                assert_eq!(given.to_string(), *status);
                assert_eq!(
                    explanation.starts_with("Not delivered within 5 days."),
                    *want == "retry"
                );
            }
            Fate::Retry { .. } => panic!("{said:?} is tried for ever"),
        }
    }
}

/// A report never answers a null reverse-path; the delay is told once, after four hours.
///
/// Register: 5321-6.1-e, 5321-4.5.4-b, 5321-3.6.3-c, 5321-4.5.5-b, 1123-5.3.1-b, 1123-5.3.3-d,
/// 5321-6.1-h.
#[test]
fn who_is_told() {
    let soft = refused("RCPT", "450 4.2.1 busy");
    let hard = refused("RCPT", "550 5.1.1 unknown");
    let old = |delay_reported| Attempt { delay_reported, ..try_at(&soft, 60, false, None).attempt };
    let (told, untold) = (old(true), old(false));
    type Row<'a> = (&'a Said, u64, bool, Option<&'a Attempt>, Tell, bool);
    let rows: &[Row<'_>] = &[
        (&soft, 4 * HOUR - 1, false, None, Tell::Nobody, false),
        (&soft, 4 * HOUR, false, None, Tell::Delay, true),
        (&soft, 4 * HOUR, false, Some(&untold), Tell::Delay, true),
        (&soft, 8 * HOUR, false, Some(&told), Tell::Nobody, true),
        (&soft, 4 * HOUR, true, Some(&untold), Tell::Nobody, false),
        (&soft, 5 * 24 * HOUR, false, Some(&told), Tell::Failure, true),
        (&soft, 5 * 24 * HOUR, true, None, Tell::Nobody, false),
        (&hard, 60, false, None, Tell::Failure, false),
        (&hard, 60, true, None, Tell::Nobody, false),
        (&Said::Stored, 8 * HOUR, false, Some(&untold), Tell::Nobody, false),
    ];
    for (said, age, null_sender, previous, tell, reported) in rows {
        let decision = try_at(said, *age, *null_sender, *previous);
        assert_eq!(decision.tell, *tell, "{said:?} {age} {null_sender}");
        assert_eq!(decision.attempt.delay_reported, *reported, "{said:?} {age} {null_sender}");
    }
    let silent = try_at(&hard, 60, true, None);
    assert!(silent.reason.text.contains("nobody is told, the reverse-path is null"));
}

/// What is said to one mail is not held against the next one.
///
/// Register: 5321-4.5.4.1-k, 5321-4.5.4.1-l.
#[test]
fn troubles_of_the_destination() {
    let lost = |step: &str| Said::Lost { step: step.to_owned(), what: "reset".to_owned() };
    let rows: &[(Said, bool)] = &[
        (Said::Unreachable { tried: 1, what: "refused".to_owned() }, true),
        (no_route(4, Topic(4, 3)), true),
        (no_route(5, Topic(1, 2)), false),
        (refused("greeting", "421 busy"), true),
        (refused("greeting", "554 no"), false),
        (refused("EHLO", "450 later"), true),
        (refused("EHLO", "550 no"), false),
        (refused("MAIL", "450 later"), false),
        (refused("MAIL", "550 no"), false),
        (refused("RCPT", "450 later"), false),
        (lost("greeting"), true),
        (lost("end of data"), false),
        (Said::Stored, false),
        (Said::MailboxUnavailable("locked".to_owned()), false),
    ];
    for (said, want) in rows {
        assert_eq!(said.is_trouble_of_destination(), *want, "{said:?}");
    }
}

/// The record of a try can be stored and shown.
#[test]
fn records() {
    let decision = try_at(&refused("RCPT", "450 4.2.1 busy"), 60, false, None);
    let read = Attempt::decode(&decision.attempt.encode()).unwrap().unwrap();
    assert_eq!(read, decision.attempt);
    assert_eq!(read.step.as_deref(), Some("RCPT"));
    let explanation = "The other mail system does not accept mail for this address now.";
    assert_eq!(read.explanation, explanation);
    assert_eq!(decision.fate.outcome(), RecipientOutcome::Deferred);
}

/// What goes into a report, and that nothing does where nobody is told.
///
/// Register: 3464-2.3.5-a, 3464-2.3.9-a, 3461-6.3-i, 3461-6.3-j.
#[test]
fn reported() {
    let path: ForwardPath = "<Bob@x.example>".parse().unwrap();
    let expire = at(5 * 24 * HOUR);
    let hard = try_at(&refused("RCPT", "550 5.1.1 unknown"), 60, false, None);
    let failed = hard.reported(&path, expire).unwrap();
    assert_eq!((failed.action, failed.status.to_string()), (Action::Failed, "5.1.1".to_owned()));
    assert_eq!(failed.remote_mta.as_deref(), Some("mx.x.example"));
    assert_eq!(failed.diagnostic, Some(Diagnostic::Smtp(reply("550 5.1.1 unknown"))));
    assert_eq!((failed.will_retry_until, failed.last_attempt), (None, Some(at(60))));
    let soft = refused("RCPT", "450 4.2.1 busy");
    let late = try_at(&soft, 4 * HOUR, false, None).reported(&path, expire).unwrap();
    assert_eq!((late.action, late.will_retry_until), (Action::Delayed, Some(expire)));
    assert_eq!(late.status.to_string(), "4.2.1");
    for (said, null_sender) in [(&soft, false), (&soft, true), (&Said::Stored, false)] {
        assert!(try_at(said, 60, null_sender, None).reported(&path, expire).is_none());
    }
}
