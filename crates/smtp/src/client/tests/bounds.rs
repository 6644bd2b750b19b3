//! Servers that talk without end or sense, and transactions without measure.

use proptest::prelude::*;

use super::*;

const HELLO: &[u8] = b"220 mx.example.net\r\n250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n";

/// Groups are bounded, however many recipients there are.
///
/// Register: 2920-3.1-i, 2920-3.1-d, 5321-4.5.4.1-m.
#[test]
fn five_thousand_recipients() {
    let mut stage = Stage::new(Opening::default(), usize::MAX);
    stage.give(Input::Bytes(HELLO));
    stage.wire.clear();
    stage.events.clear();
    stage.content = b"x\r\n".to_vec();
    let paths = (0..5000).map(|n| format!("<r{n}@example.net>")).collect::<Vec<_>>().join(" ");
    let begin = transaction(&format!("<a@b.example> {paths}"), b"");
    stage.give(Input::Begin(begin));
    let mut commands = 0;
    while !stage.wire.is_empty() {
        let wire = std::mem::take(&mut stage.wire);
        let text = String::from_utf8_lossy(&wire).into_owned();
        assert!(text.lines().count() <= 102 && wire.len() <= 64 * 1024);
        for line in text.lines().filter(|line| *line != "x") {
            commands += 1;
            let odd = line.strip_prefix("RCPT TO:<r").is_some_and(|rest| {
                rest.split('@').next().and_then(|n| n.parse().ok()).is_some_and(|n: u32| n % 2 == 1)
            });
            let reply: &[u8] = match line {
                "DATA" => b"354 go\r\n",
                _ if odd => b"550-no\r\n550 never\r\n",
                _ => b"250 ok\r\n",
            };
            stage.give(Input::Bytes(reply));
        }
    }
    assert_eq!(commands, 1 + 5000 + 1 + 1);
    assert_eq!(stage.events.len(), 5001);
    for (n, event) in stage.events.iter().take(5000).enumerate() {
        let expected = if n % 2 == 1 { "refused Recipient 550 no never" } else { "taken 250 ok" };
        assert_eq!(event, expected);
    }
}

/// A server that says one octet a second has no more time for its reply than another.
///
/// Register: 5321-4.5.3.2-a.
#[test]
fn one_octet_a_second() {
    for (heard, reply) in [(&b""[..], &b"220-"[..]), (HELLO, b"250-"), (HELLO, b"x")] {
        let mut stage = Stage::new(Opening::default(), usize::MAX);
        stage.give(Input::Bytes(heard));
        if !heard.is_empty() {
            stage.content = b"x\r\n".to_vec();
            stage.give(Input::Begin(transaction("<a@b.example> <c@d.example>", b"x\r\n")));
        }
        (stage.wire, stage.events) = Default::default();
        let mut octets = reply.iter().copied().chain(std::iter::repeat(b'a'));
        let mut seconds = 0;
        while stage.events.is_empty() {
            stage.now += Duration::from_secs(1);
            seconds += 1;
            stage.give(Input::Bytes(&[octets.next().unwrap()]));
            stage.give(Input::Tick);
            assert!(seconds <= 300, "{reply:?}");
        }
        assert_eq!(seconds, 300, "{reply:?}: {:?}", stage.events);
        assert!(stage.events[0].contains("TimedOut"), "{:?}", stage.events);
    }
}

/// A host that turns round and speaks before it is greeted is no client to be served: what it says
/// would be lost between two machines.
#[test]
fn a_host_that_turns_round_waits_for_the_greeting() {
    let mut stage = Stage::new(Opening::default(), usize::MAX);
    stage.give(Input::Bytes(b"220 odmr.example.net\r\n250-odmr\r\n250 ATRN\r\n"));
    stage.wire.clear();
    stage.events.clear();
    stage.give(Input::Request(Request::Turn(Vec::new())));
    stage.give(Input::Bytes(b"250 ok\r\nEHLO odmr.example.net\r\n"));
    assert_eq!(stage.events, ["failed Turn Nonsense(\"250 ok\")", "close"]);
}

