//! One host of a world: a disk and mailboxes that survive, and an engine that may crash.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use engine::doors::{Mailboxes, Random, World};
use engine::{Engine, Options};
use smtp::server::SessionOptions;
use spool_log::memory::MemoryDisk;
use spool_log::{Drive, Log};

use crate::mailboxes::Boxes;
use crate::names::Zone;
use crate::net::Net;
use crate::world::{Chance, HostTasks, SimClock};

/// What a host is made of.
pub struct Plan {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its engine's options.
    pub options: Options,
    /// Its listeners: address and session options.
    pub listeners: Vec<(SocketAddr, SessionOptions)>,
}

/// A host.
pub struct Host {
    plan: Plan,
    net: Net,
    names: Zone,
    clock: Arc<SimClock>,
    chance: Chance,
    /// Its mailboxes.
    pub boxes: Boxes,
    disk: MemoryDisk,
    running: Option<Running>,
    /// How often it crashed.
    pub crashes: u64,
}

struct Running {
    engine: Engine,
    tasks: Arc<HostTasks>,
    spool: Arc<Log>,
}

impl Host {
    /// A host that is off.
    pub fn new(
        plan: Plan,
        net: &Net,
        names: &Zone,
        clock: &Arc<SimClock>,
        chance: Chance,
        boxes: Boxes,
    ) -> Self {
        Self {
            plan,
            net: net.clone(),
            names: names.clone(),
            clock: clock.clone(),
            chance,
            boxes,
            disk: MemoryDisk::new(),
            running: None,
            crashes: 0,
        }
    }

    /// Starts the host from what its disk holds.
    pub fn start(&mut self) {
        let spool = Arc::new(self.open());
        let tasks = Arc::new(HostTasks::default());
        let world = World {
            tasks: tasks.clone(),
            clock: self.clock.clone(),
            random: Arc::new(self.chance.branch()),
            network: Arc::new(self.net.at(self.plan.addresses.clone())),
            names: Arc::new(self.names.clone()),
            mailboxes: Arc::new(self.boxes.clone()) as Arc<dyn Mailboxes>,
            spool: spool.clone(),
        };
        let engine = Engine::new(self.plan.options.clone(), world);
        engine.start();
        for (at, options) in &self.plan.listeners {
            engine.listen("mx", self.net.listen(*at), options.clone());
        }
        self.running = Some(Running { engine, tasks, spool });
    }

    fn open(&self) -> Log {
        let chance = self.chance.branch();
        let options = spool_log::Options {
            segment_size: 256 * 1024,
            inline_body: 4 * 1024,
            drive: Drive::Inline,
            min_free_octets: 0,
            ..spool_log::Options::new(Arc::new(move || chance.next()))
        };
        match Log::open(Arc::new(self.disk.clone()), options) {
            Ok((log, _)) => log,
            Err(error) => panic!("the spool does not open after a crash: {error}"),
        }
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

    /// Power is lost: tasks end where they stand, connections are reset, writes that were not synced
    /// are lost or torn.
    pub async fn crash(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.crashes += 1;
        running.tasks.crash();
        self.net.crash(&self.plan.addresses);
        drop(running);
        // Ended tasks are dropped when the runtime comes to them.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.disk = self.disk.crash(self.chance.next());
    }
}
