//! What passes a host stays as it came: envelope and content, however odd, apart from one field on top.

use std::sync::Arc;

use smtp::server::{Kind, SessionOptions};

use super::receive::{connect, converse, listening, listening_with};
use super::relay::{BYE, PIPELINED};
use super::world::{HOST, Scene, options, play};
use crate::doors::NoTls;

/// Header sections and bodies that others would mend, refuse or act upon.
const ODD: &[(&str, &str)] = &[
    ("nothing", ""),
    ("no fields", "\r\nbody\r\n"),
    ("neither Date nor From", "Subject: x\r\n\r\nbody\r\n"),
    ("no end of the header section", "Subject: x\r\n"),
    ("two authors", "From: a@x.example\r\nFrom: b@x.example\r\n\r\nbody\r\n"),
    ("lines that are no fields", "no field here\r\nSubject : x\r\n: y\r\n\r\nbody\r\n"),
    ("blank lines in a fold", "Subject: x\r\n \r\n\t\r\n y\r\n\r\nbody\r\n"),
    (
        "fields in no order",
        "Message-ID: <1@x>\r\nReceived: from a by b; Mon, 05 Jan 2026 08:00:00 +0000\r\n\
         Resent-To: q@x.example\r\nReceived: from c by d; Mon, 05 Jan 2026 07:00:00 +0000\r\n\
         Date: Mon, 05 Jan 2026 08:00:00 +0000\r\nResent-To: r@x.example\r\n\r\nbody\r\n",
    ),
    (
        "trace fields of other times",
        "Received: (qmail 12 invoked by uid 0); 5 Jan 96 8:00 EST\r\nReceived:\r\n\
         received: by nobody, never\r\nReceived: from a (b\r\n\r\nbody\r\n",
    ),
    ("paths back", "Subject: x\r\nReturn-path: <evil@x.example>\r\n\r\nbody\r\n"),
    ("resent to, by nobody", "Resent-To: q@x.example\r\nResent-Date: soon\r\n\r\nbody\r\n"),
    ("other recipients", "To: eve@here.example, q@x.example\r\nBcc: s@x.example\r\n\r\nbody\r\n"),
    ("a broken multipart", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\n--x\r\n"),
    (
        "a message within",
        "Content-Type: message/rfc822\r\n\r\nReceived: by x\r\nReturn-Path: <y>\r\nBcc: z\r\n\
         Subject : odd\r\n\r\nbody\r\n",
    ),
    ("an unknown encoding", "Content-Transfer-Encoding: x-odd\r\n\r\nbody\r\n"),
    ("eighth bits", "Subject: caf\u{e9}\r\n\r\n\u{fc}ber \u{1f4e8}\r\n"),
    ("controls", "Subject: \u{1}\u{7f}\r\n\r\n\u{8}\u{0}\u{c}\r\n"),
    ("dots", "Subject: x\r\n\r\n.\r\n..\r\n.x\r\n"),
];

/// The rows above, a header section with five hundred recipients, a line of 20,000 octets.
fn odd() -> impl Iterator<Item = (&'static str, String)> {
    let many = (0..500).map(|n| format!(" u{n}@x.example,\r\n")).collect::<String>();
    let many = format!("To: a@x.example,\r\n{many} z@x.example\r\n\r\nbody\r\n");
    let long = format!("Subject: x\r\n\r\n{}\r\n", "0123456789".repeat(2000));
    let rows = ODD.iter().map(|(name, content)| (*name, (*content).to_owned()));
    rows.chain([("five hundred recipients", many), ("a long line", long)])
}

/// Takes a letter over the wire, with a route in each of its paths.
async fn taken(name: &str, recipients: &[&str], content: &str) -> Scene {
    let mut options = options();
    options.access.relay_networks = vec!["203.0.113.0/24".parse().unwrap()];
    let (scene, sender) = listening(options);
    scene.zone.exchangers("far.example", &["192.0.2.1"]);
    let one = "C: MAIL FROM:<X@Away.example>\nC: RCPT TO:<Y@far.example>
        C: RCPT TO:<z@far.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: .
        S: 250 taken";
    if recipients[0].ends_with("far.example") {
        scene.net.peer("192.0.2.1", &[PIPELINED, one, BYE].join("\n"));
    }
    let mut wire = connect(&sender).await;
    let routed: String = recipients
        .iter()
        .map(|to| format!("C: RCPT TO:<@one.example,@two.example:{to}>\nS: 250\n"))
        .collect();
    let stuffed = content.replace("\r\n.", "\r\n..");
    let script = format!(
        "S: 220\nC: EHLO client.example\nS: 250
        C: MAIL FROM:<@three.example:X@Away.example> BODY=8BITMIME\nS: 250\n{routed}C: DATA\nS: 354"
    );
    converse(name, &script, &scene, &mut wire).await;
    let sent = tokio::io::AsyncWriteExt::write_all(&mut wire, stuffed.as_bytes()).await;
    sent.unwrap();
    converse(name, "C: .\nS: 250", &scene, &mut wire).await;
    scene.pass(60).await;
    scene.check_scripts(name);
    scene
}

/// What was put before the content: one `Received` field, whole and of a known form.
fn check_trace(name: &str, added: &str) {
    let start = "Received: from client.example ([203.0.113.7]) by here.example with ESMTP\r\n id ";
    assert!(added.starts_with(start), "{name}: {added:?}");
    let lines: Vec<&str> = added.split_inclusive("\r\n").collect();
    assert!(lines[1..].iter().all(|line| line.starts_with(' ')), "{name}: {added:?}");
    let date = added.rsplit_once(';').unwrap().1.trim();
    let words: Vec<&str> = date.split(' ').collect();
    assert_eq!(words.len(), 6, "{name}: {date}");
    assert!(words[3].len() == 4 && words[5].len() == 5, "{name}: {date}");
    assert!(words[5].starts_with(['+', '-']), "{name}: {date}");
    // With more than one recipient none is told of the others.
    assert!(!added.contains('<') && !added.contains("far.example"), "{name}: {added:?}");
}

/// Register: 5321-2.3.10-a, 5321-2.4-h, 5321-3.3-r, 5321-3.3-s, 5321-3.6.1-d, 5321-3.6.3-e,
/// 5321-3.7.2-b, 5321-3.7.2-c, 5321-4.1.1.3-a, 5321-4.1.1.3-d, 5321-4.1.1.3-e, 5321-4.1.1.4-j,
/// 5321-4.4-a, 5321-4.4-f, 5321-4.4-g, 5321-4.4-h, 5321-4.4-p, 5321-4.5.3.1.6-b,
/// 5321-4.5.3.1.8-b, 5321-6.2-b, 5321-6.4-d, 5321-7.2-a, 5321-7.2-b, 5321-7.2-e, 5321-C-a,
/// 5321-C-c, 5321-C-d, 5321-F.2-e, 5321-F.5-a, 1123-5.2.6-a, 1123-5.2.6-b, 1123-5.2.8-a,
/// 1123-5.2.8-c, 5322-3.6-a, 5322-3.6-b, 5322-3.6-c, 6152-3-c, 2046-5.2-a,
/// 5321-2.4-m, 5321-2.4-n.
#[test]
fn what_is_passed_on() {
    for (name, content) in odd() {
        play(async {
            let scene = taken(name, &["Y@far.example", "z@far.example"], &content).await;
            let letter = scene.letters().pop().unwrap();
            let added = letter.strip_suffix(content.as_str());
            let added = added.unwrap_or_else(|| panic!("{name}: {letter:?}"));
            check_trace(name, added);
            // What is not ASCII is said to be so, whatever its header says of it; nothing else is.
            let mail = scene.net.seen(|seen| seen.commands[1].clone());
            assert_eq!(mail.contains("BODY=8BITMIME"), !content.is_ascii(), "{name}: {mail}");
            assert_eq!(scene.boxes.of("eve").len(), 0, "{name}: recipients are in the envelope");
        });
    }
}

/// Register: 5321-4.4-r, 5321-4.5.3.1.8-c, 5321-7.2-d, 5321-7.2-e, 5322-2.1.1-c, 5321-4.4-q,
/// 1123-5.2.8-d.
#[test]
fn what_is_delivered() {
    for (name, content) in odd() {
        play(async {
            let to = [format!("bob@{HOST}"), format!("ada@{HOST}")];
            let scene = taken(name, &[&to[0], &to[1]], &content).await;
            let kept = content.replace("Return-path: <evil@x.example>\r\n", "");
            for (user, to) in ["bob", "ada"].iter().zip(&to) {
                let letter = scene.boxes.of(user).pop().unwrap_or_else(|| panic!("{name}"));
                let added = letter.strip_suffix(kept.as_str());
                let added = added.unwrap_or_else(|| panic!("{name}: {letter:?}"));
                let head = format!("Return-Path: <X@Away.example>\r\nDelivered-To: {to}\r\n");
                let trace = added.strip_prefix(&head).unwrap_or_else(|| panic!("{name}: {added}"));
                check_trace(name, trace);
            }
        });
    }
}

/// Nobody stays nobody on the way, also behind a hub that changes the names of others.
///
/// Register: 5321-4.5.5-c.
#[test]
fn the_null_path_stays() {
    let hosts = vec![".example".parse().unwrap()];
    let hidden = queue::rewrite::Masquerade::new("hub.example".parse().unwrap(), hosts);
    for masquerade in [None, Some(hidden)] {
        play(async {
            let rewriting = queue::rewrite::Rewriting { masquerade, ..Default::default() };
            let scene = Scene::new(crate::Options { rewriting, ..options() });
            scene.engine.start();
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            let one = "C: MAIL FROM:<> \nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: .
                S: 250 taken";
            scene.net.peer("192.0.2.1", &[PIPELINED, one, BYE].join("\n"));
            let letter = "From: a@one.example\r\nReturn-Path: <b@two.example>\r\n\r\nbody\r\n";
            scene.letter("", &["x@far.example"], letter).await.unwrap();
            scene.pass(60).await;
            scene.check_scripts("null");
            let mail = scene.net.seen(|seen| seen.commands[1].clone());
            assert!(mail.starts_with("MAIL FROM:<> ") || mail == "MAIL FROM:<>", "{mail}");
        });
    }
}

/// What a client asked for goes on octet for octet where it is understood, and not at all elsewhere.
///
/// Register: 3461-5-a, 3461-5.2.1-a, 3461-5.2.1-b, 3461-5.2.1-c, 3461-5.2.1-d, 3461-5.2.1-e,
/// 3461-5.2.1-f, 3461-5.2.1-g, 3461-5.2.2-a.
#[test]
fn what_was_asked_for_goes_on() {
    let mail = " RET=HDRS ENVID=Q+2BQ3";
    let asked = " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Old+2BName@Away.Example";
    for dsn in [true, false] {
        play(async {
            let mut options = options();
            options.access.relay_networks = vec!["203.0.113.0/24".parse().unwrap()];
            let mut session = SessionOptions::new(HOST, Kind::Mx);
            session.extensions.dsn = true;
            let (scene, sender) = listening_with(options, session.into(), Arc::new(NoTls));
            scene.zone.exchangers("far.example", &["192.0.2.1"]);
            let offer = if dsn { PIPELINED.replace("SIZE", "DSN") } else { PIPELINED.to_owned() };
            let one =
                "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go
                C: .\nS: 250 taken";
            scene.net.peer("192.0.2.1", &[&offer, one, BYE].join("\n"));
            let mut wire = connect(&sender).await;
            let script = format!(
                "S: 220\nC: EHLO client.example\nS: 250\nC: MAIL FROM:<x@away.example>{mail}\nS: 250
                C: RCPT TO:<y@far.example>{asked}\nS: 250\nC: RCPT TO:<z@far.example>\nS: 250
                C: DATA\nS: 354\nC: .\nS: 250"
            );
            converse("requests", &script, &scene, &mut wire).await;
            scene.pass(60).await;
            scene.check_scripts("requests");
            let commands = scene.net.seen(|seen| seen.commands.clone());
            let rest = |command: &str| {
                commands.iter().find_map(|line| line.strip_prefix(command).map(str::to_owned))
            };
            let sent = rest("MAIL FROM:<x@away.example>").unwrap();
            let parameters: Vec<&str> =
                sent.split(' ').filter(|word| !word.starts_with("SIZE=")).collect();
            let want = if dsn { mail } else { "" };
            assert_eq!(parameters.join(" ").trim(), want.trim());
            let want = if dsn { asked } else { "" };
            assert_eq!(rest("RCPT TO:<y@far.example>").as_deref(), Some(want));
            assert_eq!(rest("RCPT TO:<z@far.example>").as_deref(), Some(""));
        });
    }
}
