//! What is known of a destination over the letters that wait for it.

use std::time::Duration;

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, options, play};

const FIRST: &str = "192.0.2.1";
const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene
}

async fn send(scene: &Scene) {
    scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
}

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

/// Register: 5321-4.5.4.1-h, 5321-4.5.4.1-c, 1123-5.3.1.1-a
#[test]
fn a_dead_host_is_asked_once_for_all_letters() {
    play(async {
        let scene = far();
        send(&scene).await;
        scene.pass(60).await;
        assert_eq!(scene.dials().len(), 1);
        for _ in 0..5 {
            send(&scene).await;
        }
        scene.pass(60).await;
        assert_eq!(scene.dials().len(), 1, "the failure that is known is taken");
        assert_eq!(scene.waiting().await.len(), 6);
        // The pause of ten minutes is over: one probe.
        scene.pass(600).await;
        assert_eq!(scene.dials().len(), 2);
        // It works again: the second probe, after half an hour, lets all others go.
        let all = [ONE; 6].join("\n");
        scene.net.peer(FIRST, &script(&[PIPELINED, &all, BYE]));
        scene.pass(1800).await;
        scene.check_scripts("alive");
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.letters().len(), 6);
    });
}

/// A probe that ends in a verdict about the domain, not about its hosts, frees the others: each gets
/// that verdict, none waits for a probe that never came back.
#[test]
fn a_probe_that_finds_no_domain_frees_the_others() {
    play(async {
        let scene = Scene::started();
        scene.zone.set_failing(true);
        send(&scene).await;
        scene.pass(30).await;
        send(&scene).await;
        scene.pass(30).await;
        assert_eq!(scene.waiting().await.len(), 2);
        scene.zone.set_failing(false);
        scene.pass(700).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.boxes.of("ada").len(), 2, "one report for each letter");
    });
}

/// So does a probe that never got to dial: the content could not be read then.
#[test]
fn a_probe_that_fails_here_is_taken_back() {
    play(async {
        let mut options = options();
        options.memory = 0;
        let scene = Scene::new(options);
        scene.engine.start();
        scene.zone.exchangers("far.example", &[FIRST]);
        send(&scene).await;
        scene.pass(60).await;
        send(&scene).await;
        scene.spool.break_bodies(true);
        // The first letter is to probe after ten minutes, the second comes a minute later.
        scene.pass(570).await;
        scene.spool.break_bodies(false);
        scene.net.peer(FIRST, &script(&[PIPELINED, ONE, ONE, BYE]));
        scene.pass(60).await;
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// A host that takes one connection at a time is not dead because it refuses a second one.
#[test]
fn a_host_with_one_place_gets_everything_over_it() {
    play(async {
        let scene = far();
        let slow = script(&["wait 3", ONE]);
        let all = [slow.as_str(); 6].join("\n");
        scene.net.peer(FIRST, &script(&[PIPELINED, &all, BYE]));
        send(&scene).await;
        scene.pass(1).await;
        for _ in 0..2 {
            scene.net.peer(FIRST, "S: 421 4.7.0 one connection at a time\nclose");
        }
        for _ in 0..5 {
            send(&scene).await;
        }
        scene.pass(120).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.letters().len(), 6);
        assert_eq!(scene.dials().len(), 3, "the limit is remembered while there is work");
    });
}

/// The questions of one step are asked together: addresses of three exchangers in the time of one.
#[test]
fn names_are_asked_together() {
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("far.example", &[FIRST, "192.0.2.2", "192.0.2.3"]);
        scene.zone.set_pause(Duration::from_secs(5));
        scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
        send(&scene).await;
        scene.pass(11).await;
        assert_eq!(scene.letters().len(), 1);
    });
}
