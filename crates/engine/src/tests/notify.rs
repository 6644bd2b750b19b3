//! What the sender asked for: reports and their content, times, priorities.

use std::sync::Arc;

use mail::envelope::{DeliverBy, Hold, LateMode, Notify, OriginalRecipient, Return};
use mail::{
    Envelope, ForwardPath, MailParameters, Recipient, RecipientParameters, ReversePath, Xtext,
};
use queue::expansion::Aliases;

use spool::Spool;

use super::relay::{BYE, ONE, PIPELINED};
use super::spool::Fault;
use super::world::{Scene, options, play};

const FIRST: &str = "192.0.2.1";
const LETTER: &str = "Subject: the original\r\n\r\nits body\r\n";
const REFUSED: &str = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 554 no
    C: RSET\nS: 250 ok";

const NEVER: Option<Notify> = Some(Notify::NEVER);
const SUCCESS: Option<Notify> = Some(Notify { success: true, failure: false, delay: false });
const FAILURE: Option<Notify> = Some(Notify { success: false, failure: true, delay: false });
const ALL: Option<Notify> = Some(Notify { success: true, failure: true, delay: true });

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene
}

fn to(path: &str, notify: Option<Notify>) -> Recipient {
    Recipient {
        path: ForwardPath::parse_utf8(&format!("<{path}>")).unwrap(),
        parameters: RecipientParameters { notify, original: None },
    }
}

fn from_ada(parameters: MailParameters, recipients: Vec<Recipient>) -> Envelope {
    Envelope { reverse_path: "<ada@here.example>".parse().unwrap(), parameters, recipients }
}

async fn send(scene: &Scene, envelope: Envelope) {
    scene.submit(envelope, LETTER).await.unwrap();
    scene.pass(60).await;
}

/// The first three words of each recipient's group in the reports that ada got.
fn told(scene: &Scene) -> Vec<String> {
    let mut told = Vec::new();
    for report in scene.boxes.of("ada") {
        let mut recipient = "";
        for line in report.lines() {
            if let Some(address) = line.strip_prefix("Final-Recipient: rfc822; ") {
                recipient = address;
            } else if let Some(action) = line.strip_prefix("Action: ") {
                told.push(format!("{recipient} {action}"));
            } else if let Some(status) = line.strip_prefix("Status: ") {
                told.last_mut().unwrap().push_str(&format!(" {status}"));
            }
        }
    }
    told
}

/// Register: 3461-5.2.3-a, 3461-5.2.3-b, 3461-6.3-a, 3461-6.3-d, 3461-4.3-c, 3464-2.3.5-a,
/// 3461-5.2.8-a, 3464-3-c.
#[test]
fn delivered_to_a_mailbox() {
    play(async {
        let scene = Scene::started();
        let mut asked = to("bob@here.example", SUCCESS);
        asked.parameters.original = Some(OriginalRecipient {
            address_type: "rfc822".to_owned(),
            address: "Robert+2BX@here.example".to_owned(),
        });
        let others = ["eve@here.example", "postmaster@here.example"];
        let recipients = vec![asked, to(others[0], FAILURE), to(others[1], None)];
        let parameters = MailParameters {
            envelope_id: Some(Xtext::encode(b"id=1")),
            ret: Some(Return::Full),
            ..MailParameters::default()
        };
        send(&scene, from_ada(parameters, recipients)).await;
        assert_eq!(told(&scene), ["bob@here.example delivered 2.0.0"]);
        let report = scene.boxes.of("ada").join("");
        for wanted in [
            "Original-Envelope-Id: id=1\r\n",
            "Original-Recipient: rfc822;Robert+X@here.example\r\n",
            "text/rfc822-headers",
        ] {
            assert!(report.contains(wanted), "{wanted} in {report}");
        }
        for unwanted in ["eve", "postmaster@here.example\r\nAction", "Remote-MTA", "its body"] {
            assert!(!report.contains(unwanted), "{unwanted} in {report}");
        }
        scene.pass(10 * 86_400).await;
        assert_eq!(told(&scene).len(), 1);
    });
}

