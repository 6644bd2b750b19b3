//! Recycling, compaction, limits, and what the log leaves on the disk.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use spool::contract::block_on;
use spool::{
    Body, Durability, Filter, JobId, MessageId, NewJob, NewMessage, Op, Spool, SpoolError, Txn,
};

use super::{open, options};
use crate::disk::Disk;
use crate::{Log, MemoryDisk, OpenError, Options, OsDisk, verify};

pub fn id(n: u64) -> MessageId {
    MessageId::new(SystemTime::UNIX_EPOCH + Duration::from_secs(n), 0, n)
}

pub fn commit(log: &Log, ops: Vec<Op>) -> Result<(), SpoolError> {
    block_on(log.commit(Txn { ops, durability: Durability::Durable })).map(drop)
}

pub fn message(n: u64, jobs: usize, body: Body) -> NewMessage {
    let job =
        NewJob { queue: "q".into(), recipients: vec![0], due: SystemTime::UNIX_EPOCH, hold: false };
    NewMessage {
        id: id(n),
        envelope: Bytes::from_static(b"envelope"),
        head_edits: Bytes::new(),
        body,
        jobs: vec![job; jobs],
        claim: false,
    }
}

pub fn insert(log: &Log, n: u64, len: usize) -> Result<(), SpoolError> {
    let body = block_on(async {
        let mut sink = log.begin_body(None).await?;
        sink.write(Bytes::from(vec![n as u8; len])).await?;
        sink.finish().await
    })?;
    commit(log, vec![Op::Insert(message(n, 1, body))])
}

pub fn remove(log: &Log, n: u64) {
    commit(log, vec![Op::Remove { job: JobId { message: id(n), n: 0 } }]).expect("it is there");
}

pub fn held(log: &Log) -> Vec<u64> {
    let page = block_on(log.list(&Filter::default(), None, 100_000)).expect("a page");
    page.rows.iter().map(|row| row.job.message.sequence()).collect()
}

pub fn body(log: &Log, n: u64) -> Result<Vec<u8>, SpoolError> {
    block_on(async {
        let mut reader = log.open_body(id(n), 0..u64::MAX).await?;
        let mut octets = Vec::new();
        while let Some(chunk) = reader.next().await? {
            octets.extend_from_slice(&chunk);
        }
        Ok(octets)
    })
}

fn maintain(log: &Log) {
    block_on(log.maintain(Duration::from_secs(9))).expect("housekeeping");
}

#[test]
fn a_relay_needs_few_segments() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    for n in 1..500 {
        insert(&log, n, 4000).expect("room");
        if n > 5 {
            remove(&log, n - 5);
        }
        assert!(log.segments() <= 3, "{} at {n}", log.segments());
    }
    assert!(disk.files().len() < 16, "{:?}", disk.files());
    drop(log);
    let (log, _) = open(&disk, options(2)).expect("a log");
    assert_eq!(held(&log), [495, 496, 497, 498, 499]);
}

#[test]
fn compaction_keeps_what_lives() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    for n in 1..=1000 {
        insert(&log, n, 3000).expect("room");
        if n > 10 && (n - 10) % 50 != 0 {
            remove(&log, n - 10);
        }
    }
    let before = log.segments();
    maintain(&log);
    let after = log.segments();
    assert!(before > 15 && after < 8, "{before} to {after}");
    let living: Vec<_> = (50..=950).step_by(50).chain(991..=1000).collect();
    for seed in 0..4 {
        let (again, _) = open(&disk.crash(seed), options(seed)).expect("a log");
        assert_eq!(held(&again), living);
        for &n in &living {
            assert_eq!(body(&again, n).expect("a body"), vec![n as u8; 3000]);
        }
    }
    for &n in &living {
        remove(&log, n);
    }
    maintain(&log);
    assert!(log.segments() <= 2);
}

