//! `[local]`: mail that ends here.

use std::path::PathBuf;
use std::sync::Arc;

use mail::address::{DomainName, LocalPart, fold};
use queue::access::Allowed;

use super::Surroundings;
use super::host::Host;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};
use super::table::{self, Table};
use crate::doors::mailbox::is_safe_user;
use crate::doors::{ForwardPlace, MailboxTemplate};

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
                   1000, or the path of a file with one name on a line, or \"table:NAME\", where any row of that\n\
                   name will do and local.postmaster must be said. Default: who starts the server.",
        },
        OptionDoc {
            key: "postmaster",
            default: Shown::Example("\"ann\""),
            text: "Who of the users reads the mail to postmaster, which every mail host has to take\n\
                   (RFC 5321 §4.5.1). Default: the first of the users; with \"system\", root.",
        },
        OptionDoc {
            key: "aliases",
            default: Shown::Example("[\"aliases\", \"table:people\"]"),
            text: "Names that stand for others: a file in the classic form (\"staff: ann, bob@example.org\";\n\
                   \":include:FILE\" names a file of members), a table, or a list of them. With \"owner-NAME\"\n\
                   beside it, NAME is a list, whose failures go to the owner. `newaliases` checks the files.\n\
                   Default: none.",
        },
        OptionDoc {
            key: "forward",
            default: Shown::Example("\"{home}/.forward\""),
            text: "Where users say that their mail is to go elsewhere: \"{home}/.forward\", or a file of the\n\
                   operator's, like \"{data-dir}/forward/{user}\". It is followed if it and its home are safe from\n\
                   others; else the mail goes to the mailbox. Default: nowhere, no such file is read.",
        },
        OptionDoc {
            key: "commands",
            default: Shown::Value("[]"),
            text: "Where |command is followed: \"aliases\", \"forward\" (of everyone) or \"forward:USER\". No shell\n\
                   runs them. A file of aliases that others can write never brings any.",
        },
        OptionDoc {
            key: "files",
            default: Shown::Value("[]"),
            text: "Where /file is followed, in the same words.",
        },
        OptionDoc {
            key: "command-user",
            default: Shown::Value("\"nobody\""),
            text: "The account whose rights commands and files of aliases have. Those of a .forward have its user's.",
        },
        OptionDoc {
            key: "tag-separator",
            default: Shown::Value("\"+\""),
            text: "What begins a tag: mail to ann+lists is ann's, where nobody is called so. \"\": there are no tags.",
        },
        OptionDoc {
            key: "roles",
            default: Shown::Value("[]"),
            text: "Names that every domain has here, as it has a postmaster, who reads their mail where nobody else\n\
                   does: [\"abuse\", \"security\"].",
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

/// What the name of a table stands behind, where something else may stand as well.
const TABLE: &str = "table:";

/// Who has a mailbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Users {
    /// These, at least one; each a safe name, no two alike but for case.
    Names(Vec<Sourced<String>>),
    /// Root, and the accounts of the system from user id 1000.
    System,
    /// The names in a file.
    File(Sourced<PathBuf>),
    /// The names that a table has.
    Table(Sourced<Arc<str>>),
}

/// Where aliases are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AliasPlace {
    /// In a file of the classic form.
    File(PathBuf),
    /// In the table of this name.
    Table(Arc<str>),
}

/// Where commands or files may stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allowances {
    /// In aliases.
    pub aliases: bool,
    /// In a `.forward`.
    pub forward: Allowed,
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
    /// Where aliases are.
    pub aliases: Vec<Sourced<AliasPlace>>,
    /// Where a `.forward` is; none: nobody's is read.
    pub forward: Option<Sourced<ForwardPlace>>,
    /// Where commands are followed.
    pub commands: Allowances,
    /// Where files are.
    pub files: Allowances,
    /// Whose rights those of aliases have.
    pub command_user: String,
    /// What begins a tag.
    pub tag: Option<char>,
    /// Names of every domain, in lower case.
    pub roles: Vec<Sourced<String>>,
    /// Octets that a mailbox may hold.
    pub quota: Option<u64>,
    /// Mail for one that is full goes back at once.
    pub return_over_quota: bool,
}

