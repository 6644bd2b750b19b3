//! The flows of mail: reception, admission to the spool, delivery, reports. They act only through
//! the [`doors`], which the binary opens on the real world and the simulation on a made one, and
//! contain no rule of their own: what is accepted, where it goes, when it is tried again and who is
//! told are pure functions of `queue`, the dialogue is a machine of `smtp`.
//!
//! ```text
//! receive ─> admit ─> spool ─> dispatch ─> deliver ─> connection ─> wire
//!              ^                              ├─────> local ──────> mailbox
//!              └────────── report <───────────┘
//! ```

mod admit;
mod authored;
mod connection;
mod content;
mod copies;
mod counts;
mod deliver;
mod depart;
mod dispatch;
pub mod doors;
mod expand;
mod explain;
mod fetch;
mod fit;
mod forwarded;
mod history;
mod ids;
mod listing;
mod local;
mod login;
mod look;
mod names;
mod open;
mod operator;
mod outgoing;
mod passing;
mod place;
mod receive;
mod relay;
mod release;
mod report;
mod reroute;
mod rewrite;
mod security;
mod settings;
mod settle;
mod smarthost;
mod sts;
mod submit;
mod suspension;
mod tables;
mod tally;
#[cfg(test)]
mod tests;
mod turned;
mod walk;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mail::DomainName;
use queue::access::Access;
use queue::clients::Clients;
use queue::lockout::Lockout;
use queue::program::Program;
use queue::route::Routes;
use queue::schedule::Schedule;
use queue::schedule::limits::{LimitTable, Told};
use queue::schedule::silent::SilentHosts;
use queue::submission::Quota;
use spool::Durability;
use tokio::sync::Notify;

pub use admit::{Accepted, Refusal};
pub use counts::Totals;
pub use depart::Source;
pub use explain::{End, Explanation, Hop, Host, Inquiry, Spread};
pub use fetch::{Asked, Asking, Fetched, Provider};
pub use fit::EightBit;
pub use listing::{Listed, ListedRecipient, State, list_spool};
pub use look::{
    AGES, Ages, Counted, Shown, Stock, content_of, count_spool, show_spool, stock_spool,
};
pub use msgauth::transport::Level;
pub use operator::{Action, Came, Deed, Operator};
pub use receive::{EarlyTalkers, ListenOptions};
pub use security::TlsLevels;
pub use smarthost::{ProofSource, Smarthost, Smarthosts};
pub use submit::Inlet;
pub use suspension::{Suspended, Suspension, kept_on};

use dispatch::Dispatcher;
use doors::{Listener, World};
use ids::Ids;
use names::NameCache;
use outgoing::Outgoing;
use settings::Settings;
use sts::Policies;
use tally::Tally;

/// Results ride with the next durable commit, or go by themselves after this long.
pub(crate) const RELAXED: Durability = Durability::Relaxed(Duration::from_millis(50));

/// All that an engine is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name: greeting, EHLO, Received, reports.
    pub hostname: DomainName,
    /// Our number among the nodes of one spool; 0 on one machine.
    pub node: u16,
    /// Whose mail is taken.
    pub access: Access,
    /// Where it goes.
    pub routes: Routes,
    /// When it is tried again.
    pub schedule: Schedule,
    /// Which addresses become others when a letter is taken.
    pub rewriting: queue::rewrite::Rewriting,
    /// Who gets copies for an archive.
    pub copies: Option<queue::copy::Copies>,
    /// Under whose address mail is forwarded off this host.
    pub srs: Option<queue::srs::Srs>,
    /// Who may ask for what is no mail.
    pub trust: queue::trust::Trust,
    /// How much one client may take.
    pub clients: queue::clients::Limits,
    /// How often one may fail to log in.
    pub lockout: queue::lockout::Limits,
    /// What is done to what authors send.
    pub submission: queue::submission::Rules,
    /// How much one login may send.
    pub rates: queue::submission::Rates,
    /// What destinations are asked to bear.
    pub limits: LimitTable,
    /// The postmaster is told of reports that cannot be delivered.
    pub double_bounces: bool,
    /// Port of exchangers: 25.
    pub outbound_port: u16,
    /// Content goes by BDAT where that is offered.
    pub chunking: bool,
    /// Who we are at the hosts that mail is handed to.
    pub smarthosts: Smarthosts,
    /// What routes refer to by name.
    pub transports: Transports,
    /// The hosts that keep mail for us.
    pub providers: Vec<Provider>,
    /// How connections to other hosts are secured.
    pub tls_levels: TlsLevels,
    /// What is done with content that a next hop does not take as it is.
    pub eight_bit: EightBit,
    /// Outgoing connections at once, over all destinations.
    pub connections: Told<usize>,
    /// Local address of outgoing connections, for each family; none: the system's choice.
    pub outbound_source: Vec<IpAddr>,
    /// Addresses under which others see this host, besides those of its interfaces.
    pub own_addresses: Vec<IpAddr>,
    /// The ports this host answers on: a smarthost at one of them that is ourselves is a loop.
    pub own_ports: Vec<u16>,
    /// How long a connection may take to be made: 30 s.
    pub connect_timeout: Duration,
    /// How long the client waits for each step.
    pub timeouts: smtp::client::Timeouts,
    /// Accept and keep, try nothing.
    pub paused: bool,
    /// Sessions at once, over all listeners.
    pub sessions: usize,
    /// Octets of content kept in memory from reception to first attempt.
    pub memory: u64,
    /// Minutes east of Greenwich in the dates that we write.
    pub zone: i32,
}