/// The classic fault of such logs: the end of a message is forgotten before the message.
#[test]
fn a_tombstone_outlives_every_copy() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    // The first segment keeps its first message for a long time, all others end in later ones.
    (1..=15).for_each(|n| insert(&log, n, 3500).expect("room"));
    (16..=40).for_each(|n| insert(&log, n, 3500).expect("room"));
    (2..=40).for_each(|n| remove(&log, n));
    let mut kept = vec![1];
    for n in 41..400 {
        insert(&log, n, 3500).expect("room");
        if n % 40 == 0 {
            kept.push(n);
        } else {
            remove(&log, n);
        }
        if n % 16 == 0 {
            let (again, _) = open(&disk.crash(n), options(n)).expect("a log");
            assert_eq!(held(&again), kept, "at {n}");
        }
        if n % 100 == 0 {
            maintain(&log);
            let (again, _) = open(&disk.crash(n), options(n)).expect("a log");
            assert_eq!(held(&again), kept, "at {n} after a compaction");
        }
    }
    assert!(log.segments() < 15, "{}", log.segments());
}

/// The end of a message and the report that takes its place are one transaction: while it is not
/// durable, the segment of the message must stay.
#[test]
fn a_relaxed_end_does_not_free_its_segment() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    insert(&log, 1, 3000).expect("room");
    for n in 2..=30 {
        insert(&log, n, 3000).expect("room");
        remove(&log, n);
    }
    let report = message(100, 1, Body::Inline(Bytes::from_static(b"it did not work")));
    let ops = vec![Op::Insert(report), Op::Remove { job: JobId { message: id(1), n: 0 } }];
    let durability = Durability::Relaxed(Duration::from_millis(50));
    block_on(log.commit(Txn { ops, durability })).expect("visible");
    assert_eq!(held(&log), [100]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let (again, _) = open(&disk.crash(seed), options(1)).expect("a log");
        seen.insert(held(&again));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[1], [100]]);
    maintain(&log);
    let (again, _) = open(&disk.crash(1), options(1)).expect("a log");
    assert_eq!(held(&again), [100], "housekeeping makes it durable");
}

#[test]
fn a_shared_body_moves_when_its_first_message_has_ended() {
    let disk = MemoryDisk::new();
    let small = |seed| Options { segment_size: 16 * 1024, ..options(seed) };
    let (log, _) = open(&disk, small(1)).expect("a log");
    insert(&log, 1, 3500).expect("room");
    commit(&log, vec![Op::Insert(message(2, 2, Body::Of(id(1))))]).expect("room");
    commit(&log, vec![Op::Insert(message(3, 1, Body::Of(id(2))))]).expect("room");
    remove(&log, 1);
    remove(&log, 2);
    for n in 10..400 {
        insert(&log, n, 3000).expect("room");
        if !n.is_multiple_of(25) {
            remove(&log, n);
        }
        if n % 90 == 0 {
            maintain(&log);
        }
    }
    maintain(&log);
    assert!(log.segments() < 14, "{}", log.segments());
    assert!(!disk.files().contains(&"log/0000000000000001.seg".to_owned()), "it was emptied");
    let mut disk = disk.crash(3);
    drop(log);
    for seed in 4..8 {
        let (log, _) = open(&disk, small(seed)).expect("a log");
        assert!(matches!(body(&log, 1), Err(SpoolError::NotFound)));
        for n in [2, 3] {
            assert_eq!(body(&log, n).expect("shared"), vec![1; 3500]);
        }
        maintain(&log);
        drop(log);
        disk = disk.crash(seed);
    }
    let (log, _) = open(&disk, small(1)).expect("a log");
    commit(&log, vec![Op::Remove { job: JobId { message: id(2), n: 1 } }]).expect("there");
    remove(&log, 3);
    assert!(!held(&log).iter().any(|&n| n <= 3));
    let (log, _) = open(&disk.crash(1), small(1)).expect("a log");
    assert!(!held(&log).iter().any(|&n| n <= 3));
    assert!(matches!(body(&log, 3), Err(SpoolError::NotFound)));
}

