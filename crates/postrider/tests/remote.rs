//! Letters handed to a server elsewhere: TLS, logins, and what happens when there is neither.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

mod running;

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use running::Server;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_postrider");
/// How long a condition may take on a busy machine before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse";

/// A server with accounts, and a host without any mail service whose user has an account there.
struct Worlds {
    folder: TempDir,
    implicit: u16,
    starttls: u16,
}

/// A port that was free a moment ago.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Worlds {
    fn new() -> Self {
        let worlds =
            Self { folder: tempfile::tempdir().unwrap(), implicit: port(), starttls: port() };
        worlds.certify("localhost");
        let listener = |name: &str, port: u16| {
            format!(
                "[listen.{name}]\naddress = \"127.0.0.1:{port}\"\nkind = \"submission\"\ntls = \"{name}\"\n"
            )
        };
        let config = format!(
            "hostname = \"mx.example.net\"\ndata-dir = \"data\"\n{}{}[tls]\ncertificate = \"chain.pem\"\n\
             key = \"key.pem\"\n[local]\ndomains = [\"example.net\"]\nusers = [\"ann\", \"bob\"]\n\
             [relay]\nnetworks = []\n",
            listener("implicit", worlds.implicit),
            listener("starttls", worlds.starttls),
        );
        fs::write(worlds.path("server.toml"), config).unwrap();
        let client = "hostname = \"laptop.example\"\ndata-dir = \"never-started\"\n";
        fs::write(worlds.path("client.toml"), client).unwrap();
        fs::create_dir_all(worlds.path("config/postrider")).unwrap();
        worlds.keep_secret(PASSWORD, 0o600);
        worlds
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for `name` from an authority of our own.
    fn certify(&self, name: &str) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        fs::write(self.path("roots.pem"), issuer.pem()).unwrap();
        fs::write(self.path("chain.pem"), own.pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        fs::set_permissions(self.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
    }

    fn keep_secret(&self, secret: &str, mode: u32) {
        fs::write(self.path("secret"), format!("{secret}\n")).unwrap();
        fs::set_permissions(self.path("secret"), Permissions::from_mode(mode)).unwrap();
    }

    fn set(&self, submission: &str) {
        let text = format!(
            "from = \"ann@example.net\"\ndead-letter = \"{f}/dead.letter\"\n[submission]\n{submission}",
            f = self.folder.path().display(),
        );
        fs::write(self.path("config/postrider/mail.toml"), text).unwrap();
    }

    /// The way in, with the login of ann.
    fn set_way(&self, tls: &str, more: &str) {
        let port = if tls == "implicit" { self.implicit } else { self.starttls };
        let f = self.folder.path().display();
        let secret = if more.contains("secret-command") {
            String::new()
        } else {
            format!("secret-file = \"{f}/secret\"\n")
        };
        let roots = if more.contains("roots") {
            String::new()
        } else {
            format!("roots = \"{f}/roots.pem\"\n")
        };
        self.set(&format!(
            "server = \"localhost:{port}\"\ntls = \"{tls}\"\nlogin = \"ann@example.net\"\n{secret}{roots}{more}"
        ));
    }

    fn command(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("POSTRIDER_CONFIG", self.path(config));
        command.env("XDG_CONFIG_HOME", self.path("config")).current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn serve(&self) -> Server {
        let add = ["account", "add", "ann@example.net", "--password-file", "-"];
        let added = run(self.command("server.toml", &add), &format!("{PASSWORD}\n"));
        assert!(added.status.success(), "{}", text(&added));
        Server::start(self.command("server.toml", &["serve"]))
    }

    fn mail(&self, subject: &str) -> Output {
        let arguments = ["mail", "-v", "-s", subject, "bob@example.net"];
        run(self.command("client.toml", &arguments), "Hello.\n")
    }

    /// Waits until bob has a letter with this subject, and gives it.
    fn arrives(&self, subject: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let files =
                fs::read_dir(self.path("data/mail/bob/new")).into_iter().flatten().flatten();
            let letters = files.map(|file| fs::read_to_string(file.path()).unwrap());
            let is_it = |letter: &String| letter.contains(&format!("\nSubject: {subject}\n"));
            if let Some(letter) = letters.into_iter().find(is_it) {
                return letter;
            }
            assert!(Instant::now() < end, "{subject} did not arrive");
            std::thread::yield_now();
        }
    }

    fn is_kept(&self, subject: &str) -> bool {
        let kept = fs::read_to_string(self.path("dead.letter")).unwrap_or_default();
        kept.contains(&format!("\nSubject: {subject}\n"))
    }
}

fn run(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Both ways to TLS, the strongest login and those that are asked for; what is shown has no secret.
///
/// Register: 8314-3.3-d, 8689-4.3-a
#[test]
fn sent_through_a_server_elsewhere() {
    let worlds = Worlds::new();
    let _server = worlds.serve();
    let rows = [
        ("implicit", "", "SCRAM-SHA-256-PLUS"),
        ("implicit", "mechanisms = [\"PLAIN\"]\n", "PLAIN"),
        ("starttls", "", "SCRAM-SHA-256-PLUS"),
        ("starttls", "mechanisms = [\"SCRAM-SHA-256\"]\n", "SCRAM-SHA-256"),
        ("starttls", "secret-command = \"cat secret\"\nmechanisms = [\"PLAIN\"]\n", "PLAIN"),
    ];
    for (n, (tls, more, mechanism)) in rows.into_iter().enumerate() {
        worlds.set_way(tls, more);
        let subject = format!("letter {n}");
        let sent = worlds.mail(&subject);
        let shown = text(&sent);
        assert_eq!(sent.status.code(), Some(0), "{shown}");
        assert!(shown.contains("*** secured with TLSv1.3"), "{shown}");
        assert!(shown.contains("the certificate is that of localhost"), "{shown}");
        assert!(shown.contains(&format!(">>> AUTH {mechanism} ...\n")), "{shown}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("AGFubg"), "{shown}");
        assert_eq!(shown.contains(">>> STARTTLS\n"), tls == "starttls", "{shown}");
        let letter = worlds.arrives(&subject);
        assert!(letter.contains("From: ann@example.net\n"), "{letter}");
        assert!(letter.contains("with ESMTPSA"), "{letter}");
    }
    // Every host on the way over TLS, or none need be (RFC 8689 §4.3).
    worlds.set_way("starttls", "");
    let command = worlds.command(
        "client.toml",
        &["mail", "-v", "--require-tls", "-s", "secret", "bob@example.net"],
    );
    let shown = text(&run(command, "x\n"));
    assert!(shown.contains(" REQUIRETLS"), "{shown}");
    assert!(shown.find(">>> STARTTLS") < shown.find(">>> MAIL FROM"), "{shown}");
    worlds.arrives("secret");
    let open = ["mail", "-C", "TLS-Required: No", "-s", "open", "bob@example.net"];
    let sent = run(worlds.command("client.toml", &open), "x\n");
    assert!(sent.status.success(), "{}", text(&sent));
    assert!(worlds.arrives("open").contains("\nTLS-Required: No\n"));
    // Programs that call sendmail go the same way.
    worlds.set_way("implicit", "");
    let letter = "From: ann@example.net\nTo: bob@example.net\nSubject: by a program\n\nx\n";
    let arguments = ["sendmail", "-t", "-f", "ann@example.net"];
    let sent = run(worlds.command("client.toml", &arguments), letter);
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    worlds.arrives("by a program");
    assert!(!worlds.path("dead.letter").exists());
}

/// A letter that the server cannot be trusted with, or does not take, is kept and the reason told.
///
/// Register: 8314-3.3-b, 8314-5-b, 8314-5-c, 8314-5.2-a, 8314-5.2-b, 8314-5.3-a
#[test]
fn kept_when_it_cannot_be_sent() {
    let worlds = Worlds::new();
    let server = worlds.serve();
    let mut n = 0;
    let mut check = |way: &dyn Fn(), exit: i32, why: &str| {
        way();
        n += 1;
        let subject = format!("letter {n}");
        let failed = worlds.mail(&subject);
        let told = text(&failed);
        assert_eq!(failed.status.code(), Some(exit), "{why}: {told}");
        assert!(told.contains(why), "{why}: {told}");
        assert!(!told.contains(">>> MAIL"), "{told}");
        assert!(worlds.is_kept(&subject), "{why}: {told}");
        assert!(told.contains("the letter is saved in"), "{told}");
    };
    // By default the roots of the system count, and ours is not among them.
    check(&|| worlds.set_way("implicit", "#roots\n"), 69, "cannot be secured");
    check(&|| worlds.set_way("starttls", "#roots\n"), 69, "cannot be secured");
    let by_address = || {
        worlds.set_way("implicit", "");
        let file = worlds.path("config/postrider/mail.toml");
        let text = fs::read_to_string(&file).unwrap().replace("localhost:", "127.0.0.1:");
        fs::write(file, text).unwrap();
    };
    check(&by_address, 69, "not valid for name");
    worlds.keep_secret("wrong horse", 0o600);
    check(&|| worlds.set_way("implicit", ""), 77, "no login: ");
    worlds.keep_secret(PASSWORD, 0o644);
    check(&|| worlds.set_way("implicit", ""), 78, "others can read");
    worlds.keep_secret(PASSWORD, 0o600);
    check(&|| worlds.set_way("implicit", "roots = \"missing.pem\"\n"), 78, "the roots in");
    check(&|| worlds.set_way("implicit", "secret-command = \"exit 3\"\n"), 78, "for the secret");
    // TLS spoken to a server that waits for STARTTLS, and the other way round.
    let crossed = || {
        worlds.set_way("implicit", "");
        let file = worlds.path("config/postrider/mail.toml");
        let (own, other) = (worlds.implicit.to_string(), worlds.starttls.to_string());
        fs::write(&file, fs::read_to_string(&file).unwrap().replace(&own, &other)).unwrap();
    };
    check(&crossed, 69, "cannot be secured");
    drop(server);
    check(&|| worlds.set_way("implicit", ""), 75, "no connection to localhost");
    // Programs hear it by the exit code, and the letter is kept for them too.
    let arguments = ["sendmail", "bob@example.net"];
    let failed = run(worlds.command("client.toml", &arguments), "Subject: by a program\n\nx\n");
    assert_eq!(failed.status.code(), Some(75), "{}", text(&failed));
    assert!(worlds.is_kept("by a program"));
}

/// An account can go another way than the others.
///
/// Register: 8314-5-b
#[test]
fn accounts_have_servers_of_their_own() {
    let worlds = Worlds::new();
    let _server = worlds.serve();
    worlds.set_way("implicit", "roots = \"missing.pem\"\n");
    let file = worlds.path("config/postrider/mail.toml");
    let f = worlds.folder.path().display();
    let work = format!(
        "[account.work]\nfrom = \"ann@example.net\"\n[account.work.submission]\nserver = \
         \"localhost:{}\"\nlogin = \"ann@example.net\"\nsecret-file = \"{f}/secret\"\n\
         roots = \"{f}/roots.pem\"\n",
        worlds.implicit
    );
    fs::write(&file, fs::read_to_string(&file).unwrap() + &work).unwrap();
    let arguments = ["mail", "-A", "work", "-s", "from work", "bob@example.net"];
    let sent = run(worlds.command("client.toml", &arguments), "x\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    worlds.arrives("from work");
    assert_eq!(worlds.mail("from home").status.code(), Some(78));
}
