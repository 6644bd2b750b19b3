//! Folders of letters: Maildir and mbox, as a person's programs read and change them while others
//! deliver into them.
//!
//! What a person does to letters is kept in memory until [`Folder::write_back`]; then only what was
//! changed is changed, on top of what other programs did meanwhile. A folder that grows, changes or
//! vanishes is noticed by [`Folder::refresh`]: numbers stay, letters that are gone are known to be.

mod cache;
mod deposit;
mod flags;
mod maildir;
mod mbox;
pub mod place;
mod source;
mod summary;
#[cfg(test)]
pub(crate) mod tests;
mod unquoted;

use std::io;
use std::path::{Path, PathBuf};

pub use deposit::{Deposit, deposit};
pub use flags::Flags;
pub use source::Source;
pub use summary::{HEAD_MAX, Summary};

use crate::mailbox::lock::LockError;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Nothing has that name.
    #[error("{}: there is no such folder", .0.display())]
    Missing(PathBuf),
    /// A file or directory of another kind.
    #[error("{}: neither a Maildir nor an mbox", .0.display())]
    Other(PathBuf),
    /// Another program keeps it locked.
    #[error("{}: locked by another program; try again", .0.display())]
    Locked(PathBuf),
    /// The letter was removed by another program.
    #[error("that letter was removed by another program")]
    Gone,
    /// The file is not what it was.
    #[error("{}: changed by another program; try again", .0.display())]
    Changed(PathBuf),
    /// Changes cannot be kept.
    #[error("{}: may only be read", .0.display())]
    ReadOnly(PathBuf),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was used.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Adds the path to an error of the system.
pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> FolderError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => FolderError::Missing(path.into()),
        _ => FolderError::Io { path: path.into(), source },
    }
}

pub(crate) fn locked(path: &Path) -> impl Fn(LockError) -> FolderError + '_ {
    move |error| match error {
        LockError::Busy => FolderError::Locked(path.into()),
        LockError::Failed(errno) => FolderError::Io { path: path.into(), source: errno.into() },
    }
}

/// One letter of a folder.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its marks as the person wants them.
    pub flags: Flags,
    /// Its marks as they are in the folder.
    kept: Flags,
    /// The person wants it removed.
    pub deleted: bool,
    /// The person had it saved elsewhere.
    pub saved: bool,
    /// It is no longer in the folder.
    pub gone: bool,
    /// What lists show.
    pub summary: Summary,
    /// Octets.
    pub size: u64,
    place: Place,
}

/// Where a letter is.
#[derive(Clone, Debug)]
enum Place {
    File(maildir::Name),
    Span(mbox::Span),
}

impl Item {
    fn new(flags: Flags, summary: Summary, size: u64, place: Place) -> Self {
        let deleted = flags.trashed;
        Self { flags, kept: flags, deleted, saved: false, gone: false, summary, size, place }
    }

    /// In no list before, and not read.
    pub fn is_new(&self) -> bool {
        !self.flags.seen && !self.flags.old
    }

    /// Whether [`Folder::write_back`] has something to do for it.
    pub fn is_changed(&self) -> bool {
        !self.gone && (self.flags != self.kept || self.is_doomed())
    }

    /// To be removed from the folder: by the wish of this person, in this session. What another
    /// program left to be removed stays.
    fn is_doomed(&self) -> bool {
        self.deleted && !self.kept.trashed
    }
}

/// What another program did to a folder.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Letters that came.
    pub arrived: usize,
    /// Letters that went.
    pub vanished: usize,
}

/// What was changed in a folder.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Written {
    /// Letters in it now.
    pub held: usize,
    /// Letters removed.
    pub removed: usize,
}

enum Store {
    Maildir(maildir::Maildir),
    Mbox(mbox::Mbox),
}

/// An open folder.
pub struct Folder {
    path: PathBuf,
    /// Its letters in the order of delivery; a number of a letter is its place and one.
    pub items: Vec<Item>,
    store: Store,
}

