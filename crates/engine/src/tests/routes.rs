//! Where mail goes by the rules of the operator: programs, mailboxes of a route, nowhere, several
//! hosts, and from which address.

use std::sync::Arc;
use std::time::Duration;

use mail::lookup::Record;
use mail::{MailParameters, Recipient, RecipientParameters};
use queue::program::{Argument, End, Program};
use queue::record::{Class, HeadEdits, Origin, Stored};
use queue::route::{Routes, Rule, Via};
use queue::target::Target;
use spool::Body;

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, options, play};
use crate::admit::Pending;
use crate::{Options, ProofSource, Smarthost, Smarthosts, Source, Transports};

const LETTER: &str = "Return-Path: <forged@x.example>\r\nSubject: x\r\n\r\nhello\r\n";

fn rule(transport: &str) -> Rule {
    Rule::new(transport.parse().unwrap())
}

fn program(command: &str) -> Arc<Program> {
    let command: Vec<Argument> = command.split(' ').map(|text| text.parse().unwrap()).collect();
    Arc::new(Program { command, ..Program::plain(&[], Some("lists".to_owned())) })
}

/// Everything goes by this route.
fn with(default: Rule) -> Options {
    let mut transports = Transports::default();
    transports.programs.insert("list".into(), program("/bin/list -f {sender} {user} {extension}"));
    let routes = Routes { default, ..Routes::default() };
    Options { routes, transports, ..options() }
}

async fn sent(options: Options, to: &[&str]) -> Scene {
    let scene = Scene::new(options);
    scene.engine.start();
    scene.letter("ada@here.example", to, LETTER).await.unwrap();
    scene.pass(30).await;
    scene
}

/// One run for each recipient, with its own arguments and head.
#[test]
fn a_program_takes_it() {
    play(async {
        let to = ["Ann+x@far.example", "bob@far.example"];
        let scene = sent(with(rule("pipe:list")), &to).await;
        let runs = scene.programs.runs();
        assert_eq!(runs.len(), 2, "{runs:?}");
        let begin = "lists /bin/list|-f|ada@here.example|ann|x\n\
            From ada@here.example\n\
            Return-Path: <ada@here.example>\r\n\
            Delivered-To: Ann+x@far.example\r\n\
            Received: ";
        assert!(runs[0].starts_with(begin), "{}", runs[0]);
        assert!(runs[0].ends_with("Subject: x\r\n\r\nhello\r\n"), "{}", runs[0]);
        assert!(!runs[0].contains("forged"), "{}", runs[0]);
        assert!(
            runs[1].starts_with("lists /bin/list|-f|ada@here.example|bob||\n")
                || runs[1].starts_with("lists /bin/list|-f|ada@here.example|bob|\n"),
            "{}",
            runs[1]
        );
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.boxes.of("ada"), [""; 0]);
    });
}

/// What a program says is what becomes of the mail.
#[test]
fn what_a_program_says() {
    let rows = [
        (
            End::Exit(75),
            "busy",
            "x@far.example: The program list ended with 75 (to be tried again): busy.",
            0,
        ),
        (End::Exit(67), "", "", 1),
        (End::Exit(1), "5.2.2 full", "", 1),
        (End::Exit(1), "4.2.2 full", "x@far.example: The program list said: full.", 0),
        (End::Signal(9), "", "x@far.example: The program list was killed by signal 9.", 0),
        (
            End::TimeLimit(Duration::from_secs(9)),
            "",
            "x@far.example: The program list was ended after 9 s.",
            0,
        ),
        (End::Exit(127), "", "x@far.example: The program list ended with 127 (not found).", 0),
    ];
    for (end, output, waiting, reports) in rows {
        play(async {
            let scene = Scene::new(with(rule("pipe:list")));
            scene.engine.start();
            scene.programs.end(end.clone(), output);
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
            scene.pass(30).await;
            assert_eq!(scene.waiting().await.join(""), waiting, "{end:?}");
            assert_eq!(scene.boxes.of("ada").len(), reports, "{end:?}");
        });
    }
}

