//! Where mailboxes are: `maildir:{data-dir}/mail/{user}` or `mbox:/var/mail/{user}`.

use std::path::{Path, PathBuf};

/// Octets of a user's name.
const USER_MAX: usize = 64;

/// The form of a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A directory with a file for each message.
    Maildir,
    /// One file for all messages.
    Mbox,
}

/// What is wrong with the text of a template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// Neither `maildir:` nor `mbox:`.
    #[error("a mailbox starts with maildir: or mbox:")]
    Form,
    /// All users would share one mailbox.
    #[error("the path has no {{user}}, so all users would share one mailbox")]
    NoUser,
    /// `{…}` with an unknown name, or not closed.
    #[error("only {{user}} and {{data-dir}} can stand in braces")]
    Braces,
    /// Neither absolute nor below the data directory.
    #[error("the path is neither absolute nor starts with {{data-dir}}")]
    Relative,
    /// A `..` in the path, or a NUL.
    #[error("the path has a .. or an octet no path can have")]
    Unsafe,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    User,
}

/// Where each user's mailbox is and what it looks like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailboxTemplate {
    form: Form,
    root: PathBuf,
    pieces: Vec<Piece>,
}

impl MailboxTemplate {
    /// Reads a template; `{data-dir}` stands for `root`.
    ///
    /// # Errors
    /// [`TemplateError`] says what does not fit.
    pub fn parse(text: &str, root: &Path) -> Result<Self, TemplateError> {
        let (form, path) = match text.split_once(':') {
            Some(("maildir", path)) => (Form::Maildir, path),
            Some(("mbox", path)) => (Form::Mbox, path),
            _ => return Err(TemplateError::Form),
        };
        if path.contains('\0') || path.split('/').any(|part| part == "..") {
            return Err(TemplateError::Unsafe);
        }
        let (below_root, rest) = match path.strip_prefix("{data-dir}") {
            Some(rest) if rest.starts_with('/') => (true, rest),
            _ if path.starts_with('/') => (false, path),
            _ => return Err(TemplateError::Relative),
        };
        let mut pieces = split(rest)?;
        if !pieces.contains(&Piece::User) {
            return Err(TemplateError::NoUser);
        }
        if below_root {
            pieces.insert(0, Piece::Text(root.to_str().ok_or(TemplateError::Unsafe)?.into()));
        }
        Ok(Self { form, root: root.into(), pieces })
    }

    /// The form of all mailboxes.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The data directory: what is missing below it is made, what is missing elsewhere is not.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path with `{user}` where the name goes.
    pub fn pattern(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::User => "{user}".to_owned(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Where the mailbox of `user` is, `None` when the name is not [safe](is_safe_user).
    pub fn path_of(&self, user: &str) -> Option<PathBuf> {
        is_safe_user(user).then(|| {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::User => user.to_owned(),
            };
            self.pieces.iter().map(piece).collect::<String>().into()
        })
    }
}

fn split(mut path: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = path.split_once('{') {
        let rest = rest.strip_prefix("user}").ok_or(TemplateError::Braces)?;
        pieces.extend([Piece::Text(before.into()), Piece::User]);
        path = rest;
    }
    pieces.push(Piece::Text(path.into()));
    let stray = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains('}'));
    if pieces.iter().any(stray) { Err(TemplateError::Braces) } else { Ok(pieces) }
}

/// Whether `user` can be a part of a path without meaning another place: 1 to 64 octets of letters of
/// any language, digits and `.`, `_`, `-`, `+`, and neither `.` nor `-` at the start.
pub fn is_safe_user(user: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || "._-+".contains(letter);
    user.len() <= USER_MAX
        && !user.is_empty()
        && !user.starts_with(['.', '-'])
        && user.chars().all(fits)
        && !user.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        use TemplateError::*;
        let rows: &[(&str, Result<&str, TemplateError>)] = &[
            ("maildir:{data-dir}/mail/{user}", Ok("/d/mail/ann")),
            ("mbox:/var/mail/{user}", Ok("/var/mail/ann")),
            ("maildir:/home/{user}/Mail-{user}", Ok("/home/ann/Mail-ann")),
            ("/var/mail/{user}", Err(Form)),
            ("mh:/home/{user}", Err(Form)),
            ("mbox:/var/mail/all", Err(NoUser)),
            ("mbox:mail/{user}", Err(Relative)),
            ("mbox:{data-dir}{user}", Err(Relative)),
            ("mbox:/mail/{name}", Err(Braces)),
            ("mbox:/mail/{user", Err(Braces)),
            ("mbox:/mail/{user}}", Err(Braces)),
            ("mbox:/mail/../{user}", Err(Unsafe)),
        ];
        for (text, want) in rows {
            let got = MailboxTemplate::parse(text, Path::new("/d"));
            let got = got.map(|template| template.path_of("ann").unwrap().display().to_string());
            assert_eq!(got.as_deref(), want.as_ref().map(|path| *path), "{text}");
        }
    }

    #[test]
    fn users() {
        for user in ["ann", "Bob.Smith", "a+b", "x_1", "9", "josé", "用户"] {
            assert!(is_safe_user(user), "{user}");
        }
        let long = "a".repeat(65);
        for user in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "a..b",
            ".a",
            "-a",
            "a b",
            "a\0",
            "a\u{308}",
            "a\u{202e}b",
            "a\u{2215}b",
            "a\n",
            &long,
        ] {
            assert!(!is_safe_user(user), "{user:?}");
        }
    }
}
