use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

/// A letter as a list has it, in no folder.
pub fn item(from: &str, subject: &str) -> Item {
    let summary = Summary { from: from.into(), subject: subject.into(), ..Summary::default() };
    let file = maildir::Name::parse("0.test", true);
    Item::new(Flags::default(), summary, 0, Place::File(file))
}

const LETTERS: [&str; 3] = [
    "From: Ann <ann@x.example>\nSubject: one\nMessage-ID: <1@x>\n\nfirst\n",
    "From: Bob <bob@x.example>\nSubject: two\nMessage-ID: <2@x>\n\n>From here\nFrom there\n\n\n",
    "From: Eve <eve@x.example>\nSubject: three\nMessage-ID: <3@x>\n\n\nno end",
];

fn put(path: &Path, text: &str) {
    let mut deposit = Deposit {
        content: &mut text.as_bytes(),
        flags: Flags::default(),
        sender: "ann@x.example",
        host: "mx.example",
        new_is_maildir: false,
    };
    deposit_into(path, &mut deposit);
}

fn deposit_into(path: &Path, deposit: &mut Deposit<'_>) {
    super::deposit(path, deposit).unwrap();
}

/// One folder of each form with the three letters.
fn folders(room: &Path) -> [std::path::PathBuf; 2] {
    let folders = [room.join("box"), room.join("dir/")];
    for folder in &folders {
        LETTERS.iter().for_each(|letter| put(folder, letter));
    }
    folders
}

fn letter(folder: &mut Folder, index: usize) -> String {
    String::from_utf8(folder.source(index).unwrap().read_range(0..u64::MAX).unwrap()).unwrap()
}

/// What is in the folder for one who opens it now: subjects with their marks.
fn seen(path: &Path) -> Vec<(String, Flags)> {
    let folder = Folder::open(path).unwrap();
    folder.items.iter().map(|item| (item.summary.subject.to_string(), item.flags)).collect()
}

fn subjects(path: &Path) -> Vec<String> {
    seen(path).into_iter().map(|(subject, _)| subject).collect()
}

#[test]
fn letters_come_back_as_they_were() {
    let room = tempfile::tempdir().unwrap();
    for path in folders(room.path()) {
        let mut folder = Folder::open(&path).unwrap();
        assert_eq!(folder.items.len(), 3);
        assert!(folder.items.iter().all(Item::is_new));
        assert_eq!(letter(&mut folder, 0), LETTERS[0]);
        assert_eq!(letter(&mut folder, 1), LETTERS[1]);
        assert_eq!(letter(&mut folder, 2), format!("{}\n", LETTERS[2]));
        assert_eq!(&*folder.items[1].summary.id, "2@x");
    }
}

#[test]
fn marks_and_removals() {
    let room = tempfile::tempdir().unwrap();
    for path in folders(room.path()) {
        let mut folder = Folder::open(&path).unwrap();
        folder.items[0].flags.seen = true;
        folder.items[0].flags.answered = true;
        folder.items[2].flags.flagged = true;
        folder.items[1].deleted = true;
        folder.grow_old();
        let written = folder.write_back().unwrap();
        assert_eq!(written, Written { held: 2, removed: 1 });
        // Numbers stay, and letters can still be read.
        assert!(folder.items[1].gone);
        assert!(folder.source(1).is_err());
        assert!(letter(&mut folder, 0).ends_with("\n\nfirst\n"));
        assert_eq!(folder.refresh().unwrap(), Changes::default());
        let now = seen(&path);
        let one = Flags { seen: true, old: true, answered: true, ..Flags::default() };
        let three = Flags { old: true, flagged: true, ..Flags::default() };
        assert_eq!(now, [("one".into(), one), ("three".into(), three)]);
        // A second session takes marks back.
        let mut folder = Folder::open(&path).unwrap();
        folder.items[0].flags.answered = false;
        folder.items[0].flags.seen = false;
        folder.write_back().unwrap();
        assert_eq!(seen(&path)[0].1, Flags { old: true, ..Flags::default() });
        let mut folder = Folder::open(&path).unwrap();
        assert!(letter(&mut folder, 1).ends_with("\n\n\nno end\n"));
    }
}

