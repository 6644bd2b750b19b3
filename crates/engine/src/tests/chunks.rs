//! Content by BDAT: one write and one read for a letter, and what becomes of it where that fails.

use super::relay::BYE;
use super::world::{Scene, play};

const OFFERED: &str = "S: 220 mx ESMTP
    C: EHLO
    S: 250-mx
    S: 250-PIPELINING
    S: 250-LIMITS RCPTMAX=1
    S: 250 CHUNKING";
/// The group comes whole before anything is answered.
const GROUP: &str = "C: MAIL FROM:<ada@here.example>
    C: RCPT TO:<
    bdat";
const TAKEN: &str = "S: 250 ok
    S: 250 ok
    S: 250 2.0.0 taken";
const PLAIN: &str = "C: MAIL
    C: RCPT
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: .
    S: 250 2.0.0 taken";
const CONTENT: &str = "Subject: x\r\n\r\nhello\r\n";

async fn scene(sessions: &[&[&str]], to: &[&str]) -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &["192.0.2.1"]);
    for session in sessions {
        scene.net.peer("192.0.2.1", &session.join("\n"));
    }
    scene.letter("ada@here.example", to, CONTENT).await.unwrap();
    scene
}

async fn check(name: &str, sessions: &[&[&str]], to: &[&str], waits: Option<&str>) {
    let scene = scene(sessions, to).await;
    scene.pass(300).await;
    scene.check_scripts(name);
    let waiting = scene.waiting().await;
    match waits {
        None => assert!(waiting.is_empty(), "{name}: {waiting:?}"),
        Some(why) => assert!(waiting.iter().any(|line| line.contains(why)), "{name}: {waiting:?}"),
    }
}

#[test]
fn one_group() {
    play(async {
        let scene = scene(&[&[OFFERED, GROUP, TAKEN, BYE]], &["x@far.example"]).await;
        scene.pass(300).await;
        scene.check_scripts("one");
        assert!(scene.waiting().await.is_empty());
        let letters = scene.letters();
        assert!(letters.len() == 1 && letters[0].ends_with(CONTENT), "{letters:?}");
        assert!(letters[0].starts_with("Received:"), "{letters:?}");
    });
}

/// A server that takes one recipient at a time gets the other in the next transaction.
#[test]
fn limits() {
    let session: &[&str] = &[OFFERED, GROUP, TAKEN, GROUP, TAKEN, BYE];
    play(check("limits", &[session], &["x@far.example", "y@far.example"], None));
}

/// Where BDAT is not known, a new connection does without.
///
/// Register: 3030-2-j.
#[test]
fn not_known_after_all() {
    let first: &[&str] = &[OFFERED, GROUP, "S: 250 ok", "S: 250 ok", "S: 500 what?"];
    let second: &[&str] = &[OFFERED, PLAIN, BYE];
    play(check("not known", &[first, second], &["x@far.example"], None));
}

/// All was sent and no reply came: the host may have it, so it is not sent again at once.
#[test]
fn lost_before_any_reply() {
    let first: &[&str] = &[OFFERED, GROUP, "close"];
    play(check("lost", &[first], &["x@far.example"], Some("The connection was lost")));
}

/// A connection that the host has closed meanwhile is not used again.
#[test]
fn closed_while_it_was_kept() {
    play(async {
        let first: &[&str] = &[OFFERED, GROUP, TAKEN, "wait 1", "S: 421 4.4.2 idle", "close"];
        let second: &[&str] = &[OFFERED, GROUP, TAKEN, BYE];
        let scene = scene(&[first, second], &["x@far.example"]).await;
        scene.pass(2).await;
        scene.letter("ada@here.example", &["x@far.example"], CONTENT).await.unwrap();
        scene.pass(300).await;
        assert!(scene.waiting().await.is_empty());
        assert_eq!(scene.dials().len(), 2);
    });
}

/// One that it closes at the very moment gets another chance over a new one.
#[test]
fn closed_as_it_was_used_again() {
    play(async {
        let first: &[&str] = &[OFFERED, GROUP, TAKEN, "octets 10", "close"];
        let second: &[&str] = &[OFFERED, GROUP, TAKEN, BYE];
        let scene = scene(&[first, second], &["x@far.example"]).await;
        scene.pass(2).await;
        scene.letter("ada@here.example", &["x@far.example"], CONTENT).await.unwrap();
        scene.pass(300).await;
        scene.check_scripts("closed");
        assert!(scene.waiting().await.is_empty());
    });
}
