//! What destinations are asked to bear, and that none of them is in the way of others.

use std::time::Duration;

use super::relay::{BYE, PIPELINED};
use super::world::{Scene, limits, options, play};
use crate::Options;

const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";
/// One letter from MAIL to the reply to the dot, whoever sends it.
const ANY: &str = "C: MAIL
    C: RCPT
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go on
    C: .
    S: 250 taken";

/// A host that takes so many letters over one connection, each after a while.
fn takes(letters: usize, seconds: u64) -> String {
    let one = format!("wait {seconds}\n{ANY}");
    format!("{PIPELINED}\n{}\n{BYE}", vec![one.as_str(); letters].join("\n"))
}

fn limited(change: impl FnOnce(&mut queue::schedule::limits::Limits)) -> Options {
    let mut options = Options { limits: limits(1), ..options() };
    change(&mut options.limits.default);
    options
}

fn started(options: Options) -> Scene {
    let scene = Scene::new(options);
    scene.engine.start();
    scene
}

/// How many thousandths of a second a letter for that domain takes.
async fn latency(scene: &Scene, domain: &str, address: &str) -> u128 {
    scene.zone.exchangers(domain, &[address]);
    scene.net.peer(address, &takes(1, 0));
    let (before, began) = (scene.letters().len(), tokio::time::Instant::now());
    scene.letter("ada@here.example", &[&format!("x@{domain}")], LETTER).await.unwrap();
    while scene.letters().len() == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(began.elapsed() < Duration::from_secs(60), "the letter for {domain} does not go");
    }
    began.elapsed().as_millis()
}

/// One destination that is slow with ten thousand letters in line, and then five of them with more
/// letters than there is room for in hand: a letter for another one takes as long as with none.
///
/// Register: 5321-4.5.4.1-h.
#[test]
fn slow_destinations_delay_nobody() {
    play(async {
        let scene = started(options());
        let alone = latency(&scene, "one.example", "192.0.2.101").await;
        for (number, letters) in [(1, 10_000), (2, 2500), (3, 2500), (4, 2500), (5, 2500)] {
            let (domain, address) = (format!("slow{number}.example"), format!("192.0.2.{number}"));
            scene.zone.exchangers(&domain, &[&address]);
            (0..3).for_each(|_| scene.net.peer(&address, &takes(1000, 100_000)));
            for _ in 0..letters {
                let to = format!("x@{domain}");
                scene.letter("list@here.example", &[&to], LETTER).await.unwrap();
            }
            scene.pass(1).await;
            let other = format!("other{number}.example");
            let beside = latency(&scene, &other, &format!("192.0.2.{}", 110 + number)).await;
            assert_eq!(beside, alone, "with {number} slow destinations");
        }
        let load = scene.engine.load();
        assert!(load.jobs < 10_000, "{load:?}");
    });
}

