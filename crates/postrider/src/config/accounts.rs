//! Who has a mailbox here: the users of the configuration, of the system, or of a file.
//!
//! Read when the server starts or is told to read again. Case does not count (RFC 5321 §2.4 leaves
//! it to the final host, and mailboxes that differ in case only are no service to anyone).

use std::collections::BTreeMap;
use std::path::Path;

use super::problem::{Problem, Severity, Text};
use super::{Config, Users, read_file};
use crate::doors::mailbox::is_safe_user;

/// Accounts of people; below are those of services, above is `nobody`.
const PEOPLE: std::ops::Range<u32> = 1000..65_534;

/// The users with a mailbox.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accounts {
    /// By name in lower case.
    names: BTreeMap<String, String>,
    postmaster: String,
}

impl Accounts {
    /// Finds out who has a mailbox.
    ///
    /// # Errors
    /// The file of users, or of the system's accounts, cannot be read or says nothing usable.
    pub fn read(config: &Config) -> Result<Self, Vec<Problem>> {
        Self::read_with(config, Path::new("/etc/passwd"))
    }

    fn read_with(config: &Config, passwd: &Path) -> Result<Self, Vec<Problem>> {
        let unreadable = |path: &Path, why: String| {
            let title = format!("the users in {} cannot be read: {why}", path.display());
            let remedy = "say users = [\"NAME\"], \"system\", or the path of a file with names";
            vec![config.problem(Severity::Error, "local.users", title, remedy)]
        };
        let (names, first) = match &config.local.users {
            Users::Names(users) => {
                let names: Vec<String> = users.iter().map(|user| user.value.clone()).collect();
                let first = names.first().cloned();
                (names, first)
            }
            Users::System => {
                let text = read_file(passwd).map_err(|why| unreadable(passwd, why))?;
                (people(&text), Some("root".to_owned()))
            }
            Users::File(path) => {
                let names = names_of_file(config, path, "local.users")?;
                let first = names.first().cloned();
                (names, first)
            }
            // Whoever else the table has.
            Users::Table(_) => {
                let said = config.local.postmaster.as_ref().map(|name| name.value.clone());
                (said.into_iter().collect(), None)
            }
        };
        let said = config.local.postmaster.as_ref().map(|name| name.value.clone());
        let Some(postmaster) = said.or(first) else {
            let remedy = "somebody must read postmaster's mail (RFC 5321 §4.5.1)";
            let title = "there are no users";
            return Err(vec![config.problem(Severity::Error, "local.users", title, remedy)]);
        };
        let names = names.into_iter().map(|name| (name.to_ascii_lowercase(), name)).collect();
        let mut accounts = Self { names, postmaster: String::new() };
        match accounts.find(&postmaster) {
            Some(user) => accounts.postmaster = user.to_owned(),
            None => {
                let title = format!("postmaster's mail goes to {postmaster}, who is no user");
                let remedy = "name a user in local.postmaster";
                return Err(vec![config.problem(
                    Severity::Error,
                    "local.postmaster",
                    title,
                    remedy,
                )]);
            }
        }
        Ok(accounts)
    }

    /// The user whose name is `name` in any case, as it is written here; `postmaster` is who reads
    /// its mail, unless it is a user's own name.
    pub fn find(&self, name: &str) -> Option<&str> {
        let lower = name.to_ascii_lowercase();
        let postmaster = || (lower == "postmaster").then_some(self.postmaster.as_str());
        let user = self.names.get(&lower).map(String::as_str).or_else(postmaster);
        user.filter(|user| !user.is_empty())
    }

    /// Who reads postmaster's mail.
    pub fn postmaster(&self) -> &str {
        &self.postmaster
    }

    /// All users by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }
}

