//! Two servers: one keeps mail for the other, which is not always there and asks for it.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

mod running;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use running::Server;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_postrider");
/// How long a condition may take on a busy machine before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse";

/// A provider, and a customer whose two domains it keeps mail for. That of `branch.example` it can
/// bring, once the customer listens; that of `depot.example` it can bring nowhere.
struct Worlds {
    folder: TempDir,
    provider: u16,
}

/// A port that was free a moment ago.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Worlds {
    fn new(domains: &str) -> Self {
        let (provider, odmr, customer, nobody) = (port(), port(), port(), port());
        let worlds = Self { folder: tempfile::tempdir().unwrap(), provider };
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["isp.example".to_owned()]).unwrap();
        fs::write(worlds.path("chain.pem"), own.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(worlds.path("key.pem"), key.serialize_pem()).unwrap();
        fs::set_permissions(worlds.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
        fs::write(worlds.path("secret"), format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(worlds.path("secret"), Permissions::from_mode(0o600)).unwrap();
        let isp = format!(
            "hostname = \"isp.example\"\ndata-dir = \"isp\"\n\
             [listen.mx]\naddress = \"127.0.0.1:{provider}\"\n\
             [listen.odmr]\naddress = \"127.0.0.1:{odmr}\"\nkind = \"odmr\"\n\
             [tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
             [local]\ndomains = [\"isp.example\"]\nusers = [\"keeper\"]\n\
             [relay]\nnetworks = []\ndomains = [\"branch.example\", \"depot.example\"]\n\
             [route]\n\"branch.example\" = \"smtp:[127.0.0.1]:{customer}\"\n\
             \"depot.example\" = \"smtp:[127.0.0.1]:{nobody}\"\n\
             [access]\netrn = [\"127.0.0.0/8\"]\n[access.atrn]\noffice = [\"depot.example\"]\n"
        );
        fs::write(worlds.path("isp.toml"), isp).unwrap();
        let branch = format!(
            "hostname = \"branch.example\"\ndata-dir = \"branch\"\n\
             [listen.mx]\naddress = \"127.0.0.1:{customer}\"\n\
             [local]\ndomains = [\"branch.example\", \"depot.example\"]\nusers = [\"ann\"]\n\
             [relay]\nnetworks = []\n\
             [smarthost.\"office@127.0.0.1\"]\nlogin = \"office\"\nsecret-file = \"secret\"\n\
             allow-clear = true\n\
             [fetch.isp]\nfrom = {{ to = \"smtp:[127.0.0.1]:{odmr}\", login = \"office\" }}\n{domains}"
        );
        fs::write(worlds.path("branch.toml"), branch).unwrap();
        worlds
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("POSTRIDER_CONFIG", self.path(config));
        command.current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn serve(&self, config: &str) -> Server {
        Server::start(self.command(config, &["serve"]))
    }

    /// The provider, which knows the customer's login.
    fn provider(&self) -> Server {
        let mut command =
            self.command("isp.toml", &["account", "add", "office", "--password-file", "-"]);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        let added = child.wait_with_output().unwrap();
        assert!(added.status.success(), "{}", text(&added));
        self.serve("isp.toml")
    }

    /// A command of the customer: the exit code, and what was said.
    fn customer(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command("branch.toml", arguments).output().unwrap();
        (output.status.code(), text(&output))
    }

    /// A letter comes to the provider.
    fn letter(&self, to: &str, subject: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.provider)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let commands = format!(
            "HELO far.example\r\nMAIL FROM:<x@far.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
             Subject: {subject}\r\n\r\nhello\r\n.\r\nQUIT\r\n"
        );
        stream.write_all(commands.as_bytes()).unwrap();
        let lines: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).collect();
        assert!(lines.get(5).is_some_and(|line| line.starts_with("250")), "{lines:?}");
    }

    /// Ann's letter of this subject, if it is there.
    fn arrived(&self, subject: &str) -> Option<String> {
        let files = fs::read_dir(self.path("branch/mail/ann/new")).into_iter().flatten().flatten();
        let letters = files.map(|file| fs::read_to_string(file.path()).unwrap());
        let is_it = |letter: &String| letter.contains(&format!("\nSubject: {subject}\n"));
        letters.into_iter().find(is_it)
    }

    /// Asks until the letter is here: its first attempt may be under way, and has it meanwhile.
    fn ask_until_it_arrives(&self, arguments: &[&str], subject: &str) -> (String, String) {
        let (end, mut said) = (Instant::now() + PATIENCE, String::new());
        loop {
            said.push_str(&self.customer(arguments).1);
            let soon = Instant::now() + Duration::from_millis(500);
            while Instant::now() < soon {
                if let Some(letter) = self.arrived(subject) {
                    return (said, letter);
                }
                std::thread::yield_now();
            }
            assert!(Instant::now() < end, "{subject} did not arrive: {said}");
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Register: 2645-5.3-a, 2645-5.2.1-e, 2645-7-a.
#[test]
fn mail_comes_over_the_connection_that_the_customer_makes() {
    let worlds = Worlds::new("");
    let _provider = worlds.provider();
    assert_eq!(worlds.customer(&["fetch"]).0, Some(69), "nothing runs there");
    worlds.letter("ann@depot.example", "kept");
    let _customer = worlds.serve("branch.toml");
    let (said, letter) = worlds.ask_until_it_arrives(&["fetch", "isp"], "kept");
    assert!(said.contains("isp: ATRN: 250 2.0.0 ") && said.contains("1 letter has come"), "{said}");
    let received = "Received: from isp.example ([127.0.0.1])";
    assert!(letter.contains(received) && letter.contains("with ESMTPS"), "{letter}");
    let (code, said) = worlds.customer(&["fetch"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("isp: ATRN: 453 ") && !said.contains("come"), "{said}");
    let (code, said) = worlds.customer(&["fetch", "--json"]);
    assert!(code == Some(0) && said.contains("\"worth\":\"well\""), "{said}");
    let (code, said) = worlds.customer(&["fetch", "other"]);
    assert!(code == Some(65) && said.contains("known are isp"), "{said}");
}

/// A domain that the login may not have, and a password that is wrong.
#[test]
fn what_a_provider_refuses() {
    let worlds = Worlds::new("domains = [\"depot.example\", \"foreign.example\"]\n");
    let _provider = worlds.provider();
    let _customer = worlds.serve("branch.toml");
    worlds.letter("ann@depot.example", "not for all");
    let (code, said) = worlds.customer(&["fetch"]);
    assert!(code == Some(75) && said.contains("450 4.7.1 "), "{said}");
    assert!(worlds.arrived("not for all").is_none());
    fs::write(worlds.path("secret"), "another\n").unwrap();
    let (code, said) = worlds.customer(&["fetch"]);
    assert!(code == Some(69) && said.contains("535"), "{said}");
}

/// The provider sends by a connection of its own, long before its next attempt.
///
/// Register: 1985-5.1-b, 1985-5.2-b.
#[test]
fn mail_is_sent_when_the_customer_asks() {
    let worlds = Worlds::new("");
    let _provider = worlds.provider();
    worlds.letter("ann@branch.example", "started");
    let _customer = worlds.serve("branch.toml");
    let host = format!("127.0.0.1:{}", worlds.provider);
    let ask = ["etrn", &host, "branch.example"];
    let (said, letter) = worlds.ask_until_it_arrives(&ask, "started");
    assert!(said.contains("ETRN branch.example: 253 2.0.0 "), "{said}");
    assert!(letter.contains("Received: from isp.example"), "{letter}");
    let (code, said) = worlds.customer(&["etrn", &host, "@branch.example", "#mx"]);
    assert!(code == Some(0) && said.contains("ETRN @branch.example: 25"), "{said}");
    let (code, said) = worlds.customer(&["etrn", &host, "branch"]);
    assert!(code == Some(64) && said.contains("dot"), "{said}");
    let closed = format!("127.0.0.1:{}", port());
    let (code, said) = worlds.customer(&["etrn", &closed, "branch.example"]);
    assert!(code == Some(75) && said.contains("refused"), "{said}");
}
