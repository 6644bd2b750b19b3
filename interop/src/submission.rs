//! Mail programs that log in and submit, with every mechanism they speak; a Dovecot that keeps the
//! accounts; logins that are none; and ours as the client of another's submission server.

mod clients;
mod dovecot;
mod gsasl;
mod guesses;
mod nonsense;
mod pam;
mod smarthost;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench::postfix::Certificate;
use bench::server::free_address;
use toml::{Table, Value};

use crate::certificates::Authority;
use crate::checks::Checks;
use crate::host::{DOMAIN, Host};
use clients::Client;
use dovecot::Dovecot;

/// The password of the only account, which is called as the reader is.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// What our own accounts and those of a Dovecot can prove.
const ALL: [&str; 3] = ["PLAIN", "LOGIN", "SCRAM-SHA-256"];
/// The account.
pub(crate) const LOGIN: &str = "reader";

/// Where authors hand in mail.
pub(crate) struct Places {
    /// With STARTTLS.
    pub(crate) starttls: SocketAddr,
    /// TLS from the first octet.
    pub(crate) implicit: SocketAddr,
    /// The certificate of the authority.
    pub(crate) authority: PathBuf,
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
    println!("submission: mail programs that log in");
    let folder = folder.join("submission");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let authority = Authority::new(&folder.join("certificates"))?;
    let certificate = authority.signs(&["localhost", DOMAIN])?;
    let clients = clients::all(peers, &folder);
    for (name, client) in &clients {
        if client.is_none() {
            // Not everybody has Python and Node.
            let may_skip = skip_missing || ["smtplib", "nodemailer"].contains(name);
            checks.missing(name, may_skip, "run interop/install.sh");
        }
    }
    let clients: Vec<Client> = clients.into_iter().filter_map(|(_, client)| client).collect();

    let (host, places) = start(program, &folder.join("host"), &authority, &certificate, &[])?;
    checks.check("an account is added while the server runs", text(add_account(program, &host)));
    try_all(checks, &host, &places, &clients, &ALL, "");
    gsasl::play(checks, peers, &places, "", skip_missing);
    nonsense::play(checks, &host, &places);
    checks.check("mail goes on after that", text(host.good_letter("after nonsense")));

    let more = [
        ("accounts", "clear-text", true.into()),
        ("accounts", "login-failures", guesses::FAILURES.into()),
        ("accounts", "forget-failures", "5m".into()),
    ];
    let (host, places) = start(program, &folder.join("guessed"), &authority, &certificate, &more)?;
    checks.check("an account to guess at", text(add_account(program, &host)));
    guesses::play(checks, program, &host, places.starttls);
    pam::play(checks, program, &folder.join("pam"), &authority, &certificate, &clients)?;
    smarthost::play(checks, program, peers, &folder.join("smarthost"), skip_missing)?;
    let Some(dovecot) = Dovecot::find(peers) else {
        checks.missing("dovecot", skip_missing, "run interop/install.sh");
        return Ok(());
    };
    let running = dovecot.start(&folder.join("dovecot"))?;
    let source = Value::from(format!("dovecot:{}", running.socket().display()));
    let more = [("accounts", "source", source)];
    let (host, places) = start(program, &folder.join("asking"), &authority, &certificate, &more)?;
    try_all(checks, &host, &places, &clients, &ALL, " of a Dovecot");
    Ok(())
}

fn text(outcome: io::Result<()>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

fn start(
    program: &Path,
    folder: &Path,
    authority: &Authority,
    certificate: &Certificate,
    more: &[(&str, &str, Value)],
) -> io::Result<(Host, Places)> {
    let places = Places {
        starttls: free_address()?,
        implicit: free_address()?,
        authority: authority.file(),
    };
    let listener = |place: SocketAddr, tls: &str| {
        let mut table = Table::new();
        table.insert("address".into(), place.to_string().into());
        table.insert("kind".into(), "submission".into());
        table.insert("tls".into(), tls.into());
        Value::Table(table)
    };
    let file = |path: &Path| Value::from(path.display().to_string());
    let mut options = vec![
        ("tls", "certificate", file(&certificate.chain)),
        ("tls", "key", file(&certificate.key)),
        ("listen", "starttls", listener(places.starttls, "starttls")),
        ("listen", "implicit", listener(places.implicit, "implicit")),
        ("relay", "networks", Value::Array(Vec::new())),
        ("accounts", "login-failures", 1000.into()),
        ("accounts", "address-failures", 1000.into()),
        // The shortest there is: what has failed before does not delay what comes next.
        ("accounts", "forget-failures", "1s".into()),
    ];
    options.extend(more.iter().cloned());
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let host = Host::start(program, folder, nowhere, &[LOGIN], &options)?;
    Ok((host, places))
}

pub(crate) fn add_account(program: &Path, host: &Host) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(["account", "add", LOGIN, "--name", "Reader", "--password-file", "-"]);
    command.env("POSTRIDER_CONFIG", host.config_file());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(PASSWORD.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every client, mechanism and listener: the right password brings a letter, a wrong one does not.
fn try_all(
    checks: &mut Checks,
    host: &Host,
    places: &Places,
    clients: &[Client],
    offered: &[&str],
    of: &str,
) {
    for client in clients {
        for mechanism in client.mechanisms().iter().filter(|name| offered.contains(name)) {
            for is_implicit in [false, true] {
                let way = if is_implicit { "implicit TLS" } else { "STARTTLS" };
                let subject = format!("{} {mechanism} {way}{of}", client.name());
                let sent = client
                    .send(places, is_implicit, mechanism, PASSWORD, &subject)
                    .and_then(|()| text(host.await_letter(&subject)));
                checks.check(&subject, sent);
            }
            let subject = format!("{} {mechanism} wrong", client.name());
            let refused = match client.send(places, false, mechanism, "wrong guess", &subject) {
                Err(said) if said.contains("535") => Ok(()),
                Err(said) => Err(format!("no 535: {said}")),
                Ok(()) => Err("it was let in".to_owned()),
            };
            let name =
                format!("{} {mechanism}{of} is refused with a wrong password", client.name());
            checks.check(&name, refused);
        }
    }
}
