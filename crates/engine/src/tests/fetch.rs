//! Hosts that keep mail for us: what they are asked, how often, and what comes over a connection
//! whose roles have turned round.

use std::sync::Arc;
use std::time::Duration;

use mail::lookup::Record;
use queue::fetch::Standing;
use smtp::grammar::{release, turn};
use smtp::server::{Kind, SessionOptions};

use super::world::{HOST, Scene, options, play};
use crate::{Asking, Fetched, Options, ProofSource, Provider, Smarthost, Smarthosts};

/// Connected, secured, logged in.
const CALLED: &str = "S: 220 isp ESMTP
    C: EHLO here.example
    S: 250-isp
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    C: TLS isp.example isp.example
    S: ok
    C: EHLO here.example
    S: 250-isp
    S: 250-AUTH PLAIN
    S: 250 ATRN
    C: AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==
    S: 235 2.7.0 welcome";
const GREETED: &str = "S: 220 isp ESMTP
    C: EHLO here.example
    S: 250-isp
    S: 250 ETRN";
/// A letter to bob, as the provider sends it after its 250.
const HANDED: &str = "S: 250 2.0.0 now you
    C: 220 here.example
    S: HELO isp.example
    C: 250
    S: MAIL FROM:<x@far.example>
    C: 250
    S: RCPT TO:<bob@here.example>
    C: 250
    S: DATA
    C: 354
    S: Subject: kept for you
    S:
    S: tea
    S: .
    C: 250 2.0.0";
const GONE: &str = "S: QUIT\nC: 221";
const BYE: &str = "C: QUIT\nS: 221 bye";

fn provider(asking: Asking, every: Option<u64>) -> Provider {
    let host = match &asking {
        Asking::Turn(_) => "smtp:[isp.example]:366",
        Asking::Release(_) => "smtp:[mx.isp.example]:25",
    };
    Provider {
        name: "isp".into(),
        host: host.to_owned(),
        asking,
        every: every.map(Duration::from_secs),
        session: Arc::new(SessionOptions::new(HOST, Kind::Mx)),
        source: None,
    }
}

fn atrn(domains: &str, every: Option<u64>) -> Provider {
    provider(Asking::Turn(turn(domains.as_bytes()).unwrap()), every)
}

fn etrn(names: &[&str]) -> Provider {
    let names = names.iter().map(|name| release(name.as_bytes()).unwrap()).collect();
    provider(Asking::Release(names), None)
}

fn calling(provider: Provider) -> Scene {
    let proof = ProofSource::Password("secrets/hub".to_owned());
    let smarthost = Smarthost { login: "ann".to_owned(), proof, mechanisms: None, clear: false };
    let host = "isp.example".parse().unwrap();
    let scene = Scene::new(Options {
        smarthosts: Smarthosts::from([((host, "".into()), smarthost)]),
        providers: vec![provider],
        ..options()
    });
    scene.zone.add("isp.example", Record::A([192, 0, 2, 9].into()));
    scene.zone.add("mx.isp.example", Record::A([192, 0, 2, 8].into()));
    scene
}

/// One call that an operator has asked for.
async fn call(scene: &Scene) -> Fetched {
    scene.engine.start();
    scene.engine.fetch("isp").await.expect("it is configured, and nobody calls it")
}

fn told(fetched: &Fetched) -> Vec<String> {
    fetched.asked.iter().map(ToString::to_string).collect()
}

/// Register: 2645-5.3-a, 2645-5.2.1-f.
#[test]
fn mail_comes_over_the_connection_that_we_made() {
    play(async {
        let scene = calling(atrn("here.example", None));
        let script = [CALLED, "C: ATRN here.example", HANDED, HANDED_AGAIN, GONE].join("\n");
        scene.net.peer("192.0.2.9", &script);
        let fetched = call(&scene).await;
        assert_eq!(
            (fetched.standing(), fetched.letters),
            (Standing::Well, 2),
            "{:?}",
            told(&fetched)
        );
        scene.pass(10).await;
        scene.check_scripts("handed over");
        let letters = scene.boxes.of("bob");
        assert_eq!(letters.len(), 2);
        let received = "Received: from isp.example ([192.0.2.9])";
        assert!(letters[0].contains(received), "{}", letters[0]);
        assert!(letters[0].contains("with SMTP"), "{}", letters[0]);
        assert_eq!(scene.engine.busy(), 0);
    });
}

