//! What a destination publishes about its transport, and what becomes of the mail: DANE, MTA-STS,
//! and what is counted for the reports.

use std::sync::Arc;

use mail::lookup::{Record, Security, Tlsa};
use mail::{Envelope, MailParameters, Recipient, RecipientParameters};
use msgauth::tlsrpt::{About, Day};
use queue::domains::DomainTable;
use queue::expansion::Aliases;
use queue::record::{Attempt, Stored};
use serde_json::Value;
use spool::{Filter, Spool};

use super::relay::{BYE, ONE};
use super::world::{Scene, options, play};
use crate::doors::{Drawer, Shelf, WebFailure};
use crate::{Level, TlsLevels};

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
const SECURED: &str = "S: ok
    C: EHLO here.example
    S: 250-mx
    S: 250 PIPELINING";
const REFUSED: &str = "S: another name";

const MX1: &str = "192.0.2.1";
const MX2: &str = "192.0.2.2";
const TLSA1: &str = "_25._tcp.mx1.far.example";
const STS: &str = "_mta-sts.far.example";
const HOST: &str = "mta-sts.far.example";

fn tlsa(usage: u8) -> Record {
    Record::Tlsa(Tlsa { usage, selector: 1, matching: 1, data: vec![7; 32] })
}

fn policy(mode: &str, mx: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n")
}

fn announce(scene: &Scene, id: &str) {
    scene.zone.remove(STS);
    scene.zone.add(STS, Record::Txt(format!("v=STSv1; id={id};").into_bytes()));
}

/// A world where far.example has two exchangers, and what the operator says of it.
fn scene(level: Level) -> Scene {
    let mut table = DomainTable::default();
    table.insert("far.example".parse().unwrap(), level);
    let tls_levels = TlsLevels { default: Level::Opportunistic, table };
    let scene = Scene::new(crate::Options { tls_levels, ..options() });
    scene.engine.start();
    scene.zone.exchangers("far.example", &[MX1, MX2]);
    scene
}

async fn send(scene: &Scene) {
    let content = "Subject: x\r\n\r\nhello\r\n";
    scene.letter("ada@here.example", &["x@far.example"], content).await.unwrap();
    scene.pass(240).await;
}

/// The records of attempts in the queue.
async fn attempts(scene: &Scene) -> Vec<Attempt> {
    let page = scene.spool.list(&Filter::default(), None, 10).await.unwrap();
    let records = page.rows.iter().flat_map(|row| &row.open);
    records.filter_map(|(_, record)| Attempt::decode(record).unwrap()).collect()
}

/// What was counted of far.example today.
async fn report(scene: &Scene) -> Value {
    scene.pass(301).await;
    let (_, day) = scene.shelf.all(Drawer::Tallies).await.pop().expect("a count");
    let about = About { organization: "here", contact: "here", id: "1", date: "2026-01-05" };
    Day::decode(&day).unwrap().report("far.example", &about).unwrap_or_default()
}

struct Case {
    name: &'static str,
    level: Level,
    /// What is published.
    world: fn(&Scene),
    first: &'static [&'static str],
    second: &'static [&'static str],
    /// What the record says while it waits; none: it was delivered.
    waits: Option<(&'static str, &'static str)>,
}

fn signed(scene: &Scene) {
    scene.zone.set_security(Security::Secure);
}

fn dane(scene: &Scene) {
    signed(scene);
    scene.zone.add(TLSA1, tlsa(3));
}

fn sts(scene: &Scene, mode: &str, mx: &str) {
    announce(scene, "1");
    scene.web.put(HOST, Ok(&policy(mode, mx)));
}

const DANE: &str = "C: TLS mx1.far.example dane";
const ANYONE: &str = "C: TLS mx1.far.example anyone";
const ANYONE2: &str = "C: TLS mx2.far.example anyone";
const NAMED: &str = "C: TLS mx1.far.example mx1.far.example";
const NAMED2: &str = "C: TLS mx2.far.example mx2.far.example";

