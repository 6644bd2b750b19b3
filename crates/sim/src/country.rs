//! The hosts, zones and weather that a seed draws for a world in bad weather.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::Options;
use ipnet::IpNet;
use mail::lookup::Record;
use queue::access::Forwarding;
use queue::domains::DomainPattern;
use queue::expansion::Aliases;
use queue::rewrite::Masquerade;
use queue::route::Rule;
use queue::schedule::rate::Rate;

use crate::chaos::{Chaos, Wish};
use crate::host::{Ground, Host, Plan};
use crate::mailboxes::Boxes;
use crate::names::Zone;
use crate::net::{Net, Weather};
use crate::peers;
use crate::plant::Plant;
use crate::setup;
use crate::story::Story;
use crate::tracks::Tracks;
use crate::world::Chance;

/// Hosts of every world; a workstation comes behind them in some.
pub(crate) const HOSTS: usize = 3;
/// Where the foreign host is.
pub(crate) const FOREIGN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 20));
/// Where programs send from.
pub(crate) const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 101));

const NAMES: [(&str, &str); 4] = [
    ("hub.a.example", "a.example"),
    ("mx1.b.example", "b.example"),
    ("mx2.b.example", "b.example"),
    ("sun.a.example", "sun.a.example"),
];
/// Addresses of the hub that stand for others, here and at the next host.
pub(crate) const ALIASES: [(&str, &str); 2] =
    [("team@a.example", "cid@a.example"), ("away@a.example", "bob@b.example")];
const USERS: [&str; 4] = ["ann", "bob", "cid", "postmaster"];

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// The address of the host at `place`.
pub(crate) fn host(place: usize) -> IpAddr {
    ip(u8::try_from(place + 1).unwrap_or(u8::MAX))
}

/// The domain whose mailboxes it has.
pub(crate) fn domain(place: usize) -> &'static str {
    NAMES.get(place).map_or("", |(_, domain)| domain)
}

/// Builds the world, its hosts off. Must be called inside a paused runtime.
pub(crate) fn build(wish: Wish) -> Chaos {
    let chance = Chance::new(wish.seed);
    let calm = chance.once_in(4);
    let workstation = chance.once_in(3);
    let story = Story::new(wish.story);
    let tracks = Tracks::new(story.clone());
    let net = Net::new(chance.branch(), weather(&chance, calm), &tracks);
    let names = zones(&chance, calm);
    let ground = Ground { net, names, story, tracks };
    let places = if workstation { HOSTS + 1 } else { HOSTS };
    // Drawn from the seed itself, so that it moves nothing else in the world.
    let is_paced = wish.seed.is_multiple_of(5);
    let hosts = (0..places).map(|place| {
        let boxes = Boxes::new(&USERS, chance.branch(), &ground.story).watched(
            host(place),
            &ground.tracks,
            wish.plant,
        );
        boxes.set_fail_one_in(if calm { 0 } else { 10 });
        let plan = plan(place, &chance, calm, is_paced, wish.plant);
        Host::new(plan, &ground, chance.branch(), boxes)
    });
    let hosts = hosts.collect();
    let trouble = if calm { 0 } else { 2 };
    let at = SocketAddr::new(FOREIGN, 25);
    let habits = peers::Habits { eight_bit: !chance.once_in(3), dsn: chance.once_in(2) };
    let foreign = peers::foreign_with(habits, &ground, at, chance.branch(), trouble);
    Chaos::new(chance, ground, hosts, foreign, calm)
}

fn weather(chance: &Chance, calm: bool) -> Weather {
    if calm {
        return Weather::FAIR;
    }
    Weather {
        delay: Duration::from_millis(1 + chance.below(400)),
        reset_one_in: 2 + chance.below(30),
        piece: 1 + chance.below(4_000),
    }
}

fn plan(place: usize, chance: &Chance, calm: bool, is_paced: bool, plant: Option<Plant>) -> Plan {
    let (name, domain) = NAMES.get(place).copied().unwrap_or_default();
    let address = host(place);
    // Programs send from the first network, the workstation from its own address.
    let trusted = [SENDER, host(HOSTS)].map(IpNet::from);
    let mut options = setup::options(name, &[domain], &USERS, &trusted);
    // A workstation gives everything that is not its own to the hub, and the hub hides it.
    if place == HOSTS {
        let hub = "smtp:[hub.a.example]".parse().unwrap_or(options.routes.default.transport);
        options.routes.default = Rule::new(hub);
    } else if place == 0 {
        let hosts = vec![DomainPattern::Exact(setup::name("sun.a.example"))];
        options.rewriting.masquerade = Some(Masquerade::new(setup::name("a.example"), hosts));
    }
    if place == 0 {
        let line = |(name, member): &(&str, &str)| {
            format!("{}: {member}\n", name.split('@').next().unwrap_or_default())
        };
        let text: String = ALIASES.iter().map(line).collect();
        let aliases = Aliases::parse(&text, "aliases", &mut |_| Err("none".to_owned()));
        options.access.aliases = Arc::new(aliases.unwrap_or_default());
        options.access.forwarding = Some(Forwarding::default());
    }
    narrow(&mut options, chance, calm);
    if is_paced {
        pace(&mut options, 2);
    }
    let promised = options.limits.clone();
    if plant == Some(Plant::RateTooHigh) && is_paced {
        pace(&mut options, 4);
    }
    if plant == Some(Plant::CrowdTooBig) {
        options.limits.default.connections.value *= 2;
        options.limits.table = Default::default();
    }
    if plant == Some(Plant::PatienceTooLong) {
        options.schedule.expire *= 13;
        options.schedule.expire /= 10;
    }
    Plan {
        name: name.to_owned(),
        addresses: vec![address],
        options,
        listeners: vec![(SocketAddr::new(address, 25), setup::session(name))],
        min_free: if chance.once_in(2) { 64 * 1024 } else { 0 },
        promised,
        plant,
    }
}

/// So many letters in two hours to the foreign host.
fn pace(options: &mut Options, letters: u32) {
    let mut limits = options.limits.default.clone();
    limits.rate.value = Some(Rate::new(letters, Duration::from_secs(7200)));
    let foreign = DomainPattern::Exact(setup::name("foreign.example"));
    options.limits.table.insert(foreign, limits);
}

/// Bounds so narrow that they are met.
fn narrow(options: &mut Options, chance: &Chance, calm: bool) {
    if chance.once_in(3) {
        options.memory = 8 * 1024;
    }
    if !calm && chance.once_in(3) {
        options.sessions = 1 + chance.below(4) as usize;
    }
    if chance.once_in(3) {
        options.limits = setup::connections(1);
    }
}

fn zones(chance: &Chance, calm: bool) -> Zone {
    let names = Zone::new(chance.branch());
    for (place, (name, _)) in NAMES.iter().enumerate() {
        names.add_host(name, &[host(place)]);
    }
    names.add_host("mx.foreign.example", &[FOREIGN]);
    names.add_host("mx.dead.example", &[ip(30)]);
    let exchangers = [
        ("a.example", 10, "hub.a.example"),
        ("b.example", 10, "mx1.b.example"),
        ("b.example", 20, "mx2.b.example"),
        ("foreign.example", 10, "mx.foreign.example"),
        ("dead.example", 10, "mx.dead.example"),
        ("nomail.example", 0, ""),
    ];
    for (domain, preference, host) in exchangers {
        names.add(domain, Record::Mx(preference, host.to_owned()));
    }
    if !calm {
        names.set_fail_one_in(10);
    }
    names
}