/// A body came to a third message through a second one, of which the log has no trace any more.
#[test]
fn a_body_outlives_the_one_that_passed_it_on() {
    let disk = MemoryDisk::new();
    let small = |seed| Options { segment_size: 16 * 1024, ..options(seed) };
    let (log, _) = open(&disk, small(1)).expect("a log");
    let fill = |from: u64| {
        for n in from..from + 8 {
            insert(&log, n, 3000).expect("room");
            remove(&log, n);
        }
    };
    insert(&log, 1, 3000).expect("room");
    fill(100);
    commit(&log, vec![Op::Insert(message(2, 1, Body::Of(id(1))))]).expect("room");
    fill(200);
    remove(&log, 1);
    fill(300);
    commit(&log, vec![Op::Insert(message(3, 1, Body::Of(id(2))))]).expect("room");
    remove(&log, 2);
    fill(400);
    for seed in 0..4 {
        let (again, _) = open(&disk.crash(seed), small(seed)).expect("a log");
        assert_eq!(held(&again), [3]);
        assert_eq!(body(&again, 3).expect("shared"), [1; 3000]);
    }
}

/// Many sessions, several schedulers and the housekeeping at once, on real files.
#[test]
fn threads_agree() {
    use crate::Drive;
    let dir = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::new(dir.path()));
    let options = Options { drive: Drive::Thread, segment_size: 256 * 1024, ..options(1) };
    let (log, _) = Log::open(Arc::clone(&disk), options.clone()).expect("a log");
    let session = |from: u64| {
        for n in from..from + 60 {
            insert(&log, n, (n as usize * 997) % 9000).expect("room");
        }
    };
    let scheduler = || {
        let mut finished = 0;
        for _ in 0..60 {
            let quota = |_: &str| usize::MAX;
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            let request = spool::ClaimRequest { max: 5, per_queue: 5, quota: &quota, now };
            for claimed in block_on(log.claim_due(request)).expect("claims") {
                body(&log, claimed.job.message.sequence()).expect("whole");
                let update = Op::Update {
                    job: claimed.job,
                    fence: claimed.fence,
                    recipients: vec![],
                    next: spool::Next::Done,
                };
                let durability = Durability::Relaxed(Duration::from_millis(5));
                block_on(log.commit(Txn { ops: vec![update], durability })).expect("ours");
                finished += 1;
            }
            maintain(&log);
        }
        finished
    };
    let finished: usize = std::thread::scope(|scope| {
        let sessions = (0..8).map(|n| scope.spawn(move || session(1000 * n + 1)));
        let sessions: Vec<_> = sessions.collect();
        let schedulers: Vec<_> = (0..2).map(|_| scope.spawn(scheduler)).collect();
        sessions.into_iter().for_each(|thread| thread.join().expect("a session"));
        schedulers.into_iter().map(|thread| thread.join().expect("a scheduler")).sum()
    });
    let before = held(&log);
    assert_eq!(before.len() + finished, 480);
    drop(log);
    let (log, _) = Log::open(disk, options).expect("a log");
    assert_eq!(held(&log), before);
}

#[test]
fn a_segment_in_the_hands_of_a_reader_stays() {
    let disk = MemoryDisk::new();
    let (log, _) =
        open(&disk, Options { inline_body: 60_000, segment_size: 1 << 18, ..options(1) })
            .expect("a log");
    insert(&log, 1, 60_000).expect("room");
    let mut reader = block_on(log.open_body(id(1), 0..u64::MAX)).expect("a body");
    remove(&log, 1);
    for n in 2..40 {
        insert(&log, n, 50_000).expect("room");
        remove(&log, n);
    }
    let chunk = block_on(reader.next()).expect("readable").expect("octets");
    assert!(chunk.len() == 60_000 && chunk.iter().all(|&octet| octet == 1));
    assert!(block_on(reader.next()).expect("its checksum fits").is_none());
    drop(reader);
    maintain(&log);
    assert!(log.segments() <= 1);
}

