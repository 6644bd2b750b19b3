//! Two servers of different make, and letters in both directions.
//!
//! Each party takes mail for one domain and sends all other mail to its partner. Letters are handed
//! to one by SMTP and must lie in a Maildir of the other as they were written.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::client::Client;
use bench::postfix::{Certificate, Postfix};
use bench::server::{Plan, Running, Starter, tail};

use crate::certificates::Authority;
use crate::checks::{Checks, that};
use crate::exim::Exim;
use crate::mailbox::{Found, await_letter, letters};
use crate::opensmtpd::Opensmtpd;
use crate::postrider::{Postrider, local, set};

/// All of them listen here.
const PORT: u16 = 2525;
/// Until a letter must have arrived.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who has a mailbox, at each party.
const USERS: [&str; 2] = ["ann", "bob"];

/// A kind of server that can be a party.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Ours.
    Postrider,
    /// From Debian.
    Postfix,
    /// From Debian.
    Exim,
    /// From Debian.
    Opensmtpd,
}

/// How the parties talk to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// Without TLS.
    Clear,
    /// With STARTTLS, or not at all.
    Secured,
}

impl Kind {
    fn domain(self) -> &'static str {
        match self {
            Self::Postrider => "postrider.example",
            Self::Postfix => "postfix.example",
            Self::Exim => "exim.example",
            Self::Opensmtpd => "opensmtpd.example",
        }
    }

    fn address(self) -> SocketAddr {
        let last = match self {
            Self::Postrider => 1,
            Self::Postfix => 2,
            Self::Exim => 3,
            Self::Opensmtpd => 4,
        };
        SocketAddr::from((Ipv4Addr::new(127, 0, 11, last), PORT))
    }

    /// Whether its handshakes as a server succeed. Those of Debian 12's OpenSMTPD do not, with any
    /// client, since its OpenSSL is of version 3: there mail must arrive in the clear.
    fn can_be_secured(self) -> bool {
        self != Self::Opensmtpd
    }

    /// `None`: it is not there.
    fn starter(
        self,
        program: &Path,
        peers: &Path,
        certificate: Option<Certificate>,
    ) -> Option<Box<dyn Starter>> {
        let users = USERS.map(str::to_owned).to_vec();
        let domain = self.domain().to_owned();
        match self {
            Self::Postrider => program
                .exists()
                .then(|| Box::new(local(program, &domain, &USERS)) as Box<dyn Starter>),
            Self::Postfix => {
                let root = Postfix::find(peers)?;
                let hostname = format!("mx.{domain}");
                let local = Some((domain, users));
                Some(Box::new(Postfix { root, hostname, local, certificate }))
            }
            Self::Exim => {
                let root = Exim::find(peers)?;
                Some(Box::new(Exim { root, domain, users, certificate }))
            }
            Self::Opensmtpd => {
                let root = Opensmtpd::find(peers)?;
                Some(Box::new(Opensmtpd { root, domain, users, certificate }))
            }
        }
    }
}

struct Party {
    kind: Kind,
    folder: PathBuf,
    running: Running,
}

impl Party {
    fn start(
        starter: &mut dyn Starter,
        kind: Kind,
        partner: Kind,
        folder: &Path,
    ) -> io::Result<Self> {
        let folder = folder.join(kind.domain());
        let plan = Plan {
            folder: folder.clone(),
            listen: kind.address(),
            next_hop: partner.address(),
            paused: false,
            connections: 10,
            traced: false,
        };
        Ok(Self { kind, folder, running: Running::start(starter, &plan)? })
    }

    fn maildir(&self, user: &str) -> PathBuf {
        match self.kind {
            Kind::Postrider => Postrider::maildir(&self.folder, user),
            Kind::Postfix | Kind::Exim | Kind::Opensmtpd => self.folder.join("mail").join(user),
        }
    }

    /// What its mailboxes show for a null reverse-path: OpenSMTPD shows nothing.
    fn null_return_path(&self) -> Vec<&'static str> {
        if self.kind == Kind::Opensmtpd { Vec::new() } else { vec!["<>"] }
    }

    fn mailbox(&self, user: &str) -> String {
        format!("{user}@{}", self.kind.domain())
    }
}

/// A letter of the trial.
struct Letter {
    name: &'static str,
    /// After the reverse-path of `MAIL`.
    parameters: &'static str,
    /// True: its reverse-path is null.
    null: bool,
    recipients: &'static [&'static str],
    /// Lines end with LF here, with CR LF on the wire.
    body: fn() -> String,
}

