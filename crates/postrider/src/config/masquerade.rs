//! `[masquerade]`: hosts whose name is hidden behind another.

use std::collections::BTreeSet;

use mail::address::{DomainName, fold};
use queue::domains::DomainPattern;
use queue::rewrite::{Place, Scope};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::{Source, Sourced};
use super::reader::{Section, Value};

/// The places that rewriting is applied to, beside which the default differs.
pub(super) const APPLY_TO: &str =
    "envelope-sender, envelope-recipients, header-senders, header-recipients";

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "masquerade",
    text: "Hides hosts: mail from authors and hosts of ours gets the domain below in place of theirs, in its\n\
           reverse-path and in the fields of its header that have addresses. Where [canonical] is about an\n\
           address, that comes first.",
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
        OptionDoc {
            key: "except",
            default: Shown::Example(
                "[\"root\", \"@lab.ws.example.net\", \"@.test.ws.example.net\"]",
            ),
            text: "What is seen all the same: names, whose mail keeps its host, and hosts behind an @.",
        },
        OptionDoc {
            key: "apply-to",
            default: Shown::Value(
                "[\"envelope-sender\", \"header-senders\", \"header-recipients\"]",
            ),
            text: "Where addresses change. The recipients of an envelope (\"envelope-recipients\") keep theirs by\n\
                   default, as their mail must still find the host.",
        },
        OptionDoc {
            key: "strangers",
            default: Shown::Value("false"),
            text: "Mail of others, too, who are no author and no host of relay.networks. It breaks their\n\
                   signatures.",
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
    /// Names that keep their host.
    pub except: BTreeSet<String>,
    /// Hosts that are seen.
    pub except_hosts: Vec<DomainPattern>,
    /// Where.
    pub scope: Scope,
    /// The line of the domain.
    pub source: Source,
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
    let (mut except, mut except_hosts) = (BTreeSet::new(), Vec::new());
    for item in section.get("except").iter().flat_map(Value::items) {
        match item.text().map(|text| (text, text.strip_prefix('@'))) {
            None => {}
            Some((name, None)) => _ = except.insert(fold(name)),
            Some((_, Some(host))) => match host.parse() {
                Ok(host) => except_hosts.push(host),
                Err(_) => {
                    item.wrong::<()>(
                        "a name, or a host behind an @",
                        "like \"root\" or \"@lab.example.net\"",
                    );
                }
            },
        }
    }
    let scope =
        scope(section, &[Place::EnvelopeSender, Place::HeaderSender, Place::HeaderRecipient]);
    let domain: Sourced<DomainName> = domain?;
    let source = domain.source.clone();
    Some(Masquerade { domain, hosts: hosts?, except, except_hosts, scope, source })
}

/// `apply-to` and `strangers`, where not said otherwise at these `places`.
pub(super) fn scope(section: &Section<'_>, places: &[Place]) -> Scope {
    let strangers = section.boolean("strangers").unwrap_or(false);
    let Some(value) = section.get("apply-to") else {
        return Scope { places: places.to_vec(), strangers };
    };
    let place = |item: &Value<'_>| {
        let text = item.text()?;
        let known = Place::ALL.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, place)| place).or_else(|| item.wrong("a place of addresses", APPLY_TO))
    };
    Scope { places: value.items().iter().filter_map(place).collect(), strangers }
}
