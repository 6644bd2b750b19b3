use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::doors::Place;
use spool::{BoxFut, SpoolError};

use super::*;

/// The configuration as a file says it.
fn accounts(text: &str) -> Option<Accounts> {
    Accounts::of(&Config::parse(text, "postrider.toml").unwrap())
}

/// Only the accounts that something is to be run or written as; and nobody's where nothing is.
#[test]
fn who_is_named() {
    assert_eq!(accounts(""), None);
    assert_eq!(accounts("[pipe.a]\ncommand = [\"/bin/a\"]\n"), None);
    let rows = [
        ("[pipe.a]\ncommand = [\"/bin/a\"]\nuser = \"list\"\n", "list"),
        ("[local]\ncommands = [\"aliases\"]\ncommand-user = \"games\"\n", "games"),
        ("[local]\nfiles = [\"forward\"]\n", "*"),
    ];
    for (text, want) in rows {
        let found = accounts(text).unwrap();
        assert_eq!(found.text(), want, "{text}");
        assert_eq!(Accounts::parse(&found.text()), found);
        assert!(found.has(want) && found.has("someone") == (want == "*"), "{text}");
    }
}

/// Content in pieces; at the end it may fail.
struct Pieces(VecDeque<Bytes>, bool);

impl BodyReader for Pieces {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let next = match self.0.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None if self.1 => Err(SpoolError::NotFound),
            None => Ok(None),
        };
        Box::pin(async { next })
    }
}

fn body(text: &str) -> Box<dyn BodyReader> {
    Box::new(Pieces([Bytes::copy_from_slice(text.as_bytes())].into(), false))
}

/// Somebody whose rights we can give: ourselves, or as root one that every system has.
fn account() -> User {
    let ours = geteuid();
    let found = match ours.is_root() {
        true => User::from_name("nobody"),
        false => User::from_uid(ours),
    };
    found.unwrap().unwrap()
}

/// A keeper in this process, for `server`.
fn kept(server: Uid, accounts: &str) -> Keeper {
    let place = abstract_place(&format!("postrider-test-{:032x}", rand::random::<u128>())).unwrap();
    let listener = UnixListener::bind_addr(&place).unwrap();
    let (life, its_life) = UnixStream::pair().unwrap();
    let accounts = Accounts::parse(accounts);
    let known = keeper::Known::new("sesame".to_owned(), server.as_raw(), accounts, "mx.example");
    let served = keeper::serve(known.unwrap(), listener, its_life);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(served).unwrap();
    });
    Keeper { place, secret: "sesame".to_owned(), _life: life, _child: None }
}

fn run<'a>(command: &'a [String], user: &'a str, body: Box<dyn BodyReader>) -> CommandRun<'a> {
    CommandRun {
        command,
        user: Some(user),
        directory: None,
        environment: vec![("SENDER", "a@b.example".to_owned())],
        from: None,
        head: Bytes::from_static(b"Return-Path: <a@b.example>\r\n"),
        body,
        time_limit: Duration::from_secs(30),
        output_max: 100_000,
    }
}

async fn ran(
    keeper: &Keeper,
    words: &[&str],
    user: &str,
    body: Box<dyn BodyReader>,
) -> (End, String) {
    let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let ran = keeper.run(run(&command, user, body)).await.unwrap();
    (ran.end, String::from_utf8(ran.output).unwrap())
}

/// A program of another account gets all of the letter and says how it ended.
#[tokio::test]
async fn programs() {
    let (user, keeper) = (account().name, kept(geteuid(), "*"));
    let letter = "Return-Path: <a@b.example>\nSubject: x\n\nhello\n";
    let text = "Subject: x\r\n\r\nhello\r\n";
    assert_eq!(ran(&keeper, &["/bin/cat"], &user, body(text)).await, (End::Exit(0), letter.into()));
    let (end, said) = ran(&keeper, &["/usr/bin/id", "-un"], &user, body(text)).await;
    assert_eq!((end, said.trim()), (End::Exit(0), user.as_str()));
    let shell = ["/bin/sh", "-c", "echo $SENDER; echo $POSTRIDER_RIGHTS_SECRET; exit 67"];
    assert_eq!(
        ran(&keeper, &shell, &user, body(text)).await,
        (End::Exit(67), "a@b.example\n\n".to_owned())
    );
    // It reads nothing of a large letter, and its answer is heard all the same.
    let large = body(&"0123456789abcdef\r\n".repeat(500_000));
    assert_eq!(ran(&keeper, &["/bin/true"], &user, large).await.0, End::Exit(0));
    let flood = ["/bin/sh", "-c", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaa; done"];
    assert_eq!(ran(&keeper, &flood, &user, body(text)).await.0, End::Flood(100_000));
    let command = ["/bin/cat".to_owned()];
    let broken = Box::new(Pieces(["Subject: x\r\n".into()].into(), true));
    let ran = keeper.run(run(&command, &user, broken)).await;
    assert!(matches!(ran, Err(CommandError::Content(SpoolError::NotFound))), "{ran:?}");
}

/// Nobody gets the rights of root, of an account that was not named, or anything without the secret
/// and the server's own user id.
#[tokio::test]
async fn who_is_refused() {
    let keeper = kept(geteuid(), "root someone");
    let word = |outcome: (End, String)| format!("{:?}", outcome.0);
    let said = word(ran(&keeper, &["/bin/true"], "root", body("")).await);
    assert!(said.contains("the rights of root; name a user"), "{said}");
    let user = account().name;
    let said = word(ran(&keeper, &["/bin/true"], &user, body("")).await);
    assert!(said.contains("are not among those that the server was started with"), "{said}");
    let wrong = Keeper { secret: "guess".to_owned(), ..kept(geteuid(), "*") };
    let said = word(ran(&wrong, &["/bin/true"], &user, body("")).await);
    assert!(said.contains("the keeper of rights does not answer"), "{said}");
    let other = kept(Uid::from_raw(geteuid().as_raw() + 1), "*");
    let said = word(ran(&other, &["/bin/true"], &user, body("")).await);
    assert!(said.contains("the keeper of rights does not answer"), "{said}");
}

/// A file of another account is written as that account, or the reason is told.
#[tokio::test]
async fn files() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let (account, keeper) = (account(), kept(geteuid(), "*"));
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    chown(&home, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
    let store = async |path: &str| {
        let delivery = MailboxDelivery {
            user: &account.name,
            place: Place::File(path),
            domain: None,
            head: Bytes::from_static(b"Return-Path: <a@b.example>\r\n"),
            body: body("Subject: x\r\n\r\nhello\r\n"),
            from: "a@b.example".to_owned(),
            time: SystemTime::UNIX_EPOCH,
            unique: "1".to_owned(),
        };
        keeper.store(path, delivery).await
    };
    let saved = home.join("saved").display().to_string();
    store(&saved).await.unwrap();
    let text = std::fs::read_to_string(&saved).unwrap();
    assert!(text.starts_with("From a@b.example Thu Jan  1 00:00:00 1970\nReturn-Path: "), "{text}");
    assert_eq!(std::fs::metadata(&saved).unwrap().uid(), account.uid.as_raw());
    let error = store("../saved").await.unwrap_err();
    assert!(matches!(error, MailboxError::Broken(_)), "{error}");
}
