//! An mbox as its reader sees it (RFC 4155): one file, each letter after a `From_` line.
//!
//! It is locked only while it is read through or rewritten. Rewriting makes a new file, synced and
//! then named in one step; who waits for the lock must look again which file the name means, as
//! [`lock::is_at`] does. Where no new file can be made (`/var/mail` belongs to others) the file is
//! rewritten in place, with a copy kept until that is done.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;

use super::{Flags, FolderError, HEAD_MAX, Item, Place, Source, Summary, at, locked};
use crate::mailbox::lock::{self, Lock};
use crate::mailbox::mbox::is_from_line;
use mail::content::{Field, Fields};

/// How long to wait for programs that write into it.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Octets read at once.
const PIECE: usize = 128 << 10;
/// Fields that tell one letter from another: Received, Message-ID and Date are among the first.
const PRINTED_FIELDS: usize = 24;
/// Octets of each.
const PRINTED_MAX: usize = 500;

/// Where a letter is in the file.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its `From_` line.
    start: u64,
    /// Its header section.
    head: u64,
    /// Behind its last line, the empty line that parts it from the next left out.
    end: u64,
    /// Behind all that belongs to it.
    next: u64,
    /// Of the `From_` line and the header section, the fields of marks left out.
    print: u32,
}

/// What tells one state of the file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Facts {
    file: (u64, u64),
    len: u64,
    changed: (i64, i64),
}

impl Facts {
    fn of(facts: &fs::Metadata) -> Self {
        Self {
            file: (facts.dev(), facts.ino()),
            len: facts.len(),
            changed: (facts.mtime(), facts.mtime_nsec()),
        }
    }
}

/// An open mbox.
pub struct Mbox {
    path: PathBuf,
    file: File,
    facts: Option<Facts>,
    read_only: bool,
}

