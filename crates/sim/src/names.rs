//! The name system of a world: zones in a table, with servers that are down at times.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, Names};
use mail::lookup::{Answer, Kind, Question, Record, Security};
use parking_lot::Mutex;

use crate::world::Chance;

/// How long an answer may be kept.
const TTL: Duration = Duration::from_secs(300);

#[derive(Default)]
struct Zones {
    records: BTreeMap<String, Vec<Record>>,
    failing: bool,
    /// Names of which no server knows anything to say.
    dark: BTreeSet<String>,
    /// What a question that asks for proof is told of every zone.
    security: Security,
    fail_one_in: u64,
    asked: u64,
    failed: u64,
}

/// The name system.
#[derive(Clone)]
pub struct Zone {
    zones: Arc<Mutex<Zones>>,
    chance: Chance,
}

impl Zone {
    /// A name system that knows no name.
    pub fn new(chance: Chance) -> Self {
        Self { zones: Arc::default(), chance }
    }

    /// Adds a record.
    pub fn add(&self, name: &str, record: Record) {
        let mut zones = self.zones.lock();
        zones.records.entry(name.to_ascii_lowercase()).or_default().push(record);
    }

    /// Adds the address records of a host.
    pub fn add_host(&self, name: &str, addresses: &[IpAddr]) {
        for address in addresses {
            match address {
                IpAddr::V4(v4) => self.add(name, Record::A(*v4)),
                IpAddr::V6(v6) => self.add(name, Record::Aaaa(*v6)),
            }
        }
    }

    /// Forgets every record of `name`.
    pub fn remove(&self, name: &str) {
        self.zones.lock().records.remove(&name.to_ascii_lowercase());
    }

    /// No server answers for `name`.
    pub fn darken(&self, name: &str) {
        self.zones.lock().dark.insert(name.to_ascii_lowercase());
    }

    /// No server answers, or they do again.
    pub fn set_failing(&self, failing: bool) {
        self.zones.lock().failing = failing;
    }

    /// All zones are signed, or none is.
    pub fn set_security(&self, security: Security) {
        self.zones.lock().security = security;
    }

    /// One question in so many fails; 0: none.
    pub fn set_fail_one_in(&self, n: u64) {
        self.zones.lock().fail_one_in = n;
    }

    /// Questions asked, and how many failed.
    pub fn figures(&self) -> (u64, u64) {
        let zones = self.zones.lock();
        (zones.asked, zones.failed)
    }
}

impl Zones {
    fn answer(&mut self, question: &Question, unlucky: bool) -> Answer {
        self.asked += 1;
        let security = if question.checked { self.security } else { Security::Unchecked };
        if self.failing || unlucky || self.dark.contains(&question.name) {
            self.failed += 1;
            return Answer::Failed("the name servers do not answer".to_owned());
        }
        let Some(all) = self.records.get(&question.name) else {
            let below = format!(".{}", question.name);
            let exists = self.records.keys().any(|name| name.ends_with(&below));
            return if exists {
                Answer::NoData { ttl: TTL, security }
            } else {
                Answer::NoName { ttl: TTL, security }
            };
        };
        let fits = |record: &&Record| {
            matches!(
                (record, question.kind),
                (Record::A(_), Kind::A)
                    | (Record::Aaaa(_), Kind::Aaaa)
                    | (Record::Mx(..), Kind::Mx)
                    | (Record::Txt(_), Kind::Txt)
                    | (Record::Tlsa(_), Kind::Tlsa)
                    | (Record::Cname(_), _)
            )
        };
        let records: Vec<Record> = all.iter().filter(fits).cloned().collect();
        if records.is_empty() {
            Answer::NoData { ttl: TTL, security }
        } else {
            Answer::Found { records, ttl: TTL, security }
        }
    }
}

impl Names for Zone {
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer> {
        Box::pin(async move {
            let unlucky = {
                let n = self.zones.lock().fail_one_in;
                self.chance.once_in(n)
            };
            let pause = if unlucky { 5_000 } else { self.chance.below(20) };
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.zones.lock().answer(question, unlucky)
        })
    }
}
