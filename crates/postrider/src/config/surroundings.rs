//! What defaults depend on: the host's name, the person who runs us, the working directory.

use std::path::{Path, PathBuf};

use mail::address::DomainName;

use crate::doors::mailbox::is_safe_user;

/// Facts about where this process runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The host's name.
    pub hostname: DomainName,
    /// The login name of who runs us.
    pub user: String,
    /// What relative paths start from when there is no file.
    pub directory: PathBuf,
}

impl Surroundings {
    /// Asks the system; where it has no usable answer: `localhost.localdomain`, `postmaster`, `.`.
    pub fn of_process() -> Self {
        let hostname = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
        let user = user.map(|user| user.name).filter(|user| is_safe_user(user));
        Self {
            hostname: usable(hostname.as_deref().unwrap_or_default()),
            user: user.unwrap_or_else(|| "postmaster".into()),
            directory: std::env::current_dir().unwrap_or_else(|_| ".".into()),
        }
    }

    /// What relative paths in `file` start from: its directory.
    pub(super) fn base_of(&self, file: &str) -> PathBuf {
        let parent = Path::new(file).parent().unwrap_or(Path::new(""));
        self.directory.join(parent)
    }
}

/// A name that can stand in a greeting: two labels at least (RFC 5321 §2.3.5).
fn usable(name: &str) -> DomainName {
    let name = name.trim_end_matches('.');
    let long = if name.contains('.') { name.into() } else { format!("{name}.localdomain") };
    let fallback = || "localhost.localdomain".parse();
    match long.parse().or_else(|_| fallback()) {
        Ok(name) => name,
        Err(_) => unreachable!("the fallback is a domain name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        let rows = [
            ("mx.example.net", "mx.example.net"),
            ("mx.example.net.", "mx.example.net"),
            ("sun", "sun.localdomain"),
            ("", "localhost.localdomain"),
            ("my_host", "localhost.localdomain"),
        ];
        for (name, want) in rows {
            assert_eq!(usable(name).as_str(), want, "{name}");
        }
    }
}
