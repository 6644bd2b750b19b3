use std::time::{Duration, UNIX_EPOCH};

use mail::envelope::{OriginalRecipient, RecipientParameters};
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

fn taken(text: &str) -> Said {
    Said::Taken { reply: reply(text), onward: Onward::default() }
}

fn no_route(class: u8, topic: Topic) -> Said {
    let status = EnhancedStatus::new(class, topic).unwrap();
    let explanation = "the domain x.example does not exist".to_owned();
    Said::NoRoute(search::Failure { status, permanent: class == 5, explanation })
}

/// One try after `age` seconds of a message that lives 5 days.
fn try_at(said: &Said, age: u64, null_sender: bool, previous: Option<&Attempt>) -> Decision {
    try_asked(said, age, null_sender, previous, None, None)
}

/// The same with what the sender asked for.
fn try_asked(
    said: &Said,
    age: u64,
    null_sender: bool,
    previous: Option<&Attempt>,
    notify: Option<Notify>,
    deliver_by: Option<DeliverBy>,
) -> Decision {
    let schedule = Schedule { jitter_percent: 0, ..Schedule::default() };
    let case = Case {
        schedule: &schedule,
        arrival: at(0),
        expire: at(5 * 24 * HOUR),
        attempts: 1,
        now: at(age),
        chance: 0,
        null_sender,
        rank: Rank::Ordinary,
        is_last_resort: false,
        notify,
        deliver_by,
        remote: Some("mx.x.example [192.0.2.1]:25".to_owned()),
        tls: None,
        policy: None,
        previous,
    };
    decide(said, &case)
}

