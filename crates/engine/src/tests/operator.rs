//! What operators do to the queue: each deed in each state of a letter, also while it is being
//! tried, and what a restart finds.

use queue::selector::{Selector, State};

use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, options, play};
use crate::{Action, Came, Deed, Engine, Operator, Suspended};

const FIRST: &str = "192.0.2.1";
const HUB: &str = "192.0.2.77";
const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";
const DAY: u64 = 86_400;

/// A letter for anybody is taken.
fn any() -> String {
    ONE.replace("RCPT TO:<x@far.example>", "RCPT")
}

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene
}

fn selector(recipient: &str) -> Selector {
    Selector { recipient: Some(recipient.parse().unwrap()), ..Selector::default() }
}

fn operator() -> Operator {
    Operator { by: "root".to_owned(), why: "a test".to_owned() }
}

async fn act(scene: &Scene, selector: &Selector, action: Action) -> Vec<Deed> {
    let page = scene.engine.act(selector, &action, &operator(), None, 1000).await.unwrap();
    assert_eq!(page.1, None, "one page");
    page.0
}

/// The one deed there is.
async fn act_once(scene: &Scene, action: Action) -> (Came, String) {
    let mut deeds = act(scene, &Selector::default(), action).await;
    assert_eq!(deeds.len(), 1);
    deeds.pop().map(|deed| (deed.came, deed.text)).unwrap()
}

async fn send(scene: &Scene, to: &[&str]) {
    scene.letter("ada@here.example", to, LETTER).await.unwrap();
}

fn hub() -> Action {
    Action::Reroute(Some("smtp:[192.0.2.77]".parse().unwrap()))
}

/// What each deed says of a letter that is deferred, and of one that is held.
#[test]
fn deeds_by_state() {
    let rows: &[(Action, Came, &str, Came, &str)] = &[
        (Action::Hold, Came::Done, "held", Came::Refused, "held already"),
        (Action::Release, Came::Refused, "not held", Came::Done, "released"),
        (Action::Retry, Came::Done, "due now", Came::Refused, "release it"),
        (Action::Remove, Came::Done, "nobody is told", Came::Done, "nobody is told"),
        (Action::Expire, Came::Done, "returned to ada@here", Came::Done, "returned to ada@here"),
        (hub(), Came::Done, "goes there now", Came::Done, "goes there now"),
        (Action::Reroute(None), Came::Refused, "already", Came::Refused, "already"),
    ];
    for (action, deferred, why, held, why_held) in rows {
        for (hold, wanted, words) in [(false, deferred, why), (true, held, why_held)] {
            play(async {
                let scene = far();
                send(&scene, &["x@far.example"]).await;
                scene.pass(60).await;
                if hold {
                    assert_eq!(act_once(&scene, Action::Hold).await.0, Came::Done);
                }
                let (came, text) = act_once(&scene, action.clone()).await;
                assert!(came == *wanted && text.contains(words), "{action}: {came:?} {text}");
                let queue = scene.queue().await;
                let mut others = queue.iter().filter(|job| job.queue == "mx:far.example");
                assert!(others.all(|job| job.state != State::Active), "{action}");
            });
        }
    }
}

#[test]
fn held_mail_waits_and_goes_when_it_is_released() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example"]).await;
        scene.pass(60).await;
        assert_eq!(act_once(&scene, Action::Hold).await.0, Came::Done);
        scene.pass(2 * DAY).await;
        assert_eq!(scene.dials().len(), 1);
        assert_eq!(scene.queue().await[0].state, State::Held);
        scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
        act_once(&scene, Action::Release).await;
        scene.pass(5).await;
        scene.check_scripts("released");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

#[test]
fn mail_is_removed_for_one_and_stays_for_the_other() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example", "y@far.example"]).await;
        scene.pass(60).await;
        let deeds = act(&scene, &selector("x@far.example"), Action::Remove).await;
        assert_eq!(deeds[0].recipients, ["x@far.example"]);
        assert!(deeds[0].text.contains("the others keep it"), "{}", deeds[0].text);
        let waiting = scene.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].starts_with("y@far.example"), "{waiting:?}");
        act(&scene, &selector("@far.example"), Action::Remove).await;
        assert_eq!(scene.queue().await.len(), 0);
        scene.pass(6 * DAY).await;
        assert_eq!(scene.boxes.of("ada").len(), 0, "nobody is told");
    });
}

