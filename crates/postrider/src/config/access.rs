//! `[access]`: who may ask for what is no mail.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use mail::address::DomainName;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;
use super::relay;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "access",
    text: "Who may ask for what is no mail. Sending through us is a matter of [relay].",
    options: &[
        OptionDoc {
            key: "verify",
            default: Shown::Value("[\"127.0.0.0/8\", \"::1\"]"),
            text: "Whom VRFY and EXPN tell who has a mailbox here: addresses and networks.",
        },
        OptionDoc {
            key: "verify-others",
            default: Shown::Value("\"252\""),
            text: "What others hear: \"252\", that they may send and find out, or \"502\", that it is not\n\
                   served, which RFC 5321 §7.3 does not want.",
        },
        OptionDoc {
            key: "etrn",
            default: Shown::Value("[]"),
            text: "Who may have the mail for a domain tried at once with ETRN.",
        },
        OptionDoc {
            key: "xclient",
            default: Shown::Value("[]"),
            text: "Who may speak for other clients with XCLIENT and XFORWARD: content filters and proxies of\n\
                   your own. What they say is believed.",
        },
    ],
};

pub(super) const ATRN: SectionDoc = SectionDoc {
    name: "access.atrn",
    text: "Whose mail a login may call for with ATRN on a listener of kind odmr: a line for each login.",
    options: &[OptionDoc {
        key: "branch-office",
        default: Shown::Example("[\"branch.example.org\"]"),
        text: "The domains whose mail goes over its connection. Default: nobody may.",
    }],
};

/// `[access]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// Whom VRFY and EXPN answer.
    pub verify: Vec<Sourced<IpNet>>,
    /// Others hear 502 instead of 252.
    pub verify_not_served: bool,
    /// Who may use ETRN.
    pub etrn: Vec<Sourced<IpNet>>,
    /// Who may use XCLIENT and XFORWARD.
    pub xclient: Vec<Sourced<IpNet>>,
    /// The domains of each login that may use ATRN.
    pub atrn: BTreeMap<String, BTreeSet<DomainName>>,
}

pub(super) fn read(section: &Section<'_>) -> Access {
    section.only(&DOC, &["atrn"]);
    let networks = |key: &str| {
        let items = section.get(key).map(|value| value.items());
        items.map(|items| items.iter().filter_map(relay::network).collect::<Vec<_>>())
    };
    let xclient = section.get("xclient").map(|value| value.items()).unwrap_or_default();
    Access {
        verify: networks("verify").unwrap_or_else(relay::loopback),
        verify_not_served: read_others(section),
        etrn: networks("etrn").unwrap_or_default(),
        xclient: xclient.iter().filter_map(relay::believed).collect(),
        atrn: read_atrn(section),
    }
}

fn read_atrn(section: &Section<'_>) -> BTreeMap<String, BTreeSet<DomainName>> {
    let logins = section.table("atrn");
    let domains = |login: &str| {
        let remedy = "no @, no final dot; the mail for it has to come here first";
        let listed = logins.list(login, "a domain name, like \"branch.example.org\"", remedy);
        listed.unwrap_or_default().into_iter().map(|domain| domain.value).collect()
    };
    let entries = logins.entries();
    entries.iter().map(|(login, _)| ((*login).to_owned(), domains(login))).collect()
}

fn read_others(section: &Section<'_>) -> bool {
    let Some(others) = section.get("verify-others") else { return false };
    match others.text() {
        Some("502") => true,
        Some("252") | None => false,
        Some(_) => {
            others.wrong::<()>("\"252\" or \"502\"", "the reply codes of RFC 5321 §3.5.3");
            false
        }
    }
}
