//! Maildirs that were open a moment ago, and to whom they belong: to walk to a mailbox and to look
//! its owner up costs more than to write a letter, and a busy mailbox gets many in a second.
//!
//! What is known counts for [`TRUST`]: a mailbox that was moved, removed or mounted over, and an
//! account that has changed, are seen by the first delivery after it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::doors::MailboxError;

use super::maildir::Maildir;

/// How long a directory is written to without being looked for again.
const TRUST: Duration = Duration::from_secs(1);
/// Maildirs kept open, each with two descriptors, or three with a quota.
const OPEN_MAX: usize = 128;

/// The Maildirs that are known.
#[derive(Default)]
pub(super) struct Known {
    maildirs: Mutex<BTreeMap<PathBuf, Entry>>,
}

struct Entry {
    since: Instant,
    maildir: Arc<Maildir>,
}

impl Known {
    /// The Maildir at `path`; `open` opens it where it is not known.
    pub(super) fn maildir(
        &self,
        path: &Path,
        open: impl FnOnce() -> Result<Maildir, MailboxError>,
    ) -> Result<Arc<Maildir>, MailboxError> {
        if let Some(maildir) = self.find(path) {
            return Ok(maildir);
        }
        let (now, maildir) = (Instant::now(), Arc::new(open()?));
        let mut maildirs = self.maildirs.lock().unwrap_or_else(PoisonError::into_inner);
        if maildirs.len() >= OPEN_MAX {
            maildirs.retain(|_, entry| now.duration_since(entry.since) < TRUST);
        }
        if maildirs.len() < OPEN_MAX {
            let entry = Entry { since: now, maildir: Arc::clone(&maildir) };
            maildirs.insert(path.to_path_buf(), entry);
        }
        Ok(maildir)
    }

    /// The Maildir at `path`, if it is known.
    pub(super) fn find(&self, path: &Path) -> Option<Arc<Maildir>> {
        let now = Instant::now();
        let mut maildirs = self.maildirs.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = maildirs.get(path)?;
        if now.duration_since(entry.since) < TRUST {
            return Some(Arc::clone(&entry.maildir));
        }
        maildirs.remove(path);
        None
    }

    /// Something is wrong with the Maildir at `path`: the next delivery looks for it.
    pub(super) fn forget(&self, path: &Path) {
        self.maildirs.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}
