//! What is booked, and what happens when that fails: nothing is lost, nothing goes twice, no claim
//! stays behind.

use super::relay::{BYE, ONE, PIPELINED};
use super::spool::Fault::{self, Unavailable, UnknownDone, UnknownLost};
use super::world::{HOST, Scene, options, play};

const FIRST: &str = "192.0.2.1";
const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";
const X: &str = "x@far.example";

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene
}

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

/// The commits after the one that takes the letter fail so; it goes once all the same.
#[test]
fn a_result_is_booked_until_it_is() {
    let rows: &[(&str, &[Option<Fault>])] = &[
        ("well", &[]),
        ("refused", &[None, Some(Unavailable), Some(Unavailable), Some(Unavailable)]),
        ("lost", &[None, Some(UnknownLost)]),
        ("done unseen", &[None, Some(UnknownDone)]),
    ];
    for (name, faults) in rows {
        play(async {
            let scene = far();
            scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
            scene.spool.fail(faults);
            scene.letter("ada@here.example", &[X], LETTER).await.unwrap();
            scene.pass(3600).await;
            scene.check_scripts(name);
            assert_eq!(scene.queue().await.len(), 0, "{name}");
            assert_eq!(scene.letters().len(), 1, "{name}");
        });
    }
}

/// Register: 5321-2.1-a
#[test]
fn a_commit_of_unknown_outcome_is_looked_up() {
    for (fault, taken) in [(UnknownDone, true), (UnknownLost, false)] {
        play(async {
            let scene = far();
            scene.spool.fail(&[Some(fault)]);
            let to = [X, "bob@here.example"];
            if taken {
                scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
            }
            let reply = scene.letter("ada@here.example", &to, LETTER).await;
            let code = reply.map_or_else(|refusal| refusal.reply(), |taken| taken.reply()).code();
            assert_eq!(code.get(), if taken { 250 } else { 451 });
            scene.pass(60).await;
            scene.check_scripts("unknown");
            assert_eq!(scene.boxes.of("bob").len(), usize::from(taken), "{fault:?}");
            assert_eq!(scene.queue().await.len(), 0, "no claim stays behind: {fault:?}");
        });
    }
}

/// The same for a report: it is in the spool, and goes.
#[test]
fn a_report_of_unknown_outcome_is_looked_up() {
    play(async {
        let scene = far();
        scene.net.peer(FIRST, "S: 554 5.7.1 no\nC: QUIT\nS: 221 bye");
        scene.spool.fail(&[None, Some(UnknownDone)]);
        scene.letter("ada@here.example", &[X], LETTER).await.unwrap();
        scene.pass(3600).await;
        assert_eq!(scene.queue().await.len(), 0);
        assert_eq!(scene.boxes.of("ada").len(), 1);
    });
}

/// The spool is full: the report waits, what was delivered is booked.
#[test]
fn a_report_without_room_keeps_its_recipients_open() {
    play(async {
        let scene = far();
        let two = "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 250 ok
            S: 354 go\nC: .\nS: 250 taken";
        scene.net.peer(FIRST, &script(&[PIPELINED, two, BYE]));
        scene.letter("ada@here.example", &[X, "y@far.example"], LETTER).await.unwrap();
        scene.spool.model.set_limit(Some(0));
        scene.pass(60).await;
        assert_eq!(scene.queue().await.len(), 1);
        let waiting = scene.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].starts_with(X), "{waiting:?}");
        scene.spool.model.set_limit(None);
        let one = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 554 no recipients
            C: RSET\nS: 250 ok";
        scene.net.peer(FIRST, &script(&[PIPELINED, one, BYE]));
        scene.pass(700).await;
        scene.check_scripts("no room");
        assert_eq!(scene.queue().await.len(), 0);
        assert_eq!(scene.boxes.of("ada").len(), 1);
    });
}

/// Content that cannot be read is no reason to return the mail, but does not keep it for ever.
#[test]
fn unreadable_content_is_reported_when_its_time_is_up() {
    play(async {
        let mut options = options();
        options.memory = 0;
        let scene = Scene::new(options);
        scene.engine.start();
        scene.zone.exchangers("far.example", &[FIRST]);
        scene.spool.break_bodies(true);
        scene.letter("ada@here.example", &[X], LETTER).await.unwrap();
        scene.pass(5 * 86_400 + 60).await;
        scene.spool.break_bodies(false);
        scene.pass(86_400).await;
        let reports = scene.boxes.of("ada");
        assert!(reports.iter().any(|text| text.contains("Action: failed")), "{reports:#?}");
        assert_eq!(scene.queue().await.len(), 0, "{HOST}");
    });
}
