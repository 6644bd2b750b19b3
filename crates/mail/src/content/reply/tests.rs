use super::*;
use crate::content::{AddressList, Letter};

const OWN: &str = "me@own.example";

fn reply(head: &str, all: bool) -> Reply {
    let head = head.replace('\n', "\r\n");
    Reply::new(&Letter::read(head.as_bytes()).head(), all, |address| address.to_string() == OWN)
}

fn shown(list: &[NamedMailbox]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Letters, and To and Cc of the answers to all. Register: 5322-3.6.2-e, 5322-3.6.3-b,
/// 5322-3.6.3-c, 5322-3.6.6-e, 5322-3.6.7-a, 5322-4.5.6-a.
#[test]
fn whom_it_goes_to() {
    let rows = [
        ("From: A <a@x.example>\nTo: me@own.example", "A <a@x.example>", ""),
        ("From: a@x.example\nReply-To: b@x.example, c@x.example", "b@x.example, c@x.example", ""),
        ("From: a@x.example\nReply-To: \nTo: me@own.example", "a@x.example", ""),
        (
            "From: a@x.example\nTo: b@x.example, me@own.example\nCc: g: c@x.example;, A@X.example, a@x.EXAMPLE",
            "a@x.example",
            "b@x.example, c@x.example, A@X.example",
        ),
        ("From: a@x.example\nTo: b@x.example\nBcc: d@x.example", "a@x.example", "b@x.example"),
        (
            "Resent-From: r@x.example\nResent-To: me@own.example\nResent-Reply-To: s@x.example\n\
             Return-Path: <t@x.example>\nSender: u@x.example\nFrom: a@x.example",
            "a@x.example",
            "",
        ),
        // An own letter: the answer goes where it went.
        ("From: me@own.example\nTo: b@x.example\nCc: c@x.example", "b@x.example", "c@x.example"),
        ("From: me@own.example", "me@own.example", ""),
        ("From: me@own.example\nTo: me@own.example", "me@own.example", ""),
        ("Subject: nobody", "", ""),
    ];
    for (head, to, cc) in rows {
        let answer = reply(head, true);
        assert_eq!((&*shown(&answer.to), &*shown(&answer.cc)), (to, cc), "{head}");
        let answer = reply(head, false);
        assert_eq!((&*shown(&answer.to), &*shown(&answer.cc)), (to, ""), "{head}");
    }
}

/// An answer to all: who says where such answers go is asked first, and nobody is named twice.
#[test]
fn where_all_are() {
    let rows = [
        (
            "From: a@x.example\nTo: l@x.example\nMail-Followup-To: l@x.example, a@x.example, l@x.example",
            "l@x.example, a@x.example",
            "",
        ),
        (
            "From: a@x.example\nTo: l@x.example\nMail-Followup-To: me@own.example",
            "me@own.example",
            "",
        ),
        (
            "From: a@x.example\nReply-To: me@own.example, l@x.example\nCc: a@x.example",
            "l@x.example",
            "a@x.example",
        ),
        ("From: me@own.example\nTo: me@own.example\nCc: c@x.example", "c@x.example", ""),
    ];
    for (head, to, cc) in rows {
        let answer = reply(head, true);
        assert_eq!((&*shown(&answer.to), &*shown(&answer.cc)), (to, cc), "{head}");
    }
    let followup = "From: a@x.example\nMail-Followup-To: l@x.example";
    assert_eq!(shown(&reply(followup, false).to), "a@x.example");
}

/// Register: 5322-3.6.4-b, 5322-3.6.4-c, 5322-3.6.5-a.
#[test]
fn thread() {
    let rows = [
        ("Message-ID: <1@x>\nReferences: <a@x> <b@x>\nIn-Reply-To: <c@x>", "<a@x> <b@x> <1@x>"),
        ("Message-ID: <1@x>\nIn-Reply-To: <c@x>", "<c@x> <1@x>"),
        ("Message-ID: <1@x>\nIn-Reply-To: <c@x> <d@x>", "<1@x>"),
        ("Message-ID: <1@x>", "<1@x>"),
        ("References: <a@x>", ""),
    ];
    for (head, want) in rows {
        let answer = reply(head, false);
        let ids: Vec<_> = answer.references.iter().map(ToString::to_string).collect();
        assert_eq!(ids.join(" "), want, "{head}");
        let own = usize::from(head.contains("Message-ID"));
        assert_eq!(answer.in_reply_to.len(), own);
    }
    for (subject, want) in [
        ("x", "Re: x"),
        ("Re: x", "Re: x"),
        ("re:  RE: x", "Re: x"),
        ("Regarding x", "Re: Regarding x"),
        ("=?utf-8?Q?Re=3A_=C3=BC?=", "Re: ü"),
        ("", "Re: "),
    ] {
        assert_eq!(reply(&format!("Subject: {subject}"), false).subject, want);
    }
}

/// Register: 5322-5-b.
#[test]
fn blind() {
    assert!(reply("From: a@x.example\nTo: b@x.example", true).was_blind);
    assert!(!reply("From: a@x.example\nTo: ME <me@own.example>", true).was_blind);
    assert!(reply("From: a@x.example\nTo: undisclosed-recipients:;", true).was_blind);
    assert!(!reply("From: me@own.example\nTo: b@x.example", true).was_blind);
    let list = AddressList::read("a@x.example");
    assert_eq!(list.items.len(), 1);
}