/// What each end of an attempt comes to, and its status, soon after arrival and after five days.
///
/// Register: 5321-4.5.4.1-a, 5321-6.1-b, 5321-5.1-i, 3461-6.3-h, 3463-2-e, 3463-3.1-a, 3463-3.5-a,
/// 3463-3.5-b, 1870-6.2-b, 1870-6.4-c, 3464-2.3.4-b, 7505-4.1-a, 3463-2-d, 3463-3.3-a, 7504-4-b, 5321-7.4-a.
#[test]
fn fates() {
    let lost = Said::Lost { step: "end of data".to_owned(), what: "timed out".to_owned() };
    let unreachable = Said::Unreachable { tried: 2, what: "connection refused".to_owned() };
    let unsendable = Said::Unsendable { topic: Topic(6, 3), what: "no 8BITMIME there".to_owned() };
    let no_login = Said::NoLogin { topic: Topic(7, 8), what: "not you".to_owned() };
    let insecure = Said::Insecure { topic: Topic(7, 10), what: "no TLS there".to_owned() };
    let rows: &[(Said, &str, &str)] = &[
        (taken("250 2.6.0 ok"), "delivered", "2.6.0"),
        (taken("250 ok"), "delivered", "2.0.0"),
        (Said::Stored, "delivered", "2.0.0"),
        (Said::StoredBy { reply: reply("250 2.1.5 in") }, "delivered", "2.1.5"),
        (insecure, "retry", "4.7.10"),
        (no_login, "retry", "4.7.8"),
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
        (Said::Overdue, "return", "5.4.7"),
        (Said::MailboxUnknown { user: "carl".to_owned() }, "return", "5.1.1"),
        (Said::MailboxFull("over its quota".to_owned()), "retry", "4.2.2"),
        (Said::MailboxUnavailable("it is locked".to_owned()), "retry", "4.2.0"),
        (Said::MailboxBroken("no permission".to_owned()), "retry", "4.3.5"),
        (Said::Ours("the content cannot be read".to_owned()), "retry", "4.3.0"),
    ];
    for (said, want, status) in rows {
        let early = try_at(said, 60, false, None);
        let (got, tell) = match &early.fate {
            Fate::Delivered => ("delivered", None),
            Fate::Return { status: given, .. } => {
                assert_eq!(given.to_string(), *status, "{said:?}");
                ("return", Some(Action::Failed))
            }
            Fate::Retry { at: due } => {
                assert_eq!(*due, at(60 + 600));
                ("retry", None)
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
    type Row<'a> = (&'a Said, u64, bool, Option<&'a Attempt>, Option<Action>, bool);
    let rows: &[Row<'_>] = &[
        (&soft, 4 * HOUR - 1, false, None, None, false),
        (&soft, 4 * HOUR, false, None, Some(Action::Delayed), true),
        (&soft, 4 * HOUR, false, Some(&untold), Some(Action::Delayed), true),
        (&soft, 8 * HOUR, false, Some(&told), None, true),
        (&soft, 4 * HOUR, true, Some(&untold), None, false),
        (&soft, 5 * 24 * HOUR, false, Some(&told), Some(Action::Failed), true),
        (&soft, 5 * 24 * HOUR, true, None, None, false),
        (&hard, 60, false, None, Some(Action::Failed), false),
        (&hard, 60, true, None, None, false),
        (&Said::Stored, 8 * HOUR, false, Some(&untold), None, false),
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
    let original =
        OriginalRecipient { address_type: "rfc822".into(), address: "Robert@x.example".into() };
    let path = &Recipient {
        path: "<Bob@x.example>".parse().unwrap(),
        parameters: RecipientParameters { notify: None, original: Some(original.clone()) },
    };
    let expire = at(5 * 24 * HOUR);
    let hard = try_at(&refused("RCPT", "550 5.1.1 unknown"), 60, false, None);
    let failed = hard.reported(path, expire).unwrap();
    assert_eq!((failed.action, failed.status.to_string()), (Action::Failed, "5.1.1".to_owned()));
    assert_eq!(failed.original_recipient, Some(original));
    assert_eq!(failed.remote_mta.as_deref(), Some("mx.x.example"));
    assert_eq!(failed.diagnostic, Some(Diagnostic::Smtp(reply("550 5.1.1 unknown"))));
    assert_eq!((failed.will_retry_until, failed.last_attempt), (None, Some(at(60))));
    let soft = refused("RCPT", "450 4.2.1 busy");
    let late = try_at(&soft, 4 * HOUR, false, None).reported(path, expire).unwrap();
    assert_eq!((late.action, late.will_retry_until), (Action::Delayed, Some(expire)));
    assert_eq!(late.status.to_string(), "4.2.1");
    for (said, null_sender) in [(&soft, false), (&soft, true), (&Said::Stored, false)] {
        assert!(try_at(said, 60, null_sender, None).reported(path, expire).is_none());
    }
}

const NEVER: Option<Notify> = Some(Notify::NEVER);
const SUCCESS: Option<Notify> = Some(Notify { success: true, failure: false, delay: false });
const FAILURE: Option<Notify> = Some(Notify { success: false, failure: true, delay: false });
const DELAY: Option<Notify> = Some(Notify { success: false, failure: false, delay: true });

/// What was asked for decides who is told, and nothing makes up for a null reverse-path.
///
/// Register: 3461-5.2-a, 3461-5.2.2-d, 3461-5.2.2-f, 3461-5.2.3-a, 3461-5.2.3-b,
/// 3461-5.2.5-b, 3461-5.2.6-b.
#[test]
fn what_was_asked_for() {
    let hard = refused("RCPT", "550 5.1.1 unknown");
    let soft = refused("RCPT", "450 4.2.1 busy");
    let took = taken("250 ok");
    let passed =
        Said::Taken { reply: reply("250 ok"), onward: Onward { dsn: true, deliver_by: false } };
    type Row<'a> = (&'a Said, u64, Option<Notify>, Option<Action>);
    let rows: &[Row<'_>] = &[
        (&hard, 60, None, Some(Action::Failed)),
        (&hard, 60, NEVER, None),
        (&hard, 60, SUCCESS, None),
        (&hard, 60, FAILURE, Some(Action::Failed)),
        (&soft, 4 * HOUR, None, Some(Action::Delayed)),
        (&soft, 4 * HOUR, FAILURE, None),
        (&soft, 4 * HOUR, DELAY, Some(Action::Delayed)),
        (&soft, 5 * 24 * HOUR, DELAY, None),
        (&Said::Stored, 60, None, None),
        (&Said::Stored, 60, FAILURE, None),
        (&Said::Stored, 60, SUCCESS, Some(Action::Delivered)),
        (&took, 60, SUCCESS, Some(Action::Relayed)),
        (&took, 60, None, None),
        (&passed, 60, SUCCESS, None),
    ];
    for (said, age, notify, tell) in rows {
        let decision = try_asked(said, *age, false, None, *notify, None);
        assert_eq!(decision.tell, *tell, "{said:?} {age} {notify:?}");
        let silent = try_asked(said, *age, true, None, *notify, None);
        assert_eq!(silent.tell, None, "{said:?} {age} {notify:?}");
    }
    let decision = try_asked(&hard, 60, false, None, NEVER, None);
    assert!(decision.reason.text.contains("nobody is told, NOTIFY=NEVER"));
    let path = Recipient {
        path: "<Bob@x.example>".parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    let stored = try_asked(&Said::Stored, 60, false, None, SUCCESS, None);
    let told = stored.reported(&path, at(9)).unwrap();
    assert_eq!((told.action, told.status.to_string()), (Action::Delivered, "2.0.0".to_owned()));
    assert_eq!((told.remote_mta.is_some(), told.diagnostic), (true, None));
}

/// Mail that is to be there by a time.
///
/// Register: 2852-4.1.2-a, 2852-4.1.3-a, 2852-4.1.3-b.
#[test]
fn mail_with_a_time() {
    let soft = refused("RCPT", "450 4.2.1 busy");
    let hard = refused("RCPT", "550 5.1.1 unknown");
    let by = |seconds, mode| Some(DeliverBy { seconds, mode, trace: false });
    let give_back = by(300, LateMode::Return);
    let notice = by(300, LateMode::Notify);
    let path = Recipient {
        path: "<Bob@x.example>".parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    let told = |decision: &Decision| {
        let told = decision.reported(&path, at(9));
        told.map(|told| format!("{:?} {}", told.action, told.status))
    };
    // Before the time: as ever, but the next try is no later than it.
    let early = try_asked(&soft, 60, false, None, None, give_back);
    assert_eq!((early.fate, early.tell), (Fate::Retry { at: at(300) }, None));
    let early = try_asked(&hard, 60, false, None, None, give_back);
    assert_eq!(told(&early).as_deref(), Some("Failed 5.1.1"));
    // Returned when it is over, unless nobody wants to know.
    for (said, notify, want) in [
        (&soft, None, Some("Failed 5.4.7")),
        (&soft, FAILURE, Some("Failed 5.4.7")),
        (&soft, DELAY, None),
        (&Said::Overdue, None, Some("Failed 5.4.7")),
    ] {
        let late = try_asked(said, 300, false, None, notify, give_back);
        assert!(matches!(late.fate, Fate::Return { .. }), "{said:?} {notify:?}");
        assert_eq!(told(&late).as_deref(), want, "{said:?} {notify:?}");
    }
    // A notice, once, and on with it.
    for (notify, want) in [
        (None, Some("Delayed 4.4.7")),
        (DELAY, Some("Delayed 4.4.7")),
        (FAILURE, None),
        (NEVER, None),
    ] {
        let late = try_asked(&soft, 300, false, None, notify, notice);
        assert_eq!(late.fate, Fate::Retry { at: at(900) });
        assert_eq!(told(&late).as_deref(), want, "{notify:?}");
        let again = try_asked(&soft, 900, false, Some(&late.attempt), notify, notice);
        assert_eq!(again.tell, None, "{notify:?}");
    }
    // The notice after four hours does not stand for it, nor the other way round.
    let long = by(5 * 3600, LateMode::Notify);
    let first = try_asked(&soft, 4 * HOUR, false, None, None, long);
    assert_eq!(told(&first).as_deref(), Some("Delayed 4.2.1"));
    let second = try_asked(&soft, 5 * HOUR, false, Some(&first.attempt), None, long);
    assert_eq!(told(&second).as_deref(), Some("Delayed 4.4.7"));
    let read = Attempt::decode(&second.attempt.encode()).unwrap().unwrap();
    assert!(read.delay_reported && read.overdue_reported);

    let parameters = |deliver_by| MailParameters { deliver_by, ..MailParameters::default() };
    for (by, age, want) in
        [(give_back, 299, false), (give_back, 300, true), (notice, 300, false), (None, 300, false)]
    {
        assert_eq!(is_overdue(&parameters(by), at(0), at(age)), want, "{by:?} {age}");
    }
}

/// A report that found no room comes later, and the mail does not go again.
///
/// Register: 3461-5.2.3-a.
#[test]
fn reports_that_are_owed() {
    let before = try_asked(&Said::Stored, 60, false, None, SUCCESS, None);
    let owing = Attempt { owed: before.tell, ..before.attempt };
    let read = Attempt::decode(&owing.encode()).unwrap().unwrap();
    let decision = try_asked(&Said::Settled, 660, false, Some(&read), SUCCESS, None);
    assert_eq!((decision.fate, decision.tell), (Fate::Delivered, Some(Action::Delivered)));
    assert_eq!((decision.attempt.owed, decision.attempt.at), (None, at(60)));
}
