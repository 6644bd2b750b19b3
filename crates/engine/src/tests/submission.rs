//! Authors: who may send, as whom, how much, and what their letters become.

use std::sync::Arc;

use queue::submission::Rates;
use smtp::server::{Authentication, Kind, SessionOptions};
use tokio::io::{BufReader, DuplexStream};
use tokio::sync::mpsc;

use super::receive::{connect, converse, listening_with};
use super::secured::TestTls;
use super::world::{HOST, Scene, options, play};
use crate::{ListenOptions, Options};

/// A listener for authors; `clear`: passwords are taken without TLS.
fn authors(options: Options, clear: bool, implicit: bool) -> (Scene, mpsc::Sender<DuplexStream>) {
    let authentication = Authentication {
        mechanisms: Vec::new(),
        relayed: Vec::new(),
        clear,
        required: true,
        failures: 5,
    };
    let mut session = SessionOptions {
        authentication: Some(authentication),
        ..SessionOptions::new(HOST, Kind::Submission)
    };
    session.extensions.chunking = true;
    let listen = ListenOptions { implicit_tls: implicit, ..session.into() };
    listening_with(options, listen, Arc::new(TestTls))
}

/// `\0ada\0wonderland`.
const ADA: &str = "C: AUTH PLAIN AGFkYQB3b25kZXJsYW5k\nS: 235 2.7.0\n";
/// `\0ada\0wrong`.
const WRONG: &str = "C: AUTH PLAIN AGFkYQB3cm9uZw==\n";
const HELLO: &str = "S: 220\nC: EHLO c\nS: 250\n";
const LETTER: &str = "C: MAIL FROM:<ada@here.example>\nS: 250\n\
                      C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\n";

async fn hold(name: &str, scripts: &[&str], scene: &Scene, sender: &mpsc::Sender<DuplexStream>) {
    let mut wire: BufReader<DuplexStream> = connect(sender).await;
    for script in scripts {
        converse(name, script, scene, &mut wire).await;
    }
}

