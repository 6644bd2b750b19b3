//! Our own server and the peers, each asked by `postrider conformance`: ours must leave no rule and
//! no advice; of the others only the page is kept.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::postfix::Postfix;
use bench::server::{Plan, Running, Starter, free_address, tail};
use toml::Value;

use crate::checks::{Checks, that};
use crate::exim::Exim;
use crate::postrider::{local, set};

const PORT: u16 = 2525;
const USER: &str = "ann";
/// A site without a postmaster would fail for that alone.
const USERS: [&str; 2] = [USER, "postmaster"];

/// One server that is asked.
struct Asked {
    /// The page is called after it.
    name: &'static str,
    domain: &'static str,
    title: String,
    starter: Option<Box<dyn Starter>>,
    options: &'static [&'static str],
}

/// Asks all three; pages go to `folder`/conformance.
///
/// # Errors
/// A server cannot be started.
pub fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    println!("conformance");
    let folder = folder.join("conformance");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let servers = [ours(program), postfix(peers), exim(peers)];
    for (place, asked) in (1..).zip(servers) {
        let Some(starter) = &asked.starter else {
            checks.missing(asked.name, skip_missing, "run interop/install.sh");
            continue;
        };
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 12, place), PORT));
        let plan = Plan {
            folder: folder.join(asked.name),
            listen: address,
            next_hop: free_address()?,
            paused: false,
            connections: 10,
            traced: false,
        };
        if asked.name == "postrider" {
            certificate(&plan.folder, asked.domain)?;
        }
        let running = Running::start(starter.as_ref(), &plan)?;
        let page = folder.join(format!("conformance-{}.md", asked.name));
        let outcome = ask(program, &asked, address, &page);
        let failed = outcome.is_err();
        checks.check(&format!("{} is asked, see {}", asked.name, page.display()), outcome);
        if failed {
            println!("{}", tail(&page));
        }
        running.stop()?;
    }
    Ok(())
}

/// Ours takes mail for one domain, and trusts nobody.
fn ours(program: &Path) -> Asked {
    let domain = "postrider.example";
    let mut ours = local(program, domain, &[USER]);
    set(&mut ours.config, "relay", "networks", Value::Array(vec!["192.0.2.0/24".into()]));
    // Who asks for all the rules makes more mistakes than a stranger may.
    for key in ["client-errors", "client-connection-rate", "client-message-rate"] {
        set(&mut ours.config, "limits", key, 0.into());
    }
    set(&mut ours.config, "tls", "certificate", "cert.pem".into());
    set(&mut ours.config, "tls", "key", "key.pem".into());
    let options = &["--strict", "--foreign", "x@far.example"];
    let starter = program.exists().then(|| Box::new(ours) as Box<dyn Starter>);
    Asked { name: "postrider", domain, title: "Postrider".to_owned(), starter, options }
}

/// A certificate that says nothing but the name.
fn certificate(folder: &Path, name: &str) -> io::Result<()> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).map_err(io::Error::other)?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("cert.pem"), made.cert.pem())?;
    let mut key = fs::File::options();
    let key = key.write(true).create(true).truncate(true).mode(0o600);
    key.open(folder.join("key.pem"))?.write_all(made.signing_key.serialize_pem().as_bytes())
}

fn postfix(peers: &Path) -> Asked {
    let domain = "postfix.example";
    let starter = Postfix::find(peers).map(|root| {
        let local = Some((domain.to_owned(), USERS.map(str::to_owned).to_vec()));
        let hostname = format!("mx.{domain}");
        Box::new(Postfix { root, hostname, local, certificate: None }) as Box<dyn Starter>
    });
    Asked { name: "postfix", domain, title: version(peers, "postfix"), starter, options: &[] }
}

fn exim(peers: &Path) -> Asked {
    let domain = "exim.example";
    let starter = Exim::find(peers).map(|root| {
        let (domain, users) = (domain.to_owned(), USERS.map(str::to_owned).to_vec());
        Box::new(Exim { root, domain, users, certificate: None }) as Box<dyn Starter>
    });
    let title = version(peers, "exim4-daemon-light");
    Asked { name: "exim", domain, title, starter, options: &[] }
}

/// `postfix 3.7.11-0+deb12u1`, from the name of the package it was unpacked from.
fn version(peers: &Path, package: &str) -> String {
    let names = fs::read_dir(peers.join("debs")).into_iter().flatten().flatten();
    let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let version = names.find_map(|name| {
        let rest = name.strip_prefix(package)?.strip_prefix('_')?.to_owned();
        rest.split('_').next().map(|version| version.replace("%3a", ":"))
    });
    version.map_or_else(|| package.to_owned(), |version| format!("{package} {version} of Debian"))
}

fn ask(program: &Path, asked: &Asked, address: SocketAddr, page: &PathBuf) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(["conformance", &address.to_string(), "--intrusive", "--markdown"]);
    command.args(["--title", &asked.title, "--recipient", &format!("{USER}@{}", asked.domain)]);
    command.args(["--name", "client.example", "--sender", "author@client.example"]);
    let output = command.args(asked.options).output().map_err(|error| error.to_string())?;
    fs::write(page, &output.stdout).map_err(|error| error.to_string())?;
    // 1 says that a rule is broken: of ours that is a failure, of others it is news.
    let good =
        output.status.success() || (asked.name != "postrider" && output.status.code() == Some(1));
    that(good, || format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let skipped = text.lines().find(|line| asked.name == "postrider" && is_missing(line));
    skipped.map_or(Ok(()), |line| Err(format!("ours was not asked: {line}")))
}

/// A row that was skipped although nobody asked for that: all but what takes minutes, and AUTH, which
/// authors are offered and other servers are not.
fn is_missing(line: &str) -> bool {
    line.contains("| skipped |")
        && !line.contains("--slow")
        && !line.contains("AUTH is not offered")
}