/// What is longer than a command may be is known before it is said.
#[test]
fn requests_have_one_line() {
    let domain = |n: usize| format!("branch{n}.example.net").parse().unwrap();
    let of = |count: usize| Request::Turn((10..10 + count).map(domain).collect());
    assert_eq!(of(2).to_string(), "ATRN branch10.example.net,branch11.example.net");
    assert_eq!(Request::Turn(Vec::new()).to_string(), "ATRN");
    // "ATRN", a blank or comma before each, 20 octets each, and the line end.
    assert!(!of(24).is_too_long() && of(25).is_too_long());
}

/// A megabyte of content goes out in moderate pieces.
#[test]
fn large_content() {
    let mut stage = Stage::new(Opening::default(), usize::MAX);
    stage.give(Input::Bytes(HELLO));
    let content = b".\n".repeat(500_000);
    stage.content.clone_from(&content);
    stage.give(Input::Begin(transaction("<a@b.example> <c@d.example>", &content)));
    stage.wire.clear();
    // `drive` checks each piece.
    stage.give(Input::Bytes(b"250 ok\r\n250 ok\r\n354 go\r\n"));
    assert_eq!(stage.wire.len(), 500_000 * 4 + 3);
}

const CHUNKING: &[u8] =
    b"220 mx.example.net\r\n250-mx\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 PIPELINING\r\n";

/// The chunks on the wire: their octets, and whether each is the last.
fn chunks(mut wire: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let mut found = Vec::new();
    while !wire.is_empty() {
        let end = memchr::memchr(b'\n', wire).expect("a line");
        let line = String::from_utf8_lossy(&wire[..end]).trim_end().to_owned();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[0], "BDAT");
        let size: usize = words[1].parse().expect("a size");
        let (chunk, rest) = wire[end + 1..].split_at(size);
        found.push((chunk.to_vec(), words.get(2) == Some(&"LAST")));
        wire = rest;
    }
    found
}

/// At a server that takes binary content, a transaction of which the envelope was accepted.
fn large_binary(content: &[u8]) -> Stage {
    let mut stage = Stage::new(Opening::default(), 10_000);
    stage.give(Input::Bytes(CHUNKING));
    stage.content = content.to_vec();
    stage.give(Input::Begin(transaction("<a@b.example> <c@d.example> binary", content)));
    stage.wire.clear();
    stage.events.clear();
    stage.give(Input::Bytes(b"250 ok\r\n250 ok\r\n"));
    stage
}

/// Large content goes out in several chunks, a few ahead of their replies, and comes together again.
///
/// Register: 3030-3-d.
#[test]
fn many_chunks() {
    let content: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut stage = large_binary(&content);
    let mut arrived = Vec::new();
    while stage.events.is_empty() {
        let sent = chunks(&std::mem::take(&mut stage.wire));
        assert!(!sent.is_empty() && sent.len() <= 4);
        for (chunk, _) in sent {
            arrived.extend(chunk);
            stage.give(Input::Bytes(b"250 2.0.0 ok\r\n"));
        }
    }
    assert!(arrived == content);
    assert_eq!(stage.events, ["taken 250 2.0.0 ok", "ready"]);
}

/// After a refusal no further chunk goes out; RSET comes when all that were under way are answered.
///
/// Register: 3030-2-h, 3030-2-k, 3030-2-e.
#[test]
fn a_chunk_is_refused() {
    let mut stage = large_binary(&vec![7; 2_000_000]);
    let sent = chunks(&std::mem::take(&mut stage.wire));
    assert_eq!(sent.len(), 4);
    stage.give(Input::Bytes(b"552 5.3.4 too large\r\n"));
    stage.give(Input::Bytes(b"503 no\r\n503 no\r\n"));
    assert!(stage.wire.is_empty() && stage.events.is_empty());
    stage.give(Input::Bytes(b"503 no\r\n"));
    assert_eq!(stage.wire, b"RSET\r\n");
    assert_eq!(stage.events, ["refused Content 552 5.3.4 too large"]);
}

