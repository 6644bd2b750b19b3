use super::*;

fn surroundings() -> Surroundings {
    Surroundings {
        hostname: "host.example".parse().unwrap(),
        user: "ann".into(),
        directory: "/cwd".into(),
    }
}

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse_in(text, "/etc/postrider.toml", &surroundings())
}

/// Everything but where it came from.
fn values(mut config: Config) -> String {
    config.text = Text::default();
    config.spans = BTreeMap::new();
    let text = format!("{config:#?}");
    let mut lines: Vec<&str> = Vec::new();
    let mut skip = 0_usize;
    for line in text.lines() {
        if line.trim_start().starts_with("source: File") {
            skip = 1;
        } else if skip > 0 {
            skip = if line.trim() == "}," { 0 } else { 1 };
        } else if !line.trim_start().starts_with("source: Default") {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[test]
fn an_empty_file_is_a_safe_local_profile() {
    let config = parse("").unwrap();
    assert_eq!(config.hostname.as_str(), "host.example");
    assert_eq!(config.data_dir, Path::new("/etc/postrider-data"));
    assert!(
        config
            .listeners
            .iter()
            .flat_map(|listen| &listen.addresses)
            .all(|at| at.ip().is_loopback())
    );
    assert!(config.relay.networks.iter().all(|network| network.addr().is_loopback()));
    let domains: Vec<_> = config.local.domains.iter().map(|domain| domain.to_string()).collect();
    assert_eq!(domains, ["host.example", "localhost"]);
    let path = config.local.mailbox.path_of("ann").unwrap();
    assert_eq!(path, Path::new("/etc/postrider-data/mail/ann"));
    let accounts = Accounts::read(&config).unwrap();
    assert_eq!(accounts.find("Postmaster"), Some("ann"));
    assert_eq!(config.source_of("hostname"), Source::Default);
    // Without a file, everything is below the working directory.
    let config = Config::parse_in("", "", &surroundings()).unwrap();
    assert_eq!(config.data_dir, Path::new("/cwd/postrider-data"));
}

/// Each kind of route is understood, with what it refers to.
#[test]
fn routes_of_all_kinds() {
    let text = r#"
[route]
default = { to = ["mx", "smtp:[fallback.example]"], source = "office" }
"lists.example" = "pipe:list"
"old.example" = "error:5.1.6 It has moved"

[route.recipient]
"Ann@example.net" = "discard"
"@virtual.example" = "mailbox:maildir:/srv/{domain}/{user}"

[route.sender]
"bob@example.net" = { to = ["smtp:[a]:587", "smtp:[b]:587"], login = "bob" }

[smarthost."bob@a"]
login = "bob"
secret-file = "a"
[smarthost."bob@b"]
login = "bob"
secret-file = "b"
[smarthost."a"]
login = "us"
secret-file = "us"

[source.office]
address = ["192.0.2.7", "2001:db8::7"]
hello = "office.example"

[pipe.list]
command = ["/bin/list", "-f", "{sender}"]
user = "list"
time-limit = "30s"
concurrency = 2
add = "from"
"#;
    let config = parse(text).unwrap();
    let shown = |way: &Way| {
        let word = |word: &Option<Sourced<String>>| word.as_ref().map(|word| word.value.clone());
        let (source, login) = (word(&way.source), word(&way.login));
        format!("{} {} {}", way.to.value, source.unwrap_or_default(), login.unwrap_or_default())
    };
    let routes = &config.routes;
    assert_eq!(shown(&routes.default), "mx,smtp:[fallback.example]:25 office ");
    assert_eq!(shown(&routes.domains[0].1), "pipe:list  ");
    assert_eq!(shown(&routes.domains[1].1), "error:5.1.6 It has moved  ");
    assert_eq!(routes.recipients[0].0.to_string(), "ann@example.net");
    assert_eq!(routes.recipients[1].0.to_string(), "@virtual.example");
    assert_eq!(shown(&routes.senders[0].1), "smtp:[a]:587,smtp:[b]:587  bob");
    assert_eq!(routes.senders[0].1.to.source.to_string(), "/etc/postrider.toml:12");
    let names = config.smarthosts.iter().map(|one| format!("{}@{}", one.name, one.host));
    assert_eq!(names.collect::<Vec<_>>(), ["bob@a", "bob@b", "@a"]);
    let (name, pipe) = &config.pipes[0];
    assert_eq!((name.as_str(), pipe.user.as_deref()), ("list", Some("list")));
    assert_eq!((pipe.time_limit.as_secs(), pipe.concurrency), (30, 2));
    assert!(pipe.head.from_line && !pipe.head.return_path && !pipe.head.delivered_to);
    assert_eq!(config.sources[0].hello.as_ref().map(DomainName::as_str), Some("office.example"));
    assert_eq!(config.sources[0].addresses.len(), 2);
}

/// The whole of the outside contract is understood.
#[test]
fn a_full_file() {
    let text = r#"
hostname = "mx.example.net"
data-dir = "/var/lib/postrider"

[listen.mx]
address = ["127.0.0.1:2525", "[::1]:2525"]
kind = "mx"
tls = "none"

[listen.authors]
address = "127.0.0.1:2587"
kind = "submission"

[local]
domains = ["example.net"]
mailbox = "mbox:/var/mail/{user}"
users = ["ann", "bob"]
postmaster = "bob"
aliases = "aliases"

[masquerade]
domain = "noao.example"
hosts = ["sun.noao.example", ".ws.noao.example"]

[relay]
networks = ["127.0.0.0/8", "::1", "192.0.2.0/24"]
domains = ["backup.example"]

[route]
default = "smtp:mailhost"
"example.org" = "smtp:[127.0.0.2]:2525"
".example.org" = "mx"

[outbound]
port = 2525
source = ["127.0.0.3"]
own-addresses = ["192.0.2.9"]

[dns]
servers = ["127.0.0.1:5353", "::1"]

[queue]
expire = "4d12h"
retry = ["30m", "1h"]
delay-notice = "never"
destination-connections = 2
destination-rate = "1000/h"
expire-bulk = "1d"
double-bounce = "drop"
paused = true

[destination.".slow.example"]
connections = 1
rate = "20/10s"
letters = 0

[limits]
message-size = "1MiB"
recipients = 100
sessions = 10
command-timeout = "10m"
data-timeout = "1m"

[spool]
messages = 1_000_000
size = "10GB"
"#;
    let config = parse(text).unwrap();
    assert_eq!(config.data_dir, Path::new("/var/lib/postrider"));
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.listeners[1].kind, ListenKind::Submission);
    assert_eq!(config.local.mailbox.path_of("ann").unwrap(), Path::new("/var/mail/ann"));
    assert_eq!(config.local.aliases[0].value, AliasPlace::File("/etc/aliases".into()));
    let routes = &config.routes;
    assert_eq!(routes.default.to.to_string(), "smtp:mailhost:25");
    assert_eq!(routes.domains.len(), 2);
    assert_eq!(routes.domains[0].1.to.source.to_string(), "/etc/postrider.toml:31");
    assert!(config.masquerade.unwrap().hosts[1].matches(&"a.ws.noao.example".parse().unwrap()));
    let trusted = config.relay.trusts("192.0.2.77".parse().unwrap()).unwrap();
    assert_eq!(trusted.source.to_string(), "/etc/postrider.toml:26");
    assert!(config.relay.trusts("192.0.3.1".parse().unwrap()).is_none());
    assert_eq!(config.outbound.port, 2525);
    assert_eq!(config.outbound.source_for("127.0.0.9".parse().unwrap()), "127.0.0.3".parse().ok());
    assert_eq!(config.outbound.source_for("::1".parse().unwrap()), None);
    assert_eq!(config.dns.servers.unwrap()[1].to_string(), "[::1]:53");
    assert_eq!(config.queue.delay_notice, None);
    assert_eq!(config.queue.expire.as_secs(), 4 * 86_400 + 12 * 3600);
    assert!(config.queue.paused);
    assert_eq!(config.queue.expire_bulk.as_secs(), 86_400);
    assert_eq!(config.queue.expire_urgent, config.queue.expire);
    assert_eq!(config.queue.delay_notice_urgent, None);
    assert!(!config.queue.double_bounces);
    let slow = &config.destinations[0];
    assert_eq!(slow.rate.as_ref().unwrap().value.unwrap().to_string(), "20/10s");
    assert_eq!(slow.rate.as_ref().unwrap().source.to_string(), "/etc/postrider.toml:54");
    assert_eq!((&slow.recipients, slow.letters.as_ref().unwrap().value), (&None, None));
    assert_eq!(config.limits.message_size, 1 << 20);
    assert_eq!(config.spool.size, Share::Octets(10_000_000_000));
}

/// A file, and what is said of it on one line for each problem.
#[test]
fn problems() {
    let rows: &[(&str, &[&str])] = &[
        (
            "hostnam = \"x\"",
            &["1:1: unknown key `hostnam`: found `hostnam`; did you mean `hostname`?"],
        ),
        (
            "[queue]\nexpires = \"5d\"",
            &["2:1: unknown key `queue.expires`: found `expires`; did you mean `expire`?"],
        ),
        ("[quue]\nx = 1", &["1:2: unknown table `quue`: found `quue`; did you mean `queue`?"]),
        (
            "[dns]\ncolour = 1",
            &["2:1: unknown key `dns.colour`: found `colour`; remove it; known here: servers"],
        ),
        ("[listen.a]\naddress = \"[::1]:25\"\nport = 25", &["3:1: unknown key `listen.a.port`"]),
        (
            "hostname = 5",
            &[
                "1:12: `hostname` has a value of the wrong kind: expected a domain name, like \"mx.example.net\", found the number 5;",
            ],
        ),
        (
            "hostname = \"mx.example.net.\"",
            &["1:12: `hostname` has a value it cannot have: expected a domain name"],
        ),
        (
            "[queue]\ndestination-rate = \"fast\"\nexpire-bulk = \"1m\"\ndouble-bounce = \"ada\"",
            &[
                "2:20: `queue.destination-rate` has a value it cannot have: expected letters in a time, like \"100/min\", or \"none\", found \"fast\"; units: s, min, h, day",
                "3:15: mail would expire before its second attempt (`queue.expire-bulk`)",
                "4:17: `queue.double-bounce` has a value it cannot have: expected \"postmaster\" or \"drop\"",
            ],
        ),
        (
            "[destination]\nrate = \"1/s\"\n\"a b\" = {}\n[destination.x]\nconnections = 0\ncolour = 1\n[destination.X]",
            &[
                "2:8: `destination.rate` is not for one destination: expected a table for a domain, found \"1/s\"; queue.destination-rate is for all",
                "3:9: \"a b\" is not a domain",
                "5:15: `destination.x.connections` has a value of the wrong kind: expected a whole number from 1 to 10000",
                "6:1: unknown key `destination.x.colour`",
                "7:1: X has two tables",
            ],
        ),
        (
            "queue = 5",
            &[
                "1:9: `queue` has a value of the wrong kind: expected a table, found the number 5; write its keys under [queue]",
            ],
        ),
        (
            "[queue]\npaused = \"yes\"",
            &[
                "2:10: `queue.paused` has a value it cannot have: expected true or false, found \"yes\"",
            ],
        ),
        (
            "[queue]\nexpire = \"5x\"",
            &[
                "2:10: `queue.expire` has a value it cannot have: expected a duration with its unit, like \"30s\", \"5m\", \"4h\" or \"5d\", found \"5x\"; units: ms, s, m, h, d, w",
            ],
        ),
        (
            "[queue]\nexpire = 5",
            &[
                "2:10: `queue.expire` has a value of the wrong kind: expected a duration with its unit, like \"30s\", \"5m\", \"4h\" or \"5d\", found the number 5; write \"5s\" for seconds",
            ],
        ),
        ("[queue]\nretry = []", &["2:9: `queue.retry` is empty"]),
        (
            "[queue]\nretry = [\"1h\", \"30m\", \"0s\"]",
            &["2:16: a pause is shorter than the one before", "2:23: a pause is too short"],
        ),
        (
            "[queue]\nexpire = \"5m\"",
            &["2:10: mail would expire before its second attempt (`queue.expire`)"],
        ),
        (
            "[queue]\nretry = \"5d\"",
            &[
                "2:9: mail would expire before its second attempt (`queue.expire`)",
                "2:9: mail would expire before its second attempt (`queue.expire-reports`)",
            ],
        ),
        (
            "[queue]\ndestination-connections = 0",
            &[
                "2:27: `queue.destination-connections` has a value of the wrong kind: expected a whole number from 1 to 10000, found the number 0",
            ],
        ),
        (
            "[limits]\nmessage-size = 50",
            &[
                "2:16: `limits.message-size` has a value of the wrong kind: expected a size with its unit, like \"64KB\", \"50MB\" or \"1GiB\", found the number 50; write \"50B\" for octets",
            ],
        ),
        (
            "[limits]\nmessage-size = \"50Mb\"",
            &["2:16: `limits.message-size` has a value it cannot have"],
        ),
        (
            "[limits]\nmessage-size = \"1KB\"",
            &[
                "2:16: `limits.message-size` is too small: expected at least \"64KB\", found \"1KB\"; every host has to take 64 KB (RFC 5321 §4.5.3.1.7)",
            ],
        ),
        ("[limits]\nrecipients = 99", &["2:14: `limits.recipients`"]),
        ("[limits]\nrecipients = -1", &["2:14: `limits.recipients`"]),
        ("[limits]\ndata-timeout = \"0s\"", &["2:16: `limits.data-timeout` leaves no time"]),
        (
            "[spool]\nsize = \"0%\"",
            &[
                "2:8: `spool.size` has a value it cannot have: expected a part, like \"80%\", or a size",
            ],
        ),
        ("[listen.mx]\nkind = \"mx\"", &["1:1: `listen.mx` has no address"]),
        ("[listen.mx]\naddress = []", &["2:11: `listen.mx.address` is empty"]),
        (
            "[listen.mx]\naddress = [\"127.0.0.1\"]",
            &[
                "2:12: `listen.mx.address` has a value it cannot have: expected an address with its port, like \"127.0.0.1:2525\" or \"[::1]:2525\", found \"127.0.0.1\"",
            ],
        ),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\nkind = \"smtp\"",
            &[
                "3:8: `listen.mx.kind` has a value it cannot have: expected mx, submission, lmtp or odmr, found \"smtp\"",
            ],
        ),
        (
            "[listen.store]\naddress = [\"[::1]:24\", \"[::1]:25\"]\nkind = \"lmtp\"",
            &["3:8: LMTP is never served on port 25"],
        ),
        ("[listen.store]\naddress = \"[::1]:24\"\nkind = \"lmtp\"", &[]),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\nproxies = [\"0.0.0.0/0\", \"proxy.example\"]",
            &[
                "3:12: this host would believe strangers",
                "3:25: `listen.mx.proxies` has a value it cannot have",
            ],
        ),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\ngreet-pause = \"1m\"\nearly-talkers = \"ban\"",
            &[
                "3:15: `listen.mx.greet-pause` is too long",
                "4:17: `listen.mx.early-talkers` has a value it cannot have: expected refuse or log",
            ],
        ),
        ("[access]\netrn = \"0.0.0.0/0\"\nverify = []\nverify-others = \"502\"", &[]),
        (
            "[access]\nxclient = [\"::/0\"]\nverify-others = \"250\"",
            &[
                "2:12: this host would believe strangers",
                "3:17: `access.verify-others` has a value it cannot have: expected \"252\" or \"502\"",
            ],
        ),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\ntls-required = true",
            &["3:16: `listen.mx.tls-required` without TLS lets nobody in"],
        ),
        ("[limits]\ntarpit = \"2m\"", &["2:10: `limits.tarpit` is too long"]),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\ntls = \"starttls\"",
            &[
                "3:7: `listen.mx.tls` needs a certificate: expected `certificate` and `key` under [tls], found \"starttls\"",
            ],
        ),
        (
            "[listen.mx]\naddress = \"[::1]:1\"\ntls = \"ssl\"",
            &[
                "3:7: `listen.mx.tls` has a value it cannot have: expected \"none\", \"starttls\" or \"implicit\"",
            ],
        ),
        ("[tls]\ncertificate = \"x.pem\"", &["2:15: `tls.certificate` has no key"]),
        ("[tls]\nkey = \"x.pem\"", &["2:7: `tls.key` has no certificate"]),
        ("[tls]\ncertificate = \"x\"\nkey = \"y\"", &[]),
        (
            "[tls]\ncertificate = \"x\"\nkey = \"y\"\nminimum = \"1.1\"",
            &["4:11: `tls.minimum` has a value it cannot have: expected \"1.2\" or \"1.3\""],
        ),
        (
            "[tls.names.\"mail.example.org\"]\ncertificate = \"x\"\nkey = \"y\"",
            &["1:1: there is no default certificate"],
        ),
        (
            "[tls]\ncertificate = \"x\"\nkey = \"y\"\n[tls.names.\"a b\"]\n[tls.names.\"*.b.example\"]",
            &[
                "4:1: \"a b\" is no name of a host",
                "5:1: `tls.names.\"*.b.example\"` has no certificate",
            ],
        ),
        (
            "[listen.a]\naddress = \"127.0.0.1:25\"\n[listen.b]\naddress = [\"127.0.0.1:26\", \"0.0.0.0:25\"]",
            &[
                "4:28: two listeners would share 0.0.0.0:25: expected another address or port, found \"0.0.0.0:25\"; the first is at /etc/postrider.toml:2",
            ],
        ),
        ("[listen.a]\naddress = [\"127.0.0.1:0\", \"127.0.0.1:0\"]", &[]),
        (
            "[local]\ndomains = [\"ok.example\", \"a@b\", 7]",
            &[
                "2:26: `local.domains` has a value it cannot have",
                "2:33: `local.domains` has a value of the wrong kind",
            ],
        ),
        (
            "[local]\nmailbox = \"/var/mail/{user}\"",
            &["2:11: `local.mailbox` names no mailbox: a mailbox starts with maildir: or mbox:"],
        ),
        (
            "[local]\nmailbox = \"mbox:/var/mail/all\"",
            &["2:11: `local.mailbox` names no mailbox: the path has no {user}"],
        ),
        (
            "[local]\nusers = [\"ann\", \"../bob\", \"Ann\"]",
            &["2:17: \"../bob\" cannot be a user", "2:27: the user Ann is named twice"],
        ),
        (
            "[local]\nusers = []",
            &["2:9: `local.users` has a value of the wrong kind: expected at least one user"],
        ),
        (
            "[local]\nusers = [\"ann\"]\npostmaster = \"bob\"",
            &[
                "3:14: `local.postmaster` has a value it cannot have: expected one of the users: ann, found \"bob\"",
            ],
        ),
        (
            "[canonical]\ntables = \"people\"\n[canonical.addresses]\n\"a@b@c\" = \"x@y.example\"\n\
             \"old@b.example\" = \"no address\"\n\"@\" = \"@y.example\"",
            &[
                "2:10: there is no table \"people\"",
                "4:11: \"a@b@c\" is no address",
                "5:19: `canonical.addresses.\"old@b.example\"` has a value it cannot have",
                "6:7: \"@\" is no domain",
            ],
        ),
        (
            "[masquerade]\napply-to = [\"envelope\"]\nexcept = [\"root\", \"@a b\"]",
            &[
                "2:13: `masquerade.apply-to` has a value it cannot have: expected a place of addresses",
                "3:19: `masquerade.except` has a value it cannot have",
            ],
        ),
        (
            "[copy]\nalways = \"archive\"\n[copy.sender]\nann = \"x@y.example\"\n\
             [copy.recipient]\n\"@a.example\" = []\n\"@A.example\" = []",
            &[
                "2:10: `copy.always` has a value it cannot have: expected an address",
                "4:7: \"ann\" is not an address",
                "7:16: @A.example has two lines",
            ],
        ),
        (
            "[table.a]\ntype = \"postgres\"\nserver = \"postgres://db/mail\"\npassword = \"x\"",
            &["1:1: `table.a` has no `query`", "4:1: unknown key `table.a.password`"],
        ),
        (
            "[table.a]\ntype = \"ldap\"\nserver = \"ldaps://h\"\nbase = \"dc=x\"\nfilter = \"(mail=x)\"\n\
             bind-dn = \"cn=x\"\nscope = \"all\"\ntls = \"maybe\"",
            &[
                "1:1: `table.a` has no `attributes`",
                "5:10: `table.a.filter` has a value it cannot have: expected a filter with {key} in it",
                "6:11: a name without a password would be nobody",
                "7:9: `table.a.scope` has a value it cannot have",
                "8:7: `table.a.tls` has a value it cannot have",
            ],
        ),
        (
            "[route.sender]\ntables = \"none\"\n[route.recipient]\ntables = \"none\"",
            &[
                "2:10: there is no table \"none\"",
                "4:10: `route.recipient.tables` has a value it cannot have",
                "4:10: \"tables\" is not an address",
            ],
        ),
        (
            "[masquerade]\ndomain = \"a.example\"",
            &["2:10: `masquerade.domain` does nothing without `masquerade.hosts`"],
        ),
        (
            "[accounts]\nsource = \"dovecot:\"",
            &["2:10: `accounts.source` has a value it cannot have"],
        ),
        (
            "[accounts]\nlogin-failures = 1",
            &["2:18: `accounts.login-failures` has a value of the wrong kind"],
        ),
        (
            "[submission]\nforeign-from = \"maybe\"",
            &["2:16: `submission.foreign-from` has a value it cannot have"],
        ),
        (
            "[submission.grants]\nann = [\"*@\"]",
            &["2:8: `submission.grants.ann` has a value it cannot have"],
        ),
        (
            "[relay]\nnetworks = [\"0.0.0.0/0\"]",
            &[
                "2:13: this host would be an open relay: expected networks of your own, /8 or smaller, found \"0.0.0.0/0\"",
            ],
        ),
        (
            "[relay]\nnetworks = [\"::/0\", \"128.0.0.0/1\"]",
            &["2:13: this host would be an open relay", "2:21: this host would be an open relay"],
        ),
        (
            "[relay]\nnetworks = [\"192.0.2.1/24\"]",
            &[
                "2:13: 192.0.2.1/24 is a host inside a network: expected an address or a network, like \"192.0.2.1\" or \"2001:db8::/32\", found \"192.0.2.1/24\"; write \"192.0.2.0/24\", or \"192.0.2.1\" for the one host",
            ],
        ),
        (
            "[relay]\nnetworks = [\"mx.example\"]",
            &["2:13: `relay.networks` has a value it cannot have"],
        ),
        ("[route]\n\"a@b\" = \"mx\"", &["2:9: \"a@b\" is not a domain"]),
        (
            "[route]\n\"a.example\" = \"smtp:192.0.2.1\"",
            &[
                "2:15: `route.\"a.example\"` has a value it cannot have: expected \"mx\", \"smtp:HOST\" or \"smtp:HOST:PORT\", found \"smtp:192.0.2.1\"; an address stands in brackets",
            ],
        ),
        (
            "[route]\n\"a.example\" = \"pipe:x\"",
            &["2:15: no program is called \"x\": expected a table [pipe.x]"],
        ),
        (
            "[route]\n\"a.example\" = \"mx\"\n\"A.example\" = \"mx\"",
            &["3:15: A.example has two routes"],
        ),
        (
            "[route]\n\"a.example\" = [\"smtp:[a]\", \"lmtp:b\"]",
            &[
                "2:15: `route.\"a.example\"` has a value of the wrong kind: expected [\"smtp:[a]\", \"smtp:[b]\"]: 1 to 8 hosts",
            ],
        ),
        (
            "[route]\n\"a.example\" = [\"smtp:[a]\", \"discard\"]",
            &["2:28: `route.\"a.example\"` has a value it cannot have"],
        ),
        (
            "[route]\n\"a.example\" = []",
            &["2:15: `route.\"a.example\"` has a value of the wrong kind"],
        ),
        (
            "[route]\n\"a.example\" = \"smtp:[a],smtp:[b]\"",
            &[
                "2:15: `route.\"a.example\"` has a value it cannot have: expected a list of hosts, found \"smtp:[a],smtp:[b]\"; several hosts are written [\"smtp:[a]\", \"smtp:[b]\"]",
            ],
        ),
        (
            "[route]\n\"a.example\" = \"error:no\"",
            &[
                "2:15: `route.\"a.example\"` has a value it cannot have: expected \"error:5.1.6 TEXT\"",
            ],
        ),
        (
            "[route]\n\"a.example\" = \"mailbox:maildir:/srv/all\"",
            &[
                "2:15: `route.\"a.example\"` has a value it cannot have: expected \"mailbox:maildir:/PATH\"",
            ],
        ),
        (
            "[route]\n\"a.example\" = { source = \"x\" }",
            &[
                "2:15: `route.\"a.example\"` has a value of the wrong kind: expected a table with `to` in it",
            ],
        ),
        (
            "[route]\n\"a.example\" = { to = \"mx\", via = \"x\" }",
            &["2:28: unknown key `route.\"a.example\".via`"],
        ),
        (
            "[route]\n\"a.example\" = { to = \"mx\", source = \"x\" }",
            &[
                "2:15: no source is called \"x\": expected a table [source.x], found a table; there is none yet",
            ],
        ),
        (
            "[route]\n\"a.example\" = { to = \"discard\", source = \"x\" }",
            &["2:15: discard goes to no host"],
        ),
        (
            "[route]\n\"a.example\" = { to = \"smtp:[hub]\", login = \"x\" }\n[smarthost.\"y@hub\"]",
            &["2:15: there is no login \"x\" at hub: expected a table [smarthost.\"x@hub\"]"],
        ),
        ("[route.sender]\nann = \"mx\"", &["2:7: \"ann\" is not an address"]),
        (
            "[route.recipient]\n\"a@b.example\" = \"mx\"\n\"A@B.example\" = \"mx\"",
            &["3:17: a@b.example has two routes"],
        ),
        ("[smarthost.\"a b@hub\"]", &["1:1: \"a b\" is no name of a login"]),
        ("[fetch.isp]\nevery = \"1h\"", &["1:1: `fetch.isp` has no host"]),
        ("[fetch.\"a b\"]\nfrom = \"smtp:[isp]\"", &["1:1: \"a b\" is no name of a host to ask"]),
        (
            "[fetch.isp]\nfrom = \"smtp:[isp]\"",
            &["2:8: ATRN needs a login at isp, and there is none"],
        ),
        (
            "[fetch.isp]\nfrom = \"smtp:[isp]\"\ncommand = \"etrn\"",
            &["1:1: `fetch.isp` asks for nothing"],
        ),
        (
            "[fetch.isp]\nfrom = \"mx\"\ncommand = \"etrn\"\ndomains = [\"a.example\"]",
            &["2:8: `fetch.isp.from` has a value"],
        ),
        (
            "[fetch.isp]\nfrom = \"smtp:[isp]\"\ncommand = \"turn\"\n[smarthost.isp]\nlogin = \"x\"",
            &["3:11: `fetch.isp.command` has a value"],
        ),
        (
            "[fetch.isp]\nfrom = \"smtp:[isp]\"\ncommand = \"etrn\"\ndomains = [\"host\"]",
            &["1:1: `fetch.isp` asks for nothing", "4:12: `fetch.isp.domains` has a value"],
        ),
        (
            "[fetch.isp]\nfrom = \"smtp:[isp]\"\nevery = \"30s\"\n[smarthost.isp]\nlogin = \"x\"",
            &["3:9: `fetch.isp.every` is too short"],
        ),
        (
            "[source.x]",
            &[
                "1:1: `source.x` has a value of the wrong kind: expected a table with `address` in it",
            ],
        ),
        (
            "[source.x]\naddress = [\"192.0.2.1\", \"192.0.2.2\"]",
            &["2:11: `source.x.address` has two addresses of one family"],
        ),
        (
            "[pipe.x]",
            &["1:1: `pipe.x` has a value of the wrong kind: expected a table with `command` in it"],
        ),
        (
            "[pipe.x]\ncommand = \"/bin/cat -u\"",
            &[
                "2:11: `pipe.x.command` has a value it cannot have: expected a list: the program, and each argument by itself",
            ],
        ),
        (
            "[pipe.x]\ncommand = [\"cat\"]",
            &[
                "2:11: `pipe.x.command` has a value of the wrong kind: expected the absolute path of a program first",
            ],
        ),
        (
            "[pipe.x]\ncommand = [\"/bin/cat\", \"{name}\"]",
            &[
                "2:24: `pipe.x.command` has a value it cannot have: expected an argument, found \"{name}\"; only {sender}",
            ],
        ),
        (
            "[pipe.x]\ncommand = [\"/bin/cat\"]\nadd = [\"date\"]\nconcurrency = 0",
            &["3:8: `pipe.x.add` has a value it cannot have", "4:15: `pipe.x.concurrency`"],
        ),
        ("[local]\nquota = 5", &["2:9: `local.quota`"]),
        (
            "[local]\nover-quota = \"drop\"",
            &["2:14: `local.over-quota` has a value it cannot have"],
        ),
        (
            "[local]\nmailbox = \"mbox:/m/{domain}/{user}\"",
            &["2:11: `local.mailbox` has a {domain}"],
        ),
        ("[outbound]\nport = 0", &["2:8: `outbound.port`"]),
        (
            "[outbound]\nsource = [\"192.0.2.1\", \"192.0.2.2\"]",
            &["2:10: `outbound.source` has two addresses of one family"],
        ),
        ("[dns]\nservers = [\"dns.example\"]", &["2:12: `dns.servers` has a value it cannot have"]),
        ("[dns]\nservers = true", &["2:11: `dns.servers` has a value of the wrong kind"]),
        ("[dns]\nservers = []", &["2:11: `dns.servers` is empty"]),
        ("x = ", &["1:5: this is not TOML: "]),
        (
            "[queue]\nexpire = 5d\npaused = yes",
            &["2:10: this is not TOML: ", "3:10: this is not TOML: "],
        ),
        (
            "[srs]\ndomain = \"localhost\"",
            &["2:10: `srs.domain` does nothing without `srs.secret-file`"],
        ),
        (
            "[srs]\nsecret-file = \"s\"\ndomain = \"other.example\"",
            &["3:10: reports to senders of forwarded mail would not come here"],
        ),
        ("[table.a]\npath = \"x\"", &["1:1: `table.a` has no type"]),
        ("[table.a]\ntype = \"hash\"", &["2:8: `table.a.type` has a value it cannot have"]),
        (
            "[table.a]\ntype = \"file\"",
            &["1:1: `table.a` has no `path`: expected `path` for this type"],
        ),
        (
            "[table.a]\ntype = \"file\"\npath = \"x\"\nquery = \"y\"",
            &["4:1: unknown key `table.a.query`"],
        ),
        ("[table.a]\ntype = \"mysql\"", &["2:8: `table.a.type` has a value it cannot have"]),
        ("[queue]\npaused = true\npaused = true", &["3:1: this is not TOML: duplicate key"]),
        // All at once, in the order of the file.
        ("[queue]\nexpire = \"5x\"\nretri = 1\n[dns]\nservers = 5", &["2:10: ", "3:1: ", "5:11: "]),
    ];
    for (text, want) in rows {
        let got: Vec<String> = match parse(text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(Problem::to_string).collect(),
        };
        let fits = |(got, want): (&String, &&str)| {
            got.strip_prefix("/etc/postrider.toml:").is_some_and(|got| got.starts_with(want))
        };
        let all = got.len() == want.len() && got.iter().zip(*want).all(fits);
        assert!(all, "{text}\ngot: {got:#?}\nwant: {want:#?}");
    }
}

