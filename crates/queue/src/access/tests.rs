use std::sync::Arc;

use super::*;

const INSIDE: &str = "192.0.2.7";
const OUTSIDE: &str = "203.0.113.9";

fn access() -> Access {
    let mut access = Access::new("mx.our.example".parse().unwrap());
    access.local_domains = BTreeSet::from(["our.example".parse().unwrap()]);
    access.users = Users::listed(["ann", "Bob"]);
    access.postmaster = "ann".to_owned();
    access.relay_networks =
        ["192.0.2.0/24", "2001:db8::/32"].map(|one| one.parse().unwrap()).into();
    access.relay_domains.insert("backup.example".parse().unwrap(), source(7));
    access.relay_domains.insert(".branch.example".parse().unwrap(), source(8));
    access.own_literals = ["198.51.100.1", "2001:db8:1::1"].map(|one| one.parse().unwrap()).into();
    access
}

fn source(line: u32) -> Option<Source> {
    Some(Source { file: Arc::from("postrider.toml"), line })
}

fn shown(verdict: &Verdict<Accepted>) -> String {
    match verdict {
        Verdict::Accept { accepted: Accepted { mailbox, user: Some(user) }, .. } => {
            format!("{mailbox} for {user}")
        }
        Verdict::Accept { accepted, .. } => format!("{} goes on", accepted.mailbox),
        Verdict::Refuse { reply, .. } => reply.to_string(),
    }
}

const UNKNOWN: &str = "550 5.1.1 There is no such mailbox here";
const DENIED: &str = "550 5.7.1 Relaying to that domain is denied";
const ROUTED: &str = "550 5.7.1 Relaying through an address is denied";