struct Case {
    name: &'static str,
    clear: bool,
    implicit: bool,
    /// The client's network may send without a login.
    trusted: bool,
    scripts: &'static [&'static str],
    /// Lines that the letter to bob holds; no letter where there are none.
    lines: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "nothing before a login, anything after it",
        clear: true,
        implicit: false,
        trusted: false,
        scripts: &[
            HELLO,
            "C: MAIL FROM:<ada@here.example>\nS: 530 5.7.0\nC: RCPT TO:<bob@here.example>\nS: 530
             C: DATA\nS: 530\nC: VRFY bob\nS: 530\nC: NOOP\nS: 250\nC: RSET\nS: 250",
            ADA,
            "C: MAIL FROM:<bob@here.example>\nS: 550 5.7.1\nC: MAIL FROM:<ada@host>\nS: 554 5.1.8
             C: MAIL FROM:<>\nS: 250\nC: RSET\nS: 250
             C: MAIL FROM:<a..b@here.example>\nS: 501",
            LETTER,
            "C: Subject: hi\nC:\nC: hello\nC: .\nS: 250 2.0.0
             C: MAIL FROM:<ada+tag@here.example>\nS: 250\nC: RCPT TO:<x@far.example>\nS: 250
             C: RCPT TO:<x@far>\nS: 554 5.1.2\nC: QUIT\nS: 221\ngone",
        ],
        lines: &[
            "From: ada@here.example",
            "Date: Mon, 05 Jan 2026",
            "Message-ID: <",
            "Subject: hi",
            " with ESMTPA",
        ],
    },
    Case {
        name: "a network that is trusted needs no login",
        clear: true,
        implicit: false,
        trusted: true,
        scripts: &[
            HELLO,
            "C: MAIL FROM:<anyone@far.example>\nS: 250\nC: RCPT TO:<bob@here.example>\nS: 250
             C: RCPT TO:<x@far.example>\nS: 250\nC: DATA\nS: 354",
            "C: From: other@elsewhere.example\nC: Bcc: eve@here.example\nC: To: bob\nC:\nC: .\nS: 250",
        ],
        lines: &[
            "From: other@elsewhere.example",
            "Date: Mon, 05 Jan 2026",
            "To: bob@here.example",
            " with ESMTP",
        ],
    },
    Case {
        name: "a letter in another's name is refused, and the session goes on",
        clear: true,
        implicit: false,
        trusted: false,
        scripts: &[
            HELLO,
            ADA,
            LETTER,
            "C: From: bob@here.example\nC:\nC: .\nS: 550 5.7.1",
            LETTER,
            "C: From: ada@here.example\nC: From: ada@here.example\nC:\nC: .\nS: 554 5.6.0",
            LETTER,
            "C: From: ada@here.example\nC: To: stranger\nC:\nC: .\nS: 554 5.6.0",
            LETTER,
            "C: From: ada+x@here.example\nC:\nC: .\nS: 250",
        ],
        lines: &["From: ada+x@here.example"],
    },
    Case {
        name: "letters in chunks are held to the same",
        clear: true,
        implicit: false,
        trusted: false,
        scripts: &[
            HELLO,
            "C: MAIL FROM:<ada@here.example>\nS: 530 5.7.0",
            ADA,
            "C: MAIL FROM:<ada@here.example>\nS: 250\nC: RCPT TO:<bob@here.example>\nS: 250
             C: BDAT 26\nC: From: bob@here.example\nC:\nS: 250\nC: BDAT 0 LAST\nS: 550 5.7.1
             C: MAIL FROM:<ada@here.example>\nS: 250\nC: RCPT TO:<bob@here.example>\nS: 250
             C: BDAT 13 LAST\nC: Subject: hi\nS: 250",
        ],
        lines: &["Subject: hi", "From: ada@here.example", "Date: Mon", "Message-ID: <"],
    },
    Case {
        name: "the same within TLS from the first octet",
        clear: false,
        implicit: true,
        trusted: false,
        scripts: &[
            "C: client hello\nS: 250 server hello",
            HELLO,
            "C: MAIL FROM:<ada@here.example>\nS: 530 5.7.0",
            ADA,
            LETTER,
            "C: .\nS: 250",
        ],
        lines: &["From: ada@here.example", " with ESMTPSA", " tls TLS_AES_128_GCM_SHA256"],
    },
    Case {
        name: "no password in clear, and no word on whether it was right",
        clear: false,
        implicit: false,
        trusted: false,
        scripts: &[
            HELLO,
            "C: AUTH PLAIN AGFkYQB3b25kZXJsYW5k\nS: 504 5.5.4 That mechanism is not offered here",
            WRONG,
            "S: 504 5.5.4 That mechanism is not offered here
             C: AUTH LOGIN\nS: 504 5.5.4 That mechanism is not offered here
             C: STARTTLS\nS: 220\nC: client hello\nS: 250 server hello\nC: EHLO c\nS: 250",
            WRONG,
            "S: 535 5.7.8 Authentication failed",
            ADA,
            // One login for a session.
            "C: AUTH PLAIN AGFkYQB3b25kZXJsYW5k\nS: 503",
        ],
        lines: &[],
    },
    Case {
        name: "a login is forgotten when TLS begins",
        clear: true,
        implicit: false,
        trusted: false,
        scripts: &[
            HELLO,
            ADA,
            "C: STARTTLS\nS: 220\nC: client hello\nS: 250 server hello\nC: EHLO c\nS: 250
             C: MAIL FROM:<ada@here.example>\nS: 530",
        ],
        lines: &[],
    },
];

/// Register: 6409-3.1-a, 6409-4.3-a, 6409-5.1-a, 6409-7-i, 6409-8-a, 8314-3.3-a, 8314-3.3-e,
/// 8314-4-a, 8314-4-i, 8314-4.1-a, 8314-4.3-a, 6409-7-j, 4954-6-d, 4954-4-b, 6409-5.3-a.
#[test]
fn dialogues() {
    for case in CASES {
        play(async {
            let mut options = options();
            if case.trusted {
                options.access.relay_networks = vec!["203.0.113.0/24".parse().unwrap()];
            }
            let (scene, sender) = authors(options, case.clear, case.implicit);
            hold(case.name, case.scripts, &scene, &sender).await;
            scene.pass(60).await;
            let letters = scene.boxes.of("bob");
            assert_eq!(letters.len(), usize::from(!case.lines.is_empty()), "{}", case.name);
            for line in case.lines {
                let letter = &letters[0];
                let found = letter.lines().any(|found| {
                    found.starts_with(line) || (line.starts_with(' ') && found.contains(line))
                });
                assert!(found, "{}: no {line:?} in {letter}", case.name);
                assert!(!letter.contains("Bcc"), "{}: {letter}", case.name);
            }
        });
    }
}

