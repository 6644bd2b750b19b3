//! Where a letter is written: this host, its mail service, the person at the keyboard.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mail::{Domain, DomainName, LocalPart, Mailbox};
use nix::unistd::{Uid, User};

/// What the user agent must know of its host. The binary makes it from the configuration.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name of this host: completes bare names, names us in EHLO, stands in Message-ID.
    pub hostname: DomainName,
    /// The data directory of the mail service, which holds `control` and `drop`.
    pub data_dir: PathBuf,
    /// Where the service takes mail from authors; tried in order. Loopback addresses first.
    pub submission: Vec<SocketAddr>,
    /// The mailbox of a user, `{user}` standing for the name.
    pub inbox_of: String,
    /// What `$MAIL` says.
    pub mail_variable: Option<PathBuf>,
    /// The file of the person's settings.
    pub settings_file: Option<PathBuf>,
    /// Who is writing.
    pub person: Person,
    /// Looks at the files of aliases, for `newaliases`.
    pub aliases: AliasCheck,
}

/// What looks at the files of aliases as the service would, and what came of it: each file with the
/// number of its aliases, and the lines that are wrong.
#[derive(Clone)]
pub struct AliasCheck(pub Arc<dyn Fn() -> AliasesFound + Send + Sync>);

/// What `newaliases` tells.
#[derive(Clone, Debug, Default)]
pub struct AliasesFound {
    /// Each file with the number of its aliases.
    pub files: Vec<(String, usize)>,
    /// The lines that are wrong, as `FILE:LINE: what; what to do`.
    pub problems: Vec<String>,
}

impl Default for AliasCheck {
    fn default() -> Self {
        Self(Arc::new(AliasesFound::default))
    }
}

impl fmt::Debug for AliasCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AliasCheck")
    }
}

impl Site {
    /// The directory for letters while the service is down.
    pub fn drop_dir(&self) -> PathBuf {
        self.data_dir.join("drop")
    }

    /// The address of the person here.
    pub fn own_address(&self) -> Mailbox {
        self.local(self.person.local_part())
    }

    /// The mailbox of `local` at this host.
    pub fn local(&self, local: LocalPart) -> Mailbox {
        Mailbox { local, domain: Domain::Name(self.hostname.clone()) }
    }
}

/// Who is writing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// The login name.
    pub login: String,
    /// The full name from the password file, when there is one.
    pub full_name: Option<String>,
    /// The real user id.
    pub uid: u32,
    /// Where `dead.letter` goes.
    pub home: Option<PathBuf>,
}

impl Person {
    /// Who runs this process, by the real user id. Where several logins share one id, `login_name`
    /// (of the environment) chooses among them; it is believed only when its id is this one.
    pub fn current(login_name: Option<&str>) -> Self {
        let uid = Uid::current();
        let named = login_name.and_then(|name| User::from_name(name).ok().flatten());
        let user = named.filter(|user| user.uid == uid);
        match user.or_else(|| User::from_uid(uid).ok().flatten()) {
            Some(user) => Self {
                full_name: full_name(&user.gecos.to_string_lossy(), &user.name),
                login: user.name,
                uid: uid.as_raw(),
                home: Some(user.dir),
            },
            None => Self {
                login: format!("uid{}", uid.as_raw()),
                full_name: None,
                uid: uid.as_raw(),
                home: None,
            },
        }
    }

    /// The login name as a local-part.
    pub fn local_part(&self) -> LocalPart {
        let by_uid = || LocalPart::from_unquoted(&format!("uid{}", self.uid));
        LocalPart::from_unquoted(&self.login)
            .or_else(|_| by_uid())
            .expect("letters and digits are a local-part")
    }
}

/// The full name out of the comment field of the password file: up to the first comma, `&`
/// standing for the login name with a capital.
fn full_name(gecos: &str, login: &str) -> Option<String> {
    let name = gecos.split(',').next().unwrap_or_default().trim();
    let mut capital = login.chars();
    let login = capital.next().map(|first| first.to_uppercase().chain(capital).collect::<String>());
    let name = name.replace('&', &login.unwrap_or_default());
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names() {
        let cases = [
            ("Ann Archer,Room 4,555,556", Some("Ann Archer")),
            ("& Archer", Some("Ann Archer")),
            ("", None),
            (",,,", None),
            ("Ann\tArcher", None),
        ];
        for (gecos, name) in cases {
            assert_eq!(full_name(gecos, "ann").as_deref(), name, "{gecos}");
        }
    }

    #[test]
    fn a_login_that_is_no_local_part() {
        let person =
            |login: &str| Person { login: login.into(), full_name: None, uid: 7, home: None };
        assert_eq!(person("ann").local_part().as_str(), "ann");
        assert_eq!(person("жук").local_part().as_str(), "uid7");
        assert_eq!(person("").local_part().as_str(), "uid7");
    }
}
