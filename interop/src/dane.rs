//! What destinations publish about their transport, with real signed zones (Knot) and a real policy
//! host (OpenSSL): one of ours sends to another of ours, which shows one certificate to all.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench::server::{Plan, Running, free_address};
use toml::Value;

use crate::certificates::{Authority, Flaw};
use crate::checks::{Checks, that};
use crate::knot::{Knot, Signed, Zone};
use crate::mailbox::await_letter;
use crate::postrider::{self, Postrider, sendmail, set};
use crate::scan::{self, Tool};

/// Until a letter has arrived, or its record says why not.
const PATIENCE: Duration = Duration::from_secs(20);
/// The host that sends, the one that receives, and the one with the policies.
const SENDER: [u8; 4] = [127, 0, 0, 31];
const RECEIVER: [u8; 4] = [127, 0, 0, 32];
const POLICIES: [u8; 4] = [127, 0, 0, 33];
/// The name in the certificate that the receiver shows, whatever the domain.
const SHOWN: &str = "mx.authority.example";
/// The other name in it: the exchanger of the domains with policies, where nothing is signed.
const HOSTED: &str = "mx.hosted.example";

/// What becomes of a letter.
enum Fate {
    /// It arrives over TLS.
    Secured,
    /// It waits, and its record says this.
    Waits(&'static str),
}
use Fate::{Secured, Waits};

/// One domain: how it is signed, what it publishes beside its exchanger, and what becomes of mail.
struct Case {
    domain: &'static str,
    signed: Signed,
    /// `{at}` is where TLSA records stand, `{key}` the digest of the receiver's key, `{ca}` that of
    /// the authority's certificate, `{policies}` the address of the policy host.
    records: &'static str,
    fate: Fate,
}

const CASES: &[Case] = &[
    Case {
        domain: "good.example",
        signed: Signed::Nsec,
        records: "{at} TLSA 3 1 1 {key}",
        fate: Secured,
    },
    Case {
        domain: "good3.example",
        signed: Signed::Nsec3,
        records: "{at} TLSA 3 1 1 {key}",
        fate: Secured,
    },
    Case {
        domain: "wrong.example",
        signed: Signed::Nsec,
        records: "{at} TLSA 3 1 1 {other}",
        fate: Waits("DANE: the certificate must match 1 record of mx.wrong.example"),
    },
    Case { domain: "missing.example", signed: Signed::Nsec, records: "", fate: Secured },
    Case { domain: "missing3.example", signed: Signed::Nsec3, records: "", fate: Secured },
    Case {
        domain: "bogus.example",
        signed: Signed::WrongDs,
        records: "{at} TLSA 3 1 1 {key}",
        fate: Waits("DNSSEC: bogus"),
    },
    Case {
        domain: "plain.example",
        signed: Signed::No,
        records: "{at} TLSA 3 1 1 {other}",
        fate: Secured,
    },
    Case {
        domain: "authority.example",
        signed: Signed::Nsec,
        records: "{at} TLSA 2 0 1 {ca}",
        fate: Secured,
    },
    Case {
        domain: "name.example",
        signed: Signed::Nsec,
        records: "{at} TLSA 2 0 1 {ca}",
        fate: Waits("DANE: the certificate must match 1 record of mx.name.example"),
    },
    Case {
        domain: "useless.example",
        signed: Signed::Nsec,
        records: "{at} TLSA 1 1 1 {other}",
        fate: Secured,
    },
    Case {
        domain: "shared.example",
        signed: Signed::Nsec,
        records: "{at} CNAME tlsa\ntlsa TLSA 3 1 1 {key}",
        fate: Secured,
    },
    Case {
        domain: "any.example",
        signed: Signed::Nsec,
        records: "*._tcp.mx TLSA 3 1 1 {key}",
        fate: Secured,
    },
    Case {
        domain: "any3.example",
        signed: Signed::Nsec3,
        records: "*._tcp.mx TLSA 3 1 1 {other}",
        fate: Waits("DANE: the certificate must match 1 record of mx.any3.example"),
    },
    Case {
        domain: "branch.example",
        signed: Signed::Nsec,
        records: "old DNAME new\nmx.new A {receiver}\n_{port}._tcp.mx.new TLSA 3 1 1 {key}\n\
                  @ MX 5 mx.old",
        fate: Secured,
    },
];

/// The same for policies; the certificate is for [`HOSTED`] and trusted.
const POLICY_CASES: &[(&str, &str, &str, Fate)] = &[
    ("sts.example", "enforce", HOSTED, Secured),
    ("elsewhere.example", "enforce", "mx.other.example", Waits("does not name mx.hosted.example")),
    ("testing.example", "testing", "mx.other.example", Secured),
];

/// Domains that the operator wants verified, whose exchanger shows a certificate of its own, and what
/// is told. That mail goes to others with any certificate shows `missing.example`.
const VERIFIED: &[(&str, Option<Flaw>, Fate)] = &[
    ("verified.example", None, Secured),
    ("expired.example", Some(Flaw::Expired), Waits("certificate expired")),
    ("selfsigned.example", Some(Flaw::SelfSigned), Waits("The certificate is not accepted")),
    ("othername.example", Some(Flaw::OtherName), Waits("not valid for name")),
];

/// Sends to all of them.
///
/// # Errors
/// A host does not start.
pub fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    println!("transport policies: DANE by signed zones, MTA-STS");
    let (Some(knot), Some(openssl)) = (Knot::find(peers), scan::tool(peers, "openssl")) else {
        checks.missing("knot or openssl", skip_missing, "run interop/install.sh");
        return Ok(());
    };
    let folder = folder.join("dane");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let port = free_address()?.port();
    let authority = Authority::new(&folder.join("certificates"))?;
    let shown = authority.shows(&[SHOWN, HOSTED])?;
    let fill = |text: &str| {
        text.replace("{at}", &format!("_{port}._tcp.mx"))
            .replace("{port}", &port.to_string())
            .replace("{key}", &shown.key_digest)
            .replace("{other}", &"00".repeat(32))
            .replace("{ca}", &authority.digest())
            .replace("{receiver}", &IpAddr::from(RECEIVER).to_string())
    };
    let mut zones: Vec<Zone> = CASES.iter().map(|case| zone(case, &fill)).collect();
    let policy_zones = POLICY_CASES.iter().enumerate();
    zones.extend(
        policy_zones.map(|(number, (domain, ..))| policy_zone(domain, policy_host(number))),
    );
    let exchanger = format!("mx.hosted.example. A {}\n", IpAddr::from(RECEIVER));
    zones.extend(VERIFIED.iter().map(|(domain, ..)| verified_zone(domain)));
    zones.push(Zone { name: "hosted.example".into(), signed: Signed::No, records: exchanger });
    let names = free_address()?;
    let knot = Knot::start(&knot, &folder.join("knot"), names, &zones)?;
    let policies = PolicyHosts::start(&openssl, &folder.join("policies"), &authority)?;
    let receiver = receiver(program, &folder.join("receiver"), port, &shown.files, &authority)?;
    let sender = Sender::start(program, &folder.join("sender"), port, names, |config| {
        set(config, "dns", "trust-anchor", knot.anchor.display().to_string().into());
        set(config, "tls", "roots", authority.file().display().to_string().into());
        set(config, "outbound", "policy-port", i64::from(policies.port).into());
        for (domain, ..) in VERIFIED {
            set(config, "tls-policy", domain, "verify".into());
        }
    })?;
    let mailbox = Postrider::maildir(&folder.join("receiver"), "reader");
    let policy_cases = POLICY_CASES.iter().map(|(domain, _, _, fate)| (*domain, fate));
    let verified = VERIFIED.iter().map(|(domain, _, fate)| (*domain, fate));
    let cases = CASES.iter().map(|case| (case.domain, &case.fate));
    let all: Vec<_> = cases.chain(policy_cases).chain(verified).collect();
    for (domain, _) in &all {
        sender.send(domain)?;
    }
    for (domain, fate) in all {
        let outcome = match fate {
            Secured => {
                arrives(&mailbox, domain).map_err(|why| format!("{why}; {}", sender.queue()))
            }
            Waits(why) => sender.waits(domain, why),
        };
        checks.check(&format!("mail to {domain}"), outcome);
    }
    drop(receiver);
    let data = folder.join("sender/data");
    sender.running.stop()?;
    let kept = fs::read_to_string(data.join("policies/sts.example")).unwrap_or_default();
    let outcome = that(kept.contains(HOSTED), || format!("kept is {kept:?}"));
    checks.check("a policy is kept for the next start", outcome);
    checks.check("sessions are counted for reports", counted(&data.join("tlsrpt")));
    Ok(())
}

