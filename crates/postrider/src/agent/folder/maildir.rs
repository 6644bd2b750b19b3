//! A Maildir as its reader sees it: letters are files of `new` and `cur`, known by the part of their
//! names that never changes; marks are letters after `:2,`.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::{AccessFlags, access};

use super::cache::Cache;
use super::{Flags, FolderError, HEAD_MAX, Item, Place, Source, Summary, at};

/// A directory that changed this lately may change again without a sign of it.
const SETTLING: Duration = Duration::from_secs(2);

/// The name of a letter's file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// What never changes.
    unique: Box<str>,
    /// Whether it is in `new`.
    is_new: bool,
    /// The letters after `:2,`; none where there is no such part.
    letters: Box<str>,
    /// What else stands after the colon: another kind of information, kept as it is.
    other: Option<Box<str>>,
}

impl Name {
    pub(super) fn parse(file: &str, is_new: bool) -> Self {
        let (unique, info) = match file.split_once(':') {
            Some((unique, info)) => (unique, Some(info)),
            None => (file, None),
        };
        let letters = info.and_then(|info| info.strip_prefix("2,"));
        Self {
            unique: unique.into(),
            is_new,
            letters: letters.unwrap_or_default().into(),
            other: info.filter(|_| letters.is_none()).map(Into::into),
        }
    }

    fn file(&self) -> String {
        match (&self.other, self.is_new && self.letters.is_empty()) {
            (Some(other), _) => format!("{}:{other}", self.unique),
            (None, true) => self.unique.to_string(),
            (None, false) => format!("{}:2,{}", self.unique, self.letters),
        }
    }

    fn flags(&self) -> Flags {
        let flags = Flags::of_maildir(&self.letters);
        Flags { old: !self.is_new, ..flags }
    }

    /// When it was delivered: its name begins with the second, and goes on with the microsecond.
    fn order(&self) -> (u64, u64) {
        let number = |text: &str| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            text.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or_default()
        };
        let mut parts = self.unique.splitn(3, '.');
        let second = parts.next().map(number).unwrap_or_default();
        let micros = parts.next().and_then(|part| part.strip_prefix('M')).map(number);
        (second, micros.unwrap_or_default())
    }
}

/// Whether the directory at `path` is one.
pub fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() && path.join("new").is_dir()
}

/// An open Maildir.
pub struct Maildir {
    path: PathBuf,
    cache: Cache,
    /// When `new` and `cur` were changed last, if that is sure to be seen.
    seen: Option<[(i64, i64); 2]>,
    /// Places of the letters by their unique names.
    places: HashMap<Box<str>, usize>,
    read_only: bool,
}

