use proptest::prelude::*;

use mail::envelope::{
    AuthSender, BodyType, DeliverBy, Hold, LateMode, Notify, OriginalRecipient, Return,
};

use super::*;

fn at(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}

fn stored() -> Stored {
    let recipient = |path: &str| Recipient {
        path: path.parse().unwrap(),
        parameters: RecipientParameters::default(),
    };
    Stored {
        reverse_path: "<ann@home.example>".parse().unwrap(),
        parameters: MailParameters {
            size: Some(4096),
            body: BodyType::EightBitMime,
            ..MailParameters::default()
        },
        recipients: vec![recipient("<\"a b\"@x.example>"), recipient("<postmaster>")],
        targets: BTreeMap::new(),
        arrival: at(1_751_364_000_000_001),
        expire: at(1_751_796_000_000_001),
        eight_bit: true,
        tls_optional: false,
        origin: Origin {
            client: Some("192.0.2.1".parse().unwrap()),
            hello: Some("ehlo.example".to_owned()),
            protocol: "ESMTP".to_owned(),
            listener: "mx".to_owned(),
            uid: Some(1000),
            login: None,
            tls: None,
        },
        class: Class::Report,
    }
}

fn attempt() -> Attempt {
    Attempt {
        at: at(1_751_364_000_000_001),
        remote: Some("mx.example.net [192.0.2.1]:25".to_owned()),
        step: Some("RCPT".to_owned()),
        reply: Some(Reply::new(451, Topic(3, 0), "Later\nplease")),
        status: Some(EnhancedStatus::transient(Topic(3, 0))),
        explanation: "The other host said no.".to_owned(),
        delay_reported: true,
        overdue_reported: false,
        owed: None,
        tls: None,
        policy: None,
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What version 1 wrote must be read for ever: these octets are frozen.
const STORED_1: &str = "
    0101123c616e6e40686f6d652e6578616d706c653e02010103028020041301113c226120622240782e65
    78616d706c653e040e010c3c706f73746d61737465723e050881d0dea8b39b8e0306088190b2d2fca78e
    030701010804c0000201090c65686c6f2e6578616d706c650a0545534d54500b026d780c02e8070d0101";
const ATTEMPT_1: &str = "
    01010881d0dea8b39b8e03021d6d782e6578616d706c652e6e6574205b3139322e302e322e315d3a3235
    0304524350540402c303050380800c060c4c617465720a706c656173650705342e332e30081754686520
    6f7468657220686f73742073616964206e6f2e090101";
const HEAD_EDITS_1: &str = "
    01010d52656365697665643a20780d0a";

/// Register: 5321-4.5.4.1-b.
#[test]
fn version_1_is_read() {
    assert_eq!(Stored::decode(&octets(STORED_1)), Ok(stored()));
    assert_eq!(Attempt::decode(&octets(ATTEMPT_1)), Ok(Some(attempt())));
    let edits =
        HeadEdits { prepend: Bytes::from_static(b"Received: x\r\n"), ..HeadEdits::default() };
    assert_eq!(HeadEdits::decode(&Bytes::from(octets(HEAD_EDITS_1))), Ok(edits));
}

/// What is written now is what version 1 wrote; where a field is added this row changes, the ones
/// above never.
#[test]
fn version_1_is_written() {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let plain = |frozen: &str| frozen.split_whitespace().collect::<String>();
    assert_eq!(hex(&stored().encode()), plain(STORED_1));
    assert_eq!(hex(&attempt().encode()), plain(ATTEMPT_1));
    let edits =
        HeadEdits { prepend: Bytes::from_static(b"Received: x\r\n"), ..HeadEdits::default() };
    assert_eq!(hex(&edits.encode()), plain(HEAD_EDITS_1));
}

#[test]
fn unknown_fields_are_skipped() {
    let mut octets = attempt().encode().to_vec();
    octets.extend_from_slice(&[0xff, 0x7f, 3, 1, 2, 3]);
    assert_eq!(Attempt::decode(&octets), Ok(Some(attempt())));
}

#[test]
fn empty_records() {
    assert_eq!(Attempt::decode(b""), Ok(None));
    assert_eq!(HeadEdits::decode(&Bytes::new()), Ok(HeadEdits::default()));
    let replace = |at, len, with| Replace { at, len, with: Bytes::from_static(with) };
    let edits = HeadEdits {
        prepend: Bytes::from_static(b"Received: x\r\n"),
        replace: vec![replace(0, 5, b""), replace(70_000, 0, b"in"), replace(u64::MAX, 3, b"new")],
    };
    assert_eq!(HeadEdits::decode(&edits.encode()), Ok(edits));
    assert_eq!(Stored::decode(b""), Err(RecordError::Truncated));
}

#[test]
fn damage_is_told() {
    let rows: &[(&[u8], RecordError)] = &[
        (&[2, 1, 0], RecordError::Version(2)),
        (&[1], RecordError::Missing("reverse-path")),
        (&[1, 1], RecordError::Truncated),
        (&[1, 1, 5, b'<'], RecordError::Truncated),
        (&[1, 1, 1, b'<'], RecordError::Malformed("reverse-path")),
        (&[1, 1, 2, b'<', 0xff], RecordError::Malformed("reverse-path")),
        (&[1, 1, 2, b'<', b'>'], RecordError::Missing("arrival")),
        (&[1, 5, 0], RecordError::Malformed("arrival")),
        (&[1, 5, 2, 1, 1], RecordError::Malformed("arrival")),
        (&[1, 8, 3, 1, 2, 3], RecordError::Malformed("client address")),
        (&[1, 12, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 1], RecordError::Malformed("user id")),
        (&[1, 4, 0], RecordError::Missing("forward-path")),
        (
            &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            RecordError::Malformed("number"),
        ),
        (&[1, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], RecordError::Truncated),
    ];
    for (octets, want) in rows {
        assert_eq!(Stored::decode(octets).as_ref(), Err(want), "{octets:?}");
    }
}

/// A record of an attempt is bounded whatever a peer says (the spool takes 4 KiB).
#[test]
fn attempts_are_cut() {
    let long = "é".repeat(5000);
    let mut attempt = attempt();
    attempt.remote = Some(long.clone());
    attempt.step = Some(long.clone());
    attempt.explanation = long.clone();
    attempt.reply = Some(Reply::new(451, Topic(3, 0), long));
    let octets = attempt.encode();
    assert!(octets.len() < 3072, "{}", octets.len());
    let read = Attempt::decode(&octets).unwrap().unwrap();
    assert_eq!(read.reply.unwrap().text().concat().len(), REPLY_TEXT_MAX);
    assert_eq!(read.explanation.len(), EXPLANATION_MAX);
}

fn any_path() -> impl Strategy<Value = ForwardPath> {
    prop_oneof![
        Just(ForwardPath::Postmaster),
        ("[ -~]{1,64}", "[a-z0-9]{1,20}(\\.[a-z]{2,5}){0,2}").prop_map(|(local, domain)| {
            let local = mail::LocalPart::from_unquoted(&local);
            let local = local.unwrap_or_else(|_| "a".parse().unwrap());
            ForwardPath::Mailbox(mail::Mailbox { local, domain: domain.parse().unwrap() })
        }),
    ]
}

prop_compose! {
    fn any_parameters()(
        size in prop::option::of(any::<u64>()),
        body in prop::sample::select(vec![
            BodyType::SevenBit,
            BodyType::EightBitMime,
            BodyType::Binary,
        ]),
        flags in any::<(bool, bool, bool, bool)>(),
        ret in prop::option::of(prop::sample::select(vec![Return::Full, Return::Headers])),
        envelope_id in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        auth in prop::option::of(any_path()),
        by in prop::option::of((-999_999_999_i64..=999_999_999, any::<bool>(), any::<bool>())),
        hold in prop::option::of(any::<u64>()),
        priority in prop::option::of(-9_i8..=9),
    ) -> MailParameters {
        let mode = |back| if back { LateMode::Return } else { LateMode::Notify };
        MailParameters {
            size,
            body,
            utf8: flags.0,
            ret,
            envelope_id: envelope_id.map(|octets| mail::Xtext::encode(&octets)),
            auth: auth.map(|path| match path {
                ForwardPath::Mailbox(mailbox) => AuthSender::Mailbox(mailbox),
                ForwardPath::Postmaster => AuthSender::Unknown,
            }),
            deliver_by: by.map(|(seconds, back, trace)| DeliverBy {
                seconds,
                mode: mode(back),
                trace,
            }),
            hold: hold.map(|hold| match flags.1 {
                true => Hold::For(hold),
                false => Hold::Until(at(hold >> 4)),
            }),
            priority,
            require_tls: flags.2,
        }
    }
}

prop_compose! {
    fn any_recipient()(
        path in any_path(),
        notify in prop::option::of(any::<(bool, bool, bool)>()),
        original in prop::option::of(("[a-z0-9-]{1,10}", "[!-*,-<>-~]{0,40}")),
    ) -> Recipient {
        Recipient {
            path,
            parameters: RecipientParameters {
                notify: notify.map(|(success, failure, delay)| Notify { success, failure, delay }),
                original: original
                    .map(|(address_type, address)| OriginalRecipient { address_type, address }),
            },
        }
    }
}

prop_compose! {
    fn any_tls()(version in ".{0,10}", cipher in ".{0,40}", group in prop::option::of(".{0,10}"))
        -> TlsFacts {
        TlsFacts { version, cipher, group, ..TlsFacts::default() }
    }
}

fn any_target() -> impl Strategy<Value = Target> {
    let domain = prop::option::of(Just("virtual.example".parse().unwrap()));
    let argv = prop::collection::vec(".{0,20}", 1..5);
    prop_oneof![
        ("[a-z]{1,8}", domain).prop_map(|(user, domain)| Target::Mailbox { user, domain }),
        (argv, "[a-z]{1,8}").prop_map(|(argv, user)| Target::Command { argv, user }),
        ("/.{0,20}", "[a-z]{1,8}").prop_map(|(path, user)| Target::File { path, user }),
        ".{0,20}".prop_map(|why| Target::Nobody { why }),
    ]
}

/// The octets of targets as the first version that had them wrote them: frozen.
#[test]
fn targets_are_read() {
    let mailbox = |user: &str| Target::Mailbox { user: user.to_owned(), domain: None };
    let virtual_one =
        Target::Mailbox { user: "ann".to_owned(), domain: Some("v.example".parse().unwrap()) };
    let command = Target::Command {
        argv: vec!["/bin/x".to_owned(), "a b".to_owned()],
        user: "nobody".to_owned(),
    };
    let file = Target::File { path: "/f".to_owned(), user: "ann".to_owned() };
    let nobody = Target::Nobody { why: "a loop".to_owned() };
    let rows: &[(Target, &str)] = &[
        (mailbox("ann"), "050801010102 03616e6e"),
        (virtual_one, "05130101010203616e6e0309762e6578616d706c65"),
        (command, "051801010202066e6f626f6479 04062f62696e2f78 0403612062"),
        (file, "050c01010302 03616e6e05022f66"),
        (nobody, "050b0101040606 61206c6f6f70"),
    ];
    for (target, hex) in rows {
        let inner = [octets("01073c6140622e633e"), octets(hex)].concat();
        let read = recipient(&inner);
        assert_eq!(read.map(|(_, target)| target), Ok(Some(target.clone())), "{target}");
        let mut out = Writer::nested();
        target::write(stored::TARGET, target, &mut out);
        assert_eq!(out.finish(), octets(hex), "{target}");
    }
    let rows = [
        ("0503010109", RecordError::Malformed("kind of target")),
        ("0503010101", RecordError::Missing("user of a target")),
        ("0503010102", RecordError::Missing("command")),
        ("0503010103", RecordError::Missing("path of a file")),
    ];
    for (hex, error) in rows {
        let inner = [octets("01073c6140622e633e"), octets(hex)].concat();
        assert_eq!(recipient(&inner), Err(error), "{hex}");
    }
}

prop_compose! {
    fn any_stored()(
        from in prop::option::of(any_path()),
        recipients in prop::collection::vec(any_recipient(), 0..20),
        targets in prop::collection::btree_map(0..20_u32, any_target(), 0..5),
        parameters in any_parameters(),
        times in (0..1_u64 << 60, 0..1_u64 << 60),
        flags in any::<(bool, bool, bool)>(),
        client in prop::option::of(any::<IpAddr>()),
        texts in (prop::option::of(".{0,80}"), ".{0,20}", ".{0,20}"),
        who in (prop::option::of(any::<u32>()), prop::option::of(".{0,20}")),
        tls in prop::option::of(any_tls()),
    ) -> Stored {
        let reverse_path = match from {
            Some(ForwardPath::Mailbox(mailbox)) => ReversePath::Mailbox(mailbox),
            _ => ReversePath::Null,
        };
        let known = |(number, _): &(u32, Target)| (*number as usize) < recipients.len();
        Stored {
            reverse_path,
            parameters,
            targets: targets.into_iter().filter(known).collect(),
            recipients,
            arrival: at(times.0),
            expire: at(times.1),
            eight_bit: flags.0,
            tls_optional: flags.2,
            origin: Origin {
                client,
                hello: texts.0,
                protocol: texts.1,
                listener: texts.2,
                uid: who.0,
                login: who.1,
                tls,
            },
            class: if flags.1 { Class::Report } else { Class::Ordinary },
        }
    }
}

proptest! {
    #[test]
    fn stored_comes_back(stored in any_stored()) {
        prop_assert_eq!(Stored::decode(&stored.encode()), Ok(stored));
    }

    #[test]
    fn attempts_come_back(
        micros in 0..1_u64 << 60,
        texts in (prop::option::of(".{0,40}"), prop::option::of(".{0,20}"), ".{0,100}"),
        reply in prop::option::of((200_u16..600, prop::option::of((0_u16..1000, 0_u16..1000)),
            prop::collection::vec("[^\n]{0,40}", 1..4))),
        delay_reported in any::<bool>(),
    ) {
        let attempt = Attempt {
            at: at(micros),
            remote: texts.0,
            step: texts.1,
            reply: reply.map(|(code, topic, lines)| {
                let code = ReplyCode::new(code).unwrap();
                // The status of a 3yz reply is none, so its topic is not kept.
                let topic = topic.filter(|_| code.get() / 100 != 3);
                Reply::received(code, topic.map(|(one, two)| Topic(one, two)), lines)
            }),
            status: Some(EnhancedStatus::transient(Topic(4, 7))),
            explanation: texts.2,
            delay_reported,
            overdue_reported: !delay_reported,
            owed: delay_reported.then_some(Action::Relayed),
            tls: delay_reported.then(|| TlsFacts {
                version: "TLSv1.3".to_owned(),
                cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
                group: Some("x25519".to_owned()),
                peer: Some("mx.example.net".to_owned()),
                ..TlsFacts::default()
            }),
            policy: delay_reported.then(|| "DANE: 1 record of mx.example.net".to_owned()),
        };
        prop_assert_eq!(Attempt::decode(&attempt.encode()), Ok(Some(attempt)));
    }

    /// Octets of any kind are read or refused, never more.
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Stored::decode(&octets);
        let _ = Attempt::decode(&octets);
        let _ = HeadEdits::decode(&Bytes::from(octets));
    }

    /// So are records with one octet changed or cut off.
    #[test]
    fn damaged_octets(stored in any_stored(), place in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut octets = stored.encode().to_vec();
        let place = place.index(octets.len());
        octets[place] = octet;
        let _ = Stored::decode(&octets);
        octets.truncate(place);
        let _ = Stored::decode(&octets);
    }
}

/// Addresses beyond ASCII are read back as they came.
#[test]
fn letters_beyond_ascii() {
    let mut stored = stored();
    stored.reverse_path = ReversePath::parse_utf8("<用户@例え.example>").unwrap();
    stored.recipients[0].path = ForwardPath::parse_utf8("<\"ü ö\"@BÜCHER.example>").unwrap();
    let read = Stored::decode(&stored.encode()).unwrap();
    assert_eq!(read.reverse_path.to_string(), "<用户@例え.example>");
    assert_eq!(read.recipients[0].path.to_string(), "<\"ü ö\"@BÜCHER.example>");
}
