//! The programs as processes: what people meet when things are wrong, and the way of a letter when
//! the server is down. Each test has its own folder and port; waits are for conditions, bounded.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

mod running;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use running::Server;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_postrider");
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
        let site = Self { folder, port };
        site.configure("");
        site
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "hostname = \"mx.example.net\"\ndata-dir = \"data\"\n[listen.all]\naddress = \"127.0.0.1:{}\"\n\
             kind = \"submission\"\n[local]\ndomains = [\"example.net\", \"mx.example.net\"]\n\
             users = [\"ann\", \"bob\"]\n{more}",
            self.port
        );
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("postrider.toml")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("POSTRIDER_CONFIG", self.config()).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        // A program that does not read its input closes it early.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }

    fn letters(&self, user: &str) -> Vec<String> {
        let folder = self.data().join("mail").join(user).join("new");
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }
}

fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come about");
        std::thread::yield_now();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn line(wire: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    wire.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_letter_waits_for_the_server() {
    let site = Site::new();
    fs::create_dir(site.data()).unwrap();
    let sent = site.run(
        &["sendmail", "-i", "-f", "bob@example.net", "ann@example.net"],
        "Subject: early\n\nhello\n",
    );
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    assert!(site.letters("ann").is_empty());
    let server = site.serve();
    let letter = until("the letter", || site.letters("ann").pop());
    assert!(letter.contains("Subject: early") && letter.contains("\n\nhello\n"), "{letter}");
    assert!(letter.starts_with("Return-Path: <bob@example.net>\nDelivered-To: ann@example.net\n"));
    server.stop();
}

#[test]
fn a_second_server_is_refused_and_harms_nothing() {
    let site = Site::new();
    let server = site.serve();
    let second = site.run(&["serve"], "");
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    let why = text(&second);
    assert!(why.contains("another postrider serves") && why.contains("stop it first"), "{why}");
    let sent = site.run(&["mail", "-s", "still here", "ann@example.net"], "hello\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    until("the letter", || site.letters("ann").pop());
    server.stop();
}

#[test]
fn a_data_directory_that_cannot_be() {
    let site = Site::new();
    fs::write(site.data(), "a file is in its place").unwrap();
    let refused = site.run(&["serve"], "");
    assert_eq!(refused.status.code(), Some(73), "{}", text(&refused));
    let why = text(&refused);
    assert!(why.contains("data") && why.contains("set data-dir to a folder"), "{why}");
}

#[test]
fn a_wrong_configuration_is_told_whole() {
    let site = Site::new();
    site.configure("postmastr = \"ann\"\n[queue]\nexpire = 5\n[route]\n\"x.example\" = \"smtp:[192.0.2.300]\"\n");
    for program in ["check", "serve"] {
        let refused = site.run(&[program], "");
        let why = text(&refused);
        assert_eq!(refused.status.code(), Some(78), "{why}");
        for part in [
            "postrider.toml:9",
            "postmastr",
            "postmaster",
            "postrider.toml:11",
            "expire",
            "postrider.toml:13",
            "192.0.2.300",
        ] {
            assert!(why.contains(part), "{part} is not in\n{why}");
        }
    }
}

#[test]
fn a_right_configuration_is_said_to_be_right() {
    let site = Site::new();
    let checked = site.run(&["check"], "");
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(text(&checked).contains("the configuration is right"));
}

#[test]
fn idle_sessions_hear_421_when_it_stops() {
    let site = Site::new();
    let server = site.serve();
    let mut wire = site.connect();
    assert!(line(&mut wire).starts_with("220 "));
    server.signal("-TERM");
    assert!(line(&mut wire).starts_with("421 4.3.2 "));
    let mut rest = String::new();
    assert_eq!(wire.read_to_string(&mut rest).unwrap(), 0);
    server.ends();
}

#[test]
fn the_queue_is_shown_with_reasons() {
    let site = Site::new();
    // Port 9 of the loopback: nobody listens there.
    site.configure("[route]\ndefault = \"smtp:[127.0.0.1]:9\"\n");
    let server = site.serve();
    let sent = site
        .run(&["sendmail", "-f", "ann@example.net", "eve@far.example"], "Subject: x\n\nhello\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    let listing = until("the reason", || {
        let listed = text(&site.run(&["mailq"], ""));
        listed.contains("refused").then_some(listed)
    });
    assert!(
        listing.contains("ann@example.net") && listing.contains("eve@far.example"),
        "{listing}"
    );
    let json = text(&site.run(&["mailq", "--json"], ""));
    assert!(json.contains("\"deferred\""), "{json}");
    server.stop();
    // Its user still sees what it holds, and letters that wait for it.
    let sent = site.run(&["sendmail", "-f", "bob@example.net", "ann@example.net"], "\nhello\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    let down = site.run(&["mailq"], "");
    assert_eq!(down.status.code(), Some(0), "{}", text(&down));
    for part in ["not running", "eve@far.example", "drop/", "in 2 Requests."] {
        assert!(text(&down).contains(part), "{part} is not in {}", text(&down));
    }
}

/// The JSON lines of an output.
fn lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What an operator does in a day, over a real control socket, and what is left after a restart.
#[test]
fn the_queue_is_worked_with() {
    let site = Site::new();
    // Port 9 of the loopback: nobody listens there.
    site.configure("[route]\ndefault = \"smtp:[127.0.0.1]:9\"\n");
    let server = site.serve();
    let queue = |arguments: &[&str]| {
        let output = site.run(&[&["queue"], arguments].concat(), "");
        (output.status.code().unwrap(), text(&output), output)
    };
    for to in [&["eve@far.example", "adam@far.example"][..], &["carol@other.example"]] {
        let mut arguments = vec!["sendmail", "-f", "ann@example.net"];
        arguments.extend(to);
        let sent = site.run(&arguments, "Subject: to work with\n\nhello\n");
        assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    }
    until("the failures", || {
        let listed = lines(&queue(&["list", "--reason", "refused", "--json"]).2);
        (listed.len() == 2).then_some(listed)
    });
    let of = |domain: &str| lines(&queue(&["list", "--domain", domain, "--json"]).2);
    let id = of("far.example")[0]["id"].as_str().unwrap().to_owned();

    // What is said before anything is done, and that it is not done.
    let (code, said, _) = queue(&["hold", &id]);
    assert!(code == 64 && said.contains("would hold 1 letter for 2 recipients"), "{code} {said}");
    assert_eq!(queue(&["hold"]).0, 64, "nothing chosen");
    assert_eq!(of("far.example")[0]["state"], "deferred");

    // Held, shown, released.
    let (code, said, _) = queue(&["hold", &id, "--yes", "--why", "to look at it"]);
    assert!(code == 0 && said.contains("1 done, 0 later, 0 not done"), "{code} {said}");
    assert_eq!(of("far.example")[0]["state"], "held");
    assert_eq!(queue(&["hold", &id, "--yes"]).0, 75, "it is held already");
    assert!(text(&site.run(&["mailq"], "")).contains(&format!("{id}!")));
    let (code, shown, _) = queue(&["show", &id]);
    for part in ["from       ann@example.net", "eve@far.example", "Subject: to work with", "held"] {
        assert!(code == 0 && shown.contains(part), "{part} is not in {shown}");
    }
    let content = queue(&["show", &id, "--content"]).2.stdout;
    let content = String::from_utf8(content).unwrap();
    assert!(
        content.starts_with("Received: ") && content.ends_with("\r\n\r\nhello\r\n"),
        "{content}"
    );
    assert_eq!(queue(&["release", &id, "--yes"]).0, 0);

    // Removed for one recipient, returned for the other.
    let removed = queue(&["remove", "--recipient", "adam@far.example", "--yes", "--json"]).2;
    assert_eq!(lines(&removed).last().unwrap()["sum"]["done"], 1, "{}", text(&removed));
    assert_eq!(of("far.example")[0]["recipients"].as_array().unwrap().len(), 1);
    let returned = || queue(&["expire", "--domain", "far.example", "--yes"]).0;
    until("the return", || (returned() == 0 && of("far.example").is_empty()).then_some(()));
    let report = until("the report", || site.letters("ann").pop());
    assert!(report.contains("eve@far.example") && !report.contains("adam@far"), "{report}");
    let (code, said, _) = queue(&["show", &id]);
    assert!(code == 66 && said.contains("no letter"), "{code} {said}");

    // Another way, and none at all.
    let reroute = ["reroute", "--domain", "other.example", "--to", "smtp:[127.0.0.1]:10", "--yes"];
    until("the other way", || (queue(&reroute).0 == 0).then_some(()));
    assert_eq!(queue(&["suspend", "other.example", "--why", "for a test"]).0, 0);
    server.stop();
    let server = site.serve();
    let other = &of("other.example")[0];
    assert_eq!((&other["queue"], &other["forced"]), (&"smtp:[127.0.0.1]:10".into(), &true.into()));
    let (code, listed, _) = queue(&["suspend"]);
    assert!(code == 0 && listed.contains("other.example") && listed.contains(": for a test"));
    assert!(queue(&["list"]).1.contains("is suspended by"));
    assert_eq!(queue(&["resume", "other.example"]).0, 0);
    assert_eq!(queue(&["resume", "other.example"]).0, 66);
    let stats = lines(&queue(&["stats", "--json"]).2);
    assert_eq!((&stats[0]["domain"], &stats[0]["total"]), (&"other.example".into(), &1.into()));

    // What makes no sense.
    assert_eq!(queue(&["list", "--sender", "nonsense"]).0, 65);
    assert_eq!(queue(&["reroute", "--all", "--to", "pigeon:x", "--yes"]).0, 65);
    assert_eq!(queue(&["suspend", "no domain"]).0, 65);
    assert_eq!(queue(&["list", "--older", "soon"]).0, 64);

    // Without a server it is looked at, and left alone.
    server.stop();
    let (code, listed, _) = queue(&["list"]);
    assert!(code == 0 && listed.contains("not running") && listed.contains("carol@other.example"));
    assert!(queue(&["stats"]).1.contains("other.example"));
    assert_eq!(queue(&["remove", "--all", "--yes"]).0, 69);
}

/// Members of the group may look, and change nothing; the socket is nobody else's.
#[test]
fn the_control_socket_is_private() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let site = Site::new();
    let mode = || fs::metadata(site.data().join("control")).unwrap().permissions().mode() & 0o777;
    let server = site.serve();
    assert_eq!(mode(), 0o600);
    assert_eq!(site.run(&["queue", "list"], "").status.code(), Some(0));
    server.stop();
    let gid = fs::metadata(site.folder.path()).unwrap().gid();
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(gid)).unwrap().unwrap();
    site.configure(&format!("[control]\ngroup = \"{}\"\n", group.name));
    let server = site.serve();
    assert_eq!(mode(), 0o660);
    assert_eq!(site.run(&["queue", "list"], "").status.code(), Some(0));
    server.stop();
    site.configure("[control]\ngroup = \"no such group\"\n");
    let checked = site.run(&["check"], "");
    assert_eq!(checked.status.code(), Some(78));
    for part in ["postrider.toml:10", "control.group", "getent group"] {
        assert!(text(&checked).contains(part), "{part} is not in {}", text(&checked));
    }
}

