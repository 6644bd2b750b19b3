use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use smtp::sasl::Secret;

use super::*;

/// Hashing is slow by design: once for all tests.
static HASHED: LazyLock<(String, Verifier)> =
    LazyLock::new(|| hash(&Secret::new("wonderland"), [[1; 16], [2; 16]]).unwrap());

fn ann() -> Account {
    Account {
        login: "Ann@Example.net".to_owned(),
        argon2: Some(HASHED.0.clone()),
        scram: Some(HASHED.1.clone()),
        name: Some("Ann \"the\" Exämple\\".to_owned()),
        addresses: vec!["info@example.net".parse().unwrap(), "*@example.org".parse().unwrap()],
        disabled: false,
    }
}

fn book() -> Book {
    let mut book = Book::new([5; 32]);
    assert!(book.insert(ann()));
    assert!(book.insert(Account { login: "bob".to_owned(), disabled: true, ..ann() }));
    book
}

#[test]
fn what_is_written_is_read() {
    let text = book().to_text();
    assert_eq!(Book::parse(&text), Ok(book()), "{text}");
    assert!(!text.contains("wonderland"));
    assert!(!format!("{:?}", book()).contains(&wire_of(&HASHED.1)), "keys are not shown");
}

fn wire_of(verifier: &Verifier) -> String {
    format!("{:?}", verifier.stored_key)
}

#[test]
fn names_without_regard_to_case() {
    let mut book = book();
    assert_eq!(book.get("ANN@example.NET").map(|a| &*a.login), Some("Ann@Example.net"));
    assert!(!book.insert(Account { login: "BOB".to_owned(), ..Account::default() }));
    assert!(book.remove("Bob").is_some() && book.get("bob").is_none());
}

#[test]
fn files_that_do_not_serve() {
    let secret = "secret = \"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\"\n";
    let head = format!("version = 1\n{secret}");
    let rows = [
        ("".to_owned(), "line 1: "),
        ("version = 1".to_owned(), "missing field `secret`"),
        ("version = 1\nsecret = \"AAAA\"".to_owned(), "the secret is not"),
        (format!("version = 2\n{secret}"), "it is of version 2"),
        (format!("{head}[account.ann]\ncolour = 1"), "line 4: unknown field `colour`"),
        (format!("{head}[account.ann]\nargon2 = \"x\""), "account \"ann\": argon2 is not"),
        (
            format!(
                "{head}[account.ann]\nargon2 = \"$argon2id$v=19$m=9999999,t=2,p=1$cG9zdHJpZGVyIGR1bW15IQ$W8m7t2JmCwMqXH3Yd0m1y3nq0H1m4k6sT0fQk0l8mZs\""
            ),
            "argon2 is not",
        ),
        (
            format!("{head}[account.ann]\nscram-sha-256 = \"SCRAM-SHA-256$1:QQ==$QQ==:QQ==\""),
            "scram-sha-256 is not",
        ),
        (format!("{head}[account.ann]\naddresses = [\"x\"]"), "an address is not"),
        (format!("{head}[account.\"a\\u0007\"]"), "the name is not"),
        (format!("{head}[account.ann]\n[account.ANN]"), "is there twice"),
        (format!("{head}[account.ann]\n= nonsense"), "line 4: "),
    ];
    for (text, want) in rows {
        let error = Book::parse(&text).unwrap_err().to_string();
        assert!(error.contains(want), "{text}\n{error}");
    }
    assert!(Book::parse(&head).is_ok_and(|book| book.iter().count() == 0));
}

#[test]
fn passwords() {
    let (right, wrong) = (Secret::new("wonderland"), Secret::new("wonderlanD"));
    let full = ann();
    let no_scram = Account { scram: None, ..ann() };
    let no_hash = Account { argon2: None, ..ann() };
    let disabled = Account { disabled: true, ..ann() };
    let nothing = Account { argon2: None, scram: None, ..ann() };
    let mut memory = Memory::default();
    for scram in [false, true] {
        let work = Work { scram };
        assert!(work.check(Some(&full), &right, &mut memory));
        assert!(work.check(Some(&no_scram), &right, &mut memory));
        assert_eq!(work.check(Some(&no_hash), &right, &mut memory), scram);
        for account in [None, Some(&disabled), Some(&nothing)] {
            assert!(!work.check(account, &right, &mut memory), "{account:?}");
        }
        for account in [&full, &no_scram, &no_hash] {
            assert!(!work.check(Some(account), &wrong, &mut memory), "{account:?}");
        }
    }
    assert!(is_hash(&dummy()) && is_hash(&HASHED.0) && !is_hash("$argon2id$v=19$m=8"));
    assert_eq!(book().work(), Work { scram: false });
}

#[test]
fn choices() {
    assert_eq!(chosen(&Secret::new("12345678")), Ok(()));
    assert_eq!(chosen(&Secret::new("1234567")), Err(PasswordError::Short));
    assert!(matches!(chosen(&Secret::new("")), Err(PasswordError::Prepare(_))));
    assert!(matches!(chosen(&Secret::new("12345\u{7}678")), Err(PasswordError::Prepare(_))));
    let mut n = 0_u64;
    let made = generate(|| {
        n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        n
    });
    assert_eq!(made.reveal().len(), 27);
    assert_eq!(chosen(&made), Ok(()));
    assert_eq!(made.reveal().split('-').map(str::len).collect::<Vec<_>>(), [6; 4]);
}

#[test]
fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("accounts"));
    assert!(store.load().unwrap().is_none() && store.look().unwrap().is_none());
    store
        .change([5; 32], |book| {
            book.insert(ann());
            Change::Keep(())
        })
        .unwrap();
    let (book, seen) = store.load().unwrap().unwrap();
    assert_eq!(book.iter().collect::<Vec<_>>(), [&ann()]);
    assert_eq!(store.look().unwrap(), Some(seen));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(store.path()) & 0o777, 0o600);
    // A change that is not kept leaves the file, one that is kept is another file.
    store.change([6; 32], |book| Change::Drop(book.remove("ann@example.net"))).unwrap();
    assert_eq!(store.look().unwrap(), Some(seen));
    store.change([6; 32], |book| Change::Keep(book.remove("ann@example.net"))).unwrap();
    assert_ne!(store.look().unwrap(), Some(seen));
    let (book, _) = store.load().unwrap().unwrap();
    assert_eq!((book.secret, book.iter().count()), ([5; 32], 0));
    // Others could read it: it is not read.
    std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("has mode 0640") && error.contains("chmod 600"), "{error}");
    // A rest of a crash is no obstacle.
    std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(folder.path().join("accounts.new"), "rest").unwrap();
    store.change([6; 32], |book| Change::Keep(book.insert(ann()))).unwrap();
    assert!(!folder.path().join("accounts.new").exists());
}
