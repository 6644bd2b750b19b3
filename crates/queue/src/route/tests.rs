use std::sync::Arc;

use super::*;
use crate::domains::{DomainPattern, DomainTable};
use crate::reason::Source;

/// What the configuration says, and how it is printed again.
///
/// Register: 2033-5-a.
#[test]
fn transports() {
    let rows: &[(&str, Result<&str, &str>)] = &[
        ("mx", Ok("mx")),
        ("local", Ok("local")),
        ("smtp:mailhost", Ok("smtp:mailhost:25")),
        ("smtp:MailHost.Example:2525", Ok("smtp:mailhost.example:2525")),
        ("smtp:[mailhost]", Ok("smtp:[mailhost]:25")),
        ("smtp:[mailhost]:2525", Ok("smtp:[mailhost]:2525")),
        ("smtp:[192.0.2.1]:2525", Ok("smtp:[192.0.2.1]:2525")),
        ("smtp:192.0.2.1", Ok("smtp:[192.0.2.1]:25")),
        ("smtp:[2001:db8::1]", Ok("smtp:[IPv6:2001:db8::1]:25")),
        ("smtp:[ipv6:2001:DB8::1]:587", Ok("smtp:[IPv6:2001:db8::1]:587")),
        ("smtps:mailhost", Ok("smtps:mailhost:465")),
        ("smtps:[mailhost]:4650", Ok("smtps:[mailhost]:4650")),
        ("smtps:[192.0.2.1]", Ok("smtps:[192.0.2.1]:465")),
        ("smtps:", Err("is not a host name")),
        ("smtp:2001:db8::1", Err("IPv6 addresses need brackets")),
        ("smtp:mailhost:0", Err("`0` is not a port")),
        ("smtp:mailhost:65536", Err("`65536` is not a port")),
        ("smtp:mailhost:+25", Err("`+25` is not a port")),
        ("smtp:mailhost:", Err("`` is not a port")),
        ("smtp:[mailhost]2525", Err("is not a host name")),
        ("smtp:[mailhost", Err("is not a host name")),
        ("smtp:[]", Err("is not a host name")),
        ("smtp:", Err("is not a host name")),
        ("smtp:mail host", Err("is not a host name")),
        ("smtp:é", Err("is not a host name")),
        ("smtp:[éééé]", Err("is not a host name")),
        ("lmtp:store", Ok("lmtp:[store]:24")),
        ("lmtp:[192.0.2.1]:2424", Ok("lmtp:[192.0.2.1]:2424")),
        ("lmtp:unix:/run/dovecot/lmtp", Ok("lmtp:unix:/run/dovecot/lmtp")),
        ("lmtp:[store]:25", Err("never spoken at port 25")),
        ("lmtp:unix:run/lmtp", Err("is not the path of a socket")),
        ("lmtp:unix:/run/a b", Err("is not the path of a socket")),
        ("lmtp:/run/lmtp", Err("is not a host name")),
        ("lmtp:unix:/run/a,b", Ok("lmtp:unix:/run/a,b")),
        ("smtp:[a],smtp:[b]:26", Ok("smtp:[a]:25,smtp:[b]:26")),
        ("smtp:[a],mx,smtps:c", Ok("smtp:[a]:25,mx,smtps:c:465")),
        ("mx,smtp:[b]", Ok("mx,smtp:[b]:25")),
        ("lmtp:a,lmtp:unix:/b", Ok("lmtp:[a]:24,lmtp:unix:/b")),
        ("smtp:[a],lmtp:b", Err("several hosts are all `lmtp:`")),
        ("smtp:[a],local", Err("is not a host name")),
        ("smtp:[a],smtp:", Err("is not a host name")),
        ("mailbox:maildir:/srv/{domain}/{user}", Ok("mailbox:maildir:/srv/{domain}/{user}")),
        ("mailbox:mbox:/a,smtp:b", Ok("mailbox:mbox:/a,smtp:b")),
        ("mailbox:/srv", Err("is not a mailbox")),
        ("mailbox:maildir:srv", Err("is not a mailbox")),
        ("pipe:list", Ok("pipe:list")),
        ("pipe:/bin/true", Err("is not a name")),
        ("pipe:", Err("is not a name")),
        ("discard", Ok("discard")),
        ("discard:", Err("is no transport")),
        ("error:5.1.6 She has moved", Ok("error:5.1.6 She has moved")),
        ("error:4.2.1  closed, today", Ok("error:4.2.1 closed, today")),
        ("error:2.0.0 fine", Err("is not a status of class 4 or 5")),
        ("error:5.1.1", Err("is not a status of class 4 or 5")),
        ("error:no", Err("is not a status of class 4 or 5")),
        ("relay.example", Err("is no transport")),
        ("", Err("is no transport")),
    ];
    for (text, want) in rows {
        match (text.parse::<Transport>(), want) {
            (Ok(transport), Ok(want)) => assert_eq!(transport.to_string(), *want),
            (Err(error), Err(want)) => {
                assert!(error.to_string().contains(want), "{text}: {error}");
            }
            (got, _) => panic!("{text}: {got:?}"),
        }
    }
}

