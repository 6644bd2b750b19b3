//! The `.forward` of users, read by the classic rules: a file of the user, that nobody else can write,
//! in a home that not everybody can write, reached through no symbolic link.
//!
//! What breaks a rule is told and not followed; what cannot be read now is asked again later.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use engine::doors::{Doing, Forwards};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{User, geteuid};
use parking_lot::RwLock;
use queue::expansion::{Answer, ForwardFile};

use super::mailbox::is_safe_user;

/// Octets of a `.forward`.
const FORWARD_MAX: u64 = 16 * 1024;

/// Where the files are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ForwardPlace {
    /// Below the home of the user: `{home}/.forward`.
    Home(PathBuf),
    /// `{data-dir}/forward/{user}`: the directory, and what comes after the name of the user.
    Directory(String, String),
}

impl ForwardPlace {
    /// Reads a template; `{data-dir}` stands for `root`. None: it is neither of the two forms.
    pub fn parse(text: &str, root: &Path) -> Option<Self> {
        let fits = |path: &str| {
            let plain = |part| matches!(part, Component::Normal(_) | Component::RootDir);
            !path.contains(['\0', '{', '}']) && Path::new(path).components().all(plain)
        };
        if let Some(rest) = text.strip_prefix("{home}/") {
            let place = fits(rest) && !rest.starts_with('/') && !rest.is_empty();
            return place.then(|| Self::Home(rest.into()));
        }
        let text = match text.strip_prefix("{data-dir}/") {
            Some(rest) => format!("{}/{rest}", root.to_str()?),
            None => text.to_owned(),
        };
        let (before, after) = text.split_once("{user}")?;
        let place = before.starts_with('/') && before.contains('/') && fits(before) && fits(after);
        (place && !after.contains('/'))
            .then(|| Self::Directory(before.to_owned(), after.to_owned()))
    }
}

/// What the system knows of a user.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user id.
    pub uid: u32,
    /// The home.
    pub home: PathBuf,
}

/// Finds the account of a user.
pub type Find = dyn Fn(&str) -> io::Result<Option<Account>> + Send + Sync;

/// The accounts of the system.
fn of_system(user: &str) -> io::Result<Option<Account>> {
    let entry = User::from_name(user).map_err(io::Error::from)?;
    Ok(entry.map(|entry| Account { uid: entry.uid.as_raw(), home: entry.dir }))
}

/// Reads the files.
pub struct FileForwards {
    place: RwLock<Option<ForwardPlace>>,
    find: Arc<Find>,
}

impl FileForwards {
    /// Files at `place`; none: nobody has one.
    pub fn new(place: Option<ForwardPlace>) -> Self {
        Self::with(place, Arc::new(of_system))
    }

    /// The same with accounts of others than the system.
    pub fn with(place: Option<ForwardPlace>, find: Arc<Find>) -> Self {
        Self { place: RwLock::new(place), find }
    }

    /// Reads elsewhere from now on.
    pub fn move_to(&self, place: Option<ForwardPlace>) {
        *self.place.write() = place;
    }
}

impl Forwards for FileForwards {
    fn read<'a>(&'a self, user: &'a str) -> Doing<'a, Answer> {
        let place = self.place.read().clone();
        let (find, user) = (self.find.clone(), user.to_owned());
        Box::pin(async move {
            let Some(place) = place else { return Answer::Nothing };
            let reading = tokio::task::spawn_blocking(move || look(&place, &user, &*find));
            let panicked = |_| Answer::NotNow { why: "the reader panicked".to_owned() };
            reading.await.unwrap_or_else(panicked)
        })
    }
}

/// Why there is nothing to follow.
enum Stop {
    Nothing,
    Unsafe(String),
    NotNow(String),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Nothing,
            Errno::ELOOP => Self::Unsafe("it is, or lies behind, a symbolic link".to_owned()),
            Errno::ENOTDIR | Errno::EISDIR | Errno::ENXIO | Errno::ENAMETOOLONG => {
                Self::Unsafe("it is no regular file".to_owned())
            }
            Errno::EACCES | Errno::EPERM => Self::Unsafe("we may not read it".to_owned()),
            errno => Self::NotNow(errno.desc().to_owned()),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Errno::from_raw(errno).into(),
            None => Self::NotNow(error.to_string()),
        }
    }
}

