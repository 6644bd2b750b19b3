use std::collections::BTreeMap;
use std::time::Duration;

use mail::envelope::{Envelope, MailParameters};

use super::*;

/// 2026-01-05, which is day 1002 of 1024.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_600_000)
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn srs(secrets: &[&str]) -> Srs {
    let secrets = secrets.iter().map(|secret| secret.as_bytes().into()).collect();
    Srs { domain: "fwd.example".parse().unwrap(), secrets }
}

fn access() -> Access {
    let mut access = Access::new("mx.fwd.example".parse().unwrap());
    access.local_domains.insert("our.example".parse().unwrap());
    access
}

/// The hashes were computed by another program from the same definition.
const FORWARDS: &[(&str, Result<&str, Kept>)] = &[
    ("joe@example.org", Ok("SRS0=NGEGGU=7K=example.org=joe@fwd.example")),
    // Case of the local-part is kept, that of the domain is not.
    ("Joe=User@EXAMPLE.org", Ok("SRS0=N7JU2Z=7K=example.org=Joe=User@fwd.example")),
    ("joe@b\u{fc}cher.example", Ok("SRS0=42M65C=7K=xn--bcher-kva.example=joe@fwd.example")),
    (
        "SRS0=HHH=TT=orig.example=user@First.example",
        Ok("SRS1=CH4WU2=first.example==HHH=TT=orig.example=user@fwd.example"),
    ),
    (
        "srs0+HHH=TT=orig.example=user@first.example",
        Ok("SRS1=7F2OIT=first.example=+HHH=TT=orig.example=user@fwd.example"),
    ),
    // The third host and all after it lead back to the first.
    (
        "SRS1=XXXX=first.example==HHH=TT=orig.example=user@second.example",
        Ok("SRS1=CH4WU2=first.example==HHH=TT=orig.example=user@fwd.example"),
    ),
    ("", Err(Kept::Null)),
    ("ann@our.example", Err(Kept::Ours)),
    ("ann@fwd.example", Err(Kept::Ours)),
    ("postmaster@mx.fwd.example", Err(Kept::Ours)),
    ("joe@[192.0.2.1]", Err(Kept::Literal)),
    ("joe.with.a.very.long.name@department.of.long.names.example.org", Err(Kept::TooLong)),
];

#[test]
fn forwards() {
    for (sender, want) in FORWARDS {
        let path = match *sender {
            "" => ReversePath::Null,
            sender => ReversePath::Mailbox(Mailbox::parse_utf8(sender).unwrap()),
        };
        let got = srs(&["tanstaaf"]).forward(&access(), &path, now());
        let want = want.as_ref().map(|want| (*want).to_owned());
        assert_eq!(got.as_ref().map(ToString::to_string), want, "{sender}");
    }
    let none = srs(&[]).forward(&access(), &"<a@b.example>".parse().unwrap(), now());
    assert_eq!(none, Err(Kept::NoSecret));
}

type Reversed = Result<&'static str, Bad>;

/// Addresses, how many days from now they are looked at, and whom they stand for.
const REVERSES: &[(&str, u64, Option<Reversed>)] = &[
    ("SRS0=NGEGGU=7K=example.org=joe@fwd.example", 0, Some(Ok("joe@example.org"))),
    ("SRS0=NGEGGU=7K=example.org=joe@fwd.example", 21, Some(Ok("joe@example.org"))),
    ("SRS0=NGEGGU=7K=example.org=joe@fwd.example", 22, Some(Err(Bad::Old))),
    // The days begin anew after 1024.
    ("SRS0=NGEGGU=7K=example.org=joe@fwd.example", 1024, Some(Ok("joe@example.org"))),
    // Changed case, other separators.
    ("srs0=ngeggu=7k=example.org=joe@FWD.example", 0, Some(Ok("joe@example.org"))),
    ("SRS0+NGEGGU=7K=example.org=joe@fwd.example", 0, Some(Ok("joe@example.org"))),
    ("SRS0-NGEGGU=7K=example.org=JOE@fwd.example", 0, Some(Ok("JOE@example.org"))),
    ("SRS0=N7JU2Z=7K=example.org=Joe=User@fwd.example", 0, Some(Ok("Joe=User@example.org"))),
    // Made with a secret that is still good, though it signs no more.
    ("SRS0=XJ7DKJ=7K=example.org=joe@fwd.example", 0, Some(Ok("joe@example.org"))),
    (
        "SRS1=CH4WU2=first.example==HHH=TT=orig.example=user@fwd.example",
        500,
        Some(Ok("SRS0=HHH=TT=orig.example=user@first.example")),
    ),
    (
        "SRS1=7F2OIT=first.example=+HHH=TT=orig.example=user@fwd.example",
        0,
        Some(Ok("SRS0+HHH=TT=orig.example=user@first.example")),
    ),
    // Somebody else's, or made up: another day, another domain, another name.
    ("SRS0=NGEGGU=7L=example.org=joe@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS0=NGEGGU=7K=example.net=joe@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS0=NGEGGU=7K=example.org=jo@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS0=NGEGG=7K=example.org=joe@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS0==7K=example.org=joe@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS1=CH4WU2=other.example==HHH=TT=orig.example=user@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS1=NGEGGU=7K=example.org=joe@fwd.example", 0, Some(Err(Bad::Hash))),
    ("SRS0=@fwd.example", 0, Some(Err(Bad::Form))),
    ("SRS0=NGEGGU=7K=example.org@fwd.example", 0, Some(Err(Bad::Form))),
    ("SRS1=CH4WU2@fwd.example", 0, Some(Err(Bad::Form))),
    // From tomorrow: a clock that was set back.
    ("SRS0=NGJFLM=7L=example.org=joe@fwd.example", 0, Some(Err(Bad::Old))),
    ("SRS0=FCPNQM=6V=example.org=joe@fwd.example", 0, Some(Ok("joe@example.org"))),
    ("SRS0=A4VS3P=6U=example.org=joe@fwd.example", 0, Some(Err(Bad::Old))),
    // None of ours.
    ("SRS0=NGEGGU=7K=example.org=joe@other.example", 0, None),
    ("SRS0@fwd.example", 0, None),
    ("SRS0x@fwd.example", 0, None),
    ("srs@fwd.example", 0, None),
];