/// The names of queues are stored, so each is written and read for ever as here.
#[test]
fn queue_names() {
    let names = [
        "local",
        "mx:example.org",
        "smtp:mailhost:25",
        "smtp:[mailhost]:25",
        "smtp:[192.0.2.1]:2525",
        "smtp:[IPv6:2001:db8::1]:25",
        "smtps:mailhost:465",
        "smtps:[192.0.2.1]:465",
        "lmtp:[store]:24",
        "lmtp:unix:/run/dovecot/lmtp",
        "mx:example.org,smtp:[mailhost]:25",
        "smtp:[a]:25,smtps:b:465",
        "mailbox:maildir:/srv/{domain}/{user}",
        "mailbox:mbox:/a,smtp:b;from=x",
        "pipe:list",
        "pipe",
        "discard",
        "error:5.1.6 She has moved, mx:away;login=x",
    ];
    for name in names {
        assert_eq!(NextHop::parse(name).map(|hop| hop.queue_name()).as_deref(), Ok(name));
        assert_eq!(Via::of_queue(name), Via::default(), "{name}");
    }
    let ways = [
        ("mx:example.org;from=a", Some("a"), None),
        ("smtp:[a]:25,smtp:[b]:25;from=a.b;login=c-d", Some("a.b"), Some("c-d")),
        ("lmtp:unix:/a;b=c;login=ann", None, Some("ann")),
    ];
    for (name, from, login) in ways {
        let via = Via::of_queue(name);
        assert_eq!((via.from.as_deref(), via.login.as_deref()), (from, login), "{name}");
        let next_hop = NextHop::parse(name).unwrap();
        let routed = Routed { next_hop, via, reason: Reason::new("") };
        assert_eq!(routed.queue_name(), name);
    }
    assert_eq!(NextHop::parse("mx:Example.ORG").unwrap().queue_name(), "mx:example.org");
    for name in ["", "mx", "mx:", "mx:a..b", "pipe:", "nothing", "mx:a,mx"] {
        assert!(NextHop::parse(name).is_err(), "{name}");
    }
}

fn source(line: u32) -> Option<Source> {
    Some(Source { file: Arc::from("postrider.toml"), line })
}

fn rule(text: &str) -> Rule {
    Rule::new(text.parse().unwrap())
}

fn routes(default: &str, rules: &[(&str, &str)]) -> Routes {
    let rule = |text: &str, line| Rule { source: source(line), ..rule(text) };
    let mut routes = Routes { default: rule(default, 1), ..Routes::default() };
    for (line, (pattern, transport)) in (2..).zip(rules) {
        routes.table.insert(pattern.parse().unwrap(), rule(transport, line));
    }
    routes
}

fn access() -> Access {
    let mut access = Access::new("mx.our.example".parse().unwrap());
    access.local_domains =
        ["our.example", "lists.org.example"].map(|one| one.parse().unwrap()).into();
    access.own_literals = vec!["198.51.100.1".parse().unwrap()];
    access
}

