//! `[local]`: mail that ends here.

use std::path::PathBuf;

use mail::address::DomainName;

use super::Surroundings;
use super::host::Host;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};
use crate::doors::MailboxTemplate;
use crate::doors::mailbox::is_safe_user;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "local",
    text: "Mail that ends here.",
    options: &[
        OptionDoc {
            key: "domains",
            default: Shown::Example("[\"example.net\", \"localhost\"]"),
            text: "Domains whose mail is for users here. Default: the hostname and \"localhost\".",
        },
        OptionDoc {
            key: "mailbox",
            default: Shown::Value("\"maildir:{data-dir}/mail/{user}\""),
            text: "Where mailboxes are: maildir:PATH or mbox:PATH, with {user} and perhaps {data-dir} in it.\n\
                   For example \"mbox:/var/mail/{user}\".",
        },
        OptionDoc {
            key: "users",
            default: Shown::Example("[\"ann\", \"bob\"]"),
            text: "Who has a mailbox here: names, or \"system\" for root and every account with a user id from\n\
                   1000, or the path of a file with one name on a line. Default: who starts the server.",
        },
        OptionDoc {
            key: "postmaster",
            default: Shown::Example("\"ann\""),
            text: "Who of the users reads the mail to postmaster, which every mail host has to take\n\
                   (RFC 5321 §4.5.1). Default: the first of the users; with \"system\", root.",
        },
        OptionDoc {
            key: "aliases",
            default: Shown::Example("\"aliases\""),
            text: "A file of names that stand for others, in the classic form: \"staff: ann, bob@example.org\";\n\
                   \":include:FILE\" names a file of members. With \"owner-NAME\" beside it, NAME is a list, whose\n\
                   failures go to the owner. Default: none.",
        },
        OptionDoc {
            key: "quota",
            default: Shown::Value("\"none\""),
            text: "What a mailbox may hold, like \"1GB\": all the letters of a Maildir with its folders, or the\n\
                   file of an mbox. A letter that begins below it is still taken.",
        },
        OptionDoc {
            key: "over-quota",
            default: Shown::Value("\"defer\""),
            text: "What is done with mail for a full mailbox: \"defer\" tries again (4.2.2) until it expires,\n\
                   \"return\" sends it back at once (5.2.2).",
        },
    ],
};

/// Who has a mailbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Users {
    /// These, at least one; each a safe name, no two alike but for case.
    Names(Vec<Sourced<String>>),
    /// Root, and the accounts of the system from user id 1000.
    System,
    /// The names in a file.
    File(Sourced<PathBuf>),
}

/// `[local]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Domains whose mail ends here.
    pub domains: Vec<Sourced<DomainName>>,
    /// Where mailboxes are.
    pub mailbox: Sourced<MailboxTemplate>,
    /// Who has one.
    pub users: Users,
    /// Who gets postmaster's mail, where it is said.
    pub postmaster: Option<Sourced<String>>,
    /// The alias file.
    pub aliases: Option<Sourced<PathBuf>>,
    /// Octets that a mailbox may hold.
    pub quota: Option<u64>,
    /// Mail for one that is full goes back at once.
    pub return_over_quota: bool,
}

pub(super) fn read(section: &Section<'_>, host: &Host, surroundings: &Surroundings) -> Local {
    section.only(&DOC, &[]);
    let domains = section.domains("domains");
    let own = || {
        let localhost = "localhost".parse().ok();
        let names = [Some(host.hostname.clone()), localhost].into_iter().flatten();
        names.map(Sourced::default_of).collect()
    };
    let users = section.get("users").and_then(|value| read_users(&value));
    let user = || Users::Names(vec![Sourced::default_of(surroundings.user.clone())]);
    let users = users.unwrap_or_else(user);
    Local {
        domains: domains.unwrap_or_else(own),
        mailbox: read_mailbox(section, host),
        postmaster: read_postmaster(section, &users),
        users,
        aliases: section.path("aliases"),
        quota: read_quota(section),
        return_over_quota: read_over_quota(section),
    }
}

fn read_quota(section: &Section<'_>) -> Option<u64> {
    let value = section.get("quota")?;
    match value.text_quietly() {
        Some("none") => None,
        _ => section.size("quota"),
    }
}

fn read_over_quota(section: &Section<'_>) -> bool {
    let Some(value) = section.get("over-quota") else { return false };
    match value.text() {
        Some("return") => true,
        Some("defer") | None => false,
        Some(_) => {
            value.wrong::<()>("\"defer\" or \"return\"", "remove the key: such mail waits");
            false
        }
    }
}

fn read_mailbox(section: &Section<'_>, host: &Host) -> Sourced<MailboxTemplate> {
    const DEFAULT: &str = "maildir:{data-dir}/mail/{user}";
    if let Some(value) = section.get("mailbox")
        && let Some(text) = value.text()
    {
        match MailboxTemplate::parse(text, &host.data_dir) {
            Ok(template) if template.has_domain() => value.tell(
                "`local.mailbox` has a {domain}, but its users are of this host, whatever the domain",
                "{user} alone",
                "mailboxes of a domain are for a route: \"mailbox:maildir:/srv/{domain}/{user}\"",
            ),
            Ok(template) => return value.sourced(template),
            Err(error) => value.tell(
                &format!("`local.mailbox` names no mailbox: {error}"),
                "maildir:PATH or mbox:PATH with {user} in it",
                &format!("for example \"{DEFAULT}\" or \"mbox:/var/mail/{{user}}\""),
            ),
        }
    }
    let fallback = MailboxTemplate::parse(DEFAULT, &host.data_dir);
    match fallback.or_else(|_| MailboxTemplate::parse("maildir:/var/mail/{user}", &host.data_dir)) {
        Ok(template) => Sourced::default_of(template),
        Err(_) => unreachable!("the default template is valid"),
    }
}

fn read_users(value: &Value<'_>) -> Option<Users> {
    if !value.is_list() {
        return match value.text()? {
            "system" => Some(Users::System),
            _ => value.path().map(Users::File),
        };
    }
    let items = value.items();
    if items.is_empty() {
        let remedy = "name who reads postmaster's mail at least";
        return value.wrong("at least one user", remedy);
    }
    let mut users: Vec<Sourced<String>> = Vec::new();
    for item in &items {
        let Some(name) = item.text() else { continue };
        if !is_safe_user(name) {
            let remedy = "letters, digits, and . _ - + inside: the name becomes part of a path";
            item.tell(&format!("{name:?} cannot be a user"), "a name like \"ann\"", remedy);
        } else if let Some(first) = users.iter().find(|user| user.eq_ignore_ascii_case(name)) {
            let remedy =
                format!("upper and lower case are one here; the first is at {}", first.source);
            item.tell(&format!("the user {name} is named twice"), "other names", &remedy);
        } else {
            users.push(item.sourced(name.to_owned()));
        }
    }
    Some(Users::Names(users))
}

fn read_postmaster(section: &Section<'_>, users: &Users) -> Option<Sourced<String>> {
    let value = section.get("postmaster")?;
    let name = value.text()?;
    if let Users::Names(users) = users
        && !users.iter().any(|user| user.eq_ignore_ascii_case(name))
    {
        let names: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
        let expected = format!("one of the users: {}", names.join(", "));
        let remedy = "add the name to local.users, or name another; aliases may send it further";
        return value.wrong(&expected, remedy);
    }
    if !is_safe_user(name) {
        return value.wrong("the name of a user", "");
    }
    Some(value.sourced(name.to_owned()))
}
