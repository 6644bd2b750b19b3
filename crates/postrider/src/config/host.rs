//! The keys at the top of the file: who we are and where our things are.

use std::path::PathBuf;

use mail::address::DomainName;

use super::Surroundings;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "",
    text: "This host.",
    options: &[
        OptionDoc {
            key: "hostname",
            default: Shown::Example("\"mx.example.net\""),
            text: "Our name in the greeting, in EHLO, in trace fields and in the Message-ID: a name that leads\n\
                   to this host in DNS, for others check it. Default: the system's name for this host.",
        },
        OptionDoc {
            key: "data-dir",
            default: Shown::Value("\"postrider-data\""),
            text: "Where everything we keep is: mail in flight, the control socket and, unless said otherwise,\n\
                   mailboxes. It belongs to one running server.",
        },
        OptionDoc {
            key: "user",
            default: Shown::Example("\"postrider\""),
            text: "Who the server becomes, when root starts it, as soon as its ports are open: certificates,\n\
                   accounts and mailboxes must be that user's to read and write. Programs and files of other\n\
                   users ([pipe.NAME] user, local.command-user, .forward) are left to a second process that\n\
                   stays root and does nothing else. Default: it stays who it is.",
        },
        OptionDoc {
            key: "group",
            default: Shown::Example("\"postrider\""),
            text: "With which group. Default: that of the user.",
        },
    ],
};

/// The values.
pub(super) struct Host {
    pub(super) hostname: DomainName,
    pub(super) data_dir: PathBuf,
    pub(super) run_as: Option<RunAs>,
}

/// Who the server becomes.
#[derive(Clone, Debug)]
pub struct RunAs {
    /// By name.
    pub user: Sourced<String>,
    /// By name; none: that of the user.
    pub group: Option<Sourced<String>>,
}

pub(super) fn read(top: &Section<'_>, surroundings: &Surroundings) -> Host {
    let hostname = top.parsed(
        "hostname",
        "a domain name, like \"mx.example.net\"",
        "letters, digits and hyphens, the labels separated by dots, no final dot",
    );
    let data_dir = top.path("data-dir").map(|path| path.value);
    Host {
        run_as: read_run_as(top),
        hostname: hostname.map_or_else(|| surroundings.hostname.clone(), |name| name.value),
        data_dir: data_dir.unwrap_or_else(|| top.base().join("postrider-data")),
    }
}

fn read_run_as(top: &Section<'_>) -> Option<RunAs> {
    let named = |key: &str| top.parsed::<String>(key, "a name of the system", "as in /etc/passwd");
    let (user, group) = (named("user"), named("group"));
    if let (None, Some(value)) = (&user, top.get("group")) {
        value.tell("`group` without `user` changes nothing", "user = \"…\" beside it", "name both");
    }
    Some(RunAs { user: user?, group })
}
