//! What only root may do, once the server is somebody else: run a program, or write a file, with the
//! rights of another user.
//!
//! Before the server puts off the rights of root (`user`), it starts itself once more. That process, the
//! keeper, stays root, and does two things for the server: it runs one program, or writes one letter into
//! one file, with the rights of a user. It speaks to no network, reads no mail of its own and no
//! configuration. It gives nobody the rights of root, and only the rights of those accounts that the
//! configuration named when it was started. It hears the server's user alone, and of his processes only
//! who knows a secret that the server keeps in memory. It ends when the server ends, and with it all
//! that it has started.
//!
//! One connection is one order: a frame that says what, frames of content, an empty one at their end;
//! one frame comes back. Content that breaks off is never taken for whole.

mod keeper;
mod wire;

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::UNIX_EPOCH;

use engine::doors::{CommandError, CommandRun, MailboxDelivery, MailboxError, Ran};
use nix::unistd::{Uid, User, geteuid};
use queue::access::Allowed;
use queue::program::End;
use spool::BodyReader;

use crate::config::Config;
pub use keeper::keep;
use wire::{Failed, Order, Reply, Run, Store};

/// The word that makes this program the keeper.
pub const KEEP: &str = "keep-rights";
/// What the keeper is told, where only root can read it: the secret, the server's user, the accounts,
/// our name.
const SECRET: &str = "POSTRIDER_RIGHTS_SECRET";
const SERVER: &str = "POSTRIDER_RIGHTS_SERVER";
const ACCOUNTS: &str = "POSTRIDER_RIGHTS_ACCOUNTS";
const HOST: &str = "POSTRIDER_RIGHTS_HOST";

/// The accounts whose rights are given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accounts {
    /// Those that the configuration names.
    named: BTreeSet<String>,
    /// All but root: users may name programs and files themselves.
    all: bool,
}

impl Accounts {
    /// Those that `config` needs; none: it gives nobody's rights to anybody.
    pub fn of(config: &Config) -> Option<Self> {
        let local = &config.local;
        let pipes = config.pipes.iter().filter_map(|(_, pipe)| pipe.value.user.clone());
        let mut named: BTreeSet<String> = pipes.collect();
        let (mut all, mut aliases) = (false, false);
        for allowed in [&local.commands, &local.files] {
            aliases |= allowed.aliases;
            match &allowed.forward {
                Allowed::Nobody => {}
                Allowed::Everyone => all = true,
                Allowed::Users(users) => named.extend(users.iter().cloned()),
            }
        }
        if aliases {
            named.insert(local.command_user.clone());
        }
        (all || !named.is_empty()).then_some(Self { named, all })
    }

    fn text(&self) -> String {
        let mut words: Vec<&str> = self.named.iter().map(String::as_str).collect();
        if self.all {
            words.push("*");
        }
        words.join(" ")
    }

    fn parse(text: &str) -> Self {
        let words = text.split_whitespace();
        let (all, named): (Vec<&str>, Vec<&str>) = words.partition(|word| *word == "*");
        Self { named: named.into_iter().map(str::to_owned).collect(), all: !all.is_empty() }
    }

    fn has(&self, account: &str) -> bool {
        self.all || self.named.contains(account)
    }
}