impl Mbox {
    pub fn open(path: &Path, items: &mut Vec<Item>) -> Result<Self, FolderError> {
        // The file itself, so that a new one takes its place and not that of a link to it.
        let path = fs::canonicalize(path).map_err(at(path))?;
        let (file, read_only) = open(&path)?;
        let mut mbox = Self { path, file, facts: None, read_only };
        mbox.refresh(items)?;
        Ok(mbox)
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub fn refresh(&mut self, items: &mut Vec<Item>) -> Result<(), FolderError> {
        let facts = fs::metadata(&self.path).map_err(at(&self.path))?;
        if self.facts == Some(Facts::of(&facts)) {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.read_through(items)
    }

    /// Locks the file that is at the path now.
    fn lock(&mut self) -> Result<Option<Lock>, FolderError> {
        loop {
            if !lock::is_at(&self.file, &self.path) {
                (self.file, self.read_only) = open(&self.path)?;
            }
            if self.read_only {
                return Ok(None);
            }
            let lock = Lock::take(&self.file, &self.path, LOCK_WAIT).map_err(locked(&self.path))?;
            if lock::is_at(&self.file, &self.path) {
                return Ok(Some(lock));
            }
        }
    }

    /// Reads what is new; all of it when more than the end has changed. The lock is held.
    fn read_through(&mut self, items: &mut Vec<Item>) -> Result<(), FolderError> {
        let now = Facts::of(&self.file.metadata().map_err(at(&self.path))?);
        let old = self.facts.replace(now);
        let grown = old.filter(|old| old.file == now.file && old.len < now.len);
        if let Some(old) = grown
            && self.continues_at(old.len, items)?
        {
            let more = self.scan(old.len)?;
            items.extend(more.into_iter().map(Into::into));
            return Ok(());
        }
        let found = self.scan(0)?;
        match_up(found, items);
        Ok(())
    }

    /// Whether the letters known are still there, with a new one, or nothing, behind them.
    fn continues_at(&self, len: u64, items: &[Item]) -> Result<bool, FolderError> {
        let last =
            items.iter().rev().filter(|item| !item.gone).find_map(|item| match &item.place {
                Place::Span(span) => Some(span),
                Place::File(_) => None,
            });
        let Some(last) = last else { return Ok(len == 0) };
        let mut begin = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(len)).map_err(at(&self.path))?;
        file.take(1024).read_to_end(&mut begin).map_err(at(&self.path))?;
        let line = begin.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let fits = last.next == len && (begin.is_empty() || is_from_line(line));
        Ok(fits && self.print_at(last).map_err(at(&self.path))? == Some(last.print))
    }

    /// The print of what is now where `span` says, if that is a letter.
    fn print_at(&self, span: &Span) -> io::Result<Option<u32>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(span.start))?;
        let len = (span.end - span.start).min((HEAD_MAX + PIECE) as u64);
        let mut octets = Vec::new();
        file.take(len).read_to_end(&mut octets)?;
        let Some(line_end) = memchr::memchr(b'\n', &octets) else { return Ok(None) };
        let (line, rest) = octets.split_at(line_end + 1);
        Ok(is_from_line(line).then(|| print_of(line, head_of(rest))))
    }

    /// The letters from the octet `from` on, which begins one.
    fn scan(&self, from: u64) -> Result<Vec<Found>, FolderError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from)).map_err(at(&self.path))?;
        let mut scan = Scan::new(from);
        let mut reader = BufReader::with_capacity(PIECE, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let n = next_piece(&mut reader, &mut line).map_err(at(&self.path))?;
            if n == 0 {
                break;
            }
            scan.line(&line);
        }
        // What belongs to no letter would be lost when the file is rewritten.
        if scan.stray > 0 {
            return Err(FolderError::Other(self.path.clone()));
        }
        Ok(scan.finish())
    }

    pub fn source(&self, span: &Span) -> Result<Source, FolderError> {
        let is_here = self.print_at(span).map_err(at(&self.path))? == Some(span.print);
        if !is_here {
            return Err(FolderError::Changed(self.path.clone()));
        }
        let file = self.file.try_clone().map_err(at(&self.path))?;
        Ok(Source::new(file, span.head, span.end.saturating_sub(span.head), true))
    }

    pub fn write_back(&mut self, items: &mut Vec<Item>) -> Result<(), FolderError> {
        let _lock = self.lock()?;
        self.read_through(items)?;
        let folder = self.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let path = self.path.clone();
        let made = tempfile::Builder::new().prefix(".postrider-mbox").tempfile_in(&folder);
        match made {
            Ok(mut new) => {
                let spans = self.copy(items, new.as_file_mut()).map_err(at(&path))?;
                like(&self.file, new.as_file()).map_err(at(&path))?;
                new.as_file().sync_all().map_err(at(&path))?;
                self.file = new.persist(&path).map_err(|error| at(&path)(error.error))?;
                // The letters are there under either name; the error of a sync is told by none.
                let _ = File::open(&folder).and_then(|folder| folder.sync_all());
                settle(items, spans);
            }
            Err(error) if is_forbidden(&error) => self.rewrite_in_place(items)?,
            Err(error) => return Err(at(&folder)(error)),
        }
        self.facts = Some(Facts::of(&self.file.metadata().map_err(at(&path))?));
        Ok(())
    }

    /// For a directory in which we may make no files.
    fn rewrite_in_place(&mut self, items: &mut [Item]) -> Result<(), FolderError> {
        let mut copy = tempfile::Builder::new()
            .prefix("postrider-mbox-")
            .tempfile()
            .map_err(at(&std::env::temp_dir()))?;
        let spans = self.copy(items, copy.as_file_mut()).map_err(at(copy.path()))?;
        copy.as_file().sync_all().map_err(at(copy.path()))?;
        let mut from = copy.reopen().map_err(at(copy.path()))?;
        let mut file = &self.file;
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| io::copy(&mut from, &mut file))
            .and_then(|len| self.file.set_len(len))
            .and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            let kept = copy.into_temp_path();
            let place = kept.to_path_buf();
            let kept =
                kept.keep().map_or_else(|_| String::new(), |path| path.display().to_string());
            let text = format!("{error}; all letters that remain are in {kept}");
            return Err(FolderError::Io { path: place, source: io::Error::other(text) });
        }
        settle(items, spans);
        Ok(())
    }

    /// Writes the letters that remain into `out`, with their marks, and tells where each is now.
    fn copy(&self, items: &[Item], out: &mut File) -> io::Result<Vec<Option<Span>>> {
        let mut out = io::BufWriter::with_capacity(PIECE, out);
        let mut at = 0;
        let mut spans = Vec::with_capacity(items.len());
        for item in items {
            let Place::Span(span) = &item.place else {
                spans.push(None);
                continue;
            };
            if item.gone || item.is_doomed() {
                spans.push(None);
                continue;
            }
            let span = self.copy_one(span, item, &mut at, &mut out)?;
            spans.push(Some(span));
        }
        out.flush()?;
        Ok(spans)
    }

    fn copy_one(
        &self,
        span: &Span,
        item: &Item,
        at: &mut u64,
        out: &mut impl Write,
    ) -> io::Result<Span> {
        let start = *at;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(span.start))?;
        let mut reader = BufReader::with_capacity(PIECE, file.take(span.end - span.start));
        let mut line = Vec::new();
        let from_line = next_piece(&mut reader, &mut line)? as u64;
        out.write_all(&line)?;
        let mut len = from_line;
        if item.flags != item.kept {
            len += copy_marked(&mut reader, item.flags, out)?;
        }
        len += io::copy(&mut reader, out)?;
        let end = start + len;
        // The last line of a letter ends, and an empty one follows.
        let gap: &[u8] = if self.ends_line(span)? { b"\n" } else { b"\n\n" };
        out.write_all(gap)?;
        *at = end + gap.len() as u64;
        Ok(Span { start, head: start + from_line, end, next: *at, print: span.print })
    }

    fn ends_line(&self, span: &Span) -> io::Result<bool> {
        let mut last = [0];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(span.end.saturating_sub(1)))?;
        file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }
}

