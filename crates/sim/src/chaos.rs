//! A world in bad weather: three hosts of ours, a foreign one that fails in every phase, domains that
//! are dead, gone or take no mail, crashes at any moment, name servers that do not answer. It runs
//! for a week of its own time, and then the laws are checked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mail::lookup::Record;
use mail::{ForwardPath, ReversePath};
use spool::{Filter, Spool};

use crate::host::{Host, Plan};
use crate::laws::{self, Errand, Evidence, MARK};
use crate::mailboxes::{Boxes, Letter};
use crate::names::Zone;
use crate::net::{Net, Weather};
use crate::peers::{self, Sent, Taken};
use crate::setup;
use crate::world::{Chance, SimClock};

/// How long a world lives: every letter has met its fate by then.
const LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Letters are sent and faults happen in this first part of it.
const BUSY: Duration = Duration::from_secs(4 * 3_600);

/// What one world showed.
#[derive(Debug, Default)]
pub struct Report {
    /// Letters times recipients.
    pub errands: u64,
    /// Answered 250.
    pub taken: u64,
    /// Found in mailboxes and at foreign hosts.
    pub delivered: u64,
    /// Failures reported to their senders.
    pub reported: u64,
    /// Deliveries beyond the first, after a crash or a lost reply.
    pub repeated: u64,
    /// Crashes of hosts.
    pub crashes: u64,
    /// Connections reset.
    pub resets: u64,
    /// Questions that no name server answered.
    pub names_failed: u64,
    /// Replies of foreign hosts that were never given.
    pub lost_replies: u64,
    /// Laws broken, in words.
    pub broken: Vec<String>,
}

impl Report {
    /// Faults of every kind.
    pub fn faults(&self) -> u64 {
        self.crashes + self.resets + self.names_failed + self.lost_replies
    }
}

struct Chaos {
    chance: Chance,
    net: Net,
    names: Zone,
    clock: Arc<SimClock>,
    hosts: Vec<Host>,
    foreign: Taken,
    errands: Vec<Errand>,
    letters: u64,
    calm: bool,
}

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// Lives through the world of `seed`.
pub fn run(seed: u64) -> Report {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(live(seed)),
        Err(error) => Report { broken: vec![format!("no runtime: {error}")], ..Report::default() },
    }
}