#[test]
fn reverses() {
    for (address, later, want) in REVERSES {
        let mailbox: Mailbox = address.parse().unwrap();
        let got = srs(&["tanstaaf", "older"]).reverse(&mailbox, now() + days(*later));
        let got = got.map(|got| got.map(|mailbox| mailbox.to_string()));
        assert_eq!(got, want.map(|want| want.map(str::to_owned)), "{address} after {later} days");
    }
    let path = "<SRS0=NGEGGU=7L=example.org=joe@fwd.example>".parse().unwrap();
    let Some(Verdict::Refuse { reply, reason }) = recipient(&srs(&["tanstaaf"]), &path, now())
    else {
        panic!("taken")
    };
    assert_eq!(reply.to_string(), "550 5.1.1 That address was not made here");
    assert!(reason.to_string().ends_with("stands for nobody: its hash is not ours"), "{reason}");
}

/// Who goes under which reverse-path: forwarded, at home or relayed, under the owner of a list.
#[test]
fn only_what_is_forwarded_is_rewritten() {
    let rows: &[(&str, &str, Option<&str>, &str, &str)] = &[
        ("<joe@example.org>", "<joe@example.org>", None, "<joe@example.org>", ""),
        (
            "<joe@example.org>",
            "<joe@example.org>",
            Some("a@our.example"),
            "<SRS0=NGEGGU=7K=example.org=joe@fwd.example>",
            "forwarded by a@our.example: <joe@example.org> becomes \
             <SRS0=NGEGGU=7K=example.org=joe@fwd.example>",
        ),
        (
            "<joe@example.org>",
            "<owner-l@our.example>",
            Some("l@our.example"),
            "<owner-l@our.example>",
            "",
        ),
        (
            "<>",
            "<>",
            Some("a@our.example"),
            "<>",
            "forwarded by a@our.example under <>: the null reverse-path stays",
        ),
        (
            "<ann@our.example>",
            "<ann@our.example>",
            Some("a@our.example"),
            "<ann@our.example>",
            "forwarded by a@our.example under <ann@our.example>: the domain of the sender is ours",
        ),
    ];
    for (came, path, via, want, reason) in rows {
        let envelope = Envelope {
            reverse_path: path.parse().unwrap(),
            parameters: MailParameters::default(),
            recipients: Vec::new(),
        };
        let via = via.map(|via| via.parse().unwrap());
        let mut expanded = Expanded { envelope, targets: BTreeMap::new(), via };
        let came: ReversePath = came.parse().unwrap();
        let told = apply(&srs(&["tanstaaf"]), &access(), &came, &mut expanded, now());
        assert_eq!(expanded.envelope.reverse_path.to_string(), *want, "{came} {path}");
        assert_eq!(told.map(|told| told.to_string()).unwrap_or_default(), *reason, "{came} {path}");
    }
}

proptest::proptest! {
    /// What fits leads back, in whatever case it comes.
    #[test]
    fn there_and_back(local in "[a-zA-Z0-9.=+\"\\\\ -]{1,30}", domain in "[a-z]{1,8}\\.example", later in 0..=VALID_DAYS) {
        let Ok(local) = LocalPart::from_unquoted(&local) else { return Ok(()) };
        proptest::prop_assume!(scheme(&local).is_none());
        let sender = Mailbox { local, domain: Domain::Name(domain.parse().unwrap()) };
        let path = ReversePath::Mailbox(sender.clone());
        match srs(&["tanstaaf"]).forward(&access(), &path, now()) {
            Err(kept) => proptest::prop_assert_eq!(kept, Kept::TooLong),
            Ok(ours) => {
                let back = srs(&["new", "tanstaaf"]).reverse(&ours, now() + days(later));
                proptest::prop_assert_eq!(back, Some(Ok(sender.clone())));
                let shout = LocalPart::from_unquoted(&ours.local.as_str().to_uppercase()).unwrap();
                let shout = Mailbox { local: shout, domain: ours.domain };
                let back = srs(&["tanstaaf"]).reverse(&shout, now()).unwrap().unwrap();
                proptest::prop_assert_eq!(back.to_string().to_lowercase(), sender.to_string().to_lowercase());
            }
        }
    }
}
