use std::sync::Arc;

use super::*;
use crate::domains::DomainPattern;

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
        ("pipe:/bin/true", Err("`pipe:` is not available yet")),
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
    ];
    for name in names {
        assert_eq!(NextHop::parse(name).map(|hop| hop.queue_name()).as_deref(), Ok(name));
    }
    assert_eq!(NextHop::parse("mx:Example.ORG").unwrap().queue_name(), "mx:example.org");
    for name in ["", "mx", "mx:", "mx:a..b", "pipe:x", "nothing"] {
        assert!(NextHop::parse(name).is_err(), "{name}");
    }
}

fn source(line: u32) -> Option<Source> {
    Some(Source { file: Arc::from("postrider.toml"), line })
}

fn routes(default: &str, rules: &[(&str, &str)]) -> Routes {
    let rule = |text: &str, line| Rule { transport: text.parse().unwrap(), source: source(line) };
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
        let routed = route_path(routes, &access(), &path);
        assert_eq!(routed.next_hop.queue_name(), *hop, "{address}");
        assert_eq!(routed.reason.to_string(), *reason, "{address}");
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
