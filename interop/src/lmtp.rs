//! Ours as the mail store behind another server: a Postfix that hands over by LMTP, and tells senders
//! what became of each recipient.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bench::postfix::Postfix;
use bench::server::{Plan, Running, Starter, free_address, tail};
use toml::{Table, Value};

use crate::checks::{Checks, that};
use crate::host::{DOMAIN, Host, READER};
use crate::mailbox::{Found, await_letter, letters};
use crate::talk::{Talk, wanted};

/// Until a letter must have arrived.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who has a mailbox besides the reader.
const OTHER: &str = "other";

/// A Postfix whose every letter goes by LMTP to its next hop.
struct Hub(Postfix);

impl Starter for Hub {
    fn name(&self) -> &str {
        "postfix"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let command = self.0.prepare(plan)?;
        let add = |file: &str, text: String| {
            let path = plan.folder.join("etc").join(file);
            OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
        };
        let (hop, port) = (plan.next_hop.ip(), plan.next_hop.port());
        let way = format!("relayhost =\ndefault_transport = lmtp:inet:[{hop}]:{port}\n");
        // Reports and failures are to be seen at once.
        let flush = format!("fast_flush_domains = {DOMAIN}\n");
        add("main.cf", format!("{way}{flush}lmtp_destination_concurrency_limit = 2\n"))?;
        add("master.cf", "lmtp unix - - n - - lmtp\n".to_owned())?;
        Ok(command)
    }
}

/// Plays it.
///
/// # Errors
/// A server does not start.
pub fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    println!("a Postfix before ours, over LMTP");
    let Some(root) = Postfix::find(peers) else {
        checks.missing("postfix", skip_missing, "run interop/install.sh");
        return Ok(());
    };
    let folder = folder.join("lmtp");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let place = free_address()?;
    let mut listener = Table::new();
    listener.insert("address".into(), place.to_string().into());
    listener.insert("kind".into(), "lmtp".into());
    let options = [("listen", "lmtp", Value::Table(listener))];
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let users = ["reader", OTHER];
    let host = Host::start(program, &folder.join("host"), nowhere, &users, &options)?;
    let hub =
        Hub(Postfix { root, hostname: "hub.example".to_owned(), local: None, certificate: None });
    let plan = Plan {
        folder: folder.join("hub"),
        listen: free_address()?,
        next_hop: place,
        paused: false,
        connections: 20,
        traced: false,
    };
    let running = Running::start(&hub, &plan)?;
    let failed = checks.failed();
    checks.check("both recipients of a letter have it", both(&host, plan.listen));
    checks.check("an unknown recipient comes back alone", unknown(&host, plan.listen));
    checks.check("a letter of 300 KB arrives octet by octet", large(&host, plan.listen));
    checks.check("twenty letters at once", many(&host, plan.listen));
    checks.check("`postrider etrn` starts its queue", started(program, &host, plan.listen));
    if checks.failed() > failed {
        let log = tail(&plan.folder.join("mail.log"));
        println!("--- ours\n{}\n--- postfix\n{log}", host.log());
    }
    running.stop().map(|_| ())
}

/// Hands in a letter at the hub.
fn hand_in(hub: SocketAddr, to: &[&str], subject: &str, body: &str) -> Result<(), String> {
    let said = || -> io::Result<()> {
        let mut talk = Talk::open(hub)?;
        talk.must(&format!("MAIL FROM:<{READER}>"), "250")?;
        for user in to {
            talk.must(&format!("RCPT TO:<{user}@{DOMAIN}>"), "250")?;
        }
        talk.must("DATA", "354")?;
        let body = body.replace('\n', "\r\n");
        wanted(&talk.ask(&format!("Subject: {subject}\r\n\r\n{body}."))?, "250")?;
        talk.must("QUIT", "221").map(drop)
    };
    said().map_err(|error| error.to_string())
}

/// `user` has the letter, once, with this body, by LMTP.
fn has(host: &Host, user: &str, subject: &str, body: &str) -> Result<(), String> {
    let ours = |found: &Found| found.values("Subject") == [subject];
    let folder = host.maildir(user);
    let letter = await_letter(&folder, PATIENCE, ours)
        .ok_or_else(|| format!("{user} never got {subject:?}"))?;
    that(letter.body == body.as_bytes(), || format!("{} differs", letter.path.display()))?;
    let first = letter.values("Received").first().map(|value| (*value).to_owned());
    let by_lmtp = first.as_deref().is_some_and(|value| value.contains("with LMTP"));
    that(by_lmtp, || format!("Received: {first:?}"))?;
    let count = letters(&folder).iter().filter(|found| ours(found)).count();
    that(count == 1, || format!("{user} has it {count} times"))
}

fn both(host: &Host, hub: SocketAddr) -> Result<(), String> {
    let body = "Hello,\n.dots\n..\n";
    hand_in(hub, &["reader", OTHER], "both", &body.replace("\n.", "\n.."))?;
    has(host, "reader", "both", body)?;
    has(host, OTHER, "both", body)
}

/// Register: 2033-4.2-b.
fn unknown(host: &Host, hub: SocketAddr) -> Result<(), String> {
    let (subject, body) = ("partly", "One of you is not there.\n");
    hand_in(hub, &["reader", "missing", OTHER], subject, body)?;
    has(host, "reader", subject, body)?;
    has(host, OTHER, subject, body)?;
    let about = format!("missing@{DOMAIN}");
    let report = |found: &Found| {
        let text = String::from_utf8_lossy(&found.body);
        text.contains(&format!("Final-Recipient: rfc822; {about}"))
            && text.contains("Status: 5.1.1")
            && !text.contains(&format!("Final-Recipient: rfc822; {OTHER}@"))
    };
    await_letter(&host.maildir("reader"), PATIENCE, report)
        .map(drop)
        .ok_or_else(|| format!("no report about {about} alone"))
}

fn large(host: &Host, hub: SocketAddr) -> Result<(), String> {
    let body = "seventy octets of text that is as good as any other text of that length\n";
    let body = body.repeat(300_000 / body.len());
    hand_in(hub, &["reader"], "large", &body)?;
    has(host, "reader", "large", &body)
}

/// Postfix as the host that keeps mail: for a domain of ours, and for one that it keeps none of.
///
/// Register: 1985-5.2-b.
fn started(program: &Path, host: &Host, hub: SocketAddr) -> Result<(), String> {
    let rows = [(DOMAIN, Some(0), "250 Queuing started"), ("far.example", Some(69), "459 ")];
    for (domain, code, reply) in rows {
        let mut command = Command::new(program);
        command.args(["etrn", &hub.to_string(), domain]);
        let output = command.env("POSTRIDER_CONFIG", host.config_file()).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        that(output.status.code() == code && said.contains(reply), || said)?;
    }
    Ok(())
}

fn many(host: &Host, hub: SocketAddr) -> Result<(), String> {
    let subjects: Vec<String> = (0..20).map(|number| format!("many {number}")).collect();
    for subject in &subjects {
        hand_in(hub, &["reader", OTHER], subject, "x\n")?;
    }
    for subject in &subjects {
        has(host, "reader", subject, "x\n")?;
        has(host, OTHER, subject, "x\n")?;
    }
    Ok(())
}