impl Maildir {
    pub fn open(path: &Path, items: &mut Vec<Item>) -> Result<Self, FolderError> {
        let mut maildir = Self {
            path: path.into(),
            cache: Cache::load(path),
            seen: None,
            places: HashMap::new(),
            read_only: access(&path.join("cur"), AccessFlags::W_OK).is_err(),
        };
        maildir.refresh(items)?;
        Ok(maildir)
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub fn refresh(&mut self, items: &mut Vec<Item>) -> Result<(), FolderError> {
        let changed = self.changed()?;
        if self.seen.is_some() && self.seen == changed {
            return Ok(());
        }
        let mut found = Vec::with_capacity(items.len());
        for (part, is_new) in [("new", true), ("cur", false)] {
            self.list(part, is_new, &mut found)?;
        }
        self.seen = changed;
        self.match_up(found, items)
    }

    /// When the two directories were changed last; `None` while that says nothing yet.
    fn changed(&self) -> Result<Option<[(i64, i64); 2]>, FolderError> {
        let now = SystemTime::now();
        let mut settled = true;
        let mut moment = |part: &str| -> Result<(i64, i64), FolderError> {
            let path = self.path.join(part);
            let facts = fs::metadata(&path).map_err(at(&path))?;
            let age = facts.modified().ok().and_then(|time| now.duration_since(time).ok());
            settled &= age.is_some_and(|age| age > SETTLING);
            Ok((facts.mtime(), facts.mtime_nsec()))
        };
        let moments = [moment("new")?, moment("cur")?];
        Ok(settled.then_some(moments))
    }

    fn list(&self, part: &str, is_new: bool, found: &mut Vec<Name>) -> Result<(), FolderError> {
        let path = self.path.join(part);
        for entry in fs::read_dir(&path).map_err(at(&path))? {
            let entry = entry.map_err(at(&path))?;
            let file = entry.file_name();
            // Names of letters are ASCII; a name that is no text is no letter of ours.
            let Some(file) = file.to_str().filter(|file| !file.starts_with('.')) else { continue };
            // Letters are files. Where the directory does not say, opening will.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            found.push(Name::parse(file, is_new));
        }
        Ok(())
    }

    fn match_up(&mut self, found: Vec<Name>, items: &mut Vec<Item>) -> Result<(), FolderError> {
        let mut fresh = Vec::new();
        let mut here = vec![false; items.len()];
        for name in found {
            let Some(&place) = self.places.get(&name.unique) else {
                fresh.push(name);
                continue;
            };
            let (Some(item), Some(here)) = (items.get_mut(place), here.get_mut(place)) else {
                continue;
            };
            *here = true;
            item.gone = false;
            let theirs = name.flags();
            item.flags = theirs.with_changes(item.kept, item.flags);
            item.kept = theirs;
            item.place = Place::File(name);
        }
        for (item, here) in items.iter_mut().zip(here) {
            item.gone |= !here;
        }
        let mut fresh: Vec<((u64, u64), Name)> =
            fresh.into_iter().map(|name| (name.order(), name)).collect();
        fresh.sort_unstable_by(|(one, one_name), (other, other_name)| {
            (one, &one_name.unique).cmp(&(other, &other_name.unique))
        });
        self.cache.expect(fresh.len());
        for (_, name) in fresh {
            // A letter can be in both directories for a moment, while it is moved.
            if self.places.contains_key(&name.unique) {
                continue;
            }
            let Some((summary, size)) = self.summary(&name)? else { continue };
            self.places.insert(name.unique.clone(), items.len());
            items.push(Item::new(name.flags(), summary, size, Place::File(name)));
        }
        Ok(())
    }

    /// What the letter says of itself; nothing when it went away.
    fn summary(&mut self, name: &Name) -> Result<Option<(Summary, u64)>, FolderError> {
        if let Some(known) = self.cache.take(&name.unique) {
            return Ok(Some(known));
        }
        match self.source(name) {
            Ok(mut source) => {
                let size = source.size();
                let head = source.read_head(HEAD_MAX.min(8 << 10)).map_err(at(&self.path))?;
                let (fields, _) = mail::content::split_head(&head);
                let is_whole = fields.len() < head.len() || head.len() as u64 == size;
                if is_whole {
                    return Ok(Some((Summary::of(fields), size)));
                }
                let mut head = head;
                head.extend(source.read_head(HEAD_MAX).map_err(at(&self.path))?);
                Ok(Some((Summary::of(&head), size)))
            }
            Err(FolderError::Missing(_)) => Ok(None),
            // A letter that cannot be read is listed, so that the person knows of it.
            Err(_) => Ok(Some((Summary::default(), 0))),
        }
    }

    pub fn source(&self, name: &Name) -> Result<Source, FolderError> {
        let path = self.file(name);
        let file = File::open(&path).map_err(at(&path))?;
        let facts = file.metadata().map_err(at(&path))?;
        if !facts.is_file() {
            return Err(FolderError::Other(path));
        }
        Ok(Source::new(file, 0, facts.len(), false))
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.path.join(if name.is_new { "new" } else { "cur" }).join(name.file())
    }

    pub fn write_back(&mut self, items: &mut Vec<Item>) -> Result<(), FolderError> {
        // First the newest names, so that what others marked stays marked.
        self.seen = None;
        self.refresh(items)?;
        let mut first_error = None;
        for item in items.iter_mut().filter(|item| item.is_changed()) {
            if let Err(error) = self.write_item(item) {
                first_error.get_or_insert(error);
            }
        }
        self.seen = None;
        self.sync();
        first_error.map_or(Ok(()), Err)
    }

    fn write_item(&self, item: &mut Item) -> Result<(), FolderError> {
        let Place::File(name) = &item.place else { return Ok(()) };
        let from = self.file(name);
        if item.is_doomed() {
            match fs::remove_file(&from) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at(&from)(error));
                }
                _ => item.gone = true,
            }
            return Ok(());
        }
        let mut next = name.clone();
        next.is_new = false;
        if next.other.is_none() {
            next.letters = item.flags.to_maildir(&name.letters).into();
        }
        let to = self.file(&next);
        if from != to {
            // Names are unique; a link never replaces another letter.
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => item.gone = true,
                done => done.map_err(at(&from))?,
            }
        }
        item.kept = Flags { old: true, ..item.flags };
        item.flags = item.kept;
        item.place = Place::File(next);
        Ok(())
    }

    fn sync(&self) {
        for part in ["new", "cur"] {
            // A crash may bring a mark back to what it was; no letter depends on it.
            let _ = File::open(self.path.join(part)).and_then(|directory| directory.sync_all());
        }
    }

    pub fn keep_cache(&self, items: &[Item]) {
        let known: BTreeMap<&str, (&Summary, u64)> = items
            .iter()
            .filter(|item| !item.gone)
            .filter_map(|item| match &item.place {
                Place::File(name) => Some((&*name.unique, (&item.summary, item.size))),
                Place::Span(_) => None,
            })
            .collect();
        self.cache.keep(&known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let rows = [
            ("1.M2P3.host", true, "1.M2P3.host", ""),
            ("1.M2P3.host:2,", false, "1.M2P3.host", ""),
            ("1.M2P3.host,S=5:2,FS", false, "1.M2P3.host,S=5", "FS"),
            ("1.host:1,x", false, "1.host", ""),
        ];
        for (file, is_new, unique, letters) in rows {
            let name = Name::parse(file, is_new);
            assert_eq!((&*name.unique, &*name.letters), (unique, letters));
            assert_eq!(name.file(), file);
        }
        assert_eq!(Name::parse("17.M5P3.host", true).order(), (17, 5));
        assert_eq!(Name::parse("17.3_4.host", true).order(), (17, 0));
        assert_eq!(Name::parse("odd", true).order(), (0, 0));
    }
}
