//! `[tls]`: what this host shows, and whom it trusts.

use std::path::PathBuf;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "tls",
    text: "Certificates and keys, in PEM files. They are read at the start and at each reload; sessions\n\
           that are open go on. Versions 1.2 and 1.3 are spoken, with forward secrecy only.",
    options: &[
        OptionDoc {
            key: "certificate",
            default: Shown::Example("\"fullchain.pem\""),
            text: "The certificate of this host and those that lead to its authority. With none, no listener\n\
                   offers TLS.",
        },
        OptionDoc {
            key: "key",
            default: Shown::Example("\"privkey.pem\""),
            text: "Its private key. Others than its owner and group must not be able to read it.",
        },
        OptionDoc {
            key: "minimum",
            default: Shown::Value("\"1.2\""),
            text: "The oldest version: \"1.2\" or \"1.3\". Many mail servers still need 1.2.",
        },
        OptionDoc {
            key: "roots",
            default: Shown::Example("\"authorities.pem\""),
            text: "The authorities trusted where the certificate of a server must be good. Default: those of\n\
                   the system.",
        },
        OptionDoc {
            key: "client-roots",
            default: Shown::Example("\"client-authorities.pem\""),
            text: "Clients are asked for a certificate from one of these authorities, and may have none.\n\
                   Default: they are not asked.",
        },
        OptionDoc {
            key: "client-certificate",
            default: Shown::Example("\"client.pem\""),
            text: "What this host shows as a client to servers that ask.",
        },
        OptionDoc {
            key: "client-key",
            default: Shown::Example("\"client-key.pem\""),
            text: "Its key.",
        },
    ],
};

pub(super) const NAMES: SectionDoc = SectionDoc {
    name: "tls.names.\"mail.example.org\"",
    text: "Another certificate for clients that ask for this name (SNI): any number of tables, each with\n\
           the name it is for. \"*.example.org\" is for all names one label below example.org.",
    options: &[
        OptionDoc {
            key: "certificate",
            default: Shown::Example("\"mail.example.org/fullchain.pem\""),
            text: "As above.",
        },
        OptionDoc {
            key: "key",
            default: Shown::Example("\"mail.example.org/privkey.pem\""),
            text: "As above.",
        },
    ],
};

/// The files of a certificate and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateFiles {
    /// The key of the configuration that names the certificate.
    pub option: String,
    /// The chain.
    pub certificate: Sourced<PathBuf>,
    /// The private key.
    pub key: Sourced<PathBuf>,
}

/// `[tls]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsFiles {
    /// For clients that ask for no name, or one that is not in `names`.
    pub default: Option<CertificateFiles>,
    /// For those that ask for this name; `*.` at its front stands for one label.
    pub names: Vec<(String, CertificateFiles)>,
    /// TLS 1.2 is refused.
    pub only_tls13: bool,
    /// Authorities of servers; none: the system's.
    pub roots: Option<Sourced<PathBuf>>,
    /// Authorities of clients; none: they are not asked.
    pub client_roots: Option<Sourced<PathBuf>>,
    /// What this host shows as a client.
    pub client: Option<CertificateFiles>,
}

pub(super) fn read(section: &Section<'_>) -> TlsFiles {
    section.only(&DOC, &["names"]);
    let default = files(section, "certificate", "key");
    let names = section.table("names").entries();
    if let Some((_, first)) = names.first().filter(|_| section.get("certificate").is_none()) {
        let remedy = "name one under [tls], for clients that ask for no name";
        first.tell("there is no default certificate", "`tls.certificate` and `tls.key`", remedy);
    }
    let named = names.iter().filter_map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        if bare.parse::<mail::DomainName>().is_err() {
            let title = format!("{name:?} is no name of a host");
            value.tell(&title, "a name, like \"mail.example.org\" or \"*.example.org\"", "");
            return None;
        }
        let table = value.table()?;
        table.only(&NAMES, &[]);
        if table.get("certificate").is_none() && table.get("key").is_none() {
            let title = format!("`{}` has no certificate", value.key());
            value.tell(&title, "`certificate` and `key`", "name both files, or remove the table");
        }
        Some((name, files(&table, "certificate", "key")?))
    });
    let named = named.collect();
    TlsFiles {
        default,
        names: named,
        only_tls13: minimum(section),
        roots: section.path("roots"),
        client_roots: section.path("client-roots"),
        client: files(section, "client-certificate", "client-key"),
    }
}

fn minimum(section: &Section<'_>) -> bool {
    let Some(value) = section.get("minimum") else { return false };
    match value.text() {
        Some("1.3") => true,
        Some("1.2") | None => false,
        Some(_) => {
            value.wrong::<()>("\"1.2\" or \"1.3\"", "older versions are not spoken here");
            false
        }
    }
}

/// A certificate never stands without its key.
fn files(section: &Section<'_>, certificate: &str, key: &str) -> Option<CertificateFiles> {
    let (named, with) = (section.get(certificate), section.get(key));
    match (&named, &with) {
        (Some(value), None) => {
            let title = format!("`{}` has no key", value.key());
            value.tell(&title, &format!("`{key}` beside it"), "name the file with its key");
        }
        (None, Some(value)) => {
            let title = format!("`{}` has no certificate", value.key());
            value.tell(&title, &format!("`{certificate}` beside it"), "name its file");
        }
        _ => {}
    }
    let option = named?.key().to_owned();
    let certificate = section.path(certificate)?;
    Some(CertificateFiles { option, certificate, key: section.path(key)? })
}