/// What is deferred is tried again, and goes when the program has changed its mind.
#[test]
fn a_program_is_asked_again() {
    play(async {
        let scene = Scene::new(with(rule("pipe:list")));
        scene.engine.start();
        scene.programs.end(End::Exit(75), "");
        scene.programs.end(End::Exit(0), "");
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(30).await;
        assert_eq!(scene.waiting().await.len(), 1);
        scene.pass(700).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.programs.runs().len(), 2);
    });
}

/// No more runs at once than the operator allows, and a slow program hangs no mailbox up.
#[test]
fn slow_programs() {
    play(async {
        let mut options = with(rule("pipe:list"));
        let mut slow = (*program("/bin/slow")).clone();
        slow.concurrency = 2;
        options.transports.programs.insert("list".into(), Arc::new(slow));
        let scene = Scene::new(options);
        scene.engine.start();
        scene.programs.set_pause(Duration::from_secs(20));
        for number in 0..6 {
            let far = format!("x{number}@far.example");
            scene.letter("ada@here.example", &[&far], LETTER).await.unwrap();
        }
        scene.letter("ada@here.example", &["bob@here.example"], LETTER).await.unwrap();
        scene.pass(10).await;
        assert_eq!(scene.boxes.of("bob").len(), 1);
        scene.pass(400).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!((scene.programs.runs().len(), scene.programs.at_once()), (6, 2));
    });
}

/// Who hangs long gets no more of the workers: his other mail waits in the spool.
#[test]
fn hanging_programs() {
    play(async {
        let mut options = with(rule("pipe:list"));
        let hanging = Program { concurrency: 2, ..(*program("/bin/hang")).clone() };
        options.transports.programs.insert("list".into(), Arc::new(hanging));
        let scene = Scene::new(options);
        scene.engine.start();
        scene.programs.set_pause(Duration::from_secs(900));
        for _ in 0..6 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(60).await;
        let waiting = scene.waiting().await;
        let why = "x@far.example: The program list runs 2 times already.";
        assert!(waiting.iter().filter(|line| *line == why).count() > 0, "{waiting:?}");
    });
}

#[test]
fn too_large_for_a_program() {
    play(async {
        let mut options = with(rule("pipe:list"));
        let small = Program { size_max: Some(20), ..(*program("/bin/x")).clone() };
        options.transports.programs.insert("list".into(), Arc::new(small));
        let scene = sent(options, &["x@far.example"]).await;
        assert_eq!(scene.programs.runs(), [""; 0]);
        let reports = scene.boxes.of("ada");
        assert!(reports[0].contains("5.3.4"), "{reports:?}");
    });
}

/// Thrown away: nobody gets it, nobody hears of it, nothing is left.
#[test]
fn discarded() {
    play(async {
        let scene = sent(with(rule("discard")), &["x@far.example"]).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.boxes.of("ada"), [""; 0]);
        assert_eq!(scene.dials(), [""; 0]);
    });
}

#[test]
fn errors() {
    play(async {
        let scene = sent(with(rule("error:5.1.6 She has moved")), &["x@far.example"]).await;
        let reports = scene.boxes.of("ada");
        assert_eq!(scene.waiting().await, [""; 0]);
        assert!(reports[0].contains("Status: 5.1.6"), "{reports:?}");
        assert!(reports[0].contains("She has moved"), "{reports:?}");
    });
    play(async {
        let scene = sent(with(rule("error:4.2.1 Closed today")), &["x@far.example"]).await;
        assert_eq!(scene.waiting().await, ["x@far.example: Closed today."]);
    });
}

#[test]
fn a_mailbox_of_a_route() {
    play(async {
        let template = "mailbox:maildir:/srv/{domain}/{user}";
        let scene = sent(with(rule(template)), &["Ann+x@Far.Example"]).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        let name = "maildir:/srv/{domain}/{user} ann far.example";
        assert_eq!(scene.boxes.of(name).len(), 1);
    });
}

