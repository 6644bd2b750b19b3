//! One `postrider` that a play mistreats, and what can be seen of it from outside.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bench::cost;
use bench::server::{Plan, Running, Starter, free_address, tail};
use toml::Value;

use crate::mailbox::letters;
use crate::postrider::{self, Postrider, set};
use crate::talk::{Talk, wanted};

/// Its domain.
pub const DOMAIN: &str = "abuse.example";
/// Who reads there.
pub const READER: &str = "reader@abuse.example";
/// A mailbox that is reached through the next hop.
pub const FAR: &str = "reader@far.example";
/// Until a letter must have arrived, and until what must vanish is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A server with its folder; everything in it is the play's.
pub struct Host {
    program: PathBuf,
    starter: Postrider,
    plan: Plan,
    running: Option<Running>,
    idle_kib: u64,
}

impl Host {
    /// Starts a server in an empty `folder` that delivers locally and sends all else to `next_hop`;
    /// `options` are `(section, key, value)` of its configuration.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        program: &Path,
        folder: &Path,
        next_hop: SocketAddr,
        users: &[&str],
        options: &[(&str, &str, Value)],
    ) -> io::Result<Self> {
        Self::start_for(program, folder, DOMAIN, next_hop, users, options)
    }

    /// The same for another domain.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_for(
        program: &Path,
        folder: &Path,
        domain: &str,
        next_hop: SocketAddr,
        users: &[&str],
        options: &[(&str, &str, Value)],
    ) -> io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let mut starter = postrider::local(program, domain, users);
        let way = format!("smtp:[{}]:{}", next_hop.ip(), next_hop.port());
        set(&mut starter.config, "route", "default", way.into());
        let retry = ["1s", "1s", "2s"].map(Value::from).to_vec();
        set(&mut starter.config, "queue", "retry", Value::Array(retry));
        for (section, key, value) in options {
            set(&mut starter.config, section, key, value.clone());
        }
        let plan = Plan {
            folder: folder.to_owned(),
            listen: free_address()?,
            next_hop,
            paused: false,
            connections: 20,
            traced: false,
        };
        let program = program.to_owned();
        let mut host = Self { program, starter, plan, running: None, idle_kib: 0 };
        host.restart()?;
        Ok(host)
    }

    /// Starts it again after [`Self::kill9`] or [`Self::take`], over what it left.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        let starter: &dyn Starter = &self.starter;
        self.running = Some(Running::start(starter, &self.plan)?);
        // Its first session has run: what a session needs once is there.
        Talk::open(self.address())?.must("QUIT", "221")?;
        self.idle_kib = cost::of_tree(self.pid()).resident_kib;
        Ok(())
    }

    /// Sets a key of its configuration for the next start; the old value.
    pub fn set(&mut self, section: &str, key: &str, value: Value) -> Option<Value> {
        let config = &mut self.starter.config;
        let old = config.get(section).and_then(|part| part.get(key)).cloned();
        set(config, section, key, value);
        old
    }

    /// The configuration it reads.
    pub fn config_file(&self) -> PathBuf {
        Postrider::file(&self.plan.folder)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.plan.listen
    }

    fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, Running::pid)
    }

    /// Forgets the peak of its memory so far.
    pub fn forget_peak(&self) {
        // Where the kernel refuses, the old peak is the stricter measure.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.pid()), "5");
    }

    /// KiB that it was resident at the peak, over what it is when idle.
    pub fn growth_kib(&self) -> u64 {
        cost::of_tree(self.pid()).peak_kib.saturating_sub(self.idle_kib)
    }

    /// KiB that it is resident when nobody asks anything of it.
    pub fn idle_kib(&self) -> u64 {
        self.idle_kib
    }

    /// Hands out the process, to be stopped.
    ///
    /// # Errors
    /// It does not run.
    pub fn take(&mut self) -> io::Result<Running> {
        self.running.take().ok_or_else(|| io::Error::other("the server does not run"))
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// It had ended by itself.
    pub fn kill9(&mut self) -> io::Result<()> {
        self.take()?.kill9()
    }

    /// The Maildir of `user`.
    pub fn maildir(&self, user: &str) -> PathBuf {
        Postrider::maildir(&self.plan.folder, user)
    }

    /// How many letters with that subject lie in the mailbox of `user`.
    pub fn count(&self, user: &str, subject: &str) -> usize {
        let found = letters(&self.maildir(user));
        found.iter().filter(|letter| letter.values("Subject") == [subject]).count()
    }

    /// Waits for a letter with that subject in the mailbox of the reader.
    ///
    /// # Errors
    /// It does not come.
    pub fn await_letter(&self, subject: &str) -> io::Result<()> {
        within(PATIENCE, || (self.count("reader", subject) > 0).then_some(()))
            .ok_or_else(|| io::Error::other(format!("the letter \"{subject}\" never came")))
    }

    /// Sends a good letter in a session of its own and sees it arrive.
    ///
    /// # Errors
    /// It is refused or does not come.
    pub fn good_letter(&self, subject: &str) -> io::Result<()> {
        let mut talk = Talk::open(self.address())?;
        wanted(&talk.letter(READER, subject)?, "250")?;
        talk.must("QUIT", "221")?;
        self.await_letter(subject)
    }

    /// Waits until nothing is in flight: no row in `mailq`, no file of a large body.
    ///
    /// # Errors
    /// Something stays.
    pub fn await_empty(&self) -> io::Result<()> {
        let mut left = String::new();
        within(PATIENCE, || {
            left = self.mailq().unwrap_or_else(|error| error.to_string());
            if left.is_empty() {
                left = self.bodies().join(" ");
            }
            left.is_empty().then_some(())
        })
        .ok_or_else(|| io::Error::other(format!("left behind: {left}")))
    }

    /// The queue, one JSON object a line.
    fn mailq(&self) -> io::Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["mailq", "--json"]);
        let output =
            command.env("POSTRIDER_CONFIG", Postrider::file(&self.plan.folder)).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The files of large bodies.
    pub fn bodies(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.plan.folder.join("data/spool/big")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
                match entry.path() {
                    path if path.is_dir() => open.push(path),
                    path => found.push(path.display().to_string()),
                }
            }
        }
        found
    }

    /// `spool verify` over what the stopped server left.
    ///
    /// # Errors
    /// What it complains of; or it finds something although `empty` was said.
    pub fn verify(&self, empty: bool) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["spool", "verify", "--data-dir"]).arg(self.plan.folder.join("data"));
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let nothing = said.starts_with("0 messages") && said.contains(" 0 large bodies");
        if output.status.success() && (nothing || !empty) {
            return Ok(());
        }
        Err(io::Error::other(said.into_owned()))
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.plan.folder.join("stderr.log"))
    }
}

/// Looks until there is something to see or `patience` is over.
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= end {
            return seen;
        }
        std::thread::sleep(LOOK);
    }
}
