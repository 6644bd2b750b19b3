//! Scenes: hosts, zones, faults, letters, and what must come of them.
//!
//! A scene is a TOML file beside this crate. Two players read it: the simulation, with the clock in
//! its hand, and `interop`, with real processes, sockets and a real name server. So this crate
//! holds the shape and the checks of shape only; how a host is started is the player's matter.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::Deserialize;

/// One scene.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scene {
    /// Short name, also that of its scratch folder.
    pub name: String,
    /// The port at which each host listens for mail and at which exchangers are tried.
    pub port: u16,
    /// Where the name server answers.
    pub name_server: NameServer,
    /// The mail hosts that run, in the order in which they are started.
    pub hosts: Vec<Host>,
    /// All of the DNS there is.
    pub zones: Vec<Zone>,
    /// What is broken from the beginning.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// The letters, sent in this order.
    pub letters: Vec<Letter>,
    /// What must be true at the end.
    pub expect: Vec<Expectation>,
}

/// Address and port of the scene's name server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// A loopback address.
    pub address: Ipv4Addr,
    /// Unprivileged.
    pub port: u16,
}

/// A host that runs a mail server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name in the world: greeting, EHLO, `Received`.
    pub name: String,
    /// Where it listens; the first is also the source of its connections.
    pub addresses: Vec<Ipv4Addr>,
    /// Users with a mailbox here.
    #[serde(default)]
    pub users: Vec<String>,
    /// Its configuration but for hostname, data directory, listeners, name servers, port and
    /// users, which the player adds.
    #[serde(default)]
    pub config: toml::Table,
}

/// A zone, each record in the form of a zone file without its class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name without the last dot.
    pub name: String,
    /// Its records but for SOA and NS, which the player adds.
    pub records: Vec<Record>,
}

/// One resource record.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    /// Owner, absolute, without the last dot.
    pub name: String,
    /// Seconds it may be kept.
    #[serde(default = "minute")]
    pub ttl: u32,
    /// What it says.
    #[serde(flatten)]
    pub data: Data,
}

/// The data of a record: names absolute and without their last dot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An exchanger: preference and host.
    Mx(u16, String),
    /// The canonical name.
    Cname(String),
}

/// Something broken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub address: Ipv4Addr,
    /// How.
    pub kind: FaultKind,
}

/// How an address is broken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// Nobody listens: the connection is refused at once.
    Refused,
}

/// A letter to write.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// The host at which its author sits.
    pub from_host: String,
    /// The author's mailbox.
    pub sender: String,
    /// To whom.
    pub recipients: Vec<String>,
    /// One line.
    pub subject: String,
    /// The text, lines ended by LF.
    pub body: String,
}

/// What lies in one mailbox at the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The host with the mailbox.
    pub host: String,
    /// The mailbox's user.
    pub user: String,
    /// Letters in it, exactly.
    pub count: usize,
    /// Who signed with `Received: ... by`, the newest first.
    #[serde(default)]
    pub received_by: Vec<String>,
    /// Header fields of each letter.
    #[serde(default)]
    pub header: Vec<HeaderExpectation>,
    /// A piece of each letter's body.
    #[serde(default)]
    pub body_contains: Option<String>,
}

/// What one header field says, and what it must not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderExpectation {
    /// The field's name.
    pub name: String,
    /// Stands in it.
    #[serde(default)]
    pub contains: Option<String>,
    /// Does not stand in it.
    #[serde(default)]
    pub lacks: Option<String>,
}

fn minute() -> u32 {
    60
}

impl Scene {
    /// Reads a scene.
    ///
    /// # Errors
    /// A text that says which line is wrong, or which name in the scene means nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scene: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        scene.check()?;
        Ok(scene)
    }

    /// Reads a scene from its file.
    ///
    /// # Errors
    /// As [`Scene::parse`], or that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The host of that name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    fn check(&self) -> Result<(), String> {
        for host in &self.hosts {
            if host.addresses.is_empty() {
                return Err(format!("host {} has no address", host.name));
            }
            for address in &host.addresses {
                if self.faults.iter().any(|fault| fault.address == *address) {
                    return Err(format!(
                        "{address} is both refused and an address of {}",
                        host.name
                    ));
                }
            }
        }
        let named = self.letters.iter().map(|letter| &letter.from_host);
        for name in named.chain(self.expect.iter().map(|expectation| &expectation.host)) {
            if self.host(name).is_none() {
                return Err(format!("no host is called {name}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
