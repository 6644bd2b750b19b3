//! The keeper's own end: root, and doing two things.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use engine::doors::{CommandRun, Commands, MailboxDelivery, Mailboxes, Place};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::wire::{self, Framed, Order, Reply, Run, Sealed, Store};
use super::{ACCOUNTS, Accounts, HOST, SECRET, SERVER};
use crate::agent::sysexits::EX_OSERR;
use crate::doors::{FileMailboxes, MailboxTemplate, SystemCommands};

/// Orders at once: the server has bounds of its own below it.
const ORDERS_MAX: usize = 1000;
/// How long an order may take to be said.
const PATIENCE: Duration = Duration::from_secs(30);
/// Names of the environment that the server may set for programs.
const NAMES: [&str; 6] = ["SENDER", "RECIPIENT", "LOCAL", "EXTENSION", "DOMAIN", "MESSAGE_ID"];

/// What the keeper knows.
pub(super) struct Known {
    secret: String,
    server: u32,
    accounts: Accounts,
    mailboxes: FileMailboxes,
    places: Arc<Semaphore>,
}

impl Known {
    pub(super) fn new(
        secret: String,
        server: u32,
        accounts: Accounts,
        host: &str,
    ) -> io::Result<Self> {
        // Nobody has a mailbox here: only files that users name are written.
        let nowhere = Path::new("/nonexistent");
        let template = MailboxTemplate::parse("maildir:/nonexistent/{user}", nowhere);
        let mailboxes = FileMailboxes::new(template.map_err(io::Error::other)?, host);
        let places = Arc::new(Semaphore::new(ORDERS_MAX));
        Ok(Self { secret, server, accounts, mailboxes, places })
    }
}

/// Keeps the rights of root until the server ends.
pub fn keep() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postrider: the keeper of rights: {error}");
            EX_OSERR.into()
        }
    }
}

fn run() -> io::Result<()> {
    stay()?;
    let told = |name: &str| std::env::var(name).map_err(io::Error::other);
    let server = told(SERVER)?.parse().map_err(io::Error::other)?;
    let accounts = Accounts::parse(&told(ACCOUNTS)?);
    let known = Known::new(told(SECRET)?, server, accounts, &told(HOST)?)?;
    let listener = std::io::stdin().as_fd().try_clone_to_owned()?;
    let life = std::io::stdout().as_fd().try_clone_to_owned()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(serve(known, listener.into(), life.into()));
    // Threads that write a file still may end it.
    runtime.shutdown_timeout(PATIENCE);
    served
}

/// Signals that end a server and its group are the server's to obey: it ends its own work first, and
/// the keeper after it. Programs that are run have them as they are by default.
#[expect(unsafe_code, reason = "a handler of signals has no safe form; this one does nothing")]
fn stay() -> io::Result<()> {
    extern "C" fn nothing(_: c_int) {}

    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: the handler touches nothing.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

pub(super) async fn serve(
    known: Known,
    listener: std::os::unix::net::UnixListener,
    life: std::os::unix::net::UnixStream,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    life.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut life = UnixStream::from_std(life)?;
    let known = Arc::new(known);
    let mut end = [0];
    loop {
        let place = known.places.clone().acquire_owned().await.map_err(io::Error::other)?;
        tokio::select! {
            biased;
            _ = life.read(&mut end) => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let known = known.clone();
                    drop(tokio::spawn(async move {
                        // Who asked is gone, or was nobody who may.
                        let _ = answer(&known, stream).await;
                        drop(place);
                    }));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn answer(known: &Known, stream: UnixStream) -> io::Result<()> {
    if stream.peer_cred()?.uid() != known.server {
        return Ok(());
    }
    let (mut read, mut write) = stream.into_split();
    let sealed: Sealed = timeout(PATIENCE, wire::receive(&mut read)).await??;
    if !is_same(sealed.secret.as_bytes(), known.secret.as_bytes()) {
        return Ok(());
    }
    let read = Arc::new(Mutex::new(read));
    let body = Box::new(Framed::new(read.clone()));
    let reply = match sealed.order {
        Order::Run(run) => self::start(known, run, body).await,
        Order::Store(store) => self::store(known, store, body).await,
    };
    wire::send(&mut write, &reply).await?;
    // Content that nobody wanted is read, or the answer would be lost with the connection.
    let mut read = read.lock().await;
    let drained = async {
        while read.read(&mut [0; 4096]).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(PATIENCE, drained).await?
}

/// Compares all octets, wherever they begin to differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && differ == 0
}

fn refused(user: &str) -> Reply {
    Reply::Refused(format!(
        "the rights of {user} are not among those that the server was started with; start it again"
    ))
}

async fn start(known: &Known, run: Run, body: Box<Framed>) -> Reply {
    if !known.accounts.has(&run.user) {
        return refused(&run.user);
    }
    let name = |name: &String| NAMES.into_iter().find(|known| known == name);
    let environment = run.environment.into_iter();
    let command = CommandRun {
        command: &run.command,
        user: Some(&run.user),
        directory: run.directory.as_deref(),
        environment: environment.filter_map(|(key, value)| Some((name(&key)?, value))).collect(),
        from: run.from.map(|(sender, time)| (sender, UNIX_EPOCH + time)),
        head: Bytes::from(run.head),
        body,
        time_limit: run.time_limit,
        output_max: run.output_max,
    };
    match SystemCommands::default().run(command).await {
        Ok(ran) => Reply::Ran { end: ran.end.into(), output: ran.output },
        // The server knows.
        Err(error) => Reply::Refused(error.to_string()),
    }
}

async fn store(known: &Known, store: Store, body: Box<Framed>) -> Reply {
    if !known.accounts.has(&store.user) {
        return refused(&store.user);
    }
    let delivery = MailboxDelivery {
        user: &store.user,
        place: Place::File(&store.path),
        domain: None,
        head: Bytes::from(store.head),
        body,
        from: store.from,
        time: UNIX_EPOCH + store.time,
        unique: store.unique,
    };
    match known.mailboxes.deliver(delivery).await {
        Ok(()) => Reply::Stored,
        Err(error) => Reply::Failed(error.into()),
    }
}