#[test]
fn problems_are_shown_with_their_lines() {
    let text = "[queue]\npaused = true\nexpire = \"5x\"\nretri = [\"1h\"]\n";
    let shown = render(&parse(text).unwrap_err(), false);
    let want = "\
error: `queue.expire` has a value it cannot have
 --> /etc/postrider.toml:3:10
  |
3 | expire = \"5x\"
  |          ^^^^ expected a duration with its unit, like \"30s\", \"5m\", \"4h\" or \"5d\", found \"5x\"
  |
  = help: units: ms, s, m, h, d, w

error: unknown key `queue.retri`
 --> /etc/postrider.toml:4:1
  |
4 | retri = [\"1h\"]
  | ^^^^^ found `retri`
  |
  = help: did you mean `retry`?

";
    assert_eq!(shown, want);
    assert!(render(&parse(text).unwrap_err(), true).contains('\u{1b}'));
    // At the end of the file, and without any place.
    assert!(render(&parse("x =").unwrap_err(), false).contains("postrider.toml:1:4"));
    let missing = Config::load(Path::new("/nowhere/postrider.toml")).unwrap_err();
    let shown = render(&missing, false);
    assert!(shown.contains("cannot be read: No such file"), "{shown}");
    assert!(shown.contains("help: name another with --config"), "{shown}");
}

#[test]
fn what_is_no_text_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("postrider.toml");
    for (octets, want) in
        [(vec![0xff; 10], "not UTF-8"), (vec![b'#'; 2 << 20], "larger than 1 MiB")]
    {
        std::fs::write(&file, octets).unwrap();
        let problems = Config::load(&file).unwrap_err();
        assert!(problems[0].to_string().contains(want), "{}", problems[0]);
    }
    std::fs::write(&file, "hostname = \"mx.example\"").unwrap();
    assert_eq!(
        Config::load(&file).unwrap().source_of("hostname").to_string(),
        format!("{}:1", file.display())
    );
}

