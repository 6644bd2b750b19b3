//! The power goes off after every single change of the disk, and unsynced sectors and names are old
//! or new by chance. What was acknowledged is there, what was durably finished is not, and no
//! transaction is half there.
//!
//! Register: 5321-6.1-a

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use spool::contract::block_on;
use spool::{
    Body, ClaimRequest, Claimed, Durability, Filter, JobId, MessageId, NewJob, NewMessage, Next,
    Op, RecipientOutcome, RecipientUpdate, Spool, SpoolError, Txn,
};

use super::options;
use crate::memory::Fault;
use crate::{Log, MemoryDisk, OpenError, Options};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn id(n: u64) -> MessageId {
    MessageId::new(at(n), 0, n)
}

fn number(id: MessageId) -> u64 {
    id.sequence()
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x9e37_79b9_7f4a_7c15);
        (self.0 >> 33) % limit
    }
}

/// What became of a message, as its sender and its deliverer know.
#[derive(Clone, Debug, Default)]
struct Story {
    /// Inserted: from here on the commit was under way, from there on it was acknowledged.
    started: usize,
    held: Option<usize>,
    /// The same of its end; `None` of the second while it is relaxed.
    ending: Option<usize>,
    ended: Option<usize>,
    /// The end of this one and the insert of that one were one transaction.
    takes_place_of: Option<u64>,
    size: usize,
    /// The message whose body it shares.
    shares: Option<u64>,
    failed: bool,
}

/// A log under load, with its disk recording.
struct Scene {
    disk: MemoryDisk,
    log: Log,
    chance: Chance,
    stories: BTreeMap<u64, Story>,
    claimed: BTreeMap<JobId, Claimed>,
    next: u64,
    now: u64,
}

fn content(n: u64, len: usize) -> Vec<u8> {
    (0..len).map(|i| (n as usize * 31 + i * 7 + i / 256) as u8).collect()
}

fn small(seed: u64) -> Options {
    Options { segment_size: 16 * 1024, spare_segments: 4, ..options(seed) }
}

impl Scene {
    fn new(disk: MemoryDisk, seed: u64) -> Result<Self, OpenError> {
        let log = Log::open(Arc::new(disk.clone()), small(seed))?.0;
        Ok(Self {
            disk,
            log,
            chance: Chance(seed),
            stories: BTreeMap::new(),
            claimed: BTreeMap::new(),
            next: 1,
            now: 0,
        })
    }

    fn commit(&self, ops: Vec<Op>, relaxed: bool) -> Result<Vec<Claimed>, SpoolError> {
        let durability = if relaxed {
            Durability::Relaxed(Duration::from_millis(50))
        } else {
            Durability::Durable
        };
        block_on(self.log.commit(Txn { ops, durability })).map(|committed| committed.claimed)
    }

    fn message(&mut self, size: usize) -> Option<NewMessage> {
        let n = self.next;
        self.next += 1;
        let body = block_on(async {
            let mut sink = self.log.begin_body(None).await?;
            sink.write(content(n, size).into()).await?;
            sink.finish().await
        });
        let job = |number: u32| NewJob {
            queue: format!("q{}", (n + u64::from(number)) % 3),
            recipients: vec![number, number + 10],
            due: at(self.now),
            hold: false,
        };
        Some(NewMessage {
            id: id(n),
            envelope: Bytes::from(format!("envelope {n} {size}")),
            head_edits: Bytes::new(),
            body: body.ok()?,
            jobs: if n.is_multiple_of(4) { vec![job(0), job(1)] } else { vec![job(0)] },
            claim: n.is_multiple_of(2),
        })
    }

    fn insert(&mut self, may_share: bool) {
        let size = [10, 200, 1500, 3000, 6000][self.chance.below(5) as usize];
        let started = self.disk.trace_len();
        let Some(mut message) = self.message(size) else { return };
        let n = number(message.id);
        let pick = self.chance.below(30) as usize;
        let parent = self
            .stories
            .iter()
            .rev()
            .filter(|(_, story)| may_share && story.held.is_some())
            .nth(pick);
        let parent = parent.map(|(&n, story)| (story.shares.unwrap_or(n), n, story.size));
        if let Some((_, parent, _)) = parent {
            message.body = Body::Of(id(parent));
        }
        let result = self.commit(vec![Op::Insert(message)], false);
        self.told(n, started, parent.map_or(size, |(_, _, size)| size), None, result);
        if let Some(story) = self.stories.get_mut(&n) {
            story.shares = parent.map(|(root, ..)| root);
        }
    }

    fn told(
        &mut self,
        n: u64,
        started: usize,
        size: usize,
        takes_place_of: Option<u64>,
        result: Result<Vec<Claimed>, SpoolError>,
    ) {
        let mut story = Story { started, size, takes_place_of, ..Story::default() };
        match result {
            Ok(claimed) => {
                story.held = Some(self.disk.trace_len());
                self.claimed.extend(claimed.into_iter().map(|claimed| (claimed.job, claimed)));
            }
            Err(SpoolError::Unknown(_)) => {}
            Err(_) => story.failed = true,
        }
        self.stories.insert(n, story);
    }

