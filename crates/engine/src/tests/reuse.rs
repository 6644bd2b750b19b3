//! Connections over several jobs and transactions: used again, found stale, broken in the midst.

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, play};

const ENVELOPE: &str = "C: MAIL
    C: RCPT
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go on";

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

async fn send(scene: &Scene) {
    scene
        .letter("ada@here.example", &["x@far.example"], "Subject: x\r\n\r\nhello\r\n")
        .await
        .unwrap();
}

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &["192.0.2.1"]);
    scene
}

#[test]
fn the_connection_is_used_again() {
    play(async {
        let scene = far();
        scene.net.peer("192.0.2.1", &script(&[PIPELINED, ONE, ONE, BYE]));
        send(&scene).await;
        scene.pass(2).await;
        send(&scene).await;
        scene.pass(60).await;
        scene.check_scripts("used again");
        assert_eq!(scene.letters().len(), 2);
    });
}

/// Register: 5321-3.8-d
#[test]
fn a_stale_connection_is_replaced() {
    for end in [
        "close",
        "S: 421 4.4.2 idle for too long\nclose",
        "C: MAIL\nS: 421 idle\nclose",
        "C: MAIL\nclose",
    ] {
        play(async {
            let scene = far();
            scene.net.peer("192.0.2.1", &script(&[PIPELINED, ONE, end]));
            scene.net.peer("192.0.2.1", &script(&[PIPELINED, ONE, BYE]));
            send(&scene).await;
            scene.pass(2).await;
            send(&scene).await;
            scene.pass(60).await;
            scene.check_scripts(end);
            assert_eq!(scene.letters().len(), 2, "{end}");
        });
    }
}

/// The second hundred of a big letter meets a host that closes after one transaction.
#[test]
fn a_host_that_closes_after_each_transaction_gets_all_of_them() {
    play(async {
        let scene = far();
        let recipients: Vec<String> = (0..150).map(|n| format!("u{n}@far.example")).collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let transaction = |count: usize| {
            let commands = vec!["C: RCPT"; count].join("\n");
            let replies = vec!["S: 250 ok"; count + 1].join("\n");
            script(&[
                "C: MAIL",
                &commands,
                "C: DATA",
                &replies,
                "S: 354 go",
                "C: .",
                "S: 250 taken",
            ])
        };
        scene.net.peer("192.0.2.1", &script(&[PIPELINED, &transaction(100), "close"]));
        scene.net.peer("192.0.2.1", &script(&[PIPELINED, &transaction(50), BYE]));
        scene.letter("ada@here.example", &recipients, "Subject: x\r\n\r\nhello\r\n").await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("closes");
        assert_eq!(scene.letters().len(), 2);
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// Register: 5321-4.5.3.1.8-e
#[test]
fn more_than_a_hundred_recipients_take_two_transactions() {
    play(async {
        let scene = far();
        let recipients: Vec<String> = (0..101).map(|n| format!("u{n}@far.example")).collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let (commands, replies) =
            (vec!["C: RCPT"; 100].join("\n"), vec!["S: 250 ok"; 101].join("\n"));
        let hundred =
            script(&["C: MAIL", &commands, "C: DATA", &replies, "S: 354 go", "C: .", "S: 250 ok"]);
        scene
            .net
            .peer("192.0.2.1", &script(&[PIPELINED, &hundred, ENVELOPE, "C: .", "S: 250 ok", BYE]));
        scene.letter("ada@here.example", &recipients, "Subject: x\r\n\r\nhello\r\n").await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("hundred and one");
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// A peer that stops reading in the midst and goes on later must not get a letter with a hole.
#[test]
fn content_that_stands_still_is_cut_not_continued() {
    play(async {
        let scene = far();
        scene
            .net
            .peer("192.0.2.1", &script(&[PIPELINED, ENVELOPE, "wait 200", "C: .", "S: 250 taken"]));
        let body = "0123456789\r\n".repeat(40_000);
        let letter = format!("Subject: x\r\n\r\n{body}");
        scene.letter("ada@here.example", &["x@far.example"], &letter).await.unwrap();
        scene.pass(500).await;
        assert_eq!(scene.letters().len(), 0);
        let waiting = scene.waiting().await.join("\n");
        assert!(waiting.contains("lost at content"), "{waiting}");
    });
}

/// A host that refuses in the midst of the content, and reads no further, is understood.
#[test]
fn a_refusal_in_the_midst_of_content_is_heard() {
    play(async {
        let scene = far();
        let end = ["octets 20000", "S: 552 5.3.4 too much", "close"];
        scene.net.peer("192.0.2.1", &script(&[PIPELINED, ENVELOPE, &end.join("\n")]));
        let letter = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(40_000));
        scene.letter("ada@here.example", &["x@far.example"], &letter).await.unwrap();
        scene.pass(500).await;
        let reports = scene.boxes.of("ada").join("\n");
        assert!(reports.contains("Status: 5.3.4"), "{reports} {:?}", scene.waiting().await);
    });
}

/// The wait for the reply to the dot begins when the dot has gone out (RFC 5321 §4.5.3.2.6).
///
/// Register: 5321-4.5.3.2.6-a
#[test]
fn slow_content_leaves_the_whole_wait_for_the_reply() {
    play(async {
        let scene = far();
        let slow = ["octets 9000", "wait 170", "C: .", "wait 590", "S: 250 taken", BYE];
        scene.net.peer("192.0.2.1", &script(&[PIPELINED, ENVELOPE, &slow.join("\n")]));
        let letter = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(5_000));
        scene.letter("ada@here.example", &["x@far.example"], &letter).await.unwrap();
        scene.pass(800).await;
        scene.check_scripts("slow");
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}