/// Failures are answered ever later, then not heard, whatever the password; a session that only
/// guesses ends; what is not the client's fault does not count.
///
/// Register: 4954-9-b, 4954-6-g.
#[test]
fn guesses_are_slowed_down_and_locked_out() {
    play(async {
        let mut options = options();
        options.lockout.login = 8;
        let (scene, sender) = authors(options, true, false);
        let down = "C: AUTH PLAIN AGRvd24AeA==\nS: 454 4.7.0\n".repeat(30);
        hold("down", &[HELLO, &down], &scene, &sender).await;
        let start = tokio::time::Instant::now();
        let guess = format!("{WRONG}S: 535 5.7.8\n");
        let guesses = guess.repeat(5);
        hold("first", &[HELLO, &guesses, "S: 421\ngone"], &scene, &sender).await;
        // Three cost nothing, the next two one and two seconds.
        assert_eq!(start.elapsed().as_secs(), 3);
        hold("second", &[HELLO, &guess.repeat(3)], &scene, &sender).await;
        assert_eq!(start.elapsed().as_secs(), 3 + 4 + 8 + 16);
        let locked = "C: AUTH PLAIN AGFkYQB3b25kZXJsYW5k\nS: 454 4.7.0 Too many failures\n";
        hold("locked", &[HELLO, locked, locked], &scene, &sender).await;
        // `postrider why ada` asks so.
        let (wait, why) = scene.engine.locked(None, Some("Ada")).expect("it is locked");
        assert!(wait.as_secs() <= 300 && why == "8 failed logins as \"ada\", 8 are heard", "{why}");
        assert!(scene.engine.locked(None, Some("bob")).is_none());
        // Another login from there is heard: the address has not failed so often.
        let bob = "C: AUTH PLAIN AGJvYgB3b25kZXJsYW5k\nS: 235\n";
        hold("bob", &[HELLO, bob], &scene, &sender).await;
        scene.pass(300).await;
        hold("later", &[HELLO, ADA], &scene, &sender).await;
        // And so it is at home there, with nothing remembered.
        let start = tokio::time::Instant::now();
        hold("at home", &[HELLO, &guess], &scene, &sender).await;
        assert!(start.elapsed().as_secs() < 17);
    });
}

/// A login sends so many letters and has so many sessions; another login is another matter.
///
/// Register: 6409-6.2-a.
#[test]
fn logins_are_bounded() {
    play(async {
        let rates = Rates { letters: Some(2), recipients: Some(3), sessions: Some(1) };
        let (scene, sender) = authors(Options { rates, ..options() }, true, false);
        let mail = "C: MAIL FROM:<ada@here.example>\n";
        let recipient = "C: RCPT TO:<bob@here.example>\n";
        let mut first = connect(&sender).await;
        let script = format!(
            "{HELLO}{ADA}{mail}S: 250\n{recipient}S: 250\n{recipient}S: 250\nC: RSET\nS: 250\n\
             {mail}S: 250\n{recipient}S: 250\n{recipient}S: 452 4.7.1\nC: RSET\nS: 250\n\
             {mail}S: 450 4.7.1"
        );
        converse("letters", &script, &scene, &mut first).await;
        let crowded = format!("{mail}S: 421 4.7.0\ngone");
        hold("a second session", &[HELLO, ADA, &crowded], &scene, &sender).await;
        drop(first);
        scene.pass(1800).await;
        let again = format!("{mail}S: 250\nC: RSET\nS: 250\n{mail}S: 450");
        hold("half an hour later", &[HELLO, ADA, &again], &scene, &sender).await;
    });
}
