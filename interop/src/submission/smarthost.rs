//! Ours as the client of a submission server of other make, with every mechanism that both speak: a
//! Dovecot that lets authors in by password, by token and by certificate, and hands on to another
//! server of ours what they submit. As root, like `dovecot`.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bench::postfix::Certificate;
use bench::server::{free_address, tail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use toml::{Table, Value};

use super::{LOGIN, PASSWORD};
use crate::certificates::Authority;
use crate::checks::Checks;
use crate::host::{Host, READER, within};
use crate::talk::{Talk, wanted};

/// The domain of the server that submits.
const DOMAIN: &str = "writer.example";
/// Who owns the homes of Dovecot's users.
const OWNER: u32 = 2001;
/// Until Dovecot greets, or has told what it was asked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// What tokens are signed with: as long as the digest.
const KEY: &[u8] = b"a key that is worth nothing, 32 o";
/// How long a token lives.
const LIFE: i64 = 3600;

/// What is shown at the submission server.
enum Shown {
    Password,
    Token,
    Certificate,
}

const CASES: [(&str, Shown); 6] = [
    ("PLAIN", Shown::Password),
    ("LOGIN", Shown::Password),
    ("SCRAM-SHA-256", Shown::Password),
    ("OAUTHBEARER", Shown::Token),
    ("XOAUTH2", Shown::Token),
    ("EXTERNAL", Shown::Certificate),
];

/// Plays it.
///
/// # Errors
/// A server does not start.
pub(super) fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    let root = peers.join("dovecot-submissiond");
    if !root.join("usr/lib/dovecot/submission").exists() || !nix::unistd::geteuid().is_root() {
        let remedy = "run interop/install.sh, as root";
        checks.missing("dovecot-submissiond", skip_missing, remedy);
        return Ok(());
    }
    let authority = Authority::new(&folder.join("certificates"))?;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let far = Host::start(program, &folder.join("far"), nowhere, &["reader"], &[])?;
    let server = Submission::start(&root, &folder.join("server"), &authority, far.address())?;
    let secret = folder.join("secret");
    keep(&secret, PASSWORD)?;
    let Certificate { chain, key } = authority.signs(&[LOGIN])?;
    let file = |path: &Path| Value::from(path.display().to_string());
    let options = [("smarthost", "127.0.0.1", smarthost("PLAIN", &secret, &Shown::Password))];
    let users = ["writer"];
    let at = folder.join("near");
    let mut near = Host::start_for(program, &at, DOMAIN, server.place, &users, &options)?;
    for (mechanism, shown) in &CASES {
        // Shown only where it counts: with it Dovecot takes the name that LOGIN says for the password.
        if matches!(shown, Shown::Certificate) {
            near.set("tls", "client-certificate", file(&chain));
            near.set("tls", "client-key", file(&key));
        }
        let told = format!("method={mechanism},");
        let outcome = submitted(&mut near, &far, &secret, mechanism, shown)
            .and_then(|()| server.has_told(&told));
        checks.check(&format!("ours at Dovecot with {mechanism}"), text(outcome, &near, &server));
    }
    let renewed = renewed(&mut near, &far, &secret, &server);
    let name = "mail waits behind a token that is over, and goes when another program renews it";
    checks.check(name, text(renewed, &near, &server));
    Ok(())
}

fn text(outcome: io::Result<()>, near: &Host, server: &Submission) -> Result<(), String> {
    outcome.map_err(|error| format!("{error}\n--- ours\n{}\n---\n{}", near.log(), server.log()))
}

/// `[smarthost."127.0.0.1"]`.
fn smarthost(mechanism: &str, secret: &Path, shown: &Shown) -> Value {
    let mut table = Table::new();
    table.insert("mechanisms".into(), Value::Array(vec![mechanism.into()]));
    // An address has no name that a certificate could be for.
    table.insert("allow-clear".into(), true.into());
    if !matches!(shown, Shown::Certificate) {
        table.insert("login".into(), LOGIN.into());
        table.insert("secret-file".into(), secret.display().to_string().into());
    }
    if matches!(shown, Shown::Token) {
        table.insert("secret".into(), "token".into());
    }
    table.into()
}

