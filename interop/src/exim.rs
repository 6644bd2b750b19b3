//! An Exim as the peer that is talked to: its own configuration, spool, address and port.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::postfix::{Certificate, user_id};
use bench::server::{Plan, Starter};

/// The user that Debian's Exim has compiled in.
const USER: &str = "Debian-exim";

/// Where an Exim is, its domain and users; their Maildirs are `mail/{user}/` in its folder.
pub struct Exim {
    /// `/` for an installed one, else the folder its package was unpacked to.
    pub root: PathBuf,
    /// Its name, and its domain.
    pub domain: String,
    /// Who has a mailbox.
    pub users: Vec<String>,
    /// What it shows; then it sends over TLS only. None: it knows no TLS.
    pub certificate: Option<Certificate>,
}

impl Exim {
    /// The unpacked one below `folder`, else the installed one, if there is any.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        let roots = [folder.join("exim"), PathBuf::from("/")];
        roots.into_iter().find(|root| root.join("usr/sbin/exim4").exists())
    }

    fn configuration(&self, plan: &Plan) -> String {
        let (folder, program) = (plan.folder.display(), self.root.join("usr/sbin/exim4"));
        let (program, domain, users) = (program.display(), &self.domain, self.users.join(" : "));
        let (listen, hop) = (plan.listen, plan.next_hop);
        let (offer, wish) = match &self.certificate {
            Some(Certificate { chain, key }) => {
                let (chain, key) = (chain.display(), key.display());
                let offer = "tls_advertise_hosts = *\n";
                let offer = format!("{offer}tls_certificate = {chain}\ntls_privatekey = {key}\n");
                (offer, "hosts_require_tls = *\n  tls_verify_hosts =\n  tls_try_verify_hosts =")
            }
            None => ("tls_advertise_hosts =\n".to_owned(), "hosts_avoid_tls = *"),
        };
        format!(
            "primary_hostname = {domain}\nexim_path = {program}\nspool_directory = {folder}/spool\n\
             log_file_path = {folder}/%slog\npid_file_path = {folder}/exim.pid\n\
             local_interfaces = {}.{}\nkeep_environment = LD_LIBRARY_PATH\n\
             {offer}deliver_drop_privilege\nno_prdr_enable\n\
             smtp_accept_max = 200\nsmtp_accept_queue_per_connection = 0\n\
             acl_smtp_rcpt = recipients\n\n\
             begin acl\nrecipients:\n  deny !domains = {domain}\n       !hosts = 127.0.0.0/8\n  \
             require verify = recipient\n  accept\n\n\
             begin routers\nhere:\n  driver = accept\n  domains = {domain}\n  \
             local_parts = {users}\n  transport = box\n  no_more\nnobody:\n  driver = redirect\n  \
             domains = {domain}\n  allow_fail\n  data = :fail: no such mailbox\n\
             away:\n  driver = manualroute\n  domains = ! {domain}\n  \
             route_list = * {}\n  self = send\n  transport = wire\n\n\
             begin transports\nbox:\n  driver = appendfile\n  maildir_format\n  \
             directory = {folder}/mail/$local_part_data\n  create_directory\n  \
             return_path_add\n  delivery_date_add\n\
             wire:\n  driver = smtp\n  port = {}\n  interface = {}\n  allow_localhost\n  \
             {wish}\n\n\
             begin retry\n* * F,1h,1s\n",
            listen.ip(),
            listen.port(),
            hop.ip(),
            hop.port(),
            listen.ip(),
        )
    }
}

impl Starter for Exim {
    fn name(&self) -> &str {
        "exim"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let (user, group) = user_id(USER)?;
        for folder in [&plan.folder, &plan.folder.join("spool"), &plan.folder.join("mail")] {
            fs::create_dir_all(folder)?;
            chown(folder, Some(user), Some(group))?;
        }
        let file = plan.folder.join("exim.conf");
        fs::write(&file, self.configuration(plan))?;
        let at = |place: &str| self.root.join(place).display().to_string();
        let libraries = [at("usr/lib/x86_64-linux-gnu"), at("usr/lib/aarch64-linux-gnu")];
        let mut command = Command::new(self.root.join("usr/sbin/exim4"));
        // In the foreground, looking at its queue each second.
        command.arg("-C").arg(file).args(["-bdf", "-q1s"]);
        command
            .env("LD_LIBRARY_PATH", libraries.join(":"))
            .uid(user)
            .gid(group)
            .current_dir(&plan.folder);
        Ok(command)
    }
}
