//! `[dns]`: whom to ask for names.

use std::net::{IpAddr, SocketAddr};

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;
use crate::doors::NameServers;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "dns",
    text: "Whom to ask for names.",
    options: &[OptionDoc {
        key: "servers",
        default: Shown::Value("\"system\""),
        text: "Recursive name servers, in order: [\"127.0.0.1:5353\", \"2001:db8::53\"], with port 53 where none\n\
               is said. \"system\": those of /etc/resolv.conf.",
    }],
};

/// `[dns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// The servers, at least one; `None`: those of the system.
    pub servers: Option<Vec<SocketAddr>>,
}

impl Dns {
    /// The servers to ask.
    pub fn name_servers(&self) -> NameServers {
        match &self.servers {
            Some(servers) => NameServers(servers.clone()),
            None => NameServers::of_system(),
        }
    }
}

pub(super) fn read(section: &Section<'_>) -> Dns {
    section.only(&DOC, &[]);
    let Some(value) = section.get("servers") else { return Dns { servers: None } };
    if !value.is_list() && value.text_quietly() == Some("system") {
        return Dns { servers: None };
    }
    let expected = "an address, like \"192.0.2.53\", \"127.0.0.1:5353\" or \"[::1]:5353\"";
    let items = value.items();
    if items.is_empty() {
        value.tell("`dns.servers` is empty", expected, "name one, or say \"system\"");
    }
    let servers = items.iter().filter_map(|item| {
        let text = item.text()?;
        let with_port = text.parse::<SocketAddr>().ok();
        let plain = || text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
        with_port
            .filter(|server| server.port() != 0)
            .or_else(plain)
            .or_else(|| item.wrong(expected, "a name server cannot be found by name"))
    });
    Dns { servers: Some(servers.collect()) }
}
