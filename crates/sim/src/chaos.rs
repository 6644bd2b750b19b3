//! A world in bad weather: three or four hosts of ours, a foreign one that fails in every phase,
//! domains that are dead, gone or take no mail, crashes at any moment, disks that fail and fill up,
//! clocks that are set back, name servers that do not answer, other options while all that
//! goes on. It runs for a week of its own time,
//! and then the laws are checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mail::{ForwardPath, Recipient, RecipientParameters, ReversePath};
use parking_lot::Mutex;
use spool::{Filter, Spool};

use crate::country;
use crate::host::{Ground, Host};
use crate::laws::{self, Errand, Evidence, Terms};
use crate::letters::{self, Draft};
use crate::net::Weather;
use crate::peers::{self, Sent, Taken};
use crate::plant::Plant;
use crate::told;
use crate::world::Chance;

/// How long a world lives on when the weather has cleared: every letter has met its fate by then.
const LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Letters are sent and faults happen in about this first part of it.
const BUSY: Duration = Duration::from_secs(4 * 3_600);
/// How long a letter may lie: the life of a letter, one pause between tries, and an hour for the
/// report to come.
const PATIENCE: Duration = Duration::from_secs(5 * 86_400 + 33 * 360 + 3_600);

/// Which world to live through, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Everything follows from it.
    pub seed: u64,
    /// Keep the story in words.
    pub story: bool,
    /// A fault that a law must catch.
    pub plant: Option<Plant>,
}

/// How many faults of each kind there were.
pub type Faults = Vec<(&'static str, u64)>;

/// What one world showed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Letters times recipients.
    pub errands: u64,
    /// Answered 250.
    pub taken: u64,
    /// Copies found in mailboxes and at foreign hosts.
    pub delivered: u64,
    /// Failures reported to their senders.
    pub reported: u64,
    /// Deliveries beyond the first, after a crash or a lost reply.
    pub repeated: u64,
    /// Faults by kind.
    pub faults: Faults,
    /// Events of the story, and the number that stands for all of them.
    pub events: u64,
    /// See [`Story::digest`](crate::story::Story::digest).
    pub digest: u64,
    /// Laws broken, in words.
    pub broken: Vec<String>,
    /// The story, where it was wished for.
    pub story: Vec<String>,
}

/// A world while it lives.
pub(crate) struct Chaos {
    pub(crate) chance: Chance,
    pub(crate) ground: Ground,
    pub(crate) hosts: Vec<Host>,
    pub(crate) foreign: Taken,
    /// Nothing fails in this world.
    pub(crate) calm: bool,
    /// The workstation where authors sit, where there is one; else they come to the hub.
    pub(crate) workstation: bool,
    errands: Arc<Mutex<Vec<Errand>>>,
    letters: u64,
    clocks_set: u64,
    broken: Vec<String>,
}

/// Lives through the world of a seed.
pub fn run(seed: u64) -> Report {
    play(Wish { seed, ..Wish::default() })
}

/// Lives through the world that is wished for.
pub fn play(wish: Wish) -> Report {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(live(wish)),
        Err(error) => Report { broken: vec![format!("no runtime: {error}")], ..Report::default() },
    }
}

async fn live(wish: Wish) -> Report {
    let mut chaos = country::build(wish);
    for host in &mut chaos.hosts {
        host.start();
    }
    let steps = 30 + chaos.chance.below(60);
    for _ in 0..steps {
        tokio::time::sleep(chaos.pause()).await;
        chaos.step().await;
        chaos.measure();
    }
    let busy = chaos.ground.story.now();
    chaos.clear().await;
    tokio::time::sleep(LIFE).await;
    chaos.rest();
    chaos.judge(busy).await
}

impl Chaos {
    pub(crate) fn new(
        chance: Chance,
        ground: Ground,
        hosts: Vec<Host>,
        foreign: Taken,
        calm: bool,
    ) -> Self {
        Self {
            chance,
            ground,
            foreign,
            calm,
            workstation: hosts.len() > country::HOSTS,
            hosts,
            errands: Arc::default(),
            letters: 0,
            clocks_set: 0,
            broken: Vec::new(),
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.chance.below(BUSY.as_millis() as u64 / 60))
    }

