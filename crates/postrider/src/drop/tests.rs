use std::fs;
use std::io::{Cursor, Read};
use std::time::{Duration, SystemTime};

use mail::{BodyType, ReversePath};

use super::*;

fn envelope() -> Envelope {
    Envelope {
        sender: "<ann@example.net>".parse().unwrap(),
        recipients: vec![
            "<bob@example.org>".parse().unwrap(),
            "<\"a b\"@example.org>".parse().unwrap(),
            "<postmaster>".parse().unwrap(),
        ],
        body: BodyType::EightBitMime,
        uid: nix::unistd::Uid::current().as_raw(),
        time: SystemTime::UNIX_EPOCH + Duration::new(1_783_332_000, 5),
    }
}

const CONTENT: &[u8] = b"Subject: x\r\n\r\nend 00000000000000000001 00000000\n\xff\0rest\r\n";

fn room() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn dropped(dir: &std::path::Path) -> Waiting {
    write(dir, &envelope(), &mut Cursor::new(CONTENT)).unwrap();
    list(dir).unwrap().pop().unwrap()
}

#[test]
fn reads_back_what_was_written() {
    let room = room();
    let dir = room.path().join("drop");
    assert!(list(&dir).unwrap().is_empty());
    for content in [CONTENT.to_vec(), Vec::new(), vec![b'x'; 300_000]] {
        for sender in [envelope().sender, ReversePath::Null] {
            let envelope = Envelope { sender, ..envelope() };
            let name = write(&dir, &envelope, &mut Cursor::new(&content)).unwrap();
            let waiting = list(&dir).unwrap();
            assert_eq!(waiting.len(), 1);
            assert_eq!(waiting[0].name, name);
            let mut letter = read(&waiting[0].path).unwrap();
            assert_eq!((&letter.envelope, letter.size), (&envelope, content.len() as u64));
            let mut back = Vec::new();
            letter.read_to_end(&mut back).unwrap();
            assert_eq!(back, content);
            remove(&waiting[0].path).unwrap();
            remove(&waiting[0].path).unwrap();
        }
    }
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
}

/// The form of version 1 as it lies on disk: must be readable for ever.
#[test]
fn version_one() {
    let room = room();
    let dir = room.path().join("drop");
    let waiting = dropped(&dir);
    let stored = fs::read(&waiting.path).unwrap();
    let uid = envelope().uid;
    let head = format!(
        "postrider-drop 1\ntime 1783332000.000000005\nuid {uid}\nbody 8bit\n\
         sender <ann@example.net>\nrecipient <bob@example.org>\n\
         recipient <\"a b\"@example.org>\nrecipient <postmaster>\n\n"
    );
    let mut expected = [head.as_bytes(), CONTENT].concat();
    expected.extend(format!("end {:020} ", CONTENT.len()).bytes());
    let crc = crc32c::crc32c(&expected);
    expected.extend(format!("{crc:08x}\n").bytes());
    assert_eq!(String::from_utf8_lossy(&stored), String::from_utf8_lossy(&expected));
    assert_eq!(stored, expected);
}

#[test]
fn torn_and_changed_files_are_found() {
    let room = room();
    let dir = room.path().join("drop");
    let waiting = dropped(&dir);
    let whole = fs::read(&waiting.path).unwrap();
    for length in 0..whole.len() {
        fs::write(&waiting.path, &whole[..length]).unwrap();
        assert!(matches!(read(&waiting.path), Err(DropError::Damaged(_))), "cut to {length}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&waiting.path, &changed).unwrap();
        let found = read(&waiting.path);
        assert!(matches!(found, Err(DropError::Damaged(_))), "octet {place} changed");
    }
    // Blocks that were never written read as zeros.
    let mut zeros = whole.clone();
    zeros[200..].fill(0);
    fs::write(&waiting.path, &zeros).unwrap();
    let kept = match read(&waiting.path) {
        Err(DropError::Damaged(_)) => set_aside(&dir, &waiting).unwrap(),
        _ => panic!("zeros are damage"),
    };
    assert_eq!(fs::read(kept).unwrap(), zeros);
    assert!(list(&dir).unwrap().is_empty());
    assert!(matches!(read(&waiting.path), Err(DropError::Gone)));
}

/// Stores `head` and no content with a right checksum.
fn with_head(path: &std::path::Path, head: &str) {
    let covered = format!("{head}end {:020} ", 0);
    let crc = crc32c::crc32c(covered.as_bytes());
    fs::write(path, format!("{covered}{crc:08x}\n")).unwrap();
}

#[test]
fn envelopes_that_do_not_parse() {
    let room = room();
    let path = room.path().join("x");
    let uid = envelope().uid;
    let good =
        format!("postrider-drop 1\ntime 5.0\nuid {uid}\nbody 7bit\nsender <>\nrecipient <a@b>\n\n");
    with_head(&path, &good);
    assert!(read(&path).is_ok());
    let cases = [
        good.replace("recipient <a@b>\n", ""),
        good.replace("<a@b>", "a@b"),
        good.replace("7bit", "9bit"),
        good.replace("5.0", "5"),
        good.replace("5.0", "99999999999999999999.0"),
        good.replace("5.0", "18446744073709551615.0"),
        good.replace("sender", "from"),
        good.replace("postrider-drop", "mbox"),
        good.replace(&format!("uid {uid}"), &format!("uid {}", uid + 1)),
        good.trim_end().to_owned(),
        String::new(),
    ];
    for case in cases {
        with_head(&path, &case);
        assert!(matches!(read(&path), Err(DropError::Damaged(_))), "{case}");
    }
    with_head(&path, &good.replace("drop 1", "drop 2"));
    assert!(matches!(read(&path), Err(DropError::Version(2))));
}

#[test]
fn what_is_not_a_letter() {
    let room = room();
    let dir = room.path().join("drop");
    let waiting = dropped(&dir);
    let link = dir.join("new/link");
    std::os::unix::fs::symlink(&waiting.path, &link).unwrap();
    assert!(matches!(read(&link), Err(DropError::Damaged(_))));
    assert!(matches!(read(&dir.join("new")), Err(DropError::Damaged(_))));
}

#[test]
fn a_content_that_fails_leaves_nothing() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no more"))
        }
    }
    let room = room();
    let dir = room.path().join("drop");
    let mut content = CONTENT.chain(Fails);
    assert!(write(&dir, &envelope(), &mut content).is_err());
    assert!(list(&dir).unwrap().is_empty());
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
    // The directory beside the spool is made; the spool's own is not.
    let missing = room.path().join("nowhere/drop");
    assert!(write(&missing, &envelope(), &mut Cursor::new(CONTENT)).is_err());
}

#[test]
fn letters_dropped_at_one_moment_have_names_of_their_own() {
    let room = room();
    let dir = room.path().join("drop");
    for _ in 0..5 {
        write(&dir, &envelope(), &mut Cursor::new(CONTENT)).unwrap();
    }
    assert_eq!(list(&dir).unwrap().len(), 5);
}

#[test]
fn only_old_rests_are_swept() {
    let room = room();
    let dir = room.path().join("drop");
    prepare(&dir).unwrap();
    fs::write(dir.join("tmp/rest"), "x").unwrap();
    let now = SystemTime::now();
    assert_eq!(sweep(&dir, now).unwrap(), 0);
    assert_eq!(sweep(&dir, now + Duration::from_secs(3 * 86400)).unwrap(), 1);
    assert_eq!(sweep(&dir, now).unwrap(), 0);
}
