//! Puts a letter into a folder that is not open: saved, copied, moved, recorded, drafted.
//!
//! `Ok` is given when a crash cannot undo it; after a failure the folder is as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mail::content::edit::{Edit, edited};

use super::{Flags, FolderError, at, locked, maildir};
use crate::mailbox::lock::{self, Lock};
use crate::mailbox::mbox::{from_line, gap_after, is_from_line};
use crate::mailbox::text::LocalText;

/// How long to wait for programs that write into an mbox.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Octets read at once.
const PIECE: usize = 64 << 10;

/// What is put.
pub struct Deposit<'a> {
    /// The letter, with any line ends.
    pub content: &'a mut dyn Read,
    /// Its marks.
    pub flags: Flags,
    /// The address in a `From_` line.
    pub sender: &'a str,
    /// The name of this host.
    pub host: &'a str,
    /// The form of a folder that is made now.
    pub new_is_maildir: bool,
}

/// Puts it into the folder at `path`, which is made (private) when it is missing. True when it was.
///
/// # Errors
/// [`FolderError`]; a file that is no mbox is left alone.
pub fn deposit(path: &Path, deposit: &mut Deposit<'_>) -> Result<bool, FolderError> {
    let slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match fs::metadata(path) {
        Ok(facts) if facts.is_dir() && maildir::is_maildir(path) => {
            into_maildir(path, deposit).map(|()| false)
        }
        Ok(facts) if facts.is_file() => into_mbox(path, deposit).map(|()| false),
        Ok(_) => Err(FolderError::Other(path.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if deposit.new_is_maildir || slash {
                make_maildir(path).map_err(at(path))?;
                into_maildir(path, deposit).map(|()| true)
            } else {
                into_mbox(path, deposit).map(|()| true)
            }
        }
        Err(error) => Err(at(path)(error)),
    }
}

fn make_maildir(path: &Path) -> io::Result<()> {
    for part in ["", "tmp", "new", "cur"] {
        match fs::DirBuilder::new().mode(0o700).create(path.join(part)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    sync(path)?;
    path.parent().filter(|parent| *parent != Path::new("")).map_or(Ok(()), sync)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn into_maildir(path: &Path, deposit: &mut Deposit<'_>) -> Result<(), FolderError> {
    static LETTERS: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let n = LETTERS.fetch_add(1, Ordering::Relaxed);
    let host: String =
        deposit.host.chars().map(|c| if "/:,".contains(c) { '_' } else { c }).collect();
    let unique =
        format!("{}.M{}P{}Q{n}.{host}", since.as_secs(), since.subsec_micros(), process::id());
    let tmp = path.join("tmp").join(&unique);
    let stored = store(&tmp, deposit).and_then(|size| {
        let is_new = !deposit.flags.old && deposit.flags == Flags::default();
        let name = match is_new {
            true => format!("new/{unique},S={size}"),
            false => format!("cur/{unique},S={size}:2,{}", deposit.flags.to_maildir("")),
        };
        let to = path.join(name);
        fs::rename(&tmp, &to)?;
        to.parent().map_or(Ok(()), sync)
    });
    if stored.is_err() {
        let _ = fs::remove_file(&tmp);
    }
    stored.map_err(at(path))
}

fn store(tmp: &Path, deposit: &mut Deposit<'_>) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(tmp)?;
    let size = write_text(&mut file, deposit.content, LocalText::plain())?;
    file.sync_all()?;
    Ok(size)
}

/// Writes what `content` gives with line ends of this system.
fn write_text(file: &mut File, content: &mut dyn Read, mut text: LocalText) -> io::Result<u64> {
    let mut buffer = vec![0; PIECE];
    let (mut out, mut size) = (Vec::new(), 0);
    loop {
        let n = match content.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        match n {
            0 => text.finish(&mut out),
            n => text.push(buffer.get(..n).unwrap_or_default(), &mut out),
        }
        file.write_all(&out)?;
        size += out.len() as u64;
        out.clear();
        if n == 0 {
            return Ok(size);
        }
    }
}

fn into_mbox(path: &Path, deposit: &mut Deposit<'_>) -> Result<(), FolderError> {
    let (mut file, _lock) = open_locked(path)?;
    let before = file.metadata().map_err(at(path))?.len();
    if before > 0 && !begins_with_letter(&mut file).map_err(at(path))? {
        return Err(FolderError::Other(path.into()));
    }
    let appended = append(&mut file, before, deposit);
    if appended.is_err() {
        // A torn letter must not become part of the next one.
        let _ = file.set_len(before).and_then(|()| file.sync_all());
    }
    appended.map_err(at(path))
}

fn open_locked(path: &Path) -> Result<(File, Lock), FolderError> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path).map_err(at(path))?;
        let lock = Lock::take(&file, path, LOCK_WAIT).map_err(locked(path))?;
        if lock::is_at(&file, path) {
            return Ok((file, lock));
        }
    }
}

fn begins_with_letter(file: &mut File) -> io::Result<bool> {
    let mut begin = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    (&mut *file).take(1024).read_to_end(&mut begin)?;
    Ok(is_from_line(begin.split(|octet| *octet == b'\n').next().unwrap_or_default()))
}

fn append(file: &mut File, before: u64, deposit: &mut Deposit<'_>) -> io::Result<()> {
    let mut lead = gap_after(file, before)?.to_vec();
    lead.extend_from_slice(from_line(deposit.sender, SystemTime::now()).as_bytes());
    lead.extend_from_slice(deposit.flags.to_fields().as_bytes());
    file.write_all(&lead)?;
    // The fields of marks that came with the letter are told by the new ones.
    let mut content = WithoutMarks::new(deposit.content)?;
    write_text(file, &mut content, LocalText::quoted())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// A letter whose header section has lost its fields `Status` and `X-Status`.
struct WithoutMarks<'a> {
    begin: io::Cursor<Vec<u8>>,
    rest: &'a mut dyn Read,
}

impl<'a> WithoutMarks<'a> {
    fn new(content: &'a mut dyn Read) -> io::Result<Self> {
        let mut begin = Vec::new();
        content.take(super::HEAD_MAX as u64).read_to_end(&mut begin)?;
        let kept = edited(&begin, &["Status", "X-Status"].map(Edit::Remove));
        Ok(Self { begin: io::Cursor::new(kept), rest: content })
    }
}

impl Read for WithoutMarks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.begin.read(buffer)? {
            0 => self.rest.read(buffer),
            n => Ok(n),
        }
    }
}