    fn claim(&mut self) {
        let quota = |_: &str| usize::MAX;
        let request = ClaimRequest { max: 5, per_queue: 3, quota: &quota, now: at(self.now) };
        if let Ok(claimed) = block_on(self.log.claim_due(request)) {
            self.claimed.extend(claimed.into_iter().map(|claimed| (claimed.job, claimed)));
        }
    }

    /// The result of an attempt; when it fails for good a report takes the place of the message.
    fn finish(&mut self) {
        let pick = self.chance.below(self.claimed.len().max(1) as u64) as usize;
        let Some((&job, claimed)) = self.claimed.iter().nth(pick) else { return };
        let fence = claimed.fence;
        self.claimed.remove(&job);
        let relaxed = self.chance.below(3) == 0;
        let started = self.disk.trace_len();
        let n = number(job.message);
        if self.chance.below(4) == 0 {
            let record = Bytes::from(content(n, 40));
            let outcome = RecipientOutcome::Deferred;
            let recipients = vec![RecipientUpdate { recipient: job.n + 10, outcome, record }];
            let next = Next::Retry(at(self.now + self.chance.below(20)));
            let _ = self.commit(vec![Op::Update { job, fence, recipients, next }], relaxed);
            return;
        }
        let last = !self.stories.contains_key(&n)
            || !n.is_multiple_of(4)
            || !self.log_has(JobId { n: 1 - job.n, ..job });
        let mut ops = vec![];
        let mut report = None;
        if last && self.chance.below(3) == 0 {
            let Some(message) = self.message(300) else { return };
            report = Some(number(message.id));
            ops.push(Op::Insert(message));
        }
        ops.push(Op::Update { job, fence, recipients: vec![], next: Next::Done });
        let result = self.commit(ops, relaxed);
        let ok = result.is_ok();
        let unknown = matches!(result, Err(SpoolError::Unknown(_)));
        if let Some(report) = report {
            self.told(report, started, 300, Some(n), result);
            if relaxed && let Some(story) = self.stories.get_mut(&report) {
                story.held = None;
            }
        }
        let ended = self.disk.trace_len();
        if let Some(story) = self.stories.get_mut(&n).filter(|_| last && (ok || unknown)) {
            story.ending = Some(started);
            story.ended = (ok && !relaxed).then_some(ended);
        }
    }

    fn log_has(&self, job: JobId) -> bool {
        block_on(self.log.get(job)).is_ok_and(|found| found.is_some())
    }

    fn step(&mut self) {
        self.now += 1;
        match self.chance.below(10) {
            0..=3 => self.insert(true),
            4..=5 => self.claim(),
            6..=8 => self.finish(),
            _ => drop(block_on(self.log.maintain(Duration::from_secs(1)))),
        }
    }