#[test]
fn mail_is_given_up_with_the_report_of_its_last_attempt() {
    play(async {
        let scene = far();
        let greylisted = "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 450 4.7.1 greylisted
            S: 450 4.7.1 greylisted\nS: 503 no\nC: RSET\nS: 250 ok";
        scene.net.peer(FIRST, &script(&[PIPELINED, greylisted, BYE]));
        send(&scene, &["x@far.example", "y@far.example"]).await;
        scene.pass(60).await;
        scene.check_scripts("greylisted");
        let deeds = act(&scene, &selector("x@"), Action::Expire).await;
        assert_eq!((deeds.len(), deeds[0].came), (1, Came::Done), "{deeds:?}");
        scene.pass(5).await;
        let reports = scene.boxes.of("ada");
        assert_eq!(reports.len(), 1);
        for part in ["Action: failed", "x@far.example", "Status: 5.4.7", "450 4.7.1 greylisted"] {
            assert!(reports[0].contains(part), "{part} is not in {}", reports[0]);
        }
        assert!(!reports[0].contains("rfc822; y@far.example"), "{}", reports[0]);
        assert_eq!(scene.waiting().await.len(), 1, "the other one waits");
    });
}

/// Where the report finds no room nothing is given up.
#[test]
fn no_room_for_the_report() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example"]).await;
        scene.pass(60).await;
        scene.spool.model.set_limit(Some(0));
        let (came, text) = act_once(&scene, Action::Expire).await;
        assert!(came == Came::Refused && text.contains("full"), "{text}");
        scene.spool.model.set_limit(None);
        assert_eq!(scene.waiting().await.len(), 1);
        assert_eq!(scene.queue().await[0].state, State::Deferred, "no claim stays behind");
    });
}

/// Another way, kept over a restart and over attempts that fail, until the operator says otherwise.
#[test]
fn a_forced_route_is_kept() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example"]).await;
        scene.pass(60).await;
        let (came, text) = act_once(&scene, hub()).await;
        assert!(came == Came::Done, "{text}");
        scene.pass(60).await;
        assert_eq!(scene.dials(), [FIRST, HUB], "at once");
        let job = scene.queue().await.remove(0);
        assert_eq!((job.queue.as_str(), job.forced), ("smtp:[192.0.2.77]:25", true));
        scene.spool.model.restart();
        scene.pass(3600).await;
        let dials = scene.dials();
        assert!(dials.len() > 2 && dials[2..].iter().all(|dial| dial == HUB), "{dials:?}");
        // Back to what the configuration says.
        assert_eq!(act_once(&scene, Action::Reroute(None)).await.0, Came::Done);
        scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
        scene.pass(5).await;
        scene.check_scripts("back");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Only those who are meant go another way.
#[test]
fn a_forced_route_for_some() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example", "y@far.example"]).await;
        scene.pass(60).await;
        scene.net.peer(HUB, &script(&[PIPELINED, &any(), BYE]));
        let deeds = act(&scene, &selector("y@far.example"), hub()).await;
        assert_eq!(deeds[0].came, Came::Done, "{deeds:?}");
        scene.pass(5).await;
        scene.check_scripts("parted");
        let waiting = scene.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].starts_with("x@far.example"), "{waiting:?}");
        assert_eq!(scene.letters().len(), 1);
    });
}

/// A transport that cannot be is refused, and nothing is changed.
#[test]
fn routes_that_lead_nowhere() {
    play(async {
        let scene = far();
        send(&scene, &["x@far.example"]).await;
        scene.pass(60).await;
        let local = Action::Reroute(Some("local".parse().unwrap()));
        let (came, text) = act_once(&scene, local).await;
        assert!(came == Came::Refused && text.contains("no local domain"), "{text}");
        assert_eq!(scene.queue().await[0].state, State::Deferred);
    });
}