/// Register: 5321-5.1-c, 1123-5.2.17-b, 5321-4.5.1-c, 1123-5.2.16-a.
#[test]
fn next_hops() {
    let routes_mx = routes(
        "mx",
        &[
            ("org.example", "smtp:[hub]"),
            (".org.example", "smtp:below"),
            (".deep.org.example", "smtp:deeper"),
            ("plain.deep.org.example", "mx"),
            ("moved.example", "local"),
        ],
    );
    let hub = routes("smtp:mailhost", &[]);
    let rows: &[(&Routes, &str, &str, &str)] = &[
        (&routes_mx, "a@our.example", "local", "our.example is a local domain"),
        (&routes_mx, "a@OUR.example", "local", "OUR.example is a local domain"),
        (&routes_mx, "a@[198.51.100.1]", "local", "[198.51.100.1] is an address of this host"),
        (&routes_mx, "a@[192.0.2.1]", "smtp:[192.0.2.1]:25", "[192.0.2.1] is an address: no DNS"),
        (&routes_mx, "a@x.example", "mx:x.example", "the default route: mx (postrider.toml:1)"),
        (&routes_mx, "a%b!c@x.example", "mx:x.example", "the default route: mx (postrider.toml:1)"),
        (
            &routes_mx,
            "a@Org.Example",
            "smtp:[hub]:25",
            "the route of Org.Example: smtp:[hub]:25 (postrider.toml:2)",
        ),
        (
            &routes_mx,
            "a@x.y.org.example",
            "smtp:below:25",
            "the route of .org.example: smtp:below:25 (postrider.toml:3)",
        ),
        (
            &routes_mx,
            "a@x.deep.org.example",
            "smtp:deeper:25",
            "the route of .deep.org.example: smtp:deeper:25 (postrider.toml:4)",
        ),
        (
            &routes_mx,
            "a@plain.deep.org.example",
            "mx:plain.deep.org.example",
            "the route of plain.deep.org.example: mx (postrider.toml:5)",
        ),
        (
            &routes_mx,
            "a@moved.example",
            "local",
            "the route of moved.example: local (postrider.toml:6)",
        ),
        // Our own domain stands before a suffix, an exact rule before our own domain.
        (&routes_mx, "a@lists.org.example", "local", "lists.org.example is a local domain"),
        (
            &routes_mx,
            "a@xorg.example",
            "mx:xorg.example",
            "the default route: mx (postrider.toml:1)",
        ),
        (&routes_mx, "postmaster@mx.our.example", "local", "the postmaster of this host"),
        (
            &routes_mx,
            "ann@mx.our.example",
            "mx:mx.our.example",
            "the default route: mx (postrider.toml:1)",
        ),
        (
            &hub,
            "a@x.example",
            "smtp:mailhost:25",
            "the default route: smtp:mailhost:25 (postrider.toml:1)",
        ),
        (
            &hub,
            "a@[192.0.2.1]",
            "smtp:mailhost:25",
            "the default route: smtp:mailhost:25 (postrider.toml:1)",
        ),
        (&hub, "a@our.example", "local", "our.example is a local domain"),
        (&hub, "postmaster", "local", "the postmaster of this host"),
    ];
    for (routes, address, hop, reason) in rows {
        let path: ForwardPath = format!("<{address}>").parse().unwrap();
        let routed = route_path(routes, &access(), &ReversePath::Null, &path);
        assert_eq!(routed.next_hop.queue_name(), *hop, "{address}");
        assert_eq!(routed.reason.to_string(), *reason, "{address}");
    }
}

/// Who it is for comes before where that is, and whom it is from after all that is known of where.
#[test]
fn by_whom_and_for_whom() {
    let mut routes = routes("mx", &[("store.example", "lmtp:store"), (".below.example", "smtp:b")]);
    let senders = [
        ("ann@our.example", Via { from: None, login: Some("ann".into()) }, "smtp:[hub]"),
        ("@our.example", Via { from: Some("office".into()), login: None }, "mx"),
    ];
    for (line, (pattern, via, transport)) in (10..).zip(senders) {
        let rule = Rule { via, source: source(line), ..rule(transport) };
        assert_eq!(routes.senders.insert(pattern.parse().unwrap(), rule), None);
    }
    let recipients = [
        ("List@far.example", "pipe:list"),
        ("gone@our.example", "error:5.1.6 moved"),
        ("@.dead.example", "discard"),
        ("postmaster@mx.our.example", "discard"),
    ];
    for (line, (pattern, transport)) in (20..).zip(recipients) {
        let rule = Rule { source: source(line), ..rule(transport) };
        routes.recipients.insert(pattern.parse().unwrap(), rule);
    }
    let rows = [
        (
            "ANN@our.example",
            "x@far.example",
            "smtp:[hub]:25;login=ann",
            "the route of the sender ann@our.example: smtp:[hub]:25;login=ann (postrider.toml:10)",
        ),
        (
            "bob@our.example",
            "x@far.example",
            "mx:far.example;from=office",
            "the route of the sender @our.example: mx;from=office (postrider.toml:11)",
        ),
        (
            "bob@our.example",
            "x@[192.0.2.1]",
            "smtp:[192.0.2.1]:25;from=office",
            "[192.0.2.1] is an address: no DNS",
        ),
        (
            "bob@else.example",
            "x@far.example",
            "mx:far.example",
            "the default route: mx (postrider.toml:1)",
        ),
        ("", "x@far.example", "mx:far.example", "the default route: mx (postrider.toml:1)"),
        ("ann@our.example", "x@our.example", "local", "our.example is a local domain"),
        (
            "ann@our.example",
            "x@store.example",
            "lmtp:[store]:24",
            "the route of store.example: lmtp:[store]:24 (postrider.toml:2)",
        ),
        (
            "ann@our.example",
            "x@a.below.example",
            "smtp:b:25",
            "the route of .below.example: smtp:b:25 (postrider.toml:3)",
        ),
        (
            "ann@our.example",
            "LIST@far.example",
            "pipe:list",
            "the route of the recipient list@far.example: pipe:list (postrider.toml:20)",
        ),
        (
            "",
            "gone@our.example",
            "error:5.1.6 moved",
            "the route of the recipient gone@our.example: error:5.1.6 moved (postrider.toml:21)",
        ),
        (
            "",
            "x@a.dead.example",
            "discard",
            "the route of the recipient @.dead.example: discard (postrider.toml:22)",
        ),
        ("", "x@dead.example", "mx:dead.example", "the default route: mx (postrider.toml:1)"),
        ("", "postmaster@mx.our.example", "local", "the postmaster of this host"),
    ];
    for (from, to, queue, reason) in rows {
        let from: ReversePath = format!("<{from}>").parse().unwrap();
        let path: ForwardPath = format!("<{to}>").parse().unwrap();
        let routed = route_path(&routes, &access(), &from, &path);
        assert_eq!(
            (routed.queue_name().as_str(), routed.reason.to_string().as_str()),
            (queue, reason)
        );
    }
    for text in ["ann", "@", "@a..b", "a b@c.example", ""] {
        assert!(text.parse::<AddressPattern>().is_err(), "{text}");
    }
}

