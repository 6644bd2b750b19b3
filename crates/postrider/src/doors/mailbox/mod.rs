//! Mailboxes in the file system: Maildir and mbox.
//!
//! `Ok` is given when a crash cannot undo the delivery: the file is synced, and so is the directory
//! that names it. The runtime never waits for a disk: letters for Maildirs are written by a thread of
//! each file system, in rounds; a letter that is large, for an mbox or for a file of a user by a
//! thread of its own, which is fed in chunks, so that a large letter never sits in memory whole. Lines
//! end with LF here, as programs that read local mail expect; the wire's CR LF comes back by turning
//! each LF into CR LF (RFC 5321 §4.5.2: what is changed in storage can be changed back).
//!
//! Users may write below the directories of the operator, and we may be root: what lies there is opened
//! step by step and never through a link of a user, only plain files with one name are written, and
//! what belongs to another is left alone. A file that a user or an alias names is opened with the rights
//! of that user.
//!
//! Which user an address belongs to is left to the engine, as is every retry.

mod disk;
mod feed;
mod known;
mod maildir;
mod mbox;
mod quota;
mod rounds;
mod template;

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::doors::{Doing, MailboxDelivery, MailboxError, Mailboxes, Place};
use mail::DomainName;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};

use crate::rights::Keeper;
use disk::{AsUser, Owner, Way};
use feed::{Feed, Pump};
use maildir::Maildirs;
use quota::{Counts, Quota};
pub use template::{Form, MailboxTemplate, TemplateError, is_safe_user};

/// Deliveries that have a thread of their own, at once.
const WRITERS_MAX: usize = 48;
/// Locks that keep our own deliveries to one mbox in a row, so that they need not poll for it.
const ROWS: usize = 64;

/// Delivers into files below a [`MailboxTemplate`].
pub struct FileMailboxes {
    layout: RwLock<Layout>,
    /// How long to wait for an mbox that another program has locked.
    lock_wait: Duration,
    writers: Arc<Semaphore>,
    rows: Vec<Arc<Mutex<()>>>,
    maildirs: Arc<Maildirs>,
    counts: Arc<Counts>,
    /// Writes files of users whose rights we do not have.
    keeper: OnceLock<Arc<Keeper>>,
}

/// Where the mailboxes are, and our name in the names of their files.
#[derive(Clone)]
struct Layout {
    templates: Arc<Templates>,
    host: Arc<str>,
}

/// Where mailboxes are: those of the users of this host, and those of each virtual domain.
pub struct Templates {
    /// Of the users.
    pub local: Arc<MailboxTemplate>,
    /// Of the virtual domains.
    pub virtuals: BTreeMap<DomainName, Arc<MailboxTemplate>>,
    /// Octets that each may hold.
    pub quota: Option<u64>,
}

impl From<MailboxTemplate> for Templates {
    fn from(local: MailboxTemplate) -> Self {
        Self { local: Arc::new(local), virtuals: BTreeMap::new(), quota: None }
    }
}

/// Whose a mailbox is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Belongs {
    /// The user's, if the system knows him; it is made where it is missing.
    User,
    /// Ours: a user of a virtual domain may be called as somebody here is. It is made where it is missing.
    Ours,
    /// Whose it is found to be; it is not made.
    Found,
    /// That of the account with whose rights it is written; it is made where it is missing.
    Writer,
}

impl Belongs {
    /// Whether a mailbox that one letter has found is good for the next one of that path: what one
    /// user could open is not for another.
    fn is_known(self) -> bool {
        matches!(self, Self::User | Self::Ours)
    }
}

/// What a writer needs, free of the engine's lifetimes.
struct Letter {
    user: String,
    path: PathBuf,
    form: Form,
    belongs: Belongs,
    /// See [`Way`].
    fixed: PathBuf,
    root: PathBuf,
    quota: Option<Quota>,
    from: String,
    time: SystemTime,
    unique: String,
    host: String,
    head: Bytes,
    feed: Feed,
}

