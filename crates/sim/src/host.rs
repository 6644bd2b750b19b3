//! One host of a world: a disk and mailboxes that survive, and an engine that may crash.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Detail, Mailboxes, MemoryHistory, NoCommands, NoTables, Random, World};
use engine::{Engine, Options};
use queue::schedule::limits::LimitTable;
use smtp::server::SessionOptions;
use spool::{Spool, SpoolError};
use spool_log::disk::Disk;
use spool_log::memory::{Fault, MemoryDisk};
use spool_log::{Drive, Log};

use crate::mailboxes::Boxes;
use crate::names::Zone;
use crate::net::Net;
use crate::plant::{IdleDisk, Plant};
use crate::story::Story;
use crate::tracks::Tracks;
use crate::watched::Watched;
use crate::world::{Chance, HostTasks, SimClock};

/// How long a host that is told to stop may take: longer than any step of a session.
const STOP: Duration = Duration::from_secs(3600);
/// What a crash may undo: results wait for the next housekeeping at most.
const UNDONE: Duration = Duration::from_secs(30);

/// What a host is made of.
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its engine's options.
    pub options: Options,
    /// Its listeners: address and session options.
    pub listeners: Vec<(SocketAddr, SessionOptions)>,
    /// Free octets on the disk below which it takes no mail.
    pub min_free: u64,
    /// What it asks other hosts to bear, if nothing is planted.
    pub promised: LimitTable,
    /// The fault planted in its doors.
    pub plant: Option<Plant>,
}

/// What the hosts of a world share.
#[derive(Clone)]
pub struct Ground {
    /// The network.
    pub net: Net,
    /// The name system.
    pub names: Zone,
    /// What happens.
    pub story: Story,
    /// Which letter was where.
    pub tracks: Tracks,
}

/// A host.
pub struct Host {
    plan: Plan,
    ground: Ground,
    /// Its clock.
    pub clock: Arc<SimClock>,
    chance: Chance,
    /// Its mailboxes.
    pub boxes: Boxes,
    disk: MemoryDisk,
    shelf: Arc<engine::doors::MemoryShelf>,
    /// What happened to its letters, over all its lives.
    pub history: Arc<MemoryHistory>,
    running: Option<Running>,
    /// When it was started last.
    pub started: Duration,
    /// Since when its disk fails.
    ails: Option<Duration>,
    /// How often it crashed.
    pub crashes: u64,
    /// How often it was stopped and started in good order.
    pub stops: u64,
    /// How often it was told other options.
    pub reloads: u64,
    /// How often its disk failed or was full.
    pub disk_faults: u64,
    /// What must not be and was seen while it lived.
    pub broken: Vec<String>,
}

struct Running {
    engine: Engine,
    tasks: Arc<HostTasks>,
    spool: Arc<Log>,
}

