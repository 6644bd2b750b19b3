use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use spool::{BodyReader, BoxFut, SpoolError};
use tempfile::TempDir;

use super::*;

/// Chunks, then the end or a failure.
struct Chunks {
    chunks: std::vec::IntoIter<Bytes>,
    fails: bool,
}

impl BodyReader for Chunks {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let next = self.chunks.next();
        let fails = self.fails && next.is_none();
        let result = if fails { Err(SpoolError::Corrupt("sum".into())) } else { Ok(next) };
        Box::pin(async move { result })
    }
}

fn letter<'a>(user: &'a str, content: &[u8], unique: &str) -> MailboxDelivery<'a> {
    let chunks: Vec<_> = content.chunks(60_000).map(Bytes::copy_from_slice).collect();
    MailboxDelivery {
        domain: None,
        place: Place::Home,
        user,
        head: Bytes::from_static(b"Return-Path: <a@x.example>\r\n"),
        body: Box::new(Chunks { chunks: chunks.into_iter(), fails: false }),
        from: "a@x.example".into(),
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_544_568),
        unique: unique.into(),
    }
}

fn open(form: &str, dir: &TempDir) -> FileMailboxes {
    with_quota(form, dir, None)
}

fn with_quota(form: &str, dir: &TempDir, quota: Option<u64>) -> FileMailboxes {
    let template = format!("{form}:{{data-dir}}/mail/{{user}}");
    let template = MailboxTemplate::parse(&template, dir.path()).unwrap();
    let templates = Templates { quota, ..template.into() };
    FileMailboxes::with_lock_wait(templates, "mx.example", Duration::ZERO)
}

fn names_in(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Register: 5321-4.1.1.3-j, 5321-4.4-l.
#[tokio::test]
async fn a_maildir_is_made_and_filled() {
    let dir = tempfile::tempdir().unwrap();
    let mailboxes = open("maildir", &dir);
    mailboxes.deliver(letter("ann", b"Subject: 1\r\n\r\nFrom me\r\n", "7/x")).await.unwrap();
    let maildir = dir.path().join("mail/ann");
    assert_eq!(fs::metadata(&maildir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(names_in(&maildir), ["cur", "new", "tmp"]);
    assert!(names_in(&maildir.join("tmp")).is_empty());
    let names = names_in(&maildir.join("new"));
    let want = format!("1795544568.M0P{}Q7_x.mx.example,S=47", std::process::id());
    assert_eq!(names, [want]);
    let text = fs::read(maildir.join("new").join(&names[0])).unwrap();
    assert_eq!(text, b"Return-Path: <a@x.example>\nSubject: 1\n\nFrom me\n");
}

/// What is known of a Maildir is no reason to write where it was.
#[tokio::test]
async fn a_maildir_that_went_away_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let mailboxes = open("maildir", &dir);
    mailboxes.deliver(letter("ann", b"Subject: 1\r\n\r\n", "1")).await.unwrap();
    fs::remove_dir_all(dir.path().join("mail/ann")).unwrap();
    mailboxes.deliver(letter("ann", b"Subject: 2\r\n\r\n", "2")).await.unwrap();
    assert_eq!(names_in(&dir.path().join("mail/ann/new")).len(), 1);
}

#[tokio::test]
async fn a_mbox_is_made_and_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mailboxes = open("mbox", &dir);
    mailboxes.deliver(letter("ann", b"S: 1\r\n\r\nFrom me\r\n", "1")).await.unwrap();
    mailboxes.deliver(letter("ann", b"S: 2\r\n\r\nend", "2")).await.unwrap();
    let path = dir.path().join("mail/ann");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let line = "From a@x.example Tue Nov 24 18:22:48 2026\nReturn-Path: <a@x.example>\n";
    let want = format!("{line}S: 1\n\n>From me\n\n{line}S: 2\n\nend\n\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), want);
    assert_eq!(names_in(&dir.path().join("mail")), ["ann"], "no lock is left");
}

/// A part of a letter left by a crash ends before the next one starts.
#[tokio::test]
async fn a_torn_mbox_is_closed_first() {
    for (torn, gap) in [("From x\nS: 1", "\n\n"), ("From x\n", "\n"), ("x", "\n\n"), ("x\n\n", "")]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mail/ann");
        fs::create_dir(dir.path().join("mail")).unwrap();
        fs::write(&path, torn).unwrap();
        open("mbox", &dir).deliver(letter("ann", b"S: 2\r\n", "2")).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("{torn}{gap}From a@x")), "{torn:?}: {text:?}");
    }
}

