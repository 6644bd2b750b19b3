//! Measures the log on a real disk.
//!
//! `throughput [DIR]`: producers that insert 4 KiB messages durably, each finished ten messages
//! later. `throughput --fill N [DIR]`: memory and time to start with N messages of 1 KiB held.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use spool::contract::block_on;
use spool::{
    Body, ClaimRequest, Claimed, Durability, MessageId, NewJob, NewMessage, Next, Op, Spool, Txn,
};
use spool_log::disk::{Disk, File, Lock, LockError, Space};
use spool_log::{Log, Options, OsDisk};

static SYNCS: AtomicU64 = AtomicU64::new(0);

/// The real disk, with a count of syncs.
struct Counted(OsDisk);
struct CountedFile(Arc<dyn File>);

impl Disk for Counted {
    fn name(&self) -> String {
        self.0.name()
    }
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.0.create_dir(path)
    }
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(CountedFile(self.0.create(path)?)))
    }
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(CountedFile(self.0.open(path)?)))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_dir(&self, path: &str) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        self.0.sync_dir(path)
    }
    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.0.list(path)
    }
    fn lock(&self, path: &str) -> Result<Box<dyn Lock>, LockError> {
        self.0.lock(path)
    }
    fn space(&self) -> io::Result<Space> {
        self.0.space()
    }
    fn written(&self, path: &str, len: u64) -> io::Result<Arc<dyn File>> {
        self.0.written(path, len)
    }
}

impl File for CountedFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buffer, at)
    }
    fn write_at(&self, data: &[u8], at: u64) -> io::Result<usize> {
        self.0.write_at(data, at)
    }
    fn datasync(&self) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        self.0.datasync()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.allocate(len)
    }
}

fn open(dir: &Path) -> Log {
    let state = AtomicU64::new(u64::from(std::process::id()));
    let random =
        move || state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_mul(0x2545_f491);
    let started = Instant::now();
    let disk = Arc::new(Counted(OsDisk::new(dir)));
    let (log, found) = Log::open(disk, Options::new(Arc::new(random))).expect("a log");
    println!(
        "open: {:?}, {} messages, {} segments, {} from side indexes",
        started.elapsed(),
        found.messages,
        found.segments,
        found.from_index
    );
    log
}

fn message(n: u64, body: &Bytes, claim: bool) -> NewMessage {
    let id = MessageId::new(SystemTime::UNIX_EPOCH + Duration::from_millis(n), 0, n);
    let job = NewJob {
        queue: format!("domain{}.example", n % 1000),
        recipients: vec![0],
        due: SystemTime::UNIX_EPOCH + Duration::from_millis(n),
        hold: false,
    };
    NewMessage {
        id,
        envelope: Bytes::from(vec![b'e'; 300]),
        head_edits: Bytes::new(),
        body: Body::Inline(body.clone()),
        jobs: vec![job],
        claim,
    }
}

/// CPU time of this process, in ticks of 10 ms.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11..13).into_iter().flatten().filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

fn finish(log: &Log, claimed: &Claimed) {
    let op =
        Op::Update { job: claimed.job, fence: claimed.fence, recipients: vec![], next: Next::Done };
    let durability = Durability::Relaxed(Duration::from_millis(50));
    block_on(log.commit(Txn { ops: vec![op], durability })).expect("finished");
}

fn produce(log: &Log, numbers: &AtomicU64, until: Instant) -> Vec<Duration> {
    let body = Bytes::from(vec![b'x'; 4096]);
    let mut waits = Vec::new();
    let mut open = VecDeque::new();
    while Instant::now() < until {
        let ops = vec![Op::Insert(message(numbers.fetch_add(1, Ordering::Relaxed), &body, true))];
        let started = Instant::now();
        let committed = block_on(log.commit(Txn { ops, durability: Durability::Durable }));
        waits.push(started.elapsed());
        open.extend(committed.expect("held").claimed);
        if open.len() > 10
            && let Some(claimed) = open.pop_front()
        {
            finish(log, &claimed);
        }
    }
    open.iter().for_each(|claimed| finish(log, claimed));
    waits
}

