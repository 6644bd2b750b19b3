//! A running server gets another configuration, as processes do it: by command and by SIGHUP, whole
//! or not at all.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

mod running;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use running::Server;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

/// How long a condition may take on a busy machine before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    folder: TempDir,
    port: u16,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago; the listener gives it up when it is dropped.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("postrider.toml")
    }

    fn configure(&self, local: &str, more: &str) {
        self.configure_listener(local, more, "");
    }

    fn configure_listener(&self, local: &str, more: &str, listener: &str) {
        let text = format!(
            "hostname = \"mx.example.net\"\ndata-dir = \"data\"\n\
             [relay]\nnetworks = []\n[listen.all]\naddress = \"127.0.0.1:{}\"\n{listener}[local]\n{local}\n{more}",
            self.port
        );
        fs::write(self.config(), text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command.args(words).arg("--config").arg(self.config()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The exit code, and what was said on both outputs.
    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        (status.code(), [stdout, stderr].map(|it| String::from_utf8(it).unwrap()).concat())
    }

    fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }

    /// What a new session says to that recipient.
    fn takes(&self, recipient: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let commands = format!("HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<{recipient}>\r\nQUIT\r\n");
        stream.write_all(commands.as_bytes()).unwrap();
        let lines: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).collect();
        lines.get(3).and_then(|line| line.get(..3)).unwrap_or_default().to_owned()
    }
}

const OLD: &str = "domains = [\"example.net\"]\nusers = [\"ann\"]";
const NEW: &str = "domains = [\"example.net\", \"example.org\"]\nusers = [\"ann\", \"bob\"]";

#[test]
fn a_changed_configuration_comes_into_effect() {
    let site = Site::new();
    site.configure(OLD, "");
    assert_eq!(site.run(&["reload"]).0, Some(69), "nothing runs");
    assert_eq!(site.run(&["config", "diff"]).0, Some(69), "nothing runs");
    let _server = site.serve();
    assert_eq!(site.takes("bob@example.org"), "550");
    let (code, said) = site.run(&["config", "diff"]);
    assert_eq!(code, Some(0), "{said}");
    site.configure(NEW, "[queue]\nexpire = \"3d\"\n[spool]\nmessages = 7\n");
    let (code, said) = site.run(&["config", "diff"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\"5d\" -> \"3d\"") && said.contains("postrider.toml:11"), "{said}");
    assert_eq!(site.takes("bob@example.org"), "550", "a comparison changes nothing");
    let (code, said) = site.run(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    for part in ["4 keys are different", "queue.expire", "local.users", "from the next start on"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert_eq!(site.takes("bob@example.org"), "250");
    // What waits for the next start is all that is left.
    let (code, said) = site.run(&["config", "diff", "--json"]);
    let left: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, left.as_array().unwrap().len()), (Some(1), 1), "{said}");
    assert_eq!((&left[0]["key"], &left[0]["restart"]), (&"spool.messages".into(), &true.into()));
    let (_, said) = site.run(&["config", "show", "--changed"]);
    assert!(said.contains("queue.expire") && !said.contains("queue.paused"), "{said}");
}

/// Each row: what is wrong, and what is said of it. The old configuration stays whole.
#[test]
fn errors_keep_the_old_configuration() {
    let site = Site::new();
    site.configure(OLD, "");
    let _server = site.serve();
    let rows = [
        (format!("{NEW}\naliases = \"missing\""), "", "missing"),
        (format!("{NEW}\nalaises = \"a\""), "", "alaises"),
        (NEW.to_owned(), "[tls]\ncertificate = \"none.pem\"\nkey = \"none.pem\"\n", "none.pem"),
        (NEW.to_owned(), "[route]\n\"x.example\" = \"smtp:[192.0.2.300]\"\n", "192.0.2.300"),
        (NEW.to_owned(), "[dns]\ntrust-anchor = \"no.key\"\n", "no.key"),
    ];
    for (local, more, said) in rows {
        site.configure(&local, more);
        let (code, text) = site.run(&["reload"]);
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(said) && text.contains("postrider.toml:"), "{text}");
        assert_eq!(site.takes("bob@example.org"), "550", "after {said}");
        assert_eq!(site.takes("ann@example.net"), "250", "after {said}");
    }
}

/// A certificate for `localhost`, as the files that the configuration names.
fn certify(site: &Site) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.self_signed(&key).unwrap();
    fs::write(site.folder.path().join("chain.pem"), own.pem()).unwrap();
    fs::write(site.folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    own.der().clone()
}

type Session = StreamOwned<ClientConnection, TcpStream>;

/// A session over TLS with a server that shows `expected`, greeted.
fn session(site: &Site, expected: &CertificateDer<'static>) -> BufReader<Session> {
    let mut roots = RootCertStore::empty();
    roots.add(expected.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut session = BufReader::new(StreamOwned::new(client, stream));
    assert!(reply(&mut session).starts_with("220"));
    session
}

fn reply(session: &mut BufReader<Session>) -> String {
    let mut line = String::new();
    session.read_line(&mut line).unwrap();
    line
}

/// The session that is open goes on under the certificate that it has seen, in the midst of a letter.
#[test]
fn certificates_change_and_no_session_is_dropped() {
    let site = Site::new();
    let first = certify(&site);
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n";
    site.configure_listener(OLD, tls, "tls = \"implicit\"\n");
    let _server = site.serve();
    let mut open = session(&site, &first);
    let mut say = |line: &str, code: &str| {
        open.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let said = reply(&mut open);
        assert!(said.starts_with(code), "{line}: {said}");
    };
    say("HELO client.example", "250");
    say("MAIL FROM:<x@far.example>", "250");
    say("RCPT TO:<ann@example.net>", "250");
    say("DATA", "354");
    let second = certify(&site);
    let (code, said) = site.run(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    let mut new = session(&site, &second);
    new.get_mut().write_all(b"QUIT\r\n").unwrap();
    assert!(reply(&mut new).starts_with("221"));
    say("Subject: across\r\n\r\nx\r\n.", "250");
    say("QUIT", "221");
}

#[test]
fn sighup_reloads_as_well() {
    let site = Site::new();
    site.configure(OLD, "");
    let server = site.serve();
    site.configure(NEW, "");
    server.signal("-HUP");
    let end = Instant::now() + PATIENCE;
    while site.takes("bob@example.org") != "250" {
        assert!(Instant::now() < end, "the new configuration does not come into effect");
    }
}