#[tokio::test]
async fn large_letters_are_streamed() {
    let content = b"0123456789abcdef\r\n".repeat(200_000);
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        open(form, &dir).deliver(letter("ann", &content, "1")).await.unwrap();
        let mut path = dir.path().join("mail/ann");
        if form == "maildir" {
            path = path.join("new");
            path = path.join(&names_in(&path)[0]);
        }
        let lines =
            fs::read_to_string(path).unwrap().lines().filter(|line| line.len() == 16).count();
        assert_eq!(lines, 200_000, "{form}");
    }
}

/// What cannot be read to its end leaves nothing behind, however much was written before.
#[tokio::test]
async fn unreadable_content_leaves_nothing() {
    for size in [10, 1_000_000] {
        for form in ["maildir", "mbox"] {
            let dir = tempfile::tempdir().unwrap();
            let mailboxes = open(form, &dir);
            let mut delivery = letter("ann", b"", "1");
            let chunks: Vec<_> = vec![Bytes::from(vec![b'x'; 10]); size / 10];
            delivery.body = Box::new(Chunks { chunks: chunks.into_iter(), fails: true });
            let error = mailboxes.deliver(delivery).await.unwrap_err();
            assert!(matches!(error, MailboxError::Content(_)), "{error}");
            let path = dir.path().join("mail/ann");
            match form {
                _ if !path.exists() => {}
                "mbox" => assert_eq!(fs::read(&path).unwrap(), b""),
                _ => {
                    assert!(["new", "tmp"].iter().all(|name| names_in(&path.join(name)).is_empty()))
                }
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mail = dir.path().join("mail");
    fs::create_dir(&mail).unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    for user in ["link", "dirlink"] {
        let target = if user == "link" { outside.join("file") } else { outside.clone() };
        std::os::unix::fs::symlink(target, mail.join(user)).unwrap();
    }
    fs::write(mail.join("held"), "").unwrap();
    fs::write(mail.join("held.lock"), "1").unwrap();
    fs::write(mail.join("two"), "").unwrap();
    fs::hard_link(mail.join("two"), mail.join("names")).unwrap();
    let rows = [
        ("mbox", "../ann", "there is no mailbox ../ann"),
        ("maildir", "a/b", "there is no mailbox a/b"),
        ("mbox", "link", "symbolic links"),
        ("maildir", "dirlink", "cannot be written"),
        ("mbox", "held", "locked by another program"),
        ("mbox", "two", "not a plain file with one name"),
        ("mbox", "dirlink", "cannot be written"),
        ("maildir", "held", "cannot be written"),
    ];
    for (form, user, want) in rows {
        let error = open(form, &dir).deliver(letter(user, b"x\r\n", "1")).await.unwrap_err();
        assert!(error.to_string().contains(want), "{form} {user}: {error}");
    }
    assert!(names_in(&outside).is_empty());
}

/// Where the mailbox lies outside our directory, a missing parent means "not mounted".
#[tokio::test]
async fn a_missing_parent_elsewhere_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let template = format!("maildir:{}/home/{{user}}/Maildir", dir.path().display());
    let template = MailboxTemplate::parse(&template, Path::new("/nowhere")).unwrap();
    let mailboxes = FileMailboxes::new(template, "mx.example");
    let error = mailboxes.deliver(letter("ann", b"x\r\n", "1")).await.unwrap_err();
    assert!(matches!(error, MailboxError::Unavailable(_)), "{error}");
    fs::create_dir_all(dir.path().join("home/ann")).unwrap();
    mailboxes.deliver(letter("ann", b"x\r\n", "1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once() {
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        let mailboxes = Arc::new(open(form, &dir));
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let mailboxes = Arc::clone(&mailboxes);
                tokio::spawn(async move {
                    let content = format!("N: {number}\r\n\r\n");
                    let delivery = letter("ann", content.as_bytes(), &number.to_string());
                    mailboxes.deliver(delivery).await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let path = dir.path().join("mail/ann");
        let count = match form {
            "mbox" => fs::read_to_string(path).unwrap().matches("From a@x.example ").count(),
            _ => names_in(&path.join("new")).len(),
        };
        assert_eq!(count, 100, "{form}");
    }
}

/// Of two letters that would have one name, one is there; nobody else hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mailboxes = Arc::new(open("maildir", &dir));
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let mailboxes = Arc::clone(&mailboxes);
            tokio::spawn(async move {
                let unique = if number % 2 == 0 { "same".to_owned() } else { number.to_string() };
                mailboxes.deliver(letter("ann", b"S: 1\r\n\r\n", &unique)).await
            })
        })
        .collect();
    let (mut stored, mut failed) = (0, Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => stored += 1,
            Err(error) => failed.push(error.to_string()),
        }
    }
    assert_eq!((stored, failed.len()), (21, 19), "{failed:?}");
    assert!(failed.iter().all(|error| error.contains("File exists")), "{failed:?}");
    let maildir = dir.path().join("mail/ann");
    assert_eq!(names_in(&maildir.join("new")).len(), 21);
    assert!(names_in(&maildir.join("tmp")).is_empty());
}

/// A body whose end never comes.
struct Endless(usize);

impl BodyReader for Endless {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let Some(left) = self.0.checked_sub(1) else { return Box::pin(std::future::pending()) };
        self.0 = left;
        Box::pin(async { Ok(Some(Bytes::from_static(&[b'x'; 60_000]))) })
    }
}

