use super::*;

fn own() -> Vec<Mailbox> {
    vec!["me@x.example".parse().unwrap(), "also@me.example".parse().unwrap()]
}

fn answered(head: &str, all: bool) -> (Draft, Vec<String>) {
    let mut draft = Draft::default();
    let own = own();
    let head = head.replace('\n', "\r\n");
    let warnings = answer(&Head::new(head.as_bytes()), all, &Selves { own: &own }, &mut draft);
    (draft, warnings)
}

fn shown(list: &[Entry]) -> String {
    list.iter().map(|entry| entry.mailbox.to_string()).collect::<Vec<_>>().join(" ")
}

/// Who gets an answer: `head`, to the author, to all (To and Cc).
///
/// Register: 5322-3.6.2-a, 5322-3.6.6-e, 5322-3.6.7-a, 5322-4.5.6-a
#[test]
fn recipients() {
    let rows = [
        ("From: a@x\nTo: me@x.example\n", "a@x", "a@x", ""),
        ("From: a@x\nTo: me@x.example, b@x\nCc: c@x, a@x\n", "a@x", "a@x", "b@x c@x"),
        ("From: a@x\nReply-To: l@x\nTo: me@x.example\n", "l@x", "l@x", ""),
        ("From: a@x\nTo: l@x\nMail-Followup-To: l@x, a@x\n", "a@x", "l@x a@x", ""),
        // An own letter goes on to those who had it.
        ("From: me@x.example\nTo: b@x\nCc: c@x\n", "b@x", "b@x", "c@x"),
        ("From: a@x\nTo: also@me.example\n", "a@x", "a@x", ""),
        ("From: me@x.example\nTo: me@x.example\n", "me@x.example", "me@x.example", ""),
        // Groups, and what trace fields and repetitions say.
        ("From: a@x\nTo: team: b@x, c@x;\n", "a@x", "a@x", "b@x c@x"),
        (
            "Resent-From: r@x\nResent-Reply-To: q@x\nReturn-Path: <p@x>\nReceived: from z for <y@x>\n\
             From: a@x\nTo: me@x.example\n",
            "a@x",
            "a@x",
            "",
        ),
    ];
    for (head, author, to, cc) in rows {
        let (draft, _) = answered(head, false);
        assert_eq!((shown(&draft.to).as_str(), draft.cc.len()), (author, 0), "{head}");
        let (draft, _) = answered(head, true);
        assert_eq!((shown(&draft.to).as_str(), shown(&draft.cc).as_str()), (to, cc), "{head}");
    }
}

/// Register: 5322-5-b
#[test]
fn a_blind_recipient_is_warned() {
    let (_, warnings) = answered("From: a@x\nTo: b@x\n", true);
    assert!(warnings.iter().any(|warning| warning.contains("not among its recipients")));
    assert!(answered("From: a@x\nTo: b@x\n", false).1.is_empty());
    assert!(answered("From: a@x\nTo: b@x, me@x.example\n", true).1.is_empty());
}

/// Register: 5322-3.6.4-c
#[test]
fn threads_go_on() {
    let rows = [
        ("Message-ID: <3@x>\nReferences: <1@x> <2@x>\nIn-Reply-To: <9@x>\n", "3@x", "1@x 2@x 3@x"),
        ("Message-ID: <3@x>\nIn-Reply-To: <2@x>\n", "3@x", "2@x 3@x"),
        ("Message-ID: <3@x>\nIn-Reply-To: <2@x> <1@x>\n", "3@x", "3@x"),
        ("Message-ID: <3@x>\n", "3@x", "3@x"),
        ("Subject: none\n", "", ""),
    ];
    let ids = |ids: &[mail::content::MessageId]| {
        ids.iter().map(mail::content::MessageId::as_str).collect::<Vec<_>>().join(" ")
    };
    for (head, in_reply_to, references) in rows {
        let (draft, _) = answered(head, false);
        assert_eq!(ids(&draft.in_reply_to), in_reply_to, "{head}");
        assert_eq!(ids(&draft.references), references, "{head}");
    }
}

#[test]
fn subjects() {
    let rows = [
        ("Lunch", "Re: Lunch", "Fwd: Lunch"),
        ("Re: Lunch", "Re: Lunch", "Fwd: Re: Lunch"),
        ("RE: Lunch", "Re: Lunch", "Fwd: RE: Lunch"),
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Re: Grüße", "Fwd: Grüße"),
        ("Fwd: x", "Re: Fwd: x", "Fwd: x"),
    ];
    for (subject, reply, passed_on) in rows {
        let head = format!("Subject: {subject}\n");
        assert_eq!(answered(&head, false).0.subject, reply);
        let mut draft = Draft::default();
        forward(&Head::new(head.as_bytes()), &mut draft);
        assert_eq!(draft.subject, passed_on);
    }
    assert_eq!(answered("Subject: a\n b\n", false).0.subject, "Re: a b");
}

/// Register: 5322-3.6-f, 5322-3.6.6-b, 5322-3.6.6-f
#[test]
fn repeated_as_it_is() {
    let host = "sun.tuc.example".parse().unwrap();
    let time = "2026-07-06T12:00:00+02:00[+02:00]".parse().unwrap();
    let stamp = Stamp { time, unique: "1.2".into() };
    let entry = |text: &str| Entry { name: None, mailbox: text.parse().unwrap(), completed: false };
    let head =
        resent_fields(&entry("me@x.example"), &[entry("b@x.example")], &stamp, &host).unwrap();
    assert_eq!(
        String::from_utf8(head).unwrap(),
        "Resent-Date: Mon, 06 Jul 2026 12:00:00 +0200\r\nResent-From: me@x.example\r\n\
         Resent-To: b@x.example\r\nResent-Message-ID: <1.2@sun.tuc.example>\r\n"
    );
    let letter = b"Return-Path: <a@x>\nReceived: from z\n\tby y\nStatus: RO\nSubject:  odd \n\nx\n";
    assert_eq!(as_received(letter), b"Received: from z\n\tby y\nSubject:  odd \n\nx\n");
}