async fn live(seed: u64) -> Report {
    let mut chaos = Chaos::new(seed);
    for host in &mut chaos.hosts {
        host.start();
    }
    let steps = 30 + chaos.chance.below(60);
    for _ in 0..steps {
        tokio::time::sleep(chaos.pause()).await;
        chaos.step().await;
    }
    // The weather clears; what waits has the rest of the week.
    chaos.names.set_failing(false);
    for host in &mut chaos.hosts {
        if host.engine().is_none() {
            host.start();
        }
    }
    for address in [ip(1), ip(2), ip(3), ip(20)] {
        chaos.net.set_down(address, false);
        chaos.net.set_silent(address, false);
    }
    tokio::time::sleep(LIFE).await;
    chaos.judge().await
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let chance = Chance::new(seed);
        let calm = chance.once_in(4);
        let weather = if calm {
            Weather::FAIR
        } else {
            Weather {
                delay: Duration::from_millis(1 + chance.below(400)),
                reset_one_in: 2 + chance.below(30),
                piece: 1 + chance.below(4_000),
            }
        };
        let net = Net::new(chance.branch(), weather);
        let names = zones(&chance, calm);
        let clock = Arc::new(SimClock::new());
        let lock_one_in = if calm { 0 } else { 10 };
        let plans = [
            ("hub.a.example", "a.example", ip(1)),
            ("mx1.b.example", "b.example", ip(2)),
            ("mx2.b.example", "b.example", ip(3)),
        ];
        let hosts = plans.map(|(name, domain, address)| {
            let users = ["ann", "bob", "cid", "postmaster"];
            let boxes = Boxes::new(&users, chance.branch(), lock_one_in);
            let plan = Plan {
                addresses: vec![address],
                options: setup::options(
                    name,
                    &[domain],
                    &users,
                    &["192.0.2.100/30".parse().unwrap_or_else(|_| ipnet::IpNet::from(ip(101)))],
                ),
                listeners: vec![(SocketAddr::new(address, 25), setup::session(name))],
            };
            Host::new(plan, &net, &names, &clock, chance.branch(), boxes)
        });
        let trouble = if calm { 0 } else { 2 };
        let foreign = peers::foreign(&net, SocketAddr::new(ip(20), 25), chance.branch(), trouble);
        Self {
            chance,
            net,
            names,
            clock,
            hosts: hosts.into(),
            foreign,
            errands: Vec::new(),
            letters: 0,
            calm,
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.chance.below(BUSY.as_millis() as u64 / 60))
    }

    async fn step(&mut self) {
        let what = if self.calm { 0 } else { self.chance.below(12) };
        let place = self.chance.below(self.hosts.len() as u64) as usize;
        match what {
            7 => {
                if let Some(host) = self.hosts.get_mut(place) {
                    host.crash().await;
                    tokio::time::sleep(Duration::from_millis(self.chance.below(60_000))).await;
                    host.start();
                }
            }
            8 => self.names.set_failing(self.chance.once_in(2)),
            9 => self.net.set_down(ip(1 + place as u8), self.chance.once_in(2)),
            10 => self.net.set_down(ip(20), self.chance.once_in(2)),
            11 => self.net.set_silent(ip(20), self.chance.once_in(2)),
            _ => self.send().await,
        }
    }

    /// A program sends a letter to a few recipients through the first host.
    async fn send(&mut self) {
        const RECIPIENTS: [&str; 10] = [
            "ann@a.example",
            "bob@a.example",
            "nobody@a.example",
            "ann@b.example",
            "cid@b.example",
            "nobody@b.example",
            "eve@foreign.example",
            "eve@dead.example",
            "eve@nomail.example",
            "eve@gone.example",
        ];
        self.letters += 1;
        let number = self.letters;
        let sender = (!self.chance.once_in(6)).then(|| "bob@a.example".to_owned());
        let reverse =
            sender.as_ref().map_or_else(|| "<>".to_owned(), |sender| format!("<{sender}>"));
        let first = self.chance.below(10) as usize;
        let count = 1 + self.chance.below(4) as usize;
        let recipients: Vec<&str> =
            RECIPIENTS.iter().cycle().skip(first).take(count).copied().collect();
        let paths = recipients
            .iter()
            .filter_map(|recipient| format!("<{recipient}>").parse::<ForwardPath>().ok());
        let lines = self.chance.below(200);
        let body: String =
            (0..lines).map(|line| format!("line {line} of letter {number}\r\n")).collect();
        let content = format!("{MARK}: {number}\r\nSubject: letter {number}\r\n\r\n{body}.\r\n");
        let reverse = reverse.parse().unwrap_or(ReversePath::Null);
        let letter = peers::letter(reverse, paths.collect(), content.as_bytes());
        let from = ip(101);
        let to = SocketAddr::new(ip(1), 25);
        let sent = peers::send(&self.net, &self.clock, from, to, letter, content.as_bytes()).await;
        let errands = recipients.iter().zip(sent).map(|(recipient, sent)| Errand {
            number,
            recipient: (*recipient).to_owned(),
            sender: sender.clone(),
            sent,
        });
        self.errands.extend(errands);
    }

    async fn judge(&mut self) -> Report {
        let mut evidence = Evidence::default();
        let mut broken = Vec::new();
        for (host, domain) in self.hosts.iter().zip(["a.example", "b.example", "b.example"]) {
            for (user, letter) in host.boxes.all() {
                evidence.found(&format!("{user}@{domain}"), &letter);
            }
            if let Some(spool) = host.spool() {
                waiting(spool.as_ref(), &mut evidence, &mut broken).await;
            }
        }
        for (recipients, text) in self.foreign.letters() {
            let letter = Letter { octets: text.into() };
            for recipient in recipients {
                let address = recipient.split(['<', '>']).nth(1).unwrap_or_default();
                evidence.found(address, &letter);
            }
        }
        let crashes = self.hosts.iter().map(|host| host.crashes).sum();
        let (_, resets) = self.net.figures();
        evidence.excuses = crashes + resets + self.foreign.lost_replies();
        broken.extend(laws::broken(&self.errands, &evidence));
        Report {
            errands: self.errands.len() as u64,
            taken: self.errands.iter().filter(|errand| errand.sent == Sent::Taken).count() as u64,
            delivered: evidence.delivered.len() as u64,
            reported: evidence.reported.len() as u64,
            repeated: evidence.delivered.values().map(|times| times - 1).sum(),
            crashes,
            resets,
            names_failed: self.names.figures().1,
            lost_replies: self.foreign.lost_replies(),
            broken,
        }
    }
}

/// After a week nothing may wait any more: the last word on each letter was due after five days.
async fn waiting(spool: &dyn Spool, evidence: &mut Evidence, broken: &mut Vec<String>) {
    match spool.list(&Filter::default(), None, 1_000).await {
        Ok(page) => {
            for row in page.rows {
                broken.push(format!(
                    "job {} of queue {} still waits after a week",
                    row.job, row.queue
                ));
                evidence.waiting.insert(0);
            }
        }
        Err(error) => broken.push(format!("the spool does not list: {error}")),
    }
}

fn zones(chance: &Chance, calm: bool) -> Zone {
    let names = Zone::new(chance.branch());
    let hosts = [
        ("hub.a.example", 1),
        ("mx1.b.example", 2),
        ("mx2.b.example", 3),
        ("mx.foreign.example", 20),
        ("mx.dead.example", 30),
    ];
    for (name, last) in hosts {
        names.add_host(name, &[ip(last)]);
    }
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