/// The server's end.
pub struct Keeper {
    place: SocketAddr,
    secret: String,
    /// The keeper lives as long as this is open.
    _life: UnixStream,
    _child: Option<Child>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    /// Starts the keeper for a server that will be `server`; as root.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(server: Uid, accounts: &Accounts, host: &str) -> io::Result<Self> {
        let secret = format!("{:032x}", rand::random::<u128>());
        let name = format!("postrider-rights-{:032x}", rand::random::<u128>());
        let place = abstract_place(&name)?;
        let listener = UnixListener::bind_addr(&place)?;
        let (life, its_life) = UnixStream::pair()?;
        let child = Command::new("/proc/self/exe")
            .arg(KEEP)
            .env_clear()
            .env(SECRET, &secret)
            .env(SERVER, server.to_string())
            .env(ACCOUNTS, accounts.text())
            .env(HOST, host)
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::from(OwnedFd::from(its_life)))
            .spawn()?;
        Ok(Self { place, secret, _life: life, _child: Some(child) })
    }

    /// Whether what `user` is to do needs the keeper.
    pub fn is_for(&self, user: &str) -> bool {
        let account = User::from_name(user).ok().flatten();
        account.is_some_and(|account| account.uid != geteuid())
    }

    /// Runs a program.
    ///
    /// # Errors
    /// The content could not be read.
    pub async fn run(&self, run: CommandRun<'_>) -> Result<Ran, CommandError> {
        let since =
            |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let order = Order::Run(Run {
            command: run.command.to_vec(),
            user: run.user.unwrap_or_default().to_owned(),
            directory: run.directory.map(std::path::Path::to_path_buf),
            environment: run.environment.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            from: run.from.map(|(sender, time)| (sender, since(time))),
            head: run.head.to_vec(),
            time_limit: run.time_limit,
            output_max: run.output_max,
        });
        let ended = |end| Ok(Ran { end, output: Vec::new() });
        match self.ask(order, run.body).await {
            Ok(Reply::Ran { end, output }) => Ok(Ran { end: end.into(), output }),
            Ok(Reply::Refused(why)) => ended(End::Unfit(why)),
            Ok(other) => ended(End::NoRoom(format!("the keeper of rights said {other:?}"))),
            Err(Broken::Content(error)) => Err(CommandError::Content(error)),
            Err(Broken::Keeper(error)) => {
                ended(End::NoRoom(format!("the keeper of rights does not answer: {error}")))
            }
        }
    }

    /// Writes a letter into a file that a user names.
    ///
    /// # Errors
    /// Why it was not written.
    pub async fn store(
        &self,
        path: &str,
        delivery: MailboxDelivery<'_>,
    ) -> Result<(), MailboxError> {
        let order = Order::Store(Store {
            user: delivery.user.to_owned(),
            path: path.to_owned(),
            head: delivery.head.to_vec(),
            from: delivery.from,
            time: delivery.time.duration_since(UNIX_EPOCH).unwrap_or_default(),
            unique: delivery.unique,
        });
        match self.ask(order, delivery.body).await {
            Ok(Reply::Stored) => Ok(()),
            Ok(Reply::Failed(failed)) => Err(failed.into()),
            Ok(Reply::Refused(why)) => Err(MailboxError::Broken(why)),
            Ok(other) => {
                Err(MailboxError::Unavailable(format!("the keeper of rights said {other:?}")))
            }
            Err(Broken::Content(error)) => Err(MailboxError::Content(error)),
            Err(Broken::Keeper(error)) => {
                let why = format!("the keeper of rights does not answer: {error}");
                Err(MailboxError::Unavailable(why))
            }
        }
    }

    async fn ask(&self, order: Order, mut body: Box<dyn BodyReader>) -> Result<Reply, Broken> {
        let stream = UnixStream::connect_addr(&self.place)?;
        stream.set_nonblocking(true)?;
        let (mut read, mut write) = tokio::net::UnixStream::from_std(stream)?.into_split();
        wire::send(&mut write, &wire::Sealed { secret: self.secret.clone(), order }).await?;
        let feeding = async {
            while let Some(chunk) = body.next().await.map_err(Broken::Content)? {
                wire::content(&mut write, &chunk).await?;
            }
            wire::end(&mut write).await?;
            Ok::<(), Broken>(())
        };
        tokio::pin!(feeding);
        let answer = wire::receive::<Reply>(&mut read);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            // It may be done before it has read everything.
            reply = &mut answer => return Ok(reply?),
            fed = &mut feeding => match fed {
                // What was broken off is not taken for whole: the connection ends here.
                Err(Broken::Content(error)) => return Err(Broken::Content(error)),
                // It has said why, or is gone.
                Err(Broken::Keeper(_)) | Ok(()) => {}
            },
        }
        Ok(answer.await?)
    }
}

/// A place that is in no directory, and goes with who listens there.
#[cfg(target_os = "linux")]
fn abstract_place(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name.as_bytes())
}

#[cfg(not(target_os = "linux"))]
fn abstract_place(_: &str) -> io::Result<SocketAddr> {
    Err(io::Error::other("this system has no places for it"))
}

/// Why there is no answer.
enum Broken {
    Content(spool::SpoolError),
    Keeper(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Keeper(error)
    }
}

impl From<Failed> for MailboxError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Full(why) => Self::Full(why),
            Failed::NoSpace(why) => Self::NoSpace(why),
            Failed::Unavailable(why) => Self::Unavailable(why),
            Failed::Broken(why) => Self::Broken(why),
        }
    }
}

#[cfg(test)]
mod tests;
