//! The doors of a test, and one engine among them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use mail::lookup::{Answer, Kind, Question, Record, Security};
use mail::{DomainName, Envelope, MailParameters, Recipient, RecipientParameters};
use parking_lot::Mutex;
use queue::access::{Access, Users};
use queue::program::End;
use queue::record::Origin;
use queue::route::Routes;
use queue::schedule::Schedule;
use queue::schedule::limits::{LimitTable, Told};

use smtp::sasl::Secret;

use super::pages::Pages;
use super::script::{Net, ScriptedTls};
use super::spool::TestSpool;
use crate::doors::{
    Clock, CommandError, CommandRun, Commands, Detail, Doing, MailboxDelivery, MailboxError,
    Mailboxes, MemoryHistory, MemoryShelf, Names, NoTables, Place, Ran, Random, Secrets, Tasks,
    Tls, World,
};
use crate::{
    Accepted, EightBit, Engine, Level, Listed, Options, Refusal, Smarthosts, TlsLevels, Transports,
};

/// The name of the host under test.
pub(crate) const HOST: &str = "here.example";

/// Plays `scene` on a clock of its own.
pub(crate) fn play<T>(scene: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(scene)
}

struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_600_000) + (self.now() - self.0)
    }
}

/// Numbers that are as good as any here: they count.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

struct Runtime;

impl Tasks for Runtime {
    fn spawn(&self, task: Doing<'static, ()>) {
        tokio::spawn(task);
    }
}

/// Every secret is `open sesame`, but for one that is lost.
struct Keyring;

impl Secrets for Keyring {
    fn read<'a>(&'a self, name: &'a str) -> Doing<'a, Result<Secret, String>> {
        Box::pin(async move {
            let found = (name != "lost").then(|| Secret::new("open sesame"));
            found.ok_or_else(|| "it is lost".to_owned())
        })
    }
}

/// The name system.
#[derive(Clone, Default)]
pub(crate) struct Zone(Arc<Mutex<ZoneState>>);

#[derive(Default)]
struct ZoneState {
    records: BTreeMap<String, Vec<Record>>,
    failing: bool,
    /// What questions that ask for proof are told of every zone.
    security: Security,
    /// Names of which nothing is to be had, and the names of which what is had is forged.
    dark: BTreeSet<String>,
    forged: BTreeSet<String>,
    pause: Duration,
}

impl Zone {
    /// `far.example` has these exchangers, best first, each with its address.
    pub(crate) fn exchangers(&self, domain: &str, addresses: &[&str]) {
        for (number, address) in (1..).zip(addresses) {
            let host = format!("mx{number}.{domain}");
            self.add(domain, Record::Mx(10 * number, host.clone()));
            self.add(&host, Record::A(address.parse::<Ipv4Addr>().unwrap()));
        }
    }

    /// Adds a record.
    pub(crate) fn add(&self, name: &str, record: Record) {
        self.0.lock().records.entry(name.to_owned()).or_default().push(record);
    }

    /// All zones are signed, or none is.
    pub(crate) fn set_security(&self, security: Security) {
        self.0.lock().security = security;
    }

    /// Nothing is to be had of `name`.
    pub(crate) fn darken(&self, name: &str) {
        self.0.lock().dark.insert(name.to_owned());
    }

    /// What is had of `name` contradicts its signatures.
    pub(crate) fn forge(&self, name: &str) {
        self.0.lock().forged.insert(name.to_owned());
    }