#[test]
fn large_bodies_leave_no_file() {
    let disk = MemoryDisk::new();
    let big = || disk.files().iter().filter(|file| file.starts_with("big/")).count();
    let (log, _) = open(&disk, options(1)).expect("a log");
    insert(&log, 1, 100_000).expect("room");
    let mut fork = message(2, 1, Body::Of(id(1)));
    fork.envelope = Bytes::from_static(b"another");
    commit(&log, vec![Op::Insert(fork)]).expect("room");
    assert_eq!(big(), 1);
    remove(&log, 1);
    assert_eq!(big(), 1, "the fork needs it");
    assert_eq!(body(&log, 2).expect("a body"), vec![1; 100_000]);
    remove(&log, 2);
    assert_eq!(big(), 0);
    let unfinished = block_on(async {
        let mut sink = log.begin_body(None).await.expect("a sink");
        sink.write(Bytes::from(vec![0; 100_000])).await.expect("room");
        sink
    });
    assert_eq!(big(), 1);
    let crashed = disk.crash(3);
    drop(unfinished);
    assert_eq!(big(), 0);
    let (_log, _) = open(&crashed, options(2)).expect("a log");
    assert!(!crashed.files().iter().any(|file| file.starts_with("big/")), "swept");
}

#[test]
fn limits_refuse_before_the_memory_is_gone() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Options { max_messages: 3, ..options(1) }).expect("a log");
    (1..=3).for_each(|n| insert(&log, n, 10).expect("room"));
    assert!(matches!(insert(&log, 4, 10), Err(SpoolError::Full(_))));
    assert!(matches!(log.healthy(), Err(SpoolError::Full(_))));
    remove(&log, 2);
    assert!(log.healthy().is_ok());
    insert(&log, 4, 10).expect("room again");
    drop(log);
    let (log, _) = open(&disk, Options { max_octets: 500, ..options(1) }).expect("a log");
    assert!(matches!(insert(&log, 5, 10), Ok(())));
    assert!(matches!(insert(&log, 6, 300), Ok(()) | Err(SpoolError::Full(_))));
    assert!(matches!(insert(&log, 7, 10), Err(SpoolError::Full(_))));
}