    /// What a start after `done` changes must find.
    fn check(&self, found: &Log, done: usize, text: &str) {
        let mut held = BTreeSet::new();
        let mut after = None;
        loop {
            let page = block_on(found.list(&Filter::default(), after, 50)).expect("a page");
            held.extend(page.rows.iter().map(|row| number(row.job.message)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for (n, story) in &self.stories {
            let there = held.contains(n);
            let acknowledged = story.held.is_some_and(|held| held <= done);
            let ending = story.ending.is_some_and(|ending| ending < done);
            let ended = story.ended.is_some_and(|ended| ended <= done);
            assert!(there || !acknowledged || ending, "{text}: {n} is lost, {story:?}");
            assert!(!there || !ended, "{text}: {n} came back, {story:?}");
            assert!(!there || !story.failed, "{text}: {n} was refused, {story:?}");
            assert!(!there || story.started <= done, "{text}: {n} before its time");
            if let Some(other) = story.takes_place_of.filter(|_| there) {
                assert!(!held.contains(&other), "{text}: both {n} and {other} that it reports");
            }
            let replaced = self.stories.values().find(|report| {
                report.takes_place_of == Some(*n) && report.ending.is_none() && !report.failed
            });
            if let Some(report) = replaced
                && story.held.is_some_and(|held| held <= done)
                && !there
            {
                let report = self.stories.iter().find(|(_, other)| std::ptr::eq(*other, report));
                let (report, _) = report.expect("it is one of them");
                assert!(held.contains(report), "{text}: neither {n} nor its report {report}");
            }
            if there {
                let body = read(found, *n);
                let source = story.shares.unwrap_or(*n);
                assert!(body == content(source, story.size), "{text}: the body of {n}");
            }
        }
        assert!(held.iter().all(|n| self.stories.contains_key(n)), "{text}: out of nothing");
    }
}

fn read(log: &Log, n: u64) -> Vec<u8> {
    block_on(async {
        let mut reader = log.open_body(id(n), 0..u64::MAX).await.expect("a body");
        let mut octets = Vec::new();
        while let Some(chunk) = reader.next().await.expect("readable") {
            octets.extend_from_slice(&chunk);
        }
        octets
    })
}

/// Plays `steps`, then the start after a crash behind every change.
fn every_prefix(seed: u64, steps: usize, crashes: u64) {
    let disk = MemoryDisk::new();
    disk.record();
    let mut scene = Scene::new(disk.clone(), seed).expect("a log");
    for _ in 0..steps {
        scene.step();
    }
    let trace = disk.trace();
    let play = MemoryDisk::new();
    for done in 0..=trace.len() {
        if done > 0 {
            play.play(&trace, done - 1..done);
        }
        for crash in 0..crashes {
            let text = format!("seed {seed}, {done} of {} changes, crash {crash}", trace.len());
            let found = play.crash(seed ^ (done as u64) << 8 ^ crash << 40);
            let (log, _) = Log::open(Arc::new(found.clone()), small(seed + 1))
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            scene.check(&log, done, &text);
            if crash == 0 && done % 7 == 0 {
                // Again, after another crash that follows at once.
                drop(log);
                let found = found.crash(seed + done as u64);
                let (log, _) = Log::open(Arc::new(found), small(seed + 2))
                    .unwrap_or_else(|error| panic!("{text}, again: {error}"));
                scene.check(&log, done, &format!("{text}, again"));
            }
        }
    }
}

#[test]
fn after_every_change() {
    for seed in 0..6 {
        every_prefix(seed, 120, 2);
    }
}

/// Life after life, each ended by a crash at a random moment.
#[test]
fn life_after_life() {
    lives(100..130);
}

/// The same with many more seeds: `cargo test --release -p spool-log -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn for_long() {
    lives(1000..1500);
    (100..120).for_each(|seed| every_prefix(seed, 160, 3));
    for seed in 10..14 {
        faults(seed, Fault::Eio);
        faults(seed, Fault::Enospc);
    }
}

fn lives(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut disk = MemoryDisk::new();
        let mut known: Option<(BTreeMap<u64, Story>, u64)> = None;
        for life in 0..6_u64 {
            let text = format!("seed {seed}, life {life}");
            let mut scene = Scene::new(disk.clone(), seed * 100 + life)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            if let Some((stories, next)) = known.take() {
                scene.stories = stories;
                scene.next = next;
                scene.check(&scene.log, 0, &text);
            }
            scene.now = 1000 * life;
            for _ in 0..40 + scene.chance.below(80) {
                scene.step();
            }
            disk = scene.disk.crash(seed + life);
            known = Some((settle(scene.stories, &scene.log), scene.next));
        }
    }
}

/// The stories as they stand for the next life: what was certain before is certain from the start.
fn settle(stories: BTreeMap<u64, Story>, _log: &Log) -> BTreeMap<u64, Story> {
    let settled = |story: Story| Story {
        started: 0,
        held: story.held.filter(|_| story.ending.is_none()).map(|_| 0),
        // An end that was under way may have come or not.
        ending: None,
        ended: story.ended.map(|_| 0),
        takes_place_of: None,
        ..story
    };
    stories.into_iter().map(|(n, story)| (n, settled(story))).collect()
}

/// Every call fails once, in each way; then the power goes off.
#[test]
fn a_fault_at_every_call() {
    faults(1, Fault::Eio);
    faults(2, Fault::Enospc);
    faults(3, Fault::Short);
}

fn faults(seed: u64, fault: Fault) {
    let calls = {
        let disk = MemoryDisk::new();
        let mut scene = Scene::new(disk.clone(), seed).expect("a log");
        (0..60).for_each(|_| scene.step());
        disk.calls()
    };
    for call in 1..=calls {
        fault_at(seed, call, fault);
    }
}

fn fault_at(seed: u64, call: u64, fault: Fault) {
    let text = format!("{fault:?} at call {call}, seed {seed}");
    let disk = MemoryDisk::new();
    disk.record();
    disk.fail(call, fault);
    let Ok(mut scene) = Scene::new(disk.clone(), seed) else {
        // The start itself has failed; the next one must not.
        let again = Log::open(Arc::new(disk.crash(call)), small(seed));
        assert!(again.is_ok(), "{text}: {:?}", again.err());
        return;
    };
    for _ in 0..60 {
        scene.step();
    }
    if scene.log.healthy().is_ok() {
        scene.insert(false);
        let last = scene.stories.values().last().expect("one");
        assert!(last.held.is_some(), "{text}: it says it is well");
    }
    let done = disk.trace_len();
    scene.check(&scene.log, done, &format!("{text}, alive"));
    for crash in 0..3 {
        let found = disk.crash(call << 8 | crash);
        let (log, _) = Log::open(Arc::new(found), small(seed + 1))
            .unwrap_or_else(|error| panic!("{text}, crash {crash}: {error}"));
        scene.check(&log, done, &format!("{text}, crash {crash}"));
    }
}
