//! Tables in files, in SQLite, in a real PostgreSQL and in a real OpenLDAP: what they say, who gets the
//! letter, and what waits while one of them is down.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bench::server::free_address;
use toml::{Table, Value};

use crate::certificates::Authority;
use crate::checks::{Checks, that};
use crate::databases::{self, Database, PASSWORD};
use crate::host::{DOMAIN, Host, within};
use crate::mailbox::letters;
use crate::talk::Talk;

/// Until a letter has arrived.
const PATIENCE: Duration = Duration::from_secs(20);
/// Keys that ask for more where they are pasted into a query or a filter.
const GREEDY: [&str; 4] = ["x' OR '1'='1", "*", "*)(uid=*", "dir)(|(uid=*"];

/// Plays all four; without a PostgreSQL or OpenLDAP, the others.
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
    println!("Tables");
    let folder = folder.join("tables");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let authority = Authority::new(&folder.join("authority"))?;
    let certificate = authority.signs(&["localhost"])?;
    let rows = [("post", "reader"), ("archived", "reader")];
    let postgres = match nix::unistd::geteuid().is_root() {
        true => databases::postgres(peers, &folder.join("postgres"), &certificate, &rows)?,
        false => None,
    };
    let people = [("dir", "reader@abuse.example"), ("archived", "keeper@abuse.example")];
    let slapd =
        databases::slapd(peers, &folder.join("slapd"), &certificate, &authority.file(), &people)?;
    let (Some(mut postgres), Some(mut slapd)) = (postgres, slapd) else {
        let remedy = "run interop/install.sh DIR postgresql slapd, as root";
        checks.missing("PostgreSQL and OpenLDAP", skip_missing, remedy);
        return Ok(());
    };
    let options = options(&folder, &authority.file(), &postgres, &slapd)?;
    let nowhere = free_address()?;
    let users = ["reader", "keeper"];
    let host = match Host::start(program, &folder.join("host"), nowhere, &users, &options) {
        Ok(host) => host,
        Err(error) if error.to_string().contains("built without the feature") => {
            let remedy = "cargo build --release -p postrider --features postgres,ldap";
            // Most are built without: then there is nothing to be seen.
            checks.missing("PostgreSQL and LDAP in the program", true, remedy);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let stage = Stage { program, host: &host };
    let failed = checks.failed();
    checks.check("`check` finds nothing wrong", stage.checked());
    for (table, key, want) in [
        ("file", format!("old@{DOMAIN}"), format!("reader@{DOMAIN}")),
        ("lite", "lite".to_owned(), "reader".to_owned()),
        ("staff", "post".to_owned(), "reader".to_owned()),
        ("people", "dir".to_owned(), format!("reader@{DOMAIN}")),
    ] {
        checks.check(&format!("table {table} says it"), stage.says(table, &key, &want));
        checks.check(&format!("table {table} gives no more"), stage.gives_no_more(table));
        let local = key.split('@').next().unwrap_or_default();
        checks.check(&format!("a letter finds its reader by {table}"), stage.arrives(local));
    }
    checks.check("a directory says who gets a copy", stage.copied());
    for (name, user, database) in
        [("PostgreSQL", "post", &mut postgres), ("OpenLDAP", "dir", &mut slapd)]
    {
        database.stop();
        checks.check(&format!("mail waits while {name} is down"), stage.waits(user));
        database.start()?;
        checks.check(&format!("and goes when {name} is back"), stage.comes_back(user));
    }
    checks.check("no password is in the log", stage.is_silent(&folder));
    let foreign = Authority::new(&folder.join("foreign"))?;
    let shown = stage.believes_no_other(&authority.file(), &foreign.file(), &folder);
    checks.check("a certificate of another authority is not believed", shown);
    if checks.failed() > failed {
        println!("--- ours\n{}\n--- postgres\n{}", host.log(), postgres.log());
    }
    Ok(())
}

/// The configuration: aliases by all four, canonical recipients by the file, copies by the directory.
fn options(
    folder: &Path,
    authority: &Path,
    postgres: &Database,
    slapd: &Database,
) -> io::Result<Vec<(&'static str, &'static str, Value)>> {
    let secret = folder.join("secret");
    fs::write(&secret, PASSWORD)?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let file = folder.join("canonical");
    fs::write(&file, format!("# as others see them\nold@{DOMAIN} reader@{DOMAIN}\n"))?;
    let lite = folder.join("people.db");
    let made = rusqlite::Connection::open(&lite).map_err(io::Error::other)?;
    made.execute_batch(
        "CREATE TABLE people (name, address); INSERT INTO people VALUES ('lite', 'reader');",
    )
    .map_err(io::Error::other)?;
    let text = |text: String| Value::from(text);
    let path = |path: &Path| Value::from(path.display().to_string());
    let list = |words: &[&str]| Value::Array(words.iter().map(|word| (*word).into()).collect());
    let asked = |pairs: Vec<(&str, Value)>| {
        // Nothing is kept, so that a database that is down is seen at once.
        let more = [("keep", "0s".into()), ("keep-nothing", "0s".into()), ("timeout", "2s".into())];
        let all = pairs.into_iter().chain(more);
        Value::Table(all.map(|(key, value)| (key.to_owned(), value)).collect::<Table>())
    };
    let classic = [("type", "file".into()), ("path", path(&file))];
    let classic = classic.map(|(key, value): (&str, Value)| (key.to_owned(), value));
    Ok(vec![
        ("table", "file", Value::Table(classic.into_iter().collect())),
        (
            "table",
            "lite",
            asked(vec![
                ("type", "sqlite".into()),
                ("path", path(&lite)),
                ("query", "SELECT address FROM people WHERE name = ?1".into()),
            ]),
        ),
        (
            "table",
            "staff",
            asked(vec![
                ("type", "postgres".into()),
                (
                    "server",
                    text(format!(
                        "postgres://postrider@localhost:{}/postgres",
                        postgres.place.port()
                    )),
                ),
                ("query", "SELECT address FROM staff WHERE name = $1".into()),
                ("password-file", path(&secret)),
                ("tls", "required".into()),
                ("roots", path(authority)),
            ]),
        ),
        (
            "table",
            "people",
            asked(vec![
                ("type", "ldap".into()),
                ("server", text(format!("ldap://localhost:{}", slapd.place.port()))),
                ("bind-dn", "cn=postrider,dc=example".into()),
                ("password-file", path(&secret)),
                ("base", "dc=example".into()),
                ("filter", "(&(objectClass=inetOrgPerson)(uid={key}))".into()),
                ("attributes", list(&["MAIL"])),
                ("tls", "required".into()),
                ("roots", path(authority)),
            ]),
        ),
        ("local", "aliases", list(&["table:lite", "table:staff", "table:people"])),
        ("canonical", "recipient-tables", list(&["file"])),
        ("copy", "recipient-tables", list(&["people"])),
    ])
}

struct Stage<'a> {
    program: &'a Path,
    host: &'a Host,
}

