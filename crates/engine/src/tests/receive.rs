//! Reception: one dialogue with the host, and what its doors do meanwhile.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp::server::{Kind, SessionOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};

use super::script::TestWire;
use super::spool::Fault;
use super::world::{HOST, Scene, options, play};
use crate::ListenOptions;
use crate::doors::{Doing, Listener, NoTls, Tls, Wire};

struct TestListener(Mutex<mpsc::Receiver<DuplexStream>>);

impl Listener for TestListener {
    fn accept(&self) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        Box::pin(async {
            let Some(stream) = self.0.lock().await.recv().await else {
                return std::future::pending().await;
            };
            let (peer, local) = (([203, 0, 113, 7], 40_000).into(), self.local()?);
            Ok(Box::new(TestWire { stream, peer, local }) as Box<dyn Wire>)
        })
    }

    fn local(&self) -> io::Result<SocketAddr> {
        Ok(([192, 0, 2, 200], 25).into())
    }
}

/// A started engine that listens, and the way to it.
pub(super) fn listening(options: crate::Options) -> (Scene, mpsc::Sender<DuplexStream>) {
    let session =
        SessionOptions { message_size: 100_000, errors: 5, ..SessionOptions::new(HOST, Kind::Mx) };
    listening_with(options, session.into(), Arc::new(NoTls))
}

/// The same, as the listener is told, with a way to secure connections.
pub(super) fn listening_with(
    options: crate::Options,
    listen: ListenOptions,
    tls: Arc<dyn Tls>,
) -> (Scene, mpsc::Sender<DuplexStream>) {
    let scene = Scene::with_tls(options, tls);
    let (sender, receiver) = mpsc::channel(16);
    scene.engine.listen("test", Arc::new(TestListener(Mutex::new(receiver))), listen);
    scene.engine.start();
    (scene, sender)
}

pub(super) async fn connect(sender: &mpsc::Sender<DuplexStream>) -> BufReader<DuplexStream> {
    let (near, far) = duplex(16 * 1024);
    sender.send(far).await.unwrap();
    BufReader::new(near)
}

/// The last line of the next reply; nothing at the end.
async fn reply(wire: &mut BufReader<DuplexStream>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        wire.read_line(&mut line).await.unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

/// Text with the escapes of transcripts.
fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend(before.bytes());
        let (escape, after) = after.split_at(1);
        let (octet, after) = match escape {
            "r" => (b'\r', after),
            "n" => (b'\n', after),
            "0" => (0, after),
            "x" => (u8::from_str_radix(&after[..2], 16).unwrap(), &after[2..]),
            _ => panic!("{text}"),
        };
        out.push(octet);
        rest = after;
    }
    out.extend(rest.bytes());
    out
}

/// Plays a client's script: `C:` says, `S:` expects a reply that starts so, `gone` the end; other
/// words move the world.
pub(super) async fn converse(
    name: &str,
    script: &str,
    scene: &Scene,
    wire: &mut BufReader<DuplexStream>,
) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "C:" => wire.write_all(format!("{rest}\r\n").as_bytes()).await.unwrap(),
            "S:" => {
                let reply = reply(wire).await;
                assert!(reply.starts_with(rest), "{name}: {reply:?} instead of {rest:?}");
            }
            "until" => {
                let mut line = String::new();
                while line.trim_end() != rest {
                    line.clear();
                    assert!(wire.read_line(&mut line).await.unwrap() > 0, "{name}: no {rest:?}");
                }
            }
            "raw" => wire.write_all(&octets(rest)).await.unwrap(),
            // The reply does not come before so many seconds.
            "slowly" => {
                let time = Duration::from_secs(rest.parse().unwrap());
                let early = tokio::time::timeout(time - Duration::from_millis(10), wire.fill_buf());
                assert!(early.await.is_err(), "{name}: at once");
            }
            "gone" => assert_eq!(wire.read_u8().await.ok(), None, "{name}"),
            "hops" => {
                let hop = "Received: from a by b; Mon, 05 Jan 2026 08:00:00 +0000\r\n";
                let hops = hop.repeat(rest.parse().unwrap());
                wire.write_all(hops.as_bytes()).await.unwrap();
            }
            "pass" => scene.pass(rest.parse().unwrap()).await,
            "full" => scene.spool.model.set_limit(Some(0)),
            "down" => scene.spool.model.set_down(Some("a test")),
            "up" => {
                scene.spool.model.set_limit(None);
                scene.spool.model.set_down(None);
            }
            "unknown-done" => scene.spool.fail(&[Some(Fault::UnknownDone)]),
            "unknown-lost" => scene.spool.fail(&[Some(Fault::UnknownLost)]),
            "stop" => scene.engine.stop(),
            _ => panic!("{name}: {line}"),
        }
    }
}

