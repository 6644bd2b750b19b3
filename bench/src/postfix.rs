//! A Postfix as the peer that is measured or talked to, unpacked or installed, without a word to
//! the rest of the machine: its own configuration, queue, address and port.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Plan, Starter};

/// Postfix wants an owner of its queue who is nobody else, and a group for submissions. These
/// exist on every Debian and own no process here.
const OWNER: &str = "games";
const GROUP: &str = "voice";

/// Folders of the queue.
const FOLDERS: [&str; 14] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace", "pid",
];

/// Its services: name, type, chroot and limits left out, program with arguments.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// The files of a certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate and those that lead to its authority, in PEM.
    pub chain: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// Where a Postfix is, and what it is besides a relay.
pub struct Postfix {
    /// `/` for an installed one, else the folder its package was unpacked to.
    pub root: PathBuf,
    /// Name in greeting and `Received`.
    pub hostname: String,
    /// Its domain and the users in it; their Maildirs are `mail/{user}/` in its folder.
    pub local: Option<(String, Vec<String>)>,
    /// What it shows; then it sends over TLS only. None: it knows no TLS.
    pub certificate: Option<Certificate>,
}

impl Starter for Postfix {
    fn name(&self) -> &str {
        "postfix"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let (config, queue) = (plan.folder.join("etc"), plan.folder.join("queue"));
        let (data, mail) = (plan.folder.join("data"), plan.folder.join("mail"));
        let (owner, _) = user_id(OWNER)?;
        for folder in [&config, &queue, &data, &mail] {
            fs::create_dir_all(folder)?;
        }
        for folder in FOLDERS.map(|name| queue.join(name)) {
            fs::create_dir_all(&folder)?;
            if !folder.ends_with("pid") {
                chown(&folder, Some(owner), None)?;
            }
        }
        chown(&data, Some(owner), None)?;
        chown(&mail, Some(owner), None)?;
        reachable(&plan.folder)?;
        fs::write(config.join("main.cf"), self.main(plan, owner, &config))?;
        let program = self.programs().join("master");
        let mut listener = format!("{} inet n - n - 500 smtpd\n", plan.listen);
        listener.push_str(SERVICES);
        fs::write(config.join("master.cf"), listener)?;
        if let Some((domain, users)) = &self.local {
            let line = |user: &String| format!("{user}@{domain} {user}/\n");
            fs::write(config.join("boxes"), users.iter().map(line).collect::<String>())?;
        }
        let mut command = Command::new(program);
        command.arg("-c").arg(config).arg("-d").env("LD_LIBRARY_PATH", self.libraries());
        Ok(command)
    }
}

impl Postfix {
    /// The unpacked one below `folder`, else the installed one, if there is any.
    #[must_use]
    pub fn find(folder: &Path) -> Option<PathBuf> {
        let roots = [folder.join("postfix"), PathBuf::from("/")];
        roots.into_iter().find(|root| root.join("usr/lib/postfix/sbin/master").exists())
    }

    fn programs(&self) -> PathBuf {
        self.root.join("usr/lib/postfix/sbin")
    }

    fn libraries(&self) -> String {
        let at = |place: &str| self.root.join(place).display().to_string();
        [at("usr/lib/postfix"), at("usr/lib/x86_64-linux-gnu"), at("usr/lib/aarch64-linux-gnu")]
            .join(":")
    }

    fn main(&self, plan: &Plan, owner: u32, config: &Path) -> String {
        let (folder, config) = (plan.folder.display(), config.display());
        let (programs, libraries) = (self.programs(), self.libraries());
        let (hop, port) = (plan.next_hop.ip(), plan.next_hop.port());
        let mut text = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {folder}/queue\ndata_directory = {folder}/data\n\
             daemon_directory = {0}\ncommand_directory = {1}\nmeta_directory = {config}\n\
             shlib_directory = {1}/../lib/postfix\nmail_owner = {OWNER}\nsetgid_group = {GROUP}\n\
             import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH={libraries}\n\
             export_environment = LD_LIBRARY_PATH\n\
             maillog_file_prefixes = {folder}\nmaillog_file = {folder}/mail.log\n\
             myhostname = {2}\nmydestination =\nmynetworks = 127.0.0.0/8\n\
             inet_protocols = ipv4\ninet_interfaces = loopback-only\nsmtp_bind_address = {3}\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\n\
             default_process_limit = 120\nsmtp_destination_concurrency_limit = {4}\n\
             relayhost = [{hop}]:{port}\nalias_maps =\nlocal_recipient_maps =\n\
             minimal_backoff_time = 1s\nqueue_run_delay = 1s\nin_flow_delay = 0\n\
             smtputf8_enable = no\n",
            programs.display(),
            self.root.join("usr/sbin").display(),
            self.hostname,
            plan.listen.ip(),
            plan.connections,
        );
        match &self.certificate {
            Some(Certificate { chain, key }) => text.push_str(&format!(
                "smtpd_tls_security_level = may\nsmtp_tls_security_level = encrypt\n\
                 smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n\
                 smtpd_tls_received_header = yes\n",
                chain.display(),
                key.display(),
            )),
            None => {
                text.push_str("smtpd_tls_security_level = none\nsmtp_tls_security_level = none\n");
            }
        }
        if plan.paused {
            text.push_str("defer_transports = smtp, relay\n");
        }
        if let Some((domain, _)) = &self.local {
            text.push_str(&format!(
                "virtual_mailbox_domains = {domain}\nvirtual_mailbox_base = {folder}/mail\n\
                 virtual_mailbox_maps = texthash:{config}/boxes\nvirtual_minimum_uid = {owner}\n\
                 virtual_uid_maps = static:{owner}\nvirtual_gid_maps = static:{owner}\n"
            ));
        }
        text
    }
}

/// A user's number and main group by the name.
///
/// # Errors
/// There is none of that name.
pub fn user_id(name: &str) -> io::Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let ids = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = accounts.lines().find_map(ids);
    found.ok_or_else(|| io::Error::other(format!("no user {name}")))
}

/// Lets other users enter `folder`, which is ours; those above it are the operator's.
fn reachable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}