const CASES: &[Case] = &[
    Case {
        name: "nothing is published",
        level: Level::Auto,
        world: signed,
        first: &[OFFERED, STARTTLS, ANYONE, SECURED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "DANE, and it matches",
        level: Level::Auto,
        world: dane,
        first: &[OFFERED, STARTTLS, DANE, SECURED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "DANE does not match: the next host",
        level: Level::Auto,
        world: dane,
        first: &[OFFERED, STARTTLS, DANE, REFUSED],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "DANE does not match, and there is no other",
        level: Level::Auto,
        world: |scene| {
            dane(scene);
            scene.zone.remove("mx2.far.example");
        },
        first: &[OFFERED, STARTTLS, DANE, REFUSED],
        second: &[],
        waits: Some(("4.7.5", "DANE: the certificate must match 1 record of mx1.far.example")),
    },
    Case {
        name: "DANE, and TLS is not offered: the next host",
        level: Level::Auto,
        world: dane,
        first: &[NOT_OFFERED, BYE],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "DANE with records of no use: TLS with anyone, and never without",
        level: Level::Auto,
        world: |scene| {
            signed(scene);
            scene.zone.add(TLSA1, tlsa(1));
        },
        first: &[OFFERED, STARTTLS, ANYONE, REFUSED],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "the records are not to be had: the host is not dialled",
        level: Level::Auto,
        world: |scene| {
            dane(scene);
            scene.zone.darken(TLSA1);
        },
        first: &[],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "the records are forged: the host is not dialled",
        level: Level::Auto,
        world: |scene| {
            dane(scene);
            scene.zone.forge(TLSA1);
            scene.zone.forge("_25._tcp.mx2.far.example");
        },
        first: &[],
        second: &[],
        waits: Some(("4.7.5", "forged")),
    },
    Case {
        name: "the list of exchangers is forged",
        level: Level::Auto,
        world: |scene| scene.zone.forge("far.example"),
        first: &[],
        second: &[],
        waits: Some(("4.4.3", "forged")),
    },
    Case {
        name: "one family of addresses is not to be had",
        level: Level::Auto,
        world: |scene| {
            signed(scene);
            scene.zone.forge("mx1.far.example");
        },
        first: &[],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "the first has no address: the next",
        level: Level::Auto,
        world: |scene| {
            signed(scene);
            scene.zone.remove("mx1.far.example");
        },
        first: &[],
        second: &[OFFERED, STARTTLS, ANYONE2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "a policy that is announced by an alias",
        level: Level::Auto,
        world: |scene| {
            sts(scene, "enforce", "*.far.example");
            scene.zone.remove(STS);
            scene.zone.add(STS, Record::Cname("sts.hosted.example".into()));
            let text = Record::Txt(b"v=STSv1; id=1;".to_vec());
            scene.zone.add("sts.hosted.example", text);
        },
        first: &[OFFERED, STARTTLS, NAMED, SECURED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "nothing is signed: no question about records",
        level: Level::Auto,
        world: |scene| {
            scene.zone.set_security(Security::Insecure);
            scene.zone.darken(TLSA1);
        },
        first: &[NOT_OFFERED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "DANE is asked for, and there is none",
        level: Level::Dane,
        world: signed,
        first: &[],
        second: &[],
        waits: Some(("4.7.5", "configuration asks for DANE")),
    },
    Case {
        name: "opportunistic: nothing that is published counts",
        level: Level::Opportunistic,
        world: |scene| {
            dane(scene);
            scene.zone.forge(TLSA1);
            sts(scene, "enforce", "other.example");
        },
        first: &[NOT_OFFERED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "a policy, and it is kept",
        level: Level::Auto,
        world: |scene| sts(scene, "enforce", "*.far.example"),
        first: &[OFFERED, STARTTLS, NAMED, SECURED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "a policy that names only the second",
        level: Level::Auto,
        world: |scene| sts(scene, "enforce", "mx2.far.example"),
        first: &[],
        second: &[OFFERED, STARTTLS, NAMED2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "a policy that nobody fits",
        level: Level::Auto,
        world: |scene| sts(scene, "enforce", "mx9.far.example"),
        first: &[],
        second: &[],
        waits: Some(("4.7.5", "policy (MTA-STS, enforce) does not name mx2.far.example")),
    },
    Case {
        name: "a policy, no certificate and no TLS",
        level: Level::Auto,
        world: |scene| sts(scene, "enforce", "*.far.example"),
        first: &[OFFERED, STARTTLS, NAMED, REFUSED],
        second: &[NOT_OFFERED, BYE],
        waits: Some(("4.7.10", "MTA-STS, enforce: a trusted certificate for mx2.far.example")),
    },
    Case {
        name: "a policy that an alias leads to",
        level: Level::Auto,
        world: |scene| {
            sts(scene, "enforce", "*.far.example");
            scene.zone.remove(STS);
            let provider = "_mta-sts.provider.example";
            scene.zone.add(STS, Record::Cname(provider.to_owned()));
            scene.zone.add(provider, Record::Txt(b"v=STSv1; id=7;".to_vec()));
        },
        first: &[NOT_OFFERED, BYE],
        second: &[NOT_OFFERED, BYE],
        waits: Some(("4.7.10", "MTA-STS, enforce")),
    },
    Case {
        name: "DANE goes before a policy",
        level: Level::Auto,
        world: |scene| {
            dane(scene);
            sts(scene, "enforce", "*.far.example");
        },
        first: &[OFFERED, STARTTLS, DANE, REFUSED],
        second: &[OFFERED, STARTTLS, NAMED2, SECURED, ONE, BYE],
        waits: None,
    },
    Case {
        name: "a policy in testing is looked at, and given up step by step",
        level: Level::Auto,
        world: |scene| sts(scene, "testing", "*.far.example"),
        first: &[OFFERED, STARTTLS, NAMED, REFUSED],
        second: &[],
        waits: None,
    },
    Case {
        name: "a policy that cannot be had: as without",
        level: Level::Auto,
        world: |scene| announce(scene, "1"),
        first: &[NOT_OFFERED, ONE, BYE],
        second: &[],
        waits: None,
    },
    Case {
        name: "a policy that is none: as without",
        level: Level::Auto,
        world: |scene| {
            announce(scene, "1");
            scene.web.put(HOST, Ok("<html>"));
        },
        first: &[NOT_OFFERED, ONE, BYE],
        second: &[],
        waits: None,
    },
];

/// What is published, what the hosts have to offer, and what becomes of the mail.
///
/// Register: 8461-3.1-d, 7672-2.1.2-a, 7672-2.1.2-b, 7672-2.1.2-c, 7672-2.1.2-d, 7672-2.1.2-e, 7672-2.2-a,
/// 7672-2.2-b, 7672-2.2-c, 7672-2.2-e, 7672-2.2-g, 7672-2.2.1-a, 7672-2.2.1-b, 7672-2.2.1-g,
/// 7672-2.2.2-a, 7672-2.2.2-b, 7672-2.2.2-c, 7672-2.2.2-d, 7672-2.2.3-c, 8461-3.1-d, 7672-3.2-b, 7672-9.1-a, 8461-2-a,
/// 8461-3.3-g, 8461-4-a, 8461-5-a, 8461-5-b, 8461-5-e, 8461-5.1-a, 8461-7.1-a.
#[test]
fn cases() {
    for case in CASES {
        play(async {
            let scene = scene(case.level);
            (case.world)(&scene);
            for (address, session) in [(MX1, case.first), (MX2, case.second)] {
                if !session.is_empty() {
                    scene.net.peer(address, &session.join("\n"));
                }
            }
            if case.name.contains("step by step") {
                scene.net.peer(MX1, &[OFFERED, STARTTLS, ANYONE, REFUSED].join("\n"));
                scene.net.peer(MX1, &[OFFERED, ONE, BYE].join("\n"));
            }
            send(&scene).await;
            scene.check_scripts(case.name);
            let attempts = attempts(&scene).await;
            let Some((status, why)) = case.waits else {
                assert!(attempts.is_empty(), "{}: {attempts:?}", case.name);
                return;
            };
            let attempt = attempts.first().unwrap_or_else(|| panic!("{}: not there", case.name));
            let text = format!("{} {:?}", attempt.explanation, attempt.policy);
            assert!(text.contains(why), "{}: {text}", case.name);
            assert_eq!(attempt.status.unwrap().to_string(), status, "{}", case.name);
        });
    }
}

/// Loops are seen before anything that is published is looked at, and the order stays.
///
/// Register: 7672-2.2.1-f, 8461-5.1-a.
#[test]
fn loops_come_first() {
    play(async {
        let scene = scene(Level::Auto);
        dane(&scene);
        scene.zone.add("far.example", Record::Mx(5, "here.example".into()));
        sts(&scene, "enforce", "*.far.example");
        send(&scene).await;
        assert!(scene.net.seen(|seen| seen.dials.is_empty()));
        assert!(scene.boxes.of("ada").iter().any(|report| report.contains("5.4.6")));
    });
}

/// Why a connection was secured so stands in the record of the attempt, delivered or not.
#[test]
fn the_record_tells_the_policy() {
    play(async {
        let scene = scene(Level::Auto);
        dane(&scene);
        let later = [OFFERED, STARTTLS, DANE, SECURED, "C: MAIL", "S: 451 4.3.0 later", "wait 1"];
        scene.net.peer(MX1, &later.join("\n"));
        send(&scene).await;
        let policies: Vec<_> = attempts(&scene).await.into_iter().map(|one| one.policy).collect();
        let want = "DANE: the certificate must match 1 record of mx1.far.example";
        assert_eq!(policies, [Some(want.to_owned())]);
    });
}

async fn deliver(scene: &Scene, check: &str) {
    scene.net.peer(MX1, &[OFFERED, STARTTLS, check, SECURED, ONE, BYE].join("\n"));
    send(scene).await;
    scene.check_scripts(check);
}

/// A policy is fetched once, counts while its domain is dark, and is fetched anew for another
/// version, after a day, and not at once after a failure.
///
/// Register: 8461-3.2-b, 8461-3.3-c, 8461-3.3-e, 8461-3.3-h, 8461-3.3-i, 8461-5-d, 8461-8.2-a,
/// 8461-10.2-a.
#[test]
fn a_policy_is_kept_and_looked_after() {
    play(async {
        let scene = scene(Level::Auto);
        sts(&scene, "enforce", "*.far.example");
        deliver(&scene, NAMED).await;
        assert_eq!(scene.web.asked(), [HOST]);
        deliver(&scene, NAMED).await;
        assert!(scene.web.asked().is_empty(), "it is kept");
        // Nothing can be seen any more: what is held counts.
        scene.zone.darken(STS);
        scene.web.put(HOST, Err(WebFailure::Unavailable("gone".into())));
        deliver(&scene, NAMED).await;
        // Daily looks fail, and are repeated.
        scene.pass(90_000).await;
        assert!(!scene.web.asked().is_empty(), "it is looked after beside deliveries");
        deliver(&scene, NAMED).await;
    });
    play(async {
        let scene = scene(Level::Auto);
        sts(&scene, "enforce", "*.far.example");
        deliver(&scene, NAMED).await;
        scene.web.asked();
        // Another version: before the next delivery.
        sts(&scene, "none", "*.far.example");
        announce(&scene, "2");
        deliver(&scene, ANYONE).await;
        assert_eq!(scene.web.asked(), [HOST]);
    });
    play(async {
        let scene = scene(Level::Auto);
        announce(&scene, "1");
        scene.web.put(HOST, Err(WebFailure::Unfit("status 500".into())));
        deliver(&scene, ANYONE).await;
        assert_eq!(scene.web.asked(), [HOST]);
        deliver(&scene, ANYONE).await;
        assert!(scene.web.asked().is_empty(), "four minutes after a failure");
        scene.pass(120).await;
        deliver(&scene, ANYONE).await;
        assert_eq!(scene.web.asked(), [HOST]);
    });
}

/// A policy from before a restart counts for the first delivery.
#[test]
fn a_policy_outlives_the_process() {
    play(async {
        let before = scene(Level::Auto);
        sts(&before, "enforce", "*.far.example");
        deliver(&before, NAMED).await;
        let kept = before.shelf.all(Drawer::Policies).await;
        let scene = scene(Level::Auto);
        for (name, octets) in kept {
            scene.shelf.put(Drawer::Policies, &name, &octets).await.unwrap();
        }
        scene.shelf.put(Drawer::Policies, "broken.example", b"nonsense").await.unwrap();
        scene.zone.darken(STS);
        deliver(&scene, NAMED).await;
        assert_eq!(scene.shelf.all(Drawer::Policies).await.len(), 1, "nonsense is cleared away");
    });
}

/// Deliveries that come together fetch a policy once.
#[test]
fn one_fetches_for_all() {
    play(async {
        let scene = scene(Level::Auto);
        sts(&scene, "enforce", "*.far.example");
        for _ in 0..3 {
            scene.net.peer(MX1, &[OFFERED, STARTTLS, NAMED, REFUSED].join("\n"));
            scene.net.peer(MX2, &[OFFERED, STARTTLS, NAMED2, REFUSED].join("\n"));
        }
        for _ in 0..3 {
            let content = "Subject: x\r\n\r\nhello\r\n";
            scene.letter("ada@here.example", &["x@far.example"], content).await.unwrap();
        }
        scene.pass(60).await;
        assert_eq!(scene.web.asked(), [HOST]);
    });
}

/// What is counted for the reports: sessions that kept to the policy, those that did not, and what
/// was wrong with them.
///
/// Register: 8461-6-a.
#[test]
fn sessions_are_counted() {
    play(async {
        let scene = scene(Level::Auto);
        sts(&scene, "testing", "*.far.example");
        deliver(&scene, NAMED).await;
        scene.net.peer(MX1, &[OFFERED, STARTTLS, NAMED, REFUSED].join("\n"));
        deliver(&scene, ANYONE).await;
        scene.net.peer(MX1, &[NOT_OFFERED, ONE, BYE].join("\n"));
        send(&scene).await;
        let report = report(&scene).await;
        let policy = &report["policies"][0];
        assert_eq!(policy["policy"]["policy-type"], "sts");
        assert_eq!(policy["policy"]["mx-host"][0], "*.far.example");
        assert_eq!(policy["summary"]["total-successful-session-count"], 1);
        assert_eq!(policy["summary"]["total-failure-session-count"], 2);
        let details = policy["failure-details"].as_array().unwrap();
        let types: Vec<_> = details.iter().map(|detail| detail["result-type"].clone()).collect();
        assert_eq!(types, ["validation-failure", "starttls-not-supported"]);
        assert_eq!(details[0]["receiving-mx-hostname"], "mx1.far.example");
        assert_eq!(details[0]["receiving-ip"], MX1);
        assert_eq!(details[0]["sending-mta-ip"], "192.0.2.200");
    });
    play(async {
        let scene = scene(Level::Auto);
        announce(&scene, "1");
        scene.web.put(HOST, Err(WebFailure::Certificate("expired".into())));
        dane(&scene);
        scene.net.peer(MX1, &[OFFERED, STARTTLS, DANE, SECURED, ONE, BYE].join("\n"));
        send(&scene).await;
        let report = report(&scene).await;
        let of = |kind: &str| {
            let policies = report["policies"].as_array().unwrap();
            policies.iter().find(|one| one["policy"]["policy-type"] == kind).cloned().unwrap()
        };
        assert_eq!(of("sts")["failure-details"][0]["result-type"], "sts-webpki-invalid");
        assert_eq!(of("tlsa")["summary"]["total-successful-session-count"], 1);
        let record = of("tlsa")["policy"]["policy-string"][0].clone();
        assert_eq!(record, format!("3 1 1 {}", "07".repeat(32)));
    });
}

/// The count of a day goes on after a restart, and days that are long over are cleared away.
#[test]
fn counts_are_kept_for_a_week() {
    play(async {
        let scene = scene(Level::Auto);
        for day in 1..=9 {
            let name = format!("2025-12-0{day}");
            scene.shelf.put(Drawer::Tallies, &name, &Day::default().encode()).await.unwrap();
        }
        deliver(&scene, ANYONE).await;
        let report = report(&scene).await;
        assert_eq!(report["policies"][0]["policy"]["policy-type"], "no-policy-found");
        let days: Vec<_> =
            scene.shelf.all(Drawer::Tallies).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(days.len(), 8);
        assert_eq!(days.last().map(String::as_str), Some("2026-01-05"));
    });
}

/// Mail that says `TLS-Required: No` goes in spite of what its destination publishes, by TLS where
/// that can be had; the parameter of MAIL wins over it, and other mail does not ride along.
///
/// Register: 8689-3-a, 8689-4.1-a, 8689-4.1-c, 8689-4.2.2-a, 8689-4.2.2-b.
#[test]
fn mail_that_does_without() {
    const WITHOUT: &str = "TLS-Required: No\r\nSubject: x\r\n\r\nhello\r\n";
    const INSISTS: &str = "C: MAIL\nC: RCPT\nC: DATA\nS: 530 5.7.0 TLS first\nS: 503 no\nS: 503 no
        C: RSET\nS: 250 ok";
    // Whether REQUIRETLS was said as well, the session, and the status of the report.
    let rows: [(bool, &[&str], Option<&str>); 4] = [
        (false, &[NOT_OFFERED, ONE, BYE], None),
        (false, &[OFFERED, STARTTLS, ANYONE, SECURED, ONE, BYE], None),
        (false, &[NOT_OFFERED, INSISTS, BYE], Some("5.7.0")),
        (true, &[NOT_OFFERED, BYE], Some("5.7.10")),
    ];
    for (require_tls, session, status) in rows {
        play(async {
            let scene = scene(Level::Auto);
            sts(&scene, "enforce", "mx1.far.example");
            scene.net.peer(MX1, &session.join("\n"));
            let recipient = Recipient {
                path: "<x@far.example>".parse().unwrap(),
                parameters: RecipientParameters::default(),
            };
            let envelope = Envelope {
                reverse_path: "<ada@here.example>".parse().unwrap(),
                parameters: MailParameters { require_tls, ..MailParameters::default() },
                recipients: vec![recipient],
            };
            scene.submit(envelope, WITHOUT).await.unwrap();
            // The session is still open, and not for this one.
            scene.pass(2).await;
            let dials = scene.dials().len();
            if status.is_none() {
                send(&scene).await;
            }
            scene.pass(240).await;
            scene.check_scripts(&format!("{require_tls} {session:?}"));
            assert_eq!(scene.letters().len(), usize::from(status.is_none()));
            assert!(status.is_some() || scene.dials().len() > dials);
            let report = scene.boxes.of("ada").join("");
            assert_eq!(report.is_empty(), status.is_none(), "{report}");
            assert!(status.is_none_or(|status| report.contains(&format!("Status: {status}\r\n"))));
        });
    }
}

/// Those who stand for an alias, and the members of a list, get it under the same mark.
///
/// Register: 8689-4.1-b, 8689-6-a.
#[test]
fn marks_stay_with_copies() {
    let contents = ["TLS-Required: No\r\n\r\nx\r\n", "\r\nx\r\n", "TLS-Required: No\r\n"];
    for content in contents {
        play(async {
            let text =
                "staff: a@far.example, b@far.example\nlist: c@far.example\nowner-list: ada\n";
            let aliases = Aliases::parse(text, "aliases", &mut |_| Err("none".to_owned())).unwrap();
            let mut options = options();
            options.access.aliases = Arc::new(aliases);
            options.paused = true;
            let scene = Scene::new(options);
            scene.engine.start();
            let to = ["staff@here.example", "list@here.example"];
            scene.letter("ada@here.example", &to, content).await.unwrap();
            let page = scene.spool.list(&Filter::default(), None, 10).await.unwrap();
            let marks = page.rows.iter().map(|row| Stored::decode(&row.envelope).unwrap());
            let marks: Vec<bool> = marks.map(|stored| stored.tls_optional).collect();
            assert_eq!(marks, [!content.starts_with('\r'); 2]);
        });
    }
}
