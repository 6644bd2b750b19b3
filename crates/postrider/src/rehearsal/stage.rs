//! The made world of one case: the user's configuration at the real engine, in the simulation's
//! network, name system and clock; a spool in memory; mailboxes that only remember.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{
    CommandError, CommandRun, Commands, Doing, LoginFacts, Logins, MailboxDelivery, MailboxError,
    Mailboxes, MemoryShelf, NoForwards, NoWeb, Ran, Secrets, World,
};
use engine::{Engine, Options};
use mail::address::{Domain, ReversePath};
use mail::lookup::Record;
use queue::program::End;
use queue::submission::Identity;
use sim::names::Zone;
use sim::net::{Net, Weather};
use sim::story::Story;
use sim::tracks::Tracks;
use sim::world::{Chance, HostTasks, SimClock};
use smtp::sasl::server::{Answer, Kind as Refused, Question};
use smtp::sasl::{Mechanism, Secret};
use smtp::server::Kind;
use spool::model::Model;

use super::client::PROXY;
use super::foreign::{self, Agreeable, Arrivals, Foreign};
use super::script::{Behaviour, Fact, Given, When};
use crate::config::Config;
use crate::doors::NamedTables;
use crate::plan;

/// The host under test.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Where mail for the sender's domain goes, unless the case says otherwise.
const SENDERS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);
/// The ports that other hosts answer on, besides those that the configuration names.
const PORTS: [u16; 5] = [24, 25, 465, 587, 2525];
/// The first port of the host under test; its listeners take one each.
const LISTEN: u16 = 10_000;

/// One listener of the host under test.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) at: SocketAddr,
}

/// The world.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) options: Options,
    pub(super) net: Net,
    pub(super) clock: Arc<SimClock>,
    pub(super) arrivals: Arrivals,
    pub(super) places: Vec<Place>,
}

impl Stage {
    /// Builds the world; the queue of its host is paused. Must be called inside a paused runtime.
    pub(super) fn new(
        config: &Config,
        mut options: Options,
        identity: Option<Identity>,
        tables: &Arc<NamedTables>,
        given: &Given,
        when: &When,
    ) -> Self {
        let chance = Chance::new(1);
        let story = Story::new(false);
        let tracks = Tracks::new(story);
        let net = Net::new(chance.branch(), Weather::FAIR, &tracks);
        let zone = Zone::new(chance.branch());
        let arrivals = Arrivals::new();
        let hosts = names(given, when, &options, &zone);
        people(config, &options, hosts, &net, &arrivals);
        options.schedule.jitter_percent = 0;
        options.paused = true;
        options.trust.proxy.push(PROXY.into());
        let clock = Arc::new(match given.time {
            Some(time) => SimClock::at(Duration::from_secs(time.as_second().unsigned_abs())),
            None => SimClock::new(),
        });
        let has_login = identity.is_some();
        let world = World {
            commands: Arc::new(Programs),
            history: Arc::new(engine::doors::NoHistory),
            tasks: Arc::new(HostTasks::default()),
            clock: clock.clone(),
            random: Arc::new(chance.branch()),
            network: Arc::new(net.at(vec![HOST])),
            tls: Arc::new(Agreeable),
            logins: Arc::new(Known(identity)),
            secrets: Arc::new(Guess),
            names: Arc::new(zone),
            web: Arc::new(NoWeb),
            forwards: Arc::new(NoForwards),
            tables: tables.clone(),
            shelf: Arc::new(MemoryShelf::default()),
            mailboxes: Arc::new(Remembering(arrivals.clone())),
            spool: Arc::new(Model::new()),
        };
        let engine = Engine::new(options.clone(), world);
        engine.start();
        let mut places = Vec::new();
        for (number, listen) in (LISTEN..).zip(&config.listeners) {
            let mut told = plan::listener(config, listen);
            // TLS is no matter of these cases.
            (told.implicit_tls, told.session.starttls, told.session.tls_required) =
                (false, false, false);
            told.proxies.clear();
            // The login is known without a dialogue, see `client`.
            told.session.authentication.iter_mut().for_each(|it| it.required &= !has_login);
            let at = SocketAddr::new(HOST, number);
            places.push(Place { name: listen.name.clone(), kind: told.session.kind, at });
            engine.listen(&listen.name, net.listen(at), told);
        }
        Self { engine, options, net, clock, arrivals, places }
    }

    /// The queue begins to move.
    pub(super) fn go(&self) {
        let options = Options { paused: false, ..self.options.clone() };
        self.engine.reload(options, []);
    }
}

