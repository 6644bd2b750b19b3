//! `[canonical]`: the form of addresses that others are to see.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::address::Mailbox;
use queue::rewrite::{Place, Scope, is_value};
use queue::table;

use super::masquerade::scope;
use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};
use super::table::{Table, names};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "canonical",
    text: "The form of addresses that others are to see: when a letter of an author or host of ours is taken,\n\
           addresses of its envelope and header become those that stand here or in tables. First the lines of\n\
           [canonical.addresses], then the tables for senders or for recipients, then those for all; in each\n\
           first the whole address, then its name alone where the domain is ours, then \"@domain\". It is done\n\
           once: what comes out is not looked up again.",
    options: &[
        OptionDoc {
            key: "tables",
            default: Shown::Example("[\"canonical\"]"),
            text: "Tables, by their name in [table.NAME], for all addresses.",
        },
        OptionDoc {
            key: "sender-tables",
            default: Shown::Example("[\"people\"]"),
            text: "For reverse-paths and the fields From, Sender and Reply-To, also behind Resent-.",
        },
        OptionDoc {
            key: "recipient-tables",
            default: Shown::Example("[\"people\"]"),
            text: "For recipients and the fields To, Cc and Bcc, also behind Resent-.",
        },
        OptionDoc {
            key: "apply-to",
            default: Shown::Value(
                "[\"envelope-sender\", \"envelope-recipients\", \"header-senders\", \"header-recipients\"]",
            ),
            text: "Where addresses change.",
        },
        OptionDoc {
            key: "strangers",
            default: Shown::Value("false"),
            text: "Mail of others, too, who are no author and no host of relay.networks. It breaks their\n\
                   signatures.",
        },
    ],
};

pub(super) const ADDRESSES: SectionDoc = SectionDoc {
    name: "canonical.addresses",
    text: "Lines of their own. The value is an address, \"@domain\" for the same name there, or a name for the\n\
           same domain.",
    options: &[OptionDoc {
        key: "\"joe@sun.example.net\"",
        default: Shown::Example("\"Joe.User@example.net\""),
        text: "An address, a name of ours, or \"@domain\".",
    }],
};

/// `[canonical]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Canonical {
    /// The lines, by key as tables have them.
    pub lines: BTreeMap<String, Sourced<String>>,
    /// Tables for all addresses.
    pub tables: Vec<Arc<str>>,
    /// For senders.
    pub sender_tables: Vec<Arc<str>>,
    /// For recipients.
    pub recipient_tables: Vec<Arc<str>>,
    /// Where.
    pub scope: Scope,
}

pub(super) fn read(section: &Section<'_>, tables: &[Table]) -> Option<Canonical> {
    section.only(&DOC, &["addresses"]);
    let canonical = Canonical {
        lines: lines(&section.table("addresses")),
        tables: names(section, "tables", tables),
        sender_tables: names(section, "sender-tables", tables),
        recipient_tables: names(section, "recipient-tables", tables),
        scope: scope(section, &Place::ALL.map(|(_, place)| place)),
    };
    let lists = [&canonical.tables, &canonical.sender_tables, &canonical.recipient_tables];
    let is_empty = canonical.lines.is_empty() && lists.iter().all(|list| list.is_empty());
    (!is_empty).then_some(canonical)
}

fn lines(section: &Section<'_>) -> BTreeMap<String, Sourced<String>> {
    let mut lines = BTreeMap::new();
    for (key, value) in section.entries() {
        let Some(text) = value.text() else { continue };
        if !is_value(text) {
            let _: Option<()> = value.wrong(
                "an address, \"@domain\" or a name",
                "like \"Joe.User@example.net\"; one for each line",
            );
            continue;
        }
        let Some(key) = line_key(key, &value) else { continue };
        let line = value.sourced(text.to_owned());
        if let Some(first) = lines.insert(key.clone(), line) {
            let remedy = format!("the first is at {}", first.source);
            value.tell(&format!("{key} has two lines"), "one line for each", &remedy);
        }
    }
    lines
}

/// As tables have it.
fn line_key(key: &str, value: &Value<'_>) -> Option<String> {
    if let Some(domain) = key.strip_prefix('@') {
        // Through a whole address, which reads names and literals alike.
        let Ok(mailbox) = Mailbox::parse_utf8(&format!("x@{domain}")) else {
            let title = format!("{key:?} is no domain");
            value.tell(&title, "\"@domain\" before the =", "like \"@old.example\"");
            return None;
        };
        return table::address_keys(&mailbox, false).pop();
    }
    if key.contains('@') && Mailbox::parse_utf8(key).is_err() {
        let title = format!("{key:?} is no address");
        value.tell(&title, "an address before the =", "a name of ours stands alone, without @");
        return None;
    }
    Some(table::key(key))
}