/// The names in the file that the key `key` names.
pub(super) fn names_of_file(
    config: &Config,
    path: &Path,
    key: &str,
) -> Result<Vec<String>, Vec<Problem>> {
    let text = read_file(path).map_err(|why| {
        let title = format!("the users in {} cannot be read: {why}", path.display());
        let remedy = "say users = [\"NAME\"], \"system\", or the path of a file with names";
        vec![config.problem(Severity::Error, key, title, remedy)]
    })?;
    listed(&text, path)
}

/// Root and the people among the lines of `passwd`.
fn people(passwd: &str) -> Vec<String> {
    let person = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        ((uid == 0 && name == "root") || PEOPLE.contains(&uid)).then(|| name.to_owned())
    };
    passwd.lines().filter_map(person).filter(|name| is_safe_user(name)).collect()
}

/// One name on a line; empty lines and what follows `#` do not count.
fn listed(text: &str, path: &Path) -> Result<Vec<String>, Vec<Problem>> {
    let whole = Text { file: path.to_string_lossy().into(), text: text.into() };
    let (mut names, mut problems, mut at) = (Vec::new(), Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        let name = line.split('#').next().unwrap_or_default().trim();
        if is_safe_user(name) {
            names.push(name.to_owned());
        } else if !name.is_empty() {
            let start = at + line.find(name).unwrap_or_default();
            let title = format!("{name:?} cannot be a user");
            let problem = Problem::new(Severity::Error, "local.users", title);
            let problem = problem.at(&whole, start..start + name.len());
            problems.push(problem.expected("one name on a line, like ann"));
        }
        at += line.len();
    }
    if problems.is_empty() { Ok(names) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/bin/false\n\
         Ann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001:::\nnobody:x:65534:65534:::\nbroken\n";

    fn read(users: &str, dir: &Path) -> Result<Accounts, Vec<Problem>> {
        let file = dir.join("postrider.toml");
        let config = Config::parse(&format!("[local]\n{users}\n"), file.to_str().unwrap()).unwrap();
        std::fs::write(dir.join("passwd"), PASSWD).unwrap();
        Accounts::read_with(&config, &dir.join("passwd"))
    }

    /// Register: 5321-4.5.1-b.
    #[test]
    fn users() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("users"), "# people\nann # the boss\n\n bob\n").unwrap();
        let rows: &[(&str, &[&str], &str)] = &[
            ("users = [\"Ann\", \"bob\"]", &["Ann", "bob"], "Ann"),
            ("users = [\"ann\", \"bob\"]\npostmaster = \"BOB\"", &["ann", "bob"], "bob"),
            ("users = \"system\"", &["Ann", "bob", "root"], "root"),
            ("users = \"users\"", &["ann", "bob"], "ann"),
            ("users = [\"ann\", \"postmaster\"]", &["ann", "postmaster"], "ann"),
        ];
        for (text, names, postmaster) in rows {
            let accounts = read(text, dir.path()).unwrap();
            assert_eq!(accounts.names().collect::<Vec<_>>(), *names, "{text}");
            assert_eq!(accounts.postmaster(), *postmaster, "{text}");
            assert!(accounts.find("pOstmaster").is_some(), "{text}");
            assert_eq!(accounts.find("ANN").map(str::to_lowercase), Some("ann".into()));
            assert_eq!(accounts.find("carol"), None);
        }
    }

    #[test]
    fn unusable_users() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad"), "ann\na/b\n").unwrap();
        std::fs::write(dir.path().join("empty"), "# nobody yet\n").unwrap();
        let rows = [
            ("users = \"bad\"", "bad:2:1: \"a/b\" cannot be a user"),
            ("users = \"empty\"", "there are no users"),
            ("users = \"missing\"", "cannot be read: No such file"),
            ("users = \"system\"\npostmaster = \"carol\"", "goes to carol, who is no user"),
        ];
        for (text, want) in rows {
            let problems = read(text, dir.path()).unwrap_err();
            assert!(problems[0].to_string().contains(want), "{}", problems[0]);
        }
    }
}