fn look(place: &ForwardPlace, user: &str, find: &Find) -> Answer {
    if !is_safe_user(user) {
        return Answer::Nothing;
    }
    let account = match find(user) {
        Ok(account) => account,
        Err(error) => return Answer::NotNow { why: format!("accounts: {error}") },
    };
    let (path, read) = match place {
        ForwardPlace::Home(rest) => {
            let Some(account) = account else { return Answer::Nothing };
            (account.home.join(rest), below_home(&account, rest))
        }
        ForwardPlace::Directory(before, after) => {
            let path = PathBuf::from(format!("{before}{user}{after}"));
            let owners = [account.map(|account| account.uid), Some(geteuid().as_raw())];
            let read = directly(&path, owners.into_iter().flatten().collect());
            (path, read)
        }
    };
    let file: Arc<str> = path.to_string_lossy().into();
    match read {
        Ok(text) => Answer::Forward(ForwardFile { file, text }),
        Err(Stop::Nothing) => Answer::Nothing,
        Err(Stop::Unsafe(why)) => Answer::Unsafe { file, why },
        Err(Stop::NotNow(why)) => Answer::NotNow { why: format!("{file}: {why}") },
    }
}

const FILE: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);
const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Step by step from the home, so that no user's link leads out of it.
fn below_home(account: &Account, rest: &Path) -> Result<String, Stop> {
    // Homes are root's to place: links to them are followed.
    let mut directory = open(&account.home, DIRECTORY, Mode::empty())?;
    safe_directory(&directory, account.uid, "the home")?;
    let mut parts: Vec<_> = rest.components().collect();
    let name = parts.pop().ok_or(Stop::Nothing)?;
    for part in parts {
        let flags = DIRECTORY | OFlag::O_NOFOLLOW;
        directory = openat(&directory, part.as_os_str(), flags, Mode::empty())?;
        safe_directory(&directory, account.uid, "its directory")?;
    }
    let file = openat(&directory, name.as_os_str(), FILE, Mode::empty())?;
    text_of(File::from(file), &[account.uid])
}

fn safe_directory(directory: &OwnedFd, uid: u32, what: &str) -> Result<(), Stop> {
    let facts = fstat(directory.as_fd())?;
    if facts.st_uid != uid && facts.st_uid != 0 {
        return Err(Stop::Unsafe(format!("{what} belongs to another user")));
    }
    match facts.st_mode & 0o002 {
        0 => Ok(()),
        _ => Err(Stop::Unsafe(format!("everybody can write {what}"))),
    }
}

/// A file of the operator's directory, which is ours to trust.
fn directly(path: &Path, owners: Vec<u32>) -> Result<String, Stop> {
    text_of(File::from(open(path, FILE, Mode::empty())?), &owners)
}