impl Folder {
    /// Opens what is at `path`.
    ///
    /// # Errors
    /// [`FolderError`], also when it is no folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let facts = std::fs::metadata(path).map_err(at(path))?;
        let mut items = Vec::new();
        let store = if facts.is_dir() {
            if !maildir::is_maildir(path) {
                return Err(FolderError::Other(path.into()));
            }
            Store::Maildir(maildir::Maildir::open(path, &mut items)?)
        } else if facts.is_file() {
            Store::Mbox(mbox::Mbox::open(path, &mut items)?)
        } else {
            return Err(FolderError::Other(path.into()));
        };
        Ok(Self { path: path.into(), items, store })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether changes cannot be kept.
    pub fn is_read_only(&self) -> bool {
        match &self.store {
            Store::Maildir(maildir) => maildir.is_read_only(),
            Store::Mbox(mbox) => mbox.is_read_only(),
        }
    }

    /// Looks what others did.
    ///
    /// # Errors
    /// When the folder cannot be read any more; its letters are known to be gone then.
    pub fn refresh(&mut self) -> Result<Changes, FolderError> {
        let before = self.items.len();
        let gone = |items: &[Item]| items.iter().filter(|item| item.gone).count();
        let gone_before = gone(&self.items);
        let done = match &mut self.store {
            Store::Maildir(maildir) => maildir.refresh(&mut self.items),
            Store::Mbox(mbox) => mbox.refresh(&mut self.items),
        };
        if let Err(FolderError::Missing(_)) = &done {
            self.items.iter_mut().for_each(|item| item.gone = true);
        }
        done?;
        let vanished = gone(&self.items).saturating_sub(gone_before);
        Ok(Changes { arrived: self.items.len() - before, vanished })
    }

    /// Opens the letter at place `index`.
    ///
    /// # Errors
    /// [`FolderError::Gone`] and the like.
    pub fn source(&mut self, index: usize) -> Result<Source, FolderError> {
        let Some(item) = self.items.get(index) else { return Err(FolderError::Gone) };
        if item.gone {
            return Err(FolderError::Gone);
        }
        match (&self.store, &item.place) {
            (Store::Maildir(maildir), Place::File(name)) => match maildir.source(name) {
                // Another program may have marked it, which gives it another name.
                Err(FolderError::Missing(_)) => {
                    self.refresh()?;
                    self.peek(index)
                }
                opened => opened,
            },
            (Store::Mbox(mbox), Place::Span(span)) => match mbox.source(span) {
                Err(FolderError::Changed(_)) => {
                    self.refresh()?;
                    self.peek(index)
                }
                opened => opened,
            },
            _ => Err(FolderError::Gone),
        }
    }

    /// The same without looking what others did; what they moved is not found.
    ///
    /// # Errors
    /// As [`source`](Self::source).
    pub fn peek(&self, index: usize) -> Result<Source, FolderError> {
        match (&self.store, self.items.get(index).filter(|item| !item.gone)) {
            (Store::Maildir(maildir), Some(Item { place: Place::File(name), .. })) => {
                maildir.source(name)
            }
            (Store::Mbox(mbox), Some(Item { place: Place::Span(span), .. })) => mbox.source(span),
            _ => Err(FolderError::Gone),
        }
    }

    /// Keeps what was changed, and removes what is marked so.
    ///
    /// # Errors
    /// Nothing is lost: the folder is as it was, or the error says where the letters are.
    pub fn write_back(&mut self) -> Result<Written, FolderError> {
        let doomed = |item: &&Item| !item.gone && item.is_doomed();
        let removed = self.items.iter().filter(doomed).count();
        if self.items.iter().any(Item::is_changed) {
            if self.is_read_only() {
                return Err(FolderError::ReadOnly(self.path.clone()));
            }
            match &mut self.store {
                Store::Maildir(maildir) => maildir.write_back(&mut self.items)?,
                Store::Mbox(mbox) => mbox.write_back(&mut self.items)?,
            }
        }
        let held = self.items.iter().filter(|item| !item.gone).count();
        Ok(Written { held, removed })
    }

    /// Notes that a person has seen the list: what is new now is not new next time.
    pub fn grow_old(&mut self) {
        self.items.iter_mut().for_each(|item| item.flags.old = true);
    }

    /// Keeps what makes the next opening quick. Nothing depends on it.
    pub fn keep_cache(&self) {
        if let Store::Maildir(maildir) = &self.store {
            maildir.keep_cache(&self.items);
        }
    }
}
