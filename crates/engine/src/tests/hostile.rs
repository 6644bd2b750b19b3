//! Destinations that mean no good, or know no better.

use mail::lookup::Record;
use mail::{ForwardPath, ReversePath};

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, play};
use crate::Inquiry;

const FIRST: &str = "192.0.2.1";
const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";
/// From MAIL to the dot.
const UNTIL_DOT: &str = "C: MAIL
    C: RCPT
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: .";

async fn send(scene: &Scene) {
    scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
}

/// Who publishes a thousand exchangers that refuse makes five connections an attempt, and waits in
/// the queue like any other; `explain` looks at as many as an attempt does, and says so.
///
/// Register: 5321-5.1-n.
#[test]
fn a_thousand_exchangers() {
    play(async {
        let scene = Scene::started();
        let addresses: Vec<String> =
            (0..1000).map(|n| format!("198.18.{}.{}", n / 250, 1 + n % 250)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        scene.zone.exchangers("far.example", &addresses);
        send(&scene).await;
        scene.pass(60).await;
        assert_eq!(scene.dials(), addresses[..5]);
        assert_eq!(scene.waiting().await.len(), 1);
        let inquiry = Inquiry {
            from: "<ada@here.example>".parse::<ReversePath>().unwrap(),
            to: "<x@far.example>".parse::<ForwardPath>().unwrap(),
            client: None,
            identity: None,
        };
        let told = scene.engine.explain(&inquiry).await;
        let [end] = &told.ends[..] else { panic!("{told:?}") };
        let [hop] = &end.hops[..] else { panic!("{end:?}") };
        assert_eq!(hop.hosts.as_ref().unwrap().len(), 5);
        assert!(hop.trail.len() < 30, "{}", hop.trail.len());
        let few = "only the best 20 of 1000 hosts count";
        assert!(hop.trail.iter().any(|step| step.text == few), "{:?}", hop.trail);
    });
}

/// Exchangers that are this host, by whatever name or address: the mail goes back at once, nobody is
/// dialled, nothing goes in a circle.
///
/// Register: 5321-5.1-u.
#[test]
fn exchangers_that_are_ourselves() {
    let rows: &[(&str, &[(&str, Record)])] = &[
        ("our name", &[("far.example", Record::Mx(10, "here.example".to_owned()))]),
        ("localhost", &[("far.example", Record::Mx(10, "localhost".to_owned()))]),
        (
            "our address",
            &[
                ("far.example", Record::Mx(10, "m.example".to_owned())),
                ("m.example", Record::A([192, 0, 2, 200].into())),
            ],
        ),
        (
            "the loopback",
            &[
                ("far.example", Record::Mx(10, "m.example".to_owned())),
                ("m.example", Record::A([127, 9, 9, 9].into())),
            ],
        ),
        (
            "the other loopback",
            &[
                ("far.example", Record::Mx(10, "m.example".to_owned())),
                ("m.example", Record::Aaaa(std::net::Ipv6Addr::LOCALHOST)),
            ],
        ),
        (
            "the loopback in the clothes of IPv6",
            &[
                ("far.example", Record::Mx(10, "m.example".to_owned())),
                (
                    "m.example",
                    Record::Aaaa(
                        "::ffff:127.0.0.1".parse().unwrap_or(std::net::Ipv6Addr::LOCALHOST),
                    ),
                ),
            ],
        ),
        ("no exchanger, and our address", &[("far.example", Record::A([192, 0, 2, 200].into()))]),
    ];
    for (name, records) in rows {
        play(async {
            let scene = Scene::started();
            for (owner, record) in *records {
                scene.zone.add(owner, record.clone());
            }
            send(&scene).await;
            scene.pass(60).await;
            assert_eq!(scene.dials(), [""; 0], "{name}");
            assert_eq!(scene.waiting().await, [""; 0], "{name}");
            let reports = scene.boxes.of("ada");
            assert!(reports.len() == 1 && reports[0].contains("5.4.6"), "{name}: {reports:?}");
        });
    }
}

/// Aliases that go in a circle, of the domain and of its exchanger: found out, and the mail goes back.
#[test]
fn aliases_in_a_circle() {
    let alias = |to: &str| Record::Cname(to.to_owned());
    let rows = [
        ("of itself", vec![("far.example", alias("far.example"))]),
        (
            "of another",
            vec![("far.example", alias("b.example")), ("b.example", alias("far.example"))],
        ),
        (
            "of the exchanger",
            vec![
                ("far.example", Record::Mx(10, "m.example".to_owned())),
                ("m.example", alias("n.example")),
                ("n.example", alias("m.example")),
            ],
        ),
    ];
    for (name, records) in rows {
        play(async {
            let scene = Scene::started();
            for (owner, record) in &records {
                scene.zone.add(owner, record.clone());
            }
            send(&scene).await;
            scene.pass(60).await;
            assert_eq!(scene.dials(), [""; 0], "{name}");
            let reports = scene.boxes.of("ada");
            assert!(reports.len() == 1 && reports[0].contains("5.4.4"), "{name}: {reports:?}");
        });
    }
}

/// A host that takes the whole letter and dies before its 250 may have it or not: it waits, goes
/// again, and nobody is told of a failure.
///
/// Register: 5321-6.1-a.
#[test]
fn it_dies_before_its_250() {
    for end in ["close", "S: 25\nclose", "S: 250-not yet\nclose"] {
        play(async {
            let scene = Scene::started();
            scene.zone.exchangers("far.example", &[FIRST, "192.0.2.2"]);
            scene.net.peer(FIRST, &[PIPELINED, UNTIL_DOT, end].join("\n"));
            send(&scene).await;
            scene.pass(60).await;
            assert_eq!(scene.dials(), [FIRST], "another host might make a second copy");
            let waiting = scene.waiting().await;
            assert!(waiting[0].contains("lost at end of data"), "{waiting:?}");
            scene.net.peer(FIRST, &[PIPELINED, ONE, BYE].join("\n"));
            scene.pass(900).await;
            scene.check_scripts(end);
            assert_eq!(scene.waiting().await, [""; 0], "{end}");
            assert_eq!((scene.letters().len(), scene.boxes.of("ada").len()), (2, 0), "{end}");
        });
    }
}

/// One phase after the other is put off, at each attempt the next: the letter waits each time, and
/// goes when none is.
///
/// Register: 5321-4.2.1-a, 5321-4.5.4.1-d.
#[test]
fn each_phase_is_put_off_in_turn() {
    let hello = "S: 220 mx\nC: EHLO";
    let phases: [(&str, Vec<&str>); 8] = [
        ("greeting", vec!["S: 421 4.3.2 not now", "close"]),
        ("EHLO", vec![hello, "S: 421 4.3.2 not now", "close"]),
        ("EHLO", vec![hello, "S: 451 4.3.0 not now", "C: QUIT", "S: 221 bye"]),
        (
            "MAIL",
            vec![
                PIPELINED,
                "C: MAIL\nC: RCPT\nC: DATA\nS: 451 4.3.0 not now\nS: 503 no\nS: 503 no",
            ],
        ),
        (
            "RCPT",
            vec![
                PIPELINED,
                "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 450 4.2.1 not now\nS: 503 no",
            ],
        ),
        (
            "DATA",
            vec![
                PIPELINED,
                "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 451 4.3.0 not now",
            ],
        ),
        ("end of data", vec![PIPELINED, UNTIL_DOT, "S: 451 4.3.0 not now", BYE]),
        ("none", vec![PIPELINED, ONE, BYE]),
    ];
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("far.example", &[FIRST]);
        for (_, script) in &phases {
            scene.net.peer(FIRST, &script.join("\n"));
        }
        send(&scene).await;
        for attempt in 1..phases.len() {
            while scene.dials().len() < attempt {
                scene.pass(60).await;
            }
            scene.pass(5).await;
            let waiting = scene.waiting().await;
            let phase = phases[attempt - 1].0;
            assert!(waiting.len() == 1 && !waiting[0].is_empty(), "{phase}: {waiting:?}");
        }
        scene.pass(4 * 3600).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!((scene.dials().len(), scene.net.unplayed()), (8, 0));
        let failed = |report: &&String| report.contains("Action: failed");
        assert_eq!(scene.boxes.of("ada").iter().filter(failed).count(), 0);
    });
}

