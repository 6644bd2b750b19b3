//! Plays a scene file in the simulation: the same file that real processes play.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::Options;
use ipnet::IpNet;
use mail::lookup::Record;
use mail::{ForwardPath, ReversePath};
use queue::domains::DomainPattern;
use queue::rewrite::Masquerade;
use queue::route::Rule;
use scene::{Data, Scene};

use crate::host::{Ground, Host, Plan};
use crate::mailboxes::Boxes;
use crate::names::Zone;
use crate::net::{Net, Weather};
use crate::peers;
use crate::setup;
use crate::story::Story;
use crate::tracks::Tracks;
use crate::world::{Chance, SimClock};

/// A scene in the simulation.
pub struct Stage {
    scene: Scene,
    /// Its network.
    pub net: Net,
    /// Its name system.
    pub names: Zone,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its hosts by name.
    pub hosts: BTreeMap<String, Host>,
}

fn wrong(what: &str, error: impl std::fmt::Display) -> String {
    format!("the scene's {what}: {error}")
}

impl Stage {
    /// Builds the world of `scene`, its hosts off. Must be called inside a paused runtime.
    ///
    /// # Errors
    /// Names what in the scene's configuration the simulation does not understand.
    pub fn new(scene: Scene, seed: u64) -> Result<Self, String> {
        let chance = Chance::new(seed);
        let story = Story::new(false);
        let tracks = Tracks::new(story.clone());
        let net = Net::new(chance.branch(), Weather::FAIR, &tracks);
        let names = Zone::new(chance.branch());
        for record in scene.zones.iter().flat_map(|zone| &zone.records) {
            names.add(
                &record.name,
                match &record.data {
                    Data::A(address) => Record::A(*address),
                    Data::Mx(preference, host) => Record::Mx(*preference, host.clone()),
                    Data::Cname(target) => Record::Cname(target.clone()),
                },
            );
        }
        let clock = Arc::new(SimClock::new());
        let ground = Ground { net: net.clone(), names: names.clone(), story, tracks };
        let mut hosts = BTreeMap::new();
        for host in &scene.hosts {
            let users: Vec<&str> = host.users.iter().map(String::as_str).collect();
            let boxes = Boxes::new(&users, chance.branch(), &ground.story);
            let addresses: Vec<IpAddr> =
                host.addresses.iter().map(|address| (*address).into()).collect();
            let session = setup::session(&host.name);
            let listen =
                |address: &IpAddr| (SocketAddr::new(*address, scene.port), session.clone());
            let plan = Plan {
                name: host.name.clone(),
                min_free: 0,
                promised: Default::default(),
                plant: None,
                options: options(host, &users, scene.port)?,
                listeners: addresses.iter().map(listen).collect(),
                addresses,
            };
            let built = Host::new(plan, &ground, chance.branch(), boxes);
            hosts.insert(host.name.clone(), built);
        }
        Ok(Self { scene, net, names, clock, hosts })
    }

    /// Starts every host.
    pub fn start(&mut self) {
        for host in self.hosts.values_mut() {
            host.start();
        }
    }

    /// Sends the scene's letters from where their authors sit.
    ///
    /// # Errors
    /// Says which letter was not taken.
    pub async fn send(&self) -> Result<(), String> {
        for letter in &self.scene.letters {
            let host = self.scene.host(&letter.from_host).ok_or("no such host")?;
            let address: IpAddr = (*host.addresses.first().ok_or("no address")?).into();
            let sender: ReversePath =
                format!("<{}>", letter.sender).parse().map_err(|error| wrong("sender", error))?;
            let mut recipients: Vec<ForwardPath> = Vec::new();
            for recipient in &letter.recipients {
                recipients.push(
                    format!("<{recipient}>").parse().map_err(|error| wrong("recipient", error))?,
                );
            }
            let body = letter.body.replace('\n', "\r\n");
            let content = format!(
                "Date: Mon, 05 Jan 2026 08:00:00 +0000\r\nFrom: <{}>\r\nTo: {}\r\nSubject: {}\r\n\
                 Message-ID: <1@{}>\r\n\r\n{body}",
                letter.sender,
                letter.recipients.join(", "),
                letter.subject,
                letter.from_host,
            );
            let transaction = peers::letter(sender, recipients, content.as_bytes());
            let to = SocketAddr::new(address, self.scene.port);
            let sent =
                peers::send(&self.net, &self.clock, address, to, transaction, content.as_bytes())
                    .await;
            if sent.iter().any(|sent| *sent != peers::Sent::Taken) {
                return Err(format!("the letter {:?} was not taken: {sent:?}", letter.subject));
            }
        }
        Ok(())
    }

