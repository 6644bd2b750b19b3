//! Secured connections: what is wanted, what is had, and what becomes of the mail.

use mail::lookup::{Record, Security};
use mail::{Envelope, MailParameters, Recipient, RecipientParameters};
use queue::record::Attempt;
use queue::route::{Routes, Rule};
use spool::{Filter, Spool};

use super::relay::{BYE, ONE};
use super::script::facts;
use super::world::{Scene, options, play};
use crate::Level;

const OFFERED: &str = "S: 220 mx ESMTP
    C: EHLO here.example
    S: 250-mx
    S: 250-PIPELINING
    S: 250 STARTTLS";
const NOT_OFFERED: &str = "S: 220 mx ESMTP
    C: EHLO here.example
    S: 250-mx
    S: 250 PIPELINING";
const STARTTLS: &str = "C: STARTTLS
    S: 220 go";
const SECURED: &str = "C: TLS mx1.far.example anyone
    S: ok
    C: EHLO here.example
    S: 250-mx
    S: 250 PIPELINING";
const VERIFIED: &str = "C: TLS mx1.far.example mx1.far.example or far.example
    S: ok
    C: EHLO here.example
    S: 250-mx
    S: 250 PIPELINING";

enum Fate {
    Taken,
    Waits(&'static str),
}
use Fate::{Taken, Waits};

struct Case {
    name: &'static str,
    level: Level,
    /// Connections in order.
    sessions: &'static [&'static [&'static str]],
    fate: Fate,
}

/// One exchanger, `mx1.far.example`.
const CASES: &[Case] = &[
    Case {
        name: "offered",
        level: Level::Opportunistic,
        sessions: &[&[OFFERED, STARTTLS, SECURED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "offered, and not wanted",
        level: Level::Never,
        sessions: &[&[OFFERED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "not offered",
        level: Level::Opportunistic,
        sessions: &[&[NOT_OFFERED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "the handshake fails: once more in the clear",
        level: Level::Opportunistic,
        sessions: &[
            &[OFFERED, STARTTLS, "C: TLS", "S: no common suite", "close"],
            &[OFFERED, ONE, BYE],
        ],
        fate: Taken,
    },
    Case {
        name: "the handshake stalls: once more in the clear",
        level: Level::Opportunistic,
        sessions: &[&[OFFERED, STARTTLS, "C: TLS", "wait 70"], &[OFFERED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "replies behind the 220 are not believed",
        level: Level::Required,
        sessions: &[&[OFFERED, "C: STARTTLS", "S: 220 go", "S: 250-mx", "S: 250 AUTH PLAIN"]],
        fate: Waits("the clear after the reply to STARTTLS"),
    },
    Case {
        name: "required, and had",
        level: Level::Required,
        sessions: &[&[OFFERED, STARTTLS, SECURED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "required, and not offered",
        level: Level::Required,
        sessions: &[&[NOT_OFFERED, BYE]],
        fate: Waits("TLS is required, and the host does not offer it"),
    },
    Case {
        name: "required, and refused",
        level: Level::Required,
        sessions: &[&[OFFERED, "C: STARTTLS", "S: 454 4.7.0 no", BYE]],
        fate: Waits("STARTTLS was refused"),
    },
    Case {
        name: "required, and failed: never in the clear",
        level: Level::Required,
        sessions: &[&[OFFERED, STARTTLS, "C: TLS", "S: no common suite", "close"]],
        fate: Waits("no common suite"),
    },
    Case {
        name: "verified",
        level: Level::Verify,
        sessions: &[&[OFFERED, STARTTLS, VERIFIED, ONE, BYE]],
        fate: Taken,
    },
    Case {
        name: "verified, and for another name",
        level: Level::Verify,
        sessions: &[&[OFFERED, STARTTLS, "C: TLS", "S: another name", "close"]],
        fate: Waits("The certificate is not accepted: another name"),
    },
];

async fn scene(case: &Case) -> Scene {
    let scene =
        Scene::new(crate::Options { tls_levels: crate::TlsLevels::all(case.level), ..options() });
    scene.engine.start();
    scene.zone.exchangers("far.example", &["192.0.2.1"]);
    for session in case.sessions {
        scene.net.peer("192.0.2.1", &session.join("\n"));
    }
    let content = "Subject: x\r\n\r\nhello\r\n";
    scene.letter("ada@here.example", &["x@far.example"], content).await.unwrap();
    scene
}

async fn check(case: &Case) {
    let scene = scene(case).await;
    scene.pass(300).await;
    scene.check_scripts(case.name);
    let waiting = scene.waiting().await;
    match case.fate {
        Taken => assert!(waiting.is_empty(), "{}: {waiting:?}", case.name),
        Waits(why) => {
            assert!(waiting.iter().any(|line| line.contains(why)), "{}: {waiting:?}", case.name);
        }
    }
    assert!(scene.boxes.of("ada").is_empty(), "{}: nobody is told yet", case.name);
}

/// What each level does with what the host has to offer.
///
/// Register: 3207-6-a, 3207-6-c, 3207-6-e, 3207-4-b, 7672-2.2-d.
#[test]
fn levels() {
    for case in CASES {
        play(check(case));
    }
}

/// The facts of the handshake are in the record of the attempt.
#[test]
fn the_record_tells_of_tls() {
    let refused = &Case {
        name: "",
        level: Level::Opportunistic,
        sessions: &[&[OFFERED, STARTTLS, SECURED, "C: MAIL", "S: 451 4.3.0 later", "wait 1"]],
        fate: Taken,
    };
    play(async {
        let scene = scene(refused).await;
        scene.pass(100).await;
        let page = scene.spool.list(&Filter::default(), None, 10).await.unwrap();
        let records = page.rows.iter().flat_map(|row| &row.open);
        let attempts = records.filter_map(|(_, record)| Attempt::decode(record).unwrap());
        let known: Vec<_> = attempts.map(|attempt| attempt.tls).collect();
        assert_eq!(known, [Some(facts())]);
    });
}

/// A route `smtps:` speaks TLS before the greeting, wants a good certificate, and knows no clear.
#[test]
fn tls_before_the_greeting() {
    const GREETED: &str = "S: ok
        S: 220 hub ESMTP
        C: EHLO here.example
        S: 250-hub
        S: 250-STARTTLS
        S: 250 PIPELINING";
    let hello = "C: TLS hub.example hub.example";
    let rows: [(&[&str], Option<&str>); 3] = [
        (&[hello, GREETED, ONE, BYE], None),
        (&[hello, "S: another name"], Some("The certificate is not accepted: another name")),
        (&["S: 220 hub ESMTP", hello], Some("220 hub ESMTP")),
    ];
    for (session, waits) in rows {
        play(async {
            let transport = "smtps:[hub.example]".parse().unwrap();
            let default = Rule::new(transport);
            let routes = Routes { default, ..Routes::default() };
            let scene = Scene::new(crate::Options { routes, ..options() });
            scene.engine.start();
            scene.zone.add("hub.example", Record::A([192, 0, 2, 9].into()));
            scene.net.peer("192.0.2.9", &session.join("\n"));
            let content = "Subject: x\r\n\r\nhello\r\n";
            scene.letter("ada@here.example", &["x@far.example"], content).await.unwrap();
            scene.pass(300).await;
            scene.check_scripts("smtps");
            let waiting = scene.waiting().await;
            assert_eq!(waiting.is_empty(), waits.is_none(), "{waiting:?}");
            assert!(waiting.iter().all(|line| waits.is_some_and(|why| line.contains(why))));
        });
    }
}

/// Mail whose author requires TLS goes to a verified host that keeps to it, or back.
///
/// Register: 8689-4.2.1-a, 8689-4.2.1-b.
#[test]
fn require_tls() {
    const KEPT: &str = "C: TLS mx1.far.example mx1.far.example
        S: ok
        C: EHLO here.example
        S: 250-mx
        S: 250-PIPELINING
        S: 250 REQUIRETLS";
    const HOST_ONLY: &str = "C: TLS mx1.far.example mx1.far.example
        S: ok
        C: EHLO here.example
        S: 250-mx
        S: 250 PIPELINING";
    const MAIL: &str = "C: MAIL FROM:<ada@here.example> REQUIRETLS";
    const REST: &str = "C: RCPT TO:<x@far.example>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: .
        S: 250 taken";
    let second = &KEPT.replace("TLS mx1.far.example mx1", "TLS mx2.far.example mx2");
    let second = second.as_str();
    // Sessions with the first exchanger, with the second, and the status of the report.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>);
    let rows: [Row<'_>; 5] = [
        (&[OFFERED, STARTTLS, KEPT, MAIL, REST, BYE], &[], None),
        // The first lacks it: the second is asked.
        (&[OFFERED, STARTTLS, HOST_ONLY, BYE], &[OFFERED, STARTTLS, second, MAIL, REST, BYE], None),
        (&[NOT_OFFERED, BYE], &[OFFERED, STARTTLS, second, MAIL, REST, BYE], None),
        (&[NOT_OFFERED, BYE], &[NOT_OFFERED, BYE], Some("5.7.10")),
        (
            &[OFFERED, STARTTLS, HOST_ONLY, BYE],
            &[OFFERED, STARTTLS, "C: TLS", "S: another name"],
            Some("5.7.10"),
        ),
    ];
    for (first, second, status) in rows {
        play(async {
            let scene = Scene::started();
            let addresses = ["192.0.2.1", "192.0.2.2"];
            scene.zone.set_security(Security::Secure);
            scene.zone.exchangers("far.example", &addresses);
            for (address, session) in addresses.into_iter().zip([first, second]) {
                if !session.is_empty() {
                    scene.net.peer(address, &session.join("\n"));
                }
            }
            let parameters = MailParameters { require_tls: true, ..MailParameters::default() };
            let recipient = Recipient {
                path: "<x@far.example>".parse().unwrap(),
                parameters: RecipientParameters::default(),
            };
            let envelope = Envelope {
                reverse_path: "<ada@here.example>".parse().unwrap(),
                parameters,
                recipients: vec![recipient],
            };
            scene.submit(envelope, "Subject: x\r\n\r\nhello\r\n").await.unwrap();
            scene.pass(300).await;
            scene.check_scripts("requiretls");
            assert_eq!(scene.waiting().await, [""; 0]);
            let report = scene.boxes.of("ada").join("");
            assert_eq!(report.is_empty(), status.is_none(), "{report}");
            if let Some(status) = status {
                assert!(report.contains(&format!("Status: {status}")), "{report}");
            }
        });
    }
}
