//! Every way that a route can name, with real processes at its end: mailboxes, programs that end in
//! every manner, files, nowhere, a mail store over LMTP, smarthosts with a login and a preference, and
//! the addresses that connections come from. And what the tools tell of each. As root, since programs
//! must not have its rights and get those of another.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench::server::free_address;
use toml::{Table, Value};

use crate::checks::{Checks, that};
use crate::dovecot::{self, Store};
use crate::host::{DOMAIN, Host, within};
use crate::mailbox::{await_letter, letters};
use crate::submission::{LOGIN, PASSWORD, add_account};
use crate::talk::{Talk, wanted};

/// Until a letter has met its fate.
const PATIENCE: Duration = Duration::from_secs(30);
/// With whose rights programs run.
const USER: &str = "nobody";

/// What becomes of a letter.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fate {
    Delivered,
    Waits,
    Returned,
    /// At once, in the session.
    Refused,
}
use Fate::{Delivered, Refused, Returned, Waits};

/// A recipient, and what `why` says of it.
struct Row {
    to: &'static str,
    fate: Fate,
    says: &'static str,
}

const ROWS: &[Row] = &[
    Row { to: "ann@boxes.example", fate: Delivered, says: "was delivered" },
    Row { to: "eve@boxes.example", fate: Returned, says: "no mailbox" },
    Row { to: "good@pipe.example", fate: Delivered, says: "was delivered" },
    Row { to: "tempfail@pipe.example", fate: Waits, says: "75 (to be tried again): locked" },
    Row { to: "nouser@pipe.example", fate: Returned, says: "67 (no such user): who?" },
    Row { to: "usage@pipe.example", fate: Waits, says: "64 (wrong usage)" },
    Row { to: "killed@pipe.example", fate: Waits, says: "killed by signal 9" },
    Row { to: "hangs@pipe.example", fate: Waits, says: "was ended after 2 s" },
    Row { to: "floods@pipe.example", fate: Waits, says: "wrote more than 65536 octets" },
    Row { to: "unfit@pipe.example", fate: Waits, says: "cannot be run" },
    Row { to: "x@discard.example", fate: Delivered, says: "was" },
    Row { to: "x@moved.example", fate: Refused, says: "550 5.1.6 She has moved" },
    Row { to: "x@closed.example", fate: Refused, says: "450 4.2.1 Closed today" },
    Row { to: "saved@abuse.example", fate: Delivered, says: "was delivered" },
];

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
    println!("transports: every way that a route can name");
    if !nix::unistd::geteuid().is_root() {
        checks.missing("the rights of root", skip_missing, "run it as root");
        return Ok(());
    }
    let folder = folder.join("transports");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let stage = Stage::open(program, peers, &folder)?;
    let failed = checks.failed();
    for row in ROWS {
        let sent = hand_in(&stage.ours, "reader@abuse.example", row.to);
        let sent = sent.map_err(|error| error.to_string());
        let told = match (sent, row.fate) {
            (Err(said), Refused) if said.contains(row.says) => fate(&stage, row),
            (Ok(()), Refused) => Err("it was taken".to_owned()),
            (sent, _) => sent.and_then(|()| fate(&stage, row)),
        };
        checks.check(&format!("{}: {}", row.to, row.says), told);
    }
    checks.check("programs and files have what they took", effects(&stage));
    checks.check("the queue has those that wait, and no others", queue(&stage));
    for (name, outcome) in hubs(&stage) {
        checks.check(name, outcome);
    }
    for (name, outcome) in dropped(&stage, &folder)? {
        checks.check(name, outcome);
    }
    match &stage.store {
        Some(store) => checks.check("a mail store has it over LMTP", lmtp(&stage, store)),
        None => checks.missing("dovecot", skip_missing, "run interop/install.sh"),
    }
    if checks.failed() > failed {
        println!("--- ours\n{}\n--- the hub\n{}", stage.ours.log(), stage.hub.log());
    }
    Ok(())
}

/// The processes.
struct Stage {
    program: PathBuf,
    folder: PathBuf,
    ours: Host,
    hub: Host,
    store: Option<Store>,
}

