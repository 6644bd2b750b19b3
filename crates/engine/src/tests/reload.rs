//! Other options while the engine runs: what has begun ends by those that it began with.

use smtp::server::{Kind, SessionOptions};

use super::receive::{connect, converse, listening};
use super::world::{HOST, Scene, options, play};
use crate::{ListenOptions, Options};

/// The options, with these domains and people here.
fn with(domains: &[&str], users: &[&str]) -> Options {
    let mut options = options();
    options.access.local_domains.extend(domains.iter().map(|name| name.parse().unwrap()));
    options.access.users = queue::access::Users::listed(users.iter().copied());
    options
}

/// A listener that greets as that host.
fn listener(greeting: &str) -> [(String, ListenOptions); 1] {
    [("test".to_owned(), SessionOptions::new(greeting, Kind::Mx).into())]
}

/// One session, reloads in its midst: each row is a piece of dialogue, and what comes after it.
#[test]
fn a_transaction_sees_one_configuration() {
    let old = || with(&[], &["ada", "bob"]);
    let new = || with(&["new.example"], &["ada"]);
    let begin = "S: 220 here.example\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250";
    let mail = "C: MAIL FROM:<x@far.example>\nS: 250";
    let rows = [
        (begin, old()),
        ("C: RCPT TO:<bob@here.example>\nS: 250\nC: RCPT TO:<ada@new.example>\nS: 550", new()),
        // Still the old one: the transaction has begun under it.
        ("C: RCPT TO:<ada@new.example>\nS: 550\nC: DATA\nS: 354\nC: x\nC: .\nS: 250", new()),
        // The next one is under the new one.
        (mail, new()),
        ("C: RCPT TO:<bob@here.example>\nS: 550\nC: RCPT TO:<ada@new.example>\nS: 250", old()),
        ("C: RSET\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250", old()),
        ("C: RCPT TO:<ada@new.example>\nS: 550\nC: QUIT\nS: 221", new()),
    ];
    play(async {
        let (scene, sender) = listening(old());
        let mut wire = connect(&sender).await;
        for (number, (script, then)) in rows.into_iter().enumerate() {
            converse(&format!("piece {number}"), script, &scene, &mut wire).await;
            scene.engine.reload(then, listener("other.example"));
        }
        // Who comes now is greeted as the listener is told now, and is served by the last options.
        let mut wire = connect(&sender).await;
        let script = format!(
            "{}\nC: RCPT TO:<ada@new.example>\nS: 250",
            begin.replace(HOST, "other.example")
        );
        converse("afterwards", &script, &scene, &mut wire).await;
    });
}

/// A queue that is told to pause tries nothing more, and goes on when it is told to.
#[test]
fn pausing_and_going_on() {
    let paused = |paused| Options { paused, ..options() };
    play(async {
        let scene = Scene::new(paused(false));
        scene.engine.start();
        let rows = [(true, 0), (false, 1), (true, 1), (true, 1), (false, 3)];
        for (number, (pause, delivered)) in rows.into_iter().enumerate() {
            scene.engine.reload(paused(pause), []);
            if pause {
                let letter = format!("\r\nletter {number}\r\n");
                scene.letter("ada@here.example", &["bob@here.example"], &letter).await.unwrap();
            }
            scene.pass(3600).await;
            assert_eq!(scene.boxes.of("bob").len(), delivered, "step {number}");
        }
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// What lasts a whole life stays, and what is counted is counted by the new bounds.
#[test]
fn what_stays_and_what_follows() {
    play(async {
        let limited = |sessions| Options { sessions, ..options() };
        let (scene, sender) = listening(limited(1));
        let before = scene.engine.options();
        let mut first = connect(&sender).await;
        converse("first", "S: 220", &scene, &mut first).await;
        let mut second = connect(&sender).await;
        converse("second", "S: 421", &scene, &mut second).await;
        scene.engine.reload(Options { node: 7, memory: 1, ..limited(3) }, []);
        let mut third = connect(&sender).await;
        converse("third", "S: 220", &scene, &mut third).await;
        let after = scene.engine.options();
        assert_eq!((after.node, after.memory), (before.node, before.memory));
        assert_eq!(after.sessions, 3);
    });
}
