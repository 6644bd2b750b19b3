//! Accounts of the file that `postrider account` keeps.

use std::sync::Arc;

use engine::doors::{Doing, LoginFacts, Logins};
use parking_lot::Mutex;
use queue::submission::Identity;
use smtp::sasl::server::{Answer, Kind, Question};
use smtp::sasl::{Mechanism, Verifier};
use tracing::{error, info};

use super::work::Work;
use crate::accounts::{Account, Book, Memory, Seen, Store, StoreError};

/// The accounts as they were read last.
struct Read {
    /// What the file was then; none: it was not there.
    seen: Option<Seen>,
    book: Option<Arc<Book>>,
    /// The last trouble was told.
    told: Option<String>,
}

/// Accounts of a file, read again when it has changed.
#[derive(Clone)]
pub struct FileLogins {
    store: Arc<Store>,
    read: Arc<Mutex<Read>>,
    work: Work,
    /// Of checks that are over, for those to come: as many as run at once.
    memory: Arc<Mutex<Vec<Memory>>>,
}

impl FileLogins {
    /// Reads the file for the first time. That there is none yet is no trouble.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(store: Store) -> Result<Self, StoreError> {
        let loaded = store.load()?;
        let (book, seen) = loaded.map_or((None, None), |(book, seen)| (Some(book), Some(seen)));
        let read = Read { seen, book: book.map(Arc::new), told: None };
        Ok(Self {
            store: Arc::new(store),
            read: Arc::new(Mutex::new(read)),
            work: Work::new(),
            memory: Arc::default(),
        })
    }

    /// The accounts as they are now; those read last where the file cannot be read any more, so
    /// that a mistake of an editor locks nobody out.
    fn book(&self) -> Option<Arc<Book>> {
        let mut read = self.read.lock();
        let fresh = match self.store.look() {
            Ok(seen) if seen == read.seen => return read.book.clone(),
            Ok(None) => Ok(None),
            Ok(Some(_)) => self.store.load(),
            Err(error) => Err(error),
        };
        match fresh {
            Ok(loaded) => {
                let (book, seen) =
                    loaded.map_or((None, None), |(book, seen)| (Some(book), Some(seen)));
                *read = Read { seen, book: book.map(Arc::new), told: None };
                let accounts = read.book.as_ref().map_or(0, |book| book.iter().count());
                info!(event = "accounts.read", file = %self.store.path().display(), accounts);
            }
            Err(trouble) => {
                let trouble = trouble.to_string();
                if read.told.as_ref() != Some(&trouble) {
                    error!(event = "accounts.unreadable", why = trouble);
                    read.told = Some(trouble);
                }
            }
        }
        read.book.clone()
    }

    /// The answer, after as much work as for any other account.
    fn look_up(&self, question: &Question) -> Answer {
        let book = self.book();
        let account = |login: &str| book.as_deref().and_then(|book| book.get(login)).cloned();
        match question {
            Question::Password { login, password } => {
                let account = account(login);
                let work = book.as_ref().map(|book| book.work()).unwrap_or_default();
                let mut memory = self.memory.lock().pop().unwrap_or_default();
                let is_right = work.check(account.as_ref(), password, &mut memory);
                self.memory.lock().push(memory);
                match (is_right, account) {
                    (true, Some(account)) => Answer::Accepted { login: account.login },
                    _ => Answer::Failed(Kind::Credentials),
                }
            }
            Question::Verifier { login } => {
                let able = account(login).filter(|account| !account.disabled);
                match able {
                    Some(Account { login, scram: Some(verifier), .. }) => {
                        Answer::Verifier { login, verifier }
                    }
                    _ => {
                        let secret = book.map_or([0; 32], |book| book.secret);
                        let verifier = Verifier::made_up(&secret, &login.to_lowercase());
                        Answer::Verifier { login: login.clone(), verifier }
                    }
                }
            }
            Question::Certified { name, login } => {
                let same =
                    login.as_ref().is_none_or(|login| login.to_lowercase() == name.to_lowercase());
                match account(name).filter(|account| same && !account.disabled) {
                    Some(account) => Answer::Accepted { login: account.login },
                    None => Answer::Failed(Kind::Credentials),
                }
            }
            Question::Relay { .. } => Answer::Failed(Kind::Mechanism),
        }
    }
}

