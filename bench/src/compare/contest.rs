//! The contests. Each starts a server in an empty folder, drives it, and ends it.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;

use super::contender::{Contender, HOME, Setup};
use crate::client::Client;
use crate::cost;
use crate::generator::{self, Load, Mode};
use crate::ledger::{Ledger, quantile};
use crate::letter::Template;
use crate::mailboxes::Mailboxes;
use crate::scenario::{Drive, settle};
use crate::server::{Plan, Running, free_address};
use crate::sink::Sink;

const SENDER: &str = "writer@bench.example";
/// Without an arrival for so long, what is missing will not come.
const STILL: Duration = Duration::from_secs(30);
const LETTER: usize = 4096;
/// Connections to one destination: what both of the servers come with.
const CONNECTIONS: usize = 20;

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Contest {
    /// 100 lock-step sessions; letters are taken and kept.
    Accept,
    /// The same from 20 sessions.
    Accept20,
    /// The same from 20 sessions, in groups of commands.
    Accept20Pipelined,
    /// 100 lock-step sessions; letters go to one domain.
    Relay,
    /// The same to 50 domains, each at an address of its own.
    Relay50,
    /// 100 lock-step sessions; letters come into ten Maildirs.
    Maildir,
    /// Letters to 1,000 recipients in ten domains, one after the other.
    List,
    /// One letter after the other.
    Lone,
    /// Letters of 10 MB, from four sessions.
    Large,
    /// Sessions that say nothing.
    Idle,
    /// Many letters for a host that is down: their coming, the rate of others meanwhile, the list, a
    /// crash, and their going.
    Deep,
}

/// What came out; what a contest does not measure is `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Letters, or recipients of the list, or sessions.
    pub count: usize,
    /// Of them in a second.
    pub per_second: Option<f64>,
    /// CPU of the server for each.
    pub cpu_us: Option<f64>,
    /// The median: end of data to `250`, or to the sink.
    pub p50_ms: Option<f64>,
    /// The same, of the slowest hundredth.
    pub p99_ms: Option<f64>,
    /// The most memory that its processes had resident.
    pub peak_mib: Option<f64>,
    /// Memory for each idle session.
    pub session_kib: Option<f64>,
    /// From the start of the process after a crash to the first letter taken.
    pub restart_s: Option<f64>,
    /// The list of the queue, whole.
    pub list_s: Option<f64>,
    /// Letters a second from the deep queue when their host is back.
    pub drain_per_second: Option<f64>,
    /// The rate of other letters with the deep queue, by that without.
    pub beside: Option<f64>,
    /// The rate of the last tenth of the deep queue's coming, by that of the first.
    pub slope: Option<f64>,
    /// What is missing or came twice, and what else is to be said.
    pub notes: Vec<String>,
}

/// The one whose rate (or time, where there is no rate) is in the middle.
pub(super) fn median(mut rounds: Vec<Figures>) -> Option<Figures> {
    let key = |one: &Figures| one.per_second.or(one.p50_ms).unwrap_or_default();
    rounds.sort_by(|one, other| key(one).total_cmp(&key(other)));
    (!rounds.is_empty()).then(|| rounds.swap_remove(rounds.len() / 2))
}

/// What all contests share.
pub(super) struct Ground<'a> {
    pub(super) sink: &'a Sink,
    pub(super) folder: &'a Path,
    pub(super) deep: u32,
    /// How many servers have had a folder here.
    pub(super) runs: Cell<usize>,
}

impl Ground<'_> {
    /// The sink at an address that is nobody else's.
    fn hop(&self, place: u8) -> SocketAddr {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 1, place));
        SocketAddr::new(ip, self.sink.address().port())
    }

    fn plan(&self, name: &str, paused: bool) -> io::Result<Plan> {
        let number = self.runs.get();
        self.runs.set(number + 1);
        let folder = self.folder.join(format!("{number}-{}", name.replace(' ', "-")));
        let (listen, next_hop) = (free_address()?, self.hop(1));
        Ok(Plan { folder, listen, next_hop, paused, connections: CONNECTIONS, traced: false })
    }
}

/// Letters for a server that takes thousands a second, and for one that takes hundreds: some
/// seconds of work for each.
fn letters(contender: &Contender, fast: u32, slow: u32) -> u32 {
    if matches!(contender, Contender::Postfix { .. }) { slow } else { fast }
}