#[test]
fn letters_arrive_meanwhile() {
    let room = tempfile::tempdir().unwrap();
    for path in folders(room.path()) {
        let mut folder = Folder::open(&path).unwrap();
        put(&path, "Subject: four\n\nx\n");
        assert_eq!(folder.refresh().unwrap(), Changes { arrived: 1, vanished: 0 });
        folder.items[0].deleted = true;
        put(&path, "Subject: five\n\nx\n");
        folder.write_back().unwrap();
        put(&path, "Subject: six\n\nx\n");
        folder.refresh().unwrap();
        folder.items[1].flags.seen = true;
        folder.write_back().unwrap();
        assert_eq!(subjects(&path), ["two", "three", "four", "five", "six"]);
        let numbers: Vec<&str> = folder.items.iter().map(|item| &*item.summary.subject).collect();
        assert_eq!(numbers, ["one", "two", "three", "four", "five", "six"]);
    }
}

/// The order is that of delivery: what a letter says of its date is its author's word.
///
/// Register: 3834-3.1.4-b
#[test]
fn dates_do_not_tell_when_letters_came() {
    let room = tempfile::tempdir().unwrap();
    for path in [room.path().join("box"), room.path().join("dir/")] {
        for year in [2030, 1999, 2024] {
            put(&path, &format!("Date: 1 Jan {year} 00:00:00 +0000\nSubject: {year}\n\nx\n"));
        }
        assert_eq!(subjects(&path), ["2030", "1999", "2024"]);
        let folder = Folder::open(&path).unwrap();
        assert_eq!(folder.items[1].summary.date, Some(915_148_800));
    }
}

#[test]
fn two_sessions_do_not_undo_each_other() {
    let room = tempfile::tempdir().unwrap();
    for path in folders(room.path()) {
        let mut one = Folder::open(&path).unwrap();
        let mut other = Folder::open(&path).unwrap();
        one.items[0].flags.seen = true;
        one.items[1].deleted = true;
        other.items[0].flags.flagged = true;
        other.items[2].flags.answered = true;
        one.write_back().unwrap();
        other.write_back().unwrap();
        let now = seen(&path);
        assert_eq!(now.len(), 2);
        assert!(now[0].1.seen && now[0].1.flagged && now[1].1.answered);
        assert!(other.items[1].gone);
        assert!(matches!(other.source(1), Err(FolderError::Gone)));
    }
}

#[test]
fn a_folder_that_vanishes() {
    let room = tempfile::tempdir().unwrap();
    for path in folders(room.path()) {
        let mut folder = Folder::open(&path).unwrap();
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        assert!(matches!(folder.refresh(), Err(FolderError::Missing(_))));
        assert!(folder.items.iter().all(|item| item.gone));
        folder.items[0].deleted = true;
        folder.write_back().unwrap();
    }
}

#[test]
fn a_letter_that_is_marked_by_another_program_is_found() {
    let room = tempfile::tempdir().unwrap();
    let [_, path] = folders(room.path());
    let mut folder = Folder::open(&path).unwrap();
    let first = fs::read_dir(path.join("new")).unwrap().next().unwrap().unwrap();
    let name = first.file_name().into_string().unwrap();
    fs::rename(first.path(), path.join("cur").join(format!("{name}:2,aS"))).unwrap();
    for index in 0..3 {
        assert!(letter(&mut folder, index).starts_with("From: "));
    }
    let marked = folder.items.iter_mut().find(|item| item.flags.seen).unwrap();
    marked.flags.flagged = true;
    folder.write_back().unwrap();
    assert!(path.join("cur").join(format!("{name}:2,FSa")).exists());
}