const LETTERS: &[Letter] = &[
    Letter {
        name: "plain",
        parameters: "",
        null: false,
        recipients: &["ann"],
        body: || "Hello,\nthis is a letter.\n".into(),
    },
    Letter {
        name: "two recipients",
        parameters: "",
        null: false,
        recipients: &["ann", "bob"],
        body: || "To both of you.\n".into(),
    },
    Letter {
        name: "dots",
        parameters: "",
        null: false,
        recipients: &["bob"],
        body: || ".\n..\n.a\na.\n \n.\n\n. \nend\n".into(),
    },
    Letter {
        name: "empty lines and a From line",
        parameters: "",
        null: false,
        recipients: &["ann"],
        body: || "\n\nFrom here on\n>From there\n\n\n".into(),
    },
    Letter {
        name: "8-bit",
        parameters: "BODY=8BITMIME",
        null: false,
        recipients: &["ann"],
        body: || "Grüße aus Zürich, 東京, Ωμέγα\n".into(),
    },
    Letter {
        name: "longest lines",
        parameters: "",
        null: false,
        recipients: &["ann"],
        body: || format!("{}\n.{}\n", "x".repeat(998), "y".repeat(997)),
    },
    Letter {
        name: "null reverse-path",
        parameters: "",
        null: true,
        recipients: &["ann"],
        body: || "A report, say.\n".into(),
    },
    Letter {
        name: "two megabytes",
        parameters: "SIZE=2200000",
        null: false,
        recipients: &["bob"],
        body: || {
            let line = |number| format!("{number:08} {}\n", "abcdefghij".repeat(6));
            (0..30_000).map(line).collect()
        },
    },
];

/// Plays both directions between `one` and `other`.
pub fn play(
    checks: &mut Checks,
    kinds: (Kind, Kind),
    way: Way,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    let (one, other) = kinds;
    println!("{} and {}, {way:?}", one.domain(), other.domain());
    let name = format!("{one:?}-{other:?}-{way:?}").to_lowercase();
    let folder = folder.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let authority = Authority::new(&folder.join("certificates"))?;
    let certificate = |kind: Kind| match way {
        Way::Clear => Ok(None),
        Way::Secured => authority.signs(&[kind.domain()]).map(Some),
    };
    let certificates = (certificate(one)?, certificate(other)?);
    let starters = (
        one.starter(program, peers, certificates.0.clone()),
        other.starter(program, peers, certificates.1.clone()),
    );
    let (Some(first), Some(second)) = starters else {
        let remedy = "run interop/install.sh, cargo build --release -p postrider";
        checks.missing(&format!("{one:?} or {other:?}"), skip_missing, remedy);
        return Ok(());
    };
    let mut first = routed(first, one, other, program, certificates.0);
    let mut second = routed(second, other, one, program, certificates.1);
    let one = Party::start(first.as_mut(), one, other, &folder)?;
    let other = Party::start(second.as_mut(), other, one.kind, &folder)?;
    let failed = checks.failed();
    for (from, to) in [(&one, &other), (&other, &one)] {
        for letter in LETTERS {
            let name = format!("{:?} to {:?}: {}", from.kind, to.kind, letter.name);
            checks.check(&name, deliver(from, to, letter, way));
        }
        let name = format!("{:?} to {:?}: nobody, and back", from.kind, to.kind);
        checks.check(&name, comes_back(from, to));
    }
    if checks.failed() > failed {
        for party in [&one, &other] {
            for log in ["stderr.log", "stdout.log", "mail.log", "mainlog"] {
                println!("--- {} {log}\n{}", party.kind.domain(), tail(&party.folder.join(log)));
            }
        }
    }
    for party in [one, other] {
        let name = format!("{:?} stops when asked", party.kind);
        checks.check(&name, party.running.stop().map(|_| ()).map_err(|error| error.to_string()));
    }
    Ok(())
}

/// Ours learns its way by the configuration; peers by the plan.
fn routed(
    starter: Box<dyn Starter>,
    kind: Kind,
    partner: Kind,
    program: &Path,
    certificate: Option<Certificate>,
) -> Box<dyn Starter> {
    if kind != Kind::Postrider {
        return starter;
    }
    let mut ours = local(program, kind.domain(), &USERS);
    let hop = partner.address();
    let route = format!("smtp:[{}]:{}", hop.ip(), hop.port());
    set(&mut ours.config, "route", "default", route.into());
    if let Some(Certificate { chain, key }) = certificate {
        set(&mut ours.config, "tls", "certificate", chain.display().to_string().into());
        set(&mut ours.config, "tls", "key", key.display().to_string().into());
        if partner.can_be_secured() {
            set(&mut ours.config, "outbound", "tls", "required".into());
        }
    }
    Box::new(ours)
}