impl Stage<'_> {
    fn run(&self, arguments: &[&str]) -> Result<(Option<i32>, String), String> {
        let mut command = Command::new(self.program);
        command.args(arguments).arg("--config").arg(self.host.config_file());
        let output = command.output().map_err(|error| error.to_string())?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
    }

    fn checked(&self) -> Result<(), String> {
        let (code, said) = self.run(&["check"])?;
        that(code == Some(0), || said)
    }

    fn says(&self, table: &str, key: &str, want: &str) -> Result<(), String> {
        let (code, said) = self.run(&["table", table, key])?;
        that(code == Some(0) && said.lines().any(|line| line == want), || said)
    }

    fn gives_no_more(&self, table: &str) -> Result<(), String> {
        for key in GREEDY {
            let (code, said) = self.run(&["table", table, key])?;
            that(code == Some(1), || format!("{key}: {said}"))?;
        }
        Ok(())
    }

    fn arrives(&self, local: &str) -> Result<(), String> {
        let subject = format!("by {local}");
        let said = self.sent(local, &subject).map_err(|error| error.to_string())?;
        that(said.starts_with("250"), || said)?;
        self.host.await_letter(&subject).map_err(|error| error.to_string())
    }

    fn sent(&self, local: &str, subject: &str) -> io::Result<String> {
        let mut talk = Talk::open(self.host.address())?;
        let said = talk.letter(&format!("{local}@{DOMAIN}"), subject)?;
        talk.must("QUIT", "221")?;
        Ok(said)
    }

    fn copied(&self) -> Result<(), String> {
        self.arrives("archived")?;
        let copy = || {
            let found = letters(&self.host.maildir("keeper"));
            found.into_iter().find(|letter| letter.values("Subject") == ["by archived"])
        };
        let copy = within(PATIENCE, copy).ok_or_else(|| "no copy came".to_owned())?;
        let marked = copy.values("Postrider-Copy").len() == 1;
        that(marked && copy.values("Return-Path") == ["<>"], || format!("{:?}", copy.fields))
    }

    /// What a recipient is answered.
    fn asked(&self, local: &str) -> io::Result<String> {
        let mut talk = Talk::open(self.host.address())?;
        talk.must("MAIL FROM:<writer@client.example>", "250")?;
        let said = talk.ask(&format!("RCPT TO:<{local}@{DOMAIN}>"))?;
        talk.must("QUIT", "221")?;
        Ok(said)
    }

    fn waits(&self, local: &str) -> Result<(), String> {
        let said = self.asked(local).map_err(|error| error.to_string())?;
        that(said.starts_with("451"), || said)
    }

    fn comes_back(&self, local: &str) -> Result<(), String> {
        let mut said = String::new();
        let taken = within(PATIENCE, || {
            said = self.asked(local).unwrap_or_else(|error| error.to_string());
            said.starts_with("250").then_some(())
        });
        that(taken.is_some(), || said)
    }

    fn believes_no_other(&self, ours: &Path, foreign: &Path, folder: &Path) -> Result<(), String> {
        let config = fs::read_to_string(self.host.config_file()).map_err(|it| it.to_string())?;
        let file = folder.join("foreign.toml");
        let config = config.replace(&ours.display().to_string(), &foreign.display().to_string());
        fs::write(&file, config).map_err(|error| error.to_string())?;
        for (table, key) in [("staff", "post"), ("people", "dir")] {
            let mut command = Command::new(self.program);
            command.args(["table", table, key, "--config"]).arg(&file);
            let output = command.output().map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr);
            let is_refused = output.status.code() == Some(75) && said.contains("certificate");
            that(is_refused, || format!("{table}: {said}"))?;
        }
        Ok(())
    }

    fn is_silent(&self, folder: &Path) -> Result<(), String> {
        for file in ["host/stderr.log", "host/stdout.log"] {
            let log = fs::read_to_string(folder.join(file)).unwrap_or_default();
            that(!log.contains(PASSWORD), || format!("it is in {file}"))?;
        }
        Ok(())
    }
}