    /// Forgets all records of `name`.
    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().records.remove(name);
    }

    /// No server answers, or they do again.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.0.lock().failing = failing;
    }

    /// Every answer takes so long.
    pub(crate) fn set_pause(&self, pause: Duration) {
        self.0.lock().pause = pause;
    }

    fn answer(&self, question: &Question) -> Answer {
        let state = self.0.lock();
        let ttl = Duration::ZERO;
        let security = if question.checked { state.security } else { Security::Unchecked };
        if question.checked && state.forged.contains(&question.name) {
            return Answer::Bogus("forged".to_owned());
        }
        if state.failing || state.dark.contains(&question.name) {
            return Answer::Failed("no server answers".to_owned());
        }
        let Some(records) = state.records.get(&question.name) else {
            return Answer::NoName { ttl, security };
        };
        let fits = |record: &&Record| {
            matches!(
                (record, question.kind),
                (Record::A(_), Kind::A)
                    | (Record::Aaaa(_), Kind::Aaaa)
                    | (Record::Mx(..), Kind::Mx)
                    | (Record::Txt(_), Kind::Txt)
                    // An alias whose target the resolver did not bring along.
                    | (Record::Cname(_), Kind::Txt)
                    | (Record::Tlsa(_), Kind::Tlsa)
                    | (Record::Cname(_), _)
            )
        };
        let records: Vec<_> = records.iter().filter(fits).cloned().collect();
        if records.is_empty() {
            Answer::NoData { ttl, security }
        } else {
            Answer::Found { records, ttl, security }
        }
    }
}

impl Names for Zone {
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer> {
        Box::pin(async move {
            let pause = self.0.lock().pause;
            tokio::time::sleep(pause).await;
            self.answer(question)
        })
    }
}

/// The mailboxes: each letter as text, head first.
#[derive(Clone, Default)]
pub(crate) struct Boxes(Arc<Mutex<BoxState>>);

#[derive(Default)]
struct BoxState {
    letters: BTreeMap<String, Vec<String>>,
    locked: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Boxes {
    /// What `user` has got.
    pub(crate) fn of(&self, user: &str) -> Vec<String> {
        self.0.lock().letters.get(user).cloned().unwrap_or_default()
    }

    /// The mailbox of `user` takes nothing, or does again.
    pub(crate) fn lock(&self, user: &str, locked: bool) {
        let mut state = self.0.lock();
        let _ = if locked { state.locked.insert(user.into()) } else { state.locked.remove(user) };
    }

    /// The mailbox of `user` is gone.
    pub(crate) fn remove(&self, user: &str) {
        self.0.lock().missing.insert(user.into());
    }
}

impl Mailboxes for Boxes {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(async move {
            let mut octets = delivery.head.to_vec();
            let mut body = delivery.body;
            while let Some(chunk) = body.next().await.map_err(MailboxError::Content)? {
                octets.extend_from_slice(&chunk);
            }
            assert!(delivery.user != "eve" || !octets.ends_with(b"panic\r\n"), "so the test wants");
            let mut state = self.0.lock();
            if state.locked.contains(delivery.user) {
                return Err(MailboxError::Unavailable("locked".to_owned()));
            }
            if state.missing.contains(delivery.user) {
                return Err(MailboxError::Unknown(delivery.user.to_owned()));
            }
            let letter = String::from_utf8_lossy(&octets).into_owned();
            let name = match delivery.place {
                Place::Home => delivery.user.to_owned(),
                Place::Described { template, domain } => {
                    format!("{template} {} {domain}", delivery.user)
                }
                Place::File(path) => format!("{path} {}", delivery.user),
            };
            state.letters.entry(name).or_default().push(letter);
            Ok(())
        })
    }
}

/// Programs: what each was given, and how the next runs end.
#[derive(Clone, Default)]
pub(crate) struct Programs(Arc<Mutex<ProgramState>>);

#[derive(Default)]
struct ProgramState {
    runs: Vec<String>,
    ends: Vec<(End, &'static str)>,
    at_once: (usize, usize),
    pause: Duration,
}

impl Programs {
    /// The runs from now on end so, the last one for ever.
    pub(crate) fn end(&self, end: End, output: &'static str) {
        self.0.lock().ends.push((end, output));
    }

    /// Each run takes so long.
    pub(crate) fn set_pause(&self, pause: Duration) {
        self.0.lock().pause = pause;
    }

