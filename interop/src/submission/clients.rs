//! The mail programs.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{LOGIN, Places};
use crate::host::READER;

/// Python's own library.
const PYTHON: &str = r#"
import smtplib, ssl, sys
port, implicit, authority, mechanism, login, password, letter = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
if implicit == "yes":
    server = smtplib.SMTP_SSL("localhost", int(port), context=context)
else:
    server = smtplib.SMTP("localhost", int(port))
    server.starttls(context=context)
server.ehlo()
server.user, server.password = login, password
method = {"PLAIN": server.auth_plain, "LOGIN": server.auth_login}[mechanism]
server.auth(mechanism, method)
address = "reader@abuse.example"
server.sendmail(address, [address], letter)
server.quit()
"#;

/// Nodemailer.
const NODE: &str = r#"
const [library, port, implicit, authority, mechanism, user, pass, letter] = process.argv.slice(2);
const ca = require('fs').readFileSync(authority);
const secure = implicit === 'yes';
const transport = require(library).createTransport({
  host: 'localhost', port: Number(port), secure, requireTLS: !secure,
  authMethod: mechanism, auth: { user, pass }, tls: { ca },
});
const address = 'reader@abuse.example';
transport.sendMail({ envelope: { from: address, to: address }, raw: letter })
  .catch(error => { console.error(error.message); process.exit(1); });
"#;

/// Which program.
enum Kind {
    Python,
    Node { script: PathBuf, library: PathBuf },
    Msmtp { program: PathBuf, libraries: String },
    Swaks { program: PathBuf, modules: String },
}

/// One of them, found.
pub(super) struct Client {
    name: &'static str,
    kind: Kind,
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Below `peers` or in the system.
fn find(peers: &Path, package: &str, program: &str) -> Option<PathBuf> {
    let roots = [peers.join(package), PathBuf::from("/")];
    roots.into_iter().map(|root| root.join("usr/bin").join(program)).find(|path| path.exists())
}

/// The folders of modules that an unpacked package of Perl brings.
fn modules(peers: &Path) -> Option<String> {
    let root = peers.join("libnet-ssleay-perl/usr/lib");
    let triplets = fs::read_dir(&root).ok()?.flatten().map(|entry| entry.path().join("perl5"));
    let versions = triplets.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut folders: Vec<String> =
        versions.map(|entry| entry.path().display().to_string()).collect();
    folders.push(peers.join("libnet-ssleay-perl/usr/share/perl5").display().to_string());
    Some(folders.join(":"))
}

/// All by name; none where one is not here.
pub(super) fn all(peers: &Path, folder: &Path) -> Vec<(&'static str, Option<Client>)> {
    let python = runs("python3").then_some(Kind::Python);
    let msmtp = find(peers, "msmtp", "msmtp").map(|program| {
        let at = |place: &str| peers.join("msmtp").join(place).display().to_string();
        let libraries = [at("usr/lib/x86_64-linux-gnu"), at("usr/lib/aarch64-linux-gnu")].join(":");
        Kind::Msmtp { program, libraries }
    });
    let swaks = find(peers, "swaks", "swaks").zip(modules(peers));
    let swaks = swaks.map(|(program, modules)| Kind::Swaks { program, modules });
    let library = peers.join("nodemailer/node_modules/nodemailer");
    let script = folder.join("submit.js");
    let is_there = runs("node") && library.exists() && fs::write(&script, NODE).is_ok();
    let node = is_there.then_some(Kind::Node { script, library });
    let kinds = [("smtplib", python), ("msmtp", msmtp), ("swaks", swaks), ("nodemailer", node)];
    kinds.into_iter().map(|(name, kind)| (name, kind.map(|kind| Client { name, kind }))).collect()
}

impl Client {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// What it speaks and we offer.
    pub(super) fn mechanisms(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Msmtp { .. } => &["PLAIN", "LOGIN", "SCRAM-SHA-256"],
            _ => &["PLAIN", "LOGIN"],
        }
    }

    /// Logs in and submits a letter to the reader, as the reader.
    ///
    /// # Errors
    /// What the program said when it failed.
    pub(super) fn send(
        &self,
        places: &Places,
        is_implicit: bool,
        mechanism: &str,
        password: &str,
        subject: &str,
    ) -> Result<(), String> {
        let place = if is_implicit { places.implicit } else { places.starttls };
        let letter =
            format!("From: {READER}\r\nTo: {READER}\r\nSubject: {subject}\r\n\r\nhello\r\n");
        let mut command = self.command(places, place, is_implicit, mechanism, password, &letter);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take()
            && let Kind::Msmtp { .. } = self.kind
        {
            stdin.write_all(letter.as_bytes()).map_err(|error| error.to_string())?;
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    fn command(
        &self,
        places: &Places,
        place: SocketAddr,
        is_implicit: bool,
        mechanism: &str,
        password: &str,
        letter: &str,
    ) -> Command {
        let port = place.port().to_string();
        let implicit = if is_implicit { "yes" } else { "no" };
        let authority = &places.authority;
        match &self.kind {
            Kind::Python => {
                let mut command = Command::new("python3");
                command.args(["-c", PYTHON, &port, implicit]).arg(authority);
                command.args([mechanism, LOGIN, password, letter]);
                command
            }
            Kind::Node { script, library } => {
                let mut command = Command::new("node");
                command.arg(script).arg(library).args([&port, implicit]).arg(authority);
                command.args([mechanism, LOGIN, password, letter]);
                command
            }
            Kind::Msmtp { program, libraries } => {
                let starttls = if is_implicit { "off" } else { "on" };
                let mut command = Command::new(program);
                command.env("LD_LIBRARY_PATH", libraries);
                command.args(["--file=/dev/null", "--host=localhost", "--tls=on"]);
                command.arg(format!("--port={port}"));
                command.arg(format!("--tls-starttls={starttls}"));
                command.arg(format!("--tls-trust-file={}", authority.display()));
                command.arg(format!("--auth={}", mechanism.to_lowercase()));
                command.arg(format!("--user={LOGIN}"));
                command.arg(format!("--passwordeval=echo {password}"));
                command.args([&format!("--from={READER}"), READER]);
                command
            }
            Kind::Swaks { program, modules } => {
                let tls = if is_implicit { "--tls-on-connect" } else { "--tls" };
                let mut command = Command::new("perl");
                command.env("PERL5LIB", modules).arg(program).arg(tls);
                command.args(["-s", "localhost", "-p", &port, "-a", mechanism]);
                command.args(["-au", LOGIN, "-ap", password, "-f", READER, "-t", READER]);
                command.args(["--tls-ca-path", &authority.display().to_string(), "--tls-verify"]);
                // A line end is written so on its command line.
                command.args(["--data", &letter.replace("\r\n", "\\n")]);
                command
            }
        }
    }
}