pub(super) fn read(
    section: &Section<'_>,
    host: &Host,
    surroundings: &Surroundings,
    tables: &[Table],
) -> Local {
    section.only(&DOC, &[]);
    let domains = section.domains("domains");
    let own = || {
        let localhost = "localhost".parse().ok();
        let names = [Some(host.hostname.clone()), localhost].into_iter().flatten();
        names.map(Sourced::default_of).collect()
    };
    let users = section.get("users").and_then(|value| read_users(&value, false, tables));
    let user = || Users::Names(vec![Sourced::default_of(surroundings.user.clone())]);
    let users = users.unwrap_or_else(user);
    Local {
        domains: domains.unwrap_or_else(own),
        mailbox: read_mailbox(section, host),
        postmaster: read_postmaster(section, &users),
        users,
        aliases: read_aliases(section, tables),
        forward: read_forward(section, host),
        commands: read_allowances(section, "commands"),
        files: read_allowances(section, "files"),
        command_user: read_command_user(section),
        tag: read_tag(section),
        roles: read_roles(section),
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

fn read_aliases(section: &Section<'_>, tables: &[Table]) -> Vec<Sourced<AliasPlace>> {
    let items = section.get("aliases").map(|value| value.items()).unwrap_or_default();
    let place = |item: &Value<'_>| match item.text()?.strip_prefix(TABLE) {
        Some(name) => Some(item.sourced(AliasPlace::Table(table::named(item, name, tables)?))),
        None => Some(item.sourced(AliasPlace::File(item.path()?.value))),
    };
    items.iter().filter_map(place).collect()
}

fn read_forward(section: &Section<'_>, host: &Host) -> Option<Sourced<ForwardPlace>> {
    let value = section.get("forward")?;
    match ForwardPlace::parse(value.text()?, &host.data_dir) {
        Some(place) => Some(value.sourced(place)),
        None => value.wrong(
            "\"{home}/.forward\", or an absolute path that ends in the name of the user",
            "for example \"{data-dir}/forward/{user}\"",
        ),
    }
}

fn read_allowances(section: &Section<'_>, key: &str) -> Allowances {
    let mut all = Allowances::default();
    let items = section.get(key).map(|value| value.items()).unwrap_or_default();
    for item in &items {
        let Some(text) = item.text() else { continue };
        match (text, text.strip_prefix("forward:"), &mut all.forward) {
            ("aliases", ..) => all.aliases = true,
            ("forward", _, forward) => *forward = Allowed::Everyone,
            (_, Some(user), forward) if is_safe_user(user) => match forward {
                Allowed::Users(users) => {
                    users.insert(fold(user));
                }
                Allowed::Nobody => *forward = Allowed::Users([fold(user)].into()),
                Allowed::Everyone => {}
            },
            _ => item.tell(
                &format!("`{}` has a value it cannot have", item.key()),
                "\"aliases\", \"forward\" or \"forward:USER\"",
                "",
            ),
        }
    }
    all
}

fn read_command_user(section: &Section<'_>) -> String {
    let said = section.get("command-user").and_then(|value| match value.text()? {
        "root" => {
            value.wrong("an account with few rights", "a command of an alias is never root's")
        }
        name if is_safe_user(name) => Some(name.to_owned()),
        _ => value.wrong("the name of an account", ""),
    });
    said.unwrap_or_else(|| "nobody".to_owned())
}

fn read_tag(section: &Section<'_>) -> Option<char> {
    const DEFAULT: Option<char> = Some('+');
    let Some(value) = section.get("tag-separator") else { return DEFAULT };
    let Some(text) = value.text() else { return DEFAULT };
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => None,
        (Some(sign), None) if "+-=_%#~!$&*|{}^?".contains(sign) => Some(sign),
        _ => value.wrong("one sign, like \"+\" or \"-\"", "\"\" for no tags"),
    }
}

fn read_roles(section: &Section<'_>) -> Vec<Sourced<String>> {
    let items = section.get("roles").map(|value| value.items()).unwrap_or_default();
    let role = |item: &Value<'_>| {
        let name = item.text()?;
        match LocalPart::parse_utf8(name) {
            Ok(local) => Some(item.sourced(local.folded())),
            Err(_) => item.wrong("a name like \"abuse\"", "a local-part without domain"),
        }
    };
    items.iter().filter_map(role).collect()
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

/// Who has a mailbox, of this host or of a `virtual` domain, which has no accounts of the system and
/// may have nobody.
pub(super) fn read_users(value: &Value<'_>, of_virtual: bool, tables: &[Table]) -> Option<Users> {
    if !value.is_list() {
        return match value.text()? {
            "system" if !of_virtual => Some(Users::System),
            "system" => value.wrong("names, a path or \"table:NAME\"", "name them"),
            text if text.starts_with(TABLE) => {
                let name = text.get(TABLE.len()..).unwrap_or_default();
                table::named(value, name, tables).map(|name| Users::Table(value.sourced(name)))
            }
            _ => value.path().map(Users::File),
        };
    }
    let items = value.items();
    if items.is_empty() && !of_virtual {
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