/// With ten thousand letters of a list in line for one destination, the letter of somebody else is
/// the next but the one that is on its way.
#[test]
fn a_list_delays_no_letter_of_others() {
    play(async {
        let scene = started(limited(|_| {}));
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        scene.net.peer("192.0.2.1", &takes(100, 1));
        for number in 0..10_000 {
            let from = format!("list-bounces+{number}=x@here.example");
            scene.letter(&from, &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(10).await;
        let before = scene.letters().len();
        scene.letter("ada@here.example", &["x@far.example"], "Subject: ada\r\n\r\n").await.unwrap();
        scene.pass(20).await;
        let place = scene.letters().iter().position(|letter| letter.contains("Subject: ada"));
        let place = place.expect("the letter has gone");
        assert!(place <= before + 2, "letter {place}, {before} had gone");
    });
}

/// A rate holds to the letter, letters that wait for it hold no worker, and other destinations do not
/// wait for it.
#[test]
fn rates() {
    play(async {
        let mut options = options();
        let mut slow = options.limits.default.clone();
        slow.rate.value = "3/min".parse().ok();
        options.limits.table.insert("far.example".parse().unwrap(), slow);
        let scene = started(options);
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        (0..30).for_each(|_| scene.net.peer("192.0.2.1", &takes(1, 0)));
        for _ in 0..10 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        // Fifty seconds apart and then at the minute's end: never more than three in any minute.
        for (seconds, gone) in [(1, 3), (50, 3), (10, 6), (50, 6), (10, 9), (50, 9)] {
            scene.pass(seconds).await;
            assert_eq!(scene.letters().len(), gone);
        }
        assert_eq!(scene.engine.load().workers, 0);
        latency(&scene, "other.example", "192.0.2.9").await;
        scene.pass(60).await;
        assert_eq!(scene.letters().len(), 11);
        // What has gone is remembered when nothing waits.
        for _ in 0..3 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(1).await;
        assert_eq!(scene.letters().len(), 13);
        scene.pass(60).await;
        assert_eq!(scene.letters().len(), 14);
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

#[test]
fn letters_over_one_connection() {
    play(async {
        let scene = started(limited(|limits| limits.letters.value = Some(2)));
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        for letters in [2, 2, 1] {
            scene.net.peer("192.0.2.1", &takes(letters, 0));
        }
        for _ in 0..5 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(60).await;
        scene.check_scripts("letters");
        assert_eq!(scene.letters().len(), 5);
    });
}

/// A host that puts off recipients beyond the second is given two from then on.
#[test]
fn recipients_are_learnt() {
    play(async {
        let scene = started(limited(|limits| limits.recipients.value = 4));
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        let offered = "C: MAIL\nC: RCPT\nC: RCPT\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok
            S: 250 ok\nS: 452 4.5.3 too many\nS: 452 4.5.3 too many\nS: 354 go on\nC: .\nS: 250 ok";
        let two =
            "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go on
            C: .\nS: 250 ok";
        let script = format!("{PIPELINED}\n{offered}\n{two}\n{two}\n{two}\n{BYE}");
        scene.net.peer("192.0.2.1", &script);
        let all = ["a@far.example", "b@far.example", "c@far.example", "d@far.example"];
        for _ in 0..2 {
            scene.letter("ada@here.example", &all, LETTER).await.unwrap();
        }
        scene.pass(60).await;
        scene.check_scripts("recipients");
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// A letter to many over a slow host makes way for others after ten seconds, and is delivered to each
/// recipient once; what failed together is told of together.
#[test]
fn a_letter_to_many_makes_way() {
    play(async {
        let scene = started(limited(|limits| limits.recipients.value = 2));
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        let two = "C: MAIL FROM:<list@\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok
            S: 250 ok\nS: 354 go on\nC: .\nwait 6\nS: 250 ok";
        let one = "C: MAIL FROM:<ada@\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go on
            C: .\nS: 250 ok";
        let script = format!("{PIPELINED}\n{two}\n{two}\n{one}\n{two}\n{two}\n{two}\n{BYE}");
        scene.net.peer("192.0.2.1", &script);
        let all: Vec<String> = (0..10).map(|number| format!("u{number}@far.example")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        scene.letter("list@here.example", &all, LETTER).await.unwrap();
        scene.pass(1).await;
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(13).await;
        assert_eq!(scene.letters().len(), 4, "two of the list, the other one, and on");
        scene.pass(120).await;
        scene.check_scripts("slices");
        assert_eq!(scene.waiting().await, [""; 0]);
        let named = scene.net.seen(|seen| {
            seen.commands.iter().filter(|line| line.starts_with("RCPT TO:<u")).count()
        });
        assert_eq!(named, 10);
    });
}

/// The wait that a host asks for is kept, by a letter and by the destination as a whole.
#[test]
fn waits_are_learnt() {
    let busy = "S: 421 4.7.0 Busy, try again in 120 seconds\nclose";
    let grey = format!(
        "{PIPELINED}\nC: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 451 4.7.1 Greylisted for 2 minutes
         S: 503 no\nC: QUIT\nS: 221 bye"
    );
    for first in [busy, &grey] {
        play(async {
            let scene = started(options());
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            scene.net.peer("192.0.2.1", first);
            scene.net.peer("192.0.2.1", &takes(1, 0));
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
            scene.pass(119).await;
            assert_eq!(scene.waiting().await.len(), 1, "{first}");
            scene.pass(25).await;
            assert_eq!(scene.waiting().await, [""; 0], "{first}");
            assert_eq!(scene.dials().len(), 2, "{first}");
        });
    }
}

/// A limit that was learnt lifts while letters still wait, after its time.
#[test]
fn a_learnt_limit_lifts() {
    play(async {
        let scene = started(options());
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        scene.net.peer("192.0.2.1", &takes(100, 3));
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(1).await;
        for _ in 0..2 {
            scene.net.peer("192.0.2.1", "S: 421 4.7.0 one connection at a time\nclose");
        }
        for _ in 0..99 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(50).await;
        assert_eq!(scene.dials().len(), 3);
        scene.net.peer("192.0.2.1", &takes(50, 3));
        scene.pass(30).await;
        assert!(scene.dials().len() > 3, "it is asked again");
        scene.pass(170).await;
        assert_eq!(scene.waiting().await, [""; 0]);
    });
}

/// A report that cannot be delivered goes to the postmaster, once, and no further.
///
/// Register: 5321-6.1-e, 5321-6.1-h, 3461-5.2-b.
#[test]
fn double_bounces() {
    let refuse = |from: &str| {
        format!(
            "{PIPELINED}\nC: MAIL FROM:<{from}>\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 nobody
             S: 503 no\nC: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye"
        )
    };
    for (is_told, is_there) in [(true, true), (true, false), (false, true)] {
        play(async {
            let mut options = Options { double_bounces: is_told, ..options() };
            options.access.postmaster = "bob".to_owned();
            let scene = started(options);
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            scene.zone.exchangers("home.example", &["192.0.2.2"]);
            scene.net.peer("192.0.2.1", &refuse("ann@home.example"));
            scene.net.peer("192.0.2.2", &refuse(""));
            if !is_there {
                scene.boxes.remove("bob");
            }
            scene.letter("ann@home.example", &["x@far.example"], LETTER).await.unwrap();
            scene.pass(120).await;
            let told = scene.boxes.of("bob");
            assert_eq!(told.len(), usize::from(is_told && is_there), "{told:#?}");
            for report in told {
                assert!(report.contains("Return-Path: <>"), "{report}");
                assert!(report.contains("Final-Recipient: rfc822; ann@home.example"), "{report}");
            }
            assert_eq!(scene.waiting().await, [""; 0]);
            scene.check_scripts("double bounces");
        });
    }
}

/// Mail is taken again soon after there is room again.
#[test]
fn a_full_spool_is_looked_at_often() {
    play(async {
        let scene = started(options());
        scene.pass(1).await;
        scene.spool.fill(3);
        let sends = async || scene.letter("ada@here.example", &["bob@here.example"], LETTER).await;
        assert!(sends().await.is_err());
        // The first round comes in its time, the others a second apart.
        scene.pass(10).await;
        assert!(sends().await.is_err());
        scene.pass(2).await;
        assert!(sends().await.is_ok());
    });
}

/// What is told of a destination, and of one that nobody has had to do with.
#[test]
fn what_a_destination_bears_is_told() {
    play(async {
        let scene = started(limited(|limits| {
            limits.rate.value = "2/min".parse().ok();
            limits.connections.value = 9;
        }));
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        (0..2).for_each(|_| scene.net.peer("192.0.2.1", &takes(2, 0)));
        let told = |scene: &Scene, queue: &str| {
            let reasons = scene.engine.bears(queue);
            reasons.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let plain = [
            "at most 9 connections at once",
            "any number of letters over one connection",
            "at most 100 recipients a transaction",
            "at most 2/min letters",
        ];
        assert_eq!(told(&scene, "mx:other.example"), plain);
        for _ in 0..3 {
            scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        }
        scene.pass(10).await;
        let now = told(&scene, "mx:far.example");
        assert_eq!(now[..4], plain);
        let live = [
            "7 of 9 connections, one more for each letter taken",
            "1 letters wait in hand; as many as the rate allows have gone, the next one goes in 50 s",
        ];
        assert_eq!(now[4..], live);
        let dead = "mx:dead.example";
        scene.letter("ada@here.example", &["x@dead.example"], LETTER).await.unwrap();
        scene.zone.exchangers("dead.example", &["192.0.2.66"]);
        scene.letter("ada@here.example", &["x@dead.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        let last = told(&scene, dead).pop().unwrap();
        assert!(last.starts_with("the destination has not worked for "), "{last}");
    });
}