/// Opens for writing, or else for reading; tells whether it is the latter.
fn open(path: &Path) -> Result<(File, bool), FolderError> {
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlag::O_NONBLOCK.bits();
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags);
    let (file, read_only) = match options.clone().write(true).open(path) {
        Ok(file) => (file, false),
        Err(_) => (options.open(path).map_err(at(path))?, true),
    };
    if !file.metadata().map_err(at(path))?.is_file() {
        return Err(FolderError::Other(path.into()));
    }
    Ok((file, read_only))
}

/// Whether the directory lets us make no files; a full disk is another matter.
fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// The new file belongs to whom the old one did, as far as we may say so.
fn like(old: &File, new: &File) -> io::Result<()> {
    let facts = old.metadata()?;
    new.set_permissions(facts.permissions())?;
    let own = new.metadata()?;
    if (own.uid(), own.gid()) != (facts.uid(), facts.gid()) {
        let (uid, gid) = (facts.uid().into(), facts.gid().into());
        // Only root may give files away; a group may be ours or not.
        let _ = nix::unistd::fchown(new.as_fd(), Some(uid), Some(gid));
        let _ = nix::unistd::fchown(new.as_fd(), None, Some(gid));
    }
    Ok(())
}

/// The header section with other marks: the old fields of marks left out, new ones at its end.
fn copy_marked(reader: &mut impl BufRead, flags: Flags, out: &mut impl Write) -> io::Result<u64> {
    let (mut len, mut skipping) = (0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = next_piece(reader, &mut line)?;
        let ends = n == 0 || matches!(line.as_slice(), b"\n" | b"\r\n");
        let is_field = |line: &[u8]| Fields::new(line).next().is_some();
        let goes_on = matches!(line.first(), Some(b' ' | b'\t'));
        if ends || (!goes_on && !is_field(&line)) {
            let fields = flags.to_fields();
            out.write_all(fields.as_bytes())?;
            // A header section without end needs its empty line now.
            let empty: &[u8] = if ends { b"" } else { b"\n" };
            out.write_all(empty)?;
            out.write_all(&line)?;
            return Ok(len + (fields.len() + empty.len() + n) as u64);
        }
        skipping = if goes_on { skipping } else { is_mark(&line) };
        if !skipping {
            out.write_all(&line)?;
            len += n as u64;
        }
    }
}

fn is_mark(line: &[u8]) -> bool {
    Fields::new(line).next().is_some_and(|field| field.is("status") || field.is("x-status"))
}

/// A line with its end, or a piece of a very long one.
fn next_piece(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(PIECE as u64).read_until(b'\n', line)
}

/// What the letters became after they were rewritten.
fn settle(items: &mut [Item], spans: Vec<Option<Span>>) {
    for (item, span) in items.iter_mut().zip(spans) {
        match span {
            Some(span) => {
                item.kept = item.flags;
                item.place = Place::Span(span);
            }
            None => item.gone = true,
        }
    }
}