const TO_DOT: &str = "S: 220
    C: EHLO client.example
    S: 250
    C: MAIL FROM:<x@far.example>
    S: 250
    C: RCPT TO:<bob@here.example>
    S: 250
    C: DATA
    S: 354";

struct Case {
    name: &'static str,
    script: &'static [&'static str],
    /// Letters that reach bob.
    letters: usize,
}

const CASES: &[Case] = &[
    Case { name: "taken", script: &[TO_DOT, "C: .\nS: 250 2.0.0"], letters: 1 },
    Case {
        name: "each reply tells what it answers",
        script: &["S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250 2.1.0 sender
            C: RCPT TO:<bob@here.example>\nS: 250 2.1.5 recipient\nC: DATA\nS: 354 Send
            C: .\nS: 250 2.0.0\nC: RSET\nS: 250 2.0.0 Transaction\nC: QUIT\nS: 221"],
        letters: 1,
    },
    Case {
        name: "spool full at MAIL",
        script: &["full\nS: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 452 4.3.1"],
        letters: 0,
    },
    Case {
        name: "spool down at MAIL",
        script: &["down\nS: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 451 4.3.0"],
        letters: 0,
    },
    Case { name: "full at the dot", script: &[TO_DOT, "full\nC: .\nS: 452 4.3.1"], letters: 0 },
    Case {
        name: "down at the dot, and again after",
        script: &[
            TO_DOT,
            "down\nC: .\nS: 451 4.3.0\nup\nC: MAIL FROM:<x@far.example>\nS: 250
             C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250",
        ],
        letters: 1,
    },
    Case {
        name: "unknown outcome, and it happened",
        script: &[TO_DOT, "unknown-done\nC: .\nS: 250"],
        letters: 1,
    },
    Case {
        name: "unknown outcome, and it did not happen",
        script: &[TO_DOT, "unknown-lost\nC: .\nS: 451"],
        letters: 0,
    },
    Case { name: "a hundred hops", script: &[TO_DOT, "hops 100\nC:\nC: .\nS: 250"], letters: 1 },
    Case {
        name: "a hundred and one hops",
        script: &[TO_DOT, "hops 101\nC:\nC: .\nS: 554 5.4.6"],
        letters: 0,
    },
    Case {
        name: "nobody there, and not ours",
        script: &["S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
            C: RCPT TO:<nobody@here.example>\nS: 550 5.1.1
            C: RCPT TO:<x@far.example>\nS: 550 5.7.1\nC: QUIT\nS: 221\ngone"],
        letters: 0,
    },
    Case {
        name: "stop while content is under way finishes it",
        script: &[TO_DOT, "stop\npass 1\nC: more\nC: .\nS: 250\nS: 421 4.3.2\ngone"],
        letters: 0,
    },
    Case {
        name: "stop while idle",
        script: &["S: 220\nC: EHLO c\nS: 250\nstop\nS: 421 4.3.2\ngone"],
        letters: 0,
    },
    Case { name: "silence", script: &["S: 220\npass 299\npass 2\nS: 421 4.4.2\ngone"], letters: 0 },
    Case {
        name: "silence counts anew after each command",
        script: &["S: 220\npass 299\nC: NOOP\nS: 250\npass 299\nC: NOOP\nS: 250\nC: QUIT\nS: 221"],
        letters: 0,
    },
    Case {
        name: "half a letter and then silence",
        script: &[TO_DOT, "C: half\npass 181\nS: 421 4.4.2\ngone"],
        letters: 0,
    },
];

/// Register: 5321-3.8-c, 5321-6.3-a, 5321-6.3-b, 5321-3.3-e, 5321-4.5.3.2.7-a, 5321-4.2.1-c,
/// 5321-4.2.5-b, 5321-4.2.5-c, 5321-6.2-c, 3463-3.4-a, 3463-3.5-c,
/// 2920-3.2-j.
#[test]
fn dialogues() {
    for case in CASES {
        play(async {
            let (scene, sender) = listening(options());
            let mut wire = connect(&sender).await;
            let script = case.script.join("\n");
            converse(case.name, &script, &scene, &mut wire).await;
            drop(wire);
            scene.pass(60).await;
            assert_eq!(scene.boxes.of("bob").len(), case.letters, "{}", case.name);
            assert_eq!(scene.engine.busy(), 0, "{}", case.name);
        });
    }
}

#[test]
fn too_many_sessions() {
    play(async {
        let (scene, sender) = listening(crate::Options { sessions: 2, ..options() });
        let (mut first, mut second) = (connect(&sender).await, connect(&sender).await);
        for wire in [&mut first, &mut second] {
            assert!(reply(wire).await.starts_with("220"));
        }
        let mut third = connect(&sender).await;
        converse("third", "S: 421 4.4.5\ngone", &scene, &mut third).await;
        drop((first, third));
        scene.pass(1).await;
        assert!(reply(&mut connect(&sender).await).await.starts_with("220"), "there is room again");
    });
}

/// Neither names nor mailboxes nor next hops are waited for in the dialogue: a letter is taken, then
/// it is seen what becomes of it.
///
/// Register: 5321-6.1-g, 1123-5.3.3-f, 1123-5.2.7-c, 1123-5.2.7-d, 5321-4.4-t, 5321-3.3-q,
/// 1123-5.2.8-e, 6409-5.3-a.
#[test]
fn a_letter_is_taken_at_once_whatever_becomes_of_it() {
    play(async {
        let mut options = options();
        options.access.relay_networks = vec!["203.0.113.0/24".parse().unwrap()];
        let (scene, sender) = listening(options);
        scene.zone.set_pause(Duration::from_secs(300));
        scene.zone.set_failing(true);
        scene.boxes.remove("bob");
        let mut wire = connect(&sender).await;
        let begun = tokio::time::Instant::now();
        let script = "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<ada@here.example>\nS: 250
            C: RCPT TO:<x@far.example>\nS: 250\nC: RCPT TO:<bob@here.example>\nS: 250
            C: RCPT TO:<eve@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250";
        converse("at once", script, &scene, &mut wire).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        scene.pass(60).await;
        assert_eq!(scene.boxes.of("eve").len(), 1);
        let reports = scene.boxes.of("ada").join("");
        assert!(reports.contains("Final-Recipient: rfc822; bob@here.example"), "{reports}");
        assert!(!reports.contains("eve@here.example"), "{reports}");
    });
}

/// Register: 5321-4.5.4.2-b, 5321-4.5.4.2-c.
#[test]
fn a_hundred_sessions_at_once() {
    play(async {
        let (scene, sender) = listening(crate::Options { sessions: 100, ..options() });
        let mut wires = Vec::new();
        for _ in 0..100 {
            wires.push(connect(&sender).await);
        }
        for wire in &mut wires {
            converse("one of a hundred", TO_DOT, &scene, wire).await;
        }
        for wire in wires.iter_mut().rev() {
            converse("one of a hundred", "C: .\nS: 250", &scene, wire).await;
        }
        scene.pass(60).await;
        assert_eq!(scene.boxes.of("bob").len(), 100);
    });
}

/// The letter of a session that was finished during the stop is there at the next start.
///
/// Register: 5321-6.1-a
#[test]
fn what_was_taken_while_stopping_is_kept() {
    play(async {
        let (scene, sender) = listening(options());
        let mut wire = connect(&sender).await;
        let script = format!("{TO_DOT}\nstop\nC: .\nS: 250\nS: 421");
        converse("stopping", &script, &scene, &mut wire).await;
        let stopped = tokio::time::timeout(Duration::from_secs(10), scene.engine.stopped());
        stopped.await.expect("nothing is at work");
        assert_eq!(scene.queue().await.len(), 1);
        assert_eq!(scene.boxes.of("bob").len(), 0);
    });
}

/// A paused host takes mail, keeps it and tries nothing.
#[test]
fn a_paused_host_keeps_its_mail() {
    play(async {
        let scene = Scene::new(crate::Options { paused: true, ..options() });
        scene.engine.start();
        scene.letter("ada@here.example", &["bob@here.example"], "\r\nx\r\n").await.unwrap();
        scene.pass(86_400).await;
        assert_eq!(scene.queue().await.len(), 1);
        assert_eq!(scene.boxes.of("bob").len(), 0);
    });
}

/// By LMTP each recipient has its own 250, and is held as any other.
///
/// Register: 2033-4.2-d, 2033-4.2-b.
#[test]
fn letters_that_come_by_lmtp() {
    const TO_DOT: &str = "S: 220\nC: LHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
        C: RCPT TO:<bob@here.example>\nS: 250\nC: RCPT TO:<eve@here.example>\nS: 250
        C: DATA\nS: 354";
    let rows = [
        ("taken", "C: .\nS: 250\nS: 250\nC: QUIT\nS: 221", 1),
        ("full", "full\nC: .\nS: 452\nS: 452", 0),
        ("lost", "unknown-lost\nC: .\nS: 451\nS: 451", 0),
    ];
    for (name, end, held) in rows {
        play(async {
            let session = SessionOptions::new(HOST, Kind::Lmtp);
            let options = crate::Options { paused: true, ..options() };
            let (scene, sender) = listening_with(options, session.into(), Arc::new(NoTls));
            let mut wire = connect(&sender).await;
            converse(name, &format!("{TO_DOT}\n{end}"), &scene, &mut wire).await;
            let queue = scene.queue().await;
            assert_eq!(queue.len(), held, "{name}");
            assert!(queue.iter().all(|job| job.recipients.len() == 2), "{name}");
        });
    }
}