/// Who no longer waits for a delivery does not make half of it a whole one.
#[test]
fn a_delivery_broken_off_leaves_nothing() {
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mailboxes = open(form, &dir);
            let mut delivery = letter("ann", b"", "1");
            delivery.body = Box::new(Endless(20));
            let delivering = mailboxes.deliver(delivery);
            tokio::time::timeout(Duration::from_millis(20), delivering).await.unwrap_err();
        });
        drop(runtime); // waits for the writer
        let path = dir.path().join("mail/ann");
        match form {
            "mbox" => assert_eq!(fs::read(&path).unwrap_or_default(), b""),
            _ => assert!(!path.exists() || names_in(&path.join("new")).is_empty()),
        }
    }
}

/// Run as root, what is made for an account of the system belongs to it.
#[tokio::test]
async fn files_belong_to_the_user() {
    use std::os::unix::fs::MetadataExt;

    let account = nix::unistd::User::from_name("nobody").unwrap();
    let Some(account) = account.filter(|_| nix::unistd::geteuid().is_root()) else { return };
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        open(form, &dir).deliver(letter("nobody", b"x\r\n", "1")).await.unwrap();
        let mut path = dir.path().join("mail/nobody");
        assert_eq!(fs::metadata(&path).unwrap().uid(), account.uid.as_raw(), "{form}");
        if form == "maildir" {
            path = path.join("new");
            path = path.join(&names_in(&path)[0]);
        }
        assert_eq!(fs::metadata(&path).unwrap().uid(), account.uid.as_raw(), "{form}");
    }
}

/// What a failed call of the system means for the mail.
///
/// Register: 3463-3.3-a.
#[test]
fn failures_of_the_system() {
    use nix::errno::Errno;

    let meaning = |errno| match disk::failure(Path::new("/mail/ann"), errno) {
        MailboxError::Full(_) => "full",
        MailboxError::Unavailable(_) => "later",
        MailboxError::Broken(_) => "broken",
        MailboxError::NoSpace(_) => "no space",
        _ => "another",
    };
    let rows = [
        (Errno::EDQUOT, "full"),
        (Errno::ENOSPC, "no space"),
        (Errno::EAGAIN, "later"),
        (Errno::EACCES, "broken"),
        (Errno::EIO, "broken"),
    ];
    for (errno, want) in rows {
        assert_eq!(meaning(errno), want, "{errno}");
    }
}

/// The account with whose rights a test may write: ourselves, or as root one that every system has.
fn account() -> (String, u32, u32) {
    let ours = nix::unistd::geteuid();
    let found = match ours.is_root() {
        true => nix::unistd::User::from_name("nobody").unwrap(),
        false => nix::unistd::User::from_uid(ours).unwrap(),
    };
    let found = found.unwrap();
    (found.name, found.uid.as_raw(), found.gid.as_raw())
}

fn chown(path: &Path, account: &(String, u32, u32)) {
    let _ = std::os::unix::fs::chown(path, Some(account.1), Some(account.2));
}