/// The sample says what an empty file says, and what it comments out can be said.
#[test]
fn the_sample_is_the_default() {
    let sample = parse(&sample()).unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    assert_eq!(values(sample), values(parse("").unwrap()));
    let is_option = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| {
            rest.starts_with(|first: char| first.is_ascii_lowercase() || first == '[')
        })
    };
    let said: String = options::sample()
        .lines()
        .map(|line| if is_option(line) { &line[1..] } else { line }.to_owned() + "\n")
        .collect();
    parse(&said).unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
}

/// Every documented option is read: a value of no kind it could have is told.
#[test]
fn every_option_is_read() {
    for section in SECTIONS {
        for option in section.options {
            let head = if section.name.is_empty() {
                String::new()
            } else {
                format!("[{}]\n", section.name)
            };
            let address = if section.name.starts_with("listen") && option.key != "address" {
                "address = \"127.0.0.1:1\"\n".to_owned()
            } else if section.name.starts_with("table") && option.key != "type" {
                // Which keys a table has depends on its type.
                let Shown::Example(kind) = section.options[0].default else { panic!("no type") };
                format!("type = {kind}\n")
            } else {
                String::new()
            };
            let text = format!("{head}{address}{} = 1979-05-27", option.key);
            let problems = parse(&text).unwrap_err();
            let found = problems.iter().any(|problem| problem.found == "a date");
            assert!(found, "{text}: {problems:?}");
        }
    }
}