fn measure(dir: &Path) {
    let log = open(dir);
    let numbers = AtomicU64::new(1);
    // Let the helpers write the empty segments first.
    produce(&log, &numbers, Instant::now() + Duration::from_secs(3));
    println!("producers   msg/s  p50 ms  p99 ms  max ms  cpu us/msg  fsyncs/msg");
    for producers in [1, 20, 100] {
        let (cpu_before, syncs_before) = (cpu(), SYNCS.load(Ordering::Relaxed));
        let started = Instant::now();
        let until = started + Duration::from_secs(4);
        let mut waits: Vec<Duration> = std::thread::scope(|scope| {
            let produce = || produce(&log, &numbers, until);
            let threads: Vec<_> = (0..producers).map(|_| scope.spawn(produce)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a producer")).collect()
        });
        let took = started.elapsed();
        waits.sort_unstable();
        let count = waits.len().max(1);
        let ms =
            |at: usize| waits.get(at.min(count - 1)).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
        println!(
            "{producers:9} {:7.0} {:7.2} {:7.2} {:7.1} {:11.1} {:11.3}",
            count as f64 / took.as_secs_f64(),
            ms(count / 2),
            ms(count * 99 / 100),
            ms(count),
            (cpu() - cpu_before).as_secs_f64() * 1e6 / count as f64,
            (SYNCS.load(Ordering::Relaxed) - syncs_before) as f64 / count as f64,
        );
    }
    println!("resident: {} kB, segments {}", resident(), log.segments());
}

fn fill(dir: &Path, count: u64) {
    let before = resident();
    let log = open(dir);
    let numbers = AtomicU64::new(1);
    let body = Bytes::from(vec![b'x'; 1024]);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                loop {
                    let n = numbers.fetch_add(1, Ordering::Relaxed);
                    if n > count {
                        return;
                    }
                    let ops = vec![Op::Insert(message(n, &body, false))];
                    block_on(log.commit(Txn { ops, durability: Durability::Durable }))
                        .expect("room");
                }
            });
        }
    });
    println!("filled: {:.0}/s", count as f64 / started.elapsed().as_secs_f64());
    println!("resident: {} kB, {} octets/msg", resident(), (resident() - before) * 1024 / count);
    // As if the process had been killed.
    std::process::exit(0);
}

fn reopen(dir: &Path) {
    let before = resident();
    let log = open(dir);
    let count = log.messages().max(1) as u64;
    println!("resident: {} kB, {} octets/msg", resident(), (resident() - before) * 1024 / count);
    let started = Instant::now();
    let request = ClaimRequest {
        max: 10_000,
        per_queue: 100,
        quota: &|_| usize::MAX,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30),
    };
    let claimed = block_on(log.claim_due(request)).expect("claims").len();
    println!("claimed {claimed} in {:?}", started.elapsed());
}

fn main() {
    let mut words = std::env::args().skip(1);
    let first = words.next();
    let dir = |word: Option<String>| {
        let default = std::env::temp_dir().join(format!("throughput-{}", std::process::id()));
        word.map_or(default, PathBuf::from)
    };
    match first.as_deref() {
        Some("--fill") => {
            let count = words.next().and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
            let dir = dir(words.next());
            let program = std::env::current_exe().expect("a program");
            let run = |what: &str, count: &str| {
                let mut again = Command::new(&program);
                again.arg(what).arg(&dir).arg(count).status().expect("started");
            };
            run("--fill-and-end", &count.to_string());
            run("--reopen", "");
            run("--reopen", "");
            let _ = std::fs::remove_dir_all(dir);
        }
        Some("--fill-and-end") => {
            let dir = dir(words.next());
            fill(&dir, words.next().and_then(|word| word.parse().ok()).unwrap_or(1));
        }
        Some("--reopen") => reopen(&dir(words.next())),
        first => {
            let dir = dir(first.map(str::to_owned));
            measure(&dir);
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}
