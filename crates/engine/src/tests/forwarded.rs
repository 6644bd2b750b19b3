//! Letters forwarded off this host under an address of ours, and what comes back to it.

use std::sync::Arc;

use queue::expansion::Aliases;
use queue::srs::Srs;

use super::relay::{BYE, PIPELINED};
use super::world::{Scene, options, play};
use crate::{Options, Refusal};

const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";
/// The address under which the letter goes; its hash was computed by another program.
const OURS: &str = "SRS0=NGEGGU=7K=example.org=joe@here.example";

fn forwarding() -> Options {
    let aliases = "fwd: x@far.example\nlist: x@far.example\nowner-list: bob\n";
    let aliases = Aliases::parse(aliases, "aliases", &mut |_| Err("none".to_owned())).unwrap();
    let mut options = options();
    options.access.aliases = Arc::new(aliases);
    let secrets = vec![b"tanstaaf"[..].into()];
    options.srs = Some(Srs { domain: "here.example".parse().unwrap(), secrets });
    options
}

/// What a peer at `far.example` is told to expect, and who is sent from whom to whom.
#[test]
fn letters_go_under_the_right_address() {
    let rows = [
        ("joe@example.org", "fwd@here.example", OURS, "x@far.example"),
        ("joe@example.org", "list@here.example", "owner-list@here.example", "x@far.example"),
        // Relayed, not forwarded.
        ("joe@example.org", "x@far.example", "joe@example.org", "x@far.example"),
        ("ada@here.example", "fwd@here.example", "ada@here.example", "x@far.example"),
        // A report to a forwarded letter finds the sender.
        ("", &format!("srs0{}", &OURS[4..]), "", "joe@example.org"),
    ];
    for (from, to, under, reaches) in rows {
        play(async {
            let scene = Scene::new(forwarding());
            scene.engine.start();
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            scene.zone.exchangers("example.org", &["192.0.2.2"]);
            let address = if reaches.ends_with("far.example") { "192.0.2.1" } else { "192.0.2.2" };
            let one = format!(
                "C: MAIL FROM:<{under}> SIZE=\nC: RCPT TO:<{reaches}>\nC: DATA\nS: 250 ok
                    S: 250 ok\nS: 354 go\nC: .\nS: 250 taken"
            );
            scene.net.peer(address, &[PIPELINED, &one, BYE].join("\n"));
            scene.letter(from, &[to], LETTER).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts(to);
            assert_eq!(scene.queue().await.len(), 0, "{to}");
        });
    }
}

/// A forwarded letter that fails is reported to its sender, not to ourselves.
#[test]
fn failures_go_back_to_the_sender() {
    play(async {
        let scene = Scene::new(forwarding());
        scene.engine.start();
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        scene.zone.exchangers("example.org", &["192.0.2.2"]);
        let refused = format!(
            "C: MAIL FROM:<{OURS}> SIZE=\nC: RCPT TO:<x@far.example>\nC: DATA\nS: 250 ok
                S: 550 5.1.1 nobody\nS: 503 no\nC: RSET\nS: 250 ok"
        );
        scene.net.peer("192.0.2.1", &[PIPELINED, &refused, BYE].join("\n"));
        let report = "C: MAIL FROM:<> SIZE=\nC: RCPT TO:<joe@example.org>\nC: DATA\nS: 250 ok
                S: 250 ok\nS: 354 go\nC: .\nS: 250 taken";
        scene.net.peer("192.0.2.2", &[PIPELINED, report, BYE].join("\n"));
        scene.letter("joe@example.org", &["fwd@here.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("a failure");
        let letters = scene.letters();
        assert!(
            letters[0].contains("To: joe@example.org\r\n")
                || letters[0].contains("To: <joe@example.org>"),
            "{}",
            letters[0]
        );
    });
}

#[test]
fn addresses_that_were_not_made_here_are_refused() {
    play(async {
        let scene = Scene::new(forwarding());
        let to = "SRS0=AAAAAA=7K=example.org=joe@here.example";
        let Err(Refusal::Refused(reply)) = scene.letter("", &[to], LETTER).await else {
            panic!("taken")
        };
        assert_eq!(reply.to_string(), "550 5.1.1 That address was not made here");
    });
}
