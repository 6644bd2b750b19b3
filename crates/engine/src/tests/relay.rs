//! Relaying: one letter, the peers it meets, and what becomes of each recipient.

use mail::lookup::Record;

use super::world::{Scene, options, play};

pub(super) const PIPELINED: &str = "S: 220 mx ESMTP
    C: EHLO here.example
    S: 250-mx
    S: 250-PIPELINING
    S: 250-8BITMIME
    S: 250 SIZE 1000000";
const LOCK_STEP: &str = "S: 220 mx ESMTP
    C: EHLO
    S: 250 mx";
/// One recipient, from MAIL to the reply to the dot.
pub(super) const ONE: &str = "C: MAIL FROM:<ada@here.example>
    C: RCPT TO:<x@far.example>
    C: DATA
    S: 250 2.1.0 ok
    S: 250 2.1.5 ok
    S: 354 go on
    C: .
    S: 250 2.0.0 taken";
const ONE_BY_ONE: &str = "C: MAIL
    quiet
    S: 250 ok
    C: RCPT
    quiet
    S: 250 ok
    C: DATA
    quiet
    S: 354 go on
    C: .
    S: 250 taken";
pub(super) const BYE: &str = "C: QUIT
    S: 221 bye";

/// What becomes of a recipient before the first pause between tries is over.
enum Fate {
    /// Nobody has to hear of it any more.
    Taken,
    /// It waits; the reason tells this.
    Waits(&'static str),
    /// The report tells this.
    Returned(&'static str),
}
use Fate::{Returned, Taken, Waits};

struct Case {
    name: &'static str,
    content: &'static str,
    /// Connections to the first and the second exchanger, in order; more are refused.
    first: &'static [&'static [&'static str]],
    second: &'static [&'static [&'static str]],
    fates: &'static [(&'static str, Fate)],
}

const PLAIN: &str = "Subject: x\r\n\r\nhello\r\n";
const TO_X: &str = "x@far.example";

const CASES: &[Case] = &[
    Case {
        name: "pipelined peer",
        content: PLAIN,
        first: &[&[PIPELINED, ONE, BYE]],
        second: &[],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "lock-step peer",
        content: PLAIN,
        first: &[&[LOCK_STEP, ONE_BY_ONE, BYE]],
        second: &[],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "HELO-only peer",
        content: PLAIN,
        first: &[&["S: 220 mx", "C: EHLO", "S: 500 what", "C: HELO", "S: 250 mx", ONE_BY_ONE]],
        second: &[],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "peer that hangs up on EHLO",
        content: PLAIN,
        first: &[
            &["S: 220 mx", "C: EHLO", "close"],
            &["S: 220 mx", "C: HELO", "S: 250 mx", ONE_BY_ONE],
        ],
        second: &[],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "lost before the dot: next address",
        content: PLAIN,
        first: &[&[PIPELINED, "C: MAIL", "C: RCPT", "C: DATA", "S: 250 ok", "S: 250 ok", "close"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "lost at the dot: later",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: .",
            "close",
        ]],
        second: &[],
        fates: &[(TO_X, Waits("lost at end of data"))],
    },
    Case {
        name: "421 greeting: next host",
        content: PLAIN,
        first: &[&["S: 421 busy", "close"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "421 to EHLO: next host",
        content: PLAIN,
        first: &[&["S: 220 mx", "C: EHLO", "S: 421 busy", "close"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "421 to MAIL: next host",
        content: PLAIN,
        first: &[&[PIPELINED, "C: MAIL", "S: 421 4.3.2 going down", "close"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "421 to RCPT: next host",
        content: PLAIN,
        first: &[&[PIPELINED, "C: MAIL", "C: RCPT", "S: 250 ok", "S: 421 going down", "close"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "421 to DATA: next host",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 421 down",
            "close",
        ]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
    Case {
        name: "421 to the dot: later",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: .",
            "S: 421 4.3.2 going down",
            "close",
        ]],
        second: &[],
        fates: &[(TO_X, Waits("did not take the message now"))],
    },
    Case {
        name: "452 to one recipient: a second transaction",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT TO:<x@",
            "C: RCPT TO:<y@",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 452 4.5.3 too many",
            "S: 354 go",
            "C: .",
            "S: 250 taken",
            "C: MAIL",
            "C: RCPT TO:<y@",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: .",
            "S: 250 taken",
            BYE,
        ]],
        second: &[],
        fates: &[(TO_X, Taken), ("y@far.example", Taken)],
    },
    Case {
        name: "each recipient its own answer",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT TO:<x@",
            "C: RCPT TO:<y@",
            "C: RCPT TO:<z@",
            "C: DATA",
            "S: 250 ok",
            "S: 550 5.1.1 no",
            "S: 450 4.2.1 later",
            "S: 250 ok",
            "S: 354 go",
            "C: .",
            "S: 250 taken",
            BYE,
        ]],
        second: &[],
        fates: &[
            (TO_X, Returned("5.1.1")),
            ("y@far.example", Waits("does not accept mail for this address now")),
            ("z@far.example", Taken),
        ],
    },
    Case {
        name: "too large for the next host",
        content: PLAIN,
        first: &[&["S: 220 mx", "C: EHLO", "S: 250-mx", "S: 250 SIZE 10", BYE]],
        second: &[],
        fates: &[(TO_X, Returned("5.3.4"))],
    },
    Case {
        name: "a header section of 8 bits for a 7-bit host",
        content: "Subject: h\u{e9}llo\r\n\r\nx\r\n",
        first: &[&[LOCK_STEP, BYE]],
        second: &[],
        fates: &[(TO_X, Returned("5.6.3"))],
    },
    Case {
        name: "too large after all",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: .",
            "S: 552 5.3.4 too large",
            BYE,
        ]],
        second: &[],
        fates: &[(TO_X, Returned("5.3.4"))],
    },
    Case {
        name: "moved, and it is not for us to follow",
        content: PLAIN,
        first: &[&[
            PIPELINED,
            "C: MAIL",
            "C: RCPT",
            "C: DATA",
            "S: 250 ok",
            "S: 551 5.1.6 try <x@other.example>",
            "S: 503 no",
            "C: RSET",
            "S: 250 ok",
            BYE,
        ]],
        second: &[],
        fates: &[(TO_X, Returned("5.1.6"))],
    },
    Case {
        name: "every host refuses for good",
        content: PLAIN,
        first: &[&["S: 554 5.7.1 no", "C: QUIT", "S: 221 bye"]],
        second: &[&["S: 554 5.7.1 never", "C: QUIT", "S: 221 bye"]],
        fates: &[(TO_X, Returned("5.7.1"))],
    },
    Case {
        name: "a refusal for good counts only alone",
        content: PLAIN,
        first: &[&["S: 554 5.7.1 no", "C: QUIT", "S: 221 bye"]],
        second: &[],
        fates: &[(TO_X, Waits("No host could be reached"))],
    },
    Case {
        name: "a good host after a bad one",
        content: PLAIN,
        first: &[&["S: 554 5.7.1 no", "C: QUIT", "S: 221 bye"]],
        second: &[&[PIPELINED, ONE, BYE]],
        fates: &[(TO_X, Taken)],
    },
];

async fn check(case: &Case) {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &["192.0.2.1", "192.0.2.2"]);
    for (address, sessions) in [("192.0.2.1", case.first), ("192.0.2.2", case.second)] {
        for session in sessions {
            scene.net.peer(address, &session.join("\n"));
        }
    }
    let to: Vec<&str> = case.fates.iter().map(|(recipient, _)| *recipient).collect();
    scene.letter("ada@here.example", &to, case.content).await.unwrap();
    scene.pass(500).await;
    scene.check_scripts(case.name);
    let (waiting, reports) = (scene.waiting().await, scene.boxes.of("ada"));
    for (recipient, fate) in case.fates {
        let waits = waiting.iter().find(|line| line.starts_with(recipient));
        let told = format!("Final-Recipient: rfc822; {recipient}");
        let report = reports.iter().find(|report| report.contains(&told));
        let (name, seen) = (case.name, (&waits, &report));
        match fate {
            Taken => assert!(waits.is_none() && report.is_none(), "{name}: {seen:#?}"),
            Waits(why) => {
                assert!(waits.is_some_and(|line| line.contains(why)), "{name}: {seen:#?}");
                assert!(report.is_none(), "{name}: {seen:#?}");
            }
            Returned(status) => {
                let status = format!("Status: {status}");
                assert!(waits.is_none(), "{name}: {seen:#?}");
                assert!(report.is_some_and(|text| text.contains(&status)), "{name}: {seen:#?}");
            }
        }
    }
}

/// Register: 5321-5.1-x, 5321-5.1-m, 1123-5.3.4-a, 5321-3.6.3-a, 5321-4.4-u, 5321-4.1.1.4-i,
/// 5321-4.5.3.1-c, 5321-7.4-a, 3464-2.3.3-b, 1123-5.3.1.1-f, 1870-6.2-c.
#[test]
fn fates() {
    for case in CASES {
        play(check(case));
    }
}

/// What is refused for now is tried again, what is refused for good is not: not there, not at the
/// other exchanger, not later.
///
/// Register: 5321-4.2.1-a, 5321-4.2.1-b, 5321-4.2.5-e, 5321-4.2.5-a.
#[test]
fn again_after_4yz_and_never_after_5yz() {
    let until_dot = [PIPELINED, "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: ."];
    let at_recipient = [PIPELINED, "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok"];
    let rows = [
        ("450 to RCPT", at_recipient, "S: 450 4.2.1 busy\nS: 503 no\nC: RSET\nS: 250 ok", true),
        ("451 to the dot", until_dot, "S: 451 4.3.0 again", true),
        ("550 to RCPT", at_recipient, "S: 550 5.1.1 no\nS: 503 no\nC: RSET\nS: 250 ok", false),
        ("554 to the dot", until_dot, "S: 554 5.7.1 no", false),
    ];
    for (name, begin, end, again) in rows {
        play(async {
            let scene = Scene::started();
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            let begin = begin.join("\n");
            scene.net.peer("192.0.2.1", &[&begin, end, BYE].join("\n"));
            if again {
                scene.net.peer("192.0.2.1", &[PIPELINED, ONE, BYE].join("\n"));
            }
            scene.letter("ada@here.example", &[TO_X], PLAIN).await.unwrap();
            scene.pass(6 * 86_400).await;
            scene.check_scripts(name);
            assert_eq!(scene.dials().len(), if again { 2 } else { 1 }, "{name}");
            assert_eq!(scene.boxes.of("ada").len(), usize::from(!again), "{name}");
            assert_eq!(scene.queue().await.len(), 0, "{name}");
        });
    }
}

/// Nobody is dialled for a name that is not there, or that no mail leads to.
///
/// Register: 5321-2.3.5-a, 5321-2.3.5-b.
#[test]
fn names_that_lead_nowhere() {
    play(async {
        let scene = Scene::started();
        // Names are absolute: nothing is put behind a short one.
        scene.zone.exchangers("host.here.example", &["192.0.2.1"]);
        scene.zone.add("other.example", Record::Mx(10, "nowhere.example".to_owned()));
        let to = ["x@host", "y@gone.example", "z@other.example"];
        scene.letter("ada@here.example", &to, PLAIN).await.unwrap();
        scene.pass(60).await;
        assert_eq!(scene.dials(), [""; 0]);
        let reports = scene.boxes.of("ada").join("");
        for (address, status) in [("x@host", "5.1.2"), ("y@gone.example", "5.1.2")] {
            let told = format!("rfc822; {address}\r\nAction: failed\r\nStatus: {status}");
            assert!(reports.contains(&told), "{told} in {reports}");
        }
        assert!(
            reports.contains("z@other.example\r\nAction: failed\r\nStatus: 5.4.4"),
            "{reports}"
        );
    });
}

/// Register: 1123-5.3.1.1-h.
#[test]
fn no_more_connections_than_allowed() {
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        for _ in 0..20 {
            scene.net.peer("192.0.2.1", &["wait 100", PIPELINED, ONE, BYE].join("\n"));
        }
        for _ in 0..20 {
            scene.letter("ada@here.example", &[TO_X], PLAIN).await.unwrap();
        }
        scene.pass(90).await;
        assert_eq!(scene.dials().len(), options().limits.default.connections.value);
    });
}