/// The second letter of a session.
const HANDED_AGAIN: &str = "S: MAIL FROM:<y@far.example>
    C: 250
    S: RCPT TO:<bob@here.example>
    C: 250
    S: DATA
    C: 354
    S: Subject: kept as well
    S:
    S: tea
    S: .
    C: 250 2.0.0";

/// Who is called gets no more rights than any host: no relay, no STARTTLS, no AUTH, no ATRN.
#[test]
fn a_provider_is_a_stranger_as_any() {
    play(async {
        let scene = calling(atrn("", None));
        let hello = "S: 250 now you\nC: 220\nS: HELO isp.example\nC: 250";
        let rest = "S: STARTTLS\nC: 50\nS: ATRN\nC: 502\nS: AUTH PLAIN AA==\nC: 50
            S: MAIL FROM:<x@far.example>\nC: 250\nS: RCPT TO:<y@far.example>\nC: 550 5.7.1
            S: RCPT TO:<nobody@here.example>\nC: 550 5.1.1";
        scene.net.peer("192.0.2.9", &[CALLED, "C: ATRN", hello, rest, GONE].join("\n"));
        let fetched = call(&scene).await;
        assert_eq!(fetched.letters, 0);
        scene.check_scripts("a stranger");
    });
}

/// What the host says, what is told, and who must act.
///
/// Register: 2645-7-a.
#[test]
fn refusals_turn_nothing_round() {
    let rows = [
        ("S: 450 4.7.1 not yours", Standing::Later, "450 4.7.1 not yours (it refuses: "),
        ("S: 451 4.3.0 no table", Standing::Later, "451 4.3.0 no table (it cannot look"),
        ("S: 453 You have no mail", Standing::Well, "453 You have no mail (no mail waits"),
        ("S: 502 5.5.1 what", Standing::Wrong, "502 5.5.1 what (it does not know ATRN)"),
        ("S: 530 5.7.0 who", Standing::Wrong, "530 5.7.0 who (it wants a login first)"),
    ];
    for (reply, standing, told_so) in rows {
        play(async {
            let scene = calling(atrn("", None));
            scene.net.peer("192.0.2.9", &[CALLED, "C: ATRN", reply, BYE].join("\n"));
            let fetched = call(&scene).await;
            scene.check_scripts(reply);
            assert_eq!(fetched.standing(), standing, "{reply}");
            let told = told(&fetched);
            assert!(told[0].starts_with(&format!("ATRN: {told_so}")), "{told:?}");
        });
    }
}

/// A login is needed before anything is asked, and where the host cannot be had that is told.
#[test]
fn no_session_no_mail() {
    let rows = [
        ("", Standing::Later, "192.0.2.9"),
        ("S: 554 no\nC: QUIT\nS: 221 bye", Standing::Wrong, "554 no"),
        ("S: 421 later", Standing::Later, "421 later"),
        (
            "S: 220 isp\nC: EHLO here.example\nS: 250 isp\nC: QUIT\nS: 221 bye",
            Standing::Later,
            "TLS is required",
        ),
    ];
    for (script, standing, why) in rows {
        play(async {
            let scene = calling(atrn("", None));
            if !script.is_empty() {
                scene.net.peer("192.0.2.9", script);
            }
            let fetched = call(&scene).await;
            let told = told(&fetched);
            assert_eq!((fetched.standing(), told.len()), (standing, 1), "{told:?}");
            assert!(told[0].contains(why), "{told:?}");
            scene.check_scripts(script);
        });
    }
    play(async {
        let scene = calling(atrn("", None));
        let wrong = CALLED.replace("S: 235 2.7.0 welcome", "S: 535 5.7.8 no");
        scene.net.peer("192.0.2.9", &[&wrong, BYE].join("\n"));
        let fetched = call(&scene).await;
        assert_eq!(fetched.standing(), Standing::Wrong);
        assert!(told(&fetched)[0].contains("535 5.7.8"), "{:?}", told(&fetched));
    });
}

