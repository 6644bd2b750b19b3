//! `[dns]`: whom to ask for names.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use mail::DomainName;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;
use crate::doors::{Anchors, AnchorsError, Checks, NameServers, Proof};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "dns",
    text: "Whom to ask for names.",
    options: &[
        OptionDoc {
            key: "servers",
            default: Shown::Value("\"system\""),
            text: "Recursive name servers, in order: [\"127.0.0.1:5353\", \"2001:db8::53\"], with port 53 where none\n\
                   is said. \"system\": those of /etc/resolv.conf.",
        },
        OptionDoc {
            key: "dnssec",
            default: Shown::Value("\"auto\""),
            text: "Who proves answers by their signatures, where DANE hangs on them. \"validate\": postrider\n\
                   itself, from the keys of the root down; what lacks its proof puts the mail off.\n\
                   \"auto\": the same, unless the name servers hand out no signatures at all (as some\n\
                   routers do): then there is no DANE, and the log says so. \"trust-ad\": the name servers,\n\
                   by their word, if they are on this host or listed in `trusted`. \"off\": nobody; no DANE.",
        },
        OptionDoc {
            key: "trusted",
            default: Shown::Value("[]"),
            text: "Name servers on other hosts whose word counts with dnssec = \"trust-ad\". Only where nobody\n\
                   can change what they say on its way: a tunnel, or a network of your own.",
        },
        OptionDoc {
            key: "trust-anchor",
            default: Shown::Example("\"root.key\""),
            text: "A file of DNSKEY records to begin the proof with. Keys of the root replace the built-in\n\
                   ones; keys of other zones come beside them. Default: the keys of the public root.",
        },
        OptionDoc {
            key: "unsigned",
            default: Shown::Value("[]"),
            text: "Private zones that the public tree does not know of: [\"corp.example\"]. Nothing below them\n\
                   is checked. \"internal\", \"local\", \"test\", \"home.arpa\", \"lan\", \"home\", \"corp\", \"intranet\"\n\
                   and names of one label are private without being listed.",
        },
    ],
};

/// `[dns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// The servers, at least one; `None`: those of the system.
    pub servers: Option<Vec<SocketAddr>>,
    /// Who proves answers.
    pub dnssec: Dnssec,
    /// Servers on other hosts whose word counts.
    pub trusted: Vec<Sourced<IpAddr>>,
    /// The file with the keys of another root, or of zones beside it.
    pub trust_anchor: Option<Sourced<PathBuf>>,
    /// Private zones.
    pub unsigned: Vec<Sourced<DomainName>>,
}

/// Who proves answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dnssec {
    /// We, where the name servers hand out signatures.
    #[default]
    Auto,
    /// We, always.
    Validate,
    /// The name servers.
    TrustAd,
    /// Nobody.
    Off,
}

impl Dns {
    /// The servers to ask.
    pub fn name_servers(&self) -> NameServers {
        match &self.servers {
            Some(servers) => NameServers(servers.clone()),
            None => NameServers::of_system(),
        }
    }

    /// How answers are proved.
    ///
    /// # Errors
    /// What is wrong with the file of the trust anchor.
    pub fn proof(&self) -> Result<Proof, AnchorsError> {
        Ok(match self.dnssec {
            Dnssec::Off => Proof::Off,
            Dnssec::TrustAd => {
                Proof::TrustAd(self.trusted.iter().map(|trusted| trusted.value).collect())
            }
            how @ (Dnssec::Auto | Dnssec::Validate) => Proof::Check(Checks {
                anchors: self.anchors()?,
                unsigned: self.unsigned.iter().map(|zone| zone.value.to_string()).collect(),
                insist: how == Dnssec::Validate,
            }),
        })
    }

    fn anchors(&self) -> Result<Anchors, AnchorsError> {
        let file = self.trust_anchor.as_ref();
        file.map(|path| Anchors::of_file(path)).transpose().map(Option::unwrap_or_default)
    }
}

pub(super) fn read(section: &Section<'_>) -> Dns {
    section.only(&DOC, &[]);
    let dnssec = read_dnssec(section);
    let expected = "an address without port, like \"192.0.2.53\"";
    let trusted: Vec<Sourced<IpAddr>> = section
        .list("trusted", expected, "those on this host are trusted anyhow")
        .unwrap_or_default();
    if let Some(value) = section.get("trusted").filter(|_| dnssec != Dnssec::TrustAd)
        && !trusted.is_empty()
    {
        let title = "`dns.trusted` means something with dnssec = \"trust-ad\" only";
        value.tell(title, "dnssec = \"trust-ad\", or no list", "say which of the two you want");
    }
    let expected = "a domain name, like \"corp.example\"";
    Dns {
        servers: read_servers(section),
        dnssec,
        trusted,
        trust_anchor: section.path("trust-anchor"),
        unsigned: section.list("unsigned", expected, "no final dot").unwrap_or_default(),
    }
}

fn read_dnssec(section: &Section<'_>) -> Dnssec {
    let Some(value) = section.get("dnssec") else { return Dnssec::default() };
    let expected = "\"auto\", \"validate\", \"trust-ad\" or \"off\"";
    match value.text() {
        Some("auto") | None => Dnssec::Auto,
        Some("validate") => Dnssec::Validate,
        Some("trust-ad") => Dnssec::TrustAd,
        Some("off") => Dnssec::Off,
        Some(_) => value.wrong(expected, "\"auto\" is right for most").unwrap_or_default(),
    }
}

fn read_servers(section: &Section<'_>) -> Option<Vec<SocketAddr>> {
    let value = section.get("servers")?;
    if !value.is_list() && value.text_quietly() == Some("system") {
        return None;
    }
    let expected = "an address, like \"192.0.2.53\", \"127.0.0.1:5353\" or \"[::1]:5353\"";
    let items = value.items();
    if items.is_empty() {
        value.tell("`dns.servers` is empty", expected, "name one, or say \"system\"");
    }
    let servers = items.iter().filter_map(|item| {
        let text = item.text()?;
        let with_port = text.parse::<SocketAddr>().ok();
        let plain = || text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
        with_port
            .filter(|server| server.port() != 0)
            .or_else(plain)
            .or_else(|| item.wrong(expected, "a name server cannot be found by name"))
    });
    Some(servers.collect())
}