    async fn step(&mut self) {
        let what = if self.calm { 0 } else { self.chance.below(20) };
        let place = self.chance.below(self.hosts.len() as u64) as usize;
        let on = self.chance.once_in(2);
        let story = self.ground.story.clone();
        match what {
            9 => self.power_cut(place).await,
            10 => self.restart(place).await,
            11 => {
                story.tell(format_args!("name servers answer: {}", !on));
                self.ground.names.set_failing(on);
            }
            12 => self.set_down(country::host(place), on),
            13 => self.set_down(country::FOREIGN, on),
            14 => {
                story.tell(format_args!("the foreign host swallows: {on}"));
                self.ground.net.set_silent(country::FOREIGN, on);
            }
            15 | 16 => self.hosts.get_mut(place).into_iter().for_each(Host::ail),
            17 => {
                if let Some(host) = self.hosts.get_mut(place) {
                    host.heal().await;
                }
            }
            18 => self.set_clock(place),
            19 => self.hosts.get_mut(place).into_iter().for_each(Host::reload),
            _ => {
                let burst = if self.chance.once_in(6) { 12 } else { 2 };
                for _ in 0..1 + self.chance.below(burst) {
                    self.send();
                }
            }
        }
    }

    fn set_down(&self, address: IpAddr, down: bool) {
        self.ground.story.tell(format_args!("{address} refuses connections: {down}"));
        self.ground.net.set_down(address, down);
    }

    async fn power_cut(&mut self, place: usize) {
        let pause = Duration::from_millis(self.chance.below(60_000));
        let Some(host) = self.hosts.get_mut(place) else { return };
        host.crash().await;
        tokio::time::sleep(pause).await;
        host.start();
    }

    async fn restart(&mut self, place: usize) {
        let Some(host) = self.hosts.get_mut(place) else { return };
        host.stop().await;
        host.start();
    }

    fn set_clock(&mut self, place: usize) {
        let by = Duration::from_secs(self.chance.below(7_200));
        let Some(host) = self.hosts.get(place) else { return };
        host.clock.set_back(by);
        self.clocks_set += 1;
        let story = &self.ground.story;
        story.tell(format_args!("the clock of {} is set back {} s", host.name(), by.as_secs()));
    }

    /// A program sends a letter to a few recipients.
    fn send(&mut self) {
        self.letters += 1;
        let domain = if self.workstation { "sun.a.example" } else { "a.example" };
        let draft = letters::draft(self.letters, domain, &self.chance);
        let (ground, errands) = (self.ground.clone(), self.errands.clone());
        let first = usize::from(self.workstation);
        let to = country::host(if self.workstation { country::HOSTS } else { 0 });
        tokio::spawn(async move {
            let sent = dispatch(&ground, &draft, SocketAddr::new(to, 25)).await;
            ground.story.tell(format_args!("letter {}: {sent:?}", draft.number));
            let at = ground.story.now();
            let errand = |(goal, sent): (&letters::Goal, Sent)| Errand {
                number: draft.number,
                recipient: goal.recipient.to_owned(),
                sender: draft.sender.clone(),
                sent,
                at,
                content: draft.content.clone(),
                hops: first + goal.hops,
                is_good: goal.is_good,
                notify: goal.notify,
            };
            errands.lock().extend(draft.goals.iter().zip(sent).map(errand));
        });
    }

    /// The weather clears; what waits has a week.
    async fn clear(&mut self) {
        self.ground.story.tell(format_args!("the weather clears"));
        self.ground.names.set_failing(false);
        self.ground.names.set_fail_one_in(0);
        self.ground.net.set_weather(Weather::FAIR);
        for address in (0..self.hosts.len()).map(country::host).chain([country::FOREIGN]) {
            self.ground.net.set_down(address, false);
            self.ground.net.set_silent(address, false);
        }
        for host in &mut self.hosts {
            host.boxes.set_fail_one_in(0);
            host.heal().await;
        }
    }

    /// Looks whether the bounds of each host hold.
    fn measure(&mut self) {
        for host in &self.hosts {
            let Some(load) = host.engine().map(engine::Engine::load) else { continue };
            if load.memory > host.options().memory {
                self.broken.push(format!("{} keeps {} octets", host.name(), load.memory));
            }
        }
    }

    /// After a week of quiet nobody is at work, and nothing is kept.
    fn rest(&mut self) {
        for host in &self.hosts {
            let Some(load) = host.engine().map(engine::Engine::load) else { continue };
            if load != engine::Load::default() {
                self.broken.push(format!("{} does not come to rest: {load:?}", host.name()));
            }
        }
    }