    /// Gives what the scene expects and the mailboxes do not show.
    pub fn disappointments(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for expect in &self.scene.expect {
            let letters = self
                .hosts
                .get(&expect.host)
                .map(|host| host.boxes.of(&expect.user))
                .unwrap_or_default();
            let whose = format!("{} at {}", expect.user, expect.host);
            if letters.len() != expect.count {
                missing.push(format!(
                    "{whose} has {} letters, not {}",
                    letters.len(),
                    expect.count
                ));
            }
            for letter in &letters {
                let by = received_by(&letter.text());
                if !expect.received_by.is_empty() && by != expect.received_by {
                    missing.push(format!("the letter of {whose} came by {by:?}"));
                }
                for header in &expect.header {
                    let value = letter.field(&header.name).unwrap_or_default();
                    if header.contains.as_ref().is_some_and(|part| !value.contains(part.as_str())) {
                        missing
                            .push(format!("{}: {value} lacks {:?}", header.name, header.contains));
                    }
                    if header.lacks.as_ref().is_some_and(|part| value.contains(part.as_str())) {
                        missing.push(format!("{}: {value} has {:?}", header.name, header.lacks));
                    }
                }
                let text = letter.text().replace("\r\n", "\n");
                if expect.body_contains.as_ref().is_some_and(|part| !text.contains(part.as_str())) {
                    missing.push(format!("the letter of {whose} lacks {:?}", expect.body_contains));
                }
            }
        }
        missing
    }

    /// Lets `time` pass.
    pub async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The hosts that signed with `Received: … by`, the newest first.
pub fn received_by(text: &str) -> Vec<String> {
    let head = text
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let by = |line: &str| {
        let value = line.strip_prefix("Received:")?;
        let mut words = value.split_whitespace().skip_while(|word| *word != "by");
        words.nth(1).map(|word| word.trim_end_matches(';').to_owned())
    };
    head.lines().filter_map(by).collect()
}

fn strings(table: &toml::Table, section: &str, key: &str) -> Vec<String> {
    let list =
        table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The part of a configuration that scenes use, as options.
fn options(host: &scene::Host, users: &[&str], port: u16) -> Result<Options, String> {
    let domains = strings(&host.config, "local", "domains");
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let networks = match host.config.get("relay").and_then(|relay| relay.get("networks")) {
        Some(_) => strings(&host.config, "relay", "networks"),
        None => vec!["127.0.0.0/8".to_owned()],
    };
    let mut trusted = Vec::new();
    for network in networks {
        trusted.push(network.parse::<IpNet>().map_err(|error| wrong("network", error))?);
    }
    let mut options = setup::options(&host.name, &domains, users, &trusted);
    options.outbound_port = port;
    // As real processes on one machine do: each host speaks from its own loopback address.
    options.outbound_source =
        host.addresses.iter().take(1).map(|address| (*address).into()).collect();
    for domain in strings(&host.config, "relay", "domains") {
        let pattern: DomainPattern =
            domain.parse().map_err(|error| wrong("relay domain", error))?;
        options.access.relay_domains.insert(pattern, None);
    }
    for (domain, transport) in
        host.config.get("route").and_then(toml::Value::as_table).into_iter().flatten()
    {
        let transport = transport
            .as_str()
            .unwrap_or_default()
            .parse()
            .map_err(|error| wrong("route", error))?;
        let rule = Rule::new(transport);
        if domain == "default" {
            options.routes.default = rule;
        } else {
            let pattern: DomainPattern = domain.parse().map_err(|error| wrong("route", error))?;
            options.routes.table.insert(pattern, rule);
        }
    }
    if let Some(domain) = host.config.get("masquerade").and_then(|hidden| hidden.get("domain")) {
        let domain = setup::name(domain.as_str().unwrap_or_default());
        let mut masquerade = Masquerade::new(domain, Vec::new());
        for hidden in strings(&host.config, "masquerade", "hosts") {
            masquerade.hosts.push(hidden.parse().map_err(|error| wrong("masquerade", error))?);
        }
        options.rewriting.masquerade = Some(masquerade);
    }
    Ok(options)
}