/// Register: 5321-3.3-e, 5321-3.6.1-b, 5321-3.6.1-c, 5321-3.6.2-a, 5321-4.5.1-b, 5321-4.5.1-c,
/// 5321-7.9-a, 5321-7.9-b, 1123-5.2.7-a, 1123-5.2.7-b, 1123-5.2.16-a, 1123-5.2.17-a, 1123-5.2.17-b,
/// 5321-2.4-b, 5321-2.4-c, 5321-2.3.11-a, 1123-5.2.6-c, 1123-5.2.6-d, 3463-3.2-a, 3463-3.8-a.
#[test]
fn recipients() {
    let rows: &[(&str, &str, &str)] = &[
        // Our own mailboxes, for anyone.
        (OUTSIDE, "<ann@our.example>", "ann@our.example for ann"),
        (OUTSIDE, "<ANN@Our.Example>", "ANN@Our.Example for ann"),
        (OUTSIDE, "<\"ann\"@our.example>", "ann@our.example for ann"),
        (OUTSIDE, "<bob@our.example>", "bob@our.example for bob"),
        (OUTSIDE, "<carl@our.example>", UNKNOWN),
        (INSIDE, "<carl@our.example>", UNKNOWN),
        (OUTSIDE, "<@our.example,@b.example:ann@our.example>", "ann@our.example for ann"),
        (OUTSIDE, "<ann@[198.51.100.1]>", "ann@[198.51.100.1] for ann"),
        (OUTSIDE, "<ann@[IPv6:2001:db8:1::1]>", "ann@[IPv6:2001:db8:1::1] for ann"),
        (OUTSIDE, "<ann@[IPv6:::ffff:198.51.100.1]>", "ann@[IPv6:::ffff:198.51.100.1] for ann"),
        // The postmaster, always.
        (OUTSIDE, "<postmaster>", "postmaster@mx.our.example for ann"),
        (OUTSIDE, "<PostMaster>", "postmaster@mx.our.example for ann"),
        (OUTSIDE, "<POSTMASTER@our.example>", "POSTMASTER@our.example for ann"),
        (OUTSIDE, "<postmaster@mx.our.example>", "postmaster@mx.our.example for ann"),
        (OUTSIDE, "<postmaster@[198.51.100.1]>", "postmaster@[198.51.100.1] for ann"),
        (OUTSIDE, "<postmaster@x.example>", DENIED),
        // Nothing else for strangers.
        (OUTSIDE, "<x@x.example>", DENIED),
        (OUTSIDE, "<ann@mx.our.example>", DENIED),
        (OUTSIDE, "<ann@sub.our.example>", DENIED),
        (OUTSIDE, "<ann@our.example.evil.example>", DENIED),
        (OUTSIDE, "<x@[192.0.2.1]>", DENIED),
        (OUTSIDE, "<x@[x-tag:y]>", "550 5.1.2 There is no way to that domain"),
        (OUTSIDE, "<@our.example:x@x.example>", DENIED),
        (OUTSIDE, "<x%x.example@our.example>", UNKNOWN),
        (OUTSIDE, "<x.example!x@our.example>", UNKNOWN),
        (OUTSIDE, "<\"x@x.example\"@our.example>", UNKNOWN),
        (OUTSIDE, "<\"@x.example:x\"@our.example>", UNKNOWN),
        (OUTSIDE, "<x%x.example@[198.51.100.1]>", UNKNOWN),
        // Domains we relay for.
        (OUTSIDE, "<MiXeD@backup.example>", "MiXeD@backup.example goes on"),
        (OUTSIDE, "<x@a.b.branch.example>", "x@a.b.branch.example goes on"),
        (OUTSIDE, "<x@branch.example>", DENIED),
        (OUTSIDE, "<x@sub.backup.example>", DENIED),
        (OUTSIDE, "<x%x.example@backup.example>", ROUTED),
        (OUTSIDE, "<x!x@backup.example>", ROUTED),
        (OUTSIDE, "<\"x@x.example\"@backup.example>", ROUTED),
        // All for those we trust, local-parts of others untouched.
        (INSIDE, "<x@x.example>", "x@x.example goes on"),
        (INSIDE, "<A+b%C@x.example>", "A+b%C@x.example goes on"),
        (INSIDE, "<\"a b\"@x.example>", "\"a b\"@x.example goes on"),
        (INSIDE, "<x@[192.0.2.1]>", "x@[192.0.2.1] goes on"),
        (INSIDE, "<x@[x-tag:y]>", "550 5.1.2 There is no way to that domain"),
        ("::ffff:192.0.2.7", "<x@x.example>", "x@x.example goes on"),
        ("::ffff:203.0.113.9", "<x@x.example>", DENIED),
        ("2001:db8::5", "<x@x.example>", "x@x.example goes on"),
        ("", "<x@x.example>", "x@x.example goes on"),
    ];
    for (client, path, want) in rows {
        let client = (!client.is_empty()).then(|| client.parse().unwrap());
        let verdict = recipient(&access(), client, &path.parse().unwrap());
        assert_eq!(shown(&verdict), *want, "{client:?} {path}");
    }
}

#[test]
fn reasons() {
    let rows = [
        (
            OUTSIDE,
            "<x@x.example>",
            "x.example is not ours, and the client is not in relay.networks",
        ),
        (OUTSIDE, "<carl@our.example>", "our.example is local and has no mailbox carl"),
        (OUTSIDE, "<x@backup.example>", "the domain is in relay.domains (postrider.toml:7)"),
        (OUTSIDE, "<x@a.branch.example>", "the domain is in relay.domains (postrider.toml:8)"),
        (INSIDE, "<x@x.example>", "the client is in relay.networks"),
        (INSIDE, "<postmaster@our.example>", "the postmaster is always accepted"),
    ];
    for (client, path, want) in rows {
        let verdict = recipient(&access(), Some(client.parse().unwrap()), &path.parse().unwrap());
        assert_eq!(verdict.reason().to_string(), want);
    }
}

/// A tag leads to the user before it, and nowhere else.
#[test]
fn tags() {
    let rows = [
        ("<ann+lists@our.example>", "ann+lists@our.example for ann"),
        ("<ANN+a+b@our.example>", "ANN+a+b@our.example for ann"),
        ("<+ann@our.example>", UNKNOWN),
        ("<nobody+ann@our.example>", UNKNOWN),
        ("<ann-lists@our.example>", UNKNOWN),
    ];
    for (path, want) in rows {
        let verdict = recipient(&access(), Some(OUTSIDE.parse().unwrap()), &path.parse().unwrap());
        assert_eq!(shown(&verdict), want, "{path}");
    }
}

