//! `[masquerade]`: hosts whose name is hidden behind another.

use mail::address::DomainName;
use queue::domains::DomainPattern;

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
