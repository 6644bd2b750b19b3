//! What a hub changes, and that it changes nothing else.

use super::relay::{BYE, PIPELINED};
use super::world::{Scene, options, play};
use queue::rewrite::{Masquerade, Rewriting};

/// Header sections as they come and as they go.
const HEADERS: &[(&str, &str)] = &[
    ("From: joe@sun.tuc.example", "From: joe@noao.example"),
    ("From: Joe <joe@SUN.tuc.example>", "From: Joe <joe@noao.example>"),
    ("From: \"joe@sun.tuc.example\" <a@b>", "From: \"joe@sun.tuc.example\" <a@b>"),
    (
        "From: joe@sun.tuc.example (me@sun.tuc.example)",
        "From: joe@noao.example (me@sun.tuc.example)",
    ),
    ("From: joe@moon.tuc.example", "From: joe@moon.tuc.example"),
    ("From: joe@sun.tuc.example.org", "From: joe@sun.tuc.example.org"),
    ("From: joe@x.sun.tuc.example", "From: joe@x.sun.tuc.example"),
    ("From: joe@a.hidden.example", "From: joe@noao.example"),
    ("From: joe@hidden.example", "From: joe@hidden.example"),
    ("To: joe@sun.tuc.example", "To: joe@noao.example"),
    ("Subject: joe@sun.tuc.example", "Subject: joe@sun.tuc.example"),
    (
        "Reply-To: a@sun.tuc.example,\r\n b@sun.tuc.example\r\nX: b@sun.tuc.example",
        "Reply-To: a@noao.example,\r\n b@noao.example\r\nX: b@sun.tuc.example",
    ),
    ("SENDER : j@sun.tuc.example", "SENDER : j@noao.example"),
    (
        "From: \"a\\\"@sun.tuc.example\" <j@sun.tuc.example>",
        "From: \"a\\\"@sun.tuc.example\" <j@noao.example>",
    ),
    ("From: (", "From: ("),
    ("From: @", "From: @"),
];

/// Register: 1870-6-b.
#[test]
fn headers() {
    let hosts = ["sun.tuc.example", ".hidden.example"].map(|host| host.parse().unwrap());
    let masquerade = Masquerade::new("noao.example".parse().unwrap(), hosts.into());
    let rewriting = Rewriting { masquerade: Some(masquerade), ..Rewriting::default() };
    for (came, goes) in HEADERS {
        for memory in [0, 1_000_000] {
            let options = crate::Options { rewriting: rewriting.clone(), memory, ..options() };
            play(async {
                let scene = Scene::new(options);
                scene.engine.start();
                scene.zone.exchangers("far.example", &["192.0.2.1"]);
                let one = "C: MAIL FROM:<joe@noao.example> SIZE=\nC: RCPT\nC: DATA\nS: 250 ok
                    S: 250 ok\nS: 354 go\nC: .\nS: 250 taken";
                scene.net.peer("192.0.2.1", &[PIPELINED, one, BYE].join("\n"));
                let body = "\r\nFrom: joe@sun.tuc.example\r\n";
                let letter = format!("{came}\r\n{body}");
                scene.letter("joe@sun.tuc.example", &["x@far.example"], &letter).await.unwrap();
                scene.pass(60).await;
                scene.check_scripts(came);
                let letters = scene.letters();
                let received = letters[0].find(goes.split(' ').next().unwrap()).unwrap_or(0);
                assert_eq!(&letters[0][received..], &format!("{goes}\r\n{body}"), "{came}");
                let size = format!(" SIZE={}", letters[0].len());
                let announced = scene.net.seen(|seen| seen.commands[1].ends_with(&size));
                assert!(announced, "{came}: {size}");
            });
        }
    }
}
