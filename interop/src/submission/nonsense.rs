//! Logins that are none: each gets its reply, and the next one is heard.

use std::io;
use std::process::Command;

use super::{LOGIN, PASSWORD, Places};
use crate::checks::{Checks, that};
use crate::host::Host;
use crate::talk::{Talk, wanted};

/// What is said, and how the reply begins.
const LINES: &[(&str, &[(&str, &str)])] = &[
    ("no base64", &[("AUTH SCRAM-SHA-256 !!!!", "501 5.5.2")]),
    ("padding in the midst", &[("AUTH SCRAM-SHA-256 AAA=BBB=", "501 5.5.2")]),
    ("blanks", &[("AUTH SCRAM-SHA-256 AAAA AAAA", "501")]),
    ("NULs", &[("AUTH SCRAM-SHA-256 AAAAAAAA", "501 5.5.2")]),
    ("no mechanism", &[("AUTH", "501")]),
    ("another mechanism", &[("AUTH CRAM-MD5", "504 5.5.4")]),
    ("a password in clear", &[("AUTH PLAIN AHJlYWRlcgB4", "504 5.5.4")]),
    ("cancelled at once", &[("AUTH SCRAM-SHA-256", "334"), ("*", "501 5.7.0")]),
    (
        "cancelled after the challenge",
        // n,,n=reader,r=abc
        &[("AUTH SCRAM-SHA-256 biwsbj1yZWFkZXIscj1hYmM=", "334"), ("*", "501 5.7.0")],
    ),
    (
        "a proof that is none",
        // c=biws,r=abc,p=AAAA
        &[
            ("AUTH SCRAM-SHA-256 biwsbj1yZWFkZXIscj1hYmM=", "334"),
            ("Yz1iaXdzLHI9YWJjLHA9QUFBQQ==", "501 5.5.2"),
        ],
    ),
    ("a mandatory extension", &[("AUTH SCRAM-SHA-256 biwsbT14LG49cmVhZGVyLHI9YWJj", "501 5.5.2")]),
    ("binding without TLS", &[("AUTH SCRAM-SHA-256-PLUS", "504 5.5.4")]),
];

/// Within TLS: a client that could bind, was shown no offer to, and says so.
const DOWNGRADED: &str = r#"
import base64, smtplib, ssl, sys
port, authority, login, password = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
server = smtplib.SMTP_SSL("localhost", int(port), context=context)
server.ehlo()
mechanisms = server.esmtp_features["auth"].split()
assert "SCRAM-SHA-256-PLUS" in mechanisms, mechanisms
first = base64.b64encode(f"y,,n={login},r=abcdef".encode()).decode()
code, text = server.docmd("AUTH", "SCRAM-SHA-256 " + first)
assert code == 535, (code, text)
first = base64.b64encode(f"p=tls-unique,,n={login},r=abcdef".encode()).decode()
code, text = server.docmd("AUTH", "SCRAM-SHA-256-PLUS " + first)
assert code == 535, (code, text)
server.login(login, password)
server.quit()
"#;

pub(super) fn play(checks: &mut Checks, host: &Host, places: &Places) {
    for (name, lines) in LINES {
        checks.check(&format!("login: {name}"), text(say(places, lines)));
    }
    checks.check("login: a line of 1 MB", text(long_line(host, places)));
    checks.check("login: a response of 1 MB", text(long_response(places)));
    let port = places.implicit.port().to_string();
    let mut python = Command::new("python3");
    python.args(["-c", DOWNGRADED, &port]).arg(&places.authority).args([LOGIN, PASSWORD]);
    let downgraded = match python.output() {
        Ok(output) => {
            that(output.status.success(), || String::from_utf8_lossy(&output.stderr).into_owned())
        }
        // Without Python nobody plays the man between.
        Err(_) => Ok(()),
    };
    checks.check("login: a list of mechanisms that was made shorter", downgraded);
}

fn text(outcome: io::Result<()>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

/// The dialogue, and then another login in the same session.
fn say(places: &Places, lines: &[(&str, &str)]) -> io::Result<()> {
    let mut talk = Talk::open(places.starttls)?;
    for (line, reply) in lines {
        talk.must(line, reply)?;
    }
    talk.must("AUTH SCRAM-SHA-256", "334")?;
    talk.must("*", "501")?;
    talk.must("QUIT", "221")?;
    Ok(())
}

fn long_line(host: &Host, places: &Places) -> io::Result<()> {
    host.forget_peak();
    // What checks of passwords keep is there already.
    let before = host.growth_kib();
    let mut talk = Talk::open(places.starttls)?;
    let line = format!("AUTH SCRAM-SHA-256 {}", "A".repeat(1 << 20));
    wanted(&talk.ask(&line)?, "500")?;
    let growth = host.growth_kib().saturating_sub(before);
    if growth > 8 * 1024 {
        return Err(io::Error::other(format!("{growth} KiB of memory")));
    }
    Ok(())
}

fn long_response(places: &Places) -> io::Result<()> {
    let mut talk = Talk::open(places.starttls)?;
    talk.must("AUTH SCRAM-SHA-256", "334")?;
    wanted(&talk.ask(&"A".repeat(1 << 20))?, "500 5.5.6")
}
