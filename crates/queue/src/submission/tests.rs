use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::address::ReversePath;

use super::*;
use crate::access::Users;
use crate::expansion::{Aliases, Answers};
use crate::record::Replace;

const ALIASES: &str = "\
info: ann, bob
sales: shop@example.net
shop: ann
away: ann@elsewhere.example
team: ann, bob
owner-team: bob
loop: loop2
loop2: loop
";

fn access() -> Access {
    let mut include = |_: &str| Err("none".to_owned());
    let mut access = Access::new("mx.example.net".parse().unwrap());
    access.local_domains =
        BTreeSet::from(["example.net".parse().unwrap(), "intranet".parse().unwrap()]);
    access.users = Users::listed(["ann", "bob", "weird+name"]);
    access.aliases = Arc::new(Aliases::parse(ALIASES, "aliases", &mut include).unwrap());
    access.postmaster = "bob".to_owned();
    access
}

fn identity(login: &str, grants: &[&str]) -> Identity {
    Identity {
        login: login.to_owned(),
        full_name: Some("Ann Example".to_owned()),
        grants: grants.iter().map(|grant| grant.parse().unwrap()).collect(),
    }
}

/// Register: 6409-6.1-a.
#[test]
fn ownership() {
    let rows = [
        // The name of a user, or an address.
        ("ann", &[][..], "ann@example.net", true),
        ("ann", &[], "ANN@EXAMPLE.NET", true),
        ("ann", &[], "ann+lists@example.net", true),
        ("ann", &[], "ann@intranet", true),
        ("ann", &[], "ann@elsewhere.example", false),
        ("ann", &[], "bob@example.net", false),
        ("ann", &[], "anna@example.net", false),
        ("ann", &[], "bob+ann@example.net", false),
        ("ann@example.net", &[], "ann@example.net", true),
        ("ann@example.net", &[], "ann+x@example.net", true),
        ("ann@example.net", &[], "ann@intranet", false),
        ("ann@elsewhere.example", &[], "ann@elsewhere.example", true),
        ("ann@elsewhere.example", &[], "ann@example.net", false),
        // Grants.
        ("robot", &["ann@example.net"], "ann+x@example.net", true),
        ("robot", &["*@shop.example"], "any.one@SHOP.example", true),
        ("robot", &["*@shop.example"], "any@sub.shop.example", false),
        ("robot", &["*"], "any@where.example", true),
        // Aliases that lead to the login, through others too; not lists.
        ("ann", &[], "info@example.net", true),
        ("bob", &[], "info@example.net", true),
        ("ann", &[], "info+tag@example.net", true),
        ("ann", &[], "sales@example.net", true),
        ("bob", &[], "sales@example.net", false),
        ("ann", &[], "team@example.net", false),
        ("bob", &[], "owner-team@example.net", true),
        ("ann", &[], "loop@example.net", false),
        ("ann@elsewhere.example", &[], "away@example.net", true),
        ("ann", &[], "info@elsewhere.example", false),
        ("robot", &["*@elsewhere.example"], "away@example.net", false),
    ];
    for (login, grants, mailbox, want) in rows {
        let verdict = owns(&access(), &identity(login, grants), &mailbox.parse().unwrap());
        assert_eq!(verdict.is_ok(), want, "{login} {grants:?} {mailbox}: {verdict:?}");
    }
}

fn code<T>(verdict: &Verdict<T>) -> String {
    match verdict {
        Verdict::Accept { .. } => "250".to_owned(),
        Verdict::Refuse { reply, .. } => {
            format!("{} {}", reply.code(), reply.status().unwrap())
        }
    }
}

/// Register: 6409-3.2-a, 6409-3.2-b, 6409-4.2-a, 6409-6.1-a, 4954-5-f.
#[test]
fn senders() {
    let rows = [
        (Some(("ann", &[][..])), "<ann@example.net>", "250"),
        (Some(("ann", &[])), "<ann+lists@example.net>", "250"),
        (Some(("ann", &[])), "<>", "250"),
        (Some(("ann", &[])), "<bob@example.net>", "550 5.7.1"),
        // A single label is nobody's domain unless it is ours.
        (Some(("ann", &["*"])), "<ann@sales>", "554 5.1.8"),
        (Some(("ann", &[])), "<ann@intranet>", "250"),
        // Reports could not come back.
        (Some(("robot", &["*"])), "<nobody@example.net>", "550 5.1.8"),
        (Some(("robot", &["*"])), "<nobody@elsewhere.example>", "250"),
        (None, "<anyone@elsewhere.example>", "250"),
        (None, "<anyone@host>", "554 5.1.8"),
    ];
    for (who, path, want) in rows {
        let who = who.map(|(login, grants)| identity(login, grants));
        let path: ReversePath = path.parse().unwrap();
        assert_eq!(code(&sender(&access(), who.as_ref(), &path)), want, "{who:?} {path}");
    }
}