impl Contest {
    /// All, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Accept,
        Self::Accept20,
        Self::Accept20Pipelined,
        Self::Relay,
        Self::Relay50,
        Self::Maildir,
        Self::List,
        Self::Lone,
        Self::Large,
        Self::Idle,
        Self::Deep,
    ];

    /// For the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept, 100 sessions",
            Self::Accept20 => "accept, 20 sessions",
            Self::Accept20Pipelined => "accept, 20 pipelined",
            Self::Relay => "relay, one domain",
            Self::Relay50 => "relay, 50 domains",
            Self::Maildir => "local Maildirs",
            Self::List => "list of 1,000",
            Self::Lone => "lone letter",
            Self::Large => "10 MB letters",
            Self::Idle => "idle sessions",
            Self::Deep => "deep queue",
        }
    }

    /// Whether `contender` can take part.
    pub(super) fn is_open_to(self, contender: &Contender) -> bool {
        match contender {
            Contender::Bare { .. } => matches!(
                self,
                Self::Accept | Self::Accept20 | Self::Accept20Pipelined | Self::Relay
            ),
            _ => true,
        }
    }

    /// Holds it once.
    pub(super) fn hold(self, contender: &Contender, ground: &Ground<'_>) -> io::Result<Figures> {
        let few = |fast, slow| letters(contender, fast, slow);
        match self {
            Self::Accept => flow(contender, ground, &Flow::accept(100, few(60_000, 6_000))),
            Self::Accept20 => flow(contender, ground, &Flow::accept(20, few(60_000, 6_000))),
            Self::Accept20Pipelined => {
                let pipelined = Mode::Pipelined;
                let flow_ = Flow { mode: pipelined, ..Flow::accept(20, few(100_000, 6_000)) };
                flow(contender, ground, &flow_)
            }
            Self::Relay => flow(contender, ground, &Flow::relay(1, few(50_000, 4_000))),
            Self::Relay50 => flow(contender, ground, &Flow::relay(50, few(50_000, 4_000))),
            Self::Large => {
                let (sessions, size) = (4, 10 << 20);
                let large = Flow { sessions, size, ..Flow::relay(1, few(100, 40)) };
                flow(contender, ground, &large)
            }
            Self::Maildir => maildir(contender, ground, few(40_000, 4_000)),
            Self::List => list(contender, ground, few(50, 10)),
            Self::Lone => lone(contender, ground),
            Self::Idle => idle(contender, ground, few(5_000, 90)),
            Self::Deep => deep(contender, ground),
        }
    }
}

/// Letters that pass as fast as they can.
struct Flow {
    relayed: bool,
    domains: u8,
    sessions: usize,
    letters: u32,
    size: usize,
    mode: Mode,
}

impl Flow {
    fn accept(sessions: usize, letters: u32) -> Self {
        let (size, mode) = (LETTER, Mode::LockStep);
        Self { relayed: false, domains: 1, sessions, letters, size, mode }
    }

    fn relay(domains: u8, letters: u32) -> Self {
        Self { relayed: true, domains, ..Self::accept(100, letters) }
    }
}

fn domain(place: u8) -> String {
    format!("d{place}.example")
}

fn routes(ground: &Ground<'_>, domains: u8) -> Vec<(String, SocketAddr)> {
    (1..=domains).map(|place| (domain(place), ground.hop(place))).collect()
}

fn flow(contender: &Contender, ground: &Ground<'_>, flow: &Flow) -> io::Result<Figures> {
    let setup = Setup { routes: routes(ground, flow.domains), users: Vec::new() };
    let plan = ground.plan(contender.name(), !flow.relayed)?;
    let running = start(contender, &setup, &plan)?;
    let recipients = (1..=flow.domains).map(|place| format!("reader@{}", domain(place)));
    let load = Load {
        target: plan.listen,
        sessions: flow.sessions,
        letters: 0..flow.letters,
        size: flow.size,
        mode: flow.mode,
        sender: SENDER.into(),
        recipients: recipients.collect(),
    };
    let figures = passing(&load, ground, running.pid(), flow.relayed)?;
    end(running, &plan)?;
    Ok(figures)
}