#[test]
fn the_spool_is_verified() {
    let site = Site::new();
    site.configure("[queue]\npaused = true\n");
    let server = site.serve();
    let sent = site.run(&["sendmail", "ann@example.net"], "Subject: x\n\nhello\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    server.stop();
    let sound = site.run(&["spool", "verify"], "");
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound));
    damage(&site.data().join("spool"));
    let damaged = site.run(&["spool", "verify"], "");
    assert_eq!(damaged.status.code(), Some(65), "{}", text(&damaged));
}

/// Turns over one bit in the middle of the first message of the log.
fn damage(spool: &Path) {
    for file in fs::read_dir(spool.join("log")).unwrap().flatten() {
        let Ok(mut octets) = fs::read(file.path()) else { continue };
        let found = octets.windows(5).position(|window| window == b"hello");
        if let Some(octet) = found.and_then(|at| octets.get_mut(at)) {
            *octet ^= 1;
            fs::write(file.path(), octets).unwrap();
            return;
        }
    }
    panic!("the letter is in no segment");
}

#[test]
fn sendmail_refuses_to_be_a_daemon() {
    let site = Site::new();
    let refused = site.run(&["sendmail", "-bd"], "");
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused).contains("postrider serve"), "{}", text(&refused));
}

/// Accounts are made, listed, changed and removed, and no password is ever shown but one we made.
#[test]
fn accounts() {
    let site = Site::new();
    let account = |arguments: &[&str], input: &str| {
        let output = site.run(&[&["account"], arguments].concat(), input);
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let secret = "correct horse\n";
    let add = ["add", "ann@example.net", "--name", "Ann", "--password-file", "-"];
    assert_eq!(account(&["list"], "").1, "");
    assert_eq!(account(&add, secret).0, 0);
    assert_eq!(account(&add, secret).0, 73, "there is one of that name");
    assert_eq!(account(&["add", "bob", "--password-file", "-"], "short\n").0, 65);
    assert_eq!(account(&["add", "bob"], secret).0, 64, "nobody types");
    assert_eq!(account(&["add", "b b", "--generate"], "").0, 65);
    assert_eq!(account(&["add", "bob", "--address", "nonsense", "--generate"], "").0, 64);
    assert_eq!(account(&["add", "bob", "--password-file", "missing"], "").0, 66);
    let made = account(&["add", "bob", "--generate", "--address", "*@example.org"], "").1;
    assert_eq!(made.trim().len(), 27, "{made}");
    let (_, listed, _) = account(&["list"], "");
    assert_eq!(listed, "ann@example.net  Ann\nbob              sends as *@example.org\n");
    assert_eq!(account(&["disable", "BOB"], "").0, 0);
    assert_eq!(account(&["grant", "bob", "info@example.net"], "").0, 0);
    assert_eq!(account(&["revoke", "bob", "*@example.org"], "").0, 0);
    assert_eq!(account(&["revoke", "bob", "*@example.org"], "").0, 65);
    assert_eq!(account(&["passwd", "bob", "--password-file", "-"], secret).0, 0);
    assert_eq!(account(&["passwd", "carol", "--generate"], "").0, 67);
    let listed: serde_json::Value =
        serde_json::from_str(&account(&["list", "--json"], "").1).unwrap();
    let bob = &listed[1];
    assert_eq!((&bob["login"], &bob["disabled"]), (&"bob".into(), &true.into()));
    assert_eq!(bob["addresses"], serde_json::json!(["info@example.net"]));
    assert_eq!(account(&["remove", "bob"], "").0, 0);
    assert_eq!(account(&["remove", "bob"], "").0, 67);
    let file = fs::read_to_string(site.data().join("accounts")).unwrap();
    assert!(!file.contains(secret.trim()) && !file.contains("bob"), "{file}");
    // A file that others could read is no file of accounts, for the check neither.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(site.data().join("accounts"), open).unwrap();
    let (code, _, why) = account(&["list"], "");
    assert!(code == 78 && why.contains("chmod 600"), "{code}: {why}");
    assert_eq!(site.run(&["check"], "").status.code(), Some(78));
}

/// Cases that hold end with 0, a broken one with 1 and the line that expected something else, a file
/// that is not right with 65.
#[test]
fn cases_are_played() {
    let site = Site::new();
    let cases = site.folder.path().join("cases.toml");
    let file = cases.to_str().unwrap();
    let case = |reply: &str| {
        format!(
            "[[case]]\nname = \"strangers\"\n[case.when]\nfrom = \"\"\nto = [\"x@far.example\"]\n\
             [case.then]\nreply = \"{reply}\"\n"
        )
    };
    for (content, code, said) in [
        (case("530 5.7.0"), 0, "the case holds"),
        (case("250"), 1, "cases.toml:7: reply\n        expected  250\n        got       530 5.7.0"),
        ("[[case]]\nnmae = 1\n".to_owned(), 65, "unknown key `case.nmae`"),
    ] {
        fs::write(&cases, content).unwrap();
        let played = site.run(&["test", file], "");
        assert_eq!(played.status.code(), Some(code), "{}", text(&played));
        assert!(text(&played).contains(said), "{}", text(&played));
    }
}

/// A service manager hears when the server is ready, and those who watch see what it does.
#[test]
fn a_server_is_watched() {
    let site = Site::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.configure(&format!("[metrics]\naddress = [\"127.0.0.1:{port}\"]\n"));
    let manager = site.folder.path().join("notify");
    let heard = std::os::unix::net::UnixDatagram::bind(&manager).unwrap();
    heard.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut serve = site.command(&["serve"]);
    serve.env("NOTIFY_SOCKET", &manager);
    let server = Server::start(serve);
    let mut said = [0; 256];
    let count = heard.recv(&mut said).unwrap();
    assert!(said[..count].starts_with(b"READY=1\n"), "{:?}", &said[..count]);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let sent = site.run(&["mail", "-s", "one", "ann@example.net"], "text\n");
    assert!(sent.status.success(), "{sent:?}");
    let rows = [
        ("/health", "200 OK", "alive\n"),
        ("/ready", "200 OK", "ready\n"),
        ("/metrics", "200 OK", "\npostrider_messages_total 1\n"),
        ("/metrics", "openmetrics-text", "# EOF\n"),
        ("/", "404 Not Found", "/metrics"),
    ];
    for (path, head, body) in rows {
        let answer = get(path);
        assert!(answer.contains(head) && answer.contains(body), "{path}: {answer}");
    }
    server.stop();
}
