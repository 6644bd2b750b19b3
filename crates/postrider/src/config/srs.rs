//! `[srs]`: under whose address mail is forwarded off this host.

use std::path::PathBuf;

use mail::address::DomainName;

use super::host::Host;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;
use super::{Config, Problem, Severity};

/// Octets of a secret at least: 96 bits in base64.
const SECRET_MIN: usize = 16;
/// Octets of the file of secrets.
const FILE_MAX: u64 = 64 * 1024;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "srs",
    text: "Mail from elsewhere that an alias, a .forward or a virtual address sends on to another host goes\n\
           under an address of ours (SRS), so that SPF is about us; reports to it go back to the sender.\n\
           Default: it goes under the sender's own.",
    options: &[
        OptionDoc {
            key: "secret-file",
            default: Shown::Example("\"secrets/srs\""),
            text: "A file of secrets, one on a line, at least 16 characters each: `openssl rand -base64 24`. Only\n\
                   its owner may read it (0600). The first signs, all are good for what comes back: to change the\n\
                   secret put a new line in front, and take the old one out after 21 days.",
        },
        OptionDoc {
            key: "domain",
            default: Shown::Example("\"example.net\""),
            text: "What stands behind the @: a domain of local.domains, short, as the whole address before the @\n\
                   has 64 octets at most. Default: the hostname.",
        },
    ],
};

/// `[srs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Srs {
    /// Where the secrets are.
    pub secrets: Sourced<PathBuf>,
    /// Behind the `@`.
    pub domain: Sourced<DomainName>,
}

pub(super) fn read(
    section: &Section<'_>,
    host: &Host,
    local: &[Sourced<DomainName>],
) -> Option<Srs> {
    section.only(&DOC, &[]);
    let secrets = section.path("secret-file");
    let domain = section.parsed("domain", "a domain name, like \"example.net\"", "");
    if let Some(value) = section.get("domain") {
        let known = |domain: &DomainName| {
            *domain == host.hostname || local.iter().any(|one| one.value == *domain)
        };
        if domain.as_ref().is_some_and(|domain: &Sourced<DomainName>| !known(domain)) {
            let title = "reports to senders of forwarded mail would not come here";
            value.tell(
                title,
                "the hostname or a domain of local.domains",
                "add it there, or name another",
            );
        }
        if secrets.is_none() && section.get("secret-file").is_none() {
            let title = "`srs.domain` does nothing without `srs.secret-file`";
            value.tell(title, "`secret-file` beside it", "say both or none");
        }
    }
    let domain = domain.unwrap_or_else(|| Sourced::default_of(host.hostname.clone()));
    Some(Srs { secrets: secrets?, domain })
}

/// The secrets, the one that signs first.
///
/// # Errors
/// The file is not there, not private, or has no good line.
pub fn secrets(config: &Config, srs: &Srs) -> Result<Vec<String>, Vec<Problem>> {
    read_secrets(&srs.secrets).map_err(|why| {
        let title = format!("{}: {why}", srs.secrets.display());
        let remedy = "write a line with `openssl rand -base64 24`, and chmod 600 the file";
        vec![config.problem(Severity::Error, "srs.secret-file", title, remedy)]
    })
}

fn read_secrets(path: &std::path::Path) -> Result<Vec<String>, String> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    let shown = |error: std::io::Error| format!("it cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(shown)?;
    if file.metadata().map_err(shown)?.permissions().mode() & 0o077 != 0 {
        return Err("others can read it".to_owned());
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(shown)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<String> = lines.map(str::to_owned).collect();
    if let Some(place) = secrets.iter().position(|secret| secret.len() < SECRET_MIN) {
        return Err(format!("secret {} has less than {SECRET_MIN} characters", place + 1));
    }
    if secrets.is_empty() { Err("it has no secret".to_owned()) } else { Ok(secrets) }
}