impl Letter {
    fn way(&self) -> Way<'_> {
        Way { path: &self.path, fixed: &self.fixed, root: &self.root }
    }

    fn owner(&self) -> Result<Owner, MailboxError> {
        match self.belongs {
            Belongs::User => Owner::of(&self.user),
            Belongs::Ours | Belongs::Found | Belongs::Writer => Ok(Owner::nobody()),
        }
    }

    /// A directory that is missing on the way to a mailbox that is not made: there is none. Where the
    /// operator's own directories are missing, something is not mounted.
    fn unknown(&self, error: MailboxError) -> MailboxError {
        let missing = matches!(error, MailboxError::Unavailable(_)) && self.fixed.is_dir();
        if missing { MailboxError::Unknown(self.user.clone()) } else { error }
    }
}

/// Where one delivery goes.
struct Aim {
    path: PathBuf,
    form: Form,
    belongs: Belongs,
    fixed: PathBuf,
    root: PathBuf,
}

impl FileMailboxes {
    /// Mailboxes where `templates` say; `host` is our name, a part of Maildir's file names.
    pub fn new(templates: impl Into<Templates>, host: &str) -> Self {
        Self::with_lock_wait(templates, host, Duration::from_secs(5))
    }

    /// The same with another bound on the wait for a locked mbox (default 5 s).
    pub fn with_lock_wait(
        templates: impl Into<Templates>,
        host: &str,
        lock_wait: Duration,
    ) -> Self {
        Self {
            layout: RwLock::new(Layout {
                templates: Arc::new(templates.into()),
                host: host.into(),
            }),
            lock_wait,
            writers: Arc::new(Semaphore::new(WRITERS_MAX)),
            rows: (0..ROWS).map(|_| Arc::default()).collect(),
            maildirs: Arc::default(),
            counts: Arc::default(),
            keeper: OnceLock::new(),
        }
    }

    /// Files of users whose rights we do not have are written by `keeper` from now on.
    pub fn keep_rights(&self, keeper: Arc<Keeper>) {
        // There is one for the life of a server.
        let _ = self.keeper.set(keeper);
    }

    /// Where the mailbox of `user` is.
    ///
    /// # Errors
    /// [`MailboxError::Unknown`] for a name that could mean another place in the file system.
    pub fn path_of(&self, user: &str) -> Result<PathBuf, MailboxError> {
        self.layout()
            .templates
            .local
            .path_of(user)
            .ok_or_else(|| MailboxError::Unknown(user.into()))
    }

    /// Delivers elsewhere from now on.
    pub fn move_to(&self, templates: impl Into<Templates>, host: &str) {
        *self.layout.write() = Layout { templates: Arc::new(templates.into()), host: host.into() };
    }

    fn layout(&self) -> Layout {
        self.layout.read().clone()
    }

    fn row_of(&self, path: &Path) -> Option<Arc<Mutex<()>>> {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let row = hasher.finish() % (ROWS as u64);
        self.rows.get(usize::try_from(row).ok()?).cloned()
    }

    async fn write(&self, delivery: MailboxDelivery<'_>) -> Result<(), MailboxError> {
        if let (Place::File(path), Some(keeper)) = (delivery.place, self.keeper.get())
            && keeper.is_for(delivery.user)
        {
            return keeper.store(path, delivery).await;
        }
        let layout = self.layout();
        let aim = aim(&delivery, &layout.templates)?;
        let has_quota = aim.belongs.is_known();
        let quota = layout.templates.quota.filter(|_| has_quota);
        let (feed, pump) = feed::open(delivery.body).await?;
        let letter = Letter {
            user: delivery.user.into(),
            path: aim.path,
            form: aim.form,
            belongs: aim.belongs,
            fixed: aim.fixed,
            root: aim.root,
            quota: quota.map(|octets| Quota { octets, counts: self.counts.clone() }),
            from: delivery.from,
            time: delivery.time,
            unique: delivery.unique,
            host: layout.host.as_ref().into(),
            head: delivery.head,
            feed,
        };
        if letter.form == Form::Maildir
            && letter.belongs != Belongs::Writer
            && letter.feed.is_whole()
        {
            let (path, quota) = (letter.path.clone(), letter.quota.clone());
            let octets = self.maildirs.deliver(letter).await?;
            count(quota, &path, octets);
            return Ok(());
        }
        self.write_beside(letter, pump).await
    }

