//! Mail for mailboxes of this host.

use super::world::{Scene, play};

const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";

/// Register: 5321-4.4-m
#[test]
fn each_mailbox_gets_its_copy() {
    play(async {
        let scene = Scene::started();
        let to = ["ada@here.example", "bob@here.example", "Postmaster@here.example"];
        scene.letter("", &to, LETTER).await.unwrap();
        scene.pass(60).await;
        for (user, address) in [("ada", "ada"), ("bob", "bob"), ("postmaster", "Postmaster")] {
            let letters = scene.boxes.of(user);
            assert_eq!(letters.len(), 1, "{user}");
            let head =
                format!("Return-Path: <>\r\nDelivered-To: {address}@here.example\r\nReceived: ");
            assert!(letters[0].starts_with(&head), "{}", letters[0]);
            assert!(letters[0].ends_with(LETTER), "{}", letters[0]);
        }
    });
}

#[test]
fn a_locked_mailbox_is_tried_again_and_the_others_are_not() {
    play(async {
        let scene = Scene::started();
        scene.boxes.lock("bob", true);
        let to = ["bob@here.example", "eve@here.example"];
        scene.letter("ada@here.example", &to, LETTER).await.unwrap();
        scene.pass(60).await;
        let waiting = scene.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].contains("locked"), "{waiting:?}");
        scene.boxes.lock("bob", false);
        scene.pass(600).await;
        assert_eq!(scene.boxes.of("bob").len(), 1);
        assert_eq!(scene.boxes.of("eve").len(), 1);
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Register: 3464-2.3.6-b.
#[test]
fn a_mailbox_that_is_gone_is_reported() {
    play(async {
        let scene = Scene::started();
        scene.boxes.remove("bob");
        let to = ["bob@here.example", "eve@here.example", "nobody@here.example"];
        scene.letter("ada@here.example", &to, LETTER).await.unwrap();
        scene.pass(60).await;
        let report = scene.boxes.of("ada").join("");
        assert_eq!(report.matches("Status: 5.1.1").count(), 2, "{report}");
        assert!(!report.contains("Remote-MTA") && !report.contains("Diagnostic-Code: smtp"));
        assert_eq!(scene.boxes.of("eve").len(), 1);
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// A door that panics takes its worker with it; what waits for the same mailbox goes all the same,
/// and the letter itself is still held.
#[test]
fn a_panic_stops_no_other_mail() {
    play(async {
        let scene = Scene::started();
        for _ in 0..4 {
            scene.letter("ada@here.example", &["eve@here.example"], "\r\npanic\r\n").await.unwrap();
        }
        scene.letter("ada@here.example", &["eve@here.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        assert_eq!(scene.boxes.of("eve").len(), 1);
        assert_eq!(scene.queue().await.len(), 4);
        assert_eq!(scene.engine.busy(), 0);
    });
}
