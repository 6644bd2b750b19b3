//! Who takes part, and how each is told what its world looks like.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bare::Bare;
use crate::postfix::Postfix;
use crate::server::{Plan, Starter};

/// The domain of the mailboxes.
pub const HOME: &str = "home.example";

/// What a contest needs besides a plan.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Domains with a next hop of their own.
    pub routes: Vec<(String, SocketAddr)>,
    /// Who has a Maildir in `HOME`.
    pub users: Vec<String>,
}

/// A server that takes part.
#[derive(Clone, Debug)]
pub enum Contender {
    /// Ours.
    Postrider {
        /// The program.
        program: PathBuf,
    },
    /// Debian's Postfix.
    Postfix {
        /// Where it is unpacked.
        root: PathBuf,
        /// As its documentation advises for much mail; else with the values it comes with.
        tuned: bool,
    },
    /// The least that a server can do.
    Bare {
        /// This program.
        program: PathBuf,
    },
}

impl Contender {
    /// For the table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postrider { .. } => "postrider",
            Self::Postfix { tuned: true, .. } => "postfix tuned",
            Self::Postfix { tuned: false, .. } => "postfix",
            Self::Bare { .. } => "bare",
        }
    }

    /// The starter of a server in that setup.
    pub(super) fn starter<'a>(&'a self, setup: &'a Setup) -> Box<dyn Starter + 'a> {
        match self {
            Self::Bare { program } => Box::new(Bare { program: program.clone() }),
            _ => Box::new(Told { contender: self, setup }),
        }
    }

    /// Where the new letters of `user` come.
    pub(super) fn maildir(&self, plan: &Plan, user: &str) -> PathBuf {
        let mail = match self {
            Self::Postrider { .. } => plan.folder.join("data/mail"),
            _ => plan.folder.join("mail"),
        };
        mail.join(user).join("new")
    }

    /// Runs the program that lists the queue; its output is counted and thrown away.
    pub(super) fn list(&self, plan: &Plan) -> io::Result<u64> {
        let mut command = match self {
            Self::Postrider { program } => {
                let mut command = Command::new(program);
                command.arg("mailq").env("POSTRIDER_CONFIG", plan.folder.join("postrider.toml"));
                command
            }
            Self::Postfix { root, .. } => postqueue(root, plan, "-p"),
            Self::Bare { .. } => return Ok(0),
        };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let listed = child.stdout.take().map(|mut out| io::copy(&mut out, &mut io::sink()));
        let status = child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("the list of the queue ended with {status}")));
        }
        listed.unwrap_or(Ok(0))
    }

    /// Has everything in the queue tried now.
    pub(super) fn flush(&self, plan: &Plan) -> io::Result<()> {
        let mut command = match self {
            Self::Postrider { program } => {
                let mut command = Command::new(program);
                command.args(["sendmail", "-q"]);
                command.env("POSTRIDER_CONFIG", plan.folder.join("postrider.toml"));
                command
            }
            Self::Postfix { root, .. } => postqueue(root, plan, "-f"),
            Self::Bare { .. } => return Ok(()),
        };
        let status = command.stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("the flush failed")) }
    }
}

fn postqueue(root: &Path, plan: &Plan, what: &str) -> Command {
    let mut command = Command::new(root.join("usr/sbin/postqueue"));
    command.arg("-c").arg(plan.folder.join("etc")).arg(what);
    let libraries = [root.join("usr/lib/postfix"), root.join("usr/lib/x86_64-linux-gnu")];
    command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap_or_default());
    command
}

/// A server with its setup.
struct Told<'a> {
    contender: &'a Contender,
    setup: &'a Setup,
}

