//! What comes before a session and around it: proxies, early talkers, clients that take too much,
//! and hosts that ask for what is no mail.

use std::sync::Arc;
use std::time::Duration;

use queue::clients::Limits;
use queue::trust::Trust;
use smtp::server::{Kind, SessionOptions};

use super::receive::{connect, converse, listening_with};
use super::world::{HOST, options, play};
use crate::doors::NoTls;
use crate::{EarlyTalkers, ListenOptions};

/// Where the test's client comes from.
const CLIENT: &str = "203.0.113.7/32";

struct Case {
    name: &'static str,
    listen: fn(&mut ListenOptions),
    options: fn(&mut crate::Options),
    script: &'static str,
    /// What stands in the letter that reaches bob.
    letter: Option<&'static str>,
}

const CASE: Case = Case { name: "", listen: |_| {}, options: |_| {}, script: "", letter: None };

const LETTER: &str = "C: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
    C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250";

fn proxied(listen: &mut ListenOptions) {
    listen.proxies = vec![CLIENT.parse().unwrap()];
}

fn trusting(options: &mut crate::Options) {
    let here = vec![CLIENT.parse().unwrap()];
    options.trust =
        Trust { verify: here.clone(), release: here.clone(), proxy: here, ..Trust::default() };
}

const CASES: &[Case] = &[
    Case {
        name: "PROXY, version 1",
        listen: proxied,
        script: "C: PROXY TCP4 198.51.100.9 192.0.2.200 40000 25\nS: 220\nletter",
        letter: Some("([198.51.100.9])"),
        ..CASE
    },
    Case {
        name: "PROXY, version 2, with an attribute, and the first command at once",
        listen: proxied,
        script: r"raw \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc6\x33\x64\x09\xc0\0\x02\xc8\x9c\x40\0\x19\x04\0\x01\0NOOP\r\n
            S: 220
            S: 250
            letter",
        letter: Some("([198.51.100.9])"),
        ..CASE
    },
    Case {
        name: "PROXY for IPv6",
        listen: proxied,
        script: "C: PROXY TCP6 2001:db8::9 2001:db8::1 40000 25\nS: 220\nletter",
        letter: Some("([IPv6:2001:db8::9])"),
        ..CASE
    },
    Case {
        name: "a proxy that speaks for itself",
        listen: proxied,
        script: "C: PROXY UNKNOWN\nS: 220\nletter",
        letter: Some("([203.0.113.7])"),
        ..CASE
    },
    Case {
        name: "a proxy without a header",
        listen: proxied,
        script: "C: EHLO this.is.no.proxy.example\ngone",
        ..CASE
    },
    Case {
        name: "a proxy that says nothing",
        listen: proxied,
        script: "pass 6\ngone",
        ..CASE
    },
    Case {
        name: "half a header",
        listen: proxied,
        script: "raw PROXY TCP4 198.51\npass 6\ngone",
        ..CASE
    },
    Case {
        name: "a header without end",
        listen: proxied,
        script: "raw PROXY TCP4 198.51.100.9 192.0.2.200 40000 25xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            gone",
        ..CASE
    },
    Case {
        name: "a header of 64 KB",
        listen: proxied,
        script: r"raw \r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff
            gone",
        ..CASE
    },
    Case {
        name: "a header by a stranger",
        script: "S: 220\nC: PROXY TCP4 127.0.0.1 192.0.2.200 40000 25\nS: 500\nletter",
        letter: Some("([203.0.113.7])"),
        ..CASE
    },
    Case {
        name: "who waits for the greeting",
        listen: |listen| listen.greet_pause = Duration::from_secs(3),
        script: "S: 220\nletter",
        letter: Some(""),
        ..CASE
    },
    Case {
        name: "who speaks first",
        listen: |listen| listen.greet_pause = Duration::from_secs(3),
        script: "C: EHLO spammer.example\nS: 554\nS: 503\nC: MAIL FROM:<x@far.example>\nS: 503
            C: QUIT\nS: 221\ngone",
        ..CASE
    },
    Case {
        name: "who speaks first, where that is only told",
        listen: |listen| {
            listen.greet_pause = Duration::from_secs(3);
            listen.early_talkers = EarlyTalkers::Tell;
        },
        script: "C: NOOP\nS: 220\nS: 250\nletter",
        letter: Some(""),
        ..CASE
    },
    Case {
        name: "too many messages",
        options: |options| options.clients.message_rate = 2,
        script: "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RSET\nS: 250
            C: MAIL FROM:<>\nS: 250\nC: RSET\nS: 250\nC: MAIL FROM:<>\nS: 450 4.7.1\npass 31
            letter",
        letter: Some(""),
        ..CASE
    },
    Case {
        name: "guessing, and the pace after it",
        options: |options| options.clients.mistakes = 2,
        script: "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<>\nS: 250
            C: RCPT TO:<ann@here.example>\nS: 550\nC: RCPT TO:<anna@here.example>\nS: 550
            C: FOO\nslowly 5\nS: 500\nC: NOOP\nslowly 5\nS: 250",
        ..CASE
    },
    Case {
        name: "VRFY and EXPN for those who may know",
        options: trusting,
        script: "S: 220\nC: VRFY bob\nS: 250 2.1.5 <bob@here.example>\nC: VRFY nobody
            S: 550 5.1.1\nC: EXPN bob\nS: 250 2.1.5 <bob@here.example>\nC: EXPN list\nS: 550",
        ..CASE
    },
    Case {
        name: "VRFY and EXPN for others",
        script: "S: 220\nC: VRFY bob\nS: 252 2.5.0\nC: VRFY nobody\nS: 252 2.5.0\nC: EXPN bob\nS: 252",
        ..CASE
    },
    Case {
        name: "ETRN for mail that is not there",
        options: trusting,
        script: "S: 220\nC: EHLO c\nS: 250\nC: ETRN far.example\nS: 251 2.0.0\nC: ETRN @far.example
            S: 251\nC: ETRN #local\nS: 251",
        ..CASE
    },
    Case {
        name: "ETRN by a stranger",
        script: "S: 220\nC: EHLO c\nS: 250\nC: ETRN far.example\nS: 459 4.7.1",
        ..CASE
    },
    Case {
        name: "XCLIENT names the client",
        options: trusting,
        script: "S: 220\nC: EHLO proxy\nS: 250\nC: XCLIENT ADDR=198.51.100.9 NAME=c.example\nS: 220
            C: ETRN far.example\nS: 503\nletter",
        letter: Some("([198.51.100.9])"),
        ..CASE
    },
    Case {
        name: "XFORWARD changes nothing but the log",
        options: trusting,
        script: "S: 220\nC: XFORWARD ADDR=198.51.100.9\nS: 250\nletter",
        letter: Some("([203.0.113.7])"),
        ..CASE
    },
    Case {
        name: "LMTP",
        listen: |listen| listen.session.kind = Kind::Lmtp,
        script: "S: 220\nC: LHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
            C: RCPT TO:<bob@here.example>\nS: 250\nC: RCPT TO:<nobody@here.example>\nS: 550
            C: RCPT TO:<ada@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250\nS: 250
            C: QUIT\nS: 221\ngone",
        letter: Some("with LMTP"),
        ..CASE
    },
    Case {
        name: "chunks",
        script: r"S: 220
            C: EHLO c
            S: 250
            C: MAIL FROM:<x@far.example>
            S: 250
            C: RCPT TO:<bob@here.example>
            S: 250
            raw BDAT 9\r\nSubject: BDAT 6 LAST\r\nx\r\n\r\ny
            S: 250 2.0.0 9 octets taken
            S: 250 2.0.0 taken",
        letter: Some("Subject: x\r\n\r\ny"),
        ..CASE
    },
    Case {
        name: "chunks of a message that is dropped",
        script: r"S: 220
            C: EHLO c
            S: 250
            C: MAIL FROM:<x@far.example>
            S: 250
            C: RCPT TO:<bob@here.example>
            S: 250
            raw BDAT 3\r\noldRSET\r\n
            S: 250
            S: 250
            letter",
        letter: Some("ESMTP"),
        ..CASE
    },
];

