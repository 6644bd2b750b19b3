//! How much one client may take of this host: connections at once and in a minute, messages in a
//! minute, and mistakes.
//!
//! A client is an IPv4 address or the /64 of an IPv6 one. Who makes mistakes is answered slowly, so
//! that guessing addresses costs time; who goes on is not listened to for a while. The table is
//! bounded: it has two halves, and when one is full the older is forgotten.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mail::{Reply, Topic};

use crate::access::Verdict;
use crate::lockout::Neighbourhood;
use crate::reason::Reason;

/// Clients that each half of the table remembers: some megabytes together.
pub const CLIENTS_MAX: usize = 20_000;

/// The bounds for one client; 0 is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// New connections in a minute.
    pub connection_rate: u32,
    /// Messages in a minute.
    pub message_rate: u32,
    /// Mistakes in ten minutes that cost nothing: refused recipients and commands that are none.
    /// From as many more on the client is not listened to until some are forgotten.
    pub mistakes: u32,
    /// What each reply is held back for over them.
    pub tarpit: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 50,
            connection_rate: 200,
            message_rate: 600,
            mistakes: 30,
            tarpit: Duration::from_secs(5),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// How long mistakes are remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// Events against time: each fills the vessel a little, and it leaks. Holds the moment at which it
/// will be empty.
#[derive(Clone, Copy, Debug, Default)]
struct Vessel(Option<Instant>);

impl Vessel {
    /// What is in it.
    fn filled(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |empty| empty.saturating_duration_since(now))
    }

    /// One event more, of which `most` fit into `time`. False, and nothing is added, if it does not
    /// fit. 0 is no bound.
    fn add(&mut self, most: u32, time: Duration, now: Instant) -> bool {
        let Some(cost) = time.checked_div(most) else { return true };
        let filled = self.filled(now) + cost;
        let fits = filled <= time;
        if fits {
            self.0 = now.checked_add(filled);
        }
        fits
    }

    /// One event more, whether it fits or not; more than twice full it does not get.
    fn pour(&mut self, most: u32, time: Duration, now: Instant) {
        let cost = time.checked_div(most).unwrap_or_default();
        self.0 = now.checked_add((self.filled(now) + cost).min(time * 2));
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    connections: Vessel,
    messages: Vessel,
    mistakes: Vessel,
}

/// What is known of clients.
#[derive(Debug)]
pub struct Clients {
    limits: Limits,
    /// Connections open; there are as many at most as there are sessions.
    open: BTreeMap<Neighbourhood, u32>,
    young: BTreeMap<Neighbourhood, Record>,
    old: BTreeMap<Neighbourhood, Record>,
}

impl Clients {
    /// Nobody is known yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: BTreeMap::new(), young: BTreeMap::new(), old: BTreeMap::new() }
    }

    /// Measures by other bounds from now on. What is known stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether a connection that has just come is served. It counts as open in any case, until
    /// [`closed`](Self::closed).
    pub fn opened(&mut self, client: IpAddr, now: Instant) -> Verdict<()> {
        let place = Neighbourhood::of(client);
        let open = self.open.entry(place).or_default();
        *open += 1;
        let open = *open;
        let limits = self.limits.clone();
        if limits.connections != 0 && open > limits.connections {
            let reason = format!("{open} connections of {place} at once");
            return busy("Too many connections from your host", reason);
        }
        let record = self.record(place);
        if limits.mistakes != 0 && record.mistakes.filled(now) >= MEMORY * 2 - MEMORY / 20 {
            let reason = format!("{place} has made too many mistakes");
            return busy("Too many errors from your host, try again later", reason);
        }
        if !record.connections.add(limits.connection_rate, MINUTE, now) {
            let reason =
                format!("over {} connections of {place} in a minute", limits.connection_rate);
            return busy("Too many connections from your host in a short time", reason);
        }
        Verdict::Accept { accepted: (), reason: Reason::new("within its bounds") }
    }

    /// A connection is closed.
    pub fn closed(&mut self, client: IpAddr) {
        let place = Neighbourhood::of(client);
        if let Some(open) = self.open.get_mut(&place) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&place);
            }
        }
    }

    /// Whether the client may send one message more.
    pub fn message(&mut self, client: IpAddr, now: Instant) -> Verdict<()> {
        let most = self.limits.message_rate;
        let place = Neighbourhood::of(client);
        if self.record(place).messages.add(most, MINUTE, now) {
            return Verdict::Accept { accepted: (), reason: Reason::new("within its bounds") };
        }
        let reply = Reply::new(450, Topic(7, 1), "Too many messages from your host, slow down");
        let reason = format!("over {most} messages of {place} in a minute");
        Verdict::Refuse { reply, reason: Reason::new(reason) }
    }

    /// The client has made a mistake.
    pub fn mistake(&mut self, client: IpAddr, now: Instant) {
        let most = self.limits.mistakes;
        if most != 0 {
            self.record(Neighbourhood::of(client)).mistakes.pour(most, MEMORY, now);
        }
    }

    /// For how long a reply to the client is held back.
    pub fn tarpit(&mut self, client: IpAddr, now: Instant) -> Duration {
        let tarpit = self.limits.tarpit;
        let deep = self.limits.mistakes != 0
            && self.record(Neighbourhood::of(client)).mistakes.filled(now) > MEMORY;
        if deep { tarpit } else { Duration::ZERO }
    }

    /// The record of a client, taken over from the older half where it is there.
    fn record(&mut self, place: Neighbourhood) -> &mut Record {
        if self.young.len() >= CLIENTS_MAX && !self.young.contains_key(&place) {
            self.old = std::mem::take(&mut self.young);
        }
        let before = self.old.get(&place).copied().unwrap_or_default();
        self.young.entry(place).or_insert(before)
    }
}

fn busy(text: &'static str, reason: String) -> Verdict<()> {
    Verdict::Refuse { reply: Reply::new(421, Topic(7, 0), text), reason: Reason::new(reason) }
}