impl Logins for FileLogins {
    /// All that need no other authority, accounts or not: the first one may come while we run, and
    /// submission offers AUTH in any case (RFC 6409 §7).
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![
            Mechanism::External,
            Mechanism::ScramSha256Plus,
            Mechanism::ScramSha256,
            Mechanism::Plain,
            Mechanism::Login,
        ]
    }

    fn answer<'a>(&'a self, question: &'a Question, _: &'a LoginFacts) -> Doing<'a, Answer> {
        Box::pin(async move {
            // The work outlives the session that asked for it; the question must as well.
            let question = match question {
                Question::Password { login, password } => {
                    Question::Password { login: login.clone(), password: password.clone() }
                }
                Question::Verifier { login } => Question::Verifier { login: login.clone() },
                Question::Certified { name, login } => {
                    Question::Certified { name: name.clone(), login: login.clone() }
                }
                Question::Relay { .. } => return Answer::Failed(Kind::Mechanism),
            };
            let this = self.clone();
            let done = self.work.run(move || this.look_up(&question)).await;
            done.unwrap_or(Answer::Failed(Kind::Unavailable))
        })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        Box::pin(async move {
            let book = self.read.lock().book.clone();
            book?.get(login).filter(|account| !account.disabled).map(Account::identity)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::os::unix::fs::PermissionsExt;

    use smtp::sasl::Secret;

    use super::*;
    use crate::accounts::{Change, hash};

    const FACTS: LoginFacts = LoginFacts {
        client: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        local: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        secured: true,
    };

    async fn logs_in(logins: &FileLogins, login: &str, password: &str) -> bool {
        let question =
            Question::Password { login: login.to_owned(), password: Secret::new(password) };
        matches!(logins.answer(&question, &FACTS).await, Answer::Accepted { .. })
    }

    async fn verifier(logins: &FileLogins, login: &str) -> Verifier {
        match logins.answer(&Question::Verifier { login: login.to_owned() }, &FACTS).await {
            Answer::Verifier { verifier, .. } => verifier,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn changes_are_seen_at_the_next_login() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("accounts"));
        let logins = FileLogins::new(store.clone()).unwrap();
        assert!(!logs_in(&logins, "ann", "wonderland").await);
        let (argon2, scram) = hash(&Secret::new("wonderland"), [[1; 16], [2; 16]]).unwrap();
        let ann = Account {
            login: "ann".to_owned(),
            argon2: Some(argon2),
            scram: Some(scram.clone()),
            name: Some("Ann".to_owned()),
            ..Account::default()
        };
        let set = |account: Account| {
            store
                .change([7; 32], |book| {
                    book.remove("ann");
                    Change::Keep(book.insert(account))
                })
                .unwrap()
        };
        set(ann.clone());
        assert!(logs_in(&logins, "ANN", "wonderland").await);
        assert!(!logs_in(&logins, "ann", "looking-glass").await);
        assert_eq!(verifier(&logins, "Ann").await, scram);
        assert_eq!(logins.identity("ann").await.unwrap().full_name.as_deref(), Some("Ann"));
        // Somebody who does not exist looks like somebody who does.
        let nobody = verifier(&logins, "nobody").await;
        assert_eq!(nobody, verifier(&logins, "NOBODY").await);
        assert_eq!((nobody.iterations, nobody.salt.len()), (scram.iterations, scram.salt.len()));
        // Disabled: as if there were no such account.
        set(Account { disabled: true, ..ann.clone() });
        assert!(!logs_in(&logins, "ann", "wonderland").await);
        assert_ne!(verifier(&logins, "ann").await, scram);
        assert!(logins.identity("ann").await.is_none());
        // What others could read is not read; what was read before still holds.
        set(ann);
        assert!(logs_in(&logins, "ann", "wonderland").await);
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(store.path(), mode).unwrap();
        assert!(logs_in(&logins, "ann", "wonderland").await);
        assert!(FileLogins::new(store).is_err());
    }
}