#[test]
fn an_mbox_that_is_rewritten_by_another_program() {
    let room = tempfile::tempdir().unwrap();
    let [path, _] = folders(room.path());
    let mut folder = Folder::open(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    // Its second letter is taken out, in place.
    let second = text.match_indices("\n\nFrom ann@").map(|(at, _)| at + 2).next().unwrap();
    let third = text.match_indices("\n\nFrom ann@").map(|(at, _)| at + 2).nth(1).unwrap();
    fs::write(&path, format!("{}{}", &text[..second], &text[third..])).unwrap();
    assert!(letter(&mut folder, 2).ends_with("no end\n"));
    assert!(folder.items[1].gone);
    assert!(matches!(folder.source(1), Err(FolderError::Gone)));
}

#[test]
fn what_is_no_folder_is_left_alone() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("notes");
    fs::write(&file, "my notes\n\nFrom me 12:00 to you\n").unwrap();
    assert!(matches!(Folder::open(&file), Err(FolderError::Other(_))));
    let mut content: &[u8] = b"Subject: x\n\n";
    let mut one = Deposit {
        content: &mut content,
        flags: Flags::default(),
        sender: "",
        host: "h",
        new_is_maildir: false,
    };
    assert!(matches!(super::deposit(&file, &mut one), Err(FolderError::Other(_))));
    assert!(matches!(Folder::open(room.path()), Err(FolderError::Other(_))));
    assert!(matches!(Folder::open(&room.path().join("no")), Err(FolderError::Missing(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "my notes\n\nFrom me 12:00 to you\n");
    let empty = room.path().join("empty");
    fs::write(&empty, "").unwrap();
    assert!(Folder::open(&empty).unwrap().items.is_empty());
}

#[test]
fn a_link_to_an_mbox_stays_one() {
    let room = tempfile::tempdir().unwrap();
    let [path, _] = folders(room.path());
    let link = room.path().join("link");
    symlink(&path, &link).unwrap();
    let mut folder = Folder::open(&link).unwrap();
    folder.items[0].deleted = true;
    folder.write_back().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(subjects(&path), ["two", "three"]);
}

#[test]
fn marks_that_come_with_a_letter_do_not_double() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("box");
    let mut content: &[u8] = b"Status: RO\nSubject: x\nX-Status: F\n\nbody\n";
    let mut one = Deposit {
        content: &mut content,
        flags: Flags { seen: true, ..Flags::default() },
        sender: "",
        host: "h",
        new_is_maildir: false,
    };
    deposit_into(&path, &mut one);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.split_once('\n').unwrap().1, "Status: R\nSubject: x\n\nbody\n\n");
}

proptest::proptest! {
    /// Whatever letters hold, an mbox gives them back, and rewriting it changes no other letter.
    #[test]
    fn any_text_survives(
        bodies in proptest::collection::vec("(From x 10:00\n|>From |\n|a|Status: R\n| |\r\n){0,12}", 1..5),
        doomed in 0_usize..5,
        marked in 0_usize..5,
    ) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("box");
        let whole = |body: &String| {
            let text = format!("Subject: x\n\n{body}").replace("\r\n", "\n");
            if text.ends_with('\n') { text } else { text + "\n" }
        };
        bodies.iter().for_each(|body| put(&path, &whole(body)));
        let mut folder = Folder::open(&path).unwrap();
        proptest::prop_assert_eq!(folder.items.len(), bodies.len());
        if let Some(item) = folder.items.get_mut(marked) {
            item.flags.flagged = true;
        }
        if let Some(item) = folder.items.get_mut(doomed) {
            item.deleted = true;
        }
        folder.write_back().unwrap();
        let mut again = Folder::open(&path).unwrap();
        let left: Vec<(usize, &String)> =
            bodies.iter().enumerate().filter(|(n, _)| *n != doomed).collect();
        proptest::prop_assert_eq!(again.items.len(), left.len());
        for (place, (n, body)) in left.into_iter().enumerate() {
            let mut want = whole(body);
            if n == marked {
                want = want.replacen("Subject: x\n", "Subject: x\nX-Status: F\n", 1);
            }
            proptest::prop_assert_eq!(letter(&mut again, place), want);
        }
    }
}
