//! What is kept beside the mail: a folder in the data directory for each drawer, a private file
//! for each record, replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};

use engine::doors::{Doing, Drawer, Shelf};
use tokio::task::spawn_blocking;

/// Octets of one record that is read back.
const RECORD_MAX: u64 = 16 * 1024 * 1024;
/// Records of one drawer that are read back.
const RECORDS_MAX: usize = 10_000;

/// The shelf in a folder.
#[derive(Clone, Debug)]
pub struct FileShelf {
    root: PathBuf,
}

impl FileShelf {
    /// A shelf in the data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.to_owned() }
    }

    fn folder(&self, drawer: Drawer) -> PathBuf {
        self.root.join(match drawer {
            Drawer::Policies => "policies",
            Drawer::Tallies => "tlsrpt",
            Drawer::Orders => "operator",
        })
    }

    /// `None`: no file may have that name.
    fn place(&self, drawer: Drawer, name: &str) -> Option<PathBuf> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_safe = !name.starts_with('.') && name.len() < 250 && name.bytes().all(safe);
        (is_safe && !name.is_empty()).then(|| self.folder(drawer).join(name))
    }
}

impl Shelf for FileShelf {
    fn put<'a>(
        &'a self,
        drawer: Drawer,
        name: &'a str,
        octets: &'a [u8],
    ) -> Doing<'a, io::Result<()>> {
        let (place, octets) = (self.place(drawer, name), octets.to_vec());
        Box::pin(async move {
            let place = place.ok_or_else(|| io::Error::other("no name for a file"))?;
            spawn_blocking(move || replace(&place, &octets)).await.map_err(io::Error::other)?
        })
    }

    fn all(&self, drawer: Drawer) -> Doing<'_, Vec<(String, Vec<u8>)>> {
        let folder = self.folder(drawer);
        Box::pin(async move { spawn_blocking(move || read_all(&folder)).await.unwrap_or_default() })
    }

    fn remove<'a>(&'a self, drawer: Drawer, name: &'a str) -> Doing<'a, ()> {
        let place = self.place(drawer, name);
        Box::pin(async move {
            if let Some(place) = place {
                let _ = spawn_blocking(move || std::fs::remove_file(place)).await;
            }
        })
    }
}

/// Written beside and renamed, so that a crash leaves the old record or the new one.
fn replace(place: &Path, octets: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

    let folder = place.parent().ok_or_else(|| io::Error::other("no folder"))?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut beside = place.as_os_str().to_owned();
    beside.push("~");
    let beside = PathBuf::from(beside);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(octets)?;
    file.sync_data()?;
    drop(file);
    std::fs::rename(&beside, place)
}

/// What can be read; what cannot is left out.
fn read_all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| !name.ends_with('~'))?;
        let about = entry.metadata().ok()?;
        if !about.is_file() || about.len() > RECORD_MAX {
            return None;
        }
        Some((name, std::fs::read(entry.path()).ok()?))
    };
    entries.flatten().filter_map(read).take(RECORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_is_put_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = FileShelf::new(dir.path());
        assert_eq!(shelf.all(Drawer::Policies).await, []);
        shelf.put(Drawer::Policies, "example.org", b"one").await.unwrap();
        shelf.put(Drawer::Policies, "example.org", b"two").await.unwrap();
        shelf.put(Drawer::Tallies, "2026-11-24", b"{}").await.unwrap();
        let again = FileShelf::new(dir.path());
        let all = again.all(Drawer::Policies).await;
        assert_eq!(all, [("example.org".to_owned(), b"two".to_vec())]);
        let mode = |path: &str| {
            std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("policies"), mode("policies/example.org")), (0o700, 0o600));
        // What a crash left half written is not read.
        std::fs::write(dir.path().join("policies/broken.example~"), b"x").unwrap();
        assert_eq!(again.all(Drawer::Policies).await.len(), 1);
        again.remove(Drawer::Policies, "example.org").await;
        assert_eq!(again.all(Drawer::Policies).await, []);
    }

    #[tokio::test]
    async fn names_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = FileShelf::new(dir.path());
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a b", "a\0b", &"x".repeat(300)] {
            assert!(shelf.put(Drawer::Policies, name, b"x").await.is_err(), "{name:?}");
        }
    }
}