impl Stage {
    fn open(program: &Path, peers: &Path, folder: &Path) -> io::Result<Self> {
        let out = folder.join("out");
        fs::create_dir_all(&out)?;
        fs::set_permissions(&out, fs::Permissions::from_mode(0o777))?;
        fs::create_dir_all(folder.join("boxes/boxes.example/ann"))?;
        fs::write(folder.join("aliases"), format!("saved: {}/saved\n", out.display()))?;
        let root = peers.join("dovecot");
        let store = match root.join("usr/sbin/dovecot").exists() {
            true => Some(Store::start(&root, &folder.join("store"))?),
            false => None,
        };
        let doors = Doors::free()?;
        let hub = hub(program, &folder.join("hub"), &doors)?;
        let options = ours(folder, &doors, hub.address(), store.as_ref())?;
        let ours = Host::start(program, &folder.join("ours"), doors.closed, &["reader"], &options)?;
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Ok(Self { program, folder, ours, hub, store })
    }

    /// What a tool says about ours.
    fn tool(&self, arguments: &[&str]) -> Result<String, String> {
        self.tool_at(&self.ours, arguments)
    }

    fn tool_at(&self, host: &Host, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("POSTRIDER_CONFIG", host.config_file());
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn out(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("out").join(name)).unwrap_or_default()
    }
}

/// Where the hub listens, and where nobody does.
struct Doors {
    closed: SocketAddr,
    six: SocketAddr,
    submission: SocketAddr,
}

impl Doors {
    fn free() -> io::Result<Self> {
        let six = std::net::TcpListener::bind("[::1]:0")?.local_addr()?;
        Ok(Self { closed: free_address()?, six, submission: free_address()? })
    }
}

/// The hub has mailboxes in several domains, and lets its users log in.
fn hub(program: &Path, folder: &Path, doors: &Doors) -> io::Result<Host> {
    let domains =
        [DOMAIN, "two.hub.example", "six.hub.example", "hub.example", "login.hub.example"];
    let options = [
        ("local", "domains", list(&domains)),
        ("listen", "six", listener(doors.six, "mx")),
        ("listen", "submission", listener(doors.submission, "submission")),
        ("accounts", "login-failures", 1000.into()),
        ("accounts", "address-failures", 1000.into()),
    ];
    let hub = Host::start(program, folder, doors.closed, &[LOGIN], &options)?;
    add_account(program, &hub)?;
    Ok(hub)
}

fn listener(address: SocketAddr, kind: &str) -> Value {
    table(&[("address", address.to_string().into()), ("kind", kind.into()), ("tls", "none".into())])
}

fn list(words: &[&str]) -> Value {
    Value::Array(words.iter().map(|word| Value::from(*word)).collect())
}

fn table(entries: &[(&str, Value)]) -> Value {
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Value::Table(entries.collect::<Table>())
}

type Options = Vec<(&'static str, &'static str, Value)>;