/// What routes refer to by name, and what holds for all that ends here.
#[derive(Clone, Debug, Default)]
pub struct Transports {
    /// The programs (`[pipe.NAME]`).
    pub programs: BTreeMap<Box<str>, Arc<Program>>,
    /// The addresses to connect from (`[source.NAME]`).
    pub sources: BTreeMap<Box<str>, Source>,
    /// Mail for a mailbox that is over its quota goes back at once, and does not wait.
    pub return_over_quota: bool,
}

/// What all tasks of one engine share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Told when other options have come.
    pub(crate) reloaded: Notify,
    pub(crate) world: World,
    pub(crate) ids: Ids,
    pub(crate) names: NameCache,
    pub(crate) policies: Policies,
    pub(crate) tally: Tally,
    pub(crate) dispatcher: Dispatcher,
    /// Places for connections to other hosts.
    pub(crate) outgoing: Arc<Outgoing>,
    /// Hosts that did not answer.
    pub(crate) silent: parking_lot::Mutex<SilentHosts>,
    /// What must not be tried.
    pub(crate) suspensions: suspension::Suspensions,
    /// What is to be done to jobs when their attempts end.
    pub(crate) orders: operator::Orders,
    pub(crate) memory: Arc<AtomicU64>,
    /// Who has failed to log in.
    pub(crate) lockout: parking_lot::Mutex<Lockout>,
    /// What strangers take.
    pub(crate) clients: parking_lot::Mutex<Clients>,
    /// What logins have used of what they may.
    pub(crate) quota: parking_lot::Mutex<Quota>,
    pub(crate) sessions: AtomicUsize,
    /// Told when a session or a worker has ended.
    pub(crate) ended: Notify,
    pub(crate) remembered: smarthost::Remembered,
    /// Providers that are called just now.
    pub(crate) calls: fetch::Calls,
    /// Programs that run.
    pub(crate) runs: local::Runs,
    pub(crate) counts: counts::Counts,
    is_stopping: AtomicBool,
    stop: Notify,
}

