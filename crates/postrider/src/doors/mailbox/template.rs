//! Where mailboxes are: `maildir:{data-dir}/mail/{user}` or `mbox:/var/mail/{user}`; of several domains
//! `maildir:/srv/mail/{domain}/{user}`.

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
    #[error("only {{user}}, {{domain}} and {{data-dir}} can stand in braces")]
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
    Domain,
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
        self.filled("{user}", "{domain}")
    }

    fn filled(&self, user: &str, domain: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::User => user.to_owned(),
            Piece::Domain => domain.to_owned(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Whether each domain has mailboxes of its own.
    pub fn has_domain(&self) -> bool {
        self.pieces.contains(&Piece::Domain)
    }

    /// Where the mailbox of `user` is, `None` when the name is not [safe](is_safe_user), or the
    /// template asks for a domain.
    pub fn path_of(&self, user: &str) -> Option<PathBuf> {
        (is_safe_user(user) && !self.has_domain()).then(|| self.filled(user, "").into())
    }

    /// The same for a user of `domain`.
    pub fn path_in(&self, user: &str, domain: &str) -> Option<PathBuf> {
        let domain = domain.to_ascii_lowercase();
        (is_safe_user(user) && is_safe_domain(&domain)).then(|| self.filled(user, &domain).into())
    }

    /// What is the operator's of every path: the directories above the first that a name is part of.
    pub fn fixed(&self) -> PathBuf {
        let start = match self.pieces.first() {
            Some(Piece::Text(text)) => text.as_str(),
            _ => "/",
        };
        // Up to the last slash before a name.
        let text: String = match self.pieces.as_slice() {
            [Piece::Text(root), Piece::Text(rest), ..] => format!("{root}{rest}"),
            _ => start.to_owned(),
        };
        let end = text.rfind('/').unwrap_or(0);
        PathBuf::from(text.get(..end.max(1)).unwrap_or("/"))
    }
}

fn split(mut path: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = path.split_once('{') {
        let (name, rest) = rest.split_once('}').ok_or(TemplateError::Braces)?;
        let name = match name {
            "user" => Piece::User,
            "domain" => Piece::Domain,
            _ => return Err(TemplateError::Braces),
        };
        pieces.extend([Piece::Text(before.into()), name]);
        path = rest;
    }
    pieces.push(Piece::Text(path.into()));
    let stray = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains('}'));
    if pieces.iter().any(stray) { Err(TemplateError::Braces) } else { Ok(pieces) }
}

/// Whether `domain` can be a part of a path: a name of letters, digits and hyphens.
fn is_safe_domain(domain: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-.".contains(&octet);
    !domain.is_empty()
        && domain.bytes().all(fits)
        && !domain.starts_with('.')
        && !domain.contains("..")
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
            ("maildir:/srv/{domain}/{user}", Ok("/srv/x.example/ann")),
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
            let got = got.map(|template| {
                template.path_in("ann", "X.example").unwrap().display().to_string()
            });
            assert_eq!(got.as_deref(), want.as_ref().map(|path| *path), "{text}");
        }
    }

    #[test]
    fn fixed_parts() {
        let rows = [
            ("maildir:{data-dir}/mail/{user}", "/d/mail"),
            ("mbox:/var/mail/{user}", "/var/mail"),
            ("maildir:/home/{user}/Mail-{user}", "/home"),
            ("maildir:/srv/x-{domain}/{user}", "/srv"),
            ("maildir:/{user}", "/"),
        ];
        for (text, want) in rows {
            let template = MailboxTemplate::parse(text, Path::new("/d")).unwrap();
            assert_eq!(template.fixed(), Path::new(want), "{text}");
        }
        let template = MailboxTemplate::parse("mbox:/{domain}/{user}", Path::new("/d")).unwrap();
        assert_eq!(template.path_of("ann"), None);
        for domain in ["", ".", "..", "a..b", "a/b", "[192.0.2.1]", ".a"] {
            assert_eq!(template.path_in("ann", domain), None, "{domain}");
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