impl Host {
    /// A host that is off.
    pub fn new(plan: Plan, ground: &Ground, chance: Chance, boxes: Boxes) -> Self {
        let history = Arc::new(match plan.plant {
            Some(Plant::HistoryForgets) => MemoryHistory::leaky(Detail::All, 7),
            _ => MemoryHistory::new(Detail::All),
        });
        Self {
            plan,
            ground: ground.clone(),
            clock: Arc::new(SimClock::new()),
            chance,
            boxes,
            disk: MemoryDisk::new(),
            shelf: Arc::default(),
            history,
            running: None,
            started: Duration::ZERO,
            ails: None,
            crashes: 0,
            stops: 0,
            reloads: 0,
            disk_faults: 0,
            broken: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Its engine's options.
    pub fn options(&self) -> &Options {
        &self.plan.options
    }

    /// What it asks other hosts to bear.
    pub fn promised(&self) -> &LimitTable {
        &self.plan.promised
    }

    /// Its address.
    pub fn address(&self) -> Option<IpAddr> {
        self.plan.addresses.first().copied()
    }

    /// Starts the host from what its disk holds. A disk that fails is mended first.
    pub fn start(&mut self) {
        let log = match self.open() {
            Ok(log) => log,
            Err(error) => {
                if self.ails.is_none() {
                    self.broken
                        .push(format!("the spool of {} does not open: {error}", self.name()));
                }
                self.mend();
                match self.open() {
                    Ok(log) => log,
                    Err(error) => {
                        let law = format!("the spool of {} does not open: {error}", self.name());
                        self.broken.push(law);
                        return;
                    }
                }
            }
        };
        self.ground.story.tell(format_args!("{} starts", self.plan.name));
        self.started = self.ground.story.now();
        let spool = Arc::new(log);
        let watched = Watched {
            log: spool.clone(),
            host: self.plan.name.clone(),
            story: self.ground.story.clone(),
            clock: self.clock.clone(),
            chance: self.chance.branch(),
            plant: self.plan.plant,
            idle: Default::default(),
        };
        let tasks = Arc::new(HostTasks::default());
        let world = World {
            tasks: tasks.clone(),
            clock: self.clock.clone(),
            random: Arc::new(self.chance.branch()),
            network: Arc::new(self.ground.net.at(self.plan.addresses.clone())),
            tls: Arc::new(engine::doors::NoTls),
            logins: Arc::new(engine::doors::NoLogins),
            secrets: Arc::new(engine::doors::NoSecrets),
            names: Arc::new(self.ground.names.clone()),
            web: Arc::new(engine::doors::NoWeb),
            shelf: self.shelf.clone(),
            history: self.history.clone(),
            tables: Arc::new(NoTables),
            mailboxes: Arc::new(self.boxes.clone()) as Arc<dyn Mailboxes>,
            commands: Arc::new(NoCommands),
            forwards: Arc::new(self.boxes.clone()),
            spool: Arc::new(watched),
        };
        let engine = Engine::new(self.plan.options.clone(), world);
        engine.start();
        for (at, options) in &self.plan.listeners {
            engine.listen("mx", self.ground.net.listen(*at), options.clone());
        }
        self.running = Some(Running { engine, tasks, spool });
    }

    fn open(&self) -> Result<Log, spool_log::OpenError> {
        let chance = self.chance.branch();
        let options = spool_log::Options {
            segment_size: 256 * 1024,
            inline_body: 4 * 1024,
            drive: Drive::Inline,
            min_free_octets: self.plan.min_free,
            ..spool_log::Options::new(Arc::new(move || chance.next()))
        };
        let disk: Arc<dyn Disk> = match self.plan.plant {
            Some(Plant::SyncIsEmpty) => Arc::new(IdleDisk(self.disk.clone())),
            _ => Arc::new(self.disk.clone()),
        };
        Log::open(disk, options).map(|(log, _)| log)
    }

    /// Changes what the engine is told from its next start on.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.plan.options);
    }

    /// The engine, while the host is on.
    pub fn engine(&self) -> Option<&Engine> {
        self.running.as_ref().map(|running| &running.engine)
    }

    /// The spool, while the host is on.
    pub fn spool(&self) -> Option<Arc<Log>> {
        self.running.as_ref().map(|running| running.spool.clone())
    }

    /// The host is told other options while it runs: fewer connections or as many as before, content by
    /// DATA or by BDAT. What it has promised it keeps.
    pub fn reload(&mut self) {
        let Some(running) = &self.running else { return };
        self.reloads += 1;
        let mut options = self.plan.options.clone();
        let fewer = self.chance.below(options.connections.value as u64) as usize;
        options.connections.value -= fewer;
        options.chunking = self.chance.once_in(2);
        let story = &self.ground.story;
        story.tell(format_args!(
            "{} is reloaded, {} connections",
            self.plan.name, options.connections.value
        ));
        running.engine.reload(options, []);
    }

    /// Power is lost: tasks end where they stand, connections are reset, writes that were not synced
    /// are lost or torn.
    pub async fn crash(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.crashes += 1;
        self.ground.story.tell(format_args!("{} crashes", self.plan.name));
        // First of all: what ends in good order below must not reach the disk any more.
        let found = self.disk.crash(self.chance.next());
        self.end(running).await;
        self.disk = found;
        let since = self.ground.story.now().saturating_sub(UNDONE);
        self.troubled(since);
        // The fault was in the machine that is gone.
        if let Some(since) = self.ails.take() {
            self.troubled(since);
        }
    }

    /// The operator stops it and lets it end what it has begun.
    pub async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.stops += 1;
        let since = self.ground.story.now();
        self.ground.story.tell(format_args!("{} is told to stop", self.plan.name));
        running.engine.stop();
        if tokio::time::timeout(STOP, running.engine.stopped()).await.is_err() {
            self.broken.push(format!("{} does not stop within an hour", self.plan.name));
            self.troubled(since);
        }
        self.ground.story.tell(format_args!("{} has stopped", self.plan.name));
        self.end(running).await;
    }

    async fn end(&self, running: Running) {
        running.tasks.crash();
        self.ground.net.crash(&self.plan.addresses);
        drop(running);
        // Ended tasks are dropped when the runtime comes to them.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    fn troubled(&self, since: Duration) {
        for address in &self.plan.addresses {
            self.ground.tracks.trouble(*address, since);
        }
    }

    /// The disk fails or fills up in some way.
    pub fn ail(&mut self) {
        let fault = if self.chance.once_in(2) { Fault::Eio } else { Fault::Enospc };
        let what = match self.chance.below(4) {
            0 => {
                self.disk.set_broken(Some(fault));
                format!("fails with {fault:?}")
            }
            1 => {
                let free = self.disk.space().map_or(0, |space| space.octets);
                let left = self.chance.below(96 * 1024);
                self.disk.set_capacity((u64::MAX - free).saturating_add(left));
                format!("has {left} octets left")
            }
            _ => {
                let call = 1 + self.chance.below(30);
                self.disk.fail(call, fault);
                format!("will fail its change {call} with {fault:?}")
            }
        };
        self.ground.story.tell(format_args!("the disk of {} {what}", self.plan.name));
        self.disk_faults += 1;
        let since = self.ground.story.now().saturating_sub(UNDONE);
        self.ails.get_or_insert(since);
    }

    /// The disk is as good as new; a spool that has given up is started again.
    pub async fn heal(&mut self) {
        self.mend();
        let down = |running: &Running| {
            matches!(Spool::healthy(running.spool.as_ref()), Err(SpoolError::Unavailable(_)))
        };
        if self.running.as_ref().is_some_and(down) {
            let since = self.ground.story.now();
            self.stop().await;
            self.troubled(since);
            self.start();
        }
    }

    fn mend(&mut self) {
        self.disk.mend();
        if let Some(since) = self.ails.take() {
            self.ground.story.tell(format_args!("the disk of {} is mended", self.plan.name));
            self.troubled(since);
        }
    }
}
