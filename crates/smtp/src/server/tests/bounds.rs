//! Floods, garbage and silence: nothing grows, nothing panics, every command has its reply.

use proptest::prelude::*;

use super::ends::in_content;
use super::*;

/// Register: 5321-4.5.3.1-d.
#[test]
fn a_command_without_end() {
    let mut stage = Stage::new(options());
    for _ in 0..100 {
        stage.bytes(&[b'x'; 1024], usize::MAX);
        assert!(stage.session.connection.inbox.len() < 1024);
        assert!(stage.session.connection.inbox.capacity() <= 8 * 1024);
    }
    stage.sent.clear();
    stage.bytes(b"x\r\nNOOP\r\n", usize::MAX);
    let sent = String::from_utf8_lossy(&stage.sent);
    assert!(sent.starts_with("500 5.5.2") && sent.contains("\r\n250 2.0.0"), "{sent}");
    assert_eq!(sent.matches("\r\n").count(), 2);
}

/// Register: 5321-4.5.3.1.8-a, 5321-4.5.3.1.8-d, 5321-4.5.3.1.10-a, 2920-3.2-b.
#[test]
fn ten_thousand_recipients() {
    let mut stage = Stage::new(options());
    stage.bytes(b"HELO c.example\r\nMAIL FROM:<a@b.example>\r\n", usize::MAX);
    stage.sent.clear();
    stage.sends = 0;
    let group = b"RCPT TO:<bob@example.net>\r\n".repeat(10_000);
    stage.bytes(&group, 16 * 1024);
    let sent = String::from_utf8_lossy(&stage.sent);
    assert_eq!(sent.matches("250 2.1.5").count(), 100);
    assert_eq!(sent.matches("452 4.5.3").count(), 9_900);
    // One write for each read, and one more for each 16 KiB of replies.
    assert!(stage.sends <= group.len().div_ceil(16 * 1024) + sent.len() / (16 * 1024));
    stage.bytes(b"DATA\r\n.\r\n", usize::MAX);
    assert_eq!(stage.messages.pop().map(|(it, _)| it.envelope.recipients.len()), Some(100));
}

/// Short commands with long replies, and nobody takes the replies: what is said stays small, the
/// rest of the commands waits, and each has its reply in the end.
///
/// Register: 2920-3.2-e.
#[test]
fn a_deaf_client() {
    let now = Instant::now();
    let mut session = Session::new(Arc::new(options()), Peer::default(), now);
    assert!(matches!(session.poll(), Output::Send(_)));
    let commands = 10_000;
    session.handle(Input::Bytes(&b"HELP\r\n".repeat(commands)), now);
    assert!(!session.connection.is_drained() && session.connection.inbox.len() > 40_000);
    let mut replies = 0;
    while let Output::Send(octets) = session.poll() {
        assert!(octets.len() < 18 * 1024, "{} octets at once", octets.len());
        replies += String::from_utf8_lossy(&octets).matches("214 ").count();
    }
    assert_eq!(replies, commands);
}

/// A gigabyte against SIZE: read to its end, and nothing kept.
///
/// Register: 1870-6.1-d, 5321-4.5.3.1-d.
#[test]
fn a_gigabyte() {
    let mut stage = in_content(1_000_000);
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    let chunk = line.repeat(1_000);
    for _ in 0..1_000 {
        stage.session.handle(Input::Bytes(&chunk), stage.now);
        assert!(stage.session.connection.inbox.is_empty());
        assert!(stage.session.connection.inbox.capacity() <= 4 * chunk.len());
        stage.drive();
        assert!(stage.content.len() <= 1_000_000);
    }
    assert_eq!(stage.discards, 1);
    assert!(stage.sent.is_empty());
    stage.bytes(b".\r\n", usize::MAX);
    assert!(stage.sent.starts_with(b"552 5.3.4"));
    assert!(stage.messages.is_empty());
}

