//! Our client and our server, one wire between them.

use bytes::BytesMut;
use mail::{Reply, Topic};
use proptest::prelude::*;

use super::*;
use crate::server;

/// What RFC 5321 §2.3.8 leaves of content: CR LF line ends, one at the end unless it is empty.
fn normal(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = content.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' => {
                octets.next_if_eq(&b'\n');
                out.extend(b"\r\n");
            }
            b'\n' => out.extend(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend(b"\r\n");
    }
    out
}

/// Lets them talk until both wait; what the server was given of content comes back.
fn talk(client: &mut Stage, server: &mut server::Session, piece: usize) -> Vec<Vec<u8>> {
    let (mut content, mut messages) = (Vec::new(), Vec::new());
    loop {
        let mut from_server = BytesMut::new();
        loop {
            match server.poll() {
                server::Output::Send(octets) => from_server.extend_from_slice(&octets),
                server::Output::Content(octets) => content.extend_from_slice(&octets),
                server::Output::Discard => panic!("our client sends no flawed content"),
                server::Output::Ask(question) => {
                    if let server::Question::Message(_) = question {
                        messages.push(std::mem::take(&mut content));
                    }
                    let yes = Reply::new(250, Topic(0, 0), "yes");
                    server.handle(server::Input::Answer(yes), client.now);
                }
                output @ (server::Output::StartTls
                | server::Output::Turn
                | server::Output::Notice(_)) => {
                    panic!("our client asks for nothing of that: {output:?}")
                }
                server::Output::Close | server::Output::Wait(_) => break,
            }
        }
        from_server.chunks(piece).for_each(|octets| client.give(Input::Bytes(octets)));
        if client.wire.is_empty() {
            return messages;
        }
        let wire = std::mem::take(&mut client.wire);
        wire.chunks(piece).for_each(|octets| {
            server.handle(server::Input::Bytes(octets), client.now);
        });
    }
}

fn server_options() -> Arc<server::SessionOptions> {
    Arc::new(server::SessionOptions {
        message_size: 1_000_000,
        errors: 1,
        ..server::SessionOptions::new("mx.example.net", server::Kind::Mx)
    })
}

fn dotty() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        4 => proptest::sample::select(b"\r\n.\r\n.a".to_vec()),
        1 => any::<u8>(),
    ];
    proptest::collection::vec(octet, 0..200)
}

proptest! {
    /// What is stuffed or goes in chunks here is whole again there, for any octets, however cut.
    ///
    /// Register: 1123-5.2.11-a, 1123-5.2.11-b, 5321-4.5.2-a, 5321-4.5.2-b, 5321-2.3.8-b,
    /// 5321-2.3.8-c, 5321-4.1.1.4-c, 5321-4.1.1.4-d, 6152-3-b, 6152-3-d.
    #[test]
    fn round_trip(
        letters in proptest::collection::vec(dotty(), 1..4),
        piece in 1_usize..50,
        unchunked in any::<bool>(),
    ) {
        let opening = Opening { unchunked, ..Opening::default() };
        let mut client = Stage::new(opening, piece);
        let mut server = server::Session::new(server_options(), server::Peer::default(), client.now);
        prop_assert!(talk(&mut client, &mut server, piece).is_empty());
        prop_assert_eq!(client.events.pop_front(), Some("ready".to_owned()));
        prop_assert!(client.session.extensions().chunking());
        for letter in letters {
            client.content.clone_from(&letter);
            let envelope = "<a@b.example> <c@d.example> <e@f.example> 8bit";
            client.session.handle(Input::Begin(transaction(envelope, &letter)), client.now);
            client.drive();
            let messages = talk(&mut client, &mut server, piece);
            prop_assert_eq!(messages, vec![normal(&letter)]);
            let events: Vec<_> = client.events.drain(..).collect();
            prop_assert_eq!(events, ["taken 250 2.0.0 yes", "taken 250 2.0.0 yes", "ready"]);
        }
        client.give(Input::Quit);
        talk(&mut client, &mut server, piece);
        prop_assert_eq!(client.events.pop_front(), Some("close".to_owned()));
    }
}