/// Taken by a host without DSN: the last that can be told of it.
///
/// Register: 3461-5.2.2-b, 3461-5.2.2-f.
#[test]
fn relayed_beyond_the_reach_of_reports() {
    for (notify, want) in [
        (SUCCESS, Some("x@far.example relayed 2.0.0")),
        (FAILURE, None),
        (None, None),
        (NEVER, None),
    ] {
        play(async {
            let scene = far();
            scene.net.peer(FIRST, &[PIPELINED, ONE, BYE].join("\n"));
            let envelope = from_ada(MailParameters::default(), vec![to("x@far.example", notify)]);
            send(&scene, envelope).await;
            scene.check_scripts("relayed");
            assert_eq!(told(&scene), want.into_iter().collect::<Vec<_>>(), "{notify:?}");
            let report = scene.boxes.of("ada").join("");
            assert_eq!(report.contains("Remote-MTA: dns; mx1.far.example"), want.is_some());
        });
    }
}

/// Register: 3461-5.2.2-c, 3461-5.2.2-d, 3461-5.2.2-g, 3461-5.2.6-b, 3461-5.2.8-a.
#[test]
fn refused_for_good() {
    for (notify, want) in [
        (None, Some("x@far.example failed 5.1.1")),
        (FAILURE, Some("x@far.example failed 5.1.1")),
        (ALL, Some("x@far.example failed 5.1.1")),
        (SUCCESS, None),
        (NEVER, None),
    ] {
        play(async {
            let scene = far();
            scene.net.peer(FIRST, &[PIPELINED, REFUSED, BYE].join("\n"));
            let envelope = from_ada(MailParameters::default(), vec![to("x@far.example", notify)]);
            send(&scene, envelope).await;
            assert_eq!(told(&scene), want.into_iter().collect::<Vec<_>>(), "{notify:?}");
            assert_eq!(scene.queue().await.len(), 0);
        });
    }
}

/// Register: 3461-6.2-b, 3461-6.2-d, 8689-5-b.
#[test]
fn what_comes_back() {
    for (ret, require_tls, whole) in [
        (Some(Return::Full), false, true),
        (None, false, true),
        (Some(Return::Headers), false, false),
        (Some(Return::Full), true, false),
    ] {
        play(async {
            let scene = far();
            // Where TLS is required and not offered, it fails as well.
            let answer = if require_tls { "" } else { REFUSED };
            scene.net.peer(FIRST, &[PIPELINED, answer, BYE].join("\n"));
            let parameters = MailParameters { ret, require_tls, ..MailParameters::default() };
            send(&scene, from_ada(parameters, vec![to("x@far.example", None)])).await;
            let report = scene.boxes.of("ada").join("");
            assert!(report.contains("Subject: the original"), "{report}");
            assert_eq!(report.contains("its body"), whole, "{ret:?} {require_tls}");
        });
    }
}

/// An alias of one passes the request on; one of several is expanded, and the request ends there; a
/// list is where the mail ends, whatever becomes of its members.
///
/// Register: 3461-5.2.7.1-a, 3461-5.2.7.1-e, 3461-5.2.7.2-a, 3461-5.2.7.2-b, 3461-5.2.7.3-a,
/// 3464-2.3.3-c, 3464-3-d, 3464-3-e.
#[test]
fn aliases_and_lists() {
    play(async {
        let text = "one: bob\nstaff: bob, eve\nlist: eve, gone\nowner-list: eve\n";
        let aliases = Aliases::parse(text, "aliases", &mut |_| Err("none".to_owned())).unwrap();
        let mut options = options();
        options.access.aliases = Arc::new(aliases);
        let scene = Scene::new(options);
        scene.engine.start();
        let all = ["one", "staff", "list"].map(|name| to(&format!("{name}@here.example"), SUCCESS));
        send(&scene, from_ada(MailParameters::default(), all.to_vec())).await;
        let mut told = told(&scene);
        told.sort();
        let want = [
            "bob@here.example delivered 2.0.0",
            "list@here.example delivered 2.0.0",
            "staff@here.example expanded 2.0.0",
        ];
        assert_eq!(told, want);
        // What fails behind the list is the business of its owner.
        assert!(scene.boxes.of("eve").iter().any(|letter| letter.contains("gone@here.example")));
    });
}

/// Register: 3461-5.2.5-c.
#[test]
fn delays_that_nobody_hears_of() {
    play(async {
        let mut options = options();
        options.schedule.delay_notice = None;
        let scene = Scene::new(options);
        scene.engine.start();
        scene.zone.exchangers("far.example", &[FIRST]);
        send(&scene, from_ada(MailParameters::default(), vec![to("x@far.example", ALL)])).await;
        scene.pass(4 * 86_400).await;
        assert_eq!(told(&scene), [""; 0]);
        scene.pass(2 * 86_400).await;
        assert_eq!(told(&scene).len(), 1, "the failure is told");
    });
}