impl Starter for Told<'_> {
    fn name(&self) -> &str {
        self.contender.name()
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        match self.contender {
            Contender::Postrider { program } => {
                let file = plan.folder.join("postrider.toml");
                fs::write(&file, self.postrider(plan))?;
                let mut command = Command::new(program);
                command.arg("serve").arg("--config").arg(file);
                Ok(command)
            }
            Contender::Postfix { root, tuned } => self.postfix(plan, root, *tuned),
            Contender::Bare { program } => Bare { program: program.clone() }.prepare(plan),
        }
    }
}

impl Told<'_> {
    fn postrider(&self, plan: &Plan) -> String {
        let data = plan.folder.join("data");
        let mut text = format!(
            "hostname = \"mx.bench.example\"\ndata-dir = {data:?}\n\n\
             [listen.mx]\naddress = [\"{}\"]\nkind = \"mx\"\ntls = \"none\"\n\n\
             [relay]\nnetworks = [\"127.0.0.0/8\"]\n\n[queue]\npaused = {}\n\n\
             [limits]\nsessions = 20000\n\n[route]\ndefault = \"smtp:[{}]:{}\"\n",
            plan.listen,
            plan.paused,
            plan.next_hop.ip(),
            plan.next_hop.port(),
        );
        for (domain, hop) in &self.setup.routes {
            text.push_str(&format!("{domain:?} = \"smtp:[{}]:{}\"\n", hop.ip(), hop.port()));
        }
        if !self.setup.users.is_empty() {
            let users = &self.setup.users;
            text.push_str(&format!("\n[local]\ndomains = [{HOME:?}]\nusers = {users:?}\n"));
        }
        text
    }

    fn postfix(&self, plan: &Plan, root: &Path, tuned: bool) -> io::Result<Command> {
        let users = &self.setup.users;
        let postfix = Postfix {
            root: root.to_path_buf(),
            hostname: "postfix.bench.example".to_owned(),
            local: (!users.is_empty()).then(|| (HOME.to_owned(), users.clone())),
            certificate: None,
        };
        let command = postfix.prepare(plan)?;
        let config = plan.folder.join("etc");
        let mut own = match tuned {
            // What it comes with.
            false => "default_process_limit = 100\nin_flow_delay = 1s\n\
                      smtp_destination_concurrency_limit = 20\n"
                .to_owned(),
            // What its TUNING_README advises for much mail.
            true => "default_process_limit = 200\nin_flow_delay = 0\n\
                     smtp_destination_concurrency_limit = 50\n\
                     smtp_connection_cache_on_demand = yes\n\
                     qmgr_message_active_limit = 40000\nqmgr_message_recipient_limit = 40000\n\
                     smtpd_peername_lookup = no\n"
                .to_owned(),
        };
        own.push_str(
            "minimal_backoff_time = 300s\nqueue_run_delay = 300s\nmessage_size_limit = 0\n\
             mailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n",
        );
        if !self.setup.routes.is_empty() {
            let line = |(domain, hop): &(String, SocketAddr)| {
                format!("{domain} smtp:[{}]:{}\n", hop.ip(), hop.port())
            };
            let lines: String = self.setup.routes.iter().map(line).collect();
            fs::write(config.join("transport"), lines)?;
            own.push_str(&format!("transport_maps = texthash:{}/transport\n", config.display()));
        }
        let main = config.join("main.cf");
        let text = replaced(&fs::read_to_string(&main)?, &own);
        fs::write(main, text)?;
        Ok(command)
    }
}

/// `main` with the settings of `own` in place of those of the same name. A setting that stands there
/// twice makes each process warn, and a burst of warnings can bring its log to a standstill.
fn replaced(main: &str, own: &str) -> String {
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let names: Vec<String> = own.lines().map(name).collect();
    let kept = main.lines().filter(|line| !names.contains(&name(line)));
    let mut text: String = kept.map(|line| format!("{line}\n")).collect();
    text.push_str(own);
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_setting_stands_there_once() {
        let text = super::replaced("a = 1\nb = 2\n", "b = 3\nc = 4\n");
        assert_eq!(text, "a = 1\nb = 3\nc = 4\n");
    }
}