/// Recipients of one letter go their own ways, also when the rules have changed since.
#[test]
fn each_recipient_its_own_way() {
    play(async {
        let mut options = with(rule("discard"));
        let recipients = &mut options.routes.recipients;
        recipients.insert("list@far.example".parse().unwrap(), rule("pipe:list"));
        recipients.insert("later@far.example".parse().unwrap(), rule("error:4.2.1 Later"));
        recipients.insert("bob@here.example".parse().unwrap(), rule("pipe:list"));
        // There is no such user.
        recipients.insert("list@here.example".parse().unwrap(), rule("pipe:list"));
        let to = [
            "list@far.example",
            "later@far.example",
            "x@far.example",
            "bob@here.example",
            "list@here.example",
        ];
        let scene = sent(options.clone(), &to).await;
        assert_eq!(scene.programs.runs().len(), 3);
        assert_eq!(scene.waiting().await, ["later@far.example: Later."]);
        assert_eq!(scene.boxes.of("bob"), [""; 0]);
        options.routes.recipients.insert("later@far.example".parse().unwrap(), rule("pipe:list"));
        scene.engine.reload(options, []);
        scene.pass(1200).await;
        assert_eq!(scene.programs.runs().len(), 4);
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

fn two_hubs() -> Scene {
    let scene = Scene::new(with(rule("smtp:[a.example],smtp:[b.example]")));
    scene.engine.start();
    scene.zone.add("a.example", Record::A([192, 0, 2, 1].into()));
    scene.zone.add("b.example", Record::A([192, 0, 2, 2].into()));
    scene
}

/// The hosts of a route in their order; the next one in the same attempt.
#[test]
fn several_hosts() {
    let whole = script(&[PIPELINED, ONE, BYE]);
    let rows: &[(&str, Option<&str>, &[&str])] = &[
        ("the first takes it", Some(&whole), &["192.0.2.1"]),
        ("the first is down", None, &["192.0.2.1", "192.0.2.2"]),
        ("the first is busy", Some("S: 421 4.3.2 busy\nclose"), &["192.0.2.1", "192.0.2.2"]),
        (
            "the first has no room",
            Some("S: 451 4.3.0 no\nC: QUIT\nS: 221 bye"),
            &["192.0.2.1", "192.0.2.2"],
        ),
        (
            "the first wants nobody",
            Some("S: 554 5.3.2 no\nC: QUIT\nS: 221 bye"),
            &["192.0.2.1", "192.0.2.2"],
        ),
        (
            "the first dies at MAIL",
            Some(&format!("{PIPELINED}\nC: MAIL\nclose")),
            &["192.0.2.1", "192.0.2.2"],
        ),
    ];
    for (name, first, dials) in rows {
        play(async {
            let scene = two_hubs();
            if let Some(first) = first {
                scene.net.peer("192.0.2.1", first);
            }
            if dials.len() > 1 {
                scene.net.peer("192.0.2.2", &whole);
            }
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
            scene.pass(300).await;
            assert_eq!(scene.waiting().await, [""; 0], "{name}");
            assert_eq!(scene.dials(), *dials, "{name}");
            scene.check_scripts(name);
        });
    }
}

/// A host that has no address is passed over; when none works, the mail waits.
#[test]
fn several_hosts_and_none_works() {
    play(async {
        let scene = two_hubs();
        scene.zone.remove("a.example");
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        assert_eq!(scene.dials(), ["192.0.2.2"]);
        assert_eq!(scene.waiting().await.len(), 1);
    });
}

/// Exchangers first, and a host for what they do not take now; what is wrong for good stays so.
#[test]
fn a_host_to_fall_back_to() {
    play(async {
        let scene = Scene::new(with(rule("mx,smtp:[b.example]")));
        scene.engine.start();
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        scene.zone.add("b.example", Record::A([192, 0, 2, 2].into()));
        scene.net.peer("192.0.2.2", &script(&[PIPELINED, ONE, BYE]));
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.letter("ada@here.example", &["x@nowhere.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(scene.dials(), ["192.0.2.1", "192.0.2.2"]);
        let reports = scene.boxes.of("ada");
        assert!(reports.len() == 1 && reports[0].contains("5.1.2"), "{reports:?}");
    });
}

fn from(name: &str) -> Rule {
    Rule { via: Via { from: Some(name.into()), login: None }, ..rule("smtp:[192.0.2.1]") }
}

/// Each source has its own connections, address and name.
#[test]
fn sources() {
    play(async {
        let mut options = with(rule("smtp:[192.0.2.1]"));
        let office = Source {
            addresses: vec!["198.51.100.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            hello: Some("office.example".parse().unwrap()),
        };
        let shop = Source { addresses: vec!["198.51.100.8".parse().unwrap()], hello: None };
        options.transports.sources.insert("office".into(), office);
        options.transports.sources.insert("shop".into(), shop);
        let senders = &mut options.routes.senders;
        senders.insert("ada@here.example".parse().unwrap(), from("office"));
        senders.insert("bob@here.example".parse().unwrap(), from("shop"));
        let scene = Scene::new(options);
        scene.engine.start();
        let session = |hello: &str, sender: &str| {
            let whole = script(&[PIPELINED, ONE, BYE]);
            whole
                .replace("EHLO here.example", &format!("EHLO {hello}"))
                .replace("<ada@here.example>", &format!("<{sender}>"))
        };
        for (sender, hello) in [
            ("ada@here.example", "office.example"),
            ("bob@here.example", "here.example"),
            ("eve@here.example", "here.example"),
        ] {
            scene.net.peer("192.0.2.1", &session(hello, sender));
            scene.letter(sender, &["x@far.example"], LETTER).await.unwrap();
            // The connection before is still open.
            scene.pass(1).await;
        }
        scene.pass(60).await;
        scene.check_scripts("sources");
        assert_eq!(scene.waiting().await, [""; 0]);
        assert_eq!(
            scene.net.seen(|seen| seen.sources.clone()),
            ["198.51.100.7", "198.51.100.8", "-"]
        );
    });
}

/// A sender's own login at the host that all others use without one.
#[test]
fn logins_by_sender() {
    play(async {
        let mut options = with(rule("smtp:[192.0.2.1]"));
        let via = Via { from: None, login: Some("ada".into()) };
        let own = Rule { via, ..rule("smtp:[192.0.2.1]") };
        options.routes.senders.insert("ada@here.example".parse().unwrap(), own);
        let smarthost = Smarthost {
            login: "ann".to_owned(),
            proof: ProofSource::Password("secrets/hub".to_owned()),
            mechanisms: None,
            clear: true,
        };
        let host = "192.0.2.1".parse().unwrap();
        options.smarthosts = Smarthosts::from([((host, "ada".into()), smarthost)]);
        let scene = Scene::new(options);
        scene.engine.start();
        let with_login = PIPELINED.replace("250 SIZE 1000000", "250 AUTH PLAIN");
        let taken = ONE.replace("here.example>\n", "here.example> AUTH=<>\n");
        scene.net.peer(
            "192.0.2.1",
            &script(&[
                &with_login,
                "C: AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==",
                "S: 235 2.7.0 welcome",
                &taken,
                BYE,
            ]),
        );
        let plain =
            script(&[PIPELINED, ONE, BYE]).replace("<ada@here.example>", "<bob@here.example>");
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(1).await;
        scene.net.peer("192.0.2.1", &plain);
        scene.letter("bob@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        scene.check_scripts("logins");
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// Where aliases and users lead: each end has its own fate, and a program that hangs keeps no mailbox
/// waiting.
#[test]
fn targets() {
    play(async {
        let scene = Scene::new(options());
        scene.engine.start();
        scene.programs.set_pause(Duration::from_secs(500));
        let user = || "bob".to_owned();
        let ends = [
            Target::Command { argv: vec!["/bin/x".to_owned(), "{user}".to_owned()], user: user() },
            Target::File { path: "/home/bob/saved".to_owned(), user: user() },
            Target::Mailbox { user: user(), domain: None },
            Target::File { path: "/dev/null".to_owned(), user: user() },
            Target::Nobody { why: "it goes in a circle".to_owned() },
        ];
        let recipient = Recipient {
            path: "<staff@here.example>".parse().unwrap(),
            parameters: RecipientParameters::default(),
        };
        let arrival = scene.engine.shared.world.clock.wall();
        let stored = Stored {
            reverse_path: "<ada@here.example>".parse().unwrap(),
            parameters: MailParameters::default(),
            recipients: vec![recipient; ends.len()],
            targets: (0..).zip(ends).collect(),
            arrival,
            expire: arrival + Duration::from_secs(432_000),
            eight_bit: false,
            tls_optional: false,
            origin: Origin::default(),
            class: Class::Ordinary,
        };
        let pending = Pending {
            id: scene.engine.shared.ids.next(arrival),
            stored,
            head: HeadEdits::default(),
            body: Body::Inline(LETTER.into()),
            by_sender: None,
        };
        let told = scene.engine.options();
        let inserted = scene.engine.shared.insert(&told, vec![pending], Vec::new()).await;
        assert!(inserted.is_ok());
        scene.pass(10).await;
        assert_eq!(scene.boxes.of("bob").len(), 1);
        assert_eq!(scene.boxes.of("/home/bob/saved bob").len(), 1);
        let reports = scene.boxes.of("ada");
        assert!(reports.len() == 1 && reports[0].contains("circle"), "{reports:?}");
        let queues: Vec<String> = scene.queue().await.into_iter().map(|job| job.queue).collect();
        assert_eq!(queues, ["pipe"]);
        scene.pass(600).await;
        let runs = scene.programs.runs();
        // Nothing in what a user wrote stands for anything else.
        assert!(runs.len() == 1 && runs[0].starts_with("bob /bin/x|{user}\nFrom ada@"), "{runs:?}");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// A table says by which way the mail of a sender goes: a line comes before it, what is ours stays here,
/// and while it has no answer, or none that is a way, nothing is taken.
#[test]
fn tables_route_senders() {
    use super::rewriting::TestTables;

    let rows = &[
        ("ann@x.example", "smtp:[192.0.2.9]:2525;from=office"),
        ("@y.example", "smtp:[192.0.2.7],smtp:[192.0.2.8]"),
        ("eve@here.example", "smtp:[192.0.2.6]"),
        ("odd@x.example", "local"),
    ];
    let cases = [
        ("Ann@x.example", "b@far.example", "smtp:[192.0.2.9]:2525;from=office"),
        ("joe@y.example", "b@far.example", "smtp:[192.0.2.7]:25,smtp:[192.0.2.8]:25"),
        ("eve@here.example", "b@far.example", "smtp:[192.0.2.5]:25"),
        ("ann@x.example", "bob@here.example", "local"),
        ("joe@z.example", "b@far.example", "mx:far.example"),
        ("", "b@far.example", "mx:far.example"),
        ("odd@x.example", "b@far.example", "451 4.4.3"),
        ("down@x.example", "b@far.example", "451 4.4.3"),
    ];
    for (from, to, want) in cases {
        play(async {
            let mut options = crate::Options { paused: true, ..options() };
            options.routes.sender_tables = vec!["ways".into()];
            let line = queue::route::Rule::new("smtp:[192.0.2.5]".parse().unwrap());
            options.routes.senders.insert("eve@here.example".parse().unwrap(), line);
            let scene = Scene::with_world(options, |world| {
                world.tables = Arc::new(TestTables(rows));
            });
            let got = match scene.letter(from, &[to], LETTER).await {
                Ok(_) => scene.queue().await.into_iter().map(|job| job.queue).collect(),
                Err(crate::Refusal::Refused(reply)) => reply.to_string(),
                Err(error) => panic!("{error}"),
            };
            assert!(got.starts_with(want), "{from} {to}: {got}");
        });
    }
}