/// A delay is told of to who wants to hear of it.
///
/// Register: 3461-5.2.5-a, 3461-5.2.5-b, 3461-4.1-c.
#[test]
fn delays() {
    for (notify, count) in [(None, 1), (ALL, 1), (FAILURE, 0), (NEVER, 0)] {
        play(async {
            let scene = far();
            let envelope = from_ada(MailParameters::default(), vec![to("x@far.example", notify)]);
            send(&scene, envelope).await;
            scene.pass(8 * 3600).await;
            assert_eq!(told(&scene).len(), count, "{notify:?}");
        });
    }
}

fn by(seconds: i64, mode: LateMode) -> MailParameters {
    let deliver_by = Some(DeliverBy { seconds, mode, trace: false });
    MailParameters { deliver_by, ..MailParameters::default() }
}

/// Register: 2852-4.1.3-a, 2852-4.1.3-b.
#[test]
fn mail_that_is_late() {
    play(async {
        let scene = far();
        send(&scene, from_ada(by(900, LateMode::Return), vec![to("x@far.example", None)])).await;
        scene.pass(830).await;
        assert_eq!(told(&scene), [""; 0]);
        let dials = scene.dials().len();
        scene.pass(20).await;
        assert_eq!(told(&scene), ["x@far.example failed 5.4.7"]);
        assert_eq!(scene.dials().len(), dials, "nothing is tried any more");
        assert_eq!(scene.queue().await.len(), 0);
    });
    play(async {
        let scene = far();
        send(&scene, from_ada(by(900, LateMode::Notify), vec![to("x@far.example", None)])).await;
        scene.pass(850).await;
        assert_eq!(told(&scene), ["x@far.example delayed 4.4.7"]);
        scene.net.peer(FIRST, &[PIPELINED, ONE, BYE].join("\n"));
        scene.pass(3600).await;
        scene.check_scripts("late");
        assert_eq!(told(&scene).len(), 1);
    });
}

/// A host that knows nothing of the time takes it: the sender hears of that.
///
/// Register: 2852-4.1.4.2-a.
#[test]
fn relayed_without_its_time() {
    for (notify, count) in [(None, 1), (FAILURE, 1), (NEVER, 0)] {
        play(async {
            let scene = far();
            scene.net.peer(FIRST, &[PIPELINED, ONE, BYE].join("\n"));
            let to = to("x@far.example", notify);
            send(&scene, from_ada(by(900, LateMode::Notify), vec![to])).await;
            assert_eq!(told(&scene).len(), count, "{notify:?}");
        });
    }
}

