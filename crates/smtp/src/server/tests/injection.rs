//! Octets where none may be: behind STARTTLS, before the handshake.

use super::*;

/// What an attacker puts behind the command.
const BEHIND: &[&[u8]] = &[
    b"EHLO evil.example\r\nMAIL FROM:<eve@b.example>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n",
    b"NOOP\r\n",
    b"\r\n",
    b"M",
    b"\0",
];

/// However the octets are cut: nothing of them is answered, kept or taken for a command after the
/// handshake.
///
/// Register: 3207-4.2-a.
#[test]
fn behind_starttls() {
    for behind in BEHIND {
        let wire = [b"EHLO c.example\r\nSTARTTLS\r\n", *behind].concat();
        for piece in [usize::MAX, 30, 26, 7, 2, 1] {
            let peer = Peer { can_secure: true, ..Peer::default() };
            let mut stage = Stage::with(options(), peer);
            stage.sent.clear();
            // The caller that is careless and reads on all the same.
            for octets in wire.chunks(piece) {
                stage.give(Input::Bytes(octets));
            }
            let sent = String::from_utf8_lossy(&stage.sent).into_owned();
            let (_, after) = sent.split_once("250 HELP\r\n").expect("the reply to EHLO");
            let refused = after.starts_with("421 4.7.0 ") || after.starts_with("220 2.0.0 ");
            assert!(refused && after.matches("\r\n").count() == 1, "by {piece}: {after}");
            assert!(stage.closed, "by {piece}");
            let told = matches!(stage.notices[..], [Notice::PlaintextAfterStartTls { .. }]);
            assert!(told || stage.handshakes == 1, "by {piece}: {:?}", stage.notices);
            // A handshake that is told of after all changes nothing.
            stage.give(Input::Secured(facts()));
            stage.give(Input::Bytes(b"EHLO c.example\r\n"));
            assert_eq!(stage.sent.len(), sent.len());
        }
    }
}

/// Octets that come while no handshake was asked for are no matter; facts that nobody asked for
/// secure nothing.
#[test]
fn facts_unasked() {
    let mut stage = Stage::with(options(), Peer { can_secure: true, ..Peer::default() });
    stage.give(Input::Secured(facts()));
    stage.give(Input::TlsFailed);
    stage.bytes(b"EHLO c.example\r\n", usize::MAX);
    assert!(String::from_utf8_lossy(&stage.sent).contains("250-STARTTLS\r\n"));
}
