//! A Dovecot that does nothing but keep accounts.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{LOGIN, PASSWORD};
use crate::host::within;

/// Until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it was unpacked.
pub(super) struct Dovecot {
    root: PathBuf,
}

/// A running one.
pub(super) struct Running {
    child: Child,
    socket: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its own children.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

impl Running {
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Dovecot {
    /// Below `peers`.
    pub(super) fn find(peers: &Path) -> Option<Self> {
        let root = peers.join("dovecot");
        root.join("usr/sbin/dovecot").exists().then_some(Self { root })
    }

    /// Starts one that knows the only account.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) fn start(&self, folder: &Path) -> io::Result<Running> {
        fs::create_dir_all(folder)?;
        let libexec = self.root.join("usr/lib/dovecot");
        fs::write(folder.join("users"), format!("{LOGIN}:{{PLAIN}}{PASSWORD}\n"))?;
        let file = folder.join("dovecot.conf");
        fs::write(&file, configuration(folder, &libexec))?;
        let mut libraries = vec![libexec.display().to_string()];
        for folder in ["modules", "modules/old-stats", "modules/auth"] {
            libraries.push(libexec.join(folder).display().to_string());
        }
        for triplet in ["x86_64-linux-gnu", "aarch64-linux-gnu"] {
            libraries.push(self.root.join("usr/lib").join(triplet).display().to_string());
        }
        // The master asks a program at a place that is compiled in for its settings, unless that
        // program starts it.
        let mut command = Command::new(self.root.join("usr/bin/doveconf"));
        command.arg("-c").arg(&file).args(["-f", "service=master", "-e"]);
        command.arg(self.root.join("usr/sbin/dovecot")).arg("-F").arg("-c").arg(&file);
        command.env("LD_LIBRARY_PATH", libraries.join(":"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(folder.join("stderr.log"))?);
        let running = Running { child: command.spawn()?, socket: folder.join("run/auth-client") };
        let answers = || UnixStream::connect(&running.socket).ok().map(drop);
        match within(PATIENCE, answers) {
            Some(()) => Ok(running),
            None => Err(io::Error::other("Dovecot does not answer")),
        }
    }
}

fn configuration(folder: &Path, libexec: &Path) -> String {
    let (folder, libexec) = (folder.display(), libexec.display());
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {libexec}
mail_plugin_dir = {libexec}/modules
auth_mechanisms = plain login scram-sha-256
auth_failure_delay = 0
protocols =
ssl = no
log_path = {folder}/log
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
import_environment = TZ LD_LIBRARY_PATH
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/tmp
}}
service auth {{
  user = root
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service stats {{
  user = root
}}
"
    )
}
