//! `[source.NAME]`: addresses to connect from, and the name that goes with them.

use std::net::IpAddr;

use mail::address::DomainName;
use queue::route::is_name;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::outbound::one_of_each_family;
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "source.\"office\"",
    text: "Addresses to connect from, for the routes that name them: any number of tables. Connections are\n\
           never shared between sources.",
    options: &[
        OptionDoc {
            key: "address",
            default: Shown::Example("[\"192.0.2.7\", \"2001:db8::7\"]"),
            text: "At most one of each family. Of a family that is not named the system chooses.",
        },
        OptionDoc {
            key: "hello",
            default: Shown::Example("\"office.example.net\""),
            text: "What we call ourselves there in EHLO: a name that leads to the address. Default: hostname.",
        },
    ],
};

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What routes call it.
    pub name: String,
    /// At most one of each family.
    pub addresses: Vec<Sourced<IpAddr>>,
    /// What we say in EHLO.
    pub hello: Option<DomainName>,
}

pub(super) fn read(section: &Section<'_>) -> Vec<Source> {
    section.entries().into_iter().filter_map(|(name, value)| read_one(name, &value)).collect()
}

fn read_one(name: &str, value: &Value<'_>) -> Option<Source> {
    if !is_name(name) {
        let title = format!("{name:?} is no name of a source");
        let remedy = "letters, digits, - _ and . inside, at most 64";
        value.tell(&title, "a name that routes can refer to", remedy);
        return None;
    }
    let table = value.table()?;
    table.only(&DOC, &[]);
    let addresses = one_of_each_family(&table, "address");
    let hello = table.parsed("hello", "a host name, like \"office.example.net\"", "");
    if addresses.is_empty() {
        return value.wrong(
            "a table with `address` in it",
            "like { address = [\"192.0.2.7\"], hello = \"office.example.net\" }",
        );
    }
    Some(Source { name: name.to_owned(), addresses, hello: hello.map(|hello| hello.value) })
}