/// The routes of the host under test.
fn ours(
    folder: &Path,
    doors: &Doors,
    hub: SocketAddr,
    store: Option<&Store>,
) -> io::Result<Options> {
    let at = |place: SocketAddr| match place {
        SocketAddr::V4(place) => format!("smtp:[{}]:{}", place.ip(), place.port()),
        SocketAddr::V6(place) => format!("smtp:[IPv6:{}]:{}", place.ip(), place.port()),
    };
    let secret = |name: &str, password: &str| {
        let file = folder.join(name);
        fs::write(&file, password)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        let login = ("login", Value::from(LOGIN));
        let file = ("secret-file", Value::from(file.display().to_string()));
        io::Result::Ok(table(&[login, file, ("allow-clear", true.into())]))
    };
    let submission = at(doors.submission);
    let with = |to: &str, more: (&str, &str)| table(&[("to", to.into()), (more.0, more.1.into())]);
    let boxes = format!("mailbox:maildir:{}/boxes/{{domain}}/{{user}}", folder.display());
    let hosts = list(&[&at(doors.closed), &submission]);
    let preferred = table(&[("to", hosts), ("login", "good".into())]);
    let mut options: Options = vec![
        ("local", "aliases", list(&[&folder.join("aliases").display().to_string()])),
        ("local", "files", list(&["aliases"])),
        ("local", "command-user", USER.into()),
        ("route", "boxes.example", boxes.into()),
        ("route", "discard.example", "discard".into()),
        ("route", "moved.example", "error:5.1.6 She has moved".into()),
        ("route", "closed.example", "error:4.2.1 Closed today".into()),
        // The first of the two is closed.
        ("route", "login.hub.example", preferred),
        ("route", "nologin.example", with(&submission, ("login", "bad"))),
        ("route", "six.hub.example", with(&at(doors.six), ("source", "six"))),
        ("smarthost", "good@127.0.0.1", secret("good", PASSWORD)?),
        ("smarthost", "bad@127.0.0.1", secret("bad", "a wrong one")?),
        ("source", "two", table(&[("address", list(&["127.0.0.2"]))])),
        ("source", "three", table(&[("address", list(&["127.0.0.3"]))])),
        ("source", "six", table(&[("address", list(&["::1"]))])),
    ];
    options.extend(programs(folder));
    let mut recipients = Table::new();
    for row in ROWS {
        if let Some(name) = row.to.strip_suffix("@pipe.example") {
            recipients.insert(row.to.to_owned(), format!("pipe:{name}").into());
        }
    }
    recipients.insert("@two.hub.example".to_owned(), with(&at(hub), ("source", "two")));
    let senders = table(&[("shop@abuse.example", with(&at(hub), ("source", "three")))]);
    options.push(("route", "sender", senders));
    options.push(("route", "recipient", Value::Table(recipients)));
    if let Some(store) = store {
        let route = format!("lmtp:[{}]:{}", store.place.ip(), store.place.port());
        options.push(("route", dovecot::STORE, route.into()));
    }
    Ok(options)
}

/// A program for each manner to end.
fn programs(folder: &Path) -> Options {
    let shell = |script: &str, more: &[(&str, Value)]| {
        let mut entries = vec![
            ("command", list(&["/bin/sh", "-c", script, "{user}", "{sender}"])),
            ("user", USER.into()),
        ];
        entries.extend(more.iter().cloned());
        table(&entries)
    };
    let good = format!("(id -un; echo \"$0 $1 $RECIPIENT\"; cat) > {}/out/piped", folder.display());
    let none = list(&["/nonexistent/program"]);
    vec![
        ("pipe", "good", shell(&good, &[])),
        ("pipe", "tempfail", shell("echo locked; exit 75", &[])),
        ("pipe", "nouser", shell("echo 'who?' >&2; exit 67", &[])),
        ("pipe", "usage", shell("exit 64", &[])),
        ("pipe", "killed", shell("kill -9 $$", &[])),
        ("pipe", "hangs", shell("sleep 1000", &[("time-limit", "2s".into())])),
        (
            "pipe",
            "floods",
            shell("while :; do echo aaaaaaaaaaaa; done", &[("output", "64KiB".into())]),
        ),
        ("pipe", "unfit", table(&[("command", none), ("user", USER.into())])),
    ]
}

/// Hands in a letter from `sender` to `to`, with the recipient as its subject.
fn hand_in(host: &Host, sender: &str, to: &str) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.must(&format!("MAIL FROM:<{sender}>"), "250")?;
    talk.must(&format!("RCPT TO:<{to}>"), "250")?;
    talk.must("DATA", "354")?;
    wanted(&talk.ask(&format!("Subject: {to}\r\n\r\n..a body\r\nFrom here\r\n."))?, "250")?;
    talk.must("QUIT", "221")?;
    Ok(())
}

/// Waits until `why` tells of the fate that is wanted.
fn fate(stage: &Stage, row: &Row) -> Result<(), String> {
    fate_at(stage, &stage.ours, row)
}

fn fate_at(stage: &Stage, host: &Host, row: &Row) -> Result<(), String> {
    let kind = match row.fate {
        Delivered => "was",
        Waits => "it waits: the",
        Returned => "it failed for good",
        Refused => "was refused on",
    };
    let mut last = String::new();
    let found = within(PATIENCE, || {
        last = stage.tool_at(host, &["why", row.to]).unwrap_or_else(|error| error);
        let flat = last.split_whitespace().collect::<Vec<_>>().join(" ");
        (flat.contains(&format!("or {} ", row.to))
            && flat.contains(kind)
            && flat.contains(row.says))
        .then_some(())
    });
    found.ok_or(last)
}

