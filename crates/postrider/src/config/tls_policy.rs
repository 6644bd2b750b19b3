//! `[tls-policy]`: how connections to single destinations are secured.

use engine::Level;
use queue::domains::DomainPattern;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::outbound::read_level;
use super::problem::Sourced;
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "tls-policy",
    text: "How connections to single destinations are secured: the words of outbound.tls. Keys are the\n\
           domains that mail goes to, or the names of hosts in [route]; \".example.org\" for all below\n\
           one; the longest that fits counts.",
    options: &[OptionDoc {
        key: "\"partner.example\"",
        default: Shown::Example("\"dane\""),
        text: "A partner who has agreed to DANE: without signed records the mail waits. \"opportunistic\" for a\n\
               domain whose DNSSEC or policy is broken lets mail pass until that is mended.",
    }],
};

/// One line of `[tls-policy]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsPolicy {
    /// For which destinations.
    pub pattern: DomainPattern,
    /// How they are secured.
    pub level: Sourced<Level>,
}

/// The lines in the order of the file.
pub(super) fn read(section: &Section<'_>) -> Vec<TlsPolicy> {
    let mut policies: Vec<TlsPolicy> = Vec::new();
    for (key, value) in section.entries() {
        let Some(level) = read_level(&value).map(|level| value.sourced(level)) else { continue };
        let Ok(pattern) = key.parse::<DomainPattern>() else {
            let title = format!("{key:?} is not a domain");
            let remedy = "write \"example.org\", or \".example.org\" for all below it; the default is outbound.tls";
            value.tell(&title, "a domain before the =", remedy);
            continue;
        };
        if let Some(first) = policies.iter().find(|policy| policy.pattern == pattern) {
            let remedy = format!("the first is at {}", first.level.source);
            value.tell(&format!("{pattern} has two policies"), "one for a domain", &remedy);
        } else {
            policies.push(TlsPolicy { pattern, level });
        }
    }
    policies
}
