//! `[submission]`: what authors who have logged in may send.

use std::collections::BTreeMap;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::{Section, Value};
use queue::submission::{ForeignFrom, Grant, Rates};

pub(super) const GRANTS: SectionDoc = SectionDoc {
    name: "submission.grants",
    text: "Addresses that logins may send as, besides their own and those of `postrider account grant`:\n\
           one address or a list; \"*@DOMAIN\" is all of a domain, \"*\" any.",
    options: &[OptionDoc {
        key: "\"ann@example.net\"",
        default: Shown::Example("[\"info@example.net\", \"*@example.org\"]"),
        text: "",
    }],
};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "submission",
    text: "What authors may send on listeners of kind submission (RFC 6409). Who does not log in may send\n\
           nothing there, unless relay.networks has its address.",
    options: &[
        OptionDoc {
            key: "foreign-from",
            default: Shown::Value("\"refuse\""),
            text: "A letter whose From names an address that the login may not use. refuse: 550. mark: taken,\n\
                   with a Sender field that says who sent it. pass: taken as it is. The envelope's sender is\n\
                   always one that the login may use.",
        },
        OptionDoc {
            key: "remove-bcc",
            default: Shown::Value("true"),
            text: "Whether a Bcc field that a program forgot is taken out, so that nobody reads who is in it.",
        },
        OptionDoc {
            key: "letters-per-hour",
            default: Shown::Value("500"),
            text: "Letters of one login in an hour; 0: any number. A stolen password sends no more.",
        },
        OptionDoc {
            key: "recipients-per-hour",
            default: Shown::Value("2000"),
            text: "Recipients of one login in an hour; 0: any number.",
        },
        OptionDoc {
            key: "sessions",
            default: Shown::Value("50"),
            text: "Sessions of one login at once; 0: any number.",
        },
    ],
};

/// `[submission]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// What becomes of a From that is not one's own.
    pub foreign_from: ForeignFrom,
    /// Bcc is taken out.
    pub remove_bcc: bool,
    /// How much one login may send.
    pub rates: Rates,
    /// Further addresses of logins, by login in lower case.
    pub grants: BTreeMap<String, Vec<Grant>>,
}

pub(super) fn read(section: &Section<'_>) -> Submission {
    section.only(&DOC, &["grants"]);
    let foreign_from = section.get("foreign-from").and_then(|value| match value.text()? {
        "refuse" => Some(ForeignFrom::Refuse),
        "mark" => Some(ForeignFrom::Mark),
        "pass" => Some(ForeignFrom::Pass),
        _ => value.wrong("\"refuse\", \"mark\" or \"pass\"", ""),
    });
    let rate = |key, default: u32| {
        let number = section.number(key, 0..=100_000_000);
        number.map_or(Some(default), |number| u32::try_from(number).ok().filter(|&n| n > 0))
    };
    Submission {
        foreign_from: foreign_from.unwrap_or_default(),
        remove_bcc: section.boolean("remove-bcc").unwrap_or(true),
        rates: Rates {
            letters: rate("letters-per-hour", 500),
            recipients: rate("recipients-per-hour", 2000),
            sessions: rate("sessions", 50),
        },
        grants: read_grants(&section.table("grants")),
    }
}

fn read_grants(section: &Section<'_>) -> BTreeMap<String, Vec<Grant>> {
    let expected = "an address, \"*@DOMAIN\" or \"*\"";
    let entries = section.entries();
    let read = |value: &Value<'_>| {
        let items = value.items();
        items.iter().filter_map(|item| Some(item.parsed(expected, "")?.value)).collect()
    };
    entries.iter().map(|(login, value)| (login.to_lowercase(), read(value))).collect()
}
