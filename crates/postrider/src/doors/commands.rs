//! Programs of this machine: run without a shell, with the rights of a user, in a group of processes
//! of their own, within bounds.
//!
//! The environment holds nothing of ours. All descriptors but the three are closed. What a program
//! writes to its two outputs is read as one text, its beginning kept, the rest counted. At the limit
//! of time or output the whole group is killed, so nothing it has started stays behind; a program that
//! ends by itself may leave something running, as it may anywhere.

use std::ffi::OsString;
use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::doors::{CommandError, CommandRun, Commands, Doing, Ran};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Gid, Pid, Uid, User, geteuid, getgrouplist};
use queue::program::End;
use spool::BodyReader;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::mailbox::mbox::from_line;
use crate::mailbox::text::LocalText;
use crate::rights::Keeper;

/// Octets kept of what a program writes: its first line is what is shown.
const KEPT: usize = 4 * 1024;
/// How long output is waited for after the end of a program: what it has started may hold on to it.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a killed program may take to be gone.
const REAP: Duration = Duration::from_secs(5);
/// Where programs are looked for, and what they find.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs programs on this machine.
#[derive(Clone, Debug, Default)]
pub struct SystemCommands {
    keeper: Option<Arc<Keeper>>,
}

impl SystemCommands {
    /// Runs them by `keeper` where they get rights that we do not have.
    pub fn with(keeper: Option<Arc<Keeper>>) -> Self {
        Self { keeper }
    }
}

impl Commands for SystemCommands {
    fn run<'a>(&'a self, run: CommandRun<'a>) -> Doing<'a, Result<Ran, CommandError>> {
        match &self.keeper {
            Some(keeper) if run.user.is_some_and(|user| keeper.is_for(user)) => {
                Box::pin(keeper.run(run))
            }
            _ => Box::pin(run_one(run)),
        }
    }
}

/// Whose rights a program gets.
#[derive(Debug)]
struct Rights {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    name: String,
    home: OsString,
    shell: OsString,
}

impl Rights {
    /// The account, and whether we have to become it.
    ///
    /// # Errors
    /// What the operator must mend, or that the accounts cannot be read now.
    fn of(user: Option<&str>) -> Result<(Option<Self>, bool), End> {
        let ours = geteuid();
        let found = match user {
            Some(name) => User::from_name(name),
            None => User::from_uid(ours),
        };
        let account = found.map_err(|errno| End::NoRoom(format!("accounts: {}", errno.desc())))?;
        let Some(account) = account else {
            return match user {
                Some(name) => Err(End::Unfit(format!("there is no account {name}"))),
                None => Ok((None, false)),
            };
        };
        if account.uid.is_root() {
            let why = "it would have the rights of root; name a user in its table";
            return Err(End::Unfit(why.to_owned()));
        }
        if account.uid != ours && !ours.is_root() {
            let why = format!(
                "only root may give it the rights of {0}; start the server as root, with `user`, or as {0}",
                account.name
            );
            return Err(End::Unfit(why));
        }
        let groups = std::ffi::CString::new(account.name.as_str())
            .ok()
            .and_then(|name| getgrouplist(&name, account.gid).ok())
            .unwrap_or_else(|| vec![account.gid]);
        let rights = Self {
            uid: account.uid,
            gid: account.gid,
            groups,
            name: account.name,
            home: account.dir.into_os_string(),
            shell: account.shell.into_os_string(),
        };
        Ok((Some(rights), account.uid != ours))
    }
}

/// Kills the group when it is dropped before the program has ended.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn run_one(run: CommandRun<'_>) -> Result<Ran, CommandError> {
    let CommandRun {
        command,
        user,
        directory,
        environment,
        from,
        head,
        body,
        time_limit,
        output_max,
    } = run;
    let failed = |end| Ok(Ran { end, output: Vec::new() });
    let (rights, becomes) = match Rights::of(user) {
        Ok(rights) => rights,
        Err(end) => return failed(end),
    };
    let Some((program, arguments)) = command.split_first() else {
        return failed(End::Unfit("it has no name".to_owned()));
    };
    let mut process = Command::new(program);
    process
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .current_dir(directory.unwrap_or_else(|| std::path::Path::new("/")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in environment {
        process.env(name, OsString::from_vec(printable(value).into_bytes()));
    }
    if let Some(rights) = &rights {
        process.env("USER", &rights.name).env("LOGNAME", &rights.name);
        process.env("HOME", &rights.home).env("SHELL", &rights.shell);
    }
    begin_as(&mut process, rights.as_ref().filter(|_| becomes));
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => return failed(not_started(program, &error)),
    };
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let mut start =
        from.map_or_else(Vec::new, |(sender, time)| from_line(&sender, time).into_bytes());
    let mut text = LocalText::plain();
    text.push(&head, &mut start);
    let feeding = feed(child.stdin.take(), start, text, body);
    let bounds = Bounds { time_limit, output_max };
    let ended = drive(&mut child, group, feeding, bounds).await;
    if ended.as_ref().map_or(true, |(end, _)| matches!(end, End::TimeLimit(_) | End::Flood(_))) {
        // Nothing of it stays in the table of processes.
        let _ = timeout(REAP, child.wait()).await;
    }
    ended.map(|(end, output)| Ran { end, output })
}

/// No control characters, whatever an address may have: programs trust their environment.
fn printable(value: String) -> String {
    match value.chars().any(char::is_control) {
        true => value.chars().map(|one| if one.is_control() { '?' } else { one }).collect(),
        false => value,
    }
}