/// Sends `load` and takes the figures: of acceptance, or of arrival at the sink.
fn passing(load: &Load, ground: &Ground<'_>, pid: u32, relayed: bool) -> io::Result<Figures> {
    let ledger = Arc::new(Ledger::new(load.letters.len()));
    ground.sink.open(&ledger);
    let before = cost::of_tree(pid);
    let sent = generator::run(load, &ledger)?;
    if relayed {
        settle(&ledger);
    }
    let after = cost::of_tree(pid);
    let balance = ledger.balance();
    let (span, mut times, count) = match relayed {
        true => (ledger.arrival_span(), ledger.transit_times(), balance.arrived),
        false => (ledger.acceptance_span(), ledger.reply_times(), balance.accepted),
    };
    let mut notes = sent.complaints;
    if sent.refused + sent.broken > 0 {
        notes.push(format!("{} letters refused, {} sessions broken", sent.refused, sent.broken));
    }
    if relayed && !balance.lost.is_empty() {
        notes.push(format!("{} letters did not arrive", balance.lost.len()));
    }
    if balance.repeated > 0 {
        notes.push(format!("{} letters came twice", balance.repeated));
    }
    Ok(Figures {
        count,
        per_second: rate(count, span.end.saturating_sub(span.start)),
        cpu_us: each(after.cpu.saturating_sub(before.cpu), count),
        p50_ms: Some(milliseconds(quantile(&mut times, 0.5))),
        p99_ms: Some(milliseconds(quantile(&mut times, 0.99))),
        peak_mib: Some(after.peak_kib as f64 / 1024.0),
        notes,
        ..Figures::default()
    })
}

fn rate(count: usize, span: Duration) -> Option<f64> {
    (!span.is_zero()).then(|| count as f64 / span.as_secs_f64())
}

