//! `[accounts]`: who may log in, and how often one may fail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "accounts",
    text: "Who may log in (AUTH). Logins are offered on listeners of kind submission.",
    options: &[
        OptionDoc {
            key: "source",
            default: Shown::Value("\"file\""),
            text: "file: the accounts that `postrider account` keeps. \"dovecot:PATH\": those of a Dovecot, asked\n\
                   through its authentication socket for clients. pam, or \"pam:SERVICE\": those of the system,\n\
                   where this program was built with the feature.",
        },
        OptionDoc {
            key: "file",
            default: Shown::Example("\"accounts\""),
            text: "The file of `postrider account`. Default: \"accounts\" in the data directory.",
        },
        OptionDoc {
            key: "clear-text",
            default: Shown::Value("false"),
            text: "Whether PLAIN and LOGIN are taken on a connection without TLS, where everyone on the way\n\
                   reads the password. SCRAM-SHA-256 always is.",
        },
        OptionDoc {
            key: "login-failures",
            default: Shown::Value("20"),
            text: "Failed logins of one account before no more are heard. From the fourth on each answer\n\
                   takes longer. Addresses from which the account has logged in before are not locked out.",
        },
        OptionDoc {
            key: "address-failures",
            default: Shown::Value("50"),
            text: "The same for one address (IPv6: /64), behind which there may be many people.",
        },
        OptionDoc {
            key: "forget-failures",
            default: Shown::Value("\"5m\""),
            text: "After this time one failure is forgotten, and one more login is heard.",
        },
    ],
};

/// Who is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LoginSource {
    /// The file.
    File,
    /// A Dovecot, at its socket.
    Dovecot(PathBuf),
    /// The system, under this name of a service.
    Pam(String),
}

/// `[accounts]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Logins {
    /// Who is asked.
    pub source: Sourced<LoginSource>,
    /// The file, used or not.
    pub file: PathBuf,
    /// Passwords over connections without TLS.
    pub clear_text: bool,
    /// Failures of one account.
    pub login_failures: u32,
    /// Failures from one address.
    pub address_failures: u32,
    /// After which time one is forgotten.
    pub forget_failures: Duration,
}

pub(super) fn read(section: &Section<'_>, data_dir: &Path) -> Logins {
    section.only(&DOC, &[]);
    let source = section.get("source").and_then(|value| read_source(&value, section.base()));
    let count = |key, default| {
        let number = section.number(key, 3..=1_000_000);
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let forget = section.duration("forget-failures").unwrap_or(Duration::from_secs(300));
    if let Some(value) = section.get("forget-failures").filter(|_| forget < Duration::from_secs(1))
    {
        let remedy = "a machine that guesses would never be slowed down";
        value.tell("`accounts.forget-failures` is too short", "at least \"1s\"", remedy);
    }
    Logins {
        source: source.unwrap_or(Sourced::default_of(LoginSource::File)),
        file: section.path("file").map_or_else(|| data_dir.join("accounts"), |path| path.value),
        clear_text: section.boolean("clear-text").unwrap_or(false),
        login_failures: count("login-failures", 20),
        address_failures: count("address-failures", 50),
        forget_failures: forget,
    }
}

fn read_source(value: &Value<'_>, base: &Path) -> Option<Sourced<LoginSource>> {
    let expected = "\"file\", \"dovecot:PATH\" or \"pam\"";
    let text = value.text()?;
    let source = match text.split_once(':').unwrap_or((text, "")) {
        ("file", "") => LoginSource::File,
        ("dovecot", path) if !path.is_empty() && !path.contains('\0') => {
            LoginSource::Dovecot(base.join(path))
        }
        ("pam", service) if cfg!(feature = "pam") => {
            let service = if service.is_empty() { "postrider" } else { service };
            LoginSource::Pam(service.to_owned())
        }
        ("pam", _) => {
            let remedy = "build it with `--features pam`, or use another source";
            value.tell("this program was built without PAM", expected, remedy);
            return None;
        }
        _ => {
            let remedy = "for a Dovecot: \"dovecot:/run/dovecot/auth-client\"";
            return value.wrong(expected, remedy);
        }
    };
    Some(value.sourced(source))
}
