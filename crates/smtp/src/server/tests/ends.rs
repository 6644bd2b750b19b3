//! The end of content and all that looks like it.

use proptest::prelude::*;

use super::{Stage, options};

const ENVELOPE: &[u8] =
    b"HELO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n";

/// A session that waits for content.
pub(super) fn in_content(size: u64) -> Stage {
    let mut stage = Stage::new(super::SessionOptions { message_size: size, ..options() });
    stage.bytes(ENVELOPE, usize::MAX);
    assert!(stage.sent.ends_with(b" own\r\n"));
    stage.sent.clear();
    stage
}

/// The octets between two lines of text that would smuggle a message in at a careless host.
const NEAR_MISSES: &[&[u8]] = &[
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\n.\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\r.\r\n",
    b"\n\n.\n\n",
    b"\n\r.\n\r",
    b"\r\n.\n\r\n",
    b"\n",
    b"\r",
    b"\n\r",
    b"\r\n\n",
    b"\r\r\n",
];

/// None of them is an end: what follows stays content, and the message is refused at its true end.
///
/// Register: 5321-2.3.8-a, 5321-4.1.1.4-e, 5321-4.1.1.4-f.
#[test]
fn near_misses() {
    for near_miss in NEAR_MISSES {
        let smuggled = b"MAIL FROM:<eve@b.example>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nevil";
        let wire = [b"text", *near_miss, smuggled, b"\r\n.\r\n"].concat();
        for piece in [usize::MAX, 7, 3, 2, 1] {
            let mut stage = in_content(100_000);
            stage.bytes(&wire, piece);
            let sent = String::from_utf8_lossy(&stage.sent);
            assert!(sent.starts_with("554 5.5.2 "), "{near_miss:?}: {sent}");
            assert_eq!(sent.matches("\r\n").count(), 1, "{near_miss:?}: {sent}");
            assert!(stage.messages.is_empty() && stage.content.is_empty());
            assert_eq!(stage.discards, 1);
        }
    }
}

/// Dots of octets that end nothing and are wrong in nothing.
#[test]
fn no_end_and_no_fault() {
    for (wire, content) in [
        (&b"text\r\n..\r\nMAIL\r\n.\r\n"[..], &b"text\r\n.\r\nMAIL\r\n"[..]),
        (b"text\r\n. \r\n.\r\n", b"text\r\n \r\n"),
        (b"text.\r\n\r\n.\r\n", b"text.\r\n\r\n"),
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
    ] {
        for piece in [usize::MAX, 2, 1] {
            let mut stage = in_content(100_000);
            stage.bytes(wire, piece);
            let (_, found) = stage.messages.pop().expect("a message");
            assert_eq!(found, content, "{wire:?}");
        }
    }
}

/// What the end of content is, written as plainly as can be: one octet, one thought.
fn plain(wire: &[u8]) -> Option<(Result<Vec<u8>, ()>, usize)> {
    let end = match wire.starts_with(b".\r\n") {
        true => 3,
        false => memchr::memmem::find(wire, b"\r\n.\r\n")? + 5,
    };
    let body = &wire[..end - 3];
    let text = String::from_utf8(body.to_vec()).expect("ASCII");
    let lines: Vec<&str> = text.split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return Some((Err(()), end));
    }
    let lines: Vec<&str> =
        lines.iter().map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
    Some((Ok(lines.join("\r\n").into_bytes()), end))
}

proptest! {
    /// The machine agrees with the plain reading, however the octets are cut.
    #[test]
    fn same_as_the_plain_reading(
        wire in proptest::collection::vec(proptest::sample::select(b"\r\n.a\r\n.".to_vec()), 0..40),
        piece in 1_usize..9,
    ) {
        let mut stage = in_content(100_000);
        let expected = plain(&wire);
        let end = expected.as_ref().map_or(wire.len(), |(_, end)| *end);
        stage.bytes(&wire[..end], piece);
        match expected {
            None => prop_assert!(stage.sent.is_empty() && stage.messages.is_empty()),
            Some((Err(()), _)) => {
                prop_assert!(stage.sent.starts_with(b"554 5.5.2"));
                prop_assert!(stage.messages.is_empty());
            }
            Some((Ok(content), _)) => {
                prop_assert_eq!(&stage.messages.pop().expect("a message").1, &content);
            }
        }
    }
}
