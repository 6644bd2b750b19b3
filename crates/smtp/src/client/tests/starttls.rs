//! Octets between the reply to STARTTLS and the handshake, however they come.

use super::*;

fn at_starttls(security: Security) -> Stage {
    let opening = Opening { security, ..Opening::default() };
    let mut stage = Stage::new(opening, usize::MAX);
    stage.give(Input::Bytes(b"220 mx\r\n"));
    stage.give(Input::Bytes(b"250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"));
    assert!(stage.wire.ends_with(b"\r\nSTARTTLS\r\n"));
    stage.wire.clear();
    stage
}

/// What is put behind the 220 is not read as a reply of the secured session: the connection ends.
///
/// Register: 3207-4.2-b, 3207-6-f.
#[test]
fn injected_replies() {
    let behind: [&[u8]; 4] =
        [b"250-mx\r\n250 AUTH PLAIN\r\n", b"2", b"421 bye\r\n", b"\r\n250 PIPELINING\r\n"];
    for security in [Security::IfOffered, Security::Required] {
        for octets in behind {
            // In one piece with the reply.
            let mut stage = at_starttls(security.clone());
            stage.give(Input::Bytes(&[b"220 go\r\n", octets].concat()));
            assert_eq!(stage.events, ["failed StartTls Injected", "close"], "{octets:?}");
            assert!(stage.wire.is_empty());
            // Behind it, while the caller still reads.
            let mut stage = at_starttls(security.clone());
            stage.give(Input::Bytes(b"220 go\r\n"));
            stage.give(Input::Bytes(octets));
            let events = ["starttls", "failed Handshake Injected", "close"];
            assert_eq!(stage.events, events, "{octets:?}");
            stage.give(Input::Secured(facts()));
            assert!(stage.wire.is_empty() && stage.session.tls().is_none());
        }
    }
}

/// Neither what was offered in the clear nor the name said there is known after the handshake.
///
/// Register: 3207-4.2-b, 3207-6-f.
#[test]
fn what_was_said_in_the_clear_is_forgotten() {
    let mut stage = at_starttls(Security::Required);
    assert!(stage.session.extensions().offers("AUTH"));
    stage.give(Input::Bytes(b"220 go\r\n"));
    stage.give(Input::Secured(facts()));
    assert_eq!(stage.session.extensions(), &Extensions::default());
    assert_eq!(stage.session.peer_name(), None);
    stage.give(Input::Bytes(b"250-real.example.net\r\n250 PIPELINING\r\n"));
    assert!(!stage.session.extensions().offers("AUTH"));
    assert_eq!(stage.session.peer_name(), Some("real.example.net"));
}

/// A handshake that nobody has begun secures nothing.
#[test]
fn no_handshake_unasked() {
    let mut stage = Stage::new(Opening::default(), usize::MAX);
    stage.give(Input::Secured(facts()));
    stage.give(Input::TlsFailed("x".to_owned()));
    assert!(stage.events.is_empty() && stage.session.tls().is_none());
    stage.give(Input::Bytes(b"220 mx\r\n"));
    assert_eq!(stage.wire, b"EHLO client.example\r\n");
}
