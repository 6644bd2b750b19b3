//! The files of the drop directory: written durably, listed, read, removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime};

use nix::fcntl::OFlag;

use super::format::{self, Dropped, Envelope};
use super::{DropError, Waiting};

/// How old a file in `tmp` must be to be rubbish: no writer takes this long.
const STALE: Duration = Duration::from_secs(36 * 3600);
/// Tries at a name nobody has.
const NAMES: u32 = 100;

/// Makes the directories where they are missing, for this user alone; `dir`'s parent must exist.
/// Permissions of directories that exist are the administrator's and stay.
///
/// # Errors
/// When one cannot be made or synced.
pub fn prepare(dir: &Path) -> io::Result<()> {
    for path in [dir.to_path_buf(), dir.join("tmp"), dir.join("new"), dir.join("bad")] {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
            Ok(()) => sync_dir(path.parent().unwrap_or(Path::new(".")))?,
        }
    }
    Ok(())
}

/// Stores a letter. `Ok` with its name: it is whole, in `new`, and no crash can undo it.
///
/// # Errors
/// Nothing is in `new` then, or it may be there but is not known to be durable: do not say that it
/// is queued.
pub fn write(dir: &Path, envelope: &Envelope, content: &mut dyn Read) -> io::Result<String> {
    if !dir.join("new").is_dir() {
        prepare(dir)?;
    }
    let (name, file) = create(dir, envelope.time)?;
    let temporary = dir.join("tmp").join(&name);
    let place = dir.join("new");
    let done = fill(file, envelope, content).and_then(|()| {
        fs::rename(&temporary, place.join(&name))?;
        sync_dir(&place)
    });
    match done {
        Ok(()) => Ok(name),
        Err(error) => {
            // A rest in `tmp` is swept later; the error that stopped us is the one to tell.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

fn fill(file: File, envelope: &Envelope, content: &mut dyn Read) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    format::write(&mut out, envelope, content)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// A new file in `tmp` under a name that sorts by age.
fn create(dir: &Path, time: SystemTime) -> io::Result<(String, File)> {
    let place = dir.join("tmp");
    // A set-group-id or group-writable directory is one shared through a group: the service reads
    // what others write by that group.
    let shared = fs::metadata(&place)?.permissions().mode() & 0o2020 != 0;
    let mode = if shared { 0o640 } else { 0o600 };
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    for n in 0..NAMES {
        let (secs, nanos) = (since.as_secs(), since.subsec_nanos());
        let name = format!("{secs:012}.{nanos:09}.{}.{n}", process::id());
        let path = place.join(&name);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&path) {
            Ok(file) => {
                // Past the umask: without the group's right the service could not read it.
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                // A rename would replace a namesake in `new`; ours must be new in both.
                if !dir.join("new").join(&name).exists() {
                    return Ok((name, file));
                }
                fs::remove_file(&path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name in the drop directory"))
}

/// The letters in `new`, oldest first. No directory means no letters.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<Waiting>> {
    let place = dir.join("new");
    let entries = match fs::read_dir(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut waiting = Vec::new();
    for entry in entries {
        // A name that is not ours is not a letter of ours.
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
        {
            waiting.push(Waiting { path: place.join(&name), name });
        }
    }
    waiting.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(waiting)
}

/// Reads a letter and checks all of it first.
///
/// # Errors
/// See [`DropError`] for who must act.
pub fn read(path: &Path) -> Result<Dropped, DropError> {
    // No link is followed and no pipe waited for: users may be able to make names here.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(DropError::Gone),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return Err(DropError::Damaged("it is a symbolic link".to_owned()));
        }
        other => other.map_err(DropError::Io)?,
    };
    let metadata = file.metadata().map_err(DropError::Io)?;
    if !metadata.is_file() {
        return Err(DropError::Damaged("it is not a file".to_owned()));
    }
    let dropped = format::read(file)?;
    let (uid, owner) = (dropped.envelope.uid, metadata.uid());
    if uid != owner {
        let what = format!("it says it is of user {uid} and belongs to user {owner}");
        return Err(DropError::Damaged(what));
    }
    Ok(dropped)
}

/// Removes a letter: only after the spool's receipt for it.
///
/// # Errors
/// When the file cannot be removed; one that is gone is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }?;
    // Else a crash may bring it back, and the letter twice.
    path.parent().map_or(Ok(()), sync_dir)
}

/// Moves a damaged letter from `new` to `bad`, and says where it is now.
///
/// # Errors
/// When it cannot be moved.
pub fn set_aside(dir: &Path, waiting: &Waiting) -> io::Result<PathBuf> {
    let place = dir.join("bad");
    if !place.is_dir() {
        prepare(dir)?;
    }
    let kept = place.join(&waiting.name);
    fs::rename(&waiting.path, &kept)?;
    sync_dir(&place)?;
    Ok(kept)
}

/// Removes what crashes left in `tmp` long before `now`; says how many files.
///
/// # Errors
/// When the directory cannot be read.
pub fn sweep(dir: &Path, now: SystemTime) -> io::Result<usize> {
    let entries = match fs::read_dir(dir.join("tmp")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified().ok().and_then(|time| now.duration_since(time).ok());
        if metadata.is_file() && age.is_some_and(|age| age > STALE) {
            removed += usize::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    Ok(removed)
}

fn sync_dir(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}
