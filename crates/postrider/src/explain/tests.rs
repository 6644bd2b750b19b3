use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mail::lookup::Record;
use sim::names::Zone;
use sim::world::Chance;

use super::*;
use crate::config::{Surroundings, render};
use crate::rehearsal;

const CONFIG: &str = "hostname = \"mx.example.net\"
[local]
domains = [\"example.net\"]
users = [\"ann\", \"bob\"]
aliases = \"aliases\"
[relay]
networks = [\"10.0.0.0/8\"]
domains = [\"backup.example\"]
[route]
\"hub.example\" = \"smtp:[gate.hub.example]:587\"
[smarthost.\"gate.hub.example\"]
login = \"us\"
secret-file = \"secret\"
[dns]
dnssec = \"off\"
[queue]
retry = [\"10m\", \"1h\"]
expire = \"3h\"
[canonical.addresses]
\"old@example.net\" = \"ann@example.net\"
\"@old.example\" = \"@example.net\"
[copy.recipient]
\"ann@example.net\" = \"keep@far.example\"
[srs]
secret-file = \"srs\"
[route.recipient]
\"gone@example.net\" = \"error:5.1.6 She has moved\"
";

fn zone() -> Zone {
    let zone = Zone::new(Chance::new(1));
    for (name, record) in [
        ("far.example", Record::Mx(20, "mx2.far.example".into())),
        ("far.example", Record::Mx(10, "mx1.far.example".into())),
        ("mx1.far.example", Record::A([198, 51, 100, 1].into())),
        ("mx2.far.example", Record::A([198, 51, 100, 2].into())),
        ("gate.hub.example", Record::A([198, 51, 100, 9].into())),
        ("backup.example", Record::Mx(10, "mx.example.net".into())),
        ("null.example", Record::Mx(0, String::new())),
    ] {
        zone.add(name, record);
    }
    zone.darken("dark.example");
    zone
}

/// The explanation as text and as JSON.
fn explained(folder: &Path, from: &str, to: &str, client: &str, login: &str) -> (String, Value) {
    let surroundings = Surroundings {
        hostname: "mx.example.net".parse().unwrap(),
        user: "ann".into(),
        directory: folder.to_path_buf(),
    };
    let file = folder.join("p.toml");
    let config = Config::parse_in(CONFIG, file.to_str().unwrap(), &surroundings);
    let config = config.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let inquiry = Inquiry {
        from: format!("<{from}>").parse().unwrap(),
        to: format!("<{to}>").parse().unwrap(),
        client: client.parse().ok(),
        identity: (!login.is_empty()).then(|| rehearsal::identity(&config, login)),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let told = runtime.block_on(async {
        let options = plan::options(&config).unwrap();
        let doors = Doors::to_ask(&config).unwrap();
        let mut world = doors.asking(Arc::new(Model::new()));
        world.names = Arc::new(zone());
        Engine::new(options, world).explain(&inquiry).await
    });
    let place = format!("{}/", folder.display());
    let text = text(&config, &inquiry, &told).replace(&place, "");
    (text, json(&inquiry, &told))
}

/// Each row: from, to, client, login, and lines that stand in the explanation in this order.
#[test]
fn every_step_and_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("aliases"), "# ours\nstaff: ann, y@far.example\n").unwrap();
    let secret = folder.path().join("srs");
    std::fs::write(&secret, "a secret of enough characters\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let rows: &[(&str, &str, &str, &str, &[&str])] = &[
        (
            "x@far.example",
            "gone@example.net",
            "203.0.113.7",
            "",
            &[
                "RCPT       refused with 550 5.1.6 She has moved",
                "since the route of the recipient gone@example.net: error:5.1.6 She has moved (p.toml:27)",
                "so it goes no further",
            ],
        ),
        (
            "x@old.example",
            "old@example.net",
            "10.1.2.3",
            "",
            &[
                "RCPT       accepted",
                "rewritten  x@old.example becomes x@example.net: the canonical form of @old.example (p.toml:21)",
                "rewritten  old@example.net becomes ann@example.net: the canonical form of old@example.net (p.toml:20)",
                "copies     <keep@far.example>  a copy of what ann@example.net gets (p.toml:23)",
                "<ann@example.net>, from <x@example.net>",
                "<keep@far.example>, from <>",
                "nobody is told of a delay",
                "given up after 3h (p.toml:18)",
            ],
        ),
        (
            "x@away.example",
            "staff@example.net",
            "203.0.113.7",
            "",
            &["<y@far.example>, from <SRS0=", "sender     "],
        ),
        (
            "x@far.example",
            "ann@example.net",
            "203.0.113.7",
            "",
            &[
                "another host at 203.0.113.7",
                "MAIL       accepted",
                "RCPT       accepted",
                "route      local: example.net is a local domain",
                "mailbox    of ann, ",
                "mail/ann",
            ],
        ),
        (
            "x@far.example",
            "eve@example.net",
            "203.0.113.7",
            "",
            &[
                "RCPT       refused with 550 5.1.1",
                "since example.net is local and has no mailbox eve",
                "so it goes no further",
            ],
        ),
        (
            "x@a.example",
            "y@far.example",
            "203.0.113.7",
            "",
            &["refused with 550 5.7.1", "is not ours"],
        ),
        (
            "ann@example.net",
            "y@far.example",
            "10.0.0.7",
            "",
            &[
                "the client is in relay.networks",
                "route      mx:far.example: the default route",
                "host       mx1.far.example preference 10, port 25: 198.51.100.1",
                "TLS",
                "host       mx2.far.example preference 20, port 25: 198.51.100.2",
                "limits     at most ",
                "schedule   tried at once; after failures at 10m, 1h 10m, then every 1h",
                "(p.toml:17)",
                "given up after 3h (p.toml:18)",
            ],
        ),
        (
            "x@far.example",
            "staff@example.net",
            "203.0.113.7",
            "",
            &[
                "expansion  <staff@example.net>",
                "aliases:2",
                "<ann@example.net>",
                "<y@far.example>",
                "<ann@example.net>, from",
                "route      local",
                "<y@far.example>, from",
                "route      mx:far.example",
            ],
        ),
        (
            "ann@example.net",
            "z@hub.example",
            "",
            "ann",
            &[
                "ann, logged in",
                "ann may send anywhere",
                "smtp:[gate.hub.example]:587",
                "p.toml:10",
                "198.51.100.9",
                "login      as \"us\" with the password in secret",
                "verified host only",
                "p.toml:11",
            ],
        ),
        ("bob@example.net", "z@hub.example", "", "ann", &["MAIL       refused with 550 5.7.1"]),
        ("", "y@null.example", "10.0.0.7", "", &["no host", "it goes back at once"]),
        (
            "a@example.net",
            "y@dark.example",
            "10.0.0.7",
            "",
            &["no host", "do not answer", "it waits"],
        ),
        (
            "a@example.net",
            "y@gone.example",
            "10.0.0.7",
            "",
            &["no host", "it goes back at once (5.1.2)"],
        ),
        (
            "a@example.net",
            "y@backup.example",
            "203.0.113.7",
            "",
            &["relay.domains (p.toml:8)", "no host"],
        ),
    ];
    for (from, to, client, login, lines) in rows {
        let (text, json) = explained(folder.path(), from, to, client, login);
        let mut rest = text.as_str();
        for line in *lines {
            let found = rest.find(line);
            let Some(at) = found else { panic!("{to}: no {line:?}, in this order, in\n{text}") };
            rest = &rest[at..];
        }
        assert_eq!(json["to"], format!("<{to}>"));
        let taken = json["recipient"]["accepted"] == true && json["sender"]["accepted"] == true;
        assert_eq!(!json["ends"].as_array().unwrap().is_empty(), taken, "{json:#}");
    }
}
