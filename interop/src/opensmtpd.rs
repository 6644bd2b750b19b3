//! An OpenSMTPD as the peer that is talked to. Its paths are compiled in, so it runs in a mount
//! namespace of its own, where what was unpacked lies over the folders of this machine. As root.

use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::postfix::Certificate;
use bench::server::{Plan, Starter};

/// Its own users, and the one all mailboxes belong to, as they are in its namespace only.
const OWN: u32 = 791;
const QUEUE: u32 = 792;
const READER: u32 = 2001;

/// Where an OpenSMTPD is, its domain and users; their Maildirs are `mail/{user}/` in its folder.
pub struct Opensmtpd {
    /// The folder its package was unpacked to.
    pub root: PathBuf,
    /// Its name, and its domain.
    pub domain: String,
    /// Who has a mailbox.
    pub users: Vec<String>,
    /// What it shows; none: it offers no TLS.
    pub certificate: Option<Certificate>,
}

impl Opensmtpd {
    /// The unpacked one below `folder`, where we are root.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        let root = folder.join("opensmtpd");
        (root.join("usr/sbin/smtpd").exists() && nix::unistd::geteuid().is_root()).then_some(root)
    }

    fn configuration(&self, plan: &Plan) -> io::Result<String> {
        let (folder, domain, hop) = (plan.folder.display(), &self.domain, plan.next_hop);
        let mut text = String::new();
        let (mut offer, mut scheme) = ("", "smtp");
        if let Some(Certificate { chain, key }) = &self.certificate {
            let chain = chain.display();
            // It takes no key that others can read.
            let own = plan.folder.join("key.pem");
            fs::copy(key, &own)?;
            fs::set_permissions(&own, fs::Permissions::from_mode(0o600))?;
            let key = own.display();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "pki here cert \"{chain}\"\npki here key \"{key}\"");
            (offer, scheme) = (" tls pki here", "smtp+tls");
        }
        let (ip, port) = (plan.listen.ip(), plan.listen.port());
        let _ = write!(
            text,
            "listen on {ip} port {port}{offer} hostname {domain}\n\
             action \"box\" maildir \"{folder}/mail/%{{user.username}}\"\n\
             action \"away\" relay host \"{scheme}://{}:{}\" tls no-verify src {ip} helo {domain}\n\
             match from any for domain \"{domain}\" action \"box\"\n\
             match from any for any action \"away\"\n",
            hop.ip(),
            hop.port(),
        );
        if self.certificate.is_none() {
            text = text.replace(" tls no-verify", "");
        }
        Ok(text)
    }

    /// The accounts of this machine and those of the peer, in its own `/etc`.
    fn accounts(&self, plan: &Plan) -> io::Result<()> {
        let etc = plan.folder.join("etc");
        fs::create_dir_all(&etc)?;
        let mut users = fs::read_to_string("/etc/passwd")?;
        let mut groups = fs::read_to_string("/etc/group")?;
        let nowhere = "/var/lib/opensmtpd/empty";
        for (name, id) in [("opensmtpd", OWN), ("opensmtpq", QUEUE), ("readers", READER)] {
            let _ = writeln!(groups, "{name}:x:{id}:");
            let _ = writeln!(users, "{name}:x:{id}:{id}::{nowhere}:/bin/false");
        }
        for user in &self.users {
            let home = plan.folder.join("mail").join(user);
            fs::create_dir_all(&home)?;
            chown(&home, Some(READER), Some(READER))?;
            let _ = writeln!(users, "{user}:x:{READER}:{READER}::{}:/bin/false", home.display());
        }
        fs::write(etc.join("passwd"), users)?;
        fs::write(etc.join("group"), groups)
    }
}

impl Starter for Opensmtpd {
    fn name(&self) -> &str {
        "opensmtpd"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let folder = &plan.folder;
        for part in ["spool", "run", "lib/opensmtpd/empty", "mail"] {
            fs::create_dir_all(folder.join(part))?;
        }
        self.accounts(plan)?;
        let file = folder.join("smtpd.conf");
        fs::write(&file, self.configuration(plan)?)?;
        let (root, at) = (self.root.display(), folder.display());
        let over = |above: &str, below: &str| {
            format!("mount -t overlay over -o lowerdir={above}:{below} {below}\n")
        };
        let mut script = "set -e\n".to_owned();
        for below in ["/usr/libexec", "/usr/sbin", "/usr/lib"] {
            let above = format!("{root}{below}");
            if Path::new(&above).exists() && Path::new(below).exists() {
                script.push_str(&over(&above, below));
            }
        }
        script.push_str(&over(&format!("{at}/etc"), "/etc"));
        script.push_str(&over(&format!("{at}/lib"), "/var/lib"));
        let _ = write!(
            script,
            "mount --bind {at}/spool /var/spool\nmount --bind {at}/run /run\n\
             exec /usr/sbin/smtpd -d -f {}\n",
            file.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).arg(script).current_dir(folder);
        Ok(command)
    }
}
