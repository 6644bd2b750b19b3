//! `[virtual."DOMAIN"]`: domains with addresses and mailboxes of their own; `[alias]`: aliases beside
//! those of a file.

use std::path::PathBuf;
use std::sync::Arc;

use mail::address::DomainName;

use super::host::Host;
use super::local::{Users, read_users};
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::{Source, Sourced};
use super::reader::Section;
use super::table::{self, Table};
use crate::doors::MailboxTemplate;

pub(super) const ALIASES: SectionDoc = SectionDoc {
    name: "alias",
    text: "Names of the local domains that stand for others, beside those of local.aliases and in the same\n\
           words: one member or a list. With \"owner-NAME\" beside it, NAME is a list.",
    options: &[OptionDoc {
        key: "\"staff\"",
        default: Shown::Example("[\"ann\", \"bob@example.org\"]"),
        text: "",
    }],
};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "virtual.\"example.org\"",
    text: "A domain whose mail ends here and that does not share the users of this host. What it has no\n\
           address for is refused, but for postmaster and local.roles, which lead to the postmaster here.",
    options: &[
        OptionDoc {
            key: "users",
            default: Shown::Example("[\"eve\", \"sales\"]"),
            text: "Who has a mailbox in it: names, the path of a file with one name on a line, or \"table:NAME\",\n\
                   which is asked for ADDRESS@DOMAIN; any row will do. Default: nobody.",
        },
        OptionDoc {
            key: "mailbox",
            default: Shown::Example("\"maildir:{data-dir}/mail/{domain}/{user}\""),
            text: "Where these mailboxes are, in the words of local.mailbox, with {domain}. They belong to the\n\
                   account that the server runs as. A [route] for the domain, such as lmtp:, goes before.",
        },
        OptionDoc {
            key: "tables",
            default: Shown::Example("[\"people\"]"),
            text: "Tables with more of its addresses, asked for ADDRESS@DOMAIN, then without a tag, at last for\n\
                   @DOMAIN, the catch-all. They bring no commands and no files.",
        },
    ],
};

pub(super) const ADDRESSES: SectionDoc = SectionDoc {
    name: "virtual.\"example.org\".addresses",
    text: "Its addresses, in the words of [alias]. A bare name among the members is an address or a user of\n\
           this domain, or else of this host. \"@\" is the catch-all: who gets what is for nobody else.",
    options: &[
        OptionDoc {
            key: "\"info\"",
            default: Shown::Example("[\"eve\", \"ann@example.net\"]"),
            text: "",
        },
        OptionDoc { key: "\"@\"", default: Shown::Example("\"eve\""), text: "" },
    ],
};

/// A name and who stands for it, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// In the words of a file of aliases.
    pub members: Vec<Sourced<String>>,
    /// Its key, for problems.
    pub key: String,
    /// Where it stands.
    pub source: Source,
}

/// One virtual domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Virtual {
    /// Its name.
    pub domain: DomainName,
    /// Who has a mailbox in it; none: nobody.
    pub users: Option<Users>,
    /// The key of the users, for problems.
    pub users_key: String,
    /// Where they are.
    pub mailbox: MailboxTemplate,
    /// Tables with more addresses.
    pub tables: Vec<Arc<str>>,
    /// Its addresses.
    pub addresses: Vec<Named>,
    /// Where it stands.
    pub source: Source,
}

/// The entries of a table of names.
pub(super) fn read_named(section: &Section<'_>) -> Vec<Named> {
    let named = section.entries().into_iter().map(|(name, value)| Named {
        name: name.to_owned(),
        members: value
            .items()
            .iter()
            .filter_map(|item| Some(item.sourced(item.text()?.to_owned())))
            .collect(),
        key: value.key().to_owned(),
        source: value.source(),
    });
    named.collect()
}

pub(super) fn read(
    section: &Section<'_>,
    host: &Host,
    local: &[Sourced<DomainName>],
    tables: &[Table],
) -> Vec<Virtual> {
    let mut all: Vec<Virtual> = Vec::new();
    for (name, value) in section.entries() {
        let Some(own) = value.table() else { continue };
        let Ok(domain) = DomainName::parse_utf8(name) else {
            let title = format!("{name:?} is not a domain");
            value.tell(&title, "a domain after virtual", "write [virtual.\"example.org\"]");
            continue;
        };
        own.only(&DOC, &["addresses"]);
        let twice = all.iter().any(|other| other.domain == domain);
        if twice || local.iter().any(|other| other.value == domain) {
            let what = if twice { "there already" } else { "one of local.domains" };
            let title = format!("the virtual domain {domain} is {what}");
            value.tell(&title, "each domain once", "a domain is local or virtual, never both");
            continue;
        }
        let users = own.get("users");
        all.push(Virtual {
            users_key: users.as_ref().map(|users| users.key().to_owned()).unwrap_or_default(),
            users: users.and_then(|value| read_users(&value, true, tables)),
            mailbox: read_mailbox(&own, host, &domain),
            tables: table::names(&own, "tables", tables),
            addresses: read_named(&own.table("addresses")),
            source: value.source(),
            domain,
        });
    }
    all
}

fn read_mailbox(own: &Section<'_>, host: &Host, domain: &DomainName) -> MailboxTemplate {
    const DEFAULT: &str = "maildir:{data-dir}/mail/{domain}/{user}";
    // A domain in ASCII has letters, digits, hyphens and single dots: never a way out.
    let domain = domain.ascii().to_ascii_lowercase();
    let parse =
        |text: &str| MailboxTemplate::parse(&text.replace("{domain}", &domain), &host.data_dir);
    if let Some(value) = own.get("mailbox")
        && let Some(text) = value.text()
    {
        match parse(text) {
            Ok(template) => return template,
            Err(error) => value.tell(
                &format!("`{}` names no mailbox: {error}", value.key()),
                "maildir:PATH or mbox:PATH with {user} in it",
                &format!("for example \"{DEFAULT}\""),
            ),
        }
    }
    let elsewhere = format!("maildir:/var/mail/{domain}/{{user}}");
    let root = PathBuf::from("/var/mail");
    match parse(DEFAULT).or_else(|_| MailboxTemplate::parse(&elsewhere, &root)) {
        Ok(template) => template,
        Err(_) => unreachable!("the default template is valid"),
    }
}