/// Hands `letter` to `from` and finds it, unharmed, at `to`.
fn deliver(from: &Party, to: &Party, letter: &Letter, way: Way) -> Result<(), String> {
    let subject = format!("{} from {:?}", letter.name, from.kind);
    let sender = if letter.null { String::new() } else { from.mailbox("ann") };
    let recipients: Vec<_> = letter.recipients.iter().map(|user| to.mailbox(user)).collect();
    let body = (letter.body)();
    hand_in(from, &sender, letter.parameters, &recipients, &subject, &body)?;
    for user in letter.recipients {
        let folder = to.maildir(user);
        let ours = |found: &Found| found.values("Subject").contains(&subject.as_str());
        let found = await_letter(&folder, PATIENCE, ours)
            .ok_or_else(|| format!("nothing in {} after {PATIENCE:?}", folder.display()))?;
        unharmed(from, to, &found, &sender, body.as_bytes())?;
        let trace = found.values("Received").first().copied().unwrap_or_default().to_uppercase();
        let secured = trace.contains("WITH ESMTPS");
        let expected = way == Way::Secured && to.kind.can_be_secured();
        that(secured == expected, || format!("the last hop: {trace}"))?;
        let count = letters(&folder).iter().filter(|found| ours(found)).count();
        that(count == 1, || format!("{user} has it {count} times"))?;
    }
    Ok(())
}

fn unharmed(
    from: &Party,
    to: &Party,
    found: &Found,
    sender: &str,
    body: &[u8],
) -> Result<(), String> {
    that(found.body == body, || format!("body differs, see {}", found.path.display()))?;
    let path = format!("<{sender}>");
    let paths = found.values("Return-Path");
    let expected = if sender.is_empty() { to.null_return_path() } else { vec![path.as_str()] };
    that(paths == expected, || format!("Return-Path is {paths:?}, not {path}"))?;
    let hosts = found.received_by();
    let domains = [to.kind.domain(), from.kind.domain()];
    let signed = hosts.len() == 2 && hosts.iter().zip(domains).all(|(h, d)| h.ends_with(d));
    that(signed, || format!("Received by {hosts:?}, expected {domains:?}"))
}

/// A letter to nobody at `to` must come back to its author at `from` as a report.
fn comes_back(from: &Party, to: &Party) -> Result<(), String> {
    let (sender, nobody) = (from.mailbox("bob"), to.mailbox("missing"));
    let subject = format!("nobody by {:?}", from.kind);
    hand_in(from, &sender, "", std::slice::from_ref(&nobody), &subject, "Anyone?\n")?;
    let report = |found: &Found| {
        found.values("Return-Path") == from.null_return_path()
            && String::from_utf8_lossy(&found.body).contains(&nobody)
    };
    let found = await_letter(&from.maildir("bob"), PATIENCE, report)
        .ok_or_else(|| format!("no report in the mailbox of {sender}"))?;
    if from.kind == Kind::Opensmtpd {
        // Its reports are for people only.
        return Ok(());
    }
    let kind = found.values("Content-Type").join(" ");
    let body = String::from_utf8_lossy(&found.body);
    that(kind.contains("multipart/report"), || format!("it is {kind}"))?;
    that(body.contains("Action: failed"), || "it has no `Action: failed`".into())?;
    that(body.contains("Status: 5."), || "it has no `Status: 5.`".into())
}

fn hand_in(
    from: &Party,
    sender: &str,
    parameters: &str,
    recipients: &[String],
    subject: &str,
    body: &str,
) -> Result<(), String> {
    let head = format!(
        "From: <{}>\nTo: {}\nSubject: {subject}\nDate: Mon, 23 Nov 2026 12:00:00 +0000\n\
         Message-ID: <{}@interop.example>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
        from.mailbox("ann"),
        recipients.join(", "),
        subject.replace(' ', "."),
    );
    let content = format!("{head}{body}").replace('\n', "\r\n");
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let mut said = Vec::new();
    let outcome = Client::connect(from.kind.address()).and_then(|mut client| {
        client.command("EHLO client.interop.example", b'2')?;
        let sent = client
            .envelope(sender, parameters, &recipients)
            .and_then(|()| client.content(content.as_bytes()));
        said = client.dialogue().to_vec();
        sent?;
        client.command("QUIT", b'2')
    });
    outcome.map(|_| ()).map_err(|error| format!("{error}\n{}", said.join("\n")))
}
