//! Copies for an archive: who gets one, who hears of its failure, and that none is made of another.

use std::sync::Arc;

use queue::Source;
use queue::copy::{Copies, Reader};
use queue::expansion::Aliases;
use queue::route::AddressPattern;
use smtp::server::{Kind, SessionOptions};

use super::receive::{connect, converse, listening_with};
use super::relay::{BYE, PIPELINED};
use super::rewriting::TestTables;
use super::world::{HOST, Scene, options, play};
use crate::doors::NoTls;
use crate::{Options, Refusal};

const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";

fn readers(addresses: &[&str]) -> Vec<Reader> {
    let source = Some(Source { file: "p.toml".into(), line: 9 });
    let reader =
        |address: &&str| Reader { mailbox: address.parse().unwrap(), source: source.clone() };
    addresses.iter().map(reader).collect()
}

fn copying(always: &[&str]) -> Options {
    let mut copies = Copies { always: readers(always), ..Copies::default() };
    let ada: AddressPattern = "ada@here.example".parse().unwrap();
    copies.senders.insert(ada, readers(&["eve@here.example"]));
    copies.recipient_tables = vec!["got".into()];
    let aliases = "keep: bob\nowner-keep: ada\nlost: lost\n";
    let aliases = Aliases::parse(aliases, "aliases", &mut |_| Err("none".to_owned())).unwrap();
    let mut options = options();
    options.copies = Some(copies);
    options.access.aliases = Arc::new(aliases);
    options
}

fn scene(options: Options) -> Scene {
    let rows = &[("@far.example", "eve")];
    Scene::with_world(options, |world| world.tables = Arc::new(TestTables(rows)))
}

/// Reverse-path, recipient, who has a letter then and how it begins.
#[test]
fn who_gets_one() {
    let of_keep = "Return-Path: <>\r\nDelivered-To: bob@here.example\r\n";
    let rows: &[(&[&str], &str, &str, &str, &str)] = &[
        // The archive stands for bob, whose copy goes under nobody's name.
        (&["keep@here.example"], "x@y.example", "eve@here.example", "bob", of_keep),
        (&[], "Ada@here.example", "bob@here.example", "eve", "Return-Path: <>\r\n"),
        (&[], "x@y.example", "x@far.example", "eve", "Return-Path: <>\r\n"),
    ];
    for (always, from, to, who, begins) in rows {
        play(async {
            let scene = scene(copying(always));
            scene.engine.start();
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            let one = "C: MAIL\nC: RCPT TO:<x@far.example>\nC: DATA\nS: 250 ok
                S: 250 ok\nS: 354 go\nC: .\nS: 250 taken";
            if to.ends_with("far.example") {
                scene.net.peer("192.0.2.1", &[PIPELINED, one, BYE].join("\n"));
            }
            scene.letter(from, &[to], LETTER).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts(to);
            let copies = scene.boxes.of(who);
            let [copy] = copies.as_slice() else { panic!("{to}: {copies:?}") };
            assert!(copy.starts_with(begins), "{copy}");
            assert!(copy.contains("Postrider-Copy: by here.example\r\n"), "{copy}");
            assert!(copy.ends_with(LETTER), "{copy}");
            assert_eq!(scene.queue().await.len(), 0, "{to}");
            let told = String::from_utf8_lossy(&scene.history.all().concat()).into_owned();
            assert!(told.contains("the letter"), "{told}");
        });
    }
}

/// Who gets the letter itself gets it once, and without the mark.
#[test]
fn nobody_gets_it_twice() {
    play(async {
        let scene = scene(copying(&["BOB@here.example"]));
        scene.engine.start();
        scene.letter("x@y.example", &["bob@here.example"], LETTER).await.unwrap();
        scene.pass(60).await;
        let letters = scene.boxes.of("bob");
        assert!(letters.len() == 1 && !letters[0].contains("Postrider-Copy"), "{letters:?}");
    });
}

/// The author, who wants to hear of everything, hears nothing of copies; the postmaster does.
#[test]
fn failures_are_the_postmasters() {
    for archive in ["archive@far.example", "lost@here.example"] {
        play(async {
            let mut options = copying(&[archive]);
            options.access.postmaster = "ada".to_owned();
            let scene = scene(options);
            scene.engine.start();
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            let refused = "C: MAIL FROM:<> SIZE=\nC: RCPT TO:<archive@far.example>\nC: DATA
                S: 250 ok\nS: 550 5.1.1 nobody\nS: 503 no\nC: RSET\nS: 250 ok";
            if archive.ends_with("far.example") {
                scene.net.peer("192.0.2.1", &[PIPELINED, refused, BYE].join("\n"));
            }
            scene.letter("eve@here.example", &["bob@here.example"], LETTER).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts(archive);
            assert_eq!(scene.boxes.of("bob").len(), 1);
            assert_eq!(scene.boxes.of("eve"), Vec::<String>::new());
            let told = scene.boxes.of("ada");
            let [report] = told.as_slice() else { panic!("{archive}: {told:?}") };
            assert!(report.contains(&format!("Final-Recipient: rfc822; {archive}")), "{report}");
            assert_eq!(scene.queue().await.len(), 0);
        });
    }
}

/// A copy that another host of ours hands on is not copied again; what an author or stranger calls a copy
/// is.
#[test]
fn copies_are_not_copied() {
    let rows = [
        (Kind::Mx, true, "", true),
        (Kind::Mx, true, "x@y.example", false),
        (Kind::Mx, false, "", false),
        (Kind::Submission, true, "", false),
    ];
    for (kind, trusted, from, is_copy) in rows {
        play(async {
            let mut options = copying(&["eve@here.example"]);
            options.copies.as_mut().unwrap().recipient_tables.clear();
            if trusted {
                options.access.relay_networks = vec!["203.0.113.0/24".parse().unwrap()];
            }
            let session = SessionOptions::new(HOST, kind);
            let (scene, sender) = listening_with(options, session.into(), Arc::new(NoTls));
            let mut wire = connect(&sender).await;
            let script = format!(
                "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<{from}>\nS: 250
                C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354
                C: From: x@here.example\nC: Postrider-Copy: by mx.y.example\nC:\nC: .\nS: 250"
            );
            converse(from, &script, &scene, &mut wire).await;
            scene.pass(60).await;
            assert_eq!(scene.boxes.of("bob").len(), 1);
            assert_eq!(scene.boxes.of("eve").is_empty(), is_copy, "{kind:?} {trusted} {from}");
        });
    }
}

/// Without its copy no letter is taken.
#[test]
fn a_table_that_is_down() {
    play(async {
        let scene = scene(copying(&[]));
        let taken = scene.letter("x@y.example", &["down@far.example"], LETTER).await;
        let Err(Refusal::Refused(reply)) = taken else { panic!("taken") };
        assert!(reply.to_string().starts_with("451 4.4.3 "), "{reply}");
    });
}