/// What its author wants held is not tried before, and nobody but an administrator sees it go early.
#[test]
fn mail_that_is_held() {
    play(async {
        let scene = far();
        let hold = Some(Hold::For(3600));
        let parameters = MailParameters { hold, ..MailParameters::default() };
        send(&scene, from_ada(parameters, vec![to("x@far.example", None)])).await;
        let queue = scene.queue().await;
        assert_eq!(queue.len(), 1);
        assert_eq!(queue[0].held_until, Some(queue[0].due));
        let reason = queue[0].recipients[0].reason.as_deref().unwrap_or_default();
        assert!(reason.starts_with("held at its author's wish until "), "{reason}");
        assert_eq!(scene.engine.flush().await.unwrap(), 0);
        scene.pass(3500).await;
        assert_eq!(scene.dials().len(), 0);
        scene.net.peer(FIRST, &[PIPELINED, ONE, BYE].join("\n"));
        scene.pass(60).await;
        scene.check_scripts("held");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Urgent mail goes first, the others in the order they came.
#[test]
fn priorities() {
    play(async {
        let mut options = options();
        options.limits = super::world::limits(1);
        let scene = Scene::new(options);
        scene.engine.start();
        scene.zone.exchangers("far.example", &[FIRST]);
        for (name, priority) in
            [("first", None), ("second", Some(-4)), ("third", Some(0)), ("urgent", Some(6))]
        {
            let parameters = MailParameters { priority, ..MailParameters::default() };
            let envelope = from_ada(parameters, vec![to("x@far.example", None)]);
            scene.submit(envelope, &format!("Subject: {name}\r\n\r\n")).await.unwrap();
        }
        scene.net.peer(FIRST, &[PIPELINED, &[ONE; 4].join("\n"), BYE].join("\n"));
        scene.pass(3600).await;
        scene.check_scripts("priorities");
        let subject = |letter: &String| {
            letter.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned))
        };
        let order: Vec<_> = scene.letters().iter().filter_map(subject).collect();
        assert_eq!(order, ["urgent", "first", "third", "second"]);
    });
}

/// There was no room for the report: it comes later, and the mail does not go again.
#[test]
fn a_report_that_found_no_room() {
    play(async {
        let scene = Scene::started();
        scene.spool.fail(&[None, Some(Fault::Full)]);
        send(&scene, from_ada(MailParameters::default(), vec![to("bob@here.example", SUCCESS)]))
            .await;
        assert_eq!((scene.boxes.of("bob").len(), scene.boxes.of("ada").len()), (1, 0));
        assert_eq!(scene.queue().await.len(), 1);
        scene.pass(3600).await;
        assert_eq!(scene.boxes.of("bob").len(), 1, "delivered once");
        assert_eq!(told(&scene), ["bob@here.example delivered 2.0.0"]);
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// A report about mail in UTF-8 to a sender in ASCII passes any host; one to a sender beyond ASCII is
/// as RFC 6533 has it.
///
/// Register: 6531-3.2-g, 6533-4.5-a, 6533-4.1-c.
#[test]
fn mail_beyond_ascii() {
    const GLOBAL: &str = "Subject: Grüße\r\n\r\nhello\r\n";
    for (from, part, shown) in [
        ("<ada@here.example>", "message/delivery-status", "utf-8; \\x{FC}@far.example"),
        ("<äda@here.example>", "message/global-delivery-status", "utf-8; ü@far.example"),
    ] {
        play(async {
            let mut options = options();
            options.access.users = queue::access::Users::listed(["ada", "äda"]);
            let scene = Scene::new(options);
            scene.engine.start();
            let envelope = Envelope {
                reverse_path: ReversePath::parse_utf8(from).unwrap(),
                parameters: MailParameters { utf8: true, ..MailParameters::default() },
                recipients: vec![to("ü@far.example", None)],
            };
            scene.submit(envelope, GLOBAL).await.unwrap();
            scene.pass(60).await;
            let user = from.trim_matches(['<', '>']).split('@').next().unwrap();
            let report = scene.boxes.of(user).join("");
            for wanted in [format!("Content-Type: {part}\r\n"), format!("{shown}\r\n")] {
                assert!(report.contains(&wanted), "{wanted} in {report}");
            }
            assert_eq!(report.contains("Subject: Grüße"), part.contains("global"));
            assert!(report.contains("message/global\r\n"), "{report}");
        });
    }
}

/// A report about mail that requires TLS asks for it too, and goes on where it is not to be had.
///
/// Register: 8689-5-a, 8689-5-c.
#[test]
fn reports_about_mail_that_requires_tls() {
    const HOME: &str = "192.0.2.9";
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("home.example", &[HOME]);
        let taken = "C: MAIL FROM:<>\nC: RCPT TO:<ann@home.example>\nC: DATA\nS: 250 ok\nS: 250 ok
            S: 354 go\nC: .\nS: 250 taken";
        scene.net.peer(HOME, &[PIPELINED, taken, BYE].join("\n"));
        let parameters = MailParameters { require_tls: true, ..MailParameters::default() };
        let envelope = Envelope {
            reverse_path: "<ann@home.example>".parse().unwrap(),
            parameters,
            recipients: vec![to("nobody@gone.example", None)],
        };
        send(&scene, envelope).await;
        scene.check_scripts("requires TLS");
        let report = scene.letters().pop().unwrap();
        assert!(report.contains("Action: failed") && !report.contains("its body"), "{report}");
    });
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("home.example", &[HOME]);
        let parameters = MailParameters { require_tls: true, ..MailParameters::default() };
        let envelope = Envelope {
            reverse_path: "<ann@home.example>".parse().unwrap(),
            parameters,
            recipients: vec![to("nobody@gone.example", None)],
        };
        send(&scene, envelope).await;
        // Nobody takes the report yet: its record says what it asks for.
        let page = scene.spool.model.list(&spool::Filter::default(), None, 9).await.unwrap();
        let stored = queue::record::Stored::decode(&page.rows[0].envelope).unwrap();
        assert!(stored.reverse_path.is_null() && stored.parameters.require_tls);
        assert_eq!(stored.recipients[0].parameters.notify, NEVER);
    });
}
