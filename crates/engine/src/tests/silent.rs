//! Hosts that do not answer while others of their destination do, and places for connections.

use std::time::Duration;

use mail::lookup::Record;
use queue::history::{Chunks, Entry, Event, Part};
use queue::route::{Routes, Rule};
use queue::schedule::limits::{Limits, Told};

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, limits, options, play};
use crate::Options;

const FIRST: &str = "192.0.2.1";
const SECOND: &str = "192.0.2.2";
const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";

/// Two smarthosts with preference; the first swallows what it is sent.
fn hubs() -> Scene {
    let default = Rule::new("smtp:[a.example],smtp:[b.example]".parse().unwrap());
    let scene =
        Scene::new(Options { routes: Routes { default, ..Routes::default() }, ..options() });
    scene.engine.start();
    scene.zone.add("a.example", Record::A([192, 0, 2, 1].into()));
    scene.zone.add("b.example", Record::A([192, 0, 2, 2].into()));
    scene.net.set_silent(FIRST, true);
    scene
}

fn whole() -> String {
    [PIPELINED, ONE, BYE].join("\n")
}

/// Sends a letter over a connection of its own to `address`, and gives the seconds it took.
async fn seconds(scene: &Scene, address: &str) -> u64 {
    // The connection before has been hung up.
    scene.pass(20).await;
    scene.net.peer(address, &whole());
    let (before, began) = (scene.letters().len(), tokio::time::Instant::now());
    scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
    while scene.letters().len() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", scene.dials());
    }
    began.elapsed().as_secs()
}

/// One call a pause pays the thirty seconds, the mail of all others goes at once by the second host;
/// when the first one answers again, it is the first.
///
/// Register: 5321-4.5.4.1-h.
#[test]
fn a_silent_first_host_costs_one_call_a_pause() {
    play(async {
        let scene = hubs();
        assert_eq!(seconds(&scene, SECOND).await, 30);
        for _ in 0..10 {
            assert_eq!(seconds(&scene, SECOND).await, 0);
        }
        assert_eq!(scene.dials().iter().filter(|to| *to == FIRST).count(), 1);
        // The pause of five minutes is over: one letter calls, and another does not wait for that.
        scene.pass(300).await;
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(1).await;
        scene.net.peer(SECOND, &whole());
        scene.net.peer(SECOND, &whole());
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(2).await;
        assert_eq!(scene.letters().len(), 12);
        scene.pass(40).await;
        assert_eq!(scene.letters().len(), 13);
        assert_eq!(scene.dials().iter().filter(|to| *to == FIRST).count(), 2);
        // Twice as long now; then it answers.
        scene.net.set_silent(FIRST, false);
        scene.pass(300).await;
        assert_eq!(seconds(&scene, SECOND).await, 0);
        scene.pass(300).await;
        assert_eq!(seconds(&scene, FIRST).await, 0);
        assert_eq!(seconds(&scene, FIRST).await, 0);
        scene.check_scripts("silent");
    });
}

/// It is asked last, but it is asked: nothing is left untried. The record says why it came last.
#[test]
fn a_silent_host_is_asked_at_last() {
    play(async {
        let scene = hubs();
        assert_eq!(seconds(&scene, SECOND).await, 30);
        scene.pass(20).await;
        scene.net.peer(SECOND, "S: 421 4.3.2 going down\nclose");
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        assert_eq!(scene.dials(), [FIRST, SECOND, SECOND, FIRST]);
        let told = dialogue(&scene);
        let why = "a.example [192.0.2.1] is asked last: silent for ";
        assert!(told.iter().any(|line| line.starts_with(why)), "{told:#?}");
        // An operator who has mended it need not wait.
        scene.net.set_silent(FIRST, false);
        scene.net.peer(FIRST, &whole());
        scene.engine.flush().await.unwrap();
        scene.pass(5).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.dials().last().unwrap(), FIRST);
    });
}