/// Tells the name system what is given, and gives the hosts by address.
fn names(
    given: &Given,
    when: &When,
    options: &Options,
    zone: &Zone,
) -> BTreeMap<IpAddr, Behaviour> {
    let mut hosts = BTreeMap::new();
    for (name, fact) in &given.names {
        match fact {
            Fact::Records(records) => records.iter().for_each(|it| zone.add(name, it.clone())),
            Fact::Nothing => {}
            Fact::Failing => zone.darken(name),
        }
    }
    let addresses = |name: &str| -> Vec<IpAddr> {
        let Some(Fact::Records(records)) = given.names.get(name) else { return Vec::new() };
        let address = |record: &Record| match record {
            Record::A(v4) => Some(IpAddr::V4(*v4)),
            Record::Aaaa(v6) => Some(IpAddr::V6(*v6)),
            _ => None,
        };
        records.iter().filter_map(address).collect()
    };
    for (number, (host, behaviour)) in (1..).zip(&given.hosts) {
        let mut at: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => addresses(host),
        };
        if at.is_empty() {
            let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, number));
            zone.add_host(host, &[address]);
            at.push(address);
        }
        hosts.extend(at.into_iter().map(|address| (address, behaviour.clone())));
    }
    // Of whom nothing is said, they take what they get.
    for address in given.names.keys().flat_map(|name| addresses(name)) {
        hosts.entry(address).or_insert(Behaviour::Accepts);
    }
    let sender: Option<ReversePath> = format!("<{}>", when.from).parse().ok();
    if let Some(mailbox) = sender.as_ref().and_then(ReversePath::mailbox)
        && let Domain::Name(name) = &mailbox.domain
        && !options.access.is_local(&mailbox.domain)
        && !given.names.contains_key(&name.ascii().to_ascii_lowercase())
        && !given.hosts.contains_key(&name.ascii().to_ascii_lowercase())
    {
        zone.add_host(name.ascii(), &[SENDERS.into()]);
        hosts.insert(SENDERS.into(), Behaviour::Accepts);
    }
    hosts
}

/// The other hosts begin to do what they do.
fn people(
    config: &Config,
    options: &Options,
    hosts: BTreeMap<IpAddr, Behaviour>,
    net: &Net,
    arrivals: &Arrivals,
) {
    let mut ports: BTreeSet<u16> = PORTS.into_iter().chain([options.outbound_port]).collect();
    for entry in config.entries().iter().filter(|entry| entry.key.starts_with("route.")) {
        let after = entry.value.split(':').skip(1);
        let digits = after.map(|part| part.split(|it: char| !it.is_ascii_digit()).next());
        ports.extend(digits.flatten().filter_map(|port| port.parse::<u16>().ok()));
    }
    for (address, behaviour) in hosts {
        match behaviour {
            Behaviour::Down => continue,
            Behaviour::Silent => net.set_silent(address, true),
            _ => {}
        }
        let host = Foreign::new(behaviour, arrivals);
        for port in &ports {
            foreign::open(net, SocketAddr::new(address, *port), &host);
        }
    }
}

/// The one account of a case. Nobody shows a password here.
struct Known(Option<Identity>);

impl Logins for Known {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain]
    }

    fn answer<'a>(&'a self, _: &'a Question, _: &'a LoginFacts) -> Doing<'a, Answer> {
        Box::pin(async { Answer::Failed(Refused::Credentials) })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        let known = self.0.clone().filter(|identity| identity.login.eq_ignore_ascii_case(login));
        Box::pin(async move { known })
    }
}

/// Every program takes what it is given, and none is run.
struct Programs;

impl Commands for Programs {
    fn run<'a>(&'a self, _: CommandRun<'a>) -> Doing<'a, Result<Ran, CommandError>> {
        Box::pin(async { Ok(Ran { end: End::Exit(0), output: Vec::new() }) })
    }
}

/// Our own logins at other hosts are always good; the secrets themselves stay where they are.
struct Guess;

impl Secrets for Guess {
    fn read<'a>(&'a self, _: &'a str) -> Doing<'a, Result<Secret, String>> {
        Box::pin(async { Ok(Secret::new("no secret")) })
    }
}

/// Mailboxes of everybody.
struct Remembering(Arrivals);

impl Mailboxes for Remembering {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(async move {
            let mut octets = delivery.head.to_vec();
            let mut body = delivery.body;
            while let Some(chunk) = body.next().await.map_err(MailboxError::Content)? {
                octets.extend_from_slice(&chunk);
            }
            self.0.add(delivery.user.to_owned(), octets);
            Ok(())
        })
    }
}