/// The count of the day: what was amiss in testing, and what was secured by records.
fn counted(folder: &Path) -> Result<(), String> {
    let days = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let texts = days.flatten().filter_map(|day| fs::read_to_string(day.path()).ok());
    let text: String = texts.collect();
    let wanted = ["testing.example", "validation-failure", "dnssec-invalid", "3 1 1 "];
    match wanted.iter().find(|word| !text.contains(**word)) {
        Some(word) => Err(format!("no {word} in {text}")),
        None => Ok(()),
    }
}

fn zone(case: &Case, fill: &dyn Fn(&str) -> String) -> Zone {
    let exchanger = format!("@ MX 10 mx\nmx A {}\n", IpAddr::from(RECEIVER));
    let records = format!("$ORIGIN {}.\n{exchanger}{}\n", case.domain, fill(case.records));
    Zone { name: case.domain.to_owned(), signed: case.signed, records }
}

/// An unsigned domain whose exchanger is [`HOSTED`], with its policy by an alias.
fn policy_zone(domain: &str, policies: IpAddr) -> Zone {
    let records = format!(
        "$ORIGIN {domain}.\n@ MX 10 {HOSTED}.\nmta-sts A {policies}\n_mta-sts CNAME said\n\
         said TXT \"v=STSv1; \" \"id=1;\"\n"
    );
    Zone { name: domain.to_owned(), signed: Signed::No, records }
}

