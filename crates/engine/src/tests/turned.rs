//! Hosts that call for their mail (RFC 2645): who may, what is said, and what goes over the
//! connection when the roles have turned round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use queue::trust::Trust;
use smtp::server::{Authentication, Kind, SessionOptions};
use tokio::io::{BufReader, DuplexStream};
use tokio::sync::mpsc;

use super::receive::{connect, converse, listening_with};
use super::world::{HOST, Scene, options, play};
use crate::ListenOptions;
use crate::doors::NoTls;

fn serving() -> (Scene, mpsc::Sender<DuplexStream>) {
    let own = ["far.example", "near.example"].map(|name| name.parse().unwrap());
    let turn = BTreeMap::from([("ada".to_owned(), BTreeSet::from(own))]);
    let options = crate::Options { trust: Trust { turn, ..Trust::default() }, ..options() };
    let authentication = Authentication {
        mechanisms: Vec::new(),
        relayed: Vec::new(),
        clear: true,
        required: false,
        failures: 3,
    };
    let session = SessionOptions {
        authentication: Some(authentication),
        ..SessionOptions::new(HOST, Kind::Odmr)
    };
    let listen = ListenOptions::from(session);
    listening_with(options, listen, Arc::new(NoTls))
}

const IN: &str =
    "S: 220\nC: EHLO customer.example\nS: 250\nC: AUTH PLAIN AGFkYQB3b25kZXJsYW5k\nS: 235";

async fn called(sender: &mpsc::Sender<DuplexStream>, scene: &Scene) -> BufReader<DuplexStream> {
    let mut wire = connect(sender).await;
    converse("called", IN, scene, &mut wire).await;
    wire
}

/// Register: 6409-7-h, 2645-5.2.1-a, 2645-5.2.1-d, 2645-5.2.1-e.
#[test]
fn who_may_call() {
    play(async {
        let (scene, sender) = serving();
        let mut wire = connect(&sender).await;
        let script = "S: 220\nC: EHLO c\nS: 250\nC: ATRN\nS: 530 5.7.0\nC: MAIL FROM:<>\nS: 503
            C: AUTH PLAIN AGFkYQB3cm9uZw==\nS: 535\nC: AUTH PLAIN AGJvYgB3b25kZXJsYW5k\nS: 235
            C: ATRN\nS: 450 4.7.1\nC: QUIT\nS: 221\ngone";
        converse("a login without domains", script, &scene, &mut wire).await;
        let mut wire = called(&sender, &scene).await;
        let script = "C: ATRN\nS: 453\nC: ATRN other.example\nS: 450 4.7.1
            C: ATRN far.example,other.example\nS: 450\nC: ATRN far.example\nS: 453\nC: QUIT\nS: 221";
        converse("nothing is there", script, &scene, &mut wire).await;
    });
}

/// Mail of two domains goes over the connection, and none of another; what the customer refuses for
/// now stays.
///
/// Register: 2645-5.2.1-c, 2645-5.3-b.
#[test]
fn mail_goes_back_over_the_connection() {
    play(async {
        let (scene, sender) = serving();
        for (domain, address) in
            [("far", "203.0.113.1"), ("near", "203.0.113.2"), ("other", "203.0.113.3")]
        {
            scene.zone.exchangers(&format!("{domain}.example"), &[address]);
        }
        let to = ["x@far.example", "y@near.example", "z@other.example"];
        scene.letter("bob@here.example", &to, "Subject: tea\r\n\r\nAt four.\r\n").await.unwrap();
        scene.pass(30).await;
        let dials = scene.dials().len();
        let mut wire = called(&sender, &scene).await;
        let script = "C: ATRN\nS: 250 2.0.0\nC: 220 customer.example ready\nS: EHLO here.example
            C: 250 customer.example\nS: MAIL FROM:<bob@here.example>\nC: 250 ok
            S: RCPT TO:<x@far.example>\nC: 250 ok\nS: DATA\nC: 354 go\nuntil .\nC: 250 taken
            S: MAIL FROM:<bob@here.example>\nC: 250 ok\nS: RCPT TO:<y@near.example>
            C: 450 later\nS: RSET\nC: 250 ok\nS: QUIT\nC: 221 bye\ngone";
        converse("turned", script, &scene, &mut wire).await;
        scene.pass(5).await;
        assert_eq!(scene.dials().len(), dials, "nobody else was called: {:?}", scene.dials());
        let waiting = scene.waiting().await;
        assert_eq!(waiting.len(), 2, "{waiting:?}");
        assert!(waiting.iter().any(|line| line.starts_with("y@near.example: ")), "{waiting:?}");
        assert!(waiting.iter().any(|line| line.starts_with("z@other.example: ")), "{waiting:?}");
        assert_eq!(scene.engine.busy(), 0);
    });
}

/// A customer that goes in the midst loses nothing, and its queue is taken up by others afterwards.
#[test]
fn a_customer_that_goes() {
    for (name, script) in [
        ("before its greeting", "C: ATRN\nS: 250"),
        ("that does not want", "C: ATRN\nS: 250\nC: 554 changed my mind\nS: QUIT"),
        (
            "before the letter is taken",
            "C: ATRN\nS: 250\nC: 220 c\nS: EHLO\nC: 250 c\nS: MAIL\nC: 250 ok\nS: RCPT\nC: 250 ok
                S: DATA\nC: 354 go\nuntil .",
        ),
    ] {
        play(async {
            let (scene, sender) = serving();
            scene.zone.exchangers("far.example", &["203.0.113.1"]);
            let to = ["x@far.example"];
            scene.letter("bob@here.example", &to, "\r\nx\r\n").await.unwrap();
            scene.pass(30).await;
            let mut wire = called(&sender, &scene).await;
            converse(name, script, &scene, &mut wire).await;
            drop(wire);
            scene.pass(10).await;
            assert_eq!(scene.waiting().await.len(), 1, "{name}");
            assert_eq!(scene.engine.busy(), 0, "{name}");
            scene.net.peer(
                "203.0.113.1",
                "S: 220 x\nC: EHLO\nS: 250 x\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA
                 S: 354 go\nC: .\nS: 250 taken\nC: QUIT\nS: 221 bye",
            );
            scene.pass(4 * 3600).await;
            assert_eq!(scene.letters().len(), 1, "{name}: {:?}", scene.waiting().await);
        });
    }
}