/// `docs/postrider.toml` is the sample. To write it anew: `POSTRIDER_WRITE_SAMPLE=1 cargo test -p postrider sample`.
#[test]
fn the_sample_file_is_in_step() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/postrider.toml");
    if std::env::var_os("POSTRIDER_WRITE_SAMPLE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, sample()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == sample(), "docs/postrider.toml is not what the options say: write it anew");
    assert!(written.lines().all(|line| line.chars().count() <= 100), "a line is too long");
}

#[test]
fn checks_of_the_world() {
    let dir = tempfile::tempdir().unwrap();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "hostname = \"host\"\ndata-dir = \"file/data\"\n[listen.a]\naddress = [\"{}\", \"192.0.2.1:0\"]\n\
         [local]\naliases = \"missing\"\nusers = \"missing\"\n[outbound]\nsource = \"192.0.2.1\"\n",
        held.local_addr().unwrap()
    );
    std::fs::write(dir.path().join("file"), "").unwrap();
    let file = dir.path().join("postrider.toml");
    let config = Config::parse(&text, file.to_str().unwrap()).unwrap();
    let got: Vec<(Severity, String)> =
        config.check().iter().map(|problem| (problem.severity, problem.to_string())).collect();
    let want = [
        (Severity::Warning, ":1:12: other hosts cannot find host"),
        (Severity::Error, ":2:12: we cannot write to "),
        (Severity::Warning, ":4:11: we cannot listen on 127.0.0.1:"),
        (Severity::Error, ":4:11: we cannot listen on 192.0.2.1:0"),
        (Severity::Error, ":9:10: we cannot connect from 192.0.2.1"),
        (Severity::Error, ":7:9: the users in "),
        (Severity::Error, ":6:11: the aliases in "),
    ];
    assert_eq!(got.len(), want.len(), "{got:#?}");
    for ((severity, text), (want_severity, want_text)) in got.iter().zip(want) {
        assert!(*severity == want_severity && text.contains(want_text), "{text}\n{want_text}");
    }
    let fine = "data-dir = \"data\"\n[listen.a]\naddress = \"127.0.0.1:0\"\n";
    let config = Config::parse(fine, file.to_str().unwrap()).unwrap();
    assert!(config.check().is_empty(), "{:?}", config.check());
    assert!(!dir.path().join("data").exists(), "checking makes nothing");
}