fn keep(file: &Path, secret: &str) -> io::Result<()> {
    fs::write(file, secret)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

/// Starts ours anew with that login, and sends a letter by it.
fn submitted(
    near: &mut Host,
    far: &Host,
    secret: &Path,
    mechanism: &str,
    shown: &Shown,
) -> io::Result<()> {
    match shown {
        Shown::Password => keep(secret, PASSWORD)?,
        Shown::Token => keep(secret, &token(LIFE)?)?,
        Shown::Certificate => {}
    }
    near.set("smarthost", "127.0.0.1", smarthost(mechanism, secret, shown));
    near.take()?.stop()?;
    near.restart()?;
    let subject = format!("by {mechanism}");
    hand_in(near, &subject)?;
    far.await_letter(&subject)
}

fn hand_in(near: &Host, subject: &str) -> io::Result<()> {
    let mut talk = Talk::open(near.address())?;
    wanted(&talk.letter(READER, subject)?, "250")?;
    talk.must("QUIT", "221").map(drop)
}

/// The token in the file is over; another one is put there while the letter waits.
fn renewed(near: &mut Host, far: &Host, secret: &Path, server: &Submission) -> io::Result<()> {
    keep(secret, &token(-LIFE)?)?;
    near.set("smarthost", "127.0.0.1", smarthost("OAUTHBEARER", secret, &Shown::Token));
    near.take()?.stop()?;
    near.restart()?;
    hand_in(near, "renewed")?;
    server.has_told("Token has expired")?;
    keep(secret, &token(LIFE)?)?;
    far.await_letter("renewed")
}

/// A token for the only account that lives for so many seconds from now (RFC 7519, HS256).
fn token(life: i64) -> io::Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    let now = i64::try_from(now.as_secs()).map_err(io::Error::other)?;
    let (since, until) = (now - 2 * LIFE, now + life);
    let claims = format!(
        "{{\"email\":\"{LOGIN}\",\"sub\":\"{LOGIN}\",\"iat\":{since},\"nbf\":{since},\"exp\":{until}}}"
    );
    let mut text = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).map_err(io::Error::other)?;
    mac.update(text.as_bytes());
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    Ok(text)
}

/// A Dovecot that takes submissions.
struct Submission {
    folder: PathBuf,
    place: SocketAddr,
    child: Child,
}

impl Submission {
    fn start(
        root: &Path,
        folder: &Path,
        authority: &Authority,
        relay: SocketAddr,
    ) -> io::Result<Self> {
        let (home, keys) = (folder.join("home"), folder.join("keys/default/HS256"));
        fs::create_dir_all(&home)?;
        fs::create_dir_all(&keys)?;
        chown(&home, Some(OWNER), Some(OWNER))?;
        fs::write(keys.join("default"), STANDARD.encode(KEY))?;
        fs::write(folder.join("users"), format!("{LOGIN}:{{PLAIN}}{PASSWORD}\n"))?;
        let at = folder.display();
        let tokens = format!(
            "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={at}/keys/\n\
             username_attribute = email\n"
        );
        fs::write(folder.join("tokens.conf"), tokens)?;
        let place = free_address()?;
        let shown = authority.signs(&["localhost"])?;
        let text = configuration(folder, place, relay, &shown, &authority.file());
        fs::write(folder.join("dovecot.conf"), text)?;
        let mut script = "set -e\n".to_owned();
        for part in ["/usr/lib", "/usr/sbin", "/usr/share", "/usr/libexec", "/usr/bin"] {
            let above = format!("{}{part}", root.display());
            if Path::new(&above).exists() && Path::new(part).exists() {
                // Writing to a String cannot fail.
                let _ = writeln!(script, "mount -t overlay over -o lowerdir={above}:{part} {part}");
            }
        }
        let _ = writeln!(script, "exec /usr/sbin/dovecot -F -c {at}/dovecot.conf");
        let log = fs::File::create(folder.join("stderr.log"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).arg(script).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let server = Self { folder: folder.to_owned(), place, child };
        let greets = || Talk::greeted(place).ok().filter(|(_, said)| said.starts_with("220"));
        match within(PATIENCE, greets) {
            Some(_) => Ok(server),
            None => Err(io::Error::other(format!("Dovecot does not greet: {}", server.log()))),
        }
    }

    fn log(&self) -> String {
        let of = |name: &str| tail(&self.folder.join(name));
        format!("{}\n{}", of("stderr.log"), of("dovecot.log"))
    }

    /// Its log has these words.
    fn has_told(&self, words: &str) -> io::Result<()> {
        let log = self.folder.join("dovecot.log");
        let told = || fs::read_to_string(&log).ok().filter(|text| text.contains(words)).map(drop);
        within(PATIENCE, told)
            .ok_or_else(|| io::Error::other(format!("no {words:?} in the log of Dovecot")))
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        // It ends its own children when asked; one that is gone already needs nothing.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn configuration(
    folder: &Path,
    place: SocketAddr,
    relay: SocketAddr,
    shown: &Certificate,
    authority: &Path,
) -> String {
    let (at, authority) = (folder.display(), authority.display());
    let (chain, key) = (shown.chain.display(), shown.key.display());
    let (address, port) = (place.ip(), place.port());
    let (relay, relay_port) = (relay.ip(), relay.port());
    format!(
        "base_dir = {at}/run
state_dir = {at}/state
log_path = {at}/dovecot.log
protocols = submission
hostname = localhost
auth_mechanisms = plain login scram-sha-256 oauthbearer xoauth2 external
auth_failure_delay = 0
auth_verbose = yes
ssl = required
ssl_cert = <{chain}
ssl_key = <{key}
ssl_ca = <{authority}
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
default_internal_user = games
default_internal_group = games
default_login_user = daemon
first_valid_uid = 1
mail_location = maildir:~/Maildir
submission_relay_host = {relay}
submission_relay_port = {relay_port}
submission_relay_trusted = no
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {at}/tokens.conf
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login scram-sha-256
  args = {at}/users
}}
userdb {{
  driver = static
  args = uid={OWNER} gid={OWNER} home={at}/home
}}
service submission-login {{
  inet_listener submission {{
    address = {address}
    port = {port}
  }}
}}
"
    )
}
