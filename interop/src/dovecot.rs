//! A Dovecot as the mail store that takes letters over LMTP. Its paths are compiled in, so it runs in
//! a mount namespace of its own, where what was unpacked lies over the folders of this machine. As
//! root.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench::server::{free_address, tail};
use toml::Value;

use crate::checks::{Checks, that};
use crate::host::{DOMAIN, Host, within};
use crate::mailbox::{await_letter, letters};
use crate::talk::{Talk, wanted};

/// The domain whose mailboxes it has.
pub(crate) const STORE: &str = "store.example";
/// Who owns them.
const OWNER: u32 = 2001;
/// Until a letter must have arrived, or the store listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Letters go through ours into the store, each recipient on its own.
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
    println!("Dovecot, over LMTP");
    let root = peers.join("dovecot");
    if !root.join("usr/sbin/dovecot").exists() || !nix::unistd::geteuid().is_root() {
        checks.missing("dovecot", skip_missing, "run interop/install.sh, as root");
        return Ok(());
    }
    let folder = folder.join("dovecot");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut store = Store::start(&root, &folder.join("store"))?;
    let place = store.place;
    let route = format!("lmtp:[{}]:{}", place.ip(), place.port());
    let options = [("route", STORE, Value::from(route))];
    let host = Host::start(program, &folder.join("host"), place, &["reader"], &options)?;
    let failed = checks.failed();
    checks.check("each mailbox of the store has its letter", taken(&host, &store));
    checks.check("a recipient the store does not know comes back alone", partly(&host, &store));
    checks.check("an 8-bit letter arrives octet by octet", eight_bit(&host, &store));
    if checks.failed() > failed {
        println!("--- ours\n{}\n--- dovecot\n{}", host.log(), store.log());
    }
    store.stop();
    Ok(())
}

/// A Dovecot that runs.
pub(crate) struct Store {
    folder: PathBuf,
    /// Where it takes letters over LMTP.
    pub(crate) place: SocketAddr,
    child: Child,
}

impl Store {
    /// Starts the one that is unpacked at `root`, with mailboxes for ann and bob.
    ///
    /// # Errors
    /// It does not greet.
    pub(crate) fn start(root: &Path, folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let place = free_address()?;
        let mut users = String::new();
        for user in ["ann", "bob"] {
            let home = folder.join(user);
            fs::create_dir_all(&home)?;
            chown(&home, Some(OWNER), Some(OWNER))?;
            // Writing to a String cannot fail.
            let _ = writeln!(
                users,
                "{user}@{STORE}:{{plain}}secret:{OWNER}:{OWNER}::{}::",
                home.display()
            );
        }
        fs::write(folder.join("users"), users)?;
        fs::write(folder.join("dovecot.conf"), configuration(folder, place))?;
        let mut script = "set -e\n".to_owned();
        for part in ["/usr/lib", "/usr/sbin", "/usr/share", "/usr/libexec", "/usr/bin"] {
            let above = format!("{}{part}", root.display());
            if Path::new(&above).exists() && Path::new(part).exists() {
                let _ = writeln!(script, "mount -t overlay over -o lowerdir={above}:{part} {part}");
            }
        }
        let at = folder.display();
        let _ = writeln!(script, "exec /usr/sbin/dovecot -F -c {at}/dovecot.conf");
        let log = fs::File::create(folder.join("stderr.log"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).arg(script).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut store = Self { folder: folder.to_owned(), place, child };
        let listens = || Talk::greeted(place).ok().filter(|(_, said)| said.starts_with("220"));
        if within(PATIENCE, listens).is_none() {
            let log = store.log();
            store.stop();
            return Err(io::Error::other(format!("dovecot does not greet: {log}")));
        }
        Ok(store)
    }

    /// New letters of a user are in a Maildir below her home.
    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.folder.join(user).join("Maildir")
    }

    fn log(&self) -> String {
        format!(
            "{}\n{}",
            tail(&self.folder.join("stderr.log")),
            tail(&self.folder.join("dovecot.log"))
        )
    }

    fn stop(&mut self) {
        // It ends its own children when asked; one that is gone already needs nothing.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

fn configuration(folder: &Path, place: SocketAddr) -> String {
    let at = folder.display();
    format!(
        "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/dovecot.log\n\
         protocols = lmtp\nssl = no\nauth_mechanisms = plain\n\
         default_internal_user = games\ndefault_internal_group = games\n\
         default_login_user = daemon\nfirst_valid_uid = 1\nmail_location = maildir:~/Maildir\n\
         passdb {{\n  driver = passwd-file\n  args = {at}/users\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = {at}/users\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = {}\n    port = {}\n  }}\n}}\n",
        place.ip(),
        place.port(),
    )
}

/// Hands in a letter with that subject and body.
fn hand_in(host: &Host, to: &[&str], subject: &str, body: &str) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.must(&format!("MAIL FROM:<reader@{DOMAIN}> BODY=8BITMIME"), "250")?;
    for user in to {
        talk.must(&format!("RCPT TO:<{user}@{STORE}>"), "250")?;
    }
    talk.must("DATA", "354")?;
    let body = body.replace('\n', "\r\n");
    wanted(&talk.ask(&format!("Subject: {subject}\r\n\r\n{body}."))?, "250")?;
    talk.must("QUIT", "221")?;
    Ok(())
}

fn found(store: &Store, user: &str, subject: &str, body: &str) -> Result<(), String> {
    let folder = store.maildir(user);
    let ours = |found: &crate::mailbox::Found| found.values("Subject") == [subject];
    let letter = await_letter(&folder, PATIENCE, ours)
        .ok_or_else(|| format!("nothing in {}", folder.display()))?;
    that(letter.body == body.as_bytes(), || format!("{} differs", letter.path.display()))?;
    let count = letters(&folder).iter().filter(|found| ours(found)).count();
    that(count == 1, || format!("{user} has it {count} times"))
}

fn taken(host: &Host, store: &Store) -> Result<(), String> {
    let body = "Hello,\n.dots\n..\n";
    hand_in(host, &["ann", "bob"], "both", &body.replace("\n.", "\n.."))
        .map_err(|error| error.to_string())?;
    found(store, "ann", "both", body)?;
    found(store, "bob", "both", body)
}

fn partly(host: &Host, store: &Store) -> Result<(), String> {
    let (subject, body) = ("partly", "One of you is not there.\n");
    hand_in(host, &["ann", "missing", "bob"], subject, body).map_err(|error| error.to_string())?;
    found(store, "ann", subject, body)?;
    found(store, "bob", subject, body)?;
    let about = format!("missing@{STORE}");
    let report = |found: &crate::mailbox::Found| {
        let text = String::from_utf8_lossy(&found.body);
        text.contains(&format!("Final-Recipient: rfc822; {about}"))
            && !text.contains("Final-Recipient: rfc822; ann@")
    };
    await_letter(&host.maildir("reader"), PATIENCE, report)
        .map(|_| ())
        .ok_or_else(|| format!("no report about {about} alone"))
}

fn eight_bit(host: &Host, store: &Store) -> Result<(), String> {
    let body = "Grüße aus Zürich, 東京\n";
    hand_in(host, &["bob"], "octets", body).map_err(|error| error.to_string())?;
    found(store, "bob", "octets", body)
}