/// Register: 5321-4.1.4-g.
#[test]
fn the_name_we_greet_with() {
    let rows = [
        ("mx.example.net", "0.0.0.0:2525", true, false),
        ("mx.example.net", "0.0.0.0:2525", false, true),
        ("host", "0.0.0.0:2525", true, true),
        ("host.localdomain", "[::]:2525", true, true),
        ("host", "127.0.0.1:2525", false, false),
    ];
    for (name, address, known, warned) in rows {
        let text = format!("hostname = \"{name}\"\n[listen.a]\naddress = \"{address}\"\n");
        let config = Config::parse(&text, "x.toml").unwrap();
        let mut problems = Vec::new();
        config.check_name(|asked| asked == name && known, &mut problems);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), usize::from(warned), "{name} {address} {known}: {told:?}");
    }
}

/// Who we are at other hosts, and what is told of mistakes.
/// The port belongs to the command, unless the line names one.
#[test]
fn hosts_that_keep_mail_for_us() {
    let text = "\
[smarthost.\"odmr.isp.example\"]
login = \"us\"
secret-file = \"/s\"
[smarthost.\"office@other.example\"]
login = \"us\"
secret-file = \"/s\"
[fetch.isp]
from = \"smtp:[odmr.isp.example]\"
domains = [\"a.example\", \"b.example\"]
every = \"15m\"
[fetch.other]
from = { to = \"smtp:[other.example]:2525\", login = \"office\" }
[fetch.old]
from = \"smtp:mx.old.example\"
command = \"etrn\"
domains = [\"a.example\", \"@b.example\", \"#slow\"]
";
    let config = Config::parse(text, "fetch.toml").unwrap();
    let told = config.fetches.iter().map(|fetch| {
        let asking = match &fetch.asking {
            engine::Asking::Turn(domains) => format!("ATRN {}", domains.len()),
            engine::Asking::Release(names) => {
                names.iter().map(|name| format!("ETRN {name} ")).collect()
            }
        };
        format!("{} {} {:?} {}", fetch.name, fetch.from.to.value, fetch.every, asking.trim())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "isp smtp:[odmr.isp.example]:366 Some(900s) ATRN 2",
            "other smtp:[other.example]:2525 None ATRN 0",
            "old smtp:mx.old.example:25 None ETRN a.example ETRN @b.example ETRN #slow",
        ]
    );
    let options = crate::plan::options(&config).unwrap();
    let hosts = options.providers.iter().map(|provider| provider.host.as_str());
    let expected = [
        "smtp:[odmr.isp.example]:366",
        "smtp:[other.example]:2525;login=office",
        "smtp:mx.old.example:25",
    ];
    assert_eq!(hosts.collect::<Vec<_>>(), expected);
    let source = options.providers[0].source.as_ref().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("fetch.toml:7"));
    // What is fetched should be ours.
    let told = |more: &str| {
        let config = Config::parse(&format!("{text}{more}"), "fetch.toml").unwrap();
        let mut problems = Vec::new();
        config.check_fetches(&mut problems);
        problems.iter().map(|problem| problem.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told("").len(), 3, "{:?}", told(""));
    let half = told("[local]\ndomains = [\"a.example\"]\n");
    assert_eq!(half, ["mail for b.example would be fetched, and refused here"]);
    let all = "[relay]\ndomains = [\"a.example\"]\n[virtual.\"b.example\"]\nusers = [\"ann\"]\n";
    assert!(told(all).is_empty(), "{:?}", told(all));
}

#[test]
fn smarthosts() {
    let read = |text: &str| Config::parse(text, "postrider.toml");
    let config = read(
        "[smarthost.\"Mail.example.net\"]\nlogin = \"ann\"\nsecret-file = \"/s\"\nmechanisms = \
         [\"plain\"]\n[smarthost.\"[192.0.2.1]\"]\nallow-clear = true\n",
    );
    let config = config.unwrap();
    let hosts: Vec<String> = config.smarthosts.iter().map(|one| one.host.to_string()).collect();
    assert_eq!(hosts, ["mail.example.net", "[192.0.2.1]"]);
    assert_eq!(config.smarthosts[0].login, "ann");
    assert!(!config.smarthosts[0].allow_clear && config.smarthosts[1].allow_clear);
    for (text, told) in [
        ("[smarthost.\"a b\"]\nlogin = \"x\"\n", "is no host"),
        ("[smarthost.\"a.example:587\"]\nlogin = \"x\"\n", "is no host"),
        ("[smarthost.\"a.example\"]\nsecret-file = \"x\"\n", "has no login"),
        ("[smarthost.\"a.example\"]\nlogin = \"x\"\nmechanisms = [\"CRAM-MD5\"]\n", "mechanisms"),
        ("[smarthost.\"a.example\"]\nlogin = \"x\"\nsecret = \"open sesame\"\n", "secret"),
        ("[smarthost.\"a.example\"]\npassword = \"x\"\n", "password"),
    ] {
        let problems = read(text).expect_err(text);
        let shown = render(&problems, false);
        assert!(shown.contains(told), "{text}: {shown}");
    }
}

/// The name that we greet with is ASCII on the wire; one in letters beyond it is written as A-labels.
///
/// Register: 6531-3.7.1-a, 6531-3.7.1-b.
#[test]
fn a_name_beyond_ascii() {
    let told = |name: &str| {
        let config = Config::parse(&format!("hostname = \"{name}\"\n"), "x.toml");
        config.map(|config| config.hostname.to_string()).map_err(|problems| problems.len())
    };
    assert_eq!(told("mail.xn--bcher-kva.example").as_deref(), Ok("mail.xn--bcher-kva.example"));
    assert_eq!(told("mail.b\u{fc}cher.example"), Err(1));
}

/// Domains in the letters of any language, in either form. Register: 6531-3.2-b.
#[test]
fn domains_beyond_ascii() {
    let text = "[local]\ndomains = [\"bücher.example\"]\nusers = [\"josé\"]\n[relay]\ndomains = [\"xn--bro-hoa.example\"]\n\
                [route]\n\"例え.example\" = \"smtp:[192.0.2.1]\"\n";
    let config = parse(text).unwrap();
    assert_eq!(config.local.domains[0].value.ascii(), "xn--bcher-kva.example");
    assert_eq!(config.relay.domains[0].value.unicode(), "büro.example");
    let wrong = parse("[local]\ndomains = [\"bü cher.example\"]\n").unwrap_err();
    assert_eq!(wrong.len(), 1);
}

/// Aliases, commands and virtual domains, from the file to the decision.
#[test]
fn addresses() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("aliases"), "staff: ann, bob\ntool: \"|/bin/true -x\"\n")
        .unwrap();
    std::fs::write(dir.path().join("names"), "x ann\n").unwrap();
    std::fs::write(dir.path().join("eves"), "eve\n").unwrap();
    let file = dir.path().join("postrider.toml");
    let text = "hostname = \"home.example\"\n[local]\nusers = [\"ann\", \"bob\"]\n\
                aliases = [\"aliases\", \"table:names\"]\nforward = \"{home}/.forward\"\n\
                commands = [\"aliases\", \"forward:Ann\"]\nfiles = \"forward\"\ncommand-user = \"daemon\"\n\
                tag-separator = \"-\"\nroles = [\"Abuse\"]\n\
                [table.names]\ntype = \"file\"\npath = \"names\"\n\
                [alias]\nboss = \"ann\"\nboth = [\"ann\", \"bob\"]\n\
                [virtual.\"v.example\"]\nusers = \"eves\"\n\
                mailbox = \"maildir:{data-dir}/v/{domain}/{user}\"\ntables = \"names\"\n\
                [virtual.\"v.example\".addresses]\ninfo = \"eve\"\n\"Sales@V.example\" = \"bob\"\n\"@\" = \"eve\"\n";
    let config = Config::parse(text, file.to_str().unwrap()).unwrap();
    let options = crate::plan::options(&config).unwrap();
    let access = &options.access;
    let names: Vec<String> = access.aliases.iter().map(|alias| alias.name.to_string()).collect();
    assert_eq!(names, ["boss", "both", "staff", "tool"]);
    let tool = access.aliases.find(&"tool".parse().unwrap()).unwrap();
    assert_eq!(tool.members[0].member.to_string(), "the command /bin/true -x as daemon");
    assert_eq!((access.tag, access.alias_tables.len()), (Some('-'), 1));
    assert!(access.is_role(&"ABUSE".parse().unwrap()));
    let rules = access.forwarding.as_ref().unwrap();
    assert!(rules.commands.has("ann") && !rules.commands.has("bob") && rules.files.has("bob"));
    let (_, own) = access.virtual_of(&"V.Example".parse().unwrap()).unwrap();
    let names: Vec<String> = own.addresses.iter().map(|alias| alias.name.to_string()).collect();
    assert_eq!(names, ["info", "Sales"]);
    assert!(own.catch_all.is_some() && own.tables.len() == 1);
    assert_eq!(own.source.as_ref().unwrap().line, 17);
    let templates = crate::plan::templates(&config);
    let path = templates.virtuals.values().next().unwrap().path_of("eve").unwrap();
    assert!(path.ends_with("v/v.example/eve"), "{}", path.display());
    let found = aliases::check(&config);
    assert_eq!((found.files.len(), found.files[0].1, found.problems.len()), (1, 2, 0));
}

#[test]
fn addresses_that_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("aliases"), "tool: |/bin/true\nbad: a b\nok: ann\n").unwrap();
    let file = dir.path().join("postrider.toml");
    let read = |text: &str| Config::parse(text, file.to_str().unwrap());
    let rows = [
        ("[local]\naliases = \"table:none\"", ":2:11: there is no table \"none\""),
        (
            "[local]\nforward = \"/home/.forward\"",
            ":2:11: `local.forward` has a value it cannot have",
        ),
        ("[local]\ncommands = \"all\"", ":2:12: `local.commands` has a value it cannot have"),
        (
            "[local]\ncommand-user = \"root\"",
            ":2:16: `local.command-user` has a value it cannot have",
        ),
        (
            "[local]\ntag-separator = \"@\"",
            ":2:17: `local.tag-separator` has a value it cannot have",
        ),
        ("[virtual.\"a b\"]", "\"a b\" is not a domain"),
        (
            "[local]\ndomains = [\"a.example\"]\n[virtual.\"A.example\"]\nusers = []",
            "the virtual domain A.example is one of local.domains",
        ),
        (
            "[virtual.\"a.example\"]\nmailbox = \"maildir:/x\"",
            "names no mailbox: the path has no {user}",
        ),
        ("[virtual.\"a.example\"]\nusers = \"system\"", "has a value it cannot have"),
    ];
    for (text, want) in rows {
        let problems = read(text).expect_err(text);
        assert!(problems[0].to_string().contains(want), "{text}: {}", problems[0]);
    }
    let rows = [
        (
            "[local]\naliases = \"aliases\"",
            "aliases:1: \"|/bin/true\" is a command, and aliases may not have",
        ),
        (
            "[alias]\na = \"|/bin/true\"",
            ":2:5: \"|/bin/true\" is a command, and aliases may not have",
        ),
        ("[alias]\na = \"a b\"", ":2:5: \"a b\" is no address"),
        (
            "[virtual.\"a.example\".addresses]\na = \"/etc/x\"",
            "\"/etc/x\" is a file, and aliases may not",
        ),
    ];
    for (text, want) in rows {
        let problems = aliases::read(&read(text).expect(text)).expect_err(text);
        assert!(problems[0].to_string().contains(want), "{text}: {}", problems[0]);
    }
    let found = aliases::check(&read("[local]\naliases = \"aliases\"").unwrap());
    assert_eq!((found.files[0].1, found.problems.len()), (1, 2));
}
