//! What the name of a folder means: `%` the mailbox, `%bob` that of another, `&` the personal mbox,
//! `+name` a folder among the person's folders, `~/name`, a path.

use std::path::{Path, PathBuf};

/// Where the folders of a person are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    /// The mailbox into which the service delivers.
    pub inbox: PathBuf,
    /// The same for another user, `{user}` standing for the name.
    pub inbox_of: String,
    /// The person's own directory.
    pub home: PathBuf,
    /// What `+` stands for.
    pub folders: PathBuf,
    /// What `&` stands for.
    pub mbox: PathBuf,
    /// Where sent letters are recorded, when they are.
    pub record: Option<PathBuf>,
}

impl Places {
    /// The path of `name`; `previous` is what `#` stands for.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn path_of(&self, name: &str, previous: Option<&Path>) -> Result<PathBuf, String> {
        let (form, name) = match name.split_once(':') {
            Some((form @ ("mbox" | "maildir"), rest)) => (Some(form), rest),
            _ => (None, name),
        };
        let path = match name {
            "" => return Err("a folder has a name".into()),
            "%" => self.inbox.clone(),
            "&" => self.mbox.clone(),
            "#" => previous.ok_or("there was no folder before this one")?.to_owned(),
            _ => match name.split_at_checked(1) {
                Some(("%", user)) => {
                    if !crate::doors::mailbox::is_safe_user(user) {
                        return Err(format!("{user:?} is no name of a user"));
                    }
                    self.inbox_of.replace("{user}", user).into()
                }
                Some(("+", rest)) => self.folders.join(rest.trim_start_matches('/')),
                Some(("~", rest)) if rest.is_empty() || rest.starts_with('/') => {
                    self.home.join(rest.trim_start_matches('/'))
                }
                _ => PathBuf::from(name),
            },
        };
        // A slash at its end says what to make of a folder that is missing.
        match form {
            Some("maildir") if !path.exists() => Ok(path.join("")),
            _ => Ok(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let places = Places {
            inbox: "/var/mail/ann".into(),
            inbox_of: "/var/mail/{user}".into(),
            home: "/home/ann".into(),
            folders: "/home/ann/Mail".into(),
            mbox: "/home/ann/mbox".into(),
            record: None,
        };
        let rows = [
            ("%", "/var/mail/ann"),
            ("%bob", "/var/mail/bob"),
            ("&", "/home/ann/mbox"),
            ("#", "/was"),
            ("+work", "/home/ann/Mail/work"),
            ("+/work", "/home/ann/Mail/work"),
            ("~/x", "/home/ann/x"),
            ("~x", "~x"),
            ("./x", "./x"),
            ("mbox:x", "x"),
            ("maildir:/nowhere/x", "/nowhere/x/"),
        ];
        for (name, want) in rows {
            let path = places.path_of(name, Some(Path::new("/was"))).unwrap();
            assert_eq!(path.as_os_str(), want, "{name}");
        }
        for name in ["", "%../eve", "%a/b"] {
            assert!(places.path_of(name, None).is_err(), "{name}");
        }
        assert!(places.path_of("#", None).is_err());
    }
}
