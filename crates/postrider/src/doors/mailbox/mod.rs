//! Mailboxes in the file system: Maildir and mbox.
//!
//! `Ok` is given when a crash cannot undo the delivery: the file is synced, and so is the directory
//! that names it. The runtime never waits for a disk: each delivery is written by a thread of the
//! blocking pool, which is fed in chunks, so that a large letter never sits in memory whole. Lines
//! end with LF here, as programs that read local mail expect; the wire's CR LF comes back by turning
//! each LF into CR LF (RFC 5321 §4.5.2: what is changed in storage can be changed back).
//!
//! Which user an address belongs to is left to the engine, as is every retry.

mod disk;
mod feed;
mod known;
mod maildir;
mod mbox;
mod template;
mod together;

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::doors::{Doing, MailboxDelivery, MailboxError, Mailboxes};
use mail::DomainName;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};

use feed::Feed;
use maildir::Maildirs;
pub use template::{Form, MailboxTemplate, TemplateError, is_safe_user};

/// Deliveries written at once: enough for a disk to join their syncs, and few threads.
const WRITERS_MAX: usize = 48;
/// Locks that keep our own deliveries to one mbox in a row, so that they need not poll for it.
const ROWS: usize = 64;

/// Delivers into files below a [`MailboxTemplate`].
pub struct FileMailboxes {
    place: RwLock<Place>,
    /// How long to wait for an mbox that another program has locked.
    lock_wait: Duration,
    writers: Arc<Semaphore>,
    rows: Vec<Arc<Mutex<()>>>,
    maildirs: Arc<Maildirs>,
}

/// Where the mailboxes are, and our name in the names of their files.
#[derive(Clone)]
struct Place {
    templates: Arc<Templates>,
    host: Arc<str>,
}

/// Where mailboxes are: those of the users of this host, and those of each virtual domain.
pub struct Templates {
    /// Of the users.
    pub local: Arc<MailboxTemplate>,
    /// Of the virtual domains.
    pub virtuals: BTreeMap<DomainName, Arc<MailboxTemplate>>,
}

impl From<MailboxTemplate> for Templates {
    fn from(local: MailboxTemplate) -> Self {
        Self { local: Arc::new(local), virtuals: BTreeMap::new() }
    }
}

/// What a writer needs, free of the engine's lifetimes.
struct Letter {
    /// The account of the system that owns the mailbox; none: ours.
    owner: Option<String>,
    path: PathBuf,
    from: String,
    time: SystemTime,
    unique: String,
    host: String,
    head: Bytes,
    feed: Feed,
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
            place: RwLock::new(Place { templates: Arc::new(templates.into()), host: host.into() }),
            lock_wait,
            writers: Arc::new(Semaphore::new(WRITERS_MAX)),
            rows: (0..ROWS).map(|_| Arc::default()).collect(),
            maildirs: Arc::default(),
        }
    }

    /// Where the mailbox of `user` is.
    ///
    /// # Errors
    /// [`MailboxError::Unknown`] for a name that could mean another place in the file system.
    pub fn path_of(&self, user: &str) -> Result<PathBuf, MailboxError> {
        self.place().templates.local.path_of(user).ok_or_else(|| MailboxError::Unknown(user.into()))
    }

    /// Delivers elsewhere from now on.
    pub fn move_to(&self, templates: impl Into<Templates>, host: &str) {
        *self.place.write() = Place { templates: Arc::new(templates.into()), host: host.into() };
    }

    fn place(&self) -> Place {
        self.place.read().clone()
    }

    fn row_of(&self, path: &Path) -> Option<Arc<Mutex<()>>> {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let row = hasher.finish() % (ROWS as u64);
        self.rows.get(usize::try_from(row).ok()?).cloned()
    }

    async fn write(&self, delivery: MailboxDelivery<'_>) -> Result<(), MailboxError> {
        let Place { templates, host } = self.place();
        let template = match delivery.domain {
            None => Some(&templates.local),
            Some(domain) => templates.virtuals.get(domain),
        };
        // The domain may have gone from the configuration since; its mail waits for what is decided.
        let gone =
            || MailboxError::Broken(format!("mailboxes of {:?} have no place", delivery.domain));
        let template = template.cloned().ok_or_else(gone)?;
        let unknown = || MailboxError::Unknown(delivery.user.into());
        let path = template.path_of(delivery.user).ok_or_else(unknown)?;
        let form = template.form();
        let row = match (form, self.row_of(&path)) {
            (Form::Mbox, Some(row)) => Some(row.lock_owned().await),
            _ => None,
        };
        let closed = |_| MailboxError::Unavailable("the server is stopping".into());
        let permit = Arc::clone(&self.writers).acquire_owned().await.map_err(closed)?;
        let (feed, pump) = feed::open(delivery.body).await?;
        let letter = Letter {
            // A user of a virtual domain may be called as somebody here is.
            owner: delivery.domain.is_none().then(|| delivery.user.into()),
            path,
            from: delivery.from,
            time: delivery.time,
            unique: delivery.unique,
            host: host.as_ref().into(),
            head: delivery.head,
            feed,
        };
        let (root, lock_wait) = (template.root().to_path_buf(), self.lock_wait);
        let maildirs = Arc::clone(&self.maildirs);
        let writer = tokio::task::spawn_blocking(move || {
            // Both are held until the file is closed, even when nobody waits for the end any more.
            let _held = (row, permit);
            match form {
                Form::Maildir => maildirs.deliver(letter, &root),
                Form::Mbox => mbox::deliver(letter, &root, lock_wait),
            }
        });
        pump.run().await;
        writer.await.unwrap_or_else(|_| Err(MailboxError::Broken("the writer panicked".into())))
    }
}

impl Mailboxes for FileMailboxes {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(self.write(delivery))
    }
}

#[cfg(test)]
mod tests;