/// Register: 5321-6.1-a
#[test]
fn a_full_disk_takes_results_but_no_mail() {
    let disk = MemoryDisk::new();
    disk.set_capacity(1 << 20);
    let (log, _) = open(&disk, options(1)).expect("a log");
    let mut accepted = Vec::new();
    for n in 1..1000 {
        match insert(&log, n, 3000) {
            Ok(()) => accepted.push(n),
            Err(SpoolError::Full(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(accepted.len() > 100 && accepted.len() < 400, "{}", accepted.len());
    assert!(matches!(log.healthy(), Err(SpoolError::Full(_))));
    // Results need room too: every other message is put off, which writes a record each.
    for round in 0..3 {
        for &n in &accepted {
            let due = SystemTime::UNIX_EPOCH + Duration::from_secs(round);
            let job = JobId { message: id(n), n: 0 };
            commit(&log, vec![Op::SetDue { job, due }]).expect("the reserve is for this");
        }
    }
    assert_eq!(held(&log), accepted);
    for &n in &accepted {
        remove(&log, n);
    }
    maintain(&log);
    assert!(log.healthy().is_ok(), "{:?}", log.healthy());
    insert(&log, 2000, 3000).expect("room again");
    let (again, _) = open(&disk.crash(1), options(1)).expect("a log");
    assert_eq!(held(&again), [2000]);
}

#[test]
fn free_space_is_watched() {
    let disk = MemoryDisk::new();
    disk.set_capacity(1 << 20);
    let options = Options { min_free_octets: 1 << 19, ..options(1) };
    let (log, _) = open(&disk, options).expect("a log");
    log.healthy().expect("there is enough");
    disk.set_capacity(600_000);
    maintain(&log);
    assert!(matches!(log.healthy(), Err(SpoolError::Full(_))));
    assert!(matches!(insert(&log, 1, 10), Err(SpoolError::Full(_))));
    disk.set_capacity(1 << 20);
    maintain(&log);
    insert(&log, 1, 10).expect("room");
}

#[test]
fn a_failing_disk_stops_the_log_and_loses_nothing() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    insert(&log, 1, 10).expect("room");
    disk.set_broken(Some(crate::memory::Fault::Eio));
    assert!(matches!(insert(&log, 2, 10), Err(SpoolError::Unknown(_))));
    // It may be in memory and is not on the disk: reading again must not say that it is kept.
    let again = block_on(log.get(JobId { message: id(2), n: 0 }));
    assert!(matches!(again, Err(SpoolError::Unavailable(_))));
    assert!(matches!(insert(&log, 3, 10), Err(SpoolError::Unavailable(_))));
    assert!(matches!(log.healthy(), Err(SpoolError::Unavailable(_))));
    assert_eq!(body(&log, 1).expect("still readable"), [1; 10]);
    disk.set_broken(None);
    assert!(matches!(insert(&log, 3, 10), Err(SpoolError::Unavailable(_))), "until a restart");
    drop(log);
    let (log, _) = open(&disk.crash(5), options(1)).expect("a log");
    assert!(held(&log).contains(&1) && !held(&log).contains(&3));
}

#[test]
fn one_failed_sync_is_survived() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    insert(&log, 1, 10).expect("room");
    // The next two changes are the write and the sync of the commit.
    disk.fail(2, crate::memory::Fault::Eio);
    insert(&log, 2, 10).expect("written again elsewhere");
    remove(&log, 1);
    assert!(log.healthy().is_ok());
    for seed in 0..20 {
        let (again, _) = open(&disk.crash(seed), options(1)).expect("a log");
        assert_eq!(held(&again), [2]);
        assert_eq!(body(&again, 2).expect("a body"), [2; 10]);
    }
}

#[test]
fn a_claim_nobody_took_is_given_back() {
    use std::task::{Context, Waker};
    let (log, _) = open(&MemoryDisk::new(), options(1)).expect("a log");
    let mut new = message(1, 1, Body::Inline(Bytes::new()));
    new.claim = true;
    let mut going = log.commit(Txn { ops: vec![Op::Insert(new)], durability: Durability::Durable });
    assert!(going.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(going);
    insert(&log, 2, 10).expect("room");
    assert_eq!(held(&log), [1, 2]);
    let info = block_on(log.get(JobId { message: id(1), n: 0 })).expect("an answer");
    assert!(!info.expect("a job").claimed);
}

#[test]
fn one_process_at_a_time() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    assert!(matches!(open(&disk, options(1)), Err(OpenError::Locked { .. })));
    drop(log);
    open(&disk, options(1)).expect("free again");
}

#[test]
fn other_formats_are_refused() {
    let disk = MemoryDisk::new();
    drop(open(&disk, options(1)).expect("a log"));
    disk.flip("FORMAT", 16, 1);
    let error = open(&disk, options(1)).err().expect("refused");
    assert!(error.to_string().contains("postrider spool 3"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    std::fs::write(&path, "none").expect("room");
    let error = Log::open(Arc::new(OsDisk::new(path.join("spool"))), options(1)).err();
    let text = error.expect("refused").to_string();
    assert!(text.contains("file/spool"), "{text}");
}

#[test]
fn a_start_reads_side_indexes_and_does_without() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    (1..=100).for_each(|n| insert(&log, n, 3000).expect("room"));
    (1..=50).filter(|n| n % 7 != 0).for_each(|n| remove(&log, n));
    let expected = held(&log);
    drop(log);
    let indexes = |disk: &MemoryDisk| -> Vec<String> {
        disk.files().into_iter().filter(|file| file.ends_with(".idx")).collect()
    };
    let count = indexes(&disk).len() as u64;
    let (log, report) = open(&disk, options(2)).expect("a log");
    assert_eq!((report.from_index, report.scanned), (count, 0));
    assert_eq!(held(&log), expected);
    drop(log);
    for damage in [false, true] {
        for file in indexes(&disk) {
            if damage {
                assert!(disk.flip(&file, 70, 3));
            } else {
                disk.remove(&file).expect("there");
            }
        }
        let (log, report) = open(&disk, options(2)).expect("a log");
        assert_eq!((report.from_index, report.scanned), (0, count));
        assert_eq!(held(&log), expected);
        drop(log);
        let (_, report) = open(&disk, options(3)).expect("a log");
        assert!(report.from_index >= count, "written again");
    }
    let found = verify(&disk).expect("readable");
    assert_eq!((found.messages, found.damage.len()), (expected.len() as u64, 0));
    assert!(found.records > 100);
}