    /// Writes `letter` on a thread of its own, which the pump feeds.
    async fn write_beside(&self, letter: Letter, pump: Pump) -> Result<(), MailboxError> {
        let row = match (letter.form, self.row_of(&letter.path)) {
            (Form::Mbox, Some(row)) => Some(row.lock_owned().await),
            _ => None,
        };
        let closed = |_| MailboxError::Unavailable("the server is stopping".into());
        let permit = Arc::clone(&self.writers).acquire_owned().await.map_err(closed)?;
        let (maildirs, lock_wait) = (Arc::clone(&self.maildirs), self.lock_wait);
        let writer = tokio::task::spawn_blocking(move || {
            // Both are held until the file is closed, even when nobody waits for the end any more.
            let _held = (row, permit);
            deliver(letter, &maildirs, lock_wait)
        });
        pump.run().await;
        writer.await.unwrap_or_else(|_| Err(MailboxError::Broken("the writer panicked".into())))
    }
}

/// What was written counts against the quota.
fn count(quota: Option<Quota>, path: &Path, octets: u64) {
    if let Some(quota) = quota {
        quota.add(path, octets);
    }
}

/// Writes `letter`, on a thread of its own.
fn deliver(letter: Letter, maildirs: &Maildirs, lock_wait: Duration) -> Result<(), MailboxError> {
    let _rights = match letter.belongs {
        Belongs::Writer => Some(AsUser::begin(&letter.user)?),
        Belongs::User | Belongs::Ours | Belongs::Found => None,
    };
    let (path, quota) = (letter.path.clone(), letter.quota.clone());
    let written = match letter.form {
        Form::Maildir => maildirs.stream(letter)?,
        Form::Mbox => mbox::deliver(letter, lock_wait)?,
    };
    count(quota, &path, written);
    Ok(())
}

/// Where `delivery` goes.
fn aim(delivery: &MailboxDelivery<'_>, homes: &Templates) -> Result<Aim, MailboxError> {
    let user = delivery.user;
    let unknown = || MailboxError::Unknown(user.into());
    let described = |template: &MailboxTemplate, path: Option<PathBuf>, belongs| {
        Ok(Aim {
            path: path.ok_or_else(unknown)?,
            form: template.form(),
            belongs,
            fixed: template.fixed(),
            root: template.root().to_path_buf(),
        })
    };
    match delivery.place {
        Place::Home => match delivery.domain {
            None => described(&homes.local, homes.local.path_of(user), Belongs::User),
            // The domain may have gone from the configuration since; its mail waits for what is decided.
            Some(domain) => match homes.virtuals.get(domain) {
                Some(template) => described(template, template.path_of(user), Belongs::Ours),
                None => {
                    let text = format!("mailboxes of {domain} have no place");
                    Err(MailboxError::Broken(text))
                }
            },
        },
        Place::Described { template, domain } => {
            let broken = |error| MailboxError::Broken(format!("{template}: {error}"));
            // Nothing is made for it, wherever it is.
            let parsed = MailboxTemplate::parse(template, Path::new("/nonexistent"));
            let parsed = parsed.map_err(broken)?;
            described(&parsed, parsed.path_in(user, domain), Belongs::Found)
        }
        Place::File(path) => {
            let form = if path.ends_with('/') { Form::Maildir } else { Form::Mbox };
            let path = PathBuf::from(path);
            let safe = path.is_absolute()
                && !path.components().any(|part| part == std::path::Component::ParentDir);
            let Some(parent) = path.parent().filter(|_| safe).map(Path::to_path_buf) else {
                let text = format!("{}: not an absolute path without ..", path.display());
                return Err(MailboxError::Broken(text));
            };
            let root = PathBuf::from("/nonexistent");
            Ok(Aim { fixed: parent, path, form, belongs: Belongs::Writer, root })
        }
    }
}

impl Mailboxes for FileMailboxes {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(self.write(delivery))
    }
}

#[cfg(test)]
mod tests;
