//! Mail handed to a mail store by LMTP (RFC 2033).

use mail::envelope::Notify;
use mail::{Envelope, MailParameters, Recipient, RecipientParameters};
use queue::route::{Routes, Rule};

use super::relay::BYE;
use super::world::{Scene, options, play};

const GREETED: &str = "S: 220 store LMTP
    C: LHLO here.example
    S: 250-store
    S: 250 PIPELINING";
const TWO: &str = "C: MAIL FROM:<ada@here.example>
    C: RCPT TO:<x@far.example>
    C: RCPT TO:<y@far.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: .";

async fn scene(transport: &str, address: &str, session: &[&str]) -> Scene {
    let default = Rule::new(transport.parse().unwrap());
    let routes = Routes { default, ..Routes::default() };
    let scene = Scene::new(crate::Options { routes, ..options() });
    scene.engine.start();
    scene.net.peer(address, &session.join("\n"));
    let notify = Some(Notify { success: true, failure: true, delay: false });
    let recipient = |path: &str| Recipient {
        path: path.parse().unwrap(),
        parameters: RecipientParameters { notify, original: None },
    };
    let envelope = Envelope {
        reverse_path: "<ada@here.example>".parse().unwrap(),
        parameters: MailParameters::default(),
        recipients: vec![recipient("<x@far.example>"), recipient("<y@far.example>")],
    };
    scene.submit(envelope, "Subject: x\r\n\r\nhello\r\n").await.unwrap();
    scene.pass(60).await;
    scene.check_scripts(transport);
    scene
}

/// Each recipient has its own fate, and what the store has is delivered, not passed on.
///
/// Register: 2033-5-i, 2033-4.2-e.
#[test]
fn each_its_own_reply() {
    let stores = [("lmtp:[192.0.2.7]:2424", "192.0.2.7"), ("lmtp:unix:/run/store/lmtp", "0.0.0.0")];
    for (transport, address) in stores {
        play(async {
            let session = [GREETED, TWO, "S: 250 2.1.5 in", "S: 452 4.2.2 full", BYE];
            let scene = scene(transport, address, &session).await;
            let waiting = scene.waiting().await;
            assert_eq!(waiting.len(), 1, "{waiting:?}");
            assert!(waiting[0].starts_with("y@far.example"), "{waiting:?}");
            let report = scene.boxes.of("ada").join("");
            assert!(report.contains("Final-Recipient: rfc822; x@far.example"), "{report}");
            assert!(report.contains("Action: delivered"), "{report}");
            assert!(!report.contains("Remote-MTA: dns; unix"), "{report}");
        });
    }
}

/// The replies that came count; the others are awaited in vain, and tried again later.
///
/// Register: 2033-5-h, 2033-5-g.
#[test]
fn lost_between_replies() {
    play(async {
        let session = [GREETED, TWO, "S: 250 2.1.5 in", "close"];
        let scene = scene("lmtp:unix:/run/store/lmtp", "0.0.0.0", &session).await;
        let waiting = scene.waiting().await;
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert!(waiting[0].starts_with("y@far.example"), "{waiting:?}");
        assert_eq!(scene.dials().len(), 1, "not sent again at once");
    });
}

/// A store that does not answer is a destination that is down.
#[test]
fn nobody_listens() {
    play(async {
        let scene = scene("lmtp:unix:/run/store/lmtp", "0.0.0.0", &["S: 421 4.3.2 down"]).await;
        assert_eq!(scene.waiting().await.len(), 2);
        assert!(scene.boxes.of("ada").is_empty());
    });
}