/// A provider that goes in the midst of a letter has it still: nothing is taken that has no end.
#[test]
fn a_provider_that_goes_in_the_midst() {
    play(async {
        let scene = calling(atrn("", None));
        let half = HANDED.replace("S: .\n    C: 250 2.0.0", "close");
        scene.net.peer("192.0.2.9", &[CALLED, "C: ATRN", &half].join("\n"));
        let fetched = call(&scene).await;
        assert_eq!(fetched.letters, 0);
        scene.pass(60).await;
        assert_eq!((scene.boxes.of("bob").len(), scene.engine.busy()), (0, 0));
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Register: 1985-5.2-a, 1985-2-a, 1985-5-b.
#[test]
fn names_are_asked_for_one_after_the_other() {
    let names = ["here.example", "@there.example", "#slow"];
    let rows: [(&[&str], Standing, &[&str]); 4] = [
        (
            &[
                GREETED,
                "C: ETRN here.example\nS: 250 2.0.0 OK",
                "C: ETRN @there.example\nS: 253 2.0.0 OK, 14 messages",
                "C: ETRN #slow\nS: 251 nothing",
                BYE,
            ],
            Standing::Well,
            &["ETRN here.example: 250", "ETRN @there.example: 253", "ETRN #slow: 251"],
        ),
        (
            &[
                GREETED,
                "C: ETRN here.example\nS: 459 4.7.1 not you",
                "C: ETRN @there.example\nS: 458 4.5.0 not now",
                "C: ETRN #slow\nS: 252 OK",
                BYE,
            ],
            Standing::Wrong,
            &["ETRN here.example: 459", "ETRN @there.example: 458", "ETRN #slow: 252"],
        ),
        (
            &[GREETED, "C: ETRN here.example\nS: 500 what", BYE],
            Standing::Wrong,
            &["ETRN here.example: 500"],
        ),
        (
            &["S: 220 isp\nC: EHLO here.example\nS: 250 isp", BYE],
            Standing::Wrong,
            &["ETRN here.example: the host does not offer ETRN"],
        ),
    ];
    for (script, standing, expected) in rows {
        play(async {
            let scene = calling(etrn(&names));
            scene.net.peer("192.0.2.8", &script.join("\n"));
            let fetched = call(&scene).await;
            scene.check_scripts(expected[0]);
            let told = told(&fetched);
            assert_eq!((fetched.standing(), told.len()), (standing, expected.len()), "{told:?}");
            for (told, expected) in told.iter().zip(expected) {
                assert!(told.starts_with(expected), "{told}");
            }
        });
    }
}

/// At the start, and then in its period; a call under way is not joined by another.
#[test]
fn a_provider_is_called_in_its_period() {
    play(async {
        let scene = calling(atrn("", Some(900)));
        scene.engine.start();
        scene.pass(1).await;
        let dials = || scene.dials().len();
        assert_eq!(dials(), 1);
        scene.pass(898).await;
        assert_eq!(dials(), 1);
        scene.pass(2).await;
        assert_eq!(dials(), 2);
        // Ten minutes of silence after ATRN, and a period in their midst.
        let script = [CALLED, "C: ATRN", "wait 599", "S: 453 nothing", BYE].join("\n");
        scene.net.peer("192.0.2.9", &script);
        let often =
            Options { providers: vec![atrn("", Some(60))], ..(*scene.engine.options()).clone() };
        scene.engine.reload(often, []);
        scene.pass(120).await;
        assert_eq!(dials(), 3);
        let busy = scene.engine.fetch("isp").await.unwrap_err();
        assert!(busy.contains("just now"), "{busy}");
        scene.pass(600).await;
        scene.check_scripts("slow");
        assert!(dials() > 3);
        // No more of them, no more calls.
        let none = Options { providers: Vec::new(), ..(*scene.engine.options()).clone() };
        scene.engine.reload(none, []);
        let before = dials();
        scene.pass(3600).await;
        assert_eq!(dials(), before);
        let unknown = scene.engine.fetch("isp").await.unwrap_err();
        assert!(unknown.contains("no [fetch.isp]"), "{unknown}");
    });
}
