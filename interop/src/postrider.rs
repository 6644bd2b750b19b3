//! A `postrider` with any configuration.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench::server::{Plan, Starter};
use toml::{Table, Value};

/// One host that runs `postrider`.
pub struct Postrider {
    /// The program.
    pub program: PathBuf,
    /// Its name in the world.
    pub hostname: String,
    /// All of its configuration but what [`Plan`] says.
    pub config: Table,
    /// Where it asks for names.
    pub name_server: Option<SocketAddr>,
    /// Where else it listens.
    pub more_addresses: Vec<SocketAddr>,
}

impl Postrider {
    /// The file it reads.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("postrider.toml")
    }

    /// The Maildir of a user.
    pub fn maildir(folder: &Path, user: &str) -> PathBuf {
        folder.join("data/mail").join(user)
    }

    fn table(&self, plan: &Plan) -> Table {
        let mut table = self.config.clone();
        let data = plan.folder.join("data").display().to_string();
        table.insert("hostname".into(), self.hostname.clone().into());
        table.insert("data-dir".into(), data.into());
        let mut addresses = vec![plan.listen];
        addresses.extend(&self.more_addresses);
        let texts = addresses.iter().map(|address| Value::from(address.to_string()));
        set(&mut table, "listen", "mx", {
            let mut listener = Table::new();
            listener.insert("address".into(), Value::Array(texts.collect()));
            listener.insert("kind".into(), "mx".into());
            // With a certificate, the default: STARTTLS.
            if !self.config.contains_key("tls") {
                listener.insert("tls".into(), "none".into());
            }
            listener.into()
        });
        set(&mut table, "outbound", "port", i64::from(plan.listen.port()).into());
        let source = Value::from(plan.listen.ip().to_string());
        set(&mut table, "outbound", "source", Value::Array(vec![source]));
        if let Some(server) = self.name_server {
            set(&mut table, "dns", "servers", Value::Array(vec![server.to_string().into()]));
        }
        table
    }
}

impl Starter for Postrider {
    fn name(&self) -> &str {
        &self.hostname
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let file = Self::file(&plan.folder);
        let text = toml::to_string(&self.table(plan)).map_err(io::Error::other)?;
        fs::write(&file, text)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(file).current_dir(&plan.folder);
        Ok(command)
    }
}

/// A host whose `domain` is local, with a mailbox for each of `users`.
pub fn local(program: &Path, domain: &str, users: &[&str]) -> Postrider {
    let mut config = Table::new();
    let list = |words: &[&str]| Value::Array(words.iter().map(|word| (*word).into()).collect());
    set(&mut config, "local", "domains", list(&[domain]));
    set(&mut config, "local", "users", list(users));
    set(&mut config, "relay", "networks", list(&["127.0.0.0/8"]));
    Postrider {
        program: program.to_owned(),
        hostname: domain.to_owned(),
        config,
        name_server: None,
        more_addresses: Vec::new(),
    }
}

/// Sets `table.section.key`, making the section if it is not there; without a section, `table.key`.
pub fn set(table: &mut Table, section: &str, key: &str, value: Value) {
    if section.is_empty() {
        table.insert(key.into(), value);
        return;
    }
    let part = table.entry(section).or_insert_with(|| Table::new().into());
    if let Value::Table(part) = part {
        part.insert(key.into(), value);
    }
}

/// Hands in a letter as a program on that host does, and returns what was printed.
///
/// # Errors
/// The program cannot be run, or says that it did not take the letter.
pub fn sendmail(
    program: &Path,
    folder: &Path,
    sender: &str,
    recipients: &[String],
    letter: &str,
) -> io::Result<String> {
    let mut command = Command::new(program);
    command.arg("sendmail").env("POSTRIDER_CONFIG", Postrider::file(folder));
    command.args(["-i", "-f", sender]).args(recipients).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(letter.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Ok(said),
        false => Err(io::Error::other(format!("{}: {said}", output.status))),
    }
}