    async fn judge(&mut self, busy: Duration) -> Report {
        let behind = self.hosts.iter().map(|host| host.clock.behind()).sum::<Duration>();
        let mut evidence = Evidence::new(Terms {
            patience: PATIENCE + busy + behind,
            is_calm: self.calm,
            is_masked: self.workstation,
            split: split(&self.foreign),
            habits: self.foreign.habits(),
        });
        let mut broken = std::mem::take(&mut self.broken);
        broken.extend(self.foreign.offences());
        broken.extend(self.hosts.iter().flat_map(|host| self.bears(host)));
        for (place, host) in self.hosts.iter_mut().enumerate() {
            broken.extend(told::broken(host));
            for (user, letter) in host.boxes.all() {
                evidence.found(&format!("{user}@{}", country::domain(place)), letter);
            }
            broken.append(&mut host.broken);
            if let Some(spool) = host.spool() {
                broken.extend(waiting(spool.as_ref()).await);
            }
        }
        self.foreign.plain().into_iter().for_each(|number| evidence.was_plain(number));
        for taken in self.foreign.letters() {
            for recipient in taken.recipients {
                evidence.found(&recipient, taken.letter.clone());
            }
        }
        let errands = self.errands.lock();
        broken.extend(laws::broken(&errands, &evidence, &self.ground.tracks));
        let (delivered, reported, repeated) = evidence.figures();
        let (digest, events) = self.ground.story.digest();
        Report {
            errands: errands.len() as u64,
            taken: errands.iter().filter(|errand| errand.sent == Sent::Taken).count() as u64,
            delivered,
            reported,
            repeated,
            faults: self.faults(),
            events,
            digest,
            broken,
            story: self.ground.story.lines(),
        }
    }

    /// Whether `host` asked no more of the foreign one than it may. What has gone is kept in memory,
    /// so a rate is for one life of the host.
    fn bears(&self, host: &Host) -> Vec<String> {
        let Some(from) = host.address() else { return Vec::new() };
        let limits = host.promised().of_queue("mx:foreign.example");
        let most = self.ground.net.most_calls(from, country::FOREIGN);
        let letters = self.foreign.letters().into_iter();
        let mine = letters.filter(|taken| taken.from == from).map(|taken| taken.letter.at);
        let mut came: Vec<Duration> = mine.filter(|at| *at > host.started).collect();
        came.sort_unstable();
        let rate = limits.rate.value;
        let mut broken = laws::bounds(host.name(), (most, limits.connections.value), &came, rate);
        let all = (self.ground.net.most_of_all_calls(from), host.options().connections.value);
        broken.extend(laws::bounds(host.name(), all, &[], None));
        broken
    }

    fn faults(&self) -> Faults {
        let sum = |count: fn(&Host) -> u64| self.hosts.iter().map(count).sum();
        vec![
            ("crashes", sum(|host| host.crashes)),
            ("restarts", sum(|host| host.stops)),
            ("reloads", sum(|host| host.reloads)),
            ("disk faults", sum(|host| host.disk_faults)),
            ("clocks set back", self.clocks_set),
            ("connections reset", self.ground.net.figures().1),
            ("questions not answered", self.ground.names.figures().1),
            ("replies lost", self.foreign.lost_replies()),
            ("mailboxes locked", sum(|host| host.boxes.failed())),
        ]
    }
}

async fn dispatch(ground: &Ground, draft: &Draft, to: SocketAddr) -> Vec<Sent> {
    let sender = draft.sender.as_ref().map_or_else(String::new, Clone::clone);
    let reverse = format!("<{sender}>").parse().unwrap_or(ReversePath::Null);
    let recipients = draft.goals.iter().filter_map(|goal| {
        let path = format!("<{}>", goal.recipient).parse::<ForwardPath>().ok()?;
        let parameters = RecipientParameters { notify: goal.notify, original: None };
        Some(Recipient { path, parameters })
    });
    let letter = peers::letter_to(reverse, recipients.collect(), &draft.content);
    let clock = crate::world::SimClock::new();
    peers::send(&ground.net, &clock, country::SENDER, to, letter, &draft.content).await
}

/// Letters that came to the foreign host in more than one transaction.
fn split(foreign: &Taken) -> u64 {
    let mut numbers: Vec<_> = foreign
        .letters()
        .iter()
        .filter_map(|taken| laws::number_in(&taken.letter.octets))
        .collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    (all - numbers.len()) as u64
}

/// After a week nothing may wait any more: the last word on each letter was due after five days.
async fn waiting(spool: &dyn Spool) -> Vec<String> {
    match spool.list(&Filter::default(), None, 1_000).await {
        Ok(page) => {
            let waits = |row: spool::JobInfo| {
                let claimed = if row.claimed { " in somebody's hands" } else { "" };
                format!("job {} of queue {} still waits after a week{claimed}", row.job, row.queue)
            };
            page.rows.into_iter().map(waits).collect()
        }
        Err(error) => vec![format!("the spool does not list: {error}")],
    }
}