/// Text in chunks has the lines that DATA would have.
///
/// Register: 3030-2-n.
#[test]
fn text_in_chunks() {
    let mut stage = Stage::new(Opening::default(), 3);
    stage.give(Input::Bytes(CHUNKING));
    stage.content = b"a\nb\r.\r\n.c".to_vec();
    let begin = transaction("<a@b.example> <c@d.example>", &stage.content);
    stage.give(Input::Begin(begin));
    let bdat = b"BDAT 13 LAST\r\na\r\nb\r\n.\r\n.c\r\n";
    assert!(stage.wire.ends_with(bdat), "{}", shown(&stage.wire));
}

/// A begin that comes too late, as the server went at the same moment.
#[test]
fn begin_after_the_end() {
    let mut stage = Stage::new(Opening::default(), usize::MAX);
    stage.give(Input::Bytes(HELLO));
    stage.give(Input::Closed);
    stage.events.clear();
    stage.give(Input::Begin(transaction("<a@b.example> <c@d.example>", b"")));
    assert_eq!(stage.events, ["lost Idle Closed"]);
}

/// Replies that are mostly right.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<&[u8]> = vec![
        b"220 mx\r\n",
        b"250 ok\r\n",
        b"250-mx\r\n250 PIPELINING\r\n",
        b"250-mx\r\n250-SIZE 50\r\n250 8BITMIME\r\n",
        b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
        b"354 go\r\n",
        b"450 4.2.1 no\r\n",
        b"452 too many\r\n",
        b"550-5.1.1 no\r\n550 5.1.1 no\r\n",
        b"421 bye\r\n",
        b"25",
        b"0 ok\r\n",
        b"999 what\r\n",
        b"\r\n",
    ];
    let line = prop_oneof![
        30 => proptest::sample::select(lines).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..50),
    ];
    proptest::collection::vec(line, 0..10).prop_map(|lines| lines.concat())
}

/// Plays events against a session and returns its wire and events.
fn run(
    events: &[(u8, Vec<u8>)],
    piece: usize,
    hello: Hello,
    offered: &[u8],
) -> (Vec<u8>, Vec<String>) {
    let mut stage = Stage::new(Opening { hello, ..Opening::default() }, 3);
    let (mut begun, mut told) = (0, Vec::new());
    stage.give(Input::Bytes(offered));
    for (event, octets) in events {
        match event {
            0 => {
                stage.now += Duration::from_secs(100);
                stage.give(Input::Tick);
            }
            1 => stage.give(Input::Closed),
            2 => stage.give(Input::Abort),
            3 => stage.give(Input::Quit),
            4 => stage.give(Input::Sent),
            5..=9 => {
                stage.content = b"one\r\n.two".to_vec();
                begun += 2;
                let envelope = "<a@b.example> <c@d.example> <e@f.example>";
                stage.give(Input::Begin(transaction(envelope, b"one\r\n.two")));
            }
            _ => {
                // The content goes out after all that came: a reply to it that is there already
                // would else be an interruption or not, as the octets are cut.
                for piece in octets.chunks(piece) {
                    stage.session.handle(Input::Bytes(piece), stage.now);
                }
                stage.drive();
            }
        }
    }
    stage.give(Input::Closed);
    told.extend(stage.events.drain(..));
    let starts = ["taken", "refused", "later", "lost", "excess", "unsuitable", "too large"];
    let outcomes = told.iter().filter(|event| starts.iter().any(|start| event.starts_with(start)));
    assert_eq!(outcomes.count(), begun, "{told:?}");
    assert_eq!(told.iter().filter(|event| *event == "close").count(), 1, "{told:?}");
    (stage.wire, told)
}

proptest! {
    /// Any replies in any order: no panic, one outcome for each recipient, one end; and how the
    /// octets are cut does not matter.
    #[test]
    fn garbage(
        events in proptest::collection::vec((0_u8..60, replies()), 0..30),
        piece in 1_usize..20,
    ) {
        for hello in [Hello::Extended, Hello::Lmtp] {
            for offered in [HELLO, CHUNKING] {
                let cut = run(&events, piece, hello, offered);
                prop_assert_eq!(cut, run(&events, usize::MAX, hello, offered));
            }
        }
    }
}
