//! `[masquerade]`: hosts whose name is hidden behind another.

use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, DomainName};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "masquerade",
    text: "Hides hosts: mail from them gets the domain below in its reverse-path and its From field.",
    options: &[
        OptionDoc {
            key: "domain",
            default: Shown::Example("\"example.net\""),
            text: "The domain that is shown. Default: nothing is hidden.",
        },
        OptionDoc {
            key: "hosts",
            default: Shown::Example("[\"sun.example.net\", \".ws.example.net\"]"),
            text: "The domains that are hidden; with a dot in front, all below it.",
        },
    ],
};

/// Domains a rule is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DomainPattern {
    /// This one.
    Exact(DomainName),
    /// Those below it, itself not: `.example.org`.
    Below(DomainName),
}

impl DomainPattern {
    /// Whether the rule is about `domain`.
    pub fn matches(&self, domain: &DomainName) -> bool {
        match self {
            Self::Exact(name) => name == domain,
            Self::Below(name) => name != domain && domain.is_within(name),
        }
    }
}

impl FromStr for DomainPattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix('.') {
            Some(below) => below.parse().map(Self::Below),
            None => text.parse().map(Self::Exact),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Below(name) => write!(f, ".{name}"),
        }
    }
}

/// `[masquerade]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Masquerade {
    /// What is shown.
    pub domain: Sourced<DomainName>,
    /// What is hidden.
    pub hosts: Vec<Sourced<DomainPattern>>,
}

pub(super) fn read(section: &Section<'_>) -> Option<Masquerade> {
    section.only(&DOC, &[]);
    let domain = section.parsed("domain", "a domain name, like \"example.net\"", "");
    let expected = "a domain name, or one with a dot in front for all below it";
    let hosts = section.list("hosts", expected, "like \"sun.example.net\" or \".ws.example.net\"");
    for (key, other) in [("domain", "hosts"), ("hosts", "domain")] {
        if let (Some(value), None) = (section.get(key), section.get(other)) {
            let title = format!("`masquerade.{key}` does nothing without `masquerade.{other}`");
            value.tell(&title, &format!("`{other}` beside it"), "say both or none");
        }
    }
    Some(Masquerade { domain: domain?, hosts: hosts? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let rows = [
            ("Sun.Example", "sun.example", true),
            ("sun.example", "a.sun.example", false),
            (".ws.example", "a.ws.example", true),
            (".ws.example", "b.a.WS.example", true),
            (".ws.example", "ws.example", false),
            (".ws.example", "aws.example", false),
        ];
        for (pattern, domain, want) in rows {
            let parsed: DomainPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            assert_eq!(parsed.matches(&domain.parse().unwrap()), want, "{pattern} {domain}");
        }
    }
}