/// A host that takes connections and never greets is as silent as one that does not.
#[test]
fn a_host_that_never_greets() {
    play(async {
        let scene = hubs();
        scene.net.set_silent(FIRST, false);
        scene.net.peer(FIRST, "wait 1000");
        scene.net.peer(SECOND, &whole());
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(301).await;
        assert_eq!(scene.letters().len(), 1);
        assert_eq!(seconds(&scene, SECOND).await, 0);
        assert_eq!(scene.dials(), [FIRST, SECOND, SECOND]);
    });
}

/// What was done in the last attempt that is told of.
fn dialogue(scene: &Scene) -> Vec<String> {
    let last = scene.history.all().iter().rev().find_map(|octets| {
        match Entry::decode(octets).unwrap().unwrap().event {
            Event::Attempted(attempted) if !attempted.dialogue.is_empty() => {
                Some(attempted.dialogue.into_owned())
            }
            _ => None,
        }
    });
    let last = last.unwrap_or_default();
    let done = Chunks::over(&last).map(Result::unwrap).filter(|chunk| chunk.part == Part::Done);
    done.map(|chunk| String::from_utf8_lossy(chunk.octets).into_owned()).collect()
}

/// One letter from MAIL to the reply to the dot, after so many seconds.
fn slow(seconds: u64) -> String {
    format!("wait {seconds}\n{ONE}")
}

fn narrow(connections: usize) -> Scene {
    let limits = {
        let mut limits = limits(1);
        limits.default = Limits { connections: Told::plain(1), ..limits.default };
        limits
    };
    let scene = Scene::new(Options { connections: Told::plain(connections), limits, ..options() });
    scene.engine.start();
    scene
}

/// No more connections than the host may have, over all destinations; who waits says for what.
///
/// Register: 1123-5.3.1.1-h.
#[test]
fn connections_over_all_destinations() {
    play(async {
        let scene = narrow(2);
        for number in 1..=5 {
            let (domain, address) = (format!("d{number}.example"), format!("192.0.2.{number}"));
            scene.zone.exchangers(&domain, &[&address]);
            let one = ONE.replace("far.example", &domain);
            scene.net.peer(&address, &[PIPELINED, "wait 20", &one, BYE].join("\n"));
            let to = format!("x@{domain}");
            scene.letter("ada@here.example", &[&to], LETTER).await.unwrap();
        }
        scene.pass(5).await;
        assert_eq!(scene.dials().len(), 2);
        let why = scene.engine.waits("mx:d5.example");
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        let wanted =
            "all 2 outgoing connections are in use, 3 more are wanted ([outbound] connections)";
        assert_eq!(why, [wanted]);
        assert_eq!(scene.engine.waits("local"), []);
        scene.pass(15 + 20 + 20 + 5).await;
        assert_eq!(scene.letters().len(), 5, "a place goes on as soon as nothing is left to send");
        assert_eq!(scene.engine.waits("mx:d5.example"), []);
        scene.check_scripts("places");
    });
}

/// Who has much to send gives its place up after a turn: a letter for another destination waits that
/// long and no longer.
#[test]
fn a_busy_destination_makes_way() {
    play(async {
        let scene = narrow(1);
        scene.zone.exchangers("far.example", &[FIRST]);
        scene.zone.exchangers("near.example", &[SECOND]);
        let many = vec![slow(1); 60].join("\n");
        for _ in 0..3 {
            scene.net.peer(FIRST, &[PIPELINED, &many].join("\n"));
        }
        for _ in 0..60 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(2).await;
        scene.net.peer(SECOND, &whole().replace("far.example", "near.example"));
        scene.letter("ada@here.example", &["x@near.example"], LETTER).await.unwrap();
        scene.pass(11).await;
        assert_eq!(scene.dials(), [FIRST, SECOND, FIRST]);
        scene.pass(90).await;
        assert_eq!(scene.letters().len(), 61);
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}