/// An unsigned domain with an exchanger of its own.
fn verified_zone(domain: &str) -> Zone {
    let receiver = IpAddr::from(RECEIVER);
    let records = format!("$ORIGIN {domain}.\n@ MX 10 mx\nmx A {receiver}\n");
    Zone { name: domain.to_owned(), signed: Signed::No, records }
}

fn arrives(mailbox: &Path, domain: &str) -> Result<(), String> {
    let wanted = format!("to {domain}");
    let found = await_letter(mailbox, PATIENCE, |letter| letter.values("Subject") == [&*wanted]);
    let found = found.ok_or("it does not arrive")?;
    let received = found.values("Received").join("\n");
    that(received.contains("ESMTPS"), || format!("not over TLS: {received}"))
}

fn receiver(
    program: &Path,
    folder: &Path,
    port: u16,
    shown: &bench::postfix::Certificate,
    authority: &Authority,
) -> io::Result<Running> {
    let mut host = postrider::local(program, SHOWN, &["reader"]);
    let cases = CASES.iter().map(|case| case.domain);
    let domains = cases.chain(POLICY_CASES.iter().map(|(domain, ..)| *domain));
    let domains = domains.chain(VERIFIED.iter().map(|(domain, ..)| *domain));
    set(&mut host.config, "local", "domains", Value::Array(domains.map(Value::from).collect()));
    let mut names = toml::Table::new();
    for (domain, flaw, _) in VERIFIED {
        let name = format!("mx.{domain}");
        let files = match flaw {
            Some(flaw) => authority.odd(&name, *flaw)?,
            None => authority.signs(&[&name])?,
        };
        let mut table = toml::Table::new();
        table.insert("certificate".into(), files.chain.display().to_string().into());
        table.insert("key".into(), files.key.display().to_string().into());
        names.insert(name, table.into());
    }
    set(&mut host.config, "tls", "names", names.into());
    set(&mut host.config, "tls", "certificate", shown.chain.display().to_string().into());
    set(&mut host.config, "tls", "key", shown.key.display().to_string().into());
    Running::start(&host, &plan(folder, (RECEIVER, port).into()))
}