impl Shared {
    /// Ends when the host begins to go down.
    pub(crate) async fn stopping(&self) {
        let notified = self.stop.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_stopping.load(Ordering::Acquire) {
            notified.await;
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}

/// What an engine has in hand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Load {
    /// Sessions open, refused ones counted until they are closed.
    pub sessions: usize,
    /// Workers that try jobs or wait for one.
    pub workers: usize,
    /// Jobs that wait for a worker.
    pub jobs: u64,
    /// Octets of content kept from reception to first attempt.
    pub memory: u64,
}

/// The engine of one host.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// An engine that acts through `world`. Nothing moves before [`start`](Self::start).
    pub fn new(options: Options, world: World) -> Self {
        let ids = Ids::new(options.node, world.spool.last_id(), world.random.next());
        let shared = Shared {
            ids,
            names: NameCache::default(),
            policies: Policies::default(),
            tally: Tally::default(),
            dispatcher: Dispatcher::new(options.limits.clone(), world.clock.clone()),
            outgoing: Arc::new(Outgoing::new(options.connections.clone())),
            silent: parking_lot::Mutex::default(),
            suspensions: suspension::Suspensions::default(),
            orders: operator::Orders::default(),
            memory: Arc::new(AtomicU64::new(options.memory)),
            lockout: parking_lot::Mutex::new(Lockout::new(options.lockout.clone())),
            clients: parking_lot::Mutex::new(Clients::new(options.clients.clone())),
            quota: parking_lot::Mutex::new(Quota::new(options.rates)),
            sessions: AtomicUsize::new(0),
            ended: Notify::new(),
            remembered: smarthost::Remembered::default(),
            calls: fetch::Calls::default(),
            runs: local::Runs::default(),
            counts: counts::Counts::default(),
            is_stopping: AtomicBool::new(false),
            stop: Notify::new(),
            settings: Settings::new(options),
            reloaded: Notify::new(),
            world,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts to deliver what is due.
    pub fn start(&self) {
        let tasks = &self.shared.world.tasks;
        tasks.spawn(Box::pin(deliver::hire(self.shared.clone())));
        tasks.spawn(Box::pin(deliver::claim(self.shared.clone())));
        tasks.spawn(Box::pin(deliver::maintain(self.shared.clone())));
        tasks.spawn(Box::pin(tally::upkeep(self.shared.clone())));
        tasks.spawn(Box::pin(fetch::keep(self.shared.clone())));
    }

    /// Accepts connections on `listener` until the engine stops.
    pub fn listen(
        &self,
        name: &str,
        listener: Arc<dyn Listener>,
        options: impl Into<ListenOptions>,
    ) {
        let gate = self.shared.open_gate(name, options.into());
        let accepting = receive::accept(self.shared.clone(), listener, gate);
        self.shared.world.tasks.spawn(Box::pin(accepting));
    }

    /// Begins to stop: no new connections, `421` to idle sessions, open transactions are finished,
    /// no further attempts. What is not finished stays in the spool.
    pub fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        self.shared.stop.notify_waiters();
        self.shared.dispatcher.close();
    }

    /// Sessions and workers still at work; after [`stop`](Self::stop) it falls to 0.
    pub fn busy(&self) -> usize {
        self.shared.sessions.load(Ordering::Relaxed) + self.shared.dispatcher.workers()
    }

    /// What it has in hand now.
    pub fn load(&self) -> Load {
        let shared = &self.shared;
        let left = shared.memory.load(Ordering::Relaxed);
        Load {
            sessions: shared.sessions.load(Ordering::Relaxed),
            workers: shared.dispatcher.workers(),
            jobs: shared.dispatcher.jobs(),
            memory: shared.options().memory.saturating_sub(left),
        }
    }

    /// What has happened since the start.
    pub fn totals(&self) -> Totals {
        self.shared.counts.now()
    }

    /// Why new mail is refused now, if it is; `None` while it is taken.
    pub fn unready(&self) -> Option<String> {
        if self.shared.is_stopping() {
            return Some("the server is stopping".to_owned());
        }
        self.shared.world.spool.healthy().err().map(|error| error.to_string())
    }

    /// The queues by name, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn queues(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<spool::QueueStat>, spool::SpoolError> {
        self.shared.world.spool.queues(after, limit).await
    }

    /// Ends when nothing is at work any more.
    pub async fn stopped(&self) {
        loop {
            let ended = self.shared.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.busy() == 0 {
                Tally::store(&self.shared).await;
                return;
            }
            ended.await;
        }
    }

    /// What holds for a queue (`mx:example.org`) just now, a sentence each: its bounds with the line
    /// that says them, and what was learnt of its host.
    pub fn bears(&self, queue: &str) -> Vec<queue::Reason> {
        self.shared.dispatcher.bears(queue, self.shared.world.clock.wall())
    }

    /// Why mail of a queue waits in line just now, where something of this host or of what is known of
    /// the next hop keeps it: a sentence each.
    pub fn waits(&self, queue: &str) -> Vec<queue::Reason> {
        let shared = &self.shared;
        let mut reasons = shared.dispatcher.waits(queue, shared.world.clock.wall());
        if queue::route::NextHop::parse(queue).is_ok_and(|hop| hop.is_remote()) {
            reasons.extend(shared.outgoing.reason());
        }
        reasons
    }

    /// Lets every deferred job be tried now. Gives their number.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn flush(&self) -> Result<u64, spool::SpoolError> {
        release::release(&self.shared, None).await
    }
}