    /// The arguments of each run, and what it read.
    pub(crate) fn runs(&self) -> Vec<String> {
        self.0.lock().runs.clone()
    }

    /// How many ran at once at most.
    pub(crate) fn at_once(&self) -> usize {
        self.0.lock().at_once.1
    }
}

impl Commands for Programs {
    fn run<'a>(&'a self, run: CommandRun<'a>) -> Doing<'a, Result<Ran, CommandError>> {
        Box::pin(async move {
            let mut octets = run.head.to_vec();
            let mut body = run.body;
            while let Some(chunk) = body.next().await.map_err(CommandError::Content)? {
                octets.extend_from_slice(&chunk);
            }
            let from = run.from.map_or_else(String::new, |(sender, _)| format!("From {sender}\n"));
            let text = String::from_utf8_lossy(&octets).into_owned();
            let user = run.user.unwrap_or("-");
            let pause = {
                let mut state = self.0.lock();
                state.runs.push(format!("{user} {}\n{from}{text}", run.command.join("|")));
                state.at_once.0 += 1;
                state.at_once.1 = state.at_once.1.max(state.at_once.0);
                state.pause
            };
            tokio::time::sleep(pause).await;
            let mut state = self.0.lock();
            state.at_once.0 -= 1;
            let (end, output) = match state.ends.len() {
                0 => (End::Exit(0), ""),
                1 => state.ends[0].clone(),
                _ => state.ends.remove(0),
            };
            Ok(Ran { end, output: output.as_bytes().to_vec() })
        })
    }
}

/// An engine and what it acts on.
pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) net: Net,
    pub(crate) zone: Zone,
    pub(crate) web: Pages,
    pub(crate) shelf: Arc<MemoryShelf>,
    pub(crate) history: Arc<MemoryHistory>,
    pub(crate) boxes: Boxes,
    pub(crate) programs: Programs,
    pub(crate) spool: TestSpool,
}

/// So many connections to each destination.
pub(crate) fn limits(connections: usize) -> LimitTable {
    let mut limits = LimitTable::default();
    limits.default.connections.value = connections;
    limits
}

/// Options of the host under test.
pub(crate) fn options() -> Options {
    let hostname: DomainName = HOST.parse().unwrap();
    Options {
        access: Access {
            users: Users::listed(["ada", "bob", "eve"]),
            ..Access::new(hostname.clone())
        },
        hostname,
        node: 0,
        routes: Routes::default(),
        schedule: Schedule { jitter_percent: 0, ..Schedule::default() },
        rewriting: Default::default(),
        copies: None,
        srs: None,
        trust: queue::trust::Trust::default(),
        clients: queue::clients::Limits {
            connections: 0,
            connection_rate: 0,
            message_rate: 0,
            mistakes: 0,
            tarpit: Duration::from_secs(5),
        },
        lockout: queue::lockout::Limits::default(),
        submission: queue::submission::Rules::default(),
        rates: queue::submission::Rates::default(),
        limits: limits(3),
        double_bounces: false,
        outbound_port: 25,
        chunking: true,
        smarthosts: Smarthosts::new(),
        transports: Transports::default(),
        providers: Vec::new(),
        tls_levels: TlsLevels::all(Level::Opportunistic),
        eight_bit: EightBit::Convert,
        connections: Told::plain(100),
        outbound_source: Vec::new(),
        own_addresses: Vec::new(),
        own_ports: vec![25],
        connect_timeout: Duration::from_secs(30),
        timeouts: smtp::client::Timeouts::default(),
        paused: false,
        sessions: 10,
        memory: 1024 * 1024,
        zone: 0,
    }
}

impl Scene {
    /// An engine with `options`, not started yet.
    pub(crate) fn new(options: Options) -> Self {
        Self::with_world(options, |_| ())
    }