/// Register: 1985-5.1-a, 1985-5.3-a, 3848-1-d, 2033-4.2-b, 3030-2-l.
#[test]
fn dialogues() {
    for case in CASES {
        play(async {
            let mut listen = ListenOptions::from(SessionOptions::new(HOST, Kind::Mx));
            (case.listen)(&mut listen);
            let mut options = options();
            (case.options)(&mut options);
            let (scene, sender) = listening_with(options, listen, Arc::new(NoTls));
            let mut wire = connect(&sender).await;
            let script = case.script.replace("letter", LETTER);
            converse(case.name, &script, &scene, &mut wire).await;
            drop(wire);
            scene.pass(60).await;
            let found = scene.boxes.of("bob");
            match case.letter {
                None => assert!(found.is_empty(), "{}: {found:?}", case.name),
                Some(part) => {
                    let letter = found.first().cloned().unwrap_or_default();
                    let plain = letter.replace("\r\n ", " ");
                    assert!(found.len() == 1 && plain.contains(part), "{}: {plain}", case.name);
                }
            }
            assert_eq!(scene.engine.busy(), 0, "{}", case.name);
        });
    }
}

/// Connections at once and in a minute; those of a trusted network are not counted.
#[test]
fn connections() {
    play(async {
        let clients = Limits { connections: 2, connection_rate: 3, ..Limits::default() };
        for (trusted, third) in [(false, "S: 421 4.7.0\ngone"), (true, "S: 220")] {
            let mut options = crate::Options { clients: clients.clone(), ..options() };
            if trusted {
                options.access.relay_networks = vec![CLIENT.parse().unwrap()];
            }
            let listen = ListenOptions::from(SessionOptions::new(HOST, Kind::Mx));
            let (scene, sender) = listening_with(options, listen, Arc::new(NoTls));
            let (mut first, mut second) = (connect(&sender).await, connect(&sender).await);
            converse("first", "S: 220", &scene, &mut first).await;
            converse("second", "S: 220", &scene, &mut second).await;
            let mut wire = connect(&sender).await;
            converse("third", third, &scene, &mut wire).await;
            drop((first, second, wire));
            scene.pass(1).await;
            // One more is within the rate, the next is not.
            let mut wire = connect(&sender).await;
            converse("fourth", "S: 220", &scene, &mut wire).await;
            let mut next = connect(&sender).await;
            let said = if trusted { "S: 220" } else { "S: 421" };
            converse("fifth", said, &scene, &mut next).await;
        }
    });
}