/// A letter that is being tried is left alone until its attempt has ended, and then only if anything
/// is left of it: none goes twice, none is lost.
#[test]
fn a_deed_waits_for_the_attempt() {
    let taken = script(&[PIPELINED, "wait 30", ONE, BYE]);
    let refused = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 450 4.7.1 later\nS: 503 no\nC: RSET
        S: 250 ok";
    let refused = script(&[PIPELINED, "wait 30", refused, BYE]);
    let rows: &[(Action, &str, usize, Option<State>)] = &[
        (Action::Hold, &taken, 0, None),
        (Action::Hold, &refused, 0, Some(State::Held)),
        (Action::Remove, &taken, 0, None),
        (Action::Remove, &refused, 0, None),
        (Action::Expire, &taken, 0, None),
        (Action::Expire, &refused, 1, None),
    ];
    for (action, peer, reports, left) in rows {
        play(async {
            let scene = far();
            scene.net.peer(FIRST, peer);
            send(&scene, &["x@far.example"]).await;
            scene.pass(10).await;
            let (came, text) = act_once(&scene, action.clone()).await;
            assert!(came == Came::Later && text.contains("being tried"), "{action}: {text}");
            assert_eq!(scene.queue().await[0].state, State::Active, "{action}");
            scene.pass(60).await;
            scene.check_scripts(&action.to_string());
            let queue = scene.queue().await;
            assert_eq!(queue.first().map(|job| job.state), *left, "{action} {peer}");
            assert_eq!(scene.boxes.of("ada").len(), *reports, "{action} {peer}");
            let sent = usize::from(peer == &taken);
            assert_eq!(scene.letters().len(), sent, "{action}");
        });
    }
}

/// One that waits in line behind it is taken out of the line.
#[test]
fn letters_in_line_are_taken_out_of_it() {
    play(async {
        let mut options = options();
        options.limits = super::world::limits(1);
        let scene = Scene::new(options);
        scene.engine.start();
        scene.zone.exchangers("far.example", &[FIRST]);
        let two = script(&[PIPELINED, "wait 30", &any(), &any(), BYE]);
        scene.net.peer(FIRST, &two);
        for to in ["a@far.example", "b@far.example", "c@far.example", "d@far.example"] {
            send(&scene, &[to]).await;
        }
        scene.pass(10).await;
        assert!(scene.queue().await.iter().all(|job| job.state == State::Active));
        let held = act(&scene, &selector("b@"), Action::Hold).await;
        let removed = act(&scene, &selector("c@"), Action::Remove).await;
        assert_eq!((held[0].came, removed[0].came), (Came::Done, Came::Done));
        scene.pass(60).await;
        scene.check_scripts("in line");
        let queue = scene.queue().await;
        assert_eq!(queue.len(), 1);
        assert_eq!(
            (queue[0].state, queue[0].recipients[0].address.as_str()),
            (State::Held, "b@far.example")
        );
        assert_eq!(scene.letters().len(), 2);
        assert_eq!(scene.engine.load().jobs, 0);
    });
}

/// A commit that fails leaves the letter as it was.
#[test]
fn a_failing_spool() {
    use super::spool::Fault::Unavailable;
    play(async {
        let scene = far();
        send(&scene, &["x@far.example"]).await;
        scene.pass(60).await;
        scene.spool.fail(&[Some(Unavailable), Some(Unavailable)]);
        let (came, text) = act_once(&scene, Action::Remove).await;
        assert!(came == Came::Refused && text.contains("not available"), "{text}");
        let queue = scene.queue().await;
        assert_eq!(queue[0].state, State::Deferred, "no claim stays behind");
    });
}