/// A user who puts links in the way of his mail makes us write nowhere else; the operator may.
#[tokio::test]
async fn links_on_the_way() {
    use std::os::unix::fs::symlink;

    let dir = tempfile::tempdir().unwrap();
    let (home, outside) = (dir.path().join("home"), dir.path().join("outside"));
    for path in [&home, &outside, &home.join("ann"), &home.join("open")] {
        fs::create_dir_all(path).unwrap();
    }
    // The operator has moved a home.
    fs::create_dir(outside.join("moved")).unwrap();
    symlink(outside.join("moved"), home.join("bob")).unwrap();
    // Others may write into this home, so that a link in it may be anybody's.
    fs::set_permissions(home.join("ann"), fs::Permissions::from_mode(0o777)).unwrap();
    symlink(&outside, home.join("ann/mail")).unwrap();
    let rows = [("bob", true), ("ann", false), ("open", false)];
    for form in ["maildir", "mbox"] {
        let template = format!("{form}:{}/{{user}}/mail/box-{form}", home.display());
        let template = MailboxTemplate::parse(&template, Path::new("/nowhere")).unwrap();
        let mailboxes = FileMailboxes::with_lock_wait(template, "mx.example", Duration::ZERO);
        fs::create_dir_all(outside.join("moved/mail")).unwrap();
        for (user, taken) in rows {
            let delivered = mailboxes.deliver(letter(user, b"x\r\n", "1")).await;
            assert_eq!(delivered.is_ok(), taken, "{form} {user}: {delivered:?}");
        }
    }
    assert_eq!(names_in(&outside), ["moved"]);
}

/// What another user has put where a mailbox is to be stays as it is.
#[tokio::test]
async fn mailboxes_of_others() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mail/nobody");
        fs::create_dir(dir.path().join("mail")).unwrap();
        match form {
            "mbox" => fs::write(&path, "theirs\n").unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let error = open(form, &dir).deliver(letter("nobody", b"x\r\n", "1")).await.unwrap_err();
        assert!(error.to_string().contains("belongs to user id 12345"), "{form}: {error}");
    }
}

/// Mailboxes of a route are those that are there, and stay whose they are.
#[tokio::test]
async fn described_mailboxes() {
    use std::os::unix::fs::MetadataExt;

    let account = account();
    let dir = tempfile::tempdir().unwrap();
    let domain = dir.path().join("x.example");
    fs::create_dir_all(domain.join("ann")).unwrap();
    fs::write(domain.join("bob"), "").unwrap();
    chown(&domain.join("ann"), &account);
    chown(&domain.join("bob"), &account);
    let mailboxes = open("maildir", &dir);
    let rows = [
        ("maildir", "x.example", "ann", "taken"),
        ("mbox", "X.Example", "bob", "taken"),
        ("maildir", "x.example", "eve", "unknown"),
        ("mbox", "x.example", "eve", "unknown"),
        ("maildir", "y.example", "ann", "unknown"),
        ("mbox", "y.example", "bob", "unknown"),
        ("maildir", "../x.example", "ann", "unknown"),
        ("maildir", "x.example", "../ann", "unknown"),
        ("maildir", "[192.0.2.1]", "ann", "unknown"),
        ("maildir", "x.example", "bob", "broken"),
    ];
    for (form, domain, user, want) in rows {
        let template = format!("{form}:{}/{{domain}}/{{user}}", dir.path().display());
        let place = Place::Described { template: &template, domain };
        let delivered = mailboxes.deliver(MailboxDelivery { place, ..letter(user, b"x\r\n", "1") });
        let got = match delivered.await {
            Ok(()) => "taken",
            Err(MailboxError::Unknown(_)) => "unknown",
            Err(_) => "broken",
        };
        assert_eq!(got, want, "{form} {domain} {user}");
    }
    let new = domain.join("ann/new");
    let file = new.join(&names_in(&new)[0]);
    assert_eq!(fs::metadata(file).unwrap().uid(), account.1);
    assert!(fs::read_to_string(domain.join("bob")).unwrap().starts_with("From a@x.example"));
    assert!(!domain.join("eve").exists());
}