fn each(cpu: Duration, count: usize) -> Option<f64> {
    (count > 0).then(|| cpu.as_secs_f64() * 1e6 / count as f64)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn start(contender: &Contender, setup: &Setup, plan: &Plan) -> io::Result<Running> {
    Running::start(contender.starter(setup).as_ref(), plan)
}

fn end(running: Running, plan: &Plan) -> io::Result<()> {
    running.stop()?;
    std::fs::remove_dir_all(&plan.folder)
}

fn maildir(contender: &Contender, ground: &Ground<'_>, letters: u32) -> io::Result<Figures> {
    let users: Vec<String> = (0..10).map(|number| format!("user{number}")).collect();
    let setup = Setup { routes: Vec::new(), users: users.clone() };
    let plan = ground.plan(contender.name(), false)?;
    let running = start(contender, &setup, &plan)?;
    let recipients: Vec<_> = users.iter().map(|user| format!("{user}@{HOME}")).collect();
    let folders: Vec<_> = users.iter().map(|user| contender.maildir(&plan, user)).collect();
    // The first letter makes each Maildir; then they can be watched.
    let mut client = Client::connect(plan.listen)?;
    client.command("EHLO bench.example", b'2')?;
    for recipient in &recipients {
        client.envelope(SENDER, "", &[recipient])?;
        client.content(b"Subject: the first\r\n\r\nHere.\r\n")?;
    }
    let begin = Instant::now();
    let there = |folder: &std::path::PathBuf| {
        std::fs::read_dir(folder).is_ok_and(|mut letters| letters.next().is_some())
    };
    while !folders.iter().all(there) {
        if begin.elapsed() > STILL {
            return Err(io::Error::other("the Maildirs do not come about"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let boxes = Mailboxes::watch(&folders)?;
    let ledger = Arc::new(Ledger::new(letters as usize));
    let load = Load {
        target: plan.listen,
        sessions: 100,
        letters: 0..letters,
        size: LETTER,
        mode: Mode::LockStep,
        sender: SENDER.into(),
        recipients,
    };
    let before = cost::of_tree(running.pid());
    let begin = Instant::now();
    let watching = std::thread::spawn(move || boxes.expect(letters as usize, STILL));
    let sent = generator::run(&load, &ledger)?;
    let watched = watching.join().map_err(|_| io::Error::other("the watcher fell"))?;
    let (count, last) = watched?;
    let after = cost::of_tree(running.pid());
    let mut notes = sent.complaints;
    let accepted = ledger.balance().accepted;
    if count != accepted {
        notes.push(format!("{accepted} accepted, {count} in the Maildirs"));
    }
    // Its letters stay to the end of all: a file system may shun the inodes of files that went a moment
    // ago (ext4 without a journal does, for minutes), and the next server would pay for the sweeping.
    running.stop()?;
    Ok(Figures {
        count,
        per_second: rate(count, last.saturating_duration_since(begin)),
        cpu_us: each(after.cpu.saturating_sub(before.cpu), count),
        peak_mib: Some(after.peak_kib as f64 / 1024.0),
        notes,
        ..Figures::default()
    })
}

fn list(contender: &Contender, ground: &Ground<'_>, letters: u32) -> io::Result<Figures> {
    const DOMAINS: u8 = 10;
    const MEMBERS: u32 = 100;
    let setup = Setup { routes: routes(ground, DOMAINS), users: Vec::new() };
    let plan = ground.plan(contender.name(), false)?;
    let running = start(contender, &setup, &plan)?;
    let members = |place: u8| (0..MEMBERS).map(move |n| format!("member{n}@{}", domain(place)));
    let recipients: Vec<String> = (1..=DOMAINS).flat_map(members).collect();
    let ledger = Arc::new(Ledger::new(letters as usize));
    ground.sink.open(&ledger);
    let template = Template::new(SENDER, "list@bench.example", LETTER);
    let expected = letters as usize * recipients.len();
    let before = cost::of_tree(running.pid());
    let mut client = Client::connect(plan.listen)?;
    client.command("EHLO bench.example", b'2')?;
    let begin = ledger.elapsed();
    for sequence in 0..letters {
        let mut content = Vec::new();
        template.write(ledger.number(sequence), &mut content);
        content.truncate(content.len().saturating_sub(3));
        client.envelope_at_once(SENDER, &recipients)?;
        client.content(&content)?;
    }
    let (mut seen, mut moved) = (0, Instant::now());
    while ledger.reached().0 < expected as u64 && moved.elapsed() < STILL {
        let (now, _) = ledger.reached();
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let after = cost::of_tree(running.pid());
    let (count, last) = ledger.reached();
    let count = count as usize;
    let notes = match count == expected {
        true => Vec::new(),
        false => vec![format!("{count} of {expected} recipients reached")],
    };
    end(running, &plan)?;
    Ok(Figures {
        count,
        per_second: rate(count, last.saturating_sub(begin)),
        cpu_us: each(after.cpu.saturating_sub(before.cpu), count),
        peak_mib: Some(after.peak_kib as f64 / 1024.0),
        notes,
        ..Figures::default()
    })
}

fn lone(contender: &Contender, ground: &Ground<'_>) -> io::Result<Figures> {
    let setup = Setup::default();
    let plan = ground.plan(contender.name(), false)?;
    let running = start(contender, &setup, &plan)?;
    let drive = Drive { target: plan.listen, pid: running.pid(), sink: ground.sink };
    let row = drive.lone(LETTER)?;
    end(running, &plan)?;
    let (p50_ms, p99_ms, notes) = (row.p50_ms, row.p99_ms, row.notes);
    Ok(Figures { count: row.letters, p50_ms, p99_ms, notes, ..Figures::default() })
}

fn idle(contender: &Contender, ground: &Ground<'_>, sessions: u32) -> io::Result<Figures> {
    // Each needs a descriptor here and one there; what the system allows is inherited.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let setup = Setup::default();
    let plan = ground.plan(contender.name(), true)?;
    let running = start(contender, &setup, &plan)?;
    let open = |count: u32| -> io::Result<Vec<Client>> {
        let session = |_| {
            let mut client = Client::connect(plan.listen)?;
            client.command("EHLO bench.example", b'2')?;
            Ok(client)
        };
        (0..count).map(session).collect()
    };
    let _warm = open(4)?;
    let before = cost::of_tree(running.pid());
    let idle = open(sessions)?;
    let after = cost::of_tree(running.pid());
    let grown = after.share_kib.saturating_sub(before.share_kib);
    drop(idle);
    end(running, &plan)?;
    Ok(Figures {
        count: sessions as usize,
        session_kib: Some(grown as f64 / f64::from(sessions.max(1))),
        peak_mib: Some(after.share_kib as f64 / 1024.0),
        ..Figures::default()
    })
}

/// Letters of others between the stages of the deep queue.
fn beside(contender: &Contender, ground: &Ground<'_>, plan: &Plan, pid: u32) -> io::Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        let load = Load {
            target: plan.listen,
            sessions: 20,
            letters: 0..letters(contender, 20_000, 1_500),
            size: LETTER,
            mode: Mode::LockStep,
            sender: SENDER.into(),
            recipients: vec![format!("reader@{}", domain(1))],
        };
        rates.extend(passing(&load, ground, pid, true)?.per_second);
    }
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().ok_or_else(|| io::Error::other("no letter arrived"))
}

/// Waits until a server has nothing to do, a minute at most.
fn calm(pid: u32) {
    let (look, busy) = (Duration::from_millis(500), Duration::from_millis(10));
    let mut before = cost::of_tree(pid).cpu;
    for _ in 0..120 {
        std::thread::sleep(look);
        let now = cost::of_tree(pid).cpu;
        if now.saturating_sub(before) < busy {
            return;
        }
        before = now;
    }
}

fn deep(contender: &Contender, ground: &Ground<'_>) -> io::Result<Figures> {
    // Nobody listens there until the queue is to go.
    let down = free_address()?;
    let mut setup = Setup { routes: routes(ground, 1), users: Vec::new() };
    setup.routes.push(("down.example".to_owned(), down));
    let plan = ground.plan(contender.name(), false)?;
    let running = start(contender, &setup, &plan)?;
    let without = beside(contender, ground, &plan, running.pid())?;

    let ledger = Arc::new(Ledger::new(ground.deep as usize));
    let before = cost::of_tree(running.pid());
    let load = Load {
        target: plan.listen,
        sessions: 100,
        letters: 0..ground.deep,
        size: LETTER,
        mode: Mode::LockStep,
        sender: SENDER.into(),
        recipients: vec!["reader@down.example".to_owned()],
    };
    let sent = generator::run(&load, &ledger)?;
    let after = cost::of_tree(running.pid());
    let span = ledger.acceptance_span();
    let count = ledger.balance().accepted;
    let slope = slope(&ledger.acceptances());
    // The letters are to be deferred, not on their way to it.
    calm(running.pid());
    let with = beside(contender, ground, &plan, running.pid())?;

    let begin = Instant::now();
    let listed = contender.list(&plan)?;
    let list_s = begin.elapsed().as_secs_f64();
    running.kill9()?;

    let begin = Instant::now();
    let running = start(contender, &setup, &plan)?;
    let mut client = Client::connect(plan.listen)?;
    client.command("EHLO bench.example", b'2')?;
    client.envelope(SENDER, "", &["reader@d1.example"])?;
    client.content(b"Subject: after the crash\r\n\r\nHere.\r\n")?;
    let restart_s = begin.elapsed().as_secs_f64();

    let host = Sink::start(down)?;
    host.open(&ledger);
    let begin = ledger.elapsed();
    contender.flush(&plan)?;
    settle(&ledger);
    let drained = ledger.balance();
    let end_ = ledger.arrival_span().end;
    let memory = cost::of_tree(running.pid()).peak_kib as f64 / 1024.0;
    let mut notes = sent.complaints;
    notes.push(format!("the list has {listed} octets; peak after the crash {memory:.0} MiB"));
    if !drained.lost.is_empty() || drained.repeated > 0 {
        let (lost, twice) = (drained.lost.len(), drained.repeated);
        notes.push(format!("{lost} letters did not arrive in time, {twice} came twice"));
    }
    running.kill9()?;
    std::fs::remove_dir_all(&plan.folder)?;
    Ok(Figures {
        count,
        per_second: rate(count, span.end.saturating_sub(span.start)),
        cpu_us: each(after.cpu.saturating_sub(before.cpu), count),
        peak_mib: Some(after.peak_kib as f64 / 1024.0),
        restart_s: Some(restart_s),
        list_s: Some(list_s),
        drain_per_second: rate(drained.arrived, end_.saturating_sub(begin)),
        beside: Some(with / without),
        slope,
        notes,
        ..Figures::default()
    })
}

/// The rate of the last tenth by that of the first, of moments in the order of time.
fn slope(moments: &[Duration]) -> Option<f64> {
    let tenth = moments.len() / 10;
    let span = |from: usize, to: usize| {
        let (from, to) = (moments.get(from)?, moments.get(to)?);
        Some(to.saturating_sub(*from).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    };
    let first = span(0, tenth)?;
    let last = span(moments.len().checked_sub(tenth + 1)?, moments.len().checked_sub(1)?)?;
    Some(first / last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_rates() {
        let at = |places: &[u64]| -> Vec<_> {
            places.iter().map(|place| Duration::from_millis(*place)).collect()
        };
        let even: Vec<u64> = (0..100).collect();
        assert_eq!(slope(&at(&even)), Some(1.0));
        let mut slower = even.clone();
        slower.iter_mut().skip(89).for_each(|place| *place = 89 + (*place - 89) * 2);
        assert_eq!(slope(&at(&slower)), Some(0.5));
        assert_eq!(slope(&at(&[1, 2])), None);
    }

    #[test]
    fn the_middle_counts() {
        let of = |rate: f64| Figures { per_second: Some(rate), ..Figures::default() };
        let middle = median(vec![of(3.0), of(1.0), of(2.0)]);
        assert_eq!(middle.and_then(|it| it.per_second), Some(2.0));
        assert!(median(Vec::new()).is_none());
    }
}