/// A host that drips, an octet a minute: a reply has its time as a whole, however many octets come in
/// it, so an attempt ends and other mail of this host is not kept.
///
/// Register: 5321-4.5.3.2-a.
#[test]
fn it_drips() {
    let drip = "drip 250 2.0.0 I am here, have patience with me";
    let hello = "S: 220 mx\nC: EHLO";
    let rows: [(&str, Vec<&str>, u64); 7] = [
        ("greeting", vec!["drip 220 mx.far.example ESMTP"], 5),
        ("EHLO", vec![hello, drip], 5),
        ("lines of EHLO", vec![hello, "S: 250-mx", "S: 250-PIPELINING", drip], 5),
        ("MAIL", vec![PIPELINED, "C: MAIL\nC: RCPT\nC: DATA", drip], 5),
        ("RCPT", vec![PIPELINED, "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok", drip], 5),
        ("DATA", vec![PIPELINED, "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok", drip], 2),
        ("end of data", vec![PIPELINED, UNTIL_DOT, drip], 10),
    ];
    for (name, script, minutes) in rows {
        play(async {
            let scene = Scene::started();
            scene.zone.exchangers("far.example", &[FIRST]);
            scene.net.peer(FIRST, &script.join("\n"));
            send(&scene).await;
            scene.pass(60 * minutes - 5).await;
            assert_eq!(scene.queue().await[0].attempts, 0, "{name}: its time is not over");
            scene.pass(70).await;
            let row = &scene.queue().await[0];
            assert_eq!((row.attempts, row.recipients.len()), (1, 1), "{name}");
        });
    }
}