fn effects(stage: &Stage) -> Result<(), String> {
    let piped = stage.out("piped");
    let begin =
        format!("{USER}\ngood reader@abuse.example good@pipe.example\nReturn-Path: <reader@");
    that(piped.starts_with(&begin), || format!("the program was given {piped:?}"))?;
    that(piped.ends_with("\n\n.a body\nFrom here\n"), || format!("it read {piped:?}"))?;
    let saved = stage.out("saved");
    let is_mbox = saved.starts_with("From reader@abuse.example ");
    that(is_mbox && saved.contains("\n>From here\n"), || format!("saved is {saved:?}"))?;
    let boxes = stage.folder.join("boxes/boxes.example");
    that(letters(&boxes.join("ann")).len() == 1, || "ann has no letter".to_owned())?;
    that(!boxes.join("eve").exists(), || "a mailbox was made for eve".to_owned())?;
    let reports = letters(&stage.ours.maildir("reader"));
    for row in ROWS {
        let told = format!("Final-Recipient: rfc822; {}", row.to);
        let is_told =
            |report: &&crate::mailbox::Found| String::from_utf8_lossy(&report.body).contains(&told);
        let count = reports.iter().filter(is_told).count();
        let wanted = usize::from(row.fate == Returned);
        that(count == wanted, || format!("{count} reports of {}", row.to))?;
    }
    Ok(())
}

/// The addresses in the queue, and the trace of one that was returned.
fn queue(stage: &Stage) -> Result<(), String> {
    let listed = stage.tool(&["queue", "list", "--json"])?;
    for row in ROWS {
        let is_there = listed.contains(&format!("\"{}\"", row.to));
        that(is_there == (row.fate == Waits), || format!("{}: {listed}", row.to))?;
    }
    let why = stage.tool(&["why", "--json", "x@moved.example"])?;
    that(why.contains("postrider.toml:"), || format!("no line of the route: {why}"))?;
    let why = stage.tool(&["why", "--json", "nouser@pipe.example"])?;
    let id = why.split_once("\"id\":\"").and_then(|(_, rest)| rest.split('"').next());
    let id = id.ok_or_else(|| format!("no id in {why}"))?;
    let trace = stage.tool(&["trace", id])?;
    for part in ["RCPT TO:<nouser@pipe.example>", "67 (no such user): who?"] {
        that(trace.contains(part), || format!("the trace lacks {part}: {trace}"))?;
    }
    Ok(())
}

/// What the hub gets, by which way, and from which address.
fn hubs(stage: &Stage) -> Vec<(&'static str, Result<(), String>)> {
    let by = |sender: &str, to: &str, sign: &str| {
        hand_in(&stage.ours, sender, to).map_err(|error| error.to_string())?;
        let folder = stage.hub.maildir(LOGIN);
        let found = await_letter(&folder, PATIENCE, |letter| letter.values("Subject") == [to]);
        let found = found.ok_or_else(|| format!("the hub has nothing for {to}"))?;
        let received = found.values("Received").first().map(|field| (*field).to_owned());
        let received = received.unwrap_or_default();
        that(received.contains(sign), || format!("{to} came by {received}"))
    };
    let reader = "reader@abuse.example";
    let turned_away = || {
        let to = "x@nologin.example";
        hand_in(&stage.ours, reader, to).map_err(|error| error.to_string())?;
        let row = Row { to, fate: Waits, says: "SCRAM-SHA-256 was answered 535 5.7.8" };
        fate(stage, &row)?;
        let why = stage.tool(&["why", to])?;
        that(!why.contains("a wrong one"), || "the secret is shown".to_owned())
    };
    vec![
        (
            "the second of two smarthosts lets us in",
            by(reader, "reader@login.hub.example", "ESMTPA"),
        ),
        (
            "a route of a domain goes out from ::1",
            by(reader, "reader@six.hub.example", "[IPv6:::1]"),
        ),
        (
            "one of all recipients of a domain goes out from 127.0.0.2",
            by(reader, "reader@two.hub.example", "[127.0.0.2]"),
        ),
        (
            "one of a sender goes out from 127.0.0.3",
            by("shop@abuse.example", "reader@hub.example", "[127.0.0.3]"),
        ),
        ("a smarthost that does not let us in", turned_away()),
    ]
}

