use std::os::unix::fs::PermissionsExt;

use queue::history::{Acted, key_of_id, key_of_text};
use spool::MessageId;

use super::*;

const BOUNDS: Bounds = Bounds { keep: Duration::from_secs(86_400 * 30), size: 1 << 30 };

fn entry(number: u64, about: &str) -> Entry<'_> {
    Entry {
        at: SystemTime::now(),
        event: Event::Acted(Acted {
            id: Some(MessageId(u128::from(number))),
            about: Some(about.into()),
            who: "root".into(),
            what: "hold".into(),
            why: format!("number {number}").into(),
        }),
    }
}

fn refusal(number: u64) -> Entry<'static> {
    let refused = queue::history::Refused {
        client: Some("192.0.2.7".parse().unwrap()),
        reply: format!("550 number {number}").into(),
        ..queue::history::Refused::default()
    };
    Entry { at: SystemTime::now(), event: Event::Refused(refused) }
}

fn found(told: &Told) -> Vec<String> {
    let why = |octets: &Vec<u8>| match Entry::decode(octets).unwrap().unwrap().event {
        Event::Acted(acted) => acted.why.into_owned(),
        Event::Refused(refused) => refused.reply.into_owned(),
        other => panic!("{other:?}"),
    };
    told.entries.iter().map(why).collect()
}

fn open(dir: &Path) -> FileHistory {
    FileHistory::open(dir, Detail::Failures, BOUNDS).unwrap()
}

#[test]
fn what_is_appended_is_found_at_once_and_later() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    for number in 1..=10 {
        history.append(&entry(number, if number % 2 == 0 { "even" } else { "odd" }));
    }
    history.append(&refusal(11));
    let keys = [key_of_text("EVEN")];
    let told = history.inner.search(&keys, 3).unwrap();
    assert_eq!(found(&told), ["number 6", "number 8", "number 10"]);
    assert!(told.more);
    let client = [queue::history::key_of_address("192.0.2.7".parse().unwrap())];
    assert_eq!(found(&history.inner.search(&client, 9).unwrap()), ["550 number 11"]);
    drop(history);
    let told = search(dir.path(), &[key_of_id(MessageId(3))], 9).unwrap();
    assert_eq!((found(&told), told.more), (vec!["number 3".to_owned()], false));
    // The next start goes on in a file of its own.
    let history = open(dir.path());
    history.append(&entry(12, "even"));
    let told = history.inner.search(&keys, 2).unwrap();
    assert_eq!(found(&told), ["number 10", "number 12"]);
    let mode =
        |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("history"), 0o700);
    assert_eq!(mode("history/letters-0000000001.log"), 0o600);
    assert_eq!(mode("history/letters-0000000001.idx"), 0o600);
}

#[test]
fn a_torn_end_is_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    for number in 1..=3 {
        history.append(&entry(number, "x"));
    }
    drop(history);
    let log = dir.path().join("history/letters-0000000001.log");
    let whole = std::fs::read(&log).unwrap();
    let keys = [key_of_text("x")];
    for cut in [whole.len() - 1, whole.len() / 2, 3, 0] {
        std::fs::write(&log, &whole[..cut]).unwrap();
        let _ = std::fs::remove_file(log.with_extension("idx"));
        let seen = found(&search(dir.path(), &keys, 9).unwrap());
        assert_eq!(seen.len(), 3 * cut / whole.len(), "cut at {cut}: {seen:?}");
        let history = open(dir.path());
        assert_eq!(found(&history.inner.search(&keys, 9).unwrap()), seen);
    }
    // Octets that have changed end it as well.
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    std::fs::write(&log, &changed).unwrap();
    let _ = std::fs::remove_file(log.with_extension("idx"));
    assert_eq!(found(&search(dir.path(), &keys, 9).unwrap()).len(), 1);
    std::fs::write(log.with_extension("idx"), b"PRHIDX1\nxx").unwrap();
    assert_eq!(found(&search(dir.path(), &keys, 9).unwrap()).len(), 1);
}

/// A flood of refusals takes its own share, and full files go when there are too many octets.
#[test]
fn the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = Bounds { size: 48 << 20, ..BOUNDS };
    let mut lanes = Lanes::open(&folder(dir.path()), bounds).unwrap();
    let mut frames = Vec::new();
    assert!(frame(&mut frames, &entry(1, "first")));
    lanes.write(&frames);
    frames.clear();
    (0..2000).for_each(|number| assert!(frame(&mut frames, &refusal(number))));
    for _ in 0..350 {
        assert_eq!(lanes.write(&frames), 0);
    }
    let first = [key_of_text("first")];
    assert_eq!(lanes.view().search(&first, 5).unwrap().len(), 1);
    let size = |name: &str| -> u64 {
        let files = std::fs::read_dir(folder(dir.path())).unwrap().flatten();
        let files = files.filter(|file| file.file_name().to_string_lossy().starts_with(name));
        files.map(|file| file.metadata().unwrap().len()).sum()
    };
    assert!(size("refused") < 36 << 20, "{}", size("refused"));
    let letter = entry(2, "more");
    frames.clear();
    (0..2000).for_each(|_| assert!(frame(&mut frames, &letter)));
    for _ in 0..400 {
        lanes.write(&frames);
    }
    assert!(size("") <= (48 << 20) + 2 * 17 * (1 << 20), "{}", size(""));
    assert_eq!(lanes.view().search(&first, 5).unwrap().len(), 0);
    lanes.set_bounds(Bounds { keep: Duration::ZERO, ..bounds });
    assert!(size("") <= 2 * 17 * (1 << 20), "{}", size(""));
}

/// Nobody waits for the disk: what does not fit is counted, and that is told.
#[test]
fn too_much_at_once_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    let lanes = history.inner.lanes.lock();
    let long = "x".repeat(400);
    let many = 2 * BUFFER_MAX / 400;
    (0..many).for_each(|number| history.append(&entry(number as u64, &long)));
    let dropped = history.inner.buffer.lock().dropped;
    assert!(dropped > 0 && dropped < many as u64, "{dropped}");
    drop(lanes);
    drop(history);
    let mut told = 0;
    for number in numbers_in(dir.path()) {
        let path = folder(dir.path()).join(format!("letters-{number:010}.log"));
        segment::scan(&std::fs::File::open(path).unwrap(), |_, entry| {
            if let Some(Entry { event: Event::Dropped(count), .. }) = Entry::decode(entry).unwrap()
            {
                told += count;
            }
        })
        .unwrap();
    }
    assert_eq!(told, dropped);
}

fn numbers_in(dir: &Path) -> Vec<u64> {
    (1..100).filter(|n| folder(dir).join(format!("letters-{n:010}.log")).exists()).collect()
}
