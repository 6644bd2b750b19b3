//! `[copy]`: who gets copies of letters, for an archive.

use std::sync::Arc;

use mail::address::{Mailbox, ReversePath};
use queue::route::AddressPattern;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};
use super::table::{Table, names};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "copy",
    text: "Copies for an archive. Each is a message of its own; its failure is told to the postmaster and\n\
           never to the author. Addresses count as they are after [canonical] and [masquerade] and before\n\
           aliases. Who gets the letter itself gets no copy, and what is a copy is not copied again, neither\n\
           here nor at another Postrider that has this host among its relay.networks. Reports of this host\n\
           are not copied. While a table that must say who gets a copy cannot be asked, mail is answered 451.",
    options: &[
        OptionDoc {
            key: "always",
            default: Shown::Example("[\"archive@example.net\"]"),
            text: "Who gets a copy of every letter that is taken.",
        },
        OptionDoc {
            key: "sender-tables",
            default: Shown::Example("[\"people\"]"),
            text: "Tables, by their name in [table.NAME], of those who get copies of what the key sends: an\n\
                   address, a name of ours, or \"@domain\".",
        },
        OptionDoc {
            key: "recipient-tables",
            default: Shown::Example("[\"people\"]"),
            text: "The same for what the key gets.",
        },
        OptionDoc {
            key: "reverse-path",
            default: Shown::Value("\"\""),
            text: "Who hears of a copy that cannot be delivered. Default: the postmaster of this host, and the\n\
                   copy goes under the null reverse-path.",
        },
    ],
};

pub(super) const SENDER: SectionDoc = SectionDoc {
    name: "copy.sender",
    text: "Copies of what single senders send, \"ann@example.net\", or all of a domain, \"@example.net\" and\n\
           \"@.example.net\". A line comes before the tables.",
    options: &[OptionDoc {
        key: "\"ann@example.net\"",
        default: Shown::Example("[\"boss@example.net\"]"),
        text: "Who gets them.",
    }],
};

pub(super) const RECIPIENT: SectionDoc = SectionDoc {
    name: "copy.recipient",
    text: "Copies of what single recipients get.",
    options: &[OptionDoc {
        key: "\"@sales.example.net\"",
        default: Shown::Example("[\"crm@example.net\"]"),
        text: "Who gets them.",
    }],
};

/// Addresses with the lines that name them.
pub type Readers = Vec<Sourced<Mailbox>>;

/// `[copy]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Copies {
    /// Of every letter.
    pub always: Readers,
    /// By sender.
    pub senders: Vec<(AddressPattern, Readers)>,
    /// By recipient.
    pub recipients: Vec<(AddressPattern, Readers)>,
    /// More of them.
    pub sender_tables: Vec<Arc<str>>,
    /// More of them.
    pub recipient_tables: Vec<Arc<str>>,
    /// Who hears of failures.
    pub reverse_path: ReversePath,
}

pub(super) fn read(section: &Section<'_>, tables: &[Table]) -> Option<Copies> {
    section.only(&DOC, &["sender", "recipient"]);
    let copies = Copies {
        always: section.get("always").map(|value| readers(&value)).unwrap_or_default(),
        senders: lines(&section.table("sender")),
        recipients: lines(&section.table("recipient")),
        sender_tables: names(section, "sender-tables", tables),
        recipient_tables: names(section, "recipient-tables", tables),
        reverse_path: reverse_path(section),
    };
    let is_empty = copies.always.is_empty()
        && copies.senders.is_empty()
        && copies.recipients.is_empty()
        && copies.sender_tables.is_empty()
        && copies.recipient_tables.is_empty();
    (!is_empty).then_some(copies)
}

fn reverse_path(section: &Section<'_>) -> ReversePath {
    let Some(value) = section.get("reverse-path") else { return ReversePath::Null };
    match value.text() {
        None | Some("" | "<>") => ReversePath::Null,
        Some(_) => address(&value).map_or(ReversePath::Null, |to| ReversePath::Mailbox(to.value)),
    }
}

fn lines(section: &Section<'_>) -> Vec<(AddressPattern, Readers)> {
    let mut lines: Vec<(AddressPattern, Readers)> = Vec::new();
    for (key, value) in section.entries() {
        let Ok(pattern) = key.parse::<AddressPattern>() else {
            let remedy =
                "write \"ann@example.net\", \"@example.net\" for all of it, or \"@.example.net\"";
            value.tell(&format!("{key:?} is not an address"), "an address before the =", remedy);
            continue;
        };
        if lines.iter().any(|(known, _)| *known == pattern) {
            let title = format!("{pattern} has two lines");
            value.tell(&title, "one line for each", "join the two");
            continue;
        }
        lines.push((pattern, readers(&value)));
    }
    lines
}

fn readers(value: &Value<'_>) -> Readers {
    value.items().iter().filter_map(address).collect()
}

fn address(item: &Value<'_>) -> Option<Sourced<Mailbox>> {
    match Mailbox::parse_utf8(item.text()?) {
        Ok(mailbox) => Some(item.sourced(mailbox)),
        Err(_) => item.wrong("an address", "like \"archive@example.net\""),
    }
}