/// Register: 6409-4.2-a, 6409-4.2-c, 6409-8.8-b.
#[test]
fn recipients() {
    let ann = identity("ann", &[]);
    let rows = [
        ("<x@elsewhere.example>", "250"),
        ("<u%x@elsewhere.example>", "250"),
        ("<bob@example.net>", "250"),
        ("<nobody@example.net>", "550 5.1.1"),
        ("<bob@sales>", "554 5.1.2"),
        ("<bob@intranet>", "250"),
        ("<bob@[192.0.2.1]>", "250"),
    ];
    for (path, want) in rows {
        let path: ForwardPath = path.parse().unwrap();
        for identity in [Some(&ann), None] {
            let verdict = recipient(&access(), identity, &path, &Answers::new()).unwrap();
            assert_eq!(code(&verdict), want, "{path}: {verdict:?}");
            if let Verdict::Accept { accepted, .. } = verdict {
                // Nothing of a foreign address is rewritten.
                assert_eq!(format!("<{}>", accepted.mailbox), path.to_string());
            }
        }
    }
}

/// Applies edits as the engine does.
fn edited(header: &str, completed: &Completed) -> String {
    let mut out = completed.prepend.clone();
    let mut at = 0;
    for Replace { at: from, len, with } in &completed.replace {
        let (from, len) = (usize::try_from(*from).unwrap(), usize::try_from(*len).unwrap());
        out.extend_from_slice(&header.as_bytes()[at..from]);
        out.extend_from_slice(with);
        at = from + len;
    }
    out.extend_from_slice(&header.as_bytes()[at..]);
    String::from_utf8(out).unwrap()
}

struct Case<'a> {
    rules: Rules,
    identity: Option<Identity>,
    reverse_path: &'a str,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            identity: Some(identity("ann", &[])),
            reverse_path: "<ann@example.net>",
        }
    }
}

impl Case<'_> {
    fn play(&self, header: &str) -> Result<String, String> {
        let facts = Facts {
            identity: self.identity.as_ref(),
            reverse_path: &self.reverse_path.parse().unwrap(),
            utf8: false,
            date: "Mon, 5 Jan 2026 08:00:00 +0000",
            unique: "unique",
        };
        match complete(&self.rules, &access(), header.as_bytes(), &facts) {
            Verdict::Accept { accepted, .. } => Ok(edited(header, &accepted)),
            Verdict::Refuse { reply, .. } => Err(reply.to_string()),
        }
    }
}

const DATE: &str = "Date: Mon, 5 Jan 2026 08:00:00 +0000\r\n";
const ID: &str = "Message-ID: <unique@mx.example.net>\r\n";
const REST: &str = "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n";

/// Register: 6409-8-a, 6409-8.2-a, 6409-8.3-a.
#[test]
fn what_is_missing_is_added() {
    let case = Case::default();
    let from = "From: ann@example.net\r\n";
    let whole = format!("{from}{REST}");
    let rows = [
        (whole.clone(), whole.clone()),
        (from.to_owned(), format!("{DATE}{ID}{from}")),
        (
            format!("Date: yesterday\r\n{from}Message-ID: none\r\nSubject: x\r\n"),
            format!("{DATE}{from}{ID}Subject: x\r\n"),
        ),
        (
            format!("{REST}{from}Date: Fri, 2 Jan 2026 00:00:00 +0000\r\nMessage-ID: <2@x>\r\n"),
            format!("{REST}{from}"),
        ),
        // The sender of the envelope is the author of a letter without one.
        (
            format!("Subject: x\r\n{REST}"),
            format!("From: Ann Example <ann@example.net>\r\nSubject: x\r\n{REST}"),
        ),
        (String::new(), format!("From: Ann Example <ann@example.net>\r\n{DATE}{ID}")),
        // Bcc goes, folds and all.
        (
            format!(
                "{from}Bcc: bob@example.net,\r\n x@y.example\r\n{REST}Resent-Bcc: a@b.example\r\n"
            ),
            whole.clone(),
        ),
        // Several authors need a sender.
        (
            format!("From: ann@example.net, info@example.net\r\n{REST}"),
            format!("Sender: ann@example.net\r\nFrom: ann@example.net, info@example.net\r\n{REST}"),
        ),
        // Bare names of this host.
        (
            format!("{whole}To: Bob <bob>, x@y.example\r\n"),
            format!("{whole}To: Bob <bob@example.net>, x@y.example\r\n"),
        ),
        (format!("{whole}Cc: info\r\n"), format!("{whole}Cc: info@example.net\r\n")),
        (
            format!("{whole}To: undisclosed-recipients:;\r\n"),
            format!("{whole}To: undisclosed-recipients:;\r\n"),
        ),
    ];
    for (header, want) in rows {
        assert_eq!(case.play(&header).as_deref(), Ok(&*want), "{header}");
    }
    let keeping = Case { rules: Rules { remove_bcc: false, ..Rules::default() }, ..case };
    let with_bcc = format!("{whole}Bcc: x@y.example\r\n");
    assert_eq!(keeping.play(&with_bcc), Ok(with_bcc));
}

