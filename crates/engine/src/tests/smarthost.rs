//! Logging in at the host that everything is handed to.

use mail::lookup::Record;
use queue::route::{Routes, Rule};

use super::relay::{BYE, ONE};
use super::world::{Scene, options, play};
use crate::{Level, Options, ProofSource, Smarthost, Smarthosts, TlsLevels};

const OFFERED: &str = "S: 220 hub ESMTP
    C: EHLO here.example
    S: 250-hub
    S: 250-AUTH PLAIN
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    C: TLS hub.example hub.example
    S: ok
    C: EHLO here.example
    S: 250-hub
    S: 250-PIPELINING
    S: 250 AUTH PLAIN";
/// `ann` and `open sesame`.
const LOGIN: &str = "C: AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==";

fn with(proof: ProofSource, clear: bool) -> Options {
    let transport = "smtp:[hub.example]:587".parse().unwrap();
    let smarthost = Smarthost { login: "ann".to_owned(), proof, mechanisms: None, clear };
    let host = "hub.example".parse().unwrap();
    Options {
        routes: Routes { default: Rule::new(transport), ..Routes::default() },
        smarthosts: Smarthosts::from([((host, "".into()), smarthost)]),
        ..options()
    }
}

async fn scene(options: Options, session: &[&str]) -> Scene {
    let scene = Scene::new(options);
    scene.engine.start();
    scene.zone.add("hub.example", Record::A([192, 0, 2, 9].into()));
    if !session.is_empty() {
        scene.net.peer("192.0.2.9", &session.join("\n"));
    }
    let content = "Subject: x\r\n\r\nhello\r\n";
    scene.letter("ada@here.example", &["x@far.example"], content).await.unwrap();
    scene.pass(300).await;
    scene.check_scripts("smarthost");
    scene
}

fn password() -> ProofSource {
    ProofSource::Password("secrets/hub".to_owned())
}

/// Register: 4954-4-z, 4954-14-b, 4954-14-c.
#[test]
fn let_in() {
    play(async {
        let taken = ONE.replace("here.example>\n", "here.example> AUTH=<>\n");
        let session = [OFFERED, LOGIN, "S: 235 2.7.0 welcome", &taken, BYE];
        let scene = scene(with(password(), false), &session).await;
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// Whatever the host says, the mail waits, nobody is told, and the record says why.
#[test]
fn turned_away() {
    let rows: [(&str, &str); 4] = [
        ("S: 535 5.7.8 wrong", "PLAIN was answered 535 5.7.8 wrong"),
        ("S: 454 4.7.0 later", "PLAIN was answered 454 4.7.0 later"),
        ("S: 432 4.7.12 transition", "PLAIN was answered 432 4.7.12 transition"),
        ("S: 534 5.7.9 weak", "PLAIN was answered 534 5.7.9 weak"),
    ];
    for (reply, why) in rows {
        play(async {
            let scene = scene(with(password(), false), &[OFFERED, LOGIN, reply, BYE]).await;
            let waiting = scene.waiting().await;
            let told = format!("The login at hub.example failed: {why}");
            assert!(waiting.iter().any(|line| line.contains(&told)), "{waiting:?}");
            assert!(scene.boxes.of("ada").is_empty());
        });
    }
}

/// Without a verified connection the secret stays here, unless the operator lets it go.
///
/// Register: 4954-14-a.
#[test]
fn no_secret_in_the_clear() {
    const CLEAR: &str = "S: 220 hub ESMTP
        C: EHLO here.example
        S: 250-hub
        S: 250-PIPELINING
        S: 250 AUTH PLAIN";
    play(async {
        let scene = scene(with(password(), false), &[CLEAR, BYE]).await;
        let waiting = scene.waiting().await;
        assert!(waiting.iter().any(|line| line.contains("TLS is required")), "{waiting:?}");
    });
    play(async {
        let taken = ONE.replace("here.example>\n", "here.example> AUTH=<>\n");
        let options =
            Options { tls_levels: TlsLevels::all(Level::Never), ..with(password(), true) };
        let session = [CLEAR, LOGIN, "S: 235 2.7.0 welcome", &taken, BYE];
        let scene = scene(options, &session).await;
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// A secret that cannot be had is told to the operator, and the mail waits.
#[test]
fn no_secret() {
    play(async {
        let lost = ProofSource::Password("lost".to_owned());
        let scene = scene(with(lost, false), &["wait 1"]).await;
        let waiting = scene.waiting().await;
        assert!(waiting.iter().any(|line| line.contains("it is lost")), "{waiting:?}");
    });
}