/// With no list every safe name is a mailbox, and none that could leave the directory.
#[test]
fn any_user() {
    let mut open = access();
    open.users = Users::Any;
    let rows = [
        ("<Ann.B@our.example>", "Ann.B@our.example for ann.b"),
        ("<a+b=c_d-e@our.example>", "a+b=c_d-e@our.example for a+b=c_d-e"),
        ("<\"..\"@our.example>", UNKNOWN),
        ("<\".ssh\"@our.example>", UNKNOWN),
        ("<-rf@our.example>", UNKNOWN),
        ("<a/b@our.example>", UNKNOWN),
        ("<\"a\\\\b\"@our.example>", UNKNOWN),
        ("<\"a b\"@our.example>", UNKNOWN),
        ("<~@our.example>", UNKNOWN),
        ("<{user}@our.example>", UNKNOWN),
        ("<a%b@our.example>", UNKNOWN),
    ];
    for (path, want) in rows {
        let verdict = recipient(&open, Some(OUTSIDE.parse().unwrap()), &path.parse().unwrap());
        assert_eq!(shown(&verdict), want, "{path}");
    }
}

/// Register: 1123-5.2.9-a.
#[test]
fn senders() {
    for path in ["<>", "<x@x.example>", "<ann@our.example>"] {
        for client in [None, Some(OUTSIDE.parse().unwrap()), Some(INSIDE.parse().unwrap())] {
            let verdict = sender(&access(), client, &path.parse().unwrap());
            assert!(matches!(verdict, Verdict::Accept { .. }), "{path}");
        }
    }
}

/// Register: 5321-6.3-a, 5321-6.3-b.
#[test]
fn loops() {
    let verdict = hops(&access(), 101);
    let Verdict::Refuse { reply, .. } = verdict else { panic!("accepted") };
    assert!(reply.to_string().starts_with("554 5.4.6 "));
    assert!(matches!(hops(&access(), 100), Verdict::Accept { .. }));
}

proptest::proptest! {
    /// No forward-path gets a stranger past us: what is accepted is ours or a domain we relay for.
    #[test]
    fn never_an_open_relay(local in "[ -~]{1,20}", domain in "(our|x|mx\\.our|backup|sub\\.backup)\\.example") {
        let Ok(local) = LocalPart::from_unquoted(&local) else { return Ok(()) };
        let path = ForwardPath::Mailbox(Mailbox { local, domain: domain.parse().unwrap() });
        let client = Some(OUTSIDE.parse().unwrap());
        if let Verdict::Accept { accepted, .. } = recipient(&access(), client, &path) {
            match accepted.user {
                Some(user) => proptest::prop_assert!(user == "ann" || user == "bob"),
                None => proptest::prop_assert_eq!(accepted.mailbox.domain.to_string(), "backup.example"),
            }
        }
    }
}

/// Our own domains and mailboxes in any letters, in whatever form they come.
///
/// Register: 6531-3.2-b.
#[test]
fn letters_beyond_ascii() {
    let mut access = access();
    access.local_domains.insert(DomainName::parse_utf8("bücher.example").unwrap());
    access.users = Users::listed(["José"]);
    for (path, user) in [
        ("<josé@bücher.example>", Some("josé")),
        ("<JOSE\u{301}@xn--bcher-kva.example>", Some("josé")),
        ("<jose@bücher.example>", None),
        ("<postmaster@BÜCHER.example>", Some("ann")),
    ] {
        let path = ForwardPath::parse_utf8(path).unwrap();
        assert_eq!(access.user(&path).as_deref(), user, "{path}");
    }
    access.users = Users::Any;
    let path = ForwardPath::parse_utf8("<josé@bücher.example>").unwrap();
    assert_eq!(access.user(&path), None, "not the name of a file");
}