/// The text of an open file that is safe to follow; root may own it, too.
fn text_of(file: File, owners: &[u32]) -> Result<String, Stop> {
    let unsafe_ = |why: &str| Err(Stop::Unsafe(why.to_owned()));
    let facts = file.metadata()?;
    if facts.mode() & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits() {
        return unsafe_("it is no regular file");
    }
    if facts.uid() != 0 && !owners.contains(&facts.uid()) {
        return unsafe_("it belongs to another user");
    }
    if facts.mode() & 0o022 != 0 {
        return unsafe_("others can write it");
    }
    let mut octets = Vec::new();
    file.take(FORWARD_MAX + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|len| len > FORWARD_MAX) {
        return unsafe_("it is larger than 16 KiB");
    }
    String::from_utf8(octets).or_else(|_| unsafe_("it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn ours(home: &Path) -> Account {
        Account { uid: geteuid().as_raw(), home: home.into() }
    }

    fn said(dir: &TempDir, uid: u32) -> String {
        let home = dir.path().join("home");
        let find = move |user: &str| {
            Ok(match user {
                "ann" => Some(Account { uid, ..ours(&home) }),
                _ => None,
            })
        };
        match look(&ForwardPlace::Home(".forward".into()), "ann", &find) {
            Answer::Nothing => "nothing".to_owned(),
            Answer::Forward(file) => format!("text {}", file.text),
            Answer::Unsafe { why, .. } => why,
            Answer::NotNow { why } => format!("later {why}"),
            Answer::Values { .. } => unreachable!("a file has no values"),
        }
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let own = geteuid().as_raw();
        assert_eq!(said(&dir, own), "nothing", "no home");
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        mode(&home, 0o755);
        assert_eq!(said(&dir, own), "nothing", "no file");
        let file = home.join(".forward");
        fs::write(&file, "bob\n").unwrap();
        mode(&file, 0o644);
        assert_eq!(said(&dir, own), "text bob\n");
        for wrong in [0o664, 0o646] {
            mode(&file, wrong);
            assert_eq!(said(&dir, own), "others can write it");
        }
        mode(&file, 0o600);
        mode(&home, 0o757);
        assert_eq!(said(&dir, own), "everybody can write the home");
        mode(&home, 0o755);
        if own != 0 {
            assert_eq!(said(&dir, own + 1), "the home belongs to another user");
        }
        if own == 0 {
            let give = |path: &Path, uid| std::os::unix::fs::chown(path, Some(uid), None).unwrap();
            give(&file, 54_321);
            assert_eq!(said(&dir, own), "it belongs to another user");
            give(&file, 0);
            give(&home, 54_321);
            assert_eq!(said(&dir, own), "the home belongs to another user");
            give(&home, 0);
        }
        fs::write(&file, "x".repeat(20_000)).unwrap();
        assert_eq!(said(&dir, own), "it is larger than 16 KiB");
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert_eq!(said(&dir, own), "it is not UTF-8 text");
        fs::rename(&file, home.join("other")).unwrap();
        symlink(home.join("other"), &file).unwrap();
        assert_eq!(said(&dir, own), "it is, or lies behind, a symbolic link");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(said(&dir, own), "it is no regular file");
        fs::remove_dir(&file).unwrap();
        nix::unistd::mkfifo(&file, Mode::S_IRUSR).unwrap();
        assert_eq!(said(&dir, own), "it is no regular file");
    }

    #[test]
    fn files_in_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let place = ForwardPlace::parse("{data-dir}/{user}.fwd", dir.path()).unwrap();
        let nobody = |_: &str| Ok(None);
        assert_eq!(look(&place, "ann", &nobody), Answer::Nothing);
        let file = dir.path().join("ann.fwd");
        fs::write(&file, "bob\n").unwrap();
        mode(&file, 0o644);
        let expected = ForwardFile { file: file.to_string_lossy().into(), text: "bob\n".into() };
        assert_eq!(look(&place, "ann", &nobody), Answer::Forward(expected));
        for user in ["../ann", "a/b", "", ".."] {
            assert_eq!(look(&place, user, &nobody), Answer::Nothing, "{user:?}");
        }
    }

    #[test]
    fn places() {
        let rows = [
            ("{home}/.forward", Some(ForwardPlace::Home(".forward".into()))),
            ("{home}/.config/forward", Some(ForwardPlace::Home(".config/forward".into()))),
            (
                "{data-dir}/forward/{user}",
                Some(ForwardPlace::Directory("/d/forward/".to_owned(), String::new())),
            ),
            (
                "/etc/forward/{user}",
                Some(ForwardPlace::Directory("/etc/forward/".into(), "".into())),
            ),
            ("{home}/../x", None),
            ("{home}/", None),
            ("{home}//etc", None),
            ("/home/{user}/.forward", None),
            ("/etc/../{user}", None),
            ("forward/{user}", None),
            ("/etc/forward", None),
            ("{home}/{user}", None),
        ];
        for (text, want) in rows {
            assert_eq!(ForwardPlace::parse(text, Path::new("/d")), want, "{text}");
        }
    }
}