/// While a question is open nothing more is read, and what came before waits.
///
/// Register: 2920-3.2-e, 2920-3.2-g.
#[test]
fn a_question_holds_the_rest() {
    let now = Instant::now();
    let mut session = Session::new(Arc::new(options()), Peer::default(), now);
    assert!(matches!(session.poll(), Output::Send(_)));
    session
        .handle(Input::Bytes(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nNOOP\r\n"), now);
    // The reply to HELO may not wait for the answer (RFC 2920 §3.2).
    assert!(matches!(session.poll(), Output::Send(_)));
    assert!(matches!(session.poll(), Output::Ask(Question::Sender { .. })));
    assert!(!session.wants_bytes());
    assert!(matches!(session.poll(), Output::Wait(_)));
    session.handle(Input::Answer(Reply::new(250, Topic(1, 0), "yes")), now);
    // The reply to MAIL may, and goes once somebody waits.
    assert!(matches!(session.poll(), Output::Ask(Question::Recipient { .. })));
    assert!(matches!(session.poll(), Output::Send(_)));
    let Output::Wait(deadline) = session.poll() else { panic!("nothing is left to do") };
    // Our own slowness is no fault of the peer.
    session.handle(Input::Tick, deadline);
    let Output::Wait(later) = session.poll() else { panic!("the session goes on") };
    assert!(later > deadline);
    session.handle(Input::Answer(Reply::new(250, Topic(1, 5), "yes")), later);
    let Output::Send(replies) = session.poll() else { panic!("replies") };
    assert_eq!(String::from_utf8_lossy(&replies).lines().count(), 2);
    assert!(session.wants_bytes());
}

/// What may not be buffered is sent before a question that might take its time.
///
/// Register: 2920-3.2-e, 2920-3.2-f.
#[test]
fn prompt_replies() {
    for command in ["VRFY a", "EXPN a", "NOOP", "HELP", "FOO", "EHLO c.example"] {
        let now = Instant::now();
        let mut session = Session::new(Arc::new(options()), Peer::default(), now);
        session.handle(Input::Bytes(b"EHLO c.example\r\n"), now);
        assert!(matches!(session.poll(), Output::Send(_)));
        let octets = format!("{command}\r\nMAIL FROM:<>\r\n");
        session.handle(Input::Bytes(octets.as_bytes()), now);
        let mut output = session.poll();
        if matches!(output, Output::Ask(Question::Verify(_) | Question::Expand(_))) {
            session.handle(Input::Answer(Reply::new(252, Topic(5, 0), "maybe")), now);
            output = session.poll();
        }
        assert!(matches!(output, Output::Send(_)), "{command}: {output:?}");
        assert!(matches!(session.poll(), Output::Ask(Question::Sender { .. })), "{command}");
    }
}

/// The going of the peer while a message is asked about is the caller's affair.
#[test]
fn gone_while_asked() {
    let mut stage = in_content(1000);
    stage.session.handle(Input::Bytes(b"x\r\n.\r\n"), stage.now);
    stage.session.handle(Input::Closed, stage.now);
    assert!(matches!(stage.session.poll(), Output::Content(_)));
    assert!(matches!(stage.session.poll(), Output::Ask(Question::Message(_))));
    assert!(matches!(stage.session.poll(), Output::Close));
    stage.session.handle(Input::Answer(Reply::new(250, Topic(0, 0), "yes")), stage.now);
    assert!(matches!(stage.session.poll(), Output::Close));
}

/// A stream of lines that are mostly commands.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<&[u8]> = vec![
        b"EHLO c.example\r\n",
        b"HELO c\r\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"RCPT TO:<bob@example.net>\r\n",
        b"RCPT TO:<unknown@example.net>\r\n",
        b"DATA\r\n",
        b".\r\n",
        b"..text\r\n",
        b"text\r\n",
        b"NOOP\r\n",
        b"RSET\r\n",
        b"VRFY x\r\n",
        b"bare\n.\r",
        b"\xff\x00",
        b"MAIL FROM:<a@b.example> BODY=BINARYMIME SMTPUTF8\r\n",
        b"BDAT 5\r\nab\r\nc",
        b"BDAT 5\r\n\rNOOP",
        b"BDAT 3 LAST\r\n\n.\r",
        b"BDAT 0 LAST\r\n",
        b"BDAT 99\r\n",
        b"BDAT x\r\n",
        b"AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n",
        b"AUTH LOGIN\r\n",
        b"YWRh\r\n",
        b"*\r\n",
        b"ETRN example.net\r\n",
        b"XFORWARD ADDR=192.0.2.7\r\n",
        b"\r\n",
        b".",
    ];
    let line = prop_oneof![
        8 => proptest::sample::select(lines).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..50),
    ];
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.concat())
}

/// A session where everything is to be had.
fn rich(limit: u64) -> Stage {
    let authentication = Authentication {
        mechanisms: Mechanism::ALL.to_vec(),
        relayed: Vec::new(),
        clear: true,
        required: false,
        failures: 3,
    };
    let options = SessionOptions {
        message_size: limit,
        extensions: Extensions::ALL,
        authentication: Some(authentication),
        ..options()
    };
    let may = Privileges {
        release: true,
        expand: true,
        prioritise: true,
        vouch: true,
        submit: true,
        proxy: true,
    };
    Stage::with(options, Peer { may, ..Peer::default() })
}

proptest! {
    /// However octets are cut and however soon questions are answered, the dialogue is the same.
    ///
    /// Register: 5321-4.2-a, 2920-3.2-a.
    #[test]
    fn cuts_do_not_matter(octets in stream(), piece in 1_usize..40, limit in 5_u64..50) {
        let run = |piece: usize, slow: bool| {
            let mut stage = rich(limit);
            stage.slow = slow;
            stage.bytes(&octets, piece);
            let messages: Vec<_> = stage.messages.into_iter().map(|(_, text)| text).collect();
            (stage.sent, messages, stage.discards, stage.closed)
        };
        let whole = run(usize::MAX, false);
        prop_assert_eq!(&run(piece, false), &whole);
        prop_assert_eq!(&run(piece, true), &whole);
    }

    /// Any octets, any order of events: no panic, bounded memory, replies of the right form.
    #[test]
    fn garbage(events in proptest::collection::vec((0_u8..20, stream()), 0..20)) {
        let mut stage = rich(1000);
        for (event, octets) in events {
            match event {
                0 => {
                    stage.now += Duration::from_secs(100);
                    stage.give(Input::Tick);
                }
                1 => stage.give(Input::Answer(Reply::new(250, Topic(0, 0), "unasked"))),
                2 => stage.give(Input::Shutdown),
                3 => stage.give(Input::Closed),
                _ => stage.give(Input::Bytes(&octets)),
            }
            prop_assert!(stage.session.connection.inbox.len() <= 2048);
        }
        for line in String::from_utf8_lossy(&stage.sent).lines() {
            check_status(line);
        }
    }
}