/// What is done between fork and exec: descriptors that somebody left open to us are closed, and the
/// process gets the ids of the account, all groups included.
#[expect(unsafe_code, reason = "groups and descriptors can be set only between fork and exec")]
fn begin_as(process: &mut Command, rights: Option<&Rights>) {
    let ids = rights.map(|rights| (rights.uid, rights.gid, rights.groups.clone()));
    // SAFETY: only system calls are made there, and nothing is allocated: the groups were looked up
    // before.
    unsafe {
        process.pre_exec(move || {
            close_others();
            if let Some((uid, gid, groups)) = &ids {
                nix::unistd::setgroups(groups)?;
                nix::unistd::setresgid(*gid, *gid, *gid)?;
                nix::unistd::setresuid(*uid, *uid, *uid)?;
            }
            Ok(())
        });
    }
}

/// Marks all descriptors but the three to be closed by exec. Ours are marked already; on systems that
/// lack the call those of our parent stay.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "there is no safe form of this call")]
fn close_others() {
    // SAFETY: it takes three numbers, and touches no memory.
    unsafe {
        nix::libc::syscall(
            nix::libc::SYS_close_range,
            3_u32,
            u32::MAX,
            nix::libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn close_others() {}

/// What a failed start means.
fn not_started(program: &str, error: &std::io::Error) -> End {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidInput => {
            End::Unfit(format!("{program}: {error}"))
        }
        // Too many processes, no memory, no descriptors.
        _ if matches!(
            error.raw_os_error(),
            Some(nix::libc::EAGAIN | nix::libc::ENOMEM | nix::libc::EMFILE | nix::libc::ENFILE)
        ) =>
        {
            End::NoRoom(error.to_string())
        }
        _ => End::Unfit(format!("{program}: {error}")),
    }
}

/// How long a program may take, and how much it may write.
#[derive(Clone, Copy)]
struct Bounds {
    time_limit: Duration,
    output_max: u64,
}

/// Feeds the program and reads what it writes, until it ends or has to be ended.
async fn drive(
    child: &mut Child,
    group: Group,
    feeding: impl Future<Output = Result<(), CommandError>>,
    bounds: Bounds,
) -> Result<(End, Vec<u8>), CommandError> {
    let Bounds { time_limit, output_max } = bounds;
    let mut heard = Heard { kept: Vec::new(), octets: 0, max: output_max };
    let (mut out, mut err) = (Output::new(child.stdout.take()), Output::new(child.stderr.take()));
    let mut limit = std::pin::pin!(sleep(time_limit));
    let mut feeding = std::pin::pin!(feeding);
    // It goes before the input closes: who is ended must not take half a letter for all of it.
    let mut group = group;
    let mut fed = false;
    let status = loop {
        let too_much = tokio::select! {
            biased;
            () = &mut limit => {
                group.kill();
                return Ok((End::TimeLimit(time_limit), heard.kept));
            }
            result = &mut feeding, if !fed => match result {
                Ok(()) => {
                    fed = true;
                    false
                }
                Err(error) => {
                    group.kill();
                    return Err(error);
                }
            },
            read = out.read() => heard.take(&read),
            read = err.read() => heard.take(&read),
            status = child.wait() => break status,
        };
        if too_much {
            group.kill();
            return Ok((End::Flood(output_max), heard.kept));
        }
    };
    // Its number may be another's by now.
    group.0 = None;
    // What it has written before it ended; what it has left behind may write for ever.
    let drain = async {
        while !(out.is_closed() && err.is_closed()) {
            let too_much = tokio::select! {
                read = out.read() => heard.take(&read),
                read = err.read() => heard.take(&read),
            };
            if too_much {
                break;
            }
        }
    };
    let _ = timeout(DRAIN, drain).await;
    Ok((status.map_or_else(|error| End::NoRoom(error.to_string()), end_of), heard.kept))
}

fn end_of(status: std::process::ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;

    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exit(code),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => End::Exit(-1),
    }
}

/// Writes the message. A program may end well without reading all of it.
async fn feed(
    input: Option<ChildStdin>,
    mut out: Vec<u8>,
    mut text: LocalText,
    mut body: Box<dyn BodyReader>,
) -> Result<(), CommandError> {
    let Some(mut input) = input else { return Ok(()) };
    loop {
        let chunk: Option<Bytes> = body.next().await.map_err(CommandError::Content)?;
        match &chunk {
            Some(chunk) => text.push(chunk, &mut out),
            None => text.finish(&mut out),
        }
        if input.write_all(&out).await.is_err() {
            return Ok(());
        }
        out.clear();
        if chunk.is_none() {
            return Ok(());
        }
    }
}

/// What was heard of a program.
struct Heard {
    kept: Vec<u8>,
    octets: u64,
    max: u64,
}

impl Heard {
    /// True: it has written too much.
    fn take(&mut self, read: &[u8]) -> bool {
        self.octets = self.octets.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept.extend(read.iter().take(room));
        self.octets > self.max
    }
}

/// One output of a program.
struct Output<R> {
    from: Option<R>,
    buffer: [u8; 4096],
}

impl<R: AsyncRead + Unpin> Output<R> {
    fn new(from: Option<R>) -> Self {
        Self { from, buffer: [0; 4096] }
    }

    fn is_closed(&self) -> bool {
        self.from.is_none()
    }

    /// The next octets; never, when there are none any more.
    async fn read(&mut self) -> Vec<u8> {
        let Some(from) = &mut self.from else { return std::future::pending().await };
        match from.read(&mut self.buffer).await {
            Ok(0) | Err(_) => {
                self.from = None;
                Vec::new()
            }
            Ok(len) => self.buffer.get(..len).unwrap_or_default().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests;
