//! Connections that are secured: STARTTLS, and TLS before the greeting. The handshake of these tests
//! is one line each way.

use std::sync::Arc;

use mail::TlsFacts;
use smtp::server::{Kind, SessionOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::receive::{connect, converse, listening_with};
use super::world::{HOST, options, play};
use crate::ListenOptions;
use crate::doors::{Doing, Secured, Tls, TlsFailure, TlsWish, Wire};

/// Takes `client hello` and says `250 server hello`; the wire is the same afterwards.
pub(super) struct TestTls;

impl Tls for TestTls {
    fn accept(&self, mut wire: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>> {
        Box::pin(async move {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                let octet = wire.read_u8().await;
                line.push(octet.map_err(|error| TlsFailure::Handshake(error.to_string()))?);
            }
            if line != b"client hello\r\n" {
                return Err(TlsFailure::Handshake("no hello".to_owned()));
            }
            let said = wire.write_all(b"250 server hello\r\n").await;
            said.map_err(|error| TlsFailure::Handshake(error.to_string()))?;
            let facts = TlsFacts {
                version: "TLSv1.3".to_owned(),
                cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
                ..TlsFacts::default()
            };
            Ok(Secured { wire, facts })
        })
    }

    fn connect<'a>(
        &'a self,
        _: Box<dyn Wire>,
        _: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>> {
        Box::pin(async { Err(TlsFailure::Handshake("not in these tests".to_owned())) })
    }

    fn can_accept(&self) -> bool {
        true
    }
}

struct Case {
    name: &'static str,
    implicit: bool,
    script: &'static str,
    /// The word in the Received field of the letter that reaches bob.
    with: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case {
        name: "STARTTLS, and a letter",
        implicit: false,
        script: "S: 220\nC: EHLO c\nS: 250\nC: STARTTLS\nS: 220 2.0.0\nC: client hello
            S: 250 server hello\nC: MAIL FROM:<x@far.example>\nS: 503
            C: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
            C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250
            C: QUIT\nS: 221\ngone",
        with: Some("ESMTPS"),
    },
    Case {
        name: "TLS before the greeting",
        implicit: true,
        script: "C: client hello\nS: 250 server hello\nS: 220\nC: EHLO c\nS: 250
            C: STARTTLS\nS: 503\nC: MAIL FROM:<x@far.example>\nS: 250
            C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250",
        with: Some("ESMTPS"),
    },
    Case {
        name: "without it",
        implicit: false,
        script: "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<x@far.example>\nS: 250
            C: RCPT TO:<bob@here.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250",
        with: Some("ESMTP"),
    },
    Case {
        name: "commands where the handshake should be",
        implicit: false,
        script: "S: 220\nC: STARTTLS\nS: 220\nC: MAIL FROM:<eve@far.example>\ngone",
        with: None,
    },
    Case {
        name: "a handshake that stalls",
        implicit: false,
        script: "S: 220\nC: STARTTLS\nS: 220\npass 61\ngone",
        with: None,
    },
    Case {
        name: "a handshake that stalls before the greeting",
        implicit: true,
        script: "pass 61\ngone",
        with: None,
    },
    Case { name: "commands before TLS", implicit: true, script: "C: EHLO c\ngone", with: None },
    Case {
        name: "the host goes down within TLS",
        implicit: false,
        script: "S: 220\nC: STARTTLS\nS: 220\nC: client hello\nS: 250 server hello\nstop
            S: 421 4.3.2\ngone",
        with: None,
    },
];

/// Register: 3207-4.2-a, 3207-4.2-d, 3207-4.2-f, 3848-1-a, 3848-1-b.
#[test]
fn dialogues() {
    for case in CASES {
        play(async {
            let session = SessionOptions::new(HOST, Kind::Mx);
            let listen = ListenOptions { implicit_tls: case.implicit, ..session.into() };
            let (scene, sender) = listening_with(options(), listen, Arc::new(TestTls));
            let mut wire = connect(&sender).await;
            converse(case.name, case.script, &scene, &mut wire).await;
            drop(wire);
            scene.pass(60).await;
            let letters = scene.boxes.of("bob");
            let words = |letter: &String| letter.split_whitespace().map(str::to_owned).collect();
            let words: Vec<String> = letters.first().map(words).unwrap_or_default();
            let with = words.iter().skip_while(|word| *word != "with").nth(1);
            assert_eq!(with.map(String::as_str), case.with, "{}", case.name);
            assert_eq!(scene.engine.busy(), 0, "{}", case.name);
        });
    }
}
