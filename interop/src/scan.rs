//! What a TLS scanner and OpenSSL's own client see of ours: modern versions and suites only.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench::postfix::Certificate;
use toml::Value;

use crate::certificates::Authority;
use crate::checks::{Checks, that};
use crate::host::{DOMAIN, Host};

/// What must not be in the suites that are offered: no forward secrecy, no authenticated encryption.
const WEAK: [&str; 8] = ["CBC", "RC4", "3DES", "NULL", "EXP", "anon", "MD5", " AES"];

/// Scans a server of ours that offers STARTTLS.
///
/// # Errors
/// It does not start.
pub fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    println!("what a scanner sees");
    let (scanner, client) = (tool(peers, "sslscan"), tool(peers, "openssl"));
    let (Some(scanner), Some(client)) = (scanner, client) else {
        checks.missing("sslscan or openssl", skip_missing, "run interop/install.sh");
        return Ok(());
    };
    let folder = folder.join("scan");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let authority = Authority::new(&folder.join("certificates"))?;
    let Certificate { chain, key } = authority.signs(&[DOMAIN])?;
    let file = |path: &Path| Value::from(path.display().to_string());
    let options = [("tls", "certificate", file(&chain)), ("tls", "key", file(&key))];
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let host = Host::start(program, &folder.join("host"), nowhere, &["reader"], &options)?;
    let place = host.address().to_string();
    checks.check("sslscan finds modern versions and suites only", scan(&scanner, &place));
    for (version, expected) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
        let name =
            format!("openssl s_client {version} {}", if expected { "speaks" } else { "fails" });
        checks.check(&name, speak(&client, &place, version, &authority.file(), expected));
    }
    checks.check("a session is resumed", resumed(&client, &place, &folder.join("session")));
    checks.check("mail goes on after that", text(host.good_letter("after the scan")));
    Ok(())
}

fn text(outcome: io::Result<()>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

/// A program with the libraries it was unpacked with.
pub struct Tool {
    program: PathBuf,
    libraries: String,
}

/// The unpacked program `name` below `peers`, else the installed one.
pub fn tool(peers: &Path, name: &str) -> Option<Tool> {
    let roots = [peers.join(name), PathBuf::from("/")];
    let root = roots.into_iter().find(|root| root.join("usr/bin").join(name).exists())?;
    let at = |place: &str| root.join(place).display().to_string();
    let libraries = [at("usr/lib/x86_64-linux-gnu"), at("usr/lib/aarch64-linux-gnu")].join(":");
    Some(Tool { program: root.join("usr/bin").join(name), libraries })
}

impl Tool {
    /// The program, with its libraries.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("LD_LIBRARY_PATH", &self.libraries);
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        let output = command.output().map_err(|error| error.to_string())?;
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }
}

fn scan(scanner: &Tool, place: &str) -> Result<(), String> {
    let said = scanner.run(&["--no-colour", "--starttls-smtp", place])?;
    for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
        let is_off = said
            .lines()
            .any(|line| line.starts_with(version) && line.trim_end().ends_with("disabled"));
        that(is_off, || format!("{version} is not off: {said}"))?;
    }
    let suites: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("Preferred") || line.starts_with("Accepted"))
        .collect();
    that(suites.len() >= 5, || format!("few suites: {said}"))?;
    for suite in suites {
        let name = suite.split("bits").nth(1).unwrap_or(suite);
        let weak = WEAK.iter().find(|weak| name.contains(**weak));
        that(weak.is_none(), || format!("{suite} is offered"))?;
        let modern = name.contains("TLS_") || name.contains("ECDHE");
        that(modern, || format!("{suite} has no forward secrecy"))?;
    }
    that(!said.contains("vulnerable to heartbleed") || said.contains("not vulnerable"), || said)
}

fn speak(
    client: &Tool,
    place: &str,
    version: &str,
    authority: &Path,
    expected: bool,
) -> Result<(), String> {
    let authority = authority.display().to_string();
    let said = client.run(&[
        "s_client",
        "-connect",
        place,
        "-starttls",
        "smtp",
        "-brief",
        version,
        "-CAfile",
        &authority,
        "-verify_hostname",
        DOMAIN,
    ])?;
    let good = said.contains("Verification: OK") && said.contains("CONNECTION ESTABLISHED");
    that(good == expected, || said)
}

fn resumed(client: &Tool, place: &str, session: &Path) -> Result<(), String> {
    let session = session.display().to_string();
    let common = ["s_client", "-connect", place, "-starttls", "smtp", "-tls1_2"];
    let first = client.run(&[&common[..], &["-sess_out", &session]].concat())?;
    that(first.contains("New, TLSv1.2"), || first)?;
    let second = client.run(&[&common[..], &["-sess_in", &session]].concat())?;
    that(second.contains("Reused, TLSv1.2"), || second)
}
