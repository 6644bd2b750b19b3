//! Passwords and tokens in files of their own, one to a file, which nobody else may read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use engine::doors::{Doing, Secrets};
use smtp::sasl::Secret;

/// Octets of a secret: tokens have some thousand.
const SECRET_MAX: u64 = 64 * 1024;

/// The files that the configuration names.
#[derive(Clone, Copy, Debug)]
pub struct FileSecrets;

impl Secrets for FileSecrets {
    fn read<'a>(&'a self, name: &'a str) -> Doing<'a, Result<Secret, String>> {
        // A small local file, once for each session.
        Box::pin(async move { read(Path::new(name)) })
    }
}

/// The first line of `path`, which only its owner may read.
///
/// # Errors
/// What the operator has to mend.
pub fn read(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let unreadable = |error: io::Error| format!("{shown} cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("others can read {shown}: chmod 600 it, and think of a new secret"));
    }
    let mut text = String::new();
    file.take(SECRET_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(format!("the first line of {shown} is empty"));
    }
    Ok(Secret::new(line))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_owner_and_only_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "tanstaaf\nnotes\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().contains("others can read"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().reveal(), "tanstaaf");
        fs::write(&path, "\n").unwrap();
        assert!(read(&path).unwrap_err().contains("empty"));
        assert!(read(&folder.path().join("none")).unwrap_err().contains("cannot be read"));
    }
}