/// Who the server becomes that puts the rights of root off.
const SERVER: &str = "games";

/// A server that is not root any more: programs and files still get the rights of their users.
fn dropped(stage: &Stage, folder: &Path) -> io::Result<Vec<(&'static str, Result<(), String>)>> {
    let out = folder.join("out");
    let aliases = folder.join("aliases-dropped");
    fs::write(&aliases, format!("kept: {}/kept\n", out.display()))?;
    let mut options: Options = vec![
        ("", "user", SERVER.into()),
        ("local", "aliases", list(&[&aliases.display().to_string()])),
        ("local", "files", list(&["aliases"])),
        ("local", "command-user", USER.into()),
        ("route", "recipient", {
            let row = |name: &str| (format!("{name}@pipe.example"), format!("pipe:{name}").into());
            Value::Table(["good", "hangs", "nouser"].map(row).into_iter().collect::<Table>())
        }),
    ];
    options.extend(programs(folder));
    let nobody = free_address()?;
    let path = folder.join("dropped");
    let mut host = Host::start(&stage.program, &path, nobody, &["reader"], &options)?;
    fs::remove_file(out.join("piped"))?;
    let told = |row: Row| {
        hand_in(&host, "reader@abuse.example", row.to).map_err(|error| error.to_string())?;
        fate_at(stage, &host, &row)
    };
    let program = told(Row { to: "good@pipe.example", fate: Delivered, says: "was delivered" });
    let program = program.and_then(|()| {
        let piped = stage.out("piped");
        that(piped.starts_with(&format!("{USER}\n")), || format!("it was given {piped:?}"))
    });
    let refused =
        told(Row { to: "nouser@pipe.example", fate: Returned, says: "67 (no such user)" });
    let file = told(Row { to: "kept@abuse.example", fate: Delivered, says: "was delivered" });
    let file = file.and_then(|()| {
        let kept = stage.out("kept");
        that(kept.contains("From reader@abuse.example "), || format!("kept is {kept:?}"))
    });
    let hangs = told(Row { to: "hangs@pipe.example", fate: Waits, says: "was ended after 2 s" });
    let server = host.take()?;
    let keeper = keeper_of(server.pid());
    let rights = keeper.clone().and_then(|keeper| {
        let (its, ours) = (user_of(keeper), user_of(server.pid()));
        that(ours.is_some_and(|uid| uid != 0), || "the server is root still".to_owned())?;
        that(its == Some(0), || "the keeper is not root".to_owned())
    });
    server.kill9()?;
    let ends = keeper.and_then(|keeper| {
        let gone = || (!Path::new(&format!("/proc/{keeper}/stat")).exists()).then_some(());
        within(PATIENCE, gone).ok_or_else(|| format!("the keeper {keeper} goes on"))
    });
    Ok(vec![
        ("a server that is not root runs a program as another user", program),
        ("and hears how it ended", refused),
        ("and writes a file as another user", file),
        ("and ends a program that hangs", hangs),
        ("it has no rights of root, and its keeper has", rights),
        ("the keeper ends with a server that is killed", ends),
    ])
}

/// The child of `server` that keeps the rights of root.
fn keeper_of(server: u32) -> Result<u32, String> {
    let children = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let mut pids = children.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_keeper = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("keep-rights") && status(*pid, "PPid:") == Some(server)
    };
    pids.find(is_keeper).ok_or_else(|| "there is no keeper of rights".to_owned())
}

fn user_of(pid: u32) -> Option<u32> {
    status(pid, "Uid:")
}

/// The first number of a line of the status of a process.
fn status(pid: u32, name: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn lmtp(stage: &Stage, store: &Store) -> Result<(), String> {
    let to = format!("ann@{}", dovecot::STORE);
    hand_in(&stage.ours, "reader@abuse.example", &to).map_err(|error| error.to_string())?;
    let mine = |letter: &crate::mailbox::Found| letter.values("Subject") == [to.as_str()];
    let found = await_letter(&store.maildir("ann"), PATIENCE, mine);
    let letter = found.ok_or_else(|| "the store has nothing".to_owned())?;
    that(letter.body == b".a body\nFrom here\n", || format!("{:?}", letter.body))
}