/// ETRN lets mail go that waits for its host, and only that.
///
/// Register: 1985-5.1-a, 1985-5.1-b.
#[test]
fn released_mail() {
    play(async {
        let mut options = options();
        trusting(&mut options);
        let listen = ListenOptions::from(SessionOptions::new(HOST, Kind::Mx));
        let (scene, sender) = listening_with(options, listen, Arc::new(NoTls));
        scene.zone.exchangers("far.example", &["203.0.113.1"]);
        scene.zone.exchangers("a.far.example", &["203.0.113.2"]);
        scene.zone.exchangers("other.example", &["203.0.113.3"]);
        let to = ["x@far.example", "x@a.far.example", "x@other.example"];
        scene.letter("ada@here.example", &to, "\r\nx\r\n").await.unwrap();
        scene.pass(30).await;
        let dials = scene.dials().len();
        let mut wire = connect(&sender).await;
        let script = "S: 220\nC: EHLO c\nS: 250\nC: ETRN far.example\nS: 253 2.0.0 1 pending";
        converse("one", script, &scene, &mut wire).await;
        scene.pass(5).await;
        assert_eq!(scene.dials()[dials..], ["203.0.113.1"]);
        let dials = scene.dials().len();
        let script = "C: ETRN @far.example\nS: 253 2.0.0 2 pending";
        converse("below", script, &scene, &mut wire).await;
        scene.pass(5).await;
        let mut dialled = scene.dials()[dials..].to_vec();
        dialled.sort();
        assert_eq!(dialled, ["203.0.113.1", "203.0.113.2"]);
        let dials = scene.dials().len();
        converse(
            "queue",
            "C: ETRN #other.example\nS: 253\nC: ETRN #nothing\nS: 251",
            &scene,
            &mut wire,
        )
        .await;
        scene.pass(5).await;
        assert_eq!(scene.dials()[dials..], ["203.0.113.3"]);
    });
}

/// Each 250 of LMTP is a promise like every other: what was said stays said when the host goes down,
/// and what the spool does not hold is refused for each recipient.
///
/// Register: 2033-4.2-d.
#[test]
fn promises_by_lmtp() {
    const TO_DOT: &str = "S: 220\nC: LHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
        C: RCPT TO:<bob@here.example>\nS: 250\nC: RCPT TO:<ada@here.example>\nS: 250
        C: DATA\nS: 354";
    let rows = [
        ("stop\nC: .\nS: 250\nS: 250\nS: 421", 1, 0),
        ("full\nC: .\nS: 452 4.3.1\nS: 452 4.3.1", 0, 0),
        ("down\nC: .\nS: 451 4.3.0\nS: 451 4.3.0", 0, 0),
        ("unknown-lost\nC: .\nS: 451\nS: 451", 0, 0),
        ("unknown-done\nC: .\nS: 250\nS: 250", 0, 2),
    ];
    for (end, kept, delivered) in rows {
        play(async {
            let listen = ListenOptions::from(SessionOptions::new(HOST, Kind::Lmtp));
            let (scene, sender) = listening_with(options(), listen, Arc::new(NoTls));
            let mut wire = connect(&sender).await;
            converse(end, &format!("{TO_DOT}\n{end}"), &scene, &mut wire).await;
            scene.spool.model.set_down(None);
            drop(wire);
            scene.pass(60).await;
            assert_eq!(scene.queue().await.len(), kept, "{end}");
            let found = scene.boxes.of("bob").len() + scene.boxes.of("ada").len();
            assert_eq!(found, delivered, "{end}");
        });
    }
}
