//! Starts the server that is measured, and ends it.
//!
//! [`Starter`] is the place for peers: what is asked of a server is little enough for any of them.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::Client;
use crate::cost;

/// How long a server may take to greet, or to stop when asked.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long one connection waits for the greeting: some servers leave a client alone that came
/// while they were starting.
const GREETING: Duration = Duration::from_secs(5);
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(5);

/// What a server shall be and do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its folder, on a real disk; a second start finds what the first left.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// To where it sends all mail.
    pub next_hop: SocketAddr,
    /// True: accept and keep, try nothing.
    pub paused: bool,
    /// Connections it may open to the next hop.
    pub connections: usize,
    /// True: count its calls of fsync, at some cost.
    pub traced: bool,
}

/// A kind of server.
pub trait Starter {
    /// For the table.
    fn name(&self) -> &str;
    /// Writes its configuration and gives the command that runs it in the foreground.
    ///
    /// # Errors
    /// The folder cannot be written, or the server does not fit the plan.
    fn prepare(&self, plan: &Plan) -> io::Result<Command>;
}

/// Our own.
pub struct Postrider {
    /// The program.
    pub program: PathBuf,
}

impl Starter for Postrider {
    fn name(&self) -> &str {
        "postrider"
    }

    fn prepare(&self, plan: &Plan) -> io::Result<Command> {
        let file = plan.folder.join("postrider.toml");
        let (data, connections) = (plan.folder.join("data"), plan.connections);
        let text = format!(
            "hostname = \"mx.bench.example\"\ndata-dir = {data:?}\n\n\
             [listen.mx]\naddress = [\"{}\"]\nkind = \"mx\"\ntls = \"none\"\n\n\
             [relay]\nnetworks = [\"127.0.0.0/8\"]\n\n\
             [route]\ndefault = \"smtp:[{}]:{}\"\n\n\
             [queue]\npaused = {}\ndestination-connections = {connections}\n\
             retry = [\"1s\", \"2s\", \"5s\"]\n",
            plan.listen,
            plan.next_hop.ip(),
            plan.next_hop.port(),
            plan.paused,
        );
        fs::write(&file, text)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(file);
        Ok(command)
    }
}

/// A server that runs; dropping it kills it.
pub struct Running {
    child: Child,
    /// The server itself, also when a tracer stands between.
    pid: u32,
    trace: Option<PathBuf>,
    /// From the start of the process to its greeting.
    pub greeted: Duration,
}

impl Running {
    /// Starts a server and waits for its greeting.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or does not greet in [`PATIENCE`].
    pub fn start(starter: &dyn Starter, plan: &Plan) -> io::Result<Self> {
        fs::create_dir_all(&plan.folder)?;
        let command = starter.prepare(plan)?;
        let trace = plan.traced.then(|| plan.folder.join("strace.txt"));
        let mut command = match &trace {
            Some(file) => traced(&command, file),
            None => command,
        };
        let log =
            |name: &str| File::options().create(true).append(true).open(plan.folder.join(name));
        command.stdin(Stdio::null()).stdout(log("stdout.log")?).stderr(log("stderr.log")?);
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut running = Self { pid: child.id(), child, trace, greeted: Duration::ZERO };
        running.await_greeting(plan.listen, begin + PATIENCE).map_err(|error| {
            let log = tail(&plan.folder.join("stderr.log"));
            io::Error::other(format!("{} does not greet: {error}\n{log}", starter.name()))
        })?;
        running.greeted = begin.elapsed();
        if running.trace.is_some() {
            running.pid = cost::child_of(running.child.id()).unwrap_or(running.pid);
        }
        Ok(running)
    }

    fn await_greeting(&mut self, listen: SocketAddr, end: Instant) -> io::Result<()> {
        loop {
            match Client::greeted_within(listen, GREETING) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => std::thread::sleep(LOOK),
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// As `kill -9` and a power cut for the process alone: nothing is finished, nothing is said.
    ///
    /// # Errors
    /// It had ended before.
    pub fn kill9(mut self) -> io::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits; kills it after [`PATIENCE`]. Returns its fsyncs if traced.
    ///
    /// # Errors
    /// It ended by itself with a failure, or had to be killed.
    pub fn stop(mut self) -> io::Result<Option<u64>> {
        self.signal(Signal::SIGTERM)?;
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= end {
                return Err(io::Error::other("it does not stop when asked"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(self.trace.as_deref().map(fsyncs))
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid).map_err(io::Error::other)?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Both calls fail only for a process that is gone.
            let _ = self.signal(Signal::SIGKILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// True if fsyncs can be counted here.
#[must_use]
pub fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    strace.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

fn traced(command: &Command, file: &Path) -> Command {
    let mut tracer = Command::new("strace");
    // The filter of the kernel lets all other calls pass at full speed.
    tracer.args(["--seccomp-bpf", "-f", "-c", "-U", "calls,name"]);
    tracer.args(["-e", "trace=fsync,fdatasync,sync_file_range,msync,syncfs", "-o"]);
    tracer.arg(file).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tracer.env(name, value),
            None => tracer.env_remove(name),
        };
    }
    tracer
}

/// Calls of fsync and fdatasync in the summary of `strace -c -U calls,name`.
fn fsyncs(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let calls = |line: &str| {
        let mut words = line.split_whitespace();
        let count = words.next()?.parse::<u64>().ok()?;
        matches!(words.next()?, "fsync" | "fdatasync").then_some(count)
    };
    text.lines().filter_map(calls).sum()
}

/// The last lines of a log.
#[must_use]
pub fn tail(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}

/// An address of loopback where nobody listens now.
///
/// # Errors
/// There is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