    /// The same, with a way to secure connections.
    pub(crate) fn with_tls(options: Options, tls: Arc<dyn Tls>) -> Self {
        Self::with_world(options, |world| world.tls = tls)
    }

    /// The same, with other doors.
    pub(crate) fn with_world(options: Options, change: impl FnOnce(&mut World)) -> Self {
        let (net, zone, boxes, spool) =
            (Net::default(), Zone::default(), Boxes::default(), TestSpool::default());
        let programs = Programs::default();
        let (web, shelf) = (Pages::default(), Arc::new(MemoryShelf::default()));
        let history = Arc::new(MemoryHistory::new(Detail::Failures));
        let mut world = World {
            tasks: Arc::new(Runtime),
            clock: Arc::new(TestClock(tokio::time::Instant::now().into_std())),
            random: Arc::new(Counting::default()),
            network: Arc::new(net.clone()),
            tls: Arc::new(ScriptedTls),
            logins: Arc::new(super::accounts::TestLogins),
            secrets: Arc::new(Keyring),
            names: Arc::new(zone.clone()),
            web: Arc::new(web.clone()),
            shelf: shelf.clone(),
            history: history.clone(),
            tables: Arc::new(NoTables),
            mailboxes: Arc::new(boxes.clone()),
            commands: Arc::new(programs.clone()),
            forwards: Arc::new(crate::doors::NoForwards),
            spool: Arc::new(spool.clone()),
        };
        change(&mut world);
        let engine = Engine::new(options, world);
        Self { engine, net, zone, web, shelf, history, boxes, programs, spool }
    }

    /// An engine at work.
    pub(crate) fn started() -> Self {
        let scene = Self::new(options());
        scene.engine.start();
        scene
    }

    /// A letter enters, as from a program of this host.
    pub(crate) async fn letter(
        &self,
        from: &str,
        to: &[&str],
        content: &str,
    ) -> Result<Accepted, Refusal> {
        let recipient = |path: &&str| Recipient {
            path: format!("<{path}>").parse().unwrap(),
            parameters: RecipientParameters::default(),
        };
        let envelope = Envelope {
            reverse_path: format!("<{from}>").parse().unwrap(),
            parameters: MailParameters::default(),
            recipients: to.iter().map(recipient).collect(),
        };
        self.submit(envelope, content).await
    }

    /// The same with an envelope of its own.
    pub(crate) async fn submit(
        &self,
        envelope: Envelope,
        content: &str,
    ) -> Result<Accepted, Refusal> {
        let mut inlet = self.engine.begin().await?;
        inlet.write(Bytes::copy_from_slice(content.as_bytes())).await?;
        inlet.finish(envelope, Origin::default()).await
    }

    /// Lets `seconds` pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// The queue.
    pub(crate) async fn queue(&self) -> Vec<Listed> {
        self.engine.list(None, 1000).await.unwrap().0
    }

    /// What waits, as `recipient: reason` lines.
    pub(crate) async fn waiting(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        for job in self.queue().await {
            for recipient in job.recipients {
                let reason = recipient.reason.unwrap_or_default();
                waiting.push(format!("{}: {reason}", recipient.address));
            }
        }
        waiting
    }

    /// Who was dialled.
    pub(crate) fn dials(&self) -> Vec<String> {
        self.net.seen(|seen| seen.dials.iter().map(IpAddr::to_string).collect())
    }

    /// What the peers took.
    pub(crate) fn letters(&self) -> Vec<String> {
        self.net.seen(|seen| seen.letters.clone())
    }

    /// Every script was played to its end, and the client kept to it.
    pub(crate) fn check_scripts(&self, name: &str) {
        self.net.seen(|seen| {
            assert!(seen.faults.is_empty(), "{name}: {:?}; {:#?}", seen.faults, seen.commands);
        });
        assert_eq!(self.net.unplayed(), 0, "{name}: scripts left, dialled {:?}", self.dials());
    }
}