fn plan(folder: &Path, listen: SocketAddr) -> Plan {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let folder = folder.to_owned();
    Plan { folder, listen, next_hop: nowhere, paused: false, connections: 20, traced: false }
}

/// The host that sends.
struct Sender {
    program: PathBuf,
    folder: PathBuf,
    running: Running,
}

impl Sender {
    fn start(
        program: &Path,
        folder: &Path,
        port: u16,
        names: SocketAddr,
        change: impl Fn(&mut toml::Table),
    ) -> io::Result<Self> {
        let mut host = postrider::local(program, "sender.example", &["ann"]);
        host.name_server = Some(names);
        let retry = ["1s", "1s", "2s"].map(Value::from).to_vec();
        set(&mut host.config, "queue", "retry", Value::Array(retry));
        set(&mut host.config, "dns", "dnssec", "validate".into());
        set(&mut host.config, "outbound", "tls", "auto".into());
        change(&mut host.config);
        let running = Running::start(&host, &plan(folder, (SENDER, port).into()))?;
        Ok(Self { program: program.to_owned(), folder: folder.to_owned(), running })
    }

    fn send(&self, domain: &str) -> io::Result<()> {
        let letter = format!("Subject: to {domain}\n\nhello\n");
        let to = [format!("reader@{domain}")];
        sendmail(&self.program, &self.folder, "ann@sender.example", &to, &letter).map(drop)
    }

    /// The queue, a line for each letter.
    fn queue(&self) -> String {
        let mut command = Command::new(&self.program);
        command.args(["mailq", "--json"]).env("POSTRIDER_CONFIG", Postrider::file(&self.folder));
        let output = command.output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    fn waits(&self, domain: &str, why: &str) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let queue = self.queue();
            let row = queue.lines().find(|row| row.contains(domain)).unwrap_or("not in the queue");
            if row.contains(why) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(row.to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The policy hosts: OpenSSL's server, which serves files over HTTPS, one for each domain at an
/// address of its own.
struct PolicyHosts {
    children: Vec<Child>,
    port: u16,
}

impl PolicyHosts {
    fn start(openssl: &Tool, folder: &Path, authority: &Authority) -> io::Result<Self> {
        let port = free_address()?.port();
        let mut hosts = Self { children: Vec::new(), port };
        for (number, (domain, mode, mx, _)) in POLICY_CASES.iter().enumerate() {
            let served = folder.join(domain);
            fs::create_dir_all(served.join(".well-known"))?;
            let policy = format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n");
            fs::write(served.join(".well-known/mta-sts.txt"), policy)?;
            let shown = authority.shows(&[&format!("mta-sts.{domain}")])?.files;
            let mut command = openssl.command();
            command.args(["s_server", "-quiet", "-WWW", "-accept"]);
            command.arg(SocketAddr::new(policy_host(number), port).to_string());
            command.arg("-cert").arg(&shown.chain).arg("-key").arg(&shown.key);
            command.current_dir(&served).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            hosts.children.push(command.spawn()?);
        }
        Ok(hosts)
    }
}

/// Where the policy of a case is served.
fn policy_host(number: usize) -> IpAddr {
    let [a, b, c, d] = POLICIES;
    [a, b, c, d.saturating_add(u8::try_from(number).unwrap_or_default())].into()
}

impl Drop for PolicyHosts {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
