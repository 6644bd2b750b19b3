//! Accounts of the system, through PAM.
//!
//! Modules of PAM block, keep what they allocate, and may take the process with them when they fail.
//! So each check runs in a process of its own: this program again, told to check one password, which
//! comes through its standard input. Who may check the passwords of others depends on the modules:
//! for those of the shadow file the service needs to be able to read it.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, LoginFacts, Logins};
use nonstick::{
    AuthnFlags, ConversationAdapter, ErrorCode, Result as PamResult, Transaction,
    TransactionBuilder,
};
use queue::submission::Identity;
use smtp::sasl::server::{Answer, Kind, Question};
use smtp::sasl::{Mechanism, NAME_MAX, Secret};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;
use zeroize::Zeroizing;

/// The word that makes this program check one password.
pub const CHECK: &str = "pam-check";
/// Checks at once; more are told to come again.
const CHECKS_MAX: usize = 16;
/// How long one may take; modules delay failures by some seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the process says.
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;
const UNAVAILABLE: u8 = 2;

/// Accounts of the system.
pub struct PamLogins {
    service: String,
    room: Arc<Semaphore>,
}

impl PamLogins {
    /// The accounts for which `/etc/pam.d/SERVICE` says how they are checked.
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned(), room: Arc::new(Semaphore::new(CHECKS_MAX)) }
    }

    async fn check(&self, login: &str, password: &Secret) -> Result<(), Kind> {
        let _permit = self.room.try_acquire().map_err(|_| Kind::Unavailable)?;
        let checked = timeout(TIMEOUT, self.ask(login, password)).await;
        match checked {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                warn!(event = "pam.unavailable", service = self.service, %error);
                Err(Kind::Unavailable)
            }
            Err(_) => {
                warn!(event = "pam.unavailable", service = self.service, error = "no answer");
                Err(Kind::Unavailable)
            }
        }
    }

    /// Runs the process; it is ended when nobody waits any more.
    async fn ask(&self, login: &str, password: &Secret) -> std::io::Result<Result<(), Kind>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHECK)
            .arg(&self.service)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let words = Zeroizing::new(format!("{login}\0{}", password.reveal()));
        if let Some(mut input) = child.stdin.take() {
            input.write_all(words.as_bytes()).await?;
        }
        let status = child.wait().await?;
        Ok(match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(ACCEPTED) => Ok(()),
            Some(REFUSED) => Err(Kind::Credentials),
            _ => Err(Kind::Unavailable),
        })
    }
}

impl Logins for PamLogins {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    fn answer<'a>(&'a self, question: &'a Question, _: &'a LoginFacts) -> Doing<'a, Answer> {
        Box::pin(async move {
            let Question::Password { login, password } = question else {
                return Answer::Failed(Kind::Mechanism);
            };
            match self.check(login, password).await {
                Ok(()) => Answer::Accepted { login: login.clone() },
                Err(kind) => Answer::Failed(kind),
            }
        })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        let identity = Identity { login: login.to_owned(), ..Identity::default() };
        Box::pin(async move { Some(identity) })
    }
}

/// Answers every question of the modules: a name where one is asked in the open, else the password.
struct Words {
    login: String,
    password: Secret,
}

impl ConversationAdapter for Words {
    fn prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(&self.login))
    }

    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(self.password.reveal()))
    }

    fn error_msg(&self, _: impl AsRef<OsStr>) {}

    fn info_msg(&self, _: impl AsRef<OsStr>) {}
}

/// The process: checks what comes on standard input, and says the outcome as its exit code.
pub fn check(service: &str) -> u8 {
    let mut words = Zeroizing::new(String::new());
    let most = u64::try_from(2 * NAME_MAX + 1).unwrap_or(u64::MAX);
    if std::io::stdin().lock().take(most).read_to_string(&mut words).is_err() {
        return UNAVAILABLE;
    }
    let Some((login, password)) = words.split_once('\0') else { return UNAVAILABLE };
    let words = Words { login: login.to_owned(), password: Secret::new(password) };
    match authenticate(service, login, words) {
        Ok(()) => ACCEPTED,
        Err(
            ErrorCode::AuthenticationError
            | ErrorCode::UserUnknown
            | ErrorCode::PermissionDenied
            | ErrorCode::MaxTries
            | ErrorCode::AccountExpired
            | ErrorCode::CredentialsExpired
            | ErrorCode::NewAuthTokRequired,
        ) => REFUSED,
        Err(_) => UNAVAILABLE,
    }
}

fn authenticate(service: &str, login: &str, words: Words) -> PamResult<()> {
    let mut transaction = TransactionBuilder::new_with_service(service)
        .username(login)
        .build(words.into_conversation())?;
    transaction.authenticate(AuthnFlags::empty())?;
    transaction.account_management(AuthnFlags::empty())
}
