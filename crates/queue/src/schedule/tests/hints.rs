//! What servers say when they want us to come back.

use mail::reply::{Reply, ReplyCode};

use super::super::hint::{HINT_MAX, HINT_MIN, read};
use super::super::*;
use super::{at, steady};

fn reply(line: &str) -> Reply {
    let (code, text) = line.split_once(' ').unwrap();
    Reply::received(ReplyCode::new(code.parse().unwrap()).unwrap(), None, vec![text.to_owned()])
}

/// The wordings of real servers, and the seconds they ask for.
#[test]
fn wordings() {
    let rows: &[(&str, Option<u64>)] = &[
        // milter-greylist.
        ("451 4.7.1 Greylisting in action, please come back in 00:05:00", Some(300)),
        ("451 4.7.1 Greylisting in action, please come back in 01:00:00", Some(3600)),
        ("451 4.7.1 Greylisting in action, please come back later", None),
        // postgrey, its default and the text with a time.
        (
            "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see \
             http://postgrey.schweikert.ch/help/b.example.html",
            None,
        ),
        (
            "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted for 300 seconds",
            Some(300),
        ),
        // sqlgrey and others behind Postfix.
        (
            "450 4.7.1 <a@b.example>: Recipient address rejected: Greylisted for 5 minutes",
            Some(300),
        ),
        // Filters of Haraka and ZoneMTA.
        ("451 recipient <a@b.example> greylisted for 287 seconds", Some(287)),
        // rspamd.
        ("451 4.7.1 Try again later", None),
        ("451 4.7.1 Greylisted, please try again in 5 minutes", Some(300)),
        ("450 4.2.0 Greylisted, please try again in 300 seconds", Some(300)),
        (
            "450 Requested action not taken: mailbox unavailable; try again in 4 min 30 sec",
            Some(270),
        ),
        ("421 4.7.0 try again in 10m", Some(600)),
        ("451 4.3.2 Please try again after 1 hour and 30 minutes", Some(5400)),
        ("421 4.7.0 You are rate limited for another 2 hours", Some(7200)),
        ("450 4.7.1 Retry after 00:05:00", Some(300)),
        ("451 4.7.1 Greylisting enabled, retry=120 seconds", Some(120)),
        // Exchange Online and Gmail say no time, nor does Yahoo.
        ("451 4.7.500 Server busy. Please try again later from 192.0.2.1", None),
        ("450 4.2.1 The user is receiving mail too quickly. Please resend at a later time.", None),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints \
             - 4.16.55.1; see https://postmaster.example/421-ts01.html",
            None,
        ),
        // A time that is no wait.
        ("451 4.7.1 More than 20 messages in 5 minutes, try again later", None),
        ("452 4.5.3 At most 100 messages per 60 minutes; retry", None),
        ("421 4.4.2 Connection idle for 300 seconds", None),
        ("451 4.7.1 Try 3 of 5 at 12:30:00", None),
        // Only who says "not now" says "later".
        ("550 5.7.1 Greylisted for 5 minutes", None),
        ("250 2.0.0 delayed for 5 minutes", None),
    ];
    for (line, want) in rows {
        let found = read(&reply(line)).map(|hint| hint.wait.as_secs());
        assert_eq!(found, *want, "{line}");
    }
}

/// Bounds hold, and nothing makes it stumble.
#[test]
fn bounds() {
    let wait = |line: &str| read(&reply(line)).map(|hint| hint.wait);
    assert_eq!(wait("451 try again in 1 second"), Some(HINT_MIN));
    assert_eq!(wait("451 try again in 4000000000 days"), Some(HINT_MAX));
    assert_eq!(wait("451 try again in 99999999999999999999 seconds"), None);
    assert_eq!(wait("451 try again in 00:99:00"), None);
    assert_eq!(wait("451 try again in :::"), None);
    assert_eq!(wait("451 \u{fc}\u{fc} try again in 5 minutes \u{1f4ee}"), Some(5 * MINUTE));
    let long = format!("451 {} try again in 5 minutes", "x ".repeat(5000));
    assert_eq!(wait(&long), None);
    let words = read(&reply("451 4.7.1 Greylisted, PLEASE try again in 5 minutes!")).unwrap().words;
    assert_eq!(words, "greylisted please try again in 5 minutes");
}

/// A longer wait is always believed, a shorter one at first.
#[test]
fn followed() {
    let (schedule, expire) = (steady(), steady().expiry(at(0), Rank::Ordinary));
    let short = Hint { wait: 5 * MINUTE, words: "in 5 minutes".into() };
    let long = Hint { wait: 4 * HOUR, words: "in 4 hours".into() };
    let wait = |hint: &Hint, attempts, chance| match next(
        &schedule,
        at(0),
        expire,
        attempts,
        at(60),
        chance,
        Some(hint),
    ) {
        Next::Retry { at: due, reason } => {
            (due.duration_since(at(60)).unwrap().as_secs(), reason.to_string())
        }
        Next::Expired { .. } => panic!("expired"),
    };
    let (seconds, reason) = wait(&short, 3, 0);
    assert_eq!(seconds, 305);
    assert_eq!(
        reason,
        "try 3 failed, the host says \"in 5 minutes\": the next one comes after 5 min"
    );
    assert_eq!(wait(&short, 3, 100).0, 335, "up to a tenth later, never sooner");
    assert_eq!(wait(&short, HINTS + 1, 0).0, 3 * 3600, "our own pause");
    assert_eq!(wait(&long, 3, 0).0, 4 * 3600 + 5);
    assert_eq!(wait(&long, 50, 0).0, 4 * 3600 + 5);
    // The last try is at the expiry.
    let near = match next(&schedule, at(0), at(70), 3, at(60), 0, Some(&long)) {
        Next::Retry { at, .. } => at,
        Next::Expired { .. } => panic!("expired"),
    };
    assert_eq!(near, at(70));
    // A destination as a whole.
    let mut host = Destination::default();
    host.failure(&schedule, "421", Some(&short), at(0), 0);
    let Gate::Closed { until, .. } = host.gate(at(1)) else { panic!("open") };
    assert_eq!(until, at(5) + Duration::from_secs(5));
}