/// A file that a user names is written with his rights, or not at all.
#[tokio::test]
async fn files_that_users_name() {
    use std::os::unix::fs::{MetadataExt, symlink};

    let account = account();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, &account);
    let secret = dir.path().join("secret");
    fs::write(&secret, "").unwrap();
    symlink(&secret, home.join("link")).unwrap();
    fs::write(home.join("two"), "").unwrap();
    fs::hard_link(home.join("two"), home.join("names")).unwrap();
    for name in ["two", "names"] {
        chown(&home.join(name), &account);
    }
    let user = account.0.as_str();
    let at = |name: &str| home.join(name).display().to_string();
    let mut rows = vec![
        (user, at("saved"), "taken"),
        (user, at("saved"), "taken"),
        (user, format!("{}/", at("folder")), "taken"),
        (user, at("link"), "symbolic links"),
        (user, at("two"), "not a plain file with one name"),
        (user, at("../x"), "not an absolute path"),
        (user, "saved".to_owned(), "not an absolute path"),
        (user, at("missing/saved"), "No such file"),
        ("no-such-account", at("saved"), "there is no such account"),
    ];
    if nix::unistd::geteuid().is_root() {
        rows.push(("root", at("saved"), "the rights of root"));
        rows.push((user, dir.path().join("new").display().to_string(), "Permission denied"));
        rows.push((user, secret.display().to_string(), "Permission denied"));
    }
    let mailboxes = open("maildir", &dir);
    for (user, path, want) in &rows {
        let place = Place::File(path);
        let delivered = mailboxes.deliver(MailboxDelivery { place, ..letter(user, b"x\r\n", "1") });
        match delivered.await {
            Ok(()) => assert_eq!(*want, "taken", "{path}"),
            Err(error) => assert!(error.to_string().contains(want), "{path}: {error}"),
        }
    }
    let saved = fs::read_to_string(home.join("saved")).unwrap();
    assert_eq!(saved.matches("From a@x.example").count(), 2);
    assert_eq!(fs::metadata(home.join("saved")).unwrap().uid(), account.1);
    assert_eq!(names_in(&home.join("folder/new")).len(), 1);
    assert_eq!(fs::read(&secret).unwrap(), b"");
    // The thread is ours again.
    mailboxes.deliver(letter("ann", b"x\r\n", "2")).await.unwrap();
}

/// A mailbox that is full takes nothing until its owner has made room.
#[tokio::test]
async fn quotas() {
    for form in ["maildir", "mbox"] {
        let dir = tempfile::tempdir().unwrap();
        let mailboxes = with_quota(form, &dir, Some(250));
        let content = format!("Subject: x\r\n\r\n{}\r\n", "y".repeat(120));
        let deliver =
            |unique: &'static str| mailboxes.deliver(letter("ann", content.as_bytes(), unique));
        deliver("1").await.unwrap();
        deliver("2").await.unwrap();
        let error = deliver("3").await.unwrap_err();
        assert!(
            matches!(&error, MailboxError::Over(why) if why.contains("of 250")),
            "{form}: {error}"
        );
        let path = dir.path().join("mail/ann");
        match form {
            "mbox" => fs::write(&path, "").unwrap(),
            _ => {
                // A letter of another program, whose name tells nothing, in a folder.
                fs::create_dir_all(path.join(".Old/cur")).unwrap();
                fs::write(path.join(".Old/cur/1.x.host:2,S"), "z".repeat(200)).unwrap();
                fs::remove_file(path.join("new").join(&names_in(&path.join("new"))[0])).unwrap();
                let error = deliver("4").await.unwrap_err();
                assert!(matches!(error, MailboxError::Over(_)), "{error}");
                fs::remove_dir_all(path.join(".Old")).unwrap();
            }
        }
        deliver("5").await.unwrap();
    }
}

/// A virtual domain has mailboxes of its own, and none where it is gone from the configuration.
#[tokio::test]
async fn virtual_mailboxes() {
    let dir = tempfile::tempdir().unwrap();
    let template = |text: &str| Arc::new(MailboxTemplate::parse(text, dir.path()).unwrap());
    let domain: mail::DomainName = "v.example".parse().unwrap();
    let gone: mail::DomainName = "gone.example".parse().unwrap();
    let templates = Templates {
        local: template("maildir:{data-dir}/mail/{user}"),
        virtuals: [(domain.clone(), template("maildir:{data-dir}/mail/v.example/{user}"))].into(),
        quota: None,
    };
    let boxes = FileMailboxes::new(templates, "mx.example");
    let to = |domain| MailboxDelivery { domain, ..letter("ann", b"x\r\n", "1") };
    boxes.deliver(to(Some(&domain))).await.unwrap();
    assert_eq!(names_in(&dir.path().join("mail")), ["v.example"]);
    assert_eq!(names_in(&dir.path().join("mail/v.example/ann/new")).len(), 1);
    let error = boxes.deliver(to(Some(&gone))).await.unwrap_err();
    assert!(matches!(error, MailboxError::Broken(_)), "{error}");
    boxes.deliver(to(None)).await.unwrap();
    assert_eq!(names_in(&dir.path().join("mail/ann/new")).len(), 1);
}