/// Finds the known letters among those that are in the file now.
fn match_up(found: Vec<Found>, items: &mut Vec<Item>) {
    let mut known: HashMap<u32, VecDeque<usize>> = HashMap::new();
    for (index, item) in items.iter_mut().enumerate() {
        if let (false, Place::Span(span)) = (item.gone, &item.place) {
            known.entry(span.print).or_default().push_back(index);
        }
        item.gone = true;
    }
    for found in found {
        let place = known.get_mut(&found.span.print).and_then(VecDeque::pop_front);
        let Some(item) = place.and_then(|place| items.get_mut(place)) else {
            items.push(found.into());
            continue;
        };
        item.gone = false;
        item.flags = found.flags.with_changes(item.kept, item.flags);
        item.kept = found.flags;
        item.place = Place::Span(found.span);
    }
}

struct Found {
    span: Span,
    flags: Flags,
    summary: Summary,
}

impl From<Found> for Item {
    fn from(found: Found) -> Self {
        let size = found.span.end.saturating_sub(found.span.head);
        Self::new(found.flags, found.summary, size, Place::Span(found.span))
    }
}

/// Follows the lines of the file.
struct Scan {
    at: u64,
    found: Vec<Found>,
    from_line: Vec<u8>,
    start: u64,
    head: Vec<u8>,
    /// Whether lines still belong to the header section.
    in_head: bool,
    open: bool,
    /// The line before was empty, or there was none.
    after_empty: bool,
    /// The piece before ended its line.
    line_start: bool,
    /// Where the last line began.
    line_at: u64,
    /// Octets that belong to no letter.
    stray: u64,
}

impl Scan {
    fn new(at: u64) -> Self {
        Self {
            at,
            found: Vec::new(),
            from_line: Vec::new(),
            start: at,
            head: Vec::new(),
            in_head: false,
            open: false,
            after_empty: true,
            line_start: true,
            line_at: at,
            stray: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        let begins = std::mem::replace(&mut self.line_start, line.ends_with(b"\n"));
        let is_empty = begins && matches!(line, b"\n" | b"\r\n");
        if begins && self.after_empty && is_from_line(line) {
            self.close();
            (self.open, self.in_head, self.start) = (true, true, self.at);
            self.from_line = line.to_vec();
            self.line_at = self.at;
            self.at += line.len() as u64;
            self.after_empty = false;
            return;
        }
        if self.open && self.in_head {
            if is_empty || self.head.len() > HEAD_MAX {
                self.in_head = false;
            } else {
                self.head.extend_from_slice(line);
            }
        }
        if !self.open && !is_empty {
            self.stray += line.len() as u64;
        }
        self.line_at = self.at;
        self.at += line.len() as u64;
        self.after_empty = is_empty;
    }

    /// Ends the letter that is open.
    fn close(&mut self) {
        if !self.open {
            return;
        }
        let head = head_of(&self.head);
        let mut flags = Flags::default();
        for field in Fields::new(head) {
            flags.read_field(field.name, &field.value());
        }
        let from_len = self.from_line.len() as u64;
        // The last empty line parts it from the next.
        let end = if self.after_empty { self.line_at } else { self.at };
        let span = Span {
            start: self.start,
            head: self.start + from_len,
            end: end.max(self.start + from_len),
            next: self.at,
            print: print_of(&self.from_line, head),
        };
        self.found.push(Found { span, flags, summary: Summary::of(head) });
        self.head.clear();
        self.open = false;
    }

    fn finish(mut self) -> Vec<Found> {
        self.close();
        self.found
    }
}

/// The header section, as far as it is looked at.
fn head_of(octets: &[u8]) -> &[u8] {
    let (head, _) = mail::content::split_head(octets);
    head.get(..HEAD_MAX).unwrap_or(head)
}

fn print_of(from_line: &[u8], head: &[u8]) -> u32 {
    let mut print = crc32c::crc32c(from_line);
    let is_mark = |field: &Field<'_>| field.is("status") || field.is("x-status");
    for field in Fields::new(head).filter(|field| !is_mark(field)).take(PRINTED_FIELDS) {
        print = crc32c::crc32c_append(print, field.name);
        print = crc32c::crc32c_append(print, field.raw.get(..PRINTED_MAX).unwrap_or(field.raw));
    }
    print
}