/// Register: 6409-4.1-a, 6409-4.2-b, 6409-5.1-b, 6409-6.3-a, 6409-8-a.
#[test]
fn what_cannot_be_mended_is_refused() {
    let case = Case::default();
    let form = "554 5.6.0";
    let rows = [
        ("From: ann@example.net\r\nFrom: ann@example.net\r\n", form),
        ("From: ann@example.net\r\nTo: a@b.example\r\nTo: c@d.example\r\n", form),
        ("From:\r\n", form),
        ("From: <>\r\n", form),
        ("From: <<ann@example.net\r\n", form),
        ("From: ann@example.net\r\nTo: stranger\r\n", form),
        ("From: ann@example.net\r\nTo: bob@squeaky.sales, bob@sales\r\n", form),
        ("From: ann@example.net\r\nTo: a b c@d.example\r\n", form),
        ("From: ann@example.net\r\nSender: ann@example.net, bob@example.net\r\n", form),
        ("From: \u{e4}nn@example.net\r\n", form),
        ("From: bob@example.net\r\n", "550 5.7.1"),
        ("From: ann@example.net, bob@example.net\r\n", "550 5.7.1"),
        ("From: ann@example.net\r\nSender: bob@example.net\r\n", "550 5.7.1"),
    ];
    for (header, want) in rows {
        let got = case.play(header);
        assert!(got.as_ref().is_err_and(|reply| reply.starts_with(want)), "{header}: {got:?}");
    }
    let nobody = Case { identity: None, reverse_path: "<>", ..Case::default() };
    assert!(nobody.play("Subject: x\r\n").is_err_and(|reply| reply.starts_with(form)));
}

/// Register: 6409-8.1-a, 6409-8.1-b.
#[test]
fn authors_that_are_others() {
    let foreign = format!("From: boss@elsewhere.example\r\n{REST}");
    let resent = format!("Resent-From: ann@example.net\r\n{foreign}");
    let sent = format!("From: boss@elsewhere.example\r\nSender: bob@example.net\r\n{REST}");
    let marked = format!("Sender: ann@example.net\r\n{foreign}");
    let case = |foreign_from| Case {
        rules: Rules { foreign_from, ..Rules::default() },
        ..Case::default()
    };
    assert!(case(ForeignFrom::Refuse).play(&foreign).is_err());
    assert_eq!(case(ForeignFrom::Refuse).play(&resent), Ok(resent));
    assert_eq!(case(ForeignFrom::Mark).play(&foreign), Ok(marked.clone()));
    assert_eq!(case(ForeignFrom::Mark).play(&sent), Ok(marked));
    assert_eq!(case(ForeignFrom::Pass).play(&foreign), Ok(foreign.clone()));
    // Who needs no login is not asked whose address it is.
    let local = Case { identity: None, ..Case::default() };
    assert_eq!(local.play(&foreign), Ok(foreign.clone()));
    // Without a reverse-path the address of the login is the sender's.
    let null = Case { reverse_path: "<>", ..case(ForeignFrom::Mark) };
    assert_eq!(null.play(&foreign), Ok(format!("Sender: ann@example.net\r\n{foreign}")));
}

#[test]
fn quotas() {
    let now = Instant::now();
    let rates = Rates { letters: Some(3), recipients: Some(2), sessions: Some(1) };
    let mut quota = Quota::new(rates);
    let hour = Duration::from_secs(3600);
    for _ in 0..3 {
        assert_eq!(code(&quota.letter("ann", now)), "250");
    }
    let verdict = quota.letter("ANN", now);
    assert_eq!(code(&verdict), "450 4.7.1");
    let reason = "ANN has sent 3 letters in an hour; the next in 1200 s";
    assert_eq!(verdict.reason().to_string(), reason);
    assert_eq!(code(&quota.letter("bob", now)), "250");
    assert_eq!(code(&quota.letter("ann", now + hour / 3)), "250");
    assert_eq!(code(&quota.letter("ann", now + hour / 3)), "450 4.7.1");
    assert_eq!(code(&quota.recipient("ann", now)), "250");
    assert_eq!(code(&quota.recipient("ann", now)), "250");
    assert_eq!(code(&quota.recipient("ann", now)), "452 4.7.1");
    assert_eq!(code(&quota.open("ann", now)), "250");
    assert_eq!(code(&quota.open("ann", now)), "421 4.7.0");
    quota.close("ann");
    assert_eq!(code(&quota.open("ann", now)), "250");
    let mut free = Quota::new(Rates::default());
    assert!((0..10_000).all(|_| code(&free.letter("ann", now)) == "250"));
}
