//! Bits that turn around on the disk: found, refused, and with quarantine survived.

use super::upkeep::{body, held, id, insert, remove};
use super::{open, options};
use crate::disk::Disk;
use crate::{MemoryDisk, OpenError, Options, verify};

/// A log with several sealed segments that ended in good order, but without side indexes.
fn sealed() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    (1..=60).for_each(|n| insert(&log, n, 3000).expect("room"));
    (1..=20).for_each(|n| remove(&log, n));
    insert(&log, 100, 100_000).expect("room");
    drop(log);
    for file in disk.files().iter().filter(|file| file.ends_with(".idx")) {
        disk.remove(file).expect("there");
    }
    disk.crash(0)
}

fn quarantine() -> Options {
    Options { quarantine: true, ..options(5) }
}

fn segments(disk: &MemoryDisk) -> Vec<String> {
    let files = disk.files().into_iter();
    files.filter(|file| file.starts_with("log/0") && file.ends_with(".seg")).collect()
}

#[test]
fn a_bit_in_a_sealed_segment() {
    let file = segments(&sealed()).swap_remove(1);
    // In the head of the first record, in its meta, in later records, in the header of the segment.
    for octet in [4096, 4100, 4120, 4150, 4096 + 3100 * 3, 20] {
        let disk = sealed().crash(0);
        assert!(disk.flip(&file, octet, 2));
        let error = open(&disk, options(2)).err().expect("refused");
        let OpenError::Damaged { damage, .. } = &error else { panic!("{error}") };
        assert_eq!(damage[0].file, file, "{error}");
        assert!(error.to_string().contains(&file), "{error}");
        let before = held(&open(&sealed(), options(2)).expect("whole").0);
        let (log, report) = open(&disk, quarantine()).expect("opened all the same");
        assert!(!report.damage.is_empty());
        let after = held(&log);
        let lost = before.iter().filter(|n| !after.contains(n)).count();
        assert!(lost <= if octet == 20 { 21 } else { 3 }, "{lost} lost of octet {octet}");
        assert!(disk.files().iter().any(|file| file.starts_with("quarantine/")));
        for n in after {
            body(&log, n).expect("a body");
        }
        drop(log);
        let (_, report) = open(&disk, options(3)).expect("in order from now on");
        assert!(report.damage.is_empty());
    }
}

#[test]
fn a_bit_in_a_body() {
    let disk = sealed();
    let file = segments(&disk).swap_remove(2);
    assert!(disk.flip(&file, 4096 + 1000, 2));
    let found = verify(&disk).expect("readable");
    assert_eq!(found.damage.len(), 1, "{:?}", found.damage);
    assert_eq!(found.damage[0].file, file);
    let message = found.damage[0].message.expect("it can be named");
    let (log, _) = open(&disk, options(2)).expect("bodies are checked when they are read");
    let error = body(&log, message.sequence()).expect_err("not as it was written");
    assert!(error.to_string().contains("checksum") || error.to_string().contains("written"));
    assert_eq!(message, id(message.sequence()));
}

#[test]
fn a_bit_in_a_large_body() {
    let disk = sealed();
    let file = disk.files().into_iter().find(|file| file.starts_with("big/")).expect("one");
    assert!(disk.flip(&file, 77_777, 0));
    let found = verify(&disk).expect("readable");
    assert_eq!(found.damage.len(), 1, "{:?}", found.damage);
    assert_eq!((&found.damage[0].file, found.damage[0].message), (&file, Some(id(100))));
    let (log, _) = open(&disk, options(2)).expect("a log");
    assert!(body(&log, 100).is_err());
    drop(log);
    disk.remove(&file).expect("there");
    assert!(matches!(open(&disk, options(2)), Err(OpenError::Damaged { .. })));
    let (log, report) = open(&disk, quarantine()).expect("opened all the same");
    assert_eq!(report.damage[0].file, file);
    assert!(body(&log, 100).is_err());
}

/// Only the last flush may be torn. What was synced before it was acknowledged.
#[test]
fn a_bit_in_the_tail() {
    let whole = MemoryDisk::new();
    let (log, _) = open(&whole, options(1)).expect("a log");
    (1..=5).for_each(|n| insert(&log, n, 1000).expect("room"));
    let file = segments(&whole).pop().expect("one");
    let mut torn = 0;
    let mut refused = 0;
    for octet in (4096..10_000).step_by(97) {
        let disk = whole.crash(0);
        if !disk.flip(&file, octet, 1) {
            break;
        }
        match open(&disk, options(2)) {
            Ok((log, _)) => {
                let held = held(&log);
                assert!(held == [1, 2, 3, 4] || held == [1, 2, 3, 4, 5], "{held:?} at {octet}");
                torn += usize::from(held.len() == 4);
            }
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(torn > 5 && refused > 30, "{torn} torn, {refused} refused");
}

/// A recycled segment still holds whole records of its former life.
#[test]
fn stale_records_are_never_taken() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, options(1)).expect("a log");
    for n in 1..=400 {
        insert(&log, n, 1000).expect("room");
        remove(&log, n);
        if n % 9 == 0 {
            let (again, report) = open(&disk.crash(n), options(n)).expect("a log");
            assert!(held(&again).is_empty(), "at {n}");
            assert!(report.damage.is_empty());
        }
    }
    assert!(log.segments() <= 2);
}