/// Pages: every letter once, whatever is taken out of the queue on the way.
#[test]
fn pages_are_stable_under_change() {
    play(async {
        let mut options = options();
        options.paused = true;
        let scene = Scene::new(options);
        for n in 0..250 {
            send(&scene, &[&format!("user{n}@far.example")]).await;
        }
        let (mut after, mut seen) = (None, 0);
        loop {
            let (rows, next) = scene.engine.select(&Selector::default(), after, 20).await.unwrap();
            seen += rows.len();
            for row in rows {
                let one = Selector { ids: vec![row.job.message], ..Selector::default() };
                assert_eq!(act(&scene, &one, Action::Remove).await[0].came, Came::Done);
            }
            send(&scene, &["late@other.example"]).await;
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert!(seen >= 250, "{seen}");
        let (count, next) = scene.engine.count(&selector("@far.example"), None).await.unwrap();
        assert_eq!((count.jobs, next), (0, None));
    });
}

#[test]
fn the_queue_in_numbers() {
    play(async {
        let mut options = options();
        options.paused = true;
        let scene = Scene::new(options);
        send(&scene, &["a@far.example", "b@far.example", "c@other.example"]).await;
        scene.pass(15 * 60).await;
        send(&scene, &["d@far.example"]).await;
        let (counted, _) = scene.engine.count(&selector("b@"), None).await.unwrap();
        assert_eq!((counted.jobs, counted.recipients, counted.parts), (1, 1, 1));
        assert_eq!(counted.sample[0].recipients.len(), 1);
        let all = Selector::default();
        let (stock, _) = scene.engine.stock(&all, None, false).await.unwrap();
        assert_eq!(stock.domains["far.example"], [1, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(stock.domains["other.example"], [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        let (stock, _) = scene.engine.stock(&all, None, true).await.unwrap();
        assert_eq!(stock.domains["here.example"].iter().sum::<u64>(), 3, "jobs");
        let id = scene.queue().await[0].job.message;
        let parts = scene.engine.show(id).await.unwrap();
        assert_eq!(parts.len(), 2, "one for each next hop");
        let mut content = scene.engine.content(&parts[0]).await.unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = content.next().await.unwrap() {
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("Received: ") && text.ends_with(LETTER), "{text}");
    });
}

async fn suspend(scene: &Scene, what: &str) {
    scene.engine.suspend(what.parse().unwrap(), operator()).await.unwrap();
}

/// Suspended mail is kept without an attempt, says so, and goes when it is resumed; mail for others
/// in the same letter goes.
#[test]
fn suspended_mail_waits_for_its_resumption() {
    play(async {
        let scene = far();
        suspend(&scene, "far.example").await;
        send(&scene, &["x@far.example", "bob@here.example"]).await;
        scene.pass(7 * 3600).await;
        assert_eq!(scene.dials().len(), 0);
        assert_eq!(scene.boxes.of("bob").len(), 1);
        let waiting = scene.waiting().await;
        assert!(waiting[0].contains("suspended by root") && waiting[0].ends_with(": a test"));
        let reports = scene.boxes.of("ada");
        assert!(reports.len() == 1 && reports[0].contains("Action: delayed"), "{reports:?}");
        assert!(!reports[0].contains("a test"), "why is no business of the sender");
        scene.net.peer(FIRST, &script(&[PIPELINED, ONE, BYE]));
        let what: Suspended = "far.example".parse().unwrap();
        assert_eq!(scene.engine.resume(&what, operator()).await, Ok(true));
        assert_eq!(scene.engine.resume(&what, operator()).await, Ok(false));
        scene.pass(5).await;
        scene.check_scripts("resumed");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Its time runs out as that of any other mail.
#[test]
fn suspended_mail_is_returned_when_its_time_is_up() {
    play(async {
        let scene = far();
        suspend(&scene, "mx:far.example").await;
        send(&scene, &["x@far.example"]).await;
        scene.pass(5 * DAY + 7200).await;
        assert_eq!((scene.dials().len(), scene.queue().await.len()), (0, 0));
        let reports = scene.boxes.of("ada");
        let failed = reports.iter().find(|report| report.contains("Action: failed")).unwrap();
        assert!(failed.contains("suspended mail for mx:far.example"), "{failed}");
    });
}

/// One next hop for many domains: only the suspended one waits.
#[test]
fn one_domain_of_a_hub_is_suspended() {
    play(async {
        let mut options = options();
        options.routes.default.transport = "smtp:[192.0.2.77]".parse().unwrap();
        let scene = Scene::new(options);
        scene.engine.start();
        suspend(&scene, "far.example").await;
        scene.net.peer(HUB, &script(&[PIPELINED, &any(), BYE]));
        send(&scene, &["x@far.example", "y@other.example"]).await;
        scene.pass(60).await;
        scene.check_scripts("hub");
        let waiting = scene.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].starts_with("x@far.example"), "{waiting:?}");
    });
}

/// A restart finds what was suspended, before anything is tried.
#[test]
fn suspensions_outlive_a_restart() {
    play(async {
        let scene = far();
        suspend(&scene, "far.example").await;
        let shelf = scene.shelf.clone();
        let again = Scene::new(options());
        let mut world = again.engine.shared.world.clone();
        world.shelf = shelf;
        let engine = Engine::new(options(), world);
        let again = Scene { engine, ..again };
        again.zone.exchangers("far.example", &[FIRST]);
        again.engine.start();
        send(&again, &["x@far.example"]).await;
        again.pass(60).await;
        assert_eq!(again.dials().len(), 0);
        assert_eq!(again.engine.suspensions().len(), 1);
    });
}