/// What a session says where routes have a word in it.
#[test]
fn sessions() {
    let mut access = access();
    access.users = crate::Users::listed(["ann"]);
    access.relay_domains.insert("far.example".parse().unwrap(), None);
    let mut routes = routes("mx", &[("shut.example", "error:4.2.1 Come again")]);
    access.relay_domains.insert("shut.example".parse().unwrap(), None);
    for (pattern, transport) in [
        ("list@our.example", "pipe:list"),
        ("ann@our.example", "error:5.1.6 She has moved"),
        ("gone@our.example", "error:5.1.1 Never here"),
        ("@our.example", "discard"),
        ("x@else.example", "pipe:list"),
    ] {
        routes.recipients.insert(pattern.parse().unwrap(), rule(transport));
    }
    let rows = [
        ("list@our.example", "250"),
        ("ann@our.example", "550 5.1.6 She has moved"),
        ("gone@our.example", "550 5.1.1 Never here"),
        // A rule for all of a domain of ours makes no names in it.
        ("bob@our.example", "550 5.1.1 There is no such mailbox here"),
        // No rule opens the way to the domains of others.
        ("x@else.example", "550 5.7.1 Relaying to that domain is denied"),
        ("x@far.example", "250"),
        ("x@shut.example", "450 4.2.1 Come again"),
        ("postmaster", "250"),
    ];
    for (to, want) in rows {
        let path: ForwardPath = format!("<{to}>").parse().unwrap();
        let client = "203.0.113.9".parse().ok();
        let said = access::recipient(&access, client, &path);
        let got = match at_session(&routes, &access, said, &path) {
            access::Verdict::Accept { .. } => "250".to_owned(),
            access::Verdict::Refuse { reply, .. } => reply.to_string(),
        };
        assert_eq!(got, want, "{to}");
    }
}

/// A host for all is a host for address literals as well.
#[test]
fn literals_by_several_hosts() {
    let path: ForwardPath = "<x@[192.0.2.1]>".parse().unwrap();
    for (default, want) in [
        ("smtp:[a],smtp:[b]", "smtp:[a]:25,smtp:[b]:25"),
        ("mx,smtp:[b]", "smtp:[192.0.2.1]:25,smtp:[b]:25"),
        ("pipe:p", "pipe:p"),
    ] {
        let routed = route_path(&routes(default, &[]), &access(), &ReversePath::Null, &path);
        assert_eq!(routed.queue_name(), want);
    }
}

#[test]
fn tables() {
    let mut table = DomainTable::default();
    assert!(table.is_empty());
    assert_eq!(table.insert("a.example".parse().unwrap(), 1), None);
    assert_eq!(table.insert("A.Example".parse().unwrap(), 2), Some(1));
    assert_eq!(table.insert(".example".parse().unwrap(), 3), None);
    let rows = [
        ("a.example", Some(2)),
        ("b.example", Some(3)),
        ("b.a.example", Some(3)),
        ("example", None),
    ];
    for (name, want) in rows {
        assert_eq!(table.get(&name.parse().unwrap()).copied(), want, "{name}");
    }
    for text in ["", ".", "..a", "*.a"] {
        assert!(text.parse::<DomainPattern>().is_err(), "{text}");
    }
}
