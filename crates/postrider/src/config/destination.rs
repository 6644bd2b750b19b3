//! `[destination]`: what single destinations are asked to bear; what holds for all others is in
//! `[queue]`.

use queue::domains::DomainPattern;
use queue::schedule::rate::Rate;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "destination.\"example.org\"",
    text: "What one destination is asked to bear: any number of tables, each with the domain that mail goes\n\
           to, or the name of a host in [route]; \".example.org\" for all below one; the longest that fits\n\
           counts. What a table does not say is as [queue] says it.",
    options: &[
        OptionDoc {
            key: "connections",
            default: Shown::Example("2"),
            text: "As queue.destination-connections.",
        },
        OptionDoc {
            key: "letters",
            default: Shown::Example("50"),
            text: "As queue.destination-letters.",
        },
        OptionDoc {
            key: "recipients",
            default: Shown::Example("20"),
            text: "As queue.destination-recipients.",
        },
        OptionDoc {
            key: "rate",
            default: Shown::Example("\"100/min\""),
            text: "As queue.destination-rate.",
        },
    ],
};

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// For which destinations.
    pub pattern: DomainPattern,
    /// Connections at once.
    pub connections: Option<Sourced<usize>>,
    /// Letters over one connection.
    pub letters: Option<Sourced<Option<u32>>>,
    /// Recipients of one transaction.
    pub recipients: Option<Sourced<usize>>,
    /// Letters in a time.
    pub rate: Option<Sourced<Option<Rate>>>,
}

/// The tables in the order of the file.
pub(super) fn read(section: &Section<'_>) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    for (name, value) in section.entries() {
        let Some(destination) = read_one(name, &value) else { continue };
        if destinations.iter().any(|other| other.pattern == destination.pattern) {
            let title = format!("{} has two tables", destination.pattern);
            value.tell(&title, "one for a domain", "it may be written in two ways");
        } else {
            destinations.push(destination);
        }
    }
    destinations
}

fn read_one(name: &str, value: &Value<'_>) -> Option<Destination> {
    if value.table_quietly().is_none() && DOC.options.iter().any(|option| option.key == name) {
        let title = format!("`{}` is not for one destination", value.key());
        let remedy =
            format!("queue.destination-{name} is for all; [destination.\"example.org\"] for one");
        value.tell(&title, "a table for a domain", &remedy);
        return None;
    }
    let Ok(pattern) = name.parse::<DomainPattern>() else {
        let title = format!("{name:?} is not a domain");
        let remedy = "write \"example.org\", or \".example.org\" for all below it";
        value.tell(&title, "a domain", remedy);
        return None;
    };
    let table = value.table()?;
    table.only(&DOC, &[]);
    Some(Destination {
        pattern,
        connections: sourced(&table, "connections", connections),
        letters: sourced(&table, "letters", letters),
        recipients: sourced(&table, "recipients", recipients),
        rate: sourced(&table, "rate", rate),
    })
}

fn sourced<T>(
    table: &Section<'_>,
    key: &str,
    read: impl FnOnce(&Section<'_>, &str) -> Option<T>,
) -> Option<Sourced<T>> {
    let value = read(table, key)?;
    Some(table.get(key)?.sourced(value))
}

pub(super) fn connections(section: &Section<'_>, key: &str) -> Option<usize> {
    section.number(key, 1..=10_000).and_then(|number| usize::try_from(number).ok())
}

pub(super) fn letters(section: &Section<'_>, key: &str) -> Option<Option<u32>> {
    let number = section.number(key, 0..=1_000_000)?;
    Some(u32::try_from(number).ok().filter(|&number| number != 0))
}

pub(super) fn recipients(section: &Section<'_>, key: &str) -> Option<usize> {
    section.number(key, 1..=1000).and_then(|number| usize::try_from(number).ok())
}

pub(super) fn rate(section: &Section<'_>, key: &str) -> Option<Option<Rate>> {
    let value = section.get(key)?;
    match value.text()? {
        "none" => Some(None),
        text => match text.parse() {
            Ok(rate) => Some(Some(rate)),
            Err(_) => value.wrong(
                "letters in a time, like \"100/min\", or \"none\"",
                "units: s, min, h, day; \"20/10s\" is 20 in ten seconds",
            ),
        },
    }
}
