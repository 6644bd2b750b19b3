//! `[smarthost."HOST"]`: who we are at a host that a route hands mail to.

use std::path::PathBuf;

use queue::route::{Host, is_name};
use smtp::sasl::Mechanism;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "smarthost.\"mail.example.net\"",
    text: "How we log in at a host that a route hands mail to: any number of tables, each with the host as\n\
           its route names it, without port. With a name before it, \"ann@mail.example.net\", it is for the\n\
           routes that say login = \"ann\" only. The mail waits as long as the host does not let us in, and\n\
           the log says why.",
    options: &[
        OptionDoc { key: "login", default: Shown::Example("\"ann\""), text: "Our name there." },
        OptionDoc {
            key: "secret-file",
            default: Shown::Example("\"secrets/mail.example.net\""),
            text: "A file whose first line is the password or the token. Only its owner may read it (0600). It\n\
                   is read for each session, so that another program may renew a token. Without a file the\n\
                   certificate `tls.client-certificate` is shown (EXTERNAL).",
        },
        OptionDoc {
            key: "secret",
            default: Shown::Example("\"password\""),
            text: "What it is: \"password\" (the default) or \"token\" (OAUTHBEARER, XOAUTH2).",
        },
        OptionDoc {
            key: "mechanisms",
            default: Shown::Example("[\"SCRAM-SHA-256\", \"PLAIN\"]"),
            text: "Only these. Default: the strongest the host offers, of SCRAM-SHA-256-PLUS, SCRAM-SHA-256,\n\
                   PLAIN, LOGIN; OAUTHBEARER, XOAUTH2; EXTERNAL.",
        },
        OptionDoc {
            key: "allow-clear",
            default: Shown::Example("false"),
            text: "true: the secret may be shown without TLS, and to a host whose certificate is not good. Only\n\
                   in a network that is all yours.",
        },
    ],
};

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Smarthost {
    /// The host as routes name it.
    pub host: Host,
    /// What routes call it; empty for those that call none.
    pub name: String,
    /// Our name there.
    pub login: String,
    /// Where the secret is; none: a certificate is shown.
    pub secret: Option<Sourced<PathBuf>>,
    /// It is a token, not a password.
    pub is_token: bool,
    /// Only these.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// Without TLS, too.
    pub allow_clear: bool,
}

pub(super) fn read(section: &Section<'_>) -> Vec<Smarthost> {
    section.entries().into_iter().filter_map(|(name, value)| read_one(name, &value)).collect()
}

fn read_one(name: &str, value: &Value<'_>) -> Option<Smarthost> {
    let (login, host) = name.rsplit_once('@').unwrap_or(("", name));
    if !login.is_empty() && !is_name(login) || name.starts_with('@') {
        let title = format!("{login:?} is no name of a login");
        let remedy =
            "letters, digits, - _ and . inside, at most 64; what the host knows is `login`";
        value.tell(&title, "a name that routes can refer to", remedy);
        return None;
    }
    let name = login.to_owned();
    let Ok(host) = host.parse::<Host>() else {
        let title = format!("{host:?} is no host");
        value.tell(&title, "a host as a route names it, without port", "like \"mail.example.net\"");
        return None;
    };
    let table = value.table()?;
    table.only(&DOC, &[]);
    let secret = table.path("secret-file");
    let login = table.get("login").and_then(|value| value.text().map(str::to_owned));
    if login.is_none() && secret.is_some() {
        let title = format!("`{}` has no login", value.key());
        value.tell(&title, "`login` beside the file", "say our name at that host");
    }
    let expected = "names of mechanisms, like \"SCRAM-SHA-256\", \"PLAIN\", \"LOGIN\"";
    let mechanisms: Option<Vec<Sourced<Mechanism>>> = table.list("mechanisms", expected, "");
    Some(Smarthost {
        host,
        name,
        login: login.unwrap_or_default(),
        secret,
        is_token: is_token(&table),
        mechanisms: mechanisms.map(|list| list.into_iter().map(|one| one.value).collect()),
        allow_clear: table.boolean("allow-clear").unwrap_or(false),
    })
}

fn is_token(table: &Section<'_>) -> bool {
    let Some(value) = table.get("secret") else { return false };
    match value.text() {
        Some("token") => true,
        Some("password") | None => false,
        Some(_) => {
            value.wrong::<()>("\"password\" or \"token\"", "the secret itself is in secret-file");
            false
        }
    }
}
