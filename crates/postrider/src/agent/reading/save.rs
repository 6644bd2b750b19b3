//! Files made from letters: under safe names, in the folder the person says, never over another
//! file without asking.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mail::content::safe_file_name;

use super::outline::PartAt;
use crate::agent::console::{Console, harmless};
use crate::agent::letter::PIECE;

/// The name for the file of a part: what the letter says, made safe, or one of our own.
pub fn name_of(part: &PartAt) -> String {
    let said = part.name.as_deref().and_then(safe_file_name);
    said.unwrap_or_else(|| {
        let ending = match (part.media.kind(), part.media.subtype()) {
            ("text", "html") => "html",
            ("text", _) => "txt",
            ("message", _) => "eml",
            ("image", "jpeg") => "jpg",
            ("image" | "audio" | "video", subtype) if subtype.len() < 6 => subtype,
            ("application", "pdf") => "pdf",
            _ => "bin",
        };
        let place = if part.path.is_empty() { "0" } else { &part.path };
        format!("part-{place}.{}", safe_file_name(ending).unwrap_or_default())
    })
}

/// Gives what is to be in a file to a writer; it is called once at most.
pub type Give<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Writes what `give` gives to `path`, and tells how many octets that are. A file that is there is
/// replaced only when the person agrees, and then in one step: a full disk leaves the old one.
///
/// # Errors
/// What to tell the person; nothing is changed then.
pub fn save(path: &Path, give: Give<'_>, console: &mut Console<'_>) -> Result<u64, String> {
    let shown = harmless(&path.display().to_string());
    let told = |error: io::Error| format!("{shown}: {error}");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                return Err(format!("{shown}: a directory"));
            }
            let agreed = console.interactive
                && console
                    .agrees(&format!("{shown} exists; replace it?"))
                    .map_err(|error| error.to_string())?;
            if !agreed {
                return Err(format!("{shown} exists and is left as it is"));
            }
            replace(path, give).map_err(told)
        }
        Err(error) => Err(told(error)),
        Ok(mut file) => {
            let written = fill(&mut file, give);
            if written.is_err() {
                let _ = fs::remove_file(path);
            }
            written.map_err(told)
        }
    }
}

fn fill(file: &mut File, give: Give<'_>) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(PIECE, &mut *file);
    give(&mut out)?;
    out.flush()?;
    drop(out);
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn replace(path: &Path, give: Give<'_>) -> io::Result<u64> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let size = fill(file.as_file_mut(), give)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(size)
}

/// Where a file named by a letter goes: into `folder`, which must be there.
///
/// # Errors
/// What to tell the person.
pub fn place_in(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let facts = fs::metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !facts.is_dir() {
        return Err(format!("{}: not a directory", folder.display()));
    }
    Ok(folder.join(name))
}
